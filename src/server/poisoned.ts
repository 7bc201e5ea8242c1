import { createHash } from 'node:crypto';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { whyFailed } from '../core/system-errors.js';
import type { ProcessIdentity } from '../levels/process-identity.js';
import { Messages } from '../protocol/index.js';
import { readPlainFile } from './plain-file.js';

const FILE = 'poisoned';
/** The latest are kept: a fault is mended before it is met so often. */
const RANGES_MAX = 1_000;
/** A file that is larger is none of ours. */
const FILE_BYTES_MAX = 1024 * 1024;
/** Session, first and last number, process. */
const LINE = /^(\d+) (\d+)-(\d+) ([0-9a-f]{16})$/gmu;

/** The body of a MESSAGES frame, and whose it is. */
interface Received {
  readonly session: number;
  readonly identity: ProcessIdentity;
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** Requests of a session, which are the same ones whenever they come again. */
interface Range {
  readonly session: number;
  readonly first: number;
  readonly last: number;
  /** A session that was never durable leaves its number to another process. */
  readonly process: string;
}

/**
 * Requests that have ended a manager by a fault of ours. Their client sends them again to the next
 * manager, or they wait there for their turn; it must not end by them, too. They are known by their
 * numbers, not by their bytes: without room in the journal only a part of those is stepped.
 */
export class Poisoned {
  readonly #path: string;
  readonly #ranges: readonly Range[];
  /** So that frames of all other sessions cost one look. */
  readonly #sessions: ReadonlySet<number>;

  /** `directory`: of the journal. */
  constructor(directory: string) {
    this.#path = join(directory, FILE);
    this.#ranges = read(this.#path);
    this.#sessions = new Set(this.#ranges.map(({ session }) => session));
  }

  /** Whether any request of a frame is one of them. A frame that does not parse is `bad-frame`. */
  has(received: Received): boolean {
    if (!this.#sessions.has(received.session)) return false;
    const { session, first, last, process } = rangeOf(received);
    return this.#ranges.some(
      (each) =>
        each.session === session &&
        each.process === process &&
        each.first <= last &&
        first <= each.last,
    );
  }

  /**
   * Remembers requests, and returns what a report says of them. Synchronous, as the process ends
   * next; it never fails: a disk that is full must not take the report of the fault along.
   */
  add(received: Received): string {
    const range = rangeOf(received);
    const said = `session ${range.session}, ${range.first} to ${range.last}`;
    const lines = [...this.#ranges, range].slice(-RANGES_MAX).map(lineOf);
    // A name that each draft has: what a crash leaves of one the next replaces.
    const draft = `${this.#path}.new`;
    try {
      // Opening whatever else somebody has put there might wait for ever.
      rmSync(draft, { force: true });
      writeFileSync(draft, lines.join(''), { mode: 0o600, flag: 'wx', flush: true });
      renameSync(draft, this.#path);
    } catch (error) {
      return `${said}; not kept: ${whyFailed(error)}`;
    }
    return said;
  }
}

function rangeOf({ session, identity, bytes, start, end }: Received): Range {
  const messages = new Messages();
  messages.open(bytes, start, end);
  const { first, count } = messages;
  const { pid, startTime, bootId, pidNamespace, hostname } = identity;
  const process = createHash('sha256')
    .update(JSON.stringify([pid, startTime, bootId, pidNamespace, hostname]))
    .digest('hex')
    .slice(0, 16);
  return { session, first, last: first + count - 1, process };
}

function lineOf({ session, first, last, process }: Range): string {
  return `${session} ${first}-${last} ${process}\n`;
}

function read(path: string): Range[] {
  const bytes = readPlainFile(path, FILE_BYTES_MAX);
  const text = bytes === null ? '' : Buffer.from(bytes).toString('latin1');
  const found = [...text.matchAll(LINE)].slice(-RANGES_MAX);
  return found.map(([, session, first, last, process = '']) => ({
    session: Number(session),
    first: Number(first),
    last: Number(last),
    process,
  }));
}
