/* SPDX-License-Identifier: MIT */
/*
 * PCI functions as sysfs describes them. A struct device is filled in one go and then immutable:
 * plans and checks all speak of the same reading. One thread.
 */
#include "device.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "base/number.h"
#include "base/text.h"

#define DEVICES "sys/bus/pci/devices"

/* Flags of a line of `resource` (Linux's ioport.h; stable, since lspci reads them too). */
#define RESOURCE_IO 0x100
#define RESOURCE_MEMORY 0x200
#define RESOURCE_PREFETCH 0x2000
#define RESOURCE_WIDE 0x100000
#define RESOURCE_UNSET 0x20000000

#define LINE_NOT_CONNECTED 255

#define LINES_MAX 17
#define LINES_IOV 6
#define LINES_OF_BRIDGE (DEVICE_REGIONS + LINES_IOV + DEVICE_WINDOWS)

static bool parse_line(const char **text, struct region *region)
{
	uint64_t first, last, flags;
	const char *end;

	*region = (struct region){0};
	if (!number_parse(*text, 16, UINT64_MAX, &first, &end) || *end != ' ' ||
	    !number_parse(end + 1, 16, UINT64_MAX, &last, &end) || *end != ' ' ||
	    !number_parse(end + 1, 16, UINT64_MAX, &flags, &end) || *end != '\n')
		return false;
	*text = end + 1;
	if (!(flags & (RESOURCE_IO | RESOURCE_MEMORY)) || flags & RESOURCE_UNSET || !first)
		return true;
	if (last < first || (flags & RESOURCE_IO && (flags & RESOURCE_MEMORY || last > 0xffff)))
		return false;
	*region = (struct region){
		.kind = flags & RESOURCE_IO ? REGION_IO : REGION_MEMORY,
		.first = first,
		.last = last,
		.prefetchable = flags & RESOURCE_PREFETCH,
		.wide = flags & RESOURCE_WIDE,
	};
	return true;
}

bool device_parse_resource(const char *text, struct device *device)
{
	struct region line[LINES_MAX] = {0};
	unsigned int count = 0, i;

	for (; *text; count++)
		if (count == LINES_MAX || !parse_line(&text, &line[count]))
			return false;
	for (i = 0; i < DEVICE_REGIONS; i++)
		device->region[i] = line[i];
	for (i = 0; i < DEVICE_WINDOWS; i++)
		device->window[i] = (struct region){0};
	/* A kernel without SR-IOV has no lines for it. */
	if (count == LINES_OF_BRIDGE || count == LINES_OF_BRIDGE - LINES_IOV)
		memcpy(device->window, &line[count - DEVICE_WINDOWS], sizeof(device->window));
	return true;
}

/* ---- single attributes ---- */

struct reader {
	struct files *files;
	struct bdf bdf;
	struct report *report;
};

static char *path_of(const struct reader *reader, const char *name)
{
	return text_format(DEVICES "/%s%s%s", BDF_STR(reader->bdf), *name ? "/" : "", name);
}

static enum exit_status nonsense(const struct reader *reader, const char *name, const char *text)
{
	return report_error(reader->report, EXIT_HOST, "sysfs",
			    "%s: sysfs makes no sense|file %s holds \"%.60s\"|look at it by hand",
			    BDF_STR(reader->bdf), name, text);
}

/* The attribute's text; `missing`, if not NULL, stands for a file that is not there. */
static enum exit_status read_text(const struct reader *reader, const char *name,
				  const char *missing, char *text, size_t size)
{
	char *path = path_of(reader, name);
	ssize_t got = files_read(reader->files, path, text, size);

	free(path);
	if (got == -ENOENT && missing) {
		memcpy(text, missing, strlen(missing) + 1);
		return EXIT_DONE;
	}
	if (got < 0)
		return report_error(reader->report, EXIT_HOST, "sysfs",
				    "%s: cannot read sysfs|file %s: %s|", BDF_STR(reader->bdf),
				    name, strerror((int)-got));
	if (strlen(text) != (size_t)got || (size_t)got == size - 1)
		return nonsense(reader, name, text);
	return EXIT_DONE;
}

static enum exit_status read_number(const struct reader *reader, const char *name,
				    const char *missing, unsigned int base, uint64_t max,
				    uint64_t *value)
{
	char text[64];
	enum exit_status status = read_text(reader, name, missing, text, sizeof(text));

	if (!status && !number_parse(text, base, max, value, NULL))
		status = nonsense(reader, name, text);
	return status;
}

static enum exit_status read_identity(const struct reader *reader, struct device *device)
{
	static const struct {
		const char *name;
		const char *missing;
		uint64_t max;
	} field[] = {
		{"vendor", NULL, 0xffff},
		{"device", NULL, 0xffff},
		{"class", NULL, 0xffffff},
		{"subsystem_vendor", "0xffff", 0xffff},
		{"subsystem_device", "0xffff", 0xffff},
	};
	uint64_t value[5];
	enum exit_status status = EXIT_DONE;
	unsigned int i;

	for (i = 0; i < 5 && !status; i++)
		status = read_number(reader, field[i].name, field[i].missing, 16, field[i].max,
				     &value[i]);
	if (status)
		return status;
	device->vendor = (uint16_t)value[0];
	device->device = (uint16_t)value[1];
	device->class = (uint32_t)value[2];
	device->subsystem_vendor = (uint16_t)value[3];
	device->subsystem_device = (uint16_t)value[4];
	return EXIT_DONE;
}

static enum exit_status read_resources(const struct reader *reader, struct device *device)
{
	char text[LINES_MAX * 64 + 2];
	enum exit_status status = read_text(reader, "resource", NULL, text, sizeof(text));
	uint64_t gsi = 0;

	if (status)
		return status;
	if (!device_parse_resource(text, device))
		return nonsense(reader, "resource", text);
	status = read_number(reader, "irq", "0", 10, UINT32_MAX, &gsi);
	device->gsi = (uint32_t)gsi;
	return status;
}

/* A link's text; "" if there is none. */
static enum exit_status read_link(const struct reader *reader, const char *name, char *text,
				  size_t size)
{
	char *path = path_of(reader, name);
	int err = files_link(reader->files, path, text, size);

	free(path);
	if (!err)
		return EXIT_DONE;
	*text = '\0';
	if (err == -ENOENT || err == -EINVAL)
		return EXIT_DONE;
	return report_error(reader->report, EXIT_HOST, "sysfs",
			    "%s: cannot read sysfs|link %s: %s|", BDF_STR(reader->bdf),
			    *name ? name : "to it", strerror(-err));
}

static enum exit_status read_driver(const struct reader *reader, struct device *device)
{
	char text[512];
	enum exit_status status = read_link(reader, "driver", text, sizeof(text));
	const char *name = strrchr(text, '/');

	name = name ? name + 1 : text;
	if (!status && strlen(name) >= sizeof(device->driver))
		return nonsense(reader, "driver", text);
	if (!status)
		memcpy(device->driver, name, strlen(name) + 1);
	text_clean(device->driver);
	return status;
}

/* The folder of a device stands in that of the bridge above it. */
static enum exit_status read_place(const struct reader *reader, struct device *device)
{
	char text[512], *slash;
	enum exit_status status = read_link(reader, "", text, sizeof(text));

	slash = strrchr(text, '/');
	if (slash) {
		*slash = '\0';
		slash = strrchr(text, '/');
		device->has_bridge = slash && bdf_parse(slash + 1, &device->bridge);
	}
	if (!status)
		status = read_link(reader, "physfn", text, sizeof(text));
	device->is_virtual = *text && !status;
	return status;
}

static void read_config(const struct reader *reader, struct device *device)
{
	char buffer[CONFIG_SIZE + 1], *path = path_of(reader, "config");
	ssize_t got = files_read(reader->files, path, buffer, sizeof(buffer));

	free(path);
	if (got < CONFIG_HEADER)
		return;
	device->config_size = (size_t)got;
	memcpy(device->config, buffer, (size_t)got);
	device->pin = device->config[0x3d] <= 4 ? device->config[0x3d] : 0;
}

/*
 * While MSI is on, sysfs shows the number of the message where the line's was. The kernel has a
 * list of messages, which is asked: the device itself may say anything.
 */
static void forget_message(const struct reader *reader, struct device *device)
{
	char *path =
		text_format(DEVICES "/%s/msi_irqs/%" PRIu32, BDF_STR(device->bdf), device->gsi);

	device->line_hidden = device->gsi && files_exists(reader->files, path);
	if (device->line_hidden)
		device->gsi = 0;
	free(path);
}

/* Firmware leaves 255 where nothing is connected, and a device without a pin has no line. */
static void forget_no_line(struct device *device)
{
	if (device->gsi != LINE_NOT_CONNECTED && device->gsi <= DEVICE_GSI_MAX &&
	    (device->pin || !device->config_size))
		return;
	device->no_line = device->gsi;
	device->gsi = 0;
}

enum exit_status device_read(struct files *files, struct bdf bdf, struct device *device,
			     struct report *report)
{
	const struct reader reader = {files, bdf, report};
	char *path = text_format(DEVICES "/%s", BDF_STR(bdf));
	bool there = files_exists(files, path);
	enum exit_status status;

	free(path);
	if (!there)
		return report_error(report, EXIT_UNKNOWN, "no-device",
				    "%s: no such device||xenpci list", BDF_STR(bdf));
	*device = (struct device){.bdf = bdf};
	status = read_identity(&reader, device);
	if (!status)
		status = read_resources(&reader, device);
	if (!status)
		status = read_text(&reader, "reset_method", "", device->reset_method,
				   sizeof(device->reset_method));
	if (!status)
		status = read_driver(&reader, device);
	if (!status)
		status = read_place(&reader, device);
	if (status)
		return status;
	device->reset_method[strcspn(device->reset_method, "\n")] = '\0';
	text_clean(device->reset_method);
	read_config(&reader, device);
	forget_message(&reader, device);
	forget_no_line(device);
	device->is_bridge =
		device->class >> 16 == 6 || (device->config_size && (device->config[0x0e] & 0x7f));
	return EXIT_DONE;
}

/* ---- all of them ---- */

/* One that makes no sense is a warning here. */
static void add_device(struct files *files, const char *name, struct devices *devices,
		       struct report *report)
{
	struct report own = {0};
	struct device *device;
	struct bdf bdf;

	if (!bdf_parse(name, &bdf)) {
		report_warning(report, "sysfs",
			       "no address of a PCI function|%.60s in " DEVICES "|", name);
		return;
	}
	devices->device =
		memory_grow(devices->device, devices->count + 1, sizeof(*devices->device));
	device = &devices->device[devices->count];
	if (!device_read(files, bdf, device, &own)) {
		devices->count++;
	} else {
		devices->broken = memory_grow(devices->broken, devices->broken_count + 1,
					      sizeof(*devices->broken));
		devices->broken[devices->broken_count++] = bdf;
		report_warning(report, "sysfs", "%s|%s|%s", own.findings[0].cause,
			       own.findings[0].evidence, own.findings[0].next);
	}
	report_clear(&own);
}

enum exit_status devices_read(struct files *files, struct devices *devices, struct report *report)
{
	char **names;
	ssize_t count = files_list(files, DEVICES, &names), i;

	*devices = (struct devices){0};
	if (count < 0)
		return report_error(report, EXIT_HOST, "sysfs",
				    "cannot list PCI devices|/" DEVICES ": %s|is sysfs mounted?",
				    strerror((int)-count));
	for (i = 0; i < count; i++)
		add_device(files, names[i], devices, report);
	names_free(names, (size_t)count);
	return EXIT_DONE;
}

void devices_free(struct devices *devices)
{
	free(devices->device);
	free(devices->broken);
	*devices = (struct devices){0};
}

const char *region_name(unsigned int region, char buffer[8])
{
	static const char *const window[DEVICE_WINDOWS] = {"I/O window", "memory window",
							   "prefetchable window", "window"};

	if (region == DEVICE_ROM)
		return "ROM";
	if (region > DEVICE_ROM)
		return window[(region - DEVICE_REGIONS) % DEVICE_WINDOWS];
	memcpy(buffer, "BAR 0", 6);
	buffer[4] = (char)('0' + region);
	return buffer;
}

const struct device *devices_find(const struct devices *devices, struct bdf bdf)
{
	size_t i;

	for (i = 0; i < devices->count; i++)
		if (bdf_equal(devices->device[i].bdf, bdf))
			return &devices->device[i];
	return NULL;
}

bool devices_is_broken(const struct devices *devices, struct bdf bdf)
{
	size_t i;

	for (i = 0; i < devices->broken_count; i++)
		if (bdf_equal(devices->broken[i], bdf))
			return true;
	return false;
}

bool device_is_pciback(const struct device *device)
{
	return !strcmp(device->driver, "pciback") || !strcmp(device->driver, "xen-pciback");
}
