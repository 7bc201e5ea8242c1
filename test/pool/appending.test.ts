import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../fast-check.js';
import { Harness } from './harness.js';
import type { Handle, Member, Part } from './member.js';

const SPACE = { dtype: 'uint8', shape: [null, 3] } as const;
/** As long as a test needs: rows of it are written without an end. */
const LONG = [100, 3];
const rows = (first: number, end: number): Part => [LONG, [[first, end], null]];

const declared = (member: Member, space: object = SPACE): Handle =>
  member.declare('log', { space });

function setUp(): { pool: Harness; one: Handle; two: Handle; reader: Member } {
  const pool = new Harness();
  const one = declared(pool.member('writer[0]'));
  const two = declared(pool.member('writer[1]'));
  return { pool, one, two, reader: pool.member('reader') };
}

function wanting(reader: Member, region: Part): Handle {
  const handle = reader.declare('log');
  handle.region(region).ok();
  return handle;
}

const texts = (parts: readonly (readonly [unknown, Uint8Array])[]): string[] =>
  parts.map(([, bytes]) => Buffer.from(bytes).toString());

test('rows of several writers lie behind each other, and each is told where', () => {
  const { one, two, reader } = setUp();
  assert.equal(one.append('abcdef').raw(), 0);
  assert.equal(two.append(two.member.slice('ghi')).raw(), 2);
  assert.equal(one.append('').raw(), 3);
  assert.equal(one.append('jkl').raw(), 3);
  const { state, shape, rows: count, missing, bytes } = reader.stat('log').value();
  const told = [state, shape, count, missing, bytes];
  assert.deepEqual(told, ['partial', [null, 3], 4, undefined, 12]);
});

test('regions are demanded as soon as they are there; all of it waits for the end', () => {
  const { one, two, reader } = setUp();
  const all = reader.declare('log').demand();
  const columns: Part = [
    [2, 3],
    [null, [0, 1]],
  ];
  const call = wanting(reader, rows(1, 3)).demand();
  one.append('abcdef').raw();
  call.waits();
  two.append('ghijkl').raw();
  assert.deepEqual(texts(call.parts()), ['abcdef', 'ghijkl']);
  assert.deepEqual(call.delivered().space.shape, [4, 3]);
  assert.deepEqual(texts(wanting(reader, columns).demand().parts()), ['abcdef']);
  all.waits();
  one.finish().ok();
  assert.deepEqual(texts(all.parts()), ['abcdef', 'ghijkl']);
  assert.deepEqual(all.delivered().space.shape, [4, 3]);
  const { state, shape, missing } = reader.stat('log').value();
  assert.deepEqual([state, shape, missing], ['offered', [4, 3], 0]);
});

test('a region of all rows waits for the end', () => {
  const { one, reader } = setUp();
  const handle = reader.declare('log');
  handle.openRegion([null, [1, 2]]).ok();
  const call = handle.demand({ deadline: 0xffff_ffff });
  one.append('abcdef').raw();
  one.append('ghi').raw();
  call.waits();
  one.finish().ok();
  assert.deepEqual(texts(call.parts()), ['abcdef', 'ghi']);
});

test('what lies beyond the end fails when it is fixed, and is refused from then on', () => {
  const { one, two, reader } = setUp();
  one.append('abc').raw();
  const beyond = wanting(reader, rows(0, 2)).demand();
  const longer = reader.declare('log', { space: { shape: [2, 3] } }).demand();
  two.append('def').raw();
  const late = wanting(reader, rows(1, 9)).demand();
  assert.deepEqual(texts(beyond.parts()), ['abc', 'def']);
  two.finish().ok();
  late.fails('bad-region');
  assert.deepEqual(texts(longer.parts()), ['abc', 'def']);
  reader
    .declare('log', { space: { shape: [3, 3] } })
    .demand()
    .fails('object-mismatch');
  wanting(reader, rows(2, 3)).require().fails('bad-region');
  one.append('ghi').fails('wrong-state');
  one.finish().fails('wrong-state');
});

test('who expects other rows than there are hears it at the end', () => {
  const { one, reader } = setUp();
  const call = reader.declare('log', { space: { shape: [3, 3] } }).demand();
  one.append('abcdef').raw();
  call.waits();
  one.finish().ok();
  call.fails('object-mismatch');
});

test('rows and regions are not mixed in one version', () => {
  const { pool, one, two, reader } = setUp();
  declared(reader, { dtype: 'uint8', shape: [4, 3] })
    .append('abc')
    .fails('bad-space');
  declared(reader, { dtype: 'uint8', shape: [null, 0] })
    .append('')
    .fails('bad-space');
  declared(reader, { dtype: 'uint8', shape: [null, null] })
    .append('abc')
    .fails('bad-space');
  one.append('abcd').fails('size-mismatch');
  one.finish().fails('wrong-state');
  one.append('abc').raw();
  two.offerPart(rows(1, 2), 'def').fails('bad-region');
  declared(reader).offer('abc').fails('already-offered');
  declared(pool.member('other'), { dtype: 'int8', shape: [null, 3] })
    .append('abc')
    .fails('object-mismatch');
  const whole = pool.member('third').declare('whole', { space: { dtype: 'uint8', shape: [2] } });
  whole.offerPart([[2], [[0, 1]]], 'a').ok();
  const rest = reader.declare('whole', { space: { dtype: 'uint8', shape: [null] } });
  rest.append('b').fails('wrong-state');
});

test('when all writers go before the end, who waits for more is told; others are served', () => {
  const { pool, one, two, reader } = setUp();
  const all = reader.declare('log').demand();
  const there = wanting(reader, rows(0, 1));
  there.require().ok();
  one.append('abc').raw();
  const more = wanting(reader, rows(0, 2)).demand();
  pool.crash(one.member.client);
  all.waits();
  two.dispose().ok();
  assert.match(all.fails('parts-missing').message, /nobody has finished it/u);
  more.fails('parts-missing');
  assert.deepEqual(texts(there.demand().parts()), ['abc']);
});

test('a part that is withdrawn is freed when those have gone that want some of it', () => {
  const { pool, one, two, reader } = setUp();
  const freed = (): number => pool.effectsOf('freed').length;
  const first = wanting(reader, rows(0, 1));
  const second = wanting(reader, rows(1, 2));
  const both = wanting(reader, rows(0, 2));
  for (const handle of [first, second, both]) handle.require().ok();
  one.append(one.member.slice('abc')).raw();
  two.append(two.member.slice('def')).raw();
  both.demand().parts();
  one.withdraw().ok();
  const seen = [freed()];
  both.dispose().ok();
  seen.push(freed());
  first.retract().ok();
  seen.push(freed());
  // Nobody but the writer holds the second one yet, and its reader does.
  two.finish().ok();
  two.withdraw().ok();
  seen.push(freed());
  assert.deepEqual(texts(second.demand().parts()), ['def']);
  second.dispose().ok();
  seen.push(freed());
  assert.deepEqual(seen, [0, 0, 1, 1, 2]);
});

test('withdrawing one part frees it, while the rest of its version is owed', () => {
  const { pool, one, two, reader } = setUp();
  const wanted = wanting(reader, rows(1, 2));
  wanted.require().ok();
  one.append(one.member.slice('abc')).raw();
  two.append(two.member.slice('def')).raw();
  one.withdraw().ok();
  assert.equal(pool.effectsOf('freed').length, 1);
  assert.deepEqual(texts(wanted.demand().parts()), ['def']);
});

// In one piece: a story is told, and compared as it goes on.
test('any appends, regions and ends give what a plain array gives', () => {
  const size = fc.integer({ min: 0, max: 3 });
  const action = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant('append' as const), writer: fc.nat(2), size }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant('read' as const), from: fc.nat(12), size }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('end' as const), at: fc.nat(9) }) },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('withdraw' as const), writer: fc.nat(2) }),
    },
  );
  fc.assert(
    // In one piece: as above.
    fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
      const pool = new Harness();
      // Nobody is asked for it, so that the version goes on.
      declared(pool.member('awaited'));
      const writers = [0, 1, 2].map((at) => declared(pool.member(`writer[${at}]`)));
      const begun = new Set<number>();
      const gone = new Set<number>();
      const reader = pool.member('reader');
      const reads: {
        handle: Handle;
        call: ReturnType<Handle['demand']>;
        from: number;
        to: number;
      }[] = [];
      const ended = new Set<number>();
      let all = '';
      let next = 0;
      const check = (at: number): void => {
        const { call, from, to } = reads[at] as (typeof reads)[number];
        if (to * 3 > all.length) {
          call.waits();
          return;
        }
        const found = new Map<number, string>();
        for (const [region, bytes] of call.parts()) {
          const start = region.boxes[0]?.[0]?.[0]?.[0] ?? 0;
          found.set(start, Buffer.from(bytes).toString());
        }
        const [first = 0] = [...found.keys()].sort((a, b) => a - b);
        const text = [...found]
          .sort(([a], [b]) => a - b)
          .map(([, part]) => part)
          .join('');
        const begin = (from - first) * 3;
        assert.equal(text.slice(begin, begin + (to - from) * 3), all.slice(from * 3, to * 3));
      };
      for (const each of actions) {
        if (each.kind === 'append') {
          if (gone.has(each.writer)) continue;
          const rowsNow = Array.from({ length: each.size * 3 }, () =>
            String.fromCharCode(97 + (next++ % 26)),
          ).join('');
          const writer = writers[each.writer] as Handle;
          const isSlice = each.size > 1;
          const payload = isSlice ? writer.member.slice(rowsNow) : rowsNow;
          assert.equal(writer.append(payload).raw(), all.length / 3);
          all += rowsNow;
          begun.add(each.writer);
        } else if (each.kind === 'read') {
          if (gone.size > 0 || each.size === 0) continue;
          const handle = wanting(reader, rows(each.from, each.from + each.size));
          reads.push({ handle, call: handle.demand(), from: each.from, to: each.from + each.size });
        } else if (each.kind === 'end') {
          const read = reads[each.at];
          if (read === undefined || ended.has(each.at) || read.to * 3 > all.length) continue;
          check(each.at);
          read.handle.dispose().ok();
          ended.add(each.at);
        } else if (begun.has(each.writer) && !gone.has(each.writer)) {
          (writers[each.writer] as Handle).withdraw().ok();
          gone.add(each.writer);
        }
      }
      for (const at of reads.keys()) if (!ended.has(at)) check(at);
      const whole = gone.size === 0 && begun.size > 0 ? reader.declare('log').demand() : null;
      const last = [...begun].find((at) => !gone.has(at));
      if (last === undefined) return;
      (writers[last] as Handle).finish().ok();
      if (whole !== null) {
        assert.deepEqual(whole.delivered().space.shape, [all.length / 3, 3]);
        const parts = texts(whole.parts());
        assert.equal(parts.join(''), all);
      }
      for (const { call, to } of reads) {
        if (to * 3 > all.length) call.fails('bad-region');
      }
    }),
  );
});
