/* SPDX-License-Identifier: MIT */
/*
 * A backend that lies: states in any order, lists and addresses that make no sense, answers and
 * numbers of PIRQs that cannot be, words that change under the reader, answers that come late,
 * events without end. It can withhold its service and costs at most what the frontend allows.
 */
#include <pthread.h>

#include "pcifront_test.h"

#include <xen/hypercall.h>

/* The page in the frontend's own address space. */
static struct xen_pci_sharedinfo *own_page(void)
{
	grant_ref_t ref = (grant_ref_t)atoi(model_xs_read(MODEL_PCIFRONT_PATH "/pci-op-ref"));
	mfn_t mfn = mk_mfn(model_grant_entry(1, ref)->frame);

	return xen_port_pfn_to_virt(xen_mfn_to_pfn(mfn));
}

static uint32_t read_id(void)
{
	return xen_pci_read(device_of(edu_at), 0, 4);
}

/* --- the page ------------------------------------------------------------------------------ */

static void zeroed(void)
{
	const uint8_t *page;

	bench();
	connected(&edu_at, 1);
	model_pciback_restart();
	model_pciback_create(&edu_at, 0); /* as it was: nothing is asked of it yet */
	page = NULL;
	while (!page && model_pcifront_state() != XenbusStateConnected) {
		model_pciback_step();
		page = (const uint8_t *)model_pciback_page();
		if (!page)
			run_for(MS);
	}
	ck_assert_ptr_nonnull(page);
	ck_assert_uint_eq(page[0], XEN_PCIB_AERHANDLER);
	for (unsigned int i = 1; i < XEN_PAGE_SIZE; i++)
		ck_assert_msg(!page[i], "byte %u", i);
	end();
}

/* What a reply is made of. */
static void watch_reply(void (*what)(void *page, size_t offset, size_t size))
{
	struct xen_pci_sharedinfo *page = own_page();

	what(page, offsetof(struct xen_pci_sharedinfo, op.err), 4);
	what(page, offsetof(struct xen_pci_sharedinfo, op.value), 4);
	what(page, offsetof(struct xen_pci_sharedinfo, op.msix_entries), 4 * SH_INFO_MAX_VEC);
}

static void renew(struct model_pciback_lie *lie)
{
	if (lie->op)
		watch_reply(model_shared_renew);
}

static void read_once(void)
{
	struct xen_pirq irq[3], *const each[] = {&irq[0], &irq[1], &irq[2]};
	static const uint16_t entry[] = {0, 1, 2};
	struct xen_pci_sharedinfo *page;

	bench();
	connected(both_at, 2);
	page = own_page();
	watch_reply(model_shared_watch);
	model_pciback_lie(renew);
	ck_assert_uint_eq(read_id(), 0x11e81234);
	ck_assert_uint_eq(model_shared_reads(page, offsetof(struct xen_pci_sharedinfo, op.value)),
			  1);
	ck_assert_uint_eq(xen_pci_read(device_of(edu_at), 0x3d, 1), 1);
	ck_assert_int_eq(xen_pci_command(device_of(nvme_at), XEN_PCI_COMMAND_MEMORY, 0), 0);
	ck_assert_int_eq(xen_pirq_map_msix_many(each, device_of(nvme_at), entry, 3), 0);
	ck_assert_uint_eq(
		model_shared_reads(page, offsetof(struct xen_pci_sharedinfo, op.msix_entries)), 1);
	for (unsigned int i = 0; i < 3; i++)
		xen_pirq_release(&irq[i]);
	model_pciback_lie(NULL);
	model_shared_unwatch(page);
	/* And of a report. */
	model_shared_watch(page, offsetof(struct xen_pci_sharedinfo, aer_op),
			   sizeof(struct xen_pcie_aer_op));
	model_pciback_report(XEN_PCI_OP_aer_detected, (struct xen_pci_addr){0});
	run();
	ck_assert_uint_eq(t.errors, 1);
	model_shared_unwatch(page);
	end();
}

/* Another thread changes the answer all the time. */
static bool flipping;

static void *flip(void *arg)
{
	struct xen_pci_sharedinfo *page = arg;
	uint64_t random = unit_seed();

	while (__atomic_load_n(&flipping, __ATOMIC_RELAXED)) {
		uint32_t word = (uint32_t)unit_random(&random);

		__atomic_store_n(&page->op.value, word, __ATOMIC_RELAXED);
		__atomic_store_n(&page->op.cmd, word, __ATOMIC_RELAXED);
		__atomic_store_n(&page->op.err, word & 1 ? 0 : (int32_t)word, __ATOMIC_RELAXED);
		__atomic_store_n(&page->op.msix_entries[word % 128].vector, (uint16_t)word,
				 __ATOMIC_RELAXED);
	}
	return NULL;
}

/* An answer that touches nothing but the flag. */
static void no_words(struct model_pciback_lie *lie)
{
	struct xen_pci_sharedinfo *page = model_pciback_page();

	if (!lie->op)
		return;
	lie->skip = true;
	__atomic_fetch_and(&page->flags, ~(uint32_t)XEN_PCIF_active, __ATOMIC_SEQ_CST);
	model_pciback_notify();
}

static void flipped(void)
{
	struct xen_pirq irq;
	pthread_t thread;

	bench();
	connected(both_at, 2);
	ck_assert_int_eq(xen_pci_command(device_of(nvme_at), XEN_PCI_COMMAND_MEMORY, 0), 0);
	model_pciback_lie(no_words);
	flipping = true;
	ck_assert_int_eq(pthread_create(&thread, NULL, flip, model_pciback_page()), 0);
	for (unsigned int i = 0; i < 2000; i++) {
		uint32_t value = xen_pci_read(device_of(edu_at), i % 64 * 4, 1 + (i & 1));

		ck_assert_uint_le(value, i & 1 ? 0xffff : 0xff);
		if (!xen_pirq_map_msix(&irq, device_of(nvme_at), i % 4)) {
			ck_assert_int_gt(irq.pirq, 0);
			xen_pirq_release(&irq);
		}
	}
	__atomic_store_n(&flipping, false, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	model_pciback_lie(NULL);
	ck_assert_uint_eq(read_id(), 0x11e81234);
	end();
}

/* --- answers ------------------------------------------------------------------------------- */

static struct {
	int32_t err;
	uint32_t value;
	uint16_t vector[4];
	uint32_t only; /* the command that is answered so */
} said;

static void say(struct model_pciback_lie *lie)
{
	if (!lie->op || lie->op->cmd != said.only)
		return;
	lie->op->err = said.err;
	lie->op->value = said.value;
	for (unsigned int i = 0; i < 4; i++)
		lie->op->msix_entries[i].vector = said.vector[i];
}

static void errors(void)
{
	static const struct {
		int32_t err;
		int rc;
	} known[] = {
		{-2, -XEN_EINVAL},  {-3, -XEN_EACCES},	{-4, -XEN_ENOSYS},
		{-5, -XEN_EIO},	    {-6, -XEN_ENXIO},	{-12, -XEN_ENOMEM},
		{-16, -XEN_EBUSY},  {-19, -XEN_ENODEV}, {-22, -XEN_EINVAL},
		{-28, -XEN_ENOSPC}, {-77, -XEN_EIO},	{INT32_MIN, -XEN_EIO},
		{1, -XEN_EIO},	    {0x87, -XEN_EIO},	{INT32_MAX, -XEN_EIO},
	};
	const struct xen_pci_config *config;
	struct xen_pci_addr none = {0, 0, 0xf8};
	uint32_t value;

	bench();
	connected(&edu_at, 1);
	config = xen_pcifront_host(t.front, 0)->config;
	value = 5;
	ck_assert_int_eq(config->read(config, none, 0, 2, &value), 0);
	ck_assert_uint_eq(value | 0xffff0000, ~0u); /* nobody there */
	ck_assert_int_eq(config->write(config, none, 4, 2, 0), 0);
	model_pciback_lie(say);
	said.only = XEN_PCI_OP_conf_write;
	for (unsigned int i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		int rc;

		said.err = known[i].err;
		rc = xen_pci_write(device_of(edu_at), 4, 2, 0);
		ck_assert_msg(rc == (known[i].rc == -XEN_ENODEV ? 0 : known[i].rc), "%d: %d",
			      known[i].err, rc);
	}
	said.only = XEN_PCI_OP_conf_read;
	said.err = -5;
	said.value = 0x12345678;
	ck_assert_int_eq(config->read(config, (struct xen_pci_addr){0}, 0, 4, &value), -XEN_EIO);
	ck_assert_uint_eq(xen_pci_read(device_of(edu_at), 0, 1), 0xff);
	said.err = 0;
	ck_assert_uint_eq(xen_pci_read(device_of(edu_at), 0, 1), 0x78);
	ck_assert_uint_eq(xen_pci_read(device_of(edu_at), 0, 2), 0x5678);
	model_pciback_lie(NULL);
	ck_assert_uint_eq(xen_pcifront_stats(t.front).bad_replies, 3); /* errors above 0 */
	end();
}

static void bad_vectors(void)
{
	static const uint16_t entry[] = {0, 1, 2};
	static const struct {
		uint16_t vector[3];
		uint32_t value;
		int rc;
	} bad[] = {
		{{0, 0, 0}, 0, -XEN_EIO},	{{30, 0, 31}, 0, -XEN_EIO},
		{{30, 31, 30}, 0, -XEN_EIO},	{{65535, 65535, 1}, 0, -XEN_EIO},
		{{30, 31, 32}, 2, -XEN_ENOSPC}, {{30, 31, 32}, ~0u, -XEN_ENOSPC},
	};
	static const uint32_t bad_msi[] = {0, 0x80000000, ~0u};
	struct xen_pirq irq[3], *const each[] = {&irq[0], &irq[1], &irq[2]}, one;
	struct xen_pci_dev *edu, *nvme;

	bench();
	connected(both_at, 2);
	edu = device_of(edu_at);
	nvme = device_of(nvme_at);
	ck_assert_int_eq(xen_pci_command(nvme, XEN_PCI_COMMAND_MEMORY, 0), 0);
	ck_assert_int_eq(xen_pci_command(edu, XEN_PCI_COMMAND_MEMORY, 0), 0);
	model_pciback_lie(say);
	memset(&said, 0, sizeof(said));
	said.only = XEN_PCI_OP_enable_msix;
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memcpy(said.vector, bad[i].vector, sizeof(bad[i].vector));
		said.value = bad[i].value;
		ck_assert_msg(xen_pirq_map_msix_many(each, nvme, entry, 3) == bad[i].rc, "%u", i);
		ck_assert_int_eq(irq[0].pirq, -1);
	}
	said.only = XEN_PCI_OP_enable_msi;
	for (unsigned int i = 0; i < 3; i++) {
		said.value = bad_msi[i];
		ck_assert_int_eq(xen_pirq_map_msi(&one, edu), -XEN_EIO);
	}
	/* That of another device, which is in use. */
	said.only = XEN_PCI_OP_conf_write;
	ck_assert_int_eq(xen_pirq_map_msix_many(each, nvme, entry, 3), 0);
	said.only = XEN_PCI_OP_enable_msi;
	said.value = (uint32_t)irq[1].pirq;
	ck_assert_int_eq(xen_pirq_map_msi(&one, edu), -XEN_EIO);
	xen_pirq_release(&irq[1]);
	ck_assert_int_eq(xen_pirq_map_msi(&one, edu), 0); /* free now, whoever it belongs to */
	xen_pirq_release(&one);
	xen_pirq_release(&irq[0]);
	xen_pirq_release(&irq[2]);
	/* A number that Xen gave to nobody: binding it fails, and that is all. */
	said.value = 222;
	ck_assert_int_eq(xen_pirq_map_msi(&one, edu), 0);
	ck_assert_int_lt(xen_pirq_bind(&one, false, (void (*)(void *))(uintptr_t)abort, NULL), 0);
	xen_pirq_release(&one);
	model_pciback_lie(NULL);
	end();
}

/* An answer to one operation that comes when the next one waits, and when the page is given up. */
static void late(void)
{
	struct xen_pci_sharedinfo *old;

	bench();
	connected(&edu_at, 1);
	model_pciback_slow(true);
	model_on_wait(NULL, NULL);
	old = model_pciback_page();
	ck_assert_uint_eq(read_id(), ~0u);
	ck_assert_uint_eq(xen_pcifront_stats(t.front).timeouts, 1);
	/* Now it answers: into a page that nobody looks at. */
	old->op.value = 0xdeadbeef;
	__atomic_fetch_and(&old->flags, ~(uint32_t)XEN_PCIF_active, __ATOMIC_SEQ_CST);
	model_pciback_notify();
	ck_assert_uint_eq(read_id(), ~0u);
	model_on_wait(others, NULL);
	model_pciback_slow(false);
	ck_assert(run_coarsely_until(XenbusStateClosing, SECOND));
	ck_assert(run_coarsely_until(XenbusStateConnected, 70 * SECOND));
	old->op.value = 0xdeadbeef;
	ck_assert_uint_eq(read_id(), 0x11e81234);
	end();
}

static const struct unit_case cases[] = {
	{"XSA-403: the page is whole and zeroed", zeroed},
	{"XSA-155 39 86: each byte of an answer is read once", read_once},
	{"XSA-155 39 86: answers that change under the reader", flipped},
	{"QSB-023 XSA-363 376: errors and values of any kind", errors},
	{"QSB-023 XSA-363 376: PIRQs that cannot be", bad_vectors},
	{"a late answer completes nothing", late},
};

UNIT_MAIN("pcifront-hostile", cases)
