import { isLabel, type Label, type LabelPick } from '../core/cubes/axis.js';
import { AttaccaError } from '../core/errors.js';
import { Lexer } from '../core/selector/lexer.js';
import { parseAttribute } from './attribute.js';
import { UsageError } from './exit.js';

/** A part of a cube: what is picked of dimensions. */
interface CubeRegion {
  readonly [dimension: string]: LabelPick;
}

const RANGE_ELSEWHERE = /^\s*([+-]?[\d.]+)\s*[:-]\s*([+-]?[\d.]+)\s*$/u;
/** A text in quotes, of either kind, as in a selector. */
const QUOTED = /^(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')$/su;
/** What has no separators where a value begins: a list, or a text in quotes. */
const HELD = /^(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\[(?:"[^"]*"|'[^']*'|[^\]])*\])/su;

const BEFORE_HELD: ReadonlySet<string> = new Set('=.,[ \t');

/**
 * A part of a cube by its coordinates: `step=0..24,lat=40..60,level=[500,850],number=0`; with
 * `step=0..24..6` these five steps. Values are in the notation of `put -a`, and texts may stand in
 * quotes, as selectors have them.
 */
export function parseCubeRegion(text: string, option = '--region'): CubeRegion {
  const picks: { [key: string]: LabelPick } = {};
  for (const part of partsOf(text, ',')) {
    const [, key, value] = /^\s*([^=]+?)\s*=\s*(.*?)\s*$/u.exec(part) ?? [];
    if (key === undefined || value === undefined || value === '') {
      const how = 'write DIMENSION=VALUE, =LOW..HIGH, =LOW..HIGH..STEP or =[VALUE,...]';
      throw new UsageError(`${option} "${text}": "${part.trim()}" says nothing: ${how}`);
    }
    if (Object.hasOwn(picks, key)) throw new UsageError(`${option}: "${key}" comes twice`);
    picks[key] = pickOf(key, value, option);
  }
  return picks;
}

function pickOf(key: string, text: string, option: string): LabelPick {
  const [, list] = /^\[(.*)\]$/u.exec(text) ?? [];
  if (list !== undefined) return { values: parseLabels(key, list, option) };
  if (QUOTED.test(text)) return labelOf(key, text, option);
  if (partsOf(text, '...').length > 1) {
    throw new UsageError(`${option}: "${text}" has a dot too many: LOW..HIGH, or LOW..HIGH..STEP`);
  }
  const ends = partsOf(text, '..').map((each) => each.trim());
  const label = (each: string): Label => labelOf(key, each, option);
  if (ends.length === 1) return label(text);
  const [low = '', high = '', step = ''] = ends;
  if (ends.length === 2 && ends.some((each) => each !== '')) {
    return [low === '' ? null : label(low), high === '' ? null : label(high)];
  }
  const numbers = [low, high, step].map(Number);
  if (ends.length !== 3 || ends.includes('') || !numbers.every(Number.isFinite)) {
    throw new UsageError(`${option}: "${text}" is no range: LOW..HIGH, or numbers LOW..HIGH..STEP`);
  }
  return numbers as [number, number, number];
}

/** Labels with commas between. */
export function parseLabels(key: string, list: string, option: string): Label[] {
  return partsOf(list, ',').map((each) => labelOf(key, each.trim(), option));
}

/** What stands between separators, of which those in quotes and in brackets are none. */
function partsOf(text: string, separator: string): string[] {
  const parts: string[] = [];
  let start = 0;
  let at = 0;
  while (at < text.length) {
    const rest = text.slice(at);
    if (rest.startsWith(separator)) {
      parts.push(text.slice(start, at));
      at += separator.length;
      start = at;
    } else if (at === start || BEFORE_HELD.has(text[at - 1] as string)) {
      at += HELD.exec(rest)?.[0].length ?? 1;
    } else at++;
  }
  return [...parts, text.slice(start)];
}

function labelOf(key: string, text: string, option: string): Label {
  if (QUOTED.test(text)) return unquoted(key, text, option);
  const { value } = parseAttribute(`${key}=${text}`, option);
  if (text !== '' && isLabel(value)) return value;
  throw new UsageError(`${option}: of "${key}" "${text}" is no value`);
}

/** A text as selectors write it: their escapes are meant. */
function unquoted(key: string, text: string, option: string): string {
  try {
    const token = new Lexer(text).next();
    if (token.kind === 'text') return token.text;
  } catch (error) {
    if (!(error instanceof AttaccaError)) throw error;
    throw new UsageError(`${option}: of "${key}" ${text} is no text: ${error.message}`);
  }
  throw new UsageError(`${option}: of "${key}" ${text} is no text`);
}

/** How a range is written, of what looks like one as others have it: `40:60`, `40-60`. */
export function rangeHint(region: CubeRegion, dimension: unknown): string | null {
  const pick = typeof dimension === 'string' ? region[dimension] : undefined;
  const [, low, high] = (typeof pick === 'string' ? RANGE_ELSEWHERE.exec(pick) : null) ?? [];
  return low === undefined ? null : `a range is ${dimension}=${low}..${high}`;
}
