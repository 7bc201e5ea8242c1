import { writeSync } from 'node:fs';
import { formatDuration } from './duration.js';
import { fitted, printable } from './format.js';
import { stderrColumns, stderrIsTerminal } from './output.js';

const STDERR = 2;
/** What takes less is not worth a word. */
const QUIET_MS = 2_000;
const REPEAT_MS = 1_000;

/** In a log: from then on, each time after twice as long, so that a long wait makes few lines. */
const LOGGED_MS = 60_000;
const LOGGED_PAUSE_MS_MAX = 3_600_000;

/** What is shown; null: nothing now. */
type Line = string | null | Promise<string>;

/** A connection to a pool. */
interface Reached {
  /** How long the pool has not been reached, or 0. */
  readonly awayMs: number;
  /** Resolves when the pool cannot be reached, now or the next time. */
  lost(): Promise<void>;
  /** Resolves when it is reached again, or given up. */
  back(): Promise<void> | null;
  /** Whether it is reached. */
  readonly isUp: boolean;
}

/** What cannot be lost. */
const HERE: Reached = {
  awayMs: 0,
  lost: () => new Promise(() => {}),
  back: () => null,
  isUp: true,
};

/**
 * One line on a terminal that says what a command does when that takes long; it goes when the
 * command goes on. Where there is no terminal, lines of a log: one after a minute, then ever more
 * seldom; that the pool is away, and that it is back, is said at once. With `-q` nothing is said.
 */
export class Progress {
  readonly #line: () => Line;
  readonly #pool: Reached;
  readonly #startedMs = performance.now();
  #timer: NodeJS.Timeout | null = null;
  #shown = false;
  #ended = false;

  /** `line` tells what to show; it is asked once a second, unless the pool is away. */
  constructor(line: (elapsedMs: number) => Line, quiet: boolean, pool: Reached = HERE) {
    this.#pool = pool;
    this.#line = () => line(performance.now() - this.#startedMs);
    if (quiet) return;
    if (stderrIsTerminal()) this.#after(QUIET_MS, () => this.#show());
    else {
      this.#after(LOGGED_MS, () => this.#log(LOGGED_MS));
      void this.#watch();
    }
  }

  /** In a log: who reads it must not take an outage for a program that does nothing. */
  async #watch(): Promise<void> {
    for (;;) {
      await this.#pool.lost();
      if (this.#ended) return;
      const lostMs = performance.now() - this.#pool.awayMs;
      this.#write('the pool cannot be reached: waiting until it is served again\n');
      await this.#pool.back();
      if (this.#ended || !this.#pool.isUp) return;
      this.#write(`the pool is back after ${formatDuration(performance.now() - lostMs)}\n`);
    }
  }

  #after(ms: number, run: () => Promise<void>): void {
    this.#timer = setTimeout(() => void run(), ms);
    this.#timer.unref();
  }

  async #log(pauseMs: number): Promise<void> {
    const line = await this.#told();
    if (this.#ended) return;
    if (line !== null) this.#write(`${printable(line)}\n`);
    this.#after(pauseMs, () => this.#log(Math.min(2 * pauseMs, LOGGED_PAUSE_MS_MAX)));
  }

  /** What is to be said, or null: nothing can be told now, of a pool that does not answer, say. */
  async #told(): Promise<string | null> {
    const { awayMs } = this.#pool;
    if (awayMs > 0) {
      return `the pool has been away for ${formatDuration(awayMs)}: waiting until it is served again`;
    }
    try {
      const line = this.#line();
      return line === null || typeof line === 'string' ? line : await inTime(line);
    } catch {
      return null;
    }
  }

  async #show(): Promise<void> {
    const line = await this.#told();
    if (this.#ended) return;
    this.#after(REPEAT_MS, () => this.#show());
    if (line === null) return;
    this.#write(`\r\u001b[K${fitted(printable(line), stderrColumns() - 1)}`);
    this.#shown = true;
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

/** Null when it takes too long: a pool that goes away meanwhile does not answer. */
async function inTime(line: Promise<string>): Promise<string | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), REPEAT_MS);
    timer.unref();
  });
  try {
    return await Promise.race([line, late]);
  } finally {
    clearTimeout(timer);
  }
}
