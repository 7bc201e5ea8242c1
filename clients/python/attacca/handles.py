"""What is open at a pool: requires, offers, promises."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Dict, Iterator, Mapping, NamedTuple, Optional, Sequence

from .errors import AttaccaError
from .space import Space
from .layouts import _decode, _DELIVER, _message, _MESSAGES, _result
from .timing import _ms, _until
from .shaping import _Shaping
from .delivered import _shaped, Delivered, DeliveredGroup

if TYPE_CHECKING:
    from .demanding import _Demanding
    from .offering import _Offering


class Requirement:
    """An open require, made by `Pool.require`. `demand` once, or `retract`."""

    def __init__(self, pool: "_Demanding", name: str, handle: int, policy: int,
                 region: Any) -> None:
        self.name, self._pool, self._handle, self._policy = name, pool, handle, policy
        self._region = region
        self._open = True
        self._late: Optional[Dict[str, Any]] = None
        pool._requires[handle] = self

    def demand(self, timeout: Optional[float] = None, own: bool = False, *,
               transforms: Sequence[Mapping[str, Any]] = (), unpack: bool = False,
               order: Optional[str] = None, dtype: Any = None, byteorder: Optional[str] = None,
               lossy: bool = False, into: Any = None) -> Delivered:
        """Waits for the object and hands it over, as `Pool.demand`. After `deadline-passed` or an
        interrupt the require is still open and may be demanded again; any other failure ends it."""
        self._must_be_open()
        how = _Shaping(transforms, unpack, order, dtype, byteorder, lossy, into)
        how.check()
        pool, until = self._pool, _until(timeout)
        with self._demanding():
            found = self._found(timeout, own)
            taken = pool._take(self.name, found, own, until, self._region)
        return _shaped(pool._hand(self.name, self._handle, found, *taken), how, own)

    def demand_group(self, timeout: Optional[float] = None) -> DeliveredGroup:
        """Waits for the group of that name, and hands over all that it had at its offer, as
        `Pool.demand_group`. A deadline or an interrupt leaves the require open, as of `demand`."""
        self._must_be_open()
        pool, until = self._pool, _until(timeout)
        with self._demanding():
            found = self._found(timeout, False)
        return pool._had(self.name, self._handle, found, until)

    @contextmanager
    def _demanding(self) -> Iterator[None]:
        """What is handed over ends the require; so does what fails, but for a wait that was cut."""
        try:
            yield
        except AttaccaError as error:
            if error.code not in ("deadline-passed", "cancelled"):
                self.retract()
            raise
        self._open = False
        self._pool._requires.pop(self._handle, None)

    def _must_be_open(self) -> None:
        if not self._open:
            raise AttaccaError("wrong-state", f"Cannot demand \"{self.name}\": the require ended")

    def _found(self, timeout: Optional[float], own: bool) -> Dict[str, Any]:
        if self._late is None:  # else it came when an interrupt had ended the last demand
            answers = self._pool._session.run(
                [_message("DEMAND", handle=self._handle, deadline=_ms(timeout), mode=int(own),
                          policy=self._policy, want=1)], timeout, self._keep)
            self._late = _result(answers[0], "DELIVER")
        return self._late

    def _keep(self, _: int, code: int, body: bytes) -> None:
        if code == _DELIVER:
            self._late = _decode(_MESSAGES[code], body)

    def retract(self) -> None:
        """Takes the require back."""
        if self._open:
            self._open = False
            self._pool._requires.pop(self._handle, None)
            self._pool._abandon(self._handle, self._late)

    def __enter__(self) -> "Requirement":
        return self

    def __exit__(self, *_: Any) -> None:
        self.retract()


class Offer(NamedTuple):
    """An offer that stands."""

    pool: "_Offering"
    name: str
    space: Space

    def withdraw(self, timeout: Optional[float] = None) -> None:
        """As `Pool.withdraw`."""
        self.pool.withdraw(self.name, timeout)


class Promise(NamedTuple):
    """What this member says it will offer. Close it when all of it is offered."""

    pool: "_Offering"
    pattern: str
    number: int

    def close(self) -> None:
        """Idempotent."""
        if self.pool._promises.pop(self.number, None) is not None:
            self.pool._ask("CLOSE", "OK", promise=self.number)

    def __enter__(self) -> "Promise":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()
