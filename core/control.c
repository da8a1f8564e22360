/* SPDX-License-Identifier: MIT */
/*
 * Lines in, lines out. Each line that is not empty gets exactly one answer, whatever is in it; and
 * no line is so long that it takes more room than there is.
 */
#include "core/control.h"

#include "core/request.h"
#include "lib/printf.h"
#include "lib/string.h"

enum { PIECE = 16, DELETE = 0x7f };

static void begin(struct control *c, struct reply *r)
{
	reply_init(r, &reply_format_json, c->write, c->ctx);
	r->line = c->line_id;
}

static void put_id(struct reply *r, const struct request *q)
{
	reply_puts(r, "{\"id\":");
	if (q->id_kind == REQUEST_ID_STRING)
		reply_put_json(r, q->id, strlen(q->id));
	else
		reply_puts(r, q->id_kind == REQUEST_ID_NUMBER ? q->id : "null");
	reply_puts(r, ",");
}

static void end(struct control *c, struct reply *r)
{
	(void)reply_end(r);
	reply_puts(r, "}\n");
	reply_flush(r);
	if (!r->after)
		return;
	c->flush(c->ctx);
	r->after();
}

static void put_protocol(struct reply *r)
{
	char number[PIECE];

	fmt_print(number, sizeof(number), "%u", CONTROL_PROTOCOL);
	reply_puts(r, "{\"event\":\"hello\",\"program\":\"plinth\",\"protocol\":");
	reply_puts(r, number);
	reply_puts(r, "}\n");
}

void control_hello(struct control *c)
{
	struct reply r;

	begin(c, &r);
	put_protocol(&r);
	reply_flush(&r);
}

static void run(struct control *c, struct request *q, struct reply *r)
{
	if (q->argc == 1 && !strcmp(q->argv[0], "hello")) {
		reply_text(r, "program", "plinth");
		reply_number(r, "protocol", CONTROL_PROTOCOL);
	} else {
		shell_run(c->tables, r, q->argc, q->argv);
	}
}

static bool is_blank(const struct control *c)
{
	for (unsigned i = 0; i < c->used; i++)
		if (c->line[i] != ' ' && c->line[i] != '\r' && c->line[i] != '\t')
			return false;
	return true;
}

static void answer(struct control *c)
{
	struct request q = { .id_kind = REQUEST_ID_NONE };
	struct reply r;
	int err = 0;

	begin(c, &r);
	if (!c->overlong)
		err = request_parse(c->line, c->used, &q);
	put_id(&r, &q);
	if (c->overlong)
		reply_error(&r, "line-too-long", "a line has at most %u bytes", CONTROL_LINE);
	else if (err)
		reply_error(&r, "bad-request", "byte %u: %s", q.error_at, q.error);
	else
		run(c, &q, &r);
	end(c, &r);
}

void control_feed(struct control *c, uint8_t byte)
{
	if (byte != '\n') {
		if (c->used == CONTROL_LINE)
			c->overlong = true;
		else
			c->line[c->used++] = (char)byte;
		return;
	}
	if (!is_blank(c) || c->overlong)
		answer(c);
	c->used = 0;
	c->overlong = false;
}

static void begin_event(struct control *c, struct reply *r, const char *event, const char *name)
{
	begin(c, r);
	reply_puts(r, "{\"event\":\"");
	reply_puts(r, event);
	reply_puts(r, "\",\"vm\":");
	reply_put_json(r, name, strlen(name));
}

/* Bytes, not text: each becomes the character of its number, so that none is lost. */
static void put_bytes(struct reply *r, const uint8_t *bytes, size_t n)
{
	char piece[PIECE];

	for (; n; n--, bytes++) {
		if (*bytes >= ' ' && *bytes < DELETE && *bytes != '"' && *bytes != '\\') {
			reply_put(r, (const char *)bytes, 1);
			continue;
		}
		fmt_print(piece, sizeof(piece), "\\u%04x", *bytes);
		reply_puts(r, piece);
	}
}

void control_console(struct control *c, const char *name, const uint8_t *bytes, size_t n)
{
	struct reply r;

	begin_event(c, &r, "console", name);
	reply_puts(&r, ",\"data\":\"");
	put_bytes(&r, bytes, n);
	reply_puts(&r, "\"}\n");
	reply_flush(&r);
}

void control_detached(struct control *c, const char *name)
{
	struct reply r;

	begin_event(c, &r, "detached", name);
	reply_puts(&r, "}\n");
	reply_flush(&r);
}
