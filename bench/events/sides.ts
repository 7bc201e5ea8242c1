/** What the benchmark asks of the product and of its rivals. */

/** Subscriptions by the member of the ensemble, or all of them to everything. */
export interface Wanted {
  readonly subscriptions: number;
  readonly isFanOut: boolean;
}

/** A field as ECMWF describes it: what an event tells. */
export type Told = {
  readonly param: string;
  readonly levelist: number;
  readonly step: number;
  readonly number: number;
  readonly date: string;
  readonly class: string;
};

/** The `index`-th field; its number is that of the one subscription that selects it. */
export function toldOf(index: number, subscriptions: number): Told {
  return {
    ...{ param: 't', levelist: index % 137, step: index % 145 },
    ...{ number: index % subscriptions, date: '20261120', class: 'od' },
  };
}

/** Who makes events. */
export interface Source {
  /** Tells of so many fields, as many at a time as it likes best; resolves when all are taken. */
  publish(first: number, count: number, subscriptions: number): Promise<void>;
  /** The same, an event for itself, without an object behind it, where there is a difference. */
  emit?(first: number, count: number, subscriptions: number): Promise<void>;
  /** One field, which goes through when the other side has let it go. */
  ask(index: number): Promise<void>;
}

/** Who is told of them. */
export interface Sink {
  subscribe(wanted: Wanted, onTold: (step: number) => void): Promise<void>;
  /** Lets every field go. */
  answer(): Promise<void>;
}

export interface Kind {
  source(at: string): Promise<Source>;
  sink(at: string): Promise<Sink>;
}

/** Events that are published in one go, and goes that are under way. */
export const BATCH = 250;
const BATCHES_MAX = 4;

/** Runs batches, a few of them at a time. */
export async function inBatches(
  first: number,
  count: number,
  run: (first: number, count: number) => Promise<unknown>,
): Promise<void> {
  const underWay: Promise<unknown>[] = [];
  for (let at = 0; at < count; at += BATCH) {
    underWay.push(run(first + at, Math.min(BATCH, count - at)));
    if (underWay.length >= BATCHES_MAX) await underWay.shift();
  }
  await Promise.all(underWay);
}
