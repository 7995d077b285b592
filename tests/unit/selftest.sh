#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Does the unit test runner tell right from wrong? Feeds it programs that end in every way:
# selftest.sh BUILD-FOLDER
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/scripts/tally.sh"

work=$(mkdir -p "${1:?build folder}/unit-selftest" && cd "$1/unit-selftest" && pwd) || exit 1

# expect VERDICT NAME PROGRAM-TEXT: VERDICT is what the runner's output must match.
expect()
{
	local program=$work/test_$2 seconds=60

	[[ $3 != *sleep* ]] || seconds=1
	printf '#!/bin/sh\n%s\n' "$3" >"$program" && chmod +x "$program"
	UNIT_SECONDS=$seconds "$top/scripts/unit-run.sh" unit 'make unit' "$program" >"$work/$2.out" 2>&1
	printf 'status %d\n' $? >>"$work/$2.out"
	if tr '\n' ' ' <"$work/$2.out" | grep -qE "$1"; then
		pass "$2"
	else
		cat "$work/$2.out"
		fail "$2: no match for: $1"
	fi
}

five='echo "100%: Checks: 5, Failures: 0, Errors: 0"'
expect 'unit: 5 passed, 0 failed, 0 skipped status 0' passes "$five"
expect 'unit: 10 passed, 0 failed, 0 skipped status 0' two-suites "$five; $five"
expect 'again: make unit T=fails unit: 2 passed, 3 failed, 0 skipped status 1' fails \
	'echo "40%: Checks: 5, Failures: 2, Errors: 1"; exit 1'
expect 'fails-quietly.*unit: 3 passed, 2 failed, 0 skipped status 1' fails-quietly \
	'echo "60%: Checks: 5, Failures: 2, Errors: 0"'
expect 'ended with status 3.*unit: 0 passed, 1 failed, 0 skipped status 1' bad-end "$five; exit 3"
expect 'ended with status 1(34|33|29).*, 1 failed, 0 skipped status 1' aborts "kill -ABRT \$\$"
expect 'unit: 0 passed, 1 failed, 0 skipped status 1' says-nothing 'exit 0'
expect 'unit: 0 passed, 1 failed, 0 skipped status 1' checks-nothing \
	'echo "100%: Checks: 0, Failures: 0, Errors: 0"'
expect 'not finished after 1 s.*, 1 failed, 0 skipped status 1' hangs 'sleep 99'
# A case by name: one program of several must have it.
export CK_RUN_CASE='a case'
expect 'has no case "a case" unit: 0 passed, 1 failed, 0 skipped status 1' no-case 'exit 3'
expect 'unit: 5 passed, 0 failed, 0 skipped status 0' has-case "$five"
expect_two()
{
	"$top/scripts/unit-run.sh" unit 'make unit' "$work/test_no-case" "$work/test_$2" >"$work/two.out" 2>&1
	printf 'status %d\n' $? >>"$work/two.out"
	if tr '\n' ' ' <"$work/two.out" | grep -qE "$1"; then
		pass "no-case and $2"
	else
		cat "$work/two.out"
		fail "no-case and $2: no match for: $1"
	fi
}
expect_two 'unit: 5 passed, 0 failed, 0 skipped status 0' has-case
expect_two 'no program has a case "a case" unit: 0 passed, 1 failed, 0 skipped status 1' no-case
tally_end unit-selftest
