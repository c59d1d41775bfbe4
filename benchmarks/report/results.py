# SPDX-License-Identifier: MIT
"""What was measured: one row per benchmark, with the median and spread of its repetitions."""

import glob
import json
import os
import statistics


class Row:
    """One contender in one workload, at one parameter (a size, a count, or a number of threads; '' where none)."""

    def __init__(self, workload, contender, parameter, costs):
        self.workload = workload
        self.contender = contender
        self.parameter = parameter
        self.costs = sorted(costs)  # ns per operation, a value per repetition
        self.counters = {}
        self.bytes = 0  # of memory, where that was measured

    @property
    def median(self):
        return statistics.median(self.costs)

    @property
    def low(self):
        return self.costs[0]

    @property
    def high(self):
        return self.costs[-1]

    @property
    def spread(self):
        """Half the distance between the quartiles, in percent of the median: what repetitions mostly differ by."""
        if len(self.costs) < 4:
            return 0.0
        quartiles = statistics.quantiles(self.costs, n=4)
        return 50.0 * (quartiles[2] - quartiles[0]) / self.median

    @property
    def ours(self):
        return self.contender.startswith("libarena")

    @property
    def yardstick(self):
        """Not a peer: the yardsticks, the floors, and the parts that a program would build its own from."""
        return self.contender in ("Y", "Yz", "touch-only", "ahead-16K", "fetch_add") or self.contender.startswith(
            ("floor-", "way-", "Y-"))

    @property
    def peer(self):
        return not self.ours and not self.yardstick


class Results:
    def __init__(self, folder):
        self.rows = {}
        self.errors = []
        self.context = {}
        for path in sorted(set(glob.glob(os.path.join(folder, "*.json"))) - {os.path.join(folder, "http.json")}):
            try:
                with open(path, encoding="utf-8") as file:
                    self._read(json.load(file))
            except ValueError:
                continue
        self.http = None
        path = os.path.join(folder, "http.json")
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                self.http = json.load(file)["http"]
        self.programs = self._read_programs(os.path.join(folder, "programs.jsonl"))
        self.memory = self._read_memory(os.path.join(folder, "memory.jsonl"))

    def _read(self, document):
        self.context.update(document["context"])
        costs, counters = {}, {}
        for entry in document["benchmarks"]:
            if entry.get("run_type") != "iteration":
                continue
            parts = entry["name"].split("/")
            parts = [part for part in parts if part not in ("manual_time", "real_time")]
            key = (parts[0], parts[1], parts[2] if len(parts) > 2 and parts[2].isdigit() else "")
            if entry.get("error_occurred"):
                self.errors.append(("/".join(part for part in key if part), entry.get("error_message", "")))
                continue
            costs.setdefault(key, []).append(1e9 / entry["items_per_second"])
            if "resident_bytes" in entry:
                counters.setdefault(key, []).append(entry["resident_bytes"])
        for key, values in costs.items():
            self.rows[key] = Row(*key, values)
            if key in counters:
                self.rows[key].counters["resident_bytes"] = statistics.median(counters[key])
        self.errors = sorted(set(self.errors))

    def _read_programs(self, path):
        """Real programs: {program: {contender: row}}, with the median of their processes."""
        found, programs = {}, {}
        if not os.path.exists(path):
            return {}
        with open(path, encoding="utf-8") as file:
            for line in file:
                entry = json.loads(line)
                found.setdefault((entry["program"], entry["contender"]), []).append(entry)
                if not entry["right"]:
                    self.errors.append(("%s on %s" % (entry["program"], entry["contender"]), "a wrong result"))
        for (program, contender), entries in found.items():
            row = Row(program, contender, "", [entry["ns"] for entry in entries])
            row.bytes = statistics.median(entry["bytes"] for entry in entries)
            programs.setdefault(program, {})[contender] = row
        self.errors = sorted(set(self.errors))
        return programs

    @staticmethod
    def _read_memory(path):
        found = {}
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8") as file:
            for line in file:
                entry = json.loads(line)
                found.setdefault(entry["name"], []).append(entry)
        merged = []
        for name, entries in found.items():
            row = {"name": name, "right": all(entry["right"] for entry in entries)}
            for field in ("minor_faults", "major_faults", "peak_bytes", "ns_per_value"):
                row[field] = statistics.median(entry[field] for entry in entries)
            merged.append(row)
        return merged

    def get(self, workload, contender, parameter=""):
        return self.rows.get((workload, contender, str(parameter)))

    def ratio(self, row, base):
        return row.median / base.median if row is not None and base is not None else None

    def workload(self, workload, parameter=None):
        return [row for row in self.rows.values()
                if row.workload == workload and (parameter is None or row.parameter == str(parameter))]

    def parameters(self, workload):
        return sorted({int(row.parameter) for row in self.workload(workload) if row.parameter})

    def base(self, row, contender="Y"):
        """The yardstick that a row is held against: the one of its parameter, or of one thread."""
        if row.workload.startswith("W6") or row.workload == "W7":
            return self.get(row.workload, contender, 1)
        if row.workload == "pools":
            return self.get("W7", contender, 1)
        return self.get(row.workload, contender, row.parameter)
