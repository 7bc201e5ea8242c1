import { BLOCK_SLICE } from '../catalog/extents.js';
import type { ShellInput } from '../loop/entries.js';
import { objectName } from '../pool/objects.js';
import { VERSION } from '../pool/rows.js';
import type { PoolState } from '../pool/state.js';
import type { MHeld, MStore } from './event-state.js';
import type { Range } from './oracle-state.js';
import { must } from './violation.js';

/** What an offer is to have stored before it takes effect. */
export interface MToStore {
  readonly name: string;
  /** Which it will be. */
  readonly version: number;
  readonly range: Range;
}

/** A version that lay in a slab when another manager began. */
export interface MInSlab {
  readonly name: string;
  readonly version: number;
  readonly slab: number;
  /** The agent has made its slab anew, and its bytes from the store. */
  readonly isBack: boolean;
}

/** What lies in slabs that are gone, in the order in which a pool goes through it. */
export function versionsIn(
  pool: PoolState,
  { slabsLost, restored = [] }: Extract<ShellInput, { kind: 'restart' }>,
): MInSlab[] {
  const { extents, versions } = pool;
  const blocks = [...extents.blocks()].filter((each) => extents.stateOf(each) === BLOCK_SLICE);
  return slabsLost.flatMap((slab) => {
    const rows = new Set(
      blocks.filter((each) => extents.slabOf(each) === slab).map((each) => extents.ownerOf(each)),
    );
    return [...rows].map((row) => ({
      ...{ slab, name: objectName(pool, versions.get(row, VERSION.object)) },
      ...{ version: versions.get(row, VERSION.number), isBack: restored.includes(row) },
    }));
  });
}

const wordsOf = ({ name, version, range }: MToStore): string =>
  `"${name}" ${version} at ${range.slab}+${range.offset} of ${range.size}`;

/**
 * The model of what waits for the store. Of several offers of one name the first is stored, and the
 * others when that one has come to its end.
 */
export class StoreOracle {
  readonly #turns = new Map<string, MHeld[]>();
  /** What must have been asked of the agent in the batch at hand. */
  #asked: { readonly store: MStore; readonly words: string }[] = [];

  /** Those that wait for it, with their deadlines. */
  get waiting(): MHeld[] {
    return [...this.#turns.values()].flat().filter(({ store }) => store?.isDone === false);
  }

  /** Those that the agent owes an answer to. */
  get asked(): MHeld[] {
    return this.waiting.filter(({ store }) => store !== null && store.ask !== 0);
  }

  /** Whether it is its turn. */
  begin(held: MHeld, what: MToStore): boolean {
    const key = what.name;
    const store = { key, version: what.version, ask: 0, isDone: false };
    held.store = store;
    const all = this.#turns.get(key) ?? [];
    this.#turns.set(key, [...all, held]);
    if (all.length > 0) return false;
    this.#asked.push({ store, words: wordsOf(what) });
    return true;
  }

  /** It waits no more, and is stored or not; returns those that begin anew. */
  leave(held: MHeld): MHeld[] {
    const { store } = held;
    held.store = null;
    const all = store === null ? undefined : this.#turns.get(store.key);
    if (store === null || all === undefined) return [];
    const left = all.filter((each) => each !== held);
    if (all[0] !== held) {
      this.#turns.set(store.key, left);
      return [];
    }
    this.#turns.delete(store.key);
    for (const each of left) {
      each.store = null;
      each.timer = Number.POSITIVE_INFINITY;
    }
    return left;
  }

  /** Whose question was answered; null: nobody's any more. */
  answered(ask: number): MHeld | null {
    return this.asked.find(({ store }) => store?.ask === ask) ?? null;
  }

  /** What the pool has asked of the agent in a batch is what it must have asked. */
  endBatch(effects: readonly (MToStore & { readonly ask: number })[]): void {
    const found = effects.map(wordsOf);
    const meant = this.#asked.map(({ words }) => words);
    const words = (): string => `the store is asked for ${found}, not for ${meant}`;
    must(found.join() === meant.join(), 'the store is asked', words);
    for (const [at, { store }] of this.#asked.entries()) store.ask = effects[at]?.ask ?? 0;
    this.#asked = [];
  }
}

/** Another manager, with another agent, goes on: it knows all that it owes an answer to. */
export function mustKnow(asks: ReadonlySet<number>, owed: readonly MHeld[]): void {
  for (const { store } of owed) {
    const words = (): string => `${store?.key} is not asked for again`;
    must(asks.has(store?.ask ?? 0), 'the store is asked', words);
  }
}
