# SPDX-License-Identifier: MIT
"""xenpci with the reference guest: attach, work, detach, by turns with two devices."""

from basic import bind_without_iommu
from guest import GUEST
from host import Failure
from passthrough import EDU, EDU_AT, cycles
from scenario import scenario
from xenpci_look import look


def by_turns(host, option, works, **config):
    def seen(device):
        shown = look(host, "map one")
        if {bar["device"] for bar in shown["bars"]} != {device} or shown["findings"]:
            raise Failure(f"the map has {shown['bars']}, findings {shown['findings']}")

    cycles(host, 6, f"xenpci attach {option} one", "xenpci detach one", works, seen, **config)


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
