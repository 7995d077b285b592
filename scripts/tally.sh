# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# To be sourced: counts verdicts. Every checking script of this project ends its output with
# the line that tally_end prints, and scripts/check.sh sums those lines.

tally_passed=0
tally_failed=0
tally_skipped=0

# pass|fail|skip TEXT: one verdict, one line.
pass()
{
	tally_passed=$((tally_passed + 1))
	printf '  pass    %s\n' "$*"
}

fail()
{
	tally_failed=$((tally_failed + 1))
	printf '  FAIL    %s\n' "$*"
}

skip()
{
	tally_skipped=$((tally_skipped + 1))
	printf '  skip    %s\n' "$*"
}

# tally_add PASSED FAILED SKIPPED: counts of a program that keeps its own.
tally_add()
{
	tally_passed=$((tally_passed + $1))
	tally_failed=$((tally_failed + $2))
	tally_skipped=$((tally_skipped + $3))
}

# tally_end NAME: the last line; the exit status of the script.
tally_end()
{
	printf '%s: %d passed, %d failed, %d skipped\n' "$1" "$tally_passed" "$tally_failed" \
		"$tally_skipped"
	[ "$tally_failed" -eq 0 ] && [ "$tally_passed" -gt 0 ]
}

# tally_of FILE: "P F S" of the last such line in a log; fails when there is none.
tally_of()
{
	tr -d '\r' <"$1" | sed -nE \
		's/^[a-z0-9: -]*: ([0-9]+) passed, ([0-9]+) failed, ([0-9]+) skipped$/\1 \2 \3/p' |
		tail -n 1 | grep .
}
