import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Harness } from './harness.js';

test('a pattern that takes too long on a value is refused, one by one and together', () => {
  const pool = new Harness({ checked: false });
  const member = pool.member('model[0]');
  let seed = 1;
  const random = (): string => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return (seed >>> 16) % 2 === 0 ? 'a' : 'b';
  };
  for (let number = 0; number < 4; number++) {
    const s = Array.from({ length: 60_000 }, random).join('');
    member.offer(`o${number}`, 'x', { keep: true, attributes: { s, number } });
  }
  const isRefused = (selector: string): void => void member.count(selector).fails('bad-selector');
  isRefused('s =~ "a[ab]{1000}c"');
  isRefused('number = 1 and s =~ "a[ab]{1000}c"');
  isRefused('number = 1 and not (has x or s =~ "a[ab]{1000}c")');
  isRefused(`s infix "${'ab'.repeat(10_000)}c" or s =~ "a[ab]{2000}"`);
  member.endSelected('s =~ "a[ab]{1000}c"', 'delete').fails('bad-selector');
  // Others are answered, and it is asked of no object that is not left.
  const none = { count: 0, next: null };
  assert.deepEqual(member.count('s =~ "b{500}c"').value(), none);
  assert.deepEqual(member.count('number = 7 and s =~ "a[ab]{1000}c"').value(), none);
  assert.deepEqual(member.count('s =~ "^[ab]+$" and s infix "aab"').value(), {
    count: 4,
    next: null,
  });
});

test('a scan that takes too long goes on row by row, in parts, and so does what ends', () => {
  const pool = new Harness({ checked: false });
  const member = pool.member('model[0]');
  const count = 3_000;
  const textOf = (number: number): string => `text-${(number * 7_919) % 10_007}-${number % 7}`;
  pool.batch(() => {
    for (let number = 0; number < count; number++) {
      const attributes = { s: textOf(number), number };
      member.declare(`o${number}`, { attributes }).offer('x', { keep: true });
    }
  });
  const alternatives = Array.from({ length: 300 }, (_, at) => `t.*${at}b`).concat('[37]-6$');
  const model = new RegExp(alternatives.join('|'));
  let counted = 0;
  let parts = 0;
  for (let after: string | null = ''; after !== null; parts++) {
    const part = member.count(`s =~ "${alternatives.join('|')}"`, after).value();
    counted += part['count'] as number;
    after = part['next'] as string | null;
  }
  const expected = Array.from({ length: count }, (_, at) => textOf(at)).filter((s) =>
    model.test(s),
  );
  assert.equal(counted, expected.length);
  assert.ok(parts > 3, `${parts} parts`);
  const ended = member.endSelected('has number', 'delete').value();
  assert.equal(ended['changed'], 2_048);
  assert.notEqual(ended['next'], null);
  assert.equal(member.endSelected('has number', 'delete').value()['changed'], count - 2_048);
});
