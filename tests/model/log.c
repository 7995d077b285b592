/* SPDX-License-Identifier: MIT */
/*
 * The log is kept and shown only when the process ends badly, or as it comes with MODEL_VERBOSE=1.
 * A format outside the subset that port.h promises to its implementers is a breach. Also here:
 * panic, and how a test expects one. Own lock.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <model/internal.h>

#define LINE 256
#define KEPT 65536

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static char kept[KEPT];
static size_t kept_len;
static char last[LINE];
static unsigned int lines[XEN_LOG_DEBUG + 1];
static uint64_t trace;
static _Thread_local sigjmp_buf *panic_jump;

void model_log_reset(void)
{
	pthread_mutex_lock(&log_lock);
	kept_len = 0;
	last[0] = 0;
	memset(lines, 0, sizeof(lines));
	__atomic_store_n(&trace, 0, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&log_lock);
}

uint64_t model_trace(void)
{
	return __atomic_load_n(&trace, __ATOMIC_RELAXED);
}

/* FNV. Several threads have no order that could be kept. */
void model_trace_add(uint64_t what)
{
	uint64_t seen = __atomic_load_n(&trace, __ATOMIC_RELAXED);

	__atomic_store_n(&trace, (seen ^ what) * 0x100000001b3ULL, __ATOMIC_RELAXED);
}

void model_log_dump(void)
{
	if (kept_len && write(STDERR_FILENO, kept, kept_len) < 0)
		return;
	kept_len = 0;
}

static void keep(const char *prefix, const char *line)
{
	char text[LINE + 16];
	int len = snprintf(text, sizeof(text), "  %s: %s\n", prefix, line);

	if (len >= (int)sizeof(text))
		len = (int)sizeof(text) - 1;
	if (kept_len + (size_t)len > KEPT) { /* the older half goes */
		memmove(kept, kept + KEPT / 2, kept_len - KEPT / 2);
		kept_len -= KEPT / 2;
	}
	for (int i = 0; i < len; i++)
		model_trace_add((uint8_t)text[i]);
	memcpy(kept + kept_len, text, (size_t)len);
	kept_len += (size_t)len;
	if (getenv("MODEL_VERBOSE"))
		model_log_dump();
}

void model_console(const char *line)
{
	pthread_mutex_lock(&log_lock);
	keep("console", line);
	pthread_mutex_unlock(&log_lock);
}

/* Only %s %c %d %u %x %lu %lx %ld %llu %llx %zu %p %%, flags 0 and -, width, precision for %s. */
static bool format_ok(const char *f)
{
	static const char *const conv[] = {"s",	 "c",	"d",   "u",  "x", "lu", "lx",
					   "ld", "llu", "llx", "zu", "p", "%"};

	for (; (f = strchr(f, '%')) != NULL; f++) {
		bool precision, ok = false;

		f++;
		f += strspn(f, "0-");
		f += strspn(f, "0123456789");
		f += f[0] == '*';
		precision = *f == '.';
		if (precision)
			f += 1 + (f[1] == '*') + strspn(f + 1, "0123456789");
		for (size_t i = 0; i < sizeof(conv) / sizeof(conv[0]) && !ok; i++) {
			if (strncmp(f, conv[i], strlen(conv[i])))
				continue;
			ok = !precision || !strcmp(conv[i], "s");
			f += strlen(conv[i]) - 1;
		}
		if (!ok)
			return false;
	}
	return true;
}

void model_vlog(enum xen_port_log_level level, const char *fmt, va_list ap)
{
	static const char *const name[] = {"error", "warn", "info", "debug"};

	if (!format_ok(fmt) || strchr(fmt, '\n'))
		model_breach("xen_port_log: format \"%s\" is not one that a port must know", fmt);
	pthread_mutex_lock(&log_lock);
	vsnprintf(last, sizeof(last), fmt, ap);
	lines[level]++;
	keep(name[level], last);
	pthread_mutex_unlock(&log_lock);
}

unsigned int model_log_lines(enum xen_port_log_level level)
{
	unsigned int nr;

	pthread_mutex_lock(&log_lock);
	nr = lines[level];
	pthread_mutex_unlock(&log_lock);
	return nr;
}

const char *model_last_log(void)
{
	return last;
}

void xen_port_log(enum xen_port_log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	model_vlog(level, fmt, ap);
	va_end(ap);
}

void xen_port_panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	model_vlog(XEN_LOG_ERROR, fmt, ap);
	va_end(ap);
	if (panic_jump)
		siglongjmp(*panic_jump, 1);
	model_breach("panic: %s", last);
}

bool model_expect_panic(void (*fn)(void *arg), void *arg)
{
	sigjmp_buf here;
	bool panicked = sigsetjmp(here, 1) != 0;

	if (!panicked) {
		panic_jump = &here;
		fn(arg);
	}
	panic_jump = NULL;
	if (panicked)
		lock_reset();
	return panicked;
}

/* A test that fails leaves by exit(), one that crashes by a signal: show the log in both. */
static void on_bad_exit(int status, void *arg)
{
	if (status)
		model_log_dump();
}

static void on_signal(int sig)
{
	model_log_dump();
	raise(sig); /* SA_RESETHAND: now for real */
}

__attribute__((constructor)) static void watch_the_end(void)
{
	static const int signals[] = {SIGSEGV, SIGBUS};
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND}, old;

	on_exit(on_bad_exit, NULL);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		sigaction(signals[i], &action, &old);
		if (old.sa_handler != SIG_DFL) /* a sanitizer's, which says more */
			sigaction(signals[i], &old, NULL);
	}
}
