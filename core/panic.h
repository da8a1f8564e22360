/* SPDX-License-Identifier: MIT */
/* lib/panic.h has the calls; here is what the boot tells it. */
#ifndef CORE_PANIC_H
#define CORE_PANIC_H

/* What ends the machine after a panic's last line; it may return. */
void panic_set_end(void (*function)(void));
/* Before the first protected function is entered: a value for the stacks' canaries. */
void panic_set_canary(unsigned long value);

#endif
