import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../../src/core/limits.js';
import { planChain } from '../../src/transforms/chain.js';
import { Transforms } from '../../src/transforms/registry.js';
import type { TransformSpec } from '../../src/transforms/spec.js';
import { ADD_ONE, moduleOf } from './modules.js';
import { spaceOf } from './support.js';

test('what is defined is had by its name, alone and one behind the other', () => {
  const module = moduleOf({ transform: ADD_ONE });
  const transforms = new Transforms()
    .define('celsius', { kind: 'expression', text: 'x - 273.15' })
    .define('first', { kind: 'wasm', module })
    .define('stored', [
      { kind: 'bitround', bits: 8 },
      { kind: 'shuffle', itemSize: 4 },
    ])
    .defineVariable('speed', ['u', 'v'], 'sqrt(u*u + v*v)');
  assert.deepEqual(transforms.names, ['celsius', 'first', 'stored', 'speed']);
  assert.equal(transforms.variable('speed'), 'sqrt(u*u + v*v)');
  const chain = transforms.chain('celsius', 'stored');
  assert.deepEqual(
    chain.map(({ kind }) => kind),
    ['expression', 'bitround', 'shuffle'],
  );
  assert.equal(planChain(chain, spaceOf('float32', [4])).steps.length, 3);
  // It is what it was, whatever becomes of the module that was given.
  const before = module.slice();
  module.fill(0);
  assert.deepEqual(transforms.chain('first'), [{ kind: 'wasm', module: before }]);
  assert.deepEqual(transforms.chain(), []);
  assert.deepEqual(new Transforms().names, [], 'each registry has its own');
});

test('what cannot be right is refused when it is defined, what is not there when it is used', () => {
  const transforms = new Transforms().define('celsius', { kind: 'units', from: 'K', to: 'degC' });
  const define =
    (name: string, ...chain: unknown[]) =>
    () =>
      transforms.define(name, chain as TransformSpec[]);
  assert.throws(define('a', { kind: 'expression', text: 'x +' }), { code: 'bad-expression' });
  assert.throws(define('a', { kind: 'expression', text: 'y' }), { code: 'bad-expression' });
  const endless = moduleOf({ pagesMax: null });
  assert.throws(define('a', { kind: 'wasm', module: endless }), { code: 'bad-transform' });
  assert.throws(define('a', 'celsius'), { code: 'bad-transform' });
  const many = new Array(LIMITS.transformsMax + 1).fill({ kind: 'transpose' });
  assert.throws(define('a', ...many), { code: 'bad-transform' });
  assert.throws(define('celsius', { kind: 'transpose' }), { code: 'bad-argument' });
  assert.throws(define('', { kind: 'transpose' }), { code: 'bad-argument' });
  const variable = () => transforms.defineVariable('speed', ['u'], 'u + v');
  assert.throws(variable, { code: 'bad-expression' });
  assert.deepEqual(transforms.names, ['celsius']);
  assert.throws(() => transforms.chain('celcius'), {
    code: 'bad-transform',
    message: /it is not defined\. Did you mean "celsius"\?/u,
  });
  assert.throws(() => transforms.variable('celsius'), { code: 'bad-expression' });
  for (let count = 1; count < LIMITS.definitionsMax; count++) {
    transforms.define(`t${count}`, { kind: 'transpose' });
  }
  assert.throws(define('one more', { kind: 'transpose' }), { code: 'bad-argument' });
});
