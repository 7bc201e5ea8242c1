"""Leases of the pool's memory, and where it is mapped: sections 7.3, 9."""

from __future__ import annotations

import mmap
import os
import threading
from typing import Dict, Iterable, List, Mapping, Optional, Tuple

from .limits import _COPY_CHUNK
from .layouts import _message


def _up(size: int, to: int) -> int:
    return -(-size // to) * to


def _copy(target: memoryview, source: memoryview) -> None:
    for at in range(0, len(source), _COPY_CHUNK):
        target[at:at + _COPY_CHUNK] = source[at:at + _COPY_CHUNK]


class _Leases:
    """What is leased from the pool and not in use, as (slab, offset, size)."""

    def __init__(self, limits: Mapping[str, int]) -> None:
        self._lock = threading.Lock()
        self._free: List[Tuple[int, int, int]] = []
        self.small, self._page = limits.get("sliceAlignBytes", 64), limits.get("pageBytes", 4096)
        self._page_from = limits.get("pageAlignFromBytes", 1 << 20)

    def align(self, size: int) -> int:
        return self._page if size >= self._page_from else self.small

    def take(self, size: int, grant: Tuple[int, int, int] = (0, 0, 0)) -> Optional[
            Tuple[int, int, int]]:
        """A slice of `size`, or None when none is large enough. A new grant, when there is one,
        comes first. The last 64 bytes of a slice go with it as a whole."""
        with self._lock:
            if grant[2]:
                self._free.insert(0, grant)
            for index, (slab, offset, room) in enumerate(self._free):
                start, end = _up(offset, self.align(size)), offset + room
                if start + size <= end:
                    stop = min(end, _up(start + size, self.small))
                    self._free[index:index + 1] = [
                        (slab, a, b - a) for a, b in ((offset, start), (stop, end)) if b > a]
                    return slab, start, stop - start
        return None

    def give(self, slab: int, offset: int, size: int) -> None:
        with self._lock:
            self._free.append((slab, offset, size))

    def forget(self, slab: int) -> None:
        """The slab is gone, and what was leased of it."""
        with self._lock:
            self._free = [extent for extent in self._free if extent[0] != slab]

    def release(self, wanted: float) -> List[bytes]:
        """Takes extents out, until `wanted` bytes are, and says RETURN for each."""
        messages = []
        with self._lock:
            while self._free and wanted > 0:
                slab, offset, size = self._free.pop()
                wanted -= size
                messages.append(_message("RETURN", slab=slab, offset=offset, size=size))
        return messages


class _Slabs:
    """Mappings of the pool's slab files, made once each. They stay until the process ends or the
    pool lets a slab go, or another manager, perhaps, has made it anew under its number: views of
    them may be anywhere, and closing under a view is an error."""

    def __init__(self, directory: str) -> None:
        self._directory, self._lock = directory, threading.Lock()
        self._maps: Dict[Tuple[int, bool], mmap.mmap] = {}
        self._resumes = 0

    def view(self, slab: int, offset: int, size: int, write: bool, resumes: int) -> memoryview:
        with self._lock:
            if resumes != self._resumes:
                self._resumes = resumes
                self._close(list(self._maps))
            mapped = self._maps.get((slab, write))
            if mapped is None or offset + size > len(mapped):
                path = os.path.join(self._directory, f"slab-{slab}")
                file = os.open(path, (os.O_RDWR if write else os.O_RDONLY) | os.O_CLOEXEC)
                try:
                    mapped = mmap.mmap(file, 0, mmap.MAP_SHARED,
                                       mmap.PROT_READ | (mmap.PROT_WRITE if write else 0))
                finally:
                    os.close(file)
                if offset + size > len(mapped):
                    raise OSError(f"{path} has {len(mapped)} bytes, not {offset + size}")
                self._maps[slab, write] = mapped
        return memoryview(mapped)[offset:offset + size]

    def drop(self, slab: int) -> None:
        with self._lock:
            self._close([(slab, False), (slab, True)])

    def _close(self, keys: Iterable[Tuple[int, bool]]) -> None:
        for key in keys:
            mapped = self._maps.pop(key, None)
            try:
                if mapped is not None:
                    mapped.close()
            except BufferError:
                pass  # someone still holds a view; it goes with that
