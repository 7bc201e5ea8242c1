import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { FAULTS, MANAGER_FAULTS } from '../../src/sim/weather.js';
import { OPERATIONS } from '../../src/sim/workload.js';
import { run } from '../../src/sim/world.js';
import { ROOT } from '../tidy/sources.js';
import { LENT } from './lent.js';
import { mustHold } from './must-hold.js';

const TICKS = 2_000;
/** One seed when a failure is looked into, else as many as are asked for. */
const SEED = Number(process.env['ATTACCA_SEED'] ?? 0);
const COUNT = Number(process.env['ATTACCA_SEEDS'] ?? 90);
const SEEDS = SEED > 0 ? [SEED] : Array.from({ length: COUNT }, (_, index) => index + 1);

test('all promises hold, whatever the weather; every operation and every fault has happened', async () => {
  const counts = new Map<string, number>();
  for (const seed of SEEDS) {
    const result = await run(seed, { lent: LENT, ticks: TICKS });
    mustHold(result, TICKS);
    for (const [what, count] of result.counts) counts.set(what, (counts.get(what) ?? 0) + count);
  }
  if (SEEDS.length === 1) return;
  const answers = ['ok', 'welcome', 'bye', 'deliver', 'grant', 'value', 'cancelled'];
  const ends = ['deadline-passed', 'memory-full', 'nobody-will-offer', 'object-deleted'];
  const asked = ['bad-selector', 'bad-argument'];
  const agent = ['slab-wanted', 'slab-gone', 'adopt', 'freed', 'name-contested', 'file-error'];
  const sessions = ['opened', 'resumed', 'session-ended', 'given up'];
  const all = [
    ...Object.keys(OPERATIONS),
    ...['append', 'finish'],
    ...FAULTS,
    ...MANAGER_FAULTS,
    ...answers,
    ...ends,
    ...asked,
    ...agent,
    ...sessions,
    ...['recovery failed', 'unsynced lost', 'torn', 'kept unheard', 'journal-full'],
    ...['data written', 'data read', 'data cut'],
  ];
  for (const what of all) assert.ok((counts.get(what) ?? 0) > 0, `"${what}" has happened`);
});

test('a seed decides all that happens', async () => {
  // Stories that last: of one that ends before its time fewer ticks would be the same.
  for (const seed of [1, 3, 4]) {
    const first = await run(seed, { lent: LENT, ticks: TICKS });
    const second = await run(seed, { lent: LENT, ticks: TICKS, traces: true });
    assert.equal(first.digest, second.digest);
    assert.deepEqual(first.counts, second.counts);
    assert.ok(second.lines.length > 0 && first.lines.length === 0);
    assert.notEqual(first.digest, (await run(seed + 100, { lent: LENT, ticks: TICKS })).digest);
    assert.notEqual(first.digest, (await run(seed, { lent: LENT, ticks: TICKS - 100 })).digest);
  }
});

interface Known {
  readonly seed: number;
  readonly ticks: number;
  readonly why: string;
  /** What must happen in it: else it shows nothing any more. */
  readonly reaches: readonly string[];
}

const CORPUS: readonly Known[] = JSON.parse(
  readFileSync(join(ROOT, 'test/sim/corpus.json'), 'utf8'),
);

for (const { seed, ticks, why, reaches } of CORPUS) {
  test(`seed ${seed}: ${why}`, async () => {
    const result = await run(seed, { lent: LENT, ticks });
    mustHold(result, ticks);
    assert.ok(reaches.length > 0);
    for (const what of reaches) {
      const words = `"${what}" does not happen any more: see docs/internals/simulation.md`;
      assert.ok((result.counts.get(what) ?? 0) > 0, words);
    }
  });
}
