# SPDX-License-Identifier: MIT
"""The bars: for each, what was measured, and whether it was reached."""

import statistics

FLOOR = "floor-call, Y behind a call"
DISTURBED = 15.0  # percent: repetitions that differ by more were disturbed by something else
LOCKS = ("Y-pthread_mutex", "Y-sem_t", "Y-spinlock")
PROGRAMS = ("lua", "json-1K", "json-2M", "zlib", "pcre2", "ast")
CLEARING = ("way-memset", "way-memset-backward", "way-non-temporal", "way-DONTNEED", "way-DONTNEED-huge")


class Bar:
    def __init__(self, what, against, limit, value, spread, unit="x", why=""):
        self.what = what
        self.against = against
        self.limit = limit
        self.value = value  # None: not measured
        self.spread = spread  # percent, of both sides together
        self.unit = unit
        self.why = why  # what else was measured that says why it is out of reach, if it is

    @property
    def verdict(self):
        if self.value is None:
            return "not measured"
        if self.spread > DISTURBED and abs(self.value / self.limit - 1) * 100 < self.spread:
            return "undecided"  # another run, on a machine that does nothing else, can tell
        return "reached" if self.value <= self.limit else "not reached"


def size_text(size_bytes):
    for unit, shift in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if size_bytes >= 1 << shift:
            return "%d %s" % (size_bytes >> shift, unit)
    return "%d B" % size_bytes


class Bars:
    def __init__(self, results):
        self.results = results
        self.list = []
        self._single()
        self._concurrent()
        self._pool()
        self._reset()
        self._calls()
        self._growth()
        self._mixed()
        self._programs()
        self._http()

    def _add(self, what, against, limit, row, base, floor=None, floor_text=""):
        """`floor`: a row that does the same by hand, in as little code as there can be."""
        if row is None and base is None:
            return
        value = self.results.ratio(row, base)
        spread = row.spread + base.spread if value is not None else 0.0
        why = ""
        if floor is not None and base is not None:
            why = "%s: %.2f" % (floor_text, floor.median / base.median)
        self.list.append(Bar(what, against, limit, value, spread, why=why))

    def _best(self, workload, parameter, contenders):
        rows = [self.results.get(workload, contender, parameter) for contender in contenders]
        rows = [row for row in rows if row is not None]
        return min(rows, key=lambda row: row.median) if rows else None

    def _single(self):
        get = self.results.get
        for workload in ("W1", "W2", "W5s"):
            self._add("%s typed" % workload, "Yz", 1.05, get(workload, "libarena-typed"), get(workload, "Yz"))
            self._add("%s typed, clear on hand-out" % workload, "Y", 1.05,
                      get(workload, "libarena-typed-handout"), get(workload, "Y"))
        self._add("W2 burst", "Yz", 0.70, get("W2", "libarena-burst"), get("W2", "Yz"))
        self._add("W2 burst, clear on hand-out", "Y", 0.70, get("W2", "libarena-burst-handout"), get("W2", "Y"))
        peers = [row for row in self.results.workload("W2") if row.peer]
        if peers:
            best = min(peers, key=lambda row: row.median)
            self._add("W2 burst", "the fastest peer, %s" % best.contender, 1.0, get("W2", "libarena-burst"), best)
        self._add("W3 typed slab, zeroed", "Yz", 1.10, get("W3", "libarena-typed"), get("W3", "Yz"))
        self._add("W3 typed slab, clear on hand-out", "Yz", 1.10, get("W3", "libarena-typed-handout"), get("W3", "Yz"))
        self._add("W2 exported, 8 bytes", "Y", 1.7, get("W2", "libarena-exported"), get("W2", "Y"),
                  get("W2", "floor-call"), "the smallest call there can be")
        self._add("W5s exported, 32 bytes", "Y", 2.2, get("W5s", "libarena-exported"), get("W5s", "Y"),
                  get("W5s", "floor-call"), "the smallest call there can be")
        # Where a call costs more than Y, these say what is left to gain.
        self._add("W2 exported, 8 bytes", FLOOR, 1.25, get("W2", "libarena-exported"), get("W2", "floor-call"))
        self._add("W5s exported, 32 bytes", FLOOR, 1.35, get("W5s", "libarena-exported"), get("W5s", "floor-call"))

    def _concurrent(self):
        get = self.results.get
        base = get("W6", "Y", 1)
        for threads in self.results.parameters("W6"):
            self._add("W6 concurrent, T = %d" % threads, "Y", 2.5 if threads == 1 else 1.5,
                      get("W6", "libarena-concurrent", threads), base, get("W6", "floor-call", 1),
                      "the smallest call there can be, on one thread")
        self._add("W6 concurrent, T = 1", FLOOR, 1.35, get("W6", "libarena-concurrent", 1), get("W6", "floor-call", 1))
        for threads in self.results.parameters("W6"):
            best = self._best("W6", threads, LOCKS)
            self._add("W6 chunks off, T = %d" % threads,
                      "the best lock, %s" % (best.contender[2:] if best else "none"), 1.0,
                      get("W6", "libarena-gate-only", threads), best)

    def _pool(self):
        get = self.results.get
        base = get("W7", "Y", 1)
        self._add("W7 pool-scope, T = 1", FLOOR, 1.5, get("W7", "libarena-pool-scope", 1), get("W7", "floor-call", 1))
        for name, limit in (("pool-scope", 2.2), ("pool-execute", 3.0)):
            for threads in (1, 2):
                self._add("W7 %s, T = %d" % (name, threads), "Y", limit, get("W7", "libarena-" + name, threads), base,
                          get("W7", "floor-call", threads), "the two smallest calls there can be, with the clearing")
            self._add("W7 %s, T = 2" % name, "T = 1", 1.10, get("W7", "libarena-" + name, 2),
                      get("W7", "libarena-" + name, 1))
            self._add("W7 %s, 1,000 pools in turn" % name, "1 pool", 1.5, get("pools", "libarena-" + name, 1000),
                      get("pools", "libarena-" + name, 1))

    def _reset(self):
        get = self.results.get
        sizes = self.results.parameters("W8")
        for size in sizes:
            best = self._best("W8", size, CLEARING)
            self._add("W8 reset, %s" % size_text(size), "the best way, %s" % (best.contender[4:] if best else "none"),
                      1.10, get("W8", "libarena-reset", size), best)
        for size in sizes:
            self._add("W8 reset, %s" % size_text(size), "as Go clears", 1.05, get("W8", "libarena-reset", size),
                      get("W8", "way-as-Go-clears", size))
        for size in sizes:
            if size >= 1 << 20:
                self._add("W8 clear on hand-out, %s in pieces of 16 KiB" % size_text(size), "memset at reset", 0.65,
                          get("W8", "libarena-handout-16K", size), get("W8", "way-memset", size),
                          get("W8", "ahead-16K", size), "the same by hand")
                self._add("W8 clear on hand-out, %s in pieces of 16 KiB" % size_text(size), "the same by hand", 1.10,
                          get("W8", "libarena-handout-16K", size), get("W8", "ahead-16K", size))

    def _calls(self):
        for size in self.results.parameters("create"):
            row = self.results.get("create", "libarena", size)
            if size == 1 << 40 and row is not None:
                self.list.append(Bar("creating and destroying 2^40 bytes", "microseconds", 100.0, row.median / 1000,
                                     row.spread, "us"))
        row = self.results.get("extract", "libarena", 16)
        if row is not None:
            self.list.append(Bar("extract, 16 injections deep", "nanoseconds", 20.0, row.median, row.spread, "ns"))

    def _http(self):
        """Bare over arena, pair by pair: at most 1 where the arena costs nothing.  Within the spread of the pairs is
        reached: the bar is what the pairs themselves differ by."""
        if self.results.http is None:
            return
        runs = self.results.http["runs"]
        ratios = [bare["per_second"] / arena["per_second"] for bare, arena in zip(runs["bare"], runs["arena"])]
        quartiles = statistics.quantiles(ratios, n=4)
        spread = (quartiles[2] - quartiles[0]) / 2
        self.list.append(Bar("HTTP, a request with an arena", "a bare handler: its spread", 1.0 + max(spread, 0.01),
                             statistics.median(ratios), 100 * spread))
        before, after = self.results.http["resident_before"], self.results.http["resident_after"]
        self.list.append(Bar("HTTP, memory after %s requests" % format(self.results.http["answered"], ","),
                             "memory before them", 1.05, after / before, 0.0))

    def _growth(self):
        for count in self.results.parameters("batch"):
            self._add("growth, %s values a batch" % format(count, ","), "Yz", 1.10,
                      self.results.get("batch", "libarena-typed", count), self.results.get("batch", "Yz", count))

    def _mixed(self):
        """Byte arenas: M1 to M7 and push."""
        get = self.results.get
        for workload, at_reset, at_handout, never in (("M1", 1.05, 1.12, 1.05), ("M2", 1.15, None, 1.10),
                                                      ("M3", 1.05, 1.12, 1.05), ("M4", 1.05, 1.12, 1.05)):
            self._add("%s bytes" % workload, "Yz", at_reset, get(workload, "libarena-bytes"), get(workload, "Yz"))
            if at_handout is not None:
                self._add("%s bytes, clear on hand-out" % workload, "Yz", at_handout,
                          get(workload, "libarena-bytes-handout"), get(workload, "Yz"))
            self._add("%s bytes, never cleared" % workload, "Y", never, get(workload, "libarena-bytes-never"),
                      get(workload, "Y"))
        for workload in ("M5", "M5n"):
            self._add("%s scratch scope" % workload, "Yz", 1.0, get(workload, "libarena-bytes"), get(workload, "Yz"))
            self._add_against_peers("%s scratch scope" % workload, workload, "libarena-bytes")
        self._add("M6 bytes", "Yz", 1.2, get("M6", "libarena-bytes"), get("M6", "Yz"))
        for name, limit in (("bytes-60000", 2.0), ("bytes-16GiB", 2.0), ("typed-60000", 3.0), ("typed-16GiB", 3.0)):
            self._add("M7 a life, %s" % name.replace("-", ", capacity "), "malloc", limit, get("M7", "libarena-" + name),
                      get("M7", "malloc"), get("M7", "way-malloc-chunk"), "an arena by hand in one malloc")
        for peer in ("APR-subpool", "talloc-pool", "way-malloc-chunk-zeroed", "way-malloc-chunk"):
            self._add("M7 a life, bytes, capacity 60000", peer, 1.0, get("M7", "libarena-bytes-60000"), get("M7", peer),
                      get("M7", "way-malloc-chunk-zeroed"), "it clears nothing; the same with a `memset`")
        for name, what in (("", "in an arena of its own life"), ("-reset", "in an arena that is reset")):
            self._add("push, 1,000,000 ints, %s" % what, "realloc", 1.0, get("push", "libarena-bytes" + name),
                      get("push", "realloc"))

    def _add_against_peers(self, what, workload, name):
        peers = [row for row in self.results.workload(workload) if row.peer]
        if peers:
            best = min(peers, key=lambda row: row.median)
            self._add(what, "the fastest peer, %s" % best.contender, 1.0, self.results.get(workload, name), best)

    def _programs(self):
        """M8: libarena against the best peer, in time and in memory, and against malloc.  M9 and M10: what stays."""
        programs = self.results.programs
        for program in PROGRAMS:
            rows = programs.get(program, {})
            ours, malloc = rows.get("libarena"), rows.get("malloc")
            peers = [row for row in rows.values() if row.peer and row is not malloc]
            if ours is None or malloc is None or not peers:
                continue
            best = min(peers, key=lambda row: row.median)
            self._add("M8 %s" % program, "the best peer, %s: its spread" % best.contender,
                      1.0 + max(0.05, (ours.spread + best.spread) / 100), ours, best)
            self._add("M8 %s" % program, "malloc", 1.0, ours, malloc)
            least = min(peers, key=lambda row: row.bytes)
            self.list.append(Bar("M8 %s, peak resident memory" % program, "the best peer, %s" % least.contender, 1.1,
                                 ours.bytes / max(least.bytes, 1), 0.0))
        peak, flat = (programs.get(name, {}).get("libarena") for name in ("peak", "flat"))
        if peak is not None and flat is not None:
            self.list.append(Bar("M9 resident after a peak of 64 MiB and 32 small uses", "1 MiB retained, and 4", 5.0,
                                 peak.bytes / 2**20, 0.0, "MiB"))
            self._add("M9 a small use after a peak", "without one before", 1.0 + max(0.05, (peak.spread + flat.spread) / 100),
                      peak, flat)
        fifth = programs.get("peak5", {})
        self._add("M9 a peak in every fifth generation", "all of it retained", 1.10, fifth.get("libarena"),
                  fifth.get("libarena-retain-all"))
        push = programs.get("push", {})
        if "libarena" in push and "malloc" in push:
            self.list.append(Bar("push, peak resident memory", "realloc", 1.0,
                                 push["libarena"].bytes / max(push["malloc"].bytes, 1), 0.0))
        pools = [name.split("-") for name in programs if name.startswith("pool-")]
        for program, rows in [("-".join(name), programs["-".join(name)]) for name in sorted(
                pools, key=lambda name: (name[1], int(name[2])))]:
            if "libarena" in rows and "floor-threads" in rows:
                threads = int(program.split("-")[-1])
                stays = max(rows["libarena"].bytes - rows["floor-threads"].bytes, 0)
                self.list.append(Bar("M10 resident, %s threads, %s" % (format(threads, ","), program.split("-")[1]),
                                     "1.25 x what was out, and 16 MiB", 1.25 * min(threads, 16) + 16, stays / 2**20, 0.0,
                                     "MiB"))
