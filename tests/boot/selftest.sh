#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Do the boot harness and the demo tell right from wrong? Runs them with a QEMU that only says, and
# does to the disks, what it is told to, and looks at the verdict: selftest.sh BUILD-FOLDER
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../scripts/tally.sh"

O=$(mkdir -p "${1:?build folder}/boot-selftest" && cd "$1/boot-selftest" && pwd) || exit 1
export O SCENARIOS=$O/scenarios QEMU=$O/qemu XEN=''
mkdir -p "$O/xen" && touch "$O/xen/debian" "$O/guest.elf"

cat >"$QEMU" <<'QEMU'
#!/usr/bin/env bash
for word in "$@"; do
	case $word in
	node-name=src,*) src=${word#*filename=} ;;
	node-name=dst,*) dst=${word#*filename=} ;;
	intel-iommu*) iommu='Intel VT-d Queued Invalidation enabled.' ;;
	amd-iommu*) iommu='AMD-Vi: IOMMU 0 Enabled.' ;;
	esac
done
if [ -n "${dst:-}" ]; then
	size=$(stat -c %s "$src")
	echo "(XEN) ${iommu:-I/O virtualisation disabled}"
	echo "xendma: demo bytes=$size bounced=$((size * 2)) direct=$size ns=1000000000" \
		"hypercalls=1 pool_high=1 edu=8"
	eval "$DEMO_DOES"
	echo 'xendma: 1 passed, 0 failed, 0 skipped'
fi
while [ $# -gt 0 ]; do
	case $1 in
	say) printf '%s\r\n' "${2//_/ }"; shift ;;
	sleep) exec sleep "$2" ;;
	exit) exit "$2" ;;
	esac
	shift
done
exit 0
QEMU
chmod +x "$QEMU"
: >"$SCENARIOS"

# expect VERDICT NAME QEMU-ARGS [KEY = VALUE]: VERDICT is what the harness' output must match.
expect()
{
	local verdict=$1 name=$2 seconds=60

	[[ $3 != *sleep* ]] || seconds=1
	printf '[%s]\nqemu = %s\nseconds = %d\n%s\n' "$name" "$3" "$seconds" "${4:-}" >"$SCENARIOS"
	"$here/boot.sh" run "$name" >"$O/$name.out" 2>&1
	printf 'status %d\n' $? >>"$O/$name.out"
	if tr '\n' ' ' <"$O/$name.out" | tr -d '\r' | grep -qE "$verdict"; then
		pass "$name"
	else
		cat "$O/$name.out"
		fail "$name: no match for: $verdict"
	fi
}

good='say xendma:_3_passed,_0_failed,_1_skipped'
bad='say xendma:_2_passed,_1_failed,_0_skipped'

expect 'boot: 3 passed, 0 failed, 1 skipped status 0' passes "$good"
expect '1 failed .*boot: 2 passed, 1 failed, 0 skipped status 1' fails "$bad"
expect 'no verdict.*boot: 0 passed, 1 failed, 0 skipped status 1' silent 'say hello'
expect 'hang.*boot: 3 passed, 1 failed, 1 skipped status 1' hangs "$good sleep 99"
expect 'QEMU ended with status 3.*, 1 failed, . skipped status 1' qemu-dies "$good exit 3"
expect 'crash: Panic on CPU.*, 1 failed, . skipped status 1' xen-panics \
	"say Panic_on_CPU_0: $good"
expect 'nothing passed.*, 1 failed, 5 skipped status 1' only-skips \
	'say xendma:_0_passed,_0_failed,_5_skipped'
expect 'boot: 1 passed, 0 failed, 0 skipped status 0' expected-failure \
	"say no_edu $bad" 'expect = no edu'
expect 'no console line.* 0 passed, 1 failed, 0 skipped status 1' other-failure \
	"say no_nvme $bad" 'expect = no edu'
expect 'should have failed.* 0 passed, 1 failed, 0 skipped status 1' unexpected-pass \
	"say no_edu $good" 'expect = no edu'
expect 'hang.*, 1 failed, 0 skipped status 1' expected-failure-hangs \
	"say no_edu $bad sleep 99" 'expect = no edu'
expect 'boot: 3 passed, 0 failed, 1 skipped status 0' seen "say VT-d_on $good" 'seen = VT-d on'
expect 'no console line.*, 1 failed, 1 skipped status 1' not-seen "$good" 'seen = VT-d on'

printf '[%s]\ntags = short\nqemu = %s\n' one "$good" two "$bad" >"$SCENARIOS"
printf '[three]\nqemu = %s\n' "$good" >>"$SCENARIOS"
sums=$("$here/boot.sh" all short | tail -n 1)/$("$here/boot.sh" all | tail -n 1)
if [ "$sums" = 'boot: 5 passed, 1 failed, 1 skipped/boot: 8 passed, 1 failed, 2 skipped' ]; then
	pass sums
else
	fail "sums: $sums"
fi

# demo VERDICT NAME DOES: DOES is what the false QEMU does to $src and $dst.
demo()
{
	DEMO_DOES=$3 "$here/demo.sh" "$disk" >"$O/$2.out" 2>&1
	printf 'status %d\n' $? >>"$O/$2.out"
	if tr '\n' ' ' <"$O/$2.out" | grep -qE "$1"; then
		pass "$2"
	else
		cat "$O/$2.out"
		fail "$2: no match for: $1"
	fi
}

disk=$O/disk
truncate -s 9999 "$disk"
demo 'demo: 3 passed, 0 failed, 0 skipped status 0' demo-copies "cat \$src >\$dst"
demo 'differ.*demo: 0 passed, 3 failed, 0 skipped status 1' demo-copies-not ':'
demo 'differ.*demo: 0 passed, 3 failed, 0 skipped status 1' demo-last-byte \
	"cat \$src >\$dst; printf x | dd of=\$dst bs=1 seek=12287 conv=notrunc status=none"
demo 'EOF.*demo: 0 passed, 3 failed, 0 skipped status 1' demo-cut-short "head -c 9999 \$src >\$dst"
demo 'source disk.*demo: 0 passed, 3 failed, 0 skipped status 1' demo-spoils-source \
	"tee \$src <\$dst >/dev/null"
truncate -s 0 "$disk"
demo 'demo: 4096 bytes.*demo: 3 passed, 0 failed, 0 skipped status 0' demo-empty-disk \
	"cat \$src >\$dst"
disk=$O/absent
demo 'demo: DISK=[^ ]*/absent is no file that can be read status 1' demo-no-disk ':'
tally_end boot-selftest
