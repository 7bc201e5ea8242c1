import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { type FileHandle, open, readFile, rmdir, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { AttaccaError } from '../core/errors.js';
import { formatSeconds } from '../core/format-seconds.js';
import { isSocketAlive } from './claim.js';
import { SERVER_LIMITS } from './limits.js';
import { LOG_FILE, makePrivateDirectory, socketPathOf } from './place.js';
import { parseReadiness, READY_FD_VARIABLE, type Readiness } from './ready.js';

export interface DetachedOptions {
  /** The pool's name, which tells its place; the command must serve under it. */
  readonly name: string;
  /** Program and arguments that serve the pool, and call `reportReady`. */
  readonly command: readonly [string, ...string[]];
  readonly startMsMax?: number | undefined;
  readonly environment?: NodeJS.ProcessEnv | undefined;
}

export interface DetachedServer {
  readonly address: string;
  readonly addresses: readonly string[];
  readonly pid: number;
  readonly log: string;
  /** Of its memory; they stand in its log too. */
  readonly warnings: readonly string[];
}

const READY_FD = 3;
const LOG_TAIL_CHARACTERS = 2_000;

/**
 * Starts a server that outlives this process, and returns when its pool answers: the child says so
 * on an inherited pipe. Errors: `name-in-use` when a living pool has the name, what the child
 * reported, `pool-unreachable` when it ended or was silent for too long, with the end of its log.
 */
export async function startDetached(options: DetachedOptions): Promise<DetachedServer> {
  const path = socketPathOf(options.name);
  const address = `unix:${path}`;
  if (await isSocketAlive(path)) {
    throw new AttaccaError(
      'name-in-use',
      `Cannot start the pool "${options.name}": one of that name is running; to use it: ` +
        `export ATTACCA_POOL=${address}; to end it: attacca stop ${options.name}`,
      { name: options.name, address },
    );
  }
  const directory = dirname(path);
  await makePrivateDirectory(dirname(directory));
  await makePrivateDirectory(directory);
  const log = join(directory, LOG_FILE);
  const flags = constants.O_CREAT | constants.O_APPEND | constants.O_WRONLY | constants.O_NOFOLLOW;
  const logFile = await open(log, flags, 0o600);
  const logStart = (await logFile.stat()).size;
  const started = await spawnServer(options, logFile).finally(() => logFile.close());
  const { readiness, ended } = started;
  if (readiness?.kind === 'ready') {
    const { addresses, pid, warnings } = readiness;
    return { address, addresses, pid, log, warnings };
  }
  const removeNewLog = async (): Promise<void> => {
    if (logStart > 0) return;
    await unlink(log).catch(() => {});
    await rmdir(directory).catch(() => {});
  };
  if (readiness !== null) {
    // The message says all that its log does: nothing is left behind.
    await removeNewLog();
    throw new AttaccaError(readiness.code, readiness.message);
  }
  const said = (await readFile(log).catch(() => Buffer.alloc(0))).subarray(logStart).toString();
  const tail = said.slice(-LOG_TAIL_CHARACTERS).trim();
  if (tail === '') await removeNewLog();
  throw new AttaccaError(
    'pool-unreachable',
    `Cannot start the pool "${options.name}": ${ended}${tail === '' ? '' : `; it said:\n${tail}`}`,
    { name: options.name, log },
  );
}

interface Started {
  readonly readiness: Readiness | null;
  /** Without readiness: how it ended, in words. */
  readonly ended: string;
}

async function spawnServer(options: DetachedOptions, log: FileHandle): Promise<Started> {
  const [program, ...args] = options.command;
  const child = spawn(program, args, {
    detached: true,
    stdio: ['ignore', log.fd, log.fd, 'pipe'],
    env: { ...(options.environment ?? process.env), [READY_FD_VARIABLE]: String(READY_FD) },
  });
  const ended = endOf(child);
  const startMsMax = options.startMsMax ?? SERVER_LIMITS.startMsMax;
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    child.kill('SIGKILL');
  }, startMsMax);
  try {
    // The pipe ends when the child has reported, or with the child.
    // Without descriptors for it there are no pipes at all.
    const said = await readAll(child.stdio?.[READY_FD]);
    const readiness = parseReadiness(said.trim());
    if (readiness !== null) return { readiness, ended: '' };
    const how = await ended;
    return {
      readiness,
      ended: isLate ? `it did not answer within ${formatSeconds(startMsMax)}` : how,
    };
  } finally {
    clearTimeout(timer);
    child.unref();
  }
}

async function readAll(pipe: ChildProcess['stdio'][number] | undefined): Promise<string> {
  if (!(pipe instanceof Readable)) return '';
  return await text(pipe).catch(() => '');
}

function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(`its program cannot be started (${error.message})`));
    child.once('exit', (code, signal) => resolve(`it ended at once (${signal ?? `exit ${code}`})`));
  });
}
