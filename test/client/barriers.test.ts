import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pool } from '../../src/client/index.js';
import { codeOf, errorOf, joinApart, servePool } from './support/pools.js';
import { Program } from './support/process.js';

/** Returns when so many wait at a barrier. */
async function hereAt(pool: Pool, name: string, count: number): Promise<void> {
  for (;;) {
    const barriers = (await pool.info())['barriers'] as { name: string; here: string[] }[];
    const here = barriers.find((each) => each.name === name)?.here ?? [];
    if (here.length === count) return;
    // A wait that ends by its own deadline: the loop turns without spinning.
    await codeOf(pool.object('nothing').demand({ timeoutMs: 5 }));
  }
}

test('a barrier of four meets round after round, and leaves nothing behind', async (t) => {
  const server = await servePool(t);
  const members = await Promise.all(['a', 'b', 'c', 'd'].map((name) => joinApart(server, name)));
  let inside = 0;
  await Promise.all(
    members.map(async (member) => {
      for (let round = 0; round < 25; round++) {
        inside++;
        await member.barrier('step', { members: 4 });
        assert.ok(inside >= (round + 1) * 4, 'nobody passes before all have come');
      }
    }),
  );
  for (const member of members) await member.close();
  await using last = await joinApart(server, 'last');
  const { counts, barriers } = await last.info();
  assert.deepEqual([(counts as { objects: number }).objects, barriers], [0, []]);
});

test('one that is killed at a barrier has not come', async (t) => {
  const server = await servePool(t);
  await using one = await joinApart(server, 'one');
  await using two = await joinApart(server, 'two');
  const child = new Program(t, 'meeter', server.address, '7', '3');
  const first = one.barrier('step', { members: 3 });
  await hereAt(two, 'step', 2);
  child.kill('SIGKILL');
  await child.exit();
  await hereAt(two, 'step', 1);
  const error = await errorOf(two.barrier('step', { members: 3, timeoutMs: 20 }));
  assert.equal(error.code, 'deadline-passed');
  assert.match(error.message, /1 of 3 did not come within 20 ms; one, two did/u);
  // Another one takes its place.
  const other = new Program(t, 'meeter', server.address, '7', '3');
  await Promise.all([first, two.barrier('step', { members: 3 })]);
  assert.equal(await other.line('met'), 'met');
});

test('the wait at a barrier ends by a signal, and with the member', async (t) => {
  const server = await servePool(t);
  await using one = await joinApart(server, 'one');
  const two = await joinApart(server, 'two');
  const controller = new AbortController();
  const meeting = codeOf(one.barrier('b', { members: 2, signal: controller.signal }));
  await hereAt(two, 'b', 1);
  assert.equal(await codeOf(two.barrier('b', { members: 3 })), 'bad-argument');
  controller.abort();
  assert.equal(await meeting, 'aborted');
  await hereAt(two, 'b', 0);
  const leaving = codeOf(two.barrier('b', { members: 2 }));
  await hereAt(one, 'b', 1);
  await two.leave();
  assert.equal(await leaving, 'cancelled');
  await one.barrier('alone', { members: 1 });
  await assert.rejects(one.barrier('b', { members: 0 }), RangeError);
});
