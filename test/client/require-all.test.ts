import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type AttaccaError, join, type Pool } from '../../src/client/index.js';
import { KeptPool } from '../server/kept-pool.js';
import { codeOf, errorOf, joinApart, ramp, servePool, TRANSPORTS } from './support/pools.js';
import { Program } from './support/process.js';

const SPACE = { dtype: 'float32', shape: [1_000] } as const;

/** Offers a field, withdraws it, and forgets it. */
async function pass(pool: Pool, name: string, step: number): Promise<void> {
  const field = pool.object(name, { attributes: { step }, space: SPACE });
  field.array.fill(step);
  await field.offer();
  await field.withdraw();
}

async function versions(pool: Pool): Promise<number> {
  const { counts } = await pool.info();
  return (counts as { readonly versions: number }).versions;
}

for (const transport of TRANSPORTS) {
  describe(`all that matches, over ${transport}`, () => {
    test('past and future, though its producer withdraws it and leaves', async (t) => {
      const server = await servePool(t);
      await using reader = await joinApart(server, 'reader', { transport });
      const model = await joinApart(server, 'model', { transport });
      const promise = await model.promise('*');
      await model.put('old', ramp(1_000), { attributes: { step: 100 } });
      await model.put('other', ramp(3));
      await using fields = await reader.requireAll('has step', { ahead: 3, until: 'complete' });
      for (let step = 0; step < 20; step++) await pass(model, `f/${step}`, step);
      await promise.close();
      await model.leave();
      const seen: (readonly [string, number])[] = [];
      for await (const field of fields) {
        assert.ok(fields.waiting <= 3);
        seen.push([field.name, Number(field.array[999])]);
      }
      const expected = Array.from({ length: 20 }, (_, step) => [`f/${step}`, step] as const);
      assert.deepEqual(seen, [['old', 999], ...expected]);
      assert.equal(await versions(reader), 2);
    });

    test('as it should lie: a region, a type, what was encoded, what comes in parts', async (t) => {
      const server = await servePool(t);
      await using reader = await joinApart(server, 'reader', { transport });
      await using model = await joinApart(server, 'model', { transport });
      await using all = await reader.requireAll<'float64'>('has step', {
        ...{ region: [[2, 4]], dtype: 'float64', own: true },
      });
      const attributes = { step: 1 };
      await model.put('plain', ramp(10), { attributes });
      const encoding = [{ kind: 'shuffle', itemSize: 4 }] as const;
      await model.put('encoded', ramp(10), { attributes, encoding });
      const space = { dtype: 'float32', shape: [10] } as const;
      const parted = model.object('parted', { attributes, space });
      const late = parted.region([[3, 10]]);
      late.array.set(ramp(7, 3));
      await late.offer();
      await model.put('wrong', ramp(1), { attributes });
      const got: (readonly [string, number[]])[] = [];
      for (let count = 0; count < 2; count++) {
        const next = await all.next();
        assert.ok(next !== null);
        next.array[0] = 7;
        got.push([next.name, [...next.array]]);
      }
      assert.deepEqual(got, [
        ['plain', [7, 3]],
        ['encoded', [7, 3]],
      ]);
      assert.equal(await codeOf(all.next()), 'bad-region');
      const rest = parted.region([[0, 3]]);
      rest.array.set(ramp(3));
      await rest.offer();
      const next = await all.next();
      assert.deepEqual([next?.name, ...(next?.array ?? [])], ['parted', 2, 3]);
    });
  });
}

test('what cannot be had is thrown with its name, or told, and the loop goes on', async (t) => {
  const server = await servePool(t);
  await using reader = await joinApart(server, 'reader');
  await using model = await joinApart(server, 'model');
  const ended = async (name: string): Promise<void> => {
    const object = model.object(name, { attributes: { step: 1 }, space: SPACE });
    const part = object.region([[0, 10]]);
    part.array.fill(1);
    await part.offer();
    await object.withdraw();
  };
  await using all = await reader.requireAll('has step', { ahead: 1 });
  await model.put('deleted', ramp(1), { attributes: { step: 1 } });
  await ended('half');
  await model.put('gone', ramp(1), { attributes: { step: 1 } });
  await model.put('there', ramp(1), { attributes: { step: 1 } });
  assert.equal(await codeOf(model.delete('gone')), 'object-required');
  await model.delete('gone', { force: true });
  assert.equal((await all.next())?.name, 'deleted');
  const half = (await errorOf(all.next())) as AttaccaError;
  assert.deepEqual([half.code, half.fields['name']], ['parts-missing', 'half']);
  assert.equal(await codeOf(all.next()), 'object-deleted');
  assert.equal((await all.next())?.name, 'there');
  await all.close();

  const failures: string[] = [];
  const names: string[] = [];
  const onFailure = (error: AttaccaError, name: string) => failures.push(`${error.code} ${name}`);
  const options = { onFailure, from: 'now', ahead: 1 } as const;
  await using more = await reader.requireAll('step = 3', options);
  for (const name of ['x', 'z', 'y']) await model.put(name, ramp(1), { attributes: { step: 3 } });
  await model.delete('z', { force: true });
  for await (const { name } of more) {
    names.push(name);
    if (name === 'y') break;
  }
  assert.deepEqual([names, failures], [['x', 'y'], ['object-deleted z']]);
});

test('leaving the loop leaves what was taken last to the group, unless it was disposed', async (t) => {
  const server = await servePool(t);
  await using model = await joinApart(server, 'model');
  await using reader = await joinApart(server, 'reader');
  const asked = { group: 'work', ahead: 2 } as const;
  const first = await reader.requireAll('has step', asked);
  for (let step = 0; step < 6; step++) await pass(model, `f/${step}`, step);
  const names: string[] = [];
  for await (const { name } of first) if (names.push(name) === 2) break;
  const { events } = await model.info();
  assert.equal((events as { readonly pinned: number }).pinned, 5);
  for await (const field of reader.demandAll('has step', asked)) {
    names.push(field.name);
    await field.dispose();
    if (field.name === 'f/5') break;
  }
  assert.deepEqual(names, ['f/0', 'f/1', 'f/1', 'f/2', 'f/3', 'f/4', 'f/5']);
  const last = await reader.requireAll('has step', asked);
  assert.equal(last.waiting, 0);
  await last.close({ forget: true });
  assert.equal(await versions(model), 0);
});

test('with acknowledge several are in hand, and what is disposed after the close is not done', async (t) => {
  const server = await servePool(t);
  await using model = await joinApart(server, 'model');
  await using reader = await joinApart(server, 'reader');
  const asked = { group: 'g', acknowledge: true, ahead: 3 } as const;
  const fields = await reader.requireAll('has step', asked);
  for (let step = 0; step < 3; step++) await pass(model, `f/${step}`, step);
  const [zero, one, two] = [await fields.next(), await fields.next(), await fields.next()];
  assert.deepEqual(
    [zero, one, two].map((field) => Number(field?.array[9])),
    [0, 1, 2],
  );
  await one?.dispose();
  await fields.close();
  for (const field of [zero, two]) await field?.dispose();
  await using again = await reader.requireAll('has step', asked);
  assert.deepEqual([(await again.next())?.name, (await again.next())?.name], ['f/0', 'f/2']);
});

test('a wait ends by its signal, with close and with the member; nothing is kept then', async (t) => {
  const server = await servePool(t);
  await using model = await joinApart(server, 'model');
  const reader = await joinApart(server, 'reader');
  const controller = new AbortController();
  const all = await reader.requireAll('has step', { signal: controller.signal });
  const waiting = all.next();
  controller.abort();
  assert.equal(await codeOf(waiting), 'aborted');
  await all.close();
  const other = await reader.requireAll('has step');
  const next = other.next();
  await pass(model, 'f/0', 0);
  const field = await next;
  assert.equal(field?.name, 'f/0');
  const closed = other.next();
  await other.close();
  assert.equal(await closed, null);
  const left = await reader.requireAll('has step');
  const last = left.next();
  await reader.leave();
  assert.equal(await last, null);
  assert.equal(await versions(model), 0);
  await assert.rejects(model.requireAll('x = 1', { ahead: 0 }), RangeError);
  assert.equal(await codeOf(model.requireAll('x = ')), 'bad-selector');
});

test('a worker that is killed in the middle of one leaves it to the others', async (t) => {
  const server = await servePool(t);
  await using model = await joinApart(server, 'model');
  const promise = await model.promise('never');
  const dying = new Program(t, 'worker', server.address, 'worker[0]', 'f/0');
  await dying.line('requires');
  const passer = new Program(t, 'passer', server.address, '30');
  await dying.line('took f/0');
  await passer.line('gone');
  const workers = ['worker[1]', 'worker[2]'].map(
    (name) => new Program(t, 'worker', server.address, name),
  );
  for (const worker of workers) await worker.line('requires');
  dying.kill('SIGKILL');
  await promise.close();
  for (const worker of workers) await worker.line('complete');
  const took = workers.flatMap(({ lines }) => lines.filter((line) => line.startsWith('took')));
  const expected = Array.from({ length: 30 }, (_, step) => `took f/${step} ${step * 10_000}`);
  assert.deepEqual([...took].sort(), expected.sort());
  for (const worker of workers) assert.equal(await worker.exit(), 0);
  // Who comes too late has nothing left to do.
  const late = new Program(t, 'worker', server.address, 'worker[3]');
  assert.equal(await late.exit(), 0);
  assert.deepEqual(late.lines, ['requires', 'complete']);
  assert.equal(await versions(model), 0);
});

test('over a restart of the pool each comes once, also what was withdrawn before', async (t) => {
  const kept = await KeptPool.make(t);
  await kept.start();
  const reader = await join({ address: kept.address, member: 'r', reconnectMs: 20_001 });
  const model = await join({ address: kept.address, member: 'm', reconnectMs: 20_002 });
  const all = await reader.requireAll('has step', { ahead: 4 });
  for (let step = 0; step < 40; step++) {
    if (step === 20) await kept.restart();
    await pass(model, `f/${step}`, step);
  }
  const seen: number[] = [];
  for await (const field of all) {
    assert.equal(field.array[0], field.attributes['step']);
    if (seen.push(Number(field.attributes['step'])) === 20) await kept.restart();
    if (seen.length === 40) break;
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 40 }, (_, step) => step),
  );
  await reader.leave();
  await model.leave();
});
