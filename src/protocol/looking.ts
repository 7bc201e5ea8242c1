import { refuse } from '../core/assert.js';
import type { Reader, Writer } from '../core/bytes.js';
import { compileGlob } from '../core/glob.js';
import { LIMITS } from '../core/limits.js';
import { EXPLAIN, MESSAGE } from './codes.js';
import { endBody, readChoice, writeHeader, writeWhole } from './message.js';
import { checkName, readName, writeName } from './names.js';
import { readGlob } from './promises.js';

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

/** 0x41 LIST: one page of the names that match a glob, those after `after` (empty: all). */
export class List {
  globStart = 0;
  globEnd = 0;
  afterStart = 0;
  afterEnd = 0;
  limit = 0;
  detail = 0;
}

export function readList(r: Reader, into: List): void {
  into.globStart = readGlob(r);
  into.globEnd = r.at;
  into.afterStart = r.skipText();
  into.afterEnd = r.at;
  if (r.at - into.afterStart > LIMITS.nameBytesMax) {
    refuse('bad-name', `Cannot list after a name of more than ${LIMITS.nameBytesMax} bytes`);
  }
  into.limit = r.u32();
  into.detail = readChoice(r, 1, 'the detail of a list');
  endBody(r);
}

export function writeList(
  w: Writer,
  page: { glob: string; after: string; limit: number; detail: boolean },
): void {
  writeWhole(w, MESSAGE.list, () => {
    compileGlob(page.glob);
    w.text(page.glob);
    w.text(page.after);
    w.u32(page.limit);
    w.u8(page.detail ? 1 : 0);
  });
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
  into.what = readChoice(r, EXPLAIN.rings, 'what to explain');
  into.nameStart = r.skipText();
  into.nameEnd = r.at;
  if (into.what === EXPLAIN.name) checkName(r.bytes, into.nameStart, into.nameEnd);
  endBody(r);
}

/** `name` is empty unless `what` is a name. */
export function writeExplain(w: Writer, what: number, name = ''): void {
  writeWhole(w, MESSAGE.explain, () => {
    w.u8(what);
    if (what === EXPLAIN.name) writeName(w, name);
    else w.text('');
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
