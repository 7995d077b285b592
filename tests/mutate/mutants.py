# SPDX-License-Identifier: MIT
"""Mutants of a C file: which there are, and where.

They are found by regular expressions on text that clang-format laid out: function bodies stand
between braces in column one, binary operators between blanks.
"""
import pathlib
import re

TOP = pathlib.Path(__file__).resolve().parents[2]

SWAPS = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "&&": "||", "||": "&&",
         "+": "-", "-": "+", "<<": ">>", ">>": "<<", "&": "|", "|": "&",
         "+=": "-=", "-=": "+=", "|=": "&=", "&=": "|=", "<<=": ">>=", ">>=": "<<="}
OPERATOR = re.compile(r"(?<=[\w)\]] )(<<=|>>=|[<>=!+|&-]=|<<|>>|&&|\|\||[<>+|&-])(?=\s)")
SIMPLE = (  # pattern, replacement, what it is called
    (re.compile(r"\breturn -XEN_E\w+;|\breturn err;"), "return 0;", "error lost"),
    (re.compile(r"(?<= = )-XEN_E\w+(?=;)"), "0", "error lost"),
    (re.compile(r"\breturn true;"), "return false;", "false"),
    (re.compile(r"\breturn false;"), "return true;", "true"),
    (re.compile(r"(?<= )[+-] 1\b(?![.\w])"), "+ 0", "1 left out"),
    (re.compile(r"\b(?:break|continue|goto \w+);"), ";", "jump left out"),
    (re.compile(r"(?<=\t)[\w.\[\]>-]+(?:\+\+|--);"), ";", "count left out"),
    (re.compile(r"(?<=\t)\w+(?:->|\.|\[)[^=;\n]* [|&+-]?= [^;]*;"), ";", "assignment left out"),
)
CALL = re.compile(r"(?<=\t)\w+\(")
IF = re.compile(r"\bif \(")
# Text and what only reports is no check of anything; our own assertions are tested by themselves.
BLANK = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])+\'', re.S)
REPORTS = re.compile(
    r"\b(?:XEN_ASSERT|xen_port_log|xen_pci_resource_name|xen_pci_log_unreachable)\(")


def closing(text, start):
    """The end of the parenthesis that opens at start."""
    depth = 0
    for at in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        if not depth:
            return at + 1
    raise ValueError("unbalanced parenthesis")


def blanked(text):
    """The text, with comments, strings and reports as blanks of the same length."""
    def blank(found):
        return re.sub(r"[^\n]", " ", found)

    text = BLANK.sub(lambda m: blank(m[0]), text)
    for m in reversed(list(REPORTS.finditer(text))):
        end = closing(text, m.end() - 1)
        text = text[:m.start()] + blank(text[m.start():end]) + text[end:]
    return text


def bodies(text):
    """Name, start and end of each function body."""
    for m in re.finditer(r"^\{\n.*?^\}", text, re.S | re.M):
        head = re.split(r"\n\n|[;}]\n|\n#[^\n]*\n", text[:m.start()])[-1]
        head = re.sub(r"__attribute__\(\(.*?\)\)\)?", "", head)
        name = re.search(r"(\w+)\(", head)
        if name:
            yield name[1], m.start(), m.end()


class Mutant:
    def __init__(self, path, function, text, start, end, new, name):
        self.path, self.function = path, function
        self.line = text.count("\n", 0, start) + 1
        line_start = text.rfind("\n", 0, start) + 1
        self.source = " ".join(text[line_start:text.find("\n", start)].split())
        self.column = start - line_start
        self.old, self.new = text[start:end], new
        self.text = text[:start] + new + text[end:]
        self.key = " :: ".join((path, function, self.source, name))

    def __str__(self):
        return f"{self.path}:{self.line}: " + " :: ".join(self.key.split(" :: ")[1:])


def mutants_of(path, wanted):
    """All mutants of one file in the functions that wanted() takes, in order of place."""
    text = (TOP / path).read_text()
    plain = blanked(text)
    found = []

    def add(function, start, end, new, name):
        new += "\n" * (text.count("\n", start, end) - new.count("\n"))  # __LINE__ stays as it is
        found.append(Mutant(path, function, text, start, end, new, name))

    for function, first, last in bodies(plain):
        if not wanted(function):
            continue
        for m in IF.finditer(plain, first, last):
            start, end = m.end() - 1, closing(plain, m.end() - 1)
            cond = text[start:end]
            add(function, start, end, f"({cond} && 0)", "never")
            add(function, start, end, f"({cond} || 1)", "always")
        for m in OPERATOR.finditer(plain, first, last):
            add(function, m.start(), m.end(), SWAPS[m[0]], f"{m[0]} to {SWAPS[m[0]]}")
        for m in CALL.finditer(plain, first, last):
            end = closing(plain, m.end() - 1)
            if plain[end:end + 1] == ";":
                add(function, m.start(), end, "", "call left out")
        for pattern, new, name in SIMPLE:
            for m in pattern.finditer(plain, first, last):
                add(function, m.start(), m.end(), new, name)
    found.sort(key=lambda one: (one.line, one.column, one.key))
    seen = {}
    for one in found:  # the same twice on one line, or in one function
        seen[one.key] = seen.get(one.key, 0) + 1
        if seen[one.key] > 1:
            one.key += f" #{seen[one.key]}"
    return found


def function_names(path):
    """The functions that a file has bodies of."""
    return {name for name, _, _ in bodies(blanked((TOP / path).read_text()))}
