/* SPDX-License-Identifier: MIT */
/*
 * VMX by the numbers: the fields of a VMCS and the bits in them (SDM 3, "VMX Controls", appendices
 * "Field Encoding in VMCS" and "VMX Basic Exit Reasons"), and the instructions that read them.
 */
#ifndef VMX_VMCS_H
#define VMX_VMCS_H

#include "lib/types.h"

#define VMCS_FIELDS(X)                     \
	/* 16-bit control */               \
	X(VPID, 0x0000)                    \
	/* 16-bit guest state */           \
	X(GUEST_ES_SELECTOR, 0x0800)       \
	X(GUEST_CS_SELECTOR, 0x0802)       \
	X(GUEST_SS_SELECTOR, 0x0804)       \
	X(GUEST_DS_SELECTOR, 0x0806)       \
	X(GUEST_FS_SELECTOR, 0x0808)       \
	X(GUEST_GS_SELECTOR, 0x080a)       \
	X(GUEST_LDTR_SELECTOR, 0x080c)     \
	X(GUEST_TR_SELECTOR, 0x080e)       \
	X(GUEST_INTR_STATUS, 0x0810)       \
	/* 16-bit host state */            \
	X(HOST_ES_SELECTOR, 0x0c00)        \
	X(HOST_CS_SELECTOR, 0x0c02)        \
	X(HOST_SS_SELECTOR, 0x0c04)        \
	X(HOST_DS_SELECTOR, 0x0c06)        \
	X(HOST_FS_SELECTOR, 0x0c08)        \
	X(HOST_GS_SELECTOR, 0x0c0a)        \
	X(HOST_TR_SELECTOR, 0x0c0c)        \
	/* 64-bit control */               \
	X(IO_BITMAP_A, 0x2000)             \
	X(IO_BITMAP_B, 0x2002)             \
	X(MSR_BITMAP, 0x2004)              \
	X(EXIT_MSR_STORE, 0x2006)          \
	X(EXIT_MSR_LOAD, 0x2008)           \
	X(ENTRY_MSR_LOAD, 0x200a)          \
	X(TSC_OFFSET, 0x2010)              \
	X(VIRTUAL_APIC_PAGE, 0x2012)       \
	X(APIC_ACCESS_PAGE, 0x2014)        \
	X(EPT_POINTER, 0x201a)             \
	X(EOI_EXIT_0, 0x201c)              \
	X(EOI_EXIT_1, 0x201e)              \
	X(EOI_EXIT_2, 0x2020)              \
	X(EOI_EXIT_3, 0x2022)              \
	/* 64-bit read-only data */        \
	X(GUEST_PHYSICAL_ADDRESS, 0x2400)  \
	/* 64-bit guest state */           \
	X(LINK, 0x2800)                    \
	X(GUEST_DEBUGCTL, 0x2802)          \
	X(GUEST_PAT, 0x2804)               \
	X(GUEST_EFER, 0x2806)              \
	X(GUEST_PDPTE0, 0x280a)            \
	X(GUEST_PDPTE1, 0x280c)            \
	X(GUEST_PDPTE2, 0x280e)            \
	X(GUEST_PDPTE3, 0x2810)            \
	/* 64-bit host state */            \
	X(HOST_PAT, 0x2c00)                \
	X(HOST_EFER, 0x2c02)               \
	/* 32-bit control */               \
	X(PIN_CONTROLS, 0x4000)            \
	X(PROC_CONTROLS, 0x4002)           \
	X(EXCEPTION_BITMAP, 0x4004)        \
	X(PF_ERROR_MASK, 0x4006)           \
	X(PF_ERROR_MATCH, 0x4008)          \
	X(CR3_TARGET_COUNT, 0x400a)        \
	X(EXIT_CONTROLS, 0x400c)           \
	X(EXIT_MSR_STORE_COUNT, 0x400e)    \
	X(EXIT_MSR_LOAD_COUNT, 0x4010)     \
	X(ENTRY_CONTROLS, 0x4012)          \
	X(ENTRY_MSR_LOAD_COUNT, 0x4014)    \
	X(ENTRY_INTR_INFO, 0x4016)         \
	X(ENTRY_INTR_ERROR, 0x4018)        \
	X(ENTRY_INSN_LENGTH, 0x401a)       \
	X(TPR_THRESHOLD, 0x401c)           \
	X(PROC2_CONTROLS, 0x401e)          \
	X(PLE_GAP, 0x4020)                 \
	X(PLE_WINDOW, 0x4022)              \
	/* 32-bit read-only data */        \
	X(INSTRUCTION_ERROR, 0x4400)       \
	X(EXIT_REASON, 0x4402)             \
	X(EXIT_INTR_INFO, 0x4404)          \
	X(EXIT_INTR_ERROR, 0x4406)         \
	X(IDT_VECTORING_INFO, 0x4408)      \
	X(IDT_VECTORING_ERROR, 0x440a)     \
	X(EXIT_INSN_LENGTH, 0x440c)        \
	X(EXIT_INSN_INFO, 0x440e)          \
	/* 32-bit guest state */           \
	X(GUEST_ES_LIMIT, 0x4800)          \
	X(GUEST_CS_LIMIT, 0x4802)          \
	X(GUEST_SS_LIMIT, 0x4804)          \
	X(GUEST_DS_LIMIT, 0x4806)          \
	X(GUEST_FS_LIMIT, 0x4808)          \
	X(GUEST_GS_LIMIT, 0x480a)          \
	X(GUEST_LDTR_LIMIT, 0x480c)        \
	X(GUEST_TR_LIMIT, 0x480e)          \
	X(GUEST_GDTR_LIMIT, 0x4810)        \
	X(GUEST_IDTR_LIMIT, 0x4812)        \
	X(GUEST_ES_RIGHTS, 0x4814)         \
	X(GUEST_CS_RIGHTS, 0x4816)         \
	X(GUEST_SS_RIGHTS, 0x4818)         \
	X(GUEST_DS_RIGHTS, 0x481a)         \
	X(GUEST_FS_RIGHTS, 0x481c)         \
	X(GUEST_GS_RIGHTS, 0x481e)         \
	X(GUEST_LDTR_RIGHTS, 0x4820)       \
	X(GUEST_TR_RIGHTS, 0x4822)         \
	X(GUEST_INTERRUPTIBILITY, 0x4824)  \
	X(GUEST_ACTIVITY, 0x4826)          \
	X(GUEST_SYSENTER_CS, 0x482a)       \
	X(PREEMPTION_TIMER, 0x482e)        \
	/* 32-bit host state */            \
	X(HOST_SYSENTER_CS, 0x4c00)        \
	/* natural-width control */        \
	X(CR0_MASK, 0x6000)                \
	X(CR4_MASK, 0x6002)                \
	X(CR0_SHADOW, 0x6004)              \
	X(CR4_SHADOW, 0x6006)              \
	/* natural-width read-only data */ \
	X(EXIT_QUALIFICATION, 0x6400)      \
	X(GUEST_LINEAR_ADDRESS, 0x640a)    \
	/* natural-width guest state */    \
	X(GUEST_CR0, 0x6800)               \
	X(GUEST_CR3, 0x6802)               \
	X(GUEST_CR4, 0x6804)               \
	X(GUEST_ES_BASE, 0x6806)           \
	X(GUEST_CS_BASE, 0x6808)           \
	X(GUEST_SS_BASE, 0x680a)           \
	X(GUEST_DS_BASE, 0x680c)           \
	X(GUEST_FS_BASE, 0x680e)           \
	X(GUEST_GS_BASE, 0x6810)           \
	X(GUEST_LDTR_BASE, 0x6812)         \
	X(GUEST_TR_BASE, 0x6814)           \
	X(GUEST_GDTR_BASE, 0x6816)         \
	X(GUEST_IDTR_BASE, 0x6818)         \
	X(GUEST_DR7, 0x681a)               \
	X(GUEST_RSP, 0x681c)               \
	X(GUEST_RIP, 0x681e)               \
	X(GUEST_RFLAGS, 0x6820)            \
	X(GUEST_PENDING_DEBUG, 0x6822)     \
	X(GUEST_SYSENTER_ESP, 0x6824)      \
	X(GUEST_SYSENTER_EIP, 0x6826)      \
	/* natural-width host state */     \
	X(HOST_CR0, 0x6c00)                \
	X(HOST_CR3, 0x6c02)                \
	X(HOST_CR4, 0x6c04)                \
	X(HOST_FS_BASE, 0x6c06)            \
	X(HOST_GS_BASE, 0x6c08)            \
	X(HOST_TR_BASE, 0x6c0a)            \
	X(HOST_GDTR_BASE, 0x6c0c)          \
	X(HOST_IDTR_BASE, 0x6c0e)          \
	X(HOST_SYSENTER_ESP, 0x6c10)       \
	X(HOST_SYSENTER_EIP, 0x6c12)       \
	X(HOST_RSP, 0x6c14)                \
	X(HOST_RIP, 0x6c16)

#define VMCS_ENUM(name, number) VMCS_##name = number,

enum vmcs_field { VMCS_FIELDS(VMCS_ENUM) };

/* The fields of segment registers stand in the order of enum vseg, two numbers apart. */
enum { VMCS_SEGMENT_STEP = 2 };

/* The first words of a VMCS region, and of the VMXON region. */
struct vmcs_region {
	uint32_t revision;
	uint32_t abort;
};

/* IA32_VMX_BASIC */
#define BASIC_REVISION	    0x7fffffffull
#define BASIC_32BIT	    (1ull << 48) /* structures below 4 GiB only */
#define BASIC_TYPE_SHIFT    50
#define BASIC_TYPE_MASK	    0xfull
#define BASIC_TRUE_CONTROLS (1ull << 55)
enum { MEMORY_TYPE_UC = 0, MEMORY_TYPE_WB = 6 };

/* IA32_VMX_MISC */
#define MISC_TIMER_SHIFT 0x1full /* the preemption timer's tick is 2^n of the TSC's */

/* Pin-based controls */
#define PIN_EXTERNAL_INTERRUPT (1u << 0)
#define PIN_NMI		       (1u << 3)
#define PIN_VIRTUAL_NMI	       (1u << 5)
#define PIN_PREEMPTION_TIMER   (1u << 6)

/* Primary processor-based controls */
#define PROC_INTERRUPT_WINDOW (1u << 2)
#define PROC_TSC_OFFSET	      (1u << 3)
#define PROC_HLT	      (1u << 7)
#define PROC_INVLPG	      (1u << 9)
#define PROC_MWAIT	      (1u << 10)
#define PROC_RDPMC	      (1u << 11)
#define PROC_RDTSC	      (1u << 12)
#define PROC_CR3_LOAD	      (1u << 15)
#define PROC_CR3_STORE	      (1u << 16)
#define PROC_CR8_LOAD	      (1u << 19)
#define PROC_CR8_STORE	      (1u << 20)
#define PROC_TPR_SHADOW	      (1u << 21)
#define PROC_NMI_WINDOW	      (1u << 22)
#define PROC_MOV_DR	      (1u << 23)
#define PROC_IO_BITMAPS	      (1u << 25)
#define PROC_MSR_BITMAPS      (1u << 28)
#define PROC_MONITOR	      (1u << 29)
#define PROC_SECONDARY	      (1u << 31)

/* Secondary processor-based controls */
#define PROC2_APIC_ACCESS	 (1u << 0)
#define PROC2_EPT		 (1u << 1)
#define PROC2_RDTSCP		 (1u << 3)
#define PROC2_X2APIC		 (1u << 4)
#define PROC2_VPID		 (1u << 5)
#define PROC2_WBINVD		 (1u << 6)
#define PROC2_UNRESTRICTED_GUEST (1u << 7)
#define PROC2_APIC_REGISTERS	 (1u << 8)
#define PROC2_VIRTUAL_INTERRUPTS (1u << 9)
#define PROC2_PAUSE_LOOP	 (1u << 10)
#define PROC2_INVPCID		 (1u << 12)
#define PROC2_XSAVES		 (1u << 20)

/* VM-exit controls */
#define EXITC_SAVE_DEBUG (1u << 2)
#define EXITC_HOST_64	 (1u << 9)
#define EXITC_SAVE_PAT	 (1u << 18)
#define EXITC_LOAD_PAT	 (1u << 19)
#define EXITC_SAVE_EFER	 (1u << 20)
#define EXITC_LOAD_EFER	 (1u << 21)

/* VM-entry controls */
#define ENTRYC_LOAD_DEBUG (1u << 2)
#define ENTRYC_IA32E	  (1u << 9)
#define ENTRYC_LOAD_PAT	  (1u << 14)
#define ENTRYC_LOAD_EFER  (1u << 15)

/* IA32_VMX_EPT_VPID_CAP */
#define CAP_EPT_WALK4	    (1ull << 6)
#define CAP_EPT_WB	    (1ull << 14)
#define CAP_EPT_2M	    (1ull << 16)
#define CAP_EPT_1G	    (1ull << 17)
#define CAP_INVEPT	    (1ull << 20)
#define CAP_EPT_AD	    (1ull << 21)
#define CAP_INVEPT_CONTEXT  (1ull << 25)
#define CAP_INVVPID	    (1ull << 32)
#define CAP_INVVPID_CONTEXT (1ull << 41)

/* The EPT pointer */
#define EPTP_WB	   6ull
#define EPTP_WALK4 (3ull << 3)
#define EPTP_AD	   (1ull << 6)

/* Interruption information: at entry, at exit, and IDT-vectoring */
#define INTR_VECTOR	   0xffu
#define INTR_TYPE_SHIFT	   8
#define INTR_TYPE_MASK	   (7u << INTR_TYPE_SHIFT)
#define INTR_ERROR	   (1u << 11) /* an error code goes with it */
#define INTR_NMI_UNBLOCKED (1u << 12) /* at exit: by an IRET that faulted */
#define INTR_VALID	   (1u << 31)
enum intr_type {
	INTR_EXTERNAL = 0,
	INTR_NMI = 2,
	INTR_HARD_EXCEPTION = 3,
	INTR_SOFT_INTERRUPT = 4,
	INTR_PRIVILEGED_EXCEPTION = 5, /* INT1 */
	INTR_SOFT_EXCEPTION = 6,       /* INT3, INTO */
	INTR_OTHER = 7,
};

/* Interruptibility */
#define BLOCKING_STI	(1u << 0)
#define BLOCKING_MOV_SS (1u << 1)
#define BLOCKING_SMI	(1u << 2)
#define BLOCKING_NMI	(1u << 3)

enum activity { ACTIVITY_ACTIVE, ACTIVITY_HLT, ACTIVITY_SHUTDOWN, ACTIVITY_WAIT_SIPI };

/* Pending debug exceptions */
#define PENDING_BREAKPOINTS 0xfull
#define PENDING_ENABLED	    (1ull << 12)
#define PENDING_BS	    (1ull << 14)
#define PENDING_RTM	    (1ull << 16)

#define DEBUGCTL_BTF (1ull << 1)

/* A segment's rights beyond struct segment's attr. */
#define RIGHTS_UNUSABLE (1u << 16)
#define RIGHTS_ATTR	0xf0ffu

/* The exit reason's upper half. */
#define REASON_BASIC	    0xffffu
#define REASON_ENTRY_FAILED (1u << 31)

enum exit_reason {
	REASON_EXCEPTION_NMI = 0,
	REASON_EXTERNAL_INTERRUPT = 1,
	REASON_TRIPLE_FAULT = 2,
	REASON_INIT = 3,
	REASON_SIPI = 4,
	REASON_IO_SMI = 5,
	REASON_SMI = 6,
	REASON_INTERRUPT_WINDOW = 7,
	REASON_NMI_WINDOW = 8,
	REASON_TASK_SWITCH = 9,
	REASON_CPUID = 10,
	REASON_GETSEC = 11,
	REASON_HLT = 12,
	REASON_INVD = 13,
	REASON_INVLPG = 14,
	REASON_RDPMC = 15,
	REASON_RDTSC = 16,
	REASON_RSM = 17,
	REASON_VMCALL = 18,
	REASON_VMCLEAR = 19,
	REASON_VMLAUNCH = 20,
	REASON_VMPTRLD = 21,
	REASON_VMPTRST = 22,
	REASON_VMREAD = 23,
	REASON_VMRESUME = 24,
	REASON_VMWRITE = 25,
	REASON_VMXOFF = 26,
	REASON_VMXON = 27,
	REASON_CR_ACCESS = 28,
	REASON_MOV_DR = 29,
	REASON_IO = 30,
	REASON_RDMSR = 31,
	REASON_WRMSR = 32,
	REASON_BAD_GUEST_STATE = 33,
	REASON_BAD_MSR_LOAD = 34,
	REASON_MWAIT = 36,
	REASON_MONITOR_TRAP = 37,
	REASON_MONITOR = 39,
	REASON_PAUSE = 40,
	REASON_BAD_MACHINE_CHECK = 41,
	REASON_TPR_BELOW = 43,
	REASON_APIC_ACCESS = 44,
	REASON_EOI = 45,
	REASON_GDTR_IDTR = 46,
	REASON_LDTR_TR = 47,
	REASON_EPT_VIOLATION = 48,
	REASON_EPT_MISCONFIG = 49,
	REASON_INVEPT = 50,
	REASON_RDTSCP = 51,
	REASON_PREEMPTION_TIMER = 52,
	REASON_INVVPID = 53,
	REASON_WBINVD = 54,
	REASON_XSETBV = 55,
	REASON_APIC_WRITE = 56,
	REASON_RDRAND = 57,
	REASON_INVPCID = 58,
	REASON_VMFUNC = 59,
	REASON_ENCLS = 60,
	REASON_RDSEED = 61,
	REASON_PML_FULL = 62,
	REASON_XSAVES = 63,
	REASON_XRSTORS = 64,
	REASONS
};

/* Exit qualifications (SDM 3, "Basic VM-Exit Information"). */
#define QUAL_IO_SIZE_MASK      7u /* size - 1 */
#define QUAL_IO_IN	       (1u << 3)
#define QUAL_IO_STRING	       (1u << 4)
#define QUAL_IO_REP	       (1u << 5)
#define QUAL_IO_PORT_SHIFT     16
#define QUAL_CR_NUMBER	       0xfu
#define QUAL_CR_TYPE_SHIFT     4
#define QUAL_CR_TYPE_MASK      3u
#define QUAL_CR_GPR_SHIFT      8
#define QUAL_CR_LMSW_SHIFT     16
#define QUAL_DR_NUMBER	       7u
#define QUAL_DR_READ	       (1u << 4)
#define QUAL_DR_GPR_SHIFT      8
#define QUAL_GPR_MASK	       0xfu
#define QUAL_EPT_READ	       (1u << 0)
#define QUAL_EPT_WRITE	       (1u << 1)
#define QUAL_EPT_FETCH	       (1u << 2)
#define QUAL_EPT_LINEAR_VALID  (1u << 7)
#define QUAL_EPT_NOT_WALK      (1u << 8)
#define QUAL_NMI_UNBLOCKED     (1u << 12) /* of EPT violations */
#define QUAL_TASK_SOURCE_SHIFT 30
#define QUAL_APIC_OFFSET       0xfffu
#define QUAL_APIC_TYPE_SHIFT   12
#define QUAL_APIC_TYPE_MASK    0xfu
enum apic_access { APIC_ACCESS_READ, APIC_ACCESS_WRITE, APIC_ACCESS_FETCH };

struct inv_descriptor {
	uint64_t context; /* a VPID, or an EPT pointer */
	uint64_t address;
};

enum { INV_CONTEXT = 1, INV_ALL = 2 };

/* Reads and writes of the current VMCS. They cannot fail: the fields exist, and one is current. */
static always_inline uint64_t vmcs_read(enum vmcs_field field)
{
	uint64_t value;

	__asm__ volatile("vmread %1, %0" : "=rm"(value) : "r"((uint64_t)field) : "cc");
	return value;
}

/* Without a register between. */
static always_inline void vmcs_read_to(enum vmcs_field field, uint64_t *to)
{
	__asm__ volatile("vmread %1, %0" : "=m"(*to) : "r"((uint64_t)field) : "cc");
}

static always_inline void vmcs_write(enum vmcs_field field, uint64_t value)
{
	__asm__ volatile("vmwrite %0, %1" : : "rm"(value), "r"((uint64_t)field) : "cc");
}

/* These two: false when the CPU refused. */
static inline bool vmcs_load(uint64_t region)
{
	bool failed;

	__asm__ volatile("vmptrld %1" : "=@ccbe"(failed) : "m"(region) : "memory");
	return !failed;
}

static inline bool vmcs_clear(uint64_t region)
{
	bool failed;

	__asm__ volatile("vmclear %1" : "=@ccbe"(failed) : "m"(region) : "memory");
	return !failed;
}

static inline void vmcs_invept(uint64_t type, const struct inv_descriptor *d)
{
	__asm__ volatile("invept %0, %1" : : "m"(*d), "r"(type) : "cc", "memory");
}

static inline void vmcs_invvpid(uint64_t type, const struct inv_descriptor *d)
{
	__asm__ volatile("invvpid %0, %1" : : "m"(*d), "r"(type) : "cc", "memory");
}

#endif
