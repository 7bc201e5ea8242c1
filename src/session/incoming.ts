import type { StateReader, StateWriter } from '../core/state-codec.js';

/** A side acknowledges at the latest after so many messages or bytes (spec, section 6). */
const ACK_AFTER_MESSAGES = 1_024;
const ACK_AFTER_BYTES = 1 << 20;

/**
 * The receiving half of a session: which numbers have come, which are news, and when an
 * acknowledgement is due. What came is `settled` when the other side may let go of it: at once, or,
 * for a side that `holds`, when it has said so.
 */
export class Incoming {
  /** Number of the last message received. */
  received = 0;
  /** Number of the last message that may be acknowledged. */
  settled = 0;
  readonly #holds: boolean;
  #acknowledged = 0;
  #bytes = 0;

  constructor(holds = false) {
    this.#holds = holds;
  }

  /**
   * Takes a frame of `count` messages from `first`: returns how many of its first ones have come
   * before and must be skipped, or -1 when there is a gap.
   */
  take(first: number, count: number, bytes: number): number {
    if (first > this.received + 1) return -1;
    const known = Math.min(count, this.received + 1 - first);
    this.received = Math.max(this.received, first + count - 1);
    if (!this.#holds) this.settled = this.received;
    this.#bytes += bytes;
    return known;
  }

  /** All up to a number is ours to keep. */
  settle(number: number): void {
    this.settled = Math.max(this.settled, number);
  }

  /** Whether the other side waits to be told: at once, or within a second. */
  get ackDue(): 'now' | 'soon' | 'no' {
    const behind = this.settled - this.#acknowledged;
    if (behind >= ACK_AFTER_MESSAGES || this.#bytes >= ACK_AFTER_BYTES) return 'now';
    return behind > 0 ? 'soon' : 'no';
  }

  /** An `ack` with the number `settled` is on its way. */
  acknowledged(): void {
    this.#acknowledged = this.settled;
    this.#bytes = 0;
  }

  /** What the other side was told is the connection's, and not saved. */
  save(w: StateWriter): void {
    w.u64(this.received);
  }

  /**
   * Of a side that holds. As if nothing had been acknowledged yet: the other side may not have
   * heard it.
   */
  static restore(r: StateReader): Incoming {
    const incoming = new Incoming(true);
    incoming.received = r.u64();
    incoming.settled = incoming.received;
    return incoming;
  }
}
