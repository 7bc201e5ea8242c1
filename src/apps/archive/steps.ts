import { parseSelector } from '../../core/selector/parser.js';
import { objectTester } from '../../core/selector/selects.js';
import { Float, type Value, type ValueMap } from '../../core/value.js';
import { keysOfEntry } from '../../levels/entry-keys.js';
import type { Level, LevelEntry, LevelKey } from '../../levels/level.js';
import { storedAt } from './place.js';

/** Attributes of an object that belongs to a step from which a program can go on. */
export const CHECKPOINT = {
  /** The step: a whole number from 0. */
  step: 'checkpoint',
  /** How many objects, by their names, the step has: it is complete when all are stored. */
  of: 'checkpoint.of',
  /** Optional: only objects of one run make a step. */
  run: 'checkpoint.run',
} as const;

/** What the attributes of an object say of its step. */
interface Belonging {
  readonly step: number;
  readonly of: number;
  readonly run: string;
}

/** An object of a step, as it is stored. */
export interface StepObject extends LevelKey {
  readonly bytes: number;
}

/** A step that is stored, all of it. */
export interface CompleteStep {
  readonly step: number;
  /** What `checkpoint.run` says; '' for nothing. */
  readonly run: string;
  /** In the order of their names. */
  readonly objects: readonly StepObject[];
  readonly bytes: number;
}

interface Step extends Belonging {
  readonly objects: Map<string, LevelEntry>;
}

const AT_STEP = /^(.+)@(\d+)$/su;

/** Null: they do not say of which step it is, and of how many objects. */
export function belongingOf(attributes: ValueMap): Belonging | null {
  const step = wholeOf(attributes[CHECKPOINT.step]);
  const of = wholeOf(attributes[CHECKPOINT.of]);
  if (step === null || of === null || of === 0) return null;
  const run = attributes[CHECKPOINT.run];
  return { step, of, run: run === undefined ? '' : String(run) };
}

function wholeOf(value: Value | undefined): number | null {
  const number = value instanceof Float ? value.value : Number(value);
  const isNumber = value instanceof Float || ['number', 'bigint'].includes(typeof value);
  return isNumber && Number.isSafeInteger(number) && number >= 0 ? number : null;
}

/** The steps that a store keeps. What counts is what is stored: nothing else is to be kept. */
export class Steps {
  readonly #store: Level;
  readonly #steps = new Map<string, Step>();
  /** Stored again of the same step: these go with the next that go. */
  readonly #superseded: LevelEntry[] = [];

  /** Hears that there is more to find than before: a step has become complete. */
  onMore: (() => void) | null = null;

  private constructor(store: Level) {
    this.#store = store;
  }

  static async of(store: Level): Promise<Steps> {
    const steps = new Steps(store);
    for await (const entry of store.list()) steps.#note(entry);
    return steps;
  }

  /** The highest step that is complete; of one that several runs have, that which came last. */
  get last(): CompleteStep | null {
    const [last] = this.#complete();
    return last === undefined ? null : told(last);
  }

  /** An object is stored: the step that it belongs to when that is complete now, and was not. */
  async add(key: LevelKey): Promise<CompleteStep | null> {
    const entry = await this.#store.find(key);
    if (entry === null) return null;
    const belonging = belongingOf(entry.attributes);
    const before = belonging === null ? undefined : this.#steps.get(keyOf(belonging));
    const known = before?.objects.get(entry.name);
    // The store had it already, before a crash.
    if (known?.pool === entry.pool && known.version === entry.version) return null;
    const wasComplete = before !== undefined && isComplete(before);
    const step = this.#note(entry);
    if (step === null || wasComplete || !isComplete(step)) return null;
    this.onMore?.();
    return told(step);
  }

  /**
   * Deletes what is older than the last `keep` complete steps. The last complete one stays in any
   * case.
   */
  async prune(keep: number): Promise<void> {
    const oldest = this.#complete().slice(0, keep).at(-1);
    for (const [key, { step, objects }] of [...this.#steps]) {
      if (oldest === undefined || step >= oldest.step) continue;
      this.#steps.delete(key);
      this.#superseded.push(...objects.values());
    }
    // What cannot be deleted now, as the disk is full, is the next time.
    for (let entry = this.#superseded[0]; entry !== undefined; entry = this.#superseded[0]) {
      await this.drop(entry);
      this.#superseded.shift();
    }
  }

  /** Deletes one that belongs to no step. */
  async drop({ pool, name, version }: LevelKey): Promise<void> {
    await this.#store.delete({ pool, name, version });
  }

  /**
   * Of the last complete step the object of that name; else of the last one that has it. NAME@STEP
   * is that of a step which is complete, whatever has become complete since.
   */
  async find(name: string): Promise<LevelEntry | null> {
    const complete = this.#complete();
    for (const { objects } of complete) {
      const found = objects.get(name);
      if (found !== undefined) return found;
    }
    const [, plain = '', digits] = AT_STEP.exec(name) ?? [];
    const asked = complete.find(({ step }) => String(step) === digits);
    return asked?.objects.get(plain) ?? null;
  }

  async select(selector: string): Promise<ReadonlySet<string>> {
    const isSelected = objectTester(parseSelector(selector));
    const all = this.#complete().flatMap(({ objects }) => [...objects.values()]);
    const found = all.filter((entry) =>
      isSelected({ own: keysOfEntry(entry), attributes: entry.attributes }),
    );
    return new Set(found.map(({ name }) => name));
  }

  #note(entry: LevelEntry): Step | null {
    const belonging = belongingOf(entry.attributes);
    if (belonging === null) return null;
    const key = keyOf(belonging);
    const before = this.#steps.get(key);
    const objects = before?.objects ?? new Map<string, LevelEntry>();
    const known = objects.get(entry.name);
    const isNewer = known === undefined || isLater(entry, known);
    if (known !== undefined) this.#superseded.push(isNewer ? known : entry);
    if (isNewer) objects.set(entry.name, entry);
    const step = { ...belonging, of: Math.max(belonging.of, before?.of ?? 0), objects };
    this.#steps.set(key, step);
    return step;
  }

  /** The highest first. */
  #complete(): Step[] {
    return [...this.#steps.values()]
      .filter(isComplete)
      .sort((one, other) => other.step - one.step || (lastOf(other) > lastOf(one) ? 1 : -1));
  }
}

function keyOf({ step, run }: Belonging): string {
  return `${step} ${run}`;
}

function isComplete({ objects, of }: Step): boolean {
  return objects.size >= of;
}

function isLater(one: LevelEntry, other: LevelEntry): boolean {
  const [at, before] = [storedAt(one), storedAt(other)];
  return at === before ? one.version > other.version : at > before;
}

function lastOf({ objects }: Step): bigint {
  let last = 0n;
  for (const entry of objects.values()) if (storedAt(entry) > last) last = storedAt(entry);
  return last;
}

function told({ step, run, objects }: Step): CompleteStep {
  const all = [...objects.values()]
    .map(({ pool, name, version, size }) => ({ pool, name, version, bytes: size }))
    .sort((one, other) => (one.name < other.name ? -1 : 1));
  return { step, run, objects: all, bytes: all.reduce((sum, { bytes }) => sum + bytes, 0) };
}
