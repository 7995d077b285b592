# SPDX-License-Identifier: MIT
"""xenpci and xl on the same host, many times over, and what xenpci must refuse."""

import glob
import re

from basic import CARD, E1000E, LINUX, bind_without_iommu
from host import O, Failure
from scenario import scenario
from xenpci_attach import ledger, same, start_peer, works

GONE = r"^domu: 0000:\S+ gone$"
CYCLES = 50


def books(host):
    """ledger() with all of xenstore, and the lines that domains have bound."""
    host.do("xl debug-keys i")
    # A guest's driver may note errors of its own: Linux does, each time that it lets a device go.
    store = host.do("xenstore-ls -f | grep -v '^/local/domain/[1-9][0-9]*/error'")
    bound = re.findall(r"IRQ: +(\d+) .* in-flight=\d+ (.*)", host.do("xl dmesg -c"))
    return {**ledger(host), "xenstore": store, "lines": bound}


def attached(host, command):
    """Attach by a command, and see the card work in the guest."""
    since = len(host.guests["peer"])
    host.do(command)
    works(host, since)


def detached(host, command):
    since = len(host.guests["peer"])
    host.do(command)
    host.wait("peer", GONE, since=since)


def mixed(host):
    host.do(f"xl pci-assignable-add {CARD}")
    start_peer(host, passthrough="enabled")
    before = books(host)
    # Given by xl, taken by xenpci.
    attached(host, f"xl pci-attach peer {CARD}")
    host.do(f"xenpci attach peer {CARD}", says="has it already")
    host.do("xenpci status peer", says=f"{CARD} as .*attached, by xl")
    detached(host, f"xenpci detach peer {CARD}")
    same(before, books(host))
    # Given by xenpci, taken by xl.
    attached(host, f"xenpci attach peer {CARD}")
    host.do("xl pci-list peer", says="00:06.0")
    host.do("xenpci status peer", says=rf"(?m)^  {CARD} as .*: attached$")
    host.do(f"xl pci-attach peer {CARD}", fails=True)
    detached(host, f"xl pci-detach peer {CARD}")
    host.do(f"xenpci detach peer {CARD}")
    same(before, books(host))
    # And both still can.
    attached(host, f"xl pci-attach peer {CARD}")
    detached(host, f"xl pci-detach peer {CARD}")
    attached(host, f"xenpci attach peer {CARD}")
    detached(host, f"xenpci detach peer {CARD}")
    same(before, books(host))


@scenario("xenpci-mixed-vtd", "what xl attached xenpci detaches, and the other way; VT-d",
          iommu="vtd", qemu=E1000E, files=LINUX)
def mixed_vtd(host):
    mixed(host)


@scenario("xenpci-mixed-amd", "what xl attached xenpci detaches, and the other way; AMD-Vi",
          iommu="amd", qemu=E1000E, files=LINUX)
def mixed_amd(host):
    mixed(host)


def cycles(host, option=""):
    """Every tenth time the books are compared; the card has to work each time."""
    before = books(host)
    for number in range(CYCLES):
        attached(host, f"xenpci attach {option} peer {CARD}")
        detached(host, f"xenpci detach peer {CARD}")
        if number % 10 == 9:
            same(before, books(host))


@scenario("xenpci-cycles-vtd", f"{CYCLES} times attach, work, detach; nothing grows; VT-d",
          iommu="vtd", qemu=E1000E, files=LINUX)
def cycles_vtd(host):
    host.do(f"xl pci-assignable-add {CARD}")
    start_peer(host, passthrough="enabled")
    cycles(host)


@scenario("xenpci-cycles", f"{CYCLES} times attach, work, detach; nothing grows; no IOMMU",
          qemu=E1000E, files=LINUX)
def cycles_none(host):
    bind_without_iommu(host, CARD)
    start_peer(host)
    cycles(host, "--no-iommu")


def refused(host, command, status, says):
    got, output = host.run(f"xenpci {command}")
    if got != status or not re.search(says, output):
        raise Failure(f"xenpci {command} ended with {got}, not {status} and {says}: {output}")


# dom0's driver for NVMe and what it needs, in the order of loading; not in its image.
NVME = ("crct10dif-common", "crc-t10dif", "crc64", "crc64-rocksoft", "t10-pi", "nvme-core", "nvme")


def module(name):
    """A file of the downloaded kernel's, which spells it with a dash or without."""
    pattern = f"{O}/linux/tree/lib/modules/*/kernel/**/{name.replace('-', '[-_]')}.ko"
    return (glob.glob(pattern, recursive=True) or [pattern])[0]


@scenario("xenpci-disk", "xenpci leaves dom0 the disk that it uses", disks={"own": 4 << 20},
          files={f"/lib/modules/{name}.ko": module(name) for name in NVME})
def disk(host):
    own = host.disks["own"]
    for name in NVME:
        host.do(f"insmod /lib/modules/{name}.ko")
    host.do("for i in $(seq 30); do test -b /dev/nvme0n1 && break; sleep 1; done;"
            " mkswap /dev/nvme0n1 && swapon /dev/nvme0n1")
    before = books(host)
    refused(host, f"assignable add {own}", 4, "carries a disk that dom0 uses: swap is on")
    refused(host, f"check --no-iommu {own}", 4, "carries a disk that dom0 uses: swap is on")
    same(before, books(host))
    host.do(f"test -e /sys/bus/pci/drivers/nvme/{own}")
    host.do("swapoff /dev/nvme0n1")
    host.do(f"xenpci assignable add {own}")
    host.do(f"test -e /sys/bus/pci/drivers/pciback/{own}")
    host.do(f"xenpci assignable remove {own}")
    host.do(f"test -e /sys/bus/pci/drivers/nvme/{own}")


@scenario("xenpci-refuses", "xenpci refuses bad input and changes nothing", iommu="vtd",
          qemu=E1000E, files=LINUX)
def refuses(host):
    host.do(f"xl pci-assignable-add {CARD}")
    start_peer(host, passthrough="enabled")
    host.do("""sed "s/'pv'/'pvh'/; s/'peer'/'pvh'/; /e820/d; /passthrough/d" /etc/xen/peer.cfg"""
            " >/etc/xen/pvh.cfg && xl create -q -p /etc/xen/pvh.cfg")
    before = books(host)
    for command, status, says in (
        (f"attach nobody {CARD}", 3, "no such domain: nobody"),
        (f"attach 77 {CARD}", 3, "no such domain: 77"),
        (f"attach -1 {CARD}", 2, "error"),
        (f"attach pvh {CARD}", 4, "not PV: it is HVM or PVH"),
        (f"attach 0 {CARD}", 4, "domain 0 has all devices"),
        ("attach peer 00:06", 2, "no device"),
        ("attach peer 00:06.8", 2, "no device"),
        ("attach peer 0000:00:06.0.", 2, "no device"),
        (f"attach peer {CARD},permissive=2", 2, "wrong options"),
        (f"attach peer {CARD} {CARD}", 2, "twice"),
        ("attach peer 00:09.0", 3, "no such device"),
        ("attach peer 00:1f.0", 4, "is a bridge"),
        ("attach peer 00:1f.2", 4, "not assignable"),
        (f"attach peer {CARD} 00:1f.2", 4, "00:1f.2 is not assignable"),
        ("attach peer", 2, "wanted"),
        ("attach", 2, "wanted"),
        (f"detach nobody {CARD}", 3, "no such domain"),
        ("attach --no-such-option peer 00:06.0", 2, "wrong option"),
        ("no-such-command", 2, "no such command"),
    ):
        refused(host, command, status, says)
    same(before, books(host))
