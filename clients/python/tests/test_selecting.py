"""Orders and histograms, without a pool."""

from __future__ import annotations

import fractions
import random
import unittest
from typing import Any, List

from support import ORDER, histogram
import attacca
from attacca import Timestamp
from attacca.told import _together
from attacca.values import _identity, _order


class Selecting(unittest.TestCase):
    """How parts of a pool are put together."""

    def test_order(self) -> None:
        rank = {id(value): at for at, row in enumerate([*ORDER, [None]]) for value in row}
        chance = random.Random(1)
        for _ in range(20):
            values = [value for row in [*ORDER, [None]] for value in row]
            chance.shuffle(values)
            up = sorted(values, key=_order)
            self.assertEqual([rank[id(value)] for value in up], sorted(rank[id(v)] for v in values))
            down = sorted(values, key=lambda value: _order(value, True), reverse=True)
            self.assertIsNone(down[-1])
            self.assertEqual([rank[id(value)] for value in down[:-1]],
                             sorted((rank[id(v)] for v in values if v is not None), reverse=True))

    def test_identity(self) -> None:
        distinct = [*(row[0] for row in ORDER[:-1]), None, [], [[]], [None], [1], [True], ["1"],
                    [b"1"], [Timestamp(1)], [1, 2], [2, 1], {}, {"a": 1}, {"a": True}, {"b": 1}]
        self.assertEqual(len({_identity(value) for value in distinct}), len(distinct))
        for row in [*ORDER[:-1], [[1, [2]], [1.0, [2.0]]], [{"a": 1, "b": 2}, {"b": 2.0, "a": 1}]]:
            self.assertEqual(len({_identity(value) for value in row}), 1, row)

    def test_histograms(self) -> None:
        chance = random.Random(2)
        for case in range(200):
            count = chance.randrange(1, 100)
            scale = 10.0 ** chance.randrange(-3, 12)
            values: List[Any] = [chance.uniform(-1, 1) * scale + scale * (case % 3)
                                 for _ in range(count)]
            if case % 2:
                values = [Timestamp(int(value)) for value in values]
            cut = chance.randrange(count)
            parts = [attacca.Histogram(**{**histogram("x", part), "first": int(
                histogram("x", part)["first"])}) for part in (values[:cut], values[cut:]) if part]
            found = parts[0] if len(parts) == 1 else _together(*parts)
            self.assertLessEqual(len(found.bins), 64)
            self.assertTrue(found.bins[0] and found.bins[-1])
            width = fractions.Fraction(2) ** found.exponent
            bins = [0] * len(found.bins)
            for value in values:
                bins[fractions.Fraction(value) // width - found.first] += 1
            self.assertEqual((found.bins, found.objects, found.least, found.most),
                             (bins, count, min(values), max(values)))
        # Where the bins of both, as fine as they are, would be too many.
        far = _together(*(attacca.Histogram("x", 1, v, v, -6, v << 6, [1])
                                  for v in (-1, 1 << 40)))
        self.assertEqual((far.exponent, far.first, far.bins), (35, -1, [1, *[0] * 32, 1]))
