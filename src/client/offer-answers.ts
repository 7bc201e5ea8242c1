import { AttaccaError } from '../core/errors.js';
import type { Waiter } from './pending.js';

/** Takes the answers to the requests of a run of items: the first failure of each item counts. */
export class OfferAnswers implements Waiter {
  requests = 0;
  /** Resolves to the handles of the items that are offered, and of those that are not. */
  readonly done: Promise<{ offered: number[]; failed: number[] }>;
  readonly #perItem: number;
  readonly #onFailure: (index: number, error: AttaccaError) => void;
  readonly #indices: number[] = [];
  readonly #handles: number[] = [];
  readonly #failed = new Set<number>();
  #left = 0;
  #resolve: (handles: { offered: number[]; failed: number[] }) => void = () => {};

  constructor(perItem: number, onFailure: (index: number, error: AttaccaError) => void) {
    this.#perItem = perItem;
    this.#onFailure = onFailure;
    this.done = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  sent(index: number, handle: number): void {
    this.#indices.push(index);
    this.#handles.push(handle);
    this.requests += this.#perItem;
    this.#left += this.#perItem;
  }

  /** Which of the requests are the offers themselves; an item begins with its declaration. */
  *offers(): Iterable<number> {
    for (let place = 0; place < this.#indices.length; place++) yield place * this.#perItem + 1;
  }

  ok(_index: number, count: number): void {
    this.#settle(count);
  }

  fail(request: number, error: AttaccaError): void {
    const place = Math.floor(request / this.#perItem);
    if (!this.#failed.has(place)) {
      this.#failed.add(place);
      this.#onFailure(this.#indices[place] as number, error);
    }
    this.#settle(1);
  }

  answer(_index: number, code: number): void {
    throw new AttaccaError('bad-message', `Cannot take answer ${code}: OK was expected`);
  }

  lost(error: AttaccaError): void {
    for (const [place, index] of this.#indices.entries()) {
      if (this.#failed.has(place)) continue;
      this.#failed.add(place);
      this.#onFailure(index, error);
    }
    this.#settle(this.#left);
  }

  #settle(count: number): void {
    this.#left -= count;
    if (this.#left > 0) return;
    const failed = [...this.#failed].map((place) => this.#handles[place] as number);
    const offered =
      failed.length === 0
        ? this.#handles
        : this.#handles.filter((_handle, place) => !this.#failed.has(place));
    this.#resolve({ offered, failed });
  }
}
