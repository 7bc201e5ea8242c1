import { lstat, readdir } from 'node:fs/promises';
import type { Access, Mapping } from '../levels/shm/map.js';
import { tryLoadLibc } from '../levels/shm/native.js';
import { isAdopted, openSlab, slabIdentity, slabPath } from '../levels/shm/slabs.js';
import type { Bytes } from './arrays.js';

/** Which parts of a slab were faulted in is kept for pieces of this size. */
const PIECE_BYTES = 1024 * 1024;
const SLAB_FILE = /^slab-\d+$/u;
/** Slabs that are looked at, and mapped ahead if they are no adopted files. */
const PREPARED_MAX = 4;

interface Mapped {
  /** Which file it is of: another may get its name. */
  readonly identity: string;
  readonly mapping: Mapping;
  /** All of the slab: views are cut from this one buffer. */
  readonly bytes: Bytes;
  /** For each piece: whether it was faulted in here. It then stays so. */
  readonly populated: Uint8Array;
}

/**
 * The slabs of a pool in this process's memory: each mapped at most once for reading and once for
 * writing, however many objects lie in it (mapping a GiB costs 9 ms, a view of it nothing). No
 * descriptor stays open.
 */
export class SlabMaps {
  #directory: string;
  readonly #mapped: Readonly<Record<Access, Map<number, Mapped>>> = {
    read: new Map(),
    'read-write': new Map(),
  };
  readonly #underway = new Map<string, Promise<Mapped>>();
  /** Slabs that were removed while they were being mapped. */
  readonly #goneMeanwhile = new Set<number>();
  /** How often the session went on with another manager, perhaps. */
  #moves = 0;
  #isClosed = false;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /**
   * The session goes on, perhaps with a manager that has made slabs anew under their numbers: slabs
   * are in that directory now, and what is mapped of others is let go.
   */
  moved(directory: string): void {
    this.#directory = directory;
    this.#moves++;
    for (const maps of Object.values(this.#mapped)) {
      for (const [slab, { identity, mapping }] of maps) {
        if (slabIdentity(directory, slab) === identity) continue;
        maps.delete(slab);
        mapping.close();
      }
    }
  }

  /** The bytes of a slab that is mapped already, or null. */
  bytes(slab: number, access: Access): Bytes | null {
    return this.#mapped[access].get(slab)?.bytes ?? null;
  }

  /** Maps a slab, once. Errors: as of `openSlab` and `SlabFile.map`. */
  async map(slab: number, access: Access): Promise<Bytes> {
    const mapped = this.#mapped[access].get(slab);
    if (mapped !== undefined) return mapped.bytes;
    const key = `${slab} ${access}`;
    let work = this.#underway.get(key);
    if (work === undefined) {
      work = this.#map(slab, access).finally(() => {
        this.#underway.delete(key);
        if (this.#isClosed || this.#goneMeanwhile.delete(slab)) this.gone(slab);
      });
      this.#underway.set(key, work);
    }
    return (await work).bytes;
  }

  async #map(slab: number, access: Access): Promise<Mapped> {
    const moves = this.#moves;
    const file = await openSlab(this.#directory, slab, access);
    try {
      const identity = await file.identity();
      const mapping = await file.map();
      if (moves !== this.#moves && slabIdentity(this.#directory, slab) !== identity) {
        mapping.close();
        return await this.#map(slab, access);
      }
      const mapped = {
        ...{ identity, mapping },
        bytes: new Uint8Array(mapping.buffer),
        populated: new Uint8Array(Math.ceil(mapping.size / PIECE_BYTES)),
      };
      this.#mapped[access].set(slab, mapped);
      return mapped;
    } finally {
      await file.close();
    }
  }

  /**
   * Loads what maps, and maps slabs that are there for reading, before anything in them is read:
   * advice. Adopted files, which nobody may write to, are left out: the pool tells of their end
   * only who was given one.
   */
  async prepare(): Promise<void> {
    if ((await tryLoadLibc()) === null) return;
    const names = (await readdir(this.#directory)).filter((name) => SLAB_FILE.test(name));
    const slabs = names.map((name) => Number(name.slice('slab-'.length)));
    // The pool's own are among the first: there may be thousands of adopted files.
    for (const slab of slabs.sort((left, right) => left - right).slice(0, PREPARED_MAX)) {
      if (isAdopted(await lstat(slabPath(this.#directory, slab)))) continue;
      if (this.#isClosed) return;
      await this.map(slab, 'read');
    }
  }

  /**
   * Faults leased memory in, off this thread, ahead of writing: advice. Only what was not yet:
   * doing it again would cost the walk through all page tables.
   */
  populate(slab: number, offset: number, size: number): void {
    const mapped = this.#mapped['read-write'].get(slab);
    if (mapped === undefined) return;
    const { mapping, populated } = mapped;
    const end = Math.ceil((offset + size) / PIECE_BYTES);
    for (let piece = Math.floor(offset / PIECE_BYTES); piece < end; piece++) {
      if (populated[piece] === 1) continue;
      let after = piece;
      while (after < end && populated[after] === 0) populated[after++] = 1;
      // What was touched before in a piece, or belongs to another, is not changed by this.
      const start = piece * PIECE_BYTES;
      const length = Math.min(after * PIECE_BYTES, mapping.size) - start;
      // The agent has touched them before: mapping them is left, which reading does twice as fast.
      mapping.populate(start, length, 'read').catch(() => {});
      piece = after;
    }
  }

  /**
   * The pool has removed a slab: nothing of it is leased or read any more. Its memory, which nobody
   * counts from now on, is unmapped when no view of it is left.
   */
  gone(slab: number): void {
    if (this.#underway.has(`${slab} read`)) this.#goneMeanwhile.add(slab);
    for (const maps of [this.#mapped.read, this.#mapped['read-write']]) {
      const mapped = maps.get(slab);
      maps.delete(slab);
      mapped?.mapping.close();
    }
  }

  /** Lets go of every slab; views that are left stay readable. */
  close(): void {
    this.#isClosed = true;
    for (const slab of [...this.#mapped.read.keys()]) this.gone(slab);
    for (const slab of [...this.#mapped['read-write'].keys()]) this.gone(slab);
  }
}
