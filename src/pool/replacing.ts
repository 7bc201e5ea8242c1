import { refuse } from '../core/assert.js';
import type { Offer } from '../protocol/index.js';
import { objectName } from './objects.js';
import { VERSION, VERSION_FLAG } from './rows.js';
import type { PoolState } from './state.js';
import { versionHas } from './versions.js';

/** Offers that come in the place of what the pool keeps: which version that ends with them. */

/** Whether an offer ends a version, which the pool keeps, and comes in its place. */
export function isReplaced(
  pool: PoolState,
  version: number,
  { replaces, replaced }: Pick<Offer, 'replaces' | 'replaced'>,
): boolean {
  if (replaces === 0 || !versionHas(pool, version, VERSION_FLAG.scopePool)) return false;
  return replaced === 0 || replaced === pool.versions.get(version, VERSION.number);
}

/** Refuses with `wrong-state` an offer in the place of a version that is not there. */
export function replacesNothing(pool: PoolState, object: number, version: number): never {
  const name = objectName(pool, object);
  refuse('wrong-state', `Cannot replace version ${version} of "${name}": it is not offered`, {
    name,
  });
}
