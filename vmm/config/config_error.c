/* SPDX-License-Identifier: MIT */
/* What errors say: the place, the nearest right word, and the list of all that are right. */
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "vmm/config/config_keys.h"

/* Words longer than this are not compared: no key is. */
enum { WORD_MAX = 32 };

int config_vfail(struct config_sink *sink, const struct config_place *place, const char *fmt,
		 va_list ap)
{
	char text[CONFIG_ERROR_TEXT];
	struct config_error e = { .file = sink->file, .place = *place, .text = text };

	if (sink->count++ > CONFIG_ERRORS)
		return -EINVAL;
	if (sink->count > CONFIG_ERRORS)
		e.text = "there are more errors: they are not shown";
	else
		fmt_vprint(text, sizeof(text), fmt, ap);
	sink->report(sink->ctx, &e);
	return -EINVAL;
}

int config_fail(struct config_sink *sink, const struct config_place *place, const char *fmt, ...)
{
	va_list ap;
	int err;

	va_start(ap, fmt);
	err = config_vfail(sink, place, fmt, ap);
	va_end(ap);
	return err;
}

struct config_place config_place_of(const struct toml *t, const struct toml_place *place)
{
	return (struct config_place){ .line = place->line, .column = toml_column(t, place) };
}

/*
 * How many letters have to be put in, left out, changed, or swapped with their neighbour to come
 * from a to b. Three rows of the table are enough: the last two, and the one that is being made.
 */
static unsigned distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
	unsigned rows[3][WORD_MAX + 1];

	for (unsigned j = 0; j <= b_length; j++)
		rows[0][j] = j;
	for (unsigned i = 1; i <= a_length; i++) {
		unsigned *row = rows[i % 3], *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];

		row[0] = i;
		for (unsigned j = 1; j <= b_length; j++) {
			unsigned change = last[j - 1] + (a[i - 1] != b[j - 1]);

			row[j] = MIN(change, MIN(last[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = MIN(row[j], before[j - 2] + 1);
		}
	}
	return rows[a_length % 3][b_length];
}

const char *config_nearest(const char *word, const char *const *list, unsigned count)
{
	size_t n = strlen(word);
	const char *nearest = NULL;
	unsigned least = WORD_MAX;

	for (unsigned i = 0; i < count && n <= WORD_MAX; i++) {
		size_t length = strlen(list[i]);
		unsigned d;

		if (length > WORD_MAX)
			continue;
		d = distance(word, n, list[i], length);
		/* A third of the letters may be wrong: more is another word. */
		if (d < least && d * 3 <= MAX(n, length)) {
			least = d;
			nearest = list[i];
		}
	}
	return nearest;
}

void config_join(char *out, size_t size, const char *const *list, unsigned count,
		 const struct config_list *how)
{
	size_t used = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < count && used < size; i++) {
		const char *between = !i ? "" : i + 1 < count ? ", " : how->last;

		used += (size_t)fmt_print(out + used, size - used, "%s%s%s%s", between, how->quote,
					  list[i], how->quote);
	}
}
