import type { Selector } from '../../core/selector/ast.js';
import { SUBSCRIBE } from '../../protocol/index.js';
import { failure } from '../emit.js';
import type { PoolState } from '../state.js';
import { whoOf } from './deciding.js';
import { wants } from './delivering.js';
import { isStatisticsKey } from './event-keys.js';
import { ROW } from './event-log.js';

/**
 * Offers of numbers that cannot be measured, and contracts that ask for those numbers. A condition
 * on what is not known is false, so a contract that selects what breaks it would let all of them
 * in. They are refused as what it has vetoed, if but for their numbers it would select them: unless
 * it asks whether they are known (`has stats.nan`), and so says itself what becomes of them.
 */

/**
 * What a selector may be true of when nothing is known of the elements; null when it asks whether
 * they are.
 */
export function coverOf(selector: Selector): Selector | null {
  return asksIfKnown(selector) ? null : whatever(selector, true);
}

function asksIfKnown(selector: Selector): boolean {
  switch (selector.kind) {
    case 'and':
    case 'or':
      return selector.parts.some(asksIfKnown);
    case 'not':
      return asksIfKnown(selector.part);
    case 'has':
      return isOfStatistics(selector);
    default:
      return false;
  }
}

/** With conditions on statistics as they would have to be for the whole to be true, or false. */
function whatever(selector: Selector, isTrue: boolean): Selector {
  switch (selector.kind) {
    case 'and':
    case 'or':
      return { ...selector, parts: selector.parts.map((part) => whatever(part, isTrue)) };
    case 'not':
      return { ...selector, part: whatever(selector.part, !isTrue) };
    case 'test': {
      const { at } = selector;
      return isOfStatistics(selector) ? { kind: 'constant', value: isTrue, at } : selector;
    }
    default:
      return selector;
  }
}

function isOfStatistics({ key }: Extract<Selector, { kind: 'test' | 'has' }>): boolean {
  return key.kind === 'name' && isStatisticsKey(key.name);
}

/** Refuses the offer of which the newest event tells, if a contract asks for what nobody knows. */
export function checkMeasured(pool: PoolState, seq: number, why: string): void {
  const { log, measuredFor } = pool.events;
  for (const [one, covers] of measuredFor) {
    if (covers === null || (one.flags & SUBSCRIBE.acknowledge) === 0) continue;
    if (!wants(pool, one, seq, covers)) continue;
    const name = log.text(seq, ROW.name);
    const by = whoOf(pool, one);
    const reason = `it cannot be measured: ${why}`;
    const what = `${by} asks for the statistics of "${name}", and ${reason}`;
    throw failure('vetoed', `Cannot go on: ${what}`, { name, by, reason });
  }
}
