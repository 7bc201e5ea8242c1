import { nowNs } from '../harness/take-part.js';
import { type Field, fieldOf, type Publisher } from './workload.js';

/** What is counted: from `startNs` to `endNs`. Work begins at once, so that all is warm by then. */
export interface Span {
  readonly startNs: number;
  readonly endNs: number;
}

export interface Driven {
  /** Objects acknowledged within the span. */
  readonly count: number;
  /** Microseconds from the call to its acknowledgement, of a sample of them. */
  readonly latenciesUs: readonly number[];
}

/** So many batches are under way: the pool never waits for the client's next one. */
const BATCHES_UNDER_WAY = 4;
const LATENCIES_MAX = 20_000;
/** Of `setTimeout`; a pace is kept on average, not within. */
const TICK_MS = 1;

class Count {
  count = 0;
  readonly latenciesUs: number[] = [];
  readonly #span: Span;

  constructor(span: Span) {
    this.#span = span;
  }

  /** Takes note of work that has just ended; false when the span is over. */
  done(startedNs: number, objects: number): boolean {
    const now = nowNs();
    if (now >= this.#span.endNs) return false;
    if (now < this.#span.startNs) return true;
    this.count += objects;
    if (this.latenciesUs.length < LATENCIES_MAX) this.latenciesUs.push((now - startedNs) / 1e3);
    return true;
  }
}

/** Batches through one publisher, a few at a time. */
export async function driveBatches(
  who: string,
  publisher: Publisher,
  batchFields: number,
  span: Span,
): Promise<Driven> {
  const count = new Count(span);
  let next = 0;
  const one = async (): Promise<void> => {
    for (;;) {
      const fields: Field[] = [];
      for (let i = 0; i < batchFields; i++) fields.push(fieldOf(who, next++));
      const started = nowNs();
      await publisher.offerMany(fields);
      if (!count.done(started, fields.length)) return;
    }
  };
  await Promise.all(Array.from({ length: BATCHES_UNDER_WAY }, one));
  return count;
}

/**
 * Injectors with one operation under way each, an object every `paceMs` (0: as fast as it goes).
 * Injector `i` uses publisher `i` modulo their number.
 */
export async function driveInjectors(
  who: string,
  publishers: readonly Publisher[],
  injectors: number,
  paceMs: number,
  span: Span,
): Promise<Driven> {
  const count = new Count(span);
  const ticks = new Ticks();
  const one = async (injector: number): Promise<void> => {
    const publisher = publishers[injector % publishers.length];
    if (publisher === undefined) throw new RangeError('Cannot inject without a publisher');
    const name = `${who}.${injector}`;
    // Spread over one interval, so that all do not call in the same moment.
    let dueNs = nowNs() + (injector / injectors) * paceMs * 1e6;
    for (let index = 0; ; index++) {
      while (nowNs() < dueNs) await ticks.next();
      const started = nowNs();
      await publisher.offer(fieldOf(name, index));
      if (!count.done(started, 1)) return;
      dueNs = Math.max(dueNs + paceMs * 1e6, started);
    }
  };
  await Promise.all(Array.from({ length: injectors }, (_, injector) => one(injector)));
  return count;
}

/** One timer for all who wait. */
class Ticks {
  #next: Promise<void> | null = null;

  next(): Promise<void> {
    this.#next ??= new Promise((resolve) => {
      setTimeout(() => {
        this.#next = null;
        resolve();
      }, TICK_MS);
    });
    return this.#next;
  }
}
