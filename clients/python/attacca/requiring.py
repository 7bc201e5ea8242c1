"""Requires all that matches, and bounds it by steps."""

from __future__ import annotations

from typing import Any, Callable, Mapping, Optional, Sequence

from .errors import AttaccaError
from .events import _subscribe_fields
from .timing import _ms
from .shaping import _Shaping
from .standing import _LATEST, _REQUIRES, RequiredAll
from .subscribing import _Subscribing


class _Requiring(_Subscribing):
    """What a member requires of all that is there and comes."""

    def demand_all(self, select: str, *, ahead: int = 4, until_complete: bool = False,
                   group: str = "", start: str = "snapshot", own_offers: bool = False,
                   acknowledge: bool = False, queue: str = "", latest: bool = False,
                   on_missed: Optional[Callable[[int, int, int], None]] = None,
                   on_failure: Optional[Callable[[AttaccaError, str], None]] = None,
                   own: bool = False, region: Any = None,
                   transforms: Sequence[Mapping[str, Any]] = (), unpack: bool = False,
                   order: Optional[str] = None, dtype: Any = None,
                   byteorder: Optional[str] = None, lossy: bool = False, wait: bool = False,
                   timeout: Optional[float] = None) -> RequiredAll:
        """Requires all that a selector selects (docs/events.md), from this call on: what is offered
        and what comes, before its provider can withdraw it. Iterate over what it returns: each is
        disposed of when the next is taken; up to `ahead` are in hand, here or on their way, where
        bytes have to travel in the memory of this process. Members that name the
        same `group` share the work, and it is kept for them while they are gone. `start`:
        "snapshot", or "now" for only what comes. `until_complete`: it ends when all that others
        have promised is closed, and all that came is done. With `acknowledge` the caller disposes
        of each, and so may have `ahead` of them in hand. `queue`: only of that step queue;
        `latest`: always its newest whole step, `on_missed(first, last, steps)` hears of others.
        `on_failure(error, name)` hears of what cannot be had (lost, deleted by force, ended before
        it was whole, its demand forbidden by a subscriber), which is given up, and the loop goes
        on; without it the first of them is raised.
        `timeout` is how long one may take to be whole; how it comes is said as for `demand`.

            for field in pool.demand_all('param = "t"', until_complete=True):
                print(field.name, numpy.asarray(field).mean())
        """
        if ahead < 1:
            raise ValueError(f"ahead is 1 or more, not {ahead!r}")
        if latest and not queue:
            raise ValueError("the latest step is of a queue")
        shaping = _Shaping(transforms, unpack, order, dtype, byteorder, lossy, None)
        shaping.check()
        _ms(timeout)
        fields = _subscribe_fields("offer", {
            "before": False, "acknowledge": True, "own": own_offers, "start": start,
            "until_complete": until_complete, "until_now": False, "name": group,
            "slow": "drop", "silence": "allow",
            "answer": None, "window": ahead, "select": select})
        fields["flags"] |= _REQUIRES | (_LATEST if latest else 0)
        fields["topics"] = [queue] if queue else []
        asked = {"own": own, "region": region, "wait": wait, "timeout": timeout,
                 "acknowledge": acknowledge, "on_missed": on_missed, "on_failure": on_failure}
        number = next(self._subscription_numbers)
        one = self._subscribers[number] = RequiredAll(self, number, ahead, shaping, asked)
        try:
            self._look("SUBSCRIBE", None, subscription=number, member=1, **fields)
        except BaseException:
            self._subscribers.pop(number, None)
            raise
        return one

    def step_queue(self, name: str, select: str = "", *, by: str = "step", keep: int = 0,
                   max_ahead: int = 0, timeout: Optional[float] = None) -> None:
        """Defines a step queue (docs/steps.md): of the objects that `select` selects the steps,
        which the attribute `by` says. `keep`: when more are offered, the oldest are withdrawn.
        `max_ahead`: an offer of a step waits while so many are not done by who requires them."""
        self._ask("QUEUE", "OK", timeout, name=name, selector=select, by=by, keep=keep,
                  maxAhead=max_ahead, forget=0)

    def forget_step_queue(self, name: str, timeout: Optional[float] = None) -> None:
        """There is no step queue of that name any more."""
        self._ask("QUEUE", "OK", timeout, name=name, selector="", by="step", keep=0, maxAhead=0,
                  forget=1)
