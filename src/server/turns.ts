import { Batches, type BatchJournal } from '../loop/batches.js';
import type { ShellInput } from '../loop/entries.js';
import type { Performance, PoolLoop } from '../loop/pool-loop.js';
import type { Effect } from '../pool/state.js';
import type { ControlConnection } from './control-connection.js';
import { SERVER_LIMITS } from './limits.js';

/** setTimeout takes no more; an earlier waking does no harm. */
const TIMER_MS_MAX = 2 ** 31 - 1;

interface TurnsHost {
  readonly loop: PoolLoop;
  /** Null: what was stepped is performed at once. */
  readonly journal: BatchJournal | null;
  /** Pool time in whole ms. */
  now(): number;
  /** The connection that carries a session now. */
  connectionOf(session: number): ControlConnection | undefined;
  /** A new session is there: its connection may be told. */
  accept(session: number): void;
  /** Before any answer of the batch leaves: what was freed is made safe for its next owner. */
  beforeRelease(effects: readonly Effect[]): void;
  perform(effect: Effect): void;
  crashed(error: unknown): void;
}

/**
 * The batch loop: all that came in one turn of the event loop is one batch. It runs in the phase
 * behind the one that reads sockets (setImmediate), so that what all of them had to say is in it;
 * a batch of one connection waits for nothing there, as no poll lies between: running it at once,
 * for each connection alone, measured no faster, neither a PING (72 us) nor 32 busy connections.
 * With a journal a batch is performed when it is durable; the next ones are stepped meanwhile.
 */
export class Turns {
  readonly #host: TurnsHost;
  readonly #batches: Batches;
  #planned = false;
  #stopped = false;
  /** Connections that may owe an acknowledgement that is due soon. */
  readonly #owing = new Set<ControlConnection>();
  /** Connections that are not read from, as their sessions are behind. */
  readonly #halted = new Set<ControlConnection>();
  /** Connections that have read more than the batch to come can hold, nor are they read from. */
  readonly #holding = new Set<ControlConnection>();
  #ackTimer: NodeJS.Timeout | null = null;
  #tickTimer: NodeJS.Timeout | null = null;
  #tickAt = Number.POSITIVE_INFINITY;

  constructor(host: TurnsHost) {
    this.#host = host;
    const { loop, journal } = host;
    this.#batches = new Batches({
      loop,
      journal,
      perform: (performance) => this.#perform(performance),
    });
  }

  /** Takes an input of the shell; when it has stopped, nothing is taken any more. */
  input(input: ShellInput): void {
    if (this.#stopped) return;
    this.#host.loop.input(input);
    this.plan();
  }

  /** A connection holds frames back, and is not read from, until a batch has been stepped. */
  hold(connection: ControlConnection): void {
    this.#holding.add(connection);
    this.plan();
  }

  plan(): void {
    if (this.#planned || this.#stopped) return;
    this.#planned = true;
    setImmediate(this.#run);
  }

  /** Runs a turn now if something waits for one. */
  runNow(): void {
    if (this.#planned && !this.#stopped) this.#run();
  }

  /** No more turns. Idempotent. */
  stop(): void {
    this.#stopped = true;
    if (this.#ackTimer !== null) clearTimeout(this.#ackTimer);
    if (this.#tickTimer !== null) clearTimeout(this.#tickTimer);
  }

  readonly #run = (): void => {
    if (!this.#planned || this.#stopped) return;
    this.#planned = false;
    const host = this.#host;
    try {
      // What the journal cannot take now it takes when a batch is durable: then this comes again.
      if (!this.#batches.step(host.now())) return;
    } catch (error) {
      host.crashed(error);
      return;
    }
    this.#releaseHeld();
    // What was left off goes on after what others have to say.
    if (host.loop.isDue(host.now())) this.plan();
    this.#throttle();
    this.#planTick();
  };

  /** Does what a batch asks for, once it may be known. */
  #perform({ opened, received, frames, effects }: Performance): void {
    const host = this.#host;
    host.beforeRelease(effects);
    for (const session of opened) host.accept(session);
    for (const { session, bytes } of frames) host.connectionOf(session)?.write(bytes);
    this.#acknowledge(received);
    for (const effect of effects) host.perform(effect);
  }

  /** Batches up to a number are durable. */
  durable(number: number): void {
    if (this.#stopped) return;
    try {
      this.#batches.durable(number);
    } catch (error) {
      this.#host.crashed(error);
      return;
    }
    this.plan();
  }

  #releaseHeld(): void {
    if (this.#holding.size === 0) return;
    const holding = [...this.#holding];
    this.#holding.clear();
    for (const connection of holding) {
      if (!this.#halted.has(connection)) connection.readOn();
      connection.releaseHeld();
    }
  }

  /** Who asked for more than was answered is read from again when it has been. */
  #throttle(): void {
    const { loop } = this.#host;
    for (const connection of this.#halted) {
      if (connection.state === 'open' && loop.isBehind(connection.session)) continue;
      this.#halted.delete(connection);
      if (!this.#holding.has(connection)) connection.readOn();
    }
    for (const session of loop.behind) {
      const connection = this.#host.connectionOf(session);
      if (connection === undefined || this.#halted.has(connection)) continue;
      this.#halted.add(connection);
      connection.halt();
    }
  }

  /** After the answers, which acknowledge too: what is due now; the rest within a second. */
  #acknowledge(received: readonly number[]): void {
    for (let at = 0; at < received.length; at += 2) {
      const connection = this.#host.connectionOf(received[at] as number);
      if (connection?.state !== 'open') continue;
      const ack = this.#host.loop.ackDue(connection.session, false);
      if (ack > 0) connection.writeAck(ack);
      else this.#owing.add(connection);
    }
    if (this.#owing.size === 0 || this.#ackTimer !== null) return;
    this.#ackTimer = setTimeout(this.#acknowledgeOwing, SERVER_LIMITS.ackSoonMs);
  }

  readonly #acknowledgeOwing = (): void => {
    this.#ackTimer = null;
    for (const connection of this.#owing) {
      if (connection.state !== 'open') continue;
      const ack = this.#host.loop.ackDue(connection.session, true);
      if (ack > 0) connection.writeAck(ack);
    }
    this.#owing.clear();
  };

  /** Wakes when the next deadline passes. An earlier timer that is left finds nothing due. */
  #planTick(): void {
    // An effect of this very turn may have stopped everything.
    if (this.#stopped) return;
    const next = this.#host.loop.pool.waits.nextDeadline();
    if (next >= this.#tickAt) return;
    if (this.#tickTimer !== null) clearTimeout(this.#tickTimer);
    this.#tickAt = next;
    const waitMs = Math.min(Math.max(next - this.#host.now(), 1), TIMER_MS_MAX);
    this.#tickTimer = setTimeout(this.#tick, waitMs);
  }

  readonly #tick = (): void => {
    this.#tickTimer = null;
    this.#tickAt = Number.POSITIVE_INFINITY;
    if (this.#host.loop.pool.waits.nextDeadline() <= this.#host.now()) this.input({ kind: 'tick' });
    else this.#planTick();
  };
}
