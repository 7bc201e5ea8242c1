/** The longest of many spans, in the processor time of this thread. */
export class Longest {
  readonly #clock: () => number;
  ns = 0;

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  of<T>(work: () => T): T {
    const began = this.#clock();
    const made = work();
    this.ns = Math.max(this.ns, this.#clock() - began);
    return made;
  }

  get ms(): number {
    return this.ns / 1e6;
  }
}

/** Resident memory once all garbage is gone: for a process that runs with --expose-gc. */
export function residentBytes(): number {
  globalThis.gc?.();
  return process.memoryUsage.rss();
}
