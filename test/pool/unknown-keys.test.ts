import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Value } from '../../src/core/value.js';
import { Harness } from './harness.js';

test('a plan tells the keys that no object has, with those that were likely meant', () => {
  const pool = new Harness();
  const member = pool.member('a');
  const unknown = (selector: string) => member.explainSelector(selector).value()['unknownKeys'];
  assert.deepEqual(unknown('step = 1'), [{ key: 'step', meant: null }]);
  member.offer('x', null, { attributes: { step: 1, param: 't' }, keep: true });
  member.tag('x', { quality: 'good' });
  assert.deepEqual(unknown('step = 9 and param = "u" and has quality and has .bytes'), []);
  assert.deepEqual(unknown('not (prm = "t" or stpe = 1) and qualty = 1'), [
    { key: 'prm', meant: 'param' },
    { key: 'stpe', meant: 'step' },
    { key: 'qualty', meant: 'quality' },
  ]);
  assert.deepEqual(unknown('.bytez > 3 or hastings = 1 or any hastings = 1'), [
    { key: '.bytez', meant: '.bytes' },
    { key: 'hastings', meant: null },
  ]);
  // The pool's own keys and patterns are not asked of objects.
  member.define('collection', 'l', {}).ok();
  assert.deepEqual(unknown('.container = "c" and .collection = "l" and key("temp_*") = 1'), []);
  assert.equal((unknown('a1 = 1 or b1 = 1 or c1 = 1 or d1 = 1 or e1 = 1') as Value[]).length, 4);
  // What an object has no longer is had by none.
  member.tag('x', {}, ['quality']);
  assert.deepEqual(unknown('quality = "good"'), [{ key: 'quality', meant: null }]);
  member.delete('x');
  assert.deepEqual(unknown('step = 1'), [{ key: 'step', meant: null }]);
});
