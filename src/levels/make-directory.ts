import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemCode } from '../core/system-errors.js';

/**
 * Makes a directory and those that it lies in; returns the first that was not there, undefined when
 * all were. Node's `mkdir` with `recursive` tries for ever where what says ENOENT is no lack of a
 * parent, as below /proc.
 */
export async function makeDirectory(
  path: string,
  options: { readonly mode?: number } = {},
): Promise<string | undefined> {
  try {
    return await makeOne(path, options);
  } catch (error) {
    const parent = dirname(path);
    if (systemCode(error) !== 'ENOENT' || parent === path) throw error;
    const first = await makeDirectory(parent, options);
    // Its parent is there now: who says ENOENT once more says no.
    const made = await makeOne(path, options);
    return first ?? made;
  }
}

/** Undefined: it was there. */
async function makeOne(
  path: string,
  options: { readonly mode?: number },
): Promise<string | undefined> {
  try {
    await mkdir(path, options);
    return path;
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
    if ((await stat(path)).isDirectory()) return undefined;
    // "It exists already" would be no answer to who names a directory.
    throw Object.assign(new Error('no directory', { cause: error }), { code: 'ENOTDIR' });
  }
}
