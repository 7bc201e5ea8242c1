"""Frames and messages, as the tables of the specification have them."""

from __future__ import annotations

import struct
from typing import Any, Dict, List, Mapping, Optional, Tuple

from .limits import _FRAME_MAX
from .errors import _Malformed, AttaccaError
from .writing import _payload, _WRITERS
from .reading import _Reader

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
    "0x13 OFFER handle:u32 scope:u8 durability:u8 source:u8 zero8 lifetime:u32 replaced payload",
    "0x14 WITHDRAW handle:u32 deadline:u32", "0x15 REQUIRE handle:u32 policy:u8",
    "0x16 DEMAND handle:u32 deadline:u32 mode:u8 policy:u8 want:u8",
    "0x17 RETRACT handle:u32", "0x18 DISPOSE handle:u32",
    "0x19 DELETE name:text member:u32 force:u8",
    "0x1a TAG name:text member:u32 attributes removed:keys",
    "0x1b PROMISE promise:u32 member:u32 promiseKind:u8 pattern:text", "0x1c CLOSE promise:u32",
    "0x1d UNKEEP name:text member:u32 deadline:u32",
    "0x1e TAG_SELECTED selector:text after:text member:u32 dry:u8 attributes removed:keys",
    "0x1f END_SELECTED selector:text after:text member:u32 dry:u8 how:u8",
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
    "0x31 GATHER selector:text after:text member:u32 dry:u8 removes:u8 key:text value",
    "0x32 OFFER_GROUP group", "0x33 REQUIRE_MEMBER handle:u32 group:u32",
    "0x34 BARRIER member:u32 deadline:u32 members:u32 name:text",
    "0x40 STAT name:text", "0x41 QUERY selector:text after:text limit:u32 detail:u8",
    "0x42 MEMBERS", "0x43 EXPLAIN what:u8 name:text", "0x44 INFO",
    "0x45 COUNT selector:text after:text",
    "0x46 FACETS selector:text after:text what:u8 key:text limit:u32",
    "0x47 SORT selector:text after:text key:text descending:u8 limit:u32 detail:u8 place",
    "0x48 LINEAGE name:text depth:u32", "0x49 DEFINITIONS definitionKind:u8 name:text",
    "0x50 STOP force:u8 deadline:u32",
    "0x60 SUBSCRIBE subscription:u32 member:u32 kinds:u32 flags:u8 from:u8 slow:u8 silence:u8 "
    "seq:u64 window:u32 deadline:u32 topics:texts16 name:text selector:text",
    "0x61 UNSUBSCRIBE subscription:u32 forget:u8",
    "0x62 ACKNOWLEDGE subscription:u32 n:u64 count:u32",
    "0x63 VETO subscription:u32 n:u64 reason:text", "0x64 EMIT member:u32 topic:text attributes",
    "0x65 TAKE handle:u32 subscription:u32 n:u64 policy:u8 region:wanted",
    "0x66 QUEUE name:text selector:text by:text keep:u32 maxAhead:u32 forget:u8",
    "0x80 OK first:u64 last:u64 record:u8 bytes:u8",
    "0x81 FAIL request:u64 retryable:u8 code:text message:text fields:map",
    "0x82 WELCOME request:u64 member:u32 name:text granted:map", "0x83 BYE request:u64 names:texts",
    "0x84 DELIVER request:u64 version:u32 source:u8 zero8 space attributes:map payload",
    "0x85 GRANT request:u64 slab:u32 offset:u64 size:u64", "0x86 VALUE request:u64 value:answer",
    "0x87 PARTS request:u64 parts",
    "0x88 OPENED request:u64 version:u32 consistency:u8 zero8 zero8 zero8 space attributes:map",
    "0x91 RECLAIM bytes:u64", "0x92 NOTICE code:text message:text fields:map",
    "0x93 SLAB_GONE slab:u32",
    "0x94 EVENT subscription:u32 n:u64 seq:u64 eventKind:u8 flags:u8 zero8 zero8 version:u32 "
    "timeMs:u64 member:text name:text topic:text space attributes:map fields:map")
_CODES = {name: code for code, (name, _) in _MESSAGES.items()}
_OK, _FAIL, _DELIVER, _GRANT = (_CODES[name] for name in ("OK", "FAIL", "DELIVER", "GRANT"))
_PARTS, _VALUE = _CODES["PARTS"], _CODES["VALUE"]
_UNASKED = (_CODES["RECLAIM"], _CODES["NOTICE"], _CODES["SLAB_GONE"], _CODES["EVENT"])


def _encode(layout: _Layout, fields: Mapping[str, Any]) -> bytes:
    parts = []
    for name, kind in layout[1]:
        if kind == "zero8":
            parts.append(b"\x00")
        elif kind == "payload":
            parts.append(_payload(fields))
        elif kind == "replaced":  # of an offer that replaces: which version, 0 for any
            parts.append(struct.pack("<I", fields["replaced"]) if fields["scope"] & 2 else b"")
        else:
            parts.append(_WRITERS[kind](None if kind == "magic" else fields[name]))
    return b"".join(parts)


def _decode(layout: _Layout, data: Any, exact: bool = True) -> Dict[str, Any]:
    reader = _Reader(data)
    found: Dict[str, Any] = {}
    for name, kind in layout[1]:
        if kind == "replaced":
            found.update({name: reader.u32()} if found["scope"] & 2 else {})
        elif kind == "payload":
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
