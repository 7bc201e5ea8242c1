"""Locks, mapped buffers and transfers of regions: docs/open-objects.md."""

from __future__ import annotations

import concurrent.futures
import math
import time
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Sequence

from .errors import AttaccaError
from .space import Space
from .timing import _left, _until

if TYPE_CHECKING:
    from .open_object import OpenObject

_Moving = concurrent.futures.Future[Optional[AttaccaError]]  # what it has failed with


class RegionLock:
    """A region of an open object that this member holds; made by `OpenObject.lock`, given back by
    `release`, or at the end of a `with` block."""

    def __init__(self, field: "OpenObject", mode: str, region: Any, wanted: Mapping[str, Any],
                 number: int) -> None:
        self.mode, self.region, self._field, self._number = mode, region, field, number
        self._wanted, self._held = wanted, True

    def release(self, timeout: Optional[float] = None) -> None:
        """Writes what buffers are mapped to of the region, if it is locked for writing, and gives
        it back: others get it, and see what was written under it, as the consistency says.
        Transfers that were started come first. Idempotent."""
        if not self._held or self._field._ended:
            return
        self._held, until = False, _until(timeout)
        self._field._writing.pop(self._number, None)
        try:
            self._field._settle(until)
            if self.mode == "write":
                self._field._publish(self._wanted, until)
        finally:
            self._field._ask("UNLOCK", _left(until), lock=self._number)

    def __enter__(self) -> "RegionLock":
        return self

    def __exit__(self, *_: Any) -> None:
        self.release()


class MappedRegion:
    """Memory of the program that stands for a region of an open object; made by `OpenObject.map`,
    ended by `unmap`, or at the end of a `with` block: nothing is written by that."""

    def __init__(self, field: "OpenObject", wanted: Mapping[str, Any], raw: memoryview,
                 space: Space, lossy: bool) -> None:
        self._field, self._wanted, self._raw = field, wanted, raw
        self._space, self._lossy = space, lossy
        field._mapped.append(self)

    def unmap(self) -> None:
        """The buffer stands for nothing any more. Idempotent."""
        if self in self._field._mapped:
            self._field._mapped.remove(self)

    def __enter__(self) -> "MappedRegion":
        return self

    def __exit__(self, *_: Any) -> None:
        self.unmap()


class RegionTransfer:
    """A transfer of a region between an open object and a buffer; made by `OpenObject.transfer`.
    It is started, looked at by `status`, waited for, and closed. From start to the end of `wait`
    the buffer belongs to it, while the program computes on.

        rows = [field.transfer("write", row, data[row]) for row in mine]
        attacca.RegionTransfer.start_all(rows)
        compute()
        attacca.RegionTransfer.wait_all(rows, timeout=30)
    """

    def __init__(self, field: "OpenObject", mode: str, wanted: Dict[str, Any], raw: memoryview,
                 space: Space, lossy: bool) -> None:
        self.mode, self._field, self._wanted, self._raw = mode, field, wanted, raw
        self._how = mode, space, lossy
        self._moving: Optional[_Moving] = None
        self._closed = False

    @property
    def status(self) -> str:
        """"created", "started", "done", "failed" (`wait` says why), or "closed"."""
        moving = self._moving
        if self._closed:
            return "closed"
        if moving is None:
            return "created"
        if not moving.done():
            return "started"
        return "done" if moving.result() is None else "failed"

    def start(self) -> None:
        """Begins it; legal once: `wrong-state`."""
        self.start_all([self])

    def wait(self, timeout: Optional[float] = None) -> None:
        """Until it is done: the buffer is the caller's again. Raises what it has failed with, and
        `deadline-passed` while it goes on."""
        self.wait_all([self], timeout)

    def close(self, timeout: Optional[float] = None) -> None:
        """Ends its use; one that was started goes on to its end, and is waited for. Idempotent."""
        if self._moving is not None and not self._closed:
            _ended([self._moving], _until(timeout))
        self._closed = True

    @staticmethod
    def start_all(transfers: "Sequence[RegionTransfer]") -> None:
        """Starts many: those of one object, in one direction and of one dtype, go together."""
        for each in transfers:
            if each.status != "created":
                raise AttaccaError("wrong-state", f"Cannot start the transfer of "
                                   f"\"{each._field.name}\": it is {each.status}",
                                   {"name": each._field.name})
        groups: Dict[Any, List[RegionTransfer]] = {}
        for each in transfers:
            groups.setdefault((id(each._field), *each._how), []).append(each)
        for some in groups.values():
            moving = some[0]._field._begin(some)
            for each in some:
                each._moving = moving

    @staticmethod
    def wait_all(transfers: "Sequence[RegionTransfer]", timeout: Optional[float] = None) -> None:
        """Waits for all of them; raises what the first has failed with, when all are over."""
        until = _until(timeout)
        for each in transfers:
            if each._moving is None or each._closed:
                raise AttaccaError("wrong-state", f"Cannot wait for the transfer of "
                                   f"\"{each._field.name}\": it is {each.status}",
                                   {"name": each._field.name})
        _ended([each._moving for each in transfers if each._moving is not None], until)
        for each in transfers:
            failed = each._moving and each._moving.result()
            if failed:
                raise failed.again()

    def __enter__(self) -> "RegionTransfer":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


def _ended(moving: Sequence[_Moving], until: float) -> None:
    """Waits until all are over, however."""
    left = until - time.monotonic()
    rest = concurrent.futures.wait(moving, None if left == math.inf else left).not_done
    if rest:
        raise AttaccaError("deadline-passed", f"Cannot wait longer: {len(rest)} transfers go on")


def _common(one: Sequence[int], other: Sequence[int]) -> Sequence[int]:
    """The indices that two ascending lists of them have in common."""
    if isinstance(one, range) and isinstance(other, range) and one.step == other.step == 1:
        return range(max(one.start, other.start), max(one.start, other.start,
                                                      min(one.stop, other.stop)))
    there = set(other)
    return [index for index in one if index in there]
