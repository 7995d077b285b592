#!/bin/sh
# SPDX-License-Identifier: MIT
# The code symbols of a linked kernel as an assembly table: symbols.sh NM KERNEL > symbols.S.
# Without KERNEL: an empty table, for the first link.
set -eu

nm=$1
kernel=${2:-}

list() {
	[ -z "$kernel" ] || "$nm" -n "$kernel" | awk '$2 ~ /^[tT]$/ && !seen[$1]++ { print $1, $3 }'
}

list | awk '
BEGIN {
	print "\t.section .symbols, \"a\", @progbits"
	print "\t.balign 8"
	print "\t.globl boot_nr_symbols, boot_symbols, boot_symbol_names"
	print "\t.subsection 1\nboot_symbol_names:\n\t.subsection 0"
	print "boot_symbols:"
}
{
	printf "\t.long 0x%s, 9f - boot_symbol_names\n", substr($1, 9)
	printf "\t.pushsection .symbols, 1\n9:\t.asciz \"%s\"\n\t.popsection\n", $2
}
END {
	print "boot_nr_symbols:\n\t.long " NR
	print "\t.section .note.GNU-stack, \"\", @progbits"
}'
