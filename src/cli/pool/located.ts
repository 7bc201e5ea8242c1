import { Call } from '../../client/call.js';
import { policyOf, regionToAsk, unlessEncoded } from '../../client/demanding.js';
import { ENCODING_KEY } from '../../client/encoding.js';
import { gather } from '../../client/gathering.js';
import { Handle } from '../../client/handle.js';
import {
  type Attributes,
  deadlineOf,
  type RequireOptions,
  type WaitOptions,
} from '../../client/options.js';
import { giveBack, type Parcel, readParcel, ToldParts } from '../../client/parcels.js';
import type { Seat } from '../../client/seat.js';
import { isPlain, type Shaping, type wantedRegion } from '../../client/shaping.js';
import type { Slice } from '../../client/slice.js';
import { waiting } from '../../client/waiting.js';
import { AttaccaError } from '../../core/errors.js';
import { type Space, spaceBytes } from '../../core/space.js';
import { openSlab } from '../../levels/shm/slabs.js';
import { MODE, WANT, writeDemand, writeRegionFields } from '../../protocol/index.js';

/** At a time from a slab: it stays in cache between reading and writing it. */
const CHUNK_BYTES = 1024 * 1024;

/**
 * An object that was demanded, where it is: commands hand its bytes on by read and write, which for
 * one object costs less than mapping its slab would.
 */
export class Located {
  readonly name: string;
  readonly version: number;
  readonly space: Space;
  readonly attributes: Attributes;
  readonly size: number;
  /** Where the bytes are in the pool's memory; null when they came in the message. */
  readonly slice: Slice | null;
  readonly #bytes: Uint8Array;
  readonly #handle: Handle;

  constructor(handle: Handle, parcel: Parcel) {
    this.name = handle.name;
    this.version = parcel.version;
    this.space = parcel.space;
    this.attributes = parcel.attributes;
    this.size = spaceBytes(parcel.space);
    this.slice = parcel.source === 'message' ? null : parcel.slice;
    this.#bytes = parcel.bytes;
    this.#handle = handle;
  }

  /** The directory of the slabs, when the bytes are in a file there that can be read. */
  get slabsDirectory(): string | null {
    const { plane, pool } = this.#handle.seat.client;
    return this.slice !== null && plane.transport === 'shared-memory' ? pool.slabs : null;
  }

  /** The payload in chunks; each is valid until the next is asked for. */
  async *chunks(signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    const { client } = this.#handle.seat;
    const { slice, slabsDirectory } = this;
    if (slice === null) {
      if (this.#bytes.length > 0) yield this.#bytes;
    } else if (slabsDirectory === null) {
      yield await client.plane.load(slice);
    } else {
      await using slab = await openSlab(slabsDirectory, slice.slab, 'read');
      const buffer = new Uint8Array(Math.min(CHUNK_BYTES, slice.size));
      for (let at = 0; at < slice.size; at += buffer.length) {
        const chunk = buffer.subarray(0, Math.min(buffer.length, slice.size - at));
        await slab.preadInto(chunk, slice.offset + at, { signal });
        yield chunk;
      }
    }
  }

  /** Lets go of the bytes. */
  release(): void {
    this.#handle.release();
  }
}

type LocateOptions = WaitOptions & RequireOptions & Pick<Shaping, 'region' | 'unpack'>;

/**
 * Demands an object, and tells where its bytes are. What is encoded comes decoded, as a library
 * would hand it over. Errors: as of a demand.
 */
export async function locate(seat: Seat, name: string, given: LocateOptions): Promise<Located> {
  let handle = new Handle(seat, name, {});
  const { region, options } = await regionToAsk(handle, given);
  let parcel: Parcel;
  try {
    parcel = await parcelOf(handle, region, options);
  } catch (error) {
    handle.release();
    if (options.region === undefined) throw error;
    // The pool looks for the region in the bytes it has, of whatever they are an encoding.
    handle = await unlessEncoded(handle, error);
    parcel = await parcelOf(handle, null, options).catch((cause: unknown) => {
      handle.release();
      throw cause;
    });
  }
  const isWhole = parcel.source !== 'parts' && isPlain(options);
  if (isWhole && !(ENCODING_KEY in parcel.attributes)) return new Located(handle, parcel);
  // Parts are put together here, regions cut out, encodings undone.
  const { bytes, space, attributes } = await gather(handle, parcel, 'view', options);
  return new Located(handle, { ...parcel, source: 'message', bytes, space, attributes });
}

/** What a demand of a handle is answered with. */
async function parcelOf(
  handle: Handle,
  region: ReturnType<typeof wantedRegion>,
  options: LocateOptions,
): Promise<Parcel> {
  const { seat, name } = handle;
  const { client } = seat;
  const what = `demand "${name}"`;
  const room = seat.enter(what);
  if (room !== null) await room;
  const told = new ToldParts();
  const requests = region === null ? 1 : 2;
  const call = new Call<Parcel>(
    1 + requests,
    (code, reader) => readParcel(code, reader, told),
    (parcel) => giveBack(client, parcel),
    (reader) => told.take(reader),
  );
  const deadline = deadlineOf(options.timeoutMs);
  const first = handle.post(call, requests, (w, number) => {
    if (region !== null) writeRegionFields(w, number, region);
    writeDemand(w, number, deadline, MODE.view, policyOf(options), WANT.attributes);
  });
  const request = { number: first + requests, what };
  const parcel = await waiting(client.connection, call, request, options);
  if (parcel === undefined) throw new AttaccaError('internal', `Cannot ${what}: no delivery came`);
  return parcel;
}
