import { refuse } from '../core/assert.js';
import { Messages } from '../protocol/index.js';
import { SERVER_LIMITS } from './limits.js';

/** Bodies of MESSAGES frames that were read and may not take effect yet, in order and bounded. */
export class HeldFrames {
  #bodies: Uint8Array[] = [];
  #bytes = 0;

  get isEmpty(): boolean {
    return this.#bodies.length === 0;
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
    const body = this.#bodies.shift();
    if (body === undefined) return null;
    this.#bytes -= body.length;
    return body;
  }

  clear(): void {
    this.#bodies = [];
    this.#bytes = 0;
  }
}
