/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into xenpci in dom0: ends it by SIGKILL at its KILL_AT-th step that changes anything,
 * before the step is taken. Steps are calls that change Xen's books, nodes of xenstore (those in a
 * transaction by its end only) or files of sysfs. KILL_LOG names a file that each step's name is
 * written to. So a program is killed everywhere without knowing of it.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xenctrl.h>
#include <xenstore.h>

static void step(const char *name)
{
	static unsigned long steps;
	const char *log = getenv("KILL_LOG"), *at = getenv("KILL_AT");
	FILE *file = log ? fopen(log, "a") : NULL;

	if (file) {
		fprintf(file, "%s\n", name);
		fclose(file);
	}
	if (at && ++steps == strtoul(at, NULL, 10))
		raise(SIGKILL);
}

/* The function that is meant, by its own name. */
static void *next(const char *name)
{
	void *function = dlsym(RTLD_NEXT, name);

	if (!function)
		abort();
	return function;
}

/* A function with these parameters and arguments, of which each call is a step. */
#define EACH(type, name, parameters, arguments)                                                    \
	type name parameters                                                                       \
	{                                                                                          \
		type(*function) parameters = next(#name);                                          \
                                                                                                   \
		step(#name);                                                                       \
		return function arguments;                                                         \
	}

/* Outside of a transaction only: t is the second parameter. */
#define EACH_NODE(name, parameters, arguments)                                                     \
	bool name parameters                                                                       \
	{                                                                                          \
		bool(*function) parameters = next(#name);                                          \
                                                                                                   \
		if (!t)                                                                            \
			step(#name);                                                               \
		return function arguments;                                                         \
	}

EACH(int, xc_domain_iomem_permission,
     (xc_interface * xc, uint32_t domain, unsigned long first, unsigned long nr, uint8_t allow),
     (xc, domain, first, nr, allow))
EACH(int, xc_domain_ioport_permission,
     (xc_interface * xc, uint32_t domain, uint32_t first, uint32_t nr, uint32_t allow),
     (xc, domain, first, nr, allow))
EACH(int, xc_domain_irq_permission, (xc_interface * xc, uint32_t domain, uint32_t pirq, bool allow),
     (xc, domain, pirq, allow))
EACH(int, xc_physdev_map_pirq, (xc_interface * xc, uint32_t domain, int line, int *pirq),
     (xc, domain, line, pirq))
EACH(int, xc_physdev_unmap_pirq, (xc_interface * xc, uint32_t domain, int pirq), (xc, domain, pirq))
EACH(int, xc_assign_device, (xc_interface * xc, uint32_t domain, uint32_t sbdf, uint32_t flags),
     (xc, domain, sbdf, flags))
EACH(int, xc_deassign_device, (xc_interface * xc, uint32_t domain, uint32_t sbdf),
     (xc, domain, sbdf))

EACH_NODE(xs_write,
	  (struct xs_handle * store, xs_transaction_t t, const char *path, const void *data,
	   unsigned int length),
	  (store, t, path, data, length))
EACH_NODE(xs_rm, (struct xs_handle * store, xs_transaction_t t, const char *path), (store, t, path))
EACH_NODE(xs_mkdir, (struct xs_handle * store, xs_transaction_t t, const char *path),
	  (store, t, path))
EACH_NODE(xs_set_permissions,
	  (struct xs_handle * store, xs_transaction_t t, const char *path,
	   struct xs_permissions *perms, unsigned int nr),
	  (store, t, path, perms, nr))

bool xs_transaction_end(struct xs_handle *store, xs_transaction_t t, bool abort_it)
{
	bool (*function)(struct xs_handle *, xs_transaction_t, bool) = next("xs_transaction_end");

	if (!abort_it)
		step("xs_transaction_end");
	return function(store, t, abort_it);
}

static bool is_sysfs(int fd)
{
	char link[32], path[64];
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, path, sizeof(path) - 1);
	path[length > 0 ? length : 0] = '\0';
	return !strncmp(path, "/sys/", 5);
}

ssize_t write(int fd, const void *data, size_t size)
{
	ssize_t (*function)(int, const void *, size_t) = next("write");

	if (is_sysfs(fd))
		step("write");
	return function(fd, data, size);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
	ssize_t (*function)(int, const void *, size_t, off_t) = next("pwrite");

	if (is_sysfs(fd))
		step("pwrite");
	return function(fd, data, size, at);
}
