# SPDX-License-Identifier: MIT
"""A machine under QEMU with Xen and the Linux dom0, driven from here.

The first serial port is Xen's console and goes to console.log. The second carries commands and
answers (dom0-init has the protocol) and the guests' consoles, and goes to control.log. Every wait
has a deadline in seconds, which SLOW multiplies; leaving a `with Host(...)` always ends QEMU.
"""

import os
import queue
import re
import subprocess
import threading
import time

import cpio

O = os.environ.get("O") or "build"
QEMU = os.environ.get("QEMU") or "qemu-system-x86_64"
XEN = f"{O}/xen/given" if os.environ.get("XEN") else f"{O}/xen/debian"
SLOW = float(os.environ.get("SLOW") or 1)

IOMMU = {
    "none": [],
    "vtd": ["-device", "intel-iommu,intremap=on"],
    "amd": ["-device", "amd-iommu,intremap=on"],
}
IOMMU_LINE = {
    "none": r"I/O virtualisation disabled",
    "vtd": r"Intel VT-d Queued Invalidation enabled",
    "amd": r"AMD-Vi: IOMMU 0 Enabled",
}

# What a hypervisor or dom0 prints when it goes down.
CRASH = re.compile(
    r"Panic on CPU|Xen BUG at|Xen call trace|FATAL (TRAP|PAGE FAULT)|Hardware Dom0 (crashed|halted)"
    r"|Kernel panic|BUG: |Oops: "
)


# QEMU 7.2 loses vector registers when Xen switches them lazily: 1 of some 700 programs crashed.
XEN_OPTIONS = (
    "com1=115200,8n1 console=com1 loglvl=all guest_loglvl=all bootscrub=0 dom0_max_vcpus=1"
    " spec-ctrl=eager-fpu"
)


class Failure(Exception):
    """The machine did not do what the scenario expects of it; the text is the verdict."""


class Host:
    """files: what to put into dom0's file system, path there -> path here.
    disks: NVMe controllers, serial number -> size in bytes; `src` has a pattern, others are empty.
    trace: the file there in which xenstored notes all that it does.
    """

    def __init__(self, folder, iommu="none", qemu=(), files=None, disks=None, mem="2G",
                 dom0="512M", trace=None):
        self.folder = folder
        self.iommu = iommu
        self.guests = {}
        self.disks = {serial: f"0000:00:{8 + i:02x}.0" for i, serial in enumerate(disks or {})}
        self._number = 0
        self._answers = queue.Queue()
        self._control = open(f"{folder}/control.log", "w", encoding="utf-8")
        self._console = f"{folder}/console.log"
        with open(self._console, "wb"):
            pass  # QEMU may take a while to make it
        self._qemu = subprocess.Popen(
            self._command([*qemu, *self._make_disks(disks or {})], files or {}, mem, dom0,
                          f" xenstored_trace={trace}" if trace else ""),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=open(f"{folder}/qemu.log", "wb"),
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _command(self, qemu, files, mem, dom0, linux):
        initrd = f"{self.folder}/initrd"
        with open(initrd, "wb") as file:
            file.write(cpio.read(f"{O}/dom0/dom0.cpio"))
            file.write(cpio.archive(files))
        return [
            *(QEMU, "-accel", "tcg,thread=multi", "-cpu", "max,-smap", "-M", "q35"),
            *("-m", mem, "-smp", "1", "-nodefaults", "-vga", "std", "-display", "none"),
            *("-serial", f"file:{self._console}", "-serial", "stdio", "-no-reboot"),
            *IOMMU[self.iommu],
            *qemu,
            *("-kernel", XEN, "-initrd", f"{O}/dom0/vmlinux console=hvc0{linux},{initrd}"),
            *("-append", f"{XEN_OPTIONS} dom0_mem={dom0}"),
        ]

    def _make_disks(self, disks):
        for serial, size in disks.items():
            with open(f"{self.folder}/{serial}.img", "wb") as file:
                if serial == "src":
                    file.write(b"".join(b"%-511d\n" % i for i in range(size // 512)))
                file.truncate(size)
            slot = self.disks[serial][8:10]
            yield "-blockdev"
            yield f"node-name={serial},driver=raw,file.driver=file," \
                f"file.filename={self.folder}/{serial}.img"
            yield "-device"
            yield f"nvme,drive={serial},serial={serial},addr=0x{slot}"

    def same(self, one, other):
        """Fail unless two disks hold the same, as far as the guest has flushed them."""
        with open(f"{self.folder}/{one}.img", "rb") as a, \
                open(f"{self.folder}/{other}.img", "rb") as b:
            if a.read() != b.read():
                raise Failure(f"disks {one} and {other} differ")

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._qemu.kill()
        self._qemu.wait()
        self._reader.join()
        self._control.close()
        for name in ("initrd", *(f"{serial}.img" for serial in self.disks)):
            os.unlink(f"{self.folder}/{name}")

    def _read(self):
        """In a thread of its own: part answers from the guests' lines."""
        for raw in self._qemu.stdout:
            line = raw.decode("utf-8", "replace").rstrip("\r\n")
            self._control.write(f"{line}\n")
            self._control.flush()
            if line.startswith(":"):
                name, _, text = line[1:].partition(" ")
                self.guests.setdefault(name, []).append(text.rstrip("\r"))
            else:
                self._answers.put(line)
        self._answers.put(None)

    def console(self):
        with open(self._console, encoding="utf-8", errors="replace") as file:
            return file.read().replace("\r", "")

    def check(self):
        """Fail if Xen or dom0 went down."""
        crash = CRASH.search(self.console())
        if crash:
            raise Failure(f"crash: {self.console()[crash.start():].splitlines()[0]}")
        if self._qemu.poll() is not None:
            raise Failure(f"QEMU ended with status {self._qemu.returncode}")

    def _answer(self, what, end):
        """The next line of an answer; end is a time.monotonic() value."""
        while True:
            try:
                line = self._answers.get(timeout=min(1, max(0, end - time.monotonic())))
            except queue.Empty:
                self.check()
                if time.monotonic() >= end:
                    raise Failure(f"hang: time was up: {what}") from None
                continue
            if line is None:
                self._qemu.wait()
                self.check()
            return line

    def up(self, seconds=180):
        """Wait until xl may be used."""
        end = time.monotonic() + seconds * SLOW
        while (line := self._answer("dom0 start", end)) != "@up":
            if line.startswith("@failed"):
                raise Failure(f"dom0 start: {line}")
        self.check()
        if not re.search(IOMMU_LINE[self.iommu], self.console()):
            raise Failure(f"no console line with: {IOMMU_LINE[self.iommu]}")

    def run(self, command, seconds=60):
        """Run a shell command in dom0: (status, output). Time up is a failure there, 143."""
        self._number += 1
        self._control.write(f"# {command}\n")
        limit = int(seconds * SLOW)
        self._qemu.stdin.write(f"{self._number} {limit} {command}\n".encode())
        self._qemu.stdin.flush()
        end = time.monotonic() + limit + 10 * SLOW
        output = []
        while True:
            line = self._answer(command, end)
            if line.startswith("="):
                output.append(line[1:])
            elif line.startswith(f"@done {self._number} "):
                return int(line.split()[2]), "\n".join(output)

    def do(self, command, seconds=60, fails=False, says=None):
        """Run a command that must succeed (or fail) and print `says`, a regular expression."""
        status, output = self.run(command, seconds)
        if (status != 0) != fails:
            text = f"{output}\n".splitlines()[-1]
            raise Failure(f"`{command}` ended with status {status}: {text}")
        if says and not re.search(says, output):
            raise Failure(f"`{command}` did not say: {says}")
        return output

    def note(self, text):
        """A figure for the report, printed at once."""
        print(f"  note    {os.path.basename(self.folder)}: {text}", flush=True)
        self._control.write(f"% {text}\n")

    def start(self, name, seconds=120, paused=False, **config):
        """Start a PV guest by xl; its console is followed. The keys are those of xl.cfg."""
        text = "".join(f"{key} = {value!r}\n" for key, value in config.items())
        self._put(f"/etc/xen/{name}.cfg", f"name = {name!r}\ntype = 'pv'\n{text}")
        if name not in self.guests:
            self.guests[name] = []
            self.do(f"relay {name}")
        self.do(f"xl create -q{'p' if paused else ''} /etc/xen/{name}.cfg", seconds)

    def _put(self, path, text):
        """A small file; a line of input holds up to 4095 bytes."""
        quoted = text.replace("\\", r"\\").replace("'", r"'\''").replace("\n", r"\n")
        self.do(f"echo -en '{quoted}' >{path}")

    def wait(self, name, pattern, seconds=120, since=0):
        """Wait for a line of a guest's console, from line number `since` on: the match."""
        end = time.monotonic() + seconds * SLOW
        while True:
            lines = self.guests[name]
            for line in lines[since:]:
                match = re.search(pattern, line)
                if match:
                    return match
            self.check()
            if time.monotonic() >= end:
                last = lines[-1] if lines else "(nothing)"
                raise Failure(f"hang: {name} did not print {pattern}, last line: {last}")
            time.sleep(0.1)

    def post_mortem(self):
        """After a failure, into control.log: what there is to know. Never fails itself."""
        try:
            for command in ("xl list", "xenstore-ls -f", "dmesg | tail -n 40", "xl dmesg | tail"):
                self.run(command, 10)
        except (Failure, OSError):
            pass
