#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Debian's Linux and Xen tools for the dom0 scenarios: setup-dom0.sh FOLDER
#
# Downloads the packages with apt-get and unpacks what is of use into FOLDER/tree; nothing is
# installed. FOLDER/tree/.packages lists them with their versions. A tree that this very script has
# made, of which FOLDER/tree/.script is a copy, stays as it is.
set -u
. "$(dirname "$0")/setup-lib.sh"

folder=${1:?folder}
tools=(xen-utils-4.17 xenstore-utils busybox-static libjansson4 libpci3)
kernel=linux-image-amd64
# Of the kernel package: itself and the modules of these folders.
kernel_parts=('./boot/vmlinuz-*')
for part in arch/x86/crypto block crypto drivers/{net/ethernet/intel/e1000e,nvme,pci,pps,ptp,xen} \
	lib; do
	kernel_parts+=("./lib/modules/*/kernel/$part/*")
done

depends()
{
	apt-cache depends --important "$@" | sed -nE 's/^ *\|?Depends: ([a-z0-9.+-]+)$/\1/p' | sort -u
}

# The packages to have: the tools with all libraries that they need in turn, and the kernel that the
# metapackage stands for today.
packages()
{
	local all=("${tools[@]}") next=("${tools[@]}") seen package

	while [ ${#next[@]} -gt 0 ]; do
		seen=" ${all[*]} "
		mapfile -t next < <(depends "${next[@]}" | grep -E '^z?lib' |
			while read -r package; do
				[[ $seen == *" $package "* ]] || echo "$package"
			done)
		all+=("${next[@]}")
	done
	printf '%s\n' "${all[@]}"
	depends "$kernel" | grep '^linux-image-' || { echo "E: no package $kernel" >&2; return 1; }
}

# unpack FILE TO: the package, or what is wanted of it. (For tree_make, as is packages.)
unpack()
{
	case ${1##*/} in
	linux-image-*)
		dpkg-deb --fsys-tarfile "$1" | tar -x -C "$2" --wildcards "${kernel_parts[@]}"
		;;
	*) dpkg-deb -x "$1" "$2" ;;
	esac
}

! tree_is_current "$folder" || exit 0
tree_make "$folder" "Linux and Xen's tools (75 MB)" "the dom0 scenarios"
