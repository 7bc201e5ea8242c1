/** Runs the demo as a user does, in a directory of its own, and looks at what is left of it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const EXAMPLES = fileURLToPath(new URL('../../../examples/', import.meta.url));

export interface DemoEnd {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

export class DemoProcess {
  /** Its temporary directory, with the pool's sockets, and its working directory. */
  readonly directory = mkdtempSync(join(tmpdir(), 'attacca-demo-test-'));
  readonly ended: Promise<DemoEnd>;
  readonly #process: ChildProcess;
  #output = '';
  #errors = '';
  #onOutput = (): void => {};

  /** `files`: what is in its directory before it begins. */
  constructor(
    example: 'weather' | 'weather/brokers' | 'vpic',
    args: readonly string[],
    files: { readonly [name: string]: Uint8Array | undefined } = {},
  ) {
    for (const [name, bytes] of Object.entries(files)) {
      if (bytes !== undefined) writeFileSync(join(this.directory, name), bytes);
    }
    const { XDG_RUNTIME_DIR: _, ...environment } = process.env;
    this.#process = spawn(process.execPath, [join(EXAMPLES, example, 'main.js'), ...args], {
      cwd: this.directory,
      env: { ...environment, TMPDIR: this.directory },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#process.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#output += text;
      this.#onOutput();
    });
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#errors += text;
    });
    this.ended = new Promise((resolve) => {
      this.#process.once('close', (code) =>
        resolve({ code, output: this.#output, errors: this.#errors }),
      );
    });
  }

  /** Waits for words of its output: the first group of the expression. */
  async said(expression: RegExp): Promise<string> {
    const found = new Promise<string>((resolve) => {
      this.#onOutput = () => {
        const match = expression.exec(this.#output);
        if (match !== null) resolve(match[1] ?? '');
      };
      this.#onOutput();
    });
    const ended = this.ended.then(({ output, errors }) => {
      throw new Error(`The demo ended without saying ${expression}:\n${output}${errors}`);
    });
    return await Promise.race([found, ended]);
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** The process ids of its programs whose command has all these words; Linux. */
  programs(...words: readonly string[]): number[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => {
        const [parent, command] = [parentOf(pid), commandOf(pid)];
        return parent === this.#process.pid && words.every((word) => command.includes(word));
      });
  }

  /** What lies in its directory beside `kept`. */
  leftovers(...kept: readonly string[]): string[] {
    return readdirSync(this.directory, { recursive: true, encoding: 'utf8' }).filter(
      (path) => !kept.some((one) => path === one || path.startsWith(`${one}/`)),
    );
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function readProcess(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    // It has ended meanwhile.
    return '';
  }
}

function parentOf(pid: number): number {
  return Number(/^PPid:\s+(\d+)$/m.exec(readProcess(pid, 'status'))?.[1] ?? -1);
}

function commandOf(pid: number): string {
  return readProcess(pid, 'cmdline').replaceAll('\0', ' ');
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
