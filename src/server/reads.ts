import { Writer } from '../core/bytes.js';
import { DATA_BYTES_MAX, writeDataHead, writeDone } from '../protocol/index.js';
import type { Link } from '../transport/index.js';
import type { PinnedRange } from './slab-store.js';

/** Queued to a socket at a time: enough to keep it busy, little enough to take turns. */
const QUEUE_BYTES = 2 * 1024 * 1024;

interface Read {
  readonly transfer: number;
  readonly offset: number;
  readonly range: PinnedRange;
  sent: number;
}

/** The READs of one data connection: they take turns, a frame each, as fast as the peer reads. */
export class Reads {
  readonly #link: Link;
  #reads: Read[] = [];
  /** Queued to the last byte; the kernel may still be taking them. */
  #finished: PinnedRange[] = [];

  constructor(link: Link) {
    this.#link = link;
  }

  get size(): number {
    return this.#reads.length;
  }

  add(transfer: number, offset: number, range: PinnedRange): void {
    this.#reads.push({ transfer, offset, range, sent: 0 });
  }

  /** Sends until the queue is full or nothing is left; called again when it has drained. */
  pump(): void {
    while (this.#link.bytesQueued < QUEUE_BYTES) {
      const read = this.#reads.shift();
      if (read === undefined) break;
      this.#sendNext(read);
      if (read.sent < read.range.bytes.length) {
        this.#reads.push(read);
      } else {
        const writer = new Writer(32);
        writeDone(writer, read.transfer, read.sent);
        this.#link.write(writer.written());
        this.#finished.push(read.range);
      }
    }
    this.#link.flush();
    // All that was queued is in the kernel: bytes of finished reads are touched no more.
    if (this.#link.bytesQueued === 0) this.#releaseFinished();
  }

  /** The link is closed: nothing is touched any more. */
  close(): void {
    for (const read of this.#reads.splice(0)) read.range.release();
    this.#releaseFinished();
  }

  #releaseFinished(): void {
    for (const range of this.#finished.splice(0)) range.release();
  }

  #sendNext(read: Read): void {
    const { bytes } = read.range;
    const end = Math.min(read.sent + DATA_BYTES_MAX, bytes.length);
    const piece = bytes.subarray(read.sent, end);
    const writer = new Writer(64);
    writeDataHead(writer, read.transfer, read.offset + read.sent, piece.length);
    this.#link.write(writer.written());
    this.#link.write(piece);
    read.sent = end;
  }
}
