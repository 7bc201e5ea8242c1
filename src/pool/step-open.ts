import { unreachable } from '../core/assert.js';
import {
  MESSAGE,
  readCommit,
  readCreate,
  readLock,
  readOpen,
  readTransfer,
  readUnlock,
} from '../protocol/index.js';
import { emitOk } from './emit.js';
import { lock, unlock } from './locking.js';
import { create, open } from './opening.js';
import type { Session } from './sessions.js';
import type { PoolState } from './state.js';
import { commit, readRegions, writeRegions } from './transferring.js';

/** Applies a request about an open object; true when its answer is OK, false when it is another. */
export function applyToOpen(
  pool: PoolState,
  session: Session,
  request: number,
  code: number,
): boolean {
  const r = pool.reader;
  const message = pool.decoder;
  const asked = code as OpenCode;
  switch (asked) {
    case MESSAGE.create:
      readCreate(r, message.offer);
      create(pool, session, message.offer);
      emitOk(pool, session, request, pool.options.slabDurability);
      return false;
    case MESSAGE.open:
      readOpen(r, message.open);
      open(pool, session, request, message.open);
      return false;
    case MESSAGE.writeRegions:
      readTransfer(r, message.transfer);
      writeRegions(pool, session, request, message.transfer);
      return false;
    case MESSAGE.readRegions:
      readTransfer(r, message.transfer);
      readRegions(pool, session, request, message.transfer);
      return false;
    case MESSAGE.commit:
      readCommit(r, message.commit);
      commit(pool, session, request, message.commit);
      return false;
    case MESSAGE.lock:
      readLock(r, message.lock);
      lock(pool, session, request, message.lock);
      return false;
    case MESSAGE.unlock:
      readUnlock(r, message.unlock);
      unlock(pool, session, message.unlock);
      return true;
    default:
      return unreachable(asked);
  }
}

type OpenCode = (typeof MESSAGE)[
  | 'create'
  | 'open'
  | 'writeRegions'
  | 'readRegions'
  | 'commit'
  | 'lock'
  | 'unlock'];
