# SPDX-License-Identifier: MIT
"""What a scenario is, and the register of all."""

import dataclasses
from typing import Callable

REGISTER = {}


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    what: str  # one line for `make dom0-list`
    tags: tuple  # "short": part of `make check`
    machine: dict  # arguments of host.Host
    play: Callable  # gets the Host, with xl ready; raises Failure


def scenario(name, what, tags="", **machine):
    def register(play):
        assert name not in REGISTER
        REGISTER[name] = Scenario(name, what, tuple(tags.split()), machine, play)
        return play

    return register
