"""Values, dtypes, buffers, addresses and leases."""

from __future__ import annotations

import array
import math
import struct
import unittest
from typing import Any

import attacca
from attacca import Space, Timestamp
from attacca.buffers import _describe
from attacca.connecting import _parse_address
from attacca.errors import _Malformed
from attacca.layouts import _CODES, _MESSAGES, _decode, _frame, _message, _split
from attacca.memory import _Leases
from attacca.reading import _Reader
from attacca.values import _map, _value
from attacca.writing import _space


class Values(unittest.TestCase):
    def test_round_trip(self) -> None:
        deep: Any = 1
        for _ in range(8):
            deep = [deep]
        for value in (None, True, False, 0, -1, (1 << 63) - 1, -(1 << 63), 1 << 63, (1 << 64) - 1,
                      0.5, -0.0, math.inf, "", "é😀", b"", b"\x00\xff", Timestamp(-1),
                      [1, "a", [None]], {"b": 1, "a": {"x": [0.5]}}, deep):
            raw = _value(value)
            reader = _Reader(raw)
            found = reader.value()
            reader.end()
            self.assertEqual(found, value)
            self.assertIs(type(found), type(value))
        self.assertEqual(list(_Reader(_map({"b": 1, "a": 2})).map()), ["b", "a"])
        with self.assertRaises(attacca.AttaccaError):
            _value([deep])
        with self.assertRaises(attacca.AttaccaError):
            _value(1 << 64)
        with self.assertRaises(TypeError):
            _value(object())

    def test_malformed(self) -> None:
        for hexed in ("0102", "03" + "01" + "00" * 7, "05" + "02000000" + "c3" + "28", "0a",
                      "02", "05" + "ffffffff", "0801000000" * 9 + "00",
                      "09" + "02000000" + ("01000000" + "61" + "00") * 2,
                      "05" + "03000000" + "eda080"):
            with self.assertRaises(_Malformed, msg=hexed):
                _Reader(bytes.fromhex(hexed)).value()
        with self.assertRaises(_Malformed):
            _Reader(struct.pack("<Q", 1 << 53)).u64()
        self.assertIsNone(_Reader(b"\x00").place())
        with self.assertRaises(_Malformed):
            _Reader(b"\x02\x00\x00\x00\x00\x00").place()
        for head in (b"\x00\x00\x00\x11", b"\x11\x00\x00\x00", b"\x01\x03\x00\x00"):
            with self.assertRaises(_Malformed):
                _Reader(head).space()

    def test_known_bytes(self) -> None:
        self.assertEqual(_frame(5, {"ack": 3}).hex(), "0c000000" "05000000" "03" + "00" * 7)
        self.assertEqual(_message("RETRACT", handle=9).hex(), "0c000000" "1700" "0000"
                         "09000000")
        self.assertEqual(_message("OFFER", handle=1, scope=1, durability=2, source=1,
                                          lifetime=5, payload=b"hi").hex(),
                         "1a000000" "1300" "0000" "01000000" "01" "02" "01" "00" "05000000"
                         "02000000" "6869")
        self.assertEqual(_space(Space("float32", (181, None))).hex(),
                         "0b000002" "b500000000000000" + "ff" * 8)

    def test_dtypes_of_fields(self) -> None:
        text = '{x:float32@0,"a b":string[3]@4,p:{a:int8@0,b:int64@8;16}@8;24}'
        short = '{ x:float32, "a b":string[3], p:{a:int8,b:int64@8;16}@8 }'
        for given in (text, short):
            raw = _space(Space(given, (2,), "row", "little"))
            self.assertEqual(_Reader(raw).space(), Space(text, (2,), "row", "little"))
        self.assertEqual(Space(text).itemsize, 24)
        self.assertEqual((Space("string[7]").itemsize, Space("string[7]").typestr), (7, "|S7"))
        head = _space(Space(text))
        for at in range(len(head)):
            with self.assertRaises(_Malformed):
                _Reader(head[:at]).space()
            for bit in range(8):
                flipped = bytearray(head)
                flipped[at] ^= 1 << bit
                try:
                    reader = _Reader(bytes(flipped))
                    found = reader.space()
                except _Malformed:
                    continue
                self.assertEqual(_space(found), bytes(flipped[:reader._at]))
        for bad in ("string", "string[0]", "string[65537]", "{}", "{x}", "{x:int8", "{x:int8,}",
                    "{x:int9}", "{x:int8,x:int8}", "{x:int8@1,y:int8@1}", "{x:int32;3}",
                    "{x:int8}}", "{x:int8;}", "{x:int8@-1}", '{"":int8}', '{"\n":int8}', "{3:int8}",
                    "{a:" * 5 + "int8" + "}" * 5, "{" * 10000):
            with self.assertRaises(attacca.AttaccaError, msg=bad) as caught:
                _space(Space(bad))
            self.assertEqual(caught.exception.code, "bad-space")

    def test_every_message_round_trips(self) -> None:
        samples = {"u8": 1, "u16": 513, "u32": 70000, "u64": 1 << 40, "text": "tø", "zero8": 0,
                   "bytes": b"ab", "map": {"a": [1]}, "answer": 0.5, "attributes": {3: "x"},
                   "space": Space("int8", (2,), "row", "little"), "keys": [1, 2],
                   "texts": ["a", "b"], "texts16": ["a"], "value": [None], "place": (0.5, "a"),
                   "region": {"dimensions": 1, "boxes": [[[[300, 7, 2]]]], "points": [[1, 1, 1]]},
                   "wanted": {"dimensions": 0, "boxes": [[]], "points": []},
                   "extent": {"slab": 1, "offset": 2, "size": 3},
                   "regions": [{"dimensions": 0, "boxes": [[]], "points": []}] * 2,
                   "parts": [{"region": {"dimensions": 0, "boxes": [[]], "points": []},
                              "source": 1, "payload": b"p"}],
                   "group": {"handle": 1, "scope": 1, "durability": 0, "lifetime": 9,
                             "members": [{"handle": 2, "source": 1, "payload": b"p"}]}}
        for name, code in _CODES.items():
            layout = _MESSAGES[code]
            for source in (0, 1, 2):
                fields = {field: samples[kind] for field, kind in layout[1]
                          if kind not in ("payload", "replaced")}
                if name == "OFFER":
                    fields.update(scope=3, replaced=7)
                if "source" in fields:
                    fields["source"] = source
                    fields.update(({}, {"payload": b"p"}, {"slab": 1, "offset": 2, "size": 3})
                                  [source])
                raw = _message(name, **fields)
                self.assertEqual(_split(raw), [(code, raw[8:])])
                self.assertEqual(_decode(layout, raw[8:]), fields)
                with self.assertRaises(_Malformed):
                    _decode(layout, raw[8:] + b"\x00")
                if fields:
                    with self.assertRaises(_Malformed):
                        _decode(layout, raw[8:-1])

    def test_describe(self) -> None:
        def space(*args: Any) -> Any:
            return tuple(_describe(*args)[1])
        doubles = array.array("d", [1, 2, 3, 4])
        self.assertEqual(space(b"abc", None, None, None), ("uint8", (3,), "row", "little"))
        self.assertEqual(space(doubles, None, (2, 2), None)[:2], ("float64", (2, 2)))
        self.assertEqual(space(bytes(8), "float32", None, None)[:2], ("float32", (2,)))
        self.assertEqual(space(bytes(8), ">f4", (2, 1), "F"),
                         ("float32", (2, 1), "column", "big"))
        grid = memoryview(doubles).cast("B").cast("d", (2, 2))
        self.assertEqual(space(grid, None, None, None)[:2], ("float64", (2, 2)))
        self.assertEqual(bytes(_describe(grid, None, None, "column")[0]),
                         array.array("d", [1, 3, 2, 4]).tobytes())
        self.assertEqual(bytes(_describe(memoryview(b"abcd")[::2], None, None, None)[0]),
                         b"ac")
        self.assertEqual(space(memoryview(bytes(4)).cast("f", ()), None, None, None)[1], ())
        for wrong in ((bytes(7), "float32", None, None), (bytes(8), "int16", (3,), None),
                      (bytes(8), "float31", None, None)):
            with self.assertRaises(attacca.AttaccaError):
                _describe(*wrong)
        with self.assertRaises(TypeError):
            _describe("text", None, None, None)  # no buffer: say in which encoding

    def test_addresses(self) -> None:
        self.assertEqual(_parse_address("tcp://[::1]:70?token=a%2Bb+c"),
                         ("::1", 70, "", "a+b+c"))
        self.assertEqual(_parse_address("unix:/nowhere/s"), (None, 0, "/nowhere/s", None))
        for wrong in ("", "http://a:1", "tcp://host"):
            with self.assertRaises(attacca.AttaccaError):
                _parse_address(wrong)

    def test_leases(self) -> None:
        leases = _Leases({})
        self.assertIsNone(leases.take(1))
        self.assertEqual(leases.take(100, (0, 64, 4 << 20)), (0, 64, 128))
        self.assertEqual(leases.take(1 << 20), (0, 4096, 1 << 20))
        self.assertEqual(leases.take(3900), (0, 192, 3904))  # the gap before the page is used
        leases.give(0, 192, 3904)
        self.assertEqual(leases.take(65), (0, 4096 + (1 << 20), 128))
        self.assertEqual(len(leases.release(1)), 1)
        self.assertEqual(len(leases.release(math.inf)), 1)
        self.assertEqual(leases.release(math.inf), [])
