import { promisify } from 'node:util';
import { constants, gunzip, gzip } from 'node:zlib';
import { refuseTransform, transformFailed } from './failure.js';
import type { Codec, SpecOf } from './spec.js';

const pack = promisify(gzip);
const unpack = promisify(gunzip);

/** Levels that are asked of a library; left out: its own choice. */
const LEVELS: Readonly<Record<Codec, readonly [least: number, most: number]>> = {
  gzip: [0, 9],
  zstd: [1, 22],
  lz4: [1, 65_537],
  blosc: [0, 9],
};

export function checkCodec(codec: Codec, level: number | undefined): void {
  if (!Object.hasOwn(LEVELS, codec)) {
    const known = Object.keys(LEVELS).join(', ');
    refuseTransform('compress', `"${String(codec)}" is none of ${known}`);
  }
  const [least, most] = LEVELS[codec];
  if (level === undefined) return;
  if (!(Number.isInteger(level) && level >= least && level <= most)) {
    refuseTransform('compress', `${codec} has levels ${least} to ${most}, not ${level}`);
  }
}

/** The library's codec, loaded when it is needed first: some 100 KiB of WebAssembly each. */
async function libraryCodec(codec: Exclude<Codec, 'gzip'>, level: number | undefined) {
  switch (codec) {
    case 'zstd': {
      const { default: Zstd } = await import('numcodecs/zstd');
      return Zstd.fromConfig({ id: 'zstd', level: level ?? 3 });
    }
    case 'lz4': {
      const { default: Lz4 } = await import('numcodecs/lz4');
      return Lz4.fromConfig({ id: 'lz4', acceleration: level ?? 1 });
    }
    case 'blosc': {
      const { default: Blosc } = await import('numcodecs/blosc');
      // Shuffling is a transform of its own: what is said is what is done.
      return Blosc.fromConfig({ id: 'blosc', cname: 'lz4', clevel: level ?? 5, shuffle: 0 });
    }
  }
}

export async function compress(
  { codec, level }: SpecOf<'compress'>,
  bytes: Uint8Array,
): Promise<Uint8Array> {
  if (codec === 'gzip') {
    return own(await pack(bytes, { level: level ?? constants.Z_DEFAULT_COMPRESSION }));
  }
  const library = await libraryCodec(codec, level);
  return own(await library.encode(bytes));
}

/**
 * The bytes that were compressed: exactly `size`. `transform-failed` when they are cut or damaged,
 * or say that they are more: nothing is unpacked beyond what the space has room for.
 */
export async function decompress(codec: Codec, bytes: Uint8Array, size: number) {
  try {
    const unpacked = await unpackAtMost(codec, bytes, size);
    if (unpacked.length !== size) throw new Error(`they are ${unpacked.length}`);
    return unpacked;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw transformFailed('decompress', `${codec} gives no ${size} bytes: ${why}`, cause);
  }
}

async function unpackAtMost(codec: Codec, bytes: Uint8Array, size: number): Promise<Uint8Array> {
  if (codec === 'gzip') return own(await unpack(bytes, { maxOutputLength: Math.max(size, 1) }));
  const declared = declaredSize(codec, bytes);
  if (declared !== size) throw new Error(`they say that they are ${declared ?? 'something else'}`);
  if (size === 0) return new Uint8Array(0);
  const library = await libraryCodec(codec, undefined);
  return own(await library.decode(bytes));
}

/** Bytes with a buffer to themselves: one may be moved to another thread only with all in it. */
function own(bytes: Uint8Array): Uint8Array {
  const { buffer, byteLength } = bytes;
  return buffer.byteLength === byteLength ? new Uint8Array(buffer) : new Uint8Array(bytes);
}

/** What the head of compressed bytes says of their size; null where it says nothing. */
function declaredSize(codec: Exclude<Codec, 'gzip'>, bytes: Uint8Array): number | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const has = (end: number): boolean => bytes.length >= end;
  switch (codec) {
    case 'lz4':
      return has(4) ? view.getUint32(0, true) : null;
    case 'blosc':
      // Bytes, bytes of a block, and all bytes with this head, which must be here.
      return has(16) && view.getUint32(12, true) === bytes.length ? view.getUint32(4, true) : null;
    case 'zstd':
      return zstdSize(bytes, view);
  }
}

/** RFC 8878, 3.1.1.1: the content size of the first frame. */
function zstdSize(bytes: Uint8Array, view: DataView): number | null {
  if (bytes.length < 6 || view.getUint32(0, true) !== 0xfd2f_b528) return null;
  const descriptor = view.getUint8(4);
  const isSingle = (descriptor & 0x20) !== 0;
  const dictionary = [0, 1, 2, 4][descriptor & 3] as number;
  const at = 5 + (isSingle ? 0 : 1) + dictionary;
  const sizeBytes = [isSingle ? 1 : 0, 2, 4, 8][descriptor >>> 6] as number;
  if (sizeBytes === 0 || bytes.length < at + sizeBytes) return null;
  switch (sizeBytes) {
    case 1:
      return view.getUint8(at);
    case 2:
      return view.getUint16(at, true) + 256;
    case 4:
      return view.getUint32(at, true);
    default:
      return Number(view.getBigUint64(at, true));
  }
}
