import { lstat, realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { counted } from '../../core/counted.js';
import { AttaccaError } from '../../core/errors.js';
import { type FoundPool, findPools, hasJournal, removePool } from '../../levels/shm/clean.js';
import { defaultShmDirectory } from '../../levels/shm/memory-facts.js';
import { formatBytes } from '../../levels/shm/sizing.js';
import { listPools, type PoolPlace, removePlace } from '../../server/discovery.js';
import { SOCKET_FILE } from '../../server/place.js';
import { defineCommand } from '../command.js';
import { UsageError } from '../exit.js';
import { Failures } from '../failures.js';
import { printable, quoted } from '../format.js';
import { toJson } from '../json.js';
import { COMMON_OPTIONS } from '../options.js';
import { print, say } from '../output.js';
import { shellQuote } from '../shell-quote.js';

/** How long a server may take from its directory to its socket. */
const START_MS_MAX = 60_000;

interface Cleaning {
  readonly asJson: boolean;
  readonly dryRun: boolean;
  readonly quiet: boolean;
  /** Whose memory is given up although a journal needs it. */
  readonly gives: 'all' | 'none' | { readonly data: string };
  readonly failures: Failures;
}

export const command = defineCommand({
  usage: ['[--dry-run]', '--data DIR'],
  about: `
    Removes what pools left whose server is dead: their shared memory, and the sockets and tokens at
    their place. What lives, or cannot be told, is kept; so is the memory of a pool with a journal,
    which attacca serve --data DIR takes up again. A server that starts cleans up by itself.

    With --data DIR it gives up the memory of the pool that is kept in DIR, and removes nothing else;
    what lay in it is lost, the journal stays.`,
  options: {
    all: { type: 'boolean', help: 'also memory that a journal needs: what lies in it is lost' },
    data: {
      type: 'string',
      value: 'DIR',
      help: 'only the memory of the pool that is kept in DIR, although its journal needs it',
    },
    'dry-run': { type: 'boolean', short: 'n', help: 'only say what would be removed' },
    'shm-dir': {
      type: 'string',
      value: 'DIR',
      multiple: true,
      help: 'where memory was shared (default: /dev/shm and the temporary directory)',
    },
    ...COMMON_OPTIONS,
  },
  examples: [
    ['attacca clean --dry-run', 'look first'],
    ['attacca clean --data runs/42', 'be rid of the memory of one pool'],
  ],
  async run(context, { options, words }) {
    if (words.length > 0) throw new UsageError('it takes no words');
    const { json: asJson, quiet, 'dry-run': dryRun, all, data } = options;
    if (all && data !== undefined) throw new UsageError('say --all or --data, not both');
    const failures = new Failures(context.command, asJson);
    const gives = data !== undefined ? { data: await realPath(data) } : all ? 'all' : 'none';
    const how: Cleaning = { asJson, dryRun, quiet, gives, failures };
    const named = options['shm-dir'];
    const roots = named.length > 0 ? named : [await defaultShmDirectory(), tmpdir()];
    let count = 0;
    let bytes = 0;
    for (const root of new Set(roots)) {
      for (const freed of await cleanMemory(root, how)) {
        count++;
        bytes += freed;
      }
    }
    if (named.length === 0 && data === undefined) count += await cleanPlaces(how);
    if (!asJson && !quiet) {
      const verb = dryRun ? 'would remove' : 'removed';
      say(`${verb} ${counted(count, 'directory', 'directories')}, ${formatBytes(bytes)}`);
    }
    return failures.end();
  },
});

/** A path as it really is, if it is; owner.json has it as it was given. */
async function realPath(path: string): Promise<string> {
  return await realpath(path).catch(() => resolve(path));
}

/** Memory of dead pools in `root`; the bytes of each that was removed. */
async function cleanMemory(root: string, how: Cleaning): Promise<number[]> {
  const freed: number[] = [];
  for (const pool of await findPools(root)) {
    const { directory, bytesUsed } = pool;
    try {
      const why = await whyKept(pool, how);
      if (why !== null) {
        if (why !== '') tellKept(how, pool, why);
        continue;
      }
      const removal = how.dryRun ? null : await removePool(directory);
      if (removal?.kind === 'gone') continue;
      if (removal?.kind === 'kept') tellKept(how, pool, removal.why);
      else {
        freed.push(bytesUsed);
        tell(how, { directory, why: pool.why, bytes: bytesUsed, pool });
      }
    } catch (error) {
      how.failures.add(error);
    }
  }
  return freed;
}

/** Null: it is to be removed; else why it stays, or '' when that is of no interest. */
async function whyKept(pool: FoundPool, { gives }: Cleaning): Promise<string | null> {
  const data = pool.owner?.data ?? null;
  if (typeof gives === 'object') {
    if (data === null || (await realPath(data)) !== gives.data) return '';
    if (pool.state === 'dead') return null;
    const text = `Cannot remove "${pool.directory}": ${pool.why}; stop it first`;
    throw new AttaccaError('name-in-use', text, { data, directory: pool.directory });
  }
  if (pool.state !== 'dead') return '';
  if (gives === 'all' || !hasJournal(pool)) return null;
  return `its journal in "${data}" needs it; --data ${shellQuote(data ?? '')} or --all gives it up`;
}

/** Places of dead pools: sockets, tokens, logs. */
async function cleanPlaces(how: Cleaning): Promise<number> {
  let count = 0;
  for (const place of await listPools()) {
    if (place.isAlive || (await mayBeStarting(place))) continue;
    try {
      if (!how.dryRun && !(await removePlace(place))) continue;
      count++;
      tell(how, { directory: place.directory, why: 'nobody answers at its socket', bytes: 0 });
    } catch (error) {
      how.failures.add(error);
    }
  }
  return count;
}

/** A server makes its directory, then its socket: one without a socket may be about to. */
async function mayBeStarting(place: PoolPlace): Promise<boolean> {
  const socket = await lstat(join(place.directory, SOCKET_FILE)).catch(() => null);
  if (socket !== null) return false;
  const directory = await lstat(place.directory).catch(() => null);
  return directory !== null && Date.now() - directory.mtimeMs < START_MS_MAX;
}

interface Removed {
  readonly directory: string;
  readonly why: string;
  readonly bytes: number;
  /** Whose memory it was. */
  readonly pool?: FoundPool;
}

function tell(how: Cleaning, { directory, why, bytes, pool }: Removed): void {
  const removed = !how.dryRun;
  if (how.asJson) {
    print(toJson({ directory, why, bytes, removed, kept: false, ...whose(pool) }));
    return;
  }
  const verb = removed ? 'removed' : 'would remove';
  print(`${verb} ${directory} (${formatBytes(bytes)}${ofPool(pool)}; ${why})`);
}

function tellKept(how: Cleaning, pool: FoundPool, why: string): void {
  const { directory, bytesUsed: bytes } = pool;
  if (how.asJson) {
    print(toJson({ directory, why, bytes, removed: false, kept: true, ...whose(pool) }));
  } else if (!how.quiet) say(`kept ${directory} (${formatBytes(bytes)}${ofPool(pool)}): ${why}`);
}

function whose(pool: FoundPool | undefined): { name: string | null; data: string | null } {
  const { name = null, data = null } = pool?.owner ?? {};
  return { name, data };
}

function ofPool(pool: FoundPool | undefined): string {
  const { name, data } = whose(pool);
  if (name === null) return '';
  return ` of ${quoted(name)}${data === null ? '' : `, kept in "${printable(data)}"`}`;
}
