# SPDX-License-Identifier: MIT
"""What Xen has in its books for a domain, by its own dumps (debug keys), and what xenstore holds.

Xen's figures are those that a guest cannot be wrong about: whatever it has lost track of is still
counted there."""

import dataclasses
import re

from host import Failure


@dataclasses.dataclass(frozen=True)
class Ledger:
    pages: int  # of memory
    grants: int  # that another domain has mapped now
    ports: int  # event channels in use
    pirqs: int  # interrupts of the machine bound to the guest
    interrupts: str  # those that it may use
    memory: str  # frames of the machine that it may map
    ioports: str  # ports that it may use

    def figures(self):
        return f"pages {self.pages} grants {self.grants} ports {self.ports} pirqs {self.pirqs}"


def _dump(host, key):
    """What Xen prints for a debug key."""
    before = len(host.console())
    host.do(f"xl debug-keys {key}")
    return host.console()[before:]


def _one(pattern, text):
    match = re.search(pattern, text, re.M)
    if not match:
        raise Failure(f"Xen's dump has no {pattern}")
    return match[1]


def _part(what, domain, text):
    """The part of a dump that is about one domain."""
    return _one(rf"(?s)({what}{domain}\b.*?)(?={what}|\Z)", text)


def ledger(host, domain):
    general = _part("General information for domain ", domain, _dump(host, "q"))
    grants = _part("grant-table for remote d", domain, _dump(host, "g"))
    ports = _part("Event channel information for domain ", domain, _dump(host, "e"))
    ranges = {name: _one(rf"^\(XEN\) +{name} +\{{ *(.*?) *\}}", general)
              for name in ("Interrupts", "I/O Memory", "I/O Ports")}
    return Ledger(
        pages=int(_one(r"nr_pages=(\d+)", general)),
        grants=len(re.findall(r"^\(XEN\) \[0x", grants, re.M)),
        ports=len(re.findall(r"^\(XEN\) +\d+ \[", ports, re.M)),
        pirqs=len(re.findall(rf"\bd{domain}: *\d+\(", _dump(host, "i"))),
        interrupts=ranges["Interrupts"],
        memory=ranges["I/O Memory"],
        ioports=ranges["I/O Ports"],
    )


def same(was, now, when):
    """Fail if anything differs."""
    differs = [f"{field.name} {getattr(was, field.name)!r} -> {getattr(now, field.name)!r}"
               for field in dataclasses.fields(was)
               if getattr(was, field.name) != getattr(now, field.name)]
    if differs:
        raise Failure(f"{when}: not as before: {', '.join(differs)}")


class Store:
    """A copy of xenstore, to be compared with what it is later."""

    # Which the tool leaves behind, empty, once it has had a guest or a function.
    _REMAINS = re.compile(r'^/(vm|libxl(/pci(/[0-9a-f-]+)?)?) = ""$')

    def __init__(self, host):
        self._host = host
        self._lines = self._read()

    def _read(self):
        lines = self._host.do("xenstore-ls -f").splitlines()
        return {line for line in lines if not self._REMAINS.match(line)}

    def unchanged(self, when):
        differs = [f"+ {line}" for line in sorted(self._read() - self._lines)]
        differs += [f"- {line}" for line in sorted(self._lines - self._read())]
        if differs:
            raise Failure(f"{when}: xenstore is not as before:\n  " + "\n  ".join(differs))
