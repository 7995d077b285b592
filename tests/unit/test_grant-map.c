/* SPDX-License-Identifier: MIT */
/*
 * Grants of others, mapped in batches that fail in part.
 */
#include "grant_test.h"

#define NR_MAP 40

static struct xen_grant_map map[NR_MAP];
static uint8_t *window;

static void prepare(void)
{
	memset(map, 0xee, sizeof(map));
	for (unsigned int i = 0; i < NR_MAP; i++) {
		map[i].ref = model_grant(PEER, 0, i, i % 5 == 0);
		map[i].va = window + i * XEN_PAGE_SIZE;
		map[i].readonly = i % 5 == 0;
		map[i].device = i % 3 == 0;
	}
}

static void unprepare(void)
{
	for (unsigned int i = 0; i < NR_MAP; i++)
		ck_assert(model_grant_end(PEER, map[i].ref));
}

static void start_maps(void)
{
	start(1);
	window = xen_port_vm_alloc(NR_MAP);
	for (unsigned int i = 0; i < NR_MAP; i++)
		memset(model_domain_page(PEER, i), (int)i + 1, XEN_PAGE_SIZE);
	prepare();
}

static void finish_maps(void)
{
	unprepare();
	xen_port_vm_free(window, NR_MAP);
	finish();
}

static void unmap_all(unsigned int nr)
{
	ck_assert_uint_eq(model_grant_maps(0), nr);
	ck_assert_int_eq(xen_grant_unmap(map, NR_MAP), 0);
	ck_assert_uint_eq(model_grant_maps(0), 0);
	for (unsigned int i = 0; i < NR_MAP; i++)
		ck_assert_int_ne(map[i].err, 0);
	ck_assert_int_eq(xen_grant_unmap(map, NR_MAP), 0); /* nothing is mapped */
}

static void maps(void)
{
	start_maps();
	ck_assert_int_eq(xen_grant_map(PEER, map, NR_MAP), 0);
	for (unsigned int i = 0; i < NR_MAP; i++) {
		ck_assert_int_eq(map[i].err, 0);
		ck_assert_uint_eq(*(uint8_t *)map[i].va, i + 1);
		ck_assert(!map[i].device == !map[i].dma);
		if (map[i].device)
			ck_assert_uint_eq(map[i].dma, mfn_to_dma(model_domain_mfn(PEER, i)));
		ck_assert(!model_grant_end(PEER, map[i].ref));
	}
	unmap_all(NR_MAP);
	ck_assert_int_eq(xen_grant_map(PEER, map, 0), 0);
	ck_assert_int_eq(xen_grant_map(66, map, NR_MAP), -XEN_ESRCH);
	unmap_all(0);
	finish_maps();
}

/* One of the batch is not to be had: the others are mapped, and each is unmapped once. */
static void fails_in_part(void)
{
	start_maps();
	for (unsigned int i = 0; i < NR_MAP; i++) {
		grant_ref_t ref = map[i].ref;

		map[i].ref = i % 2 ? 5000 : 8 + NR_MAP;
		ck_assert_int_eq(xen_grant_map(PEER, map, NR_MAP), i % 2 ? -XEN_EINVAL : -XEN_EIO);
		for (unsigned int k = 0; k < NR_MAP; k++)
			ck_assert(!map[k].err == (k != i));
		unmap_all(NR_MAP - 1);
		map[i].ref = ref;
	}
	finish_maps();
}

/* Xen ends the call itself, having done none of a part. */
static void call_fails(void)
{
	start_maps();
	for (unsigned int n = 1; n <= 3; n++) {
		unsigned int failed = 0;

		model_fail(MODEL_GRANT_TABLE_OP, n, -XEN_EFAULT);
		ck_assert_int_eq(xen_grant_map(PEER, map, NR_MAP), -XEN_EFAULT);
		for (unsigned int i = 0; i < NR_MAP; i++) {
			ck_assert(!map[i].err || map[i].err == -XEN_EFAULT);
			failed += map[i].err != 0;
		}
		ck_assert_uint_eq(failed, n == 3 ? 8 : 16);
		/* And so when unmapping: what is still mapped says so. */
		model_fail(MODEL_GRANT_TABLE_OP, 1, -XEN_EFAULT);
		ck_assert_int_eq(xen_grant_unmap(map, NR_MAP), -XEN_EFAULT);
		ck_assert_uint_eq(model_grant_maps(0), 16);
		unmap_all(16);
	}
	finish_maps();
}

static int16_t told;
static unsigned int told_at;

static void lie_status(struct model_lie_call *call)
{
	struct gnttab_map_grant_ref *op = call->arg;

	if (call->kind == MODEL_GRANT_TABLE_OP && call->cmd == GNTTABOP_map_grant_ref && call->done)
		op[told_at].status = told;
}

static void statuses(void)
{
	static const struct {
		int16_t status;
		int err;
	} all[] = {
		{GNTST_general_error, -XEN_EIO},
		{GNTST_bad_domain, -XEN_ESRCH},
		{GNTST_bad_gntref, -XEN_EINVAL},
		{GNTST_bad_handle, -XEN_EINVAL},
		{GNTST_bad_virt_addr, -XEN_EFAULT},
		{GNTST_bad_dev_addr, -XEN_EINVAL},
		{GNTST_no_device_space, -XEN_ENOSPC},
		{GNTST_permission_denied, -XEN_EPERM},
		{GNTST_bad_page, -XEN_EINVAL},
		{GNTST_bad_copy_arg, -XEN_EIO},
		{GNTST_address_too_big, -XEN_EIO},
		{GNTST_eagain, -XEN_EAGAIN},
		{GNTST_no_space, -XEN_ENOSPC},
		{-14, -XEN_EIO},
		{1, -XEN_EIO},
		{INT16_MIN, -XEN_EIO},
		{INT16_MAX, -XEN_EIO},
	};

	start_maps();
	for (unsigned int i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		told = all[i].status;
		told_at = i % 16;
		model_lie(lie_status);
		ck_assert_int_eq(xen_grant_map(PEER, map, 16), all[i].err);
		model_lie(NULL);
		ck_assert_int_eq(map[told_at].err, all[i].err);
		map[told_at].err = 0; /* in truth it is mapped */
		if (map[told_at].device)
			map[told_at].dma = mfn_to_dma(model_domain_mfn(PEER, told_at));
		for (unsigned int k = 16; k < NR_MAP; k++)
			map[k].err = -XEN_ENOENT;
		unmap_all(16);
	}
	finish_maps();
}

static const struct unit_case cases[] = {
	{"grants of others are mapped and unmapped", maps},
	{"XSA-362 365 371: a batch that fails in part", fails_in_part},
	{"XSA-362 365 371: a batch that Xen breaks off", call_fails},
	{"each status of Xen's has its error", statuses},
};

UNIT_MAIN("grant-map", cases)
