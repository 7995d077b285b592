# SPDX-License-Identifier: MIT
"""Figures out of console logs; the table, the JSON and the bar chart made of them."""

import json
import re

from rows import ROWS, Figure, limit, missed

LINE = re.compile(r"bench: (\w+) (\d+) (\d+) (\d+)\s*$")
CRASH = re.compile(
    r"Panic on CPU|Xen BUG at|FATAL (TRAP|PAGE FAULT)|Hardware Dom0 crashed|Kernel panic|BUG: |Oops: "
    r"|\*\*\* xendma guest crash|bench: failed"
)


class Failure(Exception):
    """A run did not give what it should; the text is the verdict."""


def figures(text, who, linux):
    """{key: Figure}, each row exactly once, from the console of a whole run."""
    found = {}
    for line in text.splitlines():
        if CRASH.search(line):
            raise Failure(f"{who}: {line.strip()}")
        match = LINE.search(line)
        if not match:
            continue
        key, total, number, calls = match[1], *map(int, match.groups()[1:])
        if key in found or not number or not total:
            raise Failure(f"{who}: not a figure: {line.strip()}")
        found[key] = Figure(total / number, calls)
    wanted = [row.key for row in ROWS if row.linux or not linux]
    lacking = [key for key in wanted if key not in found]
    unknown = [key for key in found if key not in wanted]
    if lacking or unknown:
        raise Failure(f"{who}: rows missing: {lacking}, unknown: {unknown}")
    return found


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def table(ours, linux, title):
    """The table as text, and how many rows miss what they must reach."""
    head = (title, "Linux", "xendma", "ratio", "at most", "calls L", "calls x", "")
    lines = [head]
    nr_missed = 0
    for row in ROWS:
        figure, peer = ours[row.key], linux.get(row.key)
        words = missed(row, ours, linux)
        nr_missed += bool(words)
        lines.append((
            row.title,
            number(peer.instructions) if peer else "-",
            number(figure.instructions),
            f"{figure.instructions / peer.instructions:.3f}" if peer else "-",
            limit(row),
            str(peer.calls) if peer else "-",
            str(figure.calls),
            "missed: " + ", ".join(words) if words else "",
        ))
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    text = "\n".join(
        "  ".join(cell.ljust(width) if i in (0, 7) else cell.rjust(width)
                  for i, (cell, width) in enumerate(zip(line, widths))).rstrip()
        for line in lines)
    return text, nr_missed


def as_json(ours, linux, about):
    rows = []
    for row in ROWS:
        entry = {"key": row.key, "title": row.title}
        for name, side in (("xendma", ours), ("linux", linux)):
            if row.key in side:
                entry[name] = {"instructions": side[row.key].instructions,
                               "hypercalls": side[row.key].calls}
        if row.key in linux:
            entry["ratio"] = ours[row.key].instructions / linux[row.key].instructions
        if row.ratio:
            entry["ratio_at_most"] = row.ratio
        entry["missed"] = missed(row, ours, linux)
        rows.append(entry)
    return json.dumps({**about, "unit": "instructions of one operation", "rows": rows}, indent=1)


ROW_HEIGHT, LABEL, BAR, MARGIN = 22, 290, 460, 24


def svg(ours, linux, title):
    """Bars of the ratios: Linux is 1 throughout; a tick marks what the row must reach."""
    rows = [row for row in ROWS if row.key in linux]
    height = 2 * MARGIN + ROW_HEIGHT * (len(rows) + 1)
    top = MARGIN + ROW_HEIGHT
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LABEL + BAR + 130}" height="{height}" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{MARGIN}" y="{MARGIN}" font-size="14">{title}</text>',
    ]
    for i, row in enumerate(rows):
        ratio = ours[row.key].instructions / linux[row.key].instructions
        y = top + i * ROW_HEIGHT
        colour = "#c44" if missed(row, ours, linux) else "#38a"
        out.append(f'<text x="{LABEL - 8}" y="{y + 13}" text-anchor="end">{row.title}</text>')
        out.append(f'<rect x="{LABEL}" y="{y + 2}" width="{BAR}" height="14" fill="#ddd"/>')
        out.append(f'<rect x="{LABEL}" y="{y + 2}" width="{max(BAR * min(ratio, 1), 1):.1f}" '
                   f'height="14" fill="{colour}"/>')
        if row.ratio:
            x = LABEL + BAR * row.ratio
            out.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y}" y2="{y + 18}" stroke="black"/>')
        out.append(f'<text x="{LABEL + BAR + 8}" y="{y + 13}">{ratio:.3f} '
                   f'({number(ours[row.key].instructions)})</text>')
    out.append("</svg>")
    return "\n".join(out) + "\n"
