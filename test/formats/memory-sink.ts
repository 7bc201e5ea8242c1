import type { ByteSink } from '../../src/formats/bytes.js';

/** A file in memory: what is between two writes is zero. */
export class MemorySink implements ByteSink {
  #bytes = new Uint8Array();

  read(at: number, into: Uint8Array): void {
    into.fill(0);
    into.set(this.bytes.subarray(at, at + into.length));
  }

  write(at: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    if (at + bytes.length > this.#bytes.length) {
      const larger = new Uint8Array(at + bytes.length);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes.set(bytes, at);
  }

  get bytes(): Uint8Array {
    return this.#bytes;
  }
}
