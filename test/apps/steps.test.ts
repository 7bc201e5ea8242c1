import assert from 'node:assert/strict';
import { test } from 'node:test';
import { belongingOf, Steps } from '../../src/apps/archive/steps.js';
import { AttaccaError } from '../../src/core/errors.js';
import { Float, Timestamp } from '../../src/core/value.js';
import { blobSpace, someBytes } from '../../src/testing/level-cases.js';
import { MemoryLevel } from '../../src/testing/memory-level.js';
import { fc } from '../fast-check.js';

const OF = 3;

async function put(level: MemoryLevel, step: number, rank: number, version: number, run: string) {
  const at = new Timestamp(BigInt(version) * 1_000_000n);
  const attributes = { checkpoint: step, 'checkpoint.of': OF, 'checkpoint.run': run };
  const key = { pool: 'p', name: `r/${rank}`, version };
  const entry = { ...key, space: blobSpace(4), attributes: { ...attributes, 'archive.at': at } };
  await level.put(entry, someBytes(4, version));
  return key;
}

test('whatever is stored in whatever order: the last complete step stays, older ones go', async () => {
  const stored = fc.record({
    step: fc.integer({ min: 0, max: 6 }),
    rank: fc.integer({ min: 0, max: OF - 1 }),
    run: fc.constantFrom('a', 'b'),
  });
  const property = fc.asyncProperty(
    fc.array(stored, { maxLength: 60 }),
    fc.integer({ min: 1, max: 3 }),
    async (all, keep) => {
      const level = new MemoryLevel();
      const steps = await Steps.of(level);
      /** Ranks by step and run, as far as they are to be there. */
      let model = new Map<string, Set<number>>();
      for (const [at, { step, rank, run }] of all.entries()) {
        const key = await put(level, step, rank, at + 1, run);
        const id = `${step} ${run}`;
        const ranks = new Set(model.get(id)).add(rank);
        const isNewly = ranks.size === OF && model.get(id)?.size !== OF;
        model.set(id, ranks);
        const complete = await steps.add(key);
        assert.equal(complete?.step, isNewly ? step : undefined);
        await steps.prune(keep);
        const whole = [...model].filter(([, each]) => each.size === OF);
        const order = whole.map(([each]) => Number.parseInt(each, 10)).sort((a, b) => b - a);
        const oldest = order.slice(0, keep).at(-1) ?? 0;
        model = new Map([...model].filter(([each]) => Number.parseInt(each, 10) >= oldest));
        assert.equal(steps.last?.step, order[0]);
        const kept = [...model].flatMap(([each, of]) => [...of].map((one) => `${each} r/${one}`));
        const found: string[] = [];
        for await (const { name, attributes } of level.list()) {
          found.push(`${attributes['checkpoint']} ${attributes['checkpoint.run']} ${name}`);
        }
        assert.deepEqual(found.sort(), kept.sort());
      }
      const again = await Steps.of(level);
      assert.deepEqual(again.last, steps.last);
      for (const { name, version } of steps.last?.objects ?? []) {
        assert.equal((await steps.find(name))?.version, version);
        assert.equal((await steps.find(`${name}@${steps.last?.step}`))?.version, version);
      }
      assert.equal(await steps.find('none'), null);
      assert.equal(await steps.find('r/0@99'), null);
    },
  );
  await fc.assert(property, { numRuns: 60 });
});

test('what could not be deleted, as the disk was full, goes with the next step', async () => {
  class Full extends MemoryLevel {
    isFull = false;
    override async delete(...args: Parameters<MemoryLevel['delete']>): Promise<boolean> {
      if (this.isFull) throw new AttaccaError('disk-full', 'Cannot delete: full');
      return await super.delete(...args);
    }
  }
  const level = new Full();
  const steps = await Steps.of(level);
  let version = 0;
  const complete = async (step: number): Promise<void> => {
    for (let rank = 0; rank < OF; rank++) {
      await steps.add(await put(level, step, rank, ++version, 'a'));
    }
    await steps.prune(1);
  };
  await complete(0);
  level.isFull = true;
  await assert.rejects(complete(1), { code: 'disk-full' });
  level.isFull = false;
  await complete(2);
  const left: unknown[] = [];
  for await (const { attributes } of level.list()) left.push(attributes['checkpoint']);
  assert.deepEqual(left, [2, 2, 2]);
});

test('of two that are stored of one step and rank the one that was stored later counts', async () => {
  for (const order of [
    [0, 1],
    [1, 0],
  ]) {
    const level = new MemoryLevel();
    const steps = await Steps.of(level);
    // The later one is of another pool, whose versions begin anew.
    const both = [
      { pool: 'a', version: 10, at: 1n },
      { pool: 'b', version: 1, at: 2n },
    ];
    for (const index of order) {
      const { at, ...key } = both[index] as (typeof both)[number];
      const attributes = { checkpoint: 5, 'checkpoint.of': 1, 'archive.at': new Timestamp(at) };
      const entry = { ...key, name: 'r', space: blobSpace(4), attributes };
      await level.put(entry, someBytes(4, key.version));
      await steps.add({ ...key, name: 'r' });
    }
    await steps.prune(1);
    assert.equal((await steps.find('r'))?.pool, 'b');
  }
});

test('what belongs to a step says so in whole numbers', () => {
  const of = (step: Parameters<typeof belongingOf>[0][string], count: typeof step) =>
    belongingOf({ checkpoint: step, 'checkpoint.of': count });
  assert.deepEqual(of(5, 1n), { step: 5, of: 1, run: '' });
  assert.deepEqual(of(new Float(5), 2), { step: 5, of: 2, run: '' });
  for (const [step, count] of [
    [-1, 1],
    [1.5, 1],
    ['5', 1],
    [5, 0],
    [true, 1],
  ] as const) {
    assert.equal(of(step, count), null, `${step} ${count}`);
  }
  assert.equal(belongingOf({ checkpoint: 5 }), null);
});
