import { printRaw } from './output.js';

/** A terminal of its own lines, which come back at the end: the cursor is hidden meanwhile. */
export class Screen {
  readonly #stdout = process.stdout;
  readonly #onResize: () => void;

  /** `onResize`: what is shown is to be made anew. */
  constructor(onResize: () => void) {
    this.#onResize = onResize;
    printRaw('\u001b[?1049h\u001b[?25l');
    this.#stdout.on('resize', onResize);
  }

  get columns(): number {
    return this.#stdout.columns || 80;
  }

  get rows(): number {
    return this.#stdout.rows || 24;
  }

  /** Each line is written over the one that was there, so that nothing flickers. */
  show(text: string): void {
    const lines = text.split('\n').map((line) => `${line}\u001b[K`);
    printRaw(`\u001b[H${lines.join('\n')}\u001b[J`);
  }

  [Symbol.dispose](): void {
    this.#stdout.off('resize', this.#onResize);
    printRaw('\u001b[?25h\u001b[?1049l');
  }
}
