import { assert } from '../core/assert.js';
import type { Reader, Writer } from '../core/bytes.js';
import { AttaccaError } from '../core/errors.js';
import { LIMITS } from '../core/limits.js';
import {
  type Accept,
  MESSAGE,
  type Messages,
  Ok,
  type PoolInfo,
  poolInfoOf,
  readFail,
  readNotice,
  readOk,
  readReclaim,
  readSlabGone,
  writeCancel,
  writeKey,
} from '../protocol/index.js';
import { Declarer } from './declarer.js';
import { again, errorOf } from './errors.js';
import { Gate } from './gate.js';
import { KeyNumbers } from './keys.js';
import { Lifeline, type LifelineOptions } from './lifeline.js';
import { Numbers } from './numbers.js';
import { Outbox } from './outbox.js';
import { Pending, UNHEEDED, type Waiter } from './pending.js';

/** How much a client may have sent without an acknowledgement. */
export interface ConnectionLimits {
  readonly requestsMax: number;
  readonly requestBytesMax: number;
}

const LIMITS_DEFAULT: ConnectionLimits = {
  requestsMax: LIMITS.sessionRequestsMax,
  requestBytesMax: LIMITS.sessionRequestBytesMax,
};

/** A request with what may stand before it in its frame. */
const MESSAGE_BYTES_MAX = LIMITS.frameBytesMax - 256 * 1024;

/** What a connection is told beside answers. */
interface ConnectionEvents {
  onAccept(accept: Accept, pool: PoolInfo): void;
  onResumed(pool: PoolInfo): void;
  onReclaim(bytes: number): void;
  onSlabGone(slab: number): void;
  onOver(error: AttaccaError): void;
}

/** Who is told of events. */
interface Subscriber {
  /** An EVENT has come; the reader is borrowed. */
  took(reader: Reader): void;
  /** The session is over. */
  over(error: AttaccaError): void;
}

/**
 * A session as its users see it: requests go in, answers come to their waiters. Requests of one
 * turn of the event loop go out as one write. Numbers of handles, members, promises and keys are
 * given here, as they belong to the session.
 */
export class Connection {
  readonly handles = new Numbers('handle', LIMITS.sessionHandlesMax);
  readonly members = new Numbers('member', LIMITS.membersMax);
  readonly promises = new Numbers('promise', LIMITS.promisesMax);
  readonly subscriptions = new Numbers('subscription', LIMITS.subscriptionsMax);
  readonly keys: KeyNumbers;
  readonly declarer: Declarer;
  /** Resolves when the session is open; rejects when it never will be. */
  readonly accepted: Promise<PoolInfo>;
  #accept: (pool: PoolInfo) => void = () => {};
  #refuse: (error: AttaccaError) => void = () => {};
  pool: PoolInfo | null = null;
  readonly #lifeline: Lifeline;
  readonly #outbox: Outbox;
  readonly #pending = new Pending();
  readonly #gate: Gate;
  /** Those who wait until the pool is back, or given up. */
  #waiting: (() => void)[] = [];
  /** Those who are to hear when it is lost. */
  #watching: (() => void)[] = [];
  /** Those who are told of events, by their numbers. */
  readonly #subscribers = new Map<number, Subscriber>();
  /** How many wait for one. */
  #listening = 0;
  readonly #limits: ConnectionLimits;
  #requestsMax: number;
  readonly #events: ConnectionEvents;
  readonly #ok = new Ok();

  constructor(
    options: LifelineOptions,
    events: ConnectionEvents,
    limits: ConnectionLimits = LIMITS_DEFAULT,
  ) {
    this.#events = events;
    this.#limits = limits;
    this.#requestsMax = limits.requestsMax;
    this.#gate = new Gate(() => this.#hasRoom());
    this.#lifeline = new Lifeline(options, {
      onAccept: (accept) => this.#onAccept(accept),
      onLost: () => this.#onLost(),
      onResumed: (accept) => this.#onResumed(accept),
      onMessages: (messages, skip) => this.#onMessages(messages, skip),
      onTurn: () => this.#onTurn(),
      onOver: (error) => this.#onOver(error),
    });
    this.#outbox = new Outbox(
      (messages, count) => this.#lifeline.send(messages, count),
      () => this.#lifeline.flush(),
    );
    this.keys = new KeyNumbers((number, name) => {
      this.post(UNHEEDED, 1, (w) => writeKey(w, number, name));
    });
    this.declarer = new Declarer(this.keys);
    this.accepted = new Promise((resolve, reject) => {
      this.#accept = resolve;
      this.#refuse = reject;
    });
    this.accepted.catch(() => {});
  }

  /** Connects; what was posted before goes out with HELLO. */
  start(): void {
    this.#lifeline.setBusy(true);
    void this.#lifeline.start();
  }

  /** Null while it works; else why every call fails. */
  get over(): AttaccaError | null {
    return this.#lifeline.over;
  }

  get isUp(): boolean {
    return this.#lifeline.isUp;
  }

  get accept(): Accept | null {
    return this.#lifeline.accept;
  }

  /** How long the pool has not been reached, or 0. */
  get awayMs(): number {
    return this.#lifeline.awayMs;
  }

  /** How long it has not been reached since then, all times together. */
  get awayTotalMs(): number {
    return this.#lifeline.awayTotalMs;
  }

  /** Null while the pool is there, or given up; else what resolves when it is so again. */
  back(): Promise<void> | null {
    if (this.isUp || this.over !== null) return null;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Resolves when the pool cannot be reached, now or the next time; when it is over, never. */
  lost(): Promise<void> {
    if (this.awayMs > 0 && this.over === null) return Promise.resolve();
    return new Promise((resolve) => this.#watching.push(resolve));
  }

  /** From now on the events of a subscription are for this one. */
  subscribed(number: number, one: Subscriber): void {
    this.#subscribers.set(number, one);
  }

  /** A subscription has ended: its number is free. */
  unsubscribed(number: number): void {
    if (this.#subscribers.delete(number)) this.subscriptions.release(number);
  }

  /** One more, or less, waits for an event: that keeps the process alive, as a request does. */
  listen(delta: 1 | -1): void {
    this.#listening += delta;
    if (this.over !== null) return;
    if (this.#isIdle && this.accept !== null) this.#lifeline.setBusy(false);
    else if (delta === 1) this.#lifeline.setBusy(true);
  }

  get #isIdle(): boolean {
    return this.#pending.count === 0 && this.#listening === 0;
  }

  /** Requests that are not answered. */
  get requestsPending(): number {
    return this.#pending.count;
  }

  /** Null when a request may be sent now; else a promise to await first. */
  room(): Promise<void> | null {
    return this.#gate.enter();
  }

  /** The number that the next message will have. */
  get numberNext(): number {
    return this.#lifeline.outgoing.last + this.#outbox.count + 1;
  }

  /**
   * Sends `count` requests, which `write` writes as whole messages, and lets `waiter` take their
   * answers. When `write` refuses an argument nothing is sent. Returns the number of the first.
   */
  post(waiter: Waiter, count: number, write: (w: Writer) => void): number {
    const w = this.begin();
    const start = w.at;
    try {
      write(w);
    } catch (error) {
      w.at = start;
      throw error;
    }
    const size = w.at - start;
    if (size > MESSAGE_BYTES_MAX) {
      w.at = start;
      const why = `it takes ${size} bytes, of which ${MESSAGE_BYTES_MAX} are allowed`;
      throw new AttaccaError('too-large', `Cannot send a request: ${why}`, { bytes: size });
    }
    return this.posted(waiter, count);
  }

  /** For batches: the writer to write whole messages to; {@link posted} must follow at once. */
  begin(): Writer {
    const { over } = this.#lifeline;
    if (over !== null) throw again(over);
    return this.#outbox.writer;
  }

  posted(waiter: Waiter, count: number): number {
    const first = this.numberNext;
    if (this.#pending.count === 0) this.#lifeline.setBusy(true);
    this.#pending.add(first, count, waiter);
    this.#outbox.added(count);
    return first;
  }

  /** Asks the pool to end a request that waits. */
  cancel(request: number): void {
    if (this.over !== null) return;
    this.post(UNHEEDED, 1, (w) => writeCancel(w, request));
  }

  /** Sends what this turn has gathered, then ends the session here. */
  close(reason: AttaccaError): void {
    if (this.over !== null) return;
    this.#outbox.flush();
    this.#lifeline.end(reason);
  }

  #hasRoom(): boolean {
    const { outgoing } = this.#lifeline;
    return (
      outgoing.messagesHeld + this.#outbox.count < this.#requestsMax &&
      outgoing.bytesHeld + this.#outbox.writer.at < this.#limits.requestBytesMax
    );
  }

  #onAccept(accept: Accept): void {
    const pool = poolInfoOf(accept.pool);
    this.pool = pool;
    // More would be held by the pool, which stops at so many answers that are not acknowledged.
    // Requests that it has and that wait for long do not count: others may have to end their wait.
    this.#requestsMax = Math.min(
      this.#limits.requestsMax,
      pool.limits['sessionRepliesMax'] || LIMITS.sessionRepliesMax,
    );
    this.#events.onAccept(accept, pool);
    this.#accept(pool);
    this.#tellBack();
    if (this.#isIdle) this.#lifeline.setBusy(false);
  }

  #onLost(): void {
    for (const resolve of this.#watching.splice(0)) resolve();
  }

  #onResumed(accept: Accept): void {
    const pool = poolInfoOf(accept.pool);
    this.pool = pool;
    this.#events.onResumed(pool);
    this.#tellBack();
  }

  #tellBack(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #onTurn(): void {
    this.#gate.open();
    if (this.#isIdle && this.accept !== null) this.#lifeline.setBusy(false);
  }

  #onOver(error: AttaccaError): void {
    this.#refuse(error);
    this.#gate.fail(error);
    this.#pending.lose(error);
    for (const one of [...this.#subscribers.values()]) one.over(error);
    this.#events.onOver(error);
    this.#tellBack();
  }

  #onMessages(messages: Messages, skip: number): void {
    let index = 0;
    while (messages.next()) {
      if (index++ >= skip) this.#onMessage(messages.code, messages.reader);
    }
  }

  #onMessage(code: number, reader: Reader): void {
    switch (code) {
      case MESSAGE.ok: {
        const ok = this.#ok;
        readOk(reader, ok);
        this.#pending.ok(ok.first, ok.last, ok.record, ok.bytes);
        return;
      }
      case MESSAGE.fail: {
        const fail = readFail(reader);
        this.#pending.fail(fail.request, errorOf(fail));
        return;
      }
      case MESSAGE.welcome:
      case MESSAGE.bye:
      case MESSAGE.deliver:
      case MESSAGE.grant:
      case MESSAGE.value:
      case MESSAGE.opened: {
        const start = reader.at;
        const request = reader.u64();
        reader.at = start;
        this.#pending.answer(request, code, reader);
        return;
      }
      case MESSAGE.parts: {
        const start = reader.at;
        const request = reader.u64();
        reader.at = start;
        this.#pending.told(request, reader);
        return;
      }
      case MESSAGE.reclaim:
        this.#events.onReclaim(readReclaim(reader));
        return;
      case MESSAGE.slabGone:
        this.#events.onSlabGone(readSlabGone(reader));
        return;
      case MESSAGE.event: {
        const start = reader.at;
        const number = reader.u32();
        reader.at = start;
        // What comes for one that has ended meanwhile is nobody's.
        this.#subscribers.get(number)?.took(reader);
        return;
      }
      case MESSAGE.notice: {
        const notice = readNotice(reader);
        if (notice.code === 'pool-stopping') {
          this.#lifeline.farewell(errorOf(notice));
        }
        return;
      }
      default:
        // A later pool may say more; answers that we must understand are all above.
        assert(code > MESSAGE.parts, `an answer of a known code, not ${code}`);
    }
  }
}
