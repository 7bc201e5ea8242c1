/** What fields go through: a pool that the demo serves for the time, or a directory of files. */
import { mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WeatherError } from '../errors.js';
import { isModuleVia, loadExchangeModule } from '../exchange/module.js';
import { badUsage, type ModuleVia, type Via } from '../settings.js';
import { Child, describeEnd } from './child.js';
import { formatBytes } from './format.js';
import type { PoolServing } from './pool-process.js';

export interface Medium {
  /** For the settings of the programs. */
  readonly directory: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  /** The process that serves them all. */
  readonly server: Child | undefined;
  /** Of other processes whose memory counts. */
  readonly pids: readonly number[];
  /** A directory whose files take memory. */
  readonly memoryDirectory: string | undefined;
  /** What it is, a line each. */
  readonly description: readonly string[];
  /** Ends it and removes what it held. */
  close(): Promise<void>;
}

/** Magic number of tmpfs (statfs(2)). */
const TMPFS_MAGIC = 0x01021994;

/** Serves a pool in a process of its own. */
async function openPool(memoryBytes: number | undefined): Promise<Medium> {
  let tellServing = (_: PoolServing): void => {};
  const serving = new Promise<PoolServing>((resolve) => {
    tellServing = resolve;
  });
  const child = new Child({
    name: 'pool',
    file: './pool-process.js',
    args: memoryBytes === undefined ? [] : [`${memoryBytes}`],
    env: process.env,
    onMessage: (message) => tellServing(message as PoolServing),
  });
  const failed = child.ended.then((end) => {
    const why = child.errors === '' ? describeEnd(end) : child.errors;
    throw new WeatherError('program-failed', `Cannot serve a pool: the server ${why}`);
  });
  const { address, name, slabs, memory } = await Promise.race([serving, failed]);
  failed.catch(() => {});
  return {
    directory: undefined,
    env: { ...process.env, ATTACCA_POOL: address },
    server: child,
    pids: [],
    memoryDirectory: slabs,
    description: [
      `an ordinary pool: ATTACCA_POOL=${address}`,
      `its memory: ${memory}`,
      'look at it meanwhile from another terminal, in this directory:',
      `    npx attacca members --pool ${name}`,
      `    npx attacca ls -l --pool ${name} 'fc/number=1/*'`,
      `    npx attacca explain --pool ${name}`,
    ],
    async close() {
      child.kill('SIGTERM');
      await child.ended;
    },
  };
}

function openDirectory(parent: string, bytes: number): Medium {
  const { bavail, bsize, type } = statfsSync(parent);
  if (bavail * bsize < bytes) {
    throw badUsage(
      `Cannot write ${formatBytes(bytes)} of files to "${parent}": ` +
        `${formatBytes(bavail * bsize)} are free; choose another place with --dir`,
    );
  }
  const directory = mkdtempSync(join(parent, 'attacca-weather-'));
  const isMemory = type === TMPFS_MAGIC;
  return {
    directory,
    env: process.env,
    server: undefined,
    pids: [],
    memoryDirectory: isMemory ? directory : undefined,
    description: [`directory: ${directory} (${isMemory ? 'memory: a tmpfs' : 'disk, no fsync'})`],
    close() {
      rmSync(directory, { recursive: true, force: true });
      return Promise.resolve();
    },
  };
}

async function openModule(via: ModuleVia): Promise<Medium> {
  const module = await loadExchangeModule(via);
  const { env, pids, description, close } = await module.serve();
  return {
    directory: undefined,
    env: { ...process.env, ...env },
    server: undefined,
    pids,
    memoryDirectory: undefined,
    description,
    close,
  };
}

export interface MediumOptions {
  /** Of the directories of files. */
  readonly parent?: string | undefined;
  /** How much will go through it. */
  readonly bytes: number;
  /** How much of it a pool may hold at a time; without it, as the host allows. */
  readonly memoryBytes?: number | undefined;
}

export async function openMedium(
  via: Via,
  { parent = tmpdir(), bytes, memoryBytes }: MediumOptions,
): Promise<Medium> {
  if (via === 'pool' || via === 'brokers') return await openPool(memoryBytes);
  return isModuleVia(via) ? await openModule(via) : openDirectory(parent, bytes);
}
