import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesMoved, forkJoin } from '../../bench/dag/graph.js';
import { checkJobs, countJob, SEED } from '../../bench/dag/work.js';

test('a job of the fork-join graph comes behind those it needs', () => {
  const jobs = forkJoin({ width: 3, depth: 2 });
  assert.equal(jobs.length, 1 + 3 * 2 + 1);
  const made = new Set<string>();
  for (const { inputs, output } of jobs) {
    for (const input of inputs) assert.ok(made.has(input), `${output} needs ${input}`);
    made.add(output);
  }
  assert.equal(jobs.at(-1)?.inputs.length, 3);
});

test('the bytes of all reads and writes are counted', () => {
  // A source, two jobs that read and write, a join that reads two and writes one.
  assert.equal(bytesMoved(forkJoin({ width: 2, depth: 1 }), 10), 10 + 2 * 20 + 30);
});

test('the last job finds out whether every job of a chain has run', () => {
  const values = new Uint8Array(10_000).fill(SEED);
  countJob(values);
  countJob(values);
  checkJobs(values, 2);
  assert.throws(() => checkJobs(values, 3), /Byte 0 is 9/);
});
