"""Holes of cubes, and what has no place in one: docs/cubes.md."""

from __future__ import annotations

import array
import itertools
import json
import math
import os
import random
import sys
import threading
import zlib
from typing import Any, Dict, List, Set, Tuple

from support import PoolCase, numpy
import attacca


class CubeHoles(PoolCase):
    def test_fills_of_cubes(self) -> None:
        tag = f"cubef-{os.getpid()}"
        cases: List[Tuple[str, Any, Any]] = [  # None: it is refused
            ("uint64", 2 ** 64 - 1, 2 ** 64 - 1), ("uint64", 2 ** 64, None), ("uint64", -1, None),
            ("int64", -2 ** 63, -2 ** 63), ("int64", 2 ** 63, None), ("int16", -0.0, 0),
            ("int16", 3.0, 3), ("int16", 0.5, None), ("int16", math.nan, None), ("int8", 128, None),
            ("uint8", None, None), ("bool", 1, True), ("bool", 2, None), ("bool", None, None),
            ("float32", 2 ** 64, 2.0 ** 64), ("float32", 1e39, None), ("float64", 2 ** 2000, None),
            ("float32", math.inf, math.inf), ("string[4]", None, None), ("string[4]", 1, None)]
        with attacca.join("py-cube[*]") as pool:
            for at, (dtype, fill, expected) in enumerate(cases):
                size = attacca.Space(dtype, (1,), "row", sys.byteorder).itemsize
                pool.offer(f"{tag}/{at}", bytes(size), dtype=dtype, keep=True,
                           attributes={"of": tag, "at": at, "step": 0})
                cube = pool.cube(f"{tag}-{at}", f'of = "{tag}" and at = {at}', ["step"])

                def demand() -> Any:
                    with cube.demand(step=[0, 6], holes="fill", fill=fill) as part:
                        return part.view.tolist()[1][0]
                if expected is None:
                    self.refused_as("bad-argument", demand)
                else:
                    self.assertEqual(demand(), expected, (dtype, fill))
            pool.delete_selected(f'of = "{tag}"', force=True)

    def test_cubes_of_parts(self) -> None:
        """What is there of an object in parts is no hole."""
        tag, rng = f"cubep-{os.getpid()}", random.Random(11)
        rows, columns = 9, 7

        def element(step: int, row: int, column: int) -> float:
            return step * 1e4 + row * 100.0 + column

        with attacca.join("py-cube[*]") as pool, attacca.join("py-other[*]") as other:
            def part(step: int, some: Any, these: Any) -> None:
                data = array.array("d", (element(step, row, column)
                                         for row in some for column in these))
                other.offer_part(f"{tag}/{step}", (list(some), list(these)), data,
                                 shape=(rows, columns), keep=True,
                                 attributes={"of": tag, "step": step})
                there.update((step, row, column) for row in some for column in these)

            there: Set[Any] = set()
            part(0, range(rows), range(columns))
            part(6, range(6), range(columns))
            part(12, range(rows), range(2, 5))
            part(18, [1, 4, 8], [0, 3, 6])
            cube = pool.cube(tag, f'of = "{tag}"', ["step"], dims=["row", "column"])
            for _ in range(12):
                pick: Dict[str, Any] = {
                    "step": sorted(rng.sample((0, 6, 12, 18, 24), rng.randint(1, 5))),
                    "row": sorted(rng.sample(range(rows), rng.randint(1, rows))),
                    "column": sorted(rng.sample(range(columns), rng.randint(1, columns)))}
                places = [*itertools.product(pick["step"], pick["row"], pick["column"])]
                expected = [element(*at) if at in there else -1.0 for at in places]
                with cube.demand(pick, holes="fill", fill=-1, timeout=20) as got:
                    self.assertEqual([*got.raw.cast("B").cast("d")], expected, pick)
                    self.assertEqual(got.holes, len({at[0] for at in places if at not in there}))
                if -1.0 in expected:
                    error = self.refused_as("cube-hole", lambda: cube.demand(
                        pick, holes="fail", timeout=20))
                    first = min(at[0] for at in places if at not in there)
                    self.assertIn(f"the first is step={first}", str(error))
                    self.assertEqual(error.fields["labels"], [first])
                else:
                    cube.demand(pick, holes="fail", timeout=20).dispose()
            error = self.refused_as("cube-hole", lambda: cube.demand(
                step=[12, 18], holes="fail", timeout=20))
            self.assertIn(f'"{tag}/12", which lacks 36 of 63 elements', str(error))
            # Nobody waits for parts that are not needed.
            with cube.demand(step=[0, 6], row=(0, 5), timeout=20) as got:
                self.assertEqual((got.shape, got.holes), ((2, 6, 7), 0))
            self.refused_as("deadline-passed", lambda: cube.demand(
                step=6, row=6, timeout=0.05, wait=True))
            # That one comes in parts says its name alone: no other part is waited for.
            named = pool.cube(f"{tag}-n", f'of = "{tag}" and step < 30', ["step"],
                              dims=["row", "column"], names=tag + "/{step}")
            late = threading.Timer(0.1, lambda: part(24, range(2), range(columns)))
            late.start()
            with named.demand(step=[6, 24], row=(0, 1), timeout=20) as got:
                self.assertEqual(got.view.tolist()[1], [
                    [element(24, row, column) for column in range(columns)] for row in (0, 1)])
            late.join()
            # What comes by its name has the shape of the others, or no place.
            for step, shape in ((42, (rows + 1, columns)), (48, (1, columns))):
                late = threading.Timer(0.1, lambda: other.offer(
                    f"{tag}/{step}", array.array("d", [0] * shape[0] * shape[1]), shape=shape,
                    keep=True, attributes={"step": step}))
                late.start()
                error = self.refused_as("cube-misfit", lambda: named.demand(
                    step=[0, step], row=(0, 3), timeout=20))
                self.assertIn(f'"{tag}/{step}" has no place in it', str(error))
                late.join()
            # Or it comes encoded, which nobody could know.
            raw = array.array("d", range(rows * columns)).tobytes()
            packer = zlib.compressobj(wbits=31)
            encoding = {"chain": [{"kind": "compress", "codec": "gzip"}], "space": {
                "dtype": "float64", "shape": [rows, columns], "order": "row",
                "byteOrder": "little"}}
            late = threading.Timer(0.1, lambda: other.offer(
                f"{tag}/54", packer.compress(raw) + packer.flush(), keep=True, attributes={
                    "step": 54, "attacca.encoding": json.dumps(encoding)}))
            late.start()
            with named.demand(step=[0, 54], row=[1, 3], column=(2, 4), timeout=20) as got:
                self.assertEqual(got.view.tolist()[1], [[9, 10, 11], [23, 24, 25]])
            late.join()
            # Where parts are gone and come anew, each demand has what is there then.
            part(6, range(6, rows), range(columns))
            with cube.demand(step=6, holes="fail", timeout=20) as got:
                self.assertEqual(got.shape, (1, rows, columns))
            pool.delete_selected(f'of = "{tag}"', force=True)

    def test_cubes_whose_objects_disagree(self) -> None:
        tag = f"cubed-{os.getpid()}"
        plain: Dict[str, Any] = {"scale_factor": 0.5, "units": "K", "dims": ["x"],
                                 "coords": {"x": [10, 20]}, "title": "t"}
        with attacca.join("py-cube[*]") as pool:
            def offer(of: str, step: int, **other: Any) -> str:
                told = {key: value for key, value in {**plain, **other}.items()
                        if value is not None}
                pool.offer(f"{of}/{step}", array.array("h", [1, 2]), keep=True,
                           attributes={"of": of, "step": step, **told})
                return of

            for at, (key, value, text) in enumerate((
                    ("units", "degC", 'it has "units" \'degC\', "{}/0" has \'K\''),
                    ("units", None, 'it has no "units", "{}/0" has \'K\''),
                    ("dims", ["y"], 'it has "dims" [\'y\'], "{}/0" has [\'x\']'),
                    ("coords", {"x": [10, 30]}, 'along "x" it has [10, 30], "{}/0" has [10, 20]'))):
                of = f"{tag}/{at}"
                for step in (0, 6):
                    offer(of, step)
                offer(of, 12, **{key: value})
                error = self.refused_as("cube-misfit", lambda: pool.cube(
                    of, f'of = "{of}"', ["step"]))
                self.assertIn(f'"{of}/12" has no place in it: {text.format(of)}', str(error))
                less = pool.cube(f"{of}-s", f'of = "{of}"', ["step"], misfits="skip")
                self.assertEqual((less.coords["step"], len(less.misfits)), ([0, 6], 1))
                self.assertEqual(less.attributes, {"of": of, "scale_factor": 0.5, "units": "K",
                                                   "title": "t"})
            # Files have coordinates, too: each step from one of its own, say.
            for of, lats in (("f1", [10, 20]), ("f2", [10, 20]), ("f3", [20, 10])):
                pool.offer(f"{tag}/{of}/x", array.array("d", lats), keep=True)
            of = f"{tag}/files"
            for step, file in ((0, "f1"), (6, "f2"), (12, "f3"), (18, "none")):
                offer(of, step, coords="x", **{".part-of": f"{tag}/{file}"})
            error = self.refused_as("cube-misfit", lambda: pool.cube(
                of, f'of = "{of}"', ["step"]))
            self.assertIn(f'"{of}/12" has no place in it: along "x" it has [20.0, 10.0], "{of}/0" '
                          "has [10.0, 20.0]", str(error))
            less = pool.cube(f"{of}-s", f'of = "{of}"', ["step"], misfits="skip")
            self.assertEqual(less.coords, {"step": [0, 6, 18], "x": [10, 20]})
            offer(of, 24, coords="x", **{".part-of": f"{tag}/f3"})
            less.demand(holes="fill", fill=0).dispose()
            self.assertEqual(less.coords["step"], [0, 6, 18])
            self.assertEqual(len(less.misfits), 2)
            # What the cube says itself nobody contradicts; packing is a matter of each demand.
            of = f"{tag}/packed"
            offer(of, 0)
            offer(of, 6, dims=["other"], coords={"other": [1, 2]})
            offer(of, 12, scale_factor=0.25, title="u")
            cube = pool.cube(of, f'of = "{of}"', ["step"], dims=["y"])
            error = self.refused_as("cube-misfit", lambda: cube.demand(timeout=20))
            self.assertIn(f'"{of}/12" has no place in it: it has "scale_factor" 0.25, "{of}/0" has '
                          "0.5", str(error))
            self.assertEqual(error.fields["key"], "scale_factor")
            if numpy is not None:
                with cube.demand(step=[0, 12, 18], holes="fill", unpack=True, timeout=20) as part:
                    self.assertEqual(str(part.values.tolist()),
                                     "[[0.5, 1.0], [0.25, 0.5], [nan, nan]]")
                    self.assertEqual((part.dtype, part.attributes), ("float32", {
                        "of": of, "units": "K"}))
                into = numpy.zeros((1, 2), ">f8")
                with cube.demand(step=12, unpack=True, into=into, timeout=20) as part:
                    self.assertEqual(into.tolist(), [[0.25, 0.5]])
                with cube.demand(step=(0, 6), dtype="int32", order="column", timeout=20) as part:
                    self.assertEqual((part.space.order, part.values.tolist()),
                                     ("column", [[1, 2], [1, 2]]))
                with cube.demand(step=0, transforms=[{"kind": "scale", "scale": 4}],
                                 timeout=20) as part:
                    self.assertEqual((part.values.tolist(), part.attributes), ([[4, 8]], {
                        "of": of, "title": "t", "units": "K"}))
                self.refused_as("bad-transform", lambda: cube.demand(
                    step=0, transforms=[{"kind": "average", "block": [2]}], timeout=20))
                self.refused_as("lossy-conversion", lambda: cube.demand(
                    step=0, dtype="int8", timeout=20))
            with cube.demand(step=(0, 6), timeout=20) as part:
                self.assertEqual(part.attributes, {"of": of, "scale_factor": 0.5, "units": "K",
                                                   "title": "t"})
            self.assertEqual(cube.attributes, {"of": of, "units": "K"})
            # What cannot be picked is refused before anybody waits.
            self.refused_as("bad-argument", lambda: cube.sel(latitude=3))
            for pick in ("a", [0, "a"], (None, "a"), b"a", True, slice("a", None)):
                self.refused_as("bad-region", lambda: cube.sel(step=pick))
            for place in (1.5, "0", [0, 0.5], slice(0.5, 2)):
                self.refused_as("bad-region", lambda: cube.isel(step=place))
            # Who redefines says so.
            for how in ({"selector": "true"}, {"axes": ["step", "title"]}):
                error = self.refused_as("bad-argument", lambda: pool.cube(
                    of, **{"selector": f'of = "{of}"', "axes": ["step"], "dims": ["y"], **how}))
                self.assertIn("replace=True", str(error))
            again = pool.cube(of, f'of = "{of}" and step < 10', ["step"], dims=["y"], replace=True)
            self.assertEqual(again.coords, {"step": [0, 6]})
            pool.define_collection(f"{tag}-list")
            self.refused_as("bad-argument", lambda: pool.cube(f"{tag}-list", "true", ["step"]))
            self.refused_as("deadline-passed", lambda: pool.cube(
                f"{of}-c", f'of = "{of}"', ["step"], dims=["y"], coords={"y": f"{of}/none"},
                timeout=0.05))
            pool.delete_selected(f'name ~ "{tag}/*"', force=True)
