import { assert, refuse } from '../core/assert.js';
import { LIMITS } from '../core/limits.js';
import type { ValueMap } from '../core/value.js';
import type { Input } from '../pool/input.js';
import { type Effect, type PoolOptions, PoolState } from '../pool/state.js';
import { step, WHOLE } from '../pool/step.js';
import { mustNotStop } from '../pool/stopping.js';
import { Messages } from '../protocol/index.js';
import { Incoming } from '../session/incoming.js';
import { Outgoing } from '../session/outgoing.js';

/** A session as the loop sees it: the two halves of its numbering. */
interface Line {
  readonly incoming: Incoming;
  readonly outgoing: Outgoing;
  /** Whether a connection carries it now. */
  connected: boolean;
  /** What it has asked and has not had its turn, in order; the bytes are the loop's own. */
  waiting: MessagesInput[];
}

type MessagesInput = Extract<Input, { kind: 'messages' }>;

/** What a turn of the loop asks the shell to do, in this order. */
interface Performance {
  /** Frames to write; several for one session come in order. */
  readonly frames: { readonly session: number; readonly bytes: Uint8Array }[];
  readonly effects: readonly Effect[];
}

/**
 * Gathers inputs, steps them as one batch, and releases what came of it: the pure middle of the
 * server. The shell owns sockets, time and chance, and performs what `run` returns. Nothing is
 * released before the whole batch is stepped.
 */
export class PoolLoop {
  readonly pool: PoolState;
  readonly #lines = new Map<number, Line>();
  readonly #messages = new Messages();
  #inputs: Input[] = [];
  /** Sessions with something that waits for its turn. */
  readonly #waiting = new Set<number>();
  /** Bytes of answers that are kept for all sessions. */
  #bytesHeld = 0;
  #sessionNext = 1;

  constructor(options: PoolOptions) {
    this.pool = new PoolState(options);
  }

  /** Whether `run` has something to do: what came in, or what was left off. */
  get isDue(): boolean {
    if (this.#inputs.length > 0) return true;
    for (const session of this.#waiting) if (this.isBehind(session)) return true;
    return false;
  }

  /** The sessions that are behind: they need not be read from meanwhile. */
  get behind(): number[] {
    return [...this.#waiting].filter((session) => this.isBehind(session));
  }

  /** Whether something that a session asked for was left off, and goes on by itself. */
  isBehind(session: number): boolean {
    return this.#waiting.has(session) && !this.isCongested(session);
  }

  /** Opens a session for a process; its first connection carries it already. */
  openSession(process: ValueMap): number {
    mustNotStop(this.pool, 'open a session');
    if (this.#lines.size >= LIMITS.sessionsMax) {
      refuse('session-limit', 'Cannot open a session: the pool has too many', {
        limit: LIMITS.sessionsMax,
      });
    }
    const session = this.#sessionNext++;
    this.#lines.set(session, {
      incoming: new Incoming(),
      outgoing: new Outgoing(),
      connected: true,
      waiting: [],
    });
    this.#inputs.push({ kind: 'session-opened', session, process });
    return session;
  }

  hasSession(session: number): boolean {
    return this.#lines.has(session);
  }

  /** Whether the client has ever acknowledged something: it knows its session then. */
  hasAcknowledged(session: number): boolean {
    return (this.#lines.get(session)?.outgoing.acknowledged ?? 0) > 0;
  }

  /** A connection takes up a session again: what it must be sent first, and what the pool has. */
  resumeSession(session: number, received: number): { received: number; frames: Uint8Array[] } {
    const line = this.#line(session);
    this.#acknowledge(line, received);
    line.connected = true;
    line.incoming.acknowledged();
    return {
      received: line.incoming.received,
      frames: line.outgoing.resend(line.incoming.received),
    };
  }

  /** The connection of a session is lost; its answers are kept. */
  disconnected(session: number): void {
    const line = this.#lines.get(session);
    if (line !== undefined) line.connected = false;
  }

  /**
   * Takes the body of a MESSAGES frame. The bytes must stay as they are until `run` returns. A
   * frame that does not parse is refused with `bad-frame`: the connection must be ended.
   */
  receive(session: number, bytes: Uint8Array, start: number, end: number): void {
    const line = this.#line(session);
    const messages = this.#messages;
    messages.open(bytes, start, end);
    this.#acknowledge(line, messages.ack);
    const skip = line.incoming.take(messages.first, messages.count, end - start);
    if (skip < 0)
      refuse('bad-frame', `Cannot read messages from ${messages.first}: some are missing`);
    if (skip === messages.count) return;
    this.#inputs.push({ kind: 'messages', session, bytes, start, end, skip });
  }

  /** Takes an ACK frame. */
  receiveAck(session: number, ack: number): void {
    this.#acknowledge(this.#line(session), ack);
  }

  /** Takes an input of the shell: a death, a slab, the begin of the end, a tick. */
  input(input: Exclude<Input, { kind: 'messages' | 'session-opened' }>): void {
    this.#inputs.push(input);
  }

  /** Steps all that was gathered. `now` in ms of pool time, never going back. */
  run(now: number): Performance {
    const inputs = this.#resumed();
    for (const input of this.#inputs) inputs.push(input);
    this.#inputs = [];
    for (const input of inputs) this.#step(now, input);
    if (this.pool.waits.nextDeadline() <= now) step(this.pool, now, { kind: 'tick' });
    return { frames: this.#release(), effects: this.#takeEffects() };
  }

  /** Whether reading from a session should pause: it holds too many answers it has not seen. */
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

  /**
   * The ack to send to a session now if nothing else goes to it, or 0. `soon` asks for what would
   * be due within a second as well.
   */
  ackDue(session: number, soon: boolean): number {
    const line = this.#lines.get(session);
    if (line === undefined) return 0;
    const due = line.incoming.ackDue;
    if (due === 'no' || (due === 'soon' && !soon)) return 0;
    line.incoming.acknowledged();
    return line.incoming.received;
  }

  /** The last number received of a session, for a heartbeat. */
  receivedOf(session: number): number {
    return this.#lines.get(session)?.incoming.received ?? 0;
  }

  /** Those that were left off and may go on now. */
  #resumed(): Input[] {
    const inputs: Input[] = [];
    for (const session of [...this.#waiting]) {
      if (this.isCongested(session)) continue;
      const line = this.#line(session);
      for (const input of line.waiting) inputs.push(input);
      line.waiting = [];
      this.#waiting.delete(session);
    }
    return inputs;
  }

  /** Steps an input, or keeps what of it must wait: for its turn, or behind what waits already. */
  #step(now: number, input: Input): void {
    if (input.kind !== 'messages') {
      step(this.pool, now, input);
      return;
    }
    const isBehind = this.#waiting.has(input.session);
    const taken = isBehind ? input.skip : step(this.pool, now, input);
    const line = this.#lines.get(input.session);
    if (taken === WHOLE || line === undefined) return;
    const { session, start, end } = input;
    const bytes = input.bytes.slice(start, end);
    line.waiting.push({
      kind: 'messages',
      session,
      bytes,
      start: 0,
      end: bytes.length,
      skip: taken,
    });
    this.#waiting.add(session);
  }

  #release(): { session: number; bytes: Uint8Array }[] {
    const frames: { session: number; bytes: Uint8Array }[] = [];
    for (const session of this.pool.dirty) {
      const line = this.#lines.get(session.id);
      const { out } = session;
      if (line !== undefined && session.outMessages > 0) {
        for (const part of splitMessages(out.bytes, out.at, session.outMessages)) {
          const bytes = line.outgoing.frame(part.bytes, part.count, line.incoming.received);
          this.#bytesHeld += bytes.length;
          line.incoming.acknowledged();
          if (line.connected) frames.push({ session: session.id, bytes });
        }
      }
      session.drained();
    }
    this.pool.dirty.length = 0;
    return frames;
  }

  #takeEffects(): readonly Effect[] {
    const effects = this.pool.effects.splice(0);
    for (const effect of effects) {
      if (effect.kind === 'session-ended') this.#forget(effect.session);
    }
    return effects;
  }

  #forget(session: number): void {
    this.#bytesHeld -= this.#lines.get(session)?.outgoing.bytesHeld ?? 0;
    this.#lines.delete(session);
    this.#waiting.delete(session);
  }

  #acknowledge(line: Line, ack: number): void {
    const before = line.outgoing.bytesHeld;
    if (!line.outgoing.acknowledge(ack)) {
      refuse('bad-frame', `Cannot take the ack ${ack}: no such message was sent`);
    }
    this.#bytesHeld += line.outgoing.bytesHeld - before;
  }

  #line(session: number): Line {
    const line = this.#lines.get(session);
    if (line === undefined)
      refuse('session-unknown', `Cannot go on with session ${session}: unknown`);
    return line;
  }
}

/** A frame's numbers stand before its messages. */
const FRAME_ROOM = LIMITS.frameBytesMax - 32;

/** Cuts a run of messages where a frame is full; most runs are one frame. */
function splitMessages(
  bytes: Uint8Array,
  size: number,
  count: number,
): { bytes: Uint8Array; count: number }[] {
  if (size <= FRAME_ROOM) return [{ bytes: bytes.subarray(0, size), count }];
  const parts: { bytes: Uint8Array; count: number }[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, size);
  let start = 0;
  let messages = 0;
  for (let at = 0; at < size; ) {
    const length = view.getUint32(at, true);
    assert(length >= 8 && length <= FRAME_ROOM, 'an answer fits a frame');
    if (at + length - start > FRAME_ROOM) {
      parts.push({ bytes: bytes.subarray(start, at), count: messages });
      start = at;
      messages = 0;
    }
    at += length;
    messages++;
  }
  parts.push({ bytes: bytes.subarray(start, size), count: messages });
  return parts;
}
