import { parseArgs } from 'node:util';
import { didYouMean } from '../core/suggest.js';
import { UsageError } from './exit.js';

/** One option of a command: how it is written, and what the help says of it. */
export interface OptionSpec {
  readonly type: 'boolean' | 'string';
  readonly short?: string;
  readonly multiple?: boolean;
  /** What stands for the value in the help: `FILE`. */
  readonly value?: string;
  readonly help: string;
}

export type OptionSpecs = { readonly [name: string]: OptionSpec };

type Parsed<O extends OptionSpec> = O extends { readonly type: 'boolean' }
  ? boolean
  : O extends { readonly multiple: true }
    ? readonly string[]
    : string | undefined;

/** Values of options, by name; a boolean that was not given is false, a list empty. */
export type OptionValues<O extends OptionSpecs> = { readonly [name in keyof O]: Parsed<O[name]> };

export interface CommandLine<O extends OptionSpecs> {
  readonly options: OptionValues<O>;
  readonly words: readonly string[];
  /** The command line of somebody else, or null without one. */
  readonly rest: readonly string[] | null;
}

/** Options that every command has. */
export const COMMON_OPTIONS = {
  help: { type: 'boolean', short: 'h', help: 'show this' },
  json: { type: 'boolean', help: 'results as JSON, one a line, errors too' },
  quiet: { type: 'boolean', short: 'q', help: 'say nothing but results and errors' },
} as const satisfies OptionSpecs;

export const POOL_OPTION = {
  pool: {
    type: 'string',
    value: 'ADDRESS|NAME',
    help: 'the pool: an address, or the name it was started with (default: $ATTACCA_POOL, which the libraries know as an address)',
  },
} as const satisfies OptionSpecs;

export const TIMEOUT_OPTION = {
  timeout: {
    type: 'string',
    value: 'TIME',
    help: 'how long to wait: 30s, 5m, 2h, a bare number of seconds, or none for ever (default: what the pool says, 10m)',
  },
} as const satisfies OptionSpecs;

export interface ParseOptions {
  /**
   * What stands behind `--` is somebody else's command line; else it is words that may begin with
   * -.
   */
  readonly commandBehindDashes?: boolean;
  /** Everything from the first word on is that command line. */
  readonly stopAtWord?: boolean;
  /** With this option there is no such command line after all: options and words mix. */
  readonly unlessGiven?: string;
}

/**
 * Parses a command line, `--name VALUE`, `--name=VALUE`, `-n VALUE`, `-nVALUE`, with options and
 * words in any order and `--` before what is not ours. Refuses with a {@link UsageError} what is
 * unknown, naming the option that was probably meant, what lacks its value or must not have one,
 * and what is given twice and may not be.
 */
export function parseCommandLine<O extends OptionSpecs>(
  args: readonly string[],
  specs: O,
  how: ParseOptions = {},
): CommandLine<O> {
  const end = how.stopAtWord === true ? firstWord(args, specs) : args.length;
  const dashes = args.indexOf('--');
  const cut = dashes >= 0 && dashes < end ? dashes : end;
  const ours = args.slice(0, cut);
  const rest = cut < end ? args.slice(cut + 1) : end < args.length ? args.slice(end) : null;

  const values: { [name: string]: boolean | string | string[] | undefined } = {};
  for (const [name, spec] of Object.entries(specs)) {
    values[name] = spec.type === 'boolean' ? false : spec.multiple === true ? [] : undefined;
  }
  const words: string[] = [];
  for (const token of tokensOf(ours, specs)) {
    if (token.kind === 'positional') words.push(token.value);
    else if (token.kind === 'option') take(values, specs, token);
  }
  const { unlessGiven } = how;
  const mixes = unlessGiven !== undefined && values[unlessGiven] !== undefined;
  if (mixes) return parseCommandLine(args, specs);
  const restIsWords = how.stopAtWord !== true && how.commandBehindDashes !== true;
  const allWords = restIsWords && rest !== null ? words.concat(rest) : words;
  return { options: values as OptionValues<O>, words: allWords, rest };
}

/** The whole number, from 1 on, that an option is given. */
export function parseCount(text: string, option: string): number {
  const count = /^\d{1,15}$/u.test(text) ? Number(text) : 0;
  if (count === 0)
    throw new UsageError(`"${option}" needs a whole number from 1 on, not "${text}"`);
  return count;
}

interface OptionToken {
  readonly kind: 'option';
  readonly name: string;
  readonly rawName: string;
  readonly value: string | undefined;
  /** The value stood in the same argument: `--name=VALUE`. */
  readonly inline: boolean;
}

type Token = OptionToken | { readonly kind: 'positional'; readonly value: string };

function tokensOf(args: readonly string[], specs: OptionSpecs): Token[] {
  const options: { [name: string]: { type: 'boolean' | 'string'; short?: string } } = {};
  for (const [name, spec] of Object.entries(specs)) {
    options[name] =
      spec.short === undefined ? { type: spec.type } : { type: spec.type, short: spec.short };
  }
  const { tokens } = parseArgs({
    args: [...args],
    options,
    strict: false,
    tokens: true,
    allowPositionals: true,
  });
  const found: Token[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') found.push({ kind: 'positional', value: token.value });
    else if (token.kind === 'option') {
      const { name, rawName, value, inlineValue } = token;
      found.push({ kind: 'option', name, rawName, value, inline: inlineValue === true });
    }
  }
  return found;
}

function take(
  values: { [name: string]: boolean | string | string[] | undefined },
  specs: OptionSpecs,
  token: OptionToken,
): void {
  const { name, rawName, value } = token;
  const spec = Object.hasOwn(specs, name) ? specs[name] : undefined;
  if (spec === undefined) {
    const hint = rawName.startsWith('--') ? didYouMean(name, suggestible(specs, name), '--') : '';
    const more = hint === '' ? '' : `.${hint}`;
    throw new UsageError(`there is no option "${rawName}"${more}`);
  }
  if (spec.type === 'boolean') {
    if (value !== undefined) throw new UsageError(`"--${name}" takes no value`);
    values[name] = true;
    return;
  }
  const forgotten = value === undefined || (!token.inline && looksLikeOption(value, specs));
  if (forgotten) throw new UsageError(`"${rawName}" needs a value: ${spec.value ?? ''}`);
  if (value === '' && isPath(spec)) throw new UsageError(`"${rawName}" names no ${spec.value}`);
  const known = values[name];
  if (Array.isArray(known)) known.push(value);
  else if (known !== undefined) throw new UsageError(`"${rawName}" is given twice`);
  else values[name] = value;
}

/** `--for` and `--force` are no hints at `--forget`, which ends what was kept. */
function suggestible(specs: OptionSpecs, name: string): string[] {
  return Object.keys(specs).filter((each) => each !== 'forget' || name.startsWith('forg'));
}

/** An empty path would be the working directory. */
function isPath({ value }: OptionSpec): boolean {
  return value === 'DIR' || value === 'FILE';
}

/**
 * `--out --json`: the value was forgotten. One that really looks so can be said as `--out=--json`.
 */
function looksLikeOption(value: string, specs: OptionSpecs): boolean {
  return value.startsWith('--') && Object.hasOwn(specs, value.slice(2).replace(/=.*$/su, ''));
}

/** Where the first word that is no option and no option's value stands; the length without one. */
function firstWord(args: readonly string[], specs: OptionSpecs): number {
  for (let index = 0; index < args.length; index++) {
    const arg = args[index] as string;
    if (arg === '--') return args.length;
    if (!arg.startsWith('-') || arg === '-') return index;
    if (takesNext(arg, specs)) index++;
  }
  return args.length;
}

/** Whether the value of an option is the next argument. */
function takesNext(arg: string, specs: OptionSpecs): boolean {
  if (arg.startsWith('--')) return !arg.includes('=') && specs[arg.slice(2)]?.type === 'string';
  for (let at = 1; at < arg.length; at++) {
    const spec = Object.values(specs).find((each) => each.short === arg[at]);
    if (spec?.type === 'string') return at === arg.length - 1;
  }
  return false;
}
