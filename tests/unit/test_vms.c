/* SPDX-License-Identifier: MIT */
/* sources: vmm/vms.c tests/fake/sched.c core/reply.c core/reply_text.c core/reply_json.c lib/printf.c lib/str.c tests/fake/log.c */
/* The list of VMs: who is held is not taken away; and what the commands say of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/errno.h"
#include "vmm/vm.h"
#include "vmm/vms.h"

enum { GUESTS = 3 };

static struct vm *vms[GUESTS];
static struct vcpu *vcpu;
static struct vm *to_put; /* whom the waiting vms_remove() is waiting for */
static unsigned waits;

const char *const vm_exit_names[EXIT_KINDS] = { [EXIT_PIO] = "port", [EXIT_CPUID] = "CPUID" };

const char *const life_state_names[] = { [LIFE_STOPPED] = "stopped",
					 [LIFE_RUNNING] = "running",
					 [LIFE_PAUSED] = "paused",
					 [LIFE_CRASHED] = "crashed" };

void thread_times(struct thread *t, struct thread_times *times)
{
	(void)t;
	*times = (struct thread_times){ .running = 5000000, .ready = 6000000, .blocked = 7000000 };
}

bool vconsole_is_attached(struct vconsole *c, enum vconsole_line line)
{
	return c == &vms[1]->console && line == LINE_TERMINAL;
}

void wait_until(struct wait_queue *q, bool (*condition)(void *arg), void *arg)
{
	(void)q;
	while (!condition(arg)) {
		waits++;
		assert_non_null(to_put);
		vm_put(to_put);
		to_put = NULL;
	}
}

void wait_wake_all(struct wait_queue *q)
{
	assert_false(lock_held(&q->lock));
}

static int setup(void **state)
{
	static const char *const names[] = { "one", "two", "three" };

	(void)state;
	vcpu = calloc(1, sizeof(*vcpu));
	vcpu->counts[EXIT_PIO] = 1000;
	vcpu->counts[EXIT_CPUID] = 234;
	for (unsigned i = 0; i < GUESTS; i++) {
		vms[i] = calloc(1, sizeof(*vms[i]));
		strcpy(vms[i]->config.name, names[i]);
		vms[i]->config.memory = (i + 1) * 64 * MIB;
		vms[i]->vcpu_count = vms[i]->config.cpus = 1;
		vms[i]->life.state = LIFE_RUNNING;
		vms[i]->vcpus[0] = vcpu;
		assert_int_equal(vms_add(vms[i]), 0);
	}
	waits = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < GUESTS; i++) {
		if (!vms[i])
			continue;
		vms_remove(vms[i]);
		free(vms[i]);
	}
	free(vcpu);
	assert_null(vm_next(NULL));
	return 0;
}

static void drop(unsigned i)
{
	vms_remove(vms[i]);
	free(vms[i]);
	vms[i] = NULL;
}

static void test_walk(void **state)
{
	char word[SHELL_CANDIDATE];
	struct vm *vm = NULL;

	(void)state;
	for (unsigned i = 0; i < GUESTS; i++) {
		vm = vm_next(vm);
		assert_ptr_equal(vm, vms[i]);
		assert_int_equal(vm->holds, 1);
		assert_true(vms_complete(0, i, word));
		assert_string_equal(word, vm->config.name);
	}
	assert_null(vm_next(vm));
	assert_false(vms_complete(0, GUESTS, word));
	assert_false(vms_complete(1, 0, word));
	for (unsigned i = 0; i < GUESTS; i++)
		assert_int_equal(vms[i]->holds, 0);
}

static void test_hold(void **state)
{
	struct vm *vm = vm_find("two");

	(void)state;
	assert_ptr_equal(vm, vms[1]);
	assert_null(vm_find("four"));
	/* It is gone from the list at once, and stays until it is let go. */
	to_put = vm;
	drop(1);
	assert_int_equal(waits, 1);
	assert_null(vm_find("two"));
	drop(0);
	assert_int_equal(waits, 1);
}

/* A walk whose VM goes meanwhile ends. */
static void test_walk_and_remove(void **state)
{
	struct vm *vm = vm_next(NULL);

	(void)state;
	assert_ptr_equal(vm, vms[0]);
	list_remove(&vm->link); /* as vms_remove() does, before it waits */
	assert_null(vm_next(vm));
	assert_int_equal(vms[0]->holds, 0);
	list_insert_before(&vms[1]->link, &vms[0]->link);
}

static char answer[4096];

static void gather(void *ctx, const char *bytes, size_t n)
{
	(void)ctx;
	strncat(answer, bytes, n);
}

static const char *run(const char *name, const char *argument)
{
	char *argv[] = { (char *)name, (char *)argument };
	struct reply r;

	answer[0] = '\0';
	reply_init(&r, &reply_format_text, gather, NULL);
	for (unsigned i = 0; i < vms_commands.count; i++)
		if (!strcmp(vms_commands.commands[i].name, name))
			vms_commands.commands[i].run(&r, argument ? 2 : 1, argv);
	reply_end(&r);
	for (unsigned i = 0; i < GUESTS; i++)
		assert_true(!vms[i] || !vms[i]->holds);
	return answer;
}

static void test_commands(void **state)
{
	(void)state;
	vms[2]->life.state = LIFE_CRASHED;
	vms[2]->vcpu_count = 0; /* its machine is gone */
	strcpy(vms[2]->end_reason, "it did what it should not");
	assert_string_equal(run("vms", NULL),
			    "name              state     vcpus      memory           exits\r\n"
			    "one               running       1      64 MiB            1234\r\n"
			    "two               running       1     128 MiB            1234\r\n"
			    "three             crashed       1     192 MiB               0\r\n");
	/* A name is there once. */
	assert_int_equal(vms_add(vms[1]), -EEXIST);
	assert_non_null(strstr(run("vm", "two"), "on-terminal     yes\r\n"));
	assert_non_null(strstr(answer, "   0  gone"));
	assert_non_null(strstr(run("vm", "three"), "reason          it did what it should not"));
	assert_string_equal(run("exits", "one"), "kind                           exits\r\n"
						 "port                            1000\r\n"
						 "CPUID                            234\r\n"
						 "total           1234\r\n");
	assert_non_null(strstr(run("vm", "four"), "there is no guest \"four\""));
	assert_non_null(strstr(run("exits", "four"), "such as \"one\""));
	for (unsigned i = 0; i < GUESTS; i++)
		drop(i);
	assert_non_null(strstr(run("vm", "one"), "there is no guest at all"));
	assert_non_null(strstr(run("vms", NULL), "(none)"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_walk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hold, setup, teardown),
		cmocka_unit_test_setup_teardown(test_walk_and_remove, setup, teardown),
		cmocka_unit_test_setup_teardown(test_commands, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
