import { readFile } from 'node:fs/promises';
import { AttaccaError } from '../../core/errors.js';
import { fileError } from '../../core/file-error.js';

/** A call of the client, as a program that ran with ATTACCA_TRACE=FILE has noted it. */
export interface CallRecord {
  readonly process: number;
  readonly member: string;
  /** The name of the method: `demand`, `offer`, ... */
  readonly call: string;
  /** The name of the object it was about, or ''. */
  readonly object: string;
  /** By the clock of its host: microseconds of 1970. */
  readonly startUs: number;
  readonly durationUs: number;
  /** `ok`, or the code of its error. */
  readonly outcome: string;
}

/** Lines of a file that are no calls: who wrote them was cut off, or is another program. */
export interface NoCalls {
  readonly path: string;
  /** The first of them, from 1. */
  readonly line: number;
  readonly lines: number;
}

/**
 * The calls in files that ATTACCA_TRACE has made, in the order of their begin. `onSkipped` hears of
 * each file that has other lines, too; `file-error` for one that has nothing else.
 */
export async function readCalls(
  paths: readonly string[],
  onSkipped?: (found: NoCalls) => void,
): Promise<CallRecord[]> {
  const calls: CallRecord[] = [];
  for (const path of paths) {
    const text = await readFile(path, 'utf8').catch((error: unknown) => {
      throw fileError('read', path, error);
    });
    const lines = text.split('\n');
    const wrong: number[] = [];
    const before = calls.length;
    for (const [index, line] of lines.entries()) {
      // A program that was killed may have written a part of its last line.
      if (line === '') continue;
      const call = parsed(line);
      if (call !== null) calls.push(call);
      else if (index < lines.length - 1) wrong.push(index + 1);
    }
    const [first] = wrong;
    if (first !== undefined && calls.length === before) {
      const why = `line ${first} is no call, nor is another one`;
      throw new AttaccaError('file-error', `Cannot read "${path}": ${why}`, { path });
    }
    if (first !== undefined) onSkipped?.({ path, line: first, lines: wrong.length });
  }
  return calls.sort((one, other) => one.startUs - other.startUs);
}

function parsed(line: string): CallRecord | null {
  try {
    const found: Partial<CallRecord> | null = JSON.parse(line);
    if (typeof found?.call !== 'string' || typeof found.startUs !== 'number') return null;
    const { process = 0, member = '', call, object = '', outcome = 'ok', startUs } = found;
    return { process, member, call, object, startUs, durationUs: found.durationUs ?? 0, outcome };
  } catch {
    return null;
  }
}
