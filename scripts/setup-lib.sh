# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# To be sourced: what the set-up scripts share.

say()
{
	printf 'setup: %s\n' "$*"
}

die()
{
	printf 'setup: %s\n' "$*" >&2
	exit 1
}

# How to become root: nothing, sudo, or no way ("no").
root_by()
{
	if [ "$(id -u)" -eq 0 ]; then
		echo ""
	elif command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
		echo sudo
	else
		echo no
	fi
}

# apt_update LOG: read the package lists as root, by way of $root.
apt_update()
{
	say "reading the package lists"
	$root apt-get -qq update >"$1" 2>&1 ||
		say "apt-get update failed: $(grep -m 1 '^E:' "$1")"
}

# with_lists LOG COMMAND...: once more after reading the package lists, which may be absent or older
# than what the server still has. LOG is where the command says what went wrong.
with_lists()
{
	local root log=$1
	shift

	"$@" && return 0
	root=$(root_by)
	[ "$root" != no ] || return 1
	apt_update "$log"
	"$@"
}

# Trees of unpacked packages. The script that makes one has two functions: `packages` prints their
# names, or a line E: on standard error and fails; `unpack FILE TO` unpacks what is of use.
# FOLDER/tree/.packages lists them with their versions, FOLDER/tree/.script is a copy of the script.

# tree_is_current FOLDER: did this very script make it? Then it stays as it is.
tree_is_current()
{
	cmp -s "$0" "$1/tree/.script"
}

tree_fetch()
{
	local names

	names=$(packages 2>"$work/log") || return 1
	# shellcheck disable=SC2086 # a list
	(cd "$work" && apt-get -o APT::Sandbox::User=root -qq download $names) >"$work/log" 2>&1
}

# tree_make FOLDER WHAT WHOSE: download what `packages` names and unpack it.
tree_make()
{
	local folder=$1 what=$2 whose=$3 work file

	mkdir -p "$folder" || die "cannot make $folder"
	command -v apt-get >/dev/null || die "no apt-get here: $whose need Debian's packages"
	work=$(mktemp -d "$folder/work.XXXXXX") || die "cannot write to $folder"
	# shellcheck disable=SC2064 # the name is known now
	trap "rm -rf '$work'" EXIT
	say "downloading $what, unpacked into $folder, not installed"
	with_lists "$work/log" tree_fetch ||
		die "the packages cannot be downloaded: $(grep -m 1 '^E:' "$work/log")"
	mkdir "$work/tree"
	for file in "$work"/*.deb; do
		unpack "$file" "$work/tree" || die "${file##*/} does not unpack"
		dpkg-deb -W "$file" >>"$work/packages"
	done
	mv "$work/packages" "$work/tree/.packages"
	cp "$0" "$work/tree/.script"
	rm -rf "$folder/tree"
	mv "$work/tree" "$folder/tree"
}
