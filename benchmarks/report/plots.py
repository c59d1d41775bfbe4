# SPDX-License-Identifier: MIT
"""The plots, drawn by gnuplot as SVG.  Each returns the file's name, or None where nothing was measured."""

import os
import shutil
import subprocess

HEAD = """set terminal svg size %d,%d dynamic noenhanced font "sans-serif,13" background "#ffffff"
set output %s
set border 3 linecolor "#666666"
set tics nomirror textcolor "#333333"
set grid linecolor "#dddddd" linetype 1
set key outside right top vertical reverse Left spacing 1.1
"""
OURS = ("#c1121f", "#f48c06", "#7f0f2b", "#e85d75")
ASIDE = ("#6c757d", "#adb5bd", "#495057", "#ced4da", "#868e96", "#212529", "#b8a99a")
PEERS = ("#1d3557", "#2a9d8f", "#457b9d", "#606c38", "#6d597a", "#118ab2", "#5f0f40", "#344e41", "#7f5539", "#3a0ca3")


def available():
    return shutil.which("gnuplot") is not None


def _draw(folder, name, width, height, script):
    path = os.path.join(folder, name)
    text = HEAD % (width, height, repr(path)) + script
    subprocess.run(["gnuplot"], input=text, text=True, check=True)
    return name


def _lines(rows_by_contender):
    """Data blocks and plot clauses: libarena's red and thick, the peers' blue and green, the yardsticks' grey."""
    blocks, clauses = [], []
    taken = {"ours": 0, "aside": 0, "peer": 0}
    for number, (row, points) in enumerate(rows_by_contender):
        block = "$d%d" % number
        blocks.append("%s << EOD\n%s\nEOD\n" % (block, "\n".join("%g %g" % point for point in points)))
        kind = "ours" if row.ours else "aside" if row.yardstick else "peer"
        colours = {"ours": OURS, "aside": ASIDE, "peer": PEERS}[kind]
        colour = colours[taken[kind] % len(colours)]
        taken[kind] += 1
        style = "linewidth %g pointtype 7 pointsize %g linecolor rgb '%s'" % (
            (3, 0.6, colour) if kind == "ours" else (1.6, 0.4, colour))
        clauses.append("%s using 1:2 with linespoints %s title '%s'" % (block, style, row.contender))
    return "".join(blocks) + "plot " + ", \\\n     ".join(clauses) + "\n"


def _series(results, workload, value, wanted=None):
    found = {}
    for row in results.workload(workload):
        if row.parameter and (wanted is None or row.contender in wanted):
            point = value(row)
            if point is not None:
                found.setdefault(row.contender, (row, []))[1].append((int(row.parameter), point))
    ordered = sorted(found.values(), key=lambda item: (not item[0].ours, item[0].yardstick, item[0].contender))
    return [(row, sorted(points)) for row, points in ordered]


def batches(results, folder):
    """Cost of a value against the size of the batch."""
    series = _series(results, "batch", lambda row: row.median)
    if not series:
        return None
    return _draw(folder, "cost-by-size.svg", 900, 460, """set logscale xy
set format x "%.0s%c"
set xlabel "values stored between two resets (8 bytes each)"
set ylabel "nanoseconds a value, reset included"
""" + _lines(series))


def threads(results, folder):
    """Throughput of one shared arena against threads."""
    series = _series(results, "W6", lambda row: 1e3 / row.median)
    if not series:
        return None
    return _draw(folder, "threads.svg", 900, 460, """set logscale x 2
set logscale y
set xlabel "threads that share one arena"
set ylabel "million allocations a second, all threads together"
""" + _lines(series))


def zeroing(results, folder):
    """A buffer touched and zeroed, against touching it and one memset."""
    wanted = ("libarena-reset", "libarena-handout", "libarena-handout-16K", "way-memset-backward", "way-non-temporal",
              "way-DONTNEED-huge", "way-as-Go-clears", "ahead-16K", "calloc", "mimalloc-calloc", "jemalloc-calloc",
              "tcmalloc-calloc", "touch-only")

    def value(row):
        base = results.get("W8", "way-memset", row.parameter)
        return None if base is None else row.median / base.median

    series = _series(results, "W8", value, wanted)
    if not series:
        return None
    return _draw(folder, "zeroing.svg", 900, 460, """set logscale x 2
set logscale y
set yrange [0.2:60]
set xtics ("4 KiB" 4096, "64 KiB" 65536, "1 MiB" 1048576, "16 MiB" 16777216, "256 MiB" 268435456, "1 GiB" 1073741824)
set xlabel "bytes touched, one in each cache line, and zeroed again"
set ylabel "cost, in units of touch + memset"
""" + _lines(series))


def peers(results, folder, workload, base_name, parameter=""):
    """Bars: each contender in units of the yardstick, the cheapest on top."""
    base = results.get(workload, base_name, parameter)
    rows = [row for row in results.workload(workload, parameter) if base is not None]
    if not rows:
        return None
    rows.sort(key=lambda row: -row.median)
    data = []
    for row in rows:
        colour = 0xC1121F if row.ours else 0x8D99AE if row.yardstick else 0x1D3557
        data.append('"%s" %g %d "%.2f"' % (row.contender, row.median / base.median, colour, row.median / base.median))
    low = min(0.5, min(row.median for row in rows) / base.median * 0.8)
    high = max(row.median for row in rows) / base.median * 1.6
    script = """set logscale x
unset key
set style fill solid 0.9 noborder
set xlabel "cost, in units of %s"
set xrange [%g:%g]
set yrange [-0.7:%g]
set grid noytics
set arrow from 1,-0.7 to 1,%g nohead linecolor "#333333" dashtype 3
$d << EOD
%s
EOD
plot $d using 2:0:(%g):2:($0-0.36):($0+0.36):3:yticlabel(1) with boxxyerror linecolor rgb variable, \\
     $d using 2:0:4 with labels left offset 0.5,0 font ",11" textcolor "#333333"
""" % (base_name, low, high, len(rows) - 0.3, len(rows) - 0.3, "\n".join(data), low)
    return _draw(folder, "peers-%s.svg" % workload, 900, 60 + 22 * len(rows) + 40, script)


def programs(results, folder, field, word):
    """Groups of bars: each real program, each contender in units of malloc."""
    names = [name for name in ("lua", "json-1K", "json-2M", "zlib", "pcre2", "ast") if "malloc" in results.programs.get(name, {})]
    if not names:
        return None
    contenders = ["libarena", "libarena-never", "APR-pool", "obstack", "talloc", "std-pmr"]
    lines = []
    for name in names:
        rows = results.programs[name]
        base = max(getattr(rows["malloc"], field), 1)
        lines.append('"%s" %s' % (name, " ".join(
            "%g" % (getattr(rows[contender], field) / base) if contender in rows else "NaN" for contender in contenders)))
    colours = list(OURS[:2]) + list(PEERS)
    clauses = ["$d using %d:xtic(1) title '%s' linecolor rgb '%s'" % (number + 2, contender, colours[number])
               for number, contender in enumerate(contenders)]
    return _draw(folder, "programs-%s.svg" % word, 900, 420, """set style data histograms
set style histogram clustered gap 1
set style fill solid 0.9 noborder
set yrange [0:*]
set ylabel "%s, in units of malloc"
set arrow from graph 0,first 1 to graph 1,first 1 nohead linecolor "#333333" dashtype 3
$d << EOD
%s
EOD
plot %s
""" % (word, "\n".join(lines), ", \\\n     ".join(clauses)))
