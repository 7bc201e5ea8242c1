import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { chmod, chown, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Stage } from '../harness/benchmark.js';
import { SETPRIV } from '../harness/crew.js';
import { nodePackageAbsent } from './installed.js';

/** Names the socket; nothing listens on TCP. */
export const POSTGRES_PORT = 5_432;
/** Where Debian puts each version. */
const VERSIONS = '/usr/lib/postgresql';
const INSTALL = 'bench/install-rivals.sh';
const START_MS = 30_000;
const LOOK_MS = 20;

/** What a machine is given that has PostgreSQL and its clients to serve. */
const SETTINGS: readonly string[] = [
  ...['listen_addresses=', 'max_connections=120', 'shared_buffers=1GB'],
  ...['effective_cache_size=4GB', 'work_mem=64MB', 'maintenance_work_mem=512MB'],
  ...['random_page_cost=1.1', 'max_wal_size=4GB', 'wal_level=minimal', 'max_wal_senders=0'],
  ...['jit=off'],
];
/** Nothing survives the machine: beside what is held in memory. */
const NOT_KEPT: readonly string[] = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off'];
/** Every commit is on disk before it is answered. */
const KEPT: readonly string[] = ['fsync=on', 'synchronous_commit=on'];

/** The directory of the newest server's programs, where there is one. */
function programs(): string | null {
  if (!existsSync(VERSIONS)) return null;
  const found = readdirSync(VERSIONS)
    .map(Number)
    .filter((version) => existsSync(`${VERSIONS}/${version}/bin/initdb`))
    .sort((a, b) => b - a);
  return found.length === 0 ? null : `${VERSIONS}/${found[0]}/bin`;
}

/** Why PostgreSQL cannot take part, or null. */
export function postgresAbsent(): string | null {
  if (programs() === null) return `not installed; install with: ${INSTALL}`;
  return nodePackageAbsent('postgres');
}

/** It refuses to run as root: then it runs as nobody. */
function otherUser(): { readonly uid: number; readonly gid: number } | null {
  if (process.getuid?.() !== 0) return null;
  const id = (flag: string): number =>
    Number(spawnSync('id', [flag, 'nobody'], { encoding: 'utf8' }).stdout);
  return { uid: id('-u'), gid: id('-g') };
}

/**
 * Starts PostgreSQL with a fresh cluster for one measurement: in memory and without syncing, or
 * kept on disk. Returns the directory of its socket; the user `bench` may do everything there.
 */
export async function startPostgres(
  stage: Stage,
  { isKept }: { readonly isKept: boolean },
): Promise<string> {
  const user = otherUser();
  const asUser =
    user === null
      ? []
      : [SETPRIV, `--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups', '--'];
  const root = isKept ? stage.diskDirectory : stage.memoryDirectory;
  const directory = join(root, 'postgres');
  await mkdir(directory);
  if (user !== null) {
    // The scratch directory is ours alone; it must be passed through.
    await chmod(root, 0o711);
    await chown(directory, user.uid, user.gid);
  }
  const data = join(directory, 'data');
  const bin = programs();
  await stage.crew.run(
    [
      ...asUser,
      `${bin}/initdb`,
      ...['--pgdata', data, '--username', 'bench', '--auth', 'trust', '--encoding', 'UTF8'],
      ...['--locale', 'C', '--no-sync', '--no-instructions'],
    ],
    { cwd: '/' },
  );
  const settings = [...SETTINGS, ...(isKept ? KEPT : NOT_KEPT), `port=${POSTGRES_PORT}`];
  const server = stage.crew.command(
    [
      ...asUser,
      ...[`${bin}/postgres`, '-D', data, '-k', directory],
      ...settings.flatMap((setting) => ['-c', setting]),
    ],
    { cwd: '/' },
  );
  let said = '';
  server.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const until = performance.now() + START_MS;
  while (!said.includes('ready to accept connections')) {
    if (performance.now() > until || server.exitCode !== null) {
      throw new Error(`PostgreSQL did not start\n${said}`);
    }
    await sleep(LOOK_MS);
  }
  return directory;
}
