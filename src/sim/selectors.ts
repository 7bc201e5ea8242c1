import { Float, Timestamp, type Value } from '../core/value.js';
import type { Asking } from './asking.js';
import { DEPENDS_ON } from './event-state.js';

/** A value, and how a selector says it. */
interface Literal {
  readonly text: string;
  readonly value: Value;
}

const NUMBERS: readonly Literal[] = [
  { text: '1', value: 1 },
  { text: '2', value: 2 },
  { text: '2.0', value: new Float(2) },
  { text: '2.5', value: 2.5 },
  { text: '-3', value: -3 },
  { text: '0', value: 0 },
  { text: '-0.0', value: -0 },
  { text: 'nan', value: Number.NaN },
  { text: 'inf', value: Number.POSITIVE_INFINITY },
  { text: '9007199254740993', value: 2n ** 53n + 1n },
  { text: '9007199254740992.0', value: new Float(2 ** 53) },
];

const TEXTS: readonly Literal[] = [
  { text: '"t850"', value: 't850' },
  { text: '"t500"', value: 't500' },
  { text: '"u850"', value: 'u850' },
  { text: '"x"', value: 'x' },
  { text: '""', value: '' },
  { text: '"海t"', value: '海t' },
];

const DAY = 1_769_817_600n * 1_000_000_000n;
const TIMES: readonly Literal[] = [
  { text: '2026-01-31', value: new Timestamp(DAY) },
  { text: '2026-01-31T06:00Z', value: new Timestamp(DAY + 21_600_000_000_000n) },
  { text: '2026-01-31T00:00:00.000000001Z', value: new Timestamp(DAY + 1n) },
];

const OTHERS: readonly Literal[] = [
  { text: '[]', value: [] },
  { text: '[1, 2.5]', value: [1, 2.5] },
  { text: '[2.5, 1]', value: [2.5, 1] },
  { text: '["t850", 2]', value: ['t850', 2] },
  { text: 'true', value: true },
  { text: 'false', value: false },
  { text: 'x"00ff"', value: Uint8Array.of(0, 255) },
];

const ALL: readonly Literal[] = [...NUMBERS, ...TEXTS, ...TIMES, ...OTHERS];

/** Keys of attributes, by their number, with what they mostly are. `name` is an object's, too. */
const MOSTLY = { a: NUMBERS, b: TEXTS, t: TIMES, l: OTHERS, name: TEXTS } as const;
type Key = keyof typeof MOSTLY;
export const KEYS = Object.keys(MOSTLY) as readonly Key[];

/** The number of a key in requests. */
export function keyNumber(key: string): number {
  const keys: readonly string[] = [...KEYS, DEPENDS_ON];
  return keys.indexOf(key);
}

/** Keys that an object can be asked for; the last of them nothing has. */
export const ASKED = [
  ...KEYS,
  ...(['.state', '.version', '.versions', '.bytes', '.dtype', '.shape', '.scope'] as const),
  ...(['.level', '.provider', '.component', '.time', '.maestro.core.cdo.name', 'none'] as const),
] as const;

const OWN: readonly ((asking: Asking) => string)[] = [
  (asking) => `name = "${asking.name()}"`,
  (asking) => `name != "${asking.name()}" and has name`,
  (asking) => `name in ["${asking.name()}", "t850", 5, "none"]`,
  (asking) => `name ${asking.of(['~ "w/*"', '~ "?"', '=~ "^[xy]"', 'prefix "t"', 'infix "/"'])}`,
  (asking) => `.maestro.core.cdo.name >= "${asking.name()}"`,
  (asking) => `.state = "${asking.of(['offered', 'required', 'declared'])}"`,
  (asking) => `.version ${operator(asking)} ${asking.dice(4)}`,
  (asking) => `.versions in ${asking.dice(3)}..${3 + asking.dice(3)}`,
  (asking) => `.bytes ${operator(asking)} ${asking.dice(300)}`,
  (asking) => `.dtype ${asking.of(['= "uint8"', '!= "uint8"', 'prefix "int"'])}`,
  (asking) => `${asking.of(['any', 'all'])} .shape > ${asking.dice(100)} or .ndim = 2`,
  (asking) => `.scope = "${asking.of(['pool', 'member'])}"`,
  (asking) => `.level in ["memory", "${asking.of(['manager', 'none'])}"]`,
  (asking) => `.provider ~ "w[[]*" or .component = "${asking.of(['m', 'w', 'n'])}"`,
  () => '.order = "row" and not .byteOrder != "little" and has .durability',
  (asking) => `.time < 2023-11-14T22:13:${20 + asking.dice(40)}Z`,
];

function literal(asking: Asking, key: Key): Literal {
  return asking.of(asking.dice(5) === 0 ? ALL : MOSTLY[key]);
}

/** Attributes or tags, at most so many. */
export function attributes(asking: Asking, most: number): Map<Key, Value> {
  const found = new Map<Key, Value>();
  for (let count = asking.dice(most + 1); count > 0; count--) {
    const key = asking.of(KEYS);
    found.set(key, literal(asking, key).value);
  }
  return found;
}

/** The text of a selector; one in ten is none. */
export function selector(asking: Asking): string {
  const { dice } = asking;
  if (dice(50) === 0) return asking.of(['a =', '(has a', 'a in 2..1', 'b ~ "["', '"']);
  if (dice(8) === 0) return asking.of(['', 'true', 'false', 'not (false)']);
  return composed(asking, 2);
}

function composed(asking: Asking, depth: number): string {
  const { dice } = asking;
  if (depth === 0 || dice(2) === 0) return condition(asking);
  const parts = Array.from({ length: 2 + dice(2) }, () => `(${composed(asking, depth - 1)})`);
  switch (dice(5)) {
    case 0:
      return `not ${parts[0]}`;
    case 1:
      return `(and ${parts.join('')})`;
    case 2:
      return parts.join(' and ');
    default:
      return parts.join(' or ');
  }
}

function condition(asking: Asking): string {
  const { dice } = asking;
  const key = asking.of(['a', 'b', 't', 'l'] as const);
  switch (dice(9)) {
    case 0:
      return `has ${key}`;
    case 1:
    case 2:
      return `${key} ${operator(asking)} ${literal(asking, key).text}`;
    case 3:
      return `${key} in ${items(asking, key)}`;
    case 4:
      return `b ${asking.of(['~ "t*"', '~ "?850"', '=~ "^[tu]8"', 'suffix "50"', 'infix "85"'])}`;
    case 5:
      return `${asking.of(['any', 'all'])} l ${operator(asking)} ${literal(asking, 'a').text}`;
    case 6:
      return patterned(asking);
    default:
      return asking.of(OWN)(asking);
  }
}

/** A condition on the keys that a pattern means. */
function patterned(asking: Asking): string {
  const key = asking.of(['key("?")', 'key("na*")', 'key(=~ "^[bt]$")', 'key("name")']);
  if (asking.dice(3) === 0) return `has ${key}`;
  return `${key} ${operator(asking)} ${asking.of(ALL).text}`;
}

function items(asking: Asking, key: Key): string {
  const literals = asking.of([NUMBERS.slice(0, 6), TEXTS, TIMES]);
  const one = (): string => asking.of(literals).text;
  switch (asking.dice(4)) {
    case 0:
      return `${one()}..`;
    case 1:
      return `..${one()}`;
    case 2:
      return `[${one()}, ${one()}, ${literal(asking, key).text}]`;
    default:
      return `${asking.of(['-3..2', '0..2.5', '"t".."u"', '2026-01-31..2026-02-01'])}`;
  }
}

function operator(asking: Asking): string {
  return asking.of(['=', '=', '!=', '<', '<=', '>', '>=']);
}
