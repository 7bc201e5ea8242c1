import { encodeUtf8 } from '../../core/utf8.js';
import { EVENT, EVENT_FLAG } from '../../protocol/index.js';
import { HANDLE, OBJECT, VERSION } from '../rows.js';
import type { Member } from '../sessions.js';
import type { PoolState } from '../state.js';
import { tell } from './delivering.js';
import { ROW } from './event-log.js';
import { endProducer, noteStep, noteStepOf } from './queues.js';

/**
 * Notes what has happened to an object by a handle, and tells those who want to know: what the
 * version says, else what the handle says itself, else what is said of the object now.
 */
export function noteHandle(pool: PoolState, kind: number, handle: number): void {
  if ((pool.events.kinds & (1 << kind)) === 0) return;
  const { handles, members } = pool;
  const member = members.get(handles.get(handle, HANDLE.member)) ?? null;
  addHandle(pool, kind, member, handle, 0);
  if (kind === EVENT.offer && member !== null && pool.events.queues.size > 0) {
    noteStepOf(pool, handles.get(handle, HANDLE.version), member.id);
  }
  tell(pool);
}

/** As {@link noteHandle}; nobody hears of it yet. `version`: the number that is told, if not 0. */
export function addHandle(
  pool: PoolState,
  kind: number,
  member: Member | null,
  handle: number,
  version: number,
): number {
  const { handles, versions } = pool;
  const object = handles.get(handle, HANDLE.object);
  const bound = handles.get(handle, HANDLE.version);
  const number = version !== 0 || bound === 0 ? version : versions.get(bound, VERSION.number);
  const seq = begin(pool, kind, member, number);
  setName(pool, object);
  const tags = pool.objects.get(object, OBJECT.tags);
  const attributes = saidWith(pool, kind, handle, HANDLE.attributes, VERSION.attributes);
  setSaid(pool, attributes, tags, saidWith(pool, kind, handle, HANDLE.space, VERSION.space));
  return seq;
}

/** A record of what is said with a handle; of what it offers it says all itself. */
function saidWith(
  { handles, objects, versions }: PoolState,
  kind: number,
  handle: number,
  own: typeof HANDLE.attributes | typeof HANDLE.space,
  ofVersion: typeof VERSION.attributes | typeof VERSION.space,
): number {
  const bound = handles.get(handle, HANDLE.version);
  if (bound !== 0) return versions.get(bound, ofVersion);
  const said = handles.get(handle, own);
  const code = kind & 0xff;
  if (said !== 0 || code === EVENT.offer || code === EVENT.seal) return said;
  const current = objects.get(handles.get(handle, HANDLE.object), OBJECT.current);
  return current === 0 ? 0 : versions.get(current, ofVersion);
}

/** Who does something: a member, a step queue by its name, or nobody in particular. */
export type Actor = Member | string | null;

/** The member that a version is offered by; nobody, when that has left. */
export function providerOf({ versions, members }: PoolState, version: number): Actor {
  return members.get(versions.get(version, VERSION.providerMember)) ?? null;
}

/** As {@link noteHandle}, of a version: what its offer said. */
export function noteVersion(
  pool: PoolState,
  kind: number,
  version: number,
  by: Actor = providerOf(pool, version),
): void {
  const { versions } = pool;
  const object = versions.get(version, VERSION.object);
  const isQueue = typeof by === 'string';
  const flags = isQueue ? EVENT_FLAG.queue << 8 : 0;
  const seq = addVersion(pool, kind | flags, isQueue ? null : by, object, version);
  if (isQueue) {
    const name = encodeUtf8(by);
    pool.events.log.setText(ROW.who, name, 0, name.length);
  }
  const isOffer = kind === EVENT.offer;
  if (isOffer) versions.setWide(version, VERSION.seq, seq);
  if (isOffer && pool.events.queues.size > 0) noteStep(pool, version);
  tell(pool, isOffer ? version : 0);
}

/** The bytes of a version are in another place, too, by nobody in particular. */
export function noteMoved(pool: PoolState, version: number, to: 'memory' | 'store'): void {
  const { versions, events } = pool;
  addVersion(pool, EVENT.moved, null, versions.get(version, VERSION.object), version);
  const place = encodeUtf8(to);
  events.log.setText(ROW.topic, place, 0, place.length);
  tell(pool);
}

/** As {@link noteHandle}, without a handle: what is offered of it. */
export function noteName(
  pool: PoolState,
  kind: number,
  member: Member | null,
  object: number,
): void {
  addVersion(pool, kind, member, object, pool.objects.get(object, OBJECT.current));
  tell(pool);
}

/**
 * Adds an event of a version, or of an object of which nothing is offered (0). `tags`: those that
 * are told, if not the object's.
 */
export function addVersion(
  pool: PoolState,
  kind: number,
  member: Member | null,
  object: number,
  version: number,
  tags = pool.objects.get(object, OBJECT.tags),
): number {
  const { versions } = pool;
  const seq = begin(pool, kind, member, version === 0 ? 0 : versions.get(version, VERSION.number));
  setName(pool, object);
  const attributes = version === 0 ? 0 : versions.get(version, VERSION.attributes);
  const space = version === 0 ? 0 : versions.get(version, VERSION.space);
  setSaid(pool, attributes, tags, space);
  return seq;
}

function setName({ events, objects, arena }: PoolState, object: number): void {
  const name = objects.get(object, OBJECT.name);
  const start = arena.start(name);
  events.log.setText(ROW.name, arena.chunk(name), start, start + arena.size(name));
}

function setSaid(
  { events, attributes, spaces }: PoolState,
  said: number,
  tags: number,
  space: number,
): void {
  const bytes = attributes.bytesOf(said) + attributes.bytesOf(tags);
  events.log.setSaid(attributes.use(said), attributes.use(tags), spaces.use(space), bytes);
}

/** Records and a space that the caller has counted. */
interface SaidOfNamed {
  readonly attributes?: number;
  readonly tags?: number;
  readonly space?: number;
}

/** Adds an event of any name; what is said is held by it from now on. */
export function addNamed(
  pool: PoolState,
  kind: number,
  member: Member | null,
  name: Uint8Array,
  { attributes = 0, tags = 0, space = 0 }: SaidOfNamed = {},
): number {
  const { log } = pool.events;
  const seq = begin(pool, kind, member, 0);
  log.setText(ROW.name, name, 0, name.length);
  const bytes = pool.attributes.bytesOf(attributes) + pool.attributes.bytesOf(tags);
  log.setSaid(attributes, tags, space, bytes);
  return seq;
}

/** What a member does that is about no object: `name` is a pattern, or its own name. */
export function noteMember(
  pool: PoolState,
  kind: number,
  member: Member | null,
  name: Uint8Array,
): void {
  addNamed(pool, kind, member, name);
  if (kind === EVENT.leave || kind === EVENT.crash) endProducer(pool, member);
  // Who is gone begins no more steps.
  if (pool.events.standing.size > 0) pool.events.isCompletionDue = true;
  tell(pool);
}

/** What members tell one another: a record of attributes, which the event holds from now on. */
export function noteEmitted(
  pool: PoolState,
  member: Member,
  topic: Uint8Array,
  attributes: number,
): void {
  addNamed(pool, EVENT.emit, member, NOTHING, { attributes });
  pool.events.log.setText(ROW.topic, topic, 0, topic.length);
  tell(pool);
}

const NOTHING = new Uint8Array(0);

function begin(pool: PoolState, kind: number, member: Member | null, version: number): number {
  const { log } = pool.events;
  const limit = pool.options.eventBytesMax;
  if (log.isAtBorder(limit) || isOfAge(pool)) {
    makeRoom(pool);
    log.beginSegment(limit);
  }
  const timeMs = pool.options.wallMs + pool.now;
  const seq = log.add(kind, member === null ? 0 : member.id, version, timeMs);
  if (member !== null) log.setText(ROW.who, member.nameBytes, 0, member.nameBytes.length);
  return seq;
}

/** So many segments are there of the time for which events are kept: one goes as a whole. */
const SEGMENTS_OF_AGE = 8;

/** Whether the newest segment has events of as long a time as one should. */
function isOfAge({ events: { log }, options, now }: PoolState): boolean {
  if (options.eventAgeMsMax === 0) return false;
  const began = log.newestBegan;
  return began !== null && options.wallMs + now - began > options.eventAgeMsMax / SEGMENTS_OF_AGE;
}

/**
 * The oldest events go when all take more than they may, or are older than anybody wants; but none
 * that a subscriber has not seen who must miss none: then what brings new ones waits.
 */
export function makeRoom(pool: PoolState): void {
  const { events, options } = pool;
  const { log } = events;
  const needed = neededFrom(events);
  const limit = options.eventBytesMax;
  while (log.bytesUsed > limit && log.endOfOldest <= needed && log.dropOldest());
  if (options.eventAgeMsMax > 0) dropOld(pool, needed);
  events.isFull = log.bytesUsed > limit && log.hasMany && log.endOfOldest > needed;
  // What frees things goes on; but not for ever.
  if (events.isFull && log.bytesUsed > 2 * limit) events.isOverfull = true;
}

function dropOld({ events: { log }, options, now }: PoolState, needed: number): void {
  for (let time = log.oldestTime; time !== null; time = log.oldestTime) {
    if (options.wallMs + now - time <= options.eventAgeMsMax || log.endOfOldest > needed) return;
    log.dropOldest();
  }
}

/** The oldest event that somebody needs who must miss none. */
function neededFrom({ blockers }: PoolState['events']): number {
  let needed = Number.POSITIVE_INFINITY;
  for (const one of blockers) {
    if (one.behindAt !== 0) needed = Math.min(needed, one.behindAt);
    needed = Math.min(needed, one.unacked.oldest);
  }
  return needed;
}
