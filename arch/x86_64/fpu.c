/* SPDX-License-Identifier: MIT */
/*
 * Saving and loading by XSAVE with every state that the CPU has, whatever the guest's XCR0 says: a
 * guest may have switched one off and expect its registers back.
 */
#include "arch/x86_64/fpu.h"
#include "arch/x86_64/asm.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/features.h"
#include "arch/x86_64/pages.h"
#include "lib/errno.h"
#include "lib/string.h"

enum { FXSAVE_SIZE = 512, FXSAVE_FCW = 0, FXSAVE_MXCSR = 24 };
enum { FCW_RESET = 0x40, MXCSR_RESET = 0x1f80 };

void fpu_init_cpu(void)
{
	if (!features.xcr0)
		return;
	write_cr4(read_cr4() | CR4_OSXSAVE);
	xsetbv(0, features.xcr0);
}

int fpu_init(struct fpu *f)
{
	uint64_t size = features.xcr0 ? features.xsave_size : FXSAVE_SIZE;

	f->order = 0;
	while (PAGE_SIZE << f->order < size)
		f->order++;
	f->area = page_alloc(f->order, MEM_VM);
	if (!f->area)
		return -ENOMEM;
	fpu_reset(f);
	return 0;
}

void fpu_fini(struct fpu *f)
{
	page_free(f->area, f->order, MEM_VM);
	f->area = NULL;
}

/* An XSAVE header of zeros means: all states as after initialisation. */
void fpu_reset(struct fpu *f)
{
	uint8_t *area = f->area;

	memset(area, 0, PAGE_SIZE << f->order);
	*(uint16_t *)(area + FXSAVE_FCW) = FCW_RESET;
	*(uint32_t *)(area + FXSAVE_MXCSR) = MXCSR_RESET;
	f->xcr0 = XCR0_X87;
}

void fpu_load(struct fpu *f)
{
	if (!features.xcr0) {
		__asm__ volatile("fxrstor64 (%0)" : : "r"(f->area) : "memory");
		return;
	}
	xsetbv(0, features.xcr0);
	__asm__ volatile("xrstor64 (%0)"
			 :
			 : "r"(f->area), "a"(UINT32_MAX), "d"(UINT32_MAX)
			 : "memory");
	xsetbv(0, f->xcr0);
}

/* XCR0 is read, not remembered: not every CPU that emulates SVM tells of an XSETBV. */
void fpu_save(struct fpu *f)
{
	if (!features.xcr0) {
		__asm__ volatile("fxsave64 (%0)" : : "r"(f->area) : "memory");
		return;
	}
	f->xcr0 = xgetbv(0);
	xsetbv(0, features.xcr0);
	__asm__ volatile("xsave64 (%0)"
			 :
			 : "r"(f->area), "a"(UINT32_MAX), "d"(UINT32_MAX)
			 : "memory");
}
