# SPDX-License-Identifier: MIT
"""Archives that the Linux kernel unpacks behind its initramfs (cpio, format newc)."""

import posixpath
import stat


def read(path):
    with open(path, "rb") as file:
        return file.read()


def archive(files):
    """files: path there -> path here; folders above are made too."""
    out = bytearray()
    folders = set()
    for there, here in sorted(files.items()):
        for folder in reversed(list(_above(there.strip("/")))):
            if folder not in folders:
                folders.add(folder)
                out += _entry(folder, stat.S_IFDIR | 0o755, b"")
        out += _entry(there.strip("/"), stat.S_IFREG | 0o755, read(here))
    return bytes(out + _entry("TRAILER!!!", 0, b""))


def _above(path):
    while path := posixpath.dirname(path):
        yield path


def _entry(name, mode, data):
    encoded = name.encode() + b"\0"
    # inode, mode, uid, gid, links, time, size, device, device of the node, name's size, checksum
    fields = (0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(encoded), 0)
    header = b"070701" + b"".join(b"%08x" % field for field in fields)
    return _padded(header + encoded) + _padded(data)


def _padded(data):
    return data + bytes(-len(data) % 4)
