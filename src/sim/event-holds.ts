import type { ErrorCode } from '../core/errors.js';
import { type EventName, MEMBER_NONE } from '../protocol/index.js';
import type { EventOracle } from './event-oracle.js';
import type { About, MEvent, MHeld, MSelected, MSubscription } from './event-state.js';
import type { Expected, MSession } from './oracle-state.js';
import { type MToStore, StoreOracle } from './store-oracle.js';

/** How long an offer waits for who is behind: the pool's default. */
export const DEADLINE_MS = 2_002;
/** The lane of what comes behind all else of its session. */
const END = 'end';

const OF_HANDLES: ReadonlySet<string> = new Set([
  ...['declare', 'set', 'seal', 'offer', 'offer-part', 'append', 'finish', 'withdraw', 'require'],
  ...['demand', 'region', 'retract', 'dispose', 'create', 'open', 'write-regions', 'commit'],
  ...['read-regions', 'lock', 'unlock', 'take', 'offer-group', 'require-member'],
]);
const OF_NAMES: ReadonlySet<string> = new Set(['tag', 'delete', 'unkeep']);
/** The lane of what a member asks of all names that a selector finds. */
const NAMES = 'names';
const OF_ALL_NAMES: ReadonlySet<string> = new Set(['tag-selected', 'end-selected', 'gather']);
const OTHER_LANES: { readonly [operation: string]: string } = {
  join: 'member',
  promise: 'promise',
  close: 'promise',
  emit: 'emit',
};

/** Which requests of its session one must not overtake; none: it is about none of them. */
function lanesOf(
  operation: string,
  numbers: readonly string[],
  member: number,
  lanes: ReadonlyMap<string, readonly MHeld[]>,
): readonly string[] {
  if (operation === 'leave' || operation === 'end') return [END];
  const other = OF_HANDLES.has(operation) ? 'handle' : OTHER_LANES[operation];
  const isOfName = OF_NAMES.has(operation);
  const isOfNames = OF_ALL_NAMES.has(operation);
  if (!isOfName && !isOfNames && other === undefined) return [];
  if (lanes.has(END)) return [END];
  const ofNames = [...lanes.keys()].filter((lane) => lane.startsWith(`name ${member} `));
  const all = `${NAMES} ${member}`;
  if (isOfNames) return [all, ...ofNames];
  if (isOfName) return [`name ${member} ${numbers[0]}`, ...(lanes.has(all) ? [all] : [])];
  return [...new Set(numbers.map((number) => `${other} ${number}`))];
}

type Announced = Omit<MEvent, 'isBefore' | 'seq'>;

interface EventHoldsParts {
  readonly now: () => number;
  readonly events: () => EventOracle;
  /** What a request is about to do, in this order; nothing when it will be refused. */
  readonly announce: (session: MSession, operation: string, about: About) => readonly Announced[];
  /** What is changed together, as a selector finds it; null: there is none. */
  readonly selected: (about: About) => MSelected | null;
  /** Whether it offers a step that is too far ahead of somebody. */
  readonly isAhead: (session: MSession, operation: string, about: About) => boolean;
  /** What it is to have in the store first. */
  readonly toStore: (session: MSession, operation: string, about: About) => MToStore | null;
  /** Applies a request, and answers it; `refusal`: it is not to be. */
  readonly perform: (held: MHeld, refusal: ErrorCode | null) => void;
}

/** The model of operations that are held: each until all that were asked have let it go. */
export class EventHolds {
  /** Requests that were held, by `session/request`. */
  readonly known = new Set<string>();
  readonly stores = new StoreOracle();
  readonly #parts: EventHoldsParts;
  readonly #lanes = new Map<MSession, Map<string, MHeld[]>>();
  readonly #waiting = new Map<MEvent, MHeld>();
  /** Those that are due. */
  #released: MHeld[] = [];
  #asked = 0;
  /** Those that wait for who is behind. */
  #ahead: MHeld[] = [];

  constructor(parts: EventHoldsParts) {
    this.#parts = parts;
  }

  /** Operations that are held, or stand behind one that is. */
  get count(): number {
    let count = 0;
    for (const session of this.#lanes.keys()) count += this.#of(session).size;
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
    return `it is held in ${held.lanes} by ${who.join(' and ')}`;
  }

  /** How many have a deadline. */
  get timers(): number {
    return this.moments().filter((moment) => moment !== Number.POSITIVE_INFINITY).length;
  }

  /** Those that wait for a word, for who is behind, or for the store, each once. */
  #timed(): ReadonlySet<MHeld> {
    return new Set([...this.#waiting.values(), ...this.#ahead, ...this.stores.waiting]);
  }

  moments(): number[] {
    return [...this.#timed()].map(({ timer }) => timer);
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
    const numbers = [number, ...(about?.group ?? []).map(String)];
    const own = lanesOf(operation, numbers, about?.member ?? MEMBER_NONE, lanes);
    if (own.length === 0) return false;
    const since = this.#parts.now();
    const none = { events: [], refusal: null, store: null, since };
    const timer = Number.POSITIVE_INFINITY;
    const order = ++this.#asked;
    const what = { session, request, operation, about, apply, lanes: own, order, timer, ...none };
    const nothing = { passed: new Set<EventName>(), ends: null, selected: null };
    const held: MHeld = { ...what, ...nothing, waitsFor: new Map() };
    const isBehind = own.some((lane) => lanes.has(lane) || (lane === END && lanes.size > 0));
    const isHeld = isBehind || this.#waits(held);
    if (!isHeld) return false;
    for (const lane of own) lanes.set(lane, [...(lanes.get(lane) ?? []), held]);
    this.#lanes.set(session, lanes);
    this.known.add(`${session.id}/${request}`);
    return true;
  }

  /** How many wait for who is behind. */
  get ahead(): number {
    return this.#ahead.length;
  }

  /** Whether it waits for anything, in this order. */
  #waits(held: MHeld): boolean {
    return this.#waitsForStep(held) || this.#asks(held) || this.#waitsForStore(held);
  }

  #waitsForStore(held: MHeld): boolean {
    const { session, operation, about, store } = held;
    const { now, toStore } = this.#parts;
    const what = about === null ? null : toStore(session, operation, about);
    if (what === null || (store?.isDone === true && store.version === what.version)) return false;
    this.#released.push(...this.stores.leave(held));
    if (this.stores.begin(held, what)) held.since = now();
    held.timer = Math.max(held.since + DEADLINE_MS, now());
    return true;
  }

  /** What of that is to be stored must be asked again of another agent. */
  get storesOwed(): MHeld[] {
    return this.stores.asked.filter((held) => this.#isAskedAgain(held));
  }

  #isAskedAgain({ session, operation, about, store }: MHeld): boolean {
    const what = about === null ? null : this.#parts.toStore(session, operation, about);
    return what !== null && what.version === store?.version;
  }

  /** Another manager goes on: what is not asked again is looked at anew. */
  releaseStores(): void {
    for (const held of this.stores.asked) {
      if (this.#isAskedAgain(held)) continue;
      held.timer = Number.POSITIVE_INFINITY;
      this.#released.push(held);
    }
  }

  /** The agent has stored what it was asked for, or could not. */
  stored(ask: number, refusal: ErrorCode | null): void {
    const held = this.stores.answered(ask);
    if (held === null || held.store === null) return;
    held.timer = Number.POSITIVE_INFINITY;
    held.since = this.#parts.now();
    held.store.isDone = true;
    if (refusal !== null) this.#released.push(...this.stores.leave(held));
    held.refusal = refusal;
    this.#released.push(held);
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
    const all = new Map<EventName, Announced[]>();
    for (const event of announce(session, operation, about)) {
      all.set(event.kind, [...(all.get(event.kind) ?? []), event]);
    }
    for (const [kind, told] of all) {
      const ends = told[0]?.ends ?? held.ends;
      // Who let one version go has not let go another that came in its place.
      const isLetGo = passed.has(kind) && (ends === null || ends === held.ends);
      if (isLetGo || !this.#isAsked(kind)) continue;
      passed.add(kind);
      held.ends = ends;
      // Of a group each is told of.
      const questions = told.flatMap((event) => events().ask(event) ?? []);
      const asked = questions.filter((question) => question.asked.length > 0);
      if (asked.length === 0) continue;
      held.events = asked.map(({ event }) => event);
      held.selected = this.#parts.selected(about);
      held.since = now();
      for (const question of asked) {
        for (const one of question.asked) {
          held.waitsFor.set(one, now() + one.asked.deadlineMs);
          one.holds.add(question.event);
        }
        this.#waiting.set(question.event, held);
      }
      held.timer = Math.min(...held.waitsFor.values());
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
    if (held === undefined || held.events.some((each) => one.holds.has(each))) return;
    if (held.waitsFor.delete(one) && held.waitsFor.size === 0) this.#decide(held, null);
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
    const { events, waitsFor } = held;
    this.#ahead = this.#ahead.filter((each) => each !== held);
    for (const event of events) {
      this.#waiting.delete(event);
      for (const one of waitsFor.keys()) one.holds.delete(event);
    }
    waitsFor.clear();
  }

  /** Who was silent until now was silent for too long. */
  pass(now: number): void {
    // One after the other: what stood behind the first comes before the second.
    const over = [...this.#timed()].filter(({ timer }) => timer <= now);
    const held = firstAsked(over);
    if (held === null) return;
    if (this.#ahead.includes(held) || held.store?.isDone === false) {
      held.timer = Number.POSITIVE_INFINITY;
      this.#decide(held, 'deadline-passed');
    } else {
      const { events, waitsFor } = held;
      for (const [one, until] of [...waitsFor]) {
        if (until > now) continue;
        for (const event of events) if (one.holds.has(event)) this.silent(one, event);
      }
      held.timer = Math.min(...waitsFor.values());
    }
  }

  /** CANCEL of what is held; false: it is not. */
  cancel(session: MSession, request: number): boolean {
    const held = [...this.#of(session)].find((each) => each.request === request);
    if (held === undefined) return false;
    if (this.#hasTurn(held)) {
      this.#released.push(...this.stores.leave(held));
      this.#decide(held, 'cancelled');
    } else {
      this.#parts.perform(held, 'cancelled');
      this.#released.push(...this.#leave(held));
    }
    return true;
  }

  /** All that is held of a session, each once. */
  #of(session: MSession): ReadonlySet<MHeld> {
    return new Set([...(this.#lanes.get(session)?.values() ?? [])].flat());
  }

  #hasTurn({ session, lanes: own, ...held }: MHeld): boolean {
    const lanes = this.#lanes.get(session);
    if (own.includes(END) && (lanes?.size ?? 0) > 1) return false;
    return own.every((lane) => lanes?.get(lane)?.[0]?.request === held.request);
  }

  /** Leaves its lanes; returns those whose turn it is now. */
  #leave(held: MHeld): MHeld[] {
    const lanes = this.#lanes.get(held.session) ?? new Map<string, MHeld[]>();
    const next = new Set<MHeld>();
    for (const lane of held.lanes) {
      const before = lanes.get(lane) ?? [];
      const after = before.filter((each) => each !== held);
      const [first] = after;
      if (first === undefined) lanes.delete(lane);
      else lanes.set(lane, after);
      if (first !== undefined && first !== before[0]) next.add(first);
    }
    // Its turn is when all others of its session are done, also when LEAVE before it was cancelled.
    const [last] = held.lanes.includes(END) ? [] : (lanes.get(END) ?? []);
    if (last !== undefined) next.add(last);
    if (lanes.size === 0) this.#lanes.delete(held.session);
    return [...next].filter((each) => this.#hasTurn(each));
  }

  /** A session ends: what it has asked for and is not done is not done. */
  drop(session: MSession): void {
    for (const held of this.#of(session)) {
      const told = [...held.waitsFor.keys()];
      const { events } = held;
      this.#letGo(held);
      this.#released.push(...this.stores.leave(held));
      for (const one of told) {
        for (const event of events) this.#parts.events().cancelled(one, event);
      }
    }
    this.#lanes.delete(session);
    this.#released = this.#released.filter((held) => held.session !== session);
  }

  /** Applies one that was let go, or refuses it, and goes on behind it; false: there is none. */
  settleNext(): boolean {
    const held = firstAsked(this.#released);
    if (held === null) return false;
    this.#released = this.#released.filter((each) => each !== held);
    const { session, refusal } = held;
    if (refusal === null && this.#waits(held)) return true;
    this.#parts.perform(held, refusal);
    this.#released.push(...this.stores.leave(held));
    // Its own END was applied, if they are gone.
    if (this.#lanes.has(session)) this.#released.push(...this.#leave(held));
    return true;
  }
}

/** Of several that are due the one that was asked for first. */
function firstAsked(all: readonly MHeld[]): MHeld | null {
  const [first = null, ...rest] = all;
  return rest.reduce(
    (one, other) => (one !== null && other.order > one.order ? one : other),
    first,
  );
}
