import { open, rm } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Pool } from '../client/pool.js';
import { throwIfAborted, unlessAborted } from '../client/waiting.js';
import { AttaccaError } from '../core/errors.js';
import { itemSizeOf } from '../core/space.js';
import { type FileSource, MemorySource } from '../formats/bytes.js';
import { product } from '../formats/chunking.js';
import { type Dataset, shapeOf } from '../formats/dataset.js';
import { elementSize } from '../formats/element-size.js';
import { scanGrib } from '../formats/grib/scan.js';
import { GribValues } from '../formats/grib/values.js';
import { dtypeOf } from './fitting.js';
import type { DatasetFormat } from './format.js';
import { decodeHeader, encodeHeader, type FileHeader } from './header.js';
import type { Objects } from './objects.js';
import type { ImportOptions, ToImport } from './offering.js';
import { memoryOf } from './room.js';

type HeaderOf<K extends FileHeader['kind']> = Extract<FileHeader, { kind: K }>;

/** Files up to this size are kept whole, unless it is said otherwise. */
const ORIGINAL_BYTES_MAX = 64 * 1024 * 1024;
/** A variable that is held against the file is in memory twice. */
const VARIABLE_BYTES_MAX = 1024 * 1024 * 1024;
const PIECE_BYTES = 8 * 1024 * 1024;

/** Beside the variables of the file, none of which is called so. */
const originalName = (file: string): string => `${file}/.original`;

/** Whether the bytes of a file are kept: `asked`, else if that costs little and there is room. */
export async function isOriginalKept(
  pool: Pool,
  size: number,
  objects: readonly number[],
  asked: boolean | undefined,
): Promise<boolean> {
  if (objects.some((bytes) => bytes > VARIABLE_BYTES_MAX)) return false;
  if (asked !== undefined || size > ORIGINAL_BYTES_MAX) return asked ?? false;
  const all = objects.reduce((sum, bytes) => sum + bytes, size);
  return all <= ((await memoryOf(pool))?.free ?? 0);
}

/** Bytes of a file, and how many zeros there are behind them. */
export interface Piece {
  readonly offset: number;
  readonly size: number;
  readonly padding: number;
}

/** Bytes of a file, one piece behind another, each with so many zeros behind it. */
export function originalObject(
  file: string,
  source: FileSource,
  pieces: readonly Piece[],
  path: string,
  { attributes }: ImportOptions,
): ToImport {
  const size = pieces.reduce((sum, each) => sum + each.size + each.padding, 0);
  return {
    name: originalName(file),
    space: { dtype: 'uint8', shape: [size], order: 'row', byteOrder: 'little' },
    attributes: {
      ...{ 'file.original': true, '.part-of': file, file: basename(path) },
      ...attributes,
    },
    async fill(into, done) {
      let at = 0;
      for (const { offset, size: bytes, padding } of pieces) {
        for (let from = 0; from < bytes; from += PIECE_BYTES) {
          const piece = into.subarray(at + from, at + Math.min(bytes, from + PIECE_BYTES));
          source.read(offset + from, piece);
          done(piece.length);
        }
        into.fill(0, at + bytes, at + bytes + padding);
        at += bytes + padding;
      }
    },
  };
}

/** Bytes of the elements of all variables. */
export function bytesIn(dataset: Dataset): number {
  const sizes = dataset.variables.map(({ type }, place) => {
    return product(shapeOf(dataset, place)) * elementSize(type);
  });
  return sizes.reduce((all, each) => all + each, 0);
}

interface Hearing {
  readonly signal?: AbortSignal | undefined;
  readonly onBytes?: ((bytes: number, expected: number) => void) | undefined;
}

/**
 * Writes the file that was imported, to the byte, if that is kept and says what the objects say
 * now. Else it writes nothing: null when it was not kept, false when it is gone or says something
 * else. Objects are waited for as in any export.
 */
export async function wroteOriginal(
  objects: Objects,
  header: HeaderOf<'dataset' | 'fields'>,
  draft: string,
  isSame: (original: Uint8Array) => Promise<boolean>,
): Promise<boolean | null> {
  const { original: name } = header;
  if (name === undefined) return null;
  if ((await objects.find(name)) === null) return false;
  await using original = await objects.demand(name);
  const bytes = original.unsafeBytes();
  {
    await using file = await open(draft, 'wx');
    await file.writeFile(bytes);
  }
  if (await isSame(bytes)) return true;
  await rm(draft);
  return false;
}

/** Whether a file holds what is told of it, and in its variables what the objects have. */
export async function isOfObjects(
  objects: Objects,
  header: HeaderOf<'dataset'>,
  format: DatasetFormat,
  path: string,
  hearing: Hearing,
): Promise<boolean> {
  try {
    await using source = await format.open(path);
    const read = { ...header, dataset: source.dataset, layout: source.layout };
    // As it is told: whatever is in another order, or left out, in what was read.
    const told = encodeHeader(decodeHeader(encodeHeader(read), path));
    if (!Buffer.from(told).equals(encodeHeader(header))) return false;
    const expected = bytesIn(source.dataset);
    hearing.onBytes?.(0, expected);
    for (const [place, { type, byteOrder }] of source.dataset.variables.entries()) {
      const name = header.objects[place];
      if (typeof name !== 'string') return false;
      throwIfAborted(`export "${name}"`, hearing.signal);
      const order = itemSizeOf(dtypeOf(type)) > 1 ? { byteOrder } : {};
      await using delivered = await objects.demand(name, { order: source.order, ...order });
      const { shape, dtype } = delivered.space;
      const sizes = shapeOf(source.dataset, place);
      if (dtype !== dtypeOf(type) || shape.join() !== sizes.join()) return false;
      const bytes = delivered.unsafeBytes();
      if (bytes.length > VARIABLE_BYTES_MAX) return false;
      const original = new Uint8Array(bytes.length);
      const reading = source.readInto(place, original, (some) => hearing.onBytes?.(some, expected));
      await unlessAborted(reading, `export "${path}"`, hearing);
      if (Buffer.compare(original, bytes) !== 0) return false;
    }
    return true;
  } catch (error) {
    if (error instanceof AttaccaError && NO_FILE.includes(error.code)) return false;
    throw error;
  }
}

const NO_FILE: readonly string[] = ['not-a-netcdf-file', 'bad-file-header', 'file-error'];

/** Whether the messages say what the objects of decoded fields have. Needs ecCodes. */
export async function isOfFields(
  objects: Objects,
  { fields }: HeaderOf<'fields'>,
  bytes: Uint8Array,
  { signal, onBytes }: Hearing,
): Promise<boolean> {
  const source = new MemorySource('messages', bytes);
  const { messages, damaged } = await scanGrib(source);
  if (messages.length !== fields.length || damaged.length > 0) return false;
  using values = new GribValues();
  for (const [at, { offset, size }] of messages.entries()) {
    const name = fields[at] as string;
    throwIfAborted(`export "${name}"`, signal);
    const field = await values.decode(bytes.slice(offset, offset + size));
    await using delivered = await objects.demand(name, { order: 'row', byteOrder: 'little' });
    const { buffer, byteOffset, byteLength } = field.values;
    const own = Buffer.from(buffer, byteOffset, byteLength);
    if (delivered.space.dtype !== 'float32' || !own.equals(delivered.unsafeBytes())) return false;
    if (delivered.space.shape.join() !== field.shape.join()) return false;
    onBytes?.(byteLength, 0);
  }
  return true;
}
