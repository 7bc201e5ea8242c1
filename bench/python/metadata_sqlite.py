"""SQLite by Python's own module: columns with indexes, tags in a table of their own, labels in a
full-text index by trigram."""

import sqlite3

TABLES = """
CREATE TABLE objects (
  id INTEGER PRIMARY KEY, object TEXT NOT NULL, name TEXT NOT NULL, time_step INTEGER NOT NULL,
  user TEXT NOT NULL, app TEXT NOT NULL, energy REAL NOT NULL, created INTEGER NOT NULL,
  label TEXT NOT NULL, kind TEXT NOT NULL);
CREATE TABLE tags (
  object INTEGER NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY (object, key)) WITHOUT ROWID;
CREATE INDEX tags_by_value ON tags (key, value, object);
"""
# Made when the first objects are there.
INDEXES = """
CREATE UNIQUE INDEX objects_by_object ON objects (object);
CREATE INDEX objects_by_identity ON objects (name, time_step, user, app);
CREATE INDEX objects_by_time_step ON objects (time_step);
CREATE INDEX objects_by_user ON objects (user);
CREATE INDEX objects_by_app ON objects (app);
CREATE INDEX objects_by_energy ON objects (energy);
CREATE INDEX objects_by_created ON objects (created);
CREATE INDEX objects_by_kind ON objects (kind);
CREATE VIRTUAL TABLE labels USING fts5(
  label, content='objects', content_rowid='id', tokenize='trigram');
INSERT INTO labels (labels) VALUES ('rebuild');
"""
COLUMNS = ("name", "time_step", "user", "app", "energy", "created", "label", "kind")
INSERT = f"INSERT INTO objects (object, {', '.join(COLUMNS)}) VALUES ({', '.join('?' * 9)})"
# By one statement a batch: in a trigger, the full-text index is written after each row.
LABEL = "INSERT INTO labels (rowid, label) SELECT id, label FROM objects WHERE id > ?"
REPLACED = "ON CONFLICT (object, key) DO UPDATE SET value = excluded.value"
TAG = f"INSERT INTO tags SELECT id, ?, ? FROM objects WHERE object = ? {REPLACED}"
TAGS_OF = "SELECT json_group_object(key, value) FROM tags t WHERE t.object = o.id"
CACHE_KIB = 1 << 20
# Longer than any other's turn to write.
BUSY_S = 60


class SqliteStore:
    def __init__(self, path, first, kept):
        self.indexed = not first
        self.db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
        for setting in (
            "journal_mode = WAL",
            f"synchronous = {'FULL' if kept else 'OFF'}",
            f"cache_size = -{CACHE_KIB}",
            "mmap_size = 4294967296",
            "temp_store = MEMORY",
        ):
            self.db.execute(f"PRAGMA {setting}")
        if first:
            self.db.executescript(TABLES)

    def load(self, objects):
        self.db.execute("BEGIN IMMEDIATE")
        (last,) = self.db.execute("SELECT max(id) FROM objects").fetchone()
        self.db.executemany(INSERT, ((name, *attributes) for name, attributes in objects))
        if self.indexed:
            self.db.execute(LABEL, (last,))
        self.db.execute("COMMIT")

    def settle(self):
        if not self.indexed:
            self.indexed = True
            self.db.executescript(f"BEGIN;{INDEXES}COMMIT;")
        self.db.execute("ANALYZE")

    def tag(self, names, key, value):
        one = len(names) == 1
        if not one:
            self.db.execute("BEGIN IMMEDIATE")
        done = self.db.executemany(TAG, ((key, value, name) for name in names))
        if not one:
            self.db.execute("COMMIT")
        if done.rowcount != len(names):
            raise ValueError(f"{done.rowcount} of {len(names)} are tagged")

    def tag_where(self, question, key, value):
        where, values = condition(question)
        text = f"INSERT INTO tags SELECT o.id, ?, ? FROM objects o WHERE {where} {REPLACED}"
        return self.db.execute(text, (key, value, *values)).rowcount

    def find(self, question):
        where, values = condition(question)
        text = f"SELECT o.object FROM objects o WHERE {where}"
        return [row[0] for row in self.db.execute(text, values)]

    def find_each(self, questions):
        """One after the other in one transaction: there is no round trip to save."""
        self.db.execute("BEGIN")
        names = [name for question in questions for name in self.find(question)]
        self.db.execute("COMMIT")
        return names

    def fetch(self, question):
        where, values = condition(question)
        what = ", ".join(f"o.{column}" for column in COLUMNS)
        text = f"SELECT o.object, {what}, ({TAGS_OF}) FROM objects o WHERE {where}"
        keys = (*COLUMNS, "tags")
        for name, *attributes in self.db.execute(text, values):
            yield name, dict(zip(keys, attributes))

    def count(self, question):
        where, values = condition(question)
        text = f"SELECT count(*) FROM objects o WHERE {where}"
        return self.db.execute(text, values).fetchone()[0]


def condition(question):
    conditions, values = [], []
    for key, value in question.get("equal", {}).items():
        if key in COLUMNS:
            conditions.append(f"o.{key} = ?")
            values.append(value)
        else:
            conditions.append("o.id IN (SELECT object FROM tags WHERE key = ? AND value = ?)")
            values += (key, value)
    if "range" in question:
        key, low, high = question["range"]
        conditions.append(f"o.{key} BETWEEN ? AND ?")
        values += (low, high)
    if "infix" in question:
        conditions.append("o.id IN (SELECT rowid FROM labels WHERE label MATCH ?)")
        values.append(f'"{question["infix"][1]}"')
    return " AND ".join(conditions), values
