import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, open, readdir, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { refuse } from '../core/assert.js';
import { AttaccaError } from '../core/errors.js';
import { fileError } from '../core/file-error.js';
import type { Format } from './format.js';
import { isJsonMap, parseJson } from './json.js';

/** Of a file's mode those that say who may do what. */
const MODE_BITS = 0o777;

/**
 * Makes a file under another name beside it, and renames it when it is whole and on the disk. A
 * link stays, and what it leads to is replaced; who may read what is replaced may read the new one.
 */
export async function whole(
  named: string,
  format: Format,
  make: (draft: string) => Promise<void>,
): Promise<void> {
  const path = existsSync(named) ? await realpath(named) : named;
  // No part of the name, which can be as long as names are.
  const draft = join(dirname(path), `.attacca-${randomBytes(6).toString('hex')}`);
  try {
    await mustBeReplaceable(path, format);
    await make(draft);
    if (format.isFolder) await placeFolder(path, draft);
    else await placeFile(path, draft);
  } catch (cause) {
    await rm(draft, { recursive: true, force: true }).catch(() => {});
    throw ofPath(fileError('write', path, cause), draft, named);
  }
}

/** What fails with the draft fails with the file that was named. */
function ofPath(error: unknown, draft: string, path: string): unknown {
  if (!(error instanceof AttaccaError) || !error.message.includes(draft)) return error;
  const { code, fields, cause } = error;
  const [before = '', ...told] = error.message.split(draft);
  // Of a folder it may be a file within.
  const message = [before, ...told.map((each) => each.replace(/^[^"]*/u, ''))].join(path);
  return new AttaccaError(code, message, { ...fields, path }, { cause });
}

/** What is there may be replaced by what it is itself. */
async function mustBeReplaceable(path: string, { isFolder, title }: Format): Promise<void> {
  if (!existsSync(path)) return;
  const there = await stat(path);
  const isIt = isFolder
    ? there.isDirectory() && existsSync(join(path, 'zarr.json'))
    : there.isFile();
  if (isIt && isFolder) mustBeZarrAlone(path, path);
  if (isIt) return;
  const what = there.isDirectory() ? 'a folder' : there.isFile() ? 'a file' : 'a device or a pipe';
  refuse('bad-argument', `Cannot write "${path}" as ${title}: there is ${what} of that name`, {
    path,
  });
}

/** A folder is replaced as a whole: nothing else may be in it than the store. */
function mustBeZarrAlone(root: string, path: string): void {
  const json = readFileSync(join(path, 'zarr.json'), 'utf8');
  const node = parseJson(json);
  const isArray = isJsonMap(node) && node['node_type'] === 'array';
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.name === 'zarr.json' || (isArray && entry.name === 'c')) continue;
    const inner = join(path, entry.name);
    if (!isArray && entry.isDirectory() && existsSync(join(inner, 'zarr.json'))) {
      mustBeZarrAlone(root, inner);
      continue;
    }
    const why = `"${inner}" is no part of the store, and would be removed`;
    refuse('bad-argument', `Cannot replace "${root}": ${why}`, { path: inner });
  }
}

async function placeFile(path: string, draft: string): Promise<void> {
  if (existsSync(path)) await chmod(draft, await permissionsOf(path));
  await sync(draft);
  await rename(draft, path);
  await syncFolder(dirname(path));
}

/**
 * No system call puts a folder into the place of another that is not empty: two renames do. Its
 * many files are brought to the disk only where that is what a power loss would leave.
 */
export async function placeFolder(
  path: string,
  draft: string,
  move: typeof rename = rename,
  remove: typeof rm = rm,
): Promise<void> {
  if (!existsSync(path)) return await move(draft, path);
  // All that may fail comes before the new one is in place.
  await chmod(draft, await permissionsOf(path));
  await syncAll(draft);
  const former = `${draft}-former`;
  await move(path, former);
  try {
    await move(draft, path);
  } catch (error) {
    await move(former, path);
    throw error;
  }
  await syncFolder(dirname(path));
  // The file is what was wanted: that the former is hard to remove is no failure of that.
  await remove(former, { recursive: true, force: true, maxRetries: 3 }).catch(() => {});
}

async function permissionsOf(path: string): Promise<number> {
  return (await stat(path)).mode & MODE_BITS;
}

async function syncAll(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    await (entry.isDirectory() ? syncAll(path) : sync(path));
  }
  await syncFolder(folder);
}

async function sync(path: string): Promise<void> {
  await using file = await open(path, 'r');
  await file.sync();
}

/** Some file systems have no such thing for folders. */
async function syncFolder(path: string): Promise<void> {
  await sync(path).catch(() => {});
}
