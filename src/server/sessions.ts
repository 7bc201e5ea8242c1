import { refuse } from '../core/assert.js';
import { Writer } from '../core/bytes.js';
import { AttaccaError } from '../core/errors.js';
import type { ValueMap } from '../core/value.js';
import type { ProcessIdentity } from '../levels/process-identity.js';
import type { PoolLoop } from '../loop/pool-loop.js';
import { type Hello, ROLE, writeAccept } from '../protocol/index.js';
import type { Link } from '../transport/index.js';
import { type ConnectionHost, ControlConnection } from './control-connection.js';
import { type DeathWatch, identityOf, isSameProcess, mayBeSameProcess } from './death-watch.js';
import { checkHello, type Door, sessionUnknown } from './handshake.js';
import { SERVER_LIMITS } from './limits.js';
import type { Poisoned } from './poisoned.js';
import type { SessionSecrets } from './secrets.js';
import type { Turns } from './turns.js';

/** Why a session has ended. */
const POISONED = 'its requests have ended a manager by a fault of ours';

/** The body of a MESSAGES frame of a session. */
interface MessagesBody {
  readonly session: number;
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

export interface Restored {
  readonly session: number;
  readonly process: ValueMap;
  readonly waiting: readonly MessagesBody[];
}

interface SessionEntry {
  readonly identity: ProcessIdentity;
  connection: ControlConnection | null;
  /** The client has shown the secret: ACCEPT came to it. */
  known: boolean;
  /** Its end is decided: nobody takes it up again. */
  ending: boolean;
  /** What ACCEPT will say, while the session is not there yet. */
  opening: { readonly version: number } | null;
}

interface SessionsOptions {
  readonly door: Door & { readonly poolName: string };
  readonly loop: PoolLoop;
  readonly turns: Turns;
  readonly secrets: SessionSecrets;
  /** Null where nothing outlives a fault. */
  readonly poisoned: Poisoned | null;
  readonly deaths: DeathWatch;
  readonly here: ProcessIdentity;
  /** ACCEPT's description of the pool, as a process sees it that came by this link. */
  readonly describe: (link: Link, identity: ProcessIdentity) => ValueMap;
  readonly now: () => number;
  readonly connectionsMax: number;
  /** Links beyond them that we have closed, and whose peers have time to read why. */
  readonly refusedMax: number;
  readonly log: (line: string) => void;
  readonly handshakeMsMax: number;
  /** Ends a session as one whose process is dead. */
  readonly endSession: (session: number, why: string) => void;
  readonly crashed: (error: unknown) => void;
}

/** Which connection carries which session: opening, taking up again, losing, ending. */
export class Sessions implements ConnectionHost {
  readonly #options: SessionsOptions;
  readonly #sessions = new Map<number, SessionEntry>();
  readonly #connections = new Set<ControlConnection>();
  /** Away, with requests but not one answer acknowledged: perhaps ACCEPT never came. */
  readonly #unheard = new Set<number>();
  /** Closed by us, and not yet by the peer; the oldest first. */
  readonly #closing = new Set<ControlConnection>();
  #refusedLogAt = 0;
  #onEmpty: () => void = () => {};

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#sessions.size;
  }

  connections(): Iterable<ControlConnection> {
    return this.#connections;
  }

  connectionOf(session: number): ControlConnection | undefined {
    return this.#sessions.get(session)?.connection ?? undefined;
  }

  /** A new link; beyond the bound it is refused at once. */
  take(link: Link): void {
    this.#makeRoom();
    const connection = new ControlConnection(link, this);
    const limit = this.#options.connectionsMax;
    if (this.#connections.size < limit) {
      this.#connections.add(connection);
      return;
    }
    this.#logRefused(limit);
    connection.refuse(
      new AttaccaError('session-limit', 'Cannot connect: the pool has too many connections', {
        limit,
      }),
    );
  }

  /**
   * A link that we close stays until the peer has closed it: were it gone before, what the peer
   * says would fail, and with it the reading of our reason. A new one needs a descriptor: for that
   * the oldest goes, which has had most time.
   */
  #makeRoom(): void {
    const { connectionsMax, refusedMax } = this.#options;
    if (this.#connections.size + this.#closing.size < connectionsMax + refusedMax) return;
    for (const oldest of this.#closing) {
      this.#closing.delete(oldest);
      oldest.destroy();
      return;
    }
  }

  #logRefused(limit: number): void {
    const { now, log } = this.#options;
    if (now() < this.#refusedLogAt) return;
    this.#refusedLogAt = now() + SERVER_LIMITS.refusedLogMs;
    const why =
      limit < SERVER_LIMITS.connectionsMax ? ', by the limit on open files (ulimit -n)' : '';
    log(`connections are refused: there are ${limit}, the most that this pool takes${why}`);
  }

  /** Resolves when no session is open, at the latest after so many ms. */
  whenEmpty(msMax: number): Promise<void> {
    if (this.#sessions.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, msMax);
      this.#onEmpty = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Nobody need leave any more: ends `whenEmpty`. */
  stopWaiting(): void {
    this.#onEmpty();
  }

  isOpen(session: number): boolean {
    return this.#sessions.get(session)?.ending === false;
  }

  /** Ends every connection with a reason; resolves when their links are closed. */
  async refuseAll(error: AttaccaError): Promise<void> {
    const connections = [...this.#connections];
    for (const connection of connections) connection.refuse(error);
    await Promise.all(connections.map((connection) => connection.gone));
  }

  destroyAll(): void {
    for (const connection of [...this.#connections]) connection.destroy();
  }

  /** The session cannot be taken up again; false when it has ended already. */
  beginEnding(session: number): boolean {
    const entry = this.#sessions.get(session);
    if (entry === undefined || entry.ending) return false;
    entry.ending = true;
    return true;
  }

  /** The pool has ended a session: by END, whose answer is on its way, or because it is dead. */
  ended(session: number, crashed: boolean): void {
    const entry = this.#sessions.get(session);
    if (entry === undefined) return;
    this.#sessions.delete(session);
    this.#unheard.delete(session);
    this.#options.deaths.back(session);
    if (crashed) entry.connection?.refuse(sessionUnknown(session));
    else entry.connection?.close();
    if (this.#sessions.size === 0) this.#onEmpty();
  }

  // What a connection asks.

  get handshakeMsMax(): number {
    return this.#options.handshakeMsMax;
  }

  hello(connection: ControlConnection, hello: Hello): number {
    const { door } = this.#options;
    const version = checkHello(hello, door);
    if (hello.role !== ROLE.control) {
      refuse('bad-frame', 'Cannot carry data here: the addresses of ACCEPT\'s "data" do that');
    }
    return hello.session === 0
      ? this.#open(connection, hello, version)
      : this.#resume(connection, hello, version);
  }

  messages(connection: ControlConnection, bytes: Uint8Array, start: number, end: number): void {
    const { session } = connection;
    // It has ended, which is not durable yet: then its connection is closed.
    if (!this.#options.loop.hasSession(session)) return;
    if (this.#isPoisoned({ session, bytes, start, end })) {
      this.#options.endSession(session, POISONED);
      throw new AttaccaError(
        'poisoned',
        'Cannot go on: these requests have stopped the pool before',
      );
    }
    this.#options.loop.receive(session, bytes, start, end);
    this.#options.turns.plan();
  }

  ack(connection: ControlConnection, ack: number): void {
    const { loop, turns } = this.#options;
    if (!loop.hasSession(connection.session)) return;
    loop.receiveAck(connection.session, ack);
    // What was left off for want of this may go on.
    if (loop.isDue(this.now())) turns.plan();
  }

  isCongested(session: number): boolean {
    return this.#options.loop.isCongested(session);
  }

  get isFull(): boolean {
    return this.#options.loop.isFull;
  }

  hold(connection: ControlConnection): void {
    this.#options.turns.hold(connection);
  }

  closed(connection: ControlConnection): void {
    this.#connections.delete(connection);
    this.#closing.add(connection);
    void connection.gone.then(() => this.#closing.delete(connection));
    const entry = this.#sessions.get(connection.session);
    if (entry === undefined || entry.connection !== connection) return;
    entry.connection = null;
    this.#options.loop.disconnected(connection.session);
    if (this.#isUnheard(connection.session, entry)) this.#unheard.add(connection.session);
    if (!entry.ending) this.#options.deaths.away(connection.session, entry.identity);
  }

  crashed(error: unknown): void {
    this.#options.crashed(error);
  }

  now(): number {
    return this.#options.now();
  }

  #open(connection: ControlConnection, hello: Hello, version: number): number {
    const { loop, turns } = this.#options;
    const identity = identityOf(hello.process);
    // So many come at once that a batch must be stepped in between.
    if (loop.isFull) turns.runNow();
    if (loop.isFull) refuse('session-limit', 'Cannot open a session: too much comes at once');
    const session = loop.openSession(hello.process);
    this.#endUnheard(identity);
    this.#options.deaths.succeeded(identity);
    const opening = { version };
    this.#sessions.set(session, { identity, connection, known: false, ending: false, opening });
    turns.plan();
    return session;
  }

  /** A session that was opened is there: who asked for it is told, unless the link is lost. */
  accept(session: number): void {
    const entry = this.#sessions.get(session);
    if (entry === undefined) return;
    const { opening, connection, identity } = entry;
    entry.opening = null;
    if (opening === null || connection === null) return;
    const fields = { ...opening, session, received: 0, resumed: false };
    this.#accept(connection, fields, identity);
  }

  /**
   * A session that a manager before this one has left: its client may come back, or be dead. What
   * waits of it for its turn is not stepped when it has ended a manager.
   */
  restore({ session, process, waiting }: Restored): void {
    const identity = identityOf(process);
    const entry = { identity, connection: null, known: false, ending: false, opening: null };
    this.#sessions.set(session, entry);
    if (this.#isUnheard(session, entry)) this.#unheard.add(session);
    this.#options.deaths.away(session, identity);
    if (waiting.some((each) => this.#isPoisoned(each))) {
      this.#options.endSession(session, POISONED);
    }
  }

  #isPoisoned(body: MessagesBody): boolean {
    const { poisoned } = this.#options;
    const identity = this.#sessions.get(body.session)?.identity;
    return poisoned !== null && identity !== undefined && poisoned.has({ ...body, identity });
  }

  /** Remembers requests of a session that have ended this manager; returns what a report says. */
  poison(body: MessagesBody): string {
    const { poisoned } = this.#options;
    const identity = this.#sessions.get(body.session)?.identity;
    return poisoned === null || identity === undefined ? '' : poisoned.add({ ...body, identity });
  }

  /** One that has asked for nothing holds nothing, and keeps nobody out. */
  #isUnheard(session: number, entry: SessionEntry): boolean {
    const { loop } = this.#options;
    return !entry.known && loop.receivedOf(session) > 0 && !loop.hasAcknowledged(session);
  }

  /**
   * A client that lost its connection before ACCEPT came does not know its session and comes with a
   * new one, as the same process: the old one would keep its names as long as the process lives.
   */
  #endUnheard(identity: ProcessIdentity): void {
    for (const session of this.#unheard) {
      const entry = this.#sessions.get(session);
      if (entry === undefined || !isSameProcess(entry.identity, identity)) continue;
      this.#unheard.delete(session);
      this.#options.deaths.back(session);
      this.#options.endSession(session, 'its client never heard of it, and has opened another');
    }
  }

  #resume(connection: ControlConnection, hello: Hello, version: number): number {
    const { loop, secrets, deaths } = this.#options;
    const { session } = hello;
    const entry = this.#sessions.get(session);
    const known = secrets.check(session, hello.secret) && loop.hasSession(session);
    if (entry !== undefined && !loop.hasSession(session)) {
      // That it has ended is not durable yet: the client asks again.
      connection.destroy();
      return session;
    }
    if (!known || entry === undefined || entry.ending) throw sessionUnknown(session);
    // Of a journal that was put back, the same number may be another client's.
    const isOurs = mayBeSameProcess(entry.identity, identityOf(hello.process));
    if (!isOurs) throw sessionUnknown(session);
    const { received, frames } = loop.resumeSession(session, hello.received);
    if (loop.isDue(this.now())) this.#options.turns.plan();
    const former = entry.connection;
    entry.connection = connection;
    entry.known = true;
    this.#unheard.delete(session);
    // The client has given the former one up before we noticed.
    former?.destroy();
    deaths.back(session);
    this.#accept(connection, { version, session, received, resumed: true }, entry.identity);
    for (const frame of frames) connection.write(frame);
    return session;
  }

  #accept(
    connection: ControlConnection,
    fields: { version: number; session: number; received: number; resumed: boolean },
    identity: ProcessIdentity,
  ): void {
    const { door, secrets, describe, here } = this.#options;
    connection.isRemote =
      identity.bootId === null ||
      identity.bootId !== here.bootId ||
      identity.pidNamespace !== here.pidNamespace;
    const writer = new Writer(1_024);
    writeAccept(writer, {
      ...fields,
      poolId: door.poolId,
      poolName: door.poolName,
      secret: secrets.of(fields.session),
      pool: describe(connection.link, identity),
    });
    connection.accept(writer.written());
  }
}
