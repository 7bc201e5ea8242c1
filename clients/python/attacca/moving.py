"""Regions of an open object on their way to the pool, and from it."""

from __future__ import annotations

import concurrent.futures
import itertools
import math
import sys
import time
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Sequence, Tuple

from .limits import _CONSISTENCIES, _GATHER_MAX, _REGIONS_MAX
from .errors import AttaccaError
from .space import Space
from .layouts import _FAIL, _message, _result
from .memory import _copy
from .buffers import _describe, _dtype, _is_flat
from .regions import _count, _pieces, _select
from .chains import _planned, _transformed
from .shaping import _target
from .transfers import _Moving, MappedRegion

if TYPE_CHECKING:
    from .offering import _Offering


class _RegionMover:
    """Moves regions of one open object; small ones together, in few large pieces."""

    def __init__(self, pool: "_Offering", name: str, handle: int, opened: Mapping[str, Any],
                 own: bool, keep: bool) -> None:
        self.name, self._pool, self._handle, self._own, self._keep = name, pool, handle, own, keep
        self.space: Space = opened["space"]
        self.attributes: Dict[str, Any] = opened["attributes"]
        self.version: int = opened["version"]
        self.consistency = _CONSISTENCIES[opened["consistency"]]
        self._locks = itertools.count()
        self._mapped: List[MappedRegion] = []
        # What is locked for writing: of it what is mapped is not published yet.
        self._writing: Dict[int, Mapping[str, Any]] = {}
        self._worker: Optional[concurrent.futures.ThreadPoolExecutor] = None
        self._moving: List[_Moving] = []
        self._ended = False

    def _put_many(self, given_pairs: Any, lossy: bool, until: float) -> None:
        """Of triples of a region, its bytes, and how they lie."""
        regions: List[Dict[str, Any]] = []
        parts: List[memoryview] = []
        size, last = 0, Space()
        for wanted, raw, given in given_pairs:
            for piece, part in _pieces(wanted, raw, given.itemsize, given.order):
                full = size + len(part) > _GATHER_MAX or len(regions) == _REGIONS_MAX
                if regions and (full or given != last):
                    self._send(regions, parts, last, lossy, until)
                    regions, parts, size = [], [], 0
                last = given
                regions.append(piece)
                parts.append(part)
                size += len(part)
        if regions:
            self._send(regions, parts, last, lossy, until)

    def _fetch_many(self, selected: Sequence[Dict[str, Any]], space: Space, lossy: bool,
                    until: float) -> List[memoryview]:
        found: List[memoryview] = []
        while len(found) < len(selected):
            first, size = len(found), 0
            sizes: List[int] = []
            for wanted in selected[first:first + _REGIONS_MAX]:
                sizes.append(_count(wanted) * space.itemsize)
                size += sizes[-1]
                if size > _GATHER_MAX and len(sizes) > 1:
                    size -= sizes.pop()
                    break
            raw = self._fetch([*selected[first:first + len(sizes)]], size, space, lossy, until)
            at = 0
            for length in sizes:
                found.append(raw[at:at + length])
                at += length
        return found

    def _must(self, action: str) -> None:
        if self._ended:
            raise AttaccaError("wrong-state", f"Cannot {action} \"{self.name}\": it is closed, or "
                               "sealed", {"name": self.name})

    def _shape(self) -> Tuple[int, ...]:
        return tuple(size or 0 for size in self.space.shape or ())

    def _as(self, dtype: Any, order: Optional[str]) -> Space:
        """How elements lie, where it is not as the object says."""
        name, byteorder = _dtype(dtype)
        same = name in (None, self.space.dtype)
        return Space(name or self.space.dtype, None, order or self.space.order,
                     byteorder or (self.space.byteorder if same else sys.byteorder))

    def _given(self, region: Any, data: Any, dtype: Any, order: Optional[str],
               fills: bool = False) -> Tuple[Dict[str, Any], memoryview, Space]:
        """The region, its bytes, and how they lie; with `fills` they are to be written to."""
        self._must("use")
        if fills:
            _target(data)
        wanted, counts = _select(region, self._shape())
        if isinstance(data, (bytes, bytearray)):
            raw, space = memoryview(data), self._as(dtype, order)
        else:
            raw, own = _describe(data, dtype, None, order)
            lies = order or (self.space.order if _is_flat(own.shape) else own.order)
            space = Space(own.dtype, None, lies, own.byteorder)
            if len(own.shape or ()) > 1 and [*filter((1).__ne__, own.shape or ())] != [
                    *filter((1).__ne__, counts)]:
                raise AttaccaError("size-mismatch", f"Cannot write to \"{self.name}\": the region "
                                   f"has shape {counts}, the array {own.shape}",
                                   {"name": self.name})
        size = _count(wanted) * space.itemsize
        if len(raw) != size:
            raise self._other_size(size, len(raw))
        return wanted, raw, space

    def _made(self, region: Any, data: Any, dtype: Any, order: Optional[str],
              transforms: Sequence[Any]) -> Tuple[Dict[str, Any], memoryview, Space]:
        """As `_given`, of what a chain makes of the data."""
        if not transforms:
            return self._given(region, data, dtype, order)
        self._must("write to")
        wanted, counts = _select(region, self._shape())
        raw, own = _describe(data, dtype, None, order)
        lies = order or (self.space.order if _is_flat(own.shape) else own.order)
        given = own._replace(shape=counts, order=lies)
        if math.prod(counts) * own.itemsize != len(raw):
            raise self._other_size(math.prod(counts) * own.itemsize, len(raw))
        steps, after = _planned(transforms, given)
        made = _transformed(raw, steps)
        if after.shape != counts:
            raise self._other_size(_count(wanted) * after.itemsize, len(made))
        return wanted, made, after._replace(shape=None)

    def _other_size(self, wanted: int, given: int) -> AttaccaError:
        return AttaccaError("size-mismatch", f"Cannot write to \"{self.name}\": the region holds "
                            f"{wanted} bytes, the array has {given}",
                            {"name": self.name, "spaceBytes": wanted, "payloadBytes": given})

    def _unlike(self, space: Space) -> Space:
        """What of it is not as the object has it."""
        return Space() if space == self.space._replace(shape=None) else space

    def _send(self, regions: List[Dict[str, Any]], parts: List[memoryview], space: Space,
              lossy: bool, until: float) -> None:
        pool, size = self._pool, sum(map(len, parts))
        fields = {"handle": self._handle, "as": self._unlike(space), "lossy": int(lossy),
                  "regions": regions}
        if size <= pool._inline_max:
            message = _message("WRITE_REGIONS", source=1, payload=b"".join(parts), **fields)
            _result(pool._session.run([message], until - time.monotonic())[0], "OK")
            return
        slot = self._slot(size, until)

        def late(_: int, code: int, __: bytes) -> None:  # what is refused is still leased
            if code == _FAIL:
                pool._leases.give(*slot)

        try:
            raw = parts[0] if len(parts) == 1 else memoryview(b"".join(parts))
            pool._write(slot[0], slot[1], raw, until)
            message = _message("WRITE_REGIONS", source=2, slab=slot[0], offset=slot[1], size=size,
                               **fields)
        except BaseException:  # a WRITE may be under way: no slice for us again
            pool._return(slot)
            raise
        answer = pool._session.run([message], until - time.monotonic(), late)[0] or (0, b"")
        late(0, *answer)
        _result(answer, "OK")

    def _fetch(self, regions: List[Dict[str, Any]], size: int, space: Space, lossy: bool,
               until: float) -> memoryview:
        self._must("read")
        pool = self._pool
        if size == 0:
            return memoryview(bytearray())
        target = memoryview(bytearray(size))
        pieces = [*_pieces(regions[0], target, space.itemsize, space.order)]
        if len(pieces) > 1:
            for piece, part in pieces:
                _copy(part, self._fetch([piece], len(part), space, lossy, until))
            return target
        slot = self._slot(size, until)

        def late(*_: Any) -> None:
            pool._leases.give(*slot)

        try:
            message = _message("READ_REGIONS", handle=self._handle, lossy=int(lossy), source=2,
                               regions=regions, slab=slot[0], offset=slot[1], size=size,
                               **{"as": self._unlike(space)})
        except BaseException:
            late()
            raise
        answer = pool._session.run([message], until - time.monotonic(), late)[0]
        try:
            _result(answer, "OK")
            view = pool._map(slot[0], slot[1], size, False)
            if view is None:
                return memoryview(pool._link.read(slot[0], slot[1], size, until))
            _copy(target, view)
            return target
        finally:
            late()

    def _slot(self, size: int, until: float) -> Tuple[int, int, int]:
        pool = self._pool
        return pool._leases.take(size) or pool._lease(size, self._handle, [], until)
