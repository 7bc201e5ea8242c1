import { join } from 'node:path';
import { AttaccaError } from '../../core/errors.js';
import { spaceBytes } from '../../core/space.js';
import type { LevelKey } from '../level.js';
import { ARRAYS, DRAFTS, isUnreadable, readArray, wrongTexts } from './array-files.js';
import { readHeads } from './footer.js';
import { isLive, type Problem } from './loading.js';
import { bytesOfUnits, type Pack, packPath } from './pack.js';
import { type ArrayPlace, decodeHead } from './record.js';
import { isRemoved } from './removed-packs.js';
import type { StoreDisk } from './store-disk.js';
import { readStoreFile } from './store-file.js';
import type { StoreReader } from './store-reader.js';

/** Something in a store that is not as it should be. */
export interface Finding {
  readonly kind:
    | Problem['kind']
    | 'lost-pack'
    | 'damaged-heads'
    | 'damaged-array'
    /** What a zarr.json says is not what the record does: others would read wrong values. */
    | 'damaged-metadata'
    | 'unlisted-array'
    | 'draft';
  /** Within the store. */
  readonly path: string;
  readonly offset: number;
  readonly bytes: number;
  /** Of the object that is damaged, where it is known. */
  readonly pool?: string;
  readonly name?: string;
  readonly version?: number;
  readonly why?: string;
  /** Of an array whose record is damaged: where its bytes are. */
  readonly folder?: string;
  /** Of metadata: what they were, and are to be again. */
  readonly text?: string;
}

/** What a crash leaves and the next writer puts away: nothing that anybody had is lost. */
const HARMLESS: ReadonlySet<Finding['kind']> = new Set([
  ...(['no-footer', 'torn', 'torn-tail', 'unlisted-array', 'draft'] as const),
]);

export function isDamage({ kind }: Pick<Finding, 'kind'>): boolean {
  return !HARMLESS.has(kind);
}

export interface Checked {
  readonly packs: number;
  readonly objects: number;
  readonly bytes: number;
  readonly findings: readonly Finding[];
}

export interface CheckOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told of each object that was read. */
  readonly onObject?: ((bytes: number) => void) | undefined;
}

/** Reads all that counts in a store and holds it against its checksums; changes nothing. */
export async function checkStore(
  reader: StoreReader,
  options: CheckOptions = {},
): Promise<Checked> {
  const findings: Finding[] = reader.problems.filter(({ kind }) => kind !== 'damaged-object');
  findings.push(...(await lostPacks(reader)));
  const folders = new Set<string>();
  let objects = 0;
  let bytes = 0;
  for (const pack of [...reader.packs.values()]) {
    for await (const each of checkPack(reader, pack, folders)) {
      if (options.signal?.aborted === true) {
        throw new AttaccaError('aborted', 'Cannot check the store: aborted');
      }
      if ('kind' in each) findings.push(each);
      else {
        objects++;
        bytes += each.bytes;
        options.onObject?.(each.bytes);
      }
    }
  }
  const { disk } = reader.parts;
  for (const { name, isFolder } of await disk.list(ARRAYS)) {
    if (!isFolder || folders.has(name)) continue;
    findings.push({ kind: 'unlisted-array', path: `${ARRAYS}/${name}`, offset: 0, bytes: 0 });
  }
  for (const { name } of await disk.list(DRAFTS)) {
    findings.push({ kind: 'draft', path: `${DRAFTS}/${name}`, offset: 0, bytes: 0 });
  }
  return { packs: reader.packs.size, objects, bytes, findings };
}

/** Packs that the store should have. One that is moved meanwhile goes from its list first. */
export async function lostPacks({ parts }: StoreReader): Promise<Finding[]> {
  const { disk, hash, listed } = parts;
  const gone: (readonly [number, number])[] = [];
  for (const pack of listed.packs) {
    if ((await disk.size(packPath(pack[0]))) !== null) continue;
    if (!(await isRemoved(disk, pack[0]))) gone.push(pack);
  }
  if (gone.length === 0) return [];
  const now = await readStoreFile(disk, hash);
  const still = new Set(now.kind === 'right' ? now.packs.map(([number]) => number) : []);
  return gone
    .filter(([number]) => still.has(number))
    .map(([number, bytes]) => ({ kind: 'lost-pack', path: packPath(number), offset: 0, bytes }));
}

async function* checkPack(
  reader: StoreReader,
  pack: Pack,
  folders: Set<string>,
): AsyncIterable<Finding | { readonly bytes: number }> {
  const { parts, index } = reader;
  const { number } = pack.header;
  const path = packPath(number);
  let heads = pack.heads;
  if (heads === null && pack.footer !== null) {
    heads = await readHeads(parts.disk, path, pack.footer, parts.hash);
    const { end, headsBytes } = pack.footer;
    if (heads === null) yield { kind: 'damaged-heads', path, offset: end, bytes: headsBytes };
  }
  for (let at = 0; at < pack.entries.count; at++) {
    const entry = pack.entries.at(at);
    if (!isLive(index, number, entry)) continue;
    const head = heads === null ? null : decodeHead(heads[at] as Uint8Array);
    if (head?.array) folders.add(head.array.folder);
    const key = head?.key ?? { pool: '', name: '', version: entry.version };
    const [offset, bytes] = [bytesOfUnits(entry.place), bytesOfUnits(entry.units)];
    try {
      const read = await reader.readSlot({ ...entry, pack: number }, true, key);
      const { space, array } = read.head;
      const size = spaceBytes(space);
      if (array !== null) {
        folders.add(array.folder);
        const found = await checkArray(parts.disk, { ...read.head, array }, size);
        if (found !== null) {
          yield found;
          continue;
        }
        for (const { path: file, text } of await wrongTexts(parts.disk, read.headBytes)) {
          yield { kind: 'damaged-metadata', path: file, offset: 0, bytes: 0, ...key, text };
        }
      }
      yield { bytes: size };
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      const folder = head?.array == null ? {} : { folder: head.array.folder };
      yield { kind: 'damaged-object', path, offset, bytes, ...key, ...folder, why: error.message };
    }
  }
}

async function checkArray(
  disk: StoreDisk,
  head: Parameters<typeof readArray>[1],
  size: number,
): Promise<Finding | null> {
  try {
    for await (const block of readArray(disk, head, size, null)) if (block.length > size) break;
    return null;
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    const path = `${ARRAYS}/${head.array.folder}`;
    const base = { path, offset: 0, bytes: size, ...head.key };
    return { kind: 'damaged-array', ...base, why: error.message };
  }
}

/** What an array says of the object that it is, in the group around it; null: nothing of ours. */
export async function headOfArray(
  disk: StoreDisk,
  folder: string,
): Promise<{
  readonly head: Uint8Array;
  readonly array: ArrayPlace;
  readonly key: LevelKey;
} | null> {
  const path = join(ARRAYS, folder, 'zarr.json');
  const size = await disk.size(path);
  if (size === null) return null;
  const bytes = new Uint8Array(size);
  await disk.read(path, 0, bytes);
  try {
    const said = JSON.parse(new TextDecoder().decode(bytes)) as {
      readonly attributes?: { readonly attacca?: { readonly record?: unknown } };
    };
    const record = said.attributes?.attacca?.record;
    if (typeof record !== 'string') return null;
    const head = new Uint8Array(Buffer.from(record, 'base64'));
    const decoded = decodeHead(head);
    if (decoded?.array?.folder !== folder) return null;
    return { head, array: decoded.array, key: decoded.key };
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
