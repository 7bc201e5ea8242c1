import { join, type PoolEvent } from 'attacca';
import { inBatches, type Kind, type Sink, type Source, toldOf } from './sides.js';

async function source(at: string): Promise<Source> {
  const pool = await join({ member: 'source', address: at });
  return {
    async publish(first, count, subscriptions) {
      await inBatches(first, count, async (from, some) => {
        const items = Array.from({ length: some }, (_, index) => ({
          name: `t/${from + index}`,
          attributes: toldOf(from + index, subscriptions),
        }));
        await pool.offerMany(items);
      });
    },
    async emit(first, count, subscriptions) {
      await inBatches(first, count, async (from, some) => {
        const emits = Array.from({ length: some }, (_, index) =>
          pool.emit('field', toldOf(from + index, subscriptions)),
        );
        await Promise.all(emits);
      });
    },
    async ask(index) {
      await pool.object(`held/${index}`, { attributes: toldOf(index, 1) }).offer();
    },
  };
}

async function sink(at: string): Promise<Sink> {
  const pool = await join({ member: 'sink', address: at });
  return {
    async subscribe({ subscriptions, isFanOut }, onTold) {
      const taking = async (number: number): Promise<void> => {
        const select = isFanOut ? 'param = "t"' : `param = "t" and number = ${number}`;
        const events = await pool.subscribe({ kinds: ['offer', 'field'], select });
        const take = async (): Promise<void> => {
          for await (const event of events) onTold(stepOf(event));
        };
        take().catch(() => {});
      };
      await Promise.all(Array.from({ length: subscriptions }, (_, number) => taking(number)));
    },
    async answer() {
      const offers = await pool.subscribe({
        ...{ kinds: 'offer', select: 'name prefix "held/"', when: 'before', acknowledge: true },
      });
      const answering = async (): Promise<void> => {
        for await (const offer of offers) offers.acknowledge(offer);
      };
      answering().catch(() => {});
    },
  };
}

function stepOf({ attributes }: PoolEvent): number {
  return Number(attributes['step']);
}

export const byAttacca: Kind = { source, sink };
