"""Values of attributes, as bytes and in their order."""

from __future__ import annotations

import datetime
import operator
import struct
from typing import Any, Mapping, Tuple

from .errors import AttaccaError


class Timestamp(int):
    """Nanoseconds since 1970-01-01T00:00:00Z, as a value of an attribute."""

    def datetime(self) -> datetime.datetime:
        """The instant in UTC, to the microsecond."""
        return _EPOCH + datetime.timedelta(microseconds=self // 1000)


_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


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
