"""What a pool for tests does with objects."""

from __future__ import annotations

import threading
from typing import Any, Callable, Dict, List

from fake_connections import FakeConnections, FakeSession, SLAB_BYTES
import attacca
from attacca.told import _CONTAINER


class FakeObjects(FakeConnections):
    """Single-version objects, bump allocation in one slab."""

    def _key(self, s: FakeSession, n: int, f: Dict[str, Any]) -> None:
        s.keys[f["key"]] = f["name"]
        self._ok(s, n)

    def _join(self, s: FakeSession, n: int, f: Dict[str, Any]) -> None:
        if f["name"] == "taken":
            raise attacca.AttaccaError("name-in-use", "")
        granted = f["name"].replace("[*]", "[0]")
        self._say(s, "WELCOME", request=n, member=7, name=granted, granted={})

    def _leave(self, s: FakeSession, n: int, f: Dict[str, Any]) -> None:
        gone = [h["name"] for h in s.handles.values() if h["state"] == "offered"]
        s.handles.clear()
        self._say(s, "BYE", request=n, names=gone)

    def _end(self, s: FakeSession, n: int, f: Dict[str, Any]) -> None:
        s.ended = True
        self._ok(s, n)

    def _cancel(self, s: FakeSession, n: int, f: Dict[str, Any]) -> None:
        self._ok(s, n)
        self._end_waits(s, lambda wait: wait["n"] == f["request"], "cancelled")

    def _end_waits(self, s: FakeSession, which: Callable[[Any], bool], code: str) -> None:
        for thing in self.objects.values():
            for wait in [w for w in thing["waits"] if w["s"] is s and which(w)]:
                thing["waits"].remove(wait)
                wait["timer"].cancel()
                self._fail(s, wait["n"], code)

    def _handle(self, s: FakeSession, number: int, *states: str) -> Dict[str, Any]:
        if number not in s.handles:
            raise attacca.AttaccaError("unknown-handle", "")
        if s.handles[number]["state"] not in states:
            raise attacca.AttaccaError("wrong-state", "")
        return s.handles[number]

    def _declare(self, s: FakeSession, n: int, f: Dict[str, Any]) -> None:
        if f["handle"] in s.handles:
            raise attacca.AttaccaError("handle-in-use", "")
        self.objects.setdefault(f["name"], {"waits": [], "content": None})
        s.handles[f["handle"]] = {**f, "state": "declared"}
        self._ok(s, n)

    def _offer(self, s: FakeSession, n: int, f: Dict[str, Any]) -> None:
        handle = self._handle(s, f["handle"], "declared")
        if f["source"] == 2:
            if (f["slab"], f["offset"]) in [(0, o["at"]) for o in self._contents()]:
                self.bad.append("a slice offered twice")
            if not any(a <= f["offset"] and f["offset"] + f["size"] <= b for a, b in s.leases):
                self.bad.append("not leased")
            if f["offset"] % (4096 if f["size"] >= 1 << 20 else 64):
                self.bad.append("not aligned")
        thing = self.objects[handle["name"]]
        if thing["content"]:
            raise attacca.AttaccaError("already-offered", "")
        said = {s.keys[key]: value for key, value in handle["attributes"].items()}
        if ".container" in said:
            container = self._defined(_CONTAINER, said[".container"])
            said = {**container.get("attributes", {}), **said}
        handle["state"] = "kept" if f["scope"] else "offered"
        thing["content"] = {
            **f, "space": handle["space"], "at": f.get("offset"), "attributes": said}
        self._ok(s, n)
        for wait in thing["waits"]:
            wait["timer"].cancel()
            self._deliver(wait["s"], wait["n"], wait["f"])
            if wait["s"] is not s:
                self._send(wait["s"], wait["s"].out[-1:])
        thing["waits"] = []

    def _contents(self) -> List[Any]:
        return [o["content"] for o in self.objects.values() if o["content"]]

    def _withdraw(self, s: FakeSession, n: int, f: Dict[str, Any]) -> None:
        handle = self._handle(s, f["handle"], "offered")
        handle["state"] = "withdrawn"
        self.objects[handle["name"]]["content"] = None
        self._ok(s, n)

    def _unkeep(self, s: FakeSession, n: int, f: Dict[str, Any]) -> None:
        if not self.objects.get(f["name"], {}).get("content"):
            raise attacca.AttaccaError("unknown-object", "")
        self.objects[f["name"]]["content"] = None
        self._ok(s, n)

    def _require(self, s: FakeSession, n: int, f: Dict[str, Any]) -> None:
        self._handle(s, f["handle"], "declared")["state"] = "required"
        self._ok(s, n)

    def _demand(self, s: FakeSession, n: int, f: Dict[str, Any]) -> None:
        handle = self._handle(s, f["handle"], "declared", "required")
        handle["state"] = "required"
        thing = self.objects[handle["name"]]
        if thing["content"]:
            return self._deliver(s, n, f)

        def due() -> None:
            with self.lock:
                before = len(s.out)
                self._end_waits(s, lambda wait: wait["n"] == n, "deadline-passed")
                self._send(s, s.out[before:])
        timer = threading.Timer(min((f["deadline"] or 60_000) / 1000, 600), due)
        timer.daemon = True
        thing["waits"].append({"s": s, "n": n, "f": f, "timer": timer})
        if "DEMAND" not in self.mute:
            timer.start()

    def _deliver(self, s: FakeSession, n: int, f: Dict[str, Any]) -> None:
        handle = s.handles[f["handle"]]
        content = self.objects[handle["name"]]["content"]
        source = 0 if f["mode"] == 2 else content["source"]
        where = {k: content[k] for k in ("payload", "slab", "offset", "size") if k in content}
        if f["mode"] != 2:
            handle["state"] = "demanded"
        if f["mode"] == 1 and source == 2 and self.on.get("own") is not None:
            source = 3
            s.leases.append((where["offset"], where["offset"] + where["size"]))
        self._say(s, "DELIVER", request=n, version=1, source=source, space=content["space"],
                  attributes=content["attributes"], **where)

    def _retract(self, s: FakeSession, n: int, f: Dict[str, Any]) -> None:
        self._handle(s, f["handle"], "required")["state"] = "retracted"
        self._ok(s, n)
        self._end_waits(s, lambda wait: wait["f"]["handle"] == f["handle"], "cancelled")

    def _dispose(self, s: FakeSession, n: int, f: Dict[str, Any]) -> None:
        self._handle(s, f["handle"], "declared", "kept", "withdrawn", "demanded", "retracted")
        del s.handles[f["handle"]]
        self._ok(s, n)

    def _lease(self, s: FakeSession, n: int, f: Dict[str, Any]) -> None:
        size = min(f["size"], SLAB_BYTES - self.next_free)
        if size < f["least"]:
            raise attacca.AttaccaError("memory-full", "")
        s.leases.append((self.next_free, self.next_free + size))
        self._say(s, "GRANT", request=n, slab=0, offset=self.next_free, size=size)
        self.next_free += size

    def _return(self, s: FakeSession, n: int, f: Dict[str, Any]) -> None:
        if not any(a <= f["offset"] and f["offset"] + f["size"] <= b for a, b in s.leases):
            self.bad.append("returned what was not leased")
        self.returned.append((f["offset"], f["size"]))
        self._ok(s, n)

    def _tag(self, s: FakeSession, n: int, f: Dict[str, Any]) -> None:
        tags = self.objects[f["name"]]["content"]["attributes"]
        tags.update({s.keys[key]: value for key, value in f["attributes"].items()})
        for key in f["removed"]:
            tags.pop(s.keys[key])
        self._ok(s, n)

    def _delete(self, s: FakeSession, n: int, f: Dict[str, Any]) -> None:
        self.objects[f["name"]]["content"] = None
        self._ok(s, n)

    def _stat(self, s: FakeSession, n: int, f: Dict[str, Any]) -> None:
        if f["name"] not in self.objects:
            raise attacca.AttaccaError("unknown-object", "")
        self._say(s, "VALUE", request=n, value={"name": f["name"]})
