"""Objects, with a small fake pool."""

from __future__ import annotations

import array
import itertools
import os
import struct
import threading
import unittest
from typing import List

from support import numpy
from fake_connections import SLAB_BYTES
from fake_pool import WithPool
import attacca


class Objects(WithPool):
    def life(self, transport: str) -> None:
        fake = self.start(shared=transport != "socket")
        with self.join("producer[*]") as a, self.join() as b:
            self.assertEqual((a.member, a.name, a.id), ("producer[0]", "test", "p1"))
            self.assertEqual(a.transport, transport)
            for size in (0, 8, 16384, 16392, 1 << 20, 5 << 20):
                data = os.urandom(size)
                a.offer(f"t/{size}", data, dtype="float64", attributes={"size": size, "param": "t"})
                need = b.require(f"t/{size}")
                with need.demand(timeout=30) as d:
                    self.assertEqual(bytes(d), data)
                    self.assertEqual(d.attributes, {"size": size, "param": "t"})
                    self.assertTrue(d.view.readonly)
                    self.assertEqual((d.space.dtype, d.space.shape), ("float64", (size // 8,)))
                    if size:
                        self.assertEqual((d.view.format, d.view.shape), ("d", (size // 8,)))
                with self.code("wrong-state"):
                    print(d.view)
                own = b.demand(f"t/{size}", timeout=30, own=True)
                self.assertEqual(bytes(own), data)
                self.assertFalse(own.view.readonly)
                own.dispose()
                a.withdraw(f"t/{size}", timeout=5)
            self.assertEqual(a._offers, {})
            a.offer("last", b"x")
            handles = fake.sessions[1].handles
            names = a.leave(timeout=5)
            self.assertEqual(names, ["last"])
            self.assertEqual(a.leave(), [])
            self.assertTrue(fake.returned)
            self.assertEqual(handles, {})
        self.assertTrue(all(session.ended for session in fake.sessions.values()))
        self.assertEqual([h["name"] for h in fake.sessions[2].handles.values()], [])

    def test_life_shared_memory(self) -> None:
        self.life("shared-memory")

    def test_life_socket(self) -> None:
        self.life("socket")

    def test_forced_socket(self) -> None:
        self.start()
        self.assertEqual(self.join(transport="socket").transport, "socket")
        with self.code("mapping-unavailable"):
            self.fake.own("another")
            self.join(transport="shared-memory")

    def test_adopted_slab_is_read_only(self) -> None:
        self.start()
        adopted = os.path.join(self.fake.slabs, "slab-1")
        with open(adopted, "wb") as file:
            file.truncate(4096)
        os.chmod(adopted, 0o400)
        os.unlink(os.path.join(self.fake.slabs, "slab-0"))  # whatever order a directory has
        self.assertEqual(self.join().transport, "shared-memory")

    def test_whose_directory_nobody_knows(self) -> None:
        self.start()
        owner = os.path.join(self.fake.slabs, "owner.json")
        for text in ("", "[]", "{}", '"p1"'):
            with open(owner, "w", encoding="utf-8") as file:
                file.write(text)
            self.assertEqual(self.join().transport, "socket")
        os.unlink(owner)
        self.assertEqual(self.join().transport, "socket")

    def test_slab_that_does_not_open(self) -> None:
        self.start()
        with self.join() as pool:
            os.rename(os.path.join(self.fake.slabs, "slab-0"),
                      os.path.join(self.fake.slabs, "away"))
            pool.offer("a", bytes(1 << 20))
            self.assertEqual(pool.transport, "socket")
            self.assertEqual(bytes(pool.demand("a", 5)), bytes(1 << 20))
            self.assertEqual([n["code"] for n in pool.notices], ["mapping-unavailable"])

    def test_views(self) -> None:
        self.start()
        with self.join() as pool:
            pool.offer("grid", array.array("f", range(6000)), shape=(60, 100))
            with pool.demand("grid", 5) as d:
                self.assertEqual((d.view.shape, d.view[1, 2]), ((60, 100), 102.0))
            pool.offer("big", struct.pack(">3i", 1, 2, 3), dtype=">i4")
            with pool.demand("big", 5) as d:
                self.assertEqual((d.view.format, d.space.typestr), ("B", ">i4"))
                pool.offer("again", d)
            with pool.demand("again", 5) as d:
                self.assertEqual((d.space.shape, d.space.byteorder), ((3,), "big"))
            pool.offer("scalar", struct.pack("<d", 2.5), dtype="float64", shape=())
            self.assertEqual(pool.demand("scalar", 5).view[()], 2.5)

    @unittest.skipIf(numpy is None, "numpy is not installed")
    def test_numpy(self) -> None:
        self.start()
        with self.join() as pool:
            for number, (dtype, order) in enumerate(itertools.product(
                    ("bool", "float16", "<f4", ">f4", "complex64", "uint64", "int8"), "CF")):
                source = numpy.array(numpy.arange(30000).reshape(100, 300) % 7, dtype, order=order)
                name = f"n{number}"
                pool.offer(name, source)
                for own in (False, True):
                    with pool.demand(name, 5, own=own) as d:
                        found = numpy.asarray(d)
                        self.assertEqual(found.dtype, source.dtype)
                        self.assertEqual(found.flags.f_contiguous, order == "F")
                        self.assertEqual(found.flags.writeable, own)
                        self.assertTrue((found == source).all())
                        pool.offer(f"{name}{own}", found[::2])
                        pool.offer(f"{name}{own}.t", numpy.asfortranarray(found), order="C")
                with pool.demand(f"{name}True", 5) as d, pool.demand(f"{name}True.t", 5) as t:
                    self.assertTrue((numpy.asarray(d) == source[::2]).all())
                    self.assertTrue(numpy.asarray(t).flags.c_contiguous)
                    self.assertTrue((numpy.asarray(t) == source).all())
            pool.offer("dtype", bytes(8), dtype=numpy.float32, shape=(numpy.int64(2),),
                       attributes={"scale": numpy.float32(0.5), "n": numpy.int64(3)})
            with pool.demand("dtype", 5) as d:
                self.assertEqual(d.attributes, {"scale": 0.5, "n": 3})
            pool.offer("empty", numpy.zeros((0, 5)))
            self.assertEqual(numpy.asarray(pool.demand("empty", 5)).shape, (0, 5))

    def test_structs_without_numpy(self) -> None:
        self.start()
        with self.join() as pool:
            dtype = "{x:float32@0,n:int16@4;8}"
            raw = b"".join(struct.pack("<fhxx", x, n) for x, n in ((1.5, 2), (2.5, 3)))
            pool.offer("p", raw, dtype="{x:float32,n:int16;8}")
            with pool.demand("p", 5, dtype=dtype) as d:
                self.assertEqual((d.space.dtype, d.space.shape), (dtype, (2,)))
                self.assertEqual(bytes(d), raw)
                pool.offer("again", d)
            with pool.demand("again", 5) as d:
                self.assertEqual((d.space.dtype, bytes(d)), (dtype, raw))
            pool.offer("s", b"ab\0cde", dtype="string[3]")
            with pool.demand("s", 5) as d:
                self.assertEqual((d.space.dtype, d.space.shape), ("string[3]", (2,)))

    @unittest.skipIf(numpy is None, "numpy is not installed")
    def test_structs_of_numpy(self) -> None:
        self.start()
        inner = numpy.dtype([("a", "i1"), ("b", "<f8")], align=True)
        dtypes = (
            numpy.dtype([("x", "<f4"), ("n", "<i2")]),
            numpy.dtype([("x", ">f4"), ("tag", "S3"), ("n", ">i8")], align=True),
            numpy.dtype([("p", inner), ("a b", "?"), ("z", "<c16")]),
            numpy.dtype({"names": ["late", "early"], "formats": ["<u2", "<f2"],
                         "offsets": [10, 2], "itemsize": 20}),
            numpy.dtype("S5"))
        with self.join() as pool:
            for number, (dtype, order) in enumerate(itertools.product(dtypes, "CF")):
                source = numpy.zeros((6, 4), dtype, order=order)
                for name in dtype.names or ():
                    if dtype[name].names is None:
                        source[name] = numpy.arange(24).reshape(6, 4) % 7
                if dtype.names is None:
                    source[:] = [[b"ab", b"", b"cdefg", b"x"]] * 6
                pool.offer(f"n{number}", source)
                with pool.demand(f"n{number}", 5) as d:
                    found = numpy.asarray(d)
                    self.assertEqual(d.space.itemsize, dtype.itemsize)
                    self.assertEqual(d.space.numpy_dtype.fields and {
                        name: field[:2] for name, field in d.space.numpy_dtype.fields.items()},
                        dtype.fields and {n: f[:2] for n, f in dtype.fields.items()})
                    self.assertEqual(found.flags.f_contiguous, order == "F")
                    for name in dtype.names or ():
                        self.assertTrue((found[name] == source[name]).all(), (dtype, name))
                    if dtype.names is None:
                        self.assertTrue((found == source).all())
                    pool.offer(f"m{number}", found[::2])
                with pool.demand(f"m{number}", 5) as d:
                    for name in dtype.names or ():
                        self.assertTrue((numpy.asarray(d)[name] == source[::2][name]).all())
            for bad in ([("x", "<f4"), ("y", ">f4")], [("x", "<f4", (2,))], [("x", "O")],
                        [("x", "U3")]):
                with self.assertRaises(attacca.AttaccaError) as caught:
                    pool.offer("bad", bytes(24), dtype=numpy.dtype(bad))
                self.assertEqual(caught.exception.code, "bad-space")

    def test_the_rest(self) -> None:
        self.start()
        with self.join() as pool:
            for name in "abcde":
                pool.signal(name, {"n": name})
            self.assertEqual(pool.wait("a", 5), {"n": "a"})
            self.assertEqual([*pool.list()], list("abcde"))
            pool.tag("a", set={"good": True, "n": "z"})
            pool.untag("a", "good")
            self.assertEqual(pool.wait("a", 5), {"n": "z"})
            self.assertEqual(pool.stat("a"), {"name": "a"})
            self.assertEqual(pool.members(), [{"name": "a"}])
            self.assertEqual(pool.info(), {"pool": "p1"})
            self.assertEqual([pool.explain("a"), pool.explain(), pool.explain(rings=True),
                              pool.explain_selector("has a")], [0, 1, 2, 3])
            with pool.promise("t/*") as promise:
                self.assertEqual(promise.pattern, "t/*")
            promise.close()
            self.assertEqual(self.fake.effects.count("CLOSE"), 1)
            pool.delete("b")
            with self.code("unknown-object"):
                pool.stat("nothing")
            pool.offer("kept", b"1", keep=True)
            pool.withdraw("kept")
            with self.code("unknown-object"):
                pool.withdraw("kept")
            pool.require("x")
            with pool.require("y"):
                pool.retract("x")
            self.assertEqual(pool._requires, {})
            with self.code("bad-attribute"):
                pool.signal("z", {"n": None})
            with self.code("bad-attribute"):
                pool.signal("z", {"": 1})
            with self.code("already-offered"):
                pool.signal("c")
            with self.code("bad-argument"):
                pool.require("c", shape=(-1,))
            pool._ask("PING", "OK")
            self.assertEqual({h["state"] for h in self.fake.sessions[1].handles.values()},
                             {"offered"})

    def test_own_takes_the_slice(self) -> None:
        fake = self.start()
        with self.join() as pool:
            pool.offer("a", bytes(range(256)) * 256)
            fake.on["own"] = lambda: None  # what is demanded as own is given
            self.assertEqual(bytes(pool.demand("a", 5, own=True)), bytes(range(256)) * 256)
            pool._ask("PING", "OK")
            self.assertEqual(fake.returned, [(0, 65536)])

    def test_reclaim_and_notice(self) -> None:
        fake = self.start()
        with self.join() as pool:
            pool.offer("a", bytes(100_000))
            seen = threading.Event()
            fake.on["RETURN"] = seen.set
            fake.say_now("RECLAIM", bytes=1)
            self.assertTrue(seen.wait(5))
            fake.say_now("NOTICE", code="pool-stopping", message="soon", fields={})
            fake.say_now("SLAB_GONE", slab=0)
            pool._ask("PING", "OK")
            self.assertEqual(pool.notices[0]["code"], "pool-stopping")
            pool.offer("b", bytes(100_000))
        self.assertEqual(fake.effects.count("LEASE"), 2)

    def test_grants_off_the_page(self) -> None:
        self.start(misalign=64)
        with self.join() as pool:
            pool.offer("a", b"x" * (2 << 20))
            self.assertEqual(bytes(pool.demand("a", 5)), b"x" * (2 << 20))

    def test_memory_full(self) -> None:
        self.start()
        with self.join() as pool:
            with self.code("memory-full"):
                pool.offer("a", bytes(SLAB_BYTES + 1))
            pool.offer("a", bytes(1 << 20))

    def test_threads(self) -> None:
        fake = self.start()
        failed: List[BaseException] = []
        with self.join() as pool:
            def work(k: int) -> None:
                try:
                    for i in range(40):
                        size = (10, 20_000, 100_000)[i % 3]
                        pool.offer(f"{k}/{i}", bytes([k]) * size, attributes={f"k{i}": k})
                        with pool.demand(f"{(k + 1) % 4}/{i}", 20) as d:
                            assert bytes(d) == bytes([(k + 1) % 4]) * size
                            assert d.attributes == {f"k{i}": (k + 1) % 4}
                        if i % 10 == 5:
                            fake.lose()
                except BaseException as error:
                    failed.append(error)
            threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
        self.assertEqual(failed, [])
        self.assertEqual(fake.effects.count("OFFER"), 160)
        self.assertGreater(fake.connections, 1)
