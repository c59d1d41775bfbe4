# SPDX-License-Identifier: MIT
"""Makes a run the committed sample, and puts its figures into the documents:  sample.py OUT_DIR SOURCE_DIR

Copies four plots to benchmarks/sample, and replaces what stands between the marks "figures: begin" and "figures: end" in
docs/performance.md.  README.md shows one of the plots.
"""

import os
import re
import shutil
import sys

from bars import Bars
from results import Results

PLOTS = ("peers-W2.svg", "cost-by-size.svg", "threads.svg", "zeroing.svg")
WORKLOADS = (
    ("W1", "one int64, 1,000,000 per reset", "libarena-typed"),
    ("W2", "one int64, 1,024 per reset", "libarena-typed"),
    ("W2", "the same as a burst", "libarena-burst"),
    ("W3", "a slab of 64 int64, filled", "libarena-typed"),
    ("W3", "the same, never cleared, as the peers", "libarena-typed-never"),
    ("W4s", "slabs of 8 to 256 bytes", "libarena-typed"),
    ("W4s", "the same, never cleared, as the peers", "libarena-typed-never"),
    ("W5s", "a 32-byte struct", "libarena-typed"),
    ("W7", "a scope: scratch arena, value, slab, reset", "libarena-pool-scope"),
    ("W7", "the same in an arena of the thread's own, as most peers", "libarena-own"),
)


def figures(results):
    """One line for each workload: libarena, the best peer, and malloc, in units of Y."""
    lines = ["| | libarena | fastest peer | malloc |", "|---|---|---|---|"]
    for workload, title, name in WORKLOADS:
        parameter = 1 if workload == "W7" else ""
        rows = results.workload(workload, parameter)
        base, ours = results.get(workload, "Y", parameter), results.get(workload, name, parameter)
        malloc = results.get(workload, "malloc", parameter)
        peers = sorted((row for row in rows if row.peer), key=lambda row: row.median)
        best = "%.2f (%s)" % (peers[0].median / base.median, peers[0].contender) if peers else ""
        lines.append("| %s, %s | %.2f | %s | %s |" % (workload, title, ours.median / base.median, best, "%.1f" % (
            malloc.median / base.median) if malloc else ""))
    base = results.get("W6", "Y", 1)
    for threads in (1, 2, 8):
        ours = results.get("W6", "libarena-concurrent", threads)
        peers = sorted((row for row in results.workload("W6", threads) if row.peer), key=lambda row: row.median)
        malloc = results.get("W6", "malloc", threads)
        if ours and peers:
            lines.append("| W6, %d thread%s, one arena | %.2f | %.2f (%s) | %s |" % (
                threads, "" if threads == 1 else "s", ours.median / base.median, peers[0].median / base.median,
                peers[0].contender, "%.1f" % (malloc.median / base.median) if malloc else ""))
    return lines


def bar_lines(bars):
    lines = ["| | held against | at most | measured | | measured beside it |", "|---|---|---|---|---|---|"]
    for bar in bars.list:
        if bar.value is not None:
            lines.append("| %s | %s | %.3g | %.2f %s | %s | %s |" % (
                bar.what, bar.against, bar.limit, bar.value, bar.unit if bar.unit != "x" else "", bar.verdict,
                bar.why if bar.verdict == "not reached" else ""))
    return lines


def processor():
    """Of this machine, which is the one that measured."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = re.search(r"^model name\s*: (.*)$", file.read(), re.M)
    return "%s, %d cores" % (model.group(1) if model else "an unnamed processor", os.cpu_count())


def replace(path, lines):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    marks = re.compile(r"(<!-- figures: begin[^>]*-->\n).*?(<!-- figures: end -->)", re.S)
    if not marks.search(text):
        sys.exit("sample: no marks in " + path)
    with open(path, "w", encoding="utf-8") as file:
        file.write(marks.sub(lambda match: match.group(1) + "\n".join(lines) + "\n" + match.group(2), text))


def main(folder, source):
    results = Results(folder)
    bars = Bars(results)
    sample = os.path.join(source, "benchmarks", "sample")
    os.makedirs(sample, exist_ok=True)
    for name in PLOTS:
        shutil.copy(os.path.join(folder, name), sample)
    reached = sum(bar.verdict == "reached" for bar in bars.list)
    context = "In units of Y, the bump allocator written by hand; %s, %s; %s." % (
        results.context.get("compiler", ""), results.context.get("flags", "").split()[0], processor())
    replace(os.path.join(source, "docs", "performance.md"), [context] + [""] + figures(results) + [
        "", "The bars, %d of %d reached in this run:" % (reached, len(bars.list)), ""] + bar_lines(bars) + [
            "", "![Each contender of W2](../benchmarks/sample/peers-W2.svg)",
            "![Throughput against threads](../benchmarks/sample/threads.svg)",
            "![Cost against size](../benchmarks/sample/cost-by-size.svg)",
            "![Zeroing against buffer size](../benchmarks/sample/zeroing.svg)", ""])


main(sys.argv[1], sys.argv[2])
