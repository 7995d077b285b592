#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Does the dom0 harness tell right from wrong? Plays scenarios on a QEMU that only says what it is
told to and runs the commands right here, and looks at the verdicts."""

import os
import re
import sys

O = os.path.abspath(f"{os.environ.get('O') or 'build'}/dom0-selftest")
os.environ.update(O=O, QEMU=f"{O}/qemu", XEN="", SLOW="0.05")

import run  # noqa: E402 (reads the environment)
from scenario import Scenario  # noqa: E402

QEMU = r"""#!/usr/bin/env bash
for word in "$@"; do
	case $word in
	file:*/console.log) export console=${word#file:} ;;
	say) saying=1 ;;
	*) [ -z "${saying:-}" ] || { says+="$word"$'\n'; saying=; } ;;
	esac
done
echo "${XEN_SAYS-(XEN) I/O virtualisation disabled}" >"$console"
qemu=$$
export qemu
echo $$ >"$console.pid"
printf '%s' "${says:-}"
while read -r number seconds command; do
	output=$(eval "$command" 2>&1)
	status=$?
	[ -z "$output" ] || sed 's/^/=/' <<<"$output"
	echo "@done $number $status"
done
"""

UP = ("say", "@up")
verdicts = {True: 0, False: 0}


def expect(verdict, name, play, qemu=UP, **machine):
    """The verdict is a regular expression, None for success."""
    scenario = Scenario(name, "", (), {"qemu": qemu, **machine}, play)
    _, seconds, why = run.play(scenario)
    folder = f"{O}/dom0/run/{name}"
    with open(f"{folder}/console.log.pid", encoding="ascii") as file:
        alive = os.path.exists(f"/proc/{int(file.read())}")
    right = not alive and seconds < 15 and (
        why is None if verdict is None else bool(why and re.search(verdict, why)))
    verdicts[right] += 1
    print(f"  {'pass' if right else 'FAIL'}    {name}" + ("" if right else f": {why}"))


def main():
    os.makedirs(f"{O}/dom0", exist_ok=True)
    with open(f"{O}/qemu", "w", encoding="ascii") as file:
        file.write(QEMU)
    os.chmod(f"{O}/qemu", 0o755)
    with open(f"{O}/dom0/dom0.cpio", "wb"):
        pass

    expect(None, "passes", lambda host: host.do("echo one; echo two", says="(?m)^two$"))
    expect(None, "fails-as-it-should",
           lambda host: host.do("echo no; false", fails=True, says="no"))
    expect("ended with status 1: because", "fails", lambda host: host.do("echo because; false"))
    expect("ended with status 0", "should-fail", lambda host: host.do("true", fails=True))
    expect("did not say", "says-other", lambda host: host.do("echo one", says="two"))
    expect("hang: time was up: sleep", "hangs", lambda host: host.do("sleep 9", 1))
    expect("hang: time was up: dom0 start", "never-up", lambda host: None, ())
    expect("dom0 start: @failed mount", "start-fails", lambda host: None, ("say", "@failed mount"))
    expect("crash: Panic on CPU 0", "xen-panics",
           lambda host: host.do("echo Panic on CPU 0: >>$console; sleep 9"))
    expect("crash: Oops: 1", "oops-at-the-end", lambda host: host.do("echo Oops: 1 >>$console"))
    expect("QEMU ended with status -15", "qemu-dies", lambda host: host.do("kill $qemu"))
    expect("scenario itself is wrong(.|\n)*ZeroDivisionError", "wrong-scenario",
           lambda host: 1 // 0)

    def console(host):
        host.guests.setdefault("one", [])
        host.do("(sleep 0.3; echo ':one hello') >/dev/stderr; printf ':one x'")
        host.wait("one", "^hello$", 20)

    expect("hang: one did not print", "output-is-no-console", console)

    def guest(host):
        host.guests.setdefault("one", [])
        host.wait("one", "^hello$", 20)
        host.wait("one", "^hello$", 1, since=1)

    expect("hang: one did not print .*last line: hello", "guest-line", guest,
           (*UP, "say", ":one hello", "say", ":two hello"))
    with_disks = {"disks": {"src": 1 << 20, "dst": 1 << 20}}
    expect("disks src and dst differ", "not-copied", lambda host: host.same("src", "dst"),
           **with_disks)
    expect(None, "copied",
           lambda host: (host.do(f"cd {host.folder}; cp src.img dst.img"), host.same("src", "dst")),
           **with_disks)
    os.environ["XEN_SAYS"] = "AMD-Vi: IOMMU 0 Enabled"
    expect("no console line with: I/O virt", "other-host", lambda host: None)
    right = run.run([], 1) is False
    verdicts[right] += 1
    print(f"  {'pass' if right else 'FAIL'}    nothing-to-run")
    print(f"dom0-selftest: {verdicts[True]} passed, {verdicts[False]} failed, 0 skipped")
    return 0 if verdicts[True] and not verdicts[False] else 1


if __name__ == "__main__":
    sys.exit(main())
