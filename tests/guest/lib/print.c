// SPDX-License-Identifier: MIT
/* A small printf to COM1, and the memory functions that the compiler may call. */
#include "test.h"

struct spec {
	bool zero, left;
	int width, longs;
};

static void pad(int n, char c)
{
	while (n-- > 0)
		serial_putc(c);
}

static void put_string(const char *s, const struct spec *spec)
{
	int n = 0;

	while (s[n])
		n++;
	if (!spec->left)
		pad(spec->width - n, ' ');
	for (int i = 0; i < n; i++)
		serial_putc(s[i]);
	if (spec->left)
		pad(spec->width - n, ' ');
}

static void put_number(uint64_t v, unsigned base, bool negative, const struct spec *spec)
{
	char digits[24];
	int n = 0;

	do {
		digits[n++] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	if (negative && spec->zero)
		serial_putc('-');
	else if (negative)
		digits[n++] = '-';
	pad(spec->width - n, spec->zero ? '0' : ' ');
	while (n)
		serial_putc(digits[--n]);
}

static const char *parse_spec(const char *f, struct spec *spec)
{
	*spec = (struct spec){ 0 };
	for (; *f == '0' || *f == '-'; f++) {
		spec->zero |= *f == '0';
		spec->left |= *f == '-';
	}
	for (; *f >= '0' && *f <= '9'; f++)
		spec->width = spec->width * 10 + (*f - '0');
	for (; *f == 'l' || *f == 'z'; f++)
		spec->longs++;
	return f;
}

static void put_arg(char conv, const struct spec *spec, va_list *ap)
{
	if (conv == 'c') {
		serial_putc((char)va_arg(*ap, int));
	} else if (conv == 's') {
		put_string(va_arg(*ap, const char *), spec);
	} else if (conv == 'd') {
		int64_t v = spec->longs ? va_arg(*ap, int64_t) : va_arg(*ap, int);
		put_number(v < 0 ? -(uint64_t)v : (uint64_t)v, 10, v < 0, spec);
	} else if (conv == 'u' || conv == 'x') {
		uint64_t v = spec->longs ? va_arg(*ap, uint64_t) : va_arg(*ap, unsigned);
		put_number(v, conv == 'u' ? 10 : 16, false, spec);
	} else {
		serial_putc(conv);
	}
}

void print_args(const char *f, va_list ap)
{
	struct spec spec;
	va_list copy;

	va_copy(copy, ap);
	for (; *f; f++) {
		if (*f != '%') {
			serial_putc(*f);
			continue;
		}
		f = parse_spec(f + 1, &spec);
		if (!*f)
			break;
		put_arg(*f, &spec, &copy);
	}
	va_end(copy);
}

void print(const char *fmt, ...)
{
	struct serial_state saved;
	bool claimed = serial_claim(&saved);
	va_list ap;

	va_start(ap, fmt);
	print_args(fmt, ap);
	va_end(ap);
	if (claimed)
		serial_release(&saved);
}

void *memcpy(void *to, const void *from, size_t n)
{
	void *d = to;

	asm volatile("rep movsb" : "+D"(d), "+S"(from), "+c"(n)::"memory");
	return to;
}

void *memset(void *to, int c, size_t n)
{
	void *d = to;

	asm volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(c) : "memory");
	return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *x = a, *y = b;

	for (size_t i = 0; i < n; i++) {
		if (x[i] != y[i])
			return x[i] - y[i];
	}
	return 0;
}
