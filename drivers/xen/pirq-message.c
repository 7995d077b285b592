/* SPDX-License-Identifier: MIT */
/*
 * MSI and MSI-X: mapped by Xen, or got from the backend of a passed-through device, and switched on
 * and off with the device's capability. Where an MSI-X table lies comes from the resources cached
 * by the scan; what the device says now is checked against them. What a backend names is not
 * trusted: positive, and no other message's.
 *
 * Invariant: a message is in its device's list while it is mapped, and one from a backend also in
 * the list of all such. Xen unmaps vectors of MSI all at once and a backend takes all messages of a
 * device back at once, so the last one to go does it. Serialised by the caller for a device; given
 * has a lock of its own.
 */
#include "pirq-internal.h"

#define MSI_CONTROL 0x02
#define MSI_ENABLE 0x0001
#define MSI_VECTORS(control) (1u << ((control) >> 1 & 7)) /* that it can have */
#define MSIX_CONTROL 0x02
#define MSIX_ENABLE 0x8000
#define MSIX_NR_MASK 0x07ff
#define MSIX_TABLE 0x04
#define MSIX_BAR_MASK 0x7
#define MSIX_ENTRY_SIZE 16
#define MSIX_CAP_SIZE 12

/* Messages that came from backends. */
static struct {
	struct xen_lock lock;
	struct xen_pirq *first;
} given;

/* Would Xen or the backend, asked for this entry of MSI-X, break a message that is mapped? Of MSI
 * it breaks whatever is. */
static bool is_taken(const struct xen_pci_dev *dev, unsigned int entry)
{
	const struct xen_pirq *other;

	for (other = dev->messages; other; other = other->next)
		if (dev->host->pirqs || other->enable != MSIX_ENABLE || other->entry == entry)
			return true;
	return false;
}

static void add_message(struct xen_pirq *pirq, struct xen_pci_dev *dev, unsigned int control,
			uint16_t enable, unsigned int entry)
{
	pirq->mapped = true;
	pirq->control = (uint16_t)control;
	pirq->enable = enable;
	pirq->entry = (uint16_t)entry;
	pirq->dev = dev;
	pirq->next = dev->messages;
	dev->messages = pirq;
}

static void forget_message(struct xen_pirq *pirq)
{
	struct xen_pirq **link = &pirq->dev->messages;

	while (*link != pirq) {
		XEN_ASSERT(*link);
		link = &(*link)->next;
	}
	*link = pirq->next;
}

/* Xen reaches the MSI-X table through memory decoding, and wants it for MSI of any kind. */
static bool decodes_memory(const struct xen_pci_dev *dev)
{
	uint32_t command;

	/* A virtual function has no decode bit of its own: its physical function's counts. */
	if (dev->is_virtfn)
		return true;
	return !xen_pci_config_read(dev->host, dev->addr, PCI_COMMAND, 2, &command) &&
	       command != 0xffff && command & XEN_PCI_COMMAND_MEMORY;
}

/* --- from a backend ------------------------------------------------------------------------- */

/* All of @number, or none: they become messages of nobody else. */
static int take_given(struct xen_pirq *const *pirq, struct xen_pci_dev *dev, uint16_t enable,
		      const uint16_t *entry, const int *number, unsigned int nr)
{
	unsigned long flags = xen_port_lock(&given.lock);
	const struct xen_pirq *other;
	unsigned int i, j;
	int rc = 0;

	for (i = 0; i < nr; i++) {
		if (number[i] <= 0)
			rc = -XEN_EIO;
		for (j = 0; j < i; j++)
			if (number[j] == number[i])
				rc = -XEN_EIO;
		for (other = given.first; other; other = other->next_given)
			if (other->pirq == number[i])
				rc = -XEN_EIO;
	}
	for (i = 0; i < nr && !rc; i++) {
		pirq[i]->pirq = number[i];
		pirq[i]->given = true;
		add_message(pirq[i], dev, 0, enable, entry ? entry[i] : i);
		pirq[i]->next_given = given.first;
		given.first = pirq[i];
	}
	xen_port_unlock(&given.lock, flags);
	return rc;
}

static void forget_given(struct xen_pirq *pirq)
{
	unsigned long flags = xen_port_lock(&given.lock);
	struct xen_pirq **link = &given.first;

	while (*link != pirq) {
		XEN_ASSERT(*link);
		link = &(*link)->next_given;
	}
	*link = pirq->next_given;
	xen_port_unlock(&given.lock, flags);
}

static void log_bad(const struct xen_pci_dev *dev, const char *what)
{
	if (xen_pci_may_log(dev->host))
		xen_port_log(XEN_LOG_ERROR,
			     "%04x:%02x:%02x.%u: the backend's PIRQs for %s are not usable: "
			     "not positive, or not different",
			     dev->addr.segment, dev->addr.bus, XEN_PCI_DEV(dev->addr.devfn),
			     XEN_PCI_FN(dev->addr.devfn), what);
}

static int ask_backend(struct xen_pirq *const *pirq, struct xen_pci_dev *dev, uint16_t enable,
		       const uint16_t *entry, unsigned int nr)
{
	const struct xen_pirq_source *source = dev->host->pirqs;
	bool msix = enable == MSIX_ENABLE;
	int number[XEN_PIRQ_MAX_MESSAGES], rc;

	rc = msix ? source->enable_msix(dev, entry, nr, number)
		  : source->enable_msi(dev, nr, number);
	if (rc)
		return rc;
	for (unsigned int i = 1; !msix && i < nr; i++)
		number[i] = number[0] > INT32_MAX - (int)i ? -1 : number[0] + (int)i;
	rc = take_given(pirq, dev, enable, entry, number, nr);
	if (rc) {
		log_bad(dev, msix ? "MSI-X" : "MSI");
		source->disable(dev, msix);
	}
	return rc;
}

/* --- from Xen ------------------------------------------------------------------------------- */

/* @nr vectors of MSI, or entry @entry of MSI-X: into *@op's pirq, the first of them. */
static int ask_xen(struct xen_pirq *pirq, const struct xen_pci_dev *dev, unsigned int nr,
		   unsigned int entry, uint64_t table_base)
{
	struct physdev_map_pirq op = {
		.domid = DOMID_SELF,
		.type = nr > 1 ? MAP_PIRQ_TYPE_MULTI_MSI : MAP_PIRQ_TYPE_MSI_SEG,
		.index = -1,
		.pirq = -1,
		.bus = (int)((uint32_t)dev->addr.segment << 16 | dev->addr.bus),
		.devfn = dev->addr.devfn,
		.entry_nr = (int)(nr > 1 ? nr : entry),
		.table_base = table_base,
	};

	return xen_pirq_map(pirq, &op);
}

static void unmap(int number)
{
	struct physdev_unmap_pirq op = {.domid = DOMID_SELF, .pirq = number};
	int rc = hypercall_physdev_op(PHYSDEVOP_unmap_pirq, &op);

	if (rc)
		xen_port_log(XEN_LOG_ERROR, "PIRQ %d does not unmap: error %d", number, rc);
}

/* --- MSI ------------------------------------------------------------------------------------ */

static int check_msi(const struct xen_pci_dev *dev, unsigned int nr, unsigned int *pos)
{
	uint32_t control;
	int rc;

	*pos = xen_pci_find_cap(dev, PCI_CAP_MSI);
	if (!*pos || !decodes_memory(dev))
		return -XEN_ENODEV;
	rc = xen_pci_config_read(dev->host, dev->addr, *pos + MSI_CONTROL, 2, &control);
	if (rc)
		return rc;
	if (nr & (nr - 1) || nr > MSI_VECTORS(control))
		return -XEN_ERANGE;
	return dev->messages ? -XEN_EBUSY : 0;
}

int xen_pirq_map_msi_many(struct xen_pirq *const *pirq, struct xen_pci_dev *dev, unsigned int nr)
{
	unsigned int pos, i;
	int rc;

	if (!nr || nr > XEN_PIRQ_MAX_MSI)
		return -XEN_ERANGE;
	for (i = 0; i < nr; i++)
		xen_pirq_clear(pirq[i]);
	rc = check_msi(dev, nr, &pos);
	if (rc)
		return rc;
	if (dev->host->pirqs)
		return ask_backend(pirq, dev, MSI_ENABLE, NULL, nr);
	rc = ask_xen(pirq[0], dev, nr, 0, 0);
	if (rc)
		return rc;
	if (pirq[0]->pirq > INT32_MAX - (int)nr) { /* that many there cannot be */
		unmap(pirq[0]->pirq);
		xen_pirq_clear(pirq[0]);
		return -XEN_EIO;
	}
	dev->msi_pirq = pirq[0]->pirq;
	for (i = 0; i < nr; i++) {
		pirq[i]->pirq = dev->msi_pirq + (int)i;
		add_message(pirq[i], dev, pos + MSI_CONTROL, MSI_ENABLE, i);
	}
	return 0;
}

int xen_pirq_map_msi(struct xen_pirq *pirq, struct xen_pci_dev *dev)
{
	return xen_pirq_map_msi_many(&pirq, dev, 1);
}

/* --- MSI-X ---------------------------------------------------------------------------------- */

/* Where the scan saw the table's BAR; 0 when the table is not inside a claimed memory BAR. */
static uint64_t table_base(const struct xen_pci_dev *dev, unsigned int pos, unsigned int nr)
{
	const struct xen_pci_resource *bar;
	uint32_t table;

	if (xen_pci_config_read(dev->host, dev->addr, pos + MSIX_TABLE, 4, &table))
		return 0;
	bar = &dev->res[table & MSIX_BAR_MASK]; /* of those behind the BARs none is of their kind */
	table &= ~MSIX_BAR_MASK;
	if (bar->kind != XEN_PCI_RES_BAR || !(bar->flags & XEN_PCI_RES_CLAIMED))
		return 0;
	if (table >= bar->size || bar->size - table < (uint64_t)nr * MSIX_ENTRY_SIZE)
		return 0;
	return bar->start;
}

static int check_msix(const struct xen_pci_dev *dev, const uint16_t *entry, unsigned int nr,
		      unsigned int *pos, uint64_t *base)
{
	unsigned int i, j, entries;
	uint32_t control;
	int rc;

	*pos = xen_pci_find_cap(dev, PCI_CAP_MSIX);
	if (!*pos || *pos + MSIX_CAP_SIZE > 256 || !decodes_memory(dev))
		return -XEN_ENODEV;
	rc = xen_pci_config_read(dev->host, dev->addr, *pos + MSIX_CONTROL, 2, &control);
	if (rc)
		return rc;
	entries = (control & MSIX_NR_MASK) + 1;
	for (i = 0; i < nr; i++)
		if (entry[i] >= entries)
			return -XEN_ERANGE;
	/* The backend's domain looks after its own table. */
	*base = dev->host->pirqs ? 0 : table_base(dev, *pos, entries);
	if (!*base && !dev->host->pirqs)
		return -XEN_ENODEV;
	for (i = 0; i < nr; i++) {
		if (is_taken(dev, entry[i]))
			return -XEN_EBUSY;
		for (j = 0; j < i; j++)
			if (entry[j] == entry[i])
				return -XEN_EBUSY;
	}
	return 0;
}

int xen_pirq_map_msix_many(struct xen_pirq *const *pirq, struct xen_pci_dev *dev,
			   const uint16_t *entry, unsigned int nr)
{
	unsigned int pos, i;
	uint64_t base;
	int rc;

	if (!nr || nr > XEN_PIRQ_MAX_MESSAGES)
		return -XEN_ERANGE;
	for (i = 0; i < nr; i++)
		xen_pirq_clear(pirq[i]);
	rc = check_msix(dev, entry, nr, &pos, &base);
	if (rc)
		return rc;
	if (dev->host->pirqs)
		return ask_backend(pirq, dev, MSIX_ENABLE, entry, nr);
	for (i = 0; i < nr; i++) {
		rc = ask_xen(pirq[i], dev, 1, entry[i], base);
		if (rc)
			goto unmap;
		add_message(pirq[i], dev, pos + MSIX_CONTROL, MSIX_ENABLE, entry[i]);
	}
	return 0;

unmap:
	while (i-- > 0) {
		xen_pirq_unmap(pirq[i]);
		xen_pirq_clear(pirq[i]);
	}
	return rc;
}

int xen_pirq_map_msix(struct xen_pirq *pirq, struct xen_pci_dev *dev, unsigned int entry)
{
	uint16_t number = (uint16_t)entry;

	if (entry <= UINT16_MAX)
		return xen_pirq_map_msix_many(&pirq, dev, &number, 1);
	xen_pirq_clear(pirq);
	return -XEN_ERANGE;
}

/* --- the end -------------------------------------------------------------------------------- */

void xen_pirq_unmap(struct xen_pirq *pirq)
{
	struct xen_pci_dev *dev = pirq->dev;
	bool msix = pirq->enable == MSIX_ENABLE;

	forget_message(pirq);
	if (pirq->given) {
		forget_given(pirq);
		if (!dev->messages)
			dev->host->pirqs->disable(dev, msix);
	} else if (msix) {
		unmap(pirq->pirq);
	} else if (!dev->messages && dev->msi_pirq >= 0) {
		unmap(dev->msi_pirq);
	}
}

void xen_pirq_abandon(struct xen_pirq *pirq)
{
	forget_message(pirq);
	if (pirq->given)
		forget_given(pirq);
	pirq->dev->msi_pirq = -1; /* one stands for all its vectors */
	pirq->mapped = false;
}
