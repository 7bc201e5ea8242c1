import type { ByteSource } from '../bytes.js';

/** `\x89HDF\r\n\x1a\n`, with which a file begins, or what is behind a block of a user's. */
const SIGNATURE = Buffer.from('894844460d0a1a0a', 'hex');
const OLD_FILL = 0x04;
const FILL = 0x05;
/** A list of the files that elements lie in. */
const ELSEWHERE = 0x07;
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

interface Message {
  readonly type: number;
  readonly body: Buffer;
  readonly isShared: boolean;
}

/**
 * The fill value that somebody gave a dataset when it was made, as its elements lie in the file.
 * Null without one. h5wasm does not tell it: it stands in the header of the dataset, which begins
 * at `address` (The HDF5 Group, File Format Specification 3.0, IV.A).
 */
export function storedFill(source: ByteSource, address: number): Uint8Array | null {
  return looked(null, () => {
    let old: Uint8Array | null = null;
    for (const { type, body, isShared } of Header.of(source).messages(address)) {
      if (isShared) continue;
      if (type === FILL) return valueIn(body);
      if (type === OLD_FILL) old = sized(body, 0);
    }
    return old;
  });
}

/** Whether the elements of a dataset lie in files besides its own, as its header says. */
export function isElsewhere(source: ByteSource, address: number): boolean {
  return looked(false, () => {
    for (const { type } of Header.of(source).messages(address)) {
      if (type === ELSEWHERE) return true;
    }
    return false;
  });
}

/** What was found; `none` where nothing can be. */
function looked<T>(none: T, look: () => T): T {
  try {
    return look();
  } catch (error) {
    // It ends within a message, or says numbers that are none: HDF5 has not looked at it yet.
    if (error instanceof RangeError) return none;
    throw error;
  }
}

class Header {
  readonly #source: ByteSource;
  readonly #base: number;
  readonly #widths: Widths;
  #left = HEADER_BYTES_MAX;

  private constructor(source: ByteSource, base: number) {
    this.#source = source;
    this.#base = base;
    this.#widths = widthsIn(this.#read({ at: 0, size: 16 }));
  }

  static of(source: ByteSource): Header {
    const base = baseOf(source);
    if (base === null) throw new RangeError('it does not begin as HDF5 does');
    return new Header(source, base);
  }

  *messages(address: number): Generator<Message> {
    const { first, isOld, messageHead } = this.#head(address);
    const waiting = [first];
    for (let block = waiting.shift(); block !== undefined; block = waiting.shift()) {
      const bytes = this.#read(block);
      for (let at = 0; at + messageHead <= bytes.length; ) {
        const type = isOld ? bytes.readUInt16LE(at) : bytes.readUInt8(at);
        const size = bytes.readUInt16LE(at + (isOld ? 2 : 1));
        const flags = bytes.readUInt8(at + (isOld ? 4 : 3));
        const body = bytes.subarray(at + messageHead, at + messageHead + size);
        at += messageHead + size;
        const isShared = (flags & SHARED) !== 0;
        if (type === CONTINUED && !isShared) waiting.push(continued(body, this.#widths, isOld));
        yield { type, body, isShared };
      }
    }
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
    const size = numberAt(said, 0, width);
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

/** Bytes of an address, and of a size: HDF5 writes 8 by itself. */
interface Widths {
  readonly address: number;
  readonly size: number;
}

/** Where they stand depends on the version of the block that a file begins with. */
function widthsIn(begin: Buffer): Widths {
  const at = begin.readUInt8(8) < 2 ? 13 : 9;
  return { address: begin.readUInt8(at), size: begin.readUInt8(at + 1) };
}

function numberAt(body: Buffer, at: number, width: number): number {
  return width === 8 ? Number(body.readBigUInt64LE(at)) : body.readUIntLE(at, width);
}

function continued(body: Buffer, widths: Widths, isOld: boolean): Block {
  const at = numberAt(body, 0, widths.address);
  const size = numberAt(body, widths.address, widths.size);
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
