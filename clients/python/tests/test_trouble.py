"""Connections, memory and processes that go."""

from __future__ import annotations

import math
import os
import signal
import threading
import unittest
import unittest.mock
from typing import List

from fake_pool import WithPool
import attacca
from attacca.layouts import _message
from attacca.session import _Call


class Trouble(WithPool):
    def test_connection_lost_in_mid_frame(self) -> None:
        for which in ("cut_in", "cut_out"):
            fake = self.start()
            with self.join() as pool:
                setattr(fake, which, 1)
                for i in range(20):
                    pool.offer(f"{i}", bytes(i * 1000))
                    self.assertEqual(len(bytes(pool.demand(f"{i}", 10))), i * 1000)
                pool._ask("PING", "OK")
                self.assertEqual((getattr(fake, which), fake.connections), (0, 2))
            self.assertEqual(fake.effects.count("OFFER"), 20)
            self.assertEqual(fake.effects.count("DEMAND"), 20)

    def test_data_connection_lost(self) -> None:
        fake = self.start(shared=False)
        with self.join() as pool:
            pool.offer("a", b"abc" * (1 << 20))
            fake.cut_data = 1
            self.assertEqual(bytes(pool.demand("a", 10)), b"abc" * (1 << 20))
            self.assertEqual(fake.cut_data, 0)

    def test_memory_lost(self) -> None:
        fake = self.start(shared=False)
        with self.join() as pool:
            pool.offer("a", bytes(300_000))
            fake.lose_memory()
            pool.stat("a")  # the session has gone on
            # More was leased than was needed: what is left of that is gone, too.
            pool.offer("b", b"b" * 300_000)
            self.assertEqual(bytes(pool.demand("b", 10)), b"b" * 300_000)
            with self.code("object-lost"):
                pool.demand("a", 10)

    def test_memory_never_there(self) -> None:
        fake = self.start(shared=False)
        with self.join() as pool:
            pool.offer("a", bytes(300_000))
            for session in fake.sessions.values():
                session.leases.clear()
            with self.code("bad-lease"):  # the same manager: a fault
                pool.offer("b", bytes(300_000))
        self.assertEqual(set(fake.bad), {"returned what was not leased"})
        fake.bad.clear()

    def test_lost_while_waiting(self) -> None:
        fake = self.start()
        with self.join() as a, self.join("b") as b:
            fake.on["DEMAND"] = fake.lose
            waiter = threading.Thread(target=lambda: found.append(bytes(a.demand("x", 20))))
            found: List[bytes] = []
            waiter.start()
            b.offer("x", b"there")
            waiter.join(20)
            self.assertEqual(found, [b"there"])

    def test_session_gone(self) -> None:
        fake = self.start()
        pool = self.join()
        fake.refuse_resume = True
        fake.on["DEMAND"] = fake.lose
        with self.code("session-unknown"):
            pool.demand("x", 20)
        with self.code("session-unknown"):
            pool.stat("x")
        pool.close()
        with self.code("session-unknown"):
            pool.stat("x")

    def test_no_pool(self) -> None:
        with self.code("pool-unreachable") as caught:
            attacca.join("a", "unix:/nowhere/at/all")
        self.assertTrue(caught.error.retryable)
        self.start()
        with self.code("wrong-token"):
            attacca.join("a", self.fake.address + "?token=x")
        with self.code("name-in-use") as caught:
            self.join("taken")
        self.assertEqual(caught.error.fields, {"n": 1})

    def test_a_pool_that_was_stopped_is_left(self) -> None:
        fake = self.start()
        with self.join() as pool:
            pool.offer("a", b"1")
            fake.stop()
            with self.code("pool-stopping"):
                pool.demand("never", timeout=20)
        self.assertEqual(pool.leave(), [])
        with self.join("b") as pool:
            fake.on["LEAVE"] = fake.stop
            fake.mute.add("LEAVE")

    def test_a_pool_that_is_not_served_yet(self) -> None:
        fake = self.start(listen=False)
        with self.code("pool-unreachable"):
            self.join()
        with self.code("pool-unreachable"):
            self.join(connect_timeout=0.05)
        with unittest.mock.patch.object(attacca.session.time, "sleep", lambda _: fake.listen()):
            pool = self.join(connect_timeout=30)
        with pool:
            pool._ask("PING", "OK")
        fake.cut_hello = 1
        with self.code("pool-unreachable"):
            self.join("b")
        fake.cut_hello = 2
        with self.join("b", connect_timeout=30) as pool:
            pool._ask("PING", "OK")
        self.assertEqual(fake.cut_hello, 0)
        os.environ["ATTACCA_CONNECT_MS"] = "5s"
        try:
            with self.code("bad-argument"):
                self.join()
        finally:
            del os.environ["ATTACCA_CONNECT_MS"]

    def test_deadline(self) -> None:
        self.start()
        with self.join() as pool:
            with self.code("deadline-passed") as caught:
                pool.demand("never", timeout=0.02)
            self.assertTrue(caught.error.retryable)
            need = pool.require("later")
            with self.code("deadline-passed"):
                need.demand(timeout=0.02)
            pool.offer("later", b"1")
            self.assertEqual(bytes(need.demand(timeout=5)), b"1")
            pool._ask("PING", "OK")
            self.assertEqual([h["state"] for h in self.fake.sessions[1].handles.values()],
                             ["offered"])

    def test_deadline_of_a_silent_pool(self) -> None:
        fake = self.start()
        self.addCleanup(setattr, attacca.session, "_GRACE_S", attacca.session._GRACE_S)
        attacca.session._GRACE_S = 0.05
        with self.join() as pool:
            fake.mute = {"DEMAND", "STAT", "COUNT"}
            for wrong in (0, -1, math.nan):
                with self.code("deadline-passed"):
                    pool.count(timeout=wrong)
            with self.code("deadline-passed"):
                pool.demand("x", timeout=0.02)
            pool._ask("PING", "OK")
            self.assertIn("CANCEL", fake.effects)

    def test_interrupt(self) -> None:
        fake = self.start()
        with self.join() as pool:
            need = pool.require("x")
            fake.on["DEMAND"] = lambda: os.kill(os.getpid(), signal.SIGINT)
            with self.assertRaises(KeyboardInterrupt):
                need.demand(timeout=attacca.NEVER)
            pool.offer("x", b"1")
            self.assertEqual(bytes(need.demand(timeout=5)), b"1")
            fake.on["DEMAND"] = lambda: os.kill(os.getpid(), signal.SIGINT)
            with self.assertRaises(KeyboardInterrupt):
                pool.demand("y", timeout=30)
            pool._ask("PING", "OK")
            self.assertGreaterEqual(fake.effects.count("CANCEL"), 2)
            self.assertEqual([h["state"] for h in fake.sessions[1].handles.values()], ["offered"])

    def test_answer_that_crosses_an_interrupt_is_kept(self) -> None:
        fake = self.start()
        with self.join() as pool:
            need = pool.require("x")
            pool.offer("x", bytes(50_000))
            call = _Call([_message("DEMAND", handle=need._handle, deadline=0,
                                                   mode=0, policy=0, want=1)], need._keep)
            pool._session._submit(call)
            self.assertTrue(call.done.acquire(True, 5))
            pool._session._inbox.append((call, True))  # as an interrupt at this point does
            pool._ask("PING", "OK")
            with need.demand(timeout=5) as found:
                self.assertEqual(bytes(found), bytes(50_000))
            self.assertEqual(fake.effects.count("DEMAND"), 1)

    def test_exception_in_the_block_ends_without_leave(self) -> None:
        fake = self.start()
        with self.assertRaises(ZeroDivisionError):
            with self.join():
                1 / 0
        self.assertNotIn("LEAVE", fake.effects)
        self.assertIn("END", fake.effects)

    def test_fork(self) -> None:
        self.start()
        with self.join() as pool:
            child = os.fork()
            if child == 0:
                try:
                    pool.stat("x")
                except attacca.AttaccaError as error:
                    os._exit(0 if error.code == "not-allowed" else 2)
                os._exit(1)
            self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0)
