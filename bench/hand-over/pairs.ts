import { setTimeout as sleep } from 'node:timers/promises';
import type { Stage } from '../harness/benchmark.js';
import type { Participant } from '../harness/participant.js';
import { numberOf, type Reply } from '../harness/reply.js';
import { extraFlags } from '../product/start-pool.js';
import { type Mode, patternSum } from './transport.js';

/** How long after `expect` the demand is pending for certain. */
const SETTLE_MS = 3;
const LARGE_MS = 120_000;

export interface HandedOver {
  /** Microseconds from offer to the first value of the whole array read. */
  readonly firstUs: number;
  /** Until all values were summed, if they were. */
  readonly doneUs: number;
}

export interface Wish {
  readonly bytes: number;
  readonly mode: Mode;
  readonly sum: boolean;
}

/** A way to hand an array from one process to another, once at a time. */
export interface Way {
  handOver(wish: Wish): Promise<HandedOver>;
}

function judged(reply: Reply, startNs: number, { bytes, sum }: Wish): HandedOver {
  const wrong = sum && numberOf(reply, 'sum') !== patternSum(bytes);
  if (wrong) throw new Error(`The sum of ${bytes} bytes is wrong: ${numberOf(reply, 'sum')}`);
  return {
    firstUs: (numberOf(reply, 'firstNs') - startNs) / 1e3,
    doneUs: (numberOf(reply, 'doneNs') - startNs) / 1e3,
  };
}

/** Two processes, one at each end. */
class Pair implements Way {
  readonly #producer: Participant;
  readonly #consumer: Participant;
  #seq = 0;

  constructor(producer: Participant, consumer: Participant) {
    this.#producer = producer;
    this.#consumer = consumer;
  }

  async handOver(wish: Wish): Promise<HandedOver> {
    const parcel = { seq: this.#seq++, ...wish };
    // Some open their end here, and wait for the other to do so: both are asked at once.
    const expecting = this.#consumer.ask('expect', parcel, LARGE_MS);
    expecting.catch(() => {});
    await this.#producer.ask('write', parcel, LARGE_MS);
    await sleep(SETTLE_MS);
    const [offered, received] = await Promise.all([
      this.#producer.ask('offer', parcel, LARGE_MS),
      expecting,
    ]);
    await this.#producer.ask('after', parcel, LARGE_MS);
    return judged(received, numberOf(offered, 'startNs'), wish);
  }
}

async function open(producer: Participant, consumer: Participant, at: object): Promise<Way> {
  await consumer.ask('open', { ...at, role: 'consumer' });
  await producer.ask('open', { ...at, role: 'producer' });
  return new Pair(producer, consumer);
}

export async function nodePair(stage: Stage, transport: string, at: string): Promise<Way> {
  const flags = extraFlags('BENCH_CLIENT_FLAGS');
  const [producer, consumer] = await Promise.all([
    stage.crew.node('hand-over/producer.js', { flags }),
    stage.crew.node('hand-over/consumer.js', { flags }),
  ]);
  return await open(producer, consumer, { transport, at });
}

export async function pythonPair(stage: Stage, script: string, at: string): Promise<Way> {
  const [producer, consumer] = await Promise.all([
    stage.crew.python(`python/${script}`),
    stage.crew.python(`python/${script}`),
  ]);
  return await open(producer, consumer, { at });
}

/** Ray has processes of its own; ours is the driver. */
export async function rayPair(stage: Stage): Promise<Way> {
  const driver = await stage.crew.python('python/ray_side.py');
  await driver.ask('open', { at: stage.diskDirectory });
  return {
    async handOver(wish) {
      const reply = await driver.ask('handOver', wish, LARGE_MS);
      return judged(reply, numberOf(reply, 'startNs'), wish);
    },
  };
}
