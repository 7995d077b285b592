# SPDX-License-Identifier: MIT
"""The rows of `make bench`, in the order of the table, and what each must reach.

README.md says what each does; rows.h is the code that does it, on both systems.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """ratio: ours / Linux at most; most: our instructions; calls: our hypercalls; near: our figure
    at most so many times that of another row of ours; linux: does Linux have such an operation?"""

    key: str
    title: str
    ratio: float = None
    most: int = None
    calls: int = None
    near: tuple = None
    linux: bool = True


def held(key, title):
    return Row(f"held_{key}", f"map+unmap {title} bounced, 95 % held", ratio=0.20,
               near=(f"bounce_{key}", 1.3))


def coherent(key, title, bits, ratio):
    name = f"coherent {title}, {bits}-bit"
    return (Row(f"coherent_{key}_first_{bits}", f"{name}, first time"),
            Row(f"coherent_{key}_{bits}", f"{name}, steady", ratio=ratio, calls=0))


ROWS = (
    Row("pfn_to_mfn", "pfn_to_mfn", ratio=0.35),
    Row("mfn_to_pfn", "mfn_to_pfn"),
    Row("direct_4k", "map+unmap 4 KiB direct", ratio=0.15, calls=0),
    Row("direct_64", "map+unmap 64 B direct", calls=0),
    Row("sync_direct", "sync both ways direct", ratio=0.10, calls=0),
    Row("sg_scattered", "sg 128 pages direct, scattered", ratio=0.15, calls=0),
    Row("sg_merged", "sg 128 pages direct, merged", ratio=0.15, calls=0),
    Row("bounce_64", "map+unmap 64 B bounced", ratio=0.15, calls=0),
    Row("bounce_512", "map+unmap 512 B bounced", calls=0),
    Row("bounce_4k", "map+unmap 4 KiB bounced", ratio=0.20, calls=0),
    Row("bounce_64k", "map+unmap 64 KiB bounced", calls=0),
    Row("bounce_256k", "map+unmap 256 KiB bounced", calls=0),
    Row("bounce_64_back", "map+unmap 64 B bounced, from device", calls=0),
    Row("bounce_4k_back", "map+unmap 4 KiB bounced, from device", calls=0),
    Row("sync_partial", "sync both ways, 64 B of 4 KiB bounced", calls=0),
    held("64", "64 B"),
    held("512", "512 B"),
    held("4k", "4 KiB"),
    held("64k", "64 KiB"),
    held("256k", "256 KiB"),
    *coherent("4k", "4 KiB", 64, 0.10),
    *coherent("64k", "64 KiB", 64, 0.05),
    *coherent("1m", "1 MiB", 64, 0.05),
    *coherent("4k", "4 KiB", 32, 0.10),
    *coherent("64k", "64 KiB", 32, 0.05),
    *coherent("1m", "1 MiB", 32, 0.05),
    Row("pool_64m", "building a 64 MiB pool", ratio=0.5, calls=64),
    Row("identity_16g", "16 GiB BAR identity, on and off", most=3000, calls=0, linux=False),
    Row("boot", "boot to first DMA"),
)


@dataclass(frozen=True)
class Figure:
    instructions: float  # of one operation
    calls: int


def missed(row, ours, linux):
    """In what the figures, by key, miss what the row must reach: a list of words."""
    figure = ours[row.key]
    words = []
    if row.ratio and figure.instructions > row.ratio * linux[row.key].instructions:
        words.append("ratio")
    if row.most and figure.instructions > row.most:
        words.append("instructions")
    if row.calls is not None and figure.calls > row.calls:
        words.append("hypercalls")
    if row.near and figure.instructions > row.near[1] * ours[row.near[0]].instructions:
        words.append(f"{row.near[1]} x empty pool")
    return words


def limit(row):
    """What the row must reach, as text."""
    words = [f"{row.ratio:.2f}"] if row.ratio else []
    words += [str(row.most)] if row.most else []
    return words[0] if words else ""
