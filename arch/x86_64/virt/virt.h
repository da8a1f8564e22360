/* SPDX-License-Identifier: MIT */
/*
 * The seam between the vendors (vmx/, svm/) and everything above. A backend enters the guest, comes
 * back and translates; it never decides. Nothing above this header names a vendor.
 */
#ifndef VIRT_H
#define VIRT_H

#include "lib/addr.h"
#include "lib/lock.h"

/* General registers in the order of their encoding in ModRM and REX. */
enum gpr { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15, GPRS };

/* Segment registers in the order of their encoding, then the system ones. */
enum vseg {
	VSEG_ES,
	VSEG_CS,
	VSEG_SS,
	VSEG_DS,
	VSEG_FS,
	VSEG_GS,
	VSEG_LDTR,
	VSEG_TR,
	VSEG_GDTR,
	VSEG_IDTR,
	VSEGS
};

/*
 * attr is the layout of VMX's access rights without its "unusable" bit: type 3:0, S 4, DPL 6:5,
 * P 7, AVL 12, L 13, D/B 14, G 15. A segment that is not present (P = 0) is unusable.
 */
struct segment {
	uint64_t base;
	uint32_t limit; /* in bytes, after G is applied */
	uint16_t selector;
	uint16_t attr;
};

enum {
	SEG_TYPE = 0xf,
	SEG_S = 1 << 4,
	SEG_DPL_SHIFT = 5,
	SEG_P = 1 << 7,
	SEG_L = 1 << 13,
	SEG_DB = 1 << 14,
	SEG_G = 1 << 15,
};

/* Guest registers that are not in struct virt_vcpu. CR0, CR4 and EFER are the guest's own view. */
enum vreg {
	VREG_CR0,
	VREG_CR2,
	VREG_CR3,
	VREG_CR4,
	VREG_EFER,
	VREG_DR7,
	VREG_DR6,
	VREG_PAT,
	VREG_SYSENTER_CS,
	VREG_SYSENTER_ESP,
	VREG_SYSENTER_EIP,
	VREG_STAR,
	VREG_LSTAR,
	VREG_CSTAR,
	VREG_SFMASK,
	VREG_KERNEL_GS_BASE,
	VREG_NMI_BLOCKED, /* 0 or 1 */
	VREG_TPR, /* CR8's view of it: 0-15; the hardware's copy, which a guest moves without an
		     exit */
	VREG_DEBUGCTL,
	VREG_TSC_AUX,	 /* what RDTSCP and RDPID give */
	VREG_TSC_OFFSET, /* what the guest's TSC is ahead of the host's */
	VREG_APIC_PAGE, /* guest physical address where the hardware may serve the APIC's registers;
			   ~0: nowhere */
	VREG_NESTED_TLB, /* written only: the next entry forgets what the CPU has cached of the
			    nested tables */
	VREGS
};

enum { SHADOW_STI = 1, SHADOW_MOV_SS = 2 };

enum vm_event_type {
	EVENT_NONE,
	EVENT_INTERRUPT,
	EVENT_NMI,
	EVENT_EXCEPTION,
	EVENT_SOFT_INTERRUPT,
	EVENT_SOFT_EXCEPTION
};

/* Something to deliver through the guest's IDT at the next entry. */
struct vm_event {
	uint8_t type; /* enum vm_event_type */
	uint8_t vector;
	bool has_error;
	uint8_t insn_len; /* of INT n, INT3, INTO, where re-injection needs it */
	uint32_t error;
};

enum vm_exit_kind {
	EXIT_HOST_IRQ, /* a physical interrupt, NMI or the end of the time slice: nothing of the
			  guest's */
	EXIT_PIO,
	EXIT_MEM, /* nested page fault */
	EXIT_CPUID,
	EXIT_RDMSR,
	EXIT_WRMSR,
	EXIT_CR,
	EXIT_DR,
	EXIT_XSETBV,
	EXIT_HLT,
	EXIT_PAUSE,
	EXIT_HYPERCALL, /* VMCALL, VMMCALL */
	EXIT_EXCEPTION, /* one that Plinth asked for */
	EXIT_WINDOW,	/* the guest can take an interrupt, or an NMI, now */
	EXIT_CACHE,	/* INVD, WBINVD */
	EXIT_RDTSC,	/* RDTSC or RDTSCP: the bytes tell */
	EXIT_RDPMC,
	EXIT_UD, /* an instruction that this guest's CPU does not have: VMX's, SVM's, MONITOR,
		    GETSEC … */
	EXIT_TASK_SWITCH,
	EXIT_APIC_WRITE, /* the guest has written a register in apic_page: the value is there, its
			    effects are to be done */
	EXIT_EOI,	 /* an EOI of a level-triggered vector, done by the hardware */
	EXIT_TPR,	 /* TPR fell below the threshold, or CR8 was written */
	EXIT_SHUTDOWN,	 /* triple fault */
	EXIT_INIT,
	EXIT_FAIL, /* the entry failed; the backend has logged why */
	EXIT_UNKNOWN,
	EXIT_KINDS,
	/* Added to a kind: an event was being delivered when the exit came (vm_exit.delivering). */
	EXIT_DELIVERING = 32
};

_Static_assert(EXIT_KINDS <= (int)EXIT_DELIVERING, "a kind and the flag are told apart");

struct exit_pio {
	uint16_t port;
	uint8_t size; /* 1, 2, 4 */
	bool write, string, rep;
};

struct exit_mem {
	gpa_t gpa;
	uint32_t error;	 /* as #PF's: PF_W, PF_I; other bits mean nothing */
	bool walk;	 /* the access was by the guest's own page walk */
	uint8_t bytes_n; /* how many bytes of the instruction the hardware gave */
	uint8_t bytes[15];
};

enum cr_op { CR_WRITE, CR_READ, CR_CLTS, CR_LMSW };

struct exit_cr {
	uint8_t cr;  /* 0, 3, 4, 8 */
	uint8_t op;  /* enum cr_op; valid when known */
	uint8_t gpr; /* enum gpr; valid when known */
	bool known;  /* false: the hardware does not tell, decode the instruction */
	uint16_t lmsw;
};

struct exit_dr {
	uint8_t dr, gpr;
	bool write;
	bool known;
};

struct exit_exception {
	uint8_t vector;
	bool has_error;
	uint32_t error;
	uint64_t address; /* of #PF: what CR2 would be; of #DB: DR6's bits, which are set there
			     already */
};

enum task_source { TASK_CALL, TASK_IRET, TASK_JMP, TASK_GATE };

struct exit_task {
	uint16_t selector;
	uint8_t source; /* enum task_source */
	bool has_error;
	uint32_t error;
};

#define ADDRESS_SPACE_UNKNOWN UINT64_MAX

struct vm_exit {
	/*
	 * CR3, when the guest is in 64-bit mode and its instruction is likely to be fetched by us.
	 */
	uint64_t address_space;
	uint8_t kind;	  /* enum vm_exit_kind, maybe with EXIT_DELIVERING */
	uint8_t insn_len; /* 0: the hardware does not tell */
	/* 0, SHADOW_STI, SHADOW_MOV_SS: in which shadow the guest was, and is at the next entry */
	uint8_t shadow;
	struct vm_event delivering; /* with EXIT_DELIVERING: to be injected again */
	union {
		struct exit_pio pio;
		struct exit_mem mem;
		struct exit_cr cr;
		struct exit_dr dr;
		struct exit_exception exception;
		struct exit_task task;
		uint32_t apic_offset;
		uint8_t eoi_vector;
	};
	uint64_t raw[4]; /* the hardware's own words; for dumps only */
};

/*
 * The guest's permission maps and nested page tables; one a VM. Locks: (c) constant while vCPUs
 * run, (n) lock.
 */
struct virt_vm {
	struct ptab *nested; /* (n) what is mapped there */
	struct lock lock;
	unsigned vcpu_count; /* (c) set before the first vcpu_init() */
	unsigned apic_users; /* (n) vCPUs whose APIC's registers are at their usual place */
	bool apic_mapped;    /* (n) apic_access is there */
	uint8_t *io_map;     /* the vendor's layout */
	uint8_t *msr_map;    /* the vendor's layout */
	void *apic_access; /* the vendor's: the page that stands for the APICs' registers in nested
			      tables */
};

/* The neutral half of a vCPU. Registers are valid outside run(); RSP, RIP and RFLAGS too. */
struct virt_vcpu {
	uint64_t gpr[GPRS];
	uint64_t rip, rflags;
	struct vm_exit exit;
	struct virt_vm *vm;
	void *control;	 /* VMCS or VMCB, host virtual */
	void *vendor;	 /* the backend's own struct */
	void *apic_page; /* 4 KiB, the virtual APIC's registers as the manuals lay them out */
};

/* WINDOW_TPR: exit when the guest lowers TPR (CR8), so that what it held back can go. */
enum virt_window { WINDOW_NONE = 0, WINDOW_INTERRUPT = 1, WINDOW_NMI = 2, WINDOW_TPR = 4 };

/* How an MSR or port access is treated. */
enum virt_pass { PASS_NONE = 0, PASS_READ = 1, PASS_WRITE = 2, PASS_BOTH = 3 };

/* The guest's own view, as get() gives it; what of these registers is above bit 31 is 0. */
struct virt_context {
	uint64_t cs_base, cr3;
	uint32_t cr0, cr4, efer;
	uint16_t cs_attr, cpl;
};

struct virt_ops {
	const char *name; /* "VMX" or "SVM": for the log only */
	const struct ptab_format *nested_format;
	/* VREG_TPR and the register in apic_page are one: neither has to follow the other. */
	bool tpr_in_apic_page;

	/* 0, or -ENODEV with one plain sentence logged that says what is missing and the remedy. */
	int (*probe)(void);
	/* Makes this physical CPU able to run guests. 0, -ENOMEM, -ENODEV. */
	int (*cpu_on)(void);

	int (*vm_init)(struct virt_vm *vm);
	void (*vm_fini)(struct virt_vm *vm);
	int (*vcpu_init)(struct virt_vcpu *v);
	void (*vcpu_fini)(struct virt_vcpu *v);
	/* The architectural state after RESET (SDM 3, "Processor State After Reset"). */
	void (*vcpu_reset)(struct virt_vcpu *v);
	/* The scheduler is about to run, or has stopped running, this vCPU on this CPU. */
	void (*vcpu_load)(struct virt_vcpu *v);
	void (*vcpu_put)(struct virt_vcpu *v);

	/*
	 * Enters the guest with interrupts off, and returns with v->exit filled. It keeps RSP and
	 * RBP, and no other register: virt_run() calls it.
	 */
	void (*run)(struct virt_vcpu *v);

	uint64_t (*get)(struct virt_vcpu *v, enum vreg reg);
	void (*set)(struct virt_vcpu *v, enum vreg reg, uint64_t value);
	/*
	 * What decides how the guest's instruction is fetched: in one call, since exits pay for it.
	 */
	void (*get_context)(struct virt_vcpu *v, struct virt_context *c);
	void (*get_segment)(struct virt_vcpu *v, enum vseg seg, struct segment *s);
	void (*set_segment)(struct virt_vcpu *v, enum vseg seg, const struct segment *s);

	/* Delivers at the next entry; at most one. EVENT_NONE takes it back. */
	void (*inject)(struct virt_vcpu *v, const struct vm_event *e);
	/* Which windows are to exit: a mask of enum virt_window. */
	void (*want_window)(struct virt_vcpu *v, unsigned windows);

	/* What the guest does without an exit. */
	void (*pass_io)(struct virt_vm *vm, uint16_t port, enum virt_pass pass);
	void (*pass_msr)(struct virt_vm *vm, uint32_t msr, enum virt_pass pass);
	/* Writes the vendor's control structure to the log. */
	void (*dump)(struct virt_vcpu *v);
};

/* The backend that this machine has; set once by virt_init(). */
extern const struct virt_ops *virt;
extern const struct virt_ops vmx_ops, svm_ops;

/* The guest's registers were in all of the CPU's, and none was saved for the caller. */
static always_inline void virt_run(struct virt_vcpu *v)
{
	void (*run)(struct virt_vcpu *) = virt->run;

	__asm__ volatile("call *%1"
			 : "+D"(v), "+a"(run)
			 :
			 : "rbx", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "r12", "r13",
			   "r14", "r15", "cc", "memory");
}

/* Chooses the backend and switches it on, on this CPU. 0, or -ENODEV with the reason logged. */
must_check int virt_init(void);

/* The names of the exits, for counters and messages. */
extern const char *const vm_exit_names[EXIT_KINDS];

#endif
