import assert from 'node:assert/strict';
import { join as joinPath } from 'node:path';
import { type TestContext, test } from 'node:test';
import { lastCheckpoint } from '../../src/apps/index.js';
import { join, type Pool } from '../../src/client/index.js';
import { testPool } from '../../src/testing/index.js';
import { KeptPool } from '../server/kept-pool.js';
import { attacca, filesOf, jsonLines, type Running, startAttacca } from './command.js';

async function begin(t: TestContext, address: string, ...args: string[]): Promise<Running> {
  const running = startAttacca(['checkpoint', ...args], { pool: address });
  t.after(() => running.process.kill('SIGKILL'));
  await new Promise<void>((resolve, reject) => {
    let text = '';
    running.process.stderr?.on('data', (piece: string) => {
      text += piece;
      if (/stores to/u.test(text)) resolve();
    });
    running.ended.then(({ err }) => reject(new Error(`it ended, and said: ${err}`)), reject);
  });
  return running;
}

const RANKS = 3;

/** What the ranks hold at a step: one is the same in all of them. */
function valuesOf(step: number, rank: number): Float64Array {
  return new Float64Array(100).fill(rank === 0 ? 7 : step * 10 + rank);
}

/** Offers some ranks of a step, and forgets them. */
async function save(pool: Pool, step: number, ranks = RANKS, run?: string): Promise<void> {
  const attributes = { checkpoint: step, 'checkpoint.of': RANKS };
  for (let rank = 0; rank < ranks; rank++) {
    const part = pool.object(`restart/${rank}`, {
      attributes: run === undefined ? attributes : { ...attributes, 'checkpoint.run': run },
      space: { dtype: 'float64', shape: [100] },
    });
    part.array.set(valuesOf(step, rank));
    await part.handOver({ timeoutMs: 60_000 });
  }
}

/** The step that all ranks have; `@STEP`: they ask for it. */
async function restore(pool: Pool, at = ''): Promise<number> {
  const steps = new Set<unknown>();
  for (let rank = 0; rank < RANKS; rank++) {
    await using part = await pool.object(`restart/${rank}${at}`).demand({ timeoutMs: 60_000 });
    const step = Number(part.attributes['checkpoint']);
    assert.deepEqual([...part.array], [...valuesOf(step, rank)]);
    steps.add(step);
  }
  assert.equal(steps.size, 1);
  return Number([...steps][0]);
}

async function stepsIn(directory: string): Promise<unknown[]> {
  const { out } = await attacca(['ls', '--store', directory, '--json']);
  const steps = jsonLines(out).map(({ attributes }) => attributes as { checkpoint: number });
  return steps.map(({ checkpoint }) => checkpoint).sort((one, other) => one - other);
}

test('the last complete steps stay, and the last one is what is required, never half of one', async (t) => {
  await using pool = await testPool();
  const store = joinPath(await filesOf(t), 'restart');
  await using member = await join({ address: pool.address, member: 'model' });
  await using events = await member.subscribe({ kinds: 'checkpoint.complete' });
  const running = await begin(t, pool.address, '--to', store, '--keep', '2', '--json');
  const none = await attacca(['checkpoint', '--last', '--from', store]);
  assert.deepEqual([none.code, none.out], [1, 'null\n']);
  for (const step of [0, 5, 10, 15]) {
    await save(member, step);
    const told = await events.wait();
    assert.deepEqual({ ...told?.attributes }, { step, objects: RANKS, bytes: 2_400 });
  }
  await save(member, 20, RANKS - 1);
  assert.equal(await restore(member), 15);
  assert.equal(await restore(member, '@10'), 10);
  // Another run of that step does not complete it.
  await save(member, 20, 1, 'other');
  await member.put('alone', new Uint8Array(3), { attributes: { checkpoint: 5 } });
  await running.said(/has checkpoint = 5 and has no checkpoint\.of/u);
  running.process.kill('SIGTERM');
  const { signal, out } = await running.ended;
  assert.equal(signal, 'SIGTERM');
  const refused = (await member.stat('alone'))['tags'];
  assert.deepEqual(refused, {}, 'no tag says of it that it is stored');
  const told = jsonLines(out);
  const { steps, last, failed, lent } = told.at(-1) ?? {};
  assert.deepEqual([steps, last, failed, lent], [4, 15, 1, 2 * RANKS]);
  assert.deepEqual(await stepsIn(store), [10, 10, 10, 15, 15, 15, 20, 20, 20]);
  const asked = await attacca(['checkpoint', '--last', '--from', store]);
  const [line] = jsonLines(asked.out);
  const objects = line?.['objects'] as { name: string; bytes: number }[];
  assert.deepEqual([asked.code, line?.['step'], line?.['bytes']], [0, 15, 2_400]);
  assert.deepEqual(
    objects.map(({ name, bytes }) => [name, bytes]),
    [0, 1, 2].map((rank) => [`restart/${rank}`, 800]),
  );
  assert.equal((await attacca(['fsck', store])).code, 0);
});

test('kill -9 of pool, checkpoint and simulation: it goes on from a whole step', async (t) => {
  const kept = await KeptPool.make(t);
  await kept.start();
  const store = joinPath(await filesOf(t), 'restart');
  const line = ['--to', store, '--as', 'c', '--json'];
  let least = 0;
  for (let life = 1; life <= 3; life++) {
    const model = await join({ address: kept.address, member: 'model' });
    const running = await begin(t, kept.address, ...line);
    // What was on its way may complete another step at any moment.
    const known = await lastCheckpoint(store);
    const from = known === null ? 0 : await restore(model, `@${known.step}`);
    assert.ok(from >= least, `${from} is older than ${least}, which was complete`);
    const events = await model.subscribe({ kinds: 'checkpoint.complete' });
    for (let step = from + 1; step <= from + 4; step++) {
      await save(model, step);
      // It may be complete already: what was on its way when all died.
      const isComplete = async (): Promise<boolean> =>
        ((await lastCheckpoint(store))?.step ?? -1) >= step;
      while (!(await isComplete())) await events.wait({ timeoutMs: 1_000 });
      least = step;
    }
    // It dies in the middle of a step: some of it is stored, or is on its way.
    const dying = save(model, least + 1).catch(() => {});
    if (life !== 2) await save(model, least + 2, 1).catch(() => {});
    running.process.kill('SIGKILL');
    if (life === 2) await kept.restart();
    await running.ended;
    await model.leave({ timeoutMs: 1_000 }).catch(() => {});
    await Promise.race([dying, model.close().catch(() => {})]);
    const last = await lastCheckpoint(store);
    assert.ok((last?.step ?? -1) >= least, `${last?.step} was complete`);
    assert.deepEqual(
      last?.objects.map(({ name }) => name),
      [0, 1, 2].map((rank) => `restart/${rank}`),
    );
  }
  assert.equal((await attacca(['fsck', store])).code, 0);
});

test('what cannot be asked for says why', async () => {
  for (const [line, said] of [
    [['checkpoint'], /it needs "--to DIR"/u],
    [['checkpoint', '--last'], /--last needs "--from DIR"/u],
    [['checkpoint', '--to', 'x', '--keep', '0'], /"--keep" needs a whole number/u],
  ] as const) {
    const result = await attacca([...line]);
    assert.equal(result.code, 2, line.join(' '));
    assert.match(result.err, said);
  }
});
