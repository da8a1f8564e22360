/* SPDX-License-Identifier: MIT */
/*
 * The FPU's registers belong to guests alone: Plinth is compiled without any use of them. They stay
 * in the CPU across exits and are swapped when another vCPU is loaded, XCR0 with them.
 */
#ifndef ARCH_FPU_H
#define ARCH_FPU_H

#include "lib/types.h"

struct fpu {
	void *area; /* XSAVE's standard format, or FXSAVE's */
	unsigned order;
	uint64_t xcr0; /* the guest's, while not loaded */
};

/* On each CPU: lets XSAVE and all its states work. */
void fpu_init_cpu(void);
/* 0 or -ENOMEM. The state is as after RESET. */
must_check int fpu_init(struct fpu *f);
void fpu_fini(struct fpu *f);
void fpu_reset(struct fpu *f);
/* Between the CPU and f. */
void fpu_load(struct fpu *f);
void fpu_save(struct fpu *f);

#endif
