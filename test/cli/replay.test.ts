import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attacca, jsonLines } from './command.js';
import { copyOf, keptStory } from './kept-story.js';

/** The record that a request with this outcome is in. */
async function recordOf(data: string, what: string, object: string): Promise<number> {
  const rows = jsonLines((await attacca(['log', data, '--json'])).out);
  const row = rows.find((each) => each['what'] === what && each['object'] === object);
  return Number(row?.['record']);
}

test('the pool is shown as it was at its end, and as it was before', async (t) => {
  const kept = await keptStory(t);
  const end = await attacca(['replay', kept.data]);
  assert.deepEqual([end.code, end.err], [0, '']);
  assert.match(end.out, /^pool +kept \([0-9a-f]+\)\nafter +record \d+, \d+/u);
  assert.match(end.out, /^x +offered +1 +24 B +float32 +2 x 3 +pool +writer$/mu);
  assert.match(end.out, /^wild\\u001b\[31m\\nname +offered/mu);
  assert.match(end.out, /^never +required/mu);
  assert.match(end.out, /^writer +\S+ +\d+ /mu);
  assert.match(end.out, /^writer waits for "never" for /mu);
  const offer = await recordOf(kept.data, 'offer', 'x');
  const [before, after] = await Promise.all([
    attacca(['replay', kept.data, '--until', `${offer - 1}`, '--json']),
    attacca(['replay', kept.data, '--until', `${offer}`, '--json']),
  ]);
  const kinds = (out: string): string[] => jsonLines(out).map(({ kind }) => String(kind));
  // The declaration of x may have come with the record before.
  const offered = jsonLines(before.out).filter(
    ({ kind, state }) => kind === 'object' && state === 'offered',
  );
  assert.deepEqual(offered, []);
  assert.deepEqual(kinds(after.out), ['pool', 'object', 'member', 'waits']);
  const [pool, object] = jsonLines(after.out);
  assert.equal(pool?.['record'], offer);
  assert.deepEqual([object?.['name'], object?.['bytes']], ['x', 24]);
});

test('with names it says of them what stat and explain would have said then', async (t) => {
  const kept = await keptStory(t);
  const text = await attacca(['replay', kept.data, 'x', 'never', 'nobody']);
  assert.equal(text.code, 1);
  assert.match(text.out, /^x\n {2}state +offered\n/u);
  assert.match(text.out, /^"x" is offered: version 1, 24 B, by writer, and the pool keeps it\.$/mu);
  assert.match(text.out, /^"never" is not offered\.\n {2}writer waits for /mu);
  assert.match(text.err, /"nobody".*\(unknown-object\)\n$/u);
  const json = await attacca(['replay', kept.data, '--json', '-'], { input: 'x\nnever\n' });
  const rows = jsonLines(json.out);
  assert.deepEqual(
    rows.map(({ stat, explain }) => [JSON.parse(JSON.stringify(stat)).name, explain !== null]),
    [
      ['x', true],
      ['never', true],
    ],
  );
});

test('a served pool and its journal say the same', async (t) => {
  const kept = await keptStory(t);
  await kept.start();
  const around = { pool: kept.address };
  const [served, replayed] = await Promise.all([
    attacca(['stat', 'x', '--json'], around),
    attacca(['replay', kept.data, 'x', '--json']),
  ]);
  assert.deepEqual(jsonLines(replayed.out)[0]?.['stat'], jsonLines(served.out)[0]);
});

test('what cannot be shown any more, or not yet, is refused with what can', async (t) => {
  const kept = await keptStory(t);
  for (let life = 0; life < 3; life++) {
    await kept.start();
    assert.equal(await kept.stop(), 0);
  }
  const early = await attacca(['replay', kept.data, '--until', '2']);
  assert.deepEqual([early.code, early.out], [1, '']);
  const lowest = /as it was after record (\d+) and later \(bad-argument\)\n$/u.exec(early.err)?.[1];
  assert.ok(lowest !== undefined, early.err);
  const can = await attacca(['replay', kept.data, '--until', lowest, 'x']);
  assert.equal(can.code, 0, can.err);
  assert.equal((await attacca(['replay', kept.data, '--until', `${Number(lowest) - 1}`])).code, 1);
  const late = await attacca(['replay', kept.data, '--until', '1000000']);
  assert.equal(late.code, 1);
  assert.match(late.err, /the last one is \d+ \(bad-argument\)\n$/u);
});

test('a copy is as good as the directory', async (t) => {
  const kept = await keptStory(t);
  const copy = await copyOf(t, kept);
  const [own, copied] = await Promise.all([
    attacca(['replay', kept.data]),
    attacca(['replay', copy]),
  ]);
  assert.equal(copied.out, own.out);
});
