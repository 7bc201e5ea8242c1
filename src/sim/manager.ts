import { refuse } from '../core/assert.js';
import { Writer } from '../core/bytes.js';
import { AttaccaError, type ErrorCode } from '../core/errors.js';
import { Batches } from '../loop/batches.js';
import type { ShellInput } from '../loop/entries.js';
import type { Performance, PoolLoop, Batch as SteppedBatch } from '../loop/pool-loop.js';
import type { Effect, PoolState } from '../pool/state.js';
import { writeAck } from '../protocol/index.js';
import type { Keeper } from './keeper.js';

/** What a manager took in, in the order in which it takes effect. */
export type Entry =
  | { readonly kind: 'opened'; readonly session: number; readonly connection: number }
  | {
      readonly kind: 'messages';
      readonly session: number;
      readonly bytes: Uint8Array;
      /** The disk was full: what is new is refused. */
      readonly noRoom: boolean;
    }
  | { readonly kind: 'input'; readonly input: ShellInput };

/** What was stepped together, and what came of it. */
export interface Batch {
  readonly number: number;
  readonly now: number;
  readonly entries: readonly Entry[];
  readonly turnsEnded: ReadonlyMap<number, number>;
  readonly frames: readonly { readonly session: number; readonly bytes: Uint8Array }[];
  readonly effects: readonly Effect[];
}

export interface Accepted {
  readonly session: number;
  readonly received: number;
  readonly resumed: boolean;
}

/** What comes out of a manager. Nothing of a batch comes before all of it is kept. */
export interface ManagerEvents {
  onAccept(connection: number, accepted: Accepted): void;
  /** The connection is to be closed behind it. */
  onRefuse(connection: number, code: ErrorCode): void;
  onFrame(connection: number, bytes: Uint8Array): void;
  /** The manager closes a connection: its session has ended, or another carries it. */
  onClose(connection: number): void;
  /** A batch was stepped: nobody may hear of it. */
  onStepped(batch: Batch): void;
  /** A batch is kept; its frames and effects follow. */
  onRelease(number: number): void;
  onEffect(effect: Effect): void;
  /** Sessions are owed an acknowledgement, within a second. */
  onOwing(): void;
  /** A turn is to come. */
  onPlan(): void;
}

/** A session as the server has it. */
interface Session {
  /** What carries it, or 0. */
  connection: number;
  /** Its end is decided: nobody takes it up again. */
  isEnding: boolean;
  /** Its connection waits for ACCEPT. */
  isOpening: boolean;
}

/**
 * The manager of a pool as the simulator drives it: the one place that knows of what the shipped
 * machines are composed, as the server's turns and sessions do. Sockets, processes and slabs are
 * others' to simulate.
 */
export class Manager {
  readonly loop: PoolLoop;
  /** Null: batches are released as they are stepped. */
  readonly keeper: Keeper | null;
  readonly events: ManagerEvents;
  readonly #batches: Batches;
  /** Bytes that may be gathered before a batch must be stepped. */
  readonly #bytesMax: number;
  readonly #sessions = new Map<number, Session>();
  /** The session that a connection carries. */
  readonly #connections = new Map<number, number>();
  /** Sessions that may be owed an acknowledgement. */
  readonly #owing = new Set<number>();
  #entries: Entry[] = [];
  #isStopped = false;
  #released: number;

  constructor(
    loop: PoolLoop,
    keeper: Keeper | null,
    options: { readonly after: number; readonly bytesMax: number },
    events: ManagerEvents,
  ) {
    this.loop = loop;
    this.keeper = keeper;
    this.events = events;
    this.#released = options.after;
    this.#bytesMax = options.bytesMax;
    this.#watch();
    for (const { session } of loop.sessions()) {
      this.#sessions.set(session, { connection: 0, isEnding: false, isOpening: false });
    }
    const perform = (released: Performance): void => this.#perform(released);
    this.#batches = new Batches({ loop, journal: keeper?.journal ?? null, perform });
  }

  get pool(): PoolState {
    return this.loop.pool;
  }

  /** Pool time at which something ends by itself, or Infinity. */
  get nextDeadline(): number {
    return this.pool.waits.nextDeadline();
  }

  /** A batch must be stepped before more is taken. */
  get isFull(): boolean {
    return this.loop.bytesGathered >= this.#bytesMax;
  }

  /** The session that a connection carries, or 0. */
  sessionOf(connection: number): number {
    return this.#connections.get(connection) ?? 0;
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
    const session = this.#connections.get(connection);
    if (session === undefined) return;
    const noRoom = !this.loop.hasRoom;
    try {
      this.loop.receive(session, bytes, 0, bytes.length);
    } catch (error) {
      this.#refuse(connection, error);
      return;
    }
    this.#entries.push({ kind: 'messages', session, bytes, noRoom });
  }

  ack(connection: number, ack: number): void {
    const session = this.#connections.get(connection);
    if (session === undefined) return;
    try {
      this.loop.receiveAck(session, ack);
    } catch (error) {
      this.#refuse(connection, error);
    }
  }

  /** A connection is gone. */
  closed(connection: number): void {
    const session = this.#connections.get(connection);
    this.#connections.delete(connection);
    if (session === undefined) return;
    const known = this.#sessions.get(session);
    if (known?.connection !== connection) return;
    known.connection = 0;
    this.loop.disconnected(session);
  }

  input(input: ShellInput): void {
    if (this.#isStopped) return;
    this.loop.input(input);
    this.#entries.push({ kind: 'input', input });
  }

  /** A session's process is dead, or the pool is stopped. */
  endSession(session: number, why: string): void {
    const known = this.#sessions.get(session);
    if (known === undefined || known.isEnding) return;
    known.isEnding = true;
    this.input({ kind: 'session-gone', session, why });
  }

  /** All is settled: nothing is taken any more. */
  stop(): void {
    this.#isStopped = true;
  }

  endAll(): void {
    for (const session of this.#sessions.keys()) this.endSession(session, 'the pool was stopped');
  }

  /** Steps what came as one batch; false: the journal says when to try again. */
  turn(now: number): boolean {
    if (this.#isStopped) return true;
    const stepped = this.#batches.step(now);
    if (stepped && this.loop.isDue(now)) this.events.onPlan();
    return stepped;
  }

  /** All batches up to a number are durable. */
  durable(number: number): void {
    this.#batches.durable(number);
    this.events.onPlan();
  }

  /** A session that was opened is there: its connection may be told. */
  accept(session: number): void {
    const known = this.#sessions.get(session);
    if (known?.isOpening !== true) return;
    known.isOpening = false;
    const { connection } = known;
    if (connection === 0) return;
    this.events.onAccept(connection, { session, received: 0, resumed: false });
  }

  /** Sends the acknowledgements that are owed and went with no answer; within a second. */
  acknowledge(): void {
    for (const session of this.#owing) this.#acknowledge(session, true);
    this.#owing.clear();
  }

  /** Batches are the loop's and go on their way unseen: here they are shown to the world. */
  #watch(): void {
    const { loop } = this;
    const step = loop.step.bind(loop);
    loop.step = (now): SteppedBatch => {
      const entries = this.#entries;
      this.#entries = [];
      const batch = step(now);
      const { number, turnsEnded, frames, effects } = batch;
      this.events.onStepped({ number, now, entries, turnsEnded, frames, effects });
      return batch;
    };
  }

  #perform({ opened, received, frames, effects }: Performance): void {
    this.events.onRelease(++this.#released);
    for (const session of opened) this.accept(session);
    for (const { session, bytes } of frames) {
      const connection = this.#sessions.get(session)?.connection ?? 0;
      if (connection !== 0) this.events.onFrame(connection, bytes);
    }
    for (let at = 0; at < received.length; at += 2) {
      const session = received[at] as number;
      if (!this.#acknowledge(session, false)) this.#owing.add(session);
    }
    if (this.#owing.size > 0) this.events.onOwing();
    for (const effect of effects) {
      if (effect.kind === 'session-ended') this.#ended(effect.session);
      this.events.onEffect(effect);
    }
  }

  #acknowledge(session: number, soon: boolean): boolean {
    const connection = this.#sessions.get(session)?.connection ?? 0;
    if (connection === 0) return true;
    const ack = this.loop.ackDue(session, soon);
    if (ack === 0) return false;
    const w = new Writer(16);
    writeAck(w, ack);
    this.events.onFrame(connection, w.written());
    return true;
  }

  #open(connection: number): void {
    const session = this.loop.openSession({ pid: connection });
    this.#sessions.set(session, { connection, isEnding: false, isOpening: true });
    this.#connections.set(connection, session);
    this.#entries.push({ kind: 'opened', session, connection });
  }

  #resume(connection: number, session: number, received: number): void {
    const known = this.#sessions.get(session);
    if (known !== undefined && !this.loop.hasSession(session)) {
      // That it has ended is not durable yet: the client asks again.
      this.events.onClose(connection);
      return;
    }
    if (known === undefined || known.isEnding) {
      refuse('session-unknown', `Cannot go on with session ${session}`);
    }
    const resumed = this.loop.resumeSession(session, received);
    const former = known.connection;
    known.connection = connection;
    if (former !== 0) {
      this.#connections.delete(former);
      this.events.onClose(former);
    }
    this.#connections.set(connection, session);
    this.events.onAccept(connection, { session, received: resumed.received, resumed: true });
    for (const frame of resumed.frames) this.events.onFrame(connection, frame);
  }

  #ended(session: number): void {
    const connection = this.#sessions.get(session)?.connection ?? 0;
    this.#sessions.delete(session);
    if (connection === 0) return;
    this.#connections.delete(connection);
    this.events.onClose(connection);
  }

  #refuse(connection: number, error: unknown): void {
    if (!(error instanceof AttaccaError)) throw error;
    this.closed(connection);
    this.events.onRefuse(connection, error.code);
  }
}
