#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The library's two seams, held on its symbols: symbols.sh ARCHIVE HEADERS
#
#   - what the archive leaves undefined is declared in hypercall.h or port.h, or is one of the four
#     mem* functions that a compiler calls by itself;
#   - what it exports begins with xen_;
#   - every function that port.h asks of an embedder is one that the library calls.
#
# hypercall.h may declare more than the library calls: it is the whole ABI that embedders share.
set -u
export LC_ALL=C
. "$(dirname "$0")/tally.sh"

archive=${1:?archive} headers=${2:?headers}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# Names of the functions with prefix $2 that header $1 declares; the compiler strips comments.
declared()
{
	"${CC:-gcc}" -E -P "-I$headers" -x c "$headers/xen/$1" |
		grep -oE "\b$2_[a-z0-9_]+\(" | tr -d '(' | sort -u
}

# verdict FILE TEXT: FILE lists what should not be there.
verdict()
{
	if [ -s "$work/$1" ]; then
		fail "$2: $(paste -sd ' ' "$work/$1")"
	else
		pass "$2: none"
	fi
}

nm -g --defined-only "$archive" | awk 'NF == 3 { print $3 }' | sort -u >"$work/exported"
nm -u "$archive" | awk '$1 == "U" || $1 == "w" { print $2 }' | sort -u |
	comm -23 - "$work/exported" >"$work/undefined"
[ -s "$work/exported" ] || fail "$archive exports nothing"

declared hypercall.h hypercall >"$work/hypercalls"
declared port.h xen_port >"$work/port"
# A position-independent object may name the linker's own table.
printf '%s\n' memcpy memset memmove memcmp _GLOBAL_OFFSET_TABLE_ |
	sort -u - "$work/hypercalls" "$work/port" >"$work/allowed"

comm -23 "$work/undefined" "$work/allowed" >"$work/foreign"
verdict foreign "undefined symbols beside hypercall.h, port.h and mem*"
grep -v '^xen_' "$work/exported" >"$work/unprefixed"
verdict unprefixed "exported symbols without our prefix"
comm -13 "$work/undefined" "$work/port" >"$work/idle"
verdict idle "functions that port.h asks for and the library never calls"

printf '  note    hypercalls that only embedders use: %s\n' \
	"$(comm -13 "$work/undefined" "$work/hypercalls" | paste -sd ' ')"
tally_end symbols
