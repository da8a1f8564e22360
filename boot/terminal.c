/* SPDX-License-Identifier: MIT */
/*
 * The shell's thread. What is typed waits in a ring until the thread takes it; what the shell says
 * goes through a console of its own, as a guest's does, and the thread sleeps while the line is
 * behind.
 */
#include "boot/commands.h"
#include "core/thread.h"
#include "core/timer.h"
#include "drivers/console.h"
#include "lib/errno.h"
#include "lib/ring.h"
#include "vmm/vconsole.h"

/* What is pasted at once, as a text for create, finds room. */
enum { TYPED = 8192, NS_PER_MS = 1000000 };

/* Under wake.lock: typed, shown, due; (a) idle. The rest is the thread's own. */
static struct {
	struct shell shell;
	struct vconsole console;
	struct wait_queue wake, writable;
	struct ring typed;
	uint8_t typed_bytes[TYPED];
	bool shown, due;
	bool idle; /* (a) the thread waits: on the screen there is a line that is typed */
	struct timer timer;
} terminal;

/* The line has room again; or the terminal shows another console, and nothing waits. */
static bool is_writable(void *ctx)
{
	(void)ctx;
	return !vconsole_is_held(&terminal.console);
}

static void write(void *ctx, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!vconsole_put(&terminal.console, (uint8_t)bytes[i]))
			wait_until(&terminal.writable, is_writable, ctx);
}

static void ready(void *owner)
{
	(void)owner;
	wait_wake_all(&terminal.writable);
}

static void input(void *owner, uint8_t byte)
{
	(void)owner;
	lock_take(&terminal.wake.lock);
	(void)ring_put(&terminal.typed, byte);
	lock_drop(&terminal.wake.lock);
	wait_wake_all(&terminal.wake);
}

static void set(bool *flag)
{
	lock_take(&terminal.wake.lock);
	*flag = true;
	lock_drop(&terminal.wake.lock);
	wait_wake_all(&terminal.wake);
}

static void shown(void *owner)
{
	(void)owner;
	set(&terminal.shown);
}

static void due(void *arg)
{
	(void)arg;
	set(&terminal.due);
}

static bool has_work(void *arg)
{
	(void)arg;
	return terminal.shown || terminal.due || ring_used(&terminal.typed);
}

/* What a live command is to do next, as long as somebody looks. */
static void arm(void)
{
	unsigned ms = shell_wait_ms(&terminal.shell);

	if (ms && vconsole_is_attached(&terminal.console, LINE_TERMINAL))
		timer_arm_ns(&terminal.timer, time_ns() + (uint64_t)ms * NS_PER_MS);
}

static void work(void)
{
	bool was_shown, was_due, typed;
	uint8_t byte;

	lock_take(&terminal.wake.lock);
	was_shown = terminal.shown;
	was_due = terminal.due;
	terminal.shown = terminal.due = false;
	typed = ring_get(&terminal.typed, &byte);
	lock_drop(&terminal.wake.lock);
	if (was_shown && !shell_wait_ms(&terminal.shell))
		shell_refresh(&terminal.shell);
	if (was_due || was_shown)
		shell_tick(&terminal.shell);
	if (typed && !vconsole_typed_elsewhere(byte))
		shell_feed(&terminal.shell, byte);
	if (was_due || was_shown || typed)
		arm();
}

static void body(void *arg)
{
	for (;;) {
		__atomic_store_n(&terminal.idle, true, __ATOMIC_RELAXED);
		wait_until(&terminal.wake, has_work, arg);
		__atomic_store_n(&terminal.idle, false, __ATOMIC_RELAXED);
		work();
	}
}

/* A line of the log comes: what is typed is drawn again below it. */
static unsigned typed(void)
{
	if (!__atomic_load_n(&terminal.idle, __ATOMIC_RELAXED) || shell_wait_ms(&terminal.shell) ||
	    !vconsole_is_attached(&terminal.console, LINE_TERMINAL))
		return 0;
	set(&terminal.shown);
	return shell_columns(&terminal.shell);
}

int terminal_start(void)
{
	static const struct vconsole_ops ops = { .ready = ready, .input = input, .shown = shown };
	int err;

	wait_init(&terminal.wake);
	wait_init(&terminal.writable);
	ring_init(&terminal.typed, terminal.typed_bytes, TYPED);
	timer_init(&terminal.timer, due, NULL);
	shell_init(&terminal.shell, commands, "plinth> ", write, NULL);
	terminal.shell.line_id = LINE_TERMINAL;
	err = vconsole_init(&terminal.console, "shell", &ops, NULL, true);
	if (err)
		return err;
	if (thread_create("shell", body, NULL)) {
		console_set_typed(typed);
		return 0;
	}
	vconsole_fini(&terminal.console);
	return -ENOMEM;
}
