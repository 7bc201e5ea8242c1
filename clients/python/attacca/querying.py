"""Looking what a pool has."""

from __future__ import annotations

import itertools
import operator
from typing import Any, Dict, Iterator, List, Optional, Tuple

from .limits import _PAGES, _PART_VALUES
from .values import _identity, _order
from .told import _quoted, _together, Facets, Found, Histogram
from .opening import _Opening


class _Querying(_Opening):
    """Asks the pool."""

    def stat(self, name: str) -> Any:
        """What the pool knows of an object."""
        return self._look("STAT", name=name)

    def list(self, glob: str = "*", detail: bool = False, *,
             timeout: Optional[float] = None) -> Iterator[Any]:
        """The names that match a glob, in no order, or with `detail` what `stat` says of each: a
        `query` for `name ~ "glob"`."""
        selector = "" if glob == "*" else f"name ~ {_quoted(glob)}"
        return self.query(selector, detail="all" if detail else "name", timeout=timeout)

    def query(self, selector: str = "", *, detail: str = "attributes", sort: Optional[str] = None,
              limit: Optional[int] = None, timeout: Optional[float] = None) -> Iterator[Any]:
        """The objects that a selector selects (docs/selectors.md); the empty one selects all.

            for name, attributes in pool.query('param = "t" and step in 0..24', sort="-step"):

        `detail` says what comes of each: "name" its name, "attributes" a `Found`, "all" what `stat`
        says. `sort` is a key, with `-` in front from the last to the first: objects without it come
        last, those with equal values in the order of their names. Without it they come in no order,
        which is quicker. At most `limit`. They are asked for by pages while they are taken, each
        exact at its moment: what is selected all the time comes once, what is made, changed or ends
        meanwhile may. `bad-selector` tells by `fields["position"]` which character is wrong.
        `timeout` is for each part of the pool."""
        if detail not in _PAGES:
            raise ValueError(f"a detail is one of {', '.join(_PAGES)}, not {detail!r}")
        if limit is not None and operator.index(limit) < 0:
            raise ValueError(f"a limit is a number of objects, not {limit}")
        most = _PAGES[detail] if limit is None else min(_PAGES[detail], limit)
        how = {"limit": most, "detail": [*_PAGES].index(detail)}
        pages: Iterator[List[Any]]
        if sort is None:
            pages = (part["objects"] for part in self._parts("QUERY", selector, timeout, **how))
        else:
            pages = self._sorted(selector, sort, timeout, **how)
        found = itertools.islice(itertools.chain.from_iterable(pages), limit)
        if detail != "attributes":
            return found
        return (Found(each["name"], each["attributes"]) for each in found)

    def count(self, selector: str = "", *, timeout: Optional[float] = None) -> int:
        """How many objects a selector selects; none of them is fetched."""
        return sum(part["count"] for part in self._parts("COUNT", selector, timeout))

    def facets(self, key: str, selector: str = "", *, limit: int = 1000,
               timeout: Optional[float] = None) -> Facets:
        """The distinct values of a key, of all objects or of those selected, and how many objects
        have each; at most `limit` of them, the most frequent first."""
        found: Dict[Any, List[Any]] = {}
        parts = others = objects = 0
        for part in self._parts("FACETS", selector, timeout, what=0, key=key, limit=_PART_VALUES):
            parts, others, objects = (
                parts + 1, others + part["otherValues"], objects + part["objects"])
            for row in part["values"]:
                found.setdefault(_identity(row["value"]), [row["value"], 0])[1] += row["count"]
        values = sorted(((value, count) for value, count in found.values()),
                        key=lambda each: (-each[1], _order(each[0])))
        shown = values[:limit]
        return Facets(key, objects, shown, others + len(values) - len(shown),
                      objects - sum(count for _, count in shown), parts <= 1 or others == 0)

    def histograms(self, key: str, selector: str = "", *,
                   timeout: Optional[float] = None) -> List[Histogram]:
        """How the numbers that a key has, and the timestamps, are spread, of all objects or of
        those selected: at most one of each."""
        found: Dict[str, Histogram] = {}
        for part in self._parts("FACETS", selector, timeout, what=1, key=key, limit=0):
            for row in part["histograms"]:
                fields = {**row, "first": int(row["first"])}
                each = Histogram(*(fields[field] for field in Histogram._fields))
                found[each.of] = _together(found[each.of], each) if each.of in found else each
        return [*found.values()]

    def lineage(self, name: str, depth: int = 16, *, timeout: Optional[float] = None) -> Any:
        """What an object was made of, and what was made of it, up to `depth` steps away: as the
        pool has noted it by itself, and as `relate` says. A map of `nodes` (versions of objects,
        the one that was asked for first), `activities` (stays of members), `edges` between them
        (`derived`, `declared`, `used`), and whether there is more: section 7.7 of the protocol.
        `attacca lineage` draws it, and makes W3C PROV of it."""
        return self._look("LINEAGE", timeout, name=name, depth=depth)

    def members(self) -> Any:
        """The members of the pool."""
        return self._look("MEMBERS")

    def explain(self, name: Optional[str] = None, rings: bool = False) -> Any:
        """For whom a name waits and who has promised it; without a name all waits, or rings."""
        return self._look("EXPLAIN", what=0 if name is not None else 2 if rings else 1,
                          name=name or "")

    def explain_selector(self, selector: str) -> Any:
        """How the pool reads a selector, and how it would find what it selects."""
        return self._look("EXPLAIN", what=3, name=selector)

    def info(self) -> Any:
        """The pool, its counts, memory and limits."""
        return self._look("INFO")

    def _sorted(self, selector: str, sort: str, timeout: Optional[float], *, limit: int,
                detail: int) -> Iterator[List[Any]]:
        """Pages in the order of a key: of each part of the pool the first behind a place, put
        together here. The next page begins behind the last of this one, whatever comes and goes."""
        descending = sort.startswith("-")
        place: Optional[Tuple[Any, str]] = None
        while True:
            best: List[Tuple[Any, str, Any]] = []
            ends: List[int] = []  # behind these rows their parts were cut: nothing is known of them
            for part in self._parts("SORT", selector, timeout, key=sort[descending:], limit=limit,
                                    descending=int(descending), detail=detail, place=place):
                for row in part["objects"]:
                    found = row["object"]
                    name = found if isinstance(found, str) else found["name"]
                    best.append((row["key"], name, found))
                if part.get("cut") and part["objects"]:
                    ends.append(id(best[-1]))
                best.sort(key=lambda row: row[1])  # by names in both directions,
                best.sort(key=lambda row: _order(row[0], descending), reverse=descending)
                del best[limit:]  # as sorting keeps the order of what is equal, reversed or not
            cut = next((at for at, row in enumerate(best) if id(row) in ends), None)
            if cut is not None:
                del best[cut + 1:]
            yield [found for _, _, found in best]
            if len(best) < limit and cut is None:
                return
            place = best[-1][:2]
