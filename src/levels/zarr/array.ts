import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { assert } from '../../core/assert.js';
import { AxisSet } from '../../core/regions/axis-set.js';
import { copyCommon } from '../../core/regions/copy.js';
import { chunksOf } from '../../core/regions/cutting.js';
import { Region } from '../../core/regions/region.js';
import { itemSizeOf } from '../../core/space.js';
import { crc32c } from './crc32c.js';
import { readWhole, replaceFile } from './files.js';
import { fillElement } from './fill.js';
import { badZarr, chunkBytes, type ZarrArrayInfo, type ZarrCodec } from './metadata.js';

const CRC_BYTES = 4;
/** What codecs can add to a chunk that does not compress. */
const CODED_SLACK_BYTES = 64 * 1024;

function encode(bytes: Uint8Array, codec: ZarrCodec): Uint8Array {
  if (codec.name === 'gzip') return gzipSync(bytes, { level: codec.level });
  const coded = new Uint8Array(bytes.length + CRC_BYTES);
  coded.set(bytes);
  new DataView(coded.buffer).setUint32(bytes.length, crc32c(bytes), true);
  return coded;
}

/** Undoes a codec; never makes more than `bytesMax` bytes, whatever the file says. */
function decode(bytes: Uint8Array, codec: ZarrCodec, bytesMax: number, path: string): Uint8Array {
  if (codec.name === 'gzip') {
    try {
      return gunzipSync(bytes, { maxOutputLength: bytesMax });
    } catch (cause) {
      throw badZarr(path, `it does not decompress: ${(cause as Error).message}`);
    }
  }
  if (bytes.length < CRC_BYTES) throw badZarr(path, 'it is too short for its checksum');
  const size = bytes.length - CRC_BYTES;
  const content = bytes.subarray(0, size);
  const said = new DataView(bytes.buffer, bytes.byteOffset + size).getUint32(0, true);
  if (said !== crc32c(content)) throw badZarr(path, 'its checksum is not that of its bytes');
  return content;
}

/**
 * An array in a store. Chunks are files of their own, each replaced as a whole; two that write
 * into one chunk at once must agree on it, since the later one wins. Calls return when it is done.
 */
export class ZarrArray {
  readonly info: ZarrArrayInfo;
  readonly #path: string;
  readonly #sync: boolean;
  readonly #fill: Uint8Array;
  /** The shape up to whole chunks: a chunk has its full size at the edges too. */
  readonly #paddedShape: readonly number[];

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
  readRegion(region: Region, into: Uint8Array): void {
    const { itemSize } = this.#check(region, into);
    for (const { chunk, whole, common } of chunksOf(region, this.info.chunk)) {
      const bytes = this.#clip(whole, chunk, this.#readChunk(chunk));
      const target = { region, bytes: into, order: 'row' } as const;
      const copied = copyCommon({ region: whole, bytes, order: 'row' }, target, itemSize);
      assert(copied === common.count, 'all of the chunk that is wanted was copied');
    }
  }

  /** Puts the elements of a region, in row order and the array's byte order. */
  writeRegion(region: Region, from: Uint8Array): void {
    const { itemSize } = this.#check(region, from);
    const source = { region, bytes: from, order: 'row' } as const;
    for (const { chunk, whole, common } of chunksOf(region, this.info.chunk)) {
      const isAll = common.count === whole.count;
      const before = isAll ? this.#empty() : this.#readChunk(chunk);
      const bytes = this.#clip(whole, chunk, before);
      copyCommon(source, { region: whole, bytes, order: 'row' }, itemSize);
      this.#writeChunk(chunk, this.#unclip(whole, chunk, bytes, before));
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
    return join(this.#path, 'c', ...chunk.map(String));
  }

  /** A chunk of fill values. */
  #empty(): Uint8Array {
    const bytes = new Uint8Array(chunkBytes(this.info));
    if (this.#fill.every((byte) => byte === 0)) return bytes;
    for (let at = 0; at < bytes.length; at += this.#fill.length) bytes.set(this.#fill, at);
    return bytes;
  }

  #readChunk(chunk: readonly number[]): Uint8Array {
    const path = this.#chunkPath(chunk);
    const size = chunkBytes(this.info);
    const bytesMax = size + Math.ceil(size / 1_000) + CODED_SLACK_BYTES;
    let bytes = readWhole(path, bytesMax);
    if (bytes === null) return this.#empty();
    for (const codec of this.info.codecs.toReversed()) bytes = decode(bytes, codec, bytesMax, path);
    if (bytes.length !== size) {
      throw badZarr(path, `it has ${bytes.length} bytes, a chunk has ${size}`);
    }
    return bytes;
  }

  #writeChunk(chunk: readonly number[], bytes: Uint8Array): void {
    const coded = this.info.codecs.reduce(encode, bytes);
    replaceFile(this.#chunkPath(chunk), coded, this.#sync);
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
