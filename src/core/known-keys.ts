import { didYouMean } from './suggest.js';

export type KnownKeys = ReadonlySet<string>;

/** All keys of a type: one that is forgotten, or is none of it, does not compile. */
export function keysOf<T extends object>(keys: { readonly [K in keyof T]-?: true }): KnownKeys {
  return new Set(Object.keys(keys));
}

/**
 * Throws a TypeError for a key that is not known: misspelt, it would be left out without a word.
 * `action` is what was asked for, `demand "u/850"`; `what` is what has the keys.
 */
export function checkKeys(
  action: string,
  given: unknown,
  known: KnownKeys,
  what = 'its options',
): void {
  if (given === undefined) return;
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    const shown = given === null ? 'null' : Array.isArray(given) ? 'a list' : `a ${typeof given}`;
    throw new TypeError(`Cannot ${action}: of ${what} it takes an object, not ${shown}`);
  }
  for (const key in given) {
    if (!known.has(key)) throw new TypeError(`Cannot ${action}: ${unknownKey(key, known, what)}`);
  }
}

/** `"strde" is none of its options. Did you mean "stride"?`, or all that there are. */
export function unknownKey(key: string, known: KnownKeys, what: string): string {
  const names = [...known];
  const hint = didYouMean(key, names);
  return hint === ''
    ? `"${key}" is none of ${what}, ${names.join(', ')}`
    : `"${key}" is none of ${what}.${hint}`;
}
