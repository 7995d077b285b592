#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Do `make symbols`, `make headers-check` and the checks that go file by file see what they are there
# to see? Feeds each something wrong: selftest.sh BUILD-FOLDER
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/scripts/tally.sh"

work=$(mkdir -p "${1:?build folder}/lint-selftest" && cd "$1/lint-selftest" && pwd) || exit 1
rm -rf "${work:?}"/* && mkdir -p "$work/include/xen"

# expect VERDICT NAME COMMAND...: VERDICT is what the command's output must match.
expect()
{
	local verdict=$1 name=$2
	shift 2

	"$@" >"$work/$name.out" 2>&1
	printf 'status %d\n' $? >>"$work/$name.out"
	if tr '\n' ' ' <"$work/$name.out" | grep -qE "$verdict"; then
		pass "$name"
	else
		cat "$work/$name.out"
		fail "$name: no match for: $verdict"
	fi
}

# archive NAME: from C on standard input, with two functions of port.h as the whole lower seam.
archive()
{
	{ printf '#include <xen/port.h>\n' && cat; } |
		"${CC:-gcc}" -ffreestanding "-I$work/include" -x c -c - -o "$work/$1.o" || exit 1
	rm -f "$work/$1.a" && ar rcs "$work/$1.a" "$work/$1.o"
}

printf 'void xen_port_one(void);\n/* xen_port_none() is not one. */\nint xen_port_two(int x);\n' \
	>"$work/include/xen/port.h"
printf 'int hypercall_one(int cmd);\n' >"$work/include/xen/hypercall.h"
symbols=("$top/scripts/symbols.sh")

archive right <<<'int xen_a(void) { xen_port_one(); return xen_port_two(1); }'
expect 'symbols: 3 passed, 0 failed, 0 skipped status 0' symbols-right \
	"${symbols[@]}" "$work/right.a" "$work/include"
archive foreign <<<'int puts(const char *); int xen_a(void) { xen_port_one();
	return xen_port_two(puts("")); }'
expect 'beside hypercall.h.*: puts .*symbols: 2 passed, 1 failed, 0 skipped status 1' \
	symbols-foreign "${symbols[@]}" "$work/foreign.a" "$work/include"
archive prefix <<<'int a(void) { xen_port_one(); return xen_port_two(1); }'
expect 'without our prefix: a .*symbols: 2 passed, 1 failed, 0 skipped status 1' \
	symbols-prefix "${symbols[@]}" "$work/prefix.a" "$work/include"
archive idle <<<'int xen_a(void) { return xen_port_two(1); }'
expect 'never calls: xen_port_one .*symbols: 2 passed, 1 failed, 0 skipped status 1' \
	symbols-idle "${symbols[@]}" "$work/idle.a" "$work/include"

expect 'headers-check: [24] passed, 0 failed, . skipped status 0' headers-right \
	"$top/scripts/headers-check.sh" "$work/include"
printf 'static inline int xen_b(xen_absent_t x) { return x; }\n' >"$work/include/xen/b.h"
expect 'FAIL .*gcc -std=gnu11: xen/b.h.*headers-check: 0 passed.*status 1' headers-alone \
	"$top/scripts/headers-check.sh" "$work/include"
printf '#ifndef B_H\n#define B_H\nstatic inline void *xen_b(int *class) { return class; }\n#endif\n' \
	>"$work/include/xen/b.h"
expect 'FAIL .*g\+\+ -std=gnu\+\+17: xen/b.h.*status 1' headers-c++ \
	"$top/scripts/headers-check.sh" "$work/include"

expect 'each: 2 passed, 0 failed, 0 skipped status 0' each-right \
	"$top/scripts/each.sh" each 'test -e' "$work/right.a" "$work/idle.a"
expect 'FAIL .*/absent each: 1 passed, 1 failed, 0 skipped status 1' each-wrong \
	"$top/scripts/each.sh" each 'test -e' "$work/right.a" "$work/absent"
expect 'absent-command is not installed each: 0 passed, 1 failed, 0 skipped status 1' \
	each-no-command "$top/scripts/each.sh" each absent-command "$work/right.a"
expect 'each: 0 passed, 0 failed, 0 skipped status 1' each-nothing "$top/scripts/each.sh" each true
tally_end lint-selftest
