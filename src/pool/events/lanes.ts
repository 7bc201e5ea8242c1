import { decodeUtf8 } from '../../core/utf8.js';
import {
  MESSAGE,
  readEndSelected,
  readGather,
  readGroupMember,
  readName,
  readOfferGroup,
  readTagSelected,
} from '../../protocol/index.js';
import type { Session } from '../sessions.js';
import type { PoolState } from '../state.js';
import type { HeldOperation, Lane } from './held-operation.js';
import { SELECTING } from './selecting-ahead.js';

/**
 * Which requests of a session come one after the other: those of a lane. One that is about several
 * things stands in the lane of each, and has its turn when it is the first in all of them. What is
 * about names stands behind what the same member asks, as handles are of one member; what is asked
 * of no member behind its like.
 */

/** The lane of what must come after all else of its session. */
const END = 'end';
/** That of what a member asks of all names that a selector finds. */
const NAMES = 'names ';

/** Requests that begin with the number of a handle. */
const OF_HANDLES: ReadonlySet<number> = new Set([
  ...[MESSAGE.declare, MESSAGE.set, MESSAGE.seal, MESSAGE.offer, MESSAGE.offerPart],
  ...[MESSAGE.append, MESSAGE.finish, MESSAGE.withdraw, MESSAGE.require, MESSAGE.demand],
  ...[MESSAGE.region, MESSAGE.retract, MESSAGE.dispose, MESSAGE.create, MESSAGE.open],
  ...[MESSAGE.offerGroup, MESSAGE.requireMember],
  ...[MESSAGE.writeRegions, MESSAGE.readRegions, MESSAGE.commit, MESSAGE.lock, MESSAGE.unlock],
  MESSAGE.take,
]);

/** Requests that begin with the name of an object. */
const OF_NAMES: ReadonlySet<number> = new Set([MESSAGE.tag, MESSAGE.delete, MESSAGE.unkeep]);

const OTHER_LANES: { readonly [code: number]: string } = {
  [MESSAGE.join]: 'member ',
  [MESSAGE.promise]: 'promise ',
  [MESSAGE.close]: 'promise ',
  [MESSAGE.emit]: 'emit ',
};

const NONE: readonly Lane[] = [];

/**
 * The lanes of a request, on whose body `pool.reader` stands, and does afterwards; none: it is
 * about nothing that others could be about.
 */
export function lanesOf(pool: PoolState, session: Session, code: number): readonly Lane[] {
  if (code === MESSAGE.leave || code === MESSAGE.end) return [END];
  const other = OTHER_LANES[code];
  const isOfName = OF_NAMES.has(code);
  const isOfNames = SELECTING.has(code);
  if (!OF_HANDLES.has(code) && !isOfName && !isOfNames && other === undefined) return NONE;
  // What comes behind the end of a member is for after it.
  if (session.lanes.has(END)) return [END];
  const { reader } = pool;
  if (reader.remaining < 4) return NONE;
  const { at } = reader;
  try {
    if (isOfNames) return lanesOfNames(pool, session, code);
    if (isOfName) return lanesOfName(pool, session);
    if (code === MESSAGE.offerGroup) return lanesOfGroup(pool);
    const number = reader.u32();
    return [other === undefined ? number : other + String(number)];
  } finally {
    reader.at = at;
  }
}

const NAME = 'name ';

/** One of its own; behind what is about all names also that one. */
function lanesOfName({ reader }: PoolState, session: Session): readonly Lane[] {
  const start = readName(reader);
  const name = decodeUtf8(reader.bytes, start, reader.at);
  const member = reader.u32();
  const lane = `${NAME}${member} ${name}`;
  const all = NAMES + String(member);
  return session.lanes.has(all) ? [lane, all] : [lane];
}

/** Behind all that is asked of single names. */
function lanesOfNames(pool: PoolState, session: Session, code: number): readonly Lane[] {
  const member = memberOfSelecting(pool, code);
  const ofOne = `${NAME}${member} `;
  const isOfOne = (lane: Lane): boolean => typeof lane === 'string' && lane.startsWith(ofOne);
  return [NAMES + String(member), ...[...session.lanes.keys()].filter(isOfOne)];
}

/** The number of the member that asks for something of all that a selector finds. */
function memberOfSelecting({ reader, decoder }: PoolState, code: number): number {
  if (code === MESSAGE.tagSelected) {
    readTagSelected(reader, decoder.tagSelected);
    return decoder.tagSelected.member;
  }
  if (code === MESSAGE.gather) {
    readGather(reader, decoder.gather);
    return decoder.gather.member;
  }
  readEndSelected(reader, decoder.endSelected);
  return decoder.endSelected.member;
}

/** Of the handle of the group, and of each that is in it. */
function lanesOfGroup({ reader, decoder: { offer, group } }: PoolState): readonly Lane[] {
  readOfferGroup(reader, offer, group);
  const { handle, scope, durability } = offer;
  const handles = new Set([handle]);
  for (let left = group.count; left > 0; left--) {
    readGroupMember(reader, left === 1, { scope, durability }, offer);
    handles.add(offer.handle);
  }
  return [...handles];
}

/** Whether what is asked must stand behind something. */
export function isBehind(session: Session, lanes: readonly Lane[]): boolean {
  if (session.lanes.size === 0) return false;
  return lanes.includes(END) || lanes.some((lane) => session.lanes.has(lane));
}

/** Whether somebody of a session wants to leave when all that stands before it is done. */
export function isEnding({ lanes }: Session): boolean {
  return lanes.has(END);
}

/** An operation that is held takes its places. */
export function enterLanes(held: HeldOperation): void {
  const { lanes } = held.session;
  for (const lane of held.lanes) {
    const operations = lanes.get(lane);
    if (operations === undefined) lanes.set(lane, [held]);
    else operations.push(held);
  }
}

/** An operation that is held no longer leaves its places; returns those whose turn it is now. */
export function leaveLanes(held: HeldOperation): HeldOperation[] {
  const { lanes } = held.session;
  const next = new Set<HeldOperation>();
  for (const lane of held.lanes) {
    const operations = lanes.get(lane) ?? [];
    const index = operations.indexOf(held);
    if (index >= 0) operations.splice(index, 1);
    const [first] = operations;
    if (first === undefined) lanes.delete(lane);
    else if (index === 0) next.add(first);
  }
  const [last] = held.lanes.includes(END) ? [] : (lanes.get(END) ?? []);
  if (last !== undefined) next.add(last);
  return [...next].filter(hasTurn);
}

/** Whether nothing stands before it. */
export function hasTurn(held: HeldOperation): boolean {
  const { lanes } = held.session;
  if (held.lanes.includes(END) && lanes.size > 1) return false;
  return held.lanes.every((lane) => lanes.get(lane)?.[0] === held);
}

/** What stands before one that has not its turn; null: nothing does. */
export function blockerOf(held: HeldOperation): HeldOperation | null {
  const { lanes } = held.session;
  const isLast = held.lanes.includes(END);
  for (const lane of isLast ? lanes.keys() : held.lanes) {
    const first = lanes.get(lane)?.[0];
    if (first !== undefined && first !== held) return first;
  }
  return null;
}

/** All that is held of a session, each once. */
export function heldOf({ lanes }: Session): ReadonlySet<HeldOperation> {
  const all = new Set<HeldOperation>();
  for (const operations of lanes.values()) for (const held of operations) all.add(held);
  return all;
}
