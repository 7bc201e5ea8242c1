import { Reader } from '../core/bytes.js';
import { copyCommon, stretchOf } from '../core/regions/copy.js';
import { readRegion } from '../core/regions/region-codec.js';
import { type Dtype, itemSizeOf, type Order, type Space } from '../core/space.js';
import { type Block, planChain, runChain, runElements } from './chain.js';
import { evaluate } from './expression/evaluate.js';
import { parseExpression } from './expression/parser.js';
import { fillWith } from './kernels/fill.js';
import { numbersOf, writeNumbers } from './numbers.js';
import type { TransformSpec } from './spec.js';
import { callWasm } from './wasm.js';

/**
 * Memory that a job reads or fills: where it lies in the process, so that a thread sees it without
 * a copy. Who gives the job keeps it in place until the job has ended.
 */
export interface Memory {
  /** Of the buffer that it is part of, and all the bytes of that. */
  readonly address: bigint;
  readonly length: number;
  readonly offset: number;
  readonly size: number;
}

/** A region of an array, encoded as on the wire, and its bytes. */
interface LaidMemory {
  readonly region: Uint8Array;
  readonly order: Order;
  readonly memory: Memory;
}

/** What a thread is given to do. */
export type Job =
  | {
      /** Copies what regions have in common with a target, then transforms it by elements. */
      readonly kind: 'gather';
      readonly shape: readonly number[];
      /** Of the elements as they lie. */
      readonly space: Space;
      readonly sources: readonly LaidMemory[];
      readonly target: LaidMemory;
      readonly count: number;
      readonly specs: readonly TransformSpec[];
    }
  | {
      /** Runs a chain; what comes out is the result. */
      readonly kind: 'chain';
      readonly space: Space;
      readonly source: Memory;
      readonly specs: readonly TransformSpec[];
    }
  | {
      /** Puts an element over and over. */
      readonly kind: 'fill';
      readonly element: Uint8Array;
      readonly target: Memory;
    }
  | {
      /** Evaluates an expression over several arrays. */
      readonly kind: 'evaluate';
      readonly text: string;
      readonly inputs: readonly {
        readonly name: string;
        readonly memory: Memory;
        readonly space: Space;
      }[];
      readonly target: Memory;
      readonly dtype: Dtype;
    }
  | {
      /** Calls a user's WebAssembly, in a thread of its own. */
      readonly kind: 'wasm';
      readonly spec: Extract<TransformSpec, { kind: 'wasm' }>;
      readonly bytes: Uint8Array;
    };

/** How a job gets at memory: in a thread by its address, else the bytes are at hand. */
type Reach = (memory: Memory) => Uint8Array;

/** Does a job. Returns how many elements were copied, or what came out. */
export async function perform(job: Job, reach: Reach): Promise<number | Block | Uint8Array> {
  switch (job.kind) {
    case 'gather':
      return performGather(job, reach);
    case 'chain': {
      const { steps } = planChain(job.specs, job.space);
      const block = { space: job.space, bytes: reach(job.source) };
      return await runChain(steps, block, async (spec, bytes) => callWasm(spec, bytes));
    }
    case 'fill':
      fillWith(reach(job.target), job.element);
      return job.target.size / job.element.length;
    case 'evaluate':
      return performEvaluate(job, reach);
    case 'wasm':
      return callWasm(job.spec, job.bytes);
  }
}

function performGather(job: Extract<Job, { kind: 'gather' }>, reach: Reach): number {
  const { shape, space, sources, target, count, specs } = job;
  const itemSize = itemSizeOf(space.dtype);
  const { steps } = planChain(specs, space);
  const filled = reach(target.memory);
  const isLast = steps.length === 0;
  const region = readRegion(new Reader(target.region), shape);
  const laid = sources.map(({ region: encoded, order, memory }) => {
    return { region: readRegion(new Reader(encoded), shape), order, bytes: reach(memory) };
  });
  const [only] = laid;
  const place = laid.length === 1 && only ? stretchOf(only, region, target.order) : null;
  if (!isLast && place !== null && only !== undefined) {
    // It lies as it is wanted: transformed from where it lies, it is read once.
    const own = only.bytes.subarray(place * itemSize, (place + count) * itemSize);
    runElements(steps, own, filled, count);
    return count;
  }
  const bytes = isLast ? filled : new Uint8Array(count * itemSize);
  const to = { region, order: target.order, bytes };
  const copied = laid.reduce((sum, from) => sum + copyCommon(from, to, itemSize), 0);
  if (!isLast) runElements(steps, bytes, filled, count);
  return copied;
}

function performEvaluate(job: Extract<Job, { kind: 'evaluate' }>, reach: Reach): number {
  const { inputs, target, dtype } = job;
  const names = inputs.map(({ name }) => name);
  const { root } = parseExpression(job.text, names);
  const numbers = new Map(
    inputs.map(({ name, memory, space }) => [name, numbersOf(reach(memory), space)] as const),
  );
  writeNumbers(reach(target), { dtype, byteOrder: 'little' }, (to) => evaluate(root, numbers, to));
  return target.size / itemSizeOf(dtype);
}
