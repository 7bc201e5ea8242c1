import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FAULTS, MANAGER_FAULTS } from '../../src/sim/weather.js';
import { OPERATIONS } from '../../src/sim/workload.js';
import { run } from '../../src/sim/world.js';
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
