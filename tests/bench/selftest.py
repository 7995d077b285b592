#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Does the bench's report tell right from wrong? Feeds it consoles and figures made up here."""

import json
import re
import sys
import xml.dom.minidom

import report
from rows import ROWS, Figure, missed

verdicts = {True: 0, False: 0}


def expect(what, right):
    verdicts[bool(right)] += 1
    print(f"  {'pass' if right else 'FAIL'}    {what}")


def console(linux, **changes):
    """A console with a figure for each row: 1000 for Linux, 10 for us. changes: other lines, None
    for no line."""
    lines = ["(XEN) something", "[    1.0] bench: not a figure"]
    for row in ROWS:
        if row.linux or not linux:
            calls = 3 if linux else 0
            usual = f"bench: {row.key} {100000 if linux else 1000} 100 {calls}"
            line = changes.get(row.key, usual)
            if line:
                lines.append(("[    1.5] " if linux else "") + line)
    return "\r\n".join(lines).replace("\r", "")


def refused(pattern, linux=False, extra="", **changes):
    try:
        report.figures(console(linux, **changes) + "\n" + extra, "test", linux)
    except report.Failure as failure:
        return re.search(pattern, str(failure))
    return False


def with_figure(key, instructions, calls=0):
    ours = report.figures(console(False), "x", False)
    ours[key] = Figure(instructions, calls)
    linux = report.figures(console(True), "l", True)
    row = next(row for row in ROWS if row.key == key)
    return missed(row, ours, linux)


def main():
    ours = report.figures(console(False), "x", False)
    linux = report.figures(console(True), "l", True)
    expect("figures are divided by their number", ours["pfn_to_mfn"] == Figure(10, 0))
    expect("lines may have a time before them", linux["pfn_to_mfn"] == Figure(1000, 3))
    expect("a missing row is refused", refused("missing.*boot", boot=None))
    expect("a row twice is refused", refused("not a figure", extra="bench: boot 1 1 1"))
    expect("an unknown row is refused", refused("unknown.*else", extra="bench: else 1 1 1"))
    expect("a figure of nothing is refused", refused("not a figure", boot="bench: boot 5 0 0"))
    expect("a panic is refused", refused("panic", linux=True, extra="Kernel panic - not syncing"))
    expect("a guest's crash is refused", refused("crash", extra="*** xendma guest crash"))
    expect("a failed operation is refused", refused("failed to map", extra="bench: failed to map"))
    expect("Linux need not mark identity", "identity_16g" not in linux)
    expect("a row within its mark is not missed", not with_figure("direct_4k", 150))
    expect("a ratio above its mark is missed", with_figure("direct_4k", 151) == ["ratio"])
    expect("a hypercall too many is missed", with_figure("direct_4k", 1, 1) == ["hypercalls"])
    expect("instructions too many are missed", with_figure("identity_16g", 3001) == ["instructions"])
    expect("held far above empty is missed", with_figure("held_64", 14) == ["1.3 x empty pool"])
    text, nr_missed = report.table(ours, linux, "test")
    expect("the table has every row", len(text.splitlines()) == len(ROWS) + 1 and not nr_missed)
    parsed = json.loads(report.as_json(ours, linux, {"linux": "6.12"}))
    expect("the JSON has every row", [r["key"] for r in parsed["rows"]] == [r.key for r in ROWS])
    picture = xml.dom.minidom.parseString(report.svg(ours, linux, "a test"))
    bars = len(picture.getElementsByTagName("rect"))
    expect("the picture has two bars a row", bars == 1 + 2 * sum(row.linux for row in ROWS))
    print(f"bench-selftest: {verdicts[True]} passed, {verdicts[False]} failed, 0 skipped")
    return 0 if verdicts[True] and not verdicts[False] else 1


if __name__ == "__main__":
    sys.exit(main())
