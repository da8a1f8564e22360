/* SPDX-License-Identifier: MIT */
/* A value of the file into the field that its key stands for; each type says what it takes. */
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "vmm/config/config_keys.h"

enum { NUMBER_TEXT = 32, JOINED = 200, COMS = 4 };

/* As drivers/uart.c takes them. */
#define BAUD_MAX 115200u
#define PORT_MAX 0xffffu

/* Says where the value stands. -EINVAL. */
static int __attribute__((format(printf, 3, 4)))
fail_value(struct config_reader *r, const struct toml_value *v, const char *fmt, ...)
{
	struct config_place place = config_place_of(&r->t, &v->token.place);
	va_list ap;

	va_start(ap, fmt);
	config_vfail(r->sink, &place, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static int expect_type(struct config_reader *r, const struct config_key *key,
		       const struct toml_value *v, enum toml_type type, const char *example)
{
	if (v->type == type)
		return 0;
	return fail_value(r, v, "%s is %s: it has to be %s, as in %s", key->name,
			  toml_type_names[v->type], toml_type_names[type], example);
}

static int set_number(struct config_reader *r, const struct config_key *key, void *field)
{
	const struct toml_value *v = &r->t.value;
	char example[NUMBER_TEXT];

	fmt_print(example, sizeof(example), "%s = %u", key->name, MAX(key->least, 2u));
	if (expect_type(r, key, v, TOML_INTEGER, example))
		return -EINVAL;
	if (v->integer < (int64_t)key->least || v->integer > (int64_t)key->most)
		return fail_value(r, v, "%s is %ld: it has to be from %u to %u", key->name,
				  (long)v->integer, key->least, key->most);
	*(unsigned *)field = (unsigned)v->integer;
	return 0;
}

static int set_boolean(struct config_reader *r, const struct config_key *key, void *field)
{
	const struct toml_value *v = &r->t.value;

	if (v->type != TOML_BOOLEAN)
		return fail_value(r, v, "%s is %s: it has to be true or false, without quotes",
				  key->name, toml_type_names[v->type]);
	*(bool *)field = v->boolean;
	return 0;
}

static bool is_decimal(char c)
{
	return c >= '0' && c <= '9';
}

/* "512M": digits, then K, M or G. */
static int read_memory(const char *text, uint64_t *bytes)
{
	size_t n = strlen(text);

	for (size_t i = 0; i + 1 < n; i++)
		if (!is_decimal(text[i]))
			return -EINVAL;
	if (n < 2 || is_decimal(text[n - 1]))
		return -EINVAL;
	return str_to_u64(text, bytes);
}

static int set_memory(struct config_reader *r, const struct config_key *key, void *field)
{
	const struct toml_value *v = &r->t.value;
	char shown[TOML_SHOWN];
	uint64_t bytes;

	if (v->type == TOML_INTEGER)
		return fail_value(r, v,
				  "%s is the number %ld: write it with a unit (K, M, G) and in "
				  "quotes, as in %s",
				  key->name, (long)v->integer, key->example);
	if (expect_type(r, key, v, TOML_STRING, key->example))
		return -EINVAL;
	toml_show(&r->t, &v->token, shown);
	if (read_memory(shown, &bytes))
		return fail_value(r, v,
				  "%s is \"%s\": it has to be a number and K, M or G, as in %s",
				  key->name, shown, key->example);
	if (bytes < CONFIG_MEMORY_MIN || bytes % CONFIG_MEMORY_UNIT)
		return fail_value(r, v,
				  "%s is \"%s\": it has to be at least %luM, and a multiple of "
				  "%luM",
				  key->name, shown, CONFIG_MEMORY_MIN / MIB,
				  CONFIG_MEMORY_UNIT / MIB);
	*(uint64_t *)field = bytes;
	return 0;
}

/* A string without control characters into a field that is all zero behind it. */
static int read_text(struct config_reader *r, const struct config_key *key,
		     const struct toml_value *v, char *out, size_t size)
{
	size_t n;

	memset(out, 0, size);
	n = toml_text(&r->t, &v->token, out, size);
	for (size_t i = 0; i < MIN(n, size - 1); i++) {
		uint8_t c = (uint8_t)out[i];

		if (c >= ' ' && c != 0x7f)
			continue;
		memset(out, 0, size);
		if (c == '\n')
			return fail_value(r, v,
					  "%s has a newline in it: in \"\"\"…\"\"\" a backslash "
					  "at the end of a line joins the next one to it",
					  key->name);
		return fail_value(r, v, "%s has the control character U+%04X in it", key->name, c);
	}
	if (n < size)
		return 0;
	memset(out, 0, size);
	return fail_value(r, v, "%s has %lu bytes: %lu are the most", key->name, (unsigned long)n,
			  (unsigned long)size - 1);
}

static int set_text(struct config_reader *r, const struct config_key *key, void *field)
{
	if (expect_type(r, key, &r->t.value, TOML_STRING, "\"text\""))
		return -EINVAL;
	return read_text(r, key, &r->t.value, field, key->size);
}

/* A module's name is what remains of a path, and what one word of a boot loader's line can be. */
static int set_file(struct config_reader *r, const struct config_key *key, void *field)
{
	const struct toml_value *v = &r->t.value;
	char *text = field, *slash = NULL;

	if (set_text(r, key, field))
		return -EINVAL;
	for (char *c = text; *c; c++) {
		if (*c == ' ')
			return fail_value(r, v, "%s is \"%s\": a module's name has no spaces",
					  key->name, text);
		slash = *c == '/' ? c : slash;
	}
	if (slash)
		return fail_value(r, v,
				  "%s is \"%s\": write the module's name without folders, "
				  "\"%s\"",
				  key->name, text, slash + 1);
	if (!*text && key->required)
		return fail_value(r, v, "%s is empty: name a boot module, as in %s", key->name,
				  key->example);
	return 0;
}

static int set_choice(struct config_reader *r, const struct config_key *key, void *field)
{
	static const struct config_list either = { "\"", " or " };
	const struct toml_value *v = &r->t.value;
	const char *words[8], *nearest;
	char all[JOINED], shown[TOML_SHOWN];
	unsigned n = 0;

	for (; key->words[n].word && n < ARRAY_SIZE(words); n++) {
		words[n] = key->words[n].word;
		if (v->type == TOML_STRING && toml_is(&r->t, &v->token, words[n])) {
			*(unsigned *)field = key->words[n].value;
			return 0;
		}
	}
	config_join(all, sizeof(all), words, n, &either);
	if (v->type != TOML_STRING)
		return fail_value(r, v, "%s is %s: it has to be %s", key->name,
				  toml_type_names[v->type], all);
	toml_show(&r->t, &v->token, shown);
	nearest = config_nearest(shown, words, n);
	if (nearest)
		return fail_value(r, v, "%s is \"%s\": did you mean \"%s\"? It has to be %s",
				  key->name, shown, nearest, all);
	return fail_value(r, v, "%s is \"%s\": it has to be %s", key->name, shown, all);
}

/* CPUs, as an array of numbers or as a string like "0-3,6". */

static int add_cpus(uint64_t first, uint64_t last, uint64_t *set)
{
	if (first > last || last >= CONFIG_CPUS)
		return -EINVAL;
	for (uint64_t i = first; i <= last; i++)
		*set |= BIT(i);
	return 0;
}

/* Small numbers only: those that are too large stay so. -EINVAL: no digit. */
static int read_cpu(const char **s, uint64_t *cpu)
{
	if (!is_decimal(**s))
		return -EINVAL;
	for (*cpu = 0; is_decimal(**s); (*s)++)
		*cpu = MIN(*cpu * 10 + (uint64_t)(**s - '0'), (uint64_t)CONFIG_CPUS);
	return 0;
}

static int read_cpu_set(const char *s, uint64_t *set)
{
	for (;;) {
		uint64_t first, last;

		if (read_cpu(&s, &first))
			return -EINVAL;
		last = first;
		if (*s == '-') {
			s++;
			if (read_cpu(&s, &last))
				return -EINVAL;
		}
		if (add_cpus(first, last, set))
			return -EINVAL;
		if (!*s)
			return 0;
		if (*s++ != ',')
			return -EINVAL;
	}
}

static int set_cpu_string(struct config_reader *r, const struct config_key *key, uint64_t *set)
{
	const struct toml_value *v = &r->t.value;
	/* The longest that makes sense, "0,1,2, … 63", has 181. */
	char text[256];

	if (read_text(r, key, v, text, sizeof(text)))
		return -EINVAL;
	if (read_cpu_set(text, set))
		return fail_value(r, v,
				  "%s is \"%s\": it has to be CPUs from 0 to %u, as in \"0-3,6\"",
				  key->name, text, CONFIG_CPUS - 1);
	return 0;
}

static int set_cpu_array(struct config_reader *r, const struct config_key *key, uint64_t *set)
{
	struct toml_place cursor = { 0 };
	struct toml_value item;

	while (toml_item(&r->t, &r->t.value, &cursor, &item)) {
		if (item.type != TOML_INTEGER)
			return fail_value(r, &item,
					  "%s has %s in its array: it has to be integers, "
					  "as in [0, 1], or a string, as in \"0-3,6\"",
					  key->name, toml_type_names[item.type]);
		if (item.integer < 0 ||
		    add_cpus((uint64_t)item.integer, (uint64_t)item.integer, set))
			return fail_value(r, &item,
					  "%s names the CPU %ld: it has to be from 0 to %u",
					  key->name, (long)item.integer, CONFIG_CPUS - 1);
	}
	if (!*set)
		return fail_value(r, &r->t.value, "%s names no CPU: leave it out to allow all",
				  key->name);
	return 0;
}

static int set_cpu_set(struct config_reader *r, const struct config_key *key, void *field)
{
	const struct toml_value *v = &r->t.value;
	uint64_t set = 0;
	int err;

	if (v->type == TOML_ARRAY)
		err = set_cpu_array(r, key, &set);
	else if (v->type == TOML_STRING)
		err = set_cpu_string(r, key, &set);
	else
		err = fail_value(r, v,
				 "%s is %s: it has to be an array of CPUs, as in [0, 1], or a "
				 "string, as in \"0-3,6\"",
				 key->name, toml_type_names[v->type]);
	if (!err)
		*(uint64_t *)field = set;
	return err;
}

/* Serial ports, as the words console= of Plinth's command line. */

static bool is_port(const char *text)
{
	char name[CONFIG_CONSOLE];
	const char *comma = strchr(text, ',');
	uint64_t port, baud = BAUD_MAX;

	str_copy(name, text, comma ? (size_t)(comma - text) + 1 : sizeof(name));
	if (comma && (str_to_u64(comma + 1, &baud) || !baud || baud > BAUD_MAX || BAUD_MAX % baud))
		return false;
	if (!strncmp(name, "com", 3))
		return name[3] >= '1' && name[3] <= '0' + COMS && !name[4];
	return !str_to_u64(name, &port) && port && port <= PORT_MAX;
}

static int set_ports(struct config_reader *r, const struct config_key *key, void *field)
{
	char(*ports)[CONFIG_CONSOLE] = field;
	struct toml_place cursor = { 0 };
	struct toml_value item;
	unsigned n = 0;

	if (expect_type(r, key, &r->t.value, TOML_ARRAY, "consoles = [\"com1\"]"))
		return -EINVAL;
	while (toml_item(&r->t, &r->t.value, &cursor, &item)) {
		if (expect_type(r, key, &item, TOML_STRING, "consoles = [\"com1\"]"))
			return -EINVAL;
		if (n == CONFIG_CONSOLES)
			return fail_value(r, &item, "%s has more than %u ports", key->name,
					  CONFIG_CONSOLES);
		if (read_text(r, key, &item, ports[n], CONFIG_CONSOLE))
			return -EINVAL;
		if (!is_port(ports[n]))
			return fail_value(r, &item,
					  "%s has \"%s\": it has to be com1 to com4 or a "
					  "port, and maybe a speed, as in \"com1,115200\" "
					  "or \"0x3f8\"",
					  key->name, ports[n]);
		n++;
	}
	if (!n)
		return fail_value(r, &r->t.value, "%s names no port: leave it out for com1",
				  key->name);
	r->config->host.console_count = n;
	return 0;
}

int config_set(struct config_reader *r, const struct config_key *key, void *table)
{
	static int (*const setters[])(struct config_reader * r, const struct config_key *key,
				      void *field) = {
		[CONFIG_NUMBER] = set_number,	[CONFIG_MEMORY] = set_memory,
		[CONFIG_TEXT] = set_text,	[CONFIG_FILE] = set_file,
		[CONFIG_BOOLEAN] = set_boolean, [CONFIG_CHOICE] = set_choice,
		[CONFIG_CPU_SET] = set_cpu_set, [CONFIG_PORTS] = set_ports,
	};

	return setters[key->type](r, key, (char *)table + key->offset);
}
