"""Demands of parts of a cube: all objects that they need at once."""

from __future__ import annotations

import math
import sys
import time
from typing import Any, Dict, List, Mapping, Optional, Sequence, Set, Tuple

from .limits import _PROBES_MAX
from .errors import AttaccaError
from .forms import _CASTS
from .space import Space
from .values import _identity, _order
from .timing import _left
from .regions import _Axes, _copy_box, _filled, _gather, _select
from .encodings import _COMPARED, _ENCODING
from .laying import _bad_transform
from .chains import _BY_ELEMENTS, _planned, _STEPS, _transformed
from .shaping import _but_packing, _PACKING, _put_into, _Shaping
from .delivered import _shaped, Delivered
from .handles import Requirement
from .cube_labels import _label_text
from .cube_objects import _CubeAsk, _Gone, _Member, _other_key, _Places, _said_of
from .cube_array import CubeArray
from .cube_looking import _CubeMembers


class _CubeDemands(_CubeMembers):
    """Plans over places, fetches regions, and fills what is missing."""

    def _pause(self, since: float, until: float, why: str) -> None:
        """Before one asks again what took so long: a tenth of the time goes into it."""
        now = time.monotonic()
        if now >= until:
            raise AttaccaError("deadline-passed", f"Cannot demand of the cube \"{self.name}\": "
                               f"{why}", {"name": self.name})
        time.sleep(min(until - now, max(0.05, min(5.0, 10 * (now - since)))))

    def _until_there(self, holes: str, until: float, wait: bool,
                     needs: List[Requirement]) -> None:
        """Until there is an object to tell what all are, and whatever has no name has come."""
        while True:
            since = time.monotonic()
            self._update(max(0.001, until - since))
            if holes != "wait":
                if self._model is None:
                    raise self._hole("no object of it is there", None)
                return
            places = self._places()
            missing = [labels for labels, member in places if member is None]
            why = "nothing is picked of an axis" if not places else "no object of it has come"
            if self._told.get("names") is not None and places:
                if self._model is not None:
                    return
                names = [str(self._name_at(labels)) for labels in missing]
                if not needs:
                    needs += [self._pool.require(name, wait=wait) for name in names]
                self._pool.wait(names[0], _left(until))
                continue
            if places and not missing:
                return
            if missing:
                why = f"{len(missing)} places have no object, the first is {self._text(missing[0])}"
            self._pause(since, until, why)

    def _hole(self, why: str, count: Optional[int], **fields: Any) -> AttaccaError:
        return AttaccaError("cube-hole", f"Cannot demand of the cube \"{self.name}\": {why}",
                            {"name": self.name, "holes": count, **fields})

    def _gathered(self, ask: _CubeAsk, until: float) -> CubeArray:
        for _, dimension, _ in self._picks:
            self._picked(dimension)  # refuses one that it has not
        model, places, how = self._model, self._places(), ask.how
        if model is None:
            raise self._hole("no object of it is there any more", None)
        region, axes = self._region()
        inner, outer = [*map(len, axes)], [len(self._picked(axis)) for axis in self.axes]
        lacking: Dict[int, List[_Axes]] = {}  # places with holes, and what is there of each
        if ask.holes != "wait":
            lacking = {at: [] for at, (_, member) in enumerate(places) if member is None}
            lacking.update(self._lacking(places, axes, until))
            if ask.holes == "fail" and lacking:
                raise self._holes_of(places, lacking, axes)
        for spec in how.transforms:
            if isinstance(spec, Mapping) and spec.get("kind") in {*_STEPS, "order"} - {
                    *_BY_ELEMENTS}:
                raise _bad_transform(spec["kind"], "of cubes single elements are transformed; do "
                                     "that with what was demanded")
        members = [member for _, member in places if member is not None]
        if not how.unpack:
            self._must_agree(members)
        shared = self._common(members)
        order, dtype, byteorder = how.said()
        byteorder = byteorder or sys.byteorder
        if len(places) == 1 and not lacking and 0 not in inner and how.into is None:
            [one] = self._fetched(places, [(0, region)], ask, until)
            shared = shared or self._common([self._as_member(one)])
            laid = how._replace(order=order or "row", byteorder=byteorder)
            one = _shaped(one, laid, False)
            found = {"space": one.space._replace(shape=(*outer, *inner)), "version": 0,
                     "attributes": _but_packing(shared, how)}
            handle, one._handle = one._handle, None
            return self._told_as(CubeArray(self._pool, self.name, one.raw, found, handle), 0)
        # Of each object rows of what is asked for; then all of it as it is asked for.
        each = _Shaping(how.transforms, how.unpack, "row", dtype, byteorder, how.lossy)
        space = _planned(each.chain(model.space, model.attributes), model.space)[1]._replace(
            shape=(*outer, *inner))
        size = math.prod(inner) * space.itemsize
        try:
            data = memoryview(bytearray(len(places) * size))
        except (MemoryError, OverflowError) as error:
            raise AttaccaError("too-large", f"Cannot demand of the cube \"{self.name}\": this "
                               f"process has no {len(places) * size} bytes for it; pick less",
                               {"size": len(places) * size}) from error
        if ask.holes == "fill" and lacking and size:
            element = self._fill_of(space, ask.fill)
            for at in lacking:
                data[at * size:(at + 1) * size] = element * (size // len(element))
        if size:
            self._put_all(places, lacking, region, axes, data, each, ask, until)
        if order == "column":
            steps, space = _planned([{"kind": "order", "order": order}], space)
            data = _transformed(data, steps)
        if how.into is not None:
            data = _put_into(self.name, data, space, how.into)
        found = {"space": space, "attributes": _but_packing(shared, how), "version": 0}
        return self._told_as(CubeArray(self._pool, self.name, data, found, None), len(lacking))

    def _put_all(self, places: _Places, lacking: Mapping[int, List[_Axes]],
                 region: Optional[Tuple[Any, ...]], axes: _Axes, data: memoryview, how: _Shaping,
                 ask: _CubeAsk, until: float) -> None:
        """Fetches all that is there to where it belongs."""
        jobs: List[Tuple[int, Optional[Tuple[Any, ...]]]] = [
            (at, region) for at in range(len(places)) if at not in lacking]
        jobs += [(at, tuple(box)) for at, boxes in lacking.items() for box in boxes]
        if not jobs:
            return
        size = len(data) // len(places)
        delivered = self._fetched(places, jobs, ask, until)
        try:
            for (at, box), one in zip(jobs, delivered):
                steps, space = _planned(how.chain(one.space, one.attributes), one.space)
                raw, part = _transformed(one.raw, steps), data[at * size:(at + 1) * size]
                if at in lacking and box is not None:
                    _copy_box(part, axes, raw, [*box], space.itemsize, "row")
                else:
                    part[:] = raw
        finally:
            for one in delivered:
                one.dispose()

    def _lacking(self, places: _Places, axes: _Axes, until: float) -> Dict[int, List[_Axes]]:
        """The places whose objects lack some of what is picked, and the boxes that are there: those
        of parts, found by halves. An object in parts of which just others are missing is whole."""
        short = {at: member for at, (_, member) in enumerate(places)
                 if member is not None and not member.complete}
        found: Dict[int, List[_Axes]] = {at: [] for at in short}
        if 0 in map(len, axes):
            return {}
        whole: Set[int] = set()
        asked = [(at, axes, 0) for at, member in short.items() if member.partial]
        count = 0
        both: List[int] = []
        while asked:
            count += len(asked)
            if count - len(short) > _PROBES_MAX:
                name = short[asked[0][0]].name
                raise AttaccaError("cube-hole", f"Cannot tell what is there of \"{name}\": its "
                                   "parts are too many, and too small; wait for the rest, or "
                                   "pick others",
                                   {"name": name})
            if count > len(asked) and time.monotonic() >= until:
                raise AttaccaError("deadline-passed", f"Cannot demand of the cube \"{self.name}\": "
                                   "not all was asked that is there", {"name": self.name})
            # Of halves, which come in twos, one tells of the other: `both` is what they lack.
            step = 2 if both else 1
            lacks = self._pool._missing(
                [(short[at].name, tuple(box)) for at, box, _ in asked[::step]], until)
            if both:
                lacks = [each for half, (_, box, _), of in zip(lacks, asked[1::2], both)
                         for each in (half, max(0, min(math.prod(map(len, box)), of - half)))]
            both = []
            split: List[Tuple[int, _Axes, int]] = []
            for each, ((at, box, axis), missing) in enumerate(zip(asked, lacks)):
                size = math.prod(map(len, box))
                if missing == 0:
                    found[at].append(box)
                    if box is axes:
                        whole.add(at)
                elif missing < size:
                    # Along another axis where this one has parted nothing.
                    twin = each ^ 1 if box is not axes else each
                    if twin != each and 0 < lacks[twin] < math.prod(map(len, asked[twin][1])):
                        axis += 1
                    axis %= len(box)
                    while len(box[axis]) < 2:
                        axis = (axis + 1) % len(box)
                    half = len(box[axis]) // 2
                    both.append(missing)
                    split += [(at, [*box[:axis], some, *box[axis + 1:]], axis)
                              for some in (box[axis][:half], box[axis][half:])]
            asked = split
        return {at: boxes for at, boxes in found.items() if at not in whole}

    def _holes_of(self, places: _Places, lacking: Mapping[int, List[_Axes]],
                  axes: _Axes) -> AttaccaError:
        first = min(lacking)
        labels, member = places[first]
        size = math.prod(map(len, axes))
        left = size - sum(math.prod(map(len, box)) for box in lacking[first])
        nothing = all(places[at][1] is None for at in lacking)
        what = "no object" if nothing else "no object, or one that lacks parts"
        name = self._name_at(labels) if member is None else member.name
        told = f", \"{member.name}\", which lacks {left} of {size} elements" if member else (
            f", \"{name}\"" if name else "")
        return self._hole(f"{len(lacking)} of {len(places)} places have {what}, the first is "
                          f"{self._text(labels)}{told}", len(lacking), labels=[*labels],
                          object=name)

    def _as_member(self, one: Delivered) -> _Member:
        return _Member(one.name, (), one.attributes, one.space, True, 0, False, {})

    def _fill_of(self, space: Space, fill: Any) -> bytes:
        """The element that stands for none."""
        dtype, cannot = str(space.dtype), f"Cannot fill holes of the cube \"{self.name}\": "
        if dtype not in _CASTS and not dtype.startswith("complex"):
            raise AttaccaError("bad-argument", f"{cannot}{dtype} is no number; wait for them, or "
                               "pick others")
        if dtype.startswith(("float", "complex")):
            return _filled(space, math.nan if fill is None else fill)
        if fill is None:
            raise AttaccaError("bad-argument", f"{cannot}say with what (fill), as {dtype} has no "
                               "NaN")
        whole = int(fill) if hasattr(fill, "is_integer") and fill.is_integer() else fill
        if dtype == "bool" and whole not in (0, 1):
            raise AttaccaError("bad-argument", f"{cannot}bool has no {fill!r}")
        return _filled(space, whole)

    def _told_as(self, array: CubeArray, holes: int) -> CubeArray:
        array.dims, array.coords, array.holes = self.dims, self.coords, holes
        array.coord_attributes = dict(self._said_along)
        return array

    def _region(self) -> Tuple[Optional[Tuple[Any, ...]], _Axes]:
        """What is picked of each object, as numpy would index it (None: all of it), and the indices
        that are picked of each dimension."""
        region: _Axes = []
        for name, size, _ in self._inner:
            if not any(of == name for _, of, _ in self._picks):
                region.append(range(size))
                continue
            picked = self._picked(name)
            for label, at in picked:
                if at < 0:
                    raise AttaccaError("bad-region", "Cannot pick from dimension "
                                       f"\"{name}\": it has no {_label_text(label)}")
            region.append([at for _, at in picked])
        whole = all(isinstance(each, range) for each in region)
        return None if whole else tuple(region), region

    def _fetched(self, places: _Places, jobs: Sequence[Tuple[int, Optional[Tuple[Any, ...]]]],
                 ask: _CubeAsk, until: float) -> List[Delivered]:
        """Demands all at once, of each place a region; all of them, or none. What nobody knows yet
        may come encoded, and is demanded by its region all the same."""
        items: List[Tuple[str, Any]] = []
        for at, region in jobs:
            labels, member = places[at]
            encoded = member is not None and _ENCODING in member.attributes
            name = str(self._name_at(labels)) if member is None else member.name
            items.append((name, None if encoded else region))
        like = next((member for _, member in places if member is not None), self._model)
        delivered = self._demand_all([places[at] for at, _ in jobs], items, ask, until)
        try:
            for at, ((name, asked), (place, region), one) in enumerate(
                    zip(items, jobs, delivered)):
                labels, member = places[place]
                if region is not None and asked is None:
                    one = delivered[at] = self._cut(one, region)
                told = {**one.attributes, **(member.tags if member is not None else {})}
                seen = member is not None and _identity(told) == _identity(member.attributes)
                if like is not None and (not seen or self._differs(one.whole, like)):
                    came = self._as_member(one)._replace(attributes=told)
                    self._must_fit(came, one.whole, labels, like, ask.how.unpack, until)
        except BaseException:
            for one in delivered:
                one.dispose()
            raise
        return delivered

    def _must_fit(self, came: _Member, whole: Space, labels: Tuple[Any, ...], like: _Member,
                  unpacks: bool, until: float) -> None:
        """What has come and was not looked at before, as it came late or was offered anew, is as
        the others are, and at the place that it says."""
        why = self._differs(whole, like) or self._contradicts(came, like)
        key = _other_key(came.attributes, like.attributes, () if unpacks else _PACKING)
        if why is None and key is not None:
            why = _said_of(key, came, like)
        for axis, label in zip(self.axes, labels):
            if why is None and _order(came.attributes.get(axis, label)) != _order(label):
                why = f"its \"{axis}\" is not what its place says"
        why = why or self._lies_elsewhere(came, like, self._inner, until)
        if why is not None:
            raise self._misfit(came.name, why)

    def _demand_all(self, members: Sequence[Tuple[Tuple[Any, ...], Optional[_Member]]],
                    items: Sequence[Tuple[str, Any]], ask: _CubeAsk,
                    until: float) -> List[Delivered]:
        """Looks now and then whether all are still there, where holes are not waited for: the pool
        waits for one that has gone. `_Gone` then."""
        patience = 0.5
        while True:
            look = until if ask.holes == "wait" else min(until, time.monotonic() + patience)
            try:
                return self._pool._demand_all(items, until, ask.wait, look)
            except AttaccaError as error:
                if error.code in _COMPARED and "name" in error.fields and ask.holes == "wait":
                    raise self._misfit(error.fields["name"], error.message) from error
                gone = ask.holes != "wait" and error.code in ("parts-missing", "bad-region")
                if not gone and (error.code != "deadline-passed" or look == until):
                    raise
            patience *= 2
            self._update(_left(until))
            for labels, member in members:
                now = self._members.get(tuple(map(_order, labels)))
                if now is None or member is None or now.name != member.name or (
                        now.complete < member.complete) or (
                        not member.complete and now.time != member.time):
                    raise _Gone

    def _cut(self, one: Delivered, region: Sequence[Any]) -> Delivered:
        """A region of what came whole: an encoding, or what was waited for by its name."""
        shape = tuple(size or 0 for size in one.space.shape or ())
        whole = {"dimensions": len(shape), "points": [],
                 "boxes": [[[[0, 1, size]] for size in shape]]}
        wanted, counts = _select(tuple(list(each) for each in region), shape)
        data = memoryview(_gather(wanted, one.space, [(whole, one.raw)]))
        found = {"space": one.space._replace(shape=counts), "attributes": one.attributes,
                 "version": one.version, "whole": one.whole}
        one.dispose()
        return Delivered(self._pool, one.name, data, found, None)
