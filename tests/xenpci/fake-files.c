/* SPDX-License-Identifier: MIT */
/*
 * Files in memory. What is written into a driver's attributes takes effect on world.device[], and
 * what files say about drivers comes from there.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

#define FILES_MAX 256
#define DEVICES "sys/bus/pci/devices/"
#define DRIVERS "sys/bus/pci/drivers/"

struct files {
	int unused;
};

static struct {
	char *path, *text;
	size_t length; /* of the path */
	bool link;
} file[FILES_MAX];
static size_t files;

void files_reset(void)
{
	while (files) {
		free(file[--files].path);
		free(file[files].text);
	}
}

/* Paths begin alike: their lengths tell most of them apart. */
static size_t find(const char *path)
{
	size_t i, length = strlen(path);

	for (i = 0; i < files; i++)
		if (file[i].length == length && !memcmp(file[i].path, path, length))
			break;
	return i;
}

static void put(const char *path, const char *text, bool link)
{
	size_t i = find(path);

	if (i < files) {
		free(file[i].path);
		free(file[i].text);
		file[i] = file[--files];
	}
	if (!text)
		return;
	if (files == FILES_MAX)
		abort();
	file[files].path = strdup(path);
	file[files].length = strlen(path);
	file[files].text = strdup(text);
	file[files++].link = link;
}

void world_put_file(const char *path, const char *text)
{
	put(path, text, false);
}

void world_put_link(const char *path, const char *text)
{
	put(path, text, true);
}

const char *world_file(const char *path)
{
	size_t i = find(path);

	return i < files ? file[i].text : NULL;
}

struct world_device *world_device(const char *text)
{
	struct bdf bdf;
	const char *end;
	size_t i;

	if (!bdf_parse_prefix(text, &bdf, &end))
		return NULL;
	for (i = 0; i < world.devices; i++)
		if (bdf_equal(world.device[i].bdf, bdf))
			return &world.device[i];
	return NULL;
}

static void put_attribute(const char *bdf, const char *name, const char *text, bool link)
{
	char path[128];

	snprintf(path, sizeof(path), DEVICES "%s%s%s", bdf, *name ? "/" : "", name);
	put(path, text, link);
}

struct world_device *world_add_device(const char *bdf, const char *driver, const char *resource,
				      unsigned int gsi)
{
	struct world_device *device = &world.device[world.devices++];
	char text[64];

	*device = (struct world_device){.slot = !strcmp(driver, "pciback")};
	bdf_parse(bdf, &device->bdf);
	snprintf(device->driver, sizeof(device->driver), "%s", driver);
	device->config[0x3d] = gsi ? 1 : 0;
	device->owner = world.iommu && device->slot ? HV_DOMID_IO : 0;
	snprintf(text, sizeof(text), "../../../devices/pci0000:00/%s", bdf);
	put_attribute(bdf, "", text, true);
	put_attribute(bdf, "vendor", "0x8086\n", false);
	put_attribute(bdf, "device", "0x10d3\n", false);
	put_attribute(bdf, "class", "0x020000\n", false);
	put_attribute(bdf, "subsystem_vendor", "0x8086\n", false);
	put_attribute(bdf, "subsystem_device", "0x0001\n", false);
	put_attribute(bdf, "resource", resource, false);
	snprintf(text, sizeof(text), "%u\n", gsi);
	put_attribute(bdf, "irq", text, false);
	put_attribute(bdf, "reset_method", "flr bus\n", false);
	put_attribute(bdf, "config", "", false);
	if (*driver) {
		snprintf(text, sizeof(text), DRIVERS "%s/bind", driver);
		put(text, "", false);
	}
	return device;
}

void files_dump(FILE *to)
{
	size_t i;

	/* Only what xenpci makes itself: the rest is in world.device[]. */
	for (i = 0; i < files; i++)
		if (!strncmp(file[i].path, "etc/", 4))
			fprintf(to, "%s: %s", file[i].path, file[i].text);
}

/* ---- the seam ---- */

struct files *files_open(const char *root)
{
	return calloc(1, sizeof(struct files));
}

void files_close(struct files *handle)
{
	free(handle);
}

/* The device whose attribute `name` this is. */
static struct world_device *attribute(const char *path, const char *name)
{
	size_t length = strlen(DEVICES) + BDF_TEXT - 1;

	if (strncmp(path, DEVICES, strlen(DEVICES)) != 0 || strlen(path) <= length ||
	    strcmp(path + length + 1, name) != 0)
		return NULL;
	return world_device(path + strlen(DEVICES));
}

static ssize_t read_slots(char *buffer, size_t size)
{
	size_t i;

	*buffer = '\0';
	for (i = 0; i < world.devices; i++)
		if (world.device[i].slot && strlen(buffer) + BDF_TEXT + 1 < size)
			sprintf(buffer + strlen(buffer), "%s\n", BDF_STR(world.device[i].bdf));
	return (ssize_t)strlen(buffer);
}

ssize_t files_read(struct files *handle, const char *path, char *buffer, size_t size)
{
	struct world_device *device = attribute(path, "config");
	int err = world_file_call(handle);
	size_t length;

	if (err)
		return err;
	if (!strcmp(path, DRIVERS "pciback/slots"))
		return read_slots(buffer, size);
	if (find(path) == files)
		return -ENOENT;
	if (attribute(path, "irq") && world_shows_message(attribute(path, "irq")))
		return snprintf(buffer, size, WORLD_MESSAGE "\n");
	length = device ? sizeof(device->config) : strlen(world_file(path));
	if (length > size - 1)
		length = size - 1;
	memcpy(buffer, device ? (const char *)device->config : world_file(path), length);
	buffer[length] = '\0';
	return (ssize_t)length;
}

static int bind(struct world_device *device, const char *driver, const char *name)
{
	if (!strcmp(name, "unbind")) {
		if (strcmp(device->driver, driver) != 0)
			return -ENODEV;
		*device->driver = '\0';
		device->permissive = false;
		device->exported = false;
		return 0;
	}
	if (*device->driver || (strcmp(driver, "pciback") ? device->refused : !device->slot))
		return -ENODEV;
	snprintf(device->driver, sizeof(device->driver), "%s", driver);
	return 0;
}

static int write_driver(const char *path, const char *text)
{
	struct world_device *device = world_device(text);
	char driver[32];
	const char *name = strchr(path + strlen(DRIVERS), '/');

	if (!device || !name || (size_t)(name - path) - strlen(DRIVERS) >= sizeof(driver))
		return -EINVAL;
	snprintf(driver, sizeof(driver), "%.*s", (int)(name - path - (int)strlen(DRIVERS)),
		 path + strlen(DRIVERS));
	name++;
	if (!strcmp(name, "bind") || !strcmp(name, "unbind"))
		return bind(device, driver, name);
	if (strcmp(driver, "pciback") != 0)
		return -ENOENT;
	if (!strcmp(name, "new_slot") && !device->slot)
		device->slot = true;
	else if (!strcmp(name, "remove_slot") && device->slot)
		device->slot = false;
	else if (!strcmp(name, "permissive") && !strcmp(device->driver, "pciback"))
		device->permissive = true;
	else
		return -EINVAL;
	return 0;
}

int files_write(struct files *handle, const char *path, const void *data, size_t size, off_t offset)
{
	struct world_device *device;
	char text[64];
	int err = world_file_call(handle);

	if (err)
		return err;
	if (size >= sizeof(text))
		return -EINVAL;
	memcpy(text, data, size);
	text[size] = '\0';
	if (!strncmp(path, DRIVERS, strlen(DRIVERS)))
		return write_driver(path, text);
	device = attribute(path, "reset");
	if (device) {
		device->resets++;
		world_note("reset", device->bdf);
		return device->resets_max && device->resets > device->resets_max ? -ENOTTY : 0;
	}
	device = attribute(path, "config");
	if (device && (size_t)offset + size <= sizeof(device->config)) {
		memcpy(device->config + offset, data, size);
		world_note("config", device->bdf);
		return 0;
	}
	if (find(path) == files)
		return -ENOENT;
	return 0;
}

int files_replace(struct files *handle, const char *path, const char *text)
{
	int err = world_file_call(handle);

	if (!err)
		put(path, text, false);
	return err;
}

int files_link(struct files *handle, const char *path, char *buffer, size_t size)
{
	struct world_device *device = attribute(path, "driver");
	size_t i = find(path);
	int err = world_file_call(handle);

	if (err)
		return err;
	if (device && *device->driver)
		return snprintf(buffer, size, "../../../bus/pci/drivers/%s", device->driver) < 0;
	if (i == files || !file[i].link)
		return -ENOENT;
	if (strlen(file[i].text) >= size)
		return -ENAMETOOLONG;
	memcpy(buffer, file[i].text, strlen(file[i].text) + 1);
	return 0;
}

bool files_exists(struct files *handle, const char *path)
{
	size_t i, length = strlen(path);
	unsigned int domain;

	if (world_file_call(handle))
		return false;
	if (sscanf(path, "sys/devices/pci-%u-0", &domain) == 1)
		return world_serves(domain);
	if (attribute(path, "msi_irqs/" WORLD_MESSAGE))
		return world_shows_message(attribute(path, "msi_irqs/" WORLD_MESSAGE));
	for (i = 0; i < files; i++)
		if (!strncmp(file[i].path, path, length) &&
		    (!file[i].path[length] || file[i].path[length] == '/'))
			return true;
	return false;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

ssize_t files_list(struct files *handle, const char *path, char ***names)
{
	size_t i, j, length = strlen(path), count = 0, part;
	int err = world_file_call(handle);
	const char *name;

	if (err)
		return err;
	*names = calloc(FILES_MAX, sizeof(**names));
	for (i = 0; i < files; i++) {
		name = file[i].path + length + 1;
		if (strncmp(file[i].path, path, length) != 0 || file[i].path[length] != '/')
			continue;
		part = strcspn(name, "/");
		for (j = 0; j < count; j++)
			if (!strncmp((*names)[j], name, part) && !(*names)[j][part])
				break;
		if (j == count)
			(*names)[count++] = strndup(name, part);
	}
	if (!count) {
		free(*names);
		return -ENOENT;
	}
	qsort(*names, count, sizeof(**names), by_name);
	return (ssize_t)count;
}

int files_lock(struct files *handle, const char *path, pid_t *holder)
{
	int err = world_file_call(handle);

	*holder = 77;
	return err ? err : world.locked ? -EWOULDBLOCK : 0;
}
