import { join } from 'node:path';
import type {
  Benchmark,
  Contender,
  Context,
  MetricSpec,
  Samples,
  Stage,
} from '../harness/benchmark.js';
import { PRODUCT } from '../harness/benchmark.js';
import { isReply, numberOf, type Reply } from '../harness/reply.js';
import type { AttributeCount } from './described.js';

const MEASURE_MS = 900_000;
/** Of what is done again behind the snapshot: each object is declared and offered. */
const TAIL_OBJECTS = 500_000;
/** A Map ends there: 2^24 entries. */
const MAP_OBJECTS_MAX = 16_777_216;
/** With a collector to call, and a heap that a Map fits. */
const FLAGS = ['--expose-gc', '--max-old-space-size=14000'];
/** What a snapshot has an object, nearly: for the limits, which write and read as much. */
const SNAPSHOT_BYTES: Readonly<Record<AttributeCount, number>> = { 6: 300, 8: 350 };

interface Size {
  readonly counts: readonly number[];
  readonly attributes: AttributeCount;
}

const SIZES: Readonly<Record<string, Size>> = {
  m: { counts: [1_000_000, 10_000_000], attributes: 6 },
  s: { counts: [100_000], attributes: 6 },
  l: { counts: [1_000_000, 10_000_000, 30_000_000], attributes: 6 },
  m8: { counts: [1_000_000, 10_000_000], attributes: 8 },
  s8: { counts: [100_000], attributes: 8 },
};
/** The count at which a pool is brought back: the goal is for this one. */
const RESTART_OBJECTS = 10_000_000;

/** 10 million are `1e7`. */
export function countName(objects: number): string {
  return objects.toExponential().replace('+', '');
}

/** What is measured together: how many objects, of how many attributes. */
interface Crowd {
  readonly objects: number;
  readonly attributes: AttributeCount;
  readonly hasRestart: boolean;
}

/** How metrics of a crowd end: six attributes go without saying. */
export function crowdName({ objects, attributes }: Omit<Crowd, 'hasRestart'>): string {
  return attributes === 6 ? countName(objects) : `${countName(objects)}_${attributes}attributes`;
}

function specsOf(crowd: Crowd): MetricSpec[] {
  const at = crowdName(crowd);
  const bytes = { unit: 'B', better: 'lower', goals: [{ atMost: 120 }] } as const;
  const specs: MetricSpec[] = [
    { name: `bytes_per_object_${at}`, ...bytes },
    { name: `account_bytes_per_object_${at}`, ...bytes },
    { name: `pause_max_ms_${at}`, unit: 'ms', better: 'lower', goals: [{ atMost: 20 }] },
    { name: `snapshot_s_${at}`, unit: 's', better: 'lower' },
  ];
  if (crowd.hasRestart) {
    specs.push({ name: `restart_s_${at}`, unit: 's', better: 'lower', goals: [{ atMost: 3 }] });
  }
  return specs;
}

/** Resident memory of one process differs by as much from one run to the next: no figure below. */
const NOISE_BYTES = 32 * 1024 * 1024;

/** What is the objects' own of what resident memory grew by; null: not to be told from noise. */
export function ownBytesOf(
  residentBytes: number,
  { objects, attributes }: { readonly objects: number; readonly attributes: number },
): number | null {
  const bytes = residentBytes - objects * attributes;
  return bytes < NOISE_BYTES ? null : bytes / objects;
}

function accountIn(reply: Reply): Reply {
  const account = reply['account'];
  if (isReply(account)) return account;
  throw new TypeError('Cannot read an account: there is none');
}

/** The measurements of one count of objects. */
class Scale {
  readonly #crowd: Crowd;
  readonly #objects: number;
  readonly #at: string;
  readonly #context: Context;
  /** What the attributes of an object take, in bytes, which no side is charged for. */
  #attributeBytes = 0;

  constructor(crowd: Crowd, context: Context) {
    this.#crowd = crowd;
    this.#objects = crowd.objects;
    this.#at = crowdName(crowd);
    this.#context = context;
  }

  contenders(): Contender[] {
    const of = (name: string, kind: Contender['kind'], measure: Contender['measure']) => ({
      name,
      kind,
      timeoutMs: MEASURE_MS,
      measure,
    });
    const tooMany = this.#objects > MAP_OBJECTS_MAX;
    const absent = tooMany ? `a Map holds no more than ${MAP_OBJECTS_MAX} objects` : null;
    return [
      of(PRODUCT, 'product', (stage) => this.#pool(stage)),
      { ...of('javascript_map', 'rival', (stage) => this.#map(stage)), absent },
      of('raw_disk', 'limit', (stage) => this.#rawDisk(stage)),
    ];
  }

  async #pool(stage: Stage): Promise<Samples> {
    const directory = stage.diskDirectory;
    const holder = await stage.crew.node('scale/pool-holder.js', { flags: FLAGS });
    const grown = await holder.ask('grow', this.#crowd, MEASURE_MS);
    const account = accountIn(grown);
    this.#attributeBytes = numberOf(account, 'attributes');
    this.#context.say(`bytes an object: ${accountText(account)}`);
    const saved = await holder.ask('snapshot', { directory }, MEASURE_MS);
    const samples = {
      ...this.#ownBytes(grown),
      [`account_bytes_per_object_${this.#at}`]: numberOf(account, 'all') - this.#attributeBytes,
      [`pause_max_ms_${this.#at}`]: numberOf(grown, 'pauseMs'),
      [`snapshot_s_${this.#at}`]: numberOf(saved, 'seconds'),
    };
    if (!this.#crowd.hasRestart) return samples;
    await holder.ask('goOn', { directory, objects: TAIL_OBJECTS }, MEASURE_MS);
    process.kill(holder.pid, 'SIGKILL');
    const reviver = await stage.crew.node('scale/reviver.js');
    const revived = await reviver.ask('revive', { directory }, MEASURE_MS);
    const objects = numberOf(revived, 'objects');
    if (objects !== this.#objects + TAIL_OBJECTS) {
      throw new Error(`Cannot take the time: ${objects} objects came back`);
    }
    return { ...samples, [`restart_s_${this.#at}`]: numberOf(revived, 'seconds') };
  }

  async #map(stage: Stage): Promise<Samples> {
    const holder = await stage.crew.node('scale/map-holder.js', { flags: FLAGS });
    const grown = await holder.ask('grow', this.#crowd, MEASURE_MS);
    return {
      ...this.#ownBytes(grown),
      [`pause_max_ms_${this.#at}`]: numberOf(grown, 'pauseMs'),
    };
  }

  async #rawDisk(stage: Stage): Promise<Samples> {
    const disk = await stage.crew.node('scale/raw-disk.js');
    const path = join(stage.diskDirectory, 'raw');
    const bytes = this.#objects * SNAPSHOT_BYTES[this.#crowd.attributes];
    const written = await disk.ask('write', { path, bytes }, MEASURE_MS);
    const read = await disk.ask('read', { path }, MEASURE_MS);
    return {
      [`snapshot_s_${this.#at}`]: numberOf(written, 'seconds'),
      [`restart_s_${this.#at}`]: numberOf(read, 'seconds'),
    };
  }

  #ownBytes(grown: Reply): Samples {
    const name = `bytes_per_object_${this.#at}`;
    const each = { objects: this.#objects, attributes: this.#attributeBytes };
    const bytes = ownBytesOf(numberOf(grown, 'residentBytes'), each);
    if (bytes !== null) return { [name]: bytes };
    this.#context.skip(name, 'not measurable at this size: resident memory varies by as much');
    return {};
  }
}

function accountText(account: Reply): string {
  return Object.entries(account)
    .map(([name, bytes]) => `${name} ${Number(bytes).toFixed(1)}`)
    .join(', ');
}

export const scale: Benchmark = {
  name: 'scale',
  describe: 'what many objects cost: memory, pauses, snapshots, and bringing a pool back',
  sizes: {
    m: '10^6 and 10^7 objects; a restart of 10^7 and a million operations',
    s: '10^5 objects, restart and all, to see that it runs',
    l: '10^6, 10^7 and 3x10^7; takes 14 GiB of memory and 20 of disk',
    m8: 'as m, of the eight attributes of metadata',
    s8: 'as s, of the eight attributes of metadata',
  },
  async run(context) {
    const { counts, attributes } = SIZES[context.size] ?? (SIZES['m'] as Size);
    for (const objects of counts) {
      const hasRestart = objects === RESTART_OBJECTS || context.size.startsWith('s');
      const crowd = { objects, attributes, hasRestart };
      await context.compare(new Scale(crowd, context).contenders(), specsOf(crowd));
    }
  },
};
