/** Runs the workflow once: starts its programs as processes, hears what they say, sums it up. */
import { WeatherError } from '../errors.js';
import type { Plan } from '../plan.js';
import type { ProgramMessage } from '../programs/messages.js';
import type { Counts, TallyResult } from '../programs/tally.js';
import type { Settings } from '../settings.js';
import { castOf, type Role } from './cast.js';
import { Child, describeEnd } from './child.js';
import { MemoryWatch } from './memory-watch.js';

/** How long the others have to hear of a failure by themselves, and then to end. */
const AFTERMATH_MS = 10_000;
const ENDING_MS = 3_000;

export interface WorkflowOptions {
  readonly plan: Plan;
  readonly settings: Settings;
  readonly out: string;
  /** Of the programs. */
  readonly env: NodeJS.ProcessEnv;
  /** A process that serves them all: its memory counts, and without it nothing goes on. */
  readonly server: Child | undefined;
  /** Of other processes whose memory counts. */
  readonly pids: readonly number[];
  /** A directory whose files are memory. */
  readonly memoryDirectory: string | undefined;
  readonly onProgress: (counts: Readonly<Counts>) => void;
  /** Somebody has failed: said before the others have had their time. */
  readonly onFailure: (text: string) => void;
  readonly signal: AbortSignal;
}

/** What all programs together have done. */
export interface Outcome {
  readonly counts: Readonly<Counts>;
  /** From the first model's start to the end of the last product; maps may be drawn later. */
  readonly makespanMs: number;
  readonly latenciesMs: readonly number[];
  /** Of the producers' time. */
  readonly stalledShare: number;
  readonly peakBytes: number;
  /** Of all products: equal when their bytes are. */
  readonly fingerprints: readonly string[];
  readonly paths: readonly string[];
}

const COUNT_NAMES: readonly (keyof Counts)[] = [
  'fields',
  'bytes',
  'checked',
  'products',
  'maps',
  'steps',
];

function sumCounts(all: Iterable<Readonly<Counts>>): Counts {
  const sum: Counts = { fields: 0, bytes: 0, checked: 0, products: 0, maps: 0, steps: 0 };
  for (const counts of all) for (const name of COUNT_NAMES) sum[name] += counts[name];
  return sum;
}

/** A program that runs, with what it has said so far. */
interface Player {
  readonly child: Child;
  readonly isProducer: boolean;
  readonly ready: Promise<void>;
  result: TallyResult | undefined;
}

export class Workflow {
  readonly #options: WorkflowOptions;
  readonly #players: Player[] = [];
  readonly #counts = new Map<string, Readonly<Counts>>();

  constructor(options: WorkflowOptions) {
    this.#options = options;
  }

  /** @throws WeatherError `program-failed` saying who failed and what the others said of it. */
  async run(): Promise<Outcome> {
    const { plan, settings, out, server, pids, memoryDirectory, signal } = this.#options;
    const { consumers, producers } = castOf(plan, settings, out);
    const memory = new MemoryWatch({
      pids: () => [server?.pid, ...pids, ...this.#players.map(({ child }) => child.pid)],
      directory: memoryDirectory,
    });
    try {
      // Consumers first: what is required before it is offered goes straight to them.
      const listening = consumers.map((role) => this.#start(role, false));
      await this.#orFailure(Promise.all(listening.map(({ ready }) => ready)));
      signal.throwIfAborted();
      for (const role of producers) this.#start(role, true);
      await this.#orFailure(Promise.all(this.#players.map(({ child }) => child.ended)));
      signal.throwIfAborted();
    } finally {
      await this.#endAll();
      memory.stop();
    }
    return this.#sumUp(memory.stop());
  }

  #start({ name, file, args }: Role, isProducer: boolean): Player {
    let tellReady = (): void => {};
    const ready = new Promise<void>((resolve) => {
      tellReady = resolve;
    });
    const child = new Child({
      name,
      file,
      args,
      env: this.#options.env,
      onMessage: (message) => {
        const said = message as ProgramMessage;
        if (said.kind === 'ready') tellReady();
        else if (said.kind === 'progress') this.#progress(name, said.counts);
        else {
          player.result = said.result;
          this.#progress(name, said.result);
        }
      },
    });
    const player: Player = { child, isProducer, ready, result: undefined };
    this.#players.push(player);
    return player;
  }

  #progress(name: string, counts: Readonly<Counts>): void {
    this.#counts.set(name, counts);
    this.#options.onProgress(sumCounts(this.#counts.values()));
  }

  /** Waits for all to go well, or for the first program that fails. */
  async #orFailure(all: Promise<unknown>): Promise<void> {
    const { signal } = this.#options;
    const aborted = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
    const { server } = this.#options;
    const watched = this.#players.map(({ child }) => child);
    const failures = [...watched, ...(server === undefined ? [] : [server])].map(async (child) => {
      await child.ended;
      return child.hasFailed || child === server ? child : await new Promise<never>(() => {});
    });
    const failed = await Promise.race([all.then(() => undefined), aborted, ...failures]);
    if (!(failed instanceof Child) || signal.aborted) return;
    // Ctrl-C goes to all processes of a terminal, in no order.
    if (failed.end?.signal === 'SIGINT') throw new WeatherError('interrupted', 'Ended by Ctrl-C');
    throw await this.#explain(failed);
  }

  /** Says who failed first, after the others had time to say what that means to them. */
  async #explain(first: Child): Promise<WeatherError> {
    const others = this.#players.map(({ child }) => child).filter((child) => child !== first);
    const consumersEnded = Promise.race([
      ...this.#players
        .filter(({ child, isProducer }) => child !== first && !isProducer)
        .map(({ child }) => child.ended),
    ]);
    const { settings, server, onFailure } = this.#options;
    const how = first.end === undefined ? 'ended' : describeEnd(first.end);
    onFailure(`${first.name} ${how}`);
    if ((settings.via === 'pool' || settings.via === 'brokers') && first !== server)
      await Promise.race([consumersEnded, delay(AFTERMATH_MS)]);
    const said = others
      .filter((child) => child.hasFailed && child.errors !== '')
      .map((child) => `  ${child.name} says: ${child.errors}`);
    const why = first.errors === '' ? '' : `: ${first.errors}`;
    return new WeatherError(
      'program-failed',
      [`Cannot finish the workflow: ${first.name} ${how}${why}`, ...said].join('\n'),
    );
  }

  async #endAll(): Promise<void> {
    const running = this.#players.map(({ child }) => child).filter(({ end }) => end === undefined);
    for (const child of running) child.kill('SIGTERM');
    const ended = Promise.all(running.map((child) => child.ended));
    await Promise.race([ended, delay(ENDING_MS)]);
    for (const child of running) child.kill('SIGKILL');
    await ended;
  }

  #sumUp(peakBytes: number): Outcome {
    const results = this.#players.map(({ child, result }) => {
      if (result !== undefined) return result;
      throw new WeatherError('program-failed', `Cannot sum up: ${child.name} gave no result`);
    });
    const producers = this.#players.flatMap(({ isProducer, result }) =>
      isProducer && result !== undefined ? [result] : [],
    );
    const stalledMs = producers.reduce((sum, { stalledMs }) => sum + stalledMs, 0);
    const busyMs = producers.reduce((sum, { startedMs, endedMs }) => sum + endedMs - startedMs, 0);
    return {
      counts: sumCounts(results),
      makespanMs:
        Math.max(...results.map(({ lastProductMs }) => lastProductMs)) -
        Math.min(...producers.map(({ startedMs }) => startedMs)),
      latenciesMs: results.flatMap(({ latenciesMs }) => latenciesMs).toSorted((a, b) => a - b),
      stalledShare: busyMs === 0 ? 0 : stalledMs / busyMs,
      peakBytes,
      fingerprints: results.flatMap(({ fingerprints }) => fingerprints).toSorted(),
      paths: results.flatMap(({ paths }) => paths).toSorted(),
    };
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
