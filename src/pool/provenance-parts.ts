import { ACTIVITY, ENTITY, ENTITY_FLAG, listMade, makeEntity } from './provenance.js';
import { VERSION } from './rows.js';
import type { PoolState } from './state.js';

/**
 * Of a version, so many that offered parts of it last are looked through for one who has offered
 * already: a row too many costs its place in the ring, and nothing else.
 */
const LOOKED_MAX = 64;

/**
 * Notes that an activity has offered a part of a version that another one began, or it itself
 * before it used more: what it had used by then the version was made of, too. As many parts as it
 * offers without a demand between them take one row.
 */
export function notePart(pool: PoolState, activity: number, version: number): void {
  const { provenance, versions, options } = pool;
  const { activities, entities } = provenance;
  const useEnd = activities.getWide(activity, ACTIVITY.useLast);
  if (isBegun(pool, activity, version, useEnd)) return;
  const reference = versions.get(version, VERSION.entity);
  const entity = reference === 0 ? makeEntity(pool, version) : entities.numberOf(reference);
  if (isNoted(pool, activity, entity, useEnd)) return;
  provenance.makeRoom(versions);
  // It may have been the oldest of all, or its name the longest.
  if (!entities.has(entity)) return;
  const part = entities.push();
  entities.set(part, ENTITY.flags, ENTITY_FLAG.part);
  entities.set(part, ENTITY.activity, activity);
  entities.setWide(part, ENTITY.time, options.wallMs + pool.now);
  entities.set(part, ENTITY.whole, part - entity);
  const before = entities.get(entity, ENTITY.partLast);
  entities.set(part, ENTITY.partBefore, before === 0 ? 0 : part - entities.numberOf(before));
  entities.set(entity, ENTITY.partLast, entities.reference(part));
  activities.setWide(activity, ACTIVITY.partLast, part);
  activities.add(activity, ACTIVITY.names, 1);
  if (useEnd > 0) listMade(pool, activity, part);
}

/** Whether it began the version, and has used nothing since. */
function isBegun(pool: PoolState, activity: number, version: number, useEnd: number): boolean {
  const { versions, provenance } = pool;
  if (versions.get(version, VERSION.activity) !== activity) return false;
  const reference = versions.get(version, VERSION.entity);
  if (reference === 0) return useEnd === 0;
  const { entities } = provenance;
  return entities.getWide(entities.numberOf(reference), ENTITY.useEnd) === useEnd;
}

/** Whether its part is noted, with all that it has used. */
function isNoted(
  { provenance }: PoolState,
  activity: number,
  entity: number,
  useEnd: number,
): boolean {
  const { activities, entities } = provenance;
  const isIt = (part: number): boolean =>
    entities.get(part, ENTITY.activity) === activity &&
    entities.getWide(part, ENTITY.useEnd) === useEnd;
  const own = activities.getWide(activity, ACTIVITY.partLast);
  if (entities.has(own) && own - entities.get(own, ENTITY.whole) === entity && isIt(own))
    return true;
  let looked = 0;
  for (const part of partsOfEntity(provenance, entity)) {
    if (isIt(part)) return true;
    if (++looked === LOOKED_MAX) return false;
  }
  return false;
}

/**
 * What is remembered of the parts of an entity, the last one first. They came after it, so that
 * they are there for as long as it is.
 */
export function* partsOfEntity(
  { entities }: PoolState['provenance'],
  entity: number,
): Generator<number> {
  const last = entities.get(entity, ENTITY.partLast);
  for (let part = last === 0 ? 0 : entities.numberOf(last); part !== 0; ) {
    yield part;
    const distance = entities.get(part, ENTITY.partBefore);
    part = distance === 0 ? 0 : part - distance;
  }
}

/** The entity of the version that a part is of, itself for what is no part; 0: it has gone. */
export function wholeOf({ entities }: PoolState['provenance'], entity: number): number {
  if ((entities.get(entity, ENTITY.flags) & ENTITY_FLAG.part) === 0) return entity;
  const whole = entity - entities.get(entity, ENTITY.whole);
  return entities.has(whole) ? whole : 0;
}
