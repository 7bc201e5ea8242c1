"""The life of objects and of connections."""

from __future__ import annotations

import array
import os
import signal
import socket
import threading

from support import PoolCase
import attacca
from attacca import Space, Timestamp


class Life(PoolCase):
    def life(self, transport: str) -> None:
        tag = f"py/{os.getpid()}/{transport}"
        with attacca.join("py-producer[*]", transport=transport) as a, attacca.join(
                "py-consumer[*]", transport=transport) as b:
            self.assertEqual(a.transport, transport)
            for size in (0, 40, 16384, 100_000, 1 << 20, 3 << 20, (9 << 20) + 8):
                name, data = f"{tag}/{size}", os.urandom(size)
                need = b.require(name, dtype="float64")
                a.offer(name, data, dtype="float64", attributes={"size": size, "at": Timestamp(1)})
                with need.demand(timeout=30) as d:
                    self.assertEqual(bytes(d), data)
                    self.assertEqual(d.attributes, {"size": size, "at": 1})
                    self.assertEqual(d.space, Space("float64", (size // 8,), "row", "little"))
                    self.assertTrue(d.view.readonly)
                    self.assertEqual(d.version, 1)
                with b.demand(name, timeout=30, own=True) as d:
                    self.assertEqual(bytes(d), data)
                    self.assertFalse(d.view.readonly)
                b.tag(name, set={"good": True})
                self.assertIn(name, [*a.list(f"{tag}/*")])
                self.assertEqual([*b.query(f'name = "{name}" and good = true')],
                                 [(name, {"size": size, "at": 1, "good": True})])
                self.assertIsInstance(b.stat(name), dict)
                a.withdraw(name, timeout=10)
            a.offer(f"{tag}/grid", array.array("f", range(60_000)), shape=(200, 300))
            with b.demand(f"{tag}/grid", timeout=30) as d:
                self.assertEqual((d.view.shape, d.view[1, 2]), ((200, 300), 302.0))
            with self.assertRaises(attacca.AttaccaError) as caught:
                b.require(f"{tag}/grid", dtype="int32").demand(timeout=5)
            self.assertEqual(caught.exception.code, "object-mismatch")
            with self.assertRaises(attacca.AttaccaError) as caught:
                b.demand(f"{tag}/never", timeout=0.05)
            self.assertEqual(caught.exception.code, "deadline-passed")
            a.offer(f"{tag}/kept", b"k" * 100, keep=True)
            with a.promise(f"{tag}/p/*"):
                a.signal(f"{tag}/p/1")
            b.wait(f"{tag}/p/1", timeout=10)
            self.assertIsInstance(b.members(), list)
            self.assertIsInstance(b.info(), dict)
            b.explain(f"{tag}/grid"), b.explain(), b.explain(rings=True)
            names = a.leave(timeout=10)
            self.assertIn(f"{tag}/grid", names)
            with b.demand(f"{tag}/kept", timeout=10) as d:
                self.assertEqual(bytes(d), b"k" * 100)
            b.withdraw(f"{tag}/kept", timeout=10)

    def test_shared_memory(self) -> None:
        if os.environ.get("ATTACCA_TRANSPORT") == "socket":
            self.skipTest("ATTACCA_TRANSPORT is socket")
        with attacca.join("py[*]") as pool:
            # What the pool says, not what the client makes of it: that is what is tested.
            if not pool._session.info["slabs"]:
                self.skipTest("the pool has no shared memory")
        self.life("shared-memory")

    def test_socket(self) -> None:
        self.life("socket")

    def test_lost_connection(self) -> None:
        name = f"py/{os.getpid()}/lost"
        with attacca.join("py[*]") as pool:
            for i in range(20):
                pool.offer(f"{name}/{i}", bytes(i * 5000))
                pool._session._sock.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]
                with pool.demand(f"{name}/{i}", timeout=30) as d:
                    self.assertEqual(d.nbytes, i * 5000)

    def test_interrupt(self) -> None:
        name = f"py/{os.getpid()}/interrupt"
        with attacca.join("py[*]") as pool:
            need = pool.require(name)
            timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
            timer.start()
            with self.assertRaises(KeyboardInterrupt):
                need.demand(timeout=30)
            pool.offer(name, b"1")
            with need.demand(timeout=10) as d:
                self.assertEqual(bytes(d), b"1")

    def test_errors(self) -> None:
        with attacca.join("py[*]") as pool:
            name = f"py/{os.getpid()}/twice"
            pool.offer(name, b"1")
            for code, call in (("already-offered", lambda: pool.offer(name, b"2")),
                               ("bad-name", lambda: pool.offer("", b"2")),
                               ("unknown-object", lambda: pool.stat(name + "/no"))):
                with self.assertRaises(attacca.AttaccaError) as caught:
                    call()
                self.assertEqual(caught.exception.code, code)
