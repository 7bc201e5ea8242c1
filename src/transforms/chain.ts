import { refuse } from '../core/assert.js';
import { LIMITS } from '../core/limits.js';
import { isConvertible } from '../core/regions/cast.js';
import { itemSizeOf, type Space, spaceBytes } from '../core/space.js';
import { checkSpec, mustBeChain } from './check.js';
import { compress, decompress } from './codecs.js';
import { refuseTransform, transformFailed } from './failure.js';
import { lookUp, lookupOf } from './lookup.js';
import { bytesOf } from './numbers.js';
import type { SpecOf, TransformSpec } from './spec.js';
import { type Step, stepOf } from './steps.js';

/** Elements, and what they are. */
export interface Block {
  readonly space: Space;
  readonly bytes: Uint8Array;
}

/** What else a chain needs: a place where code of the user's runs that may never end. */
type RunCode = (spec: SpecOf<'wasm'>, bytes: Uint8Array) => Promise<Uint8Array>;

const asBytes = (length: number): Space => ({
  dtype: 'uint8',
  shape: [length],
  order: 'row',
  byteOrder: 'little',
});

/**
 * Checks a chain against the space that it is given, before a byte is moved. The steps, and the
 * space of what comes out; null where only running it tells how many bytes that are. Errors:
 * `bad-transform`, `bad-expression`, `lossy-conversion`.
 */
export function planChain(
  specs: readonly TransformSpec[],
  given: Space,
): { readonly steps: readonly Step[]; readonly space: Space | null } {
  mustBeChain(specs);
  if (specs.length > LIMITS.transformsMax) {
    const { transformsMax } = LIMITS;
    refuse('bad-transform', `Cannot use ${specs.length} transforms: ${transformsMax} are allowed`);
  }
  let space: Space | null = given;
  const steps: Step[] = [];
  for (const spec of specs) {
    checkSpec(spec);
    const isOfBytes = spec.kind === 'compress' || spec.kind === 'decompress';
    if (space === null && !isOfBytes) {
      refuseTransform(spec.kind, 'what is compressed can only be unpacked');
    }
    const step: Step = stepOf(spec, space ?? asBytes(0));
    steps.push(step);
    space = step.after;
  }
  return { steps, space };
}

/** Runs steps one after the other. The bytes given are not changed; nor are they always copied. */
export async function runChain(
  steps: readonly Step[],
  given: Block,
  runCode: RunCode,
): Promise<Block> {
  let block = given;
  for (const step of steps) block = await runStep(step, block, runCode);
  return block;
}

async function runStep(step: Step, { bytes }: Block, runCode: RunCode): Promise<Block> {
  const { spec, after, how } = step;
  if (spec.kind === 'compress') {
    const packed = await compress(spec, bytes);
    return { bytes: packed, space: asBytes(packed.length) };
  }
  const space = after as Space;
  const size = spaceBytes(space);
  if (spec.kind === 'decompress')
    return { bytes: await decompress(spec.codec, bytes, size), space };
  if (spec.kind === 'wasm') {
    const result = await runCode(spec, bytes);
    if (result.length === size) return { bytes: result, space };
    throw transformFailed('wasm', `it gave ${result.length} bytes, its space has ${size}`);
  }
  if (how === 'renamed') return { bytes, space };
  const target = new Uint8Array(size);
  step.run(bytes, target);
  return { bytes: target, space };
}

/** Elements of a stretch, and bytes of one: what comes between two steps stays in cache. */
const STRETCH = 16_384;
const STRETCH_BYTES = 256 * 1_024;

/**
 * Runs steps that go by elements from all of the source into all of the target: looked up where
 * there are many small elements, else stretch by stretch.
 */
export function runElements(
  steps: readonly Step[],
  source: Uint8Array,
  target: Uint8Array,
  count: number,
): void {
  const compute = (from: Uint8Array, to: Uint8Array, elements: number): void =>
    computeElements(steps, from, to, elements);
  const lookup = lookupOf(compute, source, target, count);
  if (lookup === null) compute(source, target, count);
  else lookUp(lookup, source, target);
}

function computeElements(
  steps: readonly Step[],
  source: Uint8Array,
  target: Uint8Array,
  count: number,
): void {
  const last = steps.length - 1;
  const sizeFrom = source.length / Math.max(count, 1);
  const sizeTo = target.length / Math.max(count, 1);
  const sizes = steps.slice(0, -1).map(({ after }) => itemSizeOf((after as Space).dtype));
  const stretch = Math.min(STRETCH, Math.floor(STRETCH_BYTES / Math.max(1, ...sizes)));
  const between = sizes.map((itemSize) => {
    return { itemSize, bytes: bytesOf(new Float64Array(Math.ceil((stretch * itemSize) / 8))) };
  });
  for (let start = 0; start < count; start += stretch) {
    const end = Math.min(count, start + stretch);
    let from = source.subarray(start * sizeFrom, end * sizeFrom);
    for (const [at, step] of steps.entries()) {
      const inner = between[at];
      const to =
        at === last || inner === undefined
          ? target.subarray(start * sizeTo, end * sizeTo)
          : inner.bytes.subarray(0, (end - start) * inner.itemSize);
      step.run(from, to);
      from = to;
    }
  }
}

/**
 * What undoes a transform that was given `before`: after a lossy one, as far as
 * that lets it. Null where nothing does.
 */
export function inverseOf(spec: TransformSpec, before: Space): readonly TransformSpec[] | null {
  switch (spec.kind) {
    case 'order':
      return [{ kind: 'order', order: before.order }];
    case 'transpose': {
      const { axes } = spec;
      if (axes === undefined) return [{ kind: 'transpose' }];
      return [{ kind: 'transpose', axes: axes.map((_, at) => axes.indexOf(at)) }];
    }
    case 'dtype':
      // Fields that were left out do not come back.
      if (!isConvertible(spec.dtype, before.dtype)) return null;
      return [{ kind: 'dtype', dtype: before.dtype, lossy: true }];
    case 'byte-order':
      return [{ kind: 'byte-order', byteOrder: before.byteOrder }];
    case 'pack': {
      const { scale, offset, fill } = spec;
      const dtype = before.dtype === 'float32' ? 'float32' : 'float64';
      return [{ kind: 'scale', scale, offset, fill, dtype }, ...typed(before, dtype)];
    }
    case 'units':
      // What is computed of integers would be cut: 2.9999 to 2.
      if (!before.dtype.startsWith('float')) return null;
      return [
        { ...spec, from: spec.to, to: spec.from },
        { kind: 'dtype', dtype: before.dtype, lossy: true },
        ...ordered(before),
      ];
    case 'soa':
      return [{ kind: 'aos', fields: spec.fields }];
    case 'aos':
      return [{ kind: 'soa', fields: spec.fields }];
    case 'shuffle':
      return [{ kind: 'unshuffle', itemSize: spec.itemSize }];
    case 'unshuffle':
      return [{ kind: 'shuffle', itemSize: spec.itemSize }];
    case 'bitround':
      return ordered(before);
    case 'compress':
      return [{ kind: 'decompress', codec: spec.codec, space: before }];
    case 'decompress':
      return [{ kind: 'compress', codec: spec.codec }];
    case 'scale':
    case 'decimate':
    case 'average':
    case 'field':
    case 'expression':
    case 'wasm':
      return null;
  }
}

/** Back to the byte order of before, where computing has changed it. */
function ordered({ byteOrder }: Space): TransformSpec[] {
  return byteOrder === 'little' ? [] : [{ kind: 'byte-order', byteOrder }];
}

function typed(before: Space, dtype: Space['dtype']): TransformSpec[] {
  const back: TransformSpec[] =
    before.dtype === dtype ? [] : [{ kind: 'dtype', dtype: before.dtype, lossy: true }];
  return [...back, ...ordered(before)];
}

/** What undoes a chain, last one first; null where one of it cannot be undone. */
export function inverseOfChain(steps: readonly Step[]): readonly TransformSpec[] | null {
  const inverse: TransformSpec[] = [];
  for (const { spec, before } of steps.toReversed()) {
    const one = inverseOf(spec, before);
    if (one === null) return null;
    inverse.push(...one);
  }
  return inverse;
}
