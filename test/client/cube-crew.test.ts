import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Crew } from '../../src/client/crew.js';

/** Works that end when they are told to. */
function works(count: number): { readonly work: Promise<void>; readonly end: () => void }[] {
  return Array.from({ length: count }, () => {
    let end = (): void => {};
    const work = new Promise<void>((resolve) => {
      end = resolve;
    });
    return { work, end: () => end() };
  });
}

test('so many go on at once, and no more', async () => {
  const all = works(9);
  const crew = new Crew(3);
  let under = 0;
  let most = 0;
  const adding = (async () => {
    for (const { work } of all) {
      most = Math.max(most, ++under);
      await crew.add(work.finally(() => under--));
    }
  })();
  for (const { end } of all) {
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(under <= 3, `${under} at once`);
    end();
  }
  await adding;
  await crew.done();
  assert.deepEqual([under, most], [0, 3]);
});

test('the first failure ends it, when all others have ended', async () => {
  const [one, other] = works(2) as [ReturnType<typeof works>[0], ReturnType<typeof works>[0]];
  const crew = new Crew(9);
  await crew.add(one.work);
  await crew.add(Promise.reject(new Error('first')));
  await new Promise((resolve) => setImmediate(resolve));
  await assert.rejects(crew.add(other.work), { message: 'first' });
  await assert.rejects(crew.add(Promise.reject(new Error('second'))), { message: 'first' });
  let hasEnded = false;
  const ending = crew.ended().then(() => {
    hasEnded = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(hasEnded, false);
  one.end();
  other.end();
  await ending;
  await assert.rejects(crew.done(), { message: 'first' });
});
