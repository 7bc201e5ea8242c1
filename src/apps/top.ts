import type { PoolView } from '../client/index.js';

/** A value of an answer of the pool. */
type Told = Awaited<ReturnType<PoolView['info']>>;

/** What a pool counts: the first two only grow. */
export interface PoolCounters {
  readonly operations: number;
  readonly events: number;
  readonly objects: number;
  /** Bytes in its memory that are offered. */
  readonly bytes: number;
}

/** How a pool is, at one moment. */
export interface PoolSample {
  readonly atMs: number;
  readonly counters: PoolCounters;
  /** A second, since the sample before: below 0 of what is less; null of the first one. */
  readonly rates: PoolCounters | null;
  readonly info: Told;
  readonly members: readonly Told[];
  /** What waits, as of `explain`. */
  readonly waits: readonly Told[];
  /** With `rate`: deliveries a second since the sample before. */
  readonly subscriptions: readonly (Told & { readonly rate: number })[];
}

/** What {@link top} is told. */
export interface TopOptions {
  /** Between two samples. Default 1 s. */
  readonly intervalMs?: number | undefined;
  /** Ends after so many. */
  readonly count?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

const INTERVAL_MS = 1_000;
const MS_PER_S = 1_000;

/**
 * Looks at a pool time after time: counts, rates, members, waits, subscriptions. The first sample
 * has no rates. Ends with its signal.
 *
 * ```ts
 * for await (const { rates } of top(pool, { count: 2 })) console.log(rates?.operations);
 * ```
 */
export async function* top(
  pool: PoolView,
  options: TopOptions = {},
): AsyncGenerator<PoolSample, void, undefined> {
  const { intervalMs = INTERVAL_MS, count = Number.POSITIVE_INFINITY, signal } = options;
  let before: PoolSample | null = null;
  for (let taken = 0; taken < count && signal?.aborted !== true; taken++) {
    if (before !== null && !(await pause(intervalMs, signal))) return;
    before = await sample(pool, before);
    yield before;
  }
}

async function sample(pool: PoolView, before: PoolSample | null): Promise<PoolSample> {
  const [info, members, explained] = await Promise.all([
    pool.info(),
    pool.members(),
    pool.explain(),
  ]);
  const atMs = performance.now();
  const counters = countersOf(info);
  const seconds = before === null ? 0 : (atMs - before.atMs) / MS_PER_S;
  const known = new Map(
    before?.subscriptions.map((one) => [keyOf(one), numberAt(one, 'delivered')]),
  );
  const subscriptions = mapsAt(info, 'subscriptions').map((one) => {
    const delivered = numberAt(one, 'delivered');
    const former = known.get(keyOf(one)) ?? delivered;
    return { ...one, rate: seconds === 0 ? 0 : Math.max(0, delivered - former) / seconds };
  });
  const rates = before === null ? null : ratesOf(before.counters, counters, seconds);
  const waits = mapsAt(explained, 'waits');
  return { atMs, counters, rates, info, members, waits, subscriptions };
}

function countersOf(info: Told): PoolCounters {
  return {
    operations: numberAt(mapAt(info, 'counts'), 'operations'),
    events: numberAt(mapAt(info, 'events'), 'end'),
    objects: numberAt(mapAt(info, 'counts'), 'objects'),
    bytes: numberAt(mapAt(info, 'memory'), 'offered'),
  };
}

function ratesOf(before: PoolCounters, now: PoolCounters, seconds: number): PoolCounters {
  const rate = (name: keyof PoolCounters): number =>
    (now[name] - before[name]) / Math.max(seconds, 1 / MS_PER_S);
  return {
    operations: rate('operations'),
    events: rate('events'),
    objects: rate('objects'),
    bytes: rate('bytes'),
  };
}

const keyOf = (one: Told): string => JSON.stringify([one['name'], one['members'], one['selector']]);

function mapAt(map: Told, key: string): Told {
  const value = map[key];
  return typeof value === 'object' && value !== null ? (value as Told) : {};
}

function mapsAt(map: Told, key: string): readonly Told[] {
  const value = map[key];
  return Array.isArray(value) ? (value as readonly Told[]) : [];
}

function numberAt(map: Told, key: string): number {
  const value = map[key];
  return typeof value === 'number' ? value : 0;
}

/** False when it is over. */
function pause(ms: number, signal: AbortSignal | undefined): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve(signal?.aborted !== true);
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener('abort', end, { once: true });
    if (signal?.aborted === true) end();
  });
}
