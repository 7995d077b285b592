/* SPDX-License-Identifier: MIT */
/* physdev_op: PIRQs of lines and of messages, mapped, bound, acknowledged and unmapped. */
#include "physdev.h"

static int unmap(int pirq, domid_t domid)
{
	struct physdev_unmap_pirq u = {.domid = domid, .pirq = pirq};

	return physdev_op(PHYSDEVOP_unmap_pirq, &u);
}

static int setup_gsi(int gsi, int triggering, int polarity)
{
	struct physdev_setup_gsi s = {
		.gsi = gsi, .triggering = (uint8_t)triggering, .polarity = (uint8_t)polarity};

	return physdev_op(PHYSDEVOP_setup_gsi, &s);
}

static int bind(uint32_t pirq, uint32_t flags, evtchn_port_t *port)
{
	struct evtchn_bind_pirq b = {.pirq = pirq, .flags = flags};
	int rc = hypercall_event_channel_op(EVTCHNOP_bind_pirq, &b);

	*port = b.port;
	return rc;
}

static int close_port(evtchn_port_t port)
{
	struct evtchn_close close = {.port = port};

	return hypercall_event_channel_op(EVTCHNOP_close, &close);
}

static int eoi(uint32_t pirq)
{
	struct physdev_eoi e = {.irq = pirq};

	return physdev_op(PHYSDEVOP_eoi, &e);
}

static int query(uint32_t pirq, uint32_t *flags)
{
	struct physdev_irq_status_query q = {.irq = pirq};
	int rc = physdev_op(PHYSDEVOP_irq_status_query, &q);

	*flags = q.flags;
	return rc;
}

static void odd_maps(void)
{
	static const struct {
		const char *name;
		struct physdev_map_pirq map;
	} cases[] = {
		{"map-gsi-negative", {DOMID_SELF, MAP_PIRQ_TYPE_GSI, -1, -1}},
		{"map-gsi-too-high", {DOMID_SELF, MAP_PIRQ_TYPE_GSI, 5000, -1}},
		{"map-gsi-pirq-too-high", {DOMID_SELF, MAP_PIRQ_TYPE_GSI, FREE_GSI, 100000}},
		{"map-type-unknown", {DOMID_SELF, 9, FREE_GSI, -1}},
		{"map-no-such-domain", {CONF_NO_DOMAIN, MAP_PIRQ_TYPE_GSI, FREE_GSI, -1}},
		{"map-domid-invalid", {DOMID_INVALID, MAP_PIRQ_TYPE_GSI, FREE_GSI, -1}},
		{"map-msi-absent-function",
		 {DOMID_SELF, MAP_PIRQ_TYPE_MSI, -1, -1, 0, ABSENT_DEVFN}},
		{"map-msi-seg-absent-function",
		 {DOMID_SELF, MAP_PIRQ_TYPE_MSI_SEG, -1, -1, 0, ABSENT_DEVFN}},
		{"map-msi-other-segment",
		 {DOMID_SELF, MAP_PIRQ_TYPE_MSI_SEG, -1, -1, 7 << 16, EDU_DEVFN}},
		{"map-msi-of-bridge", {DOMID_SELF, MAP_PIRQ_TYPE_MSI_SEG, -1, -1, 0, 0}},
		{"map-msi-index", {DOMID_SELF, MAP_PIRQ_TYPE_MSI_SEG, 3, -1, 0, EDU_DEVFN}},
		{"map-multi-msi-0", {DOMID_SELF, MAP_PIRQ_TYPE_MULTI_MSI, -1, -1, 0, EDU_DEVFN, 0}},
		{"map-multi-msi-33",
		 {DOMID_SELF, MAP_PIRQ_TYPE_MULTI_MSI, -1, -1, 0, EDU_DEVFN, 33}},
		{"map-multi-msi-2", {DOMID_SELF, MAP_PIRQ_TYPE_MULTI_MSI, -1, -1, 0, EDU_DEVFN, 2}},
		{"map-multi-msi-pirq",
		 {DOMID_SELF, MAP_PIRQ_TYPE_MULTI_MSI, -1, 100, 0, EDU_DEVFN, 1}},
	};
	size_t i;

	for (i = 0; i < LEN(cases); i++) {
		struct physdev_map_pirq map = cases[i].map;

		int rc = physdev_op(PHYSDEVOP_map_pirq, &map);

		conf(cases[i].name, "%s", conf_err(rc));
		if (!rc)
			unmap(map.pirq, DOMID_SELF);
	}
}

static void wrong_pirqs(void)
{
	static const struct {
		const char *name;
		int pirq;
	} cases[] = {
		{"pirq-unmapped", 200},
		{"pirq-too-high", 100000},
		{"pirq-all-ones", -1},
	};
	uint32_t flags;
	evtchn_port_t port;
	char name[64];
	size_t i;
	int rc;

	for (i = 0; i < LEN(cases); i++) {
		uint32_t pirq = (uint32_t)cases[i].pirq;

		conf(conf_name(name, cases[i].name, "unmap"), "%s",
		     conf_err(unmap(cases[i].pirq, DOMID_SELF)));
		conf(conf_name(name, cases[i].name, "bind"), "%s", conf_err(bind(pirq, 0, &port)));
		conf(conf_name(name, cases[i].name, "eoi"), "%s", conf_err(eoi(pirq)));
		rc = query(pirq, &flags);
		conf(conf_name(name, cases[i].name, "query"), "%s flags=%u", conf_err(rc), flags);
	}
	conf("unmap-no-such-domain", "%s", conf_err(unmap(200, CONF_NO_DOMAIN)));
	conf("setup-gsi-negative", "%s", conf_err(setup_gsi(-1, 1, 1)));
	conf("setup-gsi-too-high", "%s", conf_err(setup_gsi(5000, 1, 1)));
	conf("physdev-unknown", "%s", conf_err(physdev_op(99, &flags)));
	conf("physdev-no-argument", "%s", conf_err(physdev_op(PHYSDEVOP_map_pirq, NULL)));
	conf("physdev-unknown-no-argument", "%s", conf_err(physdev_op(99, NULL)));
}

/* The life of a mapped PIRQ: bound, bound once more, acknowledged, unmapped. */
static void live(const char *kind, int pirq)
{
	uint32_t flags;
	evtchn_port_t port, other;
	char name[64];
	int rc;

	rc = query((uint32_t)pirq, &flags);
	conf(conf_name(name, kind, "query"), "%s flags=%u", conf_err(rc), flags);
	conf(conf_name(name, kind, "eoi-unbound"), "%s", conf_err(eoi((uint32_t)pirq)));
	rc = bind((uint32_t)pirq, 0, &port);
	conf(conf_name(name, kind, "bind"), "%s", conf_err(rc));
	if (!rc) {
		struct evtchn_status s = {.dom = DOMID_SELF, .port = port};
		struct evtchn_send send = {.port = port};

		rc = hypercall_event_channel_op(EVTCHNOP_status, &s);
		conf(conf_name(name, kind, "status"), "%s %s %s", conf_err(rc),
		     conf_is(s.status == EVTCHNSTAT_pirq, "pirq", "other"),
		     conf_is(s.u.pirq == (uint32_t)pirq, "same", "other"));
		conf(conf_name(name, kind, "send"), "%s",
		     conf_err(hypercall_event_channel_op(EVTCHNOP_send, &send)));
		conf(conf_name(name, kind, "bind-again"), "%s",
		     conf_err(bind((uint32_t)pirq, 0, &other)));
		conf(conf_name(name, kind, "eoi"), "%s", conf_err(eoi((uint32_t)pirq)));
		conf(conf_name(name, kind, "close"), "%s", conf_err(close_port(port)));
	}
	conf(conf_name(name, kind, "unmap"), "%s", conf_err(unmap(pirq, DOMID_SELF)));
	conf(conf_name(name, kind, "unmap-again"), "%s", conf_err(unmap(pirq, DOMID_SELF)));
}

static void gsis(void)
{
	struct physdev_map_pirq map = {DOMID_SELF, MAP_PIRQ_TYPE_GSI, FREE_GSI, -1};
	struct physdev_map_pirq again;
	int rc;

	conf("setup-gsi", "%s", conf_err(setup_gsi(FREE_GSI, 1, 1)));
	conf("setup-gsi-again", "%s", conf_err(setup_gsi(FREE_GSI, 1, 1)));
	conf("setup-gsi-otherwise", "%s", conf_err(setup_gsi(FREE_GSI, 0, 0)));
	again = map;
	rc = physdev_op(PHYSDEVOP_map_pirq, &map);
	conf("map-gsi", "%s %s", conf_err(rc), conf_is(map.pirq > 0, "positive", "none"));
	if (rc)
		return;
	rc = physdev_op(PHYSDEVOP_map_pirq, &again);
	conf("map-gsi-again", "%s %s", conf_err(rc),
	     conf_is(again.pirq == map.pirq, "same", "other"));
	again.pirq = map.pirq + 1;
	conf("map-gsi-again-elsewhere", "%s", conf_err(physdev_op(PHYSDEVOP_map_pirq, &again)));
	live("gsi", map.pirq);
	again.pirq = -1;
	conf("map-gsi-after-unmap", "%s", conf_err(physdev_op(PHYSDEVOP_map_pirq, &again)));
}

static uint64_t msix_table(void)
{
	const struct xen_pci_addr addr = {.devfn = NVME_DEVFN};
	const struct xen_pci_dev *dev = conf_host ? xen_pci_find(conf_host, addr) : NULL;

	return dev ? dev->res[0].start : 0;
}

static void messages(void)
{
	struct physdev_map_pirq msi = {DOMID_SELF, MAP_PIRQ_TYPE_MSI_SEG, -1, -1, 0, EDU_DEVFN};
	struct physdev_map_pirq msix = {DOMID_SELF, MAP_PIRQ_TYPE_MSI_SEG, -1, -1, 0, NVME_DEVFN};
	struct physdev_map_pirq other;
	int rc = physdev_op(PHYSDEVOP_map_pirq, &msi);

	conf("map-msi", "%s %s", conf_err(rc), conf_is(msi.pirq > 0, "positive", "none"));
	if (!rc)
		live("msi", msi.pirq);
	msix.table_base = msix_table();
	msix.entry_nr = 60000;
	other = msix;
	conf("map-msix-entry-too-high", "%s", conf_err(physdev_op(PHYSDEVOP_map_pirq, &other)));
	msix.entry_nr = 1;
	rc = physdev_op(PHYSDEVOP_map_pirq, &msix);
	conf("map-msix", "%s %s", conf_err(rc), conf_is(msix.pirq > 0, "positive", "none"));
	if (rc)
		return;
	other = msix;
	other.pirq = -1;
	other.entry_nr = 2;
	rc = physdev_op(PHYSDEVOP_map_pirq, &other);
	conf("map-msix-second", "%s %s", conf_err(rc),
	     conf_is(other.pirq != msix.pirq, "other", "same"));
	if (!rc)
		conf("unmap-msix-second", "%s", conf_err(unmap(other.pirq, DOMID_SELF)));
	live("msix", msix.pirq);
}

void conf_pirq(void)
{
	odd_maps();
	wrong_pirqs();
	gsis();
	messages();
}
