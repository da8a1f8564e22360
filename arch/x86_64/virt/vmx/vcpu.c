/* SPDX-License-Identifier: MIT */
/*
 * One vCPU's state: the VMCS from its making to its end, the registers that the CPU keeps for the
 * guest while it is loaded, and the guest's own view of CR0, CR4 and EFER.
 */
#include "arch/x86_64/virt/vmx/vmx.h"

#include "arch/x86_64/apic.h"
#include "arch/x86_64/asm.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/cpuid.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/msr.h"
#include "arch/x86_64/ptab.h"
#include "lib/errno.h"
#include "lib/lock.h"
#include "lib/string.h"

/* entry.S goes by these. */
_Static_assert(offsetof(struct virt_vcpu, gpr) == 0, "the registers come first");
_Static_assert(RSP == 4 && R15 == 15 && GPRS == 16, "the registers are in their encoding's order");
_Static_assert(sizeof(struct vmx_vcpu) <= PAGE_SIZE, "it is allocated as a page");

/* Bits of CR0 that a guest does not change without an exit. NE must be on; caching is Plinth's. */
static const uint64_t cr0_owned = CR0_PE | CR0_NE | CR0_NW | CR0_CD | CR0_PG;

enum { VPIDS = 1024, PDPTES = 4 };

/* In TSC ticks: PAUSEs no further apart than this are one loop, which exits after so long. */
enum { PAUSE_GAP = 128, PAUSE_WINDOW = 4096 };

#define CR3_PDPT_ADDR  0xffffffe0ull
#define PDPTE_RESERVED (BIT(1) | BIT(2) | BIT(5) | BIT(6) | BIT(7) | BIT(8))

#define RESET_CR0     (CR0_CD | CR0_NW | CR0_ET)
#define RESET_CS_BASE 0xffff0000ull
#define NO_VMCS	      (~0ull)
#define NO_PAGE	      (~0ull)

static const uint32_t msr_numbers[VMX_MSRS] = {
	[VMX_MSR_STAR] = MSR_STAR,
	[VMX_MSR_LSTAR] = MSR_LSTAR,
	[VMX_MSR_CSTAR] = MSR_CSTAR,
	[VMX_MSR_SFMASK] = MSR_SFMASK,
	[VMX_MSR_KERNEL_GS_BASE] = MSR_KERNEL_GS_BASE,
	[VMX_MSR_TSC_AUX] = MSR_TSC_AUX,
};

/* A VPID is a guest's name in the TLB; 0 is the host's. */
static struct {
	struct lock lock;
	uint64_t used[VPIDS / 64];
} vpids = { .used = { 1 } };

static uint16_t vpid_get(void)
{
	uint16_t vpid = 0;

	lock_take(&vpids.lock);
	for (unsigned i = 0; i < ARRAY_SIZE(vpids.used) && !vpid; i++) {
		if (vpids.used[i] == UINT64_MAX)
			continue;
		unsigned bit = __builtin_ctzll(~vpids.used[i]);

		vpids.used[i] |= BIT(bit);
		vpid = i * 64 + bit;
	}
	lock_drop(&vpids.lock);
	return vpid;
}

static void vpid_put(uint16_t vpid)
{
	if (!vpid)
		return;
	lock_take(&vpids.lock);
	vpids.used[vpid / 64] &= ~BIT(vpid % 64);
	lock_drop(&vpids.lock);
}

/* All that a vCPU's VMCS keeps for good. */
static void controls_write(struct virt_vcpu *v)
{
	const struct vmx_caps *c = &vmx_caps;
	struct vmx_vcpu *x = vmx_vcpu(v);

	vmcs_write(VMCS_PIN_CONTROLS, c->pin);
	vmcs_write(VMCS_PROC_CONTROLS, c->proc);
	/* Who has but one CPU waits for nobody else's. */
	vmcs_write(VMCS_PROC2_CONTROLS,
		   v->vm->vcpu_count > 1 ? c->proc2 : c->proc2 & ~(uint32_t)PROC2_PAUSE_LOOP);
	if (c->proc2 & PROC2_PAUSE_LOOP) {
		vmcs_write(VMCS_PLE_GAP, PAUSE_GAP);
		vmcs_write(VMCS_PLE_WINDOW, PAUSE_WINDOW);
	}
	vmcs_write(VMCS_EXIT_CONTROLS, c->exit);
	vmcs_write(VMCS_ENTRY_CONTROLS, c->entry);
	/* #DB and #AC: a guest may have the CPU deliver them for ever (CVE-2015-8104, -5307). */
	vmcs_write(VMCS_EXCEPTION_BITMAP, BIT(VEC_DB) | BIT(VEC_AC) | BIT(VEC_MC));
	vmcs_write(VMCS_VPID, x->vpid);
	vmcs_write(VMCS_EPT_POINTER, x->eptp);
	vmcs_write(VMCS_IO_BITMAP_A, hpa_of(v->vm->io_map).raw);
	vmcs_write(VMCS_IO_BITMAP_B, hpa_of(v->vm->io_map).raw + PAGE_SIZE);
	vmcs_write(VMCS_MSR_BITMAP, hpa_of(v->vm->msr_map).raw);
	vmcs_write(VMCS_VIRTUAL_APIC_PAGE, hpa_of(v->apic_page).raw);
	vmcs_write(VMCS_APIC_ACCESS_PAGE, hpa_of(v->vm->apic_access).raw);
	vmcs_write(VMCS_CR0_MASK, cr0_owned);
	vmcs_write(VMCS_CR4_MASK, ~c->cr4_pass);
	vmcs_write(VMCS_LINK, NO_VMCS);
	if (c->pin & PIN_PREEMPTION_TIMER)
		vmcs_write(VMCS_PREEMPTION_TIMER, c->preemption_ticks);
}

struct table_pointer {
	uint16_t limit;
	uint64_t base;
} packed;

/* What an exit loads into this CPU. */
static void host_write(struct virt_vcpu *v)
{
	const struct cpu *cpu = this_cpu();
	struct table_pointer table;

	vmcs_write(VMCS_HOST_CR0, read_cr0());
	vmcs_write(VMCS_HOST_CS_SELECTOR, SELECTOR_CODE);
	vmcs_write(VMCS_HOST_SS_SELECTOR, SELECTOR_DATA);
	vmcs_write(VMCS_HOST_DS_SELECTOR, SELECTOR_DATA);
	vmcs_write(VMCS_HOST_ES_SELECTOR, SELECTOR_DATA);
	vmcs_write(VMCS_HOST_TR_SELECTOR, SELECTOR_TSS);
	vmcs_write(VMCS_HOST_GS_BASE, (uint64_t)cpu);
	vmcs_write(VMCS_HOST_TR_BASE, (uint64_t)&cpu->tss);
	__asm__ volatile("sgdt %0" : "=m"(table));
	vmcs_write(VMCS_HOST_GDTR_BASE, table.base);
	__asm__ volatile("sidt %0" : "=m"(table));
	vmcs_write(VMCS_HOST_IDTR_BASE, table.base);
	vmcs_write(VMCS_HOST_EFER, rdmsr(MSR_EFER));
	vmcs_write(VMCS_HOST_PAT, rdmsr(MSR_PAT));
	vmcs_write(VMCS_HOST_RSP, (uint64_t)&v->gpr[GPRS]);
	vmcs_write(VMCS_HOST_RIP, (uint64_t)vmx_exit);
}

int vmx_vcpu_init(struct virt_vcpu *v)
{
	struct vmx_vcpu *x = page_alloc(ORDER_4K, MEM_VM);
	struct vmcs_region *region = page_alloc(ORDER_4K, MEM_VM);

	v->vendor = x;
	v->control = region;
	if (!x || !region)
		goto err_alloc;
	x->vpid = vpid_get();
	if (!x->vpid)
		goto err_alloc;
	x->eptp = hpa_of(v->vm->nested->root).raw | EPTP_WALK4 | EPTP_WB |
		  (vmx_caps.ept_vpid & CAP_EPT_AD ? EPTP_AD : 0);
	region->revision = vmx_caps.revision;
	/* The first loading of a new region is after VMCLEAR. */
	vmcs_clear(hpa_of(region).raw);
	vmx_borrow(v);
	controls_write(v);
	vmx_return(v);
	vmx_vcpu_reset(v);
	return 0;
err_alloc:
	vmx_vcpu_fini(v);
	return -ENOMEM;
}

void vmx_vcpu_fini(struct virt_vcpu *v)
{
	struct vmx_vcpu *x = v->vendor;

	if (x) {
		if (x->loaded)
			vmx_vcpu_put(v);
		vpid_put(x->vpid);
		page_free(x, ORDER_4K, MEM_VM);
	}
	if (v->control)
		page_free(v->control, ORDER_4K, MEM_VM);
	v->vendor = v->control = NULL;
}

static void msrs_swap_in(const struct vmx_vcpu *x)
{
	for (unsigned i = 0; i < VMX_MSRS; i++) {
		if (i != VMX_MSR_TSC_AUX || vmx_caps.tsc_aux)
			wrmsr(msr_numbers[i], x->msrs[i]);
	}
}

static void msrs_swap_out(struct vmx_vcpu *x)
{
	for (unsigned i = 0; i < VMX_MSRS; i++) {
		if (i != VMX_MSR_TSC_AUX || vmx_caps.tsc_aux)
			x->msrs[i] = rdmsr(msr_numbers[i]);
	}
}

void vmx_vcpu_load(struct virt_vcpu *v)
{
	struct vmx_vcpu *x = vmx_vcpu(v);

	if (x->loaded)
		return;
	vmx_take(v);
	if (x->cpu != this_cpu()) {
		host_write(v);
		/* Translations of the last time on this CPU may be stale. */
		x->todo |= TODO_FLUSH_LINEAR | TODO_FLUSH_NESTED;
		x->cpu = this_cpu();
	}
	vmcs_write(VMCS_HOST_CR3, read_cr3());
	vmcs_write(VMCS_HOST_CR4, read_cr4());
	msrs_swap_in(x);
	write_dr0(x->dr[0]);
	write_dr1(x->dr[1]);
	write_dr2(x->dr[2]);
	write_dr3(x->dr[3]);
	write_dr6(x->dr6);
	write_cr2(x->cr2);
}

void vmx_vcpu_put(struct virt_vcpu *v)
{
	struct vmx_vcpu *x = vmx_vcpu(v);

	if (!x->loaded)
		return;
	msrs_swap_out(x);
	x->dr[0] = read_dr0();
	x->dr[1] = read_dr1();
	x->dr[2] = read_dr2();
	x->dr[3] = read_dr3();
	x->dr6 = read_dr6();
	x->cr2 = read_cr2();
	vmx_release(v);
}

/* Where a register is a field of the VMCS, and no more than that; 0, which is VPID's: it is not. */
static const uint16_t vreg_fields[VREGS] = {
	[VREG_CR3] = VMCS_GUEST_CR3,
	[VREG_EFER] = VMCS_GUEST_EFER,
	[VREG_DR7] = VMCS_GUEST_DR7,
	[VREG_PAT] = VMCS_GUEST_PAT,
	[VREG_SYSENTER_CS] = VMCS_GUEST_SYSENTER_CS,
	[VREG_SYSENTER_ESP] = VMCS_GUEST_SYSENTER_ESP,
	[VREG_SYSENTER_EIP] = VMCS_GUEST_SYSENTER_EIP,
	[VREG_DEBUGCTL] = VMCS_GUEST_DEBUGCTL,
	[VREG_TSC_OFFSET] = VMCS_TSC_OFFSET,
};

/* Where it is an MSR that the CPU keeps: enum vmx_msr + 1. */
static const uint8_t vreg_msrs[VREGS] = {
	[VREG_STAR] = VMX_MSR_STAR + 1,
	[VREG_LSTAR] = VMX_MSR_LSTAR + 1,
	[VREG_CSTAR] = VMX_MSR_CSTAR + 1,
	[VREG_SFMASK] = VMX_MSR_SFMASK + 1,
	[VREG_KERNEL_GS_BASE] = VMX_MSR_KERNEL_GS_BASE + 1,
	[VREG_TSC_AUX] = VMX_MSR_TSC_AUX + 1,
};

static uint8_t *tpr_of(const struct virt_vcpu *v)
{
	return (uint8_t *)v->apic_page + APIC_TPR;
}

static uint64_t msr_get(const struct vmx_vcpu *x, enum vmx_msr i)
{
	if (x->loaded && (i != VMX_MSR_TSC_AUX || vmx_caps.tsc_aux))
		return rdmsr(msr_numbers[i]);
	return x->msrs[i];
}

static uint64_t cr_view(enum vmcs_field cr, enum vmcs_field mask, enum vmcs_field shadow)
{
	uint64_t owned = vmcs_read(mask);

	return (vmcs_read(cr) & ~owned) | (vmcs_read(shadow) & owned);
}

static uint64_t cr0_get(void)
{
	return cr_view(VMCS_GUEST_CR0, VMCS_CR0_MASK, VMCS_CR0_SHADOW);
}

static uint64_t cr4_get(void)
{
	return cr_view(VMCS_GUEST_CR4, VMCS_CR4_MASK, VMCS_CR4_SHADOW);
}

/* The registers that are more than a field or an MSR; the VMCS is current. */
static uint64_t special_get(struct virt_vcpu *v, enum vreg reg)
{
	const struct vmx_vcpu *x = vmx_vcpu(v);

	switch (reg) {
	case VREG_CR0: return cr0_get();
	case VREG_CR4: return cr4_get();
	case VREG_CR2: return x->loaded ? read_cr2() : x->cr2;
	case VREG_DR6: return x->loaded ? read_dr6() : x->dr6;
	case VREG_NMI_BLOCKED: return !!(vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) & BLOCKING_NMI);
	case VREG_TPR: return *tpr_of(v) >> 4;
	case VREG_APIC_PAGE: return x->apic_usual ? APIC_BASE_DEFAULT : NO_PAGE;
	default: return 0;
	}
}

uint64_t vmx_get(struct virt_vcpu *v, enum vreg reg)
{
	uint64_t value;

	vmx_borrow(v);
	if (vreg_fields[reg])
		value = vmcs_read(vreg_fields[reg]);
	else if (vreg_msrs[reg])
		value = msr_get(vmx_vcpu(v), vreg_msrs[reg] - 1);
	else
		value = special_get(v, reg);
	vmx_return(v);
	return value;
}

/*
 * In PAE paging the CPU takes the four top entries from the VMCS (SDM 3, "Loading Guest Page-
 * Directory-Pointer-Table Entries"). One with reserved bits set would fail the entry: it counts as
 * not present.
 */
static void pdptes_load(struct virt_vcpu *v)
{
	const uint64_t *pdpt = NULL;
	hpa_t at;

	if (!ptab_lookup(v->vm->nested, vmcs_read(VMCS_GUEST_CR3) & CR3_PDPT_ADDR, &at, NULL, NULL))
		pdpt = hpa_ptr(at);
	for (unsigned i = 0; i < PDPTES; i++) {
		uint64_t e = pdpt ? pdpt[i] : 0;

		if ((e & PDPTE_RESERVED) || e >> 52)
			e = 0;
		vmcs_write(VMCS_GUEST_PDPTE0 + 2 * i, e);
	}
}

/* CR0, CR4 and EFER as the guest sees them → the VMCS's fields, and the mode that follows. */
static void modes_write(struct virt_vcpu *v, uint64_t cr0, uint64_t cr4, uint64_t efer)
{
	const struct vmx_caps *c = &vmx_caps;
	bool lma = (efer & EFER_LME) && (cr0 & CR0_PG);
	uint64_t needed = c->cr0_fixed0 & ~(CR0_PE | CR0_PG);

	vmcs_write(VMCS_GUEST_CR0, ((cr0 & ~(CR0_CD | CR0_NW)) | needed) & c->cr0_fixed1);
	vmcs_write(VMCS_CR0_SHADOW, cr0);
	/*
	 * A machine check is the host's, whatever the guest thinks of them: without MCE it would be
	 * a shutdown.
	 */
	vmcs_write(VMCS_GUEST_CR4, (cr4 | CR4_MCE | c->cr4_fixed0) & c->cr4_fixed1);
	vmcs_write(VMCS_CR4_SHADOW, cr4);
	vmcs_write(VMCS_GUEST_EFER, (efer & ~EFER_LMA) | (lma ? EFER_LMA : 0));
	vmcs_write(VMCS_ENTRY_CONTROLS, c->entry | (lma ? ENTRYC_IA32E : 0));
	if (!lma && (cr0 & CR0_PG) && (cr4 & CR4_PAE))
		pdptes_load(v);
	vmx_vcpu(v)->todo |= TODO_FLUSH_LINEAR;
}

static void nmi_blocking_set(bool blocked)
{
	uint32_t old = vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) & ~BLOCKING_NMI;

	vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, old | (blocked ? BLOCKING_NMI : 0));
}

static void msr_set(struct vmx_vcpu *x, enum vmx_msr i, uint64_t value)
{
	x->msrs[i] = value;
	if (x->loaded && (i != VMX_MSR_TSC_AUX || vmx_caps.tsc_aux))
		wrmsr(msr_numbers[i], value);
}

/*
 * Where the hardware serves the APIC's registers, the nested tables have a page that stands for
 * them (SDM 3, "Virtualizing Memory-Mapped APIC Accesses"). All vCPUs have the same tables: so it
 * is there only while the registers of all are, at their usual place; else Plinth's own way serves.
 * A vCPU that leaves takes the page away: that all forget it is the caller's to see to.
 */
static void apic_page_set(struct virt_vcpu *v, uint64_t at)
{
	struct vmx_vcpu *x = vmx_vcpu(v);
	struct virt_vm *vm = v->vm;
	bool usual = at == APIC_BASE_DEFAULT;

	if (!vmx_caps.serves_apic || usual == x->apic_usual)
		return;
	lock_take(&vm->lock);
	x->apic_usual = usual;
	vm->apic_users += usual ? 1 : -1;
	if (usual && vm->apic_users == vm->vcpu_count)
		vm->apic_mapped = !ptab_map(vm->nested, APIC_BASE_DEFAULT, hpa_of(vm->apic_access),
					    PAGE_SIZE, PTAB_R | PTAB_W);
	else if (vm->apic_mapped)
		vm->apic_mapped = ptab_unmap(vm->nested, APIC_BASE_DEFAULT, PAGE_SIZE);
	lock_drop(&vm->lock);
	x->todo |= TODO_FLUSH_NESTED;
}

static void special_set(struct virt_vcpu *v, enum vreg reg, uint64_t value)
{
	struct vmx_vcpu *x = vmx_vcpu(v);

	switch (reg) {
	case VREG_CR2:
		x->cr2 = value;
		if (x->loaded)
			write_cr2(value);
		break;
	case VREG_DR6:
		x->dr6 = value;
		if (x->loaded)
			write_dr6(value);
		break;
	case VREG_NMI_BLOCKED: nmi_blocking_set(value); break;
	case VREG_TPR:
		/* The low half is the APIC's own; CR8 clears it only when it changes the rest. */
		if (*tpr_of(v) >> 4 != value)
			*tpr_of(v) = value << 4;
		break;
	case VREG_APIC_PAGE: apic_page_set(v, value); break;
	case VREG_NESTED_TLB: x->todo |= TODO_FLUSH_NESTED; break;
	default: break;
	}
}

void vmx_set(struct virt_vcpu *v, enum vreg reg, uint64_t value)
{
	vmx_borrow(v);
	if (reg == VREG_CR0)
		modes_write(v, value, cr4_get(), vmcs_read(VMCS_GUEST_EFER));
	else if (reg == VREG_CR4)
		modes_write(v, cr0_get(), value, vmcs_read(VMCS_GUEST_EFER));
	else if (reg == VREG_EFER)
		modes_write(v, cr0_get(), cr4_get(), value);
	else if (vreg_fields[reg])
		vmcs_write(vreg_fields[reg], value);
	else if (vreg_msrs[reg])
		msr_set(vmx_vcpu(v), vreg_msrs[reg] - 1, value);
	else
		special_set(v, reg, value);
	if (reg == VREG_CR3)
		modes_write(v, cr0_get(), cr4_get(), vmcs_read(VMCS_GUEST_EFER));
	vmx_return(v);
}

void vmx_get_context(struct virt_vcpu *v, struct virt_context *c)
{
	uint32_t ss_rights;

	vmx_borrow(v);
	c->cr0 = (uint32_t)cr0_get();
	c->cr3 = vmcs_read(VMCS_GUEST_CR3);
	c->cr4 = (uint32_t)cr4_get();
	c->efer = (uint32_t)vmcs_read(VMCS_GUEST_EFER);
	c->cs_base = vmcs_read(VMCS_GUEST_CS_BASE);
	c->cs_attr = vmcs_read(VMCS_GUEST_CS_RIGHTS) & RIGHTS_ATTR;
	ss_rights = (uint32_t)vmcs_read(VMCS_GUEST_SS_RIGHTS);
	c->cpl = ss_rights >> SEG_DPL_SHIFT & 3;
	vmx_return(v);
}

void vmx_get_segment(struct virt_vcpu *v, enum vseg seg, struct segment *s)
{
	unsigned n = VMCS_SEGMENT_STEP * seg;

	*s = (struct segment){ 0 };
	vmx_borrow(v);
	s->base = vmcs_read(VMCS_GUEST_ES_BASE + n);
	s->limit = vmcs_read(VMCS_GUEST_ES_LIMIT + n);
	if (seg <= VSEG_TR) {
		uint32_t rights = vmcs_read(VMCS_GUEST_ES_RIGHTS + n);

		s->selector = vmcs_read(VMCS_GUEST_ES_SELECTOR + n);
		s->attr = rights & RIGHTS_ATTR;
		if (rights & RIGHTS_UNUSABLE)
			s->attr &= ~SEG_P;
	}
	vmx_return(v);
}

void vmx_set_segment(struct virt_vcpu *v, enum vseg seg, const struct segment *s)
{
	unsigned n = VMCS_SEGMENT_STEP * seg;

	vmx_borrow(v);
	vmcs_write(VMCS_GUEST_ES_BASE + n, s->base);
	vmcs_write(VMCS_GUEST_ES_LIMIT + n, s->limit);
	if (seg <= VSEG_TR) {
		vmcs_write(VMCS_GUEST_ES_SELECTOR + n, s->selector);
		vmcs_write(VMCS_GUEST_ES_RIGHTS + n,
			   (s->attr & RIGHTS_ATTR) | (s->attr & SEG_P ? 0 : RIGHTS_UNUSABLE));
	}
	vmx_return(v);
}

enum { RESET_LIMIT = 0xffff, RESET_CS = 0xf000, RESET_RIP = 0xfff0 };
enum { ATTR_CODE = SEG_P | SEG_S | 0xb, ATTR_DATA = SEG_P | SEG_S | 0x3 };
enum { ATTR_LDT = SEG_P | 0x2, ATTR_TSS = SEG_P | 0xb };

static void segments_reset(struct virt_vcpu *v)
{
	for (enum vseg seg = 0; seg < VSEGS; seg++) {
		struct segment s = { .limit = RESET_LIMIT, .attr = ATTR_DATA };

		if (seg == VSEG_CS)
			s = (struct segment){ RESET_CS_BASE, RESET_LIMIT, RESET_CS, ATTR_CODE };
		else if (seg == VSEG_LDTR)
			s.attr = ATTR_LDT;
		else if (seg == VSEG_TR)
			s.attr = ATTR_TSS;
		vmx_set_segment(v, seg, &s);
	}
}

static void drs_set(struct vmx_vcpu *x, uint64_t value)
{
	for (unsigned i = 0; i < VMX_DRS; i++)
		x->dr[i] = value;
	if (!x->loaded)
		return;
	write_dr0(value);
	write_dr1(value);
	write_dr2(value);
	write_dr3(value);
}

void vmx_vcpu_reset(struct virt_vcpu *v)
{
	static const uint8_t zero[] = { VREG_CR2,	   VREG_CR3,
					VREG_SYSENTER_CS,  VREG_SYSENTER_ESP,
					VREG_SYSENTER_EIP, VREG_STAR,
					VREG_LSTAR,	   VREG_CSTAR,
					VREG_SFMASK,	   VREG_KERNEL_GS_BASE,
					VREG_TSC_AUX,	   VREG_DEBUGCTL,
					VREG_TPR };
	struct vmx_vcpu *x = vmx_vcpu(v);

	memset(v->gpr, 0, sizeof(v->gpr));
	v->gpr[RDX] = cpuid(CPUID_FEATURES, 0).eax;
	v->rip = RESET_RIP;
	v->rflags = RFLAGS_FIXED;
	drs_set(x, 0);
	vmx_borrow(v);
	vmcs_write(VMCS_GUEST_RSP, x->rsp = v->gpr[RSP]);
	vmcs_write(VMCS_GUEST_RFLAGS, x->rflags = v->rflags);
	modes_write(v, RESET_CR0, 0, 0);
	vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, 0);
	v->exit.shadow = x->shadow = 0;
	vmcs_write(VMCS_GUEST_ACTIVITY, ACTIVITY_ACTIVE);
	vmcs_write(VMCS_GUEST_PENDING_DEBUG, 0);
	vmcs_write(VMCS_ENTRY_INTR_INFO, 0);
	vmx_return(v);
	for (unsigned i = 0; i < ARRAY_SIZE(zero); i++)
		vmx_set(v, zero[i], 0);
	vmx_set(v, VREG_DR6, DR6_INIT);
	vmx_set(v, VREG_DR7, DR7_INIT);
	vmx_set(v, VREG_PAT, PAT_RESET);
	vmx_want_window(v, WINDOW_NONE);
	segments_reset(v);
}
