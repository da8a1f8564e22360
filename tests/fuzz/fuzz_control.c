/* SPDX-License-Identifier: MIT */
/* sources: core/control.c core/request.c core/shell.c core/reply.c core/reply_text.c core/reply_json.c lib/printf.c lib/str.c tests/fake/json_check.c */
/* runs: 50000 */
/*
 * Any bytes on the control line: each line that is not blank gets one answer, which is one valid
 * JSON object with an "ok"; and a good request after all that is answered as if nothing had been.
 */
#include <stdlib.h>
#include <string.h>

#include "core/control.h"
#include "tests/fake/json_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char out[1 << 20];
static size_t used;

static void expect(bool condition)
{
	if (!condition)
		abort();
}

static void gather(void *ctx, const char *bytes, size_t n)
{
	(void)ctx;
	expect(used + n < sizeof(out));
	memcpy(out + used, bytes, n);
	used += n;
}

static void flush(void *ctx)
{
	(void)ctx;
}

static void run_echo(struct reply *r, unsigned argc, char **argv)
{
	for (unsigned i = 1; i < argc; i++)
		i % 2 ? reply_line(r, "%s", argv[i]) : reply_text(r, argv[i], "%s", argv[i]);
}

static const struct shell_command commands[] = {
	{ "x", "[WORD…]", "Says", run_echo, NULL, 0 },
	{ "vm", "NAME", "Says", run_echo, NULL, 0 },
};
static const struct shell_table table = { commands, 2 };
static const struct shell_table *const tables[] = { &table, NULL };

static unsigned count_answers(void)
{
	char *at = out, *end;
	unsigned n = 0;

	for (; (end = memchr(at, '\n', used - (size_t)(at - out))); at = end + 1, n++) {
		expect(json_is_valid(at, (size_t)(end - at)));
		expect(end - at > 11 && (!memcmp(end - 11, "\"ok\":false}", 11) ||
					 !memcmp(end - 10, "\"ok\":true}", 10)));
	}
	expect(at == out + used);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char good[] = "\n{\"id\":7,\"cmd\":\"x\",\"args\":[\"y\"]}\n";
	static const char want[] = "{\"id\":7,\"result\":{\"lines\":[\"y\"]},\"ok\":true}\n";
	static struct control c;
	unsigned lines = 0;
	bool blank = true;

	c = (struct control){ .tables = tables, .write = gather, .flush = flush };
	used = 0;
	for (size_t i = 0; i < size; i++) {
		control_feed(&c, data[i]);
		if (data[i] == '\n') {
			lines += !blank;
			blank = true;
		} else if (!strchr(" \t\r", data[i]) || !data[i]) {
			blank = false;
		}
	}
	expect(count_answers() == lines);
	for (size_t i = 0; i < sizeof(good) - 1; i++)
		control_feed(&c, (uint8_t)good[i]);
	count_answers();
	expect(used >= sizeof(want) - 1);
	expect(!memcmp(out + used - (sizeof(want) - 1), want, sizeof(want) - 1));
	return 0;
}
