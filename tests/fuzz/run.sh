#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs fuzz targets:
#   run.sh search SECONDS PROGRAM...   look for new inputs, from the corpora on
#   run.sh count NUMBER PROGRAM...     so many inputs, from the kept corpora on, by FUZZ_SEED
#   run.sh corpus PROGRAM...           every kept input, in two orders: does each do the same?
#   run.sh replay FILE PROGRAM         one input
#   run.sh merge PROGRAM...            what was found, minimised, into tests/fuzz/corpus
# From the environment: O, the build folder; FUZZ_SEED; FUZZ_CORPUS, where the corpora are.
#
# What is found stays in O/fuzz/NAME; an input that a target failed on in O/fuzz/failed/.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/scripts/tally.sh"

O=${O:-build}
corpora=${FUZZ_CORPUS:-$top/tests/fuzz/corpus}
found=$O/fuzz
failed=$O/fuzz/failed
max_len=1024
# A second is a hundred times what the slowest input takes. Leaks are the targets' own to judge.
flags=(-timeout=10 -rss_limit_mb=2048 -detect_leaks=0 -max_len="$max_len")
# Where inputs are many: no stack of each allocation, and a quarantine that is longer than an input
# but stays in the cache. An input that failed is run again without.
quick=malloc_context_size=1:quarantine_size_mb=16:${ASAN_OPTIONS-}

name_of()
{
	local name=${1##*/}

	echo "${name#fuzz_}"
}

# judge NAME STATUS LOG PASSED-TEXT: the verdict on a run that saves what it fails on.
judge()
{
	local name=$1 status=$2 log=$3 saved

	if [ "$status" -eq 0 ]; then
		pass "$4"
		return
	fi
	grep -vE '^(#[0-9]|INFO:|Running:|Executed)' "$log" | head -n 60
	saved=$(sed -nE 's/.*Test unit written to (.*)$/\1/p' "$log" | tail -n 1)
	# A kept input is not saved once more.
	[ -n "$saved" ] || saved=$(sed -nE 's/^Running: (.*)$/\1/p' "$log" | tail -n 1)
	fail "$name: status $status; again: make fuzz T=$name${saved:+ R=$saved}"
}

# Inputs that did one thing in one order and another thing in the other.
fickle()
{
	sort -u "$1" | cut -d ' ' -f 1 | uniq -d | wc -l
}

# Each input is named, so that libFuzzer runs just these, and says so. A target that leaves
# something behind for the next input is not found out by one order.
run_corpus()
{
	local name log ran traces files=() back=()

	name=$(name_of "$1") log=$found/$name.log traces=$found/$name.traces
	mapfile -t files < <(find "$corpora/$name" -type f 2>/dev/null | sort)
	if [ ${#files[@]} -eq 0 ]; then
		fail "$name: no corpus in $corpora/$name"
		return
	fi
	mapfile -t back < <(printf '%s\n' "${files[@]}" | sort -r)
	rm -f "$traces"
	FUZZ_TRACES=$traces timeout --kill-after=5 "${FUZZ_LIMIT:-120}" nice "$1" "${flags[@]}" \
		-artifact_prefix="$failed/$name-" "${files[@]}" "${back[@]}" \
		>"$log" 2>&1 </dev/null
	set -- $?
	ran=$(grep -c '^Executed ' "$log")
	if [ "$1" -eq 0 ] && [ "$ran" -ne $((2 * ${#files[@]})) ]; then
		fail "$name: $ran runs of ${#files[@]} inputs in two orders"
	elif [ "$1" -eq 0 ] && [ "$(wc -l <"$traces")" -ne "$ran" ]; then
		fail "$name: not every input told what it did"
	elif [ "$1" -eq 0 ] && [ "$(fickle "$traces")" -ne 0 ]; then
		fail "$name: $(fickle "$traces") inputs do not the same in another order"
	else
		judge "$name" "$1" "$log" "$name: ${#files[@]} inputs in two orders"
	fi
}

# The time that libFuzzer keeps to, and some for loading the corpus and an input that hangs.
search()
{
	local name log runs seconds=$1

	name=$(name_of "$2") log=$found/$name.log
	mkdir -p "$found/$name"
	ASAN_OPTIONS=$quick timeout --kill-after=5 $((seconds + 60)) nice "$2" "${flags[@]}" \
		-max_total_time="$seconds" -print_final_stats=1 -seed="${FUZZ_SEED:-0}" \
		-artifact_prefix="$failed/$name-" "$found/$name" "$corpora/$name" \
		>"$log" 2>&1 </dev/null
	set -- $?
	runs=$(sed -nE 's/^stat::number_of_executed_units: *([0-9]+)$/\1/p' "$log")
	if [ "$1" -eq 0 ] && [ "${runs:-0}" -eq 0 ]; then
		fail "$name: no input was run"
		return
	fi
	judge "$name" "$1" "$log" "$name: ${runs:-0} inputs in $seconds s"
}

# However long that takes; what is found is not kept, so that the seed alone decides.
count()
{
	local name log runs number=$1 seed=${FUZZ_SEED:-1}

	name=$(name_of "$2") log=$found/$name.log
	echo "  $name: seed $seed"
	rm -rf "$found/$name-count" && mkdir -p "$found/$name-count"
	ASAN_OPTIONS=$quick nice "$2" "${flags[@]}" -runs="$number" -reload=0 \
		-print_final_stats=1 -seed="$seed" \
		-artifact_prefix="$failed/$name-" "$found/$name-count" "$corpora/$name" \
		>"$log" 2>&1 </dev/null
	set -- $?
	runs=$(sed -nE 's/^stat::number_of_executed_units: *([0-9]+)$/\1/p' "$log")
	if [ "$1" -eq 0 ] && [ "${runs:-0}" -lt "$number" ]; then
		fail "$name: ${runs:-0} of $number inputs were run"
		return
	fi
	judge "$name" "$1" "$log" "$name: ${runs:-0} inputs, seed $seed"
}

replay()
{
	local name log

	name=$(name_of "$2") log=$found/$name.log
	timeout --kill-after=5 60 "$2" "${flags[@]}" "$1" >"$log" 2>&1 </dev/null
	set -- "$1" $?
	if [ "$2" -eq 0 ] && ! grep -q '^Executed ' "$log"; then
		fail "$name: $1 was not run"
		return
	fi
	[ "$2" -eq 0 ] || cat "$log"
	judge "$name" "$2" "$log" "$name: $1"
}

# One input for each branch, whatever the number of times: some dozens of inputs, a few KiB.
merge()
{
	local name

	name=$(name_of "$1")
	rm -rf "$found/merged" && mkdir -p "$found/merged" "$corpora/$name" "$found/$name"
	if nice "$1" "${flags[@]}" -merge=1 -use_counters=0 "$found/merged" "$corpora/$name" "$found/$name" \
		>"$found/$name.log" 2>&1; then
		rm -rf "${corpora:?}/$name" && mv "$found/merged" "$corpora/$name"
		pass "$name: $(find "$corpora/$name" -type f | wc -l) inputs, $(du -bs \
			"$corpora/$name" | cut -f 1) bytes"
	else
		judge "$name" 1 "$found/$name.log" ''
	fi
}

verb=${1:?search, count, corpus, replay or merge}
shift
mkdir -p "$failed"
case $verb in
search | count | replay)
	what=$1
	shift
	;;
esac
for program in "$@"; do
	case $verb in
	search) search "$what" "$program" ;;
	count) count "$what" "$program" ;;
	corpus) run_corpus "$program" ;;
	replay) replay "$what" "$program" ;;
	merge) merge "$program" ;;
	esac
done
tally_end "fuzz"
