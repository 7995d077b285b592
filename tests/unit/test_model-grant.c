/* SPDX-License-Identifier: MIT */
/*
 * The model's grant tables, from both sides: the domain that grants and the one that maps or
 * copies. Statuses are Xen 4.17's.
 */
#include <model/domain.h>

#include "guest.h"

#define OTHER 7
#define PAGES 8
#define BUS(id, page) (mfn_x(model_domain_mfn(id, page)) << XEN_PAGE_SHIFT)

static uint64_t *mfns;
static void *window; /* of kernel address space, for mappings */

static void begin(void)
{
	mfns = guest_start(NULL);
	model_domain_create(OTHER, false, PAGES);
	window = xen_port_vm_alloc(2);
	ck_assert_ptr_nonnull(window);
}

static void finish(void)
{
	xen_port_vm_free(window, 2);
	ck_assert(model_stop());
}

static uint64_t address(const void *va)
{
	return (uint64_t)(uintptr_t)va;
}

static struct gnttab_map_grant_ref map(domid_t dom, grant_ref_t ref, uint32_t flags)
{
	struct gnttab_map_grant_ref op = {
		.host_addr = address(window), .flags = flags, .ref = ref, .dom = dom};

	ck_assert_int_eq(hypercall_grant_table_op(GNTTABOP_map_grant_ref, &op, 1), 0);
	return op;
}

static int unmap_at(grant_handle_t handle, uint64_t host, uint64_t bus)
{
	struct gnttab_unmap_grant_ref op = {
		.host_addr = host, .dev_bus_addr = bus, .handle = handle};

	ck_assert_int_eq(hypercall_grant_table_op(GNTTABOP_unmap_grant_ref, &op, 1), 0);
	return op.status;
}

static int unmap(const struct gnttab_map_grant_ref *op)
{
	return unmap_at(op->handle, address(window), op->dev_bus_addr);
}

static uint16_t flags_of(domid_t id, grant_ref_t ref)
{
	return model_grant_entry(id, ref)->flags;
}

static void sizes_and_versions(void)
{
	struct gnttab_query_size size = {.dom = DOMID_SELF};
	struct gnttab_set_version set = {.version = 1};
	struct gnttab_get_version get = {.dom = OTHER};

	begin();
	ck_assert_int_eq(hypercall_grant_table_op(GNTTABOP_query_size, &size, 1), 0);
	ck_assert_int_eq(size.status, GNTST_okay);
	ck_assert_uint_eq(size.nr_frames, 1);
	ck_assert_uint_eq(size.max_nr_frames, 64);
	ck_assert_int_eq(hypercall_grant_table_op(GNTTABOP_query_size, &size, 2), -XEN_EINVAL);
	ck_assert_int_eq(hypercall_grant_table_op(GNTTABOP_query_size, NULL, 1), -XEN_EFAULT);
	size.dom = 99;
	ck_assert_int_eq(hypercall_grant_table_op(GNTTABOP_query_size, &size, 1), 0);
	ck_assert_int_eq(size.status, GNTST_bad_domain);
	ck_assert_int_eq(hypercall_grant_table_op(GNTTABOP_set_version, &set, 1), 0);
	set.version = 3;
	ck_assert_int_eq(hypercall_grant_table_op(GNTTABOP_set_version, &set, 1), -XEN_EINVAL);
	ck_assert_uint_eq(set.version, 1);
	ck_assert_int_eq(hypercall_grant_table_op(GNTTABOP_get_version, &get, 1), 0);
	ck_assert_uint_eq(get.version, 1);
	get.dom = 99;
	ck_assert_int_eq(hypercall_grant_table_op(GNTTABOP_get_version, &get, 1), -XEN_ESRCH);
	ck_assert_int_eq(hypercall_grant_table_op(0xf00, &get, 1), -XEN_ENOSYS);
	ck_assert_int_eq(hypercall_grant_table_op(GNTTABOP_map_grant_ref, &get, 1u << 31),
			 -XEN_EINVAL);
	finish();
}

static int setup(xen_pfn_t *frames, unsigned int nr)
{
	struct gnttab_setup_table op = {.dom = DOMID_SELF, .nr_frames = nr};

	set_xen_guest_handle(op.frame_list, frames);
	ck_assert_int_eq(hypercall_grant_table_op(GNTTABOP_setup_table, &op, 1), 0);
	return op.status;
}

static void own_table(void)
{
	xen_pfn_t frames[65];
	grant_entry_v1_t *table;
	struct gnttab_map_grant_ref op;

	begin();
	ck_assert_int_eq(setup(frames, 65), GNTST_general_error);
	ck_assert_int_eq(setup(frames, 2), GNTST_okay);
	table = (grant_entry_v1_t *)(void *)((uint8_t *)window + XEN_PAGE_SIZE);
	ck_assert_int_eq(guest_map(table, frames[1]), 0);
	table[5].domid = OTHER;
	table[5].frame = (uint32_t)mfns[900];
	table[5].flags = GTF_permit_access;
	strcpy(guest_va(900), "granted");

	model_act_as(OTHER);
	op = map(0, 512 + 5, GNTMAP_host_map);
	ck_assert_int_eq(op.status, GNTST_okay);
	strcpy(model_frame(mk_mfn(op.dev_bus_addr >> XEN_PAGE_SHIFT)), "written by 7");
	ck_assert_uint_eq(table[5].flags, GTF_permit_access | GTF_reading | GTF_writing);
	ck_assert(model_check());
	ck_assert_int_eq(unmap(&op), GNTST_okay);
	model_act_as(DOMID_SELF);
	ck_assert_uint_eq(table[5].flags, GTF_permit_access);
	ck_assert_str_eq(guest_va(900), "written by 7");
	/* Xen's frames are not the guest's RAM: neither to be exchanged nor given other caching. */
	ck_assert_int_eq(guest_set_pte(window, frames[1] << 12 | XEN_PTE_KERNEL | XEN_PTE_PCD),
			 -XEN_EACCES);
	ck_assert_int_eq(guest_unmap(table), 0);
	finish();
}

static void wrong_maps(void)
{
	struct gnttab_map_grant_ref op;
	grant_ref_t ro, to_8;

	begin();
	ro = model_grant(OTHER, 0, 0, true);
	to_8 = model_grant(OTHER, 8, 1, false);
	ck_assert_int_eq(map(OTHER, ro, GNTMAP_readonly).status, GNTST_bad_gntref); /* no kind */
	ck_assert_int_eq(map(99, ro, GNTMAP_host_map).status, GNTST_bad_domain);
	ck_assert_int_eq(map(DOMID_SELF, ro, GNTMAP_host_map).status, GNTST_bad_domain);
	ck_assert_int_eq(map(OTHER, 512, GNTMAP_host_map).status, GNTST_bad_gntref);
	ck_assert_int_eq(map(OTHER, 300, GNTMAP_host_map).status, GNTST_general_error);
	ck_assert_int_eq(map(OTHER, to_8, GNTMAP_host_map).status, GNTST_general_error);
	ck_assert_int_eq(map(OTHER, ro, GNTMAP_host_map).status, GNTST_general_error);
	model_grant_entry(OTHER, to_8)->domid = 0;
	model_grant_entry(OTHER, to_8)->frame = (uint32_t)mfns[1]; /* not its own to grant */
	ck_assert_int_eq(map(OTHER, to_8, GNTMAP_host_map).status, GNTST_bad_page);
	ck_assert_uint_eq(flags_of(OTHER, to_8), GTF_permit_access);
	ck_assert_int_eq(
		map(OTHER, ro, GNTMAP_host_map | GNTMAP_readonly | GNTMAP_contains_pte).status,
		GNTST_general_error);
	ck_assert_uint_eq(flags_of(OTHER, ro), GTF_permit_access | GTF_readonly);
	op = (struct gnttab_map_grant_ref){.host_addr = 8,
					   .flags = GNTMAP_host_map | GNTMAP_readonly,
					   .ref = ro,
					   .dom = OTHER};
	ck_assert_int_eq(hypercall_grant_table_op(GNTTABOP_map_grant_ref, &op, 1), 0);
	ck_assert_int_eq(op.status, GNTST_general_error); /* no such address */
	ck_assert_uint_eq(model_grant_maps(DOMID_SELF), 0);
	finish();
}

static void maps_and_unmaps(void)
{
	struct gnttab_map_grant_ref op;
	grant_ref_t ref;
	char seen[8];

	begin();
	ref = model_grant(OTHER, 0, 3, false);
	strcpy(model_domain_page(OTHER, 3), "hello");
	ck_assert(!model_dma_read(BUS(OTHER, 3), seen, 6));
	op = map(OTHER, ref, GNTMAP_host_map | GNTMAP_device_map);
	ck_assert_int_eq(op.status, GNTST_okay);
	ck_assert_uint_eq(op.dev_bus_addr, BUS(OTHER, 3));
	ck_assert_str_eq(window, "hello");
	ck_assert(model_dma_write(op.dev_bus_addr, "device", 7));
	ck_assert_str_eq(model_domain_page(OTHER, 3), "device");
	ck_assert(!model_grant_end(OTHER, ref));

	ck_assert_int_eq(unmap_at(op.handle, 0, op.dev_bus_addr + 4096), GNTST_bad_dev_addr);
	ck_assert_int_eq(unmap_at(op.handle, address(window) + 4096, 0), GNTST_general_error);
	ck_assert_int_eq(unmap_at(op.handle + 1, address(window), 0), GNTST_bad_handle);
	ck_assert_int_eq(unmap_at(~0u, address(window), 0), GNTST_bad_handle);
	ck_assert_int_eq(unmap_at(op.handle, 0, op.dev_bus_addr), GNTST_okay);
	ck_assert(!model_dma_read(op.dev_bus_addr, seen, 6)); /* the device's half is gone */
	ck_assert_str_eq(window, "device");
	ck_assert_uint_eq(model_grant_maps(DOMID_SELF), 1);
	ck_assert_int_eq(unmap_at(op.handle, address(window), 0), GNTST_okay);
	ck_assert_uint_eq(model_pte(window), 0);
	ck_assert_int_eq(unmap(&op), GNTST_bad_handle);
	ck_assert_uint_eq(flags_of(OTHER, ref), GTF_permit_access);
	ck_assert(model_grant_end(OTHER, ref));
	finish();
}

/* In one call each element has a status of its own. */
static void batch(void)
{
	struct gnttab_map_grant_ref ops[3];

	begin();
	for (unsigned int i = 0; i < 3; i++)
		ops[i] = (struct gnttab_map_grant_ref){
			.flags = GNTMAP_device_map,
			.ref = i == 1 ? 400 : model_grant(OTHER, 0, i, false),
			.dom = OTHER};
	ck_assert_int_eq(hypercall_grant_table_op(GNTTABOP_map_grant_ref, ops, 3), 0);
	ck_assert_int_eq(ops[0].status, GNTST_okay);
	ck_assert_int_eq(ops[1].status, GNTST_general_error);
	ck_assert_int_eq(ops[2].status, GNTST_okay);
	ck_assert_uint_ne(ops[0].handle, ops[2].handle);
	ck_assert_int_eq(unmap(&ops[0]), GNTST_okay);
	ck_assert_int_eq(unmap(&ops[2]), GNTST_okay);
	finish();
}

static long exchange(uint64_t *mfn, uint64_t pfn)
{
	xen_pfn_t in = *mfn, out = pfn;
	struct xen_memory_exchange op = {.in = {.nr_extents = 1, .domid = DOMID_SELF},
					 .out = {.nr_extents = 1, .domid = DOMID_SELF}};
	long rc;

	ck_assert_int_eq(guest_unmap(guest_va(pfn)), 0);
	set_xen_guest_handle(op.in.extent_start, &in);
	set_xen_guest_handle(op.out.extent_start, &out);
	rc = hypercall_memory_op(XENMEM_exchange, &op);
	if (!rc)
		*mfn = out;
	ck_assert_int_eq(guest_map(guest_va(pfn), *mfn), 0);
	return rc;
}

static void exchange_refused(void)
{
	struct gnttab_map_grant_ref op;
	grant_entry_v1_t *entry;

	begin();
	entry = model_grant_entry(0, 20);
	*entry = (grant_entry_v1_t){
		.flags = GTF_permit_access, .domid = OTHER, .frame = (uint32_t)mfns[900]};
	model_act_as(OTHER);
	op = map(0, 20, GNTMAP_device_map);
	model_act_as(DOMID_SELF);
	ck_assert_int_eq(op.status, GNTST_okay);
	ck_assert_int_eq(exchange(&mfns[900], 900), -XEN_EINVAL);
	model_act_as(OTHER);
	ck_assert_int_eq(unmap(&op), GNTST_okay);
	model_act_as(DOMID_SELF);
	/* Granted but not mapped: Xen cannot know and lets it go. */
	ck_assert_int_eq(exchange(&mfns[900], 900), 0);
	finish();
}

static int copy(domid_t from, uint64_t source, domid_t to, uint64_t dest, uint16_t flags,
		uint16_t offset, uint16_t len)
{
	struct gnttab_copy op = {.flags = flags, .len = len};

	op.source.domid = from;
	op.dest.domid = to;
	op.dest.offset = offset;
	if (flags & GNTCOPY_source_gref)
		op.source.u.ref = (grant_ref_t)source;
	else
		op.source.u.gmfn = source;
	if (flags & GNTCOPY_dest_gref)
		op.dest.u.ref = (grant_ref_t)dest;
	else
		op.dest.u.gmfn = dest;
	ck_assert_int_eq(hypercall_grant_table_op(GNTTABOP_copy, &op, 1), 0);
	return op.status;
}

static void copies(void)
{
	grant_ref_t rw, ro;

	begin();
	rw = model_grant(OTHER, 0, 0, false);
	ro = model_grant(OTHER, 0, 1, true);
	strcpy(model_domain_page(OTHER, 1), "source");
	ck_assert_int_eq(copy(OTHER, ro, DOMID_SELF, mfns[900], GNTCOPY_source_gref, 100, 7),
			 GNTST_okay);
	ck_assert_str_eq((char *)guest_va(900) + 100, "source");
	ck_assert_int_eq(copy(DOMID_SELF, mfns[900], OTHER, rw, GNTCOPY_dest_gref, 0, 4096),
			 GNTST_okay);
	ck_assert_str_eq((char *)model_domain_page(OTHER, 0) + 100, "source");
	ck_assert_int_eq(copy(OTHER, ro, OTHER, rw, GNTCOPY_source_gref | GNTCOPY_dest_gref, 1, 7),
			 GNTST_okay);
	ck_assert_int_eq(copy(DOMID_SELF, mfns[900], OTHER, ro, GNTCOPY_dest_gref, 0, 1),
			 GNTST_general_error);
	ck_assert_int_eq(copy(DOMID_SELF, mfns[900], OTHER, rw, GNTCOPY_dest_gref, 1, 4096),
			 GNTST_bad_copy_arg);
	ck_assert_int_eq(copy(OTHER, mfns[900], OTHER, rw, GNTCOPY_dest_gref, 0, 1),
			 GNTST_permission_denied);
	ck_assert_int_eq(copy(OTHER, 1000, DOMID_SELF, mfns[900], GNTCOPY_source_gref, 0, 1),
			 GNTST_bad_gntref);
	ck_assert_int_eq(copy(99, ro, DOMID_SELF, mfns[900], GNTCOPY_source_gref, 0, 1),
			 GNTST_bad_domain);
	ck_assert_int_eq(copy(DOMID_SELF, mfn_x(model_domain_mfn(OTHER, 0)), OTHER, rw,
			      GNTCOPY_dest_gref, 0, 1),
			 GNTST_bad_page);
	ck_assert_uint_eq(flags_of(OTHER, rw), GTF_permit_access);
	ck_assert_uint_eq(flags_of(OTHER, ro), GTF_permit_access | GTF_readonly);
	finish();
}

static void leave_mapped(void)
{
	begin();
	map(OTHER, model_grant(OTHER, 0, 0, false), GNTMAP_device_map);
	xen_port_vm_free(window, 2);
	if (!model_stop())
		abort();
}

static void unmap_by_hand(void)
{
	begin();
	map(OTHER, model_grant(OTHER, 0, 0, false), GNTMAP_host_map);
	guest_unmap(window);
}

static void version_2(void)
{
	struct gnttab_set_version set = {.version = 2};

	begin();
	hypercall_grant_table_op(GNTTABOP_set_version, &set, 1);
}

static void misuse(void)
{
	ck_assert(guest_dies(leave_mapped));
	ck_assert(guest_dies(unmap_by_hand));
	ck_assert(guest_dies(version_2));
}

static const struct unit_case cases[] = {
	{"the table has a size and a version", sizes_and_versions},
	{"a guest maps its own table and grants by it", own_table},
	{"wrong references, domains, kinds and pages are refused", wrong_maps},
	{"a grant is mapped for the CPU and for devices", maps_and_unmaps},
	{"each element of a batch has its status", batch},
	{"C 222,247,252: a granted page that is mapped is not exchanged", exchange_refused},
	{"pages are copied by grant and by frame", copies},
	{"a lost mapping, an unmap by hand and version 2 are breaches", misuse},
};

UNIT_MAIN("model-grant", cases)
