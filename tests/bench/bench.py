#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the library's operations cost beside Linux's: bench.py

Boots the reference guest and a Linux dom0 on Xen under QEMU, each on the same machine, with one
instruction counted as one tick of the TSC. Leaves table.txt, console logs, and in $O bench.json and
bench.svg. Fails when a figure is lacking; a row that misses its mark is only marked.
"""

import concurrent.futures
import os
import subprocess
import sys

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "dom0"))

import cpio  # noqa: E402
import report  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
O = os.environ.get("O") or "build"
QEMU = os.environ.get("QEMU") or "qemu-system-x86_64"
XEN = f"{O}/xen/given" if os.environ.get("XEN") else f"{O}/xen/debian"
SLOW = float(os.environ.get("SLOW") or 1)
TREE = f"{O}/linux-6.12/tree"
FOLDER = f"{O}/bench"
SECONDS = 900
# Debian's Xen gives dom0 memory from above: all of it above 4 GiB.
MACHINE = ("-M", "q35", "-m", "5G", "-smp", "1", "-cpu", "max,-smap", "-device", "edu")
XEN_WORDS = ("com1=115200,8n1 console=com1 loglvl=all guest_loglvl=all bootscrub=0 "
             "dom0_mem=1G dom0_max_vcpus=1")


def kernel():
    names = [name for name in os.listdir(f"{TREE}/boot") if name.startswith("vmlinuz-")]
    return f"{TREE}/boot/{names[0]}"


def linux_image():
    path = f"{FOLDER}/linux.cpio"
    with open(path, "wb") as file:
        file.write(cpio.archive({
            "init": f"{HERE}/linux/init",
            "bin/busybox": f"{TREE}/bin/busybox",
            "xendma_bench.ko": f"{FOLDER}/linux/xendma_bench.ko",
        }))
    return path


def command(modules):
    """QEMU with the console on standard output; modules: dom0's kernel and what follows it."""
    return [
        *(QEMU, "-accel", "tcg", "-icount", "shift=0,sleep=off", *MACHINE, "-nodefaults"),
        *("-vga", "std", "-display", "none", "-serial", "stdio", "-no-reboot"),
        *("-kernel", XEN, "-initrd", modules, "-append", XEN_WORDS),
    ]


def boot(name, modules):
    """The console of a run from power-on to power-off."""
    log = f"{FOLDER}/{name}.log"
    with open(log, "wb") as file:
        try:
            status = subprocess.run(command(modules), stdin=subprocess.DEVNULL, stdout=file,
                                    stderr=subprocess.STDOUT, timeout=SECONDS * SLOW,
                                    check=False).returncode
        except subprocess.TimeoutExpired:
            raise report.Failure(f"{name}: time was up ({log})") from None
    if status:
        raise report.Failure(f"{name}: QEMU ended with status {status} ({log})")
    with open(log, encoding="utf-8", errors="replace") as file:
        return file.read()


def run():
    version = os.path.basename(kernel()).removeprefix("vmlinuz-")
    runs = {
        "xendma": f"{O}/guest.elf bench=1 map=0",
        "linux": f"{kernel()} console=hvc0 quiet,{linux_image()}",
    }
    print(f"bench: booting Linux {version} and the reference guest; some minutes", flush=True)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        texts = dict(zip(runs, pool.map(boot, runs, runs.values())))
    ours = report.figures(texts["xendma"], "xendma", linux=False)
    linux = report.figures(texts["linux"], "linux", linux=True)
    about = {"linux": version, "machine": " ".join(MACHINE), "xen": XEN_WORDS}
    text, nr_missed = report.table(ours, linux, f"instructions; Linux {version}")
    for path, content in (
        (f"{FOLDER}/table.txt", text + "\n"),
        (f"{O}/bench.json", report.as_json(ours, linux, about) + "\n"),
        (f"{O}/bench.svg", report.svg(ours, linux, f"Instructions, Linux {version} = 1")),
    ):
        with open(path, "w", encoding="utf-8") as file:
            file.write(content)
    print(text)
    print(f"\nbench: {nr_missed} rows miss their mark; {O}/bench.json, {O}/bench.svg")


def main():
    try:
        run()
    except (OSError, report.Failure) as failure:
        sys.exit(f"bench: {failure}")


if __name__ == "__main__":
    main()
