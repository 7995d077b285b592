#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Each public header compiles alone and twice over, as C and as C++: headers-check.sh FOLDER
set -u
. "$(dirname "$0")/tally.sh"

folder=${1:?folder}
flags="-Wall -Wextra -Werror -fsyntax-only -I$folder"

# check COMPILER LANGUAGE STANDARD
check()
{
	local header name bad=0 nr=0

	if ! command -v "$1" >/dev/null; then
		skip "$1: not installed"
		return
	fi
	for header in "$folder"/xen/*.h; do
		name=xen/$(basename "$header")
		nr=$((nr + 1))
		# shellcheck disable=SC2086 # a list
		printf '#include <%s>\n#include <%s>\n' "$name" "$name" |
			"$1" $flags "-std=$3" -x "$2" - || {
			fail "$1 -std=$3: $name"
			bad=1
		}
	done
	[ "$bad" -eq 1 ] || pass "$1 -std=$3: $nr headers"
}

check gcc c gnu11
check g++ c++ gnu++17
check clang-14 c gnu11
check clang-14 c++ gnu++17
tally_end headers-check
