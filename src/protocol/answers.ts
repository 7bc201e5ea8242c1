import { refuse } from '../core/assert.js';
import type { Reader, Writer } from '../core/bytes.js';
import { LIMITS } from '../core/limits.js';
import type { Value, ValueMap } from '../core/value.js';
import { type Reading, readMap, readValue, writeMap, writeValue } from '../core/value-codec.js';
import { DURABILITY, MESSAGE } from './codes.js';
import { beginMessage, endBody, readChoice, writeHeader, writeWhole } from './message.js';

/** The value of VALUE holds values of attributes some levels down, each with its own depth. */
export const ANSWER_DEPTH_MAX = LIMITS.valueDepthMax * 2;

/** 0x80 OK: the requests `first` to `last` have succeeded. */
export class Ok {
  first = 0;
  last = 0;
  /** Durability of the records and of the bytes. */
  record = 0;
  bytes = 0;
}

export function readOk(r: Reader, into: Ok): void {
  into.first = r.u64();
  into.last = r.u64();
  into.record = readChoice(r, DURABILITY.fsync, 'the durability of a record');
  into.bytes = readChoice(r, DURABILITY.fsync, 'the durability of bytes');
  if (into.first > into.last) refuse('bad-message', 'Cannot read OK: its range runs backwards');
  endBody(r);
}

export function writeOk(
  w: Writer,
  first: number,
  last: number,
  record: number,
  bytes: number,
): void {
  writeHeader(w, MESSAGE.ok, 18);
  w.u64(first);
  w.u64(last);
  w.u8(record);
  w.u8(bytes);
}

/** 0x81 FAIL. The code may be one that this version does not know. */
export interface Fail {
  readonly kind: 'fail';
  readonly request: number;
  readonly retryable: boolean;
  readonly code: string;
  readonly message: string;
  readonly fields: ValueMap;
}

export function readFail(r: Reader, how?: Reading): Fail {
  const request = r.u64();
  const retryable = readChoice(r, 1, 'whether a failure is retryable') === 1;
  const code = r.text();
  const message = r.text();
  const fields = readMap(r, how);
  endBody(r);
  return { kind: 'fail', request, retryable, code, message, fields };
}

/** What of an error goes on the wire; an `AttaccaError` is one. */
export interface ErrorParts {
  readonly retryable: boolean;
  readonly code: string;
  readonly message: string;
  readonly fields: ValueMap;
}

export function writeFail(w: Writer, request: number, error: ErrorParts): void {
  writeWhole(w, MESSAGE.fail, () => {
    w.u64(request);
    w.u8(error.retryable ? 1 : 0);
    w.text(error.code);
    w.text(error.message);
    writeMap(w, error.fields);
  });
}

/** 0x82 WELCOME. */
export interface Welcome {
  readonly kind: 'welcome';
  readonly request: number;
  /** The id of the member in the pool. */
  readonly member: number;
  readonly name: string;
  readonly granted: ValueMap;
}

export function readWelcome(r: Reader, how?: Reading): Welcome {
  const request = r.u64();
  const member = r.u32();
  const name = r.text();
  const granted = readMap(r, how);
  endBody(r);
  return { kind: 'welcome', request, member, name, granted };
}

export function writeWelcome(
  w: Writer,
  request: number,
  welcome: { member: number; name: string; granted: ValueMap },
): void {
  writeWhole(w, MESSAGE.welcome, () => {
    w.u64(request);
    w.u32(welcome.member);
    w.text(welcome.name);
    writeMap(w, welcome.granted);
  });
}

/** 0x83 BYE: names of what leaving has withdrawn. */
export interface Bye {
  readonly kind: 'bye';
  readonly request: number;
  readonly names: readonly string[];
}

export function readBye(r: Reader): Bye {
  const request = r.u64();
  const count = r.u32();
  if (count * 4 > r.remaining) refuse('bad-message', 'Cannot read BYE: it ends before its names');
  const names: string[] = [];
  for (let index = 0; index < count; index++) names.push(r.text());
  endBody(r);
  return { kind: 'bye', request, names };
}

export function writeBye(w: Writer, request: number, names: readonly string[]): void {
  writeWhole(w, MESSAGE.bye, () => {
    w.u64(request);
    w.u32(names.length);
    for (const name of names) w.text(name);
  });
}

/** 0x85 GRANT. */
export class Grant {
  request = 0;
  slab = 0;
  offset = 0;
  size = 0;
}

export function readGrant(r: Reader, into: Grant): void {
  into.request = r.u64();
  into.slab = r.u32();
  into.offset = r.u64();
  into.size = r.u64();
  endBody(r);
}

export function writeGrant(
  w: Writer,
  request: number,
  slab: number,
  offset: number,
  size: number,
): void {
  writeHeader(w, MESSAGE.grant, 28);
  w.u64(request);
  w.u32(slab);
  w.u64(offset);
  w.u64(size);
}

/** 0x86 VALUE. */
export interface ValueAnswer {
  readonly kind: 'value';
  readonly request: number;
  readonly value: Value;
}

export function readValueAnswer(r: Reader, exact = false, ordinary = false): ValueAnswer {
  const request = r.u64();
  const value = readValue(r, { depthMax: ANSWER_DEPTH_MAX, exact, ordinary });
  endBody(r);
  return { kind: 'value', request, value };
}

/** Begins VALUE for who writes the value by parts, and then ends the message. */
export function beginValueAnswer(w: Writer, request: number): number {
  const start = beginMessage(w, MESSAGE.value);
  w.u64(request);
  return start;
}

export function writeValueAnswer(w: Writer, request: number, value: Value): void {
  writeWhole(w, MESSAGE.value, () => {
    w.u64(request);
    writeValue(w, value, ANSWER_DEPTH_MAX);
  });
}
