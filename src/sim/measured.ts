import { type Dtype, itemSizeOf } from '../core/space.js';
import type { Value } from '../core/value.js';
import { isObject, stat } from '../pool/looking.js';
import type { PoolState } from '../pool/state.js';
import type { Batch } from './manager.js';
import type { Oracle } from './oracle.js';
import type { MVersion, Payload } from './oracle-state.js';
import { must } from './violation.js';

/** What a pool tells of the elements of a version. */
export interface MeasuredTold {
  readonly name: string;
  readonly version: number;
  readonly statistics: Value | undefined;
}

/** What a pool tells of all that is offered, after a batch in which something was measured. */
export function measuredBy({ entries }: Batch, pool: PoolState): readonly MeasuredTold[] {
  const isMeasured = entries.some(
    (each) => each.kind === 'input' && each.input.kind === 'measured',
  );
  const told: MeasuredTold[] = [];
  for (let object = 1; isMeasured && object < pool.objects.end; object++) {
    if (!isObject(pool, object)) continue;
    const { name, version, statistics } = stat(pool, object);
    if (typeof version !== 'number') continue;
    told.push({ name: String(name), version, statistics });
  }
  return told;
}

/** That what is told is true. */
export function compareMeasured(told: readonly MeasuredTold[], { objects }: Oracle): void {
  for (const { name, version, statistics } of told) {
    const current = objects.get(name)?.current;
    if (current?.number !== version) continue;
    const wrong = measuredWrong(current, statistics);
    must(wrong === '', 'statistics', () => `${name}, version ${version}: ${wrong}`);
  }
}

/** What STAT may say of the statistics of a version that are not known. */
const UNKNOWN: ReadonlySet<unknown> = new Set(['pending', 'failed']);

/**
 * What is wrong with the statistics that a pool tells of a version, or ''. Counts one by one, and
 * knows nothing of how the pool does it. What is not measured yet may be untold.
 */
export function measuredWrong(version: MVersion, told: unknown): string {
  if (told === undefined) return '';
  const { state, count, min, max, mean, histogram } = told as { readonly [key: string]: unknown };
  const payloads = version.parts?.map(({ payload }) => payload) ?? [version.payload];
  const places = version.parts?.reduce((sum, part) => sum + part.places.length, 0);
  if (UNKNOWN.has(state)) return '';
  if (state !== 'known') return `its state is ${String(state)}`;
  if (places !== undefined && places < version.length) return 'it is known before it is complete';
  const values = payloads.flatMap((payload) => valuesOf(payload, version.dtype));
  const sum = values.reduce((total, value) => total + value, 0);
  const meant = {
    count: values.length,
    min: values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY),
    max: values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY),
    mean: sum / values.length,
  };
  if (values.length === 0) {
    const isTold = [min, max, mean, histogram].some((each) => each !== undefined);
    return count === 0 && !isTold ? '' : 'more is told of nothing than that';
  }
  const { counts } = histogram as { readonly counts: readonly number[] };
  const binned = counts.reduce((total, each) => total + each, 0);
  if (binned !== meant.count) return `its bins have ${binned} of ${meant.count}`;
  for (const [key, is] of Object.entries({ count, min, max, mean })) {
    const should = meant[key as keyof typeof meant];
    if (is !== should) return `"${key}" is ${String(is)}, not ${should}`;
  }
  return '';
}

/** The elements of a payload; a slice is its content over and over. */
function valuesOf(payload: Payload, dtype: Dtype): number[] {
  if (payload.kind === 'nothing') return [];
  const { size, content } = payload;
  const itemSize = itemSizeOf(dtype);
  const bytes = new DataView(new ArrayBuffer(size));
  for (let at = 0; at < size; at++) bytes.setUint8(at, content[at % content.length] as number);
  return Array.from({ length: size / itemSize }, (_, index) =>
    dtype === 'int16' ? bytes.getInt16(index * itemSize, true) : bytes.getUint8(index),
  );
}
