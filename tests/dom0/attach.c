/* SPDX-License-Identifier: MIT */
/*
 * attach DOMID BDF: give a PCI function to a running PV domain on a host without IOMMU, where the
 * stock tool refuses. Writes what the tool would: I/O permissions, the PIRQ of the line, and the
 * nodes in xenstore, then waits until both ends are connected. Runs in dom0; the function must be
 * bound to pciback. On failure the permissions stay: the test machine ends soon after.
 *
 * Without IOMMU nothing holds the device back from the whole of memory: this is for tests.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xenctrl.h>
#include <xenstore.h>

#define SYSFS "/sys/bus/pci/devices"
#define RESOURCE_IO 0x100
#define RESOURCE_MEM 0x200
#define PAGE_BITS 12
#define CONNECTED 4
#define RECONFIGURING 7
#define CONNECT_SECONDS 30

static struct xs_handle *store;
static xc_interface *hypervisor;

__attribute__((format(printf, 1, 2), noreturn)) static void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "attach: ");
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
	exit(1);
}

/* ---- permissions ---- */

static void permit_resource(uint32_t domain, uint64_t first, uint64_t last, uint64_t flags)
{
	int err = 0;

	if (flags & RESOURCE_IO)
		err = xc_domain_ioport_permission(hypervisor, domain, first, last - first + 1, 1);
	else if (flags & RESOURCE_MEM)
		err = xc_domain_iomem_permission(hypervisor, domain, first >> PAGE_BITS,
						 (last >> PAGE_BITS) - (first >> PAGE_BITS) + 1, 1);
	if (err)
		die("permission for %#" PRIx64 " to %#" PRIx64 ": %s", first, last,
		    strerror(errno));
}

static FILE *open_sysfs(const char *function, const char *name)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), SYSFS "/%s/%s", function, name);
	file = fopen(path, "r");
	if (!file)
		die("%s: %s", path, strerror(errno));
	return file;
}

static void permit_resources(uint32_t domain, const char *function)
{
	uint64_t first, last, flags;
	FILE *file = open_sysfs(function, "resource");

	while (fscanf(file, "%" SCNx64 " %" SCNx64 " %" SCNx64, &first, &last, &flags) == 3)
		permit_resource(domain, first, last, flags);
	fclose(file);
}

static void permit_line(uint32_t domain, const char *function)
{
	FILE *file = open_sysfs(function, "irq");
	int gsi = 0, pirq;

	if (fscanf(file, "%d", &gsi) != 1)
		die("no number in the irq file of %s", function);
	fclose(file);
	if (gsi <= 0)
		return;
	pirq = gsi;
	if (xc_physdev_map_pirq(hypervisor, domain, gsi, &pirq))
		die("map_pirq of line %d: %s", gsi, strerror(errno));
	if (xc_domain_irq_permission(hypervisor, domain, pirq, 1))
		die("irq_permission for PIRQ %d: %s", pirq, strerror(errno));
}

/* To be refused for want of an IOMMU is what this program is for; other refusals are errors. */
static void assign(uint32_t domain, uint32_t sbdf)
{
	if (xc_assign_device(hypervisor, domain, sbdf, 0) == 0)
		printf("attach: there is an IOMMU and it has the device\n");
	else if (errno != EOPNOTSUPP && errno != ENOSYS)
		die("assign_device: %s", strerror(errno));
}

/* ---- xenstore ---- */

__attribute__((format(printf, 4, 5))) static void put(xs_transaction_t t, const char *folder,
						      const char *key, const char *format, ...)
{
	char path[256], value[256];
	va_list args;

	va_start(args, format);
	vsnprintf(value, sizeof(value), format, args);
	va_end(args);
	snprintf(path, sizeof(path), "%s/%s", folder, key);
	if (!xs_write(store, t, path, value, strlen(value)))
		die("writing %s: %s", path, strerror(errno));
}

/* The number at folder/key, or -1. */
static int get(xs_transaction_t t, const char *folder, const char *key)
{
	char path[256], *text;
	unsigned int length;
	int value = -1;

	snprintf(path, sizeof(path), "%s/%s", folder, key);
	text = xs_read(store, t, path, &length);
	if (text)
		value = atoi(text);
	free(text);
	return value;
}

static void make_folder(xs_transaction_t t, const char *folder, uint32_t owner, uint32_t reader)
{
	struct xs_permissions perms[] = {
		{.id = owner, .perms = XS_PERM_NONE},
		{.id = reader, .perms = XS_PERM_READ},
	};

	if (!xs_mkdir(store, t, folder) || !xs_set_permissions(store, t, folder, perms, 2))
		die("making %s: %s", folder, strerror(errno));
}

static void make_device(xs_transaction_t t, uint32_t domain, const char *back, const char *front,
			const char *libxl)
{
	make_folder(t, front, domain, 0);
	put(t, front, "backend", "%s", back);
	put(t, front, "backend-id", "0");
	put(t, front, "state", "1");

	make_folder(t, back, 0, domain);
	put(t, back, "frontend", "%s", front);
	put(t, back, "frontend-id", "%u", domain);
	put(t, back, "online", "1");
	put(t, back, "state", "1");
	put(t, back, "domain", "attached-directly");

	/* By this the tool finds the device again, to detach it or to clean up behind the domain.
	 */
	put(t, libxl, "frontend", "%s", front);
	put(t, libxl, "backend", "%s", back);
}

static void add_function(xs_transaction_t t, const char *back, int index, const char *function)
{
	char key[32];

	snprintf(key, sizeof(key), "key-%d", index);
	put(t, back, key, "%s", function);
	snprintf(key, sizeof(key), "dev-%d", index);
	put(t, back, key, "%s", function);
	snprintf(key, sizeof(key), "opts-%d", index);
	put(t, back, key, "msitranslate=0,power_mgmt=0,permissive=0,rdm_policy=strict");
	snprintf(key, sizeof(key), "state-%d", index);
	put(t, back, key, "1");
	put(t, back, "num_devs", "%d", index + 1);
}

static void publish(uint32_t domain, const char *function, const char *back, const char *front)
{
	char libxl[64];
	xs_transaction_t t;
	int index;

	snprintf(libxl, sizeof(libxl), "/libxl/%u/device/pci/0", domain);
	do {
		t = xs_transaction_start(store);
		if (t == XBT_NULL)
			die("transaction: %s", strerror(errno));
		index = get(t, back, "num_devs");
		if (index < 0) {
			index = 0;
			make_device(t, domain, back, front, libxl);
		} else if (get(t, back, "state") != CONNECTED) {
			die("the backend of domain %u is in state %d", domain,
			    get(t, back, "state"));
		} else {
			put(t, back, "state", "%d", RECONFIGURING);
		}
		add_function(t, back, index, function);
	} while (!xs_transaction_end(store, t, false) && errno == EAGAIN);
}

static void wait_connected(const char *back, const char *front)
{
	int tries;

	for (tries = 0; tries < CONNECT_SECONDS * 10; tries++) {
		if (get(XBT_NULL, back, "state") == CONNECTED &&
		    get(XBT_NULL, front, "state") == CONNECTED)
			return;
		usleep(100000);
	}
	die("not connected in time: backend state %d, frontend state %d",
	    get(XBT_NULL, back, "state"), get(XBT_NULL, front, "state"));
}

int main(int argc, char **argv)
{
	unsigned int segment, bus, slot, number, domain;
	char function[16], back[64], front[64];

	if (argc != 3 || sscanf(argv[1], "%u", &domain) != 1 ||
	    sscanf(argv[2], "%x:%x:%x.%x", &segment, &bus, &slot, &number) != 4)
		die("usage: attach DOMID SSSS:BB:DD.F");
	snprintf(function, sizeof(function), "%04x:%02x:%02x.%1x", segment & 0xffff, bus & 0xff,
		 slot & 0x1f, number & 7);
	snprintf(back, sizeof(back), "/local/domain/0/backend/pci/%u/0", domain);
	snprintf(front, sizeof(front), "/local/domain/%u/device/pci/0", domain);

	hypervisor = xc_interface_open(NULL, NULL, 0);
	store = xs_open(0);
	if (!hypervisor || !store)
		die("no way to the hypervisor or to xenstored: %s", strerror(errno));

	permit_resources(domain, function);
	permit_line(domain, function);
	assign(domain, segment << 16 | bus << 8 | slot << 3 | number);
	publish(domain, function, back, front);
	wait_connected(back, front);
	printf("attach: domain %u has %s\n", domain, function);
	return 0;
}
