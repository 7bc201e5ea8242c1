"""What tests of several subjects share."""

from __future__ import annotations

import fractions
import math
import os
import unittest
from typing import Any, Callable, Dict, List

import attacca
from attacca import Timestamp

try:
    import numpy
except ImportError:
    numpy = None  # type: ignore[assignment]

try:
    import xarray
except ImportError:
    xarray = None


class _Indexed:
    """What stands between brackets, as `numpy.s_` gives it."""

    def __getitem__(self, region: Any) -> Any:
        return region


numpy_like = _Indexed()
SPEC = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "spec")
# Values in the order of SORT; those of one row are equal.
ORDER: List[List[Any]] = [
    [-math.inf], [-(1 << 63), -9.223372036854775808e18], [-1.5], [-1, -1.0], [0, 0.0, -0.0],
    [5e-324], [1], [1 << 53, 9007199254740992.0], [(1 << 53) + 1], [9007199254740994.0],
    [(1 << 63) - 1], [1 << 63, 9.223372036854775808e18], [(1 << 63) + 1], [(1 << 64) - 1],
    [18446744073709551616.0], [1e300], [math.inf], [math.nan, -math.nan],
    [Timestamp(-(1 << 63))], [Timestamp(-1)], [Timestamp(0)], [Timestamp((1 << 53) + 1)],
    [""], ["\x00"], ["A"], ["a"], ["aa"], ["é"], ["\uffff"], ["😀"],
    [b""], [b"\x00"], [b"\x00\x00"], [b"a"], [b"\xff"], [False], [True],
    [[1], ["a", [2]], {"a": 1}, []]]


def histogram(of: str, values: List[Any], bins_max: int = 64) -> Dict[str, Any]:
    """As a pool answers; by fractions, and so exactly."""
    least, most = min(values), max(values)
    exponent = -8
    while True:
        width = fractions.Fraction(2) ** exponent
        first, last = fractions.Fraction(least) // width, fractions.Fraction(most) // width
        if last - first < bins_max:
            break
        exponent += 1
    bins = [0] * (last - first + 1)
    for value in values:
        bins[fractions.Fraction(value) // width - first] += 1
    return {"of": of, "objects": len(values), "least": least, "most": most, "exponent": exponent,
            "first": float(first), "bins": bins}


class PoolCase(unittest.TestCase):
    """Needs ATTACCA_POOL. Names carry the pid: many runs may meet in one pool."""

    def refused_as(self, code: str, call: Callable[[], Any]) -> attacca.AttaccaError:
        with self.assertRaises(attacca.AttaccaError) as caught:
            call()
        self.assertEqual(caught.exception.code, code, caught.exception)
        return caught.exception

    def refused(self, code: str, call: Callable[[], Any]) -> attacca.AttaccaError:
        with self.assertRaises(attacca.AttaccaError) as caught:
            call()
        self.assertEqual(caught.exception.code, code)
        return caught.exception
