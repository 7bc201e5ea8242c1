import { AttaccaError } from '../core/errors.js';
import { isLossless } from '../core/regions/cast.js';
import { type Dtype, itemSizeOf, spaceBytes } from '../core/space.js';
import { costOfExpression } from '../transforms/cost.js';
import { parseExpression } from '../transforms/expression/parser.js';
import { typeOf } from '../transforms/expression/syntax.js';
import type { Job, Memory } from '../transforms/jobs.js';
import { mustBeReal, resultType } from '../transforms/numbers.js';
import { PoolObject } from './object.js';
import { type Delivered, Owned } from './received.js';
import type { Seat } from './seat.js';
import type { DemandOptions } from './shaping.js';
import { unlessAborted } from './waiting.js';

/** Which part of the objects is computed with, and how the result should be. */
export type DeriveOptions = Omit<DemandOptions, 'into' | 'byteOrder'>;

/** See {@link Pool.derive}. When the signal fires the caller goes on at once. */
export async function derive(
  seat: Seat,
  names: { readonly [name: string]: string },
  text: string,
  options: DeriveOptions,
): Promise<Owned> {
  return await unlessAborted(derived(seat, names, text, options), `derive "${text}"`, options);
}

async function derived(
  seat: Seat,
  names: { readonly [name: string]: string },
  text: string,
  options: DeriveOptions,
): Promise<Owned> {
  const parsed = parseExpression(text, Object.keys(names));
  if (parsed.inputs.length === 0) {
    throw new AttaccaError('bad-expression', `Cannot use "${text}": it names no object`, { text });
  }
  const { dtype: asked, lossy = false, order = 'row', ...rest } = options;
  const demanded = await all(
    parsed.inputs.map((name) =>
      new PoolObject(seat, names[name] as string, {}).demand({ ...rest, order }),
    ),
  );
  try {
    const [first] = demanded as [Delivered];
    const { shape } = first.space;
    for (const other of demanded) {
      mustBeReal('expression', other.space);
      mustHaveShape(other, first);
      mustFit(other, lossy);
    }
    const isTruth = typeOf(parsed.root) === 'truth';
    const widest = demanded.every(({ space }) => resultType(space.dtype) === 'float32');
    const dtype = asked ?? (isTruth ? 'bool' : widest ? 'float32' : 'float64');
    const space = { dtype, shape, order, byteOrder: 'little' } as const;
    const bytes = await seat.client.threads.newBytes(spaceBytes(space));
    await evaluated(seat, text, parsed.inputs, demanded, { bytes, dtype, signal: options.signal });
    const told = { name: text, version: 0, space, whole: space, attributes: {} };
    return new Owned({ ...told, bytes, release: () => {}, holder: null, seal: null }, null);
  } finally {
    await Promise.all(demanded.map((each) => each.dispose()));
  }
}

/** All, or the first failure: then those that came are given back. */
async function all(demands: readonly Promise<Delivered>[]): Promise<Delivered[]> {
  const settled = await Promise.allSettled(demands);
  const failed = settled.find((each) => each.status === 'rejected');
  const came = settled.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  if (failed === undefined) return came;
  await Promise.all(came.map((each) => each.dispose()));
  throw failed.reason;
}

function mustHaveShape(one: Delivered, first: Delivered): void {
  if (one.space.shape.join() === first.space.shape.join()) return;
  throw new AttaccaError(
    'bad-space',
    `Cannot compute with "${one.name}" and "${first.name}": their shapes differ`,
    { name: one.name, shape: one.space.shape.join(), expected: first.space.shape.join() },
  );
}

/** Also what is unpacked, to the nearest float64. */
function mustFit({ name, whole: { dtype } }: Delivered, lossy: boolean): void {
  if (lossy || isLossless(dtype, 'float64')) return;
  throw new AttaccaError(
    'lossy-conversion',
    `Cannot compute with "${name}": not all values of ${dtype} are values of float64`,
    { name, from: dtype, to: 'float64' },
  );
}

interface Target {
  readonly bytes: Uint8Array;
  readonly dtype: Dtype;
  readonly signal: AbortSignal | undefined;
}

/** Fills bytes with the values of an expression, stretch by stretch, in threads. */
async function evaluated(
  { client: { threads } }: Seat,
  text: string,
  inputs: readonly string[],
  demanded: readonly Delivered[],
  target: Target,
): Promise<void> {
  const { bytes, dtype, signal } = target;
  const itemSize = itemSizeOf(dtype);
  const count = bytes.length / itemSize;
  const touched = demanded.reduce((sum, { size: each }) => sum + each, bytes.length);
  const size = touched + costOfExpression(text, inputs) * count;
  const step = Math.max(1, Math.ceil(count / threads.piecesFor(size)));
  const starts = Array.from({ length: Math.ceil(count / step) }, (_, at) => at * step);
  const done = await Promise.allSettled(
    starts.map((start) => {
      const end = Math.min(count, start + step);
      const make = (memoryOf: (bytes: Uint8Array) => Memory): Job => ({
        kind: 'evaluate',
        text,
        dtype,
        inputs: demanded.map((each, at) => {
          const own = itemSizeOf(each.space.dtype);
          const memory = memoryOf(each.unsafeBytes().subarray(start * own, end * own));
          return { name: inputs[at] as string, memory, space: each.space };
        }),
        target: memoryOf(bytes.subarray(start * itemSize, end * itemSize)),
      });
      return threads.run(size, make, signal);
    }),
  );
  // All have ended: nobody reads the pool's memory any more.
  for (const result of done) if (result.status === 'rejected') throw result.reason;
}
