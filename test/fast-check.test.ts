import { strict as assert } from 'node:assert';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { fc, seedOf } from './fast-check.js';

const tests = resolve(import.meta.dirname, '../../test');

test('properties try the same cases in every run', () => {
  const casesTried = (): number[] => {
    const cases: number[] = [];
    fc.assert(fc.property(fc.nat(), (value) => void cases.push(value)));
    return cases;
  };
  assert.deepEqual(casesTried(), casesTried());
});

test('ATTACCA_SEED is a seed, and nothing else passes for one', () => {
  assert.equal(seedOf(undefined), seedOf(''));
  assert.equal(seedOf('7'), 7);
  for (const text of ['-1', '0.5', 'x', 'random', '2147483648']) assert.throws(() => seedOf(text));
});

test('no test takes fast-check without its seed', () => {
  const own = ['fast-check.ts', 'fast-check.test.ts'];
  const files = readdirSync(tests, { recursive: true, encoding: 'utf8' });
  for (const file of files.filter((name) => name.endsWith('.ts') && !own.includes(name))) {
    const text = readFileSync(join(tests, file), 'utf8');
    assert.ok(!text.includes("from 'fast-check'"), `${file} imports fc from test/fast-check.js`);
  }
});
