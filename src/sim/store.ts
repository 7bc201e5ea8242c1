import type { ShellInput } from '../loop/entries.js';
import type { PoolState, StoreEffect } from '../pool/state.js';
import { type StoredVersion, storedVersions } from '../pool/stored-versions.js';
import { storedOfHeld } from '../pool/storing.js';
import type { Dice } from './dice.js';
import type { Scheduler } from './scheduler.js';
import type { Slabs } from './slabs.js';

/** How good a store is. */
interface StoreWeather {
  readonly delayMsMax: number;
  /** Odds that it has no room for what is put. */
  readonly failureOdds: number;
}

/** What lies in a store: the marks of an object. */
type Marks = Uint32Array;

interface StoreParts {
  readonly dice: Dice;
  readonly scheduler: Scheduler;
  readonly slabs: Slabs;
  readonly count: (what: string) => void;
  readonly tell: (input: ShellInput) => void;
}

const keyOf = ({ name, version }: Pick<StoredVersion, 'name' | 'version'>): string =>
  `${version} ${name}`;

/**
 * A store beside the journal, as an agent uses it: what is asked of one version is done in order,
 * that of others in any; what is put is written, then synced, then told, each some time later, and
 * a manager may end in between. A loss of power takes what was not synced, of each change alone.
 */
export class SimStore {
  weather: StoreWeather;
  readonly #parts: StoreParts;
  /** What a loss of power leaves. */
  readonly #safe = new Map<string, Marks>();
  /** What was written over it; null: a deletion. */
  readonly #written = new Map<string, Marks | null>();
  /** When all is done that was asked of a version. */
  readonly #busyUntil = new Map<string, number>();
  /** What was asked, and not told yet. */
  readonly #asked = new Map<number, string>();
  /** Slabs that it has made anew, and that no journal says so yet: the next manager makes them. */
  readonly #anew = new Set<number>();
  #life = 0;

  constructor(parts: StoreParts, weather: StoreWeather) {
    this.#parts = parts;
    this.weather = weather;
  }

  /** Versions that it has. */
  get keys(): string[] {
    const all = new Set([...this.#safe.keys(), ...this.#written.keys()]);
    return [...all].filter((key) => this.#get(key) !== null);
  }

  /** Numbers of the questions that are not answered. */
  get asks(): ReadonlySet<number> {
    return new Set(this.#asked.keys());
  }

  perform(effect: StoreEffect | { kind: 'unstore'; name: string; version: number }): void {
    const key = keyOf(effect);
    if (effect.kind === 'store') this.#put(key, effect);
    else this.#soon(key, () => this.#written.set(key, null));
  }

  #put(key: string, { ask, slab, offset, size }: StoreEffect): void {
    const { dice, slabs, tell, count } = this.#parts;
    this.#asked.set(ask, key);
    const answer = (code: 'disk-full' | 'object-lost' | null): void => {
      this.#asked.delete(ask);
      tell({ kind: 'stored', ask, failure: code === null ? null : { code, message: code } });
    };
    let refusal: 'disk-full' | 'object-lost' | null = null;
    this.#soon(key, () => {
      const cells = slabs.cellsOf({ slab, offset, size });
      if (dice(this.weather.failureOdds) === 0) refusal = 'disk-full';
      else if (cells === null) refusal = 'object-lost';
      else this.#written.set(key, cells.slice());
    });
    this.#soon(key, () => {
      if (refusal === null) this.#sync();
    });
    this.#soon(key, () => {
      count(refusal === null ? 'stored' : `not stored: ${refusal}`);
      answer(refusal);
    });
  }

  /** Behind all that was asked of that version before. */
  #soon(key: string, action: () => void): void {
    const { dice, scheduler } = this.#parts;
    const life = this.#life;
    const { now } = scheduler;
    const at = Math.max(now, this.#busyUntil.get(key) ?? 0) + dice(1 + this.weather.delayMsMax);
    this.#busyUntil.set(key, at);
    scheduler.after(at - now, () => {
      if (life === this.#life) action();
    });
  }

  #get(key: string): Marks | null {
    const written = this.#written.get(key);
    return written === undefined ? (this.#safe.get(key) ?? null) : written;
  }

  /** One sync is of all that was written. */
  #sync(): void {
    for (const [key, marks] of this.#written) this.#make(key, marks);
    this.#written.clear();
  }

  #make(key: string, marks: Marks | null): void {
    if (marks === null) this.#safe.delete(key);
    else this.#safe.set(key, marks);
  }

  /** Who writes to it ends: what was under way is not done. `isLoss`: and the power goes. */
  end(isLoss: boolean): void {
    this.#life++;
    this.#busyUntil.clear();
    this.#asked.clear();
    for (const slab of this.#anew) this.#parts.slabs.lose(slab);
    this.#anew.clear();
    if (!isLoss) return;
    for (const [key, marks] of this.#written) if (this.#parts.dice(2) === 0) this.#make(key, marks);
    this.#written.clear();
  }

  /**
   * Makes slabs anew that are gone, with what it has of the versions that lay in them; returns
   * their rows. A slab with none of them is not made. What the pool does not know goes.
   */
  restore(pool: PoolState, gone: readonly number[]): number[] {
    const { slabs, count } = this.#parts;
    const versions = storedVersions(pool);
    const restored: number[] = [];
    for (const slab of gone) {
      const size = pool.extents.slabs.get(slab)?.size ?? 0;
      if (pool.slabsAdopted.has(slab)) continue;
      const found = versions.filter((each) => each.slab === slab && this.#has(each));
      if (found.length === 0) continue;
      slabs.add(slab, size, 0);
      this.#anew.add(slab);
      for (const each of found) {
        slabs.cellsOf(each)?.set(this.#get(keyOf(each)) ?? []);
        restored.push(each.row);
        count('restored');
      }
    }
    const known = new Set([...versions, ...storedOfHeld(pool)].map(keyOf));
    for (const key of this.keys) if (!known.has(key)) this.#written.set(key, null);
    return restored;
  }

  /** That slabs were made anew is kept. */
  settle(): void {
    this.#anew.clear();
  }

  #has(version: StoredVersion): boolean {
    return this.#get(keyOf(version)) !== null;
  }
}
