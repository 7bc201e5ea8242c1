"""What a transform is made of, and what is wrong with it whatever it is given."""

from __future__ import annotations

import math
import numbers
from typing import Any, Callable, Dict, List, Mapping, Sequence, Tuple

from .errors import AttaccaError
from .buffers import _dtype
from .laying import _bad_transform

# The keys of each, as those of TypeScript word for word: a test compares them.
_FIELDS: Dict[str, Dict[str, str]] = {
    "order": {"order": "row|column"},
    "transpose": {"axes": "wholes?"},
    "dtype": {"dtype": "dtype", "lossy": "flag?"},
    "byte-order": {"byteOrder": "little|big"},
    "scale": {"scale": "finite?", "offset": "finite?", "fill": "fill?", "range": "range?",
              "dtype": "float32|float64?"},
    "pack": {"scale": "finite?", "offset": "finite?", "dtype": "dtype", "fill": "whole?",
             "lossy": "flag?"},
    "units": {"from": "text", "to": "text", "density": "finite?"},
    "decimate": {"every": "wholes"},
    "average": {"block": "wholes", "nan": "skip|keep?"},
    "field": {"name": "text"},
    "soa": {"fields": "fields"},
    "aos": {"fields": "fields"},
    "shuffle": {"itemSize": "whole"},
    "unshuffle": {"itemSize": "whole"},
    "bitround": {"bits": "whole?", "absolute": "finite?", "relative": "finite?"}}
_ELSEWHERE = ("compress", "decompress", "expression", "wasm")  # not in this client
_WHOLE_MAX = (1 << 53) - 1
_Read = Callable[[Any], Any]  # raises TypeError or ValueError of what is another type


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError
    return float(value)


def _finite(value: Any) -> float:
    number = _number(value)
    if not math.isfinite(number):
        raise ValueError
    return number


def _whole(value: Any) -> int:
    if not _finite(value).is_integer() or not abs(int(value)) <= _WHOLE_MAX:
        raise ValueError
    return int(value)


def _list(value: Any, of: _Read) -> List[Any]:
    if not isinstance(value, (list, tuple)):
        raise TypeError
    return [of(each) for each in value]


def _fill(value: Any) -> List[float]:
    return _list(value if isinstance(value, (list, tuple)) else [value], _number)


def _range(value: Any) -> Tuple[float, float]:
    low, high = _list(value, _number)
    if math.isnan(low) or math.isnan(high):
        raise ValueError
    return low, high


def _field(value: Any) -> Tuple[int, int]:
    if not isinstance(value, Mapping) or set(value) != {"offset", "size"}:
        raise TypeError
    return _whole(value["offset"]), _whole(value["size"])


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _flag(value: Any) -> bool:
    if type(value).__name__ not in ("bool", "bool_"):  # numpy has its own
        raise TypeError
    return bool(value)


def _named(value: Any) -> Any:
    if not isinstance(value, (str, type)) and not hasattr(value, "str"):
        raise TypeError
    return value


_TYPES: Dict[str, Tuple[str, _Read]] = {
    "text": ("a text", _text), "dtype": ("the name of a dtype", _named),
    "flag": ("True or False", _flag), "finite": ("a finite number", _finite),
    "whole": ("a whole number", _whole),
    "wholes": ("a list of whole numbers", lambda value: _list(value, _whole)),
    "fill": ("a number, or a list of them", _fill), "range": ("two numbers", _range),
    "fields": ("a list of offsets and sizes", lambda value: _list(value, _field))}


def _choice(words: Sequence[str], value: Any) -> Any:
    found = value if isinstance(value, str) else _dtype(_named(value))[0]
    if found not in words:
        raise ValueError
    return found


def _checked(spec: Any) -> Dict[str, Any]:
    """A transform with the values of it as they are read; of keys that are left out, or None, there
    are none. `bad-transform`: it lacks one, has one of another type, or one that is no key of it,
    which would be without effect."""
    if not isinstance(spec, Mapping) or "kind" not in spec:
        raise AttaccaError("bad-transform", f"Cannot use the transform {spec!r:.80}: it is no map "
                           "with a kind")
    kind = spec["kind"]
    fields = _FIELDS.get(kind) if isinstance(kind, str) else None
    if fields is None:
        why = ("this client has it not: it is one of TypeScript's" if kind in _ELSEWHERE
               else "there is none of this kind")
        raise _bad_transform(repr(str(kind))[1:-1], why)
    found: Dict[str, Any] = {"kind": kind}
    for key in spec:
        if key != "kind" and key not in fields:
            raise _bad_transform(kind, f"it has no {str(key)!r}: it has {', '.join(fields)}")
    for key, rule in fields.items():
        value = spec.get(key)
        if value is not None:
            found[key] = _value_of(kind, key, rule.rstrip("?"), value)
        elif not rule.endswith("?"):
            raise _bad_transform(kind, f"it needs \"{key}\"")
    return found


def _value_of(kind: str, key: str, rule: str, value: Any) -> Any:
    words = rule.split("|")
    what, read = _TYPES[rule] if len(words) == 1 else (
        " or ".join(words), lambda given: _choice(words, given))
    try:
        return read(value)
    except (TypeError, ValueError, OverflowError, AttaccaError) as error:
        raise _bad_transform(kind, f"\"{key}\" is {value!r:.80}, not {what}") from error


def _chain_of(transforms: Any) -> List[Dict[str, Any]]:
    """Each of a list of transforms, checked."""
    if not isinstance(transforms, (list, tuple)):
        raise AttaccaError("bad-transform", f"Cannot use {transforms!r:.80} as transforms: it is "
                           "no list")
    return [_checked(spec) for spec in transforms]
