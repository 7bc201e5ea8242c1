import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Participant } from './participant.js';

export interface SpawnOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Flags of Node itself. */
  readonly flags?: readonly string[];
}

/** After each word to end, before the next, harder one. */
const STOP_GRACE_MS = 3_000;
const SAID_CHARACTERS_MAX = 4_000;
/** Ties a process to the one that starts it. */
export const SETPRIV = '/usr/bin/setpriv';
const PYTHON_SOURCES = fileURLToPath(new URL('../../../bench/', import.meta.url));

/**
 * The processes of one measurement. Each is the leader of a process group of its own, so that
 * whatever it starts ends with it; and dies with us where the system can arrange it.
 */
export class Crew {
  readonly #children = new Set<ChildProcess>();
  /** Those that end by themselves when their stdin does. */
  readonly #readers = new WeakSet<ChildProcess>();
  readonly #python: string | null;
  #closed = false;

  constructor(python: string | null = null) {
    this.#python = python;
  }

  /** Starts a compiled participant, named as below dist/bench. */
  async node(script: string, options: SpawnOptions = {}): Promise<Participant> {
    const path = fileURLToPath(new URL(`../${script}`, import.meta.url));
    return this.#participant(script, [process.execPath, ...(options.flags ?? []), path], options);
  }

  /** Starts a participant in the rivals' Python, named as below bench. */
  async python(script: string, options: SpawnOptions = {}): Promise<Participant> {
    if (this.#python === null) throw new Error('Cannot start Python: the rivals are missing');
    return this.#participant(script, [this.#python, '-u', `${PYTHON_SOURCES}${script}`], options);
  }

  /** Starts so many processes of the system's Python by mpirun: the first one is talked with. */
  async mpi(script: string, processes: number): Promise<Participant> {
    const sizes = ['--oversubscribe', '-n', String(processes)];
    const python = ['/usr/bin/python3', '-u', `${PYTHON_SOURCES}${script}`];
    const env = { OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1' };
    return this.#participant(script, ['mpirun', ...sizes, ...python], { env });
  }

  /** Starts any command, its output thrown away except what it says on stderr. */
  command(argv: readonly string[], options: SpawnOptions = {}): ChildProcess {
    const child = this.#spawn(argv, options);
    child.stdin?.end();
    child.stdout?.resume();
    return child;
  }

  /** Runs a command to its end; another exit than 0 rejects with what it said last. */
  async run(argv: readonly string[], options: SpawnOptions = {}): Promise<void> {
    const child = this.command(argv, options);
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-SAID_CHARACTERS_MAX);
    });
    const code = await new Promise<number | string | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (exitCode, signal) => resolve(signal ?? exitCode));
    });
    if (code !== 0) throw new Error(`${argv.join(' ')} ended with ${code}\n${said.trim()}`);
  }

  /** Ends all processes and waits until they are gone. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(
      [...this.#children].map((child) => endGroup(child, this.#readers.has(child))),
    );
  }

  /** For the very end: no waiting. */
  killNow(): void {
    this.#closed = true;
    for (const child of this.#children) killGroup(child, 'SIGKILL');
  }

  async #participant(
    name: string,
    argv: readonly string[],
    options: SpawnOptions,
  ): Promise<Participant> {
    const child = this.#spawn(argv, options);
    this.#readers.add(child);
    const participant = new Participant(name, child);
    await participant.ready();
    return participant;
  }

  #spawn(argv: readonly string[], options: SpawnOptions): ChildProcess {
    if (this.#closed) throw new Error('Cannot start a process: the measurement is over');
    const tied = existsSync(SETPRIV) ? [SETPRIV, '--pdeathsig', 'KILL', ...argv] : argv;
    const [command = '', ...rest] = tied;
    const child = spawn(command, rest, {
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
      env: { ...process.env, ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    this.#children.add(child);
    // A peer that is gone shows in its exit; a broken pipe to it is no news.
    child.stdin?.on('error', () => {});
    child.on('error', () => this.#children.delete(child));
    child.on('exit', () => {
      // What the leader started may outlive it.
      killGroup(child, 'SIGKILL');
      this.#children.delete(child);
    });
    return child;
  }
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // It has ended by itself.
  }
}

/** Asks nicely, then less so. */
async function endGroup(child: ChildProcess, reads: boolean): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) {
    killGroup(child, 'SIGKILL');
    return;
  }
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.stdin?.end();
  const politeMs = reads ? STOP_GRACE_MS : 0;
  const timers = [
    setTimeout(() => killGroup(child, 'SIGTERM'), politeMs),
    setTimeout(() => killGroup(child, 'SIGKILL'), politeMs + STOP_GRACE_MS),
  ];
  await gone;
  for (const timer of timers) clearTimeout(timer);
}
