/* SPDX-License-Identifier: MIT */
/*
 * update_va_mapping, mmu_update and mmuext_op: what they check themselves before mmu.c and
 * pgtable.c do the work, and which flush covers which CPUs. Model lock held.
 */
#include <model/internal.h>

int do_update_va_mapping(unsigned long va, uint64_t pte, unsigned long flags)
{
	/* NOLINTNEXTLINE: the guest's address is a number here */
	uint64_t page = mmu_page_of((const void *)va);
	unsigned long who = flags & ~(unsigned long)UVMF_FLUSHTYPE_MASK;
	/* A flush of this CPU alone covers a guest of one CPU. */
	bool covers = who == UVMF_ALL || (who == UVMF_LOCAL && model.params.nr_cpus == 1);
	int rc;

	if (page == XEN_INVALID_FRAME)
		return -XEN_EINVAL;
	rc = mmu_set_pte(page, pte);
	if (rc)
		return rc;
	switch (flags & UVMF_FLUSHTYPE_MASK) {
	case UVMF_TLB_FLUSH:
		if (covers)
			mmu_flush_all();
		break;
	case UVMF_INVLPG:
		if (covers)
			mmu_flush_page(page);
		break;
	default: /* none; Xen takes the fourth for that too */
		return 0;
	}
	if (who != UVMF_ALL && who != UVMF_LOCAL)
		return -XEN_EFAULT; /* a vCPU bitmap: the library passes none */
	return 0;
}

static int mmu_update_one(const struct mmu_update *req, domid_t domid)
{
	uint64_t mfn = req->ptr >> XEN_PAGE_SHIFT;

	switch (req->ptr & 7) {
	case MMU_MACHPHYS_UPDATE:
		if (domid != DOMID_SELF || !frame_is_domains(mfn))
			return -XEN_EINVAL;
		__atomic_store_n(&model.m2p[mfn], req->val, __ATOMIC_RELAXED);
		return 0;
	case MMU_NORMAL_PT_UPDATE:
	case MMU_PT_UPDATE_PRESERVE_AD:
	case MMU_PT_UPDATE_NO_TRANSLATE:
		return pgtable_update(req->ptr & ~7ULL, req->val,
				      (req->ptr & 7) == MMU_PT_UPDATE_PRESERVE_AD);
	default:
		return -XEN_ENOSYS;
	}
}

/*
 * Whose frames may be named? Xen does not take a domain's own number for that. All may name device
 * memory's, dom0 Xen's own too. No domain may touch another one's here.
 */
static int pg_owner(domid_t domid)
{
	if (domid == DOMID_SELF)
		return 0;
	if (domid != DOMID_IO && domid != DOMID_XEN)
		return -XEN_ESRCH;
	return model.params.domu && domid == DOMID_XEN ? -XEN_EPERM : 0;
}

int do_mmu_update(struct mmu_update *req, unsigned int count, unsigned int *done, domid_t domid)
{
	int rc = pg_owner(domid);
	unsigned int i;
	long err;

	for (i = 0; i < count && !rc; i++) {
		if (model_counts(MODEL_MMU_REQUEST, &err))
			rc = (int)err;
		else
			rc = req ? mmu_update_one(&req[i], domid) : -XEN_EFAULT;
		if (rc)
			break;
	}
	if (done)
		*done = i;
	return rc;
}

static bool names_all_cpus(const void *mask)
{
	const uint8_t *byte = mask;

	for (unsigned int cpu = 0; cpu < model.params.nr_cpus; cpu++)
		if (!(byte[cpu / 8] & 1u << cpu % 8))
			return false;
	return true;
}

static void invlpg(unsigned long va)
{
	/* NOLINTNEXTLINE: the guest's address is a number here */
	uint64_t page = mmu_page_of((const void *)va);

	if (page != XEN_INVALID_FRAME)
		mmu_flush_page(page);
}

static int mmuext_one(const struct mmuext_op *op, domid_t domid)
{
	if (domid != DOMID_SELF)
		return -XEN_EPERM;
	switch (op->cmd) {
	case MMUEXT_PIN_L1_TABLE:
	case MMUEXT_PIN_L2_TABLE:
	case MMUEXT_PIN_L3_TABLE:
	case MMUEXT_PIN_L4_TABLE:
		return pgtable_pin(op->arg1.mfn, TYPE_L1 + (op->cmd - MMUEXT_PIN_L1_TABLE));
	case MMUEXT_UNPIN_TABLE:
		return pgtable_unpin(op->arg1.mfn);
	case MMUEXT_TLB_FLUSH_LOCAL:
	case MMUEXT_TLB_FLUSH_ALL:
		if (op->cmd == MMUEXT_TLB_FLUSH_ALL || model.params.nr_cpus == 1)
			mmu_flush_all();
		return 0;
	case MMUEXT_TLB_FLUSH_MULTI:
	case MMUEXT_INVLPG_MULTI:
		if (!op->arg2.vcpumask.p)
			return -XEN_EINVAL;
		if (!names_all_cpus(op->arg2.vcpumask.p))
			return 0;
		if (op->cmd == MMUEXT_TLB_FLUSH_MULTI)
			mmu_flush_all();
		else
			invlpg(op->arg1.linear_addr);
		return 0;
	case MMUEXT_INVLPG_LOCAL:
	case MMUEXT_INVLPG_ALL:
		if (op->cmd == MMUEXT_INVLPG_ALL || model.params.nr_cpus == 1)
			invlpg(op->arg1.linear_addr);
		return 0;
	case MMUEXT_FLUSH_CACHE:
		return model.params.domu && !model.nr_iomem ? -XEN_EACCES : 0;
	case MMUEXT_MARK_SUPER:
	case MMUEXT_UNMARK_SUPER:
		return -XEN_EOPNOTSUPP;
	default:
		return -XEN_ENOSYS;
	}
}

int do_mmuext_op(struct mmuext_op *op, unsigned int count, unsigned int *done, domid_t domid)
{
	unsigned int i;
	int rc = pg_owner(domid);

	if (rc)
		return rc;
	for (i = 0; i < count; i++) {
		rc = op ? mmuext_one(&op[i], domid) : -XEN_EFAULT;
		if (rc)
			break;
	}
	if (done)
		*done = i;
	return rc;
}
