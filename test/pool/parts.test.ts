import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Harness } from './harness.js';
import type { Handle, Member, Part } from './member.js';

const SHAPE = [4, 3];
const SPACE = { dtype: 'uint8', shape: SHAPE } as const;

/** Rows `[first, end)` of the shape. */
const rows = (first: number, end: number): Part => [SHAPE, [[first, end], null]];
const columns = (first: number, end: number): Part => [SHAPE, [null, [first, end]]];

function declared(member: Member, name = 'field'): Handle {
  return member.declare(name, { space: SPACE });
}

/** A pool with two writers, a reader, and a handle of each of them on `field`. */
function writersAndReader(): {
  pool: Harness;
  one: Handle;
  two: Handle;
  reader: Member;
  wanted: Handle;
} {
  const pool = new Harness();
  const one = declared(pool.member('writer[0]'));
  const two = declared(pool.member('writer[1]'));
  const reader = pool.member('reader');
  return { pool, one, two, reader, wanted: reader.declare('field') };
}

const texts = (parts: readonly (readonly [unknown, Uint8Array])[]): string[] =>
  parts.map(([, bytes]) => Buffer.from(bytes).toString());

test('parts of two members make one version; who wants all waits for all of it', () => {
  const { one, two, reader, wanted } = writersAndReader();
  const call = wanted.demand();
  one.offerPart(rows(0, 2), 'abcdef').ok();
  call.waits();
  assert.equal(reader.stat('field').value()['state'], 'partial');
  two.offerPart(rows(2, 4), 'ghijkl').ok();
  assert.deepEqual(texts(call.parts()), ['abcdef', 'ghijkl']);
  const { version, space } = call.delivered();
  assert.deepEqual([version, space.shape], [1, SHAPE]);
  const { state, parts, missing, bytes } = reader.stat('field').value();
  assert.deepEqual([state, parts, missing, bytes], ['offered', 2, 0, 12]);
});

test('a consumer of a region waits for the parts that it needs, and gets no others', () => {
  const { one, two, reader, wanted } = writersAndReader();
  wanted.region(rows(0, 1)).ok();
  const call = wanted.demand();
  two.offerPart(rows(2, 4), 'ghijkl').ok();
  call.waits();
  one.offerPart(rows(0, 2), 'abcdef').ok();
  assert.deepEqual(texts(call.parts()), ['abcdef']);
  const across = reader.declare('field');
  across.region(columns(1, 2)).ok();
  assert.deepEqual(texts(across.demand().parts()), ['ghijkl', 'abcdef']);
  // What comes later is asked of parts that are there already.
  one.offerPart(rows(0, 1), 'abc').fails('part-overlap');
});

test('an overlap is refused by name, and takes nothing', () => {
  const { pool, one, two } = writersAndReader();
  one.offerPart(rows(0, 2), 'abcdef').ok();
  const slice = two.member.slice('123456789');
  const { fields } = two.offerPart(rows(1, 4), slice).fails('part-overlap');
  assert.deepEqual([fields['member'], fields['elements'], fields['missing']], ['writer[0]', 3, 6]);
  assert.equal(pool.pool.extents.leasedBy(two.member.client.session), 64);
  two.offerPart(rows(2, 4), '123456').ok();
  // The version is complete: what is offered again is one too many.
  two.offerPart(rows(2, 4), '123456').fails('part-overlap');
  two.offer('whole').fails('already-offered');
});

test('parts say the same of what they are parts of', () => {
  const pool = new Harness();
  const one = declared(pool.member('writer[0]'));
  one.offerPart(rows(0, 2), 'abcdef').ok();
  const other = pool.member('writer[1]');
  other
    .declare('field', { space: { shape: [4, 4] } })
    .offerPart(
      [
        [4, 4],
        [[2, 4], null],
      ],
      '12345678',
    )
    .fails('object-mismatch');
  const kept = other.declare('field').offerPart(rows(2, 4), 'ghijkl', { keep: true });
  assert.equal(kept.fails('object-mismatch').fields['field'], 'scope');
  other.declare('field').offerPart(rows(2, 4), 'ghij').fails('size-mismatch');
  other
    .declare('field')
    .offerPart(
      [
        [4, 9],
        [[0, 4], 5],
      ],
      'ghij',
    )
    .fails('bad-region');
  other.declare('field').offerPart(rows(2, 4), 'ghijkl').ok();
  other.declare('x').offerPart(rows(0, 4), 'abcdefghijkl').fails('bad-space');
});

test('a member that is ahead does not begin the next version while parts are missing', () => {
  const { one, two, reader, wanted } = writersAndReader();
  wanted.require().ok();
  one.offerPart(rows(0, 2), 'abcdef').ok();
  one.withdraw().ok();
  // Its next time step: the other has yet to offer its part of this one.
  declared(one.member).offerPart(rows(0, 2), 'ABCDEF').fails('part-overlap');
  // Who comes now is too late for this version, of which a part is withdrawn.
  const late = reader.require('field');
  two.offerPart(rows(2, 4), 'ghijkl').ok();
  assert.deepEqual(texts(wanted.demand().parts()), ['abcdef', 'ghijkl']);
  two.withdraw().ok();
  one.dispose().ok();
  declared(one.member).offerPart(rows(0, 2), 'ABCDEF').ok();
  declared(two.member).offerPart(rows(2, 4), 'GHIJKL').ok();
  const next = late.demand();
  assert.deepEqual(texts(next.parts()), ['ABCDEF', 'GHIJKL']);
  assert.equal(next.delivered().version, 2);
});

test('withdrawn parts are served to those who are bound, from slabs too, and then freed', () => {
  const { pool, one, two, wanted } = writersAndReader();
  wanted.require().ok();
  one.offerPart(rows(0, 2), one.member.slice('abcdef')).ok();
  two.offerPart(rows(2, 4), two.member.slice('ghijkl')).ok();
  one.withdraw().ok();
  two.withdraw().ok();
  const call = wanted.demand();
  assert.deepEqual(texts(call.parts()), ['abcdef', 'ghijkl']);
  assert.equal(pool.effectsOf('freed').length, 0);
  wanted.dispose().ok();
  assert.equal(pool.effectsOf('freed').length, 2);
});

test('a version that nobody can complete any more ends, and says what it lacks', () => {
  const { pool, one, two, reader, wanted } = writersAndReader();
  const call = wanted.demand();
  const part = reader.declare('field');
  part.region(rows(0, 2)).ok();
  part.require().ok();
  one.offerPart(rows(0, 2), 'abcdef').ok();
  pool.crash(one.member.client);
  call.waits();
  pool.crash(two.member.client);
  const { fields, message } = call.fails('parts-missing');
  assert.equal(fields['missing'], 6);
  assert.match(message, /nobody has offered 6 of its elements/u);
  // What was offered was acknowledged: who is bound to it has it.
  assert.deepEqual(texts(part.demand().parts()), ['abcdef']);
});

test('a version whose parts are withdrawn goes on while somebody promises its name', () => {
  for (const [pattern, kind] of [
    ['field', 'name'],
    ['f*', 'glob'],
  ] as const) {
    const pool = new Harness();
    const reader = pool.member('reader');
    const one = declared(pool.member('one'));
    const two = pool.member('two');
    const promise = two.promise(pattern, kind);
    one.offerPart(rows(0, 2), 'abcdef').ok();
    const call = declared(reader).demand({ wait: true });
    one.withdraw().ok();
    call.waits();
    promise.close().ok();
    call.fails('parts-missing');
    promise.made.ok();
    const again = declared(reader).demand({ wait: true });
    two.promise(pattern, kind).made.ok();
    one.dispose().ok();
    const next = declared(one.member);
    next.offerPart(rows(0, 2), 'abcdef').ok();
    next.withdraw().ok();
    declared(two).offerPart(rows(2, 4), 'ghijkl').ok();
    assert.deepEqual(texts(again.parts()), ['abcdef', 'ghijkl']);
  }
});

test('a writer that dies between two regions is followed by one that offers the rest', () => {
  const { pool, one, two, wanted } = writersAndReader();
  const call = wanted.demand();
  two.offerPart(rows(2, 4), 'ghijkl').ok();
  one.offerPart(rows(0, 1), 'abc').ok();
  pool.crash(one.member.client);
  call.waits();
  const again = declared(pool.member('writer[0]'));
  again.offerPart(rows(0, 2), 'abcdef').fails('part-overlap');
  again.offerPart(rows(1, 2), 'def').ok();
  assert.deepEqual(texts(call.parts()), ['ghijkl', 'abc', 'def']);
});

test('kept parts stay when their members leave, until the object is no longer kept', () => {
  const { pool, one, two, reader, wanted } = writersAndReader();
  one.offerPart(rows(0, 2), 'abcdef', { keep: true }).ok();
  one.dispose().ok();
  two.offerPart(rows(2, 4), 'ghijkl', { keep: true }).ok();
  two.member.leave().bye();
  pool.crash(one.member.client);
  assert.deepEqual(texts(wanted.demand({ dispose: true }).parts()), ['abcdef', 'ghijkl']);
  reader.unkeep('field').ok();
  assert.equal(pool.pool.parts.used, 2);
  // Parts are leased to who has them, as slices are.
  wanted.dispose().ok();
  assert.equal(pool.pool.parts.used, 0);
  reader.stat('field').fails('unknown-object');
});

test('explain and deadlines say how many elements are missing', () => {
  const { pool, one, reader, wanted } = writersAndReader();
  one.offerPart(rows(0, 1), 'abc').ok();
  const call = wanted.demand({ deadline: 500 });
  const [wait] = reader.explainWaits().value()['waits'] as { because: string }[];
  assert.match(wait?.because ?? '', /^9 of its elements are not offered/u);
  pool.pass(500);
  const { message, fields } = call.fails('deadline-passed');
  assert.equal(fields['missing'], 9);
  assert.match(message, /9 of its elements were not offered within 500 ms/u);
});

test('a region of what is offered whole is checked, and the whole is delivered', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const reader = pool.member('reader');
  writer.offer('field', 'abcdefghijkl', { space: SPACE });
  const handle = reader.declare('field');
  handle.region(rows(0, 1)).ok();
  assert.equal(handle.demand().text(), 'abcdefghijkl');
  const beyond = reader.declare('field');
  beyond
    .region([
      [9, 3],
      [[8, 9], null],
    ])
    .ok();
  beyond.require().fails('bad-region');
  const early = reader.declare('later');
  early
    .region([
      [9, 3],
      [[8, 9], null],
    ])
    .ok();
  const call = early.demand();
  writer.offer('later', 'abcdefghijkl', { space: SPACE });
  call.fails('bad-region');
});

test('promises that close fail those who wait for parts that nobody will offer', () => {
  const { one, two, wanted } = writersAndReader();
  const first = one.member.promise('field');
  const second = two.member.promise('field');
  const call = wanted.demand();
  one.offerPart(rows(0, 2), 'abcdef').ok();
  first.close().ok();
  call.waits();
  two.dispose().ok();
  second.close().ok();
  call.fails('nobody-will-offer');
});

test('an empty part makes its member a provider, and is delivered to nobody', () => {
  const { one, two, wanted } = writersAndReader();
  two.offerPart(rows(4, 4), '').ok();
  one.offerPart(rows(0, 4), 'abcdefghijkl').ok();
  assert.deepEqual(texts(wanted.demand().parts()), ['abcdefghijkl']);
});

test('delete takes all parts; forced it fails those who wait for more', () => {
  const { pool, one, two, reader, wanted } = writersAndReader();
  one.offerPart(rows(0, 2), one.member.slice('abcdef')).ok();
  const call = wanted.demand();
  reader.delete('field').fails('object-required');
  reader.delete('field', true).ok();
  call.fails('object-deleted');
  assert.equal(pool.effectsOf('freed').length, 1);
  // Its next version.
  two.offerPart(rows(2, 4), 'ghijkl').ok();
  assert.equal(reader.stat('field').value()['version'], 2);
});

test('explain tells which elements lack, unless these are of very many pieces', () => {
  const { one, reader } = writersAndReader();
  const told = () => reader.explain('field').value();
  const missing = (): unknown[] => [told()['parts'], told()['missing'], told()['missingRegion']];
  assert.deepEqual(missing(), [undefined, undefined, undefined], 'it is not offered');
  one.offerPart(rows(1, 2), 'abc').ok();
  assert.deepEqual(missing(), [1, 9, '[0,2:4],:']);
  one.offerPart(rows(0, 1), 'abc').ok();
  assert.deepEqual(missing(), [2, 6, '2:4,:']);
  one.offerPart(rows(2, 4), 'abcdef').ok();
  assert.deepEqual(missing(), [undefined, undefined, undefined], 'it is complete');
  const { member } = one;
  const many = member.declare('many', { space: { dtype: 'uint8', shape: [200, 2] } });
  for (let at = 0; at < 100; at++)
    many
      .offerPart(
        [
          [200, 2],
          [2 * at, at % 2],
        ],
        'x',
      )
      .ok();
  const { parts, missing: count, missingRegion } = reader.explain('many').value();
  assert.deepEqual([parts, count, missingRegion], [100, 300, null]);
});
