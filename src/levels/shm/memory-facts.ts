import { readFile, stat, statfs } from 'node:fs/promises';
import { freemem, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileError } from './file-errors.js';
import type { DirectoryFacts, MachineFacts, MemoryFacts } from './sizing.js';

/** statfs(2) f_type of file systems whose pages are memory. */
const TMPFS_MAGIC = 0x01021994;
const RAMFS_MAGIC = 0x858458f6;
/** A v1 control group without a limit says a number near 2^63. */
const NO_LIMIT_FROM = 2 ** 60;

interface ReadFactsOptions {
  /** The user named the directory (`--shm-dir`): take no other. */
  readonly named?: boolean | undefined;
  /** Where slabs go when the directory is too small; default os.tmpdir(). */
  readonly fallbackDirectory?: string | undefined;
  /** Where /proc and /sys are; a parameter for tests. */
  readonly root?: string | undefined;
}

/** The usual place for slabs: /dev/shm where it exists, else (macOS) the temporary directory. */
export async function defaultShmDirectory(): Promise<string> {
  try {
    if ((await stat('/dev/shm')).isDirectory()) return '/dev/shm';
  } catch {
    // No such directory here.
  }
  return tmpdir();
}

/**
 * Reads what {@link decideMemory} needs: statfs of the directory, /proc/meminfo, the limits of the
 * control groups (v1 and v2, each parent included). Error: `file-error` when the directory itself
 * cannot be asked; everything else that is missing counts as "no limit".
 */
export async function readMemoryFacts(
  directory: string,
  options: ReadFactsOptions = {},
): Promise<MemoryFacts> {
  const root = options.root ?? '/';
  let preferred: DirectoryFacts;
  try {
    preferred = await readDirectoryFacts(directory);
  } catch (cause) {
    throw fileError('ask for the free space of', directory, cause);
  }
  const other = options.fallbackDirectory ?? tmpdir();
  const fallback =
    options.named === true || other === directory
      ? null
      : await readDirectoryFacts(other).catch(() => null);
  return { machine: await readMachineFacts(root), preferred, fallback };
}

async function readDirectoryFacts(directory: string): Promise<DirectoryFacts> {
  const found = await statfs(directory);
  const inMemory = found.type === TMPFS_MAGIC || found.type === RAMFS_MAGIC;
  return {
    directory,
    medium: inMemory ? 'memory' : 'disk',
    totalBytes: found.blocks * found.bsize,
    freeBytes: found.bavail * found.bsize,
  };
}

async function readMachineFacts(root: string): Promise<MachineFacts> {
  const meminfo = await textOf(join(root, 'proc/meminfo'));
  const total = kibibytes(meminfo, 'MemTotal') ?? totalmem();
  const available = kibibytes(meminfo, 'MemAvailable') ?? freemem();
  const group = await tightestGroup(root);
  return {
    totalBytes: total,
    availableBytes: available,
    cgroupLimitBytes: group?.limitBytes ?? null,
    cgroupLeftBytes: group?.leftBytes ?? null,
  };
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'latin1');
  } catch {
    return '';
  }
}

function kibibytes(meminfo: string, key: string): number | null {
  const found = new RegExp(`^${key}:\\s+(\\d+) kB$`, 'm').exec(meminfo);
  return found === null ? null : Number(found[1]) * 1024;
}

interface Group {
  readonly limitBytes: number;
  readonly leftBytes: number;
}

interface GroupFiles {
  readonly mount: string;
  readonly limit: string;
  readonly used: string;
  /** The line of memory.stat with file pages not lately used: reclaimed before anyone is killed. */
  readonly reclaimable: string;
}

const VERSION_2: GroupFiles = {
  mount: 'sys/fs/cgroup',
  limit: 'memory.max',
  used: 'memory.current',
  reclaimable: 'inactive_file',
};
const VERSION_1: GroupFiles = {
  mount: 'sys/fs/cgroup/memory',
  limit: 'memory.limit_in_bytes',
  used: 'memory.usage_in_bytes',
  reclaimable: 'total_inactive_file',
};

/** The group with the least left, among ours and all around it. Null: nothing limits us. */
async function tightestGroup(root: string): Promise<Group | null> {
  const text = await textOf(join(root, 'proc/self/cgroup'));
  let tightest: Group | null = null;
  for (const line of text.split('\n')) {
    // hierarchy-id:controllers:path (cgroups(7)); no controllers: version 2.
    const found = /^\d+:([^:]*):(\/.*)$/.exec(line);
    if (found === null) continue;
    const controllers = found[1] as string;
    const version2 = controllers === '';
    if (!version2 && !controllers.split(',').includes('memory')) continue;
    const files = version2 ? VERSION_2 : VERSION_1;
    for (const folder of foldersUpwards(found[2] as string)) {
      const group = await readGroup(join(root, files.mount, folder), files);
      if (group !== null && (tightest === null || group.leftBytes < tightest.leftBytes)) {
        tightest = group;
      }
    }
  }
  return tightest;
}

/** `/a/b` and every folder around it. In a container the path may not exist; the root does. */
function foldersUpwards(path: string): string[] {
  const names = path.split('/').filter((name) => name !== '' && name !== '..');
  const folders: string[] = [];
  for (let count = names.length; count >= 0; count--) folders.push(names.slice(0, count).join('/'));
  return folders;
}

async function readGroup(folder: string, files: GroupFiles): Promise<Group | null> {
  const limitText = (await textOf(join(folder, files.limit))).trim();
  const usedText = (await textOf(join(folder, files.used))).trim();
  if (!/^\d+$/.test(limitText) || !/^\d+$/.test(usedText)) return null; // "max", or no such file.
  const limitBytes = Number(limitText);
  if (limitBytes >= NO_LIMIT_FROM) return null;
  const stats = await textOf(join(folder, 'memory.stat'));
  const found = new RegExp(`^${files.reclaimable} (\\d+)$`, 'm').exec(stats);
  const used = Math.max(0, Number(usedText) - (found === null ? 0 : Number(found[1])));
  return { limitBytes, leftBytes: Math.max(0, limitBytes - used) };
}
