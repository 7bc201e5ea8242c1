import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { AttaccaError } from '../core/errors.js';
import { whyFailed } from '../core/system-errors.js';

const FILE = 'poisoned';
/** Of the body of a frame: `first`, then `ack`, which is another one each time it is sent. */
const FIRST_SIZE = 8;
const NUMBERS_SIZE = 16;

/** The body of a MESSAGES frame, and whose it is. */
interface Received {
  readonly session: number;
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/**
 * Requests that have ended a manager by a fault of ours. They never reached the journal, so their
 * client sends them again to the next manager, which must not end by them, too.
 */
export class Poisoned {
  readonly #path: string;
  readonly #digests: Set<string>;

  /** `directory`: of the journal. */
  constructor(directory: string) {
    this.#path = join(directory, FILE);
    this.#digests = new Set(readText(this.#path).match(DIGEST) ?? []);
  }

  has(received: Received): boolean {
    return this.#digests.size > 0 && this.#digests.has(digestOf(received));
  }

  /**
   * Remembers a request. Synchronous, as the process ends next; it never fails: a disk that is full
   * must not take the report of the fault along. Returns its digest.
   */
  add(received: Received): string {
    const digest = digestOf(received);
    try {
      // What a crash may have left of a line is ended.
      appendFileSync(this.#path, `\n${digest}\n`, { mode: 0o600, flush: true });
    } catch {
      return `${digest}, not kept`;
    }
    return digest;
  }
}

/** A file that is larger is none of ours: a fault is mended before it is met so often. */
const FILE_BYTES_MAX = 1024 * 1024;
const DIGEST = /^[0-9a-f]{64}$/gmu;

function readText(path: string): string {
  try {
    if (!existsSync(path)) return '';
    if (statSync(path).size <= FILE_BYTES_MAX) return readFileSync(path, 'latin1');
  } catch (cause) {
    throw unreadable(path, whyFailed(cause), cause);
  }
  throw unreadable(path, 'it is larger than any of ours');
}

function unreadable(path: string, why: string, cause?: unknown): AttaccaError {
  return new AttaccaError('file-error', `Cannot read "${path}": ${why}`, { path }, { cause });
}

function digestOf({ session, bytes, start, end }: Received): string {
  return createHash('sha256')
    .update(`${session} `)
    .update(bytes.subarray(start, start + FIRST_SIZE))
    .update(bytes.subarray(start + NUMBERS_SIZE, end))
    .digest('hex');
}
