/* SPDX-License-Identifier: MIT */
/*
 * Operations on the shared page, with the filter of config space that Linux's backend has: the
 * command register is a shadow but for some bits, BARs read as what they are or as their size,
 * message control words are not for the frontend. Answers to narrow reads of wider registers carry
 * what lies beside them, as Linux's do.
 */
#include <model/pciback-internal.h>

#define COMMAND 0x04
#define LINE 0x3c
#define GUEST_BITS 0x0234 /* not master, which is seen to by itself */
#define MASTER 0x0004
#define DECODING 0x0003
#define INTX_OFF 0x0400
#define CAP_MSI 0x05
#define CAP_MSIX 0x11
/* Errors of Linux. */
#define L_ENXIO (-6)
#define L_ENODEV (-19)
#define L_EINVAL (-22)
#define L_EALREADY (-114)

static uint32_t get(const uint8_t *at, unsigned int offset, unsigned int size)
{
	uint32_t value = 0;

	memcpy(&value, at + offset, size);
	return value;
}

static void put(uint8_t *at, unsigned int offset, unsigned int size, uint32_t value)
{
	memcpy(at + offset, &value, size);
}

struct back_device *back_find(struct xen_pci_addr virt)
{
	for (unsigned int i = 0; i < BACK_MAX; i++)
		if (back.device[i].used && back_same(back.device[i].virt, virt))
			return &back.device[i];
	return NULL;
}

/* Which register of the which bits; -1: none. */
static int base_register(const uint8_t *raw, unsigned int offset)
{
	bool bridge = (raw[0x0e] & 0x7f) == 1;

	if (offset == (bridge ? 0x38u : 0x30u))
		return 6;
	if (offset < 0x10 || offset >= (bridge ? 0x18u : 0x28u))
		return -1;
	return (int)(offset - 0x10) / 4;
}

static uint32_t read_dword(const struct back_device *d, const uint8_t *raw, const uint8_t *mask,
			   unsigned int offset)
{
	uint32_t value = get(raw, offset, 4);
	int reg = base_register(raw, offset);

	if (offset == COMMAND) {
		uint32_t real = value & (GUEST_BITS | MASTER);

		return (value & 0xffff0000) | real |
		       (d->command & ~(uint32_t)(GUEST_BITS | MASTER));
	}
	if (reg >= 0 && d->which >> reg & 1) {
		uint32_t size = get(mask, offset, 4);

		return reg == 6 ? size & ~0x7ffu : size | (value & ~size);
	}
	return value;
}

static int conf_read(const struct back_device *d, struct xen_pci_op *op)
{
	uint8_t *raw = model_pci_raw(d->real), *mask = model_pci_writable(d->real);
	unsigned int offset = (unsigned int)op->offset;

	op->value = 0xffffffff;
	if ((op->size != 1 && op->size != 2 && op->size != 4) || op->offset < 0 ||
	    offset % (unsigned int)op->size || offset > 4096 - (unsigned int)op->size)
		return XEN_PCI_ERR_invalid_offset;
	if (!raw)
		return 0;
	op->value = read_dword(d, raw, mask, offset & ~3u) >> 8 * (offset & 3);
	return 0;
}

static void write_command(struct back_device *d, uint8_t *raw, uint32_t value)
{
	uint32_t real = get(raw, COMMAND, 2) & ~(uint32_t)(GUEST_BITS | MASTER | DECODING);

	d->command = (uint16_t)value;
	real |= value & (GUEST_BITS | MASTER);
	if (value & DECODING) /* the kernel switches on what the function has */
		real |= get(model_pci_writable(d->real), 0x10, 4) ? 2 : 0;
	put(raw, COMMAND, 2, real);
}

static int conf_write(struct back_device *d, const struct xen_pci_op *op)
{
	uint8_t *raw = model_pci_raw(d->real);
	unsigned int offset = (unsigned int)op->offset;
	int reg;

	if ((op->size != 1 && op->size != 2 && op->size != 4) || op->offset < 0 ||
	    offset % (unsigned int)op->size || offset > 4096 - (unsigned int)op->size)
		return XEN_PCI_ERR_invalid_offset;
	if (!raw)
		return 0;
	reg = base_register(raw, offset);
	if (offset == COMMAND && op->size == 2)
		write_command(d, raw, op->value);
	else if (reg >= 0 && op->size == 4 &&
		 (op->value == ~0u || (reg == 6 && op->value >> 11 == ~0u >> 11)))
		d->which = (uint8_t)(d->which | 1u << reg);
	else if (reg >= 0)
		d->which = (uint8_t)(d->which & ~(1u << reg));
	return 0; /* what is not for the frontend is quietly left alone */
}

/* --- messages ------------------------------------------------------------------------------ */

static unsigned int find_cap(const uint8_t *raw, uint8_t id)
{
	unsigned int at = raw[0x34];

	for (unsigned int i = 0; i < 48 && at >= 0x40; i++, at = raw[at + 1])
		if (raw[at] == id)
			return at;
	return 0;
}

static void unmap(int pirq)
{
	struct physdev_unmap_pirq op = {.domid = 1, .pirq = pirq};

	back_physdev(PHYSDEVOP_unmap_pirq, &op);
}

static void switch_messages(const struct back_device *d, bool on)
{
	uint8_t *raw = model_pci_raw(d->real);
	unsigned int cap;
	uint32_t bit = d->messages == BACK_MSIX ? 0x8000 : 1;

	cap = raw ? find_cap(raw, d->messages == BACK_MSIX ? CAP_MSIX : CAP_MSI) : 0;
	if (!cap)
		return;
	put(raw, cap + 2, 2, on ? get(raw, cap + 2, 2) | bit : get(raw, cap + 2, 2) & ~bit);
	put(raw, COMMAND, 2,
	    on ? get(raw, COMMAND, 2) | INTX_OFF : get(raw, COMMAND, 2) & ~(uint32_t)INTX_OFF);
}

static void disable(struct back_device *d)
{
	if (d->messages == BACK_NONE)
		return;
	switch_messages(d, false);
	if (d->messages == BACK_MSI)
		unmap(d->pirq[0]); /* stands for all */
	for (unsigned int i = 0; d->messages == BACK_MSIX && i < d->nr; i++)
		unmap(d->pirq[i]);
	d->messages = BACK_NONE;
	d->nr = 0;
}

void back_reset(struct back_device *d)
{
	uint8_t *raw;

	disable(d);
	raw = model_pci_raw(d->real);
	if (raw)
		put(raw, COMMAND, 2, 0);
	d->command = 0;
	d->which = 0;
}

static int map(const struct back_device *d, unsigned int nr, unsigned int entry, bool msix)
{
	struct physdev_map_pirq op = {
		.domid = 1,
		.type = nr > 1 ? MAP_PIRQ_TYPE_MULTI_MSI : MAP_PIRQ_TYPE_MSI_SEG,
		.index = -1,
		.pirq = -1,
		.bus = d->real.segment << 16 | d->real.bus,
		.devfn = d->real.devfn,
		.entry_nr = (int)(nr > 1 ? nr : entry),
		.table_base = msix ? XEN_PAGE_SIZE : 0,
	};
	int rc = back_physdev(PHYSDEVOP_map_pirq, &op);

	return rc ? rc : op.pirq;
}

static int enable_msi(struct back_device *d, struct xen_pci_op *op, unsigned int nr)
{
	uint8_t *raw = model_pci_raw(d->real);
	int pirq;

	op->value = 0;
	if (back.params.no_iommu || !raw || !find_cap(raw, CAP_MSI))
		return L_EINVAL;
	if (d->messages != BACK_NONE)
		return XEN_PCI_ERR_op_failed;
	pirq = map(d, nr, 0, false);
	if (pirq < 0)
		return XEN_PCI_ERR_op_failed;
	d->messages = BACK_MSI;
	d->nr = nr;
	d->pirq[0] = pirq;
	switch_messages(d, true);
	op->value = (uint32_t)pirq;
	return 0;
}

/* Linux's PCI layer wants each entry once. */
static bool doubled(const struct xen_pci_op *op, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		for (unsigned int j = 0; j < i; j++)
			if (op->msix_entries[i].entry == op->msix_entries[j].entry)
				return true;
	return false;
}

static int enable_msix(struct back_device *d, struct xen_pci_op *op)
{
	uint8_t *raw = model_pci_raw(d->real);
	unsigned int nr = op->value;

	if (nr > SH_INFO_MAX_VEC || doubled(op, nr))
		return L_EINVAL;
	if (d->messages == BACK_MSIX)
		return L_EALREADY;
	if (d->messages == BACK_MSI || !raw || !(get(raw, COMMAND, 2) & 2))
		return L_ENXIO;
	if (back.params.no_iommu || !find_cap(raw, CAP_MSIX))
		return L_ENODEV;
	d->messages = BACK_MSIX;
	for (d->nr = 0; d->nr < nr; d->nr++) {
		d->pirq[d->nr] = map(d, 1, op->msix_entries[d->nr].entry, true);
		if (d->pirq[d->nr] < 0) {
			disable(d);
			return XEN_PCI_ERR_op_failed;
		}
		op->msix_entries[d->nr].vector = (uint16_t)d->pirq[d->nr];
	}
	switch_messages(d, true);
	op->value = 0;
	return 0;
}

static int execute(struct xen_pci_op *op)
{
	const struct xen_pci_addr addr = {(uint16_t)op->domain, (uint8_t)op->bus,
					  (uint8_t)op->devfn};
	struct back_device *d = back_find(addr);

	if (!d)
		return XEN_PCI_ERR_dev_not_found;
	switch (op->cmd) {
	case XEN_PCI_OP_conf_read:
		return conf_read(d, op);
	case XEN_PCI_OP_conf_write:
		return conf_write(d, op);
	case XEN_PCI_OP_enable_msi:
		return enable_msi(d, op, 1);
	case XEN_PCI_OP_enable_multi_msi:
		return back.params.one_vector ? XEN_PCI_ERR_not_implemented
					      : enable_msi(d, op, op->value);
	case XEN_PCI_OP_enable_msix:
		return enable_msix(d, op);
	case XEN_PCI_OP_disable_msi:
	case XEN_PCI_OP_disable_msix:
		if ((op->cmd == XEN_PCI_OP_disable_msix) == (d->messages == BACK_MSIX))
			disable(d);
		op->value = 0;
		return 0;
	default:
		return XEN_PCI_ERR_not_implemented;
	}
}

static int execute_or_lie(struct xen_pci_op *op)
{
	struct model_pciback_lie lie = {.request = op};

	if (back.lie)
		back.lie(&lie);
	return lie.skip ? 0 : execute(op);
}

static void answer(struct xen_pci_op *op, unsigned int nr)
{
	struct xen_pci_sharedinfo *page = back.page;
	struct model_pciback_lie lie = {.op = op};

	if (back.lie)
		back.lie(&lie);
	if (lie.skip)
		return;
	page->op.err = op->err;
	page->op.value = op->value;
	for (unsigned int i = 0; i < nr && i < SH_INFO_MAX_VEC; i++)
		page->op.msix_entries[i].vector = op->msix_entries[i].vector;
	__atomic_fetch_and(&page->flags, ~(uint32_t)XEN_PCIF_active, __ATOMIC_SEQ_CST);
	model_pciback_notify();
}

/* Whoever disconnects waits: the page is there until this has ended. */
static pthread_mutex_t serving = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local unsigned int depth; /* an operation may bring about the next event */

void back_lock(void)
{
	if (!depth++)
		pthread_mutex_lock(&serving);
}

void back_unlock(void)
{
	if (!--depth)
		pthread_mutex_unlock(&serving);
}

static void serve(bool event)
{
	struct xen_pci_sharedinfo *page = back.page;
	struct xen_pci_op op;
	unsigned int nr;

	if (!page || (back.slow && event) ||
	    !(__atomic_load_n(&page->flags, __ATOMIC_ACQUIRE) & XEN_PCIF_active))
		return;
	if (!back_thing())
		return;
	memcpy(&op, (const void *)&page->op, sizeof(op));
	nr = op.cmd == XEN_PCI_OP_enable_msix ? op.value : 0;
	op.err = execute_or_lie(&op);
	answer(&op, op.err ? 0 : nr);
}

/* An event from the frontend, or a step. */
void back_serve(void *arg)
{
	back_lock();
	serve(!arg);
	back_unlock();
}
