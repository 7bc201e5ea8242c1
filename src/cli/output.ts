import { write, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { EXIT, ExitWith } from './exit.js';

const STDOUT = 1;
const STDERR = 2;
/** A pipe that its other side made non-blocking is full: then its reader must be given time. */
const FULL_PAUSE_MS = 2;

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/**
 * What the reader of our output has done when a write fails: gone away, which ends us without a
 * word, as SIGPIPE would.
 */
function outputError(error: unknown): Error {
  if (codeOf(error) === 'EPIPE') return new ExitWith(EXIT.outputClosed);
  return error instanceof Error ? error : new Error(String(error));
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
      if (codeOf(error) !== 'EAGAIN') throw outputError(error);
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

/** What is no result, on standard error. Nobody there to read it is no reason to fail. */
export function say(text: string): void {
  try {
    writeText(STDERR, `${text}\n`);
  } catch {
    // Standard error is closed.
  }
}

/** Writes bytes to a descriptor, all of them, without standing still: Ctrl-C works meanwhile. */
export async function writeBytes(fd: number, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const written = await new Promise<number>((resolve, reject) => {
      write(fd, bytes, at, bytes.length - at, null, (error, count) => {
        if (error === null) resolve(count);
        else if (codeOf(error) === 'EAGAIN') setTimeout(resolve, FULL_PAUSE_MS, 0);
        else reject(outputError(error));
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
