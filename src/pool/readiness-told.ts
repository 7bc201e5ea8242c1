import { encodeUtf8 } from '../core/utf8.js';
import type { Value, ValueMap } from '../core/value.js';
import { namesOf } from './depended.js';
import { findObject, handleState, hasFlag, objectName } from './objects.js';
import { missingOf } from './parts.js';
import { promisesOfName } from './promises.js';
import { dependenciesOf, dependencyOf, isComplete, isVersionReady } from './readiness.js';
import { inWords, type Room, someOf } from './room.js';
import { HANDLE, HANDLE_FLAG, HANDLE_STATE, VERSION, WAIT, WAIT_KIND } from './rows.js';
import type { PoolState } from './state.js';
import { awaited, awaitedText } from './waiting.js';

/** So many of those that are missing are told, and so many looked at for them. */
const MISSING_MAX = 100;
const LOOKED_MAX = 1_000;

interface Missing {
  readonly name: string;
  readonly because: string;
  readonly promisedBy: readonly string[];
}

/** What keeps a version from being ready: what is not there, or depends on itself. */
function missingFor(pool: PoolState, version: number): Missing[] {
  const found = new Map<string, Missing>();
  const looked = new Set<string>();
  const visit = (at: number, path: readonly string[]): void => {
    const term = dependenciesOf(pool, at);
    if (term === 0) return;
    for (const name of namesOf(pool, term)) {
      if (found.size >= MISSING_MAX || looked.size >= LOOKED_MAX) return;
      if (path.includes(name)) {
        const ring = path.slice(path.indexOf(name));
        const through = ring.length === 1 ? '' : `, by way of ${inWords(ring.slice(1))}`;
        found.set(name, { name, because: `it depends on itself${through}`, promisedBy: [] });
        continue;
      }
      if (looked.has(name)) continue;
      looked.add(name);
      const current = dependencyOf(pool, at, name);
      if (current !== 0 && isVersionReady(pool, current)) continue;
      if (current !== 0 && isComplete(pool, current)) visit(current, [...path, name]);
      else found.set(name, missingOne(pool, name, current));
    }
  };
  const own = objectName(pool, pool.versions.get(version, VERSION.object));
  visit(version, [own]);
  return [...found.values()];
}

function missingOne(pool: PoolState, name: string, current: number): Missing {
  const bytes = encodeUtf8(name);
  const object = findObject(pool, bytes, 0, bytes.length);
  if (object === 0) {
    const by = someOf(
      promisesOfName(pool, bytes)
        .filter(({ state }) => state === 'open')
        .map(({ member }) => member),
    );
    const who = by.length === 0 ? 'nobody has promised it' : `${inWords(by)} promised it`;
    return { name, because: `it is not offered; ${who}`, promisedBy: by };
  }
  const who = awaited(pool, object);
  const elements = current === 0 ? 0 : missingOf(pool, current);
  const what = elements === 0 ? 'it is' : `${elements} of its elements are`;
  const because = `${what} not offered; ${awaitedText(who, '')}`;
  return { name, because, promisedBy: who.promisedBy };
}

/** In words: what a version waits for to be ready. */
export function missingText(pool: PoolState, version: number): string {
  const [first, ...more] = missingFor(pool, version);
  if (first === undefined) return 'it is not complete';
  const others = more.length === 0 ? '' : `; ${more.length} more are missing`;
  return `"${first.name}" is missing: ${first.because}${others}`;
}

/** Whether the demand of a handle waits for nothing but that its version is ready. */
export function waitsUntilReady(pool: PoolState, handle: number): boolean {
  const version = pool.handles.get(handle, HANDLE.version);
  if (version === 0 || !hasFlag(pool, handle, HANDLE_FLAG.ready)) return false;
  return isComplete(pool, version) && !isVersionReady(pool, version);
}

/** What EXPLAIN tells of an object that depends on others. */
export function readinessOf(pool: PoolState, version: number): ValueMap {
  if (dependenciesOf(pool, version) === 0) return {};
  const ready = isVersionReady(pool, version);
  const missing = ready ? [] : missingFor(pool, version).map((each) => ({ ...each }));
  return { ready, missingDependencies: missing as unknown as Value };
}

/** Demands that wait until what is offered is ready: no list has them, all waits are looked at. */
export function* readyWaits(pool: PoolState, room: Room): Generator<number> {
  const { rows } = pool.waits;
  for (let wait = 1; wait < rows.end; wait++) {
    if (room.isFull) return;
    if (rows.get(wait, WAIT.kind) !== WAIT_KIND.demand) continue;
    const handle = rows.get(wait, WAIT.subject);
    if (handle === 0 || pool.handles.get(handle, HANDLE.wait) !== wait) continue;
    if (handleState(pool, handle) !== HANDLE_STATE.required) continue;
    if (waitsUntilReady(pool, handle)) yield handle;
  }
}
