# SPDX-License-Identifier: MIT
"""Makes a run the committed sample, and puts its figures into the documents:  sample.py OUT_DIR SOURCE_DIR

Copies plots to benchmarks/sample, and replaces what stands between the marks "figures: begin" and "figures: end" in
docs/performance.md, and between "figures of bytes: begin" and its end: each where the run has measured it.  README.md shows
one of the plots.
"""

import os
import re
import shutil
import sys
import textwrap

from bars import Bars
from results import Results

BYTES_PLOTS = ("peers-M1.svg", "peers-M5.svg", "programs-time.svg", "programs-memory.svg")
BYTES = (
    ("M1", "blocks of 8 to 256 bytes"), ("M2", "a tree of nodes with names"), ("M3", "a document as of JSON"),
    ("M4", "a text from 16 pieces"), ("M5", "a mark, two blocks, a rewind"), ("M5n", "two of them nested"),
    ("M6", "two blocks, then reset"),
)
PROGRAMS = (
    ("lua", "Lua state and script"), ("json-1K", "Jansson, 1.3 KB"), ("json-2M", "Jansson, 2.6 MB"),
    ("zlib", "zlib, 4 KiB"), ("pcre2", "PCRE2"), ("ast", "a source text's tree"),
)
PEERS = ("APR-pool", "obstack", "talloc", "std-pmr")
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


def bytes_figures(results):
    """M1 to M7 in units of Y, or of malloc, and the real programs in units of malloc, with their memory."""
    lines = ["| | Yz | libarena: reset / hand-out / never | " + " | ".join(PEERS) + " | malloc |", "|---" * (len(PEERS) + 4) + "|"]
    for workload, title in BYTES:
        base = results.get(workload, "Y")
        if base is None:
            continue

        def of(name):
            row = results.get(workload, name)
            return "" if row is None else "%.2f" % (row.median / base.median)

        lines.append("| %s, %s | %s | %s | %s | %s |" % (
            workload, title, of("Yz"), " / ".join(of("libarena-bytes" + way) for way in ("", "-handout", "-never")),
            " | ".join(of(peer) for peer in PEERS), of("malloc")))
    malloc = results.get("M7", "malloc")
    if malloc is not None:
        def lives(name):
            row = results.get("M7", name)
            return "" if row is None else "%.2f" % (row.median / malloc.median)

        lines += ["", *textwrap.wrap("M7, an arena's life with 900 bytes, in units of malloc, fill and free of them: byte arenas of 60,000 bytes %s, of "
                  "16 GiB %s; typed ones of 60,000 bytes %s, of 16 GiB %s; an APR sub-pool %s, a talloc pool %s, obstack %s, std::pmr %s; "
                  "an arena by hand in one malloc %s, the same with a `memset` of what it hands out %s." % tuple(lives(name) for name in (
                      "libarena-bytes-60000", "libarena-bytes-16GiB", "libarena-typed-60000", "libarena-typed-16GiB",
                      "APR-subpool", "talloc-pool", "obstack", "std-pmr", "way-malloc-chunk", "way-malloc-chunk-zeroed")), 120)]
    if not results.programs:
        return lines
    contenders = ("libarena", "libarena-never") + PEERS
    for word, field in (("Time, in brackets that of the quickest process", "median"), ("Resident memory at its most", "bytes")):
        lines += ["", "%s, in units of malloc:" % word, "", "| | %s |" % " | ".join(contenders),
                  "|---" * (len(contenders) + 1) + "|"]
        for program, title in PROGRAMS:
            rows = results.programs.get(program, {})
            if "malloc" not in rows:
                continue
            base, cells = rows["malloc"], []
            for row in (rows.get(contender) for contender in contenders):
                cells.append("" if row is None else "%.2f" % (getattr(row, field) / max(getattr(base, field), 1)))
                if row is not None and field == "median":
                    cells[-1] += " (%.2f)" % (row.low / base.low)
            lines.append("| %s | %s |" % (title, " | ".join(cells)))
    return lines


def bar_lines(bars):
    lines = ["| | held against | at most | measured | | measured beside it |", "|---|---|---|---|---|---|"]
    for bar in bars:
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


def replace(path, lines, word="figures"):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    marks = re.compile(r"(<!-- %s: begin[^>]*-->\n).*?(<!-- %s: end -->)" % (word, word), re.S)
    if not marks.search(text):
        sys.exit("sample: no marks in " + path)
    with open(path, "w", encoding="utf-8") as file:
        file.write(marks.sub(lambda match: match.group(1) + "\n".join(lines) + "\n" + match.group(2), text))


def main(folder, source):
    results = Results(folder)
    bars = Bars(results)
    sample = os.path.join(source, "benchmarks", "sample")
    document = os.path.join(source, "docs", "performance.md")
    os.makedirs(sample, exist_ok=True)
    context = "In units of Y, the bump allocator written by hand; %s, %s; %s." % (
        results.context.get("compiler", ""), results.context.get("flags", "").split()[0], processor())
    of_bytes = [bar for bar in bars.list if bar.what[0] == "M" or bar.what.startswith("push")]
    others = [bar for bar in bars.list if bar not in of_bytes]

    def bars_of(some):
        reached = sum(bar.verdict == "reached" for bar in some)
        return ["", "The bars, %d of %d reached in this run:" % (reached, len(some)), ""] + bar_lines(some) + [""]

    if results.get("W1", "Y") is not None:
        for name in PLOTS:
            shutil.copy(os.path.join(folder, name), sample)
        replace(document, [context] + [""] + figures(results) + bars_of(others) + [
            "![Each contender of W2](../benchmarks/sample/peers-W2.svg)",
            "![Throughput against threads](../benchmarks/sample/threads.svg)",
            "![Cost against size](../benchmarks/sample/cost-by-size.svg)",
            "![Zeroing against buffer size](../benchmarks/sample/zeroing.svg)", ""])
    if results.get("M1", "Y") is not None and results.programs:
        for name in BYTES_PLOTS:
            shutil.copy(os.path.join(folder, name), sample)
        replace(document, [context] + [""] + bytes_figures(results) + bars_of(of_bytes) + [
            "![Each contender of M1](../benchmarks/sample/peers-M1.svg)",
            "![Each contender of M5](../benchmarks/sample/peers-M5.svg)",
            "![Real programs: time](../benchmarks/sample/programs-time.svg)",
            "![Real programs: memory](../benchmarks/sample/programs-memory.svg)", ""], "figures of bytes")


main(sys.argv[1], sys.argv[2])
