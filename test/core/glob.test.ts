import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AttaccaError } from '../../src/core/errors.js';
import { compileGlob } from '../../src/core/glob.js';
import { encodeUtf8 } from '../../src/core/utf8.js';
import { fc } from '../fast-check.js';
import { refused } from './refusal.js';

function matches(glob: string, name: string): boolean {
  return compileGlob(glob).matches(encodeUtf8(name));
}

/** A glob in its parts: what the model matches and the compiler reads as text. */
type Part =
  | { type: 'star' }
  | { type: 'any' }
  | { type: 'literal'; character: string }
  | { type: 'set'; negated: boolean; ranges: readonly (readonly [string, string])[] };

// Few characters, of every size in UTF-8, so that names and globs meet.
const character = fc.constantFrom('a', 'b', 'c', '-', 'é', '海', '🌊', '*', ']', '\\');

const anyPart: fc.Arbitrary<Part> = fc.oneof(
  { weight: 3, arbitrary: character.map((c): Part => ({ type: 'literal', character: c })) },
  { weight: 2, arbitrary: fc.constant<Part>({ type: 'star' }) },
  { weight: 1, arbitrary: fc.constant<Part>({ type: 'any' }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('set' as const),
      negated: fc.boolean(),
      ranges: fc.array(
        fc
          .tuple(character, character)
          .map(([one, other]): readonly [string, string] =>
            point(one) <= point(other) ? [one, other] : [other, one],
          ),
        { minLength: 1, maxLength: 3 },
      ),
    }),
  },
);

function point(text: string): number {
  return text.codePointAt(0) ?? -1;
}

const escaped = (text: string): string => (/[*?[\]\\!-]/u.test(text) ? `\\${text}` : text);

function textOf(part: Part): string {
  switch (part.type) {
    case 'star':
      return '*';
    case 'any':
      return '?';
    case 'literal':
      return escaped(part.character);
    case 'set': {
      const ranges = part.ranges.map(([first, last]) =>
        first === last ? escaped(first) : `${escaped(first)}-${escaped(last)}`,
      );
      return `[${part.negated ? '!' : ''}${ranges.join('')}]`;
    }
  }
}

/** The model: recursive, over characters, without a thought for time. */
function model(parts: readonly Part[], name: readonly string[]): boolean {
  const [part, ...rest] = parts;
  if (part === undefined) return name.length === 0;
  if (part.type === 'star') {
    return model(rest, name) || (name.length > 0 && model(parts, name.slice(1)));
  }
  const [first, ...others] = name;
  if (first === undefined) return false;
  if (part.type === 'literal' && first !== part.character) return false;
  if (part.type === 'set') {
    const within = part.ranges.some(
      ([low, high]) => point(low) <= point(first) && point(first) <= point(high),
    );
    if (within === part.negated) return false;
  }
  return model(rest, others);
}

test('matches what the model matches', () => {
  fc.assert(
    fc.property(
      fc.array(anyPart, { maxLength: 6 }),
      fc.array(character, { maxLength: 7 }),
      (parts, name) => {
        const glob = compileGlob(parts.map(textOf).join(''));
        const bytes = encodeUtf8(name.join(''));
        assert.equal(glob.matches(bytes), model(parts, name));
        if (glob.matches(bytes)) {
          assert.deepEqual(bytes.subarray(0, glob.prefix.length), glob.prefix);
        }
        assert.equal(
          glob.literal,
          parts.every(({ type }) => type === 'literal'),
        );
      },
    ),
    { numRuns: 5_000 },
  );
});

test('a name that contains parts of the glob matches itself', () => {
  fc.assert(
    fc.property(fc.array(anyPart, { maxLength: 8 }), fc.array(character), (parts, run) => {
      let name = '';
      for (const part of parts) {
        if (part.type === 'star') name += run.join('');
        else if (part.type === 'any') name += '海';
        else if (part.type === 'literal') name += part.character;
        else if (part.negated) return;
        else name += part.ranges[0]?.[1] ?? '';
      }
      assert.ok(matches(parts.map(textOf).join(''), name));
    }),
  );
});

test('examples', () => {
  assert.ok(matches('', ''));
  assert.ok(!matches('', 'a'));
  assert.ok(matches('*', ''));
  assert.ok(matches('run/*/t?', 'run/a/b/t1'));
  assert.ok(matches('[a-]x', '-x'));
  assert.ok(matches('[-a]x', '-x'));
  assert.ok(matches('[^a]', '^'));
  assert.ok(matches('\\*', '*'));
  assert.ok(!matches('\\*', 'a'));
  assert.ok(matches('?', '🌊'));
  assert.ok(!matches('??', '🌊'));
  assert.ok(matches('[海-🌊]', '🌊'));
  assert.ok(matches(']', ']'));
});

test('matches within a larger buffer', () => {
  const bytes = encodeUtf8('xxabcyy');
  assert.ok(compileGlob('a*c').matches(bytes, 2, 5));
  assert.ok(!compileGlob('a*c').matches(bytes, 2, 6));
});

/** The position that the refusal of `glob` points at. */
function position(glob: string): unknown {
  try {
    compileGlob(glob);
  } catch (error) {
    if (error instanceof AttaccaError && error.code === 'bad-argument') {
      const { position: at } = error.fields;
      return at;
    }
    throw error;
  }
  return null;
}

test('what is malformed is refused, and the position shown', () => {
  assert.equal(position('海ab['), 3);
  assert.equal(position('ab[a'), 2);
  assert.equal(position('ab[a-'), 2);
  assert.equal(position('[]'), 0);
  assert.equal(position('[!]'), 0);
  assert.equal(position('x[cz-a]'), 3);
  assert.equal(position('ab\\'), 2);
  assert.equal(position('[a\\'), 2);
  assert.equal(position('*'.repeat(16)), null);
  assert.equal(position('*'.repeat(17)), 16);
  assert.equal(position('a'.repeat(1_001)), 1_000);
});

test('any text compiles or is refused', () => {
  const anyGlob = fc.string({ unit: fc.constantFrom(...'ab[]!-\\*?é'), maxLength: 12 });
  fc.assert(
    fc.property(anyGlob, anyGlob, (glob, name) => {
      try {
        matches(glob, name);
      } catch {
        refused('bad-argument', () => compileGlob(glob));
      }
    }),
    { numRuns: 2_000 },
  );
});

test('the worst glob on the longest name ends soon', () => {
  const name = encodeUtf8('a'.repeat(1_000));
  const glob = compileGlob(`${'*a'.repeat(16)}${'a'.repeat(400)}[ab]b`);
  const started = process.hrtime.bigint();
  for (let round = 0; round < 10; round++) assert.ok(!glob.matches(name));
  // Ten times a million steps at most; a matcher that tries all splits would need 10^30.
  assert.ok(process.hrtime.bigint() - started < 5_000_000_000n);
});
