/* SPDX-License-Identifier: MIT */
/*
 * PHYSDEVOP_*: the ledger of PIRQs. GSIs get the lowest free PIRQ from 16 on, messages the highest,
 * as in Xen; mapping a message needs a function that Xen knows (physdev_pci.c), with the
 * capability. Only the hardware domain may do these, for itself or, where it is not the first one,
 * for the first: all PIRQs here are the first domain's. A domU may EOI and ask for status. Model
 * lock held.
 */
#include <stdio.h>
#include <string.h>

#include <model/internal.h>

#define NR_GSI 48
#define NR_PIRQS 256
#define NR_DOMU_PIRQS (NR_GSI + 32) /* Xen's default */
#define FIRST_FREE 16
#define MAX_MSI 32

struct pirq {
	bool mapped;
	bool level, in_flight, again; /* a line: not yet acknowledged; asserted again */
	int gsi;		      /* -1: a message */
	bool msix;		      /* the message is an MSI-X entry */
	unsigned int entry;	      /* of MSI-X; vector of MSI */
	uint32_t sbdf;
	evtchn_port_t port;
	uint64_t eois;
};

static struct pirq pirqs[NR_PIRQS];
static struct {
	bool set, level;
	bool lost; /* unmapped once: Xen took the domain's permission for it away */
} gsis[NR_GSI];

void physdev_start(void)
{
	memset(pirqs, 0, sizeof(pirqs));
	memset(gsis, 0, sizeof(gsis));
	physdev_pci_start();
}

/* How many the domain may have. */
static uint32_t limit(void)
{
	return model.params.domu ? NR_DOMU_PIRQS : NR_PIRQS;
}

static int free_pirq(bool gsi)
{
	for (int i = FIRST_FREE; gsi && i < NR_GSI; i++)
		if (!pirqs[i].mapped)
			return i;
	for (int i = (int)limit() - 1; i >= NR_GSI; i--)
		if (!pirqs[i].mapped)
			return i;
	return -XEN_ENOSPC;
}

/* @nr consecutive ones, naturally aligned. */
static int free_pirqs(int nr)
{
	for (int start = (int)limit() - nr; start >= NR_GSI; start -= nr) {
		int i = 0;

		while (i < nr && !pirqs[start + i].mapped)
			i++;
		if (i == nr)
			return start;
	}
	return -XEN_ENOSPC;
}

static int map_gsi(struct physdev_map_pirq *map)
{
	int pirq = map->pirq;

	if (map->index < 0 || map->index >= NR_GSI)
		return -XEN_EINVAL;
	for (int i = 0; i < NR_PIRQS; i++)
		if (pirqs[i].mapped && pirqs[i].gsi == map->index) {
			if (pirq >= 0 && pirq != i)
				return -XEN_EEXIST;
			map->pirq = i; /* mapped before: the same again */
			return 0;
		}
	if (gsis[map->index].lost)
		return -XEN_EPERM;
	if (pirq < 0)
		pirq = free_pirq(true);
	if (pirq < 0)
		return pirq;
	if (pirq >= NR_PIRQS || pirqs[pirq].mapped)
		return -XEN_EINVAL;
	pirqs[pirq] =
		(struct pirq){.mapped = true, .gsi = map->index, .level = gsis[map->index].level};
	map->pirq = pirq;
	return 0;
}

/*
 * Xen would set up the same message again under another PIRQ and corrupt the first, or switch the
 * other kind of message off under its user: the caller's mistake in both cases.
 */
static int check_message(uint32_t sbdf, bool msix, unsigned int entry)
{
	if (!physdev_pci_known(sbdf))
		return -XEN_ENODEV;
	for (int i = 0; i < NR_PIRQS; i++) {
		if (!pirqs[i].mapped || pirqs[i].gsi >= 0 || pirqs[i].sbdf != sbdf)
			continue;
		if (pirqs[i].msix != msix)
			model_breach("PHYSDEVOP_map_pirq: MSI and MSI-X of one function at once");
		if (!msix || pirqs[i].entry == entry)
			model_breach("PHYSDEVOP_map_pirq: the message is mapped to PIRQ %d", i);
	}
	return model_pci_message_ok(sbdf, msix, entry);
}

static int map_message(struct physdev_map_pirq *map)
{
	bool multi = map->type == MAP_PIRQ_TYPE_MULTI_MSI, msix = map->table_base != 0;
	uint32_t segment = map->type == MAP_PIRQ_TYPE_MSI ? 0 : (uint32_t)map->bus >> 16;
	uint32_t sbdf = physdev_sbdf(segment, (uint32_t)map->bus, (uint32_t)map->devfn);
	int nr = multi ? map->entry_nr : 1, pirq = map->pirq, rc;

	if (multi && (msix || (pirq >= 0 && nr != 1)))
		return -XEN_EINVAL;
	if (!multi && map->index != -1)
		return -XEN_EINVAL;
	if (multi && (nr <= 0 || nr > MAX_MSI))
		return -XEN_EDOM;
	if (multi && nr > 1 && !model.params.intremap)
		return -XEN_EOPNOTSUPP;
	while (nr & (nr - 1))
		nr += nr & -nr;
	if (pirq < 0)
		pirq = multi ? free_pirqs(nr) : free_pirq(false);
	if (pirq < 0)
		return pirq;
	if (pirq >= NR_PIRQS || pirqs[pirq].mapped)
		return -XEN_EINVAL;
	rc = check_message(sbdf, msix, msix ? (unsigned int)map->entry_nr : 0);
	if (rc)
		return rc;
	for (int i = 0; i < nr; i++)
		pirqs[pirq + i] = (struct pirq){.mapped = true,
						.gsi = -1,
						.msix = msix,
						.entry = (unsigned int)(msix ? map->entry_nr : i),
						.sbdf = sbdf};
	map->pirq = pirq;
	if (multi)
		map->entry_nr = (uint16_t)nr;
	return 0;
}

/* Whose PIRQs are they to be? */
static int check_target(domid_t domid)
{
	if (domid != DOMID_SELF && !domain_is(domid))
		return -XEN_ESRCH;
	if (!domain_is_privileged())
		return domid == DOMID_SELF || domid == model_domid() ? -XEN_EPERM : -XEN_ESRCH;
	if (!domain_is_first(domid))
		model_breach("model: PIRQs of another domain than the first");
	return 0;
}

static int map_pirq(struct physdev_map_pirq *map)
{
	int rc = check_target(map->domid);

	if (rc)
		return rc;
	switch (map->type) {
	case MAP_PIRQ_TYPE_GSI:
		return map_gsi(map);
	case MAP_PIRQ_TYPE_MSI:
	case MAP_PIRQ_TYPE_MSI_SEG:
	case MAP_PIRQ_TYPE_MULTI_MSI:
		return map_message(map);
	default:
		return -XEN_EINVAL;
	}
}

/* What its owner has bound it to is of no use any more: Xen takes it away when another asks. */
static void forget(int pirq)
{
	if (pirqs[pirq].port)
		event_forget_pirq(pirqs[pirq].port);
	pirqs[pirq].port = 0;
	pirqs[pirq].mapped = false;
}

/* One PIRQ of a block of MSI vectors stands for them all. */
static int unmap_pirq(const struct physdev_unmap_pirq *unmap)
{
	int pirq = unmap->pirq, rc = check_target(unmap->domid);

	if (rc)
		return rc;
	if (pirq < 0 || pirq >= NR_PIRQS || !pirqs[pirq].mapped)
		return -XEN_EINVAL;
	if (pirqs[pirq].port && domain_first_acts())
		model_breach("PHYSDEVOP_unmap_pirq: pirq %d is bound to port %u", pirq,
			     pirqs[pirq].port);
	if (pirqs[pirq].gsi < 0 && !pirqs[pirq].msix) {
		uint32_t sbdf = pirqs[pirq].sbdf;

		if (pirqs[pirq].entry)
			return -XEN_EBUSY;
		for (; pirq < NR_PIRQS && pirqs[pirq].mapped && pirqs[pirq].sbdf == sbdf; pirq++)
			forget(pirq);
		return 0;
	}
	if (pirqs[pirq].gsi >= 0 && domain_first_acts())
		gsis[pirqs[pirq].gsi].lost = true;
	forget(pirq);
	return 0;
}

int physdev_bind(uint32_t pirq, evtchn_port_t port)
{
	if (pirq >= limit())
		return -XEN_EINVAL;
	if (!pirqs[pirq].mapped)
		return -XEN_EPERM; /* mapping it gives the right to it */
	pirqs[pirq].port = port;
	pirqs[pirq].in_flight = false;
	pirqs[pirq].again = false;
	return 0;
}

bool physdev_fire(uint32_t pirq)
{
	struct pirq *p = &pirqs[pirq];

	if (!p->level)
		return true;
	p->again = p->in_flight;
	p->in_flight = true;
	return !p->again;
}

bool physdev_message(uint32_t sbdf, bool msix, unsigned int entry)
{
	for (int i = 0; i < NR_PIRQS; i++) {
		const struct pirq *p = &pirqs[i];

		if (!p->mapped || p->gsi >= 0 || p->sbdf != sbdf || p->msix != msix ||
		    p->entry != entry || !p->port)
			continue;
		event_raise(p->port);
		return true;
	}
	return false;
}

bool physdev_line(unsigned int gsi)
{
	for (uint32_t i = 0; i < NR_PIRQS; i++) {
		const struct pirq *p = &pirqs[i];

		if (!p->mapped || p->gsi != (int)gsi || !p->port)
			continue;
		if (physdev_fire(i))
			event_raise(p->port);
		return true;
	}
	return false;
}

int physdev_message_of(uint32_t sbdf)
{
	for (int i = 0; i < NR_PIRQS; i++)
		if (pirqs[i].mapped && pirqs[i].gsi < 0 && pirqs[i].sbdf == sbdf)
			return i;
	return -1;
}

static int setup_gsi(const struct physdev_setup_gsi *setup)
{
	if (setup->gsi < 0 || setup->gsi >= NR_GSI)
		return -XEN_EINVAL;
	if (!domain_is_privileged())
		return -XEN_EPERM;
	if (gsis[setup->gsi].set)
		return -XEN_EEXIST; /* the first one counts */
	gsis[setup->gsi].set = true;
	gsis[setup->gsi].level = setup->triggering;
	return 0;
}

/* A line that was asserted meanwhile fires again. */
static int eoi(const struct physdev_eoi *op)
{
	struct pirq *pirq;

	if (op->irq >= NR_PIRQS || !pirqs[op->irq].mapped)
		return -XEN_EINVAL;
	pirq = &pirqs[op->irq];
	pirq->eois++;
	pirq->in_flight = false;
	if (pirq->port && pirq->again && physdev_fire(op->irq))
		event_raise(pirq->port);
	return 0;
}

static int status_query(struct physdev_irq_status_query *op)
{
	if (op->irq >= limit())
		return -XEN_EINVAL;
	op->flags = XENIRQSTAT_needs_eoi; /* Xen says so of every kind of PIRQ */
	return 0;
}

/* Does Xen want an argument for @cmd? */
static bool is_command(int cmd)
{
	return (cmd >= PHYSDEVOP_irq_status_query && cmd <= PHYSDEVOP_manage_pci_remove) ||
	       (cmd >= PHYSDEVOP_manage_pci_add_ext && cmd <= PHYSDEVOP_pci_device_remove);
}

int do_physdev_op(int cmd, void *arg)
{
	if (!arg)
		return is_command(cmd) ? -XEN_EFAULT : -XEN_ENOSYS;
	switch (cmd) {
	case PHYSDEVOP_map_pirq:
		return map_pirq(arg);
	case PHYSDEVOP_unmap_pirq:
		return unmap_pirq(arg);
	case PHYSDEVOP_setup_gsi:
		return setup_gsi(arg);
	case PHYSDEVOP_eoi:
		return eoi(arg);
	case PHYSDEVOP_irq_status_query:
		return status_query(arg);
	case PHYSDEVOP_pci_device_add:
	case PHYSDEVOP_pci_device_remove:
	case PHYSDEVOP_manage_pci_add:
	case PHYSDEVOP_manage_pci_remove:
	case PHYSDEVOP_manage_pci_add_ext:
	case PHYSDEVOP_pci_mmcfg_reserved:
		return physdev_pci_op(cmd, arg);
	case PHYSDEVOP_set_iopl:
		return ((const struct physdev_set_iopl *)arg)->iopl > 3 ? -XEN_EINVAL : 0;
	default:
		return -XEN_ENOSYS;
	}
}

uint64_t model_pirq_eois(int pirq)
{
	uint64_t nr;

	model_enter();
	nr = pirq >= 0 && pirq < NR_PIRQS ? pirqs[pirq].eois : 0;
	model_leave();
	return nr;
}

unsigned int model_pirqs(void)
{
	unsigned int nr = 0;

	model_enter();
	for (int i = 0; i < NR_PIRQS; i++)
		nr += pirqs[i].mapped;
	model_leave();
	return nr;
}

bool physdev_stop(void)
{
	bool ok = true;

	for (int i = 0; i < NR_PIRQS; i++) {
		/* A GSI's mapping is for good: see gsis[].lost. */
		if (!pirqs[i].mapped || pirqs[i].gsi >= 0)
			continue;
		fprintf(stderr, "model_stop: PIRQ %d is mapped\n", i);
		ok = false;
	}
	return ok;
}
