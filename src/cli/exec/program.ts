import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { systemCode, whyFailed } from '../../core/system-errors.js';
import { ExitWith } from '../exit.js';
import { quoted } from '../format.js';
import { say } from '../output.js';
import type { Program } from './spec.js';

/** How a program has ended. */
export interface ProgramEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** As a shell counts it: 128 and the number of the signal that ended it. */
export function exitCodeOfEnd({ code, signal }: ProgramEnd): number {
  return signal === null ? (code ?? 1) : 128 + constants.signals[signal];
}

export function endText({ code, signal }: ProgramEnd): string {
  return signal === null ? `exit ${code}` : `ended by ${signal}`;
}

/** The same as the end of a sentence about the program. */
export function endSentence({ code, signal }: ProgramEnd): string {
  return signal === null ? `ended with exit ${code}` : `was ended by ${signal}`;
}

interface ProgramOptions {
  readonly environment: NodeJS.ProcessEnv;
  readonly stdin: 'inherit' | 'ignore';
  /** `stderr`: what it prints must not stand among our own results. */
  readonly stdout: 'inherit' | 'stderr';
  /** Which of our commands runs it, for messages. */
  readonly command: string;
  /** What may have been meant by a program that is not there, if that can be told. */
  readonly hint?: ((file: string) => string | null) | undefined;
  /** In a process group of its own, so that a signal reaches all that it has started. */
  readonly ownGroup: boolean;
}

const SHELL = '/bin/sh';
const STDERR = 2;
/** What a shell says of a command that is not there, and of one that is no program. */
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;

/** What is left of an interrupted program has so long to end before it is killed: 1 s. */
const END_ATTEMPTS = 50;
const END_PAUSE_MS = 20;

/** A program that runs. */
export class RunningProgram {
  readonly ended: Promise<ProgramEnd>;
  readonly #child: ChildProcess;
  readonly #ownGroup: boolean;

  constructor(program: Program, options: ProgramOptions) {
    const [file, ...args] =
      program.kind === 'words' ? program.words : ([SHELL, '-c', program.text] as const);
    const child = started(file, args, options);
    this.#child = child;
    this.#ownGroup = options.ownGroup;
    this.ended = new Promise((resolve, reject) => {
      child.once('error', (error) => {
        if (child.pid === undefined) reject(cannotRun(file, error, options));
      });
      child.once('exit', (code, signal) => resolve({ code, signal }));
    });
  }

  /**
   * Sends a signal to the program, and to what it has started if they have a group of their own.
   */
  kill(signal: NodeJS.Signals): void {
    this.#send(signal);
  }

  /**
   * Ends what an interrupted program has left in its group: what a shell started with & ignores
   * SIGINT, and a process that is about to begin loses one that comes too early.
   */
  async endGroup(): Promise<void> {
    if (!this.#ownGroup) return;
    for (let attempt = 0; attempt < END_ATTEMPTS; attempt++) {
      if (!this.#send('SIGTERM')) return;
      await new Promise((resolve) => setTimeout(resolve, END_PAUSE_MS));
    }
    this.#send('SIGKILL');
  }

  /** False when nobody is there to hear it. */
  #send(signal: NodeJS.Signals): boolean {
    const { pid } = this.#child;
    if (pid === undefined) return false;
    try {
      process.kill(this.#ownGroup ? -pid : pid, signal);
      return true;
    } catch {
      return false;
    }
  }
}

/** What the system refuses is told as an event by some errors, and thrown by others (E2BIG). */
function started(file: string, args: readonly string[], options: ProgramOptions): ChildProcess {
  try {
    return spawn(file, args, {
      stdio: [options.stdin, options.stdout === 'stderr' ? STDERR : 'inherit', 'inherit'],
      env: options.environment,
      detached: options.ownGroup,
    });
  } catch (error) {
    if (systemCode(error) === '') throw error;
    throw cannotRun(file, error as Error, options);
  }
}

function cannotRun(file: string, error: Error, options: ProgramOptions): ExitWith {
  const code = 'code' in error ? String(error.code) : '';
  const why =
    code === 'ENOENT'
      ? 'there is no such command'
      : code === 'EACCES'
        ? 'it may not be executed'
        : whyFailed(error);
  const hint = options.hint?.(file) ?? null;
  const more = hint === null ? '' : `; ${hint}`;
  say(`attacca ${options.command}: Cannot run ${quoted(file)}: ${why}${more} (${code})`);
  return new ExitWith(code === 'ENOENT' ? NOT_FOUND : NOT_EXECUTABLE);
}
