"""Tests of the Python client: like it, one file that can be copied.

    python3 clients/python/test_attacca.py            # codec, vectors, and a small fake pool
    python3 clients/python/test_attacca.py --pool     # against the pool named by ATTACCA_POOL

The fake pool does what the cases need and no more, and can break a connection in mid-frame, be
silent, or grant memory that is not aligned. It speaks through sockets, as a real one does.
"""

from __future__ import annotations

import array
import datetime
import fractions
import itertools
import json
import math
import os
import random
import re
import signal
import socket
import struct
import sys
import tempfile
import threading
import unittest
import unittest.mock
import zlib
from typing import Any, Callable, Dict, List, Optional, Set, Tuple

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import attacca  # noqa: E402
from attacca import Space, Timestamp  # noqa: E402

try:
    import numpy
except ImportError:
    numpy = None  # type: ignore[assignment]

try:
    import xarray
except ImportError:
    xarray = None

SLAB_BYTES = 32 << 20


class _Indexed:
    """What stands between brackets, as `numpy.s_` gives it."""

    def __getitem__(self, region: Any) -> Any:
        return region


numpy_like = _Indexed()
SPEC = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "spec")


# Values in the order of SORT; those of one row are equal.
ORDER: List[List[Any]] = [
    [-math.inf], [-(1 << 63), -9.223372036854775808e18], [-1.5], [-1, -1.0], [0, 0.0, -0.0],
    [5e-324], [1], [1 << 53, 9007199254740992.0], [(1 << 53) + 1], [9007199254740994.0],
    [(1 << 63) - 1], [1 << 63, 9.223372036854775808e18], [(1 << 63) + 1], [(1 << 64) - 1],
    [18446744073709551616.0], [1e300], [math.inf], [math.nan, -math.nan],
    [Timestamp(-(1 << 63))], [Timestamp(-1)], [Timestamp(0)], [Timestamp((1 << 53) + 1)],
    [""], ["\x00"], ["A"], ["a"], ["aa"], ["é"], ["\uffff"], ["😀"],
    [b""], [b"\x00"], [b"\x00\x00"], [b"a"], [b"\xff"], [False], [True],
    [[1], ["a", [2]], {"a": 1}, []]]


def histogram(of: str, values: List[Any], bins_max: int = 64) -> Dict[str, Any]:
    """As a pool answers; by fractions, and so exactly."""
    least, most = min(values), max(values)
    exponent = -8
    while True:
        width = fractions.Fraction(2) ** exponent
        first, last = fractions.Fraction(least) // width, fractions.Fraction(most) // width
        if last - first < bins_max:
            break
        exponent += 1
    bins = [0] * (last - first + 1)
    for value in values:
        bins[fractions.Fraction(value) // width - first] += 1
    return {"of": of, "objects": len(values), "least": least, "most": most, "exponent": exponent,
            "first": float(first), "bins": bins}


# ---- A pool for tests ---------------------------------------------------------------------------

class FakeSession:
    def __init__(self, number: int) -> None:
        self.number, self.secret = number, os.urandom(32)
        self.received = self.sent = 0
        self.out: List[tuple] = []  # (number, bytes) not acknowledged
        self.sock: Optional[socket.socket] = None
        self.keys: Dict[int, str] = {}
        self.handles: Dict[int, Dict[str, Any]] = {}
        self.leases: List[tuple] = []
        self.ended = False


class FakePool:
    """Single-version objects, bump allocation in one slab. One lock for everything."""

    def __init__(self, shared: bool = True, misalign: int = 0, listen: bool = True) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.slabs = os.path.join(self.folder.name, "slabs")
        os.mkdir(self.slabs)
        self.own("p1" if shared else "another")
        with open(os.path.join(self.slabs, "slab-0"), "wb") as file:
            file.truncate(SLAB_BYTES)
        self.slab = open(os.path.join(self.slabs, "slab-0"), "r+b", buffering=0)
        with open(os.path.join(self.folder.name, "token"), "w", encoding="utf-8") as token:
            token.write("s3cret\n")
        path = os.path.join(self.folder.name, "socket")
        self.address = f"unix:{path}"
        self.next_free = misalign
        self.lock = threading.RLock()
        self.sessions: Dict[int, FakeSession] = {}
        self.objects: Dict[str, Dict[str, Any]] = {}
        self.effects: List[str] = []     # names of the requests that took effect, in order
        self.bad: List[str] = []         # what a client must not do
        self.returned: List[tuple] = []
        self.cut_out = self.cut_in = self.cut_data = 0  # connections still to cut
        self.cut_hello = 0  # the same, before anything is answered
        self.mute: set = set()           # requests that get no answer
        self.on: Dict[str, Callable[[], None]] = {}
        self.refuse_resume = False
        self.part = 4  # objects that one answer to a selector looks at
        self.sort_rows_max = 1 << 32  # rows for which one sorted answer has room
        self.asked: List[Dict[str, Any]] = []  # requests with a selector
        self.ends: List[int] = []  # how what is selected was ended
        self.definitions: List[Dict[str, Any]] = [{}, {}, {}]  # by kind
        self.lost_below = 0  # what lies below has no bytes any more
        self.connections = 0
        self.server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.server.bind(path)
        self.socks: List[socket.socket] = [self.server]
        if listen:
            self.listen()

    def listen(self) -> None:
        self.server.listen(16)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for sock in self.socks:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            sock.close()
        self.slab.close()
        self.folder.cleanup()

    def own(self, pool: str) -> None:
        """Says whose the directory of the slabs is."""
        with open(os.path.join(self.slabs, "owner.json"), "w", encoding="utf-8") as owner:
            json.dump({"poolId": pool}, owner)

    def lose(self) -> None:
        """Ends the connections, not the sessions."""
        with self.lock:
            for session in self.sessions.values():
                if session.sock is not None:
                    session.sock.shutdown(socket.SHUT_RDWR)
                    session.sock = None

    def stop(self) -> None:
        """Ends in order: says so to everybody."""
        with self.lock:
            for session in self.sessions.values():
                if session.sock is not None:
                    self._refuse(session.sock, "pool-stopping")
                    session.sock = None

    def lose_memory(self) -> None:
        """Another manager goes on, with none of the slabs of before."""
        self.lose()
        with self.lock:
            self.lost_below = self.next_free
            for session in self.sessions.values():
                session.leases.clear()

    # Connections.

    def _accept(self) -> None:
        while True:
            try:
                sock = self.server.accept()[0]
            except OSError:
                return
            self.socks.append(sock)
            if self.cut_hello:
                self.cut_hello -= 1
                sock.close()
                continue
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    @staticmethod
    def _frame(sock: socket.socket) -> tuple:
        kind, size = attacca._frame_head(attacca._read_exactly(sock, 8), attacca._FRAME_MAX)
        return kind, bytes(attacca._read_exactly(sock, size))

    def _serve(self, sock: socket.socket) -> None:
        try:
            kind, body = self._frame(sock)
            hello = attacca._decode(attacca._FRAMES[1], body)
            assert kind == 1 and hello["lowest"] == 1
            if hello["token"] != "s3cret":
                return self._refuse(sock, "wrong-token")
            with self.lock:
                self.connections += 1
                session = self.sessions.get(hello["session"])
                if hello["session"] == 0:
                    session = FakeSession(len(self.sessions) + 1)
                    self.sessions[session.number] = session
                elif session is None or self.refuse_resume or session.ended or (
                        session.secret != hello["secret"]):
                    return self._refuse(sock, "session-unknown")
            boot = attacca._system("/proc/sys/kernel/random/boot_id")
            accept = attacca._frame(2, {
                "version": 1, "poolId": "p1", "poolName": "test", "session": session.number,
                "secret": session.secret, "received": session.received,
                "resumed": int(hello["session"] != 0), "pool": {
                    "software": "fake", "bootId": boot, "slabs": self.slabs,
                    "data": [self.address], "pid": os.getpid(),
                    "limits": {"sessionAwayMsMax": 2000, "inlineBytesMax": 65536}}})
            accept = struct.pack("<I", len(accept) - 4 + 3) + accept[4:] + b"new"  # a later field
            if hello["role"] == 1:
                sock.sendall(accept)
                return self._serve_data(sock, session)
            with self.lock:
                sock.sendall(accept)
                session.sock = sock
                session.out = [m for m in session.out if m[0] > hello["received"]]
                self._send(session, session.out)
            while True:
                if self.cut_in and hello["session"] == 0 and session.received > 2:
                    self.cut_in -= 1
                    attacca._read_exactly(sock, 9)
                    sock.shutdown(socket.SHUT_RDWR)
                    return
                kind, body = self._frame(sock)
                fields = attacca._decode(attacca._FRAMES[kind], body)
                with self.lock:
                    session.out = [m for m in session.out if m[0] > fields["ack"]]
                    if kind == 4:
                        self._batch(session, fields)
        except (OSError, ConnectionError):
            pass

    @staticmethod
    def _refuse(sock: socket.socket, code: str) -> None:
        sock.sendall(attacca._frame(3, {"retryable": 0, "code": code, "message": code,
                                        "fields": {}}))
        sock.close()

    def _batch(self, session: FakeSession, fields: Dict[str, Any]) -> None:
        before = len(session.out)
        for number, (code, body) in enumerate(attacca._split(fields["messages"]),
                                              fields["first"]):
            if number <= session.received:
                continue
            assert number == session.received + 1, "a gap"
            session.received = number
            name = attacca._MESSAGES[code][0]
            request = attacca._decode(attacca._MESSAGES[code], body)
            self.effects.append(name)
            try:
                getattr(self, "_" + name.lower())(session, number, request)
            except attacca.AttaccaError as error:
                self._fail(session, number, error.code, error.fields)
            if name in self.on:
                self.on.pop(name)()
        self._send(session, session.out[before:])

    def _send(self, session: FakeSession, messages: List[tuple]) -> None:
        if not messages or session.sock is None:
            return
        frame = attacca._frame(4, {"first": messages[0][0], "ack": session.received,
                                   "messages": b"".join(m[1] for m in messages)})
        try:
            if self.cut_out and session.sent > 3:
                self.cut_out -= 1
                session.sock.sendall(frame[:len(frame) - 5])
                session.sock.shutdown(socket.SHUT_RDWR)
            else:
                session.sock.sendall(frame)
        except OSError:
            session.sock = None

    def _say(self, session: FakeSession, what: str, **fields: Any) -> None:
        if what in ("OK", "VALUE", "DELIVER") and self.mute and self.effects[-1] in self.mute:
            return
        session.sent += 1
        session.out.append((session.sent, attacca._message(what, **fields)))

    def say_now(self, what: str, **fields: Any) -> None:
        with self.lock:
            for session in self.sessions.values():
                self._say(session, what, **fields)
                self._send(session, session.out[-1:])

    def _ok(self, session: FakeSession, number: int) -> None:
        self._say(session, "OK", first=number, last=number, record=0, bytes=0)

    def _fail(self, session: FakeSession, number: int, code: str,
              fields: Optional[Dict[str, Any]] = None) -> None:
        self._say(session, "FAIL", request=number, retryable=int(code == "deadline-passed"),
                  code=code, message=f"Cannot: {code}", fields={"n": number, **(fields or {})})

    # Requests.

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

    _close = _promise = _ping = lambda self, s, n, f: self._ok(s, n)  # noqa: E731

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
            container = self._defined(attacca._CONTAINER, said[".container"])
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
            one, other = (attacca._order(each[0], f["descending"] == 1) for each in
                          (row, f["place"]))
            later = one < other if f["descending"] else one > other
            return later or (one == other and row[1] > f["place"][1])
        rows.sort(key=lambda row: row[1])
        rows.sort(key=lambda row: attacca._order(row[0], f["descending"] == 1),
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
            sent = [attacca._value(value) for value in values]  # 5 and 5.0 are two
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
        return sum(name == a.get(".container") if kind == attacca._CONTAINER
                   else name in a.get(".collections", []) for a in each)

    def _define(self, s: FakeSession, n: int, f: Dict[str, Any]) -> None:
        kind, name = f["definitionKind"], f["name"]
        if f["definition"] is not None:
            self.definitions[kind][name] = f["definition"]
            return self._ok(s, n)
        self._defined(kind, name)
        if kind != attacca._SCHEMA and self._objects_of(kind, name):
            raise attacca.AttaccaError("definition-in-use", "", {"name": name})
        del self.definitions[kind][name]
        self._ok(s, n)

    def _definitions(self, s: FakeSession, n: int, f: Dict[str, Any]) -> None:
        kind, names = f["definitionKind"], [f["name"]] if f["name"] else None
        self._say(s, "VALUE", request=n, value=[{
            "name": name, "definition": self._defined(kind, name),
            "objects": None if kind == attacca._SCHEMA else self._objects_of(kind, name),
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

    # Data connections.

    def _serve_data(self, sock: socket.socket, session: FakeSession) -> None:
        while True:
            kind, body = self._frame(sock)
            if len(body) + 4 > attacca._DATA_FRAME_MAX:
                self.bad.append("a data frame that is too large")
            f = attacca._decode(attacca._FRAMES[kind], body)
            if kind == 6:
                end = f["offset"] + len(f["payload"])
                if not any(a <= f["offset"] and end <= b for a, b in session.leases):
                    sock.sendall(attacca._frame(10, {"transfer": f["transfer"],
                                                     "code": "bad-lease", "message": "no"}))
                    continue
                os.pwrite(self.slab.fileno(), f["payload"], f["offset"])
                size = len(f["payload"])
            elif f["offset"] < self.lost_below:
                sock.sendall(attacca._frame(10, {"transfer": f["transfer"],
                                                 "code": "bad-lease", "message": "no"}))
                continue
            else:
                size = f["size"]
                for at in range(0, size, 1 << 20):
                    part = os.pread(self.slab.fileno(), min(1 << 20, size - at), f["offset"] + at)
                    sock.sendall(attacca._frame(8, {"transfer": f["transfer"],
                                                    "offset": f["offset"] + at, "payload": part}))
                    if self.cut_data:
                        self.cut_data -= 1
                        sock.sendall(b"\x10\x00")
                        return sock.shutdown(socket.SHUT_RDWR)
            sock.sendall(attacca._frame(9, {"transfer": f["transfer"], "size": size}))


# ---- Codec --------------------------------------------------------------------------------------

class Values(unittest.TestCase):
    def test_round_trip(self) -> None:
        deep: Any = 1
        for _ in range(8):
            deep = [deep]
        for value in (None, True, False, 0, -1, (1 << 63) - 1, -(1 << 63), 1 << 63, (1 << 64) - 1,
                      0.5, -0.0, math.inf, "", "é😀", b"", b"\x00\xff", Timestamp(-1),
                      [1, "a", [None]], {"b": 1, "a": {"x": [0.5]}}, deep):
            raw = attacca._value(value)
            reader = attacca._Reader(raw)
            found = reader.value()
            reader.end()
            self.assertEqual(found, value)
            self.assertIs(type(found), type(value))
        self.assertEqual(list(attacca._Reader(attacca._map({"b": 1, "a": 2})).map()), ["b", "a"])
        with self.assertRaises(attacca.AttaccaError):
            attacca._value([deep])
        with self.assertRaises(attacca.AttaccaError):
            attacca._value(1 << 64)
        with self.assertRaises(TypeError):
            attacca._value(object())

    def test_malformed(self) -> None:
        for hexed in ("0102", "03" + "01" + "00" * 7, "05" + "02000000" + "c3" + "28", "0a",
                      "02", "05" + "ffffffff", "0801000000" * 9 + "00",
                      "09" + "02000000" + ("01000000" + "61" + "00") * 2,
                      "05" + "03000000" + "eda080"):
            with self.assertRaises(attacca._Malformed, msg=hexed):
                attacca._Reader(bytes.fromhex(hexed)).value()
        with self.assertRaises(attacca._Malformed):
            attacca._Reader(struct.pack("<Q", 1 << 53)).u64()
        self.assertIsNone(attacca._Reader(b"\x00").place())
        with self.assertRaises(attacca._Malformed):
            attacca._Reader(b"\x02\x00\x00\x00\x00\x00").place()
        for head in (b"\x00\x00\x00\x11", b"\x11\x00\x00\x00", b"\x01\x03\x00\x00"):
            with self.assertRaises(attacca._Malformed):
                attacca._Reader(head).space()

    def test_known_bytes(self) -> None:
        self.assertEqual(attacca._frame(5, {"ack": 3}).hex(), "0c000000" "05000000" "03" + "00" * 7)
        self.assertEqual(attacca._message("RETRACT", handle=9).hex(), "0c000000" "1700" "0000"
                         "09000000")
        self.assertEqual(attacca._message("OFFER", handle=1, scope=1, durability=2, source=1,
                                          lifetime=5, payload=b"hi").hex(),
                         "1a000000" "1300" "0000" "01000000" "01" "02" "01" "00" "05000000"
                         "02000000" "6869")
        self.assertEqual(attacca._space(Space("float32", (181, None))).hex(),
                         "0b000002" "b500000000000000" + "ff" * 8)

    def test_dtypes_of_fields(self) -> None:
        text = '{x:float32@0,"a b":string[3]@4,p:{a:int8@0,b:int64@8;16}@8;24}'
        short = '{ x:float32, "a b":string[3], p:{a:int8,b:int64@8;16}@8 }'
        for given in (text, short):
            raw = attacca._space(Space(given, (2,), "row", "little"))
            self.assertEqual(attacca._Reader(raw).space(), Space(text, (2,), "row", "little"))
        self.assertEqual(Space(text).itemsize, 24)
        self.assertEqual((Space("string[7]").itemsize, Space("string[7]").typestr), (7, "|S7"))
        head = attacca._space(Space(text))
        for at in range(len(head)):
            with self.assertRaises(attacca._Malformed):
                attacca._Reader(head[:at]).space()
            for bit in range(8):
                flipped = bytearray(head)
                flipped[at] ^= 1 << bit
                try:
                    reader = attacca._Reader(bytes(flipped))
                    found = reader.space()
                except attacca._Malformed:
                    continue
                self.assertEqual(attacca._space(found), bytes(flipped[:reader._at]))
        for bad in ("string", "string[0]", "string[65537]", "{}", "{x}", "{x:int8", "{x:int8,}",
                    "{x:int9}", "{x:int8,x:int8}", "{x:int8@1,y:int8@1}", "{x:int32;3}",
                    "{x:int8}}", "{x:int8;}", "{x:int8@-1}", '{"":int8}', '{"\n":int8}', "{3:int8}",
                    "{a:" * 5 + "int8" + "}" * 5, "{" * 10000):
            with self.assertRaises(attacca.AttaccaError, msg=bad) as caught:
                attacca._space(Space(bad))
            self.assertEqual(caught.exception.code, "bad-space")

    def test_every_message_round_trips(self) -> None:
        samples = {"u8": 1, "u16": 513, "u32": 70000, "u64": 1 << 40, "text": "tø", "zero8": 0,
                   "bytes": b"ab", "map": {"a": [1]}, "answer": 0.5, "attributes": {3: "x"},
                   "space": Space("int8", (2,), "row", "little"), "keys": [1, 2],
                   "texts": ["a", "b"], "value": [None], "place": (0.5, "a"),
                   "region": {"dimensions": 1, "boxes": [[[[300, 7, 2]]]], "points": [[1, 1, 1]]},
                   "extent": {"slab": 1, "offset": 2, "size": 3},
                   "regions": [{"dimensions": 0, "boxes": [[]], "points": []}] * 2,
                   "parts": [{"region": {"dimensions": 0, "boxes": [[]], "points": []},
                              "source": 1, "payload": b"p"}]}
        for name, code in attacca._CODES.items():
            layout = attacca._MESSAGES[code]
            for source in (0, 1, 2):
                fields = {field: samples[kind] for field, kind in layout[1] if kind != "payload"}
                if "source" in fields:
                    fields["source"] = source
                    fields.update(({}, {"payload": b"p"}, {"slab": 1, "offset": 2, "size": 3})
                                  [source])
                raw = attacca._message(name, **fields)
                self.assertEqual(attacca._split(raw), [(code, raw[8:])])
                self.assertEqual(attacca._decode(layout, raw[8:]), fields)
                with self.assertRaises(attacca._Malformed):
                    attacca._decode(layout, raw[8:] + b"\x00")
                if fields:
                    with self.assertRaises(attacca._Malformed):
                        attacca._decode(layout, raw[8:-1])

    def test_describe(self) -> None:
        def space(*args: Any) -> Any:
            return tuple(attacca._describe(*args)[1])
        doubles = array.array("d", [1, 2, 3, 4])
        self.assertEqual(space(b"abc", None, None, None), ("uint8", (3,), "row", "little"))
        self.assertEqual(space(doubles, None, (2, 2), None)[:2], ("float64", (2, 2)))
        self.assertEqual(space(bytes(8), "float32", None, None)[:2], ("float32", (2,)))
        self.assertEqual(space(bytes(8), ">f4", (2, 1), "F"),
                         ("float32", (2, 1), "column", "big"))
        grid = memoryview(doubles).cast("B").cast("d", (2, 2))
        self.assertEqual(space(grid, None, None, None)[:2], ("float64", (2, 2)))
        self.assertEqual(bytes(attacca._describe(grid, None, None, "column")[0]),
                         array.array("d", [1, 3, 2, 4]).tobytes())
        self.assertEqual(bytes(attacca._describe(memoryview(b"abcd")[::2], None, None, None)[0]),
                         b"ac")
        self.assertEqual(space(memoryview(bytes(4)).cast("f", ()), None, None, None)[1], ())
        for wrong in ((bytes(7), "float32", None, None), (bytes(8), "int16", (3,), None),
                      (bytes(8), "float31", None, None)):
            with self.assertRaises(attacca.AttaccaError):
                attacca._describe(*wrong)
        with self.assertRaises(TypeError):
            attacca._describe("text", None, None, None)  # no buffer: say in which encoding

    def test_addresses(self) -> None:
        self.assertEqual(attacca._parse_address("tcp://[::1]:70?token=a%2Bb+c"),
                         ("::1", 70, "", "a+b+c"))
        self.assertEqual(attacca._parse_address("unix:/nowhere/s"), (None, 0, "/nowhere/s", None))
        for wrong in ("", "http://a:1", "tcp://host"):
            with self.assertRaises(attacca.AttaccaError):
                attacca._parse_address(wrong)

    def test_leases(self) -> None:
        leases = attacca._Leases({})
        self.assertIsNone(leases.take(1))
        self.assertEqual(leases.take(100, (0, 64, 4 << 20)), (0, 64, 128))
        self.assertEqual(leases.take(1 << 20), (0, 4096, 1 << 20))
        self.assertEqual(leases.take(3900), (0, 192, 3904))  # the gap before the page is used
        leases.give(0, 192, 3904)
        self.assertEqual(leases.take(65), (0, 4096 + (1 << 20), 128))
        self.assertEqual(len(leases.release(1)), 1)
        self.assertEqual(len(leases.release(math.inf)), 1)
        self.assertEqual(leases.release(math.inf), [])


class Selecting(unittest.TestCase):
    """How parts of a pool are put together."""

    def test_order(self) -> None:
        rank = {id(value): at for at, row in enumerate([*ORDER, [None]]) for value in row}
        chance = random.Random(1)
        for _ in range(20):
            values = [value for row in [*ORDER, [None]] for value in row]
            chance.shuffle(values)
            up = sorted(values, key=attacca._order)
            self.assertEqual([rank[id(value)] for value in up], sorted(rank[id(v)] for v in values))
            down = sorted(values, key=lambda value: attacca._order(value, True), reverse=True)
            self.assertIsNone(down[-1])
            self.assertEqual([rank[id(value)] for value in down[:-1]],
                             sorted((rank[id(v)] for v in values if v is not None), reverse=True))

    def test_identity(self) -> None:
        distinct = [*(row[0] for row in ORDER[:-1]), None, [], [[]], [None], [1], [True], ["1"],
                    [b"1"], [Timestamp(1)], [1, 2], [2, 1], {}, {"a": 1}, {"a": True}, {"b": 1}]
        self.assertEqual(len({attacca._identity(value) for value in distinct}), len(distinct))
        for row in [*ORDER[:-1], [[1, [2]], [1.0, [2.0]]], [{"a": 1, "b": 2}, {"b": 2.0, "a": 1}]]:
            self.assertEqual(len({attacca._identity(value) for value in row}), 1, row)

    def test_histograms(self) -> None:
        chance = random.Random(2)
        for case in range(200):
            count = chance.randrange(1, 100)
            scale = 10.0 ** chance.randrange(-3, 12)
            values: List[Any] = [chance.uniform(-1, 1) * scale + scale * (case % 3)
                                 for _ in range(count)]
            if case % 2:
                values = [Timestamp(int(value)) for value in values]
            cut = chance.randrange(count)
            parts = [attacca.Histogram(**{**histogram("x", part), "first": int(
                histogram("x", part)["first"])}) for part in (values[:cut], values[cut:]) if part]
            found = parts[0] if len(parts) == 1 else attacca._together(*parts)
            self.assertLessEqual(len(found.bins), 64)
            self.assertTrue(found.bins[0] and found.bins[-1])
            width = fractions.Fraction(2) ** found.exponent
            bins = [0] * len(found.bins)
            for value in values:
                bins[fractions.Fraction(value) // width - found.first] += 1
            self.assertEqual((found.bins, found.objects, found.least, found.most),
                             (bins, count, min(values), max(values)))
        # Where the bins of both, as fine as they are, would be too many.
        far = attacca._together(*(attacca.Histogram("x", 1, v, v, -6, v << 6, [1])
                                  for v in (-1, 1 << 40)))
        self.assertEqual((far.exponent, far.first, far.bins), (35, -1, [1, *[0] * 32, 1]))


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
                fields[name] = [self.fields(attacca._MESSAGES[code], attacca._decode(
                    attacca._MESSAGES[code], body)) for code, body in attacca._split(found[name])]
            elif kind == "parts":
                fields[name] = [{"region": part["region"], "source": part["source"],
                                 "payload": self.payload(part)} for part in found[name]]
            elif kind == "payload" and found["source"] == 4:
                fields.update(payload=None, parts=found["parts"])
            elif kind == "payload":
                fields[name] = self.payload(found)
            elif kind in ("region", "regions", "extent"):
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
        kind, size = attacca._frame_head(raw[:8], attacca._FRAME_MAX)
        self.assertEqual(size, len(raw) - 8)
        found = attacca._decode(attacca._FRAMES[kind], raw[8:])
        self.assertEqual(self.fields(attacca._FRAMES[kind], found), vector["fields"])
        self.assertEqual(attacca._frame(kind, found), raw)

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
                [(code, body)] = attacca._split(raw)
                self.assertEqual(code, vector["code"])
                name, _ = layout = attacca._MESSAGES[code]
                found = attacca._decode(layout, body)
                self.assertEqual(self.fields(layout, found), vector["fields"])
                self.assertEqual(attacca._message(name, **found), raw)
        seen = {vector["code"] for vector in self.vectors["messages"]}
        self.assertEqual(seen, set(attacca._MESSAGES))

    def test_values(self) -> None:
        for vector in self.vectors["values"]:
            with self.subTest(vector["hex"]):
                raw = bytes.fromhex(vector["hex"])
                reader = attacca._Reader(raw)
                value = reader.value()
                reader.end()
                self.assertEqual(plain(value), vector["value"])
                self.assertEqual(attacca._value(value), raw)

    def test_refused(self) -> None:
        skipped = 0
        for vector in self.vectors["refused"]:
            if vector["of"] == "glob" or "name" in vector["name"] or "policy" in vector["name"]:
                skipped += 1
                continue
            raw = bytes.fromhex(vector["hex"])
            with self.subTest(vector["name"]), self.assertRaises(attacca._Malformed):
                if vector["of"] == "frame":
                    kind, _ = attacca._frame_head(raw[:8], attacca._FRAME_MAX)
                    found = attacca._decode(attacca._FRAMES[kind], raw[8:])
                    attacca._split(found.get("messages", b""))
                    if found.get("first") == 0:
                        raise attacca._Malformed("numbers begin at 1")
                elif vector["of"] == "message":
                    [(code, body)] = attacca._split(raw)
                    if code not in attacca._MESSAGES:
                        raise attacca._Malformed("a code that is not known")
                    attacca._decode(attacca._MESSAGES[code], body)
                else:
                    attacca._Reader(raw).value()
        self.assertLess(skipped, len(self.vectors["refused"]) // 2)

    def test_errors(self) -> None:
        self.assertEqual({code for code, again in self.vectors["errors"].items() if again},
                         attacca._RETRYABLE)


# ---- The client and the fake pool ---------------------------------------------------------------

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


class Working(WithPool):
    def life(self, transport: str) -> None:
        fake = self.start(shared=transport != "socket")
        with self.join("producer[*]") as a, self.join() as b:
            self.assertEqual((a.member, a.name, a.id), ("producer[0]", "test", "p1"))
            self.assertEqual(a.transport, transport)
            for size in (0, 8, 16384, 16392, 1 << 20, 5 << 20):
                data = os.urandom(size)
                a.offer(f"t/{size}", data, dtype="float64", attributes={"size": size, "param": "t"})
                need = b.require(f"t/{size}")
                with need.demand(timeout=30) as d:
                    self.assertEqual(bytes(d), data)
                    self.assertEqual(d.attributes, {"size": size, "param": "t"})
                    self.assertTrue(d.view.readonly)
                    self.assertEqual((d.space.dtype, d.space.shape), ("float64", (size // 8,)))
                    if size:
                        self.assertEqual((d.view.format, d.view.shape), ("d", (size // 8,)))
                with self.code("wrong-state"):
                    print(d.view)
                own = b.demand(f"t/{size}", timeout=30, own=True)
                self.assertEqual(bytes(own), data)
                self.assertFalse(own.view.readonly)
                own.dispose()
                a.withdraw(f"t/{size}", timeout=5)
            self.assertEqual(a._offers, {})
            a.offer("last", b"x")
            handles = fake.sessions[1].handles
            names = a.leave(timeout=5)
            self.assertEqual(names, ["last"])
            self.assertEqual(a.leave(), [])
            self.assertTrue(fake.returned)
            self.assertEqual(handles, {})
        self.assertTrue(all(session.ended for session in fake.sessions.values()))
        self.assertEqual([h["name"] for h in fake.sessions[2].handles.values()], [])

    def test_life_shared_memory(self) -> None:
        self.life("shared-memory")

    def test_life_socket(self) -> None:
        self.life("socket")

    def test_forced_socket(self) -> None:
        self.start()
        self.assertEqual(self.join(transport="socket").transport, "socket")
        with self.code("mapping-unavailable"):
            self.fake.own("another")
            self.join(transport="shared-memory")

    def test_adopted_slab_is_read_only(self) -> None:
        self.start()
        adopted = os.path.join(self.fake.slabs, "slab-1")
        with open(adopted, "wb") as file:
            file.truncate(4096)
        os.chmod(adopted, 0o400)
        os.unlink(os.path.join(self.fake.slabs, "slab-0"))  # whatever order a directory has
        self.assertEqual(self.join().transport, "shared-memory")

    def test_whose_directory_nobody_knows(self) -> None:
        self.start()
        owner = os.path.join(self.fake.slabs, "owner.json")
        for text in ("", "[]", "{}", '"p1"'):
            with open(owner, "w", encoding="utf-8") as file:
                file.write(text)
            self.assertEqual(self.join().transport, "socket")
        os.unlink(owner)
        self.assertEqual(self.join().transport, "socket")

    def test_slab_that_does_not_open(self) -> None:
        self.start()
        with self.join() as pool:
            os.rename(os.path.join(self.fake.slabs, "slab-0"),
                      os.path.join(self.fake.slabs, "away"))
            pool.offer("a", bytes(1 << 20))
            self.assertEqual(pool.transport, "socket")
            self.assertEqual(bytes(pool.demand("a", 5)), bytes(1 << 20))
            self.assertEqual([n["code"] for n in pool.notices], ["mapping-unavailable"])

    def test_views(self) -> None:
        self.start()
        with self.join() as pool:
            pool.offer("grid", array.array("f", range(6000)), shape=(60, 100))
            with pool.demand("grid", 5) as d:
                self.assertEqual((d.view.shape, d.view[1, 2]), ((60, 100), 102.0))
            pool.offer("big", struct.pack(">3i", 1, 2, 3), dtype=">i4")
            with pool.demand("big", 5) as d:
                self.assertEqual((d.view.format, d.space.typestr), ("B", ">i4"))
                pool.offer("again", d)
            with pool.demand("again", 5) as d:
                self.assertEqual((d.space.shape, d.space.byteorder), ((3,), "big"))
            pool.offer("scalar", struct.pack("<d", 2.5), dtype="float64", shape=())
            self.assertEqual(pool.demand("scalar", 5).view[()], 2.5)

    @unittest.skipIf(numpy is None, "numpy is not installed")
    def test_numpy(self) -> None:
        self.start()
        with self.join() as pool:
            for number, (dtype, order) in enumerate(itertools.product(
                    ("bool", "float16", "<f4", ">f4", "complex64", "uint64", "int8"), "CF")):
                source = numpy.array(numpy.arange(30000).reshape(100, 300) % 7, dtype, order=order)
                name = f"n{number}"
                pool.offer(name, source)
                for own in (False, True):
                    with pool.demand(name, 5, own=own) as d:
                        found = numpy.asarray(d)
                        self.assertEqual(found.dtype, source.dtype)
                        self.assertEqual(found.flags.f_contiguous, order == "F")
                        self.assertEqual(found.flags.writeable, own)
                        self.assertTrue((found == source).all())
                        pool.offer(f"{name}{own}", found[::2])
                        pool.offer(f"{name}{own}.t", numpy.asfortranarray(found), order="C")
                with pool.demand(f"{name}True", 5) as d, pool.demand(f"{name}True.t", 5) as t:
                    self.assertTrue((numpy.asarray(d) == source[::2]).all())
                    self.assertTrue(numpy.asarray(t).flags.c_contiguous)
                    self.assertTrue((numpy.asarray(t) == source).all())
            pool.offer("dtype", bytes(8), dtype=numpy.float32, shape=(numpy.int64(2),),
                       attributes={"scale": numpy.float32(0.5), "n": numpy.int64(3)})
            with pool.demand("dtype", 5) as d:
                self.assertEqual(d.attributes, {"scale": 0.5, "n": 3})
            pool.offer("empty", numpy.zeros((0, 5)))
            self.assertEqual(numpy.asarray(pool.demand("empty", 5)).shape, (0, 5))

    def test_structs_without_numpy(self) -> None:
        self.start()
        with self.join() as pool:
            dtype = "{x:float32@0,n:int16@4;8}"
            raw = b"".join(struct.pack("<fhxx", x, n) for x, n in ((1.5, 2), (2.5, 3)))
            pool.offer("p", raw, dtype="{x:float32,n:int16;8}")
            with pool.demand("p", 5, dtype=dtype) as d:
                self.assertEqual((d.space.dtype, d.space.shape), (dtype, (2,)))
                self.assertEqual(bytes(d), raw)
                pool.offer("again", d)
            with pool.demand("again", 5) as d:
                self.assertEqual((d.space.dtype, bytes(d)), (dtype, raw))
            pool.offer("s", b"ab\0cde", dtype="string[3]")
            with pool.demand("s", 5) as d:
                self.assertEqual((d.space.dtype, d.space.shape), ("string[3]", (2,)))

    @unittest.skipIf(numpy is None, "numpy is not installed")
    def test_structs_of_numpy(self) -> None:
        self.start()
        inner = numpy.dtype([("a", "i1"), ("b", "<f8")], align=True)
        dtypes = (
            numpy.dtype([("x", "<f4"), ("n", "<i2")]),
            numpy.dtype([("x", ">f4"), ("tag", "S3"), ("n", ">i8")], align=True),
            numpy.dtype([("p", inner), ("a b", "?"), ("z", "<c16")]),
            numpy.dtype({"names": ["late", "early"], "formats": ["<u2", "<f2"],
                         "offsets": [10, 2], "itemsize": 20}),
            numpy.dtype("S5"))
        with self.join() as pool:
            for number, (dtype, order) in enumerate(itertools.product(dtypes, "CF")):
                source = numpy.zeros((6, 4), dtype, order=order)
                for name in dtype.names or ():
                    if dtype[name].names is None:
                        source[name] = numpy.arange(24).reshape(6, 4) % 7
                if dtype.names is None:
                    source[:] = [[b"ab", b"", b"cdefg", b"x"]] * 6
                pool.offer(f"n{number}", source)
                with pool.demand(f"n{number}", 5) as d:
                    found = numpy.asarray(d)
                    self.assertEqual(d.space.itemsize, dtype.itemsize)
                    self.assertEqual(d.space.numpy_dtype.fields and {
                        name: field[:2] for name, field in d.space.numpy_dtype.fields.items()},
                        dtype.fields and {n: f[:2] for n, f in dtype.fields.items()})
                    self.assertEqual(found.flags.f_contiguous, order == "F")
                    for name in dtype.names or ():
                        self.assertTrue((found[name] == source[name]).all(), (dtype, name))
                    if dtype.names is None:
                        self.assertTrue((found == source).all())
                    pool.offer(f"m{number}", found[::2])
                with pool.demand(f"m{number}", 5) as d:
                    for name in dtype.names or ():
                        self.assertTrue((numpy.asarray(d)[name] == source[::2][name]).all())
            for bad in ([("x", "<f4"), ("y", ">f4")], [("x", "<f4", (2,))], [("x", "O")],
                        [("x", "U3")]):
                with self.assertRaises(attacca.AttaccaError) as caught:
                    pool.offer("bad", bytes(24), dtype=numpy.dtype(bad))
                self.assertEqual(caught.exception.code, "bad-space")

    def test_the_rest(self) -> None:
        self.start()
        with self.join() as pool:
            for name in "abcde":
                pool.signal(name, {"n": name})
            self.assertEqual(pool.wait("a", 5), {"n": "a"})
            self.assertEqual([*pool.list()], list("abcde"))
            pool.tag("a", set={"good": True, "n": "z"})
            pool.untag("a", "good")
            self.assertEqual(pool.wait("a", 5), {"n": "z"})
            self.assertEqual(pool.stat("a"), {"name": "a"})
            self.assertEqual(pool.members(), [{"name": "a"}])
            self.assertEqual(pool.info(), {"pool": "p1"})
            self.assertEqual([pool.explain("a"), pool.explain(), pool.explain(rings=True),
                              pool.explain_selector("has a")], [0, 1, 2, 3])
            with pool.promise("t/*") as promise:
                self.assertEqual(promise.pattern, "t/*")
            promise.close()
            self.assertEqual(self.fake.effects.count("CLOSE"), 1)
            pool.delete("b")
            with self.code("unknown-object"):
                pool.stat("nothing")
            pool.offer("kept", b"1", keep=True)
            pool.withdraw("kept")
            with self.code("unknown-object"):
                pool.withdraw("kept")
            pool.require("x")
            with pool.require("y"):
                pool.retract("x")
            self.assertEqual(pool._requires, {})
            with self.code("bad-attribute"):
                pool.signal("z", {"n": None})
            with self.code("bad-attribute"):
                pool.signal("z", {"": 1})
            with self.code("already-offered"):
                pool.signal("c")
            with self.code("bad-argument"):
                pool.require("c", shape=(-1,))
            pool._ask("PING", "OK")
            self.assertEqual({h["state"] for h in self.fake.sessions[1].handles.values()},
                             {"offered"})

    def test_queries(self) -> None:
        fake = self.start()
        with self.join() as pool:
            for i in range(10):
                pool.signal(f"t/{i}", {"step": i})
            pool.signal("u", {"level": 1.5})
            names = [f"t/{i}" for i in range(10)]
            self.assertEqual([*pool.query('name prefix "t/"', detail="name")], names)
            self.assertEqual([*pool.query()][-1], attacca.Found("u", {"level": 1.5}))
            self.assertEqual([name for name, _ in pool.query(limit=5)], names[:5])
            self.assertEqual([*pool.query('name prefix "u"', detail="all")],
                             [{"name": "u", "state": "offered"}])
            self.assertEqual([*pool.list(detail=True)][0], {"name": "t/0", "state": "offered"})
            self.assertEqual((pool.count(), pool.count('name prefix "t/"')), (11, 10))
            before = fake.effects.count("QUERY")
            self.assertEqual([*pool.query(limit=0)], [])
            pages = pool.query(detail="name", limit=6)
            self.assertEqual(fake.effects.count("QUERY"), before)
            self.assertEqual([next(pages) for _ in range(4)], names[:4])
            self.assertEqual(fake.effects.count("QUERY"), before + 1)  # the next when it is wanted
            self.assertEqual([*pages], names[4:6])
            self.assertEqual(fake.asked[-1]["limit"], 6)
            for query in (pool.query("nothing"), pool.query("nothing", sort="a")):
                with self.code("bad-selector") as caught:
                    next(query)
                self.assertEqual(caught.error.fields["position"], 7)
            with self.code("bad-selector"):
                pool.count("nothing")
            for wrong in ({"detail": "names"}, {"limit": -1}):
                with self.assertRaises(ValueError):
                    pool.query(**wrong)

    def test_globs_are_quoted(self) -> None:
        fake = self.start()
        with self.join() as pool:
            for glob, quoted in (("t/*", "t/*"), ('a"b', 'a\\"b'), ("a\\*", "a\\\\*"),
                                 ("a\nb\tc", "a\\nb\\tc"), ("'é😀`", "'é😀`"), ("", "")):
                with self.code("bad-selector"):
                    next(pool.list(glob))
                self.assertEqual(fake.asked[-1]["selector"], f'name ~ "{quoted}"')

    def test_sorted_queries(self) -> None:
        fake = self.start()
        values = [(value, at) for at, row in enumerate(ORDER) for value in row]
        rank: Dict[str, int] = {}
        with self.join() as pool:
            chance = random.Random(3)
            chance.shuffle(values)
            for i, (value, at) in enumerate(values):
                name = f"{chance.choice('zé😀')}{i}"
                rank[name] = at
                pool.signal(name, {"v": value})
            for name in ("none/2", "none/1"):
                pool.signal(name)
            names = sorted(rank)  # in the order of code points, as bytes are
            up = [*sorted(names, key=lambda name: rank[name]), "none/1", "none/2"]
            down = [*sorted(names, key=lambda name: -rank[name]), "none/1", "none/2"]
            for pages, room in ((3, 99), (7, 99), (7, 2), (4096, 99), (4096, 1)):
                fake.part = pages + 2
                fake.sort_rows_max = room
                with unittest.mock.patch.dict(attacca._PAGES, name=pages, attributes=pages):
                    self.assertEqual([*pool.query(detail="name", sort="v")], up)
                    self.assertEqual([found.name for found in pool.query(sort="-v")], down)
                    self.assertEqual([*pool.query(detail="name", sort="-v", limit=10)], down[:10])
            self.assertEqual([each["name"] for each in pool.query(detail="all", sort="v")], up)
            fake.asked.clear()
            self.assertEqual([*pool.query('name prefix "nothing"', sort="v")], [])
            self.assertEqual([each["place"] for each in fake.asked], [None])  # no second page

    def test_sorted_while_the_pool_changes(self) -> None:
        self.start()
        with self.join() as pool, unittest.mock.patch.dict(attacca._PAGES, name=2):
            for i in (1, 3, 5, 7, 9):
                pool.signal(f"{i}", {"v": i})
            found = pool.query(detail="name", sort="v")
            self.assertEqual([next(found), next(found)], ["1", "3"])
            pool.withdraw("3")
            for i in (2, 6):
                pool.signal(f"{i}", {"v": i})
            self.assertEqual([*found], ["5", "6", "7", "9"])

    def test_facets(self) -> None:
        fake = self.start()
        with self.join() as pool:
            fake.part = 100
            self.assertEqual(pool.facets("v"), attacca.Facets("v", 0, [], 0, 0, True))
            self.assertEqual(pool.histograms("v"), [])
            for i, value in enumerate([5, 5.0, "a", 5, "a", b"a", True, 1, "a"]):
                pool.signal(f"{i}", {"v": value})
            pool.signal("none")
            fake.part = 3
            found = pool.facets("v")
            self.assertEqual(found.values, [(5, 3), ("a", 3), (1, 1), (b"a", 1), (True, 1)])
            self.assertEqual([type(value) for value, _ in found.values],
                             [int, str, int, bytes, bool])
            self.assertEqual(found[3:], (0, 0, True))
            self.assertEqual((found.key, found.objects), ("v", 9))
            self.assertEqual(pool.facets("v", limit=2), attacca.Facets(
                "v", 9, [(5, 3), ("a", 3)], 3, 3, True))
            self.assertEqual(pool.facets("v", 'name prefix "0"').values, [(5, 1)])
            fake.part = 100
            found = pool.facets("v")  # of one part it is known what all the others have
            self.assertEqual((found.other_values, found.is_exact), (3, True))
            fake.part = 5
            found = pool.facets("v")  # in the second part one of four values has no room
            self.assertEqual((found.objects, found.other_values, found.other_objects,
                              found.is_exact), (9, 1, 1, False))
            self.assertEqual(sum(count for _, count in found.values), 8)

    def test_histograms(self) -> None:
        fake = self.start()
        numbers = [float(i * i) for i in range(12)]
        with self.join() as pool:
            for i, number in enumerate(numbers):
                pool.signal(f"{i}", {"v": number})
                pool.signal(f"t{i}", {"v": Timestamp(10 ** 18 + i)})
            fake.part = 5
            of_numbers, of_times = pool.histograms("v")
            self.assertEqual((of_numbers.of, of_numbers.least, of_numbers.most), (
                "numbers", 0.0, 121.0))
            self.assertEqual((sum(of_numbers.bins), of_numbers.objects), (12, 12))
            width = 2.0 ** of_numbers.exponent
            for i, count in enumerate(of_numbers.bins, of_numbers.first):
                self.assertEqual(count, sum(i * width <= n < (i + 1) * width for n in numbers))
            self.assertEqual((of_times.of, sum(of_times.bins)), ("timestamps", 12))
            self.assertEqual((of_times.least, type(of_times.least)), (10 ** 18, Timestamp))
            [only] = pool.histograms("v", 'name prefix "t"')
            self.assertEqual(only, of_times)

    def test_changes_of_what_is_selected(self) -> None:
        fake = self.start()
        with self.join() as pool:
            for i in range(9):
                pool.offer(f"a/{i}", b"1", keep=True)
            pool.offer("a/needed", b"1", keep=True)
            seen: List[int] = []
            selector = 'name prefix "a/"'
            dry = pool.tag_selected(selector, {"good": 1}, dry_run=True, progress=seen.append)
            self.assertEqual((dry, seen), (attacca.Changed(10, 10, []), [4, 8, 10]))
            self.assertEqual(pool.facets("good").objects, 0)
            pool.tag_selected(selector, {"good": 1, "bad": 2})
            pool.tag_selected('name prefix "a/1"', {"better": 2}, ["good"])
            self.assertEqual(pool.facets("good").values, [(1, 9)])
            self.assertEqual(pool.untag_selected(selector, "good", "bad").changed, 10)
            self.assertEqual([a for _, a in pool.query()][:2], [{}, {"better": 2}])
            self.assertEqual(pool.delete_selected(selector, dry_run=True).changed, 9)
            self.assertEqual(pool.count(), 10)
            refused = [{"name": "a/needed", "code": "object-required", "message": "Cannot"}]
            self.assertEqual(pool.unkeep_selected('name prefix "a/8"'), (1, 1, []))
            self.assertEqual(pool.delete_selected(selector), (9, 8, refused))
            self.assertEqual(pool.delete_selected(selector, force=True), (1, 1, []))
            self.assertEqual(pool.count(), 0)
            self.assertEqual(sorted({*fake.ends}), [0, 1, 2])
            with self.code("bad-selector"):
                pool.delete_selected("nothing")
            with self.code("bad-attribute"):
                pool.tag_selected(selector, {"a": None})

    def test_definitions(self) -> None:
        fake = self.start()
        schema = {"schema-name": "fields", "schema-version": 1, "attributes": [
            {"key": "step", "type": "int()", "required": True}]}
        with self.join() as pool:
            pool.define_schema(schema)
            self.assertEqual(pool.schemas(), [attacca.Definition("fields", schema, None)])
            for wrong in ({}, {"schema-name": 5}, {"schema-name": ""}, None, [schema]):
                with self.code("bad-schema") as caught:
                    pool.define_schema(wrong)  # type: ignore[arg-type]
                self.assertEqual(caught.error.fields, {"schema": "", "path": "schema-name"})
            with self.assertRaises(TypeError):  # as PyYAML reads a date
                pool.define_schema({**schema, "default": datetime.date(2026, 1, 31)})
            self.assertEqual(fake.effects.count("DEFINE"), 1)
            pool.define_container("all", attributes={"user": "me"}, schemas=("fields",),
                                  lifetime=1.5, tags={"for": "x"}, documentation="a run")
            pool.define_container("none")
            pool.define_collection("late", "step > 120", tags={"a": 1}, documentation="d")
            pool.define_collection("list")
            self.assertEqual(fake.definitions[1:], [
                {"all": {"attributes": {"user": "me"}, "schemas": ["fields"], "lifetimeMs": 1500,
                         "tags": {"for": "x"}, "documentation": "a run"}, "none": {}},
                {"late": {"selector": "step > 120", "tags": {"a": 1}, "documentation": "d"},
                 "list": {}}])
            self.assertEqual([each.name for each in pool.containers()], ["all", "none"])
            self.assertEqual(pool.collections("list"), [attacca.Definition("list", {}, 0)])
            pool.remove_schema("fields")
            self.assertEqual(pool.schemas(), [])
            for call in (pool.schemas, pool.containers, pool.collections, pool.remove_schema,
                         pool.delete_container, pool.delete_collection):
                with self.code("unknown-definition") as caught:
                    call("nothing")
                self.assertEqual(caught.error.fields["name"], "nothing")
            for wrong_lifetime in (-1, math.nan):
                with self.assertRaises(ValueError):
                    pool.define_container("wrong", lifetime=wrong_lifetime)

    def test_containers(self) -> None:
        fake = self.start()
        fake.part = 2
        name = 'run "42"\\\n'  # quoted where a selector names it
        with self.join() as pool:
            pool.define_container(name, attributes={"user": "me", "step": 0})
            pool.signal("a", {"step": 1}, keep=True, container=name)
            pool.offer("b", b"1", attributes={".container": "hidden"}, container=name, keep=True)
            pool.signal("outside")
            self.assertEqual(pool.wait("a", 5), {"user": "me", "step": 1, ".container": name})
            self.assertEqual(pool.wait("b", 5), {"user": "me", "step": 0, ".container": name})
            with self.code("unknown-definition"):
                pool.signal("c", container="none")
            for each in "cde":
                pool.signal(each, keep=True, container=name)
            pool.signal("f/needed", keep=True, container=name)
            # Each is looked at before the one that depends on it.
            for one, other in ("ba", "cb", "dc"):
                pool.relate(one, "depends-on", other)
            seen: List[int] = []
            dry = pool.delete_container(name, dry_run=True, progress=seen.append)
            self.assertEqual((dry.selected, dry.changed, seen), (6, 2, [2, 3, 5, 6]))
            self.assertEqual(pool.containers()[0].objects, 6)
            done = pool.delete_container(name)
            self.assertEqual(done, (6, 5, [
                {"name": "f/needed", "code": "object-required", "message": "Cannot"}]))
            self.assertEqual(pool.containers()[0].objects, 1)
            self.assertEqual(pool.delete_container(name), (1, 0, done.refused))
            for dry_run in (True, False):
                self.assertEqual(len(pool.containers()), 1)
                self.assertEqual(pool.delete_container(name, force=True, dry_run=dry_run),
                                 (1, 1, []))
            self.assertEqual((pool.containers(), [*pool.list()]), ([], ["outside"]))

    def test_collections(self) -> None:
        fake = self.start()
        fake.part = 2
        name = 'a "list"'
        with self.join() as pool:
            for i in range(5):
                pool.signal(f"t/{i}")
            pool.define_collection(name)
            pool.define_collection("late", "has step")
            seen: List[int] = []
            dry = pool.collect(name, 'name prefix "t/"', dry_run=True, progress=seen.append)
            self.assertEqual((dry, seen), (attacca.Changed(5, 5, []), [2, 4, 5]))
            self.assertEqual(pool.collections(name)[0].objects, 0)
            pool.collect(name, 'name prefix "t/"')
            self.assertEqual(pool.uncollect(name, 'name = "t/3"'), (1, 1, []))
            self.assertEqual(pool.collections(name)[0].objects, 4)
            self.assertEqual(pool.delete_collection(name, dry_run=True).selected, 4)
            self.assertEqual(pool.collections(name)[0].objects, 4)
            self.assertEqual(pool.delete_collection(name), (4, 4, []))
            fake.asked.clear()
            self.assertEqual(pool.delete_collection("late"), (0, 0, []))
            self.assertEqual(fake.asked, [])  # in it is what its selector selects
            self.assertEqual((pool.collections(), pool.count()), ([], 5))
            with self.code("bad-selector"):
                pool.collect(name, "nothing")

    def test_relations(self) -> None:
        fake = self.start()
        with self.join() as pool:
            pool.signal('a "b"')
            pool.signal("none", {".part-of": "a text"})
            for relation in ("derived-from", "part-of", "supersedes", "depends-on"):
                pool.relate('a "b"', relation, "x")
                pool.relate('a "b"', relation, "y")
                pool.unrelate('a "b"', relation, "x")
                self.assertEqual(pool.wait('a "b"', 5)[f".{relation}"], ["y"])
            for call in (pool.relate, pool.unrelate):
                with self.code("unknown-object") as caught:
                    call("nothing", "part-of", "x")
                self.assertEqual(caught.error.fields, {"name": "nothing"})
                with self.code("bad-attribute") as caught:
                    call("none", "part-of", "x")
                self.assertEqual((caught.error.message, caught.error.fields),
                                 ("Cannot: no list", {"name": "none"}))
                with self.assertRaises(ValueError):
                    call("none", "container", "x")
            self.assertEqual([pool.lineage("none")["deeper"],
                              pool.lineage("none", depth=1)["deeper"]], [False, True])
            with self.code("unknown-object"):
                pool.lineage("nothing")
            with self.code("bad-argument"):
                pool.lineage("none", depth=-1)
            self.assertEqual(fake.effects.count("LINEAGE"), 3)

    def test_own_takes_the_slice(self) -> None:
        fake = self.start()
        with self.join() as pool:
            pool.offer("a", bytes(range(256)) * 256)
            fake.on["own"] = lambda: None  # what is demanded as own is given
            self.assertEqual(bytes(pool.demand("a", 5, own=True)), bytes(range(256)) * 256)
            pool._ask("PING", "OK")
            self.assertEqual(fake.returned, [(0, 65536)])

    def test_reclaim_and_notice(self) -> None:
        fake = self.start()
        with self.join() as pool:
            pool.offer("a", bytes(100_000))
            seen = threading.Event()
            fake.on["RETURN"] = seen.set
            fake.say_now("RECLAIM", bytes=1)
            self.assertTrue(seen.wait(5))
            fake.say_now("NOTICE", code="pool-stopping", message="soon", fields={})
            fake.say_now("SLAB_GONE", slab=0)
            pool._ask("PING", "OK")
            self.assertEqual(pool.notices[0]["code"], "pool-stopping")
            pool.offer("b", bytes(100_000))
        self.assertEqual(fake.effects.count("LEASE"), 2)

    def test_grants_off_the_page(self) -> None:
        self.start(misalign=64)
        with self.join() as pool:
            pool.offer("a", b"x" * (2 << 20))
            self.assertEqual(bytes(pool.demand("a", 5)), b"x" * (2 << 20))

    def test_memory_full(self) -> None:
        self.start()
        with self.join() as pool:
            with self.code("memory-full"):
                pool.offer("a", bytes(SLAB_BYTES + 1))
            pool.offer("a", bytes(1 << 20))

    def test_threads(self) -> None:
        fake = self.start()
        failed: List[BaseException] = []
        with self.join() as pool:
            def work(k: int) -> None:
                try:
                    for i in range(40):
                        size = (10, 20_000, 100_000)[i % 3]
                        pool.offer(f"{k}/{i}", bytes([k]) * size, attributes={f"k{i}": k})
                        with pool.demand(f"{(k + 1) % 4}/{i}", 20) as d:
                            assert bytes(d) == bytes([(k + 1) % 4]) * size
                            assert d.attributes == {f"k{i}": (k + 1) % 4}
                        if i % 10 == 5:
                            fake.lose()
                except BaseException as error:
                    failed.append(error)
            threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
        self.assertEqual(failed, [])
        self.assertEqual(fake.effects.count("OFFER"), 160)
        self.assertGreater(fake.connections, 1)


class Trouble(WithPool):
    def test_connection_lost_in_mid_frame(self) -> None:
        for which in ("cut_in", "cut_out"):
            fake = self.start()
            with self.join() as pool:
                setattr(fake, which, 1)
                for i in range(20):
                    pool.offer(f"{i}", bytes(i * 1000))
                    self.assertEqual(len(bytes(pool.demand(f"{i}", 10))), i * 1000)
                pool._ask("PING", "OK")
                self.assertEqual((getattr(fake, which), fake.connections), (0, 2))
            self.assertEqual(fake.effects.count("OFFER"), 20)
            self.assertEqual(fake.effects.count("DEMAND"), 20)

    def test_data_connection_lost(self) -> None:
        fake = self.start(shared=False)
        with self.join() as pool:
            pool.offer("a", b"abc" * (1 << 20))
            fake.cut_data = 1
            self.assertEqual(bytes(pool.demand("a", 10)), b"abc" * (1 << 20))
            self.assertEqual(fake.cut_data, 0)

    def test_memory_lost(self) -> None:
        fake = self.start(shared=False)
        with self.join() as pool:
            pool.offer("a", bytes(300_000))
            fake.lose_memory()
            pool.stat("a")  # the session has gone on
            # More was leased than was needed: what is left of that is gone, too.
            pool.offer("b", b"b" * 300_000)
            self.assertEqual(bytes(pool.demand("b", 10)), b"b" * 300_000)
            with self.code("object-lost"):
                pool.demand("a", 10)

    def test_memory_never_there(self) -> None:
        fake = self.start(shared=False)
        with self.join() as pool:
            pool.offer("a", bytes(300_000))
            for session in fake.sessions.values():
                session.leases.clear()
            with self.code("bad-lease"):  # the same manager: a fault
                pool.offer("b", bytes(300_000))
        self.assertEqual(set(fake.bad), {"returned what was not leased"})
        fake.bad.clear()

    def test_lost_while_waiting(self) -> None:
        fake = self.start()
        with self.join() as a, self.join("b") as b:
            fake.on["DEMAND"] = fake.lose
            waiter = threading.Thread(target=lambda: found.append(bytes(a.demand("x", 20))))
            found: List[bytes] = []
            waiter.start()
            b.offer("x", b"there")
            waiter.join(20)
            self.assertEqual(found, [b"there"])

    def test_session_gone(self) -> None:
        fake = self.start()
        pool = self.join()
        fake.refuse_resume = True
        fake.on["DEMAND"] = fake.lose
        with self.code("session-unknown"):
            pool.demand("x", 20)
        with self.code("session-unknown"):
            pool.stat("x")
        pool.close()
        with self.code("session-unknown"):
            pool.stat("x")

    def test_no_pool(self) -> None:
        with self.code("pool-unreachable") as caught:
            attacca.join("a", "unix:/nowhere/at/all")
        self.assertTrue(caught.error.retryable)
        self.start()
        with self.code("wrong-token"):
            attacca.join("a", self.fake.address + "?token=x")
        with self.code("name-in-use") as caught:
            self.join("taken")
        self.assertEqual(caught.error.fields, {"n": 1})

    def test_a_pool_that_was_stopped_is_left(self) -> None:
        fake = self.start()
        with self.join() as pool:
            pool.offer("a", b"1")
            fake.stop()
            with self.code("pool-stopping"):
                pool.demand("never", timeout=20)
        self.assertEqual(pool.leave(), [])
        with self.join("b") as pool:
            fake.on["LEAVE"] = fake.stop
            fake.mute.add("LEAVE")

    def test_a_pool_that_is_not_served_yet(self) -> None:
        fake = self.start(listen=False)
        with self.code("pool-unreachable"):
            self.join()
        with self.code("pool-unreachable"):
            self.join(connect_timeout=0.05)
        with unittest.mock.patch.object(attacca.time, "sleep", lambda _: fake.listen()):
            pool = self.join(connect_timeout=30)
        with pool:
            pool._ask("PING", "OK")
        fake.cut_hello = 1
        with self.code("pool-unreachable"):
            self.join("b")
        fake.cut_hello = 2
        with self.join("b", connect_timeout=30) as pool:
            pool._ask("PING", "OK")
        self.assertEqual(fake.cut_hello, 0)
        os.environ["ATTACCA_CONNECT_MS"] = "5s"
        try:
            with self.code("bad-argument"):
                self.join()
        finally:
            del os.environ["ATTACCA_CONNECT_MS"]

    def test_deadline(self) -> None:
        self.start()
        with self.join() as pool:
            with self.code("deadline-passed") as caught:
                pool.demand("never", timeout=0.02)
            self.assertTrue(caught.error.retryable)
            need = pool.require("later")
            with self.code("deadline-passed"):
                need.demand(timeout=0.02)
            pool.offer("later", b"1")
            self.assertEqual(bytes(need.demand(timeout=5)), b"1")
            pool._ask("PING", "OK")
            self.assertEqual([h["state"] for h in self.fake.sessions[1].handles.values()],
                             ["offered"])

    def test_deadline_of_a_silent_pool(self) -> None:
        fake = self.start()
        self.addCleanup(setattr, attacca, "_GRACE_S", attacca._GRACE_S)
        attacca._GRACE_S = 0.05
        with self.join() as pool:
            fake.mute = {"DEMAND", "STAT", "COUNT"}
            for wrong in (0, -1, math.nan):
                with self.code("deadline-passed"):
                    pool.count(timeout=wrong)
            with self.code("deadline-passed"):
                pool.demand("x", timeout=0.02)
            pool._ask("PING", "OK")
            self.assertIn("CANCEL", fake.effects)

    def test_interrupt(self) -> None:
        fake = self.start()
        with self.join() as pool:
            need = pool.require("x")
            fake.on["DEMAND"] = lambda: os.kill(os.getpid(), signal.SIGINT)
            with self.assertRaises(KeyboardInterrupt):
                need.demand(timeout=attacca.NEVER)
            pool.offer("x", b"1")
            self.assertEqual(bytes(need.demand(timeout=5)), b"1")
            fake.on["DEMAND"] = lambda: os.kill(os.getpid(), signal.SIGINT)
            with self.assertRaises(KeyboardInterrupt):
                pool.demand("y", timeout=30)
            pool._ask("PING", "OK")
            self.assertGreaterEqual(fake.effects.count("CANCEL"), 2)
            self.assertEqual([h["state"] for h in fake.sessions[1].handles.values()], ["offered"])

    def test_answer_that_crosses_an_interrupt_is_kept(self) -> None:
        fake = self.start()
        with self.join() as pool:
            need = pool.require("x")
            pool.offer("x", bytes(50_000))
            call = attacca._Call([attacca._message("DEMAND", handle=need._handle, deadline=0,
                                                   mode=0, policy=0, want=1)], need._keep)
            pool._session._submit(call)
            self.assertTrue(call.done.acquire(True, 5))
            pool._session._inbox.append((call, True))  # as an interrupt at this point does
            pool._ask("PING", "OK")
            with need.demand(timeout=5) as found:
                self.assertEqual(bytes(found), bytes(50_000))
            self.assertEqual(fake.effects.count("DEMAND"), 1)

    def test_exception_in_the_block_ends_without_leave(self) -> None:
        fake = self.start()
        with self.assertRaises(ZeroDivisionError):
            with self.join():
                1 / 0
        self.assertNotIn("LEAVE", fake.effects)
        self.assertIn("END", fake.effects)

    def test_fork(self) -> None:
        self.start()
        with self.join() as pool:
            child = os.fork()
            if child == 0:
                try:
                    pool.stat("x")
                except attacca.AttaccaError as error:
                    os._exit(0 if error.code == "not-allowed" else 2)
                os._exit(1)
            self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0)


# ---- A real pool --------------------------------------------------------------------------------

class RealPool(unittest.TestCase):
    """Needs ATTACCA_POOL. Names carry the pid: many runs may meet in one pool."""

    def life(self, transport: str) -> None:
        tag = f"py/{os.getpid()}/{transport}"
        with attacca.join("py-producer[*]", transport=transport) as a, attacca.join(
                "py-consumer[*]", transport=transport) as b:
            self.assertEqual(a.transport, transport)
            for size in (0, 40, 16384, 100_000, 1 << 20, 3 << 20, (9 << 20) + 8):
                name, data = f"{tag}/{size}", os.urandom(size)
                need = b.require(name, dtype="float64")
                a.offer(name, data, dtype="float64", attributes={"size": size, "at": Timestamp(1)})
                with need.demand(timeout=30) as d:
                    self.assertEqual(bytes(d), data)
                    self.assertEqual(d.attributes, {"size": size, "at": 1})
                    self.assertEqual(d.space, Space("float64", (size // 8,), "row", "little"))
                    self.assertTrue(d.view.readonly)
                    self.assertEqual(d.version, 1)
                with b.demand(name, timeout=30, own=True) as d:
                    self.assertEqual(bytes(d), data)
                    self.assertFalse(d.view.readonly)
                b.tag(name, set={"good": True})
                self.assertIn(name, [*a.list(f"{tag}/*")])
                self.assertEqual([*b.query(f'name = "{name}" and good = true')],
                                 [(name, {"size": size, "at": 1, "good": True})])
                self.assertIsInstance(b.stat(name), dict)
                a.withdraw(name, timeout=10)
            a.offer(f"{tag}/grid", array.array("f", range(60_000)), shape=(200, 300))
            with b.demand(f"{tag}/grid", timeout=30) as d:
                self.assertEqual((d.view.shape, d.view[1, 2]), ((200, 300), 302.0))
            with self.assertRaises(attacca.AttaccaError) as caught:
                b.require(f"{tag}/grid", dtype="int32").demand(timeout=5)
            self.assertEqual(caught.exception.code, "object-mismatch")
            with self.assertRaises(attacca.AttaccaError) as caught:
                b.demand(f"{tag}/never", timeout=0.05)
            self.assertEqual(caught.exception.code, "deadline-passed")
            a.offer(f"{tag}/kept", b"k" * 100, keep=True)
            with a.promise(f"{tag}/p/*"):
                a.signal(f"{tag}/p/1")
            b.wait(f"{tag}/p/1", timeout=10)
            self.assertIsInstance(b.members(), list)
            self.assertIsInstance(b.info(), dict)
            b.explain(f"{tag}/grid"), b.explain(), b.explain(rings=True)
            names = a.leave(timeout=10)
            self.assertIn(f"{tag}/grid", names)
            with b.demand(f"{tag}/kept", timeout=10) as d:
                self.assertEqual(bytes(d), b"k" * 100)
            b.withdraw(f"{tag}/kept", timeout=10)

    def refused_as(self, code: str, call: Callable[[], Any]) -> attacca.AttaccaError:
        with self.assertRaises(attacca.AttaccaError) as caught:
            call()
        self.assertEqual(caught.exception.code, code, caught.exception)
        return caught.exception

    def test_cubes(self) -> None:
        """docs/cubes.md: against elements that tell where they are from."""
        tag = f"cube-{os.getpid()}"
        lats, lons = [60.0, 50.0, 40.0], [0.0, 90.0]

        def value(step: int, number: int, lat: float, lon: float) -> float:
            return step * 1e6 + number * 1e3 + lat + lon / 1e3

        def offer(pool: attacca.Pool, step: int, number: int, **how: Any) -> None:
            data = array.array("d", (value(step, number, lat, lon) for lat in lats for lon in lons))
            pool.offer(f"{tag}/{number}/{step:03}", data, shape=(3, 2), keep=True, attributes={
                "run": tag, "step": step, "number": number}, **how)

        def expected(part: attacca.CubeArray) -> List[float]:
            return [value(*each) for each in itertools.product(
                *(part.coords[dimension] for dimension in ("step", "number", "lat", "lon")))]

        with attacca.join("py-cube[*]") as pool, attacca.join("py-other[*]") as other:
            pool.offer(f"{tag}/lon", array.array("d", lons), keep=True)
            told = {"names": tag + "/{number}/{step:03}", "dims": ["lat", "lon"],
                    "coords": {"lat": lats, "lon": f"{tag}/lon"}}
            cube = pool.cube(tag, f'run = "{tag}"', ["step", "number"], **told)
            self.assertEqual((cube.shape, cube.dtype), ((0, 0), None))
            self.refused_as("cube-hole", lambda: cube.demand(holes="fail"))
            for step, number in ((0, 0), (0, 1), (6, 0)):
                offer(pool, step, number)
            cube.refresh()
            self.assertEqual(cube.sizes, {"step": 2, "number": 2, "lat": 3, "lon": 2})
            self.assertEqual((cube.objects, cube.holes), (3, 1))
            picks = random.Random(7)
            for _ in range(40):  # any part of what is there
                pick: Dict[str, Any] = {"number": 0}
                for dimension, labels in (("lat", lats), ("lon", lons), ("step", [0, 6])):
                    some = picks.sample(labels, picks.randint(1, len(labels)))
                    pick[dimension] = picks.choice([
                        some, some[0], (some[0], some[-1]), slice(min(some), None)])
                with cube.demand(pick, timeout=30) as part:
                    self.assertEqual(part.coords, cube.sel(pick).coords)
                    self.assertEqual(part.dims, ("step", "number", "lat", "lon"))
                    self.assertEqual([*part.raw.cast("B").cast("d")], expected(part))
            with cube.demand(holes="fill", lat=60, lon=0) as part:
                self.assertEqual((part.holes, part.shape), (1, (2, 2, 1, 1)))
                self.assertTrue(math.isnan(part.view[1, 1, 0, 0]))
                self.assertEqual(part.view[1, 0, 0, 0], value(6, 0, 60, 0))
            error = self.refused_as("cube-hole", lambda: cube.demand(holes="fail"))
            self.assertIn("1 of 4 places have no object, the first is step=6 number=1", str(error))
            self.refused_as("deadline-passed", lambda: cube.demand(timeout=0.05, wait=True))
            self.refused_as("bad-region", lambda: cube.demand(lat=47.5, number=0))
            self.refused_as("bad-argument", lambda: cube.demand(latitude=40))
            # A hole is waited for by its name; another program opens the cube by its own.
            seen: List[Any] = []

            def make() -> None:
                while f"{tag}/1/006" not in seen:
                    seen[:] = [each["object"] for each in other.explain()["waits"]]
                offer(other, 6, 1)
            maker = threading.Thread(target=make)
            maker.start()
            with pool.cube(tag).demand(step=6, lat=[60, 40], timeout=30) as part:
                self.assertEqual([*part.raw.cast("B").cast("d")], expected(part))
            maker.join()
            steps = []
            for part in cube.sel(step=(0, 6, 6)).grow("step", timeout=30):
                self.assertEqual([*part.raw.cast("B").cast("d")], expected(part))
                steps += part.coords["step"]
                part.dispose()
            self.assertEqual(steps, [0, 6])
            self.assertEqual(cube.isel(step=-1, lat=slice(0, 2)).coords["lat"], lats[:2])
            # What has no place.
            offer(pool, 12, 0)
            pool.offer(f"{tag}/odd", bytes(8), keep=True, attributes={"run": tag, "step": 12})
            self.assertIn("it has no \"number\"", str(self.refused_as("cube-misfit", cube.refresh)))
            again = pool.cube(tag, f'run = "{tag}"', ["step", "number"], misfits="skip", **told)
            self.assertEqual([name for name, _ in again.misfits], [f"{tag}/odd"])
            pool.offer(f"{tag}/twin", array.array("d", [7] * 6), shape=(3, 2), keep=True,
                       attributes={"run": tag, "step": 12, "number": 0})
            self.refused_as("cube-misfit", again.refresh)
            newest = pool.cube(tag, f'run = "{tag}"', ["step", "number"], misfits="skip",
                               duplicates="newest", **told)
            with newest.demand(step=12, number=0) as part:
                self.assertEqual([*part.raw.cast("B").cast("d")], [7.0] * 6)
            self.refused_as("unknown-definition", lambda: pool.cube(tag + "-no"))
            wrong: List[Dict[str, Any]] = [
                {"axes": []}, {"axes": ["a", "a"]}, {"names": "x"}, {"names": "{a}{b}"},
                {"misfits": "no"}, {"duplicates": "no"}]
            for how in wrong:
                self.refused_as("bad-argument", lambda: pool.cube(
                    tag + "-bad", "true", **{"axes": ["a"], **how}))
            pool.define_collection(tag + "-late", "step > 1")
            self.refused_as("bad-argument", lambda: pool.cube(tag + "-late"))
            # Holes that nobody knows by name are looked for; NumPy, where there is some.
            nameless = pool.cube(tag + "-n", f'run = "{tag}" and step < 20', ["step", "number"],
                                 misfits="skip", duplicates="newest")
            late = threading.Timer(0.2, lambda: offer(other, 18, 0))
            late.start()
            with nameless.demand(step=[12, 18], number=0, timeout=30) as part:
                self.assertEqual((part.dims[2:], part.shape), (("dim_0", "dim_1"), (2, 1, 3, 2)))
            late.join()
            if numpy is not None:
                for step, how in ((0, ">f8"), (6, "<f8")):
                    source = numpy.asfortranarray(numpy.arange(6).reshape(3, 2) + step, how)
                    pool.offer(f"{tag}/f/{step}", source, keep=True, attributes={
                        "of": tag, "at": Timestamp(step * 10 ** 9)})
                moments = pool.cube(tag + "-t", f'of = "{tag}"', ["at"])
                with moments.demand(at="1970-01-01T00:00:06Z") as part:
                    self.assertEqual(part.values.tolist(), [[[6, 7], [8, 9], [10, 11]]])
                with moments.demand(dim_1=1) as part:
                    self.assertEqual(part.values.tolist(), [[[1], [3], [5]], [[7], [9], [11]]])
            pool.delete_selected(f'name ~ "{tag}/*"', force=True)

    def test_cubes_whose_coordinates_change(self) -> None:
        tag = f"cubec-{os.getpid()}"
        with attacca.join("py-cube[*]") as pool, attacca.join("py-other[*]") as other:
            def lat(*values: float) -> None:
                other.offer(f"{tag}/lat", array.array("d", values), keep=True)

            for step in (0, 6):
                pool.offer(f"{tag}/{step}", array.array("d", [1, 2, 3]), keep=True, attributes={
                    "of": tag, "step": step, "dims": ["lat"], ".part-of": tag})
            cube = pool.cube(tag, f'of = "{tag}"', ["step"])
            self.assertEqual(cube.coords, {"step": [0, 6]})
            lat(0, 1, 1000)
            with cube.demand(step=0, lat=(1, 1000)) as part:
                self.assertEqual([*part.raw.cast("B").cast("d")], [2, 3])
                self.assertEqual(part.coords, {"step": [0], "lat": [1, 1000]})
            # What a file calls coords is no map; of an object that says so itself it is wrong.
            for of, part_of in ((f"{tag}-p", {".part-of": tag}), (f"{tag}-q", {})):
                pool.offer(f"{of}/0", array.array("d", [1, 2, 3]), keep=True, attributes={
                    "of": of, "step": 0, "dims": ["lat"], "coords": "lat lon", **part_of})
            odd = pool.cube(tag + "-p", f'of = "{tag}-p"', ["step"])
            self.assertEqual(odd.coords, {"step": [0], "lat": [0, 1, 1000]})
            self.refused_as("bad-argument", lambda: pool.cube(
                tag + "-q", f'of = "{tag}-q"', ["step"]))
            for at, wrong in enumerate(({"dims": "lat"}, {"dims": 7}, {"dims": [""]},
                                        {"dims": ["lat"], "coords": {"lat": 7}})):
                pool.offer(f"{tag}-r/{at}", array.array("d", [1]), keep=True, attributes={
                    "of": f"{tag}-r", "step": at, **wrong})
                self.refused_as("bad-argument", lambda: pool.cube(
                    f"{tag}-r{at}", f'of = "{tag}-r" and step = {at}', ["step"]))
            other.delete(f"{tag}/lat", force=True)  # the objects' own are what they were
            self.assertEqual(cube.refresh().coords["lat"], [0, 1, 1000])
            lat(60, 50, 40)
            with cube.demand(step=0, lat=[60, 50]) as part:
                self.assertEqual([*part.raw.cast("B").cast("d")], [1, 2])
            named = pool.cube(tag + "-n", f'of = "{tag}"', ["step"], coords={"lat": f"{tag}/lat"})
            for name in ("lat", "0"):
                other.delete(f"{tag}/{name}", force=True)
            self.assertEqual(cube.refresh().coords, {"step": [6]})
            self.assertEqual(named.refresh(timeout=5).coords["lat"], [60, 50, 40])
            lat(1, 2, 3)
            with named.demand(step=6, lat=2) as part:
                self.assertEqual([*part.raw.cast("B").cast("d")], [2])
            pool.delete_selected(f'name ~ "{tag}*"', force=True)

    def test_fills_of_cubes(self) -> None:
        tag = f"cubef-{os.getpid()}"
        cases: List[Tuple[str, Any, Any]] = [  # None: it is refused
            ("uint64", 2 ** 64 - 1, 2 ** 64 - 1), ("uint64", 2 ** 64, None), ("uint64", -1, None),
            ("int64", -2 ** 63, -2 ** 63), ("int64", 2 ** 63, None), ("int16", -0.0, 0),
            ("int16", 3.0, 3), ("int16", 0.5, None), ("int16", math.nan, None), ("int8", 128, None),
            ("uint8", None, None), ("bool", 1, True), ("bool", 2, None), ("bool", None, None),
            ("float32", 2 ** 64, 2.0 ** 64), ("float32", 1e39, None), ("float64", 2 ** 2000, None),
            ("float32", math.inf, math.inf), ("string[4]", None, None), ("string[4]", 1, None)]
        with attacca.join("py-cube[*]") as pool:
            for at, (dtype, fill, expected) in enumerate(cases):
                size = attacca.Space(dtype, (1,), "row", sys.byteorder).itemsize
                pool.offer(f"{tag}/{at}", bytes(size), dtype=dtype, keep=True,
                           attributes={"of": tag, "at": at, "step": 0})
                cube = pool.cube(f"{tag}-{at}", f'of = "{tag}" and at = {at}', ["step"])

                def demand() -> Any:
                    with cube.demand(step=[0, 6], holes="fill", fill=fill) as part:
                        return part.view.tolist()[1][0]
                if expected is None:
                    self.refused_as("bad-argument", demand)
                else:
                    self.assertEqual(demand(), expected, (dtype, fill))
            pool.delete_selected(f'of = "{tag}"', force=True)

    def test_cubes_that_lose_objects(self) -> None:
        tag = f"cubel-{os.getpid()}"
        with attacca.join("py-cube[*]") as pool:
            def offer(step: int) -> None:
                pool.offer(f"{tag}/{step}", array.array("d", [step]), keep=True,
                           attributes={"of": tag, "step": step})

            for step in (0, 6, 12):
                offer(step)
            cube = pool.cube(tag, f'of = "{tag}"', ["step"], labels={"step": [0, 6, 12]})

            class Losing(attacca.Cube):
                lost = ["6"]

                def _region(self) -> Any:  # it has planned, and has not demanded
                    if self.lost:
                        pool.delete(f"{tag}/{self.lost.pop()}", force=True)
                    return super()._region()

            losing = Losing(pool, tag, {"selector": cube.selector, "tags": {"cube": cube._told}})
            losing._with = lambda by_place, picks: losing  # type: ignore[method-assign]
            with losing.demand(holes="fill", timeout=20) as part:
                self.assertEqual([str(each) for each in part.raw.cast("B").cast("d")],
                                 ["0.0", "nan", "12.0"])
                self.assertEqual(part.holes, 1)
            losing.lost.append("0")
            offer(6)
            self.refused_as("cube-hole", lambda: losing.demand(holes="fail", timeout=20))
            offer(0)
            # What is picked by place is picked when it is seen.
            seen = []
            with self.assertRaises(attacca.AttaccaError) as caught:
                free = pool.cube(tag + "-g", f'of = "{tag}"', ["step"])
                for part in free.isel(step=slice(-2, None)).grow("step", holes="fail", timeout=0.2):
                    seen += part.coords["step"]
                    part.dispose()
                    if len(seen) == 1:
                        offer(18)
                        offer(24)
            self.assertEqual(caught.exception.code, "deadline-passed")
            self.assertEqual(seen, [6, 12, 18, 24])
            pool.delete_selected(f'of = "{tag}"', force=True)

    def test_cubes_that_grow_in_any_order(self) -> None:
        tag, order = f"cubeg-{os.getpid()}", random.Random(7)
        places = [*itertools.product((0, 6, 12), ("a", "b"))]
        with attacca.join("py-cube[*]") as pool:
            for turn in range(6):
                if turn:
                    order.shuffle(places)
                of = f"{tag}/{turn}"
                cube = pool.cube(f"{tag}-{turn}", f'of = "{of}"', ["step", "kind"])
                for step, kind in places:
                    pool.offer(f"{of}/{step}/{kind}", array.array("d", [step]), keep=True,
                               attributes={"of": of, "step": step, "kind": kind})
                    cube.demand(holes="fill").dispose()
                    anew = pool.cube(f"{tag}-{turn}")
                    self.assertEqual((cube.coords, cube.objects), (anew.coords, anew.objects))
                # Two at one place are told by whatever looks, not only by the first.
                pool.offer(f"{of}/twin", array.array("d", [7]), keep=True,
                           attributes={"of": of, "step": 6, "kind": "a"})
                for _ in range(2):
                    self.refused_as("cube-misfit", cube.demand)
            pool.delete_selected(f'name ~ "{tag}/*"', force=True)

    def test_cubes_of_parts(self) -> None:
        """What is there of an object in parts is no hole."""
        tag, rng = f"cubep-{os.getpid()}", random.Random(11)
        rows, columns = 9, 7

        def element(step: int, row: int, column: int) -> float:
            return step * 1e4 + row * 100.0 + column

        with attacca.join("py-cube[*]") as pool, attacca.join("py-other[*]") as other:
            def part(step: int, some: Any, these: Any) -> None:
                data = array.array("d", (element(step, row, column)
                                         for row in some for column in these))
                other.offer_part(f"{tag}/{step}", (list(some), list(these)), data,
                                 shape=(rows, columns), keep=True,
                                 attributes={"of": tag, "step": step})
                there.update((step, row, column) for row in some for column in these)

            there: Set[Any] = set()
            part(0, range(rows), range(columns))
            part(6, range(6), range(columns))
            part(12, range(rows), range(2, 5))
            part(18, [1, 4, 8], [0, 3, 6])
            cube = pool.cube(tag, f'of = "{tag}"', ["step"], dims=["row", "column"])
            for _ in range(30):
                pick: Dict[str, Any] = {
                    "step": sorted(rng.sample((0, 6, 12, 18, 24), rng.randint(1, 5))),
                    "row": sorted(rng.sample(range(rows), rng.randint(1, rows))),
                    "column": sorted(rng.sample(range(columns), rng.randint(1, columns)))}
                places = [*itertools.product(pick["step"], pick["row"], pick["column"])]
                expected = [element(*at) if at in there else -1.0 for at in places]
                with cube.demand(pick, holes="fill", fill=-1, timeout=20) as got:
                    self.assertEqual([*got.raw.cast("B").cast("d")], expected, pick)
                    self.assertEqual(got.holes, len({at[0] for at in places if at not in there}))
                if -1.0 in expected:
                    error = self.refused_as("cube-hole", lambda: cube.demand(
                        pick, holes="fail", timeout=20))
                    first = min(at[0] for at in places if at not in there)
                    self.assertIn(f"the first is step={first}", str(error))
                    self.assertEqual(error.fields["labels"], [first])
                else:
                    cube.demand(pick, holes="fail", timeout=20).dispose()
            error = self.refused_as("cube-hole", lambda: cube.demand(
                step=[12, 18], holes="fail", timeout=20))
            self.assertIn(f'"{tag}/12", which lacks 36 of 63 elements', str(error))
            # Nobody waits for parts that are not needed.
            with cube.demand(step=[0, 6], row=(0, 5), timeout=20) as got:
                self.assertEqual((got.shape, got.holes), ((2, 6, 7), 0))
            self.refused_as("deadline-passed", lambda: cube.demand(
                step=6, row=6, timeout=0.05, wait=True))
            # That one comes in parts says its name alone: no other part is waited for.
            named = pool.cube(f"{tag}-n", f'of = "{tag}" and step < 30', ["step"],
                              dims=["row", "column"], names=tag + "/{step}")
            late = threading.Timer(0.1, lambda: part(24, range(2), range(columns)))
            late.start()
            with named.demand(step=[6, 24], row=(0, 1), timeout=20) as got:
                self.assertEqual(got.view.tolist()[1], [
                    [element(24, row, column) for column in range(columns)] for row in (0, 1)])
            late.join()
            # Where parts are gone and come anew, each demand has what is there then.
            part(6, range(6, rows), range(columns))
            with cube.demand(step=6, holes="fail", timeout=20) as got:
                self.assertEqual(got.shape, (1, rows, columns))
            pool.delete_selected(f'of = "{tag}"', force=True)

    def test_cubes_whose_objects_disagree(self) -> None:
        tag = f"cubed-{os.getpid()}"
        plain: Dict[str, Any] = {"scale_factor": 0.5, "units": "K", "dims": ["x"],
                                 "coords": {"x": [10, 20]}, "title": "t"}
        with attacca.join("py-cube[*]") as pool:
            def offer(of: str, step: int, **other: Any) -> str:
                told = {key: value for key, value in {**plain, **other}.items()
                        if value is not None}
                pool.offer(f"{of}/{step}", array.array("h", [1, 2]), keep=True,
                           attributes={"of": of, "step": step, **told})
                return of

            for at, (key, value, text) in enumerate((
                    ("units", "degC", 'it has "units" \'degC\', "{}/0" has \'K\''),
                    ("units", None, 'it has no "units", "{}/0" has \'K\''),
                    ("dims", ["y"], 'it has "dims" [\'y\'], "{}/0" has [\'x\']'),
                    ("coords", {"x": [10, 30]}, 'along "x" it has [10, 30], "{}/0" has [10, 20]'))):
                of = f"{tag}/{at}"
                for step in (0, 6):
                    offer(of, step)
                offer(of, 12, **{key: value})
                error = self.refused_as("cube-misfit", lambda: pool.cube(
                    of, f'of = "{of}"', ["step"]))
                self.assertIn(f'"{of}/12" has no place in it: {text.format(of)}', str(error))
                less = pool.cube(f"{of}-s", f'of = "{of}"', ["step"], misfits="skip")
                self.assertEqual((less.coords["step"], len(less.misfits)), ([0, 6], 1))
                self.assertEqual(less.attributes, {"of": of, "scale_factor": 0.5, "units": "K",
                                                   "title": "t"})
            # What the cube says itself nobody contradicts; packing is a matter of each demand.
            of = f"{tag}/packed"
            offer(of, 0)
            offer(of, 6, dims=["other"], coords={"other": [1, 2]})
            offer(of, 12, scale_factor=0.25, title="u")
            cube = pool.cube(of, f'of = "{of}"', ["step"], dims=["y"])
            error = self.refused_as("cube-misfit", lambda: cube.demand(timeout=20))
            self.assertIn(f'"{of}/12" has no place in it: it has "scale_factor" 0.25, "{of}/0" has '
                          "0.5", str(error))
            self.assertEqual(error.fields["key"], "scale_factor")
            if numpy is not None:
                with cube.demand(step=[0, 12, 18], holes="fill", unpack=True, timeout=20) as part:
                    self.assertEqual(str(part.values.tolist()),
                                     "[[0.5, 1.0], [0.25, 0.5], [nan, nan]]")
                    self.assertEqual((part.dtype, part.attributes), ("float32", {
                        "of": of, "units": "K"}))
                into = numpy.zeros((1, 2), ">f8")
                with cube.demand(step=12, unpack=True, into=into, timeout=20) as part:
                    self.assertEqual(into.tolist(), [[0.25, 0.5]])
                with cube.demand(step=(0, 6), dtype="int32", order="column", timeout=20) as part:
                    self.assertEqual((part.space.order, part.values.tolist()),
                                     ("column", [[1, 2], [1, 2]]))
                self.refused_as("lossy-conversion", lambda: cube.demand(
                    step=0, dtype="int8", timeout=20))
            with cube.demand(step=(0, 6), timeout=20) as part:
                self.assertEqual(part.attributes, {"of": of, "scale_factor": 0.5, "units": "K",
                                                   "title": "t"})
            self.assertEqual(cube.attributes, {"of": of, "units": "K"})
            # What cannot be picked is refused before anybody waits.
            self.refused_as("bad-argument", lambda: cube.sel(latitude=3))
            for pick in ("a", [0, "a"], (None, "a"), b"a", True, slice("a", None)):
                self.refused_as("bad-region", lambda: cube.sel(step=pick))
            for place in (1.5, "0", [0, 0.5], slice(0.5, 2)):
                self.refused_as("bad-region", lambda: cube.isel(step=place))
            # Who redefines says so.
            for how in ({"selector": "true"}, {"axes": ["step", "title"]}):
                error = self.refused_as("bad-argument", lambda: pool.cube(
                    of, **{"selector": f'of = "{of}"', "axes": ["step"], "dims": ["y"], **how}))
                self.assertIn("replace=True", str(error))
            again = pool.cube(of, f'of = "{of}" and step < 10', ["step"], dims=["y"], replace=True)
            self.assertEqual(again.coords, {"step": [0, 6]})
            pool.define_collection(f"{tag}-list")
            self.refused_as("bad-argument", lambda: pool.cube(f"{tag}-list", "true", ["step"]))
            self.refused_as("deadline-passed", lambda: pool.cube(
                f"{of}-c", f'of = "{of}"', ["step"], dims=["y"], coords={"y": f"{of}/none"},
                timeout=0.05))
            pool.delete_selected(f'name ~ "{tag}/*"', force=True)

    def test_cubes_of_xarray(self) -> None:
        if xarray is None:
            self.skipTest("xarray is not here")
        tag = f"xcube-{os.getpid()}"
        with attacca.join("py[*]") as pool:
            for day in range(2):
                pool.offer(f"{tag}/{day}", numpy.arange(3, dtype="f4") + day, keep=True,
                           attributes={"of": tag, "day": Timestamp(day * 86_400 * 10 ** 9)})
            cube = pool.cube(tag, f'of = "{tag}"', ["day"], dims=["x"], coords={"x": [1, 2, 3]})
            with cube.demand(x=(2, None)) as part:
                array = part.to_xarray()
                self.assertEqual((array.dims, array.name), (("day", "x"), tag))
                self.assertEqual(array.sel(day="1970-01-02", x=3).item(), 3)
                self.assertTrue(numpy.shares_memory(array.values, part.values))
            pool.delete_selected(f'of = "{tag}"', force=True)

    def test_demands_that_shape(self) -> None:
        name, grid = f"py/shape/{os.getpid()}", array.array("h", [200, 100, -999, 2500, -1, 7])
        packing = {"scale_factor": 0.5, "add_offset": 10, "_FillValue": -999,
                   "missing_value": [-1], "units": "K"}
        with attacca.join("py-shape[*]") as pool:
            pool.offer(name, grid, shape=(2, 3), attributes=packing)
            # What is as it was asked for needs no numpy, and stays the pool's own memory.
            with pool.demand(name, 5, dtype="int16", order="row", byteorder=sys.byteorder) as d:
                self.assertEqual(d.view.tolist(), [[200, 100, -999], [2500, -1, 7]])
            with pool.demand(name, 5, transforms=[{"kind": "transpose"}]) as d:
                self.assertEqual((d.space.shape, d.space.order), ((3, 2), "column"))
                self.assertEqual([*array.array("h", bytes(d))], [*grid])
            into = bytearray(8)
            with pool.demand(name, 5, region=numpy_like[:, 1:3], into=into) as d:
                self.assertEqual([*array.array("h", bytes(into))], [100, -999, -1, 7])
                self.assertEqual(d.space.shape, (2, 2))
                d.raw[0:2] = b"\x01\x00"
                self.assertEqual(into[:2], b"\x01\x00")
            self.refused("size-mismatch", lambda: pool.demand(name, 5, into=bytearray(11)))
            for wrong in (b"x" * 12, 7, memoryview(bytearray(24))[::2]):
                self.refused("bad-argument", lambda: pool.demand(name, 5, into=wrong))
            self.refused("bad-argument", lambda: pool.demand(name, 5, order="C"))
            self.refused("bad-argument", lambda: pool.demand(name, 5, byteorder="="))
            self.refused("bad-space", lambda: pool.demand(name, 5, dtype="int7"))
            for chain in ([7], [{}], [{"kind": "units", "from": "K", "to": "K"}],
                          [{"kind": "no"}], [{"kind": "transpose"}] * 65):
                self.refused("bad-transform", lambda: pool.demand(name, 5, transforms=chain))
            self.refused("lossy-conversion", lambda: pool.demand(name, 5, dtype="uint16"))
            if numpy is None:
                error = self.refused("library-unavailable",
                                     lambda: pool.demand(name, 5, dtype="int32"))
                self.assertIn("pip install numpy", str(error))
                return
            with pool.demand(name, 5, unpack=True) as d:
                self.assertEqual((d.space.dtype, d.attributes), ("float32", {"units": "K"}))
                self.assertEqual(str(numpy.asarray(d).tolist()),
                                 "[[110.0, 60.0, nan], [1260.0, nan, 13.5]]")
            model = numpy.frombuffer(grid, "i2").reshape(2, 3)
            need = pool.require(name, dtype="int16", shape=(2, 3),
                                region=numpy_like[:, ::2])
            with need.demand(5, own=True, dtype=">i4", order="column") as d:
                self.assertEqual(d.space, Space("int32", (2, 2), "column", "big"))
                self.assertTrue((numpy.asarray(d) == model[:, ::2]).all())
                self.assertFalse(d.raw.readonly)
            for target in (numpy.zeros((2, 3), ">f8"), numpy.zeros((2, 3), "c16", order="F"),
                           numpy.zeros(6, "i8")):
                pool.demand(name, 5, into=target).dispose()
                self.assertTrue((target.reshape(2, 3) == model).all())
            self.refused("lossy-conversion", lambda: pool.demand(
                name, 5, into=numpy.zeros((2, 3), "i1")))
            pool.demand(name, 5, into=numpy.zeros((2, 3), "i1"), lossy=True).dispose()
            self.refused("size-mismatch", lambda: pool.demand(
                name, 5, into=numpy.zeros((3, 2), "i4")))
            pool.offer(name + "/bad", grid, attributes={"scale_factor": "one"})
            self.refused("bad-attribute", lambda: pool.demand(name + "/bad", 5, unpack=True))

    def test_structs(self) -> None:
        name = f"py/structs/{os.getpid()}"
        with attacca.join("structs") as pool:
            raw = b"".join(struct.pack("<fh", x, x) for x in range(10))
            pool.offer(name, raw, dtype="{x:float32, n:int16}", shape=(5, 2))
            with pool.demand(name, 5, region=numpy_like[1:3, 1]) as d:
                self.assertEqual(d.space.dtype, "{x:float32@0,n:int16@4;6}")
                self.assertEqual(bytes(d), raw[18:24] + raw[30:36])
            self.assertEqual(pool.stat(name)["dtype"], "{x:float32@0,n:int16@4;6}")
            with self.assertRaises(attacca.AttaccaError) as caught:
                pool.require(name, dtype="{x:float32, n:int32}").demand(5)
            self.assertEqual(caught.exception.code, "object-mismatch")
            pool.offer(name + "/tags", b"ab\0cde", dtype="string[3]")
            with pool.demand(name + "/tags", 5) as d:
                self.assertEqual((d.space.dtype, d.space.shape), ("string[3]", (2,)))
            if numpy is not None:
                source = numpy.array([(1.5, b"ab", 3)] * 4, [("x", ">f8"), ("t", "S4"), ("n", ">u2")])
                pool.offer(name + "/big", source)
                with pool.demand(name + "/big", 5, region=numpy_like[1:3]) as d:
                    self.assertTrue((numpy.asarray(d) == source[1:3]).all())

    def test_encoded(self) -> None:
        values = array.array("f", (math.sin(at / 50) for at in range(3000)))
        raw = values.tobytes()
        shuffled = b"".join(raw[byte::4] for byte in range(4))
        packer = zlib.compressobj(wbits=31)
        packed = packer.compress(shuffled) + packer.flush()
        space = {"dtype": "float32", "shape": [30, 100], "order": "row", "byteOrder": "little"}
        chain = [{"kind": "bitround", "bits": 23}, {"kind": "shuffle", "itemSize": 4},
                 {"kind": "compress", "codec": "gzip"}]

        def put(name: str, data: bytes, **told: Any) -> str:
            text = json.dumps({"space": space, "chain": chain, **told})
            one.offer(name, data, attributes={"attacca.encoding": text}, keep=True)
            return name

        name = f"py/{os.getpid()}/encoded"
        with attacca.join("py-one[*]") as one:
            with one.demand(put(name, packed), timeout=30) as d:
                self.assertEqual(d.space.shape, (30, 100))
                self.assertEqual(d.space.dtype, "float32")
                self.assertEqual(d.raw.tobytes(), raw)
            for region, wanted, counts in [
                    (numpy_like[2:4, 5], [205, 305], (2,)),
                    (numpy_like[29, 98:], [2998, 2999], (2,)),
                    (numpy_like[...], list(range(3000)), (30, 100))]:
                for own in (False, True):
                    with one.demand(name, timeout=30, region=region, own=own, dtype="float32",
                                    shape=(None, 100)) as d:
                        self.assertEqual(d.space.shape, counts)
                        self.assertEqual(list(d.raw.cast("f")), [values[at] for at in wanted])
            for told in ({"shape": (30, 99)}, {"dtype": "float64"}, {"order": "column"}):
                with self.assertRaises(attacca.AttaccaError) as caught:
                    one.require(name, **told).demand(30)
                self.assertEqual(caught.exception.code, "object-mismatch", str(told))
            with self.assertRaises(attacca.AttaccaError) as caught:
                one.demand(name, timeout=30, region=numpy_like[30, 0])
            self.assertEqual(caught.exception.code, "bad-region")
            flat = put(f"{name}/flat", packed, space={**space, "shape": [3000]})
            with one.demand(flat, timeout=30, region=numpy_like[7:9]) as d:
                self.assertEqual(list(d.raw.cast("f")), list(values[7:9]))
            long = {**space, "shape": [2 ** 50]}
            for at, (data, told) in enumerate([
                    (packed[:-9], {}), (packed, {"space": {**space, "shape": [2999]}}),
                    (packed, {"space": {}}), (packed, {"space": long}), (b"", {}),
                    (packed, {"chain": [{"kind": "wasm"}]}), (packed, {"chain": 7})]):
                with self.assertRaises(attacca.AttaccaError) as caught:
                    one.demand(put(f"{name}/{at}", data, **told), timeout=30)
                self.assertEqual(caught.exception.code, "transform-failed", str(at))

    def test_parts(self) -> None:
        shape, total = (4, 6), range(24)
        grid = [list(total[row * 6:row * 6 + 6]) for row in range(4)]

        def values(rows: Any, columns: Any, column_major: bool = False) -> array.array:
            if column_major:
                return array.array("i", [grid[r][c] for c in columns for r in rows])
            return array.array("i", [grid[r][c] for r in rows for c in columns])

        for transport in ("socket", ""):
            name = f"py/{os.getpid()}/parts/{transport}"
            with attacca.join("py-writer[*]", transport=transport) as one, attacca.join(
                    "py-writer[*]", transport=transport) as two, attacca.join(
                    "py-reader[*]", transport=transport) as reader:
                need = reader.require(name, region=numpy_like[1:3, 0:6:2])
                one.offer_part(name, numpy_like[:, :2], values(range(4), (0, 1)), shape=shape)
                with self.assertRaises(attacca.AttaccaError) as caught:
                    two.offer_part(name, numpy_like[0, 1], array.array("i", [1]), shape=shape)
                self.assertEqual(caught.exception.code, "part-overlap")
                two.offer_part(name, numpy_like[:, [2, 3, 5]], values(range(4), (2, 3, 5)),
                               shape=shape)
                one.offer_part(name, numpy_like[..., 4], values(range(4), (4,)), shape=shape)
                with need.demand(timeout=30) as d:
                    self.assertEqual(d.space.shape, (2, 3))
                    self.assertEqual(d.view.tolist(), [[6, 8, 10], [12, 14, 16]])
                with reader.demand(name, timeout=30) as d:
                    self.assertEqual(d.view.tolist(), grid)
                with reader.demand(name, timeout=30, region=2, shape=shape) as d:
                    self.assertEqual((d.space.shape, d.view.tolist()), ((6,), grid[2]))
                with reader.demand(name, timeout=30, region=numpy_like[3:3, :]) as d:
                    self.assertEqual((d.space.shape, bytes(d)), ((0, 6), b""))
                one.withdraw(name, timeout=10)
                two.withdraw(name, timeout=10)
                name += "/column"
                one.offer_part(name, numpy_like[:2, :], values((0, 1), range(6), True),
                               shape=shape, order="column")
                two.offer_part(name, numpy_like[2:, :], values((2, 3), range(6), True),
                               shape=shape, order="column")
                with reader.demand(name, timeout=30, region=numpy_like[1:3, 4:6]) as d:
                    self.assertEqual(d.space.order, "column")
                    self.assertEqual([*array.array("i", bytes(d))], [10, 16, 11, 17])
                name += "/large"
                rows = [array.array("d", [row] * 40_000) for row in range(3)]
                for row in range(3):
                    one.offer_part(name, row, rows[row], shape=(3, 40_000))
                with reader.demand(name, timeout=30, region=numpy_like[:, -2:],
                                   shape=(3, 40_000)) as d:
                    self.assertEqual(d.view.tolist(), [[0, 0], [1, 1], [2, 2]])
                with self.assertRaises(attacca.AttaccaError) as caught:
                    reader.demand(name, timeout=5, region=numpy_like[:, 39_998:40_001])
                self.assertEqual(caught.exception.code, "bad-region")

    def refused(self, code: str, call: Callable[[], Any]) -> attacca.AttaccaError:
        with self.assertRaises(attacca.AttaccaError) as caught:
            call()
        self.assertEqual(caught.exception.code, code)
        return caught.exception

    def test_open_objects(self) -> None:
        for transport in ("socket", ""):
            name = f"py/{os.getpid()}/open/{transport}"
            with attacca.join("py-one[*]", transport=transport) as one, attacca.join(
                    "py-two[*]", transport=transport) as two:
                need = two.require(name)
                mine = one.create(name, dtype="int32", shape=(4, 6), fill=-1,
                                  attributes={"level": 850})
                theirs = two.open(name, timeout=30, dtype="int32")
                self.assertEqual((theirs.consistency, theirs.attributes, theirs.space.shape),
                                 ("posix", {"level": 850}, (4, 6)))
                mine.write(numpy_like[0, 2:4], array.array("i", [2, 3]))
                theirs.write(numpy_like[1:3, [0, 5]], array.array("h", [10, 15, 20, 25]))
                theirs.write(numpy_like[3, :1], struct.pack("=i", 30))
                grid = [[-1, -1, 2, 3, -1, -1], [10, -1, -1, -1, -1, 15],
                        [20, -1, -1, -1, -1, 25], [30, -1, -1, -1, -1, -1]]
                self.assertEqual(mine.read().view.tolist(), grid)
                found = theirs.read(numpy_like[:3, 0], dtype="float64")
                self.assertEqual((found.space.shape, found.view.tolist()), ((3,), [-1, 10, 20]))
                self.assertEqual(mine.read(numpy_like[:2, 2:4], order="column").space.order,
                                 "column")
                self.refused("lossy-conversion", lambda: mine.write(0, array.array("d", [.5] * 6)))
                mine.write(numpy_like[3, 1:3], array.array("d", [1.5, 2.5]), lossy=True)
                self.assertEqual(mine.read(numpy_like[3, :3]).view.tolist(), [30, 1, 2])
                self.refused("size-mismatch", lambda: mine.write(0, array.array("i", [1])))
                self.refused("bad-region", lambda: mine.read(numpy_like[:, 6]))
                self.refused("bad-region", lambda: mine.lock("read", 4))
                self.refused("already-offered", lambda: one.create(name, dtype="u1", shape=1))
                theirs.close()
                theirs.close()
                self.refused("wrong-state", lambda: theirs.read())
                mine.seal()
                self.refused("wrong-state", lambda: mine.write(0, array.array("i", [0] * 6)))
                with need.demand(timeout=30) as d:
                    self.assertEqual(d.attributes, {"level": 850})
                    self.assertEqual(d.view.tolist()[:3], grid[:3])
                self.refused("wrong-state", lambda: two.open(name))
                mine.withdraw(timeout=10)
                self.refused("deadline-passed", lambda: two.open(name, timeout=0.05))

    def test_open_objects_of_many_dtypes(self) -> None:
        with attacca.join("py[*]") as pool:
            for dtype, fill in (("bool", True), ("int8", -3), ("uint64", 1 << 63), ("float16", .5),
                                (">f4", 1.5), ("complex64", 1 - 2j), ("complex128", 3)):
                name = f"py/{os.getpid()}/open/{dtype}"
                with pool.create(name, dtype=dtype, shape=3, fill=fill, order="column") as field:
                    raw = bytes(field.read().raw)
                    self.assertEqual(raw, attacca._filled(field.space, fill) * 3)
                    field.write(numpy_like[:2], b"\x00" * 2 * field.space.itemsize)
                    self.assertEqual(bytes(field.read(2).raw), raw[:field.space.itemsize])
                field.withdraw()
            empty = pool.create(f"py/{os.getpid()}/open/empty", dtype="f4", shape=(0, 3))
            empty.write(numpy_like[:, 1], b"")
            self.assertEqual(empty.read().space.shape, (0, 3))
            empty.seal()
            self.refused("bad-argument", lambda: pool.create("x", dtype="int8", shape=2, fill=200))
            with self.assertRaises(ValueError):
                pool.create("x", dtype="int8", shape=2, consistency="soon")

    def test_open_objects_by_the_thousand(self) -> None:
        for transport in ("socket", ""):
            with attacca.join("py[*]", transport=transport) as pool:
                name = f"py/{os.getpid()}/open/many/{transport}"
                rows, rng = 3_000, random.Random(7)
                with pool.create(name, dtype="int32", shape=(rows, 64)) as table:
                    order = rng.sample(range(rows), rows)
                    table.write_many((row, array.array("i", [row] * 64)) for row in order)
                    got = table.read_many([numpy_like[row, 3:5] for row in order])
                    self.assertEqual([d.view.tolist() for d in got], [[row] * 2 for row in order])
                    big = table.read()
                    self.assertEqual(big.view.tolist(), [[row] * 64 for row in range(rows)])
                table.withdraw()

    def test_large_writes_go_in_pieces(self) -> None:
        most, attacca._PIECE_MAX = attacca._PIECE_MAX, 256
        self.addCleanup(setattr, attacca, "_PIECE_MAX", most)
        with attacca.join("py[*]") as pool:
            for order in ("row", "column"):
                name = f"py/{os.getpid()}/open/pieces/{order}"
                field = pool.create(name, dtype="int16", shape=(40, 30), order=order)
                region = numpy_like[[1, 2, 5, 9, *range(20, 40)], 1:30:3]
                data = array.array("h", range(240))
                field.write(region, data)
                self.assertEqual([*array.array("h", bytes(field.read(region).raw))], [*data])
                flat = field.read(numpy_like[:, ::3]).raw
                self.assertEqual(bytes(flat), b"\x00" * 800)
                field.withdraw()

    def test_locks(self) -> None:
        name = f"py/{os.getpid()}/locked"
        with attacca.join("py-one[*]") as one, attacca.join("py-two[*]") as two:
            mine = one.create(name, dtype="int32", shape=(4, 6), consistency="commit")
            theirs = two.open(name, timeout=30)
            with mine.lock("write", numpy_like[1:3, :]):
                told = self.refused("lock-conflict",
                                    lambda: theirs.lock("read", numpy_like[2:, 0], block=False))
                self.assertTrue(told.retryable)
                self.assertEqual(told.fields["members"], [one.member])
                told = self.refused("deadline-passed",
                                    lambda: theirs.lock("read", 2, timeout=0.05))
                self.assertEqual(told.fields["members"], [one.member])
                self.refused("lock-conflict", lambda: mine.lock("read", 1))
                with theirs.lock("write", 0), theirs.lock("read", 3):
                    mine.write(1, array.array("i", range(6)))
                    self.assertEqual(len(one.explain(name)["locks"]), 3)
                    self.refused("lock-conflict", lambda: mine.seal())
                self.assertEqual(theirs.read(1).view.tolist(), [0] * 6)
                mine.commit()
                self.assertEqual(theirs.read(1).view.tolist(), [*range(6)])
                got: List[attacca.RegionLock] = []
                thread = threading.Thread(
                    target=lambda: got.append(theirs.lock("read", timeout=30)))
                thread.start()
                while not any(not lock["held"] for lock in one.explain(name)["locks"]):
                    pass
            thread.join(30)
            self.assertEqual([lock.mode for lock in got], ["read"])
            self.refused("lock-conflict", lambda: mine.lock("write", 0, block=False))
            theirs.close()  # its locks end
            with mine.lock("write", timeout=10):
                pass
            with self.assertRaises(ValueError):
                mine.lock("execute")

    def test_transfers(self) -> None:
        Transfer = attacca.RegionTransfer
        for transport in ("socket", ""):
            name, rows = f"py/{os.getpid()}/transfer/{transport}", 500
            with attacca.join("py-one[*]", transport=transport) as pool:
                table = pool.create(name, dtype="int32", shape=(rows, 16))
                before = pool.info()["counts"]["operations"]
                puts = [table.transfer("write", row, array.array("i", [row] * 16))
                        for row in range(rows)]
                self.assertEqual({each.status for each in puts}, {"created"})
                self.refused("wrong-state", lambda: puts[0].wait())
                Transfer.start_all(puts)
                Transfer.wait_all(puts, timeout=30)
                self.assertEqual({each.status for each in puts}, {"done"})
                self.assertLess(pool.info()["counts"]["operations"] - before, 20)
                self.refused("wrong-state", lambda: puts[0].start())
                # What is started later is done later, and read as the buffer is.
                again = table.transfer("write", 7, array.array("h", range(16)))
                into = array.array("q", [0] * 32)
                get = table.transfer("read", numpy_like[7:500:400, :], into)
                again.start()
                get.start()
                get.wait(30)
                self.assertEqual([*into], [*range(16), *[407] * 16])
                for each in (again, get, *puts):
                    each.close()
                    each.close()
                self.assertEqual(get.status, "closed")
                self.refused("wrong-state", lambda: get.wait())
                failing = table.transfer("write", 1, array.array("d", [0.5] * 16))
                with failing:
                    failing.start()
                    self.refused("lossy-conversion", lambda: failing.wait(30))
                    self.assertEqual(failing.status, "failed")
                self.assertEqual(table.read(1).view.tolist(), [1] * 16)
                self.refused("size-mismatch", lambda: table.transfer("read", 1, bytearray(3)))
                self.refused("bad-argument", lambda: table.transfer("read", 1, bytes(64)))
                with self.assertRaises(ValueError):
                    table.transfer("move", 1, bytearray(64))
                late = table.transfer("write", 2, array.array("i", [-2] * 16))
                late.start()
                table.seal()  # behind it
                with pool.demand(name, 30) as d:
                    self.assertEqual(d.view[2, 0], -2)
                self.refused("wrong-state", lambda: table.transfer("read", 1, bytearray(64)))

    def test_mapped_buffers(self) -> None:
        name = f"py/{os.getpid()}/mapped"
        with attacca.join("py-one[*]") as one, attacca.join("py-two[*]") as two:
            for consistency in ("posix", "commit"):
                mine = one.create(name, dtype="float64", shape=(4, 6), consistency=consistency)
                theirs = two.open(name, timeout=30)
                data, seen = array.array("d", range(12)), array.array("d", [-1] * 8)
                mapped = mine.map(data, numpy_like[1:3, :])
                theirs.map(seen, numpy_like[:, [2, 4]])
                with mine.lock("write", numpy_like[2:, 1:5]):
                    data[8] = 80
                with theirs.lock("read", numpy_like[1:3, 3:]):
                    self.assertEqual([*seen], [-1, -1, -1, 0, -1, 10, -1, -1])
                with theirs.lock("read"):
                    self.assertEqual([*seen], [0, 0, 0, 0, 80, 10, 0, 0])
                data[8] = 81  # a read lock publishes nothing
                mapped.unmap()
                mapped.unmap()
                with mine.lock("write"):
                    pass
                self.assertEqual(theirs.read(2).view.tolist(), [0, 7, 80, 9, 10, 0])
                whole = array.array("f", [0] * 24)
                with theirs.map(whole, lossy=True), theirs.lock("read", 2):
                    self.assertEqual([*whole][12:18], [0, 7, 80, 9, 10, 0])
                self.refused("lossy-conversion", lambda: mine.map(
                    array.array("q", [0] * 24)))
                self.refused("size-mismatch", lambda: mine.map(array.array("d", [0])))
                self.refused("bad-argument", lambda: mine.map(bytes(192)))
                theirs.close()
                mine.withdraw(timeout=10)

    def test_what_an_exception_leaves_is_not_committed(self) -> None:
        name = f"py/{os.getpid()}/dropped"
        with attacca.join("py-one[*]") as one, attacca.join("py-two[*]") as two:
            mine = one.create(name, dtype="int32", shape=4, consistency="session", keep=True)
            with self.assertRaises(KeyError), two.open(name, timeout=30) as theirs:
                theirs.write(..., array.array("i", [1] * 4))
                self.assertEqual(theirs.read().view.tolist(), [1] * 4)
                raise KeyError
            with two.open(name, timeout=30) as theirs:
                self.assertEqual(theirs.read().view.tolist(), [0] * 4)
                theirs.write(numpy_like[1:], array.array("i", [2] * 3))
                self.refused("wrong-state", lambda: theirs.commit())
                self.assertEqual(mine.read().view.tolist(), [0] * 4)
            self.assertEqual(mine.read().view.tolist(), [0, 2, 2, 2])
            mine.close()
            with two.open(name, timeout=30) as theirs:
                theirs.seal()
            with one.demand(name, timeout=30) as d:
                self.assertEqual(d.view.tolist(), [0, 2, 2, 2])
            one.withdraw(name, timeout=10)

    def test_open_objects_of_numpy(self) -> None:
        if numpy is None:
            self.skipTest("numpy is not here")
        with attacca.join("py[*]") as pool:
            model = numpy.zeros((7, 9, 5), "f4")
            name = f"py/{os.getpid()}/open/numpy"
            with pool.create(name, dtype=numpy.float32, shape=model.shape) as field:
                rng = numpy.random.default_rng(3)
                for region in (numpy.s_[2], numpy.s_[:, 1:9:3], numpy.s_[..., 4],
                               numpy.s_[1:3, :, [0, 2, 3]]):
                    values = rng.random(model[region].shape, "f4")
                    model[region] = values
                    field.write(region, numpy.asfortranarray(values))
                    self.assertTrue((numpy.asarray(field.read(region)) == values).all())
                self.assertTrue((numpy.asarray(field.read()) == model).all())
                self.refused("size-mismatch",
                             lambda: field.write(0, numpy.zeros((5, 9), "f4")))
            field.withdraw()

    def test_append(self) -> None:
        for transport in ("socket", ""):
            name = f"py/{os.getpid()}/append/{transport}"
            with attacca.join("py-writer[*]", transport=transport) as one, attacca.join(
                    "py-writer[*]", transport=transport) as two, attacca.join(
                    "py-reader[*]", transport=transport) as reader:
                need = reader.require(name)
                with self.assertRaises(attacca.AttaccaError) as caught:
                    one.finish(name)
                self.assertEqual(caught.exception.code, "wrong-state")

                def rows(first: int, count: int) -> memoryview:
                    data = array.array("i", range(first * 2, (first + count) * 2))
                    return memoryview(data).cast("B").cast("i", (count, 2))

                self.assertEqual(one.append(name, rows(0, 3)), 0)
                self.assertEqual(two.append(name, rows(3, 1)), 3)
                self.assertEqual(one.append(name, rows(4, 2)), 4)
                with reader.demand(name, region=numpy_like[2:5, 1:2], timeout=30) as d:
                    self.assertEqual(d.view.tolist(), [[5], [7], [9]])
                for other in (array.array("f", [1, 2]), array.array("i", [1, 2, 3, 4, 5, 6])):
                    wide = memoryview(other).cast("B").cast(other.typecode, (1, len(other)))
                    with self.assertRaises(attacca.AttaccaError) as caught:
                        one.append(name, wide)
                    self.assertEqual(caught.exception.code, "object-mismatch")
                one.finish(name)
                with need.demand(timeout=30) as d:
                    self.assertEqual(d.view.tolist(), rows(0, 6).tolist())
                with self.assertRaises(attacca.AttaccaError) as caught:
                    two.append(name, rows(6, 1))
                self.assertEqual(caught.exception.code, "wrong-state")
                one.withdraw(name, timeout=10)
                two.withdraw(name, timeout=10)
                name += "/large"
                for at in range(3):
                    self.assertEqual(one.append(name, rows(at * 20_000, 20_000), keep=True),
                                     at * 20_000)
                one.finish(name)
                with reader.demand(name, region=numpy_like[19_999:20_001, :], timeout=30) as d:
                    self.assertEqual(d.view.tolist(), rows(19_999, 2).tolist())
                one.withdraw(name, timeout=10)

    def test_shared_memory(self) -> None:
        if os.environ.get("ATTACCA_TRANSPORT") == "socket":
            self.skipTest("ATTACCA_TRANSPORT is socket")
        with attacca.join("py[*]") as pool:
            # What the pool says, not what the client makes of it: that is what is tested.
            if not pool._session.info["slabs"]:
                self.skipTest("the pool has no shared memory")
        self.life("shared-memory")

    def test_socket(self) -> None:
        self.life("socket")

    def test_globs(self) -> None:
        base = f"py/{os.getpid()}/globs/"
        with attacca.join("py[*]") as pool:
            names = [base + name for name in (
                'a"b', "a'b", "a\\b", "a*b", "a\nb", "a\tb", "a`b", "a\u2028b", "aéb", "a😀b")]
            for name in names:
                pool.signal(name)
            self.assertEqual(sorted(pool.list(base + "a?b")), sorted(names))
            for name in names:
                glob = re.sub(r"([\\*?\[])", r"\\\1", name)
                self.assertEqual([*pool.list(glob)], [name])
            self.assertEqual([*pool.list("")], [])
            self.assertTrue({*names} <= {*pool.list()})
            [found] = pool.list(names[0], detail=True)
            self.assertEqual(found, pool.stat(names[0]))
            with self.assertRaises(attacca.AttaccaError) as caught:
                next(pool.list("[z-a]"))
            self.assertEqual(caught.exception.code, "bad-selector")

    def test_sorted_queries(self) -> None:
        base = f"py/{os.getpid()}/sorted/"
        selector, key = f'name prefix "{base}"', f"v{os.getpid()}"
        rank: Dict[str, int] = {}
        with attacca.join("py[*]") as pool:
            for at, row in enumerate(ORDER):
                for value in row:
                    name = f"{base}{'zé😀'[len(rank) % 3]}{len(rank)}"
                    rank[name] = at
                    pool.signal(name, {key: value})
            missing = [base + "none/1", base + "none/2"]
            for name in reversed(missing):
                pool.signal(name)
            names = sorted(rank)
            up = [*sorted(names, key=lambda name: rank[name]), *missing]
            down = [*sorted(names, key=lambda name: -rank[name]), *missing]
            for descending, expected in enumerate((up, down)):
                # As the pool has them, before anything is put together here.
                [part] = pool._parts("SORT", selector, key=key, descending=descending, limit=0,
                                     detail=0, place=None)
                self.assertEqual([row["object"] for row in part["objects"]], expected)
                sort = "-" * descending + key
                for page in (1, 7, 4096):
                    with unittest.mock.patch.dict(attacca._PAGES, name=page):
                        self.assertEqual([*pool.query(selector, detail="name", sort=sort)],
                                         expected)
            self.assertEqual([found.name for found in pool.query(selector, sort=key, limit=5)],
                             up[:5])
            self.assertEqual([found["name"] for found in pool.query(
                selector, detail="all", sort="-.scope", limit=3)], sorted([*names, *missing])[:3])
            found = pool.facets(key)
            self.assertEqual((found.objects, sum(count for _, count in found.values)),
                             (len(rank), len(rank)))

    def test_selected(self) -> None:
        base, key = f"py/{os.getpid()}/selected/", f"n{os.getpid()}"
        selector = f'name prefix "{base}"'
        with attacca.join("py[*]") as pool:
            for i in range(100):
                pool.signal(f"{base}{i:02}", {key: i * i, "at": Timestamp(i), "odd": i % 2 == 1},
                            keep=True)
            with unittest.mock.patch.dict(attacca._PAGES, name=7):
                self.assertEqual(sorted(pool.query(f"{key} in 100..", detail="name")),
                                 [f"{base}{i:02}" for i in range(10, 100)])
            self.assertEqual(pool.count(f"{selector} and odd = true"), 50)
            self.assertEqual(pool.facets("odd", selector, limit=1), attacca.Facets(
                "odd", 100, [(False, 50)], 1, 50, True))
            [found] = pool.histograms(key)
            self.assertEqual((found.of, found.least, found.most, sum(found.bins)),
                             ("numbers", 0, 99 * 99, 100))
            for i, count in enumerate(found.bins, found.first):
                low, high = (n * 2.0 ** found.exponent for n in (i, i + 1))
                self.assertEqual(count, sum(low <= n * n < high for n in range(100)))
            [found] = pool.histograms("at", selector)
            self.assertEqual((found.of, found.most), ("timestamps", Timestamp(99)))
            seen: List[int] = []
            self.assertEqual(pool.tag_selected(f"{key} < 16", {"low": True}, dry_run=True,
                                               progress=seen.append), (4, 4, []))
            self.assertEqual((seen, pool.count(f"{selector} and has low")), ([4], 0))
            pool.tag_selected(f"{key} < 16", {"low": True})
            self.assertEqual(pool.count(f"{selector} and low = true"), 4)
            pool.untag_selected(selector, "low")
            self.assertEqual(pool.count(f"{selector} and has low"), 0)
            pool.untag(f"{base}00", "low")
            with pool.require(f"{base}00"):
                for dry_run in (True, False):
                    done = pool.delete_selected(f"{key} <= 1", dry_run=dry_run)
                    self.assertEqual(done[:2], (2, 1))
                    self.assertEqual([(each["name"], each["code"]) for each in done.refused],
                                     [(f"{base}00", "object-required")])
                pool.delete_selected(f"{key} <= 1", force=True)
            self.assertEqual(pool.unkeep_selected(f"{key} >= 100", dry_run=True), (90, 90, []))
            self.assertEqual(pool.unkeep_selected(f"{key} >= 100"), (90, 90, []))
            self.assertEqual(pool.count(selector), 8)
            pool.delete_selected(selector)
            self.assertEqual([*pool.query(selector)], [])
            self.assertIsInstance(pool.explain_selector(selector), dict)
            for call in (pool.count, pool.delete_selected, pool.unkeep_selected,
                         lambda wrong: next(pool.query(wrong, sort="a")),
                         lambda wrong: pool.facets("a", wrong)):
                with self.assertRaises(attacca.AttaccaError) as caught:
                    call('a = "é" oder b = 2')
                self.assertEqual(caught.exception.code, "bad-selector")
                self.assertEqual(caught.exception.fields["position"], 8)

    def test_definitions(self) -> None:
        one = f"py{os.getpid()}"
        date, step = f"{one}-date", f"{one}-step"
        schema = {"schema-name": one, "schema-version": 1, "schema-namespace": "", "attributes": [
            {"key": date, "type": "day()", "required": True},
            {"key": step, "type": "int(min=0)", "default": 0}]}
        january = Timestamp(1_769_817_600 * 10 ** 9)
        with attacca.join("py[*]") as pool:
            def refused(code: str, call: Callable[..., Any], *args: Any, **more: Any) -> Any:
                with self.assertRaises(attacca.AttaccaError) as caught:
                    call(*args, **more)
                self.assertEqual(caught.exception.code, code, caught.exception)
                return caught.exception

            error = refused("bad-schema", pool.define_schema, {**schema, "attributes": [
                {"key": date, "type": "dey()"}]})
            self.assertEqual(error.fields["path"], "attributes[0].type")
            pool.define_schema(schema)
            self.assertEqual(pool.schemas(one), [(one, schema, None)])
            refused("schema-conflict", pool.define_schema, {
                **schema, "schema-name": f"{one}-other", "attributes": [
                    {"key": date, "type": "int()"}]})
            refused("unknown-definition", pool.define_container, one, schemas=["no such"])
            pool.define_container(one, attributes={"user": "me"}, schemas=[one], lifetime=3600,
                                  tags={"for": [1, {"a": 0.5}]}, documentation="a run")
            error = refused("definition-in-use", pool.remove_schema, one)
            self.assertTrue(error.retryable)
            refused("unknown-definition", pool.signal, f"{one}/x", container=f"{one}-no")
            error = refused("schema-mismatch", pool.offer, f"{one}/x", b"1", container=one)
            self.assertEqual((error.fields["key"], error.fields["schema"]), (date, one))
            pool.offer(f"{one}/x", b"1", attributes={date: "2026-01-31", step: "6"}, container=one)
            pool.signal(f"{one}/y", {date: "2026-02-01", "user": "you"}, True, container=one)
            self.assertEqual([*pool.query(f'`{date}` < "2026-02-01"')], [(f"{one}/x", {
                date: january, step: 6, "user": "me", ".container": one})])
            [(_, definition, objects)] = pool.containers(one)
            self.assertEqual(definition, {
                "attributes": {"user": "me"}, "schemas": [one], "lifetimeMs": 3_600_000,
                "tags": {"for": [1, {"a": 0.5}]}, "documentation": "a run"})
            self.assertEqual(objects, 2)

            refused("bad-selector", pool.define_collection, one, "step >")
            pool.define_collection(one)
            pool.define_collection(f"{one}-late", f"`{step}` > 3")
            refused("bad-argument", pool.collect, f"{one}-late", "true")
            refused("unknown-definition", pool.uncollect, f"{one}-no", "true")
            self.assertEqual(pool.collect(one, f'name prefix "{one}/"'), (2, 2, []))
            pool.uncollect(one, f'name = "{one}/x"')
            both = f'.collection in ["{one}", "{one}-late"]'
            self.assertEqual(sorted(pool.query(both, detail="name")), [f"{one}/x", f"{one}/y"])
            self.assertEqual([pool.collections(one)[0].objects,
                              pool.collections(f"{one}-late")[0].objects], [1, None])
            self.assertEqual(pool.delete_collection(one), (1, 1, []))
            self.assertEqual(pool.delete_collection(f"{one}-late"), (0, 0, []))
            refused("unknown-definition", pool.collections, one)

            pool.relate(f"{one}/y", "depends-on", f"{one}/x")
            refused("object-depended-on", pool.delete, f"{one}/x")
            refused("unknown-object", pool.relate, f"{one}/no", "part-of", f"{one}/x")
            # "x" is looked at before "y", which depends on it.
            self.assertEqual(pool.delete_container(one, dry_run=True).selected, 2)
            self.assertEqual(pool.delete_container(one), (2, 2, []))
            refused("unknown-definition", pool.containers, one)
            self.assertEqual(pool.count(f'name prefix "{one}/" and .state = "offered"'), 0)
            pool.remove_schema(one)
            refused("unknown-definition", pool.remove_schema, one)

    def test_lineage(self) -> None:
        base = f"py/{os.getpid()}/lineage"
        with attacca.join("py-model[*]") as model, attacca.join("py-plot[*]") as plot:
            model.offer(f"{base}/t", b"1")
            plot.wait(f"{base}/t", timeout=10)
            plot.offer(f"{base}/map", b"22")
            plot.relate(f"{base}/map", "derived-from", f"{base}/paper")
            found = model.lineage(f"{base}/map")
            self.assertEqual([(each["name"], each["version"], each["state"], each["bytes"])
                              for each in found["nodes"]],
                             [(f"{base}/map", 1, "offered", 2), (f"{base}/t", 1, "offered", 1),
                              (f"{base}/paper", None, "unknown", None)])
            self.assertIn({"kind": "derived", "from": 0, "to": 1}, found["edges"])
            self.assertIn({"kind": "declared", "relation": "derived-from", "from": 0, "to": 2},
                          found["edges"])
            maker = found["activities"][found["nodes"][0]["activity"]]
            self.assertEqual((maker["member"], maker["pid"], maker["stay"]),
                             (plot.member, os.getpid(), "present"))
            self.assertIsInstance(found["nodes"][0]["time"], Timestamp)
            self.assertFalse(found["truncated"] or found["deeper"])
            model.demand(f"{base}/map", timeout=10).dispose()
            model.offer(f"{base}/poster", b"333")
            for depth, is_near in ((1, False), (2, True)):
                found = plot.lineage(f"{base}/t", depth)
                names = [each["name"] for each in found["nodes"]]
                self.assertEqual((f"{base}/poster" in names, found["deeper"]),
                                 (is_near, not is_near))
            with self.assertRaises(attacca.AttaccaError) as caught:
                model.lineage(f"{base}/nothing")
            self.assertEqual(caught.exception.code, "unknown-object")

    def test_lost_connection(self) -> None:
        name = f"py/{os.getpid()}/lost"
        with attacca.join("py[*]") as pool:
            for i in range(20):
                pool.offer(f"{name}/{i}", bytes(i * 5000))
                pool._session._sock.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]
                with pool.demand(f"{name}/{i}", timeout=30) as d:
                    self.assertEqual(d.nbytes, i * 5000)

    def test_interrupt(self) -> None:
        name = f"py/{os.getpid()}/interrupt"
        with attacca.join("py[*]") as pool:
            need = pool.require(name)
            timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
            timer.start()
            with self.assertRaises(KeyboardInterrupt):
                need.demand(timeout=30)
            pool.offer(name, b"1")
            with need.demand(timeout=10) as d:
                self.assertEqual(bytes(d), b"1")

    def test_errors(self) -> None:
        with attacca.join("py[*]") as pool:
            name = f"py/{os.getpid()}/twice"
            pool.offer(name, b"1")
            for code, call in (("already-offered", lambda: pool.offer(name, b"2")),
                               ("bad-name", lambda: pool.offer("", b"2")),
                               ("unknown-object", lambda: pool.stat(name + "/no"))):
                with self.assertRaises(attacca.AttaccaError) as caught:
                    call()
                self.assertEqual(caught.exception.code, code)


if __name__ == "__main__":
    real = "--pool" in sys.argv
    if real:
        sys.argv.remove("--pool")
        if not os.environ.get("ATTACCA_POOL"):
            sys.exit("Cannot run --pool: ATTACCA_POOL is not set")
    loader = unittest.defaultTestLoader
    if len(sys.argv) > 1 and not sys.argv[-1].startswith("-"):
        unittest.main()
    cases = [RealPool] if real else [Values, Selecting, Vectors, Working, Trouble]
    suite = unittest.TestSuite(loader.loadTestsFromTestCase(case) for case in cases)
    good = unittest.TextTestRunner(verbosity=2 if "-v" in sys.argv else 1).run(suite)
    sys.exit(0 if good.wasSuccessful() else 1)
