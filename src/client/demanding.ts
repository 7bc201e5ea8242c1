import { AttaccaError } from '../core/errors.js';
import { Region } from '../core/regions/region.js';
import { needsShape, selectRegion } from '../core/regions/selection.js';
import { type Space, type SpaceExpectation, spaceBytes } from '../core/space.js';
import { MODE, POLICY, WANT, writeDemand, writeRegionFields } from '../protocol/index.js';
import type { Bytes } from './arrays.js';
import { Call } from './call.js';
import { Seal } from './check.js';
import { ENCODING_KEY, encodingOf } from './encoding.js';
import { gather } from './gathering.js';
import { Handle } from './handle.js';
import { isMemoryLost, versionLost } from './lost-memory.js';
import { deadlineOf, type RequireOptions, type WaitOptions } from './options.js';
import { giveBack, type Mode, type Parcel, readParcel, ToldParts } from './parcels.js';
import type { Delivery, ObjectVersion } from './received.js';
import { isPlain, type Shaping, wantedRegion } from './shaping.js';
import { throwIfAborted, unlessAborted, waiting } from './waiting.js';

export function policyOf(options: RequireOptions): number {
  return options.whenNobody === 'wait' ? POLICY.wait : POLICY.fail;
}

/** What a demand wants with the bytes. */
export function wantOf(options: RequireOptions): number {
  return options.ready === true ? WANT.attributes | WANT.ready : WANT.attributes;
}

/** What a demand says of its region, and how long it may still wait. */
interface Asking<O> {
  readonly region: ReturnType<typeof wantedRegion>;
  readonly options: O;
}

/**
 * What a demand is to say of its region. Where nobody has said the shape that is needed to tell,
 * it waits until something of the object is there, which has it.
 */
export async function regionToAsk<O extends WaitOptions & RequireOptions & Shaping>(
  { seat, name, space }: Handle,
  options: O,
): Promise<Asking<O>> {
  const { region, timeoutMs } = options;
  const isKnown = space.shape !== undefined && !space.shape.includes(null);
  if (region === undefined || isKnown || !needsShape(region)) {
    return { region: wantedRegion(space, options), options };
  }
  const sinceMs = performance.now();
  const nothing = Region.none([]);
  const found = await peekVersion(new Handle(seat, name, { space }), options, nothing);
  const { attributes, space: known } = found;
  const left = timeoutMs === undefined ? undefined : timeoutMs + sinceMs - performance.now();
  const rest = left === undefined ? options : { ...options, timeoutMs: Math.max(1, left) };
  // Of what is encoded all is demanded, and the region cut out of what is decoded.
  if (ENCODING_KEY in attributes) return { region: null, options: rest };
  return { region: selectRegion(known.shape, region), options: rest };
}

/** Demands the object of a handle: waits until it is offered, and brings its bytes here. */
export async function demandParcel(
  handle: Handle,
  mode: Mode,
  wasRequired: boolean,
  options: WaitOptions & RequireOptions & Shaping,
  // A require that is open has said what it is for.
  region: ReturnType<typeof wantedRegion> = wasRequired
    ? null
    : wantedRegion(handle.space, options),
): Promise<Delivery> {
  const what = `demand "${handle.name}"`;
  throwIfAborted(what, options.signal);
  const room = handle.seat.enter(what);
  if (room !== null) await room;
  const { client } = handle.seat;
  const { connection } = client;
  const deadline = deadlineOf(options.timeoutMs);
  // A socket's copy is one's own in any case, and a view of the slice costs the pool less.
  const own = mode === 'own' && client.plane.transport === 'shared-memory' && isPlain(options);
  const requests = region === null ? 1 : 2;
  const count = requests + handle.declares;
  let cameTooLate = false;
  const told = new ToldParts();
  const call = new Call<Parcel>(
    count,
    (code, reader) => readParcel(code, reader, told),
    (parcel) => {
      cameTooLate = true;
      giveBack(client, parcel);
    },
    (reader) => told.take(reader),
  );
  const first = handle.post(call, requests, (w, number) => {
    if (region !== null) writeRegionFields(w, number, region);
    const how = own ? MODE.own : MODE.view;
    writeDemand(w, number, deadline, how, policyOf(options), wantOf(options));
  });
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

/** As {@link demandParcel}; what is offered encoded comes decoded. */
export async function demandObject(
  handle: Handle,
  mode: Mode,
  wasRequired: boolean,
  options: WaitOptions & RequireOptions & Shaping,
): Promise<Delivery> {
  try {
    if (wasRequired || options.region === undefined) {
      return await demandParcel(handle, mode, wasRequired, options);
    }
    const asking = await regionToAsk(handle, options);
    return await demandParcel(handle, mode, false, asking.options, asking.region);
  } catch (error) {
    // The pool compares what is expected with the bytes it has, of whatever they are an encoding.
    const encoded = await unlessEncoded(handle, error);
    return await demandParcel(encoded, mode, false, options, null);
  }
}

/**
 * A demand was refused as the object is not what was expected: what is offered may be an encoding
 * of just that. Then a handle that expects nothing of the bytes; else the error is thrown.
 */
export async function unlessEncoded(
  { seat, name, space }: Handle,
  error: unknown,
): Promise<Handle> {
  const isOther =
    error instanceof AttaccaError &&
    (error.code === 'object-mismatch' || error.code === 'bad-region');
  if (!isOther) throw error;
  // It is there, if it was compared with it: nothing is waited for.
  const looking = peekVersion(new Handle(seat, name, {}), { timeoutMs: 1 });
  const found = await looking.catch(() => {
    throw error;
  });
  const encoding = encodingOf(name, { attributes: found.attributes, source: 'message' });
  if (encoding === null || !fits(space, encoding.space)) throw error;
  return new Handle(seat, name, {});
}

/** Whether a space is what was expected. */
function fits(expected: SpaceExpectation, { dtype, shape, order, byteOrder }: Space): boolean {
  const isSame = <T>(wanted: T | undefined, given: T): boolean =>
    wanted === undefined || wanted === given;
  const sizes = expected.shape ?? shape;
  return (
    isSame(expected.dtype, dtype) &&
    isSame(expected.order, order) &&
    isSame(expected.byteOrder, byteOrder) &&
    sizes.length === shape.length &&
    sizes.every((size, at) => size === null || size === shape[at])
  );
}

/** Whether a require that was announced by itself is still open after its demand failed so. */
function staysRequired(error: unknown): boolean {
  if (!(error instanceof AttaccaError)) return false;
  const { code } = error;
  return code === 'deadline-passed' || code === 'cancelled' || code === 'aborted';
}

/** Brings the bytes of a parcel into reach. */
export function unpack(
  handle: Handle,
  parcel: Parcel,
  mode: Mode,
  options: WaitOptions & Shaping,
): Delivery | Promise<Delivery> {
  const isAsItIs = isPlain(options) && parcel.attributes[ENCODING_KEY] === undefined;
  if (parcel.source === 'parts' || !isAsItIs) return gather(handle, parcel, mode, options);
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
  const what = `demand "${handle.name}"`;
  const given = parcel.source === 'given';
  try {
    const access = given ? 'read-write' : 'read';
    const bytes = await unlessAborted(client.plane.load(parcel.slice, access), what, options);
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

function delivery(handle: Handle, parcel: Parcel, bytes: Bytes, release: () => void): Delivery {
  const { name } = handle;
  const { version, space, attributes } = parcel;
  const whole = space;
  return { name, version, space, whole, attributes, bytes, release, seal: null, holder: null };
}

/** Waits until an object, or a region of it, is offered: without its bytes, and keeps no lease. */
export async function peekVersion(
  handle: Handle,
  options: WaitOptions & RequireOptions,
  region: Region | null = null,
  // How long the pool waits for it; its answer is waited for as long as the options say.
  poolMs = options.timeoutMs,
): Promise<ObjectVersion> {
  const what = `wait for "${handle.name}"`;
  throwIfAborted(what, options.signal);
  const room = handle.seat.enter(what);
  if (room !== null) await room;
  const { connection } = handle.seat.client;
  const deadline = deadlineOf(poolMs);
  const told = new ToldParts();
  const requests = region === null ? 1 : 2;
  const call = new Call<Parcel>(requests + 1, (code, reader) => readParcel(code, reader, told));
  // The pool frees the handle with its answer, whatever that is.
  call.whenAnswered(() => handle.forget());
  const want = wantOf(options) | WANT.dispose;
  const first = handle.post(call, requests, (w, number) => {
    if (region !== null) writeRegionFields(w, number, region);
    writeDemand(w, number, deadline, MODE.peek, policyOf(options), want);
  });
  const parcel = await waiting(connection, call, { number: first + requests, what }, options);
  if (parcel === undefined) throw new AttaccaError('internal', `Cannot ${what}: no answer came`);
  const { version, space, attributes } = parcel;
  return { name: handle.name, version, space, attributes, size: spaceBytes(space) };
}
