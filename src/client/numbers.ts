import { AttaccaError } from '../core/errors.js';

/**
 * Numbers for handles, members or promises of a session: the smallest ones that are free, so that
 * the pool's tables stay dense. A number is free again as soon as the request that ends its use is
 * sent.
 */
export class Numbers {
  readonly #limit: number;
  readonly #what: string;
  readonly #free: number[] = [];
  #next = 0;

  constructor(what: string, limit: number) {
    this.#what = what;
    this.#limit = limit;
  }

  get used(): number {
    return this.#next - this.#free.length;
  }

  take(): number {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#next >= this.#limit) {
      throw new AttaccaError(
        'handle-limit',
        `Cannot take another ${this.#what}: this process has ${this.#limit}`,
        { limit: this.#limit },
      );
    }
    return this.#next++;
  }

  release(number: number): void {
    this.#free.push(number);
  }
}
