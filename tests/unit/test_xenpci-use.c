/* SPDX-License-Identifier: MIT */
/*
 * xenpci check: disks and networks that dom0 itself uses, in a tree of files as Linux has them.
 */
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "unit.h"
#include "xenpci/host/use.h"

static char tree[] = "/tmp/xenpci-check.XXXXXX";

__attribute__((format(printf, 1, 2))) static void shell(const char *format, ...)
{
	char command[1024];
	va_list args;
	int at = snprintf(command, sizeof(command), "cd %s && ", tree);

	va_start(args, format);
	vsnprintf(command + at, sizeof(command) - (size_t)at, format, args);
	va_end(args);
	ck_assert_int_eq(system(command), 0);
}

/* A disk on 08.0 with partition 259:1, RAID 9:0 and device mapper 253:0 on top of it. */
static struct files *make_tree(const char *mounts, const char *swaps)
{
	strcpy(tree + sizeof(tree) - 7, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(tree));
	shell("mkdir -p proc/self sys/dev/block sys/class/block "
	      "sys/bus/pci/devices/0000:00:06.0/net "
	      "&& D=sys/devices/pci0000:00/0000:00:1c.0/0000:00:08.0/nvme/nvme0/nvme0n1 && "
	      "mkdir -p $D/nvme0n1p1 sys/devices/virtual/block/md0/slaves "
	      "sys/devices/virtual/block/dm-0/slaves && "
	      "ln -s ../../../$D/nvme0n1p1 sys/devices/virtual/block/md0/slaves/nvme0n1p1 && "
	      "ln -s ../../md0 sys/devices/virtual/block/dm-0/slaves/md0 && "
	      "ln -s ../../../$D/nvme0n1p1 sys/dev/block/259:1 && "
	      "ln -s ../../../$D/nvme0n1p1 sys/class/block/nvme0n1p1 && "
	      "ln -s ../../devices/virtual/block/md0 sys/class/block/md0 && "
	      "ln -s ../../devices/virtual/block/dm-0 sys/dev/block/253:0");
	shell("printf '%s' >proc/self/mountinfo && printf '%s' >proc/swaps", mounts, swaps);
	return files_open(tree);
}

static void expect_use(const char *mounts, const char *swaps, enum use use, const char *says)
{
	struct files *files = make_tree(mounts, swaps);
	char what[USE_TEXT] = "";

	ck_assert_int_eq(use_find(files, (struct bdf){.devfn = 8 << 3}, what), use);
	ck_assert_str_eq(what, says);
	if (use == USE_DISK) /* also when the bridge above it is meant */
		ck_assert_int_eq(use_find(files, (struct bdf){.devfn = 0x1c << 3}, what), use);
	ck_assert_int_eq(use_find(files, (struct bdf){.devfn = 9 << 3}, what), USE_NONE);
	files_close(files);
	ck_assert_int_eq(chdir("/"), 0);
	shell("rm -rf sys proc && rmdir %s", tree);
}

static void disks_in_use(void)
{
	static const char root[] = "22 1 259:1 / / rw,relatime shared:1 - ext4 /dev/root rw\\n";
	static const char other[] = "22 1 0:21 / /proc rw - proc proc rw\\n"
				    "nonsense\\n23 1 259: / /x\\n24 1 8:1 / /y rw - ext4 x rw\\n";

	expect_use("", "", USE_NONE, "");
	expect_use(other, "Filename Type Size Used Priority\\n", USE_NONE, "");
	expect_use(root, "", USE_DISK, "/ is mounted from block device 259:1");
	expect_use("9 1 253:0 / /var rw - ext4 x rw\\n", "", USE_DISK,
		   "/var is mounted from block device 253:0");
	expect_use(other, "Filename\\n/dev/nvme0n1p1 partition 1 0 -2\\n", USE_DISK,
		   "swap is on /dev/nvme0n1p1");
	expect_use(other, "/dev/md0\\tpartition 1 0 -2\\n/swapfile file 1 0 -3\\n", USE_DISK,
		   "swap is on /dev/md0");
}

static void network_in_use(void)
{
	struct bdf card = {.devfn = 6 << 3};
	struct files *files = make_tree("", "");
	char what[USE_TEXT];

	ck_assert_int_eq(use_find(files, card, what), USE_NONE);
	shell("mkdir sys/bus/pci/devices/0000:00:06.0/net/eth0 && "
	      "echo 0x1002 >sys/bus/pci/devices/0000:00:06.0/net/eth0/flags");
	ck_assert_int_eq(use_find(files, card, what), USE_NONE);
	shell("echo 0x1003 >sys/bus/pci/devices/0000:00:06.0/net/eth0/flags");
	ck_assert_int_eq(use_find(files, card, what), USE_NETWORK);
	ck_assert_str_eq(what, "interface eth0 is up");
	files_close(files);
	shell("rm -rf sys proc && rmdir %s", tree);
}

static const struct unit_case cases[] = {
	{"a disk that dom0 uses is found", disks_in_use},
	{"a network that dom0 uses is found", network_in_use},
};

UNIT_MAIN("xenpci-use", cases)
