import type { Reader } from '../../core/bytes.js';
import { AttaccaError } from '../../core/errors.js';
import { elementOf } from '../../core/regions/element.js';
import {
  completeSpaceOf,
  type Dtype,
  isNumeric,
  itemSizeOf,
  spaceAt,
  spaceBytes,
} from '../../core/space.js';
import { readMap } from '../../core/value-codec.js';
import {
  CONSISTENCIES,
  CONSISTENCY,
  MESSAGE,
  Opened,
  readOpened,
  SCOPE,
  writeCreate,
  writeOpen,
} from '../../protocol/index.js';
import { spaceIfKnown, unknownShape } from '../backing.js';
import { Call } from '../call.js';
import { fillMemory } from '../copying.js';
import { Handle } from '../handle.js';
import { leaseFor } from '../offering.js';
import { deadlineOf, lifetimeOf, type ObjectOptions, type WaitOptions } from '../options.js';
import { plainMap } from '../plain.js';
import type { Seat } from '../seat.js';
import type { Slice } from '../slice.js';
import { throwIfAborted, waiting } from '../waiting.js';
import { type Consistency, type Opening, OpenObject } from './open-object.js';
import type { QueueSizes } from './region-queue.js';

const NO_SLICE: Slice = { slab: 0, offset: 0, size: 0 };
const SIZES: QueueSizes = { gatherBytes: 8 << 20, sieveBytes: 4 << 20 };

/** How small writes and reads are put together. */
export interface GatheringOptions {
  /** Writes of one turn of the event loop go out in pieces of so many bytes: 8 MiB. */
  readonly gatherBytes?: number | undefined;
  /** Many small reads become one of at most so many bytes that has them all: 4 MiB; 0: never. */
  readonly sieveBytes?: number | undefined;
}

export interface CreateOptions extends ObjectOptions, GatheringOptions {
  /** When what is written is visible to other members: `posix`, unless told. */
  readonly consistency?: Consistency | undefined;
  /**
   * What every element is before it is written to: 0, unless told. `bad-argument`: a value that
   * the type has not, such as -1 of uint8.
   */
  readonly fill?: number | bigint | undefined;
  /** It stays open when its member leaves. */
  readonly keep?: boolean | undefined;
  readonly lifetimeMs?: number | undefined;
}

/** Creates an open object: leases its memory, fills it, and hands it over. */
export async function createOpen<D extends Dtype>(
  seat: Seat,
  name: string,
  options: CreateOptions & WaitOptions,
): Promise<OpenObject<D>> {
  const handle = new Handle(seat, name, options);
  const space = spaceIfKnown(handle.space) ?? unknownShape(name);
  const consistency = options.consistency ?? 'posix';
  if (!Object.hasOwn(CONSISTENCY, consistency)) {
    throw new RangeError(`Cannot create with consistency "${consistency}"`);
  }
  const code = CONSISTENCY[consistency];
  const what = `create "${name}"`;
  throwIfAborted(what, options.signal);
  const element = filling(name, space, options.fill);
  const sizes = sizesOf(options);
  const size = spaceBytes(space);
  const { client } = seat;
  const slice = size === 0 ? NO_SLICE : await leaseFor(handle, size, options);
  try {
    if (size > 0) await fillSlice(seat, slice, element);
    const keep = options.keep === true;
    const call = new Call<never>(handle.declares + 1);
    handle.post(call, 1, (w, number) =>
      writeCreate(w, {
        handle: number,
        scope: keep ? SCOPE.pool : SCOPE.member,
        consistency: code,
        lifetime: keep ? lifetimeOf(options.lifetimeMs) : 0,
        slice,
      }),
    );
    await call.promise;
  } catch (error) {
    client.leases.giveBack(slice);
    handle.release();
    throw error;
  }
  const { attributes } = handle;
  const opening = { version: 0, space, attributes, consistency, isOwn: true };
  return new OpenObject<D>(handle, opening, sizes);
}

/** Opens an object that somebody has created, or waits until that. */
export async function openOpen<D extends Dtype>(
  seat: Seat,
  name: string,
  options: ObjectOptions & GatheringOptions & WaitOptions,
): Promise<OpenObject<D>> {
  const sizes = sizesOf(options);
  const handle = new Handle(seat, name, options);
  const what = `open "${name}"`;
  throwIfAborted(what, options.signal);
  const room = seat.enter(what);
  if (room !== null) await room;
  const deadline = deadlineOf(options.timeoutMs);
  const declares = handle.declares;
  const late = (): void => handle.release();
  const call = new Call<Opening>(declares + 1, openingOf);
  const first = handle.post(call, 1, (w, number) => writeOpen(w, number, deadline));
  try {
    const { connection } = seat.client;
    const opening = await waiting(connection, call, { number: first + declares, what }, options);
    if (opening === undefined) throw new AttaccaError('internal', `Cannot ${what}: no answer came`);
    return new OpenObject<D>(handle, opening, sizes);
  } catch (error) {
    if (call.isAnswered) late();
    else call.whenAnswered(late);
    throw error;
  }
}

function sizesOf(options: GatheringOptions): QueueSizes {
  const { gatherBytes = SIZES.gatherBytes, sieveBytes = SIZES.sieveBytes } = options;
  if (!(Number.isSafeInteger(gatherBytes) && gatherBytes >= 1)) {
    throw new RangeError(`Cannot gather ${gatherBytes} bytes: a whole number, 1 at least`);
  }
  if (!(Number.isSafeInteger(sieveBytes) && sieveBytes >= 0)) {
    throw new RangeError(`Cannot sieve ${sieveBytes} bytes: a whole number, 0 for never`);
  }
  return { gatherBytes, sieveBytes };
}

/** Memory that was used before holds what it held. */
async function fillSlice(seat: Seat, slice: Slice, element: Uint8Array): Promise<void> {
  const { plane, threads } = seat.client;
  const target = plane.writable(slice);
  if (target !== null) {
    await fillMemory(threads, target, element);
    return;
  }
  const bytes = await threads.newBytes(slice.size);
  await fillMemory(threads, bytes, element);
  await plane.store(slice, bytes);
}

/** What every element is at first. `bad-argument`: a value that the type has not. */
function filling(
  name: string,
  { dtype, byteOrder }: Opening['space'],
  value: number | bigint | undefined,
): Uint8Array {
  const bytes =
    value === undefined || (!isNumeric(dtype) && (value === 0 || value === 0n))
      ? new Uint8Array(itemSizeOf(dtype))
      : elementOf(dtype, value, byteOrder);
  if (bytes !== null) return bytes;
  const why = `${dtype} has no ${value} to fill it with`;
  throw new AttaccaError('bad-argument', `Cannot create "${name}": ${why}`, { name });
}

function openingOf(code: number, reader: Reader): Opening {
  if (code !== MESSAGE.opened) {
    throw new AttaccaError('bad-message', `Cannot take answer ${code}: OPENED was expected`);
  }
  const opened = new Opened();
  readOpened(reader, opened);
  const space = completeSpaceOf(spaceAt(reader.bytes, opened.spaceStart));
  if (space === null) throw new AttaccaError('bad-message', 'Cannot open: the space is not whole');
  const { at, limit } = reader;
  reader.at = opened.attributesStart;
  reader.limit = opened.attributesEnd;
  const attributes = plainMap(readMap(reader));
  reader.at = at;
  reader.limit = limit;
  const consistency = CONSISTENCIES[opened.consistency] ?? 'posix';
  return { version: opened.version, space, attributes, consistency, isOwn: false };
}
