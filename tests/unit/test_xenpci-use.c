/* SPDX-License-Identifier: MIT */
/*
 * What dom0 uses a device for, in a tree of files as Linux has them: stacks of block devices, file
 * systems that hide their disks, networks that carry /.
 */
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "unit.h"
#include "xenpci/host/mounts.h"
#include "xenpci/host/use.h"

/* The disk is on 08.0, the card on 06.0; 09.0 has nothing, 0a.0 a disk that nobody uses. */
#define DISK (8 << 3)
#define CARD (6 << 3)
#define NOTHING (9 << 3)
#define SPARE (10 << 3)

#define PROC "22 1 0:21 / /proc rw,nosuid shared:5 - proc proc rw\n"

static char tree[] = "/tmp/xenpci-use.XXXXXX";

__attribute__((format(printf, 1, 2))) static void shell(const char *format, ...)
{
	char command[2048];
	va_list args;
	int at = snprintf(command, sizeof(command), "cd %s && ", tree);

	va_start(args, format);
	vsnprintf(command + at, sizeof(command) - (size_t)at, format, args);
	va_end(args);
	ck_assert_int_eq(system(command), 0);
}

static void put(const char *path, const char *text)
{
	char name[256];
	FILE *file;

	snprintf(name, sizeof(name), "%s/%s", tree, path);
	file = fopen(name, "w");
	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
}

/* A block device whose folder this is, below sys/devices, as the class and its number show it. */
static void add_block(const char *folder, const char *number)
{
	const char *name = strrchr(folder, '/') + 1;

	shell("mkdir -p sys/devices/%s/slaves && echo %s >sys/devices/%s/dev && "
	      "ln -s ../../devices/%s sys/class/block/%s && "
	      "ln -s ../../devices/%s sys/dev/block/%s",
	      folder, number, folder, folder, name, folder, number);
}

static void add_slave(const char *folder, const char *slave)
{
	shell("ln -s ../../../../%s sys/devices/%s/slaves/%s", slave, folder,
	      strrchr(slave, '/') + 1);
}

#define PCI "pci0000:00/0000:00:1c.0/0000:00:08.0/"

/* nvme0n1 and its partition, RAID md0 on that with a partition, dm-0 named cryptroot on md0. */
static void make_tree(const char *mounts, const char *swaps)
{
	strcpy(tree + sizeof(tree) - 7, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(tree));
	shell("mkdir -p proc/self sys/dev/block sys/class/block sys/class/net run/udev/data");
	add_block(PCI "nvme/nvme0/nvme0n1", "259:0");
	add_block(PCI "nvme/nvme0/nvme0n1/nvme0n1p1", "259:1");
	add_block("pci0000:00/0000:00:0a.0/ata1/host0/block/sda", "8:0");
	add_block("virtual/block/md0", "9:0");
	add_slave("virtual/block/md0", PCI "nvme/nvme0/nvme0n1/nvme0n1p1");
	add_block("virtual/block/md0/md0p1", "259:2");
	add_block("virtual/block/dm-0", "253:0");
	add_slave("virtual/block/dm-0", "virtual/block/md0");
	shell("mkdir sys/devices/virtual/block/dm-0/dm && "
	      "echo cryptroot >sys/devices/virtual/block/dm-0/dm/name");
	add_block("virtual/block/loop0", "7:0");
	put("proc/self/mountinfo", mounts);
	put("proc/swaps", swaps);
}

static enum use use_of(uint8_t devfn, char what[USE_TEXT])
{
	struct files *files = files_open(tree);
	enum use use;

	*what = '\0';
	use = use_find(files, (struct bdf){.devfn = devfn}, what);
	files_close(files);
	return use;
}

/* Of the device; the bridge above a disk has the same use, and 09.0 none. */
static void expect(uint8_t devfn, enum use use, const char *says)
{
	char what[USE_TEXT];

	ck_assert_int_eq(use_of(devfn, what), use);
	ck_assert_str_eq(what, says);
	if (devfn == DISK)
		ck_assert_int_eq(use_of(0x1c << 3, what), use);
	ck_assert_int_eq(use_of(NOTHING, what), USE_NONE);
}

static void remove_tree(void)
{
	ck_assert_int_eq(chdir("/"), 0);
	shell("rm -rf sys proc run && rmdir %s", tree);
}

static void expect_use(const char *mounts, const char *swaps, enum use use, const char *says)
{
	make_tree(mounts, swaps);
	expect(DISK, use, says);
	remove_tree();
}

static void disks_in_use(void)
{
	static const char other[] =
		PROC "nonsense\n23 1 259: / /x\n24 1 8:1 / /y rw - ext4 x rw\n25 1 259:1 / /z rw\n";

	expect_use("", "", USE_NONE, "");
	expect_use(other, "Filename Type Size Used Priority\n", USE_NONE, "");
	expect_use("22 1 259:1 / / rw,relatime shared:1 - ext4 /dev/root rw\n", "", USE_DISK,
		   "/ is mounted from block device 259:1");
	expect_use("9 1 253:0 / /boot rw - ext4 x rw\n", "", USE_DISK,
		   "/boot is mounted from block device 253:0");
	expect_use("9 1 259:2 / /var rw master:1 shared:2 - ext4 x rw\n", "", USE_DISK,
		   "/var is mounted from block device 259:2");
	expect_use(other, "Filename\n/dev/nvme0n1p1 partition 1 0 -2\n", USE_DISK,
		   "swap is on /dev/nvme0n1p1");
	expect_use(other, "/dev/md0\tpartition 1 0 -2\n/swapfile file 1 0 -3\n", USE_DISK,
		   "swap is on /dev/md0");
	expect_use(other, "/dev/mapper/cryptroot partition 1 0 -2\n", USE_DISK,
		   "swap is on /dev/mapper/cryptroot");
	expect_use(other, "/dev/mapper/other partition 1 0 -2\n", USE_NONE, "");
}

/* One of these is far down in a text that is longer than the first buffer. */
static void many_mounts(void)
{
	static char mounts[300000];
	size_t length = 0;

	while (length < sizeof(mounts) - 200)
		length += (size_t)sprintf(mounts + length, PROC);
	strcpy(mounts + length, "22 1 259:1 / /srv rw - ext4 x rw\n");
	expect_use(mounts, "", USE_DISK, "/srv is mounted from block device 259:1");
}

/* xenpci may run where the mounts of the host are not its own. */
static void other_namespace(void)
{
	make_tree(PROC, "");
	shell("mkdir proc/1");
	put("proc/1/mountinfo", "22 1 259:1 / / rw - ext4 x rw\n");
	expect(DISK, USE_DISK, "/ is mounted from block device 259:1");
	remove_tree();
	make_tree(PROC, "");
	shell("rm proc/self/mountinfo");
	expect(DISK, USE_ROOT_PERHAPS, "/proc is not there to tell where / is");
	expect(CARD, USE_NONE, "");
	remove_tree();
}

/* The disk hangs below the subsystem, and only that knows its controllers. */
static void nvme_paths(void)
{
	make_tree("22 1 259:9 / / rw - ext4 /dev/nvme1n1p2 rw\n", "");
	add_block("virtual/nvme-subsystem/nvme-subsys1/nvme1n1", "259:8");
	add_block("virtual/nvme-subsystem/nvme-subsys1/nvme1n1/nvme1n1p2", "259:9");
	shell("mkdir -p sys/class/nvme-subsystem sys/devices/" PCI "nvme/nvme1 && "
	      "ln -s ../../devices/virtual/nvme-subsystem/nvme-subsys1 sys/class/nvme-subsystem && "
	      "ln -s ../../../" PCI "nvme/nvme1 sys/devices/virtual/nvme-subsystem/nvme-subsys1 && "
	      "echo 1 >sys/devices/virtual/nvme-subsystem/nvme-subsys1/subsysnqn");
	expect(DISK, USE_DISK, "/ is mounted from block device 259:9");
	expect(SPARE, USE_NONE, "");
	put("proc/self/mountinfo", "22 1 253:1 / / rw - ext4 x rw\n");
	add_block("virtual/block/dm-1", "253:1");
	add_slave("virtual/block/dm-1", "virtual/nvme-subsystem/nvme-subsys1/nvme1n1/nvme1n1p2");
	expect(DISK, USE_DISK, "/ is mounted from block device 253:1");
	remove_tree();
}

#define BTRFS(place, source)                                                                       \
	"22 1 0:30 /@ " place " rw shared:1 - btrfs " source " rw,space_cache,subvol=/@\n"

/* Its numbers are no block device's. Of several parts each is one. */
static void btrfs(void)
{
	make_tree(PROC BTRFS("/", "/dev/sda"), "");
	expect(SPARE, USE_DISK, "/ is mounted from /dev/sda"); /* sysfs says nothing of it */
	shell("mkdir -p sys/fs/btrfs/features sys/fs/btrfs/0815/devices sys/fs/btrfs/4711/devices "
	      "&& touch sys/fs/btrfs/0815/devices/sda sys/fs/btrfs/4711/devices/dm-0");
	expect(SPARE, USE_DISK, "/ is btrfs, of which sda is a part");
	expect(DISK, USE_NONE, "");
	shell("touch sys/fs/btrfs/0815/devices/md0");
	expect(DISK, USE_DISK, "/ is btrfs, of which md0 is a part");
	put("proc/self/mountinfo", BTRFS("/", "/dev/mapper/cryptroot"));
	expect(DISK, USE_DISK, "/ is btrfs, of which dm-0 is a part");
	put("proc/self/mountinfo", BTRFS("/srv", "/dev/root")); /* as the kernel calls it */
	expect(SPARE, USE_DISK, "/srv is btrfs, of which sda is a part");
	shell("rm -r sys/fs");
	expect(SPARE, USE_PERHAPS,
	       "/srv is btrfs (/dev/root), and nothing tells which disks that is on");
	put("proc/self/mountinfo", BTRFS("/", "/dev/root"));
	expect(SPARE, USE_ROOT_PERHAPS,
	       "/ is btrfs (/dev/root), and nothing tells which disks that is on");
	expect(CARD, USE_NONE, "");
	remove_tree();
}

static void hidden_disks(void)
{
	make_tree("22 1 0:30 / / rw - zfs rpool/ROOT/debian rw\n", "");
	expect(DISK, USE_ROOT_PERHAPS,
	       "/ is zfs (rpool/ROOT/debian), and nothing tells which disks that is on");
	expect(SPARE, USE_ROOT_PERHAPS,
	       "/ is zfs (rpool/ROOT/debian), and nothing tells which disks that is on");
	expect(CARD, USE_NONE, "");
	put("run/udev/data/b8:0", "S:disk/by-id/x\nE:ID_FS_LABEL=rpool\nE:ID_FS_TYPE=zfs_member\n");
	put("run/udev/data/b259:1", "I:1\nE:ID_FS_LABEL=rpool2\nE:ID_FS_TYPE=zfs_member\n");
	expect(SPARE, USE_DISK, "/ is of the ZFS pool rpool, of which sda is a part");
	expect(DISK, USE_ROOT_PERHAPS,
	       "/ is zfs (rpool/ROOT/debian), and nothing tells which disks that is on");
	put("proc/self/mountinfo", "22 1 259:1 / / rw - ext4 x rw\n"
				   "23 1 0:31 / /tank rw - zfs tank rw\n");
	expect(SPARE, USE_PERHAPS, "/tank is zfs (tank), and nothing tells which disks that is on");
	expect(DISK, USE_DISK, "/ is mounted from block device 259:1");
	put("proc/self/mountinfo", "22 1 0:30 / / rw - bcachefs /dev/sda:/dev/nvme0n1p1 rw\n");
	expect(SPARE, USE_DISK, "/ is mounted from /dev/sda");
	expect(DISK, USE_DISK, "/ is mounted from /dev/nvme0n1p1");
	put("proc/self/mountinfo", "22 1 0:30 / / rw - overlay overlay rw,lowerdir=/x\n");
	expect(DISK, USE_ROOT_PERHAPS,
	       "/ is overlay (overlay), and nothing tells which disks that is on");
	put("proc/self/mountinfo", "22 1 7:0 / / rw - squashfs /dev/loop0 rw\n");
	expect(DISK, USE_ROOT_PERHAPS,
	       "/ is squashfs (/dev/loop0), and nothing tells which disks that is on");
	put("proc/self/mountinfo", "22 1 0:1 / / rw - rootfs none rw\n"
				   "23 1 0:2 / / rw - tmpfs tmpfs rw\n"
				   "24 1 7:0 / /snap/x ro - squashfs /dev/loop0 ro\n"
				   "25 1 0:3 / /run/x rw - fuse.portal portal rw\n");
	expect(DISK, USE_NONE, "");
	remove_tree();
}

/* The card, and one behind virtio as far as sysfs is concerned. */
static void network_in_use(void)
{
	make_tree("", "");
	shell("mkdir -p sys/devices/pci0000:00/0000:00:06.0/virtio1/net/eth0 && "
	      "ln -s ../../devices/pci0000:00/0000:00:06.0/virtio1/net/eth0 sys/class/net && "
	      "echo 0x1002 >sys/class/net/eth0/flags");
	expect(CARD, USE_NONE, "");
	shell("echo 0x1003 >sys/class/net/eth0/flags");
	expect(CARD, USE_NETWORK, "interface eth0 is up");
	expect(DISK, USE_NONE, "");
	put("proc/self/mountinfo", PROC "23 1 0:33 / /home rw - nfs4 server:/home rw\n");
	expect(CARD, USE_NETWORK, "interface eth0 is up, and /home comes by the network (nfs4)");
	put("proc/self/mountinfo", "22 1 0:31 / / rw - nfs server:/root rw\n"
				   "23 1 0:33 / /home rw - nfs4 server:/home rw\n");
	expect(CARD, USE_ROOT_PERHAPS, "interface eth0 is up, and / comes by the network (nfs)");
	expect(DISK, USE_NONE, "");
	add_block("platform/host2/session1/target2:0:0/2:0:0:0/block/sdb", "8:16");
	add_block("virtual/block/dm-1", "253:1");
	add_slave("virtual/block/dm-1", "platform/host2/session1/target2:0:0/2:0:0:0/block/sdb");
	put("proc/self/mountinfo", "22 1 253:1 / / rw - ext4 /dev/mapper/root rw\n");
	expect(CARD, USE_ROOT_PERHAPS, "interface eth0 is up, and / comes by the network (ext4)");
	expect(DISK, USE_NONE, "");
	remove_tree();
}

static void mount_lines(void)
{
	static const char text[] = "22 1 259:1 / /a\\040b rw,x shared:1 master:2 - ext4 /dev/x rw\n"
				   "23 1 0:5 / /t rw - tmpfs  rw\n"
				   "23 1 0:5 / /t rw - tmpfs\n"
				   "23 1 0:5 / /t rw tmpfs tmpfs rw\n"
				   "23 1 4096:5 / /t rw - tmpfs tmpfs rw\n"
				   "24 1 8:1 / /y rw - xfs sda1";
	const char *at = text;
	struct mount mount;

	ck_assert_int_eq(mount_next(&at, &mount), 1);
	ck_assert_str_eq(mount.place, "/a\\040b");
	ck_assert_str_eq(mount.type, "ext4");
	ck_assert_str_eq(mount.source, "/dev/x");
	ck_assert_int_eq(mount_next(&at, &mount), 1);
	ck_assert_str_eq(mount.source, "");
	ck_assert_int_eq(mount_next(&at, &mount), 1);
	ck_assert_str_eq(mount.place, "/y");
	ck_assert_str_eq(mount.source, "sda1");
	ck_assert_int_eq(mount_next(&at, &mount), 0);
}

static const struct unit_case cases[] = {
	{"a disk that dom0 uses is found", disks_in_use},
	{"the last of many mounts is found", many_mounts},
	{"the mounts of the first process count too", other_namespace},
	{"an NVMe disk is on all controllers of its subsystem", nvme_paths},
	{"a btrfs is on all of its parts", btrfs},
	{"what hides its disks is no proof that / is elsewhere", hidden_disks},
	{"a network that dom0 uses is found, and what comes by it", network_in_use},
	{"lines of mountinfo are read strictly", mount_lines},
};

UNIT_MAIN("xenpci-use", cases)
