import { LIMITS } from '../../core/limits.js';
import { SUBSCRIBE } from '../../protocol/index.js';
import { isInParts } from '../parts.js';
import { freeHeldParts } from '../parts-owed.js';
import { OBJECT, VERSION, VERSION_FLAG } from '../rows.js';
import type { PoolState } from '../state.js';
import { freeIfOwedToNobody, versionHas } from '../versions.js';
import { goOnLater, markDue, wants } from './delivering.js';
import { countSteps, forgetStep, isOfQueue, queueOf } from './queues.js';
import type { Subscription } from './subscription.js';

/** One that has handed this much out is moved to the front. */
const HEAD_MAX = 1_024;

/** Rows of versions, the first one first. */
class Line {
  #versions: number[] = [];
  #head = 0;

  get count(): number {
    return this.#versions.length - this.#head;
  }

  push(version: number): void {
    this.#versions.push(version);
  }

  shift(): number {
    const version = this.#versions[this.#head++] as number;
    if (this.#head >= HEAD_MAX && this.#head * 2 >= this.#versions.length) {
      this.#versions.splice(0, this.#head);
      this.#head = 0;
    }
    return version;
  }

  sort(seqOf: (version: number) => number): void {
    this.#versions = this.#versions.slice(this.#head);
    this.#head = 0;
    this.#versions.sort((one, other) => seqOf(one) - seqOf(other));
  }

  each(visit: (version: number) => void): void {
    for (let at = this.#head; at < this.#versions.length; at++) {
      visit(this.#versions[at] as number);
    }
  }
}

/**
 * What a standing require has for its members and has not given to one yet: rows of versions, each
 * pinned, in the order of their offers; of one who wants the newest step in a line for each step.
 * What was given is pinned until it is acknowledged.
 */
export class Standing {
  /** By step; of one who wants all of them one line, by 0. None is empty. */
  readonly #lines = new Map<number, Line>();
  #count = 0;
  /** More matched than it may keep: it ends before the step does. */
  isOverfull = false;
  /** Steps of its versions, in the lines and with members, by queue: how many of each. */
  readonly steps = new Map<string, Map<number, number>>();
  /** Of one who wants the newest: the step that it has; null before the first. */
  step: number | null = null;
  /**
   * Of a shared one whose work was done when it ended by itself: the last event before that. It
   * requires nothing any more. 0: it is at work.
   */
  doneAt = 0;
  /** Somebody has promised more since: it goes on with the next member. */
  isWanted = false;
  /** It goes on after this event: up to there its work was done before. */
  since = 0;

  get count(): number {
    return this.#count;
  }

  get isComplete(): boolean {
    return this.doneAt > 0;
  }

  /** `step`: of one who wants the newest, that of the version. */
  push(version: number, step = 0): void {
    const line = this.#lines.get(step) ?? new Line();
    this.#lines.set(step, line);
    line.push(version);
    this.#count++;
  }

  /** The first of them, or of those of a step; 0 when there is none. */
  shift(step = 0): number {
    const line = this.#lines.get(step);
    if (line === undefined) return 0;
    this.#count--;
    const version = line.shift();
    if (line.count === 0) this.#lines.delete(step);
    return version;
  }

  /** The steps of which it has something. */
  linedSteps(): Iterable<number> {
    return this.#lines.keys();
  }

  /** Takes all of a step. */
  drop(step: number): number[] {
    const all: number[] = [];
    const line = this.#lines.get(step);
    line?.each((version) => all.push(version));
    this.#count -= all.length;
    this.#lines.delete(step);
    return all;
  }

  sort(seqOf: (version: number) => number): void {
    for (const line of this.#lines.values()) line.sort(seqOf);
  }

  each(visit: (version: number) => void): void {
    for (const line of this.#lines.values()) line.each(visit);
  }
}

/** The version of a place that is none of the log, as deliveries of standing requires have. */
export function versionOf(place: number): number {
  return -place;
}

/** An offer was noted: requires it for one that asks for it. */
export function pinOffered(
  pool: PoolState,
  one: Subscription,
  standing: Standing,
  version: number,
): void {
  if (standing.isComplete || standing.isOverfull || !isOfQueue(pool, one, version)) return;
  if (pin(pool, one, standing, version)) markDue(pool, one);
}

function pin(pool: PoolState, one: Subscription, standing: Standing, version: number): boolean {
  if (standing.count + one.unacked.count >= LIMITS.pinsMax) {
    // Not within the walk that has found it.
    standing.isOverfull = true;
    markDue(pool, one);
    return false;
  }
  pool.versions.add(version, VERSION.pins, 1);
  countSteps(pool, standing.steps, version, 1);
  // Memory for the rest of it may come out of the reserve.
  if (isInParts(pool, version)) pool.leasesDue ||= pool.leaseWaits.length > 0;
  standing.push(version, lineOf(pool, one, version));
  return true;
}

/** By which a standing require keeps a version: its step, for one who wants the newest. */
export function lineOf(
  pool: PoolState,
  one: Pick<Subscription, 'flags' | 'topics'>,
  version: number,
): number {
  if ((one.flags & SUBSCRIBE.latest) === 0) return 0;
  return queueOf(pool, one)?.stepOf.get(version) ?? 0;
}

/** Requires what was offered when it began; so much of it before others have their turn. */
export function pinSnapshot(pool: PoolState, one: Subscription, standing: Standing): void {
  const { snapshot } = one;
  if (snapshot === null) return;
  const { objects, versions } = pool;
  const end = Math.min(snapshot.end, objects.end);
  const before = standing.count;
  for (let looked = 0; snapshot.next < end; snapshot.next++) {
    if (looked++ === LIMITS.eventsLookedMax) {
      goOnLater(pool, one);
      break;
    }
    const version = objects.get(snapshot.next, OBJECT.current);
    const isThere = isOfSnapshot(pool, one, version) && isOfQueue(pool, one, version);
    if (isThere && wants(pool, one, -version)) {
      pin(pool, one, standing, version);
    }
    if (standing.isOverfull || !pool.events.subscriptions.has(one.id)) return;
  }
  if (snapshot.next >= end) one.snapshot = null;
  if (standing.count > before) standing.sort((version) => versions.getWide(version, VERSION.seq));
}

/** Whether a version is offered, and was when a subscription began: else an event tells of it. */
export function isOfSnapshot(pool: PoolState, one: Subscription, version: number): boolean {
  if (version === 0 || !versionHas(pool, version, VERSION_FLAG.offered)) return false;
  if (versionHas(pool, version, VERSION_FLAG.deleted | VERSION_FLAG.lost)) return false;
  const seq = pool.versions.getWide(version, VERSION.seq);
  return seq > (one.standing?.since ?? 0) && seq <= one.from;
}

/** One that was complete goes on with what was offered since, as more was promised. */
export function goOnWith(pool: PoolState, one: Subscription, standing: Standing): void {
  if (!standing.isWanted) return;
  standing.since = standing.doneAt;
  standing.doneAt = 0;
  standing.isWanted = false;
  standing.step = null;
  one.from = pool.events.log.end - 1;
  one.snapshot = { next: 1, end: pool.objects.end };
}

/**
 * A version is about to be withdrawn, lost or deleted: those require it before who would have come
 * to it later, as they began when it was offered.
 */
export function pinBefore(pool: PoolState, version: number): void {
  if (pool.events.standing.size === 0) return;
  const object = pool.versions.get(version, VERSION.object);
  for (const one of [...pool.events.standing]) {
    const { snapshot, standing } = one;
    if (snapshot === null || standing === null || object < snapshot.next) continue;
    if (object >= snapshot.end || !isOfSnapshot(pool, one, version)) continue;
    if (wants(pool, one, -version)) pinOffered(pool, one, standing, version);
  }
}

/** Whether one keeps a version. */
export function pinnedBy(one: Subscription, version: number): boolean {
  let isPinned = false;
  eachPin(one, (each) => {
    isPinned ||= each === version;
  });
  return isPinned;
}

/** The versions that a standing require keeps. */
export function eachPin({ standing, unacked }: Subscription, visit: (version: number) => void) {
  if (standing === null) return;
  unacked.each((_n, place) => {
    // 0: it tells of steps that were missed.
    if (place !== 0) visit(versionOf(place));
  });
  standing.each(visit);
}

/** A member has done with a version, or nobody asks for it any more. */
export function unpin(pool: PoolState, one: Subscription, version: number): void {
  if (one.standing !== null) countSteps(pool, one.standing.steps, version, -1);
  if (pool.versions.add(version, VERSION.pins, -1) > 0) return;
  forgetStep(pool, version);
  freeHeldParts(pool, version);
  freeIfOwedToNobody(pool, version);
}

/** A standing require is over: it keeps nothing any more. */
export function endPins(pool: PoolState, one: Subscription): void {
  const versions: number[] = [];
  eachPin(one, (version) => versions.push(version));
  for (const version of versions) unpin(pool, one, version);
}
