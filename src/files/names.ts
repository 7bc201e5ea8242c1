import { LIMITS } from '../core/limits.js';
import { utf8Length } from '../core/utf8.js';

/** Whether an object's name has more characters, or more bytes, than one may have. */
export function isTooLong(name: string): boolean {
  return [...name].length > LIMITS.nameCharactersMax || utf8Length(name) > LIMITS.nameBytesMax;
}

/** The first of `leaves` that a path leads through; null: none does. */
export function nameWithin(leaves: readonly string[], paths: readonly string[]): string | null {
  const known = new Set(leaves);
  for (const path of paths) {
    for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) {
      const through = path.slice(0, at);
      if (known.has(through)) return through;
    }
  }
  return null;
}
