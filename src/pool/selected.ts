import { refuse } from '../core/assert.js';
import { Reader } from '../core/bytes.js';
import { AttaccaError } from '../core/errors.js';
import { LIMITS } from '../core/limits.js';
import { isSameValue } from '../core/schema/coerce.js';
import { decodeUtf8, encodeUtf8 } from '../core/utf8.js';
import type { Value } from '../core/value.js';
import { readValue } from '../core/value-codec.js';
import {
  DEFINITION,
  END,
  type EndSelected,
  type Gather,
  type TagSelected,
} from '../protocol/index.js';
import { KEY_NAMES } from './attributes.js';
import { storeTags } from './conforming.js';
import { unknownDefinition } from './definitions.js';
import { checkDelete, deleteObject } from './deleting.js';
import { retag } from './indexing.js';
import { checkRecords, objectName } from './objects.js';
import { checkUnkeep, unkeep } from './offer.js';
import { isToldKey } from './own-keys.js';
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
function selectedBy(pool: PoolState, message: TagSelected | EndSelected | Gather): Selected {
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
  const { attributes, objects } = pool;
  const removed: number[] = [];
  for (let index = 0; index < message.removedCount; index++) {
    removed.push(session.keys.known(message.removed[index] as number));
  }
  const selected = selectedBy(pool, message);
  if (message.dry === 1) return answer(selected, new Refusals());
  const over = storeTags(pool, session, message.attributes);
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

/**
 * GATHER: adds a value to the list that is the tag of a key, or takes it out, of all that is
 * selected. A list that has lost its last value goes; what has the value already, or not any more,
 * stays as it is. `.collections` must name a collection that is a list.
 */
export function gather(pool: PoolState, message: Gather): Value {
  const { bytes } = pool.reader;
  const value = readValue(new Reader(bytes.subarray(message.valueStart, message.valueEnd)));
  const name = decodeUtf8(bytes, message.keyStart, message.keyEnd);
  const key = listKey(pool, name, value);
  const selected = selectedBy(pool, message);
  const refusals = new Refusals();
  if (message.dry === 1) return answer(selected, refusals);
  if (message.removes === 0) checkRecords(pool);
  const lists = new Lists(pool, key, { value, removes: message.removes === 1 });
  try {
    for (const object of selected.objects) refusals.attempt(pool, object, () => lists.edit(object));
  } finally {
    lists.free();
  }
  return answer(selected, refusals);
}

/** The number of a key whose tags are lists. */
function listKey(pool: PoolState, name: string, value: Value): number {
  const size = encodeUtf8(name).length;
  if (isToldKey(name) || size === 0 || size > LIMITS.keyBytesMax || name === KEY_NAMES.container) {
    refuse('bad-attribute', `Cannot gather in "${name}": it is no key of a tag`);
  }
  if (name === KEY_NAMES.collections) {
    const isKnown = typeof value === 'string' && pool.definitions.has(DEFINITION.collection, value);
    if (!isKnown) unknownDefinition('collection', String(value));
    if (pool.definitions.selectorOf(value) !== null) {
      refuse('bad-argument', `Cannot list objects in "${value}": a selector defines it`);
    }
  }
  return pool.keys.number(name);
}

/** Edits the list of one key, object by object; what is the same list is made once. */
class Lists {
  readonly #pool: PoolState;
  readonly #key: number;
  readonly #value: Value;
  readonly #removes: boolean;
  /** By the term of the list before: a record of the list then, 0 for none, -1 for no change. */
  readonly #made = new Map<number, number>();

  constructor(pool: PoolState, key: number, edit: { value: Value; removes: boolean }) {
    this.#pool = pool;
    this.#key = key;
    this.#value = edit.value;
    this.#removes = edit.removes;
  }

  edit(object: number): void {
    const { attributes, objects } = this.#pool;
    const tags = objects.get(object, OBJECT.tags);
    const before = attributes.termOf(tags, this.#key);
    let made = this.#made.get(before);
    if (made === undefined) {
      made = this.#make(before);
      this.#made.set(before, made);
    }
    if (made < 0) return;
    const removed = made === 0 ? [this.#key] : [];
    retag(this.#pool, object, attributes.merge(tags, made, removed));
  }

  free(): void {
    for (const record of this.#made.values()) {
      if (record > 0) this.#pool.attributes.free(record);
    }
  }

  #make(before: number): number {
    const { attributes, keys } = this.#pool;
    const list = before === 0 ? [] : attributes.valueOf(before);
    if (!Array.isArray(list)) {
      refuse('bad-attribute', `Cannot gather in "${keys.name(this.#key)}": the tag is no list`);
    }
    const others = list.filter((each: Value) => !isSameValue(each, this.#value));
    const has = others.length < list.length;
    if (this.#removes ? !has : has) return -1;
    const then = this.#removes ? others : [...list, this.#value];
    return then.length === 0 ? 0 : attributes.ofMap({ [keys.name(this.#key)]: then });
  }
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
