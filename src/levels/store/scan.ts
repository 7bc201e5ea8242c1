import { AttaccaError } from '../../core/errors.js';
import type { Hasher } from './hasher.js';
import { PACK_HEADER_BYTES } from './pack.js';
import {
  alignedUp,
  isWhole,
  looksLikeRecord,
  RECORD_BYTES,
  type RecordStart,
  readStart,
  recordBytes,
  UNIT_BYTES,
} from './record.js';
import type { StoreDisk } from './store-disk.js';

const WINDOW_BYTES = 4 * 1024 * 1024;

/** What is found in a pack, in the order of places. */
export type Scanned =
  | {
      readonly kind: 'record';
      readonly start: RecordStart;
      /** Of its first byte. */
      readonly offset: number;
      /** Borrowed until the next one is asked for. */
      readonly head: Uint8Array;
      /** Its payload is not that which was written. */
      readonly isDamaged: boolean;
    }
  /** Bytes that belong to no record. */
  | { readonly kind: 'gap'; readonly offset: number; readonly end: number };

/** Reads a file in pieces that are larger than what is asked for. */
class Window {
  readonly #disk: StoreDisk;
  readonly #path: string;
  readonly #end: number;
  #bytes = new Uint8Array(0);
  #offset = 0;

  constructor(disk: StoreDisk, path: string, end: number) {
    this.#disk = disk;
    this.#end = end;
    this.#path = path;
  }

  /** Bytes from an offset on: as many as are asked for, or fewer at the end of the file. */
  async at(offset: number, bytes: number): Promise<Uint8Array> {
    const from = offset - this.#offset;
    if (from < 0 || from + bytes > this.#bytes.length) {
      const left = Math.max(0, this.#end - offset);
      const target = new Uint8Array(Math.min(left, Math.max(WINDOW_BYTES, bytes)));
      const got = await this.#disk.read(this.#path, offset, target);
      if (got === null) throw goneError(this.#path);
      this.#bytes = target.subarray(0, got);
      this.#offset = offset;
    }
    const start = offset - this.#offset;
    return this.#bytes.subarray(start, start + bytes);
  }
}

export function goneError(path: string): AttaccaError {
  const fields = { path, system: 'ENOENT' };
  return new AttaccaError('file-error', `Cannot read "${path}": there is no such file`, fields);
}

/**
 * Reads the records of a pack up to `end`, each held against its sums. Behind what is no record it
 * goes on with the next one that is whole: what age or a crash has done to one costs no other.
 */
export async function* scanPack(
  { disk, hash }: { readonly disk: StoreDisk; readonly hash: Hasher },
  path: string,
  { salt, end }: { readonly salt: bigint; readonly end: number },
): AsyncIterable<Scanned> {
  const window = new Window(disk, path, end);
  let offset = PACK_HEADER_BYTES;
  let gapAt = -1;
  while (offset + RECORD_BYTES <= end) {
    const found = await recordAt(window, offset, { end, hash, salt });
    if (found === null) {
      if (gapAt < 0) gapAt = offset;
      offset = await nextMagic(window, offset + UNIT_BYTES, end);
      continue;
    }
    if (gapAt >= 0) yield { kind: 'gap', offset: gapAt, end: offset };
    gapAt = -1;
    yield found;
    offset += recordBytes(found.start);
  }
  const last = gapAt >= 0 ? gapAt : offset;
  if (last < end) yield { kind: 'gap', offset: last, end };
}

async function recordAt(
  window: Window,
  offset: number,
  { end, hash, salt }: { end: number; hash: Hasher; salt: bigint },
): Promise<(Scanned & { readonly kind: 'record' }) | null> {
  const start = readStart(await window.at(offset, RECORD_BYTES), offset / UNIT_BYTES);
  if (start === null) return null;
  const upToPayload = RECORD_BYTES + start.headBytes;
  const size = upToPayload + start.payloadBytes;
  if (offset + upToPayload > end) return null;
  const begin = await window.at(offset, upToPayload);
  if (begin.length < upToPayload || !isWhole(begin, start, { hash, salt })) return null;
  // That it ends behind the file is known by a head that is whole: so ends a write that was cut.
  if (offset + alignedUp(size) > end) return null;
  const bytes = await window.at(offset, size);
  const isDamaged =
    bytes.length < size || hash.sum(bytes.subarray(upToPayload)) !== start.payloadSum;
  const head = bytes.subarray(RECORD_BYTES, upToPayload);
  return { kind: 'record', start, offset, head, isDamaged };
}

/** The next place at which a record may begin. */
async function nextMagic(window: Window, from: number, end: number): Promise<number> {
  for (let offset = from; offset + RECORD_BYTES <= end; ) {
    const bytes = await window.at(offset, Math.min(64 * 1024, end - offset));
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    let at = 0;
    for (; at + 4 <= bytes.length; at += UNIT_BYTES) {
      if (looksLikeRecord(view, at)) return offset + at;
    }
    if (bytes.length < UNIT_BYTES) return end;
    offset += at;
  }
  return end;
}
