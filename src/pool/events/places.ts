import type { Span } from '../../catalog/compile.js';
import { encodeUtf8 } from '../../core/utf8.js';
import { EVENT } from '../../protocol/index.js';
import { nameOfMember } from '../looking.js';
import { OBJECT, VERSION } from '../rows.js';
import type { PoolState } from '../state.js';
import { ROW } from './event-log.js';

/**
 * Where what is told of lies: above 0 the `seq` of an event, below 0 the row of a version, which is
 * told of as its offer was. So what was there before a subscription, and what is kept for one, is
 * selected and delivered as what comes then.
 */
export type Place = number;

export function kindAt({ events }: PoolState, place: Place): number {
  return place > 0 ? events.log.get(place, ROW.kind) : EVENT.offer;
}

/** The id of the member who did it; 0 for none. */
export function memberAt(pool: PoolState, place: Place): number {
  if (place > 0) return pool.events.log.get(place, ROW.member);
  return pool.versions.get(-place, VERSION.providerMember);
}

/** The number of the version that it is about; 0 for none. */
export function numberAt(pool: PoolState, place: Place): number {
  if (place > 0) return pool.events.log.get(place, ROW.version);
  return pool.versions.get(-place, VERSION.number);
}

export function attributesAt(pool: PoolState, place: Place): number {
  if (place > 0) return pool.events.log.get(place, ROW.attributes);
  return pool.versions.get(-place, VERSION.attributes);
}

export function tagsAt(pool: PoolState, place: Place): number {
  return place > 0
    ? pool.events.log.get(place, ROW.tags)
    : pool.objects.get(objectAt(pool, place), OBJECT.tags);
}

export function spaceRowAt(pool: PoolState, place: Place): number {
  if (place > 0) return pool.events.log.get(place, ROW.space);
  return pool.versions.get(-place, VERSION.space);
}

/** By the clock on the wall, ms of 1970. */
export function timeAt(pool: PoolState, place: Place): number {
  if (place > 0) return pool.events.log.getTime(place);
  return pool.versions.getWide(-place, VERSION.offeredAt);
}

/** Where a text is: good until the next operation. */
export function textAt(
  pool: PoolState,
  place: Place,
  field: typeof ROW.who | typeof ROW.name | typeof ROW.topic,
  into: Span,
): void {
  if (place > 0) {
    pool.events.log.readText(place, field, into);
    return;
  }
  if (field === ROW.name) {
    const { arena } = pool;
    const record = pool.objects.get(objectAt(pool, place), OBJECT.name);
    into.bytes = arena.chunk(record);
    into.start = arena.start(record);
    into.end = into.start + arena.size(record);
    return;
  }
  const id = field === ROW.who ? memberAt(pool, place) : 0;
  into.bytes = pool.members.get(id)?.nameBytes ?? encodeUtf8(nameOfMember(pool, id));
  into.start = 0;
  into.end = into.bytes.length;
}

/** The term of a key that is told: a tag hides the attribute of its key. */
export function termAt(pool: PoolState, place: Place, key: number): number {
  const tagged = pool.attributes.termOf(tagsAt(pool, place), key);
  return tagged !== 0 ? tagged : pool.attributes.termOf(attributesAt(pool, place), key);
}

function objectAt(pool: PoolState, place: Place): number {
  return pool.versions.get(-place, VERSION.object);
}
