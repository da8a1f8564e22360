/* SPDX-License-Identifier: MIT */
#include "core/sched.h"
#include "tests/fake/sched.h"

unsigned fake_breaths;

void sched_breathe(void)
{
	fake_breaths++;
}
