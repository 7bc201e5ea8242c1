import { refuse } from '../../core/assert.js';
import { ENDLESS, LIMITS } from '../../core/limits.js';
import { parseSelector } from '../../core/selector/parser.js';
import { decodeUtf8 } from '../../core/utf8.js';
import {
  type Acknowledge,
  type Emit,
  EVENT,
  EVENT_NAMES,
  FROM,
  SLOW,
  SUBSCRIBE,
  type Subscribe,
  topicsOf,
  type Unsubscribe,
  type Veto,
} from '../../protocol/index.js';
import { emitValue, failure } from '../emit.js';
import { memberOfSession } from '../handles.js';
import { inWords } from '../room.js';
import type { Member, Session } from '../sessions.js';
import type { PoolState } from '../state.js';
import { isUntilComplete, PromisesFor } from './completing.js';
import { allow, veto, whoOf } from './deciding.js';
import { hasMore, markDue } from './delivering.js';
import { detach, endSubscription } from './ending.js';
import { checkMistyped } from './event-keys.js';
import { ROW } from './event-log.js';
import { noteEmitted } from './noting.js';
import { goOnWith, Standing, unpin, versionOf } from './standing.js';
import { type Asked, type Attachment, type Subscription, Unacked } from './subscription.js';
import { addSubscription, compileFor, isBeforeOffers, meantBy } from './subscriptions.js';

/** What is given in one flight when nobody says more. */
const WINDOW_DEFAULT = 256;
/** What nobody can hold. */
const NEVER_BEFORE =
  (1 << EVENT.crash) |
  (1 << EVENT.dispose) |
  (1 << EVENT.lost) |
  (1 << EVENT.moved) |
  (1 << EVENT.ready);
/** What is ready follows from all else: it is told to those who ask for it. */
const ALL_KINDS = (2 ** EVENT.gap - 1) & ~(1 << EVENT.ready);

/**
 * SUBSCRIBE: from now on, or from where it says, the member is told. A durable one that is there
 * already goes on where it stopped, or is shared, if it is asked for in the same words. True: its
 * answer is OK, as it was one that is forgotten.
 */
export function subscribe(
  pool: PoolState,
  session: Session,
  request: number,
  message: Subscribe,
): boolean {
  const member = memberOfSession(session, message.member);
  if ((message.flags & SUBSCRIBE.forget) !== 0) {
    forgetNamed(pool, decodeUtf8(pool.reader.bytes, message.nameStart, message.nameEnd));
    return true;
  }
  if (session.subscriptions.has(message.subscription)) {
    refuse('bad-argument', `Cannot subscribe: the number ${message.subscription} is in use`);
  }
  checkRoom(pool, member);
  const asked = askedBy(pool, message);
  const isUntilNow = (message.flags & SUBSCRIBE.untilNow) !== 0;
  if (isUntilNow && (asked.flags & (SUBSCRIBE.before | SUBSCRIBE.requires)) !== 0) {
    refuse('bad-argument', 'Cannot subscribe until now: that is for who is told after it happens');
  }
  if ((asked.flags & (SUBSCRIBE.latest | SUBSCRIBE.requires)) === SUBSCRIBE.latest) {
    refuse('bad-argument', 'Cannot subscribe to the newest steps: that is for those who require');
  }
  const known = asked.name === '' ? undefined : pool.events.byName.get(asked.name);
  if (known !== undefined) checkSame(known, asked, message.deadline);
  else if ((asked.flags & SUBSCRIBE.requires) !== 0) checkStanding(pool, asked, message);
  const one = known ?? begin(pool, message, asked);
  if (one.standing !== null) goOnWith(pool, one, one.standing);
  const attachment: Attachment = {
    id: one.attachmentNext++,
    session,
    member: member.id,
    number: message.subscription,
    window: Math.min(message.window || WINDOW_DEFAULT, LIMITS.eventsWindowMax),
    until: (message.flags & SUBSCRIBE.untilNow) === 0 ? 0 : pool.events.log.end,
    inFlight: 0,
  };
  one.attachments.push(attachment);
  session.subscriptions.set(message.subscription, { one, attachment });
  member.subscriptions.add(message.subscription);
  const { log } = pool.events;
  // The answer first: what is delivered comes behind it.
  emitValue(pool, session, request, {
    n: one.n,
    seq: one.behindAt === 0 ? log.end : one.behindAt,
    first: log.first,
    end: log.end,
    isNew: known === undefined,
  });
  markDue(pool, one);
  return false;
}

/** A durable subscription ends, for all who have it. */
function forgetNamed(pool: PoolState, name: string): void {
  const one = pool.events.byName.get(name);
  if (one === undefined) {
    refuse('unknown-subscription', `Cannot forget "${name}": nobody has subscribed by that name`, {
      name,
    });
  }
  endSubscription(pool, one, failure('cancelled', 'Cannot go on: the subscription was forgotten'));
}

function checkRoom({ events }: PoolState, member: Member): void {
  const limit =
    member.subscriptions.size >= LIMITS.memberSubscriptionsMax
      ? LIMITS.memberSubscriptionsMax
      : LIMITS.subscriptionsMax;
  if (limit === LIMITS.subscriptionsMax && events.subscriptions.size < limit) return;
  refuse('subscription-limit', 'Cannot subscribe: there are too many subscriptions', { limit });
}

function askedBy(pool: PoolState, message: Subscribe): Asked {
  const { reader, events, options } = pool;
  const { bytes } = reader;
  const selector = decodeUtf8(bytes, message.selectorStart, message.selectorEnd);
  const { deadline } = message;
  const deadlineMs = deadline === ENDLESS ? Number.POSITIVE_INFINITY : deadline;
  return {
    name: decodeUtf8(bytes, message.nameStart, message.nameEnd),
    kinds: message.kinds === 0 ? ALL_KINDS : message.kinds,
    topics: new Set(topicsOf(events.reader, message, bytes)),
    selector,
    // Of the member alone, not of what it may share.
    flags: message.flags & ~SUBSCRIBE.untilNow,
    slow: message.slow,
    silence: message.silence,
    deadlineMs: deadline === 0 ? options.deadlineDefaultMs : deadlineMs,
  };
}

/** Members that share a subscription, or go on with it, ask for the same. */
function checkSame(known: Subscription, asked: Asked, deadline: number): void {
  const other = differenceOf(known, asked, deadline);
  if (other === null) return;
  refuse(
    'bad-argument',
    `Cannot subscribe as "${asked.name}": it is there, ${other}; ask for the same, or forget it`,
    { name: asked.name },
  );
}

/** `deadline`: as it was asked; 0 is not another one. */
function differenceOf(known: Subscription, asked: Asked, deadline: number): string | null {
  const isOfSame =
    known.kinds === asked.kinds &&
    known.flags === asked.flags &&
    known.selector === asked.selector &&
    [...known.topics].sort().join('\0') === [...asked.topics].sort().join('\0');
  if (!isOfSame) return 'and asks for other events';
  // Who must miss nothing would lose events by one that drops them.
  if (known.slow !== asked.slow) return 'with another "slow"';
  if ((known.flags & SUBSCRIBE.before) === 0) return null;
  if (known.silence !== asked.silence) return 'with another "silence"';
  const isOther = deadline !== 0 && known.deadlineMs !== asked.deadlineMs;
  return isOther ? 'with another "answerMs"' : null;
}

/** A standing require is told of what is offered, and of nothing that is gone. */
function checkStanding(
  { events }: PoolState,
  { kinds, flags, slow, topics }: Asked,
  { from }: Subscribe,
): void {
  if (kinds !== 1 << EVENT.offer || (flags & SUBSCRIBE.before) !== 0) {
    refuse('bad-argument', 'Cannot require what comes: that is told of offers, and after them');
  }
  if (from === FROM.start || from === FROM.seq || slow !== SLOW.drop) {
    refuse('bad-argument', 'Cannot require what comes: it begins now, or with what is offered');
  }
  if (topics.size > 1 || ((flags & SUBSCRIBE.latest) !== 0 && topics.size === 0)) {
    refuse('bad-argument', 'Cannot require the newest step: that is of one queue');
  }
  for (const name of topics) {
    if (events.queues.has(name)) continue;
    refuse('unknown-definition', `Cannot require the steps of "${name}": there is no such queue`, {
      kind: 'queue',
      name,
    });
  }
}

function begin(pool: PoolState, message: Subscribe, asked: Asked): Subscription {
  const { events } = pool;
  const { log } = events;
  const meant = meantBy(pool, asked.selector);
  checkMistyped(pool, parseSelector(meant), asked.selector);
  const compiled = compileFor(pool, meant, isBeforeOffers(asked));
  const isBefore = (asked.flags & SUBSCRIBE.before) !== 0;
  if (isBefore && message.from === FROM.snapshot) {
    refuse('bad-argument', 'Cannot subscribe: what is there has no event before it');
  }
  const never = isBefore ? message.kinds & NEVER_BEFORE : 0;
  if (never !== 0) {
    const names = EVENT_NAMES.filter((kind) => (never & (1 << EVENT[kind])) !== 0);
    const why = `${inWords(names)} ${names.length === 1 ? 'is' : 'are'} told after it happens, only`;
    refuse('bad-argument', `Cannot subscribe: ${why}`);
  }
  const isStanding = (asked.flags & SUBSCRIBE.requires) !== 0;
  const id = events.idNext;
  const promised = isUntilComplete(asked) ? new PromisesFor(meant, asked.kinds) : null;
  const one: Subscription = {
    ...asked,
    id,
    from: log.end - 1,
    meant,
    passes: compiled.passes,
    passesRest: compiled.passes,
    promised,
    promisedFrom: promised?.firstOpen(pool) ?? 0,
    attachments: [],
    attachmentNext: 1,
    behindAt: isStanding ? 0 : beginsAt(pool, message),
    n: 0,
    unacked: new Unacked(),
    gaps: new Map(),
    standing: isStanding ? new Standing() : null,
    snapshot: message.from === FROM.snapshot ? { next: 1, end: pool.objects.end } : null,
    holds: new Set(),
    timer: 0,
  };
  events.idNext++;
  addSubscription(pool, one, compiled);
  return one;
}

/** The event that one looks at first; 0: the next that comes. */
function beginsAt({ events: { log } }: PoolState, { from, seq, slow }: Subscribe): number {
  // While the snapshot is delivered others come, which must not be told of before.
  if (from === FROM.snapshot) return log.end;
  if (from === FROM.start) return log.first === log.end ? 0 : log.first;
  if (from !== FROM.seq || seq === log.end) return 0;
  if (seq > log.end) {
    refuse('bad-argument', `Cannot subscribe from ${seq}: the next event is ${log.end}`);
  }
  if (seq < log.first && slow !== SLOW.drop) {
    refuse('subscriber-slow', `Cannot subscribe from ${seq}: the oldest event is ${log.first}`, {
      lost: log.first - seq,
    });
  }
  return Math.max(1, seq);
}

/** UNSUBSCRIBE. */
export function unsubscribe(pool: PoolState, session: Session, message: Unsubscribe): void {
  const { one, attachment } = subscriptionOf(session, message.subscription);
  detach(pool, one, attachment);
  if (message.forget === 1 && pool.events.subscriptions.has(one.id)) {
    endSubscription(pool, one, failure('cancelled', 'Cannot go on: the subscription was ended'));
  }
}

export function subscriptionOf(
  session: Session,
  number: number,
): { readonly one: Subscription; readonly attachment: Attachment } {
  const found = session.subscriptions.get(number);
  if (found !== undefined) return found;
  return refuse('unknown-subscription', `Cannot use subscription ${number}: there is none`, {
    subscription: number,
  });
}

/** ACKNOWLEDGE: of those that it has, as after a return it may say what it said before. */
export function acknowledge(pool: PoolState, session: Session, message: Acknowledge): void {
  const { one, attachment } = subscriptionOf(session, message.subscription);
  const { unacked } = one;
  const first = Math.max(message.n, unacked.first);
  const end = Math.min(message.n + message.count, one.n + 1);
  for (let n = first; n < end; n++) {
    if (unacked.holderOf(n) === attachment.id) answered(pool, one, attachment, n, null);
  }
  if (hasMore(one)) markDue(pool, one);
}

/** A delivery is acknowledged, or what it tells of is vetoed. */
function answered(
  pool: PoolState,
  one: Subscription,
  attachment: Attachment,
  n: number,
  reason: string | null,
): void {
  const seq = one.unacked.eventOf(n);
  one.unacked.done(n);
  if (one.standing !== null && seq !== 0) unpin(pool, one, versionOf(seq));
  one.gaps.delete(n);
  attachment.inFlight--;
  if (!one.holds.has(seq)) return;
  if (reason === null) {
    allow(pool, one, seq);
    return;
  }
  const by = pool.members.get(attachment.member)?.name ?? whoOf(pool, one);
  const { log } = pool.events;
  const name = seq >= log.first ? log.text(seq, ROW.name) : '';
  const what = name === '' ? 'it' : `"${name}"`;
  const fields = { name, by, reason };
  const error = failure('vetoed', `Cannot go on: ${by} has vetoed ${what}: ${reason}`, fields);
  veto(pool, one, seq, error);
}

/** VETO. */
export function vetoed(pool: PoolState, session: Session, message: Veto): void {
  const { one, attachment } = subscriptionOf(session, message.subscription);
  const { n } = message;
  const reason = decodeUtf8(pool.reader.bytes, message.reasonStart, message.reasonEnd);
  const isHeld = one.unacked.holderOf(n) === attachment.id && one.holds.has(one.unacked.eventOf(n));
  if (!isHeld) {
    refuse('wrong-state', `Cannot veto delivery ${n}: nothing waits for it`);
  }
  answered(pool, one, attachment, n, reason);
  markDue(pool, one);
}

/** EMIT: what members tell one another; kept and selected as all other events. */
export function emitEvent(pool: PoolState, session: Session, message: Emit): void {
  const member = memberOfSession(session, message.member);
  const { bytes } = pool.reader;
  const topic = bytes.slice(message.topicStart, message.topicEnd);
  noteEmitted(pool, member, topic, pool.attributes.store(bytes, message.attributes, session.keys));
}

/** A member is gone: it takes no events any more. */
export function detachAll(pool: PoolState, member: Member): void {
  // In an order that is the same when a state was restored.
  for (const number of [...member.subscriptions].sort((one, other) => one - other)) {
    const found = member.session.subscriptions.get(number);
    if (found !== undefined) detach(pool, found.one, found.attachment);
  }
}
