import { type Compiled, compileSelector, type RowTester } from '../../catalog/compile.js';
import { rowSelector } from '../../catalog/row-tests.js';
import { parseSelector } from '../../core/selector/parser.js';
import { printSelector } from '../../core/selector/printer.js';
import { EVENT, SLOW, SUBSCRIBE } from '../../protocol/index.js';
import { meaningOf } from '../meaning.js';
import type { PoolState } from '../state.js';
import { eventKeyOf, isStatisticsKey } from './event-keys.js';
import { termAt } from './places.js';
import type { Subscription } from './subscription.js';
import { coverOf } from './unmeasured.js';

/**
 * What a selector means now, as a text: with the literals as schemas have them, and collections as
 * what they are. A subscription goes on with that, whatever becomes of their definitions.
 */
export function meantBy(pool: PoolState, selector: string): string {
  return printSelector(meaningOf(parseSelector(selector), pool.definitions));
}

/** A selector that can be asked of events. */
interface CompiledFor {
  readonly compiled: Compiled;
  readonly passes: RowTester;
  /** What asks for a part of it. */
  readonly testerOf: (part: Compiled) => RowTester;
  /** Whether it asks what the elements of an offer are. */
  readonly isOfStatistics: boolean;
  /** ... and which of those that cannot be measured are refused for it; null: none. */
  readonly covers: RowTester | null;
}

/** Whether who asks for these is told of offers before they take effect. */
export function isBeforeOffers({ kinds, flags }: Pick<Subscription, 'kinds' | 'flags'>): boolean {
  return (flags & SUBSCRIBE.before) !== 0 && (kinds & (1 << EVENT.offer)) !== 0;
}

/**
 * A selector for events, as {@link meantBy} tells it; `bad-selector`. `areMeasured`: it may ask for
 * statistics, as what it is told of is measured first.
 */
export function compileFor(pool: PoolState, meant: string, areMeasured = false): CompiledFor {
  let isOfStatistics = false;
  const selector = parseSelector(meant);
  const compiled = compileSelector(selector, (key) => {
    if (!areMeasured || !isStatisticsKey(key)) return eventKeyOf(pool, key);
    isOfStatistics = true;
    return null;
  });
  const { terms, arena, keys } = pool;
  const termOf = (place: number, key: number): number => termAt(pool, place, key);
  const numbers = {
    find: (name: string) => keys.find(name),
    entries: () => keys.entries(),
    get used() {
      return keys.used;
    },
  };
  const testerOf = (part: Compiled): RowTester =>
    rowSelector(part, { terms, arena, termOf }, numbers);
  const cover = isOfStatistics ? coverOf(selector) : null;
  const covers = cover && testerOf(compileSelector(cover, (key) => eventKeyOf(pool, key)));
  return { compiled, passes: testerOf(compiled), testerOf, isOfStatistics, covers };
}

/** From now on it is tried on what comes. */
export function addSubscription(
  pool: PoolState,
  one: Subscription,
  { compiled, testerOf, isOfStatistics, covers }: CompiledFor,
): void {
  const { events } = pool;
  events.subscriptions.set(one.id, one);
  if (one.name !== '') events.byName.set(one.name, one);
  if (one.slow === SLOW.block) events.blockers.add(one);
  if (one.standing !== null) events.standing.add(one);
  if (isOfStatistics) events.measuredFor.set(one, covers);
  const index = (one.flags & SUBSCRIBE.before) !== 0 ? events.before : events.after;
  const rest = index.add(one, compiled);
  if (rest !== compiled) one.passesRest = testerOf(rest);
  events.count(one, 1);
}
