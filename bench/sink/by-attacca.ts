import { join, type Pool } from '../../src/client/index.js';
import {
  type Flow,
  type FlowConsumer,
  type FlowKind,
  type FlowProducer,
  objectName,
} from './flow.js';

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
    const space = { dtype: 'uint8', shape: [flow.bytes] } as const;
    const withdrawing: Promise<void>[] = [];
    for (let index = 0; index < flow.count; index++) {
      const object = this.#pool.object(objectName(flow, producer, index), { space });
      await object.allocate();
      object.array.set(own[index % own.length] ?? []);
      await object.offer();
      // Who required it still gets it; its memory comes back when that has read it.
      withdrawing.push(object.withdraw());
    }
    await Promise.all(withdrawing);
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
