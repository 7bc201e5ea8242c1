import assert from 'node:assert/strict';
import { test } from 'node:test';
import { threadCpuClock } from '../../bench/harness/thread-cpu.js';
import { accountOf } from '../../bench/scale/account.js';
import { countName, crowdName, ownBytesOf } from '../../bench/scale/benchmark.js';
import { BATCH_OBJECTS, Clients } from '../../bench/scale/clients.js';
import { type AttributeCount, attributeCountOf } from '../../bench/scale/described.js';
import { Longest } from '../../bench/scale/longest.js';
import { LIMITS } from '../../src/core/limits.js';
import { type Performance, PoolLoop } from '../../src/loop/pool-loop.js';

test('a count is named as the table of metrics has it', () => {
  assert.deepEqual([100_000, 1_000_000, 30_000_000].map(countName), ['1e5', '1e6', '3e7']);
});

test('objects of other than six attributes have metrics of their own', () => {
  assert.equal(crowdName({ objects: 100_000, attributes: 6 }), '1e5');
  assert.equal(crowdName({ objects: 100_000, attributes: 8 }), '1e5_8attributes');
});

test('memory that is less than what runs differ by is no figure', () => {
  const MiB = 1024 * 1024;
  const small = { objects: 100_000, attributes: 100 };
  for (const residentBytes of [-MiB, 0, 10 * MiB, 41 * MiB]) {
    assert.equal(ownBytesOf(residentBytes, small), null);
  }
  assert.equal(ownBytesOf(2e8, { objects: 1_000_000, attributes: 80 }), 120);
});

test('clients without sockets offer all their objects, and acknowledge what they hear', () => {
  for (const attributes of [6, 8] as const) offersAll(attributes);
});

function offersAll(attributeCount: AttributeCount): void {
  const loop = new PoolLoop({
    id: 'scale',
    name: 'scale',
    hashSeed: 1,
    memoryBytesMax: 0,
    deadlineDefaultMs: 1_000,
    promiseGraceMs: 1_000,
    durability: 0,
    slabDurability: 0,
    reportFreed: false,
    hasStore: false,
    statistics: true,
    eventBytesMax: LIMITS.eventBytesMax,
    eventAgeMsMax: 0,
    life: 1,
    lifeBefore: 0,
    wallMs: 0,
    sessionKeyId: 0,
  });
  let now = 0;
  const step = (): Performance => loop.run(now++);
  const clients = new Clients(loop, step, attributeCount);
  for (let batches = 0; batches < 3; batches++) {
    const give = clients.batch();
    give();
    clients.take(step());
  }
  assert.equal(loop.pool.objects.used, 3 * BATCH_OBJECTS);
  assert.equal(loop.pool.versions.used, 3 * BATCH_OBJECTS);
  const [session] = loop.sessions();
  assert.ok(session !== undefined && loop.hasAcknowledged(session.session));
  const { attributes, names, tables, directory, handleNumbers, all } = accountOf(loop.pool);
  assert.ok(Math.min(attributes, names, tables, directory, handleNumbers) > 0);
  assert.equal(all, attributes + names + tables + directory + handleNumbers);
}

test('there are objects of six attributes, or eight', () => {
  assert.deepEqual([6, 8].map(attributeCountOf), [6, 8]);
  assert.throws(() => attributeCountOf(7), RangeError);
});

test('the longest span is that of the thread, whatever the other threads do', () => {
  const clock = threadCpuClock();
  const longest = new Longest(clock);
  const spend = (ns: number): void => {
    for (const end = clock() + ns; clock() < end; );
  };
  for (const ns of [1e6, 3e6, 2e6]) longest.of(() => spend(ns));
  assert.ok(longest.ns >= 3e6);
  assert.equal(
    longest.of(() => 7),
    7,
  );
});
