// Offers that are measured before those are told of them who have a say in it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkInvariants } from '../../src/pool/invariants.js';
import { restorePool, savePool } from '../../src/pool/save.js';
import { pendingEffects } from '../../src/pool/slabs.js';
import { restored, saved } from '../core/states.js';
import { attributesOf, FLOATS, floats, parties } from './contract-parties.js';

test('what has NaN is vetoed, with the numbers; what has none goes in, and nobody is asked', () => {
  const { pool, producer, contract, slice } = parties();
  const bad = producer.declare('bad', { ...FLOATS, attributes: { step: 6 } });
  const offer = bad.offer(slice(1, Number.NaN, 3)).waits();
  assert.deepEqual(contract.told, []);
  assert.equal(pool.pool.events.operationsHeld, 1);
  pool.answerAll();
  offer.waits();
  assert.deepEqual(contract.told, ['offer bad']);
  assert.deepEqual(attributesOf(contract), {
    ...{ step: 6, 'stats.count': 2, 'stats.nan': 1, 'stats.fill': 0, 'stats.infinite': 0 },
    ...{ 'stats.min': 1, 'stats.max': 3, 'stats.mean': 2 },
  });
  contract.veto('it has NaN').ok();
  assert.equal(offer.fails('vetoed').fields['reason'], 'it has NaN');
  assert.equal(producer.stat('bad').value()['state'], 'declared');
  const good = producer.declare('good', FLOATS).offer(slice(1, 2)).waits();
  pool.answerAll();
  good.ok();
  assert.deepEqual(contract.told, ['offer bad']);
  assert.equal(pool.pool.events.operationsHeld, 0);
});

test('what is let go is not measured again, and its offer says what its maker said', () => {
  const { pool, producer, guard, contract, slice } = parties();
  const after = guard.subscribe({ kinds: ['offer'] });
  const offer = producer.declare('x', { ...FLOATS, attributes: { step: 6 } });
  const offered = offer.offer(slice(1, Number.NaN)).waits();
  pool.answerAll();
  contract.acknowledge().ok();
  offered.ok();
  assert.equal(pool.effectsOf('measure').length, 1);
  assert.deepEqual(guard.query('stats.nan = 1').value()['objects'], ['x']);
  assert.deepEqual({ ...after.last.attributes }, { step: 6 });
});

test('what lies in a message is measured at once; fill values are no NaN', () => {
  const { pool, producer, contract } = parties();
  producer.offer('good', floats(1, 2), FLOATS);
  const attributes = { _FillValue: 9 };
  producer.offer('filled', floats(1, 9), { ...FLOATS, attributes });
  const bad = producer.declare('bad', FLOATS).offer(floats(Number.NaN, Number.NaN)).waits();
  assert.deepEqual(attributesOf(contract), {
    ...{ 'stats.count': 0, 'stats.nan': 2, 'stats.fill': 0, 'stats.infinite': 0 },
  });
  contract.veto('nothing but NaN').ok();
  bad.fails('vetoed');
  assert.deepEqual(pool.effectsOf('measure'), []);
});

test('parts and rows are measured each: whose bytes they are', () => {
  const { pool, producer, contract, slice } = parties();
  const whole = producer.declare('x', { space: { dtype: 'float32', shape: [4] } });
  const first = whole.offerPart([[4], [[0, 2]]], slice(1, 2)).waits();
  pool.answerAll();
  first.ok();
  const second = whole.offerPart([[4], [[2, 4]]], slice(3, Number.NaN)).waits();
  pool.answerAll();
  assert.deepEqual(contract.told, ['offer x']);
  assert.equal(attributesOf(contract)['stats.count'], 1);
  contract.veto('a part has NaN').ok();
  second.fails('vetoed');
  const rows = producer.declare('rows', { space: { dtype: 'float32', shape: [null] } });
  const row = rows.append(slice(Number.NaN)).waits();
  pool.answerAll();
  contract.acknowledge().ok();
  row.value();
  // That of the first part, and the row, are known; nothing was measured twice.
  assert.equal(pool.effectsOf('measure').length, 3);
});

test('who does not ask for statistics, or no longer, lets nothing be measured', () => {
  const { pool, producer, contract, slice } = parties();
  const held = producer.declare('x', FLOATS).offer(slice(1)).waits();
  contract.end(true).ok();
  held.waits();
  pool.answerAll();
  held.ok();
  const before = pool.effectsOf('measure').length;
  producer.declare('y', FLOATS).offer(slice(Number.NaN)).ok();
  // Measured after it, as all that is offered.
  assert.equal(pool.effectsOf('measure').length, before + 1);
  assert.equal(pool.pool.events.measuring.size, 0);
});

test('an offer that is cancelled, or whose session ends, while it is measured is nobody’s', () => {
  const { pool, producer, contract, slice } = parties();
  const handle = producer.declare('x', FLOATS);
  const bad = slice(Number.NaN);
  const offer = handle.offer(bad).waits();
  producer.cancel(offer).ok();
  offer.fails('cancelled');
  pool.answerAll();
  assert.deepEqual(contract.told, []);
  handle.offer(bad).waits();
  pool.crash(producer.client);
  pool.answerAll();
  assert.deepEqual(contract.told, []);
  const { events } = pool.pool;
  assert.deepEqual([events.operationsHeld, events.measuring.size], [0, 0]);
});

test('what follows on the handle waits; explain says for whom it is measured', () => {
  const { pool, producer, contract, slice } = parties();
  const handle = producer.declare('x', FLOATS);
  const offer = handle.offer(slice(Number.NaN)).waits();
  const withdraw = handle.withdraw().waits();
  pool.pass(500);
  const [row] = producer.explain('x').value()['waits'] as { [key: string]: unknown }[];
  assert.deepEqual(
    { ...row },
    {
      ...{ object: 'x', member: 'producer', what: 'held', sinceMs: 500, deadlineMs: null },
      ...{ promisedBy: [], because: 'its offer is measured for guard' },
      endsWith: 'its statistics',
    },
  );
  // The deadline of who has a say begins when it is told.
  pool.pass(5_000);
  pool.answerAll();
  offer.waits();
  pool.pass(1_000);
  offer.fails('subscriber-silent');
  withdraw.fails('wrong-state');
  assert.deepEqual(contract.told, ['offer x']);
});

test('another manager asks again for what is measured, and goes on with what is known', () => {
  const { pool, producer, contract, slice } = parties();
  producer
    .declare('x', { ...FLOATS, attributes: { _FillValue: 7.5 } })
    .offer(slice(1))
    .waits();
  const known = producer.declare('y', FLOATS).offer(slice(Number.NaN)).waits();
  const [first, second] = pool.unanswered.splice(0);
  assert.ok(first !== undefined && second !== undefined);
  pool.answer(second);
  pool.settle();
  assert.deepEqual(contract.told, ['offer y']);
  assert.deepEqual(pendingEffects(pool.pool), [first]);
  const write = (): Uint8Array => saved((w) => savePool(pool.pool, w));
  const again = restored(write(), restorePool);
  checkInvariants(again);
  assert.deepEqual(pendingEffects(again), [first]);
  assert.deepEqual(
    saved((w) => savePool(again, w)),
    write(),
  );
  assert.equal(again.events.measuredFor.size, 1);
  known.waits();
});

test('a pool that does not measure by itself does so for a contract', () => {
  const { pool, producer, contract, slice } = parties({ statistics: false });
  const offer = producer.declare('x', FLOATS).offer(slice(Number.NaN)).waits();
  pool.answerAll();
  contract.acknowledge().ok();
  offer.ok();
  assert.equal(producer.stat('x').value()['statistics'], undefined);
});

test('who is told after it, or of no offers, cannot ask for statistics, and is told why', () => {
  const { guard } = parties();
  for (const asked of [
    { kinds: ['offer'], select: 'stats.nan > 0' },
    { kinds: ['withdraw'], before: true, select: 'stats.nan > 0' },
    { kinds: ['offer'], before: true, select: '.stats = "known"' },
  ] as const) {
    const { message } = guard.subscribe(asked).made.fails('bad-selector');
    assert.match(message, asked.select.startsWith('.') ? /is of objects/u : /told before it/u);
  }
});

test('with so many attributes that none has room the offer is refused: no contract is passed by', () => {
  const { pool, producer, contract } = parties();
  const many = Array.from({ length: 1_020 }, (_, at) => [`key${at}`, at]);
  const attributes = Object.fromEntries(many) as { [key: string]: number };
  const handle = producer.declare('x', { ...FLOATS, attributes });
  handle.offer(floats(1)).fails('bad-attribute');
  assert.deepEqual(contract.told, []);
  assert.equal(pool.pool.events.operationsHeld, 0);
});
