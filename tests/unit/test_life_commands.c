/* SPDX-License-Identifier: MIT */
/* sources: vmm/life_commands.c core/reply.c core/reply_text.c core/reply_json.c lib/printf.c lib/str.c tests/fake/panic.c */
/* The commands that change a guest: what they ask of its keeper and of the scheduler, and what they
 * refuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/errno.h"
#include "vmm/vm.h"
#include "vmm/vms.h"

enum { VCPUS_N = 3, CPUS_N = 6 };

unsigned cpu_count = CPUS_N;

static struct vm vm;
static struct vcpu vcpus[VCPUS_N];
static struct thread threads[VCPUS_N];
static struct {
	unsigned orders;
	enum life_verb verb;
	const char *code; /* what the keeper answers */
	unsigned weights, pins, caps;
	uint64_t weight, pin, cap;
} seen;

struct vm *vms_find_for(struct reply *r, const char *name)
{
	if (!strcmp(name, "a")) {
		vm.holds++;
		return &vm;
	}
	reply_error(r, "not-found", "none is called %s", name);
	return NULL;
}

void vm_put(struct vm *m)
{
	m->holds--;
}

bool vms_complete(unsigned argument, unsigned n, char word[SHELL_CANDIDATE])
{
	(void)argument;
	(void)n;
	(void)word;
	return false;
}

void life_order(const char *name, enum life_verb verb, struct life_error *e)
{
	assert_string_equal(name, "a");
	/* A guest that is destroyed waits until nobody holds it: not whoever waits for that. */
	assert_int_equal(vm.holds, 0);
	seen.orders++;
	seen.verb = verb;
	e->code = seen.code;
	strcpy(e->text, seen.code ? "the keeper's reason" : "");
}

int sched_set_weight(struct thread *t, unsigned weight)
{
	assert_true(t >= threads && t < threads + VCPUS_N && lock_held(&vm.lock));
	seen.weights++;
	seen.weight = weight;
	return 0;
}

int sched_set_pin(struct thread *t, uint64_t pin)
{
	assert_true(t >= threads && t < threads + VCPUS_N && lock_held(&vm.lock));
	seen.pins++;
	seen.pin = pin;
	return 0;
}

void sched_group_set_cap(struct sched_group *g, unsigned percent)
{
	assert_ptr_equal(g, vm.group);
	seen.caps++;
	seen.cap = percent;
}

static int setup(void **state)
{
	(void)state;
	memset(&vm, 0, sizeof(vm));
	memset(&seen, 0, sizeof(seen));
	vm.vcpu_count = VCPUS_N;
	vm.group = (struct sched_group *)&seen;
	for (unsigned i = 0; i < VCPUS_N; i++) {
		vcpus[i].thread = &threads[i];
		vm.vcpus[i] = &vcpus[i];
	}
	return 0;
}

static char answer[1024];

static void gather(void *ctx, const char *bytes, size_t n)
{
	(void)ctx;
	strncat(answer, bytes, n);
}

/* The answer, as JSON. */
static const char *run(const char *name, const char *argument)
{
	char *argv[] = { (char *)name, "a", (char *)argument };
	struct reply r;
	bool found = false;

	answer[0] = '\0';
	reply_init(&r, &reply_format_json, gather, NULL);
	for (unsigned i = 0; i < life_commands.count; i++) {
		const struct shell_command *c = &life_commands.commands[i];

		if (strcmp(c->name, name))
			continue;
		found = true;
		/* The shell counts the words by these. */
		assert_string_equal(c->arguments, argument ? strchr(c->arguments, 'N') : "NAME");
		assert_int_equal(!!strchr(c->arguments, ' '), !!argument);
		c->run(&r, argument ? 3 : 2, argv);
	}
	reply_end(&r);
	assert_true(found);
	assert_int_equal(vm.holds, 0);
	assert_false(lock_held(&vm.lock));
	return answer;
}

static void is_done(const char *name, const char *argument)
{
	if (strstr(run(name, argument), "error"))
		fail_msg("%s %s: %s", name, argument, answer);
}

static void is_refused(const char *name, const char *argument, const char *text)
{
	if (!strstr(run(name, argument), "\"bad-argument\"") || !strstr(answer, text))
		fail_msg("%s %s: %s instead of %s", name, argument, answer, text);
}

static void verbs(void **state)
{
	static const char *const names[LIFE_VERBS] = {
		[LIFE_START] = "start",	   [LIFE_PAUSE] = "pause",   [LIFE_RESUME] = "resume",
		[LIFE_RESET] = "reset",	   [LIFE_BUTTON] = "button", [LIFE_STOP] = "stop",
		[LIFE_DESTROY] = "destroy"
	};

	(void)state;
	for (enum life_verb v = 0; v < LIFE_VERBS; v++) {
		seen.code = NULL;
		is_done(names[v], NULL);
		assert_int_equal(seen.verb, v);
		seen.code = "wrong-state";
		assert_non_null(strstr(run(names[v], NULL), "\"wrong-state\""));
		assert_non_null(strstr(answer, "the keeper's reason"));
	}
	assert_int_equal(seen.orders, 2 * LIFE_VERBS);
}

static void weight(void **state)
{
	static const char *const wrong[] = {
		"0", "10001", "-1", "", "x", "1x", "99999999999999999999"
	};

	(void)state;
	is_done("weight", "1");
	is_done("weight", "10000");
	assert_int_equal(vm.config.weight, 10000);
	assert_int_equal(seen.weight, 10000);
	assert_int_equal(seen.weights, 2 * VCPUS_N);
	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++)
		is_refused("weight", wrong[i], "1 to 10000 would be right");
	/* Of a guest that is stopped, or just about to end, it is kept for the next start. */
	vcpus[1].thread = NULL;
	is_done("weight", "200");
	assert_int_equal(seen.weights, 3 * VCPUS_N - 1);
	vm.vcpu_count = 0;
	is_done("weight", "300");
	assert_int_equal(vm.config.weight, 300);
	assert_int_equal(seen.weights, 3 * VCPUS_N - 1);
}

static void cap(void **state)
{
	static const char *const wrong[] = { "6401", "-1", "", "50%", "4294967296" };

	(void)state;
	is_done("cap", "150");
	assert_int_equal(vm.config.cap, 150);
	assert_int_equal(seen.cap, 150);
	is_done("cap", "6400");
	is_done("cap", "0");
	assert_int_equal(seen.cap, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++)
		is_refused("cap", wrong[i], "1 to 6400, would be right; 0 for none");
	assert_int_equal(seen.caps, 3);
}

static void pin(void **state)
{
	static const struct {
		const char *text;
		uint64_t bits;
	} right[] = { { "0", 1 },	{ "5", 0x20 },	   { "0-5", 0x3f },
		      { "1-1", 2 },	{ "0,2,4", 0x15 }, { "0-1,3", 0xb },
		      { "3,0-1", 0xb }, { "1,1", 2 },	   { "00005", 0x20 } };
	static const char *const wrong[] = {
		"",	     "6",  "0-6",   "3-2",  "-1",    "1-",
		"1-x",	     "0,", ",0",    "0,,1", "x",     "0x1",
		"0 1",	     "64", "all,0", "ALL",  "0-1-2", "18446744073709551616",
		"4294967296"
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(right); i++) {
		is_done("pin", right[i].text);
		assert_int_equal(vm.config.pin, right[i].bits);
		assert_int_equal(seen.pin, right[i].bits);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++)
		is_refused("pin", wrong[i],
			   "processors from 0 to 5, as in 0-5 or 0,5, or \\\"all\\\"");
	assert_int_equal(seen.pins, ARRAY_SIZE(right) * VCPUS_N);
	is_done("pin", "all");
	assert_true(seen.pin == PIN_ALL);
	assert_int_equal(vm.config.pin, 0);
	/* As many as the machine may have. */
	cpu_count = 64;
	is_done("pin", "63");
	assert_true(vm.config.pin == 1ull << 63);
	is_done("pin", "0-62");
	assert_true(vm.config.pin == UINT64_MAX >> 1);
	assert_non_null(strstr(run("pin", "64"), "from 0 to 63"));
	cpu_count = CPUS_N;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(verbs, setup),
		cmocka_unit_test_setup(weight, setup),
		cmocka_unit_test_setup(cap, setup),
		cmocka_unit_test_setup(pin, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
