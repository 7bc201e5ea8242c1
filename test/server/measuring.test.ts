import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pool } from '../../src/client/index.js';
import { powerOfTwo } from '../../src/core/statistics/exact-sum.js';
import { measure } from '../../src/core/statistics/measure.js';
import { summaryOf } from '../../src/core/statistics/statistics-codec.js';
import type { Value } from '../../src/core/value.js';
import { member } from './kept-members.js';
import { KeptPool } from './kept-pool.js';
import { poolOf } from './pool-fixture.js';

const LENGTH = 100_000;

/** A wave that is another one for each number, some of it without a value. */
function wave(number: number): Float32Array {
  const values = new Float32Array(LENGTH);
  for (let at = 0; at < LENGTH; at++) values[at] = ((at * 7_919 + number) % 1_009) / 8 - number;
  values[number] = Number.NaN;
  return values;
}

/** The begin of it, of which many have room in a pool; it is too large for a message. */
const small = (number: number): Float32Array => wave(number).subarray(0, 20_000);

function expected(values: Float32Array): { [key: string]: Value } {
  const bytes = new Uint8Array(values.buffer);
  const all = measure({ dtype: 'float32', byteOrder: 'little', fills: [] }, bytes);
  const { exponent, first, counts } = all.histogram;
  const width = powerOfTwo(exponent);
  const histogram = { begin: first * width, width, counts: [...counts] };
  return { state: 'known', ...summaryOf(all), histogram };
}

/** Asks again until a name is measured: each answer comes behind what the pool was told. */
async function measured(pool: Pool, name: string): Promise<Value | undefined> {
  for (;;) {
    const { statistics } = await pool.stat(name);
    if ((statistics as { readonly [key: string]: Value })['state'] !== 'pending') return statistics;
  }
}

for (const how of ['shared', 'socket', 'anonymous'] as const) {
  test(`what is offered is measured, with bytes that are ${how}`, async (t) => {
    const server = await poolOf(t, { shm: how !== 'anonymous' });
    await using pool = await member(server, 'm', {
      transport: how === 'shared' ? 'auto' : 'socket',
    });
    for (let number = 1; number <= 3; number++) {
      await pool.put(`x/${number}`, wave(number));
      assert.deepEqual(await measured(pool, `x/${number}`), expected(wave(number)));
    }
    const names: string[] = [];
    for await (const found of pool.query('stats.min < -1.5')) names.push(found.name);
    assert.deepEqual(names.sort(), ['x/2', 'x/3']);
  });
}

test('what goes while it is measured harms nobody, and is not told of what comes', async (t) => {
  const server = await poolOf(t, { check: true });
  await using pool = await member(server, 'm');
  for (let round = 1; round <= 40; round++) {
    await pool.put('gone', wave(round));
    await pool.unkeep('gone');
  }
  await pool.put('stays', wave(5));
  assert.deepEqual(await measured(pool, 'stays'), expected(wave(5)));
});

test('killed while it measures: the next manager goes on, and tells the same', async (t) => {
  const kept = await KeptPool.make(t);
  await kept.start();
  await using pool = await member(kept, 'm');
  const numbers = Array.from({ length: 40 }, (_, index) => index + 1);
  await Promise.all(numbers.map((number) => pool.put(`x/${number}`, wave(number))));
  await kept.restart();
  for (const number of numbers) {
    assert.deepEqual(await measured(pool, `x/${number}`), expected(wave(number)), `x/${number}`);
  }
  await kept.restart();
  for (const number of numbers) {
    const { statistics } = await pool.stat(`x/${number}`);
    assert.deepEqual(statistics, expected(wave(number)), `x/${number}, known before`);
  }
});

test('killed while a group is measured: the next manager goes on, and the contract holds', async (t) => {
  const kept = await KeptPool.make(t);
  await kept.start();
  await using guard = await member(kept, 'guard');
  await using pool = await member(kept, 'm');
  await using contract = await guard.subscribe({
    ...{ kinds: 'offer', when: 'before', acknowledge: true, silence: 'deny' },
    select: 'stats.min <= -90',
  });
  for (let round = 1; round <= 3; round++) {
    // More than the agent has at a time.
    const step = pool.group(`step/${round}`);
    for (let number = 1; number <= 90; number++) step.add(`${round}/${number}`, small(number));
    const offer = step.offer();
    offer.catch(() => {});
    // Taken in, and perhaps measured already.
    for (let isHeld = false; !isHeld; ) {
      const { waits } = await guard.explain(`step/${round}`).catch(() => ({ waits: [] }));
      isHeld = (waits as readonly { readonly what: string }[]).some(({ what }) => what === 'held');
    }
    await kept.restart();
    const told = await contract.wait({ timeoutMs: 60_000 });
    assert.ok(told !== null);
    const { 'stats.min': least, 'stats.nan': nan } = told.attributes;
    assert.deepEqual([told.name, least, nan], [`${round}/90`, -90, 1]);
    assert.equal(await contract.veto(told, 'too low'), true);
    await assert.rejects(offer, { code: 'vetoed' });
    await step.dispose();
  }
});

test('a pool that goes on without statistics has those of before, and makes no more', async (t) => {
  const kept = await KeptPool.make(t);
  await kept.start();
  await using pool = await member(kept, 'm');
  await pool.put('before', wave(1));
  assert.deepEqual(await measured(pool, 'before'), expected(wave(1)));
  await kept.kill();
  await kept.start({ statistics: false });
  await pool.put('after', wave(2));
  assert.deepEqual((await pool.stat('before'))['statistics'], expected(wave(1)));
  assert.equal((await pool.stat('after'))['statistics'], undefined);
});
