import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Benchmark, Contender, MetricSpec, Samples, Stage } from '../harness/benchmark.js';
import { PRODUCT } from '../harness/benchmark.js';
import { cpuNsOf } from '../harness/cpu.js';
import { diskFileSystem } from '../harness/file-system.js';
import type { Participant } from '../harness/participant.js';
import { numberOf, type Reply } from '../harness/reply.js';
import { nowNs } from '../harness/take-part.js';
import { extraFlags, startPool } from '../product/start-pool.js';
import { nodePackageAbsent } from '../rivals/installed.js';

/** Published for Maestro's pool manager: one thread, four injector nodes, RDMA. */
const MAESTRO_PER_SECOND = 35_000;
const PROCESSES = 4;
const INJECTORS = 512;
const PACES_MS = [0.2, 0.5, 1, 2.5] as const;

interface Lengths {
  readonly warmMs: number;
  readonly spanMs: number;
  readonly stepObjects: number;
  /** Objects of a batch whose bytes are synced: some batches have to end within the span. */
  readonly syncedFields: number;
}

const BATCH_FIELDS = 1_000;

const LENGTHS: Readonly<Record<string, Lengths>> = {
  m: { warmMs: 1_000, spanMs: 2_000, stepObjects: 1_000_000, syncedFields: BATCH_FIELDS },
  s: { warmMs: 300, spanMs: 500, stepObjects: 100_000, syncedFields: 50 },
  l: { warmMs: 2_000, spanMs: 10_000, stepObjects: 4_000_000, syncedFields: BATCH_FIELDS },
};

type Kind = 'attacca' | 'json' | 'msgpack';
/** What an answer of the product waits for: nothing, the file written, the disk. */
type Kept = 'process' | 'memory' | 'fsync';

const SYNC_WORDS: Readonly<Record<Kept, readonly string[]>> = {
  process: [],
  memory: ['--sync', 'never'],
  fsync: ['--sync', 'always'],
};

/** Who takes the objects: where, and which process. */
interface Taker {
  readonly to: string;
  readonly pid: number;
}

/** Objects a second; that not one was acknowledged is no figure. */
export function rateOf(replies: readonly Reply[], spanMs: number): number {
  const count = replies.reduce((sum, reply) => sum + numberOf(reply, 'count'), 0);
  if (count === 0) throw new Error(`Cannot measure: nothing ended within ${spanMs} ms`);
  return count / (spanMs / 1e3);
}

const paceName = (paceMs: number): string => `paced_${String(paceMs).replace('.', '_')}ms`;

const BATCHED_SPECS: readonly MetricSpec[] = [
  {
    name: 'batched',
    unit: 'objects/s',
    better: 'higher',
    goals: [{ atLeast: 350_000 }],
  },
  {
    name: 'manager_ops_per_cpu_s',
    unit: 'objects/CPU s',
    better: 'higher',
    goals: [{ of: 'step', atLeast: 0.5 }],
  },
];

const DURABLE_SPECS: readonly MetricSpec[] = [
  {
    name: 'batched_fsync',
    unit: 'objects/s',
    better: 'higher',
    goals: [{ of: 'batched', atLeast: 0.8 }],
  },
  { name: 'fsync_ops_per_cpu_s', unit: 'objects/CPU s', better: 'higher' },
];

/** More than what goes in a message. */
const SLAB_BYTES = 8_192;

const BYTES_SPECS: readonly MetricSpec[] = [
  { name: 'batched_fsync_8KiB', unit: 'objects/s', better: 'higher' },
];

const INJECTORS_SPECS: readonly MetricSpec[] = [
  {
    name: 'injectors_512',
    unit: 'objects/s',
    better: 'higher',
    goals: [
      { of: 'batched', atLeast: 0.3 },
      { of: 'connection_each', atLeast: 8 },
    ],
  },
];

class Run {
  readonly #stage: Stage;
  readonly #lengths: Lengths;
  readonly #kind: Kind;
  readonly #kept: Kept;
  readonly #bytes: number;

  constructor(
    stage: Stage,
    lengths: Lengths,
    kind: Kind,
    { kept = 'process', bytes = 0 }: { kept?: Kept; bytes?: number } = {},
  ) {
    this.#stage = stage;
    this.#lengths = lengths;
    this.#kind = kind;
    this.#kept = kept;
    this.#bytes = bytes;
  }

  async batched(): Promise<{ perSecond: number; perCpuSecond: number }> {
    const taker = await this.#taker();
    const [injector] = await this.#injectors(taker, { processes: 1, connections: 1 });
    const fields = this.#bytes === 0 ? BATCH_FIELDS : this.#lengths.syncedFields;
    const { replies, cpuSeconds } = await this.#during(taker, (span) =>
      injector === undefined ? [] : [injector.ask('batches', { ...span, fields })],
    );
    const perSecond = rateOf(replies, this.#lengths.spanMs);
    const spanSeconds = this.#lengths.spanMs / 1e3;
    return { perSecond, perCpuSecond: (perSecond * spanSeconds) / cpuSeconds };
  }

  async injected(
    connections: number,
    paceMs: number,
  ): Promise<{ perSecond: number; p99Ms: number }> {
    const taker = await this.#taker();
    const crew = await this.#injectors(taker, { processes: PROCESSES, connections });
    const injectors = INJECTORS / PROCESSES;
    const { replies } = await this.#during(taker, (span) =>
      crew.map((injector) => injector.ask('inject', { ...span, injectors, paceMs })),
    );
    const p99Ms = Math.max(...replies.map((reply) => numberOf(reply, 'p99Us'))) / 1e3;
    return { perSecond: rateOf(replies, this.#lengths.spanMs), p99Ms };
  }

  async #taker(): Promise<Taker> {
    if (this.#kind === 'attacca') {
      const { address, pid } = await startPool(this.#stage, this.#dataWords());
      return { to: address, pid };
    }
    const server = await this.#stage.crew.node('pool-rate/wire-server.js');
    const path = join(this.#stage.memoryDirectory, 'rival');
    await server.ask('serve', { codec: this.#kind, path });
    return { to: path, pid: server.pid };
  }

  #dataWords(): readonly string[] {
    if (this.#kept === 'process') return [];
    const data = join(this.#stage.diskDirectory, 'data');
    const store = this.#bytes === 0 ? [] : ['--store', join(this.#stage.diskDirectory, 'store')];
    return ['--data', data, ...SYNC_WORDS[this.#kept], ...store];
  }

  async #injectors(
    taker: Taker,
    count: { processes: number; connections: number },
  ): Promise<Participant[]> {
    const starting = Array.from({ length: count.processes }, async (_, index) => {
      const injector = await this.#stage.crew.node('pool-rate/injector.js', {
        flags: extraFlags('BENCH_CLIENT_FLAGS'),
      });
      const { connections } = count;
      await injector.ask('connect', {
        who: `i${index}`,
        to: taker.to,
        kind: this.#kind,
        connections,
        bytes: this.#bytes,
        isDurable: this.#kept === 'fsync',
      });
      return injector;
    });
    return await Promise.all(starting);
  }

  /** Has the injectors work, and looks at the taker's processor time over the same span. */
  async #during(
    taker: Taker,
    start: (span: { startNs: number; endNs: number }) => readonly Promise<Reply>[],
  ): Promise<{ replies: Reply[]; cpuSeconds: number }> {
    const startNs = nowNs() + this.#lengths.warmMs * 1e6;
    const endNs = startNs + this.#lengths.spanMs * 1e6;
    const working = Promise.all(start({ startNs, endNs }));
    const cpuAt = async (ns: number): Promise<{ ns: number; at: number }> => {
      await sleep(Math.max((ns - nowNs()) / 1e6, 0));
      return { ns: cpuNsOf(taker.pid), at: nowNs() };
    };
    const sampling = (async (): Promise<number> => {
      const before = await cpuAt(startNs);
      const after = await cpuAt(endNs);
      const share = (after.ns - before.ns) / (after.at - before.at);
      return (share * this.#lengths.spanMs) / 1e3;
    })();
    const [replies, cpuSeconds] = await Promise.all([working, sampling]);
    return { replies, cpuSeconds };
  }
}

/** The product or a rival over its kind of connection; one part of the work. */
function contender(
  kind: Kind,
  measure: (run: Run) => Promise<Samples>,
  lengths: Lengths,
): Contender {
  return {
    name: kind === 'attacca' ? PRODUCT : kind,
    kind: kind === 'attacca' ? 'product' : 'rival',
    absent: kind === 'msgpack' ? nodePackageAbsent('@msgpack/msgpack') : null,
    measure: async (stage) => await measure(new Run(stage, lengths, kind)),
  };
}

/** What was published for it, on other machines: context, not a paired measurement. */
function maestro(metric: string): Contender {
  return {
    name: 'maestro_published',
    kind: 'rival',
    measure: async () => ({ [metric]: MAESTRO_PER_SECOND }),
  };
}

async function measureBatched(run: Run): Promise<Samples> {
  const { perSecond, perCpuSecond } = await run.batched();
  return { batched: perSecond, manager_ops_per_cpu_s: perCpuSecond };
}

/** Batches first: what they reach is a limit of the injectors, in the same round. */
async function measureInjectors(run: Run): Promise<Samples> {
  return { injectors_512: (await run.injected(1, 0)).perSecond };
}

function measurePaced(paceMs: number): (run: Run) => Promise<Samples> {
  return async (run) => {
    const { perSecond, p99Ms } = await run.injected(1, paceMs);
    return { [paceName(paceMs)]: perSecond, [`${paceName(paceMs)}_p99_ms`]: p99Ms };
  };
}

/** The product with batches, kept so or so. */
function keptAs(
  name: string,
  kept: Kept,
  lengths: Lengths,
  say: (text: string) => void,
): Contender {
  return {
    name,
    kind: name === PRODUCT ? 'product' : 'limit',
    async measure(stage) {
      const fileSystem = await diskFileSystem(stage.diskDirectory);
      if (kept === 'fsync') say(`kept on ${fileSystem}`);
      const run = new Run(stage, lengths, 'attacca', { kept });
      const { perSecond, perCpuSecond } = await run.batched();
      return { batched_fsync: perSecond, fsync_ops_per_cpu_s: perCpuSecond };
    },
  };
}

/** The product with batches whose objects have bytes in slabs, stored or only shared. */
function withBytes(name: string, kept: Kept, lengths: Lengths): Contender {
  return {
    name,
    kind: name === PRODUCT ? 'product' : 'limit',
    async measure(stage) {
      // A batch has 8 MB: in the span of those without bytes few would end.
      const longer = { ...lengths, spanMs: lengths.spanMs * 4 };
      const run = new Run(stage, longer, 'attacca', { kept, bytes: SLAB_BYTES });
      return { batched_fsync_8KiB: (await run.batched()).perSecond };
    },
  };
}

function connectionEach(name: string, kind: Kind, lengths: Lengths): Contender {
  return {
    name,
    kind: 'rival',
    async measure(stage) {
      const run = new Run(stage, lengths, kind);
      return { injectors_512: (await run.injected(INJECTORS / PROCESSES, 0)).perSecond };
    },
  };
}

function stepLimit(lengths: Lengths): Contender {
  return {
    name: 'step',
    kind: 'limit',
    async measure(stage) {
      const limit = await stage.crew.node('pool-rate/step-limit.js');
      const objects = lengths.stepObjects;
      const reply = await limit.ask('run', { objects, warm: objects / 10 });
      const perSecond = numberOf(reply, 'perSecond');
      return { batched: perSecond, manager_ops_per_cpu_s: numberOf(reply, 'perCpuSecond') };
    },
  };
}

export const poolRate: Benchmark = {
  name: 'pool-rate',
  describe: 'objects a second through one manager, declared, sealed and offered with 6 attributes',
  sizes: {
    m: '2 s of each after 1 s to warm up',
    s: '0.5 s of each, to see that it runs',
    l: '10 s of each',
  },
  async run(context) {
    const lengths = LENGTHS[context.size] ?? (LENGTHS['m'] as Lengths);
    const kinds = ['attacca', 'json', 'msgpack'] as const;
    const all = (measure: (run: Run) => Promise<Samples>): Contender[] =>
      kinds.map((kind) => contender(kind, measure, lengths));
    await context.compare(
      [...all(measureBatched), maestro('batched'), stepLimit(lengths)],
      BATCHED_SPECS,
    );
    const kept = (name: string, how: Kept): Contender =>
      keptAs(name, how, lengths, (text) => context.say(text));
    await context.compare(
      [kept(PRODUCT, 'fsync'), kept('batched', 'process'), kept('sync_never', 'memory')],
      DURABLE_SPECS,
    );
    await context.compare(
      [withBytes(PRODUCT, 'fsync', lengths), withBytes('batched_8KiB', 'process', lengths)],
      BYTES_SPECS,
    );
    const batchedBeside: Contender = {
      name: 'batched',
      kind: 'limit',
      async measure(stage) {
        const run = new Run(stage, lengths, 'attacca');
        return { injectors_512: (await run.batched()).perSecond };
      },
    };
    await context.compare(
      [
        ...all(measureInjectors),
        connectionEach('connection_each', 'attacca', lengths),
        connectionEach('json_connection_each', 'json', lengths),
        maestro('injectors_512'),
        batchedBeside,
      ],
      INJECTORS_SPECS,
    );
    for (const paceMs of PACES_MS) {
      const name = paceName(paceMs);
      await context.compare(
        [...all(measurePaced(paceMs)), maestro(name), offeredRate(paceMs)],
        [
          { name, unit: 'objects/s', better: 'higher' },
          { name: `${name}_p99_ms`, unit: 'ms', better: 'lower' },
        ],
      );
    }
  },
};

/** What the injectors would inject if every answer came at once. */
function offeredRate(paceMs: number): Contender {
  return {
    name: 'pace',
    kind: 'limit',
    measure: async () => ({ [paceName(paceMs)]: INJECTORS / (paceMs / 1e3) }),
  };
}
