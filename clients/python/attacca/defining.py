"""Schemas, containers and collections."""

from __future__ import annotations

from typing import Any, Callable, List, Mapping, Optional, Sequence

from .errors import AttaccaError
from .timing import _ms
from .told import _COLLECTION, _CONTAINER, _quoted, _said, _SCHEMA, Changed, Definition
from .changing import _Changing


class _Defining(_Changing):
    """Defines what a pool has by name beside objects."""

    def define_schema(self, document: Mapping[str, Any]) -> None:
        """The pool holds by it what is offered, expected and tagged from now on. The document is
        that of a file, which Python cannot read by itself; with PyYAML:

            with open("fields.yaml", encoding="utf-8") as file:
                pool.define_schema(yaml.safe_load(file))

        PyYAML takes a date, `yes` and `no` for texts only in quotes. `attacca schema add FILE` does
        the same from a shell, without it. `bad-schema`, `schema-conflict`."""
        name = document.get("schema-name") if isinstance(document, Mapping) else None
        if not isinstance(name, str) or not name:
            raise AttaccaError("bad-schema", "Cannot define a schema: the document has no "
                               "\"schema-name\", a text", {"schema": "", "path": "schema-name"})
        self._define(_SCHEMA, name, document)

    def remove_schema(self, name: str) -> None:
        """Takes a schema away: `definition-in-use` while a container names it."""
        self._define(_SCHEMA, name, None)

    def schemas(self, name: str = "") -> List[Definition]:
        """The schemas that the pool knows."""
        return self._definitions(_SCHEMA, name)

    def define_container(self, name: str, *, attributes: Optional[Mapping[str, Any]] = None,
                         schemas: Optional[Sequence[str]] = None, lifetime: float = 0.0,
                         tags: Optional[Mapping[str, Any]] = None,
                         documentation: Optional[str] = None) -> None:
        """What is offered with `container=name` is in it, and has these attributes where it does
        not say them itself; the schemas, by name, ask it for their required keys and give their
        defaults; what is kept ends after `lifetime` seconds, unless its offer says when. Tags and
        documentation are of the container itself, for people."""
        self._define(_CONTAINER, name, _said(
            attributes=attributes, schemas=schemas, tags=tags, documentation=documentation,
            lifetimeMs=_ms(lifetime) if lifetime else None))

    def containers(self, name: str = "") -> List[Definition]:
        """The containers of the pool."""
        return self._definitions(_CONTAINER, name)

    def delete_container(self, name: str, force: bool = False, *, dry_run: bool = False,
                         progress: Optional[Callable[[int], None]] = None,
                         timeout: Optional[float] = None) -> Changed:
        """As `delete_selected`, of all that is in a container, and then of the container, when
        nothing is left in it. What others in it depend on goes when these have gone: so it is
        tried again as long as that deletes anything, and `progress` begins anew."""
        def delete() -> Changed:
            return self.delete_selected(f".container = {_quoted(name)}", force, dry_run=dry_run,
                                        progress=progress, timeout=timeout)

        done = delete()
        last = 0 if dry_run else done.changed
        while last > 0 and done.changed < done.selected:
            again = delete()
            last = again.changed
            done = Changed(done.changed + again.selected, done.changed + last, again.refused)
        if not dry_run and done.changed == done.selected:
            self._define(_CONTAINER, name, None)
        return done

    def define_collection(self, name: str, selector: Optional[str] = None, *,
                          tags: Optional[Mapping[str, Any]] = None,
                          documentation: Optional[str] = None) -> None:
        """A selector with a name, or without one a list. Selectors ask for both:
        `.collection = "name"`. `bad-selector`."""
        self._define(_COLLECTION, name, _said(
            selector=selector, tags=tags, documentation=documentation))

    def collections(self, name: str = "") -> List[Definition]:
        """The collections of the pool."""
        return self._definitions(_COLLECTION, name)

    def delete_collection(self, name: str, *, dry_run: bool = False,
                          progress: Optional[Callable[[int], None]] = None,
                          timeout: Optional[float] = None) -> Changed:
        """Takes all objects out of a list, and then the collection away. The objects stay."""
        [known] = self.collections(name)
        done = Changed(0, 0, [])
        if known.definition.get("selector") is None:
            done = self.uncollect(name, f"any .collections = {_quoted(name)}", dry_run=dry_run,
                                  progress=progress, timeout=timeout)
        if not dry_run:
            self._define(_COLLECTION, name, None)
        return done

    def collect(self, name: str, selector: str, *, dry_run: bool = False,
                progress: Optional[Callable[[int], None]] = None,
                timeout: Optional[float] = None) -> Changed:
        """Puts all objects that a selector selects into a list: `bad-argument` of a collection
        that is defined by a selector."""
        return self._change("GATHER", selector, dry_run, progress, timeout,
                            key=".collections", value=name, removes=0)

    def uncollect(self, name: str, selector: str, *, dry_run: bool = False,
                  progress: Optional[Callable[[int], None]] = None,
                  timeout: Optional[float] = None) -> Changed:
        """Takes all objects that a selector selects out of a list."""
        return self._change("GATHER", selector, dry_run, progress, timeout,
                            key=".collections", value=name, removes=1)

    def _define(self, kind: int, name: str, definition: Optional[Mapping[str, Any]]) -> None:
        """Defines, or defines anew; None takes it away."""
        self._ask("DEFINE", "OK", definitionKind=kind, name=name, definition=definition)

    def _definitions(self, kind: int, name: str) -> List[Definition]:
        rows = self._look("DEFINITIONS", definitionKind=kind, name=name)
        found: List[Definition] = []
        for row in rows:  # of very many, or very large ones, the answer has names alone
            if row["definition"] is None and not name:
                found += self._definitions(kind, row["name"])
            else:
                found.append(Definition(row["name"], row["definition"], row["objects"]))
        return found
