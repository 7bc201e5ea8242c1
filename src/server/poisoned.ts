import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

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
    const text = existsSync(this.#path) ? readFileSync(this.#path, 'latin1') : '';
    this.#digests = new Set(text.split('\n').filter((line) => line !== ''));
  }

  has(received: Received): boolean {
    return this.#digests.size > 0 && this.#digests.has(digestOf(received));
  }

  /** Remembers a request. Synchronous, as the process ends next. Returns its digest. */
  add(received: Received): string {
    const digest = digestOf(received);
    appendFileSync(this.#path, `${digest}\n`, { mode: 0o600, flush: true });
    return digest;
  }
}

function digestOf({ session, bytes, start, end }: Received): string {
  return createHash('sha256')
    .update(`${session} `)
    .update(bytes.subarray(start, start + FIRST_SIZE))
    .update(bytes.subarray(start + NUMBERS_SIZE, end))
    .digest('hex');
}
