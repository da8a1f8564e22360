/* SPDX-License-Identifier: MIT */
/* See tests/fake/simulate.h. Time goes in steps of 125 µs, in which each CPU does what it is told.
 */
#include <string.h>

#include "core/alloc.h"
#include "core/irq.h"
#include "lib/panic.h"
#include "tests/fake/cpu.h"
#include "tests/fake/simulate.h"
#include "tests/fake/timer.h"

#define STEP (125 * 1000ull)

struct sim sim;

/* It is a system call: not more of them than needed. */
static void use(struct cpu *c)
{
	static struct cpu *used;

	if (used != c || c->self != c)
		fake_cpu_use(c);
	used = c;
}

/* The other CPU sees resched in its next step: that is its interrupt. */
void irq_kick(struct cpu *c)
{
	(void)c;
	sim.kicks++;
}

static struct sim_thread *sim_of(struct thread *t)
{
	return container_of(t, struct sim_thread, t);
}

static void check_order(const struct runq *q)
{
	const struct thread *before = NULL;
	uint64_t weight = q->run_weight;

	list_for_each (at, &q->ready) {
		const struct thread *t = container_of(at, struct thread, link);

		assert(t->queued && t->state == THREAD_READY && t->cpu == q->cpu && !t->on_cpu);
		assert(!before || vtime_ahead(before->share.vtime, t->share.vtime) <= 0);
		weight += t->share.weight;
		before = t;
	}
	assert(weight == q->weight);
	assert(!lock_held(&q->lock));
}

static void decide(struct cpu *c, enum thread_state state, bool pass)
{
	struct thread *from = c->thread, *to;

	sim.decisions++;
	lock_take(&runq_of(c)->lock);
	to = sched_decide(c, state, pass);
	assert(to->state == THREAD_RUNNING && to->cpu == c && to->on_cpu && c->thread == to);
	if (to != from)
		(void)sched_finish(c);
	if (is_idle_thread(to))
		return;
	assert(may_run_on(to, c));
	sim_of(to)->ran_on |= cpu_bit(c);
}

void sched_yield(void)
{
	decide(this_cpu(), THREAD_READY, true);
}

static void wake(void *arg)
{
	struct sim_thread *s = arg;

	s->wakes++;
	s->woken = true;
	s->left = s->run_ns;
	thread_wake(&s->t);
}

static void note_waits(uint64_t now)
{
	for (unsigned i = 0; i < sim.n; i++) {
		struct sim_thread *s = &sim.threads[i];

		if (s->t.state == THREAD_READY) {
			if (!s->waits)
				s->waits = now;
			s->wait_most = MAX(s->wait_most, now - s->waits);
			if (s->woken)
				s->wake_wait_most = MAX(s->wake_wait_most, now - s->waits);
		} else {
			s->waits = 0;
			if (s->t.state == THREAD_RUNNING)
				s->woken = false;
		}
	}
}

static void run_cpu(struct cpu *c)
{
	struct thread *t = c->thread;
	struct sim_thread *s;

	use(c);
	if (is_idle_thread(t))
		return;
	s = sim_of(t);
	s->got += STEP;
	if (!s->run_ns)
		return;
	s->left -= MIN(STEP, s->left);
	if (s->left)
		return;
	timer_arm_ns(&s->wake, time_ns() + s->sleep_ns);
	decide(c, THREAD_BLOCKED, false);
}

static void attend(void)
{
	/* A decision may ask for another one. */
	for (unsigned turn = 0; turn < 4; turn++) {
		for (unsigned i = 0; i < sim.cpus; i++) {
			use(&sim.cpu[i]);
			if (sim.cpu[i].resched)
				decide(&sim.cpu[i], THREAD_READY, false);
		}
	}
}

void sim_run(uint64_t ns)
{
	uint64_t end = time_ns() + ns;

	attend();
	while (time_ns() < end) {
		use(&sim.cpu[time_ns() / STEP % sim.cpus]); /* where timers fire */
		fake_time_advance(STEP);
		for (unsigned i = 0; i < sim.cpus; i++)
			run_cpu(&sim.cpu[i]);
		attend();
		note_waits(time_ns());
		check_order(runq_of(&sim.cpu[time_ns() / STEP % sim.cpus]));
	}
}

void sim_start(unsigned cpus)
{
	memset(&sim, 0, sizeof(sim));
	memset(&sched, 0, sizeof(sched));
	sim.cpus = cpus;
	for (unsigned i = 0; i < cpus; i++) {
		sim.cpu[i].id = i;
		use(&sim.cpu[i]);
		sched_init(&sim.cpu[i]);
	}
}

static struct sim_thread *make(unsigned weight, uint64_t pin, struct sched_group *g)
{
	struct sim_thread *s = &sim.threads[sim.n++];

	list_init(&s->t.link);
	s->t.cpu = this_cpu();
	s->t.state = THREAD_BLOCKED;
	s->t.share.weight = weight;
	s->t.share.pin = pin;
	s->t.share.since = time_ns();
	timer_init(&s->wake, wake, s);
	if (g)
		sched_set_group(&s->t, g);
	return s;
}

struct sim_thread *sim_add(unsigned weight, uint64_t pin, struct sched_group *g)
{
	struct sim_thread *s = make(weight, pin, g);

	thread_wake(&s->t);
	return s;
}

struct sim_thread *sim_add_sleeper(unsigned weight, uint64_t run_ns, uint64_t sleep_ns)
{
	struct sim_thread *s = make(weight, PIN_ALL, NULL);

	s->run_ns = s->left = run_ns;
	s->sleep_ns = sleep_ns;
	thread_wake(&s->t);
	return s;
}

void sim_clear(void)
{
	for (unsigned i = 0; i < sim.n; i++) {
		struct sim_thread *s = &sim.threads[i];

		s->got = s->wait_most = s->wakes = s->wake_wait_most = s->ran_on = 0;
	}
	sim.kicks = sim.decisions = 0;
}

void sim_leave(struct sim_thread *s, enum thread_state state)
{
	assert(s->t.state == THREAD_RUNNING);
	use(s->t.cpu);
	decide(s->t.cpu, state, false);
}

void sim_end(void)
{
	for (unsigned i = 0; i < sim.n; i++)
		timer_cancel(&sim.threads[i].wake);
	for (unsigned i = 0; i < sim.cpus; i++) {
		timer_cancel(&runq_of(&sim.cpu[i])->slice);
		mem_free(sim.cpu[i].idle);
	}
}
