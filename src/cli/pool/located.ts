import { Call } from '../../client/call.js';
import { policyOf } from '../../client/demanding.js';
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
import { type Shaping, wantedRegion } from '../../client/shaping.js';
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

/** Demands an object, and tells where its bytes are. Errors: as of a demand. */
export async function locate(
  seat: Seat,
  name: string,
  options: WaitOptions & RequireOptions & Pick<Shaping, 'region'>,
): Promise<Located> {
  const what = `demand "${name}"`;
  const handle = new Handle(seat, name, {});
  const room = seat.enter(what);
  if (room !== null) await room;
  const { client } = seat;
  const told = new ToldParts();
  const region = wantedRegion({}, options);
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
  let parcel: Parcel | undefined;
  try {
    parcel = await waiting(client.connection, call, { number: first + requests, what }, options);
  } catch (error) {
    handle.release();
    throw error;
  }
  if (parcel === undefined) throw new AttaccaError('internal', `Cannot ${what}: no delivery came`);
  if (parcel.source !== 'parts' && region === null) return new Located(handle, parcel);
  // Parts are put together here, and regions cut out.
  const { bytes, space } = await gather(handle, parcel, 'view', options);
  return new Located(handle, { ...parcel, source: 'message', bytes, space });
}
