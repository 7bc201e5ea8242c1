import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../../src/core/limits.js';
import type { Value } from '../../src/core/value.js';
import { Harness } from './harness.js';
import type { Member } from './member.js';
import { Taking } from './taking.js';

const FLOATS = { dtype: 'float32' } as const;

const floats = (...values: number[]): Uint8Array =>
  new Uint8Array(Float32Array.from(values).buffer);

type Row = { readonly [key: string]: Value };

const told = (member: Member, name: string): Row | undefined =>
  member.stat(name).value()['statistics'] as Row | undefined;

const found = (member: Member, selector: string): unknown =>
  member.query(selector).value()['objects'];

test('what lies in a message is known at once, and found', () => {
  const pool = new Harness();
  const member = pool.member('m');
  const attributes = { _FillValue: -9_999 };
  member.offer('x', floats(1, 2, 6, Number.NaN, -9_999, 1 / 0), { space: FLOATS, attributes });
  assert.deepEqual(told(member, 'x'), {
    ...{ state: 'known', count: 3, nan: 1, fill: 1, infinite: 1, min: 1, max: 6, mean: 3 },
    histogram: {
      ...{ begin: 1, width: 0.125 },
      counts: Array.from({ length: 41 }, (_, at) => ([0, 8, 40].includes(at) ? 1 : 0)),
    },
  });
  for (const selector of ['stats.max > 5', 'stats.mean = 3', 'stats.nan = 1 and stats.fill = 1']) {
    assert.deepEqual(found(member, selector), ['x'], selector);
  }
  assert.deepEqual(found(member, 'stats.min < 0'), []);
  assert.deepEqual(pool.effectsOf('measure'), []);
});

test('a slice is measured when the agent says so; until then it is pending', () => {
  const pool = new Harness({ agent: 'manual' });
  const member = pool.member('m');
  const lease = member.lease(64);
  pool.answerAll();
  const { slab, offset } = lease.grant();
  new Float32Array(pool.slabs.get(slab)?.buffer ?? new ArrayBuffer(0), offset, 16).fill(7);
  member.offer('x', { slab, offset, size: 64 }, { space: FLOATS });
  assert.deepEqual(told(member, 'x'), { state: 'pending' });
  assert.deepEqual(found(member, 'stats.max = 7'), []);
  assert.deepEqual(found(member, '.stats = "pending"'), ['x']);
  pool.answerAll();
  assert.equal(told(member, 'x')?.['mean'], 7);
  assert.deepEqual(found(member, 'stats.max = 7 and has stats.min'), ['x']);
  assert.deepEqual(found(member, '.stats = "pending"'), []);
});

test('bytes without a type that somebody named, or without an order, are not measured', () => {
  const pool = new Harness();
  const member = pool.member('m');
  member.offer('blob', member.slice('bytes'));
  member.offer('small', 'bytes');
  member.offer('none', null, { space: FLOATS });
  member.offer('complex', new Uint8Array(16), { space: { dtype: 'complex128' } });
  for (const name of ['blob', 'small', 'none', 'complex']) {
    assert.equal(told(member, name), undefined, name);
  }
  assert.deepEqual(found(member, 'has .stats or has stats.max'), []);
  assert.deepEqual(pool.effectsOf('measure'), []);
  assert.equal(pool.pool.measures.rows.used, 0);
});

test('with statistics off nothing is measured, and what is known stays after a restart', () => {
  const pool = new Harness({ statistics: false });
  const member = pool.member('m');
  member.offer('x', member.slice(floats(1)), { space: FLOATS });
  assert.equal(told(member, 'x'), undefined);
});

test('a pool goes on without what it had not measured when statistics are off then', () => {
  const pool = new Harness({ agent: 'manual' });
  const member = pool.member('m');
  const lease = member.lease(64);
  pool.answerAll();
  const { slab, offset } = lease.grant();
  member.offer('x', { slab, offset, size: 64 }, { space: FLOATS });
  const { id: _id, name: _name, hashSeed: _seed, ...options } = pool.pool.options;
  const input = { kind: 'restart', options: { ...options, statistics: false } } as const;
  pool.loop.input({ ...input, slabsLost: [] });
  pool.settle();
  assert.equal(told(member, 'x'), undefined);
  // The agent of before may still say something.
  pool.answerAll();
  assert.equal(told(member, 'x'), undefined);
  assert.equal(pool.pool.measures.rows.used, 0);
});

test('what is freed while it is measured is not told of what comes in its place', () => {
  const pool = new Harness({ agent: 'manual' });
  const member = pool.member('m');
  const lease = member.lease(64);
  pool.answerAll();
  const { slab, offset } = lease.grant();
  const first = member.offer('x', { slab, offset, size: 64 }, { space: FLOATS });
  first.withdraw().ok();
  const again = member.lease(64).grant();
  assert.deepEqual([again.slab, again.offset], [slab, offset]);
  const [asked] = pool.unanswered;
  assert.equal(asked?.kind, 'measure');
  new Float32Array(pool.slabs.get(slab)?.buffer ?? new ArrayBuffer(0), offset, 16).fill(1);
  member.declare('y', { space: FLOATS }).offer({ slab, offset, size: 64 }).ok();
  // The first answer is of bytes that are gone; it says nothing of the second.
  pool.answer(pool.unanswered.shift() ?? { kind: 'stop' });
  pool.settle();
  assert.deepEqual(told(member, 'y'), { state: 'pending' });
  pool.answerAll();
  assert.equal(told(member, 'y')?.['max'], 1);
});

test('so many are asked for at a time, the others in their turn', () => {
  const pool = new Harness({ agent: 'manual', memoryBytesMax: 4 << 20 });
  const member = pool.member('m');
  const first = member.lease(64);
  pool.answerAll();
  const { slab, offset } = first.grant();
  const count = 3 * LIMITS.measuresMax;
  member.offer('0', { slab, offset, size: 64 }, { space: FLOATS });
  for (let index = 1; index < count; index++) {
    member.offer(`${index}`, member.slice(floats(index)), { space: FLOATS });
  }
  const { asked, rows } = pool.pool.measures;
  assert.equal(asked.size, LIMITS.measuresMax);
  assert.equal(rows.used, count);
  while (pool.unanswered.length > 0) pool.answerAll();
  assert.equal(asked.size, 0);
  const { count: known } = member.count('.stats = "known"').value();
  assert.equal(known, count);
  assert.equal(told(member, `${count - 1}`)?.['max'], count - 1);
});

test('what could not be measured says so', () => {
  const pool = new Harness({ agent: 'manual' });
  const member = pool.member('m');
  const lease = member.lease(64);
  pool.answerAll();
  const { slab, offset } = lease.grant();
  member.offer('x', { slab, offset, size: 64 }, { space: FLOATS });
  const [effect] = pool.effectsOf('measure');
  const results = (effect?.asked ?? []).map(({ ask }) => ({ ask, statistics: null }));
  pool.loop.input({ kind: 'measured', results });
  pool.settle();
  assert.deepEqual(told(member, 'x'), { state: 'failed' });
});

test('a part that could not be measured: so is the whole, and the others are told', () => {
  const pool = new Harness({ agent: 'manual' });
  const member = pool.member('m');
  const handle = member.declare('x', { space: { dtype: 'float32', shape: [4] } });
  handle.offerPart([[4], [[0, 2]]], floats(1, 9)).ok();
  const lease = member.lease(8);
  pool.answerAll();
  const { slab, offset } = lease.grant();
  handle.offerPart([[4], [[2, 4]]], { slab, offset, size: 8 }).ok();
  const [effect] = pool.effectsOf('measure');
  const results = (effect?.asked ?? []).map(({ ask }) => ({ ask, statistics: null }));
  pool.loop.input({ kind: 'measured', results });
  pool.settle();
  const { state, parts, count, max } = told(member, 'x') ?? {};
  assert.deepEqual([state, parts, count, max], ['failed', 1, 2, 9]);
  assert.deepEqual(found(member, '.stats = "failed"'), ['x']);
  const rows = member.stat('x').value()['partStatistics'] as Row[];
  assert.deepEqual(
    rows.map((row) => row['state']),
    ['known', 'failed'],
  );
});

test('parts are measured each, told as they come, and as a whole when that is complete', () => {
  const pool = new Harness({ agent: 'manual' });
  const member = pool.member('m');
  const space = { dtype: 'float32', shape: [6] } as const;
  const handle = member.declare('x', { space });
  const ofParts = (): Row[] => (member.stat('x').value()['partStatistics'] ?? []) as Row[];
  const summary = ({ state, parts, count, min, max, mean }: Row): Value[] =>
    [state, parts, count, min, max, mean].map((each) => each ?? null);
  handle.offerPart([[6], [[0, 2]]], floats(1, 9)).ok();
  const first = { region: '0:2', provider: 'm', state: 'known', count: 2, nan: 0, fill: 0 };
  assert.deepEqual(ofParts(), [
    {
      ...{ ...first, infinite: 0, min: 1, max: 9, mean: 5 },
      histogram: { begin: 1, width: 0.25, counts: [1, ...new Array(31).fill(0), 1] },
    },
  ]);
  assert.deepEqual(summary(told(member, 'x') ?? {}), ['pending', 1, 2, 1, 9, 5]);
  const lease = member.lease(8);
  pool.answerAll();
  const { slab, offset } = lease.grant();
  const bytes = pool.slabs.get(slab)?.buffer ?? new ArrayBuffer(0);
  new Float32Array(bytes, offset, 2).set([20, 30]);
  handle.offerPart([[6], [[2, 4]]], { slab, offset, size: 8 }).ok();
  assert.deepEqual(summary(ofParts()[1] ?? {}), ['pending', null, null, null, null, null]);
  assert.deepEqual(summary(told(member, 'x') ?? {}), ['pending', 1, 2, 1, 9, 5]);
  pool.answerAll();
  assert.deepEqual(summary(ofParts()[1] ?? {}), ['known', null, 2, 20, 30, 25]);
  assert.deepEqual(summary(told(member, 'x') ?? {}), ['pending', 2, 4, 1, 30, 15]);
  // What is not whole is found by none of it.
  assert.deepEqual(found(member, 'has stats.max'), []);
  handle.offerPart([[6], [[4, 6]]], floats(Number.NaN, 0)).ok();
  assert.deepEqual(summary(told(member, 'x') ?? {}), ['known', null, 5, 0, 30, 12]);
  assert.deepEqual(
    ofParts().map(({ nan }) => nan),
    [0, 0, 1],
  );
  assert.deepEqual(found(member, 'stats.max = 30'), ['x']);
  handle.withdraw().ok();
  handle.dispose().ok();
  assert.equal(pool.pool.measures.rows.used, 0);
});

test('of parts whose bytes are gone nothing is told', () => {
  const pool = new Harness();
  const [one, other] = [pool.member('a'), pool.member('b')];
  const space = { dtype: 'float32', shape: [6] } as const;
  const [first, second] = [one.declare('x', { space }), other.declare('x', { space })];
  first.offerPart([[6], [[0, 2]]], floats(1, 9)).ok();
  first.offerPart([[6], [[2, 4]]], one.slice(floats(2, 3))).ok();
  second.offerPart([[6], [[4, 5]]], floats(5)).ok();
  // Some of what is withdrawn may still be owed; here nobody has asked for it.
  first.withdraw().ok();
  const rows = (other.stat('x').value()['partStatistics'] ?? []) as Row[];
  assert.deepEqual(
    rows.map(({ region, max }) => [region, max]),
    [['4', 5]],
  );
});

test('of very many parts the first are told each', () => {
  const pool = new Harness();
  const member = pool.member('m');
  const count = LIMITS.statPartsMax + 2;
  const handle = member.declare('x', { space: { dtype: 'float32', shape: [count] } });
  for (let at = 0; at < count; at++) {
    handle.offerPart([[count], [[at, at + 1]]], floats(at)).ok();
  }
  const rows = member.stat('x').value()['partStatistics'] as Row[];
  assert.equal(rows.length, LIMITS.statPartsMax);
  assert.equal(rows.at(-1)?.['max'], LIMITS.statPartsMax - 1);
  assert.equal(told(member, 'x')?.['count'], count);
});

test('sorted and counted by statistics, also by numbers of 64 bits', () => {
  const pool = new Harness();
  const member = pool.member('m');
  const big = (value: bigint): Uint8Array => new Uint8Array(BigInt64Array.of(value).buffer);
  const values = [3n, -(2n ** 62n), 2n ** 62n + 1n];
  for (const [index, value] of values.entries()) {
    const bytes = index === 1 ? member.slice(big(value)) : big(value);
    member.offer(`x${index}`, bytes, { space: { dtype: 'int64' } });
  }
  member.offer('none', 'bytes');
  const sorted = member.sort('has .stats', 'stats.max', { descending: true }).value();
  const rows = sorted['objects'] as readonly Row[];
  assert.deepEqual(
    rows.map(({ object }) => object),
    ['x2', 'x0', 'x1'],
  );
  assert.deepEqual(
    rows.map(({ key }) => key),
    [2n ** 62n + 1n, 3, -(2n ** 62n)],
  );
  const { values: counted } = member.facets('stats.max').value();
  assert.equal((counted as readonly Value[]).length, 3);
  assert.deepEqual(found(member, 'stats.min >= 4611686018427387905'), ['x2']);
});

test('a look at many that lie in messages ends in parts', () => {
  const pool = new Harness({ checked: false });
  const member = pool.member('m');
  const bytes = new Uint8Array(32_768);
  for (let index = 0; index < 200; index++) member.offer(`x${index}`, bytes, { space: FLOATS });
  const { objects, next } = member.query('stats.max = 0').value();
  assert.ok((objects as readonly Value[]).length < 200);
  assert.notEqual(next, null);
  assert.ok((member.sort('', 'stats.max').value()['next'] as Value) !== null);
});

test('an open object is measured when it is sealed', () => {
  const pool = new Harness();
  const member = pool.member('m');
  const one = Taking.create(member, 'x', 'aaaaaaaa');
  one.made.ok();
  assert.deepEqual(told(member, 'x'), { state: 'pending' });
  one.write([[0, 1]], 'b').ok();
  assert.deepEqual(pool.effectsOf('measure'), []);
  one.handle.seal().ok();
  const { min, max, count } = told(member, 'x') ?? {};
  assert.deepEqual([min, max, count], [97, 98, 8]);
});
