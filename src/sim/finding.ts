import { AttaccaError } from '../core/errors.js';
import type { Selector } from '../core/selector/ast.js';
import { parseSelector } from '../core/selector/parser.js';
import type { Value } from '../core/value.js';
import { DETAIL, END } from '../protocol/index.js';
import type { Oracle } from './oracle.js';
import { type Expected, type Fault, type MMember, type MObject, Refusal } from './oracle-state.js';
import { attributesOf, isSelected, valueBy } from './selected.js';
import { sortedOrder, textOf } from './values.js';
import type { FindingRule } from './violation.js';

/**
 * What the model finds, and changes, by a selector (I9). No pool of the simulator is so large that
 * an answer about all of it has more than one part; only pages of QUERY are cut, by their limit.
 */

/** The model takes the language from who reads it, and nothing of what it means. */
export function readSelector(text: string): Selector {
  try {
    return parseSelector(text);
  } catch (error) {
    if (!(error instanceof AttaccaError)) throw error;
    throw new Refusal(error.code);
  }
}

export function selectedBy(oracle: Oracle, selector: Selector): MObject[] {
  return [...oracle.objects.values()].filter((object) => isSelected(selector, object));
}

/** What a request is to change: of one that was held what it was asked of, and is the same. */
function selectedToChange(oracle: Oracle, text: string): MObject[] {
  const { selectedAhead: ahead } = oracle;
  const all = selectedBy(oracle, readSelector(text));
  return all.filter(({ name, current }) => ahead === null || ahead.get(name) === current);
}

/** What an answer holds of an object. */
export function rowOf(oracle: Oracle, object: MObject, detail: number): string {
  const { name } = object;
  if (detail === DETAIL.name) return textOf(name);
  if (detail === DETAIL.stat) return textOf(oracle.statOf(object));
  return textOf({ name, attributes: Object.fromEntries(attributesOf(object)) });
}

/** The same of an answer; its statistics are looked at where one object is asked for. */
export function toldRow(row: Value): string {
  if (typeof row === 'string') return textOf(row);
  const { statistics: _statistics, ...fields } = row as Fields;
  return textOf(fields);
}

export type Fields = { readonly [key: string]: Value };

/** Notes what does not hold. */
export class Faults {
  readonly found: Fault[] = [];
  readonly #rule: FindingRule;

  constructor(rule: FindingRule) {
    this.#rule = rule;
  }

  check(holds: boolean, words: () => string, rule = this.#rule): void {
    if (!holds) this.found.push({ rule, words: words() });
  }

  same(what: string, found: unknown, meant: unknown): void {
    const words = (): string => `${what} is ${textOf(found)}, not ${textOf(meant)}`;
    this.check(textOf(found) === textOf(meant), words);
  }
}

/** Expects a map of which all is wrong that `check` says. */
export function expect(
  rule: FindingRule,
  check: (found: Fields, faults: Faults) => void,
): Expected {
  return {
    kind: 'found',
    faults: (answer) => {
      const faults = new Faults(rule);
      check(answer as Fields, faults);
      return faults.found;
    },
  };
}

/** `after`: empty, or what is no `next` of any answer. */
export function count(oracle: Oracle, text: string, after: string): Expected {
  const selector = readSelector(text);
  if (after !== '') throw new Refusal('bad-argument');
  const meant = { count: selectedBy(oracle, selector).length, next: null };
  return expect('I9 counts', (found, faults) => faults.same('the count', found, meant));
}

export interface Sorting {
  readonly text: string;
  readonly key: string;
  readonly descending: boolean;
  readonly limit: number;
  readonly detail: number;
  readonly place: { readonly value: Value; readonly name: string } | null;
}

/** The first behind a place, each as it must be. */
export function sort(oracle: Oracle, sorting: Sorting): Expected {
  const { text, key, descending, limit, detail, place } = sorting;
  const order = (one: MPlace, other: MPlace): number => {
    const values = sortedOrder(one.value, other.value, descending);
    return values !== 0 ? values : sortedOrder(one.name, other.name, isName(key) && descending);
  };
  const all = selectedBy(oracle, readSelector(text))
    .map((object) => ({ object, name: object.name, value: valueBy(object, key) }))
    .filter((each) => place === null || order(each, { ...place, value: orNone(place.value) }) > 0)
    .sort(order);
  const meant = all.slice(0, limit === 0 ? all.length : limit).map(({ object, value }) => {
    return `${textOf(value ?? null)} of ${rowOf(oracle, object, detail)}`;
  });
  return expect('I9 order', (found, faults) => {
    const rows = (found['objects'] as Fields[]).map(
      ({ key: value, object }) => `${textOf(value)} of ${toldRow(object as Value)}`,
    );
    faults.same('the order', rows, meant);
    const { next, cut } = found;
    faults.same('what is left', { next, cut }, { next: null, cut: false });
  });
}

interface MPlace {
  readonly name: string;
  readonly value: Value | undefined;
}

function orNone(value: Value): Value | undefined {
  return value ?? undefined;
}

function isName(key: string): boolean {
  return key === 'name' || key === '.maestro.core.cdo.name';
}

/** A value with how many objects have it. */
export interface Tallied {
  readonly value: Value;
  count: number;
}

/** The values of a key among what is selected. */
export function tally(oracle: Oracle, text: string, key: string): Map<string, Tallied> {
  const values = new Map<string, Tallied>();
  for (const object of selectedBy(oracle, readSelector(text))) {
    const value = valueBy(object, key);
    if (value === undefined) continue;
    const known = values.get(textOf(value));
    if (known === undefined) values.set(textOf(value), { value, count: 1 });
    else known.count++;
  }
  return values;
}

export function facets(oracle: Oracle, text: string, key: string, limit: number): Expected {
  const values = tally(oracle, text, key);
  const order = (one: Tallied, other: Tallied): number =>
    other.count - one.count || sortedOrder(one.value, other.value, false);
  const sorted = [...values.values()].sort(order);
  const shown = limit === 0 ? sorted : sorted.slice(0, limit);
  const others = sorted.slice(shown.length);
  return expect('I9 counts', (found, faults) => {
    const { values: told, ...rest } = found;
    const rows = told as { value: Value; count: number }[];
    faults.same('all but values', rest, {
      ...{ key, objects: sum(sorted), distinct: sorted.length, next: null },
      ...{ otherValues: others.length, otherObjects: sum(others) },
    });
    faults.same('how many values are shown', rows.length, shown.length);
    const isOnce = new Set(rows.map(({ value }) => textOf(value))).size === rows.length;
    faults.check(isOnce, () => `a value comes twice in ${textOf(rows)}`);
    for (const [at, { value, count }] of rows.entries()) {
      faults.same(`the count of ${textOf(value)}`, count, values.get(textOf(value))?.count);
      const meant = shown[at];
      // Of lists that are as many, none comes first.
      const isInPlace = meant !== undefined && order({ value, count }, meant) === 0;
      faults.check(isInPlace, () => `${textOf(value)} is out of its order`);
    }
  });
}

function sum(values: readonly Tallied[]): number {
  return values.reduce((all, { count }) => all + count, 0);
}

/** TAG_SELECTED, of which nothing is refused. */
export function tagSelected(
  oracle: Oracle,
  text: string,
  change: {
    readonly by: MMember | null;
    readonly dry: boolean;
    readonly set: ReadonlyMap<string, Value>;
    readonly removed: readonly string[];
  },
): Expected {
  const objects = selectedToChange(oracle, text);
  // What has what it should already is not changed.
  const changed = objects.filter(({ tags }) => {
    const then = new Map(tags);
    for (const key of change.removed) then.delete(key);
    for (const [key, value] of change.set) then.set(key, value);
    return textOf(Object.fromEntries(then)) !== textOf(Object.fromEntries(tags));
  });
  if (!change.dry) for (const { name } of changed) oracle.tag(name, change, change.by);
  return changes(objects, [], objects.length - changed.length);
}

/** END_SELECTED: as each would end by itself. */
export function endSelected(
  oracle: Oracle,
  text: string,
  { by, how, dry }: { readonly by: MMember | null; readonly how: number; readonly dry: boolean },
): Expected {
  const objects = selectedToChange(oracle, text);
  const refused: { readonly name: string; readonly code: string }[] = [];
  for (const object of objects) {
    const { name, current, handles } = object;
    const mayUnkeep = current !== null && current.scope === 'pool';
    const isKept = [...oracle.versions].some((each) => each.object === object && each.pins > 0);
    const isRequired = isKept || [...handles].some(({ state }) => state === 'required');
    if (how === END.unkeep && !mayUnkeep) refused.push({ name, code: 'wrong-state' });
    else if (how === END.delete && isRequired) refused.push({ name, code: 'object-required' });
    else if (dry) continue;
    else if (how === END.unkeep) oracle.unkeep(name, by);
    else oracle.delete(name, how === END.deleteForced, by);
  }
  return changes(objects, refused);
}

/** The account of what was changed. */
export function changes(
  objects: readonly MObject[],
  refused: readonly { readonly name: string; readonly code: string }[],
  unchanged = 0,
): Expected {
  const selected = objects.length;
  return expect('I9 changes', (found, faults) => {
    const { refused: told, ...rest } = found;
    faults.same('the account', rest, {
      ...{ selected, changed: selected - refused.length - unchanged, next: null },
    });
    const rows = (told as Fields[]).map(({ name, code }) => ({ name, code }));
    faults.same('what is refused', rows.map(textOf).sort(), refused.map(textOf).sort());
  });
}
