import assert from 'node:assert/strict';
import { readdir, rm } from 'node:fs/promises';
import { join as joinPath } from 'node:path';
import { test } from 'node:test';
import { type JoinOptions, join, type Pool } from '../../src/client/index.js';
import { codeOf, errorOf } from '../client/support/pools.js';
import { KeptPool } from './kept-pool.js';

let separate = 50_000;

/** A member with a session of its own. */
async function member(
  { address }: { readonly address: string },
  name: string,
  options: Partial<JoinOptions> = {},
): Promise<Pool> {
  separate++;
  return await join({ address, member: name, reconnectMs: separate, ...options });
}

const SPACE = { dtype: 'float64', shape: [4_096] } as const;

async function offer(pool: Pool, name: string, value: number): Promise<void> {
  const object = pool.object(name, { space: SPACE });
  await object.allocate();
  object.array.fill(value);
  await object.offer();
}

async function valueOf(pool: Pool, name: string, index: number): Promise<unknown> {
  await using got = await pool.object<'float64'>(name).demand();
  return got.array[index];
}

async function namesOf(pool: Pool, glob: string): Promise<string[]> {
  const names: string[] = [];
  for await (const name of pool.list(glob)) names.push(name);
  return names;
}

test('killed and started again: who waited goes on waiting, and is served', async (t) => {
  const kept = await KeptPool.make(t);
  await kept.start();
  await using producer = await member(kept, 'producer');
  await using consumer = await member(kept, 'consumer');
  await offer(producer, 'before', 1);
  const early = valueOf(consumer, 'after', 17);
  await consumer.object('other').require();
  await kept.restart();
  await offer(producer, 'after', 2);
  assert.equal(await early, 2);
  assert.equal(await valueOf(consumer, 'before', 99), 1, 'its slab was found again');
  await kept.restart();
  assert.equal(await valueOf(consumer, 'after', 3), 2);
});

test('every request takes effect once, however often the pool is killed', async (t) => {
  const kept = await KeptPool.make(t);
  await kept.start();
  await using pool = await member(kept, 'counter');
  for (let round = 0; round < 5; round++) {
    const offers = Array.from({ length: 200 }, (_, index) =>
      pool.put(`n/${round}/${index}`, Uint8Array.of(index)),
    );
    await kept.restart();
    // Offered twice would be refused, lost would never be answered.
    await Promise.all(offers);
  }
  assert.equal((await namesOf(pool, 'n/*')).length, 1_000);
});

test('who died while no manager ran is told to those who wait', async (t) => {
  const kept = await KeptPool.make(t);
  await kept.start();
  await using pool = await member(kept, 'waits');
  await kept.restart();
  assert.equal(await codeOf(pool.object('never').demand({ timeoutMs: 50 })), 'deadline-passed');
});

test('stopped in order and started again: what is kept is there, nobody else is', async (t) => {
  const kept = await KeptPool.make(t);
  await kept.start();
  const writer = await member(kept, 'writer');
  const kept7 = await writer.put('kept', new Float64Array(4_096).fill(7));
  assert.deepEqual(kept7, { record: 'fsync', bytes: 'memory' });
  await offer(writer, 'scratch', 1);
  await writer.close();
  assert.equal(await kept.stop(), 0);
  assert.deepEqual(
    (await readdir(kept.data)).filter((name) => name.startsWith('snapshot-')).length,
    1,
  );
  await kept.start();
  await using reader = await member(kept, 'writer');
  assert.equal(await valueOf(reader, 'kept', 5), 7);
  assert.deepEqual(await namesOf(reader, '*'), ['kept']);
});

test('a kept pool that is stopped tells those who are in that it is stopping', async (t) => {
  const kept = await KeptPool.make(t);
  await kept.start();
  await using waiter = await member(kept, 'waiter');
  await using idle = await member(kept, 'idle');
  const waits = codeOf(waiter.object('never').demand());
  await waiter.stat('never').catch(() => {});
  await idle.stop({ force: true });
  assert.equal(await waits, 'pool-stopping');
  assert.equal(await codeOf(idle.stat('never')), 'pool-stopping');
});

test('memory that is gone when the pool is started again: who waits hears it by name', async (t) => {
  const kept = await KeptPool.make(t);
  await kept.start();
  await using producer = await member(kept, 'producer');
  await using consumer = await member(kept, 'consumer');
  await offer(producer, 'x', 1);
  const object = consumer.object('x');
  await object.require();
  await kept.kill();
  for (const name of await readdir(kept.shmDirectory)) {
    await rm(joinPath(kept.shmDirectory, name), { recursive: true });
  }
  await kept.start();
  const error = await errorOf(object.demand());
  assert.equal(error.code, 'object-lost');
  assert.match(error.message, /producer/u);
});

test('a directory is served by one pool at a time, and by its own name', async (t) => {
  const kept = await KeptPool.make(t);
  await kept.start();
  await assert.rejects(kept.start({ address: `${kept.address}-2` }), /name-in-use/u);
});
