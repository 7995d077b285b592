#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs into a staging folder, builds embed.c with nothing but what pkg-config says, and runs it;
# compiles what the documents show, and looks at what they lead to: check.sh BUILD-FOLDER
set -u
export LC_ALL=C
here=$(dirname "$0")
. "$here/../../scripts/tally.sh"

build=${1:?build folder}
stage=$build/install
pc=$stage/opt/x/lib/pkgconfig

rm -rf "$stage" && mkdir -p "$stage" && stage=$(cd "$stage" && pwd) || exit 1
if "${MAKE:-make}" -s install O="$build" DESTDIR="$stage" PREFIX=/opt/x; then
	pass "make install DESTDIR= PREFIX="
else
	fail "make install DESTDIR= PREFIX="
fi

missing=
for header in include/xen/*.h; do
	[ -e "$stage/opt/x/include/xendma/xen/${header##*/}" ] || missing+=" ${header##*/}"
done
if [ -z "$missing" ]; then
	pass "every public header is installed"
else
	fail "headers not installed:$missing"
fi

flags=$(PKG_CONFIG_PATH=$pc PKG_CONFIG_SYSROOT_DIR=$stage pkg-config --cflags --libs xendma)
# shellcheck disable=SC2086 # a list
if [ -n "$flags" ] &&
	"${CC:-gcc}" -std=gnu11 -Wall -Wextra -Werror "$here/embed.c" $flags -o "$stage/embed"; then
	pass "a program builds with pkg-config's flags"
else
	fail "a program does not build with pkg-config's flags: $flags"
fi
if "$stage/embed"; then
	pass "the program runs"
else
	fail "the program does not run right"
fi

# blocks FILE: the C in a document.
blocks()
{
	awk '/^```/ { on = $0 == "```c"; next } on' "$1"
}

# compile NAME FLAGS...: an object from standard input, against the installed headers.
compile()
{
	local name=$1
	shift
	# shellcheck disable=SC2046 # a list
	"${CC:-gcc}" -std=gnu11 -Wall -Wextra -Werror -Wno-unused-parameter -ffreestanding -x c -c - \
		-o "$stage/$name.o" "$@" $(PKG_CONFIG_PATH=$pc PKG_CONFIG_SYSROOT_DIR=$stage \
		pkg-config --cflags xendma)
}

if {
	printf '#include <xen/dma.h>\nint f(void *buffer, size_t size);\n'
	printf 'int f(void *buffer, size_t size)\n{\n'
	blocks README.md
	printf 'return 0;\n}\n'
} | compile readme; then
	pass "README.md's example compiles"
else
	fail "README.md's example does not compile"
fi

declared=$("${CC:-gcc}" -E -P -Iinclude -x c include/xen/port.h |
	grep -oE '\bxen_port_[a-z0-9_]+\(' | tr -d '(' | sort -u)
if blocks docs/porting.md | compile porting &&
	[ "$(nm -g --defined-only "$stage/porting.o" | awk '{ print $3 }' | grep ^xen_ |
		sort)" = "$declared" ]
then
	pass "docs/porting.md's examples are a whole port"
else
	fail "docs/porting.md's examples are not just the functions of port.h"
fi

if blocks docs/bringup.md | compile bringup; then
	pass "docs/bringup.md's examples compile"
else
	fail "docs/bringup.md's examples do not compile"
fi

sources=$stage$(PKG_CONFIG_PATH=$pc pkg-config --variable=sources xendma)
if compile hypercall -I"$sources" <"$sources/hypercall.c"; then
	pass "the installed hypercalls compile"
else
	fail "the installed hypercalls do not compile"
fi

# A kernel links archive, example port and hypercalls beside its own functions, and needs no more.
need=$(nm -u "$stage/porting.o" "$stage/hypercall.o" "$stage/opt/x/lib/libxendma.a" |
	awk '$1 == "U" { print $2 }' | sort -u)
have=$(nm -g --defined-only "$stage/porting.o" "$stage/hypercall.o" \
	"$stage/opt/x/lib/libxendma.a" | awk 'NF == 3 { print $3 }' | sort -u)
open=$(comm -23 <(printf '%s\n' "$need") <(printf '%s\n' "$have") |
	grep -vE '^(k_.*|hypercall_page|mem(cpy|set|move|cmp)|_GLOBAL_OFFSET_TABLE_)$')
if [ -z "$open" ]; then
	pass "with the port and the hypercalls the archive is complete"
else
	fail "archive, port and hypercalls want more: $(paste -sd " " <<<"$open")"
fi

if scripts/docs-check.sh "$stage/opt/x/share/doc/xendma" >"$stage/docs.log"; then
	pass "links in the installed documents lead somewhere"
else
	fail "$(cat "$stage/docs.log")"
fi

# ---- the dom0 command ----

xenpci=$stage/opt/x/sbin/xenpci
help=$("$xenpci" --help)
commands=$(sed -n 's/^  \([a-z]*\)  .*/\1/p' <<<"$help")
if [ "$("$xenpci" --version)" ] && [ -n "$commands" ] && [ "$(wc -l <<<"$help")" -le 24 ] &&
	! grep -q '.\{81\}' <<<"$help"; then
	pass "xenpci --help fits a screen"
else
	fail "xenpci --help does not fit a screen of 80 by 24"
fi

page=$stage/opt/x/share/man/man1/xenpci.1
missing=
for command in $commands; do
	grep -q "^\.B xenpci $command" "$page" && "$xenpci" "$command" --help >/dev/null ||
		missing+=" $command"
	for option in $("$xenpci" "$command" --help | grep -oE -e '--[a-z-]+'); do
		grep -q -e "${option//-/\\\\-}" "$page" || missing+=" $command $option"
	done
done
if [ -z "$missing" ]; then
	pass "xenpci(1) has every command and option"
else
	fail "xenpci(1) does not have:$missing"
fi
if command -v groff >/dev/null; then
	warnings=$(groff -man -Tutf8 -ww -z "$page" 2>&1)
	if [ -z "$warnings" ]; then
		pass "xenpci(1) is clean"
	else
		fail "xenpci(1): $warnings"
	fi
else
	skip "xenpci(1) is clean: no groff"
fi

# complete LINE: what bash would offer, with stand-ins for the two commands that are asked.
complete_line()
{
	COMP_LINE=$1 COMP_POINT=${#1} bash -c '
		complete() { :; }
		xl() { printf "Name ID\nDomain-0 0\nguest 1\n"; }
		xenpci() { printf "\"0000:00:06.0\"\n"; }
		. "$1"
		_xenpci
		printf "%s " "${COMPREPLY[@]}"' bash "$stage/opt/x/share/bash-completion/completions/xenpci"
}

wrong=
while IFS='|' read -r line wanted; do
	got=$(complete_line "$line")
	[ "${got% }" = "$wanted" ] || wrong+=" '$line': '$got'"
done <<'EOF'
xenpci att|attach
xenpci attach g|guest
xenpci attach --no-iommu guest 00|0000:00:06.0
xenpci attach guest 0000:00:0|06.0
xenpci detach --f|--force
xenpci assignable r|remove
xenpci check 0000:00:06.0 |--json --no-iommu guest
EOF
for command in $commands; do
	[[ " $(complete_line 'xenpci ') " == *" $command "* ]] || wrong+=" no $command"
done
if [ -z "$wrong" ]; then
	pass "bash completes commands, options, domains and devices"
else
	fail "completion:$wrong"
fi

"${MAKE:-make}" -s uninstall O="$build" DESTDIR="$stage" PREFIX=/opt/x
left=$(find "$stage/opt" -type f)
if [ -z "$left" ]; then
	pass "make uninstall leaves nothing"
else
	fail "make uninstall leaves $left"
fi
tally_end install-check
