import assert from 'node:assert/strict';
import type { Result } from '../../src/sim/result.js';

/** Fails with the command that does it again. */
export function mustHold({ seed, failure }: Result, ticks: number | string): void {
  if (failure === null) return;
  const again = `npm run sim -- --seed ${seed} --ticks ${ticks}`;
  assert.fail(`seed ${seed} breaks "${failure.rule}"\n${failure.stack}\nagain: ${again}`);
}
