"""Transforms that compute: docs/transforms.md."""

from __future__ import annotations

import itertools
import math
import re
from typing import Any, Mapping

from .space import Space
from .buffers import _dtype
from .casting import _INTEGER_BITS, _numbers, _numpy, _result_dtype
from .laying import _bad_transform, _for_axes, _lossy, _must_be_real, _reduced, _Step
from .units import _conversion


def _scale_step(spec: Mapping[str, Any], space: Space) -> _Step:
    _must_be_real(spec["kind"], space)
    scale, offset = spec.get("scale", 1.0), spec.get("offset", 0.0)
    fills, limits = spec.get("fill", ()), spec.get("range")
    after = space._replace(dtype=spec.get("dtype") or _result_dtype(space.dtype),
                           byteorder="little")

    def run(array: Any) -> Any:
        numpy = _numpy()
        packed = _numbers(array)
        with numpy.errstate(all="ignore"):
            values = packed * scale + offset
            for each in fills:
                values[packed == each] = numpy.nan
            if limits is not None:
                values[~((packed >= limits[0]) & (packed <= limits[1]))] = numpy.nan
            return values.astype(after.numpy_dtype)

    return _Step(run, after)


def _units_step(spec: Mapping[str, Any], space: Space) -> _Step:
    _must_be_real("units", space)
    factor, offset = _conversion(spec["from"], spec["to"], spec.get("density"))
    return _scale_step({"kind": "units", "scale": factor, "offset": offset}, space)


def _pack_step(spec: Mapping[str, Any], space: Space) -> _Step:
    _must_be_real("pack", space)
    scale, offset, fill = spec.get("scale", 1.0), spec.get("offset", 0.0), spec.get("fill")
    named, clamps = spec["dtype"], spec.get("lossy", False)
    dtype = named if isinstance(named, str) else str(_dtype(named)[0])
    if scale == 0:
        raise _bad_transform("pack", "a scale of 0 cannot be undone")
    bits = _INTEGER_BITS.get(dtype, 99)
    if not re.fullmatch("u?int(8|16|32)", dtype):
        raise _bad_transform("pack", f"{dtype} is no integer of up to 32 bits")
    low, high = (0 if dtype.startswith("u") else -(1 << bits)), (1 << bits) - 1
    if fill is not None and not low <= fill <= high:
        raise _bad_transform("pack", f"the fill value {fill} is no {dtype}")
    after = space._replace(dtype=dtype, byteorder="little")

    def run(array: Any) -> Any:
        numpy = _numpy()
        values = _numbers(array)
        with numpy.errstate(all="ignore"):
            packed = numpy.rint((values - offset) / scale)
        absent = numpy.isnan(values)
        bad = absent if fill is None else numpy.zeros(values.shape, bool)
        bad = bad | ~absent & ~((packed >= low) & (packed <= high) & (packed != fill))
        if bad.any():
            if not clamps:
                first = values[bad].ravel()[0]
                raise _lossy("pack", str(first), dtype, f"{first} does not fit into {dtype}")
            packed = numpy.clip(packed, low, high)
            if fill is not None:
                packed[packed == fill] += 1 if fill == low else -1
        packed[absent] = 0 if fill is None else fill
        return packed.astype("i8").astype(after.numpy_dtype)

    return _Step(run, after)


def _average_step(spec: Mapping[str, Any], space: Space) -> _Step:
    _must_be_real("average", space)
    block = _for_axes("average", space, spec["block"])
    skips = spec.get("nan") == "skip"
    after = space._replace(dtype=_result_dtype(space.dtype), shape=_reduced(space, block),
                           byteorder="little")

    def run(array: Any) -> Any:
        """Of each block the elements are added up in row order, however they lie, so that the sum
        is the same to the last bit wherever it is made."""
        numpy = _numpy()
        values = _numbers(array)
        sizes = [min(each, size) for each, size in zip(block, values.shape)]
        sums, counts = numpy.zeros(after.shape), numpy.zeros(after.shape)
        with numpy.errstate(all="ignore"):
            for place in itertools.product(*map(range, sizes)):
                some = values[tuple(slice(at, None, each) for at, each in zip(place, block))]
                to = tuple(slice(0, size) for size in some.shape)
                there = ~numpy.isnan(some) if skips else numpy.ones(some.shape, bool)
                numpy.add(sums[to], some, out=sums[to], where=there)
                counts[to] += there
            return (sums / counts).astype(after.numpy_dtype)

    return _Step(run, after)


def _bitround_step(spec: Mapping[str, Any], space: Space) -> _Step:
    if space.dtype not in ("float32", "float64"):
        raise _bad_transform("bitround", f"elements of type {space.dtype} are not float32 or "
                             "float64")
    given = [key for key in ("bits", "absolute", "relative") if key in spec]
    value = spec[given[0]] if len(given) == 1 else -1
    if value < 0:
        raise _bad_transform("bitround", "one of bits, absolute and relative is given, from 0 on")
    after = space._replace(byteorder="little")
    if given[0] != "bits" and value == 0:
        return _Step(None, after, after == space)
    if given[0] == "relative":
        value = max(0, math.ceil(-math.log2(value)) - 1)
    return _Step(lambda array: _bitrounded(array.astype(after.numpy_dtype), given[0] == "absolute",
                                           value), after)


def _bitrounded(array: Any, is_absolute: bool, value: Any) -> Any:
    """To so many bits of the fraction, or of each number to as many as the bound asks for."""
    numpy = _numpy()
    size = array.dtype.itemsize
    bias, fraction, top = (127, 23, 0xFF) if size == 4 else (1023, 52, 0x7FF)
    words = array.view(f"<u{size}").astype("u8")
    power = (words >> numpy.uint64(fraction)) & numpy.uint64(top)
    exponent = numpy.maximum(power.astype("i8"), 1) - bias
    least = math.floor(math.log2(value)) + 1 if is_absolute else 0
    drop = fraction - exponent + least if is_absolute else numpy.full(
        words.shape, fraction - value, "i8")
    shift = numpy.clip(drop, 1, fraction).astype("u8")
    unit = numpy.uint64(1) << shift
    rest = words & (unit - numpy.uint64(1))
    base, half = words - rest, unit >> numpy.uint64(1)
    odd = (words >> shift) & numpy.uint64(1)
    rounded = base + unit * ((rest > half) | ((rest == half) & (odd == 1)))
    over = (rounded >> numpy.uint64(fraction)) & numpy.uint64(top) == top
    rounded = numpy.where(over, base, rounded)
    found = numpy.where((drop <= 0) | (drop > fraction) | (power == top), words, rounded)
    found = found.astype(f"<u{size}").view(array.dtype)
    if is_absolute and least <= bias:  # less than the step: zero, or one step
        step = 2.0 ** least
        with numpy.errstate(all="ignore"):
            near = numpy.copysign(numpy.where(abs(array) > step / 2, step, 0.0), array)
        found = numpy.where((drop > fraction) & (power != top), near, found)
    return found.astype(array.dtype)
