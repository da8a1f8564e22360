/* SPDX-License-Identifier: MIT */
/* Wait queues for tests whose threads are the host's: one mutex and one condition for all queues.
 */
#ifndef FAKE_WAIT_H
#define FAKE_WAIT_H

#include <threads.h>

struct fake_wait {
	mtx_t mutex;
	cnd_t changed;
};

extern struct fake_wait fake_wait;

/* Once, before all tests. */
void fake_wait_init(void);

#endif
