import { refuse } from '../core/assert.js';
import type { Reader, Writer } from '../core/bytes.js';
import { LIMITS } from '../core/limits.js';
import { hasHalfPair } from '../core/utf8.js';
import type { ValueMap } from '../core/value.js';
import { type Reading, readMap, writeMap } from '../core/value-codec.js';
import { MESSAGE } from './codes.js';
import { endBody, writeHeader, writeWhole } from './message.js';
import { type MemberName, parseMemberName } from './names.js';

/** 0x01 KEY: a number for the name of an attribute. */
export class Key {
  key = 0;
  nameStart = 0;
  nameEnd = 0;
}

/** Refuses with `bad-attribute` what is too short or too long for a key. */
export function checkKeySize(size: number): void {
  if (size === 0 || size > LIMITS.keyBytesMax) {
    refuse('bad-attribute', `Cannot use the key: it is not 1 to ${LIMITS.keyBytesMax} bytes`);
  }
}

export function readKey(r: Reader, into: Key): void {
  into.key = r.u16();
  into.nameStart = r.skipText();
  into.nameEnd = r.at;
  checkKeySize(into.nameEnd - into.nameStart);
  endBody(r);
}

export function writeKey(w: Writer, key: number, name: string): void {
  writeWhole(w, MESSAGE.key, () => {
    w.u16(key);
    writeKeyName(w, name);
  });
}

/** Writes the name of a key, or refuses with `bad-attribute` what can be none. */
export function writeKeyName(w: Writer, name: string): void {
  const start = w.at + 4;
  w.text(name);
  if (hasHalfPair(name, w.at - start)) {
    refuse('bad-attribute', 'Cannot use the key: it contains half of a surrogate pair');
  }
  checkKeySize(w.at - start);
}

/** 0x02 JOIN. */
export interface Join {
  readonly kind: 'join';
  readonly member: number;
  readonly name: string;
  /** `name` in its parts. */
  readonly parsed: MemberName;
  readonly info: ValueMap;
}

export function readJoin(r: Reader, how?: Reading): Join {
  const member = r.u32();
  const name = r.text();
  const parsed = parseMemberName(name);
  const info = readMap(r, how);
  endBody(r);
  return { kind: 'join', member, name, parsed, info };
}

export function writeJoin(w: Writer, member: number, name: string, info: ValueMap): void {
  parseMemberName(name);
  writeWhole(w, MESSAGE.join, () => {
    w.u32(member);
    w.text(name);
    writeMap(w, info);
  });
}

/** 0x03 LEAVE. */
export class Leave {
  member = 0;
  deadline = 0;
}

export function readLeave(r: Reader, into: Leave): void {
  into.member = r.u32();
  into.deadline = r.u32();
  endBody(r);
}

export function writeLeave(w: Writer, member: number, deadline: number): void {
  writeHeader(w, MESSAGE.leave, 8);
  w.u32(member);
  w.u32(deadline);
}

/** The body of END, PING, MEMBERS and INFO: nothing. */
export function readEmpty(r: Reader): void {
  endBody(r);
}

/** 0x04 END. */
export function writeEnd(w: Writer): void {
  writeHeader(w, MESSAGE.end, 0);
}

/** 0x06 CANCEL: the body is the number of a request. */
export function readCancel(r: Reader): number {
  const request = r.u64();
  endBody(r);
  return request;
}

export function writeCancel(w: Writer, request: number): void {
  writeHeader(w, MESSAGE.cancel, 8);
  w.u64(request);
}
