import { assert } from '../core/assert.js';
import { namesOf } from './depended.js';
import { isObject } from './looking.js';
import { objectName } from './objects.js';
import { dependenciesOf, dependencyOf, isComplete, isVersionReady } from './readiness.js';
import { OBJECT, VERSION, VERSION_FLAG } from './rows.js';
import type { PoolState } from './state.js';
import { versionHas } from './versions.js';

/** What is offered, and all that it depends on is ready, is ready itself. For tests. */
export function checkReady(pool: PoolState): void {
  const { objects, versions } = pool;
  for (let object = 1; object < objects.end; object++) {
    if (!isObject(pool, object)) continue;
    const current = objects.get(object, OBJECT.current);
    if (current !== 0) checkVersion(pool, current);
  }
  for (const old of pool.unreadyOld.versions()) {
    assert(!versionHas(pool, old, VERSION_FLAG.offered), 'what is offered is found by its object');
    checkVersion(pool, old);
    const name = pool.unreadyOld.lackedBy(old) ?? '';
    const lacked = name === '' ? 0 : dependencyOf(pool, old, name);
    assert(lacked === 0 || !isVersionReady(pool, lacked), 'it is found by what it lacks');
    assert(name !== '' || !isComplete(pool, old), 'what lacks nothing is not whole itself');
  }
  for (const version of pool.readySince.keys()) {
    assert(versionHas(pool, version, VERSION_FLAG.ready), 'what is ready since then is ready');
    assert(versions.get(version, VERSION.object) !== 0, 'what is ready is there');
  }
}

function checkVersion(pool: PoolState, version: number): void {
  const term = dependenciesOf(pool, version);
  const isReady = isVersionReady(pool, version);
  const name = objectName(pool, pool.versions.get(version, VERSION.object));
  assert(!isReady || isComplete(pool, version), `${name}: what is ready is all there`);
  if (term === 0 || isReady || !isComplete(pool, version)) return;
  const lacks = [...namesOf(pool, term)].some((each) => {
    const other = dependencyOf(pool, version, each);
    return other === 0 || !isVersionReady(pool, other);
  });
  assert(lacks, `${name}: what is not ready lacks something`);
}
