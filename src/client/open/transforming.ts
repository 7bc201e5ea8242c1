import { AttaccaError } from '../../core/errors.js';
import { isConvertible, isLossless } from '../../core/regions/cast.js';
import type { Region } from '../../core/regions/region.js';
import { type Dtype, itemSizeOf, type Space, spaceBytes } from '../../core/space.js';
import { type Block, planChain } from '../../transforms/chain.js';
import { shapeOf } from '../../transforms/plan.js';
import type { TransformSpec } from '../../transforms/spec.js';
import type { Step } from '../../transforms/steps.js';
import type { WaitOptions } from '../options.js';
import { chainInto, type Shaping } from '../shaping.js';
import { stepped } from '../stepping.js';
import type { Threads } from '../threads.js';
import { throwIfAborted } from '../waiting.js';
import type { Layout } from './region-queue.js';

/** Which array is moved, and what for: for errors. */
interface Moving {
  readonly what: string;
  readonly name: string;
}

/** Refuses types of which one cannot become the other, or only with a loss that nobody allowed. */
export function mustConvert(
  { what, name }: Moving,
  as: Dtype,
  [from, to]: readonly [Dtype, Dtype],
  lossy: boolean,
): void {
  if (!isConvertible(from, to)) {
    const why = `${from} cannot become ${to}`;
    throw new AttaccaError('bad-space', `Cannot ${what} as ${as}: ${why}`, { name, from, to });
  }
  if (lossy || isLossless(from, to)) return;
  throw new AttaccaError(
    'lossy-conversion',
    `Cannot ${what} as ${as}: not all values of ${from} are values of ${to}`,
    { name, from, to },
  );
}

export function mustHold({ what, name }: Moving, spaceBytes: number, payloadBytes: number): void {
  if (spaceBytes === payloadBytes) return;
  throw new AttaccaError(
    'size-mismatch',
    `Cannot ${what}: the region holds ${spaceBytes} bytes, the array has ${payloadBytes}`,
    { name, spaceBytes, payloadBytes },
  );
}

/** What is a list is dealt out in the order of the region; other shapes must be that of it. */
function mustBeLike({ what, name }: Moving, shape: Space['shape'], of: Space['shape']): void {
  const [sizes, wanted] = [shape, of].map((each) => each.filter((size) => size !== 1).join(' x '));
  if (sizes === wanted || shape.length === 1) return;
  const why = `its transforms give ${shape.join(' x ')}, the region is ${of.join(' x ')}`;
  throw new AttaccaError('bad-transform', `Cannot ${what}: ${why}`, { name });
}

/** Elements of which a chain makes what a region holds. */
interface Given {
  readonly region: Region;
  readonly bytes: Uint8Array;
  readonly as: Layout;
  /** The object's. */
  readonly to: Dtype;
  readonly lossy: boolean;
}

/**
 * Checks a chain that makes what is written. What is returned runs it, in threads where that is
 * much: the elements of the region, of some layout.
 */
export function planWrite(
  moving: Moving,
  specs: readonly TransformSpec[],
  { region, bytes, as, to, lossy }: Given,
): (threads: Threads, options: WaitOptions) => Promise<Block> {
  const count = bytes.length / itemSizeOf(as.dtype);
  const { dtype, order, byteOrder } = as;
  if (!Number.isInteger(count))
    mustHold(moving, Math.ceil(count) * itemSizeOf(dtype), bytes.length);
  const shape = count === region.count ? shapeOf(region) : [count];
  const given = { dtype, shape, order, byteOrder };
  const { steps, space } = planChain(specs, given);
  const check = (made: Space): void => {
    mustConvert(moving, made.dtype, [made.dtype, to], lossy);
    mustHold(moving, region.count * itemSizeOf(made.dtype), spaceBytes(made));
    mustBeLike(moving, made.shape, shapeOf(region));
  };
  if (space !== null) check(space);
  return async (threads, options) => {
    const block = await runSteps(moving, threads, steps, { space: given, bytes }, options);
    if (space === null) check(block.space);
    return block;
  };
}

/**
 * Checks a chain over what is read; how many bytes come of it, if that is known before. An array
 * that says what it is of has it converted to that.
 */
export function planRead(
  moving: Moving,
  how: Shaping,
  into: ArrayBufferView | null,
  region: Region,
  { dtype, order, byteOrder }: Layout,
): {
  readonly given: Space;
  run(threads: Threads, bytes: Uint8Array, options: WaitOptions): Promise<Block>;
} {
  const given = { dtype, shape: shapeOf(region), order, byteOrder };
  const { steps, space } = planChain(chainInto({ ...how, into: into ?? undefined }, given), given);
  if (into !== null && space !== null) mustHold(moving, spaceBytes(space), into.byteLength);
  return {
    given,
    run: async (threads, bytes, options) => {
      const block = await runSteps(moving, threads, steps, { space: given, bytes }, options);
      if (into !== null) mustHold(moving, block.bytes.length, into.byteLength);
      return block;
    },
  };
}

/** One step after the other; none is begun once nobody waits any more. */
async function runSteps(
  { what }: Moving,
  threads: Threads,
  steps: readonly Step[],
  given: Block,
  { signal }: WaitOptions,
): Promise<Block> {
  let block = given;
  for (const step of steps) {
    throwIfAborted(what, signal);
    block = await stepped(threads, step, block, signal);
  }
  throwIfAborted(what, signal);
  return block;
}
