import { write, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { AttaccaError } from '../core/errors.js';
import { systemCode, whyFailed } from '../core/system-errors.js';
import { EXIT, ExitWith } from './exit.js';
import { printable } from './format.js';

const STDOUT = 1;
const STDERR = 2;
/** A pipe that its other side made non-blocking is full: then its reader must be given time. */
const FULL_PAUSE_MS = 2;
/** Of a terminal that does not know its size. */
const COLUMNS_DEFAULT = 80;
/** Written at a time: a million names are no single string. */
const LINES_AT_ONCE = 4_096;

/**
 * Why a write has failed. When the reader of our output has gone away we end without a word, as by
 * SIGPIPE; a file is known by its path to who has opened it.
 */
function outputError(fd: number, error: unknown): unknown {
  const system = systemCode(error);
  if (system === 'EPIPE') return new ExitWith(EXIT.outputClosed);
  if (fd !== STDOUT || system === '') return error;
  const text = `Cannot write to standard output: ${whyFailed(error)}`;
  return new AttaccaError('file-error', text, { system }, { cause: error });
}

function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_PAUSE_MS);
}

/**
 * Writes text at once, all of it. Straight to the descriptor: making `process.stdout` costs 3 ms,
 * which is as much as all else that a short command does.
 */
function writeText(fd: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      if (systemCode(error) !== 'EAGAIN') throw outputError(fd, error);
      pause();
    }
  }
}

/** Results, on standard output. */
export function print(text: string): void {
  writeText(STDOUT, `${text}\n`);
}

/** Results without a line end, on standard output. */
export function printRaw(text: string): void {
  writeText(STDOUT, text);
}

/** Results, each with `end` behind it. */
export function printAll(lines: readonly string[], end: string): void {
  for (let at = 0; at < lines.length; at += LINES_AT_ONCE) {
    printRaw(lines.slice(at, at + LINES_AT_ONCE).join(end) + end);
  }
}

/**
 * A line that is no result, on standard error: whatever names stand in it, it is one line that no
 * terminal obeys. Nobody there to read it is no reason to fail.
 */
export function say(line: string): void {
  try {
    writeText(STDERR, `${printable(line)}\n`);
  } catch {
    // Standard error is closed.
  }
}

/** A question on standard error: the answer is typed on the same line. */
export function ask(question: string): void {
  writeText(STDERR, `${printable(question)} `);
}

/** Writes bytes to a descriptor, all of them, without standing still: Ctrl-C works meanwhile. */
export async function writeBytes(fd: number, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const written = await new Promise<number>((resolve, reject) => {
      write(fd, bytes, at, bytes.length - at, null, (error, count) => {
        if (error === null) resolve(count);
        else if (systemCode(error) === 'EAGAIN') setTimeout(resolve, FULL_PAUSE_MS, 0);
        else reject(outputError(fd, error));
      });
    });
    at += written;
  }
}

export function stdoutIsTerminal(): boolean {
  return isatty(STDOUT);
}

export function stderrIsTerminal(): boolean {
  return isatty(STDERR);
}

/** How many columns the terminal of standard output has; null when it is none. */
export function stdoutColumns(): number | null {
  // A terminal that does not know its size says 0.
  return stdoutIsTerminal() ? process.stdout.columns || COLUMNS_DEFAULT : null;
}

/** How many columns messages may take. */
export function stderrColumns(): number {
  return (stderrIsTerminal() && process.stderr.columns) || COLUMNS_DEFAULT;
}
