import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pool } from '../../src/client/index.js';
import { codeOf, errorOf } from '../client/support/pools.js';
import { member } from './kept-members.js';
import { KeptPool } from './kept-pool.js';

/** Returns when somebody waits at a barrier. */
async function hereAt(pool: Pool, name: string): Promise<void> {
  for (;;) {
    const barriers = (await pool.info())['barriers'] as { name: string }[];
    if (barriers.some((each) => each.name === name)) return;
    await codeOf(pool.object('nothing').demand({ timeoutMs: 5 }));
  }
}

test('killed and started again: who waits at a barrier goes on waiting', async (t) => {
  const kept = await KeptPool.make(t);
  await kept.start();
  await using one = await member(kept, 'one');
  await using two = await member(kept, 'two');
  const meeting = one.barrier('start', { members: 2 });
  await hereAt(two, 'start');
  await kept.restart();
  const error = await errorOf(two.barrier('start', { members: 3 }));
  assert.match(error.message, /as one of 3: one says 2/u);
  await two.barrier('start', { members: 2 });
  await meeting;
});

test('killed and started again: what a group had is there for who required it', async (t) => {
  const kept = await KeptPool.make(t);
  await kept.start();
  await using model = await member(kept, 'model');
  await using view = await member(kept, 'view');
  const wanted = view.group('step/1');
  await wanted.require({ ready: true });
  await kept.restart();
  const large = new Float64Array(20_000).fill(3);
  const step = model.group('step/1').add('t', large);
  step.add('mean', Float64Array.of(3), { attributes: { '.depends-on': 'made' } });
  await step.offer();
  await step.withdraw();
  await model.put('t', Float64Array.of(9));
  await kept.restart();
  await model.put('made', new Uint8Array(1));
  await using got = await wanted.demand();
  assert.deepEqual(got.get('t').array[19_999], 3);
  assert.deepEqual([...got.get('mean').array], [3]);
});

test('memory goes with its manager: what was written of a group is stored anew', async (t) => {
  const kept = await KeptPool.make(t, { shm: false });
  await kept.start();
  await using model = await member(kept, 'model');
  await using view = await member(kept, 'view');
  // So that memory is leased ahead, and lost.
  await model.put('before', new Uint8Array(1 << 20));
  const step = model.group('step').add('a', new Uint8Array(1 << 20).fill(5));
  const made = step.object('b', { space: { dtype: 'uint8', shape: [1 << 20] } });
  await made.allocate();
  made.array.fill(7);
  await kept.restart();
  await step.offer();
  await using got = await view.group('step').demand();
  assert.deepEqual([got.get('a').array[9], got.get('b').array[9]], [5, 7]);
});
