import { refuse } from '../core/assert.js';
import type { AttaccaError } from '../core/errors.js';
import {
  claimPoolDirectory,
  createPoolDirectory,
  decideMemory,
  defaultShmDirectory,
  findDeadPools,
  formatBytes,
  type Libc,
  type MemoryDecision,
  type MemoryFacts,
  nameExists,
  type PoolDirectory,
  type PoolNamed,
  poolDirectoryPath,
  readMemoryFacts,
  removePool,
  Stamp,
  tryLoadLibc,
} from '../levels/shm/index.js';
import type { ServeOptions } from './options.js';

/** The memory of a pool: files that its clients map, or, without, the agent's own. */
export interface PoolMemory {
  /** Null: no shared memory; slabs are anonymous. */
  readonly directory: PoolDirectory | null;
  /** Says in it whose history its slabs belong to; null without a directory. */
  readonly stamp: Stamp | null;
  /** Where that directory lies, or ''. */
  readonly root: string;
  readonly bytes: number;
  /** In words, for the log and `attacca info`. */
  readonly reason: string;
  readonly warnings: readonly string[];
}

/** Anonymous slabs take this of the memory available: they cannot be shared, only copied. */
const ANONYMOUS_SHARE = 4;

/**
 * Removes what pools left whose managers are dead; says so. Never fails. What a directory that was
 * moved finds under its old name is its own.
 */
async function removeDead(
  root: string,
  own: string,
  libc: Libc | null,
  log: (line: string) => void,
): Promise<void> {
  const dead = await findDeadPools(root).catch(() => []);
  for (const pool of dead) {
    if (pool.directory === poolDirectoryPath(root, own)) continue;
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

async function anonymous(
  pool: MemoryOwner,
  options: ServeOptions,
  why: string,
): Promise<PoolMemory> {
  await mustStay(pool, '');
  const facts = await readMemoryFacts(await defaultShmDirectory());
  const { machine } = facts;
  const left = Math.min(
    machine.availableBytes,
    machine.cgroupLeftBytes ?? Number.POSITIVE_INFINITY,
  );
  const bytes = Math.floor(options.memoryBytes ?? left / ANONYMOUS_SHARE);
  const reason = `${formatBytes(bytes)} without shared memory (${why}): bytes go over sockets`;
  return {
    directory: null,
    stamp: null,
    root: '',
    bytes,
    reason,
    warnings: bytes > left ? [tooMuch(bytes, left)] : [],
  };
}

/** Nothing holds such memory back: it is taken page by page, until the host has none. */
function tooMuch(bytes: number, left: number): string {
  return (
    `the ${formatBytes(bytes)} asked for are more than the ${formatBytes(left)} of memory ` +
    'available: a pool that fills them takes the host down with it'
  );
}

/** Whose memory it is. */
export interface MemoryOwner extends PoolNamed {
  /** What its slabs take already, of a manager before this one. */
  readonly bytesKept: number;
  /** What of that is offered, and would be lost elsewhere. */
  readonly bytesHeld: number;
  /** What the memory of that manager was; 0: there was none. */
  readonly bytesBefore: number;
  /** Where it had its directory, or ''. */
  readonly rootBefore: string;
}

/**
 * Decides on the pool's memory and says so, loudly when it is little; makes the directory, or takes
 * over the one that a manager before this one has left.
 */
export async function prepareMemory(
  pool: MemoryOwner,
  options: ServeOptions,
  log: (line: string) => void,
): Promise<PoolMemory> {
  const memory = await decide(pool, options, log);
  for (const warning of memory.warnings) log(`WARNING: ${warning}`);
  log(`memory ${memory.reason}`);
  return memory;
}

async function decide(
  pool: MemoryOwner,
  options: ServeOptions,
  log: (line: string) => void,
): Promise<PoolMemory> {
  if (options.shm === false) return await anonymous(pool, options, 'as asked');
  const libc = await tryLoadLibc();
  if (libc === null) return await anonymous(pool, options, 'this platform cannot map memory');
  const before = pool.rootBefore === '' ? undefined : pool.rootBefore;
  const root = options.shmDirectory ?? before ?? (await defaultShmDirectory());
  await removeDead(root, pool.poolId, libc, log);
  const facts = await readMemoryFacts(root, { named: options.shmDirectory !== undefined });
  const wish = options.memoryBytes ?? (pool.bytesBefore || undefined);
  const decision: MemoryDecision = decideMemory(withKept(facts, pool.bytesKept), { bytes: wish });
  const warnings = decision.warnings.map((warning) => warning.message);
  if (decision.kind === 'none') {
    const memory = await anonymous(pool, options, 'see the warning');
    return { ...memory, warnings: [...warnings, ...memory.warnings] };
  }
  await mustStay(pool, decision.directory);
  const directory = await takeDirectory(decision.directory, pool, libc);
  // What the last manager had is what is wished for.
  const isAgain = options.memoryBytes === undefined && pool.bytesBefore > 0;
  const reason = isAgain ? decision.reason.replace('as asked', 'as before') : decision.reason;
  const bytes = Math.max(decision.bytes, pool.bytesKept);
  const stamp = await Stamp.open(directory.path, libc).catch(async (error: unknown) => {
    await directory.close();
    throw error;
  });
  return { directory, stamp, root: decision.directory, bytes, reason, warnings };
}

/** What lies in slabs of the pool already is not free any more, and may be counted all the same. */
function withKept(facts: MemoryFacts, bytesKept: number): MemoryFacts {
  const { machine, preferred } = facts;
  const { cgroupLeftBytes: left } = machine;
  return {
    ...facts,
    machine: {
      ...machine,
      availableBytes: machine.availableBytes + bytesKept,
      cgroupLeftBytes: left === null ? null : left + bytesKept,
    },
    preferred: { ...preferred, freeBytes: preferred.freeBytes + bytesKept },
  };
}

/** Objects that lie in the memory of the last manager are not given up by another option. */
async function mustStay(pool: MemoryOwner, root: string): Promise<void> {
  const { bytesHeld, rootBefore, poolId } = pool;
  if (bytesHeld === 0 || rootBefore === '' || root === rootBefore) return;
  if (!(await nameExists(poolDirectoryPath(rootBefore, poolId)))) return;
  refuse(
    'bad-argument',
    `Cannot serve "${pool.name}" with its memory elsewhere: ${formatBytes(bytesHeld)} of its ` +
      `objects lie in "${rootBefore}"; serve it with that (--shm-dir), or give them up ` +
      `(attacca clean --data ${pool.data ?? ''} --shm-dir ${rootBefore})`,
    { shmDirectory: rootBefore, bytes: bytesHeld },
  );
}

async function takeDirectory(root: string, pool: MemoryOwner, libc: Libc): Promise<PoolDirectory> {
  const isThere = await nameExists(poolDirectoryPath(root, pool.poolId));
  if (isThere) return await claimPoolDirectory(root, pool, { libc });
  return await createPoolDirectory(root, pool, { libc });
}
