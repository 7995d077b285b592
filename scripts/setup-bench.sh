#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Debian's Linux 6.12 for `make bench`: setup-bench.sh FOLDER
#
# Downloads the newest linux-image-6.12.*+deb12-amd64 of the package lists and what modules for it
# are built with, and unpacks them into FOLDER/tree; nothing is installed. FOLDER/tree/build is the
# folder for `make -C`. A tree that this very script has made stays as it is.
set -u
. "$(dirname "$0")/setup-lib.sh"

folder=${1:?folder}

packages()
{
	local version

	version=$(apt-cache search --names-only '^linux-image-6\.12\.[0-9]+\+deb12-amd64-unsigned$' |
		sed -nE 's/^linux-image-(.*)-amd64-unsigned .*/\1/p' | sort -V | tail -n 1)
	[ -n "$version" ] ||
		{ echo "E: no linux-image-6.12.*+deb12-amd64 in the package lists" >&2; return 1; }
	printf '%s\n' "linux-image-$version-amd64" "linux-headers-$version-amd64" \
		"linux-headers-$version-common" "linux-kbuild-$version" libelf1 busybox-static
}

unpack()
{
	case ${1##*/} in
	linux-image-*) dpkg-deb --fsys-tarfile "$1" | tar -x -C "$2" --wildcards './boot/vmlinuz-*' ;;
	*) dpkg-deb -x "$1" "$2" ;;
	esac
}

# The headers' makefile names the common ones by where they would be installed.
point_headers()
{
	local tree headers

	tree=$(cd "$folder/tree" && pwd)
	headers=$(find "$tree/usr/src" -maxdepth 1 -name 'linux-headers-*-amd64' -print -quit)
	[ -n "$headers" ] || die "no headers in what was downloaded"
	sed -i "s,^include /usr/src/,include $tree/usr/src/," "$headers/Makefile"
	ln -sfn "usr/src/${headers##*/}" "$tree/build"
}

tree_is_current "$folder" ||
	tree_make "$folder" "Linux 6.12 and its headers (130 MB)" "the bench and its Linux side"
[ -e "$folder/tree/build" ] || point_headers
