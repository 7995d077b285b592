#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Scenarios with a Linux dom0 on real Xen: run.py list | run NAME | all [TAG]

list       names and what they show
run NAME   one scenario
all [TAG]  all, or those with TAG, as many at once as there are CPUs (JOBS=n)

Each run leaves console.log (Xen and dom0), control.log (commands, answers, guests) and qemu.log in
$O/dom0/run/NAME. The last line is `dom0: N passed, N failed, N skipped`.
"""

import concurrent.futures
import os
import shutil
import sys
import time
import traceback

import basic  # noqa: F401 (registers its scenarios)
import guest  # noqa: F401
import hotplug  # noqa: F401
import passthrough  # noqa: F401
import protocol  # noqa: F401
import xenpci_attach  # noqa: F401
import xenpci_force  # noqa: F401
import xenpci_guest  # noqa: F401
import xenpci_kill  # noqa: F401
import xenpci_look  # noqa: F401
import xenpci_mixed  # noqa: F401
from host import O, Failure, Host
from scenario import REGISTER


def play(scenario):
    """Run it: (seconds until dom0 was up, seconds in all, why it failed or None)."""
    folder = f"{O}/dom0/run/{scenario.name}"
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    start = time.monotonic()
    up = 0
    why = None
    with Host(folder, **scenario.machine) as host:
        try:
            host.up()
            up = time.monotonic() - start
            scenario.play(host)
            host.check()
        except Failure as failure:
            why = str(failure)
        except Exception:  # pylint: disable=broad-except
            why = "the scenario itself is wrong:\n" + traceback.format_exc()
        if why and up:
            host.post_mortem()
    return up, time.monotonic() - start, why


def report(scenario, up, seconds, why):
    if why is None:
        times = f"{seconds:3.0f} s  dom0 up after {up:.0f} s"
        print(f"  pass    {scenario.name:<16} {times}", flush=True)
    else:
        print(f"  FAIL    {scenario.name}: {why}")
        print(f"          {O}/dom0/run/{scenario.name}/")
        print(f"          again: make dom0-check B={scenario.name}", flush=True)


def run(scenarios, jobs):
    """Whether all passed; at least one must have run."""
    passed = failed = 0
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        runs = {pool.submit(play, scenario): scenario for scenario in scenarios}
        for done in concurrent.futures.as_completed(runs):
            report(runs[done], *done.result())
            if done.result()[2] is None:
                passed += 1
            else:
                failed += 1
    print(f"dom0: {passed} passed, {failed} failed, 0 skipped")
    return failed == 0 and passed > 0


def main(arguments):
    match arguments:
        case ["list"]:
            for scenario in REGISTER.values():
                tags = " ".join(scenario.tags)
                print(f"{scenario.name:<16} {tags:<6} {scenario.what}")
            return 0
        case ["run", name] if name in REGISTER:
            chosen = [REGISTER[name]]
        case ["run", name]:
            return f"dom0: no scenario '{name}' (make dom0-list)"
        case ["all", *tags] if len(tags) <= 1:
            chosen = [s for s in REGISTER.values() if not tags or tags[0] in s.tags]
        case _:
            return "usage: run.py list | run NAME | all [TAG]"
    return 0 if run(chosen, int(os.environ.get("JOBS") or os.cpu_count())) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
