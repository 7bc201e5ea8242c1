import { checkSaved, type StateReader, type StateWriter } from '../../core/state-codec.js';
import { encodeUtf8, utf8Length } from '../../core/utf8.js';
import { findObject, objectName } from '../objects.js';
import { OBJECT } from '../rows.js';
import type { PoolState } from '../state.js';
import { offerOf } from '../versions.js';

/**
 * What a request by a selector selected when others were asked of it, all of which it may change
 * when they have let it go, and nothing else.
 */
export interface SelectedAhead {
  /** By their names which version of each was offered, as `offerOf` tells. */
  readonly offers: ReadonlyMap<string, number>;
  /** What it takes as long as the request is held. */
  readonly bytes: number;
}

/** Of one object, beside its name: in this record, and that it is held and by whom. */
const OBJECT_BYTES = 128;

export function selectedAheadOf(pool: PoolState, rows: readonly number[]): SelectedAhead {
  const offers = new Map<string, number>();
  for (const row of rows) offers.set(objectName(pool, row), currentOf(pool, row));
  return recordOf(offers);
}

function currentOf(pool: PoolState, object: number): number {
  return offerOf(pool, pool.objects.get(object, OBJECT.current));
}

function recordOf(offers: ReadonlyMap<string, number>): SelectedAhead {
  let bytes = 0;
  for (const name of offers.keys()) bytes += OBJECT_BYTES + utf8Length(name);
  return { offers, bytes };
}

/** The objects that are as they were then, ascending; whether still selected is not seen. */
export function sameAsAhead(pool: PoolState, { offers }: SelectedAhead): number[] {
  const objects: number[] = [];
  for (const [name, offer] of offers) {
    const bytes = encodeUtf8(name);
    const object = findObject(pool, bytes, 0, bytes.length);
    if (object !== 0 && currentOf(pool, object) === offer) objects.push(object);
  }
  return objects.sort((one, other) => one - other);
}

export function saveSelectedAhead(selected: SelectedAhead | null, w: StateWriter): void {
  w.u32(selected?.offers.size ?? 0);
  for (const [name, offer] of selected?.offers ?? []) {
    w.text(name);
    w.u64(offer);
  }
}

export function restoreSelectedAhead(r: StateReader): SelectedAhead | null {
  const offers = new Map<string, number>();
  for (let count = r.count(12); count > 0; count--) {
    const name = r.text();
    checkSaved(!offers.has(name), 'what was selected is there once');
    offers.set(name, r.u64());
  }
  return offers.size === 0 ? null : recordOf(offers);
}
