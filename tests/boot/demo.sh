#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The demo: demo.sh [FILE]
#
# On three hosts in turn (no IOMMU, VT-d, AMD-Vi) the reference guest runs as dom0 on real Xen,
# prints the memory map and copies NVMe disk `src` to NVMe disk `dst`, every block also taken
# through edu devices, whose DMA engines reach 28 address bits. Then this script, which trusts
# nothing that the guest says about it, compares the two images byte for byte.
#
# FILE is the image to copy, of any size; it is only read. Without it a generated one is used.
set -u
here=$(dirname "$0")
. "$here/../../scripts/tally.sh"
. "$here/lib.sh"

file=${1:-}
folder=$O/demo
block=4096

die()
{
	printf 'demo: %s\n' "$*" >&2
	exit 1
}

# 4 MiB: pseudo-random bytes, numbered lines, zeros, ones. The same on every machine.
generate()
{
	LC_ALL=C awk 'BEGIN {
		for (x = 1; i < 2097152; i++) {
			x = (x * 16807) % 2147483647
			printf "%c", int(x / 128) % 256
		}
		for (i = 0; i < 65536; i++)
			printf "line %010d\n", i
	}'
	head -c 524288 /dev/zero
	head -c 524288 /dev/zero | LC_ALL=C tr '\000' '\377'
}

# The source image, padded to whole blocks with zeros; at least one.
make_source()
{
	local size

	if [ -n "$file" ]; then
		if [ ! -r "$file" ] || { [ ! -f "$file" ] && [ ! -b "$file" ]; }; then
			die "DISK=$file is no file that can be read"
		fi
		[ "$(stat -Lc %s -- "$file")" -lt 33554432 ] || echo "demo: copying $file"
		cp -L --sparse=always -- "$file" "$folder/original" ||
			die "no room for a copy of $file in $folder"
	else
		generate >"$folder/original" || die "cannot write to $folder"
	fi
	size=$(stat -c %s "$folder/original")
	bytes=$(((size + block - 1) / block * block))
	[ "$bytes" -gt 0 ] || bytes=$block
	{ chmod u+w "$folder/original" && truncate -s "$bytes" "$folder/original"; } ||
		die "cannot write to $folder"
}

# Both disks as they are before the copy: in dst every byte differs from src.
make_disks()
{
	if ! cp --sparse=always "$folder/original" "$folder/src.img" ||
		! LC_ALL=C tr '\000-\377' '\001-\377\000' <"$folder/original" >"$folder/dst.img"; then
		die "no room for two disk images in $folder"
	fi
}

# One edu DMA of 4 KiB takes 100 ms of the guest's time, and a block needs two: so many devices
# that 4 MiB take some seconds, as far as there are PCI slots.
count_edu()
{
	nr_edu=$((bytes / block / 16 / 8 * 8 + 8))
	[ "$nr_edu" -le 128 ] || nr_edu=128
	seconds=$((120 + bytes * 4 / (5 * block * nr_edu)))
}

edu_devices()
{
	local i

	for ((i = 0; i < nr_edu; i++)); do
		printf -- '-device edu,multifunction=on,addr=%x.%x ' $((8 + i / 8)) $((i % 8))
	done
}

# host NAME TITLE SEEN QEMU-ARG...: boot, judge, compare; SEEN must be on Xen's console.
host()
{
	local title=$2 seen=$3 log=$folder/$1.log edu why
	shift 3

	printf '\n=== %s ===\n' "$title"
	make_disks
	read -ra edu <<<"$(edu_devices)"
	TMPDIR=$folder boot_qemu "$seconds" 3G 1 "dom0_mem=2304M dom0_max_vcpus=1" \
		"demo=1 edu=$nr_edu nvme=2" "$@" "${disks[@]}" "${edu[@]}" |
		tee "$log" | guest_lines
	why=$(boot_judge "${PIPESTATUS[0]}" "$log")
	[ -n "$why" ] || why=$(judge_demo "$log" "$seen")
	if [ -z "$why" ]; then
		pass "$title: images identical"
	else
		fail "$title: $why"
		printf '          console: %s\n' "$log"
	fi
	rows+="$(row "$title" "$log" "${why:+FAILED}")"$'\n'
	rm -f "$folder/src.img" "$folder/dst.img"
}

# The guest's own lines, as they come.
guest_lines()
{
	sed -un -e 's/\r$//' -e '/^(XEN)/d' -e '/^xendma/,$p'
}

judge_demo()
{
	local p f s

	read -r p f s <<<"$(tally_of "$1")"
	if [ "$f" -gt 0 ] || [ "$p" -eq 0 ] || [ "$s" -gt 0 ]; then
		echo "the guest says $p passed, $f failed, $s skipped"
	elif ! grep -qE "$2" "$1"; then
		echo "Xen did not say: $2"
	elif ! cmp -s "$folder/original" "$folder/src.img"; then
		echo "the source disk was changed"
	elif ! cmp "$folder/original" "$folder/dst.img" 2>&1; then
		:
	elif [ -z "$(figure "$1" bytes)" ]; then
		echo "no line with figures"
	elif [ "$(figure "$1" bytes)" -lt "$bytes" ] || [ "$(figure "$1" bounced)" -lt "$bytes" ]; then
		echo "fewer bytes moved or bounced than the disk has ($bytes)"
	fi
}

# figure LOG KEY
figure()
{
	tr -d '\r' <"$1" | sed -nE "s/^xendma: demo .*\<$2=([0-9]+).*/\1/p" | tail -n 1
}

# row TITLE LOG VERDICT
row()
{
	local key values=()

	for key in bytes bounced direct ns hypercalls pool_high; do
		values+=("$(figure "$2" "$key")")
	done
	printf '%s\n' "$1" "${3:-identical}" "${values[@]}" | awk '
		{ v[NR] = $0 }
		END {
			share = v[4] + v[5] ? sprintf("%d %%", 100 * v[4] / (v[4] + v[5])) : "-"
			rate = v[6] ? sprintf("%.0f", v[3] / (v[6] / 1e9)) : "-"
			printf "%-10s %14s %9s %12s %12s %12s  %s\n", v[1], v[3] == "" ? "-" : v[3],
				share, rate, v[7] == "" ? "-" : v[7], v[8] == "" ? "-" : v[8], v[2]
		}'
}

boot_ready || exit 1
{ rm -rf "$folder" && mkdir -p "$folder"; } || die "cannot make $folder"
trap 'rm -f "$folder"/*.img "$folder"/original' EXIT
make_source
count_edu
printf 'demo: %d bytes%s, %d edu devices, at most %d s a host\n' "$bytes" \
	"${file:+ of $file (padded to whole blocks)}" "$nr_edu" $((seconds * SLOW))

nvme_disk src "$folder/src.img" addr=5
disks=("${qemu_disk[@]}" -device "pcie-root-port,id=rp0,chassis=1,slot=1,addr=4,pref64-reserve=32G")
nvme_disk dst "$folder/dst.img" bus=rp0
disks+=("${qemu_disk[@]}")
rows=
host none 'no IOMMU' 'I/O virtualisation disabled'
host vtd 'VT-d' 'Intel VT-d .* enabled' -device intel-iommu,intremap=on
host amd 'AMD-Vi' 'AMD-Vi: IOMMU 0 Enabled' -device amd-iommu,intremap=on

printf '\n%-10s %14s %9s %12s %12s %12s  %s\n' host 'bytes moved' bounced bytes/s hypercalls \
	'pool high' images
printf '%s\n' "$rows"
tally_end demo
