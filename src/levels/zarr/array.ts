import { join } from 'node:path';
import { assert } from '../../core/assert.js';
import { AxisSet } from '../../core/regions/axis-set.js';
import { copyCommon } from '../../core/regions/copy.js';
import { chunksOf } from '../../core/regions/cutting.js';
import { Region } from '../../core/regions/region.js';
import { itemSizeOf } from '../../core/space.js';
import { codedBytesMax, decodeChunk, encodeChunk } from './codecs.js';
import { readLarge, replaceLargeFile } from './files.js';
import { fillElement } from './fill.js';
import { chunkBytes, type ZarrArrayInfo } from './metadata.js';

/**
 * An array in a store. Chunks are files of their own, each replaced as a whole; two that write
 * into one chunk at once must agree on it, since the later one wins; writes through one ZarrArray
 * go one after the other. Bytes that are given are not changed before the call has ended.
 */
export class ZarrArray {
  readonly info: ZarrArrayInfo;
  readonly #path: string;
  readonly #sync: boolean;
  readonly #fill: Uint8Array;
  /** The shape up to whole chunks: a chunk has its full size at the edges too. */
  readonly #paddedShape: readonly number[];
  #lastWrite: Promise<void> = Promise.resolve();

  constructor(path: string, info: ZarrArrayInfo, sync: boolean) {
    this.info = info;
    this.#path = path;
    this.#sync = sync;
    this.#fill = fillElement(info, path);
    this.#paddedShape = info.shape.map((size, at) => {
      const chunk = info.chunk[at] as number;
      return Math.ceil(size / chunk) * chunk;
    });
  }

  /** Fills `into` with the elements of a region, in row order and the array's byte order. */
  async readRegion(region: Region, into: Uint8Array): Promise<void> {
    const { itemSize } = this.#check(region, into);
    for (const { chunk, whole, common } of chunksOf(region, this.info.chunk)) {
      const bytes = this.#clip(whole, chunk, await this.#readChunk(chunk));
      const target = { region, bytes: into, order: 'row' } as const;
      const copied = copyCommon({ region: whole, bytes, order: 'row' }, target, itemSize);
      assert(copied === common.count, 'all of the chunk that is wanted was copied');
    }
  }

  /** Puts the elements of a region, in row order and the array's byte order. */
  writeRegion(region: Region, from: Uint8Array): Promise<void> {
    const { itemSize } = this.#check(region, from);
    const written = this.#lastWrite.then(() => this.#write(region, from, itemSize));
    this.#lastWrite = written.catch(() => {});
    return written;
  }

  async #write(region: Region, from: Uint8Array, itemSize: number): Promise<void> {
    const source = { region, bytes: from, order: 'row' } as const;
    for (const { chunk, whole, common } of chunksOf(region, this.info.chunk)) {
      const isAll = common.count === whole.count;
      const before = isAll ? this.#empty() : await this.#readChunk(chunk);
      const bytes = this.#clip(whole, chunk, before);
      copyCommon(source, { region: whole, bytes, order: 'row' }, itemSize);
      await this.#writeChunk(chunk, this.#unclip(whole, chunk, bytes, before));
    }
  }

  #check(region: Region, bytes: Uint8Array): { itemSize: number } {
    const itemSize = itemSizeOf(this.info.dtype);
    const isSame = region.shape.every((size, at) => size === this.info.shape[at]);
    assert(isSame && region.shape.length === this.info.shape.length, 'a region of the array');
    assert(bytes.length === region.count * itemSize, 'bytes for each element of the region');
    return { itemSize };
  }

  #chunkPath(chunk: readonly number[]): string {
    return join(this.#path, ['c', ...chunk].join(this.info.separator));
  }

  /** A chunk of fill values. */
  #empty(): Uint8Array {
    const bytes = new Uint8Array(chunkBytes(this.info));
    if (this.#fill.every((byte) => byte === 0)) return bytes;
    for (let at = 0; at < bytes.length; at += this.#fill.length) bytes.set(this.#fill, at);
    return bytes;
  }

  async #readChunk(chunk: readonly number[]): Promise<Uint8Array> {
    const path = this.#chunkPath(chunk);
    const bytes = await readLarge(path, codedBytesMax(chunkBytes(this.info)));
    return bytes === null ? this.#empty() : decodeChunk(bytes, this.#coding, path);
  }

  async #writeChunk(chunk: readonly number[], bytes: Uint8Array): Promise<void> {
    const coded = await encodeChunk(bytes, this.#coding);
    await replaceLargeFile(this.#chunkPath(chunk), coded, this.#sync);
  }

  get #coding() {
    const { chunk: shape, dtype, codecs } = this.info;
    return { shape, itemSize: itemSizeOf(dtype), codecs };
  }

  /** The chunk and the part of it within the array, as regions of the padded shape. */
  #regions(whole: Region, chunk: readonly number[]): { full: Region; inner: Region } | null {
    const sizes = this.info.chunk;
    const box = chunk.map((index, at) => {
      const size = sizes[at] as number;
      return AxisSet.range(index * size, (index + 1) * size);
    });
    const full = Region.box(this.#paddedShape, box);
    if (full.count === whole.count) return null;
    const inner = whole.onlyBox;
    assert(inner !== null, 'a chunk is a box');
    return { full, inner: Region.box(this.#paddedShape, inner) };
  }

  /** Of a chunk's bytes those within the array: all, except at its edges. */
  #clip(whole: Region, chunk: readonly number[], bytes: Uint8Array): Uint8Array {
    const regions = this.#regions(whole, chunk);
    if (regions === null) return bytes;
    const itemSize = itemSizeOf(this.info.dtype);
    const clipped = new Uint8Array(whole.count * itemSize);
    const target = { region: regions.inner, bytes: clipped, order: 'row' } as const;
    copyCommon({ region: regions.full, bytes, order: 'row' }, target, itemSize);
    return clipped;
  }

  #unclip(
    whole: Region,
    chunk: readonly number[],
    bytes: Uint8Array,
    before: Uint8Array,
  ): Uint8Array {
    const regions = this.#regions(whole, chunk);
    if (regions === null) return bytes;
    const source = { region: regions.inner, bytes, order: 'row' } as const;
    const target = { region: regions.full, bytes: before, order: 'row' } as const;
    copyCommon(source, target, itemSizeOf(this.info.dtype));
    return before;
  }
}
