/* SPDX-License-Identifier: MIT */
/*
 * AMD SVM with nested paging: the backend's table, what it needs of the CPU, and switching it on.
 */
#include "arch/x86_64/virt/svm/svm.h"
#include "arch/x86_64/asm.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/cpuid.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/fixup.h"
#include "arch/x86_64/msr.h"
#include "arch/x86_64/pages.h"
#include "arch/x86_64/ptab.h"
#include "lib/errno.h"
#include "lib/log.h"

struct svm_features svm_features;

/* Per CPU: two pages, and the ASIDs given out since the last flush of all. */
static struct svm_cpu {
	void *save_area;  /* the CPU's own, VM_HSAVE_PA */
	void *host_state; /* VMSAVE of the host */
	uint32_t asid_next;
	uint64_t asid_generation;
} svm_cpus[CPUS_MAX];

static int probe(void)
{
	struct cpuid_regs leaf;
	uint64_t vm_cr;

	if (cpuid(CPUID_EXT_MAX, 0).eax < CPUID_SVM ||
	    !(cpuid(CPUID_EXT_FEATURES, 0).ecx & CPUID_80000001_ECX_SVM)) {
		log_error("svm: this AMD CPU has no SVM; Plinth needs a CPU with AMD-V (in an "
			  "emulator: -cpu EPYC,+svm,+npt)");
		return -ENODEV;
	}
	if (!rdmsr_safe(MSR_VM_CR, &vm_cr) && (vm_cr & VM_CR_SVMDIS)) {
		log_error("svm: the firmware has switched SVM off (VM_CR %#lx, SVMDIS is set); "
			  "switch on \"SVM\" or \"AMD-V\" in the firmware's setup",
			  (unsigned long)vm_cr);
		return -ENODEV;
	}
	leaf = cpuid(CPUID_SVM, 0);
	if (!(leaf.edx & CPUID_8000000A_EDX_NP)) {
		log_error("svm: this CPU's SVM (revision %u) has no nested paging, which Plinth "
			  "needs (in an emulator: -cpu EPYC,+svm,+npt)",
			  leaf.eax & 0xff);
		return -ENODEV;
	}
	svm_features = (struct svm_features){
		.asids = leaf.ebx,
		.next_rip = leaf.edx & CPUID_8000000A_EDX_NRIPS,
		.flush_by_asid = leaf.edx & CPUID_8000000A_EDX_FLUSH_BY_ASID,
		.decode_assists = leaf.edx & CPUID_8000000A_EDX_DECODE_ASSISTS,
		.vmcb_clean = leaf.edx & CPUID_8000000A_EDX_VMCB_CLEAN,
		.pause_filter = leaf.edx & CPUID_8000000A_EDX_PAUSE_FILTER,
		.pause_threshold = leaf.edx & CPUID_8000000A_EDX_PAUSE_THRESHOLD,
	};
	log_info("svm: nested paging, %u ASIDs%s%s%s%s", svm_features.asids,
		 svm_features.next_rip ? ", next RIP" : ", no next RIP",
		 svm_features.decode_assists ? ", decode assists" : ", no decode assists",
		 svm_features.flush_by_asid ? ", flush by ASID" : "",
		 svm_features.vmcb_clean ? ", clean bits" : "");
	return 0;
}

static int cpu_on(void)
{
	struct svm_cpu *c = &svm_cpus[this_cpu()->id];

	c->save_area = page_alloc(ORDER_4K, MEM_CORE);
	c->host_state = page_alloc(ORDER_4K, MEM_CORE);
	if (!c->save_area || !c->host_state) {
		page_free(c->save_area, ORDER_4K, MEM_CORE);
		page_free(c->host_state, ORDER_4K, MEM_CORE);
		return -ENOMEM;
	}
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
	wrmsr(MSR_VM_HSAVE_PA, hpa_of(c->save_area).raw);
	__asm__ volatile("vmsave %0" : : "a"(hpa_of(c->host_state).raw) : "memory");
	c->asid_generation = 1;
	c->asid_next = 1;
	return 0;
}

hpa_t svm_host_state(void)
{
	return hpa_of(svm_cpus[this_cpu()->id].host_state);
}

void svm_assign_asid(struct virt_vcpu *v)
{
	unsigned id = this_cpu()->id;
	struct svm_cpu *c = &svm_cpus[id];
	struct svm_vcpu *s = svm_of(v);

	if (s->asid_cpu == id && s->asid_generation == c->asid_generation)
		return;
	s->vmcb->control.tlb_control = TLB_KEEP;
	if (c->asid_next >= svm_features.asids) {
		c->asid_generation++;
		c->asid_next = 1;
		s->vmcb->control.tlb_control = TLB_FLUSH_ALL;
	}
	s->vmcb->control.asid = c->asid_next++;
	s->asid_cpu = id;
	s->asid_generation = c->asid_generation;
	s->vmcb->control.clean = 0;
}

const struct virt_ops svm_ops = {
	.name = "SVM",
	.nested_format = &ptab_npt,
	.probe = probe,
	.cpu_on = cpu_on,
	.vm_init = svm_vm_init,
	.vm_fini = svm_vm_fini,
	.vcpu_init = svm_vcpu_init,
	.vcpu_fini = svm_vcpu_fini,
	.vcpu_reset = svm_vcpu_reset,
	.vcpu_load = svm_vcpu_load,
	.vcpu_put = svm_vcpu_put,
	.run = svm_run,
	.get = svm_get,
	.set = svm_set,
	.get_context = svm_get_context,
	.get_segment = svm_get_segment,
	.set_segment = svm_set_segment,
	.inject = svm_inject,
	.want_window = svm_want_window,
	.pass_io = svm_pass_io,
	.pass_msr = svm_pass_msr,
	.dump = svm_dump,
};
