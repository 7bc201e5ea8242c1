"""What a pool tells when it is asked: docs/selectors.md."""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from .limits import _BINS_MAX
from .values import _order

_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t"})


def _quoted(text: str) -> str:
    """A text as a selector writes it."""
    return f'"{text.translate(_ESCAPES)}"'


_SCHEMA, _CONTAINER, _COLLECTION = range(3)  # kinds of definitions
_RELATIONS = ("derived-from", "part-of", "supersedes", "depends-on")


class Found(NamedTuple):
    """An object that a query has found, and its attributes with its tags put over them."""

    name: str
    attributes: Dict[str, Any]


class Changed(NamedTuple):
    """What was done with all that a selector selects. `refused` says why some were not changed, in
    maps of `name`, `code` and `message`: of each part of the pool the first hundred."""

    selected: int
    changed: int
    refused: List[Dict[str, Any]]


class Facets(NamedTuple):
    """The values of a key, each with how many objects have it, the most frequent first. The counts
    are exact unless a key has very many values in a very large pool: it is counted part by part,
    and a value that is rare in some part may then lack what it has there."""

    key: str
    objects: int                   # that have the key
    values: List[Tuple[Any, int]]
    other_values: int              # those that are not among `values`,
    other_objects: int             # and the objects that have them
    is_exact: bool


class Histogram(NamedTuple):
    """How many numbers, or timestamps in ns, lie in which range: `bins[i]` counts those from
    `(first + i) * 2**exponent` to, not including, `(first + i + 1) * 2**exponent`. NaN and
    infinities are left out."""

    of: str                        # "numbers" or "timestamps"
    objects: int
    least: Any
    most: Any
    exponent: int
    first: int
    bins: List[int]


class Definition(NamedTuple):
    """A schema, a container or a collection as a pool has it."""

    name: str
    definition: Dict[str, Any]     # as section 7.6 of the protocol has it
    objects: Optional[int]         # in it; None of a schema, and of a collection by a selector


def _coarser(histogram: Histogram, exponent: int) -> Tuple[int, List[int]]:
    """First and bins with an exponent that is not below its own: neighbours are added."""
    by, first = exponent - histogram.exponent, histogram.first
    start = first >> by
    bins = [0] * (((first + len(histogram.bins) - 1) >> by) - start + 1)
    for at, count in enumerate(histogram.bins, first):
        bins[(at >> by) - start] += count
    return start, bins


def _together(one: Histogram, other: Histogram) -> Histogram:
    """Of the objects of both: as coarse as the coarser, or as holds them in so many bins."""
    exponent = max(one.exponent, other.exponent)
    while True:
        parts = _coarser(one, exponent), _coarser(other, exponent)
        first = min(start for start, _ in parts)
        end = max(start + len(bins) for start, bins in parts)
        if end - first <= _BINS_MAX:
            break
        exponent += 1
    sums = [0] * (end - first)
    for start, bins in parts:
        for at, count in enumerate(bins, start - first):
            sums[at] += count
    return Histogram(one.of, one.objects + other.objects, min(one.least, other.least, key=_order),
                     max(one.most, other.most, key=_order), exponent, first, sums)


def _said(**fields: Any) -> Dict[str, Any]:
    """Fields of a definition: what is left out is not said."""
    return {field: value for field, value in fields.items() if value is not None}
