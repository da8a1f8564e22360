/* SPDX-License-Identifier: MIT */
/*
 * The real-time clock and CMOS memory of a PC. The one idea: nothing ticks. When somebody looks,
 * the seconds that have passed are added at once, and with them the flags that they would have set;
 * the only timer is for the next interrupt that the guest has enabled and not had yet.
 * Motorola MC146818A data sheet; CMOS beyond register D as PC firmware lays it out.
 */
#include "lib/string.h"
#include "vmm/dev/calendar.h"
#include "vmm/dev/vclock.h"
#include "vmm/irqchip.h"
#include "vmm/vm.h"

enum { PORT_INDEX = 0x70, OFFSET_DATA = 1, INDEX_MASK = VRTC_BYTES - 1 };

enum cmos {
	CMOS_SECONDS,
	CMOS_SECONDS_ALARM,
	CMOS_MINUTES,
	CMOS_MINUTES_ALARM,
	CMOS_HOURS,
	CMOS_HOURS_ALARM,
	CMOS_WEEKDAY,
	CMOS_DAY,
	CMOS_MONTH,
	CMOS_YEAR,
	CMOS_A,
	CMOS_B,
	CMOS_C,
	CMOS_D,
	CMOS_EQUIPMENT = 0x14,
	CMOS_BASE_MEMORY = 0x15,     /* KiB */
	CMOS_EXTENDED_MEMORY = 0x17, /* KiB above 1 MiB, at most 65535 */
	CMOS_CHECKSUM_FIRST = 0x10,
	CMOS_CHECKSUM_LAST = 0x2d,
	CMOS_CHECKSUM = 0x2e,	       /* the high byte first */
	CMOS_EXTENDED_MEMORY_2 = 0x30, /* the same again */
	CMOS_CENTURY = 0x32,
	CMOS_MEMORY_16M = 0x34, /* units of 64 KiB above 16 MiB, below 4 GiB */
	CMOS_MEMORY_4G = 0x5b,	/* units of 64 KiB above 4 GiB; three bytes */
};

enum register_a {
	A_RATE = 0xf,
	A_DIVIDER = 7 << 4,
	A_DIVIDER_32K = 2 << 4, /* the only one at which it runs on a PC */
	A_UIP = 1 << 7,
	A_AT_RESET = A_DIVIDER_32K | 6, /* 1024 Hz */
};

enum register_b {
	B_24H = 1 << 1,
	B_BINARY = 1 << 2,
	B_UIE = 1 << 4, /* interrupt enables, at the places of the flags in C */
	B_AIE = 1 << 5,
	B_PIE = 1 << 6,
	B_SET = 1 << 7,
};

enum register_c { C_UF = 1 << 4, C_AF = 1 << 5, C_PF = 1 << 6, C_FLAGS = 7 << 4, C_IRQF = 1 << 7 };

enum { D_VALID = 1 << 7 };

enum {
	HOURS_PM = 1 << 7,
	HOURS_HALF = 12,
	ALARM_ANY = 0xc0, /* both bits set: matches always */
	BCD_BASE = 10,
	CENTURY = 100,
	EQUIPMENT_FPU = 1 << 1,
	BASE_MEMORY_KIB = 640,
	CMOS_MEMORY_MAX = 0xffff,
	CMOS_MEMORY_4G_MAX = 0xffffff,
	RATE_HZ_SHIFT = 15, /* 32768 Hz */
	RATE_FAST = 2,	    /* rates 1 and 2 are those of 8 and 9 */
	RATE_FAST_BASE = 7,
	/*
	 * UIP is seen 244 µs before the update, which takes 1984 µs; what is read changes at its
	 * end.
	 */
	UIP_NS = (244 + 1984) * 1000,
	DIVIDER_FIRST_NS = 500000000, /* after a reset of the divider, to the first update */
	NS_PER_SECOND = 1000000000,
	SECONDS_PER_MINUTE = 60,
	SECONDS_PER_HOUR = 3600,
	SECONDS_PER_DAY = 86400,
};

static const struct vclock rtc_clock = { VCLOCK_TICKS(1 << RATE_HZ_SHIFT),
					 VCLOCK_NS(1 << RATE_HZ_SHIFT) };

static uint64_t rtc_now(const struct vm *vm)
{
	return time_ns() - vm->vrtc.origin_ns;
}

/* A byte of the time of day as register B says, and back. */
static uint8_t number_encode(const struct vrtc *r, unsigned n)
{
	if (r->cmos[CMOS_B] & B_BINARY)
		return (uint8_t)n;
	return (uint8_t)(n / BCD_BASE % BCD_BASE << 4 | n % BCD_BASE);
}

static unsigned number_decode(const struct vrtc *r, uint8_t byte)
{
	if (r->cmos[CMOS_B] & B_BINARY)
		return byte;
	return (unsigned)(byte >> 4) * BCD_BASE + (byte & 0xf);
}

static uint8_t hours_encode(const struct vrtc *r, unsigned hour)
{
	unsigned half = hour % HOURS_HALF;

	if (r->cmos[CMOS_B] & B_24H)
		return number_encode(r, hour);
	return number_encode(r, half ? half : HOURS_HALF) | (hour >= HOURS_HALF ? HOURS_PM : 0);
}

static unsigned hours_decode(const struct vrtc *r, uint8_t byte)
{
	unsigned hour;

	if (r->cmos[CMOS_B] & B_24H)
		return number_decode(r, byte);
	hour = number_decode(r, byte & ~HOURS_PM) % HOURS_HALF;
	return hour + (byte & HOURS_PM ? HOURS_HALF : 0);
}

/* seconds → the registers. */
static void time_show(struct vrtc *r)
{
	struct calendar t;

	calendar_split(r->seconds, &t);
	r->cmos[CMOS_SECONDS] = number_encode(r, t.second);
	r->cmos[CMOS_MINUTES] = number_encode(r, t.minute);
	r->cmos[CMOS_HOURS] = hours_encode(r, t.hour);
	r->cmos[CMOS_WEEKDAY] = number_encode(r, t.weekday + 1); /* 1: Sunday */
	r->cmos[CMOS_DAY] = number_encode(r, t.day);
	r->cmos[CMOS_MONTH] = number_encode(r, t.month);
	r->cmos[CMOS_YEAR] = number_encode(r, (unsigned)t.year % CENTURY);
	r->cmos[CMOS_CENTURY] = number_encode(r, (unsigned)t.year / CENTURY);
}

/* The registers → seconds. The guest may have written nonsense: it gets some other time. */
static void time_take(struct vrtc *r)
{
	struct calendar t = {
		.second = number_decode(r, r->cmos[CMOS_SECONDS]),
		.minute = number_decode(r, r->cmos[CMOS_MINUTES]),
		.hour = hours_decode(r, r->cmos[CMOS_HOURS]),
		.day = number_decode(r, r->cmos[CMOS_DAY]),
		.month = number_decode(r, r->cmos[CMOS_MONTH]),
		.year = (int)(number_decode(r, r->cmos[CMOS_CENTURY]) * CENTURY +
			      number_decode(r, r->cmos[CMOS_YEAR])),
	};

	r->seconds = calendar_join(&t);
	r->edited = false;
}

static bool is_running(const struct vrtc *r)
{
	return (r->cmos[CMOS_A] & A_DIVIDER) == A_DIVIDER_32K;
}

/* Whether an alarm byte lets value through. */
static bool alarm_matches(uint8_t alarm, unsigned decoded, unsigned value)
{
	return (alarm & ALARM_ANY) == ALARM_ANY || decoded == value;
}

/*
 * In how many seconds, 1 to a day, the alarm matches; 0: it never does. The search leaps over hours
 * and minutes that do not match: 144 steps at most.
 */
static unsigned alarm_distance(const struct vrtc *r)
{
	const uint8_t *cmos = r->cmos;
	unsigned hour = hours_decode(r, cmos[CMOS_HOURS_ALARM]);
	unsigned minute = number_decode(r, cmos[CMOS_MINUTES_ALARM]);
	unsigned second = number_decode(r, cmos[CMOS_SECONDS_ALARM]);
	unsigned distance = 1, at;
	struct calendar t;

	calendar_split(r->seconds, &t);
	while (distance <= SECONDS_PER_DAY) {
		at = (t.hour * SECONDS_PER_HOUR + t.minute * SECONDS_PER_MINUTE + t.second +
		      distance) %
		     SECONDS_PER_DAY;
		if (!alarm_matches(cmos[CMOS_HOURS_ALARM], hour, at / SECONDS_PER_HOUR))
			distance += SECONDS_PER_HOUR - at % SECONDS_PER_HOUR;
		else if (!alarm_matches(cmos[CMOS_MINUTES_ALARM], minute,
					at % SECONDS_PER_HOUR / SECONDS_PER_MINUTE))
			distance += SECONDS_PER_MINUTE - at % SECONDS_PER_MINUTE;
		else if (!alarm_matches(cmos[CMOS_SECONDS_ALARM], second, at % SECONDS_PER_MINUTE))
			distance++;
		else
			return distance;
	}
	return 0;
}

/* log2 of the periodic interrupt's period in ticks of 32768 Hz; rate is not 0. */
static unsigned period_shift(unsigned rate)
{
	return (rate <= RATE_FAST ? rate + RATE_FAST_BASE : rate) - 1;
}

/* Brings the clock, the registers and the flags up to now. */
static void rtc_update(struct vrtc *r, uint64_t now)
{
	unsigned rate = r->cmos[CMOS_A] & A_RATE;
	uint64_t passed, periods;
	unsigned distance;

	if (!is_running(r))
		return;
	periods = rate ? vclock_ticks(&rtc_clock, now) >> period_shift(rate) : 0;
	if (rate && periods != r->periods)
		r->cmos[CMOS_C] |= C_PF;
	r->periods = periods;

	passed = (now - r->second_ns) / NS_PER_SECOND;
	if (!passed)
		return;
	r->second_ns += passed * NS_PER_SECOND;
	if (r->cmos[CMOS_B] & B_SET)
		return; /* the seconds go on, but nothing is updated */
	if (r->edited)
		time_take(r);
	distance = r->cmos[CMOS_C] & C_AF ? 0 : alarm_distance(r);
	if (distance && distance <= passed)
		r->cmos[CMOS_C] |= C_AF;
	r->cmos[CMOS_C] |= C_UF;
	r->seconds += (int64_t)passed;
	time_show(r);
}

/* The VM time of the next interrupt, UINT64_MAX: none. What is flagged already makes no other. */
static uint64_t next_interrupt(const struct vrtc *r)
{
	unsigned rate = r->cmos[CMOS_A] & A_RATE;
	uint8_t wanted = r->cmos[CMOS_B] & ~r->cmos[CMOS_C];
	uint64_t at = UINT64_MAX;
	unsigned distance;

	if (!is_running(r) || r->irq)
		return at;
	if (wanted & B_PIE && rate)
		at = vclock_ns(&rtc_clock, (r->periods + 1) << period_shift(rate));
	if (r->cmos[CMOS_B] & B_SET)
		return at;
	/* A time that the guest has written counts from the next second on: look again then. */
	if (wanted & B_UIE || (wanted & B_AIE && r->edited))
		distance = 1;
	else
		distance = wanted & B_AIE ? alarm_distance(r) : 0;
	if (distance)
		at = MIN(at, r->second_ns + (uint64_t)distance * NS_PER_SECOND);
	return at;
}

/* After any change: the interrupt line, and the timer. */
static void irq_update(struct vm *vm)
{
	struct vrtc *r = &vm->vrtc;
	bool irq = r->cmos[CMOS_B] & r->cmos[CMOS_C] & C_FLAGS;
	uint64_t at;

	r->cmos[CMOS_C] = (r->cmos[CMOS_C] & C_FLAGS) | (irq ? C_IRQF : 0);
	if (irq != r->irq) {
		r->irq = irq;
		irqchip_line(vm, IRQ_RTC, irq);
	}
	at = next_interrupt(r);
	if (at != UINT64_MAX)
		timer_arm_ns(&r->timer, r->origin_ns + at);
}

static void rtc_fire(void *arg)
{
	struct vm *vm = arg;

	lock_take(&vm->lock);
	rtc_update(&vm->vrtc, rtc_now(vm));
	irq_update(vm);
	lock_drop(&vm->lock);
}

static void register_a_write(struct vrtc *r, uint8_t value, uint64_t now)
{
	bool was_running = is_running(r);
	unsigned rate = value & A_RATE;

	r->cmos[CMOS_A] = value & (A_RATE | A_DIVIDER);
	r->periods = rate ? vclock_ticks(&rtc_clock, now) >> period_shift(rate) : 0;
	if (!was_running && is_running(r))
		r->second_ns = now + DIVIDER_FIRST_NS - NS_PER_SECOND;
}

static void register_b_write(struct vrtc *r, uint8_t value)
{
	bool formats = (r->cmos[CMOS_B] ^ value) & (B_24H | B_BINARY);

	/* SET going high clears UIE. */
	if (value & ~r->cmos[CMOS_B] & B_SET)
		value &= ~B_UIE;
	/* What was written in the old format, and counts already, is read in it. */
	if (formats && r->edited && !(r->cmos[CMOS_B] & B_SET))
		time_take(r);
	r->cmos[CMOS_B] = value;
	if (formats && !r->edited && !(value & B_SET))
		time_show(r);
}

static void cmos_write(struct vm *vm, uint8_t value)
{
	struct vrtc *r = &vm->vrtc;
	unsigned index = r->index & INDEX_MASK;
	uint64_t now = rtc_now(vm);

	rtc_update(r, now);
	switch (index) {
	case CMOS_C:
	case CMOS_D: return;
	case CMOS_A: register_a_write(r, value, now); break;
	case CMOS_B: register_b_write(r, value); break;
	case CMOS_SECONDS:
	case CMOS_MINUTES:
	case CMOS_HOURS:
	case CMOS_WEEKDAY ... CMOS_YEAR:
	case CMOS_CENTURY: r->edited = true; /* fall through */
	default: r->cmos[index] = value; break;
	}
	irq_update(vm);
}

static bool is_updating(const struct vrtc *r, uint64_t now)
{
	return is_running(r) && !(r->cmos[CMOS_B] & B_SET) &&
	       now - r->second_ns >= NS_PER_SECOND - UIP_NS;
}

static uint8_t cmos_read(struct vm *vm)
{
	struct vrtc *r = &vm->vrtc;
	unsigned index = r->index & INDEX_MASK;
	uint64_t now = rtc_now(vm);
	uint8_t value;

	if (index > CMOS_D && index != CMOS_CENTURY)
		return r->cmos[index];
	rtc_update(r, now);
	irq_update(vm);
	value = r->cmos[index];
	if (index == CMOS_A && is_updating(r, now))
		value |= A_UIP;
	if (index == CMOS_C) {
		r->cmos[CMOS_C] = 0;
		irq_update(vm);
	}
	return value;
}

static void rtc_access(struct vm *vm, void *dev, struct bus_access *a)
{
	if (a->size != 1)
		device_split(vm, dev, a, rtc_access);
	else if (a->offset == OFFSET_DATA && a->write)
		cmos_write(vm, (uint8_t)a->value);
	else if (a->offset == OFFSET_DATA)
		a->value = cmos_read(vm);
	else if (a->write)
		vm->vrtc.index = (uint8_t)a->value; /* it cannot be read: all ones */
}

void vrtc_set_time(struct vm *vm, uint64_t epoch_seconds)
{
	struct vrtc *r = &vm->vrtc;

	r->seconds = (int64_t)MIN(epoch_seconds, (uint64_t)CALENDAR_LAST);
	r->second_ns = rtc_now(vm);
	r->edited = false;
	time_show(r);
	irq_update(vm);
}

static void word_set(struct vrtc *r, unsigned at, uint64_t value)
{
	value = MIN(value, CMOS_MEMORY_MAX);
	r->cmos[at] = (uint8_t)value;
	r->cmos[at + 1] = (uint8_t)(value >> 8);
}

/* What firmware writes of the memory, for guests that ask neither it nor ACPI. */
static void memory_set(struct vrtc *r, const struct gmem *m)
{
	uint64_t top = MIB, above = 0;

	for (unsigned i = 0; i < m->count; i++) {
		const struct gmem_slot *s = &m->slots[i];

		if (s->flags & GMEM_ROM)
			continue;
		if (s->base.raw >= 4 * GIB)
			above += s->size;
		else if (s->base.raw <= top && s->base.raw + s->size > top)
			top = MIN(s->base.raw + s->size, 4 * GIB);
	}
	word_set(r, CMOS_BASE_MEMORY, BASE_MEMORY_KIB);
	word_set(r, CMOS_EXTENDED_MEMORY, (top - MIB) / KIB);
	word_set(r, CMOS_EXTENDED_MEMORY_2, (top - MIB) / KIB);
	word_set(r, CMOS_MEMORY_16M, top > 16 * MIB ? (top - 16 * MIB) / (64 * KIB) : 0);
	above = MIN(above / (64 * KIB), CMOS_MEMORY_4G_MAX);
	word_set(r, CMOS_MEMORY_4G, above & CMOS_MEMORY_MAX);
	r->cmos[CMOS_MEMORY_4G + 2] = (uint8_t)(above >> 16);
}

static void checksum_set(struct vrtc *r)
{
	unsigned sum = 0;

	for (unsigned i = CMOS_CHECKSUM_FIRST; i <= CMOS_CHECKSUM_LAST; i++)
		sum += r->cmos[i];
	r->cmos[CMOS_CHECKSUM] = (uint8_t)(sum >> 8);
	r->cmos[CMOS_CHECKSUM + 1] = (uint8_t)sum;
}

/* The reset line stops interrupts only: the rest is kept by the battery. */
static void vrtc_reset(struct vm *vm)
{
	struct vrtc *r = &vm->vrtc;

	rtc_update(r, rtc_now(vm));
	r->index = 0;
	r->cmos[CMOS_B] &= ~(B_PIE | B_AIE | B_UIE);
	r->cmos[CMOS_C] = 0;
	irq_update(vm);
}

static int vrtc_init(struct vm *vm)
{
	struct vrtc *r = &vm->vrtc;

	memset(r, 0, sizeof(*r));
	r->origin_ns = time_ns();
	timer_init(&r->timer, rtc_fire, vm);
	r->cmos[CMOS_A] = A_AT_RESET;
	r->cmos[CMOS_B] = B_24H;
	r->cmos[CMOS_D] = D_VALID;
	r->cmos[CMOS_EQUIPMENT] = EQUIPMENT_FPU;
	memory_set(r, &vm->mem);
	checksum_set(r);
	time_show(r);
	return 0;
}

static void vrtc_fini(struct vm *vm)
{
	timer_cancel(&vm->vrtc.timer);
}

static const struct dev_ports vrtc_ports[] = {
	{ PORT_INDEX, 2, "rtc", rtc_access },
	{ 0 },
};

const struct dev_class vrtc_class = {
	.name = "vrtc",
	.ports = vrtc_ports,
	.init = vrtc_init,
	.reset = vrtc_reset,
	.fini = vrtc_fini,
};
