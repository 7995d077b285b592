#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# One checking command over many files, a verdict a file: each.sh NAME COMMAND FILE...
# Only what fails is shown.
set -u
. "$(dirname "$0")/tally.sh"

name=${1:?name} command=${2:?command}
shift 2
read -ra command <<<"$command"

if ! command -v "${command[0]}" >/dev/null; then
	fail "${command[0]} is not installed"
else
	for file in "$@"; do
		if "${command[@]}" "$file"; then
			tally_add 1 0 0
		else
			fail "$file"
		fi
	done
fi
tally_end "$name"
