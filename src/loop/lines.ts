import { refuse } from '../core/assert.js';
import { LIMITS } from '../core/limits.js';
import type { Unread } from '../pool/sessions.js';
import { type Line, unknownSession } from './line.js';

/** The sessions of a loop, and how much of what they were answered is kept for them together. */
export class Lines implements Unread {
  readonly #lines = new Map<number, Line>();
  #bytesHeld = 0;

  get size(): number {
    return this.#lines.size;
  }

  /** What is kept for all of them. */
  get bytesHeld(): number {
    return this.#bytesHeld;
  }

  bytesHeldFor(session: number): number {
    return this.#lines.get(session)?.outgoing.bytesHeld ?? 0;
  }

  add(line: Line): void {
    this.#lines.set(line.session, line);
    this.#bytesHeld += line.outgoing.bytesHeld;
  }

  has(session: number): boolean {
    return this.#lines.has(session);
  }

  get(session: number): Line | undefined {
    return this.#lines.get(session);
  }

  /** `session-unknown`. */
  known(session: number): Line {
    return this.#lines.get(session) ?? unknownSession(session);
  }

  values(): Iterable<Line> {
    return this.#lines.values();
  }

  forget(session: number): void {
    this.#bytesHeld -= this.#lines.get(session)?.outgoing.bytesHeld ?? 0;
    this.#lines.delete(session);
  }

  /** Makes the next frame for a session; it is kept until it is acknowledged. */
  frame(line: Line, messages: Uint8Array, count: number): Uint8Array {
    const bytes = line.outgoing.frame(messages, count, line.incoming.received);
    this.#bytesHeld += bytes.length;
    return bytes;
  }

  /** Whether the number was news; `bad-frame`: none was sent that has it. */
  acknowledge({ outgoing }: Line, ack: number): boolean {
    const { bytesHeld, acknowledged } = outgoing;
    if (!outgoing.acknowledge(ack)) {
      refuse('bad-frame', `Cannot take the ack ${ack}: no such message was sent`);
    }
    this.#bytesHeld += outgoing.bytesHeld - bytesHeld;
    return outgoing.acknowledged > acknowledged;
  }

  /** Whether so much is kept for a session that it must be read from no further. */
  isCongested(session: number): boolean {
    const outgoing = this.#lines.get(session)?.outgoing;
    if (outgoing === undefined) return false;
    const { messagesHeld, bytesHeld } = outgoing;
    if (messagesHeld >= LIMITS.sessionRepliesMax) return true;
    if (bytesHeld >= LIMITS.sessionReplyBytesMax) return true;
    // Together too much: who holds more than an even share is who does not read.
    if (this.#bytesHeld < LIMITS.repliesBytesMax) return false;
    return bytesHeld > LIMITS.repliesBytesMax / this.#lines.size;
  }
}
