# SPDX-License-Identifier: MIT
"""The reference guest with PCI functions that come and go while it runs: by the stock xl, on
Linux's pciback."""

import dataclasses

import ledger
from guest import CONFIG, GUEST, PASSED, gone
from passthrough import DISKS, EDU, EDU_AT
from protocol import settle
from scenario import scenario

SCRATCH = {"scratch": 1 << 20}
# Without pci= in it, a domain must be told that it will get devices.
HOT = {"passthrough": "enabled", "e820_host": 1}
# Under load it takes long until the tool has started.
PATIENT = "wait=120000"


def assignable(host, *devices):
    for device in devices:
        host.do(f"xl pci-assignable-add {device}")


def disconnected(host, domain):
    """The tool says that it has detached a function before all is done. Wait for the end."""
    host.do(f"while xenstore-exists /local/domain/0/backend/pci/{domain}/0; do sleep 0.2; done")


def plugged(host, device, text=r"\S+ \w+"):
    """Attach; the guest has it and works with it. Returns the lines of its console since."""
    since = len(host.guests["one"])
    host.do(f"xl pci-attach one {device}")
    host.wait("one", rf"^domu: {text} works, ", since=since)
    return host.guests["one"][since:]


def unplugged(host, device, text=r"\S+ \w+"):
    since = len(host.guests["one"])
    host.do(f"xl pci-detach one {device}")
    host.wait("one", rf"^domu: {text} gone after [1-9]\d* transfers", since=since)


def cycles(host, number):
    """Two devices in turn. From the fourth cycle on nothing may grow: the guest looks at its own
    books each time, the host at Xen's and at xenstore every ten times."""
    devices = [host.disks["scratch"], EDU_AT]
    assignable(host, *devices)
    without_guest = ledger.Store(host)
    host.start("one", **CONFIG, **HOT,
               extra=f"test=domu-hotplug iterations={number + 1} {PATIENT}")
    host.wait("one", "^domu: ready$")
    store = ledger.Store(host)
    before = None
    for i in range(1, number + 1):
        lines = plugged(host, devices[i % 2])
        unplugged(host, devices[i % 2])
        disconnected(host, 1)
        if i != 4 and i % 10 and i != number:
            continue
        store.unchanged(f"after {i} cycles")
        now = [ledger.ledger(host, domain) for domain in (0, 1)]
        before = before or now
        for domain in (0, 1):
            ledger.same(before[domain], now[domain], f"domain {domain} after {i} cycles")
        figures = [line[6:] for line in lines if line.startswith(f"domu: cycle {i}, ")]
        host.note(f"{figures[0]}; by Xen: {now[1].figures()}; dom0: {now[0].figures()}")
    # One more, since the guest ends with the last.
    plugged(host, EDU_AT)
    unplugged(host, EDU_AT)
    host.wait("one", PASSED)
    gone(host, "one")
    without_guest.unchanged("when the guest has gone")


@scenario("guest-hot", "6 times xl pci-attach and pci-detach, two devices in turn", "short",
          iommu="vtd", qemu=EDU, disks=SCRATCH, files=GUEST)
def hot(host):
    cycles(host, 6)


@scenario("guest-hot-100", "100 times, with the figures of each ten", iommu="vtd", qemu=EDU,
          disks=SCRATCH, files=GUEST)
def hot_100(host):
    cycles(host, 100)


@scenario("guest-shift", "of two functions the first is taken away: the other's index moves",
          iommu="vtd", qemu=EDU, disks=SCRATCH, files=GUEST)
def shift(host):
    disk = host.disks["scratch"]
    back = "/local/domain/0/backend/pci/1/0"
    assignable(host, disk, EDU_AT)
    host.start("one", **CONFIG, **HOT, extra=f"test=domu-hotplug iterations=4 {PATIENT}")
    host.wait("one", "^domu: ready$")
    before = ledger.ledger(host, 1)
    plugged(host, disk, "0000:00:00.0 nvme")
    plugged(host, EDU_AT, "0000:00:01.0 edu")
    unplugged(host, disk, "0000:00:00.0 nvme")
    host.do(f"until [ $(xenstore-read {back}/num_devs) = 1 ]; do sleep 0.2; done")
    host.do(f"xenstore-read {back}/dev-0 {back}/vdev-0", says=rf"{EDU_AT}\n0000:00:01\.00")
    plugged(host, disk, "0000:00:00.0 nvme")
    unplugged(host, EDU_AT, "0000:00:01.0 edu")
    unplugged(host, disk, "0000:00:00.0 nvme")
    disconnected(host, 1)
    now = ledger.ledger(host, 1)
    # With MSI on, Linux names another interrupt than the line, and xl takes that from the guest.
    before = dataclasses.replace(before, interrupts=now.interrupts)
    ledger.same(before, now, "after all have gone")
    plugged(host, EDU_AT, "0000:00:00.0 edu")
    unplugged(host, EDU_AT, "0000:00:00.0 edu")
    host.wait("one", PASSED)
    gone(host, "one")


@scenario("guest-two", "two guests with one disk each at once", iommu="vtd",
          disks={"dst": 1 << 20, "scratch": 1 << 20}, files=GUEST, mem="3G")
def two_guests(host):
    assignable(host, *host.disks.values())
    for name, device in zip(("one", "two"), host.disks.values()):
        host.start(name, paused=True, **CONFIG, pci=[device], extra="test=nvme")
    host.do("xl unpause one; xl unpause two")
    for name, serial in zip(("one", "two"), host.disks):
        host.wait(name, rf'"{serial}": .* MSI-X interrupts')
        host.wait(name, PASSED)
    for name in ("one", "two"):
        gone(host, name)


# Debian's xenstored can replace itself by another program that takes over all that it knows. A
# restart with nothing remembered is shown on the model (tests/unit/test_xenbus*.c).
@scenario("guest-xenstored", "xenstored is replaced while functions are attached and detached",
          iommu="vtd", disks=DISKS, files=GUEST)
def xenstored(host):
    def replace(number):
        name = f"xenstored-{number}"
        host.do(f"cp /bin/xenstored /tmp/{name}; xenstore-control live-update /tmp/{name}", 120)
        host.do(f"pidof {name}")

    one, two = host.disks.values()
    assignable(host, one, two)
    host.start("one", **CONFIG, **HOT, extra=f"test=domu-copy nvme=2 {PATIENT}")
    replace(1)
    host.do(f"xl pci-attach one {one}")
    settle(host)
    replace(2)
    host.do(f"xl pci-attach one {two}")  # Now the guest begins, and may have ended soon.
    replace(3)
    host.wait("one", r"^  domu-copy: \d+ bytes .* MSI-X interrupts$", 300)
    host.wait("one", PASSED)
    gone(host, "one")
    host.same("src", "dst")
