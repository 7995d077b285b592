/* SPDX-License-Identifier: MIT */
/*
 * The reference guest's edu and NVMe drivers, unchanged, on the model's devices: data goes through
 * mapped registers, queues and DMA by machine address, with pools that bounce. And what the drivers
 * do about devices that lie, are silent or stray.
 */
#include "guest-devices.h"

/* --- edu ------------------------------------------------------------------------------------ */

static void edu_round_trip(enum edu_interrupt mode)
{
	static const size_t sizes[] = {1, 3, 512, 2048, EDU_TRANSFER_MAX};

	begin();
	ck_assert_int_eq(edu_open(&edu, edu_pci, mode), 0);
	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint8_t *from = data + 5, *to = data + 8192 + 77;

		fill(from, sizes[i], i);
		memset(to - 1, 0xee, sizes[i] + 2);
		ck_assert_int_eq(edu_transfer(&edu, from, sizes[i], XEN_DMA_TO_DEVICE), 0);
		ck_assert(filled(model_device_memory(edu_device), sizes[i], i));
		ck_assert_int_eq(edu_transfer(&edu, to, sizes[i], XEN_DMA_FROM_DEVICE), 0);
		ck_assert(filled(to, sizes[i], i));
		ck_assert(to[-1] == 0xee && to[sizes[i]] == 0xee);
	}
	ck_assert_uint_eq(edu.interrupts, mode == EDU_POLL ? 0 : 10);
	ck_assert_uint_eq(model_device_strays(edu_device), 0);
	edu_close(&edu);
	finish();
}

static void edu_msi(void)
{
	edu_round_trip(EDU_MSI);
}

static void edu_intx(void)
{
	edu_round_trip(EDU_INTX);
}

static void edu_poll(void)
{
	edu_round_trip(EDU_POLL);
}

static void edu_bad_identity(void)
{
	static const enum model_manners manners[] = {MODEL_NOT_ITSELF, MODEL_GONE};

	begin();
	for (unsigned int i = 0; i < 2; i++) {
		model_device_behave(edu_device, manners[i]);
		ck_assert_int_eq(edu_open(&edu, edu_pci, EDU_MSI), -XEN_ENODEV);
		ck_assert_ptr_nonnull(strstr(said, "does not answer as an edu"));
	}
	model_device_behave(edu_device, MODEL_HONEST);
	ck_assert_int_eq(edu_open(&edu, edu_pci, EDU_MSI), 0);
	edu_close(&edu);
	finish();
}

/* No answer: the mapping ends all the same, and what a late device does hits nothing. */
static void edu_no_answer(void)
{
	static const enum model_manners manners[] = {MODEL_SILENT, MODEL_MUTE, MODEL_GONE};

	for (unsigned int i = 0; i < 3; i++) {
		begin();
		ck_assert_int_eq(edu_open(&edu, edu_pci, EDU_MSI), 0);
		memset(data, 0x11, 4096);
		model_device_behave(edu_device, manners[i]);
		ck_assert_int_eq(edu_transfer(&edu, data, 4000, XEN_DMA_TO_DEVICE), -XEN_ETIMEDOUT);
		ck_assert_ptr_nonnull(strstr(said, "no answer within"));
		ck_assert(edu.broken);
		ck_assert_int_eq(edu_start(&edu, data, 1, XEN_DMA_TO_DEVICE), -XEN_EBUSY);
		model_device_behave(edu_device, MODEL_HONEST);
		model_devices_step(); /* now it would, but it has lost the bus */
		ck_assert_uint_eq(model_device_strays(edu_device), manners[i] == MODEL_SILENT);
		edu_close(&edu);
		finish();
	}
}

/* It writes elsewhere: to nothing of ours, and what we asked for stays as it was. */
static void edu_astray(void)
{
	begin();
	ck_assert_int_eq(edu_open(&edu, edu_pci, EDU_MSI), 0);
	fill(data, 4096, 3);
	model_device_behave(edu_device, MODEL_ASTRAY);
	ck_assert_int_eq(edu_transfer(&edu, data, 4000, XEN_DMA_FROM_DEVICE), 0);
	ck_assert(filled(data, 4096, 3));
	ck_assert_uint_eq(model_device_strays(edu_device), 1);
	edu_close(&edu);
	finish();
}

/* --- nvme ----------------------------------------------------------------------------------- */

static int request(enum nvme_op op, uint64_t block, void *at, size_t length)
{
	static struct nvme_request r;

	r = (struct nvme_request){.op = op, .block = block, .data = at, .length = length};
	return nvme_run(&nvme, &r);
}

static void nvme_identity(void)
{
	begin();
	ck_assert_int_eq(nvme_open(&nvme, nvme_pci), 0);
	ck_assert_str_eq(nvme.serial, "scratch");
	ck_assert_str_eq(nvme.model, "Model NVMe");
	ck_assert_uint_eq(nvme_bytes(&nvme), DISK_BYTES);
	ck_assert_uint_eq(nvme.block_shift, 9);
	ck_assert(nvme.write_cache);
	ck_assert_uint_ge(nvme.admin.interrupts, 4);
	nvme_close(&nvme);
	ck_assert_uint_eq(model_device_strays(nvme_device), 0);
	finish();
}

/* Lengths of one, two and many pages, at the start and in the middle of one. */
static void nvme_data(void)
{
	static const struct {
		size_t offset, length;
	} io[] = {{0, 512},  {0, 4096},	 {0, 8192},    {512, 4096},
		  {4, 8192}, {0, 32768}, {2048, 61440}};

	begin();
	ck_assert_int_eq(nvme_open(&nvme, nvme_pci), 0);
	for (unsigned int i = 0; i < sizeof(io) / sizeof(io[0]); i++) {
		uint8_t *disk = model_device_memory(nvme_device) + i * 65536;
		uint8_t *at = data + io[i].offset;
		uint64_t block = i * 128;

		fill(at, io[i].length, i);
		ck_assert_int_eq(request(NVME_WRITE, block, at, io[i].length), 0);
		ck_assert(filled(disk, io[i].length, i));
		ck_assert_uint_eq(disk[io[i].length], 0);
		memset(at, 0, io[i].length);
		ck_assert_int_eq(request(NVME_READ, block, at, io[i].length), 0);
		ck_assert(filled(at, io[i].length, i));
	}
	ck_assert_int_eq(nvme_flush(&nvme), 0);
	ck_assert_uint_eq(nvme.io.interrupts, 2 * sizeof(io) / sizeof(io[0]) + 1);
	ck_assert_int_eq(request(NVME_READ, DISK_BLOCKS, data, 512), -XEN_EINVAL);
	nvme.blocks++; /* and what only the device can find */
	ck_assert_int_eq(request(NVME_READ, DISK_BLOCKS, data, 512), -XEN_EIO);
	ck_assert_ptr_nonnull(strstr(said, "beyond the end"));
	ck_assert_int_eq(request(NVME_READ, 0, data, 512), 0);
	nvme_close(&nvme);
	ck_assert_uint_eq(model_device_strays(nvme_device), 0);
	finish();
}

/* A queue full, several times over so that the rings wrap. */
static void nvme_many(void)
{
	static struct nvme_request r[NVME_DEPTH];
	unsigned int done = 0;

	begin();
	ck_assert_int_eq(nvme_open(&nvme, nvme_pci), 0);
	for (unsigned int round = 0; round < 5; round++) {
		for (unsigned int i = 0; i < NVME_DEPTH - 1; i++) {
			fill(data + i * 512, 512, round + i);
			r[i] = (struct nvme_request){.op = NVME_WRITE,
						     .block = i,
						     .data = data + i * 512,
						     .length = 512};
			ck_assert_int_eq(nvme_start(&nvme, &r[i]), 0);
		}
		r[NVME_DEPTH - 1] = r[0];
		ck_assert_int_eq(nvme_start(&nvme, &r[NVME_DEPTH - 1]), -XEN_EBUSY);
		model_devices_step();
		done += nvme_poll(&nvme);
		for (unsigned int i = 0; i < NVME_DEPTH - 1; i++) {
			ck_assert(r[i].done && !r[i].error);
			ck_assert(
				filled(model_device_memory(nvme_device) + i * 512, 512, round + i));
		}
	}
	ck_assert_uint_eq(done, 5 * (NVME_DEPTH - 1));
	nvme_close(&nvme);
	finish();
}

/* By the line, which stays asserted until what completed is taken in. */
static void nvme_line(void)
{
	static struct nvme_request r[8];

	begin();
	model_pci_raw(nvme_at)[0x34] = 0; /* no capabilities */
	ck_assert_int_eq(nvme_open(&nvme, nvme_pci), 0);
	ck_assert(nvme.intx);
	ck_assert_uint_eq(nvme.admin.interrupts, nvme.io.interrupts);
	for (unsigned int round = 0; round < 3; round++) {
		uint32_t before;

		nvme_poll(&nvme); /* nothing: the line is unmasked */
		before = nvme.io.interrupts;
		for (unsigned int i = 0; i < 8; i++) {
			fill(data + i * 512, 512, round + i);
			r[i] = (struct nvme_request){.op = NVME_WRITE,
						     .block = i,
						     .data = data + i * 512,
						     .length = 512};
			ck_assert_int_eq(nvme_start(&nvme, &r[i]), 0);
		}
		model_devices_step();
		model_devices_step();
		/* The model's line remembers that it was asserted again before it was masked. */
		ck_assert_uint_ge(nvme.io.interrupts, before + 1);
		ck_assert_uint_le(nvme.io.interrupts, before + 2);
		before = nvme.io.interrupts;
		ck_assert_uint_eq(nvme_poll(&nvme), 8);
		ck_assert_int_eq(request(NVME_READ, round, data, 512), 0);
		ck_assert(filled(data, 512, 2 * round));
		ck_assert_uint_gt(nvme.io.interrupts, before);
	}
	nvme_close(&nvme);
	ck_assert_uint_eq(model_device_strays(nvme_device), 0);
	finish();
}

/* Reset by somebody else: closing does not wait for an answer to what nobody serves. */
static void nvme_reset_behind(void)
{
	uint64_t began;

	begin();
	ck_assert_int_eq(nvme_open(&nvme, nvme_pci), 0);
	nvme_write32(&nvme, 0x14, 0); /* CC */
	began = xen_port_clock_ns();
	nvme_close(&nvme);
	ck_assert_uint_lt(xen_port_clock_ns() - began, options.wait_ms * 1000000);
	finish();
}

static void nvme_bad_from_the_start(void)
{
	static const struct {
		enum model_manners manners;
		int err;
		const char *line;
	} bad[] = {
		{MODEL_NOT_ITSELF, -XEN_ENODEV, "capabilities"},
		{MODEL_GONE, -XEN_ENODEV, "capabilities"},
		{MODEL_SILENT, -XEN_ETIMEDOUT, "not ready"},
		{MODEL_FATAL, -XEN_ETIMEDOUT, "not ready"},
		{MODEL_EMPTY, -XEN_ENODEV, "not usable"},
		{MODEL_WRONG_ID, -XEN_ETIMEDOUT, "no answer to admin command"},
		{MODEL_ASTRAY, -XEN_EIO, "admin command failed"},
	};

	begin();
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		model_device_behave(nvme_device, bad[i].manners);
		ck_assert_msg(nvme_open(&nvme, nvme_pci) == bad[i].err && strstr(said, bad[i].line),
			      "manners %u: \"%s\"", bad[i].manners, said);
	}
	model_device_behave(nvme_device, MODEL_HONEST);
	ck_assert_int_eq(nvme_open(&nvme, nvme_pci), 0);
	nvme_close(&nvme);
	finish();
}

static void nvme_goes_bad(void)
{
	static const struct {
		enum model_manners manners;
		bool broken;
		uint64_t strays;
	} bad[] = {
		{MODEL_SILENT, true, 0},   {MODEL_GONE, true, 0},     {MODEL_FATAL, true, 0},
		{MODEL_WRONG_ID, true, 0}, {MODEL_REFUSES, false, 0}, {MODEL_ASTRAY, false, 1},
	};

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		begin();
		ck_assert_int_eq(nvme_open(&nvme, nvme_pci), 0);
		fill(data, 8192, i);
		model_device_behave(nvme_device, bad[i].manners);
		ck_assert_int_eq(request(NVME_READ, 0, data, 8192), -XEN_EIO);
		ck_assert(nvme.broken == bad[i].broken);
		ck_assert_int_eq(request(NVME_READ, 0, data, 512), -XEN_EIO);
		if (bad[i].manners != MODEL_WRONG_ID) /* which has done the work */
			ck_assert(filled(data, 8192, i));
		ck_assert_uint_ge(model_device_strays(nvme_device), bad[i].strays);
		model_device_behave(nvme_device, MODEL_HONEST);
		nvme_close(&nvme);
		finish();
	}
}

static void mute_but_polled(void)
{
	begin();
	ck_assert_int_eq(nvme_open(&nvme, nvme_pci), 0);
	model_device_behave(nvme_device, MODEL_MUTE);
	ck_assert_int_eq(request(NVME_READ, 0, data, 512), 0);
	ck_assert_uint_eq(nvme.io.interrupts, 0);
	nvme_close(&nvme);
	finish();
}

/* Its BARs move, or are gone from config space, under the driver. */
static void config_lies(void)
{
	uint8_t *raw;

	begin();
	ck_assert_int_eq(nvme_open(&nvme, nvme_pci), 0);
	raw = model_pci_raw(nvme_at);
	raw[0x12] ^= 0x40;
	ck_assert_int_eq(request(NVME_READ, 0, data, 512), -XEN_EIO);
	ck_assert(nvme.broken);
	raw[0x12] ^= 0x40;
	nvme_close(&nvme);
	raw[0x04] &= 0xf9; /* and one that does not take its command register's bits */
	model_pci_writable(nvme_at)[0x04] = 0;
	ck_assert_int_lt(nvme_open(&nvme, nvme_pci), 0);
	model_pci_writable(nvme_at)[0x04] = 0x47;
	finish();
}

static const struct unit_case cases[] = {
	{"edu: data goes to the device and back, by MSI", edu_msi},
	{"edu: the same by a line", edu_intx},
	{"edu: the same without interrupts", edu_poll},
	{"edu: one that is none is refused", edu_bad_identity},
	{"edu: one that does not answer loses the bus", edu_no_answer},
	{"edu: one that strays changes nothing", edu_astray},
	{"nvme: says what it is and shuts down", nvme_identity},
	{"nvme: data of any length and offset", nvme_data},
	{"nvme: full queues, wrapped", nvme_many},
	{"nvme: the same by a line, where there are no messages", nvme_line},
	{"nvme: one that was reset behind its driver is not waited for", nvme_reset_behind},
	{"nvme: what is bad from the start is refused", nvme_bad_from_the_start},
	{"nvme: what goes bad is stopped", nvme_goes_bad},
	{"nvme: interrupts that never come are not waited for", mute_but_polled},
	{"A 337: registers that move in config space", config_lies},
};

UNIT_MAIN("guest-drivers", cases)
