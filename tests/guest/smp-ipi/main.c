// SPDX-License-Identifier: MIT
/*
 * Interrupts from CPU to CPU in all forms: physical, logical flat and cluster, the shorthands,
 * lowest priority, NMI; by xAPIC and x2APIC; to CPUs that run, halt, and hold interrupts back by
 * TPR. And the I/O APIC's to each CPU.
 */
#include "lib/apic.h"
#include "lib/cpu.h"
#include "lib/smp.h"
#include "lib/test.h"
#include "lib/time.h"

enum { VEC = 0x51, VEC_HIGH = 0xa1, PIT_PIN = 2, PIT_RATE = 0x34, TPR_ALL = 0xf0, ROUNDS = 60 };
#define DFR_FLAT    0xffffffffu
#define DFR_CLUSTER 0x0fffffffu

enum mode { MODE_FLAT, MODE_CLUSTER, MODE_X2APIC };

static volatile enum mode mode;
static volatile unsigned in_mode;
static volatile bool halting;
static volatile uint32_t tpr[SMP_MAX], tpr_set[SMP_MAX];

/* Flat: a bit each. Cluster: two members to a cluster. */
static uint32_t logical_id(unsigned cpu)
{
	if (mode == MODE_X2APIC)
		return smp_cpus[cpu].apic_id / 16 << 16 | 1u << smp_cpus[cpu].apic_id % 16;
	return mode == MODE_FLAT ? 1u << cpu : cpu / 2 << 4 | 1u << cpu % 2;
}

static void enter_mode(unsigned cpu)
{
	if (mode == MODE_X2APIC) {
		check_eq("the logical ID of an x2APIC", logical_id(cpu), apic_read(LAPIC_LDR));
	} else {
		apic_write(LAPIC_DFR, mode == MODE_FLAT ? DFR_FLAT : DFR_CLUSTER);
		apic_write(LAPIC_LDR, logical_id(cpu) << 24);
	}
	__atomic_fetch_add(&in_mode, 1, __ATOMIC_SEQ_CST);
}

static void loop(unsigned cpu)
{
	enter_mode(cpu);
	irq_enable();
	for (;;) {
		if (tpr_set[cpu] != tpr[cpu]) {
			apic_write(LAPIC_TPR, tpr[cpu]);
			tpr_set[cpu] = apic_read(LAPIC_TPR);
		}
		smp_cpus[cpu].turns++;
		if (halting)
			asm volatile("hlt");
		else
			pause();
	}
}

static uint32_t wanted[SMP_MAX];
static uint8_t vector;

static bool all_came(uint64_t unused)
{
	(void)unused;
	for (unsigned i = 0; i < smp_n; i++)
		if (smp_cpus[i].count[vector] < wanted[i])
			return false;
	return true;
}

static void expect_none(uint8_t v)
{
	vector = v;
	for (unsigned i = 0; i < smp_n; i++)
		wanted[i] = smp_cpus[i].count[v];
}

static bool has_tpr(uint64_t cpu)
{
	return tpr_set[cpu] == tpr[cpu];
}

static void set_tpr(unsigned cpu, uint32_t value)
{
	tpr[cpu] = value;
	check_true("TPR is set", smp_wait(has_tpr, cpu));
}

/* What was sent has come to whom it was for, and to nobody else. */
static void check_came(const char *what)
{
	irq_enable();
	check_true(what, smp_wait(all_came, 0));
	time_wait_us(100);
	irq_disable();
	for (unsigned i = 0; i < smp_n; i++)
		check_eq(what, wanted[i], smp_cpus[i].count[vector]);
}

static void test_physical(void)
{
	for (unsigned i = 0; i < smp_n; i++) {
		expect_none(VEC);
		wanted[i]++;
		apic_send(smp_cpus[i].apic_id, ICR_ASSERT | VEC);
		check_came("fixed, physical");
	}
	expect_none(VEC);
	for (unsigned i = 0; i < smp_n; i++)
		wanted[i]++;
	apic_send(mode == MODE_X2APIC ? ~0u : 0xff, ICR_ASSERT | VEC);
	check_came("fixed, broadcast");
}

static void test_shorthands(void)
{
	expect_none(VEC);
	wanted[0]++;
	apic_send(0, ICR_ASSERT | ICR_SELF | VEC);
	check_came("self");
	expect_none(VEC);
	for (unsigned i = 0; i < smp_n; i++)
		wanted[i]++;
	apic_send(0, ICR_ASSERT | ICR_ALL | VEC);
	check_came("all with oneself");
	expect_none(VEC);
	for (unsigned i = 1; i < smp_n; i++)
		wanted[i]++;
	apic_send(0, ICR_ASSERT | ICR_OTHERS | VEC);
	check_came("all others");
}

static void test_logical(void)
{
	for (unsigned i = 0; i < smp_n; i++) {
		expect_none(VEC);
		wanted[i]++;
		apic_send(logical_id(i), ICR_ASSERT | ICR_LOGICAL | VEC);
		check_came("fixed, logical");
	}
	/* 2 and 3 are in one cluster, in each of the models. */
	expect_none(VEC);
	wanted[2]++;
	wanted[3]++;
	apic_send(logical_id(2) | logical_id(3), ICR_ASSERT | ICR_LOGICAL | VEC);
	check_came("fixed, logical, two of a cluster");
	if (mode == MODE_CLUSTER) {
		/* QEMU alone knows no message to all clusters. */
		if (test_is_bare_tcg())
			return;
		expect_none(VEC);
		wanted[1]++;
		wanted[3]++;
		apic_send(0xf2, ICR_ASSERT | ICR_LOGICAL | VEC);
		check_came("fixed, logical, one member of all clusters");
	}
}

static uint32_t came_to_all(void)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < smp_n; i++)
		n += smp_cpus[i].count[vector];
	return n;
}

static bool sum_is(uint64_t n)
{
	return came_to_all() >= n;
}

/* Each goes to one of those that are meant, and not to one that is busier. */
static void test_lowest(void)
{
	uint32_t before;

	expect_none(VEC_HIGH);
	before = came_to_all();
	set_tpr(3, 0x80);
	irq_enable();
	for (unsigned i = 1; i <= 8; i++) {
		apic_send(logical_id(2) | logical_id(3),
			  ICR_ASSERT | ICR_LOGICAL | ICR_LOWEST | VEC_HIGH);
		check_true("lowest priority comes", smp_wait(sum_is, before + i));
	}
	irq_disable();
	check_eq("to one each", before + 8, came_to_all());
	check_eq("to none that is not meant", wanted[0] + wanted[1],
		 smp_cpus[0].count[VEC_HIGH] + smp_cpus[1].count[VEC_HIGH]);
	if (!test_is_bare_tcg())
		check_eq("to the one that is less busy", wanted[2] + 8,
			 smp_cpus[2].count[VEC_HIGH]);
	set_tpr(3, 0);
}

static void test_nmi(void)
{
	for (unsigned i = 1; i < smp_n; i++) {
		expect_none(VEC_NMI);
		wanted[i]++;
		apic_send(smp_cpus[i].apic_id, ICR_ASSERT | ICR_NMI);
		check_came("NMI");
	}
	expect_none(VEC_NMI);
	for (unsigned i = 1; i < smp_n; i++)
		wanted[i]++;
	apic_send(0, ICR_ASSERT | ICR_OTHERS | ICR_NMI);
	check_came("NMI to all others");
}

/* What TPR holds back comes when it falls. */
static void test_tpr(void)
{
	set_tpr(1, TPR_ALL);
	expect_none(VEC);
	apic_send(smp_cpus[1].apic_id, ICR_ASSERT | VEC);
	time_wait_us(1000);
	check_eq("TPR holds it back", wanted[1], smp_cpus[1].count[VEC]);
	wanted[1]++;
	set_tpr(1, 0);
	check_came("and lets it through");
}

/* A CPU in HLT wakes for each; none is lost. */
static void test_halted(void)
{
	halting = true;
	time_wait_us(1000);
	for (unsigned n = 0; n < ROUNDS; n++) {
		unsigned cpu = 1 + n % (smp_n - 1);

		expect_none(VEC);
		wanted[cpu]++;
		apic_send(smp_cpus[cpu].apic_id, ICR_ASSERT | VEC);
		if (!smp_wait(all_came, 0))
			break;
	}
	check_came("from HLT");
	halting = false;
	expect_none(VEC_HIGH);
	for (unsigned i = 1; i < smp_n; i++)
		wanted[i]++;
	apic_send(0, ICR_ASSERT | ICR_OTHERS | VEC_HIGH);
	check_came("from HLT, all others");
	test_nmi();
}

/* The PIT's interrupt goes where the I/O APIC sends it. */
static void test_ioapic(void)
{
	outb(PIT_CMD, PIT_RATE);
	outb(PIT_CH0, 0);
	outb(PIT_CH0, 0x10); /* some 290 Hz */
	for (unsigned i = 1; i < smp_n; i++) {
		expect_none(VEC_HIGH);
		ioapic_write(IOAPIC_REDTBL + 2 * PIT_PIN + 1, smp_cpus[i].apic_id << 24);
		ioapic_write(IOAPIC_REDTBL + 2 * PIT_PIN, VEC_HIGH);
		wanted[i] += 3;
		check_true("the PIT's interrupt comes", smp_wait(all_came, 0));
		ioapic_write(IOAPIC_REDTBL + 2 * PIT_PIN, REDIR_MASKED | VEC_HIGH);
		smp_settle();
		for (unsigned k = 0; k < smp_n; k++)
			check_true("and to none else",
				   k == i || smp_cpus[k].count[VEC_HIGH] == wanted[k]);
		/* When it has taken one of lower priority, it has taken those too. */
		expect_none(VEC);
		wanted[i]++;
		apic_send(smp_cpus[i].apic_id, ICR_ASSERT | VEC);
		check_came("the last of them");
	}
}

static void test_mode(enum mode m, const char *name)
{
	print("%s\n", name);
	mode = m;
	in_mode = 0;
	enter_mode(0);
	smp_start_all(loop);
	test_physical();
	test_shorthands();
	test_logical();
	test_lowest();
	test_nmi();
	test_tpr();
	test_halted();
	test_ioapic();
}

void guest_main(void)
{
	apic_init();
	if (!check_true("there are several CPUs", smp_find() > 3))
		return;
	smp_count_irqs(VEC);
	smp_count_irqs(VEC_HIGH);
	smp_count_irqs(VEC_NMI);
	test_mode(MODE_FLAT, "xAPIC, flat");
	test_mode(MODE_CLUSTER, "xAPIC, cluster");
	if (apic_has_x2apic()) {
		/* None is left to whom the mode would be news. */
		apic_send(0, ICR_ASSERT | ICR_INIT | ICR_OTHERS);
		smp_settle();
		apic_enter_x2apic();
		test_mode(MODE_X2APIC, "x2APIC");
	}
}
