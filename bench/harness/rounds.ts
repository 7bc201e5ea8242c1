import type { Contender, Goal, Metric, MetricSpec, Samples } from './benchmark.js';
import { measured, median, pairedRatio, spread } from './statistics.js';

/** The samples of a comparison, by contender and metric, one a round; NaN where one failed. */
export class SampleTable {
  readonly #rows = new Map<string, Map<string, number[]>>();
  readonly #kinds = new Map<string, Contender['kind']>();

  add(contender: Pick<Contender, 'name' | 'kind'>, round: number, samples: Samples): void {
    this.#kinds.set(contender.name, contender.kind);
    for (const [metric, value] of Object.entries(samples)) {
      const values = this.#values(contender.name, metric);
      while (values.length < round) values.push(Number.NaN);
      values[round] = value;
    }
  }

  of(contender: string, metric: string): readonly number[] {
    return this.#rows.get(contender)?.get(metric) ?? [];
  }

  names(kind: Contender['kind']): string[] {
    return [...this.#kinds].filter(([, its]) => its === kind).map(([name]) => name);
  }

  #values(contender: string, metric: string): number[] {
    const row = this.#rows.get(contender) ?? new Map<string, number[]>();
    this.#rows.set(contender, row);
    const values = row.get(metric) ?? [];
    row.set(metric, values);
    return values;
  }
}

/** A metric with what people want to know of it beside the JSON: paired ratios, goals. */
export interface Judged {
  readonly metric: Metric;
  /** Quotients value / other, medians of the rounds. */
  readonly ratios: Readonly<Record<string, number>>;
  readonly verdicts: readonly { readonly text: string; readonly reached: boolean }[];
}

/** Makes the metrics of a comparison. One that the product has no sample of is left out. */
export function judge(table: SampleTable, specs: readonly MetricSpec[]): Judged[] {
  const [product] = table.names('product');
  if (product === undefined) return [];
  return specs.flatMap((spec) => {
    const values = table.of(product, spec.name);
    const own = measured(values);
    if (own.length === 0) return [];
    const ratios: Record<string, number> = {};
    const others = (kind: 'rival' | 'limit'): Record<string, number> => {
      const result: Record<string, number> = {};
      for (const name of table.names(kind)) {
        const samples = measured(table.of(name, spec.name));
        if (samples.length === 0) continue;
        result[name] = median(samples);
        ratios[name] = pairedRatio(values, table.of(name, spec.name));
      }
      return result;
    };
    const limits = others('limit');
    const { name, unit, better } = spec;
    const metric: Metric = {
      name,
      value: median(own),
      unit,
      better,
      spread: spread(own),
      rivals: others('rival'),
      limits,
    };
    const verdicts = (spec.goals ?? []).flatMap((goal) => verdict(goal, metric, ratios));
    return [{ metric, ratios, verdicts }];
  });
}

function verdict(
  goal: Goal,
  metric: Metric,
  ratios: Readonly<Record<string, number>>,
): { text: string; reached: boolean }[] {
  const value = goal.of === undefined ? metric.value : ratios[goal.of];
  if (value === undefined || !Number.isFinite(value)) return [];
  const unit = goal.of === undefined ? ` ${metric.unit}` : ` x ${goal.of}`;
  const { atLeast, atMost } = goal;
  const reached =
    (atLeast === undefined || value >= atLeast) && (atMost === undefined || value <= atMost);
  const bounds = [
    ...(atLeast === undefined ? [] : [`>= ${atLeast}${unit}`]),
    ...(atMost === undefined ? [] : [`<= ${atMost}${unit}`]),
  ];
  return [{ text: bounds.join(', '), reached }];
}
