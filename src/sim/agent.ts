import { Writer } from '../core/bytes.js';
import { measure } from '../core/statistics/measure.js';
import { writeStatistics } from '../core/statistics/statistics-codec.js';
import type { ShellInput } from '../loop/entries.js';
import type { Effect, MeasureAsked, PoolState, TransferEffect } from '../pool/state.js';
import { CONSISTENCIES } from '../protocol/index.js';
import type { DataSlips } from './data-link.js';
import type { Dice } from './dice.js';
import { moveCells } from './move-cells.js';
import type { Scheduler } from './scheduler.js';
import type { Slabs } from './slabs.js';
import { SimStore } from './store.js';
import { must } from './violation.js';

/** How good an agent is. */
export interface AgentWeather {
  readonly delayMsMax: number;
  /** How far it may be behind another one. */
  readonly lagMsMax: number;
  /** Odds that a slab cannot be made, or a file not be adopted. */
  readonly failureOdds: number;
}

type Consistency = (typeof CONSISTENCIES)[number];

/** In what order transfers of open objects are done, but for one after the other. */
export interface Slips extends DataSlips {
  /** Of these a read may be done before writes of others that it was asked behind. */
  readonly overtaking: readonly Consistency[];
  /** Of these a write is told to be done, and never is. */
  readonly late: readonly Consistency[];
}

/** What transfers are of. */
interface Moved {
  readonly member: number;
  readonly version: number;
  readonly consistency: Consistency;
}

interface Planned extends Moved {
  readonly isWrite: boolean;
}

interface AgentParts {
  readonly dice: Dice;
  /** Of measurements and transfers alone, so that they change no other throw. */
  readonly pace: Dice;
  /** Of reads that overtake writes. */
  readonly lag: Dice;
  /** Of what it stores. */
  readonly store: Dice;
  readonly slips: Slips;
  readonly scheduler: Scheduler;
  readonly slabs: Slabs;
  /** Of the manager, if there is one. */
  readonly pool: () => PoolState | null;
  /** Something has happened that seeds are looked for by. */
  readonly count: (what: string) => void;
  /** Tells the manager, if there is one. */
  readonly tell: (input: ShellInput) => void;
}

const NOTHING = 0;

/** What is legal: under EVENTUAL others may see a write later, as with agents of two hosts. */
export function slipsOf(lag: Dice): Slips {
  return { overtaking: lag(2) === 0 ? ['eventual'] : [], late: [] };
}

/** Whose a transfer is, by the pool that has asked for it; null: nobody's any more. */
function movedOf(pool: PoolState | null, transfer: number): Moved | null {
  const moving = pool?.open.moving.get(transfer);
  const consistency =
    CONSISTENCIES[pool?.open.versions.get(moving?.version ?? 0)?.consistency ?? -1];
  if (moving === undefined || consistency === undefined) return null;
  const { member, version } = moving;
  return { member, version, consistency };
}

/** Makes and removes slabs as the pool asks, and tells it, late and at times that it could not. */
export class Agent {
  /** What it writes to, beside what lies in memory. */
  readonly store: SimStore;
  #weather: AgentWeather;
  readonly #parts: AgentParts;
  /** Files that members have made to be adopted, with the mark they are filled with. */
  readonly #files = new Map<string, number>();
  #life = 0;
  /** When the last transfer is done that was asked for. */
  #busyUntil = 0;
  /** Transfers that are not done, by their number. */
  readonly #planned = new Map<number, Planned>();

  constructor(parts: AgentParts, weather: AgentWeather) {
    this.#parts = parts;
    this.#weather = weather;
    this.store = new SimStore({ ...parts, dice: parts.store }, weather);
  }

  get weather(): AgentWeather {
    return this.#weather;
  }

  set weather(weather: AgentWeather) {
    this.#weather = weather;
    this.store.weather = weather;
  }

  /** A member makes a file, filled with a mark; returns its name. */
  file(mark: number): string {
    const name = `adopt-${mark}`;
    this.#files.set(name, mark);
    return name;
  }

  /** It ends with its manager: what was under way is not told. `isLoss`: the power goes. */
  end(isReboot: boolean, isLoss: boolean): void {
    this.#life++;
    this.store.end(isLoss);
    this.#busyUntil = 0;
    this.#planned.clear();
    if (!isReboot) return;
    this.#files.clear();
    for (const slab of this.#parts.slabs.numbers()) this.#parts.slabs.lose(slab);
  }

  /** Of the slabs that a pool has keeps those that are there, and no others; returns the lost. */
  takeOver(kept: readonly number[], adopting: readonly number[]): number[] {
    const { slabs } = this.#parts;
    const known = new Set([...kept, ...adopting]);
    for (const slab of slabs.numbers()) if (!known.has(slab)) slabs.remove(slab);
    const gone = kept.filter((slab) => !slabs.has(slab));
    for (const slab of gone) {
      const words = (): string => `slab ${slab} is gone, though the pool has it`;
      must(slabs.lost.has(slab), 'slabs are kept', words);
    }
    return gone;
  }

  perform(effect: Effect): void {
    const { dice, scheduler, slabs } = this.#parts;
    if (effect.kind === 'slab-wanted' || effect.kind === 'adopt') {
      const delayMs = dice(1 + this.weather.delayMsMax);
      const life = this.#life;
      scheduler.after(delayMs, () => {
        if (life === this.#life) this.#make(effect);
      });
    } else if (effect.kind === 'transfer') this.#plan(effect);
    else if (effect.kind === 'measure') this.#measureAll(effect.asked);
    else if (effect.kind === 'store' || effect.kind === 'unstore') this.store.perform(effect);
    else if (effect.kind === 'slab-gone') slabs.remove(effect.slab);
  }

  /**
   * Transfers are done one after the other, each some time after it was asked for. A second agent
   * would serve reads of EVENTUAL from what has reached it: here they overtake writes of others.
   */
  #plan(effect: TransferEffect): void {
    const { scheduler, pace, lag, pool } = this.#parts;
    const moved = movedOf(pool(), effect.transfer);
    const { delayMsMax } = this.weather;
    if (moved !== null && this.#mayOvertake(effect, moved)) {
      this.#parts.count('overtaken');
      this.#after(lag(1 + Math.ceil(delayMsMax / 4)), effect, moved);
      return;
    }
    const soon = Math.max(this.#busyUntil, scheduler.now + pace(1 + delayMsMax));
    const at = soon + this.#lagOf(effect, moved);
    this.#busyUntil = at;
    if (moved !== null) {
      this.#planned.set(effect.transfer, { ...moved, isWrite: effect.isWrite });
    }
    this.#after(at - scheduler.now, effect, moved);
  }

  /** How much longer it takes until all have what is written. */
  #lagOf({ isWrite }: TransferEffect, moved: Moved | null): number {
    const { scheduler, slips, lag } = this.#parts;
    const mayLag = isWrite && moved !== null && slips.overtaking.includes(moved.consistency);
    const isFree = this.#busyUntil < scheduler.now + this.weather.lagMsMax;
    return mayLag && isFree ? lag(1 + this.weather.lagMsMax) : 0;
  }

  /** Nobody overtakes what it has written itself. */
  #mayOvertake({ isWrite }: TransferEffect, { member, version, consistency }: Moved): boolean {
    if (isWrite || !this.#parts.slips.overtaking.includes(consistency)) return false;
    const writes = [...this.#planned.values()].filter(
      (each) => each.isWrite && each.version === version,
    );
    return writes.length > 0 && writes.every((each) => each.member !== member);
  }

  #after(ms: number, effect: TransferEffect, moved: Moved | null): void {
    const { scheduler, slabs, slips, tell } = this.#parts;
    const life = this.#life;
    scheduler.after(ms, () => {
      if (life !== this.#life) return;
      this.#planned.delete(effect.transfer);
      const isLate = effect.isWrite && moved !== null && slips.late.includes(moved.consistency);
      if (!isLate) moveCells(effect, slabs);
      tell({ kind: 'transferred', transfer: effect.transfer });
    });
  }

  /** Each when its turn comes; what is freed by then is measured as it lies there. */
  #measureAll(asked: readonly MeasureAsked[]): void {
    const { pace, scheduler, tell } = this.#parts;
    const life = this.#life;
    for (const each of asked) {
      scheduler.after(pace(1 + this.weather.delayMsMax), () => {
        if (life !== this.#life) return;
        tell({ kind: 'measured', results: [{ ask: each.ask, statistics: this.#measure(each) }] });
      });
    }
  }

  #measure(asked: MeasureAsked): Uint8Array | null {
    const bytes = this.#parts.slabs.bytes(asked);
    if (bytes === null) return null;
    const w = new Writer();
    writeStatistics(w, measure(asked, bytes));
    return w.written().slice();
  }

  #make(effect: Extract<Effect, { kind: 'slab-wanted' | 'adopt' }>): void {
    const { dice, slabs, tell } = this.#parts;
    const { slab, size } = effect;
    const fails = dice(this.weather.failureOdds) === 0;
    if (effect.kind === 'slab-wanted') {
      if (!fails) slabs.add(slab, size, NOTHING);
      tell(
        fails
          ? { kind: 'slab-failed', slab, size, why: 'no space' }
          : { kind: 'slab-ready', slab, size },
      );
      return;
    }
    const { session, request, file } = effect;
    const mark = this.#files.get(file);
    this.#files.delete(file);
    // A manager that ended in between has asked for this before.
    const isAgain = slabs.has(slab);
    const isThere = isAgain || (mark !== undefined && !fails);
    if (isThere && !isAgain) slabs.add(slab, size, mark ?? NOTHING);
    const failure = isThere ? null : ({ code: 'file-error', message: 'Cannot adopt' } as const);
    tell({ kind: 'adopted', slab, size, session, request, failure });
  }
}
