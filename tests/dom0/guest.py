# SPDX-License-Identifier: MIT
"""The reference guest as domU, started by the stock xl, without devices."""

import subprocess

from host import O, Failure
from scenario import scenario

GUEST = {"/guest/guest.elf": f"{O}/guest.elf", "/guest/kernel-test.elf": f"{O}/kernel-test.elf"}
CONFIG = {
    "kernel": "/guest/guest.elf",
    "memory": 64,
    "vcpus": 1,
    "on_poweroff": "destroy",
    "on_reboot": "destroy",
    "on_crash": "preserve",
}
PASSED = r"^xendma: [1-9]\d* passed, 0 failed"


def gone(host, name, seconds=60):
    """Wait until the domain has switched itself off and the tool has cleaned up behind it."""
    host.do(f"while xl list {name}; do sleep 0.2; done", seconds)


@scenario("guest", "the reference guest as domU: memory, exchanges, pools", tags="short",
          files=GUEST)
def guest(host):
    host.start("one", **CONFIG)
    host.wait("one", r"^xendma: reference guest, 64 MiB")
    host.wait("one", PASSED)
    gone(host, "one")


@scenario("guest-smp", "4 CPUs, 512 MiB, the host's memory map, FIFO events", files=GUEST)
def guest_smp(host):
    host.start("one", **CONFIG | {"vcpus": 4, "memory": 512}, e820_host=1,
               extra="cpus=4 evtchn=fifo")
    host.wait("one", r"^  reserved ")
    host.wait("one", r"^ok smp ", 300)
    host.wait("one", PASSED)
    gone(host, "one")


@scenario("guest-small", "domU with little memory, and with too little", files=GUEST)
def guest_small(host):
    host.start("one", **CONFIG | {"memory": 16}, extra="test=memory,balloon,badinput")
    host.wait("one", r"^xendma: reference guest, 16 MiB")
    host.wait("one", PASSED)
    gone(host, "one")
    host.start("two", **CONFIG | {"memory": 8})
    host.wait("two", r"^xendma: cannot start: too little memory: 8192 KiB given, ")
    gone(host, "two")


@scenario("guest-kernel", "the boot kernel's own test as domU, and crash reports", files=GUEST)
def guest_kernel(host):
    host.start("one", **CONFIG | {"kernel": "/guest/kernel-test.elf", "vcpus": 4},
               extra="selftest")
    host.wait("one", PASSED)
    gone(host, "one")
    for number, (word, line) in enumerate((
            ("write", r"^\*\*\* xendma guest crash on CPU 0: page fault"),
            ("assertion", "broken invariant: boot_free_pages"),
            ("other-cpu", r"^\*\*\* xendma guest crash on CPU 1: page fault"))):
        name = f"crash{number}"
        host.start(name, **CONFIG | {"kernel": "/guest/kernel-test.elf", "vcpus": 2}, extra=word)
        host.wait(name, line)
        host.wait(name, r"[0-9a-f]{16} (kernel_crash|crash_on_other_cpu)\+")
        host.do(f"while ! xl list {name} | grep -q sc-; do sleep 0.2; done")
        host.do(f"xl destroy {name}")


@scenario("guest-console", "the console daemon stops: the guest goes on, and says what is lost",
          files=GUEST)
def guest_console(host):
    daemon = host.do("pidof xenconsoled")
    # Nobody reads: a run that prints more than the ring holds must end all the same.
    host.start("two", paused=True, **CONFIG, extra="help=1 test=memory")
    host.do(f"kill -STOP {daemon}; xl unpause two")
    host.do("while xl list two; do sleep 0.2; done")
    host.do(f"kill -CONT {daemon}")
    # Nobody reads for a while, then again: once the guest has done with waiting and computes.
    words = ",".join(["badinput"] * 60) + ",exchange"
    host.start("three", paused=True, **CONFIG, extra=f"test={words} iterations=3000")
    host.do(f"kill -STOP {daemon}; xl unpause three")
    host.do("until xl list three | awk '$1 == \"three\" && $6 >= 6 { ok = 1 } END { exit !ok }'; do"
            " sleep 0.5; done")
    host.do(f"kill -CONT {daemon}")
    host.wait("three", r"^\[[1-9]\d* bytes lost\]$")
    host.wait("three", PASSED)


def cases(lines, where):
    """The lines of the conformance suite, name -> result; all of them, each name once."""
    found = [line[5:].split(": ", 1) for line in lines if line.startswith("conf ")]
    said = [line.split()[1] for line in lines if line.startswith("  conformance: ")]
    if said != [str(len(found))] or len(dict(found)) != len(found):
        raise Failure(f"conformance {where}: {len(found)} cases seen, {said} said")
    return dict(found)


def conformance(host, mode):
    """Compare what the guest "one", which runs the suite, prints with what the model does."""
    program = subprocess.run([f"{O}/host/conformance", mode], text=True, timeout=300,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    model = cases(program.stdout.splitlines(), "on the model")
    host.wait("one", PASSED, 300)
    xen = cases(host.guests["one"], "on Xen")
    differs = [f"{name}\n    model  {model.get(name, '-')}\n    xen    {xen.get(name, '-')}"
               for name in {**model, **xen} if model.get(name) != xen.get(name)]
    if differs or program.returncode:
        raise Failure(f"{len(model)} cases, {len(differs)} differences\n  " + "\n  ".join(differs))


@scenario("guest-conformance", "hypercalls as domU, compared with the model (docs/conformance.md)",
          files=GUEST, mem="3G")
def guest_conformance(host):
    host.start("one", **CONFIG, extra="test=conformance")
    conformance(host, "domu")


@scenario("guest-xenstore", "a domU's xenstore client, through a live update of the daemon",
          files=GUEST)
def guest_xenstore(host):
    host.start("one", **CONFIG, extra="test=xenstore iterations=30")
    host.wait("one", r"^  xenstore: \d+ watches, then error")
    host.do("cp /bin/xenstored /tmp/updated; xenstore-control live-update /tmp/updated", 60)
    host.do("pidof updated", says=r"\d")
    host.wait("one", r"^  xenstore: \d+ requests, .* 0 reconnections", 120)
    host.wait("one", PASSED)
    gone(host, "one")
