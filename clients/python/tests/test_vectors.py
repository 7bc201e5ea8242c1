"""The vectors of spec/: every byte of them, both ways."""

from __future__ import annotations

import json
import math
import os
import unittest
from typing import Any, Dict

from support import SPEC
from attacca import Space, Timestamp
from attacca.connecting import _frame_head
from attacca.errors import _Malformed, _RETRYABLE
from attacca.layouts import _FRAMES, _MESSAGES, _decode, _frame, _message, _split
from attacca.limits import _FRAME_MAX
from attacca.reading import _Reader
from attacca.values import _value


def plain(value: Any, kind: str = "") -> Any:
    """A decoded value as vectors.json writes it."""
    if isinstance(value, Space):
        names = zip(("dtype", "shape", "order", "byteOrder"), value)
        return {name: plain(item) for name, item in names if item is not None}
    if isinstance(value, Timestamp):
        return {"timestamp": str(int(value))}
    if isinstance(value, (bytes, memoryview)):
        return {"bytes": bytes(value).hex()}
    if isinstance(value, float):
        known = "-0" if value == 0 and math.copysign(1, value) < 0 else {
            "inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}.get(str(value), value)
        return {"float": known}
    if isinstance(value, int) and abs(value) >= 1 << 53:
        return {"integer": str(value)}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        pairs = [[key, plain(item)] for key, item in value.items()]
        return pairs if kind == "attributes" else {"map": pairs}
    return value


class Vectors(unittest.TestCase):
    """Those of spec/. Names that this client need not judge (a pool does) and globs are left."""

    vectors: Dict[str, Any] = {}
    transcript: Dict[str, Any] = {}

    @classmethod
    def setUpClass(cls) -> None:
        for name in ("vectors", "transcript"):
            path = os.path.join(SPEC, f"{name}.json")
            if not os.path.exists(path):
                raise unittest.SkipTest(f"spec/{name}.json is not there")
            with open(path, encoding="utf-8") as file:
                setattr(cls, name, json.load(file))

    def fields(self, layout: Any, found: Dict[str, Any]) -> Dict[str, Any]:
        """Decoded fields as the vectors write them."""
        first, *rest = layout[0].lower().split("_")
        fields: Dict[str, Any] = {"kind": first + "".join(word.title() for word in rest)}
        for name, kind in layout[1]:
            if name == "messages":
                fields[name] = [self.fields(_MESSAGES[code], _decode(
                    _MESSAGES[code], body)) for code, body in _split(found[name])]
            elif kind == "parts":
                fields[name] = [{"region": part["region"], "source": part["source"],
                                 "payload": self.payload(part)} for part in found[name]]
            elif kind == "replaced":
                fields.update({name: found[name]} if name in found else {})
            elif kind == "payload" and found["source"] == 4:
                fields.update(payload=None, parts=found["parts"])
            elif kind == "payload":
                fields[name] = self.payload(found)
            elif kind == "group" and "group" in found and isinstance(found["group"], dict):
                fields.update(found["group"], members=[
                    {"handle": member["handle"], "payload": self.payload(member)}
                    for member in found["group"]["members"]])
            elif kind in ("region", "wanted", "regions", "extent"):
                fields[name] = found[name]
            elif name == "source" and "as" in found:
                continue  # the payload says it
            elif name in ("retryable", "resumed"):
                fields[name] = found[name] == 1
            elif kind == "place" and found[name] is not None:
                fields[name] = dict(zip(("value", "name"), map(plain, found[name])))
            elif kind not in ("magic", "zero8"):
                fields[name] = plain(found[name], kind)
        return fields

    def payload(self, found: Dict[str, Any]) -> Any:
        if found["source"] > 1:
            return {key: found[key] for key in ("slab", "offset", "size")}
        return plain(found.get("payload"))

    def frame(self, vector: Dict[str, Any]) -> None:
        raw = bytes.fromhex(vector["hex"])
        kind, size = _frame_head(raw[:8], _FRAME_MAX)
        self.assertEqual(size, len(raw) - 8)
        found = _decode(_FRAMES[kind], raw[8:])
        self.assertEqual(self.fields(_FRAMES[kind], found), vector["fields"])
        self.assertEqual(_frame(kind, found), raw)

    def test_frames(self) -> None:
        for vector in self.vectors["frames"]:
            with self.subTest(vector["name"]):
                self.frame(vector)

    def test_transcript(self) -> None:
        for vector in self.transcript["frames"]:
            with self.subTest(vector["what"]):
                self.frame(vector)

    def test_messages(self) -> None:
        for vector in self.vectors["messages"]:
            with self.subTest(vector["name"]):
                raw = bytes.fromhex(vector["hex"])
                [(code, body)] = _split(raw)
                self.assertEqual(code, vector["code"])
                name, _ = layout = _MESSAGES[code]
                found = _decode(layout, body)
                self.assertEqual(self.fields(layout, found), vector["fields"])
                self.assertEqual(_message(name, **found), raw)
        seen = {vector["code"] for vector in self.vectors["messages"]}
        self.assertEqual(seen, set(_MESSAGES))

    def test_values(self) -> None:
        for vector in self.vectors["values"]:
            with self.subTest(vector["hex"]):
                raw = bytes.fromhex(vector["hex"])
                reader = _Reader(raw)
                value = reader.value()
                reader.end()
                self.assertEqual(plain(value), vector["value"])
                self.assertEqual(_value(value), raw)

    def test_refused(self) -> None:
        skipped = 0
        for vector in self.vectors["refused"]:
            if vector["of"] == "glob" or "name" in vector["name"] or "policy" in vector["name"]:
                skipped += 1
                continue
            raw = bytes.fromhex(vector["hex"])
            with self.subTest(vector["name"]), self.assertRaises(_Malformed):
                if vector["of"] == "frame":
                    kind, _ = _frame_head(raw[:8], _FRAME_MAX)
                    found = _decode(_FRAMES[kind], raw[8:])
                    _split(found.get("messages", b""))
                    if found.get("first") == 0:
                        raise _Malformed("numbers begin at 1")
                elif vector["of"] == "message":
                    [(code, body)] = _split(raw)
                    if code not in _MESSAGES:
                        raise _Malformed("a code that is not known")
                    _decode(_MESSAGES[code], body)
                else:
                    _Reader(raw).value()
        self.assertLess(skipped, len(self.vectors["refused"]) // 2)

    def test_errors(self) -> None:
        self.assertEqual({code for code, again in self.vectors["errors"].items() if again},
                         _RETRYABLE)
