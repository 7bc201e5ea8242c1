"""Chains of transforms, how they are checked and run: docs/transforms.md."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, Sequence, Tuple

from .limits import _TRANSFORMS_MAX
from .errors import AttaccaError
from .space import Space
from .casting import _array_of, _cast, _form_of, _in_memory, _numpy
from .laying import (
    _bad_transform, _decimate_step, _dtype_step, _field_step, _shuffle_step, _Step, _struct_step,
    _transpose_step)
from .computing import _average_step, _bitround_step, _pack_step, _scale_step, _units_step

_STEPS: Dict[str, Callable[[Mapping[str, Any], Space], _Step]] = {
    "dtype": _dtype_step, "transpose": _transpose_step, "scale": _scale_step, "units": _units_step,
    "pack": _pack_step, "decimate": _decimate_step, "average": _average_step, "field": _field_step,
    "soa": _struct_step, "aos": _struct_step, "shuffle": _shuffle_step,
    "unshuffle": _shuffle_step, "bitround": _bitround_step}
_BY_ELEMENTS = ("dtype", "byte-order", "scale", "units", "pack", "field", "bitround")  # alone
_ELSEWHERE = ("compress", "decompress", "expression", "wasm")  # not in this client


def _step(spec: Any, space: Space) -> _Step:
    """Checks a transform against what it is given."""
    if not isinstance(spec, Mapping) or "kind" not in spec:
        raise AttaccaError("bad-transform", f"Cannot use the transform {spec!r}: it is no map with "
                           "a kind")
    kind = spec["kind"]
    if kind == "order" and spec.get("order") in ("row", "column"):
        after = space._replace(order=spec["order"])
        flat = len([size for size in space.shape or () if size != 1]) < 2
        return _Step(None, after, flat or after == space)
    if kind == "byte-order" and spec.get("byteOrder") in ("little", "big"):
        after = space._replace(byteorder=spec["byteOrder"])
        form = _form_of(space.dtype)
        if after == space or space.itemsize == 1:
            return _Step(None, after, True)
        return _Step(lambda array: _cast(array, form, form, after.numpy_dtype), after)
    if kind in _STEPS:
        return _STEPS[kind](spec, space)
    why = "this client has it not: it is one of TypeScript's" if kind in _ELSEWHERE else (
        "it is neither row nor column" if kind == "order" else "it is neither little nor big"
        if kind == "byte-order" else "there is none of this kind")
    raise _bad_transform(str(kind), why)


def _planned(chain: Sequence[Any], space: Space) -> Tuple[List[Tuple[Space, _Step]], Space]:
    """The chain with what each of it is given, before a byte is moved; and what comes out."""
    if len(chain) > _TRANSFORMS_MAX:
        raise AttaccaError("bad-transform", f"Cannot use {len(chain)} transforms: "
                           f"{_TRANSFORMS_MAX} are allowed")
    steps: List[Tuple[Space, _Step]] = []
    for spec in chain:
        step = _step(spec, space)
        steps.append((space, step))
        space = step.after
    return steps, space


def _transformed(raw: memoryview, steps: Sequence[Tuple[Space, _Step]]) -> memoryview:
    """What a chain makes of some bytes: they themselves, where they stay as they are."""
    array: Any = None
    for space, step in steps:
        if array is None:
            if step.keeps:
                continue
            array = _array_of(raw, space)
        if step.run is not None:
            array = step.run(array)
    if array is None:
        return raw
    numpy, after = _numpy(), steps[-1][1].after
    dtype = after.numpy_dtype
    if dtype.names is None:
        array = array.astype(dtype, copy=False)
    elif dtype.itemsize:  # gaps between fields move with them
        array = array.view(f"|V{dtype.itemsize}")
    laid = _in_memory(array, after)
    if numpy.may_share_memory(laid, numpy.frombuffer(raw, "u1")):
        laid = laid.copy()
    return memoryview(laid.view("u1")) if laid.size else memoryview(bytearray())
