import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type KeptAlive, keepAlive } from '../../src/apps/index.js';
import { join, type ObjectVersion } from '../../src/client/index.js';
import { testPool } from '../../src/testing/index.js';

test('what is kept alive outlives its provider, until the other object is offered', async () => {
  await using pool = await testPool();
  await using keeper = await join({ address: pool.address, member: 'keeper' });
  await using looker = await join({ address: pool.address, member: 'looker' });
  const provider = await join({ address: pool.address, member: 'provider' });
  const field = provider.object('restart/12', { space: { dtype: 'float64', shape: [4] } });
  field.array.fill(7);
  await field.offer();
  let keeping: ReturnType<typeof keepAlive> | null = null;
  const isHeld = new Promise<string>((resolve) => {
    const onHeld = (held: ObjectVersion): void => resolve(`${held.name} ${held.version}`);
    keeping = keepAlive(keeper, 'restart/12', { until: 'restart/13', onHeld });
  });
  assert.equal(await isHeld, 'restart/12 1');
  assert.deepEqual(await provider.leave(), ['restart/12']);
  const kept = await looker.stat('restart/12');
  assert.deepEqual([kept['name'], kept['requires']], ['restart/12', 1]);
  await looker.put('restart/13', new Float64Array(1));
  assert.ok(keeping !== null);
  const ended: KeptAlive = await keeping;
  assert.deepEqual(
    ended.held.map(({ name, version }) => [name, version]),
    [['restart/12', 1]],
  );
  assert.equal(ended.until.name, 'restart/13');
  await assert.rejects(looker.stat('restart/12'), { code: 'unknown-object' });
});

test('nobody will offer what would end it: that is told, and nothing is kept any more', async () => {
  await using pool = await testPool();
  await using keeper = await join({ address: pool.address, member: 'keeper' });
  await using model = await join({ address: pool.address, member: 'model' });
  await model.put('restart/12', new Float64Array(1));
  const promise = await model.promise('restart/*');
  const keeping = keepAlive(keeper, ['restart/12'], { until: 'restart/13' });
  const failing = assert.rejects(keeping, (error: Error & { code?: string }) => {
    assert.equal(error.code, 'nobody-will-offer');
    assert.match(error.message, /"restart\/13".*model/u);
    return true;
  });
  await promise.close();
  await failing;
  assert.equal((await model.stat('restart/12'))['requires'], 0);
});

test('it ends at its deadline, by its signal, and when what it keeps is deleted', async () => {
  await using pool = await testPool();
  await using keeper = await join({ address: pool.address, member: 'keeper' });
  await keeper.put('x', new Float64Array(1));
  await assert.rejects(keepAlive(keeper, 'x', { until: 'y', timeoutMs: 1 }), {
    code: 'deadline-passed',
  });
  const signal = AbortSignal.abort(new Error('enough'));
  await assert.rejects(keepAlive(keeper, 'x', { until: 'y', signal }), { code: 'aborted' });
  await assert.rejects(keepAlive(keeper, [], { until: 'y' }), { code: 'bad-argument' });
  assert.equal((await keeper.stat('x'))['requires'], 0);
  const isHeld = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const keeping = keepAlive(keeper, 'x', { until: 'y', onHeld: () => resolve() });
      deleted = assert.rejects(keeping, { code: 'object-deleted' });
      keeping.catch(reject);
    });
  let deleted: Promise<void> | null = null;
  await isHeld();
  await keeper.delete('x', { force: true });
  await deleted;
});
