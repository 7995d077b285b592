#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Do `make symbols`, `headers-check`, `floors`, `docs-check` and the checks that go file by file see
# what they are there to see? Feeds each something wrong: selftest.sh BUILD-FOLDER
# shellcheck disable=SC2016 # backquotes are text here
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
# Two floors: top.c calls down, low.c is called.
mkdir -p "$work/o"
printf '| 1 | x | `t*.c` |\n| 0 | x | `{low,tip}.c` |\n' >"$work/floors.md"
object()
{
	"${CC:-gcc}" -x c -c - -o "$work/o/$1.o" || exit 1
}
object top <<<'int xen_l(void); int xen_t(void) { return xen_l(); }'
object low <<<'int xen_l(void) { return 0; }'
floors=("$top/scripts/floors.sh" "$work/floors.md" "$work/o")
expect 'floors: 2 passed, 0 failed, 0 skipped status 0' floors-right \
	"${floors[@]}" "$work/o/top.o" "$work/o/low.o"
object low <<<'extern int xen_t(void); int xen_l(void) { return xen_t(); }'
expect 'higher floor: low.c: xen_t of top.c floors: 1 passed, 1 failed.* status 1' floors-upward \
	"${floors[@]}" "$work/o/top.o" "$work/o/low.o"
object tip <<<'int xen_l(void); int xen_i(void) { return xen_l(); }'
object low <<<'extern int xen_i(void); int xen_l(void) { return xen_i(); }'
expect 'higher floor: low.c: xen_i of tip.c floors: 1 passed, 1 failed' floors-higher-of-two \
	"${floors[@]}" "$work/o/tip.o" "$work/o/low.o"
object stray <<<'int xen_s;'
expect 'on no floor of .*: stray.c .*floors: 1 passed, 1 failed' floors-homeless \
	"${floors[@]}" "$work/o/low.o" "$work/o/stray.o"
expect 'floors: 1 passed, 1 failed, 0 skipped status 1' floors-nothing "${floors[@]}"

# A README and docs/testing.md beside one target, one folder of tests.
mkdir -p "$work/doc/docs" "$work/doc/tests/a"
printf 'make TARGET\n\nbuild1   builds\n' >"$work/doc/help"
printf '# Some title\n[t](docs/testing.md) [h](#some-title) `tests/a/` `tests/{a,a}`\n' \
	>"$work/doc/README.md"
printf '## How to\n[r](../README.md#some-title) `make build1 X=1`\n' >"$work/doc/docs/testing.md"
docs=("$top/scripts/docs-check.sh" "$work/doc" help)
expect 'docs-check: 5 passed, 0 failed, 0 skipped status 0' docs-right "${docs[@]}"
# wrong NAME VERDICT LINE: a line more in docs/testing.md
wrong()
{
	cp "$work/doc/docs/testing.md" "$work/right.md"
	printf '%s\n' "$3" >>"$work/doc/docs/testing.md"
	expect "$2 .*docs-check: 4 passed, 1 failed, 0 skipped status 1" "$1" "${docs[@]}"
	mv "$work/right.md" "$work/doc/docs/testing.md"
}
wrong docs-link 'links .*: docs/testing.md: gone.md' '[x](gone.md)'
wrong docs-heading 'links .*: docs/testing.md: #gone' '[x](#gone)'
wrong docs-target 'targets .*exist: docs/testing.md: gone' 'so `make gone` does'
wrong docs-example 'targets .*exist: docs/testing.md: gone' '    make gone    does it'
wrong docs-path 'files .*exist: docs/testing.md: tests/gone/' '`tests/{a,gone}/`'
mkdir "$work/doc/tests/new"
expect 'every folder of tests: tests/new/' docs-folder "${docs[@]}"
printf 'build2   builds more\n' >>"$work/doc/help"
expect 'names every make target: build2' docs-unnamed "${docs[@]}"
expect 'docs-check: 1 passed, 0 failed, 0 skipped status 0' docs-installed \
	"$top/scripts/docs-check.sh" "$work/doc"

expect 'each: 0 passed, 0 failed, 0 skipped status 1' each-nothing "$top/scripts/each.sh" each true
tally_end lint-selftest
