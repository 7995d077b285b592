#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Does the fuzz runner tell right from wrong? Feeds it programs that end in every way:
# selftest.sh BUILD-FOLDER
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/scripts/tally.sh"

work=$(mkdir -p "${1:?build folder}/fuzz-selftest" && cd "$1/fuzz-selftest" && pwd) || exit 1
rm -rf "${work:?}/"*
mkdir -p "$work/corpus/t" && echo a >"$work/corpus/t/one" && echo b >"$work/corpus/t/two"

# expect VERDICT NAME PROGRAM-TEXT VERB...: VERDICT is what the runner's output must match.
expect()
{
	local verdict=$1 name=$2 program=$work/fuzz_t
	printf '#!/bin/bash\n%s\n' "$3" >"$program" && chmod +x "$program"
	shift 3

	O=$work FUZZ_CORPUS=${corpus:-$work/corpus} FUZZ_LIMIT=1 "$top/tests/fuzz/run.sh" "$@" \
		"$program" >"$work/out" 2>&1
	printf 'status %d\n' $? >>"$work/out"
	if tr '\n' ' ' <"$work/out" | grep -qE "$verdict"; then
		pass "$name"
	else
		cat "$work/out"
		fail "$name: no match for: $verdict"
	fi
}

# As libFuzzer does it: every file named is run and said to have been.
# shellcheck disable=SC2016 # for the programs
traces='for f; do [ ! -f "$f" ] || echo "${f##*/} what" >>"$FUZZ_TRACES"; done;'
# shellcheck disable=SC2016
runs='for f; do [ ! -f "$f" ] || { echo "Running: $f"; echo "Executed $f in 0 ms"; }; done'
runs=$traces$runs
silent="$runs; sed -i 1d \"\$FUZZ_TRACES\""
fickle="$runs; sed -i 1d \"\$FUZZ_TRACES\"; echo two who >>\"\$FUZZ_TRACES\""
# shellcheck disable=SC2016
crashes='for f; do [ ! -f "$f" ] || { echo "Running: $f"; echo "model: a rule"; exit 77; }; done'
bad='0 passed, 1 failed, 0 skipped status 1'
expect 't: 2 inputs in two orders fuzz: 1 passed, 0 failed, 0 skipped status 0' 'a corpus passes' "$runs" corpus
expect "model: a rule.*again: make fuzz T=t R=$work/corpus/t/one .*$bad" \
	'a kept input fails and is named' "$crashes" corpus
expect "1 runs of 2 inputs in two orders.*$bad" 'an input that is not run' "echo Executed x" corpus
expect "not every input told.*$bad" 'a target that does not tell' "$silent" corpus
expect "1 inputs do not the same in another order.*$bad" 'a target that keeps something' \
	"$fickle" corpus
expect "status 124.*$bad" 'a corpus that hangs' 'sleep 99' corpus
corpus=$work/none expect "no corpus in.*$bad" 'a corpus that is not there' "$runs" corpus

expect 't: 7 inputs in 1 s fuzz: 1 passed, 0 failed, 0 skipped status 0' 'a search passes' \
	'echo "stat::number_of_executed_units: 7"' search 1
expect "no input was run.*$bad" 'a search that runs nothing' 'exit 0' search 1
expect "model: a rule.*again: make fuzz T=t R=/x/crash-1 .*$bad" 'a search fails and says where' \
	'echo "model: a rule"; echo "artifact_prefix=/x/; Test unit written to /x/crash-1"; exit 77' \
	search 1
expect 'fuzz: 1 passed, 0 failed' 'an input is run again' "$runs" replay "$work/corpus/t/one"
expect "model: a rule.*$bad" 'an input that fails again' "$crashes" replay "$work/corpus/t/one"
expect "was not run.*$bad" 'an input that is not there' "$runs" replay "$work/nothing"
expect "status 1.*$bad" 'a merge that fails changes nothing' 'exit 1' merge
[ "$(find "$work/corpus/t" -type f | wc -l)" -eq 2 ] || fail 'the corpus is not what it was'
tally_end fuzz-selftest
