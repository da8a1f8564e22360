/* SPDX-License-Identifier: MIT */
/*
 * The local APIC's registers as the guest reaches them: in memory (xAPIC) and as MSRs (x2APIC), and
 * IA32_APIC_BASE, which chooses. A table says what each register allows; SDM 3, "Local APIC
 * Register Address Map" and "x2APIC Register Address Space".
 */
#include "vmm/dev/vlapic_regs.h"

#include "lib/errno.h"

enum {
	READ = 1,
	WRITE = 2,
	READ_X2 = 4, /* as an MSR */
	WRITE_X2 = 8,
	READ_BOTH = READ | READ_X2,
	WRITE_BOTH = WRITE | WRITE_X2,
	ALL = READ_BOTH | WRITE_BOTH,
};

/* A register's number, which is its MSR's too. */
#define NUMBER(reg) ((reg) / APIC_REG_STRIDE)
#define RULE(reg)   [NUMBER(reg)]
#define RULES(bank) [NUMBER(bank)... NUMBER(bank) + APIC_VECTOR_WORDS - 1]

/* Read-only bits of an LVT entry: no error to set, no effect either. */
#define LVT_READ_ONLY  ((uint32_t)(APIC_LVT_PENDING | APIC_LVT_REMOTE_IRR))
#define LVT_ERROR_BITS ((uint32_t)(APIC_LVT_VECTOR | APIC_LVT_PENDING | APIC_LVT_MASKED))
#define LVT_LOCAL_BITS (LVT_ERROR_BITS | APIC_LVT_MODE)
#define LVT_LINT_BITS  (LVT_LOCAL_BITS | APIC_LVT_LOW | APIC_LVT_REMOTE_IRR | APIC_LVT_LEVEL)
#define LVT_TIMER_BITS (LVT_ERROR_BITS | APIC_LVT_TIMER_MODE)
#define SVR_BITS       ((uint32_t)(APIC_SVR_VECTOR | APIC_SVR_ENABLE | APIC_SVR_FOCUS_OFF))
#define ICR_BITS                                                                            \
	((uint32_t)(APIC_ICR_VECTOR | APIC_ICR_MODE | APIC_ICR_LOGICAL | APIC_ICR_PENDING | \
		    APIC_ICR_ASSERT | APIC_ICR_LEVEL | APIC_ICR_SHORTHAND))
#define DEST_BITS (0xffu << APIC_ID_SHIFT)
#define TPR_BITS  0xffu
#define ALL_BITS  UINT32_MAX

struct reg_rule {
	uint8_t access;
	uint32_t bits; /* that may be set: others are #GP as an MSR, and dropped in memory */
};

/* The version register's "Max LVT Entry": six entries, the last is number 5. */
enum { APIC_MAX_LVT = (APIC_LVT_ERROR - APIC_LVT_TIMER) / APIC_REG_STRIDE };

enum { MSR_X2APIC_EOI = MSR_X2APIC_BASE + NUMBER(APIC_EOI) };

enum { REG_END = 0x400, REGS = NUMBER(REG_END) };

_Static_assert((int)REGS == (int)VLAPIC_REGS, "each register is stored");

static const struct reg_rule rules[REGS] = {
	RULE(APIC_ID) = { READ_BOTH, 0 },
	RULE(APIC_VERSION) = { READ_BOTH, 0 },
	RULE(APIC_TPR) = { ALL, TPR_BITS },
	RULE(APIC_APR) = { READ, 0 }, /* 0, as on all CPUs since the Pentium 4 */
	RULE(APIC_PPR) = { READ_BOTH, 0 },
	RULE(APIC_EOI) = { WRITE_BOTH, 0 },
	RULE(APIC_RRD) = { READ, 0 },
	RULE(APIC_LDR) = { READ_BOTH | WRITE, DEST_BITS },
	RULE(APIC_DFR) = { READ | WRITE, ALL_BITS },
	RULE(APIC_SVR) = { ALL, SVR_BITS },
	RULES(APIC_ISR) = { READ_BOTH, 0 },
	RULES(APIC_TMR) = { READ_BOTH, 0 },
	RULES(APIC_IRR) = { READ_BOTH, 0 },
	RULE(APIC_ESR) = { ALL, 0 },
	RULE(APIC_ICR_LOW) = { ALL, ICR_BITS },
	RULE(APIC_ICR_HIGH) = { READ | WRITE, DEST_BITS },
	RULE(APIC_LVT_TIMER) = { ALL, LVT_TIMER_BITS },
	RULE(APIC_LVT_THERMAL) = { ALL, LVT_LOCAL_BITS },
	RULE(APIC_LVT_PERF) = { ALL, LVT_LOCAL_BITS },
	RULE(APIC_LVT_LINT0) = { ALL, LVT_LINT_BITS },
	RULE(APIC_LVT_LINT1) = { ALL, LVT_LINT_BITS },
	RULE(APIC_LVT_ERROR) = { ALL, LVT_ERROR_BITS },
	RULE(APIC_INITIAL_COUNT) = { ALL, ALL_BITS },
	RULE(APIC_CURRENT_COUNT) = { READ_BOTH, 0 },
	RULE(APIC_DIVIDE) = { ALL, APIC_DIVIDE_BITS },
	RULE(APIC_SELF_IPI) = { WRITE_X2, APIC_ICR_VECTOR },
};

static uint32_t reg_read(const struct vcpu *v, unsigned reg)
{
	switch (reg) {
	case APIC_PPR: return vlapic_ppr(v);
	case APIC_CURRENT_COUNT: return vlapic_timer_read_count(v);
	default: return vlapic_get(v, reg);
	}
}

static void lvt_write(struct vcpu *v, unsigned reg, uint32_t value)
{
	value &= ~LVT_READ_ONLY;
	if (!vlapic_switched_on(v))
		value |= APIC_LVT_MASKED;
	if (reg == APIC_LVT_TIMER)
		vlapic_timer_write_lvt(v, value);
	else if (reg == APIC_LVT_LINT0 || reg == APIC_LVT_LINT1)
		vlapic_write_lint(v, reg, value);
	else
		vlapic_set(v, reg, value);
}

static void svr_write(struct vcpu *v, uint32_t value)
{
	vlapic_set(v, APIC_SVR, value);
	if (value & APIC_SVR_ENABLE)
		return;
	for (unsigned reg = APIC_LVT_TIMER; reg <= APIC_LVT_ERROR; reg += APIC_REG_STRIDE)
		lvt_write(v, reg, vlapic_get(v, reg));
}

static void icr_write(struct vcpu *v, uint32_t low, uint32_t dest)
{
	/* Messages arrive at once: the delivery status is always idle. */
	low &= ~(uint32_t)APIC_ICR_PENDING;
	vlapic_set(v, APIC_ICR_LOW, low);
	vlapic_send(v, low, dest);
}

/*
 * value has been checked against the register's rule. EOI does not come here: both ways in do it.
 */
static void reg_write(struct vcpu *v, unsigned reg, uint32_t value)
{
	switch (NUMBER(reg)) {
	case NUMBER(APIC_TPR):
		vlapic_set(v, APIC_TPR, value);
		if (v->lapic.irr_words)
			vlapic_kick_self(v);
		break;
	case NUMBER(APIC_SELF_IPI): vlapic_send_self(v, value); break;
	case NUMBER(APIC_ICR_LOW):
		icr_write(v, value, vlapic_get(v, APIC_ICR_HIGH) >> APIC_ID_SHIFT);
		break;
	case NUMBER(APIC_INITIAL_COUNT): vlapic_timer_write_count(v, value); break;
	case NUMBER(APIC_LDR):
	case NUMBER(APIC_ICR_HIGH): vlapic_set(v, reg, value); break;
	case NUMBER(APIC_DFR): vlapic_set(v, APIC_DFR, value | APIC_DFR_CLUSTER); break;
	case NUMBER(APIC_SVR): svr_write(v, value); break;
	case NUMBER(APIC_ESR):
		/* The write shows what has come together since the last one. */
		vlapic_set(v, APIC_ESR, __atomic_exchange_n(&v->lapic.errors, 0, __ATOMIC_RELAXED));
		break;
	case NUMBER(APIC_DIVIDE): vlapic_timer_write_divide(v, value); break;
	default: lvt_write(v, reg, value); break;
	}
}

/*
 * Only aligned words are defined. Of other accesses, reads see their part of the word, writes have
 * no effect.
 */
void vlapic_access(struct vcpu *v, struct bus_access *a)
{
	unsigned reg = ALIGN_DOWN(a->offset, APIC_REG_STRIDE);
	unsigned byte = a->offset - reg;
	uint8_t access;

	/* The most frequent one by far. */
	if (likely(a->offset == APIC_EOI && a->write && a->size == sizeof(uint32_t))) {
		vlapic_eoi(v);
		return;
	}
	access = reg < REG_END ? rules[NUMBER(reg)].access : 0;
	if (unlikely(!(access & (READ | WRITE)))) {
		a->value = 0;
		vlapic_error(v, APIC_ESR_REGISTER);
	} else if (a->write) {
		if (access & WRITE && byte == 0 && a->size == sizeof(uint32_t))
			reg_write(v, reg, a->value & rules[NUMBER(reg)].bits);
	} else if (access & READ && byte + a->size <= sizeof(uint32_t)) {
		a->value = reg_read(v, reg) >> (8 * byte);
	} else {
		a->value = 0;
	}
}

void vlapic_written(struct vcpu *v, unsigned offset)
{
	uint32_t value;

	if (likely(offset == APIC_EOI)) {
		vlapic_eoi(v);
		return;
	}
	if (offset >= REG_END || offset % APIC_REG_STRIDE)
		return;
	/* Nothing is judged by the ICR's old value. */
	if (offset == APIC_ICR_LOW) {
		icr_write(v, vlapic_get(v, APIC_ICR_LOW) & rules[NUMBER(APIC_ICR_LOW)].bits,
			  vlapic_get(v, APIC_ICR_HIGH) >> APIC_ID_SHIFT);
		return;
	}
	/* What another write changes is judged by what was there before. */
	value = vlapic_get(v, offset);
	vlapic_set(v, offset, v->lapic.stored[NUMBER(offset)]);
	if (rules[NUMBER(offset)].access & WRITE)
		reg_write(v, offset, value & rules[NUMBER(offset)].bits);
}

static int x2apic_read(const struct vcpu *v, unsigned reg, uint64_t *value)
{
	if (!vlapic_x2apic(v) || reg >= REG_END || !(rules[NUMBER(reg)].access & READ_X2))
		return -EINVAL;
	*value = reg_read(v, reg);
	if (reg == APIC_ICR_LOW)
		*value |= (uint64_t)vlapic_get(v, APIC_ICR_HIGH) << 32;
	return 0;
}

static int x2apic_write(struct vcpu *v, unsigned reg, uint64_t value)
{
	const struct reg_rule *rule;

	if (unlikely(!vlapic_x2apic(v) || reg >= REG_END))
		return -EINVAL;
	rule = &rules[NUMBER(reg)];
	if (unlikely(!(rule->access & WRITE_X2)))
		return -EINVAL;
	/* The ICR is the one register of 64 bits: the destination is its upper half. */
	if (reg == APIC_ICR_LOW) {
		if ((uint32_t)value & ~rule->bits)
			return -EINVAL;
		vlapic_set(v, APIC_ICR_HIGH, value >> 32);
		icr_write(v, value, value >> 32);
		return 0;
	}
	if (unlikely(value & ~(uint64_t)rule->bits))
		return -EINVAL;
	reg_write(v, reg, value);
	return 0;
}

static void mmio_place(struct vcpu *v)
{
	bool xapic = vlapic_enabled(v) && !vlapic_x2apic(v);

	v->lapic.mmio_page = xapic ? vlapic_base(v) : VLAPIC_NO_MMIO;
}

static void id_set(struct vcpu *v)
{
	if (vlapic_x2apic(v)) {
		vlapic_set(v, APIC_ID, v->id);
		vlapic_set(v, APIC_LDR, vlapic_x2apic_ldr(v->id));
	} else {
		vlapic_set(v, APIC_ID, v->id << APIC_ID_SHIFT);
	}
}

/*
 * SDM 3, "x2APIC State Transitions": the legal ones are a cycle off → xAPIC → x2APIC → off, and
 * xAPIC → off.
 */
static bool mode_change_legal(uint64_t from, uint64_t to)
{
	const uint64_t mode = APIC_BASE_ENABLE | APIC_BASE_X2APIC;

	from &= mode;
	to &= mode;
	if (to == APIC_BASE_X2APIC)
		return false;
	if (from == mode)
		return to != APIC_BASE_ENABLE;
	return from == APIC_BASE_ENABLE || to != mode;
}

static __attribute__((noinline)) int base_write(struct vcpu *v, uint64_t value)
{
	uint64_t flags = APIC_BASE_BSP | APIC_BASE_X2APIC | APIC_BASE_ENABLE;
	uint64_t changed = v->lapic.base_msr ^ value;

	if (value & ~flags & (PAGE_MASK | ~(BIT(v->vm->cpuid.phys_bits) - 1)))
		return -EINVAL;
	if (!mode_change_legal(v->lapic.base_msr, value))
		return -EINVAL;
	__atomic_store_n(&v->lapic.base_msr, value, __ATOMIC_RELAXED);
	mmio_place(v);
	if (!(value & APIC_BASE_ENABLE)) {
		vlapic_reset_init(v);
	} else if (changed & APIC_BASE_X2APIC) {
		id_set(v);
		vlapic_set(v, APIC_ICR_HIGH, 0);
	}
	/* What the PIC wants may get through now, or no longer. */
	vlapic_kick_self(v);
	return 0;
}

int vlapic_msr_read(struct vcpu *v, uint32_t msr, uint64_t *value)
{
	switch (msr) {
	case MSR_APIC_BASE: *value = v->lapic.base_msr; return 0;
	case MSR_TSC_DEADLINE: *value = vlapic_timer_read_deadline(v); return 0;
	case MSR_X2APIC_BASE ... MSR_X2APIC_LAST:
		return x2apic_read(v, (msr - MSR_X2APIC_BASE) * APIC_REG_STRIDE, value);
	default: return -EINVAL;
	}
}

int vlapic_msr_write(struct vcpu *v, uint32_t msr, uint64_t value)
{
	/* The most frequent one by far. */
	if (likely(msr == MSR_X2APIC_EOI && value == 0 && vlapic_x2apic(v))) {
		vlapic_eoi(v);
		return 0;
	}
	if (msr >= MSR_X2APIC_BASE && msr <= MSR_X2APIC_LAST)
		return x2apic_write(v, (msr - MSR_X2APIC_BASE) * APIC_REG_STRIDE, value);
	if (msr == MSR_APIC_BASE)
		return base_write(v, value);
	if (msr != MSR_TSC_DEADLINE)
		return -EINVAL;
	vlapic_timer_write_deadline(v, value);
	return 0;
}

uint64_t vlapic_base(const struct vcpu *v)
{
	return v->lapic.base_msr & ~(PAGE_MASK);
}

bool vlapic_enabled(const struct vcpu *v)
{
	return __atomic_load_n(&v->lapic.base_msr, __ATOMIC_RELAXED) & APIC_BASE_ENABLE;
}

bool vlapic_claims(const struct vcpu *v, uint64_t addr)
{
	return ALIGN_DOWN(addr, PAGE_SIZE) == v->lapic.mmio_page;
}

void vlapic_reset_init(struct vcpu *v)
{
	struct vlapic *l = &v->lapic;

	vlapic_timer_reset(v);
	l->isr_depth = 0;
	/*
	 * Before the words: a request that comes in meanwhile then leaves too much here, not too
	 * little.
	 */
	__atomic_store_n(&l->irr_words, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&l->errors, 0, __ATOMIC_RELAXED);
	for (unsigned reg = 0; reg < REG_END; reg += APIC_REG_STRIDE)
		vlapic_set(v, reg, 0);
	id_set(v);
	vlapic_set(v, APIC_VERSION,
		   APIC_VERSION_INTEGRATED | APIC_MAX_LVT << APIC_VERSION_MAX_LVT_SHIFT);
	vlapic_set(v, APIC_DFR, APIC_DFR_FLAT);
	vlapic_set(v, APIC_SVR, APIC_SVR_VECTOR);
	for (unsigned reg = APIC_LVT_TIMER; reg <= APIC_LVT_ERROR; reg += APIC_REG_STRIDE)
		vlapic_set(v, reg, APIC_LVT_MASKED);
	/*
	 * As firmware leaves it on the boot CPU: the PIC's interrupts come through ("virtual
	 * wire").
	 */
	if (l->base_msr & APIC_BASE_BSP)
		vlapic_set(v, APIC_LVT_LINT0, APIC_MODE_EXTINT << APIC_MODE_SHIFT);
}

void vlapic_reset(struct vcpu *v)
{
	uint64_t base = APIC_BASE_DEFAULT | APIC_BASE_ENABLE;

	v->lapic.base_msr = v->id == 0 ? base | APIC_BASE_BSP : base;
	mmio_place(v);
	vlapic_reset_init(v);
}

void vlapic_init(struct vcpu *v)
{
	v->lapic = (struct vlapic){ .mmio_page = VLAPIC_NO_MMIO };
	vlapic_timer_init(v);
	vlapic_reset(v);
}

void vlapic_fini(struct vcpu *v)
{
	timer_cancel(&v->lapic.timer);
}
