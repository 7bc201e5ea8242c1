"""What buffers, and arrays of numpy, say of themselves."""

from __future__ import annotations

import math
import operator
import pickle
import re
import sys
from typing import Any, Optional, Set, Tuple

from .errors import AttaccaError
from .forms import _CASTS, _DTYPES, _Form, _form, _form_text, _is_described, _KINDS
from .space import Space


def _form_of_numpy(dtype: Any, orders: Set[str]) -> _Form:
    """The form of a dtype of numpy; adds the byte orders that are in it."""
    if dtype.names is not None:
        fields = sorted(((name, dtype.fields[name][1],
                          _form_of_numpy(dtype.fields[name][0], orders)) for name in dtype.names),
                        key=operator.itemgetter(1))
        return None, dtype.itemsize, tuple(fields)
    if dtype.kind == "S" and dtype.subdtype is None:
        return None, dtype.itemsize, ()
    name, order = _dtype(dtype.str) if dtype.subdtype is None else (None, None)
    if name is None:
        raise ValueError(f"a field cannot be {dtype}")
    if order is not None:
        orders.add(order)
    return name, dtype.itemsize, ()


def _dtype(dtype: Any) -> Tuple[Optional[str], Optional[str]]:
    """Name and byte order of what names a dtype: `float32`, `<f4`, a text of fields, a dtype of
    numpy."""
    if getattr(dtype, "names", None) is not None and hasattr(dtype, "fields"):
        orders: Set[str] = set()
        try:
            form = _form_of_numpy(dtype, orders)
            if len(orders) > 1:
                raise ValueError("its fields have several byte orders")
            return _form_text(_form(_form_text(form))), orders.pop() if orders else None
        except ValueError as error:
            raise AttaccaError("bad-space", f"Cannot use {dtype} as a dtype: {error}",
                               {"dtype": str(dtype)}) from error
    name = dtype if dtype is None or isinstance(dtype, str) else getattr(
        dtype, "str", None) or getattr(dtype, "__name__", str(dtype))
    if name in _DTYPES:
        return name, None
    if _is_described(name):
        return _form_text(_form(name)), None
    if re.fullmatch("[|<>=]?S[0-9]+", name):
        return _form_text(_form(f"string[{name.lstrip('|<>=')[1:]}]")), None
    text = name.lstrip("<>|=")
    found = _KINDS.get(text[:1], "?") + (str(8 * int(text[1:])) if text[1:].isdigit() else "")
    found = "bool" if text in ("b1", "?") else found
    if found not in _DTYPES:
        raise AttaccaError("bad-space", f"Cannot use \"{name}\" as a dtype", {"dtype": str(name)})
    return found, {">": "big", "<": "little"}.get(name[0])


def _format(view: memoryview) -> Tuple[Optional[str], str]:
    """dtype and byte order of a buffer by its format."""
    text = view.format.lstrip("@=<>!")
    if re.fullmatch("[0-9]+s", text):
        return f"string[{text[:-1]}]", sys.byteorder
    kind = "bool" if text == "?" else "int" if text in tuple("bhilqn") else "uint" if text in tuple(
        "BHILQNc") else "float" if text in tuple("efd") else "complex" if text in (
        "Zf", "Zd") else ""
    name = kind if kind == "bool" else f"{kind}{8 * view.itemsize}"
    big = view.format[0] in ">!" or (sys.byteorder == "big" and view.format[0] != "<")
    return name if name in _DTYPES else None, "big" if big else "little"


def _is_flat(shape: Optional[Tuple[Optional[int], ...]]) -> bool:
    """Whether elements lie alike in either order: there are none, or along one axis alone."""
    sizes = shape or ()
    return 0 in sizes or len([size for size in sizes if size != 1]) < 2


def _rows_text(space: Space) -> str:
    """What a row is, as an error says it."""
    rest = " x ".join(str(size) for size in (space.shape or ())[1:])
    order = "" if space.itemsize == 1 else f", {space.byteorder}-endian"
    return f"{space.dtype}{' x ' + rest if rest else ''}{order}"


def _flat(data: Any, view: memoryview) -> memoryview:
    """The bytes of a buffer, of which `view` is one: without a copy, unless it has gaps. No view of
    a view where it can be helped: of a ring of such Python 3.11 dies."""
    if not view.contiguous:
        return memoryview(view.tobytes())
    try:
        return view.cast("B")
    except (TypeError, ValueError):  # column major, complex, foreign, or nothing
        return pickle.PickleBuffer(data).raw()


def _in_columns(view: memoryview, shape: Tuple[int, ...], itemsize: int) -> memoryview:
    """Elements that lie in row order, in column order."""
    word = {1: "B", 2: "H", 4: "I", 8: "Q"}.get(itemsize)
    if word is None:
        raise AttaccaError("bad-space", f"Cannot offer elements of {itemsize} bytes in column "
                           "order: they lie in row order, and are no buffer")
    shaped: Any = view.cast("B").cast(word, shape)  # type: ignore[call-overload]
    return memoryview(shaped.tobytes("F"))


def _describe(data: Any, dtype: Any, shape: Any, order: Optional[str]) -> Tuple[memoryview, Space]:
    """The bytes of `data` and its space. No copy unless the buffer has gaps."""
    iface: Any = None
    given = getattr(data, "space", None)
    if isinstance(given, Space) and _is_described(given.dtype):  # of what was delivered
        dtype, shape = dtype or given.dtype, given.shape if shape is None else shape
        own = _describe(data.raw, dtype, shape, order or given.order)
        return own[0], own[1]._replace(byteorder=given.byteorder)
    if getattr(getattr(data, "dtype", None), "names", None) is not None:
        # Fields in another order than that of memory cannot be told as a buffer: bytes can.
        dtype, data = dtype or data.dtype, data.view(f"|V{data.dtype.itemsize}")
    try:
        view = memoryview(b"" if data is None else data)
    except TypeError:
        iface = getattr(data, "__array_interface__", None)
        if not isinstance(iface, dict):
            raise TypeError(f"Cannot offer a {type(data).__name__}: it is no buffer") from None
        held: Any = iface.get("data")
        plain = iface.get("strides") is None and isinstance(held, (bytes, bytearray, memoryview))
        view = memoryview(held if plain else data.tobytes())
    name, byteorder = _dtype(dtype)
    if iface is not None:
        own_name, own_order = _dtype(iface["typestr"])
        own_shape: Tuple[int, ...] = tuple(iface["shape"])
    else:
        own_name, own_order = _format(view)
        own_shape = tuple(view.shape or ())
    name = name or own_name
    if name is None:
        raise AttaccaError("bad-space", f"Cannot tell the dtype of a buffer of format "
                           f"\"{view.format}\": name it", {"format": view.format})
    wanted = {None: None, "C": "row", "F": "column"}.get(order, order)
    natural = ("column" if iface is None and view.ndim > 1 and view.f_contiguous
               and not view.c_contiguous else "row")
    if wanted is not None and iface is None and view.c_contiguous and view.f_contiguous:
        natural = wanted  # it lies in either order
    if iface is not None and wanted == "column" and not _is_flat(own_shape):
        raw = _in_columns(view, own_shape, Space(own_name).itemsize)
    elif iface is None and view.ndim > 1 and (
            not view.contiguous or (wanted is not None and wanted != natural)):
        raw = memoryview(view.tobytes("F" if wanted == "column" else "C"))
        natural = wanted or "row"
    else:
        raw = _flat(data if iface is None and data is not None else view, view)
    itemsize = Space(name).itemsize
    if shape is None:
        size = view.itemsize if iface is None else Space(own_name).itemsize
        shape = own_shape if size == itemsize else (len(raw) // itemsize,)
    shape = (shape,) if isinstance(shape, int) else tuple(operator.index(n) for n in shape)
    if math.prod(shape) * itemsize != len(raw):
        raise AttaccaError("size-mismatch", f"Cannot offer {len(raw)} bytes as {name} of shape "
                           f"{shape}: that is {math.prod(shape) * itemsize} bytes",
                           {"bytes": len(raw), "expected": math.prod(shape) * itemsize})
    return raw, Space(name, shape, wanted or natural, byteorder or own_order)


def _typed(raw: memoryview, space: Space) -> memoryview:
    """`raw` cast to dtype and shape, as far as memoryview knows them; else as it is."""
    cast = _CASTS.get(space.dtype or "")
    shape: Any = space.shape
    if cast is None or (space.itemsize > 1 and space.byteorder != sys.byteorder) or not raw:
        return raw
    try:
        if space.order == "column" and len(shape) > 1:
            return raw.cast(cast)  # type: ignore[call-overload,no-any-return]
        return raw.cast("B").cast(cast, shape)  # type: ignore[call-overload,no-any-return]
    except (ValueError, TypeError):  # float16 before Python 3.12
        return raw
