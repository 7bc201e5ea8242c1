import { type Compiled, compileSelector } from '../catalog/compile.js';
import { Planner } from '../catalog/plan.js';
import { explainPlan } from '../catalog/plan-text.js';
import { Search } from '../catalog/search.js';
import { refuse } from '../core/assert.js';
import { LIMITS } from '../core/limits.js';
import type { Selector } from '../core/selector/ast.js';
import { parseSelector } from '../core/selector/parser.js';
import { decodeUtf8 } from '../core/utf8.js';
import type { Value } from '../core/value.js';
import { Work } from '../core/work.js';
import { termFound } from './indexing.js';
import { meaningOf } from './meaning.js';
import { ownKeyOf } from './own-keys.js';
import type { PoolState } from './state.js';
import { unknownKeys } from './unknown-keys.js';

/** So many selectors are kept as they were understood: who asks again need not wait for that. */
const KEPT_MAX = 256;

/** Steps of work for looks at rows in one answer: bounds the pause that it can cause. */
export const WORK_MAX = 10_000_000;

/** What requests with a selector have in common: what they select, and where they go on. */
export class Searching {
  readonly #pool: PoolState;
  readonly #planner: Planner;
  /** By their texts; when there are too many, all go. Nothing but a reading again hangs on them. */
  readonly #kept = new Map<string, Compiled>();

  constructor(pool: PoolState) {
    this.#pool = pool;
    this.#planner = new Planner({
      terms: pool.terms,
      shapes: pool.shapes,
      arena: pool.arena,
      all: () => pool.all,
      keyNumber: (name) => pool.keys.find(name),
      keys: () => pool.keys.entries(),
      termOf: (object, key) => termFound(pool, object, key),
    });
  }

  /** Definitions have changed: what selectors mean is found out anew. */
  forget(): void {
    this.#kept.clear();
  }

  /** With the literals as schemas have them, and collections as what they are; `bad-selector`. */
  compile(text: string): Compiled {
    const kept = this.#kept.get(text);
    if (kept !== undefined) return kept;
    const compiled = this.compiled(meaningOf(parseSelector(text), this.#pool.definitions));
    if (this.#kept.size === KEPT_MAX) this.#kept.clear();
    this.#kept.set(text, compiled);
    return compiled;
  }

  compiled(selector: Selector): Compiled {
    return compileSelector(selector, (name) => ownKeyOf(this.#pool, name));
  }

  /** How a selector would be answered now, and which of its keys no object has. */
  explain(text: string): Value {
    const plan = this.#planner.plan(this.compile(text), new Work());
    return {
      ...explainPlan(this.#planner, plan),
      unknownKeys: unknownKeys(this.#pool, parseSelector(text)),
    };
  }

  /** Good until the next operation. */
  search(compiled: Compiled): Search {
    const { terms, all } = this.#pool;
    const work = new Work();
    const plan = this.#planner.plan(compiled, work);
    return new Search(plan, { postings: terms.postings, all }, work);
  }

  /** What a request selects, and the row from which it goes on. */
  open(message: {
    readonly selectorStart: number;
    readonly selectorEnd: number;
    readonly afterStart: number;
    readonly afterEnd: number;
  }): { readonly search: Search; readonly from: number } {
    const { bytes } = this.#pool.reader;
    const selector = decodeUtf8(bytes, message.selectorStart, message.selectorEnd);
    const after = decodeUtf8(bytes, message.afterStart, message.afterEnd);
    return { search: this.search(this.compile(selector)), from: rowAfter(after) };
  }
}

/** The row from which a page goes on that says so by `next` of the one before. */
function rowAfter(after: string): number {
  const row = after === '' ? 0 : Number(after);
  const isRow = Number.isInteger(row) && row >= 0 && row <= LIMITS.objectsMax + 1;
  if (!isRow || (after !== '' && String(row) !== after)) {
    refuse('bad-argument', `Cannot go on after "${after}": it is no "next" of an answer`);
  }
  return row;
}

/** How an answer says where to go on. */
export function nextOf(row: number): string | null {
  return row < 0 ? null : String(row);
}
