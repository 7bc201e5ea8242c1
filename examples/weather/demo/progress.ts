/** How far the workflow is: one line that changes on a terminal, else a line every few seconds. */
import { monotonicMs } from '../clock.js';
import type { Counts } from '../programs/tally.js';
import { formatBytes, formatCount, formatSeconds } from './format.js';

const TERMINAL_MS = 100;
const LINES_MS = 3_000;
const BAR_WIDTH = 20;

export interface ProgressGoal {
  readonly fields: number;
  readonly products: number;
  /** What a product is called: "products", "checks". */
  readonly word: string;
}

export class Progress {
  readonly #goal: ProgressGoal;
  readonly #output: NodeJS.WriteStream;
  readonly #startedMs = monotonicMs();
  #toldMs: number;

  constructor(goal: ProgressGoal, output: NodeJS.WriteStream = process.stdout) {
    this.#goal = goal;
    this.#output = output;
    this.#toldMs = output.isTTY ? 0 : this.#startedMs;
  }

  update(counts: Readonly<Counts>): void {
    const nowMs = monotonicMs();
    const { isTTY } = this.#output;
    if (nowMs - this.#toldMs < (isTTY ? TERMINAL_MS : LINES_MS)) return;
    this.#toldMs = nowMs;
    const line = this.#line(counts, nowMs - this.#startedMs);
    // A line that wraps cannot be taken back; a terminal that does not know its size says 0.
    const fitting = `  ${line}`.slice(0, (this.#output.columns || 80) - 1);
    this.#output.write(isTTY ? `\r\x1b[K${fitting}` : `  ${line}\n`);
  }

  /** Says something between, at once. */
  interrupt(text: string): void {
    this.end();
    this.#output.write(`  ${text}\n`);
  }

  /** Takes the live line away. */
  end(): void {
    if (this.#output.isTTY) this.#output.write('\r\x1b[K');
  }

  #line({ fields, bytes, products, maps }: Readonly<Counts>, elapsedMs: number): string {
    const { fields: fieldsGoal, products: productsGoal, word } = this.#goal;
    const share = Math.min(1, fields / fieldsGoal);
    const filled = Math.round(share * BAR_WIDTH);
    const bar = `${'\u2588'.repeat(filled)}${'\u2591'.repeat(BAR_WIDTH - filled)}`;
    return [
      `${formatSeconds(elapsedMs).padStart(6)} ${bar}`,
      `${formatCount(fields)}/${formatCount(fieldsGoal)} fields (${formatBytes(bytes)})`,
      `${formatCount(products)}/${formatCount(productsGoal)} ${word}`,
      ...(maps === 0 ? [] : [`${maps} ${maps === 1 ? 'map' : 'maps'}`]),
    ].join('  ');
  }
}
