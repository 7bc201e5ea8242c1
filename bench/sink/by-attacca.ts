import { setImmediate as turn } from 'node:timers/promises';
import { join, type Pool } from 'attacca';
import {
  type Flow,
  type FlowConsumer,
  type FlowKind,
  type FlowProducer,
  objectName,
} from './flow.js';

/** Offers that are not answered yet, before the producer waits. */
const IN_FLIGHT_MAX = 16;
/** Up to here objects are offered as many at a time as Redis is given in a pipeline. */
const BATCHED_BYTES_MAX = 64 * 1024;
const BATCH = 16;
const BATCHES_IN_FLIGHT_MAX = 4;

class Producer implements FlowProducer {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async produce(
    flow: Flow,
    producer: number,
    own: readonly Uint8Array<ArrayBuffer>[],
  ): Promise<void> {
    if (flow.bytes <= BATCHED_BYTES_MAX) await this.#produceBatches(flow, producer, own);
    else await this.#produceEach(flow, producer, own);
  }

  async #produceBatches(
    flow: Flow,
    producer: number,
    own: readonly Uint8Array<ArrayBuffer>[],
  ): Promise<void> {
    const inFlight: Promise<void>[] = [];
    for (let start = 0; start < flow.count; start += BATCH) {
      const count = Math.min(BATCH, flow.count - start);
      const items = Array.from({ length: count }, (_, at) => ({
        name: objectName(flow, producer, start + at),
        data: own[(start + at) % own.length],
      }));
      inFlight.push(this.#pool.offerMany(items).then((batch) => batch.withdraw()));
      await turn();
      if (inFlight.length > BATCHES_IN_FLIGHT_MAX) await inFlight.shift();
    }
    await Promise.all(inFlight);
  }

  async #produceEach(
    flow: Flow,
    producer: number,
    own: readonly Uint8Array<ArrayBuffer>[],
  ): Promise<void> {
    const space = { dtype: 'uint8', shape: [flow.bytes] } as const;
    const inFlight: Promise<void>[] = [];
    for (let index = 0; index < flow.count; index++) {
      const object = this.#pool.object(objectName(flow, producer, index), { space });
      await object.allocate();
      object.array.set(own[index % own.length] ?? []);
      // Who has required it gets it; its memory is free when that has read.
      inFlight.push(object.handOver());
      // The offer leaves now; the pool answers while the next object is made.
      await turn();
      if (inFlight.length > IN_FLIGHT_MAX) await inFlight.shift();
    }
    await Promise.all(inFlight);
  }
}

class Consumer implements FlowConsumer {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async consume(flow: Flow, read: (bytes: Uint8Array) => void): Promise<void> {
    const names: string[] = [];
    for (let index = 0; index < flow.count; index++) {
      for (let producer = 0; producer < flow.producers; producer++) {
        names.push(objectName(flow, producer, index));
      }
    }
    for await (const object of this.#pool.demandEach(names)) {
      read(object.unsafeBytes());
      await object.dispose();
    }
  }
}

export const byAttacca: FlowKind = {
  producer: async (at, index) =>
    new Producer(await join({ member: `producer[${index}]`, address: at })),
  consumer: async (at) => new Consumer(await join({ member: 'consumer', address: at })),
};
