"""Attacca for Python: hand named, typed data objects to other programs through a pool.

    import attacca
    with attacca.join("producer[0]") as pool:             # ATTACCA_POOL holds the address
        pool.offer("t/850", data, dtype="float32", shape=(181, 360))
    with attacca.join("consumer[0]") as pool:
        with pool.demand("t/850", timeout=30) as field:
            print(field.view[0, 0], field.attributes)     # or numpy.asarray(field)

One file, so that it can be copied to where it is needed; the standard library alone; written from
spec/protocol.md. Every call is safe from any thread. One background thread owns the connection: it
numbers, sends, acknowledges, and resumes the session when the connection is lost. Callers only hand
it requests, so that a KeyboardInterrupt can end any wait and leaves the connection sound. Every
wait has a deadline: `timeout` in seconds, None for the pool's default of ten minutes,
`attacca.NEVER` to wait without end.
"""

from __future__ import annotations

import concurrent.futures
import datetime
import functools
import importlib
import itertools
import json
import math
import mmap
import operator
import os
import pickle
import random
import re
import selectors
import socket
import struct
import sys
import threading
import time
import warnings
import zlib
from collections import deque
from typing import (
    TYPE_CHECKING, Any, Callable, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Set,
    Tuple, Union)
from urllib.parse import unquote, urlsplit

__all__ = ["join", "Pool", "Offer", "Requirement", "Delivered", "Promise", "Found", "Changed",
           "Facets", "Histogram", "Definition", "Cube", "CubeArray", "OpenObject", "RegionLock",
           "RegionTransfer", "MappedRegion",
           "Space", "Timestamp", "AttaccaError", "NEVER"]

NEVER = math.inf
_VERSION = 1
_FRAME_MAX = 4_194_304            # section 3: what `size` may say on a control connection
_DATA_FRAME_MAX = 1_048_640       # and on a data connection
_DATA_CHUNK = 1 << 20             # bytes of one WRITE
_DATA_WINDOW = 4                  # WRITE frames under way before their DONE is awaited
_INLINE_MAX = 16 << 10            # payloads up to this travel in the message
_FRAME_SOFT = 1 << 20             # no more messages join a frame of this size
_UNACKED_MAX, _UNACKED_BYTES_MAX = 4096, 16 << 20    # requests sent and not acknowledged
_ACK_AFTER, _ACK_BYTES, _ACK_S = 256, 256 << 10, 0.2  # well below 1,024, 1 MiB, 1 s of section 6
_HEARTBEAT_S, _SILENCE_S = 4.0, 20.0  # over TCP: when to send one, when to give a peer up
_CONNECT_S = 10.0
_DEFAULT_S = 600.0                # the pool's default deadline
_GRACE_S = 1.0                    # how much longer than the pool this side waits
_SLEEP_S = 1.0                    # a signal that comes just before a sleep waits for its end
_LEASE_FIRST, _LEASE_MAX = 1 << 20, 64 << 20  # what is asked for grows with use
_STORES_MAX = 8                   # attempts to store bytes whose memory goes with its manager
_PIECE_MAX = 64 << 20             # a larger write goes in pieces: so much more memory it takes
_GATHER_MAX, _REGIONS_MAX = 8 << 20, 4096     # bytes and regions of one request of many
_COPY_CHUNK = 8 << 20             # a copy holds the interpreter; others get a turn in between
_PAGES = {"name": 4096, "all": 512, "attributes": 2048}  # objects a page; in the order of `detail`
_PART_VALUES = 4096               # values that are asked for of each part of the pool
_AXES_MAX, _PLACES_MAX = 12, 1 << 20  # axes of a cube, and places that one demand plans over
_PROBES_MAX, _PROBES_AT_ONCE = 1 << 16, 1024  # questions which parts of objects are there
_PACKING = ("scale_factor", "add_offset", "_FillValue", "missing_value")  # as CF has them
_MEANING = ("units", "calendar")  # what numbers mean: side by side they mean the same
_TRANSFORMS_MAX = 64              # of a chain
_BINS_MAX = 64                    # of a histogram, as the pool's have
_SCHEMA, _CONTAINER, _COLLECTION = range(3)  # kinds of definitions
_RELATIONS = ("derived-from", "part-of", "supersedes", "depends-on")
_CONSISTENCIES = ("posix", "commit", "session", "eventual")
_ANY = 0xFFFFFFFF                 # "none" for a handle, "never" for a deadline

# Codes this client raises by itself, or that come without the flag, and may go away by waiting.
_RETRYABLE = frozenset((
    "definition-in-use", "object-depended-on", "cube-hole",
    "session-limit", "connection-lost", "pool-unreachable", "name-in-use", "member-limit",
    "handle-limit", "object-required", "promise-limit", "deadline-passed", "wait-limit",
    "lock-conflict", "memory-full", "shm-full", "disk-full", "journal-full"))


class AttaccaError(Exception):
    """The one error of Attacca. `code` says what happened (spec/vectors.json, `errors`), `fields`
    the particulars, `retryable` whether the same call may succeed later, `message` the sentence."""

    def __init__(self, code: str, message: str, fields: Optional[Mapping[str, Any]] = None,
                 retryable: Optional[bool] = None) -> None:
        super().__init__(message)
        self.code, self.message, self.fields = code, message, dict(fields or {})
        self.retryable = code in _RETRYABLE if retryable is None else retryable

    def __str__(self) -> str:
        return f"{self.message} ({self.code})"

    def again(self) -> "AttaccaError":
        """The same, to be raised in another thread with a traceback of its own."""
        return AttaccaError(self.code, self.message, self.fields, self.retryable)


class _Malformed(ValueError):
    """What came does not parse."""


class Timestamp(int):
    """Nanoseconds since 1970-01-01T00:00:00Z, as a value of an attribute."""

    def datetime(self) -> datetime.datetime:
        """The instant in UTC, to the microsecond."""
        return _EPOCH + datetime.timedelta(microseconds=self // 1000)


_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)

# ---- Values and layouts: sections 2, 3, 5, 7, 8 -------------------------------------------------

_DTYPES = (None, "bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64",
           "float16", "float32", "float64", "complex64", "complex128")
_ITEM_BYTES = (0, 1, 1, 1, 2, 2, 4, 4, 8, 8, 2, 4, 8, 8, 16)
_ORDERS = (None, "row", "column")
_BYTE_ORDERS = (None, "little", "big")
_CASTS = {"bool": "?", "int8": "b", "uint8": "B", "int16": "h", "uint16": "H", "int32": "i",
          "uint32": "I", "int64": "q", "uint64": "Q", "float16": "e", "float32": "f",
          "float64": "d"}
_KINDS = {"b": "bool", "i": "int", "u": "uint", "f": "float", "c": "complex"}
_UNSET_DIMENSION = (1 << 64) - 1


# Strings and structs: `string[16]`, `{x:float32@0,y:int16@4;8}`. A form says what one is: the dtype
# of a number, None of a string; its bytes; of a struct its fields, as (name, offset, form).
_Form = Tuple[Optional[str], int, Tuple[Tuple[str, int, Any], ...]]
_STRING, _STRUCT = 15, 16         # codes on the wire
_ITEM_MAX, _FIELDS_MAX, _DEPTH_MAX, _FORM_MAX = 65536, 255, 4, 8192
_TOKEN = re.compile(r"""\s*(?:([A-Za-z_][A-Za-z0-9_]*|[0-9]{1,9}|"(?:[^"\\]|\\["\\])*"|[{}\[\]:,;@])|$)""")
_CONTROL = re.compile("[\0-\x1f\x7f-\x9f\ud800-\udfff]")


def _checked(form: _Form, depth: int = 1) -> _Form:
    """The form, when it can be one; ValueError says why not."""
    end, (_, size, fields) = 0, form
    if not 1 <= size <= _ITEM_MAX:
        raise ValueError(f"an element has 1 to {_ITEM_MAX} bytes, not {size}")
    if len(fields) > _FIELDS_MAX or len({name for name, _, _ in fields}) < len(fields):
        raise ValueError("it has too many fields, or two of one name")
    if fields and depth > _DEPTH_MAX:
        raise ValueError(f"structs nest more than {_DEPTH_MAX} deep")
    for name, offset, inner in fields:
        if _CONTROL.search(name) or not 1 <= len(name.encode("utf-8")) <= 255:
            raise ValueError(f"a field cannot be called {name!r}")
        if offset < end:
            raise ValueError(f"the field {name!r} begins before the end of the one before it")
        end = offset + _checked(inner, depth + 1)[1]
    if end > size:
        raise ValueError("its fields end behind its elements")
    return form


def _parsed(text: str) -> _Form:
    """The form that a text says. Offsets and the size may be left out."""
    tokens, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"it cannot be read from character {at} on")
        tokens.append(match[1] or "")
        at = match.end()
    tokens.append("")
    tokens.reverse()

    def expect(sign: str) -> None:
        if tokens.pop() != sign:
            raise ValueError(f"it lacks a {sign!r}")

    def number() -> int:
        return int(tokens.pop())

    def form() -> _Form:
        word = tokens.pop()
        if word == "string":
            expect("[")
            size = number()
            expect("]")
            return None, size, ()
        if word != "{":
            return word, _ITEM_BYTES[_DTYPES.index(word)], ()
        fields: List[Tuple[str, int, Any]] = []
        end = 0
        while True:
            name = tokens.pop()
            if name[:1] == '"':
                name = re.sub(r"\\(.)", r"\1", name[1:-1])
            elif not re.match("[A-Za-z_]", name):
                raise ValueError("a field lacks its name")
            expect(":")
            inner = form()
            if tokens[-1] == "@":
                tokens.pop()
                end = number()
            fields.append((name, end, inner))
            end += inner[1]
            if tokens[-1] != ",":
                break
            tokens.pop()
        if tokens[-1] == ";":
            tokens.pop()
            end = number()
        expect("}")
        return None, end, tuple(fields)

    found = form()
    if tokens.pop() or tokens:
        raise ValueError("something stands behind its end")
    return _checked(found)


@functools.lru_cache(256)
def _form(text: str) -> _Form:
    try:
        form = _parsed(text)
        if len(_encoded(form)) > _FORM_MAX:
            raise ValueError(f"it takes more than {_FORM_MAX} bytes")
    except (ValueError, IndexError, RecursionError) as error:
        raise AttaccaError("bad-space", f"Cannot use \"{text[:100]}\" as a dtype: {error}",
                           {"dtype": text[:100]}) from error
    return form


def _form_text(form: _Form) -> str:
    """The one text of a form."""
    number, size, fields = form
    if number is not None:
        return number
    if not fields:
        return f"string[{size}]"
    inner = []
    for name, offset, each in fields:
        plain = re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name)
        quoted = name if plain else '"' + re.sub(r'(["\\])', r"\\\1", name) + '"'
        inner.append(f"{quoted}:{_form_text(each)}@{offset}")
    return "{" + ",".join(inner) + f";{size}" + "}"


def _form_code(form: _Form) -> int:
    return _DTYPES.index(form[0]) if form[0] else _STRUCT if form[2] else _STRING


def _encoded(form: _Form) -> bytes:
    number, size, fields = form
    if number is not None:
        return b""
    if not fields:
        return struct.pack("<I", size)
    parts = [struct.pack("<IB", size, len(fields))]
    for name, offset, inner in fields:
        raw = name.encode("utf-8")
        parts.append(bytes((len(raw),)) + raw + struct.pack("<IB", offset, _form_code(inner)))
        parts.append(_encoded(inner))
    return b"".join(parts)


def _is_described(dtype: Optional[str]) -> bool:
    """Whether it is a string or a struct."""
    return dtype is not None and dtype.startswith(("string", "{"))


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


class Space(NamedTuple):
    """The form of an object. None is unset: in an expectation it matches everything."""

    dtype: Optional[str] = None
    shape: Optional[Tuple[Optional[int], ...]] = None
    order: Optional[str] = None       # "row" or "column"
    byteorder: Optional[str] = None   # "little" or "big"

    @property
    def itemsize(self) -> int:
        """Bytes of one element; 0 while the dtype is unset."""
        if _is_described(self.dtype):
            return _form(str(self.dtype))[1]
        return _ITEM_BYTES[_DTYPES.index(self.dtype)]

    @property
    def typestr(self) -> str:
        """The dtype as numpy writes it, as `<f4`; of a struct without its fields, as `|V8`."""
        if _is_described(self.dtype):
            return f"|{'V' if _form(str(self.dtype))[2] else 'S'}{self.itemsize}"
        kind = "b" if self.dtype == "bool" else (self.dtype or "u")[0]
        sign = "|" if self.itemsize <= 1 else ">" if self.byteorder == "big" else "<"
        return f"{sign}{kind}{self.itemsize}"

    @property
    def numpy_dtype(self) -> Any:
        """The dtype of numpy, with all fields and gaps. Needs numpy."""
        numpy = importlib.import_module("numpy")

        def made(form: _Form) -> Any:
            number, size, fields = form
            if not fields:
                text = number or f"string[{size}]"
                return numpy.dtype(self._replace(dtype=text).typestr)
            return numpy.dtype({"names": [name for name, _, _ in fields],
                                "formats": [made(inner) for _, _, inner in fields],
                                "offsets": [offset for _, offset, _ in fields],
                                "itemsize": size})

        if not _is_described(self.dtype):
            return numpy.dtype(self.typestr)
        return made(_form(str(self.dtype)))


def _text(value: str) -> bytes:
    try:
        raw = value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise AttaccaError("bad-argument", f"Cannot send {value!r}: not valid Unicode") from error
    return struct.pack("<I", len(raw)) + raw


def _value(value: Any, depth: int = 1) -> bytes:
    """One self-describing `value`. Lists and maps nest at most 8 deep."""
    if value is None:
        return b"\x00"
    if value is True or value is False:
        return b"\x01\x01" if value else b"\x01\x00"
    if isinstance(value, str):
        return b"\x05" + _text(value)
    if isinstance(value, Timestamp):
        return b"\x07" + struct.pack("<q", value)
    if isinstance(value, float):
        return b"\x04" + struct.pack("<d", value)
    if isinstance(value, datetime.datetime):
        if value.tzinfo is None:
            raise AttaccaError("bad-argument", f"Cannot send {value!r}: it has no time zone")
        microseconds = (value - _EPOCH) // datetime.timedelta(microseconds=1)
        return b"\x07" + struct.pack("<q", microseconds * 1000)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return b"\x06" + struct.pack("<I", memoryview(value).nbytes) + bytes(value)
    if isinstance(value, (list, tuple, Mapping)):
        if depth > 8:
            raise AttaccaError("bad-argument", "Cannot send a value: it nests more than 8 deep")
        if isinstance(value, Mapping):
            return b"\x09" + _map(value, depth + 1)
        return b"\x08" + struct.pack("<I", len(value)) + b"".join(
            _value(item, depth + 1) for item in value)
    if hasattr(value, "item") and not isinstance(value, int):  # a scalar of numpy
        return _value(value.item(), depth)
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"Cannot send a value of type {type(value).__name__}") from None
    if -(1 << 63) <= number < 1 << 63:
        return b"\x02" + struct.pack("<q", number)
    if number < 1 << 64:
        return b"\x03" + struct.pack("<Q", number)
    raise AttaccaError("bad-argument", f"Cannot send {number}: it needs more than 64 bits")


def _map(value: Mapping[str, Any], depth: int = 1) -> bytes:
    return struct.pack("<I", len(value)) + b"".join(
        _text(key) + _value(item, depth) for key, item in value.items())


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
    "texts": lambda value: struct.pack("<I", len(value)) + b"".join(map(_text, value)),
    "value": _value,
    "region": lambda value: _WRITERS["bytes"](_region(value)),
    "regions": lambda value: struct.pack("<I", len(value)) + _WRITERS["bytes"](
        b"".join(map(_WRITERS["region"], value))),
    "extent": lambda value: struct.pack("<IQQ", value["slab"], value["offset"], value["size"]),
    "parts": lambda value: struct.pack("<I", len(value)) + b"".join(map(_part, value)),
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


def _part(part: Mapping[str, Any]) -> bytes:
    return b"".join((_WRITERS["region"](part["region"]), struct.pack("<I", part["source"]),
                     _payload(part)))


class _Reader:
    """Takes fields off a buffer; anything that is not well-formed is `_Malformed`."""

    def __init__(self, data: Any) -> None:
        self._data, self._at = memoryview(data), 0

    def take(self, size: int) -> memoryview:
        if size > len(self._data) - self._at:
            raise _Malformed("it ends too early")
        self._at += size
        return self._data[self._at - size:self._at]

    def rest(self) -> memoryview:
        return self.take(len(self._data) - self._at)

    def end(self) -> None:
        if self._at != len(self._data):
            raise _Malformed(f"{len(self._data) - self._at} bytes are left over")

    def u8(self) -> int:
        return self.take(1)[0]

    def u16(self) -> int:
        return int.from_bytes(self.take(2), "little")

    def u32(self) -> int:
        return int.from_bytes(self.take(4), "little")

    def u64(self) -> int:
        number = int.from_bytes(self.take(8), "little")
        if number >= 1 << 53:
            raise _Malformed("a u64 is 2^53 or more")
        return number

    def zero8(self) -> int:
        if self.u8():
            raise _Malformed("a reserved byte is not 0")
        return 0

    def magic(self) -> bytes:
        if bytes(self.take(4)) != b"ATCA":
            raise _Malformed("the magic is not ATCA")
        return b"ATCA"

    def bytes(self) -> bytes:
        return bytes(self.take(self.u32()))

    def text(self) -> str:
        try:
            return str(self.take(self.u32()), "utf-8")
        except UnicodeDecodeError as error:
            raise _Malformed("a text is not UTF-8") from error

    def value(self, depth: int = 1) -> Any:
        kind = self.u8()
        if kind == 0:
            return None
        if kind == 1:
            flag = self.u8()
            if flag > 1:
                raise _Malformed("a bool is neither 0 nor 1")
            return flag == 1
        if kind in (2, 7):
            number = int.from_bytes(self.take(8), "little", signed=True)
            return Timestamp(number) if kind == 7 else number
        if kind == 3:
            number = int.from_bytes(self.take(8), "little")
            if number < 1 << 63:
                raise _Malformed("a uint64 fits int64")
            return number
        if kind == 4:
            return struct.unpack("<d", self.take(8))[0]
        if kind == 5:
            return self.text()
        if kind == 6:
            return self.bytes()
        if kind > 9 or depth > 8:
            raise _Malformed("a value has an unknown type" if kind > 9 else "values nest too deep")
        if kind == 9:
            return self.map(depth + 1)
        return [self.value(depth + 1) for _ in range(self.u32())]

    def answer(self) -> Any:
        """The value of VALUE: 16 deep, as it holds values."""
        return self.value(-7)

    def map(self, depth: int = 1) -> Dict[str, Any]:
        found: Dict[str, Any] = {}
        count = self.u32()
        for _ in range(count):
            key = self.text()
            found[key] = self.value(depth)
        if len(found) != count:
            raise _Malformed("a key of a map appears twice")
        return found

    def attributes(self) -> Dict[int, Any]:
        count, found = self.u16(), {}
        for _ in range(count):
            key = self.u16()
            found[key] = self.value()
            if found[key] is None:
                raise _Malformed("an attribute is null")
        if len(found) != count:
            raise _Malformed("a key of attributes appears twice")
        return found

    def space(self) -> Space:
        dtype, order, byteorder, ndim = self.take(4)
        if dtype > _STRUCT or order > 2 or byteorder > 2 or 16 < ndim < 255:
            raise _Malformed("a space has an unknown dtype, order, byte order or ndim")
        sizes = struct.unpack(f"<{ndim}Q", self.take(8 * ndim)) if ndim < 255 else None
        shape = None if sizes is None else tuple(
            None if size == _UNSET_DIMENSION else size for size in sizes)
        if any(size is not None and size >= 1 << 53 for size in shape or ()):
            raise _Malformed("a dimension is 2^53 or more")
        name = _DTYPES[dtype] if dtype < _STRING else self.described(dtype)
        return Space(name, shape, _ORDERS[order], _BYTE_ORDERS[byteorder])

    def described(self, code: int) -> str:
        """The dtype of a string or struct, from what is told of it."""
        size = self.u16()
        end = self._at + size
        try:
            form = _checked(self.form(code, 1))
        except ValueError as error:
            raise _Malformed(f"a dtype: {error}") from error
        if self._at != end or size > _FORM_MAX:
            raise _Malformed("a dtype has another size than it says")
        return _form_text(form)

    def form(self, code: int, depth: int) -> _Form:
        if 0 < code < _STRING:
            return _DTYPES[code], _ITEM_BYTES[code], ()
        size = self.u32()
        if code == _STRING:
            return None, size, ()
        count = self.u8() if code == _STRUCT and depth <= _DEPTH_MAX else 0
        if count == 0:
            raise _Malformed("a dtype is not known, nests too deep, or has no fields")
        fields = []
        for _ in range(count):
            name = bytes(self.take(self.u8())).decode("utf-8")
            offset = self.u32()
            fields.append((name, offset, self.form(self.u8(), depth + 1)))
        return None, size, tuple(fields)

    def place(self) -> Optional[Tuple[Any, str]]:
        """A value and a name, behind which a page of SORT begins."""
        there = self.u8()
        if there > 1:
            raise _Malformed("there is a place, or there is none")
        return (self.value(), self.text()) if there else None

    def texts(self) -> List[str]:
        return [self.text() for _ in range(self.u32())]

    def keys(self) -> List[int]:
        return [self.u16() for _ in range(self.u16())]

    def varint(self) -> int:
        value, shift = 0, 0
        while True:
            byte = self.u8()
            value |= (byte & 0x7F) << shift
            if value >= 1 << 53 or (shift and not byte):
                raise _Malformed("a number is 2^53 or more, or longer than it need be")
            if byte < 0x80:
                return value
            shift += 7

    def runs(self) -> List[List[int]]:
        found: List[List[int]] = []
        before = 0
        for _ in range(self.varint()):
            before += self.varint()
            found.append([before, self.varint(), self.varint()])
            if not (found[-1][1] and found[-1][2]):
                raise _Malformed("a run has no indices")
        return found

    def region(self) -> Dict[str, Any]:
        """As the vectors write one; `size` before it says how many bytes it takes."""
        inner = _Reader(self.take(self.u32()))
        dimensions = inner.u8()
        boxes = [[inner.runs() for _ in range(dimensions)] for _ in range(inner.u16())]
        found = {"dimensions": dimensions, "boxes": boxes, "points": inner.runs()}
        inner.end()
        return found

    def regions(self) -> List[Dict[str, Any]]:
        count, inner = self.u32(), _Reader(self.take(self.u32()))
        found = [inner.region() for _ in range(count)]
        inner.end()
        return found

    def extent(self) -> Dict[str, int]:
        return {"slab": self.u32(), "offset": self.u64(), "size": self.u64()}

    def parts(self) -> List[Dict[str, Any]]:
        found = []
        for _ in range(self.u32()):
            part = {"region": self.region(), "source": self.u8()}
            if any(self.take(3)):
                raise _Malformed("a reserved byte is not zero")
            self.payload(part, 2)
            found.append(part)
        return found

    def payload(self, found: Dict[str, Any], highest: int) -> None:
        """By what `found` says of its source."""
        source = found["source"]
        if source > highest:
            raise _Malformed("an unknown source")
        if source == 1:
            found["payload"] = self.bytes()
        elif source == 4:
            found["parts"] = self.u32()
        elif source:
            found.update(slab=self.u32(), offset=self.u64(), size=self.u64())


_Layout = Tuple[str, Tuple[Tuple[str, str], ...]]


def _layouts(*rows: str) -> Dict[int, _Layout]:
    """`code NAME field:type ...` a row, as the tables of the specification."""
    table = {}
    for row in rows:
        code, name, *fields = row.split()
        pairs = (tuple(field.split(":")) for field in fields)
        table[int(code, 0)] = (name, tuple((pair[0], pair[-1]) for pair in pairs))
    return table


_FRAMES = _layouts(
    "1 HELLO magic lowest:u16 highest:u16 role:u8 token:text pool:text session:u64 secret:bytes "
    "received:u64 process:map",
    "2 ACCEPT version:u16 poolId:text poolName:text session:u64 secret:bytes received:u64 "
    "resumed:u8 pool:map",
    "3 REFUSE retryable:u8 code:text message:text fields:map",
    "4 MESSAGES first:u64 ack:u64 messages:rest",
    "5 ACK ack:u64",
    "6 WRITE transfer:u32 slab:u32 offset:u64 payload:rest",
    "7 READ transfer:u32 slab:u32 offset:u64 size:u64",
    "8 DATA transfer:u32 offset:u64 payload:rest",
    "9 DONE transfer:u32 size:u64",
    "10 FAILED transfer:u32 code:text message:text")
_MESSAGES = _layouts(
    "0x01 KEY key:u16 name:text", "0x02 JOIN member:u32 name:text info:map",
    "0x03 LEAVE member:u32 deadline:u32", "0x04 END", "0x05 PING", "0x06 CANCEL request:u64",
    "0x10 DECLARE handle:u32 member:u32 name:text space attributes",
    "0x11 SET handle:u32 space attributes", "0x12 SEAL handle:u32",
    "0x13 OFFER handle:u32 scope:u8 durability:u8 source:u8 zero8 lifetime:u32 payload",
    "0x14 WITHDRAW handle:u32 deadline:u32", "0x15 REQUIRE handle:u32 policy:u8",
    "0x16 DEMAND handle:u32 deadline:u32 mode:u8 policy:u8 want:u8",
    "0x17 RETRACT handle:u32", "0x18 DISPOSE handle:u32", "0x19 DELETE name:text force:u8",
    "0x1a TAG name:text attributes removed:keys",
    "0x1b PROMISE promise:u32 member:u32 promiseKind:u8 pattern:text", "0x1c CLOSE promise:u32",
    "0x1d UNKEEP name:text deadline:u32",
    "0x1e TAG_SELECTED selector:text after:text dry:u8 attributes removed:keys",
    "0x1f END_SELECTED selector:text after:text dry:u8 how:u8",
    "0x20 LEASE size:u64 least:u64 handle:u32 deadline:u32",
    "0x21 RETURN slab:u32 offset:u64 size:u64", "0x22 ADOPT file:text size:u64",
    "0x2c FINISH handle:u32",
    "0x2d APPEND handle:u32 scope:u8 durability:u8 source:u8 zero8 lifetime:u32 payload",
    "0x23 OFFER_PART handle:u32 scope:u8 durability:u8 source:u8 zero8 lifetime:u32 region payload",
    "0x24 REGION handle:u32 region",
    "0x25 CREATE handle:u32 scope:u8 consistency:u8 zero8 zero8 lifetime:u32 payload:extent",
    "0x26 OPEN handle:u32 deadline:u32",
    "0x27 WRITE_REGIONS handle:u32 as:space lossy:u8 source:u8 zero8 zero8 regions payload",
    "0x28 READ_REGIONS handle:u32 as:space lossy:u8 source:u8 zero8 zero8 regions payload",
    "0x29 COMMIT handle:u32 closes:u8",
    "0x2a LOCK handle:u32 lock:u32 mode:u8 block:u8 zero8 zero8 deadline:u32 region",
    "0x2b UNLOCK handle:u32 lock:u32",
    "0x30 DEFINE definitionKind:u8 name:text definition:value",
    "0x31 GATHER selector:text after:text dry:u8 removes:u8 key:text value",
    "0x40 STAT name:text", "0x41 QUERY selector:text after:text limit:u32 detail:u8",
    "0x42 MEMBERS", "0x43 EXPLAIN what:u8 name:text", "0x44 INFO",
    "0x45 COUNT selector:text after:text",
    "0x46 FACETS selector:text after:text what:u8 key:text limit:u32",
    "0x47 SORT selector:text after:text key:text descending:u8 limit:u32 detail:u8 place",
    "0x48 LINEAGE name:text depth:u32", "0x49 DEFINITIONS definitionKind:u8 name:text",
    "0x50 STOP force:u8 deadline:u32",
    "0x80 OK first:u64 last:u64 record:u8 bytes:u8",
    "0x81 FAIL request:u64 retryable:u8 code:text message:text fields:map",
    "0x82 WELCOME request:u64 member:u32 name:text granted:map", "0x83 BYE request:u64 names:texts",
    "0x84 DELIVER request:u64 version:u32 source:u8 zero8 space attributes:map payload",
    "0x85 GRANT request:u64 slab:u32 offset:u64 size:u64", "0x86 VALUE request:u64 value:answer",
    "0x87 PARTS request:u64 parts",
    "0x88 OPENED request:u64 version:u32 consistency:u8 zero8 zero8 zero8 space attributes:map",
    "0x91 RECLAIM bytes:u64", "0x92 NOTICE code:text message:text fields:map",
    "0x93 SLAB_GONE slab:u32")
_CODES = {name: code for code, (name, _) in _MESSAGES.items()}
_OK, _FAIL, _DELIVER, _GRANT = (_CODES[name] for name in ("OK", "FAIL", "DELIVER", "GRANT"))
_PARTS, _VALUE = _CODES["PARTS"], _CODES["VALUE"]
_UNASKED = (_CODES["RECLAIM"], _CODES["NOTICE"], _CODES["SLAB_GONE"])


def _encode(layout: _Layout, fields: Mapping[str, Any]) -> bytes:
    parts = []
    for name, kind in layout[1]:
        if kind == "zero8":
            parts.append(b"\x00")
        elif kind == "payload":
            parts.append(_payload(fields))
        else:
            parts.append(_WRITERS[kind](None if kind == "magic" else fields[name]))
    return b"".join(parts)


def _decode(layout: _Layout, data: Any, exact: bool = True) -> Dict[str, Any]:
    reader = _Reader(data)
    found: Dict[str, Any] = {}
    for name, kind in layout[1]:
        if kind == "payload":
            reader.payload(found, 4 if layout[0] == "DELIVER" else 2)
        else:
            found[name] = getattr(reader, kind)()
    if exact:
        reader.end()
    return found


def _frame(kind: int, fields: Mapping[str, Any]) -> bytes:
    body = _encode(_FRAMES[kind], fields)
    return struct.pack("<IBBH", len(body) + 4, kind, 0, 0) + body


def _message(name: str, /, **fields: Any) -> bytes:
    code = _CODES[name]
    try:
        body = _encode(_MESSAGES[code], fields)
    except struct.error as error:
        raise AttaccaError("bad-argument", f"Cannot send {name}: {error}") from error
    if len(body) + 8 + 20 > _FRAME_MAX:
        raise AttaccaError("too-large", f"Cannot send {name}: {len(body)} bytes in one message")
    return struct.pack("<IHH", len(body) + 8, code, 0) + body


def _split(data: Any) -> List[Tuple[int, bytes]]:
    """The messages of a frame, each as code and body."""
    reader, end, found = _Reader(data), len(data), []
    while reader._at < end:
        size, code, flags = reader.u32(), reader.u16(), reader.u16()
        if size < 8:
            raise _Malformed("a message is shorter than its header")
        found.append((code | flags << 16, bytes(reader.take(size - 8))))  # with flags: not known
    return found


_Answer = Tuple[int, bytes]


def _result(answer: Optional[_Answer], name: str) -> Dict[str, Any]:
    """The fields of an answer that should be `name`; a FAIL is raised."""
    code, body = answer or (0, b"")
    try:
        if code == _FAIL:
            f = _decode(_MESSAGES[_FAIL], body)
            raise AttaccaError(f["code"], f["message"], f["fields"], f["retryable"] == 1)
        if code != _CODES[name]:
            raise _Malformed(f"code {code:#x} where {name} is due")
        return _decode(_MESSAGES[code], body)
    except _Malformed as error:
        raise AttaccaError("bad-message", f"Cannot read the answer {name}: {error}") from error


# ---- Connections: sections 1, 3, 4 --------------------------------------------------------------

class _Address(NamedTuple):
    host: Optional[str]  # None: a Unix socket
    port: int
    path: str
    token: Optional[str]


def _parse_address(address: str) -> _Address:
    base, _, query = address.partition("?")
    token = None
    for key, _, item in (part.partition("=") for part in query.split("&")):
        if key == "token":
            token = unquote(item)
        elif key == "token-file":
            token = _read_token(unquote(item), address)
    if base.startswith("unix:"):
        path = base[5:]
        if token is None:
            beside = os.path.join(os.path.dirname(path), "token")
            token = _read_token(beside, address) if os.path.exists(beside) else None
        return _Address(None, 0, path, token)
    parts = urlsplit(base)
    if parts.scheme != "tcp" or not parts.hostname or not parts.port:
        raise AttaccaError("bad-argument", f"Cannot use \"{address}\" as the address of a pool: "
                           "it is neither unix:/path nor tcp://host:port")
    return _Address(parts.hostname, parts.port, "", token)


def _read_token(path: str, address: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().strip()
    except OSError as error:
        raise AttaccaError("file-error", f"Cannot read the token for \"{address}\": {error}",
                           {"path": path}) from error


def _read_exactly(sock: socket.socket, size: int) -> bytearray:
    data = bytearray(size)
    _read_into(sock, memoryview(data))
    return data


def _read_into(sock: socket.socket, view: memoryview) -> None:
    while view:
        count = sock.recv_into(view)
        if not count:
            raise ConnectionError("the pool closed the connection")
        view = view[count:]


def _frame_head(head: Any, size_max: int) -> Tuple[int, int]:
    """Kind and size of the body, from the first 8 bytes of a frame."""
    size, kind, zero8, zero16 = struct.unpack("<IBBH", head)
    if not 4 <= size <= size_max or zero8 or zero16 or kind not in _FRAMES:
        raise _Malformed(f"a frame of kind {kind} and size {size}")
    return kind, size - 4


def _refusal(body: Any) -> AttaccaError:
    f = _decode(_FRAMES[3], body, exact=False)
    return AttaccaError(f["code"], f["message"], f["fields"], f["retryable"] == 1)


def _open(address: _Address, hello: Mapping[str, Any]) -> Tuple[socket.socket, Dict[str, Any]]:
    """Connects and says HELLO; the socket and the fields of ACCEPT, or the refusal raised."""
    where = address.path if address.host is None else f"{address.host}:{address.port}"
    sock = None
    try:
        if address.host is None:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            sock.settimeout(_CONNECT_S)
            sock.connect(address.path)
        else:
            sock = socket.create_connection((address.host, address.port), _CONNECT_S)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.sendall(_frame(1, {"lowest": _VERSION, "highest": _VERSION, **hello}))
        kind, size = _frame_head(_read_exactly(sock, 8), _FRAME_MAX)
        body = _read_exactly(sock, size)
        if kind == 3:
            raise _refusal(body)
        if kind != 2:
            raise _Malformed(f"a frame of kind {kind} where ACCEPT is due")
        return sock, _decode(_FRAMES[2], body, exact=False)
    except BaseException as error:
        if sock is not None:
            sock.close()
        if isinstance(error, (OSError, _Malformed)):
            raise AttaccaError("pool-unreachable", f"Cannot reach the pool at \"{where}\": {error}",
                               {"address": where}) from error
        raise


def _session(address: str, unasked: Callable[[int, Dict[str, Any]], None],
             connect_s: float) -> "_Session":
    """Opens a session. A pool at which nobody listens, or that is gone before it has answered, is
    tried for so long: it may be about to be served, with another token."""
    until, pause = time.monotonic() + connect_s, 0.01
    while True:
        try:
            return _Session(_parse_address(address), unasked)
        except AttaccaError as error:
            nobody = isinstance(error.__cause__, (FileNotFoundError, ConnectionError))
            if error.code != "pool-unreachable" or not nobody or time.monotonic() + pause > until:
                raise
        time.sleep(pause)
        pause = min(2 * pause, 1.0)


def _system(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


def _process() -> Dict[str, Any]:
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        namespace = ""
    stat = _system("/proc/self/stat").rpartition(")")[2].split()  # from field 3 on
    return {"client": "attacca-python 1.0", "host": socket.gethostname(), "pid": os.getpid(),
            "startTime": int(stat[19]) if len(stat) > 19 else 0,
            "bootId": _system("/proc/sys/kernel/random/boot_id"), "pidNamespace": namespace,
            "command": " ".join(sys.argv).encode("utf-8", "replace").decode("utf-8")[:1000]}


# ---- The session: sections 5, 6 -----------------------------------------------------------------

class _Call:
    """Messages sent together, and their answers. `late` gets the answers of an abandoned call.
    `done` is a bare lock, held until all are there: an interrupt in the middle of an Event's wait
    can leave its inner lock held, and setting it would then block the thread of the session."""

    __slots__ = ("messages", "answers", "numbers", "left", "done", "late", "abandoned", "error")

    def __init__(self, messages: List[bytes],
                 late: Optional[Callable[[int, int, bytes], None]] = None) -> None:
        self.messages = messages
        self.numbers: List[int] = []
        self.answers: List[Optional[_Answer]] = [None] * len(messages)
        self.left, self.done, self.late = len(messages), threading.Lock(), late
        self.done.acquire()
        self.abandoned = False
        self.error: Optional[AttaccaError] = None


class _Session:
    """Numbered messages over a connection that may break. All state but the inbox belongs to one
    thread, which no KeyboardInterrupt reaches; `deque.append` is the only door in."""

    def __init__(self, address: _Address,
                 unasked: Callable[[int, Dict[str, Any]], None]) -> None:
        self.address, self._unasked, self._pid = address, unasked, os.getpid()
        self._sock: Optional[socket.socket]
        self._sock, accept = _open(address, self._hello(0, b"", 0))
        self.pool: str = accept["poolId"]
        self.pool_name: str = accept["poolName"]
        self.id, self.secret, self.info = accept["session"], accept["secret"], accept["pool"]
        self._inbox: deque[Tuple[_Call, bool]] = deque()
        self._pending: Dict[int, Tuple[_Call, int]] = {}
        self._waiting: deque[Tuple[int, bytes]] = deque()  # numbered, not sent on this connection
        self._unacked: deque[Tuple[int, bytes]] = deque()
        self._unacked_bytes = self._last = self._received = 0
        self._told: Dict[int, List[Dict[str, Any]]] = {}  # of PARTS, by request, until DELIVER
        self._fatal: Optional[AttaccaError] = None
        self._closing = False
        self.resumed = False  # perhaps with a manager that has not the memory of before
        self._strikes = 0  # connections ended by damage, without progress between them
        self._pause = self._lost_at = 0.0  # before the next attempt; when the first failed
        self._wake, self._bell = socket.socketpair()
        self._wake.setblocking(False)
        self._bell.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._bell, selectors.EVENT_READ)
        self._connected()
        self._thread = threading.Thread(target=self._main, name="attacca", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def is_away(self) -> bool:
        """Whether the pool is not reached now; raises when it is given up."""
        if self._fatal is not None:
            raise self._fatal.again()
        return self._sock is None

    def has_stopped(self) -> bool:
        """Whether the pool has ended in order: nothing is needed of anybody any more."""
        return self._fatal is not None and self._fatal.code == "pool-stopping"

    def _hello(self, session: int, secret: bytes, received: int) -> Dict[str, Any]:
        return {"role": 0, "token": self.address.token or "", "session": session,
                "pool": self.pool if session else "", "secret": secret, "received": received,
                "process": _process()}

    # From any thread.

    def run(self, messages: List[bytes], timeout: Optional[float] = None,
            late: Optional[Callable[[int, int, bytes], None]] = None) -> List[Optional[_Answer]]:
        """Sends the messages as one batch and waits for all answers. When the wait is cut short,
        by its deadline or by an exception, what still waits in the pool is cancelled."""
        call = _Call(messages, late)
        limit = (_DEFAULT_S if timeout is None else timeout) + _GRACE_S
        try:
            self._submit(call)
            until = time.monotonic() + limit
            while not call.done.acquire(True, min(_SLEEP_S, max(0, until - time.monotonic()))):
                if not time.monotonic() < until:  # NaN, too
                    raise AttaccaError("deadline-passed", f"Cannot wait longer than {limit:g} s: "
                                       "the pool has not answered", {"seconds": float(limit)})
        except BaseException:
            self._inbox.append((call, True))
            self._ring()
            raise
        if call.error is not None:
            raise call.error.again()
        return call.answers

    def post(self, messages: List[bytes],
             late: Optional[Callable[[int, int, bytes], None]] = None, ring: bool = True) -> None:
        """Sends without waiting; `late` runs on the thread of the session. Never raises."""
        call = _Call(messages, late)
        call.abandoned = True
        self._inbox.append((call, False))
        if ring:
            self._ring()

    def parts(self, request: int) -> List[Dict[str, Any]]:
        """What PARTS told of a request that is answered; once."""
        return self._told.pop(request, [])

    def stop(self) -> None:
        self._closing = True
        self._ring()
        if threading.current_thread() is not self._thread:
            self._thread.join(_CONNECT_S + 2)

    def _submit(self, call: _Call) -> None:
        if os.getpid() != self._pid:
            raise AttaccaError("not-allowed", "Cannot use a pool after fork: join in the child")
        self._inbox.append((call, False))
        self._ring()
        if self._fatal is not None:  # the thread may look no more
            raise self._fatal.again()

    def _ring(self) -> None:
        try:
            self._wake.send(b"!")
        except OSError:  # full: it will wake; closed: nobody to wake
            pass

    # On the thread of the session.

    def _main(self) -> None:
        try:
            while not self._closing and self._fatal is None:
                if self._sock is None:
                    self._reconnect()
                else:
                    self._turn()
        except BaseException as error:  # a bug of this file: no caller may wait for ever
            self._fatal = AttaccaError("internal", f"Cannot go on: {error!r}")
            self._fatal.__cause__ = error
        if self._fatal is None:
            self._fatal = AttaccaError("connection-lost", "Cannot use the pool: it was left",
                                       retryable=False)
        if self._sock is not None:
            self._sock.close()
        self._selector.close()
        calls = [call for call, _ in self._pending.values()]
        while self._inbox:
            calls.append(self._inbox.popleft()[0])
        for call in calls:
            if call.error is None and call.left:
                call.error = self._fatal
                call.done.release()
        self._wake.close()
        self._bell.close()

    def _turn(self) -> None:
        assert self._sock is not None
        try:
            self._take_inbox()
            self._fill()
            self._flush()
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._out else 0)
            self._selector.modify(self._sock, wanted)
            now = time.monotonic()
            until = [now + 5.0]
            if self._acked != self._received:
                until.append(self._ack_due)
            if self.address.host is not None:
                until += [self._sent_at + _HEARTBEAT_S, self._heard_at + _SILENCE_S]
            for key, events in self._selector.select(max(0.0, min(until) - now)):
                if key.fileobj is self._bell:
                    self._bell.recv(4096)
                elif events & selectors.EVENT_READ:
                    self._receive()
            if self.address.host is not None:
                now = time.monotonic()
                if now - self._heard_at > _SILENCE_S:
                    raise ConnectionError("the pool is silent")
                if now - self._sent_at > _HEARTBEAT_S:
                    self._send_frame(_frame(5, {"ack": self._received}))
        except (OSError, _Malformed) as error:
            self._lost(error)

    def _connected(self) -> None:
        assert self._sock is not None
        self._sock.setblocking(False)
        self._selector.register(self._sock, selectors.EVENT_READ)
        self._in, self._acked = bytearray(), self._received
        self._out: deque[memoryview] = deque()
        self._in_since_ack = self._count_since_ack = 0
        self._heard_at = self._sent_at = self._ack_due = time.monotonic()

    def _lost(self, error: BaseException) -> None:
        assert self._sock is not None
        self._selector.unregister(self._sock)
        self._sock.close()
        self._sock = None
        self._strikes += isinstance(error, _Malformed)
        if self._pause == 0.0:
            self._lost_at = time.monotonic()
        if self._strikes > 3 and self._fatal is None:
            self._fatal = AttaccaError("bad-frame", f"Cannot talk to the pool: {error}")

    def _reconnect(self) -> None:
        """Tries once to resume the session; gives up when the pool must have given it up too."""
        away_s = self.info.get("limits", {}).get("sessionAwayMsMax", 60_000) / 1000 + 10
        if self.info.get("kept"):  # served again by hand, perhaps: as long as any wait
            away_s = max(away_s, _DEFAULT_S)
        time.sleep(self._pause * (0.5 + random.random()))
        self._pause = min(max(0.02, 2 * self._pause), 2.0)
        try:
            self._sock, accept = _open(
                self.address, self._hello(self.id, self.secret, self._received))
        except AttaccaError as error:
            if not error.retryable:
                self._fatal = error
            elif time.monotonic() - self._lost_at > away_s:
                self._fatal = AttaccaError(
                    "connection-lost", f"Cannot resume the session: {error.message}",
                    error.fields, retryable=False)
            return
        self.resumed = True
        self.info = accept["pool"]  # another process of the pool, perhaps, with other addresses
        self._connected()
        try:
            self._drop(accept["received"])
        except _Malformed as error:
            return self._lost(error)
        self._waiting.extendleft(reversed(self._unacked))
        self._unacked.clear()
        self._unacked_bytes = 0

    def _drop(self, ack: int) -> None:
        if ack > self._last:
            raise _Malformed("an acknowledgement of what was not sent")
        while self._unacked and self._unacked[0][0] <= ack:
            self._unacked_bytes -= len(self._unacked.popleft()[1])
        while self._waiting and self._waiting[0][0] <= ack:  # sent on a connection before
            self._waiting.popleft()

    def _number(self, message: bytes, call: Optional[_Call], index: int) -> None:
        self._last += 1
        if call is not None:
            call.numbers.append(self._last)
            self._pending[self._last] = (call, index)
        self._waiting.append((self._last, message))

    def _take_inbox(self) -> None:
        while self._inbox:
            call, cancelled = self._inbox.popleft()
            if not cancelled:
                for index, message in enumerate(call.messages):
                    self._number(message, call, index)
                continue
            call.abandoned = True
            for index, number in enumerate(call.numbers):
                answer = call.answers[index]
                if answer is None:
                    self._number(_message("CANCEL", request=number), None, 0)
                elif call.late is not None:
                    call.late(index, *answer)

    def _fill(self) -> None:
        """Frames of what waits, as far as the pool keeps up; else an ACK if one is due."""
        while (self._waiting and len(self._unacked) < _UNACKED_MAX
               and self._unacked_bytes < _UNACKED_BYTES_MAX):
            parts: List[bytes] = []
            first, size = self._waiting[0][0], 0
            while self._waiting and len(self._unacked) < _UNACKED_MAX:
                number, message = self._waiting[0]
                if parts and size + len(message) > _FRAME_SOFT:
                    break
                self._unacked.append(self._waiting.popleft())
                size += len(message)
                parts.append(message)
            self._unacked_bytes += size
            self._send_frame(_frame(4, {"first": first, "ack": self._received,
                                        "messages": b"".join(parts)}))
        if self._acked != self._received and (
                self._count_since_ack >= _ACK_AFTER or self._in_since_ack >= _ACK_BYTES
                or time.monotonic() >= self._ack_due):
            self._send_frame(_frame(5, {"ack": self._received}))

    def _send_frame(self, frame: bytes) -> None:  # every frame that goes out carries an ack
        self._out.append(memoryview(frame))
        self._acked, self._count_since_ack, self._in_since_ack = self._received, 0, 0
        self._sent_at = time.monotonic()

    def _flush(self) -> None:
        assert self._sock is not None
        try:
            while self._out:
                count = self._sock.send(self._out[0])
                if count == len(self._out[0]):
                    self._out.popleft()
                else:
                    self._out[0] = self._out[0][count:]
        except BlockingIOError:
            pass

    def _receive(self) -> None:
        assert self._sock is not None
        try:
            data = self._sock.recv(256 << 10)
        except BlockingIOError:
            return
        if not data:
            raise ConnectionError("the pool closed the connection")
        self._heard_at = time.monotonic()
        self._in += data
        self._in_since_ack += len(data)
        at = 0
        while len(self._in) - at >= 8:
            kind, size = _frame_head(self._in[at:at + 8], _FRAME_MAX)
            if len(self._in) - at - 8 < size:
                break
            body = bytes(self._in[at + 8:at + 8 + size])
            at += 8 + size
            self._take_frame(kind, body)
        del self._in[:at]

    def _take_frame(self, kind: int, body: bytes) -> None:
        if kind == 3:
            error = _refusal(body)
            if not error.retryable and error.code != "bad-frame":
                self._fatal = error
            raise _Malformed(str(error)) if error.code == "bad-frame" else OSError(str(error))
        if kind not in (4, 5):
            raise _Malformed(f"a frame of kind {kind} from the pool")
        fields = _decode(_FRAMES[kind], body)
        messages = _split(fields["messages"]) if kind == 4 else []
        first = fields["first"] if kind == 4 else self._received + 1
        if first < 1 or (messages and first > self._received + 1):
            raise _Malformed(f"message {first} after {self._received}")
        self._drop(fields["ack"])
        self._pause = 0.0
        for number, (code, content) in enumerate(messages, first):
            if number > self._received:
                if self._acked == self._received:
                    self._ack_due = time.monotonic() + _ACK_S
                self._received, self._strikes = number, 0
                self._count_since_ack += 1
                self._take_message(code, content)

    def _take_message(self, code: int, body: bytes) -> None:
        if code == _OK:
            fields = _decode(_MESSAGES[_OK], body)
            for number in range(fields["first"], min(fields["last"], self._last) + 1):
                self._complete(number, code, body)
        elif code == _PARTS:
            fields = _decode(_MESSAGES[code], body)
            if fields["request"] in self._pending:
                self._told.setdefault(fields["request"], []).extend(fields["parts"])
        elif code in _UNASKED:
            self._unasked(code, _decode(_MESSAGES[code], body))
        elif code in _MESSAGES and code > 0x80:
            self._complete(_Reader(body).u64(), code, body)
        # Else: of a later version, and not for us.

    def _complete(self, number: int, code: int, body: bytes) -> None:
        call, index = self._pending.pop(number, (None, 0))
        if call is None:
            return
        call.answers[index] = (code, body)
        call.left -= 1
        if call.abandoned and call.late is not None:
            call.late(index, code, body)
        if call.left == 0:
            call.done.release()


# ---- Memory: sections 7.3, 9 --------------------------------------------------------------------

def _up(size: int, to: int) -> int:
    return -(-size // to) * to


def _copy(target: memoryview, source: memoryview) -> None:
    for at in range(0, len(source), _COPY_CHUNK):
        target[at:at + _COPY_CHUNK] = source[at:at + _COPY_CHUNK]


class _Leases:
    """What is leased from the pool and not in use, as (slab, offset, size)."""

    def __init__(self, limits: Mapping[str, int]) -> None:
        self._lock = threading.Lock()
        self._free: List[Tuple[int, int, int]] = []
        self.small, self._page = limits.get("sliceAlignBytes", 64), limits.get("pageBytes", 4096)
        self._page_from = limits.get("pageAlignFromBytes", 1 << 20)

    def align(self, size: int) -> int:
        return self._page if size >= self._page_from else self.small

    def take(self, size: int, grant: Tuple[int, int, int] = (0, 0, 0)) -> Optional[
            Tuple[int, int, int]]:
        """A slice of `size`, or None when none is large enough. A new grant, when there is one,
        comes first. The last 64 bytes of a slice go with it as a whole."""
        with self._lock:
            if grant[2]:
                self._free.insert(0, grant)
            for index, (slab, offset, room) in enumerate(self._free):
                start, end = _up(offset, self.align(size)), offset + room
                if start + size <= end:
                    stop = min(end, _up(start + size, self.small))
                    self._free[index:index + 1] = [
                        (slab, a, b - a) for a, b in ((offset, start), (stop, end)) if b > a]
                    return slab, start, stop - start
        return None

    def give(self, slab: int, offset: int, size: int) -> None:
        with self._lock:
            self._free.append((slab, offset, size))

    def forget(self, slab: int) -> None:
        """The slab is gone, and what was leased of it."""
        with self._lock:
            self._free = [extent for extent in self._free if extent[0] != slab]

    def release(self, wanted: float) -> List[bytes]:
        """Takes extents out, until `wanted` bytes are, and says RETURN for each."""
        messages = []
        with self._lock:
            while self._free and wanted > 0:
                slab, offset, size = self._free.pop()
                wanted -= size
                messages.append(_message("RETURN", slab=slab, offset=offset, size=size))
        return messages


class _Slabs:
    """Mappings of the pool's slab files, made once each. They stay until the process ends or the
    pool lets a slab go: views of them may be anywhere, and closing under a view is an error."""

    def __init__(self, directory: str) -> None:
        self._directory, self._lock = directory, threading.Lock()
        self._maps: Dict[Tuple[int, bool], mmap.mmap] = {}

    def view(self, slab: int, offset: int, size: int, write: bool) -> memoryview:
        with self._lock:
            mapped = self._maps.get((slab, write))
            if mapped is None or offset + size > len(mapped):
                path = os.path.join(self._directory, f"slab-{slab}")
                file = os.open(path, (os.O_RDWR if write else os.O_RDONLY) | os.O_CLOEXEC)
                try:
                    mapped = mmap.mmap(file, 0, mmap.MAP_SHARED,
                                       mmap.PROT_READ | (mmap.PROT_WRITE if write else 0))
                finally:
                    os.close(file)
                if offset + size > len(mapped):
                    raise OSError(f"{path} has {len(mapped)} bytes, not {offset + size}")
                self._maps[slab, write] = mapped
        return memoryview(mapped)[offset:offset + size]

    def drop(self, slab: int) -> None:
        with self._lock:
            for mapped in (self._maps.pop((slab, False), None), self._maps.pop((slab, True), None)):
                try:
                    if mapped is not None:
                        mapped.close()
                except BufferError:
                    pass  # someone still holds a view; it goes with that


class _DataLink:
    """The data connection of a client that cannot map slabs; opened when first used."""

    def __init__(self, session: _Session) -> None:
        self._session, self._lock = session, threading.Lock()
        self._sock: Optional[socket.socket] = None
        self._transfers = itertools.count(1)
        self.opened = 0

    def write(self, slab: int, offset: int, data: memoryview, until: float) -> None:
        self._with_retry(lambda sock: self._write(sock, slab, offset, data), until)

    def read(self, slab: int, offset: int, size: int, until: float) -> bytearray:
        target = bytearray(size)
        view = memoryview(target)
        self._with_retry(lambda sock: self._read(sock, slab, offset, view), until)
        return target

    def close(self) -> None:
        sock, self._sock = self._sock, None
        if sock is not None:
            sock.close()

    def _with_retry(self, work: Callable[[socket.socket], None], until: float) -> None:
        """Both WRITE and READ may be done again, so a lost connection is only opened anew."""
        attempt = 0
        while True:
            with self._lock:
                try:
                    if self._sock is None:
                        self._sock = self._connect()
                        self.opened += 1
                    self._sock.settimeout(min(60.0, max(0.01, until - time.monotonic())))
                    return work(self._sock)
                except BaseException as error:
                    self.close()  # what is under way on it is no longer known
                    if not isinstance(error, (OSError, _Malformed)) and (
                            getattr(error, "code", "") != "pool-unreachable"):
                        raise
                    if time.monotonic() >= until:
                        raise AttaccaError("deadline-passed", "Cannot move the bytes in time: "
                                           f"{error}") from error
                    if self._session.is_away():  # the session decides how long that is waited for
                        attempt = 0
                    elif attempt == 3:
                        raise AttaccaError("connection-lost", "Cannot move bytes over the data "
                                           f"connection: {error}") from error
            time.sleep(0.02 * 2 ** attempt)
            attempt += 1

    def _connect(self) -> socket.socket:
        session = self._session
        failed: Optional[AttaccaError] = None
        for text in session.info.get("data", []):
            address = _parse_address(text)
            try:
                return _open(address, {
                    "role": 1, "token": session.address.token or address.token or "",
                    "pool": session.pool, "session": session.id, "secret": session.secret,
                    "received": 0, "process": {}})[0]
            except AttaccaError as error:
                failed = error
        try:
            raise failed or AttaccaError(
                "mapping-unavailable", "Cannot move bytes: the pool's shared memory does not open "
                "here and it has no data connection")
        finally:
            failed = None  # a ring with this frame keeps the caller's views, and Python 3.11 may
            # die of collecting one that another view is made of

    def _write(self, sock: socket.socket, slab: int, offset: int, data: memoryview) -> None:
        under_way: Dict[int, int] = {}
        for at in range(0, len(data), _DATA_CHUNK):
            chunk = data[at:at + _DATA_CHUNK]
            transfer = next(self._transfers) & _ANY
            under_way[transfer] = len(chunk)
            sock.sendall(struct.pack("<IBBHIIQ", 20 + len(chunk), 6, 0, 0, transfer, slab,
                                     offset + at))
            sock.sendall(chunk)
            if len(under_way) >= _DATA_WINDOW:
                self._written(sock, under_way)
        while under_way:
            self._written(sock, under_way)

    def _written(self, sock: socket.socket, under_way: Dict[int, int]) -> None:
        kind, size = self._head(sock)
        fields = _decode(_FRAMES[kind], _read_exactly(sock, size))
        if kind == 9 and under_way.pop(fields["transfer"], None) != fields["size"]:
            raise _Malformed("a DONE for other bytes than were written")

    def _read(self, sock: socket.socket, slab: int, offset: int, view: memoryview) -> None:
        transfer, at = next(self._transfers) & _ANY, 0
        sock.sendall(_frame(7, {"transfer": transfer, "slab": slab, "offset": offset,
                                "size": len(view)}))
        while True:
            kind, size = self._head(sock)
            if kind != 8:
                fields = _decode(_FRAMES[kind], _read_exactly(sock, size))
                if kind == 9 and (fields["transfer"], at) == (transfer, len(view)):
                    return
                if kind == 9:
                    raise _Malformed("a DONE before all bytes had come")
                continue
            got, where = struct.unpack("<IQ", _read_exactly(sock, 12))
            if got != transfer or where != offset + at or at + size - 12 > len(view):
                raise _Malformed("DATA that was not asked for")
            _read_into(sock, view[at:at + size - 12])
            at += size - 12

    def _head(self, sock: socket.socket) -> Tuple[int, int]:
        kind, size = _frame_head(_read_exactly(sock, 8), _DATA_FRAME_MAX)
        if kind in (3, 10):
            body = _read_exactly(sock, size)
            if kind == 3:
                raise _refusal(body)
            fields = _decode(_FRAMES[10], body)
            raise AttaccaError(fields["code"], fields["message"])
        if kind not in (5, 8, 9):
            raise _Malformed(f"a frame of kind {kind} on the data connection")
        return kind, size


# ---- Data and views -----------------------------------------------------------------------------

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


def _describe(data: Any, dtype: Any, shape: Any, order: Optional[str]) -> Tuple[memoryview, Space]:
    """The bytes of `data` and its space. No copy unless the buffer has gaps."""
    iface: Any = None
    if isinstance(data, Delivered) and _is_described(data.space.dtype):
        dtype, shape = dtype or data.space.dtype, data.space.shape if shape is None else shape
        own = _describe(data.raw, dtype, shape, order or data.space.order)
        return own[0], own[1]._replace(byteorder=data.space.byteorder)
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
    if iface is None and view.ndim > 1 and (
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


# ---- Selecting: section 7.5 ---------------------------------------------------------------------

_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t"})


def _quoted(text: str) -> str:
    """A text as a selector writes it."""
    return f'"{text.translate(_ESCAPES)}"'


class Found(NamedTuple):
    """An object that a query has found, and its attributes with its tags put over them."""

    name: str
    attributes: Dict[str, Any]


class Changed(NamedTuple):
    """What was done with all that a selector selects. `refused` says why some were not changed, in
    maps of `name`, `code` and `message`: of each part of the pool the first hundred."""

    selected: int
    changed: int
    refused: List[Dict[str, Any]]


class Facets(NamedTuple):
    """The values of a key, each with how many objects have it, the most frequent first. The counts
    are exact unless a key has very many values in a very large pool: it is counted part by part,
    and a value that is rare in some part may then lack what it has there."""

    key: str
    objects: int                   # that have the key
    values: List[Tuple[Any, int]]
    other_values: int              # those that are not among `values`,
    other_objects: int             # and the objects that have them
    is_exact: bool


class Histogram(NamedTuple):
    """How many numbers, or timestamps in ns, lie in which range: `bins[i]` counts those from
    `(first + i) * 2**exponent` to, not including, `(first + i + 1) * 2**exponent`. NaN and
    infinities are left out."""

    of: str                        # "numbers" or "timestamps"
    objects: int
    least: Any
    most: Any
    exponent: int
    first: int
    bins: List[int]


class Definition(NamedTuple):
    """A schema, a container or a collection as a pool has it."""

    name: str
    definition: Dict[str, Any]     # as section 7.6 of the protocol has it
    objects: Optional[int]         # in it; None of a schema, and of a collection by a selector


def _order(value: Any, descending: bool = False) -> Tuple[int, bool, Any]:
    """What to sort values by. Python compares an int with a float exactly, and texts by code
    points, which is the order of their bytes. None is last, in both directions."""
    if value is None:
        return -1 if descending else 6, False, 0
    if isinstance(value, bool):
        return 4, False, value
    if isinstance(value, Timestamp):
        return 1, False, int(value)
    if isinstance(value, (int, float)):
        return (0, True, 0) if value != value else (0, False, value)
    if isinstance(value, str):
        return 2, False, value
    return (3, False, value) if isinstance(value, bytes) else (5, False, 0)


def _identity(value: Any) -> Any:
    """Equal and hashable for equal values of one kind: 1 and 1.0, not 1 and True."""
    if isinstance(value, list):
        return tuple(map(_identity, value))
    if isinstance(value, dict):
        return frozenset((key, _identity(item)) for key, item in value.items())
    return _order(value)


def _coarser(histogram: Histogram, exponent: int) -> Tuple[int, List[int]]:
    """First and bins with an exponent that is not below its own: neighbours are added."""
    by, first = exponent - histogram.exponent, histogram.first
    start = first >> by
    bins = [0] * (((first + len(histogram.bins) - 1) >> by) - start + 1)
    for at, count in enumerate(histogram.bins, first):
        bins[(at >> by) - start] += count
    return start, bins


def _together(one: Histogram, other: Histogram) -> Histogram:
    """Of the objects of both: as coarse as the coarser, or as holds them in so many bins."""
    exponent = max(one.exponent, other.exponent)
    while True:
        parts = _coarser(one, exponent), _coarser(other, exponent)
        first = min(start for start, _ in parts)
        end = max(start + len(bins) for start, bins in parts)
        if end - first <= _BINS_MAX:
            break
        exponent += 1
    sums = [0] * (end - first)
    for start, bins in parts:
        for at, count in enumerate(bins, start - first):
            sums[at] += count
    return Histogram(one.of, one.objects + other.objects, min(one.least, other.least, key=_order),
                     max(one.most, other.most, key=_order), exponent, first, sums)


# ---- Regions: what two have in common ----------------------------------------------------------

def _select(region: Any, shape: Optional[Sequence[Optional[int]]]) -> Tuple[
        Dict[str, Any], Tuple[int, ...]]:
    """What is written `a[region]` in numpy, of slices, whole numbers, lists and `...`; and the
    shape that it has. Without a shape an axis that is taken whole has no runs."""
    items = list(region) if isinstance(region, tuple) else [region]
    if ... in [item for item in items if isinstance(item, type(...))]:
        at = next(i for i, item in enumerate(items) if item is ...)
        if shape is None:
            raise AttaccaError("bad-region", "Cannot use \"...\" without a shape: give shape=")
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
    indices = [operator.index(item)] if isinstance(item, int) else [
        operator.index(index) for index in item]
    if size is not None:
        indices = [index + size if index < 0 else index for index in indices]
    if any(one >= two for one, two in zip(indices, indices[1:])) or min(indices, default=0) < 0:
        raise AttaccaError("bad-region", "Cannot use the region: the indices of a list ascend")
    if size is not None and max(indices, default=-1) >= size:
        raise AttaccaError("bad-region", f"Cannot use the region: an axis goes from 0 to {size - 1}")
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


# ---- Encoded objects: docs/transforms.md --------------------------------------------------------

_ENCODING = "attacca.encoding"
_COMPARED = ("bad-region", "object-mismatch")
_PACKAGES = {"zstd": ("zstandard", "zstandard"), "lz4": ("lz4.block", "lz4"),
             "blosc": ("blosc", "blosc")}


def _package(module: str, package: str, why: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise AttaccaError("transform-failed", f"Cannot decode {why} without the package "
                           f"{package}: pip install {package}") from error


def _decoded(raw: memoryview, text: str, name: str) -> Tuple[memoryview, Space]:
    """The elements that `raw` is an encoding of, and their space: undoes the chain, last first."""
    try:
        told = json.loads(text)
        space = Space(told["space"]["dtype"], tuple(map(int, told["space"]["shape"])),
                      told["space"]["order"], told["space"]["byteOrder"])
        chain, before = list(told["chain"]), [space]
        for step in chain:
            before.append(_after(step, before[-1]))
        data: Any = raw
        for step, given, gave in zip(reversed(chain), reversed(before[:-1]), reversed(before)):
            data = _undone(step, given, gave, data)
        data = memoryview(data).cast("B")
        if len(data) != math.prod(size or 0 for size in space.shape or ()) * space.itemsize:
            raise ValueError(f"they are {len(data)} bytes")
    except AttaccaError:
        raise
    except Exception as error:  # of whatever library, on bytes of whoever
        raise AttaccaError("transform-failed", f"Cannot decode \"{name}\": {error}",
                           {"name": name}) from error
    return data, space


def _encoding_in(found: Mapping[str, Any]) -> Optional[str]:
    """The encoding of what was delivered, while its bytes are as the pool has them."""
    text = found["attributes"].get(_ENCODING)
    is_there = isinstance(text, str) and found["source"] != 4 and not found.get("decoded")
    return text if is_there else None


def _meets(space: Space, expected: Space) -> bool:
    sizes = expected.shape
    return all(want is None or want == has for want, has in (
        (expected.dtype, space.dtype), (expected.order, space.order),
        (expected.byteorder, space.byteorder))) and (sizes is None or (
            len(sizes) == len(space.shape or ()) and all(
                want is None or want == has for want, has in zip(sizes, space.shape or ()))))


def _cut(region: Any, space: Space, raw: memoryview, own: bool) -> Tuple[memoryview, Space]:
    """A region of what lies in one piece."""
    shape = tuple(size or 0 for size in space.shape or ())
    whole: Dict[str, Any] = {"dimensions": len(shape), "points": [],
                             "boxes": [[[[0, 1, size]] for size in shape]]}
    wanted, counts = _select(region, shape)
    data = memoryview(_gather(wanted, space, [(whole, raw)]))
    return data if own else data.toreadonly(), space._replace(shape=counts)


def _after(step: Mapping[str, Any], given: Space) -> Space:
    kind, shape = step["kind"], given.shape or ()
    if kind == "order":
        return given._replace(order=step["order"])
    if kind == "byte-order":
        return given._replace(byteorder=step["byteOrder"])
    if kind == "dtype":
        return given._replace(dtype=step["dtype"])
    if kind == "pack":
        return given._replace(dtype=step["dtype"], byteorder="little")
    if kind == "bitround":
        return given._replace(byteorder="little")
    if kind == "transpose" and step.get("axes") is None:
        other = "column" if given.order == "row" else "row"
        return given._replace(shape=shape[::-1], order=other)
    if kind in ("shuffle", "unshuffle"):
        return given
    if kind == "compress":
        return Space("uint8", None, "row", "little")
    raise ValueError(f"this client cannot undo {kind!r}")


def _undone(step: Mapping[str, Any], given: Space, gave: Space, data: Any) -> Any:
    """Bytes of `given`, out of what the step has made of them."""
    kind = step["kind"]
    if kind == "compress":
        if given.shape is None:
            raise ValueError("what is compressed twice has no known size")
        return _unpacked(step["codec"], data, math.prod(size or 0 for size in given.shape) * given.itemsize)
    if kind == "transpose" or (kind in ("bitround", "byte-order") and given == gave):
        return data
    if kind in ("shuffle", "unshuffle"):
        size, source = int(step["itemSize"]), memoryview(data).cast("B")
        count = len(source) // size
        out = bytearray(source)
        for byte in range(size):
            if kind == "shuffle":
                out[byte:count * size:size] = source[byte * count:(byte + 1) * count]
            else:
                out[byte * count:(byte + 1) * count] = source[byte:count * size:size]
        return out
    if kind == "dtype" and (_is_described(given.dtype) or _is_described(gave.dtype)):
        raise ValueError("this client does not convert strings and structs")
    numpy = _package("numpy", "numpy", kind)
    shape, order = gave.shape, "C" if gave.order == "row" else "F"
    array = numpy.ndarray(shape, gave.numpy_dtype, memoryview(data), order=order)
    if kind == "pack":
        packed, fill = array, step.get("fill")
        array = packed * float(step.get("scale", 1)) + float(step.get("offset", 0))
        if fill is not None:
            array[packed == fill] = numpy.nan
    order = "C" if given.order == "row" else "F"
    return bytearray(array.astype(given.numpy_dtype).tobytes(order))


def _unpacked(codec: str, data: Any, size: int) -> bytes:
    """Never more than it is said to be."""
    if codec == "gzip":
        unpacker = zlib.decompressobj(31)
        unpacked = unpacker.decompress(data, size + 1)
        if not unpacker.eof:
            raise ValueError("they are cut, or more than their space has room for")
    else:
        package = _package(*_PACKAGES[codec], codec)
        if codec == "zstd":
            unpacked = package.ZstdDecompressor().decompress(bytes(data), max_output_size=size)
        else:
            said = struct.unpack_from("<I", data, 4 if codec == "blosc" else 0)[0]
            if said != size:
                raise ValueError(f"they say that they are {said} bytes")
            unpacked = package.decompress(bytes(data))
    if len(unpacked) != size:
        raise ValueError(f"they are {len(unpacked)} bytes, not {size}")
    return unpacked


# ---- Transforms of a demand: docs/transforms.md --------------------------------------------------

_INTEGER_BITS = {"bool": 1, "int8": 7, "uint8": 8, "int16": 15, "uint16": 16, "int32": 31,
                 "uint32": 32, "int64": 63, "uint64": 64, "float16": 11, "float32": 24,
                 "float64": 53, "complex64": 24, "complex128": 53}  # that are exact, without a sign
_SMALL = ("int8", "uint8", "int16", "uint16", "float16", "float32")  # float32 has all of them
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


def _is_real(dtype: Optional[str]) -> bool:
    return dtype is not None and dtype != "bool" and dtype.startswith(("int", "uint", "float"))


def _must_be_real(kind: str, space: Space) -> None:
    if not _is_real(space.dtype):
        raise _bad_transform(kind, f"elements of type {space.dtype} are no real numbers")


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
    infinities become 0; of complex numbers the real part stays; strings are cut or filled up."""
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
    if kind == "c" and wanted != "c":
        array, kind = array.real, "f"
    if wanted == "b":
        return (array != 0) & (array == array)
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


def _numpy(what: str = "convert elements") -> Any:
    try:
        return importlib.import_module("numpy")
    except ImportError as error:
        raise AttaccaError("library-unavailable", f"Cannot {what} without the package numpy: pip "
                           "install numpy", {"library": "numpy"}) from error


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


def _whole_numbers(kind: str, space: Space, by: Any) -> Tuple[int, ...]:
    """One for each axis, from 1 on."""
    shape = space.shape or ()
    if not isinstance(by, (list, tuple)) or len(by) != len(shape):
        raise _bad_transform(kind, f"{len(by) if isinstance(by, (list, tuple)) else 'no'} numbers "
                             f"are given for {len(shape)} dimensions")
    for each in by:
        if isinstance(each, bool) or not isinstance(each, int) or each < 1:
            raise _bad_transform(kind, f"a step of {each!r} is not a whole number from 1 on")
    return tuple(by)


def _reduced(space: Space, by: Sequence[int]) -> Tuple[int, ...]:
    return tuple(-(-(size or 0) // each) for size, each in zip(space.shape or (), by))


def _dtype_step(spec: Mapping[str, Any], space: Space) -> _Step:
    dtype, byteorder = _dtype(spec.get("dtype"))
    if dtype is None:
        raise _bad_transform("dtype", "it says no dtype")
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
    axes = [*(turned if spec.get("axes") is None else spec["axes"])]
    if sorted(axes) != turned[::-1]:
        raise _bad_transform("transpose", f"{axes} are not the axes of the array")
    after = space._replace(shape=tuple(shape[axis] for axis in axes))
    if axes == turned:  # the same memory, in the other order
        other = "row" if space.order == "column" else "column"
        return _Step(lambda array: array.transpose(), after._replace(order=other), True)
    return _Step(lambda array: array.transpose(axes), after)


def _finite(kind: str, spec: Mapping[str, Any], key: str, default: float) -> float:
    value = spec.get(key)
    value = default if value is None else float(value)
    if not math.isfinite(value):
        raise _bad_transform(kind, f"{value} is no finite number")
    return value


def _scale_step(spec: Mapping[str, Any], space: Space) -> _Step:
    _must_be_real("scale", space)
    scale, offset = _finite("scale", spec, "scale", 1), _finite("scale", spec, "offset", 0)
    fill, limits = spec.get("fill"), spec.get("range")
    fills = [] if fill is None else [*fill] if isinstance(fill, (list, tuple)) else [fill]
    after = space._replace(dtype=spec.get("dtype") or _result_dtype(space.dtype),
                           byteorder="little")

    def run(array: Any) -> Any:
        numpy = _numpy()
        packed = _numbers(array)
        with numpy.errstate(all="ignore"):
            values = packed * scale + offset
            for each in fills:
                values[packed == float(each)] = numpy.nan
            if limits is not None:
                values[~((packed >= limits[0]) & (packed <= limits[1]))] = numpy.nan
            return values.astype(after.numpy_dtype)

    return _Step(run, after)


def _pack_step(spec: Mapping[str, Any], space: Space) -> _Step:
    _must_be_real("pack", space)
    scale, offset = _finite("pack", spec, "scale", 1), _finite("pack", spec, "offset", 0)
    dtype, fill, clamps = str(spec.get("dtype")), spec.get("fill"), bool(spec.get("lossy"))
    if scale == 0:
        raise _bad_transform("pack", "a scale of 0 cannot be undone")
    bits = _INTEGER_BITS.get(dtype, 99)
    if not re.fullmatch("u?int(8|16|32)", dtype):
        raise _bad_transform("pack", f"{dtype} is no integer of up to 32 bits")
    low, high = (0 if dtype.startswith("u") else -(1 << bits)), (1 << bits) - 1
    if fill is not None and (fill != int(fill) or not low <= fill <= high):
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


def _decimate_step(spec: Mapping[str, Any], space: Space) -> _Step:
    every = _whole_numbers("decimate", space, spec.get("every"))
    after = space._replace(shape=_reduced(space, every))
    return _Step(lambda array: array[tuple(slice(None, None, each) for each in every)], after)


def _average_step(spec: Mapping[str, Any], space: Space) -> _Step:
    _must_be_real("average", space)
    block = _whole_numbers("average", space, spec.get("block"))
    skips = spec.get("nan") == "skip"
    after = space._replace(dtype=_result_dtype(space.dtype), shape=_reduced(space, block),
                           byteorder="little")

    def run(array: Any) -> Any:
        """Of each block the elements are added up as they lie in memory, so that the sum is the
        same to the last bit wherever it is made."""
        numpy = _numpy()
        values = _numbers(array)
        turned = space.order == "column"
        if turned:
            values = values.transpose()
        sizes = [min(each, size) for each, size in zip(block[::-1] if turned else block,
                                                       values.shape)]
        steps = block[::-1] if turned else block
        shape = tuple(-(-size // each) for size, each in zip(values.shape, steps))
        sums, counts = numpy.zeros(shape), numpy.zeros(shape)
        with numpy.errstate(all="ignore"):
            for place in itertools.product(*map(range, sizes)):
                some = values[tuple(slice(at, None, each) for at, each in zip(place, steps))]
                to = tuple(slice(0, size) for size in some.shape)
                there = ~numpy.isnan(some) if skips else numpy.ones(some.shape, bool)
                numpy.add(sums[to], some, out=sums[to], where=there)
                counts[to] += there
            means = (sums / counts).astype(after.numpy_dtype)
        return means.transpose() if turned else means

    return _Step(run, after)


def _field_step(spec: Mapping[str, Any], space: Space) -> _Step:
    name = spec.get("name")
    form = next((inner for each, _, inner in _form_of(space.dtype)[2] if each == name), None)
    if form is None:
        raise _bad_transform("field", f"{space.dtype} has no field \"{name}\"")
    return _Step(lambda array: array[name], space._replace(dtype=_form_text(form)))


def _struct_step(spec: Mapping[str, Any], space: Space) -> _Step:
    """Items of bytes into one array a field, or back."""
    kind, shape = spec["kind"], space.shape or ()
    fields = [(each["offset"], each["size"]) for each in spec.get("fields") or ()]
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
    kind, size = spec["kind"], spec.get("itemSize")
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= _ITEM_MAX:
        raise _bad_transform(kind, f"items have 1 to {_ITEM_MAX} bytes, not {size}")

    def run(array: Any) -> Any:
        numpy = _numpy()
        raw = numpy.frombuffer(_in_memory(array, space).tobytes(), "u1")
        end = len(raw) // size * size
        rows = (-1, size) if kind == "shuffle" else (size, end // size)
        found = numpy.concatenate([raw[:end].reshape(rows).transpose().ravel(), raw[end:]])
        return _array_of(found.data, space)

    return _Step(run, space)


def _bitround_step(spec: Mapping[str, Any], space: Space) -> _Step:
    if space.dtype not in ("float32", "float64"):
        raise _bad_transform("bitround", f"elements of type {space.dtype} are not float32 or "
                             "float64")
    given = [key for key in ("bits", "absolute", "relative") if spec.get(key) is not None]
    value = spec[given[0]] if len(given) == 1 else -1
    if not (0 <= value < math.inf) or (given[0] == "bits" and not isinstance(value, int)):
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


_STEPS: Dict[str, Callable[[Mapping[str, Any], Space], _Step]] = {
    "dtype": _dtype_step, "transpose": _transpose_step, "scale": _scale_step, "pack": _pack_step,
    "decimate": _decimate_step, "average": _average_step, "field": _field_step,
    "soa": _struct_step, "aos": _struct_step, "shuffle": _shuffle_step,
    "unshuffle": _shuffle_step, "bitround": _bitround_step}
_ELSEWHERE = ("units", "compress", "decompress", "expression", "wasm")  # not in this client


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
            chain.append({"kind": "dtype", "dtype": name, "lossy": self.lossy})
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
    if not how.unpack:
        return attributes
    return {key: value for key, value in attributes.items() if key not in _PACKING}


def _shaped(one: "Delivered", how: _Shaping, own: bool) -> "Delivered":
    """What was delivered, as it should come; what it was is disposed of."""
    try:
        chain = how.chain(one.space, one.attributes)
        steps, space = _planned(chain, one.space)
        data = _transformed(one.raw, steps)
        told = {"space": space, "attributes": _but_packing(one.attributes, how),
                "version": one.version}
        if how.into is not None:
            data = _put_into(one.name, data, space, how.into)
        elif data is one.raw:
            handle, one._handle = one._handle, None
            return Delivered(one._pool, one.name, data, told, handle)
        elif not own:
            data = data.toreadonly()
        return Delivered(one._pool, one.name, data, told, None)
    finally:
        one.dispose()


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


# ---- What callers see ---------------------------------------------------------------------------

def _ms(timeout: Optional[float]) -> int:
    """A deadline on the wire: 0 is the pool's default, 2^32-1 never."""
    if timeout is None or timeout == NEVER:
        return 0 if timeout is None else _ANY
    if not timeout >= 0:  # NaN, too
        raise ValueError(f"a timeout is a number of seconds from 0 on, not {timeout}")
    return max(1, min(math.ceil(timeout * 1000), _ANY - 1))


def _until(timeout: Optional[float]) -> float:
    return time.monotonic() + (_DEFAULT_S if timeout is None else timeout)


def _left(until: float) -> float:
    """Seconds that are left, for a part of what has a deadline."""
    return max(0.001, until - time.monotonic())


def _said(**fields: Any) -> Dict[str, Any]:
    """Fields of a definition: what is left out is not said."""
    return {field: value for field, value in fields.items() if value is not None}


class Delivered:
    """What a demand hands over. `view` is a memoryview in the object's dtype and shape where
    memoryview knows them (not complex, not foreign byte order; column major stays flat), `raw` the
    bytes, `space`, `attributes`, `version` what the producer said. `numpy.asarray(delivered)`
    makes an array without copying. The bytes do not change until `dispose()`; after it they may,
    and views kept beyond are at their holder's risk. With `own=True` the memory is the caller's."""

    def __init__(self, pool: "Pool", name: str, raw: memoryview, found: Mapping[str, Any],
                 handle: Optional[int]) -> None:
        self._pool, self._handle, self._gone, self.name = pool, handle, False, name
        self._raw, self._view = raw, _typed(raw, found["space"])
        self.space: Space = found["space"]
        self.attributes: Dict[str, Any] = found["attributes"]
        self.version: int = found["version"]

    def _alive(self, view: memoryview) -> memoryview:
        if self._gone:
            raise AttaccaError("wrong-state", f"Cannot use \"{self.name}\": it is disposed")
        return view

    @property
    def view(self) -> memoryview:
        return self._alive(self._view)

    @property
    def raw(self) -> memoryview:
        return self._alive(self._raw)

    @property
    def nbytes(self) -> int:
        return len(self._raw)

    @property
    def __array_interface__(self) -> Dict[str, Any]:
        if self.space.dtype is not None and self.space.dtype.startswith("{"):
            raise AttributeError("gaps between fields have no place in it: see __array__")
        shape, strides = tuple(n or 0 for n in self.space.shape or ()), None
        if self.space.order == "column":
            strides = tuple(itertools.accumulate(
                (self.space.itemsize,) + shape, operator.mul))[:len(shape)]
        return {"version": 3, "shape": shape, "typestr": self.space.typestr, "strides": strides,
                "data": self.raw}

    def __array__(self, dtype: Any = None, copy: Optional[bool] = None) -> Any:
        """Structs as an array of numpy, with their fields, over the same memory."""
        numpy = importlib.import_module("numpy")
        array = numpy.ndarray(tuple(n or 0 for n in self.space.shape or ()), self.space.numpy_dtype,
                              self.raw, order="F" if self.space.order == "column" else "C")
        if dtype is None or numpy.dtype(dtype) == array.dtype:
            return array.copy() if copy else array
        if copy is False:
            raise ValueError("another dtype needs a copy")
        return array.astype(dtype)

    def __bytes__(self) -> bytes:
        return bytes(self.raw)

    def dispose(self) -> None:
        """Ends the lease on the bytes. Idempotent."""
        handle, self._handle, self._gone = self._handle, None, True
        if handle is not None:
            self._pool._dispose(handle)

    def __enter__(self) -> "Delivered":
        return self

    def __exit__(self, *_: Any) -> None:
        self.dispose()

    def __del__(self) -> None:
        if getattr(self, "_handle", None) is not None and not self._pool._left:
            # Not disposed of here: a view may still be in use. The lease lasts until leave.
            warnings.warn(f"{self.name!r} was demanded and never disposed", ResourceWarning)


class Requirement:
    """An open require, made by `Pool.require`. `demand` once, or `retract`."""

    def __init__(self, pool: "Pool", name: str, handle: int, policy: int, region: Any) -> None:
        self.name, self._pool, self._handle, self._policy = name, pool, handle, policy
        self._region = region
        self._open = True
        self._late: Optional[Dict[str, Any]] = None
        pool._requires[handle] = self

    def demand(self, timeout: Optional[float] = None, own: bool = False, *,
               transforms: Sequence[Mapping[str, Any]] = (), unpack: bool = False,
               order: Optional[str] = None, dtype: Any = None, byteorder: Optional[str] = None,
               lossy: bool = False, into: Any = None) -> Delivered:
        """Waits for the object and hands it over, as `Pool.demand`. After `deadline-passed` or an
        interrupt the require is still open and may be demanded again; any other failure ends it."""
        if not self._open:
            raise AttaccaError("wrong-state", f"Cannot demand \"{self.name}\": the require ended")
        how = _Shaping(transforms, unpack, order, dtype, byteorder, lossy, into)
        how.check()
        pool, until = self._pool, _until(timeout)
        try:
            if self._late is None:  # else it came when an interrupt had ended the last demand
                answers = pool._session.run(
                    [_message("DEMAND", handle=self._handle, deadline=_ms(timeout), mode=int(own),
                              policy=self._policy, want=1)], timeout, self._keep)
                self._late = _result(answers[0], "DELIVER")
            taken = pool._take(self.name, self._late, own, until, self._region)
        except AttaccaError as error:
            if error.code not in ("deadline-passed", "cancelled"):
                self.retract()
            raise
        self._open = False
        pool._requires.pop(self._handle, None)
        return _shaped(pool._hand(self.name, self._handle, self._late, *taken), how, own)

    def _keep(self, _: int, code: int, body: bytes) -> None:
        if code == _DELIVER:
            self._late = _decode(_MESSAGES[code], body)

    def retract(self) -> None:
        """Takes the require back."""
        if self._open:
            self._open = False
            self._pool._requires.pop(self._handle, None)
            self._pool._abandon(self._handle, self._late)

    def __enter__(self) -> "Requirement":
        return self

    def __exit__(self, *_: Any) -> None:
        self.retract()


class Offer(NamedTuple):
    """An offer that stands."""

    pool: "Pool"
    name: str
    space: Space

    def withdraw(self, timeout: Optional[float] = None) -> None:
        """As `Pool.withdraw`."""
        self.pool.withdraw(self.name, timeout)


class Promise(NamedTuple):
    """What this member says it will offer. Close it when all of it is offered."""

    pool: "Pool"
    pattern: str
    number: int

    def close(self) -> None:
        """Idempotent."""
        if self.pool._promises.pop(self.number, None) is not None:
            self.pool._ask("CLOSE", "OK", promise=self.number)

    def __enter__(self) -> "Promise":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


if TYPE_CHECKING:
    _Moving = concurrent.futures.Future[Optional[AttaccaError]]  # what it has failed with


class RegionLock:
    """A region of an open object that this member holds; made by `OpenObject.lock`, given back by
    `release`, or at the end of a `with` block."""

    def __init__(self, field: "OpenObject", mode: str, region: Any, wanted: Mapping[str, Any],
                 number: int) -> None:
        self.mode, self.region, self._field, self._number = mode, region, field, number
        self._wanted, self._held = wanted, True

    def release(self, timeout: Optional[float] = None) -> None:
        """Writes what buffers are mapped to of the region, if it is locked for writing, and gives
        it back: others get it, and see what was written under it, as the consistency says.
        Transfers that were started come first. Idempotent."""
        if not self._held or self._field._ended:
            return
        self._held, until = False, _until(timeout)
        try:
            self._field._settle(until)
            if self.mode == "write":
                self._field._publish(self._wanted, until)
        finally:
            self._field._ask("UNLOCK", _left(until), lock=self._number)

    def __enter__(self) -> "RegionLock":
        return self

    def __exit__(self, *_: Any) -> None:
        self.release()


class MappedRegion:
    """Memory of the program that stands for a region of an open object; made by `OpenObject.map`,
    ended by `unmap`, or at the end of a `with` block: nothing is written by that."""

    def __init__(self, field: "OpenObject", wanted: Mapping[str, Any], raw: memoryview,
                 space: Space, lossy: bool) -> None:
        self._field, self._wanted, self._raw = field, wanted, raw
        self._space, self._lossy = space, lossy
        field._mapped.append(self)

    def unmap(self) -> None:
        """The buffer stands for nothing any more. Idempotent."""
        if self in self._field._mapped:
            self._field._mapped.remove(self)

    def __enter__(self) -> "MappedRegion":
        return self

    def __exit__(self, *_: Any) -> None:
        self.unmap()


class RegionTransfer:
    """A transfer of a region between an open object and a buffer; made by `OpenObject.transfer`.
    It is started, looked at by `status`, waited for, and closed. From start to the end of `wait`
    the buffer belongs to it, while the program computes on.

        rows = [field.transfer("write", row, data[row]) for row in mine]
        attacca.RegionTransfer.start_all(rows)
        compute()
        attacca.RegionTransfer.wait_all(rows, timeout=30)
    """

    def __init__(self, field: "OpenObject", mode: str, wanted: Dict[str, Any], raw: memoryview,
                 space: Space, lossy: bool) -> None:
        self.mode, self._field, self._wanted, self._raw = mode, field, wanted, raw
        self._how = mode, space, lossy
        self._moving: Optional[_Moving] = None
        self._closed = False

    @property
    def status(self) -> str:
        """"created", "started", "done", "failed" (`wait` says why), or "closed"."""
        moving = self._moving
        if self._closed:
            return "closed"
        if moving is None:
            return "created"
        if not moving.done():
            return "started"
        return "done" if moving.result() is None else "failed"

    def start(self) -> None:
        """Begins it; legal once: `wrong-state`."""
        self.start_all([self])

    def wait(self, timeout: Optional[float] = None) -> None:
        """Until it is done: the buffer is the caller's again. Raises what it has failed with, and
        `deadline-passed` while it goes on."""
        self.wait_all([self], timeout)

    def close(self, timeout: Optional[float] = None) -> None:
        """Ends its use; one that was started goes on to its end, which is waited for. Idempotent."""
        if self._moving is not None and not self._closed:
            _ended([self._moving], _until(timeout))
        self._closed = True

    @staticmethod
    def start_all(transfers: "Sequence[RegionTransfer]") -> None:
        """Starts many: those of one object, in one direction and of one dtype, go together."""
        for each in transfers:
            if each.status != "created":
                raise AttaccaError("wrong-state", f"Cannot start the transfer of "
                                   f"\"{each._field.name}\": it is {each.status}",
                                   {"name": each._field.name})
        groups: Dict[Any, List[RegionTransfer]] = {}
        for each in transfers:
            groups.setdefault((id(each._field), *each._how), []).append(each)
        for some in groups.values():
            moving = some[0]._field._begin(some)
            for each in some:
                each._moving = moving

    @staticmethod
    def wait_all(transfers: "Sequence[RegionTransfer]", timeout: Optional[float] = None) -> None:
        """Waits for all of them; raises what the first has failed with, when all are over."""
        until = _until(timeout)
        for each in transfers:
            if each._moving is None or each._closed:
                raise AttaccaError("wrong-state", f"Cannot wait for the transfer of "
                                   f"\"{each._field.name}\": it is {each.status}",
                                   {"name": each._field.name})
        _ended([each._moving for each in transfers if each._moving is not None], until)
        for each in transfers:
            failed = each._moving and each._moving.result()
            if failed:
                raise failed.again()

    def __enter__(self) -> "RegionTransfer":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


def _ended(moving: Sequence[_Moving], until: float) -> None:
    """Waits until all are over, however."""
    left = until - time.monotonic()
    rest = concurrent.futures.wait(moving, None if left == math.inf else left).not_done
    if rest:
        raise AttaccaError("deadline-passed", f"Cannot wait longer: {len(rest)} transfers go on")


def _common(one: Sequence[int], other: Sequence[int]) -> Sequence[int]:
    """The indices that two ascending lists of them have in common."""
    if isinstance(one, range) and isinstance(other, range) and one.step == other.step == 1:
        return range(max(one.start, other.start), max(one.start, other.start,
                                                      min(one.stop, other.stop)))
    there = set(other)
    return [index for index in one if index in there]


class OpenObject:
    """An object that members write to and read by regions, until it is sealed; made by
    `Pool.create` and `Pool.open`. `docs/open-objects.md` says when what is written is visible.

        with pool.open("field") as field:
            with field.lock("write", numpy.s_[2:4]):
                field.write(numpy.s_[2:4], rows)

    The end of the block closes it; one that an exception leaves drops what is not committed, of an
    object that another member has created."""

    def __init__(self, pool: "Pool", name: str, handle: int, opened: Mapping[str, Any],
                 own: bool, keep: bool) -> None:
        self.name, self._pool, self._handle, self._own, self._keep = name, pool, handle, own, keep
        self.space: Space = opened["space"]
        self.attributes: Dict[str, Any] = opened["attributes"]
        self.version: int = opened["version"]
        self.consistency = _CONSISTENCIES[opened["consistency"]]
        self._locks = itertools.count()
        self._mapped: List[MappedRegion] = []
        self._worker: Optional[concurrent.futures.ThreadPoolExecutor] = None
        self._moving: List[_Moving] = []
        self._ended = False

    def write(self, region: Any, data: Any, *, dtype: Any = None, order: Optional[str] = None,
              lossy: bool = False, timeout: Optional[float] = None) -> None:
        """Writes `data`, any buffer, to a region, as numpy would index it. Returns when the pool
        has it: with "posix" when every member sees it. bytes and bytearrays lie as the object does,
        without `dtype`; elements of another dtype are converted, if no values are lost, or with
        `lossy`."""
        self.write_many([(region, data)], dtype=dtype, order=order, lossy=lossy, timeout=timeout)

    def write_many(self, pairs: Any, *, dtype: Any = None, order: Optional[str] = None,
                   lossy: bool = False, timeout: Optional[float] = None) -> None:
        """Writes many regions, of pairs of a region and its data. Small ones go together, in few
        large pieces. Not all or nothing: an error says which was refused, not what was written."""
        self._put_many((self._given(region, data, dtype, order) for region, data in pairs), lossy,
                       _until(timeout))

    def _put_many(self, given_pairs: Any, lossy: bool, until: float) -> None:
        """Of triples of a region, its bytes, and how they lie."""
        regions: List[Dict[str, Any]] = []
        parts: List[memoryview] = []
        size, last = 0, Space()
        for wanted, raw, given in given_pairs:
            for piece, part in _pieces(wanted, raw, given.itemsize, given.order):
                full = size + len(part) > _GATHER_MAX or len(regions) == _REGIONS_MAX
                if regions and (full or given != last):
                    self._send(regions, parts, last, lossy, until)
                    regions, parts, size = [], [], 0
                last = given
                regions.append(piece)
                parts.append(part)
                size += len(part)
        if regions:
            self._send(regions, parts, last, lossy, until)

    def read(self, region: Any = ..., *, dtype: Any = None, order: Optional[str] = None,
             lossy: bool = False, timeout: Optional[float] = None) -> Delivered:
        """A copy of a region: what is visible to this member, and what it has written itself. No
        write of up to 64 MiB is seen in part in as much."""
        return self.read_many([region], dtype=dtype, order=order, lossy=lossy, timeout=timeout)[0]

    def read_many(self, regions: Sequence[Any], *, dtype: Any = None, order: Optional[str] = None,
                  lossy: bool = False, timeout: Optional[float] = None) -> List[Delivered]:
        """Copies of many regions; small ones come together, in few large pieces."""
        until, space = _until(timeout), self._as(dtype, order)
        selected = [_select(region, self._shape()) for region in regions]
        raws = self._fetch_many([wanted for wanted, _ in selected], space, lossy, until)
        return [Delivered(self._pool, self.name, raw, {
            "space": space._replace(shape=counts), "attributes": self.attributes,
            "version": self.version}, None) for raw, (_, counts) in zip(raws, selected)]

    def _fetch_many(self, selected: Sequence[Dict[str, Any]], space: Space, lossy: bool,
                    until: float) -> List[memoryview]:
        found: List[memoryview] = []
        while len(found) < len(selected):
            first, size = len(found), 0
            sizes: List[int] = []
            for wanted in selected[first:first + _REGIONS_MAX]:
                sizes.append(_count(wanted) * space.itemsize)
                size += sizes[-1]
                if size > _GATHER_MAX and len(sizes) > 1:
                    size -= sizes.pop()
                    break
            raw = self._fetch([*selected[first:first + len(sizes)]], size, space, lossy, until)
            at = 0
            for length in sizes:
                found.append(raw[at:at + length])
                at += length
        return found

    def transfer(self, mode: str, region: Any, buffer: Any, *, dtype: Any = None,
                 order: Optional[str] = None, lossy: bool = False) -> RegionTransfer:
        """A transfer that is not started yet: "write" of a buffer to a region, or "read" of a
        region into a writable one. The buffer has exactly the elements of the region; what it is
        of itself, or `dtype` and `order`, say how they lie. Those that are started one after the
        other are done so; `write` and `read` of the caller's thread do not wait for them, while
        `commit`, `seal`, `close` and the release of a lock do."""
        if mode not in ("read", "write"):
            raise ValueError(f'a transfer is to "read" or to "write", not {mode!r}')
        wanted, raw, space = self._given(region, buffer, dtype, order, mode == "read")
        return RegionTransfer(self, mode, wanted, raw, space, lossy)

    def map(self, buffer: Any, region: Any = ..., *, dtype: Any = None,
            order: Optional[str] = None, lossy: bool = False) -> MappedRegion:
        """Lets a writable buffer stand for a region: a read lock fills what it locks of it before
        `lock` returns; the release of a write lock writes that, and with "commit" commits. What
        would lose values is `lossy-conversion`, unless `lossy`."""
        wanted, raw, space = self._given(region, buffer, dtype, order, True)
        one, other = _form_of(space.dtype), _form_of(self.space.dtype)
        if not _is_convertible(one, other):
            raise AttaccaError("bad-space", f"Cannot map \"{self.name}\" as {space.dtype}: it "
                               f"cannot become {self.space.dtype}", {"name": self.name})
        if not lossy and not _is_lossless(one, other):
            raise AttaccaError("lossy-conversion", f"Cannot map \"{self.name}\" as {space.dtype}: "
                               f"not all its values are values of {self.space.dtype}",
                               {"name": self.name, "from": space.dtype, "to": self.space.dtype})
        return MappedRegion(self, wanted, raw, space, lossy)

    def lock(self, mode: str, region: Any = ..., *, block: bool = True,
             timeout: Optional[float] = None) -> RegionLock:
        """Locks a region against other members: mode "write" against all of their locks, "read"
        against their write locks. Waits in its turn; with `block=False` it fails at once with
        `lock-conflict`, which says who holds the region, as `deadline-passed` does. A lock keeps
        nobody from writing who does not ask for one."""
        if mode not in ("read", "write"):
            raise ValueError(f'a lock is for "read" or "write", not {mode!r}')
        self._must("lock")
        number = next(self._locks)

        def late(_: int, code: int, __: bytes) -> None:  # granted when nobody waits any more
            if code == _OK:
                unlock = _message("UNLOCK", handle=self._handle, lock=number)
                self._pool._session.post([unlock])

        wanted = _select(region, self._shape())[0]
        message = _message("LOCK", handle=self._handle, lock=number, mode=int(mode == "write"),
                           block=int(block), deadline=_ms(timeout) if block else 0, region=wanted)
        until = _until(timeout)
        _result(self._pool._session.run([message], timeout, late)[0], "OK")
        lock = RegionLock(self, mode, region, wanted, number)
        if mode == "read" and self._mapped:
            try:
                self._refresh(wanted, until)
            except BaseException:
                lock.release()
                raise
        return lock

    def commit(self, timeout: Optional[float] = None) -> None:
        """Has all that this member has written visible to others when it returns."""
        self._must("commit")
        until = _until(timeout)
        self._settle(until)
        self._ask("COMMIT", _left(until), closes=0)

    def seal(self, timeout: Optional[float] = None) -> None:
        """Offers the object as it is: it does not change any more, and who has required it is
        served. Refused while others hold locks (`lock-conflict`) or have not committed
        (`wrong-state`)."""
        self._must("seal")
        until = _until(timeout)
        self._settle(until)
        self._ask("SEAL", _left(until))
        self._end()

    def close(self, timeout: Optional[float] = None) -> None:
        """Commits, and takes part no longer. What this member has created stays open for others
        until it withdraws it or leaves; with `keep` beyond that. Idempotent."""
        if self._ended:
            return
        until = _until(timeout)
        self._settle(until)
        self._ask("COMMIT", _left(until), closes=1)
        if not self._own:
            self._over()
            self._pool._free_handles.append(self._handle)  # the pool has freed it with the commit
        else:
            self._end()

    def withdraw(self, timeout: Optional[float] = None) -> None:
        """Ends what this member has created, as `Pool.withdraw`: unsealed it is over."""
        self._pool.withdraw(self.name, timeout)
        self._over()

    def __enter__(self) -> "OpenObject":
        return self

    def __exit__(self, kind: Any, *_: Any) -> None:
        if kind is None:
            self.close()
        elif not self._ended and not self._own:
            self._end()

    # Inside.

    def _end(self) -> None:
        """The handle goes, but for that of an object that this member's leaving ends."""
        self._over()
        if self._keep:
            handles = self._pool._offers.get(self.name, [])
            if self._handle in handles:
                handles.remove(self._handle)
            if not handles:
                self._pool._offers.pop(self.name, None)
        if not self._own or self._keep:
            self._pool._dispose(self._handle)

    def _over(self) -> None:
        self._ended, worker = True, self._worker
        self._mapped.clear()
        if worker is not None:
            worker.shutdown(wait=False)

    def _begin(self, transfers: Sequence[RegionTransfer]) -> _Moving:
        """Transfers in one direction, of elements that lie alike, behind those of before."""
        self._must(f"{transfers[0].mode} regions of")
        if self._worker is None:
            self._worker = concurrent.futures.ThreadPoolExecutor(1, "attacca-transfer")
        mode, space, lossy = transfers[0]._how

        moving = self._worker.submit(self._move, mode, space, lossy, [*transfers])
        self._moving = [each for each in self._moving if not each.done()] + [moving]
        return moving

    def _move(self, mode: str, space: Space, lossy: bool,
              transfers: List[RegionTransfer]) -> Optional[AttaccaError]:
        """On the thread of transfers. A failure is returned: raised it would keep all frames, and
        their views, in a ring."""
        until = _until(None)
        try:
            if mode == "write":
                self._put_many(((each._wanted, each._raw, space) for each in transfers), lossy,
                               until)
                return None
            raws = self._fetch_many([each._wanted for each in transfers], space, lossy, until)
            for each, raw in zip(transfers, raws):
                _copy(each._raw, raw)
            return None
        except AttaccaError as error:
            return error.again()
        except Exception as error:
            return AttaccaError("internal", f"Cannot {mode} regions of \"{self.name}\": {error!r}")

    def _settle(self, until: float) -> None:
        """Until all transfers that were started are over."""
        if self._moving:
            _ended(self._moving, until)
            self._moving = []

    def _mapped_in(self, wanted: Mapping[str, Any]) -> Iterator[
            Tuple[MappedRegion, Dict[str, Any], _Axes, _Axes]]:
        """What each mapped buffer has of a region: the region, its axes, those of the buffer."""
        shape = self._shape()
        for mapped in [*self._mapped]:
            for axes in _boxes(wanted, shape):
                for own in _boxes(mapped._wanted, shape):
                    both = [_common(one, other) for one, other in zip(own, axes)]
                    if all(both) or not both:
                        runs = [_axis([*axis], size) for axis, size in zip(both, shape)]
                        region = {"dimensions": len(shape), "boxes": [runs], "points": []}
                        yield mapped, region, both, own

    def _publish(self, wanted: Mapping[str, Any], until: float) -> None:
        """Writes what buffers are mapped to of a region."""
        given: List[Tuple[bool, Dict[str, Any], memoryview, Space]] = []
        for mapped, region, axes, own in self._mapped_in(wanted):
            space = mapped._space
            part = memoryview(bytearray(math.prod(map(len, axes)) * space.itemsize))
            _copy_box(part, axes, mapped._raw, own, space.itemsize, space.order)
            given.append((mapped._lossy, region, part, space))
        for lossy, region, part, space in given:
            self._put_many([(region, part, space)], lossy, until)
        if given and self.consistency == "commit":
            self._ask("COMMIT", _left(until), closes=0)

    def _refresh(self, wanted: Mapping[str, Any], until: float) -> None:
        """Fills what buffers are mapped to of a region."""
        for mapped, region, axes, own in self._mapped_in(wanted):
            space = mapped._space
            [raw] = self._fetch_many([region], space, mapped._lossy, until)
            _copy_box(mapped._raw, own, raw, axes, space.itemsize, space.order)

    def _must(self, action: str) -> None:
        if self._ended:
            raise AttaccaError("wrong-state", f"Cannot {action} \"{self.name}\": it is closed, or "
                               "sealed", {"name": self.name})

    def _ask(self, name: str, timeout: Optional[float], **fields: Any) -> None:
        self._pool._ask(name, "OK", timeout, handle=self._handle, **fields)

    def _shape(self) -> Tuple[int, ...]:
        return tuple(size or 0 for size in self.space.shape or ())

    def _as(self, dtype: Any, order: Optional[str]) -> Space:
        """How elements lie, where it is not as the object says."""
        name, byteorder = _dtype(dtype)
        same = name in (None, self.space.dtype)
        return Space(name or self.space.dtype, None, order or self.space.order,
                     byteorder or (self.space.byteorder if same else sys.byteorder))

    def _given(self, region: Any, data: Any, dtype: Any, order: Optional[str],
               fills: bool = False) -> Tuple[Dict[str, Any], memoryview, Space]:
        """The region, its bytes, and how they lie; with `fills` they are to be written to."""
        self._must("use")
        if fills:
            _target(data)
        wanted, counts = _select(region, self._shape())
        if isinstance(data, (bytes, bytearray)):
            raw, space = memoryview(data), self._as(dtype, order)
        else:
            raw, own = _describe(data, dtype, None, order)
            flat = len(own.shape or ()) < 2
            lies = order or (self.space.order if flat else own.order)
            space = Space(own.dtype, None, lies, own.byteorder)
            if len(own.shape or ()) > 1 and [*filter((1).__ne__, own.shape or ())] != [
                    *filter((1).__ne__, counts)]:
                raise AttaccaError("size-mismatch", f"Cannot write to \"{self.name}\": the region "
                                   f"has shape {counts}, the array {own.shape}",
                                   {"name": self.name})
        size = _count(wanted) * space.itemsize
        if len(raw) != size:
            raise AttaccaError("size-mismatch", f"Cannot write to \"{self.name}\": the region "
                               f"holds {size} bytes, the array has {len(raw)}",
                               {"name": self.name, "spaceBytes": size, "payloadBytes": len(raw)})
        return wanted, raw, space

    def _unlike(self, space: Space) -> Space:
        """What of it is not as the object has it."""
        return Space() if space == self.space._replace(shape=None) else space

    def _send(self, regions: List[Dict[str, Any]], parts: List[memoryview], space: Space,
              lossy: bool, until: float) -> None:
        pool, size = self._pool, sum(map(len, parts))
        fields = {"handle": self._handle, "as": self._unlike(space), "lossy": int(lossy),
                  "regions": regions}
        if size <= pool._inline_max:
            message = _message("WRITE_REGIONS", source=1, payload=b"".join(parts), **fields)
            _result(pool._session.run([message], until - time.monotonic())[0], "OK")
            return
        slot = self._slot(size, until)

        def late(_: int, code: int, __: bytes) -> None:  # what is refused is still leased
            if code == _FAIL:
                pool._leases.give(*slot)

        try:
            raw = parts[0] if len(parts) == 1 else memoryview(b"".join(parts))
            pool._write(slot[0], slot[1], raw, until)
            message = _message("WRITE_REGIONS", source=2, slab=slot[0], offset=slot[1], size=size,
                               **fields)
        except BaseException:  # a WRITE may be under way: no slice for us again
            pool._return(slot)
            raise
        answer = pool._session.run([message], until - time.monotonic(), late)[0] or (0, b"")
        late(0, *answer)
        _result(answer, "OK")

    def _fetch(self, regions: List[Dict[str, Any]], size: int, space: Space, lossy: bool,
               until: float) -> memoryview:
        self._must("read")
        pool = self._pool
        if size == 0:
            return memoryview(bytearray())
        target = memoryview(bytearray(size))
        pieces = [*_pieces(regions[0], target, space.itemsize, space.order)]
        if len(pieces) > 1:
            for piece, part in pieces:
                _copy(part, self._fetch([piece], len(part), space, lossy, until))
            return target
        slot = self._slot(size, until)

        def late(*_: Any) -> None:
            pool._leases.give(*slot)

        try:
            message = _message("READ_REGIONS", handle=self._handle, lossy=int(lossy), source=2,
                               regions=regions, slab=slot[0], offset=slot[1], size=size,
                               **{"as": self._unlike(space)})
        except BaseException:
            late()
            raise
        answer = pool._session.run([message], until - time.monotonic(), late)[0]
        try:
            _result(answer, "OK")
            view = pool._map(slot[0], slot[1], size, False)
            if view is None:
                return memoryview(pool._link.read(slot[0], slot[1], size, until))
            _copy(target, view)
            return target
        finally:
            late()

    def _slot(self, size: int, until: float) -> Tuple[int, int, int]:
        pool = self._pool
        return pool._leases.take(size) or pool._lease(size, self._handle, [], until)


# ---- Cubes: docs/cubes.md ----------------------------------------------------------------------

def _label(value: Any, sample: Any = None) -> Any:
    """A label as the pool has it; a text stands for a moment where the labels are some."""
    if hasattr(value, "item") and not isinstance(value, (int, float)):  # a scalar of numpy
        value = value.item()
    if isinstance(sample, Timestamp) and isinstance(value, str):
        value = datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
        if value.tzinfo is None:
            value = value.replace(tzinfo=datetime.timezone.utc)
    if isinstance(value, datetime.datetime):
        return Timestamp((value - _EPOCH) // datetime.timedelta(microseconds=1) * 1000)
    if not isinstance(value, (bool, int, float, str, bytes)):
        raise AttaccaError("bad-region", f"Cannot use {value!r} as a label: numbers, timestamps, "
                           "texts, bytes, false and true are some")
    return value


def _label_text(label: Any) -> str:
    if isinstance(label, bool):
        return str(label).lower()
    if isinstance(label, Timestamp):
        return f"{label.datetime():%Y-%m-%dT%H:%M:%SZ}"
    return json.dumps(label, ensure_ascii=False) if isinstance(label, str) else str(label)


_Picked = List[Tuple[Any, int]]  # labels, and where each stands; -1: it is not there
_LABEL_KINDS = ("numbers", "timestamps", "texts", "bytes", "false and true")  # by `_order`


def _is_range(pick: Any) -> bool:
    return isinstance(pick, slice) or isinstance(pick, tuple) and len(pick) == 2


def _checked_pick(dimension: str, known: Sequence[Any], pick: Any) -> None:
    """Refuses labels of a type of which the dimension has none, and what is no pick."""
    kinds = {_order(label)[0] for label in known}
    sample = known[0] if known else None
    if isinstance(pick, slice):
        said = [pick.start, pick.stop, *([] if pick.step is None else [pick.step])]
    else:
        said = [*pick] if isinstance(pick, (tuple, list)) else [pick]
    for each in said:
        if each is None and _is_range(pick):
            continue
        try:
            kind = _order(_label(each, sample))[0]
        except ValueError as error:
            raise AttaccaError("bad-region", f"Cannot pick {each!r} from dimension "
                               f"\"{dimension}\": {error}") from error
        if kinds and kind not in kinds:
            has = " and ".join(_LABEL_KINDS[each] for each in sorted(kinds))
            raise AttaccaError("bad-region", f"Cannot pick {each!r} from dimension "
                               f"\"{dimension}\": its labels are {has}",
                               {"dimension": dimension})


def _checked_places(dimension: str, pick: Any) -> None:
    """Refuses what is no place, and no slice or list of some."""
    said = pick if isinstance(pick, list) else [pick]
    if isinstance(pick, slice):
        said = [each for each in (pick.start, pick.stop, pick.step) if each is not None]
    for each in said:
        if not hasattr(each, "__index__"):
            raise AttaccaError("bad-region", f"Cannot pick {each!r} from dimension "
                               f"\"{dimension}\": a place is a whole number",
                               {"dimension": dimension})


def _pick(dimension: str, known: _Picked, pick: Any) -> _Picked:
    """By labels: one; `(low, high)` or a slice, both ends among it; `(low, high, step)`, and a
    list, whose labels need not be there."""
    sample = known[0][0] if known else None
    if isinstance(pick, slice):
        pick = (pick.start, pick.stop) if pick.step is None else (pick.start, pick.stop, pick.step)
    if isinstance(pick, tuple) and len(pick) == 2:
        ends = [None if end is None else _order(_label(end, sample)) for end in pick]
        low, high = ends
        if low is not None and high is not None and low > high:
            low, high = high, low
        return [each for each in known if (low is None or _order(each[0]) >= low)
                and (high is None or _order(each[0]) <= high)]
    if isinstance(pick, tuple):
        if len(pick) != 3 or not all(isinstance(n, (int, float)) for n in pick) or not pick[2] > 0:
            raise AttaccaError("bad-region", f"Cannot pick {pick!r} from dimension "
                               f"\"{dimension}\": a range is (low, high) or (low, high, step)")
        first, last, step = pick
        count = math.floor((last - first) / step + 1e-9) + 1
        if count > _PLACES_MAX:
            raise AttaccaError("bad-region", f"Cannot pick from dimension \"{dimension}\": it has "
                               f"more than {_PLACES_MAX} labels")
        wanted = [first + at * step for at in range(max(0, count))]
    else:
        wanted = [_label(each, sample) for each in (pick if isinstance(pick, list) else [pick])]
    asked = {_order(label): label for label in wanted}
    found = [each for each in known if _order(each[0]) in asked]
    there = [_order(label) for label, _ in found]
    missing = set(asked) - set(there)
    ascends = all(one < two for one, two in zip(there, there[1:]))
    found += [(asked[key], -1) for key in sorted(missing)]
    return sorted(found, key=lambda each: _order(each[0])) if ascends and missing else found


def _pick_places(dimension: str, known: _Picked, pick: Any) -> _Picked:
    try:
        if isinstance(pick, slice):
            return known[pick]
        return [known[operator.index(at)] for at in (pick if isinstance(pick, list) else [pick])]
    except (IndexError, TypeError, ValueError) as error:
        raise AttaccaError("bad-region", f"Cannot pick {pick!r} from dimension \"{dimension}\": "
                           f"{error}, its size is {len(known)}") from error


def _named(template: str, labels: Mapping[str, Any]) -> str:
    """The name of an object by its labels: docs/schemas.md."""
    def text(found: "re.Match[str]") -> str:
        if found[0] in ("{{", "}}"):
            return found[0][0]
        key, _, form = found[1].partition(":")
        label = labels[key]
        if "%" in form:
            return f"{Timestamp(label).datetime():{form}}"
        if form:
            return f"{int(label):{form}}"
        if isinstance(label, float) and label.is_integer() and abs(label) < 1 << 53:
            label = int(label)
        return label if isinstance(label, str) else _label_text(label)
    return re.sub(r"\{\{|\}\}|\{([^{}]+)\}", text, template)


class _Member(NamedTuple):
    """An object of a cube."""

    name: str
    labels: Tuple[Any, ...]
    attributes: Dict[str, Any]
    space: Space
    complete: bool
    time: int
    partial: bool  # in parts, of which some are missing


def _other_key(one: Mapping[str, Any], model: Mapping[str, Any],
               keys: Sequence[str]) -> Optional[str]:
    """The first key of which two do not say the same, or one of them nothing."""
    return next((key for key in keys
                 if _identity(one.get(key)) != _identity(model.get(key))), None)


def _said_of(key: str, one: _Member, model: _Member) -> str:
    """How two members contradict each other."""
    has, other = one.attributes.get(key), model.attributes.get(key)
    own = f"has no \"{key}\"" if has is None else f"has \"{key}\" {has!r}"
    return f"it {own}, \"{model.name}\" " + ("none" if other is None else f"has {other!r}")


def _shared(members: Sequence[Mapping[str, Any]], but: Sequence[str]) -> Dict[str, Any]:
    """What all say alike, but for some keys and those of the pool."""
    if not members:
        return {}
    return {key: value for key, value in members[0].items()
            if key not in but and not key.startswith(".") and key != _ENCODING and all(
                _identity(each.get(key)) == _identity(value) for each in members[1:])}


def _short(labels: Any) -> str:
    """A list of coordinates, as an error says it."""
    if not isinstance(labels, list):
        return repr(labels)
    return f"{labels[:4]!r}"[:-1] + (", ...]" if len(labels) > 4 else "]")


def _place_of(member: _Member) -> Tuple[Any, ...]:
    """What to sort objects of a cube by: of one place the newest first."""
    return (*map(_order, member.labels), -member.time, member.name)


_Places = List[Tuple[Tuple[Any, ...], Optional[_Member]]]  # labels, and who stands there


class _CubeAsk(NamedTuple):
    """How a part of a cube is demanded."""

    holes: str
    fill: Any
    how: _Shaping
    wait: bool


class _Gone(Exception):
    """An object that was there has gone before it came."""


class CubeArray(Delivered):
    """A part of a cube: `dims`, `coords` by dimension (of those that have some), `shape`, `values`
    as an array of numpy; else as what is delivered. `attributes` are what all of its objects say
    alike. `holes`: how many places were filled, in part or as a whole."""

    dims: Tuple[str, ...]
    coords: Dict[str, List[Any]]
    holes: int

    @property
    def shape(self) -> Tuple[int, ...]:
        return tuple(size or 0 for size in self.space.shape or ())

    @property
    def dtype(self) -> Optional[str]:
        return self.space.dtype

    @property
    def values(self) -> Any:
        """An array of numpy over the same memory."""
        return importlib.import_module("numpy").asarray(self)

    def to_xarray(self) -> Any:
        """An `xarray.DataArray` of the same memory; timestamps become those of numpy."""
        numpy, xarray = importlib.import_module("numpy"), importlib.import_module("xarray")
        coords = {dimension: [numpy.datetime64(int(label), "ns") for label in labels]
                  if labels and isinstance(labels[0], Timestamp) else labels
                  for dimension, labels in self.coords.items()}
        return xarray.DataArray(self.values, coords=coords, dims=self.dims, name=self.name,
                                attrs=self.attributes)


class Cube:
    """Many objects as one labelled array, none of which is copied before it is demanded; made by
    `Pool.cube`. Its first dimensions are the axes, attributes of the objects; then come those of
    the objects themselves. What it says of itself is as of the last `refresh` or `demand`.

        cube = pool.cube("t850", 'param = "t"', ["number", "step"])
        with cube.demand(step=(0, 24), lat=(40, 60)) as part:
            print(part.values.mean(), part.coords["step"])
    """

    def __init__(self, pool: "Pool", name: str, definition: Mapping[str, Any]) -> None:
        told = (definition.get("tags") or {}).get("cube")
        if not isinstance(told, Mapping) or not isinstance(definition.get("selector"), str):
            raise AttaccaError("bad-argument", f"Cannot use the cube \"{name}\": the collection of "
                               "that name is no cube", {"name": name})
        self.name, self.selector, self._pool = name, definition["selector"], pool
        axes = told.get("axes")
        if not isinstance(axes, list) or not 1 <= len(axes) <= _AXES_MAX or any(
                not isinstance(axis, str) or axes.count(axis) > 1 for axis in axes):
            raise self._bad(f"it has 1 to {_AXES_MAX} axes, each once")
        keys = re.findall(r"\{\{|\}\}|\{([^{}:]+)[^{}]*\}", told.get("names") or "")
        if told.get("names") is not None and sorted(filter(None, keys)) != sorted(axes):
            raise self._bad("its names do not say each axis once, and nothing else")
        for what, known in (("misfits", ("fail", "skip")), ("duplicates", ("fail", "newest"))):
            if told.get(what, "fail") not in known:
                raise self._bad(f"{what} are \"{known[0]}\" or \"{known[1]}\"")
        self.axes: Tuple[str, ...] = tuple(axes)
        self._told, self._picks = told, []  # type: Mapping[str, Any], List[Tuple[bool, str, Any]]
        self._coords_of: Dict[str, Optional[Tuple[Any, List[Any]]]] = {}  # of objects, by name
        self._rows: Dict[str, Dict[str, Any]] = {}  # of all that is selected, as it was seen last
        self._last = 0  # when the last of them was offered
        self._members: Dict[Tuple[Any, ...], _Member] = {}
        self._labels: List[List[Any]] = [[] for _ in self.axes]
        self._model: Optional[_Member] = None
        self._inner: List[Tuple[str, int, Optional[List[Any]]]] = []
        self.misfits: List[Tuple[str, str]] = []  # names, and why: left out, as it was told

    def _bad(self, why: str, code: str = "bad-argument") -> AttaccaError:
        return AttaccaError(code, f"Cannot use the cube \"{self.name}\": {why}",
                            {"name": self.name})

    # What it is.

    @property
    def dims(self) -> Tuple[str, ...]:
        return self.axes + tuple(name for name, _, _ in self._inner)

    @property
    def shape(self) -> Tuple[int, ...]:
        return tuple(len(self._picked(dimension)) for dimension in self.dims)

    @property
    def sizes(self) -> Dict[str, int]:
        return dict(zip(self.dims, self.shape))

    @property
    def coords(self) -> Dict[str, List[Any]]:
        """Labels and coordinates by dimension; one for which none are told is not in it."""
        told = self.axes + tuple(name for name, _, known in self._inner if known is not None)
        return {each: [label for label, _ in self._picked(each)] for each in told}

    @property
    def dtype(self) -> Optional[str]:
        return None if self._model is None else self._model.space.dtype

    @property
    def objects(self) -> int:
        """How many of its places have an object."""
        if not self._picks:
            return len(self._members)
        return sum(member is not None for _, member in self._places())

    @property
    def holes(self) -> int:
        """How many have none."""
        return math.prod(len(self._picked(axis)) for axis in self.axes) - self.objects

    def sel(self, pick: Optional[Mapping[str, Any]] = None, /, **picks: Any) -> "Cube":
        """A part by labels: `6`; `(0, 24)` or `slice(0, 24)`, both ends among it, None for no end;
        `(0, 24, 6)` and lists, whose labels need not be there. No dimension goes away."""
        return self._with(False, {**(pick or {}), **picks})

    def isel(self, pick: Optional[Mapping[str, Any]] = None, /, **picks: Any) -> "Cube":
        """A part by places, as they are when it is demanded: numbers, slices, lists."""
        return self._with(True, {**(pick or {}), **picks})

    @property
    def attributes(self) -> Dict[str, Any]:
        """What all of its objects say alike: their attributes, with tags put over them."""
        return self._common([*self._members.values()])

    def _common(self, members: Sequence[_Member]) -> Dict[str, Any]:
        return _shared([each.attributes for each in members], (*self.axes, "dims", "coords"))

    def _check_pick(self, by_place: bool, dimension: str, pick: Any) -> None:
        """What can never be picked is refused at once, not when it is demanded."""
        named = self._told.get("dims")
        known = self._inner or named is not None
        dims = self.dims if self._inner else (*self.axes, *(named or ()))
        if known and dimension not in dims:
            raise self._bad(f"it has no dimension \"{dimension}\", but {', '.join(dims)}")
        if by_place:
            _checked_places(dimension, pick)
        elif dimension in self.axes:
            _checked_pick(dimension, self._labels[self.axes.index(dimension)], pick)
        else:
            coords = [coords if coords is not None else range(size)
                      for name, size, coords in self._inner if name == dimension]
            _checked_pick(dimension, coords[0] if coords else (), pick)

    def _with(self, by_place: bool, picks: Mapping[str, Any]) -> "Cube":
        for dimension, pick in picks.items():
            self._check_pick(by_place, dimension, pick)
        part = object.__new__(Cube)
        part.__dict__.update(self.__dict__)
        part._picks = self._picks + [(by_place, *each) for each in picks.items()]
        return part

    def _picked(self, dimension: str) -> _Picked:
        if dimension in self.axes:
            labels: Sequence[Any] = self._labels[self.axes.index(dimension)]
        else:
            known = [each for each in self._inner if each[0] == dimension]
            if not known:
                raise self._bad(f"it has no dimension \"{dimension}\", but {', '.join(self.dims)}")
            [(_, size, coords)] = known
            labels = range(size) if coords is None else coords
        picked = [(label, at) for at, label in enumerate(labels)]
        for by_place, of, pick in self._picks:
            if of == dimension:
                picked = (_pick_places if by_place else _pick)(dimension, picked, pick)
        return picked

    def _places(self) -> _Places:
        axes = [[label for label, _ in self._picked(axis)] for axis in self.axes]
        if math.prod(map(len, axes)) > _PLACES_MAX:
            raise self._bad(f"more than {_PLACES_MAX} places are picked", "too-large")
        return [(labels, self._members.get(tuple(map(_order, labels))))
                for labels in itertools.product(*axes)]

    # Looking what is there.

    def refresh(self, timeout: Optional[float] = None) -> "Cube":
        """Looks what is there now. `cube-misfit`, unless those are skipped."""
        until = _until(timeout)
        self._rows = self._query("", timeout)
        self._last = max((int(row.get("time") or 0) for row in self._rows.values()), default=0)
        self._see(_left(until))
        return self

    def _update(self, timeout: Optional[float]) -> None:
        """As `refresh`; asks for what was offered since, and for all when that is not all."""
        whole = all(row["state"] not in ("partial", "open") for row in self._rows.values())
        overlap = 10_000_000  # how far the pool's clock may have been set back
        if not whole or self._last <= overlap:
            self.refresh(timeout)
            return
        since = Timestamp(self._last - overlap)
        moment = f"{since.datetime():%Y-%m-%dT%H:%M:%S}.{since % 10 ** 9:09}Z"
        fresh = self._query(f" and .time >= {moment}", timeout)
        rows = {**self._rows, **fresh}
        # Counted behind: what comes between the two is seen as too many.
        if self._pool.count(f".collection = {_quoted(self.name)}", timeout=timeout) != len(rows):
            self.refresh(timeout)
            return
        changed = {name: row for name, row in fresh.items()
                   if self._rows.get(name, {}).get("time") != row.get("time")}
        added = self._add(changed)
        self._rows = rows
        self._last = max(self._last, *(int(row.get("time") or 0) for row in fresh.values()), 0)
        if not added:
            self._see(timeout)
        elif self._model is not None and self._coords_of:  # which may have come, or changed
            self._inner = self._dimensions(self._model, timeout)

    def _query(self, also: str, timeout: Optional[float]) -> Dict[str, Dict[str, Any]]:
        selector = f".collection = {_quoted(self.name)}{also}"
        return {row["name"]: row
                for row in self._pool.query(selector, detail="all", timeout=timeout)}

    def _see(self, timeout: Optional[float]) -> None:
        members: List[_Member] = []
        misfits: List[Tuple[str, str]] = []
        for row in self._rows.values():
            each = self._member(row)
            if isinstance(each, _Member):
                members.append(each)
            elif each is not None:
                misfits.append((row["name"], each))
        try:
            self._put(members, misfits, timeout)
        except BaseException:
            self._last = 0  # whoever looks again sees all of it again
            raise

    def _member(self, row: Mapping[str, Any]) -> Union[_Member, str, None]:
        """An object that a query has found, or why it has no place; None: nothing to show yet."""
        if row["state"] not in ("offered", "partial", "open"):
            return None
        attributes = {**row.get("attributes", {}), **row.get("tags", {})}
        labels = [attributes.get(axis) for axis in self.axes]
        for axis, label in zip(self.axes, labels):
            if label is None or isinstance(label, (list, dict)):
                return f"it has no \"{axis}\""
        space = Space(row.get("dtype"), tuple(row.get("shape") or ()), row.get("order"),
                      row.get("byteOrder"))
        if _ENCODING in attributes:
            told = json.loads(attributes[_ENCODING])["space"]
            space = Space(told["dtype"], tuple(told["shape"]), told["order"], told["byteOrder"])
        if space.dtype is None or row.get("shape") is None or None in (space.shape or ()):
            return "its shape is not known yet"
        return _Member(row["name"], tuple(labels), attributes, space, row["state"] == "offered",
                       int(row.get("time") or 0), row["state"] == "partial")

    def _add(self, rows: Mapping[str, Dict[str, Any]]) -> bool:
        """Adds objects that come behind all others on each axis, as steps do: what grows is not
        made anew with each. False: all is to be seen anew."""
        model, members = self._model, [self._member(row) for row in rows.values()]
        placed = [each for each in members if isinstance(each, _Member) and each.complete]
        if model is None or len(placed) < len(members) or any(name in self._rows for name in rows):
            return not rows
        placed.sort(key=_place_of)
        if any(self._differs(each.space, model) or self._contradicts(each, model)
               or _place_of(each) < _place_of(model) for each in placed):
            return False
        for member in placed:
            place = tuple(map(_order, member.labels))
            for labels, label, key in zip(self._labels, member.labels, place):
                if not labels or _order(labels[-1]) < key:
                    labels.append(label)
                elif key != _order(labels[-1]) and key not in map(_order, labels):
                    return False
            if self._members.setdefault(place, member) is not member:
                return False
        return True

    def _put(self, members: List[_Member], misfits: List[Tuple[str, str]],
             timeout: Optional[float]) -> None:
        kinds: Dict[Any, int] = {}
        for member in members:
            kinds[member.space[:2]] = kinds.get(member.space[:2], 0) + 1
        most = max(kinds.values(), default=0)
        members.sort(key=_place_of)
        model = next((each for each in members if kinds[each.space[:2]] == most), None)
        found: Dict[Tuple[Any, ...], _Member] = {}
        clashes: List[Tuple[str, str]] = []
        for member in members:  # of one place the newest first
            why = None if model is None else (
                self._differs(member.space, model) or self._contradicts(member, model))
            known = found.setdefault(tuple(map(_order, member.labels)), member) if not why else None
            if why is not None:
                misfits.append((member.name, why))
            elif known is not member and known is not None and \
                    self._told.get("duplicates", "fail") == "fail":
                clashes.append((member.name, f"\"{known.name}\" stands at its place"))
        told = clashes + (misfits if self._told.get("misfits", "fail") == "fail" else [])
        if told:
            raise self._misfit(*told[0])
        inner = self._inner if model is None else self._dimensions(model, timeout)
        said = self._told.get("labels") or {}
        for at, axis in enumerate(self.axes):
            labels = {_order(each): each for each in [*(member.labels[at] for member in
                      found.values()), *reversed(said.get(axis, []))]}
            self._labels[at] = [labels[key] for key in sorted(labels)]
        self._members, self._model, self.misfits, self._inner = found, model, misfits, inner

    def _misfit(self, name: str, why: str) -> AttaccaError:
        return AttaccaError("cube-misfit", f"Cannot use the cube \"{self.name}\": \"{name}\" has "
                            f"no place in it: {why}", {"name": name})

    @staticmethod
    def _differs(space: Space, model: _Member) -> Optional[str]:
        if space.dtype != model.space.dtype:
            return f"it is {space.dtype}, \"{model.name}\" is {model.space.dtype}"
        if space.shape != model.space.shape:
            return f"its shape is {space.shape}, that of \"{model.name}\" is {model.space.shape}"
        return None

    def _contradicts(self, member: _Member, model: _Member) -> Optional[str]:
        """How it says something else of its dimensions, or of what its numbers mean; of packing
        where such objects are left out, else a demand says so: one that unpacks may have both."""
        keys: Tuple[str, ...] = _MEANING
        if self._told.get("misfits", "fail") == "skip":
            keys += _PACKING
        if self._told.get("dims") is None:
            keys += ("dims",)
        key = _other_key(member.attributes, model.attributes, keys)
        if key is not None:
            return _said_of(key, member, model)
        own, others = member.attributes.get("coords"), model.attributes.get("coords")
        if not isinstance(own, dict) or not isinstance(others, dict):
            return None
        told = self._told.get("coords") or {}
        for dimension in own:
            if dimension in told or dimension not in others:
                continue
            one, other = own[dimension], others[dimension]
            if _identity(one) != _identity(other):
                return (f"along \"{dimension}\" it has {_short(one)}, \"{model.name}\" has "
                        f"{_short(other)}")
        return None

    def _must_agree(self, members: Sequence[_Member]) -> None:
        """Packed numbers stand side by side only where they are packed alike."""
        for member in members[1:]:
            key = _other_key(member.attributes, members[0].attributes, _PACKING)
            if key is not None:
                raise AttaccaError(
                    "cube-misfit", f"Cannot use the cube \"{self.name}\": \"{member.name}\" has "
                    f"no place in it: {_said_of(key, member, members[0])}; unpack=True makes values "
                    "of both", {"name": member.name, "other": members[0].name, "key": key})

    def _dimensions(self, model: _Member,
                    timeout: Optional[float]) -> List[Tuple[str, int, Optional[List[Any]]]]:
        until = _until(timeout)
        shape = tuple(size or 0 for size in model.space.shape or ())
        said = self._told.get("dims") or model.attributes.get("dims") or [
            f"dim_{at}" for at in range(len(shape))]
        if not isinstance(said, list) or not all(isinstance(each, str) and each for each in said):
            raise self._bad(f"the dims of \"{model.name}\" are no list of names")
        names: List[str] = said
        both = {*names, *self.axes}
        if len(names) != len(shape) or len(both) != len(names) + len(self.axes):
            raise self._bad(f"the dimensions of \"{model.name}\" are {shape}, named {names}")
        own = model.attributes.get("coords") or {}
        if not isinstance(own, dict):  # a file has no maps: its own means something else
            if not isinstance(model.attributes.get(".part-of"), str):
                raise self._bad(f"the coords of \"{model.name}\" are no map")
            own = {}
        told = {**own, **(self._told.get("coords") or {})}
        found: List[Tuple[str, int, Optional[List[Any]]]] = []
        asked: Dict[str, Optional[Tuple[Any, List[Any]]]] = {}
        same = self._model is not None and (self._model.name, self._model.time) == (
            model.name, model.time)
        for name, size in zip(names, shape):
            known = told.get(name)
            of = model.attributes.get(".part-of")
            by_name = known if isinstance(known, str) else None
            if by_name is not None:
                asked[by_name] = self._coords_in(by_name, _left(until))
            elif known is None and "dims" in model.attributes and isinstance(of, str):
                by_name = f"{of}/{name}"
                asked[by_name] = self._of_file(by_name, size, same, _left(until))
            if by_name is not None:
                coords = asked[by_name]
                known = None if coords is None else coords[1]
            if known is not None and not isinstance(known, list):
                raise self._bad(f"along \"{name}\" there is no list of labels")
            if known is not None and len(known) != size:
                raise self._bad(f"\"{name}\" has {len(known)} coordinates, its size is {size}")
            found.append((name, size, known))
        self._coords_of = asked
        return found

    def _coords_in(self, name: str, timeout: Optional[float]) -> Tuple[Any, List[Any]]:
        """Of which version they are, and the coordinates that an object has. What has gone without
        another in its place stays known."""
        stat, known = self._stat(name), self._coords_of.get(name)
        return known if stat is None and known else self._read(name, stat, timeout)

    def _of_file(self, name: str, size: int, same: bool,
                 timeout: Optional[float]) -> Optional[Tuple[Any, List[Any]]]:
        """Alike, what an imported file has for a dimension; None when it has none. What has gone
        stays known while the objects are the `same`."""
        stat = self._stat(name)
        if stat is None or stat.get("shape") != [size] or not str(stat.get("dtype")).startswith(
                ("int", "uint", "float32", "float64")):
            return self._coords_of.get(name) if same else None
        return self._read(name, stat, timeout)

    def _stat(self, name: str) -> Optional[Dict[str, Any]]:
        """What is known of an object that is offered."""
        try:
            known: Dict[str, Any] = self._pool.stat(name)
        except AttaccaError as error:
            if error.code == "unknown-object":
                return None
            raise
        return known if known["state"] == "offered" else None

    def _read(self, name: str, stat: Optional[Dict[str, Any]],
              timeout: Optional[float]) -> Tuple[Any, List[Any]]:
        of, known = (stat and (stat["version"], stat["time"])), self._coords_of.get(name)
        if known is not None and known[0] == of:
            return known
        with self._pool.demand(name, timeout) as values:
            native = _shaped(values, _Shaping((), False, None, None, sys.byteorder), False)
            with native:
                return of, native.view.tolist()

    # Demanding.

    def demand(self, pick: Optional[Mapping[str, Any]] = None, /, *, holes: str = "wait",
               fill: Any = None, unpack: bool = False, order: Optional[str] = None,
               dtype: Any = None, lossy: bool = False, into: Any = None,
               timeout: Optional[float] = None, wait: bool = False, **picks: Any) -> CubeArray:
        """All of it, or the part that `sel` would pick, as one array; what lies in one object as it
        is wanted is a view of it, and no copy. All objects are demanded at once, of each what is
        needed. `holes` are places without an object, or whose object lacks some of what is picked:
        "wait" for them (with `wait` also when nobody promises them any more), "fill" what is
        missing with `fill` (NaN, where the elements have it), or "fail" with `cube-hole`, which
        names the first. `unpack`, `order`, `dtype`, `lossy` and `into` are those of `Pool.demand`;
        with `unpack` objects may be packed differently. Errors: `cube-hole`, `cube-misfit`,
        `bad-argument` of a dimension that it has not, `bad-region` of labels, `too-large`."""
        if holes not in ("wait", "fill", "fail"):
            raise ValueError(f"holes wait, fill or fail, not {holes!r}")
        how = _Shaping((), unpack, order, dtype, None, lossy, into)
        how.check()
        ask = _CubeAsk(holes, fill, how, wait)
        return self._demanded(self.sel(pick, **picks), ask, _until(timeout))

    def _demanded(self, part: "Cube", ask: "_CubeAsk", until: float) -> CubeArray:
        needs: List[Requirement] = []
        try:
            part._until_there(ask.holes, until, ask.wait, needs)
            while True:
                try:
                    return part._gathered(ask, until)
                except _Gone:
                    continue  # it is a hole by now
        finally:
            for need in needs:
                need.retract()
            self.__dict__.update({**part.__dict__, "_picks": self._picks})

    def grow(self, axis: str, *, holes: str = "wait", fill: Any = None, unpack: bool = False,
             order: Optional[str] = None, dtype: Any = None, lossy: bool = False,
             timeout: Optional[float] = None, wait: bool = False) -> Iterator[CubeArray]:
        """One array for each label of an axis, as `demand` has them: those that are there, then each
        as it comes. Ends where its labels were listed, as by `sel(step=(0, 240, 6))`. `timeout` is
        that of each."""
        ask = _CubeAsk(holes, fill, _Shaping((), unpack, order, dtype, None, lossy), wait)
        ask.how.check()
        if axis not in self.axes:
            raise self._bad(f"\"{axis}\" is none of its axes, {', '.join(self.axes)}")
        listed = any(of == axis and not by_place and not isinstance(pick, slice)
                     and not (isinstance(pick, tuple) and len(pick) == 2)
                     for by_place, of, pick in self._picks)
        seen: Set[Any] = set()
        until = _until(timeout)
        while True:
            since = time.monotonic()
            self._update(max(0.001, until - since))
            fresh = [label for label, _ in self._picked(axis) if _order(label) not in seen]
            for label in fresh:
                seen.add(_order(label))
                # Picked as it was seen, also of picks by place.
                part = self._with(False, {})
                part._picks = [*(each for each in self._picks if each[1] != axis),
                               (False, axis, [label])]
                yield self._demanded(part, ask, _until(timeout))
                until = _until(timeout)
            if listed:
                return
            if not fresh:
                self._pause(since, until, f"nothing new has come along \"{axis}\"")

    def _pause(self, since: float, until: float, why: str) -> None:
        """Before one asks again what took so long: a tenth of the time goes into it."""
        now = time.monotonic()
        if now >= until:
            raise AttaccaError("deadline-passed", f"Cannot demand of the cube \"{self.name}\": "
                               f"{why}", {"name": self.name})
        time.sleep(min(until - now, max(0.05, min(5.0, 10 * (now - since)))))

    def _name_at(self, labels: Sequence[Any]) -> Optional[str]:
        template = self._told.get("names")
        return None if template is None else _named(template, dict(zip(self.axes, labels)))

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

    def _text(self, labels: Sequence[Any]) -> str:
        return " ".join(f"{axis}={_label_text(label)}" for axis, label in zip(self.axes, labels))

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
        members = [member for _, member in places if member is not None]
        if not how.unpack:
            self._must_agree(members)
        shared = self._common(members)
        if len(places) == 1 and not lacking and 0 not in inner and how.into is None:
            [one] = self._fetched(places, [(0, region)], ask, until)
            shared = shared or self._common([self._as_member(one)])
            one = _shaped(one, how, False)
            found = {"space": one.space._replace(shape=(*outer, *inner)), "version": 0,
                     "attributes": _but_packing(shared, how)}
            handle, one._handle = one._handle, None
            return self._told_as(CubeArray(self._pool, self.name, one.raw, found, handle), 0)
        # Of each object rows of what is asked for; then all of it as it is asked for.
        order, dtype, byteorder = how.said()
        each = _Shaping((), how.unpack, "row", dtype, byteorder or sys.byteorder, how.lossy)
        space = _planned(each.chain(model.space, model.attributes), model.space)[1]._replace(
            shape=(*outer, *inner))
        size = math.prod(inner) * space.itemsize
        data = memoryview(bytearray(len(places) * size))
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
        found: Dict[int, List[_Axes]] = {
            at: [] for at, (_, member) in enumerate(places)
            if member is not None and not member.complete}
        if 0 in map(len, axes):
            return {}
        whole: Set[int] = set()
        asked: List[Tuple[int, _Axes, int]] = [
            (at, axes, 0) for at in found if (places[at][1] or self._model).partial]  # type: ignore
        count = 0
        while asked:
            count += len(asked)
            if count > _PROBES_MAX:
                raise self._bad("its objects' parts lie in too many pieces to tell what is there; "
                                "wait for the rest", "too-large")
            lacks = self._pool._missing([
                (places[at][1].name, tuple(box)) for at, box, _ in asked], until)  # type: ignore
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
        return _Member(one.name, (), one.attributes, one.space, True, 0, False)

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
        delivered = self._demand_all([places[at] for at, _ in jobs], items, ask, until)
        try:
            for at, ((name, asked), (place, region), one) in enumerate(
                    zip(items, jobs, delivered)):
                labels, member = places[place]
                if region is not None and asked is None:
                    one = delivered[at] = self._cut(one, region)
                self._must_fit(name, labels, member, region, one, ask.how.unpack)
        except BaseException:
            for one in delivered:
                one.dispose()
            raise
        return delivered

    def _must_fit(self, name: str, labels: Tuple[Any, ...], member: Optional[_Member],
                  region: Optional[Tuple[Any, ...]], one: Delivered, unpacks: bool) -> None:
        """What has come is what was seen, or else what its name and its place ask for."""
        model = self._model
        assert model is not None
        shape = model.space.shape if region is None else tuple(map(len, region))
        came = self._as_member(one)
        why = self._differs(one.space, model._replace(space=model.space._replace(shape=shape)))
        if why is None and member is None:
            key = _other_key(one.attributes, model.attributes, () if unpacks else _PACKING)
            why = self._contradicts(came, model) or (key and _said_of(key, came, model))
        for axis, label in zip(self.axes, labels):
            if why is None and _order(one.attributes.get(axis, label)) != _order(label):
                why = f"its \"{axis}\" is not what its name says"
        if why is not None:
            raise self._misfit(name, why)

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
                 "version": one.version}
        one.dispose()
        return Delivered(self._pool, one.name, data, found, None)


class Pool:
    """One member of a pool; made by `join`. As a context manager it leaves at the end of the
    block, or, when an exception comes through, ends at once as a member that crashed does."""

    def __init__(self, name: str, address: str, info: Mapping[str, Any], transport: str,
                 timeout: Optional[float], connect_s: float) -> None:
        self._keys: Dict[str, int] = {}
        self._key_numbers, self._numbers = itertools.count(), itertools.count(1)
        self._free_handles: deque[int] = deque()
        self._offers: Dict[str, List[int]] = {}  # handles: parts have one each
        self._growing: Dict[str, Tuple[int, Space]] = {}  # handles that append, and what
        self._requires: Dict[int, Requirement] = {}
        self._promises: Dict[int, str] = {}
        self._chunk, self._left = _LEASE_FIRST, False
        self._slabs: Optional[_Slabs] = None
        self.notices: deque[Dict[str, Any]] = deque(maxlen=64)  # what the pool says unasked
        self._session = session = _session(address, self._unasked, connect_s)
        limits = session.info.get("limits", {})
        self._inline_max = min(_INLINE_MAX, limits.get("inlineBytesMax", _INLINE_MAX))
        self._leases, self._link = _Leases(limits), _DataLink(session)
        session.start()
        try:
            if transport == "socket":
                pass
            elif self._can_map(session):
                self._slabs = _Slabs(session.info["slabs"])
            elif transport:
                raise AttaccaError("mapping-unavailable", "Cannot map the pool's shared memory: it "
                                   "has none, or is on another host")
            granted = self._ask("JOIN", "WELCOME", timeout, member=1, name=name, info=info)
        except BaseException:
            session.stop()
            raise
        self.member: str = granted["name"]

    @staticmethod
    def _can_map(session: _Session) -> bool:
        """Whether the directory of the slabs is the pool's here too: the same path on another host,
        or in a container with a /dev/shm of its own, is another directory."""
        directory = session.info.get("slabs", "")
        if not directory:
            return False
        try:
            with open(os.path.join(directory, "owner.json"), encoding="utf-8") as file:
                owner = json.load(file)
            return isinstance(owner, dict) and owner.get("poolId") == session.pool
        except (OSError, ValueError):
            return False

    @property
    def transport(self) -> str:
        """How bytes travel: "shared-memory" or "socket"."""
        return "socket" if self._slabs is None else "shared-memory"

    @property
    def id(self) -> str:
        """The pool's random id."""
        return self._session.pool

    @property
    def name(self) -> str:
        """The pool's name."""
        return self._session.pool_name

    # Objects.

    def offer(self, name: str, data: Any = b"", *, dtype: Any = None, shape: Any = None,
              order: Optional[str] = None, attributes: Optional[Mapping[str, Any]] = None,
              container: Optional[str] = None, keep: bool = False, lifetime: float = 0.0,
              durability: str = "process", timeout: Optional[float] = None) -> Offer:
        """Offers a copy of `data`: any buffer, an array of numpy, what a demand delivered. Dtype,
        shape and order come from the buffer where they are not given. The offer stands until
        withdrawn or until this member leaves; with `keep` beyond that, `lifetime` seconds when
        given. `durability` is what is asked for: process, memory, fsync. Waits when memory is
        full. In a `container` (its attribute `.container`) it gets what that gives its objects."""
        if container is not None:
            attributes = {**(attributes or {}), ".container": container}
        raw, space = _describe(data, dtype, shape, order)
        return self._offer(name, raw, space, attributes, keep, lifetime, durability, timeout)

    def offer_part(self, name: str, region: Any, data: Any, *, shape: Any, dtype: Any = None,
                   order: Optional[str] = None, attributes: Optional[Mapping[str, Any]] = None,
                   container: Optional[str] = None, keep: bool = False, lifetime: float = 0.0,
                   durability: str = "process", timeout: Optional[float] = None) -> Offer:
        """Offers a copy of `data` as a region of an array of `shape`, of which other members, or
        this one, offer the rest: `region` is what numpy would write it to. Its elements lie in row
        major order, with `order="column"` in column major, as those of all parts. All say the same
        dtype, shape and order; no two parts have an element in common: `part-overlap`."""
        if container is not None:
            attributes = {**(attributes or {}), ".container": container}
        whole = (shape,) if isinstance(shape, int) else tuple(shape)
        wanted, _ = _select(region, whole)
        raw, space = _describe(data, dtype, None, None)
        if order == "row" and space.order == "column" or order == "column" and space.order == "row":
            if len(space.shape or ()) > 1:
                raise AttaccaError("bad-space", f"Cannot offer a part of \"{name}\": its elements "
                                   f"lie in {space.order} order, not in {order} order")
        space = space._replace(shape=whole, order=order or space.order)
        return self._offer(name, raw, space, attributes, keep, lifetime, durability, timeout,
                           wanted)

    def append(self, name: str, rows: Any, *, dtype: Any = None,
               attributes: Optional[Mapping[str, Any]] = None, keep: bool = False,
               lifetime: float = 0.0, durability: str = "process",
               timeout: Optional[float] = None) -> int:
        """Appends a copy of `rows`, an array, to the object `name`, behind all that are there,
        whoever appended them; returns which row of it is the first. Of the shape of `rows` all but
        the first dimension are those of the object; that is open until somebody says `finish`."""
        raw, space = _describe(rows, dtype, None, "C")
        if not space.shape:
            raise AttaccaError("bad-space", f"Cannot append to \"{name}\": that is no array")
        placed: List[int] = []
        space = space._replace(shape=(None, *space.shape[1:]))
        if name in self._growing and space != self._growing[name][1]:
            known = self._growing[name][1]
            raise AttaccaError(
                "object-mismatch",
                f"Cannot append to \"{name}\": its rows are {_rows_text(known)}, these are "
                f"{_rows_text(space)}", {"name": name})
        self._offer(name, raw, space, attributes, keep, lifetime, durability, timeout, None, placed)
        return placed[0]

    def finish(self, name: str) -> None:
        """No more rows come, of anybody: the object, to which this member has appended, has as many
        as there are, and who demands all of it has them."""
        if name not in self._growing:
            raise AttaccaError("wrong-state", f"Cannot finish \"{name}\": nothing was appended")
        handle = self._growing[name][0]
        self._ask("FINISH", "OK", handle=handle)
        del self._growing[name]
        if handle not in self._offers.get(name, []):
            self._dispose(handle)

    def _offer(self, name: str, raw: memoryview, space: Space,
               attributes: Optional[Mapping[str, Any]], keep: bool, lifetime: float,
               durability: str, timeout: Optional[float],
               region: Optional[Dict[str, Any]] = None,
               placed: Optional[List[int]] = None) -> Offer:
        until = _until(timeout)
        handle = self._growing.get(name, (None,))[0] if placed is not None else None
        declare: List[bytes] = []
        is_new = handle is None
        if handle is None:
            handle = self._handle()
            declare = [self._declare(handle, name, space, attributes)]
        kind: Dict[str, Any] = {} if region is None else {"region": region}
        message = "APPEND" if placed is not None else "OFFER_PART" if kind else "OFFER"
        done = _OK if placed is None else _VALUE
        slot: Optional[Tuple[int, int, int]] = None
        sent = False

        def late(index: int, code: int, _: bytes) -> None:  # of an OFFER, interrupted or not
            if index == len(declare) and code == done:
                if placed is not None:
                    self._growing[name] = (handle, space)
                if not keep and is_new:
                    self._offers.setdefault(name, []).append(handle)
            elif index == len(declare) and code == _FAIL and slot is not None:
                self._leases.give(*slot)

        try:
            for attempt in range(1, _STORES_MAX + 1):
                try:
                    fields: Dict[str, Any] = {"source": 1 if len(raw) else 0, "payload": raw}
                    if region is not None or placed is not None:
                        fields["source"] = 1
                    if len(raw) > self._inline_max:
                        slot = self._leases.take(len(raw))
                        if slot is None:
                            slot = self._lease(len(raw), handle, declare, until)
                            declare = []
                        self._write(slot[0], slot[1], raw, until)
                        fields = {"source": 2, "slab": slot[0], "offset": slot[1],
                                  "size": len(raw)}
                    offer = _message(message, handle=handle, scope=1 if keep else 0,
                                     durability=("process", "memory", "fsync").index(durability),
                                     lifetime=_ms(lifetime) if lifetime else 0, **kind, **fields)
                    sent = True
                    answers = self._session.run(declare + [offer], until - time.monotonic(), late)
                    late(len(declare), *(answers[-1] or (0, b"")))
                    for answer in answers[:-1]:
                        _result(answer, "OK")
                    told = _result(answers[-1], "OK" if placed is None else "VALUE")
                    if placed is not None:
                        placed.append(told["value"])
                    break
                except AttaccaError as error:
                    if slot is None or not self._is_lost(error):
                        raise
                    if attempt == _STORES_MAX:
                        raise AttaccaError(
                            "object-lost", f"Cannot offer \"{name}\": the memory that its bytes "
                            "were in is gone, as the pool was started again without it",
                            {"name": name}, retryable=True) from error
                    self._leases.forget(slot[0])  # the bytes are here: they are stored anew
                    declare = [] if sent else declare
                    slot, sent = None, False
        except BaseException:
            if slot is not None and not sent:  # a WRITE may be under way: no slice for us again
                self._return(slot)
            if is_new:
                self._dispose(handle)
            raise
        if keep and placed is None:
            self._dispose(handle)
        return Offer(self, name, space)

    def withdraw(self, name: str, timeout: Optional[float] = None) -> None:
        """Ends this member's offer of `name`, or else a kept offer by whomever; waits as the
        contract says."""
        handles = self._offers.get(name)
        if handles is None:
            self._ask("UNKEEP", "OK", timeout, name=name, deadline=_ms(timeout))
            return
        for handle in [*handles]:
            self._ask("WITHDRAW", "OK", timeout, handle=handle, deadline=_ms(timeout))
            if self._growing.get(name, (None,))[0] == handle:
                del self._growing[name]
            if handle in handles:
                handles.remove(handle)
                self._dispose(handle)
        if not handles:
            self._offers.pop(name, None)

    def require(self, name: str, *, dtype: Any = None, shape: Any = None,
                order: Optional[str] = None, attributes: Optional[Mapping[str, Any]] = None,
                region: Any = None, wait: bool = False) -> Requirement:
        """Announces need of `name`, or of a `region` of it as numpy would index it, before or after
        it is offered; does not wait. What is given of dtype, shape, order and attributes must
        match. With `wait` it stays open even when every promise that could meet it is closed; else
        it then fails with `nobody-will-offer`."""
        handle, declare = self._expect(name, dtype, shape, order, attributes, region)
        try:
            answers = self._session.run(
                [*declare, _message("REQUIRE", handle=handle, policy=int(wait))])
            for answer in answers:
                _result(answer, "OK")
        except BaseException:
            self._abandon(handle)
            raise
        return Requirement(self, name, handle, int(wait), region)

    def retract(self, name: str) -> None:
        """Takes back all that `require(name)` has opened and nobody has demanded."""
        for requirement in [*self._requires.values()]:
            if requirement.name == name:
                requirement.retract()

    def demand(self, name: str, timeout: Optional[float] = None, own: bool = False, *,
               region: Any = None, transforms: Sequence[Mapping[str, Any]] = (),
               unpack: bool = False, order: Optional[str] = None, dtype: Any = None,
               byteorder: Optional[str] = None, lossy: bool = False, into: Any = None,
               shape: Any = None, attributes: Optional[Mapping[str, Any]] = None,
               wait: bool = False) -> Delivered:
        """Requires and demands `name` in one step; waits until it is offered, `timeout` seconds at
        most. With `own` the bytes are the caller's own, in writable memory; else they are a
        read-only view, to be disposed of.

        `region` is what of it, as numpy would index it: slices, whole numbers (whose axis goes),
        ascending lists, `...`. It waits for the parts that have some of it. What is in several
        parts is put together here.

        How it comes (docs/transforms.md), in this order: `unpack` makes values of packed numbers,
        as the CF conventions have it: x scale_factor + add_offset, and NaN for _FillValue and
        missing_value; `transforms` is a chain of maps; `order` is "row" or "column", `dtype`
        another type (what would lose values is `lossy-conversion`, unless `lossy`), `byteorder`
        "little" or "big". `into` is memory of one's own, a writable buffer of the size of what
        comes; an array says by itself what comes into it, bytes and uint8 do not. What changes
        elements needs numpy: `library-unavailable`.

        `shape` and `attributes`, where they are given, must be those of the object, else it is
        `object-mismatch`; so must be what `require` is told of dtype and order."""
        how = _Shaping(transforms, unpack, order, dtype, byteorder, lossy, into)
        how.check()
        handle, declare = self._expect(name, None, shape, None, attributes, region)
        until = _until(timeout)
        found: Optional[Dict[str, Any]] = None

        def late(_: int, code: int, body: bytes) -> None:
            if code == _DELIVER:
                self._refuse(_decode(_MESSAGES[code], body))

        try:
            answers = self._session.run(
                [*declare, _message("DEMAND", handle=handle, deadline=_ms(timeout),
                                    mode=int(own), policy=int(wait), want=1)], timeout, late)
            for answer in answers[:-1]:
                _result(answer, "OK")
            found = _result(answers[-1], "DELIVER")
            taken = self._take(name, found, own, until, region)
        except BaseException as error:
            self._abandon(handle, found)
            if not isinstance(error, AttaccaError) or error.code not in _COMPARED:
                raise
            expected = Space(None, (shape,) if isinstance(shape, int) else shape)
            return _shaped(self._demand_encoded(name, error, expected, region, own), how, own)
        return _shaped(self._hand(name, handle, found, *taken), how, own)

    def _demand_all(self, items: Sequence[Tuple[str, Any]], until: float, wait: bool,
                    answered: Optional[float] = None) -> List[Delivered]:
        """Demands objects, or regions of them, in one batch: all of them, or none. `answered`:
        until when it waits for them, and not for their bytes."""
        messages: List[bytes] = []
        handles: List[int] = []
        ends: List[int] = []
        timeout = max(0.001, (until if answered is None else answered) - time.monotonic())

        def late(_: int, code: int, body: bytes) -> None:
            if code == _DELIVER:
                self._refuse(_decode(_MESSAGES[code], body))

        delivered: List[Delivered] = []
        try:
            for name, region in items:
                handle, declare = self._expect(name, None, None, None, None, region)
                handles.append(handle)
                messages += [*declare, _message("DEMAND", handle=handle, deadline=_ms(timeout),
                                                mode=0, policy=int(wait), want=1)]
                ends.append(len(messages))
            answers = self._session.run(messages, timeout, late)
            starts = [0, *ends]
            for at, (name, region) in enumerate(items):
                try:
                    for answer in answers[starts[at]:ends[at] - 1]:
                        _result(answer, "OK")
                    found = _result(answers[ends[at] - 1], "DELIVER")
                except AttaccaError as error:
                    if region is None or error.code not in _COMPARED:
                        raise
                    one = self._demand_encoded(name, error, Space(), region, False)
                    self._abandon(handles[at])
                    delivered.append(one)
                    continue
                taken = self._take(name, found, False, until, region)
                delivered.append(self._hand(name, handles[at], found, *taken))
        except BaseException:
            for one in delivered:
                one.dispose()
            for handle in handles[len(delivered):]:
                self._abandon(handle)
            raise
        return delivered

    def _missing(self, items: Sequence[Tuple[str, Tuple[Any, ...]]], until: float) -> List[int]:
        """Of regions of objects in parts: how many of their elements nobody has offered. Waits for
        none of them, and leases nothing."""
        found: List[int] = []
        for first in range(0, len(items), _PROBES_AT_ONCE):
            some = items[first:first + _PROBES_AT_ONCE]
            messages: List[bytes] = []
            last: Dict[int, int] = {}  # of the messages of each: its handle
            for name, region in some:
                handle, declare = self._expect(name, None, None, None, None, region)
                messages += [*declare, _message("DEMAND", handle=handle, deadline=1, mode=2,
                                                policy=1, want=3)]
                last[len(messages) - 1] = handle

            def late(index: int, _: int, __: bytes) -> None:  # the answer frees it, whatever it is
                if index in last:
                    self._free_handles.append(last[index])

            answers = self._session.run(messages, _left(until), late)
            for index in last:
                late(index, 0, b"")
            for index, (_, region) in zip(last, some):
                try:
                    self._session.parts(_result(answers[index], "DELIVER")["request"])
                    found.append(0)
                except AttaccaError as error:
                    size = math.prod(map(len, region))
                    if error.code not in ("deadline-passed", "parts-missing", *_COMPARED):
                        raise
                    found.append(int(error.fields.get("missing", size)))
        return found

    def _demand_encoded(self, name: str, error: AttaccaError, expected: Space, region: Any,
                        own: bool) -> Delivered:
        """What the pool refused as it compared the bytes it has, of whatever they are an encoding:
        all of it is decoded, and compared here. Raised is what the error says, not itself: a frame
        that has an error which knows the frame is a ring, and keeps views."""
        try:  # It is there: nothing is waited for.
            whole = self.demand(name, 1.0, own)
        except AttaccaError:
            raise error.again() from None
        space = whole.space
        if _ENCODING not in whole.attributes or not _meets(space, expected):
            whole.dispose()
            raise error.again()
        if region is None:
            return whole
        raw, space = _cut(region, space, whole.raw, own)
        whole.dispose()
        found = {"version": whole.version, "attributes": whole.attributes, "space": space}
        return Delivered(self, name, raw, found, None)

    def create(self, name: str, *, dtype: Any, shape: Any, order: str = "row",
               consistency: str = "posix", fill: Any = 0,
               attributes: Optional[Mapping[str, Any]] = None, container: Optional[str] = None,
               keep: bool = False, lifetime: float = 0.0,
               timeout: Optional[float] = None) -> OpenObject:
        """Creates an object that members write to by regions, until it is sealed. Every element is
        `fill` at first. `consistency` says when what is written is visible to others: "posix",
        "commit", "session" or "eventual". It ends with this member, unless `keep`."""
        if consistency not in _CONSISTENCIES:
            raise ValueError(f"a consistency is one of {', '.join(_CONSISTENCIES)}, not "
                             f"{consistency!r}")
        if container is not None:
            attributes = {**(attributes or {}), ".container": container}
        until, (kind, byteorder) = _until(timeout), _dtype(dtype)
        shape = (shape,) if isinstance(shape, int) else tuple(operator.index(n) for n in shape)
        space = Space(kind, shape, order, byteorder or sys.byteorder)
        element, size = _filled(space, fill), math.prod(shape) * space.itemsize
        handle, slot = self._handle(), (0, 0, 0)
        declare = [self._declare(handle, name, space, attributes)]
        opened = {"space": space, "attributes": dict(attributes or {}), "version": 0,
                  "consistency": _CONSISTENCIES.index(consistency)}
        sent = False

        def late(index: int, code: int, _: bytes) -> None:
            if index == len(declare) and code == _OK:
                self._offers.setdefault(name, []).append(handle)
            elif index == len(declare) and code == _FAIL and size:
                self._leases.give(*slot)

        try:
            if size:
                taken = self._leases.take(size)
                if taken is None:
                    taken, declare = self._lease(size, handle, declare, until), []
                slot = taken
                chunk = memoryview(element * (min(size, _COPY_CHUNK) // len(element)))
                for at in range(0, size, len(chunk)):
                    self._write(slot[0], slot[1] + at, chunk[:size - at], until)
            message = _message("CREATE", handle=handle, scope=int(keep),
                               consistency=opened["consistency"],
                               lifetime=_ms(lifetime) if keep and lifetime else 0,
                               payload={"slab": slot[0], "offset": slot[1], "size": size})
            sent = True
            answers = self._session.run(declare + [message], until - time.monotonic(), late)
            late(len(declare), *(answers[-1] or (0, b"")))
            for answer in answers:
                _result(answer, "OK")
        except BaseException:
            if slot[2] and not sent:
                self._return(slot)
            self._dispose(handle)
            raise
        return OpenObject(self, name, handle, opened, True, keep)

    def open(self, name: str, timeout: Optional[float] = None, *, dtype: Any = None,
             shape: Any = None, order: Optional[str] = None,
             attributes: Optional[Mapping[str, Any]] = None) -> OpenObject:
        """Takes part in an object that another member has created, or waits until one does. What is
        given of dtype, shape, order and attributes must match."""
        handle, declare = self._expect(name, dtype, shape, order, attributes)
        try:
            answers = self._session.run(
                [*declare, _message("OPEN", handle=handle, deadline=_ms(timeout))], timeout)
            for answer in answers[:-1]:
                _result(answer, "OK")
            opened = _result(answers[-1], "OPENED")
        except BaseException:
            self._dispose(handle)
            raise
        return OpenObject(self, name, handle, opened, False, False)

    def signal(self, name: str, attributes: Optional[Mapping[str, Any]] = None,
               keep: bool = False, *, container: Optional[str] = None) -> Offer:
        """Offers an object of length 0."""
        return self.offer(name, attributes=attributes, container=container, keep=keep)

    def wait(self, name: str, timeout: Optional[float] = None) -> Dict[str, Any]:
        """Waits for a signal, or any object, and returns its attributes."""
        with self.demand(name, timeout) as found:
            return found.attributes

    def promise(self, pattern: str, glob: Optional[bool] = None) -> Promise:
        """Says that this member will offer `pattern`, a name, or a glob if it looks like one."""
        number = next(self._numbers)
        kind = any(mark in pattern for mark in "*?[\\") if glob is None else glob
        self._ask("PROMISE", "OK", promise=number, member=1, promiseKind=int(kind), pattern=pattern)
        self._promises[number] = pattern
        return Promise(self, pattern, number)

    def tag(self, name: str, set: Optional[Mapping[str, Any]] = None,
            remove: Any = ()) -> None:
        """Sets and removes tags of an object."""
        self._ask("TAG", "OK", name=name, attributes=self._attributes(set),
                  removed=[self._key(key) for key in remove])

    def untag(self, name: str, *tags: str) -> None:
        """Removes tags of an object; one that it does not have is no error."""
        self.tag(name, remove=tags)

    def delete(self, name: str, force: bool = False) -> None:
        """Ends the object. Refused while someone requires it, unless forced."""
        self._ask("DELETE", "OK", name=name, force=int(force))

    # All objects that a selector selects, part by part: what a call has changed when it is cut
    # short stays changed. With `dry_run` nothing is, and the answer says what would be. `progress`
    # is called after each part with how many were selected until then. `timeout` is for each part.

    def tag_selected(self, selector: str, set: Optional[Mapping[str, Any]] = None,
                     remove: Any = (), *, dry_run: bool = False,
                     progress: Optional[Callable[[int], None]] = None,
                     timeout: Optional[float] = None) -> Changed:
        """As `tag`, of all objects that a selector selects."""
        return self._change("TAG_SELECTED", selector, dry_run, progress, timeout,
                            attributes=self._attributes(set),
                            removed=[self._key(key) for key in remove])

    def untag_selected(self, selector: str, *tags: str, dry_run: bool = False,
                       progress: Optional[Callable[[int], None]] = None,
                       timeout: Optional[float] = None) -> Changed:
        """As `untag`, of all objects that a selector selects."""
        return self.tag_selected(selector, remove=tags, dry_run=dry_run, progress=progress,
                                 timeout=timeout)

    def delete_selected(self, selector: str, force: bool = False, *, dry_run: bool = False,
                        progress: Optional[Callable[[int], None]] = None,
                        timeout: Optional[float] = None) -> Changed:
        """As `delete`, of all objects that a selector selects."""
        return self._change("END_SELECTED", selector, dry_run, progress, timeout,
                            how=2 if force else 1)

    def unkeep_selected(self, selector: str, *, dry_run: bool = False,
                        progress: Optional[Callable[[int], None]] = None,
                        timeout: Optional[float] = None) -> Changed:
        """Withdraws, of all objects that a selector selects, those offered with `keep`, whoever
        offered them."""
        return self._change("END_SELECTED", selector, dry_run, progress, timeout, how=0)

    # What a pool has by name beside objects, and how objects hang together: docs/schemas.md and
    # docs/containers.md. A name that is defined again has the new meaning for later offers. Of
    # each kind all are told, or the one of a name, else `unknown-definition`.

    def define_schema(self, document: Mapping[str, Any]) -> None:
        """The pool holds by it what is offered, expected and tagged from now on. The document is
        that of a file, which Python cannot read by itself; with PyYAML:

            with open("fields.yaml", encoding="utf-8") as file:
                pool.define_schema(yaml.safe_load(file))

        PyYAML takes a date, `yes` and `no` for texts only in quotes. `attacca schema add FILE` does
        the same from a shell, without it. `bad-schema`, `schema-conflict`."""
        name = document.get("schema-name") if isinstance(document, Mapping) else None
        if not isinstance(name, str) or not name:
            raise AttaccaError("bad-schema", "Cannot define a schema: the document has no "
                               "\"schema-name\", a text", {"schema": "", "path": "schema-name"})
        self._define(_SCHEMA, name, document)

    def remove_schema(self, name: str) -> None:
        """Takes a schema away: `definition-in-use` while a container names it."""
        self._define(_SCHEMA, name, None)

    def schemas(self, name: str = "") -> List[Definition]:
        """The schemas that the pool knows."""
        return self._definitions(_SCHEMA, name)

    def define_container(self, name: str, *, attributes: Optional[Mapping[str, Any]] = None,
                         schemas: Optional[Sequence[str]] = None, lifetime: float = 0.0,
                         tags: Optional[Mapping[str, Any]] = None,
                         documentation: Optional[str] = None) -> None:
        """What is offered with `container=name` is in it, and has these attributes where it does
        not say them itself; the schemas, by name, ask it for their required keys and give their
        defaults; what is kept ends after `lifetime` seconds, unless its offer says when. Tags and
        documentation are of the container itself, for people."""
        self._define(_CONTAINER, name, _said(
            attributes=attributes, schemas=schemas, tags=tags, documentation=documentation,
            lifetimeMs=_ms(lifetime) if lifetime else None))

    def containers(self, name: str = "") -> List[Definition]:
        """The containers of the pool."""
        return self._definitions(_CONTAINER, name)

    def delete_container(self, name: str, force: bool = False, *, dry_run: bool = False,
                         progress: Optional[Callable[[int], None]] = None,
                         timeout: Optional[float] = None) -> Changed:
        """As `delete_selected`, of all that is in a container, and then of the container, when
        nothing is left in it. What others in it depend on goes when these have gone: so it is
        tried again as long as that deletes anything, and `progress` begins anew."""
        def delete() -> Changed:
            return self.delete_selected(f".container = {_quoted(name)}", force, dry_run=dry_run,
                                        progress=progress, timeout=timeout)

        done = delete()
        last = 0 if dry_run else done.changed
        while last > 0 and done.changed < done.selected:
            again = delete()
            last = again.changed
            done = Changed(done.changed + again.selected, done.changed + last, again.refused)
        if not dry_run and done.changed == done.selected:
            self._define(_CONTAINER, name, None)
        return done

    def define_collection(self, name: str, selector: Optional[str] = None, *,
                          tags: Optional[Mapping[str, Any]] = None,
                          documentation: Optional[str] = None) -> None:
        """A selector with a name, or without one a list. Selectors ask for both:
        `.collection = "name"`. `bad-selector`."""
        self._define(_COLLECTION, name, _said(
            selector=selector, tags=tags, documentation=documentation))

    def collections(self, name: str = "") -> List[Definition]:
        """The collections of the pool."""
        return self._definitions(_COLLECTION, name)

    def delete_collection(self, name: str, *, dry_run: bool = False,
                          progress: Optional[Callable[[int], None]] = None,
                          timeout: Optional[float] = None) -> Changed:
        """Takes all objects out of a list, and then the collection away. The objects stay."""
        [known] = self.collections(name)
        done = Changed(0, 0, [])
        if known.definition.get("selector") is None:
            done = self.uncollect(name, f"any .collections = {_quoted(name)}", dry_run=dry_run,
                                  progress=progress, timeout=timeout)
        if not dry_run:
            self._define(_COLLECTION, name, None)
        return done

    def collect(self, name: str, selector: str, *, dry_run: bool = False,
                progress: Optional[Callable[[int], None]] = None,
                timeout: Optional[float] = None) -> Changed:
        """Puts all objects that a selector selects into a list: `bad-argument` of a collection
        that is defined by a selector."""
        return self._change("GATHER", selector, dry_run, progress, timeout,
                            key=".collections", value=name, removes=0)

    def uncollect(self, name: str, selector: str, *, dry_run: bool = False,
                  progress: Optional[Callable[[int], None]] = None,
                  timeout: Optional[float] = None) -> Changed:
        """Takes all objects that a selector selects out of a list."""
        return self._change("GATHER", selector, dry_run, progress, timeout,
                            key=".collections", value=name, removes=1)

    def cube(self, name: str, selector: Optional[str] = None, axes: Sequence[str] = (), *,
             names: Optional[str] = None, labels: Optional[Mapping[str, Sequence[Any]]] = None,
             dims: Optional[Sequence[str]] = None, coords: Optional[Mapping[str, Any]] = None,
             misfits: Optional[str] = None, duplicates: Optional[str] = None,
             documentation: Optional[str] = None, replace: bool = False,
             timeout: Optional[float] = None) -> Cube:
        """Many objects as one labelled array (docs/cubes.md): those that a selector selects, along
        axes that are keys of their attributes. Kept in the pool as a collection, so that others
        open it by `pool.cube(name)`. `names` is a template by which holes can be waited for in the
        pool; `labels` are some that axes have in any case; `dims` and `coords` those of the
        objects' own dimensions (a list, or the name of an object that has them, which is waited for);
        `misfits="skip"` leaves out what has no place, `duplicates="newest"` takes the newer of two.
        One that is there with another selector, or other axes, is changed with `replace` alone.
        `timeout` bounds all of it."""
        until = _until(timeout)
        if selector is not None:
            if not selector.strip():
                raise AttaccaError("bad-argument", f"Cannot use the cube \"{name}\": its selector "
                                   "is empty; say \"true\" for all objects")
            told = _said(axes=[*axes], names=names, labels=labels and {
                axis: [_label(each) for each in some] for axis, some in labels.items()},
                dims=dims and [*dims], coords=coords and {
                    each: some if isinstance(some, str) else [_label(label) for label in some]
                    for each, some in coords.items()}, misfits=misfits, duplicates=duplicates)
            known = Cube(self, name, {"selector": selector, "tags": {"cube": told}})
            if not replace:
                self._must_be_cube(name, selector, known.axes)
            self.define_collection(name, selector, tags={"cube": told},
                                   documentation=documentation)
        else:
            [found] = self.collections(name)
            known = Cube(self, name, found.definition)
        return known.refresh(_left(until))

    def _must_be_cube(self, name: str, selector: str, axes: Tuple[str, ...]) -> None:
        """Whoever has defined a name goes on with what it was."""
        try:
            [found] = self.collections(name)
        except AttaccaError as error:
            if error.code == "unknown-definition":
                return
            raise
        told = (found.definition.get("tags") or {}).get("cube")
        if not isinstance(told, Mapping):
            why = "there is a collection of that name"
        elif found.definition.get("selector") != selector:
            why = f"it is there with the selector {found.definition.get('selector')!r}"
        elif tuple(told.get("axes") or ()) != axes:
            why = f"it is there with the axes {', '.join(told.get('axes') or ())}"
        else:
            return
        raise AttaccaError("bad-argument", f"Cannot define the cube \"{name}\": {why}; "
                           "replace=True changes it", {"name": name})

    def relate(self, name: str, relation: str, other: str) -> None:
        """Says how an object relates to another one, which need not be there (yet, or any more):
        "derived-from", "part-of", "supersedes", or "depends-on", which keeps `delete` from the
        other one (`object-depended-on`)."""
        self._relate(name, relation, other, 0)

    def unrelate(self, name: str, relation: str, other: str) -> None:
        """Takes back what `relate` said; what was not said is no error."""
        self._relate(name, relation, other, 1)

    # Looking.

    def stat(self, name: str) -> Any:
        """What the pool knows of an object."""
        return self._look("STAT", name=name)

    def list(self, glob: str = "*", detail: bool = False, *,
             timeout: Optional[float] = None) -> Iterator[Any]:
        """The names that match a glob, in no order, or with `detail` what `stat` says of each: a
        `query` for `name ~ "glob"`."""
        selector = "" if glob == "*" else f"name ~ {_quoted(glob)}"
        return self.query(selector, detail="all" if detail else "name", timeout=timeout)

    def query(self, selector: str = "", *, detail: str = "attributes", sort: Optional[str] = None,
              limit: Optional[int] = None, timeout: Optional[float] = None) -> Iterator[Any]:
        """The objects that a selector selects (docs/selectors.md); the empty one selects all.

            for name, attributes in pool.query('param = "t" and step in 0..24', sort="-step"):

        `detail` says what comes of each: "name" its name, "attributes" a `Found`, "all" what `stat`
        says. `sort` is a key, with `-` in front from the last to the first: objects without it come
        last, those with equal values in the order of their names. Without it they come in no order,
        which is quicker. At most `limit`. They are asked for by pages while they are taken, each
        exact at its moment: what is selected all the time comes once, what is made, changed or ends
        meanwhile may. `bad-selector` tells by `fields["position"]` which character is wrong.
        `timeout` is for each part of the pool."""
        if detail not in _PAGES:
            raise ValueError(f"a detail is one of {', '.join(_PAGES)}, not {detail!r}")
        if limit is not None and operator.index(limit) < 0:
            raise ValueError(f"a limit is a number of objects, not {limit}")
        most = _PAGES[detail] if limit is None else min(_PAGES[detail], limit)
        how = {"limit": most, "detail": [*_PAGES].index(detail)}
        pages: Iterator[List[Any]]
        if sort is None:
            pages = (part["objects"] for part in self._parts("QUERY", selector, timeout, **how))
        else:
            pages = self._sorted(selector, sort, timeout, **how)
        found = itertools.islice(itertools.chain.from_iterable(pages), limit)
        if detail != "attributes":
            return found
        return (Found(each["name"], each["attributes"]) for each in found)

    def count(self, selector: str = "", *, timeout: Optional[float] = None) -> int:
        """How many objects a selector selects; none of them is fetched."""
        return sum(part["count"] for part in self._parts("COUNT", selector, timeout))

    def facets(self, key: str, selector: str = "", *, limit: int = 1000,
               timeout: Optional[float] = None) -> Facets:
        """The distinct values of a key, of all objects or of those selected, and how many objects
        have each; at most `limit` of them, the most frequent first."""
        found: Dict[Any, List[Any]] = {}
        parts = others = objects = 0
        for part in self._parts("FACETS", selector, timeout, what=0, key=key, limit=_PART_VALUES):
            parts, others, objects = (
                parts + 1, others + part["otherValues"], objects + part["objects"])
            for row in part["values"]:
                found.setdefault(_identity(row["value"]), [row["value"], 0])[1] += row["count"]
        values = sorted(((value, count) for value, count in found.values()),
                        key=lambda each: (-each[1], _order(each[0])))
        shown = values[:limit]
        return Facets(key, objects, shown, others + len(values) - len(shown),
                      objects - sum(count for _, count in shown), parts <= 1 or others == 0)

    def histograms(self, key: str, selector: str = "", *,
                   timeout: Optional[float] = None) -> List[Histogram]:
        """How the numbers that a key has, and the timestamps, are spread, of all objects or of
        those selected: at most one of each."""
        found: Dict[str, Histogram] = {}
        for part in self._parts("FACETS", selector, timeout, what=1, key=key, limit=0):
            for row in part["histograms"]:
                fields = {**row, "first": int(row["first"])}
                each = Histogram(*(fields[field] for field in Histogram._fields))
                found[each.of] = _together(found[each.of], each) if each.of in found else each
        return [*found.values()]

    def lineage(self, name: str, depth: int = 16, *, timeout: Optional[float] = None) -> Any:
        """What an object was made of, and what was made of it, up to `depth` steps away: as the
        pool has noted it by itself, and as `relate` says. A map of `nodes` (versions of objects,
        the one that was asked for first), `activities` (stays of members), `edges` between them
        (`derived`, `declared`, `used`), and whether there is more: section 7.7 of the protocol.
        `attacca lineage` draws it, and makes W3C PROV of it."""
        return self._look("LINEAGE", timeout, name=name, depth=depth)

    def members(self) -> Any:
        """The members of the pool."""
        return self._look("MEMBERS")

    def explain(self, name: Optional[str] = None, rings: bool = False) -> Any:
        """For whom a name waits and who has promised it; without a name all waits, or rings."""
        return self._look("EXPLAIN", what=0 if name is not None else 2 if rings else 1,
                          name=name or "")

    def explain_selector(self, selector: str) -> Any:
        """How the pool reads a selector, and how it would find what it selects."""
        return self._look("EXPLAIN", what=3, name=selector)

    def info(self) -> Any:
        """The pool, its counts, memory and limits."""
        return self._look("INFO")

    # The end.

    def leave(self, timeout: Optional[float] = None) -> List[str]:
        """Leaves in order: waits until nothing this member provides is needed, or the pool holds
        it. Returns the names withdrawn by it. Idempotent. From a pool that was stopped everybody
        has left."""
        names: List[str] = []
        if not self._left:
            try:
                names = self._ask("LEAVE", "BYE", timeout, member=1, deadline=_ms(timeout))["names"]
            except AttaccaError:
                if not self._session.has_stopped():
                    raise
            self.close()
        return names

    def close(self) -> None:
        """Ends the session at once. A member that has not left has crashed. Idempotent."""
        if self._left:
            return
        self._left = True
        try:
            self._session.run(self._leases.release(NEVER) + [_message("END")], 5.0)
        except AttaccaError:
            pass  # the pool finds out by itself
        finally:
            self._link.close()
            self._session.stop()

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, kind: Any, *_: Any) -> None:
        try:
            if kind is None:
                self.leave()
        finally:
            self.close()

    # Inside.

    def _ask(self, name: str, answer: str, timeout: Optional[float] = None, /,
             **fields: Any) -> Dict[str, Any]:
        return _result(self._session.run([_message(name, **fields)], timeout)[0], answer)

    def _look(self, name: str, timeout: Optional[float] = None, /, **fields: Any) -> Any:
        return self._ask(name, "VALUE", timeout, **fields)["value"]

    def _parts(self, name: str, selector: str, timeout: Optional[float] = None, /,
               **fields: Any) -> Iterator[Dict[str, Any]]:
        """The answers to a request with a selector, one for each part of the pool."""
        after: Optional[str] = ""
        while after is not None:
            part = self._look(name, timeout, selector=selector, after=after, **fields)
            yield part
            after = part["next"]

    def _sorted(self, selector: str, sort: str, timeout: Optional[float], *, limit: int,
                detail: int) -> Iterator[List[Any]]:
        """Pages in the order of a key: of each part of the pool the first behind a place, put
        together here. The next page begins behind the last of this one, whatever comes and goes."""
        descending = sort.startswith("-")
        place: Optional[Tuple[Any, str]] = None
        while True:
            best: List[Tuple[Any, str, Any]] = []
            ends: List[int] = []  # behind these rows their parts were cut: nothing is known of them
            for part in self._parts("SORT", selector, timeout, key=sort[descending:], limit=limit,
                                    descending=int(descending), detail=detail, place=place):
                for row in part["objects"]:
                    found = row["object"]
                    name = found if isinstance(found, str) else found["name"]
                    best.append((row["key"], name, found))
                if part.get("cut") and part["objects"]:
                    ends.append(id(best[-1]))
                best.sort(key=lambda row: row[1])  # by names in both directions,
                best.sort(key=lambda row: _order(row[0], descending), reverse=descending)
                del best[limit:]  # as sorting keeps the order of what is equal, reversed or not
            cut = next((at for at, row in enumerate(best) if id(row) in ends), None)
            if cut is not None:
                del best[cut + 1:]
            yield [found for _, _, found in best]
            if len(best) < limit and cut is None:
                return
            place = best[-1][:2]

    def _change(self, name: str, selector: str, dry_run: bool,
                progress: Optional[Callable[[int], None]], timeout: Optional[float], /,
                **fields: Any) -> Changed:
        if not selector.strip():  # what a variable that is not set leaves
            raise AttaccaError("bad-argument", "Cannot change what is selected: the selector is "
                               "empty, which selects everything; say \"true\" if that is meant")
        selected = changed = 0
        refused: List[Dict[str, Any]] = []
        for part in self._parts(name, selector, timeout, dry=int(dry_run), **fields):
            selected, changed = selected + part["selected"], changed + part["changed"]
            refused += part["refused"]
            if progress is not None:
                progress(selected)
        return Changed(selected, changed, refused)

    def _define(self, kind: int, name: str, definition: Optional[Mapping[str, Any]]) -> None:
        """Defines, or defines anew; None takes it away."""
        self._ask("DEFINE", "OK", definitionKind=kind, name=name, definition=definition)

    def _definitions(self, kind: int, name: str) -> List[Definition]:
        rows = self._look("DEFINITIONS", definitionKind=kind, name=name)
        found: List[Definition] = []
        for row in rows:  # of very many, or very large ones, the answer has names alone
            if row["definition"] is None and not name:
                found += self._definitions(kind, row["name"])
            else:
                found.append(Definition(row["name"], row["definition"], row["objects"]))
        return found

    def _relate(self, name: str, relation: str, other: str, removes: int) -> None:
        if relation not in _RELATIONS:
            raise ValueError(f"a relation is one of {', '.join(_RELATIONS)}, not {relation!r}")
        done = self._change("GATHER", f"name = {_quoted(name)}", False, None, None,
                            key=f".{relation}", value=other, removes=removes)
        for each in done.refused:
            raise AttaccaError(each["code"], each["message"], {"name": name})
        if done.selected == 0:
            raise AttaccaError("unknown-object", f"Cannot relate \"{name}\": the pool has no such "
                               "object", {"name": name})

    def _handle(self) -> int:
        try:
            return self._free_handles.popleft()
        except IndexError:
            return next(self._numbers)

    def _dispose(self, handle: int, before: Tuple[bytes, ...] = ()) -> None:
        def free(index: int, code: int, _: bytes) -> None:
            if index == len(before) and code == _OK:
                self._free_handles.append(handle)
        self._session.post([*before, _message("DISPOSE", handle=handle)], free)

    def _abandon(self, handle: int, late: Optional[Mapping[str, Any]] = None) -> None:
        """Gives up a handle that may be required; one of the two messages may be refused."""
        self._dispose(handle, (_message("RETRACT", handle=handle),))
        self._refuse(late)

    def _return(self, extent: Tuple[int, int, int]) -> None:
        self._session.post([_message("RETURN", slab=extent[0], offset=extent[1], size=extent[2])])

    def _refuse(self, found: Optional[Mapping[str, Any]]) -> None:
        """Returns what came with mode own and is not wanted any more."""
        if found is not None and found["source"] == 4:
            self._session.parts(found["request"])
        if found is not None and found["source"] == 3:
            self._return((found["slab"], found["offset"], found["size"]))

    def _key(self, name: str) -> int:
        number = self._keys.get(name)
        if number is None:
            number = next(self._key_numbers)
            if not 1 <= len(name.encode("utf-8", "replace")) <= 255 or number > 0xFFFF:
                raise AttaccaError("bad-attribute", f"Cannot use \"{name}\" as a key: a key has 1 "
                                   "to 255 bytes, and a session 65,536 keys", {"key": name})
            self._session.post([_message("KEY", key=number, name=name)], ring=False)
            self._keys[name] = number  # after KEY is in the queue: whoever finds it comes behind
        return number

    def _attributes(self, attributes: Optional[Mapping[str, Any]]) -> Dict[int, Any]:
        found = {}
        for name, value in (attributes or {}).items():
            if value is None:
                raise AttaccaError("bad-attribute", f"Cannot set \"{name}\" to None",
                                   {"key": name})
            found[self._key(name)] = value
        return found

    def _declare(self, handle: int, name: str, space: Space,
                 attributes: Optional[Mapping[str, Any]]) -> bytes:
        return _message("DECLARE", handle=handle, member=1, name=name, space=space,
                        attributes=self._attributes(attributes))

    def _expect(self, name: str, dtype: Any, shape: Any, order: Optional[str],
                attributes: Optional[Mapping[str, Any]],
                region: Any = None) -> Tuple[int, List[bytes]]:
        if isinstance(shape, int):
            shape = (shape,)
        space = Space(_dtype(dtype)[0], None if shape is None else tuple(shape), order,
                      _dtype(dtype)[1])
        wanted = None if region is None else _select(region, space.shape)[0]
        handle = self._handle()
        messages = [self._declare(handle, name, space, attributes)]
        if wanted is not None:
            messages.append(_message("REGION", handle=handle, region=wanted))
        return handle, messages

    def _lease(self, size: int, handle: int, before: List[bytes],
               until: float) -> Tuple[int, int, int]:
        """Leases memory and takes a slice of `size` out of it."""
        def late(_: int, code: int, body: bytes) -> None:
            if code == _GRANT:
                grant = _decode(_MESSAGES[code], body)
                self._leases.give(grant["slab"], grant["offset"], grant["size"])

        least = _up(size, self._leases.align(size))
        while True:
            left = until - time.monotonic()
            answers = self._session.run(
                before + [_message("LEASE", size=max(least, self._chunk), least=least,
                                   handle=handle, deadline=_ms(left))], left, late)
            for answer in answers[:-1]:
                _result(answer, "OK")
            grant = _result(answers[-1], "GRANT")
            self._chunk, before = min(2 * self._chunk, _LEASE_MAX), []
            slot = self._leases.take(size, (grant["slab"], grant["offset"], grant["size"]))
            if slot is not None:
                return slot
            least += self._leases.align(size)  # granted, and used up by aligning its start

    def _write(self, slab: int, offset: int, raw: memoryview, until: float) -> None:
        target = self._map(slab, offset, len(raw), True)
        if target is None:
            self._link.write(slab, offset, raw, until)
        else:
            _copy(target, raw)

    def _map(self, slab: int, offset: int, size: int, write: bool) -> Optional[memoryview]:
        """A view of a slice, or None where bytes have to travel."""
        if self._slabs is not None:
            try:
                return self._slabs.view(slab, offset, size, write)
            except OSError as error:
                self._slabs = None
                self.notices.append({"code": "mapping-unavailable", "fields": {},
                                     "message": f"Bytes go over the socket: {error}"})
        return None

    def _is_lost(self, error: AttaccaError) -> bool:
        """Whether memory went with a manager: the next one knows of no such lease."""
        another = self._session.resumed or self._link.opened > 1  # either may hear of it first
        return error.code == "bad-lease" and another

    def _take(self, name: str, found: Dict[str, Any], own: bool, until: float,
              region: Any) -> Tuple[memoryview, bool]:
        """The bytes that DELIVER tells of, and whether they are a view of a slice. Of a region, or
        of parts, they are put together, and the space becomes theirs."""
        if found["source"] != 4 and region is None:
            return self._bytes(name, found, own, until)
        space: Space = found["space"]
        if found["source"] != 4:
            raw, encoding = self._bytes(name, found, False, until)[0], _encoding_in(found)
            if encoding is not None:
                raw, space = _decoded(raw, encoding, name)
                found["decoded"] = True
            raw, found["space"] = _cut(region, space, raw, own)
            return raw, False
        shape = tuple(size or 0 for size in space.shape or ())
        whole: Dict[str, Any] = {"dimensions": len(shape), "points": [],
                                 "boxes": [[[[0, 1, size]] for size in shape]]}
        parts = self._session.parts(found["request"])
        if len(parts) != found["parts"]:
            raise AttaccaError("bad-message", "Cannot take the delivery: parts were not told")
        sources = [(part["region"], self._bytes(name, part, False, until)[0]) for part in parts]
        wanted, counts = (whole, shape) if region is None else _select(region, shape)
        data = memoryview(_gather(wanted, space, sources))
        found["space"] = space._replace(shape=counts)
        return data if own else data.toreadonly(), False

    def _bytes(self, name: str, found: Mapping[str, Any], own: bool,
               until: float) -> Tuple[memoryview, bool]:
        if found["source"] < 2:
            payload = found.get("payload", b"")
            return memoryview(bytearray(payload) if own else payload), False
        where = found["slab"], found["offset"], found["size"]
        view = self._map(*where, False)
        if view is None:
            try:
                raw = memoryview(self._link.read(*where, until))
            except AttaccaError as error:
                if not self._is_lost(error):
                    raise
                raise AttaccaError(
                    "object-lost", f"Cannot demand \"{name}\": it was lost before it was read, as "
                    "the pool was started again without its memory", {"name": name}) from error
            return raw if own else raw.toreadonly(), False
        if not own:
            return view, True
        raw = memoryview(bytearray(len(view)))
        _copy(raw, view)
        return raw, False

    def _hand(self, name: str, handle: int, found: Mapping[str, Any], raw: memoryview,
              lent: bool) -> Delivered:
        """What is not a view owes the pool nothing any more."""
        if not lent:
            self._dispose(handle)
            self._refuse(found)
        encoding = _encoding_in(found)
        if encoding is not None and found["space"].dtype == "uint8":
            try:
                raw, space = _decoded(raw, encoding, name)
            finally:
                if lent:
                    self._dispose(handle)
            return Delivered(self, name, raw, {**found, "space": space}, None)
        return Delivered(self, name, raw, found, handle if lent else None)

    def _unasked(self, code: int, fields: Dict[str, Any]) -> None:
        if code == _CODES["NOTICE"]:
            self.notices.append(fields)
        elif code == _CODES["RECLAIM"]:
            messages = self._leases.release(fields["bytes"])
            if messages:
                self._session.post(messages)
        else:
            self._leases.forget(fields["slab"])
            if self._slabs is not None:
                self._slabs.drop(fields["slab"])


def join(name: str, address: Optional[str] = None, *, info: Optional[Mapping[str, Any]] = None,
         transport: Optional[str] = None, timeout: Optional[float] = None,
         connect_timeout: Optional[float] = None) -> Pool:
    """Joins the pool at `address` (else ATTACCA_POOL) as member `name`: `model`, `model[3]`, or
    `model[*]` for the lowest free index (`Pool.member` is the name granted). `transport` (else
    ATTACCA_TRANSPORT) may force "shared-memory" or "socket". A pool at which nobody listens is
    tried for `connect_timeout` seconds (else ATTACCA_CONNECT_MS milliseconds, else not at all)."""
    address = address or os.environ.get("ATTACCA_POOL", "")
    if not address:
        raise AttaccaError("pool-unreachable", f"Cannot join as \"{name}\": no address is given "
                           "and ATTACCA_POOL is not set")
    transport = transport or os.environ.get("ATTACCA_TRANSPORT", "")
    if transport not in ("", "socket", "shared-memory"):
        raise AttaccaError("bad-argument", f"Cannot use \"{transport}\" as a transport")
    if connect_timeout is None:
        connect_timeout = _connect_s(os.environ.get("ATTACCA_CONNECT_MS", ""))
    return Pool(name, address, info or {}, transport, timeout, connect_timeout)


def _connect_s(text: str) -> float:
    if not re.fullmatch("[0-9]*", text):
        raise AttaccaError("bad-argument", f"Cannot use ATTACCA_CONNECT_MS \"{text}\": it is no "
                           "number of milliseconds")
    return int(text or 0) / 1000
