import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../../../src/core/limits.js';
import { pointAt } from '../../../src/core/selector/failure.js';
import { parseSelector } from '../../../src/core/selector/parser.js';
import { printSelector } from '../../../src/core/selector/printer.js';
import { encodeUtf8 } from '../../../src/core/utf8.js';
import { Float, Timestamp } from '../../../src/core/value.js';
import { fc } from '../../fast-check.js';
import { nameIn, pageAt, rowsOf } from '../page.js';
import { refusalOf } from './refusal.js';

/** The value of `a = VALUE`. */
function compared(text: string): unknown {
  const selector = parseSelector(`a = ${text}`);
  assert.ok(selector.kind === 'test' && selector.condition.kind === 'compare');
  return selector.condition.value;
}

test('values have the type that they are written as', () => {
  const moment = (nanoseconds: bigint): Timestamp => new Timestamp(nanoseconds);
  const cases: readonly (readonly [text: string, value: unknown])[] = [
    ['12', 12],
    ['-0', 0],
    ['+5', 5],
    ['9007199254740991', 2 ** 53 - 1],
    ['9007199254740992', 2n ** 53n],
    ['18446744073709551615', 2n ** 64n - 1n],
    ['-9223372036854775808', -(2n ** 63n)],
    ['1.5', 1.5],
    ['2.0', new Float(2)],
    ['-2e-3', -0.002],
    ['1E3', new Float(1_000)],
    ['-0.0', -0],
    ['9007199254740992.0', 2 ** 53],
    ['inf', Number.POSITIVE_INFINITY],
    ['-inf', Number.NEGATIVE_INFINITY],
    ['nan', Number.NaN],
    ['"a\\n\\t\\\\\\"\\\'\\u{1f30a}\\u{0}"', 'a\n\t\\"\'🌊\0'],
    ["'\"'", '"'],
    ['"and\0\n"', 'and\0\n'],
    ['true', true],
    ['null', null],
    ['x"00fF"', Uint8Array.of(0, 255)],
    ["x''", new Uint8Array(0)],
    ['[]', []],
    ['[1, "a", [null]]', [1, 'a', [null]]],
    ['1970-01-01', moment(0n)],
    ['1969-12-31T23:59:59.999999999Z', moment(-1n)],
    ['2000-02-29T12:30Z', moment(951_827_400_000_000_000n)],
    ['2026-01-01T00:00:00.5-23:59', moment(1_767_311_940_500_000_000n)],
    ['2262-04-11T23:47:16.854775807Z', moment(2n ** 63n - 1n)],
    ['1677-09-21T00:12:43.145224192Z', moment(-(2n ** 63n))],
  ];
  for (const [text, value] of cases) assert.deepStrictEqual(compared(text), value, text);
});

test('timestamps are those of the calendar', () => {
  const range = { min: new Date('1678-01-01'), max: new Date('2262-01-01'), noInvalidDate: true };
  fc.assert(
    fc.property(fc.date(range), (date) => {
      const expected = new Timestamp(BigInt(date.getTime()) * 1_000_000n);
      assert.deepStrictEqual(compared(date.toISOString()), expected);
    }),
    { numRuns: 2_000 },
  );
});

/** Each text with the character that is wrong, marked by `^` before it, and what is said. */
const REFUSED: readonly (readonly [marked: string, why: RegExp])[] = [
  // Other languages.
  ['a = 1 ^&& b = 2', /"&&" means nothing here: did you mean and\?$/],
  ['a = 1 ^|| b = 2', /did you mean or\?$/],
  ['^! a = 1', /did you mean not\?$/],
  ['a = 1 ^AND b = 2', /"AND" means nothing here: did you mean and\?$/],
  ['(a = 1 ^OR b = 2)', /did you mean or\?$/],
  ['a ^<> 1', /did you mean !=\?$/],
  ['a ^=> 1', /did you mean >=\?$/],
  ['a ^=== 1', /did you mean =\?$/],
  ['a ^LIKE "x"', /did you mean ~\?$/],
  ['a ^contains "x"', /did you mean infix\?$/],
  ['a ^IN [1]', /did you mean in\?$/],
  ['a ^not in [1]', /"not" stands before the key$/],
  ['a = ^“x”', /did you mean "\?$/],
  ['a ^; b', /";" means nothing here$/],
  ['a =^\u00a01', /the character U\+00A0 means nothing here$/],
  ['^\0', /U\+0000/],
  ['^海 = 1', /"海" means nothing here$/],
  // Values.
  ['param = ^t', /^t is no value; a text stands in quotes: "t"$/],
  ['param in [^t, u]', /^t is no value; a text stands in quotes: "t"$/],
  ['param = ^True', /did you mean true\?$/],
  ['param = ^None', /did you mean null\?$/],
  ['a < ^.5', /did you mean 0\.5\?$/],
  ['a = ^0001', /begins with 0: as a text it stands in quotes$/],
  ['a = ^1.', /is no number/],
  ['a = ^12abc', /is no number/],
  ['a = ^-', /is no number/],
  ['a = ^18446744073709551616', /64 bits/],
  ['a = ^-9223372036854775809', /64 bits/],
  [`a = ^${'9'.repeat(5_000)}`, /64 bits/],
  ['a = ^1e999', /too large for a float64/],
  ['a = ^2026-13-01', /no such day/],
  ['a = ^2026-02-29', /no such day/],
  ['a = ^2026-01-00', /no such day/],
  ['a = ^2026-01-01T24:00Z', /no such time/],
  ['a = ^2026-01-01T06:00', /did you mean 2026-01-01T06:00Z\?$/],
  ['a = ^2026-01-01T06:00+24:00', /no such zone/],
  ['a = ^2026-1-1', /write a moment as/],
  ['a = ^1500-01-01', /moments lie between/],
  ['a = ^x"0"', /pairs of hexadecimal digits/],
  ['a = ^x"0g"', /pairs of hexadecimal digits/],
  ['`海` = ^"x', /a text is not closed$/],
  ['a = ^"x\\"', /a text is not closed$/],
  ['a = "x^\\q"', /escapes are/],
  ['a = "x^\\u{110000}"', /escapes are/],
  ['a = "x^\\u{d800}"', /escapes are/],
  ['a = "🌊^\ud800"', /half a surrogate pair/],
  ['a = ^', /here stands the end where a value should$/],
  ['a == ^= 1', /where a value should$/],
  ['(a = ^)', /where a value should$/],
  ['a = ^[1, 2', /"\[" is not closed$/],
  ['a = [1 ^2]', /where "\]" should$/],
  ['a = [1, ^]', /where a value should$/],
  // Operators and their values.
  ['step ^', /after a key comes an operator.*the end$/],
  ['step ^..5', /after a key comes an operator/],
  ['a < ^true', /booleans have no order/],
  ['a >= ^null', /null has no order/],
  ['a > ^[1]', /lists have no order/],
  ['a = 1^..5', /did you mean in\?$/],
  ['a in ^5', /did you mean =\?$/],
  ['step in ^0-24', /"0-24" is no number; a range is written 0\.\.24$/],
  ['step in ^-1.5:2.5', /a range is written -1\.5\.\.2\.5$/],
  ['step in ^1-2-3', /"1-2-3" is no number; a text stands in quotes$/],
  ['step in ^(0,12)', /a list stands in brackets: did you mean \[0, 12\]\?$/],
  ['has `🌊` and a in ^("t", "u") and b = 1', /did you mean \["t", "u"\]\?$/],
  ['step in ^(', /did you mean \[\.\.\.\]\?$/],
  [`step in ^(${'1,'.repeat(900)}1)`, /did you mean \[\.\.\.\]\?$/],
  ['a in ^.. and b = 1', /an end at least: did you mean has\?$/],
  ['a in [1, ^..]', /an end at least/],
  ['a in 1..^"x"', /of one type$/],
  ['a in ^true..', /numbers, texts, moments or bytes$/],
  ['a in ^null..5', /numbers, texts, moments or bytes$/],
  ['a in 5..^null', /numbers, texts, moments or bytes$/],
  ['a ~ ^b', /where a text in quotes should$/],
  ['a prefix ^1', /where a text in quotes should$/],
  // Patterns: the very character, behind escapes too.
  ['a ~ "x^[b"', /in the pattern "\[" is not closed$/],
  ['a ~ "\\u{1f30a}\\n^[b"', /in the pattern "\[" is not closed$/],
  [`a ~ "${'*'.repeat(16)}^*"`, /more than 16 stars/],
  ['a =~ "\\\\d^(b"', /in the pattern "\(" is not closed$/],
  ["a =~ 'b*^*'", /repeated/],
  ['has key("^[")', /in the pattern/],
  ['has key(=~ "^)")', /in the pattern "\)" closes nothing$/],
  ['key("a" ^= 1', /where "\)" should$/],
  ['has key(^a)', /where a text in quotes should$/],
  // Keys.
  ['^and = 1', /as a key it is written `and`$/],
  ['^in in [1]', /as a key it is written `in`$/],
  ['has ^', /here stands the end where a key should$/],
  ['^"a" = 1', /a key stands in back-quotes/],
  ['^1 = a', /here stands a value where a key should$/],
  ['^`` = 1', /never empty/],
  ['^`a = 1', /a key in back-quotes is not closed$/],
  ['not ^', /where a key should$/],
  ['any ^has a', /where a key should/],
  // Structure.
  ['a = 1 ^b = 2', /before "b" "and" or "or" is missing$/],
  ['a = 1 ^(b = 2)', /before "\(" "and" or "or" is missing$/],
  ['a = 1^)', /"\)" closes nothing$/],
  ['^(a = 1', /"\(" is not closed$/],
  ['a = 1 or ^(b = 2', /"\(" is not closed$/],
  ['^()', /"\(\)" says nothing$/],
  ['a = 1 and ^', /where a key should$/],
  ['(and^)', /the parts of \(and \.\.\.\) stand in parentheses each$/],
  ['(or (a = 1) ^b = 2)', /the parts of \(or \.\.\.\) stand in parentheses each$/],
  ['^(and (a = 1)', /"\(" is not closed$/],
];

test('what is no selector is refused, with the character that is wrong and what was meant', () => {
  for (const [marked, why] of REFUSED) {
    const position = Array.from(marked).indexOf('^');
    const text = marked.replace('^', '');
    const refusal = refusalOf(text);
    assert.ok(refusal !== null, text);
    assert.match(refusal.why, why, text);
    assert.equal(refusal.position, position, `${text}: ${refusal.why}`);
    assert.ok(refusal.why.length < 200, refusal.why);
  }
});

test('nodes know where they stand', () => {
  const selector = parseSelector('not `海x` = 1');
  assert.ok(selector.kind === 'not' && selector.part.kind === 'test');
  assert.deepEqual([selector.at, selector.part.at, selector.part.condition.at], [0, 4, 9]);
  const quantified = parseSelector('  any key("a*") in 1..');
  assert.ok(quantified.kind === 'test');
  assert.deepEqual([quantified.at, quantified.key.at, quantified.condition.at], [2, 6, 16]);
});

test('keys end where a range begins', () => {
  const selector = parseSelector('a.b-c:d.in in 0..24');
  assert.ok(selector.kind === 'test' && selector.key.kind === 'name');
  assert.equal(selector.key.name, 'a.b-c:d.in');
  assert.equal(refusalOf('a..b = 1')?.position, 1);
  assert.equal(refusalOf('`a..b` = 1'), null);
  assert.equal(refusalOf('key = 1 and x = 2 and key in x"00"..'), null);
});

test('every limit is refused, and what lies just within is not', () => {
  const { keyBytesMax, patternBytesMax, selectorBytesMax, selectorDepthMax } = LIMITS;
  const filled = (bytes: number): string => `has a${' '.repeat(bytes - 5)}`;
  assert.equal(refusalOf(filled(selectorBytesMax)), null);
  assert.deepEqual(refusalOf(filled(selectorBytesMax + 1)), {
    why: 'it is longer than 65536 bytes',
    position: selectorBytesMax,
  });
  const waves = `a = "${'🌊'.repeat(selectorBytesMax / 4)}"`;
  assert.equal(refusalOf(waves)?.position, 5 + selectorBytesMax / 4 - 2);
  const nested = (open: string, inner: string, close: string, depth: number): string =>
    `${open.repeat(depth)}${inner}${close.repeat(depth)}`;
  // How many such levels are just within: a parenthesis counts, and `not`, and the innermost.
  for (const [open, inner, close, levels] of [
    ['(', 'has a', ')', selectorDepthMax],
    ['not ', 'has a', '', selectorDepthMax],
    ['(and(has b)', '(has a)', ')', selectorDepthMax - 1],
    ['(not', 'has a', ')', selectorDepthMax / 2],
  ] as const) {
    const within = nested(open, ` ${inner}`, close, levels);
    assert.equal(refusalOf(within), null, open);
    assert.equal(refusalOf(printSelector(parseSelector(within))), null, open);
    const beyond = refusalOf(nested(open, ` ${inner}`, close, levels + 1));
    assert.match(beyond?.why ?? '', /more than 64 deep$/u, open);
  }
  const list = (depth: number): string => `a = ${nested('[', '', ']', depth)}`;
  assert.equal(refusalOf(list(selectorDepthMax)), null);
  assert.equal(refusalOf(list(selectorDepthMax + 1))?.position, 4 + selectorDepthMax);
  const items = (count: number): string => `a in [${Array(count).fill('1').join()}]`;
  assert.equal(refusalOf(items(LIMITS.selectorNodesMax - 1)), null);
  assert.match(refusalOf(items(LIMITS.selectorNodesMax))?.why ?? '', /more than 4096 parts/);
  const terms = (count: number): string => Array(count).fill('has a').join(' or ');
  assert.equal(refusalOf(terms(LIMITS.selectorNodesMax - 1)), null);
  assert.match(refusalOf(terms(LIMITS.selectorNodesMax))?.why ?? '', /more than 4096 parts/);
  assert.equal(refusalOf(`a =~ "${'a'.repeat(patternBytesMax)}"`), null);
  assert.equal(refusalOf(`a =~ "${'a'.repeat(patternBytesMax + 1)}"`)?.position, 5);
  assert.match(refusalOf(`a ~ "${'海'.repeat(1_001)}"`)?.why ?? '', /longer than 1000/);
  assert.match(refusalOf(`a ~ "${'海'.repeat(patternBytesMax / 2)}"`)?.why ?? '', /4096 bytes/);
  assert.equal(refusalOf(`has ${'k'.repeat(keyBytesMax)}`), null);
  assert.match(refusalOf(`has ${'k'.repeat(keyBytesMax + 1)}`)?.why ?? '', /255 bytes/);
  const regexes = (count: number): string => Array(count).fill('a =~ "a{1000}"').join(' or ');
  assert.equal(refusalOf(regexes(5)), null);
  assert.match(refusalOf(regexes(6))?.why ?? '', /more than 16384 states together/);
});

test('hostile texts are refused at once', () => {
  const million = 1_000_000;
  const texts = [
    ...['(', 'not ', 'a=[', '(and', '"', "'", '`', '\\', '\0', '\ud800', '.', '..', '-', '&', 'x"'],
    ...['a=1 and ', '[', ')', '9', 'a=~"(', '\u00a0', '(or(has a)'],
  ].map((each) => each.repeat(million / each.length));
  const cut = texts.map((text) => text.slice(0, LIMITS.selectorBytesMax));
  const started = process.hrtime.bigint();
  for (const text of [...texts, ...cut]) {
    assert.ok(refusalOf(text) !== null, text.slice(0, 10));
    assert.ok(refusalOf(`a="${text}`) !== null, text.slice(0, 10));
  }
  // Eighty texts in linear time; in quadratic time each would take minutes.
  assert.ok(process.hrtime.bigint() - started < 60_000_000_000n);
});

const PIECES = [
  ...['a', 'step', '.b', 'key', 'x', '`k`', '1', '0.5', '-3', 'inf', '2026-01-01', '"t"', "'u"],
  ...['x"00"', '(', ')', '[', ']', ',', '..', '=', '==', '!=', '<', '>=', '~', '=~', ' ', '\n'],
  ...['and', 'or', 'not', 'in', 'has', 'any', 'all', 'prefix', 'true', 'null', '"a*"', '"[', '\\'],
  ...['\0', '\ud800', '🌊', '&&', '!', '`', '"'],
];

test('any text is a selector or is refused as none', () => {
  let read = 0;
  const pieces = fc
    .array(fc.constantFrom(...PIECES), { maxLength: 14 })
    .map((all) => all.join(' '));
  fc.assert(
    fc.property(fc.oneof(pieces, fc.string({ unit: 'binary' }), fc.string()), (text) => {
      if (refusalOf(text) === null) read++;
    }),
    { numRuns: 20_000 },
  );
  assert.ok(read > 50);
});

test('a selector that is cut or has one character changed is read or refused', () => {
  const whole =
    'param = "t\\n" and (step in 0..24 or any `l l` in [1, x"00", 2026-01-01T00:00Z..]) and ' +
    'not (and (has key(=~ "a{2}"))(n ~ "t[a-b]*")) or v != [1.5, -inf, null]';
  assert.equal(refusalOf(whole), null);
  for (let end = 0; end < whole.length; end++) refusalOf(whole.slice(0, end));
  for (let at = 0; at < whole.length; at++) {
    for (const other of ['"', '(', ' ', '\\', '9', '.', 'a', '']) {
      refusalOf(`${whole.slice(0, at)}${other}${whole.slice(at + 1)}`);
    }
  }
});

test('a caret stands under the character that is meant', () => {
  assert.equal(pointAt('a = b', 4), 'a = b\n    ^');
  assert.equal(pointAt('a =', 3), 'a =\n   ^');
  assert.equal(pointAt('', 0), '\n^');
  assert.equal(pointAt('a\n=\u202e🌊 b', 6), 'a = 🌊 b\n      ^');
  assert.equal(pointAt('0123456789abcdef', 0, 12), '012345678...\n^');
  assert.equal(pointAt('0123456789abcdef', 7, 12), '...456789...\n      ^');
  assert.equal(pointAt('0123456789abcdef', 16, 12), '...89abcdef\n           ^');
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), fc.nat(70), (text, position) => {
      const characters = Array.from(text);
      const [line = '', caret = ''] = pointAt(text, position, 20).split('\n');
      const shown = Array.from(line);
      assert.ok(shown.length <= 20 && caret.endsWith('^') && caret.length <= 20);
      const meant = characters[position];
      if (meant !== undefined && encodeUtf8(meant).length < 3) {
        assert.equal(shown[caret.length - 1], meant);
      }
    }),
  );
});

test('every selector of docs/selectors.md is one', () => {
  const page = pageAt('docs/selectors.md');
  const blocks = [...page.matchAll(/^```\n(.*)\n```$/gmu)].map((match) => match[1] ?? '');
  const rows = rowsOf(page, 'condition', 'true when').map(([condition]) => nameIn(condition));
  const values = rowsOf(page, 'value').flatMap(([cell = '']) => [...cell.matchAll(/`([^`]+)`/gu)]);
  const selectors = [...blocks, ...rows, ...values.map((match) => `a = ${match[1]}`)];
  assert.ok(selectors.length > 30);
  for (const text of selectors) assert.equal(refusalOf(text), null, text);
});
