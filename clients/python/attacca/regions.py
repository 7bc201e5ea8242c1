"""Regions, and what two of them have in common: docs/parts.md."""

from __future__ import annotations

import itertools
import math
import operator
import struct
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from .limits import _PIECE_MAX
from .errors import AttaccaError
from .forms import _CASTS
from .space import Space


def _select(region: Any, shape: Optional[Sequence[Optional[int]]]) -> Tuple[
        Dict[str, Any], Tuple[int, ...]]:
    """What is written `a[region]` in numpy, of slices, whole numbers, lists and `...`; and the
    shape that it has. Without a shape an axis that is taken whole has no runs."""
    items = list(region) if isinstance(region, tuple) else [region]
    for item in items:
        if isinstance(item, (str, bytes)):
            raise AttaccaError("bad-region", f"Cannot use the region: {item!r} is a text; write "
                               "numpy.s_[0:2, :], or slices and numbers in a tuple")
    if ... in [item for item in items if isinstance(item, type(...))]:
        at = next(i for i, item in enumerate(items) if item is ...)
        if shape is None and at == len(items) - 1:
            items.pop()  # what is left out at the end is taken whole
        elif shape is None:
            raise AttaccaError("bad-region", "Cannot use \"...\" without a shape: give shape=")
        else:
            items[at:at + 1] = [slice(None)] * (len(shape) - len(items) + 1)
    if shape is not None:
        items += [slice(None)] * (len(shape) - len(items))
        if len(items) != len(shape):
            raise AttaccaError("bad-region", f"Cannot use the region: it has {len(items)} "
                               f"dimensions, the space has {len(shape)}")
    axes = [_axis(item, None if shape is None else shape[at]) for at, item in enumerate(items)]
    empty = any(axis == [] and not _is_whole(item) for axis, item in zip(axes, items))
    counts = tuple(sum(count for _, _, count in axis)
                   for axis, item in zip(axes, items) if not isinstance(item, int))
    return {"dimensions": len(items), "boxes": [] if empty else [axes], "points": []}, counts


def _needs_shape(region: Any) -> bool:
    """Whether the shape is needed to tell what is meant: something counts from the end, goes up to
    it, or stands behind dimensions of which nobody knows how many they are."""
    items = list(region) if isinstance(region, tuple) else [region]
    if any(item is ... for item in items[:-1]):
        return True
    for item in items:
        if isinstance(item, slice):
            bounds = (item.start or 0, item.stop if item.stop is not None else -1)
            if not _is_whole(item) and min(bounds) < 0:
                return True
        elif item is not ... and not isinstance(item, (range, str, bytes)):
            indices = [item] if isinstance(item, int) else [*item]
            if min(indices, default=0) < 0:
                return True
    return False


def _is_whole(item: Any) -> bool:
    return isinstance(item, slice) and item == slice(None)


def _axis(item: Any, size: Optional[int]) -> List[List[int]]:
    if isinstance(item, slice):
        if size is None:
            if _is_whole(item):
                return []
            if item.stop is None or item.stop < 0 or (item.start or 0) < 0:
                raise AttaccaError("bad-region", "Cannot use a slice up to the end, or from it, "
                                   "without a shape: give shape=")
            found = range(item.start or 0, item.stop, item.step or 1)
        else:
            found = range(*item.indices(size))
        if found.step < 1:
            raise AttaccaError("bad-region", "Cannot use the region: its steps go backwards")
        step = found.step if len(found) > 1 else 1
        return [[found.start, step, len(found)]] if len(found) else []
    if isinstance(item, range) and item.step == 1 and item.start >= 0 and (
            size is None or item.stop <= size):
        return [[item.start, 1, len(item)]] if len(item) else []
    indices = [operator.index(item)] if isinstance(item, int) else [
        operator.index(index) for index in item]
    if size is not None:
        indices = [index + size if index < 0 else index for index in indices]
    if min(indices, default=0) < 0:
        why = "an axis has no such index" if size is not None else (
            "an index counts from the end: give shape=")
        raise AttaccaError("bad-region", f"Cannot use the region: {why}")
    if any(one >= two for one, two in zip(indices, indices[1:])):
        raise AttaccaError("bad-region", "Cannot use the region: the indices of a list ascend")
    if size is not None and max(indices, default=-1) >= size:
        raise AttaccaError("bad-region",
                           f"Cannot use the region: an axis goes from 0 to {size - 1}")
    runs: List[List[int]] = []
    for index in indices:
        if runs and index == runs[-1][0] + runs[-1][2]:
            runs[-1][2] += 1
        else:
            runs.append([index, 1, 1])
    return runs


def _indices(runs: Sequence[Sequence[int]], size: int) -> Sequence[int]:
    """All indices of a set, in ascending order; no runs are all of the axis."""
    if not runs:
        return range(size)
    if len(runs) == 1:
        start, step, count = runs[0]
        return range(start, start + step * count, step)
    return sorted(itertools.chain.from_iterable(
        range(start, start + step * count, step) for start, step, count in runs))


_Axes = List[Sequence[int]]


def _boxes(region: Mapping[str, Any], shape: Sequence[int]) -> List[_Axes]:
    return [[_indices(axis, size) for axis, size in zip(box, shape)] for box in region["boxes"]]


def _stretches(source: Sequence[int], target: Sequence[int]) -> List[Tuple[int, int, int]]:
    """Where two axes have the same indices side by side: places in both, and how many."""
    if isinstance(source, range) and isinstance(target, range) and source.step == target.step == 1:
        low, high = max(source.start, target.start), min(source.stop, target.stop)
        return [(low - source.start, low - target.start, high - low)] if low < high else []
    places = {index: at for at, index in enumerate(source)}
    found: List[Tuple[int, int, int]] = []
    for to, index in enumerate(target):
        at = places.get(index)
        if at is None:
            continue
        if found and found[-1][0] + found[-1][2] == at and found[-1][1] + found[-1][2] == to:
            found[-1] = found[-1][0], found[-1][1], found[-1][2] + 1
        else:
            found.append((at, to, 1))
    return found


def _copy_box(target: memoryview, to: _Axes, source: memoryview, of: _Axes, itemsize: int,
              order: Optional[str]) -> int:
    """Copies what two boxes have in common; how many elements that was."""
    axes = [(_stretches(one, two), len(one), len(two)) for one, two in zip(of, to)]
    if order == "column":
        axes.reverse()
    size_of, size_to = itemsize, itemsize  # of what is copied at once, in source and target
    while axes and axes[-1][0] == [(0, 0, axes[-1][1])] and axes[-1][1] == axes[-1][2]:
        size_of, size_to = size_of * axes[-1][1], size_to * axes[-1][2]
        axes.pop()
    _copy_axes(target, source, axes, (size_of, size_to), 0, 0)
    return math.prod(sum(length for _, _, length in stretches)
                     for stretches, _, _ in axes) * size_of // itemsize


def _copy_axes(target: memoryview, source: memoryview,
               axes: Sequence[Tuple[List[Tuple[int, int, int]], int, int]],
               sizes: Tuple[int, int], at: int, then: int) -> None:
    """Axis by axis. No function within another one: such a ring would keep both views, and Python
    3.11 may die of collecting one that another view is made of."""
    size_of, size_to = sizes
    if not axes:
        target[then * size_to:(then + 1) * size_to] = source[at * size_of:(at + 1) * size_of]
        return
    stretches, length_of, length_to = axes[0]
    at, then = at * length_of, then * length_to
    for start, place, length in stretches:
        if len(axes) == 1:
            target[(then + place) * size_to:(then + place + length) * size_to] = source[
                (at + start) * size_of:(at + start + length) * size_of]
        else:
            for each in range(length):
                _copy_axes(target, source, axes[1:], sizes, at + start + each, then + place + each)


def _places(region: Mapping[str, Any], shape: Sequence[int], order: Optional[str]) -> List[int]:
    """Of each element, as they lie, its place in row-major order."""
    strides = [math.prod(shape[at + 1:]) for at in range(len(shape))]
    found: List[int] = []
    for axes in _boxes(region, shape):
        parts = [[index * stride for index in axis] for axis, stride in zip(axes, strides)]
        if order == "column":
            parts.reverse()
        found.extend(map(sum, itertools.product(*parts)))
    found.extend(_indices(region["points"], 0) if region["points"] else ())
    return found


def _count(region: Mapping[str, Any]) -> int:
    """Elements of a region whose axes all have their runs."""
    return sum(math.prod(sum(count for _, _, count in axis) for axis in box)
               for box in region["boxes"])


def _pieces(region: Dict[str, Any], data: Any, itemsize: int,
            order: Optional[str]) -> Iterator[Tuple[Dict[str, Any], Any]]:
    """A region and its bytes, cut along its slowest axis where they are very many."""
    if len(data) <= _PIECE_MAX or not region["dimensions"]:
        yield region, data
        return
    [axes] = region["boxes"]
    slowest, at = (len(axes) - 1 if order == "column" else 0), 0
    slab = itemsize * _count({"boxes": [[*axes[:slowest], *axes[slowest + 1:]]]})
    most = max(1, _PIECE_MAX // slab)
    for start, step, count in axes[slowest]:
        for first in range(0, count, most):
            length = min(most, count - first)
            run = [start + first * step, step if length > 1 else 1, length]
            box = [*axes[:slowest], [run], *axes[slowest + 1:]]
            yield {**region, "boxes": [box]}, data[at:at + length * slab]
            at += length * slab


def _filled(space: Space, fill: Any) -> bytes:
    """One element, as it lies in memory."""
    sign = ">" if space.byteorder == "big" else "<"
    name = space.dtype or ""
    try:
        if name.startswith("complex"):
            number = complex(fill)
            kind = "f" if name == "complex64" else "d"
            return struct.pack(f"{sign}2{kind}", number.real, number.imag)
        return struct.pack(sign + _CASTS[name], fill)
    except (struct.error, OverflowError) as error:
        raise AttaccaError("bad-argument", f"Cannot fill {name} with {fill!r}: {error}") from error


def _gather(wanted: Mapping[str, Any], space: Space,
            sources: Sequence[Tuple[Mapping[str, Any], memoryview]]) -> bytearray:
    """The elements of a region, out of those of others that have all of them."""
    shape = tuple(size or 0 for size in space.shape or ())
    itemsize, order = space.itemsize, space.order
    boxes = _boxes(wanted, shape)
    count = sum(math.prod(map(len, box)) for box in boxes)
    data = bytearray(count * itemsize)
    target, copied = memoryview(data), 0
    for region, source in sources:
        if len(region["boxes"]) == 1 and not region["points"] and len(boxes) == 1:
            copied += _copy_box(target, boxes[0], source, _boxes(region, shape)[0], itemsize, order)
            continue
        there = {place: at for at, place in enumerate(_places(wanted, shape, order))}
        for at, place in enumerate(_places(region, shape, order)):
            then = there.get(place)
            if then is not None:
                target[then * itemsize:(then + 1) * itemsize] = source[
                    at * itemsize:(at + 1) * itemsize]
                copied += 1
    if copied != count:
        raise AttaccaError("internal", "Cannot put the object together: parts are missing")
    return data


def _cut(region: Any, space: Space, raw: memoryview, own: bool) -> Tuple[memoryview, Space]:
    """A region of what lies in one piece."""
    shape = tuple(size or 0 for size in space.shape or ())
    whole: Dict[str, Any] = {"dimensions": len(shape), "points": [],
                             "boxes": [[[[0, 1, size]] for size in shape]]}
    wanted, counts = _select(region, shape)
    data = memoryview(_gather(wanted, space, [(whole, raw)]))
    return data if own else data.toreadonly(), space._replace(shape=counts)
