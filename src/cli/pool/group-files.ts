import { PoolGroup } from '../../client/group.js';
import type { Attributes, OfferOptions, WaitOptions } from '../../client/options.js';
import type { Delivered } from '../../client/received.js';
import type { Seat } from '../../client/seat.js';
import { allOf, fileChunks } from '../file-chunks.js';
import { makeDirectoryOf, pathInDirectory, type WriteOptions, writeFileOf } from './sink.js';
import type { ObjectToPut } from './store.js';

/** A file that becomes an object of a group. */
interface GroupFile {
  readonly name: string;
  readonly path: string;
  readonly size: number;
  readonly offset: number;
  readonly space: ObjectToPut['space'];
}

/** Offers files as one group, which the pool keeps; returns the bytes of each. */
export async function putGroup(
  seat: Seat,
  name: string,
  files: readonly GroupFile[],
  options: OfferOptions & WaitOptions & { readonly attributes: Attributes },
): Promise<readonly number[]> {
  const { attributes, ...how } = options;
  const group = new PoolGroup(seat, name, { attributes });
  const sizes = files.map((file) => {
    const bytes = bytesOf(file);
    group.add(file.name, bytes, { attributes, space: file.space });
    return bytes.length;
  });
  await group.offer({ ...how, keep: true });
  await group.dispose();
  return sizes;
}

/** What a kernel makes when it is read has size 0. */
function bytesOf({ path, size, offset }: GroupFile): Uint8Array {
  if (size === 0) return allOf(path);
  const bytes = new Uint8Array(size - offset);
  let at = 0;
  for (const chunk of fileChunks({ path, offset, size: bytes.length })) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** Waits for a group, and writes all that is in it, each to a file of its name. */
export async function getGroup(
  seat: Seat,
  name: string,
  directory: string,
  { timeoutMs, ...writing }: WriteOptions & WaitOptions,
): Promise<readonly Delivered[]> {
  const { signal } = writing;
  await using group = await new PoolGroup(seat, name, {}).demand({ timeoutMs, signal });
  const suffix = writing.format === 'npy' ? '.npy' : '';
  for (const view of group) {
    const path = pathInDirectory(directory, view.name, suffix);
    await makeDirectoryOf(path);
    const { space, size } = view;
    const chunks = async function* () {
      if (size > 0) yield view.unsafeBytes();
    };
    await writeFileOf(path, { space, chunks }, writing);
  }
  return [...group];
}
