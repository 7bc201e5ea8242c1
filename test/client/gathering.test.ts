import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { test } from 'node:test';
import { join, type Pool } from '../../src/client/index.js';
import { LIMITS } from '../../src/core/limits.js';
import { listeningProxy, type SeenTransfer } from './support/listening-proxy.js';
import { joinApart, servePool } from './support/pools.js';
import { seenThreads } from './support/seen-threads.js';

const SPACE = { dtype: 'int32', shape: [400, 100] } as const;
const ROW_BYTES = 400;

/** A pool behind something that notes what is asked of it. */
async function listened(
  t: Parameters<typeof servePool>[0],
): Promise<{ readonly pool: Pool; readonly seen: SeenTransfer[] }> {
  const server = await servePool(t);
  const { address, seen } = await listeningProxy(t, server.address);
  const pool = await join({ address, member: 'm' });
  t.after(() => pool.close());
  return { pool, seen };
}

const rows = (count: number): readonly Int32Array[] =>
  Array.from({ length: count }, (_, at) => new Int32Array(100).fill(at + 1));

test('writes of one turn go in requests of up to gatherBytes', async (t) => {
  const { pool, seen } = await listened(t);
  for (const [gatherBytes, requests, regions] of [
    [undefined, 1, 400],
    [100 * ROW_BYTES, 4, 100],
    [10 * ROW_BYTES + 7, 40, 10],
    [1, 400, 1],
  ] as const) {
    const name = `table/${gatherBytes}`;
    const table = await pool.create(name, { space: SPACE, gatherBytes });
    seen.length = 0;
    await Promise.all(rows(400).map((row, at) => table.write([at, null], row)));
    assert.equal(seen.length, requests, `${gatherBytes}: requests`);
    const each = { kind: 'write', regions, bytes: regions * ROW_BYTES } as const;
    assert.deepEqual(seen, new Array(requests).fill(each));
    assert.deepEqual(
      [...(await table.read([null, 7]))],
      [...rows(400)].map(([first]) => first),
    );
    await table.withdraw();
  }
});

test('many small reads are served from one that has them all, where that pays', async (t) => {
  const { pool, seen } = await listened(t);
  const table = await pool.create('table', { space: SPACE });
  await Promise.all(rows(400).map((row, at) => table.write([at, null], row)));
  const boxBytes = 100 * 30 * 4;
  for (const [why, sieveBytes, [from, to], count, expected] of [
    ['one large read', undefined, [10, 40], 100, { regions: 1, bytes: boxBytes }],
    ['as large as allowed', boxBytes, [10, 40], 100, { regions: 1, bytes: boxBytes }],
    ['never', 0, [10, 40], 100, { regions: 100, bytes: 100 * 12 * 4 }],
    ['all are larger than allowed', 1, [10, 40], 100, { regions: 100, bytes: 100 * 12 * 4 }],
    ['few reads', undefined, [10, 40], 15, { regions: 15, bytes: 15 * 12 * 4 }],
    ['little of it is wanted', undefined, [0, 60], 100, { regions: 100, bytes: 100 * 12 * 4 }],
  ] as const) {
    const other = await pool.open<'int32'>('table', { sieveBytes });
    seen.length = 0;
    // From both ends of the columns: 12 elements of each row.
    const got = await Promise.all(
      Array.from({ length: count }, (_, at) => other.read([at, { indices: ends(from, to) }])),
    );
    assert.deepEqual(seen, [{ kind: 'read', ...expected }], why);
    for (const [at, values] of got.entries()) {
      assert.deepEqual([...values], new Array(12).fill(at + 1), why);
    }
    await other.close();
  }
});

test('reads are sieved where they lie close, whatever lies far away, in whatever order', async (t) => {
  const { pool, seen } = await listened(t);
  const table = await pool.create('table', { space: SPACE, sieveBytes: 50 * ROW_BYTES });
  await Promise.all(rows(400).map((row, at) => table.write([at, null], row)));
  const close = [...Array(20).keys()].flatMap((at) => [at, 300 + at]);
  const places = [150, ...close.reverse(), 399];
  seen.length = 0;
  const got = await Promise.all(places.map((at) => table.read([at, [10, 40]])));
  assert.deepEqual(seen, [
    { kind: 'read', regions: 1, bytes: 20 * 30 * 4 },
    { kind: 'read', regions: 1, bytes: 20 * 30 * 4 },
    { kind: 'read', regions: 2, bytes: 2 * 30 * 4 },
  ]);
  for (const [index, at] of places.entries()) {
    assert.deepEqual([...(got[index] ?? [])], new Array(30).fill(at + 1));
  }
  const other = await pool.open<'int32'>('table', { sieveBytes: 100 * 30 * 4 - 1 });
  seen.length = 0;
  const each = await Promise.all(rows(100).map((_, at) => other.read([at, [10, 40]])));
  // What has no room in one box any more begins the next, or goes by itself.
  assert.deepEqual(seen, [
    { kind: 'read', regions: 1, bytes: 99 * 30 * 4 },
    { kind: 'read', regions: 1, bytes: 30 * 4 },
  ]);
  assert.deepEqual(
    each.map(([value]) => value),
    [...Array(100).keys()].map((at) => at + 1),
  );
});

/** The first and the last six of a range. */
function ends(from: number, to: number): number[] {
  return Array.from({ length: 12 }, (_, at) => (at < 6 ? from + at : to - 12 + at));
}

test('a mapped buffer is published and refreshed by threads, and nothing beside the region', async (t) => {
  const server = await servePool(t, { memoryBytes: 256 << 20 });
  const [one, two] = await Promise.all([joinApart(server, 'a'), joinApart(server, 'b')]);
  t.after(() => Promise.all([one.close(), two.close()]));
  const shape = [1_024, 8_192] as const;
  const mine = await one.create('field', { space: { dtype: 'int32', shape } });
  const theirs = await two.open<'int32'>('field');
  const buffer = Int32Array.from({ length: 1_024 * 8_192 }, (_, at) => at);
  mine.map(buffer, [null, null]);
  const seen = seenThreads(t);
  const jobs = () => [...seen.values()].flat();
  const lock = await mine.lock('write', [null, [100, 8_000]]);
  await lock.release();
  const most = LIMITS.transformThreadsMax;
  assert.equal(seen.size, Math.min(availableParallelism(), most), 'one thread a core');
  assert.ok(jobs().every(({ kind }) => kind === 'gather'));
  assert.ok(jobs().length > 1, 'in pieces');
  const written = jobs().length;
  const into = new Int32Array(1_024 * 8_192).fill(-1);
  theirs.map(into, [null, null]);
  await (await theirs.lock('read', [null, [50, 7_000]])).release();
  assert.ok(jobs().length > written, 'also what comes');
  for (const row of [0, 1, 511, 1_023]) {
    const at = (column: number): number => into[row * 8_192 + column] as number;
    const columns = [0, 49, 50, 99, 100, 6_999, 7_000, 8_191];
    const place = row * 8_192;
    assert.deepEqual(columns.map(at), [-1, -1, 0, 0, place + 100, place + 6_999, -1, -1]);
  }
});

test('a large open object is filled by threads', async (t) => {
  const server = await servePool(t, { memoryBytes: 256 << 20 });
  await using pool = await joinApart(server, 'a');
  const seen = seenThreads(t);
  const space = { dtype: 'float64', shape: [3, 700_001] } as const;
  const object = await pool.create('x', { space, fill: -9_999.5 });
  const kinds = new Set([...seen.values()].flat().map(({ kind }) => kind));
  assert.deepEqual(kinds, new Set(['fill']));
  const all = await object.read([null, null]);
  assert.ok(all.every((value) => value === -9_999.5));
  await object.withdraw();
});

test('parts of a large array are gathered by several threads at once', async (t) => {
  const server = await servePool(t, { memoryBytes: 256 << 20 });
  await using pool = await joinApart(server, 'a');
  const shape = [2_048, 4_096];
  const object = pool.object('x', { space: { dtype: 'float32', shape } });
  object.region([[0, 1_024], null]).array.fill(1);
  object.region([[1_024, 2_048], null]).array.fill(2);
  await object.offer();
  const seen = seenThreads(t);
  await using got = await pool.object('x').demand({ order: 'column' });
  assert.deepEqual([got.array[0], got.array[1_023], got.array[1_024]], [1, 1, 2]);
  assert.equal(seen.size, Math.min(availableParallelism(), LIMITS.transformThreadsMax));
  for (const jobs of seen.values()) assert.ok(jobs.length > 0 && jobs.length < 20);
});
