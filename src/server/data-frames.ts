import { refuse } from '../core/assert.js';
import { LIMITS } from '../core/limits.js';
import { FRAME, FRAME_HEADER_SIZE } from '../protocol/index.js';
import { SERVER_LIMITS } from './limits.js';

/** transfer, slab, offset: what stands before the bytes of a WRITE. */
const WRITE_HEAD_SIZE = 16;
/** Only WRITE is large. */
const OTHER_BYTES_MAX = SERVER_LIMITS.helloBytesMax;

/**
 * Takes the frames of a data connection apart without ever holding the bytes of a WRITE: they are
 * handed out as they come off the socket, to be copied to their place once.
 *
 * ```
 * frames.push(chunk);
 * for (let event = frames.next(); event !== null; event = frames.next()) ...
 * ```
 */
export class DataFrames {
  /** `frame`: kind, and the body in `bytes[start, end)`. */
  kind = 0;
  bytes: Uint8Array = new Uint8Array(0);
  start = 0;
  end = 0;
  /** `write`: a WRITE begins, of `size` bytes. */
  transfer = 0;
  slab = 0;
  offset = 0;
  size = 0;

  #chunks: Uint8Array[] = [];
  #at = 0;
  /** The part of a frame that must be whole before it means something. */
  #held = new Uint8Array(256);
  #heldSize = 0;
  #needed = FRAME_HEADER_SIZE;
  /** Bytes of the current WRITE that have not come. */
  #payloadLeft = 0;
  #inHead = true;

  push(chunk: Uint8Array): void {
    if (chunk.length > 0) this.#chunks.push(chunk);
  }

  /**
   * `frame`: a whole frame other than WRITE. `write`: the head of a WRITE. `payload`: some of its
   * bytes, in `bytes[start, end)`; `writeEnds` tells the last. null: more bytes are needed.
   */
  next(): 'frame' | 'write' | 'payload' | null {
    for (;;) {
      if (this.#payloadLeft > 0) return this.#nextPayload();
      if (!this.#fill()) return null;
      if (this.#inHead) {
        this.#readHead();
        continue;
      }
      this.#inHead = true;
      this.#heldSize = 0;
      this.#needed = FRAME_HEADER_SIZE;
      if (this.kind === FRAME.write) {
        this.#readWriteHead();
        return 'write';
      }
      this.bytes = this.#held;
      this.start = FRAME_HEADER_SIZE;
      return 'frame';
    }
  }

  /** Whether the WRITE at hand has all its bytes. */
  get writeEnds(): boolean {
    return this.#payloadLeft === 0;
  }

  #nextPayload(): 'payload' | null {
    const chunk = this.#chunks[0];
    if (chunk === undefined) return null;
    const size = Math.min(this.#payloadLeft, chunk.length - this.#at);
    this.bytes = chunk;
    this.start = this.#at;
    this.end = this.#at + size;
    this.#payloadLeft -= size;
    this.#advance(chunk, size);
    return 'payload';
  }

  #advance(chunk: Uint8Array, size: number): void {
    this.#at += size;
    if (this.#at < chunk.length) return;
    this.#chunks.shift();
    this.#at = 0;
  }

  /** Brings the held part to what is needed; false when bytes are missing. */
  #fill(): boolean {
    while (this.#heldSize < this.#needed) {
      const chunk = this.#chunks[0];
      if (chunk === undefined) return false;
      const size = Math.min(this.#needed - this.#heldSize, chunk.length - this.#at);
      this.#held.set(chunk.subarray(this.#at, this.#at + size), this.#heldSize);
      this.#heldSize += size;
      this.#advance(chunk, size);
    }
    return true;
  }

  #readHead(): void {
    const view = new DataView(this.#held.buffer);
    const size = view.getUint32(0, true);
    const kind = view.getUint8(4);
    if (size < 4) refuse('bad-frame', `Cannot read a frame: its size is ${size}`);
    const most = kind === FRAME.write ? LIMITS.dataFrameBytesMax : OTHER_BYTES_MAX;
    if (size > most) {
      refuse('frame-too-large', `Cannot read a frame of ${size} bytes: more than ${most}`, {
        size,
        limit: most,
      });
    }
    if (kind < FRAME.hello || kind > FRAME.failed) {
      refuse('bad-frame', `Cannot read a frame: kind ${kind} is not known`);
    }
    if (view.getUint8(5) !== 0 || view.getUint16(6) !== 0) {
      refuse('bad-frame', 'Cannot read a frame: its reserved bytes are not zero');
    }
    this.kind = kind;
    this.end = size + 4;
    const whole = kind === FRAME.write ? FRAME_HEADER_SIZE + WRITE_HEAD_SIZE : this.end;
    if (whole > this.end) refuse('bad-frame', 'Cannot read WRITE: the frame is short');
    this.#needed = whole;
    this.#inHead = false;
    if (whole <= this.#held.length) return;
    const grown = new Uint8Array(whole);
    grown.set(this.#held.subarray(0, this.#heldSize));
    this.#held = grown;
  }

  #readWriteHead(): void {
    const view = new DataView(this.#held.buffer, FRAME_HEADER_SIZE);
    const high = view.getUint32(12, true);
    if (high > 0x1f_ffff) refuse('bad-frame', 'Cannot read WRITE: its offset is 2^53 or more');
    this.transfer = view.getUint32(0, true);
    this.slab = view.getUint32(4, true);
    this.offset = high * 0x1_0000_0000 + view.getUint32(8, true);
    this.size = this.end - FRAME_HEADER_SIZE - WRITE_HEAD_SIZE;
    this.#payloadLeft = this.size;
  }
}
