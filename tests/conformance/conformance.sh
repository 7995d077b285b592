#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Conformance: conformance.sh run PROGRAM | compare MODEL-LOG XEN-LOG
#
#   run      run the suite on the model (PROGRAM) and, as dom0, on real Xen, then compare
#   compare  only that: the program's output and the console's
#
# A case is a line `conf NAME: RESULT`; one that has not the same RESULT on both sides, or is
# missing on one, is a difference. Leaves $O/conformance/model.log, model, console.log and xen.
set -u
here=$(dirname "$0")
. "$here/../../scripts/tally.sh"
. "$here/../boot/lib.sh"

folder=$O/conformance

# cases LOG: the lines of the suite, and nothing else of a console.
cases()
{
	tr -d '\r' <"$1" | LC_ALL=C grep -a '^conf [^ ]*: '
}

# pairs: each case of both sides, one a line: NAME, tab, on the model, tab, on Xen ("-": missing).
pairs()
{
	awk '
		{ name = $2; sub(/^[^ ]* [^ ]* /, "") }
		FNR == NR { model[name] = $0; order[++n] = name; next }
		!(name in model) { order[++n] = name }
		{ xen[name] = $0 }
		END {
			for (i = 1; i <= n; i++) {
				name = order[i]
				printf "%s\t%s\t%s\n", name, name in model ? model[name] : "-",
					name in xen ? xen[name] : "-"
			}
		}
	' "$folder/model" "$folder/xen"
}

# whole SIDE LOG: did the suite get to its end, each name once?
whole()
{
	local side=$1 log=$2 twice said

	cases "$log" >"$folder/$side"
	twice=$(cut -d ' ' -f 2 "$folder/$side" | sort | uniq -d | tr '\n' ' ')
	[ -z "$twice" ] || fail "$side: more than one case is called $twice"
	said=$(tr -d '\r' <"$log" | LC_ALL=C sed -nE 's/^ *conformance: ([0-9]+) cases$/\1/p')
	[ "$said" = "$(wc -l <"$folder/$side")" ] ||
		fail "$side: $(wc -l <"$folder/$side") cases seen, ${said:-no end} said; log: $log"
}

compare()
{
	local name model xen nr=0 differences=0

	mkdir -p "$folder" || exit 1
	whole model "$1"
	whole xen "$2"
	while IFS=$'\t' read -r name model xen; do
		nr=$((nr + 1))
		[ "$model" != "$xen" ] || continue
		differences=$((differences + 1))
		printf '  differs %s\n            model  %s\n            xen    %s\n' \
			"${name%:}" "$model" "$xen"
	done < <(pairs)
	tally_add $((nr - differences)) "$differences" 0
	printf 'conformance: %d cases, %d differences\n' "$nr" "$differences"
}

# The machine is the one of hosted.c. dom0's limit lies 256 pages above what it has.
boot()
{
	local status why

	TMPDIR=$folder boot_qemu 90 3G 1 'dom0_mem=256M,max:257M dom0_max_vcpus=1' \
		test=conformance -device edu,addr=4 -device nvme,serial=conformance,addr=5 \
		>"$folder/console.log"
	status=$?
	why=$(boot_judge "$status" "$folder/console.log")
	[ -z "$why" ] || fail "on Xen: $why; log: $folder/console.log"
}

run()
{
	boot_ready || exit 1
	rm -rf "$folder" && mkdir -p "$folder" || exit 1
	"$1" >"$folder/model.log" 2>&1 ||
		fail "on the model: $(last_line "$folder/model.log"); log: $folder/model.log"
	boot
	compare "$folder/model.log" "$folder/console.log"
}

case ${1:-} in
run) run "${2:?program}" ;;
compare) compare "${2:?model log}" "${3:?console log}" ;;
*) echo "usage: conformance.sh run PROGRAM | compare MODEL-LOG XEN-LOG" >&2; exit 1 ;;
esac
tally_end conformance
