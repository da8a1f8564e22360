/* SPDX-License-Identifier: MIT */
/*
 * printf into a buffer. A conversion is parsed into struct spec, its text is made in a small local
 * buffer, and put_padded() lays it out; put() counts what it has no room for, so that the result is
 * the length that the whole text would have had.
 */
#include "lib/printf.h"
#include "lib/string.h"

enum flag {
	FLAG_MINUS = 1,
	FLAG_PLUS = 2,
	FLAG_SPACE = 4,
	FLAG_ALT = 8,
	FLAG_ZERO = 16,
	FLAG_UPPER = 32,
};

enum size_class { SIZE_CHAR, SIZE_SHORT, SIZE_INT, SIZE_LONG };

enum { DIGITS_MAX = 22 /* 64 bits in octal */, LIMIT = 1 << 20 /* of width and precision */ };

struct out {
	char *buf;
	size_t size, length;
};

struct spec {
	unsigned flags;
	int width;
	int precision; /* < 0: none given */
	enum size_class size;
	char conversion;
};

static void put(struct out *o, char c)
{
	if (o->length + 1 < o->size)
		o->buf[o->length] = c;
	o->length++;
}

static void put_repeated(struct out *o, char c, int n)
{
	while (n-- > 0)
		put(o, c);
}

/* prefix is a sign or 0x; zeros stand between it and the text. */
static void put_padded(struct out *o, const struct spec *s, const char *prefix, int zeros,
		       const char *text, int n)
{
	int prefix_n = (int)strlen(prefix);
	int fill = s->width - prefix_n - zeros - n;

	if (fill > 0 && (s->flags & FLAG_ZERO)) {
		zeros += fill;
		fill = 0;
	}
	if (!(s->flags & FLAG_MINUS))
		put_repeated(o, ' ', fill);
	for (int i = 0; i < prefix_n; i++)
		put(o, prefix[i]);
	put_repeated(o, '0', zeros);
	for (int i = 0; i < n; i++)
		put(o, text[i]);
	if (s->flags & FLAG_MINUS)
		put_repeated(o, ' ', fill);
}

static unsigned flag_of(char c)
{
	switch (c) {
	case '-': return FLAG_MINUS;
	case '+': return FLAG_PLUS;
	case ' ': return FLAG_SPACE;
	case '#': return FLAG_ALT;
	case '0': return FLAG_ZERO;
	}
	return 0;
}

/* A decimal number at *fmt, which moves behind it. */
static int parse_number(const char **fmt)
{
	int n = 0;

	for (; **fmt >= '0' && **fmt <= '9'; (*fmt)++)
		n = MIN(n * 10 + (**fmt - '0'), LIMIT);
	return n;
}

static enum size_class parse_size(const char **fmt)
{
	switch (**fmt) {
	case 'h':
		(*fmt)++;
		if (**fmt != 'h')
			return SIZE_SHORT;
		(*fmt)++;
		return SIZE_CHAR;
	case 'l':
		(*fmt)++;
		if (**fmt == 'l')
			(*fmt)++;
		return SIZE_LONG;
	case 'z': (*fmt)++; return SIZE_LONG;
	}
	return SIZE_INT;
}

/* Reads what stands between the % and the conversion; both may come from arguments. */
static const char *parse_spec(struct spec *s, const char *fmt, va_list *ap)
{
	*s = (struct spec){ .precision = -1 };
	for (unsigned flag; (flag = flag_of(*fmt)) != 0; fmt++)
		s->flags |= flag;
	if (*fmt == '*') {
		int width = va_arg(*ap, int);

		fmt++;
		s->flags |= width < 0 ? FLAG_MINUS : 0;
		s->width = MIN(width < 0 ? -(unsigned)width : (unsigned)width, (unsigned)LIMIT);
	} else {
		s->width = parse_number(&fmt);
	}
	if (*fmt == '.') {
		fmt++;
		if (*fmt == '*') {
			fmt++;
			s->precision = va_arg(*ap, int);
			s->precision = MIN(s->precision, LIMIT);
		} else {
			s->precision = parse_number(&fmt);
		}
	}
	s->size = parse_size(&fmt);
	s->conversion = *fmt;
	if (s->flags & FLAG_MINUS)
		s->flags &= ~(unsigned)FLAG_ZERO;
	return fmt;
}

static int64_t signed_arg(enum size_class size, va_list *ap)
{
	switch (size) {
	case SIZE_CHAR: return (signed char)va_arg(*ap, int);
	case SIZE_SHORT: return (short)va_arg(*ap, int);
	case SIZE_INT: return va_arg(*ap, int);
	case SIZE_LONG: break;
	}
	return va_arg(*ap, long);
}

static uint64_t unsigned_arg(enum size_class size, va_list *ap)
{
	switch (size) {
	case SIZE_CHAR: return (unsigned char)va_arg(*ap, int);
	case SIZE_SHORT: return (unsigned short)va_arg(*ap, int);
	case SIZE_INT: return va_arg(*ap, unsigned);
	case SIZE_LONG: break;
	}
	return va_arg(*ap, unsigned long);
}

static void put_number(struct out *o, struct spec *s, const char *prefix, uint64_t v, unsigned base)
{
	const char *digits = s->flags & FLAG_UPPER ? "0123456789ABCDEF" : "0123456789abcdef";
	char text[DIGITS_MAX];
	int at = DIGITS_MAX, n, zeros;

	for (uint64_t rest = v; rest; rest /= base)
		text[--at] = digits[rest % base];
	/* Without a precision at least one digit; with precision 0 the number 0 has none. */
	n = DIGITS_MAX - at;
	zeros = MAX((s->precision < 0 ? 1 : s->precision) - n, 0);
	if (base == 8 && (s->flags & FLAG_ALT) && !zeros)
		zeros = 1;
	if (s->precision >= 0)
		s->flags &= ~(unsigned)FLAG_ZERO;
	put_padded(o, s, prefix, zeros, text + at, n);
}

static void put_signed(struct out *o, struct spec *s, int64_t v)
{
	const char *sign = "";

	if (v < 0)
		sign = "-";
	else if (s->flags & FLAG_PLUS)
		sign = "+";
	else if (s->flags & FLAG_SPACE)
		sign = " ";
	put_number(o, s, sign, v < 0 ? -(uint64_t)v : (uint64_t)v, 10);
}

static void put_hex(struct out *o, struct spec *s, uint64_t v)
{
	const char *prefix = s->flags & FLAG_UPPER ? "0X" : "0x";

	put_number(o, s, (s->flags & FLAG_ALT) && v ? prefix : "", v, 16);
}

static void put_string(struct out *o, struct spec *s, const char *text)
{
	if (!text)
		text = "(null)";
	s->flags &= ~(unsigned)FLAG_ZERO;
	put_padded(o, s, "", 0, text,
		   (int)strnlen(text, s->precision < 0 ? INT32_MAX : (size_t)s->precision));
}

/* Returns whether the conversion is one of ours. */
static bool put_conversion(struct out *o, struct spec *s, va_list *ap)
{
	char c;

	switch (s->conversion) {
	case 'd':
	case 'i': put_signed(o, s, signed_arg(s->size, ap)); return true;
	case 'u': put_number(o, s, "", unsigned_arg(s->size, ap), 10); return true;
	case 'o': put_number(o, s, "", unsigned_arg(s->size, ap), 8); return true;
	case 'X': s->flags |= FLAG_UPPER; /* fall through */
	case 'x': put_hex(o, s, unsigned_arg(s->size, ap)); return true;
	case 'p':
		s->flags |= FLAG_ALT;
		put_hex(o, s, (uintptr_t)va_arg(*ap, void *));
		return true;
	case 's': put_string(o, s, va_arg(*ap, const char *)); return true;
	case 'c':
		c = (char)va_arg(*ap, int);
		s->flags &= ~(unsigned)FLAG_ZERO;
		put_padded(o, s, "", 0, &c, 1);
		return true;
	case '%': put(o, '%'); return true;
	}
	return false;
}

int fmt_vprint(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct out o = { .buf = buf, .size = size };
	struct spec s;
	va_list args;

	/* A copy, since an array type as a parameter has no address to hand on. */
	va_copy(args, ap);
	for (; *fmt; fmt++) {
		const char *end;

		if (*fmt != '%') {
			put(&o, *fmt);
			continue;
		}
		end = parse_spec(&s, fmt + 1, &args);
		/* What is unknown shows as it stands, so that the mistake is seen. */
		if (!put_conversion(&o, &s, &args)) {
			put(&o, '%');
			continue;
		}
		fmt = end;
	}
	va_end(args);
	if (size)
		buf[MIN(o.length, size - 1)] = '\0';
	return (int)o.length;
}

int fmt_print(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = fmt_vprint(buf, size, fmt, ap);
	va_end(ap);
	return n;
}
