import type { Reader, Writer } from '../core/bytes.js';
import { type SpaceExpectation, skipSpace, writeSpace } from '../core/space.js';
import { type Attribute, AttributeIndex, readAttributes, writeAttributes } from './attributes.js';
import { MESSAGE } from './codes.js';
import { beginMessage, endBody, endMessage } from './message.js';
import { readName, writeName } from './names.js';

/** 0x10 DECLARE: a handle on a name. */
export class Declare {
  handle = 0;
  member = 0;
  nameStart = 0;
  nameEnd = 0;
  spaceStart = 0;
  spaceEnd = 0;
  readonly attributes = new AttributeIndex();
}

export function readDeclare(r: Reader, into: Declare): void {
  into.handle = r.u32();
  into.member = r.u32();
  into.nameStart = readName(r);
  into.nameEnd = r.at;
  into.spaceStart = skipSpace(r);
  into.spaceEnd = r.at;
  readAttributes(r, into.attributes);
  endBody(r);
}

/** Writes a DECLARE; when an argument is refused, nothing of it stays in the writer. */
export function writeDeclare(
  w: Writer,
  handle: number,
  member: number,
  name: string,
  space: SpaceExpectation | null,
  attributes: readonly Attribute[],
): void {
  const start = beginMessage(w, MESSAGE.declare);
  try {
    w.u32(handle);
    w.u32(member);
    writeName(w, name);
    writeSpace(w, space);
    writeAttributes(w, attributes);
  } catch (error) {
    w.at = start;
    throw error;
  }
  endMessage(w, start);
}
