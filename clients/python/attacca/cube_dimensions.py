"""Dimensions that the objects of a cube have themselves, and their coordinates."""

from __future__ import annotations

import sys
from typing import Any, Dict, List, Optional, Sequence, Tuple

from .errors import AttaccaError
from .values import _identity
from .timing import _left, _until
from .shaping import _Shaping
from .delivered import _shaped
from .cube_objects import _Member, _short
from .cube_state import _CubeState


_Inner = Tuple[str, int, Optional[List[Any]]]  # a dimension: name, size, coordinates


def _source_of(member: _Member, dimension: str) -> Any:
    """Where it has its coordinates: in itself, in an object of that name, or nowhere: None."""
    own, of = member.attributes.get("coords"), member.attributes.get(".part-of")
    told = own.get(dimension) if isinstance(own, dict) else None
    if isinstance(told, (str, list)):
        return told
    return f"{of}/{dimension}" if isinstance(of, str) and "dims" in member.attributes else None


class _CubeDimensions(_CubeState):
    """As the cube tells them, else as the objects do."""

    def _dimensions(self, model: _Member,
                    timeout: Optional[float]) -> List[_Inner]:
        until = _until(timeout)
        shape = tuple(size or 0 for size in model.space.shape or ())
        said = self._told.get("dims") or model.attributes.get("dims") or [
            f"dim_{at}" for at in range(len(shape))]
        if not isinstance(said, list) or not all(isinstance(each, str) and each for each in said):
            raise self._bad(f"the dims of \"{model.name}\" are no list of names")
        names: List[str] = said
        both = {*names, *self.axes}
        if len(names) != len(shape) or len(both) != len(names) + len(self.axes):
            raise self._bad(f"the dimensions of \"{model.name}\" are {shape}, named {names}")
        own = model.attributes.get("coords") or {}
        if not isinstance(own, dict):  # a file has no maps: its own means something else
            if not isinstance(model.attributes.get(".part-of"), str):
                raise self._bad(f"the coords of \"{model.name}\" are no map")
            own = {}
        told = {**own, **(self._told.get("coords") or {})}
        found: List[_Inner] = []
        along: Dict[str, Dict[str, Any]] = {}
        asked: Dict[str, Optional[Tuple[Any, List[Any]]]] = {}
        same = self._model is not None and (self._model.name, self._model.time) == (
            model.name, model.time)
        for name, size in zip(names, shape):
            known = told.get(name)
            of = model.attributes.get(".part-of")
            by_name = known if isinstance(known, str) else None
            if by_name is not None:
                asked[by_name] = self._coords_in(by_name, _left(until))
            elif known is None and "dims" in model.attributes and isinstance(of, str):
                by_name = f"{of}/{name}"
                asked[by_name] = self._of_file(by_name, size, same, _left(until))
            if by_name is not None:
                coords = asked[by_name]
                known = None if coords is None else coords[1]
                if coords is not None:
                    along[name] = self._said_by.get(by_name, {})
            if known is not None and not isinstance(known, list):
                raise self._bad(f"along \"{name}\" there is no list of labels")
            if known is not None and len(known) != size:
                raise self._bad(f"\"{name}\" has {len(known)} coordinates, its size is {size}")
            found.append((name, size, known))
        self._coords_of, self._said_along = asked, along
        return found

    def _lies_elsewhere(self, member: _Member, model: _Member, inner: Sequence[_Inner],
                        until: float) -> Optional[str]:
        """How it has other coordinates than the model: it says others, or its file has. They are
        read once, until `refresh`; what is not there says nothing."""
        told = self._told.get("coords") or {}
        for name, size, coords in inner:
            source = _source_of(member, name)
            if coords is None or name in told or source == _source_of(model, name):
                continue
            if isinstance(source, str) and source not in self._elsewhere:
                found = self._of_file(source, size, False, _left(until))
                self._elsewhere[source] = None if found is None else found[1]
            own = self._elsewhere[source] if isinstance(source, str) else source
            if own is not None and _identity(own) != _identity(coords):
                return (f"along \"{name}\" it has {_short(own)}, \"{model.name}\" has "
                        f"{_short(coords)}")
        return None

    def _coords_in(self, name: str,
                   timeout: Optional[float]) -> Optional[Tuple[Any, List[Any]]]:
        """Of which version they are, and the coordinates that an object has. What has gone without
        another in its place stays known."""
        stat, known = self._stat(name), self._coords_of.get(name)
        if stat is None and not self._waits:
            return None
        return known if stat is None and known else self._read(name, stat, timeout)

    def _of_file(self, name: str, size: int, same: bool,
                 timeout: Optional[float]) -> Optional[Tuple[Any, List[Any]]]:
        """Alike, what an imported file has for a dimension; None when it has none. What has gone
        stays known while the objects are the `same`."""
        stat = self._stat(name)
        if stat is None or stat.get("shape") != [size] or not str(stat.get("dtype")).startswith(
                ("int", "uint", "float32", "float64")):
            return self._coords_of.get(name) if same else None
        return self._read(name, stat, timeout)

    def _stat(self, name: str) -> Optional[Dict[str, Any]]:
        """What is known of an object that is offered."""
        try:
            known: Dict[str, Any] = self._pool.stat(name)
        except AttaccaError as error:
            if error.code == "unknown-object":
                return None
            raise
        return known if known["state"] == "offered" else None

    def _read(self, name: str, stat: Optional[Dict[str, Any]],
              timeout: Optional[float]) -> Tuple[Any, List[Any]]:
        of, known = (stat and (stat["version"], stat["time"])), self._coords_of.get(name)
        if known is not None and known[0] == of:
            return known
        with self._pool.demand(name, timeout) as values:
            native = _shaped(values, _Shaping((), False, None, None, sys.byteorder), False)
            self._said_by[name] = {
                key: value for key, value in values.attributes.items()
                if not key.startswith(".") and key not in ("dims", "coords", "variable", "file")}
            with native:
                return of, native.view.tolist()
