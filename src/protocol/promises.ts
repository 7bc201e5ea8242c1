import { refuse } from '../core/assert.js';
import type { Reader, Writer } from '../core/bytes.js';
import { compileGlob } from '../core/glob.js';
import { LIMITS } from '../core/limits.js';
import { parseSelector } from '../core/selector/parser.js';
import { MESSAGE, PROMISE_KIND } from './codes.js';
import { endBody, readChoice, writeHeader, writeWhole } from './message.js';
import { checkName, writeName } from './names.js';

/** A glob may be a little longer than the longest name: each character can carry a backslash. */
const GLOB_BYTES_MAX = LIMITS.nameBytesMax * 2;

/** Reads what is promised; returns its start. What it means is checked when it is compiled. */
function readPattern(r: Reader, kind: number): number {
  const start = r.skipText();
  const isSelector = kind === PROMISE_KIND.selector;
  const sizeMax = isSelector ? LIMITS.selectorBytesMax : GLOB_BYTES_MAX;
  if (r.at - start > sizeMax) {
    const what = isSelector ? 'selector' : 'glob';
    refuse('bad-argument', `Cannot use the ${what}: it is longer than ${sizeMax} bytes`);
  }
  return start;
}

/** 0x1b PROMISE: a name, a glob or a selector. */
export class PromiseFields {
  promise = 0;
  member = 0;
  kind = 0;
  patternStart = 0;
  patternEnd = 0;
}

export function readPromise(r: Reader, into: PromiseFields): void {
  into.promise = r.u32();
  into.member = r.u32();
  into.kind = readChoice(r, PROMISE_KIND.selector, 'the kind of a promise');
  into.patternStart = readPattern(r, into.kind);
  into.patternEnd = r.at;
  if (into.kind === PROMISE_KIND.name) checkName(r.bytes, into.patternStart, into.patternEnd);
  endBody(r);
}

/** Writes a promise; a name, glob or selector that is none is refused here already. */
export function writePromise(
  w: Writer,
  promise: number,
  member: number,
  kind: number,
  pattern: string,
): void {
  writeWhole(w, MESSAGE.promise, () => {
    w.u32(promise);
    w.u32(member);
    w.u8(kind);
    if (kind === PROMISE_KIND.name) writeName(w, pattern);
    else {
      if (kind === PROMISE_KIND.glob) compileGlob(pattern);
      else parseSelector(pattern);
      w.text(pattern);
    }
  });
}

/** 0x1c CLOSE: the body is the promise. */
export function readClose(r: Reader): number {
  const promise = r.u32();
  endBody(r);
  return promise;
}

export function writeClose(w: Writer, promise: number): void {
  writeHeader(w, MESSAGE.close, 4);
  w.u32(promise);
}
