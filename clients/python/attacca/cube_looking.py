"""Looking which objects a cube has."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, TypeVar, Union

from .errors import AttaccaError
from .space import Space
from .values import _order, Timestamp
from .timing import _left, _until
from .encodings import _ENCODING
from .shaping import _PACKING
from .cube_objects import _MEANING, _Member, _other_key, _place_of, _said_of
from .cube_dimensions import _CubeDimensions


_C = TypeVar("_C", bound="_CubeMembers")


class _CubeMembers(_CubeDimensions):
    """Asks for what has come and gone, and gives each object its place."""

    def refresh(self: _C, timeout: Optional[float] = None) -> _C:
        """Looks what is there now. `cube-misfit`, unless those are skipped."""
        until = _until(timeout)
        self._elsewhere.clear()
        self._rows = self._query("", timeout)
        self._last = max((int(row.get("time") or 0) for row in self._rows.values()), default=0)
        self._see(_left(until))
        return self

    def _update(self, timeout: Optional[float]) -> None:
        """As `refresh`; asks for what was offered since, and for all when that is not all."""
        whole = all(row["state"] not in ("partial", "open") for row in self._rows.values())
        overlap = 10_000_000  # how far the pool's clock may have been set back
        if not whole or self._last <= overlap:
            self.refresh(timeout)
            return
        since = Timestamp(self._last - overlap)
        moment = f"{since.datetime():%Y-%m-%dT%H:%M:%S}.{since % 10 ** 9:09}Z"
        fresh = self._query(f" and .time >= {moment}", timeout)
        rows = {**self._rows, **fresh}
        # Counted behind: what comes between the two is seen as too many.
        if self._pool.count(self._selects, timeout=timeout) != len(rows):
            self.refresh(timeout)
            return
        changed = {name: row for name, row in fresh.items()
                   if self._rows.get(name, {}).get("time") != row.get("time")}
        added = self._add(changed, timeout)
        self._rows = rows
        self._last = max(self._last, *(int(row.get("time") or 0) for row in fresh.values()), 0)
        if not added:
            self._see(timeout)
        elif self._model is not None and self._coords_of:  # which may have come, or changed
            self._inner = self._dimensions(self._model, timeout)

    def _query(self, also: str, timeout: Optional[float]) -> Dict[str, Dict[str, Any]]:
        return {row["name"]: row for row in
                self._pool.query(self._selects + also, detail="all", timeout=timeout)}

    def _see(self, timeout: Optional[float]) -> None:
        members: List[_Member] = []
        misfits: List[Tuple[str, str]] = []
        for row in self._rows.values():
            each = self._member(row)
            if isinstance(each, _Member):
                members.append(each)
            elif each is not None:
                misfits.append((row["name"], each))
        try:
            self._put(members, misfits, timeout)
        except BaseException:
            self._last = 0  # whoever looks again sees all of it again
            raise

    def _member(self, row: Mapping[str, Any]) -> Union[_Member, str, None]:
        """An object that a query has found, or why it has no place; None: nothing to show yet."""
        if row["state"] not in ("offered", "partial", "open"):
            return None
        attributes = {**row.get("attributes", {}), **row.get("tags", {})}
        labels = [attributes.get(axis) for axis in self.axes]
        for axis, label in zip(self.axes, labels):
            if label is None or isinstance(label, (list, dict)):
                return f"it has no \"{axis}\""
        space = Space(row.get("dtype"), tuple(row.get("shape") or ()), row.get("order"),
                      row.get("byteOrder"))
        if _ENCODING in attributes:
            told = json.loads(attributes[_ENCODING])["space"]
            space = Space(told["dtype"], tuple(told["shape"]), told["order"], told["byteOrder"])
        if space.dtype is None or row.get("shape") is None or None in (space.shape or ()):
            return "its shape is not known yet"
        return _Member(row["name"], tuple(labels), attributes, space, row["state"] == "offered",
                       int(row.get("time") or 0), row["state"] == "partial",
                       row.get("tags") or {})

    def _add(self, rows: Mapping[str, Dict[str, Any]], timeout: Optional[float]) -> bool:
        """Adds objects that come behind all others on each axis, as steps do: what grows is not
        made anew with each. False: all is to be seen anew."""
        model, members = self._model, [self._member(row) for row in rows.values()]
        placed = [each for each in members if isinstance(each, _Member) and each.complete]
        if model is None or len(placed) < len(members) or any(name in self._rows for name in rows):
            return not rows
        placed.sort(key=_place_of)
        until = _until(timeout)
        if any(self._differs(each.space, model) or self._contradicts(each, model)
               or _place_of(each) < _place_of(model)
               or self._lies_elsewhere(each, model, self._inner, until) for each in placed):
            return False
        for member in placed:
            place = tuple(map(_order, member.labels))
            for labels, label, key in zip(self._labels, member.labels, place):
                if not labels or _order(labels[-1]) < key:
                    labels.append(label)
                elif key != _order(labels[-1]) and key not in map(_order, labels):
                    return False
            if self._members.setdefault(place, member) is not member:
                return False
        return True

    def _put(self, members: List[_Member], misfits: List[Tuple[str, str]],
             timeout: Optional[float]) -> None:
        kinds: Dict[Any, int] = {}
        for member in members:
            kinds[member.space[:2]] = kinds.get(member.space[:2], 0) + 1
        most = max(kinds.values(), default=0)
        members.sort(key=_place_of)
        model = next((each for each in members if kinds[each.space[:2]] == most), None)
        found: Dict[Tuple[Any, ...], _Member] = {}
        clashes: List[Tuple[str, str]] = []
        for member in members:  # of one place the newest first
            why = None if model is None else (
                self._differs(member.space, model) or self._contradicts(member, model))
            known = found.setdefault(tuple(map(_order, member.labels)), member) if not why else None
            if why is not None:
                misfits.append((member.name, why))
            elif known is not member and known is not None and \
                    self._told.get("duplicates", "fail") == "fail":
                clashes.append((member.name, f"\"{known.name}\" stands at its place"))
        told = clashes + (misfits if self._told.get("misfits", "fail") == "fail" else [])
        if told:
            raise self._misfit(*told[0])
        until = _until(timeout)
        inner = self._inner if model is None else self._dimensions(model, timeout)
        for place, member in [*found.items()]:
            why = model and self._lies_elsewhere(member, model, inner, until)
            if why and self._told.get("misfits", "fail") == "fail":
                self._elsewhere.clear()
                raise self._misfit(member.name, why)
            if why:
                misfits.append((member.name, why))
                del found[place]
        said = self._told.get("labels") or {}
        for at, axis in enumerate(self.axes):
            labels = {_order(each): each for each in [*(member.labels[at] for member in
                      found.values()), *reversed(said.get(axis, []))]}
            self._labels[at] = [labels[key] for key in sorted(labels)]
        self._members, self._model, self.misfits, self._inner = found, model, misfits, inner

    @staticmethod
    def _differs(space: Space, model: _Member) -> Optional[str]:
        if space.dtype != model.space.dtype:
            return f"it is {space.dtype}, \"{model.name}\" is {model.space.dtype}"
        if space.shape != model.space.shape:
            return f"its shape is {space.shape}, that of \"{model.name}\" is {model.space.shape}"
        return None

    def _contradicts(self, member: _Member, model: _Member) -> Optional[str]:
        """How it says something else of its dimensions, or of what its numbers mean; of packing
        where such objects are left out, else a demand says so: one that unpacks may have both."""
        keys: Tuple[str, ...] = _MEANING
        if self._told.get("misfits", "fail") == "skip":
            keys += _PACKING
        if self._told.get("dims") is None:
            keys += ("dims",)
        key = _other_key(member.attributes, model.attributes, keys)
        if key is not None:
            return _said_of(key, member, model)
        return None

    def _must_agree(self, members: Sequence[_Member]) -> None:
        """Packed numbers stand side by side only where they are packed alike."""
        for member in members[1:]:
            key = _other_key(member.attributes, members[0].attributes, _PACKING)
            if key is not None:
                raise AttaccaError(
                    "cube-misfit", f"Cannot use the cube \"{self.name}\": \"{member.name}\" has "
                    f"no place in it: {_said_of(key, member, members[0])}; with \"unpack\" these "
                    "become values", {"name": member.name, "other": members[0].name, "key": key})
