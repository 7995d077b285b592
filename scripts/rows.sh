#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The rows of tests/ROWS and the unit tests that bear their numbers. A row whose files exist and
# that no test bears has failed.
set -u
cd "$(dirname "$0")/.." || exit 1
. scripts/tally.sh

# "program: case" of each case that begins with "$1: ".
tests_of()
{
	grep -HoE "^	\{\"$1: [^\"]*\"" tests/unit/test_*.c |
		sed -E 's,^tests/unit/test_([^:]*)\.c:	\{"(.*)"$,\1: \2,'
}

# Is there any of these files?
exist()
{
	local pattern patterns
	read -ra patterns <<<"$1"

	for pattern in "${patterns[@]}"; do
		compgen -G "$pattern" >/dev/null && return
	done
	return 1
}

while IFS='|' read -r numbers files invariant; do
	[[ $numbers == [!#]* ]] || continue
	numbers=${numbers% }
	if ! exist "$files"; then
		printf '  later   %s:%s: there is no%s\n' "$numbers" "$invariant" "$files"
		continue
	fi
	tests=$(tests_of "$numbers")
	if [ -z "$tests" ]; then
		fail "$numbers:$invariant: no unit test bears these numbers"
		continue
	fi
	pass "$numbers:$invariant"
	printf '            %s\n' "${tests//$'\n'/$'\n            '}"
done <tests/ROWS
tally_end rows
