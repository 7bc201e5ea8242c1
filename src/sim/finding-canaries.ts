import type { Column } from '../catalog/column.js';
import { RowSet, WINDOW_ROWS } from '../catalog/row-set.js';
import type { Search } from '../catalog/search.js';
import type { Terms } from '../catalog/terms.js';
import type { Selector } from '../core/selector/ast.js';
import { OBJECT, VERSION } from '../pool/rows.js';
import type { PoolState } from '../pool/state.js';
import type { Canary } from './canaries.js';

/**
 * A row is still found by a term by which it should be found no longer, until nothing else has the
 * term, or the object is forgotten.
 */
function hideLate(pool: PoolState, isLate: (term: number, row: number) => boolean): void {
  const { terms, objects } = pool;
  const late = new Map<number, Set<number>>();
  const hide = terms.hide.bind(terms);
  const show = terms.show.bind(terms);
  const release = terms.release.bind(terms);
  const forget = objects.release.bind(objects);
  terms.hide = (term, row) => {
    if (isLate(term, row)) late.set(term, (late.get(term) ?? new Set()).add(row));
    else hide(term, row);
  };
  terms.show = (term, row) => {
    const isThere = late.get(term)?.delete(row) === true;
    return isThere ? terms.keyOf(term) : show(term, row);
  };
  terms.hideMany = (term, rows) => {
    for (const row of rows) terms.hide(term, row);
  };
  terms.showMany = (term, rows) => {
    for (const row of rows) terms.show(term, row);
  };
  terms.release = (term) => {
    if (terms.usesOf(term) === 1) {
      for (const row of late.get(term) ?? []) hide(term, row);
      late.delete(term);
    }
    release(term);
  };
  objects.release = (row) => {
    for (const [term, rows] of late) if (rows.delete(row)) hide(term, row);
    forget(row);
  };
}

/** Whether tags are being set or removed. */
function taggingOf({ attributes, objects }: PoolState): () => boolean {
  let isTagging = false;
  const merge = attributes.merge.bind(attributes);
  attributes.merge = (...records) => {
    isTagging = true;
    return merge(...records);
  };
  const set = objects.set.bind(objects);
  objects.set = (row, field, value) => {
    if (field === OBJECT.tags) isTagging = false;
    set(row, field, value);
  };
  return () => isTagging;
}

/** Whether the version that is offered says a term. */
function says({ attributes, objects, versions }: PoolState, row: number, term: number): boolean {
  const current = objects.get(row, OBJECT.current);
  return current !== 0 && attributes.has(versions.get(current, VERSION.attributes), term);
}

/** What was removed from a column is found in it for as long as its number is a term's. */
function findRemoved(column: Column, terms: Terms): void {
  const removed = new Set<number>();
  const remove = column.remove.bind(column);
  const each = column.each.bind(column);
  const eachBetween = column.eachBetween.bind(column);
  const again = (visit: (term: number) => void): void => {
    for (const term of removed) if (terms.usesOf(term) > 0) visit(term);
  };
  column.remove = (slot) => {
    removed.add(column.termIn(slot));
    remove(slot);
  };
  column.each = (visit) => {
    each(visit);
    again(visit);
  };
  column.eachBetween = (low, high, visit) => {
    eachBetween(low, high, visit);
    const inside = Math.max(low, Math.min(high, 0)) + (low < 0 ? 0 : 0.25);
    again((term) => visit(term, inside));
  };
}

/** Takes `!=` for what is not equal, be it there or not. */
function withLooseDifference(selector: Selector): Selector {
  switch (selector.kind) {
    case 'and':
    case 'or':
      return { ...selector, parts: selector.parts.map(withLooseDifference) };
    case 'not':
      return { ...selector, part: withLooseDifference(selector.part) };
    case 'test': {
      const { condition, at } = selector;
      if (condition.kind !== 'compare' || condition.operator !== '!=') return selector;
      const part = { ...selector, condition: { ...condition, operator: '=' } } as const;
      return { kind: 'not', part, at };
    }
    default:
      return selector;
  }
}

function rowsOf(search: Search): number {
  let rows = 0;
  search.rows(0, () => {
    rows++;
    return true;
  });
  return rows;
}

/** Where each page that goes on begins instead. */
function goOnAt({ searching }: PoolState, at: (from: number) => number): void {
  const open = searching.open.bind(searching);
  searching.open = (message) => {
    const { search, from } = open(message);
    return { search, from: from === 0 ? 0 : at(from) };
  };
}

/** Bugs of what is found, and changed, by a selector. */
export const FINDING_CANARIES: { readonly [name: string]: Canary } = {
  'a tag does not hide the attribute of its key': {
    breaks: 'I9 found',
    first: 6,
    plant: ({ pool }) => {
      const isTagging = taggingOf(pool);
      hideLate(pool, (term, row) => isTagging() && says(pool, row, term));
    },
  },
  'a version that is withdrawn is still found': {
    breaks: 'I9 found',
    plant: ({ pool }) => {
      const isTagging = taggingOf(pool);
      hideLate(pool, (term, row) => !isTagging() && says(pool, row, term));
    },
  },
  'an object that is deleted is found by its tags': {
    breaks: 'I9 found',
    first: 14,
    plant: ({ pool }) => {
      const isTagging = taggingOf(pool);
      const { attributes, objects } = pool;
      hideLate(pool, (term, row) => {
        return !isTagging() && attributes.has(objects.get(row, OBJECT.tags), term);
      });
    },
  },
  'terms that a snapshot has brought are not found': {
    breaks: 'I9 found',
    first: 240,
    machines: ({ revive }) => ({
      revive: async (disk, options) => {
        const revived = await revive(disk, options);
        const { loop, recovered } = revived;
        if (loop === null || recovered.snapshot === 0) return revived;
        const { terms, keys } = loop.pool;
        const brought = new Set<number>();
        for (const [, key] of keys.entries()) terms.eachOf(key, (term) => brought.add(term));
        const find = terms.find.bind(terms);
        terms.find = (...value) => {
          const term = find(...value);
          return brought.has(term) ? 0 : term;
        };
        return revived;
      },
    }),
  },
  '"!=" finds what has not the key': {
    breaks: 'I9 found',
    plant: ({ pool: { searching } }) => {
      const compiled = searching.compiled.bind(searching);
      searching.compiled = (selector) => compiled(withLooseDifference(selector));
    },
  },
  'a column finds again what was removed from it': {
    breaks: 'I9 found',
    first: 14,
    plant: ({ pool: { terms } }) => {
      const columnOf = terms.column.bind(terms);
      const known = new Set<Column>();
      terms.column = (key, kind) => {
        const column = columnOf(key, kind);
        if (column !== null && !known.has(column)) findRemoved(column, terms);
        if (column !== null) known.add(column);
        return column;
      };
    },
  },
  'a dry run changes tags': {
    breaks: 'I9 found',
    first: 8,
    plant: ({ pool: { decoder } }) => {
      Object.defineProperty(decoder.tagSelected, 'dry', { get: () => 0, set: () => {} });
    },
  },
  'what is taken out of a list is put into it': {
    breaks: 'I9 changes',
    mostly: 'defining',
    plant: ({ pool: { decoder } }) => {
      Object.defineProperty(decoder.gather, 'removes', { get: () => 0, set: () => {} });
    },
  },
  'a dry run gathers': {
    breaks: 'I9 found',
    mostly: 'defining',
    plant: ({ pool: { decoder } }) => {
      Object.defineProperty(decoder.gather, 'dry', { get: () => 0, set: () => {} });
    },
  },
  'a collection that was taken away is still told': {
    breaks: 'definitions',
    mostly: 'defining',
    plant: ({ pool: { definitions } }) => {
      definitions.remove = () => {};
    },
  },
  'a page skips the first row behind its cursor': {
    breaks: 'I9 pages',
    first: 6,
    plant: ({ pool }) => goOnAt(pool, (from) => from + 1),
  },
  'a page begins with the last row of the one before': {
    breaks: 'I9 pages',
    first: 3,
    plant: ({ pool }) => goOnAt(pool, (from) => from - 1),
  },
  'a row that two parts of an "or" find is counted twice': {
    breaks: 'I9 counts',
    first: 3,
    plant: ({ pool: { searching } }) => {
      const searchFor = searching.search.bind(searching);
      searching.search = (selector) => {
        const search = searchFor(selector);
        if (selector.kind !== 'or') return search;
        const count = selector.parts.reduce((sum, part) => sum + rowsOf(searchFor(part)), 0);
        return Object.defineProperty(search, 'countKnown', { value: count });
      };
    },
  },
  'facets count what is not selected': {
    breaks: 'I9 counts',
    first: 8,
    plant: ({ pool: { terms } }) => {
      const { postings } = terms;
      const all = new RowSet();
      all.fillTo(WINDOW_ROWS);
      const countCommon = postings.countCommon.bind(postings);
      postings.countCommon = (set, window) => countCommon(set, window, all.words);
    },
  },
  'a sorted page goes on behind a value, whatever the name': {
    breaks: 'I9 order',
    plant: ({ pool: { decoder } }) => {
      const { sort } = decoder;
      Object.defineProperty(sort, 'nameEnd', { get: () => sort.nameStart, set: () => {} });
    },
  },
  'a dry run leaves out one object': {
    breaks: 'I9 changes',
    plant: ({ pool: { searching, decoder } }) => {
      const open = searching.open.bind(searching);
      searching.open = (message) => {
        const { search, from } = open(message);
        const isDry = message === decoder.endSelected && decoder.endSelected.dry === 1;
        if (!isDry) return { search, from };
        const behind = search.rows(from, () => false);
        return { search, from: Math.max(0, behind) };
      };
    },
  },
};
