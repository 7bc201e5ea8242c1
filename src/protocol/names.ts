import { refuse } from '../core/assert.js';
import type { Reader, Writer } from '../core/bytes.js';
import { LIMITS } from '../core/limits.js';
import { countCharacters, encodeUtf8, hasHalfPair, isUtf8, utf8Length } from '../core/utf8.js';

function badName(why: string): never {
  return refuse('bad-name', `Cannot use the name: ${why}`);
}

/** Whether every byte is ASCII and none is NUL: the names that need no closer look. */
function isPlain(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number;
    if (byte === 0 || byte >= 0x80) return false;
  }
  return true;
}

/** Why bytes are no name of an object; null when they are one. */
function faultOf(bytes: Uint8Array, start: number, end: number): string | null {
  const size = end - start;
  if (size === 0) return 'it is empty';
  if (size <= LIMITS.nameCharactersMax && isPlain(bytes, start, end)) return null;
  if (size > LIMITS.nameBytesMax) return `it is longer than ${LIMITS.nameBytesMax} bytes`;
  if (!isUtf8(bytes, start, end)) return 'it is not well-formed UTF-8';
  if (bytes.subarray(start, end).includes(0)) return 'it contains NUL';
  if (countCharacters(bytes, start, end) <= LIMITS.nameCharactersMax) return null;
  return `it is longer than ${LIMITS.nameCharactersMax} characters`;
}

/** Refuses with `bad-name` bytes that are no name of an object. */
export function checkName(bytes: Uint8Array, start: number, end: number): void {
  const why = faultOf(bytes, start, end);
  if (why !== null) badName(why);
}

/** Reads the name of an object; returns its start, `r.at` is its end. */
export function readName(r: Reader): number {
  const size = r.u32();
  const start = r.skip(size);
  checkName(r.bytes, start, start + size);
  return start;
}

/** Writes the name of an object, or refuses it as {@link checkName} does. */
export function writeName(w: Writer, name: string): void {
  const start = w.at + 4;
  w.text(name);
  if (hasHalfPair(name, w.at - start)) badName('it contains half of a surrogate pair');
  checkName(w.bytes, start, w.at);
}

/** Whether every character is ASCII and none is NUL, and there are no more than a name may have. */
function isPlainText(name: string): boolean {
  if (name.length > LIMITS.nameCharactersMax) return false;
  for (let at = 0; at < name.length; at++) {
    const code = name.charCodeAt(at);
    if (code === 0 || code >= 0x80) return false;
  }
  return name.length > 0;
}

/** Why a text is no name of an object; null when it is one. */
export function nameFault(name: string): string | null {
  if (isPlainText(name)) return null;
  if (hasHalfPair(name)) return 'it contains half of a surrogate pair';
  const bytes = encodeUtf8(name);
  return faultOf(bytes, 0, bytes.length);
}

/** Refuses what {@link writeName} would refuse. */
export function checkNameText(name: string): void {
  const why = nameFault(name);
  if (why !== null) badName(why);
}

/** `model[17]`: component and index; `any` asks the pool for the lowest index that is free. */
export interface MemberName {
  readonly component: string;
  readonly index: number | 'any' | null;
}

const INDEX_END = 2 ** 31;
const MEMBER_NAME = /^([^[\]\0\n]+)(?:\[(\*|0|[1-9][0-9]{0,9})\])?$/u;

/** Parses `component`, `component[index]` or `component[*]`, or refuses it with `bad-name`. */
export function parseMemberName(name: string): MemberName {
  const match = MEMBER_NAME.exec(name);
  const component = match?.[1];
  const digits = match?.[2];
  if (component === undefined || hasHalfPair(component)) {
    return refuse('bad-name', `Cannot join as "${name.slice(0, 300)}": no component[index]`);
  }
  if (utf8Length(component) > LIMITS.memberNameBytesMax) {
    refuse('bad-name', `Cannot join: the component is over ${LIMITS.memberNameBytesMax} bytes`);
  }
  if (digits === undefined) return { component, index: null };
  if (digits === '*') return { component, index: 'any' };
  const index = Number(digits);
  if (index >= INDEX_END) refuse('bad-name', `Cannot join as "${name}": the index is 2^31 or more`);
  return { component, index };
}
