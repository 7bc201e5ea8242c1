"""Subscribes to events, emits them, and meets other members."""

from __future__ import annotations

from typing import Any, Dict, Optional, Sequence, Union

from .errors import AttaccaError
from .events import _FORGET, _NAMES, _subscribe_fields, Subscription
from .defining import _Defining
from .timing import _ms


class _Subscribing(_Defining):
    """What a member hears of the pool."""

    def subscribe(self, kinds: Union[None, str, Sequence[str]] = None, select: str = "", *,
                  before: bool = False, acknowledge: bool = False, own: bool = False,
                  start: Union[str, int] = "now", until_complete: bool = False,
                  until_now: bool = False, name: str = "",
                  slow: str = "drop", silence: str = "allow", answer: Optional[float] = None,
                  window: int = 0, timeout: Optional[float] = None) -> Subscription:
        """Tells what happens in the pool (docs/events.md), by kinds (the pool's own, and names that
        members emit under; None: all but "ready") and a selector over the attributes of the object,
        its name, and `.event`, `.member`, `.version`, `.bytes` and others.

        `before`: told before it takes effect; with `acknowledge` it waits until that is said, or
        for `answer` seconds, after which `silence` ("allow", "deny") decides. `start`: "now",
        "start" (the oldest event there is), "snapshot" (what is offered now, then what comes),
        "last" (where a durable one stopped), or the `seq` of an event. `name` makes it durable, and
        shared by those who have it at a time. `slow`: "drop" (a gap is told), "block",
        "disconnect". `until_complete`: it ends when all promises are closed and all was taken;
        `until_now`: when all was taken that was there when it began. Up to `window` events (256)
        are on the way.

            with pool.subscribe("offer", 'param = "t"', start="snapshot") as events:
                for event in events:
                    print(event.name, event.attributes["step"])
        """
        how = {"before": before, "acknowledge": acknowledge, "own": own, "start": start,
               "until_complete": until_complete, "until_now": until_now, "name": name,
               "slow": slow, "silence": silence, "answer": answer, "window": window,
               "select": select}
        fields = _subscribe_fields(kinds, how)
        number = next(self._subscription_numbers)
        one = self._subscribers[number] = Subscription(self, number, acknowledge, window)
        try:
            self._look("SUBSCRIBE", timeout, subscription=number, member=1, **fields)
        except BaseException:
            self._subscribers.pop(number, None)
            raise
        return one

    def forget_subscription(self, name: str, timeout: Optional[float] = None) -> None:
        """Ends a durable subscription for good, whatever it asks for, and for all who have it.
        `unknown-subscription` when there is none of that name."""
        unsaid = ("kinds", "from", "slow", "silence", "seq", "window", "deadline")
        number = next(self._subscription_numbers)
        self._ask("SUBSCRIBE", "OK", timeout, subscription=number, member=1, flags=_FORGET,
                  topics=[], name=name, selector="", **dict.fromkeys(unsaid, 0))

    def barrier(self, name: str, members: int, timeout: Optional[float] = None) -> None:
        """Returns when so many members have called it by this name; then the name serves again. Who
        dies or ends its wait has not come: `deadline-passed` says who has, and how many have not.

            pool.barrier("start", 4)
        """
        self._ask("BARRIER", "OK", timeout, member=1, deadline=_ms(timeout), members=members,
                  name=name)

    def emit(self, kind: str, attributes: Optional[Dict[str, Any]] = None, *,
             timeout: Optional[float] = None) -> None:
        """Tells others something: an event of a kind of one's own (1 to 255 bytes, none of the
        pool's), with attributes. It is kept and selected as all events are."""
        if kind in _NAMES:
            raise AttaccaError("bad-argument", f"Cannot emit \"{kind}\": events of that kind are "
                               "the pool's")
        self._ask("EMIT", "OK", timeout, member=1, topic=kind,
                  attributes=self._attributes(attributes or {}))
