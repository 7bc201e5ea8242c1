import { setImmediate } from 'node:timers/promises';

const INSIDE = 0;
const CLOSED = 1;

/**
 * Keeps a thread from being ended within a call to a native library, which would take the process
 * with it: the thread says when it is in one, and begins none when it is to end.
 */
export class NativeGate {
  readonly memory: SharedArrayBuffer;
  readonly #cells: Int32Array;

  constructor(memory = new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT)) {
    this.memory = memory;
    this.#cells = new Int32Array(memory);
  }

  /** In the thread: runs a call, or waits for the end of the thread. */
  run<T>(call: () => T): T {
    const cells = this.#cells;
    Atomics.store(cells, INSIDE, 1);
    if (Atomics.load(cells, CLOSED) === 1) {
      Atomics.store(cells, INSIDE, 0);
      Atomics.wait(cells, CLOSED, 1);
    }
    try {
      return call();
    } finally {
      Atomics.store(cells, INSIDE, 0);
    }
  }

  /** Resolves when the thread is in no call and begins none; `isThere`: whether it lives. */
  async close(isThere: () => boolean): Promise<void> {
    Atomics.store(this.#cells, CLOSED, 1);
    while (isThere() && Atomics.load(this.#cells, INSIDE) === 1) await setImmediate();
  }
}
