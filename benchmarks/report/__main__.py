# SPDX-License-Identifier: MIT
"""Writes report.html and the plots:  python3 benchmarks/report OUT_DIR SOURCE_DIR

OUT_DIR holds what benchmarks/run.sh measured.  Needs Python's standard library, and gnuplot for the plots.
"""

import os
import platform
import re
import subprocess
import sys
import time

import page
import plots
from bars import Bars
from results import Results

NOTES = {
    "head": """<p class=note>Every ratio is to Y, a hand-written bump allocator compiled into the same program
(<code>struct { char *cur, *end; }</code> behind a pointer, fully inlined), or to Yz, which is Y with a memset at reset.
Contenders of a workload run interleaved, in random order, in the same process; figures are medians of the repetitions.
One thread: processor time; several: wall time over the operations of all threads. Before and after each
timing the values stored are read back. libarena's rows are red, the yardsticks and floors grey.</p>""",
    "tables": """<p class=note>malloc, mimalloc, jemalloc, tcmalloc and GSlice free each piece at the reset;
mimalloc-heap destroys its heap. The allocators that would replace malloc are loaded into scopes of their own and called
by pointer. libarena is called as installed: from its shared library, with its default build flags.</p>""",
    "tail": """<h2>Beyond this machine</h2>
<p class=note>Measured where this report was made, and nowhere else. On paper: a thread of the concurrent arena that has
a chunk touches its own record and the arena's first cache line, which nobody writes while chunks last. A line moves
between cores only when a chunk is taken from the arena, once in some hundreds of values: with 100 ns for a contended
line and 512 values a chunk, 0.2 ns a value, until the line itself is saturated, which takes 512 values in less than
100 ns times the threads. A pool's scope touches nothing that another thread writes, so its cost does not depend on the
number of threads. Gate-only arenas move the gate's line on each operation and are bound by it, as every lock is.</p>
<h2>What arenas do not give</h2>
<p class=note>Replacing the mallocs of an HTTP request by one arena gains no requests per second worth the name: the
network and the parser cost more. What falls is page faults, cache misses and the tail of the latency.</p>""",
}


def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


def machine_facts():
    cpu = re.search(r"^(?:model name|Model)\s*:\s*(.+)$", read("/proc/cpuinfo"), re.M)
    memory = re.search(r"^MemTotal:\s*(\d+)", read("/proc/meminfo"), re.M)
    caches = []
    base = "/sys/devices/system/cpu/cpu0/cache"
    for index in sorted(os.listdir(base)) if os.path.isdir(base) else []:
        level, kind, size = (read("%s/%s/%s" % (base, index, name)) for name in ("level", "type", "size"))
        if level and kind != "Instruction":
            caches.append("L%s %s" % (level, size))
    hypervisor = " (virtual)" if " hypervisor" in read("/proc/cpuinfo") else ""
    pages = re.search(r"\[(\w+)\]", read("/sys/kernel/mm/transparent_hugepage/enabled"))
    return [
        ("processor", "%s%s, %d cores here, %s" % (cpu.group(1) if cpu else platform.machine(), hypervisor,
                                                   os.cpu_count() or 0, ", ".join(caches))),
        ("memory", "%.0f GiB" % (int(memory.group(1)) / 1048576) if memory else ""),
        ("system", "%s %s, %s %s, huge pages: %s" % (platform.system(), platform.release(), *platform.libc_ver(),
                                                    pages.group(1) if pages else "unknown")),
    ]


def commit(source):
    try:
        return subprocess.run(["git", "-C", source, "log", "-1", "--format=%h of %cs"], capture_output=True, text=True,
                              check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def main(folder, source):
    results = Results(folder)
    if not results.rows and not results.programs:
        sys.exit("report: nothing was measured in " + folder)
    bars = Bars(results)
    context = results.context
    facts = machine_facts() + [
        ("compiler", context.get("compiler", "")), ("flags of the benchmark", context.get("flags", "")),
        ("libarena", "%s %s, %s" % (context.get("libarena", ""), commit(source), context.get("library_build", ""))),
        ("contenders", context.get("contenders", "")),
        ("left out, not installed", context.get("left_out", "") or "none"),
        ("length", context.get("length", "")), ("load when it began", read(os.path.join(folder, "load-at-start.txt"))),
        ("made", time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())),
    ]
    drawn = []
    if plots.available():
        drawn = [("Cost against size", plots.batches(results, folder)),
                 ("Throughput against threads", plots.threads(results, folder)),
                 ("Zeroing against buffer size", plots.zeroing(results, folder))]
        for workload, base, parameter in (("W1", "Y", ""), ("W2", "Y", ""), ("W3", "Y", ""), ("W4s", "Y", ""),
                                          ("W5s", "Y", ""), ("W7", "Y", 1), ("M1", "Y", ""), ("M2", "Y", ""),
                                          ("M3", "Y", ""), ("M4", "Y", ""), ("M5", "Y", ""), ("M5n", "Y", ""),
                                          ("M6", "Y", ""), ("M7", "malloc", ""), ("push", "realloc", "")):
            drawn.append(("%s, each contender" % workload, plots.peers(results, folder, workload, base, parameter)))
        drawn.append(("Real programs: time against malloc", plots.programs(results, folder, "median", "time")))
        drawn.append(("Real programs: resident memory at its most", plots.programs(results, folder, "bytes", "memory")))
        drawn = [(title, name) for title, name in drawn if name is not None]
    else:
        print("report: gnuplot is not here (Debian: gnuplot-nox); the plots are left out", file=sys.stderr)
    with open(os.path.join(folder, "report.html"), "w", encoding="utf-8") as file:
        file.write(page.page(results, bars, facts, drawn, folder, NOTES, source))
    for bar in bars.list:
        if bar.value is not None:
            print("%-13s %-58s %8.2f %-2s (at most %g, against %s)" % (bar.verdict, bar.what, bar.value, bar.unit,
                                                                       bar.limit, bar.against))
    ahead = page.losses(results)
    print("%d of %d bars reached; %d rows where a peer is ahead of the best of libarena's" % (
        sum(bar.verdict == "reached" for bar in bars.list), len(bars.list), len(ahead)))
    for name, why in results.errors:
        print("FAILED        %s: %s" % (name, why))
    return 1 if results.errors else 0


sys.exit(main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "."))
