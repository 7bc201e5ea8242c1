"""All that matches: required as it is offered, and handed over."""

from __future__ import annotations

import threading
import time
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, List, Mapping, Optional

from .errors import AttaccaError
from .layouts import _Answer, _message, _result
from .limits import NEVER
from .timing import _ms, _until
from .regions import _select
from .encodings import _ENCODING
from .shaping import _Shaping
from .delivered import _shaped, Delivered
from .events import _END, _event, _GAP, Event, Subscription

if TYPE_CHECKING:
    from .session import _Call
    from .requiring import _Requiring

_REQUIRES, _LATEST = 16, 32
# Nobody can ever have what ends so: it is done.
_FOR_GOOD = ("object-lost", "object-deleted", "parts-missing", "nobody-will-offer")
# A subscriber has not let it be demanded: given up by who goes on, and else there for another time.
_FORBIDDEN = ("vetoed", "subscriber-silent")


def _acknowledging(one: "RequiredAll", event: Event) -> Callable[[], None]:
    """It may be dropped: what is in hand does not keep it, and makes no ring with it."""
    ref = weakref.ref(one)

    def done() -> None:
        known = ref()
        if known is not None:
            known.acknowledge(event)
    return done


class _Demanded:
    """One that is demanded, and not taken. It is here when `found`, `made` or `error` is set: what
    DELIVER says of it, what was made of that, or why there is none."""

    def __init__(self, event: Event) -> None:
        self.event, self.handle, self.call = event, 0, None  # type: Event, int, Optional[_Call]
        self.answers: List[Optional[_Answer]] = [None, None]
        self.found: Optional[Dict[str, Any]] = None
        self.made: Optional[Delivered] = None
        self.error: Optional[BaseException] = None


class RequiredAll(Subscription):
    """Objects that are required as they are offered, made by `Pool.demand_all`. Iterate over it, or
    take them by `next`: the one before is disposed of when the next is taken. What is disposed of
    is done. They come as they are whole. What is not done when this member ends comes to another of
    its group."""

    def __init__(self, pool: "_Requiring", number: int, ahead: int, how: _Shaping,
                 asked: Mapping[str, Any]) -> None:
        super().__init__(pool, number, True, ahead)
        self._demands, self._how, self._asked = pool, how, asked
        self._told: Dict[int, Dict[str, Any]] = {}
        self._last: Optional[Delivered] = None
        self._demanded: Dict[int, _Demanded] = {}  # on their way
        self._here: Dict[int, _Demanded] = {}
        # Those whose bytes have to travel, and the one whose bytes do: a thread reads them.
        self._unread: "deque[_Demanded]" = deque()
        self._reading: Optional[_Demanded] = None
        self._is_reading = self._closing = False

    @property
    def waiting(self) -> int:
        """How many are here, or on their way, and not taken."""
        with self._came:
            return len(self._demanded) + len(self._events)

    def next(self, timeout: Optional[float] = None) -> Optional[Delivered]:
        """The next, for which it waits `timeout` seconds at most (None: for as long as it takes);
        None after that, or when all is done. Raised is why one cannot be had, by its name, where
        no `on_failure` hears of it."""
        last, self._last = self._last, None
        if last is not None:
            last.dispose()
        until = None if timeout is None or timeout == NEVER else time.monotonic() + timeout
        while True:
            found = self.wait(NEVER if until is None else max(0, until - time.monotonic()))
            if found is None or self._pool._left:  # of what came nothing is held any more
                return None
            told = self._told.pop(found.n, None)
            if told is not None and "steps" in told:
                on_missed: Optional[Callable[[int, int, int], None]] = self._asked["on_missed"]
                if on_missed is not None:
                    on_missed(told["from"], told["to"], told["steps"])
                self.acknowledge(found)
                continue
            try:
                delivered = self._taken_of(found, told)
            except AttaccaError as error:
                on_failure: Optional[Callable[[AttaccaError, str], None]]
                on_failure = self._asked["on_failure"]
                goes_on = on_failure is not None and error.code in _FORBIDDEN
                if error.code not in _FOR_GOOD and not goes_on:
                    raise
                self.acknowledge(found)
                if on_failure is None:
                    raise
                on_failure(error, str((told or {}).get("name") or found.name))
                continue
            delivered._done = _acknowledging(self, found)
            self._last = None if self._asked["acknowledge"] else delivered
            return delivered

    def close(self, forget: bool = False, timeout: Optional[float] = None) -> None:
        """Requires nothing more, and gives back what was not taken. A group goes on, unless
        `forget`. What was taken last is not done, unless it was disposed of. Idempotent."""
        with self._came:
            self._closing = True
            # Who reads the bytes of one ends it.
            demanded = [one for one in self._demanded.values() if one is not self._reading]
            here = [*self._here.values()]
            self._demanded.clear()
            self._here.clear()
            self._unread.clear()
        if not self._pool._left:
            for one in demanded:
                if one.found is None and one.call is not None:
                    self._demands._session.cancel(one.call)
                self._demands._abandon(one.handle, one.found)
            for one in here:
                if one.found is not None:
                    self._demands._abandon(one.handle, one.found)
        super().close(forget, timeout)

    def __iter__(self) -> Iterator[Any]:
        with self:
            while True:
                delivered = self.next()
                if delivered is None:
                    return
                yield delivered

    def _has_ended(self) -> bool:
        return self._over and (not self._demanded or self._closing or self._pool._left)

    def _taken_of(self, event: Event, told: Optional[Mapping[str, Any]]) -> Delivered:
        if told is not None:
            raise AttaccaError(str(told["reason"]), str(told["message"]),
                               dict(told.get("fields") or {}))
        with self._came:
            one = self._here.pop(event.n, None)
        if one is None:
            raise AttaccaError("wrong-state", f"Cannot take \"{event.name}\": it is closed")
        if one.error is not None:
            raise one.error
        made = self._handed(one) if one.made is None else one.made
        return _shaped(made, self._how, self._asked["own"])

    def _handed(self, one: _Demanded) -> Delivered:
        """What DELIVER has told of, of which the handle is used up."""
        pool, asked, found = self._demands, self._asked, one.found
        assert found is not None
        name, one.found = one.event.name, None
        try:
            taken = pool._take(name, found, asked["own"], _until(asked["timeout"]),
                               asked["region"])
        except BaseException:
            pool._abandon(one.handle, found)
            raise
        return pool._hand(name, one.handle, found, *taken)

    # On the thread of the session.

    def _took(self, fields: Dict[str, Any]) -> None:
        kind = fields["eventKind"]
        if kind == _END:
            super()._took(fields)
        elif kind == _GAP or "reason" in fields["fields"]:
            self._told[fields["n"]] = fields["fields"]
            super()._took(fields)
        else:
            self._demand(_Demanded(_event(fields)))

    def _demand(self, one: _Demanded) -> None:
        """An object is required for this: it is demanded at once, before it is asked for. So many
        are on their way as the window holds, as what is not acknowledged counts."""
        pool, asked, event = self._demands, self._asked, one.event
        region, shape = asked["region"], event.space.shape if event.space is not None else None
        is_all = region is None or _ENCODING in event.attributes
        try:
            wanted = None if is_all else _select(region, shape)[0]
        except Exception as error:  # a region that it has not: for who takes it
            with self._came:
                return self._arrived(one, error)
        with self._came:
            if self._closing:
                return
            one.handle, policy = pool._handle(), int(asked["wait"])
            self._demanded[event.n] = one
            one.call = pool._session.post(
                [_message("TAKE", handle=one.handle, subscription=self._number, n=event.n,
                          policy=policy, region=wanted),
                 _message("DEMAND", handle=one.handle, deadline=_ms(asked["timeout"]),
                          mode=int(asked["own"]), policy=policy, want=1)],
                lambda index, code, body: self._answered(one, index, (code, body)))

    def _answered(self, one: _Demanded, index: int, answer: _Answer) -> None:
        if None not in one.answers:
            return
        one.answers[index] = answer
        if None in one.answers:
            return
        error: Optional[AttaccaError] = None
        try:
            _result(one.answers[0], "OK")
            one.found = _result(one.answers[1], "DELIVER")
        except AttaccaError as failed:
            error = failed.again()
        pool = self._demands
        with self._came:
            if self._demanded.get(one.event.n) is not one:  # given back meanwhile
                return pool._refuse(one.found)
            if one.found is None:
                pool._abandon(one.handle)
            elif one.found["source"] > 1 and pool._slabs is None:
                self._unread.append(one)
                if not self._is_reading:
                    self._is_reading = True
                    threading.Thread(target=self._read, name="attacca-ahead", daemon=True).start()
                return
            self._arrived(one, error)

    def _arrived(self, one: _Demanded, error: Optional[BaseException] = None) -> None:
        self._demanded.pop(one.event.n, None)
        one.error = error
        self._here[one.event.n] = one
        self._events.append(one.event)
        self._came.notify_all()

    # On the thread that reads: it ends when there is nothing to read.

    def _read(self) -> None:
        while True:
            with self._came:
                self._reading = one = self._unread.popleft() if self._unread else None
                if one is None:
                    self._is_reading = False
                    return
            error: Optional[BaseException] = None
            try:
                one.made = self._handed(one)
            except AttaccaError as failed:  # raised it would keep its frames, and their views
                error = failed.again()
            except Exception as failed:
                error = AttaccaError("internal", f"Cannot read \"{one.event.name}\": {failed!r}")
            with self._came:
                self._reading = None
                if self._demanded.get(one.event.n) is one:
                    self._arrived(one, error)
