#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs unit test programs, two or more at once, and sums up what Check counted:
#   unit-run.sh NAME HINT PROGRAM...      HINT: how to run one program again
# A program that ends without Check's summary, or that checks nothing, has failed. Where CK_RUN_CASE
# names one case, one of several programs must have it; a single one says which it has.
set -u
. "$(dirname "$0")/tally.sh"

name=${1:?name} hint=${2:?hint}
shift 2
seconds=${UNIT_SECONDS:-1200}
no_case=3 # UNIT_NO_CASE of tests/unit/unit.h

run_one()
{
	local start=$EPOCHREALTIME

	timeout --kill-after=5 "$seconds" "$1" >"$1.log" 2>&1 </dev/null
	printf '%d %d\n' "$?" $(((${EPOCHREALTIME/./} - ${start/./}) / 1000)) >"$1.rc"
}

judge()
{
	local title=${1##*/test_} rc ms sum checks bad

	read -r rc ms <"$1.rc"
	sum=$(sed -nE 's/^[0-9]+%: Checks: ([0-9]+), Failures: ([0-9]+), Errors: ([0-9]+)$/\1 \2 \3/p' \
		"$1.log" | awk '{ c += $1; b += $2 + $3 } END { if (NR) print c, b }')
	read -r checks bad <<<"${sum:-0 0}"
	if [ "$rc" -eq 0 ] && [ "$checks" -gt 0 ] && [ "$bad" -eq 0 ]; then
		printf '  pass    %-12s %4d checks  %d.%03d s\n' "$title" "$checks" \
			$((ms / 1000)) $((ms % 1000))
		tally_add "$checks" 0 0
		return
	fi
	if [ "$rc" -eq "$no_case" ] && [ "$alone" -eq 0 ] && [ -n "${CK_RUN_CASE:-}" ]; then
		return
	fi
	cat "$1.log"
	if [ "$rc" -eq "$no_case" ] && [ -n "${CK_RUN_CASE:-}" ]; then
		fail "$title: has no case \"$CK_RUN_CASE\""
	elif [ "$bad" -gt 0 ]; then
		tally_add $((checks - bad)) $((bad - 1)) 0
		fail "$title: $bad of $checks checks; again: $hint T=$title"
	elif [ "$rc" -eq 124 ] || [ "$rc" -eq 137 ]; then
		fail "$title: not finished after $seconds s; again: $hint T=$title"
	else
		fail "$title: ended with status $rc after $checks checks; again: $hint T=$title"
	fi
}

jobs=$(nproc)
for program in "$@"; do
	while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do
		wait -n
	done
	run_one "$program" &
done
wait
alone=$(($# == 1))
for program in "$@"; do
	judge "$program"
done
if [ $((tally_passed + tally_failed)) -eq 0 ] && [ -n "${CK_RUN_CASE:-}" ]; then
	fail "no program has a case \"$CK_RUN_CASE\""
fi
tally_end "$name"
