import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAttribute, parseAttributes } from '../../src/cli/attribute.js';
import {
  formatDuration,
  parseDuration,
  parseLifetime,
  parseTimeout,
} from '../../src/cli/duration.js';
import { UsageError } from '../../src/cli/exit.js';
import {
  fitted,
  formatMap,
  formatTable,
  formatValue,
  printable,
  widthOf,
} from '../../src/cli/format.js';
import { toJson } from '../../src/cli/json.js';
import { parseCommandLine } from '../../src/cli/options.js';
import { errorLine, problemsOf } from '../../src/cli/report.js';
import { plainWords, shellWords } from '../../src/cli/shell-words.js';
import { AttaccaError } from '../../src/core/errors.js';
import { parseSelector } from '../../src/core/selector/parser.js';
import { didYouMean } from '../../src/core/suggest.js';
import { Float, Timestamp, type ValueMap } from '../../src/core/value.js';
import { fc } from '../fast-check.js';

const SPECS = {
  out: { type: 'string', short: 'o', value: 'FILE', help: '' },
  attribute: { type: 'string', short: 'a', multiple: true, help: '' },
  force: { type: 'boolean', short: 'f', help: '' },
  quiet: { type: 'boolean', short: 'q', help: '' },
} as const;

test('options and words stand in any order, behind -- nothing is ours', () => {
  const line = parseCommandLine(
    ['one', '-o', 'file', '-a', 'x=1', 'two', '--attribute=y=2', '-qf', '-', '--', '--out', 'z'],
    SPECS,
    { commandBehindDashes: true },
  );
  assert.deepEqual(line.words, ['one', 'two', '-']);
  assert.deepEqual(line.options, {
    out: 'file',
    attribute: ['x=1', 'y=2'],
    force: true,
    quiet: true,
  });
  assert.deepEqual(line.rest, ['--out', 'z']);
  assert.equal(parseCommandLine([], SPECS).rest, null);
  assert.deepEqual(parseCommandLine(['--'], SPECS).rest, []);
  assert.deepEqual(parseCommandLine(['one', '--', '-x'], SPECS).words, ['one', '-x']);
});

test("with stopAtWord the first word begins somebody else's command line", () => {
  const parse = (...args: string[]) => parseCommandLine(args, SPECS, { stopAtWord: true });
  assert.deepEqual(parse('-o', 'file', 'make', '-f', 'x').rest, ['make', '-f', 'x']);
  assert.deepEqual(parse('-qofile', 'make', '--', 'x').rest, ['make', '--', 'x']);
  assert.deepEqual(parse('-f', '--', 'make', '-f').rest, ['make', '-f']);
  assert.equal(parse('--out=file', '-q').rest, null);
});

test('an option may say that no other command line begins', () => {
  const how = { stopAtWord: true, unlessGiven: 'out' };
  const parse = (...args: string[]) => parseCommandLine(args, SPECS, how);
  const mixed = parse('-o', 'file', 'one', '-f', '--', '-q');
  assert.deepEqual([mixed.words, mixed.options.force], [['one', '-q'], true]);
  assert.deepEqual(parse('-f', 'make', '-o', 'file').rest, ['make', '-o', 'file']);
});

test('mistakes in options are refused, with what was probably meant', () => {
  const says = (pattern: RegExp, ...args: string[]): void => {
    assert.throws(() => parseCommandLine(args, SPECS), { name: 'UsageError', message: pattern });
  };
  says(/no option "--forse"\. Did you mean "--force"\?/u, '--forse');
  says(/no option "-z"/u, '-z');
  says(/"-o" needs a value: FILE/u, '-o');
  says(/"--out" needs a value/u, '--out', '--force');
  says(/"--force" takes no value/u, '--force=yes');
  says(/"--out" is given twice/u, '--out', 'a', '--out', 'b');
  assert.equal(parseCommandLine(['--out=--force'], SPECS).options.out, '--force');
  // A name of Object.prototype is no option.
  says(/no option "--constructor"/u, '--constructor');
});

test('the nearest word is found, a far one is not', () => {
  const commands = ['withdraw', 'stat', 'start', 'stop', 'ls', 'explain'];
  assert.equal(didYouMean('withdrw', commands), ' Did you mean "withdraw"?');
  assert.equal(didYouMean('strat', commands), ' Did you mean "start" or "stat"?');
  assert.equal(didYouMean('expl', commands), ' Did you mean "explain"?');
  assert.equal(didYouMean('xyzzy', commands), '');
  const near = ['log', 'ls', 'rm', 'lgs', 'put'];
  assert.equal(didYouMean('lg', near), ' Did you mean "lgs"?', 'what it begins is nearer');
  assert.equal(didYouMean('lg', near.slice(0, 3)), ' Did you mean "ls" or "log"?');
  assert.equal(didYouMean('x'.repeat(10_000), commands), '');
});

test('times are read with their unit, and refused without sense', () => {
  assert.equal(parseDuration('30s', '-t'), 30_000);
  assert.equal(parseDuration('1.5m', '-t'), 90_000);
  assert.equal(parseDuration('250ms', '-t'), 250);
  assert.equal(parseDuration('2', '-t'), 2_000);
  assert.equal(parseDuration('0', '-t'), 0);
  assert.equal(parseTimeout('none'), Number.POSITIVE_INFINITY);
  assert.equal(parseTimeout(undefined), undefined);
  for (const bad of ['', 's', '-1s', '1 fortnight', '1e9', '50d', 'NaN', '1s1s']) {
    assert.throws(() => parseDuration(bad, '-t'), UsageError, bad);
  }
  assert.deepEqual([parseLifetime('1ms'), parseLifetime(undefined)], [1, undefined]);
  for (const none of ['0', '0s', '0.1ms']) assert.throws(() => parseLifetime(none), UsageError);
  assert.equal(formatDuration(185_000), '3 m 5 s');
  assert.equal(formatDuration(59_999), '1 m');
  assert.equal(formatDuration(12), '12 ms');
  assert.equal(formatDuration(7_260_000), '2 h 1 m');
  assert.equal(formatDuration(172_800_000), '2 d');
  assert.equal(formatDuration(187_200_000), '2 d 4 h');
});

test('what our own API refuses is no fault of ours', () => {
  const refused = errorLine('put', new RangeError('Cannot keep an offer for 0 ms: 1 to 2^32 - 2'));
  assert.equal(refused, 'attacca put: Cannot keep an offer for 0 ms: 1 to 2^32 - 2 (bad-argument)');
  assert.match(errorLine('put', new RangeError('Invalid array length')), /\(internal\)$/u);
});

test('attributes get the type that they look like, or the one that is forced', () => {
  const value = (text: string) => parseAttribute(text).value;
  assert.deepEqual(parseAttribute('level=850'), { key: 'level', value: 850 });
  assert.equal(value('x=-5'), -5);
  assert.deepEqual(value('x=1.5'), new Float(1.5));
  assert.deepEqual(value('x=2.0'), new Float(2));
  assert.deepEqual(value('x=1e5'), new Float(100_000));
  assert.equal(value('flag=true'), true);
  assert.equal(value('time=0600'), '0600');
  assert.equal(value('x='), '');
  assert.equal(value('x=a=b'), 'a=b');
  assert.equal(value('x=nan'), 'nan');
  assert.equal(value('x=9223372036854775808'), 9223372036854775808n);
  assert.equal(value('s:str=850'), '850');
  assert.deepEqual(value('s:float=850'), new Float(850));
  assert.deepEqual(value('s:float=-inf'), new Float(Number.NEGATIVE_INFINITY));
  assert.equal(value('s:int=0600'), 600);
  assert.equal(value('s:bool=1'), true);
  assert.deepEqual(value('s:json=[1, 2.5, "a=b", [true]]'), [1, 2.5, 'a=b', [true]]);
  assert.deepEqual(value('s:json={"a": null}'), { a: null });
  assert.deepEqual(value('s:hex=00fF'), Uint8Array.of(0, 255));
  assert.deepEqual(value('s:hex='), new Uint8Array(0));
  assert.deepEqual(parseAttribute('a:b:str=x'), { key: 'a:b', value: 'x' });
  const noon = new Timestamp(1_704_110_400_000_000_000n);
  assert.deepEqual(value('t=2024-01-01T12:00:00Z'), noon);
  assert.deepEqual(value('t=2024-01-01T14:00+02:00'), noon);
  assert.deepEqual(value('t:time=2024-01-01T12:00'), noon);
  assert.deepEqual(value('t:time=2024-01-01'), new Timestamp(1_704_067_200_000_000_000n));
  assert.deepEqual(value('t=2024-01-01T12:00:00.000000001Z'), new Timestamp(noon.nanoseconds + 1n));
  assert.deepEqual(value('t=2024-01-01'), new Timestamp(1_704_067_200_000_000_000n));
  assert.equal(value('t:str=2024-01-01'), '2024-01-01');
  for (const text of ['2024-01', '2024-01-01T12:00', '2024-01-01-a', '20240101T12']) {
    assert.equal(value(`t=${text}`), text);
  }
});

test('a day or a moment is one in an attribute as it is in a selector', () => {
  for (const text of ['2026-11-27', '2026-11-27T06:00Z', '1999-12-31T23:59:59.000000001-02:30']) {
    const selector = parseSelector(`date = ${text}`);
    assert.ok(selector.kind === 'test' && selector.condition.kind === 'compare');
    assert.deepEqual(parseAttribute(`date=${text}`).value, selector.condition.value);
  }
});

test('attributes that make no sense are refused', () => {
  for (const bad of [
    'level',
    '=850',
    ':int=1',
    'x:int=1.5',
    'x:int=99999999999999999999',
    'x:bool=yes',
    'x:time=2024-02-30',
    'x:time=noon',
    'x:time=1066-10-14',
    'x:integer=1',
    'x:float=one',
    // Who looks for numbers would not find these as text.
    'x=99999999999999999999',
    'x=1e999',
    'x:float=1e999',
    'x:json=',
    'x:json=[1',
    'x:json=null',
    'x:json=5',
    'x:json=[9007199254740993]',
    'x:json=[1e999]',
    'x:hex=0',
    'x:hex=0g',
    't=2024-02-30T00:00Z',
    't=2024-02-30',
    't=1066-10-14',
  ]) {
    assert.throws(() => parseAttribute(bad), UsageError, bad);
  }
  assert.throws(() => parseAttributes(['a=1', 'a=2']), UsageError);
  assert.throws(
    () => parseAttribute('t=2024-02-30'),
    /looks like a day and is none; .*"t:str=2024-02-30"/u,
  );
  for (const [bad, how] of [
    ['x:time=20261127', /is no time; write .* 2026-01-31 or 2026-01-31T06:00:00Z/u],
    ['x:bool=True', /is no bool; write true or false/u],
    ['x:int=1.5', /is no int; write a whole number/u],
    ['x:float=one', /is no float; write a number/u],
  ] as const) {
    assert.throws(() => parseAttribute(bad), how);
  }
});

test('values become JSON that other programs read', () => {
  assert.equal(
    toJson({ a: 1, b: 2n ** 63n, c: new Float(2), d: Number.NaN, e: null, f: [true, 'x"\n'] }),
    '{"a":1,"b":9223372036854775808,"c":2.0,"d":"NaN","e":null,"f":[true,"x\\"\\n"]}',
  );
  assert.equal(toJson(new Uint8Array([1, 255])), '{"bytes":"01ff"}');
  assert.equal(toJson(new Timestamp(0n)), '"1970-01-01T00:00:00Z"');
  assert.equal(toJson(new Timestamp(-1n)), '"1969-12-31T23:59:59.999999999Z"');
  assert.equal(toJson(new Timestamp(1_500_000_000n)), '"1970-01-01T00:00:01.500Z"');
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const expected: unknown = JSON.parse(JSON.stringify(value));
      assert.deepEqual(JSON.parse(toJson(expected as never)), expected);
    }),
  );
});

test('what is shown cannot move the cursor or turn the text', () => {
  assert.equal(printable('a\nb\tc\u001b[31m\u202e'), 'a\\nb\\tc\\u001b[31m\\u202e');
  assert.equal(printable('Straße 風'), 'Straße 風');
  assert.equal(widthOf('風e\u0301'), 3);
});

/** Each is obeyed by terminals, turns the text, or is not seen at all. */
const UNSEEN = [
  ...['\u0000', '\u001b', '\u007f', '\u0085', '\u009b', '\u061c', '\u200b', '\u200d', '\u200e'],
  ...['\u200f', '\u2028', '\u202a', '\u202e', '\u2060', '\u2066', '\u2069', '\u206f', '\ufeff'],
  ...['\u{e0000}', '\u{e0001}', '\u{e0041}', '\u{e007f}'],
];

test('what is not seen as itself is written out, wherever in a value it stands', () => {
  for (const character of UNSEEN) {
    const text = `a${character}b`;
    const error = new AttaccaError('unknown-object', `Cannot find "${text}"`);
    const shown = [
      printable(text),
      formatValue([text, [text]]),
      formatValue({ [text]: text }),
      formatMap({ [text]: [text] }),
      errorLine('get', error),
      toJson({ [text]: text }),
    ];
    for (const each of shown) assert.match(each, /^[ -~]+$/u, JSON.stringify(character));
    assert.deepEqual(JSON.parse(toJson({ [text]: [text] })), { [text]: [text] });
  }
  assert.equal(printable('\u{e0041}\ufeff'), '\\u{e0041}\\ufeff');
  assert.equal(toJson('\u{e0041}\u009b'), '"\\udb40\\udc41\\u009b"');
});

test('tables line up, numbers to the right', () => {
  const plain = { dim: (text: string) => text };
  const columns = [{ head: 'NAME' }, { head: 'BYTES', right: true }, { head: 'BY' }];
  const table = formatTable(
    columns,
    [
      ['a', '1', 'x'],
      ['風風風', '123456', ''],
    ],
    plain,
  );
  assert.equal(table, 'NAME     BYTES  BY\na            1  x\n風風風  123456');
});

test('a line is split as a shell would, without its expansions', () => {
  const split = (line: string) => shellWords(line).map(({ text }) => text);
  assert.deepEqual(split(` a 'b c'  "d \\" \\x" e\\ f '' `), ['a', 'b c', 'd " \\x', 'e f', '']);
  assert.deepEqual(split(`--in 'my name'=f -- rest`), ['--in', 'my name=f', '--', 'rest']);
  assert.deepEqual(shellWords('a -- b', '--').at(-1), { text: '--', start: 2, end: 4 });
  assert.throws(() => shellWords(`a 'b`), /not closed/u);
  assert.throws(() => shellWords(`a "b`), /not closed/u);
});

test('of very many problems the first are told, and how many more there are', () => {
  const problems = Array.from({ length: 100 }, (_, index) => ({ text: `"k${index}" is wrong` }));
  const message = 'Cannot take the attributes: "k0" is wrong (and 149 other problems)';
  const told = (fields: ValueMap) =>
    problemsOf(new AttaccaError('schema-mismatch', message, fields));
  const texts = told({ problems, count: 150 }).map((each) => errorLine('put', each));
  assert.equal(texts.length, 20);
  assert.equal(
    texts[0],
    'attacca put: Cannot take the attributes: "k0" is wrong (schema-mismatch)',
  );
  assert.match(texts[19] ?? '', /"k19" is wrong \(and 130 other problems\) \(schema-mismatch\)$/u);
  // One problem, or what is no list of problems, is told as it is.
  for (const fields of [{ problems: problems.slice(0, 1) }, { problems: 7 }, {}]) {
    assert.deepEqual(
      told(fields).map((each) => errorLine('put', each)),
      [`attacca put: ${message} (schema-mismatch)`],
    );
  }
});

test('only a command that needs no shell goes without one', () => {
  assert.deepEqual(plainWords(`cp 'a b' c`), ['cp', 'a b', 'c']);
  for (const needsShell of [
    'cat a > b',
    'a | b',
    'a && b',
    'echo $X',
    'ls *.txt',
    'X=1 a',
    'cd /tmp',
    'exec a',
    '~/bin/a',
    '',
  ]) {
    assert.equal(plainWords(needsShell), null, needsShell);
  }
});

test('a text is cut to any width, without splitting a character', () => {
  assert.equal(fitted('waiting', 7), 'waiting');
  assert.equal(fitted('waiting', 6), 'wai...');
  assert.equal(fitted('風風風風', 6), '風...');
  for (const text of ['', 'a', 'waiting for "never"', '風e\u0301風🌊風', '🌊'.repeat(40)]) {
    for (let width = -1; width < 30; width++) {
      const cut = fitted(text, width);
      assert.ok(widthOf(cut) <= Math.max(width, 0), `${text} in ${width}: ${cut}`);
      assert.ok(cut === text || cut.replace(/\.\.\.$/, '').length < text.length);
    }
  }
});
