import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { PoolView } from '../../src/client/index.js';

const dist = join(dirname(fileURLToPath(import.meta.url)), '../..');
const unbundled = join(dist, 'src/cli/main.js');
const launcher = join(dist, 'bin/attacca.cjs');

/** What users start, unless something was compiled since it was bundled. */
export const attaccaPath = bundleIsFresh() ? launcher : unbundled;

function bundleIsFresh(): boolean {
  const bundle = join(dist, 'bin/attacca-all.cjs');
  if (!existsSync(bundle) || !existsSync(launcher)) return false;
  const layers = ['cli', 'apps', 'client', 'server', 'levels', 'pool', 'protocol'];
  const times = layers.map((layer) => statSync(join(dist, `src/${layer}/.tsbuildinfo`)).mtimeMs);
  return statSync(bundle).mtimeMs >= Math.max(...times);
}

export interface Result {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly bytes: Buffer;
  /** Standard output as text. */
  readonly out: string;
  readonly err: string;
}

export interface Surroundings {
  /** ATTACCA_POOL; none when left out. */
  readonly pool?: string | undefined;
  /** What standard input holds; null leaves it open, to be written to. */
  readonly input?: string | Uint8Array | null;
  readonly directory?: string;
  readonly environment?: NodeJS.ProcessEnv;
}

/** A command that runs: its end, and the process to be interrupted. */
export interface Running {
  readonly process: ChildProcess;
  readonly ended: Promise<Result>;
  /** Returns what standard output holds when it matches; rejects when the program ends before. */
  readonly said: (pattern: RegExp) => Promise<string>;
  /** The same of standard error. */
  readonly complained: (pattern: RegExp) => Promise<string>;
}

/** Starts any program. */
export function startProgram(
  program: string,
  args: readonly string[],
  around: Surroundings = {},
): Running {
  const { ATTACCA_POOL: _, ...inherited } = process.env;
  const pool = around.pool === undefined ? {} : { ATTACCA_POOL: around.pool };
  const child = spawn(program, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    cwd: around.directory,
    env: { ...inherited, ...pool, ...around.environment },
  });
  const chunks: Buffer[] = [];
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  child.stdin.on('error', () => {
    // It does not read.
  });
  if (around.input !== null) child.stdin.end(around.input ?? '');
  const ended = new Promise<Result>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      const bytes = Buffer.concat(chunks);
      resolve({ code, signal, bytes, out: bytes.toString(), err });
    });
  });
  const heard = (stream: Readable, text: () => string) => async (pattern: RegExp) => {
    for (;;) {
      if (pattern.test(text())) return text();
      const more = new Promise<boolean>((resolve) => stream.once('data', () => resolve(true)));
      const over = ended.then(() => false);
      if (!(await Promise.race([more, over]))) throw new Error(`it ended, and said: ${all()}`);
    }
  };
  const out = (): string => Buffer.concat(chunks).toString();
  const all = (): string => out() + err;
  const said = heard(child.stdout, out);
  const complained = heard(child.stderr, () => err);
  return { process: child, ended, said, complained };
}

/** Starts the command. */
export function startAttacca(args: readonly string[], around: Surroundings = {}): Running {
  return startProgram(process.execPath, [attaccaPath, ...args], around);
}

/** Runs the command to its end. */
export function attacca(args: readonly string[], around: Surroundings = {}): Promise<Result> {
  return startAttacca(args, around).ended;
}

/** A shell script in which `attacca` is the command. */
export function shell(script: string, around: Surroundings = {}): Running {
  const quoted = [process.execPath, attaccaPath].map((path) => `'${path}'`).join(' ');
  return startProgram('/bin/sh', ['-c', `attacca() { ${quoted} "$@"; }\n${script}`], around);
}

/** A directory for the files of a test. */
export async function filesOf(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'attacca-cli-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** Returns when somebody demands an object of that name. */
export async function untilDemanded(view: PoolView, name: string): Promise<void> {
  for (;;) {
    const waits = await view.explain(name).then(
      (answer) => answer['waits'],
      () => [],
    );
    if (Array.isArray(waits) && JSON.stringify(waits).includes('"demand"')) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Each line of NDJSON. */
export function jsonLines(text: string): { readonly [key: string]: unknown }[] {
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line): { [key: string]: unknown } => JSON.parse(line));
}
