"""Queries, changes and definitions, with a small fake pool."""

from __future__ import annotations

import datetime
import math
import random
import unittest
import unittest.mock
from typing import Dict, List

from support import ORDER
from fake_pool import WithPool
import attacca
from attacca import Timestamp
from attacca.limits import _PAGES


class Queries(WithPool):
    def test_queries(self) -> None:
        fake = self.start()
        with self.join() as pool:
            for i in range(10):
                pool.signal(f"t/{i}", {"step": i})
            pool.signal("u", {"level": 1.5})
            names = [f"t/{i}" for i in range(10)]
            self.assertEqual([*pool.query('name prefix "t/"', detail="name")], names)
            self.assertEqual([*pool.query()][-1], attacca.Found("u", {"level": 1.5}))
            self.assertEqual([name for name, _ in pool.query(limit=5)], names[:5])
            self.assertEqual([*pool.query('name prefix "u"', detail="all")],
                             [{"name": "u", "state": "offered"}])
            self.assertEqual([*pool.list(detail=True)][0], {"name": "t/0", "state": "offered"})
            self.assertEqual((pool.count(), pool.count('name prefix "t/"')), (11, 10))
            before = fake.effects.count("QUERY")
            self.assertEqual([*pool.query(limit=0)], [])
            pages = pool.query(detail="name", limit=6)
            self.assertEqual(fake.effects.count("QUERY"), before)
            self.assertEqual([next(pages) for _ in range(4)], names[:4])
            self.assertEqual(fake.effects.count("QUERY"), before + 1)  # the next when it is wanted
            self.assertEqual([*pages], names[4:6])
            self.assertEqual(fake.asked[-1]["limit"], 6)
            for query in (pool.query("nothing"), pool.query("nothing", sort="a")):
                with self.code("bad-selector") as caught:
                    next(query)
                self.assertEqual(caught.error.fields["position"], 7)
            with self.code("bad-selector"):
                pool.count("nothing")
            for wrong in ({"detail": "names"}, {"limit": -1}):
                with self.assertRaises(ValueError):
                    pool.query(**wrong)

    def test_globs_are_quoted(self) -> None:
        fake = self.start()
        with self.join() as pool:
            for glob, quoted in (("t/*", "t/*"), ('a"b', 'a\\"b'), ("a\\*", "a\\\\*"),
                                 ("a\nb\tc", "a\\nb\\tc"), ("'é😀`", "'é😀`"), ("", "")):
                with self.code("bad-selector"):
                    next(pool.list(glob))
                self.assertEqual(fake.asked[-1]["selector"], f'name ~ "{quoted}"')

    def test_sorted_queries(self) -> None:
        fake = self.start()
        values = [(value, at) for at, row in enumerate(ORDER) for value in row]
        rank: Dict[str, int] = {}
        with self.join() as pool:
            chance = random.Random(3)
            chance.shuffle(values)
            for i, (value, at) in enumerate(values):
                name = f"{chance.choice('zé😀')}{i}"
                rank[name] = at
                pool.signal(name, {"v": value})
            for name in ("none/2", "none/1"):
                pool.signal(name)
            names = sorted(rank)  # in the order of code points, as bytes are
            up = [*sorted(names, key=lambda name: rank[name]), "none/1", "none/2"]
            down = [*sorted(names, key=lambda name: -rank[name]), "none/1", "none/2"]
            for pages, room in ((3, 99), (7, 99), (7, 2), (4096, 99), (4096, 1)):
                fake.part = pages + 2
                fake.sort_rows_max = room
                with unittest.mock.patch.dict(_PAGES, name=pages, attributes=pages):
                    self.assertEqual([*pool.query(detail="name", sort="v")], up)
                    self.assertEqual([found.name for found in pool.query(sort="-v")], down)
                    self.assertEqual([*pool.query(detail="name", sort="-v", limit=10)], down[:10])
            self.assertEqual([each["name"] for each in pool.query(detail="all", sort="v")], up)
            fake.asked.clear()
            self.assertEqual([*pool.query('name prefix "nothing"', sort="v")], [])
            self.assertEqual([each["place"] for each in fake.asked], [None])  # no second page

    def test_sorted_while_the_pool_changes(self) -> None:
        self.start()
        with self.join() as pool, unittest.mock.patch.dict(_PAGES, name=2):
            for i in (1, 3, 5, 7, 9):
                pool.signal(f"{i}", {"v": i})
            found = pool.query(detail="name", sort="v")
            self.assertEqual([next(found), next(found)], ["1", "3"])
            pool.withdraw("3")
            for i in (2, 6):
                pool.signal(f"{i}", {"v": i})
            self.assertEqual([*found], ["5", "6", "7", "9"])

    def test_facets(self) -> None:
        fake = self.start()
        with self.join() as pool:
            fake.part = 100
            self.assertEqual(pool.facets("v"), attacca.Facets("v", 0, [], 0, 0, True))
            self.assertEqual(pool.histograms("v"), [])
            for i, value in enumerate([5, 5.0, "a", 5, "a", b"a", True, 1, "a"]):
                pool.signal(f"{i}", {"v": value})
            pool.signal("none")
            fake.part = 3
            found = pool.facets("v")
            self.assertEqual(found.values, [(5, 3), ("a", 3), (1, 1), (b"a", 1), (True, 1)])
            self.assertEqual([type(value) for value, _ in found.values],
                             [int, str, int, bytes, bool])
            self.assertEqual(found[3:], (0, 0, True))
            self.assertEqual((found.key, found.objects), ("v", 9))
            self.assertEqual(pool.facets("v", limit=2), attacca.Facets(
                "v", 9, [(5, 3), ("a", 3)], 3, 3, True))
            self.assertEqual(pool.facets("v", 'name prefix "0"').values, [(5, 1)])
            fake.part = 100
            found = pool.facets("v")  # of one part it is known what all the others have
            self.assertEqual((found.other_values, found.is_exact), (3, True))
            fake.part = 5
            found = pool.facets("v")  # in the second part one of four values has no room
            self.assertEqual((found.objects, found.other_values, found.other_objects,
                              found.is_exact), (9, 1, 1, False))
            self.assertEqual(sum(count for _, count in found.values), 8)

    def test_histograms(self) -> None:
        fake = self.start()
        numbers = [float(i * i) for i in range(12)]
        with self.join() as pool:
            for i, number in enumerate(numbers):
                pool.signal(f"{i}", {"v": number})
                pool.signal(f"t{i}", {"v": Timestamp(10 ** 18 + i)})
            fake.part = 5
            of_numbers, of_times = pool.histograms("v")
            self.assertEqual((of_numbers.of, of_numbers.least, of_numbers.most), (
                "numbers", 0.0, 121.0))
            self.assertEqual((sum(of_numbers.bins), of_numbers.objects), (12, 12))
            width = 2.0 ** of_numbers.exponent
            for i, count in enumerate(of_numbers.bins, of_numbers.first):
                self.assertEqual(count, sum(i * width <= n < (i + 1) * width for n in numbers))
            self.assertEqual((of_times.of, sum(of_times.bins)), ("timestamps", 12))
            self.assertEqual((of_times.least, type(of_times.least)), (10 ** 18, Timestamp))
            [only] = pool.histograms("v", 'name prefix "t"')
            self.assertEqual(only, of_times)

    def test_changes_of_what_is_selected(self) -> None:
        fake = self.start()
        with self.join() as pool:
            for i in range(9):
                pool.offer(f"a/{i}", b"1", keep=True)
            pool.offer("a/needed", b"1", keep=True)
            seen: List[int] = []
            selector = 'name prefix "a/"'
            dry = pool.tag_selected(selector, {"good": 1}, dry_run=True, progress=seen.append)
            self.assertEqual((dry, seen), (attacca.Changed(10, 10, []), [4, 8, 10]))
            self.assertEqual(pool.facets("good").objects, 0)
            pool.tag_selected(selector, {"good": 1, "bad": 2})
            pool.tag_selected('name prefix "a/1"', {"better": 2}, ["good"])
            self.assertEqual(pool.facets("good").values, [(1, 9)])
            self.assertEqual(pool.untag_selected(selector, "good", "bad").changed, 10)
            self.assertEqual([a for _, a in pool.query()][:2], [{}, {"better": 2}])
            self.assertEqual(pool.delete_selected(selector, dry_run=True).changed, 9)
            self.assertEqual(pool.count(), 10)
            refused = [{"name": "a/needed", "code": "object-required", "message": "Cannot"}]
            self.assertEqual(pool.unkeep_selected('name prefix "a/8"'), (1, 1, []))
            self.assertEqual(pool.delete_selected(selector), (9, 8, refused))
            self.assertEqual(pool.delete_selected(selector, force=True), (1, 1, []))
            self.assertEqual(pool.count(), 0)
            self.assertEqual(sorted({*fake.ends}), [0, 1, 2])
            with self.code("bad-selector"):
                pool.delete_selected("nothing")
            with self.code("bad-attribute"):
                pool.tag_selected(selector, {"a": None})

    def test_definitions(self) -> None:
        fake = self.start()
        schema = {"schema-name": "fields", "schema-version": 1, "attributes": [
            {"key": "step", "type": "int()", "required": True}]}
        with self.join() as pool:
            pool.define_schema(schema)
            self.assertEqual(pool.schemas(), [attacca.Definition("fields", schema, None)])
            for wrong in ({}, {"schema-name": 5}, {"schema-name": ""}, None, [schema]):
                with self.code("bad-schema") as caught:
                    pool.define_schema(wrong)  # type: ignore[arg-type]
                self.assertEqual(caught.error.fields, {"schema": "", "path": "schema-name"})
            with self.assertRaises(TypeError):  # as PyYAML reads a date
                pool.define_schema({**schema, "default": datetime.date(2026, 1, 31)})
            self.assertEqual(fake.effects.count("DEFINE"), 1)
            pool.define_container("all", attributes={"user": "me"}, schemas=("fields",),
                                  lifetime=1.5, tags={"for": "x"}, documentation="a run")
            pool.define_container("none")
            pool.define_collection("late", "step > 120", tags={"a": 1}, documentation="d")
            pool.define_collection("list")
            self.assertEqual(fake.definitions[1:], [
                {"all": {"attributes": {"user": "me"}, "schemas": ["fields"], "lifetimeMs": 1500,
                         "tags": {"for": "x"}, "documentation": "a run"}, "none": {}},
                {"late": {"selector": "step > 120", "tags": {"a": 1}, "documentation": "d"},
                 "list": {}}])
            self.assertEqual([each.name for each in pool.containers()], ["all", "none"])
            self.assertEqual(pool.collections("list"), [attacca.Definition("list", {}, 0)])
            pool.remove_schema("fields")
            self.assertEqual(pool.schemas(), [])
            for call in (pool.schemas, pool.containers, pool.collections, pool.remove_schema,
                         pool.delete_container, pool.delete_collection):
                with self.code("unknown-definition") as caught:
                    call("nothing")
                self.assertEqual(caught.error.fields["name"], "nothing")
            for wrong_lifetime in (-1, math.nan):
                with self.assertRaises(ValueError):
                    pool.define_container("wrong", lifetime=wrong_lifetime)

    def test_containers(self) -> None:
        fake = self.start()
        fake.part = 2
        name = 'run "42"\\\n'  # quoted where a selector names it
        with self.join() as pool:
            pool.define_container(name, attributes={"user": "me", "step": 0})
            pool.signal("a", {"step": 1}, keep=True, container=name)
            pool.offer("b", b"1", attributes={".container": "hidden"}, container=name, keep=True)
            pool.signal("outside")
            self.assertEqual(pool.wait("a", 5), {"user": "me", "step": 1, ".container": name})
            self.assertEqual(pool.wait("b", 5), {"user": "me", "step": 0, ".container": name})
            with self.code("unknown-definition"):
                pool.signal("c", container="none")
            for each in "cde":
                pool.signal(each, keep=True, container=name)
            pool.signal("f/needed", keep=True, container=name)
            # Each is looked at before the one that depends on it.
            for one, other in ("ba", "cb", "dc"):
                pool.relate(one, "depends-on", other)
            seen: List[int] = []
            dry = pool.delete_container(name, dry_run=True, progress=seen.append)
            self.assertEqual((dry.selected, dry.changed, seen), (6, 2, [2, 3, 5, 6]))
            self.assertEqual(pool.containers()[0].objects, 6)
            done = pool.delete_container(name)
            self.assertEqual(done, (6, 5, [
                {"name": "f/needed", "code": "object-required", "message": "Cannot"}]))
            self.assertEqual(pool.containers()[0].objects, 1)
            self.assertEqual(pool.delete_container(name), (1, 0, done.refused))
            for dry_run in (True, False):
                self.assertEqual(len(pool.containers()), 1)
                self.assertEqual(pool.delete_container(name, force=True, dry_run=dry_run),
                                 (1, 1, []))
            self.assertEqual((pool.containers(), [*pool.list()]), ([], ["outside"]))

    def test_collections(self) -> None:
        fake = self.start()
        fake.part = 2
        name = 'a "list"'
        with self.join() as pool:
            for i in range(5):
                pool.signal(f"t/{i}")
            pool.define_collection(name)
            pool.define_collection("late", "has step")
            seen: List[int] = []
            dry = pool.collect(name, 'name prefix "t/"', dry_run=True, progress=seen.append)
            self.assertEqual((dry, seen), (attacca.Changed(5, 5, []), [2, 4, 5]))
            self.assertEqual(pool.collections(name)[0].objects, 0)
            pool.collect(name, 'name prefix "t/"')
            self.assertEqual(pool.uncollect(name, 'name = "t/3"'), (1, 1, []))
            self.assertEqual(pool.collections(name)[0].objects, 4)
            self.assertEqual(pool.delete_collection(name, dry_run=True).selected, 4)
            self.assertEqual(pool.collections(name)[0].objects, 4)
            self.assertEqual(pool.delete_collection(name), (4, 4, []))
            fake.asked.clear()
            self.assertEqual(pool.delete_collection("late"), (0, 0, []))
            self.assertEqual(fake.asked, [])  # in it is what its selector selects
            self.assertEqual((pool.collections(), pool.count()), ([], 5))
            with self.code("bad-selector"):
                pool.collect(name, "nothing")

    def test_relations(self) -> None:
        fake = self.start()
        with self.join() as pool:
            pool.signal('a "b"')
            pool.signal("none", {".part-of": "a text"})
            for relation in ("derived-from", "part-of", "supersedes", "depends-on"):
                pool.relate('a "b"', relation, "x")
                pool.relate('a "b"', relation, "y")
                pool.unrelate('a "b"', relation, "x")
                self.assertEqual(pool.wait('a "b"', 5)[f".{relation}"], ["y"])
            for call in (pool.relate, pool.unrelate):
                with self.code("unknown-object") as caught:
                    call("nothing", "part-of", "x")
                self.assertEqual(caught.error.fields, {"name": "nothing"})
                with self.code("bad-attribute") as caught:
                    call("none", "part-of", "x")
                self.assertEqual((caught.error.message, caught.error.fields),
                                 ("Cannot: no list", {"name": "none"}))
                with self.assertRaises(ValueError):
                    call("none", "container", "x")
            self.assertEqual([pool.lineage("none")["deeper"],
                              pool.lineage("none", depth=1)["deeper"]], [False, True])
            with self.code("unknown-object"):
                pool.lineage("nothing")
            with self.code("bad-argument"):
                pool.lineage("none", depth=-1)
            self.assertEqual(fake.effects.count("LINEAGE"), 3)
