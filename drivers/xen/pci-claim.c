/* SPDX-License-Identifier: MIT */
/*
 * Claims: which resource owns which addresses, and their identity in the P2M. Leaves (BARs, ROMs)
 * stand in one exclusive set of byte ranges; windows and apertures, which nest, in a list. Two
 * claims may overlap only if the one is a window or aperture above the other and holds it whole; a
 * disabled ROM is in nobody's way.
 * Invariant: a resource is in the registry and its pages are identity (but for one over RAM, where
 * its host allows that), or neither, except within xen_pci_claim() and xen_pci_unclaim(). The
 * registry serves all hosts and is guarded by registry.lock; the P2M locks itself and counts, so
 * pages shared by claims are no special case.
 */
#include "pci-internal.h"

#include <xen/balloon.h>
#include <xen/p2m.h>
#include <xen/port.h>

static struct {
	struct xen_lock lock;
	struct xen_ranges leaves; /* tag: the resource */
	unsigned int nr_leaves;
	struct xen_pci_resource *windows;
} registry;

/* What stands in the way of a claim, copied out while it cannot go away. */
struct obstacle {
	const char *how; /* NULL: nothing does */
	uint64_t start, size;
	char name[XEN_PCI_NAME_MAX];
	struct xen_pci_resource *rom; /* it gives way; NULL: it does not */
};

static bool is_window(const struct xen_pci_resource *res)
{
	return res->kind >= XEN_PCI_RES_WINDOW;
}

static uint64_t end_of(const struct xen_pci_resource *res)
{
	return res->start + res->size;
}

static bool overlaps(const struct xen_pci_resource *a, const struct xen_pci_resource *b)
{
	return a->start < end_of(b) && b->start < end_of(a);
}

static bool inside(const struct xen_pci_resource *inner, const struct xen_pci_resource *outer)
{
	return inner->start >= outer->start && end_of(inner) <= end_of(outer);
}

static pfn_t first_page(const struct xen_pci_resource *res)
{
	return paddr_to_pfn(res->start);
}

/* Whole pages: the identity of a resource covers each page that it lies on. */
static uint64_t nr_pages(const struct xen_pci_resource *res)
{
	return ((end_of(res) - 1) >> XEN_PAGE_SHIFT) - (res->start >> XEN_PAGE_SHIFT) + 1;
}

static bool is_aperture_of(const struct xen_pci_resource *res, const struct xen_pci_host *host)
{
	return res >= host->aperture && res < host->aperture + XEN_PCI_MAX_APERTURES;
}

/* Does what @res lies on pass through window or aperture @outer? */
static bool is_above(const struct xen_pci_resource *outer, const struct xen_pci_resource *res)
{
	if (!res->dev || !is_window(outer))
		return false;
	if (!outer->dev)
		return is_aperture_of(outer, res->dev->host);
	for (const struct xen_pci_dev *up = res->dev->parent; up; up = up->parent)
		if (up == outer->dev)
			return true;
	return false;
}

/* May @res and the claimed @other, which overlap, be? NULL, or what is wrong. */
static const char *judge(const struct xen_pci_resource *res, const struct xen_pci_resource *other)
{
	if (is_above(other, res))
		return inside(res, other) ? NULL : "lies half in";
	if (is_above(res, other))
		return inside(other, res) ? NULL : "holds half of";
	return "overlaps";
}

static bool set_obstacle(struct obstacle *obstacle, const char *how,
			 const struct xen_pci_resource *other)
{
	if (!how)
		return false;
	obstacle->how = how;
	obstacle->start = other->start;
	obstacle->size = other->size;
	xen_pci_resource_name(other, obstacle->name);
	return true;
}

bool xen_pci_reachable(const struct xen_pci_resource *res)
{
	const struct xen_pci_dev *up = res->dev ? res->dev->parent : NULL;

	for (; up; up = up->parent) {
		for (unsigned int i = XEN_PCI_RES_WINDOW_INDEX; i < XEN_PCI_NR_RES; i++)
			if (xen_pci_claimable(&up->res[i]) && inside(res, &up->res[i]))
				return true;
		if (up->class_code != PCI_CLASS_SUBTRACTIVE_BRIDGE)
			return false;
	}
	return true;
}

/* What a disabled ROM claims nothing answers at. Of another host, which may be changing, none
 * is touched. */
static bool gives_way(const struct xen_pci_resource *rom, const struct xen_pci_resource *to)
{
	return to->dev && to->dev->host == rom->dev->host && rom->kind == XEN_PCI_RES_ROM &&
	       !(rom->flags & XEN_PCI_RES_ENABLED) &&
	       (to->kind != XEN_PCI_RES_ROM || to->flags & XEN_PCI_RES_ENABLED);
}

/* Under the lock: check @res against all claims. */
static bool find_obstacle(const struct xen_pci_resource *res, struct obstacle *obstacle)
{
	struct xen_range leaf;
	uint64_t from = res->start;

	while (xen_ranges_first(&registry.leaves, from, end_of(res), &leaf)) {
		if (set_obstacle(obstacle, judge(res, leaf.tag), leaf.tag)) {
			if (gives_way(leaf.tag, res))
				obstacle->rom = (struct xen_pci_resource *)leaf.tag;
			return true;
		}
		from = leaf.end;
		if (from >= end_of(res))
			break;
	}
	for (const struct xen_pci_resource *other = registry.windows; other;
	     other = other->next_window)
		if (overlaps(res, other) && set_obstacle(obstacle, judge(res, other), other))
			return true;
	return false;
}

/* Every look at the set is under the lock: who leaves it empty may free it. */
static void free_if_empty(void)
{
	if (!registry.nr_leaves)
		xen_ranges_fini(&registry.leaves);
}

static int register_claim(struct xen_pci_resource *res, struct obstacle *obstacle)
{
	unsigned long flags = xen_port_lock(&registry.lock);
	int rc = 0;

	*obstacle = (struct obstacle){0};
	if (find_obstacle(res, obstacle)) {
		rc = -XEN_EEXIST;
	} else if (is_window(res)) {
		res->next_window = registry.windows;
		registry.windows = res;
	} else {
		rc = xen_ranges_insert(&registry.leaves, res->start, end_of(res), res, NULL);
		registry.nr_leaves += !rc;
		free_if_empty(); /* it keeps the nodes that it got before it ran out */
	}
	xen_port_unlock(&registry.lock, flags);
	return rc;
}

void xen_pci_unregister(struct xen_pci_resource *res)
{
	unsigned long flags = xen_port_lock(&registry.lock);

	if (is_window(res)) {
		struct xen_pci_resource **link = &registry.windows;

		while (*link != res) {
			XEN_ASSERT(*link);
			link = &(*link)->next_window;
		}
		*link = res->next_window;
		res->next_window = NULL;
	} else {
		int rc = xen_ranges_erase(&registry.leaves, res->start, end_of(res));

		XEN_ASSERT(!rc);
		registry.nr_leaves--;
		free_if_empty();
	}
	xen_port_unlock(&registry.lock, flags);
}

/* Of an aperture, which the embedder gave, always. */
static bool may_log(const struct xen_pci_resource *res)
{
	return !res->dev || xen_pci_may_log(res->dev->host);
}

static void log_obstacle(const struct xen_pci_resource *res, const struct obstacle *obstacle)
{
	char name[XEN_PCI_NAME_MAX];

	if (!may_log(res))
		return;
	xen_pci_resource_name(res, name);
	xen_port_log(XEN_LOG_ERROR, "%s [0x%llx-0x%llx] %s %s [0x%llx-0x%llx]: not used", name,
		     (unsigned long long)res->start, (unsigned long long)end_of(res) - 1,
		     obstacle->how, obstacle->name, (unsigned long long)obstacle->start,
		     (unsigned long long)(obstacle->start + obstacle->size - 1));
}

void xen_pci_log_unreachable(const struct xen_pci_resource *res)
{
	const struct xen_pci_dev *up = res->dev->parent;
	char name[XEN_PCI_NAME_MAX];

	if (!may_log(res))
		return;
	xen_pci_resource_name(res, name);
	xen_port_log(XEN_LOG_ERROR,
		     "%s [0x%llx-0x%llx] lies outside the windows of bridge %04x:%02x:%02x.%u: "
		     "not used",
		     name, (unsigned long long)res->start, (unsigned long long)end_of(res) - 1,
		     up->addr.segment, up->addr.bus, XEN_PCI_DEV(up->addr.devfn),
		     XEN_PCI_FN(up->addr.devfn));
}

static void log_ram(const struct xen_pci_resource *res, const struct xen_range *ram)
{
	const char *what = ram->tag ? ram->tag : "RAM";
	struct xen_range range = *ram;
	char name[XEN_PCI_NAME_MAX];

	if (!may_log(res))
		return;
	if (xen_balloon_query(first_page(res), nr_pages(res), &range))
		what = "ballooned RAM";
	xen_pci_resource_name(res, name);
	xen_port_log(XEN_LOG_ERROR, "%s [0x%llx-0x%llx] lies over %s [0x%llx-0x%llx]: not used",
		     name, (unsigned long long)res->start, (unsigned long long)end_of(res) - 1,
		     what, (unsigned long long)range.start << XEN_PAGE_SHIFT,
		     ((unsigned long long)range.end << XEN_PAGE_SHIFT) - 1);
}

static void make_way(struct xen_pci_resource *rom, const struct xen_pci_resource *to)
{
	struct obstacle obstacle;

	xen_pci_unclaim(rom);
	xen_pci_mark_conflict(rom->dev->host, rom);
	set_obstacle(&obstacle, "gives way to", to);
	log_obstacle(rom, &obstacle);
}

int xen_pci_claim(struct xen_pci_resource *res)
{
	struct xen_range ram = {0};
	struct obstacle obstacle;
	int rc;

	if (!xen_pci_reachable(res)) {
		xen_pci_log_unreachable(res);
		return -XEN_EEXIST;
	}
	rc = register_claim(res, &obstacle);
	while (rc && obstacle.rom) {
		make_way(obstacle.rom, res);
		rc = register_claim(res, &obstacle);
	}
	if (rc) {
		if (obstacle.how)
			log_obstacle(res, &obstacle);
		return rc;
	}
	rc = xen_p2m_identity_add(first_page(res), nr_pages(res), &ram);
	if (rc) {
		if (rc == -XEN_EEXIST && res->dev && res->dev->host->alias) {
			res->flags |= XEN_PCI_RES_CLAIMED | XEN_PCI_RES_ALIAS;
			return 0;
		}
		xen_pci_unregister(res);
		if (rc == -XEN_EEXIST)
			log_ram(res, &ram);
		return rc;
	}
	res->flags |= XEN_PCI_RES_CLAIMED;
	return 0;
}

/* Fails only for want of a node: then the pages stay identity, which harms nobody until something
 * else comes to lie there. */
void xen_pci_clear_identity(const struct xen_pci_resource *res)
{
	char name[XEN_PCI_NAME_MAX];
	int rc = 0;

	if (!(res->flags & XEN_PCI_RES_ALIAS))
		rc = xen_p2m_identity_remove(first_page(res), nr_pages(res));
	if (!rc || !may_log(res))
		return;
	xen_pci_resource_name(res, name);
	xen_port_log(XEN_LOG_ERROR, "%s [0x%llx-0x%llx] stays identity: error %d", name,
		     (unsigned long long)res->start, (unsigned long long)end_of(res) - 1, rc);
}

void xen_pci_unclaim(struct xen_pci_resource *res)
{
	if (!(res->flags & XEN_PCI_RES_CLAIMED))
		return;
	xen_pci_clear_identity(res);
	res->flags &= ~(XEN_PCI_RES_CLAIMED | XEN_PCI_RES_ALIAS);
	xen_pci_unregister(res);
}

const struct xen_pci_resource *xen_pci_resource_at(struct xen_pci_host *host, uint64_t addr)
{
	unsigned long flags = xen_port_lock(&registry.lock);
	const struct xen_pci_resource *found = NULL, *res;
	struct xen_range leaf;

	for (res = registry.windows; res; res = res->next_window) {
		if (res->dev ? res->dev->host != host : !is_aperture_of(res, host))
			continue;
		if (addr >= res->start && addr < end_of(res) && (!found || inside(res, found)))
			found = res;
	}
	if (addr < PCI_ADDR_LIMIT && xen_ranges_find(&registry.leaves, addr, &leaf)) {
		res = leaf.tag;
		if (res->dev->host == host)
			found = res;
	}
	xen_port_unlock(&registry.lock, flags);
	return found;
}

/* The first leaf in [start, end) that is not of function @dev. */
static const struct xen_pci_resource *foreign_leaf(uint64_t start, uint64_t end,
						   const struct xen_pci_dev *dev)
{
	struct xen_range leaf;

	while (start < end && xen_ranges_first(&registry.leaves, start, end, &leaf)) {
		const struct xen_pci_resource *res = leaf.tag;

		if (res->dev != dev)
			return res;
		start = leaf.end;
	}
	return NULL;
}

bool xen_pci_shares_page(const struct xen_pci_resource *res, const struct xen_pci_resource **other)
{
	const struct xen_pci_resource *found;
	unsigned long flags;
	uint64_t first, last;

	if (!(res->flags & XEN_PCI_RES_CLAIMED) || is_window(res))
		return false;
	first = res->start & XEN_PAGE_MASK;
	last = (end_of(res) + XEN_PAGE_SIZE - 1) & XEN_PAGE_MASK;
	flags = xen_port_lock(&registry.lock);
	found = foreign_leaf(first, res->start, res->dev);
	if (!found)
		found = foreign_leaf(end_of(res), last, res->dev);
	xen_port_unlock(&registry.lock, flags);
	if (found && other)
		*other = found;
	return found;
}
