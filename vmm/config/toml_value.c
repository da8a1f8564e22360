/* SPDX-License-Identifier: MIT */
/* Values: which type it is shows in the first characters; the types that are not for us as well. */
#include "lib/errno.h"
#include "lib/string.h"
#include "vmm/config/toml_scan.h"

/* Of a date, digits and then '-'; of a time, digits and then ':'. */
enum { YEAR_DIGITS = 4, HOUR_DIGITS = 2 };

const char *const toml_type_names[] = {
	[TOML_STRING] = "a string",
	[TOML_INTEGER] = "an integer",
	[TOML_BOOLEAN] = "a boolean",
	[TOML_ARRAY] = "an array",
};

/* A run of the characters that numbers, dates and words are made of. */
struct word {
	const char *s;
	unsigned n;
	struct toml_place place;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_word_char(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       c == '+' || c == '-' || c == '.' || c == ':';
}

static bool word_is(const struct word *w, unsigned from, const char *text)
{
	return w->n - from == strlen(text) && !memcmp(w->s + from, text, w->n - from);
}

static int refuse(struct toml *t, const struct toml_place *place, const char *what)
{
	return scan_fail(t, place,
			 "%s has no place here: strings, integers, booleans and arrays "
			 "are allowed",
			 what);
}

static unsigned digit_value(char c)
{
	if (is_digit(c))
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a') + 10;
	return c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10 : 16;
}

/* The digits of w from `from` on. */
static int read_digits(struct toml *t, const struct word *w, unsigned from, unsigned base,
		       uint64_t *value)
{
	bool digit_before = false, too_large = false;
	uint64_t v = 0;

	for (unsigned i = from; i < w->n; i++) {
		unsigned d = digit_value(w->s[i]);

		if (w->s[i] == '_' && digit_before && i + 1 < w->n) {
			digit_before = false;
			continue;
		}
		if (w->s[i] == '_')
			return scan_fail(t, &w->place,
					 "'%.*s': an underscore stands between two "
					 "digits",
					 (int)w->n, w->s);
		if (d >= base)
			return scan_fail(t, &w->place,
					 "'%.*s' is no integer: '%c' is no digit of base %u (text "
					 "stands in quotes)",
					 (int)w->n, w->s, w->s[i], base);
		digit_before = true;
		too_large |=
			__builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, d, &v);
	}
	*value = v;
	if (!too_large)
		return 0;
	return scan_fail(t, &w->place, "'%.*s' does not fit into 64 bits", (int)w->n, w->s);
}

static unsigned base_of(const struct word *w, unsigned from)
{
	if (w->n - from < 2 || w->s[from] != '0')
		return 10;
	switch (w->s[from + 1]) {
	case 'x': return 16;
	case 'o': return 8;
	case 'b': return 2;
	default: return 10;
	}
}

static int read_integer(struct toml *t, const struct word *w, unsigned sign, struct toml_value *v)
{
	unsigned base = base_of(w, sign), from = base == 10 ? sign : sign + 2;
	bool negative = w->s[0] == '-';
	uint64_t value = 0;

	if (base != 10 && sign)
		return scan_fail(t, &w->place, "'%.*s': only decimal integers have a sign",
				 (int)w->n, w->s);
	if (from == w->n)
		return scan_fail(t, &w->place, "'%.*s' has no digits", (int)w->n, w->s);
	if (base == 10 && w->s[from] == '0' && from + 1 < w->n)
		return scan_fail(t, &w->place,
				 "'%.*s': an integer has no zeros in front (0o is for "
				 "octal, 0x for hexadecimal)",
				 (int)w->n, w->s);
	if (read_digits(t, w, from, base, &value))
		return -EINVAL;
	if (value > (uint64_t)INT64_MAX + negative)
		return scan_fail(t, &w->place, "'%.*s' does not fit into 64 bits", (int)w->n, w->s);
	v->type = TOML_INTEGER;
	v->integer = (int64_t)(negative ? -value : value);
	return 0;
}

/* A number, or one of the things that begin as numbers do. */
static int read_number(struct toml *t, const struct word *w, unsigned sign, struct toml_value *v)
{
	unsigned digits = sign;

	while (digits < w->n && is_digit(w->s[digits]))
		digits++;
	if (!sign && digits == YEAR_DIGITS && digits < w->n && w->s[digits] == '-')
		return refuse(t, &w->place, "a date");
	if (!sign && digits == HOUR_DIGITS && digits < w->n && w->s[digits] == ':')
		return refuse(t, &w->place, "a time");
	for (unsigned i = digits; i < w->n && base_of(w, sign) == 10; i++)
		if (w->s[i] == '.' || w->s[i] == 'e' || w->s[i] == 'E')
			return refuse(t, &w->place, "a float");
	return read_integer(t, w, sign, v);
}

static int read_word(struct toml *t, const struct word *w, struct toml_value *v)
{
	unsigned sign = w->s[0] == '+' || w->s[0] == '-';

	if (word_is(w, 0, "true") || word_is(w, 0, "false")) {
		v->type = TOML_BOOLEAN;
		v->boolean = w->s[0] == 't';
		return 0;
	}
	if (word_is(w, sign, "inf") || word_is(w, sign, "nan"))
		return refuse(t, &w->place, "a float");
	if (sign < w->n && is_digit(w->s[sign]))
		return read_number(t, w, sign, v);
	return scan_fail(t, &w->place,
			 "'%.*s' is no value: text stands in quotes, and a boolean is "
			 "true or false",
			 (int)MIN(w->n, (unsigned)TOML_SHOWN), w->s);
}

static int scan_word(struct toml *t, struct toml_value *v)
{
	struct word w = { .s = t->text + t->now.at, .place = t->now };

	while (t->now.at < t->size && is_word_char(t->text[t->now.at]))
		scan_step(t);
	w.n = t->now.at - w.place.at;
	return w.n ? read_word(t, &w, v) : scan_expected(t, "a value");
}

/* Past all that may stand between the items of an array. */
static int scan_between(struct toml *t)
{
	do {
		scan_spaces(t);
		if (scan_comment(t))
			return -EINVAL;
	} while (scan_newline(t));
	return 0;
}

static int scan_array(struct toml *t, unsigned nest)
{
	struct toml_place from = t->now;
	struct toml_value item;

	if (nest == TOML_NEST)
		return scan_fail(t, &from, "arrays stand in each other more than %u deep",
				 TOML_NEST);
	t->in_array = true;
	scan_step(t);
	for (;;) {
		if (scan_between(t))
			return -EINVAL;
		if (scan_peek(t) == SCAN_END)
			return scan_fail(t, &from,
					 "this array is not closed: expected ']' before "
					 "the end of the file");
		if (scan_peek(t) == ']')
			break;
		if (scan_value(t, nest + 1, &item) || scan_between(t))
			return -EINVAL;
		if (scan_peek(t) == ',')
			scan_step(t);
		else if (scan_peek(t) != ']' && scan_peek(t) != SCAN_END)
			return scan_expected(t, "',' or ']' in the array");
	}
	scan_step(t);
	t->in_array = nest > 0;
	return 0;
}

int scan_value(struct toml *t, unsigned nest, struct toml_value *v)
{
	struct toml_place from = t->now;
	int err;

	*v = (struct toml_value){ .token.place = from };
	switch (scan_peek(t)) {
	case '"':
	case '\'':
		v->type = TOML_STRING;
		err = scan_string(t, false);
		break;
	case '[':
		v->type = TOML_ARRAY;
		err = scan_array(t, nest);
		break;
	case '{': err = refuse(t, &from, "an inline table"); break;
	default: err = scan_word(t, v); break;
	}
	v->token.end = t->now.at;
	return err;
}

/* The array was checked when it was read: a reader of its own goes over it again. */
bool toml_item(const struct toml *t, const struct toml_value *array, struct toml_place *cursor,
	       struct toml_value *item)
{
	struct toml again = { .text = t->text, .size = array->token.end };

	again.now = cursor->at ? *cursor : array->token.place;
	scan_step(&again); /* the bracket, or the comma */
	if (scan_between(&again) || scan_peek(&again) == ']' || scan_peek(&again) == SCAN_END)
		return false;
	if (scan_value(&again, 1, item) || scan_between(&again))
		return false;
	*cursor = again.now;
	return true;
}
