import type { Reader } from '../core/bytes.js';
import type { ValueMap } from '../core/value.js';
import type { Decoder } from '../pool/decoder.js';
import {
  CONSISTENCIES,
  LOCK_MODE,
  MESSAGE,
  readCommit,
  readCreate,
  readHandle,
  readLock,
  readOffer,
  readOfferPart,
  readOpen,
  readRegionFields,
  readTransfer,
  readUnlock,
  SCOPE,
} from '../protocol/index.js';

/** What a request about regions concerns, and what it says; null for any other. */
export function tellOfRegions(
  r: Reader,
  code: number,
  message: Decoder,
): { readonly handle: number; readonly fields: ValueMap; readonly closes: boolean } | null {
  const told = (handle: number, fields: ValueMap = {}, closes = false) => {
    return { handle, fields, closes };
  };
  switch (code) {
    case MESSAGE.offerPart: {
      readOfferPart(r, message.offer);
      const { handle, size, scope } = message.offer;
      return told(handle, { bytes: size, scope: scopeOf(scope) });
    }
    case MESSAGE.append: {
      readOffer(r, message.offer);
      const { handle, size, scope } = message.offer;
      return told(handle, { bytes: size, scope: scopeOf(scope) });
    }
    case MESSAGE.finish:
      return told(readHandle(r));
    case MESSAGE.region:
      readRegionFields(r, message.region);
      return told(message.region.handle);
    case MESSAGE.create: {
      readCreate(r, message.offer);
      const { handle, size, scope, consistency } = message.offer;
      const fields = { bytes: size, scope: scopeOf(scope) };
      return told(handle, { ...fields, how: CONSISTENCIES[consistency] ?? '' });
    }
    case MESSAGE.open:
      readOpen(r, message.open);
      return told(message.open.handle);
    case MESSAGE.writeRegions:
    case MESSAGE.readRegions: {
      readTransfer(r, message.transfer);
      const { handle, size, count } = message.transfer;
      return told(handle, { bytes: size, regions: count });
    }
    case MESSAGE.commit: {
      readCommit(r, message.commit);
      const { handle, closes } = message.commit;
      return told(handle, { closes: closes === 1 }, closes === 1);
    }
    case MESSAGE.lock: {
      readLock(r, message.lock);
      const { handle, lock, mode } = message.lock;
      return told(handle, { lock, how: mode === LOCK_MODE.write ? 'for writing' : 'for reading' });
    }
    case MESSAGE.unlock:
      readUnlock(r, message.unlock);
      return told(message.unlock.handle, { lock: message.unlock.lock });
    default:
      return null;
  }
}

function scopeOf(scope: number): string {
  return scope === SCOPE.pool ? 'pool' : 'member';
}
