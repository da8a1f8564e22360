/* SPDX-License-Identifier: MIT */
/* A VM that has memory, and nothing else of it (tests/fake/guest.c). */
#ifndef FAKE_GUEST_H
#define FAKE_GUEST_H

#include "vmm/vm.h"

/* With this much RAM: up to 3 GiB from 0 on, the rest from 4 GiB on. Pages appear when touched. */
struct vm *fake_guest_new(uint64_t memory);
void fake_guest_free(struct vm *vm);
/* Host pointer to n bytes of guest memory; fails the test where there are none. */
void *fake_guest_at(struct vm *vm, uint64_t at, uint64_t n);

#endif
