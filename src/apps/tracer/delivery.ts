import { AttaccaError } from '../../core/errors.js';
import { LIMITS } from '../../core/limits.js';
import { ending, pause } from '../pause.js';

/** What brings texts to somebody else. */
export interface Carrier {
  /** So many texts at a time. */
  readonly atOnce: number;
  /** How long after it was carried a text may turn out not to have arrived: {@link onBroken}. */
  readonly doubtMs: number;
  /** Set by who uses it: the connection has ended, by itself. */
  onBroken: (error: CannotDeliver) => void;
  /** Rejects with {@link CannotDeliver}; then none of them has arrived, as far as one knows. */
  carry(texts: readonly string[], signal: AbortSignal): Promise<void>;
  /** Rejects when the last ones cannot have arrived; they may be carried again then. */
  close(signal: AbortSignal): Promise<void>;
}

/** What was sent has not arrived. `mayPass`: later it may. */
export class CannotDeliver extends AttaccaError {
  readonly mayPass: boolean;

  constructor(what: string, path: string, why: string, mayPass: boolean) {
    super('file-error', `Cannot send ${what} to "${path}": ${why}`, { path });
    this.mayPass = mayPass;
  }
}

/** A text, and of how many events or spans it tells. */
interface Parcel {
  readonly text: string;
  readonly count: number;
}

/** Of an address from which nobody has ever taken anything. */
const ATTEMPTS = 4;
const PAUSE_MS = 250;
const PAUSE_MS_MAX = 8_000;

/**
 * Texts on their way to somebody who may be away. They leave in their order; what has not arrived
 * is sent again, after a quarter of a second, a half, ... eight seconds, for as long as this lives:
 * but an address from which nobody has ever taken anything is given up after four attempts. What
 * waits is bounded; beyond that the oldest goes, and is counted.
 */
export class Delivery {
  readonly #carrier: Carrier;
  readonly #onAway: (error: AttaccaError) => void;
  #waiting: Parcel[] = [];
  /** Carried, but not for long enough to be sure. */
  #doubted: (Parcel & { readonly untilMs: number })[] = [];
  #bytes = 0;
  #overflowed = 0;
  #attempt = 1;
  #hasArrived = false;
  #broken: CannotDeliver | null = null;
  #failure: AttaccaError | null = null;
  #isAway = false;
  #working: Promise<void> | null = null;
  readonly #wakers = new Set<() => void>();
  readonly #ending = ending();
  readonly #cut = ending();
  readonly #timers: NodeJS.Timeout[] = [];

  /** `onAway` hears once of each time in which nothing arrives. */
  constructor(carrier: Carrier, onAway: (error: AttaccaError) => void = () => {}) {
    this.#carrier = carrier;
    this.#onAway = onAway;
    carrier.onBroken = (error) => this.#breaks(error);
  }

  /** What ends it: it does not pass, or nobody was ever there. */
  get failure(): AttaccaError | null {
    return this.#failure;
  }

  /** Events, or spans, that have not arrived. */
  get undelivered(): number {
    return this.#overflowed + countOf(this.#waiting) + countOf(this.#doubted);
  }

  /** Of these, how many went as too much waited. */
  get overflowed(): number {
    return this.#overflowed;
  }

  add(text: string, count: number): void {
    this.#waiting.push({ text, count });
    this.#bytes += text.length;
    this.#trim();
    this.#start();
  }

  /** When nothing waits, or nobody takes it: then it waits here. */
  async flush(): Promise<void> {
    const isBusy = (): boolean => this.#waiting.length > 0 || this.#working !== null;
    while (isBusy() && !this.#isAway && this.#failure === null) {
      await new Promise<void>((resolve) => this.#wakers.add(resolve));
    }
  }

  /** Sends what waits, for so long; the rest has not arrived. Never rejects. */
  async close(withinMs: number): Promise<void> {
    this.endWithin(withinMs);
    for (;;) {
      while (this.#working !== null) await this.#working;
      try {
        await this.#carrier.close(this.#cut.signal);
        this.#doubted = [];
        break;
      } catch (error) {
        if (this.#failure !== null || this.#cut.signal.aborted) break;
        this.#breaks(deliveryError(error));
      }
    }
    for (const timer of this.#timers) clearTimeout(timer);
  }

  /** From now on it ends, in so long at the most. */
  endWithin(ms: number): void {
    this.#ending.abort();
    this.#timers.push(setTimeout(() => this.#cut.abort(), ms));
  }

  #start(): void {
    if (this.#working !== null || this.#failure !== null) return;
    this.#working = this.#work().finally(() => {
      this.#working = null;
      this.#wake();
    });
  }

  async #work(): Promise<void> {
    // What is said in this turn leaves together.
    await Promise.resolve();
    while (this.#waiting.length > 0 && !this.#cut.signal.aborted) {
      const error = this.#broken ?? (await this.#carry());
      this.#broken = null;
      if (error === null) continue;
      if (!error.mayPass || (this.#attempt >= ATTEMPTS && !this.#hasArrived)) {
        this.#failure = error;
        return;
      }
      if (!this.#isAway && !this.#cut.signal.aborted) this.#onAway(error);
      this.#isAway = true;
      this.#wake();
      const isEnding = this.#ending.signal.aborted;
      const ms = isEnding ? PAUSE_MS : Math.min(PAUSE_MS * 2 ** (this.#attempt - 1), PAUSE_MS_MAX);
      await pause(ms, isEnding ? this.#cut.signal : this.#ending.signal);
      this.#attempt++;
    }
  }

  async #carry(): Promise<CannotDeliver | null> {
    const parcels = this.#waiting.splice(0, this.#carrier.atOnce);
    this.#bytes -= bytesOf(parcels);
    try {
      await this.#carrier.carry(
        parcels.map(({ text }) => text),
        this.#cut.signal,
      );
    } catch (error) {
      this.#putBack(parcels);
      return deliveryError(error);
    }
    const { doubtMs } = this.#carrier;
    const untilMs = performance.now() + doubtMs;
    this.#settle();
    if (doubtMs > 0) for (const parcel of parcels) this.#doubted.push({ ...parcel, untilMs });
    else this.#arrived();
    // Nobody waits longer for who takes what comes, though he may not keep it.
    if (this.#waiting.length === 0) this.#wake();
    return null;
  }

  /** Those that were carried long ago have arrived. */
  #settle(): void {
    const nowMs = performance.now();
    const first = this.#doubted.findIndex(({ untilMs }) => untilMs > nowMs);
    const count = first < 0 ? this.#doubted.length : first;
    if (count === 0) return;
    this.#doubted.splice(0, count);
    this.#arrived();
  }

  #arrived(): void {
    this.#hasArrived = true;
    this.#isAway = false;
    this.#attempt = 1;
  }

  #breaks(error: CannotDeliver): void {
    this.#settle();
    const again = this.#doubted;
    this.#doubted = [];
    if (again.length === 0) return;
    this.#putBack(again);
    this.#broken = error;
    this.#start();
  }

  #putBack(parcels: readonly Parcel[]): void {
    this.#waiting = [...parcels, ...this.#waiting];
    this.#bytes += bytesOf(parcels);
    this.#trim();
  }

  #trim(): void {
    const { traceBacklogMax, traceBacklogBytesMax } = LIMITS;
    while (this.#waiting.length > traceBacklogMax || this.#bytes > traceBacklogBytesMax) {
      const oldest = this.#waiting.shift();
      if (oldest === undefined) return;
      this.#bytes -= oldest.text.length;
      this.#overflowed += oldest.count;
    }
  }

  #wake(): void {
    for (const wake of this.#wakers) wake();
    this.#wakers.clear();
  }
}

function countOf(parcels: readonly Parcel[]): number {
  return parcels.reduce((all, { count }) => all + count, 0);
}

function bytesOf(parcels: readonly Parcel[]): number {
  return parcels.reduce((all, { text }) => all + text.length, 0);
}

function deliveryError(error: unknown): CannotDeliver {
  if (error instanceof CannotDeliver) return error;
  throw error;
}
