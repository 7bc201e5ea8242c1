import assert from 'node:assert/strict';
import {
  appendFile,
  mkdir,
  mkdtemp,
  open,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type WatchedFile, type WatchOptions, watch } from '../../src/apps/index.js';
import { join, type Pool } from '../../src/client/index.js';
import { npyHeader } from '../../src/formats/npy/header.js';
import { openStore } from '../../src/levels/store/index.js';
import { testPool } from '../../src/testing/index.js';
import { writeEra } from '../files/era.js';

const skip = process.platform === 'linux' ? false : 'needs inotify of Linux';

/** A directory that is watched, and what has become of its files. */
class Watched {
  readonly directory: string;
  readonly files: WatchedFile[] = [];
  readonly #end = new AbortController();
  readonly #watching: ReturnType<typeof watch>;
  #wake: () => void = () => {};

  private constructor(pool: Pool, directory: string, options: WatchOptions, ready: () => void) {
    this.directory = directory;
    this.#watching = watch(pool, directory, {
      ...options,
      signal: this.#end.signal,
      onReady: ready,
      onFile: (file) => {
        this.files.push(file);
        this.#wake();
      },
    });
  }

  static async begin(pool: Pool, directory: string, options: WatchOptions = {}): Promise<Watched> {
    let watched: Watched | null = null;
    await new Promise<void>((resolve, reject) => {
      watched = new Watched(pool, directory, options, resolve);
      watched.#watching.catch(reject);
    });
    assert.ok(watched !== null);
    return watched;
  }

  /** As {@link until}, of offers alone: of a directory that has just come files may come twice. */
  async untilOffered(count: number): Promise<readonly WatchedFile[]> {
    for (;;) {
      const offered = this.files.filter(({ outcome }) => outcome === 'offered');
      if (offered.length >= count) return offered;
      await this.until(this.files.length + 1);
    }
  }

  /** When so many files were told of, since it began. */
  async until(count: number): Promise<void> {
    while (this.files.length < count) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  get told(): string[] {
    return this.files.map(({ path, outcome }) => `${path} ${outcome}`);
  }

  get over() {
    return this.#watching;
  }

  end() {
    this.#end.abort();
    return this.#watching;
  }
}

async function scratch(t: TestContext): Promise<string> {
  const directory = await mkdtemp(joinPath(tmpdir(), 'attacca-watch-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

async function textOf(pool: Pool, name: string): Promise<string> {
  await using got = await pool.object(name).demand();
  return Buffer.from(got.unsafeBytes()).toString();
}

test('files come when they are closed or renamed into place, and not before', {
  skip,
}, async (t) => {
  await using server = await testPool();
  await using pool = await join({ address: server.address, member: 'w' });
  const directory = await scratch(t);
  await writeFile(joinPath(directory, 'before'), 'was there');
  const watched = await Watched.begin(pool, directory);
  const file = await open(joinPath(directory, 'slow'), 'w');
  await file.write('half');
  await writeFile(joinPath(directory, '.hidden'), 'no');
  await writeFile(joinPath(directory, 'draft.tmp'), 'whole');
  await symlink(joinPath(directory, 'before'), joinPath(directory, 'link'));
  await rename(joinPath(directory, 'draft.tmp'), joinPath(directory, 'moved'));
  await mkdir(joinPath(directory, 'a/b'), { recursive: true });
  await writeFile(joinPath(directory, 'a/b/deep'), 'deep');
  await writeFile(joinPath(directory, 'empty'), '');
  await watched.untilOffered(3);
  await file.write(' and half');
  await file.close();
  const offered = await watched.untilOffered(4);
  const last = offered.at(-1);
  assert.deepEqual([last?.path, last?.names, last?.bytes], ['slow', ['slow'], 13]);
  const names = offered.map(({ path }) => path).sort();
  assert.deepEqual(names, ['a/b/deep', 'empty', 'moved', 'slow']);
  assert.equal(await textOf(pool, 'slow'), 'half and half');
  assert.equal(await textOf(pool, 'a/b/deep'), 'deep');
  assert.equal(await textOf(pool, 'empty'), '');
  await appendFile(joinPath(directory, 'slow'), '!');
  await watched.untilOffered(5);
  assert.equal(await textOf(pool, 'slow'), 'half and half!');
  assert.equal((await pool.stat('slow'))['version'], 2);
  const { offered: count, failed } = await watched.end();
  assert.deepEqual([count, failed], [5, 0]);
  // Found in a directory that had just come, and told when it was closed: nothing else is.
  const again = watched.files.filter(({ outcome }) => outcome === 'unchanged');
  assert.ok(again.length <= 1 && again.every(({ path }) => path === 'a/b/deep'));
});

test('what is there comes with start, and only once while it is unchanged', { skip }, async (t) => {
  await using server = await testPool();
  await using pool = await join({ address: server.address, member: 'w' });
  const directory = await scratch(t);
  await mkdir(joinPath(directory, 'a'));
  for (const name of ['x', 'a/y', 'z']) await writeFile(joinPath(directory, name), name);
  const writing = await open(joinPath(directory, 'open'), 'w');
  t.after(() => writing.close());
  const first = await Watched.begin(pool, directory, { from: 'start', name: 'run/{dir}/{stem}' });
  await first.until(3);
  assert.deepEqual(await first.end(), { offered: 3, unchanged: 0, failed: 0 });
  assert.equal(await textOf(pool, 'run/a/y'), 'a/y');
  await writeFile(joinPath(directory, 'z'), 'new');
  await utimes(joinPath(directory, 'z'), 1, 1);
  const again = await Watched.begin(pool, directory, { from: 'start', name: 'run/{dir}/{stem}' });
  await again.until(3);
  assert.deepEqual(await again.end(), { offered: 1, unchanged: 2, failed: 0 });
  assert.equal(await textOf(pool, 'run//z'), 'new');
});

test('whatever characters a path has, its file comes, and is known again', { skip }, async (t) => {
  await using server = await testPool();
  await using pool = await join({ address: server.address, member: 'w' });
  const directory = await scratch(t);
  const path = 'o"d\\d\u001b\r\n\u202e';
  await writeFile(joinPath(directory, path), 'odd');
  for (const outcome of ['offered', 'unchanged']) {
    const watched = await Watched.begin(pool, directory, { from: 'start' });
    await watched.until(1);
    await watched.end();
    assert.deepEqual(watched.told, [`${path} ${outcome}`]);
  }
  assert.equal(await textOf(pool, path), 'odd');
});

test('what another watch has made of a file is not what this one makes', { skip }, async (t) => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'watch' });
  const directory = await scratch(t);
  const space = { dtype: 'float32', shape: [1], order: 'row', byteOrder: 'little' } as const;
  const bytes = new Uint8Array(Float32Array.of(7).buffer);
  await writeFile(joinPath(directory, 'u.npy'), Buffer.concat([npyHeader(space), bytes]));
  const ways: readonly WatchOptions[] = [
    {},
    { name: 'raw/{path}' },
    { import: true },
    { import: true, name: '{path}/data' },
  ];
  for (const way of ways) {
    for (const outcome of ['offered', 'unchanged']) {
      const watched = await Watched.begin(member, directory, { ...way, from: 'start' });
      await watched.until(1);
      assert.deepEqual(watched.told, [`u.npy ${outcome}`], JSON.stringify(way));
      await watched.end();
    }
  }
  assert.equal(await member.count('has file.path'), ways.length);
});

test('a blob is not what an import makes of its file, under the same names either', {
  skip,
}, async (t) => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'watch' });
  const space = { dtype: 'float32', shape: [1], order: 'row', byteOrder: 'little' } as const;
  const bytes = new Uint8Array(Float32Array.of(7).buffer);
  for (const name of ['{stem}', '{stem}/raw']) {
    const directory = await scratch(t);
    const file = `${name.length}.npy`;
    await writeFile(joinPath(directory, file), Buffer.concat([npyHeader(space), bytes]));
    for (const [way, outcome] of [
      [{ name }, 'offered'],
      [{ name }, 'unchanged'],
      [{ name: '{stem}', import: true }, 'offered'],
      [{ name: '{stem}', import: true }, 'unchanged'],
    ] as const) {
      const watched = await Watched.begin(member, directory, { ...way, from: 'start' });
      await watched.until(1);
      await watched.end();
      assert.deepEqual(watched.told, [`${file} ${outcome}`], JSON.stringify(way));
    }
    const isImported = `file.path = "${joinPath(directory, file)}" and has file`;
    assert.equal(await member.count(isImported), 1, name);
  }
});

test('files that are gone before they are read, and directories that move', { skip }, async (t) => {
  await using server = await testPool();
  await using pool = await join({ address: server.address, member: 'w' });
  const directory = await scratch(t);
  const outside = await scratch(t);
  await mkdir(joinPath(directory, 'old/sub'), { recursive: true });
  const watched = await Watched.begin(pool, directory, { accepts: (path) => path !== 'not' });
  for (let index = 0; index < 50; index++) {
    await writeFile(joinPath(directory, 'short'), 'x');
    await rm(joinPath(directory, 'short'));
  }
  await writeFile(joinPath(directory, 'not'), 'x');
  await rename(joinPath(directory, 'old'), joinPath(directory, 'new'));
  await writeFile(joinPath(directory, 'new/sub/f'), 'f');
  while (!watched.told.includes('new/sub/f offered')) await watched.until(watched.files.length + 1);
  await rename(joinPath(directory, 'new'), joinPath(outside, 'gone'));
  await writeFile(joinPath(outside, 'gone/sub/g'), 'g');
  await writeFile(joinPath(directory, 'last'), 'x');
  while (!watched.told.includes('last offered')) await watched.until(watched.files.length + 1);
  assert.ok(!watched.told.some((line) => /\bg offered|not offered/u.test(line)));
  assert.equal((await watched.end()).failed, 0);
});

test('a storm of renames, more than the kernel keeps for us: all come, each once', {
  skip,
  timeout: 240_000,
}, async (t) => {
  await using server = await testPool();
  await using pool = await join({ address: server.address, member: 'w' });
  const directory = await scratch(t);
  const outside = await scratch(t);
  const kept = await readFile('/proc/sys/fs/inotify/max_queued_events', 'utf8');
  const watched = await Watched.begin(pool, directory);
  const count = 3_000;
  const paths = Array.from({ length: count }, (_, index) => `f${index}`);
  for (const path of paths) await writeFile(joinPath(outside, path), path);
  // Without a turn for the watcher between, and more notices than are kept.
  const { renameSync } = await import('node:fs');
  for (const path of paths) renameSync(joinPath(outside, path), joinPath(directory, path));
  const rounds = Math.min(20, Math.ceil(Number(kept) / count / 2) + 1);
  for (let round = 0; round < rounds; round++) {
    for (const path of paths) {
      renameSync(joinPath(directory, path), joinPath(directory, `${path}.tmp`));
      renameSync(joinPath(directory, `${path}.tmp`), joinPath(directory, path));
    }
  }
  await watched.until(count);
  const { offered, failed } = await watched.end();
  assert.deepEqual([offered, failed], [count, 0]);
  assert.equal(await pool.count('file.size > 0'), count);
  assert.equal(await textOf(pool, 'f2999'), 'f2999');
});

test('what came while the kernel dropped notices is found, in new directories, too', {
  skip,
  timeout: 120_000,
}, async (t) => {
  const kept = Number(await readFile('/proc/sys/fs/inotify/max_queued_events', 'utf8'));
  if (kept > 1_000_000) return t.skip(`the kernel keeps ${kept} notices: too many to overflow`);
  await using server = await testPool();
  await using pool = await join({ address: server.address, member: 'w' });
  const directory = await scratch(t);
  const draft = joinPath(directory, 'x.tmp');
  await writeFile(draft, '');
  const watched = await Watched.begin(pool, directory);
  const { mkdirSync, renameSync, writeFileSync } = await import('node:fs');
  // Two notices each, of what is no output: behind so many no other is kept.
  for (let at = 0; at < kept / 4 + 2; at++) {
    renameSync(draft, `${draft}.tmp`);
    renameSync(`${draft}.tmp`, draft);
  }
  mkdirSync(joinPath(directory, 'new'));
  writeFileSync(joinPath(directory, 'new/late'), 'late');
  await watched.untilOffered(1);
  await writeFile(joinPath(directory, 'new/next'), 'next');
  const offered = await watched.untilOffered(2);
  assert.deepEqual(
    offered.map(({ path }) => path),
    ['new/late', 'new/next'],
  );
  assert.equal(await textOf(pool, 'new/late'), 'late');
  await watched.end();
});

/** Holds memory, until it is given back; `waiting`: when somebody waits for some of it. */
async function fullPool(pool: Pool, bytes: number) {
  await pool.put('large', new Uint8Array(bytes));
  const waiting = async (): Promise<void> => {
    while (!/"lease"/u.test(JSON.stringify(await pool.explain()))) await pool.info();
  };
  return { waiting, free: () => pool.unkeep('large') };
}

for (const isImported of [false, true]) {
  const how = isImported ? 'imported' : 'offered';
  test(`a file that changes while it is read is ${how} as it is in the end, and once`, {
    skip,
  }, async (t) => {
    await using server = await testPool({ memoryBytes: 2 ** 24 });
    await using pool = await join({ address: server.address, member: 'w' });
    await using guard = await join({ address: server.address, member: 'm' });
    const directory = await scratch(t);
    const path = joinPath(directory, 'f.npy');
    const values = 2 ** 19;
    const space = { dtype: 'float64', shape: [values], order: 'row', byteOrder: 'little' } as const;
    const of = (value: number): Buffer =>
      Buffer.concat([npyHeader(space), Buffer.from(new Float64Array(values).fill(value).buffer)]);
    await writeFile(path, of(1));
    const { waiting, free } = await fullPool(guard, 11 * 2 ** 20);
    const watched = await Watched.begin(pool, directory, { from: 'start', import: isImported });
    await waiting();
    // Of the same size and the same time, by another program's rename or in its place.
    const { atime, mtime } = await stat(path);
    const written = isImported ? `${path}.tmp` : path;
    await writeFile(written, of(2));
    await utimes(written, atime, mtime);
    if (isImported) await rename(written, path);
    await free();
    await watched.untilOffered(1);
    const name = isImported ? 'f' : 'f.npy';
    {
      await using found = await pool.object(name).demand();
      const bytes = Buffer.from(found.unsafeBytes());
      assert.equal(bytes.readDoubleLE(bytes.length - 8), 2);
      assert.equal(found.version, 1);
    }
    assert.deepEqual((await watched.end()).failed, 0);
    assert.ok(!watched.told.slice(1).includes('f.npy offered'), String(watched.told));
    // The same size and time once more, while nobody looks.
    await writeFile(path, of(3));
    await utimes(path, atime, mtime);
    const again = await Watched.begin(pool, directory, { from: 'start', import: isImported });
    await again.until(1);
    await again.end();
    assert.deepEqual(again.told, ['f.npy offered']);
  });
}

test('two watches of one directory offer each file once, and neither calls that a failure', {
  skip,
}, async (t) => {
  await using server = await testPool();
  const directory = await scratch(t);
  const count = 150;
  const path = (index: number): string => joinPath(directory, `f${index}`);
  for (let index = 0; index < count; index++) await writeFile(path(index), `was ${index}`);
  await using one = await join({ address: server.address, member: 'one' });
  await using other = await join({ address: server.address, member: 'other' });
  const both = await Promise.all(
    [one, other].map((pool) => Watched.begin(pool, directory, { from: 'start' })),
  );
  for (let index = count; index < 2 * count; index++) await writeFile(path(index), `is ${index}`);
  await Promise.all(both.map((watched) => watched.until(2 * count)));
  const ends = await Promise.all(both.map((watched) => watched.end()));
  assert.deepEqual(
    ends.map(({ failed }) => failed),
    [0, 0],
    String(both.flatMap(({ files }) => files.map(({ error }) => error)).filter(Boolean)[0]),
  );
  assert.equal(
    ends.reduce((sum, { offered }) => sum + offered, 0),
    2 * count,
  );
  assert.equal(await one.count('file.size > 0 and .version = 1'), 2 * count);
});

test('two watches that import one directory: each waits for the other', { skip }, async (t) => {
  await using server = await testPool();
  const directory = await scratch(t);
  await using one = await join({ address: server.address, member: 'one' });
  await using other = await join({ address: server.address, member: 'other' });
  const both = await Promise.all(
    [one, other].map((pool) => Watched.begin(pool, directory, { import: true })),
  );
  for (let at = 0; at < 5; at++) await writeEra(joinPath(directory, `era${at}.nc`));
  await Promise.all(both.map((watched) => watched.until(5)));
  const ends = await Promise.all(both.map((watched) => watched.end()));
  const told = both.flatMap(({ files }) => files.map(({ error }) => error)).filter(Boolean);
  assert.deepEqual(told, []);
  assert.ok(ends.reduce((sum, { offered }) => sum + offered, 0) >= 5);
});

test('what cannot be offered is told, and others go on; what cannot be watched is refused', {
  skip,
}, async (t) => {
  await using server = await testPool({ memoryBytes: 2 ** 24 });
  await using pool = await join({ address: server.address, member: 'w' });
  const directory = await scratch(t);
  const nowhere = watch(pool, joinPath(directory, 'none'), { promise: ['run/*'] });
  await assert.rejects(nowhere, { code: 'file-error' });
  const { counts } = await pool.info();
  assert.equal((counts as { promises: number }).promises, 0, 'what it promised is closed');
  const watched = await Watched.begin(pool, directory, { timeoutMs: 1 });
  await writeFile(joinPath(directory, 'large'), Buffer.alloc(2 ** 25));
  await watched.until(1);
  await writeFile(joinPath(directory, 'small'), 'x');
  await watched.until(2);
  assert.deepEqual(watched.told, ['large failed', 'small offered']);
  const other = await scratch(t);
  const importing = await Watched.begin(pool, other, { import: true });
  await writeFile(joinPath(other, 'bad.nc'), 'no file of that kind');
  await importing.until(1);
  assert.deepEqual(importing.told, ['bad.nc failed']);
  await importing.end();
  await rm(directory, { recursive: true });
  await assert.rejects(watched.over, { code: 'file-error' });
});

test('a store in a watched directory is no output of a program', { skip }, async (t) => {
  await using server = await testPool();
  await using pool = await join({ address: server.address, member: 'w' });
  const directory = await scratch(t);
  const put = async (name: string): Promise<void> => {
    await using store = await openStore(joinPath(directory, name), { access: 'write' });
    const space = { dtype: 'uint8', shape: [1], order: 'row', byteOrder: 'little' } as const;
    const entry = { pool: 'p', name: 'x', version: 1, space, attributes: {} };
    await store.put(entry, new Uint8Array(1), { durability: 'fsync' });
  };
  await put('archive');
  const watched = await Watched.begin(pool, directory, { from: 'start' });
  await put('archive');
  await writeFile(joinPath(directory, 'out'), 'x');
  await watched.until(1);
  await watched.end();
  assert.deepEqual(watched.told, ['out offered']);
});

test('it ends with its pool', { skip }, async (t) => {
  const pool = await testPool();
  const member = await join({ address: pool.address, member: 'watch' });
  const watched = await Watched.begin(member, await scratch(t));
  await pool.close();
  await assert.rejects(watched.over, /pool has stopped|has ended/u);
  await member.close().catch(() => {});
});
