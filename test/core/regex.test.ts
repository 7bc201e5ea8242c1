import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AttaccaError } from '../../src/core/errors.js';
import { LIMITS } from '../../src/core/limits.js';
import { compileRegex, type Regex } from '../../src/core/regex.js';
import { encodeUtf8 } from '../../src/core/utf8.js';
import { Work } from '../../src/core/work.js';
import { fc } from '../fast-check.js';
import { refused } from './refusal.js';

const matches = (pattern: string, text: string): boolean =>
  compileRegex(pattern).matches(encodeUtf8(text));

// Few characters, of every size in UTF-8, so that patterns and texts meet.
const CHARACTERS = ['a', 'b', 'B', '-', '1', ' ', 'é', '海', '🌊', '\n'];
const character = fc.constantFrom(...CHARACTERS);
const anyText = fc.string({ unit: character, maxLength: 9 });

const inSet = fc.oneof(
  character.map((c) => (c === '-' ? '\\-' : c)),
  fc.constantFrom('a-b', 'A-Z', 'é-海', '海-🌊', '\\d', '\\W', '\\s', '\\x62'),
);

const atom = fc.oneof(
  { weight: 6, arbitrary: character },
  {
    weight: 1,
    arbitrary: fc.constantFrom('.', '^', '$', '\\d', '\\D', '\\w', '\\S', '\\x61', '\\.'),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.boolean(), fc.array(inSet, { minLength: 1, maxLength: 3 }))
      .map(([negated, parts]) => `[${negated ? '^' : ''}${parts.join('')}]`),
  },
);

/** Patterns that mean the same to ECMAScript, with its flag `u`. */
const { pattern: anyPattern } = fc.letrec<{ pattern: string; sequence: string; piece: string }>(
  (tie) => ({
    pattern: fc
      .array(tie('sequence'), { minLength: 1, maxLength: 2 })
      .map((parts) => parts.join('|')),
    sequence: fc.array(tie('piece'), { maxLength: 4 }).map((parts) => parts.join('')),
    piece: fc.oneof(
      { depthSize: 'small', maxDepth: 3 },
      atom,
      fc
        .tuple(tie('pattern'), fc.constantFrom('', '*', '+', '?', '{2}', '{0,2}', '{1,}', '*?'))
        .map(([inner, times]) => `(?:${inner})${times}`),
    ),
  }),
);

test('finds what ECMAScript finds', () => {
  let found = 0;
  fc.assert(
    fc.property(anyPattern, fc.array(anyText, { minLength: 8, maxLength: 8 }), (pattern, texts) => {
      const regex = compileRegex(pattern);
      // Its dot leaves out more ends of lines; none of those is in these texts.
      const model = new RegExp(pattern, 'u');
      for (const text of texts) {
        const expected = model.test(text);
        if (expected) found++;
        assert.equal(regex.matches(encodeUtf8(text)), expected, `${pattern} in "${text}"`);
      }
    }),
    { numRuns: 4_000 },
  );
  assert.ok(found > 1_000);
});

test('every text that matches holds every required piece', () => {
  let pieces = 0;
  fc.assert(
    fc.property(anyPattern, anyText, anyText, (pattern, before, after) => {
      const regex = compileRegex(pattern);
      const required = regex.required.map((piece) => Buffer.from(piece));
      // The pattern itself, as text, is more likely to match than chance is.
      for (const text of [before, `${before}${pattern.replace(/[^ab1Bé海🌊]/gu, '')}${after}`]) {
        const bytes = Buffer.from(text);
        if (!regex.matches(bytes)) continue;
        for (const piece of required) {
          pieces++;
          assert.ok(bytes.includes(piece), `${pattern} in "${text}" without "${piece}"`);
        }
      }
    }),
    { numRuns: 4_000 },
  );
  assert.ok(pieces > 500);
});

test('required pieces are as long as the pattern says', () => {
  const required = (pattern: string): string[] =>
    compileRegex(pattern).required.map((piece) => Buffer.from(piece).toString());
  assert.deepEqual(required('^date:2026.*step:(1|2)2'), ['date:2026', 'step:', '2']);
  assert.deepEqual(required('a(bc)d'), ['abcd']);
  assert.deepEqual(required('ab+c'), ['a', 'b', 'c']);
  assert.deepEqual(required('(ab){3}'), ['ab']);
  assert.deepEqual(required('ab?海'), ['a', '海']);
  assert.deepEqual(required('a|b'), []);
  assert.deepEqual(required('(?i)a1b'), ['1']);
  assert.deepEqual(required(''), []);
});

test('examples', () => {
  assert.ok(matches('', ''));
  assert.ok(matches('b', 'abc'));
  assert.ok(!matches('^b', 'abc'));
  assert.ok(matches('\\Aabc\\z', 'abc'));
  assert.ok(matches('^$', ''));
  assert.ok(matches('$^', ''));
  assert.ok(!matches('$^', 'a'));
  assert.ok(matches('(^a|b$)', 'cb'));
  assert.ok(matches('^.$', '🌊'));
  assert.ok(!matches('^..$', '🌊'));
  assert.ok(!matches('^.$', '\n'));
  assert.ok(matches('(?s)^.$', '\n'));
  assert.ok(matches('(?i)Ab[^c]', 'aBd'));
  assert.ok(!matches('(?i)Ab[^c]', 'aBC'));
  assert.ok(!matches('(?i)K', '\u212a'), 'only ASCII has two cases');
  assert.ok(matches('(?si)A.', 'a\n'));
  assert.ok(matches('(?P<year>\\d{4})-(?<month>\\d\\d)', 'on 2026-01'));
  assert.ok(!matches('\\d', '٣'), 'digits are those of ASCII');
  assert.ok(matches('[]a]', ']'));
  assert.ok(matches('[^]a]', 'b'));
  assert.ok(matches('[a-]', '-'));
  assert.ok(matches('[\\d-z]', '-'));
  assert.ok(!matches('[^\\x{0}-\\x{10ffff}]', 'a'));
  assert.ok(matches('a{0}', ''));
  assert.ok(matches('\\{2\\}', '{2}'));
  assert.ok(matches('\u{10ffff}', '\u{10ffff}'));
});

test('matches within a larger buffer', () => {
  const bytes = encodeUtf8('xxabcyy');
  assert.ok(compileRegex('^abc$').matches(bytes, 2, 5));
  assert.ok(!compileRegex('^abc$').matches(bytes, 2, 6));
  assert.ok(!compileRegex('x').matches(bytes, 2, 5));
});

/** The position that the refusal of `pattern` points at. */
function position(pattern: string): unknown {
  try {
    compileRegex(pattern);
  } catch (error) {
    if (error instanceof AttaccaError && error.code === 'bad-selector') {
      return error.fields['position'];
    }
    throw error;
  }
  return null;
}

test('what is malformed is refused, and the position shown', () => {
  const cases: { readonly [pattern: string]: number | null } = {
    '海(a': 1,
    'a)': 1,
    'ab[c': 2,
    'ab[': 2,
    '[]': 0,
    'x[cz-a]': 3,
    'ab\\': 2,
    '[a\\': 2,
    '*a': 0,
    'a|+': 2,
    'a**': 2,
    'a*??': 3,
    'a{2}{3}': 4,
    'a{3,2}': 1,
    'a{1001}': 1,
    'a{2,1001}': 1,
    'a{1000}': null,
    'a{x}': 1,
    '(?=a)': 0,
    'a(?<=b)': 1,
    '(?<n a)': 0,
    'a(?i)b': 1,
    '(a)\\1': 3,
    'a\\b': 1,
    '\\pL': 0,
    'a\\q': 1,
    '\\xg0': 0,
    '\\x{110000}': 0,
    '\\x{d800}': 0,
    '[[:alpha:]]': 1,
  };
  for (const [pattern, expected] of Object.entries(cases)) {
    assert.equal(position(pattern), expected, pattern);
  }
});

test('depth, length and size have limits', () => {
  const deep = LIMITS.selectorDepthMax;
  assert.equal(position(`${'('.repeat(deep)}${')'.repeat(deep)}`), null);
  assert.equal(position('('.repeat(1_000)), deep);
  assert.equal(position('a'.repeat(LIMITS.patternBytesMax + 1)), 0);
  assert.equal(position('a'.repeat(LIMITS.patternBytesMax)), null);
  for (const pattern of [
    '(a{1000}){1000}',
    '(((){1000}){1000}){1000}',
    '(|){1000}{1}',
    '.{1000}',
  ]) {
    refused('bad-selector', () => compileRegex(pattern));
  }
  assert.ok(compileRegex('.{300}').size <= LIMITS.regexSizeMax);
});

test('any text compiles or is refused', () => {
  const anyPieces = fc.string({
    unit: fc.constantFrom(...'ab[](){}|*+?^$\\-,:=<P.1x海'),
    maxLength: 14,
  });
  fc.assert(
    fc.property(anyPieces, anyText, (pattern, text) => {
      try {
        matches(pattern, text);
      } catch {
        refused('bad-selector', () => compileRegex(pattern));
      }
    }),
    { numRuns: 5_000 },
  );
});

test('the worst patterns on the longest text end soon, however often they forget', () => {
  const bytes = new Uint8Array(LIMITS.attributeBytesMax);
  // Digits of a product: nearly each stretch of them is a new set of states.
  for (let at = 0; at < bytes.length; at++)
    bytes[at] = 97 + ((Math.imul(at, at * 7 + 3) >>> 5) & 1);
  const worst = ['(a+a+)+c', '(a|b)*a(a|b){500}c', '(.{10}|a){20}c', '(a*)*c', '(a|aa|b)+$c'];
  const started = process.hrtime.bigint();
  for (const pattern of worst) assert.ok(!compileRegex(pattern).matches(bytes), pattern);
  // Bytes times states; a matcher that tries all ways would never end.
  assert.ok(process.hrtime.bigint() - started < 60_000_000_000n);
});

test('what is forgotten is learnt again', () => {
  const regex = compileRegex('(a|b)*a(a|b){9}c$');
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 200 }), (text) => {
      assert.equal(regex.matches(encodeUtf8(`${text}c`)), /a[ab]{9}c$/u.test(`${text}c`));
    }),
    { numRuns: 500 },
  );
});

test('what a match costs does not depend on those before, and too much is refused', () => {
  const texts = ['ab'.repeat(400), 'abba'.repeat(100), 'b'.repeat(3_000), `${'aab'.repeat(50)}c`];
  const used = (regex: Regex, text: string): number => {
    const work = new Work();
    regex.matches(encodeUtf8(text), 0, text.length, work);
    return work.used;
  };
  for (const pattern of ['a[ab]{30}c', 'b+a|c$', '^(a|b)*$', 't.*0b|t.*1b|a.*2b']) {
    const regex = compileRegex(pattern);
    const alone = texts.map((text) => used(compileRegex(pattern), text));
    for (const order of [texts, texts.toReversed()]) for (const text of order) used(regex, text);
    assert.deepEqual(
      texts.map((text) => used(regex, text)),
      alone,
    );
  }
  const random = Array.from({ length: 60_000 }, (_, at) =>
    ((Math.imul(at, at * 7 + 3) >>> 5) & 1) === 0 ? 'a' : 'b',
  ).join('');
  refused('bad-selector', () => used(compileRegex('a[ab]{1000}c'), random));
  assert.ok(used(compileRegex('(a|b)+a{3}b.*c?'), random) < 1_000_000);
});

test('without sets a text is matched as with them', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 300 });
  const sources = ['a[ab]{40}c', '(a|b)*a(a|b){9}c$', '^(a|ab|c)*b[ac]{12}$', '(b.{7}c|c.{9}b)+$'];
  const all = sources.map((source) => ({ regex: compileRegex(source), model: new RegExp(source) }));
  const work = new Work();
  fc.assert(
    fc.property(letters, (text) => {
      for (const { regex, model } of all) {
        const found = regex.matches(encodeUtf8(text), 0, text.length, work);
        assert.equal(found, model.test(text), text);
      }
    }),
    { numRuns: 300 },
  );
});
