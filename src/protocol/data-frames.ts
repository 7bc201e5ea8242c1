import { refuse } from '../core/assert.js';
import type { Reader, Writer } from '../core/bytes.js';
import { LIMITS } from '../core/limits.js';
import { FRAME } from './codes.js';
import { beginFrame, endFrame } from './frame.js';
import { readFrameBody } from './opening.js';

/** The bytes that one WRITE or DATA carries at most: a round number below the frame's limit. */
export const DATA_BYTES_MAX = 1024 * 1024;

/** Kind 7, READ. */
export interface Read {
  readonly kind: 'read';
  readonly transfer: number;
  readonly slab: number;
  readonly offset: number;
  readonly size: number;
}

/** Kind 8, DATA: as WRITE; `offset` is that in the slab. */
interface Data {
  readonly kind: 'data';
  readonly transfer: number;
  readonly offset: number;
  readonly payloadStart: number;
  readonly payloadEnd: number;
}

/** Kind 9, DONE: `size` bytes were moved. */
export interface Done {
  readonly kind: 'done';
  readonly transfer: number;
  readonly size: number;
}

/** Kind 10, FAILED. */
export interface Failed {
  readonly kind: 'failed';
  readonly transfer: number;
  readonly code: string;
  readonly message: string;
}

function end(r: Reader): void {
  if (r.remaining > 0) refuse('bad-frame', 'Cannot read a frame: bytes are left over');
}

/** Where the rest of the frame is. */
function payloadOf(r: Reader): { payloadStart: number; payloadEnd: number } {
  return { payloadStart: r.at, payloadEnd: r.limit };
}

export function readRead(bytes: Uint8Array, start: number, limit: number): Read {
  return readFrameBody(bytes, start, limit, (r) => {
    const read: Read = {
      kind: 'read',
      transfer: r.u32(),
      slab: r.u32(),
      offset: r.u64(),
      size: r.u64(),
    };
    end(r);
    return read;
  });
}

export function readData(bytes: Uint8Array, start: number, limit: number): Data {
  return readFrameBody(bytes, start, limit, (r) => ({
    kind: 'data',
    transfer: r.u32(),
    offset: r.u64(),
    ...payloadOf(r),
  }));
}

export function readDone(bytes: Uint8Array, start: number, limit: number): Done {
  return readFrameBody(bytes, start, limit, (r) => {
    const done: Done = { kind: 'done', transfer: r.u32(), size: r.u64() };
    end(r);
    return done;
  });
}

export function readFailed(bytes: Uint8Array, start: number, limit: number): Failed {
  return readFrameBody(bytes, start, limit, (r) => {
    const failed: Failed = {
      kind: 'failed',
      transfer: r.u32(),
      code: r.text(),
      message: r.text(),
    };
    end(r);
    return failed;
  });
}

/** Ends a frame whose `payloadSize` bytes the caller sends right behind, without a copy. */
function endHead(w: Writer, start: number, payloadSize: number): void {
  endFrame(w, start, LIMITS.dataFrameBytesMax - payloadSize);
  w.patchU32(start, w.at - start - 4 + payloadSize);
}

/** Writes WRITE up to its payload, of `payloadSize` bytes, which the caller sends right behind. */
export function writeWriteHead(
  w: Writer,
  transfer: number,
  slab: number,
  offset: number,
  payloadSize: number,
): void {
  const start = beginFrame(w, FRAME.write);
  w.u32(transfer);
  w.u32(slab);
  w.u64(offset);
  endHead(w, start, payloadSize);
}

export function writeRead(
  w: Writer,
  transfer: number,
  slab: number,
  offset: number,
  size: number,
): void {
  const start = beginFrame(w, FRAME.read);
  w.u32(transfer);
  w.u32(slab);
  w.u64(offset);
  w.u64(size);
  endFrame(w, start, LIMITS.dataFrameBytesMax);
}

/** Writes DATA up to its payload, of `payloadSize` bytes, which the caller sends right behind. */
export function writeDataHead(
  w: Writer,
  transfer: number,
  offset: number,
  payloadSize: number,
): void {
  const start = beginFrame(w, FRAME.data);
  w.u32(transfer);
  w.u64(offset);
  endHead(w, start, payloadSize);
}

export function writeDone(w: Writer, transfer: number, size: number): void {
  const start = beginFrame(w, FRAME.done);
  w.u32(transfer);
  w.u64(size);
  endFrame(w, start, LIMITS.dataFrameBytesMax);
}

export function writeFailed(w: Writer, transfer: number, code: string, message: string): void {
  const start = beginFrame(w, FRAME.failed);
  w.u32(transfer);
  w.text(code);
  w.text(message);
  endFrame(w, start, LIMITS.dataFrameBytesMax);
}
