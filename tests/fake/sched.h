/* SPDX-License-Identifier: MIT */
/* Who works long gives way now and then: how often is counted. */
#ifndef FAKE_SCHED_H
#define FAKE_SCHED_H

extern unsigned fake_breaths;

#endif
