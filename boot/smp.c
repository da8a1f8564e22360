/* SPDX-License-Identifier: MIT */
/*
 * INIT, then SIPI, to one CPU after the other (SDM 3, "Multiple-Processor Initialization"). Each
 * finds one ticket; when it does not come in time the ticket is taken back, and an INIT puts the
 * CPU to sleep again, so that no CPU can wander in later.
 */
#include "boot/smp.h"
#include "arch/x86_64/asm.h"
#include "arch/x86_64/features.h"
#include "arch/x86_64/fpu.h"
#include "arch/x86_64/lapic.h"
#include "arch/x86_64/layout.h"
#include "arch/x86_64/trap.h"
#include "arch/x86_64/tsc.h"
#include "arch/x86_64/tsc_sync.h"
#include "arch/x86_64/virt/virt.h"
#include "boot/ap.h"
#include "core/alloc.h"
#include "core/ramlist.h"
#include "core/space.h"
#include "core/thread.h"
#include "core/timer.h"
#include "drivers/acpi.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"

#define MS 1000000ull

/* SDM 3, "MP Initialization Protocol Algorithm": after INIT, and how long a SIPI is waited for. */
enum { INIT_MS = 10, FIRST_SIPI_MS = 10, SECOND_SIPI_MS = 500, READY_MS = 3000 };
/* The lowest pages belong to the firmware, and to whoever dereferences NULL. */
enum { LOWEST_PAGE = 0x8000, LOW_END = 0xa0000, XAPIC_IDS = 255 };

enum ap_state { AP_ABSENT, AP_HERE, AP_ONLINE, AP_REFUSED };

struct ap_ticket *ap_ticket;
static enum ap_state state; /* atomic; of the CPU that is being started */

int smp_alloc_stacks(struct cpu *c)
{
	for (unsigned i = IST_NONE + 1; i < ISTS; i++) {
		void *top = stack_alloc();

		if (!top)
			return -ENOMEM;
		c->tss.ist[i - 1] = (uint64_t)top;
	}
	return 0;
}

static void free_cpu(struct cpu *c, void *stack)
{
	for (unsigned i = 0; i < ISTS - 1; i++)
		if (c->tss.ist[i])
			stack_free((void *)c->tss.ist[i]);
	if (stack)
		stack_free(stack);
	mem_free(c);
}

static void set_state(enum ap_state s)
{
	/* Release: who sees the state sees all that was done before it. */
	__atomic_store_n(&state, s, __ATOMIC_RELEASE);
}

static bool has_left(enum ap_state s, unsigned ms)
{
	uint64_t start = time_ns();

	while (__atomic_load_n(&state, __ATOMIC_ACQUIRE) == s) {
		if (time_ns() - start > ms * MS)
			return false;
		__builtin_ia32_pause();
	}
	return true;
}

static uint32_t uid_of(uint32_t apic_id)
{
	for (unsigned i = 0; i < acpi_info.cpu_count; i++)
		if (acpi_info.cpus[i].apic_id == apic_id)
			return acpi_info.cpus[i].uid;
	return UINT32_MAX;
}

/* On the new CPU: what boot_main() does on the first one. */
_Noreturn void ap_main(struct cpu *c)
{
	cpu_load_tables(c);
	trap_load();
	cpu_harden();
	fpu_init_cpu();
	/* Another one than was called: its firmware lies, or it has come from nowhere. */
	if (lapic_init_cpu() || lapic_id() != c->apic_id)
		set_state(AP_REFUSED);
	else
		set_state(AP_HERE);
	(void)tsc_sync_target();
	timer_init_cpu(c);
	lapic_timer_init_cpu();
	lapic_enable_nmis(uid_of(c->apic_id), acpi_info.nmis, acpi_info.nmi_count);
	if (virt->cpu_on()) {
		set_state(AP_REFUSED);
		for (;;)
			__asm__ volatile("cli; hlt");
	}
	sched_init(c);
	space_sync();
	set_state(AP_ONLINE);
	sched_idle();
}

/* The ticket is laid out, the CPU is called. False: it has not come. */
static bool call(struct ap_ticket *t, uint8_t page)
{
	uint32_t id = t->cpu->apic_id;

	set_state(AP_ABSENT);
	__atomic_store_n(&ap_ticket, t, __ATOMIC_RELEASE);
	lapic_ipi_init(id);
	tsc_delay_ns(INIT_MS * MS);
	lapic_ipi_startup(id, page);
	if (has_left(AP_ABSENT, FIRST_SIPI_MS))
		return true;
	lapic_ipi_startup(id, page);
	if (has_left(AP_ABSENT, SECOND_SIPI_MS))
		return true;
	/* It may have taken the ticket at the last moment. */
	return !__atomic_exchange_n(&ap_ticket, NULL, __ATOMIC_ACQ_REL) &&
	       has_left(AP_ABSENT, READY_MS);
}

static void tell_tsc(const struct cpu *c)
{
	if (tsc_sync_rest())
		log_warn("cpu%u: its TSC goes up to %lu ticks back against CPU 0's: guests with "
			 "vCPUs on both may see time go back",
			 c->id, tsc_sync_rest());
	else if (tsc_sync_moved())
		log_info("cpu%u: its TSC was moved by %ld ticks to agree with CPU 0's", c->id,
			 tsc_sync_moved());
}

static int bring_up(struct ap_ticket *t, uint8_t page)
{
	const struct cpu *c = t->cpu;

	tsc_sync_begin();
	if (!call(t, page)) {
		log_error("cpu%u: the processor with APIC ID %u, which the firmware names, does "
			  "not start: it is left out",
			  c->id, c->apic_id);
		return -ENODEV;
	}
	if (!tsc_sync_source() || !has_left(AP_HERE, READY_MS)) {
		log_error("cpu%u: the processor with APIC ID %u started and then fell silent: it "
			  "is left out",
			  c->id, c->apic_id);
		return -ETIMEDOUT;
	}
	if (__atomic_load_n(&state, __ATOMIC_ACQUIRE) == AP_REFUSED) {
		log_error("cpu%u: the processor with APIC ID %u cannot run guests (see above): it "
			  "is left out",
			  c->id, c->apic_id);
		return -ENODEV;
	}
	tell_tsc(c);
	return 0;
}

static struct cpu *make_cpu(uint32_t apic_id, void **stack)
{
	struct cpu *c = mem_alloc(sizeof(*c), MEM_CORE);

	if (!c)
		return NULL;
	c->id = cpu_count;
	c->apic_id = apic_id;
	*stack = stack_alloc();
	if (*stack && !smp_alloc_stacks(c))
		return c;
	free_cpu(c, *stack);
	return NULL;
}

static void start_one(uint32_t apic_id, uint8_t page)
{
	/* In the image: start.S's tables, on which it is read, have no thread's stack. */
	static struct ap_ticket t;
	int err;

	t.cr3 = read_cr3();
	t.cpu = make_cpu(apic_id, &t.stack);
	if (!t.cpu) {
		log_error("smp: no memory for the processor with APIC ID %u: it is left out",
			  apic_id);
		return;
	}
	err = bring_up(&t, page);
	if (!err) {
		cpus[t.cpu->id] = t.cpu;
		/* Release: whoever sees the count sees the pointer. */
		__atomic_store_n(&cpu_count, cpu_count + 1, __ATOMIC_RELEASE);
		return;
	}
	lapic_ipi_init(apic_id);
	tsc_delay_ns(INIT_MS * MS);
	/* One that fell silent somewhere may still be on its stacks. */
	if (err != -ETIMEDOUT)
		free_cpu(t.cpu, t.stack);
}

/* A page below 1 MiB that is RAM; memory there is never given out (core/pmem.c). */
static uint64_t find_low_page(const struct boot_info *info)
{
	const struct ramlist ram = { .regions = info->regions,
				     .region_count = info->region_count,
				     .end = LOW_END };
	struct boot_region run;

	return ramlist_next(&ram, LOWEST_PAGE, &run) ? run.base : 0;
}

static bool can_start(const struct acpi_cpu *c)
{
	if (!c->enabled || c->apic_id == cpus[0]->apic_id)
		return false;
	if (!lapic_is_x2apic() && c->apic_id >= XAPIC_IDS) {
		log_warn("smp: the processor with APIC ID %u can only be reached in x2APIC mode, "
			 "which the first CPU lacks: it is left out",
			 c->apic_id);
		return false;
	}
	return true;
}

void smp_start(const struct boot_info *info)
{
	uint64_t page = find_low_page(info);
	unsigned too_many = 0;

	if (!page && acpi_info.cpu_count > 1) {
		log_warn("smp: no free RAM from %#x to %#x, where processors have to start: only "
			 "one is used",
			 LOWEST_PAGE, LOW_END);
		return;
	}
	if (page)
		memcpy(hpa_ptr(hpa(page)), ap_begin, (size_t)(ap_end - ap_begin));
	for (unsigned i = 0; i < acpi_info.cpu_count; i++) {
		if (!can_start(&acpi_info.cpus[i]))
			continue;
		if (cpu_count == CPUS_MAX)
			too_many++;
		else
			start_one(acpi_info.cpus[i].apic_id, (uint8_t)(page / PAGE_SIZE));
	}
	if (too_many)
		log_warn("smp: Plinth uses %u processors; %u more are left out", CPUS_MAX,
			 too_many);
	if (cpu_count == 1)
		log_info("smp: 1 processor");
	else
		log_info("smp: %u processors, whose TSCs %s", cpu_count,
			 tsc_sync_all() ? "agree" : "do not agree");
}
