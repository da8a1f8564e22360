/* SPDX-License-Identifier: MIT */
/*
 * ACPI's fixed hardware, at the ports that PIIX4 has in other virtual machines, and the chipset's
 * reset control register. The PM timer does not count: it is worked out from the clock when read.
 * ACPI specification, "ACPI Register Model"; PIIX3 data sheet, "Reset Control Register".
 */
#include "lib/log.h"
#include "lib/string.h"
#include "vmm/dev/vclock.h"
#include "vmm/irqchip.h"
#include "vmm/vm.h"

enum pm1_status {
	PM1_TMR = 1 << 0,
	PM1_GBL = 1 << 5,
	PM1_PWRBTN = 1 << 8,
	PM1_SLPBTN = 1 << 9,
	PM1_RTC = 1 << 10,
	PM1_ENABLES = PM1_TMR | PM1_GBL | PM1_PWRBTN | PM1_SLPBTN | PM1_RTC,
};

enum pm1_control {
	PM1_SCI_EN = 1 << 0,
	PM1_BM_RLD = 1 << 1,
	PM1_SLP_TYP_SHIFT = 10,
	PM1_SLP_TYP = 7,
	PM1_SLP_EN = 1 << 13,
	PM1_WRITABLE = PM1_BM_RLD | PM1_SLP_TYP << PM1_SLP_TYP_SHIFT,
};

enum reset_control {
	RESET_HARD = 1 << 1,
	RESET_CPU = 1 << 2, /* its rise resets */
};

enum {
	EVENT_SIZE = 4,
	CONTROL_SIZE = 2,
	TIMER_SIZE = 4,
	TIMER_MASK = 0xffffff,
	TIMER_HALF_SHIFT = 23, /* TMR_STS is set whenever the counter's top bit changes */
	ENABLE_SHIFT = 16,
};

static const struct vclock pm_clock = { VCLOCK_TICKS(VPM_TIMER_HZ), VCLOCK_NS(VPM_TIMER_HZ) };

static uint64_t timer_now(const struct vm *vm)
{
	return vclock_ticks(&pm_clock, time_ns() - vm->vpm.origin_ns);
}

static void sci_update(struct vm *vm)
{
	struct vpm *pm = &vm->vpm;
	bool sci = pm->pm1_status & pm->pm1_enable & PM1_ENABLES;

	if (sci == pm->sci)
		return;
	pm->sci = sci;
	irqchip_line(vm, IRQ_SCI, sci);
}

/* Brings TMR_STS up to date, and sets the timer for it where somebody wants the interrupt. */
static void status_update(struct vm *vm)
{
	struct vpm *pm = &vm->vpm;
	uint64_t halves = timer_now(vm) >> TIMER_HALF_SHIFT;

	if (halves != pm->halves_done) {
		pm->halves_done = halves;
		pm->pm1_status |= PM1_TMR;
	}
	if (pm->pm1_enable & PM1_TMR && !(pm->pm1_status & PM1_TMR))
		timer_arm_ns(&pm->timer,
			     pm->origin_ns +
				     vclock_ns(&pm_clock, (halves + 1) << TIMER_HALF_SHIFT));
	sci_update(vm);
}

static void pm_fire(void *arg)
{
	struct vm *vm = arg;

	lock_take(&vm->lock);
	status_update(vm);
	lock_drop(&vm->lock);
}

void vpm_press_power_button(struct vm *vm)
{
	vm->vpm.pm1_status |= PM1_PWRBTN;
	sci_update(vm);
}

/* The bits of a register that an access writes, at their places in it. */
static uint32_t written_mask(const struct bus_access *a)
{
	return (uint32_t)((BIT(8 * a->size) - 1) << 8 * a->offset);
}

/* PM1_STS in the low half: a 1 written clears; PM1_EN in the high half. */
static void event_access(struct vm *vm, void *dev, struct bus_access *a)
{
	struct vpm *pm = &vm->vpm;
	uint32_t mask = written_mask(a);
	uint32_t value = (uint32_t)(a->value << 8 * a->offset) & mask;

	(void)dev;
	status_update(vm);
	if (!a->write) {
		a->value = ((uint32_t)pm->pm1_enable << ENABLE_SHIFT | pm->pm1_status) >>
			   8 * a->offset;
		return;
	}
	pm->pm1_status &= ~value;
	pm->pm1_enable &= ~(mask >> ENABLE_SHIFT);
	pm->pm1_enable |= value >> ENABLE_SHIFT & PM1_ENABLES;
	status_update(vm);
}

static void sleep_enter(struct vm *vm, unsigned type)
{
	if (type == VPM_SLP_TYP_S5) {
		vm_request_end(vm, VM_POWERED_OFF, "ACPI S5");
		return;
	}
	/* Once, or a guest could fill the log. */
	if (!vm->vpm.sleep_refused)
		log_warn("%s: there is no sleep state of SLP_TYP %u; only %u, S5", vm->config.name,
			 type, VPM_SLP_TYP_S5);
	vm->vpm.sleep_refused = true;
}

static void control_access(struct vm *vm, void *dev, struct bus_access *a)
{
	struct vpm *pm = &vm->vpm;
	uint32_t mask = written_mask(a);
	uint32_t value = (uint32_t)(a->value << 8 * a->offset) & mask;

	(void)dev;
	if (!a->write) {
		a->value = (uint32_t)(pm->pm1_control | PM1_SCI_EN) >> 8 * a->offset;
		return;
	}
	pm->pm1_control &= ~mask;
	pm->pm1_control |= value & PM1_WRITABLE;
	if (value & PM1_SLP_EN)
		sleep_enter(vm, pm->pm1_control >> PM1_SLP_TYP_SHIFT & PM1_SLP_TYP);
}

static void timer_access(struct vm *vm, void *dev, struct bus_access *a)
{
	(void)dev;
	if (!a->write)
		a->value = (timer_now(vm) & TIMER_MASK) >> 8 * a->offset;
}

void vpm_reset_access(struct vm *vm, struct bus_access *a)
{
	struct vpm *pm = &vm->vpm;

	if (!a->write) {
		a->value = pm->reset_control;
		return;
	}
	pm->reset_control = a->value & RESET_HARD;
	if (a->value & RESET_CPU)
		vm_request_end(vm, VM_RESET, "reset control register");
}

static void vpm_reset(struct vm *vm)
{
	struct vpm *pm = &vm->vpm;

	pm->pm1_status = pm->pm1_enable = pm->pm1_control = 0;
	pm->reset_control = 0;
	pm->halves_done = timer_now(vm) >> TIMER_HALF_SHIFT;
	sci_update(vm);
}

static int vpm_init(struct vm *vm)
{
	memset(&vm->vpm, 0, sizeof(vm->vpm));
	vm->vpm.origin_ns = time_ns();
	timer_init(&vm->vpm.timer, pm_fire, vm);
	vpm_reset(vm);
	return 0;
}

static void vpm_fini(struct vm *vm)
{
	timer_cancel(&vm->vpm.timer);
}

static void vpm_thaw(struct vm *vm, uint64_t ns)
{
	vm->vpm.origin_ns += ns;
	status_update(vm);
}

static const struct dev_ports vpm_ports[] = {
	{ VPM_PM1_EVENT, EVENT_SIZE, "PM1 event", event_access },
	{ VPM_PM1_CONTROL, CONTROL_SIZE, "PM1 control", control_access },
	{ VPM_PM_TIMER, TIMER_SIZE, "PM timer", timer_access },
	{ 0 },
};

const struct dev_class vpm_class = {
	.name = "vpm",
	.ports = vpm_ports,
	.init = vpm_init,
	.reset = vpm_reset,
	.fini = vpm_fini,
	.freeze = vpm_fini,
	.thaw = vpm_thaw,
};
