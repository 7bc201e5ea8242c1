import { Writer } from '../core/bytes.js';
import { AttaccaError, type ErrorCode } from '../core/errors.js';
import { PoolLoop } from '../loop/pool-loop.js';
import type { Input } from '../pool/input.js';
import type { Effect, PoolOptions, PoolState } from '../pool/state.js';
import { writeAck } from '../protocol/index.js';

/** What the shell of a manager feeds it beside the messages of sessions. */
export type ShellInput = Exclude<Input, { kind: 'messages' | 'session-opened' }>;

/** What a manager took in, in the order in which it takes effect. */
export type Entry =
  | { readonly kind: 'opened'; readonly session: number; readonly connection: number }
  | {
      readonly kind: 'messages';
      readonly session: number;
      readonly bytes: Uint8Array;
    }
  | { readonly kind: 'input'; readonly input: ShellInput };

/** What was stepped together, and what came of it. */
export interface Batch {
  readonly now: number;
  readonly entries: readonly Entry[];
  readonly frames: readonly { readonly session: number; readonly bytes: Uint8Array }[];
  readonly effects: readonly Effect[];
}

export interface Accepted {
  readonly session: number;
  readonly received: number;
  readonly resumed: boolean;
}

/** What comes out of a manager. Nothing of a batch comes before all of it is kept. */
interface ManagerEvents {
  onAccept(connection: number, accepted: Accepted): void;
  /** The connection is to be closed behind it. */
  onRefuse(connection: number, code: ErrorCode): void;
  onFrame(connection: number, bytes: Uint8Array): void;
  /** The manager closes a connection: its session has ended, or another carries it. */
  onClose(connection: number): void;
  /** A batch is kept; its frames and effects follow. */
  onBatch(batch: Batch): void;
  onEffect(effect: Effect): void;
}

/**
 * The manager of a pool as the simulator drives it: the one place that knows of what the shipped
 * machines are composed. Sockets, processes and slabs are others' to simulate.
 */
export class Manager {
  readonly loop: PoolLoop;
  readonly #events: ManagerEvents;
  /** The connection that carries a session. */
  readonly #connections = new Map<number, number>();
  readonly #sessions = new Map<number, number>();
  /** Connections that may be owed an acknowledgement. */
  readonly #touched = new Set<number>();
  #entries: Entry[] = [];

  constructor(options: PoolOptions, events: ManagerEvents) {
    this.loop = new PoolLoop(options);
    this.#events = events;
  }

  get pool(): PoolState {
    return this.loop.pool;
  }

  get isDue(): boolean {
    return this.loop.isDue(0);
  }

  /** Pool time at which something ends by itself, or Infinity. */
  get nextDeadline(): number {
    return this.pool.waits.nextDeadline();
  }

  /** The session that a connection carries, or 0. */
  sessionOf(connection: number): number {
    return this.#sessions.get(connection) ?? 0;
  }

  /** HELLO: of a new session, or of one that goes on. */
  hello(connection: number, session: number, received: number): void {
    try {
      if (session === 0) this.#open(connection);
      else this.#resume(connection, session, received);
    } catch (error) {
      this.#refuse(connection, error);
    }
  }

  /** The body of a MESSAGES frame. */
  messages(connection: number, bytes: Uint8Array): void {
    const session = this.#sessions.get(connection);
    if (session === undefined) return;
    try {
      this.loop.receive(session, bytes, 0, bytes.length);
    } catch (error) {
      this.#refuse(connection, error);
      return;
    }
    this.#touched.add(connection);
    this.#entries.push({ kind: 'messages', session, bytes });
  }

  ack(connection: number, ack: number): void {
    const session = this.#sessions.get(connection);
    if (session === undefined) return;
    try {
      this.loop.receiveAck(session, ack);
    } catch (error) {
      this.#refuse(connection, error);
    }
  }

  /**
   * A connection is gone. The loop is not told: it goes on to hand out the frames of a session that
   * nobody carries, so that checkers see them, and here they end.
   */
  closed(connection: number): void {
    this.#drop(connection);
  }

  input(input: ShellInput): void {
    this.loop.input(input);
    this.#entries.push({ kind: 'input', input });
  }

  /** Steps what came as one batch. */
  turn(now: number): void {
    const entries = this.#entries;
    this.#entries = [];
    const { frames, effects } = this.loop.run(now);
    this.#events.onBatch({ now, entries, frames, effects });
    for (const { session, bytes } of frames) {
      const connection = this.#connections.get(session);
      if (connection !== undefined) this.#events.onFrame(connection, bytes);
    }
    for (const effect of effects) {
      if (effect.kind === 'session-ended') this.#ended(effect.session);
      this.#events.onEffect(effect);
    }
    for (const connection of this.#touched) this.#acknowledge(connection, false);
  }

  /** Sends the acknowledgements that are owed and went with no answer; within a second. */
  acknowledge(): void {
    for (const connection of this.#touched) this.#acknowledge(connection, true);
    this.#touched.clear();
  }

  #acknowledge(connection: number, soon: boolean): void {
    const session = this.#sessions.get(connection);
    if (session === undefined) return;
    const ack = this.loop.ackDue(session, soon);
    if (ack === 0) return;
    const w = new Writer(16);
    writeAck(w, ack);
    this.#events.onFrame(connection, w.written());
  }

  #open(connection: number): void {
    const session = this.loop.openSession({ pid: connection });
    this.#bind(connection, session);
    this.#entries.push({ kind: 'opened', session, connection });
    this.#events.onAccept(connection, { session, received: 0, resumed: false });
  }

  #resume(connection: number, session: number, received: number): void {
    const resumed = this.loop.resumeSession(session, received);
    const former = this.#connections.get(session);
    if (former !== undefined) {
      this.#drop(former);
      this.#events.onClose(former);
    }
    this.#bind(connection, session);
    this.#events.onAccept(connection, { session, received: resumed.received, resumed: true });
    for (const frame of resumed.frames) this.#events.onFrame(connection, frame);
  }

  #bind(connection: number, session: number): void {
    this.#connections.set(session, connection);
    this.#sessions.set(connection, session);
  }

  #drop(connection: number): void {
    const session = this.#sessions.get(connection);
    this.#sessions.delete(connection);
    this.#touched.delete(connection);
    if (session !== undefined && this.#connections.get(session) === connection) {
      this.#connections.delete(session);
    }
  }

  #ended(session: number): void {
    const connection = this.#connections.get(session);
    if (connection === undefined) return;
    this.#drop(connection);
    this.#events.onClose(connection);
  }

  #refuse(connection: number, error: unknown): void {
    if (!(error instanceof AttaccaError)) throw error;
    this.closed(connection);
    this.#events.onRefuse(connection, error.code);
  }
}
