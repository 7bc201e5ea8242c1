import { chmodSync, linkSync, renameSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Call } from '../../client/call.js';
import { Extent } from '../../client/extent.js';
import { Handle } from '../../client/handle.js';
import {
  bytesLost,
  isBytesLost,
  isMemoryLost,
  STORE_ATTEMPTS_MAX,
} from '../../client/lost-memory.js';
import { encodeOffer, offerPayload, type Payload } from '../../client/offering.js';
import {
  type Attributes,
  deadlineOf,
  type OfferOptions,
  type ReplaceOptions,
  type WaitOptions,
} from '../../client/options.js';
import type { Seat } from '../../client/seat.js';
import { alignmentOf, roundUp, type Slice } from '../../client/slice.js';
import { throwIfAborted, waiting } from '../../client/waiting.js';
import { AttaccaError } from '../../core/errors.js';
import { LIMITS } from '../../core/limits.js';
import type { Region } from '../../core/regions/region.js';
import type { SpaceExpectation } from '../../core/space.js';
import { MODE_BITS, openSlab, type SlabFile, slabPath } from '../../levels/shm/slabs.js';
import { Grant, MESSAGE, readGrant, writeLease } from '../../protocol/index.js';
import { type FilePart, fileChunks } from '../file-chunks.js';
import { uniquePart } from '../unique.js';

/** What is said of an object that is put. */
export interface ObjectToPut {
  readonly name: string;
  readonly space: SpaceExpectation;
  readonly attributes: Attributes;
  /** What of it is put; all of it, without. */
  readonly region?: Region | undefined;
}

export interface PutOptions extends OfferOptions, ReplaceOptions, WaitOptions {
  /** Hears how many more bytes are in the pool's memory, or about to be sent. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

type Chunks = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** What is leased at once for objects to come. */
const LEASE_BYTES_MAX = 64 * 1024 * 1024;

/** Written at a time of bytes at hand: some milliseconds of copying. */
const PIECE_BYTES = 16 * 1024 * 1024;

/**
 * Puts objects into a pool: small ones travel in the message, others are written into its memory
 * through the slab's file. A file is read and written a chunk at a time, which for one object costs
 * less than to map the slab.
 */
export class Store {
  readonly #seat: Seat;
  /** Bytes that are expected to be put yet: leased ahead, so that not each file costs an answer. */
  #bytesExpected: number;
  #extent: Extent | null = null;
  readonly #slabs = new Map<number, Promise<SlabFile>>();
  #leasing: Promise<unknown> = Promise.resolve();
  #asking = 0;

  constructor(seat: Seat, bytesExpected = 0) {
    this.#seat = seat;
    this.#bytesExpected = bytesExpected;
  }

  /** Whether the pool has been asked for memory, and has not answered. */
  get isLeasing(): boolean {
    return this.#asking > 0;
  }

  /** Offers bytes at hand, one part behind the other. */
  async putBytes(
    object: ObjectToPut,
    parts: readonly Uint8Array[],
    options: PutOptions,
  ): Promise<void> {
    const size = parts.reduce((sum, { length }) => sum + length, 0);
    if (size > this.#seat.client.inlineBytesMax) {
      await this.#putChunks(object, size, () => piecesOf(parts), options);
      return;
    }
    options.onBytes?.(size);
    await this.#put(object, options, async () => ({ kind: 'bytes', bytes: Buffer.concat(parts) }));
  }

  /** Offers bytes of a file. The file must not be changed meanwhile. */
  async putFile(object: ObjectToPut, part: FilePart, options: PutOptions): Promise<void> {
    if (part.size > this.#seat.client.inlineBytesMax) {
      await this.#putChunks(object, part.size, () => fileChunks(part), options);
      return;
    }
    const bytes = new Uint8Array(part.size);
    let at = 0;
    for (const chunk of fileChunks(part)) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    options.onBytes?.(at);
    await this.#put(object, options, async () => ({ kind: 'bytes', bytes }));
  }

  /**
   * Makes a file, in the file system of the slabs, the object without copying it: the file goes,
   * and comes back when the object cannot be offered. The payload begins at `offset`.
   */
  async adoptFile(
    object: ObjectToPut,
    file: { readonly path: string; readonly size: number; readonly offset: number },
    options: PutOptions,
  ): Promise<void> {
    const { client } = this.#seat;
    const directory = client.pool.slabs;
    const { path, size, offset } = file;
    // Should we be killed here, the pool removes what is of no open session.
    const name = `adopt-${client.connection.accept?.session ?? 0}.${uniquePart()}`;
    const mode = statSync(path).mode & MODE_BITS;
    renameSync(path, join(directory, name));
    let slice: Slice;
    try {
      slice = await client.leases.adopt(name, size, `adopt "${path}"`, options);
    } catch (error) {
      giveBack(() => renameSync(join(directory, name), path));
      throw error;
    }
    const { slab } = slice;
    try {
      const payload: Payload = { kind: 'slice', slice: { slab, offset, size: size - offset } };
      await this.#put(object, options, async () => payload);
    } catch (error) {
      giveBack(() => {
        linkSync(slabPath(directory, slab), path);
        chmodSync(path, mode);
      });
      client.leases.giveBack({ slab, offset: 0, size });
      throw error;
    }
    if (offset > 0) client.leases.giveBack({ slab, offset: 0, size: offset });
  }

  /** Whether a file lies in the file system of the slabs, so that {@link adoptFile} can take it. */
  canAdopt(path: string): boolean {
    const { plane, pool } = this.#seat.client;
    if (plane.transport !== 'shared-memory') return false;
    return statSync(pool.slabs).dev === statSync(dirname(path)).dev;
  }

  /** Gives back what was leased and not used. */
  async close(): Promise<void> {
    this.#giveRestBack();
    const slabs = [...this.#slabs.values()];
    this.#slabs.clear();
    for (const slab of slabs) {
      await slab.then(
        (file) => file.close(),
        () => {},
      );
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #put(
    object: ObjectToPut,
    options: PutOptions,
    payload: (handle: Handle) => Promise<Payload>,
  ): Promise<void> {
    const { space, attributes, region } = object;
    // Refused before anything is withdrawn, or leased.
    const kept = encodeOffer(options, true);
    const how = region === undefined ? kept : { ...kept, region };
    const handle = new Handle(this.#seat, object.name, { space, attributes });
    try {
      const what = await payload(handle);
      await offerPayload(handle, what, how, options);
    } finally {
      handle.release();
    }
  }

  /** Puts what comes in chunks; once more when the pool has lost the memory that they went to. */
  async #putChunks(
    object: ObjectToPut,
    size: number,
    chunks: () => Chunks,
    options: PutOptions,
  ): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      let bytes = 0;
      const onBytes = (count: number): void => {
        bytes += count;
        options.onBytes?.(count);
      };
      try {
        await this.#putOnce(object, size, chunks(), { ...options, onBytes });
        return;
      } catch (error) {
        const isWriting = isMemoryLost(this.#seat.client, error);
        if (!isWriting && !isBytesLost(error)) throw error;
        this.#extent = null;
        if (attempt === STORE_ATTEMPTS_MAX) throw bytesLost(object.name, error);
        options.onBytes?.(-bytes);
      }
    }
  }

  async #putOnce(
    object: ObjectToPut,
    size: number,
    chunks: Chunks,
    options: PutOptions,
  ): Promise<void> {
    const { leases, plane } = this.#seat.client;
    let slice: Slice | null = null;
    try {
      await this.#put(object, options, async (handle) => {
        const leased = await this.#lease(handle, size, options);
        slice = leased;
        const slab = plane.transport === 'socket' ? null : await this.#slab(leased.slab);
        let at = 0;
        for await (const chunk of chunks) {
          throwIfAborted(`put "${object.name}"`, options.signal);
          const offset = leased.offset + at;
          if (slab === null) {
            await plane.store({ slab: leased.slab, offset, size: chunk.length }, chunk);
          } else await slab.pwriteFrom(chunk, offset, options);
          at += chunk.length;
          options.onBytes?.(chunk.length);
        }
        return { kind: 'slice', slice: leased };
      });
    } catch (error) {
      if (slice !== null) leases.giveBack(slice);
      throw error;
    }
  }

  #slab(slab: number): Promise<SlabFile> {
    let opening = this.#slabs.get(slab);
    if (opening === undefined) {
      opening = openSlab(this.#seat.client.pool.slabs, slab, 'read-write');
      this.#slabs.set(slab, opening);
    }
    return opening;
  }

  /** A slice for an object; one at a time, so that what one leases ahead the next can take. */
  async #lease(handle: Handle, size: number, options: WaitOptions): Promise<Slice> {
    const turn = this.#leasing.then(() => this.#leaseNow(handle, size, options));
    this.#leasing = turn.catch(() => {});
    return await turn;
  }

  async #leaseNow(handle: Handle, size: number, options: WaitOptions): Promise<Slice> {
    this.#bytesExpected = Math.max(0, this.#bytesExpected - size);
    const taken = this.#extent?.take(size) ?? null;
    if (taken !== null) return taken;
    const unit = alignmentOf(size);
    // What is granted starts on 64 bytes; a page within it needs one more.
    const least = roundUp(size, unit) + (unit === LIMITS.pageBytes ? unit : 0);
    const ahead = roundUp(Math.min(this.#bytesExpected, LEASE_BYTES_MAX), LIMITS.pageBytes);
    this.#giveRestBack();
    this.#asking++;
    try {
      this.#extent = new Extent(await askLease(handle, least, least + ahead, options));
    } finally {
      this.#asking--;
    }
    const slice = this.#extent.take(size);
    if (slice === null) throw new AttaccaError('internal', `Cannot lease ${size} bytes`);
    if (ahead === 0) this.#giveRestBack();
    return slice;
  }

  #giveRestBack(): void {
    const rest = this.#extent?.rest() ?? [];
    this.#extent = null;
    for (const slice of rest) this.#seat.client.leases.giveBack(slice);
  }
}

/** Bytes at hand in pieces, between which an abort is seen and progress is told. */
function* piecesOf(parts: readonly Uint8Array[]): Generator<Uint8Array> {
  for (const part of parts) {
    for (let at = 0; at < part.length; at += PIECE_BYTES) {
      yield part.subarray(at, at + PIECE_BYTES);
    }
  }
}

/**
 * LEASE without mapping what is granted. The pool hears of the name first: it may be waited for.
 */
async function askLease(
  handle: Handle,
  least: number,
  size: number,
  options: WaitOptions,
): Promise<Slice> {
  const { client } = handle.seat;
  const { connection } = client;
  const what = `allocate ${least} bytes for "${handle.name}"`;
  const room = handle.seat.enter(what);
  if (room !== null) await room;
  const count = 1 + handle.declares;
  const call = new Call<Slice>(
    count,
    (code, reader) => {
      if (code !== MESSAGE.grant) {
        throw new AttaccaError('bad-message', `Cannot take answer ${code}: GRANT was expected`);
      }
      const grant = new Grant();
      readGrant(reader, grant);
      return { slab: grant.slab, offset: grant.offset, size: grant.size };
    },
    (slice) => client.leases.giveBack(slice),
  );
  const deadline = deadlineOf(options.timeoutMs);
  const first = handle.post(call, 1, (w, number) => writeLease(w, size, least, number, deadline));
  const granted = await waiting(connection, call, { number: first + count - 1, what }, options);
  if (granted === undefined) throw new AttaccaError('internal', `Cannot ${what}: no grant came`);
  return granted;
}

/**
 * A file that was moved goes back where it was, if that can be: the error that led here is told.
 */
function giveBack(move: () => void): void {
  try {
    move();
  } catch {
    // Its place is taken, or gone.
  }
}
