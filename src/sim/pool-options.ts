import type { PoolOptions } from '../pool/state.js';
import { DEADLINE_MS } from './event-holds.js';
import { GRACE_MS } from './oracle.js';
import { WALL_MS } from './selected.js';

/** How the pool of a seed is set up. */
export function optionsOf(seed: number, memoryBytesMax: number): PoolOptions {
  return {
    id: 'sim',
    name: 'sim',
    hashSeed: seed,
    memoryBytesMax,
    deadlineDefaultMs: DEADLINE_MS,
    promiseGraceMs: GRACE_MS,
    durability: 0,
    slabDurability: 0,
    reportFreed: true,
    hasStore: false,
    statistics: true,
    eventBytesMax: 1 << 20,
    eventAgeMsMax: 0,
    ...{ life: 1, lifeBefore: 0, sessionKeyId: 0, wallMs: WALL_MS },
  };
}
