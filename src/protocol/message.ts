import { refuse } from '../core/assert.js';
import { Reader, type Writer } from '../core/bytes.js';
import { LIMITS } from '../core/limits.js';
import { FRAME } from './codes.js';
import { beginFrame } from './frame.js';

/**
 * Size, code, flags: what stands before the body of a message. Flags are zero, so they are written
 * and read as the upper half of the code: a message with flags has a code that nobody knows.
 */
export const MESSAGE_HEADER_SIZE = 8;
/** `first` and `ack`, before the messages of a MESSAGES frame. */
const NUMBERS_SIZE = 16;
/** The largest message that a frame can carry: size field, kind and numbers take their part. */
export const MESSAGE_BYTES_MAX = LIMITS.frameBytesMax - 4 - NUMBERS_SIZE;

/** Starts a MESSAGES frame; returns where, for `endFrame`. */
export function beginMessages(w: Writer, first: number, ack: number): number {
  const start = beginFrame(w, FRAME.messages);
  w.u64(first);
  w.u64(ack);
  return start;
}

/** Starts a message; returns where, for {@link endMessage}. */
export function beginMessage(w: Writer, code: number): number {
  const start = w.at;
  w.u32(0);
  w.u32(code);
  return start;
}

export function endMessage(w: Writer, start: number): void {
  w.patchU32(start, w.at - start);
}

/** Writes the header of a message whose body has `bodySize` bytes. */
export function writeHeader(w: Writer, code: number, bodySize: number): void {
  w.u32(MESSAGE_HEADER_SIZE + bodySize);
  w.u32(code);
}

/** Writes a message; when `body` fails, nothing of it stays in the writer. */
export function writeWhole(w: Writer, code: number, body: () => void): void {
  const start = beginMessage(w, code);
  try {
    body();
  } catch (error) {
    w.at = start;
    throw error;
  }
  endMessage(w, start);
}

/** Every reader of a message ends with this: its whole body must have been used. */
export function endBody(r: Reader): void {
  if (r.at !== r.limit) {
    refuse('bad-message', `Cannot read a message: ${r.remaining} bytes are left over`);
  }
}

/** Reads a u8 that says one of `max` + 1 things. */
export function readChoice(r: Reader, max: number, what: string): number {
  const value = r.u8();
  if (value > max) refuse('bad-message', `Cannot read ${what}: ${value} is not known`);
  return value;
}

/** Reads a u8 that must be zero. */
export function readZero(r: Reader): void {
  if (r.u8() !== 0) refuse('bad-message', 'Cannot read a message: a reserved byte is not zero');
}

/**
 * The messages of one MESSAGES frame. `open` checks the sizes of all of them, so that a frame that
 * does not parse is refused (`bad-frame`) before any of its messages takes effect; `next` then
 * stands one after the other into the fields, with `reader` on its body.
 *
 * ```
 * messages.open(assembler.bytes, assembler.start, assembler.end);
 * while (messages.next()) apply(messages.number, messages.code, messages.reader);
 * ```
 */
export class Messages {
  /** Number of the first message of the frame, or of the next one when it holds none. */
  first = 0;
  ack = 0;
  count = 0;
  /** Of the current message: its number, its code (with flags), and its bytes with the header. */
  number = 0;
  code = 0;
  start = 0;
  end = 0;
  /** Stands on the body of the current message and ends with it. */
  readonly reader = new Reader();
  #end = 0;

  open(bytes: Uint8Array, start: number, end: number): void {
    const r = this.reader;
    if (end - start < NUMBERS_SIZE) refuse('bad-frame', 'Cannot read messages: the frame is short');
    r.reset(bytes, start, end);
    this.first = readNumber(r);
    this.ack = readNumber(r);
    if (this.first === 0) refuse('bad-frame', 'Cannot read messages: they are numbered from 1');
    const bodies = r.at;
    this.count = 0;
    for (let at = bodies; at < end; this.count++) {
      const size = end - at < MESSAGE_HEADER_SIZE ? 0 : r.u32();
      if (size < MESSAGE_HEADER_SIZE || size > end - at) {
        refuse('bad-frame', 'Cannot read messages: the size of one does not fit the frame');
      }
      at += size;
      r.at = at;
    }
    this.number = this.first - 1;
    this.start = bodies;
    this.end = bodies;
    this.#end = end;
  }

  next(): boolean {
    const start = this.end;
    if (start >= this.#end) return false;
    const r = this.reader;
    r.at = start;
    r.limit = this.#end;
    const size = r.u32();
    this.code = r.u32();
    this.number++;
    this.start = start;
    this.end = start + size;
    r.limit = this.end;
    return true;
  }
}

/** The number of the first message of a frame that was opened before. */
export function firstOf(bytes: Uint8Array, start: number): number {
  let first = 0;
  for (let at = start + 7; at >= start; at--) first = first * 256 + (bytes[at] as number);
  return first;
}

/** A u64 of the frame itself: one that does not fit 2^53 is the frame's fault, not a message's. */
function readNumber(r: Reader): number {
  const low = r.u32();
  const high = r.u32();
  if (high > 0x1f_ffff) refuse('bad-frame', 'Cannot read messages: a number is 2^53 or more');
  return high * 0x1_0000_0000 + low;
}
