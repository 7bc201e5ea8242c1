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
  /** Numbers of those that are open yet. */
  readonly #open: Set<number>;
  #closing: Promise<void> | null = null;

  constructor(seat: Seat, numbers: readonly number[]) {
    this.#seat = seat;
    this.#open = new Set(numbers);
  }

  /**
   * All that was promised has been offered, or will not be. Idempotent; what a subscriber has
   * forbidden (`vetoed`) stays open, and may be closed again.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    try {
      await closeAll(this.#seat, this.#open);
    } finally {
      if (this.#open.size > 0) this.#closing = null;
    }
  }
}

/** Closes promises, and takes those out of the set that are; throws why others are not. */
async function closeAll(seat: Seat, open: Set<number>): Promise<void> {
  const { promises } = seat.client.connection;
  const end = (number: number): void => {
    open.delete(number);
    promises.release(number);
  };
  // Leaving, and the end of the connection, have closed them already.
  if (seat.isGone) {
    for (const number of open) end(number);
    return;
  }
  await allOf(
    [...open].map(async (number) => {
      await seat.ask('close a promise', 1, (w) => writeClose(w, number));
      end(number);
    }),
  );
}

/** Waits for all; throws the first failure. */
async function allOf(works: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(works)) {
    if (result.status === 'rejected') throw result.reason;
  }
}

function saidBy(promised: Promised): { kind: keyof typeof PROMISE_KIND; text: string } {
  if (typeof promised === 'string') return { kind: 'glob', text: promised };
  if ('select' in promised) return { kind: 'selector', text: promised.select };
  if ('name' in promised) return { kind: 'name', text: promised.name };
  throw new AttaccaError('bad-argument', 'Cannot promise what has neither a name nor select');
}

/** Promises patterns in one write: all of them, or none. */
export async function makePromise(seat: Seat, patterns: readonly Promised[]): Promise<PoolPromise> {
  const { promises } = seat.client.connection;
  const said = patterns.map(saidBy);
  const open = new Set<number>();
  try {
    await allOf(
      said.map(async ({ kind, text }) => {
        const number = promises.take();
        try {
          await seat.ask('promise', 1, (w) => {
            writePromise(w, number, seat.number, PROMISE_KIND[kind], text);
          });
        } catch (error) {
          promises.release(number);
          throw error;
        }
        open.add(number);
      }),
    );
    return new PoolPromise(seat, [...open]);
  } catch (error) {
    // One that may not be closed stays until its member leaves.
    await closeAll(seat, open).catch(() => {});
    throw error;
  }
}
