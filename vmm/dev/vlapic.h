/* SPDX-License-Identifier: MIT */
/*
 * A vCPU's local APIC, as xAPIC and x2APIC. Its registers live in v->hw.apic_page, laid out as the
 * manual has them; here is what the page has no place for, and what makes the hot paths short.
 */
#ifndef VMM_VLAPIC_H
#define VMM_VLAPIC_H

#include "arch/x86_64/apic.h"
#include "core/timer.h"
#include "vmm/bus.h"

struct vcpu;
struct vm;

#define VLAPIC_NO_MMIO (~0ull)

enum { VLAPIC_CLASSES = 16, VLAPIC_REGS = 64, VLAPIC_LINT0 = 1 << 0 };

/*
 * (v) the vCPU's own thread only; (a) atomic, from any CPU; (o) written by the own thread, read by
 * others as one word; (t) the timer's callback while timer_when or tsc_deadline is not 0, else (v).
 */
struct vlapic {
	uint64_t base_msr;  /* (o) IA32_APIC_BASE */
	uint64_t mmio_page; /* (v) guest physical address of the registers, or VLAPIC_NO_MMIO */
	/* (o) vectors in service, the highest last: each is of a higher class than its neighbour */
	uint8_t isr_stack[VLAPIC_CLASSES]; /* [0] is 0: nothing */
	uint8_t isr_depth;		   /* (o) */
	uint8_t irr_words;		   /* (a) bit n: word n of IRR may be not zero */
	uint8_t lines;			   /* (a) bit n: LINTn is asserted */
	uint8_t timer_shift;		   /* (v) log2 of the divisor */
	uint32_t errors;		   /* (a) since the last write to ESR */
	/* (v) by register number: what we stored last, since hardware may overwrite the page */
	uint32_t stored[VLAPIC_REGS];
	uint64_t tsc_deadline; /* (t) the guest's TSC; 0: not armed */
	uint64_t timer_period; /* (t) ns; 0: not periodic */
	uint64_t timer_when;   /* (t) end of the present countdown, ns; 0: not counting */
	uint64_t timer_left;   /* (v) ns that it had to go when it was frozen */
	/* (a) periodic, and not armed since it fired: vlapic_timer_resume() */
	bool timer_lapsed;
	struct timer timer;
};

/* An interrupt on the APIC bus: from an ICR, an I/O APIC entry or an MSI. */
struct apic_message {
	uint32_t dest; /* 8 bits, or 32 when x2apic */
	uint8_t vector;
	uint8_t mode; /* enum apic_mode */
	bool logical;
	bool level;  /* the trigger mode */
	bool x2apic; /* dest is of an x2APIC's ICR */
};

/* Power-on; v->hw.apic_page, v->vm and v->id are set. */
void vlapic_init(struct vcpu *v);
/* Power-on or reset line: base and mode too. */
void vlapic_reset(struct vcpu *v);
/* What an INIT does: registers, but neither base nor mode. */
void vlapic_reset_init(struct vcpu *v);
void vlapic_fini(struct vcpu *v);

/*
 * All below, but where another caller is named, are for v's own thread, without vm->lock (an EOI
 * may take it).
 */

/* An access at a->offset into the page. Only while vlapic_claims(). */
void vlapic_access(struct vcpu *v, struct bus_access *a);
/* The hardware has stored the guest's write in the register at offset: does the rest of it. */
void vlapic_written(struct vcpu *v, unsigned offset);
/* MSR_APIC_BASE, MSR_TSC_DEADLINE, MSR_X2APIC_BASE … MSR_X2APIC_LAST. 0, or -EINVAL: #GP. */
must_check int vlapic_msr_read(struct vcpu *v, uint32_t msr, uint64_t *value);
must_check int vlapic_msr_write(struct vcpu *v, uint32_t msr, uint64_t value);
/* The guest's TSC has been set to another value: the armed deadline moves with it. */
void vlapic_tsc_changed(struct vcpu *v);
/* The guest's time stands still: the timer stops; and goes on from there, the TSC set already. */
void vlapic_timer_freeze(struct vcpu *v);
void vlapic_timer_thaw(struct vcpu *v);
/* Arms a periodic timer that lapsed, in the time of v's own thread. */
void vlapic_timer_resume(struct vcpu *v);

/* The guest physical page of the registers, whatever the mode. */
uint64_t vlapic_base(const struct vcpu *v);
/* IA32_APIC_BASE.EN: what CPUID.1:EDX.APIC shows. */
bool vlapic_enabled(const struct vcpu *v);
/* Whether the guest physical address addr is in the registers: xAPIC mode only. */
bool vlapic_claims(const struct vcpu *v, uint64_t addr);

/* Whether there is neither a request, nor one of the PIC's: the common case, in two loads. */
static inline bool vlapic_idle(const struct vlapic *l)
{
	return !(__atomic_load_n(&l->irr_words, __ATOMIC_RELAXED) |
		 (__atomic_load_n(&l->lines, __ATOMIC_RELAXED) & VLAPIC_LINT0));
}

/* Whether an interrupt is pending that the priorities let through. */
bool vlapic_pending(const struct vcpu *v);
/* IRR → ISR. The vector, or 0 when none may be delivered. */
uint8_t vlapic_acknowledge(struct vcpu *v);
void vlapic_eoi(struct vcpu *v);
/* Whether the EOI of the only vector in service would do no more than clear its bit. */
bool vlapic_eoi_is_plain(const struct vcpu *v);
/* What a move to CR8 does: it is bits 7:4 of TPR, and the rest of TPR becomes 0. */
void vlapic_set_tpr(struct vcpu *v, uint8_t cr8);
/* All 8 bits of TPR. */
uint8_t vlapic_tpr(const struct vcpu *v);
/* CR8 has to fall below this for the highest pending interrupt; 0: CR8 holds nothing back. */
uint8_t vlapic_tpr_threshold(const struct vcpu *v);
/* Whether the PIC's INTR reaches this CPU: the APIC is off, or LINT0 is unmasked and ExtINT. */
bool vlapic_accepts_extint(const struct vcpu *v);

/* From any CPU and context, from here on. */

/*
 * The vector is pending from now on, and v is kicked. vector >= 16; the APIC's enabled state is not
 * looked at.
 */
void vlapic_set_irr(struct vcpu *v, uint8_t vector, bool level);
/* LINT0 (the PIC's INTR) or LINT1 (NMI). Caller holds vm->lock. */
void vlapic_lint(struct vcpu *v, unsigned pin, bool level);
bool vlapic_line(const struct vcpu *v, unsigned pin);
/* Sends m to whom it names. Returns how many took it. */
unsigned vlapic_deliver(struct vm *vm, const struct apic_message *m);

#endif
