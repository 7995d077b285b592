#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Does every object of the library use only what is on its own floor or below, by the table in
# docs/architecture.md? floors.sh DOCUMENT OBJECT-FOLDER OBJECT...
#
# The table's rows are `| floor | what | files |`; a file that two rows name is on the higher floor.
set -u
export LC_ALL=C
. "$(dirname "$0")/tally.sh"

document=${1:?document} folder=${2:?object folder}
shift 2
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# "FLOOR PATTERN" for each source file pattern, the highest floor first.
patterns()
{
	local floor files pattern

	while IFS='|' read -r _ floor _ files _; do
		while read -r pattern; do
			eval "printf '$((floor)) %s\n' ${pattern//\*/\\*}"
		done < <(grep -oE '[A-Za-z0-9_.,{}*/-]+\.c\b' <<<"$files")
	done < <(grep -E '^\| [0-9]+ \|' "$document") | sort -rn
}

# floor_of FILE: nothing if it is on none.
floor_of()
{
	local floor pattern

	while read -r floor pattern; do
		# shellcheck disable=SC2053 # a pattern
		if [[ $1 == $pattern ]]; then
			printf '%s' "$floor"
			return
		fi
	done <"$work/patterns"
}

patterns >"$work/patterns"
homeless=
for object; do
	file=${object#"$folder"/}
	file=${file%.o}.c
	floor=$(floor_of "$file")
	[ "$floor" ] || homeless+=" $file"
	nm -g --defined-only "$object" | awk -v f="${floor:-0}" -v n="$file" \
		'{ print $3, f, n }' >>"$work/defined"
	nm -u "$object" | awk -v f="${floor:-99}" -v n="$file" '{ print $2, f, n }' >>"$work/used"
done
if [ -z "$homeless" ] && [ $# -gt 0 ]; then
	pass "every file is on a floor"
else
	fail "on no floor of $document:$homeless"
fi

sort -o "$work/defined" "$work/defined"
upward=$(sort "$work/used" | join - "$work/defined" |
	awk '$2 < $4 { printf " %s: %s of %s", $3, $1, $5 }')
if [ -z "$upward" ]; then
	pass "no file uses what is on a higher floor"
else
	fail "these use what is on a higher floor:$upward"
fi
tally_end floors
