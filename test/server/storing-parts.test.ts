// Parts whose bytes outlive the host: each by itself, and what they are parts of.
import assert from 'node:assert/strict';
import { readdir, rm } from 'node:fs/promises';
import { join as joinPath } from 'node:path';
import { test } from 'node:test';
import type { Pool } from '../../src/client/index.js';
import { openStore } from '../../src/levels/store/index.js';
import { someBytes } from '../../src/testing/level-cases.js';
import { codeOf } from '../client/support/pools.js';
import { tinyTmpfs } from '../levels/scratch.js';
import { member } from './kept-members.js';
import { KeptPool } from './kept-pool.js';
import { poolOf, scratch } from './pool-fixture.js';
import { keptWithStore, loseMemory, storedIn } from './stored-pools.js';

const ROWS = 4;
const COLUMNS = 300_000;
const space = { dtype: 'uint8', shape: [ROWS, COLUMNS] } as const;
const SAFE = { keep: true, durability: 'fsync' } as const;

async function offerRow(pool: Pool, row: number, how: object = SAFE): Promise<unknown> {
  const part = pool.object('x', { space }).region([row]);
  return await part.write(someBytes(COLUMNS, row)).offer(how);
}

async function checkRows(pool: Pool): Promise<void> {
  await using got = await pool.object('x').demand({ timeoutMs: 10_000 });
  const bytes = got.copy() as Uint8Array;
  for (let row = 0; row < ROWS; row++) {
    const own = bytes.subarray(row * COLUMNS, (row + 1) * COLUMNS);
    assert.equal(Buffer.compare(own, someBytes(COLUMNS, row)), 0, `row ${row}`);
  }
}

test('everybody killed and the memory gone after each part: what was acknowledged is there', async (t) => {
  const { kept, store } = await keptWithStore(t);
  for (let row = 0; row < ROWS; row++) {
    {
      await using pool = await member(kept, `writer${row}`);
      const told = await offerRow(pool, row);
      assert.deepEqual(told, { record: 'fsync', bytes: 'fsync' });
      assert.equal((await pool.stat('x'))['state'], row === ROWS - 1 ? 'offered' : 'partial');
    }
    await kept.kill();
    await loseMemory(kept);
    await kept.start();
    await using reader = await member(kept, `reader${row}`);
    await using own = await reader.object('x').demand({ region: [row], timeoutMs: 10_000 });
    assert.equal(Buffer.compare(own.copy() as Uint8Array, someBytes(COLUMNS, row)), 0);
    assert.equal((await reader.stat('x'))['durability'], 'fsync');
  }
  await using pool = await member(kept, 'last');
  await checkRows(pool);
  assert.equal((await storedIn(store)).length, ROWS);
  await pool.unkeep('x');
  await pool.put('behind', someBytes(20_000), { durability: 'fsync' });
  assert.deepEqual(await storedIn(store), ['behind 1']);
});

test('killed while parts are stored, again and again: each is offered once, and safe', async (t) => {
  const { kept } = await keptWithStore(t);
  await using one = await member(kept, 'one');
  await using other = await member(kept, 'other');
  const offers: Promise<unknown>[] = [];
  for (let row = 0; row < ROWS; row++) {
    offers.push(offerRow(row % 2 === 0 ? one : other, row));
    await new Promise(setImmediate);
    await kept.restart();
  }
  await Promise.all(offers);
  await kept.kill();
  await loseMemory(kept);
  await kept.start();
  await using after = await member(kept, 'after');
  await checkRows(after);
});

test('the memory goes while a part is stored: its member stores it anew', async (t) => {
  const { kept } = await keptWithStore(t);
  await using pool = await member(kept, 'pool');
  await offerRow(pool, 0);
  const offers = [1, 2, 3].map((row) => offerRow(pool, row, { keep: true }));
  await new Promise(setImmediate);
  await kept.kill();
  await loseMemory(kept);
  await kept.start();
  await Promise.all(offers);
  await checkRows(pool);
});

test('one slab of several is removed: the parts that lay in it come back beside the others', async (t) => {
  const MiB = 1 << 20;
  const store = joinPath(await scratch(t), 'store');
  const kept = await KeptPool.make(t, { store, memoryBytes: 80 * MiB });
  await kept.start();
  const whole = { dtype: 'uint8', shape: [13 * MiB] } as const;
  {
    await using pool = await member(kept, 'before');
    const object = pool.object('x', { space: whole });
    const first = object.region([[0, MiB]]);
    await first.write(someBytes(MiB, 1)).offer(SAFE);
    await pool.put('filler', new Uint8Array(52 * MiB));
    const second = object.region([[MiB, 13 * MiB]]);
    await second.write(someBytes(12 * MiB, 2)).offer(SAFE);
    const { memory } = await pool.info();
    assert.equal((memory as { slabs: number }).slabs, 2);
  }
  await kept.kill();
  const [directory = ''] = await readdir(kept.shmDirectory);
  await rm(joinPath(kept.shmDirectory, directory, 'slab-0'));
  await kept.start();
  await using pool = await member(kept, 'after');
  await using got = await pool.object('x').demand({ timeoutMs: 10_000 });
  const bytes = got.copy() as Uint8Array;
  assert.equal(Buffer.compare(bytes.subarray(0, MiB), someBytes(MiB, 1)), 0);
  assert.equal(Buffer.compare(bytes.subarray(MiB), someBytes(12 * MiB, 2)), 0);
  assert.equal(await codeOf(pool.object('filler').demand({ timeoutMs: 50 })), 'deadline-passed');
});

test('a store without room refuses a part; what was there is there, and others go on', async (t) => {
  const mounted = await tinyTmpfs(t, 3);
  if (mounted === null) return;
  const store = joinPath(mounted, 'store');
  const kept = await KeptPool.make(t, { store });
  await kept.start();
  await using pool = await member(kept, 'pool');
  const large = { dtype: 'uint8', shape: [5_000_000] } as const;
  const object = pool.object('x', { space: large });
  await object
    .region([[0, 900_000]])
    .write(someBytes(900_000))
    .offer(SAFE);
  const rest = object.region([[900_000, 5_000_000]]).write(someBytes(4_100_000));
  assert.equal(await codeOf(rest.offer(SAFE)), 'disk-full');
  const next = object.region([[900_000, 1_000_000]]).write(someBytes(100_000));
  await next.offer(SAFE);
  assert.equal((await storedIn(store)).length, 2);
});

test('the store has parts as arrays that say of what they are parts', async (t) => {
  const store = joinPath(await scratch(t), 'store');
  const data = joinPath(await scratch(t), 'data');
  const server = await poolOf(t, { store, data, name: 'run' });
  await using pool = await member(server, 'writer');
  const said = { attributes: { param: 't' }, space };
  const part = pool.object('x', said).region([
    [1, 3],
    [0, 200_000],
  ]);
  await part.write(someBytes(400_000)).offer(SAFE);
  await using level = await openStore(store, { access: 'read' });
  for await (const entry of level.list()) {
    assert.match(entry.pool, /^run\.[^.]+\.parts$/u);
    assert.match(entry.name, /^x#\d+$/u);
    assert.deepEqual(entry.space.shape, [2, 200_000]);
    assert.deepEqual(
      { ...entry.attributes },
      { param: 't', '.of-shape': [ROWS, COLUMNS], '.region': '1:3,0:200000' },
    );
    const found = await level.get(entry);
    assert.equal(Buffer.compare(found?.bytes ?? new Uint8Array(), someBytes(400_000)), 0);
  }
});
