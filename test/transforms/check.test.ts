import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { planChain } from '../../src/transforms/chain.js';
import { FIELDS } from '../../src/transforms/fields.js';
import { Transforms } from '../../src/transforms/registry.js';
import type { TransformSpec } from '../../src/transforms/spec.js';
import { failure, run, spaceOf, transformCases } from './support.js';

const space = spaceOf('int16', [2, 3]);

describe('what is wrong with a transform', () => {
  test('is told with its key, and the keys that there are', async () => {
    const cases = transformCases();
    assert.ok(cases.length > 100);
    for (const { transforms, code = 'none', key } of cases) {
      const told = JSON.stringify(transforms);
      const work = () => run(transforms, Int16Array.of(1, 2, 3, 4, 5, 6), space);
      assert.equal(await failure(work), code, told);
      if (key === undefined) continue;
      const [named] = transforms.filter(
        (each) => Object.hasOwn(each, key) || transforms.length === 1,
      );
      assert.throws(
        () => planChain(transforms, space),
        (error: Error) =>
          error.message.includes(`"${key}"`) && error.message.includes(String(named?.kind)),
        told,
      );
    }
    const misspelled = { kind: 'scale', scale: 2, ofset: 0 } as unknown as TransformSpec;
    assert.throws(() => planChain([misspelled], space), {
      message:
        'Cannot use the transform "scale": it has no "ofset": it has scale, offset, fill, range, ' +
        'dtype. Did you mean "offset"?',
    });
  });

  test('every kind has cases in which a key is wrong', () => {
    const all = transformCases();
    for (const kind of Object.keys(FIELDS)) {
      const own = all.filter(({ transforms, code }) => {
        return code !== undefined && Array.isArray(transforms) && transforms.at(-1)?.kind === kind;
      });
      assert.ok(own.length >= 2, kind);
    }
  });

  test('is told when it is defined, too', async () => {
    const misspelled = { kind: 'scale', ofset: 1 } as unknown as TransformSpec;
    const code = await failure(() => new Transforms().define('x', misspelled));
    assert.equal(code, 'bad-transform');
  });

  test('is told without what a terminal would obey', async () => {
    const key = 'sc\u202eale\n\u0000';
    for (const spec of [
      { kind: 'scale', [key]: 1 },
      { kind: key },
      { kind: 'order', order: key },
    ]) {
      assert.throws(
        () => planChain([spec as unknown as TransformSpec], space),
        (error: Error) => error.message.includes('sc\\u202eale\\n\\u0000'),
      );
    }
  });
});
