/** Words that mean something wherever they stand; as a key each is written in back-quotes. */
export const RESERVED: ReadonlySet<string> = new Set([
  ...['and', 'or', 'not', 'in', 'has', 'any', 'all', 'prefix', 'suffix', 'infix'],
  ...['true', 'false', 'null', 'inf', 'nan'],
]);

/** Whether a key can be written as it is. */
export function isPlainKey(name: string): boolean {
  return /^[A-Za-z_.][\w.:-]*$/u.test(name) && !name.includes('..') && !RESERVED.has(name);
}

/** What people write who know another language, and what it is here. */
const FOREIGN: { readonly [text: string]: string } = {
  '&&': 'and',
  '&': 'and',
  '||': 'or',
  '|': 'or',
  '!': 'not',
  '<>': '!=',
  '=>': '>=',
  '=<': '<=',
  '===': '=',
  '“': '"',
  '”': '"',
  '‘': "'",
  '’': "'",
  like: '~',
  matches: '=~',
  contains: 'infix',
  startswith: 'prefix',
  endswith: 'suffix',
  is: '=',
  eq: '=',
  exists: 'has',
};

/** Words for values, in lower case. */
const VALUES: { readonly [word: string]: string } = {
  ...{ true: 'true', false: 'false', null: 'null', none: 'null', nil: 'null' },
  ...{ inf: 'inf', infinity: 'inf', nan: 'nan' },
};

/** Why a word is no value, and what was likely meant: as a rule a text, without its quotes. */
export function noValue(word: string): string {
  const lower = word.toLowerCase();
  const known = Object.hasOwn(VALUES, lower) ? VALUES[lower] : undefined;
  const meant = known ?? (/^\.\d/u.test(word) ? `0${word}` : null);
  // The word stands without quotes here: with them it would be the text that was meant.
  if (meant !== null) return `${word} is no value: did you mean ${meant}?`;
  return `${word} is no value; a text stands in quotes: "${word}"`;
}

const LIST_CHARACTERS_MAX = 40;

/** The list that was likely meant by what begins with a parenthesis. */
export function listMeant(text: string): string {
  const [, inside = ''] = /^\(([^()]*)\)/u.exec(text) ?? [];
  const items = inside.split(',').map((item) => item.trim());
  const list = `[${items.join(', ')}]`;
  return inside.trim() === '' || list.length > LIST_CHARACTERS_MAX ? '[...]' : list;
}

/** What was likely meant by `text`, to be put after a reason; empty when that is not known. */
export function didYouMean(text: string): string {
  const lower = text.toLowerCase();
  const meant = RESERVED.has(lower) ? lower : Object.hasOwn(FOREIGN, lower) ? FOREIGN[lower] : null;
  return meant === undefined || meant === null || meant === text ? '' : `: did you mean ${meant}?`;
}
