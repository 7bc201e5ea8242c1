import { assert } from '../core/assert.js';
import { Writer } from '../core/bytes.js';
import { checkSaved, type StateReader, type StateWriter } from '../core/state-codec.js';
import { beginMessages, endFrame, FRAME_HEADER_SIZE } from '../protocol/index.js';

interface SentFrame {
  readonly first: number;
  readonly last: number;
  readonly bytes: Uint8Array;
}

/** Where `ack` stands in a MESSAGES frame: behind the header and `first`. */
const ACK_AT = FRAME_HEADER_SIZE + 8;

/**
 * The sending half of a session: numbers messages from 1, and keeps the frames until the other side
 * has acknowledged them, to send them again on the next connection (spec/protocol.md, section 6).
 * A frame may be sent when it is `released`: at once, or, for a side that `holds`, when it has said
 * so.
 */
export class Outgoing {
  /** Number of the last message that was given one. */
  last = 0;
  /** The other side has all up to here. */
  acknowledged = 0;
  /** Number of the last message that may be sent. */
  released = 0;
  bytesHeld = 0;
  readonly #holds: boolean;
  #frames: SentFrame[] = [];
  #head = 0;
  readonly #writer = new Writer(64);

  constructor(holds = false) {
    this.#holds = holds;
  }

  get messagesHeld(): number {
    return this.last - this.acknowledged;
  }

  /**
   * Makes a frame of `count` whole messages, keeps it, and returns its bytes, which nobody may
   * change. `ack` is the number of the last message received.
   */
  frame(messages: Uint8Array, count: number, ack: number): Uint8Array {
    assert(count > 0, 'a frame that is kept holds a message');
    const writer = this.#writer;
    writer.reset();
    const start = beginMessages(writer, this.last + 1, ack);
    writer.raw(messages);
    endFrame(writer, start);
    const bytes = writer.bytes.slice(0, writer.at);
    this.#frames.push({ first: this.last + 1, last: this.last + count, bytes });
    this.last += count;
    if (!this.#holds) this.released = this.last;
    this.bytesHeld += bytes.length;
    return bytes;
  }

  /** All up to a number may be sent. */
  release(number: number): void {
    this.released = Math.max(this.released, number);
  }

  /** Whether the other side can have a number. */
  canHave(number: number): boolean {
    return number <= this.released;
  }

  /** Lets go of what the other side has; a number it cannot have is false. */
  acknowledge(number: number): boolean {
    if (!this.canHave(number)) return false;
    if (number <= this.acknowledged) return true;
    this.acknowledged = number;
    for (;;) {
      const frame = this.#frames[this.#head];
      if (frame === undefined || frame.last > number) break;
      this.bytesHeld -= frame.bytes.length;
      this.#head++;
    }
    if (this.#head > 64 && this.#head * 2 > this.#frames.length) {
      this.#frames = this.#frames.slice(this.#head);
      this.#head = 0;
    }
    return true;
  }

  /** Writes the frames that are kept, and the numbers. */
  save(w: StateWriter): void {
    w.u64(this.last);
    w.u64(this.acknowledged);
    w.u32(this.#frames.length - this.#head);
    for (let index = this.#head; index < this.#frames.length; index++) {
      const { first, last, bytes } = this.#frames[index] as SentFrame;
      w.u64(first);
      w.u64(last);
      w.bytes(bytes);
    }
  }

  /** Of a side that holds: what was saved is durable. */
  static restore(r: StateReader): Outgoing {
    const outgoing = new Outgoing(true);
    outgoing.last = r.u64();
    outgoing.released = outgoing.last;
    outgoing.acknowledged = r.u64();
    checkSaved(outgoing.acknowledged <= outgoing.last, 'what is acknowledged was sent');
    let reached: number | null = null;
    for (let count = r.count(20); count > 0; count--) {
      const frame: SentFrame = { first: r.u64(), last: r.u64(), bytes: r.bytes() };
      const { first, last, bytes } = frame;
      const follows = first === (reached ?? first - 1) + 1 && first <= last;
      checkSaved(first > 0 && follows && last > outgoing.acknowledged, 'frames are numbered on');
      checkSaved(bytes.length >= ACK_AT + 8, 'a frame has room for its numbers');
      outgoing.#frames.push(frame);
      outgoing.bytesHeld += bytes.length;
      reached = last;
    }
    checkSaved((reached ?? outgoing.acknowledged) === outgoing.last, 'all that is owed is kept');
    return outgoing;
  }

  /** The frames that a new connection must carry again, with a fresh `ack`. */
  resend(ack: number): Uint8Array[] {
    const frames: Uint8Array[] = [];
    for (let index = this.#head; index < this.#frames.length; index++) {
      const frame = this.#frames[index] as SentFrame;
      if (!this.canHave(frame.last)) break;
      const bytes = frame.bytes.slice();
      new DataView(bytes.buffer).setBigUint64(ACK_AT, BigInt(ack), true);
      frames.push(bytes);
    }
    return frames;
  }
}
