import type { Reader, Writer } from '../core/bytes.js';
import { MESSAGE, MODE, POLICY, WANT } from './codes.js';
import { endBody, readChoice, writeHeader } from './message.js';

/** The body of SEAL, RETRACT, DISPOSE and FINISH: a handle. */
export function readHandle(r: Reader): number {
  const handle = r.u32();
  endBody(r);
  return handle;
}

function writeHandle(w: Writer, code: number, handle: number): void {
  writeHeader(w, code, 4);
  w.u32(handle);
}

/** 0x12 SEAL. */
export function writeSeal(w: Writer, handle: number): void {
  writeHandle(w, MESSAGE.seal, handle);
}

/** 0x17 RETRACT. */
export function writeRetract(w: Writer, handle: number): void {
  writeHandle(w, MESSAGE.retract, handle);
}

/** 0x18 DISPOSE. */
export function writeDispose(w: Writer, handle: number): void {
  writeHandle(w, MESSAGE.dispose, handle);
}

/** 0x2c FINISH: no more rows are appended. */
export function writeFinish(w: Writer, handle: number): void {
  writeHandle(w, MESSAGE.finish, handle);
}

/** 0x14 WITHDRAW. */
export class Withdraw {
  handle = 0;
  deadline = 0;
}

export function readWithdraw(r: Reader, into: Withdraw): void {
  into.handle = r.u32();
  into.deadline = r.u32();
  endBody(r);
}

export function writeWithdraw(w: Writer, handle: number, deadline: number): void {
  writeHeader(w, MESSAGE.withdraw, 8);
  w.u32(handle);
  w.u32(deadline);
}

/** 0x15 REQUIRE. */
export class Require {
  handle = 0;
  policy = 0;
}

export function readRequire(r: Reader, into: Require): void {
  into.handle = r.u32();
  into.policy = readChoice(r, POLICY.wait, 'the policy of a require');
  endBody(r);
}

export function writeRequire(w: Writer, handle: number, policy: number): void {
  writeHeader(w, MESSAGE.require, 5);
  w.u32(handle);
  w.u8(policy);
}

/** 0x16 DEMAND. */
export class Demand {
  handle = 0;
  deadline = 0;
  mode = 0;
  policy = 0;
  want = 0;
}

export function readDemand(r: Reader, into: Demand): void {
  into.handle = r.u32();
  into.deadline = r.u32();
  into.mode = readChoice(r, MODE.peek, 'the mode of a demand');
  into.policy = readChoice(r, POLICY.wait, 'the policy of a demand');
  const all = WANT.attributes | WANT.dispose | WANT.ready;
  into.want = readChoice(r, all, 'what a demand wants');
  endBody(r);
}

export function writeDemand(
  w: Writer,
  handle: number,
  deadline: number,
  mode: number,
  policy: number,
  want: number,
): void {
  writeHeader(w, MESSAGE.demand, 11);
  w.u32(handle);
  w.u32(deadline);
  w.u8(mode);
  w.u8(policy);
  w.u8(want);
}
