/** A pipe with a name between two Node processes, read and written with blocking calls. */
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import type { Parcel, ProducerSide, TransportKind } from './transport.js';
import { OwnArrays } from './transport.js';

/** What one call may take; the kernel moves what its pipe holds, 64 KiB. */
const CALL_BYTES = 1 << 20;
const HEADER_BYTES = 8;

class Producer implements ProducerSide {
  readonly #path: string;
  readonly #own = new OwnArrays();
  #pipe = -1;

  constructor(path: string) {
    this.#path = path;
  }

  async write({ bytes }: Parcel): Promise<void> {
    // Blocks until the consumer has opened its end.
    if (this.#pipe < 0) this.#pipe = openSync(this.#path, 'w');
    this.#own.of(bytes);
  }

  async offer({ bytes }: Parcel): Promise<void> {
    const header = Buffer.alloc(HEADER_BYTES);
    header.writeBigUInt64LE(BigInt(bytes));
    writeSync(this.#pipe, header);
    const all = this.#own.bytesOf(bytes);
    for (let at = 0; at < bytes; ) {
      at += writeSync(this.#pipe, all, at, Math.min(CALL_BYTES, bytes - at));
    }
  }

  async after(): Promise<void> {}
}

export const byPipe: TransportKind = {
  producer: async ({ at }) => new Producer(at),
  async consumer({ at: path }) {
    let pipe = -1;
    let target: Uint8Array<ArrayBuffer> = new Uint8Array(0);
    process.once('exit', () => {
      if (pipe >= 0) closeSync(pipe);
    });
    return {
      async receive({ bytes }, progress) {
        if (target.length !== bytes) target = new Uint8Array(bytes).fill(1);
        if (pipe < 0) pipe = openSync(path, 'r');
        const array = new Float64Array(target.buffer);
        const header = Buffer.alloc(HEADER_BYTES);
        for (let at = 0; at < HEADER_BYTES; ) at += readSync(pipe, header, { offset: at });
        for (let at = 0; at < bytes; ) {
          at += readSync(pipe, target, at, Math.min(CALL_BYTES, bytes - at), null);
          progress?.(array, Math.floor(at / 8));
        }
        return { array, end: async () => {} };
      },
    };
  },
};
