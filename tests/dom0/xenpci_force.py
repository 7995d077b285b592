# SPDX-License-Identifier: MIT
"""xenpci detach from guests that do not want to, and of a device that xl attached with MSI in use."""

from basic import CARD, E1000E, LINUX
from guest import CONFIG, GUEST
from hotplug import HOT, PATIENT, assignable, plugged
from host import O, Failure
from passthrough import EDU, EDU_AT
from scenario import scenario
from xenpci_attach import same, start_peer
from xenpci_mixed import GONE, attached, books

FRONT = "/local/domain/1/device/pci/0"


def interrupts(host):
    """What Xen lets the guest use, from the books."""
    return books(host)["permissions"][-3]


@scenario("xenpci-line", "attached by xl, MSI in use, detached by xenpci: the line goes too; VT-d",
          iommu="vtd", qemu=EDU, files={**GUEST, "/bin/pirq": f"{O}/dom0/pirq"})
def line(host):
    assignable(host, EDU_AT)
    host.start("one", **CONFIG, **HOT, extra=f"test=domu-hotplug iterations=4 {PATIENT}")
    host.wait("one", "^domu: ready$")
    before = books(host)
    number = host.do(f"cat /sys/bus/pci/devices/{EDU_AT}/irq").strip()
    # That the question tells one from the other: xl has mapped it.
    plugged(host, EDU_AT)
    host.do(f"pirq 1 {number}", says="was mapped")
    host.do(f"xenpci detach one {EDU_AT}")
    for force in ("", "--force"):
        if not any(text.endswith("works, MSI") for text in plugged(host, EDU_AT)):
            raise Failure("the guest does not use MSI")
        if number not in interrupts(host):
            raise Failure(f"line {number} is not the guest's: {interrupts(host)}")
        if host.do(f"cat /sys/bus/pci/devices/{EDU_AT}/irq").strip() == number:
            raise Failure("sysfs shows the line although MSI is on")
        host.do(f"xenpci detach --dry-run one {EDU_AT}", says="line is not to be seen yet")
        if force:
            host.do("xl pause one")
        host.do(f"xenpci detach {force} --timeout=3 one {EDU_AT}", says="1 device detached")
        host.do(f"pirq 1 {number}", says="not mapped")
        same(before, books(host))


def forced(host, before, says):
    """Nothing is left, whatever the paused guest has not done; it finds out when it goes on."""
    since = len(host.guests["peer"])
    host.do(f"xenpci detach --force --timeout=3 peer {CARD}", says=says)
    host.do("xenpci status", says="no domain has a PCI device")
    same(before, books(host))
    host.do("xl unpause peer")
    host.wait("peer", GONE, since=since)


@scenario("xenpci-force", "guests that block a detach: paused, odd states; --force ends it; VT-d",
          iommu="vtd", qemu=E1000E, files=LINUX)
def force(host):
    host.do(f"xl pci-assignable-add {CARD}")
    start_peer(host, passthrough="enabled")
    before = books(host)
    attached(host, f"xenpci attach peer {CARD}")
    during = books(host)
    host.do("xl pause peer")
    host.do(f"xenpci detach --timeout=3 peer {CARD}", fails=True, says="did not answer in time")
    same(during, books(host))
    host.do("xenpci status peer", says=rf"(?m)^  {CARD} as .*: attached$")
    forced(host, before, "did not answer in time")
    # States in which nothing goes on any more, and which the guest cannot mend now.
    for tool, state in (("xenpci attach", "7"), ("xenpci attach", "what"), ("xl pci-attach", "7")):
        attached(host, f"{tool} peer {CARD}")
        host.do(f"xl pause peer && xenstore-write {FRONT}/state {state}")
        forced(host, before, "1 device detached")
