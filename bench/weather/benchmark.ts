import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type Benchmark,
  type Contender,
  type MetricSpec,
  PRODUCT,
  type Samples,
  type Stage,
} from '../harness/benchmark.js';
import { isReply, numberOf, type Reply, textOf } from '../harness/reply.js';
import { commandAbsent, nodePackageAbsent } from '../rivals/installed.js';

/** The example workflow: the same programs over a pool, over files, or over a module's way. */
const DEMO = fileURLToPath(new URL('../../examples/weather/main.js', import.meta.url));
const REDIS_STREAMS = fileURLToPath(new URL('./redis-streams.js', import.meta.url));
const TIMEOUT_MS = 900_000;
const DEMO_SIZES: Readonly<Record<string, string>> = { m: 'ecmwf', d: 'demo', s: 'small' };

const METRICS = [
  { name: 'makespan_s', unit: 's' },
  { name: 'offer_to_product_p50_ms', unit: 'ms' },
  { name: 'offer_to_product_p99_ms', unit: 'ms' },
  { name: 'producer_stall_pct', unit: '%' },
  { name: 'peak_memory_GiB', unit: 'GiB' },
] as const;
const HALF_MEMORY = 'makespan_s_half_memory';
/**
 * Consumers that do not know names: told of each field before it is offered. No rival does that,
 * so none has figures of it.
 */
const BROKERS = 'brokers';
/** The two runs of one round: what being asked costs. */
const BROKERS_OVER_NAMES = 'brokers_over_names';
/** The two runs of one round: what the limit costs. */
const HALF_OVER_FULL = 'half_memory_over_unlimited';

const RIVALS = [
  'files_disk',
  'files_shm',
  'file_per_field_disk',
  'file_per_field_shm',
  'redis_streams',
] as const;

const aheadOfAll = RIVALS.map((of) => ({ of, atMost: 1 }));

function specOf({ name, unit }: (typeof METRICS)[number], way: string): MetricSpec {
  return {
    name: way === '' ? name : `${way}_${name}`,
    unit,
    better: 'lower',
    goals:
      name === 'producer_stall_pct'
        ? [{ atMost: 2 }]
        : name === 'peak_memory_GiB' || way === BROKERS
          ? []
          : aheadOfAll,
  };
}

const SPECS: readonly MetricSpec[] = [
  ...METRICS.map((metric): MetricSpec => specOf(metric, '')),
  { name: HALF_MEMORY, unit: 's', better: 'lower', goals: aheadOfAll },
  { name: HALF_OVER_FULL, unit: 'x', better: 'lower' },
  ...METRICS.map((metric): MetricSpec => specOf(metric, BROKERS)),
  { name: BROKERS_OVER_NAMES, unit: 'x', better: 'lower' },
];

type Via = 'pool' | 'brokers' | 'files' | 'file-per-field' | `module:${string}`;

interface Ran {
  readonly samples: Samples;
  /** Of all fields and products. */
  readonly bytesHandedOver: number;
}

/** Every run makes the same products, to the last bit, whichever way its fields go. */
class Products {
  #sha256: string | null = null;

  check(sha256: string): void {
    this.#sha256 ??= sha256;
    if (sha256 !== this.#sha256) throw new Error('The products differ from those of the first run');
  }
}

/** Fields of a forecast become products of the same size; messages are only summed up. */
function bytesHandedOver(workflow: unknown, figures: Reply): number {
  const bytes = numberOf(figures, 'bytes');
  if (isReply(workflow) && workflow['kind'] === 'messages') return bytes;
  return bytes * (1 + numberOf(figures, 'products') / numberOf(figures, 'fields'));
}

/** The same figures under the names of a run with brokers. */
function asBrokers(samples: Samples): Samples {
  return Object.fromEntries(
    METRICS.map(({ name }) => [`${BROKERS}_${name}`, numberOf(samples, name)]),
  );
}

class Runs {
  readonly #size: string;
  readonly #products = new Products();

  constructor(size: string) {
    this.#size = size;
  }

  /** One run of the workflow: what it says of itself. */
  async run(stage: Stage, via: Via, directory: string, more: readonly string[] = []): Promise<Ran> {
    const json = join(stage.diskDirectory, 'figures.json');
    const out = join(stage.diskDirectory, 'maps');
    const where = ['--via', via, '--dir', directory, '--out', out, '--json', json];
    const what = ['--size', DEMO_SIZES[this.#size] ?? 'demo'];
    await stage.crew.run([process.execPath, DEMO, ...what, ...where, ...more]);
    const record: unknown = JSON.parse(await readFile(json, 'utf8'));
    const [workflow, vias] = isReply(record) ? [record['workflow'], record['vias']] : [];
    const figures = isReply(vias) ? vias[via] : null;
    if (!isReply(figures)) throw new Error(`The workflow wrote no figures of "${via}"`);
    this.#products.check(textOf(figures, 'products_sha256'));
    return {
      samples: Object.fromEntries(METRICS.map(({ name }) => [name, numberOf(figures, name)])),
      bytesHandedOver: bytesHandedOver(workflow, figures),
    };
  }

  /** As it is; with memory for half of what goes through the pool; with brokers. */
  async pool(stage: Stage): Promise<Samples> {
    const { samples, bytesHandedOver } = await this.run(stage, 'pool', stage.diskDirectory);
    const limit = ['--memory', `${Math.floor(bytesHandedOver / 2)}`];
    const half = await this.run(stage, 'pool', stage.diskDirectory, limit);
    const [full, limited] = [numberOf(samples, 'makespan_s'), numberOf(half.samples, 'makespan_s')];
    const both = { ...samples, [HALF_MEMORY]: limited, [HALF_OVER_FULL]: limited / full };
    if (!this.hasBrokers) return both;
    const brokers = await this.run(stage, 'brokers', stage.diskDirectory);
    const asked = numberOf(brokers.samples, 'makespan_s') / full;
    return { ...both, ...asBrokers(brokers.samples), [BROKERS_OVER_NAMES]: asked };
  }

  /** Brokers are for messages: in the other sizes everybody knows what there will be. */
  get hasBrokers(): boolean {
    return DEMO_SIZES[this.#size] === 'ecmwf';
  }

  /** Rivals are not limited: a disk or a tmpfs holds all, Redis what its readers have not got. */
  async rival(stage: Stage, via: Via, directory: string): Promise<Samples> {
    const { samples } = await this.run(stage, via, directory);
    return { ...samples, [HALF_MEMORY]: numberOf(samples, 'makespan_s') };
  }
}

export const weather: Benchmark = {
  name: 'weather',
  describe: 'product generation from an ensemble forecast, as at ECMWF, beside other ways to do it',
  sizes: {
    m: "ECMWF's: 14,080 fields of 822,329 B (10.8 GiB): 4 producers, 4 consumers, 20 steps",
    d: 'the demo: 4 models, 24 steps of 180 x 360',
    s: 'the small demo, to see that it runs',
  },
  async run(context) {
    const absent = existsSync(DEMO) ? null : 'the example workflow is not built';
    const runs = new Runs(context.size);
    const contender = (
      name: string,
      measure: (stage: Stage) => Promise<Samples>,
      missing: string | null = null,
    ): Contender => ({
      name,
      kind: name === PRODUCT ? 'product' : 'rival',
      absent: absent ?? missing,
      timeoutMs: TIMEOUT_MS,
      measure,
    });
    const overFiles = (name: (typeof RIVALS)[number], via: Via, onDisk: boolean): Contender =>
      contender(name, (stage) =>
        runs.rival(stage, via, onDisk ? stage.diskDirectory : stage.memoryDirectory),
      );
    await context.compare(
      [
        contender(PRODUCT, (stage) => runs.pool(stage)),
        overFiles('files_disk', 'files', true),
        overFiles('files_shm', 'files', false),
        overFiles('file_per_field_disk', 'file-per-field', true),
        overFiles('file_per_field_shm', 'file-per-field', false),
        contender(
          'redis_streams',
          (stage) => runs.rival(stage, `module:${REDIS_STREAMS}`, stage.diskDirectory),
          commandAbsent('redis-server') ?? nodePackageAbsent('redis'),
        ),
      ],
      SPECS,
    );
  },
};
