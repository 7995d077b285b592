#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The algorithms in nanoseconds on this machine: runs $O/bench/host, prints ratios within the run,
leaves $O/bench-host.json and, of what grows, $O/bench-host.svg."""

import json
import math
import os
import re
import subprocess
import sys

O = os.environ.get("O") or "build"
SECONDS = 300 * float(os.environ.get("SLOW") or 1)
LINE = re.compile(r"host: (\w+) (\d+) ([0-9.]+)$")


# What two threads share. Without a figure: the machine never let both run at once, undisturbed.
THREADS = (("threads", "", -1.7), ("threads_shared", ", 1 device", None),
           ("threads_near", ", small pool", None))


def measure():
    """{series: {x: ns}}"""
    out = subprocess.run([f"{O}/bench/host"], check=True, stdout=subprocess.PIPE, text=True,
                         timeout=SECONDS).stdout
    series = {}
    for line in out.splitlines():
        if match := LINE.match(line):
            series.setdefault(match[1], {})[int(match[2])] = float(match[3])
    if "host: done" not in out:
        raise ValueError("the program did not come to its end")
    return series


def only(series, name):
    return next(iter(series[name].values()))


def ratios(series):
    """(what, figure, compared with, ratio, mark or None: at most, or at least where negative)"""
    ns = [only(series, name) for name in ("bounce_cold", "bounce_cold_copies", "bounce_hot",
                                          "bounce_hot_copies", "copies_locked")]
    yield "4 KiB bounced / its 2 memcpys, 32 MiB of buffers", ns[0], ns[1], ns[0] / ns[1], 1.3
    yield "4 KiB bounced / its 2 memcpys, 1 buffer in cache", ns[2], ns[3], ns[2] / ns[3], 1.3
    yield "the same copies with a lock at each end", ns[4], ns[3], ns[4] / ns[3], None
    for size in (min(series["ram"]), max(series["ram"])):
        own, load = series["ram"][size], series["ram_load"][size]
        yield f"P2M look-up / dependent load, {size >> 20} MiB of RAM", own, load, own / load, None
    fill = series["fill"]
    yield "64 B bounced, pool 99 % full / empty", fill[99], fill[0], fill[99] / fill[0], None
    pool = series["pool"]
    yield ("64 B bounced, pool of 64 MiB / 128 KiB", pool[max(pool)], pool[min(pool)],
           pool[max(pool)] / pool[min(pool)], None)
    # A tree of 10^5 has 17 levels and, with 64 bytes a node, the memory of the largest P2M here.
    ranges, loads = series["ranges"][100000], 17 * series["ram_load"][max(series["ram_load"])]
    yield "range found among 10^5 / 17 dependent loads", ranges, loads, ranges / loads, 1.0
    for name, what, mark in THREADS:
        one, two = (series.get(name, {}).get(nr, math.nan) for nr in (1, 2))
        yield f"4 KiB maps a second, two threads / one{what}", 1e9 / two, 1e9 / one, one / two, mark


def table(rows):
    lines = [f"{'':52} {'ns':>12} {'against':>12} {'ratio':>7}"]
    for what, figure, against, ratio, mark in rows:
        note = ""
        if math.isnan(ratio):
            note = "  not measured: the CPUs were busy with other work"
        elif mark:
            missed = ratio > mark if mark > 0 else ratio < -mark
            note = f"  at {'most' if mark > 0 else 'least'} {abs(mark)}" + missed * ": missed"
        lines.append(f"{what:52} {figure:12,.1f} {against:12,.1f} {ratio:7.2f}{note}")
    return "\n".join(lines)


WIDTH, HEIGHT, EDGE = 380, 220, 56
PANELS = (
    ("P2M look-up and plain load, by RAM", "bytes", ("ram", "ram_load"), True),
    ("range looked up, by number of ranges", "ranges", ("ranges",), True),
    ("64 B mapped, by size of the pool", "bytes", ("pool",), True),
    ("64 B mapped, by fill", "%", ("fill",), False),
)
COLOURS = ("#38a", "#999")


def panel(series, title, unit, names, log):
    """One picture of ns against x, as SVG around its own origin."""
    scale = math.log2 if log else float
    xs = [scale(x) for x in series[names[0]]]
    top = max(max(series[name].values()) for name in names) * 1.1
    low, span = min(xs), max(xs) - min(xs)
    out = [f'<text x="{EDGE}" y="16" font-size="13">{title}</text>',
           f'<rect x="{EDGE}" y="26" width="{WIDTH - EDGE - 20}" height="{HEIGHT - 70}" '
           'fill="none" stroke="#ccc"/>']
    for colour, name in zip(COLOURS, names):
        points = [(EDGE + (WIDTH - EDGE - 20) * (scale(x) - low) / span,
                   HEIGHT - 44 - (HEIGHT - 70) * ns / top) for x, ns in series[name].items()]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points]
    out.append(f'<text x="{EDGE - 4}" y="36" text-anchor="end">{top:.0f} ns</text>')
    out.append(f'<text x="{EDGE - 4}" y="{HEIGHT - 44}" text-anchor="end">0</text>')
    first, last = min(series[names[0]]), max(series[names[0]])
    out.append(f'<text x="{EDGE}" y="{HEIGHT - 26}">{first:,} {unit}</text>')
    out.append(f'<text x="{WIDTH - 20}" y="{HEIGHT - 26}" text-anchor="end">{last:,}'
               f'{" (log)" if log else ""}</text>')
    return "\n".join(out)


def svg(series):
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{2 * WIDTH}" height="{2 * HEIGHT}" '
           'font-family="sans-serif" font-size="11">',
           '<rect width="100%" height="100%" fill="white"/>']
    for i, (title, unit, names, log) in enumerate(PANELS):
        out.append(f'<g transform="translate({i % 2 * WIDTH},{i // 2 * HEIGHT})">')
        out += [panel(series, title, unit, names, log), "</g>"]
    return "\n".join([*out, "</svg>"]) + "\n"


def main():
    try:
        series = measure()
        rows = list(ratios(series))
        with open(f"{O}/bench-host.json", "w", encoding="utf-8") as file:
            json.dump({"unit": "ns", "series": series,
                       "ratios": {what: ratio for what, _, _, ratio, _ in rows
                                  if not math.isnan(ratio)}}, file, indent=1)
        with open(f"{O}/bench-host.svg", "w", encoding="utf-8") as file:
            file.write(svg(series))
    except (OSError, ValueError, KeyError, subprocess.SubprocessError) as failure:
        sys.exit(f"bench-host: {failure}")
    print(table(rows))
    print(f"\nbench-host: {O}/bench-host.json, {O}/bench-host.svg")


if __name__ == "__main__":
    main()
