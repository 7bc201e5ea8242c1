"""All that matches: required as it is offered, and handed over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, Mapping, Optional, Tuple

from .errors import AttaccaError
from .layouts import _decode, _DELIVER, _message, _MESSAGES, _result
from .timing import _ms, _until
from .regions import _select
from .encodings import _ENCODING
from .shaping import _Shaping
from .delivered import _shaped, Delivered
from .events import _GAP, Event, Subscription

if TYPE_CHECKING:
    from .requiring import _Requiring

_REQUIRES, _LATEST = 16, 32
# Nobody can ever have what ends so: it is done.
_FOR_GOOD = ("object-lost", "object-deleted", "parts-missing", "nobody-will-offer")


class RequiredAll(Subscription):
    """Objects that are required as they are offered, made by `Pool.demand_all`. Iterate over it, or
    take them by `next`: the one before is disposed of, and done, when the next is taken. What is
    not done when this member ends comes to another of its group."""

    def __init__(self, pool: "_Requiring", number: int, ahead: int, how: _Shaping,
                 asked: Mapping[str, Any]) -> None:
        super().__init__(pool, number, True, ahead)
        self._demands, self._how, self._asked = pool, how, asked
        self._told: Dict[int, Dict[str, Any]] = {}
        self._last: Optional[Tuple[Event, Delivered]] = None

    def next(self, timeout: Optional[float] = None) -> Optional[Delivered]:
        """The next, for which it waits `timeout` seconds at most (None: for as long as it takes);
        None after that, or when all is done. Raised is why one cannot be had, by its name."""
        if self._last is not None:
            (event, delivered), self._last = self._last, None
            delivered.dispose()
            self.acknowledge(event)
        while True:
            found = self.wait(timeout) if timeout is not None else self.wait()
            if found is None:
                return None
            told = self._told.pop(found.n, None)
            if told is not None and "steps" in told:
                on_missed: Optional[Callable[[int, int, int], None]] = self._asked["on_missed"]
                if on_missed is not None:
                    on_missed(told["from"], told["to"], told["steps"])
                self.acknowledge(found)
                continue
            delivered = self._taken_of(found, told)
            self._last = found, delivered
            return delivered

    def __iter__(self) -> Iterator[Any]:
        with self:
            while True:
                delivered = self.next()
                if delivered is None:
                    return
                yield delivered

    def _took(self, fields: Dict[str, Any]) -> None:
        if fields["eventKind"] == _GAP or "reason" in fields["fields"]:
            self._told[fields["n"]] = fields["fields"]
        super()._took(fields)

    def _taken_of(self, event: Event, told: Optional[Mapping[str, Any]]) -> Delivered:
        try:
            if told is not None:
                raise AttaccaError(str(told["reason"]), str(told["message"]),
                                   dict(told.get("fields") or {}))
            return self._demand(event)
        except AttaccaError as error:
            if error.code in _FOR_GOOD:
                self.acknowledge(event)
            raise

    def _demand(self, event: Event) -> Delivered:
        pool, asked = self._demands, self._asked
        own, policy, timeout = asked["own"], int(asked["wait"]), asked["timeout"]
        region, until = asked["region"], _until(timeout)
        shape = event.space.shape if event.space is not None else None
        is_all = region is None or _ENCODING in event.attributes
        wanted = None if is_all else _select(region, shape)[0]
        handle = pool._handle()
        found: Optional[Dict[str, Any]] = None

        def late(_: int, code: int, body: bytes) -> None:
            if code == _DELIVER:
                pool._refuse(_decode(_MESSAGES[code], body))

        try:
            answers = pool._session.run(
                [_message("TAKE", handle=handle, subscription=self._number, n=event.n,
                          policy=policy, region=wanted),
                 _message("DEMAND", handle=handle, deadline=_ms(timeout), mode=int(own),
                          policy=policy, want=1)], timeout, late)
            _result(answers[0], "OK")
            found = _result(answers[1], "DELIVER")
            taken = pool._take(event.name, found, own, until, region)
        except BaseException:
            pool._abandon(handle, found)
            raise
        return _shaped(pool._hand(event.name, handle, found, *taken), self._how, own)
