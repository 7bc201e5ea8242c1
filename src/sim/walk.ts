import type { Selector } from '../core/selector/ast.js';
import type { Value } from '../core/value.js';
import { Faults, type Fields, readSelector, rowOf, selectedBy, toldRow } from './finding.js';
import type { Oracle } from './oracle.js';
import type { Expected, Fault, MObject, MSession, Watcher } from './oracle-state.js';
import { isSelected } from './selected.js';
import { textOf } from './values.js';

/**
 * A walk of one client through all that is selected, page by page, while others go on: what is
 * selected from the first page to the last is in exactly one of them.
 */
export class Walk implements Watcher {
  readonly text: string;
  readonly limit: number;
  readonly detail: number;
  /** Where to go on; null while a page is asked for, and behind the last. */
  next: string | null = '';
  isOver = false;
  #selector: Selector | null = null;
  /** Names of what was selected at every moment since the first page. */
  #always = new Set<string>();
  /** What has come in the pages that were heard. */
  readonly #seen = new Set<string>();

  constructor(text: string, limit: number, detail: number) {
    this.text = text;
    this.limit = limit;
    this.detail = detail;
  }

  /** Nobody goes on; what is under way is looked at by itself. */
  abandon(): void {
    this.isOver = true;
  }

  look(objects: ReadonlyMap<string, MObject>): void {
    for (const name of this.#always) {
      const object = objects.get(name);
      const isStill = object !== undefined && this.#selector !== null;
      if (!isStill || !isSelected(this.#selector as Selector, object)) this.#always.delete(name);
    }
  }

  /** What the model makes of a page. */
  page(oracle: Oracle, session: MSession): Expected {
    const isFirst = this.#selector === null;
    this.#selector ??= readSelector(this.text);
    const selected = selectedBy(oracle, this.#selector);
    if (isFirst && !this.isOver) {
      for (const { name } of selected) this.#always.add(name);
      oracle.watch(session, this);
    }
    const rows = new Map(
      selected.map((object) => [object.name, rowOf(oracle, object, this.detail)] as const),
    );
    const always = new Set(this.#always);
    return { kind: 'found', faults: (answer) => this.#faults(answer, rows, always, isFirst) };
  }

  #faults(
    answer: Value,
    rows: ReadonlyMap<string, string>,
    always: ReadonlySet<string>,
    isFirst: boolean,
  ): readonly Fault[] {
    const faults = new Faults('I9 found');
    const { objects, next } = answer as Fields;
    const page = (objects as Value[]).map((row) => [nameOf(row), toldRow(row)] as const);
    const names = new Set(page.map(([name]) => name));
    const missing = [...rows.keys()].filter((name) => !names.has(name));
    faults.check(names.size === page.length, () => `an object comes twice in ${textOf(objects)}`);
    const isSize = this.limit === 0 || page.length <= this.limit;
    faults.check(isSize, () => `${page.length} objects in a page of ${this.limit}`);
    for (const [name, row] of page) {
      const meant = rows.get(name);
      const words = meant === undefined ? 'but is not selected' : `but is ${meant}`;
      faults.check(row === meant, () => `${row} is found, ${words}`);
    }
    const isAll = isFirst && next === null;
    faults.check(!isAll || missing.length === 0, () => `"${missing}" is not found`);
    if (!isAll && !this.isOver) this.#across(faults, names, always, next === null);
    return faults.found;
  }

  /** This page and those before it, together. */
  #across(
    faults: Faults,
    names: ReadonlySet<string>,
    always: ReadonlySet<string>,
    isLast: boolean,
  ): void {
    const again = [...names].filter((name) => this.#seen.has(name) && always.has(name));
    faults.check(again.length === 0, () => `"${again}" was in a page before`, 'I9 pages');
    for (const name of names) this.#seen.add(name);
    const left = [...always].filter((name) => !this.#seen.has(name));
    const isWhole = !isLast || left.length === 0;
    faults.check(isWhole, () => `"${left}" was in no page`, 'I9 pages');
  }
}

/** The name of an object that an answer holds, whatever its detail. */
export function nameOf(row: Value): string {
  return String(typeof row === 'string' ? row : (row as Fields)['name']);
}
