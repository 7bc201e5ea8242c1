"""The participant's side of the harness, for rivals that are used from Python."""

import json
import sys
import time
import traceback

import numpy as np

PATTERN = 1024


def now_ns():
    """CLOCK_MONOTONIC: the clock that process.hrtime of Node reads."""
    return time.monotonic_ns()


def take_part(verbs):
    """Serves verbs, one after the other, until stdin ends."""

    def answer(message):
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()

    answer({"id": 0, "ok": {"clock": now_ns()}})
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer({"id": request["id"], "ok": verbs[request["do"]](request) or {}})
        except Exception:
            answer({"id": request["id"], "error": traceback.format_exc()})


def pattern(size):
    """What every producer hands over: as fillPattern in hand-over/transport.ts."""
    return np.resize(np.arange(PATTERN, dtype=np.float64), size // 8)


class OwnArrays:
    """Arrays of the producer's own, one size at a time."""

    def __init__(self):
        self.size, self.array = -1, None

    def of(self, size):
        if self.size != size:
            self.array = None
            self.array, self.size = pattern(size), size
        return self.array


def look(array, sums):
    """Reads the first value, then sums all if that is asked for: what a consumer answers."""
    first = float(array[0]) if len(array) else 0.0
    first_ns = now_ns()
    total = float(array.sum()) if sums else 0.0
    return {"firstNs": first_ns, "doneNs": now_ns(), "first": first, "sum": total}
