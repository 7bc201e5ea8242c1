import { read, readFileSync } from 'node:fs';
import { isatty } from 'node:tty';
import { AttaccaError } from '../core/errors.js';
import { systemCode, whyFailed } from '../core/system-errors.js';
import { UsageError } from './exit.js';
import { say } from './output.js';

const STDIN = 0;
const CHUNK_BYTES = 1024 * 1024;
/** Somebody made our standard input non-blocking: then it must be asked again. */
const EMPTY_PAUSE_MS = 5;
/** Names are at most 4,000 bytes, paths at most 4,096: a longer line is no list of names. */
const LINE_BYTES_MAX = 65_536;
const LINES_MAX = 16_777_216;
/** Of an argument that is shown in an error. */
const ESCAPED_BYTES_MAX = 120;
const NEWLINE = 10;
const CARRIAGE_RETURN = 13;

function stdinError(cause: Error): AttaccaError {
  const system = systemCode(cause);
  const text = `Cannot read standard input: ${whyFailed(cause)}`;
  return new AttaccaError('file-error', text, { system }, { cause });
}

/** An abort ends the wait, not the read: what is typed at a terminal may never come. */
function readSome(fd: number, buffer: Uint8Array, signal?: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    read(fd, buffer, 0, buffer.length, null, (error, count) => {
      signal?.removeEventListener('abort', onAbort);
      if (error === null) resolve(count);
      else if (error.code === 'EOF') resolve(0);
      else if (error.code === 'EAGAIN') setTimeout(resolve, EMPTY_PAUSE_MS, -1);
      else reject(fd === STDIN ? stdinError(error) : error);
    });
  });
}

/** For who does not know that a command reads what is typed. */
export function tellTerminal(what: string): void {
  if (isatty(STDIN)) say(`(reading ${what} from the terminal; Ctrl-D ends them)`);
}

/** What a descriptor gives until its end, in chunks; each is valid until the next is asked for. */
export async function* chunksOf(fd: number, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  // No Buffer: slice() of one gives the same memory again.
  const buffer = new Uint8Array(CHUNK_BYTES);
  for (;;) {
    signal?.throwIfAborted();
    const count = await readSome(fd, buffer, signal);
    if (count === 0) return;
    if (count > 0) yield buffer.subarray(0, count);
  }
}

/** What a list is read as: names a line, without empty ones; names between NULs; all lines. */
type ListForm = 'names' | 'nulls' | 'lines';

/**
 * The lines or names that a descriptor gives. What is not UTF-8 is refused: replaced characters
 * would name something else.
 */
export async function readLines(fd: number, form: ListForm): Promise<string[]> {
  const separator = form === 'nulls' ? 0 : NEWLINE;
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const lines: string[] = [];
  let rest: Buffer = Buffer.alloc(0);
  const add = (bytes: Buffer): void => {
    const cut = form !== 'nulls' && bytes.at(-1) === CARRIAGE_RETURN;
    const end = cut ? bytes.length - 1 : bytes.length;
    if (end === 0 && form !== 'lines') return;
    if (lines.length >= LINES_MAX) throw new UsageError(`more than ${LINES_MAX} lines are given`);
    try {
      lines.push(decoder.decode(bytes.subarray(0, end)));
    } catch {
      throw notUtf8(`line ${lines.length + 1} of the input`);
    }
  };
  for await (const chunk of chunksOf(fd)) {
    rest = Buffer.concat([rest, chunk]);
    let start = 0;
    for (let end = rest.indexOf(separator); end >= 0; end = rest.indexOf(separator, start)) {
      add(rest.subarray(start, end));
      start = end + 1;
    }
    rest = rest.subarray(start);
    if (rest.length > LINE_BYTES_MAX) {
      throw new UsageError(`line ${lines.length + 1} of the input is longer than 64 KiB`);
    }
  }
  add(rest);
  return lines;
}

function notUtf8(what: string): AttaccaError {
  return new AttaccaError('bad-name', `Cannot use ${what}: it is not well-formed UTF-8`, {});
}

/**
 * Refuses arguments that are not UTF-8, which Node has filled with U+FFFD by now: they would name
 * something else. What the system knows is looked at only when there is such a character.
 */
export function checkArguments(args: readonly string[]): void {
  if (!args.some((arg) => arg.includes('\ufffd'))) return;
  let raw: Buffer;
  try {
    raw = readFileSync('/proc/self/cmdline');
  } catch {
    return;
  }
  const decoder = new TextDecoder('utf-8', { fatal: true });
  // Those of Node and the path of the program stand in front.
  const ours = splitAtNuls(raw).slice(-args.length);
  for (const [index, bytes] of ours.entries()) {
    try {
      decoder.decode(bytes);
    } catch {
      throw notUtf8(`argument ${index + 1}, "${escaped(bytes)}"`);
    }
  }
}

/** What stands in front of each NUL. */
function splitAtNuls(bytes: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  let start = 0;
  for (let end = bytes.indexOf(0); end >= 0; end = bytes.indexOf(0, start)) {
    parts.push(bytes.subarray(start, end));
    start = end + 1;
  }
  return parts;
}

/** Bytes as a shell's $'...' takes them: what is no printable ASCII as \xNN. */
function escaped(bytes: Buffer): string {
  const short = bytes.subarray(0, ESCAPED_BYTES_MAX);
  const text = short.toString('latin1').replace(/[^ -~]/gu, (character) => {
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
  return bytes.length > short.length ? `${text}...` : text;
}
