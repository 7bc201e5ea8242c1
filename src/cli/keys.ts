import { StringDecoder } from 'node:string_decoder';

const CTRL_C = '\u0003';
const CTRL_D = '\u0004';

/**
 * What is typed: keys on a terminal, lines elsewhere. '' is the end of it. Ctrl-C is SIGINT, which
 * somebody is to listen to.
 */
export class Keys {
  readonly #stdin = process.stdin;
  readonly isTerminal = process.stdin.isTTY === true;
  readonly #typed: string[] = [];
  #rest = '';
  #isOver = false;
  #isAsked = false;
  readonly #end = new AbortController();
  #wake: () => void = () => {};

  constructor() {
    const decoder = new StringDecoder('utf8');
    if (this.isTerminal) this.#stdin.setRawMode(true);
    this.#stdin.on('data', (bytes: Buffer) => this.#take(decoder.write(bytes)));
    const over = (): void => {
      this.#isOver = true;
      if (this.#rest !== '') this.#typed.push(this.#rest);
      this.#wake();
      this.#endIfIdle();
    };
    this.#stdin.once('end', over);
    this.#stdin.once('error', over);
  }

  /** Fires when the end is asked for, and nobody waits for a key. */
  get end(): AbortSignal {
    return this.#end.signal;
  }

  /** Whether nothing more is typed, and all that was is used. */
  get isUsedUp(): boolean {
    return this.#isOver && this.#typed.length === 0;
  }

  /** The next key, or line; null when there is none any more, or the signal fires first. */
  async next(signal?: AbortSignal): Promise<string | null> {
    const wake = (): void => this.#wake();
    signal?.addEventListener('abort', wake, { once: true });
    this.#isAsked = true;
    try {
      for (;;) {
        if (signal?.aborted === true) return null;
        const typed = this.#typed.shift();
        if (typed !== undefined) return typed;
        if (this.#isOver) return null;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      this.#isAsked = false;
      signal?.removeEventListener('abort', wake);
      // Behind what is done with the last one.
      setImmediate(() => this.#endIfIdle());
    }
  }

  [Symbol.dispose](): void {
    if (this.isTerminal) this.#stdin.setRawMode(false);
    this.#stdin.pause();
    this.#stdin.removeAllListeners('data');
  }

  #take(text: string): void {
    if (this.isTerminal) {
      // In this mode the terminal makes no signals of keys: it ends as any command does.
      if (text.includes(CTRL_C)) {
        process.kill(process.pid, 'SIGINT');
        return;
      }
      // A key that sends several characters (an arrow) is one key.
      if (text.startsWith('\u001b')) this.#typed.push(text);
      else this.#typed.push(...text);
      if (text.includes(CTRL_D)) this.#isOver = true;
    } else {
      const lines = (this.#rest + text).split('\n');
      this.#rest = lines.pop() ?? '';
      this.#typed.push(...lines);
    }
    this.#wake();
    this.#endIfIdle();
  }

  #endIfIdle(): void {
    if (this.#isAsked) return;
    const isOver = this.#isOver && this.#typed.length === 0;
    // Lines are each for what comes; who presses a key means now.
    const typed = this.isTerminal ? this.#typed : this.#typed.slice(0, 1);
    if (isOver || typed.some((key) => isEnd(key))) this.#end.abort();
  }
}

/** Whether a key asks for the end. */
export function isEnd(key: string | null): boolean {
  return key === null || key === CTRL_D || key === 'q';
}
