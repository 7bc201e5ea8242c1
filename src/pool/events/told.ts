import { LIMITS } from '../../core/limits.js';
import { decodeUtf8 } from '../../core/utf8.js';
import type { Value } from '../../core/value.js';
import { EVENT, EVENT_NAMES, MESSAGE, messageName, SUBSCRIBE } from '../../protocol/index.js';
import { nameOfMember } from '../looking.js';
import { inWords, type Room } from '../room.js';
import { VERSION } from '../rows.js';
import type { PoolState } from '../state.js';
import { whoOf } from './deciding.js';
import { wants } from './delivering.js';
import { ROW } from './event-log.js';
import type { HeldOperation } from './held-operation.js';
import { addBehindWaits, addOtherWaits, subjectOf } from './held-waits.js';
import { addMeasureWaits } from './measured-before.js';
import { kindAt } from './places.js';
import { eachPin, pinnedBy } from './standing.js';
import type { Subscription } from './subscription.js';

/** So many subscriptions are told. */
const SUBSCRIPTIONS_MAX = 100;

/** What INFO tells of events. */
export function eventsInfo({ events }: PoolState): { readonly [key: string]: Value } {
  const { log } = events;
  let behind = 0;
  let pinned = 0;
  // What a durable one has missed while nobody had it makes nobody slow.
  for (const { behindAt, attachments } of events.subscriptions.values()) {
    if (behindAt !== 0 && attachments.length > 0) behind++;
  }
  for (const one of events.standing) {
    eachPin(one, () => {
      pinned++;
    });
  }
  return {
    first: log.first,
    end: log.end,
    bytes: log.bytesUsed,
    subscriptions: events.subscriptions.size,
    behind,
    held: events.operationsHeld,
    standing: events.standing.size,
    pinned,
  };
}

/** The subscriptions of a pool, those that are furthest behind first. */
export function subscriptionRows(pool: PoolState, room: Room): Value[] {
  const { subscriptions, log } = pool.events;
  const unlooked = ({ behindAt, standing }: Subscription): number =>
    standing?.count ?? (behindAt === 0 ? 0 : log.end - behindAt);
  const all = [...subscriptions.values()];
  all.sort((one, other) => unlooked(other) - unlooked(one) || one.id - other.id);
  const rows: Value[] = [];
  for (const one of all.slice(0, SUBSCRIPTIONS_MAX)) {
    if (!room.add(rows, subscriptionRow(pool, one))) break;
  }
  return rows;
}

/** Who requires a version by a standing require: its members, or itself when it has none now. */
export function pinnersOf(pool: PoolState, version: number): string[] {
  const names: string[] = [];
  // Nearly always those that ask for it: what they have is looked through only when it is not so.
  const asking = [...pool.events.standing].filter((one) => wants(pool, one, -version));
  const isKnown = asking.length === pool.versions.get(version, VERSION.pins);
  for (const one of isKnown ? asking : pool.events.standing) {
    if (!isKnown && !pinnedBy(one, version)) continue;
    if (one.attachments.length === 0) names.push(whoOf(pool, one));
    for (const { member } of one.attachments) names.push(nameOfMember(pool, member));
  }
  return names;
}

/** So many events are looked at for how far one is behind. */
const LAG_LOOKED_MAX = 1_024;

/**
 * How many events of its kinds it has not looked at, or, where it is far behind, of all kinds; of a
 * standing require what it has for its members.
 */
function lagOf(pool: PoolState, one: Subscription): number {
  if (one.standing !== null) return one.standing.count;
  const { log } = pool.events;
  const first = Math.max(one.behindAt, log.first);
  if (one.behindAt === 0 || log.end - first > LAG_LOOKED_MAX) {
    return one.behindAt === 0 ? 0 : log.end - one.behindAt;
  }
  let lag = first - one.behindAt;
  for (let seq = first; seq < log.end; seq++) {
    if ((one.kinds & (1 << (kindAt(pool, seq) & 0xff))) !== 0) lag++;
  }
  return lag;
}

function subscriptionRow(pool: PoolState, one: Subscription): Value {
  // Of emitted ones those are named that it asks for.
  const kinds = EVENT_NAMES.flatMap((name, kind) => {
    if ((one.kinds & (1 << kind)) === 0) return [];
    return kind === EVENT.emit && one.topics.size > 0 ? [...one.topics] : [name];
  });
  return {
    name: one.name,
    members: one.attachments.map(({ member }) => nameOfMember(pool, member)),
    kinds,
    selector: one.selector,
    when: (one.flags & SUBSCRIBE.before) !== 0 ? 'before' : 'after',
    delivered: one.n,
    unacknowledged: one.unacked.count,
    behind: lagOf(pool, one),
    holds: one.holds.size,
    ...(one.standing === null ? {} : pinFields(pool, one)),
  };
}

/** What a standing require keeps. */
function pinFields(pool: PoolState, one: Subscription): { readonly [key: string]: Value } {
  let pinned = 0;
  let pinnedBytes = 0;
  eachPin(one, (version) => {
    pinned++;
    pinnedBytes += pool.versions.getWide(version, VERSION.size);
  });
  return { requires: true, pinned, pinnedBytes };
}

/** What INFO tells of step queues. */
export function queueRows({ events }: PoolState, room: Room): Value[] {
  const rows: Value[] = [];
  for (const { asked, offered } of events.queues.values()) {
    const steps = [...offered.keys()].sort((left, right) => left - right);
    const row = { ...asked, steps: steps.length, from: steps[0] ?? null, to: steps.at(-1) ?? null };
    if (!room.add(rows, row)) break;
  }
  return rows;
}

/** Operations that are held, and what waits behind them; of one object, if `name` says which. */
export function addHeldWaits(
  pool: PoolState,
  waits: Value[],
  room: Room,
  name: Uint8Array | null = null,
): void {
  const text = name === null ? null : decodeUtf8(name);
  for (const [seq, held] of pool.events.held) {
    if (waits.length >= LIMITS.explainRowsMax || room.isFull) return;
    const row = heldRow(pool, seq, held);
    // A group waits for what is asked of one that is in it.
    const isOfIt = text === null || row['object'] === text || groupOf(pool, held) === text;
    if (isOfIt) room.add(waits, row);
  }
  addOtherWaits(pool, waits, room, text);
  addMeasureWaits(pool, waits, room, text);
  addBehindWaits(pool, waits, room, text);
}

/** The group that is held; null: it is something else. */
function groupOf(pool: PoolState, held: HeldOperation): string | null {
  return held.code === MESSAGE.offerGroup ? subjectOf(pool, held).object : null;
}

function heldRow(
  pool: PoolState,
  seq: number,
  held: HeldOperation,
): { readonly [key: string]: Value } {
  const { log, subscriptions } = pool.events;
  const isKnown = seq >= log.first;
  const who = [...held.waitsFor.keys()].flatMap((id) => {
    const one = subscriptions.get(id);
    return one?.holds.has(seq) === true ? [whoOf(pool, one)] : [];
  });
  const last = Math.max(...held.waitsFor.values());
  const isEndless = last === Number.POSITIVE_INFINITY;
  const about = isKnown
    ? { object: log.text(seq, ROW.name), member: log.text(seq, ROW.who) }
    : subjectOf(pool, held);
  return {
    ...about,
    what: 'held',
    sinceMs: pool.now - held.since,
    deadlineMs: isEndless ? null : last - pool.now,
    promisedBy: [],
    because: `its ${messageName(held.code) ?? 'request'} waits for ${inWords(who)}`,
    endsWith: `an acknowledgement, a veto${isEndless ? '' : ', its deadline'}`,
  };
}
