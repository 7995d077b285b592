#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Unpack the ELF kernel of a bzImage (xz or gzip): vmlinux.py BZIMAGE TO"""

import gzip
import lzma
import os
import struct
import sys


def payload(image):
    """The compressed kernel: the fields of the x86 boot protocol say where it is."""
    if image[0x202:0x206] != b"HdrS":
        # offset 0x202 is the magic number of every bzImage
        raise ValueError("no bzImage")
    setup_sectors = image[0x1F1]
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (setup_sectors + 1) * 512 + offset
    return image[start : start + length]


def unpack(data):
    if data.startswith(b"\xfd7zXZ"):
        return lzma.LZMADecompressor().decompress(data)
    if data.startswith(b"\x1f\x8b"):
        return gzip.decompress(data)
    raise ValueError("compressed in a way this script does not know")


def main(source, target):
    with open(source, "rb") as file:
        kernel = unpack(payload(file.read()))
    if not kernel.startswith(b"\x7fELF"):
        raise ValueError("no ELF file inside")
    with open(target + ".new", "wb") as file:
        file.write(kernel)
    os.rename(target + ".new", target)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (OSError, ValueError) as error:
        sys.exit(f"vmlinux.py: {sys.argv[1]}: {error}")
