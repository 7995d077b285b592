/* SPDX-License-Identifier: MIT */
/*
 * A hypervisor that answers what it must not: each answer of Xen's that the library relies on is
 * checked, and what was done so far is as the headers say.
 */
#include <string.h>

#include <xen/contiguous.h>
#include <xen/hypercall.h>
#include <xen/pirq.h>
#include <xen/port.h>
#include <xen/setup.h>

#include "liar_test.h"
#include "pci-bench.h"

#define NR 4096

enum { TOO_MANY, TOO_FEW, NO_FRAME, HIGH };

static void lie_exchange(struct model_lie_call *call)
{
	struct xen_memory_exchange *arg = call->arg;

	if (!is_about(call, about.how != HIGH))
		return;
	if (about.how == TOO_MANY)
		arg->nr_exchanged = arg->in.nr_extents + 1;
	else if (about.how == TOO_FEW)
		call->rc = 0;
	else if (about.how == NO_FRAME)
		arg->out.extent_start.p[0] = 1ULL << 52;
	else
		arg->out.mem_flags = 0;
}

static pfn_t regions[3];

static void get_regions(unsigned int order)
{
	for (unsigned int i = 0; i < 3; i++) {
		regions[i] = xen_port_virt_to_pfn(xen_port_alloc_pages(order));
		memset(xen_port_pfn_to_virt(regions[i]), 'a', XEN_PAGE_SIZE << order);
	}
}

static void put_regions(unsigned int order)
{
	for (unsigned int i = 0; i < 3; i++)
		xen_port_free_pages(xen_port_pfn_to_virt(regions[i]), order);
}

static bool same_page(const void *page, char c)
{
	for (size_t i = 0; i < XEN_PAGE_SIZE; i++)
		if (((const char *)page)[i] != c)
			return false;
	return true;
}

static void exchanged_frames(void)
{
	unsigned int done;

	model_start(NULL);
	get_regions(2);
	/* It stops, and says that all is well. */
	model_exchange_stops_after(1);
	lie_about(MODEL_MEMORY_OP, XENMEM_exchange, TOO_FEW, lie_exchange);
	ck_assert_int_eq(xen_contiguous_create(regions, 3, 2, 24, &done), -XEN_ENOMEM);
	ck_assert_uint_eq(done, 1);
	truth();
	model_exchange_stops_after(~0ULL);
	ck_assert(model_check());
	ck_assert(same_page(xen_port_pfn_to_virt(pfn_add(regions[1], 3)), 'a'));
	/* It gives memory that the device does not reach: kept, but not counted. */
	lie_about(MODEL_MEMORY_OP, XENMEM_exchange, HIGH, lie_exchange);
	ck_assert_int_eq(xen_contiguous_create(regions, 3, 2, 24, &done), -XEN_EFAULT);
	ck_assert_uint_eq(done, 0);
	ck_assert_int_eq(xen_create_contiguous_region(regions[0], 2, 24, NULL), -XEN_EFAULT);
	truth();
	ck_assert(model_check());
	put_regions(2);
	stop();
}

static void exchange_all(void *arg)
{
	xen_contiguous_create(regions, 3, 2, 24, NULL);
}

static void ends_by(unsigned int how, const char *text)
{
	model_start(NULL);
	get_regions(2);
	lie_about(MODEL_MEMORY_OP, XENMEM_exchange, how, lie_exchange);
	ck_assert(model_expect_panic(exchange_all, NULL));
	ck_assert_ptr_nonnull(strstr(model_last_log(), text));
}

static void more_than_was_asked(void)
{
	ends_by(TOO_MANY, "Xen exchanged");
}

static void frames_that_cannot_be(void)
{
	ends_by(NO_FRAME, "Xen gave frame");
}

static void lie_map(struct model_lie_call *call)
{
	struct xen_memory_map *arg = call->arg;

	if (is_about(call, true))
		arg->nr_entries = about.how;
}

static void memory_map(void)
{
	struct xen_e820_entry map[XEN_E820_MAX];
	unsigned int nr = 77;

	model_start(NULL);
	lie_about(MODEL_MEMORY_OP, XENMEM_machine_memory_map, XEN_E820_MAX + 1, lie_map);
	ck_assert_int_eq(xen_e820_read(true, map, &nr), -XEN_EINVAL);
	ck_assert_uint_eq(nr, 77);
	lie_about(MODEL_MEMORY_OP, XENMEM_machine_memory_map, XEN_E820_MAX, lie_map);
	ck_assert_int_eq(xen_e820_read(true, map, &nr), 0);
	ck_assert_uint_eq(nr, XEN_E820_MAX);
	truth();
	stop();
}

enum { EMPTY, BACKWARDS, BEYOND, NO_CHUNK, TOO_MANY_CHUNKS, NR_M2P_LIES };

static void lie_m2p(struct model_lie_call *call)
{
	struct xen_machphys_mapping *map = call->arg;
	struct xen_machphys_mfn_list *list = call->arg;

	if (!is_about(call, true))
		return;
	switch (about.how) {
	case EMPTY:
		map->v_end = map->v_start;
		break;
	case BACKWARDS:
		map->v_end = map->v_start - XEN_PAGE_SIZE;
		break;
	case BEYOND:
		map->max_mfn = 1ULL << 52;
		break;
	case NO_CHUNK:
		list->nr_extents = 0;
		break;
	default:
		list->nr_extents = list->max_extents + 1;
	}
}

static void m2p(void)
{
	static const struct model_params raw = {.no_setup = true};

	model_start(&raw);
	for (unsigned int how = 0; how < NR_M2P_LIES; how++) {
		lie_about(MODEL_MEMORY_OP,
			  how < NO_CHUNK ? XENMEM_machphys_mapping : XENMEM_machphys_mfn_list, how,
			  lie_m2p);
		ck_assert_int_eq(xen_p2m_init(model_mfn_list(), NR), -XEN_EINVAL);
		truth();
		ck_assert_uint_eq(xen_p2m.nr, 0);
		ck_assert_uint_eq(model_allocs().objects, 0);
	}
	ck_assert_int_eq(xen_p2m_init(model_mfn_list(), NR), 0);
	stop();
}

static struct xen_pci_host host;
static struct picture before;

static void nothing(void *arg)
{
}

static void lie_pirq(struct model_lie_call *call)
{
	if (!is_about(call, true))
		return;
	if (about.how == 0)
		call->rc = 1; /* neither success nor an error */
	else if (call->kind == MODEL_PHYSDEV_OP)
		((struct physdev_map_pirq *)call->arg)->pirq = -1;
	else
		((struct evtchn_bind_pirq *)call->arg)->port = 0;
}

static void set_up_gsi(struct model_lie_call *call)
{
	if (is_about(call, true))
		call->rc = about.how;
}

static void lines(void)
{
	struct xen_pirq pirq;

	begin(&host, &before);
	lie_about(MODEL_PHYSDEV_OP, PHYSDEVOP_setup_gsi, 1, set_up_gsi);
	ck_assert_int_eq(xen_pirq_map_gsi(&pirq, 23, true), -XEN_EIO);
	truth();
	for (unsigned int how = 0; how < 2; how++) {
		lie_about(MODEL_PHYSDEV_OP, PHYSDEVOP_map_pirq, how, lie_pirq);
		ck_assert_int_eq(xen_pirq_map_gsi(&pirq, 23, true), -XEN_EIO);
		ck_assert_int_eq(pirq.pirq, -1);
		truth();
	}
	finish(&host, &before);
}

static void ports(void)
{
	struct xen_pirq pirq;

	begin(&host, &before);
	for (unsigned int how = 0; how < 2; how++) {
		struct evtchn_close close = {.port = 1};

		ck_assert_int_eq(xen_pirq_map_gsi(&pirq, 23, true), 0);
		lie_about(MODEL_EVENT_CHANNEL_OP, EVTCHNOP_bind_pirq, how, lie_pirq);
		ck_assert_int_eq(xen_pirq_bind(&pirq, true, nothing, NULL), -XEN_EIO);
		ck_assert_uint_eq(pirq.port, 0);
		truth();
		/* That Xen did open the port only a liar's victim cannot know. */
		ck_assert_int_eq(hypercall_event_channel_op(EVTCHNOP_close, &close), 0);
		xen_pirq_release(&pirq);
	}
	/* And what it says of the end of an interrupt. */
	ck_assert_int_eq(xen_pirq_map_gsi(&pirq, 23, true), 0);
	lie_about(MODEL_PHYSDEV_OP, PHYSDEVOP_irq_status_query, 0, lie_pirq);
	ck_assert_int_eq(xen_pirq_bind(&pirq, true, nothing, NULL), -XEN_EIO);
	ck_assert_uint_eq(pirq.port, 0);
	truth();
	xen_pirq_release(&pirq);
	finish(&host, &before);
}

static void lie_wider(struct model_lie_call *call)
{
	struct xen_memory_exchange *arg = call->arg;

	if (is_about(call, false))
		arg->out.mem_flags = XENMEMF_address_bits(about.how);
}

/* All that Xen has in [1 MiB, 2 MiB), for a device that reaches 2 MiB and for one that does not. */
static void at_the_limit(void)
{
	enum { REGIONS = 16, ORDER = 4 };
	pfn_t pfn[REGIONS];
	uint64_t seen = 0;

	model_start(NULL);
	for (unsigned int i = 0; i < REGIONS; i++)
		pfn[i] = xen_port_virt_to_pfn(xen_port_alloc_pages(ORDER));
	for (unsigned int i = 0; i < REGIONS; i++) {
		ck_assert_int_eq(xen_create_contiguous_region(pfn[i], ORDER, 21, NULL), 0);
		seen |= 1ULL << (mfn_x(xen_pfn_to_mfn(pfn[i])) >> ORDER);
	}
	ck_assert_uint_eq(seen, 0xffff0000); /* the last one ends at the limit */
	for (unsigned int i = 0; i < REGIONS; i++)
		ck_assert_int_eq(xen_destroy_contiguous_region(pfn[i], ORDER), 0);
	lie_about(MODEL_MEMORY_OP, XENMEM_exchange, 21, lie_wider);
	for (unsigned int i = 0; i < REGIONS; i++)
		ck_assert_int_eq(xen_create_contiguous_region(pfn[i], ORDER, 20, NULL),
				 -XEN_EFAULT);
	truth();
	for (unsigned int i = 0; i < REGIONS; i++)
		xen_port_free_pages(xen_port_pfn_to_virt(pfn[i]), ORDER);
	stop();
}

static const struct unit_case cases[] = {
	{"exchanged frames are counted and looked at", exchanged_frames},
	{"more frames than were asked for are the end", more_than_was_asked},
	{"frames that cannot be are the end", frames_that_cannot_be},
	{"a memory map has as many entries as there is room for", memory_map},
	{"an M2P that cannot be is refused", m2p},
	{"a line's PIRQ is looked at", lines},
	{"an event channel's port is looked at", ports},
	{"frames are below the limit to the last one", at_the_limit},
};
UNIT_MAIN("liar", cases)
