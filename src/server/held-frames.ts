import { refuse } from '../core/assert.js';
import { Messages } from '../protocol/index.js';
import { SERVER_LIMITS } from './limits.js';

/** So few that were taken out are not worth a new array. */
const KEPT_MIN = 64;

/** Bodies of MESSAGES frames that were read and may not take effect yet, in order and bounded. */
export class HeldFrames {
  #bodies: Uint8Array[] = [];
  /** Where the first one stands: taking it off a long array's front would move all others. */
  #head = 0;
  #bytes = 0;

  get isEmpty(): boolean {
    return this.#head === this.#bodies.length;
  }

  /** Keeps a copy; returns the `ack` in the frame. A frame that does not parse is `bad-frame`. */
  push(bytes: Uint8Array, start: number, end: number): number {
    if (this.#bytes + (end - start) > SERVER_LIMITS.heldBytesMax) {
      refuse('session-limit', 'Cannot read on: too many answers are not acknowledged', {
        heldBytes: this.#bytes,
        limit: SERVER_LIMITS.heldBytesMax,
      });
    }
    const messages = new Messages();
    messages.open(bytes, start, end);
    this.#bodies.push(bytes.slice(start, end));
    this.#bytes += end - start;
    return messages.ack;
  }

  shift(): Uint8Array | null {
    const body = this.#bodies[this.#head];
    if (body === undefined) return null;
    this.#head++;
    this.#bytes -= body.length;
    if (this.#head > KEPT_MIN && this.#head * 2 > this.#bodies.length) {
      this.#bodies = this.#bodies.slice(this.#head);
      this.#head = 0;
    }
    return body;
  }

  clear(): void {
    this.#bodies = [];
    this.#head = 0;
    this.#bytes = 0;
  }
}
