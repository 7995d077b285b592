# SPDX-License-Identifier: MIT
"""xenpci on real Xen, beside xl: what each can do, and what is left when they are through."""

import json
import re

from basic import CARD, E1000E, LINUX, LINUX_CONFIG, bind_without_iommu
from host import Failure
from scenario import scenario

XENSTORE = "xenstore-ls -f"


def rangesets(host):
    """What Xen lets each domain touch, by its debug key: lines of text."""
    host.do("xl debug-keys q")
    text = host.do("xl dmesg -c")
    return re.findall(r"Rangesets belonging to domain \d+:|(?:Interrupts|I/O \w+) +\{.*\}", text)


def ledger(host):
    """Everything that an attach may leave behind."""
    return {
        "permissions": rangesets(host),
        "xenstore": host.do(f"{XENSTORE} /libxl/pci; {XENSTORE} /tool;"
                            f" {XENSTORE} /local/domain/0/backend | grep -v console; true"),
        "sysfs": host.do(f"ls -l /sys/bus/pci/devices/{CARD}/driver | sed 's/.*->//';"
                         " cat /sys/bus/pci/drivers/pciback/slots"
                         " /sys/bus/pci/drivers/pciback/permissive; true"),
    }


def same(before, after):
    for what, was in before.items():
        if after[what] != was:
            raise Failure(f"{what} not as before: was {was}, is {after[what]}")


def start_peer(host, **config):
    since = len(host.guests.get("peer", []))
    host.start("peer", **LINUX_CONFIG, e820_host=1, **config)
    host.wait("peer", "^domu: up$", since=since)


def works(host, since):
    host.wait("peer", "^domu: pci .* 0x8086:0x10d3$", since=since)
    host.wait("peer", r"^domu: eth0 works \(e1000e\)$", since=since)


@scenario("xenpci-no-iommu", "xl pci-attach fails without IOMMU, xenpci attach works", tags="short",
          qemu=E1000E, files=LINUX)
def no_iommu(host):
    bind_without_iommu(host, CARD)
    start_peer(host)
    before = ledger(host)
    host.do(f"xl pci-attach peer {CARD}", fails=True, says="Operation not supported")
    host.do(f"xenpci attach peer {CARD}", fails=True, says="or say --no-iommu")
    # xl has left permissions behind; a detach of what is not attached takes them back.
    host.do(f"xenpci detach peer {CARD}", says="does not have it")
    same(before, ledger(host))
    for _ in range(2):
        since = len(host.guests["peer"])
        host.do(f"xenpci attach --no-iommu peer {CARD}", says="1 device attached to domain 1")
        works(host, since)
        host.do("xenpci status", says=r"attached, INSECURE: no IOMMU\n +memory:.* line:16-16$")
        host.do(f"xenpci detach peer {CARD}", says="1 device detached from domain 1")
        host.wait("peer", r"^domu: 0000:\S+ gone$", since=since)
    same(before, ledger(host))


def has(host, devices):
    """What `xenpci status` says of the guest: connected, just these devices, no problem."""
    shown = json.loads(host.do("xenpci status --json"))
    found = {d["address"] for domain in shown for d in domain["devices"] if not d["problem"]}
    ends = {end for domain in shown for end in (domain["backend"], domain["frontend"])}
    if found != set(devices) or ends - {"connected"}:
        raise Failure(f"status says {shown}, not {devices}")


@scenario("xenpci-several-vtd", "xenpci: a card, then two disks at once; from driver to driver; VT-d",
          iommu="vtd", qemu=E1000E, disks={"src": 4 << 20, "dst": 4 << 20}, files=LINUX)
def several_vtd(host):
    disks = " ".join(host.disks.values())
    every = [CARD, *host.disks.values()]
    start_peer(host, passthrough="enabled")
    before = ledger(host)
    host.do(f"xenpci assignable add {CARD} {disks}")
    if host.do("xenpci assignable list | wc -l").strip() != "3":
        raise Failure("not all three are assignable")
    host.do("xl pci-assignable-list", says=CARD)
    host.do(f"xenpci attach --dry-run peer {CARD} {disks}", says="offer to the guest")
    host.do(f"xenpci attach peer {CARD}", says="1 device attached to domain 1")
    works(host, 0)
    has(host, [CARD])
    host.do(f"xenpci attach peer {disks}", says="2 devices attached to domain 1")
    host.wait("peer", "^domu: copied src to dst$")
    host.same("src", "dst")
    has(host, every)
    host.do(f"xl pci-list peer | grep -c {CARD[5:]}")
    # Not the last first: those behind move up.
    host.do(f"xenpci detach peer {CARD}")
    has(host, host.disks.values())
    host.do(f"xenpci detach peer {disks}", says="2 devices detached from domain 1")
    host.do(f"xenpci assignable remove {CARD} {disks}")
    host.do("xenpci status", says="no domain has a PCI device")
    same(before, ledger(host))


@scenario("xenpci-destroyed", "xl destroys a domain that xenpci gave a device; then again",
          qemu=E1000E, files=LINUX)
def destroyed(host):
    bind_without_iommu(host, CARD)
    before = ledger(host)
    for domain in (1, 2):
        start_peer(host)
        since = len(host.guests["peer"])
        host.do(f"xenpci attach --no-iommu peer {CARD}", says=f"attached to domain {domain}")
        works(host, since)
        host.do("xl destroy peer")
        host.do("xenpci status", says="no domain has a PCI device")
    host.do(f"xenpci assignable remove {CARD}")
    host.do(f"xenpci assignable add {CARD}")
    host.do("xenstore-exists /tool/xenpci", fails=True)
    same({"sysfs": before["sysfs"]}, ledger(host))
