# SPDX-License-Identifier: MIT
"""xenpci killed at each of its steps: what is left is named, and the next detach cleans it."""

from basic import CARD, E1000E, LINUX, bind_without_iommu
from host import O, Failure
from scenario import scenario
from xenpci_attach import ledger, same, start_peer, works

KILLER = {"/lib/killat.so": f"{O}/dom0/killat.so"}
KILLED = 137
STEPS_MAX = 100


def killed(host, command, at):
    """Run xenpci and kill it at step `at`; False if it came to its end before."""
    status, output = host.run(f"KILL_AT={at} LD_PRELOAD=/lib/killat.so xenpci {command}", 120)
    if status not in (0, KILLED):
        raise Failure(f"xenpci {command}, to be killed at step {at}, ended with {status}: {output}")
    return status == KILLED


def clean(host, before, what):
    """Whatever is left over is named by `status`, and gone after `detach`."""
    left = ledger(host) != before
    status, output = host.run("xenpci status")
    if left and CARD not in output:
        raise Failure(f"{what}: something is left, and status names nothing: {status} {output}")
    host.do(f"xenpci detach peer {CARD}", 120)
    after = ledger(host)
    if after != before:
        raise Failure(f"{what}: left after detach: was {before}, is {after}")
    if CARD in host.do("xenpci status"):
        raise Failure(f"{what}: status names the device after its detach")
    return left


def count(steps, least, left):
    if steps < least or not left:
        raise Failure(f"killed at {steps} steps only, {left} times with something left")


def kill_attach(host, option=""):
    before = ledger(host)
    step = left = 0
    while killed(host, f"attach {option} peer {CARD}", step + 1) and step < STEPS_MAX:
        step += 1
        left += clean(host, before, f"attach killed at step {step}")
    works(host, 0)
    host.do(f"xenpci detach peer {CARD}", 120)
    same(before, ledger(host))
    count(step, 8, left)


@scenario("xenpci-kill-attach", "xenpci attach killed at each step, no IOMMU",
          qemu=E1000E, files={**LINUX, **KILLER})
def kill_attach_none(host):
    bind_without_iommu(host, CARD)
    start_peer(host)
    kill_attach(host, "--no-iommu")


@scenario("xenpci-kill-attach-vtd", "xenpci attach killed at each step, VT-d", iommu="vtd",
          qemu=E1000E, files={**LINUX, **KILLER})
def kill_attach_vtd(host):
    host.do(f"xl pci-assignable-add {CARD}")
    start_peer(host, passthrough="enabled")
    kill_attach(host)


@scenario("xenpci-kill-attach-amd", "xenpci attach killed at each step, AMD-Vi", iommu="amd",
          qemu=E1000E, files={**LINUX, **KILLER})
def kill_attach_amd(host):
    host.do(f"xl pci-assignable-add {CARD}")
    start_peer(host, passthrough="enabled")
    kill_attach(host)


@scenario("xenpci-kill-detach", "xenpci detach killed at each step, VT-d", iommu="vtd",
          qemu=E1000E, files={**LINUX, **KILLER})
def kill_detach(host):
    host.do(f"xl pci-assignable-add {CARD}")
    start_peer(host, passthrough="enabled")
    before = ledger(host)
    step = left = 0
    while True:
        host.do(f"xenpci attach peer {CARD}", 120)
        if step == STEPS_MAX or not killed(host, f"detach peer {CARD}", step + 1):
            break
        step += 1
        left += clean(host, before, f"detach killed at step {step}")
    same(before, ledger(host))
    count(step, 8, left)
