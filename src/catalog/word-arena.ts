import { assert } from '../core/assert.js';
import { checkSaved, type StateReader, type StateWriter } from '../core/state-codec.js';

/** Blocks lie in chunks of 1 MiB; one never crosses a border. */
const CHUNK_WORDS = 1 << 18;
/** Sizes of blocks are whole units: a free one needs no more than one for what it must say. */
const UNIT_WORDS = 4;
/** References count units: 32 GiB in 31 bits, what an engine keeps as a small integer. */
const UNITS_PER_CHUNK_BITS = 16;
const UNITS_PER_CHUNK = 1 << UNITS_PER_CHUNK_BITS;
const CHUNKS_END = 1 << (31 - UNITS_PER_CHUNK_BITS);

/**
 * The head of a block: its class, its kind, whether the block before it is free, and above them a
 * count that is its owner's. A free block has its size there in units and class 0; behind the head
 * the next and the previous block of its list; in its last word its size again, for the block
 * that follows.
 */
const CLASS_MASK = 63;
const KIND_BITS = 6;
const AFTER_FREE = 1 << 9;
const COUNT_BITS = 10;
const COUNT_ONE = 1 << COUNT_BITS;
const FREE = 0;
const NEXT = 1;
const PREVIOUS = 2;

/** Up to this class each is a unit larger than the one before; then there are four a doubling. */
const EVEN_CLASSES = 9;
const EVEN_BITS = 5;
/** The largest has room for 65,536 words and three. */
const CLASSES = EVEN_CLASSES + 4 * 11;
/** Free blocks are as large as a chunk at most. */
const LISTS = CLASSES + 8;
/** Up to here a loop copies: it is as quick as `set`, and makes no view that is thrown away. */
const COPY_LOOP_MAX = 32;

/**
 * Blocks of 3 to 65,539 words behind a head of one, for structures that grow and shrink and are
 * read and changed in place, as u32 or u16. `Arena`, for bytes that stay as they were given, keeps
 * what is freed by size: sets that grow side by side would leave there up to six times what they
 * have (measured). Here free neighbours are one, and are cut again (TLSF, Masmano 2004): both take
 * O(1). And all that was saved can be checked: a chunk is a row of blocks, each of them free or
 * named once.
 */
export class WordArena {
  /** Reference 0 means none: chunk 0 is not to be had. */
  readonly #chunks = [new Uint32Array(0)];
  readonly #halves = [new Uint16Array(0)];
  /** Free blocks by the largest class for which they have room. */
  readonly #lists = new Uint32Array(LISTS);
  /** A bit for each list that is not empty. */
  readonly #filled = new Uint32Array(2);
  #bytesUsed = 0;

  /** Bytes in live blocks, rounding and heads included. */
  get bytesUsed(): number {
    return this.#bytesUsed;
  }

  get bytesAllocated(): number {
    return (this.#chunks.length - 1) * CHUNK_WORDS * 4;
  }

  /** The chunk that holds a block, whose head is at {@link wordAt} of it. It never moves. */
  words(reference: number): Uint32Array {
    return this.#chunks[reference >>> UNITS_PER_CHUNK_BITS] as Uint32Array;
  }

  /** The chunk by halves of words, the low half first. */
  halves(reference: number): Uint16Array {
    return this.#halves[reference >>> UNITS_PER_CHUNK_BITS] as Uint16Array;
  }

  /** A block with room for `size` words and a count of zero; they are whatever was there. */
  allocate(size: number, kind: number): number {
    const sizeClass = classOf(size);
    const reference = this.#find(sizeClass) || this.#grow();
    const words = this.words(reference);
    const at = wordAt(reference);
    const found = freeWords(words[at] as number);
    const taken = classWords(sizeClass);
    this.#unlink(reference);
    if (found > taken) this.#link(reference + taken / UNIT_WORDS, found - taken);
    else if (at + taken < CHUNK_WORDS) {
      words[at + taken] = (words[at + taken] as number) & ~AFTER_FREE;
    }
    words[at] = sizeClass | (kind << KIND_BITS);
    this.#bytesUsed += taken * 4;
    return reference;
  }

  /** Moves the first `used` words of a block, its kind and its count to one of another size. */
  resize(reference: number, used: number, size: number): number {
    const source = this.words(reference);
    const from = wordAt(reference);
    const head = source[from] as number;
    const moved = this.allocate(size, kindOf(head));
    const target = this.words(moved);
    const to = wordAt(moved);
    changeCount(target, to, countOf(head));
    if (used > COPY_LOOP_MAX) target.set(source.subarray(from + 1, from + 1 + used), to + 1);
    else for (let word = 1; word <= used; word++) target[to + word] = source[from + word] as number;
    this.free(reference);
    return moved;
  }

  /** Moves a block of which no more than half is `used` to one that fits. */
  fit(reference: number, used: number): number {
    const head = this.words(reference)[wordAt(reference)] as number;
    if ((head & CLASS_MASK) === 1 || used * 2 > capacityOf(head)) return reference;
    return this.resize(reference, used, used);
  }

  free(reference: number): void {
    const words = this.words(reference);
    const at = wordAt(reference);
    const head = words[at] as number;
    assert(kindOf(head) !== FREE, 'a freed block is in use');
    let size = classWords(head & CLASS_MASK);
    this.#bytesUsed -= size * 4;
    let first = reference;
    if (at + size < CHUNK_WORDS && kindOf(words[at + size] as number) === FREE) {
      const after = reference + size / UNIT_WORDS;
      size += freeWords(words[at + size] as number);
      this.#unlink(after);
    }
    if ((head & AFTER_FREE) !== 0) {
      const units = words[at - 1] as number;
      first -= units;
      size += units * UNIT_WORDS;
      this.#unlink(first);
    }
    this.#link(first, size);
    const end = wordAt(first) + size;
    if (end < CHUNK_WORDS) words[end] = (words[end] as number) | AFTER_FREE;
  }

  /** Gives back what an empty arena has grown to; no block is named anywhere. */
  beginAnew(): void {
    assert(this.#bytesUsed === 0, 'an arena that begins anew is empty');
    this.#chunks.length = 1;
    this.#halves.length = 1;
    this.#lists.fill(0);
    this.#filled.fill(0);
  }

  /** Writes all chunks; of the last one not the zeros that were never written to. */
  save(w: StateWriter): void {
    const last = this.#chunks.length - 1;
    w.u32(last);
    w.words(this.#lists);
    this.#chunks.forEach((chunk, index) => {
      if (index === last && last > 0) saveShort(w, chunk);
      else w.words(chunk);
    });
  }

  /** Fills an arena that is new. Who names its blocks claims each of them, and then ends. */
  restore(r: StateReader): Claims {
    assert(this.#chunks.length === 1, 'an arena that is restored is new');
    const chunks = r.u32();
    this.#lists.set(r.words(LISTS));
    const least = (chunks - 1) * CHUNK_WORDS * 4;
    checkSaved(chunks < CHUNKS_END && least <= r.remaining, 'an arena has its chunks');
    const claims = new Claims(this);
    for (let index = 0; index < chunks; index++) {
      const chunk = index === chunks - 1 ? restoreShort(r) : r.words(CHUNK_WORDS);
      this.#addChunk(chunk);
      this.#bytesUsed += claims.addChunk(chunk) * 4;
    }
    this.#lists.forEach((first, list) => {
      let previous = 0;
      for (let block = first; block !== 0; ) {
        const head = claims.claim(block);
        const words = this.words(block);
        const at = wordAt(block);
        const isHere = kindOf(head) === FREE && listOf(freeWords(head)) === list;
        checkSaved(isHere && words[at + PREVIOUS] === previous, 'a free block is in its list');
        previous = block;
        block = words[at + NEXT] as number;
      }
      if (first !== 0) this.#mark(list);
    });
    return claims;
  }

  /** A free block with room for a class, of the list with the smallest that have it; or 0. */
  #find(sizeClass: number): number {
    let half = sizeClass >>> 5;
    let bits = (this.#filled[half] as number) & (-1 << sizeClass);
    if (bits === 0 && half === 0) {
      half = 1;
      bits = this.#filled[1] as number;
    }
    return bits === 0 ? 0 : (this.#lists[half * 32 + 31 - Math.clz32(bits & -bits)] as number);
  }

  /** Makes a block of `size` words, between others that are in use, free. */
  #link(reference: number, size: number): void {
    const words = this.words(reference);
    const at = wordAt(reference);
    const list = listOf(size);
    const next = this.#lists[list] as number;
    words[at] = (size / UNIT_WORDS) * COUNT_ONE;
    words[at + NEXT] = next;
    words[at + PREVIOUS] = 0;
    words[at + size - 1] = size / UNIT_WORDS;
    if (next === 0) this.#mark(list);
    else this.words(next)[wordAt(next) + PREVIOUS] = reference;
    this.#lists[list] = reference;
  }

  #unlink(reference: number): void {
    const words = this.words(reference);
    const at = wordAt(reference);
    const next = words[at + NEXT] as number;
    const previous = words[at + PREVIOUS] as number;
    if (next !== 0) this.words(next)[wordAt(next) + PREVIOUS] = previous;
    if (previous !== 0) this.words(previous)[wordAt(previous) + NEXT] = next;
    else {
      const list = listOf(freeWords(words[at] as number));
      this.#lists[list] = next;
      if (next === 0) this.#mark(list);
    }
  }

  /** Turns the bit of a list that has its first block, or has lost its last one. */
  #mark(list: number): void {
    this.#filled[list >>> 5] = (this.#filled[list >>> 5] as number) ^ (1 << list);
  }

  #grow(): number {
    assert(this.#chunks.length < CHUNKS_END, 'blocks fit 32 GiB');
    const reference = this.#chunks.length * UNITS_PER_CHUNK;
    this.#addChunk(new Uint32Array(CHUNK_WORDS));
    this.#link(reference, CHUNK_WORDS);
    return reference;
  }

  #addChunk(chunk: Uint32Array<ArrayBuffer>): void {
    this.#chunks.push(chunk);
    this.#halves.push(new Uint16Array(chunk.buffer));
  }
}

/** Between what was written to and the size of the free block in the last word all is zero. */
function saveShort(w: StateWriter, chunk: Uint32Array): void {
  let used = CHUNK_WORDS - 1;
  while (used > 0 && chunk[used - 1] === 0) used--;
  w.u32(used);
  w.words(chunk.subarray(0, used));
  w.u32(chunk[CHUNK_WORDS - 1] as number);
}

function restoreShort(r: StateReader): Uint32Array<ArrayBuffer> {
  const used = r.count(4);
  checkSaved(used < CHUNK_WORDS, 'a chunk has its size');
  const chunk = r.words(CHUNK_WORDS, used);
  chunk[CHUNK_WORDS - 1] = r.u32();
  return chunk;
}

/** The blocks of an arena that is being restored, each to be named once. */
export class Claims {
  readonly #arena: WordArena;
  /** A bit for each unit of a chunk: whether an unclaimed block begins there. */
  readonly #starts = [new Uint32Array(0)];
  #unclaimed = 0;

  constructor(arena: WordArena) {
    this.#arena = arena;
  }

  /** Walks the blocks of the next chunk; returns how many words of it are in use. */
  addChunk(chunk: Uint32Array): number {
    const starts = new Uint32Array(UNITS_PER_CHUNK >> 5);
    this.#starts.push(starts);
    let used = 0;
    let wasFree = false;
    for (let at = 0; at < CHUNK_WORDS; ) {
      const head = chunk[at] as number;
      const sizeClass = head & CLASS_MASK;
      const isFree = kindOf(head) === FREE;
      const size = isFree ? freeWords(head) : classWords(sizeClass);
      const end = at + size;
      checkSaved(size > 0 && end <= CHUNK_WORDS, 'a block is within its chunk');
      checkSaved(((head & AFTER_FREE) !== 0) === wasFree, 'a block knows the one before it');
      if (isFree) {
        checkSaved(sizeClass === 0 && !wasFree, 'free neighbours are one');
        checkSaved(chunk[end - 1] === size / UNIT_WORDS, 'a free block tells its size');
      } else {
        checkSaved(sizeClass >= 1 && sizeClass <= CLASSES, 'a block has a class');
        used += size;
      }
      const unit = at / UNIT_WORDS;
      starts[unit >>> 5] = (starts[unit >>> 5] as number) | (1 << unit);
      this.#unclaimed++;
      wasFree = isFree;
      at = end;
    }
    return used;
  }

  /** The head of a block that nobody has claimed. */
  claim(reference: number): number {
    const starts = this.#starts[reference >>> UNITS_PER_CHUNK_BITS];
    const place = (reference & (UNITS_PER_CHUNK - 1)) >>> 5;
    const bits = starts?.[place] ?? 0;
    const isStart = ((bits >>> reference) & 1) === 1;
    checkSaved(starts !== undefined && isStart, 'a block is named once');
    starts[place] = bits & ~(1 << reference);
    this.#unclaimed--;
    return this.#arena.words(reference)[wordAt(reference)] as number;
  }

  /** All must have been claimed. */
  end(): void {
    checkSaved(this.#unclaimed === 0, 'a block that is in use is named');
  }
}

/** Where in its chunk a block begins, by words. */
export function wordAt(reference: number): number {
  return (reference & (UNITS_PER_CHUNK - 1)) * UNIT_WORDS;
}

export function kindOf(head: number): number {
  return (head >>> KIND_BITS) & 7;
}

/** What of a kind is in a block: for its owner to keep. */
export function countOf(head: number): number {
  return head >>> COUNT_BITS;
}

/** A head is changed where it lies: allocating and freeing may have changed it, too. */
export function changeCount(words: Uint32Array, at: number, change: number): void {
  words[at] = (words[at] as number) + change * COUNT_ONE;
}

/** How many words there are behind the head. */
export function capacityOf(head: number): number {
  return classWords(head & CLASS_MASK) - 1;
}

/** The size of a free block. */
function freeWords(head: number): number {
  return countOf(head) * UNIT_WORDS;
}

/** The class of blocks that have room for `size` words behind the head. */
function classOf(size: number): number {
  const rest = size - UNIT_WORDS + 1;
  if (rest <= 1 << EVEN_BITS) return rest <= 0 ? 1 : 1 + ((rest + 3) >> 2);
  // 2^k < rest <= 2^(k+1) is cut into quarters.
  const power = 31 - Math.clz32(rest - 1);
  const quarter = (rest - 1 - (1 << power)) >> (power - 2);
  const sizeClass = EVEN_CLASSES + (power - EVEN_BITS) * 4 + quarter + 1;
  assert(sizeClass <= CLASSES, 'a block is of a class');
  return sizeClass;
}

/** Head included: a unit more than 0, 4, ..., 32, 40, 48, 56, 64, 80, ..., 65,536. */
function classWords(sizeClass: number): number {
  if (sizeClass <= EVEN_CLASSES) return sizeClass * UNIT_WORDS;
  const index = sizeClass - EVEN_CLASSES;
  const power = EVEN_BITS + (index >> 2);
  return (1 << power) + ((index & 3) << (power - 2)) + UNIT_WORDS;
}

/** The largest class for which a free block of `size` words has room, or what it would be. */
function listOf(size: number): number {
  const rest = size - UNIT_WORDS;
  if (rest < 1 << EVEN_BITS) return 1 + (rest >> 2);
  const power = 31 - Math.clz32(rest);
  return EVEN_CLASSES + (power - EVEN_BITS) * 4 + ((rest - (1 << power)) >> (power - 2));
}
