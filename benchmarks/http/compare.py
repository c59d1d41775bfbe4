# SPDX-License-Identifier: MIT
"""Requests per second with and without an arena per request:  compare.py SERVER PAIRS SECONDS REQUESTS OUT

Runs both servers side by side and drives them in turn with wrk, PAIRS times for SECONDS each, so that what disturbs the
machine disturbs both; then asks the one with arenas until REQUESTS were answered in all, and looks at its memory.
"""

import json
import re
import shutil
import subprocess
import sys

MODES = ("bare", "arena")


class Server:
    def __init__(self, program, mode):
        self.process = subprocess.Popen([program, mode], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def resident_bytes(self):
        with open("/proc/%d/statm" % self.process.pid, encoding="ascii") as file:
            return int(file.read().split()[1]) * 4096

    def drive(self, seconds):
        """What wrk saw: requests, requests a second, the 99th percentile in us, errors."""
        text = subprocess.run(["wrk", "-t1", "-c8", "-d%ds" % seconds, "--latency",
                               "http://127.0.0.1:%d/some/path" % self.port], capture_output=True, text=True,
                              check=True).stdout
        tail = re.search(r"99%\s+([\d.]+)(us|ms|s)", text)
        errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
        refused = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
        return {
            "requests": int(re.search(r"(\d+) requests in", text).group(1)),
            "per_second": float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1)),
            "p99_us": float(tail.group(1)) * {"us": 1, "ms": 1e3, "s": 1e6}[tail.group(2)],
            "errors": (sum(map(int, errors.groups())) if errors else 0) + (int(refused.group(1)) if refused else 0),
        }

    def stop(self):
        self.process.stdin.close()
        return self.process.wait(timeout=30)


def main(program, pairs, seconds, requests, out):
    if shutil.which("wrk") is None:
        sys.exit("compare: wrk is not here (Debian: wrk); the HTTP comparison is left out")
    servers = {mode: Server(program, mode) for mode in MODES}
    for server in servers.values():
        server.drive(1)
    before = servers["arena"].resident_bytes()
    runs = {mode: [] for mode in MODES}
    for pair in range(pairs):
        for mode in MODES if pair % 2 == 0 else reversed(MODES):
            runs[mode].append(servers[mode].drive(seconds))
    answered = sum(run["requests"] for run in runs["arena"])
    errors = sum(run["errors"] for mode in MODES for run in runs[mode])
    while answered < requests:
        run = servers["arena"].drive(5)
        answered += run["requests"]
        errors += run["errors"]
    after = servers["arena"].resident_bytes()
    codes = [server.stop() for server in servers.values()]
    with open(out, "w", encoding="utf-8") as file:
        json.dump({"http": {"runs": runs, "answered": answered, "errors": errors, "resident_before": before,
                            "resident_after": after, "exit_codes": codes}}, file, indent=1)
    return 1 if any(codes) else 0


sys.exit(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]))
