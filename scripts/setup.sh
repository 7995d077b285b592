#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Set-up for `make check` and `make demo` on a fresh Debian 12, as root or with sudo.
#
#   setup.sh packages      install what .ci/packages lists and this machine lacks
#   setup.sh xen FOLDER    have a Xen image in FOLDER: $XEN (a file, gzipped or not) unpacked to
#                          FOLDER/given, else Debian's to FOLDER/debian
#
# Xen is downloaded and unpacked, never installed: installing a hypervisor changes what the
# machine boots next. Where something cannot be had, one line says what to do by hand.
set -u
. "$(dirname "$0")/setup-lib.sh"

top=$(cd "$(dirname "$0")/.." && pwd)
xen_package=xen-hypervisor-4.17-amd64

# Is there what a package is wanted for, wherever it came from?
have()
{
	case $1 in
	binutils) command -v ld ar nm objcopy ;;
	check) pkg-config --exists check ;;
	libc6-dev) [ -e /usr/include/stdlib.h ] ;;
	libclang-rt-14-dev)
		[ -e "$(clang-14 -print-resource-dir)/lib/linux/libclang_rt.fuzzer-x86_64.a" ] ;;
	libjansson-dev) pkg-config --exists jansson ;;
	libpci-dev) pkg-config --exists libpci ;;
	libxen-dev) [ -e /usr/include/xen/xen.h ] ;;
	qemu-system-x86) command -v "${QEMU:-qemu-system-x86_64}" ;;
	*) command -v "$1" ;;
	esac >/dev/null 2>&1
}

missing_packages()
{
	local package

	while read -r package; do
		have "$package" || printf '%s ' "$package"
	done <"$top/.ci/packages"
}

# The distribution, if it is not Debian 12: package names and versions are that one's.
other_distribution()
{
	# shellcheck disable=SC1090 # the machine's
	(. "${OS_RELEASE:-/etc/os-release}" 2>/dev/null &&
		[ "${ID:-}" = debian ] && [ "${VERSION_ID:-}" = 12 ] ||
		printf '%s' "${PRETTY_NAME:-not known}")
}

setup_packages()
{
	local missing root log other

	missing=$(missing_packages)
	missing=${missing% }
	[ -n "$missing" ] || return 0
	other=$(other_distribution)
	if [ -n "${QEMU:-}" ] && [[ " $missing " == *" qemu-system-x86 "* ]]; then
		die "QEMU=$QEMU is no command"
	fi
	command -v apt-get >/dev/null ||
		die "no apt-get here; install by hand the equivalents of Debian's: $missing"
	[ -z "$other" ] ||
		die "this is $other, not Debian 12; install by hand the equivalents of: $missing"
	root=$(root_by)
	[ "$root" != no ] ||
		die "neither root nor sudo; install by hand: apt-get install $missing"

	log=$(mktemp) || die "no temporary file"
	# shellcheck disable=SC2064 # the name is known now
	trap "rm -f '$log'" EXIT
	# shellcheck disable=SC2086 # a list
	apt-cache show $missing >/dev/null 2>&1 || apt_update "$log"
	say "installing $missing"
	# shellcheck disable=SC2086
	install_packages $missing || { apt_update "$log" && install_packages $missing; } ||
		die "$(grep -m 1 '^E:' "$log"); install by hand: apt-get install $missing"
	missing=$(missing_packages)
	[ -z "$missing" ] || die "installed, but still not found: $missing"
}

install_packages()
{
	$root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
		install "$@" >"$log" 2>&1
}

# unpack FILE TO: plain or gzipped image; must be the ELF file that a multiboot loader takes.
unpack()
{
	if gzip -t "$1" 2>/dev/null; then
		gzip -dc "$1" >"$2.new"
	else
		cp "$1" "$2.new"
	fi || return 1
	[ "$(head -c 4 "$2.new" | tail -c 3)" = ELF ] || return 1
	mv "$2.new" "$2"
}

setup_xen()
{
	local folder=$1 work hint image

	mkdir -p "$folder" || die "cannot make $folder"
	if [ -n "${XEN:-}" ]; then
		[ -r "$XEN" ] || die "XEN=$XEN cannot be read"
		unpack "$XEN" "$folder/given" || die "XEN=$XEN is not a Xen image, gzipped or not"
		return 0
	fi
	[ ! -e "$folder/debian" ] || return 0

	hint="give your own with XEN=file (the xen-4.*.gz of any Xen 4.17 or later)"
	command -v apt-get >/dev/null || die "no apt-get here to download Xen with; $hint"
	work=$(mktemp -d "$folder/work.XXXXXX") || die "cannot write to $folder"
	# shellcheck disable=SC2064
	trap "rm -rf '$work'" EXIT
	say "downloading $xen_package (2 MB; unpacked into $folder, not installed)"
	with_lists "$work/log" download "$work" ||
		die "$xen_package cannot be downloaded ($(tail -n 1 "$work/log")); $hint"
	dpkg-deb -x "$work"/*.deb "$work/tree" || die "$xen_package does not unpack; $hint"
	image=$(find "$work/tree/boot" -name 'xen-4*.gz' | head -n 1)
	[ -n "$image" ] || die "no image in $xen_package; $hint"
	unpack "$image" "$folder/debian" || die "the image in $xen_package does not unpack; $hint"
}

download()
{
	(cd "$1" && apt-get -o APT::Sandbox::User=root -qq download "$xen_package") >"$1/log" 2>&1
}

case ${1:-} in
packages) setup_packages ;;
xen) setup_xen "${2:?folder}" ;;
*) die "usage: setup.sh packages | xen FOLDER" ;;
esac
