import { LIMITS } from '../core/limits.js';
import { regionText } from '../core/regions/region-text.js';
import type { Value } from '../core/value.js';
import { nameOfMember, stat } from './looking.js';
import { measureStateOf, partMeasured } from './measuring.js';
import { forEachRegion, isInParts } from './parts.js';
import { OBJECT, PART, PART_FLAG } from './rows.js';
import type { PoolState } from './state.js';
import { numbersOf } from './told-statistics.js';

/** Payloads of parts in messages that one answer measures: some tenths of a millisecond. */
const MEASURED_BYTES_MAX = 128 * 1_024;

/** STAT of one object: of a version in parts with what is known of each. */
export function statWithParts(pool: PoolState, object: number): { [key: string]: Value } {
  const fields = stat(pool, object);
  const current = pool.objects.get(object, OBJECT.current);
  if (current === 0 || !isInParts(pool, current)) return fields;
  const rows = partStatistics(pool, current);
  return rows === null ? fields : { ...fields, partStatistics: rows };
}

/**
 * What is known of each part of a version, in the order of their offers, of as many as one answer
 * tells of; null for one that is not measured, or has none.
 */
function partStatistics(pool: PoolState, version: number): Value[] | null {
  if (measureStateOf(pool, version) === undefined) return null;
  const rows: Value[] = [];
  let bytesLeft = MEASURED_BYTES_MAX;
  forEachRegion(pool, version, (part, region) => {
    if (rows.length >= LIMITS.statPartsMax || bytesLeft <= 0) return;
    const { parts } = pool;
    // None, or those that are gone: what was withdrawn is owed to nobody any more.
    if (parts.get(part, PART.bytes) === 0) return;
    if ((parts.get(part, PART.flags) & PART_FLAG.inline) !== 0) {
      bytesLeft -= parts.getWide(part, PART.size);
    }
    const { state, statistics } = partMeasured(pool, version, part);
    rows.push({
      region: regionText(region),
      provider: nameOfMember(pool, parts.get(part, PART.providerMember)),
      state,
      ...(statistics === null ? {} : numbersOf(statistics)),
    });
  });
  return rows.length === 0 ? null : rows;
}
