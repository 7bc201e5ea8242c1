import type { ValueMap } from '../core/value.js';
import type { LevelEntry } from './level.js';

/** What selectors know of an object in a store, besides its attributes. */
export function keysOfEntry({ pool, name, version, size, space }: LevelEntry): ValueMap {
  const { dtype, shape, order, byteOrder } = space;
  return {
    ...{ name, '.maestro.core.cdo.name': name, '.pool': pool, '.version': version },
    ...{ '.bytes': size, '.dtype': dtype, '.shape': shape, '.ndim': shape.length },
    ...{ '.order': order, '.byteOrder': byteOrder, '.level': 'store', '.durability': 'fsync' },
  };
}
