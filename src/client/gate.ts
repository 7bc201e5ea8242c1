import type { AttaccaError } from '../core/errors.js';

/** So many go on together: what they send may pass the bound by as much. */
const AT_ONCE = 1_024;

/**
 * Lets callers through while there is room, first come, first served: nobody overtakes a caller
 * that waits, so that calls keep their order.
 */
export class Gate {
  readonly #hasRoom: () => boolean;
  #waiting: { resolve: () => void; reject: (error: AttaccaError) => void }[] = [];

  constructor(hasRoom: () => boolean) {
    this.#hasRoom = hasRoom;
  }

  /** Null when the caller may go on at once, else what it must wait for. */
  enter(): Promise<void> | null {
    if (this.#waiting.length === 0 && this.#hasRoom()) return null;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
    });
  }

  /** There may be room again. */
  open(): void {
    if (this.#waiting.length === 0 || !this.#hasRoom()) return;
    for (const each of this.#waiting.splice(0, AT_ONCE)) each.resolve();
    // Those let through send before this runs, so it sees what room they have left.
    if (this.#waiting.length > 0) setImmediate(() => this.open());
  }

  fail(error: AttaccaError): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const each of waiting) each.reject(error);
  }
}
