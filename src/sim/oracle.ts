/**
 * The model of a pool. In one file, past 500 lines: it is the contract said once more, rule by
 * rule, and whoever asks why an answer is expected reads it from one end to the other.
 */
import { assert } from '../core/assert.js';
import type { ErrorCode } from '../core/errors.js';
import { Timestamp, type Value } from '../core/value.js';
import { END, type EventName, MEMBER_NONE } from '../protocol/index.js';
import { EventHolds } from './event-holds.js';
import { EventOracle } from './event-oracle.js';
import {
  type About,
  DEPENDS_ON,
  isFollowed,
  type MEvent,
  type MHeld,
  type MSelected,
} from './event-state.js';
import { readSelector, selectedBy } from './finding.js';
import { GroupOracle } from './group-oracle.js';
import { MeetingOracle } from './meeting-oracle.js';
import { OpenOracle } from './open-oracle.js';
import type {
  Book,
  Expected,
  MDemand,
  MHandle,
  MLease,
  MMember,
  MObject,
  MPromise,
  MSession,
  MVersion,
  Payload,
  Range,
  Said,
  State,
  Watcher,
} from './oracle-state.js';
import { Refusal } from './oracle-state.js';
import {
  attributesOf,
  durabilityOf,
  ITEM_BYTES,
  isGrowing,
  lengthOf,
  levelOf,
  matches,
  payloadsOf,
  placesOf,
  sizeOf,
  stateOf,
  WALL_MS,
} from './selected.js';
import { StepOracle } from './step-oracle.js';
import type { MInSlab, MToStore } from './store-oracle.js';
import { meets } from './values.js';
import { must } from './violation.js';

/** Numbers of the pool that the model is compared with. */
export const GRACE_MS = 100;

/** How an object is offered as a whole. */
interface MOffer {
  readonly scope: 'member' | 'pool';
  readonly lifetime: number;
  /** What the pool keeps of that name ends with it. */
  readonly replaces?: boolean;
  /** It is to outlive the host. */
  readonly isDurable?: boolean;
}

/**
 * What the contract says a pool does, in the plainest words that compute: every rule is a search
 * through all there is. Answers are gathered in `answers` by session and request. In one file,
 * though long, so that it can be read beside the contract.
 */
export class Oracle {
  now: number;
  readonly sessions = new Map<number, MSession>();
  readonly members = new Map<string, MMember>();
  readonly objects = new Map<string, MObject>();
  promises: MPromise[] = [];
  queue: MLease[] = [];
  /** Withdrawn versions that somebody needs yet, and the offered ones. */
  readonly versions: Set<MVersion>;
  /** Lists of objects, by their names, as they were defined. */
  readonly collections = new Map<string, Value>();
  readonly answers = new Map<string, Expected>();
  /** Demands of what standing requires keep, by `session/request`. */
  readonly taken = new Set<string>();
  readonly #watchers = new Map<Watcher, MSession>();
  /** Nobody joins, and nothing is offered any more. */
  stopping = false;
  /** Whether there is a store for the bytes of slabs. */
  hasStore = false;
  /** The offer that is applied just now has its bytes there. */
  #isStored = false;
  readonly #book: Book;
  readonly #opening: OpenOracle;
  readonly events: EventOracle;
  readonly holds: EventHolds;
  readonly steps: StepOracle;
  readonly meetings: MeetingOracle;
  readonly groups: GroupOracle;
  /** What a request by a selector was held for that is done just now. */
  selectedAhead: MSelected | null = null;

  constructor(now: number, book: Book, versions = new Set<MVersion>()) {
    this.now = now;
    this.#book = book;
    this.versions = versions;
    this.#opening = new OpenOracle({
      sessions: this.sessions,
      book,
      answer: (session, request, answer) => this.#answer(session, request, answer),
      bind: (version) => this.#bind(version.object, version),
      forget: (version) => this.#forget(version),
    });
    this.meetings = new MeetingOracle({
      answer: (session, request, answer) => this.#answer(session, request, answer),
    });
    this.groups = new GroupOracle({
      objects: this.objects,
      versions,
      isAsked: () => this.events.isAsked('ready'),
      note: (version) => this.events.note(this.#ofVersion('ready', version)),
      serve: (version) => {
        for (const handle of inOrderOfEnd([...version.bound])) this.#deliverIfReady(handle);
      },
    });
    this.holds = new EventHolds({
      now: () => this.now,
      events: () => this.events,
      announce: (session, operation, about) => this.#announce(session, operation, about),
      selected: (about) => this.#selected(about),
      perform: (held, refusal) => this.#perform(held, refusal),
      isAhead: (session, operation, about) => this.#isAhead(session, operation, about),
      toStore: (session, operation, about) => this.#toStore(session, operation, about),
    });
    this.steps = new StepOracle({
      promises: () => this.promises,
      isThere: (member) => this.members.get(member.name) === member,
      subscriptions: () => this.events.subscriptions,
      end: (one) => this.events.endOfQueue(one),
      withdraw: (version, queue) => this.#withdraw(version, queue),
    });
    this.events = new EventOracle({
      versions,
      promises: () => this.promises,
      unpinned: (version) => this.#forget(version),
      steps: () => this.steps,
      holdsAny: () => this.holds.count > 0,
      allow: (one, event) => this.holds.allow(one, event),
      silent: (one, event) => this.holds.silent(one, event),
      veto: (_, event) => this.holds.veto(event, 'vetoed'),
    });
  }

  open(id: number): MSession {
    const session: MSession = {
      id,
      members: new Map(),
      handles: new Map(),
      promises: new Map(),
    };
    this.sessions.set(id, session);
    return session;
  }

  /**
   * Answers `request` with what `apply` returns, or with its refusal; null: it waits. Unless it is
   * held, by what its words say that it does.
   */
  request(
    session: MSession,
    request: number,
    apply: () => Expected | null,
    { words, about }: { readonly words: string; readonly about: About | null } = NOT_HELD,
  ): void {
    if (!this.holds.hold(session, request, words, about, apply)) {
      this.#apply(session, request, apply);
    }
    this.#settleAll();
    this.#changed();
  }

  #apply(session: MSession, request: number, apply: () => Expected | null): void {
    try {
      const answer = apply();
      if (answer !== null) this.#answer(session, request, answer);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#answer(session, request, { kind: 'fail', code: error.code });
    }
  }

  /** What the last change has made due, before the next one. */
  #settleAll(): void {
    this.#settle();
    this.groups.settle();
    this.serve();
    while (this.#settleNext());
    this.events.endComplete();
    while (this.#settleNext());
  }

  #settleNext(): boolean {
    if (this.holds.settleNext() || this.events.advanceNext() || this.steps.keepNext()) return true;
    if (!this.steps.isDue) return false;
    this.steps.isDue = false;
    return this.holds.releaseSteps();
  }

  /** An operation was let go, or is not to be. */
  #perform(held: MHeld, refusal: ErrorCode | null): void {
    const { session, request, apply, operation, about, store, selected } = held;
    const what = about === null ? null : this.#toStore(session, operation, about);
    this.#isStored = store !== null && what !== null;
    this.selectedAhead = selected;
    this.#apply(session, request, () => {
      if (refusal !== null) throw new Refusal(refusal);
      return apply();
    });
    this.selectedAhead = null;
    this.#isStored = false;
    this.#settle();
    this.groups.settle();
    this.serve();
    // What is let go next may bring back what has ended here.
    this.#changed();
  }

  // Events.

  /** What a request is about to do, as far as it can be seen that it will. */
  #announce(
    session: MSession,
    operation: string,
    about: About,
  ): Omit<MEvent, 'isBefore' | 'seq'>[] {
    const { topic = '', attributes = new Map() } = about;
    const member = session.members.get(about.member ?? -1) ?? null;
    const none = { topic: '', version: 0 };
    if (operation === 'emit') {
      return member === null
        ? []
        : [{ kind: 'emit', member, name: '', version: 0, topic, attributes }];
    }
    const { name = '' } = about;
    const object = this.objects.get(name);
    if (operation === 'declare') {
      const own = attributes.size > 0 ? attributes : (object?.current?.attributes ?? attributes);
      const said = new Map([...own, ...(object?.tags ?? [])]);
      return member === null ? [] : [{ ...none, kind: 'declare', member, name, attributes: said }];
    }
    if (operation === 'tag' || operation === 'delete') {
      const isNobody = member === null && about.member !== MEMBER_NONE;
      if (object === undefined || isNobody || !isFollowed(name)) return [];
      const event = this.#ofName(operation, object, member);
      if (operation === 'delete') return [{ ...event, ends: object.current }];
      return [{ ...event, attributes: new Map([...event.attributes, ...attributes]) }];
    }
    if (about.selector !== undefined) return this.#announceSelected(operation, about, member);
    const handle = session.handles.get(about.handle ?? -1);
    if (handle === undefined) return [];
    if (operation === 'offer-group') return this.#announceGroup(session, handle, about.group ?? []);
    const { state, version } = handle;
    const isFresh = state === 'declared' || state === 'sealed';
    const kinds = operation === 'demand' && isFresh ? ['require', 'demand'] : [operation];
    if (operation === 'offer' && !isFresh && state !== 'offered') return [];
    const next = operation === 'offer' && version === null ? handle.object.versions + 1 : undefined;
    const events = kinds.map((kind) => this.#ofHandle(kind as EventName, handle, next));
    const replaced = about.replaces === true ? handle.object.current : null;
    if (operation !== 'offer' || replaced === null || replaced.scope !== 'pool') return events;
    const end = { ...this.#ofVersion('withdraw', replaced), member: handle.member };
    return [...events, { ...end, ends: replaced }];
  }

  /** What is changed of what a selector finds: one object at most. */
  #announceSelected(
    operation: string,
    { selector = '', how, attributes = new Map(), member: number }: About,
    member: MMember | null,
  ): Omit<MEvent, 'isBefore' | 'seq'>[] {
    if (member === null && number !== MEMBER_NONE) return [];
    const [object, ...others] = selectedBy(this, readSelector(selector));
    assert(others.length === 0, 'in which order several are told of is not foreseen');
    if (object === undefined) return [];
    const { current, tags } = object;
    if (operation === 'tag-selected') {
      if ([...attributes].every(([key, value]) => tags.get(key) === value)) return [];
      const event = this.#ofName('tag', object, member);
      return [{ ...event, attributes: new Map([...event.attributes, ...attributes]) }];
    }
    if (how !== END.unkeep) return [this.#ofName('delete', object, member)];
    if (current?.scope !== 'pool') return [];
    return [{ ...this.#ofVersion('withdraw', current), member }];
  }

  #selected({ selector }: About): MSelected | null {
    if (selector === undefined) return null;
    const found = selectedBy(this, readSelector(selector));
    return new Map(found.map(({ name, current }) => [name, current]));
  }

  /** Each that is in it, and then the group; nothing when one of them cannot be offered. */
  #announceGroup(
    session: MSession,
    own: MHandle,
    group: readonly number[],
  ): Omit<MEvent, 'isBefore' | 'seq'>[] {
    const handles = [...group.map((number) => session.handles.get(number)), own];
    const all = handles.filter((each) => each !== undefined);
    const may: readonly MHandle['state'][] = ['declared', 'sealed', 'offered'];
    if (all.length < handles.length || all.some(({ state }) => !may.includes(state))) return [];
    return all.map((each) => {
      const next = each.version === null ? each.object.versions + 1 : undefined;
      return this.#ofHandle('offer', each, next);
    });
  }

  /** Whether it offers what is not begun, of a step that is too far ahead. */
  #isAhead(session: MSession, operation: string, about: About): boolean {
    const current = this.objects.get(about.name ?? '')?.current ?? null;
    const isReplaced = about.replaces === true && current?.scope === 'pool';
    if (operation !== 'offer' || (current !== null && !isReplaced)) return false;
    return this.#announce(session, operation, about).some(({ name, attributes }) =>
      this.steps.isAhead(session, name, attributes),
    );
  }

  /** What an offer is to have in the store before it takes effect; null: nothing, or refused. */
  #toStore(session: MSession, operation: string, about: About): MToStore | null {
    const { stored: range, replaces = false } = about;
    const handle = session.handles.get(about.handle ?? -1);
    if (operation !== 'offer' || range === undefined || handle === undefined) return null;
    const { object } = handle;
    if (!this.hasStore || this.#book.has?.(session, range) !== true) return null;
    const payload = { kind: 'slice', size: range.size, content: NOTHING, range } as const;
    try {
      this.#checkOffer(handle, payload, replaces);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return null;
    }
    return { name: object.name, version: object.versions + 1, range };
  }

  #ofHandle(
    kind: EventName,
    { member, object, said, state, version }: MHandle,
    number = version?.number ?? 0,
  ): Omit<MEvent, 'isBefore' | 'seq'> {
    const own = state === 'withdrawn' ? new Map<string, Value>() : said.attributes;
    // Of what it offers a handle says all itself.
    const isOffer = kind === 'offer' || kind === 'seal';
    const saidNow = own.size > 0 || isOffer ? own : (object.current?.attributes ?? own);
    const attributes = new Map([...(version?.attributes ?? saidNow), ...object.tags]);
    return { kind, member, name: object.name, topic: '', version: number, attributes };
  }

  #ofName(
    kind: EventName,
    object: MObject,
    member: MMember | null,
  ): Omit<MEvent, 'isBefore' | 'seq'> {
    const { name, current } = object;
    const version = current?.number ?? 0;
    return { kind, member, name, topic: '', version, attributes: attributesOf(object) };
  }

  #ofVersion(kind: EventName, version: MVersion): Omit<MEvent, 'isBefore' | 'seq'> {
    const { object, member, number } = version;
    const isThere = this.members.get(member.name) === member;
    const attributes = new Map([...version.attributes, ...object.tags]);
    const what = { kind, name: object.name, topic: '', version: number, attributes };
    return { ...what, member: isThere ? member : null };
  }

  #noteMember(kind: EventName, member: MMember, name: string): void {
    this.events.note({ kind, member, name, topic: '', version: 0, attributes: new Map() });
  }

  emit(
    session: MSession,
    memberNumber: number,
    topic: string,
    attributes: ReadonlyMap<string, Value>,
  ): Expected {
    const member = this.#member(session, memberNumber);
    this.events.note({ kind: 'emit', member, name: '', topic, version: 0, attributes });
    return { kind: 'ok' };
  }

  subscribe(
    session: MSession,
    number: number,
    memberNumber: number,
    asked: Parameters<EventOracle['subscribe']>[3],
    of: Parameters<EventOracle['subscribe']>[4],
  ): Expected {
    return this.events.subscribe(session, number, this.#member(session, memberNumber), asked, of);
  }

  /** Shows every change to who looks on, for as long as its session is there. */
  watch(session: MSession, watcher: Watcher): void {
    this.#watchers.set(watcher, session);
  }

  #changed(): void {
    for (const [watcher, { id }] of this.#watchers) {
      if (watcher.isOver || !this.sessions.has(id)) this.#watchers.delete(watcher);
      else watcher.look(this.objects);
    }
  }

  /** What a request is answered that has waited for something outside. */
  answer(session: MSession, request: number, answer: Expected): void {
    this.#answer(session, request, answer);
  }

  #answer(session: MSession, request: number, answer: Expected): void {
    this.answers.set(`${session.id}/${request}`, answer);
  }

  #fail(handle: MHandle, code: ErrorCode): void {
    const { demand } = handle;
    if (demand === null) return;
    handle.demand = null;
    this.#answer(handle.member.session, demand.request, { kind: 'fail', code });
  }

  // Members.

  join(session: MSession, number: number, name: string): Expected {
    if (this.stopping) throw new Refusal('pool-stopping');
    if (session.members.has(number)) throw new Refusal('bad-argument');
    let granted = name;
    if (name.endsWith('[*]')) {
      const component = name.slice(0, -3);
      let index = 0;
      while (this.members.has(`${component}[${index}]`)) index++;
      granted = `${component}[${index}]`;
    }
    if (this.members.has(granted)) throw new Refusal('name-in-use');
    const member = { name: granted, number, session };
    session.members.set(number, member);
    this.members.set(granted, member);
    this.#noteMember('join', member, granted);
    return { kind: 'welcome', name: granted };
  }

  leave(session: MSession, number: number): Expected {
    return { kind: 'bye', names: this.#remove(this.#member(session, number), 'left') };
  }

  /** The end of a session, by END or by death: one step. */
  end(session: MSession, how: 'leave' | 'crash'): void {
    this.holds.drop(session);
    for (const member of [...session.members.values()]) this.#remove(member, 'crashed', how);
    this.queue = this.queue.filter((lease) => lease.session !== session);
    this.#settle();
    this.#book.ended(session);
    this.sessions.delete(session.id);
  }

  /** It is gone, and nobody has asked for it. */
  gone(session: MSession): void {
    this.end(session, 'crash');
    this.#settleAll();
    this.#changed();
  }

  #remove(member: MMember, how: 'left' | 'crashed', told: 'leave' | 'crash' = 'leave'): string[] {
    const { session } = member;
    const withdrawn: string[] = [];
    this.meetings.remove(member, how);
    const handles = [...session.handles.values()].filter((handle) => handle.member === member);
    for (const handle of handles) {
      if (handle.state !== 'required') continue;
      if (how === 'left') this.#fail(handle, 'cancelled');
      this.#unrequire(handle, 'retracted');
    }
    const ofGroup = ({ version }: MHandle): boolean => (version?.group ?? null) !== null;
    const inOrder = inOrderOfEnd(handles);
    // What is in a group has its own end before that of the group.
    const groupsLast = [...inOrder.filter((each) => !ofGroup(each)), ...inOrder.filter(ofGroup)];
    for (const handle of groupsLast) {
      const { state, version } = handle;
      if (state !== 'offered' || version?.scope !== 'member') continue;
      withdrawn.push(handle.object.name);
      this.#opening.leave(handle, how === 'left');
      if (version.parts === null) this.#withdraw(version);
      else this.#withdrawParts(handle, version);
    }
    for (const handle of handles) {
      this.#opening.leave(handle, how === 'left');
      this.#drop(handle);
    }
    for (const promise of this.promises) {
      if (promise.member !== member) continue;
      promise.member = null;
      promise.state = how === 'left' ? 'closed' : 'grace';
      if (how === 'crashed') promise.ends = this.now + GRACE_MS;
    }
    for (const [number, promise] of [...session.promises]) {
      if (promise.member === null) session.promises.delete(number);
    }
    this.events.detachAll(member);
    this.#noteMember(told, member, member.name);
    session.members.delete(member.number);
    this.members.delete(member.name);
    this.#failUnmet();
    return withdrawn;
  }

  /** BARRIER: waits until so many have come. */
  meet(
    session: MSession,
    memberNumber: number,
    request: number,
    of: Parameters<MeetingOracle['meet']>[2],
  ): Expected | null {
    if (of.members === 0) throw new Refusal('bad-argument');
    return this.meetings.meet(this.#member(session, memberNumber), request, of);
  }

  #member(session: MSession, number: number): MMember {
    const member = session.members.get(number);
    if (member === undefined) throw new Refusal('not-a-member');
    return member;
  }

  // Handles.

  #handle(session: MSession, number: number): MHandle {
    const handle = session.handles.get(number);
    if (handle === undefined) throw new Refusal('unknown-handle');
    return handle;
  }

  #state(handle: MHandle, ...states: State[]): void {
    if (!states.includes(handle.state)) throw new Refusal('wrong-state');
  }

  declare(
    session: MSession,
    number: number,
    memberNumber: number,
    name: string,
    said: Said,
  ): Expected {
    const member = this.#member(session, memberNumber);
    if (session.handles.has(number)) throw new Refusal('handle-in-use');
    let object = this.objects.get(name);
    if (object === undefined) {
      object = { name, handles: new Set(), tags: new Map(), current: null, versions: 0 };
      this.objects.set(name, object);
    }
    const handle = this.#newHandle(member, number, object, said);
    this.events.note(this.#ofHandle('declare', handle));
    return { kind: 'ok' };
  }

  #newHandle(
    member: MMember,
    number: number,
    object: MObject,
    said: Said,
    isTaken = false,
  ): MHandle {
    const handle: MHandle = {
      ...{ number, member, object, said, isTaken, state: 'declared', version: null },
      ...{ patient: false, explicit: false, demand: null },
      ...{ failure: null, opening: null, wanted: null },
    };
    object.handles.add(handle);
    member.session.handles.set(number, handle);
    return handle;
  }

  /** TAKE: a handle that requires what a delivery of a standing require tells of. */
  take(session: MSession, number: number, subscription: number, n: number): Expected {
    const { member, version } = this.events.taken(session, subscription, n);
    if (session.handles.has(number)) throw new Refusal('handle-in-use');
    if (version.isDeleted) throw new Refusal('object-deleted');
    const said: Said = { dtype: null, length: null, attributes: new Map() };
    const handle = this.#newHandle(member, number, version.object, said, true);
    handle.state = 'required';
    handle.explicit = true;
    handle.version = version;
    version.bound.add(handle);
    this.events.note(this.#ofHandle('require', handle));
    return { kind: 'ok' };
  }

  set(session: MSession, number: number, said: Said): Expected {
    const handle = this.#handle(session, number);
    this.#state(handle, 'declared');
    if (said.dtype !== null) handle.said.dtype = said.dtype;
    if (said.length !== null) handle.said.length = said.length;
    for (const [key, value] of said.attributes) handle.said.attributes.set(key, value);
    return { kind: 'ok' };
  }

  seal(session: MSession, number: number, request: number): Expected | null {
    const handle = this.#handle(session, number);
    if (this.#opening.takesPart(handle)) return this.#opening.seal(handle, request);
    this.#state(handle, 'declared', 'sealed');
    if (handle.state === 'declared') this.events.note(this.#ofHandle('seal', handle));
    handle.state = 'sealed';
    return { kind: 'ok' };
  }

  dispose(session: MSession, number: number): Expected {
    const handle = this.#handle(session, number);
    if (handle.state === 'required' || handle.state === 'opening') {
      throw new Refusal('wrong-state');
    }
    if (handle.state === 'offered' && handle.version?.scope === 'member') {
      throw new Refusal('wrong-state');
    }
    this.events.note(this.#ofHandle('dispose', handle));
    this.#opening.leave(handle, true);
    this.#drop(handle);
    return { kind: 'ok' };
  }

  #drop(handle: MHandle): void {
    handle.member.session.handles.delete(handle.number);
    handle.object.handles.delete(handle);
    const { version } = handle;
    handle.version = null;
    for (const part of version?.parts ?? []) if (part.handle === handle) part.handle = null;
    if (version?.readers.delete(handle)) this.#forget(version);
    this.#forgetName(handle.object);
  }

  /** Frees what nobody needs: not offered, no bound require, no reader. */
  #forget(version: MVersion): void {
    this.#freeParts(version);
    if (version.offered || version.bound.size > 0 || version.readers.size > 0) return;
    if (version.pins > 0 || version.groups > 0) return;
    if (version.moving.length > 0) return;
    if (!this.versions.delete(version)) return;
    for (const payload of payloadsOf(version)) {
      if (payload.kind === 'slice') this.#book.freed(payload.range);
    }
    for (const member of version.group ?? []) {
      member.groups--;
      this.#forget(member);
    }
    this.#forgetName(version.object);
  }

  /** Frees parts that are withdrawn, and that no bound require and no reader want some of. */
  #freeParts({ parts, bound, readers }: MVersion): void {
    for (const part of parts ?? []) {
      if (part.offered || part.freed) continue;
      const isOwed = [...bound, ...readers].some(
        ({ wanted }) => wanted === null || part.places.some((place) => wanted.includes(place)),
      );
      if (isOwed) continue;
      part.freed = true;
      if (part.payload.kind === 'slice') this.#book.freed(part.payload.range);
    }
  }

  #forgetName(object: MObject): void {
    if (object.handles.size > 0 || object.current !== null) return;
    // The agent moves bytes of it.
    if ([...this.versions].some((version) => version.object === object)) return;
    if (this.objects.get(object.name) !== object) return;
    this.objects.delete(object.name);
    for (const lease of this.queue) if (lease.object === object) lease.object = null;
  }

  // Offering.

  offer(
    session: MSession,
    number: number,
    payload: Payload,
    { scope, lifetime, replaces = false, isDurable = false }: MOffer,
    consistency: { readonly code: number; readonly mark: number } | null = null,
  ): Expected {
    const handle = this.#handle(session, number);
    const { object } = handle;
    const isFixed = payload.kind === 'slice' && this.#book.isAdopted(payload.range);
    if (consistency !== null && isFixed) throw new Refusal('bad-lease');
    const isAsked = isDurable && payload.kind === 'slice';
    const what = this.#checkOffer(handle, payload, replaces, isAsked);
    if (payload.kind === 'slice' && !this.#book.offered(session, payload.range)) {
      throw new Refusal('bad-lease');
    }
    if (object.current !== null) this.#withdraw(object.current, handle.member);
    const version = this.#begin(handle, { ...what, payload, scope, lifetime, parts: null });
    handle.state = 'offered';
    handle.version = version;
    if (consistency === null) this.events.note(this.#ofVersion('offer', version), version);
    if (version.isStored) this.#noteMoved(version, 'store');
    if (consistency === null) this.#bind(object, version);
    else this.#opening.begin(version, consistency.code, consistency.mark);
    return { kind: 'ok' };
  }

  /** Whether a handle may offer that as a whole, and what that is. */
  #checkOffer(
    handle: MHandle,
    payload: Payload,
    replaces = false,
    isDurable = false,
  ): Pick<MVersion, 'dtype' | 'length'> {
    const { object, said } = handle;
    if (handle.state === 'offered') throw new Refusal('already-offered');
    this.#state(handle, 'declared', 'sealed');
    if (this.stopping) throw new Refusal('pool-stopping');
    const { current } = object;
    const isReplaced = current !== null && replaces && current.scope === 'pool';
    if (current !== null && !isReplaced) throw new Refusal('already-offered');
    if (this.hasStore && payload.kind === 'slice') {
      const isLeased = this.#book.has?.(handle.member.session, payload.range) === true;
      if (!isLeased) throw new Refusal('bad-lease');
    }
    if (isDurable && !this.#isStored) throw new Refusal('no-durable-level');
    const size = payload.kind === 'nothing' ? 0 : payload.size;
    const dtype = said.dtype ?? 'uint8';
    const length = said.length ?? size / ITEM_BYTES[dtype];
    if (length * ITEM_BYTES[dtype] !== size || !Number.isInteger(length)) {
      throw new Refusal('size-mismatch');
    }
    return { dtype, length };
  }

  /** OFFER_GROUP: all of it, or nothing. */
  offerGroup(
    session: MSession,
    number: number,
    members: readonly { readonly handle: number; readonly payload: Payload }[],
    scope: 'member' | 'pool',
  ): Expected {
    const own = this.#handle(session, number);
    const payload: Payload = { kind: 'nothing' };
    const group = { handle: own, payload, what: this.#checkOffer(own, payload) };
    const all = members.map((each) => {
      const handle = this.#handle(session, each.handle);
      if (handle.member !== own.member) throw new Refusal('bad-argument');
      const before = members.slice(0, members.indexOf(each));
      const names = [number, ...before.map((one) => one.handle)].map(
        (one) => this.#handle(session, one).object,
      );
      if (names.includes(handle.object)) throw new Refusal('bad-argument');
      return { handle, payload: each.payload, what: this.#checkOffer(handle, each.payload) };
    });
    const begun = [...all, group].map((each) => {
      const is = { ...each.what, payload: each.payload, scope, lifetime: 0, parts: null };
      each.handle.state = 'offered';
      each.handle.version = this.#begin(each.handle, is);
      return each.handle.version;
    });
    const has = begun.slice(0, -1);
    for (const version of has) version.groups++;
    for (const version of begun.slice(-1)) version.group = has;
    for (const version of begun) this.events.note(this.#ofVersion('offer', version), version);
    for (const version of begun) this.#bind(version.object, version);
    return { kind: 'ok' };
  }

  /** REQUIRE_MEMBER: what a group has that was handed over, whatever its name means by now. */
  requireMember(session: MSession, number: number, groupNumber: number): Expected {
    const handle = this.#handle(session, number);
    const group = this.#handle(session, groupNumber);
    const has = group.version?.readers.has(group) ? group.version.group : null;
    if (has === null) throw new Refusal('wrong-state');
    const version = has.find(({ object }) => object === handle.object);
    if (version === undefined) throw new Refusal('unknown-object');
    this.#state(handle, 'declared', 'sealed');
    handle.state = 'required';
    handle.explicit = true;
    handle.version = version;
    version.bound.add(handle);
    this.events.note(this.#ofHandle('require', handle));
    return { kind: 'ok' };
  }

  // Open objects.

  openObject(
    session: MSession,
    number: number,
    request: number,
    deadline: number,
  ): Expected | null {
    return this.#opening.open(this.#handle(session, number), request, deadline);
  }

  writeRegions(
    session: MSession,
    number: number,
    request: number,
    of: Parameters<OpenOracle['write']>[2],
  ): Expected | null {
    return this.#opening.write(this.#handle(session, number), request, of);
  }

  readRegions(
    session: MSession,
    number: number,
    request: number,
    of: Parameters<OpenOracle['read']>[2],
  ): Expected | null {
    return this.#opening.read(this.#handle(session, number), request, of);
  }

  commit(session: MSession, number: number, request: number, closes: boolean): Expected | null {
    const handle = this.#handle(session, number);
    return this.#opening.commit(handle, request, closes, () => this.#drop(handle));
  }

  lock(
    session: MSession,
    number: number,
    request: number,
    of: Parameters<OpenOracle['lock']>[2],
    block: boolean,
  ): Expected | null {
    return this.#opening.lock(this.#handle(session, number), request, of, block);
  }

  unlock(session: MSession, number: number, lock: number): Expected {
    return this.#opening.unlock(this.#handle(session, number), lock);
  }

  transferred(id: number): void {
    this.#opening.transferred(this.versions, id);
    this.#settle();
    this.serve();
    this.#changed();
  }

  #begin(
    handle: MHandle,
    is: Pick<MVersion, 'dtype' | 'length' | 'payload' | 'scope' | 'parts'> & { lifetime: number },
  ): MVersion {
    const { object, said } = handle;
    const { lifetime, scope } = is;
    object.versions++;
    const version: MVersion = {
      ...is,
      open: null,
      moving: [],
      mismatches: (each) => this.#mismatches(each, version),
      seal: (cells) => {
        const content = new Uint8Array(Uint32Array.from(cells).buffer);
        if (version.payload.kind === 'slice') version.payload = { ...version.payload, content };
        version.at = new Timestamp(BigInt(WALL_MS + this.now) * 1_000_000n);
      },
      object,
      number: object.versions,
      by: handle.member.name,
      member: handle.member,
      attributes: new Map(said.attributes),
      bound: new Set(),
      readers: new Set(),
      at: new Timestamp(BigInt(WALL_MS + this.now) * 1_000_000n),
      ends: scope === 'pool' && lifetime > 0 ? this.now + lifetime : Number.POSITIVE_INFINITY,
      offered: true,
      ...{ group: null, groups: 0, isReady: false },
      ...{ pins: 0, isStored: this.#isStored },
      survives: this.hasStore ? KEPT : NOT_KEPT,
      isDeleted: false,
      isClosing: false,
    };
    object.current = version;
    this.versions.add(version);
    return version;
  }

  /** OFFER_PART: elements of a version, by their places. */
  offerPart(
    session: MSession,
    number: number,
    places: readonly number[],
    payload: Payload,
    scope: 'member' | 'pool',
    lifetime: number,
  ): Expected {
    const handle = this.#handle(session, number);
    const { object, said } = handle;
    this.#state(handle, 'declared', 'sealed', 'offered');
    if (this.stopping) throw new Refusal('pool-stopping');
    const { current } = object;
    if (current !== null && current.parts === null) throw new Refusal('already-offered');
    if (current !== null && isGrowing(current)) throw new Refusal('bad-region');
    this.#mustBeOfSame(handle, scope);
    const length = current?.length ?? said.length;
    if (length === null) throw new Refusal('bad-space');
    if (places.some((place) => place >= length)) throw new Refusal('bad-region');
    const dtype = current?.dtype ?? said.dtype ?? 'uint8';
    const size = payload.kind === 'nothing' ? 0 : payload.size;
    if (size !== places.length * ITEM_BYTES[dtype]) throw new Refusal('size-mismatch');
    const taken = placesOf(current);
    if (places.some((place) => taken.has(place))) throw new Refusal('part-overlap');
    this.#addPart(session, handle, places, { dtype, length, payload, scope, lifetime });
    return { kind: 'ok' };
  }

  /** What a handle says of a version in parts is what that is. */
  #mustBeOfSame(handle: MHandle, scope: 'member' | 'pool'): void {
    const { current } = handle.object;
    if (current === null) return;
    if (this.#mismatches(handle, current) || current.scope !== scope) {
      throw new Refusal('object-mismatch');
    }
  }

  #addPart(
    session: MSession,
    handle: MHandle,
    places: readonly number[],
    is: Pick<MVersion, 'dtype' | 'length' | 'payload' | 'scope'> & { lifetime: number },
  ): void {
    const { object } = handle;
    const { current } = object;
    const { payload } = is;
    if (payload.kind === 'slice' && !this.#book.offered(session, payload.range)) {
      throw new Refusal('bad-lease');
    }
    const version =
      current ?? this.#begin(handle, { ...is, payload: { kind: 'nothing' }, parts: [] });
    version.parts?.push({ places, payload, handle, offered: true, freed: false });
    handle.state = 'offered';
    handle.version = version;
    if (current === null) this.#bind(object, version);
    else for (const each of [...version.bound]) this.#deliverIfReady(each);
  }

  /** SET: the first dimension is open, unless its length is said. */
  grow(session: MSession, number: number): Expected {
    const handle = this.#handle(session, number);
    this.#state(handle, 'declared');
    handle.said.dtype = 'uint8';
    handle.said.grows = true;
    return { kind: 'ok' };
  }

  /** APPEND: elements behind those that are there. */
  append(
    session: MSession,
    number: number,
    payload: Payload,
    scope: 'member' | 'pool',
    lifetime: number,
  ): Expected {
    const handle = this.#handle(session, number);
    const { object, said } = handle;
    this.#state(handle, 'declared', 'sealed', 'offered');
    if (this.stopping) throw new Refusal('pool-stopping');
    const { current } = object;
    if (current !== null && current.parts === null) throw new Refusal('already-offered');
    if (current !== null && !isGrowing(current)) throw new Refusal('wrong-state');
    this.#mustBeOfSame(handle, scope);
    if (current === null && (said.length !== null || said.grows !== true)) {
      throw new Refusal('bad-space');
    }
    const dtype = current?.dtype ?? said.dtype ?? 'uint8';
    const size = payload.kind === 'nothing' ? 0 : payload.size;
    const rows = size / ITEM_BYTES[dtype];
    if (!Number.isInteger(rows)) throw new Refusal('size-mismatch');
    const first = placesOf(current).size;
    const places = Array.from({ length: rows }, (_, at) => first + at);
    const length = Number.POSITIVE_INFINITY;
    this.#addPart(session, handle, places, { dtype, length, payload, scope, lifetime });
    return { kind: 'value', value: first };
  }

  /** FINISH: the elements that are there are all. */
  finish(session: MSession, number: number): Expected {
    const handle = this.#handle(session, number);
    this.#state(handle, 'offered');
    const { version } = handle;
    if (version === null || !isGrowing(version)) throw new Refusal('wrong-state');
    version.length = placesOf(version).size;
    for (const each of [...version.bound]) {
      const mismatch = this.#whyNot(each, version);
      if (mismatch !== null) this.#failRequire(each, mismatch);
    }
    for (const each of [...version.bound]) this.#deliverIfReady(each);
    return { kind: 'ok' };
  }

  #withdrawParts(handle: MHandle, version: MVersion): void {
    for (const part of version.parts ?? []) {
      if (part.handle !== handle) continue;
      part.handle = null;
      part.offered = false;
    }
    version.isClosing = true;
    handle.state = 'withdrawn';
    handle.version = null;
    this.#freeParts(version);
  }

  /** Versions in parts end when all parts are withdrawn, and nobody may offer what is missing. */
  #settle(): void {
    for (const object of [...this.objects.values()]) {
      const { current, handles } = object;
      if (current?.parts === null || current === null) continue;
      if (current.parts.some(({ offered }) => offered)) continue;
      const may =
        [...handles].some(({ state }) => state === 'declared' || state === 'sealed') ||
        this.promises.some((each) => each.state !== 'closed' && isMet(each, object.name));
      if (placesOf(current).size < current.length && may) continue;
      this.#withdraw(current);
    }
  }

  /** REGION: what a handle will require. */
  region(session: MSession, number: number, places: readonly number[]): Expected {
    const handle = this.#handle(session, number);
    this.#state(handle, 'declared', 'sealed');
    handle.wanted = places;
    return { kind: 'ok' };
  }

  /** Whether the version to which a handle is bound has all that it requires. */
  #isReady(handle: MHandle): boolean {
    const { version, demand } = handle;
    if (demand?.ready && version !== null && !this.groups.isReady(version)) return false;
    return this.#isThere(handle);
  }

  #isThere({ version, wanted }: MHandle): boolean {
    if (version === null || version.parts === null) return version !== null;
    const there = placesOf(version);
    if (wanted !== null) return wanted.every((place) => there.has(place));
    return there.size === version.length;
  }

  #deliverIfReady(handle: MHandle): void {
    if (handle.demand !== null && this.#isReady(handle)) this.#deliver(handle, handle.demand);
  }

  #bind(object: MObject, version: MVersion): void {
    const waiting = inOrderOfEnd([...object.handles]).filter(
      (each) => each.state === 'required' && each.version === null,
    );
    for (const each of waiting) {
      each.version = version;
      version.bound.add(each);
    }
    for (const each of waiting) {
      const mismatch = this.#whyNot(each, version);
      if (mismatch !== null) this.#failRequire(each, mismatch);
      else this.#deliverIfReady(each);
    }
  }

  /** Why a version is not what a handle requires, or null. */
  #whyNot(handle: MHandle, version: MVersion): ErrorCode | null {
    if (this.#mismatches(handle, version)) return 'object-mismatch';
    const isWithin = (handle.wanted ?? []).every((place) => place < version.length);
    return isWithin ? null : 'bad-region';
  }

  #mismatches({ said }: MHandle, version: MVersion): boolean {
    if (said.dtype !== null && said.dtype !== version.dtype) return true;
    const { length } = version;
    if (said.length !== null && said.length !== length && !isGrowing(version)) return true;
    return [...said.attributes].some(([key, value]) => !meets(version.attributes.get(key), value));
  }

  withdraw(session: MSession, number: number): Expected {
    const handle = this.#handle(session, number);
    this.#state(handle, 'offered', 'withdrawn');
    const { state, version } = handle;
    if (state !== 'offered' || version === null) return { kind: 'ok' };
    if (version.parts === null) this.#withdraw(version);
    else this.#withdrawParts(handle, version);
    return { kind: 'ok' };
  }

  unkeep(name: string, by: MMember | null): Expected {
    const { current } = this.#object(name);
    if (current === null || current.scope !== 'pool') throw new Refusal('wrong-state');
    this.#withdraw(current, by);
    return { kind: 'ok' };
  }

  /** `by`: a member, null for nobody, the name of a step queue; left out, who offers it. */
  #withdraw(version: MVersion, by?: MMember | null | string): void {
    const { object } = version;
    // What a group has ends with it, and stays as long as that is owed to somebody.
    for (const member of version.group ?? []) if (member.offered) this.#withdraw(member, by);
    const event = this.#ofVersion('withdraw', version);
    if (typeof by === 'string') this.events.note({ ...event, member: null, queue: by });
    else this.events.note(by === undefined ? event : { ...event, member: by });
    const wasOpen = version.open !== null;
    this.#opening.end(version);
    for (const handle of [...version.bound]) {
      if (version.parts !== null && !this.#isReady(handle)) {
        this.#failRequire(handle, 'parts-missing');
      }
    }
    version.offered = false;
    object.current = null;
    for (const part of version.parts ?? []) {
      part.handle = null;
      part.offered = false;
    }
    for (const handle of object.handles) {
      if (handle.state !== 'offered' || handle.version !== version) continue;
      handle.state = 'withdrawn';
      handle.version = null;
    }
    if (wasOpen) this.#failUnmet();
    this.#forget(version);
    this.#forgetName(object);
  }

  // Requiring.

  require(session: MSession, number: number, patient: boolean): Expected {
    const handle = this.#handle(session, number);
    this.#require(handle, patient);
    handle.explicit = true;
    return { kind: 'ok' };
  }

  #require(handle: MHandle, patient: boolean): void {
    this.#state(handle, 'declared', 'sealed');
    const { name } = handle.object;
    const current = bindable(handle.object);
    let refusal = current === null ? null : this.#whyNot(handle, current);
    const isThere = current !== null && this.#isReady({ ...handle, version: current });
    if (refusal === null && !isThere && !patient && this.#nobodyWill(name)) {
      refusal = 'nobody-will-offer';
    }
    if (refusal !== null) {
      handle.state = 'failed';
      handle.failure = refusal;
      throw new Refusal(refusal);
    }
    handle.state = 'required';
    handle.patient = patient;
    handle.explicit = false;
    handle.version = current;
    current?.bound.add(handle);
    this.events.note(this.#ofHandle('require', handle));
  }

  demand(session: MSession, number: number, patient: boolean, demand: MDemand): Expected | null {
    const handle = this.#handle(session, number);
    if (handle.failure !== null) {
      if (demand.dispose) this.#drop(handle);
      throw new Refusal(handle.failure);
    }
    this.#state(handle, 'declared', 'sealed', 'required');
    if (handle.demand !== null) throw new Refusal('wrong-state');
    if (handle.state !== 'required') {
      try {
        this.#require(handle, patient);
      } catch (error) {
        if (demand.dispose) this.#drop(handle);
        throw error;
      }
    }
    if (handle.isTaken) this.taken.add(`${session.id}/${demand.request}`);
    handle.demand = demand;
    this.#deliverIfReady(handle);
    return null;
  }

  #deliver(handle: MHandle, demand: MDemand): void {
    const version = handle.version as MVersion;
    const { session } = handle.member;
    if (demand.mode !== 'peek') this.events.note(this.#ofHandle('demand', handle));
    version.bound.delete(handle);
    handle.state = 'demanded';
    handle.version = null;
    handle.demand = null;
    const attributes = demand.want ? version.attributes : new Map<string, Value>();
    if (version.parts !== null) {
      this.#deliverParts(handle, demand, { version, attributes });
      return;
    }
    const { payload } = version;
    const free =
      !version.offered &&
      version.pins === 0 &&
      version.bound.size === 0 &&
      version.readers.size === 0 &&
      (payload.kind !== 'slice' || this.#book.mayGive(payload.range));
    let source: 0 | 1 | 2 | 3 = 0;
    if (demand.mode !== 'peek' && payload.kind === 'inline') source = 1;
    if (demand.mode !== 'peek' && payload.kind === 'slice') {
      source = demand.mode === 'own' && free ? 3 : 2;
    }
    const said = { version, length: lengthOf(version), source, attributes, parts: [] };
    this.#answer(session, demand.request, { kind: 'deliver', ...said });
    const holdsGroup = version.group !== null && demand.mode !== 'peek' && !demand.dispose;
    if (source === 2 || holdsGroup) {
      version.readers.add(handle);
      handle.version = version;
      return;
    }
    if (source === 3 && payload.kind === 'slice') {
      this.#book.given(session, payload.range);
      this.versions.delete(version);
    } else this.#forget(version);
    if (demand.dispose) this.#drop(handle);
  }

  /** Leased as slices are, whatever their bytes are in. */
  #deliverParts(
    handle: MHandle,
    demand: MDemand,
    { version, attributes }: { version: MVersion; attributes: ReadonlyMap<string, Value> },
  ): void {
    const isPeek = demand.mode === 'peek';
    const { wanted } = handle;
    const parts = isPeek
      ? []
      : (version.parts ?? []).filter(({ places }) =>
          places.some((place) => wanted === null || wanted.includes(place)),
        );
    const said = { version, length: lengthOf(version), source: 4, attributes, parts } as const;
    this.#answer(handle.member.session, demand.request, { kind: 'deliver', ...said });
    if (!isPeek) {
      version.readers.add(handle);
      handle.version = version;
      return;
    }
    this.#forget(version);
    if (demand.dispose) this.#drop(handle);
  }

  retract(session: MSession, number: number): Expected {
    const handle = this.#handle(session, number);
    this.#state(handle, 'required', 'retracted');
    if (handle.state === 'required') {
      this.events.note(this.#ofHandle('retract', handle));
      const disposes = handle.demand?.dispose === true;
      this.#fail(handle, 'cancelled');
      this.#unrequire(handle, 'retracted');
      if (disposes) this.#drop(handle);
    }
    return { kind: 'ok' };
  }

  #unrequire(handle: MHandle, state: State): void {
    const { version } = handle;
    handle.state = state;
    handle.version = null;
    if (version !== null) {
      version.bound.delete(handle);
      this.#forget(version);
    }
  }

  #failRequire(handle: MHandle, code: ErrorCode): void {
    const disposes = handle.demand?.dispose === true;
    this.#fail(handle, code);
    this.#unrequire(handle, 'failed');
    handle.failure = code;
    if (disposes) this.#drop(handle);
  }

  /** The demand ends; its require stays if it was announced by itself. */
  #endDemand(handle: MHandle, code: ErrorCode): void {
    const disposes = handle.demand?.dispose === true;
    this.#fail(handle, code);
    if (handle.explicit && !disposes) return;
    this.#unrequire(handle, 'retracted');
    if (disposes) this.#drop(handle);
  }

  cancel(session: MSession, request: number): Expected {
    for (const handle of session.handles.values()) {
      if (handle.demand?.request === request) {
        this.#endDemand(handle, 'cancelled');
        return { kind: 'ok' };
      }
      if (handle.opening?.request === request) {
        this.#opening.endOpening(handle, 'cancelled');
        return { kind: 'ok' };
      }
    }
    if (this.#opening.cancelLock(session, request, this.versions)) return { kind: 'ok' };
    if (this.meetings.cancel(session, request)) return { kind: 'ok' };
    const lease = this.queue.find((each) => each.session === session && each.request === request);
    if (lease !== undefined) {
      this.queue = this.queue.filter((each) => each !== lease);
      this.#answer(session, request, { kind: 'fail', code: 'cancelled' });
    } else this.holds.cancel(session, request);
    return { kind: 'ok' };
  }

  // Objects.

  #object(name: string): MObject {
    const object = this.objects.get(name);
    if (object === undefined) throw new Refusal('unknown-object');
    return object;
  }

  /** Who asks for a change that needs no member: null, a program that is none. */
  asker(session: MSession, number: number): MMember | null {
    return number === MEMBER_NONE ? null : this.#member(session, number);
  }

  delete(name: string, force: boolean, by: MMember | null): Expected {
    const object = this.#object(name);
    const open = [...object.handles].filter((each) => each.state === 'required');
    const kept = [...this.versions].filter((each) => each.object === object && each.pins > 0);
    if (open.length + kept.length > 0 && !force) throw new Refusal('object-required');
    this.events.note(this.#ofName('delete', object, by));
    if (object.tags.has(DEPENDS_ON)) this.groups.dependsAnew(object);
    object.tags.clear();
    for (const version of kept) version.isDeleted = true;
    for (const handle of open) this.#failRequire(handle, 'object-deleted');
    if (object.current !== null) this.#withdraw(object.current, by);
    return { kind: 'ok' };
  }

  tag(
    name: string,
    {
      set,
      removed,
    }: { readonly set: ReadonlyMap<string, Value>; readonly removed: readonly string[] },
    by: MMember | null,
  ): Expected {
    const object = this.#object(name);
    const { tags } = object;
    const before = JSON.stringify(tags.get(DEPENDS_ON));
    for (const key of removed) tags.delete(key);
    for (const [key, value] of set) tags.set(key, value);
    if (JSON.stringify(tags.get(DEPENDS_ON)) !== before) this.groups.dependsAnew(object);
    this.events.note(this.#ofName('tag', object, by));
    return { kind: 'ok' };
  }

  stat(name: string): Expected {
    const object = this.#object(name);
    return { kind: 'value', value: this.statOf(object), measured: object.current };
  }

  /** All that STAT tells. */
  statOf(object: MObject): { readonly [key: string]: unknown } {
    const handles = [...object.handles];
    const required = handles.filter((each) => each.state === 'required');
    const { current } = object;
    const value: { [key: string]: unknown } = {
      name: object.name,
      state: stateOf(object),
      version: current?.number ?? null,
      versions: object.versions,
      requires: required.length,
      readers: handles.filter((each) => each.version?.readers.has(each)).length,
      handles: handles.length,
      tags: Object.fromEntries(object.tags),
    };
    if (current !== null) {
      value['bytes'] = sizeOf(current);
      value['dtype'] = current.dtype;
      value['shape'] = [isGrowing(current) ? null : current.length];
      value['order'] = 'row';
      value['byteOrder'] = 'little';
      value['attributes'] = Object.fromEntries(current.attributes);
      value['scope'] = current.scope;
      value['provider'] = current.by;
      value['level'] = levelOf(current);
      value['time'] = current.at;
      value['durability'] = durabilityOf(current);
      if (current.open !== null) {
        value['consistency'] = current.open.consistency;
        value['locks'] = current.open.locks.length;
      }
      if (current.parts !== null) {
        value['parts'] = current.parts.length;
        const there = placesOf(current).size;
        if (isGrowing(current)) value['rows'] = there;
        else value['missing'] = current.length - there;
      }
    }
    return value;
  }

  // Looking.

  memberNames(): Expected {
    return { kind: 'value', value: { members: [...this.members.keys()].sort() } };
  }

  info(): Expected {
    // Who waits for memory in the middle of a batch is not foreseen.
    const { waits: _, ...counts } = this.counts;
    return { kind: 'value', value: { counts } };
  }

  explain(name: string): Expected {
    const object = this.objects.get(name);
    const promised = this.promises.some((each) => isMet(each, name));
    const isKnown = object !== undefined || promised || this.meetings.isThere(name);
    if (!isKnown) throw new Refusal('unknown-object');
    const current = object?.current ?? null;
    const version = current === null ? null : { version: current.number, by: current.by };
    return { kind: 'value', value: { name, offered: version } };
  }

  // Promises.

  promise(
    session: MSession,
    number: number,
    memberNumber: number,
    pattern: string,
    glob: boolean,
  ): Expected {
    const member = this.#member(session, memberNumber);
    if (session.promises.has(number)) throw new Refusal('bad-argument');
    this.promises = this.promises.filter(
      (each) =>
        each.state === 'open' ||
        each.by !== member.name ||
        each.pattern !== pattern ||
        each.glob !== glob,
    );
    const promise: MPromise = {
      by: member.name,
      pattern,
      glob,
      state: 'open',
      member,
      ends: Number.POSITIVE_INFINITY,
    };
    this.promises.push(promise);
    session.promises.set(number, promise);
    this.events.promised();
    this.#noteMember('promise', member, pattern);
    return { kind: 'ok' };
  }

  close(session: MSession, number: number): Expected {
    const promise = session.promises.get(number);
    if (promise === undefined) throw new Refusal('unknown-promise');
    session.promises.delete(number);
    promise.state = 'closed';
    promise.member = null;
    this.#failUnmet();
    return { kind: 'ok' };
  }

  #nobodyWill(name: string): boolean {
    const met = this.promises.filter((each) => isMet(each, name));
    const current = this.objects.get(name)?.current ?? null;
    // What is open is offered when it is sealed.
    if (current !== null && current.open !== null) return false;
    return met.length > 0 && met.every((each) => each.state === 'closed');
  }

  /** Fails every require that only closed promises could have met. */
  #failUnmet(): void {
    for (const object of [...this.objects.values()]) {
      if (!this.#nobodyWill(object.name)) continue;
      for (const handle of [...object.handles]) {
        if (handle.state !== 'required' || handle.patient || this.#isReady(handle)) continue;
        this.#failRequire(handle, 'nobody-will-offer');
      }
    }
  }

  // Memory.

  lease(session: MSession, request: number, handle: number | null, deadline: number): null {
    const object = handle === null ? null : this.#handle(session, handle).object;
    this.queue.push({ session, request, object, deadline });
    return null;
  }

  giveBack(session: MSession, range: Range): Expected {
    if (!this.#book.returned(session, range)) throw new Refusal('bad-lease');
    return { kind: 'ok' };
  }

  /** Grants what waits for memory, for as long as the book has something for one of them. */
  serve(): void {
    for (;;) {
      const next = this.#book.next(this.queue);
      if (next === null) return;
      const { lease, range } = next;
      this.#answer(lease.session, lease.request, { kind: 'grant', range });
      this.queue = this.queue.filter((other) => other !== lease);
    }
  }

  // Another manager.

  /** Slabs in which a version lies that somebody will demand. */
  slabsWanted(): number[] {
    const found: number[] = [];
    for (const version of this.versions) {
      if (version.bound.size === 0) continue;
      for (const payload of payloadsOf(version)) {
        if (payload.kind === 'slice') found.push(payload.range.slab);
      }
    }
    return found;
  }

  /** The agent has answered what it was to store. */
  stored(ask: number, refusal: ErrorCode | null): void {
    this.holds.stored(ask, refusal);
    this.#settleAll();
    this.#changed();
  }

  /** Of what another manager does not ask for again nobody would hear. */
  releaseStores(): void {
    this.holds.releaseStores();
    this.#settleAll();
    this.#changed();
  }

  #noteMoved(version: MVersion, topic: 'memory' | 'store'): void {
    this.events.note({ ...this.#ofVersion('moved', version), member: null, topic });
  }

  /**
   * What lay in slabs that are gone is lost before anybody is served, but for what was stored.
   * `inSlabs`: what lay there, in the order in which the pool goes through it.
   */
  restart(slabsLost: ReadonlySet<number>, inSlabs: readonly MInSlab[] = []): void {
    this.stopping = false;
    const placeOf = ({ object: { name }, number }: MVersion): number =>
      inSlabs.findIndex((each) => each.name === name && each.version === number);
    const all = [...this.versions].sort((one, other) => placeOf(one) - placeOf(other));
    for (const version of all) {
      const isLost =
        payloadsOf(version).some(
          (payload) => payload.kind === 'slice' && slabsLost.has(payload.range.slab),
        ) || version.moving.some(({ range }) => range !== null && slabsLost.has(range.slab));
      if (!isLost) continue;
      const isBack = inSlabs[placeOf(version)]?.isBack === true;
      const words = (): string =>
        `"${version.object.name}" ${version.number} was stored, and is lost`;
      must(isBack || !version.isStored, 'G1 stored', words);
      if (isBack) {
        this.#noteMoved(version, 'memory');
        continue;
      }
      this.events.note(this.#ofVersion('lost', version));
      for (const handle of [...version.bound]) this.#failRequire(handle, 'object-lost');
      for (const handle of [...version.readers]) {
        version.readers.delete(handle);
        handle.version = null;
      }
      this.#opening.lose(version);
      if (version.offered) this.#withdraw(version);
      else this.#forget(version);
    }
    this.#opening.restarted(this.versions);
    this.#settle();
    this.#changed();
  }

  // Time.

  /** What a pool counts of itself. */
  get counts(): { readonly [what: string]: number } {
    const handles = [...this.sessions.values()].flatMap((each) => [...each.handles.values()]);
    const versions = [...this.versions];
    const demands = handles.filter((each) => each.demand !== null).length;
    const lifetimes = versions.filter(
      (each) => each.offered && each.ends !== Number.POSITIVE_INFINITY,
    ).length;
    const graces = this.promises.filter((each) => each.state === 'grace').length;
    const met = this.meetings.counts.arrivals;
    const closed = this.promises.filter((each) => each.state === 'closed').length;
    return {
      sessions: this.sessions.size,
      members: this.members.size,
      objects: this.objects.size,
      handles: handles.length,
      versions: versions.length,
      requires: handles.filter((each) => each.state === 'required').length,
      readers: versions.reduce((sum, version) => sum + version.readers.size, 0),
      waits: demands + this.queue.length + this.#waitsOfOpen(handles) + met,
      timers: lifetimes + graces + this.holds.timers,
      promises: this.promises.length - closed,
      promisesClosed: closed,
    };
  }

  #waitsOfOpen(handles: readonly MHandle[]): number {
    const locks = [...this.versions].flatMap((version) => version.open?.locks ?? []);
    const opening = handles.filter((each) => each.opening !== null);
    return opening.length + locks.filter((lock) => !lock.isHeld).length;
  }

  /** The moments at which something ends by itself. */
  moments(): number[] {
    return [
      ...this.queue.map((each) => each.deadline),
      ...[...this.versions].filter((each) => each.offered).map((each) => each.ends),
      ...this.promises.map((each) => each.ends),
      ...this.#opening.deadlines(this.versions),
      ...this.#demands().map((each) => each.demand?.deadline ?? Number.POSITIVE_INFINITY),
      ...this.#openings().map((each) => each.opening?.deadline ?? Number.POSITIVE_INFINITY),
      ...this.holds.moments(),
      ...this.meetings.moments(),
    ].filter((moment) => moment !== Number.POSITIVE_INFINITY);
  }

  #demands(): MHandle[] {
    return [...this.sessions.values()].flatMap((session) =>
      [...session.handles.values()].filter((handle) => handle.demand !== null),
    );
  }

  #openings(): MHandle[] {
    return [...this.sessions.values()].flatMap((session) =>
      [...session.handles.values()].filter((handle) => handle.opening !== null),
    );
  }

  /** Lets time pass; what is due ends in the order of its moments. */
  pass(ms: number): void {
    // What is held and goes on begins now, whenever it became due.
    this.now += ms;
    for (;;) {
      const next = Math.min(...this.moments(), Number.POSITIVE_INFINITY);
      if (next > this.now) break;
      for (const handle of this.#demands()) {
        if (handle.demand?.deadline === next) this.#endDemand(handle, 'deadline-passed');
      }
      for (const handle of this.#openings()) {
        if (handle.opening?.deadline === next) {
          this.#opening.endOpening(handle, 'deadline-passed');
        }
      }
      this.#opening.endLocks(this.versions, next);
      this.meetings.pass(next);
      // Of two that end now, the one may have made room for the other.
      this.serve();
      for (const lease of this.queue.filter((each) => each.deadline === next)) {
        this.queue = this.queue.filter((each) => each !== lease);
        this.#answer(lease.session, lease.request, { kind: 'fail', code: 'memory-full' });
      }
      for (const version of [...this.versions]) {
        if (version.offered && version.ends === next) this.#withdraw(version);
      }
      for (const promise of this.promises) {
        if (promise.ends !== next) continue;
        promise.ends = Number.POSITIVE_INFINITY;
        promise.state = 'closed';
      }
      this.#failUnmet();
      this.holds.pass(next);
      this.#settleAll();
      this.#changed();
    }
  }
}

const NOTHING = new Uint8Array(0);
const KEPT = { slab: 'memory', other: 'fsync' };
const NOT_KEPT = { slab: 'process', other: 'process' };

/** What is asked where nobody is told before. */
const NOT_HELD = { words: '', about: null } as const;

/** As the pool goes through them where events tell of it: the newest first. */
function inOrderOfEnd(handles: readonly MHandle[]): MHandle[] {
  const isTold = ({ object }: MHandle): boolean => isFollowed(object.name);
  return [...handles.filter((each) => !isTold(each)), ...handles.filter(isTold).reverse()];
}

/** The version to which a require binds; null: the next. */
function bindable({ current }: MObject): MVersion | null {
  return current === null || current.isClosing || current.open !== null ? null : current;
}

/** Whether somebody waits for its next version. */
export function isRequired(object: MObject): boolean {
  return [...object.handles].some((each) => each.state === 'required' && each.version === null);
}

function isMet({ glob, pattern }: MPromise, name: string): boolean {
  return glob ? matches('glob', pattern, name) : pattern === name;
}
