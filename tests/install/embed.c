/* SPDX-License-Identifier: MIT */
/*
 * The smallest embedder: a process that links the installed library and calls two parts of it that
 * need no hypervisor. What those parts ask of a port is all that it implements. One thread, so the
 * lock needs to do nothing.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/ranges.h>
#include <xen/setup.h>

void *xen_port_alloc(size_t size)
{
	void *obj;

	return posix_memalign(&obj, 64, size) ? NULL : memset(obj, 0, size);
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

int main(void)
{
	struct xen_ranges set = {0};
	struct xen_range piece;
	static const char bar[] = "bar";
	bool ok;

	ok = xen_ranges_insert(&set, 0xc0000, 0xd0000, bar, NULL) == 0 &&
	     xen_ranges_insert(&set, 0xcffff, 0xe0000, bar, &piece) == -XEN_EEXIST &&
	     piece.start == 0xc0000 && xen_ranges_find(&set, 0xc1234, &piece) && piece.tag == bar &&
	     !xen_ranges_find(&set, 0xd0000, &piece);
	xen_ranges_fini(&set);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
