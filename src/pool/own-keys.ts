import type { OwnKey } from '../catalog/compile.js';
import type { ObjectKey, VersionKey } from '../core/schema/reserved-keys.js';
import { spaceAt } from '../core/space.js';
import type { Value } from '../core/value.js';
import { DURABILITIES } from '../protocol/index.js';
import { KEY_NAMES } from './attributes.js';
import { durabilityOfVersion, levelOf, nameOfMember, stateOf, timeOf } from './looking.js';
import { COLLECTION_KEY } from './meaning.js';
import { measureStateOf, summaryOfVersion, summarySteps } from './measuring.js';
import { findObject } from './objects.js';
import { isGrowing, isInParts, missingOf, partsOf } from './parts.js';
import { OBJECT, VERSION, VERSION_FLAG } from './rows.js';
import type { PoolState } from './state.js';
import { versionHas } from './versions.js';

/**
 * The keys of an object's name; the second one is Maestro's. Attributes may have them as well (GRIB
 * has a `name`): these are asked for by a pattern, `key("name")`.
 */
const NAME_KEYS: readonly string[] = ['name', '.maestro.core.cdo.name'];

/** What the pool itself tells of an object, and of the version that is offered. */
type Told = (pool: PoolState, object: number, version: number) => Value | undefined;

const OF_OBJECTS: { readonly [key: string]: Told } = {
  '.state': stateOf,
  '.versions': (pool, object) => pool.objects.get(object, OBJECT.number),
} satisfies { readonly [K in ObjectKey]: Told };

const OF_VERSIONS: { readonly [key: string]: Told } = {
  '.version': (pool, _, version) => pool.versions.get(version, VERSION.number),
  '.bytes': (pool, _, version) => pool.versions.getWide(version, VERSION.size),
  '.dtype': (pool, _, version) => spaceOf(pool, version).dtype,
  '.shape': (pool, _, version) => spaceOf(pool, version).shape?.map((size) => size ?? null),
  '.ndim': (pool, _, version) => spaceOf(pool, version).shape?.length,
  '.order': (pool, _, version) => spaceOf(pool, version).order,
  '.byteOrder': (pool, _, version) => spaceOf(pool, version).byteOrder,
  '.scope': (pool, _, version) =>
    versionHas(pool, version, VERSION_FLAG.scopePool) ? 'pool' : 'member',
  '.level': (pool, _, version) => levelOf(pool, version),
  '.durability': (pool, _, version) => DURABILITIES[durabilityOfVersion(pool, version)],
  '.provider': (pool, _, version) => providerOf(pool, version),
  '.component': (pool, _, version) => providerOf(pool, version).replace(/\[\d+\]$/u, ''),
  '.time': (pool, _, version) => timeOf(pool, version),
  '.parts': (pool, _, version) => (isInParts(pool, version) ? partsOf(pool, version) : undefined),
  '.missing': (pool, _, version) =>
    isInParts(pool, version) && !isGrowing(pool, version) ? missingOf(pool, version) : undefined,
  '.stats': (pool, _, version) => measureStateOf(pool, version),
  'stats.count': (pool, _, version) => summaryOfVersion(pool, version)?.count,
  'stats.min': (pool, _, version) => endOf(pool, version, 'min'),
  'stats.max': (pool, _, version) => endOf(pool, version, 'max'),
  'stats.mean': (pool, _, version) => endOf(pool, version, 'mean'),
  'stats.nan': (pool, _, version) => summaryOfVersion(pool, version)?.nan,
  'stats.fill': (pool, _, version) => summaryOfVersion(pool, version)?.fill,
  'stats.infinite': (pool, _, version) => summaryOfVersion(pool, version)?.infinite,
} satisfies { readonly [K in VersionKey]: Told };

const TOLD: ReadonlySet<string> = new Set([
  ...Object.keys(OF_OBJECTS),
  ...Object.keys(OF_VERSIONS),
]);

/** Whether by a key the pool tells what it knows: no attribute can have it. */
export function isToldKey(key: string): boolean {
  return TOLD.has(key);
}

/** The keys that mean something to the pool itself, whether it tells them or objects say them. */
export const OWN_KEYS: readonly string[] = [
  ...[...NAME_KEYS, ...TOLD, COLLECTION_KEY],
  ...Object.values(KEY_NAMES),
];

export function isOwnKey(key: string): boolean {
  return OWN_KEYS.includes(key);
}

/** Whether no program can say it of an object: the pool tells it, or keeps it by other requests. */
export function isReservedKey(key: string): boolean {
  return TOLD.has(key) || key === COLLECTION_KEY || key === KEY_NAMES.collections;
}

export function isNameKey(key: string): boolean {
  return NAME_KEYS.includes(key);
}

/** How a key of the pool's own is answered; null for any other. */
export function ownKeyOf(pool: PoolState, key: string): OwnKey | null {
  if (isNameKey(key)) return nameKeyOf(pool);
  if (!TOLD.has(key)) return null;
  return {
    kind: 'told',
    of: (object, work) => {
      work.charge(toldSteps(pool, key, object));
      return toldOf(pool, key, object);
    },
  };
}

/** What it takes to tell, where that is more than a look: in steps of {@link Work}. */
export function toldSteps(pool: PoolState, key: string, object: number): number {
  const version = pool.objects.get(object, OBJECT.current);
  return version !== 0 && key.startsWith('stats.') ? summarySteps(pool, version) : 0;
}

/** What the pool tells of an object by a key of its own, other than its name. */
export function toldOf(pool: PoolState, key: string, object: number): Value | undefined {
  const version = pool.objects.get(object, OBJECT.current);
  const ofObject = OF_OBJECTS[key];
  if (ofObject !== undefined) return ofObject(pool, object, version);
  return version === 0 ? undefined : OF_VERSIONS[key]?.(pool, object, version);
}

/** What there is only of elements that have a value. */
function endOf(
  pool: PoolState,
  version: number,
  of: 'min' | 'max' | 'mean',
): number | bigint | undefined {
  const summary = summaryOfVersion(pool, version);
  return summary === null || summary.count === 0 ? undefined : summary[of];
}

function nameKeyOf(pool: PoolState): OwnKey {
  const { objects, arena } = pool;
  return {
    kind: 'name',
    find: (bytes, start, end) => findObject(pool, bytes, start, end),
    mayHold: (object, low, high) =>
      (objects.get(object, OBJECT.pairsLow) & low) >>> 0 === low &&
      (objects.get(object, OBJECT.pairsHigh) & high) >>> 0 === high,
    read: (object, into) => {
      const record = objects.get(object, OBJECT.name);
      into.bytes = arena.chunk(record);
      into.start = arena.start(record);
      into.end = into.start + arena.size(record);
    },
  };
}

function spaceOf({ spaces, versions }: PoolState, version: number): ReturnType<typeof spaceAt> {
  const row = versions.get(version, VERSION.space);
  return spaceAt(spaces.bytes(row), spaces.start(row));
}

function providerOf(pool: PoolState, version: number): string {
  return nameOfMember(pool, pool.versions.get(version, VERSION.providerMember));
}
