"""Transforms that move elements, and the types of them: docs/transforms.md."""

from __future__ import annotations

from typing import Any, Callable, Mapping, NamedTuple, Optional, Sequence, Tuple

from .limits import _ITEM_MAX
from .errors import AttaccaError
from .forms import _form_text
from .space import Space
from .buffers import _dtype
from .casting import (
    _array_of, _cast, _form_of, _in_memory, _is_convertible, _is_lossless, _is_real, _numpy)

_Run = Callable[[Any], Any]           # of an array of numpy, as numpy indexes it


class _Step(NamedTuple):
    """A transform that was found to fit. `run` is None where elements stay what and where numpy
    finds them; where `keeps`, so do their bytes."""

    run: Optional[_Run]
    after: Space
    keeps: bool = False


def _bad_transform(kind: str, why: str) -> AttaccaError:
    return AttaccaError("bad-transform", f"Cannot use the transform \"{kind}\": {why}",
                        {"transform": kind})


def _lossy(kind: str, source: str, target: str, why: str) -> AttaccaError:
    return AttaccaError("lossy-conversion", f"Cannot use the transform \"{kind}\" to {target}: "
                        f"{why}", {"from": source, "to": target})


def _must_be_real(kind: str, space: Space) -> None:
    if not _is_real(space.dtype):
        raise _bad_transform(kind, f"elements of type {space.dtype} are no real numbers")


def _for_axes(kind: str, space: Space, by: Sequence[int]) -> Sequence[int]:
    """One for each axis, from 1 on."""
    shape = space.shape or ()
    if len(by) != len(shape):
        raise _bad_transform(kind, f"{len(by)} numbers are given for {len(shape)} dimensions")
    for each in by:
        if each < 1:
            raise _bad_transform(kind, f"a step of {each} is not a whole number from 1 on")
    return by


def _reduced(space: Space, by: Sequence[int]) -> Tuple[int, ...]:
    return tuple(-(-(size or 0) // each) for size, each in zip(space.shape or (), by))


def _dtype_step(spec: Mapping[str, Any], space: Space) -> _Step:
    dtype, byteorder = _dtype(spec["dtype"])
    assert dtype is not None
    source, target = _form_of(space.dtype), _form_of(dtype)
    after = space._replace(dtype=dtype, byteorder=byteorder or space.byteorder)
    if not _is_convertible(source, target):
        raise AttaccaError("bad-space", f"Cannot use the transform \"dtype\": {space.dtype} cannot "
                           f"become {dtype}", {"from": space.dtype, "to": dtype})
    if not spec.get("lossy") and not _is_lossless(source, target):
        raise _lossy("dtype", str(space.dtype), dtype,
                     f"not all values of {space.dtype} are values of it")
    if after == space:
        return _Step(None, after, True)
    return _Step(lambda array: _cast(array, source, target, after.numpy_dtype), after)


def _transpose_step(spec: Mapping[str, Any], space: Space) -> _Step:
    shape = space.shape or ()
    turned = [*range(len(shape))][::-1]
    axes = spec.get("axes", turned)
    if sorted(axes) != turned[::-1]:
        raise _bad_transform("transpose", f"{axes} are not the axes of the array")
    after = space._replace(shape=tuple(shape[axis] for axis in axes))
    if axes == turned:  # the same memory, in the other order
        other = "row" if space.order == "column" else "column"
        return _Step(lambda array: array.transpose(), after._replace(order=other), True)
    return _Step(lambda array: array.transpose(axes), after)


def _decimate_step(spec: Mapping[str, Any], space: Space) -> _Step:
    every = _for_axes("decimate", space, spec["every"])
    after = space._replace(shape=_reduced(space, every))
    return _Step(lambda array: array[tuple(slice(None, None, each) for each in every)], after)


def _field_step(spec: Mapping[str, Any], space: Space) -> _Step:
    name = spec["name"]
    form = next((inner for each, _, inner in _form_of(space.dtype)[2] if each == name), None)
    if form is None:
        raise _bad_transform("field", f"{space.dtype} has no field \"{name}\"")
    return _Step(lambda array: array[name], space._replace(dtype=_form_text(form)))


def _struct_step(spec: Mapping[str, Any], space: Space) -> _Step:
    """Items of bytes into one array a field, or back."""
    kind, shape, fields = spec["kind"], space.shape or (), spec["fields"]
    item = (shape[-1] if shape else 0) or 0
    if space.itemsize != 1 or not item or not fields:
        raise _bad_transform(kind, "it takes bytes, the last dimension of which is an item of "
                             "fields")
    end = 0
    for offset, size in fields:
        if offset < end or size < 1 or offset + size > item:
            raise _bad_transform(kind, f"the field at {offset} overlaps another one, or the end of "
                                 "an item")
        end = offset + size
    used = sum(size for _, size in fields)
    if used != item:
        raise _bad_transform(kind, f"fields of {used} bytes leave some of {item}")

    def run(array: Any) -> Any:
        numpy = _numpy()
        raw = _in_memory(array, space)
        found = numpy.empty_like(raw)
        count, before = len(raw) // item, 0
        for offset, size in fields:
            column = slice(before, before + count * size)
            if kind == "soa":
                found[column] = raw.reshape(count, item)[:, offset:offset + size].ravel()
            else:
                found.reshape(count, item)[:, offset:offset + size] = raw[column].reshape(
                    count, size)
            before += count * size
        return _array_of(found.data, space)

    return _Step(run, space)


def _shuffle_step(spec: Mapping[str, Any], space: Space) -> _Step:
    kind, size = spec["kind"], spec["itemSize"]
    if not 1 <= size <= _ITEM_MAX:
        raise _bad_transform(kind, f"items have 1 to {_ITEM_MAX} bytes, not {size}")

    def run(array: Any) -> Any:
        numpy = _numpy()
        raw = numpy.frombuffer(_in_memory(array, space).tobytes(), "u1")
        end = len(raw) // size * size
        rows = (-1, size) if kind == "shuffle" else (size, end // size)
        found = numpy.concatenate([raw[:end].reshape(rows).transpose().ravel(), raw[end:]])
        return _array_of(found.data, space)

    return _Step(run, space)
