/* SPDX-License-Identifier: MIT */
/*
 * Each function commits one fault; where a protection failed and it comes back, that is the panic.
 */
#include "boot/crash.h"
#include "arch/x86_64/layout.h"
#include "core/pmem.h"
#include "lib/panic.h"
#include "lib/string.h"

extern char text_start[], text_end[];

static void crash_null(void)
{
	*(volatile int *)NULL = 1;
}

static void crash_write_text(void)
{
	*(volatile char *)text_start = 0;
}

static void crash_write_rodata(void)
{
	*(volatile char *)text_end = 0;
}

/* Code has a second address in the direct map: it must be as read-only there. */
static void crash_write_alias(void)
{
	*(volatile char *)hpa_ptr(hpa_of(text_start)) = 0;
}

static void crash_run_data(void)
{
	static uint8_t ret = 0xc3;
	void (*volatile run)(void) = (void (*)(void))(uintptr_t)&ret;

	run();
}

/* Ends, but not on a stack of 16 KiB. */
static __attribute__((noinline)) unsigned deeper(volatile unsigned *above)
{
	volatile unsigned frame[256];

	frame[0] = *above + 1;
	return frame[0] == UINT32_MAX ? 0 : deeper(frame) + frame[0];
}

static void crash_stack(void)
{
	volatile unsigned start = 0;

	deeper(&start);
}

/*
 * memset() does not know how large the frame is, and neither does the compiler how much it is told.
 */
static void crash_canary(void)
{
	char frame[16];
	volatile size_t n = sizeof(frame) * 4;

	memset(frame, 'x', n);
}

static void crash_assert(void)
{
	assert(strlen("one") == 1);
}

static void crash_ud(void)
{
	__asm__ volatile("ud2");
}

static const struct {
	const char *name;
	void (*commit)(void);
} kinds[] = {
	{ "null", crash_null },
	{ "write-text", crash_write_text },
	{ "write-rodata", crash_write_rodata },
	{ "write-alias", crash_write_alias },
	{ "run-data", crash_run_data },
	{ "stack", crash_stack },
	{ "canary", crash_canary },
	{ "assert", crash_assert },
	{ "ud", crash_ud },
};

bool crash_is_kind(const char *kind)
{
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(kind, kinds[i].name))
			return true;
	return false;
}

void crash(const char *kind)
{
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(kind, kinds[i].name))
			kinds[i].commit();
	panic("crash=%s came back: a protection does not hold", kind);
}
