"""Arrays in parts, and such as grow: docs/parts.md."""

from __future__ import annotations

import array
import os
from typing import Any

from support import PoolCase, numpy, numpy_like
import attacca


class Parts(PoolCase):
    def test_parts(self) -> None:
        shape, total = (4, 6), range(24)
        grid = [list(total[row * 6:row * 6 + 6]) for row in range(4)]

        def values(rows: Any, columns: Any, column_major: bool = False) -> array.array:
            if column_major:
                return array.array("i", [grid[r][c] for c in columns for r in rows])
            return array.array("i", [grid[r][c] for r in rows for c in columns])

        for transport in ("socket", ""):
            name = f"py/{os.getpid()}/parts/{transport}"
            with attacca.join("py-writer[*]", transport=transport) as one, attacca.join(
                    "py-writer[*]", transport=transport) as two, attacca.join(
                    "py-reader[*]", transport=transport) as reader:
                need = reader.require(name, region=numpy_like[1:3, 0:6:2])
                one.offer_part(name, numpy_like[:, :2], values(range(4), (0, 1)), shape=shape)
                with self.assertRaises(attacca.AttaccaError) as caught:
                    two.offer_part(name, numpy_like[0, 1], array.array("i", [1]), shape=shape)
                self.assertEqual(caught.exception.code, "part-overlap")
                two.offer_part(name, numpy_like[:, [2, 3, 5]], values(range(4), (2, 3, 5)),
                               shape=shape)
                one.offer_part(name, numpy_like[..., 4], values(range(4), (4,)), shape=shape)
                with need.demand(timeout=30) as d:
                    self.assertEqual(d.space.shape, (2, 3))
                    self.assertEqual(d.view.tolist(), [[6, 8, 10], [12, 14, 16]])
                with reader.demand(name, timeout=30) as d:
                    self.assertEqual(d.view.tolist(), grid)
                with reader.demand(name, timeout=30, region=2, shape=shape) as d:
                    self.assertEqual((d.space.shape, d.view.tolist()), ((6,), grid[2]))
                with reader.demand(name, timeout=30, region=numpy_like[3:3, :]) as d:
                    self.assertEqual((d.space.shape, bytes(d)), ((0, 6), b""))
                one.withdraw(name, timeout=10)
                two.withdraw(name, timeout=10)
                name += "/column"
                one.offer_part(name, numpy_like[:2, :], values((0, 1), range(6), True),
                               shape=shape, order="column")
                two.offer_part(name, numpy_like[2:, :], values((2, 3), range(6), True),
                               shape=shape, order="column")
                with reader.demand(name, timeout=30, region=numpy_like[1:3, 4:6]) as d:
                    self.assertEqual(d.space.order, "column")
                    self.assertEqual([*array.array("i", bytes(d))], [10, 16, 11, 17])
                name += "/large"
                rows = [array.array("d", [row] * 40_000) for row in range(3)]
                for row in range(3):
                    one.offer_part(name, row, rows[row], shape=(3, 40_000))
                with reader.demand(name, timeout=30, region=numpy_like[:, -2:],
                                   shape=(3, 40_000)) as d:
                    self.assertEqual(d.view.tolist(), [[0, 0], [1, 1], [2, 2]])
                with self.assertRaises(attacca.AttaccaError) as caught:
                    reader.demand(name, timeout=5, region=numpy_like[:, 39_998:40_001])
                self.assertEqual(caught.exception.code, "bad-region")

    def test_parts_that_lie_in_either_order(self) -> None:
        def shaped(values: Any, *shape: int) -> memoryview:
            data = memoryview(array.array("i", values)).cast("B")
            return data.cast("i", shape) if len(data) else data

        with attacca.join("py[*]") as pool:
            for own, asked in (("column", None), ("column", "column"), ("row", None),
                               ("row", "row")):
                name = f"py/{os.getpid()}/parts/either/{own}/{asked}"
                first = [0, 5, 1, 6] if own == "column" else [0, 1, 5, 6]
                pool.offer_part(name, numpy_like[:2, :2], shaped(first, 4), shape=(3, 5), order=own)
                pool.offer_part(name, numpy_like[:, 4:], shaped((4, 9, 14), 3, 1), shape=(3, 5),
                                order=asked)
                pool.offer_part(name, numpy_like[2:, :2], shaped((10, 11), 1, 2), shape=(3, 5),
                                order=asked)
                pool.offer_part(name, numpy_like[:2, 2], shaped((2, 7), 2), shape=(3, 5),
                                order=asked)
                pool.offer_part(name, numpy_like[1, 3], shaped((8,), 1, 1), shape=(3, 5),
                                order=asked)
                self.refused("object-mismatch", lambda: pool.offer_part(
                    name, numpy_like[0, 3], array.array("h", [3]), shape=(3, 5), order=asked))
                pool.offer_part(name, numpy_like[0, 3], shaped((3,), 1), shape=(3, 5))
                pool.offer_part(name, numpy_like[2, 2:4], shaped((12, 13), 2, 1), shape=(3, 5))
                with pool.demand(name, timeout=30) as d:
                    wanted = range(15) if own == "row" else [
                        row * 5 + column for column in range(5) for row in range(3)]
                    self.assertEqual((d.space.order, [*array.array("i", bytes(d))]),
                                     (own, [*wanted]))
                pool.withdraw(name, timeout=10)
            name = f"py/{os.getpid()}/parts/either/2"
            self.refused("bad-space", lambda: pool.offer_part(
                name, ..., shaped(range(6), 2, 3), shape=(2, 3), order="column"))
            for shape in ((5, 1), (1, 3)):
                for order in ("row", "column", None):
                    data = shaped(range(shape[0] * shape[1]), *shape)
                    pool.offer(name, data, order=order)
                    with pool.demand(name, timeout=30) as d:
                        self.assertEqual((d.space.order, d.space.shape, bytes(d)),
                                         (order or "row", shape, data.tobytes()))
                    pool.withdraw(name, timeout=10)

    def test_what_is_no_buffer_in_column_order(self) -> None:
        class Image:
            def __init__(self, typestr: str, data: bytes) -> None:
                self.__array_interface__ = {"shape": (2, 3), "typestr": typestr, "data": data,
                                            "version": 3, "strides": None}

        with attacca.join("py[*]") as pool:
            name = f"py/{os.getpid()}/interface"
            for order, wanted in (("row", range(6)), ("column", (0, 3, 1, 4, 2, 5))):
                pool.offer(name, Image("<i2", array.array("h", range(6)).tobytes()), order=order)
                with pool.demand(name, timeout=30) as d:
                    self.assertEqual((d.space.order, d.space.shape), (order, (2, 3)))
                    self.assertEqual([*array.array("h", bytes(d))], [*wanted])
                pool.withdraw(name, timeout=10)
            self.refused("bad-space", lambda: pool.offer(name, Image("<c16", bytes(96)),
                                                         order="column"))

    def test_parts_of_numpy_that_lie_in_either_order(self) -> None:
        if numpy is None:
            self.skipTest("numpy is not here")
        with attacca.join("py[*]") as pool:
            for shape in ((5, 1), (1, 3), (0, 3), (3, 0), (1, 1)):
                for order in ("row", "column", None):
                    name = f"py/{os.getpid()}/parts/{shape}/{order}"
                    for each in ("C", "F"):
                        data = numpy.arange(shape[0] * shape[1], dtype="i4").reshape(shape)
                        data = numpy.array(data, order=each)
                        pool.offer_part(name, ..., data, shape=shape, order=order)
                        with pool.demand(name, timeout=30) as d:
                            self.assertEqual(numpy.asarray(d).tolist(), data.tolist())
                        pool.withdraw(name, timeout=10)

    def test_regions_that_need_the_shape(self) -> None:
        name = f"py/{os.getpid()}/open-ends"
        grid = [[row * 6 + column for column in range(6)] for row in range(4)]
        with attacca.join("py-writer[*]") as one, attacca.join("py-reader[*]") as reader:
            def rows(first: int, end: int) -> array.array:
                return array.array("i", [each for row in grid[first:end] for each in row])

            one.offer_part(name, numpy_like[2:4, :], rows(2, 4), shape=(4, 6))
            # Part of it is there, and so the shape.
            for region, expected in (
                    (numpy_like[2:], grid[2:]), (numpy_like[-2:, ::5], [[12, 17], [18, 23]]),
                    (-1, grid[3]), (numpy_like[-1, ..., -2:], [22, 23]),
                    (numpy_like[[-2, -1], [0, -1]], [[12, 17], [18, 23]]),
                    (numpy_like[2, ...], grid[2]), (numpy_like[3], grid[3])):
                with reader.demand(name, timeout=30, region=region) as d:
                    self.assertEqual(d.view.tolist(), expected)
            for region in (numpy_like[-4:], -4):
                with self.assertRaises(attacca.AttaccaError) as caught:
                    reader.demand(name, timeout=0.05, region=region)
                self.assertEqual(caught.exception.code, "deadline-passed")
            for region, why in (("0:2,:", "is a text"), ([2, 1], "ascend")):
                with self.assertRaises(attacca.AttaccaError) as caught:
                    reader.demand(name, timeout=5, region=region)
                self.assertEqual(caught.exception.code, "bad-region")
                self.assertIn(why, str(caught.exception))
            one.offer_part(name, numpy_like[:2], rows(0, 2), shape=(4, 6))
            one.withdraw(name, timeout=10)

    def test_append(self) -> None:
        for transport in ("socket", ""):
            name = f"py/{os.getpid()}/append/{transport}"
            with attacca.join("py-writer[*]", transport=transport) as one, attacca.join(
                    "py-writer[*]", transport=transport) as two, attacca.join(
                    "py-reader[*]", transport=transport) as reader:
                need = reader.require(name)
                with self.assertRaises(attacca.AttaccaError) as caught:
                    one.finish(name)
                self.assertEqual(caught.exception.code, "wrong-state")

                def rows(first: int, count: int) -> memoryview:
                    data = array.array("i", range(first * 2, (first + count) * 2))
                    return memoryview(data).cast("B").cast("i", (count, 2))

                self.assertEqual(one.append(name, rows(0, 3)), 0)
                self.assertEqual(two.append(name, rows(3, 1)), 3)
                self.assertEqual(one.append(name, rows(4, 2)), 4)
                with reader.demand(name, region=numpy_like[2:5, 1:2], timeout=30) as d:
                    self.assertEqual(d.view.tolist(), [[5], [7], [9]])
                for other in (array.array("f", [1, 2]), array.array("i", [1, 2, 3, 4, 5, 6])):
                    wide = memoryview(other).cast("B").cast(other.typecode, (1, len(other)))
                    with self.assertRaises(attacca.AttaccaError) as caught:
                        one.append(name, wide)
                    self.assertEqual(caught.exception.code, "object-mismatch")
                one.finish(name)
                with need.demand(timeout=30) as d:
                    self.assertEqual(d.view.tolist(), rows(0, 6).tolist())
                with self.assertRaises(attacca.AttaccaError) as caught:
                    two.append(name, rows(6, 1))
                self.assertEqual(caught.exception.code, "wrong-state")
                one.withdraw(name, timeout=10)
                two.withdraw(name, timeout=10)
                name += "/large"
                for at in range(3):
                    self.assertEqual(one.append(name, rows(at * 20_000, 20_000), keep=True),
                                     at * 20_000)
                one.finish(name)
                with reader.demand(name, region=numpy_like[19_999:20_001, :], timeout=30) as d:
                    self.assertEqual(d.view.tolist(), rows(19_999, 2).tolist())
                one.withdraw(name, timeout=10)
