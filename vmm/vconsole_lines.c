/* SPDX-License-Identifier: MIT */
/*
 * Who is attached to which line: the terminal's keys, Ctrl-] among them, the mode that shows all
 * guests, and the control line's end. A console that is taken down is left by all first.
 */
#include "vmm/vconsole_lines.h"

#include "core/alloc.h"
#include "core/timer.h"
#include "drivers/console.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"

/* A line that does not move for so long is given up. */
#define NO_MOVE_NS 2000000000ul

struct vconsole_lines vconsole_lines = {
	.consoles = { &vconsole_lines.consoles, &vconsole_lines.consoles },
	.moved = { .waiters = { &vconsole_lines.moved.waiters, &vconsole_lines.moved.waiters } },
};

bool vconsole_is_attached(struct vconsole *c, enum vconsole_line line)
{
	bool attached;

	lock_take(&c->lock);
	attached = c->views[line].attached && !c->by_lines;
	lock_drop(&c->lock);
	return attached;
}

/* Caller holds the lines' lock. */
static void view_set(struct vconsole *c, enum vconsole_line line, bool attached, bool by_lines)
{
	struct vconsole_view *v = &c->views[line];

	lock_take(&c->lock);
	v->attached = attached;
	v->stuck = false;
	c->attached = c->views[LINE_TERMINAL].attached || c->views[LINE_CONTROL].attached;
	if (line == LINE_TERMINAL)
		c->by_lines = by_lines;
	if (attached) {
		vconsole_catch_up(c, line);
		v->limit = VCONSOLE_HOLD;
		if (vconsole_unshown(c, line) >= VCONSOLE_HOLD)
			v->limit = MIN(vconsole_unshown(c, line) + VCONSOLE_GRACE,
				       VCONSOLE_RING + v->again);
	}
	lock_drop(&c->lock);
}

/* The terminal's driver: there is room again. */
static void terminal_ready(void)
{
	struct vconsole *c;
	bool draining;

	lock_take(&vconsole_lines.lock);
	c = vconsole_lines.attached[LINE_TERMINAL];
	if (vconsole_lines.all) {
		vconsole_show_lines();
	} else if (c) {
		lock_take(&c->lock);
		vconsole_show(c);
		lock_drop(&c->lock);
	}
	draining = __atomic_load_n(&vconsole_lines.draining, __ATOMIC_ACQUIRE);
	lock_drop(&vconsole_lines.lock);
	vconsole_release_held();
	if (draining)
		wait_wake_all(&vconsole_lines.moved);
}

/* Whose console is next; NULL: all guests'. The shell's prompt says enough. */
static void announce(const struct vconsole *c)
{
	char text[96] = "\r\n";
	int n = 2;

	if (!c || !c->is_shell)
		n = fmt_print(text, sizeof(text),
			      "\r\n[console of %.32s; Ctrl-] for the shell]\r\n",
			      c ? c->name : "all guests");
	console_write(text, (size_t)n);
}

static void terminal_input(void *arg, uint8_t byte);

/* Nobody is on the terminal any more. Caller holds the lines' lock. */
static void leave(enum vconsole_line line)
{
	struct vconsole *old = vconsole_lines.attached[line];

	if (line == LINE_TERMINAL && vconsole_lines.all) {
		list_for_each (at, &vconsole_lines.consoles)
			view_set(container_of(at, struct vconsole, link), line, false, false);
		/* What of a line is on its way stays whole. */
		console_write(vconsole_lines.out + vconsole_lines.out_sent,
			      vconsole_lines.out_used - vconsole_lines.out_sent);
		vconsole_lines.out_used = vconsole_lines.out_sent = 0;
	}
	if (old)
		view_set(old, line, false, false);
	if (line == LINE_TERMINAL) {
		if (old && !old->is_shell)
			vconsole_lines.last = old;
		if (old != vconsole_lines.shell)
			vconsole_lines.all_before = vconsole_lines.all;
		vconsole_lines.all = false;
	}
	vconsole_lines.attached[line] = NULL;
}

/* Once somebody may be typed to: what was typed before comes now. Without a lock. */
static void listen(void)
{
	bool first;

	lock_take(&vconsole_lines.lock);
	first = !vconsole_lines.listening;
	vconsole_lines.listening = true;
	lock_drop(&vconsole_lines.lock);
	if (first) {
		console_set_ready(terminal_ready);
		console_set_input(terminal_input, NULL);
	}
}

void vconsole_attach(enum vconsole_line line, struct vconsole *c, bool quiet)
{
	lock_take(&vconsole_lines.lock);
	leave(line);
	if (c && list_empty(&c->link))
		c = NULL; /* it is being taken down */
	vconsole_lines.attached[line] = c;
	if (c) {
		view_set(c, line, true, false);
		if (line == LINE_TERMINAL && !quiet)
			announce(c);
		lock_take(&c->lock);
		if (line == LINE_TERMINAL)
			vconsole_show(c);
		lock_drop(&c->lock);
		__atomic_fetch_add(&c->users, 1, __ATOMIC_RELAXED);
	}
	lock_drop(&vconsole_lines.lock);
	vconsole_release_held();
	if (line == LINE_CONTROL)
		vconsole_lines.wake_control(vconsole_lines.wake_arg);
	else
		listen();
	if (c && line == LINE_TERMINAL && c->ops->shown)
		c->ops->shown(c->owner);
	if (c)
		vconsole_release(c);
}

void vconsole_rewind(enum vconsole_line line, struct vconsole *c)
{
	struct vconsole_view *v = &c->views[line];
	uint64_t from;

	lock_take(&c->lock);
	from = c->written > VCONSOLE_RING ? c->written - VCONSOLE_RING : 0;
	if (v->at > from) {
		v->again += v->at - from;
		v->at = from;
	}
	lock_drop(&c->lock);
}

void vconsole_attach_all(void)
{
	lock_take(&vconsole_lines.lock);
	leave(LINE_TERMINAL);
	vconsole_lines.all = true;
	announce(NULL);
	list_for_each (at, &vconsole_lines.consoles) {
		struct vconsole *c = container_of(at, struct vconsole, link);

		if (!c->is_shell)
			view_set(c, LINE_TERMINAL, true, true);
	}
	vconsole_show_lines();
	lock_drop(&vconsole_lines.lock);
	vconsole_release_held();
	listen();
}

void vconsole_to_shell(struct vconsole *c)
{
	struct vconsole *shell;

	lock_take(&vconsole_lines.lock);
	shell = vconsole_lines.shell;
	if (shell == vconsole_lines.attached[LINE_TERMINAL] ||
	    (c && c != vconsole_lines.attached[LINE_TERMINAL]))
		shell = NULL;
	if (shell)
		__atomic_fetch_add(&shell->users, 1, __ATOMIC_RELAXED);
	lock_drop(&vconsole_lines.lock);
	if (!shell)
		return;
	vconsole_attach(LINE_TERMINAL, shell, false);
	vconsole_release(shell);
}

/* Where Ctrl-] leads from the shell: where one was, or, if that is gone, to the first guest. */
static struct vconsole *from_shell(void)
{
	if (vconsole_lines.last)
		return vconsole_lines.last;
	list_for_each (at, &vconsole_lines.consoles) {
		struct vconsole *c = container_of(at, struct vconsole, link);

		if (!c->is_shell)
			return c;
	}
	return NULL;
}

static void leave_shell(void)
{
	struct vconsole *to = NULL;
	bool all = false;

	lock_take(&vconsole_lines.lock);
	if (vconsole_lines.attached[LINE_TERMINAL] == vconsole_lines.shell) {
		all = vconsole_lines.all_before;
		to = from_shell();
	}
	if (to)
		__atomic_fetch_add(&to->users, 1, __ATOMIC_RELAXED);
	lock_drop(&vconsole_lines.lock);
	if (all)
		vconsole_attach_all();
	else if (to)
		vconsole_attach(LINE_TERMINAL, to, false);
	if (to)
		vconsole_release(to);
}

/*
 * A guest is left at once, whatever it does. The shell takes Ctrl-] behind what was typed before:
 * that may lead elsewhere, too.
 */
static void terminal_input(void *arg, uint8_t byte)
{
	struct vconsole *c;

	(void)arg;
	lock_take(&vconsole_lines.lock);
	c = vconsole_lines.attached[LINE_TERMINAL];
	if (byte == VCONSOLE_KEY && vconsole_lines.shell && c != vconsole_lines.shell) {
		lock_drop(&vconsole_lines.lock);
		vconsole_to_shell(NULL);
		return;
	}
	if (c)
		__atomic_fetch_add(&c->users, 1, __ATOMIC_RELAXED);
	lock_drop(&vconsole_lines.lock);
	if (c) {
		c->ops->input(c->owner, byte);
		vconsole_release(c);
	}
}

bool vconsole_typed_elsewhere(uint8_t byte)
{
	bool in_shell;

	lock_take(&vconsole_lines.lock);
	in_shell = vconsole_lines.attached[LINE_TERMINAL] == vconsole_lines.shell;
	lock_drop(&vconsole_lines.lock);
	if (!in_shell)
		terminal_input(NULL, byte);
	else if (byte == VCONSOLE_KEY)
		leave_shell();
	else
		return false;
	return true;
}

int vconsole_init(struct vconsole *c, const char *name, const struct vconsole_ops *ops, void *owner,
		  bool is_shell)
{
	*c = (struct vconsole){ .name = name, .ops = ops, .owner = owner, .is_shell = is_shell };
	c->ring = mem_alloc(VCONSOLE_RING, MEM_VM);
	if (!c->ring)
		return -ENOMEM;
	lock_take(&vconsole_lines.lock);
	list_insert_before(&vconsole_lines.consoles, &c->link);
	if (is_shell)
		vconsole_lines.shell = c;
	if (vconsole_lines.all && !is_shell)
		view_set(c, LINE_TERMINAL, true, true);
	lock_drop(&vconsole_lines.lock);
	return 0;
}

void vconsole_fini(struct vconsole *c)
{
	bool control;

	vconsole_to_shell(c);
	lock_take(&vconsole_lines.lock);
	control = vconsole_lines.attached[LINE_CONTROL] == c;
	list_remove(&c->link);
	for (enum vconsole_line l = 0; l < VCONSOLE_LINES; l++)
		if (vconsole_lines.attached[l] == c)
			vconsole_lines.attached[l] = NULL;
	if (vconsole_lines.last == c)
		vconsole_lines.last = NULL;
	if (vconsole_lines.shell == c)
		vconsole_lines.shell = NULL;
	lock_drop(&vconsole_lines.lock);
	/* Those who call it now do so on other CPUs, and shortly. */
	while (__atomic_load_n(&c->users, __ATOMIC_ACQUIRE))
		__builtin_ia32_pause();
	if (control)
		vconsole_lines.wake_control(vconsole_lines.wake_arg);
	mem_free(c->ring);
}

struct drain {
	struct vconsole *c;
	uint64_t at;
	bool given_up;
	struct timer timer;
};

static bool is_drained(void *arg)
{
	struct drain *d = arg;
	bool done;

	lock_take(&d->c->lock);
	done = !d->c->views[LINE_TERMINAL].attached || !vconsole_unshown(d->c, LINE_TERMINAL) ||
	       d->c->by_lines;
	lock_drop(&d->c->lock);
	return done || d->given_up;
}

static void drain_timer(void *arg)
{
	struct drain *d = arg;
	uint64_t at;

	lock_take(&d->c->lock);
	at = d->c->views[LINE_TERMINAL].at;
	lock_drop(&d->c->lock);
	d->given_up = at == d->at;
	d->at = at;
	if (!d->given_up)
		timer_arm_ns(&d->timer, time_ns() + NO_MOVE_NS);
	wait_wake_all(&vconsole_lines.moved);
}

void vconsole_drain(struct vconsole *c)
{
	struct drain d = { .c = c };

	if (is_drained(&d))
		return;
	timer_init(&d.timer, drain_timer, &d);
	timer_arm_ns(&d.timer, time_ns() + NO_MOVE_NS);
	__atomic_fetch_add(&vconsole_lines.draining, 1, __ATOMIC_RELEASE);
	wait_until(&vconsole_lines.moved, is_drained, &d);
	__atomic_fetch_sub(&vconsole_lines.draining, 1, __ATOMIC_RELEASE);
	timer_cancel(&d.timer);
}

void vconsole_set_control(void (*wake)(void *arg), void *arg)
{
	vconsole_lines.wake_control = wake;
	vconsole_lines.wake_arg = arg;
}

bool vconsole_control_attached(void)
{
	bool attached;

	lock_take(&vconsole_lines.lock);
	attached = vconsole_lines.attached[LINE_CONTROL] != NULL;
	lock_drop(&vconsole_lines.lock);
	return attached;
}

size_t vconsole_control_read(uint8_t *bytes, size_t n, char *name, size_t name_size)
{
	struct vconsole *c;
	const uint8_t *run;
	size_t done = 0;

	lock_take(&vconsole_lines.lock);
	c = vconsole_lines.attached[LINE_CONTROL];
	if (c) {
		lock_take(&c->lock);
		done = vconsole_next_run(c, LINE_CONTROL, &run);
		done = MIN(done, n);
		memcpy(bytes, run, done);
		vconsole_advance(&c->views[LINE_CONTROL], done);
		lock_drop(&c->lock);
		str_copy(name, c->name, name_size);
	}
	lock_drop(&vconsole_lines.lock);
	vconsole_release_held();
	return done;
}

struct vconsole *vconsole_find(const char *name)
{
	struct vconsole *found = NULL;

	lock_take(&vconsole_lines.lock);
	list_for_each (at, &vconsole_lines.consoles) {
		struct vconsole *c = container_of(at, struct vconsole, link);

		if (!c->is_shell && !strcmp(c->name, name))
			found = c;
	}
	if (found)
		__atomic_fetch_add(&found->users, 1, __ATOMIC_RELAXED);
	lock_drop(&vconsole_lines.lock);
	return found;
}

void vconsole_release(struct vconsole *c)
{
	__atomic_fetch_sub(&c->users, 1, __ATOMIC_RELEASE);
}

bool vconsole_type(const char *name, const uint8_t *bytes, size_t n)
{
	struct vconsole *c = vconsole_find(name);

	if (!c)
		return false;
	while (n--)
		c->ops->input(c->owner, *bytes++);
	vconsole_release(c);
	return true;
}

bool vconsole_name(unsigned n, char *name, size_t size)
{
	bool found = false;

	lock_take(&vconsole_lines.lock);
	list_for_each (at, &vconsole_lines.consoles) {
		struct vconsole *c = container_of(at, struct vconsole, link);

		if (!c->is_shell && n-- == 0) {
			str_copy(name, c->name, size);
			found = true;
			break;
		}
	}
	lock_drop(&vconsole_lines.lock);
	return found;
}
