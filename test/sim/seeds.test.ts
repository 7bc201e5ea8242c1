import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { run } from '../../src/sim/world.js';
import { ROOT } from '../tidy/sources.js';
import { LENT } from './lent.js';
import { mustHold } from './must-hold.js';

const TICKS = 2_000;

test('a seed decides all that happens', async () => {
  // Stories that last: of one that ends before its time fewer ticks would be the same.
  for (const seed of [1, 3, 4]) {
    const first = await run(seed, { lent: LENT, ticks: TICKS });
    const second = await run(seed, { lent: LENT, ticks: TICKS, traces: true });
    assert.equal(first.digest, second.digest);
    assert.deepEqual(first.counts, second.counts);
    assert.ok(second.lines.length > 0 && first.lines.length === 0);
    // Once is enough to see that another is another.
    if (seed !== 1) continue;
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
