import { setMaxListeners } from 'node:events';
import type { PoolView } from '../../client/pool-view.js';
import type { Seat } from '../../client/seat.js';
import { AttaccaError } from '../../core/errors.js';
import { LIMITS } from '../../core/limits.js';
import { Slots } from '../../core/slots.js';
import type { Forwarding } from '../exec/forwarding.js';
import { endText } from '../exec/program.js';
import { infoOf } from '../exec/spec.js';
import { ExecTask } from '../exec/task.js';
import { ExitWith } from '../exit.js';
import { quoted } from '../format.js';
import { type PutOptions, Store } from '../pool/store.js';
import type { Job } from './parse.js';
import { inOrderOfNeeds } from './ring.js';

/**
 * How a job has ended. `there`: it has not run, as all that it makes was there before; `skipped`:
 * it has not run, because of `why`.
 */
export interface JobEnd {
  readonly job: Job;
  readonly kind: 'done' | 'there' | 'failed' | 'skipped';
  readonly why: string;
  readonly exitCode: number | null;
  readonly seconds: number;
}

interface RunnerOptions {
  /** The member that the list is. */
  readonly seat: Seat;
  readonly view: PoolView;
  readonly forwarding: Forwarding;
  readonly environment: NodeJS.ProcessEnv;
  /** So many programs run at the same time. */
  readonly limit: number;
  /** Of inputs that no job of the list makes; those of others wait for their job. */
  readonly timeoutMs: number | undefined;
  /** Where what the jobs print goes. */
  readonly stdout: 'inherit' | 'stderr';
  readonly options: PutOptions;
  readonly onEnd: (end: JobEnd) => void;
}

type Outcome = Pick<JobEnd, 'kind' | 'why' | 'exitCode'>;

const MADE = 'what it makes is there already';
/** So many jobs are members at the same time: programs that they start want to join, too. */
const JOINED_MAX = LIMITS.membersMax / 4;

/**
 * Runs jobs over one connection: each starts when its inputs are there and a slot is free. All
 * needs and promises are announced at the begin, so the order of the list does not matter. When a
 * job fails, those that need what it was to make are skipped.
 *
 * A job with objects is a member of its own, so that what it makes is told to be made of its inputs
 * alone. Of a list longer than may be members those behind join as others leave, needs first: one
 * that has joined never waits for one that has not.
 */
export class JobRunner {
  readonly #jobs: readonly Job[];
  readonly #options: RunnerOptions;
  readonly #slots: Slots;
  /** When a job may join. */
  readonly #turns = new Map<Job, Promise<void>>();
  readonly #places = new Slots(JOINED_MAX);
  /** The job that makes an object, and what ends the waits for it. */
  readonly #makers = new Map<string, { readonly job: Job; readonly gone: AbortController }>();
  running = 0;
  ended = 0;
  /** Inputs that no job makes and that are not there yet. */
  readonly waitingFor = new Set<string>();

  constructor(jobs: readonly Job[], options: RunnerOptions) {
    this.#jobs = jobs;
    this.#options = options;
    this.#slots = new Slots(options.limit);
    for (const job of jobs) {
      const gone = new AbortController();
      for (const { name } of job.spec.outputs) this.#makers.set(name, { job, gone });
    }
  }

  /** What the list makes. */
  get outputs(): readonly string[] {
    return [...this.#makers.keys()];
  }

  async run(): Promise<JobEnd[]> {
    const jobs = this.#jobs;
    for (const job of inOrderOfNeeds(jobs)) {
      const { inputs, outputs } = job.spec;
      if (inputs.length + outputs.length > 0) this.#turns.set(job, this.#places.take());
    }
    return await Promise.all(jobs.map((job) => this.#runOne(job)));
  }

  async #runOne(job: Job): Promise<JobEnd> {
    const startedMs = performance.now();
    const outcome = await this.#outcome(job);
    if (outcome.kind === 'failed' || outcome.kind === 'skipped') {
      for (const { name } of job.spec.outputs) this.#makers.get(name)?.gone.abort();
    }
    const end: JobEnd = { job, ...outcome, seconds: (performance.now() - startedMs) / 1_000 };
    this.ended++;
    this.#options.onEnd(end);
    return end;
  }

  async #outcome(job: Job): Promise<Outcome> {
    const { seat, forwarding } = this.#options;
    const turn = this.#turns.get(job);
    if (turn === undefined) return await this.#outcomeAs(seat, job);
    const { signal } = forwarding;
    await turn;
    try {
      const own = await seat.client.join('exec[*]', infoOf(job.spec.program), { signal });
      return await this.#outcomeAs(own, job);
    } catch (error) {
      const why = signal.aborted ? 'interrupted' : this.#whyNot(job, error, false);
      return { kind: 'skipped', why, exitCode: null };
    } finally {
      this.#places.give();
    }
  }

  async #outcomeAs(seat: Seat, job: Job): Promise<Outcome> {
    const { view, forwarding, environment, stdout, options } = this.#options;
    const { signal } = forwarding;
    await using store = new Store(seat);
    const task = new ExecTask(job.spec, {
      seat,
      view,
      store,
      forwarding,
      environment,
      stdin: 'ignore',
      stdout,
      command: 'run',
      options: { ...options, signal },
    });
    let hasStarted = false;
    const ended = new AbortController();
    try {
      await Promise.all([task.promise(), this.#acquire(job, task, ended.signal)]);
      await this.#slots.take();
      hasStarted = true;
      this.running++;
      try {
        signal.throwIfAborted();
        const end = await task.run();
        if (end.code === 0) return { kind: 'done', why: '', exitCode: 0 };
        return { kind: 'failed', why: endText(end) + task.poolGone, exitCode: end.code };
      } finally {
        this.running--;
        this.#slots.give();
      }
    } catch (error) {
      if (error instanceof ExitWith) {
        return {
          kind: 'failed',
          why: endText({ code: error.exitCode, signal: null }),
          exitCode: error.exitCode,
        };
      }
      if (task.isMade && !signal.aborted) return { kind: 'there', why: MADE, exitCode: null };
      const why = signal.aborted ? 'interrupted' : this.#whyNot(job, error, hasStarted);
      return { kind: hasStarted && !signal.aborted ? 'failed' : 'skipped', why, exitCode: null };
    } finally {
      ended.abort();
      // LEAVE takes back all that the job has: one message, which nobody waits for.
      if (seat !== this.#options.seat) seat.abandon();
      await task.close();
    }
  }

  async #acquire(job: Job, task: ExecTask, ended: AbortSignal): Promise<void> {
    if (job.spec.inputs.length === 0) return;
    const { timeoutMs, forwarding } = this.#options;
    const signals = [forwarding.signal, ended];
    for (const { name } of job.spec.inputs) {
      const maker = this.#makers.get(name);
      if (maker !== undefined) signals.push(maker.gone.signal);
    }
    const signal = AbortSignal.any(signals);
    setMaxListeners(0, signal);
    const foreign = this.foreignInputs([job]);
    for (const name of foreign) this.waitingFor.add(name);
    try {
      await task.acquire({
        timeoutMs: (name) => (this.#makers.has(name) ? Number.POSITIVE_INFINITY : timeoutMs),
        signal,
      });
    } finally {
      for (const name of foreign) this.waitingFor.delete(name);
    }
  }

  /** Names that jobs read and none of the list makes. */
  foreignInputs(jobs: readonly Job[]): string[] {
    const names = jobs.flatMap(({ spec }) => spec.inputs.map(({ name }) => name));
    return [...new Set(names)].filter((name) => !this.#makers.has(name));
  }

  #whyNot(job: Job, error: unknown, hasStarted: boolean): string {
    for (const { name } of job.spec.inputs) {
      const maker = this.#makers.get(name);
      if (!hasStarted && maker?.gone.signal.aborted === true) {
        return `${quoted(name)} is not made: line ${maker.job.line} has not been done`;
      }
    }
    if (error instanceof AttaccaError) return `${error.message} (${error.code})`;
    return error instanceof Error ? error.message : String(error);
  }
}
