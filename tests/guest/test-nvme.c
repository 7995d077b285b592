/* SPDX-License-Identifier: MIT */
/*
 * Scenario nvme: every disk is opened and read; the one with serial "dst" (or "scratch") is also
 * written, read back and flushed, in requests of one block up to PRP lists, several in flight.
 * What the disk cannot do must come back as an error.
 */
#include "scenario.h"

#include "boot.h"
#include "pages.h"
#include "text.h"
#include "verdict.h"

#define IN_FLIGHT 8
#define BUFFER_ORDER 6 /* NVME_MAX_BYTES */

static struct nvme nvme;
static struct nvme_request requests[IN_FLIGHT];

static int transfer(enum nvme_op op, uint64_t block, void *data, size_t length)
{
	struct nvme_request *request = &requests[0];

	*request = (struct nvme_request){.op = op, .block = block, .data = data, .length = length};
	return nvme_run(&nvme, request);
}

/* Sizes around those at which PRPs change their form, and buffers that start inside a page. */
static void check_sizes(uint8_t *out, uint8_t *in)
{
	static const struct {
		size_t blocks, offset;
	} cases[] = {{1, 0},  {8, 0},  {8, 512}, {9, 0},     {16, 0},
		     {16, 4}, {24, 0}, {256, 0}, {500, 1024}};
	size_t block = 1UL << nvme.block_shift;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(cases) && !verdict_failed(); i++) {
		size_t length = cases[i].blocks * 512 / block * block;
		size_t offset = cases[i].offset;
		int err;

		if (!length || length > nvme.max_bytes || length > nvme_bytes(&nvme))
			continue;
		pattern_fill(out + offset, length, i + options.seed);
		__builtin_memset(in, 0, XEN_PAGE_SIZE << BUFFER_ORDER);
		err = transfer(NVME_WRITE, 0, out + offset, length);
		check(!err, "writing %lu bytes: %d", length, err);
		err = nvme_flush(&nvme);
		check(!err, "flushing: %d", err);
		err = transfer(NVME_READ, 0, in + offset, length);
		check(!err, "reading %lu bytes: %d", length, err);
		check(pattern_verify(in + offset, length, i + options.seed) == length,
		      "%lu bytes at offset %lu of a page came back changed at %lu", length, offset,
		      pattern_verify(in + offset, length, i + options.seed));
		check(bytes_verify(in, offset, 0) == offset &&
			      bytes_verify(in + offset + length, 512, 0) == 512,
		      "a read of %lu bytes wrote beside them", length);
	}
}

static bool all_done(void *arg)
{
	unsigned int i;

	nvme_poll(&nvme);
	for (i = 0; i < IN_FLIGHT; i++)
		if (!requests[i].done)
			return false;
	return true;
}

/* One page a request, written all at once in one order and read all at once in the other. */
static void check_in_flight(uint8_t *data)
{
	uint64_t per_page = XEN_PAGE_SIZE >> nvme.block_shift;
	unsigned int pass, i;

	if (nvme_bytes(&nvme) < IN_FLIGHT * XEN_PAGE_SIZE)
		return;
	for (pass = 0; pass < 2; pass++) {
		for (i = 0; i < IN_FLIGHT; i++) {
			uint8_t *page = data + (pass ? IN_FLIGHT - 1 - i : i) * XEN_PAGE_SIZE;
			int err;

			if (!pass)
				pattern_fill(page, XEN_PAGE_SIZE, i);
			else
				__builtin_memset(page, 0, XEN_PAGE_SIZE);
			requests[i] = (struct nvme_request){.op = pass ? NVME_READ : NVME_WRITE,
							    .block = i * per_page,
							    .data = page,
							    .length = XEN_PAGE_SIZE};
			err = nvme_start(&nvme, &requests[i]);
			if (!check(!err, "request %u of %u in flight: %d", i, IN_FLIGHT, err)) {
				requests[i].done = true;
				requests[i].error = err;
			}
		}
		check(boot_wait(all_done, NULL, 2 * options.wait_ms * 1000000),
		      "not all requests have ended");
		for (i = 0; i < IN_FLIGHT; i++)
			check(!requests[i].error, "request %u: %d", i, requests[i].error);
	}
	for (i = 0; i < IN_FLIGHT; i++)
		check(pattern_verify(data + (IN_FLIGHT - 1 - i) * XEN_PAGE_SIZE, XEN_PAGE_SIZE,
				     i) == XEN_PAGE_SIZE,
		      "request %u came back with other data", i);
}

static void check_errors(uint8_t *data)
{
	size_t block = 1UL << nvme.block_shift;
	struct nvme_command bad = {.opcode = 0xff};
	int err;

	err = transfer(NVME_READ, nvme.blocks, data, block);
	check(err == -XEN_EINVAL, "reading behind the end: %d", err);
	err = transfer(NVME_READ, nvme.blocks - 1, data, 2 * block);
	check(err == -XEN_EINVAL, "reading over the end: %d", err);
	err = transfer(NVME_READ, ~0ULL, data, block);
	check(err == -XEN_EINVAL, "reading the last block there can be: %d", err);
	err = transfer(NVME_READ, 0, data, block - 1);
	check(err == -XEN_EINVAL, "reading a part of a block: %d", err);
	/* And one that only the device can find. */
	nvme.blocks++;
	err = transfer(NVME_READ, nvme.blocks - 1, data, block);
	nvme.blocks--;
	check(err == -XEN_EIO, "the device on reading behind its end: %d", err);
	err = nvme_admin(&nvme, &bad, NULL);
	check(err == -XEN_EIO, "the device on an unknown command: %d", err);
	err = transfer(NVME_READ, 0, data, block);
	check(!err, "reading after the errors: %d", err);
}

static bool may_be_written(void)
{
	return text_same(nvme.serial, "dst") || text_same(nvme.serial, "scratch");
}

static void check_disk(struct xen_pci_dev *pci, uint8_t *out, uint8_t *in, unsigned int *written)
{
	int err = nvme_open(&nvme, pci);

	if (!check(!err, "opening NVMe disk %s: %d", nvme.name, err))
		return;
	err = transfer(NVME_READ, 0, in, 1UL << nvme.block_shift);
	check(!err, "reading the first block of %s: %d", nvme.name, err);
	err = transfer(NVME_READ, nvme.blocks - 1, in, 1UL << nvme.block_shift);
	check(!err, "reading the last block of %s: %d", nvme.name, err);
	if (may_be_written()) {
		++*written;
		check_sizes(out, in);
		if (!verdict_failed())
			check_in_flight(out);
		if (!verdict_failed())
			check_errors(out);
	}
	check(nvme.admin.interrupts && nvme.io.interrupts, "%s: %u admin and %u I/O interrupts",
	      nvme.name, nvme.admin.interrupts, nvme.io.interrupts);
	check(!nvme.intx || !boot_has_machine(), "%s has no MSI-X", nvme.name);
	note("%s \"%s\": %lu blocks of %u bytes, %u %s interrupts", nvme.name, nvme.serial,
	     nvme.blocks, 1u << nvme.block_shift, nvme.admin.interrupts + nvme.io.interrupts,
	     nvme.intx ? "INTx" : "MSI-X");
	nvme_close(&nvme);
}

void scenario_nvme(void)
{
	uint8_t *out = xen_port_alloc_pages(BUFFER_ORDER + 1);
	uint8_t *in = xen_port_alloc_pages(BUFFER_ORDER + 1);
	struct xen_pci_dev *pci = NULL;
	unsigned int written = 0;

	if (check(out && in, "no pages for buffers"))
		while ((pci = next_nvme(pci)))
			check_disk(pci, out, in, &written);
	check(written, "no disk may be written: none has serial dst or scratch");
	if (out)
		xen_port_free_pages(out, BUFFER_ORDER + 1);
	if (in)
		xen_port_free_pages(in, BUFFER_ORDER + 1);
}
