/* SPDX-License-Identifier: MIT */
/* sources: vmm/top.c core/cpus.c core/reply.c core/reply_text.c core/reply_json.c lib/printf.c lib/str.c tests/fake/timer.c tests/fake/log.c */
/* What is said of two looks: the difference, also where a counter wraps, or a guest comes or goes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/cpus.h"
#include "core/pmem.h"
#include "tests/fake/timer.h"
#include "vmm/vm.h"
#include "vmm/vms.h"

enum { GUESTS = 2, VCPUS = 2 };
#define MS 1000000ull

const char *const vm_exit_names[EXIT_KINDS] = {
	[EXIT_PIO] = "port", [EXIT_CPUID] = "CPUID", [EXIT_HLT] = "HLT", [EXIT_RDMSR] = "RDMSR"
};
const char *const life_state_names[] = { [LIFE_STOPPED] = "stopped", [LIFE_RUNNING] = "running" };

static struct vm *vms[GUESTS];
static struct cpu cpu[2] = { { .id = 0 }, { .id = 1 } };
struct cpu *cpus[CPUS_MAX] = { &cpu[0], &cpu[1] };
unsigned cpu_count = 2;
static uint64_t idle_ns[2];
static struct thread_times times[GUESTS][VCPUS];
static struct thread threads[GUESTS][VCPUS];

void thread_times(struct thread *t, struct thread_times *to)
{
	for (unsigned g = 0; g < GUESTS; g++)
		for (unsigned i = 0; i < VCPUS; i++)
			if (t == &threads[g][i])
				*to = times[g][i];
}

void sched_look(struct cpu *c, struct sched_view *view)
{
	*view = (struct sched_view){ .runs = "four/3", .ready = 3, .idle_ns = idle_ns[c - cpu] };
}

uint64_t pmem_total(void)
{
	return 1024 * MIB;
}

uint64_t pmem_free(void)
{
	return 256 * MIB;
}

struct vm *vm_next(struct vm *vm)
{
	for (unsigned g = 0; g < GUESTS; g++)
		if (vms[g] && (!vm || (vm == vms[0] && g == 1)))
			return vms[g];
	return NULL;
}

bool vms_glimpse(struct vm *vm, unsigned i, struct vcpu_glimpse *g)
{
	*g = (struct vcpu_glimpse){ .is_there = true, .cpu = i };
	return i < vm->vcpu_count;
}

const char *vms_glimpse_state(const struct vcpu_glimpse *g)
{
	(void)g;
	return "running";
}

static void guest_add(unsigned g, const char *name)
{
	vms[g] = calloc(1, sizeof(*vms[g]));
	strcpy(vms[g]->config.name, name);
	vms[g]->config.memory = 64 * MIB;
	vms[g]->life.state = LIFE_RUNNING;
	vms[g]->vcpu_count = VCPUS;
	memset(times[g], 0, sizeof(times[g]));
	for (unsigned i = 0; i < VCPUS; i++) {
		vms[g]->vcpus[i] = calloc(1, sizeof(struct vcpu));
		vms[g]->vcpus[i]->thread = &threads[g][i];
	}
}

static void guest_drop(unsigned g)
{
	for (unsigned i = 0; i < VCPUS; i++)
		free(vms[g]->vcpus[i]);
	free(vms[g]);
	vms[g] = NULL;
}

static void spend(unsigned g, unsigned i, uint64_t run, uint64_t steal, uint64_t wait)
{
	times[g][i].running += run * MS;
	times[g][i].ready += steal * MS;
	times[g][i].blocked += wait * MS;
}

static char answer[8192];

static void gather(void *ctx, const char *bytes, size_t n)
{
	(void)ctx;
	strncat(answer, bytes, n);
}

static const char *run(const struct shell_table *table, unsigned line,
		       const struct reply_format *format)
{
	char *argv[] = { (char *)table->commands[0].name };
	struct reply r;

	answer[0] = '\0';
	reply_init(&r, format, gather, NULL);
	r.line = line;
	table->commands[0].run(&r, 1, argv);
	assert_true(reply_end(&r));
	return answer;
}

static const char *top(unsigned line)
{
	return run(&top_commands, line, &reply_format_text);
}

static int setup(void **state)
{
	(void)state;
	fake_time_set(1000 * MS);
	guest_add(0, "one");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (unsigned g = 0; g < GUESTS; g++)
		if (vms[g])
			guest_drop(g);
	return 0;
}

/* A line of the answer that begins so. */
static void assert_row(const char *row)
{
	if (!strstr(answer, row))
		fail_msg("there is no row \"%s\" in:\n%s", row, answer);
}

static void test_differences(void **state)
{
	(void)state;
	top(0);
	/* 2 s: one vCPU runs a quarter, is kept waiting a quarter, sleeps half; the other sleeps.
	 */
	fake_time_set(3000 * MS);
	spend(0, 0, 500, 500, 1000);
	spend(0, 1, 0, 0, 2000);
	vms[0]->vcpus[0]->counts[EXIT_PIO] += 200;
	vms[0]->vcpus[1]->counts[EXIT_HLT] += 20;
	vms[0]->vcpus[1]->counts[EXIT_CPUID] += 4000;
	vms[0]->vcpus[1]->counts[EXIT_RDMSR] += 2;
	top(0);
	assert_row("interval-ms     2000\r\nmemory-total    1 GiB\r\nmemory-free     256 MiB\r\n");
	assert_row("one           running    64 MiB    25     25   150     2111  "
		   "CPUID 2000, port 100, HLT 10\r\n");
	assert_row("one              0  running    0    25     25    50      100\r\n");
	assert_row("one              1  running    1     0      0   100     2011\r\n");
	/* Nothing since: nothing is said, and nothing divided by 0. */
	top(0);
	assert_row("one           running    64 MiB     0      0     0        0  \r\n");
	/* The other line's last look is its own. */
	top(1);
	assert_row("CPUID 2000");
}

static void test_wrap(void **state)
{
	struct vcpu *v = vms[0]->vcpus[0];

	(void)state;
	v->counts[EXIT_PIO] = UINT64_MAX - 50;
	times[0][0] = (struct thread_times){ .running = UINT64_MAX - 100 * MS };
	top(0);
	v->counts[EXIT_PIO] += 100;
	spend(0, 0, 500, 0, 500);
	top(0);
	assert_row("one              0  running    0    50      0    50      100\r\n");
}

static void test_comes_and_goes(void **state)
{
	(void)state;
	spend(0, 0, 9000, 0, 0);
	top(0);
	spend(0, 0, 0, 0, 1000);
	/* It has been there for 100 ms of the second: its rates are of these. */
	guest_add(1, "two");
	spend(1, 0, 80, 20, 0);
	vms[1]->vcpus[0]->counts[EXIT_HLT] = 10;
	top(0);
	assert_row("one           running    64 MiB     0      0   100        0");
	assert_row("two           running    64 MiB    80     20     0      100  HLT 100\r\n");
	guest_drop(1);
	top(0);
	assert_null(strstr(answer, "two"));
	/* Of the same name, but another one: nothing is left of the first. */
	guest_add(1, "two");
	spend(1, 1, 0, 0, 10);
	top(0);
	assert_row("two           running    64 MiB     0      0   100        0");
	/* Its threads have ended, then its machine is gone. */
	vms[1]->vcpus[0]->thread = vms[1]->vcpus[1]->thread = NULL;
	top(0);
	assert_row("two           running    64 MiB     0      0     0        0");
	vms[1]->vcpu_count = 0;
	vms[1]->life.state = LIFE_STOPPED;
	top(0);
	assert_row("two           stopped         0     0      0     0        0");
	vms[1]->vcpu_count = VCPUS;
}

static void test_cpus(void **state)
{
	(void)state;
	top(0);
	run(&cpus_commands, 0, &reply_format_text);
	fake_time_set(time_ns() + 1000 * MS);
	idle_ns[0] += 250 * MS;
	idle_ns[1] += 1001 * MS; /* its clock is ahead */
	top(0);
	assert_row("  0    75    25      3  four/3\r\n  1     0   100      3  four/3\r\n");
	/* Who asks for cpus has looks of his own. */
	cpu[1].irqs = 5000000;
	cpu[1].timer_irqs = 4000000;
	run(&cpus_commands, 0, &reply_format_text);
	assert_string_equal(answer,
			    "cpu    apic  state  busy  ready  interrupts       timer  runs\r\n"
			    "  0       0  busy     75      3           0           0  four/3\r\n"
			    "  1       0  busy      0      3     5000000     4000000  four/3\r\n");
}

static void test_json(void **state)
{
	(void)state;
	run(&top_commands, 1, &reply_format_json);
	assert_row("\"memory-total\":1073741824,\"memory-free\":268435456,\"cpus\":[{\"cpu\":0,");
	assert_row("\"guests\":[{\"guest\":\"one\",\"state\":\"running\",\"memory\":67108864,");
	assert_row("\"vcpus\":[{\"guest\":\"one\",\"vcpu\":0,\"state\":\"running\",");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_differences, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrap, setup, teardown),
		cmocka_unit_test_setup_teardown(test_comes_and_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cpus, setup, teardown),
		cmocka_unit_test_setup_teardown(test_json, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
