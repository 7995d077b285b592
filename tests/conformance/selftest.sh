#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Does the comparison of model and Xen see what it is there to see? selftest.sh BUILD-FOLDER
# Two logs are made, the second one is damaged, and the verdict is looked at. Then the same for a
# run with a QEMU that only says what it is told to.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../scripts/tally.sh"

O=$(mkdir -p "${1:?build folder}/conformance-selftest" && cd "$1/conformance-selftest" && pwd) ||
	exit 1
export O XEN='' QEMU=$O/qemu

printf 'conf %s\n' 'one: 0 aligned' 'two: EINVAL' 'three: 5' >"$O/good"
echo '  conformance: 3 cases' >>"$O/good"

# judge NAME VERDICT COMMAND...: VERDICT is what the output must match.
judge()
{
	local name=$1 verdict=$2
	shift 2

	"$@" >"$O/out" 2>&1
	printf 'status %d\n' $? >>"$O/out"
	if tr '\n' ' ' <"$O/out" | grep -qE "$verdict"; then
		pass "$name"
	else
		cat "$O/out"
		fail "$name: no match for: $verdict"
	fi
}

# damaged NAME VERDICT SED-SCRIPT: compare the good log with what the script makes of it.
damaged()
{
	sed -e "$3" "$O/good" >"$O/damaged"
	judge "$1" "$2" "$here/conformance.sh" compare "$O/good" "$O/damaged"
}

damaged same '3 cases, 0 differences conformance: 3 passed, 0 failed, 0 skipped status 0' ''
damaged carriage-returns '3 cases, 0 differences .*status 0' 's/$/\r/'
damaged other-result 'differs two .*model +EINVAL .*xen +0 .*, 1 differences .*2 passed, 1 failed.*status 1' \
	's/EINVAL/0/'
damaged missing-case 'differs two .*xen +- .*, 1 differences .*status 1' '/two/d; s/3 cases/2 cases/'
damaged more-cases '4 cases, 1 differences .*status 1' '1iconf zero: 0
s/3 cases/4 cases/'
damaged same-name-twice 'more than one case is called two: .*status 1' 's/three: 5/two: EINVAL/'
damaged cut-short '2 cases seen, no end said.*status 1' 3,4d
damaged says-other-number '3 cases seen, 4 said.*status 1' 's/3 cases/4 cases/'
damaged nothing '0 cases seen.*3 differences .*status 1' d
: >"$O/empty"
judge both-empty '0 cases, 0 differences .*status 1' "$here/conformance.sh" compare \
	"$O/empty" "$O/empty"

mkdir -p "$O/xen" && touch "$O/xen/debian" "$O/guest.elf"
cat >"$QEMU" <<'QEMU'
#!/usr/bin/env bash
cat "$O/said"
QEMU
cat >"$O/model" <<'MODEL'
#!/usr/bin/env bash
cat "$O/good"
MODEL
cat >"$O/bad-model" <<'MODEL'
#!/usr/bin/env bash
cat "$O/good"
exit 1
MODEL
chmod +x "$QEMU" "$O/model" "$O/bad-model"
{ cat "$O/good"; echo 'xendma: 1 passed, 0 failed, 0 skipped'; } >"$O/said"
judge run '3 cases, 0 differences conformance: 3 passed, 0 failed, 0 skipped status 0' \
	"$here/conformance.sh" run "$O/model"
judge bad-model 'on the model: .*3 passed, 1 failed.*status 1' "$here/conformance.sh" run \
	"$O/bad-model"
echo 'Panic on CPU 0:' >>"$O/said"
judge crash 'on Xen: crash: Panic.*3 passed, 1 failed.*status 1' "$here/conformance.sh" run \
	"$O/model"
cp "$O/good" "$O/said"
judge no-verdict 'on Xen: no verdict.*3 passed, 1 failed.*status 1' "$here/conformance.sh" run \
	"$O/model"
tally_end conformance-selftest
