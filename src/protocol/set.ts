import type { Reader, Writer } from '../core/bytes.js';
import { type SpaceExpectation, skipSpace, writeSpace } from '../core/space.js';
import { type Attribute, AttributeIndex, readAttributes, writeAttributes } from './attributes.js';
import { MESSAGE } from './codes.js';
import { endBody, writeWhole } from './message.js';

/** 0x11 SET: what a handle says, before it is sealed. */
export class SetFields {
  handle = 0;
  spaceStart = 0;
  spaceEnd = 0;
  readonly attributes = new AttributeIndex();
}

export function readSet(r: Reader, into: SetFields): void {
  into.handle = r.u32();
  into.spaceStart = skipSpace(r);
  into.spaceEnd = r.at;
  readAttributes(r, into.attributes);
  endBody(r);
}

export function writeSet(
  w: Writer,
  handle: number,
  space: SpaceExpectation | null,
  attributes: readonly Attribute[],
): void {
  writeWhole(w, MESSAGE.set, () => {
    w.u32(handle);
    writeSpace(w, space);
    writeAttributes(w, attributes);
  });
}
