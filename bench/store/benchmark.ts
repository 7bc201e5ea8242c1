import { join } from 'node:path';
import {
  type Benchmark,
  type Contender,
  type MetricSpec,
  PRODUCT,
  type Samples,
  type Stage,
} from '../harness/benchmark.js';
import type { Participant } from '../harness/participant.js';
import { numberOf } from '../harness/reply.js';
import { commandAbsent, pythonAbsent } from '../rivals/installed.js';

const MiB = 2 ** 20;
const TIMEOUT_MS = 600_000;
/** Of what the disk takes. */
const DISK_GOAL = 0.9;
const SMALL_GOAL = 20;

interface Load {
  readonly name: string;
  readonly bytes: number;
  readonly count: number;
}

/** A field of weather, as the archives of ECMWF have it, and what metadata and signals are like. */
const FIELD = { name: '822329B', bytes: 822_329 };
const SMALL = { name: '4KiB', bytes: 4_096 };

const LOADS: Readonly<Record<string, readonly Load[]>> = {
  m: [
    { ...FIELD, count: 1_000 },
    { ...SMALL, count: 50_000 },
  ],
  s: [
    { ...FIELD, count: 100 },
    { ...SMALL, count: 3_000 },
  ],
};

const VERBS = ['put', 'get', 'select'] as const;

const metricOf = (verb: string, { name }: Load): string => `${verb}_MiBps_${name}`;

function specsOf(load: Load): MetricSpec[] {
  return VERBS.map((verb) => ({
    name: metricOf(verb, load),
    unit: 'MiB/s',
    better: 'higher',
    goals:
      verb !== 'put'
        ? []
        : [
            { of: 'raw_disk', atLeast: DISK_GOAL },
            ...(load.bytes === SMALL.bytes ? [{ of: 'files', atLeast: SMALL_GOAL }] : []),
          ],
  }));
}

async function measure(member: Participant, load: Load): Promise<Samples> {
  const samples: Record<string, number> = {};
  for (const verb of VERBS) {
    const reply = await member.ask(verb, load, TIMEOUT_MS);
    const count = verb === 'select' ? Math.floor(load.count / 10) : load.count;
    samples[metricOf(verb, load)] = (count * load.bytes) / MiB / numberOf(reply, 'seconds');
  }
  return samples;
}

const node = (stage: Stage): Promise<Participant> => stage.crew.node('store/member.js');

function contendersOf(load: Load): Contender[] {
  const by = (
    name: string,
    absent: string | null,
    start: (stage: Stage) => Promise<Participant>,
  ): Contender => ({
    name,
    kind: name === PRODUCT ? 'product' : 'rival',
    absent,
    timeoutMs: TIMEOUT_MS,
    async measure(stage) {
      const member = await start(stage);
      await member.ask('open', { side: name, at: join(stage.diskDirectory, name) });
      return await measure(member, load);
    },
  });
  return [
    by(PRODUCT, null, node),
    by('files', null, node),
    by('sqlite', pythonAbsent('sqlite3'), (stage) => stage.crew.python('python/store_sqlite.py')),
    {
      name: 'raw_disk',
      kind: 'limit',
      absent: commandAbsent('dd'),
      timeoutMs: TIMEOUT_MS,
      async measure(stage) {
        const member = await node(stage);
        const at = join(stage.diskDirectory, 'raw');
        const reply = await member.ask('raw', { ...load, at }, TIMEOUT_MS);
        const put = numberOf(reply, 'bytes') / MiB / numberOf(reply, 'seconds');
        return { [metricOf('put', load)]: put };
      },
    },
  ];
}

export const store: Benchmark = {
  name: 'store',
  describe: 'objects archived durably, and read back by name and by selector',
  sizes: {
    m: '1,000 objects of 822,329 B, 50,000 of 4 KiB',
    s: '100 and 3,000, to see that it runs',
  },
  async run(context) {
    for (const load of LOADS[context.size] ?? []) {
      await context.compare(contendersOf(load), specsOf(load));
    }
  },
};
