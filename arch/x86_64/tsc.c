/* SPDX-License-Identifier: MIT */
/*
 * How fast the TSC runs. A run reads the reference and the TSC together, waits, and reads both
 * again; what disturbs a run (an SMI, a hypervisor below us that takes the CPU away) spoils one end
 * of it, so each end is read several times and the tightest reading kept. Two runs in a row that
 * agree are believed; where no two do, the median of all counts.
 */
#include "arch/x86_64/tsc.h"

#include "arch/x86_64/asm.h"
#include "arch/x86_64/features.h"
#include "lib/errno.h"
#include "lib/log.h"

enum {
	RUNS = 5,
	RUNS_PER_S = 125,  /* 8 ms each: 40 ms in all */
	RUN_PARTS = 50000, /* two runs agree: within 20 parts in a million */
	TRIES = 6,	   /* readings at each end of a run */
	/*
	 * The crystal's nominal frequency is better than any measurement, but only if it is the
	 * right crystal: a tick more than a thousandth off is another one.
	 */
	CRYSTAL_PARTS = 1000,
	/* A reference that is read this often without moving is not running. */
	STUCK = 20000,
};

#define HZ_MIN 1000000ull
#define HZ_MAX 100000000000ull

struct tsc_scale tsc_host;

struct tsc_scale tsc_scale_make(uint64_t hz)
{
	struct tsc_scale s = {
		.hz = hz,
		.to_ns = ratio_make(NS_PER_S, hz),
		.to_tsc = ratio_make(hz, NS_PER_S),
	};
	/*
	 * to_ns is up to 2^-64 too small: a part in 2^64 / to_ns. to_tsc is made larger by as
	 * great a part at least, so that the way there and back never loses a nanosecond.
	 */
	uint64_t slack = (s.to_tsc.whole + 1) * (s.to_tsc.whole + 1) + 1;

	s.to_tsc.fraction += slack;
	if (s.to_tsc.fraction < slack)
		s.to_tsc.whole++;
	return s;
}

uint64_t tsc_median(uint64_t *hz, unsigned n)
{
	for (unsigned i = 1; i < n; i++) {
		uint64_t v = hz[i];
		unsigned at = i;

		for (; at && hz[at - 1] > v; at--)
			hz[at] = hz[at - 1];
		hz[at] = v;
	}
	return n ? hz[n / 2] : 0;
}

uint64_t tsc_hz_of_crystal(uint32_t denominator, uint32_t numerator, uint32_t crystal_hz)
{
	if (!denominator || !numerator || !crystal_hz)
		return 0;
	return (uint64_t)crystal_hz * numerator / denominator;
}

bool tsc_hz_agree(uint64_t a, uint64_t b, uint64_t parts)
{
	uint64_t apart = a > b ? a - b : b - a;

	return apart <= MAX(a, b) / parts;
}

/*
 * Both counters at one moment, which is an edge of the reference: its tick may be a hundred times
 * as long as the TSC's. The TSC's reading lies in the middle of the time that the edge's took.
 * False when the reference does not move.
 */
static bool read_edge(const struct tsc_reference *r, uint64_t *count, uint64_t *tsc)
{
	uint64_t best = UINT64_MAX;

	for (unsigned i = 0; i < TRIES; i++) {
		uint64_t old = r->read(r), new, before, took;
		unsigned reads = 0;

		do {
			before = rdtsc();
			new = r->read(r);
			took = rdtsc() - before;
			if (++reads == STUCK)
				return false;
		} while (new == old);
		if (took < best) {
			best = took;
			*count = new;
			*tsc = before + took / 2;
		}
	}
	return true;
}

/* The TSC's frequency from one run, or 0 when the reference does not move. */
static uint64_t measure(const struct tsc_reference *r)
{
	uint64_t ticks = r->hz / RUNS_PER_S;
	uint64_t count0, count1, tsc0, tsc1, last;
	unsigned stuck = 0;

	if (!read_edge(r, &count0, &tsc0))
		return 0;
	for (last = count0; ((last - count0) & r->mask) < ticks;) {
		uint64_t now = r->read(r);

		stuck = now == last ? stuck + 1 : 0;
		if (stuck == STUCK)
			return 0;
		last = now;
		__builtin_ia32_pause();
	}
	if (!read_edge(r, &count1, &tsc1))
		return 0;
	ticks = (count1 - count0) & r->mask;
	if (!ticks)
		return 0;
	/* A run is about 8 ms, below 2^30 ticks of either: the product fits. */
	return (tsc1 - tsc0) * r->hz / ticks;
}

static uint64_t measure_all(const struct tsc_reference *r)
{
	uint64_t hz[RUNS];
	unsigned n;

	for (n = 0; n < RUNS; n++) {
		hz[n] = measure(r);
		if (!hz[n])
			break;
		if (n && tsc_hz_agree(hz[n], hz[n - 1], RUN_PARTS))
			return hz[n - 1] / 2 + hz[n] / 2;
	}
	return tsc_median(hz, n);
}

static uint64_t read_crystal(void)
{
	struct cpuid_regs c;

	if (features.max_basic < CPUID_TSC)
		return 0;
	c = cpuid(CPUID_TSC, 0);
	return tsc_hz_of_crystal(c.eax, c.ebx, c.ecx);
}

/* The base frequency is a rounded number of MHz: good enough only where nothing better is. */
static uint64_t read_base_frequency(void)
{
	if (features.max_basic < CPUID_FREQUENCY)
		return 0;
	return (uint64_t)(cpuid(CPUID_FREQUENCY, 0).eax & CPUID_16_EAX_MHZ) * 1000000;
}

static uint64_t choose(const struct tsc_reference *r, uint64_t measured, const char **source)
{
	uint64_t crystal = read_crystal();

	if (measured && crystal && tsc_hz_agree(crystal, measured, CRYSTAL_PARTS)) {
		*source = "CPUID leaf 15h, borne out";
		return crystal;
	}
	if (measured) {
		if (crystal)
			log_info("tsc: CPUID leaf 15h says %llu kHz, which is not so",
				 (unsigned long long)crystal / 1000);
		*source = r->name;
		return measured;
	}
	if (crystal) {
		*source = "CPUID leaf 15h, unconfirmed";
		return crystal;
	}
	*source = "CPUID leaf 16h, unconfirmed";
	return read_base_frequency();
}

int tsc_calibrate(const struct tsc_reference *r)
{
	uint64_t measured = r ? measure_all(r) : 0, hz;
	const char *source;

	if (r && !measured)
		log_warn("tsc: the %s does not count", r->name);
	hz = choose(r, measured, &source);
	if (hz < HZ_MIN || hz > HZ_MAX) {
		log_error("tsc: its frequency is unknown (%llu Hz): there is no working HPET, ACPI "
			  "PM timer or PIT, and CPUID does not tell",
			  (unsigned long long)hz);
		return -ENODEV;
	}
	tsc_host = tsc_scale_make(hz);
	log_info("tsc: %llu.%03llu MHz (%s)", (unsigned long long)hz / 1000000,
		 (unsigned long long)hz / 1000 % 1000, source);
	if (!feature(WORD_80000007_EDX, CPUID_80000007_EDX_INVARIANT_TSC))
		log_warn("tsc: the CPU does not promise that its rate is constant: clocks may "
			 "drift");
	return 0;
}

void tsc_delay_ns(uint64_t ns)
{
	uint64_t start = rdtsc(), ticks = tsc_from_ns(&tsc_host, ns);

	while (rdtsc() - start < ticks)
		__builtin_ia32_pause();
}
