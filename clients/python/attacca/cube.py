"""Many objects as one labelled array: docs/cubes.md."""

from __future__ import annotations

import math
import time
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

from .values import _order
from .timing import _until
from .shaping import _Shaping
from .handles import Requirement
from .cube_labels import _checked_pick, _checked_places
from .cube_objects import _CubeAsk, _Gone
from .cube_array import CubeArray
from .cube_demanding import _CubeDemands


class Cube(_CubeDemands):
    """Many objects as one labelled array, none of which is copied before it is demanded; made by
    `Pool.cube`. Its first dimensions are the axes, attributes of the objects; then come those of
    the objects themselves. What it says of itself is as of the last `refresh` or `demand`.

        cube = pool.cube("t850", 'param = "t"', ["number", "step"])
        with cube.demand(step=(0, 24), lat=(40, 60)) as part:
            print(part.values.mean(), part.coords["step"])
    """

    @property
    def shape(self) -> Tuple[int, ...]:
        """Sizes, one for each of `dims`."""
        return tuple(len(self._picked(dimension)) for dimension in self.dims)

    @property
    def sizes(self) -> Dict[str, int]:
        """Sizes by dimension."""
        return dict(zip(self.dims, self.shape))

    @property
    def dtype(self) -> Optional[str]:
        """Of its objects' elements, as `float32`; None while none has come."""
        return None if self._model is None else self._model.space.dtype

    @property
    def objects(self) -> int:
        """How many of its places have an object."""
        if not self._picks:
            return len(self._members)
        return sum(member is not None for _, member in self._places())

    @property
    def holes(self) -> int:
        """How many have none."""
        return math.prod(len(self._picked(axis)) for axis in self.axes) - self.objects

    def sel(self, pick: Optional[Mapping[str, Any]] = None, /, **picks: Any) -> "Cube":
        """A part by labels: `6`; `(0, 24)` or `slice(0, 24)`, both ends among it, None for no end;
        `(0, 24, 6)` and lists, whose labels need not be there. No dimension goes away."""
        return self._with(False, {**(pick or {}), **picks})

    def isel(self, pick: Optional[Mapping[str, Any]] = None, /, **picks: Any) -> "Cube":
        """A part by places, as they are when it is demanded: numbers, slices, lists."""
        return self._with(True, {**(pick or {}), **picks})

    @property
    def attributes(self) -> Dict[str, Any]:
        """What all of its objects say alike: their attributes, with tags put over them."""
        return self._common([*self._members.values()])

    def _check_pick(self, by_place: bool, dimension: str, pick: Any) -> None:
        """What can never be picked is refused at once, not when it is demanded."""
        named = self._told.get("dims")
        known = self._inner or named is not None
        dims = self.dims if self._inner else (*self.axes, *(named or ()))
        if known and dimension not in dims:
            raise self._bad(f"it has no dimension \"{dimension}\", but {', '.join(dims)}")
        if by_place:
            _checked_places(dimension, pick)
        elif dimension in self.axes:
            _checked_pick(dimension, self._labels[self.axes.index(dimension)], pick)
        else:
            coords = [coords if coords is not None else range(size)
                      for name, size, coords in self._inner if name == dimension]
            _checked_pick(dimension, coords[0] if coords else (), pick)

    def _with(self, by_place: bool, picks: Mapping[str, Any]) -> "Cube":
        for dimension, pick in picks.items():
            self._check_pick(by_place, dimension, pick)
        part = object.__new__(Cube)
        part.__dict__.update(self.__dict__)
        part._picks = self._picks + [(by_place, *each) for each in picks.items()]
        return part

    def demand(self, pick: Optional[Mapping[str, Any]] = None, /, *, holes: str = "wait",
               fill: Any = None, unpack: bool = False,
               transforms: Sequence[Mapping[str, Any]] = (), order: Optional[str] = None,
               dtype: Any = None, lossy: bool = False, into: Any = None,
               timeout: Optional[float] = None, wait: bool = False, **picks: Any) -> CubeArray:
        """All of it, or the part that `sel` would pick, as one array; what lies in one object as it
        is wanted is a view of it, and no copy. All objects are demanded at once, of each what is
        needed. `holes` are places without an object, or whose object lacks some of what is picked:
        "wait" for them (with `wait` also when nobody promises them any more), "fill" what is
        missing with `fill` (NaN, where the elements have it), or "fail" with `cube-hole`, which
        names the first. `unpack`, `transforms`, `order`, `dtype`, `lossy` and `into` are those of
        `Pool.demand`; with `unpack` objects may be packed differently; transforms are run on each
        object, and go by elements. Errors: `cube-hole`, `cube-misfit`, `bad-argument` of a
        dimension that it has not, `bad-region` of labels, `bad-transform`, `too-large`."""
        if holes not in ("wait", "fill", "fail"):
            raise ValueError(f"holes wait, fill or fail, not {holes!r}")
        how = _Shaping(transforms, unpack, order, dtype, None, lossy, into)
        how.check()
        ask = _CubeAsk(holes, fill, how, wait)
        return self._demanded(self.sel(pick, **picks), ask, _until(timeout))

    def _demanded(self, part: "Cube", ask: "_CubeAsk", until: float) -> CubeArray:
        needs: List[Requirement] = []
        try:
            part._until_there(ask.holes, until, ask.wait, needs)
            while True:
                try:
                    return part._gathered(ask, until)
                except _Gone:
                    continue  # it is a hole by now
        finally:
            for need in needs:
                need.retract()
            self.__dict__.update({**part.__dict__, "_picks": self._picks})

    def grow(self, axis: str, *, holes: str = "wait", fill: Any = None, unpack: bool = False,
             transforms: Sequence[Mapping[str, Any]] = (),
             order: Optional[str] = None, dtype: Any = None, lossy: bool = False,
             timeout: Optional[float] = None, wait: bool = False) -> Iterator[CubeArray]:
        """One array for each label of an axis, as `demand` has them: those that are there, then
        each as it comes. Ends where its labels were listed, as by `sel(step=(0, 240, 6))`.
        `timeout` is that of each."""
        ask = _CubeAsk(holes, fill, _Shaping(transforms, unpack, order, dtype, None, lossy),
                       wait)
        ask.how.check()
        if axis not in self.axes:
            raise self._bad(f"\"{axis}\" is none of its axes, {', '.join(self.axes)}")
        listed = any(of == axis and not by_place and not isinstance(pick, slice)
                     and not (isinstance(pick, tuple) and len(pick) == 2)
                     for by_place, of, pick in self._picks)
        seen: Set[Any] = set()
        until = _until(timeout)
        while True:
            since = time.monotonic()
            self._update(max(0.001, until - since))
            fresh = [label for label, _ in self._picked(axis) if _order(label) not in seen]
            for label in fresh:
                seen.add(_order(label))
                # Picked as it was seen, also of picks by place.
                part = self._with(False, {})
                part._picks = [*(each for each in self._picks if each[1] != axis),
                               (False, axis, [label])]
                yield self._demanded(part, ask, _until(timeout))
                until = _until(timeout)
            if listed:
                return
            if not fresh:
                self._pause(since, until, f"nothing new has come along \"{axis}\"")
