#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Boot scenarios: boot.sh list | run NAME | all [TAG]
#
#   list       names and what they show
#   run NAME   one scenario, console on the terminal too
#   all [TAG]  all, or those with TAG, as many at once as there are CPUs (JOBS=n)
#
# Each run leaves $O/boot/NAME/console.log and result ("passed failed skipped").
set -u
here=$(dirname "$0")
. "$here/../../scripts/tally.sh"
. "$here/lib.sh"

table=${SCENARIOS:-$here/scenarios}

# Names of all scenarios, or of those with tag $1.
names()
{
	awk -v tag="${1:-}" '
		/^\[/ { name = substr($0, 2, length($0) - 2); if (tag == "") print name }
		/^tags *=/ && tag != "" { for (i = 3; i <= NF; i++) if ($i == tag) print name }
	' "$table"
}

# value NAME KEY DEFAULT
value()
{
	awk -v name="[$1]" -v key="$2" -v default_="$3" '
		/^\[/ { here = $0 == name; next }
		here && $1 == key && $2 == "=" { sub(/^[^=]*= */, ""); v = $0 }
		END { print v == "" ? default_ : v }
	' "$table"
}

list()
{
	local name

	for name in $(names); do
		printf '%-14s %-6s %s\n' "$name" "$(value "$name" tags '')" "$(value "$name" what '')"
	done
}

# pattern SIZE FILE: a disk whose every sector differs from every other.
pattern()
{
	truncate -s "$1" "$2" && seq -f 'xendma sector pattern %.0f' 0 999999 |
		head -c "$(stat -c %s "$2")" | dd of="$2" conv=notrunc status=none
}

# boot NAME: run it, console on standard output; leaves console.log and result.
boot()
{
	local name=$1 folder=$O/boot/$1 disk id size fault qemu cpus status why expect counts start
	start=$SECONDS

	rm -rf "$folder" && mkdir -p "$folder" || return 1
	read -ra qemu <<<"$(value "$name" qemu '')"
	for disk in $(value "$name" disk ''); do
		IFS=: read -r id size fault <<<"$disk"
		pattern "$size" "$folder/$id.img" || return 1
		nvme_disk "$id" "$folder/$id.img" '' "$fault"
		qemu+=("${qemu_disk[@]}")
	done
	cpus=$(value "$name" cpus 1)
	TMPDIR=$folder boot_qemu "$(value "$name" seconds 120)" "$(value "$name" mem 1G)" "$cpus" \
		"dom0_mem=$(value "$name" dom0 256M) dom0_max_vcpus=$cpus $(value "$name" xen '')" \
		"$(value "$name" guest '')" "${qemu[@]}" |
		tee "$folder/console.log"
	status=${PIPESTATUS[0]}
	rm -f "$folder"/*.img

	why=$(boot_judge "$status" "$folder/console.log")
	counts=$(tally_of "$folder/console.log") || counts='0 0 0'
	expect=$(value "$name" expect '')
	if [ -z "$why" ]; then
		why=$(judge_counts "$folder/console.log" "$counts" "$expect" "$(value "$name" seen '')")
	fi
	[ -z "$expect" ] || counts="$([ -n "$why" ] && echo '0 1 0' || echo '1 0 0')"
	# shellcheck disable=SC2086 # three words
	set -- $counts
	[ -z "$why" ] || [ "$2" -gt 0 ] || set -- "$1" 1 "$3"
	printf '%s %s %s %s %s\n' "$1" "$2" "$3" $((SECONDS - start)) "$why" >"$folder/result"
}

# judge_counts LOG COUNTS EXPECT SEEN: why the verdict of a run that ended well is not what it should be.
judge_counts()
{
	local passed failed skipped

	read -r passed failed skipped <<<"$2"
	if [ -n "$3" ]; then
		[ "$failed" -gt 0 ] || echo "passed, but should have failed with: $3"
		tr -d '\r' <"$1" | grep -qxE "$3" || echo "no console line matches: $3"
	elif [ "$failed" -gt 0 ]; then
		echo "$failed failed"
	elif [ "$passed" -eq 0 ]; then
		echo "nothing passed ($skipped skipped)"
	fi
	[ -z "$4" ] || grep -qE "$4" "$1" || echo "no console line with: $4"
}

# report NAME: count and print what boot() left.
report()
{
	local p f s seconds why

	if ! read -r p f s seconds why <"$O/boot/$1/result"; then
		fail "$1: did not run"
	elif [ -n "$why" ]; then
		tally_add "$p" $((f - 1)) "$s"
		fail "$1: $why"
		printf '          %s\n          again: make boot-check B=%s\n' \
			"$O/boot/$1/console.log" "$1"
	else
		tally_add "$p" 0 "$s"
		printf '  pass    %-12s %3d s  %d passed, %d skipped\n' "$1" "$seconds" "$p" "$s"
	fi
}

run()
{
	names | grep -qxF "$1" || { echo "boot: no scenario '$1' (make boot-list)" >&2; exit 1; }
	boot "$1"
	report "$1"
}

all()
{
	local name pid jobs=${JOBS:-$(nproc)}
	local -A name_of=()

	for name in $(names "$1"); do
		[ ${#name_of[@]} -lt "$jobs" ] || reap
		printf '  boot    %s\n' "$name"
		boot "$name" >/dev/null &
		name_of[$!]=$name
	done
	while [ ${#name_of[@]} -gt 0 ]; do
		reap
	done
}

# Report the next run that ends.
reap()
{
	wait -n -p pid "${!name_of[@]}"
	report "${name_of[$pid]}"
	unset "name_of[$pid]"
}

case ${1:-} in
list) list; exit ;;
run) boot_ready || exit 1; run "${2:?name}" ;;
all) boot_ready || exit 1; all "${2:-}" ;;
*) echo "usage: boot.sh list | run NAME | all [TAG]" >&2; exit 1 ;;
esac
tally_end boot
