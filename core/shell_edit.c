/* SPDX-License-Identifier: MIT */
/*
 * The line editor. It draws with what every terminal has: printable characters, carriage return
 * and backspace. A line longer than the screen is shown through a window that follows the cursor.
 */
#include "core/shell.h"

#include "lib/string.h"

enum {
	CTRL_A = 1,
	CTRL_B = 2,
	CTRL_C = 3,
	CTRL_D = 4,
	CTRL_E = 5,
	CTRL_F = 6,
	BACKSPACE = 8,
	TAB = 9,
	LF = 10,
	CTRL_K = 11,
	CTRL_L = 12,
	CR = 13,
	CTRL_N = 14,
	CTRL_P = 16,
	CTRL_U = 21,
	CTRL_W = 23,
	ESCAPE = 27,
	DELETE = 127,
	KEY_NUMBER_MAX = 100,
};

void shell_init(struct shell *s, const struct shell_table *const *tables, const char *prompt,
		void (*write)(void *ctx, const char *bytes, size_t n), void *ctx)
{
	memset(s, 0, sizeof(*s));
	s->tables = tables;
	s->prompt = prompt;
	s->write = write;
	s->ctx = ctx;
}

void shell_write(struct shell *s, const char *text)
{
	s->write(s->ctx, text, strlen(text));
}

static void repeat(struct shell *s, char c, unsigned n)
{
	while (n--)
		s->write(s->ctx, &c, 1);
}

static const char *prompt(const struct shell *s)
{
	return s->reader ? "| " : s->prompt;
}

/* The last columns stay free: some terminals wrap there, some do not; and "^C" finds room. */
static unsigned window(const struct shell *s)
{
	return SHELL_COLUMNS - 3 - (unsigned)strlen(prompt(s));
}

unsigned shell_columns(const struct shell *s)
{
	return (unsigned)strlen(prompt(s)) + s->drawn;
}

/* The whole line anew: prompt, what the window shows, and the cursor put back into it. */
void shell_refresh(struct shell *s)
{
	unsigned width = window(s), shown, end;

	if (s->cursor < s->left)
		s->left = s->cursor;
	if (s->cursor > s->left + width)
		s->left = s->cursor - width;
	if (s->left && s->length <= width)
		s->left = 0;
	shown = MIN(s->length - s->left, width);
	end = MAX(s->drawn, shown);
	repeat(s, '\r', 1);
	shell_write(s, prompt(s));
	if (shown)
		s->write(s->ctx, s->line + s->left, shown);
	repeat(s, ' ', end - shown);
	repeat(s, '\b', end - (s->cursor - s->left));
	s->drawn = shown;
}

void shell_draw(struct shell *s)
{
	shell_write(s, "\r\n");
	s->drawn = 0;
	shell_refresh(s);
}

void shell_insert(struct shell *s, const char *text, size_t n)
{
	bool at_end = s->cursor == s->length;

	if (n > SHELL_LINE - 1 - s->length) {
		repeat(s, '\a', 1);
		return;
	}
	memmove(s->line + s->cursor + n, s->line + s->cursor, s->length - s->cursor);
	memcpy(s->line + s->cursor, text, n);
	s->length += (unsigned)n;
	s->cursor += (unsigned)n;
	s->line[s->length] = '\0';
	/* The frequent case costs one byte: a slow line shows what is typed at once. */
	if (at_end && s->cursor - s->left <= window(s)) {
		s->write(s->ctx, text, n);
		s->drawn = s->length - s->left;
		return;
	}
	shell_refresh(s);
}

/* Takes out what lies between two places. */
static void erase(struct shell *s, unsigned from, unsigned to)
{
	memmove(s->line + from, s->line + to, s->length - to + 1);
	s->length -= to - from;
	s->cursor = from;
	shell_refresh(s);
}

static void move(struct shell *s, unsigned to)
{
	if (to > s->length)
		return;
	s->cursor = to;
	shell_refresh(s);
}

static unsigned word_start(const struct shell *s)
{
	unsigned at = s->cursor;

	while (at && s->line[at - 1] == ' ')
		at--;
	while (at && s->line[at - 1] != ' ')
		at--;
	return at;
}

/* An older or newer line; beyond the newest there is an empty one. */
static void recall(struct shell *s, unsigned at)
{
	unsigned oldest = s->history_count > SHELL_HISTORY ? s->history_count - SHELL_HISTORY : 0;

	if (at < oldest || at > s->history_count || at == s->history_at)
		return;
	s->history_at = at;
	s->line[0] = '\0';
	if (at < s->history_count)
		str_copy(s->line, s->history[at % SHELL_HISTORY], SHELL_LINE);
	s->length = s->cursor = (unsigned)strlen(s->line);
	s->left = 0;
	shell_refresh(s);
}

static void remember(struct shell *s)
{
	const char *last = s->history[(s->history_count - 1) % SHELL_HISTORY];

	if (s->length && (!s->history_count || strcmp(last, s->line)))
		str_copy(s->history[s->history_count++ % SHELL_HISTORY], s->line, SHELL_LINE);
}

static void clear(struct shell *s)
{
	s->length = s->cursor = s->left = s->drawn = 0;
	s->line[0] = '\0';
	s->history_at = s->history_count;
}

static void enter(struct shell *s)
{
	shell_write(s, "\r\n");
	if (!s->reader)
		remember(s);
	shell_accept(s);
	clear(s);
	if (!s->live[0])
		shell_refresh(s);
}

static void drop(struct shell *s)
{
	move(s, s->length);
	shell_write(s, "^C\r\n");
	s->reader = NULL;
	clear(s);
	shell_refresh(s);
}

/* Ctrl-D: behind the last line of a text, its end. */
static void delete_or_end(struct shell *s)
{
	if (!s->reader || s->length) {
		if (s->cursor < s->length)
			erase(s, s->cursor, s->cursor + 1);
		return;
	}
	shell_write(s, "\r\n");
	shell_text_end(s);
	shell_refresh(s);
}

static void delete_at(struct shell *s, unsigned at)
{
	if (at < s->length)
		erase(s, at, at + 1);
}

/* What is pasted to a reader, a configuration, may have tabs. */
static void tab(struct shell *s)
{
	if (s->reader)
		shell_insert(s, " ", 1);
	else
		shell_complete(s);
}

static void clear_screen(struct shell *s)
{
	shell_write(s, "\x1b[H\x1b[J");
	s->drawn = 0;
	shell_refresh(s);
}

static void begin_sequence(struct shell *s)
{
	s->key = KEY_ESCAPE;
	s->key_dropped = false;
}

/* What is not listed here and not printable does nothing. */
static void control(struct shell *s, uint8_t c)
{
	switch (c) {
	case CTRL_A: move(s, 0); break;
	case CTRL_B: move(s, s->cursor - 1); break;
	case CTRL_C: drop(s); break;
	case CTRL_D: delete_or_end(s); break;
	case CTRL_E: move(s, s->length); break;
	case CTRL_F: move(s, s->cursor + 1); break;
	case BACKSPACE:
	case DELETE: delete_at(s, s->cursor - 1); break;
	case TAB: tab(s); break;
	case CTRL_K: erase(s, s->cursor, s->length); break;
	case CTRL_L: clear_screen(s); break;
	case LF:
	case CR: enter(s); break;
	case CTRL_N: recall(s, s->history_at + 1); break;
	case CTRL_P: recall(s, s->history_at - 1); break;
	case CTRL_U: erase(s, 0, s->cursor); break;
	case CTRL_W: erase(s, word_start(s), s->cursor); break;
	case ESCAPE: begin_sequence(s); break;
	}
}

/* The last byte of an arrow's or an editing key's sequence (ECMA-48, and what VT220s send). */
static void final(struct shell *s, uint8_t c)
{
	static const char numbered[] = {
		['1'] = CTRL_A, ['3'] = CTRL_D, ['4'] = CTRL_E, ['7'] = CTRL_A, ['8'] = CTRL_E
	};

	switch (c) {
	case 'A': control(s, CTRL_P); break;
	case 'B': control(s, CTRL_N); break;
	case 'C': control(s, CTRL_F); break;
	case 'D': control(s, CTRL_B); break;
	case 'H': control(s, CTRL_A); break;
	case 'F': control(s, CTRL_E); break;
	case '~':
		if (s->key_number < 10 && '0' + s->key_number < sizeof(numbered) &&
		    numbered['0' + s->key_number])
			control(s, (uint8_t)numbered['0' + s->key_number]);
		break;
	}
}

/* A byte of an escape sequence; false: it is none, and stands for itself. */
static bool sequence(struct shell *s, uint8_t c)
{
	if (s->key == KEY_ESCAPE) {
		s->key = c == '[' ? KEY_CSI : c == 'O' ? KEY_SS3 : KEY_PLAIN;
		s->key_number = 0;
		return c >= ' '; /* Alt and a letter does nothing */
	}
	if (s->key == KEY_CSI && c >= ' ' && c < '@') {
		if (c >= '0' && c <= '9')
			s->key_number = MIN(s->key_number * 10 + (c - '0'), KEY_NUMBER_MAX);
		return true;
	}
	s->key = KEY_PLAIN;
	if (c < ' ' || c >= DELETE)
		return false;
	if (!s->key_dropped)
		final(s, c);
	return true;
}

/* Any key ends what repeats, and does nothing else; all bytes of an arrow's, too. */
static bool end_live(struct shell *s, uint8_t c)
{
	if (!s->live[0])
		return false;
	s->key = c == ESCAPE ? KEY_ESCAPE : KEY_PLAIN;
	s->key_dropped = true;
	s->live[0] = '\0';
	s->live_ms = 0;
	shell_refresh(s);
	return true;
}

void shell_feed(struct shell *s, uint8_t byte)
{
	char c = (char)byte;
	bool after_cr = s->after_cr;

	s->after_cr = byte == CR;
	if (byte == LF && after_cr)
		return;
	if (end_live(s, byte) || (s->key != KEY_PLAIN && sequence(s, byte)))
		return;
	if (byte >= ' ' && byte < DELETE)
		shell_insert(s, &c, 1);
	else if (byte <= DELETE)
		control(s, byte);
}
