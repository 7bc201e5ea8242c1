"""Events: told after and before, from anywhere, durable."""

from __future__ import annotations

import os
import threading
from typing import Any, List, Tuple

from support import PoolCase
import attacca


def told(events: List[attacca.Event]) -> List[Tuple[str, str]]:
    return [(event.kind, event.name) for event in events]


class Events(PoolCase):
    def take(self, events: attacca.Subscription, count: int) -> List[attacca.Event]:
        taken = []
        while len(taken) < count:
            event = events.wait(10)
            self.assertIsNotNone(event)
            taken.append(event)
        return taken

    def test_told(self) -> None:
        tag = f"py/{os.getpid()}/told"
        with attacca.join("py-w[*]") as w, attacca.join("py-m[*]") as m:
            select = f'name ~ "{tag}/*" or .event = "{tag}"'
            with w.subscribe(["offer", "withdraw", tag], select) as events:
                m.offer(f"{tag}/x", b"1234", dtype="float32", attributes={"level": 850})
                m.emit(tag, {"dt": 30})
                m.withdraw(f"{tag}/x")
                offer, steer, withdraw = self.take(events, 3)
                self.assertEqual(told([offer, steer, withdraw]), [
                    ("offer", f"{tag}/x"), (tag, ""), ("withdraw", f"{tag}/x")])
                self.assertEqual([offer.n, steer.n, withdraw.n], [1, 2, 3])
                self.assertEqual((offer.member, offer.version), (m.member, 1))
                self.assertEqual((offer.attributes, steer.attributes), ({"level": 850}, {"dt": 30}))
                self.assertEqual((offer.space.dtype, offer.space.shape), ("float32", (1,)))
                self.assertIsNone(events.poll())
                self.assertIsNone(events.wait(0.01))
            with w.subscribe("offer", select, start="start") as events:
                self.assertEqual(told(self.take(events, 1)), [("offer", f"{tag}/x")])

    def test_barrier(self) -> None:
        name = f"py/{os.getpid()}/start"
        with attacca.join("py-a[*]") as a, attacca.join("py-b[*]") as b:
            for _ in range(3):
                thread = threading.Thread(target=lambda: b.barrier(name, 2, 10))
                thread.start()
                a.barrier(name, 2, 10)
                thread.join(10)
                self.assertFalse(thread.is_alive())
            with self.assertRaises(attacca.AttaccaError) as caught:
                a.barrier(name, 2, 0.02)
            self.assertEqual(caught.exception.code, "deadline-passed")
            self.assertEqual(caught.exception.fields["members"], [a.member])
            self.assertEqual(self.code(lambda: a.barrier(name, 0)), "bad-argument")

    def test_before(self) -> None:
        tag = f"py/{os.getpid()}/before"
        with attacca.join("py-guard[*]") as guard, attacca.join("py-m[*]") as m:
            with guard.subscribe("offer", f'name ~ "{tag}/*"', before=True,
                                 acknowledge=True) as events:
                result: List[Any] = []
                thread = threading.Thread(target=lambda: result.append(
                    self.code(lambda: m.offer(f"{tag}/bad", b"x"))))
                thread.start()
                [event] = self.take(events, 1)
                self.assertTrue(event.before)
                events.veto(event, "it is bad")
                thread.join(10)
                self.assertEqual(result, ["vetoed"])
                thread = threading.Thread(target=lambda: m.offer(f"{tag}/good", b"x"))
                thread.start()
                [event] = self.take(events, 1)
                need = guard.require(event.name)
                events.acknowledge(event)
                thread.join(10)
                self.assertEqual(bytes(need.demand(timeout=10)), b"x")

    def test_durable_and_complete(self) -> None:
        tag = f"py/{os.getpid()}/durable"
        select = f'name ~ "{tag}/*"'
        with attacca.join("py-m[*]") as m:
            with attacca.join("py-a[*]") as a:
                events = a.subscribe("offer", select, name=tag, acknowledge=True)
                m.offer(f"{tag}/0", b"")
                m.offer(f"{tag}/1", b"")
                first, _ = self.take(events, 2)
                events.acknowledge(first)
            m.offer(f"{tag}/2", b"")
            with attacca.join("py-b[*]") as b:
                events = b.subscribe("offer", select, name=tag, start="last", acknowledge=True)
                rest = self.take(events, 2)
                self.assertEqual([event.name for event in rest], [f"{tag}/1", f"{tag}/2"])
                self.assertEqual([event.again for event in rest], [True, False])
                events.acknowledge(*rest)
                events.close(forget=True)

    def test_refused(self) -> None:
        with attacca.join("py-w[*]") as w:
            for call, code in (
                    (lambda: w.subscribe("gap"), "bad-argument"),
                    (lambda: w.subscribe(select="a = "), "bad-selector"),
                    (lambda: w.emit("offer"), "bad-argument")):
                self.assertEqual(self.code(call), code)
            for wrong in ({"slow": "never"}, {"start": "then"}, {"silence": "yes"}):
                with self.assertRaises(ValueError):
                    w.subscribe("offer", **wrong)
            events = w.subscribe("offer")
            w.leave()
            self.assertIsNone(events.wait())

    @staticmethod
    def code(call: Any) -> str:
        try:
            call()
        except attacca.AttaccaError as error:
            return error.code
        return "none"
