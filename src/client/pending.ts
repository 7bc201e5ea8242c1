import type { Reader } from '../core/bytes.js';
import { AttaccaError } from '../core/errors.js';

/**
 * Takes the answers to a run of requests with consecutive numbers. `index` counts within the run.
 * Every request of it is answered exactly once, by one of the first three calls; when the
 * connection is over, `lost` ends all that are left at once.
 */
export interface Waiter {
  /** `count` requests from `index` on have succeeded. */
  ok(index: number, count: number, record: number, bytes: number): void;
  fail(index: number, error: AttaccaError): void;
  /** What belongs to an answer that is still to come: PARTS, on whose body the reader stands. */
  told?(index: number, reader: Reader): void;
  /** Any other answer: its code, and a reader on its body, which is borrowed. */
  answer(index: number, code: number, reader: Reader): void;
  lost(error: AttaccaError): void;
}

/** Requests whose answers nobody looks at: they succeed, or the request they serve fails itself. */
export const UNHEEDED: Waiter = {
  ok() {},
  fail() {},
  answer() {},
  lost() {},
};

interface Run {
  readonly first: number;
  last: number;
  /** How many of it are not answered. */
  left: number;
  readonly waiter: Waiter;
}

/** Below this the answered runs in the middle are not worth sweeping out. */
const SWEEP_MIN = 64;

/**
 * The requests that are not answered, as runs in the order of their numbers: one entry for a batch,
 * however many requests it has. Most answers belong to the oldest run; others are found by
 * bisection. Runs that are answered while an older one waits are swept out when they are the
 * majority, so a wait of hours costs no more than its own entry.
 */
export class Pending {
  /** Requests that are not answered. */
  count = 0;
  #runs: Run[] = [];
  #head = 0;
  /** Answered runs that still stand between `#head` and the end. */
  #answered = 0;

  /** Entries that are kept: for checks. */
  get entries(): number {
    return this.#runs.length;
  }

  /** Adds a run of `count` requests; `first` follows the last number added. */
  add(first: number, count: number, waiter: Waiter): void {
    this.count += count;
    const last = this.#runs.at(-1);
    if (last?.waiter === waiter && last.left > 0 && this.#runs.length > this.#head) {
      last.last += count;
      last.left += count;
      return;
    }
    this.#runs.push({ first, last: first + count - 1, left: count, waiter });
  }

  /** The requests `first` to `last` have succeeded. */
  ok(first: number, last: number, record: number, bytes: number): void {
    let at = this.#find(first);
    for (let number = first; number <= last; at++) {
      const run = this.#runs[at];
      if (run === undefined || number < run.first) throw unexpected(number);
      const end = Math.min(last, run.last);
      const count = end - number + 1;
      this.#take(run, count);
      run.waiter.ok(number - run.first, count, record, bytes);
      number = end + 1;
    }
    this.#advance();
  }

  fail(request: number, error: AttaccaError): void {
    const run = this.#one(request);
    run.waiter.fail(request - run.first, error);
    this.#advance();
  }

  told(request: number, reader: Reader): void {
    const run = this.#runs[this.#find(request)] as Run;
    run.waiter.told?.(request - run.first, reader);
  }

  answer(request: number, code: number, reader: Reader): void {
    const run = this.#one(request);
    run.waiter.answer(request - run.first, code, reader);
    this.#advance();
  }

  /** Ends all that waits: the connection is over. */
  lose(error: AttaccaError): void {
    const runs = this.#runs.slice(this.#head);
    this.#runs = [];
    this.#head = 0;
    this.#answered = 0;
    this.count = 0;
    for (const run of runs) if (run.left > 0) run.waiter.lost(error);
  }

  #one(request: number): Run {
    const run = this.#runs[this.#find(request)] as Run;
    this.#take(run, 1);
    return run;
  }

  #take(run: Run, count: number): void {
    if (run.left < count) throw unexpected(run.first);
    run.left -= count;
    this.count -= count;
    if (run.left === 0) this.#answered++;
  }

  /** The place of the run that holds a request. */
  #find(request: number): number {
    const runs = this.#runs;
    let low = this.#head;
    let high = runs.length - 1;
    const oldest = runs[low];
    if (oldest !== undefined && request >= oldest.first && request <= oldest.last) return low;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const run = runs[middle] as Run;
      if (request < run.first) high = middle - 1;
      else if (request > run.last) low = middle + 1;
      else return middle;
    }
    throw unexpected(request);
  }

  #advance(): void {
    const runs = this.#runs;
    while (runs[this.#head]?.left === 0) {
      this.#head++;
      this.#answered--;
    }
    const standing = runs.length - this.#head;
    if (this.#answered > SWEEP_MIN && this.#answered * 2 > standing) {
      this.#runs = runs.filter((run, index) => index >= this.#head && run.left > 0);
      this.#head = 0;
      this.#answered = 0;
    } else if (this.#head > SWEEP_MIN && this.#head * 2 > runs.length) {
      this.#runs = runs.slice(this.#head);
      this.#head = 0;
    }
  }
}

/** The pool answers each request once: this connection cannot be trusted any more. */
function unexpected(request: number): AttaccaError {
  return new AttaccaError(
    'bad-frame',
    `Cannot take the pool's answer: request ${request} does not wait for one`,
    { request },
  );
}
