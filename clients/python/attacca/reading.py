"""Fields of messages, from bytes: sections 2, 5, 7, 8."""

from __future__ import annotations

import struct
from typing import Any, Dict, List, Optional, Tuple

from .limits import _DEPTH_MAX, _FORM_MAX
from .errors import _Malformed
from .forms import _checked, _DTYPES, _Form, _form_text, _ITEM_BYTES, _STRING, _STRUCT
from .space import _BYTE_ORDERS, _ORDERS, Space
from .values import Timestamp
from .writing import _UNSET_DIMENSION


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

    def texts16(self) -> List[str]:
        return [self.text() for _ in range(self.u16())]

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

    def wanted(self) -> Optional[Dict[str, Any]]:
        """As `region`; None for all."""
        size = self.u32()
        self._at -= 4
        if size:
            return self.region()
        self._at += 4
        return None

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

    def _offer(self) -> Dict[str, Any]:
        """An offer behind its size, as it stands within a group."""
        end = self.u32() + self._at
        found: Dict[str, Any] = {name: getattr(self, kind)() for name, kind in (
            ("handle", "u32"), ("scope", "u8"), ("durability", "u8"), ("source", "u8"),
            ("zero", "u8"), ("lifetime", "u32"))}
        self.payload(found, 2)
        if found.pop("zero") or self._at != end:
            raise _Malformed("an offer within a group")
        return found

    def group(self) -> Dict[str, Any]:
        group, members = self._offer(), []
        for _ in range(self.u32()):
            member = self._offer()
            if [member.pop(name) for name in ("scope", "durability", "lifetime")] != [
                    group["scope"], group["durability"], 0]:
                raise _Malformed("a member of a group that is not offered as it is")
            members.append(member)
        if group.pop("source"):
            raise _Malformed("a group with a payload")
        return {**group, "members": members}

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
