// SPDX-License-Identifier: MIT
/* A machine of several CPUs is reset by any of them, whatever the others do meanwhile. */
#include "lib/apic.h"
#include "lib/cpu.h"
#include "lib/reset.h"
#include "lib/smp.h"
#include "lib/test.h"
#include "lib/time.h"
#include "lib/trap.h"

enum { NAME = 'S', CF9_HARD = 2, CF9_RESET = 4 };

static volatile bool go;

static void reset(void)
{
	outb(PORT_CF9, CF9_HARD);
	outb(PORT_CF9, CF9_HARD | CF9_RESET);
}

static void spin(unsigned cpu)
{
	(void)cpu;
	/* No exit, no PAUSE, no interrupt. */
	for (;;)
		smp_cpus[cpu].turns++;
}

static void halt(unsigned cpu)
{
	(void)cpu;
	for (;;)
		asm volatile("cli; hlt");
}

static void reset_when_told(unsigned cpu)
{
	(void)cpu;
	while (!go)
		;
	reset();
	for (;;)
		asm volatile("cli; hlt");
}

static void fault_when_told(unsigned cpu)
{
	(void)cpu;
	while (!go)
		;
	trap_load_idt(0, 0);
	asm volatile("int3");
}

/* The last CPU waits for its SIPI all the while; the others are in these. */
static const struct {
	const char *name;
	void (*first)(unsigned cpu), (*second)(unsigned cpu);
	bool by_boot_cpu;
} ways[] = {
	{ "by the boot CPU: others spin and halt", spin, halt, true },
	{ "by another CPU: others spin", reset_when_told, spin, false },
	{ "by another CPU: others halt", reset_when_told, halt, false },
	{ "by a triple fault of another CPU", fault_when_told, spin, false },
	{ "by two others at once", reset_when_told, reset_when_told, false },
	{ "by all at once", reset_when_told, fault_when_told, true },
};

static void run_way(unsigned way)
{
	print("%s\n", ways[way].name);
	check_true("the second CPU starts", smp_start(1, ways[way].first));
	check_true("the third CPU starts", smp_start(2, ways[way].second));
	serial_drain();
	reset_note(NAME);
	go = true;
	if (ways[way].by_boot_cpu)
		reset();
	time_wait_us(2000000);
	check_true("the machine restarts", false);
}

void guest_main(void)
{
	enum { WAYS = sizeof(ways) / sizeof(ways[0]) };
	unsigned way = reset_count(NAME);

	apic_init();
	if (!check_true("there are several CPUs", smp_find() > 3))
		return;
	if (way < WAYS)
		run_way(way);
	reset_forget();
}
