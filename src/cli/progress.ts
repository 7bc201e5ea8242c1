import { writeSync } from 'node:fs';
import { fitted } from './format.js';
import { stderrIsTerminal } from './output.js';

const STDERR = 2;
/** What takes less is not worth a word. */
const QUIET_MS = 2_000;
const REPEAT_MS = 1_000;
const WIDTH_DEFAULT = 80;

/**
 * One line on a terminal that says what a command does when that takes long; it goes when the
 * command goes on. Without a terminal, or with `-q`, nothing is said.
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
    if (quiet || !stderrIsTerminal()) return;
    this.#timer = setTimeout(() => void this.#show(), QUIET_MS);
    this.#timer.unref();
  }

  async #show(): Promise<void> {
    let line: string;
    try {
      line = await this.#line();
    } catch {
      return;
    }
    if (this.#ended) return;
    // A terminal that does not know its size says 0.
    const width = (process.stderr.columns || WIDTH_DEFAULT) - 1;
    this.#write(`\r\u001b[K${fitted(line, width)}`);
    this.#shown = true;
    this.#timer = setTimeout(() => void this.#show(), REPEAT_MS);
    this.#timer.unref();
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
