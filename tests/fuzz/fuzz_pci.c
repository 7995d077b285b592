/* SPDX-License-Identifier: MIT */
/*
 * Walking, using and unplugging hostile functions: config space and the bits that take writes come
 * from the input, reads may be changed or fail, functions come and go between two operations. What
 * is claimed is identity, every operation makes a bounded number of accesses, and when the host is
 * taken down the identity set is what it was.
 */
#include <xen/p2m.h>
#include <xen/pci.h>
#include <xen/pirq.h>

#include "fuzz.h"

#define NR_SLOTS 12
#define MAX_OPS 64
#define MAX_PIRQS 4
#define MAX_BYTES 4096

/* Accesses that one operation may cost, for each function plugged and for each bus looked at. */
#define MAX_ACCESSES (NR_SLOTS * 4096 + 256 * 256)

enum op { PLUG, UNPLUG, POKE, LIE, BREAK, FAIL, SCAN, ADD, REMOVE, USE, MESSAGE, APERTURE, NR_OPS };

static struct {
	struct fuzz_input *in;
	struct xen_pci_host host;
	struct xen_pirq pirq[MAX_PIRQS];
	unsigned int nr_pirqs;
	uint8_t *raw[NR_SLOTS], *writable[NR_SLOTS]; /* of what is plugged, else NULL */
	uint64_t accesses;
	uint64_t break_at; /* accesses from this one on fail; 0: none */
	unsigned int nr_broken;
	unsigned int lies; /* reads that may still be changed by the input */
} w;

static const struct xen_pci_addr slots[NR_SLOTS] = {
	{0, 0, 0x00}, {0, 0, 0x08}, {0, 0, 0x09}, {0, 0, 0x0f}, {0, 0, 0xf8}, {0, 1, 0x00},
	{0, 1, 0x08}, {0, 1, 0x01}, {0, 2, 0x00}, {0, 2, 0x03}, {0, 3, 0x00}, {0, 255, 0x00},
};

/* The slot at @addr with something plugged; NR_SLOTS if there is none. */
static unsigned int find(struct xen_pci_addr addr)
{
	unsigned int i = 0;

	while (i < NR_SLOTS && (!w.raw[i] || slots[i].bus != addr.bus ||
				slots[i].devfn != addr.devfn || slots[i].segment != addr.segment))
		i++;
	return i;
}

static bool broken(void)
{
	w.accesses++;
	FUZZ_CHECK(w.accesses < MAX_ACCESSES);
	if (!w.break_at || w.accesses < w.break_at || !w.nr_broken)
		return false;
	w.nr_broken--;
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
	const uint8_t *raw = slot < NR_SLOTS ? w.raw[slot] : NULL;

	FUZZ_CHECK((size == 1 || size == 2 || size == 4) && !(offset & (size - 1)) &&
		   offset + size <= XEN_PAGE_SIZE);
	*value = 0xdeadbeef;
	if (broken())
		return -XEN_EIO;
	*value = raw ? 0 : ones(size);
	if (raw)
		memcpy(value, raw + offset, size);
	if (raw && w.lies && fuzz_more(w.in)) {
		w.lies--;
		*value = (uint32_t)(*value ^ fuzz_number(w.in, size));
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
		uint8_t *raw = w.raw[slot] + offset + i, mask = w.writable[slot][offset + i];

		*raw = (*raw & ~mask) | ((uint8_t)(value >> i * 8) & mask);
	}
	return 0;
}

static const struct xen_pci_config config = {config_read, config_write, 4096, NULL};
static const struct xen_pci_config short_config = {config_read, config_write, 256, NULL};

/* A function that makes sense, by a few choices; what does not comes on top of it. */
static void plug_sane(struct xen_pci_addr addr)
{
	static const uint64_t places[] = {
		0xe0000000, 0xfff00000, 0x100000000, 0xffffff000, 1ULL << 40, 0xe0000800, 0};
	unsigned int kind = fuzz_byte(w.in);
	uint64_t at = places[fuzz_below(w.in, 7)];
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
	unsigned int order = f.bridge ? 20 : 4 + fuzz_below(w.in, 40);

	if (f.bridge) {
		f.secondary = (uint8_t)(addr.bus + fuzz_below(w.in, 3));
		f.subordinate = (uint8_t)(f.secondary + fuzz_below(w.in, 3));
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
static void poke(unsigned int slot)
{
	static const uint16_t places[] = {0x00, 0x04, 0x0e, 0x10, 0x18, 0x20,  0x24,  0x28,
					  0x30, 0x34, 0x3c, 0x40, 0x50, 0x100, 0x110, 0x124};
	unsigned int what = fuzz_byte(w.in), at = places[what % 16];
	unsigned int nr = 1 + (what >> 4 & 7) * 4;
	uint8_t *bytes = what & 0x80 ? w.writable[slot] : w.raw[slot];

	while (nr-- > 0)
		bytes[at++] = fuzz_byte(w.in);
}

static void plug(unsigned int slot)
{
	unsigned int pokes;

	plug_sane(slots[slot]);
	w.raw[slot] = model_pci_raw(slots[slot]);
	w.writable[slot] = model_pci_writable(slots[slot]);
	for (pokes = fuzz_below(w.in, 8); pokes > 0; pokes--)
		poke(slot);
}

static void unplug(unsigned int slot)
{
	model_pci_unplug(slots[slot]);
	w.raw[slot] = NULL;
}

static bool covered(const struct xen_pci_resource *res)
{
	uint64_t first = res->start >> XEN_PAGE_SHIFT;
	uint64_t end = ((res->start + res->size - 1) >> XEN_PAGE_SHIFT) + 1;
	struct xen_range range;

	for (; first < end; first = range.end)
		if (!xen_ranges_find(&xen_p2m.identity, first, &range))
			return false;
	return true;
}

/* What is claimed is identity, whole; the counters agree with the tree. */
static void check_host(void)
{
	unsigned int conflicts = 0, nr = 0;

	for (struct xen_pci_dev *dev = w.host.devices; dev; dev = dev->next, nr++)
		for (unsigned int i = 0; i < XEN_PCI_NR_RES; i++) {
			const struct xen_pci_resource *res = &dev->res[i];
			char name[XEN_PCI_NAME_MAX];

			conflicts += !!(res->flags & XEN_PCI_RES_CONFLICT);
			if (!(res->flags & XEN_PCI_RES_CLAIMED))
				continue;
			FUZZ_CHECK(!(res->flags &
				     (XEN_PCI_RES_CONFLICT | XEN_PCI_RES_IO | XEN_PCI_RES_UNSET)));
			FUZZ_CHECK(res->size && res->start + res->size - 1 >= res->start);
			FUZZ_CHECK(covered(res));
			FUZZ_CHECK(xen_pci_resource_at(&w.host, res->start));
			xen_pci_resource_name(res, name);
			FUZZ_CHECK(memchr(name, 0, sizeof(name)));
		}
	FUZZ_CHECK(conflicts <= w.host.nr_conflicts);
	FUZZ_CHECK(nr == w.host.nr_devices);
}

static struct xen_pci_dev *pick_dev(void)
{
	unsigned int nr = w.host.nr_devices ? fuzz_byte(w.in) % w.host.nr_devices : 0;
	struct xen_pci_dev *dev = w.host.devices;

	while (nr-- > 0)
		dev = dev->next;
	return dev;
}

/* What Xen refuses here would stay mapped, and the header says so: it does not. */
static void release_pirqs(void)
{
	fuzz_fail_nothing();
	while (w.nr_pirqs)
		xen_pirq_release(&w.pirq[--w.nr_pirqs]);
}

static void handler(void *arg)
{
}

static void use(struct xen_pci_dev *dev)
{
	unsigned int what = fuzz_byte(w.in), at;

	at = xen_pci_find_cap(dev, fuzz_byte(w.in));
	FUZZ_CHECK(!at || (at >= 0x40 && at < 0x100));
	at = xen_pci_find_ext_cap(dev, fuzz_byte(w.in));
	FUZZ_CHECK(!at || (at >= 0x100 && at < 0x1000));
	xen_pci_command(dev, what & 0x0407, what >> 4 & 7);
	for (unsigned int i = 0; i < XEN_PCI_NR_RES; i++) {
		const struct xen_pci_resource *other = NULL;

		if (xen_pci_shares_page(&dev->res[i], &other))
			FUZZ_CHECK(other && other != &dev->res[i]);
	}
}

static void message(struct xen_pci_dev *dev)
{
	unsigned int what = fuzz_byte(w.in);
	struct xen_pirq *pirq = &w.pirq[w.nr_pirqs];
	int rc;

	if (w.nr_pirqs == MAX_PIRQS) {
		release_pirqs();
		return;
	}
	rc = what & 1 ? xen_pirq_map_msix(pirq, dev, what >> 4) : xen_pirq_map_msi(pirq, dev);
	FUZZ_CHECK(rc <= 0);
	if (!rc && what & 2)
		rc = xen_pirq_bind(pirq, what & 4, handler, NULL);
	w.nr_pirqs++;
	if (what & 8)
		release_pirqs();
}

static void scan(void)
{
	unsigned int bus = fuzz_below(w.in, 4), found, before = w.host.nr_devices;

	xen_pci_scan(&w.host, (uint8_t)bus, &found);
	FUZZ_CHECK(w.host.nr_devices == before + found);
}

static void add(unsigned int slot)
{
	unsigned int nr = w.host.nr_devices;
	struct xen_pci_dev *dev = NULL, *parent = NULL;
	int rc;

	if (slots[slot].bus)
		parent = pick_dev();
	rc = xen_pci_add(&w.host, slots[slot], parent, &dev);
	FUZZ_CHECK(rc <= 0 && (rc ? w.host.nr_devices == nr : w.host.nr_devices > nr));
	if (!rc)
		FUZZ_CHECK(dev && xen_pci_find(&w.host, slots[slot]) == dev);
}

static void aperture(void)
{
	unsigned int nr = w.host.nr_apertures;
	uint64_t start = fuzz_number(w.in, 4) << 16, size = fuzz_number(w.in, 2) << 12;
	int rc = xen_pci_add_aperture(&w.host, start, size);

	FUZZ_CHECK(rc <= 0 && w.host.nr_apertures == nr + !rc);
}

static void use_tree(enum op op)
{
	struct xen_pci_dev *dev = pick_dev();

	if (!dev)
		return;
	switch (op) {
	case REMOVE:
		release_pirqs(); /* as the header asks */
		xen_pci_remove(&w.host, dev);
		break;
	case USE:
		use(dev);
		break;
	default:
		message(dev);
	}
}

static void step(void)
{
	static const enum model_call kinds[] = {MODEL_ALLOC, MODEL_PHYSDEV_OP,
						MODEL_EVENT_CHANNEL_OP};
	unsigned int code = fuzz_byte(w.in), slot = (code >> 4) % NR_SLOTS;
	enum op op = (code & 15) % NR_OPS;

	w.accesses = 0;
	switch (op) {
	case PLUG:
		plug(slot);
		break;
	case UNPLUG:
		if (w.raw[slot])
			unplug(slot);
		break;
	case POKE:
		if (w.raw[slot])
			poke(slot);
		break;
	case LIE:
		w.lies = fuzz_byte(w.in);
		break;
	case BREAK:
		w.break_at = 1 + fuzz_byte(w.in);
		w.nr_broken = fuzz_below(w.in, 2) ? ~0u : 1;
		break;
	case FAIL:
		fuzz_fail_nothing(); /* one at a time */
		fuzz_fail(w.in, kinds, 3);
		break;
	case SCAN:
		scan();
		break;
	case ADD:
		add(slot);
		break;
	case APERTURE:
		aperture();
		break;
	default:
		use_tree(op);
	}
	if (op != BREAK)
		w.break_at = 0;
	check_host();
}

static bool no_identity(void)
{
	return !xen_ranges_first(&xen_p2m.identity, 0, 1ULL << 63, NULL);
}

void fuzz_one(struct fuzz_input *in)
{
	static const struct xen_e820_entry map[] = {{0, 64ULL << 20, XEN_E820_RAM}};
	static const struct model_params params = {
		.e820 = map, .nr_e820 = 1, .nr_pages = 64, .contiguous = true};
	struct model_allocs before;
	unsigned int first = fuzz_byte(in);

	model_start(&params);
	before = model_allocs();
	memset(&w, 0, sizeof(w));
	w.in = in;
	xen_pci_host_init(&w.host, first & 1 ? &short_config : &config, 0, first & 2);
	for (unsigned int i = 0; i < MAX_OPS && fuzz_more(in); i++)
		step();

	fuzz_fail_nothing();
	w.accesses = 0;
	release_pirqs();
	w.accesses = 0;
	xen_pci_host_fini(&w.host);
	FUZZ_CHECK(!w.accesses && !w.host.devices && !w.host.nr_devices && !w.host.nr_conflicts);
	FUZZ_CHECK(no_identity());
	for (unsigned int slot = 0; slot < NR_SLOTS; slot++)
		if (w.raw[slot])
			unplug(slot);
	FUZZ_CHECK(model_stop());
	xen_p2m_fini();
	before.objects = 0;
	before.bytes = 0;
	FUZZ_CHECK(fuzz_same_allocs(&before));
}
