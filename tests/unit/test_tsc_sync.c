/* SPDX-License-Identifier: MIT */
/* sources: arch/x86_64/tsc_sync.c */
/* Two threads of the host stand for two CPUs: their TSCs agree, or the host itself is broken. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "arch/x86_64/features.h"
#include "arch/x86_64/tsc.h"
#include "arch/x86_64/tsc_sync.h"

struct features features;
struct tsc_scale tsc_host;

static void *target(void *came)
{
	*(bool *)came = tsc_sync_target();
	return NULL;
}

static void two_that_agree(void **state)
{
	pthread_t thread;
	bool came = false;

	(void)state;
	tsc_host.hz = UINT64_MAX; /* however busy this host is */
	for (unsigned i = 0; i < 3; i++) {
		tsc_sync_begin();
		assert_int_equal(pthread_create(&thread, NULL, target, &came), 0);
		assert_true(tsc_sync_source());
		assert_int_equal(pthread_join(thread, NULL), 0);
		assert_true(came);
		assert_int_equal(tsc_sync_moved(), 0);
		assert_int_equal(tsc_sync_rest(), 0);
	}
}

static void one_alone(void **state)
{
	(void)state;
	tsc_host.hz = 1000000; /* its second is over soon */
	tsc_sync_begin();
	assert_false(tsc_sync_source());
	tsc_sync_begin();
	assert_false(tsc_sync_target());
}

static void moves(void **state)
{
	(void)state;
	assert_int_equal(tsc_sync_move(0, 0), 0);
	assert_int_equal(tsc_sync_move(0, 500), 500);  /* the target is behind */
	assert_int_equal(tsc_sync_move(500, 0), -500); /* ahead */
	assert_int_equal(tsc_sync_move(10, 500), 500);
	assert_int_equal(tsc_sync_move(500, 10), -500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_that_agree),
		cmocka_unit_test(one_alone),
		cmocka_unit_test(moves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
