/* SPDX-License-Identifier: MIT */
/* What the files of the SVM backend share. */
#ifndef SVM_SVM_H
#define SVM_SVM_H

#include "arch/x86_64/virt/svm/vmcb.h"
#include "arch/x86_64/virt/virt.h"

/* CPUID 8000_000Ah: what this CPU's SVM offers beyond its first revision. */
struct svm_features {
	uint32_t asids;
	bool next_rip, flush_by_asid, decode_assists, vmcb_clean;
	bool pause_filter, pause_threshold;
};

extern struct svm_features svm_features;

struct svm_vcpu {
	struct vmcb *vmcb;
	hpa_t vmcb_pa, host_state; /* host_state: of the CPU that has it loaded */
	uint64_t asid_generation;
	unsigned asid_cpu;
	unsigned windows; /* enum virt_window */
	bool nmi_blocked; /* an NMI was delivered, and its IRET has not been seen */
	bool stepping;	  /* TF is set by us, for one instruction: the IRET */
	uint64_t dr[4];	  /* DR0-DR3 while not loaded */
	uint64_t tsc_aux; /* likewise */
	bool loaded;
};

static inline struct svm_vcpu *svm_of(struct virt_vcpu *v)
{
	return v->vendor;
}

static inline struct vmcb *vmcb_of(struct virt_vcpu *v)
{
	return v->control;
}

/*
 * entry.S: the world switch, called by run.c alone, since it keeps no register but RBP and RSP.
 * Guest registers but RAX, RSP, RIP and RFLAGS come from and go to gpr[].
 */
void svm_enter(uint64_t *gpr, uint64_t vmcb_pa, uint64_t host_vmcb_pa);

/* The physical address of this CPU's page for the host's own FS, GS, TR, LDTR and SYSCALL state. */
hpa_t svm_host_state(void);
/* Gives v an ASID of this CPU's that no other vCPU uses since the last flush. */
void svm_assign_asid(struct virt_vcpu *v);

int svm_vm_init(struct virt_vm *vm);
void svm_vm_fini(struct virt_vm *vm);
void svm_pass_io(struct virt_vm *vm, uint16_t port, enum virt_pass pass);
void svm_pass_msr(struct virt_vm *vm, uint32_t msr, enum virt_pass pass);

int svm_vcpu_init(struct virt_vcpu *v);
void svm_vcpu_fini(struct virt_vcpu *v);
void svm_vcpu_reset(struct virt_vcpu *v);
void svm_vcpu_load(struct virt_vcpu *v);
void svm_vcpu_put(struct virt_vcpu *v);
uint64_t svm_get(struct virt_vcpu *v, enum vreg reg);
void svm_set(struct virt_vcpu *v, enum vreg reg, uint64_t value);
void svm_get_context(struct virt_vcpu *v, struct virt_context *c);
void svm_get_segment(struct virt_vcpu *v, enum vseg seg, struct segment *s);
void svm_set_segment(struct virt_vcpu *v, enum vseg seg, const struct segment *s);

void svm_run(struct virt_vcpu *v);
void svm_inject(struct virt_vcpu *v, const struct vm_event *e);
void svm_want_window(struct virt_vcpu *v, unsigned windows);
/* At an exit that may have come before a virtual interrupt was taken: then it has to go again. */
void svm_take_back(struct virt_vcpu *v);
/* IRET was intercepted: one step on, NMIs may come again. */
void svm_iret(struct virt_vcpu *v);
/* A #DB exit: whether it ends our own single step. */
bool svm_step_end(struct virt_vcpu *v);

/*
 * Names the consistency check that VMRUN refused (APM 2, "VMRUN: Canonicalization and Consistency
 * Checks").
 */
void svm_explain_invalid(struct virt_vcpu *v);
void svm_dump(struct virt_vcpu *v);

#endif
