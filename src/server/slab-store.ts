import { join } from 'node:path';
import { AttaccaError } from '../core/errors.js';
import {
  adopt,
  createSlab,
  type Libc,
  type Mapping,
  openSlab,
  removeSlab,
  warm,
} from '../levels/shm/index.js';

/** What freed bytes become under ATTACCA_CHECK=1: a reader that comes too late sees it. */
const POISON = 0xdb;

interface Slab {
  readonly size: number;
  /** Null until somebody here needs the bytes: an adopted file. */
  mapping: Mapping | null;
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
      const bytes = new Uint8Array(new ArrayBuffer(size));
      this.#slabs.set(slab, { size, mapping: null, bytes, pins: 0, gone: false });
      return;
    }
    const { signal } = this.#stopping;
    const file = await createSlab(this.#directory, slab, size, { signal, libc: this.#libc });
    const mapping = await file.map({ libc: this.#libc ?? undefined });
    await file.close();
    const bytes = new Uint8Array(mapping.buffer);
    this.#slabs.set(slab, { size, mapping, bytes, pins: 0, gone: false });
    // Advice: without it the first writes are slower.
    warm(mapping, { signal }).catch(() => {});
  }

  /** Makes a file of the directory a slab; its size must be what was said. */
  async adopt(slab: number, file: string, size: number): Promise<void> {
    if (this.#directory === null) {
      throw new AttaccaError('mapping-unavailable', 'Cannot adopt: the pool has no shared memory');
    }
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
    this.#slabs.set(slab, { size, mapping: null, bytes: null, pins: 0, gone: false });
  }

  /** Removes a slab; who maps it keeps the bytes until it unmaps. */
  async remove(slab: number): Promise<void> {
    const found = this.#slabs.get(slab);
    if (found === undefined) return;
    found.gone = true;
    this.#slabs.delete(slab);
    this.#release(found);
    if (this.#directory !== null) await removeSlab(this.#directory, slab);
  }

  /** The bytes of a range for a transfer, until `unpin`; null when it is not in a slab. */
  async pin(slab: number, offset: number, size: number): Promise<PinnedRange | null> {
    const found = this.#slabs.get(slab);
    if (found === undefined || offset + size > found.size) return null;
    found.pins++;
    try {
      const bytes = found.bytes ?? (await this.#map(slab, found));
      return {
        bytes: bytes.subarray(offset, offset + size),
        release: () => {
          found.pins--;
          this.#release(found);
        },
      };
    } catch (error) {
      found.pins--;
      throw error;
    }
  }

  poison(slab: number, offset: number, size: number): void {
    this.#slabs.get(slab)?.bytes?.fill(POISON, offset, offset + size);
  }

  close(): void {
    this.#stopping.abort();
  }

  async #map(slab: number, found: Slab): Promise<Uint8Array> {
    const file = await openSlab(this.#directory ?? '', slab, 'read');
    try {
      found.mapping ??= await file.map({ libc: this.#libc ?? undefined });
    } finally {
      await file.close();
    }
    found.bytes ??= new Uint8Array(found.mapping.buffer);
    return found.bytes;
  }

  /** Gives memory back once the slab is gone and no transfer touches it. */
  #release(slab: Slab): void {
    if (!slab.gone || slab.pins > 0) return;
    const { mapping } = slab;
    slab.bytes = null;
    slab.mapping = null;
    mapping?.unsafeUnmap().catch(() => {});
  }
}

export interface PinnedRange {
  readonly bytes: Uint8Array;
  readonly release: () => void;
}
