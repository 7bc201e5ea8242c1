import type { AttaccaError } from '../core/errors.js';
import {
  createPoolDirectory,
  decideMemory,
  defaultShmDirectory,
  findDeadPools,
  formatBytes,
  type Libc,
  type MemoryDecision,
  type PoolDirectory,
  readMemoryFacts,
  removePool,
  tryLoadLibc,
} from '../levels/shm/index.js';
import type { ServeOptions } from './options.js';

/** The memory of a pool: files that its clients map, or, without, the agent's own. */
export interface PoolMemory {
  /** Null: no shared memory; slabs are anonymous. */
  readonly directory: PoolDirectory | null;
  readonly bytes: number;
  /** In words, for the log and `attacca info`. */
  readonly reason: string;
  readonly warnings: readonly string[];
}

/** Anonymous slabs take this of the memory available: they cannot be shared, only copied. */
const ANONYMOUS_SHARE = 4;

/** Removes what pools left whose managers are dead; says so. Never fails. */
async function removeDead(root: string, libc: Libc | null, log: (line: string) => void) {
  const dead = await findDeadPools(root).catch(() => []);
  for (const pool of dead) {
    const removal = await removePool(pool.directory, { libc }).catch((error: AttaccaError) => ({
      kind: 'kept' as const,
      why: error.message,
    }));
    if (removal.kind === 'removed') {
      const freed = formatBytes(removal.bytesFreed);
      log(`removed the memory of a dead pool: ${pool.directory} (${freed}; ${pool.why})`);
    }
  }
}

async function anonymous(options: ServeOptions, why: string): Promise<PoolMemory> {
  const facts = await readMemoryFacts(await defaultShmDirectory());
  const { machine } = facts;
  const left = Math.min(
    machine.availableBytes,
    machine.cgroupLeftBytes ?? Number.POSITIVE_INFINITY,
  );
  const bytes = Math.floor(options.memoryBytes ?? left / ANONYMOUS_SHARE);
  const reason = `${formatBytes(bytes)} without shared memory (${why}): bytes go over sockets`;
  return { directory: null, bytes, reason, warnings: bytes > left ? [tooMuch(bytes, left)] : [] };
}

/** Nothing holds such memory back: it is taken page by page, until the host has none. */
function tooMuch(bytes: number, left: number): string {
  return (
    `the ${formatBytes(bytes)} asked for are more than the ${formatBytes(left)} of memory ` +
    'available: a pool that fills them takes the host down with it'
  );
}

/** Decides on the pool's memory and says so, loudly when it is little; makes the directory. */
export async function prepareMemory(
  pool: { readonly poolId: string; readonly name: string },
  options: ServeOptions,
  log: (line: string) => void,
): Promise<PoolMemory> {
  const memory = await decide(pool, options, log);
  for (const warning of memory.warnings) log(`WARNING: ${warning}`);
  log(`memory ${memory.reason}`);
  return memory;
}

async function decide(
  pool: { readonly poolId: string; readonly name: string },
  options: ServeOptions,
  log: (line: string) => void,
): Promise<PoolMemory> {
  if (options.shm === false) return await anonymous(options, 'as asked');
  const libc = await tryLoadLibc();
  if (libc === null) return await anonymous(options, 'this platform cannot map memory');
  const root = options.shmDirectory ?? (await defaultShmDirectory());
  await removeDead(root, libc, log);
  const facts = await readMemoryFacts(root, { named: options.shmDirectory !== undefined });
  const decision: MemoryDecision = decideMemory(facts, { bytes: options.memoryBytes });
  const warnings = decision.warnings.map((warning) => warning.message);
  if (decision.kind === 'none') {
    const memory = await anonymous(options, 'see the warning');
    return { ...memory, warnings: [...warnings, ...memory.warnings] };
  }
  const directory = await createPoolDirectory(decision.directory, pool, { libc });
  return { directory, bytes: decision.bytes, reason: decision.reason, warnings };
}
