import { type ChildProcess, spawn } from 'node:child_process';
import type { PoolEvent } from '../client/index.js';
import { nearest } from '../core/suggest.js';
import { systemCode, whyFailed } from '../core/system-errors.js';
import { Timestamp, type Value } from '../core/value.js';
import { eventJson, formatTimestamp, toJson } from './json.js';
import type { Run, RunFunction } from './when.js';

/** How the programs of a trigger run. */
export interface ProgramOptions {
  /** Default: that of this process. */
  readonly environment?: NodeJS.ProcessEnv | undefined;
  /** `stderr`: what they print must not stand among results. Default `inherit`. */
  readonly stdout?: 'inherit' | 'stderr' | undefined;
  /** How long one that is to end may take before it is killed. Default 5 s. */
  readonly graceMs?: number | undefined;
}

/** A program has ended, and not with exit code 0. */
export class ProgramFailed extends Error {
  override readonly name = 'ProgramFailed';
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;

  constructor(file: string, exitCode: number | null, signal: NodeJS.Signals | null) {
    const how = signal === null ? `ended with exit ${exitCode}` : `was ended by ${signal}`;
    super(`"${file}" ${how}`);
    this.exitCode = exitCode;
    this.signal = signal;
  }
}

/** A program cannot be started at all: the trigger ends, as no other event would fare better. */
export class CannotStart extends Error {
  override readonly name = 'CannotStart';
  /** As a shell counts it: 127 for what is not there, 126 for what may not be executed. */
  readonly exitCode: 126 | 127;

  constructor(file: string, cause: Error) {
    const code = systemCode(cause);
    const why = code === 'ENOENT' ? 'there is no such command' : whyFailed(cause);
    super(`Cannot run "${file}": ${why}`, { cause });
    this.exitCode = code === 'ENOENT' ? 127 : 126;
  }
}

const STDERR = 2;
const GRACE_MS = 5_000;
const PLACEHOLDERS = ['name', 'version', 'member', 'kind', 'seq', 'time', 'run'] as const;
const PLACEHOLDER = /\{(name|version|member|kind|seq|time|run|attributes\.([^{}]+))\}/gu;

/**
 * What is almost a placeholder, and what it would be; null: none is. Other braces are a program's
 * own, and so is a variable of the shell.
 */
export function mistypedPlaceholder(
  words: readonly string[],
): { readonly found: string; readonly meant: string } | null {
  for (const word of words) {
    for (const [found, name = '', key] of word.matchAll(/(?<!\$)\{([a-z]+)(?:\.([^{}]+))?\}/gu)) {
      const known = key === undefined ? PLACEHOLDERS : ['attributes'];
      const [meant] = nearest(name, known, 1);
      if (meant === undefined || meant === name) continue;
      return { found, meant: key === undefined ? `{${meant}}` : `{${meant}.${key}}` };
    }
  }
  return null;
}

/**
 * Runs a program for each event: its JSON on standard input, ATTACCA_RUN_ID and ATTACCA_ATTEMPT in
 * the environment, and in its words `{name}`, `{version}`, `{member}`, `{kind}`, `{seq}`, `{time}`,
 * `{run}` and `{attributes.KEY}` replaced; other braces stay. It has a process group of its own, so
 * that what it has started ends with it.
 *
 * ```ts
 * await when(pool, { name: 'plots', run: runProgram(['./plot.sh', '{name}']) });
 * ```
 */
export function runProgram(words: readonly string[], options: ProgramOptions = {}): RunFunction {
  const { environment = process.env, stdout = 'inherit', graceMs = GRACE_MS } = options;
  return async (event, run) => {
    const [file = '', ...args] = words.map((word) => filled(word, event, run));
    const env = { ...environment, ATTACCA_RUN_ID: run.id, ATTACCA_ATTEMPT: String(run.attempt) };
    const child = started(file, args, { stdout, env });
    child.stdin?.on('error', () => {
      // It does not read what it is told.
    });
    child.stdin?.end(`${eventJson(event)}\n`);
    await ended(file, child, run.signal, graceMs);
  };
}

/** What is thrown is of these words (E2BIG), which others may have shorter: this run has failed. */
function started(
  file: string,
  args: readonly string[],
  { stdout, env }: { readonly stdout: 'inherit' | 'stderr'; readonly env: NodeJS.ProcessEnv },
): ChildProcess {
  try {
    const out = stdout === 'stderr' ? STDERR : 'inherit';
    return spawn(file, args, { stdio: ['pipe', out, 'inherit'], env, detached: true });
  } catch (cause) {
    throw new Error(`Cannot run "${file}": ${whyFailed(cause)}`, { cause });
  }
}

function ended(
  file: string,
  child: ChildProcess,
  signal: AbortSignal,
  graceMs: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let killing: NodeJS.Timeout | undefined;
    const end = (): void => {
      send(child, 'SIGTERM');
      killing = setTimeout(() => send(child, 'SIGKILL'), graceMs);
    };
    const over = (): void => {
      clearTimeout(killing);
      signal.removeEventListener('abort', end);
    };
    child.once('error', (error) => {
      if (child.pid !== undefined) return;
      over();
      reject(new CannotStart(file, error));
    });
    child.once('exit', (code, by) => {
      over();
      // What it has left in its group ends with it.
      if (signal.aborted) send(child, 'SIGKILL');
      if (code === 0) resolve();
      else reject(new ProgramFailed(file, code, by));
    });
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}

/** To the program and all that it has started. */
function send({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // It has ended.
  }
}

/** Of what there is: so many are named. */
const NAMED_MAX = 8;

/** A word with its placeholders replaced. */
function filled(word: string, event: PoolEvent, run: Run): string {
  const texts: { readonly [name: string]: string } = {
    ...{ name: event.name, version: String(event.version), member: event.member },
    ...{ kind: event.kind, seq: String(event.seq), time: formatTimestamp(event.time), run: run.id },
  };
  return word.replace(PLACEHOLDER, (_, what: string, key: string | undefined) => {
    if (key === undefined) return texts[what] ?? '';
    const value = event.attributes[key];
    if (value !== undefined) return textOf(value);
    const known = Object.keys(event.attributes);
    const some = known.slice(0, NAMED_MAX).join(', ') || 'none';
    const has = known.length > NAMED_MAX ? `${some} and others` : some;
    throw new Error(`"${event.name}" has no attribute "${key}" for ${word}: it has ${has}`);
  });
}

function textOf(value: Value): string {
  if (typeof value === 'string') return value;
  return value instanceof Timestamp ? formatTimestamp(value) : toJson(value);
}
