import type { NameHash } from './hasher.js';
import { alignedUp, RECORD_BYTES, type RecordKind, type RecordTarget } from './record.js';

/** Payloads up to here are copied behind their heads; larger ones are written as they lie. */
const COPIED_BYTES = 64 * 1024;

/** A record to be. */
export interface NewRecord {
  readonly kind: RecordKind;
  readonly hash: NameHash;
  readonly version: number;
  readonly head: Uint8Array;
  readonly payload: Uint8Array;
  readonly payloadSum: bigint;
  readonly arrayKiB: number;
  /** Null: a new one. A record that only moves keeps its own. */
  readonly sequence: number | null;
  readonly isSynced: boolean;
}

/** Bytes that a record takes in its pack. */
export function bytesOf({ head, payload }: NewRecord): number {
  return alignedUp(RECORD_BYTES + head.length + payload.length);
}

/** Of all records what does not stay where it lies. */
export function copiedBytes(records: readonly NewRecord[]): number {
  let bytes = 0;
  for (const record of records) {
    bytes += bytesOf(record);
    if (record.payload.length > COPIED_BYTES) bytes -= record.payload.length;
  }
  return bytes;
}

/** The bytes of a batch: small payloads are copied behind their heads, large ones stay. */
export class BatchBytes implements RecordTarget {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly #pieces: Uint8Array[] = [];
  #from = 0;
  #to = 0;

  /** `buffer`: has room for what is copied; what was in it before is written over. */
  constructor(buffer: Uint8Array) {
    this.bytes = buffer;
    this.view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
  }

  /** Returns where its start is to be written, all of it, with its head behind. */
  add(record: NewRecord): number {
    const { bytes } = this;
    const { head, payload } = record;
    const begin = this.#to;
    bytes.set(head, begin + RECORD_BYTES);
    const upToPayload = RECORD_BYTES + head.length;
    this.#to = begin + upToPayload;
    if (payload.length <= COPIED_BYTES) {
      bytes.set(payload, this.#to);
      this.#to += payload.length;
    } else {
      this.#end();
      this.#pieces.push(payload);
    }
    const end = this.#to + bytesOf(record) - upToPayload - payload.length;
    while (this.#to < end) bytes[this.#to++] = 0;
    return begin;
  }

  /** All of it, in its order. */
  pieces(): readonly Uint8Array[] {
    this.#end();
    return this.#pieces;
  }

  #end(): void {
    if (this.#to > this.#from) this.#pieces.push(this.bytes.subarray(this.#from, this.#to));
    this.#from = this.#to;
  }
}
