import { refuse } from '../core/assert.js';
import type { Reader, Writer } from '../core/bytes.js';
import { LIMITS } from '../core/limits.js';
import { EXPLAIN, MESSAGE } from './codes.js';
import { endBody, readChoice, writeHeader, writeWhole } from './message.js';
import { checkName, readName, writeName } from './names.js';

/** 0x40 STAT. */
export class Stat {
  nameStart = 0;
  nameEnd = 0;
}

export function readStat(r: Reader, into: Stat): void {
  into.nameStart = readName(r);
  into.nameEnd = r.at;
  endBody(r);
}

export function writeStat(w: Writer, name: string): void {
  writeWhole(w, MESSAGE.stat, () => writeName(w, name));
}

/** 0x42 MEMBERS; its body is empty. */
export function writeMembers(w: Writer): void {
  writeHeader(w, MESSAGE.members, 0);
}

/** 0x43 EXPLAIN. */
export class Explain {
  what = 0;
  nameStart = 0;
  nameEnd = 0;
}

export function readExplain(r: Reader, into: Explain): void {
  into.what = readChoice(r, EXPLAIN.selector, 'what to explain');
  into.nameStart = r.skipText();
  into.nameEnd = r.at;
  if (into.what === EXPLAIN.name) checkName(r.bytes, into.nameStart, into.nameEnd);
  if (r.at - into.nameStart > LIMITS.selectorBytesMax) {
    refuse('bad-selector', `Cannot read a selector of more than ${LIMITS.selectorBytesMax} bytes`, {
      position: 0,
    });
  }
  endBody(r);
}

/** `text`: a name or a selector, as `what` says; else empty. */
export function writeExplain(w: Writer, what: number, text = ''): void {
  writeWhole(w, MESSAGE.explain, () => {
    w.u8(what);
    if (what === EXPLAIN.name) writeName(w, text);
    else w.text(text);
  });
}

/** 0x44 INFO; its body is empty. */
export function writeInfo(w: Writer): void {
  writeHeader(w, MESSAGE.info, 0);
}

/** 0x50 STOP. */
export class Stop {
  force = 0;
  deadline = 0;
}

export function readStop(r: Reader, into: Stop): void {
  into.force = readChoice(r, 1, 'whether a stop is forced');
  into.deadline = r.u32();
  endBody(r);
}

export function writeStop(w: Writer, force: boolean, deadline: number): void {
  writeHeader(w, MESSAGE.stop, 5);
  w.u8(force ? 1 : 0);
  w.u32(deadline);
}
