/* SPDX-License-Identifier: MIT */
/*
 * The VMCB and the numbers around it (APM 2, "Secure Virtual Machine", appendix B "Layout of VMCB",
 * appendix C "SVM Intercept Exit Codes").
 */
#ifndef SVM_VMCB_H
#define SVM_VMCB_H

#include "lib/types.h"

/*
 * Intercepts of control registers: bit n is CRn; writes are 16 bits further up. Likewise debug
 * registers.
 */
#define INTERCEPT_CR_READ(n)  (1u << (n))
#define INTERCEPT_CR_WRITE(n) (1u << ((n) + 16))

enum intercept_1 {
	INTERCEPT_INTR = 1u << 0,
	INTERCEPT_NMI = 1u << 1,
	INTERCEPT_SMI = 1u << 2,
	INTERCEPT_INIT = 1u << 3,
	INTERCEPT_VINTR = 1u << 4,
	INTERCEPT_CR0_SELECTIVE = 1u << 5,
	INTERCEPT_RDTSC = 1u << 14,
	INTERCEPT_RDPMC = 1u << 15,
	INTERCEPT_CPUID = 1u << 18,
	INTERCEPT_RSM = 1u << 19,
	INTERCEPT_IRET = 1u << 20,
	INTERCEPT_INVD = 1u << 22,
	INTERCEPT_PAUSE = 1u << 23,
	INTERCEPT_HLT = 1u << 24,
	INTERCEPT_INVLPG = 1u << 25,
	INTERCEPT_INVLPGA = 1u << 26,
	INTERCEPT_IOIO = 1u << 27,
	INTERCEPT_MSR = 1u << 28,
	INTERCEPT_TASK_SWITCH = 1u << 29,
	INTERCEPT_FERR_FREEZE = 1u << 30,
	INTERCEPT_SHUTDOWN = 1u << 31,
};

enum intercept_2 {
	INTERCEPT_VMRUN = 1u << 0,
	INTERCEPT_VMMCALL = 1u << 1,
	INTERCEPT_VMLOAD = 1u << 2,
	INTERCEPT_VMSAVE = 1u << 3,
	INTERCEPT_STGI = 1u << 4,
	INTERCEPT_CLGI = 1u << 5,
	INTERCEPT_SKINIT = 1u << 6,
	INTERCEPT_RDTSCP = 1u << 7,
	INTERCEPT_ICEBP = 1u << 8,
	INTERCEPT_WBINVD = 1u << 9,
	INTERCEPT_MONITOR = 1u << 10,
	INTERCEPT_MWAIT = 1u << 11,
	INTERCEPT_MWAIT_ARMED = 1u << 12,
	INTERCEPT_XSETBV = 1u << 13,
	INTERCEPT_RDPRU = 1u << 14,
};

enum intercept_3 {
	INTERCEPT_INVLPGB = 1u << 0,
	INTERCEPT_INVLPGB_ILLEGAL = 1u << 1,
	INTERCEPT_INVPCID = 1u << 2,
	INTERCEPT_MCOMMIT = 1u << 3,
	INTERCEPT_TLBSYNC = 1u << 4,
};

enum tlb_control { TLB_KEEP = 0, TLB_FLUSH_ALL = 1, TLB_FLUSH_ASID = 3 };

/* The word at 0x60. */
#define V_TPR_MASK	    0xffull
#define V_IRQ		    (1ull << 8)
#define V_INTR_PRIO_SHIFT   16
#define V_INTR_PRIO_MASK    (0xfull << 16)
#define V_IGN_TPR	    (1ull << 20)
#define V_INTR_MASKING	    (1ull << 24)
#define V_INTR_VECTOR_SHIFT 32
#define V_INTR_VECTOR_MASK  (0xffull << 32)

#define INTERRUPT_SHADOW (1ull << 0)

#define NP_ENABLE (1ull << 0)

/* EVENTINJ and EXITINTINFO. */
#define EVENT_VECTOR	 0xffull
#define EVENT_TYPE_SHIFT 8
#define EVENT_TYPE_MASK	 (7ull << 8)
#define EVENT_ERROR	 (1ull << 11)
#define EVENT_VALID	 (1ull << 31)
enum svm_event_type {
	SVM_EVENT_INTR = 0,
	SVM_EVENT_NMI = 2,
	SVM_EVENT_EXCEPTION = 3,
	SVM_EVENT_SOFT_INTR = 4
};

/* VMCB clean bits: set, the hardware may use what it cached of these fields. */
enum vmcb_clean {
	CLEAN_INTERCEPTS = 1 << 0,
	CLEAN_MAPS = 1 << 1,
	CLEAN_ASID = 1 << 2,
	CLEAN_TPR = 1 << 3,
	CLEAN_NP = 1 << 4,
	CLEAN_CR = 1 << 5,
	CLEAN_DR = 1 << 6,
	CLEAN_DT = 1 << 7,
	CLEAN_SEG = 1 << 8,
	CLEAN_CR2 = 1 << 9,
	CLEAN_LBR = 1 << 10,
	CLEAN_ALL = 0x7ff,
};

enum vmexit_code {
	VMEXIT_CR0_READ = 0x000,
	VMEXIT_CR0_WRITE = 0x010,
	VMEXIT_DR0_READ = 0x020,
	VMEXIT_DR0_WRITE = 0x030,
	VMEXIT_EXCP0 = 0x040,
	VMEXIT_INTR = 0x060,
	VMEXIT_NMI = 0x061,
	VMEXIT_SMI = 0x062,
	VMEXIT_INIT = 0x063,
	VMEXIT_VINTR = 0x064,
	VMEXIT_RDTSC = 0x06e,
	VMEXIT_RDPMC = 0x06f,
	VMEXIT_CPUID = 0x072,
	VMEXIT_RSM = 0x073,
	VMEXIT_IRET = 0x074,
	VMEXIT_INVD = 0x076,
	VMEXIT_PAUSE = 0x077,
	VMEXIT_HLT = 0x078,
	VMEXIT_INVLPGA = 0x07a,
	VMEXIT_IOIO = 0x07b,
	VMEXIT_MSR = 0x07c,
	VMEXIT_TASK_SWITCH = 0x07d,
	VMEXIT_FERR_FREEZE = 0x07e,
	VMEXIT_SHUTDOWN = 0x07f,
	VMEXIT_VMRUN = 0x080,
	VMEXIT_VMMCALL = 0x081,
	VMEXIT_VMLOAD = 0x082,
	VMEXIT_VMSAVE = 0x083,
	VMEXIT_STGI = 0x084,
	VMEXIT_CLGI = 0x085,
	VMEXIT_SKINIT = 0x086,
	VMEXIT_RDTSCP = 0x087,
	VMEXIT_ICEBP = 0x088,
	VMEXIT_WBINVD = 0x089,
	VMEXIT_MONITOR = 0x08a,
	VMEXIT_MWAIT = 0x08b,
	VMEXIT_MWAIT_ARMED = 0x08c,
	VMEXIT_XSETBV = 0x08d,
	VMEXIT_RDPRU = 0x08e,
	VMEXIT_INVPCID = 0x0a2,
	VMEXIT_NPF = 0x400,
};

/* The low half of the exit code of a refused entry: QEMU stores 32 bits of the -1 only. */
#define VMEXIT_INVALID_LOW 0xffffffffu

/* EXITINFO1 of VMEXIT_IOIO. */
enum ioio {
	IOIO_IN = 1 << 0,
	IOIO_STRING = 1 << 2,
	IOIO_REP = 1 << 3,
	IOIO_SIZE_SHIFT = 4, /* bytes, in three bits */
	IOIO_SIZE_MASK = 7 << 4,
	IOIO_PORT_SHIFT = 16,
};

/* EXITINFO1 of VMEXIT_NPF: an error code like #PF's, and what was walked. */
#define NPF_GUEST_FINAL (1ull << 32)
#define NPF_GUEST_TABLE (1ull << 33)

/* EXITINFO1 of CR and DR accesses with decode assists. */
#define CR_INFO_MOV (1ull << 63)
#define CR_INFO_GPR 0xfull

/* EXITINFO2 of VMEXIT_TASK_SWITCH. */
#define TASK_INFO_IRET	(1ull << 36)
#define TASK_INFO_JMP	(1ull << 38)
#define TASK_INFO_ERROR (1ull << 44)

/* Bits of a segment's attributes, as the VMCB packs them. */
enum { ATTR_PACKED_L = 1 << 9, ATTR_PACKED_DB = 1 << 10 };

struct vmcb_segment {
	uint16_t selector, attr;
	uint32_t limit;
	uint64_t base;
};

struct vmcb_control {
	uint32_t intercept_cr, intercept_dr, intercept_exceptions;
	uint32_t intercept_1, intercept_2, intercept_3;
	uint8_t reserved_018[0x3c - 0x18];
	uint16_t pause_filter_threshold, pause_filter_count;
	uint64_t iopm_base, msrpm_base, tsc_offset;
	uint32_t asid;
	uint8_t tlb_control, reserved_05d[3];
	uint64_t v_intr, interrupt_shadow;
	uint64_t exit_code, exit_info_1, exit_info_2, exit_int_info;
	uint64_t np_enable, avic_apic_bar, ghcb;
	uint64_t event_injection, nested_cr3, lbr_enable;
	uint32_t clean, reserved_0c4;
	uint64_t next_rip;
	uint8_t bytes_n, bytes[15];
	uint64_t avic_page, reserved_0e8, avic_logical, avic_physical;
	uint8_t reserved_100[0x400 - 0x100];
};

struct vmcb_save {
	struct vmcb_segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
	uint8_t reserved_0a0[0xcb - 0xa0];
	uint8_t cpl;
	uint32_t reserved_0cc;
	uint64_t efer;
	uint8_t reserved_0d8[0x148 - 0xd8];
	uint64_t cr4, cr3, cr0, dr7, dr6, rflags, rip;
	uint8_t reserved_180[0x1d8 - 0x180];
	uint64_t rsp, s_cet, ssp, isst, rax;
	uint64_t star, lstar, cstar, sfmask, kernel_gs_base;
	uint64_t sysenter_cs, sysenter_esp, sysenter_eip, cr2;
	uint8_t reserved_248[0x268 - 0x248];
	uint64_t g_pat, debugctl, br_from, br_to, last_excp_from, last_excp_to;
	uint8_t reserved_298[0xc00 - 0x298];
};

struct vmcb {
	struct vmcb_control control;
	struct vmcb_save save;
};

_Static_assert(offsetof(struct vmcb_control, iopm_base) == 0x40, "VMCB 0x040");
_Static_assert(offsetof(struct vmcb_control, v_intr) == 0x60, "VMCB 0x060");
_Static_assert(offsetof(struct vmcb_control, exit_code) == 0x70, "VMCB 0x070");
_Static_assert(offsetof(struct vmcb_control, event_injection) == 0xa8, "VMCB 0x0a8");
_Static_assert(offsetof(struct vmcb_control, clean) == 0xc0, "VMCB 0x0c0");
_Static_assert(offsetof(struct vmcb_control, next_rip) == 0xc8, "VMCB 0x0c8");
_Static_assert(offsetof(struct vmcb_control, avic_page) == 0xe0, "VMCB 0x0e0");
_Static_assert(offsetof(struct vmcb, save) == 0x400, "the save area");
_Static_assert(offsetof(struct vmcb_save, cpl) == 0xcb, "save 0x0cb");
_Static_assert(offsetof(struct vmcb_save, efer) == 0xd0, "save 0x0d0");
_Static_assert(offsetof(struct vmcb_save, cr4) == 0x148, "save 0x148");
_Static_assert(offsetof(struct vmcb_save, rsp) == 0x1d8, "save 0x1d8");
_Static_assert(offsetof(struct vmcb_save, rax) == 0x1f8, "save 0x1f8");
_Static_assert(offsetof(struct vmcb_save, cr2) == 0x240, "save 0x240");
_Static_assert(offsetof(struct vmcb_save, g_pat) == 0x268, "save 0x268");
_Static_assert(sizeof(struct vmcb) == 4096, "a VMCB is a page");

#endif
