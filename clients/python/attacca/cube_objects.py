"""Objects of a cube."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from .space import Space
from .values import _identity, _order
from .encodings import _ENCODING
from .shaping import _Shaping

_MEANING = ("units", "calendar")  # what numbers mean: side by side they mean the same


class _Member(NamedTuple):
    """An object of a cube."""

    name: str
    labels: Tuple[Any, ...]
    attributes: Dict[str, Any]
    space: Space
    complete: bool
    time: int
    partial: bool  # in parts, of which some are missing
    tags: Dict[str, Any]  # which are put over its attributes


def _other_key(one: Mapping[str, Any], model: Mapping[str, Any],
               keys: Sequence[str]) -> Optional[str]:
    """The first key of which two do not say the same, or one of them nothing."""
    return next((key for key in keys
                 if _identity(one.get(key)) != _identity(model.get(key))), None)


def _said_of(key: str, one: _Member, model: _Member) -> str:
    """How two members contradict each other."""
    has, other = one.attributes.get(key), model.attributes.get(key)
    own = f"has no \"{key}\"" if has is None else f"has \"{key}\" {has!r}"
    return f"it {own}, \"{model.name}\" " + ("none" if other is None else f"has {other!r}")


def _shared(members: Sequence[Mapping[str, Any]], but: Sequence[str]) -> Dict[str, Any]:
    """What all say alike, but for some keys and those of the pool."""
    if not members:
        return {}
    return {key: value for key, value in members[0].items()
            if key not in but and not key.startswith(".") and key != _ENCODING and all(
                _identity(each.get(key)) == _identity(value) for each in members[1:])}


def _short(labels: Any) -> str:
    """A list of coordinates, as an error says it."""
    if not isinstance(labels, list):
        return repr(labels)
    return f"{labels[:4]!r}"[:-1] + (", ...]" if len(labels) > 4 else "]")


def _place_of(member: _Member) -> Tuple[Any, ...]:
    """What to sort objects of a cube by: of one place the newest first."""
    return (*map(_order, member.labels), -member.time, member.name)


_Places = List[Tuple[Tuple[Any, ...], Optional[_Member]]]  # labels, and who stands there


class _CubeAsk(NamedTuple):
    """How a part of a cube is demanded."""

    holes: str
    fill: Any
    how: _Shaping
    wait: bool


class _Gone(Exception):
    """An object that was there has gone before it came."""
