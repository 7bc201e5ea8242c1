"""The connection of a member, its handles and its memory: what all calls share."""

from __future__ import annotations

import itertools
import json
import os
import time
from collections import deque
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple

from .limits import _INLINE_MAX, _LEASE_FIRST, _LEASE_MAX
from .errors import AttaccaError
from .space import Space
from .layouts import _CODES, _decode, _GRANT, _message, _MESSAGES, _OK, _result
from .timing import _ms
from .session import _Session, _session
from .memory import _copy, _Leases, _Slabs, _up
from .data_link import _DataLink
from .buffers import _dtype
from .regions import _select
from .handles import Requirement


class _PoolCore:
    """What all calls of a member share."""

    def __init__(self, name: str, address: str, info: Mapping[str, Any], transport: str,
                 timeout: Optional[float], connect_s: float) -> None:
        self._keys: Dict[str, int] = {}
        self._key_numbers, self._numbers = itertools.count(), itertools.count(1)
        self._free_handles: deque[int] = deque()
        self._offers: Dict[str, List[int]] = {}  # handles: parts have one each
        self._growing: Dict[str, Tuple[int, Space]] = {}  # handles that append, and what
        self._requires: Dict[int, Requirement] = {}
        self._promises: Dict[int, str] = {}
        self._subscribers: Dict[int, Any] = {}
        self._subscription_numbers = itertools.count(1)
        self._chunk, self._left = _LEASE_FIRST, False
        self._slabs: Optional[_Slabs] = None
        self.notices: deque[Dict[str, Any]] = deque(maxlen=64)  # what the pool says unasked
        self._session = session = _session(address, self._unasked, connect_s)
        limits = session.info.get("limits", {})
        self._inline_max = min(_INLINE_MAX, limits.get("inlineBytesMax", _INLINE_MAX))
        self._leases, self._link = _Leases(limits), _DataLink(session)
        session.start()
        try:
            if transport == "socket":
                pass
            elif self._can_map(session):
                self._slabs = _Slabs(session.info["slabs"])
            elif transport:
                raise AttaccaError("mapping-unavailable", "Cannot map the pool's shared memory: it "
                                   "has none, or is on another host")
            granted = self._ask("JOIN", "WELCOME", timeout, member=1, name=name, info=info)
        except BaseException:
            session.stop()
            raise
        self.member: str = granted["name"]

    @staticmethod
    def _can_map(session: _Session) -> bool:
        """Whether the directory of the slabs is the pool's here too: the same path on another host,
        or in a container with a /dev/shm of its own, is another directory."""
        directory = session.info.get("slabs", "")
        if not directory:
            return False
        try:
            with open(os.path.join(directory, "owner.json"), encoding="utf-8") as file:
                owner = json.load(file)
            return isinstance(owner, dict) and owner.get("poolId") == session.pool
        except (OSError, ValueError):
            return False

    @property
    def transport(self) -> str:
        """How bytes travel: "shared-memory" or "socket"."""
        return "socket" if self._slabs is None else "shared-memory"

    @property
    def id(self) -> str:
        """The pool's random id."""
        return self._session.pool

    @property
    def name(self) -> str:
        """The pool's name."""
        return self._session.pool_name

    def _ask(self, name: str, answer: str, timeout: Optional[float] = None, /,
             **fields: Any) -> Dict[str, Any]:
        return _result(self._session.run([_message(name, **fields)], timeout)[0], answer)

    def _look(self, name: str, timeout: Optional[float] = None, /, **fields: Any) -> Any:
        return self._ask(name, "VALUE", timeout, **fields)["value"]

    def _parts(self, name: str, selector: str, timeout: Optional[float] = None, /,
               **fields: Any) -> Iterator[Dict[str, Any]]:
        """The answers to a request with a selector, one for each part of the pool."""
        after: Optional[str] = ""
        while after is not None:
            part = self._look(name, timeout, selector=selector, after=after, **fields)
            yield part
            after = part["next"]

    def _handle(self) -> int:
        try:
            return self._free_handles.popleft()
        except IndexError:
            return next(self._numbers)

    def _dispose(self, handle: int, before: Tuple[bytes, ...] = ()) -> None:
        def free(index: int, code: int, _: bytes) -> None:
            if index == len(before) and code == _OK:
                self._free_handles.append(handle)
        self._session.post([*before, _message("DISPOSE", handle=handle)], free)

    def _abandon(self, handle: int, late: Optional[Mapping[str, Any]] = None) -> None:
        """Gives up a handle that may be required; one of the two messages may be refused."""
        self._dispose(handle, (_message("RETRACT", handle=handle),))
        self._refuse(late)

    def _return(self, extent: Tuple[int, int, int]) -> None:
        self._session.post([_message("RETURN", slab=extent[0], offset=extent[1], size=extent[2])])

    def _refuse(self, found: Optional[Mapping[str, Any]]) -> None:
        """Returns what came with mode own and is not wanted any more."""
        if found is not None and found["source"] == 4:
            self._session.parts(found["request"])
        if found is not None and found["source"] == 3:
            self._return((found["slab"], found["offset"], found["size"]))

    def _key(self, name: str) -> int:
        number = self._keys.get(name)
        if number is None:
            number = next(self._key_numbers)
            if not 1 <= len(name.encode("utf-8", "replace")) <= 255 or number > 0xFFFF:
                raise AttaccaError("bad-attribute", f"Cannot use \"{name}\" as a key: a key has 1 "
                                   "to 255 bytes, and a session 65,536 keys", {"key": name})
            self._session.post([_message("KEY", key=number, name=name)], ring=False)
            self._keys[name] = number  # after KEY is in the queue: whoever finds it comes behind
        return number

    def _attributes(self, attributes: Optional[Mapping[str, Any]]) -> Dict[int, Any]:
        found = {}
        for name, value in (attributes or {}).items():
            if value is None:
                raise AttaccaError("bad-attribute", f"Cannot set \"{name}\" to None",
                                   {"key": name})
            found[self._key(name)] = value
        return found

    def _declare(self, handle: int, name: str, space: Space,
                 attributes: Optional[Mapping[str, Any]]) -> bytes:
        return _message("DECLARE", handle=handle, member=1, name=name, space=space,
                        attributes=self._attributes(attributes))

    def _expect(self, name: str, dtype: Any, shape: Any, order: Optional[str],
                attributes: Optional[Mapping[str, Any]],
                region: Any = None) -> Tuple[int, List[bytes]]:
        if isinstance(shape, int):
            shape = (shape,)
        space = Space(_dtype(dtype)[0], None if shape is None else tuple(shape), order,
                      _dtype(dtype)[1])
        wanted = None if region is None else _select(region, space.shape)[0]
        handle = self._handle()
        messages = [self._declare(handle, name, space, attributes)]
        if wanted is not None:
            messages.append(_message("REGION", handle=handle, region=wanted))
        return handle, messages

    def _lease(self, size: int, handle: int, before: List[bytes],
               until: float) -> Tuple[int, int, int]:
        """Leases memory and takes a slice of `size` out of it."""
        def late(_: int, code: int, body: bytes) -> None:
            if code == _GRANT:
                grant = _decode(_MESSAGES[code], body)
                self._leases.give(grant["slab"], grant["offset"], grant["size"])

        least = _up(size, self._leases.align(size))
        while True:
            left = until - time.monotonic()
            answers = self._session.run(
                before + [_message("LEASE", size=max(least, self._chunk), least=least,
                                   handle=handle, deadline=_ms(left))], left, late)
            for answer in answers[:-1]:
                _result(answer, "OK")
            grant = _result(answers[-1], "GRANT")
            self._chunk, before = min(2 * self._chunk, _LEASE_MAX), []
            slot = self._leases.take(size, (grant["slab"], grant["offset"], grant["size"]))
            if slot is not None:
                return slot
            least += self._leases.align(size)  # granted, and used up by aligning its start

    def _write(self, slab: int, offset: int, raw: memoryview, until: float) -> None:
        target = self._map(slab, offset, len(raw), True)
        if target is None:
            self._link.write(slab, offset, raw, until)
        else:
            _copy(target, raw)

    def _map(self, slab: int, offset: int, size: int, write: bool) -> Optional[memoryview]:
        """A view of a slice, or None where bytes have to travel."""
        if self._slabs is not None:
            try:
                return self._slabs.view(slab, offset, size, write, self._session.resumes)
            except OSError as error:
                self._slabs = None
                self.notices.append({"code": "mapping-unavailable", "fields": {},
                                     "message": f"Bytes go over the socket: {error}"})
        return None

    def _is_lost(self, error: AttaccaError) -> bool:
        """Whether memory went with a manager: the next one knows of no such lease."""
        another = self._session.resumes > 0 or self._link.opened > 1  # either may hear of it first
        return error.code == "bad-lease" and another

    def _unasked(self, code: int, fields: Dict[str, Any]) -> None:
        if code == _CODES["NOTICE"]:
            self.notices.append(fields)
        elif code == _CODES["EVENT"]:
            one = self._subscribers.get(fields["subscription"])
            if one is not None:  # else it has ended meanwhile
                one._took(fields)
        elif code == _CODES["RECLAIM"]:
            messages = self._leases.release(fields["bytes"])
            if messages:
                self._session.post(messages)
        else:
            self._leases.forget(fields["slab"])
            if self._slabs is not None:
                self._slabs.drop(fields["slab"])
