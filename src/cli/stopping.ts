import { AttaccaError } from '../core/errors.js';
import { dieBy } from './interrupts.js';
import { say } from './output.js';

const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** A connection to a pool, as far as its loss is concerned. */
interface Losable {
  readonly over: AttaccaError | null;
  /** Resolves when the pool cannot be reached, now or the next time. */
  lost(): Promise<void>;
  close(reason: AttaccaError): void;
}

const UNREACHED = 'the pool cannot be reached: it has not heard of the end';

/**
 * Signals of a command that is to end in good order: the first lets what it does come to its end;
 * the second ends that too, which is the end of the command, unless it has programs to cut off.
 * Then the third ends us as it stands.
 */
export class Stopping {
  readonly #stop = new AbortController();
  readonly #cut = new AbortController();
  readonly #handlers: (readonly [(typeof ENDING)[number], () => void])[] = [];
  #received: (typeof ENDING)[number] | null = null;

  /**
   * `running`: what is said at the first signal, or '' when there is nothing to say. `cuts`: if
   * it runs programs, which the second signal, or the first when none runs, cuts off.
   */
  constructor(running: () => string, { cuts = false } = {}) {
    for (const name of ENDING) {
      const handler = (): void => {
        const isSecond = this.#received !== null;
        if (this.#cut.signal.aborted || (isSecond && !cuts)) dieBy(this.#received ?? name);
        const text = isSecond ? '' : running();
        if (text !== '') say(`${text}; once more ends that, too`);
        else if (cuts) this.#cut.abort(new Error(`ended by ${name}`));
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

  /**
   * Does what needs a pool. Who is asked to end while that cannot be reached does not wait for it:
   * `tell` says what is known, and it ends as the signal would have ended it.
   */
  async withPool<T>(
    connection: Losable,
    run: () => Promise<T>,
    tell: () => void,
    asked: AbortSignal = this.stop,
  ): Promise<T> {
    const giveUp = async (): Promise<void> => {
      await connection.lost();
      connection.close(new AttaccaError('aborted', 'Cannot reach the pool any more'));
    };
    asked.addEventListener('abort', () => void giveUp(), { once: true });
    try {
      return await run();
    } catch (error) {
      if (this.#received === null || connection.over === null) throw error;
      tell();
      say(UNREACHED);
      return dieBy(this.#received);
    }
  }

  /** Leaves; then ends as the signal would have, if one came. */
  async leave(pool: { leave(): Promise<unknown> }, { over }: Losable): Promise<void> {
    try {
      await pool.leave();
    } catch (error) {
      if (this.#received === null || over === null) throw error;
      say(UNREACHED);
    }
    if (this.#received !== null) dieBy(this.#received);
  }

  [Symbol.dispose](): void {
    for (const [name, handler] of this.#handlers.splice(0)) process.off(name, handler);
  }
}
