/** What is kept of all messages until they have been looked at. */
const KEPT_BYTES_MAX = 64 * 1024 * 1024;

export type DecodeValues = () => Promise<Float32Array>;

/**
 * Decoded values from when a message is looked at until its object is filled. Of a large file they
 * are decoded again: all of them need not fit in memory.
 */
export class KeptValues {
  #bytes = 0;

  /** How to get the values then: these, or `again` when so many are kept already. */
  valuesOr(values: Float32Array, again: DecodeValues): DecodeValues {
    if (this.#bytes + values.byteLength > KEPT_BYTES_MAX) return again;
    this.#bytes += values.byteLength;
    return async () => values;
  }
}
