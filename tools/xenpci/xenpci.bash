# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Completion of xenpci(1) in bash. By the line, not by bash's words: those end at the colons that
# addresses have.

_xenpci_domains()
{
	xl list 2>/dev/null | awk 'NR > 1 && $2 != 0 { print $1 }'
}

# _xenpci_addresses ARGUMENT...: those in what xenpci says as JSON.
_xenpci_addresses()
{
	xenpci "$@" --json 2>/dev/null | grep -oE '[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]' | sort -u
}

# What may follow the words of a command; $@ is without options.
_xenpci_next()
{
	case $1 in
	list) echo --json ;;
	check)
		echo --json --no-iommu
		case $# in
		1) _xenpci_addresses list ;;
		2) _xenpci_domains ;;
		esac
		;;
	explain) echo --json; _xenpci_addresses list ;;
	assignable)
		case ${2:-} in
		add) echo --persist --force --dry-run --json; _xenpci_addresses list ;;
		remove) echo --dry-run --json; _xenpci_addresses assignable list ;;
		'') echo add remove list apply ;;
		esac
		;;
	attach)
		echo --dry-run --json --no-iommu --timeout=
		if [ $# -eq 1 ]; then _xenpci_domains; else _xenpci_addresses assignable list; fi
		;;
	detach)
		echo --dry-run --json --force --timeout=
		if [ $# -eq 1 ]; then _xenpci_domains; else _xenpci_addresses status "$2"; fi
		;;
	status) echo --json --watch; _xenpci_domains ;;
	map) echo --json --svg --all; _xenpci_domains ;;
	esac
}

_xenpci()
{
	local line=${COMP_LINE:0:COMP_POINT} cur word words plain=() choice

	read -ra words <<<"$line"
	cur=${words[-1]}
	[[ $line != *' ' ]] || cur=
	[ -z "$cur" ] || unset 'words[-1]'
	for word in "${words[@]:1}"; do
		[[ $word == -* ]] || plain+=("$word")
	done
	choice='list check explain assignable attach detach status map --help --version'
	[ ${#plain[@]} -eq 0 ] || choice=$(_xenpci_next "${plain[@]}")
	COMPREPLY=()
	# Not by compgen -W, which would expand what stands in the names of domains.
	while read -r word; do
		[[ -z $word || $word != "$cur"* ]] || COMPREPLY+=("$word")
	done < <(tr -s '[:blank:]' '\n' <<<"$choice")
	# Bash puts the reply behind the last colon.
	[[ $cur != *:* ]] || COMPREPLY=("${COMPREPLY[@]#"${cur%"${cur##*:}"}"}")
}
complete -F _xenpci xenpci
