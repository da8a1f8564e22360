/* SPDX-License-Identifier: MIT */
/* What the vlapic*.c files share among themselves: the register page, and each other's entries. */
#ifndef VMM_VLAPIC_REGS_H
#define VMM_VLAPIC_REGS_H

#include "arch/x86_64/msr.h"
#include "vmm/vm.h"

static always_inline uint32_t *vlapic_reg(const struct vcpu *v, unsigned offset)
{
	return (uint32_t *)((char *)v->hw.apic_page + offset);
}

/* Relaxed: one word, and whoever reads another CPU's asks only for what it was lately. */
static always_inline uint32_t vlapic_get(const struct vcpu *v, unsigned offset)
{
	return __atomic_load_n(vlapic_reg(v, offset), __ATOMIC_RELAXED);
}

static always_inline void vlapic_set(struct vcpu *v, unsigned offset, uint32_t value)
{
	__atomic_store_n(vlapic_reg(v, offset), value, __ATOMIC_RELAXED);
	v->lapic.stored[offset / APIC_REG_STRIDE] = value;
}

/* The word of ISR, TMR or IRR (bank) that has vector's bit. */
static always_inline uint32_t *vlapic_word(const struct vcpu *v, unsigned bank, uint8_t vector)
{
	return vlapic_reg(v, bank) + (size_t)(vector / 32) * (APIC_REG_STRIDE / sizeof(uint32_t));
}

static always_inline uint32_t vlapic_bit(uint8_t vector)
{
	return 1u << (vector % 32);
}

static always_inline bool vlapic_x2apic(const struct vcpu *v)
{
	return __atomic_load_n(&v->lapic.base_msr, __ATOMIC_RELAXED) & APIC_BASE_X2APIC;
}

/* SVR's switch: without it the APIC takes no interrupts in, but goes on with those that it has. */
static always_inline bool vlapic_switched_on(const struct vcpu *v)
{
	return vlapic_get(v, APIC_SVR) & APIC_SVR_ENABLE;
}

/* For v's own thread: it is not in the guest, so a kick is no more than the bit. */
static always_inline void vlapic_kick_self(struct vcpu *v)
{
	__atomic_fetch_or(&v->requests, REQUEST_IRQ, __ATOMIC_RELAXED);
}

/* vlapic.c */
/* Sets IRR; the caller kicks. */
void vlapic_request(struct vcpu *v, uint8_t vector, bool level);
/* A fixed interrupt of an LVT entry or a message; the illegal vectors become errors. */
void vlapic_take_fixed(struct vcpu *v, uint8_t vector, bool level);
void vlapic_error(struct vcpu *v, enum apic_esr_bit error);
/* Bits 7:4 of PPR: the class that an interrupt has to be above. From any CPU. */
uint8_t vlapic_priority(const struct vcpu *v);
uint8_t vlapic_ppr(const struct vcpu *v);
void vlapic_write_lint(struct vcpu *v, unsigned offset, uint32_t lvt);

/* vlapic_timer.c */
void vlapic_timer_init(struct vcpu *v);
void vlapic_timer_reset(struct vcpu *v);
void vlapic_timer_write_lvt(struct vcpu *v, uint32_t lvt);
void vlapic_timer_write_count(struct vcpu *v, uint32_t count);
void vlapic_timer_write_divide(struct vcpu *v, uint32_t divide);
uint32_t vlapic_timer_read_count(const struct vcpu *v);
void vlapic_timer_write_deadline(struct vcpu *v, uint64_t deadline);
uint64_t vlapic_timer_read_deadline(const struct vcpu *v);

/* vlapic_ipi.c */
/* What a write to the ICR sends: dest is 8 bits, or 32 in x2APIC mode. */
void vlapic_send(struct vcpu *v, uint32_t icr_low, uint32_t dest);
void vlapic_send_self(struct vcpu *v, uint8_t vector);
/* The logical ID that an x2APIC derives from its ID. */
uint32_t vlapic_x2apic_ldr(uint32_t id);

#endif
