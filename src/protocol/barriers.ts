import { refuse } from '../core/assert.js';
import type { Reader, Writer } from '../core/bytes.js';
import { LIMITS } from '../core/limits.js';
import { MESSAGE } from './codes.js';
import { endBody, writeWhole } from './message.js';
import { readName, writeName } from './names.js';

/** 0x34 BARRIER. */
export class BarrierFields {
  member = 0;
  deadline = 0;
  /** How many meet. */
  members = 0;
  nameStart = 0;
  nameEnd = 0;
}

export function readBarrier(r: Reader, into: BarrierFields): void {
  into.member = r.u32();
  into.deadline = r.u32();
  into.members = r.u32();
  into.nameStart = readName(r);
  into.nameEnd = r.at;
  endBody(r);
  if (into.members >= 1 && into.members <= LIMITS.membersMax) return;
  refuse('bad-argument', `Cannot meet as one of ${into.members}: 1 to ${LIMITS.membersMax}`);
}

export function writeBarrier(
  w: Writer,
  fields: {
    readonly member: number;
    readonly deadline: number;
    readonly members: number;
    readonly name: string;
  },
): void {
  writeWhole(w, MESSAGE.barrier, () => {
    w.u32(fields.member);
    w.u32(fields.deadline);
    w.u32(fields.members);
    writeName(w, fields.name);
  });
}
