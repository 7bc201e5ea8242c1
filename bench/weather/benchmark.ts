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
import { isReply, numberOf } from '../harness/reply.js';

/** The example workflow; it runs the same programs over a pool or over files. */
const DEMO = fileURLToPath(new URL('../../examples/weather/main.js', import.meta.url));
const TIMEOUT_MS = 900_000;
const DEMO_SIZES: Readonly<Record<string, string>> = { m: 'ecmwf', d: 'demo', s: 'small' };

const METRICS = [
  { name: 'makespan_s', unit: 's' },
  { name: 'offer_to_product_p50_ms', unit: 'ms' },
  { name: 'offer_to_product_p99_ms', unit: 'ms' },
  { name: 'producer_stall_pct', unit: '%' },
  { name: 'peak_memory_GiB', unit: 'GiB' },
] as const;

const RIVALS = ['files_disk', 'files_shm', 'file_per_field_disk', 'file_per_field_shm'] as const;

const SPECS: readonly MetricSpec[] = METRICS.map(({ name, unit }) => ({
  name,
  unit,
  better: 'lower',
  goals:
    name === 'producer_stall_pct'
      ? [{ atMost: 2 }]
      : name === 'peak_memory_GiB'
        ? []
        : RIVALS.map((of) => ({ of, atMost: 1 })),
}));

type Via = 'pool' | 'files' | 'file-per-field';

/** One run of the workflow: what it says of itself. */
async function measure(stage: Stage, size: string, via: Via, directory: string): Promise<Samples> {
  const json = join(stage.diskDirectory, 'figures.json');
  const out = join(stage.diskDirectory, 'maps');
  const flags = ['--size', DEMO_SIZES[size] ?? 'demo', '--via', via, '--dir', directory];
  await stage.crew.run([process.execPath, DEMO, ...flags, '--out', out, '--json', json]);
  const record: unknown = JSON.parse(await readFile(json, 'utf8'));
  const vias = isReply(record) ? record['vias'] : null;
  const figures = isReply(vias) ? vias[via] : null;
  if (!isReply(figures)) throw new Error(`The workflow wrote no figures of "${via}"`);
  return Object.fromEntries(METRICS.map(({ name }) => [name, numberOf(figures, name)]));
}

export const weather: Benchmark = {
  name: 'weather',
  describe: 'product generation from an ensemble forecast, as at ECMWF, beside the same over files',
  sizes: {
    m: '14,080 fields of 822,329 B: 4 producers, 4 consumers, 20 steps',
    d: 'the demo: 4 models, 40 steps of 180 x 360',
    s: 'the small demo, to see that it runs',
  },
  async run(context) {
    const absent = existsSync(DEMO) ? null : 'the example workflow is not built';
    const contender = (
      name: string,
      via: Via,
      directoryOf: (stage: Stage) => string,
    ): Contender => ({
      name,
      kind: name === PRODUCT ? 'product' : 'rival',
      absent,
      timeoutMs: TIMEOUT_MS,
      measure: async (stage) => await measure(stage, context.size, via, directoryOf(stage)),
    });
    const onDisk = (stage: Stage): string => stage.diskDirectory;
    const inMemory = (stage: Stage): string => stage.memoryDirectory;
    await context.compare(
      [
        contender(PRODUCT, 'pool', onDisk),
        contender('files_disk', 'files', onDisk),
        contender('files_shm', 'files', inMemory),
        contender('file_per_field_disk', 'file-per-field', onDisk),
        contender('file_per_field_shm', 'file-per-field', inMemory),
      ],
      SPECS,
    );
    context.skip('redis_streams', 'the example workflow has no such way');
  },
};
