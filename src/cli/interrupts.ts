import { setMaxListeners } from 'node:events';

/** Signals that ask a command to end, and how long it may take to clean up. */
const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
type Ending = (typeof ENDING)[number];
const CLEANUP_MS_MAX = 1_000;

const NUMBERS: Readonly<Record<Ending, number>> = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 };

/**
 * Turns the first Ctrl-C into an abort, so that what waits is retracted and no half-written file
 * stays; the second, or a second of clean-up, ends the process at once.
 */
export class Interrupts {
  readonly #controller = new AbortController();
  readonly #handlers: (readonly [Ending, () => void])[] = [];
  #received: Ending | null = null;

  constructor() {
    // As many wait for it as there are names.
    setMaxListeners(0, this.#controller.signal);
    for (const name of ENDING) {
      const handler = (): void => this.#receive(name);
      process.on(name, handler);
      this.#handlers.push([name, handler]);
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The signal that came, or null. */
  get received(): Ending | null {
    return this.#received;
  }

  #receive(name: Ending): void {
    if (this.#received !== null) this.die();
    this.#received = name;
    this.#controller.abort(new Error(`ended by ${name}`));
    setTimeout(() => this.die(), CLEANUP_MS_MAX);
  }

  /** Gives the signals their default meaning back. */
  stop(): void {
    for (const [name, handler] of this.#handlers.splice(0)) process.off(name, handler);
  }

  /** Ends as the signal would have, so that a shell's loop ends with us; a shell counts 130. */
  die(): never {
    this.stop();
    const name = this.#received ?? 'SIGINT';
    dieBy(name);
  }
}

/** Ends this process by a signal. The exit code is for those whom signals cannot end (pid 1). */
export function dieBy(name: Ending): never {
  for (const listener of process.listeners(name)) process.off(name, listener);
  process.kill(process.pid, name);
  // It is on its way, perhaps to another thread.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  process.exit(128 + NUMBERS[name]);
}
