import { Float, Timestamp, type Value } from '../core/value.js';
import { Faults, type Fields, type Tallied, tally } from './finding.js';
import type { Oracle } from './oracle.js';
import type { Expected } from './oracle-state.js';
import { numberOf, sortedOrder, textOf } from './values.js';

/**
 * FACETS in ranges. Which ranges is the pool's to choose; how many objects lie in each is counted
 * here value by value.
 */
export function histograms(oracle: Oracle, text: string, key: string): Expected {
  const values = [...tally(oracle, text, key).values()];
  const numbers = values.filter(({ value }) => Number.isFinite(Number(numberOf(value) ?? NaN)));
  const times = values.filter(({ value }) => value instanceof Timestamp);
  return {
    kind: 'found',
    faults: (answer) => {
      const faults = new Faults('I9 counts');
      const { histograms: found, ...rest } = answer as Fields;
      const objects = values.reduce((all, { count }) => all + count, 0);
      faults.same('all but histograms', rest, {
        ...{ key, objects, distinct: values.length, next: null },
      });
      const meant = [
        { of: 'numbers', all: numbers },
        { of: 'timestamps', all: times },
      ].filter(({ all }) => all.length > 0);
      const told = found as Fields[];
      faults.same(
        'what there are histograms of',
        told.map((each) => each['of']),
        meant.map(({ of }) => of),
      );
      for (const [at, { all }] of meant.entries()) checkOne(faults, told[at] ?? {}, all);
      return faults.found;
    },
  };
}

function checkOne(faults: Faults, found: Fields, all: readonly Tallied[]): void {
  const first = found['first'] instanceof Float ? found['first'].value : Number(found['first']);
  const width = 2 ** Number(found['exponent']);
  const bins = found['bins'] as number[];
  const objects = all.reduce((sum, { count }) => sum + count, 0);
  faults.same('the objects of a histogram', found['objects'], objects);
  const sorted = all.toSorted((one, other) => sortedOrder(one.value, other.value, false));
  for (const [end, meant] of [
    ['least', sorted[0]],
    ['most', sorted.at(-1)],
  ] as const) {
    const value = found[end];
    const isEnd = value !== undefined && sortedOrder(value, meant?.value, false) === 0;
    faults.check(isEnd, () => `${textOf(value)} is not the ${end}`);
  }
  for (const [bin, count] of bins.entries()) {
    const inside = all.filter(({ value }) => Math.floor(sizeOf(value) / width) === first + bin);
    const meant = inside.reduce((sum, each) => sum + each.count, 0);
    faults.same(`what lies in the range ${bin} of a histogram`, count, meant);
  }
  faults.same(
    'all ranges of a histogram',
    bins.reduce((sum, count) => sum + count, 0),
    objects,
  );
}

/** Of a timestamp, its nanoseconds. */
function sizeOf(value: Value): number {
  return Number(value instanceof Timestamp ? value.nanoseconds : numberOf(value));
}
