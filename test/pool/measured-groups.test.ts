// Groups that are measured before those are told of them who have a say in them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../../src/core/limits.js';
import { checkInvariants } from '../../src/pool/invariants.js';
import { restorePool, savePool } from '../../src/pool/save.js';
import { pendingEffects } from '../../src/pool/slabs.js';
import type { Effect } from '../../src/pool/state.js';
import { restored, saved } from '../core/states.js';
import {
  attributesOf,
  CONTRACT,
  FLOATS,
  floats,
  type Parties,
  parties,
} from './contract-parties.js';

/** A group of arrays, some in slices, and some (those that are bytes) in the message. */
function group(
  { producer, slice }: Parties,
  name: string,
  arrays: { readonly [name: string]: readonly number[] | Uint8Array },
) {
  const own = producer.declare(name, { attributes: { step: 6 } });
  const members = Object.entries(arrays).map(([each, values]) => {
    const payload = values instanceof Uint8Array ? values : slice(...values);
    return [producer.declare(each, FLOATS), payload] as const;
  });
  return { own, members };
}

const askedIn = (effects: readonly Effect[]): number =>
  effects.reduce((sum, effect) => sum + (effect.kind === 'measure' ? effect.asked.length : 0), 0);

test('one of a group has NaN: all of it is refused, with the reason, and may be offered again', () => {
  const all = parties();
  const { pool, producer, contract, slice } = all;
  const { own, members } = group(all, 'step/6', { t: [1, 2], u: [1, Number.NaN], v: [3] });
  const offer = own.offerGroup(members).waits();
  assert.deepEqual(contract.told, []);
  assert.equal(pool.pool.events.measuring.size, 3);
  pool.answerAll();
  offer.waits();
  assert.deepEqual(contract.told, ['offer u']);
  assert.equal(attributesOf(contract)['stats.nan'], 1);
  contract.veto('it has NaN').ok();
  const { fields } = offer.fails('vetoed');
  assert.deepEqual([fields['name'], fields['reason']], ['u', 'it has NaN']);
  for (const name of ['t', 'u', 'v', 'step/6']) {
    assert.equal(producer.stat(name).value()['state'], 'declared');
  }
  const [first, , third] = members;
  assert.ok(first !== undefined && third !== undefined);
  const mended = [first, [members[1]?.[0] ?? first[0], slice(1, 1)] as const, third];
  const again = own.offerGroup(mended).waits();
  pool.answerAll();
  again.ok();
  assert.deepEqual(contract.told, ['offer u']);
  assert.equal(pool.pool.events.operationsHeld, 0);
  assert.equal(pool.pool.events.bytesHeld, 0);
});

test('of each of a group its own numbers are told, wherever it lies, and none is measured twice', () => {
  const all = parties();
  const { pool, guard, contract } = all;
  const tellAll = guard.subscribe({ ...CONTRACT, select: 'stats.count > 0' });
  const arrays = { a: [Number.NaN], b: floats(1, Number.NaN), c: [5, 6, 7], d: floats(8) };
  const { own, members } = group(all, 'g', arrays);
  const offer = own.offerGroup(members).waits();
  assert.equal(askedIn(pool.effectsOf('measure')), 2);
  pool.answerAll();
  assert.deepEqual(contract.told, ['offer a', 'offer b']);
  // What is in none of them has no numbers: the group, and an array of nothing but NaN.
  assert.deepEqual(tellAll.told, ['offer b', 'offer c', 'offer d']);
  const counts = tellAll.events.map(({ attributes }) => attributes['stats.count']);
  assert.deepEqual(counts, [1, 3, 1]);
  contract.acknowledge(1, 2).ok();
  tellAll.acknowledge(1, 3).ok();
  offer.ok();
  assert.equal(askedIn(pool.effectsOf('measure')), 2);
  assert.deepEqual(guard.query('stats.nan = 1').value()['objects'], ['a', 'b']);
});

test('a large group is measured some at a time, each once', () => {
  const all = parties();
  const { pool, contract, own, members } = { ...all, ...large(all, 3 * LIMITS.measuresMax + 5) };
  const offer = own.offerGroup(members).waits();
  let rounds = 0;
  for (; pool.unanswered.length > 0; rounds++) {
    assert.ok(askedIn(pool.unanswered) <= LIMITS.measuresMax);
    pool.answerAll();
    pool.settle();
  }
  assert.equal(rounds, 4);
  offer.ok();
  assert.deepEqual(contract.told, []);
  assert.equal(askedIn(pool.effectsOf('measure')), members.length);
});

function large(all: Parties, count: number) {
  const arrays = Array.from({ length: count }, (_, at) => [`x${at}`, [at]] as const);
  return group(all, 'large', Object.fromEntries(arrays));
}

test('explain says of a group, and of what is in it, for whom it is measured', () => {
  const all = parties();
  const { pool, producer, own, members } = { ...all, ...large(all, LIMITS.measuresMax + 1) };
  own.offerGroup(members).waits();
  pool.pass(500);
  for (const name of ['large', 'x3']) {
    const rows = producer.explain(name).value()['waits'] as { [key: string]: unknown }[];
    assert.deepEqual(
      rows.map((row) => ({ ...row })),
      [
        {
          ...{ object: name, member: 'producer', what: 'held', sinceMs: 500, deadlineMs: null },
          ...{ promisedBy: [], endsWith: 'its statistics' },
          because: 'its offerGroup is measured for guard, 65 of it not yet',
        },
      ],
    );
  }
  producer.declare('y');
  assert.deepEqual(producer.explain('y').value()['waits'], []);
});

test('a group that is cancelled, or whose session ends, while it is measured is nobody’s', () => {
  const all = parties();
  const { pool, producer, contract, own, members } = { ...all, ...large(all, 70) };
  const { events } = pool.pool;
  const offer = own.offerGroup(members).waits();
  producer.cancel(offer).ok();
  offer.fails('cancelled');
  assert.deepEqual([events.operationsHeld, events.measuring.size, events.bytesHeld], [0, 0, 0]);
  // The agent answers all the same; what was not asked for yet is not asked for any more.
  pool.answerAll();
  assert.equal(askedIn(pool.effectsOf('measure')), LIMITS.measuresMax);
  own.offerGroup(members).waits();
  pool.crash(producer.client);
  pool.answerAll();
  assert.deepEqual(contract.told, []);
  assert.deepEqual([events.operationsHeld, events.measuring.size, events.bytesHeld], [0, 0, 0]);
});

test('what follows on a handle of the group waits for it; silence decides after it is told', () => {
  const all = parties();
  const { pool, producer, contract } = all;
  const { own, members } = group(all, 'g', { a: [1], b: [Number.NaN] });
  const offer = own.offerGroup(members).waits();
  const withdraw = members[0]?.[0].withdraw().waits();
  pool.pass(60_000);
  pool.answerAll();
  assert.deepEqual(contract.told, ['offer b']);
  const [row] = producer.explain('g').value()['waits'] as { [key: string]: unknown }[];
  assert.deepEqual([row?.['object'], row?.['because']], ['b', 'its offerGroup waits for guard']);
  pool.pass(999);
  offer.waits();
  pool.pass(1);
  offer.fails('subscriber-silent');
  withdraw?.fails('wrong-state');
});

test('another manager asks again for what of a group is measured, and goes on with the rest', () => {
  const all = parties();
  const { pool, own, members } = { ...all, ...large(all, 70) };
  own.offerGroup(members).waits();
  const [effect] = pool.unanswered.splice(0);
  assert.ok(effect?.kind === 'measure');
  // Some are known; for as many others the agent was asked.
  pool.answer({ ...effect, asked: effect.asked.slice(0, 3) });
  pool.settle();
  const asked = pendingEffects(pool.pool);
  assert.equal(askedIn(asked), LIMITS.measuresMax);
  const write = (): Uint8Array => saved((w) => savePool(pool.pool, w));
  const again = restored(write(), restorePool);
  checkInvariants(again);
  assert.deepEqual(pendingEffects(again), asked);
  assert.deepEqual(
    saved((w) => savePool(again, w)),
    write(),
  );
});

test('what is kept for groups that are measured is bounded', () => {
  const all = parties({ checked: false });
  const { pool, own, members } = { ...all, ...large(all, 8) };
  const { events } = pool.pool;
  // As if others were held.
  const others = LIMITS.operationsHeldBytesMax - 4 * LIMITS.measuredBytesMax;
  events.bytesHeld += others;
  own.offerGroup(members).fails('hold-limit');
  events.bytesHeld -= others;
  own.offerGroup(members).waits();
});
