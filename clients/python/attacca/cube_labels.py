"""Labels of a cube, and picks among them: docs/cubes.md."""

from __future__ import annotations

import datetime
import json
import math
import operator
import re
from typing import Any, List, Mapping, Sequence, Tuple

from .limits import _PLACES_MAX
from .errors import AttaccaError
from .values import _EPOCH, _order, Timestamp


def _label(value: Any, sample: Any = None) -> Any:
    """A label as the pool has it; a text stands for a moment where the labels are some."""
    if hasattr(value, "item") and not isinstance(value, (int, float)):  # a scalar of numpy
        value = value.item()
    if isinstance(sample, Timestamp) and isinstance(value, str):
        value = datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
        if value.tzinfo is None:
            value = value.replace(tzinfo=datetime.timezone.utc)
    if isinstance(value, datetime.datetime):
        return Timestamp((value - _EPOCH) // datetime.timedelta(microseconds=1) * 1000)
    if not isinstance(value, (bool, int, float, str, bytes)):
        raise AttaccaError("bad-region", f"Cannot use {value!r} as a label: numbers, timestamps, "
                           "texts, bytes, false and true are some")
    return value


def _label_text(label: Any) -> str:
    if isinstance(label, bool):
        return str(label).lower()
    if isinstance(label, Timestamp):
        return f"{label.datetime():%Y-%m-%dT%H:%M:%SZ}"
    return json.dumps(label, ensure_ascii=False) if isinstance(label, str) else str(label)


_Picked = List[Tuple[Any, int]]  # labels, and where each stands; -1: it is not there
_LABEL_KINDS = ("numbers", "timestamps", "texts", "bytes", "false and true")  # by `_order`


def _is_range(pick: Any) -> bool:
    return isinstance(pick, slice) or isinstance(pick, tuple) and len(pick) == 2


def _checked_pick(dimension: str, known: Sequence[Any], pick: Any) -> None:
    """Refuses labels of a type of which the dimension has none, and what is no pick."""
    kinds = {_order(label)[0] for label in known}
    sample = known[0] if known else None
    if isinstance(pick, slice):
        said = [pick.start, pick.stop, *([] if pick.step is None else [pick.step])]
    else:
        said = [*pick] if isinstance(pick, (tuple, list)) else [pick]
    for each in said:
        if each is None and _is_range(pick):
            continue
        try:
            kind = _order(_label(each, sample))[0]
        except ValueError as error:
            raise AttaccaError("bad-region", f"Cannot pick {each!r} from dimension "
                               f"\"{dimension}\": {error}") from error
        if kinds and kind not in kinds:
            has = " and ".join(_LABEL_KINDS[each] for each in sorted(kinds))
            raise AttaccaError("bad-region", f"Cannot pick {each!r} from dimension "
                               f"\"{dimension}\": its labels are {has}",
                               {"dimension": dimension})


def _checked_places(dimension: str, pick: Any) -> None:
    """Refuses what is no place, and no slice or list of some."""
    said = pick if isinstance(pick, list) else [pick]
    if isinstance(pick, slice):
        said = [each for each in (pick.start, pick.stop, pick.step) if each is not None]
    for each in said:
        if not hasattr(each, "__index__"):
            raise AttaccaError("bad-region", f"Cannot pick {each!r} from dimension "
                               f"\"{dimension}\": a place is a whole number",
                               {"dimension": dimension})


def _pick(dimension: str, known: _Picked, pick: Any) -> _Picked:
    """By labels: one; `(low, high)` or a slice, both ends among it; `(low, high, step)`, and a
    list, whose labels need not be there."""
    sample = known[0][0] if known else None
    if isinstance(pick, slice):
        pick = (pick.start, pick.stop) if pick.step is None else (pick.start, pick.stop, pick.step)
    if isinstance(pick, tuple) and len(pick) == 2:
        ends = [None if end is None else _order(_label(end, sample)) for end in pick]
        low, high = ends
        if low is not None and high is not None and low > high:
            low, high = high, low
        return [each for each in known if (low is None or _order(each[0]) >= low)
                and (high is None or _order(each[0]) <= high)]
    if isinstance(pick, tuple):
        if len(pick) != 3 or not all(isinstance(n, (int, float)) for n in pick) or not pick[2] > 0:
            raise AttaccaError("bad-region", f"Cannot pick {pick!r} from dimension "
                               f"\"{dimension}\": a range is (low, high) or (low, high, step)")
        first, last, step = pick
        count = math.floor((last - first) / step + 1e-9) + 1
        if count > _PLACES_MAX:
            raise AttaccaError("bad-region", f"Cannot pick from dimension \"{dimension}\": it has "
                               f"more than {_PLACES_MAX} labels")
        wanted = [first + at * step for at in range(max(0, count))]
    else:
        wanted = [_label(each, sample) for each in (pick if isinstance(pick, list) else [pick])]
    asked = {_order(label): label for label in wanted}
    found = [each for each in known if _order(each[0]) in asked]
    there = [_order(label) for label, _ in found]
    missing = set(asked) - set(there)
    ascends = all(one < two for one, two in zip(there, there[1:]))
    found += [(asked[key], -1) for key in sorted(missing)]
    return sorted(found, key=lambda each: _order(each[0])) if ascends and missing else found


def _pick_places(dimension: str, known: _Picked, pick: Any) -> _Picked:
    try:
        if isinstance(pick, slice):
            return known[pick]
        return [known[operator.index(at)] for at in (pick if isinstance(pick, list) else [pick])]
    except (IndexError, TypeError, ValueError) as error:
        raise AttaccaError("bad-region", f"Cannot pick {pick!r} from dimension \"{dimension}\": "
                           f"{error}, its size is {len(known)}") from error


def _named(template: str, labels: Mapping[str, Any]) -> str:
    """The name of an object by its labels: docs/schemas.md."""
    def text(found: "re.Match[str]") -> str:
        if found[0] in ("{{", "}}"):
            return found[0][0]
        key, _, form = found[1].partition(":")
        label = labels[key]
        if "%" in form:
            return f"{Timestamp(label).datetime():{form}}"
        if form:
            return f"{int(label):{form}}"
        if isinstance(label, float) and label.is_integer() and abs(label) < 1 << 53:
            label = int(label)
        return label if isinstance(label, str) else _label_text(label)
    return re.sub(r"\{\{|\}\}|\{([^{}]+)\}", text, template)
