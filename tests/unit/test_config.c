/* SPDX-License-Identifier: MIT */
/* sources: vmm/config/config.c vmm/config/config_check.c vmm/config/config_error.c vmm/config/config_keys.c vmm/config/config_print.c vmm/config/config_value.c vmm/config/toml.c vmm/config/toml_scan.c vmm/config/toml_string.c vmm/config/toml_tree.c vmm/config/toml_value.c lib/utf8.c lib/printf.c lib/str.c */
/* Configs: every key, every way to write it wrong with place and text, the machine's limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/errno.h"
#include "vmm/config/config.h"

#define VM_KEYS                                                                      \
	"cpus, memory, kernel, initrd, cmdline, boot, weight, cap, pin, autostart, " \
	"on_poweroff, on_reboot, on_crash and debug_ports"
#define MIN_VM "[vm.a]\nmemory = \"64M\"\nkernel = \"k\"\n"

static struct config c, again;
static char told[32768], printed[65536];

static void report(void *ctx, const struct config_error *e)
{
	size_t used = strlen(told);

	assert_string_equal(e->file, "f");
	assert_ptr_equal(ctx, &c);
	snprintf(told + used, sizeof(told) - used, "%u:%u %s\n", e->place.line, e->place.column,
		 e->text);
}

static struct config_sink sink(void)
{
	told[0] = '\0';
	return (struct config_sink){ .report = report, .ctx = &c, .file = "f" };
}

/* From a copy that ends where its memory ends, into memory with whatever in it. */
static int parse_n(struct config *to, const char *text, size_t n)
{
	struct config_sink s = sink();
	char *copy = malloc(n + !n);
	int err;

	memcpy(copy, text, n);
	memset(to, 0xa5, sizeof(*to));
	err = config_parse(copy, n, to, &s);
	free(copy);
	assert_int_equal(err, s.count ? -EINVAL : 0);
	assert_int_equal(!err, !told[0]);
	return err;
}

static int parse(const char *text)
{
	return parse_n(&c, text, strlen(text));
}

#define assert_wrong(text, errors)                 \
	do {                                       \
		parse(text);                       \
		assert_string_equal(told, errors); \
	} while (0)

/* A line in the table of a guest that has all that it needs; its errors stand in line 4. */
static const char *vm_line(const char *line)
{
	static char text[4096];

	snprintf(text, sizeof(text), MIN_VM "%s\n", line);
	parse(text);
	return told;
}

static const char *host_line(const char *line)
{
	static char text[4096];

	snprintf(text, sizeof(text), "[host]\n%s\n", line);
	parse(text);
	return told;
}

static void nothing_is_a_config(void **state)
{
	(void)state;
	assert_int_equal(parse(""), 0);
	assert_int_equal(c.vm_count, 0);
	assert_int_equal(c.host.console_count, 0);
	assert_int_equal(c.host.log_level, LOG_INFO);
	assert_int_equal(c.host.when_last_ends, CONFIG_END_POWEROFF);
}

static void defaults(void **state)
{
	const struct vm_config *vm = &c.vms[0];

	(void)state;
	assert_int_equal(parse(MIN_VM), 0);
	assert_int_equal(c.vm_count, 1);
	assert_string_equal(vm->name, "a");
	assert_int_equal(vm->memory, 64 * MIB);
	assert_string_equal(vm->kernel_name, "k");
	assert_string_equal(vm->initrd_name, "");
	assert_string_equal(vm->cmdline, "");
	assert_int_equal(vm->cpus, 1);
	assert_int_equal(vm->weight, 100);
	assert_int_equal(vm->cap, 0);
	assert_int_equal(vm->pin, 0);
	assert_int_equal(vm->boot, CONFIG_BOOT_AUTO);
	assert_true(vm->autostart);
	assert_false(vm->debug_ports);
	assert_int_equal(vm->on_poweroff, CONFIG_STOP);
	assert_int_equal(vm->on_reboot, CONFIG_RESTART);
	assert_int_equal(vm->on_crash, CONFIG_STOP);
	assert_null(vm->kernel);
	assert_null(vm->initrd);
}

static void every_key(void **state)
{
	const struct vm_config *vm = &c.vms[1];

	(void)state;
	assert_int_equal(
		parse("[host]\nconsoles = [\"com1,115200\", '0x2f8']\nlog_level = \"debug\"\n"
		      "when_last_ends = 'reboot'\n" MIN_VM
		      "[vm.\"web.2\"]\ncpus = 4\nmemory = \"1G\"\nkernel = \"vmlinuz-6.1\"\n"
		      "initrd = \"initrd.gz\"\ncmdline = \"\"\"console=ttyS0 \\\n   "
		      "x=\\\"y\\\"\"\"\"\n"
		      "boot = \"linux\"\nweight = 10000\ncap = 150\npin = \"0-3,6,63\"\n"
		      "autostart = false\non_poweroff = \"destroy\"\non_reboot = \"stop\"\n"
		      "on_crash = \"restart\"\ndebug_ports = true\n"),
		0);
	assert_int_equal(c.host.console_count, 2);
	assert_string_equal(c.host.consoles[0], "com1,115200");
	assert_string_equal(c.host.consoles[1], "0x2f8");
	assert_int_equal(c.host.log_level, LOG_DEBUG);
	assert_int_equal(c.host.when_last_ends, CONFIG_END_REBOOT);
	assert_int_equal(c.vm_count, 2);
	assert_ptr_equal(config_find(&c, "web.2"), vm);
	assert_null(config_find(&c, "web"));
	assert_int_equal(vm->cpus, 4);
	assert_int_equal(vm->memory, GIB);
	assert_string_equal(vm->kernel_name, "vmlinuz-6.1");
	assert_string_equal(vm->initrd_name, "initrd.gz");
	assert_string_equal(vm->cmdline, "console=ttyS0 x=\"y\"");
	assert_int_equal(vm->boot, CONFIG_BOOT_LINUX);
	assert_int_equal(vm->weight, 10000);
	assert_int_equal(vm->cap, 150);
	assert_int_equal(vm->pin, 0x800000000000004f);
	assert_false(vm->autostart);
	assert_true(vm->debug_ports);
	assert_int_equal(vm->on_poweroff, CONFIG_DESTROY);
	assert_int_equal(vm->on_reboot, CONFIG_STOP);
	assert_int_equal(vm->on_crash, CONFIG_RESTART);
	assert_int_equal(c.vm_places[1].table.line, 8);
	assert_int_equal(c.vm_places[1].table.column, 5);
	assert_int_equal(c.vm_places[1].keys[0].line, 9);
}

/* TOML's other ways to say the same. */
static void dotted_keys(void **state)
{
	(void)state;
	assert_int_equal(parse("host.log_level = \"quiet\"\nvm.a.memory = \"64M\"\n"
			       "vm.a.kernel = \"k\"\n[vm]\n"),
			 -EINVAL);
	assert_string_equal(told,
			    "4:2 'vm' is already defined: in line 2 it is a table made by dotted "
			    "keys\n");
	assert_int_equal(parse("[vm]\na.memory = \"64M\"\na.kernel = \"k\"\n[host]\n"
			       "\"log_level\" = 'quiet'"),
			 0);
	assert_string_equal(c.vms[0].kernel_name, "k");
	assert_int_equal(c.host.log_level, LOG_WARN);
}

static void pins(void **state)
{
	(void)state;
	assert_string_equal(vm_line("pin = [0, 2, 63,]"), "");
	assert_int_equal(c.vms[0].pin, 0x8000000000000005);
	assert_string_equal(vm_line("pin = \"5\""), "");
	assert_int_equal(c.vms[0].pin, 0x20);
	assert_string_equal(vm_line("pin = \"0-63\""), "");
	assert_int_equal(c.vms[0].pin, UINT64_MAX);
#define PIN_TEXT ": it has to be CPUs from 0 to 63, as in \"0-3,6\"\n"
	assert_string_equal(vm_line("pin = \"3-1\""), "4:7 pin is \"3-1\"" PIN_TEXT);
	assert_string_equal(vm_line("pin = \"0-64\""), "4:7 pin is \"0-64\"" PIN_TEXT);
	assert_string_equal(vm_line("pin = \"1,\""), "4:7 pin is \"1,\"" PIN_TEXT);
	assert_string_equal(vm_line("pin = \"1-\""), "4:7 pin is \"1-\"" PIN_TEXT);
	assert_string_equal(vm_line("pin = \"1 2\""), "4:7 pin is \"1 2\"" PIN_TEXT);
	assert_string_equal(vm_line("pin = \"\""), "4:7 pin is \"\"" PIN_TEXT);
	assert_string_equal(vm_line("pin = \"99999999999999999999999\""),
			    "4:7 pin is \"99999999999999999999999\"" PIN_TEXT);
	assert_string_equal(vm_line("pin = []"),
			    "4:7 pin names no CPU: leave it out to allow all\n");
	assert_string_equal(vm_line("pin = [1, 64]"),
			    "4:11 pin names the CPU 64: it has to be from 0 to 63\n");
	assert_string_equal(vm_line("pin = [1, -1]"),
			    "4:11 pin names the CPU -1: it has to be from 0 to 63\n");
	assert_string_equal(
		vm_line("pin = [\"1\"]"),
		"4:8 pin has a string in its array: it has to be integers, as in [0, 1], "
		"or a string, as in \"0-3,6\"\n");
	assert_string_equal(
		vm_line("pin = 1"),
		"4:7 pin is an integer: it has to be an array of CPUs, as in [0, 1], or a "
		"string, as in \"0-3,6\"\n");
}

static void wrong_values(void **state)
{
	char text[2300] = "cmdline = \"";

	(void)state;
	assert_string_equal(vm_line("cpus = 0"), "4:8 cpus is 0: it has to be from 1 to 64\n");
	assert_string_equal(vm_line("cpus = 65"), "4:8 cpus is 65: it has to be from 1 to 64\n");
	assert_string_equal(vm_line("cpus = -1"), "4:8 cpus is -1: it has to be from 1 to 64\n");
	assert_string_equal(vm_line("cpus = 4294967297"),
			    "4:8 cpus is 4294967297: it has to be from 1 to 64\n");
	assert_string_equal(vm_line("cpus = \"2\""),
			    "4:8 cpus is a string: it has to be an integer, as "
			    "in cpus = 2\n");
	assert_string_equal(vm_line("weight = 0"),
			    "4:10 weight is 0: it has to be from 1 to 10000\n");
	assert_string_equal(vm_line("cap = 6401"),
			    "4:7 cap is 6401: it has to be from 0 to 6400\n");
	assert_string_equal(
		vm_line("autostart = \"yes\""),
		"4:13 autostart is a string: it has to be true or false, without quotes\n");
	assert_string_equal(vm_line("boot = \"liunx\""),
			    "4:8 boot is \"liunx\": did you mean \"linux\"? It has to be \"auto\", "
			    "\"linux\" or \"multiboot\"\n");
	assert_string_equal(vm_line("on_crash = \"preserve\""),
			    "4:12 on_crash is \"preserve\": it has to be \"stop\", \"restart\", "
			    "\"destroy\" or \"end\"\n");
	assert_string_equal(vm_line("on_crash = true"),
			    "4:12 on_crash is a boolean: it has to be \"stop\", \"restart\", "
			    "\"destroy\" or \"end\"\n");
	assert_string_equal(vm_line("initrd = \"/boot/initrd.gz\""),
			    "4:10 initrd is \"/boot/initrd.gz\": write the module's name without "
			    "folders, \"initrd.gz\"\n");
	assert_string_equal(vm_line("initrd = \"a b\""),
			    "4:10 initrd is \"a b\": a module's name has no spaces\n");
	assert_string_equal(vm_line("initrd = 5"),
			    "4:10 initrd is an integer: it has to be a string, as in \"text\"\n");
	assert_string_equal(
		vm_line("cmdline = \"\"\"\na\nb\"\"\""),
		"4:11 cmdline has a newline in it: in \"\"\"\u2026\"\"\" a backslash at the "
		"end of a line joins the next one to it\n");
	assert_string_equal(vm_line("cmdline = \"a\\u0000b\""),
			    "4:11 cmdline has the control character U+0000 in it\n");
	memset(text + strlen(text), 'x', 2047);
	strcat(text, "\"");
	assert_string_equal(vm_line(text), "");
	assert_int_equal(strlen(c.vms[0].cmdline), 2047);
	text[strlen(text) - 1] = 'y';
	strcat(text, "\"");
	assert_string_equal(vm_line(text), "4:11 cmdline has 2048 bytes: 2047 are the most\n");
	assert_string_equal(vm_line("cpus.x = 2"), "4:6 cpus is a key, and no table of keys\n");
}

static void memory(void **state)
{
#define MEMORY(value) "[vm.a]\nkernel = \"k\"\nmemory = " value
	(void)state;
	assert_wrong(MEMORY("512"),
		     "3:10 memory is the number 512: write it with a unit (K, M, G) and "
		     "in quotes, as in memory = \"512M\"\n");
	assert_wrong(MEMORY("512M"), "3:10 '512M' is no integer: 'M' is no digit of base 10 (text "
				     "stands in quotes)\n");
	assert_wrong(MEMORY("\"512\""),
		     "3:10 memory is \"512\": it has to be a number and K, M or G, "
		     "as in memory = \"512M\"\n");
	assert_wrong(MEMORY("\"512MB\""),
		     "3:10 memory is \"512MB\": it has to be a number and K, M or "
		     "G, as in memory = \"512M\"\n");
	assert_wrong(MEMORY("\"0x10M\""),
		     "3:10 memory is \"0x10M\": it has to be a number and K, M or "
		     "G, as in memory = \"512M\"\n");
	assert_wrong(MEMORY("\"M\""),
		     "3:10 memory is \"M\": it has to be a number and K, M or G, as in "
		     "memory = \"512M\"\n");
	assert_wrong(MEMORY("\"99999999999999G\""),
		     "3:10 memory is \"99999999999999G\": it has to be a "
		     "number and K, M or G, as in memory = "
		     "\"512M\"\n");
	assert_wrong(MEMORY("\"3M\""),
		     "3:10 memory is \"3M\": it has to be at least 4M, and a multiple "
		     "of 2M\n");
	assert_wrong(MEMORY("\"5M\""),
		     "3:10 memory is \"5M\": it has to be at least 4M, and a multiple "
		     "of 2M\n");
	assert_wrong(MEMORY("true"),
		     "3:10 memory is a boolean: it has to be a string, as in memory = "
		     "\"512M\"\n");
	assert_int_equal(parse(MEMORY("\"4096k\"")), 0);
	assert_int_equal(c.vms[0].memory, 4 * MIB);
}

static void host(void **state)
{
	(void)state;
	assert_string_equal(
		host_line("consoles = [\"com5\"]"),
		"2:13 consoles has \"com5\": it has to be com1 to com4 or a port, and maybe "
		"a speed, as in \"com1,115200\" or \"0x3f8\"\n");
	assert_string_equal(
		host_line("consoles = [\"com1,7\"]"),
		"2:13 consoles has \"com1,7\": it has to be com1 to com4 or a port, and "
		"maybe a speed, as in \"com1,115200\" or \"0x3f8\"\n");
	assert_string_equal(
		host_line("consoles = [\"0x10000\"]"),
		"2:13 consoles has \"0x10000\": it has to be com1 to com4 or a port, and "
		"maybe a speed, as in \"com1,115200\" or \"0x3f8\"\n");
	assert_string_equal(host_line("consoles = \"com1\""),
			    "2:12 consoles is a string: it has to be an array, as in consoles = "
			    "[\"com1\"]\n");
	assert_string_equal(host_line("consoles = []"),
			    "2:12 consoles names no port: leave it out for com1\n");
	assert_string_equal(
		host_line("consoles = [\"com1\", \"com2\", \"com3\", \"com4\", \"0x3f8\"]"),
		"2:45 consoles has more than 4 ports\n");
	assert_string_equal(host_line("loglevel = \"info\""),
			    "2:1 there is no key 'loglevel': did you mean 'log_level'? Allowed are "
			    "consoles, log_level and when_last_ends\n");
	assert_string_equal(host_line("log_level = \"loud\""),
			    "2:13 log_level is \"loud\": it has to be \"quiet\", \"info\" or "
			    "\"debug\"\n");
	assert_string_equal(
		host_line("when_last_ends = \"powerof\""),
		"2:18 when_last_ends is \"powerof\": did you mean \"poweroff\"? It has to "
		"be \"poweroff\", \"shell\" or \"reboot\"\n");
}

static void unknown_keys(void **state)
{
#define NO_KEY(key)  "4:1 there is no key '" key "': "
#define INSTEAD(key) "did you mean '" key "'? Allowed are " VM_KEYS "\n"
	(void)state;
	assert_string_equal(vm_line("cpu = 1"), NO_KEY("cpu") INSTEAD("cpus"));
	assert_string_equal(vm_line("wieght = 1"), NO_KEY("wieght") INSTEAD("weight"));
	assert_string_equal(vm_line("on-crash = 1"), NO_KEY("on-crash") INSTEAD("on_crash"));
	assert_string_equal(vm_line("vcpus = 1"), NO_KEY("vcpus") INSTEAD("cpus"));
	assert_string_equal(vm_line("append = 1"), NO_KEY("append") INSTEAD("cmdline"));
	assert_string_equal(vm_line("disk = 1"), NO_KEY("disk") VM_KEYS " are allowed\n");
	assert_string_equal(vm_line("\"\" = 1"), NO_KEY("") VM_KEYS " are allowed\n");
	/* A misspelt key that has to be there is not missing as well. */
	assert_wrong("[vm.a]\nmemry = \"64M\"\nkernel = \"k\"",
		     "2:1 there is no key 'memry': " INSTEAD("memory"));
}

static void tables(void **state)
{
	(void)state;
	assert_wrong("[vm.a]\n",
		     "1:5 the guest 'a' has no memory: add a line like memory = \"512M\"\n"
		     "1:5 the guest 'a' has no kernel: add a line like kernel = "
		     "\"vmlinuz\"\n");
	assert_wrong("cpus = 1", "1:1 'cpus' stands before any table: expected [host] or [vm.NAME] "
				 "first\n");
	assert_wrong("[hots]\nx = 1\n[guest.a]",
		     "1:2 there is no table 'hots': did you mean 'host'? [host] and [vm.NAME] are "
		     "allowed\n"
		     "3:2 there is no table 'guest': [host] and [vm.NAME] are allowed\n");
	assert_wrong("vms.a.cpus = 1", "1:1 there is no table 'vms': did you mean 'vm'? [host] and "
				       "[vm.NAME] are allowed\n");
	assert_wrong("[host.x]", "1:7 a table in a table: [host] has keys only\n");
	assert_wrong(MIN_VM "[vm.a.disk]\nx = 1",
		     "4:7 a table in a table: [vm.NAME] has keys only\n");
	assert_wrong("host = 1", "1:1 a key where a table has to be: expected [host]\n");
	assert_wrong("vm = 1", "1:1 a key where a table has to be: expected [vm.NAME]\n");
	assert_wrong("vm.a = 1", "1:1 a key where a table has to be: expected [vm.NAME]\n");
	assert_wrong(MIN_VM "[vm.\"a\"]\n",
		     "4:5 'a' is already defined: in line 1 it is a table with a "
		     "header of its own\n");
}

static void names(void **state)
{
	const char *why;

	(void)state;
	assert_wrong("[vm.\"a b\"]\nx = 1",
		     "1:5 'a b': a guest's name has letters, digits, dots, _ and "
		     "- only\n");
	assert_wrong("[vm.\"\"]", "1:5 '': a guest's name cannot be empty\n");
	assert_wrong("[vm.a2345678901234567890123456789012]",
		     "1:5 'a2345678901234567890123456789012': a guest's name has at most 31 "
		     "characters\n");
	/* Neither a cut nor a NUL makes another guest of it. */
	assert_wrong("[vm.a]\nmemory = \"64M\"\nkernel = \"k\"\n[vm.\"a\\u0000\"]\n",
		     "4:5 'a?': a guest's name has letters, digits, dots, _ and - only\n");
	assert_wrong("[vm.\"a234567890123456789012345678901\u00e9\"]",
		     "1:5 'a234567890123456789012345678901\u00e9': a guest's name has at most 31 "
		     "characters\n");
	assert_true(config_is_name("web-1.example_org", &why));
	assert_false(config_is_name("", &why));
	assert_string_equal(why, "a guest's name cannot be empty");
}

static void all_errors_up_to_some_number(void **state)
{
	char text[2000] = "[host]\n", last[80];

	(void)state;
	for (int i = 0; i < 30; i++)
		strcat(text, "x y\n");
	parse(text);
	assert_non_null(strstr(told, "\n21:3 expected '=' after the key, found 'y'\n"));
	snprintf(last, sizeof(last), "%s", strrchr(told, '2'));
	assert_string_equal(last, "2:3 there are more errors: they are not shown\n");
	/* A syntax error may hide a key: what is missing is not told then. */
	assert_wrong(
		"[vm.a]\nkernel = \"k\"\nmemory = x\n",
		"3:10 'x' is no value: text stands in quotes, and a boolean is true or false\n");
}

static void bounds(void **state)
{
	static char text[CONFIG_TEXT_MAX + 1];

	(void)state;
	memset(text, '\n', sizeof(text));
	assert_int_equal(parse_n(&c, text, CONFIG_TEXT_MAX), 0);
	assert_int_equal(parse_n(&c, text, CONFIG_TEXT_MAX + 1), -EINVAL);
	assert_string_equal(told, "1:1 262145 bytes: 262144 are the most for a config\n");
	text[0] = '\0';
	for (int i = 0; i < 65; i++)
		sprintf(text + strlen(text), "[vm.v%d]\nmemory=\"4M\"\nkernel=\"k\"\n", i);
	assert_int_equal(parse_n(&c, text, strlen(text)), -EINVAL);
	assert_string_equal(told, "193:5 more than 64 guests\n");
	assert_int_equal(c.vm_count, 64);
}

/* The machine. */

static const char *const modules[] = { "vmlinuz", "initrd.gz", "plinth.toml" };

static const char *check(const char *text, const struct config_machine *m)
{
	struct config_sink s;
	int err;

	assert_int_equal(parse(text), 0);
	s = sink();
	err = config_check(&c, m, &s);
	assert_int_equal(err, s.count ? -EINVAL : 0);
	return told;
}

#define VM(name, size, more) \
	"[vm." name "]\nmemory = \"" size "\"\nkernel = \"vmlinuz\"\n" more "\n"

static void machine_has_enough(void **state)
{
	const struct config_machine m = { 256 * MIB, 0xf, modules, 3 }, unknown = { 0 };

	(void)state;
	assert_string_equal(check(VM("a", "128M", "pin = \"0-3\"\ninitrd = \"initrd.gz\"")
					  VM("b", "128M", "") VM("c", "256M", "autostart = false"),
				  &m),
			    "");
	assert_string_equal(check(VM("a", "1024G", "pin = \"63\"\ninitrd = \"x\""), &unknown), "");
}

static void machine_has_too_little(void **state)
{
	const struct config_machine m = { 256 * MIB, 0x4f, modules, 3 };
	const struct config_machine bare = { 256 * MIB, 1, modules, 0 };

	(void)state;
	assert_string_equal(check(VM("a", "128M", "") VM("b", "130M", "") VM("c", "130M", ""), &m),
			    "6:1 with the guest 'b' those that start by themselves have 258 MiB of "
			    "memory, and the machine has 256 MiB for guests\n");
	assert_string_equal(
		check(VM("a", "258M", "autostart = false"), &m),
		"2:1 the guest 'a' has 258 MiB of memory, and the machine has 256 MiB for "
		"guests\n");
	assert_string_equal(check(VM("a", "128M", "pin = \"0-9\""), &m),
			    "4:1 the guest 'a' is pinned to CPU 4-5,7-9, and the machine has CPU "
			    "0-3,6\n");
	assert_string_equal(
		check(VM("a", "128M", "initrd = \"initrd\""), &m),
		"4:1 there is no boot module 'initrd' for the initrd of 'a': did you mean "
		"'initrd.gz'? there are 'vmlinuz', 'initrd.gz' and 'plinth.toml'\n");
	assert_string_equal(check(VM("a", "128M", "initrd = \"thing\""), &m),
			    "4:1 there is no boot module 'thing' for the initrd of 'a': there are "
			    "'vmlinuz', 'initrd.gz' and 'plinth.toml'\n");
	assert_string_equal(
		check(VM("a", "128M", ""), &bare),
		"3:1 there is no boot module 'vmlinuz' for the kernel of 'a': there is none "
		"at all\n");
}

/* A file cannot have it; a config that a program makes can. */
static void two_of_one_name(void **state)
{
	const struct config_machine m = { 0 };
	struct config_sink s;

	(void)state;
	assert_int_equal(parse(VM("a", "128M", "") VM("b", "128M", "")), 0);
	strcpy(c.vms[1].name, "a");
	s = sink();
	assert_int_equal(config_check(&c, &m, &s), -EINVAL);
	assert_string_equal(told, "5:5 two guests have the name 'a'\n");
}

/* And back to text. */

static void write_out(void *ctx, const char *text, size_t n)
{
	strncat(ctx, text, n);
}

static void assert_round_trip(const char *text)
{
	const struct config_writer w = { .write = write_out, .ctx = printed };
	char first[sizeof(printed)];

	assert_int_equal(parse(text), 0);
	printed[0] = '\0';
	config_print(&c, &w);
	strcpy(first, printed);
	assert_int_equal(parse_n(&again, first, strlen(first)), 0);
	assert_int_equal(again.vm_count, c.vm_count);
	assert_memory_equal(again.vms, c.vms, c.vm_count * sizeof(c.vms[0]));
	assert_memory_equal(&again.host, &c.host, sizeof(c.host));
	printed[0] = '\0';
	config_print(&again, &w);
	assert_string_equal(printed, first);
}

static void round_trip(void **state)
{
	(void)state;
	assert_round_trip("");
	assert_round_trip(MIN_VM);
	assert_string_equal(printed,
			    "[host]\nlog_level = \"info\"\nwhen_last_ends = \"poweroff\"\n\n"
			    "[vm.a]\ncpus = 1\nmemory = \"64M\"\nkernel = \"k\"\n"
			    "boot = \"auto\"\nweight = 100\ncap = 0\nautostart = true\n"
			    "on_poweroff = \"stop\"\non_reboot = \"restart\"\n"
			    "on_crash = \"stop\"\ndebug_ports = false\n");
	assert_round_trip("[host]\nconsoles = ['com2,9600', '0x3f8']\nlog_level = 'debug'\n"
			  "[vm.'x.y']\nmemory = '3G'\nkernel = 'a\"b\\c'\ninitrd = '\xc3\xa9'\n"
			  "cmdline = 'a=\"b c\" \\d'\npin = '0,5-7,63'\ncap = 50\nweight = 7\n"
			  "on_poweroff = 'restart'\non_crash = 'destroy'\nautostart = false\n"
			  "debug_ports = true\nboot = 'multiboot'\ncpus = 64");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_a_config),
		cmocka_unit_test(defaults),
		cmocka_unit_test(every_key),
		cmocka_unit_test(dotted_keys),
		cmocka_unit_test(pins),
		cmocka_unit_test(wrong_values),
		cmocka_unit_test(memory),
		cmocka_unit_test(host),
		cmocka_unit_test(unknown_keys),
		cmocka_unit_test(tables),
		cmocka_unit_test(names),
		cmocka_unit_test(all_errors_up_to_some_number),
		cmocka_unit_test(bounds),
		cmocka_unit_test(machine_has_enough),
		cmocka_unit_test(machine_has_too_little),
		cmocka_unit_test(two_of_one_name),
		cmocka_unit_test(round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
