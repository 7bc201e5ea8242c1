import { AttaccaError } from '../core/errors.js';
import { convertElements } from '../core/regions/convert.js';
import { copyCommon, type Laid, stretchOf } from '../core/regions/copy.js';
import { Region } from '../core/regions/region.js';
import { selectRegion } from '../core/regions/selection.js';
import { DTYPES, type Space } from '../core/space.js';
import { type Bytes, bytesOfView } from './arrays.js';
import { Seal } from './check.js';
import type { Handle } from './handle.js';
import { isMemoryLost, versionLost } from './lost-memory.js';
import type { WaitOptions } from './options.js';
import { giveBack, type Mode, type Parcel } from './parcels.js';
import type { Delivery } from './received.js';
import { type Shaping, shapedSpace } from './shaping.js';
import { unlessAborted } from './waiting.js';

/** A region of the object whose bytes are at hand. */
interface Source extends Laid {
  readonly bytes: Bytes;
}

/**
 * Puts together what was demanded, of parts or of the whole: the very memory of the pool where it
 * lies there as it is wanted, else an array of one's own, which is filled part by part.
 */
export async function gather(
  handle: Handle,
  parcel: Parcel,
  mode: Mode,
  options: WaitOptions & Shaping,
): Promise<Delivery> {
  const { client } = handle.seat;
  try {
    const sources = await sourcesOf(handle, parcel, options);
    return assemble(handle, parcel, mode, options, sources);
  } catch (error) {
    giveBack(client, parcel);
    handle.release();
    throw isMemoryLost(client, error) ? versionLost(handle.name, parcel.version, error) : error;
  }
}

/** Brings the bytes of all parts into reach, at once. */
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
  return await Promise.all(
    parcel.parts.map(async ({ region, source, bytes, slice }) => {
      if (source === 'message') return { region, order, bytes };
      const loaded = await unlessAborted(plane.load(slice), what, options);
      return { region, order, bytes: loaded };
    }),
  );
}

function assemble(
  handle: Handle,
  parcel: Parcel,
  mode: Mode,
  options: Shaping,
  sources: readonly Source[],
): Delivery {
  const { name, seat } = handle;
  const { version, attributes, space: whole } = parcel;
  const asked = options.region;
  const region = asked === undefined ? null : selectRegion(whole.shape, asked);
  const space = shapedSpace(name, whole, region, options);
  const wanted = region ?? Region.whole(whole.shape);
  const told = { name, version, attributes, space, whole };
  const [only] = sources;
  const inPlace =
    mode === 'view' && options.into === undefined && sources.length === 1 && only !== undefined
      ? viewOf(only, wanted, space, whole)
      : null;
  if (inPlace !== null && isMapped(handle, parcel)) {
    const { client } = seat;
    const seal = client.checks ? new Seal(name, inPlace, 'it was demanded') : null;
    return { ...told, bytes: inPlace, seal, holder: seat, release: () => handle.release() };
  }
  const bytes = inPlace ?? filled(name, { sources, wanted, space, whole, into: options.into });
  giveBack(seat.client, parcel);
  handle.release();
  return { ...told, bytes, seal: null, holder: null, release: () => {} };
}

/** Whether the bytes are the pool's memory, on which a lease is held; else they are our own. */
function isMapped(handle: Handle, { source, parts, slice }: Parcel): boolean {
  const { plane } = handle.seat.client;
  if (source === 'view') return plane.view(slice) !== null;
  const [part] = parts;
  return part?.source === 'view' && plane.view(part.slice) !== null;
}

/** What is wanted where it lies, or null: it lies apart, or should lie otherwise. */
function viewOf(source: Source, wanted: Region, space: Space, whole: Space): Bytes | null {
  const isSame = space.dtype === whole.dtype && space.byteOrder === whole.byteOrder;
  if (!isSame) return null;
  const place = stretchOf(source, wanted, space.order);
  if (place === null) return null;
  const { itemSize } = DTYPES[whole.dtype];
  return source.bytes.subarray(place * itemSize, (place + wanted.count) * itemSize);
}

/** The elements that are wanted, in memory of one's own. */
function filled(
  name: string,
  of: {
    readonly sources: readonly Source[];
    readonly wanted: Region;
    readonly space: Space;
    readonly whole: Space;
    readonly into: ArrayBufferView | undefined;
  },
): Bytes {
  const { sources, wanted, space, whole, into } = of;
  const { itemSize } = DTYPES[whole.dtype];
  const size = wanted.count * DTYPES[space.dtype].itemSize;
  const target = into === undefined ? new Uint8Array(size) : (bytesOfView(into) as Bytes);
  if (target.length !== size) {
    throw new AttaccaError(
      'size-mismatch',
      `Cannot demand "${name}" into ${target.length} bytes: what is wanted has ${size}`,
      { name, spaceBytes: size, payloadBytes: target.length },
    );
  }
  const isSame = space.dtype === whole.dtype && space.byteOrder === whole.byteOrder;
  const gathered = isSame ? target : new Uint8Array(wanted.count * itemSize);
  let copied = 0;
  const to = { region: wanted, bytes: gathered, order: space.order };
  for (const source of sources) copied += copyCommon(source, to, itemSize);
  if (copied !== wanted.count) {
    throw new AttaccaError('internal', `Cannot demand "${name}": the pool told too few parts`);
  }
  if (!isSame) {
    convertElements(
      { bytes: gathered, dtype: whole.dtype, byteOrder: whole.byteOrder },
      { bytes: target, dtype: space.dtype, byteOrder: space.byteOrder },
    );
  }
  return target;
}
