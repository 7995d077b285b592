#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Does the dom0 harness tell right from wrong? Plays scenarios on a QEMU that only says what it is
told to and runs the commands right here, and looks at the verdicts."""

import os
import re
import sys

O = os.path.abspath(f"{os.environ.get('O') or 'build'}/dom0-selftest")
os.environ.update(O=O, QEMU=f"{O}/qemu", XEN="", SLOW="0.05")

import ledger  # noqa: E402 (reads the environment)
import run  # noqa: E402
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

# In $console.d: what xenstore holds, and what Xen prints for each debug key.
xenstore-ls() { cat "$console.d/store"; }
xl() { cat "$console.d/$2" >>"$console"; }
while read -r number seconds command; do
	output=$(eval "$command" 2>&1)
	status=$?
	[ -z "$output" ] || sed 's/^/=/' <<<"$output"
	echo "@done $number $status"
done
"""

UP = ("say", "@up")
DUMPS = {
    "q": """(XEN) General information for domain 0:
(XEN)     nr_pages=77 xenheap_pages=2
(XEN)     Interrupts { 1-23 }
(XEN)     I/O Memory { 0-fed8f }
(XEN)     I/O Ports  { 0-1f }
(XEN) General information for domain 1:
(XEN)     nr_pages=5 xenheap_pages=3
(XEN)     Interrupts { 20 }
(XEN)     I/O Memory { feb10-feb13, feb18 }
(XEN)     I/O Ports  { }
""",
    "g": """(XEN) grant-table for remote d0 (v1)
(XEN) [0x000]      1 0x5f802 0x00000002          0 0x05f802 0x19
(XEN) grant-table for remote d1 (v1)
(XEN)   1 frames (64 max), 0 maptrack frames (1024 max)
(XEN) [0x000]      0 0x5f802 0x00000002          0 0x05f802 0x19
(XEN) [0x008]      0 0x739b7 0x00000001          0 0x0739b7 0x19
(XEN) gnttab_usage_print_all ] done
""",
    "e": """(XEN) Event channel information for domain 0:
(XEN)        1 [0/0/  -   ]: s=5 n=0 x=0 v=0
(XEN) Event channel information for domain 1:
(XEN) Polling vCPUs: {}
(XEN)        1 [0/0/  -   ]: s=3 n=0 x=0 d=0 p=17
(XEN)       10 [0/0/  -   ]: s=5 n=0 x=0 v=0
(XEN)       11 [1/0/  -   ]: s=5 n=0 x=0 v=0
""",
    "i": """(XEN)    IRQ:  20 vec:a8 status=010 aff:{0}/{0} in-flight=0 d0: 20(---),d1: 20(---)
(XEN)    IRQ:  21 vec:b0 status=010 aff:{0}/{0} in-flight=0 d0: 21(---)
(XEN)    IRQ:  25 vec:b8 status=010 aff:{0}/{0} in-flight=0 d1:150(---)
""",
    "store": '/libxl/pci/0000-00-08-0 = ""\n/local/domain/1/name = "one"\n',
}
LEDGER = ledger.Ledger(5, 2, 3, 2, "20", "feb10-feb13, feb18", "")
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


def books():
    """Xen's dumps and xenstore: read right, and every difference noticed."""

    def play(change):
        def inner(host):
            folder = f"{host.folder}/console.log.d"
            os.mkdir(folder)
            for name, text in DUMPS.items():
                with open(f"{folder}/{name}", "w", encoding="ascii") as file:
                    file.write(text)
            store = ledger.Store(host)
            ledger.same(LEDGER, ledger.ledger(host, 1), "at first")
            host.do(f"cd {folder}; {change}")
            ledger.same(LEDGER, ledger.ledger(host, 1), "now")
            store.unchanged("now")
        return inner

    expect(None, "books", play("sed -i '/libxl/d' store; sed -i 's/=77/=78/' q"))
    for name, change in {
            "pages 5 -> 6": "sed -i 's/=5/=6/' q",
            "grants 2 -> 1": "sed -i '/739b7/d' g",
            "ports 3 -> 4": "sed -n 5p e >>e",
            "pirqs 2 -> 1": "sed -i 's/,d1: 20//' i",
            "interrupts '20' -> ''": "sed -i 's/{ 20 }/{ }/' q",
            "memory 'feb10-feb13, feb18' -> 'feb10-feb13'": "sed -i 's/, feb18//' q",
            "ioports '' -> 'c000-c0ff'": "sed -i 's/Ports  { }/Ports  { c000-c0ff }/' q"}.items():
        expect(f"now: not as before: {name}$", f"books-{name.split()[0]}", play(change))
    expect("has no .*domain 1", "books-no-domain", play("sed -i 's/domain 1/domain 2/' q"))
    expect(r'not as before:\n  \+ /a = "b"\n  - /local', "store-differs",
           play("""echo '/a = "b"' >store"""))


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
    books()
    os.environ["XEN_SAYS"] = "AMD-Vi: IOMMU 0 Enabled"
    expect("no console line with: I/O virt", "other-host", lambda host: None)
    right = run.run([], 1) is False
    verdicts[right] += 1
    print(f"  {'pass' if right else 'FAIL'}    nothing-to-run")
    print(f"dom0-selftest: {verdicts[True]} passed, {verdicts[False]} failed, 0 skipped")
    return 0 if verdicts[True] and not verdicts[False] else 1


if __name__ == "__main__":
    sys.exit(main())
