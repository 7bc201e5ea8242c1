import { openSync, readSync } from 'node:fs';

/**
 * How long this process has been ready to run while all processors worked for others, ms: second
 * field of /proc/self/schedstat. Stands still where the system does not say.
 */
export class RunDelay {
  readonly #descriptor: number | undefined;
  readonly #text = Buffer.alloc(80);

  constructor() {
    try {
      this.#descriptor = openSync('/proc/self/schedstat', 'r');
    } catch {
      this.#descriptor = undefined;
    }
  }

  get ms(): number {
    if (this.#descriptor === undefined) return 0;
    const size = readSync(this.#descriptor, this.#text, 0, this.#text.length, 0);
    return Number(this.#text.toString('latin1', 0, size).split(' ')[1] ?? 0) / 1e6;
  }
}
