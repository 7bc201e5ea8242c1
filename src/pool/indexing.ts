import { addPairs } from '../catalog/signature.js';
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
  objects.set(object, OBJECT.pairsLow, signature.low);
  objects.set(object, OBJECT.pairsHigh, signature.high);
}

/** The object is about to be forgotten: nothing is offered of it any more. */
export function hideObject(pool: PoolState, object: number): void {
  const { objects, terms } = pool;
  hideAll(pool, object, objects.get(object, OBJECT.tags));
  pool.all = terms.postings.remove(pool.all, object);
}

/** The version has become the one that is offered. */
export function showVersion(pool: PoolState, object: number, version: number): void {
  const { attributes, terms, objects } = pool;
  const record = pool.versions.get(version, VERSION.attributes);
  const tags = objects.get(object, OBJECT.tags);
  for (let place = 0; place < attributes.count(record); place++) {
    const term = attributes.termAt(record, place);
    if (attributes.termOf(tags, terms.keyOf(term)) === 0) terms.show(term, object);
  }
}

/** The version is offered no longer. */
export function hideVersion(pool: PoolState, object: number, version: number): void {
  const { attributes, terms, objects } = pool;
  const record = pool.versions.get(version, VERSION.attributes);
  const tags = objects.get(object, OBJECT.tags);
  for (let place = 0; place < attributes.count(record); place++) {
    const term = attributes.termAt(record, place);
    if (attributes.termOf(tags, terms.keyOf(term)) === 0) terms.hide(term, object);
  }
}

/** The object's tags become another record: what they hide, and hide no longer, changes too. */
export function retag(pool: PoolState, object: number, tags: number): void {
  const { attributes, terms, objects } = pool;
  const before = objects.get(object, OBJECT.tags);
  const current = objects.get(object, OBJECT.current);
  const said = current === 0 ? 0 : pool.versions.get(current, VERSION.attributes);
  for (let place = 0; place < attributes.count(before); place++) {
    const term = attributes.termAt(before, place);
    if (attributes.has(tags, term)) continue;
    terms.hide(term, object);
    const key = terms.keyOf(term);
    if (attributes.termOf(tags, key) !== 0) continue;
    const hidden = attributes.termOf(said, key);
    if (hidden !== 0) terms.show(hidden, object);
  }
  for (let place = 0; place < attributes.count(tags); place++) {
    const term = attributes.termAt(tags, place);
    if (attributes.has(before, term)) continue;
    const key = terms.keyOf(term);
    if (attributes.termOf(before, key) === 0) {
      const shown = attributes.termOf(said, key);
      if (shown !== 0) terms.hide(shown, object);
    }
    terms.show(term, object);
  }
  objects.set(object, OBJECT.tags, tags);
  attributes.free(before);
}

function hideAll(pool: PoolState, object: number, record: number): void {
  const { attributes, terms } = pool;
  for (let place = 0; place < attributes.count(record); place++) {
    terms.hide(attributes.termAt(record, place), object);
  }
}
