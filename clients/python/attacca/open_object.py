"""Objects that members write to and read by regions: docs/open-objects.md."""

from __future__ import annotations

import concurrent.futures
import math
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from .errors import AttaccaError
from .space import Space
from .layouts import _message, _OK, _result
from .timing import _left, _ms, _until
from .memory import _copy
from .regions import _Axes, _axis, _boxes, _copy_box, _select
from .casting import _form_of, _is_convertible, _is_lossless
from .shaping import _Shaping
from .delivered import _shaped, Delivered
from .transfers import _common, _ended, _Moving, MappedRegion, RegionLock, RegionTransfer
from .moving import _RegionMover


class OpenObject(_RegionMover):
    """An object that members write to and read by regions, until it is sealed; made by
    `Pool.create` and `Pool.open`. `docs/open-objects.md` says when what is written is visible.

        with pool.open("field") as field:
            with field.lock("write", numpy.s_[2:4]):
                field.write(numpy.s_[2:4], rows)

    The end of the block closes it; one that an exception leaves drops what is not committed, of an
    object that another member has created."""

    def write(self, region: Any, data: Any, *, dtype: Any = None, order: Optional[str] = None,
              lossy: bool = False, transforms: Sequence[Mapping[str, Any]] = (),
              timeout: Optional[float] = None) -> None:
        """Writes `data`, any buffer, to a region, as numpy would index it. Returns when the pool
        has it: with "posix" when every member sees it. bytes and bytearrays lie as the object does,
        without `dtype`; elements of another dtype are converted, if no values are lost, or with
        `lossy`. `transforms`, a chain as of `Pool.demand`, are run here on the elements before;
        what comes of them has the shape of the region."""
        self.write_many([(region, data)], dtype=dtype, order=order, lossy=lossy,
                        transforms=transforms, timeout=timeout)

    def write_many(self, pairs: Any, *, dtype: Any = None, order: Optional[str] = None,
                   lossy: bool = False, transforms: Sequence[Mapping[str, Any]] = (),
                   timeout: Optional[float] = None) -> None:
        """Writes many regions, of pairs of a region and its data. Small ones go together, in few
        large pieces. Not all or nothing: an error says which was refused, not what was written."""
        self._put_many((self._made(region, data, dtype, order, transforms)
                        for region, data in pairs), lossy, _until(timeout))

    def read(self, region: Any = ..., *, dtype: Any = None, order: Optional[str] = None,
             lossy: bool = False, transforms: Sequence[Mapping[str, Any]] = (),
             timeout: Optional[float] = None) -> Delivered:
        """A copy of a region: what is visible to this member, and what it has written itself. No
        write of up to 64 MiB is seen in part in as much. `transforms`, a chain as of `Pool.demand`,
        are run here on what has come; `dtype` and `order` are then of what comes of them."""
        return self.read_many([region], dtype=dtype, order=order, lossy=lossy,
                              transforms=transforms, timeout=timeout)[0]

    def read_many(self, regions: Sequence[Any], *, dtype: Any = None, order: Optional[str] = None,
                  lossy: bool = False, transforms: Sequence[Mapping[str, Any]] = (),
                  timeout: Optional[float] = None) -> List[Delivered]:
        """Copies of many regions; small ones come together, in few large pieces."""
        how = _Shaping(transforms, False, order, dtype, None, lossy)
        if transforms:
            how.check()
            dtype = order = None
        until, space = _until(timeout), self._as(dtype, order)
        selected = [_select(region, self._shape()) for region in regions]
        raws = self._fetch_many([wanted for wanted, _ in selected], space, lossy, until)
        found = [Delivered(self._pool, self.name, raw, {
            "space": space._replace(shape=counts), "attributes": self.attributes,
            "version": self.version}, None) for raw, (_, counts) in zip(raws, selected)]
        return [_shaped(one, how, True) for one in found] if transforms else found

    def transfer(self, mode: str, region: Any, buffer: Any, *, dtype: Any = None,
                 order: Optional[str] = None, lossy: bool = False) -> RegionTransfer:
        """A transfer that is not started yet: "write" of a buffer to a region, or "read" of a
        region into a writable one. The buffer has exactly the elements of the region; what it is
        of itself, or `dtype` and `order`, say how they lie. Those that are started one after the
        other are done so; `write` and `read` of the caller's thread do not wait for them, while
        `commit`, `seal`, `close` and the release of a lock do."""
        if mode not in ("read", "write"):
            raise ValueError(f'a transfer is to "read" or to "write", not {mode!r}')
        wanted, raw, space = self._given(region, buffer, dtype, order, mode == "read")
        return RegionTransfer(self, mode, wanted, raw, space, lossy)

    def map(self, buffer: Any, region: Any = ..., *, dtype: Any = None,
            order: Optional[str] = None, lossy: bool = False) -> MappedRegion:
        """Lets a writable buffer stand for a region: a read lock fills what it locks of it before
        `lock` returns; the release of a write lock writes that, and with "commit" commits. What
        would lose values is `lossy-conversion`, unless `lossy`."""
        wanted, raw, space = self._given(region, buffer, dtype, order, True)
        one, other = _form_of(space.dtype), _form_of(self.space.dtype)
        if not _is_convertible(one, other):
            raise AttaccaError("bad-space", f"Cannot map \"{self.name}\" as {space.dtype}: it "
                               f"cannot become {self.space.dtype}", {"name": self.name})
        if not lossy and not _is_lossless(one, other):
            raise AttaccaError("lossy-conversion", f"Cannot map \"{self.name}\" as {space.dtype}: "
                               f"not all its values are values of {self.space.dtype}",
                               {"name": self.name, "from": space.dtype, "to": self.space.dtype})
        return MappedRegion(self, wanted, raw, space, lossy)

    def lock(self, mode: str, region: Any = ..., *, block: bool = True,
             timeout: Optional[float] = None) -> RegionLock:
        """Locks a region against other members: mode "write" against all of their locks, "read"
        against their write locks. Waits in its turn; with `block=False` it fails at once with
        `lock-conflict`, which says who holds the region, as `deadline-passed` does. A lock keeps
        nobody from writing who does not ask for one."""
        if mode not in ("read", "write"):
            raise ValueError(f'a lock is for "read" or "write", not {mode!r}')
        self._must("lock")
        number = next(self._locks)

        def late(_: int, code: int, __: bytes) -> None:  # granted when nobody waits any more
            if code == _OK:
                unlock = _message("UNLOCK", handle=self._handle, lock=number)
                self._pool._session.post([unlock])

        wanted = _select(region, self._shape())[0]
        message = _message("LOCK", handle=self._handle, lock=number, mode=int(mode == "write"),
                           block=int(block), deadline=_ms(timeout) if block else 0, region=wanted)
        until = _until(timeout)
        _result(self._pool._session.run([message], timeout, late)[0], "OK")
        lock = RegionLock(self, mode, region, wanted, number)
        if mode == "write":
            self._writing[number] = wanted
        if mode == "read" and self._mapped:
            try:
                self._refresh(wanted, until)
            except BaseException:
                lock.release()
                raise
        return lock

    def commit(self, timeout: Optional[float] = None) -> None:
        """Has all that this member has written visible to others when it returns."""
        self._must("commit")
        until = _until(timeout)
        self._settle(until)
        self._ask("COMMIT", _left(until), closes=0)

    def seal(self, timeout: Optional[float] = None) -> None:
        """Offers the object as it is: it does not change any more, and who has required it is
        served. What is mapped of locks for writing that are held is published first. Refused
        while others hold locks (`lock-conflict`) or have not committed (`wrong-state`)."""
        self._must("seal")
        until = _until(timeout)
        self._settle(until)
        self._publish_held(until)
        self._ask("SEAL", _left(until))
        self._end()

    def close(self, timeout: Optional[float] = None) -> None:
        """Publishes what is mapped of locks for writing, commits, and takes part no longer. What
        this member has created stays open for others until it withdraws it or leaves; with `keep`
        beyond that. Idempotent."""
        if self._ended:
            return
        until = _until(timeout)
        self._settle(until)
        self._publish_held(until)
        self._ask("COMMIT", _left(until), closes=1)
        if not self._own:
            self._over()
            self._pool._free_handles.append(self._handle)  # the pool has freed it with the commit
        else:
            self._end()

    def withdraw(self, timeout: Optional[float] = None) -> None:
        """Ends what this member has created, as `Pool.withdraw`: unsealed it is over."""
        self._pool.withdraw(self.name, timeout)
        self._over()

    def __enter__(self) -> "OpenObject":
        return self

    def __exit__(self, kind: Any, *_: Any) -> None:
        if kind is None:
            self.close()
        elif not self._ended and not self._own:
            self._end()

    def _end(self) -> None:
        """The handle goes, but for that of an object that this member's leaving ends."""
        self._over()
        if self._keep:
            handles = self._pool._offers.get(self.name, [])
            if self._handle in handles:
                handles.remove(self._handle)
            if not handles:
                self._pool._offers.pop(self.name, None)
        if not self._own or self._keep:
            self._pool._dispose(self._handle)

    def _over(self) -> None:
        self._ended, worker = True, self._worker
        self._mapped.clear()
        if worker is not None:
            worker.shutdown(wait=False)

    def _begin(self, transfers: Sequence[RegionTransfer]) -> _Moving:
        """Transfers in one direction, of elements that lie alike, behind those of before."""
        self._must(f"{transfers[0].mode} regions of")
        if self._worker is None:
            self._worker = concurrent.futures.ThreadPoolExecutor(1, "attacca-transfer")
        mode, space, lossy = transfers[0]._how

        moving = self._worker.submit(self._move, mode, space, lossy, [*transfers])
        self._moving = [each for each in self._moving if not each.done()] + [moving]
        return moving

    def _move(self, mode: str, space: Space, lossy: bool,
              transfers: List[RegionTransfer]) -> Optional[AttaccaError]:
        """On the thread of transfers. A failure is returned: raised it would keep all frames, and
        their views, in a ring."""
        until = _until(None)
        try:
            if mode == "write":
                self._put_many(((each._wanted, each._raw, space) for each in transfers), lossy,
                               until)
                return None
            raws = self._fetch_many([each._wanted for each in transfers], space, lossy, until)
            for each, raw in zip(transfers, raws):
                _copy(each._raw, raw)
            return None
        except AttaccaError as error:
            return error.again()
        except Exception as error:
            return AttaccaError("internal", f"Cannot {mode} regions of \"{self.name}\": {error!r}")

    def _settle(self, until: float) -> None:
        """Until all transfers that were started are over."""
        if self._moving:
            _ended(self._moving, until)
            self._moving = []

    def _mapped_in(self, wanted: Mapping[str, Any]) -> Iterator[
            Tuple[MappedRegion, Dict[str, Any], _Axes, _Axes]]:
        """What each mapped buffer has of a region: the region, its axes, those of the buffer."""
        shape = self._shape()
        for mapped in [*self._mapped]:
            for axes in _boxes(wanted, shape):
                for own in _boxes(mapped._wanted, shape):
                    both = [_common(one, other) for one, other in zip(own, axes)]
                    if all(both) or not both:
                        runs = [_axis([*axis], size) for axis, size in zip(both, shape)]
                        region = {"dimensions": len(shape), "boxes": [runs], "points": []}
                        yield mapped, region, both, own

    def _publish_held(self, until: float) -> None:
        for wanted in self._writing.values():
            self._publish(wanted, until)

    def _publish(self, wanted: Mapping[str, Any], until: float) -> None:
        """Writes what buffers are mapped to of a region."""
        given: List[Tuple[bool, Dict[str, Any], memoryview, Space]] = []
        for mapped, region, axes, own in self._mapped_in(wanted):
            space = mapped._space
            part = memoryview(bytearray(math.prod(map(len, axes)) * space.itemsize))
            _copy_box(part, axes, mapped._raw, own, space.itemsize, space.order)
            given.append((mapped._lossy, region, part, space))
        for lossy, region, part, space in given:
            self._put_many([(region, part, space)], lossy, until)
        if given and self.consistency == "commit":
            self._ask("COMMIT", _left(until), closes=0)

    def _refresh(self, wanted: Mapping[str, Any], until: float) -> None:
        """Fills what buffers are mapped to of a region."""
        for mapped, region, axes, own in self._mapped_in(wanted):
            space = mapped._space
            [raw] = self._fetch_many([region], space, mapped._lossy, until)
            _copy_box(mapped._raw, own, raw, axes, space.itemsize, space.order)

    def _ask(self, name: str, timeout: Optional[float], **fields: Any) -> None:
        self._pool._ask(name, "OK", timeout, handle=self._handle, **fields)
