import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

/** A process that a test runs; killed with it. */
export class Child {
  readonly process: ChildProcess;
  #said = '';
  #wake: (() => void)[] = [];
  #ended = false;

  constructor(t: TestContext, file: string, args: readonly string[], fds: 'ready' | 'none') {
    const path = fileURLToPath(new URL(file, import.meta.url));
    const ready = fds === 'ready' ? { ATTACCA_READY_FD: '3' } : {};
    this.process = spawn(process.execPath, [path, ...args], {
      stdio: ['ignore', 'pipe', 'ignore', 'pipe'],
      env: { ...process.env, ...ready },
    });
    for (const stream of [this.process.stdout, this.process.stdio[3]]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#said += chunk.toString();
        for (const wake of this.#wake.splice(0)) wake();
      });
    }
    this.process.once('exit', () => {
      this.#ended = true;
      for (const wake of this.#wake.splice(0)) wake();
    });
    t.after(() => this.process.kill('SIGKILL'));
  }

  get pid(): number {
    return this.process.pid ?? 0;
  }

  /** Waits until it has said a line that begins so, on standard output or the ready descriptor. */
  async line(start: string): Promise<string> {
    for (;;) {
      const line = this.#said.split('\n').find((each) => each.startsWith(start));
      if (line !== undefined) return line;
      if (this.#ended) throw new Error(`the child ended before it said "${start}"`);
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  async exit(): Promise<number | NodeJS.Signals | null> {
    if (!this.#ended) await once(this.process, 'exit');
    return this.process.exitCode ?? this.process.signalCode;
  }
}
