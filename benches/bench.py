"""Measures occ beside what it can't be faster than, and beside what people use now.

Called by scripts/bench, which says how.
"""

import argparse
import os
import platform
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import cases
import table
from peers import Peers
from setup import ROOT, Bench, Failure, need, say

from engine import Engine
from registry import Registry

PAGE = ROOT / "docs" / "performance.md"


def main():
    options = arguments()
    # Whoever interrupts it leaves nothing behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    bench = Bench(options.occ, options.target)
    try:
        bad = measure(bench, options)
    finally:
        bench.end()
    if options.check and bad:
        raise Failure("not every goal is met", *bad)


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(cases.ALL))
    parser.add_argument("--check", action="store_true", help="end with 1 unless each goal is met")
    parser.add_argument("--record", action="store_true", help=f"write the tables into {PAGE.relative_to(ROOT)}")
    parser.add_argument("--occ", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--target", type=Path, required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    unknown = [name for name in options.cases if name not in cases.ALL]
    if unknown:
        parser.error(f"unknown case `{unknown[0]}`; there are {', '.join(cases.ALL)}")
    options.cases = options.cases or list(cases.ALL)
    return options


def measure(bench, options):
    """Runs the cases, prints their tables, and returns what missed its goal."""
    need("curl")
    bench.engine = Engine(bench)
    bench.registry = Registry(bench)
    bench.peers = Peers(bench)
    bench.builder = bench.peers.builder()
    busy = busy_now()
    print(machine(bench, busy), flush=True)
    bad = []
    for name in options.cases:
        say(f"measuring: {name}")
        tables = []
        for result in cases.ALL[name](bench):
            tables.append(table.table(result))
            print(f"\n{tables[-1]}", flush=True)
            bad += [f"{what}: {verdict}" for what, verdict in table.verdicts(result) if verdict != "met"]
        if options.record:
            record(name, "\n\n".join(tables))
    if options.record:
        record("machine", machine(bench, busy))
    return bad


def busy_now():
    """How busy others keep the processors, in percent."""

    def idle():
        return float(open("/proc/stat").readline().split()[4])

    before = idle()
    time.sleep(2)
    # Idle time is counted in hundredths of a second.
    return 100 - (idle() - before) / (2 * os.cpu_count())


def machine(bench, busy):
    """Where it was measured."""
    named = re.search(r"model name\s*: (.*)", open("/proc/cpuinfo").read())
    processor = named[1] if named else platform.machine()
    memory = int(open("/proc/meminfo").readline().split()[1]) / 1e6
    version = subprocess.run([bench.occ, "--version"], capture_output=True, text=True).stdout.splitlines()[0]
    server = subprocess.run(
        [bench.peers.docker, "version", "-f", "{{.Server.Version}}"],
        env=bench.environment,
        capture_output=True,
        text=True,
    )
    where = "in memory" if bench.engine.in_memory else "on a disk"
    lines = [
        f"{os.cpu_count()} processors ({processor}), {memory:.0f} GB, Linux {platform.release().split('-')[0]}.",
        f"{version}; Docker Engine {server.stdout.strip()} with its data {where}; {', '.join(bench.peers.versions)}.",
    ]
    if busy >= 25:
        lines.append(f"The processors were {busy:.0f} % busy with other things before it began.")
    return "\n".join(lines)


def record(name, text):
    """Puts the text between the marks of its name."""
    page = PAGE.read_text()
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    if begin not in page or end not in page:
        raise Failure(f"{PAGE.name} has no place for `{name}`", f"`{begin.strip()}` and `{end}` mark one")
    head, rest = page.split(begin, 1)
    PAGE.write_text(head + begin + text + "\n" + end + rest.split(end, 1)[1])


try:
    main()
except Failure as failure:
    print(f"bench: {failure}", file=sys.stderr)
    for hint in failure.hints:
        print(f"hint: {hint}", file=sys.stderr)
    sys.exit(1)
except KeyboardInterrupt:
    sys.exit(130)
