import type { ByteSource } from '../bytes.js';

/** `\x89HDF\r\n\x1a\n`, with which a file begins, or what is behind a block of a user's. */
const SIGNATURE = Buffer.from('894844460d0a1a0a', 'hex');
const OLD_FILL = 0x04;
const FILL = 0x05;
const CONTINUED = 0x10;
/** The message lies elsewhere, shared among datasets: it is not looked for. */
const SHARED = 0x02;
const FLAGS = { sizeBytes: 0x03, ordered: 0x04, counts: 0x10, times: 0x20 } as const;
/** In version 3 of the message: a value is there. */
const IS_THERE = 0x20;
const CHECKSUM_BYTES = 4;
/** A header that says more is not read: its attributes lie elsewhere, when they are many. */
const HEADER_BYTES_MAX = 16 * 1024 * 1024;

/** Where places in a file are counted from. */
function baseOf(source: ByteSource): number | null {
  for (let at = 0; at + SIGNATURE.length <= source.size; at = Math.max(512, at * 2)) {
    const bytes = Buffer.alloc(SIGNATURE.length);
    source.read(at, bytes);
    if (bytes.equals(SIGNATURE)) return at;
  }
  return null;
}

/** Messages of a header: version 1 lies in multiples of 8, version 2 with checksums. */
interface Block {
  readonly at: number;
  readonly size: number;
}

interface Head {
  readonly first: Block;
  readonly isOld: boolean;
  /** Bytes in front of each message. */
  readonly messageHead: number;
}

/**
 * The fill value that somebody gave a dataset when it was made, as its elements lie in the file.
 * Null without one. h5wasm does not tell it: it stands in the header of the dataset, which begins
 * at `address` (The HDF5 Group, File Format Specification 3.0, IV.A).
 */
export function storedFill(source: ByteSource, address: number): Uint8Array | null {
  try {
    const base = baseOf(source);
    return base === null ? null : new Header(source, base).fillAt(address);
  } catch (error) {
    // It ends within a message, or says numbers that are none: HDF5 has not looked at it yet.
    if (error instanceof RangeError) return null;
    throw error;
  }
}

class Header {
  readonly #source: ByteSource;
  readonly #base: number;
  #left = HEADER_BYTES_MAX;

  constructor(source: ByteSource, base: number) {
    this.#source = source;
    this.#base = base;
  }

  fillAt(address: number): Uint8Array | null {
    const { first, isOld, messageHead } = this.#head(address);
    const waiting = [first];
    let old: Uint8Array | null = null;
    for (let block = waiting.shift(); block !== undefined; block = waiting.shift()) {
      const bytes = this.#read(block);
      for (let at = 0; at + messageHead <= bytes.length; ) {
        const type = isOld ? bytes.readUInt16LE(at) : bytes.readUInt8(at);
        const size = bytes.readUInt16LE(at + (isOld ? 2 : 1));
        const flags = bytes.readUInt8(at + (isOld ? 4 : 3));
        const body = bytes.subarray(at + messageHead, at + messageHead + size);
        at += messageHead + size;
        if ((flags & SHARED) !== 0) continue;
        if (type === FILL) return valueIn(body);
        if (type === OLD_FILL) old = sized(body, 0);
        if (type === CONTINUED) waiting.push(continued(body, isOld));
      }
    }
    return old;
  }

  #head(address: number): Head {
    const head = this.#read({ at: address, size: 12 });
    if (head.toString('latin1', 0, 4) !== 'OHDR') {
      const first = { at: address + 16, size: head.readUInt32LE(8) };
      return { first, isOld: true, messageHead: 8 };
    }
    const flags = head.readUInt8(5);
    const skipped = ((flags & FLAGS.times) === 0 ? 0 : 16) + ((flags & FLAGS.counts) === 0 ? 0 : 4);
    const width = 2 ** (flags & FLAGS.sizeBytes);
    const at = address + 6 + skipped;
    const said = this.#read({ at, size: width });
    const size = width === 8 ? Number(said.readBigUInt64LE()) : said.readUIntLE(0, width);
    const messageHead = (flags & FLAGS.ordered) === 0 ? 4 : 6;
    return { first: { at: at + width, size }, isOld: false, messageHead };
  }

  #read({ at, size }: Block): Buffer {
    this.#left -= size;
    const isThere = size >= 0 && this.#base + at + size <= this.#source.size;
    if (!isThere || this.#left < 0) throw new RangeError('a header lies outside of its file');
    const bytes = Buffer.alloc(size);
    this.#source.read(this.#base + at, bytes);
    return bytes;
  }
}

/** Addresses and sizes of 8 bytes: HDF5 writes no others by itself. */
function continued(body: Buffer, isOld: boolean): Block {
  const at = Number(body.readBigUInt64LE(0));
  const size = Number(body.readBigUInt64LE(8));
  // `OCHK` in front and a checksum behind.
  return isOld ? { at, size } : { at: at + 4, size: size - 4 - CHECKSUM_BYTES };
}

function valueIn(body: Buffer): Uint8Array | null {
  const version = body.readUInt8(0);
  if (version === 3) return (body.readUInt8(1) & IS_THERE) === 0 ? null : sized(body, 2);
  return version > 3 || body.readUInt8(3) === 0 ? null : sized(body, 4);
}

/** Of no bytes it is HDF5's own, of less there is none. */
function sized(body: Buffer, at: number): Uint8Array | null {
  const size = body.readInt32LE(at);
  if (size > body.length - at - 4) throw new RangeError('a fill value ends behind its message');
  return size <= 0 ? null : new Uint8Array(body.subarray(at + 4, at + 4 + size));
}
