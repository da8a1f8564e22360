/* SPDX-License-Identifier: MIT */
/* sources: arch/x86_64/virt/vmx/maps.c tests/fake/pages.c */
/* The bitmaps of ports and MSRs, bit by bit as the manual lays them out: what is set exits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "arch/x86_64/virt/vmx/vmx.h"
#include "lib/errno.h"
#include "tests/fake/pages.h"

enum { PORTS = 0x10000, MSRS = 0x2000, HIGH = 0xc0000000 };

static bool bit(const uint8_t *map, unsigned n)
{
	return map[n / 8] >> n % 8 & 1;
}

static bool port_exits(const struct virt_vm *vm, unsigned port)
{
	return bit(vm->io_map, port);
}

static bool read_exits(const struct virt_vm *vm, uint32_t msr)
{
	return bit(vm->msr_map + (msr >= HIGH ? 0x400 : 0), msr % MSRS);
}

static bool write_exits(const struct virt_vm *vm, uint32_t msr)
{
	return bit(vm->msr_map + (msr >= HIGH ? 0xc00 : 0x800), msr % MSRS);
}

/* How many bits are clear: what passes. */
static unsigned passing(const uint8_t *map, unsigned bytes)
{
	unsigned n = 0;

	for (unsigned i = 0; i < bytes * 8; i++)
		n += !bit(map, i);
	return n;
}

static int setup(void **state)
{
	struct virt_vm *vm = calloc(1, sizeof(*vm));

	assert_int_equal(vmx_vm_init(vm), 0);
	*state = vm;
	return 0;
}

static int teardown(void **state)
{
	vmx_vm_fini(*state);
	vmx_vm_fini(*state);
	free(*state);
	assert_int_equal(fake_pages_used(MEM_VM), 0);
	return 0;
}

static void all_exits_at_first(void **state)
{
	struct virt_vm *vm = *state;

	assert_int_equal(passing(vm->io_map, PORTS / 8), 0);
	assert_int_equal(passing(vm->msr_map, 4096), 0);
}

static void ports_pass_in_both_directions_or_not(void **state)
{
	static const uint16_t ports[] = { 0, 7, 0x80, 0x7fff, 0x8000, 0xffff };
	struct virt_vm *vm = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(ports); i++) {
		vmx_pass_io(vm, ports[i], PASS_READ);
		vmx_pass_io(vm, ports[i], PASS_WRITE);
		assert_true(port_exits(vm, ports[i]));
		vmx_pass_io(vm, ports[i], PASS_BOTH);
		assert_false(port_exits(vm, ports[i]));
	}
	assert_int_equal(passing(vm->io_map, PORTS / 8), ARRAY_SIZE(ports));
	for (unsigned i = 0; i < ARRAY_SIZE(ports); i++)
		vmx_pass_io(vm, ports[i], PASS_NONE);
	assert_int_equal(passing(vm->io_map, PORTS / 8), 0);
}

static void msrs_pass_by_direction(void **state)
{
	static const uint32_t msrs[] = { 0, 0x10, 0x1fff, HIGH, HIGH + 0x80, HIGH + 0x1fff };
	struct virt_vm *vm = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(msrs); i++) {
		for (unsigned pass = PASS_NONE; pass <= PASS_BOTH; pass++) {
			vmx_pass_msr(vm, msrs[i], pass);
			assert_int_equal(read_exits(vm, msrs[i]), !(pass & PASS_READ));
			assert_int_equal(write_exits(vm, msrs[i]), !(pass & PASS_WRITE));
			assert_int_equal(passing(vm->msr_map, 4096),
					 !!(pass & PASS_READ) + !!(pass & PASS_WRITE));
		}
		vmx_pass_msr(vm, msrs[i], PASS_NONE);
	}
}

/* The maps do not cover them: they exit whatever is asked for. */
static void other_msrs_change_nothing(void **state)
{
	static const uint32_t msrs[] = { 0x2000, 0x40000000, HIGH - 1, HIGH + 0x2000, 0xffffffff };
	struct virt_vm *vm = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(msrs); i++)
		vmx_pass_msr(vm, msrs[i], PASS_BOTH);
	assert_int_equal(passing(vm->msr_map, 4096), 0);
}

static void no_memory_leaves_nothing(void **state)
{
	struct virt_vm vm = { 0 };
	int error = -ENOMEM;

	(void)state;
	for (unsigned n = 0; error; n++) {
		fake_pages_fail_after(n);
		error = vmx_vm_init(&vm);
		if (error) {
			assert_int_equal(error, -ENOMEM);
			assert_int_equal(fake_pages_used(MEM_VM), 0);
		}
	}
	fake_pages_fail_after(-1);
	vmx_vm_fini(&vm);
	assert_int_equal(fake_pages_used(MEM_VM), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_exits_at_first, setup, teardown),
		cmocka_unit_test_setup_teardown(ports_pass_in_both_directions_or_not, setup,
						teardown),
		cmocka_unit_test_setup_teardown(msrs_pass_by_direction, setup, teardown),
		cmocka_unit_test_setup_teardown(other_msrs_change_nothing, setup, teardown),
		cmocka_unit_test(no_memory_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
