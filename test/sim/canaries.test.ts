import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CANARIES } from '../../src/sim/canaries.js';
import { type Failure, run } from '../../src/sim/world.js';
import { LENT } from './lent.js';

const TICKS = 2_000;
const SEEDS_MAX = 20;

for (const [name, { breaks, seeds = SEEDS_MAX, first = 1, ...planted }] of Object.entries(
  CANARIES,
)) {
  test(`canary for ${breaks}: ${name}: found within ${seeds} seeds`, async (context) => {
    let found: Failure | null = null;
    let seed = first - 1;
    while (found === null && seed < first - 1 + seeds) {
      found = (await run(++seed, { lent: LENT, ticks: TICKS, ...planted })).failure;
    }
    assert.ok(found !== null, `not found in ${seeds} seeds`);
    assert.ok(found.rule !== 'crash', `a promise is seen broken: ${found.stack}`);
    context.diagnostic(`seed ${seed}: ${found.message}`);
  });
}
