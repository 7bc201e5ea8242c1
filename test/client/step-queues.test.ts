import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AttaccaError, MissedSteps, Pool } from '../../src/client/index.js';
import { join } from '../../src/client/index.js';
import { KeptPool } from '../server/kept-pool.js';
import { codeOf, errorOf, joinApart, ramp, servePool } from './support/pools.js';
import { Program } from './support/process.js';

test('keep: the pool withdraws the oldest steps, over a restart, and says that it did', async (t) => {
  const kept = await KeptPool.make(t);
  await kept.start();
  const pool = await join({ address: kept.address, member: 'm', reconnectMs: 20_001 });
  await pool.stepQueue('t', { select: 'param = "t"', keep: 2 });
  const events = await pool.subscribe({ kinds: 'withdraw' });
  for (let step = 0; step < 6; step++) {
    if (step === 3) await kept.restart();
    await pool.put(`t/${step}`, ramp(8), { attributes: { param: 't', step } });
    await pool.put(`u/${step}`, ramp(8), { attributes: { param: 'u', step } });
  }
  const names: string[] = [];
  for await (const name of pool.list('t/*')) {
    if ((await pool.stat(name))['state'] === 'offered') names.push(name);
  }
  assert.deepEqual(names.sort(), ['t/4', 't/5']);
  const first = await events.wait({ timeoutMs: 10_000 });
  assert.deepEqual([first?.name, first?.queue, first?.member], ['t/0', 't', '']);
  await pool.stepQueue('t', { select: 'param = "t"', keep: 2 });
  assert.equal(await codeOf(pool.stepQueue('t', { keep: 2 })), 'bad-argument');
  await assert.rejects(pool.stepQueue('u', { keep: -1 }), RangeError);
  await pool.forgetStepQueue('t');
  assert.deepEqual((await pool.info())['queues'], []);
  await pool.leave();
});

test('maxAhead: a producer waits for who is behind, who is killed, and for the group after', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'm');
  await pool.stepQueue('f', { maxAhead: 2 });
  const worker = new Program(t, 'worker', server.address, 'worker[0]', 'f/0');
  await worker.line('requires');
  const stepper = new Program(t, 'stepper', server.address, '6');
  await worker.line('took f/0');
  await stepper.line('offered 1');
  const because = await waitOf(pool);
  assert.equal(because, 'step 2 of the queue "f" waits, as worker[0] is 2 steps behind');
  worker.kill('SIGKILL');
  // Its group has not done with them: the next of it goes on, and the producer with it.
  const names: string[] = [];
  for await (const field of pool.demandAll('has step', { group: 'work', until: 'complete' })) {
    names.push(field.name);
    if (names.length === 6) break;
  }
  await stepper.line('offered 5');
  assert.equal(await stepper.exit(), 0);
  assert.deepEqual(names, ['f/0', 'f/1', 'f/2', 'f/3', 'f/4', 'f/5']);
});

/** Why an offer waits, as soon as one does. */
async function waitOf(pool: Pool): Promise<string> {
  for (;;) {
    const waits = (await pool.explain())['waits'] as readonly { [key: string]: unknown }[];
    const held = waits.find(({ what }) => what === 'held');
    if (held !== undefined) return String(held['because']);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('an offer that nobody makes room for ends at the deadline, and says for whom', async (t) => {
  const server = await servePool(t, { deadlineDefaultMs: 100 });
  await using pool = await joinApart(server, 'm');
  await using reader = await joinApart(server, 'reader');
  await pool.stepQueue('f', { maxAhead: 1 });
  await using all = await reader.requireAll('has step');
  await pool.put('f/0', ramp(8), { attributes: { step: 0 } });
  const error = (await errorOf(
    pool.put('f/1', ramp(8), { attributes: { step: 1 } }),
  )) as AttaccaError;
  assert.equal(error.code, 'deadline-passed');
  assert.match(error.message, /step 1 of the queue "f" waits, as reader is 1 step behind/u);
  assert.equal((await all.next())?.name, 'f/0');
});

test('an offer that waits goes on waiting over a restart of the pool, and then goes on', async (t) => {
  const kept = await KeptPool.make(t);
  await kept.start();
  const model = await join({ address: kept.address, member: 'm', reconnectMs: 20_001 });
  const reader = await join({ address: kept.address, member: 'r', reconnectMs: 20_002 });
  await model.stepQueue('f', { maxAhead: 1 });
  const all = await reader.requireAll('has step');
  await model.put('f/0', ramp(8), { attributes: { step: 0 } });
  const waiting = model.put('f/1', ramp(8), { attributes: { step: 1 } });
  const because = await waitOf(reader);
  await kept.restart();
  assert.equal(await waitOf(reader), because);
  assert.equal((await all.next())?.name, 'f/0');
  const next = all.next();
  await waiting;
  assert.equal((await next)?.name, 'f/1');
  await reader.leave();
  await model.leave();
});

test('latest: a slow viewer goes from whole step to whole step, and hears what it missed', async (t) => {
  const server = await servePool(t);
  await using viewer = await joinApart(server, 'viewer');
  const model = await joinApart(server, 'model');
  await model.stepQueue('f', { keep: 3 });
  const offer = async (step: number): Promise<void> => {
    for (const level of [500, 850]) {
      await model.put(`f/${step}/${level}`, ramp(8, step), { attributes: { step, level } });
    }
  };
  const missed: MissedSteps[] = [];
  const asked = { queue: 'f', latest: true, onMissed: (told: MissedSteps) => missed.push(told) };
  await using fields = await viewer.requireAll('', asked);
  await offer(0);
  await offer(1);
  const take = async (count: number): Promise<string[]> => {
    const names: string[] = [];
    while (names.length < count) names.push((await fields.next())?.name ?? 'none');
    return names;
  };
  assert.deepEqual(await take(2), ['f/0/500', 'f/0/850']);
  for (let step = 2; step < 9; step++) await offer(step);
  assert.deepEqual(await take(2), ['f/7/500', 'f/7/850']);
  assert.deepEqual(missed, [{ from: 1, to: 6, steps: 6 }]);
  await model.leave();
  assert.deepEqual(await take(2), ['f/8/500', 'f/8/850']);
  await assert.rejects(viewer.requireAll('', { latest: true }), TypeError);
  assert.equal(await codeOf(viewer.requireAll('', { queue: 'none' })), 'unknown-definition');
});
