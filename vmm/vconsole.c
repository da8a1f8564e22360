/* SPDX-License-Identifier: MIT */
/*
 * Consoles and the lines that show them. The one idea: a writer's byte always finds room in the
 * console's ring, and only a console that is attached to a line is held when the line is behind. It
 * is held by being told so, and let go by the line's interrupt: nobody waits with a lock.
 * Locks: vm->lock, then the lines', then a console's, then the driver's; ops are called without.
 */
#include "vmm/vconsole_lines.h"

#include "drivers/console.h"
#include "lib/printf.h"

_Static_assert((int)VCONSOLE_LINES == (int)REPLY_LINES, "a line asks and shows");

enum {
	PREFIXED_HOLD = 4096, /* what holds a writer in the mode that shows all */
	ENQ = 0x05,
	ESCAPE = 0x1b,
	QUESTION_MAX = 16, /* bytes of a sequence that asks */
	AGAIN_RUN = 256,   /* looked through at a time */
};

void vconsole_advance(struct vconsole_view *v, size_t n)
{
	v->at += n;
	v->again = v->again > n ? v->again - n : 0;
	v->limit = v->limit > VCONSOLE_HOLD + n ? v->limit - n : VCONSOLE_HOLD;
}

void vconsole_catch_up(struct vconsole *c, enum vconsole_line line)
{
	if (vconsole_unshown(c, line) > VCONSOLE_RING)
		vconsole_advance(&c->views[line], vconsole_unshown(c, line) - VCONSOLE_RING);
}

static uint8_t byte_at(const struct vconsole *c, uint64_t at)
{
	return c->ring[at % VCONSOLE_RING];
}

/*
 * The length of what asks a terminal for an answer (ECMA-48: DSR and DA; DECID; ENQ), or 0. Shown
 * again it would be answered again, and the answer is typed into the guest.
 */
static unsigned question_at(const struct vconsole *c, uint64_t at)
{
	uint8_t byte = byte_at(c, at);

	if (byte == ENQ)
		return 1;
	if (byte != ESCAPE)
		return 0;
	if (byte_at(c, at + 1) == 'Z')
		return 2;
	if (byte_at(c, at + 1) != '[')
		return 0;
	for (unsigned n = 2; n < QUESTION_MAX; n++) {
		byte = byte_at(c, at + n);
		if (byte < '0' || byte > '?')
			return byte == 'n' || byte == 'c' ? n + 1 : 0;
	}
	return 0;
}

/* Of n bytes that are shown again, those before the next question; questions at once are left out.
 */
static uint64_t before_question(struct vconsole *c, struct vconsole_view *v, uint64_t n)
{
	uint64_t plain = 0;
	unsigned skip;

	n = MIN(n, v->again);
	while (n && (skip = question_at(c, v->at))) {
		skip = (unsigned)MIN(skip, n);
		vconsole_advance(v, skip);
		n -= skip;
	}
	n = MIN(n, AGAIN_RUN);
	while (plain < n && !question_at(c, v->at + plain))
		plain++;
	return plain;
}

size_t vconsole_next_run(struct vconsole *c, enum vconsole_line line, const uint8_t **bytes)
{
	struct vconsole_view *v = &c->views[line];
	uint64_t n = 0;

	vconsole_catch_up(c, line);
	if (unlikely(v->again))
		n = before_question(c, v, vconsole_unshown(c, line));
	if (!n)
		n = vconsole_unshown(c, line);
	*bytes = c->ring + v->at % VCONSOLE_RING;
	return MIN(n, VCONSOLE_RING - v->at % VCONSOLE_RING);
}

void vconsole_show(struct vconsole *c)
{
	struct vconsole_view *v = &c->views[LINE_TERMINAL];
	const uint8_t *bytes;
	size_t n, done;

	v->stuck = false;
	while ((n = vconsole_next_run(c, LINE_TERMINAL, &bytes))) {
		done = console_write_some(bytes, n);
		vconsole_advance(v, done);
		if (done < n) {
			v->stuck = true;
			return;
		}
	}
}

/* Whether a line is so far behind that the writer has to wait, or may not go on yet. */
static bool is_full(const struct vconsole *c, bool was_held)
{
	for (enum vconsole_line l = 0; l < VCONSOLE_LINES; l++) {
		const struct vconsole_view *v = &c->views[l];
		uint64_t limit = c->by_lines && l == LINE_TERMINAL ? PREFIXED_HOLD : v->limit;

		if (v->attached && vconsole_unshown(c, l) >= (was_held ? limit / 2 : limit))
			return true;
	}
	return false;
}

void vconsole_release_held(void)
{
	struct vconsole *c;

	for (;;) {
		struct vconsole *found = NULL;

		lock_take(&vconsole_lines.lock);
		list_for_each (at, &vconsole_lines.consoles) {
			c = container_of(at, struct vconsole, link);
			lock_take(&c->lock);
			if (c->held && !is_full(c, true)) {
				c->held = false;
				found = c;
				__atomic_fetch_add(&c->users, 1, __ATOMIC_RELAXED);
			}
			lock_drop(&c->lock);
			if (found)
				break;
		}
		lock_drop(&vconsole_lines.lock);
		if (!found)
			return;
		found->ops->ready(found->owner);
		vconsole_release(found);
	}
}

/* The next line of c, after its name; false: there is no whole one. Caller holds both locks. */
static bool take_line(struct vconsole *c)
{
	struct vconsole_view *v = &c->views[LINE_TERMINAL];
	char text[VCONSOLE_PREFIXED];
	unsigned used = 0;
	uint64_t at;

	vconsole_catch_up(c, LINE_TERMINAL);
	for (at = v->at; at < c->written && at - v->at < VCONSOLE_PREFIXED - 1; at++) {
		uint8_t byte = byte_at(c, at);

		if (byte == '\n')
			break;
		if (byte == '\t' || byte >= ' ')
			text[used++] = (char)byte;
	}
	if (at == c->written)
		return false;
	vconsole_advance(v, at + (byte_at(c, at) == '\n') - v->at);
	text[used] = '\0';
	vconsole_lines.out_sent = 0;
	vconsole_lines.out_used = (unsigned)fmt_print(vconsole_lines.out, VCONSOLE_OUT,
						      "%.32s| %s\r\n", c->name, text);
	vconsole_lines.out_used = MIN(vconsole_lines.out_used, (unsigned)VCONSOLE_OUT - 1);
	return true;
}

/* True when what was under way has gone out. Caller holds the lines' lock. */
static bool send_out(void)
{
	vconsole_lines.out_sent +=
		(unsigned)console_write_some(vconsole_lines.out + vconsole_lines.out_sent,
					     vconsole_lines.out_used - vconsole_lines.out_sent);
	return vconsole_lines.out_sent == vconsole_lines.out_used;
}

void vconsole_show_lines(void)
{
	bool any = true;

	while (any && send_out()) {
		any = false;
		list_for_each (at, &vconsole_lines.consoles) {
			struct vconsole *c = container_of(at, struct vconsole, link);
			bool taken;

			if (c->is_shell)
				continue;
			lock_take(&c->lock);
			taken = take_line(c);
			lock_drop(&c->lock);
			any |= taken;
			if (taken && !send_out())
				return;
		}
	}
}

/* Caller holds c->lock. */
static bool put_attached(struct vconsole *c)
{
	if (c->views[LINE_TERMINAL].attached && !c->by_lines && !c->views[LINE_TERMINAL].stuck)
		vconsole_show(c);
	if (c->views[LINE_CONTROL].attached && vconsole_unshown(c, LINE_CONTROL) == 1)
		vconsole_lines.wake_control(vconsole_lines.wake_arg);
	if (is_full(c, c->held))
		c->held = true;
	return !c->held;
}

/* Caller holds c->lock, which is dropped meanwhile: the lines' comes before it. */
static void put_by_lines(struct vconsole *c, uint8_t byte)
{
	if (byte != '\n' && vconsole_unshown(c, LINE_TERMINAL) < VCONSOLE_PREFIXED)
		return;
	lock_drop(&c->lock);
	lock_take(&vconsole_lines.lock);
	if (vconsole_lines.all)
		vconsole_show_lines();
	lock_drop(&vconsole_lines.lock);
	lock_take(&c->lock);
}

bool vconsole_put(struct vconsole *c, uint8_t byte)
{
	bool room = true;

	lock_take(&c->lock);
	c->ring[c->written++ % VCONSOLE_RING] = byte;
	if (c->attached) {
		if (unlikely(c->by_lines))
			put_by_lines(c, byte);
		room = put_attached(c);
	}
	lock_drop(&c->lock);
	return room;
}

bool vconsole_is_held(struct vconsole *c)
{
	bool held;

	lock_take(&c->lock);
	held = c->held;
	lock_drop(&c->lock);
	return held;
}
