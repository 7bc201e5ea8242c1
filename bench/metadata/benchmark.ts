import { type Benchmark, type Contender, PRODUCT, type Stage } from '../harness/benchmark.js';
import { MEASURE_MS, Measurement } from './measurement.js';
import { PATTERNS, type Population } from './objects.js';
import { keptSpecs, specsOf } from './parts.js';
import { type Side, sides } from './sides.js';

const SIZES: Readonly<Record<string, number>> = {
  m: 100_000,
  s: 10_000,
  l: 1_000_000,
  xl: 10_000_000,
};

export const metadata: Benchmark = {
  name: 'metadata',
  describe:
    'objects of eight attributes made, tagged and searched: the patterns of SoMeta, and BOSS',
  sizes: {
    m: '10^5 objects a pattern',
    s: '10^4 objects, to see that it runs',
    l: '10^6 objects',
    xl: '10^7 objects; takes 20 GiB of memory, and half an hour a contender at most',
  },
  async run(context) {
    const count = SIZES[context.size] ?? (SIZES['m'] as number);
    const all = sides();
    const contenders = (
      population: Population,
      isKept: boolean,
      measure: (measurement: Measurement) => ReturnType<Contender['measure']>,
    ): Contender[] =>
      all.map((side) => ({
        name: side.name,
        kind: side.name === PRODUCT ? 'product' : 'rival',
        absent: absence(side, count, isKept),
        timeoutMs: MEASURE_MS,
        measure: (stage: Stage) => measure(new Measurement({ population, context, side, stage })),
      }));
    for (const pattern of PATTERNS) {
      const population = { pattern, count };
      await context.compare(
        contenders(population, false, (measurement) => measurement.all()),
        specsOf(population),
      );
    }
    const population = { pattern: 'unique', count } as const;
    await context.compare(
      contenders(population, true, (measurement) => measurement.kept()),
      keptSpecs(population),
    );
  },
};

function absence(
  { absent, objectsMax, canSync }: Side,
  count: number,
  isKept: boolean,
): string | null {
  if (count > objectsMax) return `not at this size: it takes ${objectsMax} objects at most`;
  if (isKept && !canSync) return 'it has no way to keep what it is given';
  return absent;
}
