// SPDX-License-Identifier: MIT
/* CPUs are started one after the other, so that one trampoline and one set of words serve all. */
#include "smp.h"
#include "acpi.h"
#include "apic.h"
#include "cpu.h"
#include "test.h"
#include "time.h"

enum { TRAMPOLINE = 0x8000, MADT_LAPIC = 0, MADT_ENABLED = 1, WAIT_MS = 20000, TRY_MS = 500 };
enum { INIT_WAIT_US = 10000, SIPI_WAIT_US = 200 };

/* ACPI 6.4, "Multiple APIC Description Table", "Processor Local APIC Structure" */
struct madt {
	struct acpi_header h;
	uint32_t lapic, flags;
} __attribute__((packed));
struct madt_lapic {
	uint8_t type, length, processor, apic_id;
	uint32_t flags;
} __attribute__((packed));

struct smp_cpu smp_cpus[SMP_MAX];
unsigned smp_n;
static struct smp_cpu *volatile starting;
static void (*volatile start_fn)(unsigned cpu);
static volatile uint8_t locked;

static uint32_t own_apic_id(void)
{
	return apic_in_x2apic() ? apic_read(LAPIC_ID) : apic_read(LAPIC_ID) >> 24;
}

static void add(uint32_t apic_id)
{
	if (smp_n == SMP_MAX)
		return;
	smp_cpus[smp_n].index = smp_n;
	smp_cpus[smp_n++].apic_id = apic_id;
}

unsigned smp_find(void)
{
	const struct madt *m = (const void *)acpi_find("APIC");
	const uint8_t *at, *end;
	uint32_t self = own_apic_id();

	wrmsr(MSR_GS_BASE, (uint64_t)&smp_cpus[0]);
	add(self);
	if (!check_true("there is a MADT", m))
		return smp_n;
	at = (const uint8_t *)(m + 1);
	end = (const uint8_t *)m + m->h.length;
	for (; at + 2 <= end && at[1]; at += at[1]) {
		const struct madt_lapic *l = (const void *)at;

		if (l->type == MADT_LAPIC && (l->flags & MADT_ENABLED) && l->apic_id != self)
			add(l->apic_id);
	}
	memcpy((void *)TRAMPOLINE, smp_trampoline, (size_t)(smp_trampoline_end - smp_trampoline));
	time_tsc_per_ms();
	return smp_n;
}

static bool wait_ms(bool (*holds)(uint64_t arg), uint64_t arg, unsigned ms)
{
	uint64_t end = rdtsc() + ms * time_tsc_per_ms();

	while (!holds(arg)) {
		if (rdtsc() > end)
			return false;
		pause();
	}
	return true;
}

bool smp_wait(bool (*holds)(uint64_t arg), uint64_t arg)
{
	return wait_ms(holds, arg, WAIT_MS);
}

void smp_c(void)
{
	struct smp_cpu *c = starting;
	void (*fn)(unsigned cpu) = start_fn;

	wrmsr(MSR_GS_BASE, (uint64_t)c);
	trap_init_cpu(&c->trap);
	apic_init_cpu();
	c->entry = smp_start_state;
	c->up = true;
	fn(c->index);
}

/* How long a thread of QEMU's may sleep is not QEMU's to say. */
void smp_settle(void)
{
	time_wait_us(test_is_bare_tcg() ? 20 * INIT_WAIT_US : INIT_WAIT_US);
}

void smp_init(unsigned cpu)
{
	apic_send(smp_cpus[cpu].apic_id, ICR_INIT | ICR_ASSERT | ICR_LEVEL);
	apic_send(smp_cpus[cpu].apic_id, ICR_INIT | ICR_LEVEL);
	smp_settle();
	smp_cpus[cpu].up = false;
}

void smp_sipi(unsigned cpu)
{
	apic_send(smp_cpus[cpu].apic_id, ICR_SIPI | ICR_ASSERT | TRAMPOLINE / 4096);
	time_wait_us(SIPI_WAIT_US);
}

static bool is_up(uint64_t cpu)
{
	return smp_cpus[cpu].up;
}

bool smp_start(unsigned cpu, void (*fn)(unsigned cpu))
{
	struct smp_cpu *c = &smp_cpus[cpu];

	starting = c;
	start_fn = fn;
	smp_start_stack = (uint64_t)c->stack + SMP_STACK;
	/* A thread of QEMU's may sleep longer than INIT may take: then the SIPI comes too soon. */
	for (unsigned tries = test_is_bare_tcg() ? 10 : 1; tries; tries--) {
		smp_init(cpu);
		smp_sipi(cpu);
		smp_sipi(cpu);
		if (wait_ms(is_up, cpu, tries > 1 ? TRY_MS : WAIT_MS))
			return true;
	}
	return false;
}

void smp_start_all(void (*fn)(unsigned cpu))
{
	for (unsigned i = 1; i < smp_n; i++)
		check_true("a CPU starts", smp_start(i, fn));
}

static void count(struct trap_frame *f)
{
	if (f->vector != VEC_NMI)
		apic_eoi();
	/* Last: who sees it sees a CPU whose APIC is done with it, and not busier by it. */
	smp_cpus[smp_self()].count[f->vector]++;
}

void smp_count_irqs(uint8_t vector)
{
	trap_set_handler(vector, count);
}

void smp_lock(void)
{
	while (__atomic_exchange_n(&locked, 1, __ATOMIC_ACQUIRE))
		pause();
}

void smp_unlock(void)
{
	__atomic_store_n(&locked, 0, __ATOMIC_RELEASE);
}
