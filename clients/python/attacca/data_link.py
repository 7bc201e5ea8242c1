"""Bytes over a socket, for whoever cannot map the pool's memory: section 9."""

from __future__ import annotations

import itertools
import socket
import struct
import threading
import time
from typing import Callable, Dict, Optional, Tuple

from .limits import _ANY, _DATA_CHUNK, _DATA_FRAME_MAX, _DATA_WINDOW
from .errors import _Malformed, AttaccaError
from .layouts import _decode, _frame, _FRAMES
from .connecting import _frame_head, _open, _parse_address, _read_exactly, _read_into, _refusal
from .session import _Session


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
