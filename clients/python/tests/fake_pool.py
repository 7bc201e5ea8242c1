"""A pool for tests: it does what the cases need and no more."""

from __future__ import annotations

import json
import re
import unittest
from typing import Any, Dict, List, Optional

from support import histogram
from fake_connections import FakeSession
from fake_objects import FakeObjects
import attacca
from attacca import Timestamp
from attacca.told import _CONTAINER, _SCHEMA
from attacca.values import _order, _value


class FakePool(FakeObjects):
    """Answers queries, and keeps definitions."""

    _close = _promise = _ping = lambda self, s, n, f: self._ok(s, n)  # noqa: E731

    def _selected(self, f: Dict[str, Any], most: int = 1 << 32) -> tuple:
        """Names of one part, and `next`. It knows a few selectors, and finds only what is
        offered."""
        self.asked.append(f)
        known = re.fullmatch(
            '(?:(name prefix|name =|[.]container =|any [.]collections =) (".*"))?', f["selector"])
        if known is None:
            raise attacca.AttaccaError("bad-selector", "", {"position": 7})
        how, text = known[1], json.loads(known[2] or '""')

        def is_selected(name: str) -> bool:
            attributes = self.objects[name]["content"]["attributes"]
            return {None: True, "name prefix": name.startswith(text), "name =": name == text,
                    ".container =": attributes.get(".container") == text,
                    "any .collections =": text in attributes.get(".collections", [])}[how]
        names, start = [*self.objects], int(f["after"][1:] or 0)
        found: List[str] = []
        for at in range(start, min(start + self.part, len(names))):
            if len(found) == most:
                return found, f"p{at}"
            if self.objects[names[at]]["content"] and is_selected(names[at]):
                found.append(names[at])
        end = start + self.part
        return found, f"p{end}" if end < len(names) else None

    def _about(self, name: str, detail: int) -> Any:
        attributes = self.objects[name]["content"]["attributes"]
        return (name, {"name": name, "state": "offered"},
                {"name": name, "attributes": attributes})[detail]

    def _query(self, s: FakeSession, n: int, f: Dict[str, Any]) -> None:
        names, after = self._selected(f, f["limit"])
        self._say(s, "VALUE", request=n, value={
            "objects": [self._about(name, f["detail"]) for name in names], "next": after})

    def _count(self, s: FakeSession, n: int, f: Dict[str, Any]) -> None:
        names, after = self._selected(f)
        self._say(s, "VALUE", request=n, value={"count": len(names), "next": after})

    def _sort(self, s: FakeSession, n: int, f: Dict[str, Any]) -> None:
        names, after = self._selected(f)
        rows = [(self.objects[name]["content"]["attributes"].get(f["key"]), name)
                for name in names]

        def is_behind(row: tuple) -> bool:
            one, other = (_order(each[0], f["descending"] == 1) for each in
                          (row, f["place"]))
            later = one < other if f["descending"] else one > other
            return later or (one == other and row[1] > f["place"][1])
        rows.sort(key=lambda row: row[1])
        rows.sort(key=lambda row: _order(row[0], f["descending"] == 1),
                  reverse=f["descending"] == 1)
        rows = [row for row in rows if f["place"] is None or is_behind(row)][:f["limit"]]
        cut = len(rows) > self.sort_rows_max
        self._say(s, "VALUE", request=n, value={"next": after, "cut": cut, "objects": [
            {"key": key, "object": self._about(name, f["detail"])}
            for key, name in rows[:self.sort_rows_max]]})

    def _facets(self, s: FakeSession, n: int, f: Dict[str, Any]) -> None:
        names, after = self._selected(f)
        having = [self.objects[name]["content"]["attributes"] for name in names]
        values = [each[f["key"]] for each in having if f["key"] in each]
        answer: Dict[str, Any] = {"key": f["key"], "objects": len(values), "next": after}
        if f["what"]:
            parts = ("numbers", [v for v in values if not isinstance(v, Timestamp)]), (
                "timestamps", [v for v in values if isinstance(v, Timestamp)])
            answer["histograms"] = [histogram(of, part) for of, part in parts if part]
        else:
            sent = [_value(value) for value in values]  # 5 and 5.0 are two
            counts = [{"value": value, "count": sent.count(raw)} for i, (value, raw) in enumerate(
                zip(values, sent)) if raw not in sent[:i]]
            shown = counts[:3]  # more than that has no room in an answer of this pool
            answer.update(values=shown, distinct=len(counts), otherValues=len(counts) - len(shown),
                          otherObjects=len(values) - sum(each["count"] for each in shown))
        self._say(s, "VALUE", request=n, value=answer)

    def _tag_selected(self, s: FakeSession, n: int, f: Dict[str, Any]) -> None:
        names, after = self._selected(f)
        for name in names if not f["dry"] else ():
            tags = self.objects[name]["content"]["attributes"]
            tags.update({s.keys[key]: value for key, value in f["attributes"].items()})
            for key in f["removed"]:
                tags.pop(s.keys[key], None)
        self._say(s, "VALUE", request=n, value={
            "selected": len(names), "changed": len(names), "refused": [], "next": after})

    def _end_selected(self, s: FakeSession, n: int, f: Dict[str, Any]) -> None:
        names, after = self._selected(f)
        refused = []
        for name in names:
            code = self._why_not(name) if f["how"] == 1 else None
            if code is not None:
                refused.append({"name": name, "code": code, "message": "Cannot"})
            elif not f["dry"]:
                self.objects[name]["content"] = None
        self.ends.append(f["how"])
        self._say(s, "VALUE", request=n, value={
            "selected": len(names), "changed": len(names) - len(refused), "next": after,
            "refused": refused})

    def _why_not(self, name: str) -> Optional[str]:
        """The code with which a deletion is refused."""
        if name.endswith("/needed"):
            return "object-required"
        depended = any(name in content["attributes"].get(".depends-on", [])
                       for content in self._contents())
        return "object-depended-on" if depended else None

    def _defined(self, kind: int, name: str) -> Any:
        if name not in self.definitions[kind]:
            raise attacca.AttaccaError("unknown-definition", "", {"name": name})
        return self.definitions[kind][name]

    def _objects_of(self, kind: int, name: str) -> int:
        each = [content["attributes"] for content in self._contents()]
        return sum(name == a.get(".container") if kind == _CONTAINER
                   else name in a.get(".collections", []) for a in each)

    def _define(self, s: FakeSession, n: int, f: Dict[str, Any]) -> None:
        kind, name = f["definitionKind"], f["name"]
        if f["definition"] is not None:
            self.definitions[kind][name] = f["definition"]
            return self._ok(s, n)
        self._defined(kind, name)
        if kind != _SCHEMA and self._objects_of(kind, name):
            raise attacca.AttaccaError("definition-in-use", "", {"name": name})
        del self.definitions[kind][name]
        self._ok(s, n)

    def _definitions(self, s: FakeSession, n: int, f: Dict[str, Any]) -> None:
        kind, names = f["definitionKind"], [f["name"]] if f["name"] else None
        self._say(s, "VALUE", request=n, value=[{
            "name": name, "definition": self._defined(kind, name),
            "objects": None if kind == _SCHEMA else self._objects_of(kind, name),
            "later": "a field that nobody knows"} for name in names or self.definitions[kind]])

    def _gather(self, s: FakeSession, n: int, f: Dict[str, Any]) -> None:
        names, after = self._selected(f)
        refused = []
        for name in names:
            attributes = self.objects[name]["content"]["attributes"]
            values = attributes.get(f["key"], [])
            if not isinstance(values, list):
                refused.append({
                    "name": name, "code": "bad-attribute", "message": "Cannot: no list"})
            elif not f["dry"]:
                attributes[f["key"]] = [value for value in values if value != f["value"]] + (
                    [] if f["removes"] else [f["value"]])
        self._say(s, "VALUE", request=n, value={
            "selected": len(names), "changed": len(names) - len(refused), "refused": refused,
            "next": after})

    def _lineage(self, s: FakeSession, n: int, f: Dict[str, Any]) -> None:
        if f["name"] not in self.objects:
            raise attacca.AttaccaError("unknown-object", "", {"name": f["name"]})
        self._say(s, "VALUE", request=n, value={"name": f["name"], "nodes": [], "activities": [],
                                                "edges": [], "deeper": f["depth"] < 16})

    def _members(self, s: FakeSession, n: int, f: Dict[str, Any]) -> None:
        self._say(s, "VALUE", request=n, value=[{"name": "a"}])

    def _info(self, s: FakeSession, n: int, f: Dict[str, Any]) -> None:
        self._say(s, "VALUE", request=n, value={"pool": "p1"})

    def _explain(self, s: FakeSession, n: int, f: Dict[str, Any]) -> None:
        self._say(s, "VALUE", request=n, value=f["what"])


class WithPool(unittest.TestCase):
    def start(self, **options: Any) -> FakePool:
        pool = FakePool(**options)
        self.addCleanup(pool.close)
        self.fake = pool
        return pool

    def join(self, name: str = "consumer[0]", **options: Any) -> attacca.Pool:
        pool = attacca.join(name, self.fake.address, **options)
        self.addCleanup(pool.close)
        return pool

    def code(self, code: str) -> Any:
        test = self

        class Caught:
            def __enter__(self) -> "Caught":
                return self

            def __exit__(self, kind: Any, error: Any, _: Any) -> bool:
                test.assertIsInstance(error, attacca.AttaccaError)
                test.assertEqual(error.code, code, error)
                self.error = error
                return True
        return Caught()

    def tearDown(self) -> None:
        if hasattr(self, "fake"):
            self.assertEqual(self.fake.bad, [])
