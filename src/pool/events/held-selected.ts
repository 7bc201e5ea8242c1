import { checkSaved, type StateReader, type StateWriter } from '../../core/state-codec.js';
import { utf8Length } from '../../core/utf8.js';
import { objectName } from '../objects.js';
import { OBJECT } from '../rows.js';
import type { PoolState } from '../state.js';
import { offerOf } from '../versions.js';

/** An object that was selected: rows are used again, so by its name, and which version it had. */
interface SelectedObject {
  readonly name: string;
  readonly offer: number;
}

/**
 * What a request by a selector selected when others were asked of it, all of which it may change
 * when they have let it go, and nothing else: by their rows.
 */
export interface SelectedAhead {
  readonly objects: ReadonlyMap<number, SelectedObject>;
  /** The last of the rows. */
  readonly last: number;
  /** What it takes as long as the request is held. */
  readonly bytes: number;
}

/** Of one object, beside its name: in this record, and that it is held and by whom. */
const OBJECT_BYTES = 128;

export function selectedAheadOf(pool: PoolState, rows: readonly number[]): SelectedAhead {
  const objects = new Map<number, SelectedObject>();
  for (const row of rows) {
    const offer = offerOf(pool, pool.objects.get(row, OBJECT.current));
    objects.set(row, { name: objectName(pool, row), offer });
  }
  return recordOf(objects);
}

function recordOf(objects: ReadonlyMap<number, SelectedObject>): SelectedAhead {
  let last = 0;
  let bytes = 0;
  for (const [row, { name }] of objects) {
    last = Math.max(last, row);
    bytes += OBJECT_BYTES + utf8Length(name);
  }
  return { objects, last, bytes };
}

/** Whether an object that is selected now is what was selected then. */
export function isSelectedAhead(
  pool: PoolState,
  { objects }: SelectedAhead,
  object: number,
): boolean {
  const then = objects.get(object);
  if (then === undefined || objectName(pool, object) !== then.name) return false;
  return offerOf(pool, pool.objects.get(object, OBJECT.current)) === then.offer;
}

export function saveSelectedAhead(selected: SelectedAhead | null, w: StateWriter): void {
  w.u32(selected?.objects.size ?? 0);
  for (const [row, { name, offer }] of selected?.objects ?? []) {
    w.u32(row);
    w.text(name);
    w.u64(offer);
  }
}

export function restoreSelectedAhead(r: StateReader): SelectedAhead | null {
  const objects = new Map<number, SelectedObject>();
  for (let count = r.count(16); count > 0; count--) {
    const row = r.u32();
    checkSaved(!objects.has(row), 'what was selected is there once');
    objects.set(row, { name: r.text(), offer: r.u64() });
  }
  return objects.size === 0 ? null : recordOf(objects);
}
