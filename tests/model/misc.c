/* SPDX-License-Identifier: MIT */
/*
 * The hypercalls that the library hardly uses: version, scheduling, console. Model lock held.
 */
#include <stdio.h>
#include <string.h>

#include <model/internal.h>

#include <xen/features.h>

#define CONSOLE_LINE 256
#define MAX_POLL 128 /* ports */

#define XEN_FEATURE(name) (1u << XENFEAT_##name)

static long features(struct xen_feature_info *info)
{
	if (!info)
		return -XEN_EFAULT;
	if (info->submap_idx)
		return -XEN_EINVAL;
	info->submap =
		XEN_FEATURE(mmu_pt_update_preserve_ad) | XEN_FEATURE(highmem_assist) |
		XEN_FEATURE(gnttab_map_avail_bits) | XEN_FEATURE(memory_op_vnode_supported) |
		XEN_FEATURE(direct_mapped) |
		(model.params.domu ? 0 : XEN_FEATURE(dom0) | XEN_FEATURE(pae_pgdir_above_4gb));
	return 0;
}

long do_xen_version(int cmd, void *arg)
{
	switch (cmd) {
	case XENVER_version:
		return 4 << 16 | 17;
	case XENVER_extraversion:
		if (!arg)
			return -XEN_EFAULT;
		memset(arg, 0, sizeof(xen_extraversion_t));
		memcpy(arg, ".model", sizeof(".model"));
		return 0;
	case XENVER_changeset:
		if (!arg)
			return -XEN_EFAULT;
		memset(arg, 0, sizeof(xen_changeset_info_t));
		memcpy(arg, "unavailable", sizeof("unavailable"));
		return 0;
	case XENVER_get_features:
		return features(arg);
	case XENVER_pagesize:
		return XEN_PAGE_SIZE;
	default:
		return -XEN_ENOSYS;
	}
}

long do_sched_op(int cmd, void *arg)
{
	switch (cmd) {
	case SCHEDOP_yield:
		if (event_in_handler())
			model_breach("SCHEDOP_yield: waits, but this is an interrupt");
		if (lock_depth())
			model_breach("SCHEDOP_yield: waits, but a lock is held");
		return 0;
	case SCHEDOP_block:
		return 0; /* events are delivered when the call ends */
	case SCHEDOP_poll:
		if (!arg)
			return -XEN_EFAULT;
		if (((struct sched_poll *)arg)->nr_ports <= MAX_POLL)
			model_breach("SCHEDOP_poll: the model does not wait");
		return -XEN_EINVAL;
	case SCHEDOP_shutdown:
		if (!arg)
			return -XEN_EFAULT;
		model_breach("SCHEDOP_shutdown, reason %u", ((struct sched_shutdown *)arg)->reason);
	default:
		return -XEN_ENOSYS;
	}
}

int do_console_io(int cmd, int count, char *buffer)
{
	char line[CONSOLE_LINE];

	if (model.params.domu)
		return -XEN_EPERM; /* a release build's */
	if (cmd == CONSOLEIO_read)
		return 0; /* nobody types */
	if (cmd != CONSOLEIO_write)
		return -XEN_ENOSYS;
	if (count < 0 || (count && !buffer))
		return -XEN_EFAULT;
	snprintf(line, sizeof(line), "%.*s", count, buffer ? buffer : "");
	model_console(line);
	return 0;
}
