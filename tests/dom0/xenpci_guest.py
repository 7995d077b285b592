# SPDX-License-Identifier: MIT
"""xenpci with the reference guest: attach, work, detach, by turns with two devices."""

from basic import bind_without_iommu
from guest import CONFIG, GUEST, PASSED, gone
from host import Failure
from passthrough import EDU, EDU_AT, store
from scenario import scenario
from xenpci_look import look

CYCLES = 6


def by_turns(host, option, works, **config):
    devices = [EDU_AT, host.disks["src"]]
    before = store(host)
    host.start("one", **CONFIG, **config,
               extra=f"test=domu-hotplug iterations={CYCLES} wait=120000")
    host.wait("one", "^domu: ready$")
    since = 0
    for cycle in range(CYCLES):
        device = devices[cycle % 2]
        host.do(f"xenpci attach {option} one {device}")
        host.wait("one", rf"^domu: \S+ \w+ works, {works}", since=since)
        shown = look(host, "map one")
        if {bar["device"] for bar in shown["bars"]} != {device} or shown["findings"]:
            raise Failure(f"the map has {shown['bars']}, findings {shown['findings']}")
        since = len(host.guests["one"])
        host.do(f"xenpci detach one {device}")
        host.wait("one", r"^domu: \S+ \w+ gone after", since=since)
    host.wait("one", PASSED)
    gone(host, "one")
    left = store(host) ^ before
    if left:
        raise Failure(f"xenstore is not as before: {sorted(left)}")


@scenario("xenpci-guest", "the reference guest's devices come and go by xenpci, VT-d",
          iommu="vtd", qemu=EDU, disks={"src": 4 << 20}, files=GUEST)
def guest_vtd(host):
    host.do(f"xenpci assignable add {EDU_AT} {host.disks['src']}")
    by_turns(host, "", "MSI", passthrough="enabled", e820_host=1)


@scenario("xenpci-guest-direct", "the same without IOMMU", qemu=EDU, disks={"src": 4 << 20},
          files=GUEST)
def guest_direct(host):
    for device in (EDU_AT, host.disks["src"]):
        bind_without_iommu(host, device)
    by_turns(host, "--no-iommu", "INTx")
