import type { Compiled } from '../../catalog/compile.js';
import { hashBytes } from '../../catalog/hash.js';
import { TEXT_AT, type Terms } from '../../catalog/terms.js';
import { VALUE_TYPE } from '../../core/value.js';
import type { Subscription } from './subscription.js';

/** By the hash of a value of a key, or of a name. */
type ByHash = Map<number, Subscription[]>;

/** How one is found: by one of these hashes of a key; 0 is the name. null: by none. */
interface Found {
  readonly key: number;
  readonly hashes: readonly number[];
}

/**
 * Subscriptions by what their selectors need: one that asks for a value of a key, or for a name, is
 * tried on no event without it. So an event costs what it matches, and not what there is. Of
 * several such parts of a selector that one finds it which finds fewest others: a thousand that all
 * ask for the same param are told apart by what else they ask for.
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

  /** `compiled`: what its selector was compiled to. */
  add(subscription: Subscription, compiled: Compiled): void {
    const found = this.#needOf(compiled);
    this.#found.set(subscription, found);
    if (found === null) {
      this.#others.push(subscription);
      return;
    }
    const byHash = this.#byKey.get(found.key) ?? new Map<number, Subscription[]>();
    this.#byKey.set(found.key, byHash);
    for (const hash of found.hashes) {
      const list = byHash.get(hash);
      if (list === undefined) byHash.set(hash, [subscription]);
      else list.push(subscription);
    }
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
    for (const hash of found.hashes) {
      const list = byHash?.get(hash);
      if (list === undefined) continue;
      drop(list, subscription);
      if (list.length === 0) byHash?.delete(hash);
    }
    if (byHash?.size === 0) this.#byKey.delete(found.key);
  }

  /**
   * Those that may want an event, once each, in the order in which they began, whatever finds them:
   * that order is told to clients, and must be the same when a state was restored. `hashOf` tells
   * the value of a key, or the name.
   */
  each(hashOf: (key: number) => number | null, visit: (one: Subscription) => void): void {
    // A visit may end one: what is gone through is a copy.
    const all = [...this.#others];
    let isInOrder = true;
    for (const [key, byHash] of this.#byKey) {
      const hash = hashOf(key);
      const list = hash === null ? undefined : byHash.get(hash);
      if (list === undefined) continue;
      const last = all.at(-1);
      isInOrder &&= last === undefined || last.id < (list[0] as Subscription).id;
      for (const one of list) all.push(one);
    }
    if (!isInOrder) all.sort((one, other) => one.id - other.id);
    for (const one of all) visit(one);
  }

  /** The part of a selector without which nothing is selected, and that finds fewest others. */
  #needOf(compiled: Compiled): Found | null {
    const parts = compiled.kind === 'and' ? compiled.parts : [compiled];
    let best: Found | null = null;
    let fewest = Number.POSITIVE_INFINITY;
    for (const part of parts) {
      const found = this.#foundBy(part);
      if (found === null) continue;
      const others = this.#othersOf(found);
      if (others >= fewest) continue;
      best = found;
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
    if (part.kind === 'named') return { key: 0, hashes: this.#namesOf(values) };
    if (part.key.kind !== 'name') return null;
    const key = this.#keyNumber(part.key.name);
    const hashes = values.map((bytes) => this.#terms.hashFor(key, bytes, 0, bytes.length));
    return { key, hashes: [...new Set(hashes)] };
  }

  /** The others that are found in the same way. */
  #othersOf({ key, hashes }: Found): number {
    const byHash = this.#byKey.get(key);
    return hashes.reduce((sum, hash) => sum + (byHash?.get(hash)?.length ?? 0), 0);
  }

  #namesOf(values: readonly Uint8Array[]): readonly number[] {
    const names = values.filter((bytes) => bytes[0] === VALUE_TYPE.string);
    return [...new Set(names.map((bytes) => hashBytes(bytes, TEXT_AT, bytes.length, this.#seed)))];
  }
}

function drop(list: Subscription[], subscription: Subscription): void {
  const index = list.indexOf(subscription);
  if (index >= 0) list.splice(index, 1);
}
