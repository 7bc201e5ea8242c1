import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseWish } from '../../bench/harness/arguments.js';
import type { MetricSpec } from '../../bench/harness/benchmark.js';
import { markdownOf, recordsOf } from '../../bench/harness/markdown.js';
import { type BenchRecord, recordOf } from '../../bench/harness/report.js';
import { judge, SampleTable } from '../../bench/harness/rounds.js';

const PLACE = { commit: 'abc', machine: 'a machine' };
const SPECS: readonly MetricSpec[] = [
  {
    name: 'MiBps',
    unit: 'MiB/s',
    better: 'higher',
    goals: [{ of: 'memcpy', atLeast: 0.8 }, { atLeast: 3 }],
  },
  { name: 'wait', unit: 'ms', better: 'lower' },
];

/** The second round is twice as slow for all. */
function someRecord(): BenchRecord {
  const table = new SampleTable();
  for (const [round, slow] of [1, 2].entries()) {
    table.add({ name: 'attacca', kind: 'product' }, round, { MiBps: 8 / slow, wait: 2 * slow });
    table.add({ name: 'redis', kind: 'rival' }, round, { MiBps: 2 / slow, wait: 5 * slow });
    table.add({ name: 'files', kind: 'rival' }, round, { wait: slow });
    table.add({ name: 'memcpy', kind: 'limit' }, round, { MiBps: 16 / slow });
  }
  return recordOf('sink', PLACE, judge(table, SPECS));
}

test('a table has a column a rival and a limit, and says which goals are reached', () => {
  const text = markdownOf([someRecord()]);
  const rows = text.split('\n').filter((line) => line.startsWith('|'));
  assert.deepEqual(rows, [
    '| metric | unit | Attacca | vs redis | vs files | limit memcpy | goal |',
    '| --- | --- | ---: | ---: | ---: | ---: | --- |',
    '| `MiBps` \u2191 | MiB/s | **6** [4, 8] | 4x |  | at 0.5 | ' +
      '**not** >= 0.8 x memcpy<br>\u2713 >= 3 MiB/s |',
    '| `wait` \u2193 | ms | **3** [2, 4] | 2.5x | 0.5x |  |  |',
  ]);
  assert.match(text, /^Attacca: median.*\n\n### sink\n\na machine; commit abc\.\n\n\| metric /);
});

test('without any goal there is no column of goals', () => {
  const { metrics, ...rest } = someRecord();
  const text = markdownOf([{ ...rest, metrics: metrics.slice(1) }]);
  assert.match(text, /\| vs files \|\n/);
  assert.doesNotMatch(text, /goal/);
});

test('a record, or a list of them, is read as it was written', () => {
  const record = someRecord();
  assert.deepEqual(recordsOf('a.json', JSON.stringify(record)), [record]);
  assert.deepEqual(recordsOf('a.json', JSON.stringify([record, record])), [record, record]);
  const both = markdownOf([record, { ...record, bench: 'dag' }]);
  assert.match(both, /\|\n\n### dag\n/);
});

test('a file of something else is named', () => {
  for (const text of ['', '{', '3', 'null', '{}', '[{}]', '{"bench":"sink","metrics":[{}]}']) {
    assert.throws(() => recordsOf('a.json', text), {
      name: 'TypeError',
      message: /Cannot make tables of "a\.json"/,
    });
  }
});

test('the flag takes files, and at least one', () => {
  const wish = parseWish(['--markdown', 'a.json', 'b.json']);
  assert.deepEqual(wish, { kind: 'markdown', files: ['a.json', 'b.json'] });
  assert.throws(() => parseWish(['--markdown']), /name files/);
});
