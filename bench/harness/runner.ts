import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Benchmark, Contender, Context, MetricSpec, Samples, Stage } from './benchmark.js';
import { Crew } from './crew.js';
import { waitForQuiet } from './quiet.js';
import type { Skipped } from './report.js';
import { type Judged, judge, SampleTable } from './rounds.js';
import { within } from './within.js';

const MEASURE_MS = 180_000;
/** A rival that failed so often in a row is not tried again. */
const FAILURES_MAX = 2;

export interface RunnerOptions {
  readonly size: string;
  readonly rounds: number;
  readonly quietMs: number;
  readonly python: string | null;
  readonly memoryRoot: string;
  readonly diskRoot: string;
  readonly without: readonly string[];
  readonly only: readonly string[];
  say(text: string): void;
}

/** Runs one benchmark. Owns the processes and directories of the measurement under way. */
export class Runner implements Context {
  readonly size: string;
  readonly judged: Judged[] = [];
  readonly skipped: Skipped[] = [];
  /** Whether the product failed to be measured. */
  failed = false;
  readonly #options: RunnerOptions;
  #crew: Crew | null = null;
  #directories: string[] = [];
  #over = false;
  /** Of the comparisons that there have been. */
  readonly #metrics = new Set<string>();

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.size = options.size;
  }

  async run(benchmark: Benchmark): Promise<void> {
    await benchmark.run(this);
  }

  say(text: string): void {
    this.#options.say(text);
  }

  skip(what: string, why: string): void {
    if (this.skipped.some((entry) => entry.what === what && entry.why === why)) return;
    this.skipped.push({ what, why });
    this.say(`skipped ${what}: ${why}`);
  }

  async compare(contenders: readonly Contender[], specs: readonly MetricSpec[]): Promise<void> {
    const wanted = this.#wanted(contenders, specs);
    const taking = wanted.filter((contender) => this.#takesPart(contender));
    const table = new SampleTable();
    const failures = new Map<string, number>();
    for (let round = 0; round < this.#options.rounds && !this.#over; round++) {
      for (const contender of inTurn(taking, round)) {
        if ((failures.get(contender.name) ?? 0) >= FAILURES_MAX) continue;
        const samples = await this.#measure(contender, round);
        if (this.#over) return;
        if (samples === null) {
          failures.set(contender.name, (failures.get(contender.name) ?? 0) + 1);
        } else {
          failures.delete(contender.name);
          table.add(contender, round, samples);
        }
      }
    }
    this.judged.push(...judge(table, specs));
  }

  /** Ends what is under way, at once. For signals and the end of the process. */
  killNow(): void {
    this.#over = true;
    this.#crew?.killNow();
  }

  /** The directories that are left to be removed. */
  get directories(): readonly string[] {
    return this.#directories;
  }

  /**
   * What `--only` leaves of a comparison: all of it when one of its metrics is named, the product
   * and those that are named when contenders are, else nothing. A word that has been a metric in
   * this run means that: `batched` is the metric of one comparison and a limit in others.
   */
  #wanted(contenders: readonly Contender[], specs: readonly MetricSpec[]): readonly Contender[] {
    for (const { name } of specs) this.#metrics.add(name);
    const { only } = this.#options;
    if (only.length === 0) return contenders;
    const named = contenders.filter(({ name }) => only.includes(name) && !this.#metrics.has(name));
    if (named.length > 0) {
      return contenders.filter((each) => each.kind === 'product' || named.includes(each));
    }
    return specs.some(({ name }) => only.includes(name)) ? contenders : [];
  }

  #takesPart({ name, absent }: Contender): boolean {
    if (this.#options.without.includes(name)) return false;
    if (absent === undefined || absent === null) return true;
    this.skip(name, absent);
    return false;
  }

  async #measure(contender: Contender, round: number): Promise<Samples | null> {
    const { quietMs, rounds } = this.#options;
    const quiet = await waitForQuiet(quietMs);
    const title = `round ${round + 1}/${rounds} ${contender.name}`;
    const crew = new Crew(this.#options.python);
    this.#crew = crew;
    const stage: Stage = {
      crew,
      round,
      memoryDirectory: await this.#scratch(this.#options.memoryRoot),
      diskDirectory: await this.#scratch(this.#options.diskRoot),
    };
    const started = performance.now();
    try {
      const limitMs = contender.timeoutMs ?? MEASURE_MS;
      const samples = await within(limitMs, contender.measure(stage));
      const seconds = ((performance.now() - started) / 1_000).toFixed(1);
      this.say(`${title}: ${brief(samples)} (${seconds} s${quiet ? '' : ', machine busy'})`);
      return samples;
    } catch (error) {
      if (this.#over) return null;
      const why = error instanceof Error ? error.message : String(error);
      this.skip(contender.name, `it failed: ${why}`);
      if (contender.kind === 'product') this.failed = true;
      return null;
    } finally {
      await crew.close();
      this.#crew = null;
      await Promise.all(
        this.#directories.map(async (path) => await rm(path, { recursive: true, force: true })),
      );
      this.#directories = [];
    }
  }

  async #scratch(root: string): Promise<string> {
    const path = await mkdtemp(join(root, 'attacca-bench-'));
    this.#directories.push(path);
    return path;
  }
}

/** Another one begins each round: what a contender leaves behind in caches meets all the others. */
export function inTurn<T>(all: readonly T[], round: number): T[] {
  const at = all.length === 0 ? 0 : round % all.length;
  return [...all.slice(at), ...all.slice(0, at)];
}

const SHOWN_MAX = 4;

function brief(samples: Samples): string {
  const all = Object.entries(samples);
  const shown = all
    .slice(0, SHOWN_MAX)
    .map(([name, value]) => `${name} ${Number(value.toPrecision(4))}`);
  return shown.join(', ') + (all.length > SHOWN_MAX ? ', ...' : '');
}
