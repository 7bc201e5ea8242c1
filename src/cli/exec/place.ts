import { existsSync, lstatSync, readlinkSync, symlinkSync, unlinkSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { npyHeader, parseNpyHeader } from '../../formats/npy/header.js';
import { isAdopted, openSlab, slabPath } from '../../levels/shm/slabs.js';
import { fileError } from '../file-errors.js';
import type { Located } from '../pool/located.js';
import { writeObject } from '../pool/sink.js';
import type { Scratch } from './scratch.js';

const READ_ONLY = 0o400;

/**
 * Makes an object a file at a path, or in the scratch directory; returns where. An object that has
 * a slab of its own (an adopted file) is linked to: no byte is copied. Others are copied into
 * scratch, which is memory where slabs are shared.
 */
export async function placeInput(
  object: Located,
  path: string | null,
  how: { readonly npy: boolean; readonly scratch: Scratch; readonly signal: AbortSignal },
): Promise<string> {
  const whole = await wholeFile(object, how.npy);
  if (path === null && whole === null) return await copied(object, how);
  const target = whole ?? (await copied(object, how));
  const link = path ?? how.scratch.path(object.name, how.npy ? '.npy' : '');
  try {
    if (isLeftover(link)) unlinkSync(link);
    symlinkSync(target, resolve(link));
  } catch (cause) {
    throw fileError('make the file', link, cause);
  }
  return link;
}

/** A link of ours that leads nowhere: who made it was killed. */
function isLeftover(path: string): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  return stats?.isSymbolicLink() === true && isOurs(readlinkSync(path)) && !existsSync(path);
}

/** Takes the link of {@link placeInput} away, unless the program has put something else there. */
export function unplaceInput(path: string): void {
  try {
    if (lstatSync(path).isSymbolicLink() && isOurs(readlinkSync(path))) unlinkSync(path);
  } catch {
    // It has gone.
  }
}

function isOurs(target: string): boolean {
  return /\/(?:slab-\d+|(?:attacca-)?scratch-[^/]+\/\d+\/[^/]+)$/u.test(target);
}

/** The file that holds this object and nothing else, in the form that is asked for; or null. */
async function wholeFile(object: Located, npy: boolean): Promise<string | null> {
  const { slice, slabsDirectory } = object;
  if (slice === null || slabsDirectory === null || (slice.offset > 0 && !npy)) return null;
  const path = slabPath(slabsDirectory, slice.slab);
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined || stats.size !== slice.offset + slice.size) return null;
  // Slabs that several objects share are written to; an adopted file is not, ever again.
  if (!isAdopted(stats)) return null;
  if (!npy) return path;
  if (slice.offset === 0) return null;
  await using slab = await openSlab(slabsDirectory, slice.slab, 'read');
  const start = Buffer.alloc(slice.offset);
  await slab.preadInto(start, 0);
  try {
    const { space, dataOffset } = parseNpyHeader(start, path);
    const same =
      dataOffset === slice.offset &&
      npyHeader(space).toString() === npyHeader(object.space).toString();
    return same ? path : null;
  } catch {
    return null;
  }
}

async function copied(
  object: Located,
  how: { readonly npy: boolean; readonly scratch: Scratch; readonly signal: AbortSignal },
): Promise<string> {
  const path = how.scratch.path(object.name, how.npy ? '.npy' : '');
  try {
    await using handle = await open(path, 'wx', 0o600);
    const format = how.npy ? 'npy' : 'raw';
    await writeObject(handle.fd, object, { format, signal: how.signal });
    await handle.chmod(READ_ONLY);
  } catch (cause) {
    throw fileError('write', path, cause);
  }
  return path;
}
