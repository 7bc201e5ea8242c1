// Data contracts: no value that is none gets in, however it comes.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join as joinPath } from 'node:path';
import { describe, test } from 'node:test';
import {
  AttaccaError,
  join,
  type Pool,
  type PoolEvent,
  type Subscription,
  type TransformSpec,
} from '../../src/client/index.js';
import { npyHeader } from '../../src/formats/npy/header.js';
import { attacca, filesOf } from '../cli/command.js';
import { errorOf, joinApart, ramp, servePool, TRANSPORTS } from './support/pools.js';

const guarding = (guard: Pool): Promise<Subscription> =>
  guard.subscribe({
    ...{ kinds: 'offer', when: 'before', acknowledge: true, silence: 'deny' },
    select: 'stats.nan > 0',
  });

/** Vetoes what is told next; returns it. */
async function vetoNext(contract: Subscription): Promise<PoolEvent> {
  const event = await contract.wait({ timeoutMs: 10_000 });
  assert.ok(event !== null);
  assert.equal(await contract.veto(event, `${event.attributes['stats.nan']} is NaN`), true);
  return event;
}

async function mustBeVetoed(offer: Promise<unknown>, why: RegExp): Promise<void> {
  const error = await errorOf(offer);
  assert.ok(error instanceof AttaccaError);
  assert.deepEqual([error.code, why.test(error.message)], ['vetoed', true], error.message);
}

const withNaN = (length: number): Float32Array => {
  const values = ramp(length);
  values[length >> 1] = Number.NaN;
  return values;
};

const ZSTD: readonly TransformSpec[] = [
  { kind: 'shuffle', itemSize: 4 },
  { kind: 'compress', codec: 'zstd' },
];

for (const transport of TRANSPORTS) {
  describe(`contracts over ${transport}`, () => {
    test('a group with NaN in one of it is refused whole, and goes in when that is mended', async (t) => {
      const server = await servePool(t);
      await using guard = await joinApart(server, 'guard', { transport });
      await using model = await joinApart(server, 'model', { transport });
      await using contract = await guarding(guard);
      await using step = model.group('step/6');
      step.add('t', ramp(100_000));
      step.add('small', Float32Array.of(1, 2));
      const field = step.object('u', { space: { dtype: 'float32', shape: [100_000] } });
      const values = field.array as Float32Array;
      values.set(withNaN(100_000));
      const refused = mustBeVetoed(step.offer(), /guard has vetoed "u": 1 is NaN/u);
      const event = await vetoNext(contract);
      assert.deepEqual([event.name, event.attributes['stats.count']], ['u', 99_999]);
      await refused;
      assert.equal((await model.stat('t'))['state'], 'declared');
      values.set(ramp(100_000));
      await step.offer();
      assert.equal((await guard.stat('u'))['state'], 'offered');
      assert.equal(contract.poll(), null);
    });

    test('what is encoded is decoded and measured', async (t) => {
      const server = await servePool(t);
      await using guard = await joinApart(server, 'guard', { transport });
      await using model = await joinApart(server, 'model', { transport });
      await using contract = await guarding(guard);
      for (const length of [10, 100_000]) {
        await model.put(`good ${length}`, ramp(length), { encoding: ZSTD });
        const offer = model.put(`bad ${length}`, withNaN(length), { encoding: ZSTD });
        const refused = mustBeVetoed(offer, /has vetoed "bad \d+": 1 is NaN/u);
        const { attributes } = await vetoNext(contract);
        assert.equal(attributes['stats.count'], length - 1);
        await refused;
      }
    });

    test('what cannot be measured is refused, and a contract may say that it is not', async (t) => {
      const server = await servePool(t);
      await using guard = await joinApart(server, 'guard', { transport });
      await using model = await joinApart(server, 'model', { transport });
      const contract = await guarding(guard);
      const complex = { space: { dtype: 'complex64' } } as const;
      const why =
        /guard asks for the statistics of "z", and it cannot be measured: it is complex64/u;
      await mustBeVetoed(model.put('z', new Float32Array(2), complex), why);
      await model.put('text', Buffer.from('no numbers'), { space: { dtype: 'string[10]' } });
      await contract.close();
      await using lenient = await guard.subscribe({
        ...{ kinds: 'offer', when: 'before', acknowledge: true, silence: 'deny' },
        select: 'has stats.nan and stats.nan > 0',
      });
      await model.put('z', new Float32Array(2), complex);
      assert.equal(lenient.poll(), null);
    });
  });
}

test('a shell puts files as a group: one has NaN, and none is there', async (t) => {
  const server = await servePool(t);
  await using guard = await join({ address: server.address, member: 'guard' });
  await using contract = await guarding(guard);
  const directory = await filesOf(t);
  for (const [name, values] of [
    ['t', ramp(30_000)],
    ['u', withNaN(30_000)],
    ['small', ramp(3)],
  ] as const) {
    const space = { dtype: 'float32', shape: [values.length], order: 'row', byteOrder: 'little' };
    const header = npyHeader(space as Parameters<typeof npyHeader>[0]);
    const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
    await writeFile(joinPath(directory, `${name}.npy`), Buffer.concat([header, bytes]));
  }
  const around = { pool: server.address, directory };
  const line = ['put', '--group', 'step/6', 't=t.npy', 'u=u.npy', 'small=small.npy'];
  const putting = attacca(line, around);
  assert.equal((await vetoNext(contract)).name, 'u');
  const { code, err } = await putting;
  assert.equal(code, 1);
  assert.match(err, /guard has vetoed "u": 1 is NaN/u);
  for (const name of ['t', 'u', 'small', 'step/6']) {
    assert.equal((await attacca(['stat', name], around)).code, 1, name);
  }
  const good = await attacca(['put', '--group', 'step/6', 't=t.npy', 'small=small.npy'], around);
  assert.deepEqual([good.code, good.err], [0, '']);
});
