import { LIMITS } from '../../src/core/limits.js';
import { Provenance } from '../../src/pool/provenance.js';
import { Harness } from './harness.js';

/** A pool, and its twin, that remember little. */
export function forgetful(limits: Partial<Provenance['limits']>): Harness {
  const pool = new Harness();
  for (const loop of [pool.loop, pool.twin]) {
    if (loop === null) continue;
    const state = loop.pool as { provenance: Provenance };
    state.provenance = new Provenance({ ...LIMITS, ...limits });
  }
  return pool;
}
