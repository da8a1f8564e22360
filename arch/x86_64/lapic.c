/* SPDX-License-Identifier: MIT */
/*
 * The local APIC. Its registers have the same numbers in both modes, so that one pair of functions
 * hides whether they are reached through memory (xAPIC) or MSRs (x2APIC); only the interrupt
 * command register differs in shape. SDM 3, "Advanced Programmable Interrupt Controller (APIC)".
 */
#include "arch/x86_64/lapic.h"

#include "arch/x86_64/apic.h"
#include "arch/x86_64/asm.h"
#include "arch/x86_64/features.h"
#include "arch/x86_64/mmio.h"
#include "arch/x86_64/msr.h"
#include "arch/x86_64/tsc.h"
#include "lib/errno.h"
#include "lib/log.h"

enum {
	CALIBRATION_RUNS = 3,
	CALIBRATION_PER_S = 250,   /* 4 ms each */
	CALIBRATION_TRIES = 6,	   /* readings at each end of a run */
	CALIBRATION_PARTS = 50000, /* two runs in a row that agree this well are enough */
	/* The timer is set 4 parts in a million later: an early interrupt would be in vain. */
	LATE_SHIFT = 18,
	/* How often an IPI's delivery is asked for: some milliseconds. */
	ICR_POLLS = 100000,
	/* The highest LVT entry (of the version register) that comes with each optional one. */
	LVT_MAX_PERF = 4,
	LVT_MAX_THERMAL = 5,
	LVT_MAX_CMCI = 6,
};

/* Ticks of the TSC beyond which a deadline is taken for later: six minutes at 3 GHz. */
#define FAR BIT(40)

/* Constant after lapic_init() and lapic_timer_init(); the same for every CPU. */
static struct {
	volatile uint8_t *page; /* xAPIC */
	bool x2apic;
	bool deadline;	    /* the timer compares with the TSC */
	struct ratio ticks; /* of the timer's own clock, for one of the TSC */
	struct lapic_vectors vectors;
} lapic;

static uint32_t read(enum apic_reg reg)
{
	if (lapic.x2apic)
		return (uint32_t)rdmsr(MSR_X2APIC_BASE + reg / APIC_REG_STRIDE);
	return mmio_read32(lapic.page + reg);
}

static void write(enum apic_reg reg, uint32_t value)
{
	if (lapic.x2apic)
		wrmsr(MSR_X2APIC_BASE + reg / APIC_REG_STRIDE, value);
	else
		mmio_write32(lapic.page + reg, value);
}

/* WRMSR to the x2APIC and to IA32_TSC_DEADLINE may pass earlier stores (SDM 3, "x2APIC Mode"). */
static void fence(void)
{
	__asm__ volatile("mfence; lfence" : : : "memory");
}

uint32_t lapic_id(void)
{
	return lapic.x2apic ? read(APIC_ID) : read(APIC_ID) >> APIC_ID_SHIFT;
}

bool lapic_is_x2apic(void)
{
	return lapic.x2apic;
}

void lapic_eoi(void)
{
	write(APIC_EOI, 0);
}

static void send(uint32_t apic_id, uint32_t command)
{
	if (lapic.x2apic) {
		fence();
		wrmsr(MSR_X2APIC_BASE + APIC_ICR_LOW / APIC_REG_STRIDE,
		      (uint64_t)apic_id << 32 | command);
		return;
	}
	for (unsigned i = 0; i < ICR_POLLS && read(APIC_ICR_LOW) & APIC_ICR_PENDING; i++)
		__builtin_ia32_pause();
	write(APIC_ICR_HIGH, apic_id << APIC_ID_SHIFT);
	write(APIC_ICR_LOW, command);
}

void lapic_ipi(uint32_t apic_id, uint8_t vector)
{
	send(apic_id, vector | APIC_MODE_FIXED << APIC_MODE_SHIFT | APIC_ICR_ASSERT);
}

void lapic_nmi_all_but_self(void)
{
	send(0, APIC_MODE_NMI << APIC_MODE_SHIFT | APIC_ICR_ASSERT | APIC_ICR_OTHERS);
}

void lapic_ipi_init(uint32_t apic_id)
{
	send(apic_id, APIC_MODE_INIT << APIC_MODE_SHIFT | APIC_ICR_ASSERT);
}

void lapic_ipi_startup(uint32_t apic_id, uint8_t page)
{
	send(apic_id, page | APIC_MODE_SIPI << APIC_MODE_SHIFT | APIC_ICR_ASSERT);
}

static void mask_sources(void)
{
	unsigned last = read(APIC_VERSION) >> APIC_VERSION_MAX_LVT_SHIFT & APIC_LVT_VECTOR;

	write(APIC_LVT_TIMER, APIC_LVT_MASKED | lapic.vectors.timer);
	write(APIC_LVT_LINT0, APIC_LVT_MASKED);
	write(APIC_LVT_LINT1, APIC_LVT_MASKED);
	if (last >= LVT_MAX_PERF)
		write(APIC_LVT_PERF, APIC_LVT_MASKED);
	if (last >= LVT_MAX_THERMAL)
		write(APIC_LVT_THERMAL, APIC_LVT_MASKED);
	if (last >= LVT_MAX_CMCI)
		write(APIC_LVT_CMCI, APIC_LVT_MASKED);
}

/* Firmware may have left interrupts in service: they would hold back all of lower priority. */
static void finish_leftovers(void)
{
	for (unsigned word = 0; word < APIC_VECTOR_WORDS; word++)
		for (unsigned i = 0; i < 32 && read(APIC_ISR + word * APIC_REG_STRIDE); i++)
			lapic_eoi();
}

int lapic_init_cpu(void)
{
	uint64_t base = rdmsr(MSR_APIC_BASE);

	/*
	 * From off to x2APIC there is no way but through xAPIC (SDM 3, "x2APIC State Transitions").
	 */
	if (!(base & APIC_BASE_ENABLE))
		wrmsr(MSR_APIC_BASE, base |= APIC_BASE_ENABLE);
	if (lapic.x2apic && !(base & APIC_BASE_X2APIC))
		wrmsr(MSR_APIC_BASE, base |= APIC_BASE_X2APIC);
	mask_sources();
	write(APIC_TPR, 0);
	write(APIC_SVR, APIC_SVR_ENABLE | lapic.vectors.spurious);
	finish_leftovers();
	/* Twice: the first write latches what had been, the second clears it. */
	write(APIC_ESR, 0);
	write(APIC_ESR, 0);
	write(APIC_LVT_ERROR, lapic.vectors.error);
	return 0;
}

int lapic_init(hpa_t base, const struct lapic_vectors *vectors)
{
	uint64_t msr = rdmsr(MSR_APIC_BASE);
	hpa_t page = hpa(msr & (BIT(features.phys_bits) - 1) & ~PAGE_MASK);

	lapic.vectors = *vectors;
	lapic.x2apic = msr & APIC_BASE_X2APIC || feature(WORD_1_ECX, CPUID_1_ECX_X2APIC);
	if (!lapic.x2apic) {
		if (base.raw && base.raw != page.raw)
			log_warn("lapic: ACPI says it is at %#llx, the CPU has it at %#llx",
				 (unsigned long long)base.raw, (unsigned long long)page.raw);
		lapic.page = mmio_map(page, PAGE_SIZE);
		if (!lapic.page) {
			log_error("lapic: its registers at %#llx cannot be mapped",
				  (unsigned long long)page.raw);
			return -ENODEV;
		}
	}
	if (lapic_init_cpu())
		return -ENODEV;
	log_info("lapic: %s mode, this CPU's ID is %u", lapic.x2apic ? "x2APIC" : "xAPIC",
		 lapic_id());
	return 0;
}

void lapic_enable_nmis(uint32_t uid, const struct lapic_nmi *nmis, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (!nmis[i].all && nmis[i].uid != uid)
			continue;
		/* Of an NMI pin the trigger mode is always edge. */
		write(nmis[i].lint ? APIC_LVT_LINT1 : APIC_LVT_LINT0,
		      APIC_MODE_NMI << APIC_MODE_SHIFT |
			      (nmis[i].active_low ? (uint32_t)APIC_LVT_LOW : 0));
	}
}

/* The timer's count and the TSC at one moment: of several readings the one that took least. */
static void read_both(uint32_t *count, uint64_t *tsc)
{
	uint64_t best = UINT64_MAX;

	for (unsigned i = 0; i < CALIBRATION_TRIES; i++) {
		uint64_t before = rdtsc();
		uint32_t c = read(APIC_CURRENT_COUNT);
		uint64_t took = rdtsc() - before;

		if (took < best) {
			best = took;
			*count = c;
			*tsc = before + took / 2;
		}
	}
}

/* The rate of the timer's own clock, from one run; 0 when it stands still. */
static uint64_t measure(void)
{
	uint64_t ticks = tsc_host.hz / CALIBRATION_PER_S, start, end;
	uint32_t first, last;

	write(APIC_INITIAL_COUNT, UINT32_MAX);
	read_both(&first, &start);
	while (rdtsc() - start < ticks)
		__builtin_ia32_pause();
	read_both(&last, &end);
	write(APIC_INITIAL_COUNT, 0);
	/* 4 ms, so both factors are below 2^32. */
	return (uint64_t)(first - last) * tsc_host.hz / (end - start);
}

static uint64_t measure_all(void)
{
	uint64_t hz[CALIBRATION_RUNS];

	for (unsigned i = 0; i < CALIBRATION_RUNS; i++) {
		hz[i] = measure();
		if (i && tsc_hz_agree(hz[i], hz[i - 1], CALIBRATION_PARTS))
			return hz[i];
	}
	return tsc_median(hz, CALIBRATION_RUNS);
}

int lapic_timer_init(void)
{
	uint64_t rate;

	lapic.deadline = feature(WORD_1_ECX, CPUID_1_ECX_TSC_DEADLINE);
	if (lapic.deadline) {
		log_info("lapic: its timer compares with the TSC");
		lapic_timer_init_cpu();
		return 0;
	}
	write(APIC_LVT_TIMER, APIC_LVT_MASKED | APIC_TIMER_ONE_SHOT | lapic.vectors.timer);
	write(APIC_DIVIDE, APIC_DIVIDE_BY_1);
	rate = measure_all();
	if (!rate) {
		log_error("lapic: its timer does not count; Plinth has no other");
		return -ENODEV;
	}
	lapic.ticks = ratio_make(rate + (rate >> LATE_SHIFT), tsc_host.hz);
	log_info("lapic: its timer counts at %llu.%03llu MHz", (unsigned long long)rate / 1000000,
		 (unsigned long long)rate / 1000 % 1000);
	lapic_timer_init_cpu();
	return 0;
}

void lapic_timer_init_cpu(void)
{
	if (lapic.deadline) {
		write(APIC_LVT_TIMER, APIC_TIMER_DEADLINE | lapic.vectors.timer);
		/*
		 * The mode must be set before the first deadline is (SDM 3, "TSC-Deadline Mode").
		 */
		fence();
		return;
	}
	write(APIC_DIVIDE, APIC_DIVIDE_BY_1);
	write(APIC_LVT_TIMER, APIC_TIMER_ONE_SHOT | lapic.vectors.timer);
}

void lapic_timer_arm_tsc(uint64_t deadline)
{
	uint64_t now, ticks;

	if (lapic.deadline) {
		/* A deadline of 0 would switch the timer off; 1 has passed as well. */
		wrmsr(MSR_TSC_DEADLINE, MAX(deadline, 1));
		return;
	}
	now = rdtsc();
	ticks = deadline > now ? deadline - now : 0;
	/* At least 1: a count of 0 would switch the timer off. */
	ticks = ratio_apply(&lapic.ticks, MIN(ticks, FAR)) + 1;
	write(APIC_INITIAL_COUNT, (uint32_t)MIN(ticks, UINT32_MAX));
}

void lapic_timer_stop(void)
{
	if (lapic.deadline)
		wrmsr(MSR_TSC_DEADLINE, 0);
	else
		write(APIC_INITIAL_COUNT, 0);
}
