/* SPDX-License-Identifier: MIT */
/* See tests/fake/wait.h. */
#include "tests/fake/wait.h"
#include "core/thread.h"

struct fake_wait fake_wait;

void fake_wait_init(void)
{
	mtx_init(&fake_wait.mutex, mtx_plain);
	cnd_init(&fake_wait.changed);
}

void wait_until(struct wait_queue *q, bool (*condition)(void *arg), void *arg)
{
	(void)q;
	mtx_lock(&fake_wait.mutex);
	while (!condition(arg))
		cnd_wait(&fake_wait.changed, &fake_wait.mutex);
	mtx_unlock(&fake_wait.mutex);
}

void wait_post(struct wait_queue *q, void (*change)(void *arg), void *arg)
{
	(void)q;
	mtx_lock(&fake_wait.mutex);
	change(arg);
	cnd_broadcast(&fake_wait.changed);
	mtx_unlock(&fake_wait.mutex);
}

static void nothing(void *arg)
{
	(void)arg;
}

void wait_wake_all(struct wait_queue *q)
{
	wait_post(q, nothing, NULL);
}
