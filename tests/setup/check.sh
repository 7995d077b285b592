#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Does set-up do, and say, the right thing on machines that lack something? Runs setup.sh and
# setup-dom0.sh where all commands come from one folder, with an apt-get that only notes what is
# asked of it: check.sh BUILD-FOLDER
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/scripts/tally.sh"

work=$(mkdir -p "${1:?build folder}/setup-check" && cd "$1/setup-check" && pwd) || exit 1
bin=$work/bin

# stub NAME: a command from standard input.
stub()
{
	{ printf '#!%s\n' "$(command -v bash)" && cat; } >"$bin/$1"
	chmod +x "$bin/$1"
}

# A machine where everything is there, and only what is here.
machine()
{
	local command

	rm -rf "$work" && mkdir -p "$bin" "$work/xen" || exit 1
	for command in bash cat chmod cmp cp dirname env find grep gzip head mkdir mktemp mv rm sed \
		sort tail; do
		ln -s "$(command -v "$command")" "$bin/$command"
	done
	for command in $(cat "$top/.ci/packages") ld ar nm objcopy qemu-system-x86_64; do
		stub "$command" <<<'exit 0'
	done
	stub clang-14 <<<"echo $work"
	mkdir -p "$work/lib/linux" && : >"$work/lib/linux/libclang_rt.fuzzer-x86_64.a"
	stub id <<<'echo 0'
	stub apt-cache <<<'exit 0'
	stub apt-get <<-STUB
		echo "\$*" >>$work/asked
		case "\$*" in
		*install*) for p; do :; done; [ ! -e $work/bad ] && cp $bin/make $bin/\$p ;;
		*download*) [ ! -e $work/bad ] && : >x.deb || { echo E: no server; exit 1; } ;;
		esac || { echo E: no server; exit 1; }
	STUB
	stub dpkg-deb <<-'STUB'
		[ "$1" = -x ] || { echo "${2##*/} 1"; exit; }
		mkdir -p "$3/boot" && printf '\177ELF-xen' | gzip >"$3/boot/xen-4.17-amd64.gz"
	STUB
	: >"$work/asked"
	printf '%s\n' ID=debian VERSION_ID='"12"' >"$work/os-release"
}

# expect NAME STATUS OUTPUT ASKED SETUP-ARG...: what $script ends with, says, and asks of apt-get;
# OUTPUT and ASKED are regular expressions for the whole.
script=setup.sh
expect()
{
	local name=$1 status=$2 output=$3 asked=$4 said got
	shift 4

	said=$(PATH=$bin QEMU='' XEN=${own:-} OS_RELEASE=$work/os-release \
		"$bin/bash" "$top/scripts/$script" "$@" 2>&1)
	got=$?
	if [ "$got" -eq "$status" ] && [[ ${said//$'\n'/ } =~ ^$output$ ]] &&
		[[ $(tr '\n' ';' <"$work/asked") =~ ^$asked$ ]]; then
		pass "$name"
	else
		fail "$name: status $got, said: $said; asked of apt-get: $(cat "$work/asked")"
	fi
}

machine
expect 'nothing is missing: nothing is done' 0 '' '' packages
rm "$bin/shellcheck"
expect 'as root the missing package alone is installed' 0 'setup: installing shellcheck' \
	'-qq -y --no-install-recommends install shellcheck;' packages

machine && rm -r "${work:?}/lib"
expect 'the fuzzer is missed' 1 '.*installing libclang-rt-14-dev .*but still not found: libclang.*' \
	'.*install libclang-rt-14-dev;' packages

machine && rm "$bin/shellcheck" && touch "$work/bad"
expect 'no server: one line says what to install' 1 \
	'.*E: no server; install by hand: apt-get install shellcheck' '.*' packages
machine && rm "$bin/shellcheck" && stub id <<<'echo 1000'
expect 'neither root nor sudo' 1 \
	'setup: neither root nor sudo; install by hand: apt-get install shellcheck' '' packages
# shellcheck disable=SC2016 # for the stub
stub sudo <<<'[ "$1" != -n ] || shift; exec "$@"' && stub true <<<"exit 0"
expect 'with sudo' 0 'setup: installing shellcheck' '.*install shellcheck;' packages
machine && rm "$bin/shellcheck" "$bin/apt-get"
expect 'no apt-get' 1 'setup: no apt-get here; install by hand .*: shellcheck' '' packages
machine && rm "$bin/shellcheck" && printf '%s\n' ID=other 'PRETTY_NAME="Other 3"' >"$work/os-release"
expect 'another distribution' 1 \
	'setup: this is Other 3, not Debian 12; install by hand .*: shellcheck' '' packages

machine
expect 'Xen is downloaded and never installed' 0 'setup: downloading .*' '[^;]* download [^;]*;' \
	xen "$work/xen"
expect 'and once only' 0 '' '[^;]*;' xen "$work/xen"
touch "$work/bad" && rm "$work/xen/debian"
expect 'Xen cannot be downloaded' 1 '.*cannot be downloaded .E: no server.; give .* XEN=.*' '.*' \
	xen "$work/xen"

machine && own=$work/own && printf '\177ELF-own' >"$own"
expect 'a Xen of the user' 0 '' '' xen "$work/xen"
gzip "$own" && own+=.gz
expect 'a gzipped Xen of the user' 0 '' '' xen "$work/xen"
[ "$(tail -c 3 "$work/xen/given")" = own ] || fail "the image is not the user's"
echo text >"$work/text" && own=$work/text
expect 'a file that is no Xen' 1 'setup: XEN=.*/text is not a Xen image, gzipped or not' '' \
	xen "$work/xen"
own=$work/none
expect 'no such file' 1 'setup: XEN=.*/none cannot be read' '' xen "$work/xen"

script=setup-dom0.sh own=
machine
expect 'no such package' 1 '.*cannot be downloaded: E: no package linux-image-amd64' '.*' \
	"$work/linux"
stub apt-cache <<<'echo "  Depends: linux-image-9"; echo "  Depends: libone"; echo "  Depends: two"'
: >"$work/asked"
expect 'dom0 is downloaded with its libraries and never installed' 0 'setup: downloading .*' \
	'[^;]* xen-utils-4.17 xenstore-utils busybox-static libjansson4 libpci3 libone linux-image-9;' \
	"$work/linux"
[ "$(cat "$work/linux/tree/.packages")" = 'x.deb 1' ] || fail 'the list of packages is wrong'
expect 'dom0 once only' 0 '' '[^;]*;' "$work/linux"
touch "$work/bad" && rm -r "$work/linux"
expect 'dom0 cannot be downloaded' 1 '.*cannot be downloaded: E: no server' '.*' "$work/linux"
[ ! -e "$work/linux/tree" ] || fail 'something was left behind'
rm "$bin/apt-get"
expect 'dom0 without apt-get' 1 'setup: no apt-get here: .*' '.*' "$work/linux"
tally_end setup-check
