import type { Reader } from '../core/bytes.js';
import { AttaccaError } from '../core/errors.js';
import { DURABILITIES, DURABILITY } from '../protocol/index.js';
import { again } from './errors.js';
import type { Waiter } from './pending.js';

/** What a record, or bytes, survive: nothing, kill -9 of any process, a power cut. */
export type Durability = (typeof DURABILITIES)[number];

function durabilityOf(code: number): Durability {
  return DURABILITIES[code] ?? 'process';
}

export function durabilityCode(durability: Durability = 'process'): number {
  const code: number | undefined = DURABILITY[durability];
  if (code === undefined) throw new RangeError(`Cannot ask for the durability "${durability}"`);
  return code;
}

/** What the pool said of a success: how durable the record and the bytes are. */
export interface Acknowledged {
  readonly record: Durability;
  readonly bytes: Durability;
}

/**
 * One call of the API that waits for the answers to a few requests with consecutive numbers: a
 * DECLARE and its OFFER, say. It settles when all are answered. When several fail, the first one is
 * the reason: what comes after it fails for its sake.
 *
 * `decode` makes the result of an answer that is not OK; the reader is borrowed. `late` gets the
 * result when the caller has gone: what was handed over must be given back.
 */
export class Call<T> implements Waiter {
  readonly promise: Promise<T | undefined>;
  record = 0;
  bytes = 0;
  readonly #decode: ((code: number, reader: Reader) => T) | null;
  readonly #late: ((result: T) => void) | null;
  readonly #told: (reader: Reader) => void;
  #left: number;
  #result: T | undefined;
  #failure: AttaccaError | null = null;
  #failedIndex = Number.POSITIVE_INFINITY;
  #abandoned = false;
  #answered: (() => void) | null = null;
  #resolve: (result: T | undefined) => void = () => {};
  #reject: (error: AttaccaError) => void = () => {};

  constructor(
    count: number,
    decode: ((code: number, reader: Reader) => T) | null = null,
    late: ((result: T) => void) | null = null,
    told: (reader: Reader) => void = () => {},
  ) {
    this.#told = told;
    this.#left = count;
    this.#decode = decode;
    this.#late = late;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  get acknowledged(): Acknowledged {
    return { record: durabilityOf(this.record), bytes: durabilityOf(this.bytes) };
  }

  get isAnswered(): boolean {
    return this.#left === 0;
  }

  /** Whether all were answered, and none with a failure. */
  get hasSucceeded(): boolean {
    return this.#left === 0 && this.#failure === null;
  }

  /** The first of its requests that was refused; infinity: none. */
  get failedIndex(): number {
    return this.#failedIndex;
  }

  /** Called once, when the pool has answered: after an abandoned call too. */
  whenAnswered(then: () => void): void {
    this.#answered = then;
  }

  /** The caller does not wait any longer; the answer is still to come. */
  abandon(error: AttaccaError): void {
    if (this.#left === 0) return;
    this.#abandoned = true;
    this.#reject(error);
  }

  ok(_index: number, count: number, record: number, bytes: number): void {
    this.record = record;
    this.bytes = bytes;
    this.#settle(count);
  }

  fail(index: number, error: AttaccaError): void {
    if (index < this.#failedIndex) {
      this.#failedIndex = index;
      this.#failure = error;
    }
    this.#settle(1);
  }

  answer(_index: number, code: number, reader: Reader): void {
    if (this.#decode === null) {
      throw new AttaccaError('bad-message', `Cannot take answer ${code}: OK was expected`);
    }
    this.#result = this.#decode(code, reader);
    this.#settle(1);
  }

  told(_index: number, reader: Reader): void {
    this.#told(reader);
  }

  lost(error: AttaccaError): void {
    this.#failure ??= again(error);
    this.#result = undefined;
    this.#settle(this.#left);
  }

  #settle(count: number): void {
    this.#left -= count;
    if (this.#left > 0) return;
    const result = this.#result;
    if (!this.#abandoned) {
      if (this.#failure !== null) this.#reject(this.#failure);
      else this.#resolve(result);
    }
    // What was handed over beside a failure has no owner either.
    const ownerless = this.#abandoned || this.#failure !== null;
    if (ownerless && result !== undefined) this.#late?.(result);
    this.#answered?.();
  }
}
