/* SPDX-License-Identifier: MIT */
/*
 * The model's PCI devices by their registers alone, where a driver does not go: what config space
 * forbids, addresses out of reach, commands that make no sense.
 */
#include <model/device.h>

#include <xen/pci.h>

#include "guest.h"

#define BAR 0xfe000000ULL
#define BLOCK 512

static const struct xen_pci_addr addr = {0, 0, XEN_PCI_DEVFN(4, 0)};
static uint64_t *mfns;
static struct model_device *device;
static uint8_t *regs;

static void command(uint16_t value)
{
	model_pci_config.write(&model_pci_config, addr, 4, 2, value);
}

static void map_regs(void)
{
	regs = xen_port_vm_alloc(2);
	ck_assert_int_eq(guest_map(regs, BAR >> 12), 0);
	ck_assert_int_eq(guest_map(regs + 4096, (BAR >> 12) + 1), 0);
	command(XEN_PCI_COMMAND_MEMORY | XEN_PCI_COMMAND_MASTER);
}

static void finish(void)
{
	ck_assert_int_eq(guest_unmap(regs), 0);
	ck_assert_int_eq(guest_unmap(regs + 4096), 0);
	xen_port_vm_free(regs, 2);
	model_device_unplug(device);
	ck_assert(model_stop());
}

static uint32_t read32(unsigned int at)
{
	return *(volatile uint32_t *)(void *)(regs + at);
}

static uint64_t read64(unsigned int at)
{
	return *(volatile uint64_t *)(void *)(regs + at);
}

static void write32(unsigned int at, uint32_t value)
{
	*(volatile uint32_t *)(void *)(regs + at) = value;
}

static void write64(unsigned int at, uint64_t value)
{
	*(volatile uint64_t *)(void *)(regs + at) = value;
}

/* --- edu ------------------------------------------------------------------------------------ */

static void begin_edu(void)
{
	static const struct xen_e820_entry low[] = {{0, 256 << 20, XEN_E820_RAM}};
	static const struct model_params params = {.e820 = low, .nr_e820 = 1};

	mfns = guest_start(&params);
	device = model_edu_plug(addr, BAR);
	map_regs();
}

static void dma(uint64_t from, uint64_t to, uint64_t count, uint32_t cmd)
{
	write64(0x80, from);
	write64(0x88, to);
	write64(0x90, count);
	write64(0x98, cmd);
	model_devices_step();
}

static void edu_registers(void)
{
	begin_edu();
	ck_assert_uint_eq(read32(0), 0x010000ed);
	ck_assert_uint_eq(*(volatile uint8_t *)regs, 0xff); /* registers are words */
	ck_assert_uint_eq(read64(0), ~0ULL);
	write32(4, 0x12345678);
	ck_assert_uint_eq(read32(4), ~0x12345678u);
	write64(0x80, 0x1122334455667788);
	ck_assert_uint_eq(read64(0x80), 0x1122334455667788);
	ck_assert_uint_eq(read32(0x80), 0x55667788);
	*(volatile uint64_t *)(void *)(regs + 0x80) |= 1; /* a read and a write in one */
	ck_assert_uint_eq(read64(0x80), 0x1122334455667789);
	command(XEN_PCI_COMMAND_MASTER); /* no decode */
	ck_assert_uint_eq(read32(0), ~0u);
	write32(4, 1);
	command(XEN_PCI_COMMAND_MEMORY);
	ck_assert_uint_eq(read32(4), ~0x12345678u);
	model_device_behave(device, MODEL_GONE);
	ck_assert_uint_eq(read32(4), ~0u);
	finish();
}

static void edu_dma(void)
{
	uint64_t ram;

	begin_edu();
	ram = mfns[900] << 12;
	strcpy(guest_va(900), "to the device");
	dma(ram, 0x40000, 14, 1);
	ck_assert_str_eq((char *)model_device_memory(device), "to the device");
	ck_assert_uint_eq(read64(0x98), 0);
	dma(0x40003, ram + 100, 11, 3);
	ck_assert_str_eq((char *)guest_va(900) + 100, "the device");
	/* Upper bits of the address are lost on the way. */
	dma(0x40000, ram | 1ULL << 28, 14, 3);
	ck_assert_str_eq(guest_va(900), "to the device");
	ck_assert_uint_eq(model_device_strays(device), 0);
	dma(0x40000, ram, 4097, 3); /* beyond its buffer */
	dma(0x3ffff, ram, 1, 3);
	ck_assert_uint_eq(model_device_strays(device), 2);
	dma(0x40000, 4096, 1, 3); /* RAM, but not the domain's */
	ck_assert_uint_eq(model_device_strays(device), 3);
	command(XEN_PCI_COMMAND_MEMORY); /* no bus mastering */
	dma(0x40005, ram, 1, 3);
	ck_assert_uint_eq(model_device_strays(device), 4);
	ck_assert_str_eq(guest_va(900), "to the device");
	/* While it runs nothing of the order can be changed. */
	write64(0x98, 1);
	write64(0x90, 77);
	ck_assert_uint_eq(read64(0x90), 1);
	model_devices_step();
	finish();
}

/* --- nvme ----------------------------------------------------------------------------------- */

struct sqe {
	uint8_t opcode, flags;
	uint16_t id;
	uint32_t nsid;
	uint64_t reserved, metadata, prp1, prp2;
	uint32_t dw10, dw11, dw12, dw13, dw14, dw15;
};

struct cqe {
	uint32_t result, reserved;
	uint16_t head, sq, id, status;
};

static uint16_t tail, head, io_tail, io_head;

/* Pages 900 to 903: admin queues, I/O queues, of 8 entries each. */
static void begin_nvme(void)
{
	mfns = guest_start(NULL);
	device = model_nvme_plug(addr, BAR, "disk", 64 * BLOCK, 3);
	map_regs();
	for (unsigned int i = 900; i < 910; i++)
		memset(guest_va(i), 0, XEN_PAGE_SIZE);
	write32(0x24, 7 << 16 | 7);
	write64(0x28, mfns[900] << 12);
	write64(0x30, mfns[901] << 12);
	ck_assert_uint_eq(read32(0x1c), 0);
	write32(0x14, 0x00460001);
	ck_assert_uint_eq(read32(0x1c), 1);
	tail = head = io_tail = io_head = 0;
}

static uint16_t run(struct sqe sqe, bool io)
{
	struct sqe *sq = guest_va(io ? 902 : 900);
	volatile struct cqe *cq = guest_va(io ? 903 : 901);
	uint16_t *at = io ? &io_tail : &tail, *from = io ? &io_head : &head, status;

	sqe.id = (uint16_t)(100 + *at);
	sq[*at] = sqe;
	*at = (*at + 1) % 8;
	write32(io ? 0x1008 : 0x1000, *at);
	model_devices_step();
	ck_assert_uint_eq(cq[*from].id, sqe.id);
	status = cq[*from].status >> 1;
	*from = (*from + 1) % 8;
	write32(io ? 0x100c : 0x1004, *from);
	return status;
}

static uint16_t create(uint8_t opcode, unsigned int id, unsigned int entries, uint64_t pfn,
		       uint32_t dw11)
{
	const struct sqe sqe = {.opcode = opcode,
				.prp1 = mfns[pfn] << 12,
				.dw10 = (entries - 1) << 16 | id,
				.dw11 = dw11};

	return run(sqe, false);
}

static void make_io_queues(void)
{
	ck_assert_uint_eq(create(5, 1, 8, 903, 1 << 16 | 3), 0);
	ck_assert_uint_eq(create(1, 1, 8, 902, 1 << 16 | 1), 0);
}

static void nvme_queues(void)
{
	begin_nvme();
	ck_assert_uint_eq(run((struct sqe){.opcode = 0x7f}, false), 0x001);
	ck_assert_uint_eq(create(1, 1, 8, 902, 1 << 16 | 1), 0x100); /* no completion queue yet */
	ck_assert_uint_eq(create(5, 0, 8, 903, 1 << 16 | 3), 0x101);
	ck_assert_uint_eq(create(5, 3, 8, 903, 1 << 16 | 3), 0x101);
	ck_assert_uint_eq(create(5, 1, 65, 903, 1 << 16 | 3), 0x102);
	ck_assert_uint_eq(create(5, 1, 8, 903, 9 << 16 | 3), 0x108);
	ck_assert_uint_eq(create(5, 1, 8, 903, 1 << 16 | 2), 0x002); /* in pieces */
	make_io_queues();
	ck_assert_uint_eq(create(5, 1, 8, 903, 1 << 16 | 3), 0x101); /* it is there */
	ck_assert_uint_eq(run((struct sqe){.opcode = 4, .dw10 = 1}, false), 0x10c); /* in use */
	ck_assert_uint_eq(run((struct sqe){.opcode = 0, .dw10 = 1}, false), 0);
	ck_assert_uint_eq(run((struct sqe){.opcode = 4, .dw10 = 1}, false), 0);
	ck_assert_uint_eq(run((struct sqe){.opcode = 9, .dw10 = 7}, false), 0);
	ck_assert_uint_eq(run((struct sqe){.opcode = 9, .dw10 = 1}, false), 0x002);
	write32(0x1000, 8); /* doorbells: no such entry, no such queue */
	write32(0x1020, 1);
	ck_assert_uint_eq(model_device_strays(device), 2);
	write32(0x14, 0x00460001 | 1 << 14);
	ck_assert_uint_eq(read32(0x1c), 1 | 2 << 2);
	write32(0x14, 0);
	ck_assert_uint_eq(read32(0x1c), 0);
	write32(0x1000, 1); /* off */
	ck_assert_uint_eq(model_device_strays(device), 3);
	finish();
}

static void nvme_io(void)
{
	struct sqe sqe = {.opcode = 1, .nsid = 1};
	uint64_t *list;

	begin_nvme();
	make_io_queues();
	sqe.nsid = 2;
	ck_assert_uint_eq(run(sqe, true), 0x00b);
	sqe.nsid = 1;
	sqe.dw10 = 64;
	ck_assert_uint_eq(run(sqe, true), 0x080);
	sqe.dw10 = 60;
	sqe.dw12 = 4;
	ck_assert_uint_eq(run(sqe, true), 0x080);
	sqe.opcode = 0x55;
	ck_assert_uint_eq(run(sqe, true), 0x001);
	/* 16 KiB that start in mid-page: a list of four, which itself crosses into a second page.
	 */
	sqe = (struct sqe){.opcode = 1, .nsid = 1, .dw12 = 31, .prp1 = (mfns[904] << 12) + 2048};
	sqe.prp2 = (mfns[909] << 12) + 4096 - 16;
	list = guest_va(909);
	list[510] = mfns[905] << 12;
	list[511] = mfns[908] << 12;
	list = guest_va(908);
	for (unsigned int i = 0; i < 2; i++)
		list[i] = mfns[906 + i] << 12;
	list[2] = mfns[906] << 12;
	memset((char *)guest_va(904) + 2048, 'a', 2048);
	memset(guest_va(905), 'b', 4096);
	memset(guest_va(906), 'c', 4096);
	memset(guest_va(907), 'd', 4096);
	ck_assert_uint_eq(run(sqe, true), 0);
	ck_assert_uint_eq(model_device_memory(device)[2047], 'a');
	ck_assert_uint_eq(model_device_memory(device)[2048], 'b');
	ck_assert_uint_eq(model_device_memory(device)[6144], 'c');
	ck_assert_uint_eq(model_device_memory(device)[14335], 'd');
	ck_assert_uint_eq(model_device_memory(device)[16383], 'c');
	list[0] += 8; /* only the first may start in mid-page */
	ck_assert_uint_eq(run(sqe, true), 0x013);
	list[0] = 5 << 12; /* not ours */
	ck_assert_uint_eq(run(sqe, true), 0x004);
	ck_assert_uint_eq(model_device_strays(device), 1);
	finish();
}

/* Its queue is not where it may look. */
static void nvme_fatal(void)
{
	begin_nvme();
	write32(0x14, 0);
	write64(0x28, 5 << 12);
	write32(0x14, 0x00460001);
	write32(0x1000, 1);
	model_devices_step();
	ck_assert_uint_eq(read32(0x1c), 3);
	ck_assert_uint_eq(model_device_strays(device), 1);
	finish();
}

static const struct unit_case cases[] = {
	{"edu: registers are words, and obey config space", edu_registers},
	{"edu: DMA is bounded by mask, buffer, ownership and the bus", edu_dma},
	{"nvme: queues come and go in order", nvme_queues},
	{"nvme: data is described by PRPs", nvme_io},
	{"nvme: what cannot be fetched is fatal", nvme_fatal},
};

UNIT_MAIN("model-device", cases)
