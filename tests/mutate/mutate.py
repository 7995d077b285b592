#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Do the unit tests notice when a check of the library is deleted or flipped?

One mutation at a time is made in a copy of the source; only what it touches is compiled, linked
before the archive of the rest (whose own member is then left out) and run against the test programs
that `targets` names for the file, until one fails. What none of them notices is run once more under
ASan and UBSan, as `make check` does; what is not noticed then either survives.

  killed     a test failed, crashed or hung
  survived   listed; the gate fails when more than 100 - RATE percent do
  same code  the compiler makes of it what it makes of the original
  equivalent listed in `equivalent`, with the reason why no test can tell
  not built  the compiler refuses it

What is drawn with N= depends on the seed and on the mutated line alone, so a change of one function
does not redraw the others.
"""
import argparse
import concurrent.futures
import hashlib
import math
import os
import pathlib
import queue
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import time

from mutants import TOP, function_names, mutants_of

HERE = pathlib.Path(__file__).resolve().parent
COPIED = ("lib", "arch/x86/xen", "drivers/xen")  # a mutant's own; all else is linked to
RATE = 95
SEED = 1


def read_table(path):
    """Lines of fields between double colons; '#' starts a comment line."""
    for line in path.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            yield [field.strip() for field in line.split(" :: ")]


def read_targets():
    """File, test programs, predicate on function names; a name with '-' is left out."""
    for path, tests, *functions in read_table(HERE / "targets"):
        names = functions[0].split() if functions else []
        without = {name[1:] for name in names if name.startswith("-")}
        only = {name for name in names if not name.startswith("-")}
        bad = (without | only) - function_names(path)
        if bad:
            sys.exit(f"mutate: targets: no function {' '.join(sorted(bad))} in {path}")
        yield path, tests.split(), (
            lambda name, only=only, without=without: name not in without and
            (not only or name in only))


def compiled_with(path):
    """The C files of the library that a change of this file changes."""
    if path.endswith(".c"):
        return [path]
    name = re.compile(rf'^#include ".*{re.escape(os.path.basename(path))}"', re.M)
    users = [p.relative_to(TOP).as_posix() for folder in COPIED
             for p in sorted((TOP / folder).glob("*.[ch]")) if name.search(p.read_text())]
    return sorted({c for user in users for c in compiled_with(user)})


def kill_session(leader):
    """Check gives each test a process group of its own: the session is what they have in common."""
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            pid = int(folder.name)
            if os.getsid(pid) == leader:
                os.kill(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass


class Build:
    """One of the two builds that a mutant is tried in: its folder and how to compile and link."""

    def __init__(self, host, cflags, libs, slow):
        self.host, self.slow = os.path.abspath(host), slow
        self.cflags, self.libs = shlex.split(cflags), shlex.split(libs)


class Bench:
    """A copy of the source in which one mutant at a time is made and run."""

    def __init__(self, folder, args):
        self.folder, self.args = folder, args
        self.originals = {}
        shutil.rmtree(folder, ignore_errors=True)
        for name in COPIED:
            shutil.copytree(TOP / name, folder / name, ignore=shutil.ignore_patterns("boot"))
        for name in ("include", "tests"):
            (folder / name).symlink_to(TOP / name)

    def command(self, words, seconds):
        """Exit status; None when it did not end in time."""
        with subprocess.Popen(words, cwd=self.folder, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              env={**os.environ, "UNIT_STOP": "1"},
                              start_new_session=True) as child:
            try:
                return child.wait(seconds)
            except subprocess.TimeoutExpired:
                kill_session(child.pid)
                return None

    def compile(self, sources, build):
        """Objects as bytes; None if one does not compile. No debug information: it names lines."""
        result = {}
        for source in sources:
            words = [*self.args.cc, *build.cflags, "-g0", "-w", "-c", "-o", "one.o", source]
            if self.command(words, 60) != 0:
                return None
            result[source] = (self.folder / "one.o").read_bytes()
        return result

    def fails(self, tests, objects, build, limits):
        for source, code in objects.items():
            (self.folder / source).with_suffix(".o").write_bytes(code)
        for test in tests:
            words = [*self.args.cc, "-o", "test", f"{build.host}/tests/unit/test_{test}.o",
                     *(str(pathlib.Path(s).with_suffix(".o")) for s in objects),
                     f"{build.host}/libhosted.a", *build.libs]
            if self.command(words, 60) != 0:
                sys.exit(f"mutate: does not link: {shlex.join(words)}")
            cpu, clock = limits[test]
            words = ["prlimit", f"--cpu={cpu * build.slow}", "./test"]
            if self.command(words, clock * build.slow) != 0:
                return True
        return False

    def judge(self, mutant, tests, limits):
        plain, sanitized = self.args.builds
        sources = compiled_with(mutant.path)
        if mutant.path not in self.originals:
            self.originals[mutant.path] = self.compile(sources, plain)
        file = self.folder / mutant.path
        original = file.read_text()
        file.write_text(mutant.text)
        try:
            objects = self.compile(sources, plain)
            if objects is None:
                return "not built"
            if objects == self.originals[mutant.path]:
                return "same code"
            if self.fails(tests, objects, plain, limits):
                return "killed"
            objects = self.compile(sources, sanitized)
            return "killed" if self.fails(tests, objects, sanitized, limits) else "survived"
        finally:
            file.write_text(original)


def time_limits(tests, args):
    """Seconds of CPU that one case of a mutated test program gets, and by the clock all of it; the
    unmutated ones must pass. How busy the machine is may not decide on a mutant: what loops is ended
    by the first; the second is for what waits."""
    limits = {}
    for test in sorted(tests):
        start, used = time.monotonic(), sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
        if subprocess.run([f"{args.builds[0].host}/test_{test}"], capture_output=True).returncode:
            sys.exit(f"mutate: {test} fails without any mutation")
        used = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]) - used
        limits[test] = (math.ceil(2 + 5 * used), 60 + 20 * (time.monotonic() - start))
    return limits


def run_all(chosen, tests_of, limits, args):
    """Counts by verdict, and the survivors."""
    benches = queue.Queue()
    for i in range(args.jobs):
        benches.put(Bench(args.work / f"bench{i}", args))

    def one(mutant):
        bench = benches.get()
        try:
            return bench.judge(mutant, tests_of[mutant.path], limits)
        finally:
            benches.put(bench)

    counts, survivors, start = {}, [], time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for nr, (mutant, verdict) in enumerate(zip(chosen, pool.map(one, chosen)), 1):
            counts[verdict] = counts.get(verdict, 0) + 1
            if verdict == "survived":
                survivors.append(mutant)
                print(f"  SURVIVED {mutant}", flush=True)
            elif args.verbose:
                print(f"  {verdict:9} {mutant}", flush=True)
            if nr % 20 == 0:
                print(f"  {nr} of {len(chosen)}, {time.monotonic() - start:.0f} s", flush=True)
    return counts, survivors


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host", required=True, help="folder of the hosted build")
    parser.add_argument("--asan-host", required=True, help="the same under ASan and UBSan")
    parser.add_argument("--work", required=True, type=pathlib.Path, help="folder to work in")
    parser.add_argument("--cc", required=True, type=shlex.split)
    parser.add_argument("--cflags", required=True)
    parser.add_argument("--asan-flags", required=True, help="to compile and link with")
    parser.add_argument("--libs", required=True)
    parser.add_argument("--file", default="", help="this source file only")
    parser.add_argument("--number", type=int, default=0, help="at most so many; 0: all")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--again", help="those alone that survived according to this output")
    parser.add_argument("--check", action="store_true", help="the lists alone, run nothing")
    parser.add_argument("--list", action="store_true", help="list, run nothing")
    parser.add_argument("--verbose", action="store_true", help="a line a mutant")
    args = parser.parse_args()
    args.work = args.work.resolve()
    args.builds = (Build(args.host, args.cflags, args.libs, 1),
                   Build(args.asan_host, f"{args.cflags} {args.asan_flags}",
                         f"{args.asan_flags} {args.libs}", 10))
    return args


def main():
    args = arguments()
    tests_of, mutants = {}, []
    for path, tests, wanted in read_targets():
        if args.file in ("", path):
            tests_of[path] = tests
            mutants += mutants_of(path, wanted)
    if not mutants:
        sys.exit(f"mutate: no target {args.file}")

    known = {" :: ".join(fields[:4]) for fields in read_table(HERE / "equivalent")
             if fields[0] in tests_of}
    stale = known - {m.key for m in mutants}
    for key in sorted(stale):
        print(f"  STALE    equivalent: {key}")
    if args.check:
        print(f"mutate-check: {len(known) - len(stale)} passed, {len(stale)} failed, 0 skipped")
        return 1 if stale else 0
    chosen = [m for m in mutants if m.key not in known]
    if args.again:
        lines = pathlib.Path(args.again).read_text().splitlines()
        survived = {re.sub(r":\d+: ", " :: ", line.split(None, 1)[1], count=1)
                    for line in lines if line.strip().startswith("SURVIVED")}
        chosen = [m for m in chosen if m.key in survived]
    if args.number:
        chosen.sort(key=lambda m: hashlib.sha256(f"{args.seed} {m.key}".encode()).digest())
        drawn = set(chosen[:args.number])
        chosen = [m for m in mutants if m in drawn]
    print(f"mutate: {len(chosen)} of {len(mutants)} mutants, seed {args.seed}, "
          f"{len(known) - len(stale)} known as equivalent", flush=True)
    if args.list:
        for mutant in chosen:
            print(f"  {mutant}")
        return 0

    needed = {test for path in {m.path for m in chosen} for test in tests_of[path]}
    counts, survivors = run_all(chosen, tests_of, time_limits(needed, args), args)
    killed, judged = counts.get("killed", 0), counts.get("killed", 0) + len(survivors)
    rate = 100 * killed / judged if judged else 0
    print(f"mutate: {killed} killed, {len(survivors)} survived, {counts.get('same code', 0)} same "
          f"code, {counts.get('not built', 0)} not built: {rate:.1f} % killed, wanted {RATE} %")
    good = rate >= RATE and not stale
    print(f"mutate: {int(good)} passed, {int(not good)} failed, 0 skipped")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
