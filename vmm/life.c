/* SPDX-License-Identifier: MIT */
/*
 * The keepers. An order is a struct on the asker's stack, in a list of the guest's; the keeper
 * takes them one by one, so that no two changes of a guest's state ever meet. An end that comes by
 * itself is one more thing that the keeper finds to do.
 */
#include "vmm/life.h"
#include "core/alloc.h"
#include "core/timer.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "vmm/vm.h"
#include "vmm/vms.h"

enum { STATUS_OK = 0, STATUS_CRASHED = 0x7e };
/* A guest that ends so soon, so often in a row, is not started again. */
enum { QUICK_ENDS = 5 };
#define QUICK_NS 2000000000ull

struct order {
	struct list link;
	enum life_verb verb;
	struct life_error *error;
	bool done;    /* under done.lock */
	bool refused; /* the asker's: there is no keeper any more */
};

/* Who waits for an order to be done, or for the last guest's end. */
static struct {
	struct wait_queue done;
	unsigned active; /* under done.lock: guests that run or are paused */
	bool over;	 /* likewise: one has ended whose end counts as the last */
	bool by_itself;	 /* likewise: how the last of them ended */
	uint8_t status;	 /* likewise */
	const char *how; /* likewise */
} all = { .done = { .waiters = { &all.done.waiters, &all.done.waiters } } };

const char *const life_state_names[] = { [LIFE_STOPPED] = "stopped",
					 [LIFE_RUNNING] = "running",
					 [LIFE_PAUSED] = "paused",
					 [LIFE_CRASHED] = "crashed" };

static bool is_alive(const struct vm *vm)
{
	return vm->life.state == LIFE_RUNNING || vm->life.state == LIFE_PAUSED;
}

static void fail(struct life_error *e, const char *code, const char *fmt, ...)
{
	va_list ap;

	e->code = code;
	va_start(ap, fmt);
	fmt_vprint(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
}

static void count_up(void *arg)
{
	(void)arg;
	all.active++;
}

struct ending {
	bool by_itself;
	bool of_all;
	uint8_t status;
	const char *how;
};

static void count_down(void *arg)
{
	const struct ending *e = arg;

	all.active--;
	if (all.over)
		return;
	all.by_itself = e->by_itself;
	if (!e->by_itself)
		return;
	all.over = e->of_all;
	all.status = e->status;
	all.how = e->how;
}

static uint8_t status_of(const struct vm *vm)
{
	if (vm->end == VM_EXIT_PORT)
		return (uint8_t)vm->exit_status;
	return vm->end == VM_CRASHED ? STATUS_CRASHED : STATUS_OK;
}

static int start(struct vm *vm)
{
	int err = vm_start(vm);

	if (err)
		return err;
	vm->life.state = LIFE_RUNNING;
	vm->life.started_ns = time_ns();
	return 0;
}

/* All vCPUs have left. Its memory goes; its console and its config stay. */
static void put_down(struct vm *vm)
{
	bool crashed = vm->end == VM_CRASHED;

	vm_dismantle(vm);
	vm->life.state = crashed ? LIFE_CRASHED : LIFE_STOPPED;
}

/* What its config has for this end. */
static enum config_action action_of(const struct vm *vm)
{
	switch (vm->end) {
	case VM_RESET: return vm->config.on_reboot;
	case VM_CRASHED: return vm->config.on_crash;
	default: return vm->config.on_poweroff;
	}
}

/* A restart that would only be followed by the next is none. */
static bool may_restart(struct vm *vm)
{
	struct life *l = &vm->life;

	l->quick_ends = time_ns() - l->started_ns < QUICK_NS ? l->quick_ends + 1 : 0;
	if (l->quick_ends < QUICK_ENDS)
		return true;
	log_error("vm: %s has ended %u times in a row within %llu s of its start: it stays stopped",
		  vm->config.name, QUICK_ENDS, QUICK_NS / 1000000000);
	l->quick_ends = 0;
	return false;
}

/* True: it is to be destroyed. */
static bool ended_by_itself(struct vm *vm)
{
	static const char *const hows[] = { [VM_POWERED_OFF] = "powered off",
					    [VM_RESET] = "reset",
					    [VM_EXIT_PORT] = "exit port",
					    [VM_CRASHED] = "stopped by Plinth" };
	struct ending e = { .by_itself = true, .status = status_of(vm), .how = hows[vm->end] };
	enum config_action action = action_of(vm);

	vm_wait(vm);
	vms_print_exits(vm);
	log_result("plinth: guest %s ended: %s, status %u", vm->config.name, hows[vm->end],
		   e.status);
	e.of_all = action == CONFIG_END;
	put_down(vm);
	if (action == CONFIG_RESTART && may_restart(vm) && !start(vm))
		return false;
	wait_post(&all.done, count_down, &e);
	/* With the last guest's end the machine's comes: nobody is to be asked for a command. */
	if (__atomic_load_n(&all.active, __ATOMIC_RELAXED))
		vconsole_to_shell(&vm->console);
	return action == CONFIG_DESTROY;
}

/* By an order. */
static void end(struct vm *vm)
{
	struct ending e = { .by_itself = false };

	lock_take(&vm->lock);
	vm_request_end(vm, VM_POWERED_OFF, "stopped by an order");
	lock_drop(&vm->lock);
	vm_wait(vm);
	vms_print_exits(vm);
	log_info("vm: %s is stopped", vm->config.name);
	put_down(vm);
	vm->life.state = LIFE_STOPPED;
	wait_post(&all.done, count_down, &e);
	vconsole_to_shell(&vm->console);
}

static void do_start(struct vm *vm, struct life_error *e)
{
	wait_post(&all.done, count_up, NULL);
	vm->life.quick_ends = 0;
	if (start(vm)) {
		struct ending ending = { .by_itself = false };

		fail(e, "failed", "%s was not started: the log says why", vm->config.name);
		wait_post(&all.done, count_down, &ending);
	}
}

static void do_pause(struct vm *vm, struct life_error *e)
{
	vm_pause(vm);
	if (vm->end == VM_RUNNING)
		vm->life.state = LIFE_PAUSED;
	else
		fail(e, "wrong-state", "%s has just ended by itself", vm->config.name);
}

static void do_resume(struct vm *vm, struct life_error *e)
{
	(void)e;
	vm->life.state = LIFE_RUNNING;
	vm_resume(vm);
}

static void do_reset(struct vm *vm, struct life_error *e)
{
	(void)e;
	lock_take(&vm->lock);
	vm_request_reset(vm, "by an order");
	lock_drop(&vm->lock);
}

static void do_button(struct vm *vm, struct life_error *e)
{
	(void)e;
	lock_take(&vm->lock);
	vpm_press_power_button(vm);
	lock_drop(&vm->lock);
}

static void do_stop(struct vm *vm, struct life_error *e)
{
	(void)e;
	if (is_alive(vm))
		end(vm);
	vm->life.state = LIFE_STOPPED;
}

#define STATE(s) (1u << LIFE_##s)
#define ANY	 (STATE(STOPPED) | STATE(RUNNING) | STATE(PAUSED) | STATE(CRASHED))

/* What each order may be given to, and what to do first where it may not. */
static const struct verb {
	const char *name;
	unsigned states;
	const char *remedy;
	void (*run)(struct vm *vm, struct life_error *e);
} verbs[LIFE_VERBS] = {
	[LIFE_START] = { "start", STATE(STOPPED) | STATE(CRASHED), "stop it first", do_start },
	[LIFE_PAUSE] = { "pause", STATE(RUNNING), "only a running guest pauses", do_pause },
	[LIFE_RESUME] = { "resume", STATE(PAUSED), "only a paused guest resumes", do_resume },
	[LIFE_RESET] = { "reset", STATE(RUNNING) | STATE(PAUSED), "start it instead", do_reset },
	[LIFE_BUTTON] = { "button", STATE(RUNNING), "only a running guest has a button to press",
			  do_button },
	[LIFE_STOP] = { "stop", STATE(RUNNING) | STATE(PAUSED) | STATE(CRASHED),
			"there is nothing to stop", do_stop },
	[LIFE_DESTROY] = { "destroy", ANY, "", do_stop },
};

static void obey(struct vm *vm, const struct order *o)
{
	const struct verb *v = &verbs[o->verb];

	/* It may have ended before the order was read: that comes first. */
	if (!(v->states & 1u << vm->life.state))
		fail(o->error, "wrong-state", "%s: %s is %s: %s", v->name, vm->config.name,
		     life_state_names[vm->life.state], v->remedy);
	else
		v->run(vm, o->error);
}

static void set_done(void *arg)
{
	struct order *o = arg;

	o->done = true;
}

static bool is_done(void *arg)
{
	const struct order *o = arg;

	return o->done;
}

/* Under ended.lock. An end goes before orders: they are to meet the state that it leads to. */
static bool has_work(void *arg)
{
	const struct vm *vm = arg;

	return !list_empty(&vm->life.orders) ||
	       (is_alive(vm) && vm->end != VM_RUNNING && vm->gone == vm->vcpu_count);
}

static struct order *take_order(struct vm *vm)
{
	struct order *o = NULL;

	lock_take(&vm->ended.lock);
	if (!(is_alive(vm) && vm->end != VM_RUNNING) && !list_empty(&vm->life.orders)) {
		o = container_of(vm->life.orders.next, struct order, link);
		list_remove(&o->link);
	}
	lock_drop(&vm->ended.lock);
	return o;
}

/* Those who ask from now on find no such guest; those who have asked learn it. */
static void close(struct vm *vm)
{
	vms_remove(vm);
	lock_take(&vm->ended.lock);
	vm->life.closed = true;
	lock_drop(&vm->ended.lock);
	for (struct order *o = take_order(vm); o; o = take_order(vm)) {
		fail(o->error, "not-found", "%s has been destroyed", vm->config.name);
		wait_post(&all.done, set_done, o);
	}
}

static void keep(void *arg)
{
	struct vm *vm = arg;
	struct order *o = NULL;
	bool destroy = false;

	while (!destroy) {
		wait_until(&vm->ended, has_work, vm);
		o = take_order(vm);
		if (!o) {
			destroy = ended_by_itself(vm);
			continue;
		}
		obey(vm, o);
		destroy = o->verb == LIFE_DESTROY;
		if (!destroy)
			wait_post(&all.done, set_done, o);
	}
	close(vm);
	vm_destroy(vm);
	if (o)
		wait_post(&all.done, set_done, o);
}

int life_create(const struct vm_config *config)
{
	struct vm *vm = vm_find(config->name);
	int err;

	if (vm) {
		vm_put(vm);
		return -EEXIST;
	}
	vm = vm_create(config);
	if (!vm)
		return -ENOMEM;
	list_init(&vm->life.orders);
	err = vms_add(vm);
	if (err)
		goto err_name;
	if (thread_create(config->name, keep, vm))
		return 0;
	err = -ENOMEM;
	close(vm); /* somebody may have found it already */
err_name:
	vm_destroy(vm);
	return err;
}

struct posting {
	struct vm *vm;
	struct order *order;
};

static void post(void *arg)
{
	const struct posting *p = arg;

	if (!p->vm->life.closed)
		list_insert_before(&p->vm->life.orders, &p->order->link);
	else
		p->order->refused = true;
}

void life_order(const char *name, enum life_verb verb, struct life_error *e)
{
	struct order o = { .verb = verb, .error = e };
	struct vm *vm = vm_find(name);

	e->code = NULL;
	if (!vm) {
		fail(e, "not-found", "there is no guest \"%.40s\"", name);
		return;
	}
	list_init(&o.link);
	wait_post(&vm->ended, post, &(struct posting){ vm, &o });
	/* Not held while it waits: a guest that is to be destroyed waits until nobody holds it. */
	vm_put(vm);
	/* Once it is posted, all else of the order is the keeper's until it is done. */
	if (o.refused)
		fail(e, "not-found", "%s has been destroyed", name);
	else
		wait_until(&all.done, is_done, &o);
}

static bool is_last_gone(void *arg)
{
	(void)arg;
	return all.over || (!all.active && all.by_itself);
}

uint8_t life_wait_last(const char **how)
{
	wait_until(&all.done, is_last_gone, NULL);
	*how = all.how;
	return all.status;
}
