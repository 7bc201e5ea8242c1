import type { Reader } from '../../src/core/bytes.js';
import { decodeUtf8 } from '../../src/core/utf8.js';
import { BarrierFields, readBarrier } from '../../src/protocol/barriers.js';
import {
  OfferGroup,
  RequireMember,
  readGroupMember,
  readOfferGroup,
  readRequireMember,
} from '../../src/protocol/groups.js';
import { Offer } from '../../src/protocol/offer.js';
import { type Payload, payloadOf } from './decode-open.js';

/** Messages about groups. */
export type GroupMessage =
  | {
      kind: 'offerGroup';
      handle: number;
      scope: number;
      durability: number;
      lifetime: number;
      members: readonly { readonly handle: number; readonly payload: Payload }[];
    }
  | { kind: 'requireMember'; handle: number; group: number }
  | { kind: 'barrier'; member: number; deadline: number; members: number; name: string };

function offerGroupOf(r: Reader): GroupMessage {
  const own = new Offer();
  const group = new OfferGroup();
  readOfferGroup(r, own, group);
  const { handle, scope, durability, lifetime } = own;
  const members: { handle: number; payload: Payload }[] = [];
  for (let left = group.count; left > 0; left--) {
    const member = new Offer();
    readGroupMember(r, left === 1, own, member);
    members.push({ handle: member.handle, payload: payloadOf(r, member) });
  }
  return { kind: 'offerGroup', handle, scope, durability, lifetime, members };
}

function requireMemberOf(r: Reader): GroupMessage {
  const fields = new RequireMember();
  readRequireMember(r, fields);
  return { kind: 'requireMember', ...fields };
}

function barrierOf(r: Reader): GroupMessage {
  const fields = new BarrierFields();
  readBarrier(r, fields);
  const { member, deadline, members, nameStart, nameEnd } = fields;
  const name = decodeUtf8(r.bytes, nameStart, nameEnd);
  return { kind: 'barrier', member, deadline, members, name };
}

export const GROUP_DECODERS = {
  offerGroup: offerGroupOf,
  requireMember: requireMemberOf,
  barrier: barrierOf,
};
