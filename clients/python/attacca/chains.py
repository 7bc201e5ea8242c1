"""Chains of transforms, how they are checked and run: docs/transforms.md."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, Sequence, Tuple

from .limits import _TRANSFORMS_MAX
from .errors import AttaccaError
from .space import Space
from .buffers import _is_flat
from .casting import _array_of, _cast, _form_of, _in_memory, _numpy
from .laying import (
    _decimate_step, _dtype_step, _field_step, _shuffle_step, _Step, _struct_step, _transpose_step)
from .computing import _average_step, _bitround_step, _pack_step, _scale_step, _units_step
from .specs import _chain_of

_STEPS: Dict[str, Callable[[Mapping[str, Any], Space], _Step]] = {
    "dtype": _dtype_step, "transpose": _transpose_step, "scale": _scale_step, "units": _units_step,
    "pack": _pack_step, "decimate": _decimate_step, "average": _average_step, "field": _field_step,
    "soa": _struct_step, "aos": _struct_step, "shuffle": _shuffle_step,
    "unshuffle": _shuffle_step, "bitround": _bitround_step}
_BY_ELEMENTS = ("dtype", "byte-order", "scale", "units", "pack", "field", "bitround")  # alone


def _step(spec: Mapping[str, Any], space: Space) -> _Step:
    """Checks a transform, as `_checked` has read it, against what it is given."""
    kind = spec["kind"]
    if kind == "order":
        after = space._replace(order=spec["order"])
        return _Step(None, after, _is_flat(space.shape) or after == space)
    if kind == "byte-order":
        after = space._replace(byteorder=spec["byteOrder"])
        form = _form_of(space.dtype)
        if after == space or space.itemsize == 1:
            return _Step(None, after, True)
        return _Step(lambda array: _cast(array, form, form, after.numpy_dtype), after)
    return _STEPS[kind](spec, space)


def _planned(chain: Sequence[Any], space: Space) -> Tuple[List[Tuple[Space, _Step]], Space]:
    """The chain with what each of it is given, before a byte is moved; and what comes out."""
    if isinstance(chain, (list, tuple)) and len(chain) > _TRANSFORMS_MAX:
        raise AttaccaError("bad-transform", f"Cannot use {len(chain)} transforms: "
                           f"{_TRANSFORMS_MAX} are allowed")
    steps: List[Tuple[Space, _Step]] = []
    for spec in _chain_of(chain):
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
