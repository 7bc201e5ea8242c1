/** A file in memory, written under another name, renamed, and seen by inotify. */
import { closeSync, existsSync, openSync, readSync, renameSync, watch, writeSync } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { ConsumerSide, Parcel, ProducerSide, Received, TransportKind } from './transport.js';
import { OwnArrays } from './transport.js';

const CALL_BYTES = 1 << 30;

class Producer implements ProducerSide {
  readonly #directory: string;
  readonly #own = new OwnArrays();

  constructor(directory: string) {
    this.#directory = directory;
  }

  async write(parcel: Parcel): Promise<void> {
    const own = this.#own.bytesOf(parcel.bytes);
    if (parcel.mode === 'place') this.#writeFile(parcel, own);
  }

  async offer(parcel: Parcel): Promise<void> {
    if (parcel.mode === 'own') this.#writeFile(parcel, this.#own.bytesOf(parcel.bytes));
    renameSync(this.#path(parcel, '.part'), this.#path(parcel, ''));
  }

  async after(parcel: Parcel): Promise<void> {
    await unlink(this.#path(parcel, ''));
  }

  #path({ seq }: Parcel, suffix: string): string {
    return join(this.#directory, `${seq}${suffix}`);
  }

  #writeFile(parcel: Parcel, bytes: Uint8Array): void {
    const file = openSync(this.#path(parcel, '.part'), 'w');
    for (let at = 0; at < bytes.length; ) {
      at += writeSync(file, bytes, at, Math.min(CALL_BYTES, bytes.length - at));
    }
    closeSync(file);
  }
}

class Consumer implements ConsumerSide {
  readonly #directory: string;
  #target: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  #onChange: () => void = () => {};

  constructor(directory: string) {
    this.#directory = directory;
    watch(directory, () => this.#onChange());
  }

  async receive({ seq, bytes }: Parcel): Promise<Received> {
    if (this.#target.length !== bytes) this.#target = new Uint8Array(bytes).fill(1);
    const target = this.#target;
    const path = join(this.#directory, String(seq));
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (existsSync(path)) resolve();
      };
      this.#onChange = look;
      look();
    });
    const file = openSync(path, 'r');
    for (let at = 0; at < bytes; ) {
      at += readSync(file, target, at, Math.min(CALL_BYTES, bytes - at), at);
    }
    closeSync(file);
    return { array: new Float64Array(target.buffer), end: async () => {} };
  }
}

export const byFile: TransportKind = {
  producer: async ({ at }) => new Producer(at),
  consumer: async ({ at }) => new Consumer(at),
};
