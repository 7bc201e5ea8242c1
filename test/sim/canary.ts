import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Canary } from '../../src/sim/canaries.js';
import type { Failure } from '../../src/sim/result.js';
import { run } from '../../src/sim/world.js';
import { LENT } from './lent.js';

const TICKS = 2_000;
const SEEDS_MAX = 100;

/** A test for each: its bug is found within so many seeds. */
export function testCanaries(canaries: { readonly [name: string]: Canary }): void {
  for (const [name, { breaks, first = 1, ...planted }] of Object.entries(canaries)) {
    const title = `canary for "${breaks}": ${name}: found within ${SEEDS_MAX} seeds`;
    test(title, async (context) => {
      // Found by the checker it is for: a seed in which another one sees it first shows nothing.
      const others: string[] = [];
      let found: Failure | null = null;
      let seed = first - 1;
      while (found === null && seed < first - 1 + SEEDS_MAX) {
        const options = { lent: LENT, ticks: TICKS, only: breaks, ...planted };
        const { failure } = await run(++seed, options);
        if (failure?.rule === breaks) found = failure;
        else if (failure !== null) others.push(`seed ${seed}: ${failure.message}`);
      }
      assert.ok(found !== null, `not found by it in ${SEEDS_MAX} seeds; ${others.join('; ')}`);
      context.diagnostic(`seed ${seed}: ${found.message}`);
    });
  }
}
