import { AttaccaError } from '../core/errors.js';
import type { Value } from '../core/value.js';
import { END, type EndSelected, type TagSelected } from '../protocol/index.js';
import { checkDelete, deleteObject } from './deleting.js';
import { retag } from './indexing.js';
import { checkRecords, objectName } from './objects.js';
import { checkUnkeep, unkeep } from './offer.js';
import { OBJECT } from './rows.js';
import { nextOf, WORK_MAX } from './searching.js';
import type { Session } from './sessions.js';
import type { PoolState } from './state.js';

/** Objects that one request changes: bounds the pause. What is left comes with the next one. */
const CHANGES_MAX = 16_384;
/** So many of those that could not be changed are told one by one. */
const REFUSALS_MAX = 100;

interface Selected {
  readonly objects: readonly number[];
  readonly next: string | null;
}

/** The objects of a part of the pool, before anything is changed: what changes would move them. */
function selectedBy(pool: PoolState, message: TagSelected | EndSelected): Selected {
  const { search, from } = pool.searching.open(message);
  const objects: number[] = [];
  const next = search.rows(from, (object) => objects.push(object) < CHANGES_MAX, WORK_MAX);
  return { objects, next: nextOf(next) };
}

/**
 * TAG_SELECTED: sets and removes tags of all that is selected, or of so many of them as one answer
 * has time for. An object whose tags would be too large is left as it is, and told.
 */
export function tagSelected(pool: PoolState, session: Session, message: TagSelected): Value {
  if (message.dry === 0) checkRecords(pool);
  const { attributes, objects, reader } = pool;
  const removed: number[] = [];
  for (let index = 0; index < message.removedCount; index++) {
    removed.push(session.keys.known(message.removed[index] as number));
  }
  const selected = selectedBy(pool, message);
  if (message.dry === 1) return answer(selected, new Refusals());
  const over = attributes.store(reader.bytes, message.attributes, session.keys);
  const refusals = new Refusals();
  try {
    for (const object of selected.objects) {
      refusals.attempt(pool, object, () => {
        const tags = attributes.merge(objects.get(object, OBJECT.tags), over, removed);
        retag(pool, object, tags);
      });
    }
  } finally {
    attributes.free(over);
  }
  return answer(selected, refusals);
}

/** END_SELECTED: withdraws or deletes all that is selected; what may not end is told. */
export function endSelected(pool: PoolState, message: EndSelected): Value {
  const selected = selectedBy(pool, message);
  const refusals = new Refusals();
  const isForced = message.how === END.deleteForced;
  for (const object of selected.objects) {
    refusals.attempt(pool, object, () => {
      if (message.how === END.unkeep) {
        if (message.dry === 1) checkUnkeep(pool, object);
        else unkeep(pool, object);
      } else if (message.dry === 1) checkDelete(pool, object, isForced);
      else deleteObject(pool, object, isForced);
    });
  }
  return answer(selected, refusals);
}

/** What could not be done, object by object. */
class Refusals {
  count = 0;
  readonly rows: Value[] = [];

  attempt(pool: PoolState, object: number, act: () => void): void {
    try {
      act();
    } catch (error) {
      if (!(error instanceof AttaccaError)) throw error;
      this.count++;
      if (this.rows.length >= REFUSALS_MAX) return;
      const { code, message } = error;
      this.rows.push({ name: objectName(pool, object), code, message });
    }
  }
}

function answer({ objects, next }: Selected, { count, rows }: Refusals): Value {
  return { selected: objects.length, changed: objects.length - count, refused: rows, next };
}
