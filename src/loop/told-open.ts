import type { Reader } from '../core/bytes.js';
import type { ValueMap } from '../core/value.js';
import type { Decoder } from '../pool/decoder.js';
import {
  CONSISTENCIES,
  LOCK_MODE,
  MESSAGE,
  readAppend,
  readCommit,
  readCreate,
  readGroupMember,
  readHandle,
  readLock,
  readOfferGroup,
  readOfferPart,
  readOpen,
  readRegionFields,
  readRequireMember,
  readTransfer,
  readUnlock,
  SCOPE,
} from '../protocol/index.js';

/** What a request about regions or groups concerns, and what it says; null for any other. */
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
      readAppend(r, message.offer);
      const { handle, size, scope } = message.offer;
      return told(handle, { bytes: size, scope: scopeOf(scope) });
    }
    case MESSAGE.offerGroup: {
      const { handle, fields } = tellGroup(r, message);
      return told(handle, fields);
    }
    case MESSAGE.requireMember:
      readRequireMember(r, message.requireMember);
      return told(message.requireMember.handle);
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

/** A group: how many objects are in it, and their bytes. */
function tellGroup(
  r: Reader,
  { offer, group }: Decoder,
): { readonly handle: number; readonly fields: ValueMap } {
  readOfferGroup(r, offer, group);
  const { handle, scope, durability } = offer;
  let bytes = 0;
  for (let left = group.count; left > 0; left--) {
    readGroupMember(r, left === 1, { scope, durability }, offer);
    bytes += offer.size;
  }
  return { handle, fields: { bytes, members: group.count, scope: scopeOf(scope) } };
}
