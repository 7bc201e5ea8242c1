"""A member of a pool, and how one joins."""

from __future__ import annotations

import os
import re
from typing import Any, Callable, List, Mapping, Optional, Sequence, Tuple

from .limits import NEVER
from .errors import AttaccaError
from .layouts import _message
from .timing import _left, _ms, _until
from .told import _said
from .handles import Requirement
from .group import Group
from .open_object import OpenObject
from .cube_labels import _label
from .cube import Cube
from .standing import RequiredAll
from .call_trace import _Calls, _CallTrace, _Told
from .requiring import _Requiring


class Pool(_Requiring):
    """One member of a pool; made by `join`. As a context manager it leaves at the end of the
    block, or, when an exception comes through, ends at once as a member that crashed does."""

    def cube(self, name: str, selector: Optional[str] = None, axes: Sequence[str] = (), *,
             names: Optional[str] = None, labels: Optional[Mapping[str, Sequence[Any]]] = None,
             dims: Optional[Sequence[str]] = None, coords: Optional[Mapping[str, Any]] = None,
             misfits: Optional[str] = None, duplicates: Optional[str] = None,
             documentation: Optional[str] = None, replace: bool = False,
             timeout: Optional[float] = None) -> Cube:
        """Many objects as one labelled array (docs/cubes.md): those that a selector selects, along
        axes that are keys of their attributes. Kept in the pool as a collection, so that others
        open it by `pool.cube(name)`. `names` is a template by which holes can be waited for in the
        pool; `labels` are some that axes have in any case; `dims` and `coords` those of the
        objects' own dimensions (a list, or the name of an object that has them, which is waited
        for); `misfits="skip"` leaves out what has no place, `duplicates="newest"` takes the newer.
        One that is there with another selector, or other axes, is changed with `replace` alone.
        `timeout` bounds all of it."""
        until = _until(timeout)
        if selector is not None:
            if not selector.strip():
                raise AttaccaError("bad-argument", f"Cannot use the cube \"{name}\": its selector "
                                   "is empty; say \"true\" for all objects")
            told = _said(axes=[*axes], names=names, labels=labels and {
                axis: [_label(each) for each in some] for axis, some in labels.items()},
                dims=dims and [*dims], coords=coords and {
                    each: some if isinstance(some, str) else [_label(label) for label in some]
                    for each, some in coords.items()}, misfits=misfits, duplicates=duplicates)
            known = Cube(self, name, {"selector": selector, "tags": {"cube": told}})
            before = self._defined_as(name)
            if before is not None and not replace:
                self._must_be_cube(name, before, selector, known.axes)
            if before is None or (before.get("selector"), before.get("tags")) != (
                    selector, {"cube": told}):
                self._must_fit(name, selector, told, _left(until))
            self.define_collection(name, selector, tags={"cube": told},
                                   documentation=documentation)
        else:
            defined = self._defined_as(name)
            if defined is None:
                raise AttaccaError("unknown-definition", f"Cannot use the cube \"{name}\": nobody "
                                   "has defined it", {"name": name})
            known = Cube(self, name, defined)
        return known.refresh(_left(until))

    def _defined_as(self, name: str) -> Optional[Mapping[str, Any]]:
        try:
            [found] = self.collections(name)
        except AttaccaError as error:
            if error.code == "unknown-definition":
                return None
            raise
        return found.definition

    def _must_fit(self, name: str, selector: str, told: Mapping[str, Any],
                  timeout: Optional[float]) -> None:
        """What is refused for its objects leaves nothing behind; nobody is waited for."""
        cube = Cube(self, name, {"selector": selector, "tags": {"cube": told}})
        cube._selects, cube._waits = selector, False
        cube.refresh(timeout)

    def _must_be_cube(self, name: str, before: Mapping[str, Any], selector: str,
                      axes: Tuple[str, ...]) -> None:
        """Whoever has defined a name goes on with what it was."""
        told = (before.get("tags") or {}).get("cube")
        if not isinstance(told, Mapping):
            why = "there is a collection of that name"
        elif before.get("selector") != selector:
            why = f"it is there with the selector {before.get('selector')!r}"
        elif tuple(told.get("axes") or ()) != axes:
            why = f"it is there with the axes {', '.join(told.get('axes') or ())}"
        else:
            return
        raise AttaccaError("bad-argument", f"Cannot define the cube \"{name}\": {why}; "
                           "replace=True changes it", {"name": name})

    def leave(self, timeout: Optional[float] = None) -> List[str]:
        """Leaves in order: waits until nothing this member provides is needed, or the pool holds
        it, `timeout` seconds at most. Returns the names withdrawn by it. Idempotent. From a pool
        that was stopped everybody has left."""
        names: List[str] = []
        if not self._left:
            try:
                names = self._ask("LEAVE", "BYE", timeout, member=1, deadline=_ms(timeout))["names"]
            except AttaccaError:
                if not self._session.has_stopped():
                    raise
            self.close()
        return names

    def close(self) -> None:
        """Ends the session at once. A member that has not left has crashed. Idempotent."""
        if self._left:
            return
        self._left = True
        try:
            self._session.run(self._leases.release(NEVER) + [_message("END")], 5.0)
        except AttaccaError:
            pass  # the pool finds out by itself
        finally:
            self._link.close()
            self._session.stop()

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, kind: Any, *_: Any) -> None:
        try:
            if kind is None:
                self.leave()
        finally:
            self.close()


def _by(about: Callable[[Any, Any, Any], str]) -> _Told:
    """Of a pool, or of something of one."""
    def told(one: Any, first: Any, came: Any) -> Tuple[str, str]:
        pool: Pool = one if isinstance(one, Pool) else one._pool
        return pool.member, about(one, first, came)
    return told


_of_first = _by(lambda _, first, __: first if isinstance(first, str) else "")
_of_itself = _by(lambda one, _, __: str(one.name))
# What is told to who looks at the calls of a program.
_CALLS: Sequence[_Calls] = (
    (Pool, ("offer", "offer_part", "append", "finish", "signal", "withdraw", "promise", "require",
            "retract", "demand", "demand_group", "wait", "create", "open", "cube", "emit",
            "barrier"), _of_first),
    (Pool, ("subscribe", "demand_all", "leave"), _by(lambda *_: "")),
    (Requirement, ("demand", "demand_group", "retract"), _of_itself),
    (RequiredAll, ("next",), _by(lambda _, __, came: "" if came is None else str(came.name))),
    (Group, ("offer", "withdraw"), _of_itself),
    (OpenObject, ("write", "write_many", "read", "read_many", "lock", "commit", "seal", "close",
                  "withdraw"), _of_itself),
    (Cube, ("demand", "grow", "refresh"), _of_itself))
_trace = _CallTrace()


def join(name: str, address: Optional[str] = None, *, info: Optional[Mapping[str, Any]] = None,
         transport: Optional[str] = None, timeout: Optional[float] = None,
         connect_timeout: Optional[float] = None) -> Pool:
    """Joins the pool at `address` (else ATTACCA_POOL) as member `name`: `model`, `model[3]`, or
    `model[*]` for the lowest free index (`Pool.member` is the name granted). `transport` (else
    ATTACCA_TRANSPORT) may force "shared-memory" or "socket". A pool at which nobody listens is
    tried for `connect_timeout` seconds (else ATTACCA_CONNECT_MS milliseconds, else not at all).
    With ATTACCA_TRACE=FILE calls of this process are noted there, for `attacca tracer --calls`.
    Errors: `pool-unreachable`, `wrong-token`, `name-in-use`, `mapping-unavailable`, `bad-argument`
    of an address."""
    _trace.begin(os.environ.get("ATTACCA_TRACE", ""), _CALLS)
    address = address or os.environ.get("ATTACCA_POOL", "")
    if not address:
        raise AttaccaError("pool-unreachable", f"Cannot join as \"{name}\": no address is given "
                           "and ATTACCA_POOL is not set")
    transport = transport or os.environ.get("ATTACCA_TRANSPORT", "")
    if transport not in ("", "socket", "shared-memory"):
        raise AttaccaError("bad-argument", f"Cannot use \"{transport}\" as a transport")
    if connect_timeout is None:
        connect_timeout = _connect_s(os.environ.get("ATTACCA_CONNECT_MS", ""))
    return Pool(name, address, info or {}, transport, timeout, connect_timeout)


def _connect_s(text: str) -> float:
    if not re.fullmatch("[0-9]*", text):
        raise AttaccaError("bad-argument", f"Cannot use ATTACCA_CONNECT_MS \"{text}\": it is no "
                           "number of milliseconds")
    return int(text or 0) / 1000
