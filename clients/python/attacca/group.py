"""Objects that are offered in one step: docs/groups.md."""

from __future__ import annotations

import math
import operator
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Tuple

from .limits import _GROUP_INLINE_MAX, _GROUP_NAMES_MAX, _STORES_MAX
from .errors import AttaccaError
from .space import Space
from .layouts import _FAIL, _message, _OK, _result
from .timing import _ms, _until
from .buffers import _describe, _dtype
from .delivered import _Elements, _MEMBERS_KEY

if TYPE_CHECKING:
    from .pool_core import _PoolCore

_NAME_BYTES = 5  # what a name takes in a list, beside its bytes
_Slot = Tuple[int, int, int]


class GroupObject(_Elements):
    """An object that is made to be offered with its group, by `Group.object`: `view`, `raw`, and
    the array that `numpy.asarray` makes of it are written to before `Group.offer`, and not after
    it (`wrong-state`). What is in them at first is not said."""

    _why_gone = "its group is offered, or has ended"


class _Part:
    """What was put into a group, and where its bytes are."""

    def __init__(self, name: str, raw: memoryview, space: Space,
                 attributes: Optional[Mapping[str, Any]]) -> None:
        self.name, self.raw, self.space, self.attributes = name, raw, space, attributes
        self.handle: Optional[int] = None   # once it is declared
        self.slot: Optional[_Slot] = None   # leased, and `raw` is a view of it
        self.made: Optional[GroupObject] = None


class Group:
    """Many objects that are offered as one, made by `Pool.group`; for one thread at a time.

        with pool.group("step/24", attributes={"step": 24}) as step:
            step.add("t/24", t, attributes={"param": "t"})
            u = step.object("u/24", dtype="float32", shape=(181, 360))
            numpy.asarray(u)[:] = values             # the pool's own memory
            step.offer()
        step.withdraw()

    The end of the block lets go of what is not offered; an offer stands until it is withdrawn, or
    until this member leaves."""

    def __init__(self, pool: "_PoolCore", name: str,
                 attributes: Optional[Mapping[str, Any]]) -> None:
        if _MEMBERS_KEY in (attributes or {}):
            raise AttaccaError("bad-argument", f"Cannot make the group \"{name}\": what it depends "
                               "on is what is put into it", {"name": name})
        self.name, self._pool, self._attributes = name, pool, dict(attributes or {})
        self._parts: Dict[str, _Part] = {}
        self._name_bytes, self._state, self._is_kept = 0, "open", False
        self._handles: List[int] = []  # of what is offered, that of the group first
        self._lock = threading.RLock()  # the answer of an interrupted offer comes at any time
        self._waits, self._went, self._is_sure = 0, False, False

    @property
    def names(self) -> Tuple[str, ...]:
        """The names of what was put into it, in this order."""
        return tuple(self._parts)

    def add(self, name: str, data: Any = b"", *, dtype: Any = None, shape: Any = None,
            order: Optional[str] = None, attributes: Optional[Mapping[str, Any]] = None,
            container: Optional[str] = None) -> None:
        """Puts an object into the group: of `data`, as `Pool.offer` takes it, which must not change
        until `offer` returns. Errors: `bad-space`, `size-mismatch`, `wrong-state` of a name that is
        in it already, `too-large` when the group holds no more names."""
        raw, space = _describe(data, dtype, shape, order)
        self._may_put(name)
        self._put(_Part(name, raw, space, _contained(attributes, container)))

    def object(self, name: str, *, dtype: Any, shape: Any, order: str = "row",
               attributes: Optional[Mapping[str, Any]] = None, container: Optional[str] = None,
               timeout: Optional[float] = None) -> GroupObject:
        """Puts an object into the group whose elements are written now, in the pool's own memory
        (where it is not mapped, and of up to 16 KiB, in memory of this process). Waits when memory
        is full, `timeout` seconds at most: `memory-full`. Other errors as of `add`."""
        self._may_put(name)
        until, (kind, byteorder) = _until(timeout), _dtype(dtype)
        shape = (shape,) if isinstance(shape, int) else tuple(operator.index(n) for n in shape)
        space = Space(kind, shape, order, byteorder or sys.byteorder)
        part = _Part(name, memoryview(b""), space, _contained(attributes, container))
        size = math.prod(shape) * space.itemsize
        if size < 0 or min(shape, default=0) < 0:
            raise AttaccaError("bad-space", f"Cannot make \"{name}\": its shape is {shape}")
        try:
            self._allocate(part, size, until)
        except BaseException:
            self._drop(part)
            raise
        part.made = GroupObject(name, part.raw, space)
        self._put(part)
        return part.made

    def _allocate(self, part: _Part, size: int, until: float) -> None:
        pool = self._pool
        if size > pool._inline_max and pool.transport != "socket":
            slot = part.slot = pool._leases.take(size)
            if slot is None:
                part.handle = pool._handle()
                declare = pool._declare(part.handle, part.name, part.space, part.attributes)
                slot = part.slot = pool._lease(size, part.handle, [declare], until)
            view = pool._map(slot[0], slot[1], size, True)
            if view is not None:
                part.raw = view
                return
            pool._leases.give(*slot)
            part.slot = None
        part.raw = memoryview(bytearray(size))

    def _may_put(self, name: str) -> None:
        self._must_be("open", f"put \"{name}\" into")
        if name == self.name or name in self._parts:
            raise AttaccaError("wrong-state", f"Cannot put \"{name}\" into the group "
                               f"\"{self.name}\": it is in it already", {"name": name})
        size = self._name_bytes + len(name.encode("utf-8", "replace")) + _NAME_BYTES
        if size > _GROUP_NAMES_MAX:
            raise AttaccaError(
                "too-large", f"Cannot put \"{name}\" into the group \"{self.name}\": the names of "
                f"{len(self._parts)} objects are as much as one group holds",
                {"size": size, "limit": _GROUP_NAMES_MAX})

    def _put(self, part: _Part) -> None:
        self._name_bytes += len(part.name.encode("utf-8", "replace")) + _NAME_BYTES
        self._parts[part.name] = part

    def offer(self, *, keep: bool = False, lifetime: float = 0.0, durability: str = "process",
              timeout: Optional[float] = None) -> None:
        """Publishes all that was put into it, and the group, in one step: whoever looks sees all of
        it, or nothing. When one cannot be offered none is; the error names it, and `offer` may be
        called again. `keep`, `lifetime` (seconds) and `durability` are those of `Pool.offer`, for
        all of it. Waits while memory is full, and for those who are told before, `timeout` seconds
        at most. Errors: as of `Pool.offer`; `vetoed` names the one that was forbidden."""
        self._must_be("open", "offer")
        how = {"scope": 1 if keep else 0,
               "durability": ("process", "memory", "fsync").index(durability),
               "lifetime": _ms(lifetime) if lifetime else 0}
        until, room = _until(timeout), _GROUP_INLINE_MAX
        for attempt in range(1, _STORES_MAX + 1):
            slabs: List[int] = []  # that the message tells of
            try:
                return self._offer(how, room, slabs, until)
            except AttaccaError as error:
                is_lost = self._pool._is_lost(error)
                is_full = error.code == "memory-full" and room > 0 and self._went
                if attempt == _STORES_MAX or not (is_lost or is_full):
                    raise
                for slab in slabs if is_lost else ():
                    self._forget(slab)
                room = 0  # what found no room as a message goes through slabs

    def _forget(self, slab: int) -> None:
        """The memory went with its manager: the bytes, which are here, are stored anew."""
        self._pool._leases.forget(slab)
        for part in self._parts.values():
            if part.slot is not None and part.slot[0] == slab:
                part.slot = None

    def _offer(self, how: Mapping[str, int], room: int, slabs: List[int], until: float) -> None:
        pool, self._went = self._pool, False
        handles: List[int] = []
        slots: List[_Slot] = []

        def late(_: int, code: int, __: bytes) -> None:  # interrupted or not
            with self._lock:
                self._waits -= 1
                if code == _OK:
                    self._is_offered(handles, bool(how["scope"]))
                elif code == _FAIL:
                    for slot in slots:
                        pool._leases.give(*slot)
                    self._give_back()

        try:
            self._declare(handles, until)
            members = self._members(room, slots, slabs, until)
            message = _message("OFFER_GROUP", group={"handle": handles[0], "members": members,
                                                     **how})
            self._went, self._waits = True, self._waits + 1
            answers = pool._session.run([message], until - time.monotonic(), late)
            late(0, *(answers[0] or (0, b"")))
            _result(answers[0], "OK")
        except BaseException:
            for slot in () if self._went else slots:  # a WRITE may be under way: never used again
                pool._return(slot)
            for handle in handles:  # refused, when it was offered as the wait was interrupted
                pool._dispose(handle)
            for part in self._parts.values():
                part.handle = None
            raise
        self._is_sure = True

    def _declare(self, handles: List[int], until: float) -> None:
        """Declares all that is not yet; the handle of the group is the first."""
        pool = self._pool
        messages: List[bytes] = []
        attributes = {**self._attributes, **({_MEMBERS_KEY: [*self._parts]} if self._parts else {})}
        handles.append(pool._handle())
        handles += [part.handle for part in self._parts.values() if part.handle is not None]
        for part in self._parts.values():
            if part.handle is None:
                part.handle = pool._handle()
                handles.append(part.handle)
                messages.append(pool._declare(part.handle, part.name, part.space, part.attributes))
        nothing = _describe(b"", None, None, None)[1]
        messages.append(pool._declare(handles[0], self.name, nothing, attributes))
        for answer in pool._session.run(messages, until - time.monotonic()):
            _result(answer, "OK")

    def _members(self, room: int, slots: List[_Slot], slabs: List[int],
                 until: float) -> List[Dict[str, Any]]:
        """What the pool is told of each object: its bytes, or where they are."""
        pool = self._pool
        found: List[Dict[str, Any]] = []
        for part in self._parts.values():
            assert part.handle is not None
            raw, slot, size = part.raw, part.slot, len(part.raw)
            if slot is None and size <= min(pool._inline_max, room):
                room -= size
                found.append({"handle": part.handle, "source": int(size > 0), "payload": raw})
                continue
            if slot is None:
                slot = pool._leases.take(size) or pool._lease(size, part.handle, [], until)
                slots.append(slot)
                slabs.append(slot[0])
                pool._write(slot[0], slot[1], raw, until)
            slabs.append(slot[0])
            found.append({"handle": part.handle, "source": 2, "slab": slot[0], "offset": slot[1],
                          "size": size})
        return found

    def _is_offered(self, handles: List[int], keep: bool) -> None:
        had_ended = self._state == "ended"
        self._state, self._is_kept, self._handles = "offered", keep, handles
        self._close_made()
        for part in self._parts.values():
            part.slot = None
        if had_ended:  # an interrupt has ended the block before the answer came
            self._take_back()
        elif keep:
            self._end()

    def _take_back(self) -> None:
        """Ends what was offered, and waits for nobody."""
        self._state = "ended"
        end = (_message("UNKEEP", name=self.name, member=1, deadline=_ms(None))
               if self._is_kept else
               _message("WITHDRAW", handle=self._handles[0], deadline=_ms(None)))
        self._pool._session.post([end], lambda *_: self._end())

    def withdraw(self, timeout: Optional[float] = None) -> None:
        """Ends the offer of the group and of all that is in it, and the group. Who has required it
        is still served: waits for that, `timeout` seconds at most (`deadline-passed`)."""
        self._must_be("offered", "withdraw")
        if self._is_kept:
            self._pool._ask("UNKEEP", "OK", timeout, name=self.name, member=1,
                            deadline=_ms(timeout))
        else:
            self._pool._ask("WITHDRAW", "OK", timeout, handle=self._handles[0],
                            deadline=_ms(timeout))
        self._end()
        self._state = "ended"

    def _end(self) -> None:
        handles, self._handles = self._handles, []
        for handle in handles:
            self._pool._dispose(handle)

    def dispose(self) -> None:
        """Lets go of what was put into it, if it is not offered: an `offer` that was interrupted,
        and came to its end nevertheless, is taken back. Idempotent."""
        with self._lock:
            if self._state == "offered" and not self._is_sure:
                self._take_back()
            elif self._state == "open":
                self._state = "ended"
                self._close_made()
                self._give_back()

    def _close_made(self) -> None:
        for part in self._parts.values():
            if part.made is not None:
                part.made._gone = True

    def _give_back(self) -> None:
        """The memory of an ended group is the pool's again, once no offer of it is under way."""
        if self._state == "ended" and self._waits == 0:
            for part in self._parts.values():
                self._drop(part)

    def _drop(self, part: _Part) -> None:
        slot, part.slot = part.slot, None
        handle, part.handle = part.handle, None
        if slot is not None:
            self._pool._leases.give(*slot)
        if handle is not None:
            self._pool._dispose(handle)

    def _must_be(self, state: str, what: str) -> None:
        if self._state == state:
            return
        why = {"open": "is not offered", "offered": "is offered"}.get(self._state, "has ended")
        raise AttaccaError("wrong-state", f"Cannot {what} the group \"{self.name}\": it {why}",
                           {"name": self.name})

    def __enter__(self) -> "Group":
        return self

    def __exit__(self, *_: Any) -> None:
        self.dispose()


def _contained(attributes: Optional[Mapping[str, Any]],
               container: Optional[str]) -> Optional[Mapping[str, Any]]:
    if container is None:
        return attributes
    return {**(attributes or {}), ".container": container}
