import type { Reader } from '../core/bytes.js';
import { AttaccaError } from '../core/errors.js';
import { completeSpaceOf, type Space, spaceAt, spaceBytes } from '../core/space.js';
import { readMap } from '../core/value-codec.js';
import {
  Deliver,
  MESSAGE,
  MODE,
  POLICY,
  readDeliver,
  SOURCE,
  WANT,
  writeDemand,
} from '../protocol/index.js';
import type { Bytes } from './arrays.js';
import { Call } from './call.js';
import { Seal } from './check.js';
import type { Client } from './client.js';
import { abortedError } from './errors.js';
import type { Handle } from './handle.js';
import { isMemoryLost, versionLost } from './lost-memory.js';
import { type Attributes, deadlineOf, type RequireOptions, type WaitOptions } from './options.js';
import { plainMap } from './plain.js';
import type { Delivery, ObjectVersion } from './received.js';
import type { Slice } from './slice.js';
import { throwIfAborted, waiting } from './waiting.js';

/** How a demand wants its bytes. */
type Mode = 'view' | 'own';

const NO_BYTES: Bytes = new Uint8Array(0);
const NO_ATTRIBUTES: Attributes = Object.freeze({});

/** What a DELIVER says, taken out of its frame. */
export interface Parcel {
  readonly version: number;
  readonly space: Space;
  readonly attributes: Attributes;
  /** `view`: this process holds a reader's lease on it; `given`: it has become a lease. */
  readonly source: 'message' | 'view' | 'given';
  /** The payload that came in the message. */
  readonly bytes: Bytes;
  readonly slice: Slice;
}

/** Takes a DELIVER out of its frame; what came in the message is copied. */
export function readParcel(code: number, reader: Reader): Parcel {
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
  return {
    version: deliver.version,
    space,
    attributes: attributesOf(reader, deliver),
    source: sourceOf(deliver.source),
    bytes: inline ? bytes.slice(deliver.payloadStart, deliver.payloadEnd) : NO_BYTES,
    slice: { slab: deliver.slab, offset: deliver.offset, size: deliver.size },
  };
}

function sourceOf(source: number): Parcel['source'] {
  if (source === SOURCE.slice) return 'view';
  return source === SOURCE.given ? 'given' : 'message';
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

export function policyOf(options: RequireOptions): number {
  return options.whenNobody === 'wait' ? POLICY.wait : POLICY.fail;
}

/** Demands the object of a handle: waits until it is offered, and brings its bytes here. */
export async function demandParcel(
  handle: Handle,
  mode: Mode,
  wasRequired: boolean,
  options: WaitOptions & RequireOptions,
): Promise<Delivery> {
  const what = `demand "${handle.name}"`;
  throwIfAborted(what, options.signal);
  const room = handle.seat.enter(what);
  if (room !== null) await room;
  const { client } = handle.seat;
  const { connection } = client;
  const deadline = deadlineOf(options.timeoutMs);
  // A socket's copy is one's own in any case, and a view of the slice costs the pool less.
  const own = mode === 'own' && client.plane.transport === 'shared-memory';
  const count = 1 + handle.declares;
  let cameTooLate = false;
  const call = new Call<Parcel>(count, readParcel, (parcel) => {
    cameTooLate = true;
    giveBack(client, parcel);
  });
  const first = handle.post(call, 1, (w, number) =>
    writeDemand(
      w,
      number,
      deadline,
      own ? MODE.own : MODE.view,
      policyOf(options),
      WANT.attributes,
    ),
  );
  const request = { number: first + count - 1, what };
  let parcel: Parcel | undefined;
  try {
    parcel = await waiting(connection, call, request, options);
  } catch (error) {
    if (wasRequired && staysRequired(error)) {
      if (!call.isAnswered) await new Promise<void>((resolve) => call.whenAnswered(resolve));
      if (cameTooLate) handle.release();
    } else {
      // Legal whatever the answer is: the request has ended before DISPOSE is looked at.
      handle.release();
    }
    throw error;
  }
  if (parcel === undefined) throw new AttaccaError('internal', `Cannot ${what}: no delivery came`);
  return await unpack(handle, parcel, mode, options);
}

/** Whether a require that was announced by itself is still open after its demand failed so. */
function staysRequired(error: unknown): boolean {
  if (!(error instanceof AttaccaError)) return false;
  const { code } = error;
  return code === 'deadline-passed' || code === 'cancelled' || code === 'aborted';
}

/** Nobody waits for the parcel any more: memory that came with it goes back. */
export function giveBack(client: Client, parcel: Parcel): void {
  if (parcel.source === 'given') client.leases.giveBack(parcel.slice);
}

/** Brings the bytes of a parcel into reach. */
export function unpack(
  handle: Handle,
  parcel: Parcel,
  mode: Mode,
  options: WaitOptions,
): Delivery | Promise<Delivery> {
  if (parcel.source === 'message') {
    handle.release();
    return delivery(handle, parcel, parcel.bytes, () => {});
  }
  const { plane } = handle.seat.client;
  const given = parcel.source === 'given';
  const bytes = plane.view(parcel.slice, given ? 'read-write' : 'read');
  if (bytes !== null) return hold(handle, parcel, mode, bytes);
  return fetch(handle, parcel, mode, options);
}

/** The bytes are mapped here. */
function hold(handle: Handle, parcel: Parcel, mode: Mode, bytes: Bytes): Delivery {
  const { client } = handle.seat;
  if (parcel.source === 'given') {
    handle.release();
    const release = (): void => client.leases.giveBack(parcel.slice);
    return { ...delivery(handle, parcel, bytes, release), holder: handle.seat };
  }
  if (mode === 'own') {
    const copy = bytes.slice();
    handle.release();
    return delivery(handle, parcel, copy, () => {});
  }
  const { name } = handle;
  const seal = client.checks ? new Seal(name, bytes, 'it was demanded') : null;
  return { ...delivery(handle, parcel, bytes, () => handle.release()), seal, holder: handle.seat };
}

/** The slab is not mapped yet, or never will be. */
async function fetch(
  handle: Handle,
  parcel: Parcel,
  mode: Mode,
  options: WaitOptions,
): Promise<Delivery> {
  const { client } = handle.seat;
  const given = parcel.source === 'given';
  try {
    const access = given ? 'read-write' : 'read';
    const bytes = await unlessAborted(client.plane.load(parcel.slice, access), handle, options);
    if (client.plane.view(parcel.slice, access) !== null) return hold(handle, parcel, mode, bytes);
    // A copy that came by the socket: the pool's own may go.
    if (given) client.leases.giveBack(parcel.slice);
    handle.release();
    return delivery(handle, parcel, bytes, () => {});
  } catch (error) {
    giveBack(client, parcel);
    handle.release();
    throw isMemoryLost(client, error) ? versionLost(handle.name, parcel.version, error) : error;
  }
}

async function unlessAborted(
  loading: Promise<Bytes>,
  handle: Handle,
  options: WaitOptions,
): Promise<Bytes> {
  const { signal } = options;
  if (signal === undefined) return await loading;
  return await new Promise((resolve, reject) => {
    const onAbort = (): void => reject(abortedError(`demand "${handle.name}"`, signal));
    signal.addEventListener('abort', onAbort, { once: true });
    loading.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
    if (signal.aborted) onAbort();
  });
}

function delivery(handle: Handle, parcel: Parcel, bytes: Bytes, release: () => void): Delivery {
  const { name } = handle;
  const { version, space, attributes } = parcel;
  return { name, version, space, attributes, bytes, release, seal: null, holder: null };
}

/** Waits until an object is offered, without its bytes and without keeping a lease. */
export async function peekVersion(
  handle: Handle,
  options: WaitOptions & RequireOptions,
): Promise<ObjectVersion> {
  const what = `wait for "${handle.name}"`;
  throwIfAborted(what, options.signal);
  const room = handle.seat.enter(what);
  if (room !== null) await room;
  const { connection } = handle.seat.client;
  const deadline = deadlineOf(options.timeoutMs);
  const call = new Call<Parcel>(2, readParcel);
  // The pool frees the handle with its answer, whatever that is.
  call.whenAnswered(() => handle.forget());
  const want = WANT.attributes | WANT.dispose;
  const first = handle.post(call, 1, (w, number) =>
    writeDemand(w, number, deadline, MODE.peek, policyOf(options), want),
  );
  const parcel = await waiting(connection, call, { number: first + 1, what }, options);
  if (parcel === undefined) throw new AttaccaError('internal', `Cannot ${what}: no answer came`);
  const { version, space, attributes } = parcel;
  return { name: handle.name, version, space, attributes, size: spaceBytes(space) };
}
