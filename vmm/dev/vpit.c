/* SPDX-License-Identifier: MIT */
/*
 * The 8254 timer, and system control port B, which gates its third counter. The one idea: nothing
 * counts. A counter is the tick at which it was loaded, and its value and OUT are worked out from
 * the clock when somebody looks; the only timer is for the next rise of channel 0's OUT, IRQ 0.
 * Intel 8254 data sheet, "Mode Definitions".
 */
#include "lib/string.h"
#include "vmm/dev/vclock.h"
#include "vmm/irqchip.h"
#include "vmm/vm.h"

enum pit_port {
	PORT_COUNTERS = 0x40, /* 40h … 42h, and the control word at 43h */
	PORT_CONTROL_B = 0x61,
};

enum { OFFSET_CONTROL = 3 };

/* The control word: SC1, SC0 (the channel; 3: read-back), RW1, RW0, M2 … M0, BCD. */
enum {
	CONTROL_BCD = 1 << 0,
	CONTROL_MODE_SHIFT = 1,
	CONTROL_MODE = 7,
	CONTROL_RW_SHIFT = 4,
	CONTROL_RW = 3, /* 0: counter latch command */
	CONTROL_CHANNEL_SHIFT = 6,
	CONTROL_READ_BACK = 3,
};

enum {
	READ_BACK_CHANNEL0 = 1 << 1,
	READ_BACK_NO_STATUS = 1 << 4,
	READ_BACK_NO_COUNT = 1 << 5,
};

enum { STATUS_NULL_COUNT = 1 << 6, STATUS_OUT = 1 << 7 };

enum { ACCESS_LSB = 1, ACCESS_MSB = 2, ACCESS_BOTH = 3 };

enum pit_mode {
	MODE_TERMINAL_COUNT,
	MODE_ONE_SHOT, /* triggered by the gate */
	MODE_RATE,
	MODE_SQUARE,
	MODE_STROBE,
	MODE_STROBE_TRIGGERED,
	MODE_ALIASES = 4, /* M2 is not looked at for modes 2 and 3: 6, 7 are these */
};

enum control_b {
	CONTROL_B_GATE2 = 1 << 0,
	CONTROL_B_SPEAKER = 1 << 1,
	CONTROL_B_WRITABLE = 0xf, /* bits 2, 3 switch off parity and I/O channel checks */
	CONTROL_B_REFRESH = 1 << 4,
	CONTROL_B_OUT2 = 1 << 5,
};

enum {
	COUNT_BINARY = 0x10000,
	COUNT_BCD = 10000,
	/* A PC's memory refresh: a toggle of bit 4 of port 61h every 18 ticks, about 15 µs. */
	REFRESH_TICKS = 18,
	SPEAKER_CHANNEL = 2,
	/*
	 * Interrupts come no closer than this (100 µs), however short the guest's period: or one
	 * guest could keep the host's CPU in its timer interrupt.
	 */
	IRQ_MIN_TICKS = 120,
};

static const struct vclock pit_clock = { VCLOCK_TICKS(VPIT_HZ), VCLOCK_NS(VPIT_HZ) };

static uint64_t pit_now(const struct vm *vm)
{
	return vclock_ticks(&pit_clock, time_ns() - vm->vpit.origin_ns);
}

static bool is_periodic(const struct vpit_channel *c)
{
	return c->mode == MODE_RATE || c->mode == MODE_SQUARE;
}

static bool is_triggered(const struct vpit_channel *c)
{
	return c->mode == MODE_ONE_SHOT || c->mode == MODE_STROBE_TRIGGERED;
}

static uint32_t modulus(const struct vpit_channel *c)
{
	return c->bcd ? COUNT_BCD : COUNT_BINARY;
}

static uint64_t elapsed(const struct vpit_channel *c, uint64_t now)
{
	return (c->counting ? now : c->stop) - c->start;
}

/*
 * Brings a periodic channel up to date: start becomes that of the period which now lies in, so that
 * a guest that polls the counter pays for a division once a period, not once a read.
 */
static void channel_sync(struct vpit_channel *c, uint64_t now)
{
	uint64_t ticks;

	if (!c->counting || !is_periodic(c))
		return;
	if (c->next && now >= c->reload_at) {
		c->count = c->next;
		c->next = 0;
		/* Loaded where OUT falls, this period's high half is over already. */
		c->start = c->reload_at - (c->reload_low ? c->count - c->count / 2 : 0);
	}
	ticks = now - c->start;
	if (ticks >= c->count)
		c->start += ticks <= UINT32_MAX ? ticks - (uint32_t)ticks % c->count
						: ticks - ticks % c->count;
}

/* OUT; the channel is in sync. */
static bool channel_out(const struct vpit_channel *c, uint64_t now)
{
	uint64_t ticks = elapsed(c, now);

	switch (c->mode) {
	case MODE_TERMINAL_COUNT: return c->loaded && ticks >= c->count;
	case MODE_ONE_SHOT: return !c->counting || ticks >= c->count;
	case MODE_RATE: return !c->counting || ticks != c->count - 1;
	case MODE_SQUARE: return !c->counting || ticks < c->count - c->count / 2;
	default: return !c->counting || ticks != c->count;
	}
}

/* Mode 3 counts by two, and an odd count stays in its high half for one tick more. */
static uint32_t square_value(const struct vpit_channel *c, uint32_t ticks)
{
	uint32_t even = c->count & ~1u;
	uint32_t high = c->count - c->count / 2;

	return ticks < high ? even - 2 * ticks : even - 2 * (ticks - high);
}

/* The counting element as it is read; the channel is in sync. */
static uint16_t channel_value(const struct vpit_channel *c, uint64_t now)
{
	uint64_t ticks = elapsed(c, now);
	uint32_t value;

	if (c->mode == MODE_SQUARE)
		value = square_value(c, (uint32_t)ticks);
	else if (is_periodic(c) || ticks <= c->count)
		value = c->count - (uint32_t)ticks;
	else if (!c->bcd)
		value = c->count - (uint32_t)ticks; /* past zero it goes on from FFFF */
	else
		value = (uint32_t)(COUNT_BCD - (ticks - c->count) % COUNT_BCD);
	if (!c->bcd)
		return (uint16_t)value;
	return (uint16_t)(value / 1000 % 10 << 12 | value / 100 % 10 << 8 | value / 10 % 10 << 4 |
			  value % 10);
}

/* The next tick after now at which OUT rises; false: it does not. The channel is in sync. */
static bool next_rise(const struct vpit_channel *c, uint64_t now, uint64_t *tick)
{
	if (!c->counting || is_triggered(c))
		return false;
	if (is_periodic(c) && c->next)
		*tick = c->reload_at + (c->reload_low ? c->next / 2 : 0);
	else if (is_periodic(c))
		*tick = c->start + c->count;
	else
		*tick = c->start + c->count + (c->mode == MODE_STROBE);
	return *tick > now;
}

/* When the next interrupt of channel 0 is due. */
static void irq_plan(struct vpit *pit, uint64_t now)
{
	channel_sync(&pit->channels[0], now);
	pit->irq_armed = next_rise(&pit->channels[0], now, &pit->irq_tick);
}

/* Sets the timer for it. */
static void irq_arm(struct vm *vm, uint64_t now)
{
	struct vpit *pit = &vm->vpit;
	uint64_t at;

	pit->lapsed = false;
	irq_plan(pit, now);
	if (!pit->irq_armed)
		return; /* a timer that is under way finds nothing to do */
	at = pit->irq_tick;
	if (is_periodic(&pit->channels[0]))
		at = MAX(at, now + IRQ_MIN_TICKS);
	timer_arm_ns(&pit->timer, pit->origin_ns + vclock_ns(&pit_clock, at));
}

/*
 * OUT of channel 0 may have risen: by its timer, or before that, when somebody looks at the PIT,
 * who must not see OUT high without the interrupt. Where OUT went low is not told as it happens:
 * only the edge makes a difference to an interrupt controller. True: it has risen, and the next
 * time is to be planned.
 */
static bool irq_catch_up(struct vm *vm, uint64_t now)
{
	if (likely(!vm->vpit.irq_armed || now < vm->vpit.irq_tick))
		return false;
	irqchip_line(vm, IRQ_PIT, false);
	irqchip_line(vm, IRQ_PIT, true);
	return true;
}

/* A vCPU that is in the guest, or that will be, and else NULL: all are asleep. */
static struct vcpu *find_awake(const struct vm *vm)
{
	struct vcpu *awake = NULL;

	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		struct vcpu *v = vm->vcpus[i];

		if (__atomic_load_n(&v->halted, __ATOMIC_SEQ_CST) || v->waits_for_sipi)
			continue;
		awake = v;
		if (vcpu_may_be_inside(v))
			break;
	}
	return awake;
}

/*
 * The interrupt came in the time of somebody else than this guest, who must not have to pay for
 * more than this one: a vCPU arms the timer when it runs. In HLT it does so when that ends, and
 * looks after it has cleared halted.
 */
static __attribute__((noinline)) void lapse(struct vm *vm, uint64_t now)
{
	struct vcpu *v;

	irq_plan(&vm->vpit, now);
	if (!vm->vpit.irq_armed)
		return;
	__atomic_store_n(&vm->vpit.lapsed, true, __ATOMIC_SEQ_CST);
	v = find_awake(vm);
	if (v)
		vcpu_request(v, REQUEST_TIMER);
}

static void pit_fire(void *arg)
{
	struct vm *vm = arg;
	uint64_t now;

	lock_take(&vm->lock);
	now = pit_now(vm);
	if (irq_catch_up(vm, now)) {
		const struct vcpu *self = vcpu_self();

		if (likely(self && self->vm == vm))
			irq_arm(vm, now);
		else
			lapse(vm, now);
	}
	lock_drop(&vm->lock);
}

/* Ticks that fell into the time when nobody ran are one with the last that came. */
void vpit_resume(struct vm *vm)
{
	lock_take(&vm->lock);
	if (vm->vpit.lapsed)
		irq_arm(vm, pit_now(vm));
	lock_drop(&vm->lock);
}

/* After a write to channel 0. */
static void irq_update(struct vm *vm, uint64_t now)
{
	irqchip_line(vm, IRQ_PIT, channel_out(&vm->vpit.channels[0], now));
	irq_arm(vm, now);
}

static void channel_start(struct vpit_channel *c, uint64_t now)
{
	if (c->next)
		c->count = c->next;
	c->next = 0;
	c->start = now;
	c->counting = true;
}

static void channel_stop(struct vpit_channel *c, uint64_t now)
{
	if (!c->counting)
		return;
	c->counting = false;
	c->stop = now;
}

/* A count is complete: 0 stands for the largest. */
static void count_write(struct vpit_channel *c, uint32_t raw, uint64_t now)
{
	uint32_t count = raw;

	if (c->bcd)
		count = ((raw >> 12) * 1000 + (raw >> 8 & 0xf) * 100 + (raw >> 4 & 0xf) * 10 +
			 (raw & 0xf)) %
			COUNT_BCD;
	if (!count)
		count = modulus(c);

	if (!c->loaded)
		c->start = c->stop = now;
	if (is_triggered(c)) {
		c->next = count;
		if (!c->loaded)
			c->count = count;
	} else if (is_periodic(c) && c->counting) {
		c->next = count;
		c->reload_low = c->mode == MODE_SQUARE && channel_out(c, now);
		c->reload_at = c->start + (c->reload_low ? c->count - c->count / 2 : c->count);
	} else {
		c->count = count;
		c->next = 0;
		c->start = c->stop = now;
		c->counting = c->gate;
	}
	c->loaded = true;
}

static void counter_write(struct vpit_channel *c, uint8_t value, uint64_t now)
{
	switch (c->access) {
	case ACCESS_LSB: count_write(c, value, now); return;
	case ACCESS_MSB: count_write(c, (uint32_t)value << 8, now); return;
	}
	if (c->write_msb) {
		c->write_msb = false;
		count_write(c, (uint32_t)value << 8 | c->write_lsb, now);
		return;
	}
	c->write_lsb = value;
	c->write_msb = true;
	/* "Writing the first byte disables counting. OUT is set low immediately." */
	if (c->mode == MODE_TERMINAL_COUNT) {
		channel_stop(c, now);
		c->loaded = false;
	}
}

/* The next byte of a value that is read as the channel's access says. */
static uint8_t latch_read(struct vpit_channel *c)
{
	if (c->latched & ACCESS_LSB) {
		c->latched &= ~ACCESS_LSB;
		return (uint8_t)c->latch;
	}
	c->latched = 0;
	return (uint8_t)(c->latch >> 8);
}

static uint8_t counter_read(struct vpit_channel *c, uint64_t now)
{
	uint16_t value;
	bool msb;

	if (c->status_latched) {
		c->status_latched = false;
		return c->status;
	}
	if (c->latched)
		return latch_read(c);
	value = channel_value(c, now);
	msb = c->access == ACCESS_MSB || (c->access == ACCESS_BOTH && c->read_msb);
	c->read_msb = c->access == ACCESS_BOTH && !msb;
	return (uint8_t)(msb ? value >> 8 : value);
}

/* A latched count is kept until it is read, whatever is latched again. */
static void count_latch(struct vpit_channel *c, uint64_t now)
{
	if (c->latched)
		return;
	c->latch = channel_value(c, now);
	c->latched = c->access;
}

static void status_latch(struct vpit_channel *c, uint64_t now)
{
	if (c->status_latched)
		return;
	c->status =
		(uint8_t)(c->bcd | c->mode << CONTROL_MODE_SHIFT | c->access << CONTROL_RW_SHIFT);
	if (!c->loaded || c->next)
		c->status |= STATUS_NULL_COUNT;
	if (channel_out(c, now))
		c->status |= STATUS_OUT;
	c->status_latched = true;
}

static void read_back(struct vpit *pit, uint8_t word, uint64_t now)
{
	for (unsigned i = 0; i < VPIT_CHANNELS; i++) {
		struct vpit_channel *c = &pit->channels[i];

		if (!(word & READ_BACK_CHANNEL0 << i))
			continue;
		channel_sync(c, now);
		if (!(word & READ_BACK_NO_COUNT))
			count_latch(c, now);
		if (!(word & READ_BACK_NO_STATUS))
			status_latch(c, now);
	}
}

static void control_write(struct vm *vm, uint8_t word, uint64_t now)
{
	unsigned channel = word >> CONTROL_CHANNEL_SHIFT;
	unsigned access = word >> CONTROL_RW_SHIFT & CONTROL_RW;
	unsigned mode = word >> CONTROL_MODE_SHIFT & CONTROL_MODE;
	struct vpit_channel *c;

	if (channel == CONTROL_READ_BACK) {
		read_back(&vm->vpit, word, now);
		return;
	}
	c = &vm->vpit.channels[channel];
	channel_sync(c, now);
	if (!access) {
		count_latch(c, now);
		return;
	}
	*c = (struct vpit_channel){
		.mode = (uint8_t)(mode > MODE_STROBE_TRIGGERED ? mode - MODE_ALIASES : mode),
		.access = (uint8_t)access,
		.bcd = word & CONTROL_BCD,
		.gate = c->gate,
		.count = modulus(c),
		.start = now,
		.stop = now,
	};
	if (channel == 0)
		irq_update(vm, now);
}

static void counters_access(struct vm *vm, void *dev, struct bus_access *a)
{
	struct vpit_channel *c = &vm->vpit.channels[a->offset % VPIT_CHANNELS];
	uint64_t now = pit_now(vm);

	if (unlikely(a->size != 1)) {
		device_split(vm, dev, a, counters_access);
		return;
	}
	if (irq_catch_up(vm, now))
		irq_arm(vm, now);
	if (a->offset == OFFSET_CONTROL) {
		if (a->write)
			control_write(vm, (uint8_t)a->value, now);
		return;
	}
	channel_sync(c, now);
	if (!a->write) {
		a->value = counter_read(c, now);
		return;
	}
	counter_write(c, (uint8_t)a->value, now);
	if (a->offset == 0)
		irq_update(vm, now);
}

/* The gate's two edges; its level is looked at where a count is written. */
static void gate_write(struct vpit_channel *c, bool gate, uint64_t now)
{
	if (gate == c->gate)
		return;
	channel_sync(c, now);
	c->gate = gate;
	if (!c->loaded)
		return;
	if (!gate) {
		if (!is_triggered(c))
			channel_stop(c, now);
	} else if (is_triggered(c) || is_periodic(c)) {
		channel_start(c, now);
	} else {
		c->start += now - c->stop; /* modes 0, 4 go on where they were */
		c->counting = true;
	}
}

static void control_b_access(struct vm *vm, void *dev, struct bus_access *a)
{
	struct vpit_channel *c = &vm->vpit.channels[SPEAKER_CHANNEL];
	uint64_t now = pit_now(vm);

	(void)dev;
	if (a->write) {
		vm->vpit.control_b = (uint8_t)a->value & CONTROL_B_WRITABLE;
		gate_write(c, a->value & CONTROL_B_GATE2, now);
		return;
	}
	channel_sync(c, now);
	a->value = vm->vpit.control_b;
	if (now / REFRESH_TICKS & 1)
		a->value |= CONTROL_B_REFRESH;
	if (channel_out(c, now))
		a->value |= CONTROL_B_OUT2;
}

/* As firmware leaves them: square waves of the longest period; the third waits for its gate. */
static void vpit_reset(struct vm *vm)
{
	uint64_t now = pit_now(vm);

	for (unsigned i = 0; i < VPIT_CHANNELS; i++) {
		struct vpit_channel *c = &vm->vpit.channels[i];

		*c = (struct vpit_channel){
			.mode = MODE_SQUARE,
			.access = ACCESS_BOTH,
			.gate = i != SPEAKER_CHANNEL,
		};
		count_write(c, 0, now);
	}
	vm->vpit.control_b = 0;
	irq_update(vm, now);
}

static int vpit_init(struct vm *vm)
{
	memset(&vm->vpit, 0, sizeof(vm->vpit));
	vm->vpit.origin_ns = time_ns();
	timer_init(&vm->vpit.timer, pit_fire, vm);
	vpit_reset(vm);
	return 0;
}

static void vpit_fini(struct vm *vm)
{
	timer_cancel(&vm->vpit.timer);
}

static void vpit_thaw(struct vm *vm, uint64_t ns)
{
	vm->vpit.origin_ns += ns;
	irq_update(vm, pit_now(vm));
}

static const struct dev_ports vpit_ports[] = {
	{ PORT_COUNTERS, 4, "pit", counters_access },
	{ PORT_CONTROL_B, 1, "system control B", control_b_access },
	{ 0 },
};

const struct dev_class vpit_class = {
	.name = "vpit",
	.ports = vpit_ports,
	.init = vpit_init,
	.reset = vpit_reset,
	.fini = vpit_fini,
	.freeze = vpit_fini,
	.thaw = vpit_thaw,
};
