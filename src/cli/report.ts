import { counted } from '../core/counted.js';
import { AttaccaError } from '../core/errors.js';
import { pointAt } from '../core/selector/failure.js';
import { systemCode } from '../core/system-errors.js';
import { UsageError } from './exit.js';
import { listOf, mapOf, numberOf, printable, textOf } from './format.js';
import { toJson } from './json.js';
import { say, stderrColumns } from './output.js';

const INDENT = '  ';
/** So many problems of one object are told. */
const PROBLEMS_MAX = 20;

/**
 * An error, and those that came when what was open was closed behind it: the first is the cause. An
 * end that was tried twice is told once.
 */
export function errorsOf(error: unknown): readonly unknown[] {
  // Node 20 has no such class: the compiler makes one.
  const isTwo = error instanceof Error && error.name === 'SuppressedError';
  if (!isTwo || !('suppressed' in error) || !('error' in error)) return [error];
  const all = [...errorsOf(error.suppressed), ...errorsOf(error.error)];
  const said = all.map((each) => (each instanceof Error ? each.message : String(each)));
  return all.filter((_, index) => said.indexOf(said[index] ?? '') === index);
}

/**
 * One line on standard error that says what went wrong, a line for each problem where attributes
 * have several, and of a selector two more that show where; as JSON when that was asked for.
 */
export function reportError(command: string, error: unknown, asJson: boolean): void {
  if (asJson) {
    say(errorJson(command, error));
    return;
  }
  for (const problem of problemsOf(error)) say(errorLine(command, problem));
  for (const line of placeLines(error, stderrColumns() - INDENT.length - 1)) say(INDENT + line);
}

/** Each problem of refused attributes as an error of its own; any other error is itself. */
export function problemsOf(error: unknown): readonly unknown[] {
  if (!(error instanceof AttaccaError) || error.code !== 'schema-mismatch') return [error];
  const texts = listOf(error.fields['problems']).map((problem) => textOf(mapOf(problem)['text']));
  const [first = ''] = texts;
  const at = error.message.indexOf(first);
  if (texts.length < 2 || first === '' || at < 0) return [error];
  const lead = error.message.slice(0, at);
  const told = texts.slice(0, PROBLEMS_MAX);
  const untold = Math.max(texts.length, numberOf(error.fields['count'])) - told.length;
  const more = untold === 0 ? '' : ` (and ${counted(untold, 'other problem')})`;
  return told.map((text, index) => {
    const isLast = index === told.length - 1;
    return new AttaccaError(error.code, `${lead}${text}${isLast ? more : ''}`);
  });
}

/** The place in a selector that is wrong, where the error has both (where.ts). */
export function placeLines(error: unknown, columns: number): readonly string[] {
  if (!(error instanceof AttaccaError) || error.code !== 'bad-selector') return [];
  const { selector, position } = error.fields;
  if (typeof selector !== 'string' || typeof position !== 'number') return [];
  return pointAt(selector, position, columns).split('\n');
}

function nameOf(command: string): string {
  return command === '' ? 'attacca' : `attacca ${command}`;
}

export function errorLine(command: string, error: unknown): string {
  if (error instanceof UsageError) {
    const isOverview = command === '' || command === 'help';
    const about = isOverview ? 'attacca --help' : `attacca ${command} --help`;
    return `${nameOf(command)}: ${printable(error.message)} (see ${about})`;
  }
  const message = messageOf(error);
  return `${nameOf(command)}: ${printable(cut(message))} (${codeOf(error)})`;
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // Of a relative path of a program whose directory was removed.
  const isLost = 'syscall' in error && error.syscall === 'uv_cwd';
  return isLost ? 'Cannot tell the directory that this runs in: it was removed' : error.message;
}

/** What is quoted is cut where hardly a name or path is so long: a glob of a megabyte, say. */
function cut(message: string): string {
  return message.replace(/"([^"]{400})[^"]+"/gu, '"$1..."');
}

/** The stable code, of docs/errors.md. */
function codeOf(error: unknown): string {
  if (error instanceof AttaccaError || error instanceof UsageError) return error.code;
  // So our own API refuses an argument: V8 and Node begin otherwise.
  if (error instanceof RangeError && error.message.startsWith('Cannot ')) return 'bad-argument';
  return systemCode(error) === '' ? 'internal' : 'file-error';
}

function errorJson(command: string, error: unknown): string {
  return toJson({
    error: {
      command,
      code: codeOf(error),
      message: messageOf(error),
      retryable: error instanceof AttaccaError && error.retryable,
      fields: error instanceof AttaccaError ? error.fields : {},
    },
  });
}
