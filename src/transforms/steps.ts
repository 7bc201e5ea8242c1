import { refuse, unreachable } from '../core/assert.js';
import { textOf } from '../core/dtype.js';
import { formOf } from '../core/dtype-text.js';
import { LIMITS } from '../core/limits.js';
import { convertElements, isConvertible, isLossless, takeColumn } from '../core/regions/cast.js';
import { copyPermuted } from '../core/regions/copy.js';
import { checkSpace, type Dtype, isNumeric, itemSizeOf, type Space } from '../core/space.js';
import { checkCodec } from './codecs.js';
import { evaluate } from './expression/evaluate.js';
import { parseExpression } from './expression/parser.js';
import { typeOf } from './expression/syntax.js';
import { refuseTransform } from './failure.js';
import { bitround } from './kernels/bitround.js';
import { average, decimate, reduced } from './kernels/reduce.js';
import { pack, unpack } from './kernels/scale.js';
import { shuffle, toArrays, toStructs, unshuffle } from './kernels/shuffle.js';
import { isInteger, mustBeReal, numbersOf, resultType, writeNumbers } from './numbers.js';
import type { SpecOf, TransformSpec } from './spec.js';
import { conversion } from './units.js';
import { checkWasm } from './wasm.js';

/** A transform that was found to fit what it is given. */
export interface Step {
  readonly spec: TransformSpec;
  readonly before: Space;
  /** Of what it gives; null: bytes, of which only running it tells how many. */
  readonly after: Space | null;
  /**
   * `elements`: an element depends on the one at its place alone, so that any stretch may be done
   * by itself; `whole`: all at once; `renamed`: the bytes stay as they are; `code`: see
   * {@link runChain}.
   */
  readonly how: 'elements' | 'whole' | 'renamed' | 'code';
  /** Fills the target, which has the size of what comes out, from a source that is not changed. */
  run(source: Uint8Array, target: Uint8Array): void;
}

type Run = Step['run'];

/** Checks a transform against what it is given. `bad-transform`, `lossy-conversion`. */
export function stepOf(spec: TransformSpec, before: Space): Step {
  const { kind } = spec;
  const step = (how: Step['how'], after: Space | null, run: Run): Step => {
    if (after !== null) checkSpace(after);
    return { spec, before, after, how, run };
  };
  switch (kind) {
    case 'order':
      return step('whole', { ...before, order: spec.order }, (source, target) =>
        reorder(before, spec, source, target),
      );
    case 'transpose':
      return transposeStep(spec, before, step);
    case 'dtype':
      mustKeepValues(spec, before.dtype);
      return step('elements', { ...before, dtype: spec.dtype }, converting(before, spec));
    case 'byte-order':
      return step('elements', { ...before, byteOrder: spec.byteOrder }, converting(before, spec));
    case 'scale':
      return scaleStep(spec, before, step);
    case 'pack':
      return packStep(spec, before, step);
    case 'units':
      return unitsStep(spec, before, step);
    case 'decimate': {
      const [shape, every] = alongMemory(kind, before, spec.every);
      const itemSize = itemSizeOf(before.dtype);
      const after = { ...before, shape: reduced(before.shape, spec.every) };
      return step('whole', after, (from, to) => decimate(from, to, shape, every, itemSize));
    }
    case 'average': {
      mustBeReal(kind, before);
      const { block } = spec;
      mustFitAxes(kind, before, block);
      const dtype = resultType(before.dtype);
      const after: Space = { ...native(before), dtype, shape: reduced(before.shape, block) };
      return step('whole', after, (source, target) => {
        const numbers = numbersOf(source, before);
        writeNumbers(target, after, (to) =>
          average(numbers, to, before, block, spec.nan === 'skip'),
        );
      });
    }
    case 'field':
      return fieldStep(spec, before, step);
    case 'soa':
    case 'aos':
      return structStep(spec, before, step);
    case 'shuffle':
    case 'unshuffle':
      return shuffleStep(spec, before, step);
    case 'bitround':
      return bitroundStep(spec, before, step);
    case 'compress':
      checkCodec(spec.codec, spec.level);
      return step('code', null, never);
    case 'decompress':
      checkCodec(spec.codec, undefined);
      return step('code', spec.space, never);
    case 'expression':
      return expressionStep(spec, before, step);
    case 'wasm':
      checkWasm(spec);
      return step('code', spec.space ?? before, never);
    default:
      return unreachable(spec);
  }
}

type MakeStep = (how: Step['how'], after: Space | null, run: Run) => Step;

const never: Run = () => unreachable(undefined as never);

/** As this machine computes. */
const native = (space: Space): Space => ({ ...space, byteOrder: 'little' });

function mustKeepValues({ dtype: to, lossy }: SpecOf<'dtype'>, from: Dtype): void {
  checkSpace({ dtype: to });
  if (!isConvertible(from, to)) {
    refuse('bad-space', `Cannot use the transform "dtype": ${from} cannot become ${to}`, {
      from,
      to,
    });
  }
  if (lossy === true || isLossless(from, to)) return;
  refuseLoss('dtype', from, to);
}

function converting(before: Space, to: { dtype?: Dtype; byteOrder?: Space['byteOrder'] }): Run {
  const { dtype = before.dtype, byteOrder = before.byteOrder } = to;
  return (source, target) =>
    convertElements(
      { bytes: source, dtype: before.dtype, byteOrder: before.byteOrder },
      { bytes: target, dtype, byteOrder },
    );
}

function mustBePositive(kind: string, what: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 1) return;
  refuseTransform(kind, `${what} ${value} is not a whole number from 1 on`);
}

function shuffleStep(
  { kind, itemSize }: SpecOf<'shuffle' | 'unshuffle'>,
  before: Space,
  step: MakeStep,
): Step {
  mustBeItem(kind, itemSize);
  const run = kind === 'shuffle' ? shuffle : unshuffle;
  return step('whole', before, (source, target) => run(source, target, itemSize));
}

/** A loop over all bytes of an item takes as long as it is large, whatever there is to move. */
function mustBeItem(kind: string, itemSize: number): void {
  mustBePositive(kind, 'itemSize', itemSize);
  const { itemBytesMax } = LIMITS;
  if (itemSize <= itemBytesMax) return;
  refuseTransform(kind, `items have at most ${itemBytesMax} bytes, not ${itemSize}`);
}

/** Shape and steps in the order of memory, the last axis fastest. */
function alongMemory(
  kind: string,
  { shape, order }: Space,
  by: readonly number[],
): [readonly number[], readonly number[]] {
  mustFitAxes(kind, { shape }, by);
  return order === 'row' ? [shape, by] : [shape.toReversed(), by.toReversed()];
}

/** One for each axis, from 1 on. */
function mustFitAxes(kind: string, { shape }: Pick<Space, 'shape'>, by: readonly number[]): void {
  if (by.length !== shape.length) {
    refuseTransform(kind, `${by.length} numbers are given for ${shape.length} dimensions`);
  }
  for (const each of by) mustBePositive(kind, 'a step of', each);
}

function reorder(
  before: Space,
  { order }: SpecOf<'order'>,
  source: Uint8Array,
  target: Uint8Array,
): void {
  const axes = before.shape.map((_, at) => at);
  const to = { bytes: target, order };
  copyPermuted({ bytes: source, ...before }, to, axes, itemSizeOf(before.dtype));
}

function transposeStep({ axes }: SpecOf<'transpose'>, before: Space, step: MakeStep): Step {
  const { shape, order } = before;
  const reversed = shape.map((_, at) => shape.length - 1 - at);
  const wanted = axes ?? reversed;
  const isPermutation = wanted
    .toSorted((one, other) => one - other)
    .every((axis, at) => axis === at);
  if (wanted.length !== shape.length || !isPermutation) {
    refuseTransform('transpose', `[${wanted.join(', ')}] are not the axes of the array`);
  }
  const after = { ...before, shape: wanted.map((axis) => shape[axis] as number) };
  // All axes the other way round is the same memory in the other order.
  if (wanted.join() === reversed.join()) {
    return step('renamed', { ...after, order: order === 'row' ? 'column' : 'row' }, never);
  }
  const itemSize = itemSizeOf(before.dtype);
  return step('whole', after, (source, target) =>
    copyPermuted({ bytes: source, ...before }, { bytes: target, order }, wanted, itemSize),
  );
}

function scaleStep(spec: SpecOf<'scale'>, before: Space, step: MakeStep): Step {
  mustBeReal('scale', before);
  const { scale = 1, offset = 0, fill = [], range = [] } = spec;
  const [low = Number.NEGATIVE_INFINITY, high = Number.POSITIVE_INFINITY] = range;
  const fills = typeof fill === 'number' ? [fill] : fill;
  // NaN is none already, and equal to nothing.
  const missing = { fill: fills.filter((each) => !Number.isNaN(each)), low, high };
  const after = { ...native(before), dtype: spec.dtype ?? resultType(before.dtype) };
  return step('elements', after, (source, target) => {
    const numbers = numbersOf(source, before);
    writeNumbers(target, after, (to) => unpack(numbers, to, { scale, offset }, missing));
  });
}

/** The least and the greatest integer of a type. */
function limitsOf(dtype: Dtype): readonly [low: number, high: number] {
  const bits = itemSizeOf(dtype) * 8;
  return dtype.startsWith('u') ? [0, 2 ** bits - 1] : [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
}

function packStep(spec: SpecOf<'pack'>, before: Space, step: MakeStep): Step {
  mustBeReal('pack', before);
  const { scale = 1, offset = 0, dtype, fill = null, lossy = false } = spec;
  if (scale === 0) refuseTransform('pack', 'a scale of 0 cannot be undone');
  if (!isInteger(dtype) || itemSizeOf(dtype) > 4) {
    refuseTransform('pack', `${dtype} is no integer of up to 32 bits`);
  }
  const [low, high] = limitsOf(dtype);
  if (fill !== null && !(fill >= low && fill <= high)) {
    refuseTransform('pack', `the fill value ${fill} is no ${dtype}`);
  }
  const after = { ...native(before), dtype };
  const how = { scale, offset, fill, low, high, clamp: lossy };
  return step('elements', after, (source, target) => {
    const numbers = numbersOf(source, before);
    let failed = -1;
    writeNumbers(target, after, (to) => {
      failed = pack(numbers, to, how);
    });
    if (failed < 0) return;
    refuseLoss('pack', String(numbers[failed]), dtype);
  });
}

function refuseLoss(kind: string, from: string, to: Dtype): never {
  const why =
    kind === 'pack'
      ? `${from} does not fit into ${to}`
      : `not all values of ${from} are values of it`;
  return refuse('lossy-conversion', `Cannot use the transform "${kind}" to ${to}: ${why}`, {
    from,
    to,
  });
}

function unitsStep(spec: SpecOf<'units'>, before: Space, step: MakeStep): Step {
  mustBeReal('units', before);
  const { factor, offset } = conversion(spec.from, spec.to, spec.density);
  const after = { ...native(before), dtype: resultType(before.dtype) };
  const missing = { fill: [], low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };
  return step('elements', after, (source, target) => {
    const numbers = numbersOf(source, before);
    writeNumbers(target, after, (to) => unpack(numbers, to, { scale: factor, offset }, missing));
  });
}

function fieldStep({ name }: SpecOf<'field'>, before: Space, step: MakeStep): Step {
  const form = formOf(before.dtype);
  const fields = form.kind === 'struct' ? form.fields : [];
  const field = fields.find((each) => each.name === name);
  if (field === undefined) {
    return refuseTransform('field', `${before.dtype} has no field "${name}"`, { field: name });
  }
  const after = { ...before, dtype: textOf(field.form) };
  return step('elements', after, (source, target) => takeColumn(source, form, field, target));
}

function structStep(spec: SpecOf<'soa' | 'aos'>, before: Space, step: MakeStep): Step {
  const { kind, fields } = spec;
  const { shape, dtype } = before;
  const itemSize = shape[shape.length - 1] ?? 0;
  if (itemSizeOf(dtype) !== 1 || itemSize < 1 || fields.length === 0) {
    refuseTransform(kind, 'it takes bytes, the last dimension of which is an item of fields');
  }
  let end = 0;
  for (const { offset, size } of fields) {
    mustBePositive(kind, 'a field of size', size);
    if (offset < end || offset + size > itemSize) {
      refuseTransform(kind, `the field at ${offset} overlaps another one, or the end of an item`);
    }
    end = offset + size;
  }
  const used = fields.reduce((sum, { size }) => sum + size, 0);
  if (used !== itemSize) refuseTransform(kind, `fields of ${used} bytes leave some of ${itemSize}`);
  const run = kind === 'soa' ? toArrays : toStructs;
  return step('whole', before, (source, target) => run(source, target, fields, itemSize));
}

function bitroundStep(spec: SpecOf<'bitround'>, before: Space, step: MakeStep): Step {
  const { dtype } = before;
  if (dtype !== 'float32' && dtype !== 'float64') {
    refuseTransform('bitround', `elements of type ${dtype} are not float32 or float64`);
  }
  const { bits, absolute, relative } = spec;
  const given = [bits, absolute, relative].filter((each) => each !== undefined);
  const [value = 0] = given;
  if (given.length !== 1 || value < 0) {
    refuseTransform('bitround', 'one of bits, absolute and relative is given, from 0 on');
  }
  const size = dtype === 'float32' ? 4 : 8;
  const after = native(before);
  const toNative = converting(before, after);
  return step('elements', after, (source, target) => {
    toNative(source, target);
    if (target.byteOffset % 4 === 0) return bitround(target, size, spec);
    const own = target.slice();
    bitround(own, size, spec);
    target.set(own);
  });
}

function expressionStep(spec: SpecOf<'expression'>, before: Space, step: MakeStep): Step {
  mustBeReal('expression', before);
  const { root } = parseExpression(spec.text, ['x']);
  const dtype = spec.dtype ?? (typeOf(root) === 'truth' ? 'bool' : resultType(before.dtype));
  if (!isNumeric(dtype)) refuseTransform('expression', `numbers cannot become ${dtype}`, { dtype });
  const after = { ...native(before), dtype };
  return step('elements', after, (source, target) => {
    const inputs = new Map([['x', numbersOf(source, before)]]);
    writeNumbers(target, after, (to) => evaluate(root, inputs, to));
  });
}
