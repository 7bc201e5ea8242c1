import { open } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { counted } from '../../core/counted.js';
import { didYouMean } from '../../core/suggest.js';
import type { Context } from '../command.js';
import { formatDuration, parseTimeout } from '../duration.js';
import { Forwarding } from '../exec/forwarding.js';
import { EXIT, UsageError } from '../exit.js';
import { fileError } from '../file-errors.js';
import { printable, quoted } from '../format.js';
import { readLines, tellTerminal } from '../input.js';
import { toJson } from '../json.js';
import { print, say } from '../output.js';
import { joinPool } from '../pool/open.js';
import { Progress } from '../progress.js';
import { type Job, parseJobs } from './parse.js';
import { type JobEnd, JobRunner } from './runner.js';

const STDIN = 0;
const JOBS_AT_ONCE_MAX = 4_096;
/** So many failures are told in full. */
const TOLD_MAX = 20;
const TEXT_CHARACTERS_MAX = 160;

interface JobsOptions {
  readonly pool: string | undefined;
  readonly timeout: string | undefined;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly replace: boolean;
}

/** How many at the same time: `-j 8`, `-j 0` for as many as there are processors. */
export function parseLimit(text: string): number {
  const limit = Number(text);
  if (!/^\d+$/u.test(text) || limit > JOBS_AT_ONCE_MAX) {
    throw new UsageError(`"-j" needs a number from 0 (one a processor) to 4096, not "${text}"`);
  }
  return limit === 0 ? availableParallelism() : limit;
}

export async function readJobs(path: string): Promise<Job[]> {
  if (path === '-') tellTerminal('jobs');
  return parseJobs(path === '-' ? await readLines(STDIN, 'lines') : await linesOf(path));
}

async function linesOf(path: string): Promise<string[]> {
  try {
    await using handle = await open(path);
    return await readLines(handle.fd, 'lines');
  } catch (cause) {
    throw fileError('read', path, cause);
  }
}

export interface JobsEnd {
  /** Whether all is made that was to be made. */
  readonly exitCode: number;
  /** The signal that has ended them early. */
  readonly received: Forwarding['received'];
}

/** Runs a list of jobs on the pool that is meant. */
export async function runJobs(
  context: Context,
  jobs: readonly Job[],
  { limit, isOwnPool }: { readonly limit: number; readonly isOwnPool: boolean },
  options: JobsOptions,
): Promise<JobsEnd> {
  const startedMs = performance.now();
  using forwarding = new Forwarding(true);
  const { session, seat } = await joinPool({ ...context, signal: forwarding.signal }, options);
  await using _session = session;
  const report = new JobReport(options);
  const runner = new JobRunner(jobs, {
    seat,
    view: session.view,
    forwarding,
    environment: { ...context.environment, ATTACCA_POOL: session.address },
    limit,
    timeoutMs: parseTimeout(options.timeout),
    stdout: options.json ? 'stderr' : 'inherit',
    options: { replace: options.replace },
    onEnd: (end) => {
      progress.clear();
      report.add(end);
    },
  });
  if (isOwnPool && !options.quiet) warnOfForeign(runner, jobs);
  const told = (elapsedMs: number): string => {
    const waiting = jobs.length - runner.ended - runner.running;
    const done = `${runner.ended} of ${counted(jobs.length, 'job')} ended`;
    const [first] = runner.waitingFor;
    const missing = first === undefined ? '' : `; ${quoted(first)} is waited for, no job makes it`;
    return `${formatDuration(elapsedMs)}: ${done}, ${runner.running} run, ${waiting} wait${missing}`;
  };
  using progress = new Progress(told, options.quiet, session.client.connection);
  await runner.run();
  progress.end();
  const exitCode = report.end(performance.now() - startedMs);
  return { exitCode, received: forwarding.received };
}

/** In a pool of their own only the jobs can make what they need: a name is easily mistyped. */
function warnOfForeign(runner: JobRunner, jobs: readonly Job[]): void {
  for (const name of runner.foreignInputs(jobs).slice(0, TOLD_MAX)) {
    const hint = didYouMean(name, runner.outputs);
    say(`attacca run: WARNING: no job makes ${quoted(name)}, which is waited for.${hint}`);
  }
}

/** Tells how jobs have ended: failures by name as they come, all as JSON when asked, a sum. */
class JobReport {
  readonly #options: JobsOptions;
  #counts: Record<JobEnd['kind'], number> = { done: 0, there: 0, failed: 0, skipped: 0 };

  constructor(options: JobsOptions) {
    this.#options = options;
  }

  add(end: JobEnd): void {
    const { job, kind, why, exitCode, seconds } = end;
    this.#counts[kind]++;
    if (this.#options.json) {
      print(toJson({ line: job.line, job: job.text, state: kind, why, exitCode, seconds }));
      return;
    }
    const told = this.#counts.failed + this.#counts.skipped;
    if (kind === 'done' || kind === 'there' || told > TOLD_MAX) return;
    const text = printable(job.text);
    const short =
      text.length > TEXT_CHARACTERS_MAX ? `${text.slice(0, TEXT_CHARACTERS_MAX - 3)}...` : text;
    say(`attacca run: line ${job.line} ${kind}: ${why}: ${short}`);
  }

  end(elapsedMs: number): number {
    const { failed, skipped } = this.#counts;
    if (this.#options.json) this.#printSum(elapsedMs);
    else this.#saySum(elapsedMs);
    return failed + skipped > 0 ? EXIT.failed : EXIT.ok;
  }

  #printSum(elapsedMs: number): void {
    const { done, there, failed, skipped } = this.#counts;
    const jobs = done + there + failed + skipped;
    print(toJson({ jobs, done, there, failed, skipped, seconds: elapsedMs / 1_000 }));
  }

  #saySum(elapsedMs: number): void {
    const { done, there, failed, skipped } = this.#counts;
    const untold = failed + skipped - TOLD_MAX;
    if (untold > 0) say(`attacca run: ... and ${untold} more`);
    if (this.#options.quiet) return;
    const bad = failed + skipped > 0 ? `, ${failed} failed, ${skipped} skipped` : '';
    const before = there > 0 ? `, ${there} not run as what they make is there already` : '';
    const sum = `${counted(done, 'job')} done${before}${bad}`;
    say(`attacca run: ${sum} in ${formatDuration(elapsedMs)}`);
  }
}
