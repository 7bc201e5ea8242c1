import { type Benchmark, type Contender, PRODUCT, type Stage } from '../harness/benchmark.js';
import type { Participant } from '../harness/participant.js';
import { numberOf, type Reply } from '../harness/reply.js';
import { extraFlags, startPool } from '../product/start-pool.js';
import { pythonAbsent } from '../rivals/installed.js';

const TIMEOUT_MS = 300_000;
/** Of packed numbers, for each second of processor time. */
const SCALE_GOAL_GIB = 1;
/** Three times as fast. */
const TRANSPOSE_GOAL = 0.333;
const WRITES_GOAL = 20;

interface Load {
  readonly name: string;
  /** Of the square of float32. */
  readonly side: number;
  /** Packed numbers of 16 bits. */
  readonly packed: number;
  readonly writes: number;
  /** One request each is slow: so many tell how slow. */
  readonly each: number;
}

const LOADS: Readonly<Record<string, Load>> = {
  m: { name: '1GiB', side: 16_384, packed: 2 ** 28, writes: 100_000, each: 10_000 },
  s: { name: '4MiB', side: 1_024, packed: 2 ** 20, writes: 2_000, each: 500 },
};

async function memberOf(stage: Stage): Promise<Participant> {
  const { address } = await startPool(stage);
  const member = await stage.crew.node('layout/member.js', {
    flags: extraFlags('BENCH_CLIENT_FLAGS'),
  });
  await member.ask('open', { at: address });
  return member;
}

/** A verb of the two sides, done twice: the first time lets compilers do their work. */
function besideNumpy(
  load: Load,
  metric: string,
  verb: string,
  figureOf: (reply: Reply) => number,
): { contenders: Contender[]; metric: string } {
  const by = (
    name: string,
    kind: Contender['kind'],
    absent: string | null,
    start: (stage: Stage) => Promise<Participant>,
  ): Contender => ({
    name,
    kind,
    absent,
    timeoutMs: TIMEOUT_MS,
    async measure(stage) {
      const member = await start(stage);
      await member.ask(verb, load, TIMEOUT_MS);
      return { [metric]: figureOf(await member.ask(verb, load, TIMEOUT_MS)) };
    },
  });
  const numpy = by('numpy', 'rival', pythonAbsent('numpy'), (stage) =>
    stage.crew.python('python/layout_side.py'),
  );
  return { metric, contenders: [by(PRODUCT, 'product', null, memberOf), numpy] };
}

const transposing = (load: Load) =>
  besideNumpy(
    load,
    `transpose_${load.name}_ms`,
    'transpose',
    (reply) => 1e3 * numberOf(reply, 'seconds'),
  );

const scaling = (load: Load) =>
  besideNumpy(
    load,
    'scale_int16_GiBps_core',
    'scale',
    (reply) => (2 * load.packed) / 2 ** 30 / numberOf(reply, 'cpuSeconds'),
  );

function writing(load: Load): { contenders: Contender[]; metric: string } {
  const metric = 'region_writes_3KiB_per_s';
  const by = (name: string, gathered: boolean, count: number): Contender => ({
    name,
    kind: gathered ? 'product' : 'rival',
    timeoutMs: TIMEOUT_MS,
    async measure(stage) {
      const member = await memberOf(stage);
      await member.ask('writes', { count: load.each, gathered }, TIMEOUT_MS);
      const reply = await member.ask('writes', { count, gathered }, TIMEOUT_MS);
      return { [metric]: count / numberOf(reply, 'seconds') };
    },
  });
  const each = by('one_request_each', false, load.each);
  return { metric, contenders: [by(PRODUCT, true, load.writes), each] };
}

export const layout: Benchmark = {
  name: 'layout',
  describe: 'an array transposed or unpacked on the way, and many small regions written',
  sizes: {
    m: '1 GiB of float32 transposed, 512 MiB of int16 unpacked, 100,000 regions of 3 KiB',
    s: '4 MiB, 2 MiB, 2,000 regions, to see that it runs',
  },
  async run(context) {
    const load = LOADS[context.size];
    if (load === undefined) return;
    const transpose = transposing(load);
    await context.compare(transpose.contenders, [
      {
        name: transpose.metric,
        unit: 'ms',
        better: 'lower',
        goals: [{ of: 'numpy', atMost: TRANSPOSE_GOAL }],
      },
    ]);
    const scale = scaling(load);
    await context.compare(scale.contenders, [
      {
        name: scale.metric,
        unit: 'GiB/s',
        better: 'higher',
        goals: [{ atLeast: SCALE_GOAL_GIB }],
      },
    ]);
    const writes = writing(load);
    await context.compare(writes.contenders, [
      {
        name: writes.metric,
        unit: 'writes/s',
        better: 'higher',
        goals: [{ of: 'one_request_each', atLeast: WRITES_GOAL }],
      },
    ]);
  },
};
