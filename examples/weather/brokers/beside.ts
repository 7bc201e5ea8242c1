/** A command that runs beside the programs, on the same pool: to look, to keep, to trace. */
import { type ChildProcess, spawn } from 'node:child_process';
import { delimiter } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WeatherError } from '../errors.js';

/** So that `attacca` is the one of this repository. */
export const COMMANDS = fileURLToPath(new URL('../../../bin', import.meta.url));
/** After the programs: most end by themselves, as all promises are closed. */
const ENDING_MS = 10_000;

export class Beside {
  readonly #command: string;
  readonly #process: ChildProcess;
  readonly #ended: Promise<number | string>;

  constructor(command: string, environment: NodeJS.ProcessEnv) {
    this.#command = command;
    const PATH = `${COMMANDS}${delimiter}${environment['PATH'] ?? ''}`;
    const env = { ...environment, PATH };
    const stdio = ['ignore', 'inherit', 'inherit'] as const;
    // A group of its own: what the shell starts is ended with it, and Ctrl-C is for us alone.
    this.#process = spawn('/bin/sh', ['-c', command], { env, stdio: [...stdio], detached: true });
    this.#ended = new Promise((resolve) => {
      this.#process.once('error', ({ message }) => resolve(message));
      this.#process.once('exit', (code, signal) => resolve(code ?? signal ?? ''));
    });
  }

  /**
   * Waits until it has ended, or asks it to: who looks for ever is to end by that.
   * @throws WeatherError `program-failed`
   */
  async finish(interrupt: AbortSignal): Promise<void> {
    let isAsked = false;
    const ask = (): void => {
      isAsked = true;
      this.kill('SIGINT');
    };
    const timer = setTimeout(ask, ENDING_MS);
    interrupt.addEventListener('abort', ask, { once: true });
    const end = await this.#ended;
    clearTimeout(timer);
    interrupt.throwIfAborted();
    if (end === 0 || (isAsked && (end === 'SIGINT' || end === 130))) return;
    throw new WeatherError('program-failed', `Cannot finish: ${this.#command} ended with ${end}`);
  }

  /** Ends it if it still runs. */
  kill(signal: NodeJS.Signals): void {
    const { pid, exitCode, signalCode } = this.#process;
    if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, signal);
  }
}
