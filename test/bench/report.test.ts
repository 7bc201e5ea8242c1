import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MetricSpec } from '../../bench/harness/benchmark.js';
import { recordOf, significant, tableOf } from '../../bench/harness/report.js';
import { judge, SampleTable } from '../../bench/harness/rounds.js';

const PLACE = { commit: 'abc', machine: 'a machine' };

function judgedOf(specs: readonly MetricSpec[]): ReturnType<typeof judge> {
  const table = new SampleTable();
  for (const [round, [own, rival, limit]] of [
    [100, 10, 200],
    [120, 10, 200],
    [110, 11, 220],
  ].entries()) {
    table.add({ name: 'attacca', kind: 'product' }, round, { rate: own ?? 0 });
    table.add({ name: 'redis', kind: 'rival' }, round, { rate: rival ?? 0 });
    table.add({ name: 'memcpy', kind: 'limit' }, round, { rate: limit ?? 0 });
  }
  return judge(table, specs);
}

const RATE: MetricSpec = { name: 'rate', unit: '1/s', better: 'higher' };

test('the record has the fields that are promised, and no others', () => {
  const record = recordOf(
    'some-bench',
    PLACE,
    judgedOf([{ ...RATE, goals: [{ of: 'memcpy', atLeast: 0.5 }] }]),
  );
  assert.deepEqual(record, {
    bench: 'some-bench',
    commit: 'abc',
    machine: 'a machine',
    metrics: [
      {
        name: 'rate',
        value: 110,
        unit: '1/s',
        better: 'higher',
        spread: [100, 120],
        rivals: { redis: 10 },
        limits: { memcpy: 200 },
        ratios: { redis: 10, memcpy: 0.5 },
        goals: [{ goal: '>= 0.5 x memcpy', reached: true }],
      },
    ],
  });
});

test('a metric that the product was not measured for is left out', () => {
  assert.deepEqual(judgedOf([{ ...RATE, name: 'other' }]), []);
});

test('a goal on a quotient looks at the rounds, not at the medians', () => {
  const [judged] = judgedOf([
    {
      ...RATE,
      goals: [
        { of: 'memcpy', atLeast: 0.5 },
        { of: 'memcpy', atLeast: 0.55 },
        { of: 'nobody', atLeast: 1 },
        { atMost: 100 },
      ],
    },
  ]);
  assert.deepEqual(
    judged?.verdicts.map(({ reached }) => reached),
    [true, false, false],
    'one of somebody who did not take part is left out',
  );
  assert.equal(judged?.ratios['redis'], 10);
});

test('ratios above 1 are good news in the table, whatever is better', () => {
  const table = new SampleTable();
  table.add({ name: 'attacca', kind: 'product' }, 0, { wait: 2 });
  table.add({ name: 'files', kind: 'rival' }, 0, { wait: 6 });
  const text = tableOf('b', judge(table, [{ name: 'wait', unit: 'ms', better: 'lower' }]), [
    { what: 'ray', why: 'not installed; install with: x\nand more' },
  ]);
  assert.match(text, /files +6 +attacca is 3x as good/);
  assert.match(text, /skipped ray: not installed; install with: x\n/);
  assert.doesNotMatch(text, /and more/);
});

test('four digits are kept', () => {
  assert.equal(significant(123_456), 123_500);
  assert.equal(significant(0.000_123_456), 0.000_123_5);
});

test('a round that one side missed leaves a hole, not a shift', () => {
  const table = new SampleTable();
  table.add({ name: 'attacca', kind: 'product' }, 0, { rate: 1 });
  table.add({ name: 'attacca', kind: 'product' }, 2, { rate: 3 });
  assert.deepEqual(table.of('attacca', 'rate'), [1, Number.NaN, 3]);
});
