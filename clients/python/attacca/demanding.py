"""Requires and demands."""

from __future__ import annotations

import math
import time
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from .limits import _PROBES_AT_ONCE
from .errors import AttaccaError
from .space import Space
from .layouts import _decode, _DELIVER, _message, _MESSAGES, _result
from .timing import _left, _ms, _until
from .memory import _copy
from .regions import _cut, _gather, _needs_shape, _select
from .encodings import _COMPARED, _decoded, _ENCODING, _encoding_in, _meets
from .shaping import _Shaping
from .delivered import _MEMBERS_KEY, _shaped, Delivered, DeliveredGroup
from .handles import Requirement
from .pool_core import _PoolCore


class _Demanding(_PoolCore):
    """Takes objects, and regions of them."""

    def require(self, name: str, *, dtype: Any = None, shape: Any = None,
                order: Optional[str] = None, attributes: Optional[Mapping[str, Any]] = None,
                region: Any = None, wait: bool = False) -> Requirement:
        """Announces need of `name`, or of a `region` of it as numpy would index it, before or after
        it is offered; does not wait. What is given of dtype, shape, order and attributes must
        match. With `wait` it stays open even when every promise that could meet it is closed; else
        it then fails with `nobody-will-offer`."""
        handle, declare = self._expect(name, dtype, shape, order, attributes, region)
        try:
            answers = self._session.run(
                [*declare, _message("REQUIRE", handle=handle, policy=int(wait))])
            for answer in answers:
                _result(answer, "OK")
        except BaseException:
            self._abandon(handle)
            raise
        return Requirement(self, name, handle, int(wait), region)

    def retract(self, name: str) -> None:
        """Takes back all that `require(name)` has opened and nobody has demanded."""
        for requirement in [*self._requires.values()]:
            if requirement.name == name:
                requirement.retract()

    def demand(self, name: str, timeout: Optional[float] = None, own: bool = False, *,
               region: Any = None, transforms: Sequence[Mapping[str, Any]] = (),
               unpack: bool = False, order: Optional[str] = None, dtype: Any = None,
               byteorder: Optional[str] = None, lossy: bool = False, into: Any = None,
               shape: Any = None, attributes: Optional[Mapping[str, Any]] = None,
               wait: bool = False, ready: bool = False) -> Delivered:
        """Requires and demands `name` in one step; waits until it is offered, `timeout` seconds at
        most. With `own` the bytes are the caller's own, in writable memory; else they are a
        read-only view, to be disposed of.

        `region` is what of it, as numpy would index it: slices, whole numbers (whose axis goes),
        ascending lists, `...`. It waits for the parts that have some of it; what counts from the
        end, or goes up to it, without `shape`, until some of the object is there, which tells the
        shape. What is in several parts is put together here.

        How it comes (docs/transforms.md), in this order: `unpack` makes values of packed numbers,
        as the CF conventions have it: x scale_factor + add_offset, and NaN for _FillValue and
        missing_value; `transforms` is a chain of maps; `order` is "row" or "column", `dtype`
        another type (what would lose values is `lossy-conversion`, unless `lossy`), `byteorder`
        "little" or "big". `into` is memory of one's own, a writable buffer of the size of what
        comes; an array says by itself what comes into it, bytes and uint8 do not. What changes
        elements needs numpy: `library-unavailable`.

        `shape` and `attributes`, where they are given, must be those of the object, else it is
        `object-mismatch`; so must be what `require` is told of dtype and order. With
        `ready` it waits until all that the object depends on (`.depends-on`) is offered, too."""
        how = _Shaping(transforms, unpack, order, dtype, byteorder, lossy, into)
        how.check()
        until, known, asked = _until(timeout), shape, region
        if region is not None and shape is None and _needs_shape(region):
            known, asked = self._seen(name, region, until, wait)
            timeout = None if timeout is None else _left(until)
        handle, declare = self._expect(name, None, known, None, attributes, asked)
        found: Optional[Dict[str, Any]] = None

        def late(_: int, code: int, body: bytes) -> None:
            if code == _DELIVER:
                self._refuse(_decode(_MESSAGES[code], body))

        try:
            answers = self._session.run(
                [*declare, _message("DEMAND", handle=handle, deadline=_ms(timeout),
                                    mode=int(own), policy=int(wait),
                                    want=5 if ready else 1)], timeout, late)
            for answer in answers[:-1]:
                _result(answer, "OK")
            found = _result(answers[-1], "DELIVER")
            taken = self._take(name, found, own, until, region)
        except BaseException as error:
            self._abandon(handle, found)
            if not isinstance(error, AttaccaError) or error.code not in _COMPARED:
                raise
            expected = Space(None, (shape,) if isinstance(shape, int) else shape)
            return _shaped(self._demand_encoded(name, error, expected, region, own), how, own)
        return _shaped(self._hand(name, handle, found, *taken), how, own)

    def _seen(self, name: str, region: Any, until: float, wait: bool) -> Tuple[Any, Any]:
        """The shape of `name`, and what to ask of a region of it: waits until some of it is there.
        Of what is encoded all is asked."""
        handle, declare = self._expect(name, None, None, None, None)
        nothing = {"dimensions": 0, "boxes": [], "points": []}
        messages = [*declare, _message("REGION", handle=handle, region=nothing),
                    _message("DEMAND", handle=handle, deadline=_ms(_left(until)), mode=2,
                             policy=int(wait), want=3)]

        def late(index: int, _: int, __: bytes) -> None:  # the answer frees it, whatever it is
            if index == len(messages) - 1:
                self._free_handles.append(handle)

        answers = self._session.run(messages, _left(until), late)
        late(len(messages) - 1, 0, b"")
        for answer in answers[:-1]:
            _result(answer, "OK")
        found = _result(answers[-1], "DELIVER")
        if found["source"] == 4:
            self._session.parts(found["request"])
        if _ENCODING in (found.get("attributes") or {}):
            return None, None
        return found["space"].shape, region

    def _demand_all(self, items: Sequence[Tuple[str, Any]], until: float, wait: bool,
                    answered: Optional[float] = None,
                    group: Optional[int] = None) -> List[Delivered]:
        """Demands objects, or regions of them, in one batch: all of them, or none. `answered`:
        until when it waits for them, and not for their bytes. `group`: the handle of one that was
        delivered, which has them."""
        messages: List[bytes] = []
        handles: List[int] = []
        ends: List[int] = []
        timeout = max(0.001, (until if answered is None else answered) - time.monotonic())

        def late(_: int, code: int, body: bytes) -> None:
            if code == _DELIVER:
                self._refuse(_decode(_MESSAGES[code], body))

        delivered: List[Delivered] = []
        try:
            for name, region in items:
                handle, declare = self._expect(name, None, None, None, None, region)
                handles.append(handle)
                if group is not None:
                    declare.append(_message("REQUIRE_MEMBER", handle=handle, group=group))
                messages += [*declare, _message("DEMAND", handle=handle, deadline=_ms(timeout),
                                                mode=0, policy=int(wait), want=1)]
                ends.append(len(messages))
            answers = self._session.run(messages, timeout, late)
            starts = [0, *ends]
            for at, (name, region) in enumerate(items):
                try:
                    for answer in answers[starts[at]:ends[at] - 1]:
                        _result(answer, "OK")
                    found = _result(answers[ends[at] - 1], "DELIVER")
                except AttaccaError as error:
                    if region is None or error.code not in _COMPARED:
                        raise
                    named = AttaccaError(error.code, error.message, {**error.fields, "name": name})
                    one = self._demand_encoded(name, named, Space(), region, False)
                    self._abandon(handles[at])
                    delivered.append(one)
                    continue
                taken = self._take(name, found, False, until, region)
                delivered.append(self._hand(name, handles[at], found, *taken))
        except BaseException:
            for one in delivered:
                one.dispose()
            for handle in handles[len(delivered):]:
                self._abandon(handle)
            raise
        return delivered

    def _missing(self, items: Sequence[Tuple[str, Tuple[Any, ...]]], until: float) -> List[int]:
        """Of regions of objects in parts: how many of their elements nobody has offered. Waits for
        none of them, and leases nothing."""
        found: List[int] = []
        for first in range(0, len(items), _PROBES_AT_ONCE):
            some = items[first:first + _PROBES_AT_ONCE]
            if first and time.monotonic() >= until:
                raise AttaccaError("deadline-passed", f"Cannot tell what is there of "
                                   f"\"{some[0][0]}\": there are too many parts for the time")
            messages: List[bytes] = []
            last: Dict[int, int] = {}  # of the messages of each: its handle
            for name, region in some:
                handle, declare = self._expect(name, None, None, None, None, region)
                messages += [*declare, _message("DEMAND", handle=handle, deadline=1, mode=2,
                                                policy=1, want=3)]
                last[len(messages) - 1] = handle

            def late(index: int, _: int, __: bytes) -> None:  # the answer frees it, whatever it is
                if index in last:
                    self._free_handles.append(last[index])

            answers = self._session.run(messages, _left(until), late)
            for index in last:
                late(index, 0, b"")
            for index, (_, region) in zip(last, some):
                try:
                    self._session.parts(_result(answers[index], "DELIVER")["request"])
                    found.append(0)
                except AttaccaError as error:
                    size = math.prod(map(len, region))
                    if error.code not in ("deadline-passed", "parts-missing", *_COMPARED):
                        raise
                    # Of what is in no parts, or not offered any more, the pool says no number.
                    found.append(min(size, int(error.fields.get("missing", 0)) or size))
        return found

    def _demand_encoded(self, name: str, error: AttaccaError, expected: Space, region: Any,
                        own: bool) -> Delivered:
        """What the pool refused as it compared the bytes it has, of whatever they are an encoding:
        all of it is decoded, and compared here. Raised is what the error says, not itself: a frame
        that has an error which knows the frame is a ring, and keeps views."""
        try:  # It is there: nothing is waited for.
            whole = self.demand(name, 1.0, own)
        except AttaccaError:
            raise error.again() from None
        space = whole.space
        if _ENCODING not in whole.attributes or not _meets(space, expected):
            whole.dispose()
            raise error.again()
        if region is None:
            return whole
        raw, space = _cut(region, space, whole.raw, own)
        whole.dispose()
        found = {"version": whole.version, "attributes": whole.attributes, "space": space,
                 "whole": whole.space}
        return Delivered(self, name, raw, found, None)

    def demand_group(self, name: str, timeout: Optional[float] = None, *, wait: bool = False,
                     ready: bool = False) -> DeliveredGroup:
        """Requires and demands a group (docs/groups.md), and all that it has, by its name, also
        before it is there; waits until it is offered, `timeout` seconds at most. What it had at
        its offer comes, though it is withdrawn meanwhile, as read-only views. `wait` and `ready`
        are those of `demand`. Errors: as of `demand`; `object-mismatch` of what is no group.

            with pool.demand_group("step/24", timeout=30) as step:
                for field in step:
                    print(field.name, numpy.asarray(field).mean())
        """
        until = _until(timeout)
        handle, declare = self._expect(name, "uint8", 0, None, None)

        def late(_: int, code: int, body: bytes) -> None:
            if code == _DELIVER:
                self._refuse(_decode(_MESSAGES[code], body))

        try:
            answers = self._session.run(
                [*declare, _message("DEMAND", handle=handle, deadline=_ms(timeout), mode=0,
                                    policy=int(wait), want=5 if ready else 1)], timeout, late)
            _result(answers[0], "OK")
            found = _result(answers[-1], "DELIVER")
        except BaseException:
            self._abandon(handle)
            raise
        return self._had(name, handle, found, until)

    def _had(self, name: str, handle: int, found: Dict[str, Any], until: float) -> DeliveredGroup:
        """What the group has that was delivered by a handle, which ends."""
        try:
            if found["space"].shape != (0,):
                raise AttaccaError("object-mismatch", f"Cannot demand \"{name}\" as a group: it "
                                   "has elements", {"name": name})
            said = found["attributes"].get(_MEMBERS_KEY, [])
            names = said if isinstance(said, list) else [said]
            members = self._demand_all([(each, None) for each in names], until, False, None, handle)
        finally:
            self._abandon(handle, found)
        return DeliveredGroup(name, found, members)

    def wait(self, name: str, timeout: Optional[float] = None, *,
             ready: bool = False) -> Dict[str, Any]:
        """Waits for a signal, or any object, and returns its attributes; with `ready` until all
        that it depends on is offered, too."""
        with self.demand(name, timeout, ready=ready) as found:
            return found.attributes

    def _take(self, name: str, found: Dict[str, Any], own: bool, until: float,
              region: Any) -> Tuple[memoryview, bool]:
        """The bytes that DELIVER tells of, and whether they are a view of a slice. Of a region, or
        of parts, they are put together, and the space becomes theirs."""
        if found["source"] != 4 and region is None:
            return self._bytes(name, found, own, until)
        space: Space = found["space"]
        if found["source"] != 4:
            raw, encoding = self._bytes(name, found, False, until)[0], _encoding_in(found)
            if encoding is not None:
                raw, space = _decoded(raw, encoding, name)
                found["decoded"] = True
            found["whole"] = space
            raw, found["space"] = _cut(region, space, raw, own)
            return raw, False
        shape = tuple(size or 0 for size in space.shape or ())
        whole: Dict[str, Any] = {"dimensions": len(shape), "points": [],
                                 "boxes": [[[[0, 1, size]] for size in shape]]}
        parts = self._session.parts(found["request"])
        if len(parts) != found["parts"]:
            raise AttaccaError("bad-message", "Cannot take the delivery: parts were not told")
        sources = [(part["region"], self._bytes(name, part, False, until)[0]) for part in parts]
        wanted, counts = (whole, shape) if region is None else _select(region, shape)
        data = memoryview(_gather(wanted, space, sources))
        found["whole"], found["space"] = space, space._replace(shape=counts)
        return data if own else data.toreadonly(), False

    def _bytes(self, name: str, found: Mapping[str, Any], own: bool,
               until: float) -> Tuple[memoryview, bool]:
        if found["source"] < 2:
            payload = found.get("payload", b"")
            return memoryview(bytearray(payload) if own else payload), False
        where = found["slab"], found["offset"], found["size"]
        view = self._map(*where, False)
        if view is None:
            try:
                raw = memoryview(self._link.read(*where, until))
            except AttaccaError as error:
                if not self._is_lost(error):
                    raise
                raise AttaccaError(
                    "object-lost", f"Cannot demand \"{name}\": it was lost before it was read, as "
                    "the pool was started again without its memory", {"name": name}) from error
            return raw if own else raw.toreadonly(), False
        if not own:
            return view, True
        raw = memoryview(bytearray(len(view)))
        _copy(raw, view)
        return raw, False

    def _hand(self, name: str, handle: int, found: Mapping[str, Any], raw: memoryview,
              lent: bool) -> Delivered:
        """What is not a view owes the pool nothing any more."""
        if not lent:
            self._dispose(handle)
            self._refuse(found)
        encoding = _encoding_in(found)
        if encoding is not None and found["space"].dtype == "uint8":
            try:
                raw, space = _decoded(raw, encoding, name)
            finally:
                if lent:
                    self._dispose(handle)
            return Delivered(self, name, raw, {**found, "space": space}, None)
        return Delivered(self, name, raw, found, handle if lent else None)
