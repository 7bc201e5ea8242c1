"""Elements of one type as ones of another, as in TypeScript to the bit. Needs numpy."""

from __future__ import annotations

import importlib
from typing import Any, List, Optional, Tuple

from .errors import AttaccaError
from .forms import _Form, _form
from .space import Space

_INTEGER_BITS = {"bool": 1, "int8": 7, "uint8": 8, "int16": 15, "uint16": 16, "int32": 31,
                 "uint32": 32, "int64": 63, "uint64": 64, "float16": 11, "float32": 24,
                 "float64": 53, "complex64": 24, "complex128": 53}  # that are exact, without a sign
_SMALL = ("int8", "uint8", "int16", "uint16", "float16", "float32")  # float32 has all of them


def _numpy(what: str = "convert elements") -> Any:
    try:
        return importlib.import_module("numpy")
    except ImportError as error:
        raise AttaccaError("library-unavailable", f"Cannot {what} without the package numpy: pip "
                           "install numpy", {"library": "numpy"}) from error


def _is_real(dtype: Optional[str]) -> bool:
    return dtype is not None and dtype != "bool" and dtype.startswith(("int", "uint", "float"))


def _result_dtype(dtype: Optional[str]) -> str:
    """In which results are told: float32 where that has all numbers that go in."""
    return "float32" if dtype in _SMALL else "float64"


def _pairs(source: _Form, target: _Form) -> Optional[List[Tuple[_Form, _Form]]]:
    """Each field of a struct with that of the same name in another; None: one is not there."""
    fields = {name: form for name, _, form in source[2]}
    if not all(name in fields for name, _, _ in target[2]):
        return None
    return [(fields[name], form) for name, _, form in target[2]]


def _is_convertible(source: _Form, target: _Form) -> bool:
    """Numbers become numbers, strings strings, structs those whose fields they have."""
    if not (source[2] and target[2]):
        return (source[0] is None, not source[2]) == (target[0] is None, not target[2])
    pairs = _pairs(source, target)
    return pairs is not None and all(_is_convertible(*pair) for pair in pairs)


def _is_lossless(source: _Form, target: _Form) -> bool:
    """Whether a type has all values of another: as `numpy.can_cast(..., "safe")`, exactly."""
    if source[2]:
        return all(_is_lossless(*pair) for pair in _pairs(source, target) or [])
    one, other = source[0], target[0]
    if one is None or other is None:
        return source[1] <= target[1]
    if one == other:
        return True
    bits, room = _INTEGER_BITS[one], _INTEGER_BITS[other]
    floats, unsigned = ("float", "complex"), ("uint", "bool")
    if one.startswith("complex"):
        return other.startswith("complex") and bits < room
    if other == "bool" or (one.startswith("float") and not other.startswith(floats)):
        return False
    return bits <= room and (one.startswith(unsigned) or not other.startswith(unsigned))


def _form_of(dtype: Optional[str]) -> _Form:
    return _form(dtype or "uint8")


def _cast(array: Any, source: _Form, target: _Form, dtype: Any) -> Any:
    """Elements of another type. What is no integer is cut, what is too large wraps, NaN and
    infinities become 0; of complex numbers the real part stays; strings are cut or filled up. As
    bool all but zero is true."""
    numpy = _numpy()
    if source[2]:
        found = numpy.zeros(array.shape, dtype)
        forms = {name: form for name, _, form in source[2]}
        for name, _, form in target[2]:
            found[name] = _cast(array[name], forms[name], form, dtype[name])
        return found
    kind, wanted = array.dtype.kind, dtype.kind
    if target[0] is None or source[0] == target[0]:
        return array.astype(dtype)
    if wanted == "b":  # NaN is true, and a complex number of which either part is not zero
        return array != 0
    if kind == "c" and wanted != "c":
        array, kind = array.real, "f"
    with numpy.errstate(all="ignore"):
        if kind == "f" and wanted in "iu":
            whole = numpy.trunc(array.astype("f8"))
            whole = numpy.where(numpy.isfinite(whole), numpy.fmod(whole, 2.0 ** 64), 0.0)
            whole = numpy.where(whole >= 2.0 ** 63, whole - 2.0 ** 64, whole)
            whole = numpy.where(whole < -2.0 ** 63, whole + 2.0 ** 64, whole)
            return whole.astype("i8").astype(dtype)
        if wanted in "fc" and kind in "biu":  # by way of float64, as everything is computed
            array = array.astype("f8")
        return array.astype(dtype)


def _array_of(raw: Any, space: Space) -> Any:
    """The elements, as numpy indexes them, over the same memory."""
    shape = tuple(size or 0 for size in space.shape or ())
    order: Any = "F" if space.order == "column" else "C"
    return _numpy().ndarray(shape, space.numpy_dtype, raw, order=order)


def _in_memory(array: Any, space: Space) -> Any:
    """All elements side by side, as they lie in the order of a space."""
    return array.ravel("F" if space.order == "column" else "C")


def _numbers(array: Any) -> Any:
    return array.astype("f8", copy=False)
