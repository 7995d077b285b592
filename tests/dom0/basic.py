# SPDX-License-Identifier: MIT
"""dom0 by itself, and Linux as domU: what the stock parts do without anything of ours."""

import re

from host import O, Failure
from scenario import scenario

CARD = "0000:00:06.0"
E1000E = ("-netdev", "user,id=n0", "-device", "e1000e,netdev=n0,addr=6")
LINUX = {"/guest/vmlinux": f"{O}/dom0/vmlinux", "/guest/domu.cpio": f"{O}/dom0/domu.cpio"}
LINUX_CONFIG = {
    "kernel": "/guest/vmlinux",
    "ramdisk": "/guest/domu.cpio",
    "extra": "console=hvc0 quiet",
    "memory": 192,
    "vcpus": 1,
    "on_poweroff": "destroy",
    "on_reboot": "destroy",
    "on_crash": "preserve",
}


def version(package):
    """Name and version of a package that dom0 is made of."""
    with open(f"{O}/linux/tree/.packages", encoding="utf-8") as file:
        for line in file:
            name, number = line.split()
            if name.startswith(package):
                return name, number
    raise Failure(f"no package {package}")


@scenario("up", "dom0 starts; xl, xenstore and the versions of all are right", tags="short")
def dom0_up(host):
    banner = re.search(r"Xen version (\d+\.\d+)", host.console())
    kernel = version("linux-image-")[0].removeprefix("linux-image-")
    info = host.do("xl info", says=rf"(?m)^release +: {re.escape(kernel)}$")
    if not re.search(rf"(?m)^xen_version +: {re.escape(banner[1])}\.", info):
        raise Failure(f"xl info does not say Xen {banner[1]}")
    host.do("xl list", says=r"Domain-0 +0 ")
    host.do("xenstore-write /test/key value")
    host.do("xenstore-ls /test", says='^key = "value"$')
    host.do("xenstore-rm /test")
    host.do("xenstore-read /test/key", fails=True)


@scenario("linux", "a Linux PV domU starts, prints, and goes", files=LINUX)
def linux(host):
    host.start("peer", **LINUX_CONFIG)
    host.wait("peer", "^domu: up$")
    host.do("xl list", says=r"peer +1 ")
    host.do("xl destroy peer")
    if "peer" in host.do("xl list"):
        raise Failure("the domain is still there")


@scenario("assignable", "xl pci-assignable-add and -remove", iommu="vtd", qemu=E1000E)
def assignable(host):
    host.do(f"xl pci-assignable-add {CARD}")
    host.do("xl pci-assignable-list", says=CARD)
    host.do(f"test -e /sys/bus/pci/drivers/pciback/{CARD}")
    host.do(f"xl pci-assignable-remove {CARD}")
    host.do(f"test -e /sys/bus/pci/drivers/pciback/{CARD}", fails=True)


def linux_cold(host):
    host.do(f"xl pci-assignable-add {CARD}")
    host.start("peer", **LINUX_CONFIG, pci=[CARD])
    host.wait("peer", "^domu: pci .* 0x8086:0x10d3$")
    host.wait("peer", r"^domu: eth0 works \(e1000e\)$")


@scenario("linux-cold-vtd", "Linux domU with an e1000e from the start, VT-d", "short", iommu="vtd",
          qemu=E1000E, files=LINUX)
def linux_cold_vtd(host):
    linux_cold(host)


@scenario("linux-cold-amd", "Linux domU with an e1000e from the start, AMD-Vi", iommu="amd",
          qemu=E1000E, files=LINUX)
def linux_cold_amd(host):
    linux_cold(host)


# The peer ends with INTx here: its request for MSI-X is answered with EALREADY.
@scenario("linux-nvme-vtd", "Linux domU copies one NVMe disk to another, VT-d", iommu="vtd",
          disks={"src": 4 << 20, "dst": 4 << 20}, files=LINUX)
def linux_nvme(host):
    for device in host.disks.values():
        host.do(f"xl pci-assignable-add {device}")
    host.start("peer", **LINUX_CONFIG, pci=list(host.disks.values()))
    host.wait("peer", "^domu: copied src to dst$")
    host.same("src", "dst")


@scenario("linux-hot-vtd", "Linux domU, xl pci-attach and pci-detach, VT-d", iommu="vtd",
          qemu=E1000E, files=LINUX)
def linux_hot(host):
    host.do(f"xl pci-assignable-add {CARD}")
    host.start("peer", **LINUX_CONFIG, passthrough="enabled", e820_host=1)
    host.wait("peer", "^domu: up$")
    for _ in range(2):
        since = len(host.guests["peer"])
        host.do(f"xl pci-attach peer {CARD}")
        host.wait("peer", r"^domu: eth0 works \(e1000e\)$", since=since)
        host.do(f"xl pci-detach peer {CARD}")
        host.wait("peer", r"^domu: 0000:\S+ gone$", since=since)


def bind_without_iommu(host, device):
    """The tool binds the device to pciback and then fails, since nothing can quarantine it."""
    host.do(f"xl pci-assignable-add {device}", fails=True)
    host.do(f"test -e /sys/bus/pci/drivers/pciback/{device}")


@scenario("attach-refused", "xl pci-attach refuses on a host without IOMMU (known)", qemu=E1000E,
          files=LINUX)
def attach_refused(host):
    bind_without_iommu(host, CARD)
    host.start("peer", **LINUX_CONFIG, e820_host=1)
    host.wait("peer", "^domu: up$")
    host.do(f"xl pci-attach peer {CARD}", fails=True, says="Operation not supported")


@scenario("linux-direct", "Linux domU, device attached directly on a host without IOMMU",
          qemu=E1000E, files=LINUX)
def linux_direct(host):
    bind_without_iommu(host, CARD)
    host.start("peer", **LINUX_CONFIG, e820_host=1)
    host.wait("peer", "^domu: up$")
    for _ in range(2):
        since = len(host.guests["peer"])
        host.do(f"xenpci attach --no-iommu peer {CARD}", says="attached to domain 1")
        host.wait("peer", "^domu: pci .* 0x8086:0x10d3$", since=since)
        host.wait("peer", r"^domu: eth0 works \(e1000e\)$", since=since)
        host.do(f"xl pci-detach peer {CARD}")
        host.wait("peer", r"^domu: 0000:\S+ gone$", since=since)
