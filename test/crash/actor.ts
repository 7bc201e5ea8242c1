import { type ChildProcess, spawn } from 'node:child_process';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

/** How much is kept of what a process says, for who wants to know why it ended. */
const SAID_MAX = 16_384;

/** One life of a process that is to be killed, stopped and cut off. */
export class Actor {
  readonly process: ChildProcess;
  readonly ended: Promise<void>;
  #said = '';
  #complained = '';
  #hasEnded = false;
  #isKilled = false;
  #waiting: (() => void)[] = [];
  readonly #onLine: (line: string) => void;

  constructor(
    t: TestContext,
    file: string,
    args: readonly string[],
    onLine: (line: string) => void = () => {},
    environment: NodeJS.ProcessEnv = {},
  ) {
    this.#onLine = onLine;
    const path = fileURLToPath(new URL(file, import.meta.url));
    this.process = spawn(process.execPath, [path, ...args], {
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
      env: { ...process.env, ATTACCA_READY_FD: '3', ...environment },
    });
    this.process.stdin?.on('error', () => {});
    for (const stream of [this.process.stdout, this.process.stdio[3]]) {
      stream?.on('data', (chunk: Buffer) => this.#take(chunk.toString()));
    }
    this.process.stderr?.on('data', (chunk: Buffer) => {
      this.#complained = `${this.#complained}${chunk}`.slice(-SAID_MAX);
      this.#ring();
    });
    this.ended = new Promise((resolve) => {
      this.process.once('close', () => {
        this.#hasEnded = true;
        this.#ring();
        resolve();
      });
    });
    t.after(() => this.process.kill('SIGKILL'));
  }

  get pid(): number {
    return this.process.pid ?? 0;
  }

  /** What it said on standard error, the last of it. */
  get complained(): string {
    return this.#complained;
  }

  /** It has ended, and nobody had killed it. */
  get hasFailed(): boolean {
    return this.#hasEnded && !this.#isKilled && this.process.exitCode !== 0;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Waits for a line that begins so, wherever it is said. */
  async line(start: string): Promise<string> {
    for (;;) {
      const all = `${this.#said}\n${this.#complained}`.split('\n');
      const line = all.find((each) => each.startsWith(start));
      if (line !== undefined) return line;
      if (this.#hasEnded) throw new Error(`it ended before "${start}": ${this.#complained}`);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  tell(line: string): void {
    this.process.stdin?.write(`${line}\n`);
  }

  signal(signal: NodeJS.Signals): void {
    this.process.kill(signal);
  }

  async kill(): Promise<void> {
    this.#isKilled = true;
    this.process.kill('SIGKILL');
    await this.ended;
  }

  #take(text: string): void {
    this.#said = `${this.#said}${text}`.slice(-SAID_MAX);
    for (const line of text.split('\n')) if (line !== '') this.#onLine(line);
    this.#ring();
  }

  #ring(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
