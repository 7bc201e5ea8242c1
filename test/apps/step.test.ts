import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type StepOutcome, step } from '../../src/apps/index.js';
import { AttaccaError, join } from '../../src/client/index.js';
import { testPool } from '../../src/testing/index.js';

test('a veto that comes too late ends nothing: somebody else has decided', async () => {
  await using pool = await testPool();
  await using late = await join({ address: pool.address, member: 'late' });
  await using model = await join({ address: pool.address, member: 'model' });
  await using guard = await join({ address: pool.address, member: 'guard' });
  const stop = new AbortController();
  const outcomes: StepOutcome[] = [];
  let shown = (): void => {};
  const isShown = new Promise<void>((resolve) => {
    shown = resolve;
  });
  let decide = (): void => {};
  const isDecided = new Promise<void>((resolve) => {
    decide = resolve;
  });
  const stepping = step(late, {
    ...{ kinds: 'offer', signal: stop.signal },
    decide: async () => {
      shown();
      await isDecided;
      return { veto: 'too late' };
    },
    onDecided: (_, outcome) => {
      outcomes.push(outcome);
      stop.abort();
    },
  });
  await using contract = await guard.subscribe({
    ...{ kinds: 'offer', when: 'before', acknowledge: true },
  });
  const put = model.put('x', new Float64Array(1)).then(
    () => 'let in',
    (error: unknown) => (error instanceof AttaccaError ? error.fields['by'] : String(error)),
  );
  await isShown;
  const event = await contract.wait();
  assert.ok(event !== null);
  await contract.veto(event, 'no');
  assert.equal(await put, 'guard');
  decide();
  const { vetoed, cancelled } = await stepping;
  assert.deepEqual([outcomes, vetoed, cancelled], [['cancelled'], 0, 1]);
});

test('what is held at the end goes on, and is counted', async () => {
  await using pool = await testPool();
  await using stepper = await join({ address: pool.address, member: 'stepper' });
  await using model = await join({ address: pool.address, member: 'model' });
  let ready = (): void => {};
  const isReady = new Promise<void>((resolve) => {
    ready = resolve;
  });
  const decide = async (): Promise<'quit'> => 'quit';
  const stepping = step(stepper, { kinds: 'offer', decide, onReady: () => ready() });
  await isReady;
  await model.put('x', new Float64Array(1));
  assert.deepEqual(await stepping, { goneOn: 1, vetoed: 0, cancelled: 0 });
});
