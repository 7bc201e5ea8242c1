"""Locks, mapped buffers and transfers: docs/open-objects.md."""

from __future__ import annotations

import array
import os
import threading
from typing import List

from support import PoolCase, numpy_like
import attacca


class Locks(PoolCase):
    def test_locks(self) -> None:
        name = f"py/{os.getpid()}/locked"
        with attacca.join("py-one[*]") as one, attacca.join("py-two[*]") as two:
            mine = one.create(name, dtype="int32", shape=(4, 6), consistency="commit")
            theirs = two.open(name, timeout=30)
            with mine.lock("write", numpy_like[1:3, :]):
                told = self.refused("lock-conflict",
                                    lambda: theirs.lock("read", numpy_like[2:, 0], block=False))
                self.assertTrue(told.retryable)
                self.assertEqual(told.fields["members"], [one.member])
                told = self.refused("deadline-passed",
                                    lambda: theirs.lock("read", 2, timeout=0.05))
                self.assertEqual(told.fields["members"], [one.member])
                self.refused("lock-conflict", lambda: mine.lock("read", 1))
                with theirs.lock("write", 0), theirs.lock("read", 3):
                    mine.write(1, array.array("i", range(6)))
                    self.assertEqual(len(one.explain(name)["locks"]), 3)
                    self.refused("lock-conflict", lambda: mine.seal())
                self.assertEqual(theirs.read(1).view.tolist(), [0] * 6)
                mine.commit()
                self.assertEqual(theirs.read(1).view.tolist(), [*range(6)])
                got: List[attacca.RegionLock] = []
                thread = threading.Thread(
                    target=lambda: got.append(theirs.lock("read", timeout=30)))
                thread.start()
                while not any(not lock["held"] for lock in one.explain(name)["locks"]):
                    pass
            thread.join(30)
            self.assertEqual([lock.mode for lock in got], ["read"])
            self.refused("lock-conflict", lambda: mine.lock("write", 0, block=False))
            theirs.close()  # its locks end
            with mine.lock("write", timeout=10):
                pass
            with self.assertRaises(ValueError):
                mine.lock("execute")

    def test_transfers(self) -> None:
        Transfer = attacca.RegionTransfer
        for transport in ("socket", ""):
            name, rows = f"py/{os.getpid()}/transfer/{transport}", 500
            with attacca.join("py-one[*]", transport=transport) as pool:
                table = pool.create(name, dtype="int32", shape=(rows, 16))
                before = pool.info()["counts"]["operations"]
                puts = [table.transfer("write", row, array.array("i", [row] * 16))
                        for row in range(rows)]
                self.assertEqual({each.status for each in puts}, {"created"})
                self.refused("wrong-state", lambda: puts[0].wait())
                Transfer.start_all(puts)
                Transfer.wait_all(puts, timeout=30)
                self.assertEqual({each.status for each in puts}, {"done"})
                self.assertLess(pool.info()["counts"]["operations"] - before, 20)
                self.refused("wrong-state", lambda: puts[0].start())
                # What is started later is done later, and read as the buffer is.
                again = table.transfer("write", 7, array.array("h", range(16)))
                into = array.array("q", [0] * 32)
                get = table.transfer("read", numpy_like[7:500:400, :], into)
                again.start()
                get.start()
                get.wait(30)
                self.assertEqual([*into], [*range(16), *[407] * 16])
                for each in (again, get, *puts):
                    each.close()
                    each.close()
                self.assertEqual(get.status, "closed")
                self.refused("wrong-state", lambda: get.wait())
                failing = table.transfer("write", 1, array.array("d", [0.5] * 16))
                with failing:
                    failing.start()
                    self.refused("lossy-conversion", lambda: failing.wait(30))
                    self.assertEqual(failing.status, "failed")
                self.assertEqual(table.read(1).view.tolist(), [1] * 16)
                self.refused("size-mismatch", lambda: table.transfer("read", 1, bytearray(3)))
                self.refused("bad-argument", lambda: table.transfer("read", 1, bytes(64)))
                with self.assertRaises(ValueError):
                    table.transfer("move", 1, bytearray(64))
                late = table.transfer("write", 2, array.array("i", [-2] * 16))
                late.start()
                table.seal()  # behind it
                with pool.demand(name, 30) as d:
                    self.assertEqual(d.view[2, 0], -2)
                self.refused("wrong-state", lambda: table.transfer("read", 1, bytearray(64)))

    def test_mapped_buffers(self) -> None:
        name = f"py/{os.getpid()}/mapped"
        with attacca.join("py-one[*]") as one, attacca.join("py-two[*]") as two:
            for consistency in ("posix", "commit"):
                mine = one.create(name, dtype="float64", shape=(4, 6), consistency=consistency)
                theirs = two.open(name, timeout=30)
                data, seen = array.array("d", range(12)), array.array("d", [-1] * 8)
                mapped = mine.map(data, numpy_like[1:3, :])
                theirs.map(seen, numpy_like[:, [2, 4]])
                with mine.lock("write", numpy_like[2:, 1:5]):
                    data[8] = 80
                with theirs.lock("read", numpy_like[1:3, 3:]):
                    self.assertEqual([*seen], [-1, -1, -1, 0, -1, 10, -1, -1])
                with theirs.lock("read"):
                    self.assertEqual([*seen], [0, 0, 0, 0, 80, 10, 0, 0])
                data[8] = 81  # a read lock publishes nothing
                mapped.unmap()
                mapped.unmap()
                with mine.lock("write"):
                    pass
                self.assertEqual(theirs.read(2).view.tolist(), [0, 7, 80, 9, 10, 0])
                whole = array.array("f", [0] * 24)
                with theirs.map(whole, lossy=True), theirs.lock("read", 2):
                    self.assertEqual([*whole][12:18], [0, 7, 80, 9, 10, 0])
                self.refused("lossy-conversion", lambda: mine.map(
                    array.array("q", [0] * 24)))
                self.refused("size-mismatch", lambda: mine.map(array.array("d", [0])))
                self.refused("bad-argument", lambda: mine.map(bytes(192)))
                theirs.map(array.array("d", [5] * 6), numpy_like[0])
                theirs.lock("write", numpy_like[0, :3])
                theirs.close()
                mine.map(array.array("d", [6] * 6), numpy_like[3])
                with mine.lock("write", numpy_like[3, 3:]):
                    mine.seal()
                with two.demand(name) as got:
                    values = got.view.tolist()
                    self.assertEqual([values[0], values[3]], [[5, 5, 5, 0, 0, 0],
                                                             [0, 0, 0, 6, 6, 6]])
                one.withdraw(name, timeout=10)
