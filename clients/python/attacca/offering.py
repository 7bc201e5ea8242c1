"""Offers, of whole objects, of parts, and of rows."""

from __future__ import annotations

import time
from typing import Any, Dict, List, Mapping, Optional, Tuple

from .limits import _STORES_MAX
from .errors import AttaccaError
from .space import Space
from .layouts import _FAIL, _message, _OK, _result, _VALUE
from .timing import _ms, _until
from .buffers import _describe, _is_flat, _rows_text
from .regions import _select
from .handles import Offer, Promise
from .group import _contained, Group
from .demanding import _Demanding


def _lost(name: str) -> AttaccaError:
    return AttaccaError("object-lost", f"Cannot offer \"{name}\": the memory that its bytes were "
                        "in is gone, as the pool was started again without it", {"name": name},
                        retryable=True)


class _Offering(_Demanding):
    """Gives objects, and regions of them."""

    def offer(self, name: str, data: Any = b"", *, dtype: Any = None, shape: Any = None,
              order: Optional[str] = None, attributes: Optional[Mapping[str, Any]] = None,
              container: Optional[str] = None, keep: bool = False, lifetime: float = 0.0,
              durability: str = "process", replace: bool = False,
              timeout: Optional[float] = None) -> Offer:
        """Offers a copy of `data`: any buffer, an array of numpy, what a demand delivered. Dtype,
        shape and order come from the buffer where they are not given. The offer stands
        until withdrawn or until this member leaves; with `keep` beyond that, `lifetime`
        seconds when given. `durability` is what is asked for: process, memory, fsync. With
        `replace` what the pool keeps of that name is withdrawn when this is let in, in one
        step; refused, it leaves that as it was. Waits when memory is full, `timeout`
        seconds at most: `memory-full`. In a `container` (its attribute `.container`) it
        gets what that gives its objects. Errors: `already-offered`, `bad-space` of what is
        no array, `size-mismatch`, `schema-mismatch`, `no-durable-level`, `bad-name`."""
        if container is not None:
            attributes = {**(attributes or {}), ".container": container}
        raw, space = _describe(data, dtype, shape, order)
        return self._offer(name, raw, space, attributes, keep, lifetime, durability, timeout,
                           replace=replace)

    def offer_part(self, name: str, region: Any, data: Any, *, shape: Any, dtype: Any = None,
                   order: Optional[str] = None, attributes: Optional[Mapping[str, Any]] = None,
                   container: Optional[str] = None, keep: bool = False, lifetime: float = 0.0,
                   durability: str = "process", timeout: Optional[float] = None) -> Offer:
        """Offers a copy of `data` as a region of an array of `shape`, of which other members, or
        this one, offer the rest: `region` is what numpy would write it to. Its elements lie in row
        major order, with `order="column"` in column major, as those of all parts; those of a region
        along one axis lie in either, and without `order` go by the parts that are there. All say
        the same dtype, shape and order (`object-mismatch`); no two parts have an element in common:
        `part-overlap`. The object is there when its parts have all elements."""
        if container is not None:
            attributes = {**(attributes or {}), ".container": container}
        whole = (shape,) if isinstance(shape, int) else tuple(shape)
        wanted, counts = _select(region, whole)
        raw, space = _describe(data, dtype, None, None)
        if order not in (None, space.order) and not _is_flat(space.shape):
            raise AttaccaError("bad-space", f"Cannot offer a part of \"{name}\": its elements lie "
                               f"in {space.order} order, not in {order} order")
        orders = [order or space.order]
        if order is None and _is_flat(counts) and not _is_flat(whole):
            orders = ["row", "column"]  # which of them, the parts say that are there
        mismatch: Optional[AttaccaError] = None
        for each in orders:
            space = space._replace(shape=whole, order=each)
            try:
                return self._offer(name, raw, space, attributes, keep, lifetime, durability,
                                   timeout, wanted)
            except AttaccaError as error:
                if error.code != "object-mismatch":
                    raise
                mismatch = mismatch or error
        assert mismatch is not None
        raise mismatch

    def append(self, name: str, rows: Any, *, dtype: Any = None,
               attributes: Optional[Mapping[str, Any]] = None, keep: bool = False,
               lifetime: float = 0.0, durability: str = "process",
               timeout: Optional[float] = None) -> int:
        """Appends a copy of `rows`, an array, to the object `name`, behind all that are there,
        whoever appended them; returns which row of it is the first. Of the shape of `rows` all but
        the first dimension are those of the object; that is open until somebody says `finish`.
        Other rows than before are `object-mismatch`; after `finish` it is `wrong-state`."""
        raw, space = _describe(rows, dtype, None, "C")
        if not space.shape:
            raise AttaccaError("bad-space", f"Cannot append to \"{name}\": that is no array")
        placed: List[int] = []
        space = space._replace(shape=(None, *space.shape[1:]))
        if name in self._growing and space != self._growing[name][1]:
            known = self._growing[name][1]
            raise AttaccaError(
                "object-mismatch",
                f"Cannot append to \"{name}\": its rows are {_rows_text(known)}, these are "
                f"{_rows_text(space)}", {"name": name})
        self._offer(name, raw, space, attributes, keep, lifetime, durability, timeout, None, placed)
        return placed[0]

    def finish(self, name: str) -> None:
        """No more rows come, of anybody: the object, to which this member has appended, has as many
        as there are, and who demands all of it has them. `wrong-state`: nothing was appended."""
        if name not in self._growing:
            raise AttaccaError("wrong-state", f"Cannot finish \"{name}\": nothing was appended")
        handle = self._growing[name][0]
        self._ask("FINISH", "OK", handle=handle)
        del self._growing[name]
        if handle not in self._offers.get(name, []):
            self._dispose(handle)

    def _offer(self, name: str, raw: memoryview, space: Space,
               attributes: Optional[Mapping[str, Any]], keep: bool, lifetime: float,
               durability: str, timeout: Optional[float], region: Optional[Dict[str, Any]] = None,
               placed: Optional[List[int]] = None, replace: bool = False) -> Offer:
        until = _until(timeout)
        handle = self._growing.get(name, (None,))[0] if placed is not None else None
        declare: List[bytes] = []
        is_new = handle is None
        if handle is None:
            handle = self._handle()
            declare = [self._declare(handle, name, space, attributes)]
        kind: Dict[str, Any] = {} if region is None else {"region": region}
        message = "APPEND" if placed is not None else "OFFER_PART" if kind else "OFFER"
        done = _OK if placed is None else _VALUE
        slot: Optional[Tuple[int, int, int]] = None
        sent = False

        def late(index: int, code: int, _: bytes) -> None:  # of an OFFER, interrupted or not
            if index == len(declare) and code == done:
                if placed is not None:
                    self._growing[name] = (handle, space)
                if not keep and is_new:
                    self._offers.setdefault(name, []).append(handle)
            elif index == len(declare) and code == _FAIL and slot is not None:
                self._leases.give(*slot)

        try:
            for attempt in range(1, _STORES_MAX + 1):
                try:
                    fields: Dict[str, Any] = {"source": 1 if len(raw) else 0, "payload": raw}
                    if region is not None or placed is not None:
                        fields["source"] = 1
                    if len(raw) > self._inline_max:
                        slot = self._leases.take(len(raw))
                        if slot is None:
                            slot = self._lease(len(raw), handle, declare, until)
                            declare = []
                        self._write(slot[0], slot[1], raw, until)
                        fields = {"source": 2, "slab": slot[0], "offset": slot[1],
                                  "size": len(raw)}
                    offer = _message(message, handle=handle, replaced=0,
                                     scope=int(keep) | int(replace) << 1,
                                     durability=("process", "memory", "fsync").index(durability),
                                     lifetime=_ms(lifetime) if lifetime else 0, **kind, **fields)
                    sent = True
                    answers = self._session.run(declare + [offer], until - time.monotonic(), late)
                    late(len(declare), *(answers[-1] or (0, b"")))
                    for answer in answers[:-1]:
                        _result(answer, "OK")
                    told = _result(answers[-1], "OK" if placed is None else "VALUE")
                    if placed is not None:
                        placed.append(told["value"])
                    break
                except AttaccaError as error:
                    if slot is None or not self._is_lost(error):
                        raise
                    if attempt == _STORES_MAX:
                        raise _lost(name) from error
                    self._leases.forget(slot[0])  # the bytes are here: they are stored anew
                    declare = [] if sent else declare
                    slot, sent = None, False
        except BaseException:
            if slot is not None and not sent:  # a WRITE may be under way: no slice for us again
                self._return(slot)
            if is_new:
                self._dispose(handle)
            raise
        if keep and placed is None:
            self._dispose(handle)
        return Offer(self, name, space)

    def withdraw(self, name: str, timeout: Optional[float] = None) -> None:
        """Ends this member's offer of `name`, or else a kept offer by whomever. Who has required it
        is still served: waits for that, `timeout` seconds at most (`deadline-passed`). Its memory
        is free then; a version of the same name may begin."""
        handles = self._offers.get(name)
        if handles is None:
            self._ask("UNKEEP", "OK", timeout, name=name, member=1, deadline=_ms(timeout))
            return
        for handle in [*handles]:
            self._ask("WITHDRAW", "OK", timeout, handle=handle, deadline=_ms(timeout))
            if self._growing.get(name, (None,))[0] == handle:
                del self._growing[name]
            if handle in handles:
                handles.remove(handle)
                self._dispose(handle)
        if not handles:
            self._offers.pop(name, None)

    def group(self, name: str, attributes: Optional[Mapping[str, Any]] = None, *,
              container: Optional[str] = None) -> Group:
        """Objects that are offered in one step (docs/groups.md): put them into what this returns,
        and offer it. The group is an object of its own, of length 0, with `attributes`."""
        return Group(self, name, _contained(attributes, container))

    def signal(self, name: str, attributes: Optional[Mapping[str, Any]] = None,
               keep: bool = False, *, container: Optional[str] = None) -> Offer:
        """Offers an object of length 0."""
        return self.offer(name, attributes=attributes, container=container, keep=keep)

    def promise(self, pattern: str = "", glob: Optional[bool] = None, *,
                select: Optional[str] = None) -> Promise:
        """Says that this member will offer `pattern`, a name, or a glob if it looks like one. Who
        waits for what only closed promises could meet hears `nobody-will-offer`. `select` promises
        what a selector selects instead: streams that ask for it end when it is closed. Close it
        when all is offered; its block does."""
        if (pattern == "") == (select is None):
            raise TypeError("Cannot promise: say a pattern or `select`, one of them")
        number = next(self._numbers)
        pattern = pattern if select is None else select
        is_glob = any(mark in pattern for mark in "*?[\\") if glob is None else glob
        kind = int(is_glob) if select is None else 2
        self._ask("PROMISE", "OK", promise=number, member=1, promiseKind=kind, pattern=pattern)
        self._promises[number] = pattern
        return Promise(self, pattern, number)
