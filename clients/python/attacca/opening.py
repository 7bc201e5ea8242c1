"""Creating and opening objects that members write to by regions."""

from __future__ import annotations

import math
import operator
import sys
import time
from typing import Any, Mapping, Optional

from .limits import _CONSISTENCIES, _COPY_CHUNK
from .space import Space
from .layouts import _FAIL, _message, _OK, _result
from .timing import _ms, _until
from .buffers import _dtype
from .regions import _filled
from .open_object import OpenObject
from .offering import _Offering


class _Opening(_Offering):
    """Shares objects."""

    def create(self, name: str, *, dtype: Any, shape: Any, order: str = "row",
               consistency: str = "posix", fill: Any = 0,
               attributes: Optional[Mapping[str, Any]] = None, container: Optional[str] = None,
               keep: bool = False, lifetime: float = 0.0,
               timeout: Optional[float] = None) -> OpenObject:
        """Creates an object that members write to by regions, until it is sealed. Every element is
        `fill` at first. `consistency` says when what is written is visible to others: "posix",
        "commit", "session" or "eventual". It ends with this member, unless `keep`. Errors:
        `already-offered`, `bad-space`, `bad-argument` of a fill that the dtype has not,
        `memory-full`."""
        if consistency not in _CONSISTENCIES:
            raise ValueError(f"a consistency is one of {', '.join(_CONSISTENCIES)}, not "
                             f"{consistency!r}")
        if container is not None:
            attributes = {**(attributes or {}), ".container": container}
        until, (kind, byteorder) = _until(timeout), _dtype(dtype)
        shape = (shape,) if isinstance(shape, int) else tuple(operator.index(n) for n in shape)
        space = Space(kind, shape, order, byteorder or sys.byteorder)
        element, size = _filled(space, fill), math.prod(shape) * space.itemsize
        handle, slot = self._handle(), (0, 0, 0)
        declare = [self._declare(handle, name, space, attributes)]
        opened = {"space": space, "attributes": dict(attributes or {}), "version": 0,
                  "consistency": _CONSISTENCIES.index(consistency)}
        sent = False

        def late(index: int, code: int, _: bytes) -> None:
            if index == len(declare) and code == _OK:
                self._offers.setdefault(name, []).append(handle)
            elif index == len(declare) and code == _FAIL and size:
                self._leases.give(*slot)

        try:
            if size:
                taken = self._leases.take(size)
                if taken is None:
                    taken, declare = self._lease(size, handle, declare, until), []
                slot = taken
                chunk = memoryview(element * (min(size, _COPY_CHUNK) // len(element)))
                for at in range(0, size, len(chunk)):
                    self._write(slot[0], slot[1] + at, chunk[:size - at], until)
            message = _message("CREATE", handle=handle, scope=int(keep),
                               consistency=opened["consistency"],
                               lifetime=_ms(lifetime) if keep and lifetime else 0,
                               payload={"slab": slot[0], "offset": slot[1], "size": size})
            sent = True
            answers = self._session.run(declare + [message], until - time.monotonic(), late)
            late(len(declare), *(answers[-1] or (0, b"")))
            for answer in answers:
                _result(answer, "OK")
        except BaseException:
            if slot[2] and not sent:
                self._return(slot)
            self._dispose(handle)
            raise
        return OpenObject(self, name, handle, opened, True, keep)

    def open(self, name: str, timeout: Optional[float] = None, *, dtype: Any = None,
             shape: Any = None, order: Optional[str] = None,
             attributes: Optional[Mapping[str, Any]] = None) -> OpenObject:
        """Takes part in an object that another member has created, or waits until one does. What is
        given of dtype, shape, order and attributes must match (`object-mismatch`). Waits `timeout`
        seconds at most; `wrong-state` once it is sealed."""
        handle, declare = self._expect(name, dtype, shape, order, attributes)
        try:
            answers = self._session.run(
                [*declare, _message("OPEN", handle=handle, deadline=_ms(timeout))], timeout)
            for answer in answers[:-1]:
                _result(answer, "OK")
            opened = _result(answers[-1], "OPENED")
        except BaseException:
            self._dispose(handle)
            raise
        return OpenObject(self, name, handle, opened, False, False)
