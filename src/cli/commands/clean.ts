import { lstat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { counted } from '../../core/counted.js';
import { findDeadPools, removePool } from '../../levels/shm/clean.js';
import { defaultShmDirectory } from '../../levels/shm/memory-facts.js';
import { formatBytes } from '../../levels/shm/sizing.js';
import { listPools, type PoolPlace, removePlace } from '../../server/discovery.js';
import { SOCKET_FILE } from '../../server/place.js';
import { defineCommand } from '../command.js';
import { UsageError } from '../exit.js';
import { Failures } from '../failures.js';
import { toJson } from '../json.js';
import { COMMON_OPTIONS } from '../options.js';
import { print, say } from '../output.js';

/** How long a server may take from its directory to its socket. */
const START_MS_MAX = 60_000;

interface Cleaning {
  readonly asJson: boolean;
  readonly dryRun: boolean;
  readonly all: boolean;
  readonly failures: Failures;
}

export const command = defineCommand({
  usage: ['[--dry-run]'],
  about: `
    Removes what pools left whose server is dead: their shared memory, and the sockets and tokens at
    their place. What lives, or cannot be told, is kept; so is the memory of a pool with a journal,
    which attacca serve --data DIR takes up again. A server that starts cleans up by itself.`,
  options: {
    all: { type: 'boolean', help: 'also memory that a journal needs: what lies in it is lost' },
    'dry-run': { type: 'boolean', help: 'only say what would be removed' },
    'shm-dir': {
      type: 'string',
      value: 'DIR',
      multiple: true,
      help: 'where memory was shared (default: /dev/shm and the temporary directory)',
    },
    ...COMMON_OPTIONS,
  },
  examples: [['attacca clean --dry-run', 'look first']],
  async run(context, { options, words }) {
    if (words.length > 0) throw new UsageError('it takes no words');
    const failures = new Failures(context.command, options.json);
    const { json: asJson, 'dry-run': dryRun, all } = options;
    const how: Cleaning = { asJson, dryRun, all, failures };
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
    if (named.length === 0) count += await cleanPlaces(how);
    if (!options.json && !options.quiet) {
      const verb = how.dryRun ? 'would remove' : 'removed';
      say(`${verb} ${counted(count, 'directory', 'directories')}, ${formatBytes(bytes)}`);
    }
    return failures.end();
  },
});

/** Memory of dead pools in `root`; the bytes of each that was removed. */
async function cleanMemory(root: string, how: Cleaning): Promise<number[]> {
  const freed: number[] = [];
  for (const pool of await findDeadPools(root, how)) {
    const { directory, why, bytesUsed } = pool;
    try {
      const removal = how.dryRun ? null : await removePool(directory);
      if (removal?.kind === 'gone') continue;
      if (removal?.kind === 'kept') say(`kept ${directory}: ${removal.why}`);
      else {
        freed.push(bytesUsed);
        tell(how, { directory, why, bytes: bytesUsed });
      }
    } catch (error) {
      how.failures.add(error);
    }
  }
  return freed;
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

function tell(how: Cleaning, what: { directory: string; why: string; bytes: number }): void {
  const { directory, why, bytes } = what;
  const removed = !how.dryRun;
  if (how.asJson) print(toJson({ directory, why, bytes, removed }));
  else
    print(`${removed ? 'removed' : 'would remove'} ${directory} (${formatBytes(bytes)}; ${why})`);
}
