import { type ExecSpec, execSpec, FILE_OPTIONS, type Program } from '../exec/spec.js';
import { UsageError } from '../exit.js';
import { quoted } from '../format.js';
import { parseCommandLine } from '../options.js';
import { plainWords, shellWords } from '../shell-words.js';
import { inOrderOfNeeds } from './ring.js';

/** One line of a list of jobs. */
export interface Job {
  /** Counted from 1, the first of those that a backslash joins. */
  readonly line: number;
  /** The line as it stands, for messages. */
  readonly text: string;
  readonly spec: ExecSpec;
}

function bad(line: number, why: string): UsageError {
  return new UsageError(`line ${line} of the jobs: ${why}`);
}

/**
 * Reads a list of jobs, one a line: `--in NAME=FILE --out FILE=NAME -- COMMAND`, or a COMMAND
 * alone. COMMAND is the shell's to read. Empty lines and those that begin with # are left out; a
 * backslash at its end joins a line to the next. No two jobs may make the same object, and none may
 * need what it is needed for itself.
 */
export function parseJobs(lines: readonly string[]): Job[] {
  const jobs: Job[] = [];
  const makers = new Map<string, number>();
  for (let index = 0; index < lines.length; index++) {
    const line = index + 1;
    let text = lines[index] as string;
    while (text.endsWith('\\') && index + 1 < lines.length) {
      text = `${text.slice(0, -1)} ${lines[++index]}`;
    }
    text = text.trim();
    if (text === '' || text.startsWith('#')) continue;
    const spec = specOf(line, text);
    for (const { name } of spec.outputs) {
      const other = makers.get(name);
      if (other !== undefined) throw bad(line, `line ${other} makes ${quoted(name)} too`);
      makers.set(name, line);
    }
    jobs.push({ line, text, spec });
  }
  // For its refusal of a ring.
  inOrderOfNeeds(jobs);
  return jobs;
}

function specOf(line: number, text: string): ExecSpec {
  if (!text.startsWith('-'))
    return { inputs: [], outputs: [], npy: false, program: programOf(text, []) };
  try {
    const words = shellWords(text, '--');
    const dashes = words.at(-1);
    if (dashes?.text !== '--') throw new Error('it has options, and no -- before its command');
    const command = text.slice(dashes.end).trim();
    if (command === '') throw new Error('it has no command behind --');
    const args = words.slice(0, -1).map((word) => word.text);
    const { options, words: stray } = parseCommandLine(args, FILE_OPTIONS);
    if (stray[0] !== undefined) throw new Error(`"${stray[0]}" is no option`);
    return execSpec(options, programOf(command, [...options.in, ...options.out]));
  } catch (error) {
    throw bad(line, error instanceof Error ? error.message : String(error));
  }
}

/**
 * A shell is started only for what needs one. `{NAME}` is ours, and nothing to a shell; one that
 * holds blanks must not be split, so the text is filled in as a whole.
 */
function programOf(text: string, names: readonly string[]): Program {
  const shell: Program = { kind: 'shell', text };
  let words: string[] | null;
  try {
    words = plainWords(text);
  } catch {
    return shell;
  }
  const [first, ...rest] = words ?? [];
  if (first === undefined) return shell;
  const isSplit = (name: string): boolean =>
    text.includes(`{${name}}`) && !words?.some((word) => word.includes(`{${name}}`));
  return names.some(isSplit) ? shell : { kind: 'words', words: [first, ...rest] };
}
