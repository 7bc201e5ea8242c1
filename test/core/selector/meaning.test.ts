import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSelector } from '../../../src/core/selector/parser.js';
import { Float, Timestamp, type Value } from '../../../src/core/value.js';
import { isSelected } from './reference.js';

const OBJECT: ReadonlyMap<string, Value> = new Map<string, Value>([
  ['step', 12],
  ['param', 't'],
  ['name', 't850-海'],
  ['level', new Float(850)],
  ['half', 0.5],
  ['big', 2n ** 53n + 1n],
  ['unsigned', 2n ** 64n - 1n],
  ['nothing', Number.NaN],
  ['zero', -0],
  ['flag', true],
  ['at', new Timestamp(1_767_225_600_000_000_000n)],
  ['raw', Uint8Array.of(0, 255)],
  ['levels', [1, 2, 3]],
  ['empty', []],
  ['mixed', [1, 'a', null]],
  ['meta', { a: 1 }],
  ['temp_a', 5],
  ['temp_b', 9],
  ['and', 1],
]);

/** Each text with whether it selects {@link OBJECT}. */
const MEANING: { readonly [text: string]: boolean } = {
  '': true,
  true: true,
  false: false,
  // Keys that are there, and not.
  'has step': true,
  'has steps': false,
  'steps = 12': false,
  'not steps = 12': true,
  'steps != 12': false,
  'steps < 12 or steps >= 12 or steps in ..12 or steps in 12..': false,
  'any steps = 1 or all steps = 1': false,
  'steps = null': false,
  // Types do not meet.
  'step = "12"': false,
  'step != "12"': true,
  'step < "a" or step >= "a"': false,
  'step = true or flag = 1 or flag = "true"': false,
  'at > 0 or at <= 0': false,
  'raw = "\\u{0}\\u{ff}"': false,
  'meta = null or meta = 1 or meta = []': false,
  'has meta and meta != 1': true,
  // Numbers compare exactly, whatever their type.
  'step = 12.0 and level = 850 and level in 850..850': true,
  'half = 0.5 and half > 0 and half < 1': true,
  'big = 9007199254740993': true,
  'big = 9007199254740992.0 or big = 9007199254740992': false,
  'big > 9007199254740992.0 and big < 9007199254740994.0': true,
  'unsigned = 18446744073709551615 and unsigned < 18446744073709551616.0': true,
  'unsigned > -1 and unsigned < inf and unsigned > -inf': true,
  'zero = 0 and zero = -0.0 and zero >= 0': true,
  // NaN.
  'nothing = nan or nothing < nan or nothing >= 0 or nothing in ..5 or nothing in [nan]': false,
  'nothing != nan and nothing != 0': true,
  'step = nan or step < nan or step > nan': false,
  // Texts, by bytes.
  'param = "t" and param < "tt" and param > "T" and param in "a".."z"': true,
  'name < "t850-\\u{1f30a}" and name > "t850-z"': true,
  'name ~ "t850*" and name ~ "*?" and name =~ "8.0" and name =~ "海$"': true,
  'name ~ "850*" or name =~ "^850"': false,
  'name prefix "t8" and name suffix "海" and name infix "50-"': true,
  'name prefix "8" or name suffix "t" or name infix "05"': false,
  'name prefix "" and name infix "" and name suffix ""': true,
  'step prefix "1" or step ~ "*" or step =~ "" or levels infix "1"': false,
  // The others.
  'flag = true and flag != false': true,
  'at = 2026-01-01 and at < 2026-01-01T00:00:00.000000001Z and at in 2025-12-31..': true,
  'at = 2026-01-01T01:00+01:00': true,
  'raw = x"00ff" and raw > x"00" and raw < x"01" and raw in x"00ff"..x"00ff"': true,
  // Sets and ranges, with both ends.
  'step in 0..12 and step in 12..24 and step in ..12 and step in 12.. and step in [1, 12]': true,
  'step in 13..24 or step in ..11 or step in [] or step in 24..0 or step in [1, "12"]': false,
  'step in [1, 10..12, "x"]': true,
  // Lists, as a whole and by elements.
  'levels = [1, 2.0, 3] and levels in [[1], [1, 2, 3]] and empty = []': true,
  'levels = [1, 2] or levels = 1 or levels = [3, 2, 1] or levels < 5': false,
  'mixed = [1, "a", null] and levels != [1, 2]': true,
  'any levels = 3 and any levels in 3..9 and any mixed = null and any mixed ~ "a*"': true,
  'any levels = 4 or any step = 12 or any empty = 1': false,
  'all levels > 0 and all levels in 1..3 and all empty = 1': true,
  'all levels > 1 or all mixed = 1 or all step = 12': false,
  // Patterns over keys: some key that matches.
  'has key("temp_*") and key("temp_*") = 9 and key(=~ "_a$") = 5': true,
  'has key("x*") or key("temp_*") = 7': false,
  'key("temp_*") != 9 and not key("x*") != 1': true,
  'any key("l*") = 2': true,
  '`and` = 1': true,
  // `and` binds closer than `or`, `not` closest.
  'true or true and false': true,
  '(true or true) and false': false,
  'not false and false': false,
  'not (false and false)': true,
  'not not true': true,
  // Maestro's form.
  '(and (step = 12)(or (param = "u")(has flag))(not (has x)))': true,
  '(or (step = 1) (step = 2))': false,
};

test('each text selects what it says', () => {
  for (const [text, expected] of Object.entries(MEANING)) {
    assert.equal(isSelected(parseSelector(text), OBJECT), expected, text);
  }
});

test('a selector and its negation never agree', () => {
  for (const text of Object.keys(MEANING)) {
    const negated = parseSelector(text === '' ? 'not true' : `not (${text})`);
    assert.notEqual(isSelected(parseSelector(text), OBJECT), isSelected(negated, OBJECT), text);
  }
});
