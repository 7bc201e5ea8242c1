/** A program of the workflow as a process of its own, and what it says on its way. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The last of standard error, kept to say why a program failed. */
const ERROR_CHARACTERS_MAX = 4_000;

export interface ChildOptions {
  /** For people: "model[2]". */
  readonly name: string;
  /** Relative to the directory of the programs: "model.js". */
  readonly file: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly onMessage: (message: unknown) => void;
}

export interface ChildEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class Child {
  readonly name: string;
  /** Resolves when the process is gone and all it said was heard; never rejects. */
  readonly ended: Promise<ChildEnd>;
  readonly #process: ChildProcess;
  #errors = '';
  #end: ChildEnd | undefined;

  constructor({ name, file, args, env, onMessage }: ChildOptions) {
    this.name = name;
    const path = fileURLToPath(new URL(file, import.meta.url));
    this.#process = fork(path, args, { env, stdio: ['ignore', 'inherit', 'pipe', 'ipc'] });
    this.#process.on('message', onMessage);
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#errors = (this.#errors + text).slice(-ERROR_CHARACTERS_MAX);
    });
    this.ended = new Promise((resolve) => {
      const settle = (end: ChildEnd): void => {
        this.#end ??= end;
        resolve(this.#end);
      };
      this.#process.once('error', (error) => {
        this.#errors += `${error.message}\n`;
        settle({ code: 1, signal: null });
      });
      this.#process.once('close', (code, signal) => settle({ code, signal }));
    });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  get end(): ChildEnd | undefined {
    return this.#end;
  }

  get hasFailed(): boolean {
    return this.#end !== undefined && this.#end.code !== 0;
  }

  /** What it wrote to standard error. */
  get errors(): string {
    return this.#errors.trim();
  }

  /** Says something to it; nothing when it is gone. */
  tell(message: string): void {
    if (this.#process.connected) this.#process.send(message);
  }

  /** Ends it if it still runs. */
  kill(signal: NodeJS.Signals): void {
    if (this.#end === undefined) this.#process.kill(signal);
  }
}

/** How a process ended, in words: "was ended by SIGKILL". */
export function describeEnd({ code, signal }: ChildEnd): string {
  return signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`;
}
