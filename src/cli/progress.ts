import { writeSync } from 'node:fs';
import { fitted } from './format.js';
import { stderrIsTerminal } from './output.js';

const STDERR = 2;
/** What takes less is not worth a word. */
const QUIET_MS = 2_000;
const REPEAT_MS = 1_000;
const WIDTH_DEFAULT = 80;

/** In a log: from then on, each time after twice as long, so that a long wait makes few lines. */
const LOGGED_MS = 60_000;
const LOGGED_PAUSE_MS_MAX = 3_600_000;

/**
 * One line on a terminal that says what a command does when that takes long; it goes when the
 * command goes on. Where there is no terminal, lines of a log: one after a minute, then ever more
 * seldom. With `-q` nothing is said.
 */
export class Progress {
  readonly #line: () => string | Promise<string>;
  readonly #startedMs = performance.now();
  #timer: NodeJS.Timeout | null = null;
  #shown = false;
  #ended = false;

  /** `line` tells what to show; it is asked once a second. */
  constructor(line: (elapsedMs: number) => string | Promise<string>, quiet: boolean) {
    this.#line = () => line(performance.now() - this.#startedMs);
    if (quiet) return;
    if (stderrIsTerminal()) this.#after(QUIET_MS, () => this.#show());
    else this.#after(LOGGED_MS, () => this.#log(LOGGED_MS));
  }

  #after(ms: number, run: () => Promise<void>): void {
    this.#timer = setTimeout(() => void run(), ms);
    this.#timer.unref();
  }

  async #log(pauseMs: number): Promise<void> {
    const line = await this.#told();
    if (line === null || this.#ended) return;
    this.#write(`${line}\n`);
    this.#after(pauseMs, () => this.#log(Math.min(2 * pauseMs, LOGGED_PAUSE_MS_MAX)));
  }

  /** What is to be said, or null: nothing can be told of a pool that is lost. */
  async #told(): Promise<string | null> {
    try {
      return await this.#line();
    } catch {
      return null;
    }
  }

  async #show(): Promise<void> {
    const line = await this.#told();
    if (line === null || this.#ended) return;
    // A terminal that does not know its size says 0.
    const width = (process.stderr.columns || WIDTH_DEFAULT) - 1;
    this.#write(`\r\u001b[K${fitted(line, width)}`);
    this.#shown = true;
    this.#after(REPEAT_MS, () => this.#show());
  }

  /** Takes the line away, so that something else can be said; it comes back by itself. */
  clear(): void {
    if (!this.#shown) return;
    this.#shown = false;
    this.#write('\r\u001b[K');
  }

  end(): void {
    this.#ended = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.clear();
  }

  [Symbol.dispose](): void {
    this.end();
  }

  #write(text: string): void {
    try {
      writeSync(STDERR, text);
    } catch {
      // A terminal that is gone or full misses a line of progress.
    }
  }
}
