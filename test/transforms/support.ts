import type { Space } from '../../src/core/space.js';
import { type Block, planChain, runChain } from '../../src/transforms/chain.js';
import type { TransformSpec } from '../../src/transforms/spec.js';
import { callWasm } from '../../src/transforms/wasm.js';

/** The bytes of an array. */
export function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
}

export function spaceOf(
  dtype: Space['dtype'],
  shape: readonly number[],
  over: Partial<Space> = {},
): Space {
  return { dtype, shape, order: 'row', byteOrder: 'little', ...over };
}

/** What a chain makes of elements, in this thread. */
export async function run(
  specs: readonly TransformSpec[],
  array: ArrayBufferView,
  space: Space,
): Promise<Block> {
  const { steps } = planChain(specs, space);
  return await runChain(steps, { bytes: bytesOf(array), space }, async (spec, bytes) =>
    callWasm(spec, bytes),
  );
}

/** As float64 numbers. */
export async function numbersAfter(
  specs: readonly TransformSpec[],
  array: ArrayBufferView,
  space: Space,
): Promise<number[]> {
  const { bytes } = await run([...specs, { kind: 'dtype', dtype: 'float64', lossy: true }], array, {
    ...space,
  });
  return [...new Float64Array(bytes.slice().buffer)];
}

/** The code of the error with which it fails; `none`. */
export async function failure(work: () => unknown): Promise<string> {
  try {
    await work();
    return 'none';
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
}
