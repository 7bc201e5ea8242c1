"""Open objects: docs/open-objects.md."""

from __future__ import annotations

import array
import os
import random
import struct

from support import PoolCase, numpy, numpy_like
import attacca
from attacca import Space
from attacca.regions import _filled


class OpenObjects(PoolCase):
    def test_open_objects(self) -> None:
        for transport in ("socket", ""):
            name = f"py/{os.getpid()}/open/{transport}"
            with attacca.join("py-one[*]", transport=transport) as one, attacca.join(
                    "py-two[*]", transport=transport) as two:
                need = two.require(name)
                mine = one.create(name, dtype="int32", shape=(4, 6), fill=-1,
                                  attributes={"level": 850})
                theirs = two.open(name, timeout=30, dtype="int32")
                self.assertEqual((theirs.consistency, theirs.attributes, theirs.space.shape),
                                 ("posix", {"level": 850}, (4, 6)))
                mine.write(numpy_like[0, 2:4], array.array("i", [2, 3]))
                theirs.write(numpy_like[1:3, [0, 5]], array.array("h", [10, 15, 20, 25]))
                theirs.write(numpy_like[3, :1], struct.pack("=i", 30))
                grid = [[-1, -1, 2, 3, -1, -1], [10, -1, -1, -1, -1, 15],
                        [20, -1, -1, -1, -1, 25], [30, -1, -1, -1, -1, -1]]
                self.assertEqual(mine.read().view.tolist(), grid)
                found = theirs.read(numpy_like[:3, 0], dtype="float64")
                self.assertEqual((found.space.shape, found.view.tolist()), ((3,), [-1, 10, 20]))
                self.assertEqual(mine.read(numpy_like[:2, 2:4], order="column").space.order,
                                 "column")
                self.refused("lossy-conversion", lambda: mine.write(0, array.array("d", [.5] * 6)))
                mine.write(numpy_like[3, 1:3], array.array("d", [1.5, 2.5]), lossy=True)
                self.assertEqual(mine.read(numpy_like[3, :3]).view.tolist(), [30, 1, 2])
                self.refused("size-mismatch", lambda: mine.write(0, array.array("i", [1])))
                self.refused("bad-region", lambda: mine.read(numpy_like[:, 6]))
                self.refused("bad-region", lambda: mine.lock("read", 4))
                self.refused("already-offered", lambda: one.create(name, dtype="u1", shape=1))
                theirs.close()
                theirs.close()
                self.refused("wrong-state", lambda: theirs.read())
                mine.seal()
                self.refused("wrong-state", lambda: mine.write(0, array.array("i", [0] * 6)))
                with need.demand(timeout=30) as d:
                    self.assertEqual(d.attributes, {"level": 850})
                    self.assertEqual(d.view.tolist()[:3], grid[:3])
                self.refused("wrong-state", lambda: two.open(name))
                mine.withdraw(timeout=10)
                self.refused("deadline-passed", lambda: two.open(name, timeout=0.05))

    def test_open_objects_of_many_dtypes(self) -> None:
        with attacca.join("py[*]") as pool:
            for dtype, fill in (("bool", True), ("int8", -3), ("uint64", 1 << 63), ("float16", .5),
                                (">f4", 1.5), ("complex64", 1 - 2j), ("complex128", 3)):
                name = f"py/{os.getpid()}/open/{dtype}"
                with pool.create(name, dtype=dtype, shape=3, fill=fill, order="column") as field:
                    raw = bytes(field.read().raw)
                    self.assertEqual(raw, _filled(field.space, fill) * 3)
                    field.write(numpy_like[:2], b"\x00" * 2 * field.space.itemsize)
                    self.assertEqual(bytes(field.read(2).raw), raw[:field.space.itemsize])
                field.withdraw()
            empty = pool.create(f"py/{os.getpid()}/open/empty", dtype="f4", shape=(0, 3))
            empty.write(numpy_like[:, 1], b"")
            self.assertEqual(empty.read().space.shape, (0, 3))
            empty.seal()
            self.refused("bad-argument", lambda: pool.create("x", dtype="int8", shape=2, fill=200))
            with self.assertRaises(ValueError):
                pool.create("x", dtype="int8", shape=2, consistency="soon")

    def test_open_objects_by_the_thousand(self) -> None:
        for transport in ("socket", ""):
            with attacca.join("py[*]", transport=transport) as pool:
                name = f"py/{os.getpid()}/open/many/{transport}"
                rows, rng = 3_000, random.Random(7)
                with pool.create(name, dtype="int32", shape=(rows, 64)) as table:
                    order = rng.sample(range(rows), rows)
                    table.write_many((row, array.array("i", [row] * 64)) for row in order)
                    got = table.read_many([numpy_like[row, 3:5] for row in order])
                    self.assertEqual([d.view.tolist() for d in got], [[row] * 2 for row in order])
                    big = table.read()
                    self.assertEqual(big.view.tolist(), [[row] * 64 for row in range(rows)])
                table.withdraw()

    def test_large_writes_go_in_pieces(self) -> None:
        most, attacca.regions._PIECE_MAX = attacca.regions._PIECE_MAX, 256
        self.addCleanup(setattr, attacca.regions, "_PIECE_MAX", most)
        with attacca.join("py[*]") as pool:
            for order in ("row", "column"):
                name = f"py/{os.getpid()}/open/pieces/{order}"
                field = pool.create(name, dtype="int16", shape=(40, 30), order=order)
                region = numpy_like[[1, 2, 5, 9, *range(20, 40)], 1:30:3]
                data = array.array("h", range(240))
                field.write(region, data)
                self.assertEqual([*array.array("h", bytes(field.read(region).raw))], [*data])
                flat = field.read(numpy_like[:, ::3]).raw
                self.assertEqual(bytes(flat), b"\x00" * 800)
                field.withdraw()

    def test_what_an_exception_leaves_is_not_committed(self) -> None:
        name = f"py/{os.getpid()}/dropped"
        with attacca.join("py-one[*]") as one, attacca.join("py-two[*]") as two:
            mine = one.create(name, dtype="int32", shape=4, consistency="session", keep=True)
            with self.assertRaises(KeyError), two.open(name, timeout=30) as theirs:
                theirs.write(..., array.array("i", [1] * 4))
                self.assertEqual(theirs.read().view.tolist(), [1] * 4)
                raise KeyError
            with two.open(name, timeout=30) as theirs:
                self.assertEqual(theirs.read().view.tolist(), [0] * 4)
                theirs.write(numpy_like[1:], array.array("i", [2] * 3))
                self.refused("wrong-state", lambda: theirs.commit())
                self.assertEqual(mine.read().view.tolist(), [0] * 4)
            self.assertEqual(mine.read().view.tolist(), [0, 2, 2, 2])
            mine.close()
            with two.open(name, timeout=30) as theirs:
                theirs.seal()
            with one.demand(name, timeout=30) as d:
                self.assertEqual(d.view.tolist(), [0, 2, 2, 2])
            one.withdraw(name, timeout=10)

    def test_what_lies_in_either_order(self) -> None:
        def column() -> memoryview:
            return memoryview(array.array("h", [7, 8, 9])).cast("B").cast("h", (3, 1))

        with attacca.join("py[*]") as pool:
            for own in ("row", "column"):
                name = f"py/{os.getpid()}/open/either/{own}"
                with pool.create(name, dtype="int16", shape=(3, 4), order=own, fill=0) as field:
                    for at, order in enumerate((None, "row", "column")):
                        field.write(numpy_like[:, at:at + 1], column(), order=order)
                        target = memoryview(bytearray(6)).cast("h", (3, 1))
                        with field.transfer("read", numpy_like[:, at:at + 1], target,
                                            order=order) as reading:
                            reading.start()
                            reading.wait(30)
                        self.assertEqual(target.tolist(), [[7], [8], [9]])
                    self.assertEqual(field.read(order="row").view.tolist(),
                                     [[value, value, value, 0] for value in (7, 8, 9)])
                field.withdraw()

    def check_chains(self, pool: attacca.Pool) -> None:
        packing = {"scale": 0.01, "offset": 273.15}
        pack = {"kind": "pack", "dtype": "int16", **packing}
        name = f"py/{os.getpid()}/open/chains"
        with pool.create(name, dtype="int16", shape=(2, 3)) as field:
            field.write(0, array.array("f", [275.15, 274.15, 0]), transforms=[pack])
            self.assertEqual(field.read(0).view.tolist(), [200, 100, -27315])
            turned = numpy.arange(300, 303, dtype="f8").reshape(3, 1)
            field.write(numpy_like[1:, :], turned.T, transforms=[pack])
            degrees = [{"kind": "scale", **packing}, {"kind": "units", "from": "K", "to": "degC"}]
            found = field.read(numpy_like[:, :2], transforms=degrees, dtype="float64",
                               order="column")
            self.assertEqual(found.space, Space("float64", (2, 2), "column", "little"))
            self.assertTrue(numpy.allclose(numpy.asarray(found), [[2, 1], [26.85, 27.85]], 1e-4))
            for chain in ([{"kind": "decimate", "every": [2]}],
                          [{"kind": "transpose", "axes": []}]):
                with self.assertRaises(attacca.AttaccaError) as caught:
                    field.write(0, array.array("h", [1, 2, 3]), transforms=chain)
                self.assertIn(caught.exception.code, ("size-mismatch", "bad-transform"))
            self.refused("lossy-conversion", lambda: field.write(
                0, array.array("f", [1e9] * 3), transforms=[pack]))
            self.refused("size-mismatch", lambda: field.write(
                0, array.array("f", [1] * 4), transforms=[pack]))
        field.withdraw()

    def test_open_objects_of_numpy(self) -> None:
        if numpy is None:
            self.skipTest("numpy is not here")
        with attacca.join("py[*]") as pool:
            model = numpy.zeros((7, 9, 5), "f4")
            name = f"py/{os.getpid()}/open/numpy"
            with pool.create(name, dtype=numpy.float32, shape=model.shape) as field:
                rng = numpy.random.default_rng(3)
                for region in (numpy.s_[2], numpy.s_[:, 1:9:3], numpy.s_[..., 4],
                               numpy.s_[1:3, :, [0, 2, 3]]):
                    values = rng.random(model[region].shape, "f4")
                    model[region] = values
                    field.write(region, numpy.asfortranarray(values))
                    self.assertTrue((numpy.asarray(field.read(region)) == values).all())
                self.assertTrue((numpy.asarray(field.read()) == model).all())
                self.check_chains(pool)
                self.refused("size-mismatch",
                             lambda: field.write(0, numpy.zeros((5, 9), "f4")))
            field.withdraw()
