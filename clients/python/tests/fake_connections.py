"""A pool for tests, and its connections. It speaks through sockets, as a real one does."""

from __future__ import annotations

import json
import os
import socket
import struct
import tempfile
import threading
from typing import Any, Callable, Dict, List, Optional

import attacca
from attacca.connecting import _frame_head, _read_exactly, _system
from attacca.layouts import _FRAMES, _MESSAGES, _decode, _frame, _message, _split
from attacca.limits import _DATA_FRAME_MAX, _FRAME_MAX

SLAB_BYTES = 32 << 20


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


class FakeConnections:
    """One lock for everything. Can break a connection in mid-frame, and be silent."""

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
        kind, size = _frame_head(_read_exactly(sock, 8), _FRAME_MAX)
        return kind, bytes(_read_exactly(sock, size))

    def _serve(self, sock: socket.socket) -> None:
        try:
            kind, body = self._frame(sock)
            hello = _decode(_FRAMES[1], body)
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
            boot = _system("/proc/sys/kernel/random/boot_id")
            accept = _frame(2, {
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
                    _read_exactly(sock, 9)
                    sock.shutdown(socket.SHUT_RDWR)
                    return
                kind, body = self._frame(sock)
                fields = _decode(_FRAMES[kind], body)
                with self.lock:
                    session.out = [m for m in session.out if m[0] > fields["ack"]]
                    if kind == 4:
                        self._batch(session, fields)
        except (OSError, ConnectionError):
            pass

    @staticmethod
    def _refuse(sock: socket.socket, code: str) -> None:
        sock.sendall(_frame(3, {"retryable": 0, "code": code, "message": code,
                                        "fields": {}}))
        sock.close()

    def _batch(self, session: FakeSession, fields: Dict[str, Any]) -> None:
        before = len(session.out)
        for number, (code, body) in enumerate(_split(fields["messages"]),
                                              fields["first"]):
            if number <= session.received:
                continue
            assert number == session.received + 1, "a gap"
            session.received = number
            name = _MESSAGES[code][0]
            request = _decode(_MESSAGES[code], body)
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
        frame = _frame(4, {"first": messages[0][0], "ack": session.received,
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
        session.out.append((session.sent, _message(what, **fields)))

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

    def _serve_data(self, sock: socket.socket, session: FakeSession) -> None:
        while True:
            kind, body = self._frame(sock)
            if len(body) + 4 > _DATA_FRAME_MAX:
                self.bad.append("a data frame that is too large")
            f = _decode(_FRAMES[kind], body)
            if kind == 6:
                end = f["offset"] + len(f["payload"])
                if not any(a <= f["offset"] and end <= b for a, b in session.leases):
                    sock.sendall(_frame(10, {"transfer": f["transfer"],
                                                     "code": "bad-lease", "message": "no"}))
                    continue
                os.pwrite(self.slab.fileno(), f["payload"], f["offset"])
                size = len(f["payload"])
            elif f["offset"] < self.lost_below:
                sock.sendall(_frame(10, {"transfer": f["transfer"],
                                                 "code": "bad-lease", "message": "no"}))
                continue
            else:
                size = f["size"]
                for at in range(0, size, 1 << 20):
                    part = os.pread(self.slab.fileno(), min(1 << 20, size - at), f["offset"] + at)
                    sock.sendall(_frame(8, {"transfer": f["transfer"],
                                                    "offset": f["offset"] + at, "payload": part}))
                    if self.cut_data:
                        self.cut_data -= 1
                        sock.sendall(b"\x10\x00")
                        return sock.shutdown(socket.SHUT_RDWR)
            sock.sendall(_frame(9, {"transfer": f["transfer"], "size": size}))
