/* SPDX-License-Identifier: MIT */
/* grant_table_op, version 1: mapping a granted page, for the CPU and for devices, and unmapping. */
#include "grant.h"

static char *granted, *other, *area;

static int map(unsigned int flags, unsigned int ref, domid_t domid, struct gnttab_map_grant_ref *op)
{
	*op = (struct gnttab_map_grant_ref){
		.host_addr = conf_addr(area),
		.flags = flags,
		.ref = ref,
		.dom = domid,
		.status = 99,
	};
	return grant_op(GNTTABOP_map_grant_ref, op);
}

static int unmap(uint64_t va, uint64_t bus, grant_handle_t handle, int16_t *status)
{
	struct gnttab_unmap_grant_ref op = {
		.host_addr = va,
		.dev_bus_addr = bus,
		.handle = handle,
		.status = 99,
	};
	int rc = grant_op(GNTTABOP_unmap_grant_ref, &op);

	*status = op.status;
	return rc;
}

static const struct {
	const char *name;
	uint16_t granted; /* flags of the entry */
	unsigned int flags;
	unsigned int ref;
	domid_t domid, grantee; /* 0: this domain */
} cases[] = {
	{"grant-map", GTF_permit_access, GNTMAP_host_map, GRANT_REF},
	{"grant-map-read-only", GTF_permit_access, GNTMAP_host_map | GNTMAP_readonly, GRANT_REF},
	{"grant-map-device", GTF_permit_access, GNTMAP_device_map, GRANT_REF},
	{"grant-map-both", GTF_permit_access, GNTMAP_host_map | GNTMAP_device_map, GRANT_REF},
	{"grant-map-nothing", GTF_permit_access, 0, GRANT_REF},
	{"grant-map-only-read-only", GTF_permit_access, GNTMAP_readonly, GRANT_REF},
	{"grant-map-read-only-entry", GTF_permit_access | GTF_readonly, GNTMAP_host_map, GRANT_REF},
	{"grant-map-read-only-entry-read-only", GTF_permit_access | GTF_readonly,
	 GNTMAP_host_map | GNTMAP_readonly, GRANT_REF},
	{"grant-map-not-granted", 0, GNTMAP_host_map, GRANT_REF},
	{"grant-map-ref-too-high", GTF_permit_access, GNTMAP_host_map, 0x7fffffff},
	{"grant-map-no-such-domain", GTF_permit_access, GNTMAP_host_map, GRANT_REF,
	 .domid = CONF_NO_DOMAIN},
	{"grant-map-domid-invalid", GTF_permit_access, GNTMAP_host_map, GRANT_REF,
	 .domid = DOMID_INVALID},
	{"grant-map-for-other", GTF_permit_access, GNTMAP_host_map, GRANT_REF,
	 .grantee = CONF_NO_DOMAIN},
};

static const char *mapping(void)
{
	uint64_t pte = conf_pte(area);

	if (!(pte & XEN_PTE_PRESENT))
		return "none";
	if ((pte & XEN_PTE_FRAME_MASK) >> XEN_PAGE_SHIFT != conf_mfn(granted))
		return "other-frame";
	return pte & XEN_PTE_RW ? "rw" : "ro";
}

static void run(size_t i)
{
	struct gnttab_map_grant_ref op;
	domid_t self = conf_domid();
	const char *bus = "-";
	uint64_t va;
	int16_t status;
	char name[64];
	int rc;

	grant_set(GRANT_REF, cases[i].granted, cases[i].grantee ? cases[i].grantee : self,
		  conf_mfn(granted));
	rc = map(cases[i].flags, cases[i].ref, cases[i].domid ? cases[i].domid : self, &op);
	if (!op.status && cases[i].flags & GNTMAP_device_map)
		bus = conf_is(op.dev_bus_addr == conf_mfn(granted) << XEN_PAGE_SHIFT, "frame",
			      "other");
	conf(cases[i].name, "%s status=%d pte=%s bus=%s entry=%x", conf_err(rc), op.status,
	     mapping(), bus, (unsigned int)grant_table[GRANT_REF].flags);
	if (!op.status) {
		va = cases[i].flags & GNTMAP_host_map ? conf_addr(area) : 0;
		rc = unmap(va, cases[i].flags & GNTMAP_device_map ? op.dev_bus_addr : 0, op.handle,
			   &status);
		conf(conf_name(name, cases[i].name, "unmap"), "%s status=%d pte=%s entry=%x",
		     conf_err(rc), status, mapping(), (unsigned int)grant_table[GRANT_REF].flags);
	}
	grant_set(GRANT_REF, 0, 0, 0);
}

/* A granted page that is mapped is nobody's to exchange; twice mapped counts twice. */
static void twice(void)
{
	struct gnttab_map_grant_ref first, second;
	domid_t self = conf_domid();
	int16_t status;
	int rc;

	grant_set(GRANT_REF, GTF_permit_access, self, conf_mfn(granted));
	map(GNTMAP_device_map, GRANT_REF, self, &first);
	rc = map(GNTMAP_host_map, GRANT_REF, self, &second);
	conf("grant-map-second", "%s %s handle=%s", conf_err(rc),
	     conf_is(!first.status && !second.status, "both", "not"),
	     conf_is(first.handle != second.handle, "other", "same"));
	rc = unmap(conf_addr(area), 0, second.handle, &status);
	conf("grant-unmap-second", "%s status=%d entry=%x", conf_err(rc), status,
	     (unsigned int)grant_table[GRANT_REF].flags);
	rc = unmap(conf_addr(area), 0, second.handle, &status);
	conf("grant-unmap-again", "%s status=%d", conf_err(rc), status);
	rc = unmap(0, first.dev_bus_addr, first.handle, &status);
	conf("grant-unmap-first", "%s status=%d entry=%x", conf_err(rc), status,
	     (unsigned int)grant_table[GRANT_REF].flags);
	grant_set(GRANT_REF, 0, 0, 0);
}

static void wrong_unmaps(void)
{
	struct gnttab_map_grant_ref op;
	domid_t self = conf_domid();
	int16_t status;
	int rc;

	rc = unmap(conf_addr(area), 0, 0x7ffffff, &status);
	conf("grant-unmap-handle-too-high", "%s status=%d", conf_err(rc), status);
	rc = unmap(conf_addr(area), 0, ~0U, &status);
	conf("grant-unmap-handle-all-ones", "%s status=%d", conf_err(rc), status);
	grant_set(GRANT_REF, GTF_permit_access, self, conf_mfn(granted));
	rc = map(GNTMAP_host_map, GRANT_REF, self, &op);
	if (rc || op.status)
		goto out;
	rc = unmap(conf_addr(other), 0, op.handle, &status);
	conf("grant-unmap-other-address", "%s status=%d pte=%s", conf_err(rc), status, mapping());
	rc = unmap(0, 0, op.handle, &status);
	conf("grant-unmap-no-address", "%s status=%d pte=%s", conf_err(rc), status, mapping());
	rc = unmap(conf_addr(area), 0, op.handle, &status);
	conf("grant-unmap-right-address", "%s status=%d pte=%s", conf_err(rc), status, mapping());
out:
	grant_set(GRANT_REF, 0, 0, 0);
}

void conf_grant_map(void)
{
	size_t i;

	granted = xen_port_alloc_pages(0);
	other = xen_port_alloc_pages(0);
	area = xen_port_vm_alloc(1);
	if (granted && other && area && grant_open()) {
		for (i = 0; i < LEN(cases); i++)
			run(i);
		twice();
		wrong_unmaps();
		grant_close();
	} else {
		conf("grant-map", "no table");
	}
	if (granted)
		xen_port_free_pages(granted, 0);
	if (other)
		xen_port_free_pages(other, 0);
	if (area)
		xen_port_vm_free(area, 1);
}
