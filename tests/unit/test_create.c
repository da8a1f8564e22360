/* SPDX-License-Identifier: MIT */
/* sources: boot/guest.c vmm/config/config.c vmm/config/config_check.c vmm/config/config_error.c vmm/config/config_keys.c vmm/config/config_print.c vmm/config/config_value.c vmm/config/toml.c vmm/config/toml_scan.c vmm/config/toml_string.c vmm/config/toml_tree.c vmm/config/toml_value.c lib/utf8.c lib/printf.c lib/str.c core/reply.c core/reply_text.c core/reply_json.c tests/fake/log.c tests/fake/panic.c */
/*
 * `create`: what is typed as KEY=VALUE, or as the text of a config, and the guest that comes of it;
 * with the real parser. All of a text is made, or nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "boot/config.h"
#include "boot/guest.h"
#include "core/alloc.h"
#include "core/delay.h"
#include "core/pmem.h"
#include "core/timer.h"
#include "drivers/console.h"
#include "drivers/end.h"
#include "drivers/power.h"
#include "lib/errno.h"
#include "lib/panic.h"
#include "vmm/vm.h"
#include "vmm/vms.h"

enum { MADE = 8 };

static struct {
	struct vm_config made[MADE];
	unsigned n, destroyed;
	unsigned room; /* guests that memory is enough for */
	unsigned allocations;
	int allocs_left;
} fake;

int boot_config_read(const struct boot_info *info, const struct options *o,
		     const struct config_text *text, struct config *c, struct config_sink *sink)
{
	static const char *const modules[] = { "vmlinuz", "initrd.gz" };
	const struct config_machine machine = {
		.memory = 1 << 30, .cpus = 3, .modules = modules, .module_count = 2
	};
	int err = config_parse(text->at, text->size, c, sink);

	(void)info;
	(void)o;
	return err ? err : config_check(c, &machine, sink);
}

int life_create(const struct vm_config *config)
{
	for (unsigned i = 0; i < fake.n; i++)
		if (!strcmp(fake.made[i].name, config->name))
			return -EEXIST;
	if (fake.n == fake.room)
		return -ENOMEM;
	fake.made[fake.n++] = *config;
	return 0;
}

void life_order(const char *name, enum life_verb verb, struct life_error *e)
{
	assert_int_equal(verb, LIFE_DESTROY);
	assert_string_equal(name, fake.made[fake.n - 1].name);
	fake.n--;
	fake.destroyed++;
	e->code = NULL;
}

void *mem_alloc(size_t size, enum mem_owner owner)
{
	(void)owner;
	if (!fake.allocs_left)
		return NULL;
	fake.allocs_left--;
	fake.allocations++;
	return calloc(1, size);
}

void mem_free(void *p)
{
	fake.allocations -= !!p;
	free(p);
}

/* What the rest of the file takes; none of it is called here. */
const char image_load[1], image_load_end[1];
const char *const mem_owner_names[MEM_OWNERS];
uint64_t time_tsc(void)
{
	abort();
}
uint64_t time_ns_to_tsc(uint64_t ns)
{
	(void)ns;
	abort();
}
uint64_t pmem_used(enum mem_owner o)
{
	(void)o;
	abort();
}
uint64_t pmem_free(void)
{
	abort();
}
struct config *boot_config_make(const struct boot_info *info, const struct options *o)
{
	(void)info;
	(void)o;
	abort();
}
struct vm *vm_find(const char *name)
{
	(void)name;
	abort();
}
struct vm *vm_next(struct vm *vm)
{
	(void)vm;
	abort();
}
void vm_put(struct vm *vm)
{
	(void)vm;
	abort();
}
void vconsole_attach(enum vconsole_line line, struct vconsole *c, bool replay)
{
	(void)line;
	(void)c;
	(void)replay;
	abort();
}
void delays_forget(void)
{
	abort();
}

void delays_tell(void)
{
	abort();
}

void sched_breathe(void)
{
	abort();
}

uint8_t life_wait_last(const char **how)
{
	(void)how;
	abort();
}
void thread_block(void)
{
	abort();
}
unsigned thread_count(void)
{
	abort();
}
void thread_wait_count(unsigned n)
{
	(void)n;
	abort();
}
void console_flush(void)
{
	abort();
}
_Noreturn void power_reset(void)
{
	abort();
}
_Noreturn void end_failed(void)
{
	abort();
}

static char answer[2048];

static void gather(void *ctx, const char *bytes, size_t n)
{
	(void)ctx;
	strncat(answer, bytes, n);
}

/* Each argument up to NULL. The code of the error, or "". */
static const char *create(const char *first, ...)
{
	static char code[32];
	char *argv[16] = { "create", (char *)first };
	unsigned argc = 2;
	struct reply r;
	const char *at;
	va_list ap;

	va_start(ap, first);
	while ((argv[argc] = va_arg(ap, char *)))
		argc++;
	va_end(ap);
	answer[0] = code[0] = '\0';
	reply_init(&r, &reply_format_json, gather, NULL);
	guest_commands.commands[0].run(&r, argc, argv);
	reply_end(&r);
	assert_int_equal(fake.allocations, 0);
	at = strstr(answer, "\"code\":\"");
	if (at)
		sscanf(at, "\"code\":\"%31[^\"]", code);
	return code;
}

void vconsole_to_shell(struct vconsole *c)
{
	(void)c;
}

static int setup(void **state)
{
	(void)state;
	memset(&fake, 0, sizeof(fake));
	fake.room = MADE;
	fake.allocs_left = -1;
	return 0;
}

static void keys(void **state)
{
	const struct vm_config *c = fake.made;

	(void)state;
	assert_string_equal(create("a", "memory=64M", "kernel=vmlinuz", NULL), "");
	assert_string_equal(c->name, "a");
	assert_int_equal(c->memory, 64 * MIB);
	assert_int_equal(c->cpus, 1);
	assert_int_equal(c->weight, 100);
	assert_string_equal(create("b", "memory=64M", "kernel=vmlinuz", "initrd=initrd.gz",
				   "cpus=4", "pin=[0, 1]", "weight=7", "on_crash=restart",
				   "debug_ports=true", "cmdline=console=ttyS0 a=b", NULL),
			    "");
	c++;
	assert_int_equal(c->cpus, 4);
	assert_int_equal(c->pin, 3);
	assert_int_equal(c->weight, 7);
	assert_int_equal(c->on_crash, CONFIG_RESTART);
	assert_true(c->debug_ports);
	assert_string_equal(c->initrd_name, "initrd.gz");
	assert_string_equal(c->cmdline, "console=ttyS0 a=b");
}

/* Whatever is in a value stays in it. */
static void quoting(void **state)
{
	static const char *const values[] = { "it's",	 "a\"b", "back\\slash",
					      "\\u0041", "'''",	 "#no comment",
					      "ä" };
	char word[64];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(values); i++) {
		fake.n = 0;
		snprintf(word, sizeof(word), "cmdline=%s", values[i]);
		if (*create("a", "memory=64M", "kernel=vmlinuz", word, NULL))
			fail_msg("%s: %s", word, answer);
		assert_string_equal(fake.made[0].cmdline, values[i]);
		assert_int_equal(fake.made[0].memory, 64 * MIB);
	}
	/* A value in quotes is TOML's own. */
	fake.n = 0;
	assert_string_equal(
		create("a", "memory=64M", "kernel=vmlinuz", "cmdline=\"\\u0041\"", NULL), "");
	assert_string_equal(fake.made[0].cmdline, "A");
}

static void texts(void **state)
{
	(void)state;
	assert_string_equal(create("[vm.a]\nmemory = \"64M\"\nkernel = \"vmlinuz\"\n[vm.b]\n"
				   "memory = \"32M\"\nkernel = \"vmlinuz\"\n",
				   NULL),
			    "");
	assert_int_equal(fake.n, 2);
	assert_int_equal(fake.made[1].memory, 32 * MIB);
}

static void is_refused(const char *says)
{
	if (!strstr(answer, "\"bad-argument\"") || !strstr(answer, says))
		fail_msg("'%s' instead of '%s'", answer, says);
	assert_int_equal(fake.n, 0);
}

static void refusals(void **state)
{
	static char big[9000];

	(void)state;
	create("a", NULL);
	is_refused("a has no keys");
	create("[vm.a]\nmemory = 7", NULL);
	is_refused("line 2, column ");
	create("[host]\nlog_level = \"info\"", NULL);
	is_refused("no guest is in it");
	create("a", "memory", NULL);
	is_refused("KEY=VALUE, as in memory=256M");
	create("a", "memory=64M", "kernel=vmlinuz", "cmdline=a'\nmemory = '1G", NULL);
	is_refused("cmdline has a newline in it");
	create("a", "memry=64M", "kernel=vmlinuz", NULL);
	is_refused("did you mean 'memory'");
	create("a", "memory=64M", NULL);
	is_refused("kernel");
	create("a", "memory=64M", "kernel=vmlinux", NULL);
	is_refused("did you mean 'vmlinuz'");
	create("a", "memory=2G", "kernel=vmlinuz", NULL);
	is_refused("and the machine has");
	create("a", "memory=64M", "kernel=vmlinuz", "pin=[7]", NULL);
	is_refused("pinned to CPU 7");
	create("a", "memory=64M", "memory=64M", "kernel=vmlinuz", NULL);
	is_refused("memory");
	create("a'b", "memory=64M", "kernel=vmlinuz", NULL);
	is_refused("name");
	create("a]\n[vm.b", "memory=64M", "kernel=vmlinuz", NULL);
	is_refused("name");
	create("a", "=1", NULL);
	is_refused("key");
	memset(big, 'x', sizeof(big) - 1);
	create("a", big, NULL);
	is_refused("KEY=VALUE");
	memcpy(big, "cmdline=", 8);
	create("a", big, NULL);
	is_refused("8191 bytes");
	memset(big + 8, '"', sizeof(big) - 9);
	create("a", big, NULL);
	is_refused("8191 bytes");
	create(big, "memory=64M", NULL);
	is_refused("8191 bytes");
	/* All lengths about the border. */
	for (unsigned n = 8191 - 80; n < 8191 + 20; n++) {
		memset(big + 8, 'x', n);
		big[8 + n] = '\0';
		assert_string_equal(create("a", big, NULL), "bad-argument");
	}
}

static void all_or_nothing(void **state)
{
	const char *two = "[vm.a]\nmemory = \"64M\"\nkernel = \"vmlinuz\"\n[vm.b]\nmemory = "
			  "\"32M\"\nkernel = \"vmlinuz\"\n";

	(void)state;
	fake.room = 1;
	assert_string_equal(create(two, NULL), "failed");
	assert_non_null(strstr(answer, "b: there is no memory for it"));
	assert_int_equal(fake.n, 0);
	assert_int_equal(fake.destroyed, 1);
	fake.room = MADE;
	assert_string_equal(create("b", "memory=64M", "kernel=vmlinuz", NULL), "");
	assert_string_equal(create("b", "memory=64M", "kernel=vmlinuz", NULL), "exists");
	assert_non_null(strstr(answer, "there is a guest b already"));
	assert_string_equal(create(two, NULL), "exists");
	assert_int_equal(fake.n, 1);
	assert_int_equal(fake.destroyed, 2);
	for (int i = 0; i < 2; i++) {
		fake.allocs_left = i;
		assert_string_equal(create("c", "memory=64M", "kernel=vmlinuz", NULL), "failed");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(keys, setup),
		cmocka_unit_test_setup(quoting, setup),
		cmocka_unit_test_setup(texts, setup),
		cmocka_unit_test_setup(refusals, setup),
		cmocka_unit_test_setup(all_or_nothing, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
