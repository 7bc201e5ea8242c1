import { refuse } from '../../src/core/assert.js';
import type { Reader } from '../../src/core/bytes.js';
import { type SpaceExpectation, spaceAt } from '../../src/core/space.js';
import type { ValueMap } from '../../src/core/value.js';
import { EXACT, readMap } from '../../src/core/value-codec.js';
import { SOURCE } from '../../src/protocol/codes.js';
import { Offer } from '../../src/protocol/offer.js';
import {
  Commit,
  forEachEncoded,
  Lock,
  Open,
  Opened,
  readCommit,
  readCreate,
  readLock,
  readOpen,
  readOpened,
  readTransfer,
  readUnlock,
  Transfer,
  Unlock,
} from '../../src/protocol/open.js';
import { type AnyRegion, regionAt } from './any-region.js';

export interface Slice {
  readonly slab: number;
  readonly offset: number;
  readonly size: number;
}

export type Payload = null | Uint8Array | Slice;

/** WRITE_REGIONS or READ_REGIONS. */
interface AnyTransfer<K extends 'writeRegions' | 'readRegions'> {
  readonly kind: K;
  readonly handle: number;
  readonly as: SpaceExpectation;
  readonly lossy: number;
  readonly regions: readonly AnyRegion[];
  readonly payload: Exclude<Payload, null>;
}

/** Messages about open objects. */
export type OpenMessage =
  | {
      kind: 'create';
      handle: number;
      scope: number;
      consistency: number;
      lifetime: number;
      payload: Slice;
    }
  | { kind: 'open'; handle: number; deadline: number }
  | {
      kind: 'opened';
      request: number;
      version: number;
      consistency: number;
      space: SpaceExpectation;
      attributes: ValueMap;
    }
  | AnyTransfer<'writeRegions'>
  | AnyTransfer<'readRegions'>
  | { kind: 'commit'; handle: number; closes: number }
  | {
      kind: 'lock';
      handle: number;
      lock: number;
      mode: number;
      block: number;
      deadline: number;
      region: AnyRegion;
    }
  | { kind: 'unlock'; handle: number; lock: number };

/** What a payload is by its source. */
export function payloadOf(r: Reader, fields: Paid): Payload {
  if (fields.source === SOURCE.nothing) return null;
  if (fields.source === SOURCE.inline) {
    return r.bytes.slice(fields.payloadStart, fields.payloadEnd);
  }
  return { slab: fields.slab, offset: fields.offset, size: fields.size };
}

/** The map that a reader has checked and left at `start`. */
export function mapAt(r: Reader, start: number): ValueMap {
  const { at } = r;
  r.at = start;
  const map = readMap(r, EXACT);
  r.at = at;
  return map;
}

/** A message with a payload. */
interface Paid {
  readonly source: number;
  readonly payloadStart: number;
  readonly payloadEnd: number;
  readonly slab: number;
  readonly offset: number;
  readonly size: number;
}

function filled<T extends object>(
  make: () => T,
  read: (r: Reader, into: T) => void,
  plain: (fields: T, r: Reader) => OpenMessage,
): (r: Reader) => OpenMessage {
  return (r) => {
    const fields = make();
    read(r, fields);
    return plain(fields, r);
  };
}

function createOf({ handle, scope, consistency, lifetime, ...of }: Offer): OpenMessage {
  const { slab, offset, size } = of;
  return { kind: 'create', handle, scope, consistency, lifetime, payload: { slab, offset, size } };
}

function openedOf(fields: Opened, r: Reader): OpenMessage {
  const { request, version, consistency, spaceStart, attributesStart } = fields;
  const attributes = mapAt(r, attributesStart);
  return {
    kind: 'opened',
    request,
    version,
    consistency,
    space: spaceAt(r.bytes, spaceStart),
    attributes,
  };
}

function transferOf<K extends 'writeRegions' | 'readRegions'>(
  kind: K,
): (fields: Transfer, r: Reader) => OpenMessage {
  return (fields, r) => {
    const { handle, lossy, count, regionsStart: start, regionsEnd: end } = fields;
    const regions: AnyRegion[] = [];
    forEachEncoded(r.bytes, { start, end, count }, (from, to) => {
      regions.push(regionAt(r.bytes, from, to));
    });
    const payload = payloadOf(r, fields);
    if (payload === null) return refuse('bad-message', 'Cannot use a transfer without a payload');
    const as = spaceAt(r.bytes, fields.spaceStart);
    return { kind, handle, as, lossy, regions, payload } as OpenMessage;
  };
}

export const OPEN_DECODERS = {
  create: filled(() => new Offer(), readCreate, createOf),
  open: filled(
    () => new Open(),
    readOpen,
    ({ handle, deadline }) => ({ kind: 'open', handle, deadline }),
  ),
  opened: filled(() => new Opened(), readOpened, openedOf),
  writeRegions: filled(() => new Transfer(), readTransfer, transferOf('writeRegions')),
  readRegions: filled(() => new Transfer(), readTransfer, transferOf('readRegions')),
  commit: filled(
    () => new Commit(),
    readCommit,
    ({ handle, closes }) => ({ kind: 'commit', handle, closes }),
  ),
  lock: filled(
    () => new Lock(),
    readLock,
    ({ handle, lock, mode, block, deadline, regionStart, regionEnd }, r) => {
      const region = regionAt(r.bytes, regionStart, regionEnd);
      return { kind: 'lock', handle, lock, mode, block, deadline, region };
    },
  ),
  unlock: filled(
    () => new Unlock(),
    readUnlock,
    ({ handle, lock }) => ({ kind: 'unlock', handle, lock }),
  ),
};
