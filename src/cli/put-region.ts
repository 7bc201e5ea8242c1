import { counted } from '../core/counted.js';
import { AttaccaError } from '../core/errors.js';
import type { Region } from '../core/regions/region.js';
import { type RegionSelection, selectRegion } from '../core/regions/selection.js';
import { itemSizeOf, type SpaceExpectation } from '../core/space.js';
import { UsageError } from './exit.js';
import { formatShape, quoted } from './format.js';
import { parseRegion } from './region.js';

/** The region of an object that a file has. */
export interface RegionToPut {
  readonly region: Region;
  /** As it was written. */
  readonly text: string;
}

interface RegionOptions {
  readonly region: string | undefined;
  readonly 'of-shape': string | undefined;
  readonly replace: boolean;
}

/** The region that options say; null: the file is the whole object. */
export function regionToPut(options: RegionOptions): RegionToPut | null {
  const { region: text, 'of-shape': shape, replace } = options;
  if (text === undefined) {
    if (shape === undefined) return null;
    throw new UsageError(
      '"--of-shape" is the shape of all of which "--region" is a part: say both',
    );
  }
  if (shape === undefined) {
    throw new UsageError('"--region" needs "--of-shape", the shape of the whole object: 400x200');
  }
  if (replace) {
    throw new UsageError(
      '"--replace" would take the parts of others with it: withdraw the former version before',
    );
  }
  const selection = parseRegion(text);
  mustAscend(selection);
  return { region: selectRegion(parseShape(shape), selection), text };
}

/** What is empty as it ends before it starts was meant otherwise. */
function mustAscend(selection: RegionSelection): void {
  if (!Array.isArray(selection)) return;
  for (const axis of selection) {
    if (!Array.isArray(axis)) continue;
    const [start, stop]: readonly (number | null)[] = axis;
    if (typeof start !== 'number' || typeof stop !== 'number' || start <= stop) continue;
    if (start < 0 !== stop < 0) continue;
    const why = `the end ${stop} lies before the start ${start}`;
    throw new AttaccaError('bad-region', `Cannot use the region: ${why}`);
  }
}

/** `400x200`. */
function parseShape(text: string): number[] {
  const sizes = text.split('x').map((size) => (/^\d+$/u.test(size) ? Number(size) : Number.NaN));
  if (sizes.every(Number.isSafeInteger)) return sizes;
  throw new UsageError(`"--of-shape ${text}" is no shape: write the sizes, as in 400x200`);
}

/**
 * The space of the object of which a file holds the region. `size-mismatch` when it holds something
 * else; dimensions of one index may be left out, as numpy leaves them.
 */
export function spaceOfAll(
  { region, text }: RegionToPut,
  file: { readonly path: string; readonly space: SpaceExpectation; readonly size: number },
): SpaceExpectation {
  const { path, space, size } = file;
  const { dtype = 'uint8', shape } = space;
  const wanted = region.onlyBox?.map(({ count }) => count) ?? [region.count];
  const bytes = region.count * itemSizeOf(dtype);
  const isSame = shape === undefined || squeezed(shape) === squeezed(wanted);
  if (size === bytes && isSame) return { ...space, dtype, shape: region.shape };
  const holds = shape === undefined ? counted(size, 'byte') : `an array of ${formatShape(shape)}`;
  throw new AttaccaError(
    'size-mismatch',
    `Cannot put ${quoted(path)}: it holds ${holds}, the region "${text}" is ` +
      `${formatShape(wanted)} of ${dtype}, ${counted(bytes, 'byte')}`,
    { name: path, spaceBytes: bytes, payloadBytes: size },
  );
}

function squeezed(shape: readonly (number | null)[]): string {
  return shape.filter((size) => size !== 1).join('x');
}
