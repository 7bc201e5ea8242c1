import { join, type Pool, type PoolObject } from 'attacca';
import type { ConsumerSide, Parcel, ProducerSide, TransportKind } from './transport.js';
import { fillPattern, OwnArrays } from './transport.js';

const nameOf = ({ seq }: Parcel): string => `parcel/${seq}`;

function objectOf(pool: Pool, parcel: Parcel): PoolObject<'float64'> {
  return pool.object(nameOf(parcel), {
    space: { dtype: 'float64', shape: [parcel.bytes / 8] },
  });
}

class Producer implements ProducerSide {
  readonly #pool: Pool;
  readonly #own = new OwnArrays();
  #object: PoolObject<'float64'> | null = null;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async write(parcel: Parcel): Promise<void> {
    if (parcel.mode === 'own') {
      this.#own.of(parcel.bytes);
      return;
    }
    const object = objectOf(this.#pool, parcel);
    await object.allocate();
    fillPattern(object.array);
    this.#object = object;
  }

  async offer(parcel: Parcel): Promise<void> {
    if (parcel.mode === 'own') {
      await this.#pool.put(nameOf(parcel), this.#own.of(parcel.bytes));
    } else {
      await this.#object?.offer();
    }
  }

  async after(parcel: Parcel): Promise<void> {
    if (parcel.mode === 'own') await this.#pool.unkeep(nameOf(parcel));
    else await this.#object?.withdraw();
    this.#object = null;
  }
}

class Consumer implements ConsumerSide {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async receive(parcel: Parcel): ReturnType<ConsumerSide['receive']> {
    const delivered = await objectOf(this.#pool, parcel).demand();
    return { array: delivered.array, end: () => delivered.dispose() };
  }
}

export const byAttacca: TransportKind = {
  producer: async ({ at }) => new Producer(await join({ member: 'producer', address: at })),
  consumer: async ({ at }) => new Consumer(await join({ member: 'consumer', address: at })),
};
