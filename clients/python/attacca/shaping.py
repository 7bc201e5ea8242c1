"""How what is demanded should come."""

from __future__ import annotations

import struct
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from .errors import AttaccaError
from .space import _BYTE_ORDERS, _ORDERS, Space
from .memory import _copy
from .buffers import _describe, _dtype
from .casting import _is_real
from .specs import _chain_of

_PACKING = ("scale_factor", "add_offset", "_FillValue", "missing_value")  # as CF has them


class _Shaping(NamedTuple):
    """How what is demanded should come: what is done with it on the way, in this order."""

    transforms: Sequence[Mapping[str, Any]] = ()
    unpack: bool = False
    order: Optional[str] = None
    dtype: Any = None
    byteorder: Optional[str] = None
    lossy: bool = False
    into: Any = None

    def check(self) -> None:
        """Refuses what can never come, before anybody waits."""
        _chain_of(self.transforms)
        _dtype(self.dtype)
        for what, value, known in (("order", self.order, _ORDERS),
                                   ("byteorder", self.byteorder, _BYTE_ORDERS)):
            if value not in known:
                raise AttaccaError("bad-argument", f"Cannot demand in the {what} {value!r}: it is "
                                   f"one of {', '.join(map(str, known[1:]))}")
        if self.into is not None:
            _target(self.into)

    def said(self) -> Tuple[Optional[str], Optional[str], Optional[str]]:
        """Order, dtype and byte order that are asked for, be it by what it comes into."""
        name, byteorder = _dtype(self.dtype)
        order, byteorder = self.order, self.byteorder or byteorder
        if self.into is not None:
            _, own = _target(self.into)
            order = order or (own.order if len(own.shape or ()) > 1 else None)
            if name is None and own.dtype != "uint8":
                name, byteorder = own.dtype, byteorder or own.byteorder
        return order, name, byteorder

    def chain(self, space: Space, attributes: Mapping[str, Any]) -> List[Mapping[str, Any]]:
        """The transforms, for an object of a space and with attributes."""
        chain: List[Mapping[str, Any]] = []
        if self.unpack and _is_real(space.dtype):
            chain.append(_packing_of(space, attributes))
        chain += self.transforms
        order, name, byteorder = self.said()
        if order is not None:
            chain.append({"kind": "order", "order": order})
        if name is not None:
            chain.append({"kind": "dtype", "dtype": name, "lossy": bool(self.lossy)})
        if byteorder is not None:
            chain.append({"kind": "byte-order", "byteOrder": byteorder})
        return chain


def _packing_of(space: Space, attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """How numbers are packed, by the attributes that the CF conventions have for it."""
    def number(key: str, default: float) -> float:
        value = attributes.get(key, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise AttaccaError("bad-attribute", f"Cannot unpack: \"{key}\" is {value!r}, no number",
                               {"key": key})
        return float(value)

    fills: List[float] = []
    for key in ("_FillValue", "missing_value"):
        said = attributes.get(key)
        for each in said if isinstance(said, (list, tuple)) else [said]:
            if isinstance(each, (int, float)) and not isinstance(each, bool):
                fills.append(float(each))
    if space.dtype == "float32":  # as the elements have it, whatever digits an attribute has
        fills = [*fills, *(struct.unpack("<f", struct.pack("<f", each))[0] for each in fills
                           if abs(each) < 3.4e38)]
    return {"kind": "scale", "scale": number("scale_factor", 1.0),
            "offset": number("add_offset", 0.0), "fill": fills}


def _target(into: Any) -> Tuple[memoryview, Space]:
    """Memory of the caller, and what its elements are."""
    view: Optional[memoryview]
    try:
        view = memoryview(into)
    except (TypeError, ValueError):
        view = None
    if view is None or view.readonly or not view.contiguous:
        raise AttaccaError("bad-argument", f"Cannot demand into a {type(into).__name__}: it is no "
                           "writable buffer in one piece")
    return _describe(into, None, None, None)


def _but_packing(attributes: Dict[str, Any], how: _Shaping) -> Dict[str, Any]:
    """What is unpacked is packed no more."""
    if not how.unpack and not any(each.get("kind") in ("scale", "pack") for each in how.transforms):
        return attributes
    return {key: value for key, value in attributes.items() if key not in _PACKING}


def _put_into(name: str, data: memoryview, space: Space, into: Any) -> memoryview:
    target, own = _target(into)
    size = len(target)
    fits = size == len(data)
    if fits and len(own.shape or ()) > 1 and own.dtype == space.dtype:
        fits = [n for n in own.shape or () if n != 1] == [n for n in space.shape or () if n != 1]
    if not fits:
        raise AttaccaError("size-mismatch", f"Cannot demand \"{name}\" into {size} bytes of shape "
                           f"{own.shape}: what is wanted has {len(data)}, and shape {space.shape}",
                           {"name": name, "spaceBytes": len(data), "payloadBytes": size})
    _copy(target, data)
    return target
