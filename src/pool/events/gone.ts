import type { AttaccaError } from '../../core/errors.js';
import { failure } from '../emit.js';
import { nameOfMember } from '../looking.js';
import { objectName } from '../objects.js';
import { OBJECT, VERSION, VERSION_FLAG } from '../rows.js';
import type { PoolState } from '../state.js';

/** Why a version that standing requires keep cannot be had; null: it is there. */
export function goneOf(pool: PoolState, version: number): AttaccaError | null {
  const flags = pool.versions.get(version, VERSION.flags);
  if ((flags & VERSION_FLAG.lost) !== 0) return objectLost(pool, version);
  if ((flags & VERSION_FLAG.deleted) === 0) return null;
  return objectDeleted(objectName(pool, pool.versions.get(version, VERSION.object)));
}

export function objectLost(pool: PoolState, version: number): AttaccaError {
  const { versions } = pool;
  const name = objectName(pool, versions.get(version, VERSION.object));
  const member = nameOfMember(pool, versions.get(version, VERSION.providerMember));
  const number = versions.get(version, VERSION.number);
  return failure(
    'object-lost',
    `Cannot demand "${name}": version ${number}, which ${member} had offered, was lost with the ` +
      'memory that it lay in',
    { name, member, version: number },
  );
}

export function objectDeleted(name: string): AttaccaError {
  return failure('object-deleted', `Cannot demand "${name}": it was deleted`, { name });
}

/** The versions of an object that standing requires keep. */
export function pinnedOf({ objects, versions }: PoolState, object: number): number[] {
  const found: number[] = [];
  const visit = (version: number): void => {
    if (version !== 0 && versions.get(version, VERSION.pins) > 0) found.push(version);
  };
  visit(objects.get(object, OBJECT.current));
  for (let at = objects.get(object, OBJECT.old); at !== 0; at = versions.get(at, VERSION.next)) {
    visit(at);
  }
  return found;
}
