import { crc32 } from 'node:zlib';
import { refuse } from '../core/assert.js';
import { counted } from '../core/counted.js';
import { AttaccaError } from '../core/errors.js';
import { numberIn } from '../journal/segment.js';
import type { ProcessIdentity } from '../levels/process-identity.js';
import { formatBytes, poolDirectoryPath, readStamp, type StampFound } from '../levels/shm/index.js';
import { type Revived, revive } from '../loop/history.js';
import type { PoolInfo } from '../loop/pool-info.js';
import { PoolLoop } from '../loop/pool-loop.js';
import { readInfo } from '../loop/read-info.js';
import type { PoolOptions } from '../pool/state.js';
import { storedVersions } from '../pool/stored-versions.js';
import { storedOfHeld } from '../pool/storing.js';
import { DURABILITY } from '../protocol/index.js';
import type { KeptSlab, StoreStart } from './agent-messages.js';
import { DataDirectory } from './data-directory.js';
import { refuseCopy } from './holder.js';
import type { ServeOptions } from './options.js';
import { makeSessionKey, sessionKeyId } from './secrets.js';
import { StartProgress } from './start-progress.js';

/** What a pool that is kept in a directory was when its last manager ended. */
export interface Past {
  readonly directory: DataDirectory;
  readonly revived: Revived;
  readonly sessionKey: Uint8Array;
  /** False: the pool is new, and its directory shall have the key once it has a journal. */
  readonly isKeyKept: boolean;
  readonly token: string;
  /**
   * Whether what lies in its slabs is not what the journal says. The host has booted since: nobody
   * has synced them. Or they were used later than the journal goes: freed bytes may be others'.
   */
  readonly areSlabsLost: boolean;
  /**
   * No session can be taken up: records may be missing whose clients know of them, and its numbers
   * would mean something else. So the key of secrets is a new one, or it was lost.
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
  const directory = await DataDirectory.open(options.data, options.shmDirectory, log);
  try {
    // Before anything is changed.
    const known = await readInfo(directory.disk, crc32);
    checkName(options, known);
    await refuseCopy(directory.path, known);
    const startedMs = performance.now();
    const repair = options.repair ?? false;
    const revived = await reviveOrRepair(directory, repair, log);
    const ms = performance.now() - startedMs;
    const hasBooted = revived.info !== null && revived.info.bootId !== (here.bootId ?? '');
    const stamp = hasBooted ? null : await stampOf(revived);
    const isBehind = stamp !== null && !isKnown(revived, stamp);
    if (isBehind && !repair) refuseBehind(directory.path, revived, stamp);
    const keys = await keysOf(directory, revived, {
      isCut: isBehind || isCut(revived, hasBooted),
      repair,
    });
    const token = await directory.token();
    tell(revived, ms, log);
    if (isBehind) log('REPAIRED: what lies in its memory is newer than the journal, and is lost');
    const files = await directory.disk.list();
    const segments = files.filter(({ name }) => numberIn('journal', name) !== null).length;
    const areSlabsLost = hasBooted || isBehind;
    return { directory, revived, ...keys, token, areSlabsLost, segments, ms };
  } catch (error) {
    await directory.close();
    throw error;
  }
}

async function reviveOrRepair(
  directory: DataDirectory,
  repair: boolean,
  log: (line: string) => void,
): Promise<Revived> {
  const { disk } = directory;
  const onRecord = await progressOf(directory, log);
  try {
    return await revive(disk, { checksum: crc32, repair: false, onRecord });
  } catch (error) {
    if (!(repair && error instanceof AttaccaError && error.code === 'journal-damaged')) throw error;
    // First: whoever goes on after a crash in the middle must know that sessions have ended.
    await directory.keepSessionKey(makeSessionKey());
    return await revive(disk, { checksum: crc32, repair: true, onRecord });
  }
}

/** The key for this manager. Sessions go on only with the one that they were opened with. */
async function keysOf(
  directory: DataDirectory,
  { loop }: Revived,
  { isCut, repair }: { readonly isCut: boolean; readonly repair: boolean },
): Promise<Pick<Past, 'sessionKey' | 'isKeyKept' | 'endsSessions'>> {
  const found = await directory.sessionKey();
  if (loop === null) {
    if (found !== null && !repair) refuseEmpty(directory.path);
    return { sessionKey: makeSessionKey(), isKeyKept: false, endsSessions: false };
  }
  const sessionKey = found === null || isCut ? makeSessionKey() : found;
  if (sessionKey !== found) await directory.keepSessionKey(sessionKey);
  const endsSessions = sessionKeyId(sessionKey) !== loop.pool.options.sessionKeyId;
  return { sessionKey, isKeyKept: true, endsSessions };
}

function refuseEmpty(path: string): never {
  refuse(
    'journal-damaged',
    `Cannot serve "${path}": it has kept a pool, and there is no journal of it. Bring the files ` +
      'back; --repair begins a new pool',
    { path },
  );
}

function refuseBehind(path: string, { recovered }: Revived, stamp: StampFound): never {
  const { number } = recovered.after;
  const seen = stamp.number > number ? ` up to record ${stamp.number}` : '';
  refuse(
    'journal-damaged',
    `Cannot serve "${path}": its journal ends with record ${number}, and the pool went on${seen}. ` +
      'Its end is missing, or was cut by a repair that came to nothing, or it was put back from a ' +
      'copy; --repair goes on with what is there',
    { path, last: number, seen: stamp.number },
  );
}

/** The stamp of the memory that its last manager had. */
async function stampOf({ info }: Revived): Promise<StampFound | null> {
  if (info === null || info.shmDirectory === '') return null;
  return await readStamp(poolDirectoryPath(info.shmDirectory, info.options.id));
}

/**
 * Whether all that the memory was used for is in the journal. A manager that was killed before it
 * told anybody anything has not stamped yet: then the one before it has.
 */
function isKnown({ loop, recovered }: Revived, { life, number }: StampFound): boolean {
  const options = loop?.pool.options;
  const isOurs = life === options?.life || life === options?.lifeBefore;
  return isOurs && number <= recovered.after.number;
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
      `took up "${info.options.name}" from ${from}${counted(records, 'record')}: ` +
        `${counted(loop.pool.objects.used, 'object')}, ` +
        `${counted(loop.sessionCount, 'session')} (${Math.round(ms)} ms)`,
    );
  }
  if (torn !== null) {
    log(
      `cut ${formatBytes(torn.bytes)} at the end of ${torn.file} that are not whole, ` +
        'as a crash leaves them',
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

/** The slabs that a pool had, which versions in them the store has, and what it has besides. */
export function storedOf(loop: PoolLoop): Pick<StoreStart, 'slabs' | 'versions' | 'ofHeld'> {
  const { pool } = loop;
  return { slabs: slabsOf(loop), versions: storedVersions(pool), ofHeld: storedOfHeld(pool) };
}
