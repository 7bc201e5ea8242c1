"""What happens in a pool, as it happens."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple
from typing import Union

from .limits import _ANY, NEVER
from .errors import AttaccaError
from .layouts import _message
from .space import Space
from .timing import _ms
from .values import Timestamp

if TYPE_CHECKING:
    from .subscribing import _Subscribing

_KINDS = ("declare", "seal", "offer", "require", "demand", "withdraw", "retract", "dispose",
          "delete", "tag", "promise", "close", "join", "leave", "crash", "lost", "moved")
_EMIT, _READY, _GAP, _END, _CANCELLED = 17, 18, 19, 20, 21
_NAMES = (*_KINDS, "emit", "ready", "gap", "end", "cancelled")
_BEFORE, _AGAIN, _SNAPSHOT, _QUEUE = 1, 2, 4, 8
_FORGET = 64  # of SUBSCRIBE's flags
_FROM = {"now": 0, "start": 1, "snapshot": 3, "last": 4}
_SLOW = {"drop": 0, "block": 1, "disconnect": 2}
_SILENCE = {"allow": 0, "deny": 1}
_WINDOW = 256


class Event(NamedTuple):
    """What has happened in a pool, or, told `before`, is about to."""

    n: int                       # counted from 1 in its subscription, without a gap
    seq: int                     # its place in the pool's history
    kind: str                    # "offer", ...; what it was emitted under; "gap", "cancelled"
    name: str                    # of the object; of promises the pattern, of members their name
    member: str                  # who does it; "" for nobody in particular
    version: int                 # 0 for none
    attributes: Dict[str, Any]   # with tags, as they were then; of what was emitted what it says
    space: Optional[Space]       # of the object, as far as it is known
    time: Timestamp              # by the clock of the pool's host
    before: bool                 # it has not taken effect yet
    again: bool                  # told before, and not acknowledged
    snapshot: bool               # it was there when the subscription began
    queue: str                   # the step queue that did it, and no member; else ""
    missed: Optional[Tuple[int, int]]  # of a gap: the first and last seq that are gone
    to: str                      # of "moved": where its bytes are, too: "store", "memory"; else ""


def _event(f: Dict[str, Any]) -> Event:
    kind, flags = f["eventKind"], f["flags"]
    name = f["topic"] if kind == _EMIT else _NAMES[kind] if kind < len(_NAMES) else ""
    by_queue = bool(flags & _QUEUE)
    missed = (f["fields"]["from"], f["fields"]["to"]) if kind == _GAP else None
    return Event(f["n"], f["seq"], name, f["name"], "" if by_queue else f["member"],
                 f["version"], f["attributes"], f["space"], Timestamp(f["timeMs"] * 1_000_000),
                 bool(flags & _BEFORE), bool(flags & _AGAIN), bool(flags & _SNAPSHOT),
                 f["member"] if by_queue else "", missed, f["topic"] if name == "moved" else "")


def _kinds_of(kinds: Union[None, str, Sequence[str]]) -> Tuple[int, List[str]]:
    """A bit for each kind of the pool's own, and the names that members emit under."""
    names = [] if kinds is None else [kinds] if isinstance(kinds, str) else [*kinds]
    bits, topics = 0, []
    for name in names:
        if name in (*_KINDS, "emit", "ready"):
            bits |= 1 << _NAMES.index(name)
        elif name in _NAMES or not name:
            raise AttaccaError("bad-argument", f"Cannot subscribe to \"{name}\": it is no kind")
        else:
            topics.append(name)
    if topics:
        bits |= 1 << _EMIT
    return bits, [] if "emit" in names else topics


class Subscription:
    """Events as they come, made by `Pool.subscribe`. Iterate over it, or take them by `wait` and
    `poll`. In the order of the pool's history, each at least once; over breaks of the connection
    and restarts of the pool exactly once. Safe from any thread."""

    def __init__(self, pool: "_Subscribing", number: int, acknowledge: bool, window: int) -> None:
        self._pool, self._number, self._manual = pool, number, acknowledge
        self._window = window or _WINDOW
        self._events: deque[Event] = deque()
        self._came = threading.Condition()
        self._over, self._failure = False, None  # type: bool, Optional[AttaccaError]
        self._current: Optional[Event] = None
        self._from = self._done = 0

    @property
    def is_over(self) -> bool:
        """Whether it has ended: no more events come than were taken."""
        return self._has_ended() and not self._events

    def _has_ended(self) -> bool:
        """Whether no more events come than have come."""
        return self._over

    def poll(self) -> Optional[Event]:
        """Takes an event that has come; None when there is none."""
        with self._came:
            return self._taken()

    def wait(self, timeout: Optional[float] = NEVER) -> Optional[Event]:
        """Waits for the next event, `timeout` seconds at most; None after that, or when it has
        ended by itself. What ended it otherwise is raised: `subscriber-slow`, `connection-lost`."""
        until = None if timeout is None or timeout == NEVER else time.monotonic() + timeout
        with self._came:
            while True:
                event = self._taken()
                if event is not None or self._has_ended():
                    return event
                left = None if until is None else until - time.monotonic()
                if left is not None and left <= 0:
                    return None
                # Short, so that Ctrl-C and the end of the session are heard.
                self._came.wait(0.2 if left is None else min(left, 0.2))
                if self._pool._left:
                    self._over = True
                else:
                    self._pool._session.is_away()  # raises when it is given up

    def __iter__(self) -> Iterator[Event]:
        while True:
            event = self.wait()
            if event is None:
                return
            yield event

    def acknowledge(self, *events: Event) -> None:
        """Acknowledges events. What one told `before` tells of goes on, if it waited for that."""
        with self._came:
            for n in sorted(event.n for event in events if event.kind != "cancelled"):
                if self._current is not None and self._current.n == n:
                    self._current = None
                self._finish(n)
            self._flush()

    def veto(self, event: Event, reason: str, timeout: Optional[float] = None) -> bool:
        """Forbids what an event told `before` tells of: it fails with `vetoed` and the reason
        (1,000 bytes at most). False: it was decided before, by another's veto (of a group one is
        enough), by its deadline, or as who asked for it is gone. `wrong-state` of an event that
        nobody waits for, as it was not told `before`, or not with `acknowledge`."""
        if not event.before or not self._manual:
            raise AttaccaError("wrong-state", "Cannot veto: nothing waits for what is told after "
                               "it, or not acknowledged")
        try:
            self._pool._ask("VETO", "OK", timeout, subscription=self._number, n=event.n,
                            reason=reason)
        except AttaccaError as error:
            if error.code != "wrong-state":
                raise
            return False
        return True

    def close(self, forget: bool = False, timeout: Optional[float] = None) -> None:
        """Ends it. A durable one goes on for others, and who comes later, unless `forget`. What was
        taken counts as acknowledged. Idempotent."""
        with self._came:
            self._finish_current()
            self._flush()
            self._events.clear()
            was, self._over = self._over, True
        if not was and not self._pool._left:
            self._pool._ask("UNSUBSCRIBE", "OK", timeout, subscription=self._number,
                            forget=int(forget))
        self._pool._subscribers.pop(self._number, None)

    def __enter__(self) -> "Subscription":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def _took(self, fields: Dict[str, Any]) -> None:
        """An EVENT has come: on the thread of the session."""
        with self._came:
            if fields["eventKind"] == _END:
                self._over, told = True, fields["fields"]
                if told.get("reason") != "complete":
                    self._failure = AttaccaError(str(told.get("reason")), str(told.get("message")),
                                                 dict(told.get("fields") or {}))
                self._pool._subscribers.pop(self._number, None)
            else:
                self._events.append(_event(fields))
            self._came.notify_all()

    def _taken(self) -> Optional[Event]:
        self._finish_current()
        if not self._events:
            self._flush()
            if self._failure is not None and self._has_ended():
                raise self._failure
            return None
        event = self._events.popleft()
        if not self._manual and event.kind != "cancelled":
            self._current = event
        return event

    def _finish_current(self) -> None:
        if self._current is not None:
            n, self._current = self._current.n, None
            self._finish(n)

    def _finish(self, n: int) -> None:
        """Those that follow one another are acknowledged together."""
        if self._done and n != self._from + self._done:
            self._flush()
        if not self._done:
            self._from = n
        self._done += 1
        if self._done >= self._window // 2:
            self._flush()

    def _flush(self) -> None:
        count, self._done = self._done, 0
        if count and not self._over and not self._pool._left:
            self._pool._session.post([_message("ACKNOWLEDGE", subscription=self._number,
                                               n=self._from, count=count)])


def _subscribe_fields(kinds: Union[None, str, Sequence[str]],
                      how: Dict[str, Any]) -> Dict[str, Any]:
    """The fields of SUBSCRIBE but for its number; ValueError for what cannot be asked for."""
    bits, topics = _kinds_of(kinds)
    start = how["start"]
    is_number = isinstance(start, int) and not isinstance(start, bool)
    for name, words in (("slow", _SLOW), ("silence", _SILENCE)):
        if how[name] not in words:
            raise ValueError(f"{name} is one of {', '.join(words)}, not {how[name]!r}")
    if not is_number and start not in _FROM:
        raise ValueError(f"start is one of {', '.join(_FROM)}, or a number, not {start!r}")
    flags = (bool(how["before"]) | bool(how["acknowledge"]) << 1 | bool(how["own"]) << 2
             | bool(how["until_complete"]) << 3 | bool(how["until_now"]) << 7)
    answer = how["answer"]
    return {"kinds": bits, "topics": topics, "flags": flags, "from": 2 if is_number else
            _FROM[start], "seq": start if is_number else 0, "slow": _SLOW[how["slow"]],
            "silence": _SILENCE[how["silence"]], "window": how["window"],
            "deadline": _ANY if answer == NEVER else _ms(answer), "name": how["name"],
            "selector": how["select"]}
