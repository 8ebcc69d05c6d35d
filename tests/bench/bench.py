# SPDX-License-Identifier: BSD-3-Clause
"""What the benchmarks share: the clock, the statistics, the table. Python's own library only."""
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
HARNESS = os.path.join(os.path.dirname(HERE), "harness")
BOOTSTRAPS = 2000  # LIMIT: the ends of a 95 % interval are stable to a percent


def die(text):
    sys.exit("bench: " + text)


def need(program, package):
    """The path of a program of the reference, or None with a word about the rows left out."""
    path = shutil.which(program)
    if not path:
        print(f"bench: no {program} ({package}): its rows are left out", file=sys.stderr)
    return path


def compile_helper(name, into, *flags):
    out = os.path.join(into, name)
    cc = os.environ.get("CC", "cc").split()
    subprocess.run(cc + ["-std=gnu11", "-O2", "-Wall", *flags, "-o", out, os.path.join(HERE, name + ".c")],
                   check=True)
    return out


class Row:
    """A line of the table: a command, whose it is, and the budgets it has to meet."""

    def __init__(self, name, argv, uid=-1, budgets=()):
        self.name = name
        self.argv = argv
        self.uid = uid
        self.budgets = budgets  # (reference row's name, largest ratio)
        self.ms = []


def measure(spawn, rows, rounds, warmup=5, gap=2, seed=1, before=None, wrap=(), **kwargs):
    """Interleave the rows with spawn.c; fills row.ms, one value a round and in its order."""
    argv = list(wrap) + [spawn, str(rounds), str(warmup), str(gap), str(seed)]
    if before:
        argv += ["--before"] + before
    for row in rows:
        argv += ["--row", str(row.uid)] + row.argv
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=False, **kwargs)
    if done.returncode != 0:
        die("a command failed; see above")
    values = {}
    for line in done.stdout.splitlines():
        turn, index, ns = line.split()
        values[int(turn), int(index)] = int(ns) / 1e6
    for index, row in enumerate(rows):
        row.ms = [values[turn, index] for turn in range(rounds)]


def ratio_interval(a, b, draw=random.Random(1)):
    """Ratio of the medians and its 95 % interval; rounds are drawn, so a and b stay paired."""
    found = []
    n = len(a)
    for _ in range(BOOTSTRAPS):
        pick = [draw.randrange(n) for _ in range(n)]
        found.append(statistics.median([a[i] for i in pick]) / statistics.median([b[i] for i in pick]))
    found.sort()
    return (statistics.median(a) / statistics.median(b),
            found[int(BOOTSTRAPS * 0.025)], found[int(BOOTSTRAPS * 0.975)])


def interval(values, draw=random.Random(1)):
    """95 % interval of the median."""
    found = sorted(statistics.median(draw.choices(values, k=len(values))) for _ in range(BOOTSTRAPS))
    return found[int(BOOTSTRAPS * 0.025)], found[int(BOOTSTRAPS * 0.975)]


def ratio_text(a, b):
    return "{:.3g} ({:.3g}-{:.3g})".format(*ratio_interval(a, b))


def verdict(ratio, limit):
    whole = limit < 0.5 and abs(1 / limit - round(1 / limit)) < 1e-9
    name = f"1/{1 / limit:.0f}" if whole else f"{limit:g}"
    return f"within {name}" if ratio <= limit else f"missed {name} by {100 * (ratio / limit - 1):.0f} %"


def table(lines):
    """Print rows of cells as a Markdown table with even columns."""
    width = [max(len(str(line[i])) for line in lines) for i in range(len(lines[0]))]
    for number, line in enumerate(lines):
        print("| " + " | ".join(str(cell).ljust(width[i]) for i, cell in enumerate(line)) + " |")
        if number == 0:
            print("|" + "|".join("-" * (w + 2) for w in width) + "|")


def report(rows, base, columns=()):
    """The table of times: each row beside 'base' and beside the references of its budgets.

    columns: titles with functions that make a cell of a row and the base's row.
    """
    by_name = {row.name: row for row in rows}
    lines = [("what", "median ms", "min", "max", f"/ {base}", "/ reference", "budget",
              *(title for title, _ in columns))]
    for row in rows:
        budgets = [(by_name[name], limit) for name, limit in row.budgets if name in by_name]
        lines.append((
            row.name, f"{statistics.median(row.ms):.2f}", f"{min(row.ms):.2f}", f"{max(row.ms):.2f}",
            ratio_text(row.ms, by_name[base].ms) if row.name != base else "1",
            "; ".join(f"{ratio_text(row.ms, ref.ms)} {ref.name}" for ref, _ in budgets),
            "; ".join(verdict(statistics.median(row.ms) / statistics.median(ref.ms), limit)
                      if limit else "noise" for ref, limit in budgets),
            *(cell(row, by_name[base]) for _, cell in columns)))
    table(lines)


def machine():
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0
    return f"Linux {platform.release().split('-')[0]}, {os.cpu_count()} CPUs, load {load:.1f}"
