import { promisify } from 'node:util';
import { constants, gunzip, gzip } from 'node:zlib';
import { refuseTransform, transformFailed } from './failure.js';
import type { Codec, SpecOf } from './spec.js';
import { withChecksum, withContentSize, zstdFrame } from './zstd-frame.js';

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

/** How Blosc packs; it rearranges items of four bytes, as the library has no other. */
interface BloscSettings {
  readonly cname: string;
  /** Whether bytes, or bits, of one place in each item are put side by side first. */
  readonly shuffle: 'noshuffle' | 'shuffle' | 'bitshuffle';
  /** 0: its own choice. */
  readonly blockSize: number;
}

/** A codec, and what it is told. */
interface Packing {
  readonly codec: Codec;
  readonly level: number | undefined;
  readonly blosc?: BloscSettings;
  /** Of zstd: whether a checksum of the content is put behind it. */
  readonly hasChecksum?: boolean;
}

/** Shuffling is a transform of its own: what is said is what is done. */
const BLOSC: BloscSettings = { cname: 'lz4', shuffle: 'noshuffle', blockSize: 0 };
const BLOSC_SHUFFLES = { noshuffle: 0, shuffle: 1, bitshuffle: 2 } as const;

/** The library's codec, loaded when it is needed first: some 100 KiB of WebAssembly each. */
async function libraryCodec(codec: Exclude<Codec, 'gzip'>, { level, blosc = BLOSC }: Settings) {
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
      const { cname, blockSize: blocksize } = blosc;
      const shuffle = BLOSC_SHUFFLES[blosc.shuffle];
      return Blosc.fromConfig({ id: 'blosc', cname, clevel: level ?? 5, shuffle, blocksize });
    }
  }
}

type Settings = Omit<Packing, 'codec'>;

export function compress(
  { codec, level }: SpecOf<'compress'>,
  bytes: Uint8Array,
): Promise<Uint8Array> {
  return packed({ codec, level }, bytes);
}

export async function packed({ codec, ...settings }: Packing, bytes: Uint8Array) {
  if (codec === 'gzip') {
    const level = settings.level ?? constants.Z_DEFAULT_COMPRESSION;
    return own(await pack(bytes, { level }));
  }
  const library = await libraryCodec(codec, settings);
  const coded = own(await library.encode(bytes));
  return settings.hasChecksum === true && codec === 'zstd' ? withChecksum(coded, bytes) : coded;
}

/**
 * The bytes that were compressed: exactly `size`. `transform-failed` when they are cut or damaged,
 * or say that they are more: nothing is unpacked beyond what the space has room for.
 */
export async function decompress(codec: Codec, bytes: Uint8Array, size: number) {
  try {
    return await unpacked(codec, bytes, { size, isExact: true });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw transformFailed('decompress', `${codec} gives no ${size} bytes: ${why}`, cause);
  }
}

/** How many bytes may come out: `size` of them, or at most so many where nobody can know. */
export interface Room {
  readonly size: number;
  readonly isExact: boolean;
}

/**
 * Bytes as they were before a codec. Throws a plain error where they do not fit into the room, and
 * makes none beyond it: what is compressed must say how much it is, except where the room does.
 */
export async function unpacked(codec: Codec, bytes: Uint8Array, room: Room): Promise<Uint8Array> {
  const all = await unpackedWithin(codec, bytes, room);
  const { size, isExact } = room;
  if (isExact ? all.length === size : all.length <= size) return all;
  throw new Error(`they are ${all.length}`);
}

async function unpackedWithin(codec: Codec, bytes: Uint8Array, room: Room): Promise<Uint8Array> {
  const { size, isExact } = room;
  if (codec === 'gzip') return own(await unpack(bytes, { maxOutputLength: Math.max(size, 1) }));
  const { source, declared } = codec === 'zstd' ? sized(bytes, room) : declaring(codec, bytes);
  if (declared === null || (isExact ? declared !== size : declared > size)) {
    throw new Error(`they say that they are ${declared ?? 'something else'}`);
  }
  if (declared === 0) return new Uint8Array(0);
  const library = await libraryCodec(codec, { level: undefined });
  return own(await library.decode(source));
}

interface Sized {
  readonly source: Uint8Array;
  /** What they say of their size; null where they say nothing. */
  readonly declared: number | null;
}

function sized(bytes: Uint8Array, { size, isExact }: Room): Sized {
  const frame = zstdFrame(bytes);
  if (frame === null) throw new Error('they are not one whole frame');
  const { contentSize } = frame;
  if (contentSize !== null || !isExact) return { source: bytes, declared: contentSize };
  return { source: withContentSize(bytes, frame, size), declared: size };
}

function declaring(codec: 'lz4' | 'blosc', bytes: Uint8Array): Sized {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const has = (end: number): boolean => bytes.length >= end;
  const declaredAs = (declared: number | null): Sized => ({ source: bytes, declared });
  switch (codec) {
    case 'lz4':
      return declaredAs(has(4) ? view.getUint32(0, true) : null);
    case 'blosc': {
      // Bytes, bytes of a block, and all bytes with this head, which must be here.
      const isWhole = has(16) && view.getUint32(12, true) === bytes.length;
      return declaredAs(isWhole ? view.getUint32(4, true) : null);
    }
  }
}

/** Bytes with a buffer to themselves: one may be moved to another thread only with all in it. */
function own(bytes: Uint8Array): Uint8Array {
  const { buffer, byteLength } = bytes;
  return buffer.byteLength === byteLength ? new Uint8Array(buffer) : new Uint8Array(bytes);
}
