import { refuse } from '../assert.js';
import { LIMITS } from '../limits.js';
import { Float, Timestamp, type Value } from '../value.js';
import { compareValues } from '../value-order.js';

/** A label of an axis: numbers of any type, timestamps, texts, bytes, truth values. */
export type Label = number | bigint | Float | Timestamp | string | Uint8Array | boolean;

/** Whether a value can be a label: lists and maps have no order among each other. */
export function isLabel(value: Value | undefined): value is Label {
  if (value === undefined || value === null) return false;
  if (typeof value !== 'object') return true;
  return value instanceof Float || value instanceof Timestamp || value instanceof Uint8Array;
}

/** The order of labels: that of values ({@link compareValues}); 6 and 6.0 are one label. */
export function compareLabels(one: Label, other: Label): number {
  return compareValues(one, other, false);
}

/** A label for people: `6`, `2026-01-31T00:00:00Z`, `"od"`, `0x0a`. */
export function labelText(label: Value): string {
  if (label instanceof Float) return String(label.value);
  if (label instanceof Timestamp) return label.toString();
  if (label instanceof Uint8Array) return `0x${hexOf(label)}`;
  return typeof label === 'string' ? JSON.stringify(label) : String(label);
}

/** Labels that are told of many. */
const SHOWN_MAX = 8;

/** Labels for people: of many the first and the last. */
export function labelsText(labels: readonly Label[]): string {
  const some = labels.length > SHOWN_MAX ? labels.slice(0, SHOWN_MAX - 2) : labels;
  const texts = some.map(labelText);
  if (some !== labels) texts.push('...', labelText(labels.at(-1) as Label));
  return texts.join(', ');
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** The labels of an axis in ascending order, each once, and where each stands. */
export class Axis {
  /** Of this axis the first `size`; an axis that goes on behind it has more of them. */
  readonly #all: Label[];
  readonly size: number;
  #labels: readonly Label[] | null = null;

  private constructor(all: Label[], size: number) {
    this.#all = all;
    this.size = size;
  }

  get labels(): readonly Label[] {
    this.#labels ??= this.#all.slice(0, this.size);
    return this.#labels;
  }

  /** Of labels in any order, which may come more than once: the first of equal ones stays. */
  static of(labels: Iterable<Label>): Axis {
    // Most come many times: one of each kind is left before they are sorted.
    const sorted = [...new Set(labels)].sort(compareLabels);
    const isFirst = (label: Label, at: number): boolean =>
      at === 0 || compareLabels(sorted[at - 1] as Label, label) !== 0;
    const all = sorted.filter(isFirst);
    return new Axis(all, all.length);
  }

  /** With a label behind all others, or that it has already; null: the others would move. */
  with(label: Label): Axis | null {
    const last = this.#all[this.size - 1];
    if (last !== undefined && compareLabels(last, label) >= 0) {
      return this.indexOf(label) < 0 ? null : this;
    }
    // Copied only where another axis has gone on behind this one.
    const all = this.#all.length === this.size ? this.#all : this.#all.slice(0, this.size);
    all.push(label);
    return new Axis(all, all.length);
  }

  /** Where a label stands; -1 when the axis has it not. */
  indexOf(label: Label): number {
    let low = 0;
    let high = this.size;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareLabels(this.#all[middle] as Label, label) < 0) low = middle + 1;
      else high = middle;
    }
    const found = low < this.size ? this.#all[low] : undefined;
    return found !== undefined && compareLabels(found, label) === 0 ? low : -1;
  }
}

/**
 * Which labels of an axis are meant, by value: one label; `[low, high]`, both ends among it, null
 * for no end; `[low, high, step]`, the labels low, low + step, ... up to high, and no others; or a
 * list. Those of the last two, and one label, need not be on the axis (yet).
 */
export type LabelPick =
  | Label
  | readonly [low: Label | null, high: Label | null]
  | readonly [low: number, high: number, step: number]
  | { readonly values: readonly Label[] };

/** By place on the axis: one; `[start, stop]`, `[start, stop, step]`, without `stop`; a list. */
export type IndexPick =
  | number
  | readonly [start: number, stop: number | null, step?: number]
  | { readonly indices: readonly number[] };

/** Labels that were picked, and where each stands on the axis: -1 when it is not there. */
export interface Picked {
  readonly label: Label;
  readonly at: number;
}

/**
 * The picked labels, in the order in which they stand; those that are not there come where their
 * order puts them, behind all where the labels do not ascend.
 */
export function pickLabels(dimension: string, from: readonly Picked[], pick: LabelPick): Picked[] {
  const sample = from[0]?.label;
  const kinds = new Set(from.map(({ label }) => kindOf(label)));
  const asLabel = (label: Label): Label => {
    const known = asLabelOf(dimension, sample, label);
    mustBeOfKind(dimension, kinds, known);
    return known;
  };
  if (Array.isArray(pick) && pick.length === 2) {
    const [low, high] = pick.map((end: Label | null) => (end === null ? null : asLabel(end)));
    return between(from, low ?? null, high ?? null);
  }
  const wanted = listed(dimension, pick).map(asLabel);
  const axis = Axis.of(wanted);
  const found = from.filter(({ label }) => axis.indexOf(label) >= 0);
  const known = Axis.of(found.map(({ label }) => label));
  const missing = axis.labels.filter((label) => known.indexOf(label) < 0);
  if (missing.length === 0) return found;
  const all = [...found, ...missing.map((label): Picked => ({ label, at: -1 }))];
  const ascends = found.every(
    ({ label }, at) => at === 0 || compareLabels((found[at - 1] as Picked).label, label) < 0,
  );
  return ascends ? all.sort((one, other) => compareLabels(one.label, other.label)) : all;
}

function between(from: readonly Picked[], low: Label | null, high: Label | null): Picked[] {
  const turned = low !== null && high !== null && compareLabels(low, high) > 0;
  const [least, most] = turned ? [high, low] : [low, high];
  return from.filter(
    ({ label }) =>
      (least === null || compareLabels(label, least) >= 0) &&
      (most === null || compareLabels(label, most) <= 0),
  );
}

/** The labels that are meant, each by itself. */
function listed(dimension: string, pick: LabelPick): readonly Label[] {
  if (Array.isArray(pick)) return stepped(dimension, pick);
  const labels = isList(pick) ? pick.values : [pick as Label];
  return Array.isArray(labels) ? labels : badPick(dimension, '"values" is a list');
}

function isList(pick: LabelPick): pick is { readonly values: readonly Label[] } {
  // Bytes have a method of that name.
  return typeof pick === 'object' && pick !== null && Object.hasOwn(pick, 'values');
}

function stepped(dimension: string, pick: readonly unknown[]): readonly number[] {
  const [low, high, step] = pick;
  const isNumbers = pick.length === 3 && pick.every((each) => Number.isFinite(each));
  if (!isNumbers) badPick(dimension, 'a range is [low, high], or of numbers [low, high, step]');
  const [first, last, by] = [low, high, step] as [number, number, number];
  if (by <= 0) badPick(dimension, `a step is more than 0, not ${by}`);
  // What decimal fractions lack by rounding belongs to it.
  const count = Math.floor((last - first) / by + 1e-9) + 1;
  if (count > LIMITS.cubePlacesMax)
    badPick(dimension, `it has more than ${LIMITS.cubePlacesMax} labels`);
  return Array.from({ length: Math.max(0, count) }, (_, at) => first + at * by);
}

/** Texts stand for timestamps where the labels are some. */
function asLabelOf(dimension: string, sample: Label | undefined, label: Label): Label {
  if (!(sample instanceof Timestamp) || typeof label !== 'string') return label;
  try {
    return Timestamp.parse(label);
  } catch (error) {
    return badPick(dimension, error instanceof Error ? error.message : 'it is no timestamp');
  }
}

/** What can be compared: an axis of numbers has no text, wherever it might stand. */
function kindOf(label: Label): string {
  if (label instanceof Timestamp) return 'timestamps';
  if (label instanceof Uint8Array) return 'bytes';
  if (typeof label === 'string') return 'texts';
  return typeof label === 'boolean' ? 'truth values' : 'numbers';
}

function mustBeOfKind(dimension: string, kinds: ReadonlySet<string>, label: Label): void {
  if (!isLabel(label)) badPick(dimension, 'lists, maps and null are no labels');
  if (kinds.size === 0 || kinds.has(kindOf(label))) return;
  badPick(dimension, `its labels are ${[...kinds].join(' and ')}, and ${labelText(label)} is none`);
}

/** As {@link pickLabels}, by place among them. Negative places count from the end. */
export function pickIndices(dimension: string, from: readonly Picked[], pick: IndexPick): Picked[] {
  const size = from.length;
  const place = (index: number): number => {
    if (!Number.isSafeInteger(index)) badPick(dimension, `${index} is no whole number`);
    return index < 0 ? index + size : index;
  };
  const one = (index: number): Picked => {
    const picked = from[place(index)];
    return picked ?? badPick(dimension, `it has no index ${index}, but 0 to ${size - 1}`);
  };
  if (typeof pick === 'number') return [one(pick)];
  if (!Array.isArray(pick)) {
    const { indices } = pick as { readonly indices: readonly number[] };
    if (!Array.isArray(indices)) badPick(dimension, 'it is an index, a range or { indices }');
    return indices.map(one);
  }
  const [start, stop = null, step = 1] = pick as readonly [number, (number | null)?, number?];
  if (!Number.isSafeInteger(step) || step < 1) badPick(dimension, 'a step is 1 at least');
  const end = Math.min(size, stop === null ? size : place(stop));
  const picked: Picked[] = [];
  for (let at = Math.max(0, place(start)); at < end; at += step) picked.push(from[at] as Picked);
  return picked;
}

function badPick(dimension: string, why: string): never {
  return refuse('bad-region', `Cannot pick from dimension "${dimension}": ${why}`, { dimension });
}
