// A contract that asks what elements are, and who offers: for tests of what is measured before.
import { Harness, type HarnessOptions } from './harness.js';
import type { Member } from './member.js';
import type { SubscribeOptions, Subscriber } from './subscriber.js';

export const FLOATS = { space: { dtype: 'float32' } } as const;
export const CONTRACT = {
  ...{ kinds: ['offer'], before: true, acknowledge: true, silence: 'deny' },
  select: 'stats.nan > 0',
} as const satisfies SubscribeOptions;

export const floats = (...values: number[]): Uint8Array =>
  new Uint8Array(Float32Array.from(values).buffer);

export interface Parties {
  readonly pool: Harness;
  readonly producer: Member;
  readonly guard: Member;
  readonly contract: Subscriber;
  /** A slice of numbers: the agent has answered what there is to it. */
  readonly slice: (...values: number[]) => ReturnType<Member['slice']>;
}

/** A contract that lets no NaN in, and who offers; the agent measures when the test says so. */
export function parties(options: HarnessOptions = {}): Parties {
  const pool = new Harness({ agent: 'manual', ...options });
  const producer = pool.member('producer');
  // One slab has room for all.
  const lease = producer.lease(4_096);
  pool.answerAll();
  producer.giveBack({ ...lease.grant(), size: 4_096 }).ok();
  const guard = pool.member('guard');
  const contract = guard.subscribe(CONTRACT);
  contract.made.value();
  return { pool, producer, guard, contract, slice: (...all) => producer.slice(floats(...all)) };
}

export const attributesOf = (contract: Subscriber): { [key: string]: unknown } => ({
  ...contract.last.attributes,
});
