import { setMaxListeners } from 'node:events';
import { isatty } from 'node:tty';
import { say } from '../output.js';
import type { RunningProgram } from './program.js';

const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const;
type Forwarded = (typeof FORWARDED)[number];
const ENDING: readonly Forwarded[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'];
/** A program that does not end upon so many requests is killed. */
const PATIENCE = 3;
const STDIN = 0;

/**
 * Passes signals on to the programs that run, and ends what waits before they do. At a terminal
 * programs share our group, so that they may use it: Ctrl-C then reaches them without us. Elsewhere
 * each has a group of its own, so that a signal to us reaches all that it has started.
 */
export class Forwarding {
  readonly ownGroups: boolean;
  readonly #programs = new Set<RunningProgram>();
  readonly #controller = new AbortController();
  readonly #handlers: (readonly [Forwarded, () => void])[] = [];
  #received: Forwarded | null = null;
  #requests = 0;

  /** `apart`: the programs do not use the terminal, even if there is one. */
  constructor(apart: boolean) {
    this.ownGroups = apart || !isatty(STDIN);
    // As many wait for it as there are names.
    setMaxListeners(0, this.#controller.signal);
    for (const name of FORWARDED) {
      const handler = (): void => this.#receive(name);
      process.on(name, handler);
      this.#handlers.push([name, handler]);
    }
  }

  /** Fires when we are asked to end. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The signal that asked us to end, or null. */
  get received(): 'SIGINT' | 'SIGTERM' | 'SIGHUP' | null {
    const received = this.#received;
    return received === 'SIGINT' || received === 'SIGTERM' || received === 'SIGHUP'
      ? received
      : null;
  }

  /** Passes signals on to a program until it has ended. */
  async watch<T>(program: RunningProgram, ended: Promise<T>): Promise<T> {
    this.#programs.add(program);
    try {
      return await ended;
    } finally {
      this.#programs.delete(program);
      if (this.#received !== null) await program.endGroup();
    }
  }

  stop(): void {
    for (const [name, handler] of this.#handlers.splice(0)) process.off(name, handler);
  }

  [Symbol.dispose](): void {
    this.stop();
  }

  #receive(name: Forwarded): void {
    const isEnding = ENDING.includes(name);
    if (isEnding) {
      this.#requests++;
      this.#received ??= name;
      this.#controller.abort(new Error(`ended by ${name}`));
    }
    const kills = this.#requests >= PATIENCE;
    const reached = !this.ownGroups && (name === 'SIGINT' || name === 'SIGQUIT');
    const isNext = isEnding && this.#requests === PATIENCE - 1 && this.#programs.size > 0;
    if (isNext) say(`attacca: what runs has not ended upon ${name}; once more kills it`);
    for (const program of this.#programs) {
      if (kills) program.kill('SIGKILL');
      else if (!reached) program.kill(name);
    }
  }
}
