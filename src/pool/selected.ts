import { refuse } from '../core/assert.js';
import { Reader } from '../core/bytes.js';
import { AttaccaError } from '../core/errors.js';
import { LIMITS } from '../core/limits.js';
import { isSameValue } from '../core/schema/coerce.js';
import { decodeUtf8, utf8Length } from '../core/utf8.js';
import type { Value } from '../core/value.js';
import { readValue } from '../core/value-codec.js';
import {
  DEFINITION,
  END,
  type EndSelected,
  EVENT,
  type Gather,
  nameFault,
  type TagSelected,
} from '../protocol/index.js';
import { isRelation, KEY_NAMES } from './attributes.js';
import { storeTags } from './conforming.js';
import { unknownDefinition } from './definitions.js';
import { checkDelete, deleteObject } from './deleting.js';
import { sameAsAhead } from './events/held-selected.js';
import { noteName } from './events/noting.js';
import { askerOf } from './handles.js';
import { retagMany, saidBy } from './indexing.js';
import { isObject } from './looking.js';
import { checkRecords, objectName } from './objects.js';
import { isReservedKey } from './own-keys.js';
import { OBJECT } from './rows.js';
import { nextOf, WORK_MAX } from './searching.js';
import type { Member, Session } from './sessions.js';
import type { PoolState } from './state.js';
import { checkUnkeep, unkeep } from './unkeeping.js';

/** Objects that one request changes: bounds the pause. What is left comes with the next one. */
const CHANGES_MAX = 16_384;
/** Objects that one request ends: each takes some ten times as long. */
const ENDS_MAX = 2_048;
/** What one request may cost, in tags and in eighths of a byte of lists: some 20 ms. */
const COST_MAX = 400_000;
/** Of an object with few tags. */
const COST_OBJECT = 20;
/** So many of those that could not be changed are told one by one. */
const REFUSALS_MAX = 100;

/** Some of what is selected, and where the next part begins; null: it is all. */
export interface Selected {
  readonly objects: readonly number[];
  readonly next: string | null;
}

/**
 * The objects of a part of the pool, before anything is changed: what changes would move them. Of a
 * request that was held those that it was asked of, as far as they are selected still.
 */
function selectedBy(
  pool: PoolState,
  message: TagSelected | EndSelected | Gather,
  most = CHANGES_MAX,
): Selected {
  const { search, from } = pool.searching.open(message);
  const objects: number[] = [];
  if (pool.selectedAhead !== null) {
    const same = sameAsAhead(pool, pool.selectedAhead);
    const [first = 0] = same;
    const last = same.at(-1) ?? 0;
    const isSame = new Set(same);
    search.rows(first, (object) => {
      if (isSame.has(object)) objects.push(object);
      return object < last;
    });
    return { objects, next: null };
  }
  const next = search.rows(from, (object) => objects.push(object) < most, WORK_MAX);
  return { objects, next: nextOf(next) };
}

/** What END_SELECTED may end in one go. */
export function selectedToEnd(pool: PoolState, message: EndSelected): Selected {
  return selectedBy(pool, message, ENDS_MAX);
}

/** What a request is to do to the tags of many objects. */
export interface Edits {
  readonly by: Member | null;
  readonly selected: Selected;
  readonly retagging: Retagging;
  /**
   * The tags that others are told of before it: with those that are to be set, and none removed
   * yet; held by who calls.
   */
  readonly told: (before: number, after: number) => number;
  readonly end: () => void;
}

/**
 * TAG_SELECTED: sets and removes tags of all that is selected, or of so many of them as one answer
 * has time for. An object whose tags would be too large is left as it is, and told.
 */
export function tagSelected(pool: PoolState, session: Session, message: TagSelected): Value {
  return editAll(editsOfTag(pool, session, message));
}

export function editsOfTag(pool: PoolState, session: Session, message: TagSelected): Edits {
  const by = askerOf(session, message.member);
  if (message.dry === 0) checkRecords(pool);
  const { attributes } = pool;
  const removed: number[] = [];
  for (let index = 0; index < message.removedCount; index++) {
    removed.push(session.keys.known(message.removed[index] as number));
  }
  const selected = selectedBy(pool, message);
  const over = storeTags(pool, session, message.attributes);
  const isDry = message.dry === 1;
  const changesNothing = (tags: number): boolean =>
    attributes.holds(tags, over) &&
    removed.every(
      (key) => attributes.termOf(tags, key) === 0 || attributes.termOf(over, key) !== 0,
    );
  const retagging = new Retagging(pool, { by, isDry, key: 0 }, (tags) =>
    changesNothing(tags) ? tags : attributes.merge(tags, over, removed),
  );
  const end = (): void => {
    retagging.end();
    attributes.free(over);
  };
  const told = (before: number, after: number): number => {
    try {
      return attributes.merge(before, over);
    } catch (error) {
      // Without those that are to be removed when all together are too many.
      if (error instanceof AttaccaError) return attributes.use(after);
      throw error;
    }
  };
  return { by, selected, retagging, told, end };
}

function editAll({ retagging, selected, end }: Edits): Value {
  const refusals = new Refusals();
  try {
    return answer(retagging.all(selected, refusals), refusals, retagging.unchanged);
  } finally {
    end();
  }
}

/** The tags that come in the place of some; `attribute`: the term that they would hide, or 0. */
type Make = (tags: number, attribute: number) => number;

/** Who edits, whether anything is changed at all, and the key that is edited; 0 for several. */
interface Edit {
  readonly by: Member | null;
  readonly isDry: boolean;
  readonly key: number;
}

/** Objects that have the same tags, and get the same in their place. */
interface Alike {
  readonly before: number;
  /** Held as long as it stands here; why they cannot have it, else. */
  readonly after: number | AttaccaError;
  readonly objects: number[];
}

/**
 * Tags many objects alike: those that have the same tags (and the same attribute of the key that
 * is edited) get the same record then, all at once.
 */
class Retagging {
  readonly #pool: PoolState;
  readonly #by: Member | null;
  readonly #isDry: boolean;
  readonly #key: number;
  readonly #make: Make;
  /** All of it is done in one go: what was held as one. */
  readonly #isWhole: boolean;
  #cost = 0;
  #unchanged = 0;
  /** By the record before, which is held as long as it stands here, and the attribute. */
  readonly #alike = new Map<number, Map<number, Alike>>();

  /**
   * `make`: the record of tags that comes in the place of one; it itself when nothing changes. Dry,
   * it is made, and objects keep what they have.
   */
  constructor(pool: PoolState, { by, isDry, key }: Edit, make: Make) {
    this.#pool = pool;
    this.#by = by;
    this.#isDry = isDry;
    this.#key = key;
    this.#make = make;
    this.#isWhole = pool.selectedAhead !== null;
  }

  /** Objects that have what they should already. */
  get unchanged(): number {
    return this.#unchanged;
  }

  /** Edits them, or so many as one answer has time for; returns which. */
  all(selected: Selected, refusals: Refusals): Selected {
    const done = this.#gather(selected, refusals);
    for (const each of this.#alike.values()) for (const alike of each.values()) this.#edit(alike);
    return done;
  }

  /** Gives those that it would change, some that are alike at a time; returns which it would do. */
  ahead(
    selected: Selected,
    visit: (objects: readonly number[], before: number, after: number) => void,
  ): Selected {
    const done = this.#gather(selected, new Refusals());
    for (const each of this.#alike.values()) {
      for (const { before, after, objects } of each.values()) {
        if (typeof after === 'number' && after !== before) visit(objects, before, after);
      }
    }
    return done;
  }

  #gather(selected: Selected, refusals: Refusals): Selected {
    const { attributes, objects: table } = this.#pool;
    const { objects } = selected;
    let last: Alike | null = null;
    let cost = 0;
    for (let index = 0; index < objects.length; index++) {
      const object = objects[index] as number;
      if (this.#cost > COST_MAX && !this.#isWhole)
        return { objects: objects.slice(0, index), next: nextOf(object) };
      const before = table.get(object, OBJECT.tags);
      // Without a key that is edited, those that follow one another are alike as a rule.
      if (last === null || last.before !== before || this.#key !== 0) {
        last = this.#alikeOf(object, before);
        const { after } = last;
        const count = typeof after === 'number' ? attributes.count(after) : 0;
        cost = COST_OBJECT + 4 * (attributes.count(before) + count);
      }
      this.#cost += cost;
      if (typeof last.after === 'number') last.objects.push(object);
      else refusals.add(this.#pool, object, last.after);
    }
    return selected;
  }

  #alikeOf(object: number, before: number): Alike {
    const { attributes } = this.#pool;
    const attribute =
      this.#key === 0 ? 0 : attributes.termOf(saidBy(this.#pool, object), this.#key);
    let made = this.#alike.get(before);
    if (made === undefined) {
      made = new Map();
      this.#alike.set(attributes.use(before), made);
    }
    let alike = made.get(attribute);
    if (alike === undefined) {
      this.#cost += this.#costOf(before);
      alike = { before, after: this.#made(before, attribute), objects: [] };
      made.set(attribute, alike);
    }
    return alike;
  }

  #made(before: number, attribute: number): number | AttaccaError {
    try {
      const then = this.#make(before, attribute);
      return then === before ? this.#pool.attributes.use(then) : then;
    } catch (error) {
      if (error instanceof AttaccaError) return error;
      throw error;
    }
  }

  #edit({ before, after, objects }: Alike): void {
    if (typeof after !== 'number' || objects.length === 0) return;
    if (after === before) this.#unchanged += objects.length;
    else if (!this.#isDry) {
      retagMany(this.#pool, objects, before, this.#pool.attributes.use(after, objects.length));
      for (const object of objects) noteName(this.#pool, EVENT.tag, this.#by, object);
    }
  }

  /** Lists among the tags may be read whole. */
  #costOf(record: number): number {
    const { attributes, terms, arena } = this.#pool;
    let cost = 0;
    for (let place = 0; place < attributes.count(record); place++) {
      cost += arena.size(terms.valueOf(attributes.termAt(record, place))) / 8;
    }
    return cost;
  }

  end(): void {
    const { attributes } = this.#pool;
    for (const [before, made] of this.#alike) {
      attributes.free(before);
      for (const { after } of made.values()) if (typeof after === 'number') attributes.free(after);
    }
  }
}

/**
 * GATHER: adds a value to the list that is the tag of a key, or takes it out, of all that is
 * selected. A list that has lost its last value goes; what has the value already, or not any more,
 * stays as it is. `.collections` must name a collection that is a list.
 */
export function gather(pool: PoolState, session: Session, message: Gather): Value {
  return editAll(editsOfGather(pool, session, message));
}

export function editsOfGather(pool: PoolState, session: Session, message: Gather): Edits {
  const by = askerOf(session, message.member);
  const { bytes } = pool.reader;
  const value = readValue(new Reader(bytes.subarray(message.valueStart, message.valueEnd)));
  const name = decodeUtf8(bytes, message.keyStart, message.keyEnd);
  const key = listKey(pool, name, value);
  if (message.removes === 0 && isRelation(key)) checkRelated(name, value);
  const selected = selectedBy(pool, message);
  if (message.removes === 0 && message.dry === 0) checkRecords(pool);
  const edit = { key, value, removes: message.removes === 1 };
  const isDry = message.dry === 1;
  const retagging = new Retagging(pool, { by, isDry, key }, (tags, attribute) =>
    editedList(pool, { tags, attribute }, edit),
  );
  const told = (before: number, after: number): number =>
    pool.attributes.use(edit.removes ? before : after);
  return { by, selected, retagging, told, end: () => retagging.end() };
}

/** Refuses with `bad-name` what no object can be called. */
function checkRelated(key: string, value: Value): void {
  const why = typeof value === 'string' ? nameFault(value) : 'it is no text';
  if (why !== null) refuse('bad-name', `Cannot put a name into "${key}": ${why}`);
}

/** The number of a key whose tags are lists. */
function listKey(pool: PoolState, name: string, value: Value): number {
  const size = utf8Length(name);
  const isReserved = isReservedKey(name) && name !== KEY_NAMES.collections;
  if (isReserved || size === 0 || size > LIMITS.keyBytesMax || name === KEY_NAMES.container) {
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

/**
 * Tags with a value in the list of a key, or without it. A tag hides the attribute of its key: so
 * where there is no such tag the list begins as that of the attribute.
 */
function editedList(
  pool: PoolState,
  { tags, attribute }: { readonly tags: number; readonly attribute: number },
  edit: { readonly key: number; readonly value: Value; readonly removes: boolean },
): number {
  const { attributes, keys, definitions } = pool;
  const tag = attributes.termOf(tags, edit.key);
  const list = listIn(pool, tag === 0 ? attribute : tag);
  if (list === null) {
    refuse('bad-attribute', `Cannot gather in "${keys.name(edit.key)}": it is no list`);
  }
  const others = list.filter((each) => !isSameValue(each, edit.value));
  const has = others.length < list.length;
  if (edit.removes ? !has : has) return tags;
  const then = edit.removes ? others : [...list, edit.value];
  // An empty list says that there is none, where the attribute says otherwise.
  if (then.length === 0 && attribute === 0) return attributes.merge(tags, 0, [edit.key]);
  const said = { [keys.name(edit.key)]: then };
  const over = attributes.ofMap(
    definitions.hasSchemas ? definitions.schemas.coerceGiven(said) : said,
  );
  try {
    return attributes.merge(tags, over);
  } finally {
    attributes.free(over);
  }
}

/** The list of a term; none of term 0; null for what is no list. */
function listIn({ attributes, terms }: PoolState, term: number): readonly Value[] | null {
  if (term === 0) return [];
  const value = attributes.valueOf(term);
  if (Array.isArray(value)) return value;
  // Relations may be said by one name alone.
  return typeof value === 'string' && isRelation(terms.keyOf(term)) ? [value] : null;
}

/** END_SELECTED: withdraws or deletes all that is selected; what may not end is told. */
export function endSelected(pool: PoolState, session: Session, message: EndSelected): Value {
  const by = askerOf(session, message.member);
  const selected = selectedToEnd(pool, message);
  const refusals = new Refusals();
  const isForced = message.how === END.deleteForced;
  // Those that depend on one another go together.
  const together = new Set(message.how === END.unkeep ? [] : selected.objects);
  const { objects } = pool;
  const offered = new Set(selected.objects.filter((at) => objects.get(at, OBJECT.current) !== 0));
  for (const object of selected.objects) {
    // What was in a group has ended with it.
    if (!isObject(pool, object)) continue;
    const isOver = offered.has(object) && objects.get(object, OBJECT.current) === 0;
    if (isOver && message.how === END.unkeep) continue;
    refusals.attempt(pool, object, () => {
      if (message.how === END.unkeep) {
        if (message.dry === 1) checkUnkeep(pool, object);
        else unkeep(pool, by, object);
      } else if (message.dry === 1) checkDelete(pool, object, isForced, together);
      else deleteObject(pool, by, object, isForced, together);
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
      this.add(pool, object, error);
    }
  }

  add(pool: PoolState, object: number, { code, message }: AttaccaError): void {
    this.count++;
    if (this.rows.length >= REFUSALS_MAX) return;
    this.rows.push({ name: objectName(pool, object), code, message });
  }
}

function answer({ objects, next }: Selected, { count, rows }: Refusals, unchanged = 0): Value {
  const changed = objects.length - count - unchanged;
  return { selected: objects.length, changed, refused: rows, next };
}
