"""Cubes: docs/cubes.md."""

from __future__ import annotations

import array
import itertools
import math
import os
import random
import threading
from typing import Any, Dict, List

from support import PoolCase, numpy, xarray
import attacca
from attacca import Timestamp


class Cubes(PoolCase):
    def test_cubes(self) -> None:
        """docs/cubes.md: against elements that tell where they are from."""
        tag = f"cube-{os.getpid()}"
        lats, lons = [60.0, 50.0, 40.0], [0.0, 90.0]

        def value(step: int, number: int, lat: float, lon: float) -> float:
            return step * 1e6 + number * 1e3 + lat + lon / 1e3

        def offer(pool: attacca.Pool, step: int, number: int, **how: Any) -> None:
            data = array.array("d", (value(step, number, lat, lon) for lat in lats for lon in lons))
            pool.offer(f"{tag}/{number}/{step:03}", data, shape=(3, 2), keep=True, attributes={
                "run": tag, "step": step, "number": number}, **how)

        def expected(part: attacca.CubeArray) -> List[float]:
            return [value(*each) for each in itertools.product(
                *(part.coords[dimension] for dimension in ("step", "number", "lat", "lon")))]

        with attacca.join("py-cube[*]") as pool, attacca.join("py-other[*]") as other:
            pool.offer(f"{tag}/lon", array.array("d", lons), keep=True,
                       attributes={"units": "degrees_east"})
            told = {"names": tag + "/{number}/{step:03}", "dims": ["lat", "lon"],
                    "coords": {"lat": lats, "lon": f"{tag}/lon"}}
            cube = pool.cube(tag, f'run = "{tag}"', ["step", "number"], **told)
            self.assertEqual((cube.shape, cube.dtype), ((0, 0), None))
            self.refused_as("cube-hole", lambda: cube.demand(holes="fail"))
            for step, number in ((0, 0), (0, 1), (6, 0)):
                offer(pool, step, number)
            cube.refresh()
            self.assertEqual(cube.sizes, {"step": 2, "number": 2, "lat": 3, "lon": 2})
            self.assertEqual((cube.objects, cube.holes), (3, 1))
            picks = random.Random(7)
            for _ in range(40):  # any part of what is there
                pick: Dict[str, Any] = {"number": 0}
                for dimension, labels in (("lat", lats), ("lon", lons), ("step", [0, 6])):
                    some = picks.sample(labels, picks.randint(1, len(labels)))
                    pick[dimension] = picks.choice([
                        some, some[0], (some[0], some[-1]), slice(min(some), None)])
                with cube.demand(pick, timeout=30) as part:
                    self.assertEqual(part.coords, cube.sel(pick).coords)
                    self.assertEqual(part.dims, ("step", "number", "lat", "lon"))
                    self.assertEqual([*part.raw.cast("B").cast("d")], expected(part))
            with cube.demand(holes="fill", lat=60, lon=0) as part:
                self.assertEqual((part.holes, part.shape), (1, (2, 2, 1, 1)))
                self.assertEqual(part.coord_attributes, {"lon": {"units": "degrees_east"}})
                self.assertTrue(math.isnan(part.view[1, 1, 0, 0]))
                self.assertEqual(part.view[1, 0, 0, 0], value(6, 0, 60, 0))
            error = self.refused_as("cube-hole", lambda: cube.demand(holes="fail"))
            self.assertIn("1 of 4 places have no object, the first is step=6 number=1", str(error))
            self.refused_as("deadline-passed", lambda: cube.demand(timeout=0.05, wait=True))
            self.refused_as("bad-region", lambda: cube.demand(lat=47.5, number=0))
            self.refused_as("bad-argument", lambda: cube.demand(latitude=40))
            # A hole is waited for by its name; another program opens the cube by its own.
            seen: List[Any] = []

            def make() -> None:
                while f"{tag}/1/006" not in seen:
                    seen[:] = [each["object"] for each in other.explain()["waits"]]
                offer(other, 6, 1)
            maker = threading.Thread(target=make)
            maker.start()
            with pool.cube(tag).demand(step=6, lat=[60, 40], timeout=30) as part:
                self.assertEqual([*part.raw.cast("B").cast("d")], expected(part))
            maker.join()
            steps = []
            for part in cube.sel(step=(0, 6, 6)).grow("step", timeout=30):
                self.assertEqual([*part.raw.cast("B").cast("d")], expected(part))
                steps += part.coords["step"]
                part.dispose()
            self.assertEqual(steps, [0, 6])
            self.assertEqual(cube.isel(step=-1, lat=slice(0, 2)).coords["lat"], lats[:2])
            # What has no place.
            offer(pool, 12, 0)
            pool.offer(f"{tag}/odd", bytes(8), keep=True, attributes={"run": tag, "step": 12})
            self.assertIn("it has no \"number\"", str(self.refused_as("cube-misfit", cube.refresh)))
            again = pool.cube(tag, f'run = "{tag}"', ["step", "number"], misfits="skip", **told)
            self.assertEqual([name for name, _ in again.misfits], [f"{tag}/odd"])
            pool.offer(f"{tag}/twin", array.array("d", [7] * 6), shape=(3, 2), keep=True,
                       attributes={"run": tag, "step": 12, "number": 0})
            self.refused_as("cube-misfit", again.refresh)
            newest = pool.cube(tag, f'run = "{tag}"', ["step", "number"], misfits="skip",
                               duplicates="newest", **told)
            with newest.demand(step=12, number=0) as part:
                self.assertEqual([*part.raw.cast("B").cast("d")], [7.0] * 6)
            self.refused_as("unknown-definition", lambda: pool.cube(tag + "-no"))
            wrong: List[Dict[str, Any]] = [
                {"axes": []}, {"axes": ["a", "a"]}, {"names": "x"}, {"names": "{a}{b}"},
                {"misfits": "no"}, {"duplicates": "no"}]
            for how in wrong:
                self.refused_as("bad-argument", lambda: pool.cube(
                    tag + "-bad", "true", **{"axes": ["a"], **how}))
            pool.define_collection(tag + "-late", "step > 1")
            self.refused_as("bad-argument", lambda: pool.cube(tag + "-late"))
            # Holes that nobody knows by name are looked for; NumPy, where there is some.
            nameless = pool.cube(tag + "-n", f'run = "{tag}" and step < 20', ["step", "number"],
                                 misfits="skip", duplicates="newest")
            late = threading.Timer(0.2, lambda: offer(other, 18, 0))
            late.start()
            with nameless.demand(step=[12, 18], number=0, timeout=30) as part:
                self.assertEqual((part.dims[2:], part.shape), (("dim_0", "dim_1"), (2, 1, 3, 2)))
            late.join()
            if numpy is not None:
                for step, how in ((0, ">f8"), (6, "<f8")):
                    source = numpy.asfortranarray(numpy.arange(6).reshape(3, 2) + step, how)
                    pool.offer(f"{tag}/f/{step}", source, keep=True, attributes={
                        "of": tag, "at": Timestamp(step * 10 ** 9)})
                moments = pool.cube(tag + "-t", f'of = "{tag}"', ["at"])
                with moments.demand(at="1970-01-01T00:00:06Z") as part:
                    self.assertEqual(part.values.tolist(), [[[6, 7], [8, 9], [10, 11]]])
                with moments.demand(dim_1=1) as part:
                    self.assertEqual(part.values.tolist(), [[[1], [3], [5]], [[7], [9], [11]]])
            pool.delete_selected(f'name ~ "{tag}/*"', force=True)

    def test_cubes_whose_coordinates_change(self) -> None:
        tag = f"cubec-{os.getpid()}"
        with attacca.join("py-cube[*]") as pool, attacca.join("py-other[*]") as other:
            def lat(*values: float) -> None:
                other.offer(f"{tag}/lat", array.array("d", values), keep=True)

            for step in (0, 6):
                pool.offer(f"{tag}/{step}", array.array("d", [1, 2, 3]), keep=True, attributes={
                    "of": tag, "step": step, "dims": ["lat"], ".part-of": tag})
            cube = pool.cube(tag, f'of = "{tag}"', ["step"])
            self.assertEqual(cube.coords, {"step": [0, 6]})
            lat(0, 1, 1000)
            with cube.demand(step=0, lat=(1, 1000)) as part:
                self.assertEqual([*part.raw.cast("B").cast("d")], [2, 3])
                self.assertEqual(part.coords, {"step": [0], "lat": [1, 1000]})
            # What a file calls coords is no map; of an object that says so itself it is wrong.
            for of, part_of in ((f"{tag}-p", {".part-of": tag}), (f"{tag}-q", {})):
                pool.offer(f"{of}/0", array.array("d", [1, 2, 3]), keep=True, attributes={
                    "of": of, "step": 0, "dims": ["lat"], "coords": "lat lon", **part_of})
            odd = pool.cube(tag + "-p", f'of = "{tag}-p"', ["step"])
            self.assertEqual(odd.coords, {"step": [0], "lat": [0, 1, 1000]})
            self.refused_as("bad-argument", lambda: pool.cube(
                tag + "-q", f'of = "{tag}-q"', ["step"]))
            for at, wrong in enumerate(({"dims": "lat"}, {"dims": 7}, {"dims": [""]},
                                        {"dims": ["lat"], "coords": {"lat": 7}})):
                pool.offer(f"{tag}-r/{at}", array.array("d", [1]), keep=True, attributes={
                    "of": f"{tag}-r", "step": at, **wrong})
                self.refused_as("bad-argument", lambda: pool.cube(
                    f"{tag}-r{at}", f'of = "{tag}-r" and step = {at}', ["step"]))
            other.delete(f"{tag}/lat", force=True)  # the objects' own are what they were
            self.assertEqual(cube.refresh().coords["lat"], [0, 1, 1000])
            lat(60, 50, 40)
            with cube.demand(step=0, lat=[60, 50]) as part:
                self.assertEqual([*part.raw.cast("B").cast("d")], [1, 2])
            named = pool.cube(tag + "-n", f'of = "{tag}"', ["step"], coords={"lat": f"{tag}/lat"})
            for name in ("lat", "0"):
                other.delete(f"{tag}/{name}", force=True)
            self.assertEqual(cube.refresh().coords, {"step": [6]})
            self.assertEqual(named.refresh(timeout=5).coords["lat"], [60, 50, 40])
            lat(1, 2, 3)
            with named.demand(step=6, lat=2) as part:
                self.assertEqual([*part.raw.cast("B").cast("d")], [2])
            pool.delete_selected(f'name ~ "{tag}*"', force=True)

    def test_cubes_that_lose_objects(self) -> None:
        tag = f"cubel-{os.getpid()}"
        with attacca.join("py-cube[*]") as pool:
            def offer(step: int) -> None:
                pool.offer(f"{tag}/{step}", array.array("d", [step]), keep=True,
                           attributes={"of": tag, "step": step})

            for step in (0, 6, 12):
                offer(step)
            cube = pool.cube(tag, f'of = "{tag}"', ["step"], labels={"step": [0, 6, 12]})

            class Losing(attacca.Cube):
                lost = ["6"]

                def _region(self) -> Any:  # it has planned, and has not demanded
                    if self.lost:
                        pool.delete(f"{tag}/{self.lost.pop()}", force=True)
                    return super()._region()

            losing = Losing(pool, tag, {"selector": cube.selector, "tags": {"cube": cube._told}})
            losing._with = lambda by_place, picks: losing  # type: ignore[method-assign]
            with losing.demand(holes="fill", timeout=20) as part:
                self.assertEqual([str(each) for each in part.raw.cast("B").cast("d")],
                                 ["0.0", "nan", "12.0"])
                self.assertEqual(part.holes, 1)
            losing.lost.append("0")
            offer(6)
            # One that is offered anew meanwhile has the place that it says now.
            class Moving(Losing):
                def _region(self) -> Any:
                    pool.delete(f"{tag}/12", force=True)
                    pool.offer(f"{tag}/12", array.array("d", [30]), keep=True,
                               attributes={"of": tag, "step": 30})
                    return super()._region()

            moving = Moving(pool, tag, {"selector": cube.selector, "tags": {"cube": cube._told}})
            moving.lost = []
            moving._with = lambda by_place, picks: moving  # type: ignore[method-assign]
            self.refused_as("cube-misfit", lambda: moving.demand(timeout=20))
            pool.delete(f"{tag}/12", force=True)
            offer(12)
            self.refused_as("cube-hole", lambda: losing.demand(holes="fail", timeout=20))
            offer(0)
            # What is picked by place is picked when it is seen.
            seen = []
            with self.assertRaises(attacca.AttaccaError) as caught:
                free = pool.cube(tag + "-g", f'of = "{tag}"', ["step"])
                for part in free.isel(step=slice(-2, None)).grow("step", holes="fail", timeout=0.2):
                    seen += part.coords["step"]
                    part.dispose()
                    if len(seen) == 1:
                        offer(18)
                        offer(24)
            self.assertEqual(caught.exception.code, "deadline-passed")
            self.assertEqual(seen, [6, 12, 18, 24])
            pool.delete_selected(f'of = "{tag}"', force=True)

    def test_cubes_that_grow_in_any_order(self) -> None:
        tag, order = f"cubeg-{os.getpid()}", random.Random(7)
        places = [*itertools.product((0, 6, 12), ("a", "b"))]
        with attacca.join("py-cube[*]") as pool:
            for turn in range(6):
                if turn:
                    order.shuffle(places)
                of = f"{tag}/{turn}"
                cube = pool.cube(f"{tag}-{turn}", f'of = "{of}"', ["step", "kind"])
                for step, kind in places:
                    pool.offer(f"{of}/{step}/{kind}", array.array("d", [step]), keep=True,
                               attributes={"of": of, "step": step, "kind": kind})
                    cube.demand(holes="fill").dispose()
                    anew = pool.cube(f"{tag}-{turn}")
                    self.assertEqual((cube.coords, cube.objects), (anew.coords, anew.objects))
                # Two at one place are told by whatever looks, not only by the first.
                pool.offer(f"{of}/twin", array.array("d", [7]), keep=True,
                           attributes={"of": of, "step": 6, "kind": "a"})
                for _ in range(2):
                    self.refused_as("cube-misfit", cube.demand)
            pool.delete_selected(f'name ~ "{tag}/*"', force=True)

    def test_cubes_that_are_refused(self) -> None:
        """What does not fit is not defined: what is mended is another one."""
        tag = f"misfit-{os.getpid()}"
        with attacca.join("py[*]") as pool:
            pool.offer(f"{tag}/0", array.array("d", [0]), keep=True,
                       attributes={"of": tag, "step": 0})
            how: Dict[str, Any] = {"dims": ["x"], "coords": {"x": f"{tag}/nothing"}}
            self.refused_as("cube-misfit", lambda: pool.cube(
                tag, f'of = "{tag}"', ["stepp"], **how))
            self.refused_as("unknown-definition", lambda: pool.cube(tag))
            cube = pool.cube(tag, f'of = "{tag}"', ["step"])
            self.assertEqual(cube.coords, {"step": [0]})
            self.refused_as("cube-misfit", lambda: pool.cube(
                tag, f'of = "{tag}"', ["stepp"], replace=True))
            self.assertEqual(pool.cube(tag).axes, ("step",))
            pool.delete_selected(f'of = "{tag}"', force=True)

    def test_cubes_of_xarray(self) -> None:
        if xarray is None:
            self.skipTest("xarray is not here")
        tag = f"xcube-{os.getpid()}"
        with attacca.join("py[*]") as pool:
            for day in range(2):
                pool.offer(f"{tag}/{day}", numpy.arange(3, dtype="f4") + day, keep=True,
                           attributes={"of": tag, "day": Timestamp(day * 86_400 * 10 ** 9)})
            pool.offer(f"{tag}/x", numpy.arange(1, 4, dtype="f8"), keep=True,
                       attributes={"units": "m", "dims": ["x"]})
            cube = pool.cube(tag, f'of = "{tag}"', ["day"], dims=["x"], coords={"x": f"{tag}/x"})
            with cube.demand(x=(2, None)) as part:
                self.assertEqual(part.coord_attributes, {"x": {"units": "m"}})
                array = part.to_xarray()
                self.assertEqual(array.coords["x"].attrs, {"units": "m"})
                self.assertEqual((array.dims, array.name), (("day", "x"), tag))
                self.assertEqual(array.sel(day="1970-01-02", x=3).item(), 3)
                self.assertTrue(numpy.shares_memory(array.values, part.values))
            pool.delete_selected(f'name ~ "{tag}/*"', force=True)
