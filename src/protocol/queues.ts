import { refuse } from '../core/assert.js';
import type { Reader, Writer } from '../core/bytes.js';
import { LIMITS } from '../core/limits.js';
import { MESSAGE } from './codes.js';
import { endBody, readChoice, writeWhole } from './message.js';

/** 0x66 QUEUE: the steps of objects, how many are kept, and how far ahead of those who require. */
export interface QueueFields {
  readonly name: string;
  readonly selector: string;
  /** The key whose value is the step. */
  readonly by: string;
  /** So many steps are offered at most; 0: all. */
  readonly keep: number;
  /** So many steps may wait for one who requires; 0: any. */
  readonly maxAhead: number;
  /** 1: there is none of that name any more. */
  readonly forget: number;
}

export function readQueue(r: Reader): QueueFields {
  const name = readName(r, 'a step queue');
  const { at } = r;
  const selector = r.text();
  if (r.at - at - 4 > LIMITS.selectorBytesMax) {
    refuse('bad-selector', `Cannot read a selector of more than ${LIMITS.selectorBytesMax} bytes`, {
      position: 0,
    });
  }
  const by = readName(r, 'the key of its steps');
  const keep = r.u32();
  const maxAhead = r.u32();
  const forget = readChoice(r, 1, 'whether a step queue is forgotten');
  endBody(r);
  return { name, selector, by, keep, maxAhead, forget };
}

function readName(r: Reader, what: string): string {
  const { at } = r;
  const text = r.text();
  const size = r.at - at - 4;
  if (size > 0 && size <= LIMITS.keyBytesMax) return text;
  return refuse('bad-name', `Cannot name ${what} by ${size} bytes: 1 to ${LIMITS.keyBytesMax}`);
}

export function writeQueue(w: Writer, fields: QueueFields): void {
  writeWhole(w, MESSAGE.queue, () => {
    w.text(fields.name);
    w.text(fields.selector);
    w.text(fields.by);
    w.u32(fields.keep);
    w.u32(fields.maxAhead);
    w.u8(fields.forget);
  });
}
