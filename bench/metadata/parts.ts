/** What is measured, part by part, and what it should reach. */
import type { Goal, MetricSpec } from '../harness/benchmark.js';
import { countName } from '../scale/benchmark.js';
import type { Population } from './objects.js';

const WARMING_MAX = 10_000;

/**
 * How many objects are loaded before any is timed, so that code is compiled. Sides that make their
 * indexes at the end index these too, in time that counts as that of the others: so they are few.
 */
export function warmingOf(count: number): number {
  return Math.min(count / 10, WARMING_MAX);
}

/** One verb of a client, and the metric that its answer has. */
export interface Part {
  readonly verb: string;
  /** Null: it is done for what it finds out. */
  readonly metric: string | null;
  readonly field: 'perSecond' | 'us' | 'ms';
}

/** In the order in which they are done, when the objects are there. */
export const PARTS: readonly Part[] = [
  { verb: 'exact', metric: 'exact_us', field: 'us' },
  { verb: 'exactTogether', metric: 'exact_1000_us', field: 'us' },
  { verb: 'partial', metric: 'partial_ms_1pct', field: 'ms' },
  { verb: 'range', metric: 'range_ms_1pct', field: 'ms' },
  { verb: 'infix', metric: 'infix_ms', field: 'ms' },
  { verb: 'tagEach', metric: 'tag_per_s', field: 'perSecond' },
  { verb: 'countTags', metric: null, field: 'ms' },
  { verb: 'tagWhere', metric: 'tag_selector_per_s', field: 'perSecond' },
];

/** The groups of the test with BOSS: each `every`-th object. */
export const GROUPS = [
  { every: 10_000, label: '0_01pct' },
  { every: 100, label: '1pct' },
  { every: 5, label: '20pct' },
] as const;
export const FETCH_CLIENTS = 80;

const STORES = ['postgresql_jsonb', 'postgresql_columns', 'sqlite', 'redis', 'files'] as const;

const ofEach = (goal: Omit<Goal, 'of'>): Goal[] => STORES.map((of) => ({ ...goal, of }));

const CREATE: MetricSpec = {
  name: 'create_per_s',
  unit: 'objects/s',
  better: 'higher',
  goals: ofEach({ atLeast: 3 }),
};
const TAG: MetricSpec = { name: 'tag_per_s', unit: 'objects/s', better: 'higher' };

const SPECS: readonly MetricSpec[] = [
  CREATE,
  { name: 'create_more_per_s', unit: 'objects/s', better: 'higher' },
  TAG,
  { ...TAG, name: 'tag_selector_per_s', goals: ofEach({ atLeast: 10 }) },
  { name: 'exact_us', unit: 'us', better: 'lower', goals: [{ of: 'redis', atMost: 1 }] },
  { name: 'exact_1000_us', unit: 'us', better: 'lower', goals: [{ of: 'redis', atMost: 0.1 }] },
  { name: 'partial_ms_1pct', unit: 'ms', better: 'lower', goals: ofEach({ atMost: 0.1 }) },
  { name: 'range_ms_1pct', unit: 'ms', better: 'lower' },
  { name: 'infix_ms', unit: 'ms', better: 'lower' },
];

const GROUP_SPECS: readonly MetricSpec[] = GROUPS.flatMap(({ label }) =>
  [`group_ms_${label}`, `fetch_ms_${label}_1`, `fetch_ms_${label}_${FETCH_CLIENTS}`].map(
    (name) => ({ name, unit: 'ms', better: 'lower' }) as const,
  ),
);

export function metricName(metric: string, { count, pattern }: Population): string {
  return `${metric}_${countName(count)}_${pattern}`;
}

function named(specs: readonly MetricSpec[], population: Population): MetricSpec[] {
  return specs.map((spec) => ({ ...spec, name: metricName(spec.name, population) }));
}

/** Of the objects held in memory. */
export function specsOf(population: Population): MetricSpec[] {
  const more = population.pattern === 'unique' ? GROUP_SPECS : [];
  return named([...SPECS, ...more], population);
}

/** Of those that are on disk before they are acknowledged. */
export function keptSpecs(population: Population): MetricSpec[] {
  const kept = [
    { ...CREATE, name: 'create_fsync_per_s' },
    { ...TAG, name: 'tag_fsync_per_s' },
  ];
  return named(kept, population);
}
