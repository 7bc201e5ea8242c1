import type { Reader } from '../../core/bytes.js';
import { AttaccaError } from '../../core/errors.js';
import {
  EVENT,
  MESSAGE,
  readEvent,
  readValueAnswer,
  SUBSCRIBE,
  type SubscribeFields,
  writeAcknowledge,
  writeSubscribe,
  writeUnsubscribe,
  writeVeto,
} from '../../protocol/index.js';
import { Call } from '../call.js';
import { again, wrongState } from '../errors.js';
import { UNHEEDED } from '../pending.js';
import type { Seat } from '../seat.js';
import { throwIfAborted } from '../waiting.js';
import { Arrivals } from './arrivals.js';
import { eventOf, type PoolEvent, reasonOf } from './event.js';
import { fieldsOf, type SubscribeOptions } from './options.js';

/** How long one waits for an event. */
export interface EventWaitOptions {
  readonly signal?: AbortSignal | undefined;
  /** After so many ms `wait` gives null. Left out: it waits for as long as it takes. */
  readonly timeoutMs?: number | undefined;
}

const WINDOW = 256;
const WHAT = 'take an event';

/**
 * Events of a pool as they come, made by `pool.subscribe()`. Each is delivered at least once, in
 * the order of the pool's history, numbered without a gap; over breaks of the connection, and
 * restarts of the pool, exactly once.
 *
 * ```ts
 * await using events = await pool.subscribe({ kinds: 'offer', select: 'param = "t"' });
 * for await (const event of events) console.log(event.name, event.attributes['step']);
 * ```
 */
export class Subscription implements AsyncIterable<PoolEvent>, AsyncDisposable {
  readonly #seat: Seat;
  readonly #number: number;
  readonly #name: string;
  readonly #isManual: boolean;
  readonly #mayVeto: boolean;
  readonly #window: number;
  /** Events that have come and are not taken. */
  readonly #events: PoolEvent[] = [];
  /** Taken, and not told to be acknowledged yet: those from `n` on, so many. */
  #doneFrom = 0;
  #done = 0;
  /** The one that was taken last, which is done when the next one is taken. */
  #current: PoolEvent | null = null;
  #isOver = false;
  #failure: AttaccaError | null = null;
  readonly #arrivals = new Arrivals();
  #closing: Promise<void> | null = null;
  readonly #onLeft = (): void => this.over(null);
  /** The number of the next event of the pool when it began. */
  seq = 0;

  constructor(seat: Seat, number: number, options: SubscribeOptions) {
    this.#seat = seat;
    this.#number = number;
    this.#name = options.name ?? '';
    this.#isManual = options.acknowledge === true;
    this.#mayVeto = this.#isManual && options.when === 'before';
    this.#window = options.window || WINDOW;
    seat.ends.add(this.#onLeft);
  }

  /** Whether it has ended: no more events come than were taken. */
  get isOver(): boolean {
    return this.#isOver && this.#events.length === 0;
  }

  /** Events that have come and wait to be taken. */
  get waiting(): number {
    return this.#events.length;
  }

  /** Takes an event that has come; null when there is none. */
  poll(): PoolEvent | null {
    this.#finishCurrent();
    const event = this.#events.shift() ?? null;
    if (event !== null && !this.#isManual && event.kind !== 'cancelled') this.#current = event;
    if (event === null) {
      this.#flush();
      if (this.#failure !== null) throw again(this.#failure);
    }
    return event;
  }

  /**
   * Waits for the next event; null when the time is over, or when it has ended by itself. Rejects
   * with what ended it otherwise: `subscriber-slow`, `connection-lost`, ...
   */
  async wait({ signal, timeoutMs }: EventWaitOptions = {}): Promise<PoolEvent | null> {
    throwIfAborted(WHAT, signal);
    const event = this.poll();
    if (event !== null || this.#isOver) return event;
    const { connection } = this.#seat.client;
    const until = timeoutMs === undefined ? Infinity : performance.now() + timeoutMs;
    connection.listen(1);
    try {
      for (;;) {
        await this.#arrivals.next(signal, until - performance.now());
        throwIfAborted(WHAT, signal);
        const arrived = this.poll();
        if (arrived !== null || this.#isOver || performance.now() >= until) return arrived;
      }
    } finally {
      connection.listen(-1);
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<PoolEvent, void, undefined> {
    for (;;) {
      const event = await this.wait();
      if (event === null) return;
      yield event;
    }
  }

  /**
   * Calls `visit` with each event, one after the other, and resolves when it has ended by itself;
   * rejects as {@link wait}, and with what `visit` throws. An event counts as acknowledged when
   * what `visit` returns has resolved, unless the program acknowledges.
   */
  async forEach(
    visit: (event: PoolEvent) => unknown,
    options: Pick<EventWaitOptions, 'signal'> = {},
  ): Promise<void> {
    for (;;) {
      const event = await this.wait(options);
      if (event === null) return;
      await visit(event);
    }
  }

  /** Acknowledges one event, or several. What it tells of goes on, if it waited for that. */
  acknowledge(events: PoolEvent | readonly PoolEvent[]): void {
    const numbers = (
      Array.isArray(events) ? (events as readonly PoolEvent[]) : [events as PoolEvent]
    )
      .filter(({ kind }) => kind !== 'cancelled')
      .map(({ n }) => n)
      .sort((one, other) => one - other);
    for (const n of numbers) {
      if (this.#current?.n === n) this.#current = null;
      this.#finish(n);
    }
    this.#flush();
  }

  /**
   * Forbids what an event tells of: the operation fails with `vetoed` and the reason (at most 1,000
   * bytes). False: it was decided before, by another's veto (of a group one is enough), by its
   * deadline, or as who asked for it is gone; then it does not happen, or has happened by silence.
   * `wrong-state` of an event that nobody waits for, as it was not told `before`, or not with
   * `acknowledge`.
   */
  async veto({ n }: PoolEvent, reason: string): Promise<boolean> {
    this.#mustGoOn('veto');
    if (!this.#mayVeto) {
      throw wrongState('veto', 'nothing waits for what is told after it, or not acknowledged');
    }
    try {
      await this.#seat.ask('veto', 1, (w) => writeVeto(w, this.#number, n, reason));
      return true;
    } catch (error) {
      if (error instanceof AttaccaError && error.code === 'wrong-state') return false;
      throw error;
    }
  }

  /**
   * Ends it. A durable one goes on for others, and for who comes later, unless it is to be
   * forgotten. Idempotent; what was taken counts as acknowledged.
   */
  close({ forget = false }: { readonly forget?: boolean } = {}): Promise<void> {
    this.#closing ??= this.#close(forget);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** An EVENT of it has come. */
  took(reader: Reader): void {
    const message = readEvent(reader);
    if (message.kind === EVENT.end) {
      const { reason } = message.fields;
      this.over(reason === 'complete' ? null : reasonOf(message.fields));
      return;
    }
    this.#events.push(eventOf(message));
    this.#arrivals.wake();
  }

  /** No more will come. */
  over(error: AttaccaError | null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#failure = error;
    this.#seat.client.connection.unsubscribed(this.#number);
    this.#seat.ends.delete(this.#onLeft);
    this.#arrivals.wake();
  }

  async #close(forget: boolean): Promise<void> {
    this.#finishCurrent();
    this.#flush();
    this.#events.length = 0;
    if (this.#isOver) {
      // It has ended for this member alone; what the pool has ended itself is not there any more.
      if (forget) await forgetIfThere(this.#seat, this.#name);
      return;
    }
    const ended = this.#seat.isGone
      ? null
      : this.#seat.ask('end a subscription', 1, (w) => writeUnsubscribe(w, this.#number, forget));
    await ended;
    this.over(null);
  }

  #mustGoOn(what: string): void {
    if (this.#isOver) throw wrongState(what, 'the subscription has ended');
  }

  #finishCurrent(): void {
    if (this.#current === null) return;
    const { n } = this.#current;
    this.#current = null;
    this.#finish(n);
  }

  /** Notes that one is done: those that follow one another are acknowledged together. */
  #finish(n: number): void {
    if (this.#done > 0 && n !== this.#doneFrom + this.#done) this.#flush();
    if (this.#done === 0) this.#doneFrom = n;
    this.#done++;
    if (this.#done >= this.#window / 2) this.#flush();
  }

  #flush(): void {
    const [from, count] = [this.#doneFrom, this.#done];
    this.#done = 0;
    const { connection } = this.#seat.client;
    if (count === 0 || this.#isOver || connection.over !== null) return;
    connection.post(UNHEEDED, 1, (w) => writeAcknowledge(w, this.#number, from, count));
  }
}

/** Subscribes, and resolves when the pool has noted it: what happens from then on is told. */
export async function subscribe(seat: Seat, options: SubscribeOptions): Promise<Subscription> {
  const numbers = { subscription: 0, member: seat.number };
  const { subscription: _, ...fields } = fieldsOf(options, numbers);
  const make = (number: number): Subscription => new Subscription(seat, number, options);
  const { one, seq } = await begin(seat, 'subscribe', fields, make);
  one.seq = seq;
  return one;
}

/** Who takes the events of a subscription. */
interface Taker {
  took(reader: Reader): void;
  over(error: AttaccaError | null): void;
}

/** Begins a subscription that `make` makes of its number; `seq`: the next event of the pool. */
export async function begin<T extends Taker>(
  seat: Seat,
  what: string,
  fields: Omit<SubscribeFields, 'subscription'>,
  make: (number: number) => T,
): Promise<{ readonly one: T; readonly seq: number }> {
  const { connection } = seat.client;
  const room = seat.enter(what);
  if (room !== null) await room;
  const subscription = connection.subscriptions.take();
  const call = new Call<number>(1, (code, reader) => {
    if (code !== MESSAGE.value) {
      throw new AttaccaError('bad-message', `Cannot take answer ${code}: VALUE was expected`);
    }
    const { value } = readValueAnswer(reader);
    const { seq } = value as { readonly seq?: unknown };
    // What is delivered comes right behind the answer.
    connection.subscribed(subscription, one);
    return Number(seq);
  });
  const one = make(subscription);
  try {
    connection.post(call, 1, (w) => writeSubscribe(w, { ...fields, subscription }));
    return { one, seq: (await call.promise) ?? 0 };
  } catch (error) {
    connection.subscriptions.release(subscription);
    one.over(null);
    throw error;
  }
}

/** Ends a durable subscription by its name. */
export async function forgetSubscription(seat: Seat, name: string): Promise<void> {
  const { connection } = seat.client;
  const subscription = connection.subscriptions.take();
  try {
    const fields = fieldsOf({ name }, { subscription, member: seat.number });
    const asked = { ...fields, flags: SUBSCRIBE.forget };
    await seat.ask('forget a subscription', 1, (w) => writeSubscribe(w, asked));
  } finally {
    connection.subscriptions.release(subscription);
  }
}

/** As {@link forgetSubscription}; nothing where there is none of that name, or it has none. */
export async function forgetIfThere(seat: Seat, name: string): Promise<void> {
  if (name === '' || seat.isGone) return;
  await forgetSubscription(seat, name).catch((error: unknown) => {
    if (!(error instanceof AttaccaError && error.code === 'unknown-subscription')) throw error;
  });
}
