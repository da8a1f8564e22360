/* SPDX-License-Identifier: MIT */
/*
 * Why a guest could not be entered. The CPU says only that its state was wrong; so the checks of
 * the manual are walked here in its order, and the first that fails is named with the field and its
 * value (SDM 3, "Checks on the Guest State Area"). Pure but for the last part: tests fake the VMCS.
 */
#include "arch/x86_64/virt/vmx/vmx.h"

#include "arch/x86_64/asm.h"
#include "arch/x86_64/cpuid.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/ptab.h"
#include "lib/log.h"
#include "lib/printf.h"

/* One walk of the checks. */
struct check {
	const struct vmx_state *s;
	char *text;
	size_t size;
	bool ia32e, v8086;
};

static uint64_t get(const struct check *c, enum vmcs_field field)
{
	return c->s->read(c->s->arg, field);
}

/* Names the culprit; always true. */
static bool bad(const struct check *c, enum vmcs_field field, const char *rule)
{
	fmt_print(c->text, c->size, "%s is 0x%llx: %s", vmx_field_name(field),
		  (unsigned long long)get(c, field), rule);
	return true;
}

static bool canonical(uint64_t address)
{
	return (uint64_t)((int64_t)(address << 16) >> 16) == address;
}

#define UPPER_HALF		  (~0ull << 32)
#define DEBUGCTL_RESERVED	  (~0ull << 16)
#define EFER_VALID		  (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)
#define RFLAGS_RESERVED		  (~0ull << 22 | BIT(15) | BIT(5) | BIT(3))
#define PENDING_RESERVED	  (~(PENDING_BREAKPOINTS | PENDING_ENABLED | PENDING_BS | PENDING_RTM))
#define INTERRUPTIBILITY_RESERVED (~0x1full)
#define PDPTE_P			  BIT(0)
#define PDPTE_RESERVED		  (BIT(1) | BIT(2) | BIT(5) | BIT(6) | BIT(7) | BIT(8))

static bool check_cr(const struct check *c)
{
	const struct vmx_caps *caps = c->s->caps;
	uint64_t cr0 = get(c, VMCS_GUEST_CR0), cr4 = get(c, VMCS_GUEST_CR4);
	uint64_t on = caps->cr0_fixed0 & ~(CR0_PE | CR0_PG);

	if ((cr0 & on) != on)
		return bad(c, VMCS_GUEST_CR0, "a bit is 0 that IA32_VMX_CR0_FIXED0 wants 1");
	if (cr0 & ~caps->cr0_fixed1)
		return bad(c, VMCS_GUEST_CR0, "a bit is 1 that IA32_VMX_CR0_FIXED1 wants 0");
	if ((cr0 & CR0_PG) && !(cr0 & CR0_PE))
		return bad(c, VMCS_GUEST_CR0, "PG needs PE");
	if ((cr4 & caps->cr4_fixed0) != caps->cr4_fixed0)
		return bad(c, VMCS_GUEST_CR4, "a bit is 0 that IA32_VMX_CR4_FIXED0 wants 1");
	if (cr4 & ~caps->cr4_fixed1)
		return bad(c, VMCS_GUEST_CR4, "a bit is 1 that IA32_VMX_CR4_FIXED1 wants 0");
	if ((cr4 & CR4_CET) && !(cr0 & CR0_WP))
		return bad(c, VMCS_GUEST_CR4, "CET needs CR0.WP");
	if (c->ia32e && !(cr0 & CR0_PG))
		return bad(c, VMCS_GUEST_CR0, "an entry to long mode needs PG");
	if (c->ia32e && !(cr4 & CR4_PAE))
		return bad(c, VMCS_GUEST_CR4, "an entry to long mode needs PAE");
	if (!c->ia32e && (cr4 & CR4_PCIDE))
		return bad(c, VMCS_GUEST_CR4, "PCIDE needs long mode");
	if (get(c, VMCS_GUEST_CR3) >> c->s->physical_bits)
		return bad(c, VMCS_GUEST_CR3,
			   "a bit is set beyond the width of physical addresses");
	return false;
}

static bool pat_valid(uint64_t pat)
{
	for (unsigned i = 0; i < 8; i++, pat >>= 8) {
		uint8_t type = pat;

		if (type > 7 || type == 2 || type == 3)
			return false;
	}
	return true;
}

static bool check_msrs(const struct check *c)
{
	uint64_t efer = get(c, VMCS_GUEST_EFER);

	if (get(c, VMCS_GUEST_DEBUGCTL) & DEBUGCTL_RESERVED)
		return bad(c, VMCS_GUEST_DEBUGCTL, "a reserved bit is set");
	if (get(c, VMCS_GUEST_DR7) & UPPER_HALF)
		return bad(c, VMCS_GUEST_DR7, "bits 63:32 must be 0");
	if (!canonical(get(c, VMCS_GUEST_SYSENTER_ESP)))
		return bad(c, VMCS_GUEST_SYSENTER_ESP, "not a canonical address");
	if (!canonical(get(c, VMCS_GUEST_SYSENTER_EIP)))
		return bad(c, VMCS_GUEST_SYSENTER_EIP, "not a canonical address");
	if (!pat_valid(get(c, VMCS_GUEST_PAT)))
		return bad(c, VMCS_GUEST_PAT, "a byte is not a memory type (0, 1, 4, 5, 6, 7)");
	if (efer & ~EFER_VALID)
		return bad(c, VMCS_GUEST_EFER, "a reserved bit is set");
	if (!!(efer & EFER_LMA) != c->ia32e)
		return bad(c, VMCS_GUEST_EFER,
			   "LMA must be the entry control \"IA-32e mode guest\"");
	if ((get(c, VMCS_GUEST_CR0) & CR0_PG) && !!(efer & EFER_LMA) != !!(efer & EFER_LME))
		return bad(c, VMCS_GUEST_EFER, "with paging on, LMA must be LME");
	return false;
}

/* A segment as the checks see it. */
struct seen {
	enum vseg seg;
	uint64_t selector, base, limit, rights;
	unsigned type, dpl;
	bool usable;
};

static enum vmcs_field field_of(enum vmcs_field es, enum vseg seg)
{
	return es + VMCS_SEGMENT_STEP * seg;
}

static struct seen seen(const struct check *c, enum vseg seg)
{
	struct seen r = {
		.seg = seg,
		.selector = get(c, field_of(VMCS_GUEST_ES_SELECTOR, seg)),
		.base = get(c, field_of(VMCS_GUEST_ES_BASE, seg)),
		.limit = get(c, field_of(VMCS_GUEST_ES_LIMIT, seg)),
		.rights = get(c, field_of(VMCS_GUEST_ES_RIGHTS, seg)),
	};

	r.type = r.rights & SEG_TYPE;
	r.dpl = r.rights >> SEG_DPL_SHIFT & 3;
	r.usable = !(r.rights & RIGHTS_UNUSABLE);
	return r;
}

static bool bad_base(const struct check *c, enum vseg seg, const char *rule)
{
	return bad(c, field_of(VMCS_GUEST_ES_BASE, seg), rule);
}

static bool bad_rights(const struct check *c, enum vseg seg, const char *rule)
{
	return bad(c, field_of(VMCS_GUEST_ES_RIGHTS, seg), rule);
}

enum { SELECTOR_TI = 4, V8086_LIMIT = 0xffff, V8086_RIGHTS = 0xf3 };

static bool check_v8086(const struct check *c)
{
	for (enum vseg seg = VSEG_ES; seg <= VSEG_GS; seg++) {
		struct seen r = seen(c, seg);

		if (r.base != r.selector << 4)
			return bad_base(c, seg,
					"in virtual-8086 mode it must be 16 × the selector");
		if (r.limit != V8086_LIMIT)
			return bad(c, field_of(VMCS_GUEST_ES_LIMIT, seg),
				   "in virtual-8086 mode it must be 0xffff");
		if (r.rights != V8086_RIGHTS)
			return bad_rights(c, seg, "in virtual-8086 mode they must be 0xf3");
	}
	return false;
}

/* What holds for every usable segment. */
static bool check_usable(const struct check *c, const struct seen *r)
{
	bool system = r->seg >= VSEG_LDTR;

	if (!(r->rights & SEG_S) != system)
		return bad_rights(c, r->seg, system ? "S must be 0" : "S must be 1");
	if (!(r->rights & SEG_P))
		return bad_rights(c, r->seg, "P must be 1");
	if (r->rights & ~(uint64_t)(RIGHTS_ATTR | RIGHTS_UNUSABLE))
		return bad_rights(c, r->seg, "bits 31:17 and 11:8 must be 0");
	if ((r->limit & PAGE_MASK) != PAGE_MASK && (r->rights & SEG_G))
		return bad_rights(c, r->seg,
				  "G must be 0, as the limit's low 12 bits are not all 1");
	if (r->limit >> 20 && !(r->rights & SEG_G))
		return bad_rights(c, r->seg, "G must be 1, as the limit is above 0xfffff");
	return false;
}

enum { TYPE_ACCESSED = 1, TYPE_READABLE = 2, TYPE_CONFORMING = 4, TYPE_CODE = 8 };
enum { TYPE_DATA = 3, TYPE_DATA_DOWN = 7, TYPE_LDT = 2, TYPE_TSS16 = 3, TYPE_TSS = 11 };

static bool check_cs(const struct check *c)
{
	struct seen cs = seen(c, VSEG_CS), ss = seen(c, VSEG_SS);

	if (!cs.usable)
		return bad_rights(c, VSEG_CS, "CS must be usable");
	if (cs.base & UPPER_HALF)
		return bad_base(c, VSEG_CS, "bits 63:32 must be 0");
	if (cs.type != TYPE_DATA && (!(cs.type & TYPE_CODE) || !(cs.type & TYPE_ACCESSED)))
		return bad_rights(c, VSEG_CS, "the type must be 3, 9, 11, 13 or 15");
	if (check_usable(c, &cs))
		return true;
	if (cs.type == TYPE_DATA && cs.dpl)
		return bad_rights(c, VSEG_CS, "with type 3 DPL must be 0");
	if ((cs.type & TYPE_CODE) && !(cs.type & TYPE_CONFORMING) && cs.dpl != ss.dpl)
		return bad_rights(c, VSEG_CS, "DPL must be SS's");
	if ((cs.type & TYPE_CODE) && (cs.type & TYPE_CONFORMING) && cs.dpl > ss.dpl)
		return bad_rights(c, VSEG_CS, "DPL must not be above SS's");
	if (c->ia32e && (cs.rights & SEG_L) && (cs.rights & SEG_DB))
		return bad_rights(c, VSEG_CS, "with L, D must be 0");
	if ((cs.type == TYPE_DATA || !(get(c, VMCS_GUEST_CR0) & CR0_PE)) && ss.dpl)
		return bad_rights(c, VSEG_SS, "DPL must be 0 in real mode");
	return false;
}

static bool check_data(const struct check *c, enum vseg seg)
{
	struct seen r = seen(c, seg);

	if ((seg == VSEG_FS || seg == VSEG_GS) && !canonical(r.base))
		return bad_base(c, seg, "not a canonical address");
	if (!r.usable)
		return false;
	if (seg != VSEG_FS && seg != VSEG_GS && (r.base & UPPER_HALF))
		return bad_base(c, seg, "bits 63:32 must be 0");
	if (seg == VSEG_SS && r.type != TYPE_DATA && r.type != TYPE_DATA_DOWN)
		return bad_rights(c, seg, "the type must be 3 or 7");
	if (!(r.type & TYPE_ACCESSED))
		return bad_rights(c, seg, "the type must be accessed");
	if ((r.type & TYPE_CODE) && !(r.type & TYPE_READABLE))
		return bad_rights(c, seg, "code must be readable");
	return check_usable(c, &r);
}

static bool check_system(const struct check *c)
{
	struct seen tr = seen(c, VSEG_TR), ldtr = seen(c, VSEG_LDTR);

	if (!tr.usable)
		return bad_rights(c, VSEG_TR, "TR must be usable");
	if (tr.selector & SELECTOR_TI)
		return bad(c, VMCS_GUEST_TR_SELECTOR, "TI must be 0");
	if (!canonical(tr.base))
		return bad_base(c, VSEG_TR, "not a canonical address");
	if (tr.type != TYPE_TSS && (c->ia32e || tr.type != TYPE_TSS16))
		return bad_rights(c, VSEG_TR,
				  "the type must be a busy TSS: 11, or 3 outside long mode");
	if (check_usable(c, &tr))
		return true;
	if (!ldtr.usable)
		return false;
	if (ldtr.selector & SELECTOR_TI)
		return bad(c, VMCS_GUEST_LDTR_SELECTOR, "TI must be 0");
	if (!canonical(ldtr.base))
		return bad_base(c, VSEG_LDTR, "not a canonical address");
	if (ldtr.type != TYPE_LDT)
		return bad_rights(c, VSEG_LDTR, "the type must be 2");
	return check_usable(c, &ldtr);
}

static bool check_segments(const struct check *c)
{
	static const enum vseg data[] = { VSEG_SS, VSEG_DS, VSEG_ES, VSEG_FS, VSEG_GS };

	if (c->v8086 && check_v8086(c))
		return true;
	if (!c->v8086 && check_cs(c))
		return true;
	for (unsigned i = 0; i < ARRAY_SIZE(data) && !c->v8086; i++) {
		if (check_data(c, data[i]))
			return true;
	}
	return check_system(c);
}

static bool check_tables(const struct check *c)
{
	for (enum vseg seg = VSEG_GDTR; seg <= VSEG_IDTR; seg++) {
		if (!canonical(get(c, field_of(VMCS_GUEST_ES_BASE, seg))))
			return bad_base(c, seg, "not a canonical address");
		if (get(c, field_of(VMCS_GUEST_ES_LIMIT, seg)) >> 16)
			return bad(c, field_of(VMCS_GUEST_ES_LIMIT, seg), "bits 31:16 must be 0");
	}
	return false;
}

/* The event that goes in with this entry: its type, or -1. */
static int injected(const struct check *c)
{
	uint64_t info = get(c, VMCS_ENTRY_INTR_INFO);

	return info & INTR_VALID ? (int)((info & INTR_TYPE_MASK) >> INTR_TYPE_SHIFT) : -1;
}

static bool check_rip_rflags(const struct check *c)
{
	uint64_t rip = get(c, VMCS_GUEST_RIP), rflags = get(c, VMCS_GUEST_RFLAGS);
	bool code64 = c->ia32e && (get(c, VMCS_GUEST_CS_RIGHTS) & SEG_L);

	if (!code64 && (rip & UPPER_HALF))
		return bad(c, VMCS_GUEST_RIP, "outside 64-bit code bits 63:32 must be 0");
	if (code64 && !canonical(rip))
		return bad(c, VMCS_GUEST_RIP, "not a canonical address");
	if (rflags & RFLAGS_RESERVED)
		return bad(c, VMCS_GUEST_RFLAGS, "a reserved bit is set");
	if (!(rflags & RFLAGS_FIXED))
		return bad(c, VMCS_GUEST_RFLAGS, "bit 1 must be 1");
	if ((rflags & RFLAGS_VM) && c->ia32e)
		return bad(c, VMCS_GUEST_RFLAGS, "VM must be 0 in long mode");
	if ((rflags & RFLAGS_VM) && !(get(c, VMCS_GUEST_CR0) & CR0_PE))
		return bad(c, VMCS_GUEST_RFLAGS, "VM must be 0 in real mode");
	if (injected(c) == INTR_EXTERNAL && !(rflags & RFLAGS_IF))
		return bad(c, VMCS_GUEST_RFLAGS, "an interrupt is injected, so IF must be 1");
	return false;
}

static bool check_interruptibility(const struct check *c)
{
	uint64_t state = get(c, VMCS_GUEST_INTERRUPTIBILITY);
	uint64_t shadow = state & (BLOCKING_STI | BLOCKING_MOV_SS);

	if (state & INTERRUPTIBILITY_RESERVED)
		return bad(c, VMCS_GUEST_INTERRUPTIBILITY, "a reserved bit is set");
	if (shadow == (BLOCKING_STI | BLOCKING_MOV_SS))
		return bad(c, VMCS_GUEST_INTERRUPTIBILITY, "STI and MOV SS cannot both block");
	if ((state & BLOCKING_STI) && !(get(c, VMCS_GUEST_RFLAGS) & RFLAGS_IF))
		return bad(c, VMCS_GUEST_INTERRUPTIBILITY, "blocking by STI needs RFLAGS.IF");
	if (state & BLOCKING_SMI)
		return bad(c, VMCS_GUEST_INTERRUPTIBILITY, "blocking by SMI must be 0");
	if (injected(c) == INTR_EXTERNAL && shadow)
		return bad(c, VMCS_GUEST_INTERRUPTIBILITY,
			   "an interrupt is injected while blocked");
	if (injected(c) == INTR_NMI && (state & (BLOCKING_MOV_SS | BLOCKING_NMI)))
		return bad(c, VMCS_GUEST_INTERRUPTIBILITY, "an NMI is injected while blocked");
	return false;
}

static bool check_activity(const struct check *c)
{
	uint64_t activity = get(c, VMCS_GUEST_ACTIVITY);
	uint64_t blocking = get(c, VMCS_GUEST_INTERRUPTIBILITY);

	if (activity > ACTIVITY_WAIT_SIPI)
		return bad(c, VMCS_GUEST_ACTIVITY, "must be 0 to 3");
	if (activity == ACTIVITY_HLT && seen(c, VSEG_SS).dpl)
		return bad(c, VMCS_GUEST_ACTIVITY, "HLT needs SS.DPL = 0");
	if (activity != ACTIVITY_ACTIVE && (blocking & (BLOCKING_STI | BLOCKING_MOV_SS)))
		return bad(c, VMCS_GUEST_ACTIVITY, "must be active while STI or MOV SS blocks");
	if (activity == ACTIVITY_WAIT_SIPI && injected(c) >= 0)
		return bad(c, VMCS_GUEST_ACTIVITY,
			   "an event is injected into a CPU that waits for a SIPI");
	return false;
}

static bool check_pending_debug(const struct check *c)
{
	uint64_t pending = get(c, VMCS_GUEST_PENDING_DEBUG);
	uint64_t blocking = get(c, VMCS_GUEST_INTERRUPTIBILITY);
	bool step = (get(c, VMCS_GUEST_RFLAGS) & RFLAGS_TF) &&
		    !(get(c, VMCS_GUEST_DEBUGCTL) & DEBUGCTL_BTF);

	if (pending & PENDING_RESERVED)
		return bad(c, VMCS_GUEST_PENDING_DEBUG, "a reserved bit is set");
	if (!(blocking & (BLOCKING_STI | BLOCKING_MOV_SS)) &&
	    get(c, VMCS_GUEST_ACTIVITY) != ACTIVITY_HLT)
		return false;
	if (!!(pending & PENDING_BS) != step)
		return bad(c, VMCS_GUEST_PENDING_DEBUG,
			   step ? "BS must be 1: RFLAGS.TF is set in an interrupt shadow"
				: "BS must be 0: RFLAGS.TF is clear in an interrupt shadow");
	return false;
}

static bool check_pdptes(const struct check *c)
{
	if (c->ia32e || !(get(c, VMCS_GUEST_CR0) & CR0_PG) || !(get(c, VMCS_GUEST_CR4) & CR4_PAE))
		return false;
	for (enum vmcs_field f = VMCS_GUEST_PDPTE0; f <= VMCS_GUEST_PDPTE3; f += 2) {
		uint64_t e = get(c, f);

		if ((e & PDPTE_P) && ((e & PDPTE_RESERVED) || e >> c->s->physical_bits))
			return bad(c, f, "a reserved bit is set");
	}
	return false;
}

bool vmx_check_guest(const struct vmx_state *s, char *text, size_t size)
{
	struct check c = { .s = s, .text = text, .size = size };

	c.ia32e = get(&c, VMCS_ENTRY_CONTROLS) & ENTRYC_IA32E;
	c.v8086 = get(&c, VMCS_GUEST_RFLAGS) & RFLAGS_VM;
	if (check_cr(&c) || check_msrs(&c) || check_segments(&c) || check_tables(&c) ||
	    check_rip_rflags(&c) || check_activity(&c) || check_interruptibility(&c) ||
	    check_pending_debug(&c))
		return true;
	if (get(&c, VMCS_LINK) != ~0ull)
		return bad(&c, VMCS_LINK, "without VMCS shadowing it must be all ones");
	return check_pdptes(&c);
}

/* SDM 3, "VM Instruction Error Numbers". */
static const char *const instruction_errors[] = {
	[1] = "VMCALL in VMX root operation",
	[2] = "VMCLEAR with an invalid physical address",
	[3] = "VMCLEAR with the VMXON pointer",
	[4] = "VMLAUNCH with a VMCS that is not clear",
	[5] = "VMRESUME with a VMCS that is not launched",
	[6] = "VMRESUME after VMXOFF",
	[7] = "VM entry with invalid control fields",
	[8] = "VM entry with invalid host-state fields",
	[9] = "VMPTRLD with an invalid physical address",
	[10] = "VMPTRLD with the VMXON pointer",
	[11] = "VMPTRLD with a wrong VMCS revision identifier",
	[12] = "VMREAD or VMWRITE of a field that this CPU does not have",
	[13] = "VMWRITE to a read-only field",
	[15] = "VMXON in VMX root operation",
	[16] = "VM entry with an invalid executive-VMCS pointer",
	[17] = "VM entry with an executive VMCS that is not launched",
	[18] = "VM entry with an executive-VMCS pointer that is not the VMXON pointer",
	[19] = "VMCALL with a VMCS that is not clear",
	[20] = "VMCALL with invalid VM-exit control fields",
	[22] = "VMCALL with an incorrect MSEG revision identifier",
	[23] = "VMXOFF under dual-monitor treatment",
	[24] = "VMCALL with invalid SMM-monitor features",
	[25] = "VM entry with invalid execution controls in the executive VMCS",
	[26] = "VM entry while MOV SS blocks events",
	[28] = "invalid operand to INVEPT or INVVPID",
};

enum { TEXT_SIZE = 160 };

static uint64_t vmcs_reader(const void *arg, enum vmcs_field field)
{
	(void)arg;
	return vmcs_read(field);
}

static void guest_explain(void)
{
	struct vmx_state s = { .read = vmcs_reader, .caps = &vmx_caps };
	char text[TEXT_SIZE];

	s.physical_bits = cpuid(CPUID_EXT_SIZES, 0).eax & CPUID_80000008_EAX_PHYSICAL;
	if (vmx_check_guest(&s, text, sizeof(text)))
		log_error("vmx: %s", text);
	else
		log_error("vmx: no guest-state check that Plinth knows fails; the VMCS follows");
}

void vmx_fail_instruction(struct virt_vcpu *v)
{
	uint64_t error = vmcs_read(VMCS_INSTRUCTION_ERROR);
	const char *name =
		error < ARRAY_SIZE(instruction_errors) ? instruction_errors[error] : NULL;

	log_error("vmx: the guest was not entered: VM-instruction error %llu, %s",
		  (unsigned long long)error, name ? name : "unknown");
	vmx_dump(v);
}

static void misconfig_explain(const struct virt_vcpu *v)
{
	uint64_t at = vmcs_read(VMCS_GUEST_PHYSICAL_ADDRESS), size = 0;
	unsigned perms = 0;
	hpa_t to = hpa(0);
	int error = ptab_lookup(v->vm->nested, at, &to, &perms, &size);

	log_error("vmx: EPT misconfiguration at guest physical 0x%llx: %s 0x%llx, permissions %x, "
		  "page size 0x%llx",
		  (unsigned long long)at, error ? "not mapped" : "mapped to",
		  (unsigned long long)to.raw, perms, (unsigned long long)size);
}

void vmx_fail_entry(struct virt_vcpu *v, uint32_t reason)
{
	switch (reason & REASON_BASIC) {
	case REASON_BAD_GUEST_STATE:
		log_error("vmx: the guest was not entered: its state is invalid");
		guest_explain();
		break;
	case REASON_BAD_MSR_LOAD:
		log_error("vmx: the guest was not entered: MSR %llu of the load list is invalid",
			  (unsigned long long)vmcs_read(VMCS_EXIT_QUALIFICATION));
		break;
	case REASON_BAD_MACHINE_CHECK:
		log_error("vmx: the guest was not entered: a machine check came meanwhile");
		break;
	case REASON_EPT_MISCONFIG: misconfig_explain(v); break;
	default:
		log_error("vmx: the guest was not entered: exit reason 0x%x is unknown", reason);
		break;
	}
	vmx_dump(v);
}
