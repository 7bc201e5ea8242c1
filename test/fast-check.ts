import { strict as assert } from 'node:assert';
import fc from 'fast-check';

/** As good as any other; fixed, so that a run tells of the code and not of its luck. */
const SEED_DEFAULT = 20_240_711;

/** The seed of every property: ATTACCA_SEED to look further, where there is one. */
export function seedOf(text: string | undefined): number {
  if (text === undefined || text === '') return SEED_DEFAULT;
  const seed = Number(text);
  // `random` is for scripts/test.mjs, which chooses one number for all tests and prints it.
  assert.ok(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 31, `ATTACCA_SEED is "${text}"`);
  return seed;
}

fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: seedOf(process.env['ATTACCA_SEED']) });

/** fast-check, which tries the same cases in every run. Tests import it from here. */
export { fc };
