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
            for at in range(600):
                m.emit(tag, {"at": at})
            with w.subscribe(tag, start="start", until_now=True) as events:
                self.assertEqual([e.attributes.get("at") for e in events if e.attributes.get("at")
                                  is not None], list(range(600)))

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
                self.assertFalse(events.veto(event, "it is decided"))
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
                m.forget_subscription(tag)
                self.assertEqual(self.code(lambda: m.forget_subscription(tag)),
                                 "unknown-subscription")

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

    def test_all_that_matches(self) -> None:
        tag = f"py/{os.getpid()}/all"
        select = f'name ~ "{tag}/*"'
        with attacca.join("py-m[*]") as m, attacca.join("py-r[*]") as r:
            m.offer(f"{tag}/old", b"\0\1\2\3", dtype="uint8", attributes={"step": 9})
            promise = m.promise(f"{tag}/*")
            fields = r.demand_all(select, ahead=2, region=slice(1, 3), group=tag)
            for step in range(6):
                m.offer(f"{tag}/{step}", bytes([step] * 4), dtype="uint8", keep=False)
                m.withdraw(f"{tag}/{step}")
            promise.close()
            seen = []
            for field in fields:
                seen.append((field.name[len(tag) + 1:], bytes(field)))
                if len(seen) == 4:
                    break
            with r.demand_all(select, ahead=9, group=tag) as rest:
                for _ in range(4):
                    field = rest.next(10)
                    seen.append((field.name[len(tag) + 1:], bytes(field)))
                self.assertIsNone(rest.next(0.01))
                rest.close(forget=True)
            # What was in the loop when it was left comes again.
            self.assertEqual(seen, [("old", b"\1\2")] + [(str(n), bytes([n] * 2)) for n in range(3)]
                             + [(str(n), bytes([n] * 4)) for n in range(2, 6)])

    def test_cannot_be_had(self) -> None:
        tag = f"py/{os.getpid()}/gone"
        with attacca.join("py-m[*]") as m, attacca.join("py-r[*]") as r:
            with r.demand_all(f'name ~ "{tag}/*"', ahead=1) as fields:
                for name in "abc":
                    m.offer(f"{tag}/{name}", b"x")
                self.assertEqual(self.code(lambda: m.delete(f"{tag}/b")), "object-required")
                m.delete(f"{tag}/b", force=True)
                self.assertEqual(fields.next(10).name, f"{tag}/a")
                self.assertEqual(self.code(lambda: fields.next(10)), "object-deleted")
                self.assertEqual(fields.next(10).name, f"{tag}/c")

    def test_failures_are_heard(self) -> None:
        tag = f"py/{os.getpid()}/heard"
        heard: List[Tuple[str, str]] = []
        with attacca.join("py-m[*]") as m, attacca.join("py-r[*]") as r:
            with r.demand_all(f'name ~ "{tag}/*"', ahead=1, on_failure=lambda error, name:
                              heard.append((error.code, name))) as fields:
                for name in "abcd":
                    m.offer(f"{tag}/{name}", b"x")
                for name in "bc":
                    m.delete(f"{tag}/{name}", force=True)
                self.assertEqual(fields.next(10).name, f"{tag}/a")
                self.assertEqual(fields.next(10).name, f"{tag}/d")
                self.assertIsNone(fields.next(0.01))
            self.assertEqual(heard, [("object-deleted", f"{tag}/{name}") for name in "bc"])
            with self.assertRaises(ValueError):
                r.demand_all(f'name ~ "{tag}/*"', timeout=-1)

    def test_forbidden_demands_are_heard(self) -> None:
        tag = f"py/{os.getpid()}/forbidden"
        heard: List[Tuple[str, str]] = []
        with attacca.join("py-guard[*]") as guard, attacca.join("py-m[*]") as m:
            def forbid(events: attacca.Subscription) -> None:
                for event in events:
                    events.veto(event, "nobody reads b")

            events = guard.subscribe("demand", f'name = "{tag}/b"', before=True, acknowledge=True)
            thread = threading.Thread(target=forbid, args=(events,))
            thread.start()
            for name in "abc":
                m.offer(f"{tag}/{name}", b"x")
            with attacca.join("py-r[*]") as r, r.demand_all(
                    f'name ~ "{tag}/*"', on_failure=lambda error, name:
                    heard.append((error.code, name))) as fields:
                self.assertEqual([fields.next(10).name for _ in range(2)],
                                 [f"{tag}/a", f"{tag}/c"])
                self.assertIsNone(fields.next(0.01))
            self.assertEqual(heard, [("vetoed", f"{tag}/b")])
            # It is given up by who goes on alone.
            with attacca.join("py-r[*]") as r, r.demand_all(f'name = "{tag}/b"') as fields:
                self.assertEqual(self.code(lambda: fields.next(10)), "vetoed")
            guard.leave()
            thread.join(10)
            self.assertFalse(thread.is_alive())

    def test_done_when_it_is_disposed_of(self) -> None:
        tag = f"py/{os.getpid()}/done"
        select = f'name ~ "{tag}/*"'
        with attacca.join("py-m[*]") as m, attacca.join("py-r[*]") as r:
            with r.demand_all(select, ahead=3, group=tag, acknowledge=True) as fields:
                for at in range(6):
                    m.offer(f"{tag}/{at}", bytes([at]))
                hand = [fields.next(10) for _ in range(3)]
                self.assertEqual([bytes(field) for field in hand], [b"\0", b"\1", b"\2"])
                self.assertIsNone(fields.next(0.01))  # so many are in hand
                hand[1].dispose()
                hand[1].dispose()
                hand.append(fields.next(10))
                self.assertEqual(bytes(hand[3]), b"\3")
                self.assertIsNone(fields.next(0.01))
                hand[3].dispose()
            hand[0].dispose()  # after the end: another has it
            hand[2].dispose()
            with r.demand_all(select, ahead=9, group=tag) as fields:
                rest = []
                for _ in range(4):
                    with fields.next(10) as field:
                        rest.append(bytes(field))
            self.assertEqual(sorted(rest), [b"\0", b"\2", b"\4", b"\5"])
            with r.demand_all(select, ahead=9, group=tag) as fields:
                self.assertIsNone(fields.next(0.01))
                fields.close(forget=True)

    def test_ahead(self) -> None:
        tag, size = f"py/{os.getpid()}/ahead", 50_000
        for transport in ("socket", ""):
            read = threading.Semaphore(0)
            with attacca.join("py-m[*]") as m, attacca.join("py-r[*]", transport=transport) as r:
                self.count_reads(r, read)
                fields = r.demand_all(f'name ~ "{tag}/*"', ahead=3)
                for at in range(8):
                    m.offer(f"{tag}/{at}", bytes([at]) * size)
                travels = r.transport == "socket"
                for _ in range(3 if travels else 0):  # before any is asked for
                    self.assertTrue(read.acquire(timeout=10))
                r.info()  # what the pool has told before this has come
                self.assertFalse(read.acquire(blocking=False))
                self.assertLessEqual(fields.waiting, 3)
                for at in range(8):
                    field = fields.next(10)
                    self.assertEqual((field.name, bytes(field)),
                                     (f"{tag}/{at}", bytes([at]) * size))
                    for _ in range(1 if travels and 0 < at < 6 else 0):  # as many as are done
                        self.assertTrue(read.acquire(timeout=10))
                    self.assertLess(fields.waiting, 3)
                fields.close()
                m.leave(timeout=10)

    @staticmethod
    def count_reads(pool: attacca.Pool, done: threading.Semaphore) -> None:
        own = pool._link.read

        def read(*args: Any) -> Any:
            found = own(*args)
            done.release()
            return found
        pool._link.read = read  # type: ignore[method-assign]

    def test_nothing_comes_to_who_has_left(self) -> None:
        tag = f"py/{os.getpid()}/left"
        with attacca.join("py-m[*]") as m:
            for at in range(3):
                m.offer(f"{tag}/{at}", bytes(1 << 20))
            for transport in ("socket", ""):
                r = attacca.join("py-r[*]", transport=transport)
                fields = r.demand_all(f'name ~ "{tag}/*"', ahead=3)
                while fields.waiting < 3:
                    r.info()
                r.leave(timeout=10)
                self.assertIsNone(fields.next(10))
                fields.close()

    def test_ahead_is_given_back(self) -> None:
        tag = f"py/{os.getpid()}/back"
        for transport in ("socket", ""):
            with attacca.join("py-m[*]") as m, attacca.join("py-r[*]", transport=transport) as r:
                fields = r.demand_all(f'name ~ "{tag}/*"', ahead=9, region=slice(1, 3))
                m.offer_part(f"{tag}/half", slice(0, 2), b"ab", shape=4, dtype="uint8")
                for name in "xy":
                    m.offer(f"{tag}/{name}", name.encode() * 50_000, dtype="uint8")
                # What is whole comes before what is not, though that was offered before.
                self.assertEqual(bytes(fields.next(10)), b"xx")
                self.assertEqual(bytes(fields.next(10)), b"yy")
                m.offer_part(f"{tag}/half", slice(2, 4), b"cd", shape=4, dtype="uint8")
                self.assertEqual(bytes(fields.next(10)), b"bc")
                self.assertIsNone(fields.next(0.01))
                m.offer_part(f"{tag}/never", slice(0, 2), b"ab", shape=4, dtype="uint8")
                m.offer(f"{tag}/z", bytes(50_000), dtype="uint8")
                while fields.waiting < 2:
                    r.info()
                fields.close()
                fields.close()
                self.assertIsNone(fields.next())
                self.assertEqual(m.explain(f"{tag}/never").get("waits", []), [])
                for name in ("half", "never", "z"):
                    m.withdraw(f"{tag}/{name}", timeout=10)
                self.assertEqual(self.code(lambda: r.demand(f"{tag}/z", 0.01)), "deadline-passed")
                m.offer(f"{tag}/z", b"again")
                self.assertEqual(bytes(r.demand(f"{tag}/z", 10, own=True)), b"again")

    def test_step_queue(self) -> None:
        tag = f"py/{os.getpid()}/steps"
        select = f'name ~ "{tag}/*"'
        with attacca.join("py-r[*]") as r, attacca.join("py-w[*]") as w:
            with attacca.join("py-m[*]") as m, w.subscribe("withdraw", select) as events:
                m.step_queue(tag, select, keep=2)
                self.assertEqual(self.code(lambda: m.step_queue(tag, select)), "bad-argument")
                missed: List[Tuple[int, int, int]] = []
                newest = r.demand_all("", queue=tag, latest=True,
                                      on_missed=lambda *steps: missed.append(steps))
                for step in range(5):
                    m.offer(f"{tag}/{step}", b"x", attributes={"step": step})
                [event, *_] = self.take(events, 3)
                self.assertEqual((event.name, event.queue, event.member), (f"{tag}/0", tag, ""))
            self.assertEqual([newest.next(10).name for _ in range(2)], [f"{tag}/0", f"{tag}/4"])
            self.assertEqual(missed, [(1, 3, 3)])
            r.forget_step_queue(tag)
            self.assertEqual(self.code(lambda: newest.next(10)), "cancelled")
            with self.assertRaises(ValueError):
                r.demand_all("", latest=True)

    @staticmethod
    def code(call: Any) -> str:
        try:
            call()
        except attacca.AttaccaError as error:
            return error.code
        return "none"
