# SPDX-License-Identifier: MIT
"""The page: one HTML file that needs nothing beside it."""

import html
import os
import re
import statistics

from bars import size_text

STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1b1b1b; background: #fff; margin: 2rem auto; max-width: 66rem;
       padding: 0 1.2rem; }
h1 { font-size: 1.7rem; margin-bottom: .2rem; } h2 { margin-top: 2.6rem; border-bottom: 1px solid #ddd; }
h3 { margin-bottom: .3rem; }
table { border-collapse: collapse; margin: .6rem 0 1.2rem; font-variant-numeric: tabular-nums; }
th, td { padding: .16rem .8rem .16rem 0; text-align: right; } th { border-bottom: 2px solid #888; font-weight: 600; }
th:first-child, td:first-child, th.left, td.left { text-align: left; }
tr:nth-child(even) td { background: #f6f7f8; }
tr.ours td:first-child { color: #c1121f; font-weight: 600; }
tr.aside td { color: #777; }
tr.wins td { background: #fff3cd; }
tr.wins td:first-child::after { content: " \\2605 ahead of libarena"; color: #8a5a00; }
.reached { color: #14532d; font-weight: 600; } .not-reached { color: #b00020; font-weight: 600; }
.facts td { text-align: left; } .facts td:first-child { color: #666; white-space: nowrap; vertical-align: top; }
svg { width: 100%; height: auto; } details > summary { cursor: pointer; color: #1d3557; }
p.note { color: #555; max-width: 54rem; }
"""

WORKLOADS = (
    ("W1", "W1: one int64 stored, 1,000,000 per reset", "Y"),
    ("W2", "W2: one int64 stored, 1,024 per reset", "Y"),
    ("W3", "W3: a slab of 64 int64 filled, 1,024 per reset", "Y"),
    ("W4s", "W4s: mixed, 8 to 256 bytes, 1,000 per reset", "Y"),
    ("W5s", "W5s: a 32-byte struct stored, 1,000 per reset", "Y"),
    ("W6", "W6: T threads, one shared arena, one int64 each", "Y"),
    ("W6reset", "W6, with the round's reset or frees in the time", "Y"),
    ("W6slab", "W6 with slabs of four, reset or frees in the time", "Y"),
    ("W7", "W7: one scope: scratch arena, one value and a slab of four, reset, give back", "Y"),
    ("pools", "W7 over many pools in turn", "Y"),
    ("W8", "W8: a byte slab, one byte touched per cache line, reset with zeroing", "way-memset"),
    ("reuse", "Reset-heavy reuse: 16 values per reset", "Y"),
    ("slab", "Slabs of 4 to 1,024 int64, filled: heap slice against slab", "Y"),
    ("batch", "Repeated batches: values stored between two resets", "Y"),
    ("M1", "M1: blocks of 8 to 256 bytes, 1,000 per reset", "Y"),
    ("M2", "M2: a tree of 500 nodes of four types, with names; a node", "Y"),
    ("M3", "M3: a document as of JSON, 320 members; a member", "Y"),
    ("M4", "M4: a text put together from 16 pieces", "Y"),
    ("M5", "M5: a mark, two blocks, a rewind", "Y"),
    ("M5n", "M5n: a scope with two blocks, and such a scope inside", "Y"),
    ("M6", "M6: two blocks, then a reset by a call", "Y"),
    ("M7", "M7: an arena made, 900 bytes taken and filled, ended", "malloc"),
    ("push", "An array of 1,000,000 ints that grows one by one; an int", "realloc"),
    ("create", "Creating and destroying an arena, by bytes of capacity", None),
    ("extract", "Finding an arena in a context, by injections above it", None),
)
THREADS = ("W6", "W6reset", "W6slab", "W7")
BYTES = ("W8", "create")


def text(value):
    return html.escape(str(value))


def number(value):
    if value >= 1000:
        return format(int(round(value)), ",")
    return "%.3g" % value if value < 100 else "%.0f" % value


def parameter_text(workload, parameter):
    if workload in THREADS:
        return "T = %d" % parameter
    if workload in BYTES:
        return size_text(parameter) if parameter < 1 << 40 else "1 TiB"
    return format(parameter, ",")


def table(header, rows, classes=None, left=()):
    """`left`: the columns, beside the first, whose text begins at the left."""
    def cells(tag, row):
        return "".join("<%s%s>%s</%s>" % (tag, " class=left" if column in left else "", cell, tag)
                       for column, cell in enumerate(row))

    out = ["<table><tr>%s</tr>" % cells("th", [text(cell) for cell in header])]
    for index, row in enumerate(rows):
        kind = ' class="%s"' % classes[index] if classes and classes[index] else ""
        out.append("<tr%s>%s</tr>" % (kind, cells("td", row)))
    return "\n".join(out) + "</table>"


def inline_svg(folder, name):
    """The plot without its XML head, its identifiers made its own so that several fit one page."""
    with open(os.path.join(folder, name), encoding="utf-8") as file:
        body = file.read()
    body = body[body.index("<svg"):]
    own = re.sub(r"\W", "", name)
    body = re.sub(r"(id=['\"]|url\(#|href=['\"]#)", lambda match: match.group(0) + own, body)
    return body


def losses(results):
    """Where a peer is ahead of the best of libarena's rows of that workload and parameter."""
    found = []
    groups = [results.workload(workload, parameter) for workload, _, _ in WORKLOADS
              for parameter in results.parameters(workload) or [""]]
    groups += [list(results.programs.get(program, {}).values()) for program, _ in PROGRAMS]
    for rows in groups:
        if rows:
            ours = [row for row in rows if row.ours]
            for row in rows:
                if ours and row.peer and row.median < min(mine.median for mine in ours):
                    found.append((row, min(ours, key=lambda mine: mine.median)))
    return found


def bars_section(bars):
    rows = []
    for bar in bars.list:
        value = "" if bar.value is None else "%.2f %s" % (bar.value, bar.unit)
        kind = {"reached": "reached", "not reached": "not-reached"}.get(bar.verdict, "")
        rows.append((text(bar.what), text(bar.against), "%.3g" % bar.limit, value,
                     "&plusmn; %.0f %%" % bar.spread, '<span class="%s">%s</span>' % (kind, bar.verdict),
                     text(bar.why if bar.verdict == "not reached" else "")))
    reached = sum(bar.verdict == "reached" for bar in bars.list)
    return "<h2>The bars</h2><p class=note>%d of %d reached in this run. Ratios of medians; the spread is the " \
           "half-distance of the quartiles of both sides together; where it is large and the bar lies within it, the run " \
           "says nothing either way, and the bar is undecided.</p>" % (reached, len(bars.list)) + table(
               ("what", "held against", "at most", "measured", "spread", "", "measured beside it"), rows, left=(1, 6))


def within_spread(peer, mine):
    return mine.median / peer.median - 1 <= (mine.spread + peer.spread) / 100


def losses_section(results):
    found = losses(results)
    out = ["<h2>Where a peer is ahead</h2>"]
    if not found:
        return out[0] + "<p>In no workload of this run is a peer ahead of the best of libarena's faces.</p>"
    rows = [(text(peer.workload), text(peer.contender),
             text(parameter_text(peer.workload, int(peer.parameter)) if peer.parameter else ""), number(peer.median),
             text(mine.contender), number(mine.median), "%.2f" % (mine.median / peer.median),
             "&plusmn; %.0f %%%s" % (mine.spread + peer.spread, ", a tie" if within_spread(peer, mine) else ""))
            for peer, mine in found]
    header = ("workload", "peer", "at", "ns", "libarena's best", "ns", "ratio", "spread")
    return out[0] + table(header, rows, left=(1, 4))


def plain_table(results, workload, base_name):
    rows = sorted(results.workload(workload), key=lambda row: row.median)
    best = min([row.median for row in rows if row.ours], default=None)
    lines, classes = [], []
    for row in rows:
        line = [text(row.contender), number(row.median), "%s &ndash; %s" % (number(row.low), number(row.high)),
                "&plusmn; %.1f %%" % row.spread]
        for base in (base_name, "Yz"):
            ratio = results.ratio(row, results.base(row, base))
            line.append("" if ratio is None else "%.2f" % ratio)
        lines.append(line)
        classes.append("ours" if row.ours else "aside" if row.yardstick else
                       "wins" if best is not None and row.median < best else "")
    return table(("contender", "ns, median", "lowest - highest", "spread", "/ " + base_name, "/ Yz"), lines, classes)


def swept_table(results, workload, base_name):
    """Contenders down, parameters across: the ratio to the yardstick, or the nanoseconds where there is none."""
    parameters = results.parameters(workload)
    names = sorted({row.contender for row in results.workload(workload)})
    best = {p: min([row.median for row in results.workload(workload, p) if row.ours], default=None) for p in parameters}
    lines, classes = [], []
    for name in names:
        line, wins, some = [text(name)], False, None
        for parameter in parameters:
            row = results.get(workload, name, parameter)
            if row is None:
                line.append("")
                continue
            some = row
            base = results.base(row, base_name) if base_name else None
            cell = number(row.median)
            if base is not None:
                cell = "%s <small>(%.2f)</small>" % (cell, row.median / base.median)
            if row.peer and best[parameter] is not None and row.median < best[parameter]:
                cell, wins = "<b>%s &#9733;</b>" % cell, True
            line.append(cell)
        lines.append(line)
        classes.append("ours" if some.ours else "wins" if wins else "aside" if some.yardstick else "")
    order = sorted(range(len(lines)), key=lambda i: (classes[i] != "ours", classes[i] == "aside", names[i]))
    header = ["contender"] + [parameter_text(workload, parameter) for parameter in parameters]
    return table(header, [lines[i] for i in order], [classes[i] for i in order])


def workload_sections(results):
    out = []
    for workload, title, base_name in WORKLOADS:
        if not results.workload(workload):
            continue
        out.append("<h3 id=%s>%s</h3>" % (workload, text(title)))
        if results.parameters(workload):
            unit = " a cache line" if workload == "W8" else ""
            ratio = "" if base_name is None else "; in brackets, the ratio to %s" % (
                "touch + memset" if base_name == "way-memset" else "Y")
            out.append("<p class=note>Nanoseconds%s, median%s. &#9733;: a peer ahead of libarena.</p>" % (unit, ratio))
            out.append(swept_table(results, workload, base_name))
        else:
            out.append(plain_table(results, workload, base_name))
    return "\n".join(out)


def memory_section(results):
    if not results.memory:
        return ""
    rows = [(text(row["name"]), number(row["minor_faults"]), number(row["major_faults"]),
             number(row["peak_bytes"] / 1024), number(row["ns_per_value"])) for row in results.memory]
    classes = ["ours" if row["name"].startswith("libarena") else "" for row in results.memory]
    return "<h2>Memory pressure</h2><p class=note>200 rounds of 100,000 values of 32 bytes, all alive together; each " \
           "contender in a process of its own (getrusage).</p>" + table(
               ("contender", "page faults", "major", "peak KiB", "ns a value"), rows, classes)


PROGRAMS = (
    ("lua", "A Lua state, its libraries and a short script"), ("json-1K", "Jansson: a document of 1.3 KB"),
    ("json-2M", "Jansson: a document of 2.6 MB"), ("zlib", "zlib: 4 KiB deflated"),
    ("pcre2", "PCRE2: a pattern compiled, 4 KiB searched"), ("ast", "The tree of a source text of 200 KB, 16 types of nodes"),
    ("push", "1,000,000 ints one by one, in memory of their own"),
    ("peak", "A peak of 64 MiB, then uses of 4 KiB: what is resident after 32 of them; a use"),
    ("flat", "The same uses without a peak before"), ("peak5", "A peak of 64 MiB in every fifth generation; the five"),
)


def glue_lines(source):
    """Lines that a program has to write: {(contender, program): lines}, from the marks in benchmarks/programs."""
    found, current = {}, None
    for name in ("memory.hpp", "main.cpp"):
        with open(os.path.join(source, "benchmarks", "programs", name), encoding="utf-8") as file:
            for line in file:
                begin = re.search(r"/\* glue (\S+) (\S+) \*/", line)
                if begin:
                    current = begin.groups()
                elif "/* end of glue */" in line:
                    current = None
                elif current and line.strip() and not line.strip().startswith(("/*", "*")):
                    found[current] = found.get(current, 0) + 1
    return found


def glue_table(source):
    glue = glue_lines(source)
    libraries = ("lua", "zlib", "pcre2", "json")
    rows = [["libarena", ""] + [text(glue.get(("libarena", library), 0)) for library in libraries]]
    for contender in ("APR-pool", "obstack", "talloc", "std-pmr"):
        moves = 0 if contender == "talloc" else glue.get(("moved", "all"), 0)
        rows.append([contender, text(glue.get((contender, "all"), 0) + moves)] +
                    [text(glue.get(("peer", library), 0)) for library in libraries])
    return "<p class=note>Lines of glue: what a program writes to put a library on each, once for all libraries and for " \
           "each. Jansson's allocator has no user pointer, so libarena's, too, needs a variable and two functions.</p>" + \
        table(("contender", "for all", "Lua", "zlib", "PCRE2", "Jansson"), rows, ["ours"] + [""] * (len(rows) - 1))


def programs_section(results, source):
    if not results.programs:
        return ""
    out = ["<h2>Real programs</h2><p class=note>M8 to M10. Each run is a process of its own, the contenders in turn, some "
           "times over; medians. Time is the thread's; memory is what was resident beyond the start, at its most, or for M9 "
           "and M10 in the end. malloc frees piece by piece, as each library does; the others take all back by one call. "
           "yyjson is not in Debian 12; Jansson stands for it.</p>"]
    for program, title in PROGRAMS:
        rows = sorted(results.programs.get(program, {}).values(), key=lambda row: row.median)
        if not rows:
            continue
        malloc = results.programs[program].get("malloc")
        best = min((row.median for row in rows if row.ours), default=None)
        lines = [(text(row.contender), number(row.median / 1000),
                  "" if malloc is None else "%.2f" % (row.median / malloc.median), number(row.low / 1000),
                  "&plusmn; %.0f %%" % row.spread, number(row.bytes / 1024)) for row in rows]
        classes = ["ours" if row.ours else "wins" if best is not None and row.median < best else "" for row in rows]
        out.append("<h3 id=%s>%s</h3>" % (program, text(title)) + table(
            ("contender", "us, median", "/ malloc", "us, lowest", "spread", "resident KiB"), lines, classes))
    pools = sorted((name for name in results.programs if name.startswith("pool-")),
                   key=lambda name: (name.split("-")[1], int(name.split("-")[2])))
    if pools:
        lines = []
        for name in pools:
            rows = results.programs[name]
            lines.append([text(name[5:].replace("-", "-lived, "))] + [
                number(rows[contender].bytes / 1024) if contender in rows else ""
                for contender in ("libarena", "malloc", "floor-threads")])
        out.append("<h3 id=pool-memory>Threads that take 1 MiB from a pool, 16 at a time, and give it back</h3>" + table(
            ("threads", "libarena, KiB", "malloc, KiB", "the threads alone, KiB"), lines))
    return "\n".join(out) + glue_table(source)


def http_section(results):
    if results.http is None:
        return ""
    rows = []
    for mode, runs in results.http["runs"].items():
        speed = sorted(run["per_second"] for run in runs)
        tail = sorted(run["p99_us"] for run in runs)
        range_text = "%s &ndash; %s" % (number(speed[0]), number(speed[-1]))
        rows.append((text(mode), number(statistics.median(speed)), range_text, number(statistics.median(tail)),
                     number(tail[-1])))
    after = "%s requests answered with arenas, %d errors; resident memory %s KiB before, %s KiB after." % (
        format(results.http["answered"], ","), results.http["errors"], number(results.http["resident_before"] / 1024),
        number(results.http["resident_after"] / 1024))
    return "<h2>HTTP: an arena for each request</h2><p class=note>libmicrohttpd, one thread, driven by wrk over 8 " \
           "connections, both servers in turn, %d pairs. bare: 30 mallocs a request, the body copied. %s</p>" % (
               len(results.http["runs"]["bare"]), text(after)) + table(
                   ("", "requests a second", "lowest - highest", "99th percentile, us", "highest"), rows,
                   ["", "ours"])


def facts_section(facts):
    return "<table class=facts>%s</table>" % "".join(
        "<tr><td>%s</td><td>%s</td></tr>" % (text(name), text(value)) for name, value in facts if value)


def page(results, bars, facts, plots, folder, notes, source):
    out = ["<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>",
           "<title>libarena: benchmarks</title><style>%s</style>" % STYLE,
           "<h1>libarena: benchmarks</h1>", notes["head"], facts_section(facts)]
    if results.errors:
        out.append("<h2>Failed</h2>" + table(("benchmark", "why"), [(text(a), text(b)) for a, b in results.errors]))
    out.append(bars_section(bars))
    out.append(losses_section(results))
    for title, name in plots:
        out.append("<h2>%s</h2>%s" % (text(title), inline_svg(folder, name)))
    out += ["<h2>Every workload</h2>", notes["tables"], workload_sections(results), memory_section(results)]
    out.append(programs_section(results, source))
    out.append(http_section(results))
    out += [notes["tail"], "</html>"]
    return "\n".join(out)
