import type { Compiled } from '../../catalog/compile.js';
import { hashBytes } from '../../catalog/hash.js';
import { TEXT_AT, type Terms } from '../../catalog/terms.js';
import { VALUE_TYPE } from '../../core/value.js';
import type { Subscription } from './subscription.js';

/** Those that are found by a value of a key, or by a name. */
interface ByValue {
  /** Encoded. */
  readonly value: Uint8Array;
  readonly subscriptions: Subscription[];
}

/** By the hash of the value: of two with one hash the one that came first is here. */
type ByHash = Map<number, ByValue>;

/** How one is found: by one of these values of a key, by their hashes; 0 is the name. */
interface Found {
  readonly key: number;
  readonly values: ReadonlyMap<number, Uint8Array>;
}

/** What an event has: the hash of a value of a key, or null, and whether it is this very value. */
export interface EventValues {
  hashOf(key: number): number | null;
  isValue(key: number, value: Uint8Array): boolean;
}

/**
 * Subscriptions by what their selectors need: one that asks for a value of a key, or for a name, is
 * tried on no event without it. So an event costs what it matches, and not what there is. Of
 * several such parts of a selector that one finds it which finds fewest others: a thousand that all
 * ask for the same param are told apart by what else they ask for. That part is asked once for all
 * that it finds; what is left of a selector is asked by its `passesRest`.
 */
export class SubscriptionIndex {
  readonly #terms: Terms;
  readonly #seed: number;
  readonly #keyNumber: (name: string) => number;
  readonly #byKey = new Map<number, ByHash>();
  readonly #others: Subscription[] = [];
  readonly #found = new Map<Subscription, Found | null>();

  constructor(terms: Terms, seed: number, keyNumber: (name: string) => number) {
    this.#terms = terms;
    this.#seed = seed;
    this.#keyNumber = keyNumber;
  }

  /**
   * `compiled`: what its selector was compiled to. Returns what of that is left to be asked of an
   * event that it is found for.
   */
  add(subscription: Subscription, compiled: Compiled): Compiled {
    const parts = compiled.kind === 'and' ? compiled.parts : [compiled];
    const { found, part } = this.#needOf(parts);
    this.#found.set(subscription, found);
    if (found === null) {
      this.#others.push(subscription);
      return compiled;
    }
    const byHash = this.#byKey.get(found.key) ?? new Map<number, ByValue>();
    this.#byKey.set(found.key, byHash);
    for (const [hash, value] of found.values) {
      const place = byHash.get(hash);
      if (place === undefined) byHash.set(hash, { value, subscriptions: [subscription] });
      else place.subscriptions.push(subscription);
    }
    return { kind: 'and', parts: parts.filter((each) => each !== part) };
  }

  remove(subscription: Subscription): void {
    const found = this.#found.get(subscription);
    if (found === undefined) return;
    this.#found.delete(subscription);
    if (found === null) {
      drop(this.#others, subscription);
      return;
    }
    const byHash = this.#byKey.get(found.key);
    for (const hash of found.values.keys()) {
      const place = byHash?.get(hash);
      if (place === undefined) continue;
      drop(place.subscriptions, subscription);
      if (place.subscriptions.length === 0) byHash?.delete(hash);
    }
    if (byHash?.size === 0) this.#byKey.delete(found.key);
  }

  /**
   * Those that may want an event, once each, in the order in which they began, whatever finds them:
   * that order is told to clients, and must be the same when a state was restored.
   */
  each(event: EventValues, visit: (one: Subscription) => void): void {
    // A visit may end one: what is gone through is a copy.
    const all = [...this.#others];
    let isInOrder = true;
    for (const [key, byHash] of this.#byKey) {
      const hash = event.hashOf(key);
      const place = hash === null ? undefined : byHash.get(hash);
      if (place === undefined || !event.isValue(key, place.value)) continue;
      const list = place.subscriptions;
      const last = all.at(-1);
      isInOrder &&= last === undefined || last.id < (list[0] as Subscription).id;
      for (const one of list) all.push(one);
    }
    if (!isInOrder) all.sort((one, other) => one.id - other.id);
    for (const one of all) visit(one);
  }

  /** The part of a selector without which nothing is selected, and that finds fewest others. */
  #needOf(parts: readonly Compiled[]): { found: Found | null; part: Compiled | null } {
    let best: { found: Found | null; part: Compiled | null } = { found: null, part: null };
    let fewest = Number.POSITIVE_INFINITY;
    for (const part of parts) {
      const found = this.#foundBy(part);
      const others = found === null ? fewest : this.#othersOf(found);
      if (others >= fewest) continue;
      best = { found, part };
      fewest = others;
    }
    return best;
  }

  /** How a part of a selector finds one, if it does. */
  #foundBy(part: Compiled): Found | null {
    const isEqual = part.kind === 'tested' || part.kind === 'named';
    if (!isEqual || part.tests.isNegated) return null;
    const values = part.tests.tests.flatMap((test) => (test.kind === 'equal' ? test.values : []));
    if (part.tests.tests.some(({ kind }) => kind !== 'equal')) return null;
    const named = part.kind === 'named' ? values.filter(isText) : values;
    if (part.kind !== 'named' && part.key.kind !== 'name') return null;
    const key = part.kind !== 'named' && part.key.kind === 'name' ? part.key.name : null;
    const number = key === null ? 0 : this.#keyNumber(key);
    const byHash = new Map<number, Uint8Array>();
    for (const value of named) {
      const hash = this.#hashOf(number, value);
      if (!areSame(byHash.get(hash) ?? this.#byKey.get(number)?.get(hash)?.value, value))
        return null;
      byHash.set(hash, value);
    }
    return { key: number, values: byHash };
  }

  #hashOf(key: number, value: Uint8Array): number {
    if (key !== 0) return this.#terms.hashFor(key, value, 0, value.length);
    return hashBytes(value, TEXT_AT, value.length, this.#seed);
  }

  /** The others that are found in the same way. */
  #othersOf({ key, values }: Found): number {
    const byHash = this.#byKey.get(key);
    let count = 0;
    for (const hash of values.keys()) count += byHash?.get(hash)?.subscriptions.length ?? 0;
    return count;
  }
}

function isText(value: Uint8Array): boolean {
  return value[0] === VALUE_TYPE.string;
}

/** Whether a value is the one that has its hash, if any has. */
function areSame(known: Uint8Array | undefined, value: Uint8Array): boolean {
  if (known === undefined) return true;
  return known.length === value.length && known.every((byte, at) => byte === value[at]);
}

function drop(list: Subscription[], subscription: Subscription): void {
  const index = list.indexOf(subscription);
  if (index >= 0) list.splice(index, 1);
}
