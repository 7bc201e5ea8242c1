import { keysOf, type Selector } from '../core/selector/ast.js';
import { nearest } from '../core/suggest.js';
import type { Value } from '../core/value.js';
import { isOwnKey, OWN_KEYS } from './own-keys.js';
import type { PoolState } from './state.js';

/** So many are told of, and so many keys are compared with each: bounds the pause. */
const UNKNOWN_MAX = 4;
const COMPARED_MAX = 1_024;

/**
 * The keys of a selector that no object has, each with the nearest that one has, or that is the
 * pool's own: likely mistyped, where nothing is found. Patterns over keys are none of them.
 */
export function unknownKeys(pool: PoolState, selector: Selector): Value {
  const unknown: string[] = [];
  for (const key of keysOf(selector)) {
    if (key.kind !== 'name' || isOwnKey(key.name) || isFoundKey(pool, key.name)) continue;
    unknown.push(key.name);
    if (unknown.length === UNKNOWN_MAX) break;
  }
  if (unknown.length === 0) return [];
  const found = [...pool.shapes.keysFound(COMPARED_MAX)].map((number) => pool.keys.name(number));
  const words = [...found, ...OWN_KEYS];
  return unknown.map((key) => ({ key, meant: nearest(key, words)[0] ?? null }));
}

export function isFoundKey({ keys, shapes }: PoolState, name: string): boolean {
  const number = keys.find(name);
  let has = false;
  if (number !== 0) {
    shapes.eachSetOf(number, (set) => {
      has ||= set !== 0;
    });
  }
  return has;
}
