"""Queries, changes and definitions of a pool."""

from __future__ import annotations

import os
import re
import unittest
import unittest.mock
from typing import Any, Callable, Dict, List

from support import ORDER, PoolCase
import attacca
from attacca import Timestamp
from attacca.limits import _PAGES


class Selecting(PoolCase):
    def test_globs(self) -> None:
        base = f"py/{os.getpid()}/globs/"
        with attacca.join("py[*]") as pool:
            names = [base + name for name in (
                'a"b', "a'b", "a\\b", "a*b", "a\nb", "a\tb", "a`b", "a\u2028b", "aéb", "a😀b")]
            for name in names:
                pool.signal(name)
            self.assertEqual(sorted(pool.list(base + "a?b")), sorted(names))
            for name in names:
                glob = re.sub(r"([\\*?\[])", r"\\\1", name)
                self.assertEqual([*pool.list(glob)], [name])
            self.assertEqual([*pool.list("")], [])
            self.assertTrue({*names} <= {*pool.list()})
            [found] = pool.list(names[0], detail=True)
            self.assertEqual(found, pool.stat(names[0]))
            with self.assertRaises(attacca.AttaccaError) as caught:
                next(pool.list("[z-a]"))
            self.assertEqual(caught.exception.code, "bad-selector")

    def test_sorted_queries(self) -> None:
        base = f"py/{os.getpid()}/sorted/"
        selector, key = f'name prefix "{base}"', f"v{os.getpid()}"
        rank: Dict[str, int] = {}
        with attacca.join("py[*]") as pool:
            for at, row in enumerate(ORDER):
                for value in row:
                    name = f"{base}{'zé😀'[len(rank) % 3]}{len(rank)}"
                    rank[name] = at
                    pool.signal(name, {key: value})
            missing = [base + "none/1", base + "none/2"]
            for name in reversed(missing):
                pool.signal(name)
            names = sorted(rank)
            up = [*sorted(names, key=lambda name: rank[name]), *missing]
            down = [*sorted(names, key=lambda name: -rank[name]), *missing]
            for descending, expected in enumerate((up, down)):
                # As the pool has them, before anything is put together here.
                [part] = pool._parts("SORT", selector, key=key, descending=descending, limit=0,
                                     detail=0, place=None)
                self.assertEqual([row["object"] for row in part["objects"]], expected)
                sort = "-" * descending + key
                for page in (1, 7, 4096):
                    with unittest.mock.patch.dict(_PAGES, name=page):
                        self.assertEqual([*pool.query(selector, detail="name", sort=sort)],
                                         expected)
            self.assertEqual([found.name for found in pool.query(selector, sort=key, limit=5)],
                             up[:5])
            self.assertEqual([found["name"] for found in pool.query(
                selector, detail="all", sort="-.scope", limit=3)], sorted([*names, *missing])[:3])
            found = pool.facets(key)
            self.assertEqual((found.objects, sum(count for _, count in found.values)),
                             (len(rank), len(rank)))

    def test_selected(self) -> None:
        base, key = f"py/{os.getpid()}/selected/", f"n{os.getpid()}"
        selector = f'name prefix "{base}"'
        with attacca.join("py[*]") as pool:
            for i in range(100):
                pool.signal(f"{base}{i:02}", {key: i * i, "at": Timestamp(i), "odd": i % 2 == 1},
                            keep=True)
            with unittest.mock.patch.dict(_PAGES, name=7):
                self.assertEqual(sorted(pool.query(f"{key} in 100..", detail="name")),
                                 [f"{base}{i:02}" for i in range(10, 100)])
            self.assertEqual(pool.count(f"{selector} and odd = true"), 50)
            self.assertEqual(pool.facets("odd", selector, limit=1), attacca.Facets(
                "odd", 100, [(False, 50)], 1, 50, True))
            [found] = pool.histograms(key)
            self.assertEqual((found.of, found.least, found.most, sum(found.bins)),
                             ("numbers", 0, 99 * 99, 100))
            for i, count in enumerate(found.bins, found.first):
                low, high = (n * 2.0 ** found.exponent for n in (i, i + 1))
                self.assertEqual(count, sum(low <= n * n < high for n in range(100)))
            [found] = pool.histograms("at", selector)
            self.assertEqual((found.of, found.most), ("timestamps", Timestamp(99)))
            seen: List[int] = []
            self.assertEqual(pool.tag_selected(f"{key} < 16", {"low": True}, dry_run=True,
                                               progress=seen.append), (4, 4, []))
            self.assertEqual((seen, pool.count(f"{selector} and has low")), ([4], 0))
            pool.tag_selected(f"{key} < 16", {"low": True})
            self.assertEqual(pool.count(f"{selector} and low = true"), 4)
            pool.untag_selected(selector, "low")
            self.assertEqual(pool.count(f"{selector} and has low"), 0)
            pool.untag(f"{base}00", "low")
            with pool.require(f"{base}00"):
                for dry_run in (True, False):
                    done = pool.delete_selected(f"{key} <= 1", dry_run=dry_run)
                    self.assertEqual(done[:2], (2, 1))
                    self.assertEqual([(each["name"], each["code"]) for each in done.refused],
                                     [(f"{base}00", "object-required")])
                pool.delete_selected(f"{key} <= 1", force=True)
            self.assertEqual(pool.unkeep_selected(f"{key} >= 100", dry_run=True), (90, 90, []))
            self.assertEqual(pool.unkeep_selected(f"{key} >= 100"), (90, 90, []))
            self.assertEqual(pool.count(selector), 8)
            pool.delete_selected(selector)
            self.assertEqual([*pool.query(selector)], [])
            self.assertIsInstance(pool.explain_selector(selector), dict)
            for call in (pool.count, pool.delete_selected, pool.unkeep_selected,
                         lambda wrong: next(pool.query(wrong, sort="a")),
                         lambda wrong: pool.facets("a", wrong)):
                with self.assertRaises(attacca.AttaccaError) as caught:
                    call('a = "é" oder b = 2')
                self.assertEqual(caught.exception.code, "bad-selector")
                self.assertEqual(caught.exception.fields["position"], 8)

    def test_definitions(self) -> None:
        one = f"py{os.getpid()}"
        date, step = f"{one}-date", f"{one}-step"
        schema = {"schema-name": one, "schema-version": 1, "schema-namespace": "", "attributes": [
            {"key": date, "type": "day()", "required": True},
            {"key": step, "type": "int(min=0)", "default": 0}]}
        january = Timestamp(1_769_817_600 * 10 ** 9)
        with attacca.join("py[*]") as pool:
            def refused(code: str, call: Callable[..., Any], *args: Any, **more: Any) -> Any:
                with self.assertRaises(attacca.AttaccaError) as caught:
                    call(*args, **more)
                self.assertEqual(caught.exception.code, code, caught.exception)
                return caught.exception

            error = refused("bad-schema", pool.define_schema, {**schema, "attributes": [
                {"key": date, "type": "dey()"}]})
            self.assertEqual(error.fields["path"], "attributes[0].type")
            pool.define_schema(schema)
            self.assertEqual(pool.schemas(one), [(one, schema, None)])
            refused("schema-conflict", pool.define_schema, {
                **schema, "schema-name": f"{one}-other", "attributes": [
                    {"key": date, "type": "int()"}]})
            refused("unknown-definition", pool.define_container, one, schemas=["no such"])
            pool.define_container(one, attributes={"user": "me"}, schemas=[one], lifetime=3600,
                                  tags={"for": [1, {"a": 0.5}]}, documentation="a run")
            error = refused("definition-in-use", pool.remove_schema, one)
            self.assertTrue(error.retryable)
            refused("unknown-definition", pool.signal, f"{one}/x", container=f"{one}-no")
            error = refused("schema-mismatch", pool.offer, f"{one}/x", b"1", container=one)
            self.assertEqual((error.fields["key"], error.fields["schema"]), (date, one))
            pool.offer(f"{one}/x", b"1", attributes={date: "2026-01-31", step: "6"}, container=one)
            pool.signal(f"{one}/y", {date: "2026-02-01", "user": "you"}, True, container=one)
            self.assertEqual([*pool.query(f'`{date}` < "2026-02-01"')], [(f"{one}/x", {
                date: january, step: 6, "user": "me", ".container": one})])
            [(_, definition, objects)] = pool.containers(one)
            self.assertEqual(definition, {
                "attributes": {"user": "me"}, "schemas": [one], "lifetimeMs": 3_600_000,
                "tags": {"for": [1, {"a": 0.5}]}, "documentation": "a run"})
            self.assertEqual(objects, 2)

            refused("bad-selector", pool.define_collection, one, "step >")
            pool.define_collection(one)
            pool.define_collection(f"{one}-late", f"`{step}` > 3")
            refused("bad-argument", pool.collect, f"{one}-late", "true")
            refused("unknown-definition", pool.uncollect, f"{one}-no", "true")
            self.assertEqual(pool.collect(one, f'name prefix "{one}/"'), (2, 2, []))
            pool.uncollect(one, f'name = "{one}/x"')
            both = f'.collection in ["{one}", "{one}-late"]'
            self.assertEqual(sorted(pool.query(both, detail="name")), [f"{one}/x", f"{one}/y"])
            self.assertEqual([pool.collections(one)[0].objects,
                              pool.collections(f"{one}-late")[0].objects], [1, None])
            self.assertEqual(pool.delete_collection(one), (1, 1, []))
            self.assertEqual(pool.delete_collection(f"{one}-late"), (0, 0, []))
            refused("unknown-definition", pool.collections, one)

            pool.relate(f"{one}/y", "depends-on", f"{one}/x")
            refused("object-depended-on", pool.delete, f"{one}/x")
            refused("unknown-object", pool.relate, f"{one}/no", "part-of", f"{one}/x")
            # "x" is looked at before "y", which depends on it.
            self.assertEqual(pool.delete_container(one, dry_run=True).selected, 2)
            self.assertEqual(pool.delete_container(one), (2, 2, []))
            refused("unknown-definition", pool.containers, one)
            self.assertEqual(pool.count(f'name prefix "{one}/" and .state = "offered"'), 0)
            pool.remove_schema(one)
            refused("unknown-definition", pool.remove_schema, one)

    def test_lineage(self) -> None:
        base = f"py/{os.getpid()}/lineage"
        with attacca.join("py-model[*]") as model, attacca.join("py-plot[*]") as plot:
            model.offer(f"{base}/t", b"1")
            plot.wait(f"{base}/t", timeout=10)
            plot.offer(f"{base}/map", b"22")
            plot.relate(f"{base}/map", "derived-from", f"{base}/paper")
            found = model.lineage(f"{base}/map")
            self.assertEqual([(each["name"], each["version"], each["state"], each["bytes"])
                              for each in found["nodes"]],
                             [(f"{base}/map", 1, "offered", 2), (f"{base}/t", 1, "offered", 1),
                              (f"{base}/paper", None, "unknown", None)])
            self.assertIn({"kind": "derived", "from": 0, "to": 1}, found["edges"])
            self.assertIn({"kind": "declared", "relation": "derived-from", "from": 0, "to": 2},
                          found["edges"])
            maker = found["activities"][found["nodes"][0]["activity"]]
            self.assertEqual((maker["member"], maker["pid"], maker["stay"]),
                             (plot.member, os.getpid(), "present"))
            self.assertIsInstance(found["nodes"][0]["time"], Timestamp)
            self.assertFalse(found["truncated"] or found["deeper"])
            model.demand(f"{base}/map", timeout=10).dispose()
            model.offer(f"{base}/poster", b"333")
            for depth, is_near in ((1, False), (2, True)):
                found = plot.lineage(f"{base}/t", depth)
                names = [each["name"] for each in found["nodes"]]
                self.assertEqual((f"{base}/poster" in names, found["deeper"]),
                                 (is_near, not is_near))
            with self.assertRaises(attacca.AttaccaError) as caught:
                model.lineage(f"{base}/nothing")
            self.assertEqual(caught.exception.code, "unknown-object")
