import { mkdir } from 'node:fs/promises';
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
import { numberOf, type Reply } from '../harness/reply.js';
import { extraFlags, startPool } from '../product/start-pool.js';
import { commandAbsent, mpiAbsent, pythonAbsent } from '../rivals/installed.js';
import {
  type AxisPiece,
  bytesOf,
  countOf,
  otherwise,
  type PatternName,
  writtenBy,
} from './pattern.js';

const MiB = 1024 * 1024;
const STEPS = 5;
const TIMEOUT_MS = 300_000;
/** Of what the program sees, and of reading what lies otherwise. */
const WRITE_GOAL = 0.8;
const READ_GOAL = 0.5;
/** Of what the disk takes. */
const DISK_GOAL = 0.9;
/** PDC's measured speed by that of buffered HDF5. */
const PDC = { write: 0.17, read: 0.08 } as const;
const PATTERNS: readonly PatternName[] = ['vpic', 'vorpal', 'gcrm'];

interface Load {
  readonly pattern: PatternName;
  readonly members: number;
  /** Of a step, all members together. */
  readonly bytes: number;
  /** Of computing before each step. */
  readonly workMs: number;
}

const loads = (bytes: number, members: readonly number[], workMs: number): Load[] =>
  PATTERNS.flatMap((pattern) =>
    members.map((count) => ({ pattern, members: count, bytes, workMs })),
  );

const LOADS: Readonly<Record<string, readonly Load[]>> = {
  m: loads(128 * MiB, [1, 2, 4], 200),
  s: loads(4 * MiB, [2], 20),
  l: loads(512 * MiB, [1, 2, 4], 500),
};

/** Four members share two processors: said in the name. */
const suffixOf = ({ pattern, members }: Load): string =>
  `${pattern}_${members}${members > 2 ? '_oversubscribed' : ''}`;

const names = (load: Load) => ({
  durable: `durable_MiBps_${suffixOf(load)}`,
  app: `app_MiBps_${suffixOf(load)}`,
  stall: `stall_pct_${suffixOf(load)}`,
  aligned: `read_aligned_MiBps_${suffixOf(load)}`,
  other: `read_other_MiBps_${suffixOf(load)}`,
});

/** What differs between the sides: how processes are started, and what they are told. */
interface Side {
  /** How many processes are talked with; left out: one a member. */
  readonly processes?: number;
  readonly start: (stage: Stage, load: Load) => Promise<Participant>;
  readonly at: (stage: Stage) => Promise<string>;
  readonly tell: (load: Load, member: number) => object;
}

const ATTACCA: Side = {
  start: async (stage) =>
    await stage.crew.node('vpic/member.js', { flags: extraFlags('BENCH_CLIENT_FLAGS') }),
  at: async (stage) => (await startPool(stage)).address,
  tell: () => ({}),
};

/** Kept on the disk under test: records in a journal, bytes in a store. */
const ATTACCA_DURABLE: Side = {
  ...ATTACCA,
  at: async (stage) => {
    const [data, store] = ['data', 'store'].map((name) => join(stage.diskDirectory, name));
    return (await startPool(stage, ['--data', data ?? '', '--store', store ?? ''])).address;
  },
};

/** Files, one a process and step, by a Python side of that name. */
const byFiles = (script: string): Side => ({
  start: async (stage) => await stage.crew.python(`python/${script}`),
  at: async (stage) => {
    const path = join(stage.diskDirectory, 'files');
    await mkdir(path);
    return path;
  },
  tell: ({ pattern, bytes, members }, member) => {
    const written = writtenBy(pattern, bytes, members);
    const read = otherwise(written, members);
    const shapeOf = (piece: readonly AxisPiece[]) => piece.map((axis) => countOf([axis]));
    return {
      datasets: written.map(({ name, pieces }, index) => ({
        name,
        pieces,
        shapes: pieces.map(shapeOf),
        mine: shapeOf(pieces[member] ?? []),
        wanted: read[index]?.pieces[member],
      })),
    };
  },
});

const HDF5 = byFiles('hdf5_side.py');

/** One file a step, which all processes write together: mpirun starts them, the first one talks. */
const HDF5_PARALLEL: Side = {
  processes: 1,
  start: async (stage, { members }) => await stage.crew.mpi('python/hdf5_mpi_side.py', members),
  at: HDF5.at,
  tell: ({ pattern, bytes, members }) => {
    const written = writtenBy(pattern, bytes, members);
    const read = otherwise(written, members);
    return {
      datasets: written.map((each, index) => ({ ...each, wantedBy: read[index]?.pieces })),
    };
  },
};

type Asking = (member: Participant, index: number) => Promise<Reply>;

async function openAll(stage: Stage, side: Side, load: Load): Promise<Participant[]> {
  const at = await side.at(stage);
  const length = side.processes ?? load.members;
  const starting = Array.from({ length }, async (_, index) => {
    const member = await side.start(stage, load);
    await member.ask('open', { at, name: `member[${index}]` });
    return member;
  });
  return await Promise.all(starting);
}

/** From the first who begins to the last who ends. */
function speedOf(replies: readonly Reply[], bytes: number): number {
  const start = Math.min(...replies.map((reply) => numberOf(reply, 'startNs')));
  const done = Math.max(...replies.map((reply) => numberOf(reply, 'doneNs')));
  return bytes / MiB / ((done - start) / 1e9);
}

/** All elements are 1: who has read them all has their number as the sum. */
function checkSum(replies: readonly Reply[], bytes: number): void {
  const sum = replies.reduce((all, reply) => all + numberOf(reply, 'sum'), 0);
  if (sum !== bytes / 4) throw new Error(`The readers did not get all elements: ${sum}`);
}

async function measure(stage: Stage, side: Side, load: Load): Promise<Samples> {
  const members = await openAll(stage, side, load);
  const bytes = bytesOf(writtenBy(load.pattern, load.bytes, load.members));
  const ask = (verb: string, more: object): Asking => {
    return (member, index) => {
      const told = { ...load, ...side.tell(load, index), member: index, steps: STEPS, ...more };
      return member.ask(verb, told, TIMEOUT_MS);
    };
  };
  const written = await Promise.all(members.map(ask('write', {})));
  const stalled = Math.max(...written.map((reply) => numberOf(reply, 'stalled')));
  const shares = written.map((r) => (100 * numberOf(r, 'stalled')) / numberOf(r, 'seconds'));
  const { app, stall, aligned, other } = names(load);
  const samples: Record<string, number> = {
    [app]: (STEPS * bytes) / MiB / stalled,
    [stall]: Math.max(...shares),
  };
  for (const [metric, isAligned] of [
    [aligned, true],
    [other, false],
  ] as const) {
    // Twice: the first lets compilers and the page cache do their work.
    await Promise.all(members.map(ask('read', { aligned: isAligned })));
    const read = await Promise.all(members.map(ask('read', { aligned: isAligned })));
    checkSum(read, bytes);
    samples[metric] = speedOf(read, bytes);
  }
  return samples;
}

/** The same steps, each on the disk before the next one begins. */
async function measureDurable(stage: Stage, side: Side, load: Load): Promise<Samples> {
  const members = await openAll(stage, side, load);
  const bytes = bytesOf(writtenBy(load.pattern, load.bytes, load.members));
  const replies = await Promise.all(
    members.map((member, index) => {
      const told = { ...load, ...side.tell(load, index), member: index, steps: STEPS };
      return member.ask('write', { ...told, durable: true }, TIMEOUT_MS);
    }),
  );
  const stalled = Math.max(...replies.map((reply) => numberOf(reply, 'stalled')));
  return { [names(load).durable]: (STEPS * bytes) / MiB / stalled };
}

function memcpy(load: Load, fresh: boolean): Contender {
  return {
    name: fresh ? 'memcpy_fresh' : 'memcpy',
    kind: 'limit',
    async measure(stage) {
      const members = await Promise.all(
        Array.from({ length: load.members }, () => ATTACCA.start(stage, load)),
      );
      const bytes = bytesOf(writtenBy(load.pattern, load.bytes, load.members));
      const copied = async (sum: boolean): Promise<number> => {
        const ask: Asking = (member, index) =>
          member.ask('memcpy', { ...load, member: index, fresh, sum }, TIMEOUT_MS);
        await Promise.all(members.map(ask));
        return speedOf(await Promise.all(members.map(ask)), bytes);
      };
      const { app, aligned, other } = names(load);
      const read = await copied(true);
      return { [app]: await copied(false), [aligned]: read, [other]: read };
    },
  };
}

/** What all steps hold, in one go and by one process. */
function rawDisk(load: Load): Contender {
  return {
    name: 'raw_disk',
    kind: 'limit',
    absent: commandAbsent('dd'),
    timeoutMs: TIMEOUT_MS,
    async measure(stage) {
      const member = await ATTACCA.start(stage, load);
      const bytes = STEPS * bytesOf(writtenBy(load.pattern, load.bytes, load.members));
      const at = join(stage.diskDirectory, 'raw');
      const reply = await member.ask('raw', { at, bytes }, TIMEOUT_MS);
      const MiBps = numberOf(reply, 'bytes') / MiB / numberOf(reply, 'seconds');
      return { [names(load).durable]: MiBps };
    },
  };
}

/** PDC by what others have measured of it beside buffered HDF5: no run of PDC. */
function pdcByRatio(load: Load, absent: string | null): Contender {
  return {
    name: 'pdc_by_published_ratio',
    kind: 'rival',
    absent,
    timeoutMs: TIMEOUT_MS,
    async measure(stage) {
      const samples = await measure(stage, HDF5, load);
      const { app, aligned, other } = names(load);
      const by = (name: string, ratio: number) => ({ [name]: (samples[name] ?? 0) * ratio });
      return { ...by(app, PDC.write), ...by(aligned, PDC.read), ...by(other, PDC.read) };
    },
  };
}

type Measure = (stage: Stage, side: Side, load: Load) => Promise<Samples>;

/** The product and those who write files. */
function sidesOf(load: Load, product: Side, run: Measure): Contender[] {
  const absent = pythonAbsent('h5py');
  const side = (name: string, kind: 'product' | 'rival', of: Side, why: string | null) => ({
    name,
    kind,
    absent: why,
    timeoutMs: TIMEOUT_MS,
    measure: async (stage: Stage) => await run(stage, of, load),
  });
  return [
    side(PRODUCT, 'product', product, null),
    side('hdf5_file_a_process', 'rival', HDF5, absent),
    side('hdf5_parallel', 'rival', HDF5_PARALLEL, mpiAbsent()),
    side('adios2_bp5', 'rival', byFiles('bp5_side.py'), pythonAbsent('adios2')),
    side('plain_files', 'rival', byFiles('plain_side.py'), pythonAbsent('numpy')),
  ];
}

function contendersOf(load: Load): Contender[] {
  return [
    ...sidesOf(load, ATTACCA, measure),
    pdcByRatio(load, pythonAbsent('h5py')),
    memcpy(load, false),
    memcpy(load, true),
  ];
}

const writing = (load: Load): MetricSpec[] => [
  {
    name: names(load).app,
    unit: 'MiB/s',
    better: 'higher',
    goals: [{ of: 'memcpy', atLeast: WRITE_GOAL }],
  },
  { name: names(load).stall, unit: '%', better: 'lower' },
];

const reading = (load: Load): MetricSpec[] => [
  { name: names(load).aligned, unit: 'MiB/s', better: 'higher' },
  {
    name: names(load).other,
    unit: 'MiB/s',
    better: 'higher',
    goals: [{ of: 'memcpy', atLeast: READ_GOAL }],
  },
];

const durable = (load: Load): MetricSpec[] => [
  {
    name: names(load).durable,
    unit: 'MiB/s',
    better: 'higher',
    goals: [{ of: 'raw_disk', atLeast: DISK_GOAL }],
  },
];

const SIZES = {
  m: '128 MiB a step; 1, 2 and 4 members; 200 ms of computing before each of 5 steps',
  s: '4 MiB a step, 2 members, to see that it runs',
  l: '512 MiB a step; 1, 2 and 4 members; 500 ms of computing',
} as const;

const benchmark = (
  name: string,
  describe: string,
  specs: (load: Load) => MetricSpec[],
  { lacks, isDurable }: { lacks?: readonly [what: string, why: string]; isDurable: boolean },
): Benchmark => ({
  name,
  describe,
  sizes: SIZES,
  async run(context) {
    if (lacks !== undefined) context.skip(...lacks);
    for (const load of LOADS[context.size] ?? []) {
      await context.compare(contendersOf(load), specs(load));
      if (!isDurable) continue;
      const sides = sidesOf(load, ATTACCA_DURABLE, measureDurable);
      await context.compare([...sides, rawDisk(load)], durable(load));
    }
  },
});

export const vpic = benchmark(
  'vpic',
  'members write arrays in parts, computing in between: particles, blocks, unstructured cells',
  writing,
  { isDurable: true },
);

export const bdcats = benchmark(
  'bdcats',
  'what was written in parts is read back and summed: by the same parts, and by others',
  reading,
  { isDurable: false, lacks: ['cold reads', 'not there: what is offered stays in memory'] },
);
