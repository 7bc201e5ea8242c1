import { Reader } from '../core/bytes.js';
import { convertElements } from '../core/regions/cast.js';
import { copyCommon, type Laid, stretchOf } from '../core/regions/copy.js';
import { Region } from '../core/regions/region.js';
import { readRegion } from '../core/regions/region-codec.js';
import { itemSizeOf, type Space } from '../core/space.js';
import { forEachEncoded } from '../protocol/index.js';
import type { Lain, TransferEffect } from './state.js';

interface Range {
  readonly slab: number;
  readonly offset: number;
  readonly size: number;
}

/** Finds the bytes of a slab, to be read and written to. */
type BytesOf = (range: Range) => Uint8Array;

/**
 * Moves regions to an open object or from it, and lays over what was read what its member has
 * written and not committed. Converts on the way: outside of anybody's lock, as a lock is free when
 * the pool has what was written, and who comes next is served behind it.
 */
export function transfer(effect: TransferEffect, bytesOf: BytesOf): void {
  const { space, payload, isWrite, over } = effect;
  const whole: Laid = {
    region: Region.whole(space.shape),
    order: space.order,
    bytes: bytesOf(effect.whole),
  };
  if (isWrite) {
    for (const piece of piecesOf(payload, space, bytesIn(payload, bytesOf))) {
      put(converted(piece, payload.as, space), whole, itemSizeOf(space.dtype));
    }
    return;
  }
  const target = bytesIn(payload, bytesOf);
  const layers = over.map((lain) =>
    piecesOf(lain, space, bytesIn(lain, bytesOf)).map((piece) => converted(piece, lain.as, space)),
  );
  for (const piece of piecesOf(payload, space, target)) {
    read(piece, payload.as, space, [whole, ...layers.flat()]);
  }
}

/** Copies a piece to where it lies; in one go where it lies in one piece. */
function put(piece: Laid, whole: Laid, itemSize: number): void {
  const place = piece.order === whole.order ? stretchOf(whole, piece.region, whole.order) : null;
  if (place === null) copyCommon(piece, whole, itemSize);
  else whole.bytes.set(piece.bytes, place * itemSize);
}

/** As {@link put}, from where it lies. */
function get(piece: Laid, from: Laid, itemSize: number): void {
  const covers = from.region.isWhole && piece.order === from.order;
  const place = covers ? stretchOf(from, piece.region, from.order) : null;
  if (place === null) copyCommon(from, piece, itemSize);
  else {
    const start = place * itemSize;
    piece.bytes.set(from.bytes.subarray(start, start + piece.bytes.length));
  }
}

function bytesIn({ place }: Lain, bytesOf: BytesOf): Uint8Array {
  return 'bytes' in place ? place.bytes : bytesOf(place);
}

/** The regions with their bytes, which lie one behind the other. */
function piecesOf({ as, regions, count }: Lain, { shape }: Space, bytes: Uint8Array): Laid[] {
  const pieces: Laid[] = [];
  const r = new Reader();
  let at = 0;
  forEachEncoded(regions, { start: 0, end: regions.length, count }, (start, end) => {
    r.reset(regions, start, end);
    const region = readRegion(r, shape);
    const size = region.count * itemSizeOf(as.dtype);
    pieces.push({ region, order: as.order, bytes: bytes.subarray(at, at + size) });
    at += size;
  });
  return pieces;
}

type Layout = Lain['as'];

function isSame(one: Layout, other: Layout): boolean {
  return one.dtype === other.dtype && one.byteOrder === other.byteOrder;
}

/** The elements as those of the object. */
function converted(piece: Laid, from: Layout, to: Layout): Laid {
  if (isSame(from, to)) return piece;
  const bytes = new Uint8Array(piece.region.count * itemSizeOf(to.dtype));
  convertElements(
    { bytes: piece.bytes, dtype: from.dtype, byteOrder: from.byteOrder },
    { bytes, dtype: to.dtype, byteOrder: to.byteOrder },
  );
  return { ...piece, bytes };
}

/** Fills a piece from what lies there, each layer over the one before. */
function read(piece: Laid, as: Layout, space: Space, layers: readonly Laid[]): void {
  const direct = isSame(as, space);
  const bytes = direct ? piece.bytes : new Uint8Array(piece.region.count * itemSizeOf(space.dtype));
  const target = { ...piece, bytes };
  for (const layer of layers) get(target, layer, itemSizeOf(space.dtype));
  if (direct) return;
  convertElements(
    { bytes, dtype: space.dtype, byteOrder: space.byteOrder },
    { bytes: piece.bytes, dtype: as.dtype, byteOrder: as.byteOrder },
  );
}
