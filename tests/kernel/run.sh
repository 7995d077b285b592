#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The boot kernel on real Xen: its self-test on 1 and 4 CPUs, with both kinds of event channels,
# must pass; each way to crash must end
# the run soon, with a report that names the cause and the function it happened in.
#   run.sh [NAME]    from the environment: O, QEMU, XEN, SLOW; TAG=short: a few only
# (Xen waits 5 seconds before it resets the machine of a crashed control domain.)
set -u
here=$(dirname "$0")
. "$here/../../scripts/tally.sh"
. "$here/../boot/lib.sh"
# shellcheck disable=SC2034 # for lib.sh
guest=$O/kernel-test.elf
only=${1:-}
short=' selftest selftest-4 selftest-fifo write '

# boot NAME CPUS WORD: leaves $log and $status.
boot()
{
	log=$O/kernel-test/$1.log
	mkdir -p "$O/kernel-test" || exit 1
	boot_qemu 60 512M "$2" "dom0_mem=64M dom0_max_vcpus=$2" "$3" | tr -d '\r' >"$log"
	status=${PIPESTATUS[0]}
}

wanted()
{
	if [ -n "$only" ]; then
		[ "$only" = "$1" ]
	else
		[ "${TAG:-}" != short ] || [[ $short = *" $1 "* ]]
	fi
}

complain()
{
	fail "$1: $2"
	printf '          %s\n          again: make kernel-check B=%s\n' "$log" "$1"
}

# passes NAME CPUS [WORD]
passes()
{
	local why
	wanted "$1" || return 0
	boot "$1" "$2" "selftest ${3:-}"
	why=$(boot_judge "$status" "$log")
	[ -n "$why" ] || why=$(grep -m 1 '^FAIL' "$log")
	[ -n "$why" ] || grep -q "^kernel test: $2 CPUs" "$log" || why="not on $2 CPUs"
	if [ -n "$why" ]; then complain "$1" "$why"; else pass "$1"; fi
}

# crashes WORD CPUS LINE...: extended regular expressions, each to be found.
crashes()
{
	local word=$1 cpus=$2 line
	shift 2
	wanted "$word" || return 0
	boot "$word" "$cpus" "$word"
	if [ "$status" -eq 124 ] || [ "$status" -eq 137 ]; then
		complain "$word" 'hung'
		return
	fi
	for line; do
		grep -qE "$line" "$log" || { complain "$word" "no line with: $line"; return; }
	done
	pass "$word ends in a report"
}

boot_ready || exit 1
report='^\*\*\* xendma guest crash on CPU'
passes selftest 1
passes selftest-4 4
passes selftest-fifo 4 evtchn=fifo
crashes write 1 "$report 0: page fault" '  rip .* crash_by_write[.+]' 'cr2 0000000000000010' \
	'[0-9a-f] kernel_crash\+' '[0-9a-f] boot_start\+'
crashes division 1 "$report 0: divide error" 'rip .* crash_by_division[.+]'
crashes opcode 1 "$report 0: invalid opcode" 'rip .* crash_by_opcode[.+]'
crashes text-write 1 "$report 0: page fault" 'rip .* crash_by_text_write[.+]'
crashes running-data 1 "$report 0: page fault" '[0-9a-f] crash_by_running_data[.+]'
crashes assertion 1 "$report 0: .*broken invariant: boot_free_pages" 'crash_by_assertion[.+]'
crashes double-lock 1 "$report 0: lock .* taken twice" '[0-9a-f] crash_by_double_lock[.+]'
crashes double-free 1 "$report 0: free of page" '[0-9a-f] crash_by_double_free[.+]'
# On the stack that it overran the kernel cannot report: Xen does.
crashes recursion 1 'domain_crash_sync called' 'Domain 0 .* crashed'
crashes other-cpu 2 "$report 1: page fault" 'rip .* crash_by_write[.+]' \
	'[0-9a-f] crash_on_other_cpu[.+]'
tally_end kernel
