import type { Reader } from '../core/bytes.js';
import { AttaccaError } from '../core/errors.js';
import {
  MODE,
  writeCancel,
  writeDemand,
  writeDispose,
  writeRegionFields,
  writeRetract,
} from '../protocol/index.js';
import { policyOf, unpack, wantOf } from './demanding.js';
import { abortedError } from './errors.js';
import type { Handle } from './handle.js';
import { deadlineOf, type RequireOptions, type WaitOptions } from './options.js';
import { giveBack, type Parcel, readParcel, ToldParts } from './parcels.js';
import { UNHEEDED, type Waiter } from './pending.js';
import type { Delivery } from './received.js';
import type { Seat } from './seat.js';
import type { wantedRegion } from './shaping.js';
import { throwIfAborted } from './waiting.js';

const CHUNK = 2_048;
/** Fewer arrivals than this that were handed out are not worth sweeping out. */
const HEAD_MIN = 64;

interface Waiting {
  readonly handle: Handle;
  readonly index: number;
  /** What of it is waited for; null: all. */
  region: ReturnType<typeof wantedRegion>;
  /** Number of its DEMAND; 0 before it is sent. */
  request: number;
  isAnswered: boolean;
}

type Arrival =
  | { readonly kind: 'parcel'; readonly waiting: Waiting; readonly parcel: Parcel }
  | { readonly kind: 'failure'; readonly error: AttaccaError };

/** What has come of a demand, not in reach yet: it is to be unpacked, or given back. */
export interface Came {
  /** Of its handle, among those that were demanded. */
  readonly index: number;
  readonly handle: Handle;
  readonly parcel: Parcel;
}

/**
 * Demands many objects at once, and hands them out as they come. Ends at the first that fails;
 * `cancel` takes back what has not come, requires that were announced before among it.
 */
export class DemandBatch {
  readonly #seat: Seat;
  readonly #all: readonly Waiting[];
  readonly #options: WaitOptions & RequireOptions;
  readonly #arrivals: Arrival[] = [];
  /** What stands before it in `#arrivals` has been handed out: to shift them would be quadratic. */
  #head = 0;
  #wake: (() => void) | null = null;
  #taken = 0;
  #cancelled = false;
  readonly #onAbort: () => void;

  /**
   * `regions`: what of each object is waited for; left out, all of each. Of an object that has not
   * such a region all comes, as of one that is encoded: only its bytes tell what it is.
   */
  constructor(
    seat: Seat,
    handles: readonly Handle[],
    options: WaitOptions & RequireOptions,
    regions: readonly ReturnType<typeof wantedRegion>[] = [],
  ) {
    this.#seat = seat;
    this.#options = options;
    this.#all = handles.map((handle, index) => {
      return { handle, index, region: regions[index] ?? null, request: 0, isAnswered: false };
    });
    this.#onAbort = () => {
      const { signal } = this.#options;
      if (signal === undefined) return;
      this.#arrive({ kind: 'failure', error: abortedError(this.#what, signal) });
    };
  }

  get #what(): string {
    return `demand ${this.#all.length} objects`;
  }

  /** Sends the demands. */
  async start(): Promise<void> {
    const { signal } = this.#options;
    throwIfAborted(this.#what, signal);
    signal?.addEventListener('abort', this.#onAbort, { once: true });
    for (let at = 0; at < this.#all.length && !this.#cancelled; at += CHUNK) {
      const room = this.#seat.enter(this.#what);
      if (room !== null) await room;
      if (this.#cancelled) return;
      for (const waiting of this.#all.slice(at, at + CHUNK)) this.#send(waiting);
      // So that answers are read, and acknowledged, while a large batch is sent.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** The next that has come, or null after the last. Throws what the first failure was. */
  async next(): Promise<{ readonly index: number; readonly delivery: Delivery } | null> {
    const came = await this.take();
    if (came === null) return null;
    const { index, handle, parcel } = came;
    return { index, delivery: await unpack(handle, parcel, 'view', this.#options) };
  }

  /** As {@link next}, without bringing its bytes into reach. */
  async take(): Promise<Came | null> {
    if (this.#taken === this.#all.length) {
      this.#stopListening();
      return null;
    }
    if (this.#head === this.#arrivals.length) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const arrival = this.#takeArrival();
    if (arrival.kind === 'failure') throw arrival.error;
    this.#taken++;
    const { waiting, parcel } = arrival;
    return { index: waiting.index, handle: waiting.handle, parcel };
  }

  #takeArrival(): Arrival {
    const arrival = this.#arrivals[this.#head++] as Arrival;
    if (this.#head >= HEAD_MIN && this.#head * 2 >= this.#arrivals.length) {
      this.#arrivals.splice(0, this.#head);
      this.#head = 0;
    }
    return arrival;
  }

  /** Takes back what has not been handed out. Idempotent. */
  cancel(): void {
    if (this.#cancelled) return;
    this.#cancelled = true;
    this.#stopListening();
    for (const arrival of this.#arrivals.splice(0).slice(this.#head)) {
      if (arrival.kind === 'failure') continue;
      giveBack(this.#seat.client, arrival.parcel);
      arrival.waiting.handle.release();
    }
    this.#head = 0;
    for (const waiting of this.#all) if (!waiting.isAnswered) this.#takeBack(waiting);
  }

  #stopListening(): void {
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
  }

  #send(waiting: Waiting): void {
    const { handle, region } = waiting;
    const requests = region === null ? 1 : 2;
    const count = requests + handle.declares;
    const deadline = deadlineOf(this.#options.timeoutMs);
    const policy = policyOf(this.#options);
    const answers = new ItemAnswers(count, (answer) => this.#onAnswer(waiting, answer));
    const first = handle.post(answers, requests, (w, number) => {
      if (region !== null) writeRegionFields(w, number, region);
      writeDemand(w, number, deadline, MODE.view, policy, wantOf(this.#options));
    });
    waiting.request = first + count - 1;
  }

  #onAnswer(waiting: Waiting, answer: Parcel | AttaccaError): void {
    waiting.isAnswered = true;
    if ('source' in answer) {
      if (this.#cancelled) giveBack(this.#seat.client, answer);
      else this.#arrive({ kind: 'parcel', waiting, parcel: answer });
    } else if (!this.#cancelled) {
      this.#dispose(waiting);
      if (answer.code === 'bad-region' && waiting.region !== null) this.#sendWhole(waiting);
      else this.#arrive({ kind: 'failure', error: answer });
    }
  }

  #sendWhole(waiting: Waiting): void {
    waiting.region = null;
    waiting.isAnswered = false;
    try {
      this.#send(waiting);
    } catch (error) {
      if (!(error instanceof AttaccaError)) throw error;
      waiting.isAnswered = true;
      this.#arrive({ kind: 'failure', error });
    }
  }

  #arrive(arrival: Arrival): void {
    this.#arrivals.push(arrival);
    this.#wake?.();
    this.#wake = null;
  }

  /** Ends a demand wherever it is: each of these is legal, or fails without harm. */
  #takeBack(waiting: Waiting): void {
    const { connection } = this.#seat.client;
    const { number } = waiting.handle;
    if (number === null || this.#seat.isGone) return;
    if (waiting.request !== 0) {
      connection.post(UNHEEDED, 1, (w) => writeCancel(w, waiting.request));
    }
    this.#dispose(waiting);
  }

  /** A require that outlived its demand goes with it. */
  #dispose(waiting: Waiting): void {
    const { connection } = this.#seat.client;
    const { handle } = waiting;
    const { number } = handle;
    if (number === null || this.#seat.isGone) return;
    connection.post(UNHEEDED, 2, (w) => {
      writeRetract(w, number);
      writeDispose(w, number);
    });
    handle.forget();
  }
}

/** Takes the answers to the DECLARE and the DEMAND of one object. */
class ItemAnswers implements Waiter {
  #left: number;
  #failure: AttaccaError | null = null;
  #parcel: Parcel | null = null;
  #told: ToldParts | null = null;
  readonly #done: (answer: Parcel | AttaccaError) => void;

  constructor(requests: number, done: (answer: Parcel | AttaccaError) => void) {
    this.#left = requests;
    this.#done = done;
  }

  ok(_index: number, count: number): void {
    this.#settle(count);
  }

  fail(_index: number, error: AttaccaError): void {
    this.#failure ??= error;
    this.#settle(1);
  }

  answer(_index: number, code: number, reader: Reader): void {
    this.#parcel = readParcel(code, reader, this.#told ?? new ToldParts());
    this.#settle(1);
  }

  told(_index: number, reader: Reader): void {
    this.#told ??= new ToldParts();
    this.#told.take(reader);
  }

  lost(error: AttaccaError): void {
    this.#failure ??= error;
    this.#settle(this.#left);
  }

  #settle(count: number): void {
    this.#left -= count;
    if (this.#left > 0) return;
    const answer = this.#parcel ?? this.#failure;
    if (answer !== null) this.#done(answer);
  }
}
