import { assert } from '../core/assert.js';
import { ACTIVITY, ENTITY, ENTITY_FLAG, STAY, USE } from './provenance.js';
import { partsOfEntity } from './provenance-parts.js';
import { VERSION } from './rows.js';
import type { PoolState } from './state.js';

/** Recounts what is remembered of who made what of what: a part of {@link checkInvariants}. */
export function checkProvenance(pool: PoolState): void {
  const { activities, arena } = pool.provenance;
  const names = new Map<number, number>();
  const count = (activity: number): void => {
    names.set(activity, (names.get(activity) ?? 0) + 1);
  };
  checkVersions(pool, count);
  let bytes = checkEntities(pool, count);
  checkUses(pool, count);
  const present = new Set<number>();
  let bytesPresent = 0;
  for (const { activity, id } of pool.members.values()) {
    present.add(activity);
    assert(activities.get(activity, ACTIVITY.member) === id, 'a stay is that of its member');
  }
  const stays = new Set([...present, ...names.keys()]);
  assert(stays.size === activities.used, 'a stay is kept while it is named, or goes on');
  for (const activity of stays) {
    const isPresent = activities.get(activity, ACTIVITY.stay) === STAY.present;
    assert(isPresent === present.has(activity), 'a stay goes on for as long as its member');
    const named = names.get(activity) ?? 0;
    assert(activities.get(activity, ACTIVITY.names) === named, 'what names a stay is counted');
    const told = arena.bytesOf(activities.get(activity, ACTIVITY.told));
    bytes += told;
    if (isPresent) bytesPresent += told;
    checkListOf(pool, activity);
  }
  assert(bytesPresent === pool.provenance.bytesPresent, 'what is told of those there is counted');
  assert(bytes === arena.bytesUsed, 'every record of the provenance is named by somebody');
}

function checkVersions({ versions, provenance }: PoolState, count: (stay: number) => void): void {
  const { entities } = provenance;
  for (let version = 1; version < versions.end; version++) {
    // A released row has nothing but a link.
    if (versions.get(version, VERSION.number) === 0) continue;
    count(versions.get(version, VERSION.activity));
    const reference = versions.get(version, VERSION.entity);
    if (reference === 0) continue;
    const entity = entities.numberOf(reference);
    assert(entities.has(entity), 'what a version is remembered by is there');
    assert(entities.get(entity, ENTITY.version) === version, 'an entity names its version');
  }
}

/** Returns what their names take of the arena. */
function checkEntities(pool: PoolState, count: (stay: number) => void): number {
  const { versions, provenance } = pool;
  const { entities, arena } = provenance;
  let bytes = 0;
  const parts = new Map<number, number[]>();
  for (let entity = entities.begin; entity < entities.end; entity++) {
    count(entities.get(entity, ENTITY.activity));
    if ((entities.get(entity, ENTITY.flags) & ENTITY_FLAG.part) !== 0) {
      const whole = entity - entities.get(entity, ENTITY.whole);
      parts.set(whole, [entity, ...(parts.get(whole) ?? [])]);
      assert(entities.get(entity, ENTITY.name) === 0, 'a part is remembered without a name');
      assert(entities.get(entity, ENTITY.version) === 0, 'a version names no part');
      continue;
    }
    const name = entities.get(entity, ENTITY.name);
    bytes += arena.bytesOf(name);
    const reference = entities.reference(entity);
    assert(entities.numberOf(reference) === entity, 'a reference leads to its row');
    const version = entities.get(entity, ENTITY.version);
    if (version !== 0) {
      assert(versions.get(version, VERSION.entity) === reference, 'a version names its entity');
    }
    const start = arena.start(name);
    const end = start + arena.size(name);
    const hash = entities.get(entity, ENTITY.hash);
    const found = provenance.find(hash, arena.chunk(name), start, end);
    const isLate = (entities.get(entity, ENTITY.flags) & ENTITY_FLAG.late) !== 0;
    assert(found >= entity || isLate, 'by its name the newest entity is found');
    assert(
      found === 0 || entities.getWide(found, ENTITY.time) >= entities.getWide(entity, ENTITY.time),
      'no entity is later than the one that is found by the name',
    );
  }
  checkPartsOf(pool, parts);
  return bytes;
}

/** Each entity knows what tells of its parts, and nothing else. */
function checkPartsOf(
  { provenance }: PoolState,
  parts: ReadonlyMap<number, readonly number[]>,
): void {
  const { entities } = provenance;
  for (let entity = entities.begin; entity < entities.end; entity++) {
    if ((entities.get(entity, ENTITY.flags) & ENTITY_FLAG.part) !== 0) continue;
    const linked = [...partsOfEntity(provenance, entity)];
    assert(linked.join() === (parts.get(entity) ?? []).join(), 'parts are linked to their version');
  }
}

function checkUses({ provenance }: PoolState, count: (stay: number) => void): void {
  const { uses, entities } = provenance;
  const lastOfActivity = new Map<number, number>();
  const lastOfEntity = new Map<number, number>();
  const isBefore = (use: number, field: number, known: number | undefined): boolean => {
    const distance = uses.get(use, field);
    return known === undefined
      ? distance === 0 || use - distance < uses.begin
      : use - distance === known;
  };
  for (let use = uses.begin; use < uses.end; use++) {
    const activity = uses.get(use, USE.activity);
    const entity = uses.getWide(use, USE.entity);
    count(activity);
    const before = lastOfActivity.get(activity);
    assert(isBefore(use, USE.previousOfActivity, before), 'uses of a stay are linked');
    if (entities.has(entity)) {
      const previous = lastOfEntity.get(entity);
      assert(isBefore(use, USE.previousOfEntity, previous), 'uses of an entity are linked');
      lastOfEntity.set(entity, use);
    }
    lastOfActivity.set(activity, use);
  }
  for (const [activity, use] of lastOfActivity) {
    const last = provenance.activities.getWide(activity, ACTIVITY.useLast);
    assert(last === use, 'a stay knows its last use');
  }
  for (const [entity, use] of lastOfEntity) {
    assert(entities.getWide(entity, ENTITY.usedLast) === use, 'an entity knows its last use');
  }
}

/** The entities that an activity made of what it had used, in their order. */
function checkListOf({ provenance }: PoolState, activity: number): void {
  const { activities, entities } = provenance;
  const listed: number[] = [];
  for (let at = activities.getWide(activity, ACTIVITY.entityFirst); at !== 0; ) {
    if (!entities.has(at)) break;
    listed.push(at);
    assert(entities.get(at, ENTITY.activity) === activity, 'a stay lists what is its own');
    const next = entities.get(at, ENTITY.next);
    at = next === 0 ? 0 : at + next;
  }
  const last = activities.getWide(activity, ACTIVITY.entityLast);
  assert(!entities.has(last) || listed.at(-1) === last, 'the list of a stay ends with its last');
}
