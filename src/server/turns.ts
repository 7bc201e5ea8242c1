import type { PoolLoop } from '../loop/pool-loop.js';
import type { Input } from '../pool/input.js';
import type { Effect } from '../pool/state.js';
import type { ControlConnection } from './control-connection.js';
import { SERVER_LIMITS } from './limits.js';

/** setTimeout takes no more; an earlier waking does no harm. */
const TIMER_MS_MAX = 2 ** 31 - 1;

interface TurnsHost {
  readonly loop: PoolLoop;
  /** Pool time in whole ms. */
  now(): number;
  /** The connection that carries a session now. */
  connectionOf(session: number): ControlConnection | undefined;
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
 */
export class Turns {
  readonly #host: TurnsHost;
  #planned = false;
  #stopped = false;
  #touched: ControlConnection[] = [];
  /** Connections that may owe an acknowledgement that is due soon. */
  readonly #owing = new Set<ControlConnection>();
  /** Connections that are not read from. */
  readonly #halted = new Set<ControlConnection>();
  #ackTimer: NodeJS.Timeout | null = null;
  #tickTimer: NodeJS.Timeout | null = null;
  #tickAt = Number.POSITIVE_INFINITY;

  constructor(host: TurnsHost) {
    this.#host = host;
  }

  /** Takes an input of the shell. */
  input(input: Exclude<Input, { kind: 'messages' | 'session-opened' }>): void {
    this.#host.loop.input(input);
    this.plan();
  }

  /** Something came from a connection: it takes part in the next turn. */
  touch(connection: ControlConnection): void {
    if (!connection.touched) {
      connection.touched = true;
      this.#touched.push(connection);
    }
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
      const { frames, effects } = host.loop.run(host.now());
      host.beforeRelease(effects);
      for (const { session, bytes } of frames) host.connectionOf(session)?.write(bytes);
      this.#acknowledge();
      for (const effect of effects) host.perform(effect);
    } catch (error) {
      host.crashed(error);
      return;
    }
    // What was left off goes on after what others have to say.
    if (host.loop.isDue) this.plan();
    this.#throttle();
    this.#planTick();
  };

  /** Who asked for more than was answered is read from again when it has been. */
  #throttle(): void {
    const { loop } = this.#host;
    for (const connection of this.#halted) {
      if (connection.state === 'open' && loop.isBehind(connection.session)) continue;
      this.#halted.delete(connection);
      connection.readOn();
    }
    for (const session of loop.behind) {
      const connection = this.#host.connectionOf(session);
      if (connection === undefined || this.#halted.has(connection)) continue;
      this.#halted.add(connection);
      connection.halt();
    }
  }

  /** After the answers, which acknowledge too: what is due now; the rest within a second. */
  #acknowledge(): void {
    const touched = this.#touched;
    this.#touched = [];
    for (const connection of touched) {
      connection.touched = false;
      if (connection.state !== 'open') continue;
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
