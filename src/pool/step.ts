import { assert, refuse } from '../core/assert.js';
import { AttaccaError } from '../core/errors.js';
import { LIMITS } from '../core/limits.js';
import { decodeUtf8 } from '../core/utf8.js';
import {
  MESSAGE,
  readAdopt,
  readAppend,
  readCancel,
  readClose,
  readDeclare,
  readDemand,
  readEmpty,
  readHandle,
  readJoin,
  readKey,
  readLease,
  readLeave,
  readOffer,
  readOfferPart,
  readPromise,
  readRegionFields,
  readRequire,
  readReturn,
  readSet,
  readWithdraw,
} from '../protocol/index.js';
import { adopt, adopted } from './adopting.js';
import { append, finish } from './appending.js';
import { endMeeting } from './barriers.js';
import { durabilityOf } from './durable.js';
import { emitFail, emitOk, flushOk } from './emit.js';
import { holdTimedOut } from './events/deciding.js';
import { goOn } from './events/delivering.js';
import { cancelHeld, hold, mayHold, settleEvents } from './events/holding.js';
import { measuredBefore } from './events/measured-before.js';
import { applyToEvents } from './events/step-events.js';
import { declare, dispose, handleOf, memberOfSession, seal, set } from './handles.js';
import type { Input, Turn } from './input.js';
import { endLockRequest } from './locking.js';
import { askMeasures, measured } from './measuring.js';
import { endSession, join, leave, openSession } from './members.js';
import { cancelLease, giveBack, lease, leaseTimedOut } from './memory.js';
import { isNewWork, refuseNewWork } from './new-work.js';
import { offer, offerPart, withdraw } from './offer.js';
import { endOpening, sealOpen, takesPart } from './opening.js';
import { isReservedKey } from './own-keys.js';
import { close, graceOver, promise } from './promising.js';
import { demand, endDemand, requireExplicitly, retract } from './require.js';
import { restart } from './restart.js';
import { VERSION, WAIT, WAIT_KIND } from './rows.js';
import type { Session } from './sessions.js';
import { settleObjects } from './settling.js';
import { slabFailed, slabReady } from './slabs.js';
import type { PoolState } from './state.js';
import { applyToGroups } from './step-groups.js';
import { applyNamed } from './step-named.js';
import { applyToOpen } from './step-open.js';
import { drain } from './stopping.js';
import { stored } from './storing.js';
import { endTimer } from './timers.js';
import { transferred } from './transferring.js';
import { withdrawVersion } from './versions.js';
import { setRegion } from './wanted.js';

/**
 * Of what `step` makes of an input: another number where the same input may give another outcome. A
 * journal is replayed by the version that has written it.
 */
export const STEP_VERSION = 1;

/** All messages of an input were taken, or nobody waits for the others. */
export const WHOLE = -1;

/** A turn that takes all the time that it needs. */
const LONG_TURN: Turn = { isOver: (_request, isFull) => isFull };

/**
 * The pool's one way to change. Synchronous; no clock, no chance, no I/O: time comes with the
 * input, what is to be done comes out in `pool.effects` and in the sessions' outgoing messages
 * (`pool.dirty`). The same inputs give the same state and the same outputs, everywhere.
 *
 * Returns how many messages of the input were taken (its `skip` among them), or `WHOLE`: one before
 * which `turn` says that it is over is left off, and comes again with that as its `skip`.
 */
export function step(pool: PoolState, now: number, input: Input, turn = LONG_TURN): number {
  assert(now >= pool.now, 'pool time does not go back');
  const isLater = now > pool.now;
  pool.now = now;
  if (isLater || input.kind === 'tick') expire(pool);
  let taken = WHOLE;
  switch (input.kind) {
    case 'session-opened':
      openSession(pool, input);
      break;
    case 'messages':
      taken = stepMessages(pool, input, turn);
      break;
    case 'session-gone': {
      const session = pool.sessions.get(input.session);
      if (session !== undefined) endSession(pool, session, true);
      break;
    }
    case 'slab-ready':
      slabReady(pool, input);
      break;
    case 'slab-failed':
      slabFailed(pool, input);
      break;
    case 'adopted':
      adopted(pool, input);
      break;
    case 'transferred':
      transferred(pool, input.transfer);
      break;
    case 'measured':
      measured(pool, input);
      measuredBefore(pool, input);
      break;
    case 'stored':
      stored(pool, input);
      break;
    case 'drain':
      drain(pool, input);
      break;
    case 'restart':
      restart(pool, input);
      break;
    case 'tick':
      break;
  }
  settle(pool);
  askMeasures(pool);
  pool.holdersKnown = null;
  return taken;
}

/** Ends what is due; of very much the first of it: others have their turn before the rest. */
function expire(pool: PoolState): void {
  const { waits } = pool;
  for (let left = LIMITS.turnDeadlinesMax; left > 0 && waits.nextDeadline() <= pool.now; left--) {
    const wait = waits.first();
    const subject = waits.rows.get(wait, WAIT.subject);
    const kind = waits.rows.get(wait, WAIT.kind);
    if (kind === WAIT_KIND.demand) endDemand(pool, wait, 'deadline');
    else if (kind === WAIT_KIND.lease) leaseTimedOut(pool, wait);
    else if (kind === WAIT_KIND.open) endOpening(pool, wait, 'deadline');
    else if (kind === WAIT_KIND.lock) endLockRequest(pool, wait, 'deadline');
    else if (kind === WAIT_KIND.barrier) endMeeting(pool, wait, 'deadline');
    else if (kind === WAIT_KIND.events) goOn(pool, wait);
    else if (kind === WAIT_KIND.hold) holdTimedOut(pool, wait);
    else if (kind === WAIT_KIND.lifetime) {
      pool.versions.set(subject, VERSION.lifetime, 0);
      endTimer(pool, wait);
      withdrawVersion(pool, subject);
    } else {
      endTimer(pool, wait);
      graceOver(pool, subject);
    }
    settle(pool);
  }
}

/** What the last change has made due, before the next one. */
function settle(pool: PoolState): void {
  settleObjects(pool);
  settleEvents(pool, applyHeld);
}

/** Applies a request that was held, and has its answer later than those behind it. */
function applyHeld(pool: PoolState, session: Session, request: number, code: number): boolean {
  const isOk = apply(pool, session, request, code);
  settleObjects(pool);
  return isOk;
}

function stepMessages(
  pool: PoolState,
  input: Extract<Input, { kind: 'messages' }>,
  turn: Turn,
): number {
  const session = pool.sessions.get(input.session);
  // A frame that was on its way when the session ended: nobody waits for its answers.
  if (session === undefined) return WHOLE;
  const { messages } = pool.decoder;
  messages.open(input.bytes, input.start, input.end);
  const { reader } = messages;
  let taken = 0;
  for (; messages.next(); taken++) {
    if (taken < input.skip) continue;
    const request = messages.number;
    if (turn.isOver(request, session.out.at >= LIMITS.turnAnswerBytesMax)) {
      flushOk(pool, session);
      return taken;
    }
    pool.operations++;
    pool.reader.reset(reader.bytes, reader.at, reader.limit);
    try {
      if (input.noRoom && isNewWork(messages.code)) refuseNewWork();
      const isHeld = mayHold(pool, session) && hold(pool, session, request, messages.code);
      if (!isHeld && apply(pool, session, request, messages.code)) emitOk(pool, session, request);
    } catch (error) {
      if (!(error instanceof AttaccaError)) throw error;
      emitFail(pool, session, request, error);
    }
    settle(pool);
    if (session.ended) break;
  }
  flushOk(pool, session);
  return WHOLE;
}

/** Applies one request; true when its answer is OK, false when it is answered otherwise. */
function apply(pool: PoolState, session: Session, request: number, code: number): boolean {
  const r = pool.reader;
  const message = pool.decoder;
  switch (code) {
    case MESSAGE.declare:
      readDeclare(r, message.declare);
      declare(pool, session, message.declare);
      return true;
    case MESSAGE.offer:
      readOffer(r, message.offer);
      offer(pool, session, message.offer);
      emitOk(pool, session, request, durabilityOf(pool, message.offer.source));
      return false;
    case MESSAGE.offerPart:
      readOfferPart(r, message.offer);
      offerPart(pool, session, message.offer);
      emitOk(pool, session, request, durabilityOf(pool, message.offer.source));
      return false;
    case MESSAGE.dispose:
      dispose(pool, handleOf(session, readHandle(r)));
      return true;
    case MESSAGE.require:
      readRequire(r, message.require);
      requireExplicitly(pool, handleOf(session, message.require.handle), message.require.policy);
      return true;
    case MESSAGE.demand:
      readDemand(r, message.demand);
      demand(pool, session, request, message.demand);
      return false;
    case MESSAGE.withdraw:
      readWithdraw(r, message.withdraw);
      withdraw(pool, handleOf(session, message.withdraw.handle));
      return true;
    case MESSAGE.set:
      readSet(r, message.set);
      set(pool, session, message.set);
      return true;
    case MESSAGE.region:
      readRegionFields(r, message.region);
      setRegion(pool, session, message.region);
      return true;
    case MESSAGE.seal: {
      const handle = handleOf(session, readHandle(r));
      if (!takesPart(pool, handle)) {
        seal(pool, handle);
        return true;
      }
      sealOpen(pool, session, request, handle);
      return false;
    }
    case MESSAGE.retract:
      retract(pool, handleOf(session, readHandle(r)));
      return true;
    case MESSAGE.lease:
      readLease(r, message.lease);
      lease(pool, session, request, message.lease);
      return false;
    case MESSAGE.return:
      readReturn(r, message.return);
      giveBack(pool, session, message.return);
      return true;
    default:
      return applyOther(pool, session, request, code);
  }
}

function applyOther(pool: PoolState, session: Session, request: number, code: number): boolean {
  if (code >= MESSAGE.create && code <= MESSAGE.unlock) {
    return applyToOpen(pool, session, request, code);
  }
  if (code >= MESSAGE.offerGroup && code <= MESSAGE.barrier) {
    return applyToGroups(pool, session, request, code);
  }
  return applyRare(pool, session, request, code);
}

function applyRare(pool: PoolState, session: Session, request: number, code: number): boolean {
  const r = pool.reader;
  const message = pool.decoder;
  switch (code) {
    case MESSAGE.key: {
      readKey(r, message.key);
      const { key, nameStart, nameEnd } = message.key;
      const name = decodeUtf8(r.bytes, nameStart, nameEnd);
      if (isReservedKey(name)) {
        session.keys.refuse(key);
        refuse('bad-attribute', `Cannot use the key "${name}": by it the pool tells what it knows`);
      }
      const number = pool.keys.number(name);
      const known = session.keys.known(key);
      if (known !== 0 && known !== number) {
        refuse('bad-attribute', `Cannot give the key number ${key} another name`);
      }
      session.keys.define(key, number);
      return true;
    }
    case MESSAGE.append:
      readAppend(r, message.offer);
      append(pool, session, request, message.offer);
      return false;
    case MESSAGE.finish:
      finish(pool, handleOf(session, readHandle(r)));
      return true;
    case MESSAGE.join: {
      const size = r.remaining;
      join(pool, session, request, readJoin(r), size);
      return false;
    }
    case MESSAGE.leave:
      readLeave(r, message.leave);
      leave(pool, session, request, memberOfSession(session, message.leave.member));
      return false;
    case MESSAGE.end:
      readEmpty(r);
      emitOk(pool, session, request);
      endSession(pool, session, false);
      return false;
    case MESSAGE.ping:
      readEmpty(r);
      return true;
    case MESSAGE.cancel:
      cancel(pool, session, readCancel(r));
      return true;
    case MESSAGE.promise:
      readPromise(r, message.promise);
      promise(pool, session, message.promise);
      return true;
    case MESSAGE.close:
      close(pool, session, readClose(r));
      return true;
    case MESSAGE.adopt:
      adopt(pool, session, request, readAdopt(r));
      return false;
    case MESSAGE.subscribe:
    case MESSAGE.unsubscribe:
    case MESSAGE.acknowledge:
    case MESSAGE.veto:
    case MESSAGE.emit:
    case MESSAGE.take:
    case MESSAGE.queue:
      return applyToEvents(pool, session, request, code);
    default:
      return applyNamed(pool, session, request, code);
  }
}

/** CANCEL: ends a wait of the session; one that has ended already is left as it is. */
function cancel(pool: PoolState, session: Session, request: number): void {
  const wait = pool.waits.find(session.id, request);
  if (wait === 0) {
    cancelHeld(pool, session, request);
    return;
  }
  const kind = pool.waits.rows.get(wait, WAIT.kind);
  if (kind === WAIT_KIND.demand) endDemand(pool, wait, 'cancel');
  else if (kind === WAIT_KIND.open) endOpening(pool, wait, 'cancel');
  else if (kind === WAIT_KIND.lock) endLockRequest(pool, wait, 'cancel');
  else if (kind === WAIT_KIND.barrier) endMeeting(pool, wait, 'cancel');
  else cancelLease(pool, wait);
}
