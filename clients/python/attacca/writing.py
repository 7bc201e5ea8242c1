"""Fields of messages, to bytes: sections 2, 5, 7, 8."""

from __future__ import annotations

import struct
from typing import Any, Callable, Dict, Mapping, Sequence

from .forms import _DTYPES, _encoded, _form, _form_code, _is_described
from .space import _BYTE_ORDERS, _ORDERS, Space
from .values import _map, _text, _value

_UNSET_DIMENSION = (1 << 64) - 1


def _space(space: Space) -> bytes:
    described = b""
    if _is_described(space.dtype):
        form = _form(str(space.dtype))
        code, described = _form_code(form), _encoded(form)
        described = struct.pack("<H", len(described)) + described
    else:
        code = _DTYPES.index(space.dtype)
    head = bytes((code, _ORDERS.index(space.order), _BYTE_ORDERS.index(space.byteorder),
                  255 if space.shape is None else len(space.shape)))
    return head + b"".join(struct.pack("<Q", _UNSET_DIMENSION if size is None else size)
                           for size in space.shape or ()) + described


_WRITERS: Dict[str, Callable[[Any], bytes]] = {
    "u8": struct.Struct("<B").pack, "u16": struct.Struct("<H").pack,
    "u32": struct.Struct("<I").pack, "u64": struct.Struct("<Q").pack,
    "text": _text, "map": _map, "space": _space, "rest": bytes, "magic": lambda _: b"ATCA",
    "answer": lambda value: _value(value, -7),  # 16 deep, as it holds values that are 8 deep
    "bytes": lambda value: struct.pack("<I", len(value)) + bytes(value),
    "attributes": lambda value: struct.pack("<H", len(value)) + b"".join(
        struct.pack("<H", key) + _value(item) for key, item in value.items()),
    "keys": lambda value: struct.pack(f"<H{len(value)}H", len(value), *value),
    "texts16": lambda value: struct.pack("<H", len(value)) + b"".join(map(_text, value)),
    "texts": lambda value: struct.pack("<I", len(value)) + b"".join(map(_text, value)),
    "value": _value,
    "region": lambda value: _WRITERS["bytes"](_region(value)),
    "wanted": lambda value: b"\0\0\0\0" if value is None else _WRITERS["region"](value),
    "regions": lambda value: struct.pack("<I", len(value)) + _WRITERS["bytes"](
        b"".join(map(_WRITERS["region"], value))),
    "extent": lambda value: struct.pack("<IQQ", value["slab"], value["offset"], value["size"]),
    "parts": lambda value: struct.pack("<I", len(value)) + b"".join(map(_part, value)),
    "group": lambda value: _group(value),
    "place": lambda value: b"\x00" if value is None else b"".join(
        (b"\x01", _value(value[0]), _text(value[1]))),
}


def _varint(value: int) -> bytes:
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def _runs(runs: Sequence[Sequence[int]]) -> bytes:
    found, before = [_varint(len(runs))], 0
    for start, step, count in runs:
        found += _varint(start - before), _varint(step), _varint(count)
        before = start
    return b"".join(found)


def _region(region: Mapping[str, Any]) -> bytes:
    axes = [axis for box in region["boxes"] for axis in box]
    return b"".join((struct.pack("<BH", region["dimensions"], len(region["boxes"])),
                     *map(_runs, axes), _runs(region["points"])))


def _payload(fields: Mapping[str, Any]) -> bytes:
    if fields["source"] == 1:
        return _WRITERS["bytes"](fields["payload"])
    if fields["source"] == 4:
        return struct.pack("<I", fields["parts"])
    if fields["source"]:
        return struct.pack("<IQQ", fields["slab"], fields["offset"], fields["size"])
    return b""


def _group(group: Mapping[str, Any]) -> bytes:
    def offer(handle: int, lifetime: int, of: Mapping[str, Any]) -> bytes:
        body = struct.pack("<IBBBBI", handle, group["scope"], group["durability"], of["source"], 0,
                           lifetime) + _payload(of)
        return struct.pack("<I", len(body)) + body

    members = group["members"]
    return b"".join((offer(group["handle"], group["lifetime"], {"source": 0}),
                     struct.pack("<I", len(members)),
                     *(offer(member["handle"], 0, member) for member in members)))


def _part(part: Mapping[str, Any]) -> bytes:
    return b"".join((_WRITERS["region"](part["region"]), struct.pack("<I", part["source"]),
                     _payload(part)))
