"""What a process knows of a cube."""

from __future__ import annotations

import itertools
import math
import re
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Sequence, Tuple

from .limits import _AXES_MAX, _PLACES_MAX
from .errors import AttaccaError
from .values import _order
from .told import _quoted
from .cube_labels import _label_text, _named, _pick, _pick_places, _Picked
from .cube_objects import _Member, _Places, _shared

if TYPE_CHECKING:
    from .querying import _Querying


class _CubeState:
    """Its definition, its labels, its objects as they were seen last, and what is picked of it."""

    def __init__(self, pool: "_Querying", name: str, definition: Mapping[str, Any]) -> None:
        told = (definition.get("tags") or {}).get("cube")
        if not isinstance(told, Mapping) or not isinstance(definition.get("selector"), str):
            raise AttaccaError("bad-argument", f"Cannot use the cube \"{name}\": the collection of "
                               "that name is no cube", {"name": name})
        self.name, self.selector, self._pool = name, definition["selector"], pool
        axes = told.get("axes")
        if not isinstance(axes, list) or not 1 <= len(axes) <= _AXES_MAX or any(
                not isinstance(axis, str) or axes.count(axis) > 1 for axis in axes):
            raise self._bad(f"it has 1 to {_AXES_MAX} axes, each once")
        keys = re.findall(r"\{\{|\}\}|\{([^{}:]+)[^{}]*\}", told.get("names") or "")
        if told.get("names") is not None and sorted(filter(None, keys)) != sorted(axes):
            raise self._bad("its names do not say each axis once, and nothing else")
        for what, known in (("misfits", ("fail", "skip")), ("duplicates", ("fail", "newest"))):
            if told.get(what, "fail") not in known:
                raise self._bad(f"{what} are \"{known[0]}\" or \"{known[1]}\"")
        self.axes: Tuple[str, ...] = tuple(axes)
        self._told, self._picks = told, []  # type: Mapping[str, Any], List[Tuple[bool, str, Any]]
        self._coords_of: Dict[str, Optional[Tuple[Any, List[Any]]]] = {}  # of objects, by name
        self._said_along: Dict[str, Dict[str, Any]] = {}  # attributes of coordinates, by dimension
        self._said_by: Dict[str, Dict[str, Any]] = {}  # of objects that have some, by name
        self._selects = f".collection = {_quoted(name)}"
        self._waits = True  # for coordinates that are objects
        self._elsewhere: Dict[str, Optional[List[Any]]] = {}  # coordinates of other files, by name
        self._rows: Dict[str, Dict[str, Any]] = {}  # of all that is selected, as it was seen last
        self._last = 0  # when the last of them was offered
        self._members: Dict[Tuple[Any, ...], _Member] = {}
        self._labels: List[List[Any]] = [[] for _ in self.axes]
        self._model: Optional[_Member] = None
        self._inner: List[Tuple[str, int, Optional[List[Any]]]] = []
        self.misfits: List[Tuple[str, str]] = []  # names, and why: left out, as it was told

    def _bad(self, why: str, code: str = "bad-argument") -> AttaccaError:
        return AttaccaError(code, f"Cannot use the cube \"{self.name}\": {why}",
                            {"name": self.name})

    @property
    def dims(self) -> Tuple[str, ...]:
        """Names of its dimensions: the axes, then those of its objects, once one has come."""
        return self.axes + tuple(name for name, _, _ in self._inner)

    @property
    def coords(self) -> Dict[str, List[Any]]:
        """Labels and coordinates by dimension; one for which none are told is not in it."""
        told = self.axes + tuple(name for name, _, known in self._inner if known is not None)
        return {each: [label for label, _ in self._picked(each)] for each in told}

    def _common(self, members: Sequence[_Member]) -> Dict[str, Any]:
        return _shared([each.attributes for each in members], (*self.axes, "dims", "coords"))

    def _picked(self, dimension: str) -> _Picked:
        if dimension in self.axes:
            labels: Sequence[Any] = self._labels[self.axes.index(dimension)]
        else:
            known = [each for each in self._inner if each[0] == dimension]
            if not known:
                raise self._bad(f"it has no dimension \"{dimension}\", but {', '.join(self.dims)}")
            [(_, size, coords)] = known
            labels = range(size) if coords is None else coords
        picked = [(label, at) for at, label in enumerate(labels)]
        for by_place, of, pick in self._picks:
            if of == dimension:
                picked = (_pick_places if by_place else _pick)(dimension, picked, pick)
        return picked

    def _places(self) -> _Places:
        axes = [[label for label, _ in self._picked(axis)] for axis in self.axes]
        if math.prod(map(len, axes)) > _PLACES_MAX:
            raise self._bad(f"more than {_PLACES_MAX} places are picked", "too-large")
        return [(labels, self._members.get(tuple(map(_order, labels))))
                for labels in itertools.product(*axes)]

    def _misfit(self, name: str, why: str) -> AttaccaError:
        return AttaccaError("cube-misfit", f"Cannot use the cube \"{self.name}\": \"{name}\" has "
                            f"no place in it: {why}", {"name": name})

    def _name_at(self, labels: Sequence[Any]) -> Optional[str]:
        template = self._told.get("names")
        return None if template is None else _named(template, dict(zip(self.axes, labels)))

    def _text(self, labels: Sequence[Any]) -> str:
        return " ".join(f"{axis}={_label_text(label)}" for axis, label in zip(self.axes, labels))
