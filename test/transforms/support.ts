import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Space } from '../../src/core/space.js';
import { type Block, planChain, runChain } from '../../src/transforms/chain.js';
import type { TransformSpec } from '../../src/transforms/spec.js';
import { callWasm } from '../../src/transforms/wasm.js';

/** What a client says of a chain; without `code` it takes it. */
interface TransformCase {
  readonly transforms: readonly TransformSpec[];
  readonly code?: string;
  /** Named by the error. */
  readonly key?: string;
}

/** Numbers that JSON has not are `{ "$": "NaN" }`. */
export function fromJson(text: string): unknown {
  return JSON.parse(text, (_, value) => {
    const isNumber = typeof value === 'object' && value !== null && Object.hasOwn(value, '$');
    return isNumber ? Number(value.$) : value;
  });
}

export function inJson(value: unknown): string {
  return JSON.stringify(value, (_, each) => {
    return typeof each === 'number' && !Number.isFinite(each) ? { $: String(each) } : each;
  });
}

/** Chains, of an array of 2 x 3 int16, of which every client says the same. */
export function transformCases(): readonly TransformCase[] {
  const path = join(import.meta.dirname, '../../../test/transforms/cases.json');
  return fromJson(readFileSync(path, 'utf8')) as readonly TransformCase[];
}

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
