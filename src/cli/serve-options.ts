import { formatBytes, SLABS_BYTES_MIN } from '../levels/shm/sizing.js';
import type { ServeOptions } from '../server/options.js';
import { parseDuration } from './duration.js';
import { UsageError } from './exit.js';
import type { OptionValues } from './options.js';

/** Options of a pool that is about to be served: of serve, start and run. */
export const SERVE_OPTIONS = {
  memory: {
    type: 'string',
    value: 'SIZE',
    help: 'memory for objects: 4g, 512m (default: what the host has to spare)',
  },
  data: {
    type: 'string',
    value: 'DIR',
    help: 'keep the pool in DIR: what it acknowledges outlives its process; serve it again there',
  },
  store: {
    type: 'string',
    value: 'DIR',
    help: 'write objects whose offer asks for fsync to DIR, too: they outlive the host (with --data)',
  },
  sync: {
    type: 'string',
    value: 'HOW',
    help: 'always (default): an answer waits for the disk; never: a loss of power may take the last',
  },
  repair: {
    type: 'boolean',
    help: 'go on although DIR is damaged, without the records that it names',
  },
  'shm-dir': {
    type: 'string',
    value: 'DIR',
    help: 'where memory is shared (default: /dev/shm)',
  },
  'no-shm': { type: 'boolean', help: 'share no memory: all bytes go over sockets' },
  listen: {
    type: 'string',
    value: 'tcp://HOST:PORT',
    help: 'take connections from other hosts too, with the token; port 0 is any',
  },
  'token-file': {
    type: 'string',
    value: 'FILE',
    help: 'the token that opens the pool (default: a new one, beside its socket)',
  },
  statistics: {
    type: 'string',
    value: 'HOW',
    help: 'on (default): what is offered is measured, for stat and stats.*; off: it is not',
  },
  events: {
    type: 'string',
    value: 'SIZE',
    help: 'what the last events may take that are kept for who comes later (default: 64m)',
  },
  deadline: {
    type: 'string',
    value: 'TIME',
    help: 'how long a wait lasts that says nothing of it (default: 10m)',
  },
} as const;

export function serveOptions(options: OptionValues<typeof SERVE_OPTIONS>): ServeOptions {
  const { memory, deadline, data, repair, store } = options;
  if (store !== undefined && (data === undefined || options.sync === 'never')) {
    throw new UsageError('"--store" is for a pool that is kept: with --data DIR, --sync always');
  }
  if (data === undefined && (repair || options.sync !== undefined)) {
    throw new UsageError('"--sync" and "--repair" are for a pool that is kept: with --data DIR');
  }
  return {
    listen: options.listen,
    tokenFile: options['token-file'],
    shm: options['no-shm'] ? false : undefined,
    shmDirectory: options['shm-dir'],
    data,
    store,
    sync: syncOf(options.sync),
    repair,
    statistics: statisticsOf(options.statistics),
    eventBytesMax: options.events === undefined ? undefined : parseSize(options.events, '--events'),
    memoryBytes: memory === undefined ? undefined : memorySize(memory, !options['no-shm']),
    deadlineDefaultMs: deadline === undefined ? undefined : parseDuration(deadline, '--deadline'),
  };
}

function syncOf(how: string | undefined): boolean {
  if (how === undefined || how === 'always') return true;
  if (how === 'never') return false;
  throw new UsageError(`"--sync" is always or never, not "${how}"`);
}

function statisticsOf(how: string | undefined): boolean {
  if (how === undefined || how === 'on') return true;
  if (how === 'off') return false;
  throw new UsageError(`"--statistics" is on or off, not "${how}"`);
}

const SERVE_TEXTS = [
  ...(['memory', 'data', 'store', 'sync', 'shm-dir', 'listen', 'token-file', 'deadline'] as const),
  'statistics',
  'events',
] as const;

/** The same options as words, for a server in a process of its own. */
export function serveWords(options: OptionValues<typeof SERVE_OPTIONS>): string[] {
  const words: string[] = [];
  for (const name of SERVE_TEXTS) {
    const value = options[name];
    if (value !== undefined) words.push(`--${name}=${value}`);
  }
  if (options['no-shm']) words.push('--no-shm');
  if (options.repair) words.push('--repair');
  return words;
}

function memorySize(text: string, isShared: boolean): number {
  const bytes = parseSize(text, '--memory');
  if (!isShared || bytes >= SLABS_BYTES_MIN) return bytes;
  throw new UsageError(
    `"--memory" needs at least ${formatBytes(SLABS_BYTES_MIN)} to share, not "${text}"`,
  );
}

const UNITS: { readonly [unit: string]: number } = {
  '': 1,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
};

/** `4g`, `512MiB`, `1.5G`, `1048576`: powers of 1,024, as memory has. */
function parseSize(text: string, option: string): number {
  const found = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?$/iu.exec(text.trim());
  const unit = UNITS[(found?.[2] ?? '').toLowerCase()];
  if (found === null || unit === undefined) {
    throw new UsageError(`"${option}" needs a size such as 512m or 4g, not "${text}"`);
  }
  const bytes = Math.floor(Number(found[1]) * unit);
  if (bytes < 1 || !Number.isSafeInteger(bytes)) {
    throw new UsageError(`"${option}" cannot be ${text}`);
  }
  return bytes;
}
