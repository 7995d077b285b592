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
