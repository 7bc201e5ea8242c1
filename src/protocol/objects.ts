import { refuse } from '../core/assert.js';
import type { Reader, Writer } from '../core/bytes.js';
import { LIMITS } from '../core/limits.js';
import { type Attribute, AttributeIndex, readAttributes, writeAttributes } from './attributes.js';
import { MESSAGE } from './codes.js';
import { endBody, readChoice, writeWhole } from './message.js';
import { readName, writeName } from './names.js';

/** 0x19 DELETE. */
export class Delete {
  nameStart = 0;
  nameEnd = 0;
  /** `MEMBER_NONE` for none; so in all that changes objects by their names. */
  member = 0;
  force = 0;
}

export function readDelete(r: Reader, into: Delete): void {
  into.nameStart = readName(r);
  into.nameEnd = r.at;
  into.member = r.u32();
  into.force = readChoice(r, 1, 'whether a delete is forced');
  endBody(r);
}

export function writeDelete(w: Writer, name: string, member: number, force: boolean): void {
  writeWhole(w, MESSAGE.delete, () => {
    writeName(w, name);
    w.u32(member);
    w.u8(force ? 1 : 0);
  });
}

/** 0x1a TAG: attributes set, and keys removed. */
export class Tag {
  nameStart = 0;
  nameEnd = 0;
  member = 0;
  readonly attributes = new AttributeIndex();
  removedCount = 0;
  readonly removed = new Uint16Array(LIMITS.attributesMax);
}

export function readTag(r: Reader, into: Tag): void {
  into.nameStart = readName(r);
  into.nameEnd = r.at;
  into.member = r.u32();
  readAttributes(r, into.attributes);
  into.removedCount = readRemoved(r, into.removed);
  endBody(r);
}

export function writeTag(
  w: Writer,
  name: string,
  member: number,
  attributes: readonly Attribute[],
  removed: readonly number[],
): void {
  writeWhole(w, MESSAGE.tag, () => {
    writeName(w, name);
    w.u32(member);
    writeAttributes(w, attributes);
    writeRemoved(w, removed);
  });
}

/** Keys of tags that are to go; returns how many. */
export function readRemoved(r: Reader, into: Uint16Array): number {
  const count = r.u16();
  checkRemoved(count);
  for (let index = 0; index < count; index++) into[index] = r.u16();
  return count;
}

export function writeRemoved(w: Writer, removed: readonly number[]): void {
  checkRemoved(removed.length);
  w.u16(removed.length);
  for (const key of removed) w.u16(key);
}

function checkRemoved(count: number): void {
  if (count > LIMITS.attributesMax) {
    refuse('bad-attribute', `Cannot remove more than ${LIMITS.attributesMax} tags`);
  }
}

/** 0x1d UNKEEP. */
export class Unkeep {
  nameStart = 0;
  nameEnd = 0;
  member = 0;
  deadline = 0;
}

export function readUnkeep(r: Reader, into: Unkeep): void {
  into.nameStart = readName(r);
  into.nameEnd = r.at;
  into.member = r.u32();
  into.deadline = r.u32();
  endBody(r);
}

export function writeUnkeep(w: Writer, name: string, member: number, deadline: number): void {
  writeWhole(w, MESSAGE.unkeep, () => {
    writeName(w, name);
    w.u32(member);
    w.u32(deadline);
  });
}
