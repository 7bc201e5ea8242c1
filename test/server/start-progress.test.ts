import assert from 'node:assert/strict';
import { test } from 'node:test';
import { segmentName } from '../../src/journal/segment.js';
import { StartProgress } from '../../src/server/start-progress.js';

/** Reads records of three segments, each after so many milliseconds; what is told. */
function told(msEach: number, records = 3_000): string[] {
  let ms = 0;
  const lines: string[] = [];
  const names = [segmentName(2_001), 'spare', segmentName(1), 'snapshot-x', segmentName(1_001)];
  const progress = new StartProgress({
    files: names.map((name) => ({ name })),
    now: () => ms,
    log: (line) => lines.push(line),
  });
  for (let number = 1; number <= records; number++) {
    ms += msEach;
    progress.record(number);
  }
  return lines;
}

test('a long start tells each two seconds how far it is, a short one nothing', () => {
  assert.deepEqual(told(0.5), []);
  assert.deepEqual(told(2), [
    'reading the journal: 1,000 records so far, segment 1 of 3',
    'reading the journal: 2,000 records so far, segment 2 of 3',
    'reading the journal: 3,000 records so far, segment 3 of 3',
  ]);
  // Records that take long: each is told once.
  assert.equal(told(10_000, 5).length, 5);
});
