/* SPDX-License-Identifier: MIT */
/*
 * Console: text is gathered into lines and each line goes out at once, so that lines of several
 * CPUs do not mix: to Xen's console in one hypercall, or, from a domain without the machine, into
 * its ring. A line without its newline waits for the rest, up to the buffer's size. One lock;
 * during a crash it is ignored, because its holder may be what crashed.
 */
#include <xen/hypercall.h>

#include "internal.h"

static struct {
	struct xen_lock lock;
	char line[512];
	size_t len;
} console;

static void flush_line(void)
{
	if (console.len && boot_has_machine())
		hypercall_console_io(CONSOLEIO_write, (int)console.len, console.line);
	else if (console.len)
		boot_console_ring_write(console.line, console.len);
	console.len = 0;
}

static void put_text(const char *text)
{
	for (; *text; text++) {
		if (*text == '\n')
			console.line[console.len++] = '\r';
		console.line[console.len++] = *text;
		if (*text == '\n' || console.len + 2 > sizeof(console.line))
			flush_line();
	}
}

void boot_console_write(const char *text)
{
	unsigned long flags;

	if (boot_crashing()) {
		put_text(text);
		return;
	}
	flags = xen_port_lock(&console.lock);
	put_text(text);
	xen_port_unlock(&console.lock, flags);
}

void boot_console_flush(void)
{
	flush_line();
	boot_console_ring_drain();
}

void boot_vprintf(const char *fmt, va_list ap)
{
	char text[1024];

	boot_vsnprintf(text, sizeof(text), fmt, ap);
	boot_console_write(text);
}

void boot_printf(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	boot_vprintf(fmt, ap);
	va_end(ap);
}

void xen_port_log(enum xen_port_log_level level, const char *fmt, ...)
{
	static const char *const prefix[] = {"error: ", "warning: ", "", "debug: "};
	char text[1024];
	va_list ap;
	int len;

	len = boot_snprintf(text, sizeof(text), "%s", prefix[level]);
	va_start(ap, fmt);
	boot_vsnprintf(text + len, sizeof(text) - (size_t)len - 1, fmt, ap);
	va_end(ap);
	len = (int)__builtin_strlen(text);
	text[len] = '\n';
	text[len + 1] = '\0';
	boot_console_write(text);
}
