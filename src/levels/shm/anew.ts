import { rmSync } from 'node:fs';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../../core/system-errors.js';
import { fileError } from './file-errors.js';

const FILE = 'anew';
const DRAFT = 'anew.draft';

/**
 * Slabs of a pool's directory that were made anew, and that no journal says so of yet: their sizes
 * are right, and what lies in them is not what the pool believes. Whoever takes the directory over
 * must take them for gone.
 */
export async function slabsAnew(directory: string): Promise<ReadonlySet<number>> {
  const path = join(directory, FILE);
  try {
    const found: unknown = JSON.parse(await readFile(path, 'utf8'));
    return new Set(Array.isArray(found) ? found.map(Number) : []);
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return new Set();
    throw fileError('read', path, cause);
  }
}

/** Before any of them is made. The file is whole or not there, whenever the process is killed. */
export async function beginAnew(directory: string, slabs: readonly number[]): Promise<void> {
  const [path, draft] = [join(directory, FILE), join(directory, DRAFT)];
  try {
    await rm(draft, { force: true });
    await writeFile(draft, JSON.stringify(slabs), { mode: 0o600, flag: 'wx' });
    await rename(draft, path);
  } catch (cause) {
    throw fileError('create', path, cause);
  }
}

/** That they were made anew is durable; at once, as others are about to write to them. */
export function endAnew(directory: string): void {
  const path = join(directory, FILE);
  try {
    rmSync(path, { force: true });
  } catch (cause) {
    throw fileError('remove', path, cause);
  }
}
