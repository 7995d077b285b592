#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The Linux dom0 and domU of the dom0 scenarios, from Debian's unpacked packages:
# mkimage.sh TREE TO PROGRAM...
#
#   TREE    what `setup.sh dom0` unpacked
#   TO      here come vmlinux, dom0.cpio (xl and what it needs) and domu.cpio (the Linux domU)
#   PROGRAM compiled ones that go into dom0's /bin
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tree=$(cd "${1:?tree}" && pwd) to=$(mkdir -p "${2:?to}" && cd "$2" && pwd)
shift 2
busybox=$tree/bin/busybox
work=$(mktemp -d "$to/work.XXXXXX")
trap 'rm -rf "$work"' EXIT

die()
{
	printf 'mkimage: %s\n' "$*" >&2
	exit 1
}

# one NAME WHAT: the only file in the tree that matches the path pattern NAME.
one()
{
	local found

	found=$(find "$tree" -path "$1" -print -quit)
	[ -n "$found" ] || die "no $2 in $tree (make setup-dom0)"
	printf '%s\n' "$found"
}

needed()
{
	readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]$/\1/p'
}

# library ROOT NAME: the library and all that it needs in turn.
library()
{
	local file next

	[ ! -e "$1/lib/$2" ] || return 0
	file=$(one "*/lib/*/$2" "library $2")
	install -D "$file" "$1/lib/$2"
	for next in $(needed "$file"); do
		library "$1" "$next"
	done
}

# program ROOT FILE AS
program()
{
	local next

	install -D "$2" "$1/$3"
	for next in $(needed "$2"); do
		library "$1" "$next"
	done
}

# module ROOT NAME: with those it depends on before it in the list that init loads.
module()
{
	local file next name=${2//_/-}

	! grep -qx "$name.ko" "$1/lib/modules/order" 2>/dev/null || return 0
	file=$(find "$tree/lib/modules" \( -name "$name.ko" -o -name "${name//-/_}.ko" \) -print -quit)
	[ -n "$file" ] || die "no module $name in $tree (make setup-dom0)"
	mkdir -p "$1/lib/modules"
	for next in $(objcopy -O binary --only-section=.modinfo "$file" /dev/stdout | tr '\0' '\n' |
		sed -n 's/^depends=//p' | tr ',' ' '); do
		module "$1" "$next"
	done
	cp "$file" "$1/lib/modules/$name.ko"
	echo "$name.ko" >>"$1/lib/modules/order"
}

# image ROOT INIT TO: an initramfs, padded so that another may follow.
image()
{
	install -D "$busybox" "$1/bin/busybox"
	install "$2" "$1/init"
	(cd "$1" && find . | LC_ALL=C sort | "$busybox" cpio -o -H newc -R 0:0 --quiet) >"$work/cpio"
	truncate -s %512 "$work/cpio"
	mv "$work/cpio" "$3"
}

dom0=$work/dom0
for name in xl xenstored xenconsoled xen-init-dom0 xenstore-control; do
	program "$dom0" "$(one "*/lib/xen-4*/bin/$name" "$name")" "bin/$name"
done
for name in ls list read write rm exists watch; do
	program "$dom0" "$(one "*/bin/xenstore-$name" xenstore-utils)" "bin/xenstore-$name"
done
for file in "$@"; do
	program "$dom0" "$file" "bin/${file##*/}"
done
library "$dom0" libgcc_s.so.1 # loaded by name when a thread is cancelled
mkdir -p "$dom0/lib64" "$dom0/etc/xen"
ln -s ../lib/ld-linux-x86-64.so.2 "$dom0/lib64/ld-linux-x86-64.so.2"
: >"$dom0/etc/xen/xl.conf"
for name in xenfs xen-evtchn xen-gntdev xen-gntalloc xen-pciback; do
	module "$dom0" $name
done
image "$dom0" "$here/dom0-init" "$to/dom0.cpio"

domu=$work/domu
for name in xen-pcifront e1000e nvme; do
	module "$domu" $name
done
image "$domu" "$here/domu-init" "$to/domu.cpio"

# The kernel unpacked: under TCG Xen and xl would spend seconds on it in each run.
"$here/vmlinux.py" "$(one '*/boot/vmlinuz-*' kernel)" "$to/vmlinux"
