import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { assert } from '../../core/assert.js';
import { lookup3 } from './checksum.js';

/** A dataset that was made with another type of the same size, and what its type is. */
export interface Retyping {
  /** Where its header begins in the file. */
  readonly address: number;
  /** The description of its type: no longer than that of the other one. */
  readonly message: Uint8Array;
}

const TYPE = 0x03;
const CONTINUED = 0x10;
const CHECKSUM_BYTES = 4;
/** Signature, version, flags, times, counts of attributes, the size of the first block. */
const HEAD_BYTES_MAX = 4 + 1 + 1 + 16 + 4 + 8;
const FLAGS = { sizeBytes: 0x03, ordered: 0x04, counts: 0x10, times: 0x20 } as const;

interface Block {
  readonly at: number;
  /** With what stands before its messages and the checksum behind them. */
  readonly size: number;
  /** Where its messages begin in it. */
  readonly begin: number;
}

/** Reads and writes at places of a file that nobody else has open. */
class Patcher {
  readonly #descriptor: number;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  #read(at: number, size: number): Buffer {
    const bytes = Buffer.alloc(size);
    const count = readSync(this.#descriptor, bytes, 0, size, at);
    return bytes.subarray(0, count);
  }

  /** Gives the dataset at this address its type. */
  retype({ address, message }: Retyping): void {
    const head = this.#read(address, HEAD_BYTES_MAX);
    assert(head.toString('latin1', 0, 4) === 'OHDR', 'a header begins at this address');
    const flags = head[5] as number;
    const begin =
      6 + ((flags & FLAGS.times) === 0 ? 0 : 16) + ((flags & FLAGS.counts) === 0 ? 0 : 4);
    const width = 2 ** (flags & FLAGS.sizeBytes);
    assert(width <= 4, 'a header has less than 4 GiB');
    const messages = head.readUIntLE(begin, width);
    const first = begin + width;
    const waiting: Block[] = [
      { at: address, begin: first, size: first + messages + CHECKSUM_BYTES },
    ];
    for (let block = waiting.pop(); block !== undefined; block = waiting.pop()) {
      if (this.#retypeIn(block, (flags & FLAGS.ordered) !== 0, message, waiting)) return;
    }
    assert(false, 'a header has a type');
  }

  /** Whether the type stands in this block; blocks that follow it are put on the list. */
  #retypeIn(block: Block, isOrdered: boolean, message: Uint8Array, waiting: Block[]): boolean {
    const bytes = this.#read(block.at, block.size);
    const end = block.size - CHECKSUM_BYTES;
    assert(bytes.readUInt32LE(end) === lookup3(bytes.subarray(0, end)), 'its checksum is right');
    const headSize = isOrdered ? 6 : 4;
    for (let at = block.begin; at + headSize <= end; ) {
      const body = at + headSize;
      const size = bytes.readUInt16LE(at + 1);
      if (bytes[at] === TYPE) {
        assert(message.length <= size, 'the type has room where the other one stood');
        bytes.fill(0, body, body + size);
        bytes.set(message, body);
        bytes.writeUInt32LE(lookup3(bytes.subarray(0, end)), end);
        writeSync(this.#descriptor, bytes, 0, bytes.length, block.at);
        return true;
      }
      if (bytes[at] === CONTINUED) {
        const next = Number(bytes.readBigUInt64LE(body));
        waiting.push({ at: next, begin: 4, size: Number(bytes.readBigUInt64LE(body + 8)) });
      }
      at = body + size;
    }
    return false;
  }
}

/**
 * Gives datasets of a file that is closed types which h5wasm cannot make: it writes them with a
 * struct in the place of the type, of the same size and with a longer description. What is said of
 * the type stands once, in the header of the dataset, and is replaced there.
 */
export function retype(path: string, retypings: readonly Retyping[]): void {
  const descriptor = openSync(path, 'r+');
  try {
    const patcher = new Patcher(descriptor);
    for (const each of retypings) patcher.retype(each);
  } finally {
    closeSync(descriptor);
  }
}
