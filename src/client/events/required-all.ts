import type { Reader } from '../../core/bytes.js';
import { AttaccaError } from '../../core/errors.js';
import { LIMITS } from '../../core/limits.js';
import {
  EVENT,
  FROM,
  MODE,
  readEvent,
  SILENCE,
  SLOW,
  SUBSCRIBE,
  type SubscribeFields,
  WANT,
  writeAcknowledge,
  writeCancel,
  writeDemand,
  writeDispose,
  writeRetract,
  writeTake,
  writeUnsubscribe,
} from '../../protocol/index.js';
import { Call } from '../call.js';
import { traceCalls } from '../call-trace.js';
import { policyOf, unpack } from '../demanding.js';
import { ENCODING_KEY } from '../encoding.js';
import { again } from '../errors.js';
import { isForbidden } from '../forbidden.js';
import { Handle } from '../handle.js';
import { deadlineOf, type RequireOptions, type WaitOptions } from '../options.js';
import { giveBack, type Mode, type Parcel, readParcel, ToldParts } from '../parcels.js';
import { UNHEEDED } from '../pending.js';
import { Delivered, type Delivery, Owned } from '../received.js';
import type { Seat } from '../seat.js';
import { type Shaping, wantedRegion } from '../shaping.js';
import { throwIfAborted, unlessAborted } from '../waiting.js';
import { Arrivals } from './arrivals.js';
import { reasonOf } from './event.js';
import { codeOf } from './options.js';
import { begin, forgetIfThere } from './subscription.js';

/** What of all that is offered is required, and how it comes. */
export interface RequireAllOptions extends WaitOptions, RequireOptions, Omit<Shaping, 'into'> {
  /** How many are on their way, or here, before they are taken: 1 to 4,096, default 4. */
  readonly ahead?: number | undefined;
  /** `complete`: ends when all that others have promised is closed, and all that came is done. */
  readonly until?: 'complete' | undefined;
  /**
   * Members that name the same group share the work: each object goes to one of them, to another
   * when that one dies. It stays when they are gone, and keeps what comes meanwhile for the next.
   */
  readonly group?: string | undefined;
  /** `snapshot` (the default): what is offered now, then what comes; `now`: only what comes. */
  readonly from?: 'now' | 'snapshot' | undefined;
  /** Only of the step queue of that name ({@link PoolView.stepQueue}). */
  readonly queue?: string | undefined;
  /**
   * Of the queue always the newest step that is whole, all of it: what is older by then is not
   * kept, and told to `onMissed`.
   */
  readonly latest?: boolean | undefined;
  /** Hears of steps that were not given, before what is given instead. */
  readonly onMissed?: ((missed: MissedSteps) => void) | undefined;
  /**
   * Each is done when it is disposed, and not when the next one is taken: so several may be in
   * hand, as many as `ahead`. What is disposed after `close` is not done.
   */
  readonly acknowledge?: boolean | undefined;
  /** Memory that may be written to, instead of views. */
  readonly own?: boolean | undefined;
  /** Whether what this member itself offers comes, too. Default false. */
  readonly ownOffers?: boolean | undefined;
  /**
   * Takes what cannot be had (lost, deleted by force, ended before it was whole, forbidden) and the
   * loop goes on. Left out: the loop throws the first of them.
   */
  readonly onFailure?: ((error: AttaccaError, name: string) => void) | undefined;
}

/** Steps that `latest` has left out. */
export interface MissedSteps {
  /** The first and the last of them. */
  readonly from: number;
  readonly to: number;
  /** How many. */
  readonly steps: number;
}

const AHEAD = 4;
/** Nobody can ever have what ends so: it is done. */
const FOR_GOOD: ReadonlySet<string> = new Set([
  ...['object-lost', 'object-deleted', 'parts-missing', 'nobody-will-offer'],
]);

/** One that is demanded and not here yet. */
interface Demanded {
  readonly handle: Handle;
  readonly request: number;
}

/** One that is here, or failed, and is not taken. */
interface Arrival {
  readonly kind: 'object';
  readonly n: number;
  readonly name: string;
  readonly delivery: Promise<Delivery>;
}

/** Steps that are not given, to be told in their turn. */
interface Missing {
  readonly kind: 'missed';
  readonly n: number;
  readonly missed: MissedSteps;
}

/**
 * Objects that are required as they are offered, before their providers can withdraw them, and
 * demanded some ahead. Made by `pool.requireAll()`. They come as they are whole, in the order of
 * their offers. The one that was taken last is done when it is disposed or the next one is taken;
 * what is not done when this member ends comes to another of its group.
 *
 * ```ts
 * await using fields = await pool.requireAll('param = "t"', { until: 'complete' });
 * for await (const field of fields) console.log(field.name, field.array[0]);
 * ```
 */
export class RequiredAll<T extends Delivered | Owned = Delivered>
  implements AsyncIterable<T>, AsyncDisposable
{
  readonly #seat: Seat;
  readonly #number: number;
  readonly #what: string;
  readonly #options: RequireAllOptions;
  readonly #demanded = new Map<number, Demanded>();
  readonly #arrivals: (Arrival | Missing)[] = [];
  #current: T | null = null;
  #isOver = false;
  #failure: AttaccaError | null = null;
  readonly #coming = new Arrivals();
  #closing: Promise<void> | null = null;
  readonly #onLeft = (): void => this.over(null);

  static {
    const told = (one: RequiredAll) => ({ member: one.#seat.name, object: '' });
    traceCalls(RequiredAll, ['next'], told);
  }

  constructor(seat: Seat, number: number, what: string, options: RequireAllOptions) {
    this.#seat = seat;
    this.#number = number;
    this.#what = what;
    this.#options = options;
    seat.ends.add(this.#onLeft);
  }

  /** Objects that are here, or on their way, and not taken. */
  get waiting(): number {
    return this.#arrivals.length + this.#demanded.size;
  }

  /**
   * Waits for the next; null when all is done. The one before is disposed, and done, by that.
   * Rejects with why one cannot be had: `object-lost`, `object-deleted`, `parts-missing`.
   */
  async next(): Promise<T | null> {
    await this.#finish();
    const { signal, onFailure } = this.#options;
    for (;;) {
      throwIfAborted(this.#what, signal);
      const arrival = this.#arrivals.shift();
      if (arrival === undefined) {
        if (this.#isOver && this.#demanded.size === 0) {
          if (this.#failure !== null) throw again(this.#failure);
          return null;
        }
        await this.#arrival(signal);
        continue;
      }
      if (arrival.kind === 'missed') {
        this.#options.onMissed?.(arrival.missed);
        this.#acknowledge(arrival.n);
        continue;
      }
      try {
        return await this.#take(arrival);
      } catch (error) {
        if (!(error instanceof AttaccaError) || !this.#isDone(error)) throw error;
        this.#acknowledge(arrival.n);
        if (onFailure === undefined) throw error;
        onFailure(error, arrival.name);
      }
    }
  }

  /** Leaving the loop closes it. What was taken last is not done, unless it was disposed. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    try {
      for (let next = await this.next(); next !== null; next = await this.next()) yield next;
    } finally {
      await this.close();
    }
  }

  /** Requires nothing more, and gives back what was not taken. A group goes on. Idempotent. */
  close({ forget = false }: { readonly forget?: boolean } = {}): Promise<void> {
    this.#closing ??= this.#close(forget);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** An EVENT of it has come: the version is taken and demanded at once. */
  took(reader: Reader): void {
    const { kind, n, name, fields, space, attributes } = readEvent(reader);
    if (kind === EVENT.end) {
      this.over(fields['reason'] === 'complete' ? null : reasonOf(fields));
      return;
    }
    if (this.#closing !== null) return;
    if (kind === EVENT.gap) {
      const [from, to, steps] = [fields['from'], fields['to'], fields['steps']].map(Number);
      const missed = { from: from ?? 0, to: to ?? 0, steps: steps ?? 0 };
      this.#push({ kind: 'missed', n, missed });
      return;
    }
    if (kind === EVENT.lost) {
      this.#failed(n, String(fields['name']), reasonOf(fields));
      return;
    }
    try {
      const isEncoded = ENCODING_KEY in attributes;
      this.#demand(n, name, isEncoded ? null : wantedRegion(space, this.#options));
    } catch (error) {
      this.#failed(n, name, error);
    }
  }

  /** No more will come. */
  over(error: AttaccaError | null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#failure = error;
    this.#seat.client.connection.unsubscribed(this.#number);
    this.#seat.ends.delete(this.#onLeft);
    this.#coming.wake();
  }

  #demand(n: number, name: string, region: ReturnType<typeof wantedRegion>): void {
    const { client } = this.#seat;
    const handle = new Handle(this.#seat, name, {});
    const told = new ToldParts();
    const call = new Call<Parcel>(
      2,
      (code, reader) => readParcel(code, reader, told),
      (parcel) => giveBack(client, parcel),
      (reader) => told.take(reader),
    );
    const deadline = deadlineOf(this.#options.timeoutMs);
    const policy = policyOf(this.#options);
    const first = handle.make(call, 2, (w, number) => {
      writeTake(w, { handle: number, subscription: this.#number, n, policy, region });
      writeDemand(w, number, deadline, MODE.view, policy, WANT.attributes);
    });
    this.#demanded.set(n, { handle, request: first + 1 });
    call.promise.then(
      (parcel) => this.#arrived(n, handle, parcel),
      (error: unknown) => {
        if (!this.#demanded.delete(n)) return;
        takeBack(this.#seat, handle);
        this.#failed(n, name, error);
      },
    );
  }

  #arrived(n: number, handle: Handle, parcel: Parcel | undefined): void {
    if (parcel === undefined) return;
    if (!this.#demanded.delete(n)) {
      // It was taken back meanwhile, but had come before that.
      giveBack(this.#seat.client, parcel);
      return;
    }
    const mode: Mode = this.#options.own === true ? 'own' : 'view';
    const { signal: _, ...options } = this.#options;
    const delivery = Promise.resolve().then(() => unpack(handle, parcel, mode, options));
    this.#push({ kind: 'object', n, name: handle.name, delivery });
  }

  #failed(n: number, name: string, error: unknown): void {
    this.#push({ kind: 'object', n, name, delivery: Promise.reject(error) });
  }

  #push(arrival: Arrival | Missing): void {
    // Whether it fails is looked at when it is taken.
    if (arrival.kind === 'object') arrival.delivery.catch(() => {});
    this.#arrivals.push(arrival);
    this.#coming.wake();
  }

  async #take({ n, delivery }: Arrival): Promise<T> {
    const { client } = this.#seat;
    let came: Delivery;
    try {
      came = await unlessAborted(delivery, this.#what, this.#options);
    } catch (error) {
      delivery.then(
        ({ release }) => release(),
        () => {},
      );
      throw error;
    }
    const release = (): void => {
      came.release();
      this.#acknowledge(n);
    };
    const Made = this.#options.own === true ? Owned : Delivered;
    const made = new Made({ ...came, release }, client.leaks) as unknown as T;
    this.#current = made;
    return made;
  }

  /** Whether one that has failed so is done; who goes on is not to have that again. */
  #isDone(error: AttaccaError): boolean {
    return (
      FOR_GOOD.has(error.code) || (this.#options.onFailure !== undefined && isForbidden(error))
    );
  }

  /** The one that was taken last is done. */
  async #finish(): Promise<void> {
    const current = this.#current;
    this.#current = null;
    if (this.#options.acknowledge !== true) await current?.dispose();
  }

  #acknowledge(n: number): void {
    const { connection } = this.#seat.client;
    if (this.#isOver || this.#closing !== null || connection.over !== null) return;
    connection.post(UNHEEDED, 1, (w) => writeAcknowledge(w, this.#number, n, 1));
  }

  async #close(forget: boolean): Promise<void> {
    const { client } = this.#seat;
    for (const { handle, request } of this.#demanded.values()) {
      if (client.connection.over === null) {
        client.connection.post(UNHEEDED, 1, (w) => writeCancel(w, request));
      }
      takeBack(this.#seat, handle);
    }
    this.#demanded.clear();
    for (const arrival of this.#arrivals.splice(0)) {
      if (arrival.kind !== 'object') continue;
      arrival.delivery.then(
        ({ release }) => release(),
        () => {},
      );
    }
    if (this.#isOver) {
      // It has ended for this member alone, when it was complete: it is there for others.
      if (forget) await forgetIfThere(this.#seat, this.#options.group ?? '');
      return;
    }
    const ended = this.#seat.isGone
      ? null
      : this.#seat.ask('end a require', 1, (w) => writeUnsubscribe(w, this.#number, forget));
    await ended;
    this.over(null);
  }

  async #arrival(signal: AbortSignal | undefined): Promise<void> {
    const { connection } = this.#seat.client;
    connection.listen(1);
    try {
      await this.#coming.next(signal);
    } finally {
      connection.listen(-1);
    }
  }
}

/** Ends a handle wherever it is: each of these is legal, or fails without harm. */
function takeBack(seat: Seat, handle: Handle): void {
  const { number } = handle;
  if (number === null || seat.isGone) return;
  seat.client.connection.post(UNHEEDED, 2, (w) => {
    writeRetract(w, number);
    writeDispose(w, number);
  });
  handle.forget();
}

/** Requires all that a selector selects; resolves when the pool has noted it. */
export async function requireAll<T extends Delivered | Owned>(
  seat: Seat,
  selector: string,
  options: RequireAllOptions,
): Promise<RequiredAll<T>> {
  const what = `require all of ${selector}`;
  throwIfAborted(what, options.signal);
  const fields = fieldsOf(seat, selector, options);
  const make = (number: number) => new RequiredAll<T>(seat, number, what, options);
  const { one } = await begin(seat, what, fields, make);
  return one;
}

function fieldsOf(
  { number: member }: Seat,
  selector: string,
  options: RequireAllOptions,
): Omit<SubscribeFields, 'subscription'> {
  const { ahead = AHEAD, from = 'snapshot' } = options;
  const most = LIMITS.eventsWindowMax;
  if (!Number.isInteger(ahead) || ahead < 1 || ahead > most) {
    throw new RangeError(`Cannot require ${ahead} objects ahead: 1 to ${most}`);
  }
  const flags =
    SUBSCRIBE.requires |
    SUBSCRIBE.acknowledge |
    (options.ownOffers === true ? SUBSCRIBE.own : 0) |
    (options.latest === true ? SUBSCRIBE.latest : 0) |
    (options.until === 'complete' ? SUBSCRIBE.untilComplete : 0);
  const { queue, latest = false } = options;
  if (latest && queue === undefined) throw new TypeError('Cannot take the latest step of no queue');
  const topics = queue === undefined ? [] : [queue];
  return {
    ...{ member, selector, flags, kinds: 1 << EVENT.offer, topics },
    ...{ slow: SLOW.drop, silence: SILENCE.allow, seq: 0, deadline: 0 },
    ...{ window: ahead, name: options.group ?? '' },
    from: codeOf(FROM, from, 'from'),
  };
}

/** As {@link requireAll}, when the loop begins. */
export async function* demandAll<T extends Delivered | Owned>(
  seat: Seat,
  selector: string,
  options: RequireAllOptions,
): AsyncGenerator<T, void, undefined> {
  yield* await requireAll<T>(seat, selector, options);
}
