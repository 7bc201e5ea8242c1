import { crc32 } from 'node:zlib';
import { StateReader, StateWriter } from '../../src/core/state-codec.js';
import type { Checksum, Source } from '../../src/core/streams.js';

export const CHECKSUM: Checksum = (bytes, before) => crc32(bytes, before);

/** What is written, as one array. */
export function saved(write: (w: StateWriter) => void): Uint8Array {
  const pieces: Uint8Array[] = [];
  // A piece is borrowed: it is copied before the call returns.
  const w = new StateWriter((bytes) => pieces.push(bytes.slice()), CHECKSUM);
  write(w);
  w.end();
  return Buffer.concat(pieces);
}

/** Gives bytes as a file does. */
export function sourceOf(bytes: Uint8Array): Source {
  let at = 0;
  return (target) => {
    const piece = bytes.subarray(at, at + target.length);
    target.set(piece);
    at += piece.length;
    return piece.length;
  };
}

/** Reads all that was written. */
export function restored<T>(bytes: Uint8Array, read: (r: StateReader) => T): T {
  const r = new StateReader(sourceOf(bytes), bytes.length, CHECKSUM);
  const value = read(r);
  r.end();
  return value;
}
