/* SPDX-License-Identifier: MIT */
/* What the files of the VMX backend share. */
#ifndef VMX_VMX_H
#define VMX_VMX_H

#include "arch/x86_64/virt/virt.h"
#include "arch/x86_64/virt/vmx/vmcs.h"

/* What this machine's VMX can do, and the controls that follow; vmx_probe() fills it, once. */
struct vmx_caps {
	uint32_t revision;
	uint32_t pin, proc, proc2, exit, entry;
	bool serves_apic;  /* the hardware knows the APIC's registers in memory */
	uint64_t ept_vpid; /* IA32_VMX_EPT_VPID_CAP */
	uint64_t cr0_fixed0, cr0_fixed1, cr4_fixed0, cr4_fixed1;
	uint64_t cr4_pass;	   /* the bits of CR4 that a guest changes without an exit */
	bool tsc_aux;		   /* the CPU has IA32_TSC_AUX */
	uint32_t preemption_ticks; /* of the VMX-preemption timer */
};

extern struct vmx_caps vmx_caps;

/* MSRs that stay the guest's while it has the CPU; Plinth itself uses none of them. */
enum vmx_msr {
	VMX_MSR_STAR,
	VMX_MSR_LSTAR,
	VMX_MSR_CSTAR,
	VMX_MSR_SFMASK,
	VMX_MSR_KERNEL_GS_BASE,
	VMX_MSR_TSC_AUX,
	VMX_MSRS
};

enum { VMX_DRS = 4 };

/* Work for the next entry. */
enum vmx_todo {
	TODO_FLUSH_LINEAR = 1,	/* the guest's own translations */
	TODO_PENDING_DEBUG = 2, /* RFLAGS.TF or the shadow changed: see run.c */
	TODO_FLUSH_NESTED = 4,
	TODO_TPR_THRESHOLD = 8, /* at each entry, while WINDOW_TPR is wanted */
	TODO_LEAVE = 16,	/* the guest's turn is over before it begins */
	TODO_STAY = 32,		/* the entry after that one */
};

/* v->vendor */
struct vmx_vcpu {
	uint64_t rsp, rflags; /* what the VMCS holds */
	uint32_t todo;	      /* mask of enum vmx_todo */
	uint32_t windows;     /* mask of enum virt_window */
	bool launched;	      /* VMRESUME, no longer VMLAUNCH */
	bool loaded;	      /* its VMCS is this CPU's current one, its MSRs are in the CPU */
	uint8_t shadow;	      /* that the VMCS holds */
	uint16_t vpid;
	uint64_t eptp;
	bool apic_usual;	 /* the APIC's registers are at APIC_BASE_DEFAULT */
	const void *cpu;	 /* that it was loaded on last */
	uint64_t msrs[VMX_MSRS]; /* while not loaded; dr, dr6 and cr2 too */
	uint64_t dr[VMX_DRS], dr6, cr2;
};

static inline struct vmx_vcpu *vmx_vcpu(const struct virt_vcpu *v)
{
	return v->vendor;
}

/* vmx.c */
/* Makes v's VMCS the current one for a moment, where v is not loaded; pairs, does not nest. */
void vmx_borrow_other(struct virt_vcpu *v);
void vmx_return_other(struct virt_vcpu *v);

static always_inline void vmx_borrow(struct virt_vcpu *v)
{
	if (unlikely(!vmx_vcpu(v)->loaded))
		vmx_borrow_other(v);
}

static always_inline void vmx_return(struct virt_vcpu *v)
{
	if (unlikely(!vmx_vcpu(v)->loaded))
		vmx_return_other(v);
}

/* Makes v's VMCS this CPU's current one until vmx_release(). */
void vmx_take(struct virt_vcpu *v);
void vmx_release(struct virt_vcpu *v);

/* vcpu.c */
int vmx_vcpu_init(struct virt_vcpu *v);
void vmx_vcpu_fini(struct virt_vcpu *v);
void vmx_vcpu_reset(struct virt_vcpu *v);
void vmx_vcpu_load(struct virt_vcpu *v);
void vmx_vcpu_put(struct virt_vcpu *v);
uint64_t vmx_get(struct virt_vcpu *v, enum vreg reg);
void vmx_set(struct virt_vcpu *v, enum vreg reg, uint64_t value);
void vmx_get_context(struct virt_vcpu *v, struct virt_context *c);
void vmx_get_segment(struct virt_vcpu *v, enum vseg seg, struct segment *s);
void vmx_set_segment(struct virt_vcpu *v, enum vseg seg, const struct segment *s);

/* run.c */
void vmx_run(struct virt_vcpu *v);

/* inject.c */
void vmx_inject(struct virt_vcpu *v, const struct vm_event *e);
void vmx_want_window(struct virt_vcpu *v, unsigned windows);
/* Translates an IDT-vectoring information field; the VMCS is the current one. */
void vmx_delivering(struct vm_event *e, uint32_t info);

/* maps.c */
int vmx_vm_init(struct virt_vm *vm);
void vmx_vm_fini(struct virt_vm *vm);
void vmx_pass_io(struct virt_vm *vm, uint16_t port, enum virt_pass pass);
void vmx_pass_msr(struct virt_vm *vm, uint32_t msr, enum virt_pass pass);

/* fail.c */
/* Logs why VMLAUNCH or VMRESUME did not enter the guest. */
void vmx_fail_instruction(struct virt_vcpu *v);
/* The same for an entry that ended with this exit reason. */
void vmx_fail_entry(struct virt_vcpu *v, uint32_t reason);

/* What the guest-state checks read: the VMCS, or a test's fake of it. */
struct vmx_state {
	uint64_t (*read)(const void *arg, enum vmcs_field field);
	const void *arg;
	const struct vmx_caps *caps;
	unsigned physical_bits;
};

/*
 * Walks the checks of VM entry on the guest's state and puts a sentence in text that names the
 * first field that is wrong and its value. Returns whether there was one.
 */
bool vmx_check_guest(const struct vmx_state *s, char *text, size_t size);

/* dump.c */
void vmx_dump(struct virt_vcpu *v);
const char *vmx_field_name(enum vmcs_field field);

/* entry.S; run.c calls the first two, which have a calling convention of their own. */
extern const char vmx_launch[], vmx_resume[], vmx_exit[];

#endif
