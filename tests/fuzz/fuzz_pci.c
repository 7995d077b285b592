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
#include "pci-hostile.h"

#define MAX_OPS 64
#define MAX_PIRQS 4
#define NR_ROOTS 2 /* buses that are scanned as roots */

enum op { PLUG, UNPLUG, POKE, LIE, BREAK, FAIL, SCAN, ADD, REMOVE, USE, MESSAGE, APERTURE, NR_OPS };

static struct {
	struct fuzz_input *in;
	struct xen_pci_host host;
	struct xen_pirq pirq[MAX_PIRQS];
	unsigned int nr_pirqs;
} w;

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

static bool is_above(const struct xen_pci_dev *up, const struct xen_pci_dev *dev)
{
	while (dev && dev != up)
		dev = dev->parent;
	return dev;
}

/* Two claims are disjoint, or the one is a window above the other, or an aperture, and holds it. */
static void check_pair(const struct xen_pci_resource *a, const struct xen_pci_resource *b)
{
	uint64_t a_end = a->start + a->size, b_end = b->start + b->size;

	if (!(a->flags & b->flags & XEN_PCI_RES_CLAIMED) || a == b || a->start >= b_end ||
	    b->start >= a_end)
		return;
	if (b->kind < XEN_PCI_RES_WINDOW || !is_above(b->dev, a->dev))
		FUZZ_CHECK(a->kind >= XEN_PCI_RES_WINDOW && is_above(a->dev, b->dev));
	else
		FUZZ_CHECK((a->start >= b->start && a_end <= b_end) || is_above(a->dev, b->dev));
}

static void check_claims(const struct xen_pci_resource *res)
{
	for (const struct xen_pci_dev *dev = w.host.devices; dev; dev = dev->next)
		for (unsigned int i = 0; i < XEN_PCI_NR_RES; i++)
			check_pair(res, &dev->res[i]);
}

/* A bus has been seen that was scanned as a root or that a bridge leads to. */
static void check_buses(void)
{
	for (unsigned int bus = NR_ROOTS; bus < 256; bus++) {
		const struct xen_pci_dev *dev = w.host.devices;

		while (dev && !(dev->followed && dev->secondary == bus))
			dev = dev->next;
		FUZZ_CHECK(!!dev == (w.host.seen_buses[bus / 64] >> bus % 64 & 1));
	}
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
			check_claims(res);
			FUZZ_CHECK(xen_pci_resource_at(&w.host, res->start));
			xen_pci_resource_name(res, name);
			FUZZ_CHECK(memchr(name, 0, sizeof(name)));
		}
	FUZZ_CHECK(conflicts <= w.host.nr_conflicts);
	FUZZ_CHECK(nr == w.host.nr_devices);
	check_buses();
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
	unsigned int bus = fuzz_below(w.in, NR_ROOTS), found, before = w.host.nr_devices;

	xen_pci_scan(&w.host, (uint8_t)bus, &found);
	FUZZ_CHECK(w.host.nr_devices == before + found);
}

static void add(unsigned int slot)
{
	unsigned int nr = w.host.nr_devices;
	struct xen_pci_dev *dev = NULL, *parent = NULL;
	int rc;

	if (hostile_slot[slot].bus)
		parent = pick_dev();
	rc = xen_pci_add(&w.host, hostile_slot[slot], parent, &dev);
	FUZZ_CHECK(rc <= 0 && (rc ? w.host.nr_devices == nr : w.host.nr_devices > nr));
	if (!rc)
		FUZZ_CHECK(dev && xen_pci_find(&w.host, hostile_slot[slot]) == dev);
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

	hostile.accesses = 0;
	switch (op) {
	case PLUG:
		hostile_plug(slot);
		break;
	case UNPLUG:
		if (hostile.raw[slot])
			hostile_unplug(slot);
		break;
	case POKE:
		if (hostile.raw[slot])
			hostile_poke(slot);
		break;
	case LIE:
		hostile.lies = fuzz_byte(w.in);
		break;
	case BREAK:
		hostile.break_at = 1 + fuzz_byte(w.in);
		hostile.nr_broken = fuzz_below(w.in, 2) ? ~0u : 1;
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
		hostile.break_at = 0;
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
	memset(&hostile, 0, sizeof(hostile));
	hostile.in = in;
	xen_pci_host_init(&w.host, first & 1 ? &hostile_short_config : &hostile_config, 0,
			  first & 2);
	for (unsigned int i = 0; i < MAX_OPS && fuzz_more(in); i++)
		step();

	fuzz_fail_nothing();
	hostile.accesses = 0;
	release_pirqs();
	hostile.accesses = 0;
	xen_pci_host_fini(&w.host);
	FUZZ_CHECK(!hostile.accesses && !w.host.devices && !w.host.nr_devices &&
		   !w.host.nr_conflicts);
	FUZZ_CHECK(no_identity());
	for (unsigned int slot = 0; slot < NR_SLOTS; slot++)
		if (hostile.raw[slot])
			hostile_unplug(slot);
	FUZZ_CHECK(model_stop());
	xen_p2m_fini();
	before.objects = 0;
	before.bytes = 0;
	FUZZ_CHECK(fuzz_same_allocs(&before));
}
