import { LIMITS } from '../../core/limits.js';
import { copyPermuted } from '../../core/regions/copy.js';
import { type ByteOrder, itemSizeOf } from '../../core/space.js';
import { packed, type Room, unpacked } from '../../transforms/codecs.js';
import { crc32cOfProcess } from './crc32c.js';
import type { ZarrType } from './data-type.js';
import { badZarr, extension, type Json, type JsonMap } from './json.js';

const BLOSC_NAMES = ['lz4', 'lz4hc', 'blosclz', 'zstd', 'snappy', 'zlib'] as const;
export const BLOSC_SHUFFLES = ['noshuffle', 'shuffle', 'bitshuffle'] as const;

/** What a chunk goes through beside `bytes`, in this order when it is written. */
export type ZarrCodec =
  /** Axis `n` of what is stored is axis `order[n]` of the chunk. Before all others. */
  | { readonly name: 'transpose'; readonly order: readonly number[] }
  | { readonly name: 'gzip'; readonly level: number }
  | { readonly name: 'zstd'; readonly level: number; readonly checksum: boolean }
  | {
      readonly name: 'blosc';
      readonly cname: (typeof BLOSC_NAMES)[number];
      readonly clevel: number;
      readonly shuffle: (typeof BLOSC_SHUFFLES)[number];
      /** As it was said; our own writing shuffles items of four bytes, which others read too. */
      readonly typesize: number;
      /** 0: its own choice. */
      readonly blocksize: number;
    }
  | { readonly name: 'crc32c' };

const KNOWN = 'transpose, bytes, zstd, blosc, gzip and crc32c';
const BLOSC_TYPESIZE_MAX = 255;
const ZSTD_LEVELS = [-131_072, 22] as const;
const CRC_BYTES = 4;
/** What codecs can add to a chunk that does not compress. */
const CODED_SLACK_BYTES = 64 * 1024;

const hasByteOrder = (dtype: ZarrType): boolean =>
  !dtype.startsWith('string') && itemSizeOf(dtype) > 1;

/** The list of codecs of an array's zarr.json. */
export function codecsJson(
  codecs: readonly ZarrCodec[],
  dtype: ZarrType,
  endian: ByteOrder,
): Json[] {
  const listed = codecs.map(({ name, ...configuration }): JsonMap => {
    return Object.keys(configuration).length === 0 ? { name } : { name, configuration };
  });
  const before = codecs.findLastIndex(({ name }) => name === 'transpose') + 1;
  const bytes = hasByteOrder(dtype)
    ? { name: 'bytes', configuration: { endian } }
    : { name: 'bytes' };
  return [...listed.slice(0, before), bytes, ...listed.slice(before)];
}

/** What the list of codecs says. `not-a-zarr-store` for what is wrong or not known. */
export function parseCodecs(
  value: unknown,
  { dtype, shape }: { dtype: ZarrType; shape: readonly number[] },
  path: string,
): { byteOrder: ByteOrder; codecs: readonly ZarrCodec[] } {
  const listed: readonly unknown[] = Array.isArray(value) ? value : [];
  if (listed.length > LIMITS.zarrCodecsMax) throw badZarr(path, `it has ${listed.length} codecs`);
  const all = listed.map((each) => extension(each, path, 'codec'));
  const at = all.findIndex(({ name }) => name !== 'transpose');
  const bytes = all[at];
  if (bytes?.name !== 'bytes') {
    throw badZarr(
      path,
      `it has the codec "${bytes?.name ?? ''}" where bytes should be; known are ${KNOWN}`,
    );
  }
  const endian = bytes.with['endian'];
  if (endian !== 'little' && endian !== 'big' && (hasByteOrder(dtype) || endian !== undefined)) {
    throw badZarr(path, 'its codec bytes says no byte order');
  }
  const codecs = all.toSpliced(at, 1).map(({ name, with: configuration }, place): ZarrCodec => {
    if ((name === 'transpose') !== place < at) {
      throw badZarr(path, `its codec "${name}" stands where it is not known; known are ${KNOWN}`);
    }
    const codec = parseCodec(name, configuration, shape.length);
    if (codec === 'unknown') {
      throw badZarr(path, `its codec "${name}" is not known; known are ${KNOWN}`);
    }
    if (codec !== 'wrong') return codec;
    const said = JSON.stringify(configuration);
    throw badZarr(path, `its codec "${name}" has a configuration that it cannot have: ${said}`);
  });
  return { byteOrder: endian === 'big' && hasByteOrder(dtype) ? 'big' : 'little', codecs };
}

function parseCodec(
  name: string,
  configuration: JsonMap,
  dimensions: number,
): ZarrCodec | 'unknown' | 'wrong' {
  switch (name) {
    case 'crc32c':
      return { name };
    case 'gzip': {
      const level = wholeOf(configuration['level'], 0, 9);
      return level === null ? 'wrong' : { name, level };
    }
    case 'zstd': {
      const level = wholeOf(configuration['level'], ...ZSTD_LEVELS);
      const checksum = configuration['checksum'] ?? false;
      return level === null || typeof checksum !== 'boolean' ? 'wrong' : { name, level, checksum };
    }
    case 'blosc':
      return parseBlosc(configuration);
    case 'transpose': {
      const { order } = configuration;
      const isOrder =
        Array.isArray(order) &&
        order.length === dimensions &&
        order.toSorted((one, other) => one - other).every((axis, at) => axis === at);
      return isOrder ? { name, order } : 'wrong';
    }
    default:
      return 'unknown';
  }
}

function parseBlosc(configuration: JsonMap): ZarrCodec | 'wrong' {
  const cname = BLOSC_NAMES.find((each) => each === configuration['cname']);
  const shuffle = BLOSC_SHUFFLES.find((each) => each === configuration['shuffle']);
  const clevel = wholeOf(configuration['clevel'], 0, 9);
  // It may be left out where nothing is shuffled.
  const typesize = wholeOf(configuration['typesize'] ?? 1, 1, BLOSC_TYPESIZE_MAX);
  const blocksize = wholeOf(configuration['blocksize'] ?? 0, 0, 2 ** 31 - 1);
  if (cname === undefined || shuffle === undefined) return 'wrong';
  if (clevel === null || typesize === null || blocksize === null) return 'wrong';
  return { name: 'blosc', ...{ cname, clevel, shuffle, typesize, blocksize } };
}

function wholeOf(value: unknown, least: number, most: number): number | null {
  const isWhole = Number.isInteger(value) && Number(value) >= least && Number(value) <= most;
  return isWhole ? Number(value) : null;
}

/** Bytes that a chunk of so many bytes can have as a file. */
export function codedBytesMax(size: number): number {
  return size + Math.ceil(size / 1_000) + CODED_SLACK_BYTES;
}

interface Chunk {
  readonly shape: readonly number[];
  readonly itemSize: number;
  readonly codecs: readonly ZarrCodec[];
}

type BytesCodec = Exclude<ZarrCodec, { name: 'transpose' }>;

const bytesCodecs = (codecs: readonly ZarrCodec[]): readonly BytesCodec[] =>
  codecs.filter((codec): codec is BytesCodec => codec.name !== 'transpose');

/** A chunk as its file has it. */
export async function encodeChunk(bytes: Uint8Array, chunk: Chunk): Promise<Uint8Array> {
  const axes = storedAxes(chunk);
  let coded = permuted(bytes, chunk.shape, axes, chunk.itemSize);
  for (const codec of bytesCodecs(chunk.codecs)) coded = await encode(coded, codec);
  return coded;
}

/** The elements of a chunk; never makes more bytes than it can have, whatever its file says. */
export async function decodeChunk(
  coded: Uint8Array,
  chunk: Chunk,
  path: string,
): Promise<Uint8Array> {
  const size = chunk.shape.reduce((product, each) => product * each, chunk.itemSize);
  let known: number | null = size;
  // Sizes of what each codec was given: known as far as nothing was compressed before.
  const steps = bytesCodecs(chunk.codecs).map((codec) => {
    const step = { codec, given: known };
    known = codec.name === 'crc32c' && known !== null ? known + CRC_BYTES : null;
    return step;
  });
  let bytes = coded;
  for (const { codec, given } of steps.toReversed()) {
    const room = { size: given ?? codedBytesMax(size), isExact: given !== null };
    bytes = await decode(bytes, codec, room, path);
  }
  if (bytes.length !== size) {
    throw badZarr(path, `it has ${bytes.length} bytes, a chunk has ${size}`);
  }
  const axes = storedAxes(chunk);
  const stored = axes.map((axis) => chunk.shape[axis] as number);
  const back = axes.map((_, at) => axes.indexOf(at));
  return permuted(bytes, stored, back, chunk.itemSize);
}

/** Which axis of the chunk each axis of what is stored is. */
function storedAxes({ shape, codecs }: Chunk): readonly number[] {
  return codecs.reduce(
    (axes, codec) =>
      codec.name === 'transpose' ? codec.order.map((axis) => axes[axis] as number) : axes,
    shape.map((_, at) => at),
  );
}

function permuted(
  bytes: Uint8Array,
  shape: readonly number[],
  axes: readonly number[],
  itemSize: number,
): Uint8Array {
  if (axes.every((axis, at) => axis === at)) return bytes;
  const target = new Uint8Array(bytes.length);
  const source = { bytes, shape, order: 'row' } as const;
  copyPermuted(source, { bytes: target, order: 'row' }, axes, itemSize);
  return target;
}

async function encode(bytes: Uint8Array, codec: BytesCodec): Promise<Uint8Array> {
  switch (codec.name) {
    case 'gzip':
      return packed({ codec: 'gzip', level: codec.level }, bytes);
    case 'zstd': {
      // 0 is a word for its own choice.
      const level = codec.level === 0 ? undefined : codec.level;
      return packed({ codec: 'zstd', level, hasChecksum: codec.checksum }, bytes);
    }
    case 'blosc': {
      const { cname, clevel, shuffle, blocksize } = codec;
      return packed(
        { codec: 'blosc', level: clevel, blosc: { cname, shuffle, blockSize: blocksize } },
        bytes,
      );
    }
    case 'crc32c': {
      const crc32c = await crc32cOfProcess();
      const coded = new Uint8Array(bytes.length + CRC_BYTES);
      coded.set(bytes);
      new DataView(coded.buffer).setUint32(bytes.length, crc32c(bytes), true);
      return coded;
    }
  }
}

async function decode(
  bytes: Uint8Array,
  codec: BytesCodec,
  room: Room,
  path: string,
): Promise<Uint8Array> {
  if (codec.name !== 'crc32c') {
    try {
      return await unpacked(codec.name, bytes, room);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw badZarr(path, `${codec.name} does not unpack its ${bytes.length} bytes: ${why}`);
    }
  }
  const crc32c = await crc32cOfProcess();
  if (bytes.length < CRC_BYTES) throw badZarr(path, 'it is too short for its checksum');
  const size = bytes.length - CRC_BYTES;
  const content = bytes.subarray(0, size);
  const said = new DataView(bytes.buffer, bytes.byteOffset + size).getUint32(0, true);
  if (said !== crc32c(content)) throw badZarr(path, 'its checksum is not that of its bytes');
  return content;
}
