import { refuse } from '../assert.js';
import type { Schema } from './schema.js';

/** Keys by which a pool tells what it knows of an object. */
const OBJECT_KEYS = ['.state', '.versions'] as const;
/** The same of the version that is offered. */
const VERSION_KEYS = [
  ...(['.version', '.bytes', '.dtype', '.shape', '.ndim', '.order', '.byteOrder'] as const),
  ...(['.scope', '.level', '.durability', '.provider', '.component', '.time'] as const),
  ...(['.parts', '.missing', '.stats', 'stats.count', 'stats.min', 'stats.max'] as const),
  ...(['stats.mean', 'stats.nan', 'stats.fill', 'stats.infinite'] as const),
] as const;

export type ObjectKey = (typeof OBJECT_KEYS)[number];
export type VersionKey = (typeof VERSION_KEYS)[number];

/** Keys that no schema can define, and no object can have: the pool's own. */
const RESERVED: ReadonlySet<string> = new Set([
  ...OBJECT_KEYS,
  ...VERSION_KEYS,
  ...['.collection', '.collections', '.container'],
]);

/** Whether a pool itself tells something by this key: no attribute can have it. */
export function isReserved(key: string): boolean {
  return RESERVED.has(key);
}

/** Refuses with `bad-schema` a schema that defines a key which a pool reserves. */
export function checkReserved({ name, attributes }: Schema): void {
  for (const { key } of attributes) {
    if (!RESERVED.has(key)) continue;
    const why = `"${key}" is the pool's own, and no attribute`;
    refuse('bad-schema', `Cannot define "${name}": ${why}`, { schema: name, path: 'attributes' });
  }
}
