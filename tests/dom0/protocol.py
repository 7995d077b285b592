# SPDX-License-Identifier: MIT
"""Who writes what in xenstore while Linux's pcifront, pciback and `xl` connect, plug and unplug:
what docs/pci-xenstore.md says of them, held against xenstored's own trace."""

import re

from basic import LINUX, LINUX_CONFIG
from host import Failure
from scenario import scenario

TRACE = "/var/log/xenstored.trace"
BACK = "/local/domain/0/backend/pci/1/0"
FRONT = "/local/domain/1/device/pci/0"
KEYS = re.compile(
    r" (WRITE|RM) \((?:/local/domain/[01]/)?(backend/pci/1/0|device/pci/0)/(\S+) (.*)\)"
)


class Watcher:
    """What was written since it was asked last, in order: `BE state 7`, `FE magic 7`, `BE -dev-1`.
    """

    def __init__(self, host):
        self._host = host
        self._seen = 0

    def news(self):
        lines = self._host.do(f"grep ' [WR][RM].*pci/' {TRACE}").splitlines()
        found = [KEYS.search(line) for line in lines[self._seen:]]
        self._seen = len(lines)
        return [self._name(match) for match in found if match]

    @staticmethod
    def _name(match):
        action, folder, key, value = match.groups()
        end = "BE" if folder.startswith("backend") else "FE"
        return f"{end} -{key}" if action == "RM" else f"{end} {key} {value}"


def settle(host):
    """Wait until both ends are connected."""
    host.do(f'until [ "$(xenstore-read {BACK}/state)$(xenstore-read {FRONT}/state)" = 44 ]; do '
            "sleep 0.2; done")


def in_order(news, *expected):
    """These were written in this order; others may stand between."""
    rest = iter(news)
    for what in expected:
        if not any(re.fullmatch(what, line) for line in rest):
            raise Failure(f"'{what}' is missing or too early in: {', '.join(news)}")


def connect(host, trace, device):
    host.do(f"xl pci-attach peer {device}")
    settle(host)
    news = trace.news()
    in_order(news, "BE state 1", "BE state 2", r"BE vdev-0 0000:00:00\.00", "BE state-0 3",
             "BE root-0 0000:00", "BE root_num 1", "BE state 3", "BE state 4", "FE state 4")
    in_order(news, "FE state 1", r"FE pci-op-ref \d+", r"FE event-channel \d+", "FE magic 7",
             "FE state 3", "BE state 4")
    in_order(news, rf"BE dev-0 {device}", "BE state-0 1", "BE num_devs 1", "BE state 2")


def plug(host, trace, device):
    host.do(f"xl pci-attach peer {device}")
    settle(host)
    in_order(trace.news(), rf"BE dev-1 {device}", "BE state-1 1", "BE num_devs 2", "BE state 7",
             "FE state 7", r"BE vdev-1 0000:00:01\.00", "BE state-1 3", "BE state 8",
             "FE state 4", "BE state 4")


def unplug_first(host, trace, device, other):
    """The other's index becomes 0; its virtual address stays."""
    host.do(f"xl pci-detach peer {device}")
    in_order(trace.news(), "BE state-0 5", "BE state 7", "FE state 7", "BE state 8", "FE state 4",
             "BE state 4", "BE num_devs 1", "BE state-0 3", "BE -state-1", rf"BE dev-0 {other}",
             "BE -dev-1", r"BE vdev-0 0000:00:01\.00", "BE -vdev-1")
    host.do(f"xenstore-read {BACK}/dev-0", says=f"^{other}$")
    host.do(f"xenstore-read {BACK}/dev-1", fails=True)


def unplug_last(host, trace, device):
    host.do(f"xl pci-detach peer {device}")
    in_order(trace.news(), "BE state-0 5", "BE state 7", "FE state 7", "BE state 8", "FE state 4",
             "BE state 4", "BE -vdev-0", "BE num_devs 0")
    for folder in (FRONT, BACK):
        host.do(f"xenstore-read {folder}", fails=True)


@scenario("linux-protocol", "Linux and xl keep to docs/pci-xenstore.md", iommu="vtd",
          disks={"one": 1 << 20, "two": 1 << 20}, files=LINUX, trace=TRACE)
def linux_protocol(host):
    one, two = host.disks.values()
    for device in (one, two):
        host.do(f"xl pci-assignable-add {device}")
    host.start("peer", **LINUX_CONFIG, passthrough="enabled", e820_host=1)
    host.wait("peer", "^domu: up$")
    trace = Watcher(host)
    connect(host, trace, one)
    plug(host, trace, two)
    host.wait("peer", "^domu: pci 0000:00:01.0 ")
    unplug_first(host, trace, one, two)
    unplug_last(host, trace, two)
    host.wait("peer", "^domu: 0000:00:01.0 gone$")
