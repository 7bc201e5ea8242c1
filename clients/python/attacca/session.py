"""The session: sections 5, 6."""

from __future__ import annotations

import os
import random
import selectors
import socket
import threading
import time
from collections import deque
from typing import Any, Callable, Dict, List, Optional, Tuple

from .limits import (
    _ACK_AFTER, _ACK_BYTES, _ACK_S, _CONNECT_S, _DEFAULT_S, _FRAME_MAX, _FRAME_SOFT, _GRACE_S,
    _HEARTBEAT_S, _SILENCE_S, _SLEEP_S, _UNACKED_BYTES_MAX, _UNACKED_MAX)
from .errors import _Malformed, AttaccaError
from .reading import _Reader
from .layouts import (
    _Answer, _decode, _frame, _FRAMES, _message, _MESSAGES, _OK, _PARTS, _split, _UNASKED)
from .connecting import _Address, _frame_head, _open, _parse_address, _process, _refusal


class _Call:
    """Messages sent together, and their answers. `late` gets the answers of an abandoned call.
    `done` is a bare lock, held until all are there: an interrupt in the middle of an Event's wait
    can leave its inner lock held, and setting it would then block the thread of the session."""

    __slots__ = ("messages", "answers", "numbers", "left", "done", "late", "abandoned", "error")

    def __init__(self, messages: List[bytes],
                 late: Optional[Callable[[int, int, bytes], None]] = None) -> None:
        self.messages = messages
        self.numbers: List[int] = []
        self.answers: List[Optional[_Answer]] = [None] * len(messages)
        self.left, self.done, self.late = len(messages), threading.Lock(), late
        self.done.acquire()
        self.abandoned = False
        self.error: Optional[AttaccaError] = None


class _Session:
    """Numbered messages over a connection that may break. All state but the inbox belongs to one
    thread, which no KeyboardInterrupt reaches; `deque.append` is the only door in."""

    def __init__(self, address: _Address,
                 unasked: Callable[[int, Dict[str, Any]], None]) -> None:
        self.address, self._unasked, self._pid = address, unasked, os.getpid()
        self._sock: Optional[socket.socket]
        self._sock, accept = _open(address, self._hello(0, b"", 0))
        self.pool: str = accept["poolId"]
        self.pool_name: str = accept["poolName"]
        self.id, self.secret, self.info = accept["session"], accept["secret"], accept["pool"]
        self._inbox: deque[Tuple[_Call, bool]] = deque()
        self._pending: Dict[int, Tuple[_Call, int]] = {}
        self._waiting: deque[Tuple[int, bytes]] = deque()  # numbered, not sent on this connection
        self._unacked: deque[Tuple[int, bytes]] = deque()
        self._unacked_bytes = self._last = self._received = 0
        self._told: Dict[int, List[Dict[str, Any]]] = {}  # of PARTS, by request, until DELIVER
        self._fatal: Optional[AttaccaError] = None
        self._closing = False
        self.resumes = 0  # how often, perhaps with a manager that has not the memory of before
        self._strikes = 0  # connections ended by damage, without progress between them
        self._pause = self._lost_at = 0.0  # before the next attempt; when the first failed
        self._wake, self._bell = socket.socketpair()
        self._wake.setblocking(False)
        self._bell.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._bell, selectors.EVENT_READ)
        self._connected()
        self._thread = threading.Thread(target=self._main, name="attacca", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def is_away(self) -> bool:
        """Whether the pool is not reached now; raises when it is given up."""
        if self._fatal is not None:
            raise self._fatal.again()
        return self._sock is None

    def has_stopped(self) -> bool:
        """Whether the pool has ended in order: nothing is needed of anybody any more."""
        return self._fatal is not None and self._fatal.code == "pool-stopping"

    def _hello(self, session: int, secret: bytes, received: int) -> Dict[str, Any]:
        return {"role": 0, "token": self.address.token or "", "session": session,
                "pool": self.pool if session else "", "secret": secret, "received": received,
                "process": _process()}

    # From any thread.

    def run(self, messages: List[bytes], timeout: Optional[float] = None,
            late: Optional[Callable[[int, int, bytes], None]] = None) -> List[Optional[_Answer]]:
        """Sends the messages as one batch and waits for all answers. When the wait is cut short,
        by its deadline or by an exception, what still waits in the pool is cancelled."""
        if not messages:
            return []
        call = _Call(messages, late)
        limit = (_DEFAULT_S if timeout is None else timeout) + _GRACE_S
        try:
            self._submit(call)
            until = time.monotonic() + limit
            while not call.done.acquire(True, min(_SLEEP_S, max(0, until - time.monotonic()))):
                if not time.monotonic() < until:  # NaN, too
                    raise AttaccaError("deadline-passed", f"Cannot wait longer than {limit:g} s: "
                                       "the pool has not answered", {"seconds": float(limit)})
        except BaseException:
            self._inbox.append((call, True))
            self._ring()
            raise
        if call.error is not None:
            raise call.error.again()
        return call.answers

    def post(self, messages: List[bytes],
             late: Optional[Callable[[int, int, bytes], None]] = None, ring: bool = True) -> _Call:
        """Sends without waiting; `late` runs on the thread of the session. Never raises."""
        call = _Call(messages, late)
        call.abandoned = True
        self._inbox.append((call, False))
        if ring:
            self._ring()
        return call

    def cancel(self, call: _Call) -> None:
        """What still waits in the pool of it waits no more; `late` may hear twice of an answer."""
        self._inbox.append((call, True))
        self._ring()

    def parts(self, request: int) -> List[Dict[str, Any]]:
        """What PARTS told of a request that is answered; once."""
        return self._told.pop(request, [])

    def stop(self) -> None:
        self._closing = True
        self._ring()
        if threading.current_thread() is not self._thread:
            self._thread.join(_CONNECT_S + 2)

    def _submit(self, call: _Call) -> None:
        if os.getpid() != self._pid:
            raise AttaccaError("not-allowed", "Cannot use a pool after fork: join in the child")
        self._inbox.append((call, False))
        self._ring()
        if self._fatal is not None:  # the thread may look no more
            raise self._fatal.again()

    def _ring(self) -> None:
        try:
            self._wake.send(b"!")
        except OSError:  # full: it will wake; closed: nobody to wake
            pass

    # On the thread of the session.

    def _main(self) -> None:
        try:
            while not self._closing and self._fatal is None:
                if self._sock is None:
                    self._reconnect()
                else:
                    self._turn()
        except BaseException as error:  # a bug of this file: no caller may wait for ever
            self._fatal = AttaccaError("internal", f"Cannot go on: {error!r}")
            self._fatal.__cause__ = error
        if self._fatal is None:
            self._fatal = AttaccaError("connection-lost", "Cannot use the pool: it was left",
                                       retryable=False)
        if self._sock is not None:
            self._sock.close()
        self._selector.close()
        calls = [call for call, _ in self._pending.values()]
        while self._inbox:
            calls.append(self._inbox.popleft()[0])
        for call in calls:
            if call.error is None and call.left:
                call.error = self._fatal
                call.done.release()
        self._wake.close()
        self._bell.close()

    def _turn(self) -> None:
        assert self._sock is not None
        try:
            self._take_inbox()
            self._fill()
            self._flush()
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._out else 0)
            self._selector.modify(self._sock, wanted)
            now = time.monotonic()
            until = [now + 5.0]
            if self._acked != self._received:
                until.append(self._ack_due)
            if self.address.host is not None:
                until += [self._sent_at + _HEARTBEAT_S, self._heard_at + _SILENCE_S]
            for key, events in self._selector.select(max(0.0, min(until) - now)):
                if key.fileobj is self._bell:
                    self._bell.recv(4096)
                elif events & selectors.EVENT_READ:
                    self._receive()
            if self.address.host is not None:
                now = time.monotonic()
                if now - self._heard_at > _SILENCE_S:
                    raise ConnectionError("the pool is silent")
                if now - self._sent_at > _HEARTBEAT_S:
                    self._send_frame(_frame(5, {"ack": self._received}))
        except (OSError, _Malformed) as error:
            self._lost(error)

    def _connected(self) -> None:
        assert self._sock is not None
        self._sock.setblocking(False)
        self._selector.register(self._sock, selectors.EVENT_READ)
        self._in, self._acked = bytearray(), self._received
        self._out: deque[memoryview] = deque()
        self._in_since_ack = self._count_since_ack = 0
        self._heard_at = self._sent_at = self._ack_due = time.monotonic()

    def _lost(self, error: BaseException) -> None:
        assert self._sock is not None
        self._selector.unregister(self._sock)
        self._sock.close()
        self._sock = None
        self._strikes += isinstance(error, _Malformed)
        if self._pause == 0.0:
            self._lost_at = time.monotonic()
        if self._strikes > 3 and self._fatal is None:
            self._fatal = AttaccaError("bad-frame", f"Cannot talk to the pool: {error}")

    def _reconnect(self) -> None:
        """Tries once to resume the session; gives up when the pool must have given it up too."""
        away_s = self.info.get("limits", {}).get("sessionAwayMsMax", 60_000) / 1000 + 10
        if self.info.get("kept"):  # served again by hand, perhaps: as long as any wait
            away_s = max(away_s, _DEFAULT_S)
        time.sleep(self._pause * (0.5 + random.random()))
        self._pause = min(max(0.02, 2 * self._pause), 2.0)
        try:
            self._sock, accept = _open(
                self.address, self._hello(self.id, self.secret, self._received))
        except AttaccaError as error:
            if not error.retryable:
                self._fatal = error
            elif time.monotonic() - self._lost_at > away_s:
                self._fatal = AttaccaError(
                    "connection-lost", f"Cannot resume the session: {error.message}",
                    error.fields, retryable=False)
            return
        self.resumes += 1
        self.info = accept["pool"]  # another process of the pool, perhaps, with other addresses
        self._connected()
        try:
            self._drop(accept["received"])
        except _Malformed as error:
            return self._lost(error)
        self._waiting.extendleft(reversed(self._unacked))
        self._unacked.clear()
        self._unacked_bytes = 0

    def _drop(self, ack: int) -> None:
        if ack > self._last:
            raise _Malformed("an acknowledgement of what was not sent")
        while self._unacked and self._unacked[0][0] <= ack:
            self._unacked_bytes -= len(self._unacked.popleft()[1])
        while self._waiting and self._waiting[0][0] <= ack:  # sent on a connection before
            self._waiting.popleft()

    def _number(self, message: bytes, call: Optional[_Call], index: int) -> None:
        self._last += 1
        if call is not None:
            call.numbers.append(self._last)
            self._pending[self._last] = (call, index)
        self._waiting.append((self._last, message))

    def _take_inbox(self) -> None:
        while self._inbox:
            call, cancelled = self._inbox.popleft()
            if not cancelled:
                for index, message in enumerate(call.messages):
                    self._number(message, call, index)
                continue
            call.abandoned = True
            for index, number in enumerate(call.numbers):
                answer = call.answers[index]
                if answer is None:
                    self._number(_message("CANCEL", request=number), None, 0)
                elif call.late is not None:
                    call.late(index, *answer)

    def _fill(self) -> None:
        """Frames of what waits, as far as the pool keeps up; else an ACK if one is due."""
        while (self._waiting and len(self._unacked) < _UNACKED_MAX
               and self._unacked_bytes < _UNACKED_BYTES_MAX):
            parts: List[bytes] = []
            first, size = self._waiting[0][0], 0
            while self._waiting and len(self._unacked) < _UNACKED_MAX:
                number, message = self._waiting[0]
                if parts and size + len(message) > _FRAME_SOFT:
                    break
                self._unacked.append(self._waiting.popleft())
                size += len(message)
                parts.append(message)
            self._unacked_bytes += size
            self._send_frame(_frame(4, {"first": first, "ack": self._received,
                                        "messages": b"".join(parts)}))
        if self._acked != self._received and (
                self._count_since_ack >= _ACK_AFTER or self._in_since_ack >= _ACK_BYTES
                or time.monotonic() >= self._ack_due):
            self._send_frame(_frame(5, {"ack": self._received}))

    def _send_frame(self, frame: bytes) -> None:  # every frame that goes out carries an ack
        self._out.append(memoryview(frame))
        self._acked, self._count_since_ack, self._in_since_ack = self._received, 0, 0
        self._sent_at = time.monotonic()

    def _flush(self) -> None:
        assert self._sock is not None
        try:
            while self._out:
                count = self._sock.send(self._out[0])
                if count == len(self._out[0]):
                    self._out.popleft()
                else:
                    self._out[0] = self._out[0][count:]
        except BlockingIOError:
            pass

    def _receive(self) -> None:
        assert self._sock is not None
        try:
            data = self._sock.recv(256 << 10)
        except BlockingIOError:
            return
        if not data:
            raise ConnectionError("the pool closed the connection")
        self._heard_at = time.monotonic()
        self._in += data
        self._in_since_ack += len(data)
        at = 0
        while len(self._in) - at >= 8:
            kind, size = _frame_head(self._in[at:at + 8], _FRAME_MAX)
            if len(self._in) - at - 8 < size:
                break
            body = bytes(self._in[at + 8:at + 8 + size])
            at += 8 + size
            self._take_frame(kind, body)
        del self._in[:at]

    def _take_frame(self, kind: int, body: bytes) -> None:
        if kind == 3:
            error = _refusal(body)
            if not error.retryable and error.code != "bad-frame":
                self._fatal = error
            raise _Malformed(str(error)) if error.code == "bad-frame" else OSError(str(error))
        if kind not in (4, 5):
            raise _Malformed(f"a frame of kind {kind} from the pool")
        fields = _decode(_FRAMES[kind], body)
        messages = _split(fields["messages"]) if kind == 4 else []
        first = fields["first"] if kind == 4 else self._received + 1
        if first < 1 or (messages and first > self._received + 1):
            raise _Malformed(f"message {first} after {self._received}")
        self._drop(fields["ack"])
        self._pause = 0.0
        for number, (code, content) in enumerate(messages, first):
            if number > self._received:
                if self._acked == self._received:
                    self._ack_due = time.monotonic() + _ACK_S
                self._received, self._strikes = number, 0
                self._count_since_ack += 1
                self._take_message(code, content)

    def _take_message(self, code: int, body: bytes) -> None:
        if code == _OK:
            fields = _decode(_MESSAGES[_OK], body)
            for number in range(fields["first"], min(fields["last"], self._last) + 1):
                self._complete(number, code, body)
        elif code == _PARTS:
            fields = _decode(_MESSAGES[code], body)
            if fields["request"] in self._pending:
                self._told.setdefault(fields["request"], []).extend(fields["parts"])
        elif code in _UNASKED:
            self._unasked(code, _decode(_MESSAGES[code], body))
        elif code in _MESSAGES and code > 0x80:
            self._complete(_Reader(body).u64(), code, body)
        # Else: of a later version, and not for us.

    def _complete(self, number: int, code: int, body: bytes) -> None:
        call, index = self._pending.pop(number, (None, 0))
        if call is None:
            return
        call.answers[index] = (code, body)
        call.left -= 1
        if call.abandoned and call.late is not None:
            call.late(index, code, body)
        if call.left == 0:
            call.done.release()


def _session(address: str, unasked: Callable[[int, Dict[str, Any]], None],
             connect_s: float) -> "_Session":
    """Opens a session. A pool at which nobody listens, or that is gone before it has answered, is
    tried for so long: it may be about to be served, with another token."""
    until, pause = time.monotonic() + connect_s, 0.01
    while True:
        try:
            return _Session(_parse_address(address), unasked)
        except AttaccaError as error:
            nobody = isinstance(error.__cause__, (FileNotFoundError, ConnectionError))
            if error.code != "pool-unreachable" or not nobody or time.monotonic() + pause > until:
                raise
        time.sleep(pause)
        pause = min(2 * pause, 1.0)
