import { AttaccaError } from '../../core/errors.js';
import { LIMITS } from '../../core/limits.js';
import type { Selector } from '../../core/selector/ast.js';
import { parseSelector } from '../../core/selector/parser.js';
import { type Facts, factsOf, verdictOf } from '../../core/selector/verdict.js';
import { Work } from '../../core/work.js';
import { EVENT, SUBSCRIBE } from '../../protocol/index.js';
import type { PromiseRow } from '../sessions.js';
import type { PoolState } from '../state.js';
import { givePinned, isDrained } from './delivering.js';
import { dismiss, endSubscription } from './ending.js';
import type { Standing } from './standing.js';
import type { Subscription } from './subscription.js';

/** Whether a subscription ends by itself. */
export function isUntilComplete({ flags }: { readonly flags: number }): boolean {
  return (flags & SUBSCRIBE.untilComplete) !== 0;
}

/** Which promises are about what a subscription asks for. Looked up again: it is no state. */
export class PromisesFor {
  readonly #selector: Selector;
  readonly #facts: Facts;
  /** Whether it is told of offers alone: their member is who has promised them. */
  readonly #isOfOffers: boolean;
  readonly #known = new WeakMap<PromiseRow, boolean>();
  /** One that was open when it was looked at last. */
  #open: PromiseRow | null = null;

  constructor(meant: string, kinds: number) {
    this.#selector = parseSelector(meant);
    this.#facts = factsOf(this.#selector);
    this.#isOfOffers = kinds === 1 << EVENT.offer;
  }

  /** The first promise that may be of what it asks for, and is not closed; else the next one. */
  firstOpen(pool: PoolState): number {
    for (const promise of pool.promises.values()) {
      if (promise.state !== 'closed' && this.#mayBe(promise)) return promise.id;
    }
    return pool.promiseIdNext;
  }

  /**
   * Whether something that it asks for was promised, and all of that is closed. In doubt a promise
   * is waited for; one that was closed before it began counts in doubt only when something has
   * come, as it may be of another run. `own`: members of whose offers it is not told.
   */
  areClosed(pool: PoolState, { promisedFrom, n }: Subscription, own: ReadonlySet<string>): boolean {
    const last = this.#open;
    const isThere = last !== null && pool.promises.has(last.id) && !own.has(last.member);
    if (isThere && last.state !== 'closed') return false;
    this.#open = null;
    let isAny = false;
    for (const promise of pool.promises.values()) {
      if (promise.state === 'closed' && isAny) continue;
      if (own.has(promise.member) || !this.#mayBe(promise)) continue;
      if (promise.state === 'closed') {
        isAny = n > 0 || promise.id >= promisedFrom || this.#isOf(promise);
        continue;
      }
      this.#open = promise;
      return false;
    }
    return isAny;
  }

  /** Whether all that was promised is what it asks for. */
  #isOf(promise: PromiseRow): boolean {
    try {
      return verdictOf(this.#selector, this.#factsOf(promise), new Work()) === 'yes';
    } catch (error) {
      if (error instanceof AttaccaError) return false;
      throw error;
    }
  }

  #mayBe(promise: PromiseRow): boolean {
    const known = this.#known.get(promise);
    if (known !== undefined) return known;
    const may = this.#mayMeet(promise);
    this.#known.set(promise, may);
    return may;
  }

  /** Unless what both say cannot be true of one object. */
  #mayMeet(promise: PromiseRow): boolean {
    const work = new Work();
    try {
      if (verdictOf(this.#selector, this.#factsOf(promise), work) === 'no') return false;
      if (promise.kind !== 'selector') return true;
      return verdictOf(parseSelector(promise.pattern), this.#facts, work) !== 'no';
    } catch (error) {
      // It is too much to find out.
      if (error instanceof AttaccaError) return true;
      throw error;
    }
  }

  #factsOf({ facts, member }: PromiseRow): Facts {
    if (!this.#isOfOffers) return facts;
    const values = new Map(facts.values);
    values.set('.member', [member]);
    values.set('.component', [member.replace(/\[\d+\]$/u, '')]);
    return { ...facts, values };
  }
}

/**
 * Ends those that end by themselves: all that was promised and may be selected is closed, and all
 * that has come is delivered and acknowledged. While nobody has promised such a thing nothing is
 * known to be over.
 */
export function endComplete(pool: PoolState): void {
  for (const one of pool.events.standing) {
    if (one.standing !== null && one.topics.size > 0) givePinned(pool, one, one.standing);
  }
  if (pool.promises.size === 0 || pool.events.operationsHeld > 0) return;
  for (const one of [...pool.events.untilComplete]) {
    if (one.attachments.length === 0) continue;
    if (!isDrained(one) || !one.promised?.areClosed(pool, one, ownOf(pool, one))) continue;
    if (one.name === '') {
      endSubscription(pool, one, null);
      continue;
    }
    // One with a name stays: who comes late by it does not begin with what is done.
    if (one.standing !== null) one.standing.doneAt = pool.events.log.end - 1;
    dismiss(pool, one, null);
  }
}

/** The members of whose offers a subscription is not told. */
function ownOf(pool: PoolState, { attachments, flags }: Subscription): ReadonlySet<string> {
  if ((flags & SUBSCRIBE.own) !== 0) return new Set();
  return new Set(attachments.map(({ member }) => pool.members.get(member)?.name ?? ''));
}

/**
 * Somebody has promised more: shared standing requires that were complete go on when somebody
 * subscribes by their names. Until then they require nothing, as nobody may ever come: and of too
 * many such the oldest are forgotten.
 */
export function wantComplete(pool: PoolState): void {
  const complete: { readonly one: Subscription; readonly standing: Standing }[] = [];
  for (const one of pool.events.standing) {
    const { standing } = one;
    if (standing?.isComplete !== true) continue;
    standing.isWanted = true;
    complete.push({ one, standing });
  }
  if (complete.length <= LIMITS.groupsCompleteMax) return;
  complete.sort((left, right) => left.standing.doneAt - right.standing.doneAt);
  const old = complete.slice(0, complete.length - LIMITS.groupsCompleteMax);
  for (const { one } of old) endSubscription(pool, one, null);
}
