# SPDX-License-Identifier: MIT
"""The reference guest as domU with passed-through devices, the kernel's pciback on the other side."""

from basic import bind_without_iommu
from guest import CONFIG, GUEST, PASSED, conformance, gone
from host import Failure
from scenario import scenario

EDU = ("-device", "edu,addr=5")
EDU_AT = "0000:00:05.0"
DISKS = {"src": 4 << 20, "dst": 4 << 20}


def cold(host, words="", **config):
    devices = [*host.disks.values(), EDU_AT]
    for device in devices:
        host.do(f"xl pci-assignable-add {device}")
    host.start("one", **CONFIG | config, pci=devices,
               extra=f"test=domu-info,edu,domu-copy nvme=2 edu=1 {words}")
    host.wait("one", r"^  edu: MSI: 10 transfers, 10 interrupts$")
    host.wait("one", r"^  edu: INTx: 10 transfers, 10 interrupts$")
    host.wait("one", r"^  domu-copy: \d+ bytes .* MSI-X interrupts$")
    host.wait("one", PASSED)
    gone(host, "one")
    host.same("src", "dst")


@scenario("guest-cold-vtd", "the guest copies a disk through passed-through NVMe, VT-d", "short",
          iommu="vtd", qemu=EDU, disks=DISKS, files=GUEST)
def guest_cold_vtd(host):
    cold(host)


@scenario("guest-cold-amd", "the same with AMD-Vi, on 2 CPUs, by FIFO event channels",
          iommu="amd", qemu=EDU, disks=DISKS, files=GUEST)
def guest_cold_amd(host):
    cold(host, "cpus=2 evtchn=fifo", vcpus=2)


@scenario("guest-alias", "BARs whose PFNs are RAM in the guest: mapped all the same", mem="3G",
          qemu=EDU, disks=DISKS, files=GUEST)
def guest_alias(host):
    devices = [*host.disks.values(), EDU_AT]
    for device in devices:
        bind_without_iommu(host, device)
    # Without the host's map all PFNs below the limit are RAM, or will be when the guest grows.
    host.start("one", paused=True, **CONFIG | {"memory": 1100, "maxmem": 4400},
               extra="test=domu-info,mmio,edu,domu-copy nvme=2 edu=1 wait=120000")
    host.do("xl mem-max one 4400 && xl unpause one")
    host.wait("one", "^pci: waiting for devices$")
    for device in devices:
        host.do(f"xenpci attach --no-iommu one {device}", says="attached to domain 1")
    host.wait("one", r"^  domu-info: \S+ BAR 0 at 0xfea00000, over RAM: alias$")
    host.wait("one", PASSED)
    gone(host, "one")
    host.same("src", "dst")


@scenario("guest-direct", "without IOMMU: INTx, 28-bit bounces, a disk copied, no memory map",
          qemu=EDU, disks=DISKS, files=GUEST)
def guest_direct(host):
    devices = [*host.disks.values(), EDU_AT]
    for device in devices:
        bind_without_iommu(host, device)
    host.start("one", **CONFIG, extra="test=domu-info,edu,domu-copy nvme=2 edu=1 wait=120000")
    host.wait("one", "^pci: waiting for devices$")
    for device in devices:
        host.do(f"xenpci attach --no-iommu one {device}", says="attached to domain 1")
    host.wait("one", r"^  domu-info: memory map: one piece of RAM")
    host.wait("one", r"^  edu: INTx: 10 transfers, 10 interrupts$")
    host.wait("one", r"^  domu-copy: \d+ bytes .* INTx interrupts$")
    host.wait("one", PASSED)
    gone(host, "one")
    host.same("src", "dst")


def store(host):
    """All nodes of xenstore that have a value: the tool leaves empty folders behind."""
    lines = host.do("xenstore-ls -f").splitlines()
    return {line for line in lines if not line.endswith(' = ""')}


def cycles(host, number, attach, detach, works, seen=None, **config):
    """Attach and detach two devices by turns; the guest judges what it holds, and seen(device)."""
    devices = [EDU_AT, host.disks["src"]]
    before = store(host)
    host.start("one", **CONFIG, **config,
               extra=f"test=domu-hotplug iterations={number} wait=120000")
    host.wait("one", "^domu: ready$")
    since = 0
    for cycle in range(number):
        device = devices[cycle % 2]
        host.do(f"{attach} {device}")
        host.wait("one", rf"^domu: \S+ \w+ works, {works}", since=since)
        if seen:
            seen(device)
        since = len(host.guests["one"])
        host.do(f"{detach} {device}")
        host.wait("one", r"^domu: \S+ \w+ gone after", since=since)
    host.wait("one", PASSED)
    gone(host, "one")
    left = store(host) ^ before
    if left:
        raise Failure(f"xenstore is not as before: {sorted(left)}")


@scenario("guest-hot-direct", "without IOMMU, 6 times by turns: INTx, and DMA that nothing stops",
          qemu=EDU, disks={"src": 4 << 20}, files=GUEST)
def guest_hot_direct(host):
    for device in (EDU_AT, host.disks["src"]):
        bind_without_iommu(host, device)
    cycles(host, 6, "xenpci attach --no-iommu one", "xenpci detach one", "INTx")


@scenario("guest-crash", "a guest crashes in mid-DMA: its devices go to the next one", iommu="vtd",
          qemu=EDU, disks=DISKS, files=GUEST)
def guest_crash(host):
    devices = [*host.disks.values(), EDU_AT]
    for device in devices:
        host.do(f"xl pci-assignable-add {device}")
    host.start("one", **CONFIG | {"on_crash": "destroy"}, pci=devices, extra="test=domu-crash")
    host.wait("one", "crash as asked for, 2 transfers under way$")
    gone(host, "one")
    host.start("two", **CONFIG, pci=devices, extra="test=edu,domu-copy nvme=2 edu=1")
    host.wait("two", PASSED)
    gone(host, "two")
    host.same("src", "dst")


@scenario("guest-conformance-devices", "the same as a domU that has devices", iommu="vtd",
          mem="3G", qemu=("-device", "edu,addr=4", "-device", "nvme,serial=conformance,addr=5"),
          files=GUEST)
def guest_conformance_devices(host):
    host.start("one", **CONFIG, passthrough="enabled",
               extra="test=conformance edu=1 nvme=1 wait=120000")
    host.wait("one", "^pci: waiting for devices$")
    for device in ("0000:00:04.0", "0000:00:05.0"):
        host.do(f"xl pci-assignable-add {device}")
        host.do(f"xl pci-attach one {device}")
    conformance(host, "domu-devices")
