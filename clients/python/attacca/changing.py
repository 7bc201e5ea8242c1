"""Tags, deletions and relations, of one object or of all that a selector selects."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, Optional

from .errors import AttaccaError
from .told import _quoted, _RELATIONS, Changed
from .querying import _Querying


class _Changing(_Querying):
    """Changes what is said of objects."""

    def tag(self, name: str, set: Optional[Mapping[str, Any]] = None,
            remove: Any = ()) -> None:
        """Sets and removes tags of an object."""
        self._ask("TAG", "OK", name=name, member=1, attributes=self._attributes(set),
                  removed=[self._key(key) for key in remove])

    def untag(self, name: str, *tags: str) -> None:
        """Removes tags of an object; one that it does not have is no error."""
        self.tag(name, remove=tags)

    def delete(self, name: str, force: bool = False) -> None:
        """Ends the object. Refused while someone requires it, unless forced."""
        self._ask("DELETE", "OK", name=name, member=1, force=int(force))

    def tag_selected(self, selector: str, set: Optional[Mapping[str, Any]] = None,
                     remove: Any = (), *, dry_run: bool = False,
                     progress: Optional[Callable[[int], None]] = None,
                     timeout: Optional[float] = None) -> Changed:
        """As `tag`, of all objects that a selector selects."""
        return self._change("TAG_SELECTED", selector, dry_run, progress, timeout,
                            attributes=self._attributes(set),
                            removed=[self._key(key) for key in remove])

    def untag_selected(self, selector: str, *tags: str, dry_run: bool = False,
                       progress: Optional[Callable[[int], None]] = None,
                       timeout: Optional[float] = None) -> Changed:
        """As `untag`, of all objects that a selector selects."""
        return self.tag_selected(selector, remove=tags, dry_run=dry_run, progress=progress,
                                 timeout=timeout)

    def delete_selected(self, selector: str, force: bool = False, *, dry_run: bool = False,
                        progress: Optional[Callable[[int], None]] = None,
                        timeout: Optional[float] = None) -> Changed:
        """As `delete`, of all objects that a selector selects."""
        return self._change("END_SELECTED", selector, dry_run, progress, timeout,
                            how=2 if force else 1)

    def unkeep_selected(self, selector: str, *, dry_run: bool = False,
                        progress: Optional[Callable[[int], None]] = None,
                        timeout: Optional[float] = None) -> Changed:
        """Withdraws, of all objects that a selector selects, those offered with `keep`, whoever
        offered them."""
        return self._change("END_SELECTED", selector, dry_run, progress, timeout, how=0)

    def relate(self, name: str, relation: str, other: str) -> None:
        """Says how an object relates to another one, which need not be there (yet, or any more):
        "derived-from", "part-of", "supersedes", or "depends-on", which keeps `delete` from the
        other one (`object-depended-on`)."""
        self._relate(name, relation, other, 0)

    def unrelate(self, name: str, relation: str, other: str) -> None:
        """Takes back what `relate` said; what was not said is no error."""
        self._relate(name, relation, other, 1)

    def _change(self, name: str, selector: str, dry_run: bool,
                progress: Optional[Callable[[int], None]], timeout: Optional[float], /,
                **fields: Any) -> Changed:
        if not selector.strip():  # what a variable that is not set leaves
            raise AttaccaError("bad-argument", "Cannot change what is selected: the selector is "
                               "empty, which selects everything; say \"true\" if that is meant")
        selected = changed = 0
        refused: List[Dict[str, Any]] = []
        for part in self._parts(name, selector, timeout, member=1, dry=int(dry_run),
                                **fields):
            selected, changed = selected + part["selected"], changed + part["changed"]
            refused += part["refused"]
            if progress is not None:
                progress(selected)
        return Changed(selected, changed, refused)

    def _relate(self, name: str, relation: str, other: str, removes: int) -> None:
        if relation not in _RELATIONS:
            raise ValueError(f"a relation is one of {', '.join(_RELATIONS)}, not {relation!r}")
        done = self._change("GATHER", f"name = {_quoted(name)}", False, None, None,
                            key=f".{relation}", value=other, removes=removes)
        for each in done.refused:
            raise AttaccaError(each["code"], each["message"], {"name": name})
        if done.selected == 0:
            raise AttaccaError("unknown-object", f"Cannot relate \"{name}\": the pool has no such "
                               "object", {"name": name})
