import type { Cube, Pool } from '../../../src/client/index.js';
import type { ByteOrder, Order } from '../../../src/core/space.js';
import type { Value } from '../../../src/core/value.js';

export const DIMS = ['lat', 'lon'];
export const LAT = [60, 50, 40];
export const LON = [0, 90];

/** What stands at an element: a number that tells where it is from. */
export const valueAt = (step: number, level: number, lat: number, lon: number): number =>
  step * 1_000_000 + level * 1_000 + lat + lon / 1_000;

export interface Made {
  readonly order?: Order;
  readonly byteOrder?: ByteOrder;
  readonly encoded?: boolean;
  readonly parts?: boolean;
  readonly attributes?: { readonly [key: string]: Value };
}

/** Offers the field of a step and a level. */
export async function make(pool: Pool, step: number, level: number, how: Made = {}): Promise<void> {
  const { order = 'row', byteOrder = 'little', encoded, parts, attributes } = how;
  const values = new Float64Array(LAT.length * LON.length);
  for (const [row, lat] of LAT.entries()) {
    for (const [column, lon] of LON.entries()) {
      const at = order === 'row' ? row * LON.length + column : column * LAT.length + row;
      values[at] = valueAt(step, level, lat, lon);
    }
  }
  if (byteOrder === 'big') {
    const view = new DataView(values.buffer);
    for (const [at, value] of values.slice().entries()) view.setFloat64(at * 8, value, false);
  }
  const shape = [LAT.length, LON.length];
  const object = pool.object(`f/${step}/${level}`, {
    attributes: { param: 't', step, level, ...attributes },
    space: { dtype: 'float64', shape, order, byteOrder },
  });
  if (parts === true) {
    for (const half of [[0, 1] as const, [1, 3] as const]) {
      const part = object.region([half, null]);
      part.bytes.set(new Uint8Array(values.buffer, half[0] * 16, (half[1] - half[0]) * 16));
      await part.offer({ keep: true });
    }
    return;
  }
  object.bytes.set(new Uint8Array(values.buffer));
  const encoding = encoded === true ? ([{ kind: 'shuffle', itemSize: 8 }] as const) : undefined;
  await object.offer({ keep: true, encoding });
}

export const OPTIONS = { names: 'f/{step}/{level}', dims: DIMS, coords: { lat: LAT, lon: LON } };

export function cubeOf(pool: Pool, options = {}): Promise<Cube> {
  return pool.cube('fields', 'param = "t"', ['step', 'level'], { ...OPTIONS, ...options });
}

/** What a part of the cube must be, by its coordinates. */
export function expectedOf(
  coords: { readonly [dimension: string]: readonly Value[] },
  order: Order,
): number[] {
  const [steps = [], levels = [], lats = [], lons = []] = ['step', 'level', ...DIMS].map(
    (dimension) => coords[dimension] as number[],
  );
  const axes = [steps, levels, lats, lons];
  const count = axes.reduce((product, { length }) => product * length, 1);
  return Array.from({ length: count }, (_, place) => {
    let rest = place;
    const element = new Array<number>(4).fill(0);
    const fastest = order === 'row' ? [3, 2, 1, 0] : [0, 1, 2, 3];
    for (const axis of fastest) {
      const labels = axes[axis] as number[];
      element[axis] = labels[rest % labels.length] as number;
      rest = Math.floor(rest / labels.length);
    }
    return valueAt(...(element as [number, number, number, number]));
  });
}

/** Returns when somebody waits for an object of that name. */
export async function untilWaiting(pool: Pool, name: string): Promise<void> {
  for (;;) {
    const { waits } = await pool.explain();
    const names = (waits as readonly { readonly object: string }[]).map(({ object }) => object);
    if (names.includes(name)) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
