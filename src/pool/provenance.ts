import { Arena } from '../catalog/arena.js';
import { distanceOf, Ring } from '../catalog/ring.js';
import { Table } from '../catalog/table.js';
import { assert } from '../core/assert.js';
import { LIMITS } from '../core/limits.js';
import type { StateReader, StateWriter } from '../core/state-codec.js';
import { OBJECT, VERSION, VERSION_FLAG } from './rows.js';
import type { PoolState } from './state.js';

/**
 * A member's stay in the pool: PROV's activity. It outlives the member for as long as something
 * names it. Numbers of the rings take two fields each, and so do times: by the clock on the wall,
 * ms of 1970.
 */
export const ACTIVITY = {
  member: 0,
  /** Versions, entities and uses that name it. */
  names: 1,
  /** Its member and process: a map in the arena. */
  told: 2,
  session: 3,
  since: 4,
  until: 6,
  /** One of STAY. */
  stay: 8,
  /** The last of its uses; each names the one before. */
  useLast: 9,
  /** The last of its uses that belongs to no run, or to one that is over. */
  runStart: 11,
  /** Whether it has offered since its last use: then the next one begins a run. */
  runOver: 13,
  /** Its entities that were made with uses before them: first and last; each names the next. */
  entityFirst: 14,
  entityLast: 16,
  /** Whether an entity of that list has been forgotten. */
  forgotten: 18,
  /** The last entity that tells of a part that it offered. */
  partLast: 19,
  width: 21,
} as const;

export const STAY = { present: 0, left: 1, crashed: 2 } as const;

/** A version of an object of which something is to be remembered: PROV's entity. */
export const ENTITY = {
  /** A record of the arena: a copy, as it outlives the object. */
  name: 0,
  hash: 1,
  number: 2,
  /** ENTITY_FLAG bits. */
  flags: 3,
  activity: 4,
  /** When it was offered. */
  time: 5,
  /** What its activity had used last when it was offered: before it there is nothing else. */
  useEnd: 7,
  /** So many numbers before that its run began. */
  runSpan: 9,
  /** The last use of it; each names the one before. */
  usedLast: 10,
  /** How far the next entity of its activity is. */
  next: 12,
  /** The version, for as long as that is there. */
  version: 13,
  bytes: 14,
  /** How far the entity before is whose name is of the same bucket. */
  previousInBucket: 16,
  /** The last that tells of a part of it: a reference; 0 for none. */
  partLast: 17,
  width: 18,
  /** Of a part, which is never used by itself: how far the entity of its version is. */
  whole: 10,
  /** How far the one before it is that tells of a part of the same version. */
  partBefore: 11,
} as const;

export const ENTITY_FLAG = {
  /** There was one of the same version before, and what that knew is forgotten. */
  again: 0x1,
  /** A later version of its name was known when it was made: it is not found by the name. */
  late: 0x2,
  /**
   * It tells who offered parts of a version, and of what these were made. It has no name, and no
   * version: the entity that it names has them.
   */
  part: 0x4,
} as const;

/** A demand that was answered with what it asked for: PROV's usage. */
export const USE = {
  activity: 0,
  entity: 1,
  /** How far the use before is that was of the same activity, and of the same entity. */
  previousOfActivity: 3,
  previousOfEntity: 4,
  time: 5,
  /** The last entity of the activity at that time: what it made of this comes behind it. */
  entityBefore: 7,
  width: 9,
} as const;

/** Of names: half a MiB. */
const BUCKETS = 65_536;

interface ProvenanceLimits {
  readonly entitiesMax: number;
  readonly usesMax: number;
  readonly provenanceBytesMax: number;
  readonly provenanceLeftMax: number;
}

/** What the pool remembers of who made what of what. docs/internals/provenance.md. */
export class Provenance {
  activities = new Table(ACTIVITY.width);
  readonly entities: Ring;
  readonly uses: Ring;
  /** Of its own: what it holds has a limit of its own, and outlives all objects. */
  arena = new Arena();
  /**
   * The last entity of each bucket of names. Small enough to stay in a cache: to note something
   * must be quick, to find a name of what is gone is rare. What has gone is not taken out.
   */
  readonly #buckets = new Float64Array(BUCKETS);
  /** What is told of stays that go on takes so much of the arena: that is not to be forgotten. */
  bytesPresent = 0;

  readonly limits: ProvenanceLimits;

  constructor(limits: ProvenanceLimits = LIMITS) {
    this.entities = new Ring(ENTITY.width, limits.entitiesMax);
    this.uses = new Ring(USE.width, limits.usesMax);
    this.limits = limits;
  }

  get bytesUsed(): number {
    const { activities, entities, uses, arena } = this;
    const tables = activities.bytesUsed + entities.bytesUsed + uses.bytesUsed;
    return tables + arena.bytesAllocated + this.#buckets.byteLength;
  }

  /** The newest entity of the name `bytes[start, end)`, or 0. */
  find(hash: number, bytes: Uint8Array, start: number, end: number): number {
    const { entities, arena } = this;
    let entity = this.#buckets[hash % BUCKETS] as number;
    while (entities.has(entity)) {
      const isSame =
        entities.get(entity, ENTITY.hash) === hash &&
        arena.equals(entities.get(entity, ENTITY.name), bytes, start, end);
      if (isSame) return entity;
      const distance = entities.get(entity, ENTITY.previousInBucket);
      if (distance === 0) return 0;
      entity -= distance;
    }
    return 0;
  }

  /** From now on an entity is the newest of its name. */
  show(entity: number): void {
    const { entities } = this;
    const bucket = entities.get(entity, ENTITY.hash) % BUCKETS;
    const before = this.#buckets[bucket] as number;
    // What has gone is none: a restored state does not know it, and goes on alike.
    const distance = entities.has(before) ? distanceOf(entity, before) : 0;
    entities.set(entity, ENTITY.previousInBucket, distance);
    this.#buckets[bucket] = entity;
  }

  /** Something that named an activity is gone; what nothing names and is over, goes too. */
  release(activity: number): void {
    const { activities } = this;
    if (activities.add(activity, ACTIVITY.names, -1) === 0) this.forgetIfOver(activity);
  }

  forgetIfOver(activity: number): void {
    const { activities } = this;
    if (activities.get(activity, ACTIVITY.stay) === STAY.present) return;
    if (activities.get(activity, ACTIVITY.names) > 0) return;
    this.arena.free(activities.get(activity, ACTIVITY.told));
    activities.release(activity);
  }

  forgetUse(): void {
    const { uses } = this;
    const activity = uses.get(uses.begin, USE.activity);
    uses.shift();
    this.release(activity);
  }

  /** Forgets the oldest entity. The version that it is of, if that is there, goes on without. */
  forgetEntity(versions: Table): void {
    const { entities, activities } = this;
    const entity = entities.begin;
    const version = entities.get(entity, ENTITY.version);
    if (version !== 0) versions.set(version, VERSION.entity, 0);
    const activity = entities.get(entity, ENTITY.activity);
    if (activities.getWide(activity, ACTIVITY.entityFirst) === entity) {
      const next = entities.get(entity, ENTITY.next);
      activities.setWide(activity, ACTIVITY.entityFirst, next === 0 ? 0 : entity + next);
      activities.set(activity, ACTIVITY.forgotten, 1);
    }
    const name = entities.get(entity, ENTITY.name);
    if (name !== 0) this.arena.free(name);
    entities.shift();
    this.release(activity);
  }

  /** Makes room for one more entity: the oldest of all go. */
  makeRoom(versions: Table): void {
    const { entities, uses, arena } = this;
    if (entities.isFull) this.forgetEntity(versions);
    const bytesMax = this.bytesPresent + this.limits.provenanceBytesMax;
    while (arena.bytesUsed > bytesMax && entities.used + uses.used > 0) {
      if (entities.used > 0) this.forgetEntity(versions);
      if (uses.used > 0) this.forgetUse();
    }
  }

  save(w: StateWriter): void {
    w.u64(this.bytesPresent);
    for (const part of [this.activities, this.entities, this.uses, this.arena]) {
      part.save(w);
    }
  }

  restore(r: StateReader): void {
    this.bytesPresent = r.u64();
    for (const part of [this.activities, this.entities, this.uses, this.arena]) {
      part.restore(r);
    }
    // An entity that is not linked is not the newest of its name: none behind it leads to it.
    const { entities } = this;
    for (let entity = entities.begin; entity < entities.end; entity++) {
      const { late, part } = ENTITY_FLAG;
      if ((entities.get(entity, ENTITY.flags) & (late | part)) !== 0) continue;
      this.#buckets[entities.get(entity, ENTITY.hash) % BUCKETS] = entity;
    }
  }
}

/**
 * Gives back, in an empty pool, what was needed to remember very much: the newest stay, as what was
 * made of them may have left the pool but for its name. Time goes with what stays.
 */
export function leaveNewest(pool: PoolState): void {
  const { provenance, members } = pool;
  const { entities, uses } = provenance;
  const left = provenance.limits.provenanceLeftMax;
  // Not for each row more: what is moved must be little beside what has come.
  if (Math.max(entities.used, uses.used) < 8 * left) return;
  assert(pool.versions.used === 0, 'nothing names an entity or activity that is moved');
  entities.leaveLast(left);
  uses.leaveLast(left);
  const { activities: from, arena } = provenance;
  const activities = new Table(ACTIVITY.width);
  provenance.activities = activities;
  provenance.arena = new Arena();
  const moved = new Map<number, number>();
  const store = (record: number): number => {
    const start = arena.start(record);
    return provenance.arena.store(arena.chunk(record), start, start + arena.size(record));
  };
  const move = (activity: number): number => {
    const known = moved.get(activity);
    if (known !== undefined) return known;
    const row = activities.allocate();
    for (let field = 0; field < ACTIVITY.width; field++) {
      activities.set(row, field, from.get(activity, field));
    }
    activities.set(row, ACTIVITY.told, store(from.get(activity, ACTIVITY.told)));
    activities.set(row, ACTIVITY.names, 0);
    activities.setWide(row, ACTIVITY.entityFirst, 0);
    activities.set(row, ACTIVITY.forgotten, 1);
    moved.set(activity, row);
    return row;
  };
  for (const member of members.values()) member.activity = move(member.activity);
  for (let entity = entities.begin; entity < entities.end; entity++) {
    const activity = move(entities.get(entity, ENTITY.activity));
    entities.set(entity, ENTITY.activity, activity);
    activities.add(activity, ACTIVITY.names, 1);
    const isListed = entities.getWide(entity, ENTITY.useEnd) > 0;
    if (isListed && activities.getWide(activity, ACTIVITY.entityFirst) === 0) {
      activities.setWide(activity, ACTIVITY.entityFirst, entity);
    }
    const name = entities.get(entity, ENTITY.name);
    if (name !== 0) entities.set(entity, ENTITY.name, store(name));
  }
  for (let use = uses.begin; use < uses.end; use++) {
    const activity = move(uses.get(use, USE.activity));
    uses.set(use, USE.activity, activity);
    activities.add(activity, ACTIVITY.names, 1);
  }
}

/** Notes that a version was offered, by which activity and what that had used before. */
export function noteOffer(pool: PoolState, activity: number, version: number): void {
  const { provenance, versions } = pool;
  const { activities } = provenance;
  versions.set(version, VERSION.activity, activity);
  activities.add(activity, ACTIVITY.names, 1);
  const useEnd = activities.getWide(activity, ACTIVITY.useLast);
  // Of what was made of nothing there is nothing to be remembered, until somebody demands it.
  if (useEnd === 0) return;
  listMade(pool, activity, makeEntity(pool, version));
}

/** An entity was made by an activity of what that has used: the next of its list. */
export function listMade({ provenance }: PoolState, activity: number, entity: number): void {
  const { activities, entities } = provenance;
  const useEnd = activities.getWide(activity, ACTIVITY.useLast);
  const span = useEnd - activities.getWide(activity, ACTIVITY.runStart);
  entities.setWide(entity, ENTITY.useEnd, useEnd);
  entities.set(entity, ENTITY.runSpan, Math.min(span, 0xffff_ffff));
  const last = activities.getWide(activity, ACTIVITY.entityLast);
  if (entities.has(last)) entities.set(last, ENTITY.next, entity - last);
  else activities.setWide(activity, ACTIVITY.entityFirst, entity);
  activities.setWide(activity, ACTIVITY.entityLast, entity);
  activities.set(activity, ACTIVITY.runOver, 1);
}

/** Notes that a demand of an activity is answered with a version. */
export function noteUse(pool: PoolState, activity: number, version: number): void {
  const { provenance, versions, options } = pool;
  const { activities, entities, uses } = provenance;
  const reference = versions.get(version, VERSION.entity);
  const entity = reference === 0 ? makeEntity(pool, version) : entities.numberOf(reference);
  const last = activities.getWide(activity, ACTIVITY.useLast);
  if (activities.get(activity, ACTIVITY.runOver) === 1) {
    activities.setWide(activity, ACTIVITY.runStart, last);
    activities.set(activity, ACTIVITY.runOver, 0);
  } else if (uses.has(last) && uses.getWide(last, USE.entity) === entity) {
    // Again, and nothing in between: it is known.
    return;
  }
  if (uses.isFull) provenance.forgetUse();
  const use = uses.push();
  uses.set(use, USE.activity, activity);
  uses.setWide(use, USE.entity, entity);
  uses.set(use, USE.previousOfActivity, distanceOf(use, last));
  uses.set(use, USE.previousOfEntity, distanceOf(use, entities.getWide(entity, ENTITY.usedLast)));
  uses.setWide(use, USE.time, options.wallMs + pool.now);
  uses.setWide(use, USE.entityBefore, activities.getWide(activity, ACTIVITY.entityLast));
  entities.setWide(entity, ENTITY.usedLast, use);
  activities.setWide(activity, ACTIVITY.useLast, use);
  activities.add(activity, ACTIVITY.names, 1);
}

/** The version goes; what is remembered of it stays. */
export function noteGone(pool: PoolState, version: number): void {
  const { provenance, versions } = pool;
  const { entities } = provenance;
  const reference = versions.get(version, VERSION.entity);
  if (reference !== 0) entities.set(entities.numberOf(reference), ENTITY.version, 0);
  provenance.release(versions.get(version, VERSION.activity));
}

/** What is to be remembered of a version, of which nothing is yet. */
export function makeEntity(pool: PoolState, version: number): number {
  const { provenance, versions, objects, arena } = pool;
  provenance.makeRoom(versions);
  const { entities } = provenance;
  const object = versions.get(version, VERSION.object);
  const name = objects.get(object, OBJECT.name);
  const hash = objects.get(object, OBJECT.hash);
  const start = arena.start(name);
  const end = start + arena.size(name);
  const versionFlags = versions.get(version, VERSION.flags);
  let flags = (versionFlags & VERSION_FLAG.noted) === 0 ? 0 : ENTITY_FLAG.again;
  if ((versionFlags & VERSION_FLAG.offered) === 0) {
    // What is withdrawn and owed may be demanded after a later version was.
    const known = provenance.find(hash, arena.chunk(name), start, end);
    if (known !== 0 && !isLater(pool, version, known)) flags |= ENTITY_FLAG.late;
  }
  const entity = entities.push();
  const activity = versions.get(version, VERSION.activity);
  entities.set(entity, ENTITY.name, provenance.arena.store(arena.chunk(name), start, end));
  entities.set(entity, ENTITY.hash, hash);
  entities.set(entity, ENTITY.number, versions.get(version, VERSION.number));
  entities.set(entity, ENTITY.flags, flags);
  entities.set(entity, ENTITY.activity, activity);
  entities.setWide(entity, ENTITY.time, versions.getWide(version, VERSION.offeredAt));
  entities.set(entity, ENTITY.version, version);
  entities.setWide(entity, ENTITY.bytes, versions.getWide(version, VERSION.size));
  versions.set(version, VERSION.entity, entities.reference(entity));
  versions.set(version, VERSION.flags, versionFlags | VERSION_FLAG.noted);
  provenance.activities.add(activity, ACTIVITY.names, 1);
  if ((flags & ENTITY_FLAG.late) === 0) provenance.show(entity);
  return entity;
}

/** Whether a version was offered after that of an entity: one that is owed may be told of late. */
function isLater({ versions, provenance }: PoolState, version: number, entity: number): boolean {
  const { entities } = provenance;
  const time = versions.getWide(version, VERSION.offeredAt);
  const other = entities.getWide(entity, ENTITY.time);
  if (time !== other) return time > other;
  return versions.get(version, VERSION.number) >= entities.get(entity, ENTITY.number);
}
