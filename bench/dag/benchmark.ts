import {
  type Benchmark,
  type Contender,
  type MetricSpec,
  PRODUCT,
  type Samples,
  type Stage,
} from '../harness/benchmark.js';
import type { Participant } from '../harness/participant.js';
import { startPool } from '../product/start-pool.js';
import type { Shape } from './graph.js';
import { filesIn, type Ground, poolGround, type Size } from './ground.js';
import { measureNodeJobs, nodeTaxMs } from './node-jobs.js';
import {
  execTaxMs,
  jobOverheadMs,
  measureRunList,
  measureShellJobs,
  nodeStartMs,
} from './shell-jobs.js';

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;
const TIMEOUT_MS = 400_000;
const TAX_MS = 15;
const OVERHEAD_MS = 5;

const LONG: Shape = { width: 4, depth: 4 };
/** All of a graph's objects lie in memory at the same time. */
const SHORT: Shape = { width: 2, depth: 2 };

const SIZES: readonly Size[] = [
  { name: '1KiB', bytes: KiB, shape: LONG },
  { name: '1MiB', bytes: MiB, shape: LONG },
  { name: '16MiB', bytes: 16 * MiB, shape: LONG },
  { name: '256MiB', bytes: 256 * MiB, shape: SHORT },
  { name: '1GiB', bytes: GiB, shape: SHORT },
];

function sizesOf(size: string): readonly Size[] {
  return size === 's' ? SIZES.slice(0, 2).map((each) => ({ ...each, shape: SHORT })) : SIZES;
}

/** One kind of programs: its metrics, and how they are measured on a ground. */
interface Part {
  readonly specs: readonly MetricSpec[];
  measure(launcher: Participant, ground: Ground, stage: Stage): Promise<Samples>;
}

function rates(prefix: string, sizes: readonly Size[]): MetricSpec[] {
  return sizes.map(({ name, bytes }) => ({
    name: `${prefix}GBps_${name}`,
    unit: 'GB/s',
    better: 'higher',
    goals: ['shm_files', 'disk_files'].map((of) => ({ of, atLeast: bytes >= MiB ? 1 : 0.9 })),
  }));
}

const ms = (name: string, atMost: number): MetricSpec => ({
  name,
  unit: 'ms',
  better: 'lower',
  goals: [{ atMost }],
});

/** An object of 1 MiB in the pool and as a file, made by the smallest graphs of the parts. */
const OBJECT = '1MiB-joined';

function nodePart(sizes: readonly Size[]): Part {
  return {
    specs: [ms('tax_ms_node', TAX_MS), ...rates('', sizes)],
    async measure(launcher, ground, stage) {
      const samples = await measureNodeJobs(launcher, ground, sizes);
      if (!ground.waits) return samples;
      const files = await twinFiles(launcher, stage, sizes);
      return { ...samples, tax_ms_node: await nodeTaxMs(launcher, ground, files, OBJECT) };
    },
  };
}

/** The graph of 1 MiB as files, too: what the tax is taken against. */
async function twinFiles(
  launcher: Participant,
  stage: Stage,
  sizes: readonly Size[],
): Promise<Ground> {
  const files = filesIn(stage.memoryDirectory);
  await measureNodeJobs(launcher, files, sizes.slice(0, 2));
  return files;
}

function shellPart(sizes: readonly Size[]): Part {
  return {
    specs: [
      ms('tax_ms_exec', TAX_MS),
      ms('job_overhead_ms', OVERHEAD_MS),
      ...rates('exec_', sizes),
      ...rates('run_', sizes),
    ],
    async measure(launcher, ground, stage) {
      const samples = await measureShellJobs(launcher, ground, sizes);
      if (!ground.waits) return samples;
      const files = filesIn(stage.memoryDirectory);
      const disk = stage.diskDirectory;
      await measureShellJobs(launcher, files, sizes.slice(0, 1));
      const small = 'exec-1KiB-joined';
      return {
        ...samples,
        ...(await measureRunList(launcher, ground, sizes, disk)),
        tax_ms_exec: await execTaxMs(launcher, ground, files, small),
        job_overhead_ms: await jobOverheadMs(launcher, ground, files, small, disk),
      };
    },
  };
}

function contendersOf(part: Part): Contender[] {
  const contender = (
    name: string,
    groundOf: (stage: Stage) => Promise<Ground> | Ground,
  ): Contender => ({
    name,
    kind: name === PRODUCT ? 'product' : 'rival',
    timeoutMs: TIMEOUT_MS,
    async measure(stage) {
      const ground = await groundOf(stage);
      return await part.measure(await stage.crew.node('dag/launcher.js'), ground, stage);
    },
  });
  return [
    contender(PRODUCT, async (stage) => poolGround((await startPool(stage)).address)),
    contender('shm_files', (stage) => filesIn(stage.memoryDirectory)),
    contender('disk_files', (stage) => filesIn(stage.diskDirectory)),
  ];
}

/** What any command that is a Node program costs: no tax of `attacca exec` can be below it. */
const nodeStart: Contender = {
  name: 'node_start',
  kind: 'limit',
  async measure(stage) {
    const launcher = await stage.crew.node('dag/launcher.js');
    return { tax_ms_exec: await nodeStartMs(launcher, stage.memoryDirectory) };
  },
};

export const dag: Benchmark = {
  name: 'dag',
  describe: 'a fork-join graph of short jobs, each a process that reads one object and writes one',
  sizes: { m: '1 KiB to 1 GiB', s: '1 KiB and 1 MiB, to see that it runs' },
  async run(context) {
    const sizes = sizesOf(context.size);
    const [node, shell] = [nodePart(sizes), shellPart(sizes)];
    await context.compare(contendersOf(node), node.specs);
    await context.compare([...contendersOf(shell), nodeStart], shell.specs);
  },
};
