/* SPDX-License-Identifier: MIT */
/*
 * The hostile functions of pci-hostile.h: those of the model, with bytes of the input over them.
 * The accessor is not the model's, which breaks off where a function is sized while it decodes: who
 * is lied to about the command register cannot know.
 */
#include "pci-hostile.h"

struct hostile hostile;

const struct xen_pci_addr hostile_slot[NR_SLOTS] = {
	{0, 0, 0x00}, {0, 0, 0x08}, {0, 0, 0x09}, {0, 0, 0x0f}, {0, 0, 0xf8}, {0, 1, 0x00},
	{0, 1, 0x08}, {0, 1, 0x01}, {0, 2, 0x00}, {0, 2, 0x03}, {0, 3, 0x00}, {0, 255, 0x00},
};

/* The slot at @addr with something plugged; NR_SLOTS if there is none. */
static unsigned int find(struct xen_pci_addr addr)
{
	unsigned int i = 0;

	while (i < NR_SLOTS &&
	       (!hostile.raw[i] || hostile_slot[i].bus != addr.bus ||
		hostile_slot[i].devfn != addr.devfn || hostile_slot[i].segment != addr.segment))
		i++;
	return i;
}

static bool broken(void)
{
	hostile.accesses++;
	FUZZ_CHECK(hostile.accesses < MAX_ACCESSES);
	if (!hostile.break_at || hostile.accesses < hostile.break_at || !hostile.nr_broken)
		return false;
	hostile.nr_broken--;
	return true;
}

static uint32_t ones(unsigned int size)
{
	return 0xffffffffu >> (32 - 8 * size);
}

static int config_read(const struct xen_pci_config *config, struct xen_pci_addr addr,
		       unsigned int offset, unsigned int size, uint32_t *value)
{
	unsigned int slot = find(addr);
	const uint8_t *raw = slot < NR_SLOTS ? hostile.raw[slot] : NULL;

	FUZZ_CHECK((size == 1 || size == 2 || size == 4) && !(offset & (size - 1)) &&
		   offset + size <= XEN_PAGE_SIZE);
	*value = 0xdeadbeef;
	if (broken())
		return -XEN_EIO;
	*value = raw ? 0 : ones(size);
	if (raw)
		memcpy(value, raw + offset, size);
	if (raw && hostile.lies && fuzz_more(hostile.in)) {
		hostile.lies--;
		*value = (uint32_t)(*value ^ fuzz_number(hostile.in, size));
	}
	return 0;
}

static int config_write(const struct xen_pci_config *config, struct xen_pci_addr addr,
			unsigned int offset, unsigned int size, uint32_t value)
{
	unsigned int slot = find(addr);

	FUZZ_CHECK((size == 1 || size == 2 || size == 4) && !(offset & (size - 1)) &&
		   offset + size <= XEN_PAGE_SIZE);
	if (broken())
		return -XEN_EIO;
	for (unsigned int i = 0; slot < NR_SLOTS && i < size; i++) {
		uint8_t *raw = hostile.raw[slot] + offset + i,
			mask = hostile.writable[slot][offset + i];

		*raw = (*raw & ~mask) | ((uint8_t)(value >> i * 8) & mask);
	}
	return 0;
}

const struct xen_pci_config hostile_config = {config_read, config_write, 4096, NULL};
const struct xen_pci_config hostile_short_config = {config_read, config_write, 256, NULL};

/* A function that makes sense, by a few choices; what does not comes on top of it. */
static void plug_sane(struct xen_pci_addr addr)
{
	static const uint64_t places[] = {
		0xe0000000, 0xfff00000, 0x100000000, 0xffffff000, 1ULL << 40, 0xe0000800, 0};
	unsigned int kind = fuzz_byte(hostile.in);
	uint64_t at = places[fuzz_below(hostile.in, 7)];
	struct model_pci_function f = {
		.addr = addr,
		.vendor = 0x1234,
		.device = 0x11e8,
		.class_code = kind & 0x80 ? 0x060400 : 0x010802,
		.multifunction = kind & 0x01,
		.interrupt_pin = 1,
		.msi = kind & 0x02,
		.msix_entries = kind & 0x04 ? 8 : 0,
		.bridge = kind & 0x80,
	};
	unsigned int order = f.bridge ? 20 : 4 + fuzz_below(hostile.in, 40);

	if (f.bridge) {
		f.secondary = (uint8_t)(addr.bus + fuzz_below(hostile.in, 3));
		f.subordinate = (uint8_t)(f.secondary + fuzz_below(hostile.in, 3));
		f.window_start = 0xe0000000;
		f.window_end = 0xe00fffff + ((uint64_t)(kind & 0x0f) << 20);
		f.pref_is64 = kind & 0x10;
		f.pref_start = f.pref_is64 ? 1ULL << 40 : 0xf0000000;
		f.pref_end = f.pref_start + 0xfffff;
	} else {
		f.bar[0].size = 1ULL << order;
		f.bar[0].addr = at & ~(f.bar[0].size - 1);
		f.bar[0].is64 = (at | f.bar[0].size) >> 32 || kind & 0x08;
		f.bar[2] = (struct model_pci_bar){.addr = 0xc000, .size = 16, .io = kind & 0x10};
		if (kind & 0x20)
			f.rom = (struct model_pci_bar){.addr = 0xe0100000, .size = 0x10000};
	}
	model_pci_plug(&f);
}

/* Bytes of the input into config space or its write masks: runs at places that matter. */
void hostile_poke(unsigned int slot)
{
	static const uint16_t places[] = {0x00, 0x04, 0x0e, 0x10, 0x18, 0x20,  0x24,  0x28,
					  0x30, 0x34, 0x3c, 0x40, 0x50, 0x100, 0x110, 0x124};
	unsigned int what = fuzz_byte(hostile.in), at = places[what % 16];
	unsigned int nr = 1 + (what >> 4 & 7) * 4;
	uint8_t *bytes = what & 0x80 ? hostile.writable[slot] : hostile.raw[slot];

	while (nr-- > 0)
		bytes[at++] = fuzz_byte(hostile.in);
}

void hostile_plug(unsigned int slot)
{
	unsigned int pokes;

	plug_sane(hostile_slot[slot]);
	hostile.raw[slot] = model_pci_raw(hostile_slot[slot]);
	hostile.writable[slot] = model_pci_writable(hostile_slot[slot]);
	for (pokes = fuzz_below(hostile.in, 8); pokes > 0; pokes--)
		hostile_poke(slot);
}

void hostile_unplug(unsigned int slot)
{
	model_pci_unplug(hostile_slot[slot]);
	hostile.raw[slot] = NULL;
}
