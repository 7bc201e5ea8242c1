import type { Selector } from '../core/selector/ast.js';
import { EVENT_FLAG, type EventName } from '../protocol/index.js';
import { doubtedBy, isPromisedOver } from './event-promised.js';
import { checkStanding, goOnWith, pin, pinsOf, toldOfKept, wantMore } from './event-standing.js';
import type {
  MAsked,
  MAttachment,
  MDelivery,
  MEvent,
  MFrom,
  MMissed,
  MStanding,
  MSubscription,
  MTold,
} from './event-state.js';
import { isFollowed } from './event-state.js';
import { isSame, MARKER, NO_MORE, takerOf, wants, wantsVersion } from './event-wants.js';
import { readSelector } from './finding.js';
import {
  type Expected,
  type MMember,
  type MPromise,
  type MSession,
  type MVersion,
  Refusal,
} from './oracle-state.js';
import { attributesOf } from './selected.js';
import type { StepOracle } from './step-oracle.js';

/** So much is given in one flight. */
const WINDOW_MAX = 256;
/** Kinds that are kept only while somebody is told after them. */
const WHILE_ASKED: ReadonlySet<EventName> = new Set([
  ...(['declare', 'seal', 'require', 'demand', 'retract', 'dispose', 'ready'] as const),
]);

interface EventOracleParts {
  /** All that is offered. */
  readonly versions: ReadonlySet<MVersion>;
  readonly promises: () => Iterable<MPromise>;
  /** Nobody keeps a version any more who did. */
  readonly unpinned: (version: MVersion) => void;
  readonly steps: () => StepOracle;
  /** Whether operations are held. */
  readonly holdsAny: () => boolean;
  /** A subscriber lets an operation go. */
  readonly allow: (one: MSubscription, event: MEvent) => void;
  /** It is silent: by its end, or for too long. */
  readonly silent: (one: MSubscription, event: MEvent) => void;
  readonly veto: (one: MSubscription, event: MEvent) => void;
}

/**
 * The model of events: a list of all that has happened to the objects that are followed, and who is
 * told of it. Of a shared subscription it is told who has most room, the first of those; of what
 * was offered when one began the order is the pool's to choose.
 */
export class EventOracle {
  readonly log: MEvent[] = [];
  readonly subscriptions = new Set<MSubscription>();
  /** What the pool must say in the batch at hand, by `session/number`. */
  readonly told = new Map<string, MTold[]>();
  /** Names in the order in which the pool tells of what was offered, by `session/number`. */
  snapshotNext: (key: string, at: number) => string | null = () => null;
  /** Not told, though it was offered; or told, though it was not. */
  readonly snapshotFaults: string[] = [];
  /** What was asked for, by `session/number`, also of what is over. */
  readonly askedBy = new Map<string, MAsked>();
  readonly #parts: EventOracleParts;
  /** By which event each version was offered. */
  readonly #offers = new WeakMap<MVersion, MEvent>();
  readonly #attached = new Map<string, { one: MSubscription; attachment: MAttachment }>();
  /** Those that have something to be told, before the next request. */
  #due: MSubscription[] = [];

  constructor(parts: EventOracleParts) {
    this.#parts = parts;
  }

  // What happens.

  /** Something has happened: it is kept, and told to those who stand at the head. */
  note(event: Omit<MEvent, 'isBefore' | 'seq'>, offered: MVersion | null = null): void {
    const { kind, name } = event;
    const isOfObject = !['join', 'leave', 'crash', 'emit', 'promise'].includes(kind);
    if (isOfObject && !isFollowed(name)) return;
    if (WHILE_ASKED.has(kind) && !this.isAsked(kind)) return;
    const one = { ...event, isBefore: false, seq: null };
    this.log.push(one);
    const after = [...this.subscriptions].filter(({ asked }) => !asked.isBefore);
    this.#tell(
      one,
      after.filter(({ standing }) => standing === null),
    );
    if (offered === null) return;
    this.#offers.set(offered, one);
    this.#parts.steps().offered(offered);
    for (const each of after) if (each.asked.latest) this.#due.push(each);
    this.#require(after, one, offered);
  }

  /** What is offered is kept from then on for those who require all that is such. */
  #require(among: readonly MSubscription[], event: MEvent, version: MVersion): void {
    for (const one of among) {
      if (one.standing === null || one.standing.doneAt !== null || !wants(one, event)) continue;
      if (!this.#parts.steps().isOf(one, version)) continue;
      pin(one.standing, version);
      this.#due.push(one);
    }
  }

  /** Whether somebody is told of it after it. */
  isAsked(kind: EventName): boolean {
    return [...this.subscriptions].some(
      ({ asked }) => !asked.isBefore && asked.kinds.includes(kind),
    );
  }

  #tell(event: MEvent, to: readonly MSubscription[]): void {
    for (const one of to) {
      if (one.next !== null || !wants(one, event)) continue;
      const taker = takerOf(one);
      if (taker === null) one.next = this.log.indexOf(event);
      else this.#give(one, taker, { event, version: null });
    }
  }

  /** Something is about to happen: tells those who are told before; returns who must let it go. */
  ask(event: Omit<MEvent, 'isBefore' | 'seq'>): { event: MEvent; asked: MSubscription[] } | null {
    const about: MEvent = { ...event, isBefore: true, seq: null };
    const told = [...this.subscriptions].filter((one) => wants(one, about));
    if (told.length === 0) return null;
    this.log.push(about);
    this.#tell(about, told);
    return { event: about, asked: told.filter(({ asked }) => asked.acknowledges) };
  }

  // Subscribing.

  subscribe(
    session: MSession,
    number: number,
    member: MMember,
    asked: MAsked,
    of: { readonly from: MFrom; readonly window: number },
  ): Expected {
    const key = `${session.id}/${number}`;
    if (this.#attached.has(key)) throw new Refusal('bad-argument');
    if (asked.untilNow && (asked.isBefore || asked.requires)) throw new Refusal('bad-argument');
    const known = [...this.subscriptions].find(
      (one) => asked.name !== '' && one.asked.name === asked.name,
    );
    if (known !== undefined && !isSame(known.asked, asked)) throw new Refusal('bad-argument');
    const selector = readSelector(asked.text);
    const isSnapshot = of.from.kind === 'snapshot';
    if (known === undefined && asked.isBefore && isSnapshot) throw new Refusal('bad-argument');
    if (known === undefined && asked.requires) {
      checkStanding(asked, of.from, (name) => this.#parts.steps().has(name));
    }
    const one = known ?? this.#begin(asked, selector, of.from);
    const window = Math.min(of.window === 0 ? WINDOW_MAX : of.window, WINDOW_MAX);
    const until = asked.untilNow ? this.log.length : null;
    const attachment = { session, member, number, window, until, inFlight: 0 };
    one.attachments.push(attachment);
    this.#attached.set(key, { one, attachment });
    this.askedBy.set(key, asked);
    const since = goOnWith(one, this.log);
    if (known === undefined || since !== null) this.#requireBegun(one, since);
    this.#due.push(one);
    return { kind: 'value', value: { n: one.n, isNew: known === undefined } };
  }

  #begin(asked: MAsked, selector: Selector, from: MFrom): MSubscription {
    const isSnapshot = from.kind === 'snapshot' && !asked.requires;
    const begun = from.kind === 'snapshot' ? this.#parts.versions : [];
    const offered = [...this.#parts.versions].filter(
      ({ offered: is, open, object }) => is && open === null && isFollowed(object.name),
    );
    const one: MSubscription = {
      asked,
      selector,
      attachments: [],
      next: isSnapshot ? this.log.length : this.#beginOf(from),
      n: 0,
      unacked: new Map(),
      snapshot: isSnapshot ? new Set(offered) : null,
      standing: asked.requires
        ? { list: [], begun: new Set(begun), doneAt: null, isWanted: false, step: null }
        : null,
      holds: new Set(),
      doubted: doubtedBy({ asked, selector }, [...this.#parts.promises()]),
      heard: 0,
    };
    this.subscriptions.add(one);
    return one;
  }

  /** What was offered when a standing require began is kept for it as well. */
  #requireBegun(one: MSubscription, since: ReadonlySet<MEvent> | null): void {
    if (one.standing !== null && since !== null) one.standing.begun = new Set(this.#parts.versions);
    for (const version of one.standing?.begun ?? []) {
      const { offered, open, object } = version;
      const event = this.#offers.get(version);
      if (since !== null && (event === undefined || !since.has(event))) continue;
      if (!offered || open !== null || !isFollowed(object.name)) continue;
      const isWanted = this.#parts.steps().isOf(one, version) && wantsVersion(one, version);
      if (one.standing !== null && isWanted) pin(one.standing, version);
    }
  }

  #beginOf(from: MFrom): number | null {
    if (from.kind === 'start') return 0;
    if (from.kind !== 'seq') return null;
    const at = this.log.findIndex(({ seq }) => seq === from.seq);
    return at + (from.behind ? 1 : 0);
  }

  unsubscribe(session: MSession, number: number, forget: boolean): Expected {
    const { one, attachment } = this.#of(session, number);
    this.#detach(one, attachment);
    if (forget && this.subscriptions.has(one)) this.#end(one, 'cancelled');
    return { kind: 'ok' };
  }

  #of(session: MSession, number: number): { one: MSubscription; attachment: MAttachment } {
    const found = this.#attached.get(`${session.id}/${number}`);
    if (found === undefined) throw new Refusal('unknown-subscription');
    return found;
  }

  /** A member is gone. */
  detachAll(member: MMember): void {
    for (const { one, attachment } of [...this.#attached.values()]) {
      if (attachment.member === member) this.#detach(one, attachment);
    }
  }

  #detach(one: MSubscription, gone: MAttachment): void {
    one.attachments.splice(one.attachments.indexOf(gone), 1);
    this.#attached.delete(`${gone.session.id}/${gone.number}`);
    if (one.asked.name === '') {
      this.#forget(one);
      return;
    }
    for (const delivery of one.unacked.values()) {
      if (delivery.holder === gone) delivery.holder = null;
    }
    this.#due.push(one);
  }

  #end(one: MSubscription, reason: string): void {
    this.#dismiss(one, reason);
    this.#forget(one);
  }

  #dismiss(one: MSubscription, reason: string): void {
    for (const each of one.attachments) {
      this.#say(one, each, { ...MARKER, n: one.n + 1, kind: 'end', reason });
      this.#attached.delete(`${each.session.id}/${each.number}`);
    }
    one.attachments.length = 0;
  }

  #forget(one: MSubscription): void {
    this.subscriptions.delete(one);
    for (const version of pinsOf(one)) this.#unpin(version, []);
    for (const event of [...one.holds]) this.#parts.silent(one, event);
  }

  /** Somebody promises more: shared ones whose work was done go on with who comes next. */
  promised(): void {
    for (const one of this.subscriptions) wantMore(one);
  }

  // Deliveries.

  /** TAKE: the version that a delivery of a standing require tells of. */
  taken(session: MSession, number: number, n: number): { member: MMember; version: MVersion } {
    const { one, attachment } = this.#of(session, number);
    const delivery = one.unacked.get(n);
    const version = delivery?.place.version ?? null;
    const isHis = delivery?.holder === attachment;
    if (one.standing === null || !isHis || version === null) throw new Refusal('wrong-state');
    return { member: attachment.member, version };
  }

  /** How many versions standing requires keep. */
  get kept(): number {
    return [...this.#parts.versions].filter(({ pins }) => pins > 0).length;
  }

  /** A queue of which one requires the steps is forgotten. */
  endOfQueue(one: MSubscription): void {
    this.#end(one, 'cancelled');
  }

  #unpin(version: MVersion, left: readonly MVersion[]): void {
    this.#parts.steps().unpinned(version, left);
    if (--version.pins === 0) this.#parts.unpinned(version);
  }

  acknowledge(session: MSession, number: number, n: number, count: number): Expected {
    const { one, attachment } = this.#of(session, number);
    for (const delivery of [...one.unacked.values()]) {
      const isMeant = delivery.n >= n && delivery.n < n + count;
      if (!isMeant || delivery.holder !== attachment) continue;
      const event = this.#answered(one, attachment, delivery);
      if (event !== null && one.holds.has(event)) this.#parts.allow(one, event);
    }
    this.#due.push(one);
    return { kind: 'ok' };
  }

  veto(session: MSession, number: number, n: number): Expected {
    const { one, attachment } = this.#of(session, number);
    const delivery = one.unacked.get(n);
    const event = delivery?.place.event ?? null;
    const isHeld = event !== null && one.holds.has(event);
    if (delivery?.holder !== attachment || !isHeld) throw new Refusal('wrong-state');
    this.#answered(one, attachment, delivery);
    this.#parts.veto(one, event);
    this.#due.push(one);
    return { kind: 'ok' };
  }

  #answered(one: MSubscription, attachment: MAttachment, { n, place }: MDelivery): MEvent | null {
    one.unacked.delete(n);
    if (one.standing !== null && place.version !== null) {
      this.#unpin(place.version, pinsOf(one));
    }
    attachment.inFlight--;
    return place.event;
  }

  /** What an event told of will not be: who has been told of it hears that. */
  cancelled(one: MSubscription, event: MEvent): void {
    for (const { n, place, holder } of one.unacked.values()) {
      if (place.event !== event || holder === null) continue;
      this.#say(one, holder, { ...MARKER, n, kind: 'cancelled' });
    }
  }

  /** Tells those who have room; true: something was due. */
  advanceNext(): boolean {
    const one = this.#due.shift();
    if (one === undefined) return false;
    if (this.subscriptions.has(one)) this.#advance(one);
    return true;
  }

  #advance(one: MSubscription): void {
    for (const delivery of one.unacked.values()) {
      if (delivery.holder !== null) continue;
      const taker = takerOf(one);
      if (taker === null) return;
      delivery.holder = taker;
      taker.inFlight++;
      this.#write(one, taker, delivery, EVENT_FLAG.again);
    }
    if (one.standing !== null) this.#giveKept(one, one.standing);
    if (one.snapshot !== null && !this.#giveSnapshot(one, one.snapshot)) return;
    this.#catchUp(one);
    this.#endCaughtUp(one);
  }

  /** Tells what has happened meanwhile, as far as there is room. */
  #catchUp(one: MSubscription): void {
    for (let at = one.next ?? this.log.length; at < this.log.length; at++) {
      const event = this.log[at] as MEvent;
      if (!wants(one, event)) continue;
      const taker = takerOf(one);
      one.next = at;
      if (taker === null) return;
      this.#give(one, taker, { event, version: null });
    }
    one.next = null;
  }

  /** Ends it for those who wanted no more than there was when they came: all of it is done. */
  #endCaughtUp(one: MSubscription): void {
    for (const each of [...one.attachments]) {
      const { until } = each;
      if (until === null || (one.next !== null && one.next < until)) continue;
      const isOpen = ({ place: { event } }: MDelivery): boolean =>
        event === null || this.log.indexOf(event) < until;
      if ([...one.unacked.values()].some(isOpen)) continue;
      this.#say(one, each, { ...MARKER, n: one.n + 1, kind: 'end', reason: 'complete' });
      this.#detach(one, each);
    }
  }

  #giveKept(one: MSubscription, standing: MStanding): void {
    for (let taker = takerOf(one); taker !== null; taker = takerOf(one)) {
      const next = one.asked.latest ? this.#newestOf(one, standing) : standing.list.shift();
      if (next === undefined || next === null) return;
      const isVersion = 'object' in next;
      if (isVersion) this.#give(one, taker, { event: null, version: next });
      else this.#give(one, taker, { event: null, version: null, missed: next });
    }
  }

  #newestOf(one: MSubscription, standing: MStanding): MVersion | MMissed | null {
    return this.#parts.steps().nextOfNewest(one, standing, (passed) => {
      for (const version of passed) this.#unpin(version, pinsOf(one));
    });
  }

  /** What was offered when it began, and is still: whether all of it is told. */
  #giveSnapshot(one: MSubscription, left: Set<MVersion>): boolean {
    for (;;) {
      const there = [...left].filter((version) => version.offered && wantsVersion(one, version));
      if (there.length === 0) break;
      const taker = takerOf(one);
      if (taker === null) return false;
      const key = `${taker.session.id}/${taker.number}`;
      const name = this.snapshotNext(key, this.told.get(key)?.length ?? 0);
      const found = there.find(({ object }) => object.name === name);
      if (found === undefined) {
        const names = there.map(({ object }) => object.name);
        this.snapshotFaults.push(`${key} is told of ${name}, not of one of ${names}`);
      }
      const version = found ?? (there[0] as MVersion);
      left.delete(version);
      this.#give(one, taker, { event: null, version });
    }
    one.snapshot = null;
    return true;
  }

  #give(one: MSubscription, to: MAttachment, place: MDelivery['place']): void {
    const delivery = { n: ++one.n, place, holder: to };
    one.unacked.set(delivery.n, delivery);
    to.inFlight++;
    this.#write(one, to, delivery, 0);
  }

  #write(one: MSubscription, to: MAttachment, { n, place }: MDelivery, flags: number): void {
    if (place.event === null && place.version === null) {
      this.#say(one, to, { ...MARKER, n, kind: 'gap', flags, missed: place.missed });
      return;
    }
    const { event, version } = place;
    if (event !== null) {
      const { kind, name, topic, attributes, isBefore } = event;
      const { queue } = event;
      const member = queue ?? event.member?.name ?? '';
      const byQueue = queue === undefined ? 0 : EVENT_FLAG.queue;
      const all = flags | byQueue | (isBefore ? EVENT_FLAG.before : 0);
      const what = { kind, name, topic, attributes, member, version: event.version };
      this.#say(one, to, { ...what, n, place, flags: all, ...NO_MORE });
      return;
    }
    if (one.standing !== null) {
      const offer = this.#offers.get(version);
      this.#say(one, to, toldOfKept(one.standing, { n, version, flags, offer }));
      return;
    }
    if (!version.offered) {
      this.#say(one, to, { ...MARKER, n, kind: 'gap', flags });
      return;
    }
    const { object, number, by } = version;
    const what = { kind: 'offer', name: object.name, topic: '', member: by } as const;
    const attributes = attributesOf(object);
    const all = flags | EVENT_FLAG.snapshot;
    this.#say(one, to, { ...what, attributes, version: number, n, place, flags: all, ...NO_MORE });
  }

  #say(one: MSubscription, { session, number }: MAttachment, told: Omit<MTold, 'one'>): void {
    const key = `${session.id}/${number}`;
    this.told.set(key, [...(this.told.get(key) ?? []), { ...told, one }]);
  }

  /** Those that end by themselves, as all is over that they are for. */
  endComplete(): void {
    // Who wants whole steps looks again when somebody has left, or promises are closed.
    for (const one of this.subscriptions) {
      if (one.standing !== null && one.asked.latest) this.#giveKept(one, one.standing);
    }
    if (this.#parts.holdsAny()) return;
    for (const one of [...this.subscriptions]) {
      const isGiven = one.standing === null || one.standing.list.length === 0;
      const isTold = one.next === null && one.snapshot === null;
      const isDrained = isGiven && isTold && one.unacked.size === 0;
      if (!one.asked.untilComplete || one.attachments.length === 0 || !isDrained) continue;
      if (!isPromisedOver(one, this.#parts.promises())) continue;
      if (one.standing === null || one.asked.name === '') this.#end(one, 'complete');
      else {
        // Who comes late by its name does not begin with what is done.
        one.standing.doneAt = this.log.length;
        this.#dismiss(one, 'complete');
      }
    }
  }
}
