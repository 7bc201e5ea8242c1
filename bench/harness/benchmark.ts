import type { Crew } from './crew.js';

export type Better = 'higher' | 'lower';

/** One figure of a run, as `--json` writes it: the product's, beside its rivals and limits. */
export interface Metric {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly better: Better;
  readonly spread: readonly [number, number];
  readonly rivals: Readonly<Record<string, number>>;
  readonly limits: Readonly<Record<string, number>>;
}

/**
 * What a metric should reach: a bound on its value, or with `of` on its quotient by a rival or a
 * limit of the same round.
 */
export interface Goal {
  readonly of?: string;
  readonly atLeast?: number;
  readonly atMost?: number;
}

export interface MetricSpec {
  readonly name: string;
  readonly unit: string;
  readonly better: Better;
  readonly goals?: readonly Goal[];
}

/** What one round of one contender measured: values by metric name. */
export type Samples = Readonly<Record<string, number>>;

/** Where a contender works during one measurement; all of it is gone afterwards. */
export interface Stage {
  readonly crew: Crew;
  /** A directory in memory (/dev/shm). */
  readonly memoryDirectory: string;
  /** A directory on the disk under test. */
  readonly diskDirectory: string;
  readonly round: number;
}

/** One side of a comparison. Measures once a round, in turn with the others. */
export interface Contender {
  readonly name: string;
  readonly kind: 'product' | 'rival' | 'limit';
  /** Why it cannot take part here, with the line that changes it; it is skipped by name. */
  readonly absent?: string | null;
  readonly timeoutMs?: number;
  measure(stage: Stage): Promise<Samples>;
}

/** The product's own results in a benchmark that has only one. */
export const PRODUCT = 'attacca';

/** What a benchmark is given. */
export interface Context {
  readonly size: string;
  /** Measures every contender in turn, `--rounds` times, and makes the metrics of it. */
  compare(contenders: readonly Contender[], specs: readonly MetricSpec[]): Promise<void>;
  /** A part of the benchmark that does not take place, and why. */
  skip(what: string, why: string): void;
  /** Progress, for people. */
  say(text: string): void;
}

export interface Benchmark {
  readonly name: string;
  readonly describe: string;
  /** What each size means; the first is the default. */
  readonly sizes: Readonly<Record<string, string>>;
  run(context: Context): Promise<void>;
}
