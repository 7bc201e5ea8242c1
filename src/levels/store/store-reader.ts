import { assert, refuse } from '../../core/assert.js';
import { Reader } from '../../core/bytes.js';
import { spaceBytes } from '../../core/space.js';
import type { LevelEntry, LevelFound, LevelKey, LevelStream } from '../level.js';
import { readArray } from './array-files.js';
import { damaged, short } from './failures.js';
import { readHeads } from './footer.js';
import { hashName } from './hasher.js';
import { indexOf, listPacks, loadPack, type Problem, type StoreParts } from './loading.js';
import { bytesOfUnits, PACKS, type Pack, packNumberOf, packPath } from './pack.js';
import {
  type ArrayPlace,
  decodeHead,
  isWhole,
  RECORD_BYTES,
  RECORD_KIND,
  type RecordHead,
  type RecordStart,
  readStart,
  recordBytes,
} from './record.js';
import { goneError } from './scan.js';
import { SmallCopies } from './small-copies.js';
import { type Slot, StoreIndex } from './store-index.js';

/** Read at once where only a head is wanted: most are shorter. */
const HEAD_GUESS_BYTES = 1_024;
/** How often packs may be taken away while they are read. */
const LOADS_MAX = 16;
/** Some milliseconds. */
const LISTED_AT_ONCE = 2_048;
const NOTHING = new Uint8Array(0);
/** What a footer, or the end of a pack, would make forgotten. */
const LOSSES: ReadonlySet<Problem['kind']> = new Set(['cut-pack', 'gap']);

/** A record as it lies in its pack. */
interface ReadRecord {
  readonly start: RecordStart;
  readonly head: RecordHead;
  readonly headBytes: Uint8Array;
  /** Empty where only the head was wanted. */
  readonly payload: Uint8Array;
}

/** The packs of a store and what of them counts: for one that reads, and for its one writer. */
export class StoreReader {
  readonly parts: StoreParts;
  readonly packs = new Map<number, Pack>();
  index: StoreIndex = new StoreIndex();
  sequenceNext = 1;
  /** Of a pack to come. */
  numberNext = 1;
  problems: readonly Problem[] = [];
  /** Packs of which something is lost: what is left stays as it is, until it is repaired. */
  readonly unrepaired = new Set<number>();
  /** Lists that are under way: what is in the packs stays where it is. */
  lists = 0;
  readonly #heads = new Reader();
  readonly #copies = new SmallCopies();

  constructor(parts: StoreParts) {
    this.parts = parts;
  }

  /** Reads what is there, anew. */
  async load(): Promise<void> {
    let found = await this.#readPacks();
    // What is taken away meanwhile has gone to a pack that may be newer than the list.
    for (let tries = 1; found === null && tries < LOADS_MAX; tries++) {
      found = await this.#readPacks();
    }
    if (found === null) throw goneError(PACKS);
    const { packs, problems } = found;
    const { index, sequenceNext } = indexOf(packs);
    this.packs.clear();
    for (const pack of packs) this.packs.set(pack.header.number, pack);
    this.index = index;
    this.sequenceNext = sequenceNext;
    this.problems = [...(this.parts.problems ?? []), ...problems];
    this.unrepaired.clear();
    for (const { kind, path } of problems) {
      const number = packNumberOf(path.slice(PACKS.length + 1));
      if (number !== null && LOSSES.has(kind)) this.unrepaired.add(number);
    }
  }

  /** Null when one of them went meanwhile. */
  async #readPacks(): Promise<{ packs: Pack[]; problems: Problem[] } | null> {
    const problems: Problem[] = [];
    const packs: Pack[] = [];
    for (const [number] of this.parts.listed.packs) {
      this.numberNext = Math.max(this.numberNext, number + 1);
    }
    for (const number of await listPacks(this.parts.disk)) {
      this.numberNext = Math.max(this.numberNext, number + 1);
      const loaded = await loadPack(this.parts, number);
      if (loaded.pack === null && loaded.problems.length === 0) return null;
      problems.push(...loaded.problems);
      if (loaded.pack !== null) packs.push(loaded.pack);
    }
    return { packs, problems };
  }

  slotOf(key: LevelKey): Slot | null {
    return this.index.find(hashName(key, this.parts), key.version);
  }

  async find(key: LevelKey): Promise<LevelEntry | null> {
    const found = await this.#locate(key, (slot) => this.readRecord(key, slot, false));
    return found === null ? null : entryOf(found.head);
  }

  async get(key: LevelKey, into: Uint8Array | null): Promise<LevelFound | null> {
    const slot = this.slotOf(key);
    if (slot === null) return null;
    return this.#getNow(key, slot, into) ?? (await this.#getLater(key, into));
  }

  /** What memory has at once. Null for all else, also for what is not right: that is told later. */
  #getNow(key: LevelKey, slot: Slot, into: Uint8Array | null): LevelFound | null {
    if (slot.kind !== RECORD_KIND.object) return null;
    const path = packPath(slot.pack);
    const bytes = this.parts.disk.readNow(path, offsetOf(slot), bytesOfUnits(slot.units));
    const start = bytes === null ? null : readStart(bytes, slot.place);
    if (bytes === null || start === null || recordBytes(start) !== bytes.length) return null;
    const found = this.#checked(bytes, start, slot, true);
    if (typeof found === 'string' || !isSame(found.head.key, key)) return null;
    const entry = entryOf(found.head);
    if (into === null) return { entry, bytes: this.#copies.copy(found.payload) };
    if (into.length < entry.size) return null;
    into.set(found.payload);
    return { entry, bytes: into.subarray(0, entry.size) };
  }

  async #getLater(key: LevelKey, into: Uint8Array | null): Promise<LevelFound | null> {
    return await this.#locate(key, async (slot) => {
      const { head, payload } = await this.readRecord(key, slot, true);
      const entry = entryOf(head);
      const { size } = entry;
      if (into !== null && into.length < size) {
        const why = `it has ${size} bytes, and there is room for ${into.length}`;
        refuse('bad-argument', `Cannot read "${key.name}" from the store: ${why}`);
      }
      if (head.array === null) {
        into?.set(payload);
        return { entry, bytes: into?.subarray(0, size) ?? payload };
      }
      const bytes = into?.subarray(0, size) ?? new Uint8Array(size);
      for await (const block of readArray(this.parts.disk, arrayOf(head), size, bytes)) {
        assert(block.buffer === bytes.buffer, 'a block is read where it belongs');
      }
      return { entry, bytes };
    });
  }

  async stream(key: LevelKey): Promise<LevelStream | null> {
    return await this.#locate(key, async (slot) => {
      const { head, payload } = await this.readRecord(key, slot, true);
      const entry = entryOf(head);
      if (head.array === null) return { entry, blocks: blocksOf(payload) };
      return { entry, blocks: readArray(this.parts.disk, arrayOf(head), entry.size, null) };
    });
  }

  /** What is said of each object, or of those that are wanted, in the order of the packs. */
  async *list(isWanted: ((entry: LevelEntry) => boolean) | null): AsyncIterable<LevelEntry> {
    for (let last = 0; ; ) {
      const next = Math.min(...[...this.packs.keys()].filter((number) => number > last));
      const pack = this.packs.get(next);
      if (pack === undefined) return;
      last = next;
      for await (const batch of this.#listPack(pack, isWanted)) yield* batch;
    }
  }

  /** A batch for each turn of the event loop, which many objects must not hold up. */
  async *#listPack(
    pack: Pack,
    isWanted: ((entry: LevelEntry) => boolean) | null,
  ): AsyncIterable<readonly LevelEntry[]> {
    const { number } = pack.header;
    const { disk, hash } = this.parts;
    const path = packPath(number);
    const heads =
      pack.heads ?? (pack.footer === null ? null : await readHeads(disk, path, pack.footer, hash));
    let batch: LevelEntry[] = [];
    const { entries } = pack;
    for (let at = 0; at < entries.count; at++) {
      if (at % LISTED_AT_ONCE === LISTED_AT_ONCE - 1) {
        yield batch;
        batch = [];
        await new Promise((resolve) => setImmediate(resolve));
      }
      if (!entries.isLiveIn(this.index, number, at)) continue;
      let head = heads === null ? null : decodeHead(heads[at] as Uint8Array, this.#heads);
      if (head === null) {
        // Its footer is damaged there: the records have their heads themselves.
        const { hash: name, version } = entries.at(at);
        const slot = this.index.find(name, version);
        if (slot === null) continue;
        ({ head } = await this.readSlot(slot, false));
      }
      const entry = entryOf(head);
      if (isWanted?.(entry) ?? true) batch.push(entry);
    }
    yield batch;
  }

  /** What a slot points to, if it is what is asked for. */
  async readRecord(key: LevelKey, slot: Slot, withPayload: boolean): Promise<ReadRecord> {
    const found = await this.readSlot(slot, withPayload, key);
    if (isSame(found.head.key, key)) return found;
    throw damaged(key, packPath(slot.pack), offsetOf(slot), 'another object is there');
  }

  /** `key`: of the object, for what is said of it. */
  async readSlot(
    slot: Slot,
    withPayload: boolean,
    key: LevelKey = { pool: '', name: '', version: slot.version },
  ): Promise<ReadRecord> {
    const path = packPath(slot.pack);
    const offset = offsetOf(slot);
    const all = bytesOfUnits(slot.units);
    let bytes = await this.#read(path, offset, withPayload ? all : Math.min(all, HEAD_GUESS_BYTES));
    const start = readStart(bytes, slot.place);
    if (start === null) {
      if (bytes.length < RECORD_BYTES) throw short(key, path, offset + bytes.length, offset + all);
      throw damaged(key, path, offset, 'there is no record');
    }
    const upToPayload = RECORD_BYTES + start.headBytes;
    const size = upToPayload + (withPayload ? start.payloadBytes : 0);
    if (size > all) throw damaged(key, path, offset, 'its sizes are wrong');
    if (bytes.length < size) bytes = await this.#read(path, offset, size);
    if (bytes.length < size) throw short(key, path, offset + bytes.length, offset + all);
    if (!this.packs.has(slot.pack)) throw goneError(path);
    const found = this.#checked(bytes, start, slot, withPayload);
    if (typeof found === 'string') throw damaged(key, path, offset, found);
    return found;
  }

  /** A record held against its sums, or what is wrong with it. `bytes`: as much as is wanted. */
  #checked(
    bytes: Uint8Array,
    start: RecordStart,
    slot: Slot,
    withPayload: boolean,
  ): ReadRecord | string {
    const salt = this.packs.get(slot.pack)?.header.salt;
    if (salt === undefined) return 'its pack is gone';
    const upToPayload = RECORD_BYTES + start.headBytes;
    const isRight =
      isWhole(bytes, start, { hash: this.parts.hash, salt }) && start.kind === slot.kind;
    const headBytes = bytes.subarray(RECORD_BYTES, upToPayload);
    const head = isRight ? decodeHead(headBytes, this.#heads) : null;
    if (head === null || start.kind === RECORD_KIND.deleted) {
      return 'the checksum of its head is wrong';
    }
    if (!withPayload) return { start, head, headBytes, payload: NOTHING };
    const payload = bytes.subarray(upToPayload, upToPayload + start.payloadBytes);
    if (this.parts.hash.sum(payload) !== start.payloadSum) {
      return 'the checksum of its bytes is wrong';
    }
    return { start, head, headBytes, payload };
  }

  async #read(path: string, offset: number, bytes: number): Promise<Uint8Array> {
    const target = new Uint8Array(bytes);
    const got = await this.parts.disk.read(path, offset, target);
    if (got === null) throw goneError(path);
    return target.subarray(0, got);
  }

  /**
   * Does something with the slot of an object. What has moved meanwhile is looked for once more:
   * the writer of a store takes packs away that are mostly dead, and arrays that are replaced.
   */
  async #locate<T>(key: LevelKey, use: (slot: Slot) => Promise<T>): Promise<T | null> {
    const slot = this.slotOf(key);
    if (slot === null) return null;
    try {
      return await use(slot);
    } catch (error) {
      if ((await this.parts.disk.size(packPath(slot.pack))) === null) await this.refresh();
      const again = this.slotOf(key);
      if (again === null) return null;
      if (again.pack === slot.pack && again.place === slot.place) throw error;
      return await use(again);
    }
  }

  /** One that only reads looks at what the writer has done; the writer knows. */
  async refresh(): Promise<void> {}
}

function offsetOf({ place }: Slot): number {
  return bytesOfUnits(place);
}

function isSame(one: LevelKey, other: LevelKey): boolean {
  return one.version === other.version && one.name === other.name && one.pool === other.pool;
}

function arrayOf(head: RecordHead): RecordHead & { readonly array: ArrayPlace } {
  const { array } = head;
  assert(array !== null, 'it is an array');
  return { ...head, array };
}

function entryOf({ key, space, attributes }: RecordHead): LevelEntry {
  const { pool, name, version } = key;
  return { pool, name, version, space, attributes, size: spaceBytes(space) };
}

async function* blocksOf(payload: Uint8Array): AsyncIterable<Uint8Array> {
  if (payload.length > 0) yield payload;
}
