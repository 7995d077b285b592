# SPDX-License-Identifier: MIT
"""xenpci in dom0: what it says before anything is touched, and what it sees of a guest."""

import json
import xml.dom.minidom

from basic import CARD, E1000E, LINUX, LINUX_CONFIG, bind_without_iommu
from host import Failure
from scenario import scenario

VGA = "0000:00:01.0"  # its ROM lies at c0000, where every guest has memory
PAGES = LINUX_CONFIG["memory"] * 256


def look(host, command, status=0):
    """The JSON document that xenpci prints; it must end with that status."""
    name, _, rest = command.partition(" ")
    got, output = host.run(f"xenpci {name} --json {rest} 2>/tmp/errors")
    if got != status:
        raise Failure(f"xenpci {command} ended with {got}, not {status}: {output[-300:]}")
    return json.loads(output)


def expect(host, command, wanted, status=0):
    """Errors and warnings of `xenpci check`: just these, each with evidence."""
    found = [f for f in look(host, command, status)["findings"] if f["severity"] != "note"]
    if {f["id"] for f in found} != set(wanted):
        raise Failure(f"xenpci {command} found {[f['cause'] for f in found]}, not {wanted}")
    if not all(f["cause"] and f["evidence"] and f["next"] for f in found):
        raise Failure(f"xenpci {command}: a finding without evidence or next command: {found}")


def check_map(host, name, bars):
    """The map of a guest as started: all of its memory, and so many BARs."""
    shown = look(host, f"map {name}")
    if shown["total"] != {"ram": PAGES, "foreign": 0, "identity": 0, "wrong": 0}:
        raise Failure(f"the map counts {shown['total']}")
    if shown["findings"] or shown["faults"] or len(shown["bars"]) != bars:
        raise Failure(f"the map has {shown['bars']}, findings {shown['findings']}")
    if sum(i["pages"] for i in shown["items"] if i["kind"] == "RAM") != PAGES:
        raise Failure("the stretches of RAM are not all of it")
    xml.dom.minidom.parseString(host.do(f"xenpci map --svg {name}"))
    host.do(f"xenpci map {name}", says=rf"domain \d+ {name}: {PAGES} pages")
    return shown


@scenario("xenpci-look", "xenpci map, check and explain on a host without IOMMU", "short",
          qemu=E1000E, files=LINUX)
def xenpci_look(host):
    bind_without_iommu(host, CARD)
    host.start("peer", **LINUX_CONFIG)
    host.wait("peer", "^domu: up$")
    if check_map(host, "peer", 0)["runs"]["count"] == 0:
        raise Failure("no run is contiguous")
    host.do(f"xenpci attach --no-iommu peer {CARD}", says="attached to domain 1")
    host.wait("peer", r"^domu: eth0 works \(e1000e\)$")
    shown = check_map(host, "peer", 4)
    if {bar["device"] for bar in shown["bars"]} != {CARD}:
        raise Failure(f"the map shows BARs of other devices: {shown['bars']}")
    # The driver has exchanged memory for its bounce buffers and rings by now, and lost none.
    taken = ["no-iommu", "no-reset", "not-assignable"]
    expect(host, f"check {VGA}", taken, 4)
    expect(host, f"check {VGA} peer", ["bar-over-ram", *taken], 4)
    expect(host, f"check {CARD} peer", ["no-iommu", "no-msi", "reset-pm"], 4)
    expect(host, f"check --no-iommu {CARD} peer", ["no-iommu", "no-msi", "reset-pm"])
    host.do(f"xenpci explain {CARD}", says=r"MSI-X, 5 vectors")
    host.do("xenpci map 0", fails=True, says="domain 0|not")
    for wrong in ("map", "map nobody", "map --svg --json peer", f"check {CARD} nobody",
                  "check 00:06.9", "check 00:09.0", "explain", "explain --what 00:06.0"):
        host.do(f"xenpci {wrong}", fails=True, says="^xenpci: error: ")
    host.do("xl destroy peer")


@scenario("xenpci-check-vtd", "xenpci check: a domain without passthrough, a device taken; VT-d",
          iommu="vtd", qemu=E1000E, files=LINUX)
def xenpci_check(host):
    host.do(f"xl pci-assignable-add {CARD}")
    host.start("without", **LINUX_CONFIG)
    host.start("with", **LINUX_CONFIG, passthrough="enabled", e820_host=1)
    host.wait("with", "^domu: up$")
    expect(host, f"check {CARD} without", ["no-passthrough", "reset-pm"], 4)
    expect(host, f"check {CARD} with", ["reset-pm"])
    host.do(f"xl pci-attach with {CARD}")
    host.wait("with", r"^domu: eth0 works \(e1000e\)$")
    shown = look(host, "map with")
    taken = [b for b in shown["bars"] if b["ram"] or b["foreign"] or b["wrong"]]
    if len(shown["bars"]) != 4 or taken or shown["total"]["wrong"]:
        raise Failure(f"the map has {shown['bars']}")
