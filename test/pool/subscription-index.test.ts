import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashBytes } from '../../src/catalog/hash.js';
import { eachCandidate } from '../../src/pool/events/delivering.js';
import { restorePool, savePool } from '../../src/pool/save.js';
import type { PoolState } from '../../src/pool/state.js';
import { restored, saved } from '../core/states.js';
import { Harness, OPTIONS } from './harness.js';

/** The subscriptions that the last event is tried on. */
function tried(pool: PoolState): number[] {
  const ids: number[] = [];
  eachCandidate(pool, pool.events.after, pool.events.log.end - 1, ({ id }) => ids.push(id));
  return ids;
}

const OFFERS = { kinds: ['offer'] } as const;

test('an event is tried on those it matches, not on all that ask for the same param, too', () => {
  const pool = new Harness();
  const watcher = pool.member('watcher');
  const subscribers = Array.from({ length: 200 }, (_, number) => {
    const select =
      number % 2 === 0 ? 'param = "t" and n =' : 'class = "od" and param = "t" and n =';
    return watcher.subscribe({ ...OFFERS, select: `${select} ${number}` });
  });
  const attributes = { class: 'od', param: 't', n: 150 };
  pool.member('producer').offer('x', 'bytes', { attributes });
  // The first ones stand where nobody stood before: with the param, and with the class.
  assert.ok(tried(pool.pool).length <= 3, `${tried(pool.pool).length} of 200 were tried`);
  const told = subscribers.flatMap(({ told }, number) => (told.length > 0 ? [number] : []));
  assert.deepEqual(told, [150]);
});

test('who is told first does not depend on who was there before', () => {
  const pool = new Harness();
  const [early, watcher] = [pool.member('early'), pool.member('watcher')];
  early.subscribe({ ...OFFERS, select: 'a = 1' });
  watcher.subscribe({ ...OFFERS, select: 'b = 2' });
  watcher.subscribe({ ...OFFERS, select: 'a = 1' });
  watcher.subscribe({ ...OFFERS, select: 'a = 1 and b = 2' });
  watcher.subscribe(OFFERS);
  // The first one by "a" goes, the others stay: a state that is restored never knew it.
  early.leave().bye();
  pool.member('producer').offer('x', 'bytes', { attributes: { a: 1, b: 2 } });
  const live = tried(pool.pool);
  assert.equal(live.length, 4);
  assert.deepEqual(
    live,
    live.toSorted((one, other) => one - other),
  );
  const copy = restored(
    saved((w) => savePool(pool.pool, w)),
    restorePool,
  );
  assert.deepEqual(tried(copy), live);
});

/** Two names that have one hash. */
function twoOfOneHash(): readonly [string, string] {
  const seen = new Map<number, string>();
  for (let number = 0; ; number++) {
    const name = `n${number}`;
    const bytes = new TextEncoder().encode(name);
    const hash = hashBytes(bytes, 0, bytes.length, OPTIONS.hashSeed);
    const other = seen.get(hash);
    if (other !== undefined) return [other, name];
    seen.set(hash, name);
  }
}

test('of two names that have one hash each subscription is told of its own', () => {
  const [one, other] = twoOfOneHash();
  const pool = new Harness();
  const watcher = pool.member('watcher');
  const select = (name: string): string => `name = "${name}" and a = 1`;
  const subscribers = [one, other, one].map((name) =>
    watcher.subscribe({ ...OFFERS, select: select(name) }),
  );
  const producer = pool.member('producer');
  for (const name of [one, other]) producer.offer(name, 'bytes', { attributes: { a: 1 } });
  producer.offer('third', 'bytes', { attributes: { a: 1 } });
  assert.deepEqual(
    subscribers.map(({ told }) => told),
    [[`offer ${one}`], [`offer ${other}`], [`offer ${one}`]],
  );
});
