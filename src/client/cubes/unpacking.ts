import { AttaccaError } from '../../core/errors.js';
import type { Space } from '../../core/space.js';
import { Float, type Value } from '../../core/value.js';
import { planChain } from '../../transforms/chain.js';
import { mustBeChain } from '../../transforms/check.js';
import type { TransformSpec } from '../../transforms/spec.js';
import type { Attributes } from '../options.js';
import { PACKING } from './agreeing.js';
import { ownOf } from './definition.js';

/** What is done with the elements of each object before they stand side by side. */
export interface Transforming {
  /**
   * Makes values of packed numbers first, as the CF conventions have it, by the attributes of each
   * object: x `scale_factor` + `add_offset`, and NaN for `_FillValue` and `missing_value`. Objects
   * that are packed otherwise are then no misfits.
   */
  readonly unpack?: boolean | undefined;
  /** As those of any demand, if they go by elements: shapes and orders stay. */
  readonly transforms?: readonly TransformSpec[] | undefined;
}

const REAL = /^(?:u?int|float)\d+$/u;

/** The chain for an object. `bad-attribute` where it does not say how it is packed. */
export function chainFor(
  { unpack = false, transforms = [] }: Transforming,
  name: string,
  { dtype }: Space,
  attributes: Attributes,
): readonly TransformSpec[] {
  mustBeChain(transforms);
  return unpack && REAL.test(dtype)
    ? [packingOf(name, dtype, attributes), ...transforms]
    : transforms;
}

function packingOf(name: string, dtype: string, attributes: Attributes): TransformSpec {
  const numberAt = (key: string, otherwise: number): number => {
    const value = ownOf(attributes, key);
    const number = value === undefined ? otherwise : numberOf(value);
    if (number !== null) return number;
    const why = `its "${key}" is no number`;
    throw new AttaccaError('bad-attribute', `Cannot unpack "${name}": ${why}`, { name, key });
  };
  const fills = ['_FillValue', 'missing_value'].flatMap((key) => {
    const value = ownOf(attributes, key);
    const all = (Array.isArray(value) ? value : [value]) as readonly (Value | undefined)[];
    return all.map((each) => (each === undefined ? null : numberOf(each)));
  });
  const fill = fills.filter((each) => each !== null);
  // As the elements have it, whatever digits an attribute has.
  if (dtype === 'float32') fill.push(...fill.map(Math.fround));
  const scale = numberAt('scale_factor', 1);
  return { kind: 'scale', scale, offset: numberAt('add_offset', 0), fill };
}

function numberOf(value: Value): number | null {
  if (value instanceof Float) return value.value;
  return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : null;
}

/** What elements become. `bad-transform` where a transform goes by more than them. */
export function transformedSpace(chain: readonly TransformSpec[], given: Space): Space {
  const { steps, space } = planChain(chain, given);
  const other = steps.find(({ how }) => how !== 'elements');
  if (other === undefined && space !== null) return space;
  const why = 'of cubes single elements are transformed; do that with what was demanded';
  const { kind } = other?.spec ?? { kind: 'chain' };
  throw new AttaccaError('bad-transform', `Cannot use the transform "${kind}": ${why}`, { kind });
}

/** What is still true of elements that were transformed. */
export function keptOf(
  { unpack = false, transforms = [] }: Transforming,
  attributes: Attributes,
): Attributes {
  const kept = new Map(Object.entries(attributes));
  const isRepacked = transforms.some(({ kind }) => kind === 'scale' || kind === 'pack');
  if (unpack || isRepacked) for (const key of PACKING) kept.delete(key);
  for (const spec of transforms) {
    if (spec.kind === 'units') kept.set('units', spec.to);
    if (spec.kind === 'expression') kept.delete('units');
  }
  return Object.fromEntries(kept);
}
