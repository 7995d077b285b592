#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Instructions by function: make bench-profile ROW="name ..."

Boots the reference guest to where it runs one row of the bench for ever, has QEMU log every
instruction for a moment, and counts them by the symbols of guest.debug. The share of a function
times the row's figure is its count for one operation.
"""

import bisect
import collections
import os
import re
import socket
import subprocess
import sys
import time

import bench

TRACE = re.compile(r"\[[0-9a-f]+/([0-9a-f]+)/")
GUEST_TEXT = 0xFFFF880000000000
LOG_SECONDS = 0.5


def symbols():
    """Addresses and names of the guest's functions, sorted."""
    lines = subprocess.run(["nm", f"{bench.O}/guest.debug"], check=True, capture_output=True,
                           text=True).stdout.splitlines()
    pairs = sorted((int(address, 16), name) for address, kind, name in map(str.split, lines)
                   if kind in "tT")
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def monitor(path, *commands):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(path)
        for command in commands:
            sock.sendall(command.encode() + b"\n")
            time.sleep(LOG_SECONDS)


def trace(row):
    """(the row's figure, path of QEMU's log of its instructions)"""
    folder = f"{bench.FOLDER}/profile"
    os.makedirs(folder, exist_ok=True)
    control, log = f"{folder}/monitor", f"{folder}/{row}.trace"
    for path in (control, log):
        if os.path.exists(path):
            os.remove(path)
    figure = None
    with subprocess.Popen(
        bench.command(f"{bench.O}/guest.elf bench=1 map=0 profile={row}")
        + ["-monitor", f"unix:{control},server,nowait", "-D", log],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace",
    ) as qemu:
        try:
            for line in qemu.stdout:
                match = re.search(rf"bench: {row} (\d+) (\d+) ", line)
                if match:
                    figure = int(match[1]) / int(match[2])
                if f"bench: profile {row}" in line:
                    monitor(control, "singlestep on", "log exec,nochain", "log none")
                    break
        finally:
            qemu.kill()
    return figure, log


def profile(row):
    addresses, names = symbols()
    figure, log = trace(row)
    if figure is None:
        sys.exit(f"profile: the guest has no row {row}")
    counts = collections.Counter()
    with open(log, encoding="ascii", errors="replace") as file:
        for line in file:
            match = TRACE.search(line)
            if not match:
                continue
            pc = int(match[1], 16)
            at = bisect.bisect_right(addresses, pc) - 1
            known = pc >= GUEST_TEXT and at >= 0
            counts[names[at] if known else "(hypervisor)"] += 1
    os.remove(log)
    total = sum(counts.values())
    print(f"{row}: {figure:,.1f} instructions ({total:,} watched)")
    for name, count in counts.most_common(14):
        print(f"  {figure * count / total:9.1f}  {100 * count / total:5.1f} %  {name}")


def main(rows):
    if not rows:
        sys.exit(__doc__.splitlines()[0])
    for row in rows:
        profile(row)


if __name__ == "__main__":
    main(sys.argv[1:])
