import { EXIT, ExitWith, exitCodeOf } from './exit.js';
import { say } from './output.js';
import { reportError } from './report.js';

/** So many failures are told in full; with 10,000 names the rest is a number. */
const TOLD_MAX = 20;

/** Failures of a command with many names: each is told, and the first decides the exit code. */
export class Failures {
  readonly #command: string;
  readonly #asJson: boolean;
  #count = 0;
  #exitCode: number = EXIT.ok;

  constructor(command: string, asJson: boolean) {
    this.#command = command;
    this.#asJson = asJson;
  }

  get count(): number {
    return this.#count;
  }

  add(error: unknown): void {
    // The end of the whole command: the reader of its output has gone, say.
    if (error instanceof ExitWith) throw error;
    if (this.#count === 0) this.#exitCode = exitCodeOf(error);
    this.#count++;
    if (this.#asJson || this.#count <= TOLD_MAX) {
      reportError(this.#command, error, this.#asJson);
    }
  }

  /** Tells how many were not told, `unknown` ones among them; returns the exit code. */
  end(unknown = 0): number {
    const untold = Math.max(0, this.#count - TOLD_MAX) + unknown;
    if (!this.#asJson && untold > 0) say(`attacca ${this.#command}: ... and ${untold} more`);
    return this.#exitCode;
  }
}
