/* SPDX-License-Identifier: MIT */
/*
 * The guest's console ring against a daemon that reads, reads late, stops, or lies. Time passes
 * only while the guest sleeps.
 */
#include <stdarg.h>
#include <string.h>

#include <xen/hypercall.h>

#include "unit.h"

#include <xen/io/console.h>

static _Alignas(4096) struct xencons_interface page;
static char seen[1 << 16];
static size_t nr_seen;
static uint64_t time_ns;
static unsigned int sleeps, notified;
static uint32_t take; /* bytes that the daemon takes in each of the guest's sleeps */

static long fake_sched_op(int cmd, void *arg);
static int fake_event_channel_op(int cmd, void *arg);

#define hypercall_sched_op fake_sched_op
#define hypercall_event_channel_op fake_event_channel_op
#include "../../arch/x86/xen/boot/boot.h"
#include "../../arch/x86/xen/boot/console-ring.c"

struct start_info *boot_start_info;
struct shared_info *boot_shared_info;
static struct start_info info;

uint64_t boot_system_time(void)
{
	return time_ns;
}

void *boot_builder_page(uint64_t mfn)
{
	return mfn == 6 ? &page : NULL;
}

int boot_snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int length;

	va_start(ap, fmt);
	length = vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return length;
}

/* The daemon's turn. */
static void consume(uint32_t most)
{
	while (most-- && page.out_cons != page.out_prod)
		seen[nr_seen++] = page.out[MASK_XENCONS_IDX(page.out_cons++, page.out)];
}

static long fake_sched_op(int cmd, void *arg)
{
	struct sched_poll *poll = arg;

	ck_assert_int_eq(cmd, SCHEDOP_poll);
	ck_assert_uint_eq(poll->nr_ports, 0);
	ck_assert_uint_gt(poll->timeout, time_ns);
	time_ns = poll->timeout;
	sleeps++;
	consume(take);
	return 0;
}

static int fake_event_channel_op(int cmd, void *arg)
{
	struct evtchn_send *send = arg;

	ck_assert_int_eq(cmd, EVTCHNOP_send);
	ck_assert_uint_eq(send->port, 5);
	notified++;
	return 0;
}

static void start(void)
{
	static struct shared_info shared;

	info.console.domU.mfn = 6;
	info.console.domU.evtchn = 5;
	boot_start_info = &info;
	boot_shared_info = &shared;
	/* Indices run over the end of their 32 bits. */
	page.out_prod = page.out_cons = 0u - 1000;
	boot_console_ring_init();
}

static void write_line(unsigned int number)
{
	char line[64];
	int length = snprintf(line, sizeof(line), "line %04u, and it is this long\n", number);

	boot_console_ring_write(line, (size_t)length);
}

static void arrives(void)
{
	unsigned int i;
	char want[64];

	start();
	for (i = 0; i < 1000; i++) {
		write_line(i);
		ck_assert_uint_eq(notified, i + 1);
		consume(~0u);
	}
	for (i = 0; i < 1000; i++) {
		int length = snprintf(want, sizeof(want), "line %04u, and it is this long\n", i);

		unit_expect(!memcmp(seen + i * (size_t)length, want, (size_t)length));
	}
	ck_assert_uint_eq(sleeps, 0);
}

/* 2048 bytes of room, 31 a line, 3 bytes taken a millisecond. */
static void slow(void)
{
	unsigned int i;

	start();
	take = 3;
	for (i = 0; i < 200; i++)
		write_line(i);
	ck_assert_uint_gt(sleeps, 1000);
	boot_console_ring_drain();
	ck_assert_uint_eq(nr_seen, 200 * 31);
	ck_assert_uint_eq(page.out_cons, page.out_prod);
	ck_assert_ptr_null(memchr(seen, '[', nr_seen));
}

static void stopped(void)
{
	char want[64];
	unsigned int i;
	uint64_t lost;

	start();
	for (i = 0; i < 1000; i++)
		write_line(i);
	ck_assert_uint_ge(time_ns, RING_PATIENCE);
	ck_assert_uint_le(time_ns, RING_PATIENCE + 2 * ROUND_NS);
	boot_console_ring_drain();
	ck_assert_uint_le(time_ns, RING_PATIENCE + 2 * ROUND_NS);
	ck_assert_uint_eq(page.out_prod - page.out_cons, sizeof(page.out));

	consume(~0u);
	write_line(0);
	consume(~0u);
	lost = 1000 * 31 - sizeof(page.out);
	snprintf(want, sizeof(want), "\r\n[%lu bytes lost]\r\nline 0000", (unsigned long)lost);
	ck_assert_int_eq(memcmp(seen + sizeof(page.out), want, strlen(want)), 0);
	take = 1;
	i = (unsigned int)(time_ns / 1000000);
	boot_console_ring_drain();
	write_line(1);
	boot_console_ring_drain();
	ck_assert_uint_ge(time_ns / 1000000, i + 31); /* it is believed again */
}

/* Whatever stands in out_cons: no wait beyond the deadline, no byte outside the ring. */
static void lies(void)
{
	static const uint32_t distances[] = {2049, 4096, 0x80000000, ~0u};
	unsigned int i;

	for (i = 0; i < sizeof(distances) / sizeof(distances[0]); i++) {
		uint64_t began;

		memset(&ring, 0, sizeof(ring));
		start();
		page.out_cons = page.out_prod - distances[i];
		page.in_prod = 0x5eed;
		began = time_ns;
		write_line(0);
		write_line(1);
		ck_assert_uint_le(time_ns - began, RING_PATIENCE + ROUND_NS);
		ck_assert_uint_eq(ring.lost, 62);
		ck_assert_uint_eq(page.out_prod, 0u - 1000);
		ck_assert_uint_eq(page.in_prod, 0x5eed);
	}
}

/* Before there is a clock no time passes, and yet it ends. */
static void clockless(void)
{
	start();
	boot_shared_info = NULL;
	write_line(0);
	boot_console_ring_drain();
	ck_assert_uint_le(sleeps, EARLY_ROUNDS);
	ck_assert_uint_ge(sleeps, EARLY_ROUNDS / 2);
}

static void no_ring(void)
{
	start();
	info.console.domU.mfn = 7;
	boot_console_ring_init();
	write_line(0);
	boot_console_ring_drain();
	ck_assert_uint_eq(notified, 0);
	ck_assert_uint_eq(page.out_prod, page.out_cons);
}

static const struct unit_case cases[] = {
	{"what is written arrives, over the end of ring and indices", arrives},
	{"a slow daemon loses nothing", slow},
	{"a daemon that stops costs one deadline, and what was lost is counted", stopped},
	{"an index that makes no sense is no room", lies},
	{"without a clock the wait ends as well", clockless},
	{"without a ring what is written is lost", no_ring},
};

UNIT_MAIN("console-ring", cases)
