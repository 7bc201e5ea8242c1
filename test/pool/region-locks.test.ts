import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../../src/core/limits.js';
import type { RegionSelection } from '../../src/core/regions/selection.js';
import type { Value } from '../../src/core/value.js';
import { fc } from '../fast-check.js';
import { Harness } from './harness.js';
import { Taking } from './taking.js';

function members(count: number, checked = true): { pool: Harness; all: Taking[] } {
  const pool = new Harness({ checked });
  const first = Taking.create(pool.member('m[0]'), 'field', '--------');
  const others = Array.from({ length: count - 1 }, (_, index) =>
    Taking.open(pool.member(`m[${index + 1}]`), 'field'),
  );
  return { pool, all: [first, ...others] };
}

const of = (all: readonly Taking[], index: number): Taking => all[index] as Taking;

test('locks conflict where their regions overlap, and one of them is for writing', () => {
  const { all } = members(3);
  const [a, b, c] = [of(all, 0), of(all, 1), of(all, 2)];
  const left = a.lock('write', [[0, 4]]);
  left.call.ok();
  b.lock('write', [[4, 8]]).call.ok();
  const { fields, message } = c
    .lock('read', [[3, 5]], { block: false })
    .call.fails('lock-conflict');
  assert.deepEqual(fields['members'], ['m[0]', 'm[1]']);
  assert.match(message, /m\[0\], m\[1\] holds some of the region for writing/u);
  const odd = c.lock('read', [{ indices: [1, 5] }]);
  odd.call.waits();
  left.unlock().ok();
  odd.call.waits();
  b.handle.dispose().ok();
  odd.call.ok();
  a.lock('read', [null]).call.ok();
  a.lock('write', [{ indices: [0, 2, 3] }], { block: false }).call.fails('lock-conflict');
});

test('who asks waits behind whom it would keep waiting: a writer has its turn', () => {
  const { all } = members(4);
  const [a, b, c, d] = [of(all, 0), of(all, 1), of(all, 2), of(all, 3)];
  const reading = a.lock('read', [[0, 4]]);
  reading.call.ok();
  const writing = b.lock('write', [[2, 6]]);
  writing.call.waits();
  const late = c.lock('read', [[3, 4]]);
  late.call.waits();
  const beside = d.lock('read', [[0, 2]]);
  beside.call.ok();
  reading.unlock().ok();
  writing.call.ok();
  late.call.waits();
  writing.unlock().ok();
  late.call.ok();
});

test('a member that would conflict with itself is told so', () => {
  const { all } = members(2);
  const [a, b] = [of(all, 0), of(all, 1)];
  const first = a.lock('read', [[0, 4]]);
  first.call.ok();
  a.lock('read', [[2, 6]]).call.ok();
  a.lock('write', [[3, 5]]).call.fails('lock-conflict');
  a.lock('write', [[6, 8]]).call.ok();
  b.lock('write', [[0, 1]]).call.waits();
  b.lock('read', [[0, 1]]).call.fails('lock-conflict');
  first.unlock().ok();
  first.unlock().fails('bad-argument');
});

test('a wait ends at its deadline, saying who holds the region; by CANCEL; by UNLOCK', () => {
  const { pool, all } = members(3);
  const [a, b, c] = [of(all, 0), of(all, 1), of(all, 2)];
  a.lock('write', [[0, 4]]).call.ok();
  const late = b.lock('write', [[0, 2]], { deadline: 300 });
  const behind = c.lock('read', [[0, 1]]);
  pool.pass(200);
  const { waits } = c.member.explain('field').value();
  const [first] = waits as { [key: string]: Value }[];
  assert.equal(first?.['what'], 'lock');
  pool.pass(100);
  const { message, fields } = late.call.fails('deadline-passed');
  assert.match(message, /was not free within 300 ms; m\[0\] holds some of the region for writing/u);
  assert.deepEqual([fields['members'], fields['waitedMs']], [['m[0]'], 300]);
  behind.call.waits();
  c.member.cancel(behind.call).ok();
  behind.call.fails('cancelled');
  const given = b.lock('read', [[3, 5]]);
  given.unlock().ok();
  given.call.fails('cancelled');
  assert.equal(pool.pool.open.locks, 1);
});

test('locks end with who holds them, in the same step', () => {
  for (const how of ['crash', 'leave', 'close'] as const) {
    const { pool, all } = members(2);
    const [a, b] = [of(all, 0), of(all, 1)];
    b.lock('write', [[0, 4]]).call.ok();
    const waiting = a.lock('write', [[3, 5]]);
    waiting.call.waits();
    if (how === 'crash') pool.crash(b.member.client);
    else if (how === 'leave') b.member.leave();
    else b.commit(true).ok();
    waiting.call.ok();
  }
});

test('who has created an object and closes it holds no lock of it any more', () => {
  const { all } = members(2);
  const [a, b] = [of(all, 0), of(all, 1)];
  a.lock('write', [[0, 4]]).call.ok();
  const waiting = b.lock('write', [[3, 5]]);
  a.commit(true).ok();
  waiting.call.ok();
  a.write([[0, 1]], 'x').ok();
});

test('locks are bounded, by their number and by what it costs to compare them', () => {
  const { all } = members(2, false);
  const [a, b] = [of(all, 0), of(all, 1)];
  const held = a.lock('read', [null]);
  held.call.ok();
  for (let more = 1; more < LIMITS.locksMax; more++) a.lock('read', [[0, 4]]).call.ok();
  const { fields } = b.lock('read', [[0, 1]]).call.fails('wait-limit');
  assert.equal(fields['limit'], LIMITS.locksMax);
  held.unlock().ok();
  b.lock('read', [[0, 1]]).call.ok();
});

test('locks of very many points are bounded by those', () => {
  const pool = new Harness({ checked: false });
  const shape = [LIMITS.locksRunsMax + 1];
  const space = { dtype: 'uint8', shape } as const;
  const bytes = '-'.repeat(LIMITS.locksRunsMax + 1);
  const a = Taking.create(pool.member('a'), 'field', bytes, { space });
  const points = Array.from({ length: 60_000 }, (_, at) => [4 * at]);
  for (let most = 0; most < 4; most++) a.lock('read', { points }, { shape }).call.ok();
  a.lock('read', { points }, { shape }).call.fails('wait-limit');
  a.lock('read', [[0, 9]], { shape }).call.ok();
});

test('however many wait, each is granted when what it waits for is given back', () => {
  const pool = new Harness({ checked: false });
  const shape = [LIMITS.locksMax];
  const [a, b] = ['a', 'b'].map((name) => pool.member(name));
  assert.ok(a !== undefined && b !== undefined);
  const bytes = '-'.repeat(LIMITS.locksMax);
  const space = { dtype: 'uint8', shape } as const;
  const holds = Taking.create(a, 'field', bytes, { space });
  const waits = Taking.open(b, 'field');
  const half = LIMITS.locksMax / 8;
  const all = Array.from({ length: half }, (_, at) => holds.lock('write', [at], { shape }));
  const later = all.map((_, at) => waits.lock('write', [at], { shape }));
  for (const [at, each] of all.entries()) {
    later[at]?.call.waits();
    each.unlock().ok();
    later[at]?.call.ok();
  }
});

test('what is locked by others is not sealed', () => {
  const { all } = members(2);
  const [a, b] = [of(all, 0), of(all, 1)];
  const held = b.lock('read', [[0, 1]]);
  const { fields } = a.handle.seal().fails('lock-conflict');
  assert.deepEqual(fields['members'], ['m[1]']);
  held.unlock().ok();
  a.lock('write', [[0, 1]]).call.ok();
  a.handle.seal().ok();
});

test('who holds what, and who waits for whom, is told; rings of locks are found', () => {
  const { all } = members(2);
  const [a, b] = [of(all, 0), of(all, 1)];
  a.lock('write', [[0, 4]]).call.ok();
  b.lock('write', [[4, 8]]).call.ok();
  a.lock('read', [[4, 5]]).call.waits();
  b.lock('read', [[0, 1]]).call.waits();
  const { locks, waits } = a.member.explain('field').value() as { [key: string]: Value[] };
  const regions = (locks as { [key: string]: Value }[]).map((each) => each['region']);
  assert.deepEqual(regions, ['0:4', '4:8', '4', '0']);
  const [first] = waits as { [key: string]: Value }[];
  assert.deepEqual([first?.['member'], first?.['waitsFor']], ['m[0]', ['m[1]']]);
  const { rings } = a.member.explainRings().value() as { rings: { member: string }[][] };
  assert.deepEqual(
    rings.map((ring) => ring.map(({ member }) => member).sort()),
    [['m[0]', 'm[1]']],
  );
});

/** What is asked of locks, at random. */
const region: fc.Arbitrary<RegionSelection> = fc
  .tuple(fc.nat(7), fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 3 }))
  .map(([start, count, step]) => [[start, Math.min(8, start + count * step), step]]);
const action = fc.record({
  member: fc.nat(3),
  mode: fc.constantFrom('read' as const, 'write' as const),
  region,
  releases: fc.boolean(),
});

test('whatever is asked for and given back, nobody waits when all is given back', () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
      const { pool, all } = members(4);
      const asked: ReturnType<Taking['lock']>[][] = [[], [], [], []];
      for (const { member, mode, region: wanted, releases } of actions) {
        const own = asked[member] as ReturnType<Taking['lock']>[];
        const last = releases ? own.pop() : undefined;
        if (last !== undefined) last.unlock().ok();
        else {
          const lock = of(all, member).lock(mode, wanted);
          if (lock.call.answer?.kind !== 'fail') own.push(lock);
        }
      }
      for (const own of asked) for (const lock of own) lock.unlock().ok();
      assert.equal(pool.pool.open.locks, 0);
      of(all, 0).lock('write', [null], { block: false }).call.ok();
    }),
    { numRuns: 60 },
  );
});
