import { assert } from '../core/assert.js';
import type { Reader } from '../core/bytes.js';
import { checkSaved, type StateReader, type StateWriter } from '../core/state-codec.js';

/** Records lie in chunks of this size; one never crosses a border. */
const CHUNK_BYTES = 1 << 20;
/** References count units of 8 bytes: 32 GiB in 32 bits. */
const UNIT_BITS = 3;
const UNITS_PER_CHUNK_BITS = 20 - UNIT_BITS;
const CHUNKS_MAX = 1 << (32 - UNITS_PER_CHUNK_BITS);
const HEADER_BYTES = 4;
const SMALL_MAX = 512;
const SMALL_CLASSES = SMALL_MAX >> UNIT_BITS;
/** Up to here a loop copies: it is as quick as `set`, and makes no view that is thrown away. */
const COPY_LOOP_MAX = 128;
/** Above SMALL_MAX eight classes a doubling: at most 12.5 % of a record is lost to rounding. */
const CLASSES = SMALL_CLASSES + 8 * 11;
/** The largest class: the next would be a whole chunk, of which the first unit is not to be had. */
const LARGEST_BYTES = CHUNK_BYTES - (CHUNK_BYTES >> 4);

/**
 * Records of bytes of any size up to 15/16 MiB, less a header: names, attributes, payloads within
 * messages. A reference is a u32; 0 is "none". Freed records are kept in lists by size class and
 * used again; memory is the high-water mark of each class.
 */
export class Arena {
  readonly #chunks: Uint8Array[] = [];
  readonly #views: DataView[] = [];
  readonly #free = new Uint32Array(CLASSES);
  #top = CHUNK_BYTES;
  #bytesUsed = 0;

  /** Bytes in live records, rounding and headers included. */
  get bytesUsed(): number {
    return this.#bytesUsed;
  }

  get bytesAllocated(): number {
    return this.#chunks.length * CHUNK_BYTES;
  }

  /** Copies `source[start, end)` into a new record. */
  store(source: Uint8Array, start: number, end: number): number {
    const reference = this.allocate(end - start);
    copyBytes(source, start, end, this.chunk(reference), this.start(reference));
    return reference;
  }

  /** A new record of `size` bytes, for the caller to fill: they are whatever was there. */
  allocate(size: number): number {
    const sizeClass = classOf(size + HEADER_BYTES);
    const bytes = classBytes(sizeClass);
    this.#bytesUsed += bytes;
    let reference = this.#free[sizeClass] as number;
    if (reference !== 0) {
      const view = this.#views[reference >>> UNITS_PER_CHUNK_BITS] as DataView;
      this.#free[sizeClass] = view.getUint32(this.#offset(reference), true);
    } else {
      if (this.#top + bytes > CHUNK_BYTES) this.#grow();
      const chunk = this.#chunks.length - 1;
      reference = ((chunk << UNITS_PER_CHUNK_BITS) | (this.#top >>> UNIT_BITS)) >>> 0;
      this.#top += bytes;
    }
    const view = this.#views[reference >>> UNITS_PER_CHUNK_BITS] as DataView;
    view.setUint32(this.#offset(reference), size, true);
    return reference;
  }

  /** The chunk that holds a record; its bytes are `[start, start + size)` of it. */
  chunk(reference: number): Uint8Array {
    return this.#chunks[reference >>> UNITS_PER_CHUNK_BITS] as Uint8Array;
  }

  /** The chunk, for words of a record: those of {@link word} are there from `start` on. */
  words(reference: number): DataView {
    return this.#views[reference >>> UNITS_PER_CHUNK_BITS] as DataView;
  }

  start(reference: number): number {
    return this.#offset(reference) + HEADER_BYTES;
  }

  size(reference: number): number {
    const view = this.#views[reference >>> UNITS_PER_CHUNK_BITS] as DataView;
    return view.getUint32(this.#offset(reference), true);
  }

  /** Whether a saved reference may be that of a record: it and its size lie in a chunk. */
  has(reference: number): boolean {
    const chunk = reference >>> UNITS_PER_CHUNK_BITS;
    if (reference === 0 || chunk >= this.#chunks.length) return false;
    return this.size(reference) <= CHUNK_BYTES - this.start(reference);
  }

  /** What a record takes of the arena, rounding and header included. */
  bytesOf(reference: number): number {
    return classBytes(classOf(this.size(reference) + HEADER_BYTES));
  }

  /** Whether a record holds exactly `bytes[start, end)`. */
  equals(reference: number, bytes: Uint8Array, start: number, end: number): boolean {
    if (this.size(reference) !== end - start) return false;
    const chunk = this.chunk(reference);
    const at = this.start(reference) - start;
    for (let index = start; index < end; index++) {
      if (chunk[at + index] !== bytes[index]) return false;
    }
    return true;
  }

  /** The `index`th word of a record of words. */
  word(reference: number, index: number): number {
    const view = this.#views[reference >>> UNITS_PER_CHUNK_BITS] as DataView;
    return view.getUint32(this.#offset(reference) + HEADER_BYTES + index * 4, true);
  }

  setWord(reference: number, index: number, word: number): void {
    const view = this.#views[reference >>> UNITS_PER_CHUNK_BITS] as DataView;
    view.setUint32(this.#offset(reference) + HEADER_BYTES + index * 4, word, true);
  }

  /** Stands a reader on a record, behind its first `skip` bytes. */
  read(reader: Reader, reference: number, skip: number): void {
    const start = this.start(reference);
    reader.reset(this.chunk(reference), start + skip, start + this.size(reference));
  }

  /** A borrowed view of a record, valid until it is freed. */
  view(reference: number): Uint8Array {
    const at = this.start(reference);
    return this.chunk(reference).subarray(at, at + this.size(reference));
  }

  free(reference: number): void {
    const size = this.size(reference);
    const sizeClass = classOf(size + HEADER_BYTES);
    this.#bytesUsed -= classBytes(sizeClass);
    const view = this.#views[reference >>> UNITS_PER_CHUNK_BITS] as DataView;
    view.setUint32(this.#offset(reference), this.#free[sizeClass] as number, true);
    this.#free[sizeClass] = reference;
  }

  /** Gives back what an empty arena has grown to, beyond a chunk; no record is named anywhere. */
  beginAnew(): void {
    assert(this.#bytesUsed === 0, 'an arena that begins anew is empty');
    if (this.#chunks.length <= 1) return;
    this.#chunks.length = 0;
    this.#views.length = 0;
    this.#free.fill(0);
    this.#top = CHUNK_BYTES;
  }

  /** Writes all chunks, the last one as far as it is used. */
  save(w: StateWriter): void {
    w.u32(this.#chunks.length);
    w.u32(this.#top);
    w.u64(this.#bytesUsed);
    w.words(this.#free);
    const last = this.#chunks.length - 1;
    this.#chunks.forEach((chunk, index) => {
      w.raw(index === last ? chunk.subarray(0, this.#top) : chunk);
    });
  }

  /** Fills an arena that is new. */
  restore(r: StateReader): void {
    assert(this.#chunks.length === 0, 'an arena that is restored is new');
    const chunks = r.u32();
    this.#top = r.u32();
    this.#bytesUsed = r.u64();
    this.#free.set(r.words(CLASSES));
    const isWhole = this.#top <= CHUNK_BYTES && this.#top % (1 << UNIT_BITS) === 0;
    checkSaved(isWhole && chunks <= CHUNKS_MAX, 'an arena has chunks of its size');
    checkSaved(chunks > 0 || this.#top === CHUNK_BYTES, 'an arena without chunks has no room');
    const bytes = chunks * CHUNK_BYTES;
    checkSaved(bytes - CHUNK_BYTES + this.#top <= r.remaining, 'an arena has its chunks');
    for (let index = 0; index < chunks; index++) {
      const chunk = this.#addChunk();
      r.raw(index === chunks - 1 ? chunk.subarray(0, this.#top) : chunk);
    }
    for (const reference of this.#free) {
      checkSaved(
        reference >>> UNITS_PER_CHUNK_BITS < Math.max(chunks, 1),
        'a record is in a chunk',
      );
    }
  }

  #offset(reference: number): number {
    return (reference << UNIT_BITS) & (CHUNK_BYTES - 1);
  }

  #grow(): void {
    assert(this.#chunks.length < CHUNKS_MAX, 'records fit 32 GiB');
    this.#addChunk();
    // Reference 0 means none: the first unit of the first chunk stays unused.
    this.#top = this.#chunks.length === 1 ? 1 << UNIT_BITS : 0;
  }

  #addChunk(): Uint8Array {
    const chunk = new Uint8Array(CHUNK_BYTES);
    this.#chunks.push(chunk);
    this.#views.push(new DataView(chunk.buffer));
    return chunk;
  }
}

/** Copies `source[start, end)` to `target` at `at`. */
function copyBytes(
  source: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
  at: number,
): void {
  if (end - start > COPY_LOOP_MAX) {
    target.set(source.subarray(start, end), at);
    return;
  }
  for (let from = start, to = at; from < end; from++, to++) target[to] = source[from] as number;
}

function classOf(bytes: number): number {
  if (bytes <= SMALL_MAX) return (bytes + 7) >> UNIT_BITS;
  assert(bytes <= LARGEST_BYTES, 'a record fits a chunk');
  // 2^k < bytes <= 2^(k+1) is cut into eighths.
  const power = 31 - Math.clz32(bytes - 1);
  const eighth = (bytes - 1 - (1 << power)) >> (power - 3);
  return SMALL_CLASSES + 1 + (power - 9) * 8 + eighth;
}

function classBytes(sizeClass: number): number {
  if (sizeClass <= SMALL_CLASSES) return sizeClass << UNIT_BITS;
  const index = sizeClass - SMALL_CLASSES - 1;
  const power = 9 + (index >> 3);
  return (1 << power) + (((index & 7) + 1) << (power - 3));
}
