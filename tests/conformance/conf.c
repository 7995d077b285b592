/* SPDX-License-Identifier: MIT */
/*
 * The suite's frame: runs the groups, and after each shows what must be as before: the number of
 * frames, P2M and M2P. Also what all groups use. No locking: one CPU.
 */
#include "conf.h"

static unsigned int lines;

static __attribute__((format(printf, 1, 2))) void print(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	conf_vprint(fmt, ap);
	va_end(ap);
}

void conf(const char *name, const char *fmt, ...)
{
	va_list ap;

	print("conf %s: ", name);
	va_start(ap, fmt);
	conf_vprint(fmt, ap);
	va_end(ap);
	print("\n");
	lines++;
}

static const struct {
	const char *name;
	int number;
} errors[] = {
#define XEN_ERRNO(name, value) {#name, value},
#include <xen/errno.h>
};

/* The decimal digits of @n behind @prefix. */
static const char *number(char text[32], const char *prefix, unsigned long n)
{
	char *at = text + 31;

	*at = 0;
	do
		*--at = (char)('0' + n % 10);
	while (n /= 10);
	if (*prefix) {
		*--at = prefix[1];
		*--at = prefix[0];
	}
	return at;
}

const char *conf_err(long rc)
{
	static char text[8][32];
	static unsigned int turn;
	size_t i;

	if (rc >= 0)
		return number(text[turn++ % 8], "", (unsigned long)rc);
	for (i = 0; i < LEN(errors); i++)
		if (errors[i].number == -rc)
			return errors[i].name;
	return number(text[turn++ % 8], "?-", -(unsigned long)rc);
}

const char *conf_name(char name[64], const char *first, const char *second)
{
	size_t at = 0;

	while (*first && at < 62)
		name[at++] = *first++;
	name[at++] = '-';
	while (*second && at < 63)
		name[at++] = *second++;
	name[at] = 0;
	return name;
}

int conf_set_pte(const volatile void *va, uint64_t pte)
{
	return hypercall_update_va_mapping(conf_addr(va), pte, UVMF_INVLPG | UVMF_ALL);
}

int conf_adopt(const void *va, uint64_t mfn)
{
	int rc = xen_p2m_set(xen_port_virt_to_pfn(va), mk_mfn(mfn), false);

	if (rc)
		return rc;
	return mfn == XEN_INVALID_FRAME ? conf_unmap(va) : conf_map(va, mfn);
}

uint64_t conf_m2p(uint64_t mfn)
{
	if (mfn >= xen_p2m.m2p_nr || !(xen_p2m.m2p_present[mfn >> 24] >> (mfn >> 18 & 63) & 1))
		return XEN_INVALID_FRAME;
	return xen_load(&xen_p2m.m2p[mfn]);
}

int conf_set_m2p(uint64_t mfn, uint64_t pfn)
{
	struct mmu_update req = {
		.ptr = mfn << XEN_PAGE_SHIFT | MMU_MACHPHYS_UPDATE,
		.val = pfn,
	};

	return hypercall_mmu_update(&req, 1, NULL, DOMID_SELF);
}

uint64_t conf_xen_frame(void)
{
	xen_pfn_t frame = 0;
	struct xen_machphys_mfn_list list = {.max_extents = 1};

	set_xen_guest_handle(list.extent_start, &frame);
	hypercall_memory_op(XENMEM_machphys_mfn_list, &list);
	return frame;
}

long conf_frames(void)
{
	domid_t domid = DOMID_SELF;

	return hypercall_memory_op(XENMEM_current_reservation, &domid);
}

/* No call simply tells: the remote end of a channel for ourselves does. */
domid_t conf_domid(void)
{
	struct evtchn_alloc_unbound alloc = {.dom = DOMID_SELF, .remote_dom = DOMID_SELF};
	struct evtchn_status status = {.dom = DOMID_SELF};
	struct evtchn_close close;

	if (hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &alloc))
		return DOMID_INVALID;
	close.port = status.port = alloc.port;
	hypercall_event_channel_op(EVTCHNOP_status, &status);
	hypercall_event_channel_op(EVTCHNOP_close, &close);
	return status.u.unbound.dom;
}

static const struct {
	const char *name;
	void (*run)(void);
} groups[] = {
	{"reservation", conf_reservation},
	{"maps", conf_maps},
	{"exchange", conf_exchange},
	{"exchange-orders", conf_exchange_orders},
	{"va-mapping", conf_va_mapping},
	{"mmu-update", conf_mmu_update},
	{"mmuext", conf_mmuext},
	{"page-levels", conf_page_levels},
	{"tables", conf_tables},
	{"multicall", conf_multicall},
	{"event", conf_event},
	{"event-bind", conf_event_bind},
	{"grant", conf_grant},
	{"grant-map", conf_grant_map},
	{"pirq", conf_pirq},
	{"pci", conf_pci},
	{"misc", conf_misc},
};

unsigned int conf_run(void)
{
	size_t i;

	lines = 0;
	for (i = 0; i < LEN(groups); i++) {
		long before = conf_frames();
		uint64_t populated = 0;
		char name[64];
		pfn_t bad;
		int rc;

		groups[i].run();
		rc = xen_p2m_check(&populated, &bad);
		conf(conf_name(name, groups[i].name, "balance"), "p2m=%s populated=%s frames=%s",
		     conf_err(rc), conf_is(populated == (uint64_t)before, "all", "wrong"),
		     conf_is(conf_frames() == before, "as-before", "changed"));
	}
	return lines;
}
