/* SPDX-License-Identifier: MIT */
/*
 * printf-style formatting: exactly the conversions that include/xen/port.h promises. A conversion
 * it does not know is copied as it stands, so that the mistake shows. No state, no locking.
 */
#include "internal.h"

struct out {
	char *buf;
	size_t size; /* of buf; the last byte is for the NUL */
	size_t len;  /* characters produced so far, also those that did not fit */
};

struct spec {
	bool left, zero;
	int width, precision; /* precision -1: none */
	int longs;	      /* 'l's and 'z's seen */
};

static void put(struct out *out, char c)
{
	if (out->len + 1 < out->size)
		out->buf[out->len] = c;
	out->len++;
}

static void pad(struct out *out, char c, int nr)
{
	while (nr-- > 0)
		put(out, c);
}

/* @prefix ("-", "0x" or "") and @digits, in the width asked for. */
static void put_field(struct out *out, const struct spec *spec, const char *prefix,
		      const char *digits, int nr)
{
	int fill = spec->width - nr;
	const char *p;

	for (p = prefix; *p; p++)
		fill--;
	if (!spec->left && !spec->zero)
		pad(out, ' ', fill);
	for (p = prefix; *p; p++)
		put(out, *p);
	if (!spec->left && spec->zero)
		pad(out, '0', fill);
	for (p = digits; nr > 0; nr--)
		put(out, *p++);
	if (spec->left)
		pad(out, ' ', fill);
}

static void put_number(struct out *out, const struct spec *spec, const char *prefix, uint64_t value,
		       unsigned int base)
{
	char digits[20];
	int at = sizeof(digits);

	do {
		digits[--at] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	put_field(out, spec, prefix, digits + at, (int)sizeof(digits) - at);
}

static void put_string(struct out *out, const struct spec *spec, const char *s)
{
	struct spec text = *spec;
	int nr = 0;

	if (!s)
		s = "(null)";
	while ((spec->precision < 0 || nr < spec->precision) && s[nr])
		nr++;
	text.zero = false;
	put_field(out, &text, "", s, nr);
}

static const char *parse(const char *fmt, struct spec *spec)
{
	*spec = (struct spec){.precision = -1};
	for (;; fmt++) {
		if (*fmt == '-')
			spec->left = true;
		else if (*fmt == '0')
			spec->zero = true;
		else
			break;
	}
	for (; *fmt >= '0' && *fmt <= '9'; fmt++)
		spec->width = spec->width * 10 + (*fmt - '0');
	if (*fmt == '.') {
		spec->precision = 0;
		for (fmt++; *fmt >= '0' && *fmt <= '9'; fmt++)
			spec->precision = spec->precision * 10 + (*fmt - '0');
	}
	for (; *fmt == 'l' || *fmt == 'z'; fmt++)
		spec->longs++;
	return fmt;
}

int boot_vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct out out = {.buf = buf, .size = size};

	for (; *fmt; fmt++) {
		const char *start = fmt;
		struct spec spec;
		char c;

		if (*fmt != '%') {
			put(&out, *fmt);
			continue;
		}
		fmt = parse(fmt + 1, &spec);
		switch (*fmt) {
		case '%':
			put(&out, '%');
			break;
		case 'c':
			c = (char)va_arg(ap, int);
			spec.zero = false;
			put_field(&out, &spec, "", &c, 1);
			break;
		case 's':
			put_string(&out, &spec, va_arg(ap, const char *));
			break;
		case 'd': {
			long v = spec.longs ? va_arg(ap, long) : va_arg(ap, int);

			put_number(&out, &spec, v < 0 ? "-" : "",
				   v < 0 ? 0 - (uint64_t)v : (uint64_t)v, 10);
			break;
		}
		case 'u':
		case 'x':
			put_number(&out, &spec, "",
				   spec.longs ? va_arg(ap, unsigned long)
					      : va_arg(ap, unsigned int),
				   *fmt == 'u' ? 10 : 16);
			break;
		case 'p':
			put_number(&out, &spec, "0x", (uintptr_t)va_arg(ap, void *), 16);
			break;
		default:
			for (; start < fmt; start++)
				put(&out, *start);
			if (!*fmt)
				goto end;
			put(&out, *fmt);
		}
	}
end:
	if (size)
		buf[out.len < size ? out.len : size - 1] = '\0';
	return (int)out.len;
}

int boot_snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = boot_vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return len;
}
