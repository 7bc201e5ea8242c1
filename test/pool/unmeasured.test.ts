// What is offered and cannot be measured, or must be decoded first, while contracts ask for it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../../src/core/limits.js';
import { parseSelector } from '../../src/core/selector/parser.js';
import { printSelector } from '../../src/core/selector/printer.js';
import { coverOf } from '../../src/pool/events/unmeasured.js';
import { checkInvariants } from '../../src/pool/invariants.js';
import { restorePool, savePool } from '../../src/pool/save.js';
import { pendingEffects } from '../../src/pool/slabs.js';
import { restored, saved } from '../core/states.js';
import type { Call } from './call.js';
import { attributesOf, CONTRACT, FLOATS, floats, parties } from './contract-parties.js';
import { Taking } from './taking.js';

/** Refused for what nobody knows, in the name of the guard. */
function mustBeUnknown(call: Call, name: string, why: string): void {
  const { message, fields } = call.fails('vetoed');
  assert.deepEqual({ ...fields }, { name, by: 'guard', reason: `it cannot be measured: ${why}` });
  assert.match(message, /^Cannot go on: guard asks for the statistics of ".*", and it cannot be/u);
}

const as = (space: object, chain: readonly object[] = []) => {
  const whole = { order: 'row', byteOrder: 'little', ...space };
  return { 'attacca.encoding': JSON.stringify({ space: whole, chain }) };
};

test('numbers that cannot be measured are refused, and said for which contract', () => {
  const { pool, producer, contract, slice } = parties();
  for (const dtype of ['complex64', '{x:float32@0;8}'] as const) {
    const name = dtype.startsWith('{') ? 'struct' : dtype;
    const handle = producer.declare(name, { space: { dtype } });
    mustBeUnknown(handle.offer(slice(1, 2)), name, `it is ${dtype}`);
    mustBeUnknown(handle.offer(floats(1, 2)), name, `it is ${dtype}`);
    const rows = producer.declare(`${name} rows`, { space: { dtype, shape: [null] } });
    mustBeUnknown(rows.append(slice(1, 2)), `${name} rows`, `it is ${dtype}`);
    const parts = producer.declare(`${name} parts`, { space: { dtype, shape: [2] } });
    mustBeUnknown(parts.offerPart([[2], [[0, 1]]], slice(1, 2)), `${name} parts`, `it is ${dtype}`);
  }
  assert.deepEqual(contract.told, []);
  assert.equal(pool.pool.events.operationsHeld, 0);
});

test('what the agent could not look at is refused; not before it has said so', () => {
  const { pool, producer, slice } = parties();
  const lost = producer.declare('lost', FLOATS).offer(slice(1)).waits();
  const [asked] = pool.effectsOf('measure').at(-1)?.asked ?? [];
  assert.ok(asked !== undefined);
  pool.loop.input({ kind: 'measured', results: [{ ask: asked.ask, statistics: null }] });
  pool.settle();
  mustBeUnknown(lost, 'lost', 'its bytes could not be looked at');
});

test('what has no numbers goes in, and nobody is asked', () => {
  const { pool, producer, contract } = parties();
  producer.declare('blob').offer(producer.slice('bytes')).ok();
  producer.declare('inline').offer('bytes').ok();
  producer
    .declare('texts', { space: { dtype: 'string[4]' } })
    .offer('abcd')
    .ok();
  producer.declare('nothing', FLOATS).offer(floats()).ok();
  producer.declare('group').offerGroup([]).ok();
  assert.deepEqual(contract.told, []);
  assert.deepEqual(pool.effectsOf('measure'), []);
});

test('a contract refuses only what it would select but for its numbers', () => {
  const { producer, contract, guard } = parties();
  contract.end().ok();
  guard.subscribe({ ...CONTRACT, select: 'param = "t" and (units = "K" or stats.nan > 0)' });
  const offer = (name: string, attributes: { [key: string]: string }) => {
    const handle = producer.declare(name, { space: { dtype: 'complex64' }, attributes });
    return handle.offer(floats(1, 2));
  };
  offer('u', { param: 'u' }).ok();
  mustBeUnknown(offer('t', { param: 't' }), 't', 'it is complex64');
  // Nor is that of somebody who is told only, or of the guard's own.
  guard.subscribe({ kinds: ['offer'], before: true, select: 'stats.nan > 0' });
  guard
    .declare('own', { space: { dtype: 'complex64' }, attributes: { param: 't' } })
    .offer(floats(1, 2))
    .ok();
});

test('a contract that asks whether numbers are known says itself what becomes of the others', () => {
  const { producer, contract, guard } = parties();
  contract.end().ok();
  const space = { dtype: 'complex64' } as const;
  const lenient = guard.subscribe({ ...CONTRACT, select: 'has stats.nan and stats.nan > 0' });
  producer.declare('let in', { space }).offer(floats(1, 2)).ok();
  assert.deepEqual(lenient.told, []);
  const strict = guard.subscribe({ ...CONTRACT, select: 'stats.nan > 0 or not has stats.nan' });
  const asked = producer.declare('asked', { space }).offer(floats(1, 2)).waits();
  assert.deepEqual(strict.told, ['offer asked']);
  strict.veto('not measured').ok();
  assert.equal(asked.fails('vetoed').fields['reason'], 'not measured');
});

test('of a selector all is refused that it may be true of', () => {
  for (const [selector, cover] of [
    ['stats.nan > 0', 'true'],
    ['a = 1 and stats.nan > 0', 'a = 1 and true'],
    ['not (a = 1 and stats.nan = 0)', 'not (a = 1 and false)'],
    ['not not stats.min < 0', 'not not true'],
    ['a = 1 or not stats.max in 1..2', 'a = 1 or not false'],
  ] as const) {
    const found = coverOf(parseSelector(selector));
    assert.ok(found !== null);
    assert.equal(printSelector(found), cover);
  }
  assert.equal(coverOf(parseSelector('a = 1 and not has stats.nan')), null);
});

test('one of a group that cannot be measured: it is refused, and nobody was told of the others', () => {
  const { pool, producer, contract, slice } = parties();
  const own = producer.declare('g');
  const members = [
    [producer.declare('bad', FLOATS), floats(Number.NaN)] as const,
    [producer.declare('good', FLOATS), slice(1)] as const,
    [producer.declare('z', { space: { dtype: 'complex64' } }), floats(1, 2)] as const,
  ];
  const offer = own.offerGroup(members).waits();
  pool.answerAll();
  mustBeUnknown(offer, 'z', 'it is complex64');
  assert.deepEqual(contract.told, []);
  assert.equal(pool.pool.events.operationsHeld, 0);
  const without = own.offerGroup(members.slice(0, 2)).waits();
  pool.answerAll();
  assert.deepEqual(contract.told, ['offer bad']);
  contract.acknowledge().ok();
  without.ok();
});

test('encoded bytes are measured as what they stand for, wherever they lie', () => {
  const { pool, producer, guard, contract, slice } = parties();
  const attributes = { ...as({ dtype: 'float32', shape: [3] }), _FillValue: 9 };
  const space = { dtype: 'uint8', shape: [12] } as const;
  const offered = [slice(1, Number.NaN, 9), floats(1, Number.NaN, 9)].map((payload, at) => {
    return producer.declare(`x${at}`, { space, attributes }).offer(payload).waits();
  });
  pool.answerAll();
  assert.deepEqual(contract.told, ['offer x0', 'offer x1']);
  const { 'stats.nan': nan, 'stats.fill': fill, 'stats.max': max } = attributesOf(contract);
  assert.deepEqual([nan, fill, max], [1, 1, 1]);
  contract.acknowledge(1, 2).ok();
  for (const each of offered) each.ok();
  pool.answerAll();
  // In the catalog they are the bytes that lie there.
  assert.deepEqual(guard.query('stats.count = 12').value()['objects'], ['x0', 'x1']);
});

test('encoded bytes that nobody can decode are refused; of a part no encoding is heard', () => {
  const { pool, producer, contract, slice } = parties();
  const damaged = 'its encoding is damaged';
  const { measuredDecodedBytesMax: most } = LIMITS;
  for (const [name, attributes, why] of [
    ['a', { 'attacca.encoding': '[]' }, damaged],
    ['b', { 'attacca.encoding': 7 }, damaged],
    ['c', as({ dtype: 'float32' }), damaged],
    ['d', as({ dtype: 'float32', shape: [-1] }), damaged],
    ['e', as({ dtype: 'complex64', shape: [1] }), 'it is complex64'],
    [
      'f',
      as({ dtype: 'float32', shape: [most / 4 + 1] }),
      `decoded it has more than ${most} bytes`,
    ],
  ] as const) {
    const handle = producer.declare(name, { space: { dtype: 'uint8' }, attributes });
    mustBeUnknown(handle.offer(floats(1, 2)), name, why);
  }
  const chain = [{ kind: 'compress', codec: 'gzip' }];
  const attributes = as({ dtype: 'float32', shape: [2] }, chain);
  const broken = producer.declare('broken', { space: { dtype: 'uint8' }, attributes });
  const offer = broken.offer(slice(1, 2)).waits();
  pool.answerAll();
  mustBeUnknown(offer, 'broken', 'it is encoded, and could not be decoded');
  const whole = producer.declare('parts', { space: { ...FLOATS.space, shape: [4] }, attributes });
  const part = whole.offerPart([[4], [[0, 2]]], slice(1, Number.NaN)).waits();
  pool.answerAll();
  assert.deepEqual(contract.told, ['offer parts']);
  contract.veto('it has NaN').ok();
  part.fails('vetoed');
});

test('another manager has what is encoded measured, as it came', () => {
  const { pool, producer } = parties();
  const attributes = as({ dtype: 'float32', shape: [2] });
  producer
    .declare('x', { space: { dtype: 'uint8' }, attributes })
    .offer(floats(1, 2))
    .waits();
  const asked = pendingEffects(pool.pool);
  const write = (): Uint8Array => saved((w) => savePool(pool.pool, w));
  const again = restored(write(), restorePool);
  checkInvariants(again);
  assert.deepEqual(pendingEffects(again), asked);
  assert.deepEqual(
    saved((w) => savePool(again, w)),
    write(),
  );
});

test('an open object that is sealed is not measured: a contract keeps it from being sealed', () => {
  const { pool, producer, contract } = parties();
  const open = Taking.create(producer, 'open', '--------', { consistency: 'posix' });
  pool.answerAll();
  open.made.ok();
  const why = 'an open object may be written to until it is sealed';
  mustBeUnknown(open.handle.seal(), 'open', why);
  contract.end().ok();
  open.handle.seal().ok();
});
