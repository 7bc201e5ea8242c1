import type { ErrorCode } from '../core/errors.js';
import type { EventName } from '../protocol/index.js';
import type { EventOracle } from './event-oracle.js';
import type { About, MEvent, MHeld, MSubscription } from './event-state.js';
import type { Expected, MSession } from './oracle-state.js';

/** How long an offer waits for who is behind: the pool's default. */
export const DEADLINE_MS = 2_002;
/** The lane of what comes behind all else of its session. */
const END = 'end';

const OF_HANDLES: ReadonlySet<string> = new Set([
  ...['declare', 'set', 'seal', 'offer', 'offer-part', 'append', 'finish', 'withdraw', 'require'],
  ...['demand', 'region', 'retract', 'dispose', 'create', 'open', 'write-regions', 'commit'],
  ...['read-regions', 'lock', 'unlock', 'take'],
]);
const OF_NAMES: ReadonlySet<string> = new Set([
  ...['tag', 'delete', 'unkeep', 'tag-selected', 'end-selected'],
]);
const OTHER_LANES: { readonly [operation: string]: string } = {
  join: 'member',
  promise: 'promise',
  close: 'promise',
  emit: 'emit',
};

/** Which requests of its session one must not overtake; null: it is about none of them. */
function laneOf(operation: string, number: string, isEnding: boolean): string | null {
  if (operation === 'leave' || operation === 'end') return END;
  const isOfHandle = OF_HANDLES.has(operation);
  const other = OTHER_LANES[operation];
  if (!isOfHandle && !OF_NAMES.has(operation) && other === undefined) return null;
  if (isEnding) return END;
  if (OF_NAMES.has(operation)) return 'names';
  return `${isOfHandle ? 'handle' : other} ${number}`;
}

interface EventHoldsParts {
  readonly now: () => number;
  readonly events: () => EventOracle;
  /** What a request is about to do, in this order; nothing when it will be refused. */
  readonly announce: (
    session: MSession,
    operation: string,
    about: About,
  ) => readonly Omit<MEvent, 'isBefore' | 'seq'>[];
  /** Whether it offers a step that is too far ahead of somebody. */
  readonly isAhead: (session: MSession, operation: string, about: About) => boolean;
  /** Applies a request, and answers it; `refusal`: it is not to be. */
  readonly perform: (held: MHeld, refusal: ErrorCode | null) => void;
}

/** The model of operations that are held: each until all that were asked have let it go. */
export class EventHolds {
  /** Requests that were held, by `session/request`. */
  readonly known = new Set<string>();
  readonly #parts: EventHoldsParts;
  readonly #lanes = new Map<MSession, Map<string, MHeld[]>>();
  readonly #waiting = new Map<MEvent, MHeld>();
  #released: MHeld[] = [];
  /** Those that wait for who is behind, in the order in which they began to. */
  #ahead: MHeld[] = [];

  constructor(parts: EventHoldsParts) {
    this.#parts = parts;
  }

  /** Operations that are held, or stand behind one that is. */
  get count(): number {
    let count = 0;
    for (const lanes of this.#lanes.values())
      for (const lane of lanes.values()) count += lane.length;
    return count;
  }

  /** For people: for whom a request waits. */
  wordsOf(session: number, request: number): string {
    const all = [...this.#lanes.values()].flatMap((lanes) => [...lanes.values()].flat());
    const held = all.find((each) => each.session.id === session && each.request === request);
    if (held === undefined) return 'it is not held';
    const who = [...held.waitsFor.keys()].map(({ asked, attachments, unacked, next }) => {
      const by = attachments.map(({ session: of, number }) => `${of.id}/${number}`);
      return `${by} for ${asked.kinds} of ${asked.text}, which has ${unacked.size}, at ${next}`;
    });
    return `it is held in ${held.lane} by ${who.join(' and ')}`;
  }

  /** How many have a deadline. */
  get timers(): number {
    return this.moments().filter((moment) => moment !== Number.POSITIVE_INFINITY).length;
  }

  moments(): number[] {
    return [...this.#waiting.values(), ...this.#ahead].map(({ timer }) => timer);
  }

  /** Holds a request, if it is to be held. */
  hold(
    session: MSession,
    request: number,
    words: string,
    about: About | null,
    apply: () => Expected | null,
  ): boolean {
    const lanes = this.#lanes.get(session) ?? new Map<string, MHeld[]>();
    const [operation = '', number = ''] = words.split(' ');
    const lane = laneOf(operation, number, lanes.has(END));
    if (lane === null) return false;
    const since = this.#parts.now();
    const none = { event: null, refusal: null, timer: Number.POSITIVE_INFINITY, since };
    const what = { session, request, operation, about, apply, lane, ...none };
    const held: MHeld = { ...what, passed: new Set(), waitsFor: new Map() };
    const behind = lanes.get(lane);
    const isBehind = behind !== undefined || (lane === END && lanes.size > 0);
    const isHeld = isBehind || this.#waitsForStep(held) || this.#asks(held);
    if (!isHeld) return false;
    if (behind === undefined) lanes.set(lane, [held]);
    else behind.push(held);
    this.#lanes.set(session, lanes);
    this.known.add(`${session.id}/${request}`);
    return true;
  }

  /** How many wait for who is behind. */
  get ahead(): number {
    return this.#ahead.length;
  }

  #waitsForStep(held: MHeld): boolean {
    const { session, operation, about, since } = held;
    const { now, isAhead } = this.#parts;
    if (about === null || !isAhead(session, operation, about)) return false;
    held.timer = Math.max(since + DEADLINE_MS, now());
    this.#ahead.push(held);
    return true;
  }

  /** Somebody has caught up: all that wait for that are looked at again. */
  releaseSteps(): boolean {
    const all = this.#ahead.splice(0);
    for (const held of all) held.timer = Number.POSITIVE_INFINITY;
    this.#released.push(...all);
    return all.length > 0;
  }

  /** Asks those who have a say in an operation; whether it has to wait for them. */
  #asks(held: MHeld): boolean {
    const { session, operation, about, passed } = held;
    if (about === null) return false;
    const { now, events, announce } = this.#parts;
    for (const event of announce(session, operation, about)) {
      if (passed.has(event.kind) || !this.#isAsked(event.kind)) continue;
      passed.add(event.kind);
      const question = events().ask(event);
      if (question === null || question.asked.length === 0) continue;
      held.event = question.event;
      held.since = now();
      for (const one of question.asked) {
        held.waitsFor.set(one, now() + one.asked.deadlineMs);
        one.holds.add(question.event);
      }
      held.timer = Math.min(...held.waitsFor.values());
      this.#waiting.set(question.event, held);
      return true;
    }
    return false;
  }

  #isAsked(kind: EventName): boolean {
    return [...this.#parts.events().subscriptions].some(
      ({ asked }) => asked.isBefore && asked.kinds.includes(kind),
    );
  }

  allow(one: MSubscription, event: MEvent): void {
    one.holds.delete(event);
    const held = this.#waiting.get(event);
    if (held?.waitsFor.delete(one) === true && held.waitsFor.size === 0) this.#decide(held, null);
  }

  veto(event: MEvent, refusal: MHeld['refusal']): void {
    const held = this.#waiting.get(event);
    if (held !== undefined) this.#decide(held, refusal);
  }

  silent(one: MSubscription, event: MEvent): void {
    if (one.asked.silence === 'allow') this.allow(one, event);
    else this.veto(event, 'subscriber-silent');
  }

  #decide(held: MHeld, refusal: MHeld['refusal']): void {
    this.#letGo(held);
    held.refusal = refusal;
    this.#released.push(held);
  }

  /** Nobody is waited for any more. */
  #letGo(held: MHeld): void {
    const { event, waitsFor } = held;
    this.#ahead = this.#ahead.filter((each) => each !== held);
    if (event !== null) {
      this.#waiting.delete(event);
      for (const one of waitsFor.keys()) one.holds.delete(event);
    }
    waitsFor.clear();
  }

  /** Who was silent until now was silent for too long. */
  pass(now: number): void {
    // One after the other: what stood behind the first comes before the second.
    const over = this.#ahead.find(({ timer }) => timer <= now);
    if (over !== undefined) this.#decide(over, 'deadline-passed');
    for (const [event, held] of [...this.#waiting]) {
      if (held.timer > now) continue;
      for (const [one, until] of [...held.waitsFor]) if (until <= now) this.silent(one, event);
      held.timer = Math.min(...held.waitsFor.values());
    }
  }

  /** CANCEL of what is held; false: it is not. */
  cancel(session: MSession, request: number): boolean {
    for (const lane of this.#lanes.get(session)?.values() ?? []) {
      const held = lane.find((each) => each.request === request);
      if (held === undefined) continue;
      if (held === lane[0]) this.#decide(held, 'cancelled');
      else {
        lane.splice(lane.indexOf(held), 1);
        this.#parts.perform(held, 'cancelled');
      }
      return true;
    }
    return false;
  }

  /** A session ends: what it has asked for and is not done is not done. */
  drop(session: MSession): void {
    for (const lane of this.#lanes.get(session)?.values() ?? []) {
      for (const held of lane) {
        const told = [...held.waitsFor.keys()];
        const { event } = held;
        this.#letGo(held);
        if (event !== null) for (const one of told) this.#parts.events().cancelled(one, event);
      }
    }
    this.#lanes.delete(session);
    this.#released = this.#released.filter((held) => held.session !== session);
  }

  /** Applies one that was let go, or refuses it, and goes on behind it; false: there is none. */
  settleNext(): boolean {
    const held = this.#released.shift();
    if (held === undefined) return false;
    const { session, lane, refusal } = held;
    if (refusal === null && (this.#waitsForStep(held) || this.#asks(held))) return true;
    this.#parts.perform(held, refusal);
    const lanes = this.#lanes.get(session);
    // Its own END was applied.
    if (lanes === undefined) return true;
    const behind = lanes.get(lane) ?? [];
    behind.shift();
    const [next] = behind;
    if (next === undefined) lanes.delete(lane);
    // Its turn is when all others of its session are done, also when LEAVE before it was cancelled.
    else if (lane !== END || lanes.size === 1) this.#released.push(next);
    const [last] = lanes.size === 1 ? (lanes.get(END) ?? []) : [];
    if (next === undefined && lane !== END && last !== undefined) this.#released.push(last);
    if (lanes.size === 0) this.#lanes.delete(session);
    return true;
  }
}
