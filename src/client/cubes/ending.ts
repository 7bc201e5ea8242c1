import { Gone } from './watch.js';

/** The first failure of a demand ends all that goes on beside it. */
export class Ending {
  readonly #stop = new AbortController();
  #failure: unknown = null;

  /** Fires at the end, whatever it is. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** The first: others may only follow from it. Null: nothing has failed. */
  get failure(): unknown {
    return this.#failure;
  }

  fail(error: unknown): never {
    // It begins anew.
    if (error instanceof Gone) throw error;
    this.#failure ??= error;
    this.#stop.abort();
    throw error;
  }

  end(): void {
    this.#stop.abort();
  }
}
