import { firstTwice } from '../../core/first-twice.js';
import { beginningOf } from '../../core/utf8.js';
import { checkNameText } from '../../protocol/index.js';
import { UsageError } from '../exit.js';
import { quoted } from '../format.js';
import { shellQuote } from '../shell-quote.js';

/** What is run: words as they are, or a text for the shell. */
export type Program =
  | { readonly kind: 'words'; readonly words: readonly [string, ...string[]] }
  | { readonly kind: 'shell'; readonly text: string };

/** Characters of a program's text that others are shown. */
const SHOWN_CHARACTERS_MAX = 1_000;

/** What a member that runs a program says of itself: the program, to be pasted into a shell. */
export function infoOf(program: Program): { readonly command: string } {
  const text = program.kind === 'shell' ? program.text : program.words.map(shellQuote).join(' ');
  return { command: beginningOf(text, SHOWN_CHARACTERS_MAX) };
}

/** A file that stands for an object. */
interface FileSpec {
  readonly name: string;
  /** Where the program expects it; null: wherever `{NAME}` in its command line says. */
  readonly path: string | null;
}

/** A program, the objects that it reads and those that it makes. */
export interface ExecSpec {
  readonly inputs: readonly FileSpec[];
  readonly outputs: readonly FileSpec[];
  /** All files are .npy files: with a header in front of the bytes. Else those called so are. */
  readonly npy: boolean;
  readonly program: Program;
}

/** Options of a program with objects: of exec, and of a line of run -j. */
export const FILE_OPTIONS = {
  in: {
    type: 'string',
    multiple: true,
    value: 'NAME=FILE',
    help: 'an object to wait for, and the FILE it is to appear as; or a NAME that stands as {NAME} in COMMAND',
  },
  out: {
    type: 'string',
    multiple: true,
    value: 'FILE=NAME',
    help: 'a file that COMMAND makes, and the name of its object; or a NAME that stands as {NAME}',
  },
  npy: {
    type: 'boolean',
    help: 'all files are .npy files: inputs get a header, outputs give dtype and shape by theirs; without it those that end in .npy are',
  },
} as const;

const placeholder = (name: string): string => `{${name}}`;

function mentions(program: Program, name: string): boolean {
  const texts = program.kind === 'words' ? program.words : [program.text];
  return texts.some((text) => text.includes(placeholder(name)));
}

/**
 * Reads `--in` and `--out`. Names hold `=` more often than files do: NAME=FILE is split at the last
 * one, FILE=NAME at the first. What stands as a whole in COMMAND, in braces, is a NAME.
 */
export function execSpec(
  options: {
    readonly in: readonly string[];
    readonly out: readonly string[];
    readonly npy: boolean;
  },
  program: Program,
): ExecSpec {
  const inputs = options.in.map((text) => {
    if (mentions(program, text)) return { name: text, path: null };
    const equals = text.lastIndexOf('=');
    if (equals <= 0 || equals === text.length - 1) throw noFile('--in', 'NAME=FILE', text);
    return { name: text.slice(0, equals), path: text.slice(equals + 1) };
  });
  const outputs = options.out.map((text) => {
    if (mentions(program, text)) return { name: text, path: null };
    const equals = text.indexOf('=');
    if (equals <= 0 || equals === text.length - 1) throw noFile('--out', 'FILE=NAME', text);
    return { name: text.slice(equals + 1), path: text.slice(0, equals) };
  });
  for (const { name } of [...inputs, ...outputs]) checkNameText(name);
  mustDiffer(
    '--out',
    outputs.map(({ name }) => name),
  );
  mustDiffer(
    '--out',
    outputs.flatMap(({ path }) => path ?? []),
  );
  mustDiffer(
    '--in',
    inputs.flatMap(({ path }) => path ?? []),
  );
  const free = (files: readonly FileSpec[]): string[] =>
    files.flatMap(({ name, path }) => (path === null ? name : []));
  mustDiffer('--in', free(inputs));
  const both = free(inputs).find((name) => free(outputs).includes(name));
  if (both !== undefined) throw oneFile(both);
  return { inputs, outputs, npy: options.npy, program };
}

function noFile(option: string, form: string, text: string): UsageError {
  return new UsageError(
    `${option} ${quoted(text)} is no ${form}, and the command has no ${placeholder(text)}`,
  );
}

function oneFile(name: string): UsageError {
  return new UsageError(
    `${placeholder(name)} cannot stand for both --in ${quoted(name)} and --out ${quoted(name)}: ` +
      'give one of them a FILE',
  );
}

function mustDiffer(what: string, texts: readonly string[]): void {
  const twice = firstTwice(texts);
  if (twice !== null) throw new UsageError(`${quoted(twice)} stands twice in ${what}`);
}

/** Whether a file stands with the header of an .npy file. */
export function isNpy(spec: ExecSpec, { name, path }: FileSpec): boolean {
  return spec.npy || (path ?? name).endsWith('.npy');
}

/** The program with the paths of its files in place of `{NAME}`. */
export function fillIn(
  program: Program,
  paths: ReadonlyMap<string, string>,
  quote: (path: string) => string,
): Program {
  if (paths.size === 0) return program;
  const fill = (text: string, word: (path: string) => string): string => {
    let filled = text;
    for (const [name, path] of paths)
      filled = filled.replaceAll(placeholder(name), () => word(path));
    return filled;
  };
  if (program.kind === 'shell') return { kind: 'shell', text: fill(program.text, quote) };
  const [first, ...rest] = program.words;
  const same = (path: string): string => path;
  return { kind: 'words', words: [fill(first, same), ...rest.map((word) => fill(word, same))] };
}
