/** The figures of a run, for programs (`--json`) and for people (the table). */
import { createHash } from 'node:crypto';
import { isModuleVia, moduleLabel } from '../exchange/module.js';
import type { BuiltInVia, Via } from '../settings.js';
import {
  formatBytes,
  formatCount,
  formatMs,
  formatSeconds,
  formatTable,
  percentile,
} from './format.js';
import type { Outcome } from './workflow.js';

/** Names and units as in the project's benchmarks. */
export interface Figures {
  readonly makespan_s: number;
  readonly offer_to_product_p50_ms: number;
  readonly offer_to_product_p99_ms: number;
  readonly producer_stall_pct: number;
  readonly peak_memory_GiB: number;
  readonly fields: number;
  readonly bytes: number;
  readonly products: number;
  /** Of what all products are: equal in two runs when each product is, to the last bit. */
  readonly products_sha256: string;
}

export function figuresOf(outcome: Outcome): Figures {
  const { counts, latenciesMs } = outcome;
  return {
    makespan_s: outcome.makespanMs / 1000,
    offer_to_product_p50_ms: percentile(latenciesMs, 0.5),
    offer_to_product_p99_ms: percentile(latenciesMs, 0.99),
    producer_stall_pct: 100 * outcome.stalledShare,
    peak_memory_GiB: outcome.peakBytes / 2 ** 30,
    fields: counts.fields,
    bytes: counts.bytes,
    products: counts.products,
    products_sha256: createHash('sha256').update(outcome.fingerprints.join('\n')).digest('hex'),
  };
}

const HEADINGS: Readonly<Record<BuiltInVia, string>> = {
  pool: 'pool',
  brokers: 'pool, brokers',
  files: 'a file a step',
  'file-per-field': 'a file a field',
};

const headingOf = (via: Via): string => (isModuleVia(via) ? moduleLabel(via) : HEADINGS[via]);

/** Says nothing where a file is read instead of a model computing. */
const HELD_UP = 'models held up by handing over';

const ROWS: readonly (readonly [string, (figures: Figures) => string])[] = [
  ['fields handed over', ({ fields }) => formatCount(fields)],
  ['their bytes', ({ bytes }) => formatBytes(bytes)],
  ['products of them', ({ products }) => formatCount(products)],
  [
    'a product after its last field, median',
    ({ offer_to_product_p50_ms }) => formatMs(offer_to_product_p50_ms),
  ],
  [
    'a product after its last field, 99 of 100',
    ({ offer_to_product_p99_ms }) => formatMs(offer_to_product_p99_ms),
  ],
  [HELD_UP, ({ producer_stall_pct }) => `${producer_stall_pct.toFixed(2)} %`],
  ['until the last product', ({ makespan_s }) => formatSeconds(makespan_s * 1000)],
  ['peak memory', ({ peak_memory_GiB }) => `${peak_memory_GiB.toFixed(2)} GiB`],
];

export function figuresTable(all: ReadonlyMap<Via, Figures>, hasModels: boolean): string {
  const runs = [...all];
  const rows = ROWS.filter(([name]) => hasModels || name !== HELD_UP);
  return formatTable([
    ['', ...runs.map(([via]) => headingOf(via))],
    ...rows.map(([name, format]) => [name, ...runs.map(([, figures]) => format(figures))]),
  ]);
}
