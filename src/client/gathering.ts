import { AttaccaError } from '../core/errors.js';
import { type Laid, stretchOf } from '../core/regions/copy.js';
import { Region } from '../core/regions/region.js';
import { selectRegion } from '../core/regions/selection.js';
import { itemSizeOf, type Space, spaceBytes } from '../core/space.js';
import type { Block } from '../transforms/chain.js';
import { mustBeChain } from '../transforms/check.js';
import { costOf } from '../transforms/cost.js';
import type { Job, Memory } from '../transforms/jobs.js';
import { type Plan, planGather, shapeOf } from '../transforms/plan.js';
import type { TransformSpec } from '../transforms/spec.js';
import { type Bytes, bytesOfView } from './arrays.js';
import { Seal } from './check.js';
import { Crew } from './crew.js';
import { chainFor, keptOf } from './cubes/unpacking.js';
import { decoded, encodingOf } from './encoding.js';
import type { Handle } from './handle.js';
import { isMemoryLost, versionLost } from './lost-memory.js';
import type { WaitOptions } from './options.js';
import { giveBack, type Mode, type Parcel } from './parcels.js';
import { encoded, piecesOf, sourcesFor } from './pieces.js';
import type { Delivery } from './received.js';
import { chainInto, type Shaping } from './shaping.js';
import { stepped } from './stepping.js';
import type { Threads } from './threads.js';
import { unlessAborted } from './waiting.js';

/** Parts that are brought into reach at a time: over a socket each takes a round trip. */
const LOADED_AT_ONCE = 16;

/** A region of the object whose bytes are at hand. */
interface Source extends Laid {
  readonly bytes: Bytes;
}

/**
 * Puts together what was demanded, of parts or of the whole: the very memory of the pool where it
 * lies there as it is wanted, else an array of one's own, which is filled part by part and
 * transformed on the way, in threads where that is much.
 *
 * When the signal fires the caller goes on at once. Threads do not stop in the middle: the memory
 * that they read is given back when they have ended.
 */
export async function gather(
  handle: Handle,
  parcel: Parcel,
  mode: Mode,
  options: WaitOptions & Shaping,
): Promise<Delivery> {
  const work = gathered(handle, parcel, mode, options);
  try {
    return await unlessAborted(work, `demand "${handle.name}"`, options);
  } catch (error) {
    work.then(
      ({ release }) => release(),
      () => {},
    );
    throw error;
  }
}

async function gathered(
  handle: Handle,
  parcel: Parcel,
  mode: Mode,
  options: WaitOptions & Shaping,
): Promise<Delivery> {
  const { client } = handle.seat;
  try {
    const sources = await sourcesOf(handle, parcel, options);
    return await assemble(handle, parcel, mode, options, sources);
  } catch (error) {
    giveBack(client, parcel);
    handle.release();
    throw isMemoryLost(client, error) ? versionLost(handle.name, parcel.version, error) : error;
  }
}

/** Brings the bytes of all parts into reach, several at once. */
async function sourcesOf(
  handle: Handle,
  parcel: Parcel,
  options: WaitOptions,
): Promise<readonly Source[]> {
  const { plane } = handle.seat.client;
  const what = `demand "${handle.name}"`;
  const { order, shape } = parcel.space;
  const whole = { region: Region.whole(shape), order };
  if (parcel.source === 'message') return [{ ...whole, bytes: parcel.bytes }];
  if (parcel.source !== 'parts') {
    const loading = plane.load(parcel.slice, parcel.source === 'given' ? 'read-write' : 'read');
    return [{ ...whole, bytes: await unlessAborted(loading, what, options) }];
  }
  const sources: Source[] = [];
  const crew = new Crew(LOADED_AT_ONCE);
  for (const [at, { region, source, bytes, slice }] of parcel.parts.entries()) {
    if (source === 'message') {
      sources[at] = { region, order, bytes };
      continue;
    }
    const load = async (): Promise<void> => {
      const loaded = await unlessAborted(plane.load(slice), what, options);
      sources[at] = { region, order, bytes: loaded };
    };
    await crew.add(load());
  }
  await crew.done();
  return sources;
}

async function assemble(
  handle: Handle,
  parcel: Parcel,
  mode: Mode,
  options: WaitOptions & Shaping,
  stored: readonly Source[],
): Promise<Delivery> {
  const { name, seat } = handle;
  const { client } = seat;
  const { version } = parcel;
  const encoding = encodingOf(name, parcel);
  const whole = encoding?.space ?? parcel.space;
  const region = options.region === undefined ? null : selectRegion(whole.shape, options.region);
  const given = region === null ? whole : { ...whole, shape: shapeOf(region) };
  const { unpack } = options;
  const unpacking = unpackingOf(name, whole, parcel, options);
  const how =
    unpacking.length === 0 ? options : { ...options, transforms: behind(unpacking, options) };
  const plan = planGather(whole, region, chainInto(how, given));
  // Values are packed no more.
  const attributes = unpack === true ? keptOf({ unpack }, parcel.attributes) : parcel.attributes;
  const { signal } = options;
  const sources =
    encoding === null ? stored : [await decoded(client.threads, encoding, stored, signal)];
  const told = { name, version, attributes, whole };
  const [only] = sources;
  const inPlace = sources.length === 1 && only !== undefined ? viewOf(only, plan) : null;
  const isView =
    inPlace !== null &&
    mode === 'view' &&
    options.into === undefined &&
    plan.outer.every(({ how }) => how === 'renamed');
  if (isView && plan.space !== null) {
    const view = { ...told, space: plan.space, bytes: inPlace };
    if (encoding === null && isMapped(handle, parcel)) {
      const seal = client.checks ? new Seal(name, inPlace, 'it was demanded') : null;
      return { ...view, seal, holder: seat, release: () => handle.release() };
    }
    giveUp(handle, parcel);
    return { ...view, seal: null, holder: null, release: () => {} };
  }
  const { threads } = client;
  const { bytes, space } = await made(name, threads, plan, { sources, inPlace, ...options });
  giveUp(handle, parcel);
  return { ...told, space, bytes: bytes as Bytes, seal: null, holder: null, release: () => {} };
}

/** A chain, and behind it what was asked for. */
function behind(first: readonly TransformSpec[], { transforms = [] }: Shaping): TransformSpec[] {
  mustBeChain(transforms);
  return [...first, ...transforms];
}

/** What makes values of packed numbers, where that is asked for, as this machine has numbers. */
function unpackingOf(
  name: string,
  whole: Space,
  { attributes }: Parcel,
  { unpack, byteOrder }: Shaping,
): readonly TransformSpec[] {
  const chain = chainFor({ unpack }, name, whole, attributes);
  if (chain.length === 0 || byteOrder !== undefined) return chain;
  return [...chain, { kind: 'byte-order', byteOrder: 'little' }];
}

/** Nothing of the pool's memory is needed any more. */
function giveUp(handle: Handle, parcel: Parcel): void {
  giveBack(handle.seat.client, parcel);
  handle.release();
}

/** Whether the bytes are the pool's memory, on which a lease is held; else they are our own. */
function isMapped(handle: Handle, { source, parts, slice }: Parcel): boolean {
  const { plane } = handle.seat.client;
  if (source === 'view') return plane.view(slice) !== null;
  const [part] = parts;
  return part?.source === 'view' && plane.view(part.slice) !== null;
}

/** What is gathered where it lies, or null: it lies apart, or is to be made anew. */
function viewOf(source: Source, { region, gathered: space, inner }: Plan): Bytes | null {
  if (inner.length > 0) return null;
  const place = stretchOf(source, region, space.order);
  if (place === null) return null;
  const itemSize = itemSizeOf(space.dtype);
  return source.bytes.subarray(place * itemSize, (place + region.count) * itemSize);
}

interface Ingredients {
  readonly sources: readonly Source[];
  /** What the outer steps begin with, if it lies in one piece. */
  readonly inPlace: Bytes | null;
  readonly into?: ArrayBufferView | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What was asked for, in memory of one's own. */
async function made(
  name: string,
  threads: Threads,
  plan: Plan,
  { sources, inPlace, into, signal }: Ingredients,
): Promise<Block> {
  const { gathered: before, inner, outer, region } = plan;
  const target = into === undefined ? null : (bytesOfView(into) as Bytes);
  if (target !== null && plan.space !== null) mustFit(name, target, spaceBytes(plan.space));
  const space = inner.at(-1)?.after ?? before;
  const isLast = outer.length === 0;
  let block: Block;
  if (inPlace !== null && !isLast) block = { space, bytes: inPlace };
  else {
    const size = region.count * itemSizeOf(space.dtype);
    const bytes = (isLast ? target : null) ?? (await threads.newBytes(size));
    await fill(name, threads, plan, { sources, target: bytes, signal });
    block = { space, bytes };
  }
  if (isLast) return block;
  for (const step of outer) block = await stepped(threads, step, block, signal);
  // A chain of names alone would hand the pool's own memory out.
  if (target === null)
    return block.bytes === inPlace ? { ...block, bytes: inPlace.slice() } : block;
  mustFit(name, target, block.bytes.length);
  target.set(block.bytes);
  return { space: block.space, bytes: target };
}

function mustFit(name: string, target: Uint8Array, size: number): void {
  if (target.length === size) return;
  throw new AttaccaError(
    'size-mismatch',
    `Cannot demand "${name}" into ${target.length} bytes: what is wanted has ${size}`,
    { name, spaceBytes: size, payloadBytes: target.length },
  );
}

interface Filling {
  readonly sources: readonly Source[];
  readonly target: Bytes;
  readonly signal: AbortSignal | undefined;
}

/** Fills a target with what is gathered and transformed by elements: piece by piece, at once. */
async function fill(
  name: string,
  threads: Threads,
  { region, gathered: space, inner }: Plan,
  { sources, target, signal }: Filling,
): Promise<void> {
  const specs = inner.map(({ spec }) => spec);
  const sizeTo = region.count === 0 ? 0 : target.length / region.count;
  const touched = Math.max(target.length, region.count * itemSizeOf(space.dtype));
  const size = touched + costOf(specs, region.count);
  const pieces = piecesOf(region, space.order, threads.piecesFor(size));
  const done = await Promise.allSettled(
    pieces.map((piece) => {
      const { start, count } = piece;
      const part = target.subarray(start * sizeTo, (start + count) * sizeTo);
      const make = (memoryOf: (bytes: Uint8Array) => Memory): Job => ({
        kind: 'gather',
        shape: region.shape as readonly number[],
        space,
        count,
        specs,
        sources: sourcesFor(sources, piece).map(({ region: own, order, bytes }) => {
          return { region: encoded(own), order, memory: memoryOf(bytes) };
        }),
        target: { region: encoded(piece.region), order: space.order, memory: memoryOf(part) },
      });
      return threads.run(size, make, signal);
    }),
  );
  // All have ended: nobody writes to the target any more, whatever becomes of it.
  let copied = 0;
  for (const result of done) {
    if (result.status === 'rejected') throw result.reason;
    copied += result.value as number;
  }
  if (copied !== region.count) {
    throw new AttaccaError('internal', `Cannot demand "${name}": the pool told too few parts`);
  }
}
