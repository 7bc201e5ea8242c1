import { Reader } from '../core/bytes.js';
import { AttaccaError } from '../core/errors.js';
import type { Region } from '../core/regions/region.js';
import { readRegion } from '../core/regions/region-codec.js';
import { completeSpaceOf, type Space, spaceAt } from '../core/space.js';
import { readMap } from '../core/value-codec.js';
import {
  Deliver,
  DeliveredPart,
  MESSAGE,
  Parts,
  readDeliver,
  readPart,
  readParts,
  SOURCE,
} from '../protocol/index.js';
import type { Bytes } from './arrays.js';
import type { Client } from './client.js';
import type { Attributes } from './options.js';
import { plainMap } from './plain.js';
import type { Slice } from './slice.js';

const NO_BYTES: Bytes = new Uint8Array(0);
const NO_ATTRIBUTES: Attributes = Object.freeze({});

/** A part as PARTS says it. */
interface PartParcel {
  readonly region: Region;
  /** `view`: this process holds a reader's lease on it. */
  readonly source: 'message' | 'view';
  readonly bytes: Bytes;
  readonly slice: Slice;
}

/** What a DELIVER says, taken out of its frame. */
export interface Parcel {
  readonly version: number;
  readonly space: Space;
  readonly attributes: Attributes;
  /** `view`: this process holds a reader's lease on it; `given`: it has become a lease. */
  readonly source: 'message' | 'view' | 'given' | 'parts';
  /** The payload that came in the message. */
  readonly bytes: Bytes;
  readonly slice: Slice;
  /** Of source `parts`: leased, too. */
  readonly parts: readonly PartParcel[];
}

/** The parts of a demand, which PARTS tell before DELIVER: their regions need its shape. */
export class ToldParts {
  readonly #told: { readonly region: Uint8Array; readonly part: DeliveredPart; bytes: Bytes }[] =
    [];

  /** Takes a PARTS out of its frame; what came in the message is copied. */
  take(reader: Reader): void {
    const parts = new Parts();
    readParts(reader, parts);
    for (let count = parts.count; count > 0; count--) {
      const part = new DeliveredPart();
      readPart(reader, part);
      const inline = part.source === SOURCE.inline;
      this.#told.push({
        region: reader.bytes.slice(part.regionStart, part.regionEnd),
        part,
        bytes: inline ? reader.bytes.slice(part.payloadStart, part.payloadEnd) : NO_BYTES,
      });
    }
  }

  /** So many, as the DELIVER says, of a shape. */
  of(shape: readonly number[], count: number): PartParcel[] {
    if (count !== this.#told.length) {
      throw new AttaccaError('bad-message', `Cannot take ${count} parts: others were told`);
    }
    return this.#told.map(({ region, part, bytes }) => ({
      region: readRegion(new Reader(region), shape),
      source: part.source === SOURCE.slice ? 'view' : 'message',
      bytes,
      slice: { slab: part.slab, offset: part.offset, size: part.size },
    }));
  }
}

/** Takes a DELIVER out of its frame; what came in the message is copied. */
export function readParcel(code: number, reader: Reader, told: ToldParts): Parcel {
  if (code !== MESSAGE.deliver) {
    throw new AttaccaError('bad-message', `Cannot take answer ${code}: DELIVER was expected`);
  }
  const deliver = new Deliver();
  readDeliver(reader, deliver);
  const { bytes } = reader;
  const space = completeSpaceOf(spaceAt(bytes, deliver.spaceStart));
  if (space === null) {
    throw new AttaccaError('bad-message', 'Cannot take a delivery: its space is not complete');
  }
  const inline = deliver.source === SOURCE.inline;
  const isParts = deliver.source === SOURCE.parts;
  return {
    version: deliver.version,
    space,
    attributes: attributesOf(reader, deliver),
    source: sourceOf(deliver.source),
    bytes: inline ? bytes.slice(deliver.payloadStart, deliver.payloadEnd) : NO_BYTES,
    slice: { slab: deliver.slab, offset: deliver.offset, size: deliver.size },
    parts: isParts ? told.of(space.shape, deliver.size) : [],
  };
}

function sourceOf(source: number): Parcel['source'] {
  switch (source) {
    case SOURCE.slice:
      return 'view';
    case SOURCE.given:
      return 'given';
    case SOURCE.parts:
      return 'parts';
    default:
      return 'message';
  }
}

/** An empty map has four bytes: most deliveries of a batch want none. */
function attributesOf(reader: Reader, from: Deliver): Attributes {
  if (from.attributesEnd - from.attributesStart === 4) return NO_ATTRIBUTES;
  const { at, limit } = reader;
  reader.at = from.attributesStart;
  reader.limit = from.attributesEnd;
  const attributes = readMap(reader);
  reader.at = at;
  reader.limit = limit;
  return plainMap(attributes);
}

/** How a demand wants its bytes. */
export type Mode = 'view' | 'own';

/** Nobody waits for the parcel any more: memory that came with it goes back. */
export function giveBack(client: Client, parcel: Parcel): void {
  if (parcel.source === 'given') client.leases.giveBack(parcel.slice);
}
