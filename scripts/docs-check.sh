#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Is what the documents name there? docs-check.sh FOLDER [HELP]
#
#   - links between README.md and docs/*.md lead to a file, and to a heading of it;
#   - with HELP, a file with the output of `make help`: the targets that documents name exist, and
#     docs/testing.md names each; files and folders in `...` exist; README.md names each folder of
#     tests.
#
# Without HELP it suits documents that stand without the source tree, as installed.
set -u
export LC_ALL=C
. "$(dirname "$0")/tally.sh"

folder=${1:?folder} help=${2:-}
cd "$folder" || exit 1
docs=(README.md docs/*.md)

# verdict TEXT WRONG: WRONG lists what should not be.
verdict()
{
	if [ -z "$2" ]; then
		pass "$1"
	else
		fail "$1:$2"
	fi
}

# headings FILE: what a link into it may name behind #.
headings()
{
	sed -n 's/^##* //p' "$1" | tr 'A-Z ' 'a-z-' | tr -cd 'a-z0-9_\n-'
}

# in_quotes FILE REGEX: what matches all of a `...` of one line.
in_quotes()
{
	# shellcheck disable=SC2016 # backquotes are text here
	grep -oE '`[^`]+`' "$1" | tr -d '`' | grep -E "^($2)$"
}

dead_links()
{
	local doc link file

	for doc in "${docs[@]}"; do
		while read -r link; do
			file=$doc
			[ "${link%%#*}" ] && file=$(dirname "$doc")/${link%%#*}
			if [ ! -e "$file" ]; then
				printf ' %s: %s' "$doc" "$link"
			elif [[ $link == *#* ]] && ! headings "$file" | grep -qxF -e "${link#*#}"; then
				printf ' %s: %s' "$doc" "$link"
			fi
		done < <(grep -oE '\]\([^)]+\)' "$doc" | sed 's/^](//; s/)$//' | grep -vE '^[a-z]+:')
	done
}

# Named in `make x ...` or on a line of its own, indented.
unknown_targets()
{
	local doc target

	for doc in "${docs[@]}"; do
		while read -r target; do
			grep -qxF -e "$target" <<<"$targets" || printf ' %s: %s' "$doc" "$target"
		done < <({
			in_quotes "$doc" 'make [a-z].*'
			grep -oE '^    make [a-z].*' "$doc"
		} | awk '{ print $2 }' | sort -u)
	done
}

unnamed_targets()
{
	local target

	for target in $targets; do
		grep -qE "\bmake $target([^a-z0-9-]|$)" docs/testing.md || printf ' %s' "$target"
	done
}

# NAME stands for any; {a,b} and * are the shell's.
absent_paths()
{
	local doc path one
	local top='(\.ci|arch|docs|drivers|include|lib|mk|scripts|tests|tools)'

	for doc in "${docs[@]}"; do
		while read -r path; do
			eval "set -- ${path//NAME/*}"
			for one; do
				compgen -G "${one%/}" >/dev/null || printf ' %s: %s' "$doc" "$one"
			done
		done < <(in_quotes "$doc" "$top/[A-Za-z0-9_.,{}*/-]*")
	done
}

unnamed_folders()
{
	local path

	for path in tests/*/; do
		grep -qF "$path" README.md || printf ' %s' "$path"
	done
}

verdict "links lead somewhere" "$(dead_links)"
if [ -n "$help" ]; then
	targets=$(sed 1d "$help" | grep -oE '^[a-z0-9-]+ ' | tr -d ' ')
	[ -n "$targets" ] || fail "$help lists no targets"
	verdict "make targets in documents exist" "$(unknown_targets)"
	verdict "docs/testing.md names every make target" "$(unnamed_targets)"
	verdict "files in documents exist" "$(absent_paths)"
	verdict "README.md names every folder of tests" "$(unnamed_folders)"
fi
tally_end docs-check
