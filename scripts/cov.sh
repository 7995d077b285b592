#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What the unit tests have run of the library, from a build with SAN=cov: cov.sh BUILD-FOLDER OUT
# The pages are in OUT/html. The verdict is by folder: LINES and BRANCHES percent at least.
set -u
export LC_ALL=C
. "$(dirname "$0")/tally.sh"

objects=${1:?build folder} out=${2:?folder for the result}
top=$(cd "$(dirname "$0")/.." && pwd)
lines=${LINES_WANTED:-95} branches=${BRANCHES_WANTED:-85}
# Our own assertions never fail: half of the branches in such a line cannot be taken.
lcov=(lcov --quiet --rc lcov_branch_coverage=1 --rc 'lcov_excl_br_line=XEN_ASSERT')

# table INFO: a line for each file and each folder, and one verdict a folder.
table()
{
	awk -v top="$top/" -v lines="$lines" -v branches="$branches" '
		function percent(hit, all) { return all ? 100 * hit / all : 100 }
		function row(name, lh, lf, bh, bf) {
			printf "  %-36s %5d %6.1f %%   %5d %6.1f %%\n", name, lf, percent(lh, lf), bf,
				percent(bh, bf)
		}
		BEGIN { printf "  %-36s %14s   %14s\n", "", "lines   run", "branches taken" }
		/^SF:/ { file = substr($0, 4 + length(top)); folder = file; sub("/[^/]*$", "", folder) }
		/^L[FH]:|^BR[FH]:/ { split($0, f, ":"); n[file, f[1]] = f[2]; sum[folder, f[1]] += f[2] }
		/^end_of_record/ {
			row(file, n[file, "LH"], n[file, "LF"], n[file, "BRH"], n[file, "BRF"])
			folders[folder]
		}
		END {
			for (folder in folders) {
				lf = sum[folder, "LF"]; lh = sum[folder, "LH"]
				bf = sum[folder, "BRF"]; bh = sum[folder, "BRH"]
				row("all of " folder, lh, lf, bh, bf)
				good = lf && percent(lh, lf) >= lines && percent(bh, bf) >= branches
				printf "%s %s\n", good ? "pass" : "FAIL", folder >"/dev/stderr"
			}
		}' "$1"
}

rm -rf "$out" && mkdir -p "$out" || exit 1
collect()
{
	"${lcov[@]}" --capture --directory "$objects" --base-directory "$top" --no-external \
		--output-file "$out/all.info" &&
		"${lcov[@]}" --extract "$out/all.info" "$top/arch/x86/xen/*" \
			"$top/drivers/xen/*" "$top/lib/*" --output-file "$out/library.info" &&
		"${lcov[@]}" --remove "$out/library.info" '*/boot/*' \
			--output-file "$out/cov.info" &&
		genhtml --quiet --branch-coverage --legend --prefix "$top" --title xendma \
			--output-directory "$out/html" "$out/cov.info"
}

rm -rf "$out" && mkdir -p "$out" || exit 1
if ! collect >"$out/log" 2>&1; then
	cat "$out/log"
	fail "lcov or genhtml failed"
fi
[ ! -s "$out/cov.info" ] || table "$out/cov.info" 2>"$out/verdicts"
while read -r verdict folder; do
	if [ "$verdict" = pass ]; then
		pass "$folder"
	else
		fail "$folder: below $lines % of lines or $branches % of branches"
	fi
done < <(sort "$out/verdicts" 2>/dev/null)
printf '  note    line by line: %s/html/index.html\n' "$out"
tally_end cov
