"""Demands that convert, decode and cut."""

from __future__ import annotations

import array
import json
import math
import os
import struct
import sys
import zlib
from typing import Any

from support import PoolCase, numpy, numpy_like
import attacca
from attacca import Space


class Shaping(PoolCase):
    def test_demands_that_shape(self) -> None:
        name, grid = f"py/shape/{os.getpid()}", array.array("h", [200, 100, -999, 2500, -1, 7])
        packing = {"scale_factor": 0.5, "add_offset": 10, "_FillValue": -999,
                   "missing_value": [-1], "units": "K"}
        with attacca.join("py-shape[*]") as pool:
            pool.offer(name, grid, shape=(2, 3), attributes=packing)
            # What is as it was asked for needs no numpy, and stays the pool's own memory.
            with pool.demand(name, 5, dtype="int16", order="row", byteorder=sys.byteorder) as d:
                self.assertEqual(d.view.tolist(), [[200, 100, -999], [2500, -1, 7]])
            with pool.demand(name, 5, transforms=[{"kind": "transpose"}]) as d:
                self.assertEqual((d.space.shape, d.space.order), ((3, 2), "column"))
                self.assertEqual([*array.array("h", bytes(d))], [*grid])
            into = bytearray(8)
            with pool.demand(name, 5, region=numpy_like[:, 1:3], into=into) as d:
                self.assertEqual([*array.array("h", bytes(into))], [100, -999, -1, 7])
                self.assertEqual(d.space.shape, (2, 2))
                d.raw[0:2] = b"\x01\x00"
                self.assertEqual(into[:2], b"\x01\x00")
            self.refused("size-mismatch", lambda: pool.demand(name, 5, into=bytearray(11)))
            for wrong in (b"x" * 12, 7, memoryview(bytearray(24))[::2]):
                self.refused("bad-argument", lambda: pool.demand(name, 5, into=wrong))
            self.refused("bad-argument", lambda: pool.demand(name, 5, order="C"))
            self.refused("bad-argument", lambda: pool.demand(name, 5, byteorder="="))
            self.refused("bad-space", lambda: pool.demand(name, 5, dtype="int7"))
            for chain in ([7], [{}], [{"kind": "expression", "text": "x"}],
                          [{"kind": "no"}], [{"kind": "transpose"}] * 65):
                self.refused("bad-transform", lambda: pool.demand(name, 5, transforms=chain))
            self.refused("lossy-conversion", lambda: pool.demand(name, 5, dtype="uint16"))
            if numpy is None:
                error = self.refused("library-unavailable",
                                     lambda: pool.demand(name, 5, dtype="int32"))
                self.assertIn("pip install numpy", str(error))
                return
            with pool.demand(name, 5, unpack=True) as d:
                self.assertEqual((d.space.dtype, d.attributes), ("float32", {"units": "K"}))
                self.assertEqual(str(numpy.asarray(d).tolist()),
                                 "[[110.0, 60.0, nan], [1260.0, nan, 13.5]]")
            model = numpy.frombuffer(grid, "i2").reshape(2, 3)
            need = pool.require(name, dtype="int16", shape=(2, 3),
                                region=numpy_like[:, ::2])
            with need.demand(5, own=True, dtype=">i4", order="column") as d:
                self.assertEqual(d.space, Space("int32", (2, 2), "column", "big"))
                self.assertTrue((numpy.asarray(d) == model[:, ::2]).all())
                self.assertFalse(d.raw.readonly)
            for target in (numpy.zeros((2, 3), ">f8"), numpy.zeros((2, 3), "c16", order="F"),
                           numpy.zeros(6, "i8")):
                pool.demand(name, 5, into=target).dispose()
                self.assertTrue((target.reshape(2, 3) == model).all())
            self.refused("lossy-conversion", lambda: pool.demand(
                name, 5, into=numpy.zeros((2, 3), "i1")))
            pool.demand(name, 5, into=numpy.zeros((2, 3), "i1"), lossy=True).dispose()
            self.refused("size-mismatch", lambda: pool.demand(
                name, 5, into=numpy.zeros((3, 2), "i4")))
            pool.offer(name + "/bad", grid, attributes={"scale_factor": "one"})
            self.refused("bad-attribute", lambda: pool.demand(name + "/bad", 5, unpack=True))

    def test_structs(self) -> None:
        name = f"py/structs/{os.getpid()}"
        with attacca.join("structs") as pool:
            raw = b"".join(struct.pack("<fh", x, x) for x in range(10))
            pool.offer(name, raw, dtype="{x:float32, n:int16}", shape=(5, 2))
            with pool.demand(name, 5, region=numpy_like[1:3, 1]) as d:
                self.assertEqual(d.space.dtype, "{x:float32@0,n:int16@4;6}")
                self.assertEqual(bytes(d), raw[18:24] + raw[30:36])
            self.assertEqual(pool.stat(name)["dtype"], "{x:float32@0,n:int16@4;6}")
            with self.assertRaises(attacca.AttaccaError) as caught:
                pool.require(name, dtype="{x:float32, n:int32}").demand(5)
            self.assertEqual(caught.exception.code, "object-mismatch")
            pool.offer(name + "/tags", b"ab\0cde", dtype="string[3]")
            with pool.demand(name + "/tags", 5) as d:
                self.assertEqual((d.space.dtype, d.space.shape), ("string[3]", (2,)))
            if numpy is not None:
                source = numpy.array([(1.5, b"ab", 3)] * 4,
                                     [("x", ">f8"), ("t", "S4"), ("n", ">u2")])
                pool.offer(name + "/big", source)
                with pool.demand(name + "/big", 5, region=numpy_like[1:3]) as d:
                    self.assertTrue((numpy.asarray(d) == source[1:3]).all())

    def test_encoded(self) -> None:
        values = array.array("f", (math.sin(at / 50) for at in range(3000)))
        raw = values.tobytes()
        shuffled = b"".join(raw[byte::4] for byte in range(4))
        packer = zlib.compressobj(wbits=31)
        packed = packer.compress(shuffled) + packer.flush()
        space = {"dtype": "float32", "shape": [30, 100], "order": "row", "byteOrder": "little"}
        chain = [{"kind": "bitround", "bits": 23}, {"kind": "shuffle", "itemSize": 4},
                 {"kind": "compress", "codec": "gzip"}]

        def put(name: str, data: bytes, **told: Any) -> str:
            text = json.dumps({"space": space, "chain": chain, **told})
            one.offer(name, data, attributes={"attacca.encoding": text}, keep=True)
            return name

        name = f"py/{os.getpid()}/encoded"
        with attacca.join("py-one[*]") as one:
            with one.demand(put(name, packed), timeout=30) as d:
                self.assertEqual(d.space.shape, (30, 100))
                self.assertEqual(d.space.dtype, "float32")
                self.assertEqual(d.raw.tobytes(), raw)
            for region, wanted, counts in [
                    (numpy_like[2:4, 5], [205, 305], (2,)),
                    (numpy_like[29, 98:], [2998, 2999], (2,)),
                    (numpy_like[...], list(range(3000)), (30, 100))]:
                for own in (False, True):
                    with one.demand(name, timeout=30, region=region, own=own, dtype="float32",
                                    shape=(None, 100)) as d:
                        self.assertEqual(d.space.shape, counts)
                        self.assertEqual(list(d.raw.cast("f")), [values[at] for at in wanted])
            for told in ({"shape": (30, 99)}, {"dtype": "float64"}, {"order": "column"}):
                with self.assertRaises(attacca.AttaccaError) as caught:
                    one.require(name, **told).demand(30)
                self.assertEqual(caught.exception.code, "object-mismatch", str(told))
            with self.assertRaises(attacca.AttaccaError) as caught:
                one.demand(name, timeout=30, region=numpy_like[30, 0])
            self.assertEqual(caught.exception.code, "bad-region")
            flat = put(f"{name}/flat", packed, space={**space, "shape": [3000]})
            with one.demand(flat, timeout=30, region=numpy_like[7:9]) as d:
                self.assertEqual(list(d.raw.cast("f")), list(values[7:9]))
            long = {**space, "shape": [2 ** 50]}
            for at, (data, told) in enumerate([
                    (packed[:-9], {}), (packed, {"space": {**space, "shape": [2999]}}),
                    (packed, {"space": {}}), (packed, {"space": long}), (b"", {}),
                    (packed, {"chain": [{"kind": "wasm"}]}), (packed, {"chain": 7})]):
                with self.assertRaises(attacca.AttaccaError) as caught:
                    one.demand(put(f"{name}/{at}", data, **told), timeout=30)
                self.assertEqual(caught.exception.code, "transform-failed", str(at))
