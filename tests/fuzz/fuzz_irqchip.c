/* SPDX-License-Identifier: MIT */
/* sources: vmm/irqchip.c vmm/bus.c vmm/dev/device.c vmm/dev/vpic.c vmm/dev/vioapic.c vmm/dev/vlapic.c vmm/dev/vlapic_regs.c vmm/dev/vlapic_timer.c vmm/dev/vlapic_ipi.c tests/fake/vcpu.c tests/fake/timer.c tests/fake/log.c */
/* runs: 30000 */
/*
 * A guest that does anything with its interrupt controllers, in any order: the input is a list of
 * what it does. After each step what is remembered beside the registers must agree with them.
 */
#include <stdlib.h>
#include <string.h>

#include "arch/x86_64/msr.h"
#include "lib/panic.h"
#include "tests/fake/timer.h"
#include "tests/fake/vcpu.h"
#include "vmm/irqchip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum step_kind {
	STEP_MMIO,
	STEP_MSR,
	STEP_IOAPIC,
	STEP_PIC,
	STEP_LINE,
	STEP_TAKE,
	STEP_TIME,
	STEP_CR8,
	STEP_MESSAGE,
	STEP_PULSE,
	STEP_LATE,
	STEP_TSC,
	STEP_SETUP,
	STEP_EOI,
	STEPS
};

struct packed step {
	uint8_t kind, where, how;
	uint32_t value;
};

enum { ISA_IRQS = 16, NS_UNIT = 4096, MAX_STEPS = 512, DRAWN_STEPS = 200 };

static struct vm vm;
static struct vcpu *v;

void panic(const char *fmt, ...)
{
	(void)fmt;
	abort();
}

static void check(bool condition)
{
	if (!condition)
		abort();
}

static uint32_t word(unsigned bank, unsigned n)
{
	return *(uint32_t *)((char *)v->hw.apic_page + bank + n * APIC_REG_STRIDE);
}

static void check_vectors(void)
{
	const struct vlapic *l = &v->lapic;
	uint32_t isr[APIC_VECTOR_WORDS] = { 0 };

	check(l->isr_depth < VLAPIC_CLASSES && l->isr_stack[0] == 0);
	for (unsigned i = 1; i <= l->isr_depth; i++) {
		check(l->isr_stack[i] >> 4 > l->isr_stack[i - 1] >> 4);
		isr[l->isr_stack[i] / 32] |= 1u << l->isr_stack[i] % 32;
	}
	for (unsigned n = 0; n < APIC_VECTOR_WORDS; n++) {
		check(word(APIC_ISR, n) == isr[n]);
		check(word(APIC_IRR, n) == 0 || l->irr_words & 1u << n);
	}
	check(!((word(APIC_IRR, 0) | word(APIC_TMR, 0)) & 0xffff));
}

static void check_all(void)
{
	const struct vlapic *l = &v->lapic;
	bool xapic = (l->base_msr & (APIC_BASE_ENABLE | APIC_BASE_X2APIC)) == APIC_BASE_ENABLE;

	check_vectors();
	check(!lock_held(&vm.lock));
	check(fake_timers_armed() <= (l->timer_when || l->tsc_deadline));
	check(!(l->timer_when && l->tsc_deadline));
	check(l->mmio_page == (xapic ? vlapic_base(v) : VLAPIC_NO_MMIO));
	check(vlapic_tpr_threshold(v) <= vlapic_tpr(v) >> 4);
	check(!(vlapic_idle(l) && irqchip_pending(v)));
	for (unsigned pin = 0; pin < VIOAPIC_PINS; pin++)
		check((vm.vioapic.redir[pin] & (IOAPIC_REDIR_LEVEL | IOAPIC_REDIR_REMOTE_IRR)) !=
		      IOAPIC_REDIR_REMOTE_IRR);
}

static void take(void)
{
	uint8_t before = v->lapic.isr_depth;
	bool by_apic = vlapic_pending(v);
	uint8_t vector;

	if (!irqchip_pending(v))
		return;
	vector = (uint8_t)irqchip_take(v);
	check(v->lapic.isr_depth == before + by_apic);
	check(!by_apic || (vector >= APIC_FIRST_VECTOR && !vlapic_pending(v)));
}

static void bus_do(struct bus *bus, uint64_t addr, const struct step *s, unsigned size)
{
	struct bus_access a = { .size = (uint8_t)size, .value = s->value, .write = s->how & 1 };

	lock_take(&vm.lock);
	bus_access(&vm, bus, addr, &a);
	lock_drop(&vm.lock);
}

static void mmio(const struct step *s)
{
	struct bus_access a = { .size = 4, .value = s->value, .write = s->how & 1 };

	/* Mostly aligned words, sometimes anything. */
	a.offset = s->where * (APIC_REG_STRIDE / 4) * 4 & PAGE_MASK;
	if (s->how & 2) {
		a.offset = (a.offset + (s->how >> 4)) & PAGE_MASK;
		a.size = (uint8_t)(1 << (s->how >> 2 & 3));
	}
	if (vlapic_claims(v, vlapic_base(v)))
		vlapic_access(v, &a);
}

static void msr(const struct step *s)
{
	static const uint32_t others[] = { MSR_APIC_BASE, MSR_TSC_DEADLINE, 0, MSR_X2APIC_LAST };
	uint32_t number = s->how & 2 ? others[s->where & 3] : MSR_X2APIC_BASE + (s->where & 0x3f);
	uint64_t value = s->value;

	if (s->how & 4)
		value |= (uint64_t)s->value << 32;
	if (s->how & 0x10)
		value &= APIC_ICR_VECTOR | APIC_ICR_SHORTHAND | APIC_ICR_LOGICAL;
	if (number == MSR_APIC_BASE)
		value = APIC_BASE_DEFAULT | (s->value & (PAGE_MASK ^ 0x2ff));
	if (number == MSR_TSC_DEADLINE && s->how & 8)
		value = vcpu_tsc(v) + (s->value & 0xffffff);
	if (s->how & 1 ? vlapic_msr_write(v, number, value) : vlapic_msr_read(v, number, &value))
		return;
}

static void message(const struct step *s)
{
	struct apic_message m = {
		.dest = s->value,
		.vector = s->where,
		.mode = s->how & 7,
		.logical = s->how & 8,
		.level = s->how & 0x10,
		.x2apic = s->how & 0x20,
	};

	if (!m.x2apic)
		m.dest &= APIC_DEST_ALL;
	vlapic_deliver(&vm, &m);
}

static void line(unsigned irq, bool level)
{
	if (irq == IRQ_CASCADE)
		return;
	lock_take(&vm.lock);
	irqchip_line(&vm, irq, level);
	lock_drop(&vm.lock);
}

static void apic_put(unsigned reg, uint32_t value)
{
	struct bus_access a = { .offset = reg, .size = 4, .value = value, .write = true };

	vlapic_access(v, &a);
}

static void end(void)
{
	if (vlapic_claims(v, APIC_BASE_DEFAULT))
		apic_put(APIC_EOI, 0);
	else if (vlapic_msr_write(v, MSR_X2APIC_BASE + APIC_EOI / APIC_REG_STRIDE, 0))
		check(!vlapic_enabled(v) || vlapic_base(v) != APIC_BASE_DEFAULT);
}

/* What an operating system does, since chance alone seldom gets there. */
static void set_up(const struct step *s)
{
	struct step write = { .how = 1, .value = IOAPIC_REDIR + 2 * (s->where % VIOAPIC_PINS) };

	switch (s->how & 3) {
	case 0: apic_put(APIC_SVR, APIC_SVR_ENABLE | APIC_SVR_VECTOR); break;
	case 1: apic_put(APIC_LVT_LINT0, APIC_LVT_LEVEL | (0x20 + s->where)); break;
	case 2:
		apic_put(APIC_LVT_TIMER, APIC_TIMER_PERIODIC | 0xec);
		apic_put(APIC_INITIAL_COUNT, s->where * NS_UNIT);
		break;
	default:
		bus_do(&vm.mmio, IOAPIC_BASE_DEFAULT, &write, 4);
		write.value = IOAPIC_REDIR_LEVEL | (0x30 + s->where % VIOAPIC_PINS);
		bus_do(&vm.mmio, IOAPIC_BASE_DEFAULT + IOAPIC_WIN, &write, 4);
		break;
	}
}

static void step_do(const struct step *s)
{
	static const uint16_t pic_ports[] = { 0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1, 0x20, 0xa0 };
	unsigned irq = s->where % ISA_IRQS;

	switch (s->kind % STEPS) {
	case STEP_MMIO: mmio(s); break;
	case STEP_MSR: msr(s); break;
	case STEP_IOAPIC:
		bus_do(&vm.mmio, IOAPIC_BASE_DEFAULT,
		       &(struct step){ .how = 1, .value = s->where & 0x3f }, 4);
		bus_do(&vm.mmio, IOAPIC_BASE_DEFAULT + (s->how & 2 ? s->where : IOAPIC_WIN), s,
		       s->how & 4 ? 1 : 4);
		break;
	case STEP_PIC:
		bus_do(&vm.pio, pic_ports[s->where & 7], s,
		       1u << (s->how >> 1 & (s->how >> 3) & 3));
		break;
	case STEP_LINE: line(irq, s->how & 1); break;
	case STEP_TAKE: take(); break;
	case STEP_TIME: fake_time_advance((uint64_t)s->where * NS_UNIT); break;
	case STEP_CR8: vlapic_set_tpr(v, s->where & 0xf); break;
	case STEP_MESSAGE: message(s); break;
	case STEP_PULSE:
		line(irq, true);
		line(irq, false);
		break;
	case STEP_LATE: fake_time_set(time_ns() + (uint64_t)s->where * NS_UNIT); break;
	case STEP_TSC:
		v->tsc_offset += s->value;
		vlapic_tsc_changed(v);
		break;
	case STEP_SETUP: set_up(s); break;
	default: end(); break;
	}
}

static void plug(const struct dev_class *class)
{
	for (const struct dev_ports *p = class->ports; p && p->size; p++)
		check(!bus_register(&vm.pio, p->base, p->size, p->name, p->access, NULL));
	lock_take(&vm.lock);
	check(!class->init(&vm));
	lock_drop(&vm.lock);
}

/* A short input says little, so steps that are drawn from it follow. */
static void steps_drawn(uint32_t seed)
{
	struct step s;

	for (unsigned n = 0; n < DRAWN_STEPS; n++) {
		for (unsigned i = 0; i < sizeof(s); i++) {
			seed = seed * 1664525 + 1013904223;
			((uint8_t *)&s)[i] = (uint8_t)(seed >> 24);
		}
		step_do(&s);
		check_all();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t seed = (uint32_t)size;
	struct step s;

	memset(&vm, 0, sizeof(vm));
	fake_time_set(1000000);
	plug(&vpic_class);
	plug(&vioapic_class);
	v = fake_vcpu_add(&vm, 0);
	vlapic_init(v);
	for (unsigned n = 0; n < MAX_STEPS && size >= sizeof(s); n++) {
		memcpy(&s, data, sizeof(s));
		data += sizeof(s);
		size -= sizeof(s);
		seed = (seed ^ s.value) * 16777619 ^
		       (uint32_t)(s.kind << 16 | s.where << 8 | s.how);
		step_do(&s);
		check_all();
	}
	steps_drawn(seed);
	vlapic_reset(v);
	check_all();
	vlapic_fini(v);
	check(fake_timers_armed() == 0);
	fake_vcpu_free(v);
	vioapic_class.fini(&vm);
	check(vm.mmio.count == 1);
	return 0;
}
