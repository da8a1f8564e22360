/* SPDX-License-Identifier: MIT */
/*
 * The local APIC's middle: what is requested, what is in service, what may be delivered (SDM 3,
 * "Handling Interrupts"). An interrupt's way is IRR → ISR → gone; TPR and the highest vector in
 * service say how far the highest in IRR gets.
 *
 * The one idea: nothing on the way of an interrupt scans. A byte says which words of IRR are in
 * use, and what is in service is a stack beside ISR, since only a higher class interrupts a lower
 * one.
 */
#include "vmm/dev/vlapic_regs.h"

#include "lib/string.h"
#include "vmm/dev/vioapic.h"

enum { PRIORITY_CLASS = 0xf0, CR8_SHIFT = 4 };

static always_inline uint8_t isr_top(const struct vcpu *v)
{
	return v->lapic.isr_stack[v->lapic.isr_depth];
}

static inline unsigned highest_bit(uint32_t bits)
{
	return 31 - __builtin_clz(bits);
}

/* The highest vector in IRR; 0: none. */
static always_inline uint8_t irr_top(const struct vcpu *v)
{
	unsigned words = __atomic_load_n(&v->lapic.irr_words, __ATOMIC_ACQUIRE);

	while (words) {
		unsigned n = highest_bit(words);
		uint32_t bits = vlapic_get(v, APIC_IRR + n * APIC_REG_STRIDE);

		if (likely(bits))
			return n * 32 + highest_bit(bits);
		words &= ~(1u << n);
	}
	return 0;
}

static void irr_clear(struct vcpu *v, uint8_t vector)
{
	uint32_t *word = vlapic_word(v, APIC_IRR, vector);
	uint8_t n = 1u << (vector / 32);

	if (__atomic_and_fetch(word, ~vlapic_bit(vector), __ATOMIC_SEQ_CST))
		return;
	/*
	 * vlapic_request() on another CPU sets the bit in the word, then the word's in irr_words;
	 * here it is the word's first, then another look at the word: so either that look sees the
	 * bit, or the other CPU sets irr_words after this.
	 */
	__atomic_fetch_and(&v->lapic.irr_words, (uint8_t)~n, __ATOMIC_SEQ_CST);
	if (unlikely(__atomic_load_n(word, __ATOMIC_SEQ_CST)))
		__atomic_fetch_or(&v->lapic.irr_words, n, __ATOMIC_SEQ_CST);
}

static always_inline uint8_t priority(const struct vcpu *v)
{
	uint8_t tpr = vlapic_get(v, APIC_TPR);

	return MAX(tpr, isr_top(v)) & PRIORITY_CLASS;
}

/* The vector that may be delivered now; 0: none. */
static always_inline uint8_t deliverable(const struct vcpu *v)
{
	uint8_t vector = irr_top(v);

	return (vector & PRIORITY_CLASS) > priority(v) ? vector : 0;
}

uint8_t vlapic_priority(const struct vcpu *v)
{
	return priority(v);
}

uint8_t vlapic_ppr(const struct vcpu *v)
{
	uint8_t tpr = vlapic_get(v, APIC_TPR);
	uint8_t class = vlapic_priority(v);

	return (tpr & PRIORITY_CLASS) == class ? tpr : class;
}

bool vlapic_pending(const struct vcpu *v)
{
	return deliverable(v) != 0;
}

uint8_t vlapic_acknowledge(struct vcpu *v)
{
	struct vlapic *l = &v->lapic;
	uint8_t vector = deliverable(v);

	if (unlikely(!vector))
		return 0;
	irr_clear(v, vector);
	*vlapic_word(v, APIC_ISR, vector) |= vlapic_bit(vector);
	l->isr_stack[++l->isr_depth] = vector;
	return vector;
}

void vlapic_set_tpr(struct vcpu *v, uint8_t cr8)
{
	vlapic_set(v, APIC_TPR, (uint8_t)(cr8 << CR8_SHIFT));
	if (v->lapic.irr_words)
		vlapic_kick_self(v);
}

uint8_t vlapic_tpr(const struct vcpu *v)
{
	return vlapic_get(v, APIC_TPR);
}

uint8_t vlapic_tpr_threshold(const struct vcpu *v)
{
	uint8_t vector = irr_top(v) >> CR8_SHIFT;

	/* Where a vector in service holds it back as well, its EOI comes first. */
	if (vector <= isr_top(v) >> CR8_SHIFT || vector > vlapic_tpr(v) >> CR8_SHIFT)
		return 0;
	return vector;
}

void vlapic_request(struct vcpu *v, uint8_t vector, bool level)
{
	uint32_t *tmr = vlapic_word(v, APIC_TMR, vector);
	uint32_t bit = vlapic_bit(vector);

	if (level)
		__atomic_fetch_or(tmr, bit, __ATOMIC_RELAXED);
	else if (unlikely(__atomic_load_n(tmr, __ATOMIC_RELAXED) & bit))
		__atomic_fetch_and(tmr, ~bit, __ATOMIC_RELAXED);
	/*
	 * Release, to vlapic_acknowledge(): who sees the request sees what the device did before.
	 */
	__atomic_fetch_or(vlapic_word(v, APIC_IRR, vector), bit, __ATOMIC_SEQ_CST);
	__atomic_fetch_or(&v->lapic.irr_words, 1u << (vector / 32), __ATOMIC_SEQ_CST);
}

void vlapic_set_irr(struct vcpu *v, uint8_t vector, bool level)
{
	vlapic_request(v, vector, level);
	vcpu_kick(v);
}

void vlapic_take_fixed(struct vcpu *v, uint8_t vector, bool level)
{
	if (unlikely(vector < APIC_FIRST_VECTOR))
		vlapic_error(v, APIC_ESR_RECEIVE_VECTOR);
	else
		vlapic_set_irr(v, vector, level);
}

void vlapic_error(struct vcpu *v, enum apic_esr_bit error)
{
	uint32_t lvt = vlapic_get(v, APIC_LVT_ERROR);

	/* Each kind once until ESR is written; so an illegal vector in this entry ends here too. */
	if (__atomic_fetch_or(&v->lapic.errors, error, __ATOMIC_RELAXED) & error)
		return;
	if (!(lvt & APIC_LVT_MASKED))
		vlapic_take_fixed(v, lvt & APIC_LVT_VECTOR, false);
}

/*
 * The pins LINT0 and LINT1. Their LVT entries belong to vm->lock, since others' lines look at them.
 */

static void lint_fixed(struct vcpu *v, unsigned offset, uint32_t lvt)
{
	/* Only LINT0 can be level-triggered. */
	bool level = offset == APIC_LVT_LINT0 && lvt & APIC_LVT_LEVEL;

	if (level && lvt & APIC_LVT_REMOTE_IRR)
		return;
	if (level)
		vlapic_set(v, offset, lvt | APIC_LVT_REMOTE_IRR);
	vlapic_take_fixed(v, lvt & APIC_LVT_VECTOR, level);
}

static void lint_rise(struct vcpu *v, unsigned offset)
{
	uint32_t lvt = vlapic_get(v, offset);

	if (!vlapic_enabled(v)) {
		/* The pins are INTR and NMI then. */
		vcpu_request(v, offset == APIC_LVT_LINT0 ? REQUEST_IRQ : REQUEST_NMI);
		return;
	}
	if (lvt & APIC_LVT_MASKED)
		return;
	switch ((lvt & APIC_LVT_MODE) >> APIC_MODE_SHIFT) {
	case APIC_MODE_FIXED: lint_fixed(v, offset, lvt); break;
	case APIC_MODE_NMI: vcpu_request(v, REQUEST_NMI); break;
	case APIC_MODE_INIT: vcpu_request(v, REQUEST_INIT); break;
	case APIC_MODE_EXTINT: vcpu_kick(v); break;
	default: break; /* SMI: this machine has no system management mode; the rest is reserved */
	}
}

void vlapic_lint(struct vcpu *v, unsigned pin, bool level)
{
	uint8_t bit = 1u << pin;
	uint8_t old;

	if (level)
		old = __atomic_fetch_or(&v->lapic.lines, bit, __ATOMIC_SEQ_CST);
	else
		old = __atomic_fetch_and(&v->lapic.lines, (uint8_t)~bit, __ATOMIC_SEQ_CST);
	if (level && !(old & bit))
		lint_rise(v, pin ? APIC_LVT_LINT1 : APIC_LVT_LINT0);
}

bool vlapic_line(const struct vcpu *v, unsigned pin)
{
	return __atomic_load_n(&v->lapic.lines, __ATOMIC_RELAXED) & (1u << pin);
}

void vlapic_write_lint(struct vcpu *v, unsigned offset, uint32_t lvt)
{
	unsigned mode = (lvt & APIC_LVT_MODE) >> APIC_MODE_SHIFT;

	lock_take(&v->vm->lock);
	if (lvt & APIC_LVT_LEVEL)
		lvt |= vlapic_get(v, offset) & APIC_LVT_REMOTE_IRR;
	vlapic_set(v, offset, lvt);
	/*
	 * A line that is up is seen now by what looks at levels: the PIC's, and level triggering.
	 */
	if (offset == APIC_LVT_LINT0 && vlapic_line(v, 0) && !(lvt & APIC_LVT_MASKED)) {
		if (mode == APIC_MODE_EXTINT)
			vlapic_kick_self(v);
		else if (mode == APIC_MODE_FIXED && lvt & APIC_LVT_LEVEL)
			lint_fixed(v, offset, lvt);
	}
	lock_drop(&v->vm->lock);
}

bool vlapic_accepts_extint(const struct vcpu *v)
{
	uint32_t lvt = vlapic_get(v, APIC_LVT_LINT0);

	if (!vlapic_enabled(v))
		return true;
	return (lvt & (APIC_LVT_MASKED | APIC_LVT_MODE)) == APIC_MODE_EXTINT << APIC_MODE_SHIFT;
}

/* LINT0 as a level-triggered interrupt of its own: an EOI makes it look at the line again. */
static void lint0_eoi(struct vcpu *v, uint8_t vector)
{
	uint32_t lvt = vlapic_get(v, APIC_LVT_LINT0);

	if (!(lvt & APIC_LVT_REMOTE_IRR) || (lvt & APIC_LVT_VECTOR) != vector)
		return;
	lock_take(&v->vm->lock);
	vlapic_set(v, APIC_LVT_LINT0, lvt & ~APIC_LVT_REMOTE_IRR);
	if (vlapic_line(v, 0))
		lint_rise(v, APIC_LVT_LINT0);
	lock_drop(&v->vm->lock);
}

static __attribute__((noinline)) void level_eoi(struct vcpu *v, uint8_t vector)
{
	lint0_eoi(v, vector);
	vioapic_eoi(v->vm, vector);
	vlapic_kick_self(v);
}

void vlapic_eoi(struct vcpu *v)
{
	struct vlapic *l = &v->lapic;
	uint8_t vector = isr_top(v);
	uint32_t *isr = vlapic_word(v, APIC_ISR, vector);
	uint32_t *tmr = vlapic_word(v, APIC_TMR, vector);
	uint32_t bit = vlapic_bit(vector);

	if (unlikely(!vector))
		return;
	l->isr_depth--;
	*isr &= ~bit;
	if (unlikely(*tmr & bit))
		level_eoi(v, vector);
	else if (unlikely(l->irr_words))
		vlapic_kick_self(v);
}

bool vlapic_eoi_is_plain(const struct vcpu *v)
{
	const struct vlapic *l = &v->lapic;
	uint8_t vector = isr_top(v);

	return l->isr_depth == 1 && vlapic_idle(l) &&
	       !(*vlapic_word(v, APIC_TMR, vector) & vlapic_bit(vector));
}
