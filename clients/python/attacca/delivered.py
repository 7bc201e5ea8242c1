"""What a demand hands over."""

from __future__ import annotations

import importlib
import itertools
import operator
import warnings
from typing import (
    TYPE_CHECKING, Any, Callable, Dict, Iterator, Mapping, Optional, Sequence, Tuple)

from .errors import AttaccaError
from .space import Space
from .buffers import _typed
from .chains import _planned, _transformed
from .shaping import _but_packing, _put_into, _Shaping

if TYPE_CHECKING:
    from .pool_core import _PoolCore


_MEMBERS_KEY = ".depends-on"  # the attribute by which a group says what is in it


class _Elements:
    """Elements in memory, as a view, and as an array of numpy."""

    def __init__(self, name: str, raw: memoryview, space: Space) -> None:
        self._gone, self.name, self.space = False, name, space
        self._raw, self._view = raw, _typed(raw, space)

    def _alive(self, view: memoryview) -> memoryview:
        if self._gone:
            raise AttaccaError("wrong-state", f"Cannot use \"{self.name}\": {self._why_gone}")
        return view

    _why_gone = "it is disposed"

    @property
    def view(self) -> memoryview:
        """The elements in dtype and shape, as far as memoryview knows them; `wrong-state` once it
        is disposed of."""
        return self._alive(self._view)

    @property
    def raw(self) -> memoryview:
        """The bytes, in one dimension; `wrong-state` once it is disposed of."""
        return self._alive(self._raw)

    @property
    def nbytes(self) -> int:
        """How many bytes it has."""
        return len(self._raw)

    @property
    def __array_interface__(self) -> Dict[str, Any]:
        if self.space.dtype is not None and self.space.dtype.startswith("{"):
            raise AttributeError("gaps between fields have no place in it: see __array__")
        shape, strides = tuple(n or 0 for n in self.space.shape or ()), None
        if self.space.order == "column":
            strides = tuple(itertools.accumulate(
                (self.space.itemsize,) + shape, operator.mul))[:len(shape)]
        return {"version": 3, "shape": shape, "typestr": self.space.typestr, "strides": strides,
                "data": self.raw}

    def __array__(self, dtype: Any = None, copy: Optional[bool] = None) -> Any:
        """Structs as an array of numpy, with their fields, over the same memory."""
        numpy = importlib.import_module("numpy")
        array = numpy.ndarray(tuple(n or 0 for n in self.space.shape or ()), self.space.numpy_dtype,
                              self.raw, order="F" if self.space.order == "column" else "C")
        if dtype is None or numpy.dtype(dtype) == array.dtype:
            return array.copy() if copy else array
        if copy is False:
            raise ValueError("another dtype needs a copy")
        return array.astype(dtype)

    def __bytes__(self) -> bytes:
        return bytes(self.raw)


class Delivered(_Elements):
    """What a demand hands over. `view` is a memoryview in the object's dtype and shape where
    memoryview knows them (not complex, not foreign byte order; column major stays flat), `raw` the
    bytes, `space` what they are, `whole` the space of the object, `attributes` and `version` what
    the producer said. `numpy.asarray(delivered)` makes an array without copying. The bytes do not
    change until `dispose()`; after it they may, and views kept beyond are at their holder's risk.
    With `own=True` the memory is the caller's."""

    def __init__(self, pool: "_PoolCore", name: str, raw: memoryview, found: Mapping[str, Any],
                 handle: Optional[int]) -> None:
        super().__init__(name, raw, found["space"])
        self._pool, self._handle = pool, handle
        self._done: Optional[Callable[[], None]] = None  # hears once that it is disposed of
        self.whole: Space = found.get("whole", self.space)
        self.attributes: Dict[str, Any] = found["attributes"]
        self.version: int = found["version"]

    def dispose(self) -> None:
        """Ends the lease on the bytes. Idempotent."""
        handle, self._handle, self._gone = self._handle, None, True
        done, self._done = self._done, None
        if handle is not None:
            self._pool._dispose(handle)
        if done is not None:
            done()

    def __enter__(self) -> "Delivered":
        return self

    def __exit__(self, *_: Any) -> None:
        self.dispose()

    def __del__(self) -> None:
        if getattr(self, "_handle", None) is not None and not self._pool._left:
            # Not disposed of here: a view may still be in use. The lease lasts until leave.
            warnings.warn(f"{self.name!r} was demanded and never disposed", ResourceWarning)


class DeliveredGroup:
    """A group as it was demanded: what is in it, in the order in which it was put there. Iterate
    over it, or take one by its name; the end of its block disposes of all. `attributes` and
    `version` are those of the group."""

    def __init__(self, name: str, found: Mapping[str, Any], members: Sequence[Delivered]) -> None:
        self.name = name
        self.attributes: Dict[str, Any] = found["attributes"]
        self.version: int = found["version"]
        self._members = {one.name: one for one in members}

    @property
    def names(self) -> Tuple[str, ...]:
        """The names of what is in it."""
        return tuple(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __iter__(self) -> Iterator[Delivered]:
        return iter(self._members.values())

    def __contains__(self, name: object) -> bool:
        return name in self._members

    def __getitem__(self, name: str) -> Delivered:
        """`unknown-object` when it is not in the group."""
        if name not in self._members:
            raise AttaccaError("unknown-object", f"Cannot read \"{name}\": it is not in the group "
                               f"\"{self.name}\"", {"name": name})
        return self._members[name]

    def dispose(self) -> None:
        """Ends the leases on the bytes of all that is in it. Idempotent."""
        for one in self:
            one.dispose()

    def __enter__(self) -> "DeliveredGroup":
        return self

    def __exit__(self, *_: Any) -> None:
        self.dispose()


def _shaped(one: "Delivered", how: _Shaping, own: bool) -> "Delivered":
    """What was delivered, as it should come; what it was is disposed of."""
    try:
        chain = how.chain(one.space, one.attributes)
        steps, space = _planned(chain, one.space)
        data = _transformed(one.raw, steps)
        told = {"space": space, "attributes": _but_packing(one.attributes, how),
                "version": one.version, "whole": one.whole}
        if how.into is not None:
            data = _put_into(one.name, data, space, how.into)
        elif data is one.raw:
            handle, one._handle = one._handle, None
            return Delivered(one._pool, one.name, data, told, handle)
        elif not own:
            data = data.toreadonly()
        return Delivered(one._pool, one.name, data, told, None)
    finally:
        one.dispose()
