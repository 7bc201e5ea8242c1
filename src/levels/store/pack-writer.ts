import { randomBytes } from 'node:crypto';
import { assert } from '../../core/assert.js';
import { LIMITS } from '../../core/limits.js';
import { BatchBytes, bytesOf, copiedBytes, type NewRecord } from './batch-bytes.js';
import { isDiskFull } from './failures.js';
import { encodeFooter, readHeads } from './footer.js';
import type { NameHash } from './hasher.js';
import type { StoreParts } from './loading.js';
import {
  encodePackHeader,
  PACK_HEADER_BYTES,
  PACKS,
  type Pack,
  PackEntries,
  packPath,
} from './pack.js';
import { RECORD_KIND, UNIT_BYTES, writeStart } from './record.js';
import type { Slot, StoreIndex } from './store-index.js';

/** While as much is written to the page cache, what was before it goes to the disk. */
const BATCH_BYTES_MAX = 2 * 1024 * 1024;
const BATCH_RECORDS_MAX = 8_192;

/** What a record has replaced or ended; null: nothing. */
type Done = Slot | null;

interface Queued {
  /** Null: what waits for a sync. */
  readonly record: NewRecord | null;
  readonly bytes: number;
  readonly resolve: (done: Done) => void;
  readonly reject: (error: unknown) => void;
}

/** A record with its place. */
interface Placed {
  readonly record: NewRecord;
  readonly sequence: number;
  readonly place: number;
  readonly units: number;
  readonly pack: Pack;
}

/** A batch in the page cache: of each that was queued its place, null where nothing is written. */
interface Written {
  readonly batch: readonly Queued[];
  readonly placed: readonly (Placed | null)[];
}

/**
 * Appends records to the packs of a store, many with one write and one sync. Batches are written
 * one after the other while those before them are synced, all that are written by then at once, and
 * end in their order. The index has a record when it is as safe as was asked.
 */
export class PackWriter {
  readonly #parts: StoreParts;
  readonly #index: StoreIndex;
  readonly #packs: Map<number, Pack>;
  readonly #packBytesMax: number;
  #sequenceNext: number;
  #numberNext: number;
  #active: Pack | null = null;
  /** Of the active pack, what was written since its last sync, its name too. */
  #isDirty = false;
  #isNameDirty = false;
  /** Up to where the active pack is on the disk, in units. */
  #synced = 0;
  /** What is written to the active pack and not yet in the index, in bytes. */
  #unsettled = 0;
  /** The active pack takes no more. */
  #isToSeal = false;
  #queue: Queued[] = [];
  #queuedBytes = 0;
  /** So many of the queue are written one by one. */
  #singles = 0;
  #running: Promise<void> | null = null;
  /** Batches that wait for a sync, or for those before them. */
  #written: Written[] = [];
  #settling: Promise<void> | null = null;
  /** Of the batch that is written. */
  #buffer = new Uint8Array(0);
  /** Who waits for room in the queue. */
  #waiting: (() => void)[] = [];
  /** A sync has failed: nobody knows what the disk holds of what was written. */
  #broken: unknown = null;

  constructor(
    parts: StoreParts,
    options: {
      readonly index: StoreIndex;
      readonly packs: Map<number, Pack>;
      readonly sequenceNext: number;
      /** Of the next pack: no file has it, also none that could not be read. */
      readonly numberNext: number;
      readonly packBytesMax: number;
    },
  ) {
    this.#parts = parts;
    this.#index = options.index;
    this.#packs = options.packs;
    this.#sequenceNext = options.sequenceNext;
    this.#numberNext = options.numberNext;
    this.#packBytesMax = options.packBytesMax;
  }

  /** The pack that is written to: it has no footer. */
  get activeNumber(): number | null {
    return this.#active?.header.number ?? null;
  }

  /** What of the active pack nobody can say yet whether it counts. */
  get unsettledBytes(): number {
    return this.#unsettled;
  }

  /** What is appended from now on goes to another pack; the active one is on the disk. */
  async seal(): Promise<void> {
    this.#isToSeal = true;
    await this.sync();
  }

  /** A number in the history of the store that no record has. */
  takeSequence(): number {
    return this.#sequenceNext++;
  }

  /** Resolves when it is written, and synced if it says so. A deletion of nothing writes none. */
  append(record: NewRecord): Promise<Done> {
    if (this.#queuedBytes > LIMITS.storeQueueBytesMax) return this.#appendLater(record);
    return this.#enqueue(record, bytesOf(record));
  }

  /** When there is room in the queue. */
  async #appendLater(record: NewRecord): Promise<Done> {
    while (this.#queuedBytes > LIMITS.storeQueueBytesMax) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    return await this.#enqueue(record, bytesOf(record));
  }

  /** Resolves when all that was appended before is on the disk. */
  async sync(): Promise<void> {
    await this.#enqueue(null, 0);
  }

  #enqueue(record: NewRecord | null, bytes: number): Promise<Done> {
    this.#queuedBytes += bytes;
    const done = new Promise<Done>((resolve, reject) => {
      this.#queue.push({ record, bytes, resolve, reject });
    });
    this.#running ??= this.#run();
    return done;
  }

  async #run(): Promise<void> {
    // What is appended in this turn of the event loop goes together.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#queue.length > 0) {
      const batch = this.#take();
      try {
        const placed = await this.#place(batch);
        this.#written.push({ batch, placed });
        this.#settling ??= this.#settle();
      } catch (error) {
        if (batch.length > 1 && isDiskFull(error)) {
          // There is no room for all of them, and may be for some: each has its own fate.
          this.#queue.unshift(...batch);
          this.#singles += batch.length;
          continue;
        }
        await this.#settling;
        this.#end(batch, ({ reject }) => reject(error));
      }
    }
    this.#running = null;
  }

  /** Ends batches that are written, once they are as safe as was asked. */
  async #settle(): Promise<void> {
    while (this.#written.length > 0) {
      const written = this.#written.splice(0);
      try {
        await this.#makeSafe(written);
      } catch (error) {
        for (const { batch, placed } of written) {
          this.#unsettled -= bytesPlaced(placed);
          this.#end(batch, ({ reject }) => reject(error));
        }
        continue;
      }
      for (const { batch, placed } of written) {
        this.#unsettled -= bytesPlaced(placed);
        this.#end(batch, ({ resolve }, at) => {
          const place = placed[at] ?? null;
          resolve(place === null ? null : this.#apply(place));
        });
      }
    }
    this.#settling = null;
  }

  async #makeSafe(written: readonly Written[]): Promise<void> {
    if (this.#broken !== null) throw this.#broken;
    const isAsked = written.some(({ batch }) =>
      batch.some(({ record }) => record?.isSynced ?? true),
    );
    if (isAsked) await this.#sync();
  }

  #end(batch: readonly Queued[], how: (queued: Queued, at: number) => void): void {
    for (const [at, queued] of batch.entries()) {
      this.#queuedBytes -= queued.bytes;
      how(queued, at);
    }
    for (const go of this.#waiting.splice(0)) go();
  }

  /** The next that are written together. What is deleted may be put before, so it is cut there. */
  #take(): Queued[] {
    let bytes = 0;
    let hasPut = false;
    let count = 0;
    if (this.#singles > 0) {
      this.#singles--;
      return this.#queue.splice(0, 1);
    }
    for (; count < this.#queue.length && count < BATCH_RECORDS_MAX; count++) {
      const next = this.#queue[count] as Queued;
      bytes += next.bytes;
      if (count > 0 && bytes > BATCH_BYTES_MAX) break;
      if (next.record?.kind === RECORD_KIND.deleted && hasPut) break;
      hasPut ||= next.record !== null && next.record.kind !== RECORD_KIND.deleted;
    }
    return this.#queue.splice(0, count);
  }

  async #place(batch: readonly Queued[]): Promise<(Placed | null)[]> {
    // What is deleted or moved is what the index has when all before it has ended.
    const asksIndex = batch.some(
      ({ record }) => record?.kind === RECORD_KIND.deleted || (record?.sequence ?? null) !== null,
    );
    if (asksIndex) await this.#settling;
    if (this.#broken !== null) throw this.#broken;
    if (this.#isToSeal) await this.#leave();
    const ended = new Set<string>();
    const writes = batch.map(({ record }) => {
      if (record === null) return null;
      const isDeletion = record.kind === RECORD_KIND.deleted;
      const isMove = record.sequence !== null;
      if (isDeletion === isMove) return record;
      const key = `${record.hash.join()} ${record.version}`;
      const found = ended.has(key) ? null : this.#index.find(record.hash, record.version);
      // What is dead is never moved: compacting.ts relies on it.
      if (isMove) return found?.sequence === record.sequence ? record : null;
      ended.add(key);
      return found === null ? null : record;
    });
    const records = writes.filter((record) => record !== null);
    const placed = records.length === 0 ? [] : await this.#write(records);
    let next = 0;
    return writes.map((record) => (record === null ? null : (placed[next++] ?? null)));
  }

  async #write(records: readonly NewRecord[]): Promise<Placed[]> {
    const pack = await this.#activePack();
    const placed: Placed[] = [];
    const bytesCopied = copiedBytes(records);
    if (this.#buffer.length < bytesCopied) this.#buffer = new Uint8Array(bytesCopied);
    const batch = new BatchBytes(this.#buffer);
    const summing = { hash: this.#parts.hash, salt: pack.header.salt };
    const synced = this.#synced;
    let offset = pack.end;
    for (const record of records) {
      const { kind, payloadSum, payload, head } = record;
      const place = offset / UNIT_BYTES;
      const sequence = record.sequence ?? this.takeSequence();
      const headBytes = head.length;
      const payloadBytes = payload.length;
      const start = { headBytes, payloadBytes, sequence, kind, payloadSum, synced, place };
      const at = batch.add(record);
      writeStart(batch, at, start, summing);
      const bytes = bytesOf(record);
      placed.push({ record, sequence, place, units: bytes / UNIT_BYTES, pack });
      offset += bytes;
    }
    await this.#writeOrCut(pack, batch.pieces());
    this.#isDirty = true;
    this.#unsettled += offset - pack.end;
    pack.end = offset;
    pack.size = offset;
    for (const { record, sequence, place, units } of placed) {
      const { hash, version, kind, arrayKiB, head } = record;
      const headBytes = head.length;
      pack.entries.add({ hash, version, sequence, kind, place, units, headBytes, arrayKiB });
      pack.heads?.push(head);
      if (kind === RECORD_KIND.deleted) pack.deletions += units * UNIT_BYTES;
    }
    return placed;
  }

  /** What was not written as a whole is cut off again; where that fails the pack is given up. */
  async #writeOrCut(pack: Pack, pieces: readonly Uint8Array[]): Promise<void> {
    const path = packPath(pack.header.number);
    try {
      await this.#parts.disk.write(path, pack.end, pieces);
    } catch (error) {
      await this.#settling;
      try {
        await this.#parts.disk.truncate(path, pack.end);
        pack.size = pack.end;
      } catch {
        // What was written to it before stays what it was told to be.
        await this.#sync().catch(() => {});
        this.#active = null;
      }
      throw error;
    }
  }

  async #sync(): Promise<void> {
    const pack = this.#active;
    if (pack === null || !(this.#isDirty || this.#isNameDirty)) return;
    // What is written meanwhile is for the next sync.
    const { end } = pack;
    const [isDirty, isNameDirty] = [this.#isDirty, this.#isNameDirty];
    this.#isDirty = false;
    this.#isNameDirty = false;
    try {
      if (isDirty) await this.#parts.disk.sync(packPath(pack.header.number));
      if (isNameDirty) {
        await this.#parts.disk.syncFolder(PACKS);
        await this.#list(pack.header.number, end);
      }
    } catch (error) {
      this.#broken = error;
      throw error;
    }
    this.#synced = end / UNIT_BYTES;
  }

  /** What is on the disk of a pack is to be there from now on. */
  async #list(number: number, end: number): Promise<void> {
    this.#parts.listed.note(number, end);
    await this.#parts.listed.saveIfRoom();
  }

  #apply({ record, sequence, place, units, pack }: Placed): Done {
    const { hash, version, kind, arrayKiB } = record;
    const isMove = record.sequence !== null;
    if (kind === RECORD_KIND.deleted) {
      const ended = isMove ? null : this.#index.remove(hash, version);
      if (ended !== null) this.#endIn(ended);
      return ended;
    }
    // It was put anew, or deleted, while it was moved.
    if (isMove && this.#index.find(hash, version)?.sequence !== sequence) return null;
    const { number } = pack.header;
    const slot = { hash, version, pack: number, place, units, sequence, kind, arrayKiB };
    const before = this.#index.put(slot);
    pack.live += units * UNIT_BYTES;
    if (before !== null) this.#endIn(before);
    return before;
  }

  /**
   * Takes an object out of the index alone, where there is no room to write that it was deleted: it
   * is there again when the store is opened anew, unless its pack has gone by then.
   */
  async drop(hash: NameHash, version: number): Promise<Slot | null> {
    await this.#settling;
    const ended = this.#index.remove(hash, version);
    if (ended !== null) this.#endIn(ended);
    return ended;
  }

  #endIn({ pack, units }: Slot): void {
    const found = this.#packs.get(pack);
    if (found !== undefined) found.live -= units * UNIT_BYTES;
  }

  /** The pack that takes the next records. */
  async #activePack(): Promise<Pack> {
    const pack = this.#active;
    if (pack !== null) {
      const isFull = pack.end >= this.#packBytesMax;
      if (!isFull && pack.entries.count < LIMITS.storePackRecordsMax) return pack;
      await this.#settling;
      await this.#finish();
    }
    const number = this.#numberNext++;
    const salt = randomBytes(8).readBigUInt64LE();
    const header = { number, salt, seed: this.#parts.seed, born: this.#sequenceNext };
    const path = packPath(number);
    const bytes = encodePackHeader(header, this.#parts.hash);
    try {
      await this.#parts.disk.write(path, 0, [bytes]);
    } catch (error) {
      await this.#parts.disk.remove(path);
      throw error;
    }
    const made: Pack = {
      ...{ header, entries: new PackEntries(), footer: null, heads: [] },
      ...{ end: PACK_HEADER_BYTES, size: PACK_HEADER_BYTES, live: 0 },
      deletions: 0,
    };
    this.#packs.set(number, made);
    this.#active = made;
    this.#synced = 0;
    this.#isDirty = true;
    this.#isNameDirty = true;
    return made;
  }

  /** Goes on with a pack that an earlier writer has left: without what is behind its records. */
  async goOnWith(pack: Pack): Promise<boolean> {
    const path = packPath(pack.header.number);
    if (pack.footer !== null) {
      const heads = await readHeads(this.#parts.disk, path, pack.footer, this.#parts.hash);
      if (heads === null) return false;
      pack.heads = heads;
    }
    if (pack.size > pack.end) await this.#parts.disk.truncate(path, pack.end);
    pack.footer = null;
    pack.size = pack.end;
    this.#active = pack;
    this.#isDirty = true;
    this.#isNameDirty = true;
    return true;
  }

  /** Leaves the active pack without a footer: it is to be compacted. */
  async #leave(): Promise<void> {
    this.#isToSeal = false;
    await this.#settling;
    const pack = this.#active;
    if (pack === null) return;
    await this.#sync();
    this.#active = null;
    await this.#list(pack.header.number, pack.end);
  }

  /** Gives the active pack its footer. Without room for it: read as a whole. */
  async #finish(): Promise<void> {
    const pack = this.#active;
    if (pack === null) return;
    await this.#sync();
    this.#active = null;
    await writeFooter(this.#parts, pack);
    await this.#list(pack.header.number, pack.end);
  }

  /** Ends what is under way, and closes the active pack. */
  async close(): Promise<void> {
    while (this.#running !== null) await this.#running;
    await this.#settling;
    if (this.#broken === null) await this.#finish();
  }
}

function bytesPlaced(placed: readonly (Placed | null)[]): number {
  return placed.reduce((sum, each) => sum + (each?.units ?? 0) * UNIT_BYTES, 0);
}

/** Writes the footer of a pack, durably, behind its records. Without room for it: nothing. */
export async function writeFooter(parts: StoreParts, pack: Pack): Promise<void> {
  const { entries, heads, header, end } = pack;
  assert(heads !== null, 'a pack without a footer has its heads in memory');
  const path = packPath(header.number);
  const pieces = encodeFooter({ entries, heads, end }, { hash: parts.hash, salt: header.salt });
  try {
    await parts.disk.write(path, end, [new Uint8Array(Buffer.concat(pieces))]);
    await parts.disk.sync(path);
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    await parts.disk.truncate(path, end);
    return;
  }
  const size = end + pieces.reduce((sum, { length }) => sum + length, 0);
  const headsBytes = heads.reduce((sum, { length }) => sum + length, 0);
  const headsSum = heads.reduce((sum, piece) => parts.hash.sum(piece, sum), 0n);
  pack.size = size;
  pack.footer = { entries, end, salt: header.salt, headsBytes, headsSum };
  pack.heads = null;
}
