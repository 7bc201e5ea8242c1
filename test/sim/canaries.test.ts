import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allCanaries, CANARIES } from '../../src/sim/canaries.js';
import { RULES } from '../../src/sim/violation.js';
import { testCanaries } from './canary.js';

testCanaries(CANARIES);

test('each rule has a canary that no other rule finds', () => {
  const broken = new Set(Object.values(allCanaries()).map(({ breaks }) => breaks));
  assert.deepEqual([...broken].sort(), [...RULES].sort());
});
