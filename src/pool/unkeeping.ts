import { refuse } from '../core/assert.js';
import { objectName } from './objects.js';
import { OBJECT, VERSION_FLAG } from './rows.js';
import type { Member } from './sessions.js';
import type { PoolState } from './state.js';
import { versionHas, withdrawVersion } from './versions.js';

/** UNKEEP: withdraws what stays by itself. */
export function unkeep(pool: PoolState, by: Member | null, object: number): void {
  checkUnkeep(pool, object);
  withdrawVersion(pool, pool.objects.get(object, OBJECT.current), by);
}

/** Refuses with `wrong-state` what does not stay by itself. */
export function checkUnkeep(pool: PoolState, object: number): void {
  const current = pool.objects.get(object, OBJECT.current);
  if (current === 0 || !versionHas(pool, current, VERSION_FLAG.scopePool)) {
    const name = objectName(pool, object);
    const why = current === 0 ? 'it is not offered' : 'it belongs to the member that offers it';
    refuse('wrong-state', `Cannot withdraw "${name}": ${why}`, { name });
  }
}
