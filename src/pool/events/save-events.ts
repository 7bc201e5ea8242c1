import { assert } from '../../core/assert.js';
import { AttaccaError, isErrorCode } from '../../core/errors.js';
import { checkSaved, type StateReader, type StateWriter } from '../../core/state-codec.js';
import { SUBSCRIBE } from '../../protocol/index.js';
import type { Session } from '../sessions.js';
import type { PoolState } from '../state.js';
import { isUntilComplete, PromisesFor } from './completing.js';
import type { HeldOperation, HeldPiece, Lane } from './held-operation.js';
import { restoreSelectedAhead, saveSelectedAhead } from './held-selected.js';
import { enterLanes, heldOf } from './lanes.js';
import { goOnMeasuring, restoreMeasure, saveMeasure } from './measured-before.js';
import { countSteps } from './queues.js';
import { restoreQueues, saveQueues } from './save-queues.js';
import { eachPin, lineOf, Standing } from './standing.js';
import { type Attachment, type Subscription, Unacked } from './subscription.js';
import { addSubscription, compileFor, isBeforeOffers } from './subscriptions.js';

/** Writes all that is known of events, in the order in which it decides whose turn it is. */
export function saveEvents(pool: PoolState, w: StateWriter): void {
  const { events } = pool;
  assert(events.due.size + events.released.size === 0, 'no step is under way');
  events.log.save(w);
  w.u32(events.idNext);
  w.flag(events.isFull);
  saveQueues(pool, w);
  w.u32(events.subscriptions.size);
  for (const one of events.subscriptions.values()) saveSubscription(pool, one, w);
  for (const session of pool.sessions.values()) saveLanes(session, w);
  w.u32(events.held.size);
  for (const [seq, held] of events.held) {
    w.u64(seq);
    const asked = [...held.waitsFor.keys()].filter((id) => {
      return events.subscriptions.get(id)?.holds.has(seq) === true;
    });
    w.u32(asked.length);
    for (const id of asked) w.u32(id);
  }
  for (const waits of [events.roomWaits, events.stepWaits]) {
    w.u32(waits.size);
    for (const { session, request } of waits) {
      w.u32(session.id);
      w.u64(request);
    }
  }
  w.u32(pool.storeWaits.size);
  for (const [{ session, request }, object] of pool.storeWaits) {
    w.u32(session.id);
    w.u64(request);
    w.u32(object);
  }
  w.u32(events.unreadBy.size);
  for (const { id } of events.unreadBy) w.u32(id);
}

export function restoreEvents(pool: PoolState, r: StateReader): void {
  const { events } = pool;
  events.log.restore(r);
  events.idNext = r.u32();
  events.isFull = r.flag();
  restoreQueues(pool, r);
  for (let count = r.count(16); count > 0; count--) restoreSubscription(pool, r);
  const byRequest = new Map<string, HeldOperation>();
  const bySeq = new Map<number, HeldOperation>();
  for (const session of pool.sessions.values()) {
    for (const held of restoreLanes(pool, session, r)) {
      byRequest.set(`${session.id} ${held.request}`, held);
      if (held.waitsFor.size > 0) for (const seq of held.seqs) bySeq.set(seq, held);
      if (held.timer !== 0) events.heldByTimer.set(held.timer, held);
      held.store?.pieces.forEach(({ object, isPart, isDone }, index) => {
        if (!isPart) pool.storingOf.set(object, held);
        if (!isDone) pool.storing.set((held.store?.ask ?? 0) + index, held);
      });
      goOnMeasuring(pool, held);
      events.operationsHeld++;
      events.bytesHeld += pool.arena.size(held.message) + (held.selected?.bytes ?? 0);
    }
  }
  for (let count = r.count(12); count > 0; count--) {
    const seq = r.u64();
    const held = bySeq.get(seq);
    checkSaved(held !== undefined, 'what is held is there');
    events.held.set(seq, held);
    for (let asked = r.count(4); asked > 0; asked--) {
      const one = events.subscriptions.get(r.u32());
      checkSaved(one !== undefined && held.waitsFor.has(one.id), 'who is waited for is there');
      one.holds.add(seq);
      held.owed.set(one.id, (held.owed.get(one.id) ?? 0) + 1);
    }
  }
  for (const waits of [events.roomWaits, events.stepWaits]) {
    for (let count = r.count(12); count > 0; count--) {
      const held = byRequest.get(`${r.u32()} ${r.u64()}`);
      checkSaved(held !== undefined, 'what waits for room or a step is held');
      waits.add(held);
    }
  }
  // In the order in which they asked, which decides what the state becomes.
  const asked = [...pool.storing].sort(([one], [other]) => one - other);
  pool.storing.clear();
  for (const [ask, held] of asked) pool.storing.set(ask, held);
  for (let count = r.count(16); count > 0; count--) {
    const held = byRequest.get(`${r.u32()} ${r.u64()}`);
    const object = r.u32();
    checkSaved(
      held !== undefined && pool.storingOf.has(object),
      'what is stored makes others wait',
    );
    pool.storeWaits.set(held, object);
  }
  for (let count = r.count(4); count > 0; count--) {
    events.unreadBy.add(sessionOf(pool, r.u32()));
  }
}

function saveSubscription(pool: PoolState, one: Subscription, w: StateWriter): void {
  w.u32(one.id);
  w.text(one.name);
  w.u32(one.kinds);
  w.u32(one.topics.size);
  for (const topic of one.topics) w.text(topic);
  w.text(one.selector);
  w.text(one.meant);
  w.u8(one.flags);
  w.u8(one.slow);
  w.u8(one.silence);
  w.f64(one.deadlineMs);
  w.u64(one.from);
  w.u32(one.promisedFrom);
  w.u64(one.behindAt);
  w.u64(one.n);
  w.u32(one.timer);
  w.flag(one.snapshot !== null);
  w.u32(one.snapshot?.next ?? 0);
  w.u32(one.snapshot?.end ?? 0);
  w.u32(one.gaps.size);
  for (const [n, { from, to, steps }] of one.gaps) {
    w.u64(n);
    w.f64(from);
    w.f64(to);
    w.u32(steps);
  }
  w.u64(one.standing?.doneAt ?? 0);
  w.flag(one.standing?.isWanted === true);
  w.u64(one.standing?.since ?? 0);
  const step = one.standing?.step ?? null;
  w.flag(step !== null);
  w.f64(step ?? 0);
  w.u32(one.standing?.count ?? 0);
  one.standing?.each((version) => w.u32(version));
  w.u64(one.unacked.first);
  w.u32(one.unacked.count);
  one.unacked.eachSaved((event, holder) => {
    w.f64(event);
    w.u32(holder);
  });
  w.u32(one.attachmentNext);
  w.u32(one.attachments.length);
  for (const each of one.attachments) {
    w.u32(each.id);
    w.u32(each.session.id);
    w.u32(each.member);
    w.u32(each.number);
    w.u32(each.window);
    w.u64(each.until);
    w.u32(each.inFlight);
  }
  assert(pool.events.subscriptions.get(one.id) === one, 'what is saved is there');
}

function restoreSubscription(pool: PoolState, r: StateReader): void {
  const id = r.u32();
  const name = r.text();
  const kinds = r.u32();
  const topics = new Set<string>();
  for (let count = r.count(4); count > 0; count--) topics.add(r.text());
  const selector = r.text();
  const meant = r.text();
  const asked = { flags: r.u8(), slow: r.u8(), silence: r.u8(), deadlineMs: r.f64() };
  const place = {
    from: r.u64(),
    promisedFrom: r.u32(),
    behindAt: r.u64(),
    n: r.u64(),
    timer: r.u32(),
  };
  const hasSnapshot = r.flag();
  const snapshot = { next: r.u32(), end: r.u32() };
  const gaps: Subscription['gaps'] = new Map();
  for (let count = r.count(28); count > 0; count--) {
    gaps.set(r.u64(), { from: r.f64(), to: r.f64(), steps: r.u32() });
  }
  const standing = restoreStanding(pool, { flags: asked.flags, topics }, r);
  const unacked = new Unacked();
  const first = r.u64();
  unacked.restore(first);
  const count = r.count(12);
  for (let index = 0; index < count; index++) unacked.push(first + index, r.f64(), r.u32());
  unacked.each((_n, place) => {
    const isThere = standing === null || (place <= 0 && pool.versions.has(-place));
    checkSaved(isThere, 'what is kept for a member is there');
  });
  checkSaved(first + count === place.n + 1, 'deliveries are numbered without a gap');
  const compiled = compiledOfSaved(pool, meant, isBeforeOffers({ kinds, ...asked }));
  const one: Subscription = {
    ...{ id, name, kinds, topics, selector, meant, gaps, unacked, standing },
    passes: compiled.passes,
    passesRest: compiled.passes,
    promised: isUntilComplete(asked) ? new PromisesFor(meant, kinds) : null,
    ...asked,
    ...place,
    snapshot: hasSnapshot ? snapshot : null,
    attachmentNext: r.u32(),
    attachments: [],
    holds: new Set(),
  };
  for (let left = r.count(32); left > 0; left--) restoreAttachment(pool, one, r);
  checkSaved(!pool.events.subscriptions.has(id), 'a subscription is there once');
  addSubscription(pool, one, compiled);
  if (standing !== null) {
    eachPin(one, (version) => countSteps(pool, standing.steps, version, 1));
  }
}

function restoreStanding(
  pool: PoolState,
  one: Pick<Subscription, 'flags' | 'topics'>,
  r: StateReader,
): Standing | null {
  const standing = new Standing();
  standing.doneAt = r.u64();
  standing.isWanted = r.flag();
  standing.since = r.u64();
  const hasStep = r.flag();
  const step = r.f64();
  standing.step = hasStep ? step : null;
  for (let count = r.count(4); count > 0; count--) {
    const version = r.u32();
    checkSaved(version > 0 && pool.versions.has(version), 'what is kept for members is there');
    standing.push(version, lineOf(pool, one, version));
  }
  if ((one.flags & SUBSCRIBE.requires) !== 0) return standing;
  checkSaved(standing.count === 0, 'what is not required is not kept');
  return null;
}

function compiledOfSaved(
  pool: PoolState,
  meant: string,
  areMeasured: boolean,
): ReturnType<typeof compileFor> {
  try {
    return compileFor(pool, meant, areMeasured);
  } catch (error) {
    if (!(error instanceof AttaccaError)) throw error;
    throw new AttaccaError('journal-damaged', `Cannot restore a state: ${error.message}`);
  }
}

function restoreAttachment(pool: PoolState, one: Subscription, r: StateReader): void {
  const id = r.u32();
  const session = sessionOf(pool, r.u32());
  const attachment: Attachment = {
    ...{ id, session, member: r.u32(), number: r.u32() },
    window: r.u32(),
    until: r.u64(),
    inFlight: r.u32(),
  };
  one.attachments.push(attachment);
  session.subscriptions.set(attachment.number, { one, attachment });
  const member = pool.members.get(attachment.member);
  checkSaved(member !== undefined, 'who is attached is a member');
  member.subscriptions.add(attachment.number);
}

function sessionOf(pool: PoolState, id: number): Session {
  const session = pool.sessions.get(id);
  checkSaved(session !== undefined, 'a session that is named is there');
  return session;
}

/** The lanes in their order, then what is held in that in which it came. */
function saveLanes(session: Session, w: StateWriter): void {
  const lanes = [...session.lanes.keys()];
  w.u32(lanes.length);
  for (const lane of lanes) {
    w.flag(typeof lane === 'number');
    w.text(String(lane));
  }
  const places = new Map(lanes.map((lane, place) => [lane, place]));
  const all = [...heldOf(session)].sort((one, other) => one.request - other.request);
  w.u32(all.length);
  for (const held of all) {
    w.u32(held.lanes.length);
    for (const lane of held.lanes) w.u32(places.get(lane) ?? 0);
    saveHeld(held, w);
  }
}

function saveHeld(held: HeldOperation, w: StateWriter): void {
  w.u32(held.seqs.length);
  for (const seq of held.seqs) w.u64(seq);
  w.u32(held.passed);
  w.u64(held.ends);
  w.u64(held.request);
  w.u32(held.code);
  w.u32(held.message);
  w.f64(held.since);
  w.u64(held.order);
  w.u32(held.timer);
  w.u32(held.waitsFor.size);
  for (const [id, until] of held.waitsFor) {
    w.u32(id);
    w.f64(until);
  }
  saveStore(held, w);
  saveMeasure(w, held);
  saveSelectedAhead(held.selected, w);
  w.flag(held.veto !== null);
  if (held.veto === null) return;
  w.text(held.veto.code);
  w.text(held.veto.message);
  w.valueMap(held.veto.fields);
}

function saveStore({ store }: HeldOperation, w: StateWriter): void {
  w.u64(store?.ask ?? 0);
  w.u32(store?.pieces.length ?? 0);
  for (const { handle, object, version, isPart, isDone } of store?.pieces ?? []) {
    w.u32(handle);
    w.u32(object);
    w.u64(version);
    w.flag(isPart);
    w.flag(isDone);
  }
}

function restoreStore(r: StateReader): HeldOperation['store'] {
  const ask = r.u64();
  const pieces: HeldPiece[] = [];
  for (let count = r.count(18); count > 0; count--) {
    const of = { handle: r.u32(), object: r.u32(), version: r.u64() };
    pieces.push({ ...of, isPart: r.flag(), isDone: r.flag() });
  }
  const left = pieces.filter(({ isDone }) => !isDone).length;
  return ask === 0 ? null : { ask, pieces, left };
}

function restoreLanes(pool: PoolState, session: Session, r: StateReader): HeldOperation[] {
  const lanes: Lane[] = [];
  for (let count = r.count(5); count > 0; count--) {
    const isNumber = r.flag();
    const text = r.text();
    const lane: Lane = isNumber ? Number(text) : text;
    checkSaved(!session.lanes.has(lane), 'a lane is there once');
    session.lanes.set(lane, []);
    lanes.push(lane);
  }
  const all: HeldOperation[] = [];
  for (let count = r.count(77); count > 0; count--) {
    const own: Lane[] = [];
    for (let left = r.count(4); left > 0; left--) {
      const lane = lanes[r.u32()];
      checkSaved(lane !== undefined, 'a lane in which something stands is there');
      own.push(lane);
    }
    checkSaved(own.length > 0, 'what is held stands in a lane');
    const held = restoreHeld(pool, session, own, r);
    enterLanes(held);
    all.push(held);
  }
  const isEmpty = lanes.some((lane) => session.lanes.get(lane)?.length === 0);
  checkSaved(!isEmpty, 'a lane has operations');
  return all;
}

function restoreHeld(
  pool: PoolState,
  session: Session,
  lanes: readonly Lane[],
  r: StateReader,
): HeldOperation {
  const seqs: number[] = [];
  for (let count = r.count(8); count > 0; count--) seqs.push(r.u64());
  const passed = r.u32();
  const ends = r.u64();
  const head = {
    request: r.u64(),
    code: r.u32(),
    message: r.u32(),
    since: r.f64(),
    order: r.u64(),
  };
  const timer = r.u32();
  checkSaved(pool.arena.has(head.message), 'a held operation has its message');
  const waitsFor = new Map<number, number>();
  for (let count = r.count(12); count > 0; count--) waitsFor.set(r.u32(), r.f64());
  const store = restoreStore(r);
  const measure = restoreMeasure(r);
  const selected = restoreSelectedAhead(r);
  const veto = r.flag() ? restoreError(r) : null;
  const base = { seqs, passed, ends, session, lanes, ...head, timer, waitsFor, owed: new Map() };
  return { ...base, store, measure, selected, veto };
}

function restoreError(r: StateReader): AttaccaError {
  const code = r.text();
  checkSaved(isErrorCode(code), 'the code of an error is known');
  return new AttaccaError(code, r.text(), r.valueMap());
}
