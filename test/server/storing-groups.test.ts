// Groups whose bytes outlive the host: whole, or nothing of them, whoever is killed when.
import assert from 'node:assert/strict';
import { join as joinPath } from 'node:path';
import { test } from 'node:test';
import type { Pool } from '../../src/client/index.js';
import { someBytes } from '../../src/testing/level-cases.js';
import { codeOf } from '../client/support/pools.js';
import { tinyTmpfs } from '../levels/scratch.js';
import { member } from './kept-members.js';
import { KeptPool } from './kept-pool.js';
import { keptWithStore, loseMemory, storedIn } from './stored-pools.js';

const SIZES = { note: 10, small: 20_000, middle: 700_000, large: 2_000_000 } as const;

function groupIn(pool: Pool, name: string) {
  const group = pool.group(name, { attributes: { of: name } });
  for (const [each, size] of Object.entries(SIZES)) {
    group.add(`${name}/${each}`, someBytes(size, name.length));
  }
  return group;
}

async function checkGroup(pool: Pool, name: string): Promise<void> {
  await using group = await pool.group(name).demand({ timeoutMs: 10_000 });
  for (const [each, size] of Object.entries(SIZES)) {
    const got = group.get(`${name}/${each}`).copy() as Uint8Array;
    assert.equal(Buffer.compare(got, someBytes(size, name.length)), 0, each);
  }
}

test('everybody killed and the memory gone: a group that was safe is there, whole', async (t) => {
  const { kept, store } = await keptWithStore(t);
  {
    await using pool = await member(kept, 'before');
    const group = groupIn(pool, 'safe');
    const told = await group.offer({ keep: true, durability: 'fsync' });
    assert.deepEqual(told, { record: 'fsync', bytes: 'fsync' });
    await groupIn(pool, 'not').offer({ keep: true });
    assert.deepEqual(await storedIn(store), ['safe/large 1', 'safe/middle 1', 'safe/small 1']);
  }
  for (let round = 0; round < 2; round++) {
    await kept.kill();
    await loseMemory(kept);
    await kept.start();
    await using pool = await member(kept, `after${round}`);
    await checkGroup(pool, 'safe');
    const late = pool.group('not').demand({ timeoutMs: 50 });
    assert.equal(await codeOf(late), 'deadline-passed');
  }
  await using pool = await member(kept, 'last');
  await pool.unkeep('safe');
  // Behind the deletions.
  await pool.put('last', someBytes(20_000), { durability: 'fsync' });
  await kept.stop();
  assert.deepEqual(await storedIn(store), ['last 1']);
});

test('killed while groups are stored, again and again: each is offered whole, and safe', async (t) => {
  const { kept } = await keptWithStore(t);
  await using pool = await member(kept, 'pool');
  const names = ['a', 'bb', 'ccc'];
  const offers: Promise<unknown>[] = [];
  for (const name of names) {
    offers.push(groupIn(pool, name).offer({ keep: true, durability: 'fsync' }));
    await new Promise(setImmediate);
    await kept.restart();
  }
  await Promise.all(offers);
  await kept.kill();
  await loseMemory(kept);
  await kept.start();
  await using after = await member(kept, 'after');
  for (const name of names) await checkGroup(after, name);
});

test('the memory goes while a group is stored: its producer stores it anew', async (t) => {
  const { kept } = await keptWithStore(t);
  await using pool = await member(kept, 'pool');
  const offer = groupIn(pool, 'again').offer({ keep: true, durability: 'fsync' });
  await new Promise(setImmediate);
  await kept.kill();
  await loseMemory(kept);
  await kept.start();
  await offer;
  await checkGroup(pool, 'again');
});

test('a group for which the store has no room is refused, and nothing of it stays there', async (t) => {
  const mounted = await tinyTmpfs(t, 4);
  if (mounted === null) return;
  const store = joinPath(mounted, 'store');
  const kept = await KeptPool.make(t, { store });
  await kept.start();
  await using pool = await member(kept, 'pool');
  const group = pool.group('step', {});
  for (let index = 0; index < 6; index++) group.add(`f/${index}`, someBytes(900_000, index));
  assert.equal(await codeOf(group.offer({ durability: 'fsync' })), 'disk-full');
  assert.equal(await codeOf(pool.group('step').demand({ timeoutMs: 50 })), 'deadline-passed');
  await pool.put('f/0', someBytes(900_000), { durability: 'fsync' });
  assert.deepEqual(await storedIn(store), ['f/0 1']);
  await pool.unkeep('f/0');
  await group.offer();
  assert.deepEqual((await pool.stat('f/5'))['durability'], 'memory');
});

test('what is handed over is as safe as was asked, until it is read', async (t) => {
  const { kept, store } = await keptWithStore(t);
  await using reader = await member(kept, 'reader');
  const need = reader.object('x');
  await need.require();
  {
    await using pool = await member(kept, 'pool');
    const object = pool.object('x', { space: { dtype: 'uint8', shape: [300_000] } });
    object.bytes.set(someBytes(300_000, 3));
    await object.handOver({ durability: 'fsync' });
  }
  assert.deepEqual(await storedIn(store), ['x 1']);
  await kept.kill();
  await loseMemory(kept);
  await kept.start();
  const view = await need.demand({ timeoutMs: 10_000 });
  assert.equal(Buffer.compare(view.copy() as Uint8Array, someBytes(300_000, 3)), 0);
  await view.dispose();
  await reader.put('behind', someBytes(20_000), { durability: 'fsync' });
  assert.deepEqual(await storedIn(store), ['behind 1']);
});
