/* SPDX-License-Identifier: MIT */
/* sources: vmm/life.c lib/printf.c lib/str.c tests/fake/log_record.c tests/fake/panic.c tests/fake/wait.c */
/*
 * The keepers, as threads of the host, with guests that are a struct and some counts: what each
 * order does in each state, what follows an end, and what becomes of orders that meet at a guest
 * that goes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>
#include <cmocka.h>

#include "core/alloc.h"
#include "core/timer.h"
#include "lib/errno.h"
#include "lib/panic.h"
#include "tests/fake/log_record.h"
#include "tests/fake/wait.h"
#include "vmm/vm.h"
#include "vmm/vms.h"

enum { ASKERS = 8, ROUNDS = 300 };
#define SECOND 1000000000ull

static struct {
	struct vm *vm; /* the one that there is */
	unsigned holds;
	unsigned starts, dismantles, pauses, resumes, resets, presses, destroyed;
	int start_error;
	bool no_memory, no_thread, ends_in_pause;
	/* What the guest does as soon as it is started, so often. */
	enum vm_end ends_at_once;
	unsigned ends_left;
	uint64_t now, runs_for;
	unsigned keepers; /* threads that have not ended */
	unsigned shells;  /* the terminal was given to the shell, if it showed the guest */
} fake;

/* The host's threads ------------------------------------------------------------------------ */

struct start {
	void (*body)(void *arg);
	void *arg;
};

static int run_thread(void *arg)
{
	struct start s = *(struct start *)arg;

	free(arg);
	s.body(s.arg);
	mtx_lock(&fake_wait.mutex);
	fake.keepers--;
	cnd_broadcast(&fake_wait.changed);
	mtx_unlock(&fake_wait.mutex);
	return 0;
}

struct thread *thread_create(const char *name, void (*body)(void *arg), void *arg)
{
	static struct thread any;
	struct start *s;
	thrd_t t;

	(void)name;
	if (fake.no_thread)
		return NULL;
	s = malloc(sizeof(*s));
	*s = (struct start){ body, arg };
	mtx_lock(&fake_wait.mutex);
	fake.keepers++;
	mtx_unlock(&fake_wait.mutex);
	if (thrd_create(&t, run_thread, s) != thrd_success)
		abort();
	thrd_detach(t);
	return &any;
}

uint64_t time_ns(void)
{
	return __atomic_load_n(&fake.now, __ATOMIC_RELAXED);
}

/* The list of guests ------------------------------------------------------------------------ */

int vms_add(struct vm *vm)
{
	int err = 0;

	mtx_lock(&fake_wait.mutex);
	if (fake.vm)
		err = -EEXIST;
	else
		fake.vm = vm;
	mtx_unlock(&fake_wait.mutex);
	return err;
}

struct vm *vm_find(const char *name)
{
	struct vm *found = NULL;

	mtx_lock(&fake_wait.mutex);
	if (fake.vm && !strcmp(fake.vm->config.name, name)) {
		found = fake.vm;
		fake.holds++;
	}
	mtx_unlock(&fake_wait.mutex);
	return found;
}

void vm_put(struct vm *vm)
{
	(void)vm;
	mtx_lock(&fake_wait.mutex);
	fake.holds--;
	cnd_broadcast(&fake_wait.changed);
	mtx_unlock(&fake_wait.mutex);
}

static bool unheld(void *arg)
{
	(void)arg;
	return !fake.holds;
}

void vms_remove(struct vm *vm)
{
	mtx_lock(&fake_wait.mutex);
	assert(fake.vm == vm);
	fake.vm = NULL;
	mtx_unlock(&fake_wait.mutex);
	wait_until(NULL, unheld, NULL);
}

void vms_print_exits(struct vm *vm)
{
	(void)vm;
}

/* The guest --------------------------------------------------------------------------------- */

struct vm *vm_create(const struct vm_config *config)
{
	struct vm *vm = fake.no_memory ? NULL : calloc(1, sizeof(*vm));

	if (vm)
		vm->config = *config;
	return vm;
}

void vm_destroy(struct vm *vm)
{
	assert(list_empty(&vm->life.orders) && !vm->vcpu_count);
	fake.destroyed++;
	free(vm);
}

static void leave(void *arg)
{
	struct vm *vm = arg;

	vm->gone = vm->vcpu_count;
}

struct ending {
	struct vm *vm;
	enum vm_end how;
};

static void end_now(void *arg)
{
	const struct ending *e = arg;

	if (e->vm->end != VM_RUNNING)
		return;
	e->vm->end = e->how;
	leave(e->vm);
}

/* By itself. */
static void guest_ends(enum vm_end how)
{
	wait_post(NULL, end_now, &(struct ending){ fake.vm, how });
}

int vm_start(struct vm *vm)
{
	if (fake.start_error)
		return fake.start_error;
	assert(!vm->vcpu_count);
	fake.starts++;
	vm->end = VM_RUNNING;
	vm->gone = 0;
	vm->vcpu_count = 1;
	if (fake.ends_left) {
		fake.ends_left--;
		wait_post(NULL, end_now, &(struct ending){ vm, fake.ends_at_once });
	}
	return 0;
}

static bool all_gone(void *arg)
{
	const struct vm *vm = arg;

	return vm->gone == vm->vcpu_count;
}

void vm_wait(struct vm *vm)
{
	wait_until(NULL, all_gone, vm);
	__atomic_fetch_add(&fake.now, fake.runs_for, __ATOMIC_RELAXED);
}

void vconsole_to_shell(struct vconsole *c)
{
	assert(c == &fake.vm->console);
	__atomic_fetch_add(&fake.shells, 1, __ATOMIC_RELAXED);
}

void vm_dismantle(struct vm *vm)
{
	assert(vm->vcpu_count && vm->gone == vm->vcpu_count && vm->end != VM_RUNNING);
	vm->vcpu_count = vm->gone = 0;
	fake.dismantles++;
}

void vm_request_end(struct vm *vm, enum vm_end how, const char *reason)
{
	assert(lock_held(&vm->lock) && *reason);
	wait_post(NULL, end_now, &(struct ending){ vm, how });
}

void vm_request_reset(struct vm *vm, const char *reason)
{
	assert(lock_held(&vm->lock) && *reason && vm->vcpu_count);
	fake.resets++;
}

void vpm_press_power_button(struct vm *vm)
{
	assert(lock_held(&vm->lock) && vm->vcpu_count);
	fake.presses++;
}

void vm_pause(struct vm *vm)
{
	fake.pauses++;
	if (fake.ends_in_pause)
		wait_post(NULL, end_now, &(struct ending){ vm, VM_POWERED_OFF });
}

void vm_resume(struct vm *vm)
{
	assert(vm->vcpu_count);
	fake.resumes++;
}

/* Tests ------------------------------------------------------------------------------------- */

static struct vm_config config = { .name = "a" };

static int setup(void **state)
{
	(void)state;
	memset(&fake, 0, sizeof(fake));
	config.on_poweroff = config.on_crash = CONFIG_STOP;
	config.on_reboot = CONFIG_RESTART;
	fake_log_clear();
	return 0;
}

/* NULL: it is done. */
static const char *order(enum life_verb verb, struct life_error *e)
{
	life_order("a", verb, e);
	assert_int_equal(!e->code, !e->code || !*e->text);
	return e->code;
}

static bool no_keepers(void *arg)
{
	(void)arg;
	return !fake.keepers;
}

static int teardown(void **state)
{
	struct life_error e;

	(void)state;
	if (fake.vm)
		assert_null(order(LIFE_DESTROY, &e));
	wait_until(NULL, no_keepers, NULL);
	assert_int_equal(fake.starts, fake.dismantles);
	return 0;
}

static bool is_in_state(void *arg)
{
	return fake.vm && fake.vm->life.state == *(enum life_state *)arg;
}

static void until(enum life_state s)
{
	/* The keeper sets it without waking anybody: but it posts soon after, or has nothing more
	 * to do. */
	for (;;) {
		bool is;

		mtx_lock(&fake_wait.mutex);
		is = is_in_state(&s);
		mtx_unlock(&fake_wait.mutex);
		if (is)
			return;
		thrd_yield();
	}
}

static void bring(enum life_state s)
{
	struct life_error e;

	if (fake.vm)
		assert_null(order(LIFE_DESTROY, &e));
	assert_int_equal(life_create(&config), 0);
	if (s == LIFE_STOPPED)
		return;
	assert_null(order(LIFE_START, &e));
	if (s == LIFE_PAUSED)
		assert_null(order(LIFE_PAUSE, &e));
	if (s == LIFE_CRASHED)
		guest_ends(VM_CRASHED);
	until(s);
}

/* What each order leads to; -1: it is refused, and nothing changes. */
static void every_order_in_every_state(void **state)
{
	static const int after[LIFE_DESTROY][4] = {
		[LIFE_START] = { LIFE_RUNNING, -1, -1, LIFE_RUNNING },
		[LIFE_PAUSE] = { -1, LIFE_PAUSED, -1, -1 },
		[LIFE_RESUME] = { -1, -1, LIFE_RUNNING, -1 },
		[LIFE_RESET] = { -1, LIFE_RUNNING, LIFE_PAUSED, -1 },
		[LIFE_BUTTON] = { -1, LIFE_RUNNING, -1, -1 },
		[LIFE_STOP] = { -1, LIFE_STOPPED, LIFE_STOPPED, LIFE_STOPPED },
	};
	static const char *const names[] = {
		"start", "pause", "resume", "reset", "button", "stop"
	};
	struct life_error e;

	(void)state;
	for (enum life_verb verb = 0; verb < LIFE_DESTROY; verb++)
		for (enum life_state from = LIFE_STOPPED; from <= LIFE_CRASHED; from++) {
			char begins[64];

			bring(from);
			if (after[verb][from] >= 0) {
				assert_null(order(verb, &e));
				assert_int_equal(fake.vm->life.state, after[verb][from]);
				continue;
			}
			assert_string_equal(order(verb, &e), "wrong-state");
			snprintf(begins, sizeof(begins), "%s: a is %s: ", names[verb],
				 life_state_names[from]);
			assert_memory_equal(e.text, begins, strlen(begins));
			assert_true(strlen(e.text) > strlen(begins));
			assert_int_equal(fake.vm->life.state, from);
		}
	assert_int_equal(fake.presses, 1);
	assert_int_equal(fake.resets, 2);
	assert_int_equal(fake.resumes, 1);
	for (enum life_state from = LIFE_STOPPED; from <= LIFE_CRASHED; from++) {
		bring(from);
		assert_null(order(LIFE_DESTROY, &e));
		assert_null(fake.vm);
		assert_string_equal(order(LIFE_START, &e), "not-found");
		assert_string_equal(e.text, "there is no guest \"a\"");
	}
	assert_int_equal(fake.starts, fake.dismantles);
}

static void what_cannot_be_made(void **state)
{
	struct life_error e;

	(void)state;
	fake.no_memory = true;
	assert_int_equal(life_create(&config), -ENOMEM);
	fake.no_memory = false;
	fake.no_thread = true;
	assert_int_equal(life_create(&config), -ENOMEM);
	assert_null(fake.vm);
	assert_int_equal(fake.destroyed, 1);
	fake.no_thread = false;
	assert_int_equal(life_create(&config), 0);
	assert_int_equal(life_create(&config), -EEXIST);
	fake.start_error = -ENOMEM;
	assert_string_equal(order(LIFE_START, &e), "failed");
	assert_non_null(strstr(e.text, "a was not started"));
	assert_int_equal(fake.vm->life.state, LIFE_STOPPED);
	fake.start_error = 0;
	assert_null(order(LIFE_START, &e));
}

/* It ends while it is told to pause. */
static void an_end_in_a_pause(void **state)
{
	struct life_error e;

	(void)state;
	bring(LIFE_RUNNING);
	fake.ends_in_pause = true;
	assert_string_equal(order(LIFE_PAUSE, &e), "wrong-state");
	assert_non_null(strstr(e.text, "has just ended by itself"));
	until(LIFE_STOPPED);
	assert_string_equal(order(LIFE_RESUME, &e), "wrong-state");
}

static uint8_t wait_last(const char *how)
{
	const char *said;
	uint8_t status = life_wait_last(&said);

	assert_string_equal(said, how);
	return status;
}

/* An end is seen before an order that is given after it; and each says how it came. */
static void ends_by_themselves(void **state)
{
	struct life_error e;

	(void)state;
	bring(LIFE_RUNNING);
	guest_ends(VM_POWERED_OFF);
	assert_string_equal(order(LIFE_STOP, &e), "wrong-state");
	assert_int_equal(wait_last("powered off"), 0);
	assert_null(order(LIFE_START, &e));
	fake.vm->exit_status = 0x42;
	guest_ends(VM_EXIT_PORT);
	assert_int_equal(wait_last("exit port"), 0x42);
	/* It may say so before its keeper has seen it. */
	assert_null(order(LIFE_START, &e));
	guest_ends(VM_CRASHED);
	assert_null(order(LIFE_STOP, &e));
	assert_int_equal(fake.vm->life.state, LIFE_STOPPED);
	assert_int_equal(wait_last("stopped by Plinth"), 0x7e);
	/* A paused one crashes, too: a timer of its devices found something. */
	bring(LIFE_PAUSED);
	guest_ends(VM_CRASHED);
	until(LIFE_CRASHED);
	/* With the last one's end the machine's would come; with one by an order it does not. */
	assert_null(order(LIFE_START, &e));
	assert_int_equal(fake.shells, 0);
	assert_null(order(LIFE_STOP, &e));
	assert_int_equal(fake.shells, 1);
}

/* on_…: stop, destroy, restart. */
static void what_follows_an_end(void **state)
{
	static const enum vm_end ends[] = { VM_POWERED_OFF, VM_EXIT_PORT, VM_RESET, VM_CRASHED };
	struct life_error e;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		unsigned *action = ends[i] == VM_RESET	   ? &config.on_reboot
				   : ends[i] == VM_CRASHED ? &config.on_crash
							   : &config.on_poweroff;

		setup(NULL);
		config.on_reboot = CONFIG_STOP;
		*action = CONFIG_DESTROY;
		bring(LIFE_RUNNING);
		guest_ends(ends[i]);
		wait_until(NULL, no_keepers, NULL);
		assert_null(fake.vm);
		assert_int_equal(fake.destroyed, 1);
		assert_string_equal(order(LIFE_STOP, &e), "not-found");

		*action = CONFIG_RESTART;
		bring(LIFE_RUNNING);
		fake.now += 10 * SECOND;
		guest_ends(ends[i]);
		/* The order comes behind the restart. */
		assert_null(order(LIFE_PAUSE, &e));
		assert_int_equal(fake.starts, 3);
		assert_null(order(LIFE_DESTROY, &e));

		*action = CONFIG_STOP;
		bring(LIFE_RUNNING);
		guest_ends(ends[i]);
		until(ends[i] == VM_CRASHED ? LIFE_CRASHED : LIFE_STOPPED);
		assert_int_equal(fake.starts, 4);
		teardown(NULL);
	}
}

/* Five ends in a row, each within two seconds of the start, are enough; slow ones go on for ever.
 */
static void quick_ends(void **state)
{
	struct life_error e;

	(void)state;
	config.on_crash = CONFIG_RESTART;
	assert_int_equal(life_create(&config), 0);
	fake.ends_at_once = VM_CRASHED;
	fake.ends_left = 100;
	assert_null(order(LIFE_START, &e));
	until(LIFE_CRASHED);
	wait_last("stopped by Plinth");
	assert_int_equal(fake.starts, 5);
	assert_non_null(strstr(fake_log_text(), "a has ended 5 times in a row within 2 s"));
	/* By an order it has as many tries again. */
	assert_null(order(LIFE_START, &e));
	wait_last("stopped by Plinth");
	until(LIFE_CRASHED);
	assert_int_equal(fake.starts, 10);
}

static void slow_ends(void **state)
{
	struct life_error e;

	(void)state;
	config.on_crash = CONFIG_RESTART;
	assert_int_equal(life_create(&config), 0);
	fake.ends_at_once = VM_CRASHED;
	fake.ends_left = 20;
	fake.runs_for = 3 * SECOND;
	assert_null(order(LIFE_START, &e));
	/* The order comes when nothing is left to be done. */
	while (__atomic_load_n(&fake.starts, __ATOMIC_RELAXED) < 21)
		thrd_yield();
	assert_null(order(LIFE_STOP, &e));
}

/* A restart that fails leaves it stopped, and that counts as its end. */
static void a_restart_that_fails(void **state)
{
	(void)state;
	config.on_poweroff = CONFIG_RESTART;
	bring(LIFE_RUNNING);
	fake.start_error = -ENOMEM;
	guest_ends(VM_POWERED_OFF);
	assert_int_equal(wait_last("powered off"), 0);
	until(LIFE_STOPPED);
	fake.start_error = 0;
}

/* Whoever asks gets an answer of his own: done, in the wrong state, or that there is none any more.
 */
static int ask(void *arg)
{
	const enum life_verb verbs[] = { LIFE_START, LIFE_PAUSE, LIFE_RESET, LIFE_STOP,
					 LIFE_DESTROY };
	unsigned *answers = arg;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct life_error e;

		order(verbs[i % 5], &e);
		answers[!e.code ? 0 : !strcmp(e.code, "wrong-state") ? 1 : 2]++;
		if (e.code)
			assert(!strcmp(e.code, "wrong-state") || !strcmp(e.code, "not-found"));
	}
	return 0;
}

static int make(void *arg)
{
	unsigned *made = arg;

	for (unsigned i = 0; i < ROUNDS * 4; i++) {
		int err = life_create(&config);

		assert(!err || err == -EEXIST);
		*made += !err;
		thrd_yield();
	}
	return 0;
}

static void many_ask_at_once(void **state)
{
	unsigned answers[ASKERS][3] = { 0 }, made = 0, done = 0;
	thrd_t askers[ASKERS], maker;

	(void)state;
	thrd_create(&maker, make, &made);
	for (unsigned i = 0; i < ASKERS; i++)
		thrd_create(&askers[i], ask, answers[i]);
	for (unsigned i = 0; i < ASKERS; i++) {
		thrd_join(askers[i], NULL);
		assert_int_equal(answers[i][0] + answers[i][1] + answers[i][2], ROUNDS);
		done += answers[i][0];
	}
	thrd_join(maker, NULL);
	assert_true(done > 0 && made > 1);
	teardown(NULL);
	/* Those that came second to a name were made, and undone. */
	assert_true(fake.destroyed >= made);
}

/* Who asks while it is being destroyed hears that, and does not wait for ever. */
static void destroy_while_others_ask(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned answers[3] = { 0 };
		struct life_error e;
		thrd_t asker;

		bring(LIFE_RUNNING);
		thrd_create(&asker, ask, answers);
		life_order("a", LIFE_DESTROY, &e);
		assert_true(!e.code || !strcmp(e.code, "not-found"));
		thrd_join(asker, NULL);
		assert_null(fake.vm);
	}
}

/* An order is the last guest's end: then nobody is told that it has ended by itself. */
struct last {
	uint8_t status;
	bool told; /* atomic */
};

static int wait_for_last(void *arg)
{
	struct last *l = arg;
	const char *how;

	l->status = life_wait_last(&how);
	__atomic_store_n(&l->told, true, __ATOMIC_RELEASE);
	return 0;
}

static void the_last_one(void **state)
{
	struct last l = { 0 };
	struct life_error e;
	thrd_t waiter;

	(void)state;
	bring(LIFE_RUNNING);
	assert_null(order(LIFE_STOP, &e));
	thrd_create(&waiter, wait_for_last, &l);
	assert_null(order(LIFE_START, &e));
	assert_null(order(LIFE_PAUSE, &e));
	assert_null(order(LIFE_STOP, &e));
	assert_false(__atomic_load_n(&l.told, __ATOMIC_ACQUIRE));
	assert_null(order(LIFE_START, &e));
	fake.vm->exit_status = 7;
	guest_ends(VM_EXIT_PORT);
	thrd_join(waiter, NULL);
	assert_int_equal(l.status, 7);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_order_in_every_state),
		TEST(what_cannot_be_made),
		TEST(an_end_in_a_pause),
		TEST(ends_by_themselves),
		TEST(what_follows_an_end),
		TEST(quick_ends),
		TEST(slow_ends),
		TEST(a_restart_that_fails),
		TEST(many_ask_at_once),
		TEST(destroy_while_others_ask),
		TEST(the_last_one),
	};

	fake_wait_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
