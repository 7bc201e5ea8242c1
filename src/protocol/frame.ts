import { assert, refuse } from '../core/assert.js';
import type { Writer } from '../core/bytes.js';
import { AttaccaError } from '../core/errors.js';
import { LIMITS } from '../core/limits.js';
import { FRAME } from './codes.js';

/** Size, kind, reserved bytes: what stands before the body. */
export const FRAME_HEADER_SIZE = 8;
/** The size field does not count itself. */
const SIZE_FIELD = 4;
const SIZE_MIN = 4;
/** A buffer for cut frames that grew beyond this is let go after the frame. */
const HELD_KEPT_BYTES_MAX = 256 * 1024;

const NOTHING = new Uint8Array(0);

/** Starts a frame; returns where, for {@link endFrame}. */
export function beginFrame(w: Writer, kind: number): number {
  const start = w.at;
  w.u32(0);
  w.u32(kind);
  return start;
}

/** Ends the frame that starts at `start`: its size is what was written since. */
export function endFrame(
  w: Writer,
  start: number,
  frameBytesMax: number = LIMITS.frameBytesMax,
): void {
  const size = w.at - start - SIZE_FIELD;
  assert(size <= frameBytesMax, `a frame of at most ${frameBytesMax} bytes`);
  w.patchU32(start, size);
}

/** Writes a frame; when `body` fails, nothing of it stays in the writer. */
export function writeFrame(w: Writer, kind: number, body: () => void): void {
  const start = beginFrame(w, kind);
  try {
    body();
  } catch (error) {
    w.at = start;
    throw error;
  }
  endFrame(w, start);
}

/**
 * Makes whole frames of the chunks that come off a socket. A frame that lies within one chunk is
 * handed out in place; one that is cut is put together in a buffer of its own, which grows with the
 * bytes that arrive and not with the size that the peer announces.
 *
 * ```
 * assembler.push(chunk);
 * while (assembler.next()) handle(assembler.kind, assembler.bytes, assembler.start, assembler.end);
 * ```
 *
 * What is handed out is valid until the next call of `next` or `push`. After a refusal
 * (`bad-frame`, `frame-too-large`) every further `next` fails in the same way, and what a socket
 * still brings is dropped: the connection has ended.
 */
export class FrameAssembler {
  kind = 0;
  /** The body of the frame is `bytes[start, end)`. */
  bytes: Uint8Array = NOTHING;
  start = 0;
  end = 0;
  /** The most that a size field may say; it may change between frames. */
  frameBytesMax: number;

  #chunk: Uint8Array = NOTHING;
  #at = 0;
  /** The begin of a frame that was cut, in `#held[0, #heldSize)`. */
  #held: Uint8Array = NOTHING;
  #heldSize = 0;
  #heldIsOut = false;
  #failure: AttaccaError | null = null;

  constructor(frameBytesMax: number = LIMITS.frameBytesMax) {
    this.frameBytesMax = frameBytesMax;
  }

  /** Bytes of a frame that has not come whole yet. */
  get bytesHeld(): number {
    return this.#heldIsOut ? 0 : this.#heldSize;
  }

  /** Takes the next chunk; it is borrowed until `next` has returned false. */
  push(chunk: Uint8Array): void {
    if (this.#failure !== null) return;
    assert(this.#at === this.#chunk.length, 'next() returned false before the next chunk');
    // Node's Buffer is a subclass: one shape of array keeps the readers of frames fast.
    this.#chunk =
      chunk.constructor === Uint8Array
        ? chunk
        : new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length);
    this.#at = 0;
  }

  /** Stands the next whole frame into the fields; false when more bytes are needed. */
  next(): boolean {
    if (this.#failure !== null) throw this.#failure;
    try {
      if (this.#heldIsOut) this.#releaseHeld();
      return this.#heldSize > 0 ? this.#nextHeld() : this.#nextInPlace();
    } catch (error) {
      if (error instanceof AttaccaError) this.#failure = error;
      throw error;
    }
  }

  #nextInPlace(): boolean {
    const available = this.#chunk.length - this.#at;
    const total = this.#frameSize(this.#chunk, this.#at, available);
    if (available < total) {
      this.#hold(available, total);
      return false;
    }
    this.#handOut(this.#chunk, this.#at, total);
    this.#at += total;
    return true;
  }

  #nextHeld(): boolean {
    for (;;) {
      const total = this.#frameSize(this.#held, 0, this.#heldSize);
      if (this.#heldSize === total) {
        this.#handOut(this.#held, 0, total);
        this.#heldIsOut = true;
        return true;
      }
      const available = this.#chunk.length - this.#at;
      if (available === 0) return false;
      this.#hold(Math.min(available, total - this.#heldSize), total);
    }
  }

  /** Size of the frame at `at` with its header, checked as far as `available` bytes say it. */
  #frameSize(bytes: Uint8Array, at: number, available: number): number {
    if (available < SIZE_FIELD) return FRAME_HEADER_SIZE;
    const byte = (index: number): number => bytes[at + index] as number;
    const size = byte(0) + byte(1) * 0x100 + byte(2) * 0x1_0000 + byte(3) * 0x100_0000;
    if (size < SIZE_MIN) refuse('bad-frame', `Cannot read a frame: its size is ${size}`);
    if (size > this.frameBytesMax) {
      refuse(
        'frame-too-large',
        `Cannot read a frame of ${size} bytes: more than ${this.frameBytesMax}`,
        { size, frameBytesMax: this.frameBytesMax },
      );
    }
    if (available >= FRAME_HEADER_SIZE) {
      const kind = byte(4);
      if (kind < FRAME.hello || kind > FRAME.failed) {
        refuse('bad-frame', `Cannot read a frame: kind ${kind} is not known`);
      }
      if ((byte(5) | byte(6) | byte(7)) !== 0) {
        refuse('bad-frame', 'Cannot read a frame: its reserved bytes are not zero');
      }
    }
    return size + SIZE_FIELD;
  }

  #handOut(bytes: Uint8Array, at: number, total: number): void {
    this.kind = bytes[at + SIZE_FIELD] as number;
    this.bytes = bytes;
    this.start = at + FRAME_HEADER_SIZE;
    this.end = at + total;
  }

  /** Copies the next `size` bytes of the chunk to the cut frame of `total` bytes. */
  #hold(size: number, total: number): void {
    const needed = this.#heldSize + size;
    if (needed > this.#held.length) {
      const capacity = Math.max(needed, Math.min(total, this.#held.length * 2), 1024);
      const grown = new Uint8Array(capacity);
      grown.set(this.#held.subarray(0, this.#heldSize));
      this.#held = grown;
    }
    this.#held.set(this.#chunk.subarray(this.#at, this.#at + size), this.#heldSize);
    this.#heldSize = needed;
    this.#at += size;
  }

  #releaseHeld(): void {
    this.#heldIsOut = false;
    this.#heldSize = 0;
    if (this.#held.length > HELD_KEPT_BYTES_MAX) this.#held = NOTHING;
  }
}
