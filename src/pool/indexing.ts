import { addPairs } from '../catalog/signature.js';
import { KEY } from './attributes.js';
import { dependsAnew } from './readiness.js';
import { OBJECT, VERSION } from './rows.js';
import type { PoolState } from './state.js';

/**
 * By what an object is found: the attributes of the version that is offered, and its tags, each of
 * which hides the attribute of its key. Changed with what it follows, within the same operation.
 */

/** The object is there: it is found by its name, and by what it has not. */
export function showObject(
  pool: PoolState,
  object: number,
  name: Uint8Array,
  start: number,
  end: number,
): void {
  const { objects, terms } = pool;
  pool.all = terms.postings.add(pool.all, object);
  const { signature } = pool;
  signature.low = 0;
  signature.high = 0;
  addPairs(signature, name, start, end);
  const fields = objects.fields(object);
  const at = objects.at(object);
  fields[at + OBJECT.pairsLow] = signature.low;
  fields[at + OBJECT.pairsHigh] = signature.high;
}

/** The object is about to be forgotten: nothing is offered of it any more. */
export function hideObject(pool: PoolState, object: number): void {
  retag(pool, object, 0);
  pool.all = pool.terms.postings.remove(pool.all, object);
}

function showTerm(pool: PoolState, term: number, object: number): void {
  if (pool.terms.show(term, object) === KEY.dependsOn) pool.depended.add(pool, term, 1);
}

function hideTerm(pool: PoolState, term: number, object: number): void {
  pool.terms.hide(term, object);
  if (pool.terms.keyOf(term) === KEY.dependsOn) pool.depended.add(pool, term, -1);
}

/** The version has become the one that is offered. */
export function showVersion(pool: PoolState, object: number, version: number): void {
  const { attributes, shapes } = pool;
  const record = pool.versions.get(version, VERSION.attributes);
  if (record === 0) return;
  const tags = pool.objects.get(object, OBJECT.tags);
  const terms = pool.termsShown;
  const count = attributes.copyTerms(record, terms);
  for (let place = 0; place < count; place++) {
    const term = terms[place] as number;
    if (!isHidden(pool, tags, term)) showTerm(pool, term, object);
  }
  shapes.show(attributes.shapeOf(record), 'attributed', object);
}

/** The version is offered no longer. */
export function hideVersion(pool: PoolState, object: number, version: number): void {
  const { attributes, shapes } = pool;
  const record = pool.versions.get(version, VERSION.attributes);
  if (record === 0) return;
  const tags = pool.objects.get(object, OBJECT.tags);
  const count = attributes.count(record);
  for (let place = 0; place < count; place++) {
    const term = attributes.termAt(record, place);
    if (!isHidden(pool, tags, term)) hideTerm(pool, term, object);
  }
  shapes.hide(attributes.shapeOf(record), 'attributed', object);
}

function isHidden({ attributes, terms }: PoolState, tags: number, term: number): boolean {
  return tags !== 0 && attributes.termOf(tags, terms.keyOf(term)) !== 0;
}

/** The object's tags become another record, of which it is a holder. */
export function retag(pool: PoolState, object: number, tags: number): void {
  retagMany(pool, [object], pool.objects.get(object, OBJECT.tags), tags);
}

/**
 * The tags of objects, in ascending order and with the same record of them before, become another
 * one, which each of them holds: what they hide, and hide no longer, changes too.
 */
export function retagMany(
  pool: PoolState,
  rows: readonly number[],
  before: number,
  tags: number,
): void {
  const { attributes, shapes, objects } = pool;
  if (before !== 0) {
    hideTags(pool, rows, before, tags);
    shapes.hideMany(attributes.shapeOf(before), 'tagged', rows);
  }
  if (tags !== 0) {
    showTags(pool, rows, before, tags);
    shapes.showMany(attributes.shapeOf(tags), 'tagged', rows);
  }
  for (const object of rows) objects.set(object, OBJECT.tags, tags);
  const depended = attributes.termOf(before, KEY.dependsOn);
  if (depended !== attributes.termOf(tags, KEY.dependsOn)) dependsAnew(pool, rows);
  attributes.free(before, rows.length);
}

/** Of the tags before those that go; and what of the attributes they alone have hidden is shown. */
function hideTags(pool: PoolState, rows: readonly number[], before: number, tags: number): void {
  const { attributes, terms } = pool;
  for (let place = 0; place < attributes.count(before); place++) {
    const term = attributes.termAt(before, place);
    const key = terms.keyOf(term);
    const now = attributes.termOf(tags, key);
    if (now === term) continue;
    terms.hideMany(term, rows);
    if (key === KEY.dependsOn) pool.depended.add(pool, term, -rows.length);
    if (now === 0) eachSaid(pool, rows, key, showTerm);
  }
}

function showTags(pool: PoolState, rows: readonly number[], before: number, tags: number): void {
  const { attributes, terms } = pool;
  for (let place = 0; place < attributes.count(tags); place++) {
    const term = attributes.termAt(tags, place);
    const key = terms.keyOf(term);
    const was = attributes.termOf(before, key);
    if (was === term) continue;
    if (was === 0) eachSaid(pool, rows, key, hideTerm);
    terms.showMany(term, rows);
    if (key === KEY.dependsOn) pool.depended.add(pool, term, rows.length);
  }
}

/** Visits the objects whose attributes have a key, with its term in them. */
function eachSaid(
  pool: PoolState,
  rows: readonly number[],
  key: number,
  visit: (pool: PoolState, term: number, object: number) => void,
): void {
  const { attributes, shapes } = pool;
  // Many objects have attributes of one shape.
  let shape = 0;
  let place = -1;
  for (const object of rows) {
    const said = saidBy(pool, object);
    if (said === 0) continue;
    const shapeSaid = attributes.shapeOf(said);
    if (shapeSaid !== shape) {
      shape = shapeSaid;
      place = shapes.placeOf(shape, key);
    }
    if (place >= 0) visit(pool, attributes.termAt(said, place), object);
  }
}

/** The attributes of the version that is offered. */
export function saidBy({ objects, versions }: PoolState, object: number): number {
  const current = objects.get(object, OBJECT.current);
  return current === 0 ? 0 : versions.get(current, VERSION.attributes);
}

/** The term of a key by which an object is found, or 0. */
export function termFound(pool: PoolState, object: number, key: number): number {
  const { attributes, objects } = pool;
  const tagged = attributes.termOf(objects.get(object, OBJECT.tags), key);
  return tagged !== 0 ? tagged : attributes.termOf(saidBy(pool, object), key);
}
