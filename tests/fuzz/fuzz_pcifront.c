/* SPDX-License-Identifier: MIT */
/*
 * A hostile backend, and a toolstack that does not keep to its part: states in any order, lists of
 * anything, answers changed or withheld, words of the page written at any moment, also while an
 * operation waits, reports, restarts, xenstore that fails. What the frontend has is what it has
 * told of; PIRQs that are held are positive and different; nothing takes longer than its deadline;
 * and when it is stopped everything is as it was.
 */
#include "pcifront-hostile.h"

#define MAX_OPS 48

enum op {
	STEP,
	WORK,
	TIME,
	STATE,
	NODE,
	PAGE,
	NOTIFY,
	USE,
	MESSAGES,
	RELEASE,
	LIE,
	REPORT,
	TOOL,
	STORE,
	FAIL,
	BUSY,
	FLIP,
	NR_OPS
};

struct front_world w;

static void release_of(const struct xen_pci_dev *dev)
{
	for (unsigned int i = 0; i < MAX_PIRQS; i++) {
		if (!w.held[i] || (dev && w.pirq[i].dev != dev))
			continue;
		xen_pirq_release(&w.pirq[i]);
		w.held[i] = false;
	}
}

static void on_added(struct xen_pcifront *front, struct xen_pci_dev *dev)
{
	w.added++;
	FUZZ_CHECK(dev->host->nr_devices);
}

static int on_removing(struct xen_pcifront *front, struct xen_pci_dev *dev, bool gone)
{
	if (w.busy && !gone)
		return -XEN_EBUSY;
	release_of(dev);
	w.removed++;
	return 0;
}

static enum xen_pcifront_verdict on_error(struct xen_pcifront *front, struct xen_pci_dev *dev,
					  enum xen_pcifront_error what)
{
	FUZZ_CHECK(what <= XEN_PCIFRONT_RESUME);
	return XEN_PCIFRONT_CAN_RECOVER;
}

static const struct xen_pcifront_ops ops = {
	.added = on_added, .removing = on_removing, .error = on_error};

/* --- this side ----------------------------------------------------------------------------- */

static void handler(void *arg)
{
}

static struct xen_pci_dev *pick_dev(unsigned int which)
{
	for (unsigned int i = 0; i < XEN_PCIFRONT_MAX_ROOTS; i++) {
		struct xen_pci_host *host = xen_pcifront_host(w.front, i);

		for (struct xen_pci_dev *dev = host ? host->devices : NULL; dev; dev = dev->next)
			if (!which--)
				return dev;
	}
	return NULL;
}

static void use(void)
{
	unsigned int what = fuzz_byte(w.in), offset = fuzz_byte(w.in), size = 1u << (what & 3) % 3;
	struct xen_pci_dev *dev = pick_dev(what >> 4 & 3);

	if (!dev)
		return;
	offset &= ~(size - 1);
	if (what & 8)
		xen_pci_write(dev, offset, size, (uint32_t)fuzz_number(w.in, 4));
	else
		FUZZ_CHECK(size == 4 || !(xen_pci_read(dev, offset, size) >> 8 * size));
	if (what & 4)
		xen_pci_command(dev, XEN_PCI_COMMAND_MEMORY | XEN_PCI_COMMAND_MASTER, 0);
}

static void messages(void)
{
	static const uint16_t entry[] = {0, 1, 2, 3, 3};
	unsigned int what = fuzz_byte(w.in), nr = 1u << (what >> 4 & 3) % 3, got = 0;
	struct xen_pci_dev *dev = pick_dev(what & 3);
	struct xen_pirq *each[4];
	int rc;

	for (unsigned int i = 0; i < MAX_PIRQS && got < nr; i++)
		if (!w.held[i])
			each[got++] = &w.pirq[i];
	if (!dev || got < nr)
		return;
	rc = what & 4 ? xen_pirq_map_msix_many(each, dev, entry + (what >> 7), nr)
		      : xen_pirq_map_msi_many(each, dev, nr);
	FUZZ_CHECK(rc <= 0);
	for (unsigned int i = 0; i < nr && !rc; i++) {
		w.held[each[i] - w.pirq] = true;
		FUZZ_CHECK(each[i]->pirq > 0 && each[i]->dev == dev);
		if (what & 8)
			xen_pirq_bind(each[i], false, handler, NULL);
	}
	for (unsigned int i = 0; i < MAX_PIRQS; i++)
		for (unsigned int j = 0; j < i; j++)
			FUZZ_CHECK(!w.held[i] || !w.held[j] || w.pirq[i].pirq != w.pirq[j].pirq);
}

/* A channel with an operation that was not answered in time is used no more: of each there is one
 * at most. */
static void watch_channel(struct model_lie_call *call)
{
	if (call->done && !call->rc && call->kind == MODEL_EVENT_CHANNEL_OP &&
	    call->cmd == EVTCHNOP_alloc_unbound)
		w.timeouts = xen_pcifront_stats(w.front).timeouts;
}

static void check(void)
{
	struct xen_pcifront_stats stats = xen_pcifront_stats(w.front);
	unsigned int nr = 0;

	for (unsigned int i = 0; i < XEN_PCIFRONT_MAX_ROOTS; i++) {
		const struct xen_pci_host *host = xen_pcifront_host(w.front, i);

		nr += host ? host->nr_devices : 0;
	}
	FUZZ_CHECK(nr == stats.nr_devs && nr == w.added - w.removed);
	FUZZ_CHECK(stats.added == w.added && stats.removed == w.removed);
	FUZZ_CHECK(nr <= XEN_PCIFRONT_MAX_DEVS);
	FUZZ_CHECK(stats.timeouts - w.timeouts <= 1);
}

static void work(void)
{
	uint64_t before = xen_port_clock_ns();

	xen_xs_dispatch();
	xen_pcifront_work(w.front);
	xen_evtchn_poll();
	/* Some steps, each with accesses: time goes a thousand times faster than answers come. */
	FUZZ_CHECK(xen_port_clock_ns() - before < 1000 * XEN_PCIFRONT_STEP_NS);
}

static void step(void)
{
	static const uint64_t times[] = {MS, 100 * MS, SECOND, 11 * SECOND};
	static const enum model_call kinds[] = {MODEL_ALLOC, MODEL_ALLOC_PAGES};
	unsigned int code = fuzz_byte(w.in), more = code / NR_OPS;

	switch ((enum op)(code % NR_OPS)) {
	case STEP:
		for (unsigned int i = 0; i <= more; i++)
			model_pciback_step();
		break;
	case WORK:
		for (unsigned int i = 0; i <= more / 2; i++) {
			work();
			model_pciback_step();
		}
		break;
	case TIME:
		model_clock_advance(times[more & 3]);
		xen_evtchn_poll();
		break;
	case STATE:
		hostile_state();
		break;
	case NODE:
		hostile_node();
		break;
	case PAGE:
		hostile_write_page();
		break;
	case NOTIFY:
		model_pciback_notify();
		break;
	case USE:
		use();
		break;
	case MESSAGES:
		messages();
		break;
	case RELEASE:
		release_of(pick_dev(more & 3));
		break;
	case LIE:
		w.lies = 1 + more * 2;
		break;
	case REPORT:
		if (model_pciback_page())
			model_pciback_report(fuzz_byte(w.in),
					     (struct xen_pci_addr){0, 0, fuzz_byte(w.in)});
		break;
	case TOOL:
		hostile_tool();
		break;
	case STORE:
		hostile_store();
		break;
	case FAIL:
		fuzz_fail_nothing();
		fuzz_fail(w.in, kinds, 2);
		break;
	case BUSY:
		w.busy = more & 1;
		break;
	default:
		w.flips = 1 + more;
	}
	check();
}

static void plug(void)
{
	const struct model_pci_function nvme = {
		.addr = front_at[0],
		.vendor = 0x1b36,
		.device = 0x0010,
		.class_code = 0x010802,
		.bar[0] = {.addr = 0xe0000000, .size = 0x4000, .is64 = true},
		.msix_entries = 4,
		.interrupt_pin = 1};
	struct model_pci_function f = {.addr = front_at[1],
				       .vendor = 0x1234,
				       .device = 0x11e8,
				       .class_code = 0x00ff00,
				       .bar[0] = {.addr = 0xe0100000, .size = 0x100000},
				       .rom = {.addr = 0xe0400000, .size = 0x1000},
				       .interrupt_pin = 1,
				       .msi = true};
	const struct model_pci_function bridge = {.addr = front_at[2],
						  .vendor = 0x1b36,
						  .device = 1,
						  .class_code = 0x060400,
						  .bridge = true,
						  .secondary = 1,
						  .subordinate = 1,
						  .window_start = 0xe0200000,
						  .window_end = 0xe02fffff};

	model_pci_plug(&nvme);
	model_pci_plug(&f);
	model_pci_raw(front_at[1])[0x52] |= 2 << 1; /* MSI: four vectors */
	model_pci_plug(&bridge);
	f.addr = front_at[3];
	f.bar[0] = (struct model_pci_bar){.addr = 0xe0200000, .size = 0x1000};
	f.rom.size = 0;
	model_pci_plug(&f);
}

static void begin(unsigned int first)
{
	static const struct xen_e820_entry map[] = {{0, 8ULL << 20, XEN_E820_RAM}};
	const struct model_params params = {.e820 = map,
					    .nr_e820 = 1,
					    .nr_pages = 256,
					    .contiguous = true,
					    .domu = true,
					    .intremap = true};
	const struct model_pciback_params back = {.passthrough = first & 1,
						  .no_roots = first & 2,
						  .no_iommu = first & 4,
						  .one_vector = first & 8};
	struct model_xs_link link;
	int err;

	model_start(&params);
	model_xs_start();
	link = model_xs_link();
	FUZZ_CHECK(!xen_xs_init(link.page, link.port) && !xen_grant_init(1));
	plug();
	model_pciback_start(&back);
	model_pciback_create(front_at, 1 + (first >> 4) % 4);
	model_pciback_lie(hostile_lie);
	model_on_wait(hostile_waiting, NULL);
	w.front = xen_pcifront_start(0, &ops, NULL, &err);
	FUZZ_CHECK(w.front);
	model_lie(watch_channel);
	if (!(first & 128))
		return;
	/* Connected from the start: what most inputs would take long to find. */
	for (unsigned int i = 0; i < 8; i++) {
		model_pciback_step();
		work();
	}
}

static void end(void)
{
	uint64_t before;

	fuzz_fail_nothing();
	model_xs_fail(XS_READ, 0, NULL);
	model_xs_conflict(0);
	xen_xs_reconnect();
	release_of(NULL);
	before = xen_port_clock_ns();
	xen_pcifront_stop(w.front);
	FUZZ_CHECK(xen_port_clock_ns() - before < 100 * XEN_PCIFRONT_STEP_NS);
	FUZZ_CHECK(w.added == w.removed);
	model_pciback_stop();
	FUZZ_CHECK(!xen_grant_reap() && !xen_grant_used());
	FUZZ_CHECK(!model_xs_watches());
	FUZZ_CHECK(!xen_ranges_first(&xen_p2m.identity, 0, 1ULL << 63, NULL));
	FUZZ_CHECK(!model_pirqs());
	model_on_wait(NULL, NULL);
	xen_xs_fini();
	xen_grant_fini();
	for (unsigned int i = 0; i < FRONT_DEVICES; i++)
		model_pci_unplug(front_at[i]);
	model_xs_stop();
	FUZZ_CHECK(model_stop());
	xen_p2m_fini();
}

void fuzz_one(struct fuzz_input *in)
{
	memset(&w, 0, sizeof(w));
	w.in = in;
	begin(fuzz_byte(in));
	for (unsigned int i = 0; i < MAX_OPS && fuzz_more(in); i++)
		step();
	end();
}
