import type { Metric } from './benchmark.js';
import type { Judged } from './rounds.js';

/** A metric as `--json` writes it, with what only the single rounds can tell. */
export interface MetricRecord extends Metric {
  /** value / other, by rival and limit: the median of the quotients of the rounds. */
  readonly ratios: Readonly<Record<string, number>>;
  readonly goals: readonly { readonly goal: string; readonly reached: boolean }[];
}

/** What `--json` writes: nothing beside these fields. */
export interface BenchRecord {
  readonly bench: string;
  readonly commit: string;
  readonly machine: string;
  readonly metrics: readonly MetricRecord[];
}

export interface Skipped {
  readonly what: string;
  readonly why: string;
}

/** The record of a benchmark, its numbers with as many digits as they are worth. */
export function recordOf(
  bench: string,
  place: { readonly commit: string; readonly machine: string },
  judged: readonly Judged[],
): BenchRecord {
  const metrics = judged.map(({ metric, ratios, verdicts }) => ({
    name: metric.name,
    value: significant(metric.value),
    unit: metric.unit,
    better: metric.better,
    spread: [significant(metric.spread[0]), significant(metric.spread[1])] as const,
    rivals: mapValues(metric.rivals, significant),
    limits: mapValues(metric.limits, significant),
    ratios: mapValues(ratios, significant),
    goals: verdicts.map(({ text, reached }) => ({ goal: text, reached })),
  }));
  return { bench, commit: place.commit, machine: place.machine, metrics };
}

/** Four significant digits: measurements bear no more, and files stay comparable. */
export function significant(value: number): number {
  return Number(value.toPrecision(4));
}

/** The table for people. */
export function tableOf(
  bench: string,
  judged: readonly Judged[],
  skipped: readonly Skipped[],
): string {
  const lines = [`${bench}`];
  for (const { metric, ratios, verdicts } of judged) {
    const [low, high] = metric.spread;
    const arrow = metric.better === 'higher' ? 'more is better' : 'less is better';
    lines.push(
      `  ${metric.name.padEnd(30)} ${format(metric.value).padStart(10)} ${metric.unit}` +
        `   [${format(low)}, ${format(high)}]  ${arrow}`,
    );
    for (const [name, value] of Object.entries(metric.rivals)) {
      const ahead = metric.better === 'higher' ? ratios[name] : 1 / (ratios[name] ?? Number.NaN);
      lines.push(row(name, value, `attacca is ${format(ahead ?? Number.NaN)}x as good`));
    }
    for (const [name, value] of Object.entries(metric.limits)) {
      const part = format(ratios[name] ?? Number.NaN);
      lines.push(row(name, value, `limit: attacca is at ${part} of it`));
    }
    for (const { text, reached } of verdicts) {
      lines.push(`    goal ${text}: ${reached ? 'reached' : 'NOT reached'}`);
    }
  }
  for (const { what, why } of skipped) {
    // The rest of a failure was said on stderr.
    lines.push(`  skipped ${what}: ${why.split('\n', 1)[0] ?? ''}`);
  }
  return `${lines.join('\n')}\n`;
}

function row(name: string, value: number, words: string): string {
  return `    ${name.padEnd(28)} ${format(value).padStart(10)}   ${words}`;
}

/** Short for people: thousands separated, three digits where it is small. */
export function format(value: number): string {
  if (!Number.isFinite(value)) return '-';
  if (Math.abs(value) >= 1_000) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(3)));
}

function mapValues(
  record: Readonly<Record<string, number>>,
  change: (value: number) => number,
): Record<string, number> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]));
}
