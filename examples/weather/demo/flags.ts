/** Flags of a command line, refused in words that name what was typed. */
import { parseArgs } from 'node:util';
import { badUsage } from '../settings.js';

interface FlagSpec {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  /** It may be said several times, and all of them count. */
  readonly multiple?: true;
}

type FlagSpecs = Readonly<Record<string, FlagSpec>>;

export type Flags<S extends FlagSpecs> = {
  readonly [Flag in keyof S]?: S[Flag]['type'] extends 'boolean'
    ? boolean
    : S[Flag]['multiple'] extends true
      ? readonly string[]
      : string;
};

/** A flag that is mistyped in no more letters is known again. */
const EDITS_MAX = 2;

/**
 * Reads `--flag VALUE` and `--flag=VALUE`; the last of several counts, unless it is `multiple`.
 *
 * @throws WeatherError `bad-usage`
 */
export function parseFlags<S extends FlagSpecs>(argv: readonly string[], specs: S): Flags<S> {
  const { tokens } = parseArgs({
    args: [...argv],
    options: specs,
    strict: false,
    tokens: true,
    allowPositionals: true,
  });
  const values: { [flag: string]: string | boolean | readonly string[] } = {};
  for (const token of tokens) {
    if (token.kind === 'positional') {
      throw badUsage(`Cannot take "${token.value}": it is no flag, and no value of one`);
    }
    if (token.kind !== 'option') continue;
    const { name } = token;
    const value = flagValue(token, specs);
    const before = values[name];
    const isList = specs[name]?.multiple === true;
    values[name] = isList ? [...(Array.isArray(before) ? before : []), String(value)] : value;
  }
  return values as Flags<S>;
}

interface FlagToken {
  readonly name: string;
  readonly rawName: string;
  readonly value: string | undefined;
  readonly inlineValue: boolean | undefined;
}

function flagValue({ name, rawName, value, inlineValue }: FlagToken, specs: FlagSpecs) {
  const spec = Object.hasOwn(specs, name) ? specs[name] : undefined;
  if (spec === undefined) throw unknown(rawName, name, Object.keys(specs));
  if (spec.type === 'boolean') {
    if (value === undefined) return true;
    throw badUsage(`Cannot take "${rawName}=${value}": the flag takes no value`);
  }
  const isNextFlag = inlineValue !== true && value?.startsWith('--') === true;
  if (value === undefined || isNextFlag) {
    throw badUsage(`Cannot take "${rawName}": its value is missing`);
  }
  return value;
}

function unknown(rawName: string, name: string, known: readonly string[]): Error {
  const distances = known.map((flag) => editsBetween(name, flag));
  const least = Math.min(...distances);
  const hint = least <= EDITS_MAX ? `; did you mean "--${known[distances.indexOf(least)]}"?` : '';
  return badUsage(`Cannot take "${rawName}": there is no such flag${hint}`);
}

/** Letters to insert, remove or replace until one word is the other (Levenshtein, 1966). */
function editsBetween(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [i, letter] of Array.from(from).entries()) {
    const next = [i + 1];
    for (let j = 1; j <= to.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (letter === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
