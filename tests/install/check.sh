#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs into a staging folder, builds embed.c with nothing but what pkg-config says, and runs it:
# check.sh BUILD-FOLDER
set -u
here=$(dirname "$0")
. "$here/../../scripts/tally.sh"

build=${1:?build folder}
stage=$build/install
pc=$stage/opt/x/lib/pkgconfig

rm -rf "$stage" && mkdir -p "$stage" && stage=$(cd "$stage" && pwd) || exit 1
if "${MAKE:-make}" -s install O="$build" DESTDIR="$stage" PREFIX=/opt/x; then
	pass "make install DESTDIR= PREFIX="
else
	fail "make install DESTDIR= PREFIX="
fi

missing=
for header in include/xen/*.h; do
	[ -e "$stage/opt/x/include/xendma/xen/${header##*/}" ] || missing+=" ${header##*/}"
done
if [ -z "$missing" ]; then
	pass "every public header is installed"
else
	fail "headers not installed:$missing"
fi

flags=$(PKG_CONFIG_PATH=$pc PKG_CONFIG_SYSROOT_DIR=$stage pkg-config --cflags --libs xendma)
# shellcheck disable=SC2086 # a list
if [ -n "$flags" ] &&
	"${CC:-gcc}" -std=gnu11 -Wall -Wextra -Werror "$here/embed.c" $flags -o "$stage/embed"; then
	pass "a program builds with pkg-config's flags"
else
	fail "a program does not build with pkg-config's flags: $flags"
fi
if "$stage/embed"; then
	pass "the program runs"
else
	fail "the program does not run right"
fi

"${MAKE:-make}" -s uninstall O="$build" DESTDIR="$stage" PREFIX=/opt/x
left=$(find "$stage/opt" -type f)
if [ -z "$left" ]; then
	pass "make uninstall leaves nothing"
else
	fail "make uninstall leaves $left"
fi
tally_end install-check
