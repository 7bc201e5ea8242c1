/** How far the workflow is: one line that changes on a terminal, else a line every few seconds. */
import { monotonicMs } from '../clock.js';
import type { Counts } from '../programs/tally.js';
import { formatBytes, formatCount, formatSeconds } from './format.js';

const TERMINAL_MS = 100;
const LINES_MS = 3_000;
const BAR_WIDTH = 24;

export interface ProgressGoal {
  readonly fields: number;
  /** 0 when nobody knows. */
  readonly products: number;
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
    this.#output.write(isTTY ? `\r\x1b[K  ${line}` : `  ${line}\n`);
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
    const { fields: fieldsGoal, products: productsGoal } = this.#goal;
    const share = Math.min(1, fields / fieldsGoal);
    const filled = Math.round(share * BAR_WIDTH);
    const bar = `${'\u2588'.repeat(filled)}${'\u2591'.repeat(BAR_WIDTH - filled)}`;
    const of = productsGoal === 0 ? '' : `/${formatCount(productsGoal)}`;
    return [
      `${formatSeconds(elapsedMs).padStart(6)} ${bar}`,
      `${formatCount(fields)}/${formatCount(fieldsGoal)} fields (${formatBytes(bytes)})`,
      `${formatCount(products)}${of} products`,
      ...(maps === 0 ? [] : [`${maps} maps`]),
    ].join('  ');
  }
}
