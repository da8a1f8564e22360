/* SPDX-License-Identifier: MIT */
/*
 * plinth-check: tests a config on one's own desk, by the very functions that Plinth has. Messages
 * are as compilers give them: place, what is wrong, the line, and a caret below it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/config/config.h"

enum { EXIT_FINE, EXIT_ERRORS, EXIT_UNUSABLE, MODULES_MAX = 256 };

static const char usage[] =
	"usage: plinth-check [OPTION]... FILE...\n"
	"Checks configs of Plinth (docs/configuration.md). \"-\" is standard input.\n"
	"  --cpus SET        the machine's physical CPUs, as in 4 (CPUs 0 to 3) or 0-3,6\n"
	"  --memory SIZE     the machine's memory for guests, as in 16G\n"
	"  --modules A,B     the names of its boot modules\n"
	"  --print           write the config as it was understood to standard output\n"
	"Exit status: 0 all files are right; 1 errors in a file; 2 a file cannot be read, or "
	"wrong\n"
	"options.\n";

/* A file, and where in it one is. */
struct source {
	const char *text;
	size_t size;
};

struct task {
	struct config_machine machine;
	const char *modules[MODULES_MAX];
	bool print;
};

/* The line, and a caret below the column; tabs stay tabs, so that it is below whatever they are. */
static void show_line(const struct source *s, const struct config_place *place)
{
	const char *line = s->text, *end = s->text + s->size, *c;
	unsigned column = 1;

	for (unsigned i = 1; i < place->line && line < end; line++)
		i += *line == '\n';
	fputs("  ", stderr);
	for (c = line; c < end && *c != '\n' && *c != '\r'; c++)
		fputc((unsigned char)*c < ' ' && *c != '\t' ? '?' : *c, stderr);
	fputs("\n  ", stderr);
	/* The bytes behind the first of a character have no column. */
	for (c = line; c < end && column < place->column; c++) {
		if ((*c & 0xc0) != 0x80)
			fputc(*c == '\t' ? '\t' : ' ', stderr);
		column += c + 1 == end || (c[1] & 0xc0) != 0x80;
	}
	fputs("^\n", stderr);
}

static void report(void *ctx, const struct config_error *e)
{
	fprintf(stderr, "%s:%u:%u: error: %s\n", e->file, e->place.line, e->place.column, e->text);
	show_line(ctx, &e->place);
}

static void write_out(void *ctx, const char *text, size_t n)
{
	fwrite(text, 1, n, ctx);
}

/* All of a file, in memory of the heap. NULL: errno says why. */
static char *read_file(FILE *f, size_t *size)
{
	size_t room = CONFIG_TEXT_MAX + 2;
	char *text = malloc(room);

	if (!text)
		return NULL;
	/* What is more than a config may have is not needed for saying so. */
	*size = fread(text, 1, room - 1, f);
	if (!ferror(f))
		return text;
	free(text);
	return NULL;
}

static int check_text(const struct task *task, const char *name, const struct source *s)
{
	static struct config config;
	struct config_sink sink = { .report = report, .ctx = (void *)s, .file = name };
	struct config_writer out = { .write = write_out, .ctx = stdout };

	if (config_parse(s->text, s->size, &config, &sink) ||
	    config_check(&config, &task->machine, &sink)) {
		fprintf(stderr, "%s: %u error%s\n", name, sink.count, sink.count == 1 ? "" : "s");
		return EXIT_ERRORS;
	}
	if (task->print)
		config_print(&config, &out);
	return EXIT_FINE;
}

static int check_file(const struct task *task, const char *name)
{
	bool input = !strcmp(name, "-");
	FILE *f = input ? stdin : fopen(name, "rb");
	struct source s;
	char *text = f ? read_file(f, &s.size) : NULL;
	int status = EXIT_UNUSABLE;

	if (text) {
		s.text = text;
		status = check_text(task, input ? "<stdin>" : name, &s);
	} else {
		fprintf(stderr, "plinth-check: %s: %s\n", name, strerror(errno));
	}
	free(text);
	if (f && !input)
		fclose(f);
	return status;
}

static int fail_option(const char *option, const char *value, const char *right)
{
	fprintf(stderr, "plinth-check: %s '%s': %s\n", option, value, right);
	return EXIT_UNUSABLE;
}

static void ignore(void *ctx, const struct config_error *e)
{
	(void)ctx;
	(void)e;
}

/* The words of an option are read as the file's own are, so that they are understood alike. */
static int read_key(const char *key, const char *value, struct vm_config *vm)
{
	static struct config config;
	struct config_sink sink = { .report = ignore, .file = "" };
	char text[512];
	int n = snprintf(text, sizeof(text), "[vm.x]\n%s = '%s'\n%s", key, value,
			 strcmp(key, "memory") ? "memory = '4M'\nkernel = 'x'\n"
					       : "kernel = 'x'\n");
	if (n < 0 || (size_t)n >= sizeof(text) || config_parse(text, (size_t)n, &config, &sink))
		return -1;
	*vm = config.vms[0];
	return 0;
}

static int set_cpus(struct task *task, const char *value)
{
	struct vm_config vm;
	char *end;
	unsigned long n = strtoul(value, &end, 10);

	if (*value && !*end && n > 0 && n <= CONFIG_CPUS) {
		task->machine.cpus = n == CONFIG_CPUS ? UINT64_MAX : BIT(n) - 1;
		return 0;
	}
	/* A number alone is how many, and none of the CPUs. */
	if (!*end || read_key("pin", value, &vm))
		return fail_option("--cpus", value,
				   "a number from 1 to 64, or CPUs as in 0-3,6, "
				   "would be right");
	task->machine.cpus = vm.pin;
	return 0;
}

static int set_memory(struct task *task, const char *value)
{
	struct vm_config vm;

	if (read_key("memory", value, &vm))
		return fail_option("--memory", value, "a size like 512M or 16G would be right");
	task->machine.memory = vm.memory;
	return 0;
}

static int set_modules(struct task *task, char *value)
{
	task->machine.modules = task->modules;
	for (char *name = strtok(value, ","); name; name = strtok(NULL, ",")) {
		if (task->machine.module_count == MODULES_MAX)
			return fail_option("--modules", name, "these are too many");
		task->modules[task->machine.module_count++] = name;
	}
	return 0;
}

/* One option at argv[0]; its value is a word of its own, or behind '='. How many words it took. */
static int take_option(struct task *task, char **argv, int *words)
{
	char *value = strchr(argv[0], '=');

	*words = 1;
	if (!strcmp(argv[0], "--print")) {
		task->print = true;
		return 0;
	}
	if (value)
		*value++ = '\0';
	else if (argv[1])
		value = argv[(*words)++];
	else
		return fail_option(argv[0], "", "a value is missing");
	if (!strcmp(argv[0], "--cpus"))
		return set_cpus(task, value);
	if (!strcmp(argv[0], "--memory"))
		return set_memory(task, value);
	if (!strcmp(argv[0], "--modules"))
		return set_modules(task, value);
	fputs(usage, stderr);
	return EXIT_UNUSABLE;
}

int main(int argc, char **argv)
{
	static struct task task;
	int at = 1, worst = EXIT_FINE, words;

	while (at < argc && argv[at][0] == '-' && argv[at][1]) {
		if (!strcmp(argv[at], "--")) {
			at++;
			break;
		}
		if (!strcmp(argv[at], "--help")) {
			fputs(usage, stdout);
			return EXIT_FINE;
		}
		if (take_option(&task, &argv[at], &words))
			return EXIT_UNUSABLE;
		at += words;
	}
	if (at == argc) {
		fputs(usage, stderr);
		return EXIT_UNUSABLE;
	}
	for (; at < argc; at++) {
		int status = check_file(&task, argv[at]);

		worst = status > worst ? status : worst;
	}
	return worst;
}
