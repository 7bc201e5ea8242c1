import { AttaccaError } from '../core/errors.js';
import { PROMISE_KIND, writeClose, writePromise } from '../protocol/index.js';
import type { Seat } from './seat.js';

/**
 * What a member promises: names by a glob, one name as it stands, or what a selector selects. By
 * the last streams end, `until: 'complete'`; a require of a name is met by the others alone.
 */
export type Promised = string | { readonly name: string } | { readonly select: string };

/**
 * What a member has said it will offer. While it is open, a require of such a name waits; when all
 * promises of a name are closed, one that was not met fails with `nobody-will-offer`.
 *
 * ```ts
 * await using promise = await pool.promise('t/*', 'u/*');
 * for (const field of fields) await pool.put(field.name, field.data);
 * ```
 */
export class PoolPromise {
  readonly #seat: Seat;
  readonly #numbers: readonly number[];
  #closing: Promise<void> | null = null;

  constructor(seat: Seat, numbers: readonly number[]) {
    this.#seat = seat;
    this.#numbers = numbers;
  }

  /** All that was promised has been offered, or will not be. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const { connection } = this.#seat.client;
    // Leaving, and the end of the connection, have closed them already.
    const closed = this.#seat.isGone
      ? null
      : this.#seat.ask('close a promise', this.#numbers.length, (w) => {
          for (const number of this.#numbers) writeClose(w, number);
        });
    for (const number of this.#numbers) connection.promises.release(number);
    await closed;
  }
}

function saidBy(promised: Promised): { kind: keyof typeof PROMISE_KIND; text: string } {
  if (typeof promised === 'string') return { kind: 'glob', text: promised };
  if ('select' in promised) return { kind: 'selector', text: promised.select };
  if ('name' in promised) return { kind: 'name', text: promised.name };
  throw new AttaccaError('bad-argument', 'Cannot promise what has neither a name nor select');
}

/** Promises patterns in one write. */
export async function makePromise(seat: Seat, patterns: readonly Promised[]): Promise<PoolPromise> {
  const { promises } = seat.client.connection;
  const numbers = patterns.map(() => promises.take());
  try {
    await seat.ask('promise', patterns.length, (w) => {
      for (const [index, pattern] of patterns.entries()) {
        const { kind, text } = saidBy(pattern);
        writePromise(w, numbers[index] as number, seat.number, PROMISE_KIND[kind], text);
      }
    });
    return new PoolPromise(seat, numbers);
  } catch (error) {
    for (const number of numbers) promises.release(number);
    throw error;
  }
}
