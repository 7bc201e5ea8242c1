import { Writer } from '../core/bytes.js';
import { measure } from '../core/statistics/measure.js';
import { writeStatistics } from '../core/statistics/statistics-codec.js';
import type { ShellInput } from '../loop/entries.js';
import type { Effect, MeasureAsked, TransferEffect } from '../pool/state.js';
import type { Dice } from './dice.js';
import { moveCells } from './move-cells.js';
import type { Scheduler } from './scheduler.js';
import type { Slabs } from './slabs.js';
import { must } from './violation.js';

/** How good an agent is. */
export interface AgentWeather {
  readonly delayMsMax: number;
  /** Odds that a slab cannot be made, or a file not be adopted. */
  readonly failureOdds: number;
}

interface AgentParts {
  readonly dice: Dice;
  /** Of measurements and transfers alone, so that they change no other throw. */
  readonly pace: Dice;
  readonly scheduler: Scheduler;
  readonly slabs: Slabs;
  /** Tells the manager, if there is one. */
  readonly tell: (input: ShellInput) => void;
}

const NOTHING = 0;

/** Makes and removes slabs as the pool asks, and tells it, late and at times that it could not. */
export class Agent {
  weather: AgentWeather;
  readonly #parts: AgentParts;
  /** Files that members have made to be adopted, with the mark they are filled with. */
  readonly #files = new Map<string, number>();
  #life = 0;
  /** When the last transfer is done that was asked for. */
  #busyUntil = 0;

  constructor(parts: AgentParts, weather: AgentWeather) {
    this.#parts = parts;
    this.weather = weather;
  }

  /** A member makes a file, filled with a mark; returns its name. */
  file(mark: number): string {
    const name = `adopt-${mark}`;
    this.#files.set(name, mark);
    return name;
  }

  /** It ends with its manager: what was under way is not told. */
  end(isReboot: boolean): void {
    this.#life++;
    this.#busyUntil = 0;
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
    else if (effect.kind === 'slab-gone') slabs.remove(effect.slab);
  }

  /** Transfers are done one after the other, each some time after it was asked for. */
  #plan(effect: TransferEffect): void {
    const { scheduler, slabs, tell, pace } = this.#parts;
    const at = Math.max(this.#busyUntil, scheduler.now + pace(1 + this.weather.delayMsMax));
    this.#busyUntil = at;
    const life = this.#life;
    scheduler.after(at - scheduler.now, () => {
      if (life !== this.#life) return;
      moveCells(effect, slabs);
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
