import { assert, refuse } from '../../core/assert.js';
import { Writer } from '../../core/bytes.js';
import { AttaccaError } from '../../core/errors.js';
import { LIMITS } from '../../core/limits.js';
import { Slots } from '../../core/slots.js';
import { checkWholeSpace, spaceBytes } from '../../core/space.js';
import type {
  Level,
  LevelBytes,
  LevelCapacity,
  LevelEntry,
  LevelFound,
  LevelKey,
  LevelStream,
  PutOptions,
} from '../level.js';
import { ARRAYS, draftArray } from './array-files.js';
import { bytesKept, compactPack, deadPacks, packsWithDead } from './compacting.js';
import { isDiskFull, sizeMismatch } from './failures.js';
import { goOn } from './going-on.js';
import { hashName, type NameHash } from './hasher.js';
import { giveRoom, keepRoom } from './kept-room.js';
import type { Problem, StoreParts } from './loading.js';
import { removeOrphans } from './orphans.js';
import { PACK_HEADER_BYTES, type Pack } from './pack.js';
import { PackWriter, writeFooter } from './pack-writer.js';
import { aborting, gather, throwIfAborted } from './payload.js';
import { decodeHead, encodeDeletion, RECORD_KIND, writeHead } from './record.js';
import { forgetRemoved, removeDrafts } from './removed-packs.js';
import { SmallCopies } from './small-copies.js';
import type { Slot } from './store-index.js';
import { StoreReader } from './store-reader.js';

const NOTHING = new Uint8Array(0);

/** Each has some files open. */
const ARRAYS_AT_ONCE = 16;
/** The pack that is written to is compacted when it has so much of a whole one: 4 MiB. */
const ACTIVE_SHARE_MIN = 1 / 64;

export interface DirectoryOptions {
  /** One process may write at a time, any number read, also meanwhile. */
  readonly access: 'read' | 'write';
  /** For tests: what limits.ts says, smaller. */
  readonly packBytesMax?: number;
  readonly arrayBytesMin?: number;
}

interface KnownFolder {
  readonly folder: string;
  readonly sequence: number;
}

/** Objects in a directory: small ones in packs, large ones as arrays of Zarr. See openStore. */
export class DirectoryLevel implements Level {
  readonly #reader: StoreReader;
  readonly #writer: PackWriter | null;
  readonly #arrayBytesMin: number;
  readonly #activeBytesMin: number;
  /** Arrays that are written beside one another. */
  readonly #arrays = new Slots(ARRAYS_AT_ONCE);
  readonly #head = new Writer(1_024);
  readonly #copies = new SmallCopies();
  readonly #onClose: () => Promise<void>;
  /** Folders of arrays that nobody needs any more are removed one after the other. */
  #removing: Promise<void> = Promise.resolve();
  #compacting: Promise<void> = Promise.resolve();
  /** The disk is full, and what is dead is being removed. */
  #makingRoom: Promise<boolean> | null = null;
  /** Packs with something damaged: each attempt to move one would read all of it in vain. */
  readonly #unmovable = new Set<number>();
  #closed: Promise<void> | null = null;

  private constructor(
    reader: StoreReader,
    writer: PackWriter | null,
    options: DirectoryOptions,
    onClose: () => Promise<void>,
  ) {
    this.#reader = reader;
    this.#writer = writer;
    this.#arrayBytesMin = options.arrayBytesMin ?? LIMITS.storeArrayBytesMin;
    this.#activeBytesMin = (options.packBytesMax ?? LIMITS.storePackBytesMax) * ACTIVE_SHARE_MIN;
    this.#onClose = onClose;
  }

  /**
   * Reads what is there; a writer first ends what one that crashed has left. `isRepair`: what
   * belongs to no object stays, to be made one of.
   */
  static async load(
    parts: StoreParts,
    { isRepair = false, ...options }: DirectoryOptions & { readonly isRepair?: boolean },
    onClose: () => Promise<void> = async () => {},
  ): Promise<DirectoryLevel> {
    const reader = new StoreReader(parts);
    await reader.load();
    // What is lost of them was set aside before.
    if (isRepair) reader.unrepaired.clear();
    if (options.access === 'read') {
      reader.refresh = () => reader.load();
      return new DirectoryLevel(reader, null, options, onClose);
    }
    const packBytesMax = options.packBytesMax ?? LIMITS.storePackBytesMax;
    const { index, packs, sequenceNext, numberNext } = reader;
    const how = { index, packs, sequenceNext, numberNext, packBytesMax };
    const writer = new PackWriter(parts, how);
    await forgetRemoved(parts);
    await goOn(reader, writer, packBytesMax);
    await removeDrafts(parts);
    if (!isRepair) await removeOrphans(reader);
    await keepRoom(parts.disk);
    return new DirectoryLevel(reader, writer, options, onClose);
  }

  /** What was not as it should be when it was opened: a torn tail is what a crash leaves. */
  get problems(): readonly Problem[] {
    return this.#reader.problems;
  }

  async put(
    entry: Omit<LevelEntry, 'size'>,
    bytes: LevelBytes,
    { durability = 'memory', signal }: PutOptions = {},
  ): Promise<void> {
    const writer = this.#mustWrite(entry);
    throwIfAborted(signal);
    checkKey(entry);
    checkWholeSpace(entry.space);
    const size = spaceBytes(entry.space);
    if (bytes instanceof Uint8Array && bytes.length !== size) {
      throw sizeMismatch(entry.name, size, bytes.length);
    }
    const isSynced = durability === 'fsync';
    const isWhole = bytes instanceof Uint8Array;
    if (size >= this.#arrayBytesMin) {
      const putArray = (): Promise<void> =>
        this.#arrays.run(() =>
          this.#putArray(writer, { ...entry, size }, aborting(bytes, signal), isSynced),
        );
      // Pieces come once.
      await (isWhole ? this.#withRoom(writer, putArray) : putArray());
      return;
    }
    const payload = isWhole ? bytes : await gather(entry.name, size, bytes, signal);
    const { pool, name, version, space, attributes } = entry;
    const key = { pool, name, version };
    writeHead(this.#head, { key, space, attributes, array: null });
    const record = {
      kind: RECORD_KIND.object,
      hash: this.#hashOf(key),
      version,
      head: this.#copies.copy(this.#head.bytes, this.#head.at),
      payload,
      payloadSum: this.#reader.parts.hash.sum(payload),
      arrayKiB: 0,
      sequence: null,
      isSynced,
    };
    this.#removeFolderOf(await this.#withRoom(writer, () => writer.append(record)));
  }

  async #putArray(
    writer: PackWriter,
    { pool, name, version, space, attributes, size }: LevelEntry,
    bytes: LevelBytes,
    isSynced: boolean,
  ): Promise<void> {
    const { disk } = this.#reader.parts;
    const key = { pool, name, version };
    const object = { key, space, attributes, size, sequence: writer.takeSequence() };
    const draft = await draftArray(disk, object, bytes);
    const place = `${ARRAYS}/${draft.place.folder}`;
    try {
      await disk.rename(draft.path, place);
      await disk.syncFolder(ARRAYS);
      this.#removeFolderOf(await this.#appendArray(writer, draft.head, { key, size, isSynced }));
    } catch (error) {
      await disk.remove(draft.path).catch(() => {});
      // After any other failure its record may be there all the same: then it needs its bytes.
      if (isDiskFull(error)) await disk.remove(place).catch(() => {});
      throw error;
    }
  }

  async #appendArray(
    writer: PackWriter,
    head: Uint8Array,
    { key, size, isSynced }: { key: LevelKey; size: number; isSynced: boolean },
  ): Promise<Slot | null> {
    return await writer.append({
      kind: RECORD_KIND.array,
      ...{ hash: this.#hashOf(key), version: key.version, head, isSynced },
      ...{ payload: NOTHING, payloadSum: this.#reader.parts.hash.sum(NOTHING) },
      ...{ arrayKiB: Math.ceil(size / 1024), sequence: null },
    });
  }

  /** An array that is in its folder gets a record: for `fsck`, when that which it had is lost. */
  async takeIn(head: Uint8Array): Promise<void> {
    const said = decodeHead(head);
    assert(said !== null && said.array !== null, 'it is the head of an array');
    const { key, space } = said;
    const of = { key, size: spaceBytes(space), isSynced: true };
    await this.#appendArray(this.#mustWrite(key), head, of);
  }

  async get(key: LevelKey, into?: Uint8Array): Promise<LevelFound | null> {
    this.#mustBeOpen();
    return await this.#reader.get(key, into ?? null);
  }

  async stream(key: LevelKey): Promise<LevelStream | null> {
    this.#mustBeOpen();
    return await this.#reader.stream(key);
  }

  async find(key: LevelKey): Promise<LevelEntry | null> {
    this.#mustBeOpen();
    return await this.#reader.find(key);
  }

  async has(key: LevelKey): Promise<boolean> {
    this.#mustBeOpen();
    return this.#reader.slotOf(key) !== null;
  }

  async newest(pool: string, name: string): Promise<number | null> {
    this.#mustBeOpen();
    const version = this.#reader.index.newest(hashName({ pool, name }, this.#reader.parts));
    return version === 0 ? null : version;
  }

  async delete(key: LevelKey, { durability = 'memory', signal }: PutOptions = {}) {
    const writer = this.#mustWrite(key);
    throwIfAborted(signal);
    const { pool, name, version } = key;
    const record = {
      kind: RECORD_KIND.deleted,
      ...{ hash: this.#hashOf(key), version },
      head: encodeDeletion({ pool, name, version }, null),
      ...{ payload: NOTHING, payloadSum: this.#reader.parts.hash.sum(NOTHING) },
      ...{ arrayKiB: 0, sequence: null, isSynced: durability === 'fsync' },
    };
    // Once it is deleted its pack may go at any moment, and with it what its folder is.
    const known = await this.#folderOf(key);
    const append = (): Promise<Slot | null> => this.#withRoom(writer, () => writer.append(record));
    const ended = await append().catch(async (error: unknown) => {
      if (!isDiskFull(error)) throw error;
      if (this.#reader.slotOf(key)?.kind === RECORD_KIND.array) {
        // Its folder has far more, and goes next.
        await giveRoom(this.#reader.parts.disk);
        return await writer.append(record);
      }
      const gone = await this.#dropFull(writer, key);
      if (gone === null) throw error;
      return gone;
    });
    this.#removeFolderOf(ended, known);
    return ended !== null;
  }

  /** Of an array that counts: its folder, and by which number in the history. */
  async #folderOf(key: LevelKey): Promise<KnownFolder | null> {
    const slot = this.#reader.slotOf(key);
    if (slot?.kind !== RECORD_KIND.array) return null;
    const folder = await this.#folderIn(slot).catch(() => null);
    return folder === null ? null : { folder, sequence: slot.sequence };
  }

  /**
   * Deletes on a disk that has no room to write that: an object that counts no more lets its pack
   * go when it was the last of it. Null: others of it count; it is gone until the store is opened
   * anew.
   */
  async #dropFull(writer: PackWriter, key: LevelKey): Promise<Slot | null> {
    const gone = await writer.drop(this.#hashOf(key), key.version);
    if (gone === null) return null;
    // Once more, where the first was under way already.
    for (let times = 2; times > 0 && this.#reader.packs.has(gone.pack); times--) {
      await this.#makeRoom(writer);
    }
    return this.#reader.packs.has(gone.pack) ? null : gone;
  }

  list(isWanted?: (entry: LevelEntry) => boolean): AsyncIterable<LevelEntry> {
    this.#mustBeOpen();
    return this.#listed(isWanted ?? null);
  }

  /** While there is a list nothing is moved: what is would be in it twice, or never. */
  async *#listed(
    isWanted: ((entry: LevelEntry) => boolean) | null,
  ): AsyncGenerator<LevelEntry, void, undefined> {
    this.#reader.lists++;
    try {
      await this.#compacting.catch(() => {});
      yield* this.#reader.list(isWanted);
    } finally {
      this.#reader.lists--;
    }
  }

  /** For one that reads: what the writer has put since. */
  async refresh(): Promise<void> {
    this.#mustBeOpen();
    await this.#reader.refresh();
  }

  async sync(): Promise<void> {
    this.#mustBeOpen();
    await this.#writer?.sync();
  }

  async capacity(): Promise<LevelCapacity> {
    this.#mustBeOpen();
    const { index, packs, parts } = this.#reader;
    let bytesUsed = 0;
    for (const { size } of packs.values()) bytesUsed += size;
    for (const { arrayKiB } of index.slots()) bytesUsed += arrayKiB * 1024;
    return { objects: index.objects, bytesUsed, bytesFree: await parts.disk.free() };
  }

  /**
   * Writes what counts of packs that are mostly dead to others, and removes them. By itself this
   * happens when an object is deleted or replaced. While there is a list, nothing is done.
   */
  async compact(): Promise<void> {
    const writer = this.#mustWrite({ name: '' });
    this.#compacting = this.#compacting.catch(() => {}).then(() => this.#compactAll(writer));
    await this.#compacting;
  }

  async #compactAll(writer: PackWriter): Promise<void> {
    for (const pack of this.#deadPacks(writer)) {
      if (this.#reader.lists > 0) return;
      await this.#move(writer, pack);
    }
  }

  /** One that is written to is left for another first; whether it is gone. */
  async #move(writer: PackWriter, pack: Pack): Promise<boolean> {
    await writer.sync();
    await this.#removing;
    const { number } = pack.header;
    if (number === writer.activeNumber) await writer.seal();
    let isMoved = false;
    try {
      isMoved = await compactPack(this.#reader, writer, pack);
      if (!isMoved) this.#unmovable.add(number);
    } finally {
      if (!isMoved && pack.footer === null) await writeFooter(this.#reader.parts, pack);
    }
    return isMoved;
  }

  /** What a full disk refuses is tried once more when what is dead could be removed. */
  async #withRoom<T>(writer: PackWriter, write: () => Promise<T>): Promise<T> {
    try {
      return await write();
    } catch (error) {
      if (!isDiskFull(error) || !(await this.#makeRoom(writer))) throw error;
      return await write();
    }
  }

  /** Also of packs that are mostly alive; whether there is more room. All who wait share one. */
  async #makeRoom(writer: PackWriter): Promise<boolean> {
    if (this.#makingRoom === null) {
      const made = this.#compacting.catch(() => {}).then(() => this.#compactFull(writer));
      this.#makingRoom = made.finally(() => {
        this.#makingRoom = null;
      });
      // Once only: what was chained to it since stays in the chain.
      this.#compacting = made.then(
        () => {},
        () => {},
      );
    }
    return await this.#makingRoom;
  }

  /** As far as there is room for what has to be moved. */
  async #compactFull(writer: PackWriter): Promise<boolean> {
    const { disk } = this.#reader.parts;
    let isAny = false;
    for (const pack of packsWithDead(this.#reader)) {
      if (this.#reader.lists > 0) return isAny;
      const free = await disk.free();
      const kept = bytesKept(this.#reader.packs.values(), pack);
      if (free !== null && kept > 0 && free < kept + PACK_HEADER_BYTES) return isAny;
      if (this.#unmovable.has(pack.header.number)) continue;
      try {
        isAny = (await this.#move(writer, pack)) || isAny;
      } catch (error) {
        if (!isDiskFull(error)) throw error;
        return isAny;
      }
    }
    return isAny;
  }

  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #end(): Promise<void> {
    try {
      await this.#removing;
      await this.#compacting.catch(() => {});
      await this.#writer?.close();
    } finally {
      await this.#reader.parts.disk.close();
      await this.#onClose();
    }
  }

  #hashOf(key: LevelKey): NameHash {
    return hashName(key, this.#reader.parts);
  }

  #mustBeOpen(): void {
    if (this.#closed !== null) refuse('wrong-state', 'Cannot use the store: it is closed');
  }

  #mustWrite({ name }: { readonly name: string }): PackWriter {
    this.#mustBeOpen();
    if (this.#writer !== null) return this.#writer;
    refuse('store-denied', `Cannot change "${name}" in the store: it was opened to be read`);
  }

  /**
   * What was replaced or deleted: the folder of an array goes when that it did is safe, else a loss
   * of power could bring back an object without its bytes.
   */
  #removeFolderOf(ended: Slot | null, known: KnownFolder | null = null): void {
    if (ended === null) return;
    if (ended.kind !== RECORD_KIND.array) {
      this.#compactSoon();
      return;
    }
    this.#removing = this.#removing.then(async () => {
      try {
        const isKnown = known?.sequence === ended.sequence;
        const folder = isKnown ? known.folder : await this.#folderIn(ended);
        await this.#writer?.sync();
        const { disk } = this.#reader.parts;
        if (folder !== null) await disk.remove(`${ARRAYS}/${folder}`);
        await keepRoom(disk);
      } catch (error) {
        // It stays, and `fsck` tells of it: nobody waits for its end.
        if (!(error instanceof AttaccaError)) throw error;
      }
    });
    this.#compactSoon();
  }

  async #folderIn(slot: Slot): Promise<string | null> {
    return (await this.#reader.readSlot(slot, false)).head.array?.folder ?? null;
  }

  #deadPacks(writer: PackWriter): Pack[] {
    const dead = deadPacks(this.#reader, writer, this.#activeBytesMin);
    return dead.filter(({ header }) => !this.#unmovable.has(header.number));
  }

  #compactSoon(): void {
    const writer = this.#writer;
    if (writer === null || this.#closed !== null) return;
    if (this.#deadPacks(writer).length === 0) return;
    // What cannot be moved now stays as it is; the next deletion tries again.
    this.compact().catch((error: unknown) => {
      if (!(error instanceof AttaccaError)) throw error;
    });
  }
}

function checkKey({ name, version }: LevelKey): void {
  if (Number.isSafeInteger(version) && version > 0) return;
  refuse('bad-argument', `Cannot store "${name}": a version is a whole number from 1`);
}
