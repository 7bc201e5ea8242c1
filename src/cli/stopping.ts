import { dieBy } from './interrupts.js';
import { say } from './output.js';

const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Signals of a command that runs programs and is to end in good order: the first lets what runs
 * come to its end, the second ends that too, the third ends us as it stands.
 */
export class Stopping {
  readonly #stop = new AbortController();
  readonly #cut = new AbortController();
  readonly #handlers: (readonly [(typeof ENDING)[number], () => void])[] = [];
  #received: (typeof ENDING)[number] | null = null;

  /** `running`: what is said at the first signal, or '' when nothing runs. */
  constructor(running: () => string) {
    for (const name of ENDING) {
      const handler = (): void => {
        if (this.#cut.signal.aborted) dieBy(this.#received ?? name);
        const text = this.#received === null ? running() : '';
        if (this.#received !== null || text === '') this.#cut.abort(new Error(`ended by ${name}`));
        else say(`${text}; once more ends that, too`);
        this.#received ??= name;
        this.#stop.abort(new Error(`ended by ${name}`));
      };
      process.on(name, handler);
      this.#handlers.push([name, handler]);
    }
  }

  /** Fires with the first signal. */
  get stop(): AbortSignal {
    return this.#stop.signal;
  }

  /** Fires with the second, or with the first when nothing runs. */
  get cut(): AbortSignal {
    return this.#cut.signal;
  }

  /** Ends as the signal would have, if one came. */
  dieIfAsked(): void {
    if (this.#received !== null) dieBy(this.#received);
  }

  [Symbol.dispose](): void {
    for (const [name, handler] of this.#handlers.splice(0)) process.off(name, handler);
  }
}
