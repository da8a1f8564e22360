/* SPDX-License-Identifier: MIT */
/* One table of words; a word that is not in it is an error that names those that are. */
#include "boot/options.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "vmm/vm.h"

enum { WORD_MAX = 64 };

static int set_memory(struct options *o, const char *value)
{
	return str_to_u64(value, &o->memory);
}

static int set_cpus(struct options *o, const char *value)
{
	uint64_t n;

	if (str_to_u64(value, &n) || n < 1 || n > VM_VCPUS)
		return -EINVAL;
	o->cpus = (unsigned)n;
	return 0;
}

static int set_debug_ports(struct options *o, const char *value)
{
	o->debug_ports = true;
	return *value ? -EINVAL : 0;
}

static int set_reset(struct options *o, const char *value)
{
	o->end_on_reset = !strcmp(value, "end");
	return o->end_on_reset || !strcmp(value, "restart") ? 0 : -EINVAL;
}

static int set_console(struct options *o, const char *value)
{
	char *to = o->consoles[o->console_count];

	if (o->console_count == ARRAY_SIZE(o->consoles))
		return -ENOSPC;
	o->console_count++;
	return str_copy(to, value, sizeof(o->consoles[0])) < sizeof(o->consoles[0]) ? 0 : -EINVAL;
}

static int set_control(struct options *o, const char *value)
{
	return *value && str_copy(o->control, value, sizeof(o->control)) < sizeof(o->control)
		       ? 0
		       : -EINVAL;
}

static int set_exit(struct options *o, const char *value)
{
	return str_copy(o->exit, value, sizeof(o->exit)) < sizeof(o->exit) ? 0 : -EINVAL;
}

static int set_crash(struct options *o, const char *value)
{
	return str_copy(o->crash, value, sizeof(o->crash)) < sizeof(o->crash) ? 0 : -EINVAL;
}

static int set_log(struct options *o, const char *value)
{
	o->log_given = true;
	if (!strcmp(value, "quiet"))
		o->log_level = LOG_WARN;
	else if (!strcmp(value, "info"))
		o->log_level = LOG_INFO;
	else if (!strcmp(value, "debug"))
		o->log_level = LOG_DEBUG;
	else
		return -EINVAL;
	return 0;
}

static const struct option {
	const char *name, *form;
	int (*set)(struct options *o, const char *value);
} table[] = {
	{ "mem", "mem=SIZE, as in mem=256M", set_memory },
	{ "cpus", "cpus=1 to cpus=64", set_cpus },
	{ "debug-ports", "debug-ports, without a value", set_debug_ports },
	{ "reset", "reset=restart or reset=end", set_reset },
	{ "console", "console=com1 to com4 or a port, as in console=com1,115200", set_console },
	{ "control", "control=none, com1 to com4 or a port, as in control=com2", set_control },
	{ "exit", "exit=acpi, exit=bochs or a port, as in exit=0xf4", set_exit },
	{ "crash", "crash=KIND, as in crash=null", set_crash },
	{ "log", "log=quiet, log=info or log=debug", set_log },
};

static int set(struct options *o, char *word)
{
	char *value = strchr(word, '=');

	if (value)
		*value++ = '\0';
	for (unsigned i = 0; i < ARRAY_SIZE(table); i++) {
		if (strcmp(word, table[i].name))
			continue;
		if (!table[i].set(o, value ? value : ""))
			return 0;
		log_error("options: \"%s=%s\" on Plinth's command line is wrong: %s would be right",
			  word, value ? value : "", table[i].form);
		return -EINVAL;
	}
	log_error("options: Plinth knows no option \"%s\": mem, cpus, debug-ports, reset, console, "
		  "control, exit, crash and log are what it knows",
		  word);
	return -EINVAL;
}

int options_parse(const char *line, struct options *o)
{
	char word[WORD_MAX];
	int err = 0;

	*o = (struct options){ .cpus = 1, .exit = "acpi", .log_level = LOG_INFO };
	while (*line) {
		size_t n = 0;

		while (*line == ' ')
			line++;
		while (line[n] && line[n] != ' ')
			n++;
		if (!n)
			break;
		str_copy(word, line, MIN(n + 1, sizeof(word)));
		line += n;
		if (n >= sizeof(word)) {
			log_error("options: \"%s…\" on Plinth's command line is too long: no "
				  "option has more than %u characters",
				  word, WORD_MAX - 1);
			err = -EINVAL;
		} else if (set(o, word)) {
			err = -EINVAL;
		}
	}
	return err;
}
