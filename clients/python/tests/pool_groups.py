"""Groups: offered, and had, as one."""

from __future__ import annotations

import array
import os
import signal
import threading
import unittest
from typing import Any, List, Optional

from support import numpy, PoolCase
import attacca


class Groups(PoolCase):
    def setUp(self) -> None:
        self.tag = f"py/{os.getpid()}/{self.id().rpartition('.')[2]}"

    def both(self, transport: Optional[str] = None) -> List[attacca.Pool]:
        found = [attacca.join(f"py-{name}[*]", transport=transport) for name in ("made", "had")]
        for pool in found:
            self.addCleanup(pool.close)
        return found

    def nothing_of(self, pool: attacca.Pool) -> None:
        select = f'name ~ "{self.tag}*" and .state = "offered"'
        self.assertEqual([*pool.query(select, detail="name")], [])

    def whole(self, transport: str) -> None:
        a, b = self.both(transport)
        names = [f"{self.tag}/{transport}/{each}" for each in ("t", "small", "large", "none")]
        name, large = f"{self.tag}/{transport}", os.urandom(3 << 20)
        need = b.require(name)
        with a.group(name, attributes={"step": 24}) as step:
            step.add(names[0], array.array("f", range(60_000)), shape=(200, 300),
                     attributes={"param": "t"})
            small = step.object(names[1], dtype="int16", shape=3)
            small.view[:] = array.array("h", [1, 2, 3])
            step.object(names[2], dtype="uint8", shape=(3, 1 << 20)).raw[:] = large
            step.add(names[3])
            self.assertEqual(step.names, tuple(names))
            step.offer(timeout=30)
        self.refused("wrong-state", lambda: small.view)
        with need.demand_group(timeout=30) as had, b.demand_group(name, 30) as again:
            self.assertEqual((had.names, len(had), had.version), (tuple(names), 4, 1))
            self.assertEqual((had.attributes["step"], again.names), (24, had.names))
            self.assertEqual([one.name for one in had], names)
            t = had[names[0]]
            self.assertEqual((t.view.shape, t.view[1, 2], t.attributes), (
                (200, 300), 302.0, {"param": "t"}))
            self.assertEqual([*had[names[1]].view], [1, 2, 3])
            self.assertEqual((bytes(had[names[2]]), had[names[2]].space.shape), (
                large, (3, 1 << 20)))
            self.assertEqual((had[names[3]].nbytes, names[3] in had, "x" in had), (0, True, False))
            self.refused("unknown-object", lambda: had["x"])
        self.refused("wrong-state", lambda: t.view)
        self.refused("wrong-state", lambda: need.demand_group())
        step.withdraw(timeout=10)
        self.nothing_of(b)
        self.refused("wrong-state", step.withdraw)
        self.refused("wrong-state", step.offer)

    def test_mapped(self) -> None:
        with attacca.join("py[*]") as pool:
            if pool.transport == "socket":
                self.skipTest("the pool has no shared memory")
        self.whole("shared-memory")

    def test_socket(self) -> None:
        self.whole("socket")

    @unittest.skipIf(numpy is None, "no numpy")
    def test_numpy(self) -> None:
        a, b = self.both()
        values = numpy.arange(65160, dtype="f4").reshape(181, 360)
        with a.group(self.tag) as step:
            for order in ("row", "column"):
                made = step.object(f"{self.tag}/{order}", dtype="f4", shape=values.shape,
                                   order=order)
                numpy.asarray(made)[:] = values
            step.offer()
        with b.demand_group(self.tag, 10) as had:
            for field in had:
                self.assertTrue((numpy.asarray(field) == values).all(), field.name)

    def test_before_it_is_there(self) -> None:
        a, b = self.both()
        found: List[Any] = []

        def take() -> None:
            with b.demand_group(self.tag, 30) as had:
                found.extend(bytes(one) for one in had)

        thread = threading.Thread(target=take)
        thread.start()
        with a.group(self.tag) as step:
            step.add(f"{self.tag}/x", b"x")
            step.add(f"{self.tag}/y", bytes(100_000))
            step.offer(keep=True)
        thread.join(30)
        self.assertEqual(found, [b"x", bytes(100_000)])
        step.withdraw(timeout=10)
        self.nothing_of(b)
        need = b.require(self.tag)
        self.refused("deadline-passed", lambda: need.demand_group(0.02))
        need.retract()

    def test_withdrawn_while_held(self) -> None:
        a, b = self.both()
        data = os.urandom(1 << 20)
        with a.group(self.tag) as step:
            step.add(f"{self.tag}/x", data)
            step.offer()
        need = b.require(self.tag)
        thread = threading.Thread(target=step.withdraw)
        with b.subscribe("withdraw", f'name = "{self.tag}"') as events:
            with b.demand_group(self.tag, 10) as had:
                thread.start()  # it waits for who has required it
                self.assertIsNotNone(events.wait(10))
                self.nothing_of(b)
                with need.demand_group(10) as other:
                    self.assertEqual(bytes(other[f"{self.tag}/x"]), data)
                a.offer(f"{self.tag}/z", bytes(1 << 20))
                self.assertEqual(bytes(had[f"{self.tag}/x"]), data)
        thread.join(30)
        self.assertFalse(thread.is_alive())

    def test_all_or_nothing(self) -> None:
        a, b = self.both()
        b.offer(f"{self.tag}/y", b"taken")
        with a.group(self.tag) as step:
            step.add(f"{self.tag}/x", bytes(200_000))
            made = step.object(f"{self.tag}/y", dtype="uint8", shape=50_000)
            made.raw[:] = b"y" * 50_000
            for _ in range(3):
                error = self.refused("already-offered", step.offer)
                self.assertEqual(error.fields["name"], f"{self.tag}/y")
                self.assertEqual([*a.query(f'name ~ "{self.tag}*" and .state = "offered"',
                                           detail="name")], [f"{self.tag}/y"])
            made.raw[:1] = b"z"
            b.withdraw(f"{self.tag}/y")
            step.offer()
        with b.demand(f"{self.tag}/y", 10) as y:
            self.assertEqual(bytes(y), b"z" + b"y" * 49_999)
        step.withdraw()

    def test_vetoed(self) -> None:
        a, b = self.both()
        with b.subscribe("offer", f'name = "{self.tag}/y"', before=True,
                         acknowledge=True) as events:
            with a.group(self.tag) as step:
                for each in "xyz":
                    step.add(f"{self.tag}/{each}", each.encode())

                def forbid() -> None:
                    event = events.wait(10)
                    assert event is not None
                    events.veto(event, "no y today")

                thread = threading.Thread(target=forbid)
                thread.start()
                error = self.refused("vetoed", lambda: step.offer(timeout=10))
                thread.join()
                self.assertIn(f"{self.tag}/y", f"{error} {error.fields}")
                self.nothing_of(a)
        self.nothing_of(a)
        self.refused("wrong-state", step.offer)

    def measured(self, transport: str) -> None:
        a, b = self.both(transport)
        names = [f"{self.tag}/{transport}/{each}" for each in ("t", "u")]
        field = array.array("f", range(50_000))
        field[7] = float("nan")
        with b.subscribe("offer", f'name ~ "{self.tag}/*" and stats.nan > 0', before=True,
                         acknowledge=True, silence="deny") as contract:
            with a.group(f"{self.tag}/{transport}") as step:
                step.add(names[0], array.array("f", range(9)))
                step.add(names[1], field)

                def forbid() -> None:
                    event = contract.wait(10)
                    assert event is not None
                    contract.veto(event, f'{event.attributes["stats.nan"]} is NaN')

                thread = threading.Thread(target=forbid)
                thread.start()
                error = self.refused("vetoed", lambda: step.offer(timeout=10))
                thread.join()
                self.assertEqual((error.fields["name"], error.fields["reason"]),
                                 (names[1], "1 is NaN"))
                self.nothing_of(a)

    def test_measured_in_memory(self) -> None:
        with attacca.join("py-where[*]") as pool:
            if pool.transport == "socket":
                self.skipTest("this pool has no shared memory")
        self.measured("shared-memory")

    def test_measured_by_socket(self) -> None:
        self.measured("socket")

    def test_interrupted(self) -> None:
        a, b = self.both()
        with b.subscribe("offer", f'name = "{self.tag}/y"', before=True,
                         acknowledge=True) as events:
            def interrupt() -> None:
                events.wait(10)
                os.kill(os.getpid(), signal.SIGINT)

            thread = threading.Thread(target=interrupt)
            with self.assertRaises(KeyboardInterrupt), a.group(self.tag) as step:
                made = step.object(f"{self.tag}/x", dtype="uint8", shape=200_000)
                step.add(f"{self.tag}/y", b"y")
                thread.start()
                step.offer(timeout=30)
            thread.join()
            self.refused("wrong-state", lambda: made.raw)
            a.offer(f"{self.tag}/x", b"x")  # the pool has heard before that the other is cancelled
            a.withdraw(f"{self.tag}/x")
            self.nothing_of(a)

    def test_interrupted_too_late(self) -> None:
        """The pool has offered it when the interrupt comes: before the block ends, or after."""
        for comes_after in (False, True):
            for keep in (False, True):
                a, b = self.both()
                run, told = a._session.run, []  # type: ignore[var-annotated]

                def interrupted(messages: Any, timeout: Any = None, late: Any = None) -> Any:
                    answers = run(messages, timeout, late)
                    if late is None:
                        return answers
                    told.append(lambda: late(0, *answers[0]))
                    if not comes_after:
                        told.pop()()
                    raise KeyboardInterrupt

                with b.subscribe("withdraw", f'name = "{self.tag}"') as events:
                    with self.assertRaises(KeyboardInterrupt), a.group(self.tag) as step:
                        step.add(f"{self.tag}/x", b"x")
                        a._session.run = interrupted  # type: ignore[method-assign]
                        step.offer(keep=keep)
                    a._session.run = run  # type: ignore[method-assign]
                    for tell in told:
                        tell()
                    self.assertIsNotNone(events.wait(10))
                    self.nothing_of(b)
                self.refused("wrong-state", step.withdraw)

    def test_left(self) -> None:
        a, b = self.both()
        with a.group(self.tag) as step:
            kept = step.object(f"{self.tag}/x", dtype="f8", shape=100_000)
        self.refused("wrong-state", lambda: kept.raw)
        with self.assertRaises(ZeroDivisionError), a.group(self.tag) as step:
            step.add(f"{self.tag}/x", b"x")
            raise ZeroDivisionError
        self.nothing_of(b)
        step = a.group(self.tag)
        step.add(f"{self.tag}/x", b"x")
        step.offer()
        a.close()  # as a crash: all of it ends
        self.refused("deadline-passed", lambda: b.demand_group(self.tag, 0.02))
        self.nothing_of(b)

    def test_refused(self) -> None:
        a, b = self.both()
        self.refused("bad-argument", lambda: a.group(self.tag, {".depends-on": "x"}))
        step = a.group(self.tag)
        step.add(f"{self.tag}/x", b"x")
        self.refused("wrong-state", step.withdraw)
        self.refused("wrong-state", lambda: step.add(f"{self.tag}/x"))
        self.refused("wrong-state", lambda: step.object(self.tag, dtype="u1", shape=1))
        self.refused("bad-space", lambda: step.object("y", dtype="u1", shape=(-1, -1)))
        self.refused("bad-space", lambda: step.object("y", dtype="what", shape=1))
        for at in range(223):
            step.add(f"{at:03}" + "n" * 248)
        self.refused("too-large", lambda: step.add("m" * 250))
        step.dispose()
        step.dispose()
        a.offer(f"{self.tag}/plot", b"1", attributes={".depends-on": f"{self.tag}/t"})
        a.offer(f"{self.tag}/t", b"2")
        self.refused("object-mismatch", lambda: b.demand_group(f"{self.tag}/plot", 10))
        self.refused("object-mismatch", lambda: b.require(f"{self.tag}/plot").demand_group(10))

    def test_ready(self) -> None:
        a, b = self.both()
        with a.group(self.tag) as step:
            step.add(f"{self.tag}/plot", b"p", attributes={".depends-on": f"{self.tag}/t"})
            step.offer()
        self.refused("deadline-passed", lambda: b.demand_group(self.tag, 0.02, ready=True))
        self.refused("deadline-passed", lambda: b.wait(f"{self.tag}/plot", 0.02, ready=True))
        self.assertIn(".depends-on", b.wait(f"{self.tag}/plot", 10))
        a.offer(f"{self.tag}/t", b"t")
        self.assertIn(".depends-on", b.wait(f"{self.tag}/plot", 10, ready=True))
        with b.demand_group(self.tag, 10, ready=True) as had:
            self.assertEqual([bytes(one) for one in had], [b"p"])
