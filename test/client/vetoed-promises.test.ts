import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codeOf, joinApart, servePool } from './support/pools.js';

test('a promise that may not be made, or not be closed, is in nobody’s way', async (t) => {
  const server = await servePool(t);
  await using guard = await joinApart(server, 'guard');
  await using model = await joinApart(server, 'model');
  const events = await guard.subscribe({
    ...{ kinds: ['promise', 'close'], when: 'before', acknowledge: true },
  });
  const isForbidden = new Set(['promise b*', 'close c*']);
  const guarding = events.forEach(async (event) => {
    if (isForbidden.has(`${event.kind} ${event.name}`)) await events.veto(event, 'not now');
    else events.acknowledge(event);
  });
  assert.equal(await codeOf(model.promise('a*', 'b*')), 'vetoed');
  const promise = await model.promise('c*', 'd*');
  assert.equal(await codeOf(promise.close()), 'vetoed');
  await using other = await model.promise('e*', 'f*');
  isForbidden.clear();
  await promise.close();
  await promise.close();
  await other.close();
  const { counts } = (await model.info()) as { counts: { promises: number } };
  assert.equal(counts.promises, 0, 'of the first two neither stands');
  await events.close();
  await guarding;
});
