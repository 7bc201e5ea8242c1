import { AttaccaError } from '../core/errors.js';
import { formatSeconds } from '../core/format-seconds.js';
import {
  type Accept,
  FRAME,
  FrameAssembler,
  Messages,
  readAccept,
  readAck,
  readRefuse,
} from '../protocol/index.js';
import { Incoming } from '../session/incoming.js';
import { Outgoing } from '../session/outgoing.js';
import type { Link } from '../transport/index.js';
import { asAttaccaError, errorOf } from './errors.js';
import { Keeper } from './keeper.js';
import { ackBytes, controlHello, type HelloParts } from './opening.js';

/** What a lifeline tells its owner. */
interface LifelineEvents {
  /** The session is open. Called once. */
  onAccept(accept: Accept): void;
  /** The pool cannot be reached; it is tried again. */
  onLost(): void;
  /** It was taken up again, perhaps by another process of the pool. */
  onResumed(accept: Accept): void;
  /** A frame of messages; its first `skip` ones have come before. */
  onMessages(messages: Messages, skip: number): void;
  /** All that has arrived together was handed over. */
  onTurn(): void;
  /** The session is over: nothing comes any more. Called once. */
  onOver(error: AttaccaError): void;
}

export interface LifelineOptions {
  readonly open: (signal: AbortSignal) => Promise<{ link: Link; token: string }>;
  readonly hello: Omit<HelloParts, 'token'>;
  /** How long a lost connection is tried again, from its loss. */
  readonly reconnectMs: () => number;
  /** How long the first connection is tried while nobody listens, or it is lost again at once. */
  readonly connectMs: number;
  /** How long a connection may stay without ACCEPT. */
  readonly acceptMs: number;
}

const BACKOFF_FIRST_MS = 10;
const BACKOFF_MS_MAX = 1_000;

type Outcome =
  | { readonly kind: 'up' }
  /** There was no connection at all. */
  | { readonly kind: 'unreached'; readonly error: AttaccaError }
  | { readonly kind: 'failed'; readonly error: AttaccaError }
  | { readonly kind: 'refused'; readonly error: AttaccaError };

/**
 * One session on one connection after another (spec/protocol.md, sections 4 and 6).
 *
 * ```
 * opening -ACCEPT-> up <-ACCEPT- reconnecting        any -> over
 *  ^ |               `----lost----^   |
 *  '-+ nobody listens, or lost,       |
 *    |    for connectMs               |
 *    `--refused--------> over <-------' refused, or away for longer than reconnectMs
 * ```
 *
 * While a session is opened its messages follow HELLO in the same write; when it is taken up again
 * they wait for ACCEPT, which says what the pool has. After a loss before the first ACCEPT all is
 * sent again, to open another session: nobody knows the secret of the one that the pool may have,
 * and that ends with the pool. While it does not, JOIN is refused with `name-in-use`.
 */
export class Lifeline {
  readonly outgoing = new Outgoing();
  readonly incoming = new Incoming();
  accept: Accept | null = null;
  readonly #options: LifelineOptions;
  readonly #events: LifelineEvents;
  readonly #keeper: Keeper;
  readonly #messages = new Messages();
  readonly #stop = new AbortController();
  #link: Link | null = null;
  #mayWrite = false;
  #hasAcknowledged = false;
  #up = false;
  #over: AttaccaError | null = null;
  #lostAtMs: number | null = null;
  /** Of losses that are over. */
  #awayBeforeMs = 0;
  /** Ends the attempt under way. */
  #settle: ((outcome: Outcome) => void) | null = null;
  /** The pool has said why it is about to close: then nothing is tried again. */
  #farewell: AttaccaError | null = null;

  constructor(options: LifelineOptions, events: LifelineEvents) {
    this.#options = options;
    this.#events = events;
    this.#keeper = new Keeper((always) => this.#writeAck(always));
  }

  get isUp(): boolean {
    return this.#up;
  }

  get over(): AttaccaError | null {
    return this.#over;
  }

  /** How long the pool has not been reached, or 0. */
  get awayMs(): number {
    return this.#lostAtMs === null ? 0 : performance.now() - this.#lostAtMs;
  }

  /** The same of all losses together. */
  get awayTotalMs(): number {
    return this.#awayBeforeMs + this.awayMs;
  }

  /** Makes the first connection; what comes of it is told by the events. */
  async start(): Promise<void> {
    const { acceptMs, connectMs } = this.#options;
    const since = performance.now();
    for (let pauseMs = BACKOFF_FIRST_MS; ; pauseMs = Math.min(pauseMs * 2, BACKOFF_MS_MAX)) {
      const outcome = await this.#attempt(acceptMs);
      if (this.#over !== null || outcome.kind === 'up') return;
      const { kind, error } = outcome;
      const triedMs = performance.now() - since;
      const isLast = triedMs + pauseMs > connectMs;
      const mayCome =
        (kind === 'unreached' && error.code === 'pool-unreachable') ||
        (kind === 'failed' && error.code === 'connection-lost');
      if (!mayCome || isLast) {
        return this.end(connectMs > 0 && mayCome ? tried(error, triedMs) : error);
      }
      if (this.#lostAtMs === null) {
        this.#lostAtMs = since;
        this.#events.onLost();
      }
      await this.#keeper.pause(pauseMs);
    }
  }

  /** Sends messages as one frame, now or when there is a connection again. */
  send(messages: Uint8Array, count: number): void {
    const frame = this.outgoing.frame(messages, count, this.incoming.received);
    this.incoming.acknowledged();
    if (!this.#mayWrite) return;
    this.#keeper.sent();
    this.#link?.write(frame);
  }

  /** Hands what was sent in this turn to the system. */
  flush(): void {
    this.#link?.flush();
  }

  /** Whether this session keeps the process alive: while something is waited for. */
  setBusy(busy: boolean): void {
    this.#keeper.setBusy(busy);
  }

  /** The pool will close the connection, for this reason. */
  farewell(error: AttaccaError): void {
    this.#farewell = error;
  }

  /** Ends the session here, after what was written is sent. Idempotent. */
  end(error: AttaccaError): void {
    if (this.#over !== null) return;
    this.#over = error;
    this.#up = false;
    this.#mayWrite = false;
    this.#stop.abort();
    this.#settle?.({ kind: 'failed', error });
    this.#keeper.stop();
    this.#link?.close();
    this.#link = null;
    this.#events.onOver(error);
  }

  async #attempt(acceptMs: number): Promise<Outcome> {
    let opened: { link: Link; token: string };
    try {
      opened = await this.#options.open(this.#stop.signal);
    } catch (error) {
      return { kind: 'unreached', error: asAttaccaError(error) };
    }
    const { link, token } = opened;
    if (this.#over !== null) {
      link.destroy();
      return { kind: 'failed', error: this.#over };
    }
    return await new Promise<Outcome>((resolve) => {
      const settle = (outcome: Outcome): void => {
        clearTimeout(timer);
        this.#settle = null;
        resolve(outcome);
      };
      const timer = setTimeout(() => {
        const text = `Cannot open a session: no answer from "${link.peer}" within ${formatSeconds(acceptMs)}`;
        link.destroy();
        settle({ kind: 'failed', error: new AttaccaError('pool-unreachable', text) });
      }, acceptMs);
      if (!this.#keeper.isBusy) timer.unref();
      this.#settle = settle;
      this.#take(link, token);
    });
  }

  /** Begins to use a link: HELLO, and for a new session all there is to say. */
  #take(link: Link, token: string): void {
    this.#link = link;
    this.#keeper.take(link);
    const assembler = new FrameAssembler();
    link.onData = (chunk) => this.#onData(link, assembler, chunk);
    link.onClose = (error) => this.#onClose(link, error);
    if (link.isClosed) {
      this.#onClose(link, null);
      return;
    }
    const parts = { ...this.#options.hello, token };
    link.write(controlHello(parts, this.accept, this.incoming.received));
    if (this.accept === null) this.#writeUnacknowledged();
    link.flush();
  }

  #writeUnacknowledged(): void {
    this.#mayWrite = true;
    for (const frame of this.outgoing.resend(this.incoming.received)) this.#link?.write(frame);
    this.incoming.acknowledged();
  }

  #onData(link: Link, assembler: FrameAssembler, chunk: Uint8Array): void {
    if (this.#link !== link) return;
    this.#keeper.received();
    try {
      assembler.push(chunk);
      while (assembler.next()) {
        this.#onFrame(link, assembler);
        if (this.#link !== link) return;
      }
      this.#events.onTurn();
    } catch (error) {
      this.end(asAttaccaError(error));
      return;
    }
    // The first is told at once: a pool that is served again then knows that we know our session.
    const due = this.#hasAcknowledged ? this.incoming.ackDue : 'now';
    if (due === 'now') this.#writeAck(false);
    else if (due === 'soon') this.#keeper.ackSoon();
  }

  #onFrame(link: Link, frame: FrameAssembler): void {
    const { kind, bytes, start, end } = frame;
    if (kind === FRAME.refuse) {
      this.#onRefuse(link, errorOf(readRefuse(bytes, start, end)));
    } else if (!this.#up) {
      if (kind !== FRAME.accept) throw unexpectedFrame(kind);
      this.#onAccept(readAccept(bytes, start, end));
    } else if (kind === FRAME.messages) {
      const messages = this.#messages;
      messages.open(bytes, start, end);
      this.#acknowledge(messages.ack);
      const skip = this.incoming.take(messages.first, messages.count, end - start);
      if (skip < 0) {
        throw new AttaccaError('bad-frame', 'Cannot take messages of the pool: some are missing');
      }
      if (skip < messages.count) this.#events.onMessages(messages, skip);
    } else if (kind === FRAME.ack) {
      this.#acknowledge(readAck(bytes, start, end));
    } else {
      throw unexpectedFrame(kind);
    }
  }

  #acknowledge(number: number): void {
    if (this.outgoing.acknowledge(number)) return;
    throw new AttaccaError('bad-frame', `Cannot take ack ${number}: no such message was sent`);
  }

  #onAccept(accept: Accept): void {
    const isFirst = this.accept === null;
    if (!isFirst && !accept.resumed) {
      throw new AttaccaError('session-unknown', 'Cannot take up the session: the pool forgot it');
    }
    this.#acknowledge(accept.received);
    this.accept = accept;
    this.#up = true;
    this.#awayBeforeMs = this.awayTotalMs;
    this.#lostAtMs = null;
    if (isFirst) this.#events.onAccept(accept);
    else {
      this.#writeUnacknowledged();
      this.#events.onResumed(accept);
    }
    this.#settle?.({ kind: 'up' });
  }

  /**
   * A refusal that is retryable ends the connection only: `session-limit` while it was too fast.
   */
  #onRefuse(link: Link, error: AttaccaError): void {
    if (this.#settle !== null) this.#settle({ kind: 'refused', error });
    else if (!error.retryable) this.end(error);
    else {
      link.destroy();
      this.#drop();
      void this.#keeper.pause(BACKOFF_FIRST_MS).then(() => this.#reconnect(error));
    }
  }

  #drop(): void {
    this.#link = null;
    if (this.#up) this.#lostAtMs = performance.now();
    this.#up = false;
    this.#mayWrite = false;
    this.#keeper.drop();
  }

  #onClose(link: Link, cause: Error | null): void {
    if (this.#link !== link || this.#over !== null) return;
    const wasUp = this.#up;
    this.#drop();
    const why = cause?.message ?? 'the pool closed it';
    const error = new AttaccaError(
      'connection-lost',
      `Lost the connection to the pool: ${why}`,
      {},
      { cause },
    );
    if (this.#settle !== null) this.#settle({ kind: 'failed', error });
    else if (this.#farewell !== null) this.end(this.#farewell);
    else if (wasUp) {
      this.#events.onLost();
      void this.#reconnect(error);
    }
  }

  async #reconnect(lost: AttaccaError): Promise<void> {
    const since = performance.now();
    const reconnectMs = this.#options.reconnectMs();
    for (let pauseMs = BACKOFF_FIRST_MS; ; pauseMs = Math.min(pauseMs * 2, BACKOFF_MS_MAX)) {
      if (this.#over !== null) return;
      const leftMs = reconnectMs - (performance.now() - since);
      const outcome = await this.#attempt(Math.max(leftMs, 1));
      if (this.#over !== null || outcome.kind === 'up') return;
      const { error } = outcome;
      if (outcome.kind === 'refused' && !error.retryable) return this.end(error);
      const awayMs = performance.now() - since;
      if (awayMs + pauseMs > reconnectMs) {
        const text = `${lost.message}; tried again for ${formatSeconds(awayMs)}: ${error.message}`;
        return this.end(new AttaccaError('connection-lost', text, {}, { cause: error }));
      }
      await this.#keeper.pause(pauseMs);
    }
  }

  #writeAck(always: boolean): void {
    if (!this.#up || !(always || this.incoming.ackDue !== 'no')) return;
    this.#hasAcknowledged = true;
    this.incoming.acknowledged();
    this.#keeper.sent();
    this.#link?.write(ackBytes(this.incoming.received));
  }
}

/** There was no pool, however often it was tried. */
function tried(error: AttaccaError, ms: number): AttaccaError {
  const text = `${error.message}; tried for ${formatSeconds(ms)}`;
  return new AttaccaError(error.code, text, error.fields, { cause: error });
}

function unexpectedFrame(kind: number): AttaccaError {
  return new AttaccaError('bad-frame', `Cannot take the pool's frame: kind ${kind} is not due`);
}
