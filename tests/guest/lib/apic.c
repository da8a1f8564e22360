// SPDX-License-Identifier: MIT
/* Helpers for the local APIC (xAPIC by MMIO, x2APIC by MSR) and the I/O APIC. */
#include "apic.h"
#include "cpu.h"
#include "pic.h"
#include "trap.h"

enum { SPURIOUS_VECTOR = 0xff, ICR_SHORTHAND_SELF = ICR_SELF | ICR_ASSERT };

bool apic_has_x2apic(void)
{
	return cpuid(1, 0).ecx & (1u << 21);
}

bool apic_has_tsc_deadline(void)
{
	return cpuid(1, 0).ecx & (1u << 24);
}

bool apic_in_x2apic(void)
{
	return apic_has_x2apic() && (rdmsr(MSR_APIC_BASE) & APIC_BASE_EXTD);
}

/* Asking CPUID at each access would be an exit at each: the mode is kept. */
static bool x2apic;

uint32_t apic_read(uint32_t reg)
{
	if (x2apic)
		return (uint32_t)rdmsr(MSR_X2APIC + reg / 16);
	return mmio_read32(LAPIC_BASE + reg);
}

void apic_write(uint32_t reg, uint32_t v)
{
	if (x2apic)
		wrmsr(MSR_X2APIC + reg / 16, v);
	else
		mmio_write32(LAPIC_BASE + reg, v);
}

void apic_eoi(void)
{
	apic_write(LAPIC_EOI, 0);
}

bool apic_bit(uint32_t bank, uint8_t vector)
{
	return apic_read(bank + vector / 32 * 0x10) & (1u << vector % 32);
}

void apic_enter_x2apic(void)
{
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_BASE_EN | APIC_BASE_EXTD);
	x2apic = true;
}

void apic_leave_x2apic(void)
{
	uint64_t base = rdmsr(MSR_APIC_BASE) & ~(APIC_BASE_EN | APIC_BASE_EXTD);

	/* SDM Vol. 3, "x2APIC State Transitions": only by way of the disabled state. */
	wrmsr(MSR_APIC_BASE, base);
	wrmsr(MSR_APIC_BASE, base | APIC_BASE_EN);
	x2apic = false;
}

void apic_init(void)
{
	x2apic = apic_in_x2apic();
	pic_init();
	apic_write(LAPIC_SVR, SVR_ENABLE | SPURIOUS_VECTOR);
	apic_write(LAPIC_LVT_TIMER, LVT_MASKED);
	apic_write(LAPIC_LVT_LINT0, LVT_MASKED);
	apic_write(LAPIC_LVT_LINT1, LVT_MASKED);
	apic_write(LAPIC_LVT_ERROR, LVT_MASKED);
	apic_write(LAPIC_TIMER_DIVIDE, TIMER_DIVIDE_BY_1);
	apic_write(LAPIC_TIMER_INIT, 0);
	apic_write(LAPIC_TPR, 0);
}

void apic_init_cpu(void)
{
	if (x2apic)
		wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_BASE_EN | APIC_BASE_EXTD);
	apic_write(LAPIC_SVR, SVR_ENABLE | SPURIOUS_VECTOR);
	apic_write(LAPIC_TPR, 0);
}

void apic_init_virtual_wire(void)
{
	apic_init();
	apic_write(LAPIC_LVT_LINT0, LVT_EXTINT);
}

void apic_send_icr(uint32_t low)
{
	apic_send(x2apic ? apic_read(LAPIC_ID) : apic_read(LAPIC_ID) >> 24, low);
}

void apic_send(uint32_t dest, uint32_t low)
{
	if (x2apic) {
		wrmsr(MSR_X2APIC + LAPIC_ICR / 16, (uint64_t)dest << 32 | low);
		return;
	}
	apic_write(LAPIC_ICR_HIGH, dest << 24);
	apic_write(LAPIC_ICR, low);
	for (int i = 0; i < 100000 && (apic_read(LAPIC_ICR) & ICR_PENDING); i++)
		pause();
}

void apic_send_self(uint8_t vector)
{
	if (x2apic)
		wrmsr(MSR_X2APIC + LAPIC_ICR / 16, ICR_SHORTHAND_SELF | vector);
	else
		apic_write(LAPIC_ICR, ICR_SHORTHAND_SELF | vector);
}

static void handle_with_eoi(struct trap_frame *f)
{
	(void)f;
	apic_eoi();
}

void apic_handle(uint8_t vector)
{
	trap_set_handler(vector, handle_with_eoi);
}

uint32_t ioapic_read(uint8_t reg)
{
	mmio_write32(IOAPIC_BASE + IOREGSEL, reg);
	return mmio_read32(IOAPIC_BASE + IOWIN);
}

void ioapic_write(uint8_t reg, uint32_t v)
{
	mmio_write32(IOAPIC_BASE + IOREGSEL, reg);
	mmio_write32(IOAPIC_BASE + IOWIN, v);
}

unsigned ioapic_pins(void)
{
	return (ioapic_read(IOAPIC_VER) >> 16 & 0xff) + 1;
}

void ioapic_set(unsigned pin, uint32_t low)
{
	uint8_t reg = (uint8_t)(IOAPIC_REDTBL + 2 * pin);

	ioapic_write(reg, low | REDIR_MASKED);
	ioapic_write((uint8_t)(reg + 1), apic_read(LAPIC_ID) & 0xff000000u);
	ioapic_write(reg, low);
}
