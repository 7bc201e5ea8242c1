"""Objects as blobs of SQLite: a transaction of as many as an archiver has at hand, synced."""

import sqlite3
import time

from take_part import take_part

AT_ONCE_BYTES = 16 * 1024 * 1024
STRIDE = 7_919

side = {}


def name_of(at):
    return f"n{at:07d}"


def open_side(request):
    db = sqlite3.connect(request["at"] + ".sqlite", isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("CREATE TABLE objects (name TEXT PRIMARY KEY, step INTEGER, param TEXT, bytes BLOB)")
    db.execute("CREATE INDEX by_step ON objects (step)")
    side["db"] = db
    return {}


def put(request):
    count, size = request["count"], request["bytes"]
    payload = (b"attacca" * (size // 7 + 1))[:size]
    width = max(4, min(1_024, AT_ONCE_BYTES // size))
    db = side["db"]
    start = time.monotonic()
    for first in range(0, count, width):
        rows = [(name_of(at), at, "t", payload) for at in range(first, min(first + width, count))]
        db.execute("BEGIN")
        db.executemany("INSERT INTO objects VALUES (?, ?, ?, ?)", rows)
        db.execute("COMMIT")
    return {"seconds": time.monotonic() - start}


def get(request):
    count, size = request["count"], request["bytes"]
    db = side["db"]
    start = time.monotonic()
    for at in range(count):
        name = name_of(at * STRIDE % count)
        (found,) = db.execute("SELECT bytes FROM objects WHERE name = ?", (name,)).fetchone()
        assert len(found) == size
    return {"seconds": time.monotonic() - start}


def select(request):
    count, size = request["count"], request["bytes"]
    start = time.monotonic()
    query = "SELECT bytes FROM objects WHERE param = 't' AND step < ?"
    found = 0
    for (each,) in side["db"].execute(query, (count // 10,)):
        assert len(each) == size
        found += 1
    assert found == count // 10
    return {"seconds": time.monotonic() - start}


take_part({"open": open_side, "put": put, "get": get, "select": select})
