import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  Axis,
  compareLabels,
  type Label,
  labelText,
  type Picked,
  pickIndices,
  pickLabels,
} from '../../../src/core/cubes/axis.js';
import { countPlaces, Grid, placesOf } from '../../../src/core/cubes/grid.js';
import { LIMITS } from '../../../src/core/limits.js';
import { Float, Timestamp } from '../../../src/core/value.js';
import { fc } from '../../fast-check.js';

const label: fc.Arbitrary<Label> = fc.oneof(
  fc.integer({ min: -3, max: 6 }),
  fc.constantFrom(0.5, -0.5, 1e300, Number.NaN, 2n, new Float(2), 2n ** 60n),
  fc.constantFrom('', 'a', 'b', '\u{10000}', '\uffff'),
  fc.constantFrom(Timestamp.parse('2026-01-31'), Timestamp.parse('2026-02-01T06:00Z')),
  fc.boolean(),
  fc.uint8Array({ maxLength: 2 }),
);
const isSame = (one: Label, other: Label): boolean => compareLabels(one, other) === 0;
const all = (axis: Axis): Picked[] => axis.labels.map((each, at) => ({ label: each, at }));

test('an axis has each label once, in order, and finds it', () => {
  fc.assert(
    fc.property(fc.array(label), label, (labels, other) => {
      const axis = Axis.of(labels);
      for (let at = 1; at < axis.size; at++) {
        assert.ok(compareLabels(axis.labels[at - 1] as Label, axis.labels[at] as Label) < 0);
      }
      for (const each of labels) {
        assert.ok(isSame(axis.labels[axis.indexOf(each)] as Label, each));
      }
      const isThere = labels.some((each) => isSame(each, other));
      assert.equal(axis.indexOf(other) >= 0, isThere);
    }),
  );
});

test('axes that go on behind one are none of its labels, nor of each other', () => {
  const one = Axis.of([1, 2]);
  const [three, four] = [one.with(3), one.with(4)];
  const five = three?.with(5);
  const labels = [one, three, four, five].map((axis) => axis?.labels);
  assert.deepEqual(labels, [
    [1, 2],
    [1, 2, 3],
    [1, 2, 4],
    [1, 2, 3, 5],
  ]);
  assert.deepEqual([one.indexOf(3), four?.indexOf(3), three?.indexOf(5)], [-1, -1, -1]);
  assert.equal(three?.with(4)?.labels.join(), '1,2,3,4');
});

// By copies of all labels for each of them it would take minutes.
test('a grid grows by many labels as by few', { timeout: 30_000 }, () => {
  const count = 300_000;
  const grid = new Grid<{ labels: readonly number[] }>([], [[]], () => 0);
  for (let at = 0; at < count; at++) assert.ok(grid.add({ labels: [at] }));
  assert.deepEqual([grid.count, grid.axes[0]?.labels.length], [count, count]);
});

test('a grid that objects are added to is as one made of all of them', () => {
  const labels = fc.tuple(fc.integer({ min: 0, max: 5 }), fc.constantFrom<Label>('a', 'b', 2n));
  const made = fc.array(labels, { maxLength: 12 });
  fc.assert(
    fc.property(made, made, fc.array(label, { maxLength: 3 }), (before, after, told) => {
      const newer = (): number => -1;
      const membersOf = (list: typeof before): { readonly labels: readonly Label[] }[] =>
        list.map((each) => ({ labels: each }));
      const members = membersOf(before);
      const grid = new Grid(members, [[], told], newer);
      for (const member of membersOf(after)) {
        const whole = new Grid([...members, member], [[], told], newer);
        const was = new Grid(members, [[], told], newer);
        const isAdded = grid.add(member);
        if (isAdded) members.push(member);
        const expected = isAdded ? whole : was;
        const stays = was.axes.every(({ labels: each }, at) =>
          each.every((one, place) => isSame(whole.axes[at]?.labels[place] as Label, one)),
        );
        // Whoever leaves all others in their places, and has one alone, is added.
        assert.equal(isAdded, stays && whole.count > was.count);
        assert.deepEqual(grid.axes, expected.axes);
        assert.equal(grid.count, expected.count);
        for (const each of members)
          assert.equal(grid.find(each.labels), expected.find(each.labels));
      }
    }),
  );
});

test('labels are picked as each would be compared', () => {
  const end = fc.option(fc.integer({ min: -4, max: 7 }), { nil: null });
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -3, max: 6 })), end, end, (labels, low, high) => {
      const turned = low !== null && high !== null && low > high;
      const [least, most] = turned ? [high, low] : [low, high];
      const wanted = (each: number): boolean =>
        (least === null || each >= least) && (most === null || each <= most);
      // Of objects' own dimensions, which need not ascend, and of axes.
      const own = labels.map((each, at) => ({ label: each, at }));
      for (const from of [own, all(Axis.of(labels))]) {
        assert.deepEqual(
          pickLabels('d', from, [low, high]),
          from.filter((each) => wanted(each.label as number)),
        );
      }
    }),
  );
});

test('labels that are listed come whether they are there or not', () => {
  const labels = fc.array(label, { maxLength: 6 });
  fc.assert(
    fc.property(labels, labels, (there, values) => {
      const axis = Axis.of(there);
      const wanted = values.filter((each) => isOfKinds(each, there));
      const picked = pickLabels('d', all(axis), { values: wanted });
      assert.equal(picked.length, Axis.of(wanted).size);
      for (const { label: each, at } of picked) assert.equal(at, axis.indexOf(each));
    }),
  );
  const picked = pickLabels('step', all(Axis.of([0, 6])), [0, 18, 6]);
  assert.deepEqual(
    picked.map(({ label: each, at }) => [each, at]),
    [
      [0, 0],
      [6, 1],
      [12, -1],
      [18, -1],
    ],
  );
  // Decimal fractions: 0, 0.1, 0.2, 0.3.
  assert.equal(pickLabels('d', [], [0, 0.3, 0.1]).length, 4);
});

test('a label of a type that an axis has not is refused, and told what it has', () => {
  const one = fc.record({ there: fc.array(label, { minLength: 1, maxLength: 4 }), other: label });
  fc.assert(
    fc.property(one, ({ there, other }) => {
      const from = all(Axis.of(there));
      // Texts are read as timestamps where the first is one.
      fc.pre(typeof other !== 'string' || !(from[0]?.label instanceof Timestamp));
      for (const pick of [other, [other, null] as const, { values: [other] }]) {
        if (isOfKinds(other, there)) pickLabels('d', from, pick);
        else assert.throws(() => pickLabels('d', from, pick), { code: 'bad-region' });
      }
    }),
  );
  const steps = all(Axis.of([0, 6]));
  assert.throws(
    () => pickLabels('step', steps, 'six'),
    /"step": its labels are numbers, and "six"/u,
  );
  const days = all(Axis.of([Timestamp.parse('2026-01-31')]));
  assert.throws(() => pickLabels('time', days, 'soon'), { code: 'bad-region' });
  assert.throws(() => pickLabels('time', days, [20260131, null]), /are timestamps, and 20260131/u);
  // Of what is not there yet nobody knows.
  assert.equal(pickLabels('step', [], 'six').length, 1);
});

/** Whether there is a label of that type, of which all numbers are one. */
function isOfKinds(one: Label, there: readonly Label[]): boolean {
  const kindOf = (each: Label): string => {
    if (typeof each === 'bigint' || each instanceof Float) return 'number';
    return typeof each === 'object' ? each.constructor.name : typeof each;
  };
  const isText = typeof one === 'string' && Axis.of(there).labels[0] instanceof Timestamp;
  return there.length === 0 || (!isText && there.some((each) => kindOf(each) === kindOf(one)));
}

test('texts stand for timestamps where the labels are some', () => {
  const days = ['2026-01-30', '2026-01-31', '2026-02-01'].map((text) => Timestamp.parse(text));
  const picked = pickLabels('time', all(Axis.of(days)), ['2026-01-31', null]);
  assert.deepEqual(
    picked.map(({ at }) => at),
    [1, 2],
  );
  assert.equal(labelText(days[1] as Label), String(days[1]));
});

test('places are picked as slices of a list', () => {
  const index = fc.integer({ min: -8, max: 8 });
  fc.assert(
    fc.property(
      fc.nat(6),
      index,
      fc.option(index),
      fc.integer({ min: 1, max: 3 }),
      (size, ...how) => {
        const [start, stop, step] = how;
        const from = Array.from({ length: size }, (_, at) => ({ label: at, at }));
        const expected = from.slice(start, stop ?? undefined).filter((_, at) => at % step === 0);
        assert.deepEqual(pickIndices('d', from, [start, stop, step]), expected);
        const one = from.at(start);
        if (one !== undefined) assert.deepEqual(pickIndices('d', from, start), [one]);
        else assert.throws(() => pickIndices('d', from, start), { code: 'bad-region' });
      },
    ),
  );
});

test('picks that mean nothing are refused, and name the dimension', () => {
  const from = all(Axis.of([0, 1]));
  const anything = (value: unknown): never => value as never;
  for (const pick of [
    [0, 1, 0],
    [0, 'a', 1],
    [0, 1, 2, 3],
    { values: 7 },
    { values: [[1]] },
    null,
  ]) {
    assert.throws(() => pickLabels('lat', from, anything(pick)), /"lat"/u);
  }
  assert.throws(() => pickLabels('lat', from, [0, 1e9, 0.001]), { code: 'bad-region' });
  for (const pick of [2, 0.5, [0, 1, 0], [0.5, 1], { indices: [9] }, {}]) {
    assert.throws(() => pickIndices('lat', from, anything(pick)), { code: 'bad-region' });
  }
});

test('a grid has each object at its labels, the newer of two, and holes elsewhere', () => {
  const member = fc.record({
    labels: fc.tuple(fc.nat(3), fc.constantFrom('a', 'b', 'c')),
    time: fc.nat(3),
  });
  const told = fc.tuple(fc.array(fc.nat(5)), fc.constant([] as string[]));
  fc.assert(
    fc.property(fc.array(member), told, (members, labels) => {
      const numbered = members.map((each, at) => ({ ...each, at }));
      const newer = (one: (typeof numbered)[0], other: (typeof numbered)[0]): number =>
        one.time - other.time || one.at - other.at;
      const grid = new Grid(numbered, labels, newer);
      const best = new Map<string, (typeof numbered)[0]>();
      for (const each of numbered) {
        const known = best.get(each.labels.join());
        if (known === undefined || newer(each, known) > 0) best.set(each.labels.join(), each);
      }
      assert.equal(grid.count, best.size);
      assert.equal(grid.clashes.length, members.length - best.size);
      const [steps, texts] = [grid.all(0), grid.all(1)];
      const places = placesOf(grid, [steps, texts]);
      assert.equal(places.length, countPlaces([steps, texts]));
      for (const [at, place] of places.entries()) {
        assert.equal(place.at, at);
        const expected = [steps[Math.floor(at / texts.length)], texts[at % texts.length]];
        assert.deepEqual(
          place.labels,
          expected.map((each) => each?.label),
        );
        assert.equal(place.member, best.get(place.labels.join()) ?? null);
        assert.equal(grid.find(place.labels), place.member ?? undefined);
      }
      assert.deepEqual(
        [...grid.holes()],
        places.filter((place) => place.member === null).map((place) => place.labels),
      );
      assert.equal(grid.find([99, 'a']), undefined);
    }),
  );
});

test('more places than a demand plans over are not counted', () => {
  const axis = Array.from({ length: 1_025 }, (_, at) => ({ label: at, at }));
  assert.equal(countPlaces([axis.slice(1), axis.slice(1)]), LIMITS.cubePlacesMax);
  assert.equal(countPlaces([axis, axis.slice(1)]), null);
});
