import { crc32 } from 'node:zlib';
import { refuse } from '../core/assert.js';
import { numberIn } from '../journal/segment.js';
import type { ProcessIdentity } from '../levels/process-identity.js';
import { formatBytes } from '../levels/shm/index.js';
import { type Revived, revive } from '../loop/history.js';
import type { PoolInfo } from '../loop/pool-info.js';
import { PoolLoop } from '../loop/pool-loop.js';
import type { PoolOptions } from '../pool/state.js';
import { DURABILITY } from '../protocol/index.js';
import type { KeptSlab } from './agent-messages.js';
import { DataDirectory } from './data-directory.js';
import type { ServeOptions } from './options.js';
import { StartProgress } from './start-progress.js';

/** What a pool that is kept in a directory was when its last manager ended. */
export interface Past {
  readonly directory: DataDirectory;
  readonly revived: Revived;
  readonly sessionKey: Uint8Array;
  readonly token: string;
  /** Whether the host has booted since: files of slabs may be there, but nobody has synced them. */
  readonly hasBooted: boolean;
  /**
   * Records may be missing whose clients know of them: then no session can be taken up, as its
   * numbers would mean something else, and nobody must come with a secret of before.
   */
  readonly endsSessions: boolean;
  /** Segments that its journal has. */
  readonly segments: number;
  /** How long it took. */
  readonly ms: number;
}

/** Opens the directory of `--data` and brings back what is in it. */
export async function openPast(
  options: ServeOptions & { readonly data: string },
  here: ProcessIdentity,
  log: (line: string) => void,
): Promise<Past> {
  const directory = await DataDirectory.open(options.data, log);
  try {
    const startedMs = performance.now();
    const repair = options.repair ?? false;
    const onRecord = await progressOf(directory, log);
    const revived = await revive(directory.disk, { checksum: crc32, repair, onRecord });
    const ms = performance.now() - startedMs;
    checkName(options, revived.info);
    const hasBooted = revived.info !== null && revived.info.bootId !== (here.bootId ?? '');
    const endsSessions = isCut(revived, hasBooted);
    const sessionKey = await directory.sessionKey(endsSessions);
    const token = await directory.token();
    tell(revived, ms, log);
    const files = await directory.disk.list();
    const segments = files.filter(({ name }) => numberIn('journal', name) !== null).length;
    return { directory, revived, sessionKey, token, hasBooted, endsSessions, segments, ms };
  } catch (error) {
    await directory.close();
    throw error;
  }
}

/** Tells of a start that takes long how far it is. */
async function progressOf(
  { disk }: DataDirectory,
  log: (line: string) => void,
): Promise<(number: number) => void> {
  const now = (): number => performance.now();
  const progress = new StartProgress({ files: await disk.list(), now, log });
  return (number) => progress.record(number);
}

/** By a repair; or by a loss of power, where acknowledgements did not wait for the disk. */
function isCut({ info, recovered }: Revived, hasBooted: boolean): boolean {
  if (recovered.damage !== null) return true;
  return hasBooted && info?.options.durability !== DURABILITY.fsync;
}

function checkName({ name, data }: ServeOptions, info: PoolInfo | null): void {
  if (info === null || name === undefined || name === info.options.name) return;
  refuse(
    'bad-argument',
    `Cannot serve "${name}" on "${data}": it keeps the pool "${info.options.name}"`,
    { name, found: info.options.name },
  );
}

function tell({ loop, info, recovered }: Revived, ms: number, log: (line: string) => void): void {
  const { snapshot, records, torn, spoiled, damage } = recovered;
  if (loop !== null && info !== null) {
    const from = snapshot === 0 ? '' : `the snapshot of record ${snapshot} and `;
    log(
      `took up "${info.options.name}" from ${from}${records} records: ` +
        `${loop.pool.objects.used} objects, ${loop.sessionCount} sessions (${Math.round(ms)} ms)`,
    );
  }
  if (torn !== null) {
    log(
      `cut ${formatBytes(torn.bytes)} that a crash left at the end of ${torn.file}: ` +
        'nobody was told that they are kept',
    );
  }
  for (const file of spoiled) log(`WARNING: ${file} is damaged; nothing is lost by that`);
  if (damage !== null) {
    const { file, offset, first, last } = damage;
    log(
      `REPAIRED: ${file} is damaged from byte ${offset} on; the records ${first} to ${last} ` +
        'are lost, what is left of them is kept as lost-*',
    );
  }
}

/** The loop that a manager goes on with, and whether it is a new pool. */
export function loopOf(past: Past | null, options: PoolOptions): PoolLoop {
  return past?.revived.loop ?? new PoolLoop(options, past === null ? null : crc32);
}

/** The slabs that a pool had. */
export function slabsOf(loop: PoolLoop): KeptSlab[] {
  const { extents, slabsAdopted } = loop.pool;
  return [...extents.slabs].map(([slab, { size }]) => ({
    slab,
    size,
    adopted: slabsAdopted.has(slab),
  }));
}
