#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Everything that `make check` checks, stage by stage: check.sh [TAG]
# TAG limits the boot scenarios (empty: all). From the environment: O, CC, QEMU, XEN, MAKE.
#
# The last line is the sum over all stages, `N passed, N failed, N skipped`. A stage that ends
# without its counts, or with a bad status and none failed, counts as one failure.
set -u
. "$(dirname "$0")/tally.sh"

O=${O:-build}
CC=${CC:-gcc}
make=${MAKE:-make}
jobs=${JOBS:-$(nproc)}
tag=${1:-}
logs=$O/check
rm -rf "$logs" && mkdir -p "$logs" || exit 1

# stage TITLE COMMAND...
stage()
{
	local title=$1 log status p f s start=$SECONDS
	shift
	log=$logs/${title// /-}.log

	printf '%s ...\n' "$title"
	"$@" 2>&1 | tee "$log"
	status=${PIPESTATUS[0]}
	if ! read -r p f s < <(tally_of "$log"); then
		p=0 f=0 s=0
	fi
	if [ "$status" -ne 0 ] && [ "$f" -eq 0 ] || [ $((p + f)) -eq 0 ]; then
		f=$((f + 1))
		printf '  FAIL    %s: status %d, log: %s\n' "$title" "$status" "$log"
	fi
	tally_add "$p" "$f" "$s"
	seconds+="$(printf '%5d s  %s: %d passed, %d failed, %d skipped' \
		$((SECONDS - start)) "$title" "$p" "$f" "$s")"$'\n'
	[ "$f" -eq 0 ]
}

# run TEXT COMMAND...: a stage that is one verdict.
run()
{
	local text=$1
	shift
	if "$@"; then
		echo "$text: 1 passed, 0 failed, 0 skipped"
	else
		echo "$text: 0 passed, 1 failed, 0 skipped"
	fi
}

sub()
{
	"$make" -s O="$O" CC="$CC" "$@"
}

seconds=
if stage 'setup' run setup scripts/setup.sh packages; then
	stage 'build' run build sub -j"$jobs" all xenpci "$O/guest.elf"
	stage 'build with clang' run build \
		sub -j"$jobs" O="$O/clang" CC=clang-14 all xenpci "$O/clang/guest.elf"
	for check in fmt-check headers-check symbols floors docs-check shellcheck lists-check rows \
		mutate-check mutants-check lint-selftest setup-check unit-selftest faults-selftest \
		fuzz-selftest boot-selftest conformance-selftest dom0-selftest bench-selftest \
		install-check; do
		stage "$check" sub "$check"
	done
	stage 'unit' sub -j"$jobs" unit
	stage 'unit asan' sub -j"$jobs" unit SAN=asan
	stage 'faults' sub faults FULL="$([ -n "$tag" ] || echo 1)"
	stage 'fuzz corpus' sub -j"$jobs" fuzz-corpus
	stage 'simulation' sub -j"$jobs" sim OPS=400000
	if [ -z "$tag" ]; then
		stage 'unit tsan' sub -j"$jobs" unit SAN=tsan
		stage 'cov' sub -j"$jobs" cov
		stage 'mutate' sub -j"$jobs" mutate
		stage 'fuzz' sub -j"$jobs" fuzz TIME=30
		stage 'simulation long' sub sim OPS=10000000
		stage 'simulation asan' sub -j"$jobs" sim SAN=asan OPS=500000
		stage 'simulation tsan' sub -j"$jobs" sim SAN=tsan OPS=200000 CPUS=3
		stage 'mutants' sub mutants
	fi
	if stage 'setup of Xen' run setup scripts/setup.sh xen "$O/xen"; then
		stage 'conformance' sub -j"$jobs" conformance
		[ -n "$tag" ] || stage 'conformance asan' sub -j"$jobs" conformance SAN=asan
		stage 'boot' sub boot-check TAG="$tag" JOBS="$jobs"
		stage 'kernel' sub kernel-check TAG="$tag"
		stage 'boot with clang' sub O="$O/clang" CC=clang-14 XEN="${XEN:-$O/xen/debian}" \
			boot-check B=mem-64m
		if stage 'setup of dom0' run setup scripts/setup-dom0.sh "$O/linux"; then
			stage 'dom0' sub dom0-check TAG="$tag" JOBS="$jobs"
		fi
	fi
fi
printf '\n%s\n' "$seconds"
printf '%d passed, %d failed, %d skipped\n' "$tally_passed" "$tally_failed" "$tally_skipped"
[ "$tally_failed" -eq 0 ] && [ "$tally_passed" -gt 0 ]
