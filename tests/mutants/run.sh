#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Planted faults: run.sh FOLDER [NAME...]   From the environment: CC, MAKE, OPS.
#
# Each patch beside this script takes one invariant out of the library; its head names the row of
# faults that the invariant prevents and the unit test program of the component. The patch is
# applied to a copy of the tree, and the simulation must find it. What the unit tests say is shown
# too. A patch that does not apply or does not build, or whose fault is not found, has failed.
set -u
here=$(dirname "$0")
top=$here/../..
. "$top/scripts/tally.sh"

folder=$(realpath -m "${1:?folder}")/mutants
make=${MAKE:-make}
ops=${OPS:-1000000}
shift

# build FOLDER UNIT...: the simulation and unit test programs of the tree in FOLDER.
build()
{
	local tree=$1
	shift

	"$make" -s -j"$(nproc)" -C "$tree" O=build CC="${CC:-gcc}" build/host/sim \
		"${@/#/build/host/test_}" >"$tree.log" 2>&1
}

# What the simulation says of the tree in $work: nothing, or "simulation (operation N of seed N)".
simulate()
{
	local log=$work.sim.log

	(cd "$work" && timeout 300 build/host/sim -n "$ops") >"$log" 2>&1 && return
	printf 'simulation (%s)' "$(sed -n \
		's/^sim: again: make sim SEED=\([0-9]*\) OPS=\([0-9]*\)$/operation \2 of seed \1/p' "$log")"
}

unit_test()
{
	(cd "$work" && timeout 300 "build/host/test_$1") >"$work.unit.log" 2>&1 && return
	printf 'unit test %s' "$1"
}

try()
{
	local patch=$here/$1.patch name=$1 unit sim by

	rm -rf "$work" && cp -a "$base" "$work" || exit 1
	if ! patch -p1 -s -f -d "$work" <"$patch" >"$work.log" 2>&1; then
		cat "$work.log"
		fail "$name: the patch does not apply any more"
		return
	fi
	unit=$(sed -n 's/^Unit: //p' "$patch")
	if ! build "$work" "$unit"; then
		cat "$work.log"
		fail "$name: does not build"
		return
	fi
	sim=$(simulate)
	by=$(unit_test "$unit")
	by="$sim${sim:+${by:+, }}$by"
	if [ -n "$sim" ]; then
		pass "$(printf '%-26s found by %s' "$name" "$by")"
	else
		fail "$name: not found by the simulation${by:+, but by $by}: $(what "$patch")"
	fi
}

what()
{
	sed -n '/^Unit: /,/^--- /{/^[A-Z].*\.$/p;}' "$1"
}

# Nothing may be found where there is nothing.
is_sound()
{
	local unit by

	work=$base
	found=$(simulate)
	for unit in "${units[@]}"; do
		by=$(unit_test "$unit")
		found+=${by:+${found:+, }$by}
	done
	work=$folder/work
	[ -z "$found" ]
}

# The unit test programs that the patches name.
mapfile -t units < <(sed -n 's/^Unit: //p' "$here"/*.patch | sort -u)
base=$folder/base
work=$folder/work
rm -rf "$folder" && mkdir -p "$base" || exit 1
for entry in Makefile include lib arch drivers tests mk scripts; do
	cp -a "$top/$entry" "$base"
done
if ! build "$base" "${units[@]}"; then
	cat "$base.log"
	fail "the tree does not build"
elif ! is_sound; then
	fail "without a planted fault: found by $found"
else
	[ $# -gt 0 ] || set -- "$here"/*.patch
	for name in "$@"; do
		name=${name##*/}
		name=${name%.patch}
		try "$name"
	done
fi
tally_end mutants
