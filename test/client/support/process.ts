import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

/** A process that runs one of the programs in program.ts; ends with the test. */
export class Program {
  readonly process: ChildProcess;
  #said = '';
  #complained = '';
  #wake: (() => void)[] = [];
  #ended = false;

  constructor(t: TestContext, role: string, address: string, ...rest: readonly string[]) {
    const path = fileURLToPath(new URL('program.js', import.meta.url));
    this.process = spawn(process.execPath, [path, role, address, ...rest], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.process.stdout?.on('data', (chunk: Buffer) => {
      this.#said += chunk.toString();
      this.#ring();
    });
    this.process.stderr?.on('data', (chunk: Buffer) => {
      this.#complained += chunk.toString();
    });
    this.process.once('close', () => {
      this.#ended = true;
      this.#ring();
    });
    t.after(() => this.process.kill('SIGKILL'));
  }

  /** Waits for a line that begins so. */
  async line(start: string): Promise<string> {
    for (;;) {
      const line = this.#said.split('\n').find((each) => each.startsWith(start));
      if (line !== undefined) return line;
      if (this.#ended) throw new Error(`ended before "${start}": ${this.#complained}`);
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  /** All lines that it has said, but for one that is not whole. */
  get lines(): string[] {
    return this.#said.split('\n').slice(0, -1);
  }

  tell(line: string): void {
    this.process.stdin?.write(`${line}\n`);
  }

  kill(signal: NodeJS.Signals): void {
    this.process.kill(signal);
  }

  /** The exit code, or the signal that ended it. */
  async exit(): Promise<number | NodeJS.Signals | null> {
    if (!this.#ended) await once(this.process, 'close');
    return this.process.exitCode ?? this.process.signalCode;
  }

  #ring(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}
