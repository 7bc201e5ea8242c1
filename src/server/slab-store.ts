import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { assert } from '../core/assert.js';
import { AttaccaError } from '../core/errors.js';
import {
  type Access,
  adopt,
  beginAnew,
  createSlab,
  type Libc,
  listSlabs,
  type Mapping,
  openSlab,
  removeSlab,
  slabsAnew,
  warm,
} from '../levels/shm/index.js';
import type { KeptSlab, Range } from './agent-messages.js';

/** What freed bytes become under ATTACCA_CHECK=1: a reader that comes too late sees it. */
const POISON = 0xdb;

interface Slab {
  readonly size: number;
  /** What the bytes may be used for here: those of an adopted file are offered as they are. */
  readonly access: Access;
  /** Null until somebody here needs the bytes of an adopted file: then it is mapped once. */
  mapping: Promise<Mapping> | null;
  bytes: Uint8Array | null;
  /** Transfers under way: the mapping must stay. */
  pins: number;
  gone: boolean;
}

/**
 * The slabs of a pool as the agent's thread has them: files that it makes and maps, or, without
 * shared memory, its own memory.
 */
export class SlabStore {
  readonly #directory: string | null;
  readonly #libc: Libc | null;
  readonly #slabs = new Map<number, Slab>();
  readonly #stopping = new AbortController();

  /** Without a directory slabs are anonymous; with one there must be a libc to map with. */
  constructor(directory: string | null, libc: Libc | null) {
    this.#directory = directory;
    this.#libc = libc;
  }

  /** Makes a slab and maps it; its pages are faulted in behind our back. */
  async create(slab: number, size: number): Promise<void> {
    if (this.#directory === null) {
      this.#add(slab, size, 'read-write').bytes = new Uint8Array(new ArrayBuffer(size));
      return;
    }
    const { signal } = this.#stopping;
    const mapping = await this.#createMapped(this.#directory, slab, size);
    const added = this.#add(slab, size, 'read-write');
    added.mapping = Promise.resolve(mapping);
    added.bytes = new Uint8Array(mapping.buffer);
    // Advice: without it the first writes are slower.
    warm(mapping, { signal }).catch(() => {});
  }

  /** A slab's file, mapped; none is left behind when it cannot be. */
  async #createMapped(directory: string, slab: number, size: number): Promise<Mapping> {
    const { signal } = this.#stopping;
    await using file = await createSlab(directory, slab, size, { signal, libc: this.#libc });
    try {
      return await file.map({ libc: this.#libc ?? undefined });
    } catch (error) {
      await removeSlab(directory, slab);
      throw error;
    }
  }

  /**
   * Opens the slabs again that a manager before this one has left, and removes all others; those in
   * `adopting` stay as they are. Returns which are not there as they were, or as it is known.
   */
  async takeOver(
    kept: readonly KeptSlab[],
    adopting: readonly number[],
  ): Promise<{ lost: number[] }> {
    const directory = this.#directory;
    if (directory === null) return { lost: kept.map(({ slab }) => slab) };
    const anew = await slabsAnew(directory);
    const known = new Set([...adopting, ...kept.map(({ slab }) => slab)]);
    for (const slab of await listSlabs(directory)) {
      if (!known.has(slab)) await removeSlab(directory, slab);
    }
    const lost: number[] = [];
    for (const each of kept) {
      const isThere =
        !anew.has(each.slab) &&
        (await this.#reopen(directory, each).then(
          () => true,
          () => false,
        ));
      if (isThere) continue;
      lost.push(each.slab);
      await removeSlab(directory, each.slab);
    }
    return { lost };
  }

  async #reopen(directory: string, { slab, size, adopted }: KeptSlab): Promise<void> {
    const access = adopted ? 'read' : 'read-write';
    await using file = await openSlab(directory, slab, access);
    if (file.size !== size) {
      throw new AttaccaError('size-mismatch', `Slab ${slab} has ${file.size} bytes, not ${size}`);
    }
    const added = this.#add(slab, size, access);
    if (adopted) return;
    const mapping = await file.map({ libc: this.#libc ?? undefined });
    added.mapping = Promise.resolve(mapping);
    added.bytes = new Uint8Array(mapping.buffer);
  }

  /** Before slabs that are gone are made anew: until a journal says so they count as gone. */
  async beginAnew(slabs: readonly KeptSlab[]): Promise<void> {
    if (this.#directory === null || slabs.length === 0) return;
    await beginAnew(
      this.#directory,
      slabs.map(({ slab }) => slab),
    );
  }

  /** Makes a file of the directory a slab; its size must be what was said. */
  async adopt(slab: number, file: string, size: number): Promise<void> {
    if (this.#directory === null) {
      throw new AttaccaError('mapping-unavailable', 'Cannot adopt: the pool has no shared memory');
    }
    // A manager that ended in between has asked for this before.
    const isAgain = await this.#reopen(this.#directory, { slab, size, adopted: true }).then(
      () => true,
      () => false,
    );
    if (isAgain) return;
    const { signal } = this.#stopping;
    const path = join(this.#directory, file);
    const adopted = await adopt(path, this.#directory, slab, { signal, libc: this.#libc });
    await adopted.close();
    if (adopted.size !== size) {
      await removeSlab(this.#directory, slab);
      throw new AttaccaError(
        'size-mismatch',
        `Cannot adopt "${file}": it has ${adopted.size} bytes, not ${size}`,
        { file, size, found: adopted.size },
      );
    }
    this.#add(slab, size, 'read');
  }

  /**
   * Makes a slab that was an adopted file once more, of what `fill` writes to a file of that size;
   * whether it has written anything. Otherwise there is no slab.
   */
  async refill(
    slab: number,
    size: number,
    fill: (file: FileHandle) => Promise<boolean>,
  ): Promise<boolean> {
    if (this.#directory === null) return false;
    const name = `adopt-again-${slab}`;
    const path = join(this.#directory, name);
    try {
      // What a manager that ended in between has left of it.
      await rm(path, { force: true });
      {
        await using file = await open(path, 'wx+', 0o600);
        await file.truncate(size);
        if (!(await fill(file))) return false;
      }
      await this.adopt(slab, name, size);
      return true;
    } finally {
      await rm(path, { force: true });
    }
  }

  /** Removes a slab; who maps it keeps the bytes as long as it looks at them. */
  async remove(slab: number): Promise<void> {
    const found = this.#slabs.get(slab);
    if (found === undefined) return;
    found.gone = true;
    this.#slabs.delete(slab);
    this.#release(found);
    if (this.#directory !== null) await removeSlab(this.#directory, slab);
  }

  /**
   * The bytes of a range for a transfer, until it is released; null when it is not in a slab.
   * `not-allowed`: a write to an adopted file. The store into its mapping would end the process.
   */
  async pin(range: Range, access: Access): Promise<PinnedRange | null> {
    const { slab, offset, size } = range;
    const found = this.#slabs.get(slab);
    if (found === undefined || offset + size > found.size) return null;
    if (access === 'read-write' && found.access === 'read') {
      throw new AttaccaError(
        'not-allowed',
        `Cannot write to slab ${slab}: it is an adopted file, which does not change`,
        { slab },
      );
    }
    found.pins++;
    const release = (): void => {
      found.pins--;
      this.#release(found);
    };
    try {
      const bytes = found.bytes ?? (await this.#map(slab, found));
      return { bytes: bytes.subarray(offset, offset + size), release };
    } catch (error) {
      release();
      throw error;
    }
  }

  /** The bytes of a range of a slab that is made here, which may be written to. */
  bytesOf({ slab, offset, size }: Range): Uint8Array {
    const found = this.#slabs.get(slab);
    assert(found?.access === 'read-write' && found.bytes !== null, 'a slab of its own is mapped');
    assert(offset + size <= found.size, 'a range lies in its slab');
    return found.bytes.subarray(offset, offset + size);
  }

  poison(slab: number, offset: number, size: number): void {
    const found = this.#slabs.get(slab);
    if (found?.access === 'read-write') found.bytes?.fill(POISON, offset, offset + size);
  }

  close(): void {
    this.#stopping.abort();
  }

  #add(slab: number, size: number, access: Access): Slab {
    const added: Slab = { size, access, mapping: null, bytes: null, pins: 0, gone: false };
    this.#slabs.set(slab, added);
    return added;
  }

  /** Maps an adopted file: once, also for those who ask while it is being mapped. */
  async #map(slab: number, found: Slab): Promise<Uint8Array> {
    const mapping = found.mapping ?? this.#mapAdopted(slab);
    found.mapping = mapping;
    try {
      const { buffer } = await mapping;
      found.bytes ??= new Uint8Array(buffer);
      return found.bytes;
    } catch (error) {
      // The next one tries again: there may be room then.
      if (found.mapping === mapping) found.mapping = null;
      throw error;
    }
  }

  async #mapAdopted(slab: number): Promise<Mapping> {
    await using file = await openSlab(this.#directory ?? '', slab, 'read');
    return await file.map({ libc: this.#libc ?? undefined });
  }

  /** Gives memory back once the slab is gone and no transfer touches it. */
  #release(slab: Slab): void {
    if (!slab.gone || slab.pins > 0) return;
    const { mapping } = slab;
    slab.bytes = null;
    slab.mapping = null;
    mapping?.then((mapped) => mapped.unsafeUnmap()).catch(() => {});
  }
}

export interface PinnedRange {
  readonly bytes: Uint8Array;
  readonly release: () => void;
}
