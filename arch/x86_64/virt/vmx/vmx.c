/* SPDX-License-Identifier: MIT */
/*
 * Intel VT-x: whether this machine has what Plinth needs, switching it on and off on a CPU, and
 * which VMCS is current there. The one idea: every control word comes from the capability MSRs;
 * what Plinth needs and they refuse is said by name.
 */
#include "arch/x86_64/virt/vmx/vmx.h"

#include "arch/x86_64/asm.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/cpuid.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/fixup.h"
#include "arch/x86_64/msr.h"
#include "arch/x86_64/ptab.h"
#include "arch/x86_64/tsc.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/panic.h"

struct vmx_caps vmx_caps;

/*
 * A guest that never exits does so as often as this. Interrupts alone would do; but Bochs 2.7 holds
 * them back from a guest that was entered with RFLAGS.IF clear.
 */
enum { PREEMPTION_HZ = 1000 };

/* By CPU: the VMXON region, and the vCPU whose VMCS is current. Only that CPU looks at them. */
static void *vmxon_regions[CPUS_MAX];
static struct virt_vcpu *current_vcpus[CPUS_MAX];

struct control {
	uint32_t bit;
	const char *name;
};

/* One control word: what it must have, may have, and must not have. */
struct control_word {
	enum msr msr, true_msr;
	const struct control *needed;
	uint32_t wanted, unwanted;
};

static const struct control pin_needed[] = {
	{ PIN_EXTERNAL_INTERRUPT, "external-interrupt exiting" },
	{ PIN_NMI, "NMI exiting" },
	{ PIN_VIRTUAL_NMI, "virtual NMIs" },
	{ 0 },
};

static const struct control proc_needed[] = {
	{ PROC_TSC_OFFSET, "TSC offsetting" },	  { PROC_HLT, "HLT exiting" },
	{ PROC_MWAIT, "MWAIT exiting" },	  { PROC_RDPMC, "RDPMC exiting" },
	{ PROC_TPR_SHADOW, "TPR shadow" },	  { PROC_IO_BITMAPS, "I/O bitmaps" },
	{ PROC_MSR_BITMAPS, "MSR bitmaps" },	  { PROC_MONITOR, "MONITOR exiting" },
	{ PROC_SECONDARY, "secondary controls" }, { 0 },
};

static const struct control proc2_needed[] = {
	{ PROC2_EPT, "extended page tables (EPT)" },
	{ PROC2_UNRESTRICTED_GUEST, "unrestricted guest" },
	{ PROC2_VPID, "virtual-processor identifiers (VPID)" },
	{ PROC2_WBINVD, "WBINVD exiting" },
	{ 0 },
};

static const struct control exit_needed[] = {
	{ EXITC_SAVE_DEBUG, "saving of debug controls" },
	{ EXITC_HOST_64, "64-bit host" },
	{ EXITC_SAVE_PAT, "saving of PAT at exit" },
	{ EXITC_LOAD_PAT, "loading of PAT at exit" },
	{ EXITC_SAVE_EFER, "saving of EFER at exit" },
	{ EXITC_LOAD_EFER, "loading of EFER at exit" },
	{ 0 },
};

static const struct control entry_needed[] = {
	{ ENTRYC_LOAD_DEBUG, "loading of debug controls" },
	{ ENTRYC_IA32E, "64-bit guests" },
	{ ENTRYC_LOAD_PAT, "loading of PAT at entry" },
	{ ENTRYC_LOAD_EFER, "loading of EFER at entry" },
	{ 0 },
};

static const struct control_word pin_word = { MSR_VMX_PINBASED_CTLS, MSR_VMX_TRUE_PINBASED_CTLS,
					      pin_needed, PIN_PREEMPTION_TIMER, 0 };
static const struct control_word proc_word = {
	MSR_VMX_PROCBASED_CTLS,
	MSR_VMX_TRUE_PROCBASED_CTLS,
	proc_needed,
	0,
	PROC_INVLPG | PROC_RDTSC | PROC_CR3_LOAD | PROC_CR3_STORE | PROC_CR8_LOAD | PROC_CR8_STORE |
		PROC_MOV_DR,
};
/* Reads and writes of the APIC's registers in memory without our decoding them. */
#define APIC_PAGE_BITS (PROC2_APIC_ACCESS | PROC2_APIC_REGISTERS)

static const struct control_word proc2_word = {
	MSR_VMX_PROCBASED_CTLS2, MSR_VMX_PROCBASED_CTLS2, proc2_needed,
	PROC2_RDTSCP | PROC2_INVPCID | PROC2_PAUSE_LOOP | APIC_PAGE_BITS, PROC2_VIRTUAL_INTERRUPTS
};
static const struct control_word exit_word = { MSR_VMX_EXIT_CTLS, MSR_VMX_TRUE_EXIT_CTLS,
					       exit_needed, 0, 0 };
static const struct control_word entry_word = { MSR_VMX_ENTRY_CTLS, MSR_VMX_TRUE_ENTRY_CTLS,
						entry_needed, 0, 0 };

/* What EPT and VPID must be able to do beyond being there. */
static const struct {
	uint64_t bit;
	const char *name;
} ept_vpid_needed[] = {
	{ CAP_EPT_WALK4, "EPT with a walk of 4 levels" },
	{ CAP_EPT_WB, "EPT in write-back memory" },
	{ CAP_EPT_2M, "EPT with 2 MiB pages" },
	{ CAP_INVEPT, "INVEPT" },
	{ CAP_INVEPT_CONTEXT, "INVEPT of one context" },
	{ CAP_INVVPID, "INVVPID" },
	{ CAP_INVVPID_CONTEXT, "INVVPID of one context" },
};

/* What a guest may change in CR4 without being asked: it means the same inside and outside. */
static const uint64_t cr4_harmless = CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PGE |
				     CR4_PCE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_UMIP |
				     CR4_FSGSBASE | CR4_SMEP | CR4_SMAP;

static int lacks(const char *name)
{
	log_error("vmx: this CPU's VT-x lacks %s: Plinth needs an Intel CPU of 2010 (Westmere) or "
		  "later, or, inside another hypervisor, all of nested VT-x switched on",
		  name);
	return -ENODEV;
}

static int word_choose(const struct control_word *w, bool has_true, uint32_t *value)
{
	uint64_t caps = rdmsr(has_true ? w->true_msr : w->msr);
	uint32_t always = (uint32_t)caps, may = caps >> 32, bits = w->wanted & may;

	for (const struct control *c = w->needed; c->bit; c++) {
		if (!(may & c->bit))
			return lacks(c->name);
		bits |= c->bit;
	}
	if (always & w->unwanted)
		return lacks(
			"the choice not to exit for CR3, CR8, INVLPG, RDTSC and debug registers");
	*value = bits | always;
	return 0;
}

static int words_choose(void)
{
	bool has_true = rdmsr(MSR_VMX_BASIC) & BASIC_TRUE_CONTROLS;
	struct vmx_caps *c = &vmx_caps;
	int error = word_choose(&pin_word, has_true, &c->pin);

	if (!error)
		error = word_choose(&proc_word, has_true, &c->proc);
	if (!error)
		error = word_choose(&proc2_word, false, &c->proc2);
	if (!error)
		error = word_choose(&exit_word, has_true, &c->exit);
	if (!error)
		error = word_choose(&entry_word, has_true, &c->entry);
	/* Both or none. They mean nothing where the page for it is not mapped. */
	c->serves_apic = (c->proc2 & APIC_PAGE_BITS) == APIC_PAGE_BITS;
	if (!c->serves_apic)
		c->proc2 &= ~APIC_PAGE_BITS;
	/* Set later, for a guest in long mode. */
	c->entry &= ~ENTRYC_IA32E;
	return error;
}

static int ept_check(void)
{
	vmx_caps.ept_vpid = rdmsr(MSR_VMX_EPT_VPID_CAP);
	for (unsigned i = 0; i < ARRAY_SIZE(ept_vpid_needed); i++) {
		if (!(vmx_caps.ept_vpid & ept_vpid_needed[i].bit))
			return lacks(ept_vpid_needed[i].name);
	}
	return 0;
}

/* The firmware's switch. Where the firmware has not decided, cpu_on() does. */
static int firmware_check(void)
{
	uint64_t control;

	if (rdmsr_safe(MSR_FEATURE_CONTROL, &control)) {
		log_error(
			"vmx: the CPU announces VT-x but has no IA32_FEATURE_CONTROL: if this is a "
			"virtual machine, switch on nested VT-x for it");
		return -ENODEV;
	}
	if ((control & FEATURE_CONTROL_LOCK) && !(control & FEATURE_CONTROL_VMX)) {
		log_error("vmx: the firmware has switched VT-x off and locked it: switch on VT-x "
			  "(Intel Virtualization Technology) in the firmware setup, then power off "
			  "and on again");
		return -ENODEV;
	}
	return 0;
}

static int vmx_probe(void)
{
	struct vmx_caps *c = &vmx_caps;
	int error;

	if (!(cpuid(CPUID_FEATURES, 0).ecx & CPUID_1_ECX_VMX)) {
		log_error("vmx: this CPU has no VT-x: Plinth needs an Intel CPU with VT-x and EPT, "
			  "or "
			  "an AMD CPU with SVM and nested paging");
		return -ENODEV;
	}
	error = firmware_check();
	if (!error)
		error = words_choose();
	if (!error)
		error = ept_check();
	if (error)
		return error;
	c->revision = rdmsr(MSR_VMX_BASIC) & BASIC_REVISION;
	c->cr0_fixed0 = rdmsr(MSR_VMX_CR0_FIXED0);
	c->cr0_fixed1 = rdmsr(MSR_VMX_CR0_FIXED1);
	c->cr4_fixed0 = rdmsr(MSR_VMX_CR4_FIXED0);
	c->cr4_fixed1 = rdmsr(MSR_VMX_CR4_FIXED1);
	c->cr4_pass = cr4_harmless & c->cr4_fixed1;
	c->tsc_aux = c->proc2 & PROC2_RDTSCP;
	c->preemption_ticks =
		tsc_host.hz / PREEMPTION_HZ >> (rdmsr(MSR_VMX_MISC) & MISC_TIMER_SHIFT);
	log_info("vmx: VT-x with EPT (pages of %s, A/D bits %s), VPID, unrestricted guest, "
		 "preemption "
		 "timer %s",
		 c->ept_vpid & CAP_EPT_1G ? "4 KiB to 1 GiB" : "4 KiB and 2 MiB",
		 c->ept_vpid & CAP_EPT_AD ? "on" : "missing",
		 c->pin & PIN_PREEMPTION_TIMER ? "on" : "missing");
	return 0;
}

static bool vmxon(uint64_t region)
{
	bool failed;

	__asm__ volatile("vmxon %1" : "=@ccbe"(failed) : "m"(region) : "memory");
	return !failed;
}

static int vmx_cpu_on(void)
{
	unsigned id = this_cpu()->id;
	struct vmcs_region *region;

	if (!(rdmsr(MSR_FEATURE_CONTROL) & FEATURE_CONTROL_LOCK))
		wrmsr(MSR_FEATURE_CONTROL,
		      rdmsr(MSR_FEATURE_CONTROL) | FEATURE_CONTROL_VMX | FEATURE_CONTROL_LOCK);
	if (!(rdmsr(MSR_FEATURE_CONTROL) & FEATURE_CONTROL_VMX)) {
		log_error("vmx: CPU %u has VT-x locked off while the first CPU has not: update the "
			  "firmware, or switch VT-x off and on in its setup",
			  id);
		return -ENODEV;
	}
	region = page_alloc(ORDER_4K, MEM_CORE);
	if (!region)
		return -ENOMEM;
	region->revision = vmx_caps.revision;
	write_cr0((read_cr0() | vmx_caps.cr0_fixed0) & vmx_caps.cr0_fixed1);
	write_cr4((read_cr4() | vmx_caps.cr4_fixed0 | CR4_VMXE) & vmx_caps.cr4_fixed1);
	if (!vmxon(hpa_of(region).raw)) {
		log_error("vmx: CPU %u refused VMXON: another program has VT-x in use on it", id);
		write_cr4(read_cr4() & ~CR4_VMXE);
		page_free(region, ORDER_4K, MEM_CORE);
		return -ENODEV;
	}
	vmxon_regions[id] = region;
	return 0;
}

static void current_set(const struct virt_vcpu *v)
{
	if (!vmcs_load(hpa_of(v->control).raw))
		panic("vmx: VMPTRLD of a VMCS of ours failed");
}

/* VMCLEAR also writes the VMCS back, so that another CPU may take it. */
static void current_clear(struct virt_vcpu *v)
{
	if (!vmcs_clear(hpa_of(v->control).raw))
		panic("vmx: VMCLEAR of a VMCS of ours failed");
	vmx_vcpu(v)->launched = false;
}

void vmx_borrow_other(struct virt_vcpu *v)
{
	current_set(v);
}

void vmx_return_other(struct virt_vcpu *v)
{
	struct virt_vcpu *current = current_vcpus[this_cpu()->id];

	current_clear(v);
	if (current)
		current_set(current);
}

void vmx_take(struct virt_vcpu *v)
{
	current_set(v);
	current_vcpus[this_cpu()->id] = v;
	vmx_vcpu(v)->loaded = true;
}

void vmx_release(struct virt_vcpu *v)
{
	current_clear(v);
	current_vcpus[this_cpu()->id] = NULL;
	vmx_vcpu(v)->loaded = false;
}

const struct virt_ops vmx_ops = {
	.name = "VMX",
	.nested_format = &ptab_ept,
	.tpr_in_apic_page = true,
	.probe = vmx_probe,
	.cpu_on = vmx_cpu_on,
	.vm_init = vmx_vm_init,
	.vm_fini = vmx_vm_fini,
	.vcpu_init = vmx_vcpu_init,
	.vcpu_fini = vmx_vcpu_fini,
	.vcpu_reset = vmx_vcpu_reset,
	.vcpu_load = vmx_vcpu_load,
	.vcpu_put = vmx_vcpu_put,
	.run = vmx_run,
	.get = vmx_get,
	.set = vmx_set,
	.get_context = vmx_get_context,
	.get_segment = vmx_get_segment,
	.set_segment = vmx_set_segment,
	.inject = vmx_inject,
	.want_window = vmx_want_window,
	.pass_io = vmx_pass_io,
	.pass_msr = vmx_pass_msr,
	.dump = vmx_dump,
};
