import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AttaccaError } from '../../src/core/errors.js';
import { LIMITS } from '../../src/core/limits.js';
import { evaluate } from '../../src/transforms/expression/evaluate.js';
import { parseExpression } from '../../src/transforms/expression/parser.js';
import { fc } from '../fast-check.js';

function valuesOf(text: string, inputs: { readonly [name: string]: readonly number[] }): number[] {
  const { root } = parseExpression(text, Object.keys(inputs));
  const arrays = new Map(
    Object.entries(inputs).map(([name, list]) => [name, Float64Array.from(list)]),
  );
  const [first] = arrays.values();
  const to = new Float64Array(first?.length ?? 1);
  evaluate(root, arrays, to);
  return [...to];
}

const one = (text: string): number => valuesOf(text, {})[0] as number;

/** Where an expression is refused, and why. */
function refusal(text: string, names: readonly string[] = ['x']): { at: number; message: string } {
  try {
    parseExpression(text, names);
  } catch (error) {
    assert.ok(error instanceof AttaccaError);
    assert.equal(error.code, 'bad-expression');
    return { at: error.fields['at'] as number, message: error.message };
  }
  throw new Error(`"${text}" was read`);
}

describe('expressions', () => {
  test('what each binds', () => {
    const cases: readonly (readonly [string, number])[] = [
      ['1 + 2 * 3', 7],
      ['(1 + 2) * 3', 9],
      ['2 ** 3 ** 2', 512],
      ['-2 ** 2', -4],
      ['2 ** -1', 0.5],
      ['7 - 4 - 2', 1],
      ['8 / 4 / 2', 1],
      ['7 % 4', 3],
      ['--3', 3],
      ['1e3 + .5 + 2.', 1_002.5],
      ['where(1 < 2 and not 3 < 2, 10, 20)', 10],
      ['where(1 > 2 or 2 == 2, 10, 20)', 10],
      ['where(isnan(nan), 1, 0)', 1],
      ['max(1, 5, 3) + min(4, 2)', 7],
      ['round(2.5) + round(3.5) + round(-0.5)', 6],
      ['sqrt(16) + abs(-1) + floor(1.7) + ceil(1.2)', 8],
      ['atan2(0, -1) - pi', 0],
      ['log(e)', 1],
    ];
    for (const [text, value] of cases) assert.equal(one(text), value, text);
  });

  test('division by zero is as IEEE 754 has it', () => {
    assert.deepEqual(valuesOf('x / 0', { x: [1, -1, 0] }), [
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      Number.NaN,
    ]);
    assert.ok(Object.is(one('-1 / inf'), -0));
    assert.ok(Number.isNaN(one('sqrt(-1)')));
    assert.ok(Number.isNaN(one('max(1, nan)')));
  });

  test('what is none is refused at its character', () => {
    const cases: readonly (readonly [string, number, RegExp])[] = [
      ['', 0, /it ends/],
      ['1 +', 3, /it ends/],
      ['x $ 2', 2, /"\$" means nothing/],
      ['(x', 2, /"\)" was expected/],
      ['x)', 1, /one too many/],
      ['x y', 2, /one too many/],
      ['speeed', 0, /"speeed" is not known, at character 1\. Did you mean "speed"\?$/],
      ['sqr(x)', 0, /no function "sqr"/],
      ['sqrt(x, x)', 0, /takes 1, not 2/],
      ['atan2(x)', 0, /takes 2, not 1/],
      ['max(x)', 0, /"max" takes 2 or more, not 1/],
      ['min(x)', 0, /"min" takes 2 or more, not 1/],
      ['x + (x > 1)', 4, /number was expected/],
      ['where(x, 1, 2)', 6, /condition was expected/],
      ['x < 1 < 2', 6, /one too many/],
      ['not x', 4, /condition was expected/],
      ['x and x', 0, /takes no such value/],
      ['constructor', 0, /not known/],
      ['toString(x)', 0, /no function/],
    ];
    for (const [text, at, why] of cases) {
      const found = refusal(text, ['x', 'speed']);
      assert.match(found.message, why, text);
      assert.equal(found.at, at, text);
      assert.match(found.message, new RegExp(`at character ${at + 1}(?:$|\\. Did)`), text);
    }
  });

  test('what is refused stands in the error as nothing that a terminal would obey', () => {
    const shown = refusal('x + \u202ey\u0000\n').message;
    assert.match(shown, /^Cannot use "x \+ \\u202ey\\u0000\\n": "\\u202e" means nothing/);
    assert.match(refusal('zz', ['z\u200b']).message, /^[ -~]+$/);
    // No half of a pair is left where a long one is cut.
    for (const name of ['x', 'xx']) {
      assert.doesNotMatch(refusal(`${name} ${'\u{1f600}'.repeat(60)}`).message, /\p{Cs}/u);
    }
  });

  test('its length and depth have bounds', () => {
    const { expressionCharactersMax: most, expressionDepthMax: depth } = LIMITS;
    assert.match(refusal(`${' '.repeat(most)}x`).message, /longer than/);
    assert.match(refusal(`${'('.repeat(depth + 1)}x`).message, /nested deeper/);
    assert.match(refusal(`${'x ** '.repeat(depth + 1)}x`).message, /nested deeper/);
    const text = `${'x+'.repeat(most / 2 - 1)}x`;
    assert.deepEqual(valuesOf(text, { x: [1] }), [most / 2]);
    assert.ok(parseExpression(`${'-'.repeat(most - 1)}x`, ['x']));
  });

  test('any text is read or refused, nothing else happens', () => {
    const pieces = ['x', '1', '(', ')', '+', '-', '*', '**', ',', 'where', 'min', 'and', '<', ' '];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 12 }), (list) => {
        try {
          valuesOf(list.join(''), { x: [2] });
        } catch (error) {
          assert.ok(error instanceof AttaccaError, String(error));
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test('blocks of any length are computed as element by element', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 5_000 }), (length) => {
        const u = Array.from({ length }, (_, at) => Math.sin(at));
        const v = Array.from({ length }, (_, at) => at / 7 - 100);
        const text = 'where(v > 0, sqrt(u*u + v*v), -v) + max(u, v)';
        const expected = u.map((each, at) => {
          const other = v[at] as number;
          const first = other > 0 ? Math.sqrt(each * each + other * other) : -other;
          return first + Math.max(each, other);
        });
        assert.deepEqual(valuesOf(text, { u, v }), expected.slice(0, length));
      }),
      { numRuns: 30 },
    );
  });
});
