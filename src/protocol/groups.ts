import { refuse } from '../core/assert.js';
import type { Reader, Writer } from '../core/bytes.js';
import { MESSAGE, SOURCE } from './codes.js';
import { endBody, writeHeader, writeWhole } from './message.js';
import { type GroupPayload, type Offer, readOffer, writeOfferWithin } from './offer.js';

/** The least that one member takes: its size, and an offer of nothing. */
const MEMBER_BYTES = 16;

/** 0x32 OFFER_GROUP: what it begins with. Its members follow, each for {@link readGroupMember}. */
export class OfferGroup {
  count = 0;
}

/** Reads the offer of the group itself, and how many members come. */
export function readOfferGroup(r: Reader, own: Offer, into: OfferGroup): void {
  readWithin(r, own);
  into.count = r.u32();
  mayNotReplace(own);
  if (own.source !== SOURCE.nothing) {
    refuse('bad-message', 'Cannot read a group: the offer of itself has a payload');
  }
  if (into.count * MEMBER_BYTES > r.remaining) {
    refuse('bad-message', 'Cannot read a group: it ends before its members');
  }
  if (into.count === 0) endBody(r);
}

/**
 * Reads the offer of the next member, which lives as the group does; after the last, the message
 * must be over.
 */
export function readGroupMember(
  r: Reader,
  isLast: boolean,
  own: Pick<Offer, 'scope' | 'durability'>,
  into: Offer,
): void {
  readWithin(r, into);
  mayNotReplace(into);
  const isAlike = into.scope === own.scope && into.durability === own.durability;
  if (!isAlike || into.lifetime !== 0) {
    refuse('bad-message', 'Cannot read a group: a member is not offered as it is');
  }
  if (isLast) endBody(r);
}

function mayNotReplace({ replaces }: Offer): void {
  if (replaces !== 0) refuse('bad-message', 'Cannot read a group: it replaces nothing');
}

/** Reads an offer that stands behind its size. */
function readWithin(r: Reader, into: Offer): void {
  const { limit } = r;
  const size = r.u32();
  if (size > r.remaining) refuse('bad-message', 'Cannot read a group: one of its offers is cut');
  r.limit = r.at + size;
  try {
    readOffer(r, into);
  } finally {
    r.limit = limit;
  }
}

/** An offer within a group: scope and durability are those of the group. */
export interface GroupMember {
  readonly handle: number;
  readonly payload: GroupPayload;
}

interface GroupFields {
  readonly handle: number;
  readonly scope: number;
  readonly durability: number;
  readonly lifetime: number;
}

export function writeOfferGroup(
  w: Writer,
  group: GroupFields,
  members: readonly GroupMember[],
): void {
  writeWhole(w, MESSAGE.offerGroup, () => {
    writeOfferWithin(w, { ...group, payload: { kind: 'nothing' } });
    w.u32(members.length);
    const { scope, durability } = group;
    for (const member of members)
      writeOfferWithin(w, { scope, durability, lifetime: 0, ...member });
  });
}

/** 0x33 REQUIRE_MEMBER: of a group that was handed over, one of the objects that it has. */
export class RequireMember {
  handle = 0;
  group = 0;
}

export function readRequireMember(r: Reader, into: RequireMember): void {
  into.handle = r.u32();
  into.group = r.u32();
  endBody(r);
}

export function writeRequireMember(w: Writer, handle: number, group: number): void {
  writeHeader(w, MESSAGE.requireMember, 8);
  w.u32(handle);
  w.u32(group);
}
