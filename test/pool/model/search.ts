import { createHash } from 'node:crypto';
import { WALL_MS } from '../../../src/sim/selected.js';
import { Harness } from '../harness.js';
import { random } from '../random.js';
import type { Operation } from './operations.js';
import { PAGE_BYTES } from './pages.js';
import { Run } from './run.js';

export interface SearchOptions {
  /** Something to be broken on purpose in a fresh pool. */
  readonly plant?: (pool: Harness) => void;
  /** Whether the invariants are checked too: by default. */
  readonly checked?: boolean;
}

export interface Failure {
  readonly error: Error;
  readonly operations: readonly Operation[];
  readonly trace: readonly string[];
}

/** As many operations from a seed. */
export function operationsOf(seed: number, count: number): Operation[] {
  const dice = random(seed);
  const number = (): number => dice(0x1_0000);
  return Array.from({ length: count }, () => [number(), number(), number(), number(), number()]);
}

/** Runs operations on a fresh pool and a fresh model: null when they agree to the end. */
export function attempt(
  seed: number,
  operations: readonly Operation[],
  options: SearchOptions = {},
): Failure | null {
  // Few pages, so that memory is often full; how few is the seed's to say.
  const pages = 8 + (seed % 3) * 8;
  const pool = new Harness({
    wallMs: WALL_MS,
    memoryBytesMax: pages * PAGE_BYTES,
    hashSeed: seed,
    checked: options.checked ?? true,
    // A planted bug is to be found by the model.
    twin: options.plant === undefined,
  });
  options.plant?.(pool);
  const run = new Run(pool, pages);
  try {
    run.all(operations);
    return null;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { error, operations, trace: run.trace };
  }
}

/** Leaves out operations for as long as it fails. */
export function shrink(seed: number, failure: Failure, options: SearchOptions = {}): Failure {
  let best = failure;
  const better = (operations: readonly Operation[]): boolean => {
    const found = attempt(seed, operations, options);
    if (found !== null) best = found;
    return found !== null;
  };
  for (let size = best.operations.length; size >= 1; ) {
    const before = best.operations.length;
    for (let at = 0; at < best.operations.length; ) {
      const rest = [...best.operations.slice(0, at), ...best.operations.slice(at + size)];
      if (!better(rest)) at += size;
    }
    // The last ones go one by one, for as long as that helps.
    if (size > 1 || best.operations.length === before) size = Math.floor(size / 2);
  }
  return best;
}

/** What to print: the seed, the command, and the shortest operations that were found. */
export function report(seed: number, failure: Failure): string {
  return [
    `seed ${seed} fails: ${failure.error.message}`,
    `again: ATTACCA_SEED=${seed} node --test dist/test/pool/model.test.js`,
    'shortest:',
    ...failure.trace.map((line) => `  ${line}`),
    failure.error.stack ?? '',
  ].join('\n');
}

/** The digest of all frames and effects that a pool gives for operations. */
export function digestOf(seed: number, operations: readonly Operation[]): string {
  const hash = createHash('sha256');
  attempt(seed, operations, {
    plant: (pool) => {
      const release = pool.loop.release.bind(pool.loop);
      pool.loop.release = (batch) => {
        const performance = release(batch);
        for (const { session, bytes } of performance.frames)
          hash.update(`${session}`).update(bytes);
        hash.update(JSON.stringify(performance.effects));
        return performance;
      };
    },
  });
  return hash.digest('hex');
}
