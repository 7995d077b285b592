/* SPDX-License-Identifier: MIT */
/*
 * The smallest embedder: a process that links the installed library, calls two parts of it, and
 * has of both seams just what these two need. There is no hypervisor, so its one hypercall fails;
 * there is one thread, so the lock has nothing to do. docs/porting.md has a whole port.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <xen/hypercall.h>
#include <xen/ranges.h>
#include <xen/setup.h>

long hypercall_memory_op(unsigned int cmd, void *arg)
{
	(void)cmd;
	(void)arg;
	return -XEN_ENOSYS;
}

void *xen_port_alloc(size_t size)
{
	return calloc(1, size);
}

void xen_port_free(void *obj, size_t size)
{
	(void)size;
	free(obj);
}

unsigned long xen_port_lock(struct xen_lock *lock)
{
	(void)lock;
	return 0;
}

void xen_port_unlock(struct xen_lock *lock, unsigned long flags)
{
	(void)lock;
	(void)flags;
}

void xen_port_panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	abort();
}

/* A set of ranges refuses what overlaps, and says what is in the way. */
static bool ranges(void)
{
	static const char bar[] = "bar";
	struct xen_ranges set = {0};
	struct xen_range piece;
	bool ok;

	ok = xen_ranges_insert(&set, 0xc0000, 0xd0000, bar, NULL) == 0 &&
	     xen_ranges_insert(&set, 0xcffff, 0xe0000, bar, &piece) == -XEN_EEXIST &&
	     piece.start == 0xc0000 && xen_ranges_find(&set, 0xc1234, &piece) && piece.tag == bar &&
	     !xen_ranges_find(&set, 0xd0000, &piece);
	xen_ranges_fini(&set);
	return ok;
}

/* Xen has no memory map for us; one of our own loses the RAM that is reserved too. */
static bool memory_map(void)
{
	struct xen_e820_entry map[XEN_E820_MAX];
	unsigned int nr;

	if (xen_e820_read(false, map, &nr) != -XEN_ENOSYS)
		return false;
	map[0] = (struct xen_e820_entry){0, 0x100000, XEN_E820_RAM};
	map[1] = (struct xen_e820_entry){0xa0000, 0x60000, XEN_E820_RESERVED};
	return xen_e820_sanitize(map, 2, XEN_E820_MAX) == 2 && map[0].size == 0xa0000 &&
	       map[1].addr == 0xa0000 && map[1].type == XEN_E820_RESERVED;
}

int main(void)
{
	return ranges() && memory_map() ? EXIT_SUCCESS : EXIT_FAILURE;
}
