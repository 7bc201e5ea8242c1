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
  deadline: {
    type: 'string',
    value: 'TIME',
    help: 'how long a wait lasts that says nothing of it (default: 10m)',
  },
} as const;

export function serveOptions(options: OptionValues<typeof SERVE_OPTIONS>): ServeOptions {
  const { memory, deadline } = options;
  return {
    listen: options.listen,
    tokenFile: options['token-file'],
    shm: options['no-shm'] ? false : undefined,
    shmDirectory: options['shm-dir'],
    memoryBytes: memory === undefined ? undefined : memorySize(memory, !options['no-shm']),
    deadlineDefaultMs: deadline === undefined ? undefined : parseDuration(deadline, '--deadline'),
  };
}

/** The same options as words, for a server in a process of its own. */
export function serveWords(options: OptionValues<typeof SERVE_OPTIONS>): string[] {
  const words: string[] = [];
  for (const name of ['memory', 'shm-dir', 'listen', 'token-file', 'deadline'] as const) {
    const value = options[name];
    if (value !== undefined) words.push(`--${name}=${value}`);
  }
  if (options['no-shm']) words.push('--no-shm');
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
