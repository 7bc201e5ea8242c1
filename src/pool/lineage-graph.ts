import { hashBytes } from '../catalog/hash.js';
import { LIMITS } from '../core/limits.js';
import { decodeUtf8, encodeUtf8 } from '../core/utf8.js';
import { Timestamp, type Value } from '../core/value.js';
import { stateOf } from './looking.js';
import { findObject, objectName } from './objects.js';
import { ACTIVITY, ENTITY, ENTITY_FLAG, STAY, USE } from './provenance.js';
import type { Room } from './room.js';
import { OBJECT, VERSION, VERSION_FLAG } from './rows.js';
import type { PoolState } from './state.js';
import { toldOfStay } from './stays.js';
import { versionHas } from './versions.js';

const STAYS = ['present', 'left', 'crashed'] as const;

/** A node of the answer: a version, or an object without any that is known. */
export interface Spot {
  readonly index: number;
  readonly name: string;
  /** What is remembered of it; 0 for nothing. */
  readonly entity: number;
  /** Its stay, 0 for none, and what that had used last when it offered this. */
  readonly activity: number;
  readonly useEnd: number;
  /** The object, where this is the version that it has or had last. */
  object: number;
}

/** The answer of LINEAGE while it grows: each version, stay and relation once, up to its limits. */
export class LineageGraph {
  readonly nodes: Value[] = [];
  readonly activities: Value[] = [];
  readonly edges: Value[] = [];
  /** Something had no room. */
  isCut = false;
  /** A version is here of which not all is known any more. */
  hasForgotten = false;
  readonly #pool: PoolState;
  readonly #room: Room;
  readonly #byEntity = new Map<number, Spot>();
  readonly #byVersion = new Map<number, Spot>();
  readonly #byName = new Map<string, Spot>();
  readonly #places = new Map<number, number>();
  readonly #known = new Set<string>();

  constructor(pool: PoolState, room: Room) {
    this.#pool = pool;
    this.#room = room;
  }

  /** What an object of that name is now, or was last; null for want of room. */
  spotOfName(name: string): Spot | null {
    return this.#spotOf(this.#newestOf(name));
  }

  spotOfObject(object: number): Spot | null {
    return this.spotOfName(objectName(this.#pool, object));
  }

  /** Whether this is what is meant when an object is spoken of by its name. */
  isNewest(spot: Spot): boolean {
    const { name, version, entity } = this.#newestOf(spot.name);
    if (entity !== 0) return spot.entity === entity;
    return spot === (version === 0 ? this.#byName.get(name) : this.#byVersion.get(version));
  }

  /** A version of which something is remembered. */
  spotOfEntity(entity: number): Spot | null {
    const known = this.#byEntity.get(entity);
    if (known !== undefined) return known;
    const { entities, arena } = this.#pool.provenance;
    const record = entities.get(entity, ENTITY.name);
    const version = entities.get(entity, ENTITY.version);
    const isOffered = version !== 0 && versionHas(this.#pool, version, VERSION_FLAG.offered);
    const start = arena.start(record);
    const spot = this.#add({
      name: decodeUtf8(arena.chunk(record), start, start + arena.size(record)),
      entity,
      activity: entities.get(entity, ENTITY.activity),
      useEnd: entities.getWide(entity, ENTITY.useEnd),
      object: isOffered ? this.#pool.versions.get(version, VERSION.object) : 0,
      version: entities.get(entity, ENTITY.number),
      state: isOffered ? 'offered' : version === 0 ? 'gone' : 'withdrawn',
      time: entities.getWide(entity, ENTITY.time),
      bytes: entities.getWide(entity, ENTITY.bytes),
      isForgotten: (entities.get(entity, ENTITY.flags) & ENTITY_FLAG.again) !== 0,
    });
    if (spot !== null) this.#byEntity.set(entity, spot);
    return spot;
  }

  /** That one version was made of another, as its maker had demanded that before. */
  derived(made: Spot, source: Spot): void {
    this.#edge(`${made.index} ${source.index}`, {
      kind: 'derived',
      from: made.index,
      to: source.index,
    });
  }

  declared(relation: string, from: Spot, to: Spot): void {
    const edge = { kind: 'declared', relation, from: from.index, to: to.index };
    this.#edge(`${relation} ${from.index} ${to.index}`, edge);
  }

  /** Who offered a part, and what it had used last by then. */
  partAt(part: number): { readonly activity: number; readonly useEnd: number } {
    const { entities } = this.#pool.provenance;
    const useEnd = entities.getWide(part, ENTITY.useEnd);
    return { activity: entities.get(part, ENTITY.activity), useEnd };
  }

  /** That a stay offered parts of a version that was begun before; false: there is no room. */
  provided(made: Spot, part: number): boolean {
    const { activity: stay, useEnd: place } = this.partAt(part);
    const activity = this.#activity(stay);
    if (activity === null) return false;
    // The last part comes first, and has most behind it.
    this.#edge(`part ${made.index} ${stay}`, { kind: 'part', from: made.index, activity, place });
    return !this.isCut;
  }

  used(use: number, source: Spot): void {
    const { uses } = this.#pool.provenance;
    const activity = this.#activity(uses.get(use, USE.activity));
    if (activity === null) return;
    const time = timeOf(uses.getWide(use, USE.time));
    this.#edge(`use ${use}`, { kind: 'used', activity, to: source.index, time, place: use });
  }

  #edge(key: string, edge: Value): void {
    if (this.#known.has(key)) return;
    this.#known.add(key);
    if (!this.#room.add(this.edges, edge)) this.isCut = true;
  }

  /** The version that is offered, or of those that are known the one that was offered last. */
  #newestOf(name: string): Newest {
    const { options, objects, versions, provenance } = this.#pool;
    const bytes = encodeUtf8(name);
    const hash = hashBytes(bytes, 0, bytes.length, options.hashSeed);
    const object = findObject(this.#pool, bytes, 0, bytes.length, hash);
    const current = object === 0 ? 0 : objects.get(object, OBJECT.current);
    if (current !== 0) return { name, object, version: current, entity: this.#entityOf(current) };
    const entity = provenance.find(hash, bytes, 0, bytes.length);
    const old = object === 0 ? 0 : objects.get(object, OBJECT.old);
    if (old === 0) return { name, object, version: 0, entity };
    const offeredAt = versions.getWide(old, VERSION.offeredAt);
    const isLater = entity !== 0 && provenance.entities.getWide(entity, ENTITY.time) > offeredAt;
    return { name, object, version: old, entity: isLater ? entity : this.#entityOf(old) };
  }

  #entityOf(version: number): number {
    const reference = this.#pool.versions.get(version, VERSION.entity);
    return reference === 0 ? 0 : this.#pool.provenance.entities.numberOf(reference);
  }

  #spotOf({ name, object, version, entity }: Newest): Spot | null {
    const spot =
      entity !== 0
        ? this.spotOfEntity(entity)
        : version !== 0
          ? this.#spotOfVersion(version)
          : this.#spotWithout(name, object);
    if (spot !== null) spot.object = object;
    return spot;
  }

  #spotOfVersion(version: number): Spot | null {
    const { versions } = this.#pool;
    const known = this.#byVersion.get(version);
    if (known !== undefined) return known;
    const object = versions.get(version, VERSION.object);
    const isOffered = versionHas(this.#pool, version, VERSION_FLAG.offered);
    const spot = this.#add({
      name: objectName(this.#pool, object),
      entity: 0,
      activity: versions.get(version, VERSION.activity),
      useEnd: 0,
      object: 0,
      version: versions.get(version, VERSION.number),
      state: isOffered ? 'offered' : 'withdrawn',
      time: versions.getWide(version, VERSION.offeredAt),
      bytes: versions.getWide(version, VERSION.size),
      isForgotten: versionHas(this.#pool, version, VERSION_FLAG.noted),
    });
    if (spot !== null) this.#byVersion.set(version, spot);
    return spot;
  }

  /** A name that has no version, or none that is known. */
  #spotWithout(name: string, object: number): Spot | null {
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    const state = object === 0 ? 'unknown' : stateOf(this.#pool, object);
    const row = { version: null, state, time: null, bytes: null, isForgotten: false };
    const spot = this.#add({ name, entity: 0, activity: 0, useEnd: 0, object, ...row });
    if (spot !== null) this.#byName.set(name, spot);
    return spot;
  }

  #add(spot: Omit<Spot, 'index'> & NodeFields): Spot | null {
    const index = this.nodes.length;
    const activity = spot.activity === 0 ? null : this.#activity(spot.activity);
    const row = {
      name: spot.name,
      version: spot.version,
      state: spot.state,
      activity,
      time: spot.time === null ? null : timeOf(spot.time),
      bytes: spot.bytes,
      place: spot.useEnd,
    };
    if (index >= LIMITS.lineageNodesMax || !this.#room.add(this.nodes, row)) {
      this.isCut = true;
      return null;
    }
    if (spot.isForgotten) this.hasForgotten = true;
    const { name, entity, useEnd, object } = spot;
    return { index, name, entity, activity: spot.activity, useEnd, object };
  }

  /** The place of a stay in the answer; null for want of room. */
  #activity(activity: number): number | null {
    const known = this.#places.get(activity);
    if (known !== undefined) return known;
    const { activities } = this.#pool.provenance;
    const stay = activities.get(activity, ACTIVITY.stay);
    const told = toldOfStay(this.#pool, activity);
    const index = this.activities.length;
    const row = {
      member: told['name'] ?? '',
      id: activities.get(activity, ACTIVITY.member),
      session: activities.get(activity, ACTIVITY.session),
      host: told['host'] ?? null,
      pid: told['pid'] ?? null,
      command: told['command'] ?? null,
      client: told['client'] ?? null,
      since: timeOf(activities.getWide(activity, ACTIVITY.since)),
      until: stay === STAY.present ? null : timeOf(activities.getWide(activity, ACTIVITY.until)),
      stay: STAYS[stay] ?? '',
    };
    if (!this.#room.add(this.activities, row)) {
      this.isCut = true;
      return null;
    }
    this.#places.set(activity, index);
    return index;
  }
}

/** What a name means: an object, if there is one, and a version, by either table. */
interface Newest {
  readonly name: string;
  readonly object: number;
  readonly version: number;
  readonly entity: number;
}

interface NodeFields {
  readonly version: number | null;
  readonly state: string;
  readonly time: number | null;
  readonly bytes: number | null;
  readonly isForgotten: boolean;
}

function timeOf(ms: number): Timestamp {
  return new Timestamp(BigInt(Math.floor(ms)) * 1_000_000n);
}
