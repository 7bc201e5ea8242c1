import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import { join as joinPath } from 'node:path';
import { test } from 'node:test';
import { Float, type Pool, Timestamp } from '../../src/client/index.js';
import { openStore } from '../../src/levels/store/index.js';
import { someBytes } from '../../src/testing/level-cases.js';
import { codeOf } from '../client/support/pools.js';
import { tinyTmpfs } from '../levels/scratch.js';
import { member } from './kept-members.js';
import { KeptPool } from './kept-pool.js';
import { poolOf, scratch } from './pool-fixture.js';
import { keptWithStore, loseMemory, storedIn } from './stored-pools.js';

const SIZES = { small: 10_000, middle: 700_000, large: 5_000_000 };

async function putAll(pool: Pool): Promise<void> {
  for (const [name, size] of Object.entries(SIZES)) {
    const attributes = { size, param: 't', at: new Timestamp(5n), whole: new Float(6) };
    const bytes = someBytes(size);
    const told = await pool.put(name, bytes, { durability: 'fsync', attributes });
    assert.deepEqual(told, { record: 'fsync', bytes: 'fsync' }, name);
  }
}

async function checkAll(pool: Pool): Promise<void> {
  for (const [name, size] of Object.entries(SIZES)) {
    await using got = await pool.object(name).demand({ timeoutMs: 10_000 });
    assert.equal(Buffer.compare(got.copy() as Uint8Array, someBytes(size)), 0, name);
  }
}

/** What the store says of an object. */
async function attributesIn(store: string, name: string): Promise<unknown> {
  await using level = await openStore(store, { access: 'read' });
  for await (const entry of level.list()) if (entry.name === name) return entry.attributes;
  return null;
}

test('killed between the memory that is made anew and the record of that: it is made once more', async (t) => {
  for (const boots of [false, true]) {
    const { kept } = await keptWithStore(t);
    {
      await using pool = await member(kept, 'before');
      await putAll(pool);
      await pool.put('unsafe', someBytes(50_000));
    }
    await kept.restart();
    await kept.kill();
    await loseMemory(kept);
    if (boots) await kept.pretendBoot();
    for (let times = 0; times < 2; times++) {
      await assert.rejects(kept.start({ killAtRecord: true }));
      const made = (await readdir(kept.shmDirectory, { recursive: true })).join();
      assert.match(made, /slab-0/u, 'the slab is there, and what was not stored is not in it');
    }
    await kept.start();
    await using pool = await member(kept, 'after');
    await checkAll(pool);
    const late = pool.object('unsafe').demand({ timeoutMs: 50 });
    assert.equal(await codeOf(late), 'deadline-passed');
    // What comes now stays, whatever becomes of the manager.
    await pool.put('more', someBytes(1_000_000, 9));
    await kept.restart();
    await using again = await member(kept, 'again');
    await checkAll(again);
    await using more = await again.object('more').demand();
    assert.equal(Buffer.compare(more.copy() as Uint8Array, someBytes(1_000_000, 9)), 0);
  }
});

test('who lives through a loss of the memory reads and writes in that which was made anew', async (t) => {
  const { kept } = await keptWithStore(t);
  await using writer = await member(kept, 'writer', { transport: 'shared-memory' });
  await using reader = await member(kept, 'reader', { transport: 'shared-memory' });
  await putAll(writer);
  await checkAll(reader);
  await writer.put('unsafe', someBytes(400_000));
  await kept.kill();
  await loseMemory(kept);
  await kept.start();
  await checkAll(reader);
  await checkAll(writer);
  // By its number the slab is the same.
  await writer.put('later', someBytes(600_000, 4), { durability: 'fsync' });
  await using late = await member(kept, 'late');
  for (const pool of [reader, late]) {
    await using got = await pool.object('later').demand();
    assert.equal(Buffer.compare(got.copy() as Uint8Array, someBytes(600_000, 4)), 0);
  }
  assert.deepEqual([writer.transport, reader.transport], ['shared-memory', 'shared-memory']);
  await kept.kill();
  await loseMemory(kept);
  await kept.start();
  await using next = await member(kept, 'next');
  await using again = await next.object('later').demand();
  assert.equal(Buffer.compare(again.copy() as Uint8Array, someBytes(600_000, 4)), 0);
});

test('everybody killed and the memory gone: what is safe is there, all else is lost', async (t) => {
  const { kept } = await keptWithStore(t);
  {
    await using pool = await member(kept, 'before');
    await putAll(pool);
    await pool.put('unsafe', someBytes(50_000));
    const stat = await pool.stat('middle');
    assert.equal(stat['durability'], 'fsync');
    assert.equal((await pool.stat('unsafe'))['durability'], 'memory');
  }
  for (let round = 0; round < 2; round++) {
    await kept.kill();
    await loseMemory(kept);
    await kept.start();
    await using pool = await member(kept, `after${round}`);
    await checkAll(pool);
    const late = pool.object('unsafe').demand({ timeoutMs: 50 });
    assert.equal(await codeOf(late), 'deadline-passed');
    // The memory that was made anew takes others.
    await pool.put(`more${round}`, someBytes(1_000_000, round), { durability: 'fsync' });
  }
  await using pool = await member(kept, 'last');
  for (const round of [0, 1]) {
    await using got = await pool.object(`more${round}`).demand({ timeoutMs: 10_000 });
    assert.equal(Buffer.compare(got.copy() as Uint8Array, someBytes(1_000_000, round)), 0);
  }
});

test('after a boot what lies in slabs is not believed, and comes from the store', async (t) => {
  const { kept } = await keptWithStore(t);
  {
    await using pool = await member(kept, 'before');
    await putAll(pool);
  }
  await kept.kill();
  await kept.pretendBoot();
  await kept.start();
  await using pool = await member(kept, 'after');
  await checkAll(pool);
});

test('a file that was adopted is as safe, and comes back when the memory is gone', async (t) => {
  // Beside the first slab, which the pool makes in its own time, there is room for the file.
  const { kept } = await keptWithStore(t, { memoryBytes: 128 << 20 });
  const bytes = someBytes(1_234_567, 5);
  {
    await using pool = await member(kept, 'before');
    await writeFile(joinPath(pool.slabsDirectory ?? '', 'adopt-x'), bytes, { mode: 0o600 });
    const object = pool.object('x', { space: { dtype: 'uint8', shape: [bytes.length] } });
    await object.adopt('adopt-x', bytes.length);
    await object.offer({ keep: true, durability: 'fsync' });
  }
  for (let round = 0; round < 2; round++) {
    await kept.kill();
    await loseMemory(kept);
    await kept.start();
    await using pool = await member(kept, `after${round}`);
    await using got = await pool.object('x').demand({ timeoutMs: 10_000 });
    assert.equal(Buffer.compare(got.copy() as Uint8Array, bytes), 0);
  }
  await using pool = await member(kept, 'last');
  await pool.unkeep('x');
  const { memory } = await pool.info();
  assert.equal((memory as { offered: number }).offered, 0);
  // Behind what is removed from the store.
  await pool.put('behind', someBytes(20_000), { durability: 'fsync' });
});

test('what is withdrawn goes from the store, and what a crash has left there', async (t) => {
  const { kept, store } = await keptWithStore(t);
  await using pool = await member(kept, 'pool');
  await putAll(pool);
  assert.deepEqual(await storedIn(store), ['large 1', 'middle 1', 'small 1']);
  const attributes = { size: 10_000, param: 't', at: new Timestamp(5n), whole: new Float(6) };
  assert.deepEqual(await attributesIn(store, 'small'), attributes);
  await pool.unkeep('middle');
  await pool.put('middle', someBytes(20_000), { durability: 'fsync' });
  await pool.unkeep('large');
  // Deletions go the way of what is put: this one is behind them.
  await pool.put('last', someBytes(20_000), { durability: 'fsync' });
  await kept.kill();
  await kept.start();
  assert.deepEqual(await storedIn(store), ['last 1', 'middle 1', 'small 1']);
  await using after = await member(kept, 'after');
  await using got = await after.object('middle').demand({ timeoutMs: 10_000 });
  assert.equal(got.size, 20_000, 'a name that was forgotten begins anew');
});

test('killed while it stores, again and again: what is being put is put, and safe', async (t) => {
  const { kept } = await keptWithStore(t);
  await using pool = await member(kept, 'pool');
  const puts: Promise<unknown>[] = [];
  for (let round = 0; round < 4; round++) {
    for (let index = 0; index < 10; index++) {
      const size = 30_000 + index * 40_000;
      const bytes = someBytes(size, round);
      puts.push(pool.put(`n/${round}/${index}`, bytes, { durability: 'fsync' }));
    }
    await new Promise(setImmediate);
    await kept.restart();
  }
  await Promise.all(puts);
  await kept.kill();
  await loseMemory(kept);
  await kept.start();
  await using after = await member(kept, 'after');
  for (let round = 0; round < 4; round++) {
    for (let index = 0; index < 10; index++) {
      await using got = await after.object(`n/${round}/${index}`).demand({ timeoutMs: 10_000 });
      const right = someBytes(30_000 + index * 40_000, round);
      assert.equal(Buffer.compare(got.copy() as Uint8Array, right), 0);
    }
  }
});

test('what cannot be safe is refused, and offered no less', async (t) => {
  const { kept } = await keptWithStore(t);
  await using pool = await member(kept, 'pool');
  const rows = pool.object('rows', { space: { dtype: 'uint8', shape: [null, 20_000] } });
  const append = rows.append(someBytes(20_000), { durability: 'fsync' });
  assert.equal(await codeOf(append), 'no-durable-level');
  const plain = await KeptPool.make(t);
  await plain.start();
  await using other = await member(plain, 'other');
  const put = other.put('x', someBytes(20_000), { durability: 'fsync' });
  assert.equal(await codeOf(put), 'no-durable-level');
  const unkept = poolOf(t, { store: joinPath(await scratch(t), 'store') });
  assert.equal(await codeOf(unkept), 'bad-argument');
});

test('a store has one pool at a time', async (t) => {
  const { store } = await keptWithStore(t);
  const data = joinPath(await scratch(t), 'data');
  assert.equal(await codeOf(poolOf(t, { store, data })), 'store-in-use');
});

test('a full store refuses by name, and nothing is offered; later there is room', async (t) => {
  const mounted = await tinyTmpfs(t, 4);
  if (mounted === null) return;
  const kept = await KeptPool.make(t, { store: joinPath(mounted, 'store') });
  await kept.start();
  await using pool = await member(kept, 'pool');
  await pool.put('first', someBytes(1_500_000), { durability: 'fsync' });
  for (const size of [3_000_000, 900_000, 900_000, 900_000]) {
    await codeOf(pool.put(`n${size}`, someBytes(size), { durability: 'fsync' }));
  }
  const large = pool.put('large', someBytes(3_500_000), { durability: 'fsync' });
  assert.equal(await codeOf(large), 'disk-full');
  const late = pool.object('large').demand({ timeoutMs: 50 });
  assert.equal(await codeOf(late), 'deadline-passed');
  await pool.unkeep('first');
  await pool.put('again', someBytes(1_200_000), { durability: 'fsync' });
  await using got = await pool.object('again').demand({ timeoutMs: 10_000 });
  assert.equal(Buffer.compare(got.copy() as Uint8Array, someBytes(1_200_000)), 0);
});
